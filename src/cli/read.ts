import { type Analysis, type AnalysisOptions, analyzeSources } from '../analysis.ts';
import { sizeOf } from '../capture/node/file.ts';
import { findCaptures } from '../capture/node/sources.ts';
import { nodeUnpackers } from '../capture/node/unpackers.ts';
import type { RecordKind, RecordSink } from '../track/records.ts';
import { contextOf } from './context-files.ts';
import { Exit, type Io } from './io.ts';
import { progressLine } from './progress.ts';
import { parseExpectVia, parseLocal, parseMaxRecords, parsePeers } from './values.ts';

/** Options of all commands that read captures. */
export interface ReadOptions {
  captures: string[];
  maxRecords: string;
  local?: string[] | undefined;
  wgPeer?: string[] | undefined;
  expectVia?: string[] | undefined;
  context?: string[] | undefined;
  quiet: boolean;
  progress: 'auto' | 'always' | 'never';
}

/**
 * Runs the analysis over the named captures, with progress, and so that Ctrl-C ends it with what was read.
 * @param records kinds of records that are wanted
 * @param sink gets them as they are complete; without it they are kept
 */
export async function readCaptures(io: Io, given: ReadOptions, records: ReadonlySet<RecordKind>, sink?: RecordSink): Promise<Analysis> {
  const options: AnalysisOptions = {
    records,
    maxRecords: parseMaxRecords(given.maxRecords),
    local: parseLocal(given.local),
    wireguardPeers: parsePeers(given.wgPeer),
    expectVia: parseExpectVia(given.expectVia),
    ...(sink ? { sink } : {}),
  };
  const { sources, leftOut } = await findCaptures(given.captures);
  const captures = sources.map(({ path }) => path);
  const context = await contextOf(given.context, captures);
  if (!given.quiet) tellLeftOut(io, leftOut);
  const sizes = captures.map(sizeOf);
  const total = sizes.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  const line = progressLine(io, given.quiet ? 'never' : given.progress, total);
  const interrupt = interruptible();
  try {
    return await analyzeSources(sources, {
      ...options,
      context,
      unpackers: nodeUnpackers(),
      signal: interrupt.signal,
      onProgress: (progress) => {
        line.tell(progress);
        return new Promise<void>((resolve) => setImmediate(resolve));
      },
    });
  } finally {
    line.end();
    interrupt.end();
  }
}

/** As many files of directories are named; the others are counted. */
const MOST_LEFT_OUT = 5;

function tellLeftOut(io: Io, leftOut: readonly string[]): void {
  if (leftOut.length === 0) return;
  const more = leftOut.length > MOST_LEFT_OUT ? ` and ${leftOut.length - MOST_LEFT_OUT} more` : '';
  io.err(`fluxcap: note: left out, for they are no captures: ${leftOut.slice(0, MOST_LEFT_OUT).join(', ')}${more}\n`);
}

/** The first Ctrl-C ends the reading, the second one the program. */
function interruptible(): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(Exit.Interrupted);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  return { signal: controller.signal, end: () => process.off('SIGINT', onSignal) };
}

/** Problems go to standard error too: the result need not be read to notice that something is missing. */
export function tellProblems(io: Io, { inputs, context }: Analysis): void {
  for (const { path, problems } of inputs) {
    for (const { kind, message, lost } of problems.list) io.err(`fluxcap: ${path}: ${lost ? '' : 'note: '}${message} [${kind}]\n`);
  }
  if (context.isElsewhere)
    io.err('fluxcap: note: the capture was taken on none of the hosts of the context: its interfaces have other MACs\n');
}
