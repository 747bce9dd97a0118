import yargs, { type Argv } from 'yargs';
import { VERSION } from '../version.ts';
import { Exit } from './io.ts';
import { usages } from './usages/usages.ts';
import type { WrittenHelp } from './written-help.ts';

/*
 * What `--help` says, laid out by yargs. The build writes it down, so that yargs is loaded by no run: it takes as long as the analysis of a small capture, and
 * the arguments are read without it (arguments.ts).
 */

const EXITS: Record<keyof typeof Exit, string> = {
  Done: 'analysed, with or without findings; `live`: ended by Ctrl-C or kill too',
  Met: '--fail-on was met',
  Usage: 'wrong usage; `live`: no such interface, wrong filter, a backend that cannot do it',
  Unread:
    'an input could not be read, or only in part: the rest is analysed, the loss is named; `live`: no rights, or interface or helper gone',
  Bug: 'a mistake in fluxcap: please report it',
  Interrupted: 'interrupted twice (after the first Ctrl-C the report on what was read still comes); `live`: before it listened',
};

/** The commands as yargs knows them. */
function helper(): Argv {
  const parser = yargs()
    .scriptName('fluxcap')
    .detectLocale(false)
    .usage(
      `Usage: $0 [analyze] <captures..>
       $0 live <interfaces..|any>
       $0 show <kind> <captures..>
       $0 context
       $0 explain [kind]
       $0 interfaces

Reads packet captures, or listens on interfaces, and says why traffic takes the wrong way.`,
    )
    .example('$0 gateway.pcapng', 'what is wrong in this capture')
    .example(`$0 live any --filter 'not port 22'`, 'the same while it happens, on all interfaces')
    .example(`$0 live any --ssh gw`, 'the same on another machine; all that is installed there is tcpdump')
    .example(`ssh gw "tcpdump -i any -y LINUX_SLL2 -U -w - 'not port 22'" | $0 -`, 'the same, as it is captured on another machine')
    .example(
      '$0 gateway.pcapng --context gateway.json',
      'with what `fluxcap context` printed on the gateway: more is certain, and remedies are its own',
    )
    .example('$0 show wireguard gateway.pcapng', 'who began handshakes, who answered, from where; over time')
    .example('$0 explain arp-flux', 'what a finding means and what mends it')
    .epilogue(`Exit status:\n${exitList()}`)
    .version('version', 'Print the version', VERSION)
    .help('help', 'Print this help')
    .alias('help', 'h')
    .alias('version', 'V')
    .wrap(null)
    .exitProcess(false);
  for (const { synopsis, describe, positionals, options } of Object.values(usages)) {
    parser.command({
      command: synopsis,
      describe,
      builder: (command) => {
        for (const [name, positional] of Object.entries(positionals)) command.positional(name, positional);
        return command.options(options);
      },
      handler: () => {},
    });
  }
  return parser;
}

const exitList = (): string =>
  Object.entries(Exit)
    .map(([name, status]) => `  ${String(status).padEnd(5)}${EXITS[name as keyof typeof Exit]}`)
    .join('\n');

/** What `--help` says of a command, or of all, in lines of any length. */
export async function helpOf(command: string | undefined): Promise<string> {
  let said = '';
  await helper().parseAsync([...(command === undefined ? [] : [command]), '--help'], {}, (_error, _argv, output) => {
    said += output;
  });
  return said;
}

/** All of it, as the build writes it down. */
export async function allHelp(): Promise<WrittenHelp> {
  const help: Record<string, string> = { '': await helpOf(undefined) };
  for (const command of Object.keys(usages)) help[command] = await helpOf(command);
  return help;
}
