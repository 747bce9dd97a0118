import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzeSources } from '../../src/analysis.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { run } from '../../src/cli/main.ts';
import { RecordLines } from '../../src/cli/record-lines.ts';
import * as ndjson from '../../src/report/ndjson.ts';
import { lineSchema } from '../../src/report/schema.ts';
import { type RecordKinds, type RecordSink, recordKinds } from '../../src/track/records.ts';
import { bundledCaptures, readOctets, root } from '../tools/captures.ts';
import { collectingIo } from '../tools/io.ts';
import { hexOctets } from '../tools/octets.ts';

const isLine = new Ajv2020({ strict: false }).compile(lineSchema());

type Line = Record<string, unknown> & { type: string };

const everything = ['--severity', 'info', '--min-confidence', 'possible'];

async function fluxcap(...args: string[]) {
  const io = collectingIo();
  const exit = await run(args, io);
  return { exit, stdout: io.stdout, stderr: io.stderr };
}

/** Every line is an object as the schema says it, with `type` first. */
function linesOf(text: string): Line[] {
  expect(text).toMatch(/\n$/);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const value = JSON.parse(line) as Line;
      if (!isLine(value))
        expect.fail(`${line.slice(0, 200)}: ${JSON.stringify(isLine.errors?.filter(({ keyword }) => keyword !== 'oneOf'))}`);
      expect(Object.keys(value)[0]).toBe('type');
      return value;
    });
}

const ofType = (lines: readonly Line[], wanted: string) => lines.filter(({ type }) => type === wanted).map(({ type: _, ...rest }) => rest);

describe.each(bundledCaptures())('%s', (path) => {
  it('gives the objects of the document, one a line, and all records', async () => {
    const text = (await fluxcap(join(root, path), '--format', 'ndjson', '--records', ...everything)).stdout;
    const lines = linesOf(text);
    const document = JSON.parse((await fluxcap(join(root, path), '--json', '--records', ...everything)).stdout);

    expect(ofType(lines, 'input')).toEqual(document.inputs.map((input: object, i: number) => ({ input: i, ...input })));
    expect(ofType(lines, 'finding')).toEqual(document.findings);
    const { fluxcap: version, schema, summary, stats } = document;
    expect(ofType(lines, 'summary')).toEqual([{ fluxcap: version, schema, summary, stats }]);
    expect(lines.at(-1)?.type).toBe('summary');

    const streamed = ofType(lines, 'record').map(({ record, ...rest }) =>
      JSON.stringify([record, Object.fromEntries(Object.entries(rest).map(([name, value]) => [name.replace(/^.*Type$/, 'type'), value]))]),
    );
    const kept = Object.entries(document.records as Record<string, object[]>).flatMap(([kind, records]) =>
      records.map((record) => JSON.stringify([kind, record])),
    );
    expect(streamed.toSorted()).toEqual(kept.toSorted());
  });
});

const ETHERNET = 'ffffffffffff 020000000001 0806';
/** As many questions as asked for, each by itself. */
const questions = (count: number): Uint8Array =>
  writePcap(
    { linktype: 1 },
    Array.from({ length: count }, (_, i) => ({
      sec: 1_700_000_000 + i * 10,
      nsec: 0,
      octets: hexOctets(
        `${ETHERNET} 0001 0800 06 04 0001 020000000001 c0000201 000000000000 c00002${((i % 200) + 10).toString(16).padStart(2, '0')}`,
      ),
    })),
  );

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-ndjson-'));
  writeFileSync(join(folder, 'questions.pcap'), questions(300));
  writeFileSync(join(folder, 'cut.pcap'), questions(3).subarray(0, -5));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('analyze --format ndjson', () => {
  it('has records only where asked, and then all of them, whatever --max-records says', async () => {
    const few = join(folder, 'questions.pcap');
    expect(ofType(linesOf((await fluxcap(few, '--format', 'ndjson')).stdout), 'record')).toEqual([]);
    const lines = linesOf((await fluxcap(few, '--format=ndjson', '--records', '--max-records', '5')).stdout);
    expect(ofType(lines, 'record')).toHaveLength(300);
    expect(ofType(lines, 'summary')).toMatchObject([{ stats: { records: { arp: 300 }, recordsOmitted: 0 } }]);
    const document = JSON.parse((await fluxcap(few, '--json', '--records', '--max-records', '5')).stdout);
    expect(document).toMatchObject({ records: { arp: { length: 5 } }, stats: { recordsOmitted: 295 } });
  });

  it('is the same from standard input as from a file', () => {
    const start = (args: string[], input?: Uint8Array) =>
      spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', MAIN, '--', ...args], {
        cwd: root,
        input: input && Buffer.from(input),
        encoding: 'utf8',
      });
    const path = join(folder, 'questions.pcap');
    const fromFile = start([path, '--format', 'ndjson', '--records']);
    const fromPipe = start(['-', '--format', 'ndjson', '--records'], questions(300));
    expect(fromFile.stderr).toBe('');
    expect(fromPipe.stdout.replace('"path":"-"', `"path":${JSON.stringify(path)}`)).toBe(fromFile.stdout);
    expect(fromFile.stdout.split('\n').length).toBeGreaterThan(300);
  });

  it.each(['wireguard-drift/l2.pcap', 'openvpn-wrong-source/server.pcap', 'arp-flux/client.pcap'])(
    'has the records of %s in one order, however the octets come',
    async (path) => {
      const octets = readOctets(join(root, 'captures', path));
      const linesIn = async (pieceLength?: number): Promise<string[]> => {
        const lines: string[] = [];
        const sink: RecordSink = { take: (kind, record) => void lines.push(ndjson.recordLine(kind, record)) };
        const analysis = await analyzeSources([{ path, open: () => new MemorySource(octets, pieceLength) }], {
          records: new Set(recordKinds),
          sink,
        });
        expect(recordKinds.map((kind) => analysis.records.kept[kind].length)).toEqual(recordKinds.map(() => 0));
        return lines;
      };
      const whole = await linesIn();
      expect(whole.length).toBeGreaterThan(3);
      for (const pieceLength of [1, 997]) expect(await linesIn(pieceLength)).toEqual(whole);
    },
  );

  it('hides what is hidden, says what could not be read, and exits like --json', async () => {
    const path = join(folder, 'cut.pcap');
    const { exit, stdout, stderr } = await fluxcap(path, '--format', 'ndjson');
    expect(exit).toBe(3);
    expect(stderr).toContain('[truncated]');
    expect(ofType(linesOf(stdout), 'input')).toMatchObject([{ input: 0, path, problems: [{ kind: 'truncated', lost: true }] }]);
    const flux = join(root, 'captures/arp-flux/client.pcap');
    const shown = linesOf((await fluxcap(flux, '--format', 'ndjson', '--severity', 'error')).stdout);
    expect(ofType(shown, 'finding')).toEqual([]);
    expect(ofType(shown, 'summary')).toMatchObject([{ summary: { error: 0, warning: 0, hidden: 2 } }]);
    expect((await fluxcap(flux, '--format', 'ndjson', '--fail-on', 'warning')).exit).toBe(1);
  });

  it('is no format of --records alone, and --json goes before it', async () => {
    const path = join(folder, 'questions.pcap');
    expect((await fluxcap(path, '--records')).stderr).toContain('--records needs --json or --format ndjson');
    expect(JSON.parse((await fluxcap(path, '--json', '--format', 'ndjson')).stdout)).toHaveProperty('schema');
  });
});

const MAIN = `import { main } from './src/cli/main.ts'; await main(process.argv.slice(1));`;

describe('records on their way out', () => {
  const error = (frame: number): RecordKinds['icmp'] => ({
    from: '192.0.2.1',
    to: '192.0.2.2',
    type: 3,
    code: 3,
    path: 0,
    stamp: { input: 0, frame, sec: 1_700_000_000, nsec: 0, digits: 6, at: 1_700_000_000, timed: true },
    about: null,
  });

  it('are gathered into larger writes, keep their order, and wait for a slow reader', async () => {
    const writes: string[] = [];
    let release = (): void => {};
    const lines = new RecordLines(
      {
        out: (text) => {
          writes.push(text);
          return new Promise<void>((resolve) => {
            release = resolve;
          });
        },
      },
      ndjson,
    );
    lines.take('icmp', error(1));
    expect(lines.drain()).toBeUndefined();
    expect(writes).toEqual([]);
    for (let frame = 2; frame <= 1000; frame++) lines.take('icmp', error(frame));
    let isDone = false;
    const draining = Promise.resolve(lines.drain()).then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect({ isDone, writes: writes.length }).toEqual({ isDone: false, writes: 1 });
    release();
    await draining;
    expect(linesOf(writes.join('')).map(({ frame }) => frame)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  });
});
