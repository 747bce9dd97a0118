import type { AnalysisDocument } from '../../src/report/json.ts';
import { anyText, type ExpectedFinding, type Scenario } from './scenario.ts';

type Found = AnalysisDocument['findings'][number];

/** Every way in which what was found is not what the scenario asks for, a line each; none where it is. */
export function differences(scenario: Scenario, findings: readonly Found[]): string[] {
  const { expect: expected, open = [] } = scenario;
  const byId = new Map(findings.map((finding) => [finding.id, finding]));
  const wanted = new Map([...open, ...expected].map((each) => [each.id, each]));
  return [
    ...expected.filter(({ id }) => !byId.has(id)).map((each) => `missing: ${expectedText(each)}`),
    ...findings.filter(({ id }) => !wanted.has(id)).map((each) => `extra: ${foundText(each)}`),
    ...findings.flatMap((found) => {
      const want = wanted.get(found.id);
      return want ? mismatches(want, found).map((text) => `${found.id}: ${text}`) : [];
    }),
  ];
}

/** The scenario, what is wrong, and both sides in full: what a failed test prints. */
export function report({ kind, role, name, why, expect, open = [] }: Scenario, wrong: readonly string[], found: readonly Found[]): string {
  const section = (title: string, lines: readonly string[]): string[] => [
    `${title}:`,
    ...(lines.length > 0 ? lines : ['nothing']).map(indented),
  ];
  return [
    `${kind}, ${role}: ${name}`,
    `(${why})`,
    ...section('wrong', wrong),
    ...section('expected', expect.map(expectedText)),
    ...(open.length > 0 ? section('may be there', open.map(expectedText)) : []),
    ...section('got', found.map(foundText)),
  ].join('\n');
}

function mismatches(want: ExpectedFinding, found: Found): string[] {
  const evidence = new Set(found.evidence.map(({ frame }) => frame));
  const plain = (['kind', 'severity', 'confidence', 'count'] as const).flatMap((field) =>
    want[field] === undefined || want[field] === found[field] ? [] : [`${field} is ${found[field]}, not ${want[field]}`],
  );
  const frames = (want.evidenceFrames ?? []).filter((frame) => !evidence.has(frame));
  const related = (want.related ?? []).filter((id) => !found.related.includes(id));
  const tunnels = want.encapsulation !== undefined && text(want.encapsulation) !== text(found.encapsulation);
  return [
    ...plain,
    ...(want.details ? detailMismatches('details', want.details, found.details) : []),
    ...(frames.length > 0 ? [`evidence lacks frame ${frames.join(', ')}`] : []),
    ...related.map((id) => `related lacks ${id}`),
    ...(tunnels ? [`encapsulation is ${text(found.encapsulation)}, not ${text(want.encapsulation)}`] : []),
  ];
}

function detailMismatches(path: string, want: unknown, found: unknown): string[] {
  if (isSame(want, found)) return [];
  if (!isObject(want) || !isObject(found)) return [`${path} is ${text(found)}, not ${text(want)}`];
  return Object.entries(want).flatMap(([name, value]) => detailMismatches(`${path}.${name}`, value, found[name]));
}

/** Objects may have more fields than wanted; lists have exactly these elements, in any order. */
function isSame(want: unknown, found: unknown): boolean {
  if (want === anyText) return typeof found === 'string' && found !== '';
  if (Array.isArray(want)) return Array.isArray(found) && want.length === found.length && canPair(want, found);
  if (isObject(want)) return isObject(found) && Object.entries(want).every(([name, value]) => isSame(value, found[name]));
  return want === found;
}

function canPair([first, ...rest]: readonly unknown[], found: readonly unknown[]): boolean {
  if (first === undefined) return true;
  return found.some((each, i) => isSame(first, each) && canPair(rest, found.toSpliced(i, 1)));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string =>
  value === undefined ? 'missing' : JSON.stringify(value, (_, each: unknown) => (each === anyText ? 'any text' : each));

const indented = (line: string): string => `  ${line}`;

function expectedText({ kind, id, ...rest }: ExpectedFinding): string {
  return Object.entries(rest).reduce((line, [name, value]) => `${line} ${name}=${text(value)}`, id || kind);
}

const foundText = ({ id, severity, confidence, count, title, details, evidence, related, encapsulation }: Found): string =>
  [
    `${id} severity=${severity} confidence=${confidence} count=${count} "${title}"`,
    `details=${text(details)}`,
    `evidence=${evidence.map(({ frame, role }) => `${frame} ${role}`).join(', ')}`,
    ...(related.length > 0 ? [`related=${related.join(', ')}`] : []),
    ...(encapsulation.length > 0 ? [`encapsulation=${encapsulation.join('/')}`] : []),
  ].join('\n    ');
