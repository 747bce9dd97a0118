import { NONE, type Table } from '../table.ts';

/** The latest places of a table of which something is worth a look, in a ring: what comes after so many makes the first one forgotten. */
export class LatestPlaces {
  evicted = 0;
  private readonly ids: Int32Array;
  private next = 0;
  private readonly table: Table;
  private readonly word: number;

  /** @param word the word of an entry, of those that stand apart, that says that it is here: its number in the ring plus one */
  constructor(table: Table, word: number, limit: number) {
    this.table = table;
    this.word = word;
    this.ids = new Int32Array(limit).fill(NONE);
  }

  has(id: number): boolean {
    return (this.table.apart.words[this.table.apartOf(id) + this.word] ?? 0) > 0;
  }

  add(id: number): void {
    if (this.has(id)) return;
    const { ids, table, next } = this;
    const former = ids[next] ?? NONE;
    if (former !== NONE) {
      table.apart.words[table.apartOf(former) + this.word] = 0;
      this.evicted++;
    }
    ids[next] = id;
    table.apart.words[table.apartOf(id) + this.word] = next + 1;
    this.next = (next + 1) % ids.length;
  }

  /** The entry leaves the table. */
  remove(id: number): void {
    const number = this.table.apart.words[this.table.apartOf(id) + this.word] ?? 0;
    if (number > 0) this.ids[number - 1] = NONE;
  }

  *values(): Generator<number> {
    for (const id of this.ids) if (id !== NONE) yield id;
  }

  clear(): void {
    this.ids.fill(NONE);
  }
}
