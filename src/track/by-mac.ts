import type { Mac } from '../net/mac.ts';

/** What is known of MACs, mostly of one alone: that one is found without a look-up. In the order in which they were added. */
export class ByMac<V extends { readonly mac: Mac }> {
  private first: V | undefined;
  private others: Map<Mac, V> | undefined;

  constructor(values: Iterable<V> = []) {
    for (const value of values) this.set(value);
  }

  get size(): number {
    return this.first === undefined ? 0 : 1 + (this.others?.size ?? 0);
  }

  get(mac: Mac): V | undefined {
    const { first } = this;
    return first === undefined || first.mac === mac ? first : this.others?.get(mac);
  }

  has(mac: Mac): boolean {
    return this.get(mac) !== undefined;
  }

  /** Takes the place of what the MAC had. */
  set(value: V): void {
    if (this.first === undefined || this.first.mac === value.mac) {
      this.first = value;
      return;
    }
    this.others ??= new Map();
    this.others.set(value.mac, value);
  }

  *values(): Generator<V> {
    if (this.first !== undefined) yield this.first;
    if (this.others) yield* this.others.values();
  }

  *keys(): Generator<Mac> {
    for (const { mac } of this.values()) yield mac;
  }
}
