import { readFileSync } from 'node:fs';
import { VERSION } from '../version.ts';

/** Arguments that ask for help, as `readArguments` gives them. */
export const HELP_ARGUMENTS: readonly (readonly string[])[] = [
  ['--help'],
  ['analyze', '--help'],
  ['live', '--help'],
  ['show', '--help'],
  ['context', '--help'],
  ['explain', '--help'],
  ['interfaces', '--help'],
];

/**
 * What help and version print, without loading yargs, which takes as long as everything else: the build writes down what yargs says (scripts/build.js).
 * Undefined where it has to be asked.
 */
export function readyText(argv: readonly string[]): string | undefined {
  if (argv.at(-1) === '--version') return VERSION;
  if (argv.at(-1) !== '--help') return undefined;
  try {
    return JSON.parse(readFileSync(new URL('./help.json', import.meta.url), 'utf8'))[argv.join(' ')];
  } catch {
    // Run from its sources.
    return undefined;
  }
}
