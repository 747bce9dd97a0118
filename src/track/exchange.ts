import { Direction } from '../frame.ts';
import { type IpWords, ipv4Text, ipv6WordsText } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import { secondsBetween } from '../net/time.ts';
import type { Packet } from '../wire/packet.ts';
import { appended } from './appended.ts';
import type { Clock } from './clock.ts';
import type { InterfaceName } from './interfaces.ts';
import { type Stamp, stampOf } from './stamp.ts';
import { NONE, Table } from './table.ts';

/** Linux repeats an unanswered request after 1 s (`retrans_time_ms`); what comes later than this begins a new exchange. */
const IDLE_SEC = 1.2;
const MOST_OPEN = 16_384;
/** Of one exchange; more are counted only. */
const MOST_REPLIES = 64;
const MOST_REPEATS = 4;

/** An exchange that goes on for this long is judged while it is open. */
const LASTING_SEC = 3;
const MOST_LASTING = 256;

export type ExchangeKind = 'request' | 'probe' | 'announcement' | 'unsolicited-reply';

/** One answer to a question for an address. */
export interface Reply {
  stamp: Stamp;
  /** What the answer gives as the address's MAC (SHA; target link-layer address). */
  mac: Mac;
  /** Since the nearest request before it; 0 where the clock stepped back. */
  latencyUs: number;
  /** Which request of the exchange it follows, from 0, and its place among the answers to that request, from 0. */
  round: number;
  rank: number;
  interface: InterfaceName | null;
  interfaceId: number;
  direction: number;
  /** The link layer's source; -1 where the capture does not show it. */
  linkSource: Mac;
  /** Octets of the frame: a host sees its own frames without the padding that the wire adds. */
  origlen: number;
  /** NDP: the override flag, missing in what proxies and anycast members send. True for ARP. */
  override: boolean;
}

/** What a question says of itself; the rest of an exchange is where and when it was seen. */
export interface Question {
  protocol: 'arp' | 'ndp';
  kind: ExchangeKind;
  /** Of `Segments`, at the time it began. */
  segment: number;
  interface: InterfaceName | null;
  askerMac: Mac;
  /** Null where the asker does not say who it is. */
  askerIp: IpWords | null;
  targetIp: IpWords;
  /** Whether a request went to all: an answer to a unicast request says nothing about who else would answer. */
  broadcast: boolean;
}

/** A question for an address's MAC with everything that was answered: ARP (RFC 826) or neighbour discovery (RFC 4861). */
export interface Exchange extends Question {
  path: number;
  vlans: readonly number[];
  direction: number;
  first: Stamp;
  lastRequest: Stamp;
  /** The requests between them, the first few. */
  repeats: Stamp[];
  /** Request frames; copies of one frame count once. */
  requests: number;
  /** Octets of the first request's frame, as for answers. */
  origlen: number;
  replies: Reply[];
  /** Answers that were not kept. */
  repliesOmitted: number;
}

const NO_VLANS: readonly number[] = [];

/** An exchange that begins with this packet. */
export function newExchange(packet: Packet, question: Question): Exchange {
  const stamp = stampOf(packet);
  // Field by field: spread into a larger literal, V8 takes seventeen times as long and ten times the memory.
  const { protocol, kind, segment, interface: name, askerMac, askerIp, targetIp, broadcast } = question;
  return {
    protocol,
    kind,
    segment,
    interface: name,
    askerMac,
    askerIp,
    targetIp,
    broadcast,
    path: packet.path,
    vlans: packet.vlanCount > 0 ? [...packet.vlans.subarray(0, packet.vlanCount)] : NO_VLANS,
    direction: packet.direction,
    origlen: packet.origlen,
    first: stamp,
    lastRequest: stamp,
    repeats: [],
    requests: 1,
    replies: [],
    repliesOmitted: 0,
  };
}

/** The text of an address that the protocol asks for. */
export const neighbourText = (protocol: Exchange['protocol'], [w0, w1, w2, w3]: IpWords): string =>
  protocol === 'arp' ? ipv4Text(w3) : ipv6WordsText(w0, w1, w2, w3);

export const targetText = ({ protocol, targetIp }: Exchange): string => neighbourText(protocol, targetIp);

export const askerText = ({ protocol, askerIp }: Exchange): string | null => askerIp && neighbourText(protocol, askerIp);

/** The question was asked again. */
export function addRequest(exchange: Exchange, stamp: Stamp): void {
  if (exchange.requests > 1 && exchange.repeats.length < MOST_REPEATS) exchange.repeats.push(exchange.lastRequest);
  exchange.requests++;
  exchange.lastRequest = stamp;
}

/** MAC of the first answer, or null. */
export const winnerOf = ({ replies }: Exchange): Mac | null => replies[0]?.mac ?? null;

/**
 * Exchanges that are open: by segment, asker's MAC and target. The key is written with `keyIpv4` or `keyIpv6`; what comes with every packet is looked
 * up without allocating.
 */
export class OpenExchanges {
  private readonly table: Table;
  /** By id: a table gives ids without gaps. */
  private readonly open: (Exchange | undefined)[] = [];
  private readonly closed: (exchange: Exchange) => void;

  constructor(clock: Clock, closed: (exchange: Exchange) => void) {
    this.table = new Table({ words: 7, limit: MOST_OPEN, idleSec: IDLE_SEC, clock, leave: (id) => this.leave(id) });
    this.closed = closed;
  }

  get size(): number {
    return this.table.size;
  }

  get evicted(): number {
    return this.table.evicted;
  }

  /** @param mac the asker's; @param target as a signed 32-bit integer */
  keyIpv4(segment: number, mac: Mac, target: number): void {
    const { key } = this.table;
    this.keyAsker(segment, mac);
    key[3] = 0;
    key[4] = 0;
    key[5] = 0xffff;
    key[6] = target;
  }

  /** @param at where the 16 octets of the target lie in `view` */
  keyIpv6(segment: number, mac: Mac, view: DataView, at: number): void {
    this.keyAsker(segment, mac);
    for (let i = 0; i < 4; i++) this.table.key[3 + i] = view.getInt32(at + 4 * i);
  }

  /** The open exchange with the key, if there is one. */
  find(): Exchange | undefined {
    const id = this.table.find();
    return id === NONE ? undefined : this.open[id];
  }

  /** As `find`, and the exchange goes on from now. One whose replies are full is over: what comes must not go unheard. */
  repeat(): Exchange | undefined {
    const id = this.table.touch();
    const exchange = id === NONE ? undefined : this.open[id];
    if (!exchange || exchange.replies.length < MOST_REPLIES) return exchange;
    this.table.remove(id);
    this.leave(id);
    return undefined;
  }

  begin(exchange: Exchange): void {
    this.open[this.table.add()] = exchange;
  }

  /** Segments were joined: exchanges of `absorbed` go on in `kept`. Rare. */
  rename(kept: number, absorbed: number): void {
    const { table } = this;
    for (const id of table.ids()) {
      if (table.keyWord(id, 0) !== absorbed) continue;
      const exchange = this.open[id];
      for (let i = 1; i < 7; i++) table.key[i] = table.keyWord(id, i);
      table.key[0] = kept;
      table.remove(id);
      this.open[id] = undefined;
      // The same question asked in both parts: the one in `kept` goes on, this one is over.
      if (table.find() !== NONE) {
        if (exchange) this.closed(exchange);
      } else if (exchange) {
        exchange.segment = kept;
        this.begin(exchange);
      }
    }
  }

  /** Exchanges that have been open for a while: what they show must not wait for their end. The longest first, as many as a judgement has time for. */
  lasting(): Exchange[] {
    const { table } = this;
    if (table.size === 0) return [];
    const lasting: Exchange[] = [];
    for (const id of table.ids()) {
      const exchange = this.open[id];
      if (exchange?.kind === 'request' && exchange.lastRequest.at - exchange.first.at >= LASTING_SEC) lasting.push(exchange);
    }
    return lasting.sort((a, b) => a.first.at - b.first.at).slice(0, MOST_LASTING);
  }

  expire(): void {
    this.table.expire();
  }

  finish(): void {
    this.table.clear();
  }

  private keyAsker(segment: number, mac: Mac): void {
    const { key } = this.table;
    key[0] = segment;
    key[1] = Math.floor(mac / 2 ** 32);
    key[2] = mac | 0;
  }

  private leave(id: number): void {
    const exchange = this.open[id];
    this.open[id] = undefined;
    if (exchange) this.closed(exchange);
  }
}

/** Adds what `packet` answers to `exchange`, unless it is a copy of an answer that is there. */
export function addReply(exchange: Exchange, packet: Packet, mac: Mac, name: InterfaceName | null, override: boolean): Reply | undefined {
  if (exchange.replies.length >= MOST_REPLIES) {
    exchange.repliesOmitted++;
    return undefined;
  }
  const stamp = stampOf(packet);
  const round = exchange.requests - 1;
  const reply = {
    stamp,
    mac,
    latencyUs: Math.max(0, Math.round(secondsBetween(exchange.lastRequest, stamp) * 1e9) / 1e3),
    round,
    rank: repliesTo(exchange, round),
    interface: name,
    interfaceId: packet.interfaceId,
    direction: packet.direction,
    linkSource: packet.sourceMac,
    origlen: packet.origlen,
    override,
  };
  exchange.replies = appended(exchange.replies, reply);
  return reply;
}

/** How many answers to a request of the exchange are kept. */
function repliesTo({ replies }: Exchange, round: number): number {
  let count = 0;
  for (const reply of replies) if (reply.round === round) count++;
  return count;
}

/** Whether the answer left the capturing host itself. */
export const isOwnReply = ({ direction }: Reply): boolean => direction === Direction.Out;
