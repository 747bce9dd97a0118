import { Direction } from '../../frame.ts';
import { IcmpType, Icmpv6Type, type QuotedPacket } from '../../wire/icmp.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { acknowledgmentOf, eachSackBlock, sequenceOf, TcpFlag, tcpMss, tcpWindowScale, windowOf } from '../../wire/tcp.ts';
import { BoundedMap } from '../bounded-map.ts';
import { stampOf, writeStamp } from '../stamp.ts';
import { NONE } from '../table.ts';
import type { TcpConnection, TooBig } from './connection.ts';
import { connectionOf, type Gap } from './connection-view.ts';
import { LatestPlaces } from './latest-places.ts';
import * as place from './places.ts';
import { NO_SEGMENT, SentSegments } from './sent-segments.ts';
import { StuckSegments } from './stuck-segments.ts';

/** Connections and places of capture at once. */
const MOST_PLACES = 65_536;
/** What goes on after so long a silence is another connection. */
const IDLE_SEC = 600;
/** Directions in which a segment is being repeated; connections that ICMP errors are about; connections that are over and tell of sizes. */
const MOST_STUCK = 4096;
const MOST_ERRORS = 1024;
/** Directions at places where octets are missing. */
const MOST_GAPS = 4096;
const MOST_KEPT = 1024;
/** The latest places that are looked at for their MSS. */
const MOST_NOTED = 1024;
const MOST_TOO_BIG = 8;

/** An earlier identification that was sighted so shortly before is that of a copy, or of a segment that was overtaken. */
const COPY_SEC = 0.1;
const NEAR_IDENTS = 1024;
/** Where there are no identifications: who repeats waits longer, or has heard the receiver ask three times (RFC 5681 section 3.2). */
const OVERTAKEN_SEC = 0.003;
const DUPLICATE_ACKS = 3;
/** Segments that are looked through for an earlier sighting. */
const MOST_LOOKED_THROUGH = 256;

/** Fragmentation needed (RFC 792). */
const FRAGMENTATION_NEEDED = 4;
/** RFC 791 and RFC 8200: no link has less. */
const LEAST_MTU = 68;
const ICMP_SECOND_WORD = 4;
const ICMP_NEXT_HOP_MTU = 6;
const TCP_HEADER = 20;
const IPV6_HEADER = 40;
/** A frame of a card is no larger; where no MSS is known, what is larger was put together by the card. */
const ETHERNET_MTU = 1500;
const SIZE_MASK = 0xffff;
const FLAG_BITS = 16;
/** Of the word `WINDOW`. */
const SCALE_SHIFT = 16;
const SCALE_MASK = 0xff0000;
const REPEATED_ACKS_SHIFT = 24;
const MOST_REPEATED_ACKS = 255;
/** Of the word `IDENT`. */
const TTL_MASK = 0xff;
const KEEPALIVE_MASK = 0xff << place.KEEPALIVES_SHIFT;
/** A header with options has at least so many octets if one of them is SACK. */
const LEAST_WITH_SACK = 32;
/** What was acknowledged while the error was on its way. */
const RECENT = 65_536;
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
  /** By connection. */
  private readonly errors = new BoundedMap<number, TooBig[]>(MOST_ERRORS);
  /** Of answered connections whose SYN passed in a tunnel, on an interface without link-layer addresses, or at a second place. */
  private readonly noted: LatestPlaces;
  /** Octets that did not pass, by direction and place. */
  private readonly gaps = new BoundedMap<number, Gap>(MOST_GAPS);
  /** Connections that are over: those with trouble, and those that were only noted. */
  private troubled: TcpConnection[] = [];
  private quiet: TcpConnection[] = [];
  private forgotten = 0;
  private readonly events: TcpEvents;

  constructor(clock: Packet, events: TcpEvents) {
    this.events = events;
    this.places = new place.Places(clock, MOST_PLACES, IDLE_SEC, (connection) => this.close(connection));
    this.stuck = new StuckSegments(this.sent, MOST_STUCK);
    this.noted = new LatestPlaces(this.places.table, place.NOTED, MOST_NOTED);
  }

  get size(): number {
    return this.places.table.size + this.stuck.size + this.errors.size + this.gaps.size;
  }

  get evicted(): number {
    return this.places.table.evicted + this.stuck.evicted + this.errors.evicted + this.forgotten;
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

  /** A packet with a TCP header. */
  observe(packet: Packet): void {
    if (packet.joined || packet.fragmentOffset > 0) return;
    const { places } = this;
    let id = places.take(packet);
    if (packet.tcpFlags & TcpFlag.Syn) id = this.beginAgain(id, packet);
    const { table, fromLower } = places;
    const { words } = table;
    const own = table.ownOf(id);
    const at = place.countersOf(own, fromLower);
    const seq = sequenceOf(packet);
    const flags = words[at + place.FLAGS] ?? 0;
    if ((flags & place.SEEN) === 0) {
      words[at + place.FLAGS] = flags | place.SEEN;
      words[at + place.NEXT] = seq;
      writeStamp(table, place.firstOf(own, fromLower), packet);
      if (packet.direction !== Direction.Unknown) this.learnDirection(packet, own);
    }
    writeStamp(table, place.lastOf(own, fromLower), packet);
    const packets = words[at + place.PACKETS] ?? 0;
    if (packets < MOST_COUNTED) words[at + place.PACKETS] = packets + 1;
    const { tcpFlags, payloadLength } = packet;
    if (tcpFlags & TcpFlag.Syn) this.observeSyn(packet, id, own, at, seq);
    else if (tcpFlags & TcpFlag.Rst) words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.RST;
    else if (payloadLength > 0) this.send(packet, id, own, at, seq);
    else this.sendNothing(packet, id, at, seq);
    if (tcpFlags & TcpFlag.Fin) this.end(packet, at, seq);
    if ((tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) === TcpFlag.Ack) this.acknowledge(packet, id, own, at);
  }

  /** An ICMP error that quotes a TCP segment. */
  observeError(quote: QuotedPacket, packet: Packet): void {
    const isV6 = packet.transport === IpProtocol.Icmpv6;
    if (packet.icmpType !== (isV6 ? Icmpv6Type.PacketTooBig : IcmpType.Unreachable)) return;
    if (!isV6 && packet.icmpCode !== FRAGMENTATION_NEEDED) return;
    if (quote.sourcePort < 0) return;
    const { places, errors } = this;
    const connection = places.findQuoted(quote);
    if (connection === NONE) return;
    const { view, transportAt } = packet;
    const mtu = isV6 ? view.getUint32(transportAt + ICMP_SECOND_WORD) : view.getUint16(transportAt + ICMP_NEXT_HOP_MTU);
    const ofLower = places.fromLower;
    const found = errors.take(connection, () => []);
    const error: TooBig = {
      from: packet.sourceIp,
      to: packet.destinationIp,
      mtu,
      quotedSize: quote.view.getUint16(quote.ipAt + (quote.version === 6 ? 4 : 2)) + (quote.version === 6 ? IPV6_HEADER : 0),
      ofA: ofLower,
      fits: quote.transportAt + 8 <= quote.end && this.wasSent(connection, ofLower, quote.view.getInt32(quote.transportAt + 4)),
      interfaceId: packet.interfaceId,
      direction: packet.direction,
      path: packet.path,
      stamp: stampOf(packet),
    };
    if (found.length < MOST_TOO_BIG) found.push(error);
    else found[MOST_TOO_BIG - 1] = error;
    if (mtu >= LEAST_MTU) this.lowerLimits(connection, ofLower, mtu - (quote.transportAt - quote.ipAt) - TCP_HEADER);
  }

  expire(): void {
    this.places.table.expire();
  }

  finish(): void {
    this.places.table.clear();
  }

  reset(): void {
    this.troubled = [];
    this.quiet = [];
    this.stuck.clear();
    this.errors.clear();
    this.noted.clear();
    this.gaps.clear();
  }

  /** A SYN: that of the connection, again or at another place, or that of the next one between the same ports. */
  private beginAgain(id: number, packet: Packet): number {
    const { places } = this;
    const { words } = places.table;
    const own = places.table.ownOf(id);
    const flags = words[place.countersOf(own, places.fromLower) + place.FLAGS] ?? 0;
    if (packet.tcpFlags & TcpFlag.Ack || (flags & place.SEEN) === 0) return id;
    if (flags & place.SYN && words[place.countersOf(own, places.fromLower) + place.INITIAL] === sequenceOf(packet)) return id;
    places.close(places.connectionOf(id));
    return places.take(packet);
  }

  private learnDirection({ direction }: Packet, own: number): void {
    const { table, fromLower } = this.places;
    const shift = fromLower ? place.LOWER_DIRECTION_SHIFT : place.UPPER_DIRECTION_SHIFT;
    table.words[own + place.STATE] = (table.words[own + place.STATE] ?? 0) | (direction << shift);
  }

  private observeSyn(packet: Packet, id: number, own: number, at: number, seq: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const flags = words[at + place.FLAGS] ?? 0;
    if (flags & place.SYN) return;
    const mss = tcpMss(packet);
    words[at + place.FLAGS] = flags | place.SYN | (mss === undefined ? 0 : place.MSS | (mss << FLAG_BITS));
    words[at + place.NEXT] = (seq + 1) | 0;
    words[at + place.WINDOW] = (tcpWindowScale(packet) + 1) << SCALE_SHIFT;
    words[at + place.INITIAL] = seq;
    words[place.limitOf(own, !fromLower)] = mss ?? 0;
    // The first packet of its end, or one that says more than what came before it.
    writeStamp(table, place.firstOf(own, fromLower), packet);
    const isAnswer = (packet.tcpFlags & TcpFlag.Ack) !== 0;
    const state = words[own + place.STATE] ?? 0;
    const isOpenedByLower = fromLower !== isAnswer;
    words[own + place.STATE] = (isOpenedByLower ? state | place.OPENED_BY_LOWER : state & ~place.OPENED_BY_LOWER) | place.HAS_SYN;
    if (isAnswer) this.note(id, own);
  }

  /** The connection is answered: its MSS may be looked at where that passes a tunnel, or several places. */
  private note(id: number, own: number): void {
    const { places } = this;
    const isLayer3 = ((places.table.words[own + place.STATE] ?? 0) & place.LAYER_3) !== 0;
    if (isLayer3 || places.hasSeveral(id) || places.isInner(id)) this.noted.add(id);
  }

  /** A packet without payload: an acknowledgment, a keepalive, or one that shows that octets before it did not pass. */
  private sendNothing(packet: Packet, id: number, at: number, seq: number): void {
    const { words } = this.places.table;
    const ahead = (seq - (words[at + place.NEXT] ?? 0)) | 0;
    if (ahead > 0) this.jump(packet, id, at, seq);
    else if (ahead === -1 && (packet.tcpFlags & TcpFlag.Fin) === 0) countKeepalive(words, at);
  }

  /** The FIN takes a sequence number. */
  private end({ payloadLength }: Packet, at: number, seq: number): void {
    const { words } = this.places.table;
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.FIN;
    const end = (seq + payloadLength + 1) | 0;
    if (((end - (words[at + place.NEXT] ?? 0)) | 0) > 0) words[at + place.NEXT] = end;
  }

  /** A segment with payload. */
  private send(packet: Packet, id: number, own: number, at: number, seq: number): void {
    const { words, doubles } = this.places.table;
    const { payloadLength } = packet;
    doubles[(at + place.BYTES) >> 1] = (doubles[(at + place.BYTES) >> 1] ?? 0) + payloadLength;
    const ahead = (seq - (words[at + place.NEXT] ?? 0)) | 0;
    if (ahead < 0) {
      this.sendAgain(packet, id, own, at, seq, ahead);
      return;
    }
    if (ahead > 0) this.jump(packet, id, at, seq);
    words[at + place.NEXT] = (seq + payloadLength) | 0;
    this.remember(packet, own, at, seq, false);
  }

  /** Notes the size of a segment that is on its way, and when it was sent; gives the size. */
  private remember(packet: Packet, own: number, at: number, seq: number, isRepeated: boolean): number {
    const { words } = this.places.table;
    const size = this.sizeOf(packet, own, at);
    const sizes = words[at + place.SIZES] ?? 0;
    if (size > (sizes & SIZE_MASK)) words[at + place.SIZES] = (sizes & ~SIZE_MASK) | size;
    if (size > sizes >>> FLAG_BITS) awaitAck(words, at + place.CANDIDATES, seq, size, size - (packet.payloadAt - packet.ipAt));
    if (!packet.dontFragment && packet.version === 4) words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.FRAGMENTABLE;
    words[at + place.IDENT] = ((words[at + place.IDENT] ?? 0) & KEEPALIVE_MASK) | (packet.ident & SIZE_MASK) | (packet.ttl << FLAG_BITS);
    words[at + place.SEGMENT] = this.sent.add(packet, seq, size, isRepeated, words[at + place.SEGMENT] ?? NO_SEGMENT);
    return size;
  }

  /** Octets of the IP packet as it is on the wire: with segmentation offload a frame is split by the MSS later, or was put together of such pieces. */
  private sizeOf({ payloadAt, payloadLength, ipAt, transportAt }: Packet, own: number, at: number): number {
    const { table, fromLower } = this.places;
    const { words } = table;
    const limits = words[place.limitOf(own, fromLower)] ?? 0;
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
      countKeepalive(words, at);
      return;
    }
    const isRepeated = this.isRepeated(packet, own, at, seq);
    this.fill(id, at, seq, end);
    if (((end - (words[at + place.NEXT] ?? 0)) | 0) > 0) words[at + place.NEXT] = end;
    if (!isRepeated) return;
    words[at + place.RETRANSMISSIONS] = (words[at + place.RETRANSMISSIONS] ?? 0) + 1;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    lowerCandidates(words, at + place.CANDIDATES, seq, end, this.sizeOf(packet, own, at));
    const size = this.remember(packet, own, at, seq, true);
    // At the left edge: what is acknowledged ends here. Without acknowledgments each is taken for the edge.
    const isAtEdge = (flags & place.HAS_ACKED) === 0 || (((acked - seq) | 0) >= 0 && ((end - acked) | 0) > 0);
    if (!isAtEdge) return;
    words[at + place.FLAGS] = (words[at + place.FLAGS] ?? 0) | place.STUCK;
    const isClosed = isWindowClosed(words, place.countersOf(own, !fromLower));
    const length = size - (packet.payloadAt - packet.ipAt);
    this.stuck.repeat(keyOf(id, fromLower), packet, seq, Math.min(length, packet.payloadLength), size, before, isClosed);
  }

  /** Whether a segment with octets that were sighted before was sent again: not a copy, nor one that was overtaken on its way. */
  private isRepeated(packet: Packet, own: number, at: number, seq: number): boolean {
    const { table, fromLower } = this.places;
    const { words } = table;
    const before = words[at + place.SEGMENT] ?? NO_SEGMENT;
    const since = this.sent.has(before) ? packet.at - this.sent.atOf(before) : Number.POSITIVE_INFINITY;
    const latest = words[at + place.IDENT] ?? 0;
    if (packet.version === 4 && packet.ident !== 0 && (latest & SIZE_MASK) !== 0) {
      const later = ((packet.ident - latest) << FLAG_BITS) >> FLAG_BITS;
      if (later > 0 && later < NEAR_IDENTS) return true;
      if (later <= 0 && later > -NEAR_IDENTS && since < COPY_SEC) return false;
    }
    if (since >= OVERTAKEN_SEC) return true;
    if (((latest >>> FLAG_BITS) & TTL_MASK) !== packet.ttl) return false;
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
      this.gaps.set(keyOf(id, fromLower), { start: words[at + place.NEXT] ?? 0, end: seq, stamp: stampOf(packet) });
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
      if ((words[other + place.CANDIDATES + 1] ?? 0) !== 0 || (words[other + place.CANDIDATES + 3] ?? 0) !== 0) settle(words, other, ack);
      if (flags & (place.GAP | place.STUCK)) this.advance(packet, id, own, other, ack);
    } else if (progress === 0 && packet.payloadLength === 0 && window === (before & SIZE_MASK) && words[other + place.NEXT] !== ack) {
      if (repeated < MOST_REPEATED_ACKS) repeated++;
    }
    words[at + place.WINDOW] = (before & SCALE_MASK) | window | (repeated << REPEATED_ACKS_SHIFT);
    const sizes = words[other + place.SIZES] ?? 0;
    if ((sizes & SIZE_MASK) > sizes >>> FLAG_BITS && packet.payloadAt - packet.transportAt >= LEAST_WITH_SACK)
      this.observeSack(packet, words, other);
    if (flags & place.STUCK && progress <= 0) this.stuck.live(keyOf(id, !fromLower), packet, window === 0);
  }

  /** What was missing, or repeated, is acknowledged. */
  private advance(packet: Packet, id: number, own: number, other: number, ack: number): void {
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
      if (passed !== undefined) lowerLimit(words, place.limitOf(own, !fromLower), passed - (packet.transportAt - packet.ipAt) - TCP_HEADER);
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

  /** Whether an octet was sent and may still be on its way, as Linux asks before it believes an ICMP error (net/ipv4/tcp_ipv4.c, tcp_v4_err). */
  private wasSent(connection: number, lower: boolean, seq: number): boolean {
    const { places } = this;
    const { words } = places.table;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      const at = place.countersOf(places.table.ownOf(id), lower);
      const flags = words[at + place.FLAGS] ?? 0;
      if ((flags & place.SEEN) === 0 || (((words[at + place.NEXT] ?? 0) - seq) | 0) <= 0) continue;
      if ((flags & place.HAS_ACKED) === 0 || ((seq - (words[at + place.ACKED] ?? 0)) | 0) >= -RECENT) return true;
    }
    return false;
  }

  /** From now on what offload leaves together is of smaller segments than the MSS allows. */
  private lowerLimits(connection: number, lower: boolean, most: number): void {
    const { places } = this;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      lowerLimit(places.table.words, place.limitOf(places.table.ownOf(id), lower), most);
    }
  }

  private viewOf(connection: number): TcpConnection {
    return connectionOf(this.places, connection, this.errors.get(connection) ?? [], {
      stuck: (id, lower) => this.stuck.of(keyOf(id, lower)),
      gap: (id, lower) => this.gaps.get(keyOf(id, lower)),
    });
  }

  /** The connection is over. */
  private close(connection: number): void {
    const { places, errors, stuck, noted, gaps } = this;
    let made: TcpConnection | undefined;
    const make = (): TcpConnection => {
      made ??= this.viewOf(connection);
      return made;
    };
    this.events.connection(make);
    let isTroubled = errors.has(connection);
    let isOfInterest = false;
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      isOfInterest ||= noted.has(id);
      noted.remove(id);
      for (const lower of BOTH) {
        const flags = this.flagsOf(id, lower);
        if (flags & place.STUCK && stuck.of(keyOf(id, lower))) isTroubled = true;
        if (flags & place.GAP && gaps.has(keyOf(id, lower))) isOfInterest = true;
      }
    }
    if (isTroubled) this.keep(this.troubled, make(), true);
    else if (isOfInterest) this.keep(this.quiet, make(), false);
    errors.delete(connection);
    for (let id = connection; id !== NONE; id = places.nextOf(id)) {
      for (const lower of BOTH) {
        const flags = this.flagsOf(id, lower);
        if (flags & place.STUCK) stuck.forget(keyOf(id, lower));
        if (flags & place.GAP) gaps.delete(keyOf(id, lower));
      }
    }
  }

  private flagsOf(id: number, lower: boolean): number {
    const { table } = this.places;
    return table.words[place.countersOf(table.ownOf(id), lower) + place.FLAGS] ?? 0;
  }

  private keep(kept: TcpConnection[], connection: TcpConnection, isCounted: boolean): void {
    kept.push(connection);
    if (kept.length <= MOST_KEPT) return;
    kept.shift();
    if (isCounted) this.forgotten++;
  }
}

const BOTH = [true, false] as const;

/** Names a direction of a connection at a place. */
const keyOf = (id: number, lower: boolean): number => id * 2 + (lower ? 1 : 0);

function countKeepalive(words: Int32Array, at: number): void {
  const known = words[at + place.IDENT] ?? 0;
  if (known >>> place.KEEPALIVES_SHIFT < MOST_REPEATED_ACKS) words[at + place.IDENT] = known + (1 << place.KEEPALIVES_SHIFT);
}

const isWindowClosed = (words: Int32Array, at: number): boolean => ((words[at + place.WINDOW] ?? 0) & SIZE_MASK) === 0;

function lowerLimit(words: Int32Array, at: number, most: number): void {
  const limits = words[at] ?? 0;
  const known = limits >>> FLAG_BITS;
  if (most > 0 && most <= SIZE_MASK && (known === 0 || most < known)) words[at] = (limits & SIZE_MASK) | (most << FLAG_BITS);
}

/** Of the segments on their way that are larger than all that was acknowledged, the first and the largest are kept. */
function awaitAck(words: Int32Array, first: number, seq: number, size: number, length: number): void {
  const known = (words[first + 1] ?? 0) & SIZE_MASK;
  const second = first + 2;
  if (known !== 0 && (size <= known || size <= ((words[second + 1] ?? 0) & SIZE_MASK))) return;
  const at = known === 0 ? first : second;
  words[at] = (seq + length) | 0;
  words[at + 1] = (length << FLAG_BITS) | size;
}

/** Octets are sent again in smaller packets: if they are acknowledged, it was not the larger one that arrived. */
function lowerCandidates(words: Int32Array, first: number, seq: number, end: number, size: number): void {
  for (let at = first; at < first + 4; at += 2) {
    const known = words[at + 1] ?? 0;
    if (known === 0 || size >= (known & SIZE_MASK)) continue;
    const behind = words[at] ?? 0;
    const start = (behind - (known >>> FLAG_BITS)) | 0;
    if (((behind - seq) | 0) > 0 && ((end - start) | 0) > 0) words[at + 1] = 0;
  }
}

/** Segments on their way arrived: their sizes pass. */
function settle(words: Int32Array, counters: number, ack: number): void {
  const first = counters + place.CANDIDATES;
  let largest = (words[counters + place.SIZES] ?? 0) >>> FLAG_BITS;
  for (let at = first; at < first + 4; at += 2) {
    const known = words[at + 1] ?? 0;
    if (known === 0 || ((ack - (words[at] ?? 0)) | 0) < 0) continue;
    largest = Math.max(largest, known & SIZE_MASK);
    words[at + 1] = 0;
  }
  words[counters + place.SIZES] = ((words[counters + place.SIZES] ?? 0) & SIZE_MASK) | (largest << FLAG_BITS);
}
