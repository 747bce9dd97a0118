/** What was learnt of the capturing machine's clock is kept for this long, and for as long again: clocks drift, and are set. */
const KEPT_SEC = 30;

/**
 * What time it is by the clock of the machine that captures, never later than it really is: a packet's time is at most that of the moment at which it is read. So
 * silence can be told from packets that are still on their way, also where another machine captures.
 */
export class CaptureClock {
  /** Capture time less our time, at most: in the period under way, and the one before. */
  private offset = Number.NEGATIVE_INFINITY;
  private offsetBefore = Number.NEGATIVE_INFINITY;
  private periodBegan = Number.NEGATIVE_INFINITY;

  /**
   * A packet of capture time `at` was read.
   * @param at seconds since 1970 @param now our own time in seconds, from any beginning, never set
   */
  saw(at: number, now: number): void {
    if (now - this.periodBegan > KEPT_SEC) {
      this.offsetBefore = this.offset;
      this.offset = Number.NEGATIVE_INFINITY;
      this.periodBegan = now;
    }
    this.offset = Math.max(this.offset, at - now);
  }

  /** Capture time at our time `now`; -Infinity before anything was seen. */
  at(now: number): number {
    return Math.max(this.offset, this.offsetBefore) + now;
  }

  /** The capturing machine's clock was set back. */
  reset(): void {
    this.offset = Number.NEGATIVE_INFINITY;
    this.offsetBefore = Number.NEGATIVE_INFINITY;
    this.periodBegan = Number.NEGATIVE_INFINITY;
  }
}
