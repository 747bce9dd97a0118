import type { Terminal } from './live/view.ts';

/** All that a command may touch outside: tests hand in one that collects text. */
export interface Io {
  /** The result. Waits where the reader is slow. */
  out(text: string): Promise<void>;
  /** What happens when nobody reads the result any more, instead of the program's end. */
  whenGone?(call: () => void): void;
  /** From now on who reads the result is waited for no longer than this, all in all. */
  hurry?(seconds: number): void;
  /** Progress, warnings and problems. */
  err(text: string): void;
  /** Columns of the terminal, or a usual number where there is none. */
  width: number;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  env: Readonly<Record<string, string | undefined>>;
  /** Standard output, where it is a terminal: for what is redrawn on it. */
  terminal?: Terminal;
  /** Redraws a line on standard error; undefined takes it away. */
  status?(line: string | undefined): void;
}

/** How a command ends when nothing unexpected happens. */
export const Exit = {
  Done: 0,
  /** `--fail-on` was met. */
  Met: 1,
  Usage: 2,
  /** An input could not be read, or only in part. */
  Unread: 3,
  /** A mistake of our own. */
  Bug: 70,
  Interrupted: 130,
} as const;

/** What the user typed cannot be understood; the message names the option, what was given and what is possible. */
export class UsageError extends Error {}

/** When several apply, this order decides. */
const ORDER = [Exit.Bug, Exit.Usage, Exit.Unread, Exit.Met, Exit.Done];

export const worstExit = (...codes: number[]): number => ORDER.find((code) => codes.includes(code)) ?? Exit.Done;
