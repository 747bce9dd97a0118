import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Analysis, analyzeSources, type InputSource } from '../../src/analysis.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { analysisDocument, DEFAULT_SHOWN } from '../../src/report/json.ts';
import { jsonText } from '../../src/report/json-text.ts';
import { eachMerged } from '../tools/walk.ts';

interface Time {
  sec: number;
  nsec: number;
}

const captureOf = (times: readonly Time[]): Uint8Array =>
  writePcap(
    { linktype: 1, nanoseconds: true },
    times.map((time) => ({ ...time, octets: new Uint8Array(20) })),
  );

/** The order of the timeline by looking at every file for every frame. */
function timelineOf(files: readonly (readonly Time[])[]): string[] {
  const place = files.map(() => ({ at: 0, sec: Number.NEGATIVE_INFINITY, nsec: 0 }));
  const step = (i: number): void => {
    const next = files[i]?.[place[i]?.at ?? 0];
    const last = place[i];
    if (!next || !last) return;
    const isBack = next.sec < last.sec - 1;
    const isLater = next.sec > last.sec || (next.sec === last.sec && next.nsec > last.nsec);
    if (isBack || isLater) Object.assign(last, next);
  };
  for (const i of files.keys()) step(i);
  const seen: string[] = [];
  for (;;) {
    const open = [...place.entries()].filter(([i, { at }]) => at < (files[i]?.length ?? 0));
    const [first] = open.sort(([i, a], [j, b]) => a.sec - b.sec || a.nsec - b.nsec || i - j);
    if (!first) return seen;
    const [i, last] = first;
    last.at++;
    seen.push(`${i} ${last.at}`);
    step(i);
  }
}

const time = fc.record({ sec: fc.integer({ min: 1000, max: 1006 }), nsec: fc.constantFrom(0, 5, 999_999_999) });

describe('several inputs', () => {
  it('are in the order of their times, also where they step back, opened early or late, in any pieces', async () => {
    const file = fc.record({
      times: fc.array(time, { maxLength: 8 }),
      isAnnounced: fc.boolean(),
      pieceLength: fc.constantFrom(1, 50, 10_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 2, maxLength: 9 }), async (files) => {
        const registry = new InterfaceRegistry();
        const inputs = files.map(({ times, isAnnounced, pieceLength }, index) => {
          const open = () => new MemorySource(captureOf(times), pieceLength);
          const [begins] = times;
          return new CaptureInput({ path: `${index}`, index, open, registry, ...(isAnnounced && begins ? { begins } : {}) });
        });
        const seen: string[] = [];
        await eachMerged(inputs, ({ index, frame }) => seen.push(`${index} ${frame.number}`));
        expect(seen).toEqual(timelineOf(files.map(({ times }) => times)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('files of which it is known when they begin', () => {
  const COUNT = 1000;
  const files = Array.from({ length: COUNT }, (_, i) => [0, 1, 2].map((n) => ({ sec: 10_000 + 3 * i + n, nsec: i })));

  /** Gives the most inputs that were open at a time, too. */
  async function analysisOf(all: readonly (readonly Time[])[], isAnnounced: boolean): Promise<Analysis & { mostOpen: number }> {
    let opened = 0;
    let mostOpen = 0;
    const sources = all.map((times, i): InputSource => {
      const open = () => {
        mostOpen = Math.max(mostOpen, ++opened);
        const source = new MemorySource(captureOf(times));
        return { read: source.read.bind(source), close: () => void opened-- };
      };
      return { path: `ring.pcap${i}`, open, ...(isAnnounced && times[0] ? { begins: times[0] } : {}) };
    });
    const analysis = await analyzeSources(sources);
    expect(opened).toBe(0);
    return { ...analysis, mostOpen };
  }

  const textOf = (analysis: Analysis): string => jsonText(analysisDocument(analysis, DEFAULT_SHOWN, true));

  it('are open two at a time where they follow each other, in whatever order they are given', async () => {
    for (const all of [files, files.toReversed()]) {
      const { mostOpen, inputs, interfaces } = await analysisOf(all, true);
      expect(mostOpen).toBe(2);
      expect(inputs.every(({ packets, done, bytes }) => packets === 3 && done && bytes === 132)).toBe(true);
      expect(interfaces.map(({ packets }) => packets)).toEqual([3 * COUNT]);
    }
  });

  it('are open together where they last at the same time', async () => {
    const overlapping = files.slice(0, 8).map((times) => [...times, { sec: 20_000, nsec: 0 }]);
    expect((await analysisOf(overlapping, true)).mostOpen).toBe(8);
  });

  it.each([
    ['in order', files.slice(0, 20)],
    ['in reverse', files.slice(0, 20).reverse()],
    ['with times that step back', files.slice(0, 20).map((times, i) => (i % 3 === 0 ? [...times, ...times] : times))],
  ])('give the same document as those that are opened at once, %s', async (_, all) => {
    expect(textOf(await analysisOf(all, true))).toBe(textOf(await analysisOf(all, false)));
  });
});
