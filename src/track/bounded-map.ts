/**
 * A map that forgets: when it is full, what was added or touched longest ago makes room. For things that are kept as objects because they are few,
 * such as stations of a segment or conversations with a fault; what comes with every packet belongs into a `Table`.
 */
export class BoundedMap<K, V> {
  /** Entries that were pushed out. */
  evicted = 0;
  private readonly entries = new Map<K, V>();
  private readonly limit: number;
  private readonly leave: ((value: V, key: K) => void) | undefined;

  constructor(limit: number, leave?: (value: V, key: K) => void) {
    this.limit = limit;
    this.leave = leave;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    return this.entries.get(key);
  }

  has(key: K): boolean {
    return this.entries.has(key);
  }

  set(key: K, value: V): void {
    if (this.entries.size >= this.limit && !this.entries.has(key)) {
      const oldest = this.entries.entries().next();
      if (!oldest.done) {
        const [oldKey, oldValue] = oldest.value;
        this.entries.delete(oldKey);
        this.evicted++;
        this.leave?.(oldValue, oldKey);
      }
    }
    this.entries.set(key, value);
  }

  /** The value of `key`, made by `make` where there is none; the youngest afterwards. */
  take(key: K, make: () => V): V {
    const known = this.entries.get(key);
    if (known !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    const made = make();
    this.set(key, made);
    return made;
  }

  delete(key: K): void {
    this.entries.delete(key);
  }

  /** The oldest first. */
  values(): IterableIterator<V> {
    return this.entries.values();
  }

  keys(): IterableIterator<K> {
    return this.entries.keys();
  }

  clear(): void {
    this.entries.clear();
  }
}
