import { isatty } from 'node:tty';
import { helpText } from '../report/help.ts';
import { VERSION } from '../version.ts';
import { readArguments } from './arguments.ts';
import { analyzeUsage } from './commands/analyze.ts';
import { contextUsage } from './commands/context.ts';
import { explainUsage } from './commands/explain.ts';
import { interfacesUsage } from './commands/interfaces.ts';
import { liveUsage } from './commands/live.ts';
import { showUsage } from './commands/show.ts';
import { Exit, type Io, UsageError } from './io.ts';
import { nodeIo } from './node-io.ts';
import { readyText } from './ready-text.ts';

const USAGES = {
  analyze: analyzeUsage,
  live: liveUsage,
  show: showUsage,
  context: contextUsage,
  explain: explainUsage,
  interfaces: interfacesUsage,
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
  let exit: number = Exit.Done;
  try {
    const argv = readArguments(args, USAGES);
    const ready = readyText(argv);
    if (ready !== undefined) {
      await io.out(`${helpText(ready, Math.min(io.width, WIDEST_HELP))}\n`);
      return exit;
    }
    const { parserOf } = await import('./parser.ts');
    const said: string[] = [];
    const parser = parserOf(io, (code) => {
      exit = code;
    });
    await parser.parseAsync(argv, {}, (_error, _argv, output) => {
      if (output) said.push(output);
    });
    for (const text of said) await io.out(`${helpText(text, Math.min(io.width, WIDEST_HELP))}\n`);
    return exit;
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`fluxcap: ${error.message}\nTry: fluxcap ${args[0] && Object.hasOwn(USAGES, args[0]) ? `${args[0]} ` : ''}--help\n`);
      return Exit.Usage;
    }
    io.err(bugReport(error));
    return Exit.Bug;
  }
}

function bugReport(error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `fluxcap: this is a mistake in fluxcap ${VERSION}, not in your capture. Please report it, with the capture if you can share it:\n${what}\n`;
}
