import { findMessage, readHeader } from '../../wire/bgp/message.ts';
import type { UpdateCoding } from '../../wire/bgp/open.ts';
import type { Packet } from '../../wire/packet.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { type Stamp, stampOf } from '../stamp.ts';
import { Arrival, type StreamBudget, TcpStream } from '../tcp-stream.ts';
import type { SpeakerOfConnection, SpeakerState } from './session.ts';

/** A message of 64 KiB (RFC 8654), and what a receive window may hold behind one segment that was lost. */
const LIMITS = { octets: 256 * 1024, segments: 1024 };
/** Data that was sent so often without an acknowledgment is stuck. */
const STUCK_TIMES = 3;

/** Takes a whole message that begins at `at` of `view`. */
export type MessageTaker = (type: number, view: DataView, at: number, length: number) => void;

/** One direction of a connection: its octets, the messages in them, and whether they get through. */
export class Way {
  readonly facts: SpeakerOfConnection;
  /** The same over all connections. */
  readonly total: SpeakerState;
  readonly stream: TcpStream;
  hasOpen = false;
  /** How this side codes its UPDATEs; null until it is known. */
  coding: UpdateCoding | null = null;
  /** The segment with data that came last. */
  latest: Stamp | null = null;
  /** The stream's next octet begins a message. */
  private isAligned = false;
  /** Interface and path where octets were seen first, the latest time: copies come behind. */
  private interfaceId = -1;
  private path = -1;
  /** The latest data was that of a SYN. */
  private hasSynData = false;
  /** Sequence number of the first data seen; null before. */
  private firstData: number | null = null;
  /** The highest acknowledgment of the peer. */
  private acked: number | null = null;
  /** Since when something is not acknowledged. */
  private outstanding: Stamp | null = null;
  /** The first octets that are not acknowledged, if they were sent again. */
  private front: { seq: number; times: number; size: number; last: Stamp } | null = null;
  /** Segments of the peer since then. */
  private heard = 0;
  /** Sequence number behind the latest message that is no KEEPALIVE. */
  private substance: number | null = null;

  constructor(total: SpeakerState, budget: StreamBudget) {
    this.total = total;
    this.stream = new TcpStream(LIMITS, budget);
    this.facts = {
      ip: total.ip,
      segments: 0,
      keepalives: 0,
      updates: 0,
      updateOctets: 0,
      malformed: 0,
      retransmissions: 0,
      lastMessage: null,
      lastSegment: null,
      stuck: null,
      acknowledged: false,
      heardLast: null,
      isPartial: false,
    };
  }

  /** A segment of this side; `isCopy`: it was sighted before. */
  add(packet: Packet, isCopy: boolean): void {
    const { view, transportAt, payloadAt, payloadLength, payloadCaptured, interfaceId, path, at } = packet;
    const isSyn = (packet.tcpFlags & TcpFlag.Syn) !== 0;
    // Data of a SYN stands behind the SYN (RFC 9293 section 3.4, RFC 7413).
    const seq = view.getInt32(transportAt + 4) + (isSyn ? 1 : 0);
    if (!isCopy) {
      this.facts.segments++;
      this.facts.lastSegment = stampOf(packet);
      this.total.lastSegment = this.facts.lastSegment;
    }
    if (payloadLength === 0) return;
    this.latest = stampOf(packet);
    this.firstData ??= seq;
    if (isSyn) this.hasSynData = true;
    else if (this.hasSynData) this.goOn(seq, packet);
    const isKnown = this.stream.isKnown;
    const arrival = this.stream.add(seq, view, payloadAt, payloadCaptured, payloadLength, at);
    if (!isKnown) this.facts.isPartial = !startsWithOpen(view, payloadAt, payloadCaptured);
    if (arrival === Arrival.New) {
      this.interfaceId = interfaceId;
      this.path = path;
      this.outstanding ??= this.latest;
    } else if (arrival === Arrival.Repeated && !isCopy && interfaceId === this.interfaceId && path === this.path) {
      this.repeated(seq, payloadLength, packet);
    }
  }

  /** What comes first behind the data of a SYN tells whether sequence numbers count it: a message begins there, or one octet on. */
  private goOn(seq: number, { view, payloadAt, payloadCaptured }: Packet): void {
    this.hasSynData = false;
    if (this.stream.distance(seq) === -1 && findMessage(view, payloadAt, payloadCaptured) === payloadAt) this.stream.uncountSyn();
  }

  /** The peer has all octets before `ack`. */
  acknowledge(ack: number, packet: Packet): void {
    this.stream.acknowledge(ack, packet.at);
    if (this.acked === null || ((ack - this.acked) | 0) > 0) {
      this.acked = ack;
      this.facts.heardLast = stampOf(packet);
    }
    if (this.firstData !== null && ((ack - this.firstData) | 0) > 0) this.facts.acknowledged = true;
    if (this.front && !this.stream.isUnacknowledged((this.front.seq + 1) | 0)) {
      this.front = null;
      this.facts.stuck = null;
      this.total.stuck = null;
    }
    if (this.stream.isKnown && this.stream.distance(ack) >= 0) {
      this.outstanding = null;
      this.heard = 0;
    } else if (this.outstanding) this.heard++;
  }

  /** Hands all whole messages to `take`. */
  read(take: MessageTaker): void {
    const { stream } = this;
    for (;;) {
      if (!this.isAligned && !this.align()) return;
      const { view, start } = stream;
      const header = readHeader(view, start, stream.available);
      if (header === 'more') return;
      if (header === 'bad') {
        this.lose();
        stream.take(1);
        continue;
      }
      const { type, length } = header;
      if (stream.available < length) return;
      take(type, view, start, length);
      stream.take(length);
    }
  }

  /** Octets are missing: the next message is found by its marker. */
  lose(): void {
    this.isAligned = false;
    this.facts.isPartial = true;
  }

  /** A message other than KEEPALIVE ends `length` octets on. */
  hasSubstance(length: number): void {
    this.substance = (this.stream.position + length) | 0;
  }

  private align(): boolean {
    const { stream } = this;
    if (stream.available === 0) return false;
    const at = findMessage(stream.view, stream.start, stream.available);
    if (at > stream.start) {
      this.facts.isPartial = true;
      stream.take(at - stream.start);
    }
    this.isAligned = stream.available > 0;
    return this.isAligned;
  }

  private repeated(seq: number, length: number, packet: Packet): void {
    this.facts.retransmissions += length;
    this.total.retransmissions += length;
    if (!this.stream.isUnacknowledged((seq + length) | 0)) return;
    const last = stampOf(packet);
    const known = this.front?.seq === seq ? this.front : null;
    this.front = { seq, times: (known?.times ?? 1) + 1, size: Math.max(known?.size ?? 0, length), last };
    const { times, size } = this.front;
    if (times < STUCK_TIMES) return;
    const isKeepaliveOnly = this.substance === null ? null : !this.stream.isUnacknowledged(this.substance);
    this.facts.stuck = { size, times, first: this.outstanding ?? last, last, isKeepaliveOnly, heard: this.heard };
    this.total.stuck = this.facts.stuck;
  }
}

const MARKER = 16;
const TYPE_AT = 18;
const OPEN = 1;

/** The first octets that were seen are those of an OPEN: nothing was sent before. */
function startsWithOpen(view: DataView, at: number, captured: number): boolean {
  if (captured <= TYPE_AT) return false;
  for (let i = 0; i < MARKER; i++) if (view.getUint8(at + i) !== 0xff) return false;
  return view.getUint8(at + TYPE_AT) === OPEN;
}
