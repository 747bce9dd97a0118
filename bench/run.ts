/** `npm run bench`: fluxcap beside its peers, over generated captures. `npm run bench -- --help` lists the options. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../src/version.ts';
import { type CaptureName, Captures } from './harness/captures.ts';
import { type Comparison, compare } from './harness/compare.ts';
import { thisMachine } from './harness/machine.ts';
import { Stopwatch } from './harness/measure.ts';
import { type Options, optionsOf } from './harness/options.ts';
import { FLUXCAP, type Peer, peersOf, REFERENCE } from './harness/peers.ts';
import { tables } from './harness/report.ts';

const BENCH = fileURLToPath(new URL('.', import.meta.url));

const options = await optionsOf(process.argv.slice(2));
process.chdir(join(BENCH, '..'));
await buildFluxcap();
const temporary = mkdtempSync(join(tmpdir(), 'fluxcap-bench-'));
const captures = new Captures(join(BENCH, 'data'), options.seed);
try {
  const peers = peersOf(options.peers, BENCH, temporary);
  const stopwatch = new Stopwatch(temporary);
  const { seed, rounds, kinds } = options;
  const comparisons = kinds.flatMap((name) => comparisonsOf(name, peers, stopwatch, options));
  const date = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);
  const result = { date, fluxcap: VERSION, machine: thisMachine(), seed, rounds, comparisons };
  process.stdout.write(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : tables(result));
} finally {
  if (!options.keep) captures.remove();
  rmSync(temporary, { recursive: true, force: true });
}

/** All peers on the capture; then those that need too much for it, with fluxcap and the reference, on its first packets. */
function comparisonsOf(
  name: CaptureName,
  peers: readonly Peer[],
  stopwatch: Stopwatch,
  { octets, rounds, slice, keep }: Options,
): Comparison[] {
  tell(`${name}: generating`);
  const capture = captures.make(name, { octets });
  const comparisons = [
    compare(
      capture,
      peers.filter(({ onSlice }) => !onSlice),
      rounds,
      stopwatch,
      tell,
    ),
  ];
  const isSliced = capture.compression === null && peers.some(({ onSlice }) => onSlice);
  if (isSliced) {
    const beginning = captures.slice(name, Math.min(slice, capture.packets));
    const some = peers.filter((peer) => peer.onSlice || peer.name === FLUXCAP || peer.name === REFERENCE);
    comparisons.push(compare(beginning, some, rounds, stopwatch, tell));
  }
  if (!keep) captures.remove();
  return comparisons;
}

/** As `npm start` and `npm test` do, if something in src is newer than dist. */
async function buildFluxcap(): Promise<void> {
  const setup = (await import(new URL('../scripts/setup.js', import.meta.url).href)) as { build: () => void };
  setup.build();
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
