import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { MemoryRun } from '../../bench/harness/memory.ts';
import type { Profile } from '../../bench/harness/profile.ts';
import type { Result } from '../../bench/harness/report.ts';
import { root } from '../tools/captures.ts';

const folder = mkdtempSync(join(tmpdir(), 'fluxcap-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The benchmark itself, on small captures. */
function bench(...args: readonly string[]): unknown {
  const command = ['--import', 'tsx', join(root, 'bench/run.ts'), '--json', '--data', folder, ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  // Nothing is left behind.
  expect(readdirSync(folder)).toEqual([]);
  return JSON.parse(stdout);
}

describe('npm run bench', { timeout: 120_000 }, () => {
  it('compares, and judges', () => {
    const args = ['--size', '300kB', '--rounds', '2', '--start-runs', '1', '--slice', '100', '--peers', 'fluxcap,tcpdump,unpackers'];
    const { comparisons, start, targets } = bench('--kinds', 'mixed,nested,mixed.pcap.gz', ...args) as Result;
    expect(comparisons.map(({ capture }) => capture)).toEqual(['mixed', 'nested', 'mixed.pcap.gz']);
    for (const { rows } of comparisons) expect(rows[0]).toMatchObject({ name: 'fluxcap analyze --json', note: null });
    expect(comparisons[0]?.rows[0]?.rounds).toHaveLength(2);
    expect(start.map(({ name }) => name)).toContain('fluxcap analyze --json');
    expect(targets.filter(({ capture }) => capture === 'start')).toHaveLength(1);
    const library = comparisons[2]?.rows.find(({ name }) => name === 'unpacking library alone');
    expect(library?.fluxcapByIt?.median).toBeGreaterThan(0);
  });

  it.runIf(process.platform === 'linux')('watches the memory of a capture and of one ten times as long', () => {
    const { memory } = bench('--memory', '--size', '200kB') as { memory: MemoryRun[] };
    const [short, long] = memory;
    expect(long?.megabytes).toBeGreaterThan(9 * (short?.megabytes ?? 0));
    for (const { samples, peakMegabytes } of memory) {
      expect(samples.length).toBeGreaterThan(3);
      for (const { residentMegabytes } of samples) expect(residentMegabytes).toBeLessThanOrEqual(peakMegabytes);
    }
  });

  it('says where the time goes', () => {
    const { profiles } = bench('--profile', '--size', '300kB') as { profiles: Profile[] };
    const [profile] = profiles;
    expect(profile?.folders.map(({ name }) => name)).toEqual(expect.arrayContaining(['src/track', 'src/wire']));
    const total = profile?.files.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    expect(total).toBeCloseTo(profile?.milliseconds ?? 0);
  });
});
