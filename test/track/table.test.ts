import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { BRIEF_WORDS, readBrief, writeBrief } from '../../src/track/stamp.ts';
import { MOST_EXPECTED, NONE, Table } from '../../src/track/table.ts';
import { countersOf, Places, SEVERAL } from '../../src/track/tcp/places.ts';
import { Packet } from '../../src/wire/packet.ts';

/* Keys of two lengths, words that stand apart, and what is packed tightly. */

const SHORT = 3;
const LONG = 7;
const key = fc.integer({ min: 0, max: 400 }).map((n) => (n % 2 === 0 ? [SHORT, n, 0] : [LONG, 1, 2, 3, 4, n & 3, n >> 2]));
const step = fc.record({ key, isGone: fc.boolean() });

function write(table: Table, words: readonly number[]): void {
  table.keyLength = words.length;
  table.key.set(words);
}

describe('a table of short and long keys', () => {
  it.each([
    { hashes: 'its own hashes', isOne: false },
    { hashes: 'one hash for all keys', isOne: true },
  ])('holds what a Map holds, however it grows, with $hashes', ({ isOne }) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const table = new Table({ words: LONG, front: SHORT, own: 1, apart: 3, limit: 1024, idleSec: 1, clock: { at: 1 } });
        if (isOne) Object.assign(table, { hash: () => 7 });
        const known = new Map<string, number>();
        steps.forEach(({ key: words, isGone }, i) => {
          const name = words.join();
          write(table, words);
          const id = table.touch();
          expect(id !== NONE).toBe(known.has(name));
          if (id === NONE) {
            const added = i % 2 === 0 ? table.add() : table.addMissing();
            const [own, apart] = [table.ownOf(added), table.apartOf(added)];
            expect([table.words[own], ...table.apart.words.subarray(apart, apart + 3)]).toEqual([0, 0, 0, 0]);
            table.words[own] = i;
            table.apart.words.fill(i, apart, apart + 3);
            known.set(name, i);
            return;
          }
          expect(words.map((_, word) => table.keyWord(id, word))).toEqual(words);
          expect([table.words[table.ownOf(id)], table.apart.words[table.apartOf(id) + 2]]).toEqual([known.get(name), known.get(name)]);
          if (!isGone) return;
          table.remove(id);
          known.delete(name);
        });
        expect(table.size).toBe(known.size);
      }),
      { numRuns: 60 },
    );
  });
});

describe('expected keys', () => {
  const keys = Array.from({ length: 2 * MOST_EXPECTED }, (_, n) => [SHORT, n, 0]);

  it('are found where the hint says, whatever has come and gone since', () => {
    const table = new Table({ words: LONG, front: SHORT, own: 1, limit: 64, idleSec: 1, clock: { at: 1 } });
    const numbers = keys.map((words, i) => {
      write(table, words);
      if (i % 3 > 0) table.add();
      return i < MOST_EXPECTED ? table.expect() : NONE;
    });
    write(table, keys[0] ?? []);
    expect(table.expect(), 'as many as there is room for').toBe(NONE);
    table.fetch();
    expect(table.likelyId(NONE)).toBe(NONE);
    write(table, keys[1] ?? []);
    table.remove(table.find());
    keys.forEach((words, i) => {
      write(table, words);
      const id = table.find();
      expect(id === NONE).toBe(i % 3 === 0 || i === 1);
      // Of two keys with the same bits of the hash in the index the hint may be the other's.
      expect(table.touchAt(table.likelyId(numbers[i] ?? NONE))).toBe(id);
    });
    expect(keys.filter((_, i) => i < MOST_EXPECTED && i > 1 && i % 3 > 0 && table.likelyId(numbers[i] ?? NONE) !== NONE).length).toBe(9);
  });

  it('may be expected of a table without memory', () => {
    const table = new Table({ words: SHORT, limit: 64, idleSec: 1, clock: { at: 1 } });
    write(table, [SHORT, 1, 2]);
    const number = table.expect();
    table.fetch();
    expect(table.likelyId(number)).toBe(NONE);
  });
});

describe('a table that is full', () => {
  it('a table keeps what it holds while it grows to its limit', () => {
    const limit = 32_768;
    const table = new Table({ words: LONG, front: SHORT, own: 2, apart: 1, limit, idleSec: 1, clock: { at: 1 } });
    const keyOf = (n: number): number[] => (n % 3 === 0 ? [LONG, 1, 2, 3, 4, 5, n] : [SHORT, n, 0]);
    for (let n = 0; n < limit; n++) {
      write(table, keyOf(n));
      const id = table.touch() === NONE ? table.addMissing() : NONE;
      table.doubles[table.ownOf(id) >> 1] = n / 2;
      table.apart.words[table.apartOf(id)] = n + 1;
    }
    expect([table.size, table.evicted]).toEqual([limit, 0]);
    for (let n = 0; n < limit; n++) {
      write(table, keyOf(n));
      const id = table.find();
      expect([table.doubles[table.ownOf(id) >> 1], table.apart.words[table.apartOf(id)]]).toEqual([n / 2, n + 1]);
    }
    write(table, keyOf(limit));
    expect([table.find(), table.addMissing(), table.size, table.evicted]).toEqual([NONE, 0, limit, 1]);
  });
});

function packetOf(fields: Partial<Packet>): Packet {
  return Object.assign(new Packet(UNKNOWN_INTERFACE), { timed: true, version: 4, ...fields });
}

describe('a brief stamp', () => {
  it.each([
    { frame: 1, input: 0, sec: 0, nsec: 0 },
    { frame: 2 ** 32 + 5, input: 200_000, sec: 1_763_800_000, nsec: 999_999_999 },
    { frame: 3_000_000_000, input: 3, sec: -5, nsec: 1 },
  ])('of frame $frame has what the packet had', ({ frame, input, sec, nsec }) => {
    const words = new Int32Array(BRIEF_WORDS);
    writeBrief(words, 0, packetOf({ frame, input, sec, nsec }));
    expect(readBrief(words, 0, sec + nsec / 1e9)).toMatchObject({ frame, input, sec, nsec, timed: true });
  });
});

describe('octets of a connection', () => {
  it('are counted beyond what a word holds', () => {
    const packet = packetOf({ src4: 1, dst4: 2, sourcePort: 3, destinationPort: 4 });
    const places = new Places(packet, 16, 600, () => {});
    const id = places.take(packet);
    for (let i = 0; i < 9; i++) places.addBytes(id, countersOf(places.table.ownOf(id), places.fromLower), 2 ** 29 + i);
    expect([places.bytesOf(id, true), places.bytesOf(id, false)]).toEqual([9 * 2 ** 29 + 36, 0]);
  });
});

describe('places of a connection', () => {
  it('leave together, also where one of them is found idle for too long while the first one is in use', () => {
    const packet = packetOf({ src4: 1, dst4: 2, sourcePort: 3, destinationPort: 4 });
    const closed: number[] = [];
    const places = new Places(packet, 16, 600, (connection) => closed.push(connection));
    const seenAt = (interfaceId: number, at: number): number => {
      Object.assign(packet, { interfaceId, at });
      return places.take(packet);
    };
    const first = seenAt(0, 0);
    const second = seenAt(1, 0);
    expect([places.connectionOf(second), places.flagsOf(first) & SEVERAL]).toEqual([first, SEVERAL]);
    seenAt(0, 400);
    expect(closed).toEqual([]);
    const begun = seenAt(1, 700);
    expect([closed, places.connectionOf(begun), places.nextOf(begun), places.table.size]).toEqual([[first], begun, NONE, 1]);
    expect(places.flagsOf(begun) & SEVERAL).toBe(0);
    expect(places.connectionOf(seenAt(0, 700))).toBe(begun);
    places.table.clear();
    expect([closed, places.table.size]).toEqual([[first, begun], 0]);
  });
});
