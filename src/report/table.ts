import Table from 'cli-table3';
import type { Finding } from '../diagnose/finding.ts';
import type { Remedy } from '../diagnose/kind.ts';
import type { AnalysisDocument, JsonInput } from './json.ts';
import type { Painter } from './paint.ts';
import { bytesText } from './units.ts';
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
  const parts = [document.inputs.map(inputLine).join('\n'), ...(isRead ? [summaryLine(document)] : [])];
  if (findings.length > 0) {
    parts.push(findingsTable(findings, layout));
    parts.push(...findings.map((finding, i) => findingText(finding, i + 1, layout)));
  }
  return `${parts.join('\n\n')}\n`;
}

function inputLine({ path, format, compression, linktypes, packets, bytes, first, last }: JsonInput): string {
  if (format === null) return `${path}: not read`;
  const kind = [format, compression].filter((each) => each !== null).join(' in ');
  const times = first === null ? '' : `, ${clock(first)} to ${last === null ? '?' : clock(last)} UTC`;
  return `${path}: ${kind}, ${linktypes.join(' and ') || 'no interface'}, ${packets.toLocaleString('en')} packets, ${bytesText(bytes)}${times}`;
}

/** To the second: the findings have it more exactly. */
const clock = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 19)}`;

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
  const seen = Object.entries(records).flatMap(([kind, count]) => (count > 0 ? `${count.toLocaleString('en')} ${kind}` : []));
  const hidden =
    summary.hidden > 0
      ? ` ${summary.hidden} more ${summary.hidden === 1 ? 'is' : 'are'} hidden (--severity info --min-confidence possible shows all).`
      : '';
  const looked = seen.length > 0 ? ` Records: ${seen.join(', ')}.` : '';
  return `${counts.length > 0 ? `Found: ${counts.join(', ')}.` : 'Nothing wrong was found.'}${hidden}${looked}`;
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
  for (const [i, { severity, confidence, kind, title: what, count }] of findings.entries()) {
    table.push([i + 1, paint.severity(severity, severity), confidence, kind, what, { content: String(count), hAlign: 'right' }]);
  }
  return table.toString();
}

function findingText(finding: Finding, number: number, layout: Layout): string {
  const { paint, width } = layout;
  const { severity, confidence, kind, title, encapsulation, because, ruledOut, remedies, related } = finding;
  const where = encapsulation.length > 0 ? `, inside ${encapsulation.join(' in ')}` : '';
  const times =
    finding.first === null ? '' : finding.last === finding.first ? `, ${finding.first}` : `, ${finding.first} to ${finding.last}`;
  const list = (sentences: readonly string[]): string =>
    sentences.map((sentence) => wrapText(sentence, width, '   - ', '     ')).join('\n');
  const sections = [
    wrapText(title, width, `${paint.strong(`${number}.`)} `, '   '),
    `   ${paint.severity(severity, severity)}, ${confidence}: ${kind}${where}${times}`,
    `   ${paint.strong('Why')}\n${list(because)}`,
    ...(ruledOut.length > 0 ? [`   ${paint.strong('What it is not')}\n${list(ruledOut)}`] : []),
    `   ${paint.strong('Frames')} (${finding.evidence.length} of ${finding.evidenceTotal})\n${evidenceText(finding, width)}`,
    ...(remedies.length > 0
      ? [`   ${paint.strong('What mends it')}\n${remedies.map((remedy) => remedyText(remedy, layout)).join('\n')}`]
      : []),
    ...(related.length > 0 ? [`   ${paint.strong('Belongs to')} ${related.join(', ')}`] : []),
    paint.faint(`   More: fluxcap explain ${kind}`),
  ];
  return sections.join('\n');
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

const remedyText = ({ text, commands }: Remedy, { width }: Layout): string =>
  [wrapText(text, width, '   - ', '     '), ...commands.map((command) => `       ${command}`)].join('\n');
