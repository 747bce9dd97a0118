import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AnalysisOptions, analyzeSources } from '../../src/analysis.ts';
import { Analyzer } from '../../src/analyzer.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { analysisDocument } from '../../src/report/json.ts';
import { jsonText } from '../../src/report/json-text.ts';
import { RecordStore, recordKinds } from '../../src/track/records.ts';
import { arpReply, arpRequest, BROADCAST, ethernet } from '../craft/index.ts';
import { scenarios } from '../scenarios/index.ts';
import { analysisOptionsOf } from '../scenarios/options.ts';
import { bundledCaptures, readOctets, root } from '../tools/captures.ts';

/* Judging as often as one likes, and letting time pass between frames, must not change what comes out. */

const SHOWN = { severity: 'info', minConfidence: 'possible' } as const;
const MOST = 100_000;
/** Frames between two judgements: no number that repeats what the captures repeat. */
const EVERY = 7;

const document = (analysis: Parameters<typeof analysisDocument>[0]): string => jsonText(analysisDocument(analysis, SHOWN, true));

const inputOf = (octets: Uint8Array): CaptureInput =>
  new CaptureInput({ path: 'capture', index: 0, open: () => new MemorySource(octets), registry: new InterfaceRegistry() });

/** Of each frame: the earliest time of all that follow it. */
async function followingTimes(octets: Uint8Array): Promise<number[]> {
  const input = inputOf(octets);
  await input.open();
  const times: number[] = [];
  while (!input.done) {
    if (input.next()) times.push(input.frame.timed ? input.frame.sec + input.frame.nsec / 1e9 : Number.NEGATIVE_INFINITY);
    else await input.fill();
  }
  const following = new Array<number>(times.length);
  let least = Number.NEGATIVE_INFINITY;
  for (let i = times.length - 1; i >= 0; i--) {
    following[i] = least;
    const time = times[i] ?? Number.NEGATIVE_INFINITY;
    least = least === Number.NEGATIVE_INFINITY ? time : Math.min(least, time);
  }
  return following;
}

/** As `analyzeSources`, but judged all the while, and with time that passes before each frame as a live source tells it. */
async function judgedAllTheWhile(octets: Uint8Array, options: AnalysisOptions): Promise<{ text: string; judgements: number }> {
  const following = await followingTimes(octets);
  const input = inputOf(octets);
  const records = new RecordStore(new Set(recordKinds), MOST);
  const analyzer = new Analyzer([input], records, options);
  await input.open();
  let frames = 0;
  let judgements = 0;
  while (!input.done) {
    if (analyzer.read(1) === 0) {
      await input.fill();
      continue;
    }
    const next = following[frames++] ?? Number.NEGATIVE_INFINITY;
    for (let at = analyzer.at + 0.3; at < next && at < analyzer.at + 3; at += 0.3) analyzer.advance(at);
    if (frames % EVERY !== 0) continue;
    analyzer.judgeSoFar();
    judgements++;
  }
  await input.close();
  const findings = analyzer.conclude();
  return {
    text: document({
      inputs: [input],
      findings,
      stats: analyzer.stats,
      records,
      interfaces: analyzer.interfaces.list,
      machines: () => analyzer.machines(),
      context: analyzer.context,
    }),
    judgements,
  };
}

async function expectSame(octets: Uint8Array, options: () => AnalysisOptions): Promise<number> {
  const analysis = await analyzeSources([{ path: 'capture', open: () => new MemorySource(octets) }], {
    ...options(),
    records: new Set(recordKinds),
    maxRecords: MOST,
  });
  const { text, judgements } = await judgedAllTheWhile(octets, options());
  expect(text).toBe(document(analysis));
  return judgements;
}

/** Everything of an input that is in memory, judged at its end without its being over. */
async function judgedBeforeTheEnd(octets: Uint8Array): Promise<string[]> {
  const input = inputOf(octets);
  const analyzer = new Analyzer([input], new RecordStore(new Set(), 0), {});
  await input.open();
  while (!input.done) if (analyzer.read() === 0) await input.fill();
  return analyzer.judgeSoFar().map(({ id }) => id);
}

describe('what goes on', () => {
  const asker = { mac: '02:00:00:00:00:10', ip: '192.0.2.10' };
  const owners = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'].map((mac) => ({ mac, ip: '192.0.2.1' }));
  const second = (sec: number, answered: boolean) => [
    { sec, nsec: 0, octets: ethernet({ source: asker.mac, destination: BROADCAST }, arpRequest(asker, '192.0.2.1')) },
    ...(answered
      ? owners.map((owner, i) => ({
          sec,
          nsec: 100_000 * (i + 1),
          octets: ethernet({ source: owner.mac, destination: asker.mac }, arpReply(owner, asker)),
        }))
      : []),
  ];
  const asked = (seconds: number, answered: boolean) =>
    writePcap({ linktype: 1, nanoseconds: true }, Array.from({ length: seconds }, (_, i) => second(1_700_000_000 + i, answered)).flat());

  it('is judged while it does: an address that is asked for every second, and answered by two', async () => {
    expect(await judgedBeforeTheEnd(asked(20, true))).toEqual(['arp-multi-mac-answer:192.0.2.1']);
  });

  it('is heard also after hours: a second answer that comes late', async () => {
    const quiet = Array.from({ length: 300 }, (_, i) => second(1_700_000_000 + i, true).slice(0, 2)).flat();
    const doubled = Array.from({ length: 100 }, (_, i) => second(1_700_000_300 + i, true)).flat();
    const octets = writePcap({ linktype: 1, nanoseconds: true }, [...quiet, ...doubled]);
    expect(await judgedBeforeTheEnd(octets)).toEqual(['arp-multi-mac-answer:192.0.2.1']);
  });
});

describe('judging while frames come', () => {
  it.each(bundledCaptures())('%s', async (path) => {
    expect(await expectSame(readOctets(join(root, path)), () => ({}))).toBeGreaterThan(0);
  });

  const kinds = [...new Set(scenarios.map(({ kind }) => kind))];
  it.each(kinds)('the scenarios of %s', { timeout: 60_000 }, async (kind) => {
    for (const { capture, options } of scenarios.filter((each) => each.kind === kind))
      await expectSame(capture(), () => analysisOptionsOf(options));
  });
});
