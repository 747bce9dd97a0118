import type { Packet } from '../../wire/packet.ts';
import { eachSackBlock } from '../../wire/tcp.ts';
import { arrived, awaitAck, CANDIDATE_WORDS, forgetCandidates, isAnyAwaited, lowerCandidates } from './candidates.ts';
import * as place from './places.ts';
import { NO_SEGMENT, type SentSegments } from './sent-segments.ts';

const TCP_HEADER = 20;
/** A frame of a card is no larger; where no MSS is known, what is larger was put together by the card. */
const ETHERNET_MTU = 1500;
const SIZE_MASK = 0xffff;
const HALF = 16;
/** An acknowledgment is of another connection, or was made up, where it is further ahead than any window. */
const MOST_WINDOW = 2 ** 30;

/** None as large as the largest segment of the direction is known to have arrived. */
export function isLargestOnItsWay(words: Int32Array, at: number): boolean {
  const sizes = words[at + place.SIZES] ?? 0;
  return (sizes & SIZE_MASK) > sizes >>> HALF;
}

const candidatesOf = (id: number, lower: boolean): number => (2 * id + (lower ? 0 : 1)) * CANDIDATE_WORDS;

/**
 * Which sizes of packets are sent, and which arrive. `at` and `other` are where the counters begin of the packet's direction and of the opposite one. Once the
 * largest packet of a direction has arrived nothing more is asked of it.
 */
export class SegmentSizes {
  private readonly places: place.Places;
  private readonly sent: SentSegments;
  /**
   * Segments on their way that are larger than all that was acknowledged, by place and direction; void where it is not AWAITED. There is no memory for them before the
   * first one: who only knocks at doors needs none.
   */
  private candidates = new Int32Array(0);

  constructor(places: place.Places, sent: SentSegments) {
    this.places = places;
    this.sent = sent;
  }

  /** A segment of that size is on its way. */
  observe(packet: Packet, id: number, at: number, seq: number, size: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const sizes = words[at + place.SIZES] ?? 0;
    if (size > (sizes & SIZE_MASK)) words[at + place.SIZES] = (sizes & ~SIZE_MASK) | size;
    if (size <= sizes >>> HALF) return;
    if (this.candidates.length === 0) this.candidates = new Int32Array(2 * table.limit * CANDIDATE_WORDS);
    const { candidates } = this;
    const first = candidatesOf(id, fromLower);
    const length = size - (packet.payloadAt - packet.ipAt);
    if (((words[at + place.FLAGS] ?? 0) & place.AWAITED) === 0) forgetCandidates(candidates, first);
    const isMost = awaitAck(candidates, first, seq, size, length) && size >= (sizes & SIZE_MASK);
    this.places.flagDirection(at, place.AWAITED | (isMost ? place.AWAITED_MOST : 0));
  }

  /** Octets of the IP packet as it is on the wire: with segmentation offload a frame is split by the MSS later, or was put together of such pieces. */
  sizeOf({ payloadAt, payloadLength, ipAt, transportAt }: Packet, id: number, at: number): number {
    const { table, fromLower } = this.places;
    const { words, apart } = table;
    const size = payloadAt + payloadLength - ipAt;
    const headers = transportAt - ipAt + TCP_HEADER;
    const mss = (words[at + place.FLAGS] ?? 0) >>> place.MSS_SHIFT;
    const most = mss > 0 ? Math.min(headers + mss, SIZE_MASK) : ETHERNET_MTU;
    if (size <= most) return size;
    this.places.flagDirection(at, place.OFFLOADED);
    const lowered = apart.words[place.rareOf(table.apartOf(id), fromLower) + place.LOWERED] ?? 0;
    return Math.max(lowered > 0 ? Math.min(headers + lowered, most) : most, payloadAt - ipAt + 1);
  }

  /** Octets up to `end` are sent again, in a packet that may be smaller. */
  sendAgain(packet: Packet, id: number, at: number, seq: number, end: number): void {
    lowerCandidates(this.candidates, candidatesOf(id, this.places.fromLower), seq, end, this.sizeOf(packet, id, at));
  }

  /** All before `ack` arrived: sizes of segments that were awaited pass. */
  settle(id: number, other: number, ack: number): void {
    const { table, fromLower } = this.places;
    const { words } = table;
    const sizes = words[other + place.SIZES] ?? 0;
    const flags = words[other + place.FLAGS] ?? 0;
    const window = words[other + place.WINDOW] ?? 0;
    const beyond = (ack - (words[other + place.NEXT] ?? 0)) | 0;
    // All that was sent arrived, and the largest is among it: which it was need not be looked up.
    if (flags & place.AWAITED_MOST && beyond >= 0 && beyond < MOST_WINDOW && (window & place.OUT_OF_ORDER) === 0) {
      words[other + place.SIZES] = (sizes & SIZE_MASK) | (sizes << HALF);
      words[other + place.FLAGS] = flags & ~(place.AWAITED | place.AWAITED_MOST);
      return;
    }
    const { candidates } = this;
    const first = candidatesOf(id, !fromLower);
    const largest = arrived(candidates, first, ack);
    if (largest === 0) return;
    words[other + place.SIZES] = (sizes & SIZE_MASK) | (Math.max(sizes >>> HALF, largest) << HALF);
    if (isAnyAwaited(candidates, first)) {
      words[other + place.FLAGS] = flags & ~place.AWAITED_MOST;
    } else {
      words[other + place.FLAGS] = flags & ~(place.AWAITED | place.AWAITED_MOST);
      words[other + place.WINDOW] = window & ~place.OUT_OF_ORDER;
    }
  }

  /** Segments that arrived behind a gap (RFC 2018): their sizes pass. */
  observeSack(packet: Packet, other: number): void {
    const { sent } = this;
    const { words } = this.places.table;
    const acked = words[other + place.ACKED] ?? 0;
    const latest = words[other + place.SEGMENT] ?? NO_SEGMENT;
    if (!sent.has(latest)) return;
    let largest = 0;
    eachSackBlock(packet, (left, right) => {
      // Behind what is acknowledged; before it, it tells of octets that came twice (RFC 2883).
      if (((left - acked) | 0) > 0) largest = Math.max(largest, sent.largestWithin(latest, left, right));
    });
    const sizes = words[other + place.SIZES] ?? 0;
    if (largest > sizes >>> HALF) words[other + place.SIZES] = (sizes & SIZE_MASK) | (largest << HALF);
  }
}
