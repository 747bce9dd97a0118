/** Lines as a terminal showed them, made of what was saved or pasted. */

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
const BACKSPACE = String.fromCharCode(0x08);
/** CSI, OSC and other escape sequences (ECMA-48), and overstruck characters. */
const ESCAPES = new RegExp(
  `${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)|${ESC}[@-Z\\\\-_]|.${BACKSPACE}`,
  'g',
);
/** A quoted line of a mail: `> `, `>> `, `| `. */
const QUOTED = /^(?:\s?[>|](?=[\s>|]|$))+ ?/;

/**
 * The lines of a saved output: without colours, quoting of mails, line ends of Windows, spaces that do not break, and white space at the end.
 * Tabs within a line stay: they separate fields.
 */
export function cleanLines(text: string): string[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .replace(ESCAPES, '')
    .replace(/\r\n?/g, '\n')
    // `ip -o` prints a backslash where a line would end.
    .replace(/\\(?=[ \t]{4}| ?\t)/g, '\n')
    .replace(/[\u00a0\u2007\u202f]/g, ' ')
    .split('\n');
  const filled = lines.filter((line) => line.trim() !== '');
  const isMail = filled.length > 0 && filled.filter((line) => QUOTED.test(line)).length * 2 > filled.length;
  const indent = isMail ? 0 : commonIndent(filled);
  return lines.map((line) => (isMail ? line.replace(QUOTED, '') : line.slice(Math.min(indent, line.length))).trimEnd());
}

/** Spaces that all lines begin with: a listing that was indented as a whole. */
function commonIndent(lines: readonly string[]): number {
  let indent = 80;
  for (const line of lines) indent = Math.min(indent, line.length - line.replace(/^ +/, '').length);
  return lines.length === 0 ? 0 : indent;
}

/** What octets of a file say: UTF-8, or UTF-16 where they begin with its mark. Undefined for what is no text. */
export function textOf(octets: Uint8Array): string | undefined {
  if (octets[0] === 0xff && octets[1] === 0xfe) return new TextDecoder('utf-16le').decode(octets);
  if (octets[0] === 0xfe && octets[1] === 0xff) return new TextDecoder('utf-16be').decode(octets);
  return octets.subarray(0, 65_536).includes(0) ? undefined : new TextDecoder().decode(octets);
}
