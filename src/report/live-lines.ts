import type { Finding } from '../diagnose/finding.ts';
import { severities } from '../diagnose/kind.ts';
import { countText } from '../diagnose/text.ts';
import type { News } from '../live/news.ts';
import type { LiveInputStatus, LiveStatus } from '../live/status.ts';
import { durationText, secondsOf, secondsText } from '../net/time.ts';
import { harmless } from './harmless.ts';

const KIND_COLUMN = 'withdrawn'.length;
const SEVERITY_COLUMN = Math.max(...severities.map(({ length }) => length));
const CONFIDENCE_COLUMN = 'possible'.length;

/**
 * News of a finding as a line of a log, without the line's end: time (capture time of the judgement), what is new, severity, confidence, id, then the title and,
 * in parentheses, what changed. The first five are one word each, in columns; spaces within an id become `_`.
 */
export function newsLine(news: News): string {
  const { kind, finding, at } = news;
  const { severity, confidence, id, title } = finding;
  const note = noteOf(news);
  const columns = [
    secondsText(at) ?? '-',
    kind.padEnd(KIND_COLUMN),
    severity.padEnd(SEVERITY_COLUMN),
    confidence.padEnd(CONFIDENCE_COLUMN),
    word(id),
    harmless(title),
  ];
  return `${columns.join(' ')}${note === '' ? '' : ` (${note})`}`;
}

function noteOf({ kind, finding, before, instead }: News): string {
  switch (kind) {
    case 'new':
      return finding.count > 1 ? countText(finding.count, 'time') : '';
    case 'update':
      return before ? changesOf(before, finding).join('; ') : '';
    case 'ended':
      return endOf(finding);
    case 'withdrawn':
      return instead.length > 0 ? `told instead: ${instead.map(word).join(' ')}` : 'what was seen since speaks against it';
  }
}

type Change = 'count' | 'severity' | 'confidence' | 'evidenceTotal';

/** `count 10 → 25; severity warning → error`. */
function changesOf(before: Finding, now: Finding): string[] {
  const changed = (name: Change, called: string): string[] =>
    before[name] === now[name] ? [] : [`${called} ${before[name]} → ${now[name]}`];
  const changes = [...changed('count', 'count'), ...changed('severity', 'severity'), ...changed('confidence', 'confidence')];
  const related = now.related.filter((id) => !before.related.includes(id));
  if (related.length > 0) changes.push(`same story: ${related.map(word).join(' ')}`);
  return changes.length > 0 ? changes : changed('evidenceTotal', 'evidence frames');
}

/** `over after 12 min: 25 times, the last at …`. */
function endOf({ first, last, count }: Finding): string {
  if (first === null || last === null) return `over: ${countText(count, 'time')}`;
  if (count === 1 || first === last) return `over: ${countText(count, 'time')}, at ${last}`;
  return `over after ${durationText(secondsOf(last) - secondsOf(first))}: ${countText(count, 'time')}, the last at ${last}`;
}

/** An id as one word. */
const word = (id: string): string => harmless(id).replace(/\s/g, '_');

/** Entries in the tables of all trackers. */
export const stateSize = (state: LiveStatus['state']): number => Object.values(state).reduce((sum, entries) => sum + entries, 0);

/** Packets that were lost, as far as the backends say it: null where none of them does. */
export function dropsOf(inputs: readonly Pick<LiveInputStatus, 'drops'>[]): number | null {
  const told = inputs.flatMap(({ drops }) => [drops.kernel, drops.interface]).filter((drops) => drops !== null);
  return told.length > 0 ? told.reduce((sum, drops) => sum + drops, 0) : null;
}
