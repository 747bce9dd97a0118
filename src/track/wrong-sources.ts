import { type Endpoint, endpointText, isLinkLocalIp, isLoopbackIp } from '../net/ip.ts';
import type { QuotedPacket } from '../wire/icmp.ts';
import type { Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { COPY_SEC } from './copies.ts';
import { Evidence } from './evidence.ts';
import { type Stamp, stampOf } from './stamp.ts';

const MOST_MISANSWERED = 8192;
/** A question may be seen after its answer by this much. */
const OUT_OF_ORDER_SEC = 0.02;

/** How an answer was connected with its request. */
export type MatchStrength = 'exact' | 'weak' | 'ports-certain' | 'ports-likely' | 'ports-possible';

/** Answers to one client port that came from an address nobody asked. */
export interface WrongSource {
  client: Required<Endpoint>;
  asked: Required<Endpoint>;
  from: Required<Endpoint>;
  path: number;
  protocol: string | null;
  matchedBy: string;
  packets: number;
  /** Different requests among those that were answered so. */
  cases: number;
  lastRequest: number;
  /** Answers by the strength of their match; the case counts by its strongest. */
  strengths: Set<MatchStrength>;
  /** Request in and answer out were seen on the answering host itself; or the other way round, on the client. */
  atServer: boolean;
  atClient: boolean;
  /** The snaplen cut an answer: more might have been told by its payload. */
  truncated: boolean;
  /** The client's ICMP port unreachable that quote such an answer. */
  rejected: number;
  first: Stamp;
  last: Stamp;
  evidence: Evidence;
  /** The latest answer's first octets, and its length: what else says the same is a sighting of it. */
  sample: Uint8Array;
  length: number;
  /** Serials of the flows from the wrong source: more than one only where it was silent for long. */
  flows: Set<number>;
}

/** Who asked whom, and who answered instead. */
export type Misanswer = Pick<WrongSource, 'client' | 'asked' | 'from' | 'path' | 'matchedBy'>;

/** What was answered from elsewhere, until something shows that it was not. */
export class WrongSourceBook {
  /** By client port, asked server, wrong source and what matched. */
  private readonly book = new BoundedMap<string, WrongSource>(MOST_MISANSWERED, (wrong) => this.detach(wrong));
  /** Those of a flow from the wrong source, by its serial: for withdrawing, and for rejections. */
  private readonly byFlow = new BoundedMap<number, Set<WrongSource>>(MOST_MISANSWERED);
  private readonly byAsked = new BoundedMap<string, Set<WrongSource>>(MOST_MISANSWERED);
  private lastAt = Number.NEGATIVE_INFINITY;

  get evicted(): number {
    return this.book.evicted;
  }

  get size(): number {
    return this.book.size;
  }

  get list(): WrongSource[] {
    return [...this.book.values()];
  }

  /** Whether no flow that is still there comes from a wrong source: then there is nothing to withdraw. */
  get isQuiet(): boolean {
    return this.byFlow.size === 0;
  }

  /** Whether the flow, by its serial, comes from a wrong source. */
  hasFlow(serial: number): boolean {
    return this.byFlow.has(serial);
  }

  /** The flow is over. */
  leaveFlow(serial: number): void {
    for (const wrong of this.byFlow.get(serial) ?? []) wrong.flows.delete(serial);
    this.byFlow.delete(serial);
  }

  /** All of one client port and the server that it asked. */
  answersFor(client: Endpoint, asked: Endpoint, path: number): WrongSource[] {
    return [...(this.byAsked.get(askedKey(client, asked, path)) ?? [])];
  }

  /** The entry for an answer that comes from elsewhere; undefined where the address may answer for the asked one. */
  of(packet: Packet, asked: Required<Endpoint>, matchedBy: string, protocol: string | null): WrongSource | undefined {
    const client = { ip: packet.destinationIp, port: packet.destinationPort };
    const from = { ip: packet.sourceIp, port: packet.sourcePort };
    // Loopback is one host; link-local and global addresses of one host answer for each other (RFC 6724).
    if (isLoopbackIp(asked.ip) || isLoopbackIp(from.ip) || from.ip === client.ip || isLinkLocalIp(asked.ip) !== isLinkLocalIp(from.ip))
      return undefined;
    const misanswer = { client, asked, from, path: packet.path, matchedBy };
    return this.book.take(keyOf(misanswer), () => {
      const wrong = begin(misanswer, protocol, stampOf(packet));
      this.byAsked.take(askedKey(client, asked, packet.path), () => new Set()).add(wrong);
      return wrong;
    });
  }

  /** @param serial of the flow that the answer belongs to */
  count(wrong: WrongSource, packet: Packet, request: Stamp, strength: MatchStrength, serial: number): void {
    this.lastAt = packet.at;
    wrong.packets++;
    if (wrong.lastRequest !== request.frame) wrong.cases++;
    wrong.lastRequest = request.frame;
    wrong.truncated ||= packet.payloadCaptured < packet.payloadLength;
    wrong.last = stampOf(packet);
    wrong.sample = sampleOf(packet).slice();
    wrong.length = packet.payloadLength;
    wrong.strengths.add(strength);
    wrong.evidence.add('request', request);
    wrong.evidence.add('wrong-reply', wrong.last, `from ${endpointText(wrong.from)}`);
    if (wrong.flows.has(serial)) return;
    wrong.flows.add(serial);
    this.byFlow.take(serial, () => new Set()).add(wrong);
  }

  /** The client says by ICMP that it does not want a packet of the flow. */
  reject(serial: number, quote: QuotedPacket, packet: Packet): void {
    for (const wrong of this.byFlow.get(serial) ?? []) {
      if (wrong.from.ip !== quote.sourceIp || wrong.from.port !== quote.sourcePort) continue;
      wrong.rejected++;
      wrong.evidence.add('rejection', stampOf(packet));
      if (wrong.matchedBy === 'ports') wrong.strengths.add('ports-certain');
    }
  }

  /** The client speaks to the supposed wrong source itself: it is another peer, and what was matched by ports alone never was an answer. */
  withdraw(serial: number): void {
    for (const wrong of this.byFlow.get(serial) ?? []) if (wrong.matchedBy === 'ports') this.forget(wrong);
  }

  /** The same was asked there too, though its answer was seen first: cards of a host are captured one after the other. */
  withdrawAsked(serial: number, now: number): void {
    for (const wrong of this.byFlow.get(serial) ?? []) {
      if (wrong.matchedBy !== 'ports' && now - wrong.last.at <= OUT_OF_ORDER_SEC) this.withdrawOne(wrong);
    }
  }

  /** Whether an answer came from a wrong source so shortly before `now` that it may have been a sighting on the other side of a NAT. */
  mayBeCopied(now: number): boolean {
    return now - this.lastAt < COPY_SEC;
  }

  /** The same answer comes from the asked address too, at once: both sides of a NAT are seen. */
  withdrawCopied(client: Endpoint, asked: Endpoint, packet: Packet): void {
    const sample = sampleOf(packet);
    for (const wrong of this.answersFor(client, asked, packet.path)) {
      if (packet.at - wrong.last.at < COPY_SEC && wrong.length === packet.payloadLength && isSameAsFar(wrong.sample, sample))
        this.withdrawOne(wrong);
    }
  }

  /** The flows are over: nothing can be withdrawn any more. */
  finish(): void {
    this.byFlow.clear();
    this.byAsked.clear();
  }

  clear(): void {
    this.book.clear();
  }

  private withdrawOne(wrong: WrongSource): void {
    wrong.packets--;
    wrong.cases--;
    if (wrong.packets <= 0) this.forget(wrong);
  }

  private forget(wrong: WrongSource): void {
    this.book.delete(keyOf(wrong));
    this.detach(wrong);
  }

  private detach(wrong: WrongSource): void {
    remove(this.byAsked, askedKey(wrong.client, wrong.asked, wrong.path), wrong);
    for (const serial of wrong.flows) remove(this.byFlow, serial, wrong);
  }
}

function remove<K extends string | number>(sets: BoundedMap<K, Set<WrongSource>>, key: K, wrong: WrongSource): void {
  const set = sets.get(key);
  set?.delete(wrong);
  if (set?.size === 0) sets.delete(key);
}

/** Octets of a payload that tell it from another one. */
const SAMPLE = 64;

const sampleOf = ({ view, payloadAt, payloadCaptured }: Packet): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + payloadAt, Math.min(payloadCaptured, SAMPLE));

/** The snaplen may leave less of one than of the other. */
const isSameAsFar = (a: Uint8Array, b: Uint8Array): boolean => a.subarray(0, b.length).every((octet, i) => octet === b[i]);

const askedKey = (client: Endpoint, asked: Endpoint, path: number): string => `${endpointText(client)}|${endpointText(asked)}|${path}`;
const keyOf = ({ client, asked, from, path, matchedBy }: Misanswer): string =>
  `${endpointText(client)}|${endpointText(asked)}|${endpointText(from)}|${path}|${matchedBy}`;

const begin = (misanswer: Misanswer, protocol: string | null, stamp: Stamp): WrongSource => ({
  ...misanswer,
  protocol,
  packets: 0,
  cases: 0,
  lastRequest: -1,
  strengths: new Set(),
  atServer: false,
  atClient: false,
  truncated: false,
  rejected: 0,
  first: stamp,
  last: stamp,
  evidence: new Evidence(),
  sample: new Uint8Array(0),
  length: -1,
  flows: new Set(),
});
