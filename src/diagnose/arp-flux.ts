import { macText } from '../net/mac.ts';
import { durationText } from '../net/time.ts';
import type { EvidenceFrame } from '../track/evidence.ts';
import { type MacAnswers, type MultiAnswer, withMore } from './arp-answers.ts';
import type { Confidence, Draft, FindingKind } from './kind.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { capitalised, countText, frameText, hedge, listText } from './text.ts';

export interface ArpFluxDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

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
  remedies: [
    {
      text: 'Answer only on the card that has the address, and ask with an address of the card. The greater value of `all` and the card counts; keep it in /etc/sysctl.d/. Addresses that are kept on lo or a dummy are not answered for any more',
      commands: ['sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2'],
    },
    {
      text: 'Then let the clients forget what they learned (IFACE, ADDRESS: each card and its address), or announce it from the host (arping of iputils)',
      commands: ['ip neigh flush dev IFACE', 'arping -A -I IFACE -c 3 ADDRESS'],
    },
    {
      text:
        'The sysctls do not choose the card by which answers leave: where that matters, give each address a routing table of its own (TABLE, SUBNET, GATEWAY). ' +
        'arp_filter=1 without such rules makes one card mute instead',
      commands: [
        'ip rule add from ADDRESS lookup TABLE',
        'ip route add SUBNET dev IFACE src ADDRESS table TABLE',
        'ip route add default via GATEWAY dev IFACE table TABLE',
      ],
    },
  ],
  references: [
    'RFC 826',
    'RFC 1122 section 3.3.4.2',
    'Linux ip-sysctl: arp_ignore, arp_announce, arp_filter',
    'Linux net/ipv4/arp.c: arp_process',
  ],
};

/** One host that answers from several cards: seen on the host itself, or concluded from what the MACs have in common. */
export function judgeFlux(multi: MultiAnswer): Draft<ArpFluxDetails> | undefined {
  if (multi.virtual.length > 0) return undefined;
  return atHost(multi) ?? fromOutside(multi);
}

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
  const { isBlock, isSteady, isClose, kinship, rounds, shared } = multi;
  const isKin = kinship.crossings > 0 || kinship.names.length > 0;
  const isCertain = isBlock && (isKin || (isSteady && isClose && rounds >= CERTAIN_ROUNDS));
  const isLikely = isBlock ? isSteady || isClose : isKin && [...multi.ownAddresses.values()].every((ips) => ips.length === 0);
  if (!isCertain && !isLikely) return undefined;
  const because = [answeredTogether(multi)];
  if (isBlock) because.push(`Each of these MACs answers for the same ${shared.length} addresses: ${listText(shared)}, and for no other.`);
  if (isSteady) because.push(`In ${Math.round(multi.steadyShare * rounds)} of ${rounds} rounds the same MAC comes first.`);
  if (isClose)
    because.push(
      `The answers follow each other within ${durationText(multi.gapMost)} in all ${rounds} rounds: they come from one machine's handlers.`,
    );
  because.push(...kinshipSentences(multi));
  return draft(multi, isCertain ? 'certain' : 'likely', because);
}

const CERTAIN_ROUNDS = 10;

/** What was seen: the sentence that all kinds about double answers begin with. */
export function answeredTogether({ address, doubles, claims }: MultiAnswer): string {
  const names = listText(claims.map(({ mac }) => macText(mac)));
  const request = doubles.evidence.firstOf('request');
  const first = request ? ` (${doubles.exchanges === 1 ? '' : 'the first: '}${frameText(request)})` : '';
  return `${countText(doubles.exchanges, 'question')} for ${address.ip}${first} ${doubles.exchanges === 1 ? 'was' : 'were each'} answered by ${names}.`;
}

export function kinshipSentences({ kinship }: MultiAnswer): string[] {
  const sentences: string[] = [];
  const { request, answer, crossings, what, names } = kinship;
  if (crossings > 0 && request && answer) {
    sentences.push(
      `${capitalised(what)} (${frameText(request)}, ${frameText(answer)}) enter by one of the MACs and leave by another: they are one machine.`,
    );
  }
  if (names.length > 0) sentences.push(`Both MACs give the same name: ${listText(names)}.`);
  return sentences;
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
  const { address, claims, macs, winner, shared, doubles } = multi;
  const others = claims.slice(1).reduce((sum, { firstAnswers }) => sum + firstAnswers, 0);
  const firsts = (claims[0]?.firstAnswers ?? 0) + others;
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence,
    title: `${address.ip} is answered by ${macs.length} MACs ${hedge(confidence)}of one host; ${claims[0]?.firstAnswers ?? 0} of ${firsts} first answers come from ${winner}`,
    details: { macs, requests: address.requests, winner, sharedIps: shared.length > 0 ? shared : [address.ip] },
    count: doubles.exchanges,
    evidence: withMore(multi.evidence, kinshipFrames(multi)),
    because: [
      ...because,
      `Which card has ${address.ip} is not in the packets; a client that keeps the first answer sends its frames to ${winner}.`,
    ],
    ruledOut: [
      'VRRP, HSRP, CARP and GLBP: no virtual MAC answers, and no such router announces the address.',
      multi.doubles.atHost
        ? 'Two hosts with one address: both answers leave the same host.'
        : `Two hosts with one address: ${multi.isBlock ? 'no MAC answers for an address of its own' : 'the MACs are shown to be one machine'}.`,
      'Proxy ARP: the answers are of equal rank; neither MAC answers for many addresses of others.',
      'Bonding: several answers came to one request.',
    ],
  };
}
