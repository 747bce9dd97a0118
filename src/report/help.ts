import { wrapText } from './wrap.ts';

/** A space where no line ends. */
const FIXED_SPACE = '\u00a0';

/** What yargs notes of types and of defaults that go without saying. */
const NOISE = / +\[(?:boolean|string|number|array|required|default|default: false|default: \[\])\]/g;
/** What stays of them, with the spaces before it. */
const NOTE = / +\[(?:choices|default): [^\]]*\]/g;
/** A name, at least two spaces, and what it means. */
const ENTRY = /^( +\S.*? {2,})(\S.*)$/;
/** Below a name that leaves too little room beside it. */
const BELOW = '      ';

/** Help as yargs prints it without wrapping, for people: lines end between words, and what a name means stays in its column. */
export function helpText(unwrapped: string, width: number): string {
  return unwrapped
    .split('\n')
    .map((line) => lineText(line.replace(NOISE, '').replace(NOTE, unbroken), width))
    .join('\n')
    .replaceAll(FIXED_SPACE, ' ');
}

function lineText(line: string, width: number): string {
  const [, name, meaning] = ENTRY.exec(line) ?? [];
  if (name === undefined || meaning === undefined) return wrapText(several(line.trimStart()), width, indentOf(line), indentOf(line));
  if (name.length > width / 2) return `${several(name.trimEnd())}\n${wrapText(meaning, width, BELOW, BELOW)}`;
  return wrapText(meaning, width, several(name).padEnd(name.length), ' '.repeat(name.length));
}

/** `<captures..>` as it is written elsewhere. */
const several = (text: string): string => text.replaceAll('..>', '…>');

/** One space before the note; a line ends within it only between choices. */
const unbroken = (note: string): string => ` ${note.trimStart().replace(/: /, `:${FIXED_SPACE}`)}`;

const indentOf = (line: string): string => / */.exec(line)?.[0] ?? '';
