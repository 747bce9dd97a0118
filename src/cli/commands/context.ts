import type { Argv, CommandModule } from 'yargs';
import type { HostDocument } from '../../context/document.ts';
import type { Usage } from '../arguments.ts';
import { Exit, type Io, UsageError } from '../io.ts';

interface ContextOptions {
  from?: string | undefined;
  hostname?: string | undefined;
  quiet: boolean;
}

/** What the command line of `context` may have. */
export const contextUsage: Usage = {
  options: {
    from: {
      type: 'string',
      requiresArg: true,
      describe:
        'A folder with saved outputs of another machine, or one file of them: ip addr, ip route, ip rule, wg show … as text or JSON',
    },
    hostname: {
      type: 'string',
      requiresArg: true,
      describe: 'What findings call the host, where its outputs do not say it or say it otherwise',
    },
    json: { type: 'boolean', describe: 'Accepted: it is JSON in any case' },
    quiet: { type: 'boolean', default: false, describe: 'Do not say on standard error what could not be read; it is in the document too' },
  },
  refusal: (words) =>
    words.length > 0 ? `context: expected no words, got "${words.join(' ')}"; a folder of saved outputs is given by --from` : undefined,
};

/** Prints what this machine says of itself, or what its saved outputs say, as a document for `--context`. */
export const context = (io: Io, done: (exit: number) => void): CommandModule<object, ContextOptions> => ({
  command: 'context',
  describe: 'What this machine says of itself (addresses, routes, rules, neighbours, sysctls, WireGuard …), as JSON for --context',
  builder: (yargs) => yargs.options(contextUsage.options) as unknown as Argv<ContextOptions>,
  handler: async ({ from, hostname, quiet }) => {
    if (hostname !== undefined && !/^[^\s\p{Cc}]{1,253}$/u.test(hostname)) {
      throw new UsageError(`--hostname: expected a name without spaces, got ${JSON.stringify(hostname)}`);
    }
    const host = from === undefined ? await ownContext() : await savedHost(from, io);
    if (!host) {
      done(Exit.Unread);
      return;
    }
    if (hostname !== undefined) host.hostname = hostname;
    const { isNothing } = await import('../../context/node/saved.ts');
    const { jsonText } = await import('../../report/json.ts');
    if (isNothing(host)) {
      for (const { what, why } of host.unread ?? []) io.err(`fluxcap: ${what}: ${why}\n`);
      io.err('fluxcap: context: nothing could be read\n');
      done(Exit.Unread);
      return;
    }
    const { CONTEXT_SCHEMA } = await import('../../context/schema.ts');
    await io.out(jsonText({ schema: CONTEXT_SCHEMA, hosts: [host] }));
    if (!quiet) for (const { what, why } of host.unread ?? []) io.err(`fluxcap: not read: ${what}: ${why}\n`);
  },
});

async function ownContext(): Promise<HostDocument> {
  if (process.platform !== 'linux') {
    throw new UsageError('context: this machine is not Linux; save the outputs of the gateway in a folder and use --from FOLDER');
  }
  const { collectContext } = await import('../../context/node/collect.ts');
  return collectContext();
}

/** Undefined where there is nothing to read; that has been said then. */
async function savedHost(from: string, io: Io): Promise<HostDocument | undefined> {
  const { savedContext } = await import('../../context/node/saved.ts');
  const { ContextError } = await import('../../context/read.ts');
  try {
    return await savedContext(from);
  } catch (error) {
    if (!(error instanceof ContextError)) throw error;
    io.err(`fluxcap: --from ${error.message}\n`);
    return undefined;
  }
}
