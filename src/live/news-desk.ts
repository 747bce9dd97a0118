import type { Finding } from '../diagnose/finding.ts';
import { isPreliminary } from '../diagnose/kinds.ts';
import type { News, NewsKind } from './news.ts';

/** Without new evidence for this long, in capture time, a finding is over. */
const OVER_SEC = 600;
/**
 * How long a finding must hold, in capture time, before it is told: what proves that it was none often follows at once (the same answer on the other side of a
 * NAT within milliseconds, data of the peer that seemed to have moved within seconds).
 */
const HOLD_SEC = { certain: 0.25, likely: 3, possible: 3 } as const;
/** For kinds that say only that the capture cannot tell yet which of others it is. */
const HOLD_PRELIMINARY_SEC = 10;
/** What goes on is told again after this long, then after twice as long, up to the last. */
const FIRST_UPDATE_SEC = 10;
const LAST_UPDATE_SEC = 600;

/** A finding of the latest judgement. */
interface Case {
  finding: Finding;
  /** Capture time of the first judgement in a row that found it. */
  since: number;
  /** As it was told last, and when; undefined where it was not told. */
  told: Finding | undefined;
  toldAt: number;
  updateSec: number;
  ended: boolean;
}

/**
 * Decides what of each judgement is news: nothing is told before it has held for a moment, nothing is repeated, and what goes on is told again at growing
 * intervals, at once where it became more or less severe or sure. Knows capture time only.
 */
export class NewsDesk {
  private readonly cases = new Map<string, Case>();
  private readonly isShown: (finding: Finding) => boolean;

  /** @param isShown findings below what the user wants to see are no news */
  constructor(isShown: (finding: Finding) => boolean) {
    this.isShown = isShown;
  }

  /** Ids of findings that are over. */
  get ended(): ReadonlySet<string> {
    return new Set([...this.cases].flatMap(([id, { ended }]) => (ended ? id : [])));
  }

  /** Whether the finding was told. */
  isTold(id: string): boolean {
    return this.cases.get(id)?.told !== undefined;
  }

  /** @param findings all of a judgement at capture time `at`; @param isLast nothing follows: what was not told is told now */
  take(findings: readonly Finding[], at: number, isLast = false): News[] {
    const shown = findings.filter(this.isShown);
    const present = new Set(shown.map(({ id }) => id));
    const fresh = shown.filter(({ id }) => !this.cases.get(id)?.told);
    const news: News[] = [];
    for (const [id, known] of this.cases) {
      if (present.has(id)) continue;
      this.cases.delete(id);
      // What is over may be forgotten for want of room.
      if (!known.told || known.ended) continue;
      const instead = fresh.filter(({ subject }) => isSameStory(subject, known.finding.subject)).map((each) => each.id);
      // What takes its place has held as long, whatever it was called.
      for (const each of instead) this.caseOf(each, fresh, at).since = Math.min(known.since, at);
      news.push({ kind: 'withdrawn', finding: known.finding, at, before: known.told, instead });
    }
    for (const finding of shown) news.push(...this.follow(finding, at, isLast));
    return news;
  }

  private caseOf(id: string, findings: readonly Finding[], at: number): Case {
    const known = this.cases.get(id);
    if (known) return known;
    const finding = findings.find((each) => each.id === id);
    if (!finding) throw new Error(`no finding has the id ${id}`);
    return this.begin(finding, at);
  }

  private begin(finding: Finding, at: number): Case {
    const begun = { finding, since: at, told: undefined, toldAt: at, updateSec: FIRST_UPDATE_SEC, ended: false };
    this.cases.set(finding.id, begun);
    return begun;
  }

  private follow(finding: Finding, at: number, isLast: boolean): News[] {
    const known = this.cases.get(finding.id) ?? this.begin(finding, at);
    known.finding = finding;
    // The clock may have stepped back.
    known.since = Math.min(known.since, at);
    if (!known.told) {
      const holdSec = isPreliminary(finding.kind) ? HOLD_PRELIMINARY_SEC : HOLD_SEC[finding.confidence];
      return isLast || at - known.since >= holdSec ? [this.tell('new', known, at)] : [];
    }
    const isOver = at - lastOf(finding, at) > OVER_SEC;
    if (isOver && !known.ended) {
      known.ended = true;
      return [this.tell('ended', known, at)];
    }
    if (!isChanged(known.told, finding)) return [];
    if (known.ended && !isOver) {
      known.ended = false;
      known.updateSec = FIRST_UPDATE_SEC;
      return [this.tell('update', known, at)];
    }
    const isDue = at - known.toldAt >= known.updateSec || at < known.toldAt;
    if (isWeightier(known.told, finding)) known.updateSec = FIRST_UPDATE_SEC;
    else if (isDue) known.updateSec = Math.min(known.updateSec * 2, LAST_UPDATE_SEC);
    else if (!isLast) return [];
    return [this.tell('update', known, at)];
  }

  private tell(kind: NewsKind, known: Case, at: number): News {
    const before = known.told;
    known.told = known.finding;
    known.toldAt = at;
    return { kind, finding: known.finding, at, before, instead: [] };
  }
}

const lastOf = ({ last }: Finding, at: number): number => (last === null ? at : Date.parse(last) / 1000);

const isChanged = (a: Finding, b: Finding): boolean =>
  isWeightier(a, b) || a.count !== b.count || a.evidenceTotal !== b.evidenceTotal || a.title !== b.title;

/** What a person wants to know at once. */
const isWeightier = (a: Finding, b: Finding): boolean =>
  a.severity !== b.severity || a.confidence !== b.confidence || a.related.join() !== b.related.join();

/** Whether two subjects share a value: the kinds that take each other's place name the same address, client or observer. */
function isSameStory(a: Finding['subject'], b: Finding['subject']): boolean {
  const values = new Set(Object.values(a).map((value) => JSON.stringify(value)));
  return Object.values(b).some((value) => values.has(JSON.stringify(value)));
}
