import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sources } from '../bench/harness/sources.ts';
import { root } from './tools/captures.ts';

/* What a run loads: its start takes as long as that does. No test here reads a clock. */

const dist = join(root, 'dist');
const capture = join(root, 'captures/arp-flux/client.pcap');

let folder = '';
beforeAll(() => {
  expect(existsSync(join(dist, 'cli/main.js')), 'needs dist: npm run build').toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'fluxcap-start-'));
  writeFileSync(
    join(folder, 'hooks.mjs'),
    `import { appendFileSync } from 'node:fs';
     export const load = (url, context, next) => {
       appendFileSync(${JSON.stringify(join(folder, 'loaded'))}, url + '\\n');
       return next(url, context);
     };`,
  );
  writeFileSync(join(folder, 'register.mjs'), `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Loaded {
  /** Files of the build, in the order of their names. */
  files: string[];
  /** Packages, each once. */
  packages: string[];
  /** Modules of Node.js that are named in an import. */
  builtins: string[];
  status: number | null;
}

/** What the program loads with these arguments. */
function loadedBy(...args: string[]): Loaded {
  const log = join(folder, 'loaded');
  writeFileSync(log, '');
  const { status } = spawnSync(process.execPath, ['--import', join(folder, 'register.mjs'), join(root, 'bin/fluxcap.js'), ...args]);
  const urls = readFileSync(log, 'utf8').trim().split('\n');
  const paths = urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url));
  const packageOf = (path: string): string[] => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.slice(1) ?? [];
  return {
    files: paths
      .filter((path) => path.startsWith(`${dist}/`))
      .map((path) => relative(dist, path))
      .sort(),
    packages: [...new Set(paths.flatMap(packageOf))].sort(),
    builtins: urls.filter((url) => url.startsWith('node:')).sort(),
    status,
  };
}

describe('a run loads what it needs', () => {
  const READING = ['pieces/captures.js', 'pieces/files.js', 'pieces/reading.js', 'pieces/unpacking.js'];
  const ANALYSIS = ['cli/main.js', 'pieces/analysis.js', ...READING, 'pieces/words.js'];

  it.each([
    { args: ['--help'], more: [] },
    { args: ['live', '--help'], more: [] },
    { args: ['--version'], more: [] },
    { args: ['--nonsense'], more: [], status: 2 },
  ])('$args', ({ args, status = 0 }) => {
    expect(loadedBy(...args)).toMatchObject({ files: ['cli/main.js', 'pieces/words.js'], packages: [], status });
  });

  it.each([
    { args: ['analyze', '--json', capture], files: [] },
    { args: [capture], files: ['pieces/table.js'] },
    { args: ['--format', 'ndjson', capture], files: ['pieces/ndjson.js'] },
    { args: ['show', 'arp', '--json', capture], files: [] },
  ])('$args', ({ args, files }) => {
    const loaded = loadedBy(...args);
    expect(loaded).toMatchObject({ files: [...ANALYSIS, ...files].sort(), packages: [], status: 0 });
    for (const rare of ['node:child_process', 'node:http', 'node:worker_threads', 'node:zlib']) expect(loaded.builtins).not.toContain(rare);
  });

  it.each([
    { args: ['context', '--from', join(root, 'docs')], files: ['pieces/collect.js', 'pieces/context.js'] },
    { args: ['interfaces', '--json'], files: ['pieces/files.js', 'pieces/interfaces.js', 'pieces/open.js', 'pieces/unpacking.js'] },
  ])('$args', ({ args, files }) => {
    const loaded = loadedBy(...args);
    // A child process of it asks whether the cap package works.
    expect(loaded.files.filter((file) => file !== 'pieces/cap-child.js')).toEqual(['cli/main.js', ...files, 'pieces/words.js'].sort());
    expect(loaded.packages.filter((name) => name !== 'koffi' && name !== 'cap')).toEqual([]);
  });

  it('of its own nothing twice, and no more than it is', () => {
    const size = (files: readonly string[]): number => files.reduce((sum, file) => sum + statSync(join(dist, file)).size, 0);
    const all = readdirSync(dist, { recursive: true })
      .map(String)
      .filter((file) => file.endsWith('.js'));
    expect(all.length).toBeLessThan(40);
    // Twice the sources without their comments would be twice the code.
    expect(size(all)).toBeLessThan(2_500_000);
  });
});

describe('a piece', () => {
  it('says of which source a line is', () => {
    const path = join(dist, 'pieces/analysis.js');
    const lines = readFileSync(path, 'utf8').split('\n');
    const sources = new Sources(root);
    const sourceOf = (text: string): string | undefined => {
      const line = lines.findIndex((each) => each.startsWith(text));
      return sources.at(pathToFileURL(path).href, line, 0);
    };
    expect(sourceOf('class Analyzer ')).toBe('src/analyzer.ts');
    expect(sourceOf('class BgpTracker ')).toBe('src/track/bgp/tracker.ts');
    expect(sources.at('file:///elsewhere/dist/x.js', 0, 0)).toBeUndefined();
  });
});

describe('the library', () => {
  /** A file of the build and what it imports, but for what it imports while it runs; and what of that are no files. */
  function closure(entry: string): { files: Set<string>; others: string[] } {
    const files = new Set([join(dist, entry)]);
    const others: string[] = [];
    for (const file of files) {
      for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?:[^'\n]* from )?'([^']+)';$/gm)) {
        if (name.startsWith('.')) files.add(resolve(dirname(file), name));
        else others.push(name);
      }
    }
    return { files, others };
  }

  const COMMAND_LINE = /^(cli\/|pieces\/(explain|live|open|reading|table)\.js)/;

  it.each(['index.js', 'core.js'])('%s is few files, and nothing of the command line', (entry) => {
    const named = [...closure(entry).files].map((file) => relative(dist, file));
    expect(named).toContain('pieces/analysis.js');
    expect(named.length).toBeLessThan(10);
    expect(named.filter((file) => COMMAND_LINE.test(file))).toEqual([]);
  });

  it('unpacks in threads that load no analysis', () => {
    const named = [...closure('pieces/unpack-thread.js').files].map((file) => relative(dist, file)).sort();
    expect(named).toEqual(['pieces/files.js', 'pieces/unpack-thread.js', 'pieces/unpacking.js']);
  });

  it('has a core that knows no Node.js', () => {
    const { others } = closure('core.js');
    expect(others).toEqual([]);
  });
});
