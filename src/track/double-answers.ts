import { Direction } from '../frame.ts';
import { virtualMac } from '../wire/virtual-mac.ts';
import type { Evidence } from './evidence.ts';
import { type Exchange, isOwnReply, type Reply } from './exchange.ts';
import type { Doubles } from './neighbourhood.ts';

/* What the answers of one exchange show together: which belong to one question, who came first, and where they were sent. */

const NOBODY: readonly Reply[] = [];

/**
 * Answers to a request that other MACs answered too. Each request is a round of its own: `arping` puts many into one exchange, in which an address may
 * well move. Who announces an address shares it with whoever answers.
 */
export function answeredTogether({ kind, askerMac, replies }: Exchange): readonly Reply[] {
  // Nearly all exchanges: of them no list is made.
  if (replies.length === 0 || (replies.length === 1 && kind !== 'announcement')) return NOBODY;
  if (kind === 'announcement') return replies.some(({ mac }) => mac !== askerMac) ? replies : [];
  return replies.filter(({ round, mac }) => replies.some((each) => each.round === round && each.mac !== mac));
}

/** Who came first, and by how much. */
export function countRounds(doubles: Doubles, replies: readonly Reply[]): void {
  for (const first of replies.filter(({ rank }) => rank === 0)) {
    const second = replies.find((reply) => reply.round === first.round && reply.mac !== first.mac);
    if (!second) continue;
    const gap = Math.max(0, (second.latencyUs - first.latencyUs) / 1e6);
    doubles.rounds++;
    doubles.ranks.set(first.mac, (doubles.ranks.get(first.mac) ?? 0) + 1);
    doubles.gapMost = Math.max(doubles.gapMost, gap);
    doubles.gapSum += gap;
  }
}

/**
 * Two answers with different MACs that both left the capturing host: by different interfaces where it has indices, else each with its own link-layer
 * source. The same MAC leaving twice is a macvlan or bridge and its parent.
 */
export function atHost(exchange: Exchange, replies: readonly Reply[]): Doubles['atHost'] {
  const own = replies.filter((reply) => isOwnReply(reply) && virtualMac(reply.mac) === undefined);
  for (const first of own) {
    const second = own.find(
      (reply) =>
        reply.mac !== first.mac &&
        (first.interfaceId !== reply.interfaceId || (first.linkSource === first.mac && reply.linkSource === reply.mac)),
    );
    if (second) return { exchange, replies: [first, second] };
  }
  return undefined;
}

/** The shortest Ethernet frame without FCS; shorter ones are seen only where they are sent. */
const PADDED = 60;
const UNPADDED_ARP = 42;
const VLAN_TAG = 4;

/** The question has to come from the wire too: a guest of the capturing host is answered by it unpadded, whoever it asks for. */
export function unpadded(exchange: Exchange, replies: readonly Reply[]): Doubles['unpadded'] {
  if (exchange.origlen < PADDED) return undefined;
  const real = replies.filter(({ mac, direction }) => direction === Direction.Unknown && virtualMac(mac) === undefined);
  const own = real.find(({ origlen }) => origlen === UNPADDED_ARP + VLAN_TAG * exchange.vlans.length);
  const foreign = real.find((reply) => reply.origlen >= PADDED && reply.mac !== own?.mac);
  return own && foreign ? { exchange, own, foreign } : undefined;
}

export function addEvidence(evidence: Evidence, exchange: Exchange, replies: readonly Reply[]): void {
  evidence.add('request', exchange.first);
  for (const { rank, stamp } of replies) evidence.add(rank === 0 ? 'first-answer' : 'later-answer', stamp);
}
