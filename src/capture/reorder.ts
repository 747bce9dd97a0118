import type { CaptureInterface, Frame } from '../frame.ts';
import type { ByteWindow } from './window.ts';

/** dumpcap hands over what it read from each interface in batches: frames of several interfaces are out of order by less than this. */
const MOST_FRAMES = 4096;
const MOST_SECONDS = 1;
/** From the first held frame on everything stays in the reader's window, so that is bounded too. */
const MOST_OCTETS = 4 << 20;
const NONE = -1;

const POSITIONS = MOST_FRAMES * 2;
const MASK = POSITIONS - 1;

/**
 * Puts the frames of several interfaces of one pcapng section into the order of their times, in a bounded window. On one interface the file's order
 * stands: a frame that steps back counts as being as late as the latest one before it. At equal times the earlier frame of the file comes first.
 */
export class ReorderWindow {
  // What a held frame is, by slot; slots are reused.
  private readonly offset = new Float64Array(POSITIONS);
  private readonly number = new Float64Array(POSITIONS);
  private readonly sec = new Float64Array(POSITIONS);
  private readonly nsec = new Int32Array(POSITIONS);
  private readonly caplen = new Int32Array(POSITIONS);
  private readonly origlen = new Float64Array(POSITIONS);
  private readonly flags = new Int32Array(POSITIONS);
  private readonly fcsLength = new Int32Array(POSITIONS);
  private readonly source: (CaptureInterface | undefined)[] = new Array(POSITIONS).fill(undefined);
  /** What orders: how often the clock stepped back before, then the running maximum of the interface's times. */
  private readonly epoch = new Float64Array(POSITIONS);
  private readonly orderSec = new Float64Array(POSITIONS);
  private readonly orderNsec = new Int32Array(POSITIONS);
  /** Slots in the order of release, a ring from `head` to `tail`. */
  private readonly order = new Int32Array(POSITIONS);
  private readonly free = new Int32Array(POSITIONS);
  private freeCount = POSITIONS;
  private head = 0;
  private tail = 0;
  /** Held slots in the order of the file. */
  private readonly before = new Int32Array(POSITIONS);
  private readonly behind = new Int32Array(POSITIONS);
  private first = NONE;
  private last = NONE;
  private flushing = false;

  constructor() {
    for (let i = 0; i < POSITIONS; i++) this.free[i] = i;
  }

  get length(): number {
    return this.tail - this.head;
  }

  /** From now on everything may leave, whatever comes. Ends when the window is empty. */
  flush(): void {
    this.flushing = this.length > 0;
  }

  /** Holds what `frame` says; its octets stay at `frame.start` of `window`. `epoch`, `sec` and `nsec` are its place in the order. */
  hold(frame: Frame, window: ByteWindow, epoch: number, sec: number, nsec: number): void {
    const slot = this.free[--this.freeCount] ?? 0;
    this.offset[slot] = window.base + frame.start;
    this.number[slot] = frame.number;
    this.sec[slot] = frame.sec;
    this.nsec[slot] = frame.nsec;
    this.caplen[slot] = frame.caplen;
    this.origlen[slot] = frame.origlen;
    this.flags[slot] = frame.direction | (frame.timed ? TIMED : 0) | (frame.linktype >= 0 ? IS_PACKET : 0);
    this.fcsLength[slot] = frame.fcsLength;
    this.source[slot] = frame.source;
    this.epoch[slot] = epoch;
    this.orderSec[slot] = sec;
    this.orderNsec[slot] = nsec;
    this.before[slot] = this.last;
    this.behind[slot] = NONE;
    if (this.last === NONE) this.first = slot;
    else this.behind[this.last] = slot;
    this.last = slot;
    let at = this.tail++;
    for (; at > this.head; at--) {
      const before = this.order[(at - 1) & MASK] ?? 0;
      if (!this.isLater(before, slot)) break;
      this.order[at & MASK] = before;
    }
    this.order[at & MASK] = slot;
  }

  /** Fills `frame` with the earliest held frame, if it may leave. */
  release(frame: Frame, window: ByteWindow): boolean {
    if (this.length === 0) {
      this.flushing = false;
      return false;
    }
    const slot = this.order[this.head & MASK] ?? 0;
    if (!this.flushing && !this.mayLeave(slot, window.offset)) return false;
    this.head++;
    this.free[this.freeCount++] = slot;
    this.unlink(slot);
    const flags = this.flags[slot] ?? 0;
    frame.number = this.number[slot] ?? 0;
    frame.sec = this.sec[slot] ?? 0;
    frame.nsec = this.nsec[slot] ?? 0;
    frame.caplen = this.caplen[slot] ?? 0;
    frame.origlen = this.origlen[slot] ?? 0;
    frame.direction = flags & DIRECTION;
    frame.timed = (flags & TIMED) !== 0;
    frame.fcsLength = this.fcsLength[slot] ?? 0;
    frame.source = this.source[slot] ?? frame.source;
    frame.linktype = flags & IS_PACKET ? frame.source.linktype : -1;
    frame.start = (this.offset[slot] ?? 0) - window.base;
    frame.bytes = window.bytes;
    frame.view = window.view;
    return true;
  }

  /** The input's offset of the first held octet, or Infinity. */
  get firstOffset(): number {
    return this.first === NONE ? Number.POSITIVE_INFINITY : (this.offset[this.first] ?? 0);
  }

  private unlink(slot: number): void {
    const before = this.before[slot] ?? NONE;
    const behind = this.behind[slot] ?? NONE;
    if (before === NONE) this.first = behind;
    else this.behind[before] = behind;
    if (behind === NONE) this.last = before;
    else this.before[behind] = before;
  }

  /** @param offset up to where the input was scanned */
  private mayLeave(slot: number, offset: number): boolean {
    if (this.length >= MOST_FRAMES || offset - this.firstOffset >= MOST_OCTETS) return true;
    const newest = this.order[(this.tail - 1) & MASK] ?? 0;
    if (this.epoch[newest] !== this.epoch[slot]) return true;
    const seconds = (this.orderSec[newest] ?? 0) - (this.orderSec[slot] ?? 0);
    return seconds > MOST_SECONDS || (seconds === MOST_SECONDS && (this.orderNsec[newest] ?? 0) > (this.orderNsec[slot] ?? 0));
  }

  private isLater(a: number, b: number): boolean {
    if (this.epoch[a] !== this.epoch[b]) return (this.epoch[a] ?? 0) > (this.epoch[b] ?? 0);
    const seconds = (this.orderSec[a] ?? 0) - (this.orderSec[b] ?? 0);
    return seconds > 0 || (seconds === 0 && (this.orderNsec[a] ?? 0) > (this.orderNsec[b] ?? 0));
  }
}

const DIRECTION = 3;
const TIMED = 4;
const IS_PACKET = 8;
