import { type Endpoint, endpointText } from '../../net/ip.ts';
import { secondsBetween } from '../../net/time.ts';
import { BoundedMap } from '../bounded-map.ts';
import { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';
import { Timeline, type TimelineKind } from './timeline.ts';

const MOST_PAIRS = 8192;
const MOST_MOVES = 64;
/** Of one endpoint: the spokes of a hub. */
const MOST_PEERS = 1024;
const MOST_ALIASES = 8;
/** What the old address still sends this long after a move may have been on its way (in another card's queue). */
const OVERLAP_SEC = 1;
/** KEEPALIVE_TIMEOUT of Linux drivers/net/wireguard/messages.h: a side that is there is not silent for longer once it has received data. */
const SILENT_SEC = 10;

export type FullEndpoint = Required<Endpoint>;

/** How sure it is that the mover is the same peer: a known key, data of the same session, or only the course of events. */
export type Identity = 'key' | 'index' | 'continuity';
export type Trigger = 'initiation' | 'response' | 'data';

/** An end of a conversation between two WireGuard devices. */
export interface Side {
  endpoint: FullEndpoint;
  /** The same end on the other leg of a NAT that the capture sees both legs of. */
  aliases: FullEndpoint[];
  /** Its name, where a known key told it. */
  name: string | null;
  /** The latest packet from its endpoint. */
  lastSent: Stamp | undefined;
  /** `lastSent` is nobody else's: it may be overwritten with the next packet. */
  lastSentIsOwn: boolean;
  /** It sent data, or a response. */
  established: boolean;
  /** Data ran to or from it. */
  hasData: boolean;
  /** Where the other side sends data, though it is not there; and since when. */
  calledAt: { endpoint: FullEndpoint; at: number } | undefined;
}

/** A side of a pair began to send from another endpoint. */
export interface Move {
  pair: Pair;
  /** Who moved. */
  side: Side;
  /** Whether the side moved that was contacted by the first initiation, the one that sent it, or it is not known. */
  role: 'contacted' | 'initiating' | 'unknown';
  observer: FullEndpoint;
  from: FullEndpoint;
  to: FullEndpoint;
  trigger: Trigger;
  identity: Identity;
  stamp: Stamp;
  /** Silence of the old endpoint before the move; null where it never sent within the capture. */
  gapSeconds: number | null;
  /** The observer's first packet to the new endpoint. */
  followed: Stamp | undefined;
  /** Data ran with the new endpoint. */
  hasDataAfter: boolean;
  /** The old endpoint went on sending: they are two peers, and nobody moved. */
  withdrawn: boolean;
  /** It came back to the old endpoint by a handshake. */
  returned: boolean;
  peer: string | null;
  /** From the last packet of the old endpoint until the observer follows. */
  timeline: Timeline;
  evidence: Evidence;
  /** The trigger left the capturing host itself. */
  own: boolean;
  handshakeUsBefore: number | null;
  handshakeUsAfter: number | null;
}

/** Two devices that speak WireGuard with each other, wherever each of them is at the moment. */
export interface Pair {
  path: number;
  contacted: Side;
  initiating: Side;
  /** Whether an initiation or response was seen, so that the roles are known. */
  rolesKnown: boolean;
  /** The session is older than the capture, and the first initiation in view went to a silent side: either side may have been the first to initiate. */
  rolesAssumed: boolean;
  moves: Move[];
  /** The latest move, while packets may still confirm or refute it: the observer has not followed, or only the course of events names the peer. */
  open: Move | undefined;
  /** What may belong to the timeline of a move to come. */
  events: Timeline;
  /** Software above WireGuard chooses the paths (Tailscale): that an endpoint changes is its work. */
  managed: boolean;
  /** Round trip of the latest handshake that was answered, in microseconds. */
  handshakeUs: number | null;
}

/** Finds the pair that two endpoints belong to, and notices when one of them is somewhere else than before. */
export class PeerBook {
  readonly moves: Move[] = [];
  private readonly pairs = new BoundedMap<string, Pair>(MOST_PAIRS, (pair) => this.forget(pair));
  /** Pairs by an endpoint that is observed: candidates for moves of the other side. */
  private readonly byObserver = new BoundedMap<string, Set<Pair>>(MOST_PAIRS);
  private movesOmitted = 0;
  private peersOmitted = 0;
  /** A move turned out to be none: what the second peer did belongs to a pair of its own. */
  private readonly separated: (move: Move, own: Pair) => void;

  constructor(separated: (move: Move, own: Pair) => void) {
    this.separated = separated;
  }

  get size(): number {
    return this.pairs.size + this.moves.length;
  }

  get evicted(): number {
    return this.pairs.evicted + this.movesOmitted + this.peersOmitted;
  }

  /** The pair with these endpoints, in either order. */
  find(a: FullEndpoint, b: FullEndpoint, path: number): Pair | undefined {
    return this.pairs.get(key(a, b, path));
  }

  /** A new pair. `rolesKnown`: an initiation went from `initiating` to `contacted`, or a response the other way. */
  begin(initiating: FullEndpoint, contacted: FullEndpoint, path: number, rolesKnown: boolean): Pair {
    const pair: Pair = {
      path,
      contacted: newSide(contacted),
      initiating: newSide(initiating),
      rolesKnown,
      rolesAssumed: false,
      moves: [],
      open: undefined,
      events: new Timeline(),
      managed: false,
      handshakeUs: null,
    };
    this.enter(pair, initiating, contacted);
    return pair;
  }

  /** The first handshake of a pair that was known by its data alone tells who contacts whom; after silence it may be either's. */
  assignRoles(pair: Pair, initiator: FullEndpoint, stamp: Stamp): void {
    if (pair.rolesKnown) return;
    pair.rolesKnown = true;
    if (!isAt(pair.initiating, initiator)) [pair.contacted, pair.initiating] = [pair.initiating, pair.contacted];
    const { lastSent } = pair.contacted;
    pair.rolesAssumed = !lastSent || stamp.at - lastSent.at > SILENT_SEC;
  }

  /**
   * An established pair of which one side could have moved to `from`: its other side is `to`, and port or address are what they were.
   * Undefined where there is none, or more than one; of several, the only one that is called in vain at the time.
   */
  candidate(
    from: FullEndpoint,
    to: FullEndpoint,
    path: number,
    isCalledInVain: (pair: Pair) => boolean,
  ): { pair: Pair; side: Side } | undefined {
    const found: { pair: Pair; side: Side }[] = [];
    for (const pair of this.byObserver.get(observerKey(to, path)) ?? []) {
      const side = isAt(pair.contacted, to) ? pair.initiating : isAt(pair.initiating, to) ? pair.contacted : undefined;
      if (!side?.established || !side.lastSent) continue;
      const { endpoint } = side;
      if (!isAt(side, from) && (endpoint.port === from.port || endpoint.ip === from.ip)) found.push({ pair, side });
    }
    if (found.length < 2) return found[0];
    const called = found.filter(({ pair }) => isCalledInVain(pair));
    return called.length === 1 ? called[0] : undefined;
  }

  /** `side` of `pair` now sends from `to`. */
  move(pair: Pair, side: Side, to: FullEndpoint, trigger: Trigger, identity: Identity, stamp: Stamp, own: boolean): Move {
    const other = otherSide(pair, side);
    const from = side.endpoint;
    // A copy: data goes on overwriting the side's own stamp.
    const since = side.lastSent && { ...side.lastSent };
    const move: Move = {
      pair,
      side,
      role: !pair.rolesKnown ? 'unknown' : side === pair.contacted ? 'contacted' : 'initiating',
      observer: other.endpoint,
      from,
      to,
      trigger,
      identity,
      stamp,
      gapSeconds: since ? Math.max(0, secondsBetween(since, stamp)) : null,
      followed: undefined,
      hasDataAfter: false,
      withdrawn: false,
      returned: false,
      peer: side.name,
      timeline: new Timeline(),
      evidence: new Evidence(),
      own,
      handshakeUsBefore: pair.handshakeUs,
      handshakeUsAfter: null,
    };
    if (since) {
      move.evidence.add('last-from-old', since, `last packet from ${endpointText(from)}`);
      move.timeline.add(since, 'silence', `last packet from ${endpointText(from)}`);
    }
    move.timeline.addSince(pair.events, since?.at ?? Number.NEGATIVE_INFINITY);
    move.evidence.add('trigger', stamp, `${trigger} from ${endpointText(to)}`);
    const moved = `${trigger} from ${endpointText(to)} instead of ${endpointText(from)}`;
    pair.events.add(stamp, 'move', moved);
    move.timeline.add(stamp, 'move', moved);
    side.endpoint = to;
    side.lastSent = stamp;
    side.lastSentIsOwn = false;
    this.enter(pair, to, other.endpoint);
    if (this.moves.length >= MOST_PAIRS) this.omitMove();
    this.moves.push(move);
    // The latest ones: what comes may confirm or refute those.
    if (pair.moves.length >= MOST_MOVES) pair.moves.shift();
    pair.moves.push(move);
    pair.open = move;
    return move;
  }

  /**
   * A session that ran with the old endpoint goes on from the new one, in `stamp`: it is the same peer, whatever the move began with.
   * @param side who sends
   */
  goesOn(pair: Pair, side: Side, wasAt: FullEndpoint, stamp: Stamp): void {
    const last = pair.moves.at(-1);
    if (last?.identity !== 'continuity' || !isSame(last.from, wasAt) || !isSame(last.to, side.endpoint)) return;
    last.identity = 'index';
    last.evidence.add('same-session', stamp, `the old session goes on from ${endpointText(last.to)}`);
  }

  /** A packet of the pair went from `from` to `to`. Confirms moves, or shows that there was none. */
  sent(pair: Pair, from: FullEndpoint, to: FullEndpoint, what: Trigger, stamp: Stamp): void {
    const side = isAt(pair.contacted, from) ? pair.contacted : isAt(pair.initiating, from) ? pair.initiating : undefined;
    if (side) {
      side.lastSent = stamp;
      side.lastSentIsOwn = false;
      if (what !== 'initiation') side.established = true;
      if (what === 'data') pair.contacted.hasData = pair.initiating.hasData = true;
    }
    const last = pair.moves.at(-1);
    if (!last || last.withdrawn) return;
    const isToNew = isSame(to, last.to) && isAtObserver(last, from);
    if (!last.followed && what !== 'initiation' && isToNew) {
      last.followed = stamp;
      last.evidence.add('followed', stamp, `${endpointText(from)} sends to ${endpointText(to)}`);
      last.timeline.add(stamp, 'followed', `${endpointText(from)} sends ${what === 'data' ? 'data' : 'a response'} to ${endpointText(to)}`);
    }
    if (what === 'data' && (isToNew || isSame(from, last.to))) last.hasDataAfter = true;
    const isOld = isSame(from, last.from) && isSame(to, last.observer);
    // Data of the same session is proof; without it, two peers that take turns look like one that moves.
    if (isOld && last.identity === 'continuity' && stamp.at - last.stamp.at > OVERLAP_SEC) {
      // What leaves the capturing host by two addresses from one port is one device, if it comes back by a handshake; an old session that goes on is another's.
      if (last.own && what !== 'data') {
        last.returned = true;
        last.side.endpoint = last.from;
      }
      if (!last.returned) this.separate(last);
    } else if (last.followed && last.identity !== 'continuity') pair.open = undefined;
  }

  /** An event for the timelines of moves to come, and of one that the observer has not followed yet. */
  note(pair: Pair, stamp: Stamp, kind: TimelineKind, event: string): void {
    pair.events.add(stamp, kind, event);
    const last = pair.moves.at(-1);
    if (last && !last.followed) last.timeline.add(stamp, kind, event);
  }

  /** A response shows how long handshakes take now. */
  answered(pair: Pair, latencyUs: number): void {
    pair.handshakeUs = latencyUs;
    const last = pair.moves.at(-1);
    if (last && last.handshakeUsAfter === null) last.handshakeUsAfter = latencyUs;
  }

  /** Nobody moved. */
  withdraw(move: Move): void {
    const { pair } = move;
    move.withdrawn = true;
    pair.moves = pair.moves.filter((each) => each !== move);
    if (pair.open === move) pair.open = undefined;
  }

  /** Nobody moved: a second peer speaks with the same observer. It gets a pair of its own. */
  separate(move: Move): void {
    const { pair, side, from, to, observer } = move;
    side.endpoint = from;
    this.withdraw(move);
    this.pairs.delete(key(to, observer, pair.path));
    this.separated(move, this.begin(to, observer, pair.path, true));
  }

  /** An established pair with an observer, one side of which has this name and is not in `other`; undefined where there is none, or more than one. */
  named(name: string, observer: FullEndpoint, other: Pair): { pair: Pair; side: Side } | undefined {
    const found: { pair: Pair; side: Side }[] = [];
    for (const pair of this.byObserver.get(observerKey(observer, other.path)) ?? []) {
      const side = isAt(pair.contacted, observer) ? pair.initiating : isAt(pair.initiating, observer) ? pair.contacted : undefined;
      if (side?.name === name && side.established && side.lastSent && pair !== other) found.push({ pair, side });
    }
    return found.length === 1 ? found[0] : undefined;
  }

  /** The side is known there too: on the other leg of a NAT. */
  addAlias(pair: Pair, side: Side, alias: FullEndpoint): void {
    if (isAt(side, alias) || side.aliases.length >= MOST_ALIASES) return;
    side.aliases.push(alias);
    this.observe(pair, alias);
  }

  /** The pair is known under these endpoints too. */
  enter(pair: Pair, a: FullEndpoint, b: FullEndpoint): void {
    this.pairs.set(key(a, b, pair.path), pair);
    this.observe(pair, a);
    this.observe(pair, b);
  }

  private observe(pair: Pair, endpoint: FullEndpoint): void {
    const pairs = this.byObserver.take(observerKey(endpoint, pair.path), () => new Set());
    if (pairs.size < MOST_PEERS) pairs.add(pair);
    else this.peersOmitted++;
  }

  /** The oldest move that is harmless makes room, or the oldest one: clients roam all day, and a drift stays. */
  private omitMove(): void {
    const harmless = this.moves.findIndex(({ role, withdrawn }) => withdrawn || role !== 'contacted');
    this.moves.splice(Math.max(0, harmless), 1);
    this.movesOmitted++;
  }

  /** A pair that was pushed out is no candidate any more, unless it is known under other endpoints. */
  private forget(pair: Pair): void {
    if (this.find(pair.initiating.endpoint, pair.contacted.endpoint, pair.path) === pair) return;
    for (const { endpoint, aliases } of [pair.initiating, pair.contacted]) {
      for (const each of [endpoint, ...aliases]) this.byObserver.get(observerKey(each, pair.path))?.delete(pair);
    }
  }
}

const newSide = (endpoint: FullEndpoint): Side => ({
  endpoint,
  aliases: [],
  name: null,
  lastSent: undefined,
  lastSentIsOwn: false,
  established: false,
  hasData: false,
  calledAt: undefined,
});

export const isSame = (a: FullEndpoint, b: FullEndpoint): boolean => a.port === b.port && a.ip === b.ip;

/** Whether `side` is at this endpoint, on whichever leg of a NAT. */
export const isAt = ({ endpoint, aliases }: Side, at: FullEndpoint): boolean =>
  isSame(endpoint, at) || aliases.some((alias) => isSame(alias, at));

/** The side that is asked by an initiation from one endpoint to another; the asked one may be somewhere else by now. */
export function askedSide(pair: Pair, initiator: FullEndpoint, responder: FullEndpoint): Side {
  if (isAt(pair.contacted, responder)) return pair.contacted;
  if (isAt(pair.initiating, responder)) return pair.initiating;
  return isAt(pair.initiating, initiator) ? pair.contacted : pair.initiating;
}

export const otherSide = (pair: Pair, side: Side): Side => (side === pair.contacted ? pair.initiating : pair.contacted);

function isAtObserver({ pair, observer }: Move, endpoint: FullEndpoint): boolean {
  const side = isSame(pair.contacted.endpoint, observer) ? pair.contacted : pair.initiating;
  return isSame(observer, endpoint) || isAt(side, endpoint);
}

const observerKey = (endpoint: FullEndpoint, path: number): string => `${endpointText(endpoint)}|${path}`;

function key(a: FullEndpoint, b: FullEndpoint, path: number): string {
  const [first, second] = [endpointText(a), endpointText(b)].sort();
  return `${first}|${second}|${path}`;
}
