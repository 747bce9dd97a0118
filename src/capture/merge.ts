import type { CaptureInput } from './input.ts';

/**
 * Several inputs as one timeline: always the input whose next frame is the earliest, at equal times the earlier input. Within an input its own order
 * stands, so a frame that steps back counts as being as late as the latest one before it. A single input passes straight through.
 */
export class MergedInputs {
  private readonly inputs: readonly CaptureInput[];
  /** Per input: whether `frame` holds one that was not given yet, and what orders it. */
  private readonly ready: boolean[];
  private readonly sec: number[];
  private readonly nsec: number[];
  /** The input whose frame was given last; -1 where the search for the next one was cut short. */
  private current = -1;
  /**
   * Inputs that go on: what will come of one that starves is not earlier than this, in seconds since 1970. Without it the earliest frame is known
   * only when each input has one.
   */
  quietUntil = Number.NEGATIVE_INFINITY;

  constructor(inputs: readonly CaptureInput[]) {
    this.inputs = inputs;
    this.ready = inputs.map(() => false);
    this.sec = inputs.map(() => Number.NEGATIVE_INFINITY);
    this.nsec = inputs.map(() => 0);
  }

  /** The input that the next `advance` gives a frame of; undefined where `starving` must be filled first, or all are done. */
  next(): CaptureInput | undefined {
    const [only] = this.inputs;
    if (this.inputs.length === 1 && only) return only.next() ? only : undefined;
    return this.earliest();
  }

  /** The input without which the earliest frame is not known; undefined where there is none. */
  get starving(): CaptureInput | undefined {
    return this.inputs.find((_, i) => this.isStarving(i));
  }

  /** Whether an input, by its position, has no frame that was not given, and may get more. */
  isStarving(i: number): boolean {
    return this.inputs[i]?.done === false && !this.ready[i];
  }

  /** The latest time, in seconds since 1970, of frames that were read and wait for those of other inputs; -Infinity where none does. */
  get newestWaiting(): number {
    let newest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.inputs.length; i++) {
      if (this.ready[i] && i !== this.current) newest = Math.max(newest, (this.sec[i] ?? 0) + (this.nsec[i] ?? 0) / 1e9);
    }
    return newest;
  }

  private earliest(): CaptureInput | undefined {
    if (this.current >= 0) this.ready[this.current] = false;
    this.current = -1;
    let earliest = -1;
    let isStarved = false;
    for (let i = 0; i < this.inputs.length; i++) {
      const input = this.inputs[i];
      if (!input) continue;
      if (!this.ready[i]) {
        if (input.done) continue;
        if (!input.next()) {
          if (input.done) continue;
          if (this.quietUntil === Number.NEGATIVE_INFINITY) return undefined;
          isStarved = true;
          continue;
        }
        this.ready[i] = true;
        this.place(i, input);
      }
      if (earliest < 0 || this.isEarlier(i, earliest)) earliest = i;
    }
    if (isStarved && earliest >= 0 && (this.sec[earliest] ?? 0) + (this.nsec[earliest] ?? 0) / 1e9 > this.quietUntil) return undefined;
    // Only what is given counts as given: an input that starves ends the search above.
    this.current = earliest;
    return earliest < 0 ? undefined : this.inputs[earliest];
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
    const seconds = (this.sec[a] ?? 0) - (this.sec[b] ?? 0);
    return seconds < 0 || (seconds === 0 && (this.nsec[a] ?? 0) < (this.nsec[b] ?? 0));
  }
}
