export interface TextColumn {
  head: string;
  cells: readonly string[];
}

/** In a cell: a space where no line ends, and a place without a space where one may. Lines end at other spaces, and always at `\n`. */
export const FIXED_SPACE = '\u00a0';
export const MAY_BREAK = '\u200b';

/** A column on its way from its natural width towards the least, at which every line is a word. */
interface Fold {
  texts: readonly string[];
  /** One text of each pattern of word lengths: they fold alike. */
  shapes: readonly string[];
  natural: number;
  least: number;
  width: number;
}

/** A table at most `width` columns wide: its cells are folded where they have to be; where that is not enough the lines go; else it is a list a row. */
export function fittingTable(columns: readonly TextColumn[], width: number): string {
  const folds = columns.map(({ head, cells }) => foldOf([head, ...cells]));
  const count = columns.length;
  if (narrow(folds, width - 3 * count - 1)) return tableText(folds, LINED);
  if (narrow(folds, width - 2 * (count - 1))) return tableText(folds, PLAIN);
  return lists(columns, width);
}

function foldOf(texts: readonly string[]): Fold {
  const shapes = [...new Set(texts.map((text) => text.replace(/[^ \u200b\n]/g, 'x')))];
  const natural = widestOf(shapes, Number.POSITIVE_INFINITY);
  return { texts, shapes, natural, least: widestOf(shapes, 1), width: natural };
}

/** Folds the widest column, and again, until all fit into `room`, then unfolds what need not have been; false where they cannot fit. */
function narrow(folds: readonly Fold[], room: number): boolean {
  const used = (): number => folds.reduce((sum, { width }) => sum + width, 0);
  for (const fold of folds) fold.width = fold.natural;
  while (used() > room) {
    const open = folds.filter(({ width, least }) => width > least);
    if (open.length === 0) return false;
    const widest = open.reduce((a, b) => (b.width > a.width ? b : a));
    widest.width = widestOf(widest.shapes, widest.width - 1);
  }
  for (const fold of folds) {
    if (used() - fold.width + fold.natural <= room) fold.width = fold.natural;
  }
  return true;
}

/** The longest line of texts that are folded at `width`. */
const widestOf = (texts: readonly string[], width: number): number =>
  texts.reduce((widest, text) => linesOf(text, width).reduce((most, { length }) => Math.max(most, length), widest), 0);

/** The lines of a text, of at most `width` characters where its words allow. */
function linesOf(text: string, width: number): string[] {
  return text.split('\n').flatMap((whole) => {
    const lines: string[] = [];
    let line = '';
    for (const piece of whole.split(/(?<= )|\u200b/)) {
      if (line !== '' && (line + piece).trimEnd().length > width) {
        lines.push(line.trimEnd());
        line = '';
      }
      line += piece;
    }
    return [...lines, line.trimEnd()];
  });
}

const unmarked = (text: string): string => text.replaceAll(FIXED_SPACE, ' ');

/** What stands before, between and after the cells of a line, and the lines around the table. */
interface Look {
  row: readonly [string, string, string];
  rules: Readonly<Record<'top' | 'middle' | 'bottom', readonly [string, string, string] | undefined>>;
}

const LINED: Look = {
  row: ['│ ', ' │ ', ' │'],
  rules: { top: ['┌─', '─┬─', '─┐'], middle: ['├─', '─┼─', '─┤'], bottom: ['└─', '─┴─', '─┘'] },
};

const PLAIN: Look = { row: ['', '  ', ''], rules: { top: undefined, middle: ['', '──', ''], bottom: undefined } };

/** Drawn here and not by cli-table3, whose time grows with the square of the rows: a minute for twenty thousand. */
function tableText(folds: readonly Fold[], { row, rules: { top, middle, bottom } }: Look): string {
  const joined = ([left, between, right]: Look['row'], parts: readonly string[]): string =>
    `${(left + parts.join(between) + right).trimEnd()}\n`;
  const rule = (look: Look['row'] | undefined): string =>
    look
      ? joined(
          look,
          folds.map(({ width }) => '─'.repeat(width)),
        )
      : '';
  const text = (i: number): string => {
    const cells = folds.map(({ texts, width }) => linesOf(texts[i] ?? '', width));
    const height = Math.max(...cells.map(({ length }) => length));
    return Array.from({ length: height }, (_, line) =>
      joined(
        row,
        folds.map(({ width }, column) => (cells[column]?.[line] ?? '').padEnd(width)),
      ),
    ).join('');
  };
  const [head = 0, ...rows] = (folds[0]?.texts ?? []).keys();
  return unmarked(rule(top) + text(head) + rule(middle) + rows.map(text).join('') + rule(bottom));
}

/** Each row as a list of its filled cells. */
function lists(columns: readonly TextColumn[], width: number): string {
  const indent = ' '.repeat(Math.max(...columns.map(({ head }) => head.length)) + 2);
  const rows = (columns[0]?.cells ?? []).map((_, row) =>
    columns.flatMap(({ head, cells }) => {
      const cell = cells[row] ?? '';
      return cell === '' ? [] : `${head.padEnd(indent.length)}${linesOf(cell, width - indent.length).join(`\n${indent}`)}\n`;
    }),
  );
  return unmarked(rows.map((lines) => lines.join('')).join('\n'));
}
