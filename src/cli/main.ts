import { existsSync } from 'node:fs';
import yargs from 'yargs';
import { VERSION } from '../version.ts';
import { analyze } from './commands/analyze.ts';
import { explain } from './commands/explain.ts';
import { show } from './commands/show.ts';
import { Exit, type Io, UsageError } from './io.ts';
import { STDIN, STDIN_WORD } from './options.ts';

const COMMANDS = ['analyze', 'show', 'explain'];

/** Runs the command line in this process and sets its exit status. */
export async function main(args: readonly string[]): Promise<void> {
  const { nodeIo } = await import('./node-io.ts');
  process.exitCode = await run(args, await nodeIo());
}

/** Runs the command line; gives the exit status. Mistakes of our own are told as such and never look like a result. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let exit: number = Exit.Done;
  try {
    refuseUnknownCommand(args);
    const parser = parserOf(io, (code) => {
      exit = code;
    });
    await parser.parseAsync(
      args.map((arg) => (arg === STDIN ? STDIN_WORD : arg)),
      {},
      (_error, _argv, output) => {
        if (output) pending.push(io.out(`${output}\n`));
      },
    );
    await Promise.all(pending.splice(0));
    return exit;
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`fluxcap: ${error.message}\nTry: fluxcap --help\n`);
      return Exit.Usage;
    }
    io.err(bugReport(error));
    return Exit.Bug;
  }
}

/** Output of yargs itself: help and version. */
const pending: Promise<void>[] = [];

function parserOf(io: Io, done: (exit: number) => void) {
  return yargs()
    .scriptName('fluxcap')
    .usage('$0 <capture…>\n\nReads packet captures and says why traffic takes the wrong way.')
    .command(analyze(io, done))
    .command(show(io, done))
    .command(explain(io))
    .example('$0 gateway.pcapng', 'what is wrong in this capture')
    .example('ssh gw tcpdump -i any -y LINUX_SLL2 -U -w - | $0 -', 'the same, as it is captured elsewhere')
    .example('$0 explain arp-flux', 'what a finding means and what mends it')
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .alias('version', 'V')
    .wrap(Math.min(io.width, 120))
    .strict()
    .demandCommand(0)
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
}

/** A word that is no file is meant as a command: reading a file called `lvie` would be an odd answer. */
function refuseUnknownCommand(args: readonly string[]): void {
  const [word] = args;
  if (word === undefined) throw new UsageError('no capture was named');
  if (word.startsWith('-') || COMMANDS.includes(word) || /[./\\]/.test(word) || existsSync(word)) return;
  throw new UsageError(`"${word}" is neither a command (${COMMANDS.join(', ')}) nor a file`);
}

function bugReport(error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `fluxcap: this is a mistake in fluxcap ${VERSION}, not in your capture. Please report it, with the capture if you can share it:\n${what}\n`;
}
