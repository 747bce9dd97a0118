import { describe, expect, it } from 'vitest';
import { Hops, MOST_HOPS, NO_MAC } from '../../src/track/hops.ts';
import { NONE } from '../../src/track/table.ts';

/* Small numbers for interfaces with a MAC. */

describe('hops', () => {
  it('have the same id each time, whatever they have in common, and keep it as they grow', () => {
    const hops = new Hops();
    const known = [0, 1, 2].flatMap((id) =>
      [0x0200, 0x0204, NO_MAC].flatMap((high) => [0, 1, -1, 77].map((low) => [id, high, low] as const)),
    );
    const ids = known.map(([id, high, low]) => hops.idOf(id, high, low));
    expect(ids).toEqual(known.map((_, i) => i));
    for (let i = 0; i < 1000; i++) hops.idOf(9, 0x0a00, i);
    expect(known.map(([id, high, low]) => hops.idOf(id, high, low))).toEqual(ids);
    expect(hops.size).toBe(known.length + 1000);
    expect(known.map((_, i) => hops.interfaceOf(i))).toEqual(known.map(([id]) => id));
    expect([hops.macOf(0), hops.macOf(2), hops.macOf(8)]).toEqual([0x0200_0000_0000, 0x0200_ffff_ffff, null]);
  });

  it('are given no id when all are given, and begin anew', () => {
    const hops = new Hops();
    for (let i = 0; i < MOST_HOPS; i++) expect(hops.idOf(0, 0x0200, i)).toBe(i);
    expect([hops.idOf(0, 0x0200, MOST_HOPS), hops.idOf(0, 0x0200, 5), hops.size]).toEqual([NONE, 5, MOST_HOPS]);
    hops.clear();
    expect([hops.size, hops.idOf(1, 0x0200, 5), hops.interfaceOf(0)]).toEqual([0, 0, 1]);
  });

  it('count destinations, never below none', () => {
    const hops = new Hops();
    const id = hops.idOf(0, 0x0200, 1);
    for (const by of [1, 1, -1]) hops.countDestination(id, by);
    expect(hops.destinationsOf(id)).toBe(1);
    for (const by of [-1, -1, 1]) hops.countDestination(id, by);
    expect(hops.destinationsOf(id)).toBe(1);
    hops.clear();
    expect(hops.destinationsOf(hops.idOf(0, 0x0200, 2))).toBe(0);
  });
});
