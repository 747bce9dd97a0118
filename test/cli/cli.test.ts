import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { run } from '../../src/cli/main.ts';
import { findingKinds } from '../../src/diagnose/kinds.ts';
import { VERSION } from '../../src/version.ts';
import { root } from '../tools/captures.ts';
import { collectingIo } from '../tools/io.ts';
import { hexOctets } from '../tools/octets.ts';

const ETHERNET = (to: string, from: string): string => `${to} ${from} 0806`;
const arp = (oper: number, sha: string, spa: string, tha: string, tpa: string): string =>
  `0001 0800 06 04 000${oper} ${sha} ${spa} ${tha} ${tpa}`;
const ALL = 'ffffffffffff';
const CLIENT = '020000000001';
const A = '02000000000a';
const B = '02000000000b';
const ME = 'c0000201';
const IP = 'c0000202';

/** One address, answered by two MACs: a fact that needs no history. */
const twoAnswers = writePcap({ linktype: 1 }, [
  { sec: 1_700_000_000, nsec: 0, octets: hexOctets(ETHERNET(ALL, CLIENT) + arp(1, CLIENT, ME, '000000000000', IP)) },
  { sec: 1_700_000_000, nsec: 50_000, octets: hexOctets(ETHERNET(CLIENT, A) + arp(2, A, IP, CLIENT, ME)) },
  { sec: 1_700_000_000, nsec: 90_000, octets: hexOctets(ETHERNET(CLIENT, B) + arp(2, B, IP, CLIENT, ME)) },
]);

let folder = '';
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-cli-'));
  writeFileSync(path('two.pcap'), twoAnswers);
  writeFileSync(path('cut.pcap'), twoAnswers.subarray(0, twoAnswers.length - 5));
  writeFileSync(path('quiet.pcap'), twoAnswers.subarray(0, 24 + 16 + 42));
  writeFileSync(path('notes.txt'), 'these are notes\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function fluxcap(...args: string[]) {
  const io = collectingIo();
  const exit = await run(args, io);
  return { exit, stdout: io.stdout, stderr: io.stderr };
}

describe('exit status', () => {
  it.each([
    { args: ['two.pcap'], exit: 0 },
    { args: ['analyze', 'two.pcap'], exit: 0 },
    { args: ['two.pcap', '--fail-on', 'error'], exit: 0 },
    { args: ['two.pcap', '--fail-on', 'warning'], exit: 1 },
    { args: ['two.pcap', '--fail-on', 'warning', '--severity', 'error'], exit: 1 },
    { args: ['quiet.pcap', '--fail-on', 'info'], exit: 0 },
    { args: ['cut.pcap'], exit: 3 },
    { args: ['cut.pcap', '--fail-on', 'info'], exit: 3 },
    { args: ['missing.pcap'], exit: 3 },
    { args: ['notes.txt'], exit: 3 },
    { args: ['.'], exit: 3 },
    { args: ['show', 'arp', 'two.pcap'], exit: 0 },
    { args: ['show', 'arp', 'cut.pcap'], exit: 3 },
  ])('$args is $exit', async ({ args, exit }) => {
    const given = args.map((arg) => (arg.includes('.') ? path(arg) : arg));
    expect((await fluxcap(...given)).exit).toBe(exit);
  });

  it.each([
    [[], /no capture/],
    [['live', 'eth0'], /neither a command/],
    [['analyze'], /Not enough non-option arguments/],
    [['two.pcap', '--nonsense'], /nonsense/],
    [['two.pcap', '--severity', 'awful'], /Given: "awful", Choices: "error", "warning", "notice", "info"/],
    [['two.pcap', '--min-confidence', 'perhaps'], /perhaps/],
    [['two.pcap', '--format', 'xml'], /xml/],
    [['two.pcap', '--local', 'here'], /--local: expected an IP address, got "here"/],
    [['two.pcap', '--wg-peer', 'alice'], /--wg-peer: expected NAME=PUBLICKEY/],
    [['two.pcap', '--max-records', '-1'], /--max-records: expected a whole number/],
    [['show', 'sandwiches', 'two.pcap'], /sandwiches/],
    [['explain', 'nothing'], /expected one of arp-flux/],
  ])('%j is wrong usage', async (args, message) => {
    const given = args.map((arg) => (arg.endsWith('.pcap') ? path(arg) : arg));
    const { exit, stdout, stderr } = await fluxcap(...given);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

describe('what goes where', () => {
  it('prints the result alone on standard output, problems on standard error', async () => {
    const { stdout, stderr } = await fluxcap(path('cut.pcap'), '--json');
    expect(JSON.parse(stdout).inputs[0].problems).toMatchObject([{ kind: 'truncated', lost: true, frame: 3 }]);
    expect(stderr).toMatch(/cut\.pcap: the file ends inside the record of frame 3.*\[truncated\]/);
  });

  it('names what a file is that is no capture', async () => {
    const { stdout, stderr } = await fluxcap(path('notes.txt'), '--json');
    expect(JSON.parse(stdout).inputs).toMatchObject([{ format: null, packets: 0, problems: [{ kind: 'not-a-capture' }] }]);
    expect(stderr).toMatch(/it looks like a text file/);
  });

  it('is in colour only on a terminal, and not where that is unwanted', async () => {
    const text = async (args: string[], env: Record<string, string>, terminal: boolean): Promise<string> => {
      const io = collectingIo(env, terminal);
      await run([path('two.pcap'), ...args], io);
      return io.stdout;
    };
    const ESC = '\u001b[';
    expect(await text([], {}, true)).toContain(ESC);
    expect(await text([], {}, false)).not.toContain(ESC);
    expect(await text(['--no-color'], {}, true)).not.toContain(ESC);
    expect(await text([], { NO_COLOR: '1' }, true)).not.toContain(ESC);
  });
});

describe('analyze', () => {
  it('tells people what is wrong, why, and what mends it', async () => {
    const { stdout } = await fluxcap(path('two.pcap'));
    for (const part of [
      'arp-multi-mac-answer',
      '192.0.2.2',
      'Why',
      'What it is not',
      'Frames',
      'What mends it',
      'fluxcap explain arp-multi-mac-answer',
    ])
      expect(stdout).toContain(part);
  });

  it('filters by severity and confidence, and counts what it hides', async () => {
    const { stdout } = await fluxcap(path('two.pcap'), '--json', '--severity', 'error');
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], summary: { error: 0, warning: 0, hidden: 1 } });
  });

  it('puts the records into the JSON where asked', async () => {
    const document = JSON.parse((await fluxcap(path('two.pcap'), '--json', '--records')).stdout);
    expect(document.records.arp).toMatchObject([
      {
        frame: 1,
        target: '192.0.2.2',
        replies: [
          { frame: 2, latencyUs: 50 },
          { frame: 3, latencyUs: 90 },
        ],
        winner: '02:00:00:00:00:0a',
      },
    ]);
    expect(JSON.parse((await fluxcap(path('two.pcap'), '--json')).stdout).records).toBeUndefined();
  });

  it('keeps at most as many records as asked, and counts the rest', async () => {
    const document = JSON.parse((await fluxcap(path('two.pcap'), '--json', '--records', '--max-records', '0')).stdout);
    expect(document).toMatchObject({ records: { arp: [] }, stats: { records: { arp: 1 }, recordsOmitted: 1 } });
  });

  it('reads several files as one timeline', async () => {
    const { stdout } = await fluxcap(path('quiet.pcap'), path('two.pcap'), '--json');
    const { inputs, findings } = JSON.parse(stdout);
    expect(inputs.length).toBe(2);
    expect(findings[0].evidence.every(({ input }: { input: number }) => input === 0 || input === 1)).toBe(true);
  });
});

describe('show', () => {
  it.each(['arp', 'udp', 'wireguard', 'icmp', 'interfaces'])('%s prints an array of records', async (kind) => {
    const { stdout } = await fluxcap('show', kind, path('two.pcap'), '--json');
    expect(Array.isArray(JSON.parse(stdout))).toBe(true);
  });

  it('prints a table for people', async () => {
    const { stdout } = await fluxcap('show', 'arp', path('two.pcap'));
    expect(stdout).toContain('02:00:00:00:00:0a (2, 50 µs)');
    expect((await fluxcap('show', 'udp', path('two.pcap'))).stdout).toBe('No udp records.\n');
  });
});

describe('explain', () => {
  it('lists all kinds', async () => {
    const { stdout } = await fluxcap('explain');
    for (const { kind } of findingKinds) expect(stdout).toContain(kind);
  });

  it.each(findingKinds.map(({ kind }) => kind))('%s', async (kind) => {
    const { stdout, exit } = await fluxcap('explain', kind);
    expect(exit).toBe(0);
    for (const part of [kind, 'What proves it', 'Where it shows', 'What looks like it', 'References']) expect(stdout).toContain(part);
  });
});

describe('help and version', () => {
  it('name every option, and no command that is not built', async () => {
    const { stdout, exit } = await fluxcap('--help');
    expect(exit).toBe(0);
    for (const option of [
      '--json',
      '--format',
      '--records',
      '--max-records',
      '--local',
      '--wg-peer',
      '--min-confidence',
      '--severity',
      '--fail-on',
      '--color',
      '--quiet',
      '--progress',
    ])
      expect(stdout).toContain(option);
    for (const absent of ['live', 'check', 'context', 'sarif', '--html', '--metrics']) expect(stdout).not.toContain(absent);
  });

  it('agree with package.json', async () => {
    expect((await fluxcap('--version')).stdout).toBe(`${VERSION}\n`);
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version).toBe(VERSION);
  });
});

describe('the program', () => {
  const program = join(root, 'bin/fluxcap.js');
  const start = (args: string[], input?: Uint8Array) =>
    spawnSync(process.execPath, [program, ...args], { input: input && Buffer.from(input), encoding: 'utf8' });

  it('reads standard input', () => {
    const fromFile = start([path('two.pcap'), '--json']).stdout;
    const fromPipe = start(['-', '--json'], twoAnswers).stdout;
    expect(fromPipe.replace('"path": "-"', `"path": "${path('two.pcap')}"`)).toBe(fromFile);
  });

  it('ends quietly where its reader goes away', () => {
    const { status, stderr } = spawnSync('sh', ['-c', `${process.execPath} ${program} explain arp-flux | head -1`], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('exits as told', () => {
    expect(start([path('missing.pcap')]).status).toBe(3);
    expect(start(['--nonsense']).status).toBe(2);
    expect(start([path('two.pcap'), '--fail-on', 'warning']).status).toBe(1);
  });
});
