import type { QuotedPacket } from '../../wire/icmp.ts';
import type { Packet } from '../../wire/packet.ts';
import { acknowledgmentOf, sequenceOf, TcpFlag, tcpMss, windowOf } from '../../wire/tcp.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { overwriteStamp, stampOf } from '../stamp.ts';
import { NONE } from '../table.ts';
import type { TcpConnection } from './connection.ts';
import { connectionOf, type Gap } from './connection-view.ts';
import { LatestPlaces } from './latest-places.ts';
import * as place from './places.ts';
import { isLargestOnItsWay, SegmentSizes } from './segment-sizes.ts';
import { NO_SEGMENT, SentSegments } from './sent-segments.ts';
import { StuckSegments } from './stuck-segments.ts';
import { TooBigErrors } from './too-big.ts';

/** Connections and places of capture at once. */
const MOST_PLACES = 65_536;
/** What goes on after so long a silence is another connection. */
const IDLE_SEC = 600;
/** Directions in which a segment is being repeated; connections that ICMP errors are about; connections that are over and tell of sizes. */
const MOST_STUCK = 4096;
/** Directions at places where octets are missing. */
const MOST_GAPS = 4096;
const MOST_TROUBLED = 4096;
const MOST_QUIET = 1024;
/** The latest places that are looked at for their MSS. */
const MOST_NOTED = 1024;
const MOST_BETWEEN = 1024;

/** An earlier identification that was sighted so shortly before is that of a copy, or of a segment that was overtaken. */
const COPY_SEC = 0.1;
const NEAR_IDENTS = 1024;
/** Where there are no identifications: who repeats waits longer, or has heard the receiver ask three times (RFC 5681 section 3.2). */
const OVERTAKEN_SEC = 0.003;
const DUPLICATE_ACKS = 3;
/** Segments that are looked through for an earlier sighting. */
const MOST_LOOKED_THROUGH = 256;

const TCP_HEADER = 20;
const SIZE_MASK = 0xffff;
const HALF = 16;
/** Of the word `FLAGS`. */
const FLAGS_MASK = 0xffff;
/** Of the word `WINDOW`. */
const WINDOW_MASK = 0xffff;
const REPEATED_ACKS_SHIFT = 24;
const MOST_REPEATED_ACKS = 255;
const MOST_KEEPALIVES = 255;
/** A header with options has at least so many octets if one of them is SACK. */
const LEAST_WITH_SACK = 32;
/** An acknowledgment is late where it is further back than any window. */
const MOST_WINDOW = 2 ** 30;
const MOST_COUNTED = 2 ** 31 - 1;
/** With these a connection begins and ends: few packets have one. */
const TURNING_FLAGS = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst;

export interface TcpEvents {
  /** A connection is over, or idle for long. */
  connection(make: () => TcpConnection): void;
}

/**
 * Follows TCP connections as far as sizes go: MSS, what was sent, what was acknowledged, what was sent again. Each place of capture by itself: the same packet
 * seen at several of them is no repetition. Sizes are those of packets on the wire: what segmentation offload left together is split by the MSS.
 */
export class TcpTracker {
  private readonly places: place.Places;
  private readonly sent = new SentSegments();
  private readonly sizes: SegmentSizes;
  private readonly stuck: StuckSegments;
  private readonly errors: TooBigErrors;
  /** Of answered connections whose SYN passed in a tunnel, on an interface without link-layer addresses, or at a second place. */
  private readonly noted: LatestPlaces;
  /** Octets that did not pass, by direction and place. */
  private readonly gaps = new BoundedMap<number, Gap>(MOST_GAPS);
  /** Connections that are over: those with trouble, and those that were only noted. */
  private troubled: TcpConnection[] = [];
  private quiet: TcpConnection[] = [];
  /** After the end: all that were followed between two hosts of which a connection has trouble. */
  private beside: readonly TcpConnection[] = [];
  private forgotten = 0;
  private isOver = false;
  private readonly events: TcpEvents;
  /** The connection that is being closed, and its record as soon as somebody asks for it. */
  private closing = NONE;
  private made: TcpConnection | undefined;
  private readonly make = (): TcpConnection => {
    this.made ??= this.viewOf(this.closing);
    return this.made;
  };

  constructor(clock: Clock, events: TcpEvents) {
    this.events = events;
    this.places = new place.Places(clock, MOST_PLACES, IDLE_SEC, (connection) => this.close(connection));
    this.sizes = new SegmentSizes(this.places, this.sent);
    this.errors = new TooBigErrors(this.places);
    this.stuck = new StuckSegments(this.sent, MOST_STUCK);
    this.noted = new LatestPlaces(this.places.table, place.NOTED_AS, MOST_NOTED);
  }

  get size(): number {
    return this.places.table.size + this.stuck.size + this.errors.size + this.gaps.size;
  }

  get evicted(): number {
    const { places, stuck, errors, gaps, noted } = this;
    return places.table.evicted + places.refused + stuck.evicted + errors.evicted + gaps.evicted + noted.evicted + this.forgotten;
  }

  /**
   * Connections in which a segment stuck, or that an ICMP error is about, and the latest of those whose SYN passed in a tunnel, on an interface without
   * link-layer addresses, or at several places, and of those with octets missing. In the order of their first packets.
   */
  get list(): readonly TcpConnection[] {
    const { places, errors, stuck } = this;
    const open = new Set<number>(errors.keys());
    for (const key of stuck.found()) open.add(places.connectionOf(key >> 1));
    for (const id of this.noted.values()) open.add(places.connectionOf(id));
    for (const key of this.gaps.keys()) open.add(places.connectionOf(key >> 1));
    const going = [...open].map((connection) => this.viewOf(connection));
    return [...this.troubled, ...this.quiet, ...going].sort(
      (a, b) => a.first.at - b.first.at || a.first.input - b.first.input || a.first.frame - b.first.frame,
    );
  }

  /** Connections between pairs of addresses (`a b`, in either order) that are followed, healthy ones too: the latest. Looks at all places. */
  between(pairs: ReadonlySet<string>): readonly TcpConnection[] {
    const going = this.places.between(pairs, MOST_BETWEEN).map((connection) => this.viewOf(connection));
    return [...this.beside, ...going];
  }

  /** The packet will be observed soon. */
  expect(packet: Packet): void {
    this.places.expect(packet);
  }

  /** Fetches what is known of the connections of all expected packets. */
  fetch(): void {
    this.places.table.fetch();
  }

  /**
   * A packet with a TCP header. What most packets are, data or an acknowledgment of a connection that goes on, is told by one test of flags: it asks for no
   * more than the place's own words.
   */
  observe(packet: Packet): void {
    if (packet.joined || packet.fragmentOffset > 0) return;
    const { places } = this;
    const { tcpFlags, payloadLength } = packet;
    if ((tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn) this.closeFormer(packet);
    const id = places.take(packet);
    if (id === NONE) return;
    const { table, fromLower } = places;
    const { words } = table;
    const own = table.ownOf(id);
    const at = place.countersOf(own, fromLower);
    const other = place.countersOf(own, !fromLower);
    const seq = sequenceOf(packet);
    const flags = words[at + place.FLAGS] ?? 0;
    const packets = words[at + place.PACKETS] ?? 0;
    if (packets < MOST_COUNTED) words[at + place.PACKETS] = packets + 1;
    if ((flags & place.SEEN) === 0) this.begin(packet, id, at, seq);
    else if (flags & place.GAP) this.goOn(packet, id);
    if (tcpFlags & TURNING_FLAGS) this.turn(packet, id, at, other, seq);
    else if (payloadLength > 0) this.send(packet, id, at, other, seq);
    else if (seq !== words[at + place.NEXT]) this.sendNothing(packet, id, at, seq);
    if ((tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) !== TcpFlag.Ack) return;
    this.acknowledge(packet, id, at, other);
    // Where the other direction does not pass, it is about what passes elsewhere.
    if (((words[other + place.FLAGS] ?? 0) & (place.SEEN | place.SEVERAL)) === place.SEVERAL) this.acknowledgeElsewhere(packet, id);
  }

  /** A SYN, a FIN or an RST. */
  private turn(packet: Packet, id: number, at: number, other: number, seq: number): void {
    const { places } = this;
    const { tcpFlags, payloadLength } = packet;
    // A SYN may have data (RFC 7413), an RST a text that says why (RFC 9293 section 3.5.3).
    if (payloadLength > 0 && tcpFlags & (TcpFlag.Syn | TcpFlag.Rst)) places.addBytes(id, at, payloadLength);
    if (tcpFlags & TcpFlag.Syn) this.observeSyn(packet, id, at, other, seq);
    else if (tcpFlags & TcpFlag.Rst) this.places.flagDirection(at, place.RST);
    else if (payloadLength > 0) this.send(packet, id, at, other, seq);
    else this.sendNothing(packet, id, at, seq);
    if (tcpFlags & TcpFlag.Fin) this.end(packet, id, at, seq);
  }

  /** An ICMP error that quotes a TCP segment. */
  observeError(quote: QuotedPacket, packet: Packet): void {
    this.errors.observe(quote, packet);
  }

  expire(): void {
    this.places.table.expire();
  }

  /** What is told at the end is no less than what was known before. */
  finish(): void {
    const open = new Set<number>();
    for (const key of this.stuck.found()) open.add(this.places.connectionOf(key >> 1));
    for (const key of this.gaps.keys()) open.add(this.places.connectionOf(key >> 1));
    const going = [...open].map((connection) => this.viewOf(connection));
    const troubled = [...this.troubled, ...this.quiet, ...going].filter(({ sightings }) =>
      sightings.some(({ fromA, fromB }) => fromA.stuck ?? fromB.stuck ?? fromA.gap ?? fromB.gap),
    );
    if (troubled.length > 0) this.beside = this.between(new Set(troubled.map(({ a, b }) => `${a.ip} ${b.ip}`)));
    this.isOver = true;
    this.places.table.clear();
    this.isOver = false;
  }

  reset(): void {
    this.troubled = [];
    this.quiet = [];
    this.beside = [];
    this.stuck.clear();
    this.errors.clear();
    this.noted.clear();
    this.gaps.clear();
  }

  /** A SYN: that of the connection, again or at another place, or that of the next one between the same ports. */
  private closeFormer(packet: Packet): void {
    const { places } = this;
    const id = places.find(packet);
    if (id === NONE) return;
    const flags = this.flagsOf(id, places.fromLower);
    if ((flags & place.SEEN) === 0) return;
    if (flags & place.SYN && this.initialOf(id) === sequenceOf(packet)) return;
    places.close(places.connectionOf(id));
  }

  private initialOf(id: number): number {
    const { table, fromLower } = this.places;
    return table.apart.words[place.rareOf(table.apartOf(id), fromLower) + place.INITIAL] ?? 0;
  }

  /** The first packet of its direction at its place. */
  private begin(packet: Packet, id: number, at: number, seq: number): void {
    const { places } = this;
    this.places.flagDirection(at, place.SEEN | (packet.direction << place.DIRECTION_SHIFT));
    places.table.words[at + place.NEXT] = seq;
    places.writeFirst(id, packet);
  }

  /** A packet of a direction in which octets are missing. */
  private goOn(packet: Packet, id: number): void {
    const gap = this.gaps.get(keyOf(id, this.places.fromLower));
    if (gap) overwriteStamp(gap.last, packet);
  }

  private observeSyn(packet: Packet, id: number, at: number, other: number, seq: number): void {
    const { places } = this;
    const { table, fromLower } = places;
    const { words, apart } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    if (flags & place.SYN) {
      this.countUnheard(id, at, (seq + 1) | 0);
      return;
    }
    const mss = tcpMss(packet);
    words[at + place.FLAGS] = flags | place.SYN | (mss === undefined ? 0 : place.MSS);
    words[other + place.FLAGS] = ((words[other + place.FLAGS] ?? 0) & FLAGS_MASK) | ((mss ?? 0) << place.MSS_SHIFT);
    words[at + place.NEXT] = (seq + 1) | 0;
    words[at + place.WINDOW] = flags & place.AWAITED ? place.OUT_OF_ORDER : 0;
    const rest = table.apartOf(id);
    apart.words[place.rareOf(rest, fromLower) + place.INITIAL] = seq;
    apart.words[place.rareOf(rest, !fromLower) + place.LOWERED] = 0;
    // The first packet of its end, or one that says more than what came before it.
    places.writeFirst(id, packet);
    const isAnswer = (packet.tcpFlags & TcpFlag.Ack) !== 0;
    const state = apart.words[rest + place.STATE] ?? 0;
    const isOpenedByLower = fromLower !== isAnswer;
    apart.words[rest + place.STATE] = (isOpenedByLower ? state | place.OPENED_BY_LOWER : state & ~place.OPENED_BY_LOWER) | place.HAS_SYN;
    if (isAnswer) this.note(id);
  }

  /** The connection is answered: its MSS may be looked at where that passes a tunnel, or several places. */
  private note(id: number): void {
    const { places } = this;
    const { apart } = places.table;
    const isLayer3 = ((apart.words[places.table.apartOf(id) + place.STATE] ?? 0) & place.LAYER_3) !== 0;
    if (!isLayer3 && !places.isInner(id) && (places.flagsOf(id) & place.SEVERAL) === 0) return;
    this.noted.add(id);
    places.flag(id, place.NOTED);
  }

  /** A packet without payload: an acknowledgment, a keepalive, or one that shows that octets before it did not pass. */
  private sendNothing(packet: Packet, id: number, at: number, seq: number): void {
    const { words } = this.places.table;
    const ahead = (seq - (words[at + place.NEXT] ?? 0)) | 0;
    if (ahead > 0) this.jump(packet, id, at, seq);
    else if (ahead === -1 && (packet.tcpFlags & TcpFlag.Fin) === 0) this.countKeepalive(id);
  }

  /** The FIN takes a sequence number. */
  private end({ payloadLength }: Packet, id: number, at: number, seq: number): void {
    const { words } = this.places.table;
    this.places.flagDirection(at, place.FIN);
    const end = (seq + payloadLength + 1) | 0;
    if (payloadLength === 0) this.countUnheard(id, at, end);
    if (((end - (words[at + place.NEXT] ?? 0)) | 0) > 0) words[at + place.NEXT] = end;
  }

  /** Octets before `end` are sent again: the other end acknowledged them here, and was not heard. */
  private countUnheard(id: number, at: number, end: number): void {
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    if (((words[at + place.FLAGS] ?? 0) & place.HAS_ACKED) === 0 || (((words[at + place.ACKED] ?? 0) - end) | 0) < 0) return;
    const counter = place.rareOf(table.apartOf(id), fromLower) + place.UNHEARD;
    apart.words[counter] = (apart.words[counter] ?? 0) + 1;
  }

  private countKeepalive(id: number): void {
    const { table, fromLower } = this.places;
    const { words } = table.apart;
    const at = place.rareOf(table.apartOf(id), fromLower) + place.KEEPALIVES;
    if ((words[at] ?? 0) < MOST_KEEPALIVES) words[at] = (words[at] ?? 0) + 1;
  }

  /** A segment with payload. */
  private send(packet: Packet, id: number, at: number, other: number, seq: number): void {
    const { words } = this.places.table;
    const { payloadLength } = packet;
    this.places.addBytes(id, at, payloadLength);
    const ahead = (seq - (words[at + place.NEXT] ?? 0)) | 0;
    if (ahead < 0) {
      this.sendAgain(packet, id, at, other, seq, ahead);
      return;
    }
    if (ahead > 0) this.jump(packet, id, at, seq);
    words[at + place.NEXT] = (seq + payloadLength) | 0;
    this.remember(packet, id, at, seq, false);
  }

  /** Notes the size of a segment that is on its way, and when it was sent; gives the size. */
  private remember(packet: Packet, id: number, at: number, seq: number, isRepeated: boolean): number {
    const { words } = this.places.table;
    const sizes = words[at + place.SIZES] ?? 0;
    const flags = words[at + place.FLAGS] ?? 0;
    let size = packet.payloadAt + packet.payloadLength - packet.ipAt;
    // What is no larger than what arrived before, or than what is awaited, tells nothing.
    if (size > sizes >>> HALF && (size > (sizes & SIZE_MASK) || (flags & place.AWAITED_MOST) === 0)) {
      size = this.sizes.sizeOf(packet, id, at);
      this.sizes.observe(packet, id, at, seq, size);
    }
    if (!packet.dontFragment && packet.version === 4 && (flags & place.FRAGMENTABLE) === 0)
      this.places.flagDirection(at, place.FRAGMENTABLE);
    words[at + place.SEGMENT] = this.sent.add(packet, seq, size, isRepeated, words[at + place.SEGMENT] ?? NO_SEGMENT);
    return size;
  }

  /** A segment whose first octet is older than the latest one: sent again, sighted again, overtaken, or a keepalive. */
  private sendAgain(packet: Packet, id: number, at: number, other: number, seq: number, ahead: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    const acked = words[at + place.ACKED] ?? 0;
    const end = (seq + packet.payloadLength) | 0;
    if (packet.payloadLength === 1 && ahead === -1 && flags & place.HAS_ACKED && acked === words[at + place.NEXT]) {
      this.countKeepalive(id);
      return;
    }
    const isRepeated = this.isRepeated(packet, at, other, seq);
    this.fill(id, at, seq, end);
    if (((end - (words[at + place.NEXT] ?? 0)) | 0) > 0) words[at + place.NEXT] = end;
    if (!isRepeated) return;
    this.countUnheard(id, at, end);
    const { words: rare } = table.apart;
    const rareAt = place.rareOf(table.apartOf(id), fromLower);
    rare[rareAt + place.RETRANSMISSIONS] = (rare[rareAt + place.RETRANSMISSIONS] ?? 0) + 1;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    this.sizes.sendAgain(packet, id, at, seq, end);
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) & ~place.AWAITED_MOST;
    words[at + place.WINDOW] = (words[at + place.WINDOW] ?? 0) | place.OUT_OF_ORDER;
    const size = this.remember(packet, id, at, seq, true);
    // At the left edge: what is acknowledged ends here. Without acknowledgments each is taken for the edge.
    const isAtEdge = (flags & place.HAS_ACKED) === 0 || (((acked - seq) | 0) >= 0 && ((end - acked) | 0) > 0);
    if (!isAtEdge) return;
    this.places.flagDirection(at, place.STUCK);
    // Before its first acknowledgment the receiver's window is not known.
    const isClosed = (flags & place.HAS_ACKED) !== 0 && isWindowClosed(words, other);
    const length = size - (packet.payloadAt - packet.ipAt);
    const isTaken = this.stuck.repeat(keyOf(id, fromLower), packet, seq, Math.min(length, packet.payloadLength), size, before, isClosed);
    if (!isTaken && (flags & place.STUCK) === 0) this.forgotten++;
  }

  /** Whether a segment with octets that were sighted before was sent again: not a copy, nor one that was overtaken on its way. */
  private isRepeated(packet: Packet, at: number, other: number, seq: number): boolean {
    const { sent } = this;
    const { words } = this.places.table;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    if (!sent.has(before)) return true;
    const since = packet.at - sent.atOf(before);
    const latest = sent.identOf(before);
    if (packet.version === 4 && packet.ident !== 0 && latest !== 0) {
      const later = ((packet.ident - latest) << HALF) >> HALF;
      if (later > 0 && later < NEAR_IDENTS) return true;
      if (later <= 0 && later > -NEAR_IDENTS && since < COPY_SEC) return false;
    }
    if (since >= OVERTAKEN_SEC) return true;
    if (sent.ttlOf(before) !== packet.ttl) return false;
    const repeatedAcks = (words[other + place.WINDOW] ?? 0) >>> REPEATED_ACKS_SHIFT;
    if (repeatedAcks >= DUPLICATE_ACKS) return true;
    return this.wasSentBefore(packet, before, seq);
  }

  /** Whether the octet was sent longer ago than copies lie apart. */
  private wasSentBefore({ at: now }: Packet, latest: number, seq: number): boolean {
    const { sent } = this;
    for (let segment = latest, step = 0; segment !== NO_SEGMENT && step < MOST_LOOKED_THROUGH; segment = sent.previousOf(segment), step++) {
      const offset = (seq - sent.seqOf(segment)) | 0;
      if (offset >= 0 && offset < sent.lengthOf(segment)) return now - sent.atOf(segment) >= OVERTAKEN_SEC;
    }
    return false;
  }

  /** Octets before `seq` did not pass here, at least not yet. */
  private jump(packet: Packet, id: number, at: number, seq: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    if ((flags & place.GAP) === 0) {
      words[at + place.FLAGS] = flags | place.GAP;
      this.gaps.set(keyOf(id, fromLower), { start: words[at + place.NEXT] ?? 0, end: seq, stamp: stampOf(packet), last: stampOf(packet) });
    }
    words[at + place.WINDOW] = (words[at + place.WINDOW] ?? 0) | place.OUT_OF_ORDER;
    words[at + place.NEXT] = seq;
  }

  /** Octets from `seq` to `end` passed after all. */
  private fill(id: number, at: number, seq: number, end: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    if ((flags & place.GAP) === 0) return;
    const key = keyOf(id, fromLower);
    const gap = this.gaps.get(key);
    if (gap && ((seq - gap.start) | 0) <= 0 && ((end - gap.start) | 0) > 0) gap.start = end;
    else if (gap && ((end - gap.end) | 0) >= 0 && ((gap.end - seq) | 0) > 0) gap.end = seq;
    if (gap && ((gap.end - gap.start) | 0) > 0) return;
    words[at + place.FLAGS] = flags & ~place.GAP;
    this.gaps.delete(key);
  }

  /** The packet's acknowledgment, which is about what the other end sent. */
  private acknowledge(packet: Packet, id: number, at: number, other: number): void {
    const { words } = this.places.table;
    const flags = words[other + place.FLAGS] ?? 0;
    const ack = acknowledgmentOf(packet);
    const window = windowOf(packet);
    const before = words[at + place.WINDOW] ?? 0;
    const progress = flags & place.HAS_ACKED ? (ack - (words[other + place.ACKED] ?? 0)) | 0 : 1;
    let repeated = before >>> REPEATED_ACKS_SHIFT;
    if (progress > 0 && progress < MOST_WINDOW) {
      repeated = 0;
      words[other + place.ACKED] = ack;
      if ((flags & place.HAS_ACKED) === 0) words[other + place.FLAGS] = flags | place.HAS_ACKED;
      if (flags & place.AWAITED) this.sizes.settle(id, other, ack);
      if (flags & (place.GAP | place.STUCK)) this.advance(packet, id, other, ack);
    } else if (progress === 0 && packet.payloadLength === 0 && window === (before & WINDOW_MASK) && words[other + place.NEXT] !== ack) {
      if (repeated < MOST_REPEATED_ACKS) repeated++;
      if (isLargestOnItsWay(words, other)) this.stuck.ask(keyOf(id, !this.places.fromLower), packet, ack);
    }
    words[at + place.WINDOW] = (before & place.OUT_OF_ORDER) | window | (repeated << REPEATED_ACKS_SHIFT);
    if (packet.payloadAt - packet.transportAt >= LEAST_WITH_SACK && isLargestOnItsWay(words, other)) this.sizes.observeSack(packet, other);
    if (flags & place.STUCK && progress <= 0) this.stuck.live(keyOf(id, !this.places.fromLower), packet, window === 0);
  }

  /** The packet is at a place that the other direction does not pass: it acknowledges what passes at one that this direction does not. */
  private acknowledgeElsewhere(packet: Packet, id: number): void {
    const { places } = this;
    const { fromLower } = places;
    for (const half of places.otherHalvesOf(id, fromLower)) {
      const own = places.table.ownOf(half);
      this.acknowledge(packet, half, place.countersOf(own, fromLower), place.countersOf(own, !fromLower));
    }
  }

  /** What was missing, or repeated, is acknowledged. */
  private advance(packet: Packet, id: number, other: number, ack: number): void {
    const { places } = this;
    const { fromLower } = places;
    const { words } = places.table;
    const flags = words[other + place.FLAGS] ?? 0;
    const key = keyOf(id, !fromLower);
    let left = flags;
    // It passed elsewhere, or the capture missed it.
    if (flags & place.GAP && ((ack - (this.gaps.get(key)?.start ?? ack - 1)) | 0) > 0) {
      left &= ~place.GAP;
      this.gaps.delete(key);
    }
    if (flags & place.STUCK) {
      if (!this.stuck.acknowledge(key, packet, ack)) left &= ~place.STUCK;
      // Linux goes on with what got through (`tcp_mtu_probing`).
      const passed = this.stuck.of(key)?.acked?.size;
      if (passed !== undefined) places.lowerLimit(id, !fromLower, passed - (packet.transportAt - packet.ipAt) - TCP_HEADER);
    }
    words[other + place.FLAGS] = left;
  }

  private viewOf(connection: number): TcpConnection {
    return connectionOf(this.places, connection, this.errors.of(connection), {
      stuck: (id, lower) => this.stuck.of(keyOf(id, lower)),
      gap: (id, lower) => this.gaps.get(keyOf(id, lower)),
    });
  }

  /** The connection is over. Most are plain: they are counted, and nothing but their own words is looked at. */
  private close(connection: number): void {
    const { places, errors, noted } = this;
    this.closing = connection;
    this.made = undefined;
    this.events.connection(this.make);
    const isPlain = (places.flagsOf(connection) & (place.STUCK | place.GAP | place.SEVERAL | place.NOTED)) === 0;
    if (isPlain && !errors.has(connection)) return;
    let isTroubled = errors.has(connection);
    let isOfInterest = false;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      isOfInterest ||= noted.has(id) || this.hasGap(id);
      isTroubled ||= this.hasStuck(id);
    }
    if (isTroubled) this.keep(this.troubled, this.make(), MOST_TROUBLED);
    else if (isOfInterest) this.keep(this.quiet, this.make(), MOST_QUIET);
    errors.delete(connection);
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      noted.remove(id);
      this.forget(id);
    }
  }

  private hasStuck(id: number): boolean {
    if ((this.places.flagsOf(id) & place.STUCK) === 0) return false;
    return BOTH.some((lower) => this.flagsOf(id, lower) & place.STUCK && this.stuck.of(keyOf(id, lower)));
  }

  private hasGap(id: number): boolean {
    if ((this.places.flagsOf(id) & place.GAP) === 0) return false;
    return BOTH.some((lower) => this.flagsOf(id, lower) & place.GAP && this.gaps.has(keyOf(id, lower)));
  }

  private forget(id: number): void {
    for (const lower of BOTH) {
      const flags = this.flagsOf(id, lower);
      if (flags & place.STUCK) this.stuck.forget(keyOf(id, lower));
      if (flags & place.GAP) this.gaps.delete(keyOf(id, lower));
    }
  }

  private flagsOf(id: number, lower: boolean): number {
    const { table } = this.places;
    return table.words[place.countersOf(table.ownOf(id), lower) + place.FLAGS] ?? 0;
  }

  private keep(kept: TcpConnection[], connection: TcpConnection, most: number): void {
    kept.push(connection);
    if (kept.length <= most || this.isOver) return;
    kept.shift();
    this.forgotten++;
  }
}

const BOTH = [true, false] as const;

/** Names a direction of a connection at a place. */
const keyOf = (id: number, lower: boolean): number => id * 2 + (lower ? 1 : 0);

const isWindowClosed = (words: Int32Array, at: number): boolean => ((words[at + place.WINDOW] ?? 0) & SIZE_MASK) === 0;
