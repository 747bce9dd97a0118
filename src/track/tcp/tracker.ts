import { Direction } from '../../frame.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import type { Packet } from '../../wire/packet.ts';
import { acknowledgmentOf, eachSackBlock, sequenceOf, TcpFlag, tcpMss, tcpWindowScale, windowOf } from '../../wire/tcp.ts';
import { BoundedMap } from '../bounded-map.ts';
import { overwriteStamp, stampOf, writeStamp } from '../stamp.ts';
import { NONE } from '../table.ts';
import { arrived, awaitAck, isAnyAwaited, lowerCandidates } from './candidates.ts';
import type { TcpConnection } from './connection.ts';
import { connectionOf, type Gap } from './connection-view.ts';
import { LatestPlaces } from './latest-places.ts';
import * as place from './places.ts';
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
/** A frame of a card is no larger; where no MSS is known, what is larger was put together by the card. */
const ETHERNET_MTU = 1500;
const SIZE_MASK = 0xffff;
const FLAG_BITS = 16;
/** Of the word `WINDOW`. */
const SCALE_SHIFT = 16;
const SCALE_MASK = 0xff0000;
const REPEATED_ACKS_SHIFT = 24;
const MOST_REPEATED_ACKS = 255;
const MOST_KEEPALIVES = 255;
/** A header with options has at least so many octets if one of them is SACK. */
const LEAST_WITH_SACK = 32;
/** An acknowledgment is late where it is further back than any window. */
const MOST_WINDOW = 2 ** 30;
const MOST_COUNTED = 2 ** 31 - 1;

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

  constructor(clock: Packet, events: TcpEvents) {
    this.events = events;
    this.places = new place.Places(clock, MOST_PLACES, IDLE_SEC, (connection) => this.close(connection));
    this.errors = new TooBigErrors(this.places);
    this.stuck = new StuckSegments(this.sent, MOST_STUCK);
    this.noted = new LatestPlaces(this.places.table, place.NOTED, MOST_NOTED);
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

  /** A packet with a TCP header. */
  observe(packet: Packet): void {
    if (packet.joined || packet.fragmentOffset > 0) return;
    const { places } = this;
    if ((packet.tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn) this.closeFormer(packet);
    const id = places.take(packet);
    if (id === NONE) return;
    const { table, fromLower } = places;
    const { words } = table;
    const own = table.ownOf(id);
    const at = place.countersOf(own, fromLower);
    const seq = sequenceOf(packet);
    const flags = words[at + place.FLAGS] ?? 0;
    if ((flags & place.SEEN) === 0) this.begin(packet, id, at, seq);
    else if (flags & place.GAP) this.goOn(packet, id);
    const packets = words[at + place.PACKETS] ?? 0;
    if (packets < MOST_COUNTED) words[at + place.PACKETS] = packets + 1;
    const { tcpFlags, payloadLength } = packet;
    // A SYN may have data (RFC 7413), an RST a text that says why (RFC 9293 section 3.5.3).
    if (payloadLength > 0 && tcpFlags & (TcpFlag.Syn | TcpFlag.Rst)) places.addBytes(id, at, payloadLength);
    if (tcpFlags & TcpFlag.Syn) this.observeSyn(packet, id, at, seq);
    else if (tcpFlags & TcpFlag.Rst) words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.RST;
    else if (payloadLength > 0) this.send(packet, id, own, at, seq);
    else this.sendNothing(packet, id, at, seq);
    if (tcpFlags & TcpFlag.Fin) this.end(packet, id, at, seq);
    if ((tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) === TcpFlag.Ack) {
      this.acknowledge(packet, id, own, at);
      const back = words[place.countersOf(own, !fromLower) + place.FLAGS] ?? 0;
      if ((back & place.SEEN) === 0 && places.hasSeveral(id)) this.acknowledgeElsewhere(packet, id);
    }
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
    const troubled = this.list.filter(({ sightings }) =>
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
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    const rest = table.apartOf(id);
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.SEEN;
    words[at + place.NEXT] = seq;
    writeStamp(apart, place.firstOf(rest, fromLower), packet);
    if (packet.direction === Direction.Unknown) return;
    const shift = fromLower ? place.LOWER_DIRECTION_SHIFT : place.UPPER_DIRECTION_SHIFT;
    apart.words[rest + place.STATE] = (apart.words[rest + place.STATE] ?? 0) | (packet.direction << shift);
  }

  /** A packet of a direction in which octets are missing. */
  private goOn(packet: Packet, id: number): void {
    const gap = this.gaps.get(keyOf(id, this.places.fromLower));
    if (gap) overwriteStamp(gap.last, packet);
  }

  private observeSyn(packet: Packet, id: number, at: number, seq: number): void {
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    if (flags & place.SYN) {
      this.countUnheard(id, at, (seq + 1) | 0);
      return;
    }
    const rest = table.apartOf(id);
    const mss = tcpMss(packet);
    words[at + place.FLAGS] = flags | place.SYN | (mss === undefined ? 0 : place.MSS | (mss << FLAG_BITS));
    words[at + place.NEXT] = (seq + 1) | 0;
    words[at + place.WINDOW] = (tcpWindowScale(packet) + 1) << SCALE_SHIFT;
    apart.words[place.rareOf(rest, fromLower) + place.INITIAL] = seq;
    apart.words[place.limitOf(rest, !fromLower)] = mss ?? 0;
    // The first packet of its end, or one that says more than what came before it.
    writeStamp(apart, place.firstOf(rest, fromLower), packet);
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
    if (isLayer3 || places.hasSeveral(id) || places.isInner(id)) this.noted.add(id);
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
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.FIN;
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
  private send(packet: Packet, id: number, own: number, at: number, seq: number): void {
    const { words } = this.places.table;
    const { payloadLength } = packet;
    this.places.addBytes(id, at, payloadLength);
    const ahead = (seq - (words[at + place.NEXT] ?? 0)) | 0;
    if (ahead < 0) {
      this.sendAgain(packet, id, own, at, seq, ahead);
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
    if (size > sizes >>> FLAG_BITS && (size > (sizes & SIZE_MASK) || (flags & place.AWAITED_MOST) === 0)) {
      size = this.sizeOf(packet, id, at);
      this.observeSize(packet, id, at, seq, size);
    }
    if (!packet.dontFragment && packet.version === 4) words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.FRAGMENTABLE;
    words[at + place.SEGMENT] = this.sent.add(packet, seq, size, isRepeated, words[at + place.SEGMENT] ?? NO_SEGMENT);
    return size;
  }

  private observeSize(packet: Packet, id: number, at: number, seq: number, size: number): void {
    const { words } = this.places.table;
    const sizes = words[at + place.SIZES] ?? 0;
    if (size > (sizes & SIZE_MASK)) words[at + place.SIZES] = (sizes & ~SIZE_MASK) | size;
    if (size <= sizes >>> FLAG_BITS) return;
    const { table, fromLower } = this.places;
    const candidates = place.rareOf(table.apartOf(id), fromLower) + place.CANDIDATES;
    const isAwaited = awaitAck(table.apart.words, candidates, seq, size, size - (packet.payloadAt - packet.ipAt));
    const isMost = isAwaited && size >= (sizes & SIZE_MASK);
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.AWAITED | (isMost ? place.AWAITED_MOST : 0);
  }

  /** Octets of the IP packet as it is on the wire: with segmentation offload a frame is split by the MSS later, or was put together of such pieces. */
  private sizeOf({ payloadAt, payloadLength, ipAt, transportAt }: Packet, id: number, at: number): number {
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    const limits = apart.words[place.limitOf(table.apartOf(id), fromLower)] ?? 0;
    const size = payloadAt + payloadLength - ipAt;
    const headers = transportAt - ipAt + TCP_HEADER;
    const mss = limits & SIZE_MASK;
    const most = mss > 0 ? Math.min(headers + mss, SIZE_MASK) : ETHERNET_MTU;
    if (size <= most) return size;
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.OFFLOADED;
    const lowered = limits >>> FLAG_BITS;
    return Math.max(lowered > 0 ? Math.min(headers + lowered, most) : most, payloadAt - ipAt + 1);
  }

  /** A segment whose first octet is older than the latest one: sent again, sighted again, overtaken, or a keepalive. */
  private sendAgain(packet: Packet, id: number, own: number, at: number, seq: number, ahead: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    const acked = words[at + place.ACKED] ?? 0;
    const end = (seq + packet.payloadLength) | 0;
    if (packet.payloadLength === 1 && ahead === -1 && flags & place.HAS_ACKED && acked === words[at + place.NEXT]) {
      this.countKeepalive(id);
      return;
    }
    const isRepeated = this.isRepeated(packet, own, at, seq);
    this.fill(id, at, seq, end);
    if (((end - (words[at + place.NEXT] ?? 0)) | 0) > 0) words[at + place.NEXT] = end;
    if (!isRepeated) return;
    this.countUnheard(id, at, end);
    const { words: rare } = table.apart;
    const rareAt = place.rareOf(table.apartOf(id), fromLower);
    rare[rareAt + place.RETRANSMISSIONS] = (rare[rareAt + place.RETRANSMISSIONS] ?? 0) + 1;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    lowerCandidates(rare, rareAt + place.CANDIDATES, seq, end, this.sizeOf(packet, id, at));
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) & ~place.AWAITED_MOST;
    const size = this.remember(packet, id, at, seq, true);
    // At the left edge: what is acknowledged ends here. Without acknowledgments each is taken for the edge.
    const isAtEdge = (flags & place.HAS_ACKED) === 0 || (((acked - seq) | 0) >= 0 && ((end - acked) | 0) > 0);
    if (!isAtEdge) return;
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.STUCK;
    // Before its first acknowledgment the receiver's window is not known.
    const isClosed = (flags & place.HAS_ACKED) !== 0 && isWindowClosed(words, place.countersOf(own, !fromLower));
    const length = size - (packet.payloadAt - packet.ipAt);
    const isTaken = this.stuck.repeat(keyOf(id, fromLower), packet, seq, Math.min(length, packet.payloadLength), size, before, isClosed);
    if (!isTaken && (flags & place.STUCK) === 0) this.forgotten++;
  }

  /** Whether a segment with octets that were sighted before was sent again: not a copy, nor one that was overtaken on its way. */
  private isRepeated(packet: Packet, own: number, at: number, seq: number): boolean {
    const { sent } = this;
    const { table, fromLower } = this.places;
    const { words } = table;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    if (!sent.has(before)) return true;
    const since = packet.at - sent.atOf(before);
    const latest = sent.identOf(before);
    if (packet.version === 4 && packet.ident !== 0 && latest !== 0) {
      const later = ((packet.ident - latest) << FLAG_BITS) >> FLAG_BITS;
      if (later > 0 && later < NEAR_IDENTS) return true;
      if (later <= 0 && later > -NEAR_IDENTS && since < COPY_SEC) return false;
    }
    if (since >= OVERTAKEN_SEC) return true;
    if (sent.ttlOf(before) !== packet.ttl) return false;
    const repeatedAcks = (words[place.countersOf(own, !fromLower) + place.WINDOW] ?? 0) >>> REPEATED_ACKS_SHIFT;
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
  private acknowledge(packet: Packet, id: number, own: number, at: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const other = place.countersOf(own, !fromLower);
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
      if (flags & place.AWAITED) this.settle(id, other, ack);
      if (flags & (place.GAP | place.STUCK)) this.advance(packet, id, other, ack);
    } else if (progress === 0 && packet.payloadLength === 0 && window === (before & SIZE_MASK) && words[other + place.NEXT] !== ack) {
      if (repeated < MOST_REPEATED_ACKS) repeated++;
      const large = words[other + place.SIZES] ?? 0;
      if ((large & SIZE_MASK) > large >>> FLAG_BITS) this.stuck.ask(keyOf(id, !fromLower), packet, ack);
    }
    words[at + place.WINDOW] = (before & SCALE_MASK) | window | (repeated << REPEATED_ACKS_SHIFT);
    const sizes = words[other + place.SIZES] ?? 0;
    if ((sizes & SIZE_MASK) > sizes >>> FLAG_BITS && packet.payloadAt - packet.transportAt >= LEAST_WITH_SACK)
      this.observeSack(packet, words, other);
    if (flags & place.STUCK && progress <= 0) this.stuck.live(keyOf(id, !fromLower), packet, window === 0);
  }

  /** The packet is at a place that the other direction does not pass: it acknowledges what passes at one that this direction does not. */
  private acknowledgeElsewhere(packet: Packet, id: number): void {
    const { places } = this;
    for (const half of places.otherHalvesOf(id, places.fromLower)) {
      const own = places.table.ownOf(half);
      this.acknowledge(packet, half, own, place.countersOf(own, places.fromLower));
    }
  }

  /** Segments on their way arrived: their sizes pass. */
  private settle(id: number, other: number, ack: number): void {
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    const candidates = place.rareOf(table.apartOf(id), !fromLower) + place.CANDIDATES;
    const sizes = words[other + place.SIZES] ?? 0;
    const largest = arrived(apart.words, candidates, ack);
    if (largest === 0) return;
    words[other + place.SIZES] = (sizes & SIZE_MASK) | (Math.max(sizes >>> FLAG_BITS, largest) << FLAG_BITS);
    const over = isAnyAwaited(apart.words, candidates) ? place.AWAITED_MOST : place.AWAITED | place.AWAITED_MOST;
    words[other + place.FLAGS] = (words[other + place.FLAGS] ?? 0) & ~over;
  }

  /** What was missing, or repeated, is acknowledged. */
  private advance(packet: Packet, id: number, other: number, ack: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
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
      if (passed !== undefined)
        place.lowerLimit(
          table.apart.words,
          place.limitOf(table.apartOf(id), !fromLower),
          passed - (packet.transportAt - packet.ipAt) - TCP_HEADER,
        );
    }
    words[other + place.FLAGS] = left;
  }

  /** Segments that arrived behind a gap (RFC 2018): their sizes pass. */
  private observeSack(packet: Packet, words: Int32Array, other: number): void {
    const { sent } = this;
    const acked = words[other + place.ACKED] ?? 0;
    const latest = words[other + place.SEGMENT] ?? NO_SEGMENT;
    if (!sent.has(latest)) return;
    let largest = 0;
    eachSackBlock(packet, (left, right) => {
      // Behind what is acknowledged; before it, it tells of octets that came twice (RFC 2883).
      if (((left - acked) | 0) > 0) largest = Math.max(largest, sent.largestWithin(latest, left, right));
    });
    const sizes = words[other + place.SIZES] ?? 0;
    if (largest > sizes >>> FLAG_BITS) words[other + place.SIZES] = (sizes & SIZE_MASK) | (largest << FLAG_BITS);
  }

  private viewOf(connection: number): TcpConnection {
    return connectionOf(this.places, connection, this.errors.of(connection), {
      stuck: (id, lower) => this.stuck.of(keyOf(id, lower)),
      gap: (id, lower) => this.gaps.get(keyOf(id, lower)),
    });
  }

  /** The connection is over. */
  private close(connection: number): void {
    const { places, errors, noted } = this;
    let made: TcpConnection | undefined;
    const make = (): TcpConnection => {
      made ??= this.viewOf(connection);
      return made;
    };
    this.events.connection(make);
    const isPlain = places.nextOf(connection) === NONE && !noted.has(connection) && !this.isTroubled(connection);
    if (isPlain && !errors.has(connection)) return;
    let isTroubled = errors.has(connection);
    let isOfInterest = false;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      isOfInterest ||= noted.has(id) || this.hasGap(id);
      isTroubled ||= this.hasStuck(id);
    }
    if (isTroubled) this.keep(this.troubled, make(), MOST_TROUBLED);
    else if (isOfInterest) this.keep(this.quiet, make(), MOST_QUIET);
    errors.delete(connection);
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      noted.remove(id);
      this.forget(id);
    }
  }

  private isTroubled(id: number): boolean {
    return ((this.flagsOf(id, true) | this.flagsOf(id, false)) & (place.STUCK | place.GAP)) !== 0;
  }

  private hasStuck(id: number): boolean {
    return BOTH.some((lower) => this.flagsOf(id, lower) & place.STUCK && this.stuck.of(keyOf(id, lower)));
  }

  private hasGap(id: number): boolean {
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
