import Table from 'cli-table3';
import type { Finding } from '../diagnose/finding.ts';
import type { AnalysisDocument, JsonInput } from './json.ts';
import type { Painter } from './paint.ts';
import { remedyText } from './remedy-text.ts';
import { bytesText, grouped } from './units.ts';
import { wrapText } from './wrap.ts';

export interface Layout {
  /** Columns. */
  width: number;
  paint: Painter;
}

/** The report that people read: the inputs, a table of the findings, then each with its evidence, its reasoning and what mends it. */
export function analysisReport(document: AnalysisDocument, layout: Layout): string {
  const { findings } = document;
  const isRead = document.inputs.some(({ format }) => format !== null);
  const isOne = document.inputs.length === 1;
  const inputs = document.inputs.map((input, i) => (isOne ? inputLine(input) : `input ${i}: ${inputLine(input)}`));
  const parts = [inputs.join('\n'), ...(isRead ? [summaryLine(document)] : [])];
  if (findings.length > 0) {
    parts.push(findingsTable(findings, layout));
    const told = new Told(findings);
    parts.push(...findings.map((finding, i) => findingText(finding, i + 1, told, layout)));
  }
  return `${parts.join('\n\n')}\n`;
}

function inputLine({ path, format, compression, linktypes, packets, bytes, first, last, problems }: JsonInput): string {
  if (format === null) return `${path}: not read`;
  const kind = [format, compression].filter((each) => each !== null).join(' in ');
  const times = first === null ? '' : `, ${span(first, last, 0)}`;
  const damage = problems.some(({ lost }) => lost) ? '; read in part only' : '';
  return `${path}: ${kind}, ${linktypes.join(' and ') || 'no interface'}, ${grouped(packets)} packets, ${bytesText(bytes)}${times}${damage}`;
}

/** From one time to another, in UTC, the day once if it is one; with so many decimals of the second. */
function span(first: string, last: string | null, decimals: number): string {
  const clock = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, decimals === 0 ? 19 : 20 + decimals)}`;
  if (last === null || last === first) return `${clock(first)} UTC`;
  const end = clock(last);
  return `${clock(first)} to ${last.slice(0, 10) === first.slice(0, 10) ? end.slice(11) : end} UTC`;
}

const MICROSECONDS = 6;

const NAMES = [
  ['error', 'error', 'errors'],
  ['warning', 'warning', 'warnings'],
  ['notice', 'notice', 'notices'],
  ['info', 'info', 'infos'],
] as const;

function summaryLine({ summary, stats }: AnalysisDocument): string {
  const counts = NAMES.flatMap(([severity, one, many]) =>
    summary[severity] > 0 ? `${summary[severity]} ${summary[severity] === 1 ? one : many}` : [],
  );
  const { records } = stats;
  const seen = Object.entries(records).flatMap(([kind, count]) => (count > 0 ? `${grouped(count)} ${kind}` : []));
  const hidden =
    summary.hidden > 0
      ? ` ${summary.hidden} more ${summary.hidden === 1 ? 'is' : 'are'} hidden (--severity info --min-confidence possible shows all).`
      : '';
  const looked = seen.length > 0 ? ` Records: ${seen.join(', ')}.` : '';
  const nothing = summary.hidden > 0 ? 'No finding is shown.' : 'Nothing wrong was found.';
  return `${counts.length > 0 ? `Found: ${counts.join(', ')}.` : nothing}${hidden}${looked}`;
}

function findingsTable(findings: readonly Finding[], { width, paint }: Layout): string {
  const heads = ['#', 'severity', 'confidence', 'finding', 'count'];
  const longest = Math.max(...findings.map(({ kind }) => kind.length), 'finding'.length);
  const title = Math.max(24, width - longest - 46);
  const table = new Table({
    head: [...heads.slice(0, 4), 'what', 'count'],
    colWidths: [null, null, null, null, title + 2, null],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const [i, { severity, confidence, kind, title: what, count }] of findings.slice(0, MOST_ROWS).entries()) {
    table.push([i + 1, paint.severity(severity, severity), confidence, kind, what, { content: String(count), hAlign: 'right' }]);
  }
  const more = findings.length - MOST_ROWS;
  return more > 0 ? `${table.toString()}\n${more} more are told below.` : table.toString();
}

/** Longer tables nobody reads, and drawing them takes time with the square of the rows. */
const MOST_ROWS = 500;

/** Numbers of the findings in this report, by what later ones refer to. */
class Told {
  private readonly byId: Map<string, { number: number; kind: string }>;
  private readonly byRemedies = new Map<string, number>();

  constructor(findings: readonly Finding[]) {
    this.byId = new Map(findings.map(({ id, kind }, i) => [id, { number: i + 1, kind }]));
  }

  /** Other findings by their numbers, or, where they are not shown, by their ids. */
  related(ids: readonly string[]): string {
    return ids
      .map((id) => {
        const known = this.byId.get(id);
        return known ? `${known.number} (${known.kind})` : `${id} (not shown)`;
      })
      .join(', ');
  }

  /** The number of the earlier finding that is mended in the very same way. */
  mendedAlike({ remedies }: Finding, number: number): number | undefined {
    const text = JSON.stringify(remedies);
    const earlier = this.byRemedies.get(text);
    if (earlier === undefined) this.byRemedies.set(text, number);
    return earlier;
  }
}

function findingText(finding: Finding, number: number, told: Told, layout: Layout): string {
  const { paint, width } = layout;
  const { severity, confidence, kind, title, encapsulation, because, ruledOut, remedies, related } = finding;
  const where = encapsulation.length > 0 ? `, inside ${encapsulation.join(' in ')}` : '';
  const times = finding.first === null ? '' : `, ${span(finding.first, finding.last, MICROSECONDS)}`;
  const list = (sentences: readonly string[]): string =>
    sentences.map((sentence) => wrapText(sentence, width, '   - ', '     ')).join('\n');
  const sections = [
    wrapText(title, width, `${paint.strong(`${number}.`)} `, '   '),
    `   ${paint.severity(severity, severity)}, ${confidence}: ${kind}${where}${times}`,
    `   ${paint.strong('Why')}\n${list(because)}`,
    ...(ruledOut.length > 0 ? [`   ${paint.strong('What it is not')}\n${list(ruledOut)}`] : []),
    `   ${paint.strong('Frames')} (${finding.evidence.length} of ${finding.evidenceTotal})\n${evidenceText(finding, width)}`,
    ...(remedies.length > 0 ? [`   ${paint.strong('What mends it')}${remediesText(finding, number, told, layout)}`] : []),
    ...(related.length > 0 ? [wrapText(`${paint.strong('Same story')}: ${told.related(related)}`, width, '   ', '   ')] : []),
    paint.faint(`   More: fluxcap explain ${kind}`),
  ];
  return sections.join('\n');
}

/** What mends it; where it is word for word what was said of an earlier finding, that is named instead. */
function remediesText(finding: Finding, number: number, told: Told, layout: Layout): string {
  const earlier = told.mendedAlike(finding, number);
  return earlier === undefined
    ? `\n${finding.remedies.map((remedy) => remedyText(remedy, layout.width)).join('\n')}`
    : `: as for ${earlier}`;
}

/** Frame numbers by role, as Wireshark counts them. */
function evidenceText({ evidence }: Finding, width: number): string {
  const roles = new Map<string, string[]>();
  for (const { input, frame, role, note } of evidence) {
    const text = `${input === 0 ? '' : `input ${input}: `}${frame}${note ? ` (${note})` : ''}`;
    roles.set(role, [...(roles.get(role) ?? []), text]);
  }
  return [...roles].map(([role, frames]) => wrapText(`${role}: ${frames.join(', ')}`, width, '   - ', '     ')).join('\n');
}
