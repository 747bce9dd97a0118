import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { analyzeSources } from '../src/analysis.ts';
import { nodeUnpackers } from '../src/capture/node/unpackers.ts';
import { writePcap } from '../src/capture/pcap-writer.ts';
import { MemorySource } from '../src/capture/source.ts';
import { analysisDocument } from '../src/report/json.ts';
import { jsonText } from '../src/report/json-text.ts';
import { recordKinds } from '../src/track/records.ts';
import { bundledCaptures, readOctets, root } from './tools/captures.ts';
import { lz4, lz4Linked, zstd } from './tools/packers.ts';

/** Octets of a pcap's file header. */
const FILE_HEADER = 24;

/** The document with everything in it, but for how the octets came. */
async function documentOf(octets: Uint8Array, pieceLength?: number): Promise<string> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(octets, pieceLength) }], {
    records: new Set(recordKinds),
    unpackers: nodeUnpackers(),
  });
  const document = analysisDocument(analysis, { severity: 'info', minConfidence: 'possible' }, true);
  for (const input of document.inputs) input.compression = null;
  return jsonText(document);
}

describe.each(bundledCaptures())('%s: the same document, byte for byte', (path) => {
  const octets = readOctets(join(root, path));
  const whole = documentOf(octets);

  it.each([1, 7, 4095, 65_536])('in pieces of %d octets', async (pieceLength) => {
    expect(await documentOf(octets, pieceLength)).toBe(await whole);
  });

  it('from gzip', async () => expect(await documentOf(new Uint8Array(gzipSync(octets)))).toBe(await whole));
  it.skipIf(!zstd)('from zstd', async () => expect(zstd && (await documentOf(zstd(octets), 1000))).toBe(await whole));
  it.skipIf(!lz4)('from lz4', async () => expect(lz4 && (await documentOf(lz4(octets), 1000))).toBe(await whole));
  it.skipIf(!lz4Linked)('from lz4 with linked, checked blocks', async () =>
    expect(lz4Linked && (await documentOf(lz4Linked(octets)))).toBe(await whole),
  );
});

describe('damaged captures', () => {
  // What one packet leaves behind must not be read by the next: with pieces of one octet other packets lie between them than with the whole.
  const captures = bundledCaptures()
    .map((path) => readOctets(join(root, path)))
    .filter(({ length }) => length < 100_000);

  it.each([1, 2, 3, 4])('give the same document in pieces of one octet, seed %d', async (seed) => {
    let state = seed;
    const below = (most: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * most);
    };
    for (let i = 0; i < 25; i++) {
      const octets = captures[below(captures.length)]?.slice() ?? new Uint8Array(0);
      const changes = 1 + below(octets.length >> (5 + below(6)));
      for (let change = 0; change < changes; change++) octets[FILE_HEADER + below(octets.length - FILE_HEADER)] = below(256);
      expect(await documentOf(octets, 1)).toBe(await documentOf(octets));
    }
  });
});

describe('damaged compressed input', () => {
  // Several blocks of each format: what a block holds is there as a whole or not at all.
  let state = 1;
  const noise = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  const octets = writePcap(
    { linktype: 1 },
    Array.from({ length: 3000 }, (_, i) => ({ sec: 1_700_000_000 + i, nsec: 0, octets: Uint8Array.from({ length: 300 }, noise) })),
  );
  const gzipped = new Uint8Array(gzipSync(octets));

  it.each([
    { name: 'gzip, cut', packed: gzipped.subarray(0, gzipped.length - 40), least: 2700 },
    {
      name: 'gzip, wrong checksum',
      packed: Uint8Array.from(gzipped, (octet, i) => (i === gzipped.length - 6 ? octet ^ 255 : octet)),
      least: 2999,
    },
    ...(zstd ? [{ name: 'zstd, cut', packed: zstd(octets).slice(0, -40), least: 2400 }] : []),
    ...(lz4Linked ? [{ name: 'lz4, cut', packed: lz4Linked(octets).slice(0, -40), least: 2400 }] : []),
    {
      name: 'gzip, garbage behind it',
      packed: Uint8Array.from([...gzipped, ...new Uint8Array(9).fill(7)]),
      least: 2999,
    },
  ])('$name: what came before is analysed, and the loss is told', async ({ packed, least }) => {
    const { inputs, stats } = JSON.parse(await documentOf(packed));
    const kinds: string[] = inputs[0].problems.map(({ kind }: { kind: string }) => kind);
    expect(kinds).toContain('bad-compression');
    expect(stats.decoded).toBeGreaterThan(least);
  });

  it('gives the frames of a tiny file whose checksum is wrong', async () => {
    const tiny = new Uint8Array(gzipSync(writePcap({ linktype: 1 }, [{ sec: 1, nsec: 0, octets: new Uint8Array(60) }])));
    const packed = tiny.map((octet, i) => (i === tiny.length - 6 ? octet ^ 255 : octet));
    const { inputs } = JSON.parse(await documentOf(packed));
    expect(inputs).toMatchObject([{ format: 'pcap', packets: 1, problems: [{ kind: 'bad-compression' }] }]);
  });
});
