import yargs from 'yargs';
import { VERSION } from '../version.ts';
import { analyze } from './commands/analyze.ts';
import { context } from './commands/context.ts';
import { explain } from './commands/explain.ts';
import { interfaces } from './commands/interfaces.ts';
import { live } from './commands/live.ts';
import { show } from './commands/show.ts';
import { Exit, type Io, UsageError } from './io.ts';

const EXITS: Record<keyof typeof Exit, string> = {
  Done: 'analysed, with or without findings; `live`: ended by Ctrl-C or kill too',
  Met: '--fail-on was met',
  Usage: 'wrong usage; `live`: no such interface, wrong filter, a backend that cannot do it',
  Unread:
    'an input could not be read, or only in part: the rest is analysed, the loss is named; `live`: no rights, or interface or helper gone',
  Bug: 'a mistake in fluxcap: please report it',
  Interrupted: 'interrupted twice (after the first Ctrl-C the report on what was read still comes); `live`: before it listened',
};

/** The commands as yargs knows them. `done` gets the exit status. */
export function parserOf(io: Io, done: (exit: number) => void) {
  return yargs()
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
    .command(analyze(io, done))
    .command(live(io, done))
    .command(show(io, done))
    .command(context(io, done))
    .command(explain(io))
    .command(interfaces(io))
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

/** What yargs says to these arguments, in lines of any length. */
export async function helpOf(argv: readonly string[]): Promise<string> {
  let said = '';
  const silent: Io = { out: async () => {}, err: () => {}, width: 80, outIsTerminal: false, errIsTerminal: false, env: {} };
  await parserOf(silent, () => {}).parseAsync([...argv], {}, (_error, _argv, output) => {
    said += output;
  });
  return said;
}
