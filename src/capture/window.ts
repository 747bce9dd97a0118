import type { Frame } from '../frame.ts';

/** Reads of this size were the fastest of those measured (docs/performance.md); it also holds any sound record of a classic capture. */
const CAPACITY = 1 << 20;

/**
 * The part of an input's octets that is in memory: one buffer, refilled from a source. Records are walked inside it; what a reader still needs is
 * moved to the front before the next octets are read, so no record ever lies across two buffers.
 */
export class ByteWindow {
  bytes: Uint8Array;
  view: DataView;
  /** First octet not yet read by the format reader. */
  start = 0;
  /** After the last octet that is there. */
  end = 0;
  /** Offset in the input of `bytes[0]`. */
  base = 0;
  /** Nothing comes after `end`. */
  ended = false;
  /** How many octets from `start` on the reader needs to go on; it says so before it asks for more. */
  wanted = 1;

  constructor(capacity = CAPACITY) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Whether `length` octets are there from `start` on; notes the wish where they are not. */
  has(length: number): boolean {
    if (this.start + length <= this.end) return true;
    this.wanted = length;
    return false;
  }

  /** Lets the frame see the octets. Asked for each frame, and nearly always there is nothing to do: the buffer is another one only where it grew. */
  lend(frame: Frame): void {
    if (frame.view === this.view) return;
    frame.bytes = this.bytes;
    frame.view = this.view;
  }

  /** Octets from `start` to the end of what is there. */
  get available(): number {
    return this.end - this.start;
  }

  /** The input's offset of `start`. */
  get offset(): number {
    return this.base + this.start;
  }

  /**
   * Makes room behind `end`, keeping the octets from `keepFrom` on (at most `start`). The buffer grows only where what is kept fills most of it,
   * and then by doubling: a record that claims a great length costs memory only as its octets really arrive.
   */
  makeRoom(keepFrom: number): void {
    if (keepFrom > 0) {
      this.bytes.copyWithin(0, keepFrom, this.end);
      this.base += keepFrom;
      this.start -= keepFrom;
      this.end -= keepFrom;
    }
    // A window that is nearly full of octets still needed would be refilled in ever smaller pieces.
    if (this.bytes.length - this.end < this.bytes.length / 4) this.grow();
    this.wanted = 1;
  }

  private grow(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}
