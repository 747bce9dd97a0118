import type { LiveBackend } from '../capture/live.ts';
import type { Finding } from '../diagnose/finding.ts';
import type { News } from '../live/news.ts';
import { secondsText } from '../net/time.ts';
import type { RecordKind, RecordKinds } from '../track/records.ts';
import type { AnalysisDocument, JsonInput } from './json.ts';
import { recordOf } from './records.ts';

/*
 * `--format ndjson`: the objects of the JSON document, one a line, each with `type` first. `lineSchema` (schema.ts) describes a line. Every function here gives
 * one line with its end.
 */

/** What some programs take for the end of a line, and JSON leaves as it is. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/g;

const line = (value: object): string => {
  const text = JSON.stringify(value).replace(OTHER_LINE_ENDS, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${text}\n`;
};

/**
 * An input, as far as it is known by now: a later line of the same `input`, its position in the run, replaces an earlier one.
 * @param backend what captures it, of a live run
 */
export const inputLine = (input: JsonInput, position: number, backend?: LiveBackend): string =>
  line({ type: 'input', input: position, ...(backend === undefined ? {} : { backend }), ...input });

/** A record, as it stands in the document, but what it calls `type` is `icmpType`, `wireguardType`, `bgpType` here: `type` tells the lines apart. */
export function recordLine<K extends RecordKind>(kind: K, record: RecordKinds[K]): string {
  const entries = Object.entries(recordOf(kind, record)).map(([name, value]) => [name === 'type' ? ownType(kind) : name, value]);
  return line({ type: 'record', record: kind, ...Object.fromEntries(entries) });
}

/** What a record line calls the record's own `type`. */
export const ownType = (kind: RecordKind): string => `${kind}Type`;

/** A finding of a run that is over. */
export const findingLine = (finding: Finding): string => line({ type: 'finding', ...finding });

/**
 * What a live run tells of a finding; `time` is the capture time of the judgement. `ended` where it is over, `withdrawn` too where it proved to be none;
 * `instead` then has the ids of what is told in its place. Without `ended`, what had ended goes on.
 */
export function newsObjectLine({ kind, finding, at, instead }: News): string {
  const time = secondsText(at);
  switch (kind) {
    case 'new':
      return line({ type: 'finding', time, ...finding });
    case 'update':
      return line({ type: 'finding-update', time, ...finding });
    case 'ended':
      return line({ type: 'finding-update', time, ended: true, ...finding });
    case 'withdrawn':
      return line({ type: 'finding-update', time, ended: true, withdrawn: true, instead, ...finding });
  }
}

/** Counts of what is shown, and of packets and records: of all that came before this line. */
export const summaryLine = ({ fluxcap, schema, summary, stats }: AnalysisDocument): string =>
  line({ type: 'summary', fluxcap, schema, summary, stats });

/** All of a document but its records: inputs, findings, summary. */
export function* documentLines(document: AnalysisDocument): Generator<string> {
  for (const [position, input] of document.inputs.entries()) yield inputLine(input, position);
  for (const finding of document.findings) yield findingLine(finding);
  yield summaryLine(document);
}
