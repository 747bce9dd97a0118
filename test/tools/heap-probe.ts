import { PerformanceObserver } from 'node:perf_hooks';
import { GeneratedSource, type Kind } from '../../bench/generate.ts';
import { analyzeSources } from '../../src/analysis.ts';
import { concatenated } from '../../src/capture/octets.ts';
import { MemorySource } from '../../src/capture/source.ts';

/*
 * A program of its own, started with --expose-gc: analyses traffic that was generated before, and prints what the heap did meanwhile.
 */
const [kind = 'small', packetsText = '1000000'] = process.argv.slice(2);
const packets = Number(packetsText);
const collect = (globalThis as { gc?: () => void }).gc;
if (!collect) throw new Error('start with --expose-gc');

let minor = 0;
new PerformanceObserver((list) => {
  // 1: collections of young objects (perf_hooks.constants.NODE_PERFORMANCE_GC_MINOR); they come when those fill their few megabytes.
  for (const entry of list.getEntries()) if ((entry as unknown as { detail: { kind: number } }).detail.kind === 1) minor++;
}).observe({ entryTypes: ['gc'] });

const octets = inMemory(new GeneratedSource(kind as Kind, packets));
const samples: { packets: number; heapUsed: number; minor: number }[] = [];

async function sample(seen: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  const before = minor;
  collect?.();
  samples.push({ packets: seen, heapUsed: process.memoryUsage().heapUsed, minor: before });
}

const source = { path: kind, open: () => new MemorySource(octets) };
// Once without looking: the compiler allocates too, while it finds out what is hot.
await analyzeSources([source]);
await sample(0);
const { stats, findings } = await analyzeSources([source], { onProgress: ({ packets: seen }) => sample(seen) });
await sample(packets);
console.log(JSON.stringify({ samples, decoded: stats.decoded, findings: findings.map(({ id }) => id) }));

/** All octets of a source: what makes them must not be heard while the analysis is listened to. */
function inMemory(source: GeneratedSource): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = new Uint8Array(1 << 20);
    const length = source.read(piece, 0, piece.length);
    if (length === 0) break;
    pieces.push(piece.subarray(0, length));
  }
  return concatenated(pieces);
}
