/** A value, whether it was used since it was last considered for leaving, and its neighbours in the row of those that are. */
interface Entry<K, V> {
  key: K;
  value: V;
  used: boolean;
  older: Entry<K, V> | undefined;
  newer: Entry<K, V> | undefined;
}

/**
 * A map that forgets: when it is full, what was not used for long makes room: the oldest entry, but each that was used since its last turn gets
 * another one ("second chance"), so that use costs no more than a look-up. For things that are kept as objects because they are few, such as
 * stations of a segment or conversations with a fault; what comes with every packet belongs into a `Table`.
 *
 * The order is a row of its own: a `Map` from which entries are taken out and put in again makes itself anew each time its holes have added up, and
 * each of those it was before keeps the next one alive until all memory is collected.
 */
export class BoundedMap<K, V> {
  /** Entries that were pushed out. */
  evicted = 0;
  private readonly entries = new Map<K, Entry<K, V>>();
  private readonly limit: number;
  private readonly leave: ((value: V, key: K) => void) | undefined;
  private oldest: Entry<K, V> | undefined;
  private newest: Entry<K, V> | undefined;

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

  /** As `get`, and counts as use. */
  use(key: K): V | undefined {
    const known = this.entries.get(key);
    if (known) known.used = true;
    return known?.value;
  }

  has(key: K): boolean {
    return this.entries.has(key);
  }

  set(key: K, value: V): void {
    const known = this.entries.get(key);
    if (known) known.value = value;
    else this.add(key, value);
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

  delete(key: K): void {
    const known = this.entries.get(key);
    if (!known) return;
    this.entries.delete(key);
    this.unlink(known);
  }

  /** In the order in which they came, as far as none got a second chance. */
  *values(): Generator<V> {
    for (let entry = this.oldest; entry; entry = entry.newer) yield entry.value;
  }

  *keys(): Generator<K> {
    for (let entry = this.oldest; entry; entry = entry.newer) yield entry.key;
  }

  clear(): void {
    this.entries.clear();
    this.oldest = undefined;
    this.newest = undefined;
  }

  private add(key: K, value: V): void {
    const left = this.entries.size >= this.limit ? this.makeRoom() : undefined;
    const entry: Entry<K, V> = left ?? { key, value, used: false, older: undefined, newer: undefined };
    entry.key = key;
    entry.value = value;
    this.entries.set(key, entry);
    this.append(entry);
  }

  /** Pushes an entry out and gives it: it serves again. */
  private makeRoom(): Entry<K, V> | undefined {
    let entry = this.oldest;
    for (; entry?.used; entry = this.oldest) {
      entry.used = false;
      this.unlink(entry);
      this.append(entry);
    }
    if (!entry) return undefined;
    this.entries.delete(entry.key);
    this.unlink(entry);
    this.evicted++;
    this.leave?.(entry.value, entry.key);
    return entry;
  }

  private append(entry: Entry<K, V>): void {
    entry.older = this.newest;
    if (this.newest) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry<K, V>): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else this.oldest = newer;
    if (newer) newer.older = older;
    else this.newest = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
