import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { CaptureInput } from '../../src/capture/input.ts';
import { MemorySource } from '../../src/capture/source.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import type { News } from '../../src/live/news.ts';
import { inputOf } from '../../src/report/json.ts';
import { findingLine, inputLine, newsObjectLine, summaryLine } from '../../src/report/ndjson.ts';
import { lineSchema } from '../../src/report/schema.ts';
import { recordKinds } from '../../src/track/records.ts';
import { SCHEMA_VERSION, VERSION } from '../../src/version.ts';
import { AT, findingsOf } from './status.ts';

const isLine = new Ajv2020({ strict: false }).compile(lineSchema());

type Line = Record<string, unknown>;

/** One line, which is an object as the schema says it. */
function parsed(line: string): Line {
  expect(line).toMatch(/^[^\n]*\n$/);
  const value = JSON.parse(line) as Line;
  if (!isLine(value)) expect.fail(JSON.stringify(isLine.errors?.filter(({ keyword }) => keyword !== 'oneOf')));
  return value;
}

const realFinding = async (): Promise<Finding> => {
  const [first] = await findingsOf('arp-flux/client.pcap');
  if (!first) throw new Error('nothing was found');
  return first;
};

describe('news of a live run', () => {
  it.each<[News['kind'], string[], object]>([
    ['new', [], { type: 'finding' }],
    ['update', [], { type: 'finding-update' }],
    ['ended', [], { type: 'finding-update', ended: true }],
    ['withdrawn', [], { type: 'finding-update', ended: true, withdrawn: true, instead: [] }],
    [
      'withdrawn',
      ['arp-duplicate-address:192.0.2.1'],
      { type: 'finding-update', ended: true, withdrawn: true, instead: ['arp-duplicate-address:192.0.2.1'] },
    ],
  ])('%s %j is the whole finding under its id, marked', async (kind, instead, marks) => {
    const finding = await realFinding();
    const line = parsed(newsObjectLine({ kind, finding, at: AT, before: undefined, instead }));
    expect(line).toEqual({ time: '2026-11-21T21:37:55.123456Z', ...marks, ...finding });
    expect(Object.keys(line).slice(0, 2)).toEqual(['type', 'time']);
  });

  it('has a time only while it happens', async () => {
    const finding = await realFinding();
    expect(parsed(findingLine(finding))).toEqual({ type: 'finding', ...finding });
    expect(parsed(newsObjectLine({ kind: 'new', finding, at: 1e15, before: undefined, instead: [] }))).toMatchObject({ time: null });
  });

  it('is one line, whatever is taken for the end of one', async () => {
    const title = 'a\nb\r\u2028c\u2029d\u0085e';
    const text = findingLine({ ...(await realFinding()), title });
    expect(text.slice(0, -1)).not.toMatch(/[\n\r\u2028\u2029\u0085]/);
    expect(parsed(text)).toMatchObject({ title });
  });
});

describe('an input of a live run', () => {
  it('is told with what is known when it begins', () => {
    const open = () => new MemorySource(new Uint8Array(0));
    const input = new CaptureInput({ path: 'any', index: 0, open, registry: new InterfaceRegistry() });
    const line = parsed(inputLine(inputOf(input), 1, 'libpcap'));
    expect(Object.keys(line).slice(0, 4)).toEqual(['type', 'input', 'backend', 'path']);
    expect(line).toMatchObject({ input: 1, backend: 'libpcap', path: 'any', format: null, packets: 0, first: null, problems: [] });
  });
});

describe('the schema of a line', () => {
  const summary = JSON.parse(
    summaryLine({
      fluxcap: VERSION,
      schema: SCHEMA_VERSION,
      inputs: [],
      findings: [],
      summary: { error: 0, warning: 0, notice: 0, info: 0, hidden: 0 },
      stats: {
        decoded: 0,
        undecoded: 0,
        malformed: 0,
        truncatedPackets: 0,
        records: Object.fromEntries(recordKinds.map((kind) => [kind, 0])),
        recordsOmitted: 0,
        stateEvicted: 0,
      },
    }),
  ) as Line;

  it('takes what is a line', async () => {
    expect(isLine(summary)).toBe(true);
    expect(isLine({ type: 'finding', ...(await realFinding()) })).toBe(true);
  });

  it('refuses what is none', async () => {
    const finding = await realFinding();
    const { title: _, ...untitled } = finding;
    for (const wrong of [
      {},
      { type: 'nothing' },
      { ...summary, type: 'finding' },
      { ...summary, extra: 1 },
      { ...finding },
      { type: 'finding', ...untitled },
      { type: 'finding', ...finding, ended: true },
      { type: 'finding-update', ...finding },
      { type: 'finding-update', time: null, ...finding, ended: false },
      { type: 'finding', ...finding, kind: 'arp-unanswered' },
      { type: 'record', record: 'icmp', type2: 3 },
    ])
      expect(isLine(wrong), JSON.stringify(wrong).slice(0, 80)).toBe(false);
  });
});
