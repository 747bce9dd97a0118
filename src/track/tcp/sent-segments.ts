import type { Packet } from '../../wire/packet.ts';
import { readBrief, type Stamp, writeBrief } from '../stamp.ts';

/*
 * A segment, in 32-bit words:
 *
 *   sequence number 1 | octets of payload 1 | size, flag and TTL 1 | the one before of its direction 1 | at 2 | brief stamp 3 | identification 1
 */
const SEQ = 0;
const LENGTH = 1;
const SIZE = 2;
const PREVIOUS = 3;
/** A double. */
const AT = 2;
const STAMP = 6;
const IDENT = 9;
const WORDS = 10;
const SIZE_MASK = 0xffff;
const REPEATED = 1 << 16;
const TTL_SHIFT = 24;
/** So many are remembered, of all connections together. */
const SEGMENTS = 32_768;
const MASK = SEGMENTS - 1;

/** A window has more segments than that only where segmentation offload does not join them. */
const MOST_STEPS = 4096;

/** No segment. */
export const NO_SEGMENT = 0;

/**
 * The latest segments with payload of all connections, in one ring: those of one direction of one connection hang together, the newest first. Who repeats a
 * segment, or acknowledges one beyond a gap, is about one that passed a moment ago: here it is found, with its frame. Nothing is allocated for a segment.
 */
export class SentSegments {
  /** There is no memory for them before the first one. */
  words = new Int32Array(0);
  doubles = new Float64Array(0);
  private latest = NO_SEGMENT;

  /**
   * Remembers a segment.
   *
   * @param size octets of its IP packet on the wire
   * @param previous the segment before in its direction, as this function gave it
   * @returns what names it, as long as it is remembered
   */
  add(packet: Packet, seq: number, size: number, isRepeated: boolean, previous: number): number {
    if (this.words.length === 0) this.reserve();
    this.latest = (this.latest + 1) | 0 || 1;
    const at = (this.latest & MASK) * WORDS;
    const { words } = this;
    words[at + SEQ] = seq;
    words[at + LENGTH] = packet.payloadLength;
    words[at + SIZE] = size | (isRepeated ? REPEATED : 0) | (packet.ttl << TTL_SHIFT);
    words[at + PREVIOUS] = previous;
    this.doubles[(at >> 1) + AT] = packet.at;
    writeBrief(words, at + STAMP, packet);
    words[at + IDENT] = packet.ident;
    return this.latest;
  }

  /** Whether the segment is still remembered. */
  has(segment: number): boolean {
    return segment !== NO_SEGMENT && ((this.latest - segment) | 0) < SEGMENTS && ((this.latest - segment) | 0) >= 0;
  }

  /** The one before it in its direction, or NO_SEGMENT. */
  previousOf(segment: number): number {
    const previous = this.words[(segment & MASK) * WORDS + PREVIOUS] ?? NO_SEGMENT;
    return this.has(previous) ? previous : NO_SEGMENT;
  }

  seqOf(segment: number): number {
    return this.words[(segment & MASK) * WORDS + SEQ] ?? 0;
  }

  lengthOf(segment: number): number {
    return this.words[(segment & MASK) * WORDS + LENGTH] ?? 0;
  }

  /** Octets of the IP packet on the wire. */
  sizeOf(segment: number): number {
    return (this.words[(segment & MASK) * WORDS + SIZE] ?? 0) & SIZE_MASK;
  }

  /** It was sent again, as far as one could tell. */
  isRepeated(segment: number): boolean {
    return ((this.words[(segment & MASK) * WORDS + SIZE] ?? 0) & REPEATED) !== 0;
  }

  ttlOf(segment: number): number {
    return (this.words[(segment & MASK) * WORDS + SIZE] ?? 0) >>> TTL_SHIFT;
  }

  identOf(segment: number): number {
    return this.words[(segment & MASK) * WORDS + IDENT] ?? 0;
  }

  atOf(segment: number): number {
    return this.doubles[(((segment & MASK) * WORDS) >> 1) + AT] ?? 0;
  }

  /** Allocates. */
  stampOf(segment: number): Stamp {
    return readBrief(this.words, (segment & MASK) * WORDS + STAMP, this.atOf(segment));
  }

  private reserve(): void {
    this.words = new Int32Array(SEGMENTS * WORDS);
    this.doubles = new Float64Array(this.words.buffer);
  }

  /** Octets of the largest packet among those whose octets lie from `left` to `right`, of the direction whose newest segment is `latest`. */
  largestWithin(latest: number, left: number, right: number): number {
    let largest = 0;
    // Octets that were sent again since may have arrived with the later segment.
    let resentFrom = right;
    for (let segment = latest, step = 0; segment !== NO_SEGMENT && step < MOST_STEPS; segment = this.previousOf(segment), step++) {
      const seq = this.seqOf(segment);
      const end = (seq + this.lengthOf(segment)) | 0;
      const isRepeated = this.isRepeated(segment);
      if (((seq - left) | 0) >= 0 && ((resentFrom - end) | 0) >= 0) largest = Math.max(largest, this.sizeOf(segment));
      if (isRepeated && ((resentFrom - seq) | 0) > 0 && ((end - left) | 0) > 0) resentFrom = seq;
      if (!isRepeated && ((left - seq) | 0) >= 0) break;
    }
    return largest;
  }
}
