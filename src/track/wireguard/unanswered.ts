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
  private readonly waiting = new BoundedMap<Pair, Set<UnansweredHandshakes>>(MOST_SUBJECTS);
  /** Ports of all responders so far. */
  private readonly ports = new Set<number>();

  get size(): number {
    return this.subjects.size + this.waiting.size;
  }

  get evicted(): number {
    return this.subjects.evicted;
  }

  /** All that had a row long enough; rows under way are counted as they are, and go on. */
  get list(): UnansweredHandshakes[] {
    return [...this.subjects.values()].map(asIfOver).filter(({ attempts }) => attempts >= UNANSWERED_ATTEMPTS);
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
    this.ports.add(responder.port);
    if (subject.row && stamp.at - subject.row.last.at > SAME_ROW_SEC) {
      commit(subject, subject.row);
      subject.row = undefined;
    }
    subject.row ??= { pair, attempts: [], count: 0, before: stamp, last: stamp };
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

  /** Whether anybody was called at the port: of most ICMP errors no text has to be made. */
  isCalledAt(port: number): boolean {
    return this.ports.has(port);
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

/** Adds a row that is over to what is told of its subject, if it is long enough. */
function commit(subject: UnansweredHandshakes, row: Row): void {
  if (row.count < UNANSWERED_ATTEMPTS) return;
  subject.rows++;
  subject.attempts += row.count;
  subject.spanSeconds += Math.max(0, row.last.at - (row.attempts[0]?.at ?? row.last.at));
  for (const stamp of row.attempts) subject.evidence.add('initiation', stamp);
  subject.evidence.add('initiation', row.last);
  subject.recovered = undefined;
}

/** The subject with its row under way counted, apart from the subject itself. */
function asIfOver(subject: UnansweredHandshakes): UnansweredHandshakes {
  if (!subject.row) return subject;
  const evidence = new Evidence();
  evidence.addAll(subject.evidence);
  const told = { ...subject, evidence, row: undefined };
  commit(told, subject.row);
  return told;
}

const keyOf = (initiator: FullEndpoint, responder: FullEndpoint, path: number): string =>
  `${initiator.ip}|${endpointText(responder)}|${path}`;
