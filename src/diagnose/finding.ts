import { type Endpoint, endpointText } from '../net/ip.ts';
import { timeText } from '../net/time.ts';
import { type EvidenceFrame, MOST_EVIDENCE } from '../track/evidence.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import { pathNames } from '../wire/encapsulation.ts';
import {
  type Confidence,
  confidences,
  type Draft,
  type FindingKind,
  type Remedy,
  type Severity,
  type Subject,
  severities,
} from './kind.ts';

/** A finding as users get it: the JSON has exactly these fields, in this order. */
export interface Finding {
  id: string;
  kind: string;
  severity: Severity;
  confidence: Confidence;
  title: string;
  subject: Subject;
  details: unknown;
  /** Tunnels around the packets, outermost first. */
  encapsulation: string[];
  related: string[];
  /** Times of the first and the last evidence. */
  first: string | null;
  last: string | null;
  count: number;
  evidenceTotal: number;
  evidence: { input: number; frame: number; role: string; note?: string }[];
  because: string[];
  ruledOut: string[];
  remedies: Remedy[];
  references: string[];
}

/** A finding with what sorts and merges it. `related` holds keys of entries until the ids are known. */
interface Entry {
  finding: Finding;
  base: string;
  segment: number;
  frames: EvidenceFrame[];
  related: Set<string>;
}

/** No capture has so many faults: beyond it the least severe, oldest ones are dropped and counted. */
const MOST_FINDINGS = 10_000;
const LEEWAY = 1000;

/** Collects findings: gives them their ids, joins those of one subject, and puts them into the order of the report. */
export class Findings {
  /** Findings that had to make room. */
  evicted = 0;
  private readonly entries = new Map<string, Entry>();

  /** The same findings, to which others may be added apart from these. */
  copy(): Findings {
    const copy = new Findings();
    for (const [key, entry] of this.entries) copy.entries.set(key, { ...entry, related: new Set(entry.related) });
    copy.evicted = this.evicted;
    return copy;
  }

  /** Takes a diagnosis' result; gives a handle for `relate`. */
  report<D>(kind: FindingKind<D>, draft: Draft<D>): string {
    const { evidence, segment = 0 } = draft;
    const base = idOf(kind, draft);
    const finding: Finding = {
      id: base,
      kind: kind.kind,
      severity: draft.severity ?? kind.severity,
      confidence: draft.confidence,
      title: draft.title,
      subject: draft.subject,
      details: draft.details,
      encapsulation: pathNames(draft.path),
      related: [],
      first: null,
      last: null,
      count: draft.count,
      evidenceTotal: evidence.total,
      evidence: [],
      because: draft.because,
      ruledOut: draft.ruledOut,
      remedies: draft.remedies ?? kind.remedies,
      references: kind.references,
    };
    const key = `${base} ${segment}`;
    const entry = { finding, base, segment, frames: evidence.frames, related: new Set<string>() };
    const known = this.entries.get(key);
    this.put(key, known ? joined(known, entry) : entry);
    return key;
  }

  /** Both findings, by their handles, belong to one story. */
  relate(a: string, b: string): void {
    if (a === b) return;
    this.entries.get(a)?.related.add(b);
    this.entries.get(b)?.related.add(a);
  }

  /** Most severe first, then by time of the first evidence, then by id. */
  get list(): Finding[] {
    if (this.entries.size > MOST_FINDINGS) this.prune();
    const ids = this.ids();
    return [...this.entries]
      .map(([key, entry]): [Entry, string] => [entry, ids.get(key) ?? entry.base])
      .sort(([a, idOfA], [b, idOfB]) => rank(a) - rank(b) || compareFirst(a, b) || (idOfA < idOfB ? -1 : 1))
      .map(([{ finding, frames, related }, id]) => {
        const relatedIds = [...related].flatMap((key) => ids.get(key) ?? []).sort();
        return withEvidence({ ...finding, id, related: relatedIds }, frames);
      });
  }

  /** The same subject on another segment is another finding: `#2`, `#3` in the order of first evidence. */
  private ids(): Map<string, string> {
    const counts = new Map<string, number>();
    const inOrder = [...this.entries].sort(([, a], [, b]) => compareFirst(a, b) || a.segment - b.segment);
    return new Map(
      inOrder.map(([key, { base }]) => {
        const count = (counts.get(base) ?? 0) + 1;
        counts.set(base, count);
        return [key, count === 1 ? base : `${base}#${count}`];
      }),
    );
  }

  private put(key: string, entry: Entry): void {
    this.entries.set(key, entry);
    // Several at once: each time all have to be compared.
    if (this.entries.size >= MOST_FINDINGS + LEEWAY) this.prune();
  }

  /** The least severe leave, of those the oldest. */
  private prune(): void {
    const inOrder = [...this.entries].sort(([, a], [, b]) => rank(b) - rank(a) || compareFirst(a, b));
    for (const [key] of inOrder.slice(0, this.entries.size - MOST_FINDINGS)) {
      this.entries.delete(key);
      this.evicted++;
    }
  }
}

const rank = ({ finding }: Entry): number => severities.indexOf(finding.severity);

function compareFirst(a: Entry, b: Entry): number {
  const [firstOfA] = a.frames;
  const [firstOfB] = b.frames;
  return firstOfA && firstOfB ? compareStamps(firstOfA.stamp, firstOfB.stamp) : 0;
}

function withEvidence(finding: Finding, frames: EvidenceFrame[]): Finding {
  const stamps = frames.map(({ stamp }) => stamp).filter(({ timed }) => timed);
  return {
    ...finding,
    first: textOf(stamps[0]),
    last: textOf(stamps.at(-1)),
    evidence: frames.map(({ stamp, role, note }) => ({
      input: stamp.input,
      frame: stamp.frame,
      role,
      ...(note === undefined ? {} : { note }),
    })),
  };
}

const textOf = (stamp: Stamp | undefined): string | null => (stamp ? timeText(stamp) : null);

/** What happened before the capture's clock stepped back and after it: one finding, told as its surer half. */
function joined(before: Entry, after: Entry): Entry {
  const [told, other] = isSurer(after.finding, before.finding) ? [after, before] : [before, after];
  const frames = [...before.frames, ...after.frames].sort((a, b) => compareStamps(a.stamp, b.stamp));
  const finding = {
    ...told.finding,
    count: before.finding.count + after.finding.count,
    evidenceTotal: before.finding.evidenceTotal + after.finding.evidenceTotal,
  };
  return { ...told, finding, frames: fewest(frames), related: new Set([...told.related, ...other.related]) };
}

const isSurer = (a: Finding, b: Finding): boolean =>
  severities.indexOf(a.severity) - severities.indexOf(b.severity) < 0 ||
  confidences.indexOf(a.confidence) < confidences.indexOf(b.confidence);

/** The first and the last of each role are kept. */
function fewest(frames: EvidenceFrame[]): EvidenceFrame[] {
  const kept = new Set<EvidenceFrame>();
  for (const role of new Set(frames.map((frame) => frame.role))) {
    const ofRole = frames.filter((frame) => frame.role === role);
    for (const frame of [ofRole[0], ofRole.at(-1)]) if (frame) kept.add(frame);
  }
  for (const frame of frames) if (kept.size < MOST_EVIDENCE) kept.add(frame);
  return frames.filter((frame) => kept.has(frame)).slice(0, MOST_EVIDENCE);
}

/** Clients and initiators choose ports as they go: they are told apart by address alone. */
const BY_ADDRESS = new Set(['client', 'initiator']);

function idOf<D>({ kind }: FindingKind<D>, { subject, path }: Draft<D>): string {
  const values = Object.entries(subject).map(([name, value]) => valueText(name, value));
  const names = pathNames(path);
  return `${kind}:${values.join('|')}${names.length > 0 ? `@${names.join('/')}` : ''}`;
}

function valueText(name: string, value: Subject[string]): string {
  if (typeof value !== 'object') return String(value);
  if ('ip' in value) return BY_ADDRESS.has(name) ? String(value.ip) : endpointText(value as Endpoint);
  return Object.values(value)
    .map((each) => (typeof each === 'object' ? endpointText(each) : each))
    .join('-');
}
