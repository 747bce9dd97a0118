import type { HostDocument } from '../../context/document.ts';
import { collectContext } from '../../context/node/collect.ts';
import { isNothing, savedContext } from '../../context/node/saved.ts';
import { ContextError } from '../../context/read.ts';
import { CONTEXT_SCHEMA } from '../../context/schema.ts';
import { jsonText } from '../../report/json-text.ts';
import { Exit, type Io, UsageError } from '../io.ts';

interface ContextOptions {
  from?: string | undefined;
  hostname?: string | undefined;
  quiet: boolean;
}

/** Prints what this machine says of itself, or what its saved outputs say, as a document for `--context`. */
export async function context(io: Io, { from, hostname, quiet }: ContextOptions): Promise<number> {
  if (hostname !== undefined && !/^[^\s\p{Cc}]{1,253}$/u.test(hostname)) {
    throw new UsageError(`--hostname: expected a name without spaces, got ${JSON.stringify(hostname)}`);
  }
  const host = from === undefined ? await ownContext() : await savedHost(from, io);
  if (!host) return Exit.Unread;
  if (hostname !== undefined) host.hostname = hostname;
  if (isNothing(host)) {
    for (const { what, why } of host.unread ?? []) io.err(`fluxcap: ${what}: ${why}\n`);
    io.err('fluxcap: context: nothing could be read\n');
    return Exit.Unread;
  }
  await io.out(jsonText({ schema: CONTEXT_SCHEMA, hosts: [host] }));
  if (!quiet) for (const { what, why } of host.unread ?? []) io.err(`fluxcap: not read: ${what}: ${why}\n`);
  return Exit.Done;
}

async function ownContext(): Promise<HostDocument> {
  if (process.platform !== 'linux') {
    throw new UsageError('context: this machine is not Linux; save the outputs of the gateway in a folder and use --from FOLDER');
  }
  return collectContext();
}

/** Undefined where there is nothing to read; that has been said then. */
async function savedHost(from: string, io: Io): Promise<HostDocument | undefined> {
  try {
    return await savedContext(from);
  } catch (error) {
    if (!(error instanceof ContextError)) throw error;
    io.err(`fluxcap: --from ${error.message}\n`);
    return undefined;
  }
}
