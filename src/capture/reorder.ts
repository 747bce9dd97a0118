import type { CaptureInterface, Frame } from '../frame.ts';
import type { ByteWindow } from './window.ts';

/** dumpcap hands over what it read from each interface in batches: frames of several interfaces are out of order by less than this. */
const MOST_FRAMES = 4096;
const MOST_SECONDS = 1;
/** From the first held frame on everything stays in the reader's window, so that is bounded too. */
const MOST_OCTETS = 4 << 20;
const NONE = -1;

/**
 * A held frame is 64 octets, a cache line, so that holding and giving it touches one. It goes by the word (of 32 bits) at which its slot begins, and
 * what may need more than 32 bits stands in front, by its place among the slot's doubles. Words are found with `|`, which, unlike `+`, V8 need not
 * check for overflow.
 */
const SLOT_WORDS = 16;
const OFFSET = 0;
const SEC = 1;
const ORDER_SEC = 2;
const NSEC = 6;
const ORDER_NSEC = 7;
const EPOCH = 8;
const CAPLEN = 9;
const ORIGLEN = 10;
/** The lower 32 bits: what is held is less than that behind the newest. */
const NUMBER = 11;
const FLAGS = 12;
/** Its neighbours in the order of the file. */
const BEFORE = 13;
const BEHIND = 14;
/** In the flags: direction, then these, then the octets of frame check sequence. */
const DIRECTION = 3;
const TIMED = 4;
const IS_PACKET = 8;
const FCS_SHIFT = 4;

const MASK = MOST_FRAMES - 1;

/** A frame's place in the order: how often the clock stepped back before, then the running maximum of its interface's times. */
export interface Place {
  epoch: number;
  sec: number;
  nsec: number;
}

/**
 * Puts the frames of several interfaces of one pcapng section into the order of their times, in a bounded window. On one interface the file's order
 * stands: a frame that steps back counts as being as late as the latest one before it. At equal times the earlier frame of the file comes first.
 */
export class ReorderWindow {
  private readonly words = new Int32Array(MOST_FRAMES * SLOT_WORDS);
  private readonly doubles = new Float64Array(this.words.buffer);
  private readonly source: CaptureInterface[] = [];
  /** Slots in the order of release, a ring from `head` to `tail`. */
  private readonly order = new Int32Array(MOST_FRAMES);
  private head = 0;
  private tail = 0;
  /** The slot left last is taken first, for it is still in the cache; `fresh` is the first that was never taken. */
  private readonly free = new Int32Array(MOST_FRAMES);
  private freeCount = 0;
  private fresh = 0;
  /** Held slots in the order of the file. */
  private first = NONE;
  private last = NONE;
  /** Place in the order of the held frame that leaves last, and the number of the one held last. */
  private newestEpoch = 0;
  private newestSec = 0;
  private newestNsec = 0;
  private newestNumber = 0;
  private flushing = false;
  /** What may leave has left: before another frame is held, nothing may that is scanned before this offset of the input. */
  private quietUpTo = 0;

  get length(): number {
    return this.tail - this.head;
  }

  /** From now on everything may leave, whatever comes. Ends when the window is empty. */
  flush(): void {
    this.flushing = this.length > 0;
    this.quietUpTo = 0;
  }

  /** Holds what `frame` says; its octets stay at `frame.start` of `window`. The caller has released what may leave: there is a slot. */
  hold(frame: Frame, window: ByteWindow, place: Place): void {
    const { words, doubles, last } = this;
    const slot = this.taken();
    const double = slot >> 1;
    doubles[double | OFFSET] = window.base + frame.start;
    doubles[double | SEC] = frame.sec;
    doubles[double | ORDER_SEC] = place.sec;
    words[slot | NSEC] = frame.nsec;
    words[slot | ORDER_NSEC] = place.nsec;
    words[slot | EPOCH] = place.epoch;
    words[slot | CAPLEN] = frame.caplen;
    words[slot | ORIGLEN] = frame.origlen;
    words[slot | NUMBER] = frame.number;
    words[slot | FLAGS] =
      frame.direction | (frame.timed === true ? TIMED : 0) | (frame.linktype >= 0 ? IS_PACKET : 0) | (frame.fcsLength << FCS_SHIFT);
    words[slot | BEFORE] = last;
    words[slot | BEHIND] = NONE;
    this.source[slot / SLOT_WORDS] = frame.source;
    this.newestNumber = frame.number;
    this.quietUpTo = 0;
    if (last === NONE) this.first = slot;
    else words[last | BEHIND] = slot;
    this.last = slot;
    this.put(slot, place);
  }

  /** Fills `frame` with the earliest held frame, if it may leave. */
  release(frame: Frame, window: ByteWindow): boolean {
    if (this.length === 0) {
      this.flushing = false;
      return false;
    }
    if (window.base + window.start < this.quietUpTo) return false;
    const { words, doubles } = this;
    const slot = this.order[this.head & MASK] ?? 0;
    if (this.flushing !== true && !this.mayLeave(slot, window)) return false;
    this.head++;
    this.free[this.freeCount++] = slot;
    this.unlink(slot);
    const double = slot >> 1;
    const sec = doubles[double | SEC] ?? 0;
    // A small integer where it is one: V8 then keeps no double for it, here and wherever it is copied to.
    frame.sec = sec | 0;
    if (frame.sec !== sec) frame.sec = sec;
    frame.number = this.newestNumber - ((this.newestNumber - (words[slot | NUMBER] ?? 0)) >>> 0);
    frame.nsec = words[slot | NSEC] ?? 0;
    frame.caplen = words[slot | CAPLEN] ?? 0;
    frame.origlen = (words[slot | ORIGLEN] ?? 0) >>> 0;
    const flags = words[slot | FLAGS] ?? 0;
    frame.direction = flags & DIRECTION;
    frame.timed = (flags & TIMED) !== 0;
    frame.fcsLength = flags >> FCS_SHIFT;
    const source = this.source[slot / SLOT_WORDS] ?? frame.source;
    frame.source = source;
    frame.linktype = flags & IS_PACKET ? source.linktype : -1;
    frame.start = ((doubles[double | OFFSET] ?? 0) - window.base) | 0;
    window.lend(frame);
    return true;
  }

  /** The input's offset of the first held octet, or Infinity. */
  get firstOffset(): number {
    return this.first === NONE ? Number.POSITIVE_INFINITY : (this.doubles[(this.first >> 1) | OFFSET] ?? 0);
  }

  private taken(): number {
    if (this.freeCount > 0) return this.free[--this.freeCount] ?? 0;
    return this.fresh++ * SLOT_WORDS;
  }

  /** Into the order of release: nearly always at its end. */
  private put(slot: number, { epoch, sec, nsec }: Place): void {
    const { order, head } = this;
    let at = this.tail++;
    if (at > head && this.isBeforeNewest(epoch, sec, nsec)) {
      for (; at > head; at--) {
        const before = order[(at - 1) & MASK] ?? 0;
        if (!this.isLater(before, slot)) break;
        order[at & MASK] = before;
      }
    } else {
      this.newestEpoch = epoch;
      this.newestSec = sec;
      this.newestNsec = nsec;
    }
    order[at & MASK] = slot;
  }

  private isBeforeNewest(epoch: number, sec: number, nsec: number): boolean {
    if (epoch !== this.newestEpoch) return epoch < this.newestEpoch;
    return sec < this.newestSec || (sec === this.newestSec && nsec < this.newestNsec);
  }

  private unlink(slot: number): void {
    const { words } = this;
    const before = words[slot | BEFORE] ?? NONE;
    const behind = words[slot | BEHIND] ?? NONE;
    if (before === NONE) this.first = behind;
    else words[before | BEHIND] = behind;
    if (behind === NONE) this.last = before;
    else words[behind | BEFORE] = before;
  }

  private mayLeave(slot: number, window: ByteWindow): boolean {
    const { words, doubles } = this;
    const full = (doubles[(this.first >> 1) | OFFSET] ?? 0) + MOST_OCTETS;
    if (window.base + window.start >= full || this.newestEpoch !== words[slot | EPOCH]) return true;
    const seconds = this.newestSec - (doubles[(slot >> 1) | ORDER_SEC] ?? 0);
    if (seconds > MOST_SECONDS || (seconds === MOST_SECONDS && this.newestNsec > (words[slot | ORDER_NSEC] ?? 0))) return true;
    // Those behind it are no further from the newest: at most one leaves, for want of a slot.
    this.quietUpTo = full;
    return this.length >= MOST_FRAMES;
  }

  private isLater(a: number, b: number): boolean {
    const { words, doubles } = this;
    if (words[a | EPOCH] !== words[b | EPOCH]) return (words[a | EPOCH] ?? 0) > (words[b | EPOCH] ?? 0);
    const seconds = (doubles[(a >> 1) | ORDER_SEC] ?? 0) - (doubles[(b >> 1) | ORDER_SEC] ?? 0);
    return seconds > 0 || (seconds === 0 && (words[a | ORDER_NSEC] ?? 0) > (words[b | ORDER_NSEC] ?? 0));
  }
}
