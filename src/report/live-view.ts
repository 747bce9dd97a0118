import type { Finding } from '../diagnose/finding.ts';
import type { Severity } from '../diagnose/kind.ts';
import { listText } from '../diagnose/text.ts';
import type { LiveInputStatus, LiveStatus } from '../live/status.ts';
import { secondsOf } from '../net/time.ts';
import { harmless } from './harmless.ts';
import { isShown, type Shown } from './json.ts';
import { dropsOf, stateSize } from './live-lines.ts';
import type { Painter } from './paint.ts';
import type { Rates } from './rates.ts';
import { bytesText, grouped } from './units.ts';
import { wrapText } from './wrap.ts';

export interface ViewLayout {
  /** Columns and rows of the terminal. */
  width: number;
  height: number;
  paint: Painter;
  shown: Shown;
  /** Whether a finding, by its id, was told as news: what may yet prove to be none is not shown. All were, unless said. */
  isTold?: (id: string) => boolean;
}

/** A finding is new for so long after its first evidence, in capture time. */
const NEW_SEC = 60;
/** Without a packet for so long, something may be wrong with the question. */
const QUIET_SEC = 10;

/**
 * What a terminal shows of a live run, redrawn in place: at most `height` - 1 lines of at most `width` columns, so that the cursor has a line below it. Numbers
 * stand right-aligned in columns of fixed width. What goes on comes first, then what has ended, each in the order of the report. Where the lines do not suffice, titles
 * are cut to one line, then the last findings are left out and counted. Ends without a line's end.
 */
export function liveView(status: LiveStatus, rates: Rates, layout: ViewLayout): string {
  const { width, height, paint } = layout;
  const room = Math.max(1, height - 1);
  const head = [titleLine(status, layout), ...headLines(status, rates, layout)];
  const hint = paint.faint(cut('Ctrl-C ends and prints the summary.', width));
  // A low terminal shows what matters most: that it runs, and what was found.
  const above = room > head.length + 4 ? [...head, ''] : head.slice(0, 1);
  const below = room > above.length + 2 ? ['', hint] : [];
  return [...above, ...findingLines(status, layout, room - above.length - below.length), ...below].slice(0, room).join('\n');
}

/** Where it watches, and for how long. */
function titleLine({ inputs, elapsedSec }: LiveStatus, { width, paint }: ViewLayout): string {
  const clock = clockText(elapsedSec);
  const [first] = inputs;
  const names = inputs.every(({ backend, done }) => backend === first?.backend && !done)
    ? `${listText(inputs.map(({ path }) => path))}, by ${first?.backend ?? 'nothing'}`
    : listText(inputs.map(nameOf));
  const room = width - clock.length - GAP.length;
  if (room < LEAST_NAMES) return paint.strong(cut(harmless(names), width));
  const text = cut(harmless(names), room);
  return `${paint.strong(text)}${' '.repeat(width - columnsOf(text) - clock.length)}${clock}`;
}

const nameOf = ({ path, backend, done }: LiveInputStatus): string => `${path} (${done ? 'nothing more comes' : backend})`;

/** A number in its column, and what it counts. */
interface Cell {
  number: string;
  columns: number;
  label: string;
  alarming?: boolean;
}

/** The numbers, as many of them in a line as fit. */
function headLines({ packets, inputs, state, stateEvicted }: LiveStatus, rates: Rates, { width, paint }: ViewLayout): string[] {
  const drops = dropsOf(inputs);
  const cells: Cell[] = [
    { number: grouped(rates.packets), columns: 9, label: 'packets/s' },
    { number: `${bytesText(rates.bytes)}/s`, columns: 9, label: 'captured' },
    { number: grouped(packets), columns: 15, label: 'packets' },
    { number: drops === null ? '?' : grouped(drops), columns: 11, label: 'dropped', alarming: drops !== null && drops > 0 },
    { number: grouped(stateSize(state)), columns: 9, label: 'in memory' },
    { number: grouped(stateEvicted), columns: 9, label: 'pushed out' },
  ];
  const lines: { text: string; alarming: boolean }[][] = [];
  let used = 0;
  for (const { number, columns, label, alarming = false } of cells) {
    const text = cut(`${number.padStart(columns)} ${label}`, width);
    const line = lines.at(-1);
    if (line && used + GAP.length + text.length <= width) {
      line.push({ text, alarming });
      used += GAP.length + text.length;
    } else {
      lines.push([{ text, alarming }]);
      used = text.length;
    }
  }
  return lines.map((line) => line.map(({ text, alarming }) => (alarming ? paint.severity('error', text) : text)).join(GAP));
}

const SEVERITY_COLUMN = 'severity'.length;
const ENDED = 'ended';
const STATE_COLUMN = 'ongoing'.length;
const COUNT_COLUMN = 7;
const SEEN_COLUMN = '59 min ago'.length;
const GAP = '  ';
const TITLE_AT = STATE_COLUMN + SEVERITY_COLUMN + COUNT_COLUMN + SEEN_COLUMN + 4 * GAP.length;
/** With less room for titles they stand below their numbers' line. */
const LEAST_TITLE = 24;
/** With less room for the interfaces' names the clock is left out. */
const LEAST_NAMES = 8;

/** The table of findings, in `room` lines; or that there are none. */
function findingLines(status: LiveStatus, layout: ViewLayout, room: number): string[] {
  const { width, paint, shown, isTold = () => true } = layout;
  const candidates = status.findings.filter((finding) => isShown(finding, shown));
  const visible = candidates.filter(({ id }) => isTold(id));
  const hidden = hiddenText(status.findings.length - candidates.length).map((text) => paint.faint(cut(text, width)));
  if (visible.length === 0) return [...fold(quietText(status), width), ...hidden].slice(0, room);

  const hasEnded = ({ id }: Finding): boolean => status.ended.has(id);
  const inOrder = [...visible.filter((finding) => !hasEnded(finding)), ...visible.filter(hasEnded)];
  const head = paint.strong(cut(rowText(['state', 'severity', 'count', 'last seen'], 'finding'), width));
  const available = room - 1 - hidden.length;
  const whole = inOrder.slice(0, Math.max(0, available)).flatMap((finding) => wholeRow(finding, status, layout));
  if (inOrder.length <= available && whole.length <= available) return [head, ...whole, ...hidden];

  const fitting = inOrder.length <= available ? available : Math.max(0, available - 1);
  const rows = inOrder.slice(0, fitting).map((finding) => cutRow(finding, status, layout));
  const left = inOrder.length - rows.length;
  const more = left > 0 ? [cut(`${left} more ${left === 1 ? 'does' : 'do'} not fit; the summary has them all.`, width)] : [];
  return [head, ...rows, ...more, ...hidden].slice(0, Math.max(0, room));
}

const hiddenText = (count: number): string[] =>
  count > 0 ? [`${count} more ${count === 1 ? 'is' : 'are'} hidden (--severity info --min-confidence possible shows all).`] : [];

/** That nothing was found, and what was looked at. */
function quietText({ packets, elapsedSec, state }: LiveStatus): string {
  if (packets === 0) {
    const advice =
      elapsedSec < QUIET_SEC ? '' : ' Does anything pass here, and does --filter let it through? `fluxcap interfaces` lists what there is.';
    return `Watching. No packet has come yet.${advice}`;
  }
  const followed = Object.entries(state).flatMap(([tracker, entries]) => (entries > 0 ? [`${grouped(entries)} ${tracker}`] : []));
  return `Watching. Nothing wrong so far.${followed.length > 0 ? ` In memory: ${followed.join(', ')}.` : ''}`;
}

type Columns = readonly [state: string, severity: Severity, count: string, seen: string];

function rowText([state, severity, count, seen]: readonly [string, string, string, string], title: string): string {
  const cells = [
    state.padEnd(STATE_COLUMN),
    severity.padEnd(SEVERITY_COLUMN),
    count.padStart(COUNT_COLUMN),
    seen.padStart(SEEN_COLUMN),
    title,
  ];
  return cells.join(GAP).trimEnd();
}

function columnsOfFinding(finding: Finding, { at, ended }: LiveStatus): Columns {
  const { first, last, severity, count, id } = finding;
  const isNew = at !== null && first !== null && at - secondsOf(first) < NEW_SEC;
  const state = ended.has(id) ? ENDED : isNew ? 'new' : 'ongoing';
  return [state, severity, grouped(count), last === null || at === null ? '' : agoText(at - secondsOf(last))];
}

/** A finding with its whole title, in as many lines as it takes. */
function wholeRow(finding: Finding, status: LiveStatus, { width, paint }: ViewLayout): string[] {
  const columns = columnsOfFinding(finding, status);
  const title = harmless(finding.title);
  if (width - TITLE_AT < LEAST_TITLE) {
    const below = fold(title, Math.max(1, width - GAP.length)).map((line) => cut(GAP + line, width));
    return paintRow([cut(rowText(columns, ''), width), ...below], columns, paint);
  }
  const [first = '', ...rest] = fold(title, width - TITLE_AT);
  return paintRow([rowText(columns, first), ...rest.map((line) => ' '.repeat(TITLE_AT) + line)], columns, paint);
}

/** A finding in one line, its title cut. */
function cutRow(finding: Finding, status: LiveStatus, { width, paint }: ViewLayout): string {
  const columns = columnsOfFinding(finding, status);
  return paintRow([cut(rowText(columns, harmless(finding.title)), width)], columns, paint).join('');
}

/** What is over is faint; else the word of the severity has its colour. */
function paintRow(lines: readonly string[], [state, severity]: Columns, paint: Painter): string[] {
  if (state === ENDED) return lines.map((line) => paint.faint(line));
  const at = STATE_COLUMN + GAP.length;
  const end = at + severity.length;
  return lines.map((line, i) =>
    i === 0 && line.slice(at, end) === severity ? line.slice(0, at) + paint.severity(severity, severity) + line.slice(end) : line,
  );
}

/** Lines of at most `width` characters: between words where that can be, within them where not. */
const fold = (text: string, width: number): string[] =>
  wrapText(text, width, '', '')
    .split('\n')
    .flatMap((line) => {
      const characters = [...line];
      const pieces = Math.max(1, Math.ceil(characters.length / width));
      return Array.from({ length: pieces }, (_, i) => characters.slice(i * width, (i + 1) * width).join(''));
    });

/** At most `width` characters; `…` stands for what is left out. */
function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

const columnsOf = (text: string): number => [...text].length;

/** `00:12:34`, from a day on `3 d 00:12:34`. */
function clockText(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value % 60).padStart(2, '0');
  const hours = String(Math.floor(whole / 3600) % 24).padStart(2, '0');
  const days = Math.floor(whole / 86_400);
  return `${days > 0 ? `${days} d ` : ''}${hours}:${two(Math.floor(whole / 60))}:${two(whole)}`;
}

/** `now`, `12 s`, `3 min`, `2 h`, `5 d`: whole ones, so that it changes seldom. */
function agoText(seconds: number): string {
  if (seconds < 1) return 'now';
  const [size, unit] = (
    [
      [86_400, 'd'],
      [3600, 'h'],
      [60, 'min'],
    ] as const
  ).find(([each]) => seconds >= each) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}
