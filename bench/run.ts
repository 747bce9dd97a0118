/** `npm run bench`: fluxcap beside its peers, over generated captures. `npm run bench -- --help` lists the options. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../src/version.ts';
import { type CaptureName, Captures, packerOf } from './harness/captures.ts';
import { type Comparison, compare } from './harness/compare.ts';
import { record } from './harness/history.ts';
import { isInstalled } from './harness/installed.ts';
import { thisMachine } from './harness/machine.ts';
import { markdown } from './harness/markdown.ts';
import { Stopwatch } from './harness/measure.ts';
import { type MemoryRun, watchMemory } from './harness/memory.ts';
import { type Options, optionsOf } from './harness/options.ts';
import { FLUXCAP, type Peer, peersOf, REFERENCE } from './harness/peers.ts';
import { type Profile, profileOf } from './harness/profile.ts';
import { type Measurement, memoryTables, profileTables, type Result, TINY_PACKETS, tables } from './harness/report.ts';
import { measureStart, type StartRow } from './harness/start.ts';
import { judge } from './harness/targets.ts';

const BENCH = fileURLToPath(new URL('.', import.meta.url));
const PROJECT = join(BENCH, '..');
const HISTORY = join(BENCH, 'history.jsonl');
/** How much longer the second capture of `--memory` is. */
const LONGER = 10;

const options = await optionsOf(process.argv.slice(2));
const data = resolve(options.data ?? join(BENCH, 'data'));
process.chdir(PROJECT);
await buildFluxcap();
const temporary = mkdtempSync(join(tmpdir(), 'fluxcap-bench-'));
const captures = new Captures(data, options.seed);
try {
  process.stdout.write(await measured(options));
} finally {
  if (!options.keep) captures.remove();
  rmSync(temporary, { recursive: true, force: true });
}

/** What is printed. */
async function measured({ mode, seed, json }: Options): Promise<string> {
  const date = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);
  const measurement: Measurement = { date, fluxcap: VERSION, machine: thisMachine(), seed };
  if (mode === 'memory') {
    const memory = await memoryRuns(options);
    return json ? printed({ ...measurement, memory }) : memoryTables(measurement, memory);
  }
  if (mode === 'profile') {
    const profiles = options.kinds.map((name) => profile(name, options));
    return json ? printed({ ...measurement, profiles }) : profileTables(measurement, profiles);
  }
  const result = await comparison(measurement, options);
  if (options.record) record(HISTORY, result);
  if (options.markdown) return markdown(result);
  return json ? printed(result) : tables(result);
}

function printed(result: object): string {
  return `${JSON.stringify(result, undefined, 2)}\n`;
}

async function comparison(measurement: Measurement, { rounds, kinds, startRuns }: Options): Promise<Result> {
  const peers = peersOf(options.peers, BENCH, temporary);
  const stopwatch = new Stopwatch(temporary);
  const comparisons = kinds.flatMap((name) => comparisonsOf(name, peers, stopwatch, options));
  const start = startRuns > 0 ? await startRows(startRuns) : [];
  return { ...measurement, rounds, comparisons, start, targets: judge(comparisons, start) };
}

/** All peers on the capture; then those that need too much for it, with fluxcap and the reference, on its first packets. */
function comparisonsOf(
  name: CaptureName,
  peers: readonly Peer[],
  stopwatch: Stopwatch,
  { octets, rounds, slice, everywhere, keep }: Options,
): Comparison[] {
  const packer = packerOf(name);
  if (packer !== undefined && !isInstalled(packer)) {
    tell(`${name}: left out, for ${packer} is not installed`);
    return [];
  }
  tell(`${name}: generating`);
  const capture = captures.make(name, { octets });
  const these = peers.filter(({ isSlow }) => everywhere || name === 'mixed' || !isSlow);
  const whole = these.filter(({ onSlice }) => !onSlice);
  const comparisons = [compare(capture, whole, rounds, stopwatch, tell)];
  const isSliced = capture.compression === null && these.some(({ onSlice }) => onSlice);
  if (isSliced) {
    const beginning = captures.slice(name, Math.min(slice, capture.packets));
    const some = these.filter((peer) => peer.onSlice || peer.name === FLUXCAP || peer.name === REFERENCE);
    comparisons.push(compare(beginning, some, rounds, stopwatch, tell));
  }
  if (!keep) captures.remove();
  return comparisons;
}

async function startRows(runs: number): Promise<StartRow[]> {
  tell('start');
  const { path } = captures.write('mixed', 'tiny', { packets: TINY_PACKETS });
  return measureStart(PROJECT, path, runs);
}

async function memoryRuns({ kinds, octets, keep }: Options): Promise<MemoryRun[]> {
  const runs: MemoryRun[] = [];
  for (const name of kinds) {
    for (const factor of [1, LONGER]) {
      tell(`${name}, ${(factor * octets) / 1e6} MB: generating`);
      runs.push(await watchMemory(PROJECT, captures.make(name, { octets: factor * octets })));
      if (!keep) captures.remove();
    }
  }
  return runs;
}

function profile(name: CaptureName, { octets, keep }: Options): Profile {
  tell(`${name}: generating`);
  const capture = captures.make(name, { octets });
  const folder = join(temporary, `profile-${name}`);
  mkdirSync(folder);
  const result = profileOf(PROJECT, capture, folder);
  if (!keep) captures.remove();
  return result;
}

/** As `npm start` and `npm test` do, if something in src is newer than dist. */
async function buildFluxcap(): Promise<void> {
  const setup = (await import(new URL('../scripts/setup.js', import.meta.url).href)) as { build: () => void };
  setup.build();
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
