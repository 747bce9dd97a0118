/*
 * One direction of a TCP connection put back into order (RFC 9293 section 3.4: sequence numbers count octets, modulo 2^32). Nothing is kept
 * but what a reader has not taken yet, and what came too early.
 */

/** What a segment was to the stream: without data, with octets that are new, with none that is, or beyond a gap. */
export const Arrival = { Empty: 0, New: 1, Repeated: 2, Early: 3 } as const;

export interface StreamLimits {
  /** Most octets and segments that wait behind a gap. */
  octets: number;
  segments: number;
}

/** A gap that the peer has acknowledged was lost by the capture alone; but frames of several queues may be captured out of order for that long. */
const ACKNOWLEDGED_SEC = 1;
/** Where the acknowledgments are not seen: the sender has repeated by then what was lost on the way (RFC 6298, three times from 1 s on). */
const LONGEST_GAP_SEC = 10;
const FIRST_ROOM = 2048;
/** A reader that takes nothing of so much waits for something that does not come. */
const MOST_UNREAD = 256 * 1024;

/** Octets that wait in all streams of a tracker together. */
export class StreamBudget {
  used = 0;
  readonly most: number;

  constructor(most: number) {
    this.most = most;
  }
}

const NO_OCTETS = new Uint8Array(0);
const NO_VIEW = new DataView(NO_OCTETS.buffer);

interface Waiting {
  seq: number;
  octets: Uint8Array;
  /** Octets behind them that the snaplen cut off. */
  cut: number;
}

/**
 * Segments in, octets in order out: `view` from `start`, `available` of them; `take` lets go what was read. What was there first stays where segments overlap
 * (as Linux does). After each `add` the reader takes what it can, then `skip` goes over a gap that will not fill, if there is one: the octets behind it then begin
 * anywhere in a message.
 */
export class TcpStream {
  /** Offset in `view` of the first octet that was not taken. */
  start = 0;
  /** How often octets were missing. */
  gaps = 0;
  /** The sequence number of the stream's first octet is known: a SYN was seen. */
  hasSyn = false;
  private octets = NO_OCTETS;
  private window = NO_VIEW;
  private endOfOctets = 0;
  private isStarted = false;
  private firstSeq = 0;
  /** Sequence number of the next octet in order. */
  private next = 0;
  private acked = 0;
  private isAcked = false;
  /** Since when more is acknowledged than was seen. */
  private behindSince = 0;
  /** Cut off by the snaplen, right behind what is there. */
  private cut = 0;
  private waiting: Waiting[] = [];
  private waitingOctets = 0;
  private waitingSince = 0;
  private readonly limits: StreamLimits;
  private readonly budget: StreamBudget;

  constructor(limits: StreamLimits, budget: StreamBudget) {
    this.limits = limits;
    this.budget = budget;
  }

  get view(): DataView {
    return this.window;
  }

  /** Octets in order from `start` on. */
  get available(): number {
    return this.endOfOctets - this.start;
  }

  /** Octets are missing: segments wait behind a gap, octets were cut off, or the peer has what the capture has not. */
  get isWaiting(): boolean {
    return this.waiting.length > 0 || this.cut > 0 || this.isBehind;
  }

  get isKnown(): boolean {
    return this.isStarted;
  }

  /** Sequence number of the octet at `start`. */
  get position(): number {
    return (this.next - this.available) | 0;
  }

  /** How far `seq` is ahead of the next octet in order; negative behind it. */
  distance(seq: number): number {
    return (seq - this.next) | 0;
  }

  /** Whether a SYN with this sequence number is known to have begun the stream. */
  isBegunBy(seq: number): boolean {
    return this.hasSyn && this.firstSeq === ((seq + 1) | 0);
  }

  /** A SYN: the stream begins behind its sequence number, unless it is known to be elsewhere. */
  begin(seq: number): void {
    if (this.isStarted) return;
    this.isStarted = true;
    this.hasSyn = true;
    this.next = (seq + 1) | 0;
    this.firstSeq = this.next;
  }

  /** The sender's sequence numbers do not count its SYN, as some generators have it: what was read of the SYN's data ends one earlier. */
  uncountSyn(): void {
    this.next = (this.next - 1) | 0;
  }

  /** The peer has all octets before `ack`. */
  acknowledge(ack: number, now: number): void {
    if (this.isAcked && ((ack - this.acked) | 0) <= 0) return;
    const wasBehind = this.isBehind;
    this.acked = ack | 0;
    this.isAcked = true;
    if (!wasBehind) this.behindSince = now;
  }

  /** Whether octets before `seq` remain that the peer is not known to have. */
  isUnacknowledged(seq: number): boolean {
    return !this.isAcked || ((seq - this.acked) | 0) > 0;
  }

  /**
   * The data of a segment: `length` octets from `seq` on, of which `captured` lie at `at` of `view`.
   * @param now capture time, seconds
   * @returns `Arrival`
   */
  add(seq: number, view: DataView, at: number, captured: number, length: number, now: number): number {
    if (length === 0) return Arrival.Empty;
    if (!this.isStarted) {
      this.isStarted = true;
      this.next = seq | 0;
    }
    const ahead = (seq - this.next) | 0;
    if (ahead > 0) {
      this.keep(seq | 0, octetsOf(view, at, captured), length - captured, now);
      return Arrival.Early;
    }
    if (ahead + length <= 0) return Arrival.Repeated;
    // What was cut off before may be in a copy that was captured whole.
    const known = -ahead;
    if (captured > known) this.append(octetsOf(view, at + known, captured - known));
    const missing = length - Math.max(captured, known);
    if (missing > 0) this.cut = Math.max(this.cut, missing);
    else this.join(now);
    return Arrival.New;
  }

  /** The reader is done with so many octets. */
  take(length: number): void {
    this.start += length;
    if (this.start < this.endOfOctets) return;
    this.start = 0;
    this.endOfOctets = 0;
    if (this.octets.length > FIRST_ROOM) this.room(FIRST_ROOM);
  }

  /** Goes over a gap that will not fill; false where there is none, or it still may. What was not taken before it is lost. */
  skip(now: number): boolean {
    const [first] = this.waiting;
    if (this.available > MOST_UNREAD) {
      this.lose(0);
      return true;
    }
    if (this.cut > 0) {
      const { cut } = this;
      this.cut = 0;
      this.lose(cut);
      this.join(now);
      return true;
    }
    if (!first) return this.catchUp(now);
    const isLost = this.isAcked && ((this.acked - first.seq) | 0) >= 0 && now - this.waitingSince >= ACKNOWLEDGED_SEC;
    if (!isLost && now - this.waitingSince < LONGEST_GAP_SEC && !this.isFull) return false;
    this.lose((first.seq - this.next) | 0);
    this.join(now);
    return true;
  }

  /** Lets go all memory. */
  close(): void {
    this.waiting = [];
    this.budget.used -= this.waitingOctets;
    this.waitingOctets = 0;
    this.start = 0;
    this.endOfOctets = 0;
    this.cut = 0;
    this.room(0);
  }

  private get isFull(): boolean {
    const { limits, budget } = this;
    return this.waitingOctets > limits.octets || this.waiting.length > limits.segments || budget.used > budget.most;
  }

  /** More is acknowledged than was seen. One octet of it may be a FIN (RFC 9293 section 3.4). */
  private get isBehind(): boolean {
    return this.isStarted && this.isAcked && ((this.acked - this.next) | 0) > 1;
  }

  private catchUp(now: number): boolean {
    if (!this.isBehind || now - this.behindSince < ACKNOWLEDGED_SEC) return false;
    this.lose((this.acked - this.next) | 0);
    return true;
  }

  private lose(length: number): void {
    this.gaps++;
    this.start = 0;
    this.endOfOctets = 0;
    this.next = (this.next + length) | 0;
  }

  private append(octets: Uint8Array): void {
    const needed = this.available + octets.length;
    if (this.endOfOctets + octets.length > this.octets.length) {
      if (needed > this.octets.length) this.room(Math.max(FIRST_ROOM, 2 ** Math.ceil(Math.log2(needed))));
      else this.toFront();
    }
    this.octets.set(octets, this.endOfOctets);
    this.endOfOctets += octets.length;
    this.next = (this.next + octets.length) | 0;
    this.cut = 0;
  }

  private toFront(): void {
    this.octets.copyWithin(0, this.start, this.endOfOctets);
    this.endOfOctets -= this.start;
    this.start = 0;
  }

  private room(size: number): void {
    const unread = this.octets.subarray(this.start, this.endOfOctets);
    this.start = 0;
    this.endOfOctets = unread.length;
    this.octets = size === 0 ? NO_OCTETS : new Uint8Array(size);
    this.octets.set(unread);
    this.window = size === 0 ? NO_VIEW : new DataView(this.octets.buffer);
  }

  /** What is in order by now. */
  private join(now: number): void {
    const before = this.waiting.length;
    let [first] = this.waiting;
    while (first && ((first.seq - this.next) | 0) <= 0) {
      this.waiting.shift();
      this.waitingOctets -= first.octets.length;
      this.budget.used -= first.octets.length;
      const known = (this.next - first.seq) | 0;
      if (first.octets.length > known) this.append(first.octets.subarray(known));
      const behind = (first.seq + first.octets.length + first.cut - this.next) | 0;
      if (first.cut > 0 && behind > 0) this.cut = behind;
      [first] = this.waiting;
    }
    if (this.waiting.length < before) this.waitingSince = now;
  }

  /** Of a segment that came early, what no other has brought. */
  private keep(seq: number, octets: Uint8Array, cut: number, now: number): void {
    if (this.waiting.length === 0) this.waitingSince = now;
    const { length } = octets;
    const pieces: Waiting[] = [];
    // Offsets count from `seq`, so that the sequence numbers may wrap.
    let from = 0;
    for (const each of this.waiting) {
      const start = (each.seq - seq) | 0;
      const end = start + each.octets.length;
      if (from < Math.min(start, length)) pieces.push(this.pieceOf(seq, octets, from, Math.min(start, length)));
      from = Math.max(from, end);
    }
    if (from < length) pieces.push(this.pieceOf(seq, octets, from, length));
    if (length === 0) pieces.push({ seq, octets: new Uint8Array(0), cut });
    if (pieces.length > 0) {
      this.waiting.push(...pieces);
      this.waiting.sort((a, b) => (a.seq - b.seq) | 0 || a.octets.length - b.octets.length);
    }
    if (cut === 0) return;
    const last = this.waiting.find((each) => ((each.seq + each.octets.length - seq) | 0) === length);
    if (last) last.cut = Math.max(last.cut, cut);
  }

  private pieceOf(seq: number, octets: Uint8Array, from: number, to: number): Waiting {
    this.waitingOctets += to - from;
    this.budget.used += to - from;
    return { seq: (seq + from) | 0, octets: octets.slice(from, to), cut: 0 };
  }
}

const octetsOf = (view: DataView, at: number, length: number): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, length);
