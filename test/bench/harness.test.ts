import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Capture } from '../../bench/harness/captures.ts';
import { compare, type Runner } from '../../bench/harness/compare.ts';
import { historyLine } from '../../bench/harness/history.ts';
import { markdown } from '../../bench/harness/markdown.ts';
import { type Measured, Stopwatch } from '../../bench/harness/measure.ts';
import { optionsOf } from '../../bench/harness/options.ts';
import { FLUXCAP, type Peer, peersOf, REFERENCE, TSHARK, UNPACKING } from '../../bench/harness/peers.ts';
import { type CpuProfile, summarise } from '../../bench/harness/profile.ts';
import { type Result, tables } from '../../bench/harness/report.ts';
import { median, spreadOf } from '../../bench/harness/statistics.ts';
import { judge } from '../../bench/harness/targets.ts';

const CAPTURE: Capture = {
  name: 'mixed',
  path: '/somewhere/mixed.pcap',
  format: 'pcap',
  compression: null,
  isEthernet: true,
  packets: 1000,
  octets: 2e6,
  fileOctets: 2e6,
};

const peer = (name: string, more: Partial<Peer> = {}): Peer => ({ name, command: () => [name], ...more });

/** Each command takes, run after run, the seconds that stand here for it; the first run is the warm-up. */
class Scripted implements Runner {
  readonly order: string[] = [];
  private readonly seconds: Record<string, number[]>;

  constructor(seconds: Record<string, number[]>) {
    this.seconds = seconds;
  }

  run([name = '']: readonly string[]): Measured {
    this.order.push(name);
    const wallSeconds = this.seconds[name]?.shift() ?? Number.NaN;
    return { wallSeconds, cpuSeconds: wallSeconds / 2, peakMegabytes: 100, failure: null, output: `${name}: 1000` };
  }
}

const compared = (peers: readonly Peer[], runner: Runner, rounds = 3): ReturnType<typeof compare> =>
  compare(CAPTURE, peers, rounds, runner, () => {});

describe('statistics', () => {
  it.each([
    { values: [3, 1, 2], median: 2, low: 1.5, high: 2.5 },
    { values: [4, 1, 2, 3], median: 2.5, low: 1.75, high: 3.25 },
    { values: [7], median: 7, low: 7, high: 7 },
  ])('of $values', ({ values, ...expected }) => expect(spreadOf(values)).toEqual(expected));

  it('is not known where something is missing', () => {
    expect(spreadOf([])).toBeNull();
    expect(median([1, null, 2])).toBeNull();
  });
});

describe('compare', () => {
  it('runs all in turn, after a warm-up, and divides within each round', () => {
    // A machine that is three times slower in the second round changes no ratio.
    const runner = new Scripted({ [FLUXCAP]: [9, 2, 6, 2], [REFERENCE]: [9, 1, 3, 1] });
    const { rows } = compared([peer(FLUXCAP), peer(REFERENCE)], runner);
    expect(runner.order).toEqual([FLUXCAP, REFERENCE, FLUXCAP, REFERENCE, FLUXCAP, REFERENCE, FLUXCAP, REFERENCE]);
    expect(rows[0]).toMatchObject({ wallSeconds: 2, byTcpdump: { median: 2, low: 2, high: 2 }, rounds: [2, 6, 2], packetsPerSecond: 500 });
    expect(rows[1]).toMatchObject({ wallSeconds: 1, fluxcapByIt: { median: 2 }, fluxcapCpuByIt: { median: 2 }, peakMegabytes: 100 });
  });

  it('leaves out who has no place here, and says why somebody has no figures', () => {
    const refusing: Runner = {
      run: () => ({ wallSeconds: 1, cpuSeconds: 1, peakMegabytes: 1, failure: `cannot read ${CAPTURE.path}`, output: '' }),
    };
    const peers = [peer('elsewhere', { command: () => null }), peer('absent', { command: () => 'not installed' }), peer('refusing')];
    const { rows } = compared(peers, refusing);
    expect(rows.map(({ name, note, wallSeconds }) => ({ name, note, wallSeconds }))).toEqual([
      { name: 'absent', note: 'not installed', wallSeconds: null },
      { name: 'refusing', note: 'refuses: cannot read FILE', wallSeconds: null },
    ]);
  });

  it('says who counts other packets than there are', () => {
    const { rows } = compared([peer('wc', { counted: () => 999 })], new Scripted({ wc: [1, 1, 1, 1] }));
    expect(rows[0]?.note).toBe('counts 999 packets');
  });
});

describe('programs that unpack', () => {
  it('leave nothing to be kept of what they unpack, however much it is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fluxcap-test-'));
    try {
      const path = join(folder, 'capture.gz');
      writeFileSync(path, gzipSync(Buffer.alloc(100_000_000), { level: 1 }));
      const gzip = peersOf(['unpackers'], 'bench', folder).find(({ name }) => name === UNPACKING.gz);
      const { rows } = compare({ ...CAPTURE, path, compression: 'gz' }, gzip ? [gzip] : [], 1, new Stopwatch(folder), () => {});
      expect(rows.map(({ name, note, rounds }) => [name, note, rounds.length])).toEqual([[UNPACKING.gz, null, 1]]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('targets', () => {
  const comparison = compared([peer(FLUXCAP), peer(REFERENCE)], new Scripted({ [FLUXCAP]: [1, 3, 3, 3], [REFERENCE]: [1, 4, 3, 2] }));

  it('judge the median of the ratios, and the peak memory', () => {
    expect(judge([comparison], [])).toEqual([
      {
        capture: 'mixed',
        what: `fluxcap / ${REFERENCE}`,
        most: 1,
        least: null,
        measured: { median: 1, low: 0.875, high: 1.25 },
        reached: true,
      },
      {
        capture: 'mixed',
        what: 'peak memory in MB',
        most: 120,
        least: null,
        measured: { median: 100, low: 100, high: 100 },
        reached: true,
      },
    ]);
  });

  it('tell how often fluxcap is faster, where that is the target', () => {
    const slice = compared([peer(FLUXCAP), peer(TSHARK)], new Scripted({ [FLUXCAP]: [1, 1, 1, 1], [TSHARK]: [1, 50, 59, 70] }));
    const [judged] = judge([{ ...slice, capture: 'mixed, first packets' }], []);
    expect(judged).toMatchObject({ what: `${TSHARK} / fluxcap`, least: 60, reached: false });
    expect(judged?.measured.median).toBeCloseTo(59);
    expect(judged?.measured.low).toBeCloseTo(2 / (1 / 50 + 1 / 59));
  });

  it('are missed by one that is too slow', () => {
    const [judged] = judge([], [{ name: FLUXCAP, milliseconds: { median: 151, low: 140, high: 160 }, runs: 3 }]);
    expect(judged).toMatchObject({ capture: 'start', most: 150, reached: false });
  });
});

describe('results', () => {
  const comparison = compared([peer(FLUXCAP), peer(REFERENCE)], new Scripted({ [FLUXCAP]: [1, 3, 3, 3], [REFERENCE]: [1, 2, 2, 2] }));
  const start = [{ name: FLUXCAP, milliseconds: { median: 123.456, low: 120, high: 130 }, runs: 3 }];
  const result: Result = {
    date: '2026-11-22',
    fluxcap: '1.0.0',
    machine: { cpu: 'a processor', cores: 2, memoryGigabytes: 8, system: 'linux x64', node: '20.0.0', versions: { tcpdump: '4.99.3' } },
    seed: 1,
    rounds: 3,
    comparisons: [comparison],
    start,
    targets: judge([comparison], start),
  };

  it('are a line of the history', () => {
    const line = historyLine(result);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    const { date, captures, startMilliseconds, missed } = JSON.parse(line);
    expect(date).toBe('2026-11-22');
    expect(captures.mixed.rows[FLUXCAP]).toEqual({ wallSeconds: 3, cpuSeconds: 1.5, peakMegabytes: 100, byTcpdump: 1.5, fluxcapByIt: 1 });
    expect(startMilliseconds).toEqual({ [FLUXCAP]: 123.5 });
    expect(missed).toEqual([`mixed: fluxcap / ${REFERENCE}`]);
  });

  it('are the tables of a page', () => {
    const text = markdown(result);
    expect(text).toContain('| `mixed` | 1,000 | 3.00 s | 0.00 M | 0.67 | 1.50 | - | 1.50 s | 100 MB |');
    expect(text).toContain('| `tcpdump -w /dev/null` | 2.00 s | 1.00 | 1.00 s | 100 MB |');
    expect(text).toContain(`| \`mixed\` | fluxcap / ${REFERENCE} | at most 1 | 1.50 | missed |`);
  });

  it('are tables with targets', () => {
    const text = tables(result);
    expect(text).toMatch(/mixed: 1,000 packets, 2 MB/);
    expect(text).toMatch(/fluxcap \/ tcpdump -w \/dev\/null │ +<= 1 │ +1\.50 │ +missed/);
    expect(text).toMatch(/fluxcap analyze --json │ +123 \(120-130\)/);
  });
});

describe('profile', () => {
  const node = (id: number, functionName: string, url: string): CpuProfile['nodes'][number] => ({
    id,
    callFrame: { functionName, url, lineNumber: Number(/:(\d+)$/.exec(url)?.[1] ?? 0), columnNumber: 0 },
  });
  const profile: CpuProfile = {
    nodes: [
      node(1, 'find', 'file:///x/dist/pieces/analysis.js:10'),
      node(2, 'find', 'file:///x/dist/pieces/analysis.js:10'),
      node(3, 'readOpen', 'file:///x/dist/pieces/analysis.js:20'),
      node(4, '(garbage collector)', ''),
      node(5, '(idle)', ''),
      node(6, '', 'file:///x/node_modules/@noble/hashes/blake2.js'),
      node(7, 'readSync', 'node:fs'),
    ],
    samples: [1, 2, 3, 4, 5, 6, 7],
    timeDeltas: [1000, 2000, 500, 300, 9000, 200, 1000],
  };

  const sources = {
    at: (url: string, line: number) => (url.includes('/pieces/') ? `src/track/${line === 10 ? 'table' : 'bgp/open'}.ts` : undefined),
  };

  it('sums self time by folder, file and function of the sources, without idle time', () => {
    const { milliseconds, folders, files, functions } = summarise([profile], sources);
    expect(milliseconds).toBe(5);
    const named = (times: readonly { name: string; milliseconds: number }[]): [string, number][] =>
      times.map((each) => [each.name, each.milliseconds]);
    expect(named(folders)).toEqual([
      ['src/track', 3.5],
      ['Node.js', 1],
      ['(garbage collector)', 0.3],
      ['node_modules/@noble/hashes', 0.2],
    ]);
    expect(named(files).slice(0, 3)).toEqual([
      ['src/track/table.ts', 3],
      ['Node.js', 1],
      ['src/track/bgp/open.ts', 0.5],
    ]);
    expect(named(functions)[0]).toEqual(['find  src/track/table.ts', 3]);
    expect(functions[0]?.share).toBeCloseTo(0.6);
  });

  it('adds up several, as of workers', () => expect(summarise([profile, profile], sources).milliseconds).toBe(10));
});

describe('options', () => {
  it('compare everything by default; of one capture, what it does inside', async () => {
    const all = await optionsOf([]);
    expect(all).toMatchObject({ mode: 'compare', octets: 1e9, rounds: 5, record: false });
    expect(all.kinds).toEqual(expect.arrayContaining(['mixed', 'nested', 'scan', 'mixed.pcap.gz', 'mixed.pcap.zst']));
    expect(await optionsOf(['--profile', '--size', '1.5MB'])).toMatchObject({ mode: 'profile', octets: 1.5e6, kinds: ['mixed'] });
    expect(await optionsOf(['--memory', '--kinds', 'scan,ng'])).toMatchObject({ mode: 'memory', octets: 3e8, kinds: ['scan', 'ng'] });
  });
});
