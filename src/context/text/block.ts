import type { Part } from '../part.ts';
import type { Command } from './command.ts';

/** What a block of lines turned out to say. */
export interface Said {
  parts: Part[];
  /** Lines in it that could not be understood. */
  misread: string[];
}

/** The output of one command, line by line. */
export interface Block {
  /** Takes a line that belongs to it; false where it does not. */
  take(line: string): boolean;
  end(): Said;
}

/** Knows one kind of output. */
export interface Parser {
  name: string;
  /** Whether such output can begin with this line, under this command where one is known. Another parser must not be right too. */
  starts(line: string, command: Command | undefined): boolean;
  open(command: Command | undefined): Block;
}

export const wordsOf = (line: string): string[] => line.trim().split(/\s+/).filter(Boolean);

/**
 * Entries that begin with lines of one form, each with the lines that go with it. Lines that a mail program broke are joined again where the rest
 * can be nothing but a continuation.
 */
export class Entries {
  readonly list: string[][] = [];
  private readonly begins: (line: string) => boolean;
  private readonly belongs: (line: string) => boolean;
  private readonly continues: (line: string, before: string) => boolean;

  constructor(
    begins: (line: string) => boolean,
    {
      belongs = () => false,
      continues = () => false,
    }: { belongs?: (line: string) => boolean; continues?: (line: string, before: string) => boolean } = {},
  ) {
    this.begins = begins;
    this.belongs = belongs;
    this.continues = continues;
  }

  take(line: string): boolean {
    if (this.begins(line)) {
      this.list.push([line]);
      return true;
    }
    const entry = this.list.at(-1);
    if (!entry) return false;
    if (this.belongs(line)) {
      entry.push(line);
      return true;
    }
    const before = entry.at(-1) ?? '';
    if (!this.continues(line, before)) return false;
    entry[entry.length - 1] = `${before} ${line.trim()}`;
    return true;
  }
}

/** Whether a line begins with one of these words (regular expressions, separated by white space). */
export const beginsWith = (words: string): RegExp => new RegExp(`^(?:${words.trim().split(/\s+/).join('|')})\\b`);

export const NOTHING: Said = { parts: [], misread: [] };

/** The integer that a word is; undefined where it is none. */
export const integer = (word: string | undefined): number | undefined =>
  word !== undefined && /^-?\d+$/.test(word) && Number.isSafeInteger(Number(word)) ? Number(word) : undefined;
