import { basename } from 'node:path';
import { Context } from '../context/context.ts';
import type { Host } from '../context/host.ts';
import { UsageError } from './io.ts';

/** What the files of `--context` say, for these captures. */
export async function contextOf(files: readonly string[] | undefined, captures: readonly string[]): Promise<Context> {
  return new Context(await hostsOf(files ?? []), { captures: captures.map((path) => basename(path)) });
}

/** The hosts of the files, in their order. A file that cannot be read is refused: what it was to decide would be told otherwise. */
export async function hostsOf(files: readonly string[]): Promise<Host[]> {
  if (files.length === 0) return [];
  const { readFile } = await import('node:fs/promises');
  const { ContextError, readContext } = await import('../context/read.ts');
  const { hostOf } = await import('../context/model.ts');
  const hosts: Host[] = [];
  for (const path of files) {
    try {
      hosts.push(...readContext(await readFile(path, 'utf8'), path).hosts.map(hostOf));
    } catch (error) {
      if (error instanceof ContextError) throw new UsageError(`--context: ${error.message}`);
      if (error instanceof Error && 'code' in error) throw new UsageError(`--context: ${path}: ${error.message}`);
      throw error;
    }
  }
  return hosts;
}
