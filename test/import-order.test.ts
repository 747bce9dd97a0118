import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each folder may import; its own files always. `frame.ts` is what `capture` hands to `wire`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  net: [],
  'frame.ts': [],
  'version.ts': [],
  capture: ['net', 'frame.ts'],
  wire: ['net', 'frame.ts'],
  context: ['net'],
  track: ['context', 'wire', 'net', 'frame.ts'],
  diagnose: ['track', 'context', 'wire', 'net', 'frame.ts'],
  'analyzer.ts': ['capture', 'context', 'wire', 'track', 'diagnose', 'net', 'frame.ts'],
  'analysis.ts': ['analyzer.ts', 'capture', 'context', 'track', 'diagnose', 'frame.ts'],
  live: ['analyzer.ts', 'analysis.ts', 'capture', 'context', 'wire', 'track', 'diagnose', 'net', 'frame.ts', 'version.ts'],
  report: ['analysis.ts', 'live', 'capture', 'context', 'diagnose', 'track', 'wire', 'net', 'version.ts'],
  'core.ts': ['analysis.ts', 'capture', 'context', 'diagnose', 'report', 'track', 'version.ts'],
  'index.ts': ['core.ts', 'analysis.ts', 'capture', 'context', 'report', 'track'],
  cli: ['analysis.ts', 'live', 'capture', 'context', 'report', 'diagnose', 'track', 'net', 'version.ts'],
};

/** Only these know Node.js. */
const KNOWS_NODE = /^(cli\/|(capture|context)\/node\/|index\.ts$)/;

/** Names of Node's own globals that would tie the core to it. */
const NODE_GLOBALS = /\b(process|Buffer|__dirname|require|setImmediate)\b(?=[.(])/;

const src = resolve(import.meta.dirname, '../src');

interface SourceFile {
  path: string;
  text: string;
  imports: string[];
}

const files: SourceFile[] = readdirSync(src, { recursive: true })
  .map(String)
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '');
    return { path, text, imports };
  });

const placeOf = (path: string): string => path.split('/')[0] ?? '';

describe('the direction of imports', () => {
  it.each(files.map(({ path, imports }) => ({ path, imports })))('$path', ({ path, imports }) => {
    const place = placeOf(path);
    const allowed = [place, ...(MAY_IMPORT[place] ?? [])];
    expect(Object.keys(MAY_IMPORT)).toContain(place);
    for (const name of imports.filter((each) => each.startsWith('.'))) {
      const target = relative(src, resolve(src, dirname(path), name));
      expect(allowed, `${path} imports ${target}`).toContain(placeOf(target));
      expect(name, `${path} imports ${name} without its extension`).toMatch(/\.(ts|json)$/);
    }
  });

  it('has no cycle', () => {
    const graph = new Map(
      files.map(({ path, imports }) => [
        path,
        imports.filter((each) => each.startsWith('.')).map((name) => relative(src, resolve(src, dirname(path), name))),
      ]),
    );
    const cycles: string[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (path: string, way: string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...way.slice(way.indexOf(path)), path].join(' > '));
        return;
      }
      state.set(path, 'open');
      for (const next of graph.get(path) ?? []) visit(next, [...way, path]);
      state.set(path, 'done');
    };
    for (const path of graph.keys()) visit(path, []);
    // A type and the class that holds it may name each other within one folder; nothing runs in a circle across folders.
    expect(cycles.filter((cycle) => new Set(cycle.split(' > ').map(placeOf)).size > 1)).toEqual([]);
  });

  it('leaves Node.js to the command line and the openers', () => {
    const core = files.filter(({ path }) => !KNOWS_NODE.test(path));
    expect(core.length).toBeGreaterThan(80);
    for (const { path, text, imports } of core) {
      expect(
        imports.filter((name) => name.startsWith('node:')),
        path,
      ).toEqual([]);
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(NODE_GLOBALS.exec(code)?.[0], path).toBeUndefined();
    }
  });

  it('reads no clock in the layers that judge', () => {
    for (const { path, text } of files.filter(({ path }) => /^(capture\/(?!node\/)|wire\/|track\/|diagnose\/)/.test(path))) {
      expect(/\bDate\.now|performance\.now|new Date\(\)/.exec(text)?.[0], path).toBeUndefined();
    }
  });
});
