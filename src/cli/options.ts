import type { Options } from 'yargs';
import { confidences, severities } from '../diagnose/kind.ts';

/** One object an option, as yargs wants it; commands pick theirs. */
export const json = { type: 'boolean', describe: 'Print JSON; the same as --format json' } as const satisfies Options;

export const format = {
  choices: ['table', 'json'],
  describe: 'How the result is printed',
  default: 'table',
} as const satisfies Options;

export const reportFormat = {
  choices: ['table', 'json', 'ndjson'],
  describe: 'How the result is printed; ndjson: an object a line, records as they are complete',
  default: 'table',
} as const satisfies Options;

export const records = {
  type: 'boolean',
  default: false,
  describe: 'Put the records into the JSON (needs --json or --format ndjson)',
} as const satisfies Options;

export const maxRecords = {
  type: 'string',
  default: '100000',
  requiresArg: true,
  describe: 'Most records of a kind; the rest is counted (ndjson has them all)',
} as const satisfies Options;

export const local = {
  type: 'string',
  array: true,
  nargs: 1,
  requiresArg: true,
  describe: 'Addresses of the observed host, separated by commas, repeatable: tells directions where the capture does not',
} as const satisfies Options;

export const wgPeer = {
  type: 'string',
  array: true,
  nargs: 1,
  requiresArg: true,
  describe:
    'NAME=PUBLICKEY of a WireGuard peer, repeatable: recognises it in handshakes. Public keys only, from `wg show all peers` and `wg show all public-key`',
} as const satisfies Options;

export const expectVia = {
  type: 'string',
  array: true,
  nargs: 1,
  requiresArg: true,
  describe:
    'PREFIX=NEXTHOP, repeatable: by which next hop packets of the observed host to these addresses should go, as its routes say; compared with where they go',
} as const satisfies Options;

export const context = {
  type: 'string',
  array: true,
  nargs: 1,
  requiresArg: true,
  describe: 'What hosts say of themselves, as `fluxcap context` prints it, repeatable: more is certain, and remedies are made for them',
} as const satisfies Options;

export const minConfidence = {
  choices: confidences,
  default: 'likely',
  requiresArg: true,
  describe: 'The least sure findings that are shown',
} as const satisfies Options;

export const severity = {
  choices: severities,
  default: 'notice',
  requiresArg: true,
  describe: 'The least severe findings that are shown',
} as const satisfies Options;

export const failOn = {
  choices: severities,
  requiresArg: true,
  describe:
    'Exit with 1 if there is a finding this severe or worse, also one that --severity hides; one that --min-confidence hides does not count',
} as const satisfies Options;

export const color = {
  type: 'boolean',
  default: true,
  describe: 'Colour on a terminal; --no-color, or NO_COLOR in the environment, leaves it out',
} as const satisfies Options;

export const quiet = { type: 'boolean', default: false, describe: 'No progress, no hints' } as const satisfies Options;

export const progress = {
  choices: ['auto', 'always', 'never'],
  default: 'auto',
  requiresArg: true,
  describe: 'Progress on standard error; auto: on a terminal, for what takes longer than a second',
} as const satisfies Options;

/** What a command says that reads captures and got none. */
export const NO_CAPTURE = 'no capture was named: expected files, or - for standard input';

/** `arp, udp or icmp`. */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
