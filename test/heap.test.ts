import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './tools/captures.ts';

interface Sample {
  packets: number;
  heapUsed: number;
  minor: number;
}

function probe(kind: string, packets: number): { samples: Sample[]; decoded: number; findings: string[] } {
  // A small space for young objects: whoever makes some is found out soon.
  const args = ['--expose-gc', '--max-semi-space-size=1', '--import', 'tsx', join(root, 'test/tools/heap-probe.ts'), kind, String(packets)];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }));
}

const MEGABYTE = 1e6;

/** Functions of tables that were compiled for objects which look otherwise by now, in an analysis of `packets` frames of all kinds. */
function thrownAway(packets: number): string[] {
  const args = ['--expose-gc', '--trace-deopt', '--import', 'tsx', join(root, 'test/tools/heap-probe.ts'), 'mixed', String(packets)];
  const said = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * MEGABYTE });
  // Code that met what it had not met before is thrown away in every run.
  expect(said).toContain('[bailout (kind: deopt-eager');
  const functions = said.matchAll(/reason: wrong map\).*<JSFunction (\w+) /g);
  return [...functions]
    .map(([, name]) => name ?? '')
    .filter((name) => ['hash', 'lookUp', 'isKeyOf', 'find', 'touch', 'insert'].includes(name));
}

describe('memory', () => {
  it('is not allocated for an ordinary packet: two million frames leave the heap flat', { timeout: 180_000 }, () => {
    const { samples, decoded } = probe('small', 2_000_000);
    expect(decoded).toBe(2_000_000);
    // The first sample is from before the run, the second one from after it has made its tables, the last one from after the end, where all is judged.
    const [, first, ...later] = samples;
    expect(later.length).toBeGreaterThan(4);
    for (const { heapUsed } of later) expect(heapUsed - (first?.heapUsed ?? 0)).toBeLessThan(0.5 * MEGABYTE);
    // A collection comes with each megabyte of young objects. One object a packet, of the smallest size there is (16 octets), would make two dozen of
    // them; the compiler's, which come when it finds the time on a busy machine, are a handful at most.
    const during = later.at(-2)?.minor ?? Number.POSITIVE_INFINITY;
    expect(during - (first?.minor ?? 0)).toBeLessThanOrEqual(8);
  });

  it('is bounded by what there is to know, not by how long it lasts', { timeout: 180_000 }, () => {
    const { samples, decoded, findings } = probe('mixed', 400_000);
    expect({ decoded, findings }).toEqual({ decoded: 400_000, findings: [] });
    const [before, ...during] = samples;
    for (const { heapUsed } of during) expect(heapUsed - (before?.heapUsed ?? 0)).toBeLessThan(12 * MEGABYTE);
    // At the end everything is judged and let go.
    expect((samples.at(-1)?.heapUsed ?? 0) - (before?.heapUsed ?? 0)).toBeLessThan(1.5 * MEGABYTE);
  });

  it('is laid out once: no field of a table becomes of another kind, for which all of its code would be compiled anew', {
    timeout: 60_000,
  }, () => {
    expect(thrownAway(300_000)).toEqual([]);
  });
});
