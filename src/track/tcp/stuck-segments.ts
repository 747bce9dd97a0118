import type { Packet } from '../../wire/packet.ts';
import { eachSackBlock } from '../../wire/tcp.ts';
import { BoundedMap } from '../bounded-map.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';
import type { StuckSegment } from './connection.ts';
import { NO_SEGMENT, type SentSegments } from './sent-segments.ts';

/** A segment counts as stuck when it was repeated so often. */
const STUCK_AFTER = 3;
/** Stamps of repetitions that are kept: the first ones, and the latest. */
const MOST_STAMPS = 8;
/** The sender backs off to two minutes (RFC 6298 section 2.5, Linux TCP_RTO_MAX): so far back the first sending may lie. */
const MOST_STEPS = 4096;
/** A sender that has repeated a segment once or twice does it again sooner (RFC 6298). */
const QUIET_SEC = 10;
const MOST_LOOKED_AT = 8;
/** Directions whose receiver asks for a segment that was not repeated yet. */
const MOST_ASKED = 1024;
/** An acknowledgment that comes so soon after the segment may be a copy of the one before. */
const COPY_SEC = 0.003;

/** The receiver says again how far it got: what it has of later octets shows that a segment is missing. */
interface Asked {
  /** The sequence number that it waits for. */
  seq: number;
  count: number;
  first: Stamp;
  last: Stamp;
  /** It has octets from behind the gap (RFC 2018), so it says it after the segment was sent. */
  hasLater: boolean;
}

/** The segment that is being repeated, as it was sent last. */
interface Repeated {
  facts: StuckSegment;
  lastLength: number;
  lastSize: number;
}

/** What got stuck in one direction of a connection at one place. */
interface Track {
  now: Repeated | undefined;
  /** The worst one that is over. */
  kept: StuckSegment | undefined;
}

/** Segments at the left edge of what is not acknowledged that are sent again: few connections have one at a time. */
export class StuckSegments {
  /** Directions that left to make room. */
  evicted = 0;
  private readonly tracks = new Map<number, Track>();
  private readonly asked = new BoundedMap<number, Asked>(MOST_ASKED);
  private readonly sent: SentSegments;
  private readonly limit: number;

  constructor(sent: SentSegments, limit: number) {
    this.sent = sent;
    this.limit = limit;
  }

  get size(): number {
    return this.tracks.size + this.asked.size;
  }

  /** The directions (as given to `repeat`) of which there is something to say. */
  *found(): Generator<number> {
    for (const key of this.tracks.keys()) if (this.of(key)) yield key;
  }

  /** The segment that stuck in the direction, and was repeated for longest; null where none was repeated three times. Facts that may change later. */
  of(key: number): StuckSegment | null {
    const track = this.tracks.get(key);
    if (!track) return null;
    const now = track.now && isStuck(track.now.facts) ? track.now.facts : undefined;
    return worse(track.kept, now) ?? null;
  }

  /**
   * The first segment that is not acknowledged is sent again.
   *
   * @param key names the direction of the connection at its place
   * @param seq its sequence number
   * @param size octets of its IP packet on the wire
   * @param before the segment sent before it in this direction
   * @param isClosed the receiver's window is closed
   * @returns whether there is room for it
   */
  repeat(key: number, packet: Packet, seq: number, length: number, size: number, before: number, isClosed: boolean): boolean {
    const track = this.trackOf(key, packet.at);
    if (!track) return false;
    const { now } = track;
    if (!now || (now.facts.seq | 0) !== seq) {
      if (now && isStuck(now.facts)) track.kept = worse(track.kept, now.facts);
      track.now = this.begin(packet, seq, length, size, before, isClosed);
      this.takeAsked(key, track.now.facts);
      return true;
    }
    const { facts } = now;
    // What was sent before was lost, too.
    if (now.lastSize < facts.size) {
      facts.size = now.lastSize;
      facts.length = now.lastLength;
    }
    facts.retransmissionCount++;
    if (facts.retransmissions.length < MOST_STAMPS) facts.retransmissions.push(stampOf(packet));
    else overwriteStamp(facts.retransmissions[MOST_STAMPS - 1] as Stamp, packet);
    facts.dontFragment &&= isUnfragmentable(packet);
    facts.zeroWindow ||= isClosed;
    now.lastLength = length;
    now.lastSize = size;
    return true;
  }

  /**
   * The receiver repeats its acknowledgment while octets are on their way, of which nothing was sent again yet. Few do before packets of that size ever passed.
   *
   * @param seq what it waits for
   */
  ask(key: number, packet: Packet, seq: number): void {
    let hasLater = false;
    eachSackBlock(packet, (left) => {
      if (((left - seq) | 0) > 0) hasLater = true;
    });
    const known = this.asked.get(key);
    if (known?.seq !== seq) {
      this.asked.set(key, { seq, count: 1, first: stampOf(packet), last: stampOf(packet), hasLater });
      return;
    }
    known.count++;
    known.hasLater ||= hasLater;
    overwriteStamp(known.last, packet);
  }

  /** A packet of the receiver; it acknowledges nothing new. */
  live(key: number, packet: Packet, isClosed: boolean): void {
    const now = this.tracks.get(key)?.now;
    if (!now) return;
    const { facts } = now;
    facts.zeroWindow ||= isClosed;
    facts.lifeSigns++;
    if (facts.lastLife) {
      overwriteStamp(facts.lastLife, packet);
      return;
    }
    facts.firstLife = stampOf(packet);
    facts.lastLife = stampOf(packet);
  }

  /**
   * The receiver acknowledged all octets before `ack`.
   *
   * @returns whether there is still something to know of the direction
   */
  acknowledge(key: number, packet: Packet, ack: number): boolean {
    const track = this.tracks.get(key);
    if (!track) return false;
    const { now } = track;
    if (now && ((ack - now.facts.seq) | 0) > 0) {
      if (isStuck(now.facts)) {
        now.facts.acked = { stamp: stampOf(packet), size: now.lastSize };
        track.kept = worse(track.kept, now.facts);
      }
      track.now = undefined;
    }
    if (track.now || track.kept) return true;
    this.tracks.delete(key);
    return false;
  }

  forget(key: number): void {
    this.tracks.delete(key);
    this.asked.delete(key);
  }

  clear(): void {
    this.tracks.clear();
    this.asked.clear();
  }

  /** Where too many are stuck at once, a new one has to wait: to forget those that were repeated most would be to forget all of them, one after the other. */
  private trackOf(key: number, at: number): Track | undefined {
    const { tracks } = this;
    const known = tracks.get(key);
    if (known) return known;
    if (tracks.size >= this.limit && !this.makeRoom(at)) return undefined;
    const track = { now: undefined, kept: undefined };
    tracks.set(key, track);
    return track;
  }

  /** What was repeated once or twice, and long ago, may go; few are looked at, and others the next time. */
  private makeRoom(at: number): boolean {
    const { tracks } = this;
    let looked = 0;
    for (const [key, track] of tracks) {
      const { now, kept } = track;
      tracks.delete(key);
      const latest = now?.facts.retransmissions.at(-1)?.at ?? at;
      if (!kept && !(now && isStuck(now.facts)) && at - latest > QUIET_SEC) {
        this.evicted++;
        return true;
      }
      tracks.set(key, track);
      if (++looked === MOST_LOOKED_AT) return false;
    }
    return false;
  }

  /** What the receiver said between the first sending and the second one: it lives, and the segment is missing. */
  private takeAsked(key: number, facts: StuckSegment): void {
    const { asked } = this;
    const known = asked.get(key);
    if (!known) return;
    asked.delete(key);
    if (known.seq !== (facts.seq | 0) || (!known.hasLater && known.last.at - facts.first.at < COPY_SEC)) return;
    facts.lifeSigns = known.count;
    facts.firstLife = known.first;
    facts.lastLife = known.last;
  }

  private begin(packet: Packet, seq: number, length: number, size: number, before: number, isClosed: boolean): Repeated {
    const { sent } = this;
    const again: Stamp[] = [stampOf(packet)];
    let first: Stamp | undefined;
    let lostSize = size;
    let lostLength = length;
    for (let segment = before, step = 0; segment !== NO_SEGMENT && step < MOST_STEPS; segment = sent.previousOf(segment), step++) {
      const start = sent.seqOf(segment);
      const offset = (seq - start) | 0;
      const isOfIt = offset >= 0 && offset < sent.lengthOf(segment);
      if (isOfIt) {
        lostSize = first ? Math.min(lostSize, sent.sizeOf(segment)) : sent.sizeOf(segment);
        lostLength = first ? Math.min(lostLength, sent.lengthOf(segment)) : sent.lengthOf(segment);
        if (first) again.unshift(first);
        first = sent.stampOf(segment);
      }
      // What was new then has only older octets before it.
      if (!sent.isRepeated(segment) && offset >= 0) break;
    }
    // Sent before the capture began, or too long ago: then this is the first one that is known.
    const [begun = stampOf(packet), ...repeated] = first ? [first, ...again] : again;
    return {
      facts: {
        seq: seq >>> 0,
        length: lostLength,
        size: lostSize,
        dontFragment: isUnfragmentable(packet),
        first: begun,
        retransmissions: repeated.slice(0, MOST_STAMPS),
        retransmissionCount: repeated.length,
        lifeSigns: 0,
        firstLife: null,
        lastLife: null,
        acked: null,
        zeroWindow: isClosed,
      },
      lastLength: length,
      lastSize: size,
    };
  }
}

const isStuck = ({ retransmissionCount }: StuckSegment): boolean => retransmissionCount >= STUCK_AFTER;

const isUnfragmentable = ({ version, dontFragment }: Packet): boolean => version === 6 || dontFragment;

/** What was never acknowledged says more; then what took longer. */
function worse(a: StuckSegment | undefined, b: StuckSegment | undefined): StuckSegment | undefined {
  if (!a || !b) return a ?? b;
  if ((a.acked === null) !== (b.acked === null)) return a.acked === null ? a : b;
  return spanOf(b) > spanOf(a) ? b : a;
}

const spanOf = ({ first, retransmissions }: StuckSegment): number => (retransmissions.at(-1)?.at ?? first.at) - first.at;
