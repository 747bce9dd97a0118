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

describe('memory', () => {
  it('is not allocated for an ordinary packet: a million frames leave the heap flat', { timeout: 180_000 }, () => {
    const { samples, decoded } = probe('small', 1_000_000);
    expect(decoded).toBe(1_000_000);
    // The first sample is from before the run, the second one from after it has made its tables.
    const [, first, ...later] = samples;
    expect(later.length).toBeGreaterThan(2);
    for (const { heapUsed, minor } of later) {
      expect(heapUsed - (first?.heapUsed ?? 0)).toBeLessThan(0.5 * MEGABYTE);
      // A collection comes with each megabyte of young objects. One object a packet, of the smallest size there is, would make a dozen of them;
      // a few are the compiler's.
      expect(minor - (first?.minor ?? 0)).toBeLessThanOrEqual(4);
    }
  });

  it('is bounded by what there is to know, not by how long it lasts', { timeout: 180_000 }, () => {
    const { samples, decoded, findings } = probe('mixed', 400_000);
    expect({ decoded, findings }).toEqual({ decoded: 400_000, findings: [] });
    const [before, ...during] = samples;
    for (const { heapUsed } of during) expect(heapUsed - (before?.heapUsed ?? 0)).toBeLessThan(12 * MEGABYTE);
    // At the end everything is judged and let go.
    expect((samples.at(-1)?.heapUsed ?? 0) - (before?.heapUsed ?? 0)).toBeLessThan(1.5 * MEGABYTE);
  });
});
