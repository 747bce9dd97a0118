import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledCaptures, root } from './tools/captures.ts';
import { labFolders } from './tools/statements.ts';

/* What a user gets: the packed tarball, installed elsewhere. */

let folder = '';
let tarball = '';
const npm = (args: string[], cwd: string): string => execFileSync('npm', [...args, '--loglevel', 'error'], { cwd, encoding: 'utf8' });
const capture = join(root, bundledCaptures()[0] ?? 'none');

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-package-'));
  const packed = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root)) as unknown;
  // npm gives an array, or, from version 11 on, an object by package name.
  const [{ filename }] = Object.values(packed as Record<string, { filename: string }>) as [{ filename: string }];
  tarball = join(folder, filename);
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
  npm(['install', '--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', tarball], folder);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed tarball', () => {
  it('holds the program, the library with its types, and the schema, and nothing else', () => {
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
    for (const wanted of [
      'bin/fluxcap.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/core.js',
      'dist/analysis.schema.json',
      'dist/ndjson.schema.json',
      'dist/licenses.txt',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ]) {
      expect(files).toContain(`package/${wanted}`);
    }
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
    expect(files.filter((file) => /\/(src|test|captures|bench|node_modules)\//.test(file))).toEqual([]);
  });

  it('names the packages that are parts of it, with what they want to be said', () => {
    const text = execFileSync('tar', ['-xzOf', tarball, 'package/dist/licenses.txt'], { encoding: 'utf8' });
    const names = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(['@noble/hashes', 'cli-table3']));
    expect(text.match(/^Copyright|^Permission is hereby granted/gm)?.length).toBeGreaterThanOrEqual(names.length);
  });

  it('runs with npx', () => {
    const { stdout, status } = spawnSync('npx', ['--no-install', 'fluxcap', capture, '--json'], { cwd: folder, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(JSON.parse(stdout).inputs[0].packets).toBeGreaterThan(0);
  });

  it('runs after a global install', () => {
    const prefix = join(folder, 'global');
    npm(['install', '--global', '--prefix', prefix, '--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', tarball], folder);
    const { stdout, status } = spawnSync(join(prefix, 'bin/fluxcap'), ['explain', 'arp-flux'], { encoding: 'utf8' });
    expect({ status, explains: stdout.includes('arp_ignore=1') }).toEqual({ status: 0, explains: true });
  });

  it('is a library', () => {
    const program = `
      import { analyze, findingKinds } from 'fluxcap';
      import { analyzeSources, MemorySource } from 'fluxcap/core';
      const { inputs } = await analyze(${JSON.stringify(capture)});
      const { stats } = await analyzeSources([{ path: 'none', open: () => new MemorySource(new Uint8Array(0)) }]);
      console.log(JSON.stringify([inputs[0].packets > 0, findingKinds.length > 20, stats.decoded]));`;
    writeFileSync(join(folder, 'use.js'), program);
    expect(execFileSync(process.execPath, ['use.js'], { cwd: folder, encoding: 'utf8' })).toBe('[true,true,0]\n');
  });

  it('has types that a strict project can use', () => {
    writeFileSync(
      join(folder, 'use.ts'),
      `import { analyze, type Finding, type Severity } from 'fluxcap';
       const document = await analyze('x.pcap', { severity: 'notice', minConfidence: 'certain', local: ['192.0.2.1'] });
       const finding: Finding | undefined = document.findings[0];
       export const severity: Severity | undefined = finding?.severity;
       // @ts-expect-error there is no such option
       await analyze('x.pcap', { nonsense: true });`,
    );
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--typeRoots',
      join(root, 'node_modules/@types'),
      'use.ts',
    ];
    const { stdout, status } = spawnSync(join(root, 'node_modules/.bin/tsc'), options, { cwd: folder, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it('needs nothing of this checkout at run time', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies).sort()).toEqual(['fzstd', 'log-update', 'prom-client']);
  });
});

describe('the commands of a checkout', () => {
  const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });

  it('npm start reports on the bundled captures, and names every folder', () => {
    const { stdout, status } = node('scripts/start.js');
    expect(status).toBe(0);
    expect(stdout).toContain('=== fluxcap captures/arp-flux/client.pcap');
    const named = [...stdout.matchAll(/^ {2}(\S+) +\d+ captures {2}\S/gm)].map(([, folder]) => folder);
    expect(named.sort()).toEqual(labFolders().sort());
  });

  it('npm start -- CAPTURE analyses that one', () => {
    const { stdout, status } = node('scripts/start.js', capture);
    expect({ status, isReport: stdout.startsWith(`${capture}: pcap`) }).toEqual({ status: 0, isReport: true });
  });

  it('npm run captures refuses what it does not know', () => {
    const { stderr, status } = node('scripts/captures.js', 'nonesuch');
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('no such capture: nonesuch; there are arp-') });
    expect(node('scripts/captures.js', '--jobs', '0').status).toBe(2);
  });

  it.runIf(process.getuid?.() !== 0)('npm run captures says that it needs root', () => {
    expect(node('scripts/captures.js', 'arp-flux')).toMatchObject({ status: 3, stderr: expect.stringContaining('root') });
  });
});
