import type { Host, Link } from '../context/host.ts';
import { commonPrefixLength, compareIps } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import type { EvidenceFrame } from '../track/evidence.ts';
import { type MacAnswers, type MultiAnswer, withMore } from './arp-answers.ts';
import { cardsRemedy } from './host-cards.ts';
import { sysctlNow, sysctlRemedy } from './host-sysctls.ts';
import type { Confidence, Draft, FindingKind, Remedy, Severity } from './kind.ts';
import { areOneCard, isNoCard, linksOfMac, nameOfCard, onenessOf, type Relation } from './one-machine.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { capitalised, countText, frameText, hedge, listText } from './text.ts';

export interface ArpFluxDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

const ANSWER_RIGHT = {
  text: 'Answer only on the card that has the address, and ask with an address of the card. The greater value of `all` and the card counts; keep it in /etc/sysctl.d/. Addresses that are kept on lo or a dummy are not answered for any more',
  commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2'],
};
const FORGET = {
  text: 'Then let the clients forget what they learned (IFACE, ADDRESS: each card and its address), or announce it from the host (arping of iputils)',
  commands: ['ip neigh flush dev IFACE', 'arping -A -I IFACE -c 3 ADDRESS'],
};
const SEPARATE = {
  text:
    'The sysctls do not choose the card by which answers leave: where that matters, give each address a routing table of its own (TABLE, SUBNET, GATEWAY). ' +
    'arp_filter=1 without such rules makes one card mute instead',
  commands: [
    'ip rule add from ADDRESS lookup TABLE',
    'ip route add SUBNET dev IFACE src ADDRESS table TABLE',
    'ip route add default via GATEWAY dev IFACE table TABLE',
  ],
};

export const arpFlux: FindingKind<ArpFluxDetails> = {
  kind: 'arp-flux',
  brief: 'one host answers for an address from several cards',
  severity: 'warning',
  subject: ['ip'],
  details: object({ macs: answers, requests: count, winner: mac, sharedIps: list(text) }),
  means:
    'A host with several network cards in one subnet answers ARP for each of its addresses from every card (the Linux default: an address belongs to the ' +
    'host, not to a card). Clients keep the answer that comes first, so frames for one card enter by another one, where policy routing, firewall rules and ' +
    'marks that look at the interface do not match them.',
  provenBy: [
    'At the host (`-i any`, LINUX_SLL2): two answers to one request leave by different interfaces with different MACs. Once is enough.',
    'From outside: several MACs answer one request, and each of them answers for the same two or more addresses; always in the same order, or within a ' +
      'millisecond of each other. Certain if something else shows one machine: a ping or a connection that enters by one MAC and leaves by the other, a ' +
      'common DHCP or LLDP name, or ten rounds that agree in order and distance.',
    'With the context: the MACs are interfaces of one host, or one MAC alone answers for an address that another card of its host has.',
  ],
  seenFrom: [
    'The host itself with `-i any`: both answers, with the interface of each.',
    'A client, or a tap on the segment: both answers and their order; not which card an address belongs to.',
    'One card of the host: only its own answers; the other card is invisible.',
  ],
  looksLike: [
    'Two hosts with one address (arp-duplicate-address): each answers for other addresses alone.',
    'VRRP, HSRP, CARP, GLBP: a virtual MAC answers, once for each request.',
    'Proxy ARP: one MAC answers for many addresses of others, and comes late.',
    'Bonding (balance-alb): different clients get different MACs, but each request one answer.',
    'ARP poisoning: the attacker answers for addresses that the other MAC does not answer for.',
  ],
  remedies: [ANSWER_RIGHT, FORGET, SEPARATE],
  references: [
    'RFC 826',
    'RFC 1122 section 3.3.4.2',
    'Linux ip-sysctl: arp_ignore, arp_announce, arp_filter',
    'Linux net/ipv4/arp.c: arp_process',
  ],
};

/**
 * One host that answers from several cards: seen on the host itself, concluded from what the MACs have in common, or known from the context.
 * @param isDelivered frames for the address are seen to arrive at the wrong card
 */
export function judgeFlux(multi: MultiAnswer, isDelivered: boolean): Draft<ArpFluxDetails> | undefined {
  if (multi.virtual.length > 0 || multi.relation?.isOne === false) return undefined;
  const found = atHost(multi) ?? fromOutside(multi);
  return found && isDelivered ? { ...found, severity: 'error', because: [...found.because, DELIVERED] } : found;
}

export const DELIVERED = 'Frames for it do arrive at the wrong card (wrong-interface-delivery).';

function atHost(multi: MultiAnswer): Draft<ArpFluxDetails> | undefined {
  const seen = multi.doubles.atHost;
  if (!seen) return undefined;
  const [first, second] = seen.replies;
  const names = seen.replies.map(({ interface: name, linkSource }) =>
    name ? `interface ${name.name ?? name.index}` : `MAC ${macText(linkSource)}`,
  );
  const areNumbers = seen.replies.some(({ interface: name }) => name?.name === null);
  return draft(multi, 'certain', [
    `${capitalised(frameText(seen.exchange.first))} asks for ${multi.address.ip}; both ${frameText(first.stamp)} and ${frameText(second.stamp)} answer it, with the MACs ` +
      `${macText(first.mac)} and ${macText(second.mac)}.`,
    `Both answers leave the capturing host itself, by ${names.join(' and ')}${areNumbers ? ' (numbers as in `ip link`)' : ''}: one host answers from two of its cards.`,
  ]);
}

function fromOutside(multi: MultiAnswer): Draft<ArpFluxDetails> | undefined {
  const oneness = onenessOf(multi);
  return oneness && draft(multi, oneness.confidence, [answeredTogether(multi), ...oneness.because]);
}

/** What was seen: the sentence that all kinds about double answers begin with. */
export function answeredTogether({ address, doubles, claims }: MultiAnswer): string {
  const names = listText(claims.map(({ mac }) => macText(mac)));
  const request = doubles.evidence.firstOf('request');
  const first = request ? ` (${doubles.exchanges === 1 ? '' : 'the first: '}${frameText(request)})` : '';
  return `${countText(doubles.exchanges, 'question')} for ${address.ip}${first} ${doubles.exchanges === 1 ? 'was' : 'were each'} answered by ${names}.`;
}

export function kinshipFrames({ kinship }: MultiAnswer): EvidenceFrame[] {
  const { request, answer } = kinship;
  return request && answer
    ? [
        { stamp: request, role: 'enters' },
        { stamp: answer, role: 'leaves' },
      ]
    : [];
}

function draft(multi: MultiAnswer, confidence: Confidence, because: string[]): Draft<ArpFluxDetails> {
  const { address, claims, macs, winner, shared, doubles, relation } = multi;
  const others = claims.slice(1).reduce((sum, { firstAnswers }) => sum + firstAnswers, 0);
  const firsts = (claims[0]?.firstAnswers ?? 0) + others;
  const of = relation?.isOne ? `one host, ${relation.host.name}` : 'one host';
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    ...severityOf(relation),
    confidence,
    title: `${address.ip} is answered by ${macs.length} MACs ${hedge(confidence)}of ${of}; ${claims[0]?.firstAnswers ?? 0} of ${firsts} first answers come from ${winner}`,
    details: { macs: namedMacs(multi), requests: address.requests, winner, sharedIps: shared.length > 0 ? shared : [address.ip] },
    count: doubles.exchanges,
    evidence: withMore(multi.evidence, kinshipFrames(multi)),
    because: [
      ...because,
      ...(relation?.isOne
        ? [...ownerSentences(multi, relation, firsts), ...settings(relation)]
        : [`Which card has ${address.ip} is not in the packets; a client that keeps the first answer sends its frames to ${winner}.`]),
    ],
    ruledOut: [
      'VRRP, HSRP, CARP and GLBP: no virtual MAC answers, and no such router announces the address.',
      multi.doubles.atHost
        ? 'Two hosts with one address: both answers leave the same host.'
        : `Two hosts with one address: ${reasonForOne(multi)}.`,
      ...(isOwnAddress(multi) ? ['Proxy ARP: the answers are of equal rank; neither MAC answers for many addresses of others.'] : []),
      'Bonding: several answers came to one request.',
    ],
    ...(relation?.isOne
      ? {
          remedies: fluxRemedies(
            relation.host,
            relation.cards.flatMap(({ link }) => link ?? []),
            address.ip,
          ),
        }
      : {}),
  };
}

/**
 * What to set on the host.
 * @param links those of its interfaces that answer, and the one that has the address
 */
export function fluxRemedies(host: Host, links: readonly Link[], ip: string): Remedy[] {
  const names = [...new Set(links.map(({ name }) => name))].sort();
  const addresses = addressesBeside(links, ip);
  return [
    sysctlRemedy(host, names, { arp_ignore: 1, arp_announce: 2 }, ANSWER_RIGHT, ['arp_filter', 'rp_filter', 'proxy_arp']),
    {
      text: `Then let the clients forget what they learned (IFACE: their card), or announce it from ${host.name} (arping of iputils)`,
      commands: ['ip neigh flush dev IFACE', ...addresses.map(({ own, link }) => `arping -A -I ${link} -c 3 ${own}`)],
    },
    cardsRemedy(
      host,
      addresses.map(({ own }) => own),
      SEPARATE,
    ),
  ];
}

/** The addresses of these cards in the network of `ip`. */
const addressesBeside = (links: readonly Link[], ip: string): { own: string; link: string }[] =>
  [...new Set(links)]
    .flatMap(({ name, addresses }) =>
      addresses.filter((each) => commonPrefixLength(each.ip, ip) >= each.prefixLength).map((each) => ({ own: each.ip, link: name })),
    )
    .sort((a, b) => compareIps(a.own, b.own));

function reasonForOne({ relation, isBlock }: MultiAnswer): string {
  if (relation?.isOne) return `the context has ${relation.cards.length === 2 ? 'both' : 'all'} MACs at one host`;
  return isBlock ? 'no MAC answers for an address of its own' : 'the MACs are shown to be one machine';
}

/** As far as is known. */
const isOwnAddress = ({ relation, address }: MultiAnswer): boolean => !relation || relation.host.linksWith(address.ip).length > 0;

/** Where all of them are one card (macvlan and its parent), frames arrive there anyway. */
const severityOf = (relation: Relation | undefined): { severity?: Severity } =>
  relation?.isOne && areOneCard(relation) ? { severity: 'notice' } : {};

/** With the interfaces' names at their host, where the context knows them. */
const namedMacs = ({ macs, relation }: MultiAnswer): MacAnswers[] =>
  macs.map((each) => {
    const link = relation?.cards.find(({ mac: of }) => macText(of) === each.mac)?.link;
    return { ...each, interface: (link && nameOfCard(link)) ?? each.interface };
  });

/** What makes each card answer. */
const settings = ({ host, cards }: Relation): string[] =>
  sysctlNow(
    host,
    cards.flatMap(({ link }) => link?.name ?? []),
    ['arp_ignore'],
  );

/** Which card has the address, and where frames for it go. */
function ownerSentences({ address: { ip }, claims }: MultiAnswer, { host, cards }: Relation, firsts: number): string[] {
  const having = host.linksWith(ip);
  const winning = claims[0];
  const winner = cards.find(({ mac: of }) => of === winning?.mac)?.link;
  if (!winning || !winner) return [];
  const comes = `${winner.name} comes first in ${winning.firstAnswers} of ${countText(firsts, 'question')}`;
  const card = having.find((link) => !isNoCard(link));
  if (having.length === 0)
    return [`${host.name} has ${ip} on no interface: it answers for another machine (proxy ARP), from several cards; ${comes}.`];
  if (!card) return [`${host.name} has ${ip} on ${listText(having.map(({ name }) => name))}, which is no card; ${comes}.`];
  const isRight = linksOfMac(host, winning.mac).some(({ name }) => name === card.name);
  return [
    isRight
      ? `${ip} is an address of ${card.name}. ${comes}: with a client that keeps the first answer, frames arrive rightly as long as it does.`
      : `${ip} is an address of ${card.name}, but ${comes}: a client that keeps the first answer sends its frames to ${winner.name}.`,
    ...(areOneCard({ host, cards })
      ? [`They lie on one card, so frames come in by the same wire; what looks at the interface still sees another one.`]
      : []),
  ];
}
