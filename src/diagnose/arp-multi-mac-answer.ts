import { macText } from '../net/mac.ts';
import { type MacAnswers, type MultiAnswer, withMore } from './arp-answers.ts';
import { answeredTogether, kinshipFrames } from './arp-flux.ts';
import type { Draft, FindingKind } from './kind.ts';
import { kinshipSentences } from './one-machine.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { listText } from './text.ts';

export interface MultiMacDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

export const arpMultiMacAnswer: FindingKind<MultiMacDetails> = {
  kind: 'arp-multi-mac-answer',
  brief: 'several MACs answer one question; the capture cannot tell whether they are one host or two',
  severity: 'warning',
  isPreliminary: true,
  subject: ['ip'],
  details: object({ macs: answers, requests: count, winner: mac, sharedIps: list(text) }),
  means:
    'One question for an address was answered by several MACs. Either one host answers from several cards (arp-flux), or two hosts have one address ' +
    '(arp-duplicate-address): the capture shows that it happens, not which of the two it is.',
  provenBy: ['Several MACs answer one request.'],
  seenFrom: ['The asker, or a tap on the segment; the answering hosts see their own part.'],
  looksLike: [
    'VRRP, HSRP, CARP, GLBP: one answer for each request. A virtual MAC together with a real one, or two virtual ones, is a fault.',
    'Proxy ARP whose answer comes after the owner’s.',
    'The same answer seen twice, on a bridge and its port or on a mirror.',
  ],
  remedies: [
    {
      text: 'Ask for the hosts’ other addresses too: if both MACs answer for all of them, it is one host (IFACE, OTHER; arping of iputils)',
      commands: ['arping -b -I IFACE -c 3 OTHER'],
    },
    {
      text: 'Is the address in use by someone else? Ask on the host that should have it (IFACE, ADDRESS)',
      commands: ['arping -D -I IFACE -c 3 ADDRESS'],
    },
    {
      text: 'Or capture on the host, with the interface of each answer',
      commands: ['tcpdump -i any -y LINUX_SLL2 -w host.pcap arp'],
    },
  ],
  references: ['RFC 826', 'RFC 5227', 'RFC 1027'],
};

/** The fact alone. With a virtual MAC among the answers it is an error: two routers, or a router and its own card, speak for one group. */
export function judgeMultiMac(multi: MultiAnswer): Draft<MultiMacDetails> {
  const { address, claims, macs, winner, shared, doubles, virtual, proxy, relation } = multi;
  const names = listText(claims.map(({ mac }) => macText(mac)));
  const isVirtual = virtual.length > 0;
  const because = [answeredTogether(multi), ...(relation ? [relation.because] : kinshipSentences(multi))];
  const proxying = relation?.cards.find(
    (card) => card.mac === proxy?.mac && card.host?.effective('proxy_arp', card.link?.name ?? '') === 1,
  );
  if (isVirtual)
    because.push(
      `${listText(virtual.map(({ mac }) => macText(mac)))} is a virtual router's MAC: only the active router answers, and with it alone.`,
    );
  else if (proxying)
    because.push(
      `${proxying.host?.name} answers for others on ${proxying.link?.name} (proxy_arp is 1 there) and does not have ${address.ip}: its route to it is too wide, and it is not always the last.`,
    );
  else if (proxy)
    because.push(
      `${macText(proxy.mac)} answers for many addresses of others: it looks like a proxy whose route is too wide, and it is not always the last.`,
    );
  else
    because.push(
      shared.length > 1
        ? `Whether the MACs are one host or more is not in the capture: they answer for ${shared.length} addresses together, but not for the same ones alone, in one order and at once.`
        : 'Whether the MACs are one host or two is not in the capture: they share only this address, or too few questions were asked.',
    );
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    severity: isVirtual ? 'error' : 'warning',
    confidence: 'certain',
    title: `${address.ip} is answered by ${macs.length} MACs at once: ${names}`,
    details: { macs, requests: address.requests, winner, sharedIps: shared.length > 0 ? shared : [address.ip] },
    count: doubles.exchanges,
    evidence: withMore(multi.evidence, kinshipFrames(multi)),
    because,
    ruledOut: [
      'A mirror or a bridge: the answers differ in their MAC.',
      ...(isVirtual ? [] : ['VRRP, HSRP, CARP and GLBP: no virtual MAC answers.']),
    ],
    ...(proxy && !isVirtual ? { remedies: [PROXY_REMEDY, ...arpMultiMacAnswer.remedies] } : {}),
  };
}

const PROXY_REMEDY = {
  text: 'On the machine that answers for others: see what it answers for, and stop it where it should not (IFACE)',
  commands: ['ip neigh show proxy', 'sysctl -w net.ipv4.conf.IFACE.proxy_arp=0'],
};
