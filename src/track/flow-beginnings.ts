import { readMac } from '../net/mac.ts';
import type { Packet } from '../wire/packet.ts';
import { STAMP_WORDS, type StampStore, stampedAt, writeStamp } from './stamp.ts';

const SLOTS = 4096;
const MASK = SLOTS - 1;
/** What has gone one way alone for so long is begun anew. */
const IDLE_SEC = 300;

/* A slot is a cache line. */
const NUMBER = 0;
export const FLAGS = 1;
/** The only way so far, and how many packets took it. */
export const WAY = 2;
export const COUNT = 3;
/** Of the first packet; the double behind it is the MAC to which it was sent, or, of one that leaves, from which, if that was kept; else 0. */
export const STAMP = 4;
export const MAC = STAMP + STAMP_WORDS;
const WORDS = 16;

/**
 * Flows of which only one way was seen so far, by their numbers. A small table in which newer flows overwrite older ones: exact as long as no more than a few thousand
 * wait for their first answer.
 */
export class FlowBeginnings implements StampStore {
  readonly words: Int32Array;
  readonly doubles: Float64Array;

  constructor() {
    const memory = new ArrayBuffer(SLOTS * WORDS * 4);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
  }

  /** Where a flow's words begin, whether or not it is there (`holds`). */
  at(number: number): number {
    return ((number ^ (number >>> 13)) & MASK) * WORDS;
  }

  /** Whether the flow is there, and began not too long before `packet`. */
  holds(at: number, number: number, packet: Packet): boolean {
    return this.words[at + NUMBER] === number && packet.at - stampedAt(this, at + STAMP) <= IDLE_SEC;
  }

  /** Whether the flow is there. */
  isAt(at: number, number: number): boolean {
    return this.words[at + NUMBER] === number;
  }

  begin(at: number, number: number, flags: number, way: number, packet: Packet): void {
    const { words, doubles } = this;
    words[at + NUMBER] = number;
    words[at + FLAGS] = flags;
    words[at + WAY] = way;
    words[at + COUNT] = 0;
    writeStamp(this, at + STAMP, packet);
    doubles[(at + MAC) >> 1] = 0;
  }

  /** Keeps to which MAC the first packet was sent, or of one that leaves, from which. */
  noteMac(at: number, { ethernetAt, view }: Packet, isOut: boolean): void {
    if (ethernetAt >= 0) this.doubles[(at + MAC) >> 1] = readMac(view, isOut ? ethernetAt + 6 : ethernetAt);
  }

  forget(at: number): void {
    this.words[at + NUMBER] = 0;
  }

  clear(): void {
    this.words.fill(0);
  }
}
