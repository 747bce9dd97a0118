/** Slots that are emptied each second, so that a flow is looked at anew after this many seconds. */
const REMEMBERED_SEC = 300;

/**
 * Flows of which one thing is known, by their numbers. A small table, in which each has one of two places; newer flows overwrite older ones, and what was forgotten has
 * to be found out again.
 */
export class KnownFlows {
  private readonly numbers: Int32Array;
  private readonly mask: number;
  private readonly slice: number;
  private second = Number.NEGATIVE_INFINITY;

  /** @param slots a power of two */
  constructor(slots: number) {
    this.numbers = new Int32Array(slots);
    this.mask = slots - 1;
    this.slice = Math.ceil(slots / REMEMBERED_SEC);
  }

  has(number: number): boolean {
    const { numbers } = this;
    const at = number & this.mask;
    return numbers[at] === number || numbers[at ^ 1] === number;
  }

  add(number: number): void {
    const { numbers } = this;
    const at = number & this.mask;
    // Whoever was there goes to the other place, from which the older one leaves.
    if (numbers[at] !== 0) numbers[at ^ 1] = numbers[at] ?? 0;
    numbers[at] = number;
  }

  /** Time goes on to this second: some are forgotten. It depends on the packets' times alone. */
  pass(second: number): void {
    if (second <= this.second) return;
    const passed = Math.min(second - this.second, REMEMBERED_SEC);
    for (let i = 0; i < passed; i++) {
      const from = ((((second - i) % REMEMBERED_SEC) + REMEMBERED_SEC) % REMEMBERED_SEC) * this.slice;
      this.numbers.fill(0, from, from + this.slice);
    }
    this.second = second;
  }

  clear(): void {
    this.numbers.fill(0);
    this.second = Number.NEGATIVE_INFINITY;
  }
}
