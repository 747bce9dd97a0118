import yargs from 'yargs';
import { type ProgramName, programs } from './captors.ts';
import { type Sizes, sizes } from './sender.ts';

/** What is measured. */
export type Order =
  | {
      what: 'loss';
      programs: ProgramName[];
      rates: number[];
      sizes: Sizes;
      seconds: number;
      rounds: number;
      interface: string;
      snaplen: number | undefined;
    }
  | { what: 'latency'; backends: string[]; backgrounds: number[]; probes: number; perSecond: number }
  | { what: 'soak'; backend: 'tcpdump' | 'libpcap'; minutes: number; rate: number; newFlows: number; incidents: number };

export interface LiveBenchOptions {
  order: Order;
  json: boolean;
}

const number = (describe: string, usual: number) => ({ type: 'number', default: usual, requiresArg: true, describe }) as const;
const text = (describe: string, usual: string) => ({ type: 'string', default: usual, requiresArg: true, describe }) as const;

/** Reads the command line; ends the program where it is wrong, or asks for help. */
export async function optionsOf(args: readonly string[]): Promise<LiveBenchOptions> {
  let order: Order | undefined;
  const given = await yargs([...args])
    .scriptName('npm run bench:live --')
    .usage(
      '$0 <loss|latency|soak> [options]\n\nMeasures live capture between two network namespaces, as root. bench/live/README.md says how to read the results.',
    )
    .command(
      'loss',
      'Packets that are lost, by the rate at which they are sent',
      (each) =>
        each.options({
          programs: text(`Separated by commas, of ${programs.join(', ')}`, programs.join(',')),
          rates: text('Packets a second, separated by commas; 0: as fast as it goes', '1000,50000,100000,200000,400000,0'),
          sizes: { choices: sizes, default: 'imix', requiresArg: true, describe: 'Lengths of frames' } as const,
          seconds: number('How long each program gets packets', 5),
          rounds: number('How often each of them is measured', 3),
          interface: text('Where is captured: v1 or any', 'v1'),
          snaplen: {
            type: 'number',
            requiresArg: true,
            describe: 'Octets of each packet; what each program does by itself where it is not given',
          },
        }),
      (options) => {
        order = {
          ...options,
          what: 'loss',
          programs: namesOf('programs', options.programs),
          rates: numbersOf('rates', options.rates),
          snaplen: options.snaplen,
        };
      },
    )
    .command(
      'latency',
      'Time from a packet on the wire to the line that tells its finding',
      (each) =>
        each.options({
          backends: text('Separated by commas', 'tcpdump,libpcap'),
          backgrounds: text('Other packets a second, separated by commas', '0,100000'),
          probes: number('Findings of each case', 120),
          'per-second': number('How many of them a second', 4),
        }),
      ({ backends, backgrounds, probes, perSecond }) => {
        order = { what: 'latency', backends: backends.split(','), backgrounds: numbersOf('backgrounds', backgrounds), probes, perSecond };
      },
    )
    .command(
      'soak',
      'Memory, losses and findings under load for a long time',
      (each) =>
        each.options({
          backend: { choices: ['tcpdump', 'libpcap'], default: 'tcpdump', requiresArg: true, describe: 'What captures' } as const,
          minutes: number('How long', 10),
          rate: number('Packets a second', 200_000),
          'new-flows': number('New conversations a second', 20_000),
          incidents: number('Incidents a second', 5),
        }),
      ({ backend, minutes, rate, newFlows, incidents }) => {
        order = { what: 'soak', backend, minutes, rate, newFlows, incidents };
      },
    )
    .option('json', { type: 'boolean', default: false, describe: 'Print everything that was measured as JSON, not tables' })
    .demandCommand(1, 'say what is to be measured: loss, latency or soak')
    .strict()
    .help()
    .alias('help', 'h')
    .version(false)
    .showHelpOnFail(false)
    .wrap(110)
    .parseAsync();
  if (!order) throw new Error('nothing to measure');
  return { order, json: given.json };
}

function namesOf(option: string, given: string): ProgramName[] {
  return given.split(',').map((name) => {
    const known = programs.find((each) => each === name.trim());
    if (!known) throw new Error(`--${option}: "${name}" is none of ${programs.join(', ')}`);
    return known;
  });
}

function numbersOf(option: string, given: string): number[] {
  return given.split(',').map((each) => {
    const value = Number(each);
    if (!(value >= 0)) throw new Error(`--${option}: expected numbers separated by commas, got "${given}"`);
    return value;
  });
}
