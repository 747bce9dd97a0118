import yargs from 'yargs';
import { DEFAULT_SEED } from '../generate.ts';
import { type CaptureName, captureNames } from './captures.ts';
import { type PeerName, peerNames } from './peers.ts';

/** What is asked: how fast it is beside others, how much memory it has in the course of time, or where its time goes. */
export type Mode = 'compare' | 'memory' | 'profile';

export interface Options {
  mode: Mode;
  octets: number;
  kinds: CaptureName[];
  rounds: number;
  peers: PeerName[];
  everywhere: boolean;
  slice: number;
  startRuns: number;
  seed: number;
  /** The folder of the captures; undefined: the usual one. */
  data: string | undefined;
  json: boolean;
  markdown: boolean;
  record: boolean;
  keep: boolean;
}

const DEFAULTS: Record<Mode, { size: string; kinds: readonly CaptureName[] }> = {
  compare: { size: '1GB', kinds: captureNames },
  memory: { size: '300MB', kinds: ['mixed'] },
  profile: { size: '300MB', kinds: ['mixed'] },
};

/** Reads the command line; ends the program where it is wrong, or asks for help. */
export async function optionsOf(args: readonly string[]): Promise<Options> {
  const given = await yargs([...args])
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nRuns fluxcap and its peers in turn over generated captures. bench/README.md says how to read the result.')
    .options({
      size: {
        type: 'string',
        requiresArg: true,
        describe: 'Size of each capture, unpacked: 300MB, 1.5GB. Unless said 1GB, 300MB with --memory and --profile',
      },
      kinds: {
        type: 'string',
        requiresArg: true,
        describe: `Captures, separated by commas, of ${captureNames.join(', ')}. Unless said all, mixed with --memory and --profile`,
      },
      rounds: { type: 'number', default: 5, requiresArg: true, describe: 'How often each command is measured, after one warm-up' },
      peers: {
        type: 'string',
        default: peerNames.join(','),
        requiresArg: true,
        describe: `Programs, separated by commas, of ${peerNames.join(', ')}`,
      },
      everywhere: { type: 'boolean', default: false, describe: 'Run the slow peers on all captures, not on mixed alone' },
      slice: {
        type: 'number',
        default: 1_000_000,
        requiresArg: true,
        describe: 'Packets of the slice that tshark reads (about 600 MB of memory a million)',
      },
      'start-runs': {
        type: 'number',
        default: 21,
        requiresArg: true,
        describe: 'How often the start is measured on a tiny capture; 0: not',
      },
      seed: { type: 'number', default: DEFAULT_SEED, requiresArg: true, describe: 'Another seed makes another capture of the same kind' },
      memory: { type: 'boolean', default: false, describe: 'Resident memory over time instead, on a capture and one ten times as long' },
      profile: { type: 'boolean', default: false, describe: 'Where the time goes instead, by folder, file and function of src' },
      data: { type: 'string', requiresArg: true, describe: 'Folder in which captures are made; bench/data unless said' },
      json: { type: 'boolean', default: false, describe: 'Print JSON instead of tables' },
      markdown: { type: 'boolean', default: false, describe: 'Print the tables of bench/README.md' },
      record: { type: 'boolean', default: false, describe: 'Append the result to bench/history.jsonl: one line a release' },
      keep: { type: 'boolean', default: false, describe: 'Leave the captures there' },
    })
    .check(({ size, kinds, peers, rounds, slice, 'start-runs': startRuns, memory, profile, record }) => {
      if (size !== undefined) octetsOf(size);
      if (kinds !== undefined) namesOf('kinds', kinds, captureNames);
      namesOf('peers', peers, peerNames);
      wholeOf('rounds', rounds, 1);
      wholeOf('slice', slice, 1);
      wholeOf('start-runs', startRuns, 0);
      if (memory && profile) throw new Error('--memory and --profile: one of them at a time');
      if (record && (memory || profile)) throw new Error('--record: the history is of comparisons, without --memory and --profile');
      return true;
    })
    .strict()
    .help()
    .alias('help', 'h')
    .version(false)
    .showHelpOnFail(false)
    .wrap(110)
    .parseAsync();
  const mode: Mode = given.memory ? 'memory' : given.profile ? 'profile' : 'compare';
  const defaults = DEFAULTS[mode];
  return {
    ...given,
    mode,
    octets: octetsOf(given.size ?? defaults.size),
    kinds: given.kinds === undefined ? [...defaults.kinds] : namesOf('kinds', given.kinds, captureNames),
    peers: namesOf('peers', given.peers, peerNames),
  };
}

const UNITS: Record<string, number> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9 };

function octetsOf(size: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(|kB|MB|GB)$/.exec(size) ?? [];
  const octets = Number(digits) * (UNITS[unit] ?? 1);
  if (!(octets >= 1)) throw new Error(`--size: expected a size such as 300MB or 1GB, got "${size}"`);
  return octets;
}

function namesOf<Name extends string>(option: string, given: string, names: readonly Name[]): Name[] {
  return given.split(',').map((text) => {
    const name = names.find((each) => each === text.trim());
    if (!name) throw new Error(`--${option}: "${text}" is none of ${names.join(', ')}`);
    return name;
  });
}

function wholeOf(option: string, given: number, least: number): void {
  if (!Number.isInteger(given) || given < least) throw new Error(`--${option}: expected a whole number from ${least} up, got "${given}"`);
}
