import { readdirSync, statSync } from 'node:fs';
import { Glances } from '../glance.ts';
import type { InputSource } from '../source.ts';
import { openPath } from './file.ts';
import { promptUnpackers } from './unpackers.ts';

export interface FoundCaptures {
  sources: InputSource[];
  /** Paths in directories that are no captures. */
  leftOut: string[];
}

/**
 * What is to be read under these names: a file, a pipe or standard input as it is, of a directory the captures that lie in it, in the order of their times.
 * Where there are several, files say when they begin, so that each is opened only when its time comes.
 */
export async function findCaptures(paths: readonly string[]): Promise<FoundCaptures> {
  const found: FoundCaptures = { sources: [], leftOut: [] };
  const glances = new Glances(promptUnpackers);
  for (const path of paths) {
    if (kindOf(path) === 'directory') await addDirectory(found, path, glances);
    else found.sources.push(paths.length > 1 ? await announced(path, glances) : sourceOf(path));
  }
  return found;
}

/** Not recursive, without hidden files, whatever the others are called. */
async function addDirectory({ sources, leftOut }: FoundCaptures, directory: string, glances: Glances): Promise<void> {
  const captures: InputSource[] = [];
  for (const path of filesIn(directory)) {
    const { isCapture, begins } = await glances.at(sourceOf(path));
    if (isCapture) captures.push({ ...sourceOf(path), ...(begins ? { begins } : {}) });
    else leftOut.push(path);
  }
  captures.sort(byBegin);
  // That nothing is there is told where it is opened.
  sources.push(...(captures.length > 0 ? captures : [sourceOf(directory)]));
}

function filesIn(directory: string): string[] {
  const front = directory.endsWith('/') ? directory : `${directory}/`;
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => front + name)
    .filter((path) => kindOf(path) === 'file');
}

const sourceOf = (path: string): InputSource => ({ path, open: () => openPath(path) });

async function announced(path: string, glances: Glances): Promise<InputSource> {
  // What is read from a pipe is gone.
  if (kindOf(path) !== 'file') return sourceOf(path);
  const { begins } = await glances.at(sourceOf(path));
  return { ...sourceOf(path), ...(begins ? { begins } : {}) };
}

/** Those of which it is not known come last; at equal times the order stays. */
function byBegin({ begins: a }: InputSource, { begins: b }: InputSource): number {
  if (!a || !b) return Number(!a) - Number(!b);
  return a.sec - b.sec || a.nsec - b.nsec;
}

function kindOf(path: string): 'file' | 'directory' | 'other' {
  if (path === '-') return 'other';
  try {
    const stat = statSync(path);
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
  } catch {
    return 'other';
  }
}
