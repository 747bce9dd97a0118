import type { Host, Link } from '../context/host.ts';
import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Address } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import type { MacAnswers, MultiAnswer } from './arp-answers.ts';
import { answeredTogether } from './arp-flux.ts';
import { sysctlNow, sysctlRemedy } from './host-sysctls.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { type Card, isNoCard } from './one-machine.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { countText, frameText, listText } from './text.ts';

export interface RealserverDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
}

const SILENCE = {
  text: 'On each real server, on the card and for all: do not answer for, nor ask with, addresses of other interfaces (IFACE: the card)',
  commands: [
    'sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2',
    'sysctl -w net.ipv4.conf.IFACE.arp_ignore=1 net.ipv4.conf.IFACE.arp_announce=2',
  ],
};
const KUBERNETES = { text: 'With Kubernetes and kube-proxy in IPVS mode: ipvs.strictARP: true', commands: [] };

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
    'With the context: a server that has the address on lo or a dummy answers for it, and another machine has it on a card.',
  ],
  seenFrom: ['A client, or a tap on the segment.', 'With the context, a real server: its own answers are enough.'],
  looksLike: [
    'Two hosts with one address (arp-duplicate-address): two MACs.',
    'Replies to clients that come from the servers’ MACs with the virtual address: that is how direct routing works.',
  ],
  remedies: [SILENCE, KUBERNETES],
  references: ['Linux ip-sysctl: arp_ignore, arp_announce', 'LVS-HOWTO: The ARP Problem'],
};

const FEWEST = 3;

/** A star: one address, answered by machines that each have another one for themselves, or that the context shows to be servers and balancer. */
export function judgeRealserver(multi: MultiAnswer): Draft<RealserverDetails> | undefined {
  const { claims, ownAddresses, group, virtual, address, macs, winner, shared, doubles, relation } = multi;
  if (virtual.length > 0 || relation?.isOne) return undefined;
  const servers = serversOf(address.ip, relation?.cards ?? []);
  const isDeclared = servers.length > 0;
  const isStar = claims.every(({ mac }) => (ownAddresses.get(mac)?.length ?? 0) > 0);
  if (!isDeclared && (!isStar || shared.length > 1 || (claims.length < FEWEST && !group))) return undefined;
  // Every one of them is known to have the address: no two hosts have it by mistake.
  const isCertain = isDeclared && relation?.cards.every(({ host }) => host && host.linksWith(address.ip).length > 0) === true;
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence: isCertain ? 'certain' : 'likely',
    title: `${address.ip} is ${isCertain ? '' : 'very probably '}a virtual address, answered by ${macs.length} machines instead of one`,
    details: { macs, requests: address.requests, winner, sharedIps: [address.ip] },
    count: doubles.exchanges,
    evidence: multi.evidence,
    because: [
      answeredTogether(multi),
      ...(isStar ? claims.map(({ mac }) => `${macText(mac)} alone answers for ${listText(ownAddresses.get(mac) ?? [])}.`) : []),
      ...(group ? [`${group.protocol.toUpperCase()} group ${group.id} announces ${address.ip}: it is meant to be shared.`] : []),
      ...(isDeclared ? holderSentences(address.ip, relation?.cards ?? [], servers) : []),
    ],
    ruledOut: [
      isStar
        ? 'One host with several cards: each machine has an address that the others do not answer for.'
        : 'One host with several cards: the context has the MACs on several hosts.',
      'VRRP’s own answers: no virtual MAC is among them.',
      ...(isCertain ? ['Two hosts with one address by mistake: the servers have it on no card.'] : []),
    ],
    remedies: [
      ...(isDeclared ? remediesFor(servers) : vipAnsweredByRealserver.remedies),
      ...(isCertain
        ? []
        : [
            { text: 'To be certain, look on each machine whether it has the address (ADDRESS)', commands: ['ip -br addr show to ADDRESS'] },
          ]),
    ],
  };
}

/** A real server that the context knows, by the card on which it answers. */
interface Server {
  host: Host;
  /** The interface that has the address, and is no card. */
  kept: Link;
  link: Link;
}

/** Those of the cards whose host has the address on lo or a dummy alone. */
const serversOf = (ip: string, cards: readonly Card[]): Server[] =>
  cards.flatMap(({ host, link }) => {
    const having = host?.linksWith(ip) ?? [];
    const [kept] = having;
    return host && link && kept && having.every(isNoCard) ? { host, link, kept } : [];
  });

function holderSentences(ip: string, cards: readonly Card[], servers: readonly Server[]): string[] {
  const others = cards.flatMap(({ host, link }) => {
    const card = host?.linksWith(ip).find((each) => !isNoCard(each));
    return host && link && card ? `${host.name} has it on its card ${card.name}` : [];
  });
  const kept = servers.map(({ host, kept: { name }, link }) => `${host.name} has ${ip} on ${name}, and answers for it on ${link.name}`);
  return [
    `By the context, ${listText([...kept, ...others])}.`,
    ...servers.flatMap(({ host, link }) =>
      sysctlNow(host, [link.name], ['arp_ignore', 'arp_announce']).map((now) => `On ${host.name}: ${now}`),
    ),
  ];
}

/** Each server has settings of its own. */
const remediesFor = (servers: readonly Server[]): Remedy[] => [
  ...servers.map(({ host, link }) =>
    sysctlRemedy(host, [link.name], { arp_ignore: 1, arp_announce: 2 }, SILENCE, ['arp_filter', 'rp_filter', 'proxy_arp']),
  ),
  KUBERNETES,
];

/**
 * Only a real server is to be seen answering, and the context shows that another machine has the address on a card: as it is on the server itself, and wherever
 * the balancer's answers do not pass.
 */
export function* judgeLoneRealserver(address: Address, { context }: Knowledge): Generator<Draft<RealserverDetails>> {
  const { ip, protocol, doubles, claims, segment, path, requests } = address;
  if (protocol !== 'arp' || doubles || context.hosts.length === 0) return;
  for (const claim of claims.values()) {
    const owner = claim.answers > 0 && !virtualMac(claim.mac) ? context.ownerOfMac(claim.mac) : undefined;
    const [server] = owner ? serversOf(ip, [{ mac: claim.mac, ...owner }]) : [];
    const balancer = context.ownersOfAddress(ip).find(({ host, link }) => host !== owner?.host && !isNoCard(link));
    if (!server || !balancer || !claim.firstAnswer || !claim.lastAnswer) continue;
    const evidence = new Evidence();
    evidence.add('server-answer', claim.firstAnswer);
    evidence.add('server-answer', claim.lastAnswer);
    yield {
      subject: { ip },
      segment,
      path,
      confidence: 'certain',
      title: `${ip} is a virtual address, answered by ${server.host.name} instead of ${balancer.host.name}`,
      details: {
        macs: [{ mac: macText(claim.mac), answers: claim.answers, firstAnswers: claim.firstAnswers, interface: claim.interface }],
        requests,
        winner: macText(claim.mac),
        sharedIps: [ip],
      },
      count: claim.answers,
      evidence,
      because: [
        `${countText(claim.answers, 'answer')} for ${ip} (the first: ${frameText(claim.firstAnswer)}) come from ${macText(claim.mac)}.`,
        `By the context, that is ${server.link.name} of ${server.host.name}, which has ${ip} on ${server.kept.name} only; ${balancer.host.name} has it on its card ${balancer.link.name}.`,
        ...sysctlNow(server.host, [server.link.name], ['arp_ignore', 'arp_announce']).map((now) => `On ${server.host.name}: ${now}`),
      ],
      ruledOut: ['Two hosts with one address by mistake: the server has it on no card.', 'VRRP’s own answers: the MAC is no virtual one.'],
      remedies: remediesFor([server]),
    };
  }
}
