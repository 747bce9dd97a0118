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
import type { Confidence, Draft, FindingKind, Remedy, Severity } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { claimOf, isByGatewayAlone, isExpectedDown, misdelivered, packetsOf } from './misdelivery.ts';
import { nameOfCard } from './one-machine.ts';
import { count, interfaceName, macOrNull, object } from './schemas.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';
import { ipCommand } from './uplink-rule.ts';

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
    'Where nothing is for the address itself: neighbours asked by ARP for this address of the host alone, got an answer of the other card, and what they send through the host arrives there (likely).',
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
  const { host, ip, expected, actual, asGateway } = misdelivery;
  const isGateway = isByGatewayAlone(misdelivery);
  const packets = packetsOf(misdelivery);
  const confidence: Confidence = isGateway ? 'likely' : 'certain';
  const evidence = isGateway && asGateway ? asGateway.evidence : misdelivery.evidence;
  const through = asGateway ? asGateway.first : misdelivery.through?.stamp;
  if (through) evidence.add('through', through);
  const what = isGateway ? `whose gateway is ${hedge(confidence)}${ip}` : `for ${ip}`;
  return {
    subject: { ip },
    path: 0,
    severity: severityOf(misdelivery),
    confidence,
    title: `${countText(packets, 'packet')} ${what}, an address of ${expected.name}, ${packets === 1 ? 'arrives' : 'arrive'} at ${actual.name} of ${host.name}`,
    details: { expected: placeOf(expected), actual: placeOf(actual), packets },
    count: packets,
    evidence,
    because: [
      ...(isGateway ? [] : arrival(misdelivery)),
      ...gatewaySentences(misdelivery),
      owner(misdelivery, knowledge),
      ...arpWinner(misdelivery, knowledge),
      ...interfaceRules(misdelivery),
      ...reverse(misdelivery),
    ],
    ruledOut: [
      `An address of another subnet, reached through the near card: ${actual.name} has an address of the network of ${ip} too.`,
      `One way seen twice (a bridge and its port, a VLAN and its card, a bond): ${expected.name} and ${actual.name} do not lie on one another${isGateway ? '' : `, and the packets do not arrive at ${expected.name} too`}.`,
      'A failover: the address did not move from one MAC to the other within the last two minutes.',
      ...(isGateway
        ? [
            `Another address of ${host.name} as their gateway: by ARP they know no other one (one learned before the capture began remains possible).`,
          ]
        : []),
    ],
    remedies: [...remediesOf(misdelivery, knowledge), ...(isGateway ? [nextHopOf(misdelivery)] : [])],
  };
}

/** What a neighbour's own route says. */
const nextHopOf = ({ ip, senders, through }: Misdelivery): Remedy => ({
  text: `To be certain, look at a neighbour (${listText(senders)}) which gateway it uses: ${ip}`,
  commands: [`${ipCommand(ip)} route get ${through?.destination ?? 'DESTINATION'}`],
});

/** With the right card down, the wrong one keeps the address in reach; it is a fault only where something looks at the interface. */
function severityOf(misdelivery: Misdelivery): Severity {
  if (!isExpectedDown(misdelivery)) return 'error';
  const { host, expected } = misdelivery;
  return rulesAt(host, expected, misdelivery.ip).length > 0 || filterRulesAt(host, expected.name).rules.length > 0 ? 'warning' : 'notice';
}

const placeOf = (link: Link): Place => ({ interface: nameOfCard(link), mac: link.mac > 0 ? macText(link.mac) : null });

function arrival({ host, ip, actual, packets, isAtHost, first, senders }: Misdelivery): string[] {
  const from = `${FrameText(first)} from ${senders[0] ?? 'a neighbour'} is for ${ip}`;
  const others = senders.length > 1 ? `; they come from ${listText(senders)}` : '';
  return [
    `${from} and ${placeText({ isAtHost, host, actual })}.`,
    `${countText(packets, 'packet')} ${packets === 1 ? 'arrives' : 'arrive'} so${others}.`,
  ];
}

const placeText = ({ isAtHost, host, actual }: Pick<Misdelivery, 'isAtHost' | 'host' | 'actual'>): string =>
  isAtHost ? `comes in by ${actual.name}` : `is sent to ${macText(actual.mac)}, the MAC of ${actual.name} of ${host.name}`;

/** Whether the context knows the host; else the capture itself says which interface has which address. */
const isOfContext = (host: Host, { context }: Knowledge): boolean => context.hosts.includes(host);

function owner({ host, ip, expected, actual }: Misdelivery, knowledge: Knowledge): string {
  const when = host.time === null ? '' : ` (${host.time})`;
  const by = isOfContext(host, knowledge) ? `By the context${when}` : 'By what the capture says of its interfaces';
  return `${by}, ${ip} is an address of ${expected.name} (${macText(expected.mac)}), not of ${actual.name} (${macText(actual.mac)})${isExpectedDown({ expected }) ? `; ${expected.name} is down` : ''}.`;
}

/** What neighbours send through the host, who know this address alone. */
function gatewaySentences({ host, actual, ip, asGateway }: Misdelivery): string[] {
  if (!asGateway) return [];
  const { clients, first, source, destination, packets, isAtHost } = asGateway;
  const isOne = clients.length === 1;
  const where = isAtHost ? `comes in by ${actual.name}` : `is sent to ${macText(actual.mac)}, the MAC of ${actual.name}`;
  return [
    `${listText(clients)} ${isOne ? 'asks' : 'ask'} by ARP for ${ip}, and for no other address of ${host.name}: that is ${isOne ? 'its' : 'their'} gateway, as far as the capture shows.`,
    `What ${isOne ? 'it sends' : 'they send'} through ${host.name} ${where} (${countText(packets, 'packet')}): first ${frameText(first)}, from ${source} to ${destination}.`,
  ];
}

/** Why the neighbours send there: whose answer they keep. */
function arpWinner(misdelivery: Misdelivery, knowledge: Knowledge): string[] {
  const { ip, expected, actual } = misdelivery;
  const { neighbourhood } = knowledge;
  const wrong = claimOf(misdelivery, knowledge);
  if (wrong) {
    const right = claimOf({ ip, actual: expected }, knowledge);
    const answer = wrong.firstAnswer ? ` (${frameText(wrong.firstAnswer)})` : '';
    const firsts = wrong.firstAnswers + (right?.firstAnswers ?? 0);
    return [
      right
        ? `${actual.name} answers ARP for ${ip} too${answer}, and comes first in ${wrong.firstAnswers} of ${countText(firsts, 'question')}: who keeps the first answer sends to ${actual.name}.`
        : `${actual.name} answers ARP for ${ip}${answer}, and ${expected.name} does not: neighbours send to ${actual.name}.`,
    ];
  }
  const asks = neighbourhood.list.some((address) => address.ip === ip && (address.askedWith?.get(actual.mac)?.targets.length ?? 0) > 0);
  return asks ? [`${actual.name} asks by ARP with ${ip} as its own address: whoever is asked then sends to ${actual.name}.`] : [];
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
function throughSentences({ host, expected, actual, through, asGateway, ip, senders }: Misdelivery, rules: readonly Rule[]): string[] {
  if (!host.routes) return [];
  if (!through) {
    const tables = [...new Set(rules.filter(({ action }) => action === 'table').map(({ table }) => host.tableName(table)))];
    if (tables.length === 0) return [];
    return [
      `What ${senders[0] ?? 'a neighbour'} sends to others by ${ip} comes in by ${actual.name} too, and is not routed by table ${listText(tables)}.`,
    ];
  }
  const { source, destination, stamp } = asGateway ? { ...asGateway, stamp: asGateway.first } : through;
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
function reverse(misdelivery: Misdelivery): string[] {
  const { host, ip, actual, senders, through } = misdelivery;
  const isGateway = isByGatewayAlone(misdelivery);
  const source = isGateway ? through?.source : senders[0];
  const destination = isGateway ? through?.destination : ip;
  if (isIpv6Text(ip) || source === undefined || destination === undefined) return [];
  const leavingBy = isGateway ? lookUp(host, { destination, source, in: actual.name }).nextHops[0]?.device : undefined;
  if (isGateway && !leavingBy) return [];
  const { rpFilter, verdict, devices } = reversePath(host, { destination, source, in: actual.name }, leavingBy ?? undefined);
  if (rpFilter === undefined || verdict === 'unknown' || verdict === 'martian') return [];
  const back = devices.length === 0 ? `there is no way back to ${source}` : `the way back to ${source} is by ${listText(devices)}`;
  const value = `rp_filter at ${actual.name} is ${rpFilter} (what counts of all and the card)`;
  if (verdict === 'filtered') return [`${value}, and ${back}: the kernel drops these packets without a word.`];
  if (devices.length === 0 || devices.includes(actual.name)) return [];
  return [`${value}: they are let in, though ${back}. With 1 they would be dropped.`];
}

function remediesOf(misdelivery: Misdelivery, knowledge: Knowledge): Remedy[] {
  const { host, ip, expected, actual } = misdelivery;
  if (isExpectedDown(misdelivery))
    return [
      {
        text: `Bring ${expected.name} up again, or take ${ip} off it where the address shall not be reached`,
        commands: [`ip link set ${expected.name} up`, `ip addr show dev ${expected.name}`],
      },
    ];
  if (isIpv6Text(ip)) return wrongInterfaceDelivery.remedies.slice(1);
  if (!isOfContext(host, knowledge)) return wrongInterfaceDelivery.remedies;
  const general = wrongInterfaceDelivery.remedies[1];
  return [...fluxRemedies(host, [actual, expected], ip), ...(general && rulesAt(host, expected, ip).length > 0 ? [general] : [])];
}
