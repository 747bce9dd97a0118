import { Direction } from '../frame.ts';
import { isIpv6Text } from '../net/ip.ts';
import type { Stamp } from '../track/stamp.ts';
import type { StuckSegment, TcpConnection, TcpDirection, TcpGap, TcpSighting, TooBig } from '../track/tcp/connection.ts';
import { isInTunnel } from './narrow-tunnel.ts';
import { countText } from './text.ts';

/*
 * Which connections show that packets above a size vanish. Everything here looks at the facts of one connection; what is made of them is told in
 * `pmtu-blackhole.ts`.
 */

/** Why nobody tells the sender: errors pass here and are not heeded, or quote something else, or none is seen here. */
export const blackHoleCauses = ['icmp-filtered', 'icmp-does-not-match', 'icmp-missing', 'unknown'] as const;
export type BlackHoleCause = (typeof blackHoleCauses)[number];

/** Packets of one direction of a connection that are too large for its path. */
export interface BlackHole {
  connection: TcpConnection;
  /** It is what `a` sends. */
  ofA: boolean;
  /** The place nearest to the sender at which it is seen. */
  sighting: TcpSighting;
  /** Octets of the packet that does not get through, and of the largest one that did; 0: none. */
  size: number;
  passed: number;
  proof: Repeated | Missing;
  confidence: 'certain' | 'likely' | 'possible';
  /** Why it may be something else than the size, as a sentence; null: nothing speaks for that. */
  doubt: string | null;
}

/** Seen on the side of the sender: the same segment again and again. */
export interface Repeated {
  kind: 'repeated';
  stuck: StuckSegment;
  /** Another place that smaller packets of the direction passed, and none of this size. */
  leftOut: TcpSighting | null;
  /** Errors that say so, and after which the sender goes on with the same size. */
  unheeded: TooBig[];
  cause: BlackHoleCause;
}

/** Seen on the side of the receiver: nothing but full segments is missing. */
export interface Missing {
  kind: 'missing';
  gap: TcpGap;
  length: number;
  segments: number;
  /** The latest packet of the sender, a while after the gap: it lives. Null: nothing came any more. */
  alive: Stamp | null;
}

/** Repetitions that are needed, and for how long they go on at least. */
const LEAST_REPETITIONS = 3;
const LEAST_SEC = 1;
/** The time between repetitions doubles each time (RFC 6298 section 5.5); loss that is mended by SACK does not wait. */
const GROWTH = 1.5;
/** A segment counts as full with so many octets less than the MSS: options take some (timestamps 12, SACK up to 36). */
const OPTIONS = 60;
/** Where no SYN was seen: nothing smaller is what a narrow path drops first. */
const LARGE_PAYLOAD = 1160;
/** A gap that is mended by retransmission is over by then. */
const MENDED_SEC = 3;
/** So many full segments in a row, and nothing else, do not get lost by chance, nor does what is behind them overtake them. */
const LEAST_IN_A_ROW = 2;
/** One acknowledgment may get lost by chance. */
const LEAST_UNHEARD = 2;
/** Timestamps (RFC 7323), which Linux and others send by default, are part of the MSS. */
const TIMESTAMPS = 12;
/** An error that was heeded shows at once. */
const HEED_SEC = 0.5;

/** The black hole that a connection shows; of both directions the surer one. */
export function blackHoleOf(connection: TcpConnection): BlackHole | undefined {
  const found = [blackHole(connection, true), blackHole(connection, false)].flatMap((each) => each ?? []);
  return found.sort((x, y) => rank(x) - rank(y))[0];
}

const RANKS = { certain: 0, likely: 1, possible: 2 };
export const rank = ({ confidence }: BlackHole): number => RANKS[confidence];

/** What a sighting has of the direction, and of the other one. */
export const directionOf = (sighting: TcpSighting, ofA: boolean): TcpDirection => (ofA ? sighting.fromA : sighting.fromB);

/** Octets of IPv4 or IPv6 and TCP headers without options, which the MSS does not count. */
export const headersOf = ({ a }: TcpConnection): number => (isIpv6Text(a.ip) ? 60 : 40);

/** The MSS that limits both directions at a place, as far as the SYNs were seen there; null where none was. */
function mssAt({ mssOfA, mssOfB }: TcpSighting): number | null {
  const known = [mssOfA, mssOfB].flatMap((each) => each ?? []);
  return known.length === 0 ? null : Math.min(...known);
}

function blackHole(connection: TcpConnection, ofA: boolean): BlackHole | undefined {
  for (const sighting of connection.sightings) {
    const { stuck } = directionOf(sighting, ofA);
    if (stuck) return repeated(connection, ofA, sighting, stuck);
  }
  return missing(connection, ofA);
}

/** The proof at the sender, or between it and the narrow place. */
function repeated(connection: TcpConnection, ofA: boolean, sighting: TcpSighting, stuck: StuckSegment): BlackHole | undefined {
  const back = directionOf(sighting, !ofA);
  // One direction alone shows no acknowledgements; who sent nothing but a SYN and ACK may be no more than a proxy of the real one.
  if (back.packets < 2 || isHalfSeen(sighting, ofA) || !isFullAndRepeated(connection, sighting, stuck)) return undefined;
  const passed = Math.max(...connection.sightings.map((each) => directionOf(each, ofA).largestAcked));
  if (passed >= stuck.size) return undefined;
  const errors = connection.tooBig.filter((error) => error.ofA === ofA);
  const last = stuck.retransmissions.at(-1) ?? stuck.first;
  const unheeded = errors.filter(({ mtu, stamp }) => mtu < stuck.size && last.at > stamp.at);
  // It got smaller after the error: path MTU discovery works.
  if (stuck.acked && errors.some(({ fits, mtu }) => fits && (mtu === 0 || mtu >= (stuck.acked?.size ?? 0)))) return undefined;
  const fitting = unheeded.filter(({ fits, stamp }) => fits && last.at - stamp.at > HEED_SEC);
  const leftOut =
    connection.sightings.find((each) => {
      const there = directionOf(each, ofA);
      return each !== sighting && there.packets > 0 && there.largestSent < stuck.size && there.largestSent > 0;
    }) ?? null;
  const cause: BlackHoleCause =
    fitting.length > 0 ? 'icmp-filtered' : unheeded.some(({ fits }) => !fits) ? 'icmp-does-not-match' : 'icmp-missing';
  const leaves = fitting.some(({ direction }) => direction !== Direction.In);
  // Where the receiver repeats what it says itself, it may hear nothing at all: then it is not the size.
  const isDeaf = back.unheard >= LEAST_UNHEARD && stuck.acked === null;
  const isHeard = stuck.lifeSigns > 0 && back.retransmissions === 0 && !isDeaf;
  const isSure = connection.hasSyn && (isHeard || stuck.acked !== null);
  return {
    connection,
    ofA,
    sighting,
    size: stuck.size,
    passed,
    proof: { kind: 'repeated', stuck, leftOut, unheeded: unheeded.filter(({ fits }) => fits || fitting.length === 0), cause },
    confidence: leftOut && leaves ? 'certain' : isSure || fitting.length > 0 ? 'likely' : 'possible',
    doubt: isDeaf
      ? `${(ofA ? connection.b : connection.a).ip} repeats ${countText(back.unheard, 'time')} what was acknowledged here: acknowledgments, which are small, get lost as well. An outage of this direction looks like that.`
      : null,
  };
}

/** The sender acknowledges what this place did not see of the receiver: so it may have missed the acknowledgements too. A FIN counts as one octet. */
function isHalfSeen(sighting: TcpSighting, ofA: boolean): boolean {
  const { ackedTo } = directionOf(sighting, !ofA);
  const end = ofA ? sighting.endOfB : sighting.endOfA;
  return ackedTo !== null && ((ackedTo - end) | 0) > 1;
}

/** The same full segment, not to be fragmented, ever more seldom, with the receiver's window open. */
function isFullAndRepeated(connection: TcpConnection, sighting: TcpSighting, stuck: StuckSegment): boolean {
  const { first, retransmissions, retransmissionCount, length, dontFragment, zeroWindow } = stuck;
  if (retransmissionCount < LEAST_REPETITIONS || zeroWindow) return false;
  if (!dontFragment && !isIpv6Text(connection.a.ip)) return false;
  const mss = mssAt(sighting);
  if (length < (mss === null ? LARGE_PAYLOAD : mss - OPTIONS)) return false;
  const times = [first, ...retransmissions].map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
  const span = (times.at(-1) ?? 0) - first.at;
  return span >= LEAST_SEC && Math.max(...gaps) >= GROWTH * Math.min(...gaps);
}

/**
 * Small segments of the direction got stuck while the hole's segment was: not their size keeps them.
 * @returns the first one
 */
export function smallStuck({ sightings }: TcpConnection, ofA: boolean, { proof, size }: BlackHole): StuckSegment | undefined {
  if (proof.kind === 'missing') return undefined;
  const large = proof.stuck;
  return sightings
    .flatMap((each) => directionOf(each, ofA).stuck ?? [])
    .find(
      (stuck) =>
        stuck.size < size - OPTIONS &&
        !stuck.zeroWindow &&
        (stuck.acked === null || stuck.acked.size >= stuck.size) &&
        stuck.first.at <= endOfStuck(large) &&
        endOfStuck(stuck) >= large.first.at,
    );
}

/** When it was sent for the last time. */
export const endOfStuck = ({ first, retransmissions }: StuckSegment): number => (retransmissions.at(-1) ?? first).at;

/** What the other end says again and again in the direction although it was acknowledged here: SYNs and FINs count, too. */
export const isUnheard = ({ sightings }: TcpConnection, ofA: boolean): boolean =>
  sightings.some((each) => directionOf(each, ofA).unheard >= LEAST_UNHEARD);

/** What the side of the receiver sees: everything but full segments arrives. */
function missing(connection: TcpConnection, ofA: boolean): BlackHole | undefined {
  const { hasSyn, sightings } = connection;
  if (!hasSyn) return undefined;
  const seen = sightings.filter((each) => directionOf(each, ofA).packets > 0);
  const [sighting] = seen;
  if (!sighting) return undefined;
  const { gap, largestSent } = directionOf(sighting, ofA);
  const mss = mssAt(sighting);
  if (!gap || mss === null || directionOf(sighting, !ofA).packets < 2 || isHalfSeen(sighting, ofA)) return undefined;
  // What another place saw did not get lost before this host.
  if (seen.some((each) => directionOf(each, ofA).gap === null)) return undefined;
  const length = (gap.end - gap.start) >>> 0;
  const unit = [mss - TIMESTAMPS, mss].find((each) => length > 0 && length % each === 0);
  const size = mss + headersOf(connection);
  if (unit === undefined || largestSent > size - OPTIONS) return undefined;
  const isAlive = gap.last.at - gap.stamp.at >= MENDED_SEC;
  if (!isAlive && length / unit < LEAST_IN_A_ROW) return undefined;
  return {
    connection,
    ofA,
    sighting,
    size,
    passed: largestSent,
    proof: { kind: 'missing', gap, length, segments: length / unit, alive: isAlive ? gap.last : null },
    confidence: 'possible',
    doubt: null,
  };
}

/** Places of the connection that are in a tunnel, that in which the packets do not arrive first. */
export function tunnelPlaces({ connection, proof }: BlackHole): TcpSighting[] {
  const inTunnel = connection.sightings.filter(isInTunnel);
  const leftOut = proof.kind === 'repeated' ? proof.leftOut : null;
  return leftOut && isInTunnel(leftOut) ? [leftOut, ...inTunnel.filter((each) => each !== leftOut)] : inTunnel;
}
