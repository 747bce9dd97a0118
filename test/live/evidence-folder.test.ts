import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hindrance } from '../../scripts/labs.js';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { UsageError } from '../../src/cli/io.ts';
import { EvidenceFolder, type EvidenceFolderOptions, type WrittenEvidence } from '../../src/cli/live/evidence-folder.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import type { News } from '../../src/live/news.ts';
import type { FlightRecorder } from '../../src/live/recorder.ts';
import { analyzeOctets, findingOf, record } from './evidence-tools.ts';

const START = Date.UTC(2026, 2, 9, 3, 20, 46) / 1000;

/** A packet each second. */
const pcapOf = (count: number): Uint8Array =>
  writePcap(
    { linktype: 1, nanoseconds: true },
    Array.from({ length: count }, (_, i) => ({ sec: START + i, nsec: 175_642_000, octets: new Uint8Array(100) })),
  );

let folder = '';
let recorder: FlightRecorder;
let files: WrittenEvidence[] = [];
let failures: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-folder-'));
  recorder = await record([pcapOf(100)]);
  files = [];
  failures = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const opened = (more: Partial<EvidenceFolderOptions> = {}): Promise<EvidenceFolder> =>
  EvidenceFolder.open({
    directory: folder,
    recorder,
    inputs: ['eth0'],
    wrote: (file) => files.push(file),
    failed: (message) => failures.push(message),
    ...more,
  });

const found = (subject: string, frame = 10): Finding => findingOf([{ input: 0, frame, role: 'request' }], { id: `arp-flux:${subject}` });

const news = (finding: Finding, at = 0, kind: 'new' | 'update' | 'ended' = 'new'): News => ({ kind, finding, at: START + at }) as News;
const withdrawn = (finding: Finding): News => ({ kind: 'withdrawn', finding, at: START, before: finding, instead: [] }) as News;

/** Lets everything that was begun be done. */
const written = (evidence: EvidenceFolder): Promise<void> => evidence.end();

describe('the evidence folder', () => {
  it('writes a file for a new finding, five seconds of capture time later', async () => {
    const evidence = await opened();
    evidence.told(news(found('192.0.2.1'), 10));
    evidence.tick(START + 14.9);
    await Promise.resolve();
    expect(readdirSync(folder)).toEqual([]);
    evidence.tick(START + 15);
    await expect.poll(() => files.length).toBe(1);
    const name = '20260309T032055.175642000Z-arp-flux-192.0.2.1.pcapng';
    expect(readdirSync(folder)).toEqual([name]);
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    expect(files[0]).toMatchObject({ path: join(folder, name), octets: bytes.length, packets: 100, shown: 1, missing: 0, leftOut: 0 });
    expect(files[0]?.finding.id).toBe('arp-flux:192.0.2.1');
    expect((await analyzeOctets([bytes])).inputs[0]).toMatchObject({ packets: 100, format: 'pcapng' });
    expect(lstatSync(join(folder, name)).mode & 0o7777 & ~0o640).toBe(0);
    await written(evidence);
    expect(readdirSync(folder)).toEqual([name]);
  });

  it('writes what waits at the end', async () => {
    const evidence = await opened();
    evidence.told(news(found('192.0.2.1')));
    evidence.told(news(found('192.0.2.2')));
    await evidence.end();
    expect(files.map(({ finding }) => finding.id)).toEqual(['arp-flux:192.0.2.1', 'arp-flux:192.0.2.2']);
    await evidence.end();
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('takes the latest that was said while it waited, and nothing that was withdrawn', async () => {
    const evidence = await opened();
    evidence.told(news(found('192.0.2.1', 10)));
    evidence.told(news(found('192.0.2.1', 12), 1, 'update'));
    evidence.told(news(found('192.0.2.2')));
    evidence.told(withdrawn(found('192.0.2.2')));
    await evidence.end();
    expect(readdirSync(folder)).toEqual(['20260309T032057.175642000Z-arp-flux-192.0.2.1.pcapng']);
  });

  it('writes a finding once, and again where it had ended and comes back', async () => {
    const evidence = await opened();
    const flux = found('192.0.2.1');
    evidence.told(news(flux));
    await evidence.end();
    evidence.told(news(flux, 20, 'update'));
    await evidence.end();
    evidence.told(news(flux, 700, 'ended'));
    await evidence.end();
    expect(readdirSync(folder)).toHaveLength(1);
    evidence.told(news({ ...flux, evidence: [...flux.evidence, { input: 0, frame: 90, role: 'request' }] }, 800, 'update'));
    evidence.told(news(flux, 801, 'update'));
    await evidence.end();
    evidence.told(news(flux, 802, 'update'));
    await evidence.end();
    // The first evidence is still in memory and names both.
    const name = '20260309T032055.175642000Z-arp-flux-192.0.2.1';
    expect(readdirSync(folder)).toEqual([`${name}-2.pcapng`, `${name}.pcapng`]);
  });

  it('does not wait where the packets would be gone by then', async () => {
    recorder = await record([pcapOf(5000)], 100_000);
    const oldest = recorder.inputs[0]?.numberOf(recorder.inputs[0].oldest) ?? 0;
    const evidence = await opened({ waitSec: 1e6 });
    evidence.told(news(found('192.0.2.1', oldest + 2)));
    evidence.told(news(found('192.0.2.2', oldest + 4)));
    evidence.tick(START);
    await expect.poll(() => files.length).toBe(1);
    expect(files[0]?.finding.id).toBe('arp-flux:192.0.2.1');
  });

  it('says once that nothing is in memory any more', async () => {
    recorder = await record([pcapOf(5000)], 100_000);
    const evidence = await opened();
    for (const subject of ['192.0.2.1', '192.0.2.2']) evidence.told(news(found(subject, 1)));
    await evidence.end();
    expect(files).toEqual([]);
    expect(failures).toEqual([
      'no packet of arp-flux:192.0.2.1 is in memory any more, so it gets no evidence file: a larger --ring keeps more',
    ]);
  });
});

describe('limits of the evidence folder', () => {
  const names = (): string[] => readdirSync(folder).sort();

  it('lets the oldest files make room for new ones, by count', async () => {
    const evidence = await opened({ mostFiles: 3 });
    for (let frame = 1; frame <= 5; frame++) {
      evidence.told(news(found(`192.0.2.${frame}`, frame)));
      await evidence.end();
    }
    expect(names().map((name) => name.slice(-20, -7))).toEqual(['lux-192.0.2.3', 'lux-192.0.2.4', 'lux-192.0.2.5']);
  });

  it('lets the oldest files make room for new ones, by octets', async () => {
    const probe = await opened();
    probe.told(news(found('192.0.2.1', 1)));
    await probe.end();
    const one = files[0]?.octets ?? 0;
    const evidence = await opened({ mostOctets: 3 * one + 100 });
    for (let frame = 2; frame <= 5; frame++) {
      evidence.told(news(found(`192.0.2.${frame}`, frame)));
      await evidence.end();
    }
    expect(names().map((name) => name.slice(-16, -7))).toEqual(['192.0.2.3', '192.0.2.4', '192.0.2.5']);
    expect(names().reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0)).toBeLessThanOrEqual(3 * one + 100);
  });

  it('counts what an earlier run left, and touches nothing that is not its own', async () => {
    const others = [
      'notes.txt',
      'old.pcapng',
      '20200101T000000.000000Z-arp-flux-192.0.2.9.pcapng.gz',
      '20200101T000000Z-arp-flux.pcapng',
      '20200101-arp-flux-192.0.2.9.pcapng',
      'x20200101T000000.000000Z-arp-flux-192.0.2.9.pcapng',
    ];
    for (const name of others) writeFileSync(join(folder, name), 'mine');
    mkdirSync(join(folder, '20200101T000000.000000Z-arp-flux-folder.pcapng'));
    symlinkSync(join(folder, 'notes.txt'), join(folder, '20200101T000000.000000Z-arp-flux-link.pcapng'));
    const ours = '20200102T000000.000000Z-arp-flux-192.0.2.9.pcapng';
    writeFileSync(join(folder, ours), 'ours');
    const before = names();
    const evidence = await opened({ mostFiles: 1 });
    expect(names()).toEqual(before);
    evidence.told(news(found('192.0.2.1')));
    await evidence.end();
    expect(names()).toEqual([...before.filter((name) => name !== ours), '20260309T032055.175642000Z-arp-flux-192.0.2.1.pcapng'].sort());
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('survives that somebody removes its files', async () => {
    const evidence = await opened({ mostFiles: 1 });
    evidence.told(news(found('192.0.2.1', 1)));
    await evidence.end();
    for (const name of names()) rmSync(join(folder, name));
    evidence.told(news(found('192.0.2.2', 2)));
    await evidence.end();
    expect(names()).toHaveLength(1);
    expect(failures).toEqual([]);
  });

  it('holds back a flood of findings, and says so once', async () => {
    const evidence = await opened({ mostFiles: 5 });
    for (let i = 0; i < 50; i++) evidence.told(news(found(`10.0.0.${i}`)));
    await evidence.end();
    expect(files).toHaveLength(5);
    expect(failures).toEqual(['more than 5 findings at once: arp-flux:10.0.0.5 gets no evidence file']);
  });

  it('removes what a killed process left unfinished, but not what another one is writing', async () => {
    const [old, young] = ['.fluxcap-evidence-1-0.tmp', '.fluxcap-evidence-2-0.tmp'];
    for (const name of [old, young]) writeFileSync(join(folder, name ?? ''), 'x');
    utimesSync(join(folder, old ?? ''), 1e9, 1e9);
    await opened();
    expect(names()).toEqual([young]);
  });
});

describe('names of evidence files', () => {
  it.each([
    { name: 'an IPv6 address', id: 'arp-flux:2001:db8::1', end: '-arp-flux-2001-db8-1.pcapng' },
    {
      name: 'endpoints',
      id: 'arp-flux:192.0.2.10|[2001:db8::1]:53@gre/wireguard',
      end: '-arp-flux-192.0.2.10-2001-db8-1-53-gre-wireguard.pcapng',
    },
    { name: 'a path', id: 'arp-flux:../../../etc/passwd', end: '-arp-flux-etc-passwd.pcapng' },
    { name: 'an absolute path', id: 'arp-flux:/etc/cron.d/x', end: '-arp-flux-etc-cron.d-x.pcapng' },
    { name: 'control characters', id: 'arp-flux:a\n\0\u001b[2Jb', end: '-arp-flux-a-2Jb.pcapng' },
    { name: 'nothing but dots', id: 'arp-flux:...', end: 'Z-arp-flux.pcapng' },
    { name: 'far too much', id: `arp-flux:${'x'.repeat(5000)}`, end: `-arp-flux-${'x'.repeat(120)}.pcapng` },
  ])('hold $name safely', async ({ id, end }) => {
    const evidence = await opened({ directory: join(folder, 'inner') });
    evidence.told(news({ ...found(''), id }));
    await evidence.end();
    expect(readdirSync(folder)).toEqual(['inner']);
    expect(readdirSync(join(folder, 'inner'))).toEqual([`20260309T032055.175642000Z${end.replace(/^Z/, '')}`]);
    // And it is known as ours again.
    const next = await opened({ directory: join(folder, 'inner'), mostFiles: 1 });
    next.told(news(found('192.0.2.1', 20)));
    await next.end();
    expect(readdirSync(join(folder, 'inner'))).toHaveLength(1);
  });
});

describe('folders that cannot be used', () => {
  it('is a file', async () => {
    writeFileSync(join(folder, 'file'), '');
    const why = `--evidence-dir: "${join(folder, 'file')}" cannot be used: it is no folder`;
    await expect(opened({ directory: join(folder, 'file') })).rejects.toThrow(new UsageError(why));
    await expect(opened({ directory: join(folder, 'file', 'below') })).rejects.toThrow(UsageError);
  });

  it('makes folders that are missing, readable for owner and group', async () => {
    await opened({ directory: join(folder, 'a', 'b') });
    expect(lstatSync(join(folder, 'a', 'b')).mode & 0o027).toBe(0);
  });

  it('is removed while it runs: said once, and again only after a file was written', async () => {
    const directory = join(folder, 'inner');
    const evidence = await opened({ directory });
    rmSync(directory, { recursive: true });
    for (const subject of ['192.0.2.1', '192.0.2.2']) evidence.told(news(found(subject)));
    await evidence.end();
    expect(failures).toEqual([`evidence of arp-flux:192.0.2.1 could not be written to "${directory}": the folder is gone`]);
    mkdirSync(directory);
    evidence.told(news(found('192.0.2.3')));
    await evidence.end();
    expect(files).toHaveLength(1);
    rmSync(directory, { recursive: true });
    evidence.told(news(found('192.0.2.4')));
    await evidence.end();
    expect(failures).toHaveLength(2);
  });

  const why = hindrance();
  const isMounting = why === undefined;

  /** A file system of its own: 64 KiB in memory. */
  describe.skipIf(!isMounting)(`disks${why === undefined ? '' : ` (${why})`}`, () => {
    const mount = (...args: string[]): void => {
      const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
      if (status !== 0) expect.fail(stderr);
    };
    let disk = '';

    beforeEach(() => {
      disk = join(folder, 'disk');
      mkdirSync(disk);
      mount('-t', 'tmpfs', '-o', 'size=64k', 'fluxcap-test', disk);
    });

    afterEach(() => {
      spawnSync('umount', [disk]);
    });

    it('full: said once, nothing half is left, and it goes on when there is room', async () => {
      const evidence = await opened({ directory: disk });
      writeFileSync(join(disk, 'filler'), new Uint8Array(60_000));
      for (const subject of ['192.0.2.1', '192.0.2.2']) evidence.told(news(found(subject)));
      await evidence.end();
      expect(failures).toEqual([`evidence of arp-flux:192.0.2.1 could not be written to "${disk}": the disk is full`]);
      expect(readdirSync(disk)).toEqual(['filler']);
      rmSync(join(disk, 'filler'));
      evidence.told(news(found('192.0.2.3')));
      await evidence.end();
      expect(readdirSync(disk)).toEqual(['20260309T032055.175642000Z-arp-flux-192.0.2.3.pcapng']);
    });

    it('read-only: said once', async () => {
      const evidence = await opened({ directory: disk });
      mount('-o', 'remount,ro', disk);
      for (const subject of ['192.0.2.1', '192.0.2.2']) evidence.told(news(found(subject)));
      await evidence.end();
      expect(failures).toEqual([`evidence of arp-flux:192.0.2.1 could not be written to "${disk}": the file system is read-only`]);
      await expect(opened({ directory: disk })).rejects.toThrow(/cannot be used: the file system is read-only/);
    });
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(isRoot)(`may not be written to${isRoot ? ' (root may always)' : ''}`, async () => {
    chmodSync(folder, 0o500);
    await expect(opened()).rejects.toThrow(/cannot be used: no permission to write there/);
    expect(existsSync(folder)).toBe(true);
    chmodSync(folder, 0o700);
  });
});
