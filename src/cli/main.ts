import { isatty } from 'node:tty';
import { helpText } from '../report/help.ts';
import { VERSION } from '../version.ts';
import { readArguments } from './arguments.ts';
import { Exit, type Io, UsageError } from './io.ts';
import { nodeIo } from './node-io.ts';
import { usages } from './usages/usages.ts';
import { writtenHelp } from './written-help.ts';

/** Gives the exit status. What it is given is what its usage allows. */
type Command = (io: Io, given: never) => Promise<number>;

/** A command is loaded when it runs, for most of the code is of one command only. */
const COMMANDS: Record<keyof typeof usages, () => Promise<Command>> = {
  analyze: async () => (await import('./commands/analyze.ts')).analyze,
  live: async () => (await import('./commands/live.ts')).live,
  show: async () => (await import('./commands/show.ts')).show,
  context: async () => (await import('./commands/context.ts')).context,
  explain: async () => (await import('./commands/explain.ts')).explain,
  interfaces: async () => (await import('./commands/interfaces.ts')).interfaces,
};

/** Help is read, not filled: longer lines are hard on the eye. */
const WIDEST_HELP = 120;

/** Runs the command line in this process and sets its exit status. */
export async function main(args: readonly string[]): Promise<void> {
  // What fails outside of all that is waited for must not look like a result either.
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error: unknown) => {
      process.stderr.write(bugReport(error));
      process.exit(Exit.Bug);
    });
  }
  const terminals = STREAMS.filter((fd) => isatty(fd));
  process.exitCode = await run(args, nodeIo());
  // The terminal was closed meanwhile. Node.js 20 would end with a failed assertion, for it cannot set that terminal back.
  if (terminals.some((fd) => !isatty(fd))) {
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
}

const STREAMS = [0, 1, 2];

/** Runs the command line; gives the exit status. Mistakes of our own are told as such and never look like a result. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const asked = readArguments(args, usages);
    if (asked.kind === 'command') {
      const command = await COMMANDS[asked.command as keyof typeof usages]();
      return await command(io, asked.given as never);
    }
    const text = asked.kind === 'version' ? VERSION : await helpFor(asked.command);
    await io.out(`${helpText(text, Math.min(io.width, WIDEST_HELP))}\n`);
    return Exit.Done;
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`fluxcap: ${error.message}\nTry: fluxcap ${args[0] && Object.hasOwn(usages, args[0]) ? `${args[0]} ` : ''}--help\n`);
      return Exit.Usage;
    }
    io.err(bugReport(error));
    return Exit.Bug;
  }
}

/** As the build wrote it down, or, from the sources, as it would. */
const helpFor = async (command: string | undefined): Promise<string> =>
  writtenHelp(command) ?? (await import('./help-of.ts')).helpOf(command);

function bugReport(error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `fluxcap: this is a mistake in fluxcap ${VERSION}, not in your capture. Please report it, with the capture if you can share it:\n${what}\n`;
}
