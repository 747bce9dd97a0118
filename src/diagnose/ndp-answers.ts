import { macText } from '../net/mac.ts';
import type { AddressConflict } from '../track/ndp.ts';
import type { MacAnswers, MultiAnswer } from './arp-answers.ts';
import { answeredTogether } from './arp-flux.ts';
import type { Draft, FindingKind } from './kind.ts';
import { answers, count, list, mac, object, text, truth } from './schemas.ts';
import { countText, frameText, listText } from './text.ts';

export interface NdpMultiMacDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

export const ndpMultiMacAnswer: FindingKind<NdpMultiMacDetails> = {
  kind: 'ndp-multi-mac-answer',
  brief: 'several link-layer addresses answer for one IPv6 address',
  severity: 'warning',
  subject: ['ip'],
  details: object({ macs: answers, requests: count, winner: mac, sharedIps: list(text) }),
  means:
    'One neighbour solicitation was answered by several link-layer addresses, each of which insists (override flag): two hosts with one IPv6 address, or a bridge ' +
    'or proxy that should not answer. It is no ARP flux: Linux answers for an IPv6 address only on the interface that has it.',
  provenBy: ['Two advertisements with the override flag and different link-layer addresses for one solicitation.'],
  seenFrom: ['The asker, or a tap that sees the unicast answers.'],
  looksLike: [
    'Proxies and anycast: their answers come without the override flag.',
    'VRRP for IPv6: the virtual MAC of the master answers alone; beside it another one is a second master, and an error.',
  ],
  remedies: [
    { text: 'Look for the address on both machines (ADDRESS)', commands: ['ip -6 -br addr show to ADDRESS', 'ip -6 neigh show proxy'] },
  ],
  references: ['RFC 4861 sections 4.4 and 7.2', 'Linux net/ipv6/ndisc.c: ndisc_recv_ns'],
};

export interface NdpDuplicateDetails {
  macs: string[];
  simultaneous: boolean;
}

export const ndpDuplicateAddress: FindingKind<NdpDuplicateDetails> = {
  kind: 'ndp-duplicate-address',
  brief: 'duplicate address detection met another host',
  severity: 'error',
  subject: ['ip'],
  details: object({ macs: list(mac), simultaneous: truth }),
  means:
    'A host checked an IPv6 address before taking it, and another one has it, or wanted it at the same moment. The host does not use the address (Linux marks it ' +
    'dadfailed): what was configured is not there.',
  provenBy: [
    'A solicitation from the unspecified address, and an advertisement to all nodes for the same target from another link-layer address.',
    'Two solicitations from the unspecified address for one target, from different link-layer addresses and with different nonces.',
  ],
  seenFrom: ['Anywhere on the segment: both go to groups.'],
  looksLike: ['The host’s own solicitation that comes back by a loop: same link-layer address, or same nonce (RFC 7527).'],
  remedies: [
    { text: 'On the host: is the address marked dadfailed?', commands: ['ip -6 addr show dadfailed'] },
    {
      text: 'Give one of the two another address; cloned machines need a new DUID and, with fixed interface identifiers, a new secret',
      commands: [],
    },
  ],
  references: ['RFC 4862 section 5.4', 'RFC 7527'],
};

/** Who answers without the override flag gives way to others: a proxy, or a member of an anycast group. */
export function judgeNdpMultiMac(multi: MultiAnswer): Draft<NdpMultiMacDetails> | undefined {
  const { address, macs, winner, shared, doubles, claims, virtual, relation } = multi;
  const insisting = claims.filter(({ mac }) => doubles.overriding.has(mac));
  if (insisting.length < 2) return undefined;
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    // A virtual router has one master: another answer beside its MAC, virtual or real, is a second one.
    ...(virtual.length > 0 ? { severity: 'error' as const } : {}),
    confidence: 'likely',
    title: `${address.ip} is answered by ${macs.length} link-layer addresses at once: ${listText(claims.map(({ mac }) => macText(mac)))}`,
    details: { macs, requests: address.requests, winner, sharedIps: shared.length > 0 ? shared : [address.ip] },
    count: doubles.exchanges,
    evidence: multi.evidence,
    because: [
      answeredTogether(multi),
      `${listText(insisting.map(({ mac }) => macText(mac)))} set the override flag: each takes the address to be its own.`,
      ...(relation ? [relation.because] : []),
    ],
    ruledOut: [
      'A proxy or anycast: those leave the override flag out.',
      ...(virtual.length > 0 ? [] : ['VRRP for IPv6: no virtual MAC answers.']),
      'ARP flux: Linux does not do it in neighbour discovery.',
    ],
  };
}

export function judgeNdpDuplicate(conflict: AddressConflict): Draft<NdpDuplicateDetails> {
  const macs = [...conflict.macs].map(macText);
  const probe = conflict.evidence.firstOf('probe');
  const objection = conflict.evidence.firstOf(conflict.simultaneous ? 'other-probe' : 'objection');
  const frames = probe && objection ? ` (${frameText(probe)}, ${frameText(objection)})` : '';
  return {
    subject: { ip: conflict.ip },
    segment: conflict.segment,
    path: conflict.path,
    confidence: 'certain',
    title: `${conflict.ip} is wanted by one host and ${conflict.simultaneous ? 'by another one at the same time' : 'in use by another'}: ${listText(macs)}`,
    details: { macs, simultaneous: conflict.simultaneous },
    count: conflict.count,
    evidence: conflict.evidence,
    because: [
      conflict.simultaneous
        ? `Two hosts check ${conflict.ip} at the same time${frames}; neither may use it.`
        : `${macs[0]} checks ${conflict.ip}, and ${macs[1]} objects that it has it${frames}: ${countText(conflict.count, 'time')}.`,
    ],
    ruledOut: [
      'A loop that returns the host’s own solicitation: the link-layer address differs, and so does the nonce, where there is one.',
    ],
  };
}
