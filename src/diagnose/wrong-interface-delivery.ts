import type { Host, Link, Rule } from '../context/host.ts';
import { lookUp, type RouteDecision } from '../context/lookup.ts';
import { familyOf } from '../context/prefix.ts';
import { reversePath } from '../context/reverse-path.ts';
import { isIpv6Text } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import type { Misdelivery } from '../track/deliveries.ts';
import { fluxRemedies } from './arp-flux.ts';
import { wayText } from './host-choice.ts';
import { filterRulesAt } from './host-filter.ts';
import type { Draft, FindingKind, Remedy, Severity } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { isExpectedDown, misdelivered } from './misdelivery.ts';
import { nameOfCard } from './one-machine.ts';
import { count, interfaceName, macOrNull, object } from './schemas.ts';
import { countText, FrameText, frameText, listText } from './text.ts';

interface Place {
  interface: { index: number; name: string | null } | null;
  mac: string | null;
}

export interface DeliveryDetails {
  expected: Place;
  actual: Place;
  packets: number;
}

const place = object({ interface: interfaceName, mac: macOrNull });

export const wrongInterfaceDelivery: FindingKind<DeliveryDetails> = {
  kind: 'wrong-interface-delivery',
  brief: 'frames for an address arrive at another card of its host',
  severity: 'error',
  subject: ['ip'],
  details: object({ expected: place, actual: place, packets: count }),
  means:
    'A host has several cards in one network, and frames for the address of one card arrive at another one: neighbours have its MAC in their ARP caches. Linux takes them all the same, but ' +
    'everything that looks at the interface does not match: rules with `iif`, marks and filters of nftables and iptables, reverse path filtering. What should go into a VPN, or to the right uplink, ' +
    'is routed by the main table instead.',
  provenBy: [
    'The host says which card has which address (`--context`); a frame for the address comes in by another card that has an address of the same network, or is sent to its MAC. The packets do not arrive ' +
      'at the right card too.',
  ],
  seenFrom: [
    'The host itself with `-i any` (LINUX_SLL2), with its context.',
    'Any place on the segment, the client too, by the destination MAC (Ethernet), with the context of the host.',
    'Without a context nothing says which card has an address: arp-flux tells what the packets show.',
  ],
  looksLike: [
    'An address of another subnet, reached through the near card: a router’s usual work.',
    'A bridge and its ports, a bond and its members, a VLAN or macvlan and its card: one way.',
    'Frames to the MAC from which an address just moved away (failover).',
    'An address on lo, or one that comes through a tunnel: no card has it.',
  ],
  remedies: [
    {
      text: 'Answer ARP only on the card that has the address, and ask with an address of the card; then let the neighbours forget (IFACE: their card)',
      commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2', 'ip neigh flush dev IFACE'],
    },
    {
      text: 'Or let rules look at something else than the interface: the sender, the destination, a mark (SUBNET, TABLE)',
      commands: ['ip rule add from SUBNET lookup TABLE'],
    },
  ],
  references: ['RFC 1122 section 3.3.4.2', 'Linux ip-sysctl: arp_ignore, arp_announce, rp_filter', 'ip-rule(8): iif'],
};

/** All addresses whose frames arrive at another interface of their host. */
export function* judgeDeliveries(knowledge: Knowledge): Generator<{ misdelivery: Misdelivery; draft: Draft<DeliveryDetails> }> {
  for (const misdelivery of misdelivered(knowledge).values()) yield { misdelivery, draft: draft(misdelivery, knowledge) };
}

function draft(misdelivery: Misdelivery, knowledge: Knowledge): Draft<DeliveryDetails> {
  const { host, ip, expected, actual, packets, evidence, through } = misdelivery;
  if (through) evidence.add('through', through.stamp);
  return {
    subject: { ip },
    path: 0,
    severity: severityOf(misdelivery),
    confidence: 'certain',
    title: `${countText(packets, 'packet')} for ${ip}, an address of ${expected.name}, ${packets === 1 ? 'arrives' : 'arrive'} at ${actual.name} of ${host.name}`,
    details: { expected: placeOf(expected), actual: placeOf(actual), packets },
    count: packets,
    evidence,
    because: [...arrival(misdelivery), ...arpWinner(misdelivery, knowledge), ...interfaceRules(misdelivery), ...reverse(misdelivery)],
    ruledOut: [
      `An address of another subnet, reached through the near card: ${actual.name} has an address of the network of ${ip} too.`,
      `One way seen twice (a bridge and its port, a VLAN and its card, a bond): ${expected.name} and ${actual.name} do not lie on one another, and the packets do not arrive at ${expected.name} too.`,
      'A failover: the address did not move from one MAC to the other within the last two minutes.',
    ],
    remedies: remediesOf(misdelivery),
  };
}

/** With the right card down, the wrong one keeps the address in reach; it is a fault only where something looks at the interface. */
function severityOf(misdelivery: Misdelivery): Severity {
  if (!isExpectedDown(misdelivery)) return 'error';
  const { host, expected } = misdelivery;
  return rulesAt(host, expected, misdelivery.ip).length > 0 || filterRulesAt(host, expected.name).rules.length > 0 ? 'warning' : 'notice';
}

const placeOf = (link: Link): Place => ({ interface: nameOfCard(link), mac: link.mac > 0 ? macText(link.mac) : null });

function arrival({ host, ip, expected, actual, packets, isAtHost, first, senders }: Misdelivery): string[] {
  const from = `from ${senders[0] ?? 'a neighbour'}, is for ${ip}`;
  const comes = isAtHost
    ? `${FrameText(first)}, ${from}, and comes in by ${actual.name}.`
    : `${FrameText(first)}, ${from}, and is sent to ${macText(actual.mac)}, the MAC of ${actual.name} of ${host.name}.`;
  const when = host.time === null ? '' : ` (${host.time})`;
  const others = senders.length > 1 ? `; they come from ${listText(senders)}` : '';
  return [
    comes,
    `By the context${when}, ${ip} is an address of ${expected.name} (${macText(expected.mac)}), not of ${actual.name} (${macText(actual.mac)})${isExpectedDown({ expected }) ? `; ${expected.name} is down` : ''}.`,
    `${countText(packets, 'packet')} ${packets === 1 ? 'arrives' : 'arrive'} so${others}.`,
  ];
}

/** Why the neighbours send there: whose answer they keep. */
function arpWinner({ ip, expected, actual }: Misdelivery, { neighbourhood }: Knowledge): string[] {
  for (const address of neighbourhood.list) {
    const wrong = address.ip === ip ? address.claims.get(actual.mac) : undefined;
    if (!wrong || wrong.answers === 0) continue;
    const right = address.claims.get(expected.mac);
    const answer = wrong.firstAnswer ? ` (${frameText(wrong.firstAnswer)})` : '';
    const firsts = wrong.firstAnswers + (right?.firstAnswers ?? 0);
    const first = `${actual.name} comes first in ${wrong.firstAnswers} of ${countText(firsts, 'question')}`;
    return [
      right && right.answers > 0
        ? `${actual.name} answers ARP for ${ip} too${answer}, and ${first}: who keeps the first answer sends to ${actual.name}.`
        : `${actual.name} answers ARP for ${ip}${answer}, and ${expected.name} does not: neighbours send to ${actual.name}.`,
    ];
  }
  const asked = neighbourhood.list.some(
    (address) => [...(address.askedWith?.get(actual.mac)?.targets ?? [])].length > 0 && address.ip === ip,
  );
  return asked ? [`${actual.name} asks by ARP with ${ip} as its own address: whoever is asked then sends to ${actual.name}.`] : [];
}

/** Rules of the host for what comes in by the right interface: they do not see what comes in by the wrong one. */
const rulesAt = ({ rules }: Host, { name }: Link, ip: string): Rule[] =>
  (rules ?? []).filter((rule) => rule.family === familyOf(ip) && rule.in === name);

function interfaceRules(misdelivery: Misdelivery): string[] {
  const { host, ip, expected, actual } = misdelivery;
  const rules = rulesAt(host, expected, ip);
  const { rules: filters, isRead } = filterRulesAt(host, expected.name);
  const filter =
    filters.length === 0
      ? []
      : [`The packet filter of ${host.name} looks for ${expected.name} too: ${listText(filters)}. That does not match either.`];
  if (host.rules === undefined)
    return [`The rules of ${host.name} were not read; those that look for ${expected.name} (\`iif\`) do not match.`, ...filter];
  if (rules.length > 0) {
    const are = rules.length === 1 ? 'is' : 'are';
    const which = `${rules.length === 1 ? 'The rule' : 'The rules'} ${listText(rules.map(({ text }) => `\`${text}\``))}`;
    return [
      `${which} of ${host.name} ${are} for what comes in by ${expected.name}: what comes in by ${actual.name} does not match.`,
      ...throughSentences(misdelivery, rules),
      ...filter,
    ];
  }
  if (filter.length > 0) return filter;
  return [
    isRead
      ? `No rule of ${host.name} looks for ${expected.name}, neither in routing (\`iif\`) nor in its packet filter.`
      : `No routing rule of ${host.name} looks for ${expected.name} (\`iif\`); its packet filter (\`iifname\`, \`-i\`) was not read.`,
  ];
}

/** What the tables do with a packet of these senders that goes through the host, and would do had it come in rightly. */
function throughSentences({ host, expected, actual, through, ip, senders }: Misdelivery, rules: readonly Rule[]): string[] {
  if (!host.routes) return [];
  if (!through) {
    const tables = [...new Set(rules.filter(({ action }) => action === 'table').map(({ table }) => host.tableName(table)))];
    if (tables.length === 0) return [];
    return [
      `What ${senders[0] ?? 'a neighbour'} sends to others by ${ip} comes in by ${actual.name} too, and is not routed by table ${listText(tables)}.`,
    ];
  }
  const { source, destination, stamp } = through;
  const as = (name: string): RouteDecision => lookUp(host, { source, destination, in: name });
  const [wrong, right] = [as(actual.name), as(expected.name)];
  if (textOf(wrong) === textOf(right)) return [];
  return [
    `${FrameText(stamp)}, from ${source} to ${destination}, comes in by ${actual.name} too: the rule \`${wrong.rule?.text ?? 'none'}\` decides, ${textOf(wrong)}. Had it come in by ${expected.name}, \`${right.rule?.text ?? 'none'}\` would: ${textOf(right)}.`,
  ];
}

/** `out by wan1 via 198.51.100.1`. */
function textOf({ outcome, nextHops }: RouteDecision): string {
  if (outcome !== 'unicast') return outcome;
  return `out ${listText(nextHops.map((hop) => wayText(hop, null)))}`;
}

/** Whether rp_filter lets it in. */
function reverse({ host, ip, actual, senders }: Misdelivery): string[] {
  const [sender] = senders;
  if (isIpv6Text(ip) || sender === undefined) return [];
  const { rpFilter, verdict, devices } = reversePath(host, { destination: ip, source: sender, in: actual.name });
  if (rpFilter === undefined || verdict === 'unknown' || verdict === 'martian') return [];
  const back = devices.length === 0 ? `there is no way back to ${sender}` : `the way back to ${sender} is by ${listText(devices)}`;
  if (verdict === 'filtered')
    return [
      `rp_filter at ${actual.name} is ${rpFilter} (what counts of all and the card), and ${back}: the kernel drops these packets without a word.`,
    ];
  if (devices.length === 0 || devices.includes(actual.name)) return [];
  return [
    `rp_filter at ${actual.name} is ${rpFilter} (what counts of all and the card): they are let in, though ${back}. With 1 they would be dropped.`,
  ];
}

function remediesOf(misdelivery: Misdelivery): Remedy[] {
  const { host, ip, expected, actual } = misdelivery;
  if (isExpectedDown(misdelivery))
    return [
      {
        text: `Bring ${expected.name} up again, or take ${ip} off it where the address shall not be reached`,
        commands: [`ip link set ${expected.name} up`, `ip addr show dev ${expected.name}`],
      },
    ];
  if (isIpv6Text(ip)) return wrongInterfaceDelivery.remedies.slice(1);
  const general = wrongInterfaceDelivery.remedies[1];
  return [...fluxRemedies(host, [actual, expected], ip), ...(general && rulesAt(host, expected, ip).length > 0 ? [general] : [])];
}
