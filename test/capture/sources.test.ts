import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCaptures } from '../../src/capture/node/sources.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { analyze } from '../../src/index.ts';

const pcapAt = (...seconds: number[]): Uint8Array =>
  writePcap(
    { linktype: 1 },
    seconds.map((sec) => ({ sec, nsec: 0, octets: new Uint8Array(60) })),
  );
const pcapngAt = (sec: number): Uint8Array =>
  new PcapngWriter()
    .section()
    .interface({ linktype: 1, name: 'eth0' })
    .packet({ interface: 0, sec, nsec: 7, octets: new Uint8Array(60) }).bytes;

let folder = '';
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-sources-'));
  mkdirSync(at('ring', 'below'), { recursive: true });
  mkdirSync(at('empty'));
  const files: Readonly<Record<string, Uint8Array | string>> = {
    'a.log': pcapAt(3000, 3001),
    'b.pcap': pcapAt(1000, 1001),
    c: new Uint8Array(gzipSync(pcapAt(2000))),
    'd.pcapng': pcapngAt(2500),
    'e.pcap': pcapAt(),
    'f.pcap': 'this is no capture\n',
    'g.gz': new Uint8Array(gzipSync('nor is this\n')),
    '.hidden.pcap': pcapAt(1),
    'below/h.pcap': pcapAt(2),
  };
  for (const [name, octets] of Object.entries(files)) writeFileSync(at('ring', name), octets);
  writeFileSync(at('empty', 'notes.txt'), 'notes');
  spawnSync('mkfifo', [at('ring', 'pipe.pcap')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const found = async (...paths: string[]) => {
  const { sources, leftOut } = await findCaptures(paths);
  return { sources: sources.map(({ path, begins }) => [basename(path), begins]), leftOut: leftOut.map((path) => basename(path)) };
};

describe('a directory', () => {
  const CAPTURES = [
    ['b.pcap', { sec: 1000, nsec: 0 }],
    ['c', { sec: 2000, nsec: 0 }],
    ['d.pcapng', { sec: 2500, nsec: 7 }],
    ['a.log', { sec: 3000, nsec: 0 }],
    ['e.pcap', undefined],
  ];

  it('is the captures in it, whatever they are called, in the order of their times', async () => {
    expect(await found(at('ring'))).toEqual({ sources: CAPTURES, leftOut: ['f.pcap', 'g.gz'] });
    expect(await found(`${at('ring')}/`)).toEqual({ sources: CAPTURES, leftOut: ['f.pcap', 'g.gz'] });
  });

  it('stands where it is named, beside files', async () => {
    const { sources } = await found(at('ring', 'a.log'), at('ring'), at('missing'));
    expect(sources).toEqual([['a.log', { sec: 3000, nsec: 0 }], ...CAPTURES, ['missing', undefined]]);
  });

  it('gives an entry for each capture to the document', async () => {
    const { inputs, stats } = await analyze(at('ring'));
    expect(inputs.map(({ path, packets, compression }) => [path, packets, compression])).toEqual([
      [at('ring', 'b.pcap'), 2, null],
      [at('ring', 'c'), 1, 'gzip'],
      [at('ring', 'd.pcapng'), 1, null],
      [at('ring', 'a.log'), 2, null],
      [at('ring', 'e.pcap'), 0, null],
    ]);
    expect(stats.decoded).toBe(6);
  });

  it('without captures is told', async () => {
    const { inputs } = await analyze(at('empty'));
    expect(inputs).toMatchObject([
      { path: at('empty'), problems: [{ kind: 'unreadable', message: 'it is a directory, and no captures are in it' }] },
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('tells of files that may not be read', async () => {
    writeFileSync(at('empty', 'secret.pcap'), pcapAt(1));
    chmodSync(at('empty', 'secret.pcap'), 0);
    const { inputs } = await analyze(at('empty'));
    rmSync(at('empty', 'secret.pcap'));
    expect(inputs).toMatchObject([{ path: at('empty', 'secret.pcap'), problems: [{ kind: 'unreadable' }] }]);
  });
});

it('one file is not looked at before it is read', async () => {
  expect(await found(at('ring', 'b.pcap'))).toEqual({ sources: [['b.pcap', undefined]], leftOut: [] });
});
