import yargs from 'yargs';
import { helpText } from '../report/help.ts';
import { VERSION } from '../version.ts';
import { readArguments } from './arguments.ts';
import { analyze, analyzeUsage } from './commands/analyze.ts';
import { explain, explainUsage } from './commands/explain.ts';
import { show, showUsage } from './commands/show.ts';
import { Exit, type Io, UsageError } from './io.ts';
import { nodeIo } from './node-io.ts';

const USAGES = { analyze: analyzeUsage, show: showUsage, explain: explainUsage };

/** Help is read, not filled: longer lines are hard on the eye. */
const WIDEST_HELP = 120;

const EXITS: Record<keyof typeof Exit, string> = {
  Done: 'analysed, with or without findings',
  Met: '--fail-on was met',
  Usage: 'wrong usage',
  Unread: 'an input could not be read, or only in part: the rest is analysed, the loss is named',
  Bug: 'a mistake in fluxcap: please report it',
  Interrupted: 'interrupted twice (after the first Ctrl-C the report on what was read still comes)',
};

/** Runs the command line in this process and sets its exit status. */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await run(args, nodeIo());
}

/** Runs the command line; gives the exit status. Mistakes of our own are told as such and never look like a result. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let exit: number = Exit.Done;
  try {
    const argv = readArguments(args, USAGES);
    const parser = parserOf(io, (code) => {
      exit = code;
    });
    await parser.parseAsync(argv, {}, (_error, _argv, output) => {
      if (output) pending.push(io.out(`${helpText(output, Math.min(io.width, WIDEST_HELP))}\n`));
    });
    await Promise.all(pending.splice(0));
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

/** Output of yargs itself: help and version. */
const pending: Promise<void>[] = [];

function parserOf(io: Io, done: (exit: number) => void) {
  return yargs()
    .scriptName('fluxcap')
    .detectLocale(false)
    .usage(
      `Usage: $0 [analyze] <captures..>
       $0 show <kind> <captures..>
       $0 explain [kind]

Reads packet captures and says why traffic takes the wrong way.`,
    )
    .command(analyze(io, done))
    .command(show(io, done))
    .command(explain(io))
    .example('$0 gateway.pcapng', 'what is wrong in this capture')
    .example(`ssh gw "tcpdump -i any -y LINUX_SLL2 -U -w - 'not port 22'" | $0 -`, 'the same, as it is captured on another machine')
    .example('$0 show wireguard gateway.pcapng', 'who began handshakes, who answered, from where; over time')
    .example('$0 explain arp-flux', 'what a finding means and what mends it')
    .epilogue(`Exit status:\n${exitList()}`)
    .version('version', 'Print the version', VERSION)
    .help('help', 'Print this help')
    .alias('help', 'h')
    .alias('version', 'V')
    .wrap(null)
    .strict()
    .demandCommand(0)
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
}

const exitList = (): string =>
  Object.entries(Exit)
    .map(([name, status]) => `  ${String(status).padEnd(5)}${EXITS[name as keyof typeof Exit]}`)
    .join('\n');

function bugReport(error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `fluxcap: this is a mistake in fluxcap ${VERSION}, not in your capture. Please report it, with the capture if you can share it:\n${what}\n`;
}
