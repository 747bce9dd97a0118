import { endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { Alternation } from '../track/wireguard/alternation.ts';
import type { FullEndpoint, Identity, Move } from '../track/wireguard/peers.ts';
import { type Confidence, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { FrameText, frameText } from './text.ts';

/** All moves of one peer from one endpoint to another. */
export interface MoveGroup {
  moves: [Move, ...Move[]];
  observer: FullEndpoint;
  from: FullEndpoint;
  to: FullEndpoint;
  path: number;
  peer: string | null;
  confidence: Confidence;
  evidence: Evidence;
}

/** An endpoint that alternates between two places. */
export interface Alternating {
  moves: [Move, ...Move[]];
  endpoints: [FullEndpoint, FullEndpoint];
}

export interface SortedMoves {
  drifts: MoveGroup[];
  roamings: MoveGroup[];
  rebinds: MoveGroup[];
  flaps: Alternating[];
}

/** Back and forth this often is no failover and its end. */
export const FLAP_MOVES = 3;

/**
 * What each move is. The contacted side's move to another address is a drift, the initiating side's is roaming, or, where only its port changes, a
 * new binding of its NAT. A side that goes back and forth is told once, as a flap. Without known roles a move is neither.
 */
export function sortMoves(knowledge: Knowledge): SortedMoves {
  const moves = knowledge.wireguard.peers.moves.filter(({ withdrawn, role, pair }) => !withdrawn && role !== 'unknown' && !pair.managed);
  const shared = sharedKeyEndpoints(knowledge);
  const told = moves.filter(({ observer, from, to }) => {
    const endpoints = shared.get(endpointText(observer));
    return !(endpoints?.has(endpointText(from)) && endpoints.has(endpointText(to)));
  });
  const flaps = alternating(told);
  const flapping = new Set(flaps.flatMap((flap) => flap.moves));
  const single = told.filter((move) => !flapping.has(move));
  const isElsewhere = ({ from, to }: Move): boolean => from.ip !== to.ip;
  return {
    flaps,
    drifts: grouped(
      single.filter((move) => move.role === 'contacted' && isElsewhere(move) && (move.trigger !== 'response' || move.hasDataAfter)),
      knowledge,
    ),
    roamings: grouped(
      single.filter((move) => move.role === 'initiating' && isElsewhere(move)),
      knowledge,
    ),
    rebinds: grouped(
      single.filter((move) => move.role === 'initiating' && !isElsewhere(move)),
      knowledge,
    ),
  };
}

/** Two machines complete handshakes in turns, and neither gives up. */
export const isInterleaved = ({ switches, returns, endpoints }: Alternation): boolean =>
  switches >= FLAP_MOVES && returns > 0 && endpoints.size >= 2;

/** Endpoints of two machines with one key are told as that. */
function sharedKeyEndpoints({ wireguard }: Knowledge): Map<string, Set<string>> {
  const shared = new Map<string, Set<string>>();
  for (const alternation of wireguard.alternations.list) {
    const { observer, endpoints, peer } = alternation;
    if (isInterleaved(alternation) && peer !== null) shared.set(endpointText(observer), new Set(endpoints.keys()));
  }
  return shared;
}

/** Moves that lie further apart than this have nothing to do with each other: a capture may go on for weeks. */
const TOGETHER_SEC = 3600;

/** How many of the moves, which are in the order of time, came within an hour at most. */
export function mostWithin(moves: readonly Move[]): number {
  let most = 0;
  let from = 0;
  for (const [i, { stamp }] of moves.entries()) {
    while (stamp.at - (moves[from]?.stamp.at ?? stamp.at) > TOGETHER_SEC) from++;
    most = Math.max(most, i - from + 1);
  }
  return most;
}

/** Rows of moves of one pair between the same two endpoints. */
function alternating(moves: Move[]): Alternating[] {
  const rows = new Map<string, Move[]>();
  for (const move of moves) {
    const ends = [endpointText(move.from), endpointText(move.to)].sort().join('|');
    const key = `${ends}|${endpointText(move.observer)}|${move.pair.path}`;
    rows.set(key, [...(rows.get(key) ?? []), move]);
  }
  return [...rows.values()].flatMap((row): Alternating[] => {
    const [first, ...rest] = row;
    return first && mostWithin(row) >= FLAP_MOVES ? [{ moves: [first, ...rest], endpoints: [first.from, first.to] }] : [];
  });
}

function grouped(moves: Move[], { drops }: Knowledge): MoveGroup[] {
  const groups = new Map<string, MoveGroup>();
  for (const move of moves) {
    const { observer, from, to, pair, peer } = move;
    const key = [observer, from, to].map(endpointText).join('|') + pair.path;
    const surest = confidenceOf(move, drops);
    // What kind of move it is rests on who contacted whom.
    const confidence = pair.rolesAssumed && surest === 'certain' ? 'likely' : surest;
    const known = groups.get(key);
    if (known) {
      known.moves.push(move);
      known.evidence.addAll(move.evidence);
      known.peer ??= peer;
      if (confidence === 'certain') known.confidence = confidence;
      continue;
    }
    const evidence = new Evidence();
    evidence.addAll(move.evidence);
    groups.set(key, { moves: [move], observer, from, to, path: pair.path, peer, confidence, evidence });
  }
  return [...groups.values()];
}

/** A key or the session itself proves the peer; the course of events leaves a second peer possible. So does another port of a contacted side. */
export function confidenceOf({ identity, role, from, to }: Move, drops: boolean): Confidence {
  if (identity === 'continuity') return drops ? lessSure('likely') : 'likely';
  return role === 'contacted' && from.port !== to.port && identity !== 'key' ? 'likely' : 'certain';
}

const IDENTITY: Record<Identity, string> = {
  key: 'mac1 of the handshake names the same peer as before.',
  index: 'It goes on with the receiver index and the counters of the same session: it is the same peer.',
  continuity:
    'Nothing in the packets names it; but the old endpoint falls silent, the observer is the same, and port or address are as before: very probably the same peer.',
};

/** How it is known that who moved is who was there before. */
export const identitySentence = ({ identity, trigger, own }: Move): string =>
  identity === 'continuity' && own
    ? 'What comes from both addresses leaves the capturing host from one port: very probably one WireGuard interface.'
    : identity === 'index' && trigger === 'response'
      ? 'The response carries the sender index of an initiation that went to the old address: it is the same peer.'
      : IDENTITY[identity];

export function moveSentence({ stamp, trigger, to, from, gapSeconds, evidence }: Move): string {
  const before = evidence.firstOf('last-from-old');
  const silence =
    before && gapSeconds !== null
      ? `, ${Math.round(gapSeconds * 10) / 10} s after the last packet from ${endpointText(from)} (${frameText(before)})`
      : '';
  const what = trigger === 'data' ? 'data packet' : trigger;
  return `${FrameText(stamp)} is ${trigger === 'initiation' ? 'an' : 'a'} ${what} from ${endpointText(to)}${silence}.`;
}

/** How the roles are known, where the capture does not show the first handshake. */
export const rolesSentence = ({ pair }: Move): string[] =>
  pair.rolesAssumed
    ? [
        'The capture begins within a session, and the first initiation in view is a retry after silence: it is taken for the direction of the first contact.',
      ]
    : [];

/** What a key would add. */
export const KEY_ADVICE = {
  text: 'To be certain who it is, name the peers by their public keys (`wg show all peers`; private keys are not needed)',
  commands: ['fluxcap analyze CAPTURE --wg-peer NAME=PUBLICKEY'],
};

/** What would make a move certain that is not. */
export const moveAdvice = ({ identity, pair }: Move): Remedy =>
  pair.rolesAssumed && identity !== 'continuity'
    ? {
        text: 'To be certain who contacts whom, see which side has an Endpoint in its configuration, or capture from before the first handshake',
        commands: ['grep Endpoint /etc/wireguard/WG.conf'],
      }
    : KEY_ADVICE;
