import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Analysis, type AnalysisOptions, analyzeSources } from '../../src/analysis.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { openPath } from '../../src/capture/node/file.ts';
import { findCaptures } from '../../src/capture/node/sources.ts';
import { UnpackThreads } from '../../src/capture/node/unpack-threads.ts';
import { nodeUnpackers } from '../../src/capture/node/unpackers.ts';
import { ZstdProgram } from '../../src/capture/node/zstd-program.ts';
import { concatenated } from '../../src/capture/octets.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { BegunSource, type ByteSource, MemorySource } from '../../src/capture/source.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { analysisDocument, DEFAULT_SHOWN } from '../../src/report/json.ts';
import { jsonText } from '../../src/report/json-text.ts';
import { lz4, lz4Linked, type Packer, pzstd, zstd } from '../tools/packers.ts';

/* Files that other threads or a program unpack: the same as without them, whatever their number. */

const program = new URL('../tools/unpack-thread.js', import.meta.url);
const threadsOf = (most: number): UnpackThreads => new UnpackThreads({ most, leastOctets: 0, program });
const NO_PROGRAM = new ZstdProgram('zstd', Number.POSITIVE_INFINITY);

/** More than all buffers of a thread hold. */
const FRAMES = 4200;
const OCTETS = 1400;

let state = 1;
const noise = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state >>> 24;
};
const payloads = Array.from({ length: FRAMES }, () => Uint8Array.from({ length: OCTETS }, noise));
const captureAt = (start: number, frames: number): Uint8Array =>
  writePcap(
    { linktype: 1 },
    Array.from({ length: frames }, (_, i) => ({ sec: start + i, nsec: 0, octets: payloads[i] ?? new Uint8Array(0) })),
  );

const LONG = captureAt(1000, FRAMES);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-threads-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, octets: Uint8Array): string {
  writeFileSync(join(folder, name), octets);
  return join(folder, name);
}

async function analysisOf(
  paths: readonly string[],
  threads: UnpackThreads,
  options: AnalysisOptions = {},
  zstdProgram = NO_PROGRAM,
): Promise<Analysis> {
  const unpackers = nodeUnpackers(threads, zstdProgram);
  const { sources } = await findCaptures(paths);
  return analyzeSources(sources, { unpackers, ...options });
}

const textOf = (analysis: Analysis): string => jsonText(analysisDocument(analysis, DEFAULT_SHOWN, true));

function changed(octets: Uint8Array, at: number): Uint8Array {
  const copy = octets.slice();
  copy[at] = (copy[at] ?? 0) ^ 255;
  return copy;
}

describe.each<[string, Packer | undefined]>([
  ['zstd', zstd],
  ['lz4', lz4],
  ['lz4 with linked, checked blocks', lz4Linked],
])('%s', (name, pack) => {
  it.skipIf(!pack).each<[string, (packed: Uint8Array) => Uint8Array]>([
    ['whole', (packed) => packed],
    ['twice', (packed) => concatenated([packed, packed])],
    ['cut', (packed) => packed.subarray(0, packed.length - 40)],
    ['cut in the middle', (packed) => packed.subarray(0, packed.length * 0.8)],
    ['changed in the middle', (packed) => changed(packed, packed.length >> 1)],
    ['with garbage behind it', (packed) => concatenated([packed, new Uint8Array(9).fill(7)])],
  ])('%s: the document is that of one thread', async (what, damage) => {
    const path = written(`${name}, ${what}`, damage(pack?.(LONG) ?? new Uint8Array(0)));
    const alone = await analysisOf([path], threadsOf(0));
    expect(alone.inputs[0]?.packets).toBeGreaterThan(what === 'whole' ? FRAMES - 1 : 0);
    expect(textOf(await analysisOf([path], threadsOf(1)))).toBe(textOf(alone));
    if (name === 'zstd') expect(textOf(await analysisOf([path], threadsOf(0), {}, new ZstdProgram('zstd', 0)))).toBe(textOf(alone));
  });
});

describe.each<[string, Packer | undefined]>([
  ['gzip', (octets) => new Uint8Array(gzipSync(octets))],
  ['zstd', zstd],
  ['pzstd', pzstd],
  ['lz4', lz4],
])('%s in several frames, as pzstd and cat make them', (name, pack) => {
  it.skipIf(!pack)('is unpacked to its end, and a frame that is to be skipped is skipped', async () => {
    // Of zstd alone it may be so long that nothing else is seen at first.
    const length = name === 'zstd' ? 1000 : 4;
    const frame = concatenated([Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, length & 255, length >> 8, 0, 0), new Uint8Array(length)]);
    const skipped = name === 'gzip' ? [] : [frame];
    const parts = [LONG.subarray(0, 1_000_003), LONG.subarray(1_000_003, 3_000_001), LONG.subarray(3_000_001)];
    const path = written(`${name}, several frames`, concatenated(parts.flatMap((part) => [...skipped, pack?.(part) ?? part])));
    for (const [threads, zstdProgram] of [[0], [1], [0, new ZstdProgram('zstd', 0)]] as const) {
      const { inputs } = await analysisOf([path], threadsOf(threads), {}, zstdProgram);
      expect(inputs.map(({ packets, problems }) => ({ packets, problems: problems.list }))).toEqual([{ packets: FRAMES, problems: [] }]);
    }
  });
});

describe.skipIf(!zstd || !lz4)('many files', () => {
  it.each([
    ['that follow each other', 600],
    ['that overlap', 100],
  ])('%s: the document does not depend on the number of threads', async (what, apart) => {
    const paths = Array.from({ length: 7 }, (_, i) => {
      const pack = (i % 2 === 0 ? zstd : lz4) ?? ((octets) => octets);
      return written(`${what} ${i}`, pack(captureAt(10_000 + i * apart, 500)));
    });
    const alone = textOf(await analysisOf(paths, threadsOf(0)));
    for (const most of [1, 2, 4]) {
      const threads = threadsOf(most);
      expect(textOf(await analysisOf(paths, threads))).toBe(alone);
      // The threads of the first run serve the second one.
      expect(textOf(await analysisOf(paths.toReversed(), threads))).toBe(textOf(await analysisOf(paths.toReversed(), threadsOf(0))));
    }
  });

  it('are closed where the analysis is interrupted, and their threads go on', async () => {
    const path = written('interrupted', zstd?.(LONG) ?? new Uint8Array(0));
    const threads = threadsOf(1);
    const { inputs } = await analysisOf([path], threads, { signal: AbortSignal.abort() });
    expect(inputs[0]?.problems.list.map(({ kind }) => kind)).toEqual(['interrupted']);
    expect((await analysisOf([path], threads)).inputs[0]?.packets).toBe(FRAMES);
  });
});

describe('threads', () => {
  const ofFile = (threads: UnpackThreads, path: string): ByteSource | undefined =>
    threads.unpack(new BegunSource(new Uint8Array(0), openPath(path)), 'lz4');

  it('unpack no more files at a time than there are threads, and nothing that is no file', async () => {
    const path = written('any', new Uint8Array(100));
    const threads = threadsOf(2);
    const sources = [ofFile(threads, path), ofFile(threads, path), ofFile(threads, path)];
    expect(sources.map((source) => source !== undefined)).toEqual([true, true, false]);
    expect(threads.unpack(new BegunSource(new Uint8Array(0), new MemorySource(new Uint8Array(9))), 'lz4')).toBeUndefined();
    for (const source of sources) await source?.close?.();
    const again = ofFile(threads, path);
    expect(again).toBeDefined();
    await again?.close?.();
  });

  it('are not started for little', () => {
    const path = written('little', new Uint8Array(100));
    const threads = new UnpackThreads({ most: 1, leastOctets: 1000, program });
    expect(Array.from({ length: 9 }, () => ofFile(threads, path)).every((source) => source === undefined)).toBe(true);
  });

  it.skipIf(!lz4)('that cannot run are told, and nothing waits for them', async () => {
    const broken = new URL('data:text/javascript,throw new Error("no room")');
    const unpackers = nodeUnpackers(new UnpackThreads({ most: 1, leastOctets: 0, program: broken }), NO_PROGRAM);
    const path = written('broken', lz4?.(captureAt(1, 10)) ?? new Uint8Array(0));
    const input = new CaptureInput({ path, index: 0, open: () => openPath(path), registry: new InterfaceRegistry(), unpackers });
    await input.open();
    expect(input.problems.list).toMatchObject([{ kind: 'bad-compression', message: expect.stringContaining('no room') }]);
    expect(input.done).toBe(true);
  });
});

describe.skipIf(!zstd)('a zstd program', () => {
  const script = (name: string, text: string): string => {
    const path = written(name, new TextEncoder().encode(`#!/bin/sh\n${text}\n`));
    chmodSync(path, 0o755);
    return path;
  };
  const textBy = async (command: string, path: string): Promise<string> =>
    textOf(await analysisOf([path], threadsOf(0), {}, new ZstdProgram(command, 0)));

  it.each([
    ['that is missing', () => join(folder, 'missing')],
    ['that fails at once', () => script('fails', 'exit 1')],
    ['that fails half-way', () => script('half', 'zstd "$@" | head -c 1234567; exit 1')],
    ['that is killed', () => script('killed', 'zstd "$@" | head -c 2345678; kill -9 $$')],
  ])('%s: the decoder of our own takes its place', async (_, command) => {
    const path = written('for programs', zstd?.(LONG) ?? new Uint8Array(0));
    expect(await textBy(command(), path)).toBe(textOf(await analysisOf([path], threadsOf(0))));
  });

  it('is not waited for where the analysis is interrupted', async () => {
    const path = written('for programs', zstd?.(LONG) ?? new Uint8Array(0));
    const slow = new ZstdProgram(script('slow', 'zstd "$@" | head -c 1234567; sleep 60'), 0);
    const { inputs } = await analysisOf([path], threadsOf(0), { signal: AbortSignal.abort() }, slow);
    expect(inputs[0]?.problems.list.map(({ kind }) => kind)).toEqual(['interrupted']);
  });

  it('is asked for large files only, and by their name', () => {
    const path = written('small', new Uint8Array(1000));
    const asked = (from: number): boolean => {
      const source = new ZstdProgram('true', from).unpack(new BegunSource(new Uint8Array(0), openPath(path)));
      void source?.close?.();
      return source !== undefined;
    };
    expect([asked(1001), asked(1000)]).toEqual([false, true]);
    expect(new ZstdProgram('true', 0).unpack(new BegunSource(new Uint8Array(0), new MemorySource(new Uint8Array(9))))).toBeUndefined();
  });
});
