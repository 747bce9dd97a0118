import { readFileSync } from 'node:fs';

/** What the build writes down (scripts/build.js): what `--help` says, of all commands (by an empty name) and of each. */
export type WrittenHelp = Readonly<Record<string, string>>;

/** The help of a command, in lines of any length; undefined where this runs from its sources, without a build. */
export function writtenHelp(command: string | undefined): string | undefined {
  try {
    const written = JSON.parse(readFileSync(new URL('./help.json', import.meta.url), 'utf8')) as WrittenHelp;
    return written[command ?? ''];
  } catch {
    return undefined;
  }
}
