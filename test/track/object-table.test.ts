import { describe, expect, it } from 'vitest';
import { ByMac } from '../../src/track/by-mac.ts';
import { ObjectTable } from '../../src/track/object-table.ts';

interface Thing {
  name: string;
}

function tableOf(limit: number): { table: ObjectTable<Thing>; left: string[]; at: (...words: number[]) => ObjectTable<Thing> } {
  const left: string[] = [];
  const table = new ObjectTable<Thing>(2, limit, ({ name }) => left.push(name));
  const at = (...words: number[]): ObjectTable<Thing> => {
    table.key.set(words);
    return table;
  };
  return { table, left, at };
}

const names = ({ list }: ObjectTable<Thing>): string[] => list.map(({ name }) => name);

describe('a table of objects', () => {
  it('finds what was added by its key, in the order in which it came', () => {
    const { table, at } = tableOf(8);
    at(1, 2).add({ name: 'a' });
    at(2, 1).add({ name: 'b' });
    expect([at(1, 2).get()?.name, at(2, 1).use()?.name, at(2, 2).get()]).toEqual(['a', 'b', undefined]);
    expect([names(table), table.size]).toEqual([['a', 'b'], 2]);
    table.clear();
    expect([names(table), at(1, 2).get(), table.evicted]).toEqual([[], undefined, 0]);
  });

  it('pushes out the oldest, but not what was used since its last turn', () => {
    const { table, left, at } = tableOf(4);
    for (const name of ['a', 'b', 'c', 'd']) at(0, name.charCodeAt(0)).add({ name });
    at(0, 'a'.charCodeAt(0)).use();
    at(0, 'b'.charCodeAt(0)).get();
    at(1, 0).add({ name: 'e' });
    expect([left, names(table), table.evicted]).toEqual([['b'], ['c', 'd', 'a', 'e'], 1]);
    for (const i of [1, 2, 3]) at(2, i).add({ name: `f${i}` });
    expect(left).toEqual(['b', 'c', 'd', 'a']);
  });

  it('says whether there is room, for what is tried out too', () => {
    const { at } = tableOf(8);
    for (let i = 0; i < 4; i++) at(0, i).add({ name: `${i}` });
    expect([at(0, 3).hasRoom, at(0, 4).hasRoom]).toEqual([true, false]);
  });

  it('takes copies away again, and what came in the place of nothing', () => {
    const { table, at } = tableOf(8);
    at(0, 1).add({ name: 'a' });
    const undo = [at(0, 1).standIn(), at(0, 2).standIn()];
    const copy = at(0, 1).get();
    if (copy) copy.name = 'changed';
    at(0, 2).add({ name: 'b' });
    undo.push(at(0, 2).standIn());
    expect(names(table)).toEqual(['changed', 'b']);
    for (const each of undo.reverse()) each();
    expect(names(table)).toEqual(['a']);
  });

  it('joins what begins with one word with what begins with another', () => {
    const { table, at } = tableOf(8);
    at(1, 5).add({ name: 'kept' });
    at(2, 5).add({ name: 'merged' });
    at(2, 6).add({ name: 'moved' });
    at(3, 5).add({ name: 'other' });
    const merged: string[] = [];
    table.rename(
      2,
      1,
      () => {},
      (kept, absorbed) => merged.push(`${kept.name} ${absorbed.name}`),
    );
    expect([merged, names(table), at(1, 6).get()?.name]).toEqual([['kept merged'], ['kept', 'other', 'moved'], 'moved']);
    expect([at(3, 5).hasOtherWith(3), at(3, 6).hasOtherWith(3), at(1, 5).hasOtherWith(1)]).toEqual([false, true, true]);
  });
});

it('several MACs are known in the order in which they came', () => {
  const known = new ByMac<{ mac: number; name: string }>();
  expect([known.size, known.get(1), known.has(1)]).toEqual([0, undefined, false]);
  for (const mac of [3, 1, 2]) known.set({ mac, name: `first of ${mac}` });
  known.set({ mac: 3, name: 'again' });
  expect([known.size, known.get(3)?.name, known.get(2)?.name, known.get(4)]).toEqual([3, 'again', 'first of 2', undefined]);
  expect([[...known.keys()], [...known.values()].length]).toEqual([[3, 1, 2], 3]);
});
