import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Address, Claim, Contested } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { KNOWLEDGE_SEC, type MacAnswers, type MultiAnswer, withMore } from './arp-answers.ts';
import { answeredTogether } from './arp-flux.ts';
import type { Confidence, Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { areOneMachine, type Relation, signsOfTwoMachines } from './one-machine.ts';
import { answers, count, list, mac, object, text } from './schemas.ts';
import { FrameText, frameText, hedge, listText } from './text.ts';

export interface DuplicateDetails {
  macs: MacAnswers[];
  requests: number;
  winner: string;
  sharedIps: string[];
  evidenceOfTwoHosts: string[];
}

export const arpDuplicateAddress: FindingKind<DuplicateDetails> = {
  kind: 'arp-duplicate-address',
  brief: 'two hosts have one address',
  severity: 'error',
  subject: ['ip'],
  details: object({ macs: answers, requests: count, winner: mac, sharedIps: list(text), evidenceOfTwoHosts: list(text) }),
  means:
    'Two machines have the same address. Who asks for it gets both answers and keeps one of them, so connections break or end at the wrong machine, ' +
    'differently for each client and each time its ARP entry is renewed.',
  provenBy: [
    'On one of the two hosts: it claims the address itself, and a claim of another MAC comes in.',
    'From outside: two MACs answer one request, they share exactly this address, and each of them answers for another one alone, or has a name of its own ' +
      '(DHCP, LLDP).',
    'A host announces the address, and another MAC answers that it has it, or announces it within a second, again and again (RFC 5227 section 2.4).',
    'With the context: the MACs are of two hosts, or of one host and of none of its interfaces.',
    'Two hosts probe for the address at the same time; a host whose probe is answered is a possible one.',
  ],
  seenFrom: [
    'One of the two hosts: decisive, if the claim of the other one reaches it.',
    'A client, or a tap: both answers. A switch shows unicast answers only to the asker.',
  ],
  looksLike: [
    'One host with two cards (arp-flux): both MACs answer for the same several addresses.',
    'A virtual address that real servers answer for (vip-answered-by-realserver): usually three MACs and more.',
    'A lease that went to another machine, a replaced card: the old MAC is silent before the new one begins.',
    'Failover (VRRP, keepalived): one answer for each request.',
    'A check by hand (arping -D), the probes of an ARP monitor or of a switch that tracks its devices.',
  ],
  remedies: [
    {
      text: 'Find the machines: the switch knows the port of each MAC; on a Linux bridge',
      commands: ['bridge fdb show | grep -i -E "MAC1|MAC2"'],
    },
    {
      text: 'See from a third machine that both are still there (IFACE: its card; arping of iputils)',
      commands: ['arping -b -I IFACE -c 3 ADDRESS'],
    },
    { text: 'Take fixed addresses out of the DHCP pool, and let the server check an address before it gives it away', commands: [] },
  ],
  references: ['RFC 5227 section 2.4', 'RFC 826'],
};

/** Two hosts: seen from one of them, or by what each of the MACs has for itself. */
export function judgeDuplicate(multi: MultiAnswer): Draft<DuplicateDetails> | undefined {
  if (multi.virtual.length > 0) return undefined;
  const { ownAndForeign, unpadded } = multi.doubles;
  if (ownAndForeign) {
    const { own, foreign } = ownAndForeign;
    return draft(multi, 'certain', [
      `${FrameText(own.stamp)} leaves the capturing host with ${macText(own.mac)}, ${frameText(foreign.stamp)} comes in with ${macText(foreign.mac)}: two hosts.`,
    ]);
  }
  if (unpadded) {
    const { own, foreign } = unpadded;
    return draft(multi, 'certain', [
      `${FrameText(own.stamp)} has ${own.origlen} octets, as only the sender sees its frames; ${frameText(foreign.stamp)} has ${foreign.origlen} and came over the ` +
        'wire: two hosts.',
    ]);
  }
  if (multi.relation?.isOne === false && !multi.group) return byContext(multi, multi.relation);
  const signs = signsOfTwoMachines(multi);
  return signs.length > 0 ? draft(multi, 'likely', signs) : undefined;
}

/** The MACs are of different machines: which of them has the address, the context says too. */
function byContext(multi: MultiAnswer, relation: Relation): Draft<DuplicateDetails> {
  const { address, claims } = multi;
  const holders = [...new Set(relation.cards.flatMap(({ host }) => host ?? []))].map((host) => {
    const links = host.linksWith(address.ip).map(({ name }) => name);
    return `${host.name} has ${address.ip} ${links.length > 0 ? `on ${listText(links)}` : 'on no interface'}`;
  });
  // A machine that nobody knows, and that always comes long after the other one, may answer for it as a proxy.
  const strangers = relation.cards.filter(({ host }) => host === undefined);
  const isLate = strangers.some(({ mac: of }) => isAlwaysLate(claims.find((claim) => claim.mac === of)));
  return draft(multi, isLate ? 'likely' : 'certain', [relation.because, `By the context, ${listText(holders)}.`]);
}

/** As a proxy is that leaves the owner the time to answer (Linux proxy_delay). */
const isAlwaysLate = (claim: Claim | undefined): boolean =>
  claim !== undefined && claim.firstAnswers === 0 && claim.latencyUsSum / Math.max(claim.answers, 1) > LATE_US;

const LATE_US = 10_000;

function draft(multi: MultiAnswer, confidence: Confidence, evidenceOfTwoHosts: string[]): Draft<DuplicateDetails> {
  const { address, claims, macs, winner, shared, doubles, group } = multi;
  const names = claims.map(({ mac }) => macText(mac));
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence,
    title: `${address.ip} is ${hedge(confidence)}used by two hosts: ${listText(names)}`,
    details: { macs, requests: address.requests, winner, sharedIps: shared.length > 0 ? shared : [address.ip], evidenceOfTwoHosts },
    count: doubles.exchanges,
    evidence: withMore(multi.evidence, ownFrames(multi)),
    because: [
      answeredTogether(multi),
      ...evidenceOfTwoHosts,
      ...(confidence === 'certain'
        ? []
        : [
            multi.relation
              ? 'The machine that always comes late could be a proxy that answers for others.'
              : 'It could also be a virtual address of a load balancer that its real servers answer for (IPVS): the address itself tells its owner.',
          ]),
    ],
    ruledOut: [
      `One host with several cards: ${confidence === 'certain' ? 'the answers come from two hosts' : 'the MACs do not answer for the same addresses'}.`,
      `VRRP, HSRP, CARP and GLBP: no virtual MAC answers${group ? '' : ', and no such router announces the address'}.`,
      'A move from one machine to another: both answered the same question.',
    ],
    remedies: [...remediesOf(address.ip, names), ...(confidence === 'certain' ? [] : [NEXT_CAPTURE])],
  };
}

/** The general ones, for this address. */
export const remediesOf = (ip: string, macs: readonly string[]): Remedy[] =>
  arpDuplicateAddress.remedies.map(({ text: what, commands }) => ({
    text: what,
    commands: commands.map((each) => each.replace('MAC1|MAC2', macs.join('|')).replace('ADDRESS', ip)),
  }));

export const NEXT_CAPTURE = {
  text: 'To be certain, capture on one of the two hosts while another machine asks for the address',
  commands: ['tcpdump -i any -y LINUX_SLL2 -w host.pcap arp'],
};

const ownFrames = ({ doubles }: MultiAnswer) => {
  const pair = doubles.ownAndForeign ?? doubles.unpadded;
  return pair
    ? [
        { stamp: pair.own.stamp, role: 'own-answer' },
        { stamp: pair.foreign.stamp, role: 'foreign-answer' },
      ]
    : [];
};

/** The capturing host claims an address, and another host claims it too: no question is needed that both answer. */
export function judgeForeignClaim(address: Address, knowledge: Knowledge): Draft<DuplicateDetails> | undefined {
  if (address.doubles || address.soughtByHost || knowledge.redundancy.groupOf(address.ip)) return undefined;
  const claims = [...address.claims.values()].filter(({ mac }) => virtualMac(mac) === undefined);
  const own = claims.find((claim) => claim.own > 0 && knowledge.ownMacs.has(claim.mac));
  if (!own) return undefined;
  const rivals = claims.filter(
    (claim) => claim.foreign > 0 && !knowledge.ownMacs.has(claim.mac) && areOneMachine(claim.mac, own.mac, knowledge.context) !== true,
  );
  const overlapping = rivals.find((claim) => overlaps(own, claim));
  if (overlapping) return foreignClaim(address, own, overlapping, duringOwnClaims(own, overlapping));
  const contesting = rivals.find((claim) => contests(claim, own, address));
  return contesting && address.contested && foreignClaim(address, own, contesting, againstOwnQuestion(own, address.contested));
}

interface ForeignClaimProof {
  evidence: Evidence;
  /** What shows that there are two hosts. */
  sign: string;
  because: string[];
}

function foreignClaim(
  address: Address,
  own: Claim,
  foreign: Claim,
  { evidence, sign, because }: ForeignClaimProof,
): Draft<DuplicateDetails> {
  const names = [own, foreign].map(({ mac }) => macText(mac));
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    confidence: 'certain',
    title: `${address.ip} is used by two hosts: ${listText(names)}`,
    details: {
      macs: [own, foreign].map(({ mac, answers, firstAnswers, interface: name }) => ({
        mac: macText(mac),
        answers,
        firstAnswers,
        interface: name,
      })),
      requests: address.requests,
      winner: names[0] ?? '',
      sharedIps: [address.ip],
      evidenceOfTwoHosts: [sign],
    },
    count: foreign.announcements + foreign.answers,
    evidence,
    because,
    ruledOut: [
      'One host with several cards: no frame with the other MAC leaves this host.',
      'VRRP, HSRP, CARP and GLBP: no virtual MAC, no advertisement.',
    ],
    remedies: remediesOf(address.ip, names),
  };
}

function duringOwnClaims(own: Claim, foreign: Claim): ForeignClaimProof {
  const evidence = new Evidence();
  evidence.add('own-claim', own.first);
  evidence.add('foreign-claim', foreign.first);
  evidence.add('own-claim', own.last);
  return {
    evidence,
    sign: `${FrameText(foreign.first)} claims the address from outside, while the capturing host claims it itself.`,
    because: [
      `${FrameText(own.first)} and ${frameText(own.last)} leave the capturing host and say that the address is at ${macText(own.mac)}.`,
      `In between, ${frameText(foreign.first)} comes in and says that it is at ${macText(foreign.mac)}, which is no MAC of this host.`,
    ],
  };
}

function againstOwnQuestion(own: Claim, { question, answer, mac }: Contested): ForeignClaimProof {
  const evidence = new Evidence();
  evidence.add('own-claim', own.last);
  evidence.add('own-question', question);
  evidence.add('foreign-answer', answer);
  return {
    evidence,
    sign: `${FrameText(answer)} claims the address from outside, which the capturing host has claimed in ${frameText(own.last)}.`,
    because: [
      `${FrameText(own.last)} leaves the capturing host and says that the address is at ${macText(own.mac)}.`,
      `In ${frameText(question)} this host asks whether anybody else has it, and ${frameText(answer)} answers: ${macText(mac)}, which is no MAC of this host ` +
        '(RFC 5227 section 2.4).',
    ],
  };
}

const overlaps = (a: Claim, b: Claim): boolean => a.first.at < b.last.at && b.first.at < a.last.at;

/** It answered the host's own question for the address, soon after the host had claimed it. Who announces an address first takes it over: a move. */
function contests(claim: Claim, own: Claim, { contested }: Address): boolean {
  if (!contested || contested.mac !== claim.mac || claim.announcements > 0) return false;
  const age = contested.answer.at - own.last.at;
  return age >= 0 && age <= KNOWLEDGE_SEC;
}
