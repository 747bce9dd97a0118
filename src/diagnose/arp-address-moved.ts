import { macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Address, Run } from '../track/neighbourhood.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import { KNOWLEDGE_SEC } from './arp-answers.ts';
import type { Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { relationOf } from './one-machine.ts';
import { mac, object, oneOf } from './schemas.ts';
import { countText, FrameText, frameText } from './text.ts';

export type MoveReason = 'vrrp' | 'hsrp' | 'carp' | 'glbp' | 'gratuitous' | 'replaced';

export interface MovedDetails {
  from: string;
  to: string;
  reason: MoveReason;
}

export const arpAddressMoved: FindingKind<MovedDetails> = {
  kind: 'arp-address-moved',
  brief: 'an address went to another MAC: failover, new card, new lease',
  severity: 'info',
  subject: ['ip'],
  details: object({ from: mac, to: mac, reason: oneOf('vrrp', 'hsrp', 'carp', 'glbp', 'gratuitous', 'replaced') }),
  means:
    'An address went from one MAC to another: a failover, a replaced card or machine, a lease given to another one. Nothing is wrong by itself; it explains ' +
    'why traffic takes another way from then on. More than three moves in ten minutes are a flap, and a warning.',
  provenBy: ['Another MAC announces the address, or answers for it, and the one before does not any more.'],
  seenFrom: ['Anywhere on the segment: announcements go to all.'],
  looksLike: [
    'Two hosts with one address: the first one goes on answering.',
    'Bonding (balance-alb), GLBP: MACs in turns, each for its own clients.',
  ],
  remedies: [
    {
      text: 'If it was not meant to happen: who announces it, and why? Look at the logs of the redundancy software',
      commands: ['journalctl -u keepalived'],
    },
  ],
  references: ['RFC 5227 section 3', 'RFC 9568'],
};

const FLAP_MOVES = 4;
const FLAP_SEC = 600;

/** The MAC before is silent when the new one begins, and stays so, or each change was announced. */
export function judgeMoved(address: Address, knowledge: Knowledge): Draft<MovedDetails> | undefined {
  const { runs } = address;
  if (address.doubles || runs.length < 2) return undefined;
  const changes = runs.slice(1).map((to, i): Change => ({ from: runs[i] ?? to, to }));
  const macs = new Set(runs.map((run) => run.mac));
  const isOneMove = changes.length === 1;
  const group = knowledge.redundancy.groupOf(address.ip);
  // MACs that come and go without a word are members of a bond, or serve different clients.
  const allAnnounced = changes.every(({ to }) => to.announced);
  if (!isOneMove && !allAnnounced && !group) return undefined;
  if (isOneMove && !allAnnounced && !group && !isReplaced(changes[0])) return undefined;
  const last = changes.at(-1);
  if (!last || macs.size < 2) return undefined;
  const reason = reasonOf(last, group?.protocol);
  const isFlap = mostWithin(changes, FLAP_SEC) >= FLAP_MOVES;
  const evidence = new Evidence();
  for (const { from, to } of changes) {
    evidence.add('last-claim', from.last, macText(from.mac));
    evidence.add('new-claim', to.first, macText(to.mac));
  }
  const from = macText(last.from.mac);
  const to = macText(last.to.mac);
  const relation = relationOf([last.from.mac, last.to.mac], knowledge.context);
  return {
    subject: { ip: address.ip },
    segment: address.segment,
    path: address.path,
    severity: isFlap ? 'warning' : 'info',
    confidence: 'likely',
    title: isFlap
      ? `${address.ip} goes back and forth between ${macs.size} MACs: ${countText(changes.length, 'move')}`
      : `${address.ip} moved from ${from} to ${to}`,
    details: { from, to, reason },
    count: changes.length,
    evidence,
    because: [
      `${FrameText(last.from.last)} is the last one that places ${address.ip} at ${from}; ${frameText(last.to.first)} ${last.to.announced ? 'announces' : 'gives'} it at ${to}.`,
      ...(group ? [`${group.protocol.toUpperCase()} group ${group.id} announces the address: its routers hand it over.`] : []),
      ...(relation ? [relation.because] : []),
    ],
    ruledOut: address.requests > 0 ? ['Two hosts with one address: no question was answered by both.'] : [],
  };
}

interface Change {
  from: Run;
  to: Run;
}

/** As often as this a host asks anew; a MAC that was asked once only has shown no interval of its own. */
const USUAL_INTERVAL_SEC = 10;

/**
 * Without an announcement: somebody who was answered by the old MAC is answered by the new one, and the old one has been silent for longer than it
 * ever was. A bond that balances its load answers each asker by one MAC of its own choice.
 */
function isReplaced(change: Change | undefined): boolean {
  if (!change?.from.askers.some((asker) => change.to.askers.includes(asker))) return false;
  const { from, to } = change;
  const interval = from.gapMost > 0 ? Math.max(from.gapMost, USUAL_INTERVAL_SEC) : KNOWLEDGE_SEC;
  return to.last.at - from.last.at > interval;
}

function reasonOf({ to, from }: Change, protocol: string | undefined): MoveReason {
  const named = protocol ?? virtualMac(to.mac)?.protocol ?? virtualMac(from.mac)?.protocol;
  if (named === 'vrrp' || named === 'hsrp' || named === 'carp' || named === 'glbp') return named;
  return to.announced ? 'gratuitous' : 'replaced';
}

function mostWithin(changes: Change[], seconds: number): number {
  let most = 0;
  for (const [i, { to }] of changes.entries()) {
    most = Math.max(most, changes.slice(i).filter((each) => each.to.first.at - to.first.at <= seconds).length);
  }
  return most;
}
