import yargs from 'yargs';
import { DEFAULT_SEED } from '../generate.ts';
import { type CaptureName, captureNames } from './captures.ts';
import { type PeerName, peerNames } from './peers.ts';

export interface Options {
  octets: number;
  kinds: CaptureName[];
  rounds: number;
  peers: PeerName[];
  slice: number;
  seed: number;
  json: boolean;
  keep: boolean;
}

const DEFAULT_KINDS: readonly CaptureName[] = ['mixed', 'small', 'ng'];

/** Reads the command line; ends the program where it is wrong, or asks for help. */
export async function optionsOf(args: readonly string[]): Promise<Options> {
  const given = await yargs([...args])
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nRuns fluxcap and its peers in turn over generated captures. bench/README.md says how to read the result.')
    .options({
      size: { type: 'string', default: '300MB', requiresArg: true, describe: 'Size of each capture, unpacked: 300MB, 1GB, 1.5GB' },
      kinds: {
        type: 'string',
        default: DEFAULT_KINDS.join(','),
        requiresArg: true,
        describe: `Captures, separated by commas, of ${captureNames.join(', ')}`,
      },
      rounds: { type: 'number', default: 5, requiresArg: true, describe: 'How often each command is measured, after one warm-up' },
      peers: {
        type: 'string',
        default: peerNames.join(','),
        requiresArg: true,
        describe: `Programs, separated by commas, of ${peerNames.join(', ')}`,
      },
      slice: {
        type: 'number',
        default: 200_000,
        requiresArg: true,
        describe: 'Packets of the slice that tshark reads (about 600 MB of memory a million)',
      },
      seed: { type: 'number', default: DEFAULT_SEED, requiresArg: true, describe: 'Another seed makes another capture of the same kind' },
      json: { type: 'boolean', default: false, describe: 'Print JSON instead of tables' },
      keep: { type: 'boolean', default: false, describe: 'Leave the captures in bench/data' },
    })
    .check(({ size, kinds, peers, rounds, slice }) => {
      octetsOf(size);
      namesOf('kinds', kinds, captureNames);
      namesOf('peers', peers, peerNames);
      wholeOf('rounds', rounds);
      wholeOf('slice', slice);
      return true;
    })
    .strict()
    .help()
    .alias('help', 'h')
    .version(false)
    .showHelpOnFail(false)
    .wrap(110)
    .parseAsync();
  return {
    ...given,
    octets: octetsOf(given.size),
    kinds: namesOf('kinds', given.kinds, captureNames),
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

function wholeOf(option: string, given: number): void {
  if (!Number.isInteger(given) || given < 1) throw new Error(`--${option}: expected a whole number from 1 up, got "${given}"`);
}
