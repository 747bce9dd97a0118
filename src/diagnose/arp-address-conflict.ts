import { type Mac, macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Address, Run } from '../track/neighbourhood.ts';
import type { ProbedAddress, Prober } from '../track/probes.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { type DuplicateDetails, NEXT_CAPTURE, remediesOf } from './arp-duplicate-address.ts';
import type { Draft } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { areOneMachine } from './one-machine.ts';
import { countText, FrameText, frameText, hedge, listText } from './text.ts';

/*
 * Address conflicts as RFC 5227 has them: hosts that want the same address at the same time, that want one in use, or that defend one against each other.
 */

/** The owner may announce itself this long after the last probe (section 2.1.1). */
const LISTEN_SEC = 2;
/** Who goes on probing watches the link (ARP monitors of bonding, device tracking of switches) and takes no address; so does who probes many. */
const MOST_PROBES = 6;
const MOST_TARGETS = 2;
/** A host that sees its address announced by another one defends it at once, once in ten seconds (section 2.4). */
const DEFENCE_SEC = 1;
const FEWEST_DEFENCES = 2;

/** Two hosts that probe for one address, or one whose probe is answered. */
export function judgeProbes(probed: ProbedAddress, knowledge: Knowledge): Draft<DuplicateDetails> | undefined {
  const { ip, segment, path } = probed;
  const address = knowledge.neighbourhood.addressOf(segment, 'arp', ip);
  if (!address || address.doubles || knowledge.redundancy.groupOf(ip)) return undefined;
  const probers = [...probed.probers.values()]
    .filter((prober) => takesAddress(prober, knowledge))
    .map((prober) => ({ ...prober, answer: prober.answer ?? defenceAgainst(prober, address) }));
  const evidence = new Evidence();
  const { together } = probed;
  if (
    together?.macs.every((mac) => probers.some((prober) => prober.mac === mac)) &&
    !together.macs.every((mac) => knowledge.ownMacs.has(mac)) &&
    areOneMachine(...together.macs, knowledge.context) !== true
  ) {
    const [first, second] = together.stamps;
    evidence.add('probe', first);
    evidence.add('other-probe', second);
    const sign = `${FrameText(first)} and ${frameText(second)} probe for ${ip} at the same time, and nobody answers: both are about to take it.`;
    return conflict(address, together.macs, path, { evidence, sign, confidence: 'likely' });
  }
  const answered = probers.find(
    ({ mac, answer }) =>
      answer !== undefined && virtualMac(answer.mac) === undefined && areOneMachine(mac, answer.mac, knowledge.context) !== true,
  );
  if (!answered?.answer) return undefined;
  evidence.add('probe', answered.answer.probe);
  evidence.add('answer', answered.answer.stamp);
  const sign = `${FrameText(answered.answer.probe)} probes for ${ip}, and ${frameText(answered.answer.stamp)} answers. That is consistent with a host that wants the address of another one, and with a check by hand (arping -D).`;
  const draft = conflict(address, [answered.mac, answered.answer.mac], path, { evidence, sign, confidence: 'possible' });
  // Whoever heeds the answer does not take the address: the probe did what it is for.
  const isTaken = address.claims.has(answered.mac) || address.askedWith?.has(answered.mac);
  return isTaken ? draft : { ...draft, severity: 'notice' };
}

/** Two MACs that announce one address against each other. */
export function judgeDefence(address: Address, knowledge: Knowledge): Draft<DuplicateDetails> | undefined {
  if (address.doubles || knowledge.redundancy.groupOf(address.ip)) return undefined;
  const defences = address.runs.flatMap((run, i): [Run, Run][] => {
    const before = address.runs[i - 1];
    return before && isDefence(before, run) && areOneMachine(before.mac, run.mac, knowledge.context) !== true ? [[before, run]] : [];
  });
  const [first] = defences;
  if (!first || defences.length < FEWEST_DEFENCES) return undefined;
  const evidence = new Evidence();
  for (const [claim, defence] of defences) {
    evidence.add('announcement', claim.last);
    evidence.add('defence', defence.first);
  }
  const [claim, defence] = first;
  const sign = `${countText(defences.length, 'time')} one of them announces the address within a second of the other one, as a host does that defends its own (${frameText(claim.last)}, ${frameText(defence.first)}).`;
  return conflict(address, [claim.mac, defence.mac], address.path, {
    evidence,
    sign,
    confidence: 'likely',
    count: defences.length,
    inUse: true,
  });
}

/** The owner may announce its address instead of an answer. */
function defenceAgainst({ mac, first, last }: Prober, { runs }: Address): Prober['answer'] {
  const run = runs.find((each) => each.announced && each.mac !== mac && each.first.at >= first.at && each.first.at <= last.at + LISTEN_SEC);
  return run && { mac: run.mac, stamp: run.first, probe: first };
}

const isDefence = (before: Run, run: Run): boolean =>
  before.announced &&
  run.announced &&
  run.mac !== before.mac &&
  virtualMac(run.mac) === undefined &&
  virtualMac(before.mac) === undefined &&
  run.first.at - before.last.at < DEFENCE_SEC;

function takesAddress({ mac, probes }: Prober, { arp }: Knowledge): boolean {
  return probes <= MOST_PROBES && arp.probes.targetsOf(mac) <= MOST_TARGETS && virtualMac(mac) === undefined;
}

interface Proof {
  evidence: Evidence;
  sign: string;
  confidence: 'likely' | 'possible';
  count?: number;
  /** They have it already; else they are about to take it. */
  inUse?: boolean;
}

function conflict(
  address: Address,
  macs: readonly [Mac, Mac],
  path: number,
  { evidence, sign, confidence, count = 1, inUse = false }: Proof,
): Draft<DuplicateDetails> {
  const names = macs.map(macText);
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path,
    confidence,
    title: `${address.ip} is ${hedge(confidence)}${inUse ? 'used' : 'wanted'} by two hosts: ${listText(names)}`,
    details: {
      macs: macs.map((mac) => {
        const claim = address.claims.get(mac);
        return {
          mac: macText(mac),
          answers: claim?.answers ?? 0,
          firstAnswers: claim?.firstAnswers ?? 0,
          interface: claim?.interface ?? null,
        };
      }),
      requests: address.requests,
      winner: names[1] ?? '',
      sharedIps: [address.ip],
      evidenceOfTwoHosts: [sign],
    },
    count,
    evidence,
    because: [sign],
    ruledOut: ['A monitor that probes all the time, or many addresses.', 'VRRP, HSRP, CARP and GLBP: no virtual MAC, no advertisement.'],
    remedies: [...remediesOf(address.ip, names), NEXT_CAPTURE],
  };
}
