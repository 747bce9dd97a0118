/** A value, and whether it was used since it was last considered for leaving. */
interface Entry<V> {
  value: V;
  used: boolean;
}

/** What is tried out together may need more than one place. */
const ROOM = 4;

/**
 * A map that forgets: when it is full, what was not used for long makes room: the oldest entry, but each that was used since its last turn gets
 * another one ("second chance"), so that use costs no more than a look-up. For things that are kept as objects because they are few, such as
 * stations of a segment or conversations with a fault; what comes with every packet belongs into a `Table`.
 */
export class BoundedMap<K, V> {
  /** Entries that were pushed out. */
  evicted = 0;
  private readonly entries = new Map<K, Entry<V>>();
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
    return this.entries.get(key)?.value;
  }

  has(key: K): boolean {
    return this.entries.has(key);
  }

  set(key: K, value: V): void {
    const known = this.entries.get(key);
    if (known) {
      known.value = value;
      return;
    }
    if (this.entries.size >= this.limit) this.makeRoom();
    this.entries.set(key, { value, used: false });
  }

  /** The value of `key`, made by `make` where there is none. Counts as use. */
  take(key: K, make: () => V): V {
    const known = this.entries.get(key);
    if (known) {
      known.used = true;
      return known.value;
    }
    const made = make();
    this.set(key, made);
    return made;
  }

  /** Whether `set` would push nothing out. */
  hasRoomFor(key: K): boolean {
    return this.entries.size < this.limit - ROOM || this.entries.has(key);
  }

  delete(key: K): void {
    this.entries.delete(key);
  }

  /** In the order in which they came, as far as none got a second chance. */
  *values(): Generator<V> {
    for (const { value } of this.entries.values()) yield value;
  }

  keys(): IterableIterator<K> {
    return this.entries.keys();
  }

  clear(): void {
    this.entries.clear();
  }

  private makeRoom(): void {
    for (const [key, entry] of this.entries) {
      this.entries.delete(key);
      if (entry.used) {
        entry.used = false;
        this.entries.set(key, entry);
        continue;
      }
      this.evicted++;
      this.leave?.(entry.value, key);
      return;
    }
  }
}
