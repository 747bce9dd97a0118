import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './captures.ts';

export const readmePath = join(root, 'README.md');
export const readReadme = (): string => readFileSync(readmePath, 'utf8');

/** A line of a block that stands for lines of the output which are left out. */
const CUT = '[…]';
const FENCE = '```';

/** A fenced block. */
export interface Block {
  /** What follows the opening fence: `console`, `ts`. */
  language: string;
  /** Number of the first line inside, from 1. */
  line: number;
  lines: string[];
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    if (!line.startsWith(FENCE)) {
      open?.lines.push(line);
    } else if (open) {
      blocks.push(open);
      open = undefined;
    } else {
      open = { language: line.slice(FENCE.length), line: i + 2, lines: [] };
    }
  }
  return blocks;
}

/** The text with other lines inside its blocks; `lines` belong to the blocks of `blocksOf`, in their order. */
export function withBlocks(text: string, lines: readonly (readonly string[])[]): string {
  const all = text.split('\n');
  const blocks = blocksOf(text);
  for (const [i, block] of [...blocks.entries()].reverse()) all.splice(block.line - 1, block.lines.length, ...(lines[i] ?? block.lines));
  return all.join('\n');
}

/** A command of a `console` block and what the block shows of its output. */
export interface Call {
  command: string;
  output: string[];
}

/** Lines that begin with `$ ` are commands. */
export function callsOf({ lines }: Block): Call[] {
  const calls: Call[] = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) calls.push({ command: line.slice(2), output: [] });
    else calls.at(-1)?.output.push(line);
  }
  return calls;
}

export const linesOf = (calls: readonly Call[]): string[] => calls.flatMap(({ command, output }) => [`$ ${command}`, ...output]);

/**
 * The real output, cut where what was written is cut: equal to it exactly if what was written is true. Between two cuts stands a part; a part that is not
 * found as it was is placed by its first or last line. Where both are gone too, nothing is cut, and a person has to cut again.
 */
export function cutAlike(written: readonly string[], real: readonly string[]): string[] {
  const parts = partsOf(written);
  const cut: string[] = [];
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const place = placeOf(part, real, at, { isFirst: i === 0, isLast: i === parts.length - 1 });
    if (!place) return [...real];
    if (i > 0) cut.push(part.cut);
    cut.push(...real.slice(place.from, place.to));
    at = place.to;
  }
  return cut;
}

interface Part {
  /** The line of the cut before it, as it is indented. */
  cut: string;
  lines: string[];
}

interface Place {
  from: number;
  to: number;
}

function partsOf(lines: readonly string[]): Part[] {
  const parts: Part[] = [{ cut: '', lines: [] }];
  for (const line of lines) {
    if (line.trim() === CUT) parts.push({ cut: line, lines: [] });
    else parts.at(-1)?.lines.push(line);
  }
  return parts;
}

function placeOf({ lines }: Part, real: readonly string[], at: number, { isFirst, isLast }: Record<'isFirst' | 'isLast', boolean>) {
  if (isFirst && isLast) return { from: 0, to: real.length };
  if (lines.length === 0) return isLast ? { from: real.length, to: real.length } : { from: at, to: at };
  const from = isFirst ? 0 : isLast && endsWith(real, lines) ? real.length - lines.length : indexOfPart(real, lines, at);
  if (from >= at && isThere(real, lines, from) && (!isLast || from + lines.length === real.length))
    return { from, to: from + lines.length };
  const place = changedPlace(lines, real, at);
  if (isFirst) return { from: 0, to: place?.to ?? lines.length };
  if (isLast) return place && { from: place.from, to: real.length };
  return place;
}

/** Where a part is that has changed: between its first and last line, or as long as before. */
function changedPlace(lines: readonly string[], real: readonly string[], at: number): Place | undefined {
  const [first = ''] = lines;
  const from = real.indexOf(first, at);
  const last = real.indexOf(lines.at(-1) ?? '', Math.max(from, at));
  if (from >= 0) return { from, to: last >= 0 ? last + 1 : from + lines.length };
  return last >= 0 ? { from: Math.max(at, last + 1 - lines.length), to: last + 1 } : undefined;
}

const isThere = (real: readonly string[], lines: readonly string[], from: number): boolean =>
  lines.every((line, i) => real[from + i] === line);

const endsWith = (real: readonly string[], lines: readonly string[]): boolean => isThere(real, lines, real.length - lines.length);

function indexOfPart(real: readonly string[], lines: readonly string[], at: number): number {
  for (let from = at; from + lines.length <= real.length; from++) if (isThere(real, lines, from)) return from;
  return -1;
}

/** The cells of the table whose head begins with `head`, row by row. */
export function tableOf(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (start < 0) throw new Error(`README.md has no table that begins with "${head}"`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The words that stand in backticks. */
export const codeIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
