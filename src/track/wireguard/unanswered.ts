import { endpointText } from '../../net/ip.ts';
import { BoundedMap } from '../bounded-map.ts';
import { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';
import { type FullEndpoint, isAt, type Pair, type Side } from './peers.ts';

const MOST_SUBJECTS = 4096;
const MOST_KEPT = 8;
/** The kernel tries every 5 s for 90 s, then waits for more data to send: with traffic the rows follow each other within this. */
const SAME_ROW_SEC = 120;
/** Fewer attempts are what a lost packet or a slow start makes. */
export const UNANSWERED_ATTEMPTS = 3;

/** A row of attempts that nobody has answered so far. */
interface Row {
  pair: Pair;
  /** The first ones, and the last. */
  attempts: Stamp[];
  count: number;
  /** The last attempt but one, and the last. */
  before: Stamp;
  last: Stamp;
  /** What of it was counted with its subject already. */
  told: { count: number; seconds: number; attempts: number };
}

/** Handshakes that one device began with another in vain: all rows of them that were long enough to matter. */
export interface UnansweredHandshakes {
  initiator: FullEndpoint;
  responder: FullEndpoint;
  path: number;
  attempts: number;
  /** Rows that they come in. */
  rows: number;
  spanSeconds: number;
  /** The initiations left the capturing host, or came to it; `Direction`. */
  direction: number;
  /** They came to it and left it again: it passes them on. */
  isPassedOn: boolean;
  /** What ICMP errors that quote the initiations say. */
  reason: string | null;
  /** When the peer was heard again after the latest row; undefined where it was not. */
  recovered: Stamp | undefined;
  peer: string | null;
  evidence: Evidence;
  row: Row | undefined;
}

/** Counts initiations that stay without an answer, by the initiator's address and the responder. */
export class UnansweredBook {
  private readonly subjects = new BoundedMap<string, UnansweredHandshakes>(MOST_SUBJECTS);
  /** Those with a row under way, by their pair. */
  private readonly waiting = new Map<Pair, Set<UnansweredHandshakes>>();

  get evicted(): number {
    return this.subjects.evicted;
  }

  /** All that had a row long enough; the rows still under way are counted as they are. */
  get list(): UnansweredHandshakes[] {
    for (const subject of this.subjects.values()) if (subject.row) commit(subject, subject.row);
    return [...this.subjects.values()].filter(({ attempts }) => attempts >= UNANSWERED_ATTEMPTS);
  }

  attempt(pair: Pair, initiator: FullEndpoint, responder: FullEndpoint, direction: number, peer: string | null, stamp: Stamp): void {
    const subject = this.subjects.take(keyOf(initiator, responder, pair.path), () => ({
      initiator,
      responder,
      path: pair.path,
      attempts: 0,
      rows: 0,
      spanSeconds: 0,
      direction,
      isPassedOn: false,
      reason: null,
      recovered: undefined,
      peer,
      evidence: new Evidence(),
      row: undefined,
    }));
    subject.peer ??= peer;
    if (subject.row && stamp.at - subject.row.last.at > SAME_ROW_SEC) {
      commit(subject, subject.row);
      subject.row = undefined;
    }
    subject.row ??= { pair, attempts: [], count: 0, before: stamp, last: stamp, told: { count: 0, seconds: 0, attempts: 0 } };
    subject.row.count++;
    subject.row.before = subject.row.last;
    subject.row.last = stamp;
    if (subject.row.attempts.length < MOST_KEPT) subject.row.attempts.push(stamp);
    const waiting = this.waiting.get(pair) ?? new Set();
    this.waiting.set(pair, waiting.add(subject));
  }

  /**
   * A sign of life from `from`, or, where a handshake was answered, of both sides: their rows are over.
   * @param answered the initiator whose latest attempt was the answered one; that one does not count
   */
  heard(pair: Pair, from: Side | undefined, stamp: Stamp, answered?: FullEndpoint): void {
    const waiting = this.waiting.get(pair);
    if (!waiting) return;
    for (const subject of waiting) {
      const { row, responder } = subject;
      if (!row || (from && !isAt(from, responder))) continue;
      waiting.delete(subject);
      subject.row = undefined;
      if (answered && answered.ip === subject.initiator.ip) withoutLast(row);
      if (row.count < UNANSWERED_ATTEMPTS) continue;
      commit(subject, row);
      subject.recovered = stamp;
      subject.evidence.add('recovered', stamp);
    }
    if (waiting.size === 0) this.waiting.delete(pair);
  }

  /** Whether anything is waiting to be heard of: asked for every packet. */
  isWaiting(pair: Pair): boolean {
    return this.waiting.size > 0 && this.waiting.has(pair);
  }

  /** Whether the pair's retries make a row long enough to matter. */
  isCalledInVain(pair: Pair): boolean {
    return [...(this.waiting.get(pair) ?? [])].some(({ row }) => row?.pair === pair && row.count >= UNANSWERED_ATTEMPTS);
  }

  passedOn(initiator: FullEndpoint, responder: FullEndpoint, path: number): void {
    const subject = this.subjects.get(keyOf(initiator, responder, path));
    if (subject) subject.isPassedOn = true;
  }

  /** An ICMP error quotes an initiation. */
  explain(initiator: FullEndpoint, responder: FullEndpoint, path: number, reason: string, stamp: Stamp): void {
    const subject = this.subjects.get(keyOf(initiator, responder, path));
    if (!subject) return;
    subject.reason ??= reason;
    subject.evidence.add('icmp-error', stamp, reason);
  }

  /** Time starts anew: what was under way is counted as it is. */
  finish(): void {
    for (const subject of this.subjects.values()) {
      if (subject.row) commit(subject, subject.row);
      subject.row = undefined;
    }
    this.waiting.clear();
  }
}

/** The row's last attempt was answered after all. */
function withoutLast(row: Row): void {
  row.count--;
  if (row.attempts.at(-1) === row.last) row.attempts.pop();
  row.last = row.before;
}

/** Adds a row to what is told of its subject, if it is long enough; of a row that goes on, what was added since. */
function commit(subject: UnansweredHandshakes, row: Row): void {
  if (row.count < UNANSWERED_ATTEMPTS) return;
  const { told } = row;
  const seconds = Math.max(0, row.last.at - (row.attempts[0]?.at ?? row.last.at));
  if (told.count === 0) subject.rows++;
  subject.attempts += row.count - told.count;
  subject.spanSeconds += seconds - told.seconds;
  for (const stamp of row.attempts.slice(told.attempts)) subject.evidence.add('initiation', stamp);
  subject.evidence.add('initiation', row.last);
  row.told = { count: row.count, seconds, attempts: row.attempts.length };
  subject.recovered = undefined;
}

const keyOf = (initiator: FullEndpoint, responder: FullEndpoint, path: number): string =>
  `${initiator.ip}|${endpointText(responder)}|${path}`;
