import type { CaptureInput } from './input.ts';

/** What is known of the next frame of an input. */
const Next = {
  /** Nothing: the input has to be asked, or filled. */
  Unknown: 0,
  /** The input is not open yet; when it begins is known. */
  Announced: 1,
  /** It lies in the input's `frame`. */
  Ready: 2,
  /** There is none. */
  None: 3,
} as const;

/**
 * Several inputs as one timeline: always the input whose next frame is the earliest, at equal times the earlier input. Within an input its own order
 * stands, so a frame that steps back counts as being as late as the latest one before it. A single input passes straight through.
 *
 * An input of which it is known when it begins is not asked for anything before that: of a thousand files that follow each other one is open at a time.
 */
export class MergedInputs {
  private readonly inputs: readonly CaptureInput[];
  private readonly only: CaptureInput | undefined;
  /** Per input: `Next`, and what orders its next frame. */
  private readonly state: Uint8Array;
  private readonly sec: Float64Array;
  private readonly nsec: Int32Array;
  /** Inputs that are announced or ready, as a binary heap: the earliest first. A file that goes on alone costs two comparisons a frame. */
  private readonly heap: Int32Array;
  private size = 0;
  /** How many inputs are `Unknown`. */
  private unknown: number;
  /** The input whose frame was given last: it is the first of the heap still. -1 where the search for the next one was cut short. */
  private current = -1;
  /**
   * Inputs that go on: what will come of one that starves is not earlier than this, in seconds since 1970. Without it the earliest frame is known
   * only when each input has one.
   */
  quietUntil = Number.NEGATIVE_INFINITY;

  constructor(inputs: readonly CaptureInput[]) {
    this.inputs = inputs;
    this.only = inputs.length === 1 ? inputs[0] : undefined;
    this.state = new Uint8Array(inputs.length);
    this.sec = new Float64Array(inputs.length).fill(Number.NEGATIVE_INFINITY);
    this.nsec = new Int32Array(inputs.length);
    this.heap = new Int32Array(inputs.length);
    this.unknown = inputs.length;
    if (!this.only) for (const [i, input] of inputs.entries()) this.announce(i, input);
  }

  /** The input that the next `advance` gives a frame of; undefined where `starving` must be filled first, or all are done. */
  next(): CaptureInput | undefined {
    const { only } = this;
    if (only) return only.next() ? only : undefined;
    if (this.current >= 0) this.goOn(this.current);
    for (;;) {
      if (this.unknown > 0) {
        this.ask();
        if (this.unknown > 0 && this.quietUntil === Number.NEGATIVE_INFINITY) return undefined;
      }
      if (this.size === 0) return undefined;
      const earliest = this.heap[0] ?? 0;
      if (this.state[earliest] === Next.Announced) {
        // Its time has come.
        this.leave(Next.Unknown);
        continue;
      }
      if (this.unknown > 0 && (this.sec[earliest] ?? 0) + (this.nsec[earliest] ?? 0) / 1e9 > this.quietUntil) return undefined;
      this.current = earliest;
      return this.inputs[earliest];
    }
  }

  /** The input without which the earliest frame is not known; undefined where there is none. */
  get starving(): CaptureInput | undefined {
    return this.inputs.find((_, i) => this.isStarving(i));
  }

  /** Whether an input, by its position, has no frame that was not given, and may get more. */
  isStarving(i: number): boolean {
    return this.inputs[i]?.done === false && this.state[i] === Next.Unknown;
  }

  /** The input that begins next of those that are announced: it can be opened before it is asked for. */
  get upcoming(): CaptureInput | undefined {
    let first = -1;
    for (let i = 0; i < this.inputs.length; i++) {
      if (this.state[i] === Next.Announced && (first < 0 || this.isEarlier(i, first))) first = i;
    }
    return this.inputs[first];
  }

  /** The latest time, in seconds since 1970, of frames that were read and wait for those of other inputs; -Infinity where none does. */
  get newestWaiting(): number {
    let newest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.inputs.length; i++) {
      if (this.state[i] === Next.Ready && i !== this.current) newest = Math.max(newest, (this.sec[i] ?? 0) + (this.nsec[i] ?? 0) / 1e9);
    }
    return newest;
  }

  private announce(i: number, { begins }: CaptureInput): void {
    if (!begins) return;
    this.sec[i] = begins.sec;
    this.nsec[i] = begins.nsec;
    this.enter(i, Next.Announced);
  }

  /** The frame that was given is done with: on to the next one of its input. */
  private goOn(i: number): void {
    this.current = -1;
    const input = this.inputs[i];
    if (!input) return;
    if (input.next()) {
      this.place(i, input);
      this.sink(i);
    } else {
      this.leave(input.done ? Next.None : Next.Unknown);
    }
  }

  /** Asks the inputs of which nothing is known for their next frame. */
  private ask(): void {
    for (let i = 0; i < this.inputs.length; i++) {
      const input = this.inputs[i];
      if (this.state[i] !== Next.Unknown || !input) continue;
      if (input.next()) {
        this.place(i, input);
        this.enter(i, Next.Ready);
      } else if (input.done) {
        this.state[i] = Next.None;
        this.unknown--;
      } else if (this.quietUntil === Number.NEGATIVE_INFINITY) {
        return;
      }
    }
  }

  private place(i: number, { frame }: CaptureInput): void {
    if (!frame.timed) return;
    const sec = this.sec[i] ?? 0;
    if (frame.sec < sec - 1) {
      // A real step back: the input's later frames are ordered anew from here.
      this.sec[i] = frame.sec;
      this.nsec[i] = frame.nsec;
    } else if (frame.sec > sec || (frame.sec === sec && frame.nsec > (this.nsec[i] ?? 0))) {
      this.sec[i] = frame.sec;
      this.nsec[i] = frame.nsec;
    }
  }

  private isEarlier(a: number, b: number): boolean {
    const { sec, nsec } = this;
    const secA = sec[a] ?? 0;
    const secB = sec[b] ?? 0;
    if (secA !== secB) return secA < secB;
    const nsecA = nsec[a] ?? 0;
    const nsecB = nsec[b] ?? 0;
    return nsecA === nsecB ? a < b : nsecA < nsecB;
  }

  private enter(i: number, state: number): void {
    this.state[i] = state;
    this.unknown--;
    const { heap } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (!this.isEarlier(i, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = i;
  }

  /** Takes the first of the heap away. */
  private leave(state: number): void {
    this.state[this.heap[0] ?? 0] = state;
    if (state === Next.Unknown) this.unknown++;
    this.size--;
    if (this.size > 0) this.sink(this.heap[this.size] ?? 0);
  }

  /** Puts an input in the place of the first of the heap, and from there where it belongs. */
  private sink(i: number): void {
    const { heap, size } = this;
    let at = 0;
    for (let below = 1; below < size; below = 2 * at + 1) {
      if (below + 1 < size && this.isEarlier(heap[below + 1] ?? 0, heap[below] ?? 0)) below++;
      const earlier = heap[below] ?? 0;
      if (!this.isEarlier(earlier, i)) break;
      heap[at] = earlier;
      at = below;
    }
    heap[at] = i;
  }
}
