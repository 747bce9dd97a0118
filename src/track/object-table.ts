import { CaptureClock } from './clock.ts';
import { copyOf } from './copy-of.ts';
import { NONE, Table } from './table.ts';

/** What is tried out together may need more than one place. */
const ROOM = 4;

/**
 * Objects by keys of some 32-bit words, as many as there is room for: a `BoundedMap` whose keys need not be made. When it is full, the oldest entry leaves; each that
 * was used since its last turn gets another one.
 */
export class ObjectTable<V extends object> {
  private readonly table: Table;
  /** By id: a table gives ids without gaps. */
  private readonly objects: (V | undefined)[] = [];
  /** The table's clock: it goes on with each use, so that whoever was used since it was queued has been seen later. */
  private readonly uses = new CaptureClock();

  /** @param leave an object is pushed out */
  constructor(words: number, limit: number, leave: (object: V) => void = () => {}) {
    this.table = new Table({
      words,
      limit,
      idleSec: Number.POSITIVE_INFINITY,
      clock: this.uses,
      leave: (id) => {
        const object = this.objects[id];
        this.objects[id] = undefined;
        if (object) leave(object);
      },
    });
  }

  get size(): number {
    return this.table.size;
  }

  get evicted(): number {
    return this.table.evicted;
  }

  /** The key that is meant: the caller fills it before all that asks for one object. */
  get key(): Int32Array {
    return this.table.key;
  }

  get(): V | undefined {
    const id = this.table.find();
    return id === NONE ? undefined : this.objects[id];
  }

  /** As `get`, and counts as use. */
  use(): V | undefined {
    this.uses.at++;
    const id = this.table.touch();
    return id === NONE ? undefined : this.objects[id];
  }

  /** For a key that has none. Is no use. */
  add(object: V): void {
    this.objects[this.table.add()] = object;
  }

  /** Whether `add` would push nothing out. */
  get hasRoom(): boolean {
    return this.table.size < this.table.limit - ROOM || this.table.find() !== NONE;
  }

  /** Puts a copy in the place of what the key has; gives a function that takes it away again. Nothing may be pushed out between. */
  standIn(): () => void {
    const { table, objects } = this;
    const id = table.find();
    if (id !== NONE) {
      const original = objects[id];
      objects[id] = copyOf(original);
      return () => {
        objects[id] = original;
      };
    }
    const key = table.key.slice();
    return () => {
      table.key.set(key);
      this.remove(table.find());
    };
  }

  /**
   * Keys that begin with `from` begin with `to` from now on. Rare.
   * @param merge what is there under both keys: the second one is forgotten
   */
  rename(from: number, to: number, moved: (object: V) => void, merge: (kept: V, absorbed: V) => void): void {
    const { table, objects } = this;
    for (const id of table.ids()) {
      const object = objects[id];
      if (table.keyWord(id, 0) !== from || object === undefined) continue;
      for (let i = 1; i < table.keyLength; i++) table.key[i] = table.keyWord(id, i);
      table.key[0] = to;
      this.remove(id);
      moved(object);
      const existing = this.get();
      if (existing === undefined) this.add(object);
      else merge(existing, object);
    }
  }

  /** In the order in which they came, as far as none got a second turn. Allocates. */
  get list(): V[] {
    const list: V[] = [];
    for (const id of this.table.ids()) {
      const object = this.objects[id];
      if (object) list.push(object);
    }
    return list;
  }

  /** Whether there is one whose key begins with `first`, besides that of the key that is set. Goes through all. */
  hasOtherWith(first: number): boolean {
    const { table } = this;
    const own = table.find();
    return table.ids().some((id) => id !== own && table.keyWord(id, 0) === first);
  }

  /** Forgets everything, and tells nobody. */
  clear(): void {
    const { table } = this;
    this.objects.length = 0;
    table.clear();
  }

  private remove(id: number): void {
    if (id === NONE) return;
    this.table.remove(id);
    this.objects[id] = undefined;
  }
}
