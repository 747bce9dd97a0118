import { macText } from '../net/mac.ts';
import type { MacAnswers, MultiAnswer } from './arp-answers.ts';
import { answeredTogether } from './arp-flux.ts';
import type { Draft, FindingKind } from './kind.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { listText } from './text.ts';

export interface RealserverDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

export const vipAnsweredByRealserver: FindingKind<RealserverDetails> = {
  kind: 'vip-answered-by-realserver',
  brief: 'real servers answer for the virtual address of their load balancer',
  severity: 'warning',
  subject: ['ip'],
  details: object({ macs: answers, requests: count, winner: mac, sharedIps: list(text) }),
  means:
    'A virtual address that only the load balancer should answer for (IPVS direct routing, kube-proxy) is answered by the real servers behind it, which ' +
    'have it on a loopback or dummy interface. Clients then go to one server past the balancer.',
  provenBy: [
    'Three MACs or more answer one request, each of them alone answers for an address of its own; or two, and VRRP announces the address.',
  ],
  seenFrom: ['A client, or a tap on the segment.'],
  looksLike: [
    'Two hosts with one address (arp-duplicate-address): two MACs.',
    'Replies to clients that come from the servers’ MACs with the virtual address: that is how direct routing works.',
  ],
  remedies: [
    {
      text: 'On each real server, on the card and for all: do not answer for, nor ask with, addresses of other interfaces (IFACE: the card)',
      commands: [
        'sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2',
        'sysctl -w net.ipv4.conf.IFACE.arp_ignore=1 net.ipv4.conf.IFACE.arp_announce=2',
      ],
    },
    { text: 'With Kubernetes and kube-proxy in IPVS mode: ipvs.strictARP: true', commands: [] },
  ],
  references: ['Linux ip-sysctl: arp_ignore, arp_announce', 'LVS-HOWTO: The ARP Problem'],
};

const FEWEST = 3;

/** A star: one address, answered by machines that each have another one for themselves. */
export function judgeRealserver(multi: MultiAnswer): Draft<RealserverDetails> | undefined {
  const { claims, ownAddresses, group, virtual, address, macs, winner, shared, doubles } = multi;
  const isStar = claims.every(({ mac }) => (ownAddresses.get(mac)?.length ?? 0) > 0);
  if (!isStar || virtual.length > 0 || shared.length > 1 || (claims.length < FEWEST && !group)) return undefined;
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence: 'likely',
    title: `${address.ip} is very probably a virtual address, answered by ${macs.length} machines instead of one`,
    details: { macs, requests: address.requests, winner, sharedIps: [address.ip] },
    count: doubles.exchanges,
    evidence: multi.evidence,
    because: [
      answeredTogether(multi),
      ...claims.map(({ mac }) => `${macText(mac)} alone answers for ${listText(ownAddresses.get(mac) ?? [])}.`),
      ...(group ? [`${group.protocol.toUpperCase()} group ${group.id} announces ${address.ip}: it is meant to be shared.`] : []),
    ],
    ruledOut: [
      'One host with several cards: each machine has an address that the others do not answer for.',
      'VRRP’s own answers: no virtual MAC is among them.',
    ],
    remedies: [
      ...vipAnsweredByRealserver.remedies,
      { text: 'To be certain, look on each machine whether it has the address (ADDRESS)', commands: ['ip -br addr show to ADDRESS'] },
    ],
  };
}
