import { describe, expect, it } from 'vitest';
import { BoundedMap } from '../../src/track/bounded-map.ts';

/* What is forgotten, and in which order the rest stays. */

const filled = (limit: number, keys: string, leave?: (value: number, key: string) => void): BoundedMap<string, number> => {
  const map = new BoundedMap<string, number>(limit, leave);
  for (const [i, key] of [...keys].entries()) map.set(key, i);
  return map;
};

const order = (map: BoundedMap<string, number>): string => [...map.keys()].join('');

describe('a bounded map', () => {
  it('pushes out what came first, and tells', () => {
    const left: [number, string][] = [];
    const map = filled(3, 'abcde', (value, key) => left.push([value, key]));
    expect(left).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
    expect([map.size, map.evicted, order(map), ...map.values()]).toEqual([3, 2, 'cde', 2, 3, 4]);
    expect([map.get('a'), map.has('a'), map.get('c'), map.has('c')]).toEqual([undefined, false, 2, true]);
  });

  it('gives what was used a second chance, behind all others, and only one', () => {
    const map = filled(3, 'abc');
    expect([map.take('a', () => 9), map.use('x')]).toEqual([0, undefined]);
    map.set('d', 3);
    expect(order(map)).toBe('cad');
    map.set('e', 4);
    map.set('f', 5);
    expect([order(map), map.evicted]).toEqual(['def', 3]);
  });

  it('pushes out the oldest where all were used', () => {
    const map = filled(3, 'abc');
    for (const key of 'cba') expect(map.use(key)).toBe('abc'.indexOf(key));
    map.set('d', 3);
    expect([order(map), map.size, map.evicted]).toEqual(['bcd', 3, 1]);
  });

  it('takes entries out wherever they stand', () => {
    const map = filled(8, 'abcde');
    for (const key of 'aecx') map.delete(key);
    expect([order(map), map.size]).toEqual(['bd', 2]);
    map.set('a', 7);
    map.set('b', 8);
    expect([order(map), ...map.values()]).toEqual(['bda', 8, 3, 7]);
    for (const key of 'bda') map.delete(key);
    expect([order(map), map.size]).toEqual(['', 0]);
    map.set('z', 1);
    expect(order(map)).toBe('z');
    map.clear();
    expect([order(map), map.size]).toEqual(['', 0]);
  });
});
