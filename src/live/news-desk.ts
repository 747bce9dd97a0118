import type { Finding } from '../diagnose/finding.ts';
import { endsByAbsence, isPreliminary } from '../diagnose/kinds.ts';
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
/** What was withdrawn before must hold for longer, each time twice as long. */
const MOST_WITHDRAWN = 1000;
const LONGEST_HOLD_SEC = 600;
/** What goes on is told again after this long, then after twice as long, up to the last. */
const FIRST_UPDATE_SEC = 10;
const LAST_UPDATE_SEC = 600;

/** A finding of the latest judgement. */
interface Case {
  finding: Finding;
  /** Capture time of the first judgement in a row that found it as the user wants to see it, and of the latest one that found something new of it. */
  since: number | undefined;
  changedAt: number;
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
  /** How often a finding was withdrawn, by id; the latest ones. */
  private readonly withdrawn = new Map<string, number>();
  private readonly isShown: (finding: Finding) => boolean;

  /** @param isShown findings below what the user wants to see are no news; what was told is followed all the same */
  constructor(isShown: (finding: Finding) => boolean) {
    this.isShown = isShown;
  }

  /** Ids of findings that are over, told or not. */
  get ended(): ReadonlySet<string> {
    return new Set([...this.cases].flatMap(([id, { ended }]) => (ended ? id : [])));
  }

  /** Whether something is there that would be told if it held for a little longer. */
  get isWaiting(): boolean {
    for (const { since, told } of this.cases.values()) if (since !== undefined && !told) return true;
    return false;
  }

  /** Whether the finding was told. */
  isTold(id: string): boolean {
    return this.cases.get(id)?.told !== undefined;
  }

  /** @param findings all of a judgement at capture time `at`; @param isLast nothing follows: what was not told is told now */
  take(findings: readonly Finding[], at: number, isLast = false): News[] {
    const present = new Set(findings.map(({ id }) => id));
    const fresh = findings.filter((finding) => !this.isTold(finding.id) && this.isShown(finding));
    const news: News[] = [];
    for (const [id, known] of this.cases) {
      if (present.has(id)) continue;
      this.cases.delete(id);
      // What is over may be forgotten for want of room.
      if (known.told && !known.ended) news.push(this.gone(known, fresh, at));
    }
    for (const finding of findings) news.push(...this.follow(finding, at, isLast));
    return news;
  }

  /** A finding that was told is not found any more: refuted, or what it missed has come. */
  private gone({ finding, told }: Case, fresh: readonly Finding[], at: number): News {
    if (endsByAbsence(finding.kind)) return { kind: 'ended', finding, at, before: told, instead: [] };
    const instead = fresh.filter(({ subject }) => isSameStory(subject, finding.subject));
    // What takes its place has held as long, whatever it was called.
    for (const each of instead) this.caseOf(each, at).since = Number.NEGATIVE_INFINITY;
    this.withdrawn.set(finding.id, (this.withdrawn.get(finding.id) ?? 0) + 1);
    if (this.withdrawn.size > MOST_WITHDRAWN) for (const oldest of this.withdrawn.keys()) if (this.withdrawn.delete(oldest)) break;
    return { kind: 'withdrawn', finding, at, before: told, instead: instead.map(({ id }) => id) };
  }

  private caseOf(finding: Finding, at: number): Case {
    const known = this.cases.get(finding.id);
    if (known) return known;
    const begun = { finding, since: undefined, changedAt: at, told: undefined, toldAt: at, updateSec: FIRST_UPDATE_SEC, ended: false };
    this.cases.set(finding.id, begun);
    return begun;
  }

  private follow(finding: Finding, at: number, isLast: boolean): News[] {
    const known = this.caseOf(finding, at);
    // The clock may have stepped back.
    if (isMore(known.finding, finding) || at < known.changedAt) known.changedAt = at;
    known.finding = finding;
    const isOver = at - known.changedAt > OVER_SEC;
    return known.told ? this.followTold(known, known.told, at, isOver, isLast) : this.followUntold(known, at, isOver, isLast);
  }

  private followUntold(known: Case, at: number, isOver: boolean, isLast: boolean): News[] {
    known.ended = isOver;
    if (!this.isShown(known.finding)) {
      known.since = undefined;
      return [];
    }
    known.since = Math.min(known.since ?? at, at);
    return isLast || at - known.since >= this.holdSec(known.finding) ? [this.tell('new', known, at)] : [];
  }

  private followTold(known: Case, told: Finding, at: number, isOver: boolean, isLast: boolean): News[] {
    const { finding } = known;
    if (isOver && !known.ended) {
      known.ended = true;
      return [this.tell('ended', known, at)];
    }
    if (!isChanged(told, finding)) return [];
    // What became so mild or unsure that the user does not want to see it is told once more.
    if (!this.isShown(finding) && !this.isShown(told)) return [];
    if (known.ended && !isOver) {
      known.ended = false;
      known.updateSec = FIRST_UPDATE_SEC;
      return [this.tell('update', known, at)];
    }
    const isDue = at - known.toldAt >= known.updateSec || at < known.toldAt;
    if (isWeightier(told, finding)) known.updateSec = FIRST_UPDATE_SEC;
    else if (isDue) known.updateSec = Math.min(known.updateSec * 2, LAST_UPDATE_SEC);
    else if (!isLast) return [];
    return [this.tell('update', known, at)];
  }

  private holdSec({ id, kind, confidence }: Finding): number {
    const holdSec = isPreliminary(kind) ? HOLD_PRELIMINARY_SEC : HOLD_SEC[confidence];
    return Math.min(holdSec * 2 ** (this.withdrawn.get(id) ?? 0), LONGEST_HOLD_SEC);
  }

  private tell(kind: NewsKind, known: Case, at: number): News {
    const before = known.told;
    known.told = known.finding;
    known.toldAt = at;
    return { kind, finding: known.finding, at, before, instead: [] };
  }
}

/** Whether there is new evidence. */
const isMore = (before: Finding, now: Finding): boolean =>
  before.count !== now.count || before.evidenceTotal !== now.evidenceTotal || before.last !== now.last;

const isChanged = (a: Finding, b: Finding): boolean => isWeightier(a, b) || isMore(a, b) || a.title !== b.title;

/** What a person wants to know at once. */
const isWeightier = (a: Finding, b: Finding): boolean =>
  a.severity !== b.severity || a.confidence !== b.confidence || a.related.join() !== b.related.join();

/** Whether two subjects share a value: the kinds that take each other's place name the same address, client or observer. */
function isSameStory(a: Finding['subject'], b: Finding['subject']): boolean {
  const values = new Set(Object.values(a).map((value) => JSON.stringify(value)));
  return Object.values(b).some((value) => values.has(JSON.stringify(value)));
}
