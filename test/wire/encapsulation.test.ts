import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Encapsulation,
  encapsulationName,
  hasRoom,
  innermostOf,
  MOST_LAYERS,
  pathAround,
  pathInto,
  pathNames,
} from '../../src/wire/encapsulation.ts';

const all = Object.values(Encapsulation).filter((each) => each !== Encapsulation.None);
const isRare = (encapsulation: number): boolean => encapsulation > 15;
const common = all.filter((each) => !isRare(each));

/** The path through these, or undefined where one has no room. */
function pathOf(encapsulations: readonly number[]): number | undefined {
  let path = 0;
  for (const each of encapsulations) {
    if (!hasRoom(path, each)) return undefined;
    path = pathInto(path, each);
  }
  return path;
}

describe('the path to a packet in tunnels, as one number', () => {
  it('has a name for every encapsulation', () => {
    expect(new Set(all.map(encapsulationName)).size).toBe(all.length);
    expect(all.map(encapsulationName)).not.toContain('unknown');
    expect(pathNames(0)).toEqual([]);
  });

  it('tells every pair from every other pair and from every single one', () => {
    const nests = [...all.map((each) => [each]), ...all.flatMap((outer) => all.map((inner) => [outer, inner]))];
    const paths = nests.map((nest) => pathOf(nest) ?? 0);
    expect(new Set(paths).size).toBe(nests.length);
    expect(paths.map(pathNames)).toEqual(nests.map((nest) => nest.map(encapsulationName)));
  });

  it('has room for eight common ones, four rare ones, and no more', () => {
    for (const each of common) {
      const path = pathOf(Array.from({ length: MOST_LAYERS }, () => each)) ?? 0;
      expect(pathNames(path)).toEqual(Array.from({ length: MOST_LAYERS }, () => encapsulationName(each)));
      expect(all.some((next) => hasRoom(path, next))).toBe(false);
    }
    expect(pathNames(pathOf([Encapsulation.Gue, Encapsulation.Ah, Encapsulation.Fou, Encapsulation.L2tpv3]) ?? 0)).toEqual([
      'gue',
      'ah',
      'fou',
      'l2tpv3',
    ]);
  });

  it('is a signed 32-bit number, other for each nest, and read back', () => {
    const nest = fc.array(fc.constantFrom(...all), { maxLength: MOST_LAYERS });
    fc.assert(
      fc.property(nest, nest, (one, other) => {
        const path = pathOf(one);
        const digits = one.reduce((sum, each) => sum + (isRare(each) ? 2 : 1), 0);
        expect(path !== undefined).toBe(digits <= 8);
        if (path === undefined) return;
        expect(path).toBe(path | 0);
        expect(pathNames(path)).toEqual(one.map(encapsulationName));
        expect(innermostOf(path)).toBe(one.at(-1) ?? 0);
        expect(pathNames(pathAround(path))).toEqual(one.slice(0, -1).map(encapsulationName));
        expect(path === pathOf(other)).toBe(one.join() === other.join());
      }),
      { numRuns: 2000 },
    );
  });
});
