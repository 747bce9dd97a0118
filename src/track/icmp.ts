import { Direction } from '../frame.ts';
import { type Endpoint, isLoopbackIp } from '../net/ip.ts';
import {
  ICMP_BODY,
  IcmpType,
  Icmpv6Type,
  icmpErrorText,
  isIcmpError,
  PORT_UNREACHABLE,
  PORT_UNREACHABLE_V6,
  QuotedPacket,
} from '../wire/icmp.ts';
import { IpProtocol, type Packet } from '../wire/packet.ts';
import { HASH_STARTS, hashOctets } from '../wire/transaction.ts';
import { BoundedMap } from './bounded-map.ts';
import { isBroadcastOf, isForAll, isPerhapsForAll } from './casting.ts';
import type { Clock } from './clock.ts';
import { COPY_SEC } from './copies.ts';
import { Evidence } from './evidence.ts';
import { addressText, isSameAddress, writeAddress } from './flows.ts';
import type { KinshipTracker } from './kinship.ts';
import { readStamp, STAMP_WORDS, type Stamp, stampedAt, stampOf, writeStamp } from './stamp.ts';
import { NONE, Table } from './table.ts';

const MOST_ECHOES = 32_768;
/** `ping` waits for ten seconds at most. */
const ECHO_SEC = 10;
const MOST_WRONG = 4096;
const MOST_SOURCES = 64;
/** Octets of the payload that request and reply must share. */
const SAMPLE = 64;

/*
 * An echo request: key client address 4 | id and sequence 1 | path 1; own words flags, from bit 8 on how many were asked, from bit 12 on the payload's length 1 |
 * payload hash 1 | asked address 4 | destination MAC 2 | stamp 8 | time of the answer from the asked address 2. With what the table adds it is two lines of the
 * processor's cache.
 */
const FLAGS = 0;
const TO_ALL = 1;
const PERHAPS_TO_ALL = 2;
const REQUEST_IN = 4;
const ANSWERED = 8;
/** None, one, or several. */
const ASKED_SHIFT = 8;
const ASKED_MASK = 3;
const LENGTH_SHIFT = 12;
const LENGTH_MASK = 2 ** LENGTH_SHIFT - 1;
const HASH = 1;
const ASKED = 2;
const MAC = 6;
const STAMP = 8;
const ANSWERED_AT = STAMP + STAMP_WORDS;
const ECHO_WORDS = ANSWERED_AT + 2;

const askedOf = (flags: number): number => (flags >>> ASKED_SHIFT) & ASKED_MASK;

/** Echo replies to one client from an address that it did not ping. */
export interface WrongEcho {
  client: string;
  asked: string;
  path: number;
  answeredFrom: Map<string, { packets: number; first: Stamp }>;
  /** Requests came in and replies went out at the capturing host. */
  atServer: boolean;
  repliesWrong: number;
  evidence: Evidence;
}

/** An ICMP error, and the flow that it is about. */
export interface IcmpError {
  from: string;
  to: string;
  type: number;
  code: number;
  path: number;
  stamp: Stamp;
  about: { protocol: number; source: Endpoint; destination: Endpoint } | null;
}

export interface IcmpEvents {
  error(make: () => IcmpError): void;
  /** Nothing listens on the port of the quoted packet. */
  portUnreachable(quote: QuotedPacket, packet: Packet): void;
  /** Any error, and what it quotes. */
  quoted(quote: QuotedPacket, reason: string, packet: Packet): void;
  /** Any error that says that the quoted packet did not arrive. */
  undeliverable(quote: QuotedPacket, reason: string, packet: Packet): void;
}

/** Matches echo requests with their replies, and hands errors to those whose packets they quote. */
export class IcmpTracker {
  readonly wrong = new BoundedMap<string, WrongEcho>(MOST_WRONG);
  private readonly echoes: Table;
  private readonly quote = new QuotedPacket();
  private readonly kinship: KinshipTracker;
  private readonly events: IcmpEvents;
  /** The latest reply from elsewhere, and which echo it answers: until it is sure that it is no sighting before NAT. */
  private latest: { echo: number; at: number; wrong: WrongEcho; from: string } | undefined;

  constructor(clock: Clock, kinship: KinshipTracker, events: IcmpEvents) {
    this.echoes = new Table({ words: 6, own: ECHO_WORDS, limit: MOST_ECHOES, idleSec: ECHO_SEC, clock });
    this.kinship = kinship;
    this.events = events;
  }

  get size(): number {
    return this.echoes.size + this.wrong.size;
  }

  get evicted(): number {
    return this.echoes.evicted + this.wrong.evicted;
  }

  observe(packet: Packet): void {
    const { icmpType, transport } = packet;
    const isV6 = transport === IpProtocol.Icmpv6;
    if (icmpType === (isV6 ? Icmpv6Type.Echo : IcmpType.Echo)) this.request(packet);
    else if (icmpType === (isV6 ? Icmpv6Type.EchoReply : IcmpType.EchoReply)) this.reply(packet);
    else if (isIcmpError(packet)) this.error(packet);
  }

  expire(): void {
    this.echoes.expire();
  }

  finish(): void {
    this.echoes.clear();
    this.latest = undefined;
  }

  private request(packet: Packet): void {
    if (!packet.has('icmp', packet.transportAt, ICMP_BODY)) return;
    const { echoes } = this;
    this.writeKey(packet, true);
    let id = echoes.touch();
    if (id === NONE) id = echoes.add();
    const { words } = echoes;
    const own = echoes.ownOf(id);
    let flags = (words[own + FLAGS] ?? 0) & LENGTH_MASK;
    if (isForAll(packet)) flags |= TO_ALL;
    if (isPerhapsForAll(packet)) flags |= PERHAPS_TO_ALL;
    if (packet.direction === Direction.In) flags |= REQUEST_IN;
    // A second address for the same echo: both sides of a NAT, or a pinger that reuses its numbers.
    const asked = askedOf(flags);
    const isRepeat = asked > 0 && isSameAddress(words, own + ASKED, packet, false);
    if (!isRepeat && asked < ASKED_MASK) flags += 1 << ASKED_SHIFT;
    words[own + FLAGS] = flags | (packet.payloadLength << LENGTH_SHIFT);
    writeAddress(words, own + ASKED, packet, false);
    words[own + HASH] = payloadHash(packet);
    echoes.doubles[(own + MAC) >> 1] = packet.destinationMac;
    writeStamp(echoes, own + STAMP, packet);
  }

  private reply(packet: Packet): void {
    if (!packet.has('icmp', packet.transportAt, ICMP_BODY)) return;
    const { echoes } = this;
    this.writeKey(packet, false);
    const id = echoes.find();
    if (id === NONE) return;
    const { words } = echoes;
    const own = echoes.ownOf(id);
    const flags = words[own + FLAGS] ?? 0;
    if (askedOf(flags) !== 1 || flags & TO_ALL) return;
    if (packet.at - stampedAt(echoes, own + STAMP) > ECHO_SEC) return;
    if (isSameAddress(words, own + ASKED, packet, true)) {
      words[own + FLAGS] = flags | ANSWERED;
      echoes.doubles[(own + ANSWERED_AT) >> 1] = packet.at;
      if (this.latest?.echo === id && packet.at - this.latest.at < COPY_SEC) this.withdraw(this.latest);
      this.cross(own, packet);
      return;
    }
    if (flags & ANSWERED && packet.at - (echoes.doubles[(own + ANSWERED_AT) >> 1] ?? 0) < COPY_SEC) return;
    if ((flags ^ (packet.payloadLength << LENGTH_SHIFT)) >>> LENGTH_SHIFT !== 0 || words[own + HASH] !== payloadHash(packet)) return;
    const asked = addressText(words, own + ASKED);
    if (flags & PERHAPS_TO_ALL && isBroadcastOf(asked, packet)) return;
    const client = packet.destinationIp;
    const from = packet.sourceIp;
    if (isLoopbackIp(asked) || from === client || asked === client) return;
    const wrong = this.wrongReply(packet, client, asked, from, readStamp(echoes, own + STAMP), (flags & REQUEST_IN) !== 0);
    this.latest = { echo: id, at: packet.at, wrong, from };
  }

  /** The same reply comes from the asked address too, at once: both sides of a NAT are seen. */
  private withdraw({ wrong, from }: { wrong: WrongEcho; from: string }): void {
    this.latest = undefined;
    wrong.repliesWrong--;
    const source = wrong.answeredFrom.get(from);
    if (source && --source.packets <= 0) wrong.answeredFrom.delete(from);
    if (wrong.repliesWrong <= 0) this.wrong.delete(keyOf(wrong));
  }

  /** In by one MAC, out by another: both are one machine. */
  private cross(own: number, packet: Packet): void {
    const entered = this.echoes.doubles[(own + MAC) >> 1] ?? -1;
    const left = packet.sourceMac;
    if (entered >= 0 && left >= 0 && entered !== left) {
      this.kinship.cross(entered, left, readStamp(this.echoes, own + STAMP), stampOf(packet), 'echo request and reply');
    }
  }

  private wrongReply(packet: Packet, client: string, asked: string, from: string, request: Stamp, requestIn: boolean): WrongEcho {
    const stamp = stampOf(packet);
    const wrong = this.wrong.take(keyOf({ client, asked, path: packet.path }), () => ({
      client,
      asked,
      path: packet.path,
      answeredFrom: new Map(),
      atServer: false,
      repliesWrong: 0,
      evidence: new Evidence(),
    }));
    wrong.repliesWrong++;
    wrong.atServer ||= requestIn && packet.direction === Direction.Out;
    const source = wrong.answeredFrom.get(from) ?? { packets: 0, first: stamp };
    source.packets++;
    if (wrong.answeredFrom.size < MOST_SOURCES || wrong.answeredFrom.has(from)) wrong.answeredFrom.set(from, source);
    wrong.evidence.add('request', request);
    wrong.evidence.add('wrong-reply', stamp, `from ${from}`);
    return wrong;
  }

  private error(packet: Packet): void {
    const { quote } = this;
    const hasQuote = quote.place(packet);
    this.events.error(() => ({
      from: packet.sourceIp,
      to: packet.destinationIp,
      type: packet.icmpType,
      code: packet.icmpCode,
      path: packet.path,
      stamp: stampOf(packet),
      about: hasQuote ? aboutOf(quote) : null,
    }));
    if (!hasQuote) return;
    const reason = icmpErrorText(packet);
    this.events.quoted(quote, reason, packet);
    const { icmpType, icmpCode, transport } = packet;
    const isV6 = transport === IpProtocol.Icmpv6;
    const isUnreachable = icmpType === (isV6 ? Icmpv6Type.Unreachable : IcmpType.Unreachable);
    if (isUnreachable && icmpCode === (isV6 ? PORT_UNREACHABLE_V6 : PORT_UNREACHABLE)) this.events.portUnreachable(quote, packet);
    if (isUnreachable || icmpType === (isV6 ? Icmpv6Type.TimeExceeded : IcmpType.TimeExceeded)) {
      this.events.undeliverable(quote, reason, packet);
    }
  }

  private writeKey(packet: Packet, byClient: boolean): void {
    const { key } = this.echoes;
    writeAddress(key, 0, packet, byClient);
    key[4] = packet.view.getInt32(packet.transportAt + 4);
    key[5] = packet.path;
  }
}

const keyOf = ({ client, asked, path }: Pick<WrongEcho, 'client' | 'asked' | 'path'>): string => `${client}|${asked}|${path}`;

const payloadHash = (packet: Packet): number =>
  hashOctets(packet.view, packet.payloadAt, Math.min(packet.payloadCaptured, SAMPLE), HASH_STARTS[0]);

function aboutOf(quote: QuotedPacket): IcmpError['about'] {
  const endpoint = (ip: string, port: number): Endpoint => (port < 0 ? { ip } : { ip, port });
  return {
    protocol: quote.protocol,
    source: endpoint(quote.sourceIp, quote.sourcePort),
    destination: endpoint(quote.destinationIp, quote.destinationPort),
  };
}
