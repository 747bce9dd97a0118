import { ICMP_BODY, IcmpType, Icmpv6Type, type QuotedPacket } from '../../wire/icmp.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import type { Clock } from '../clock.ts';
import { writeAddress } from '../flows.ts';
import { STAMP_WORDS, stampedAt, writeStamp } from '../stamp.ts';
import { NONE, Table } from '../table.ts';

/** What took longer than this is no answer any more: mtr waits for ten seconds at most (`--timeout`). */
export const ANSWER_SEC = 10;
/** A probe without an answer for so long is lost; what comes later takes that back. traceroute waits for five seconds at most (`-w`). */
const LOST_SEC = 5;
/** Two sightings of one packet are closer than this, however often it passes. */
const SIGHTING_SEC = 1;
/** With the same TTL: a mirror, or a bridge and its port. */
const MIRROR_SEC = 0.005;
/** A power of two. */
const MOST_PROBES = 8192;
/** Probes with the same ports that are compared with what an error quotes: 30 hops, three probes each. */
const MOST_COMPARED = 100;
/** Latest probes among which the same one before NAT is looked for, and all whose ports NAT may have changed. */
const MOST_TRANSLATED = 8;
const MOST_REWRITTEN = 512;

/*
 * What finds a probe: key source 4 | destination 4 | version and protocol 1 | ports, or echo id and sequence 1 | TCP sequence 1; own words: number
 * of the latest probe 1. Probes that differ in nothing but TTL, IP-ID and checksum (Paris, Dublin) hang on each other.
 */
const PROTOCOL = 8;
const PORTS = 9;
const SEQUENCE = 10;
const KEY_WORDS = 11;

/* A probe in the ring, in 32-bit words. */
const BEFORE = 0;
const BEFORE_OF_GROUP = 1;
const GROUP = 2;
const SERIAL = 3;
const TTL = 4;
const IDENT = 5;
const CHECKSUM = 6;
const KEY_PORTS = 7;
const STAMP = 8;
const LENGTH = 16;
const KEY_SEQUENCE = 17;
const FLAGS = 18;
const ANSWER_TTL = 19;
const ANSWER_FROM = 20;
const ANSWER_STAMP = 24;
const WORDS = ANSWER_STAMP + STAMP_WORDS;

/** What became of a probe. */
export const Fate = { Answered: 1, Lost: 2, Withdrawn: 4, Reached: 8 } as const;
/** An operating system opens a connection: it repeats its SYN, and all of them are one probe. */
const CONNECTS = 16;

/** Who keeps probes together; a group is known by its id, and, as ids are used again, its serial number. */
export interface ProbeGroups {
  /** Nobody answered this probe in time. */
  lost(number: number): void;
  /** This probe has to leave before it is known what becomes of it. */
  pushedOut(number: number): void;
  /** Whether the group's packets come from where this packet goes. */
  isFromDestinationOf(group: number, serial: number, packet: Packet): boolean;
  /** Whether the group's packets go where this packet goes. */
  isToDestinationOf(group: number, serial: number, packet: Packet): boolean;
  /** The highest TTL with which a packet of the group ended on its way; 0 where none did. */
  farthest(group: number, serial: number): number;
}

/** Whether a packet of little TTL may be a probe: an echo request, a datagram or a SYN, to one receiver. */
export function isProbe(packet: Packet): boolean {
  const { transport, transportAt, icmpType, tcpFlags } = packet;
  if (packet.ttl === 0 || packet.isFragment) return false;
  if (transport === IpProtocol.Udp) return isUnicast(packet);
  if (transport === IpProtocol.Tcp) return (tcpFlags & (TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Rst)) === TcpFlag.Syn && isUnicast(packet);
  const isEcho =
    transport === IpProtocol.Icmp ? icmpType === IcmpType.Echo : transport === IpProtocol.Icmpv6 && icmpType === Icmpv6Type.Echo;
  return isEcho && transportAt + ICMP_BODY <= Math.min(packet.capturedEnd, packet.end) && isUnicast(packet);
}

/** 224.0.0.0 and above is multicast, reserved, and broadcast; ff00::/8. */
const isUnicast = ({ version, dst4, view, ipAt }: Packet): boolean =>
  version === 4 ? dst4 >>> 28 < 14 : view.getUint8(ipAt + 24) !== 0xff;

/**
 * The latest packets that may be probes, in a ring, so that an error finds the one that it quotes, and an answer the one that it answers. Each has
 * a number; numbers go round in 32 bits. Time passes by `settle`, which says which ones nobody answered.
 */
export class Probes {
  readonly words = new Int32Array(MOST_PROBES * WORDS);
  readonly doubles = new Float64Array(this.words.buffer);
  private readonly table: Table;
  private next = 0;
  private oldest = 0;
  private settled = 0;
  private readonly clock: Clock;
  private readonly groups: ProbeGroups;

  constructor(clock: Clock, groups: ProbeGroups) {
    this.clock = clock;
    this.groups = groups;
    this.table = new Table({ words: KEY_WORDS, own: 1, limit: MOST_PROBES, idleSec: ANSWER_SEC, clock });
  }

  /** Capture time, in seconds. */
  get now(): number {
    return this.clock.at;
  }

  /** Something may still be answered. */
  get isWaiting(): boolean {
    return this.next !== this.oldest && this.clock.at - stampedAt(this, this.at(this.next - 1) + STAMP) <= ANSWER_SEC;
  }

  get size(): number {
    return this.table.size;
  }

  /** Remembers a probe, after `isSighted` said no. @param before the number of the group's probe before, or -1 @returns its number */
  add(packet: Packet, group: number, serial: number, before: number): number {
    const { table, words } = this;
    this.writeKey(packet);
    let id = table.touch();
    const isFirst = id === NONE;
    if (isFirst) id = table.add();
    const head = table.ownOf(id);
    if (this.countOf(this.settled) >= MOST_PROBES) {
      this.groups.pushedOut(this.settled);
      this.settled = (this.settled + 1) | 0;
    }
    const number = this.next;
    this.next = (this.next + 1) | 0;
    if (this.countOf(this.oldest) > MOST_PROBES) this.oldest = (this.oldest + 1) | 0;
    const at = this.at(number);
    words[at + BEFORE] = isFirst ? number : (table.words[head] ?? 0);
    words[at + BEFORE_OF_GROUP] = before === NONE ? number : before;
    words[at + GROUP] = group;
    words[at + SERIAL] = serial;
    words[at + TTL] = packet.ttl;
    words[at + IDENT] = packet.ident;
    words[at + CHECKSUM] = checksumOf(packet);
    words[at + KEY_PORTS] = table.key[PORTS] ?? 0;
    words[at + KEY_SEQUENCE] = table.key[SEQUENCE] ?? 0;
    words[at + LENGTH] = packet.payloadLength;
    words[at + FLAGS] = isConnecting(packet) ? CONNECTS : 0;
    writeStamp(this, at + STAMP, packet);
    table.words[head] = number;
    return number;
  }

  /** Whether this is another sighting of a probe: forwarded, mirrored, in or out of a tunnel, in a loop; or a SYN that is sent again. */
  isSighted(packet: Packet): boolean {
    this.writeKey(packet);
    const id = this.table.find();
    if (id === NONE) return false;
    const { words } = this;
    let number = this.table.words[this.table.ownOf(id)] ?? 0;
    for (let i = 0; i < MOST_COMPARED && this.isKnown(number); i++) {
      const at = this.at(number);
      if (this.isSame(packet, at)) return true;
      if (packet.at - stampedAt(this, at + STAMP) > ANSWER_SEC || words[at + BEFORE] === number) return false;
      number = words[at + BEFORE] ?? 0;
    }
    return false;
  }

  /** Whether this is a probe that was sighted one hop before, until NAT gave it another source, and perhaps another port or id. */
  isTranslated(packet: Packet): boolean {
    const { words } = this;
    for (let i = 1; i <= MOST_TRANSLATED; i++) {
      const number = (this.next - i) | 0;
      if (!this.isKnown(number)) return false;
      const at = this.at(number);
      if (packet.at - stampedAt(this, at + STAMP) > MIRROR_SEC) return false;
      if (words[at + TTL] !== packet.ttl + 1 || words[at + IDENT] !== packet.ident || words[at + LENGTH] !== packet.payloadLength) continue;
      this.writeKey(packet);
      const { key } = this.table;
      // The half that says where to: destination port, or sequence of an echo.
      const isSameTarget = ((words[at + KEY_PORTS] ?? 0) & 0xffff) === ((key[PORTS] ?? 0) & 0xffff);
      if (
        isSameTarget &&
        words[at + KEY_SEQUENCE] === key[SEQUENCE] &&
        this.groups.isToDestinationOf(words[at + GROUP] ?? 0, words[at + SERIAL] ?? 0, packet)
      )
        return true;
    }
    return false;
  }

  /** The number of the probe that an error quotes, or NONE. @param packet the error, which goes to who sent the probe */
  quoted(quote: QuotedPacket, packet: Packet): number {
    if (quote.fragmentOffset > 0 || quote.transportAt + ICMP_BODY > quote.end) return NONE;
    if (quote.protocol !== IpProtocol.Udp && quote.protocol !== IpProtocol.Tcp && !isIcmp(quote.protocol)) return NONE;
    const { key } = this.table;
    writeAddress(key, 0, quote, true);
    writeAddress(key, 4, quote, false);
    this.writeQuotedTransport(quote);
    const checksum = checksumOfQuote(quote);
    const found = this.bestOf(this.table.find(), quote, checksum, packet);
    if (found !== NONE) return found;
    // NAT turned the error's destination back, and not what it quotes.
    writeAddress(key, 0, packet, false);
    const direct = this.bestOf(this.table.find(), quote, checksum, packet);
    return direct !== NONE ? direct : this.rewritten(quote, checksum, packet);
  }

  /** The number of the probe to which `packet` is the destination's own answer, or NONE. */
  answered(packet: Packet): number {
    const { table, words } = this;
    const { key } = table;
    const { view, transportAt, transport } = packet;
    writeAddress(key, 0, packet, false);
    writeAddress(key, 4, packet, true);
    key[PROTOCOL] = (packet.version << 8) | transport;
    key[SEQUENCE] = 0;
    if (isIcmp(transport)) {
      if (transportAt + ICMP_BODY > packet.capturedEnd) return NONE;
      key[PORTS] = view.getInt32(transportAt + 4);
    } else {
      key[PORTS] = (packet.destinationPort << 16) | packet.sourcePort;
      // Both SYN and RST acknowledge the SYN.
      if (transport === IpProtocol.Tcp) key[SEQUENCE] = (view.getInt32(transportAt + 8) - 1) | 0;
    }
    const id = table.find();
    if (id === NONE) return NONE;
    let number = table.words[table.ownOf(id)] ?? 0;
    const latest = number;
    // Of several with the same ports the latest one: who sends such probes waits for each.
    for (let i = 0; i < MOST_COMPARED && this.isKnown(number); i++) {
      const at = this.at(number);
      if (packet.at - stampedAt(this, at + STAMP) > ANSWER_SEC) break;
      if ((words[at + FLAGS] ?? 0) & Fate.Answered) {
        // Forwarded, or mirrored: the same answer once more.
        if (packet.at - stampedAt(this, at + ANSWER_STAMP) < MIRROR_SEC && packet.ttl <= (words[at + ANSWER_TTL] ?? 0)) return number;
      } else if ((words[at + TTL] ?? 0) > this.groups.farthest(words[at + GROUP] ?? 0, words[at + SERIAL] ?? 0)) {
        return number;
      }
      if (words[at + BEFORE] === number) break;
      number = words[at + BEFORE] ?? 0;
    }
    return this.isKnown(latest) ? latest : NONE;
  }

  /** Writes down the answer. False where the probe was answered before. */
  answer(number: number, packet: Packet, fate: number): boolean {
    const { words } = this;
    const at = this.at(number);
    const flags = words[at + FLAGS] ?? 0;
    if (flags & (Fate.Answered | Fate.Withdrawn)) return false;
    words[at + FLAGS] = flags | fate;
    words[at + ANSWER_TTL] = packet.ttl;
    writeAddress(words, at + ANSWER_FROM, packet, true);
    writeStamp(this, at + ANSWER_STAMP, packet);
    return true;
  }

  /** Time has passed: who was not answered is lost. */
  settle(): void {
    const before = this.clock.at - LOST_SEC;
    while (this.settled !== this.next) {
      const at = this.at(this.settled);
      if (stampedAt(this, at + STAMP) > before) return;
      const flags = this.words[at + FLAGS] ?? 0;
      if ((flags & (Fate.Answered | Fate.Withdrawn)) === 0) {
        this.words[at + FLAGS] = flags | Fate.Lost;
        this.groups.lost(this.settled);
      }
      this.settled = (this.settled + 1) | 0;
    }
    this.table.expire();
  }

  /** Whether the probe with this number is still in the ring. */
  isKnown(number: number): boolean {
    const age = (this.next - number) | 0;
    return age > 0 && age <= this.countOf(this.oldest);
  }

  /** Nobody answered it, and may still do so. */
  isOpen(number: number): boolean {
    return (this.fateOf(number) & (Fate.Answered | Fate.Lost | Fate.Withdrawn)) === 0;
  }

  /** It counts as neither answered nor lost. */
  withdraw(number: number): void {
    const at = this.at(number) + FLAGS;
    this.words[at] = (this.words[at] ?? 0) | Fate.Withdrawn;
  }

  groupOf(number: number): number {
    return this.words[this.at(number) + GROUP] ?? 0;
  }

  serialOf(number: number): number {
    return this.words[this.at(number) + SERIAL] ?? 0;
  }

  ttlOf(number: number): number {
    return this.words[this.at(number) + TTL] ?? 0;
  }

  fateOf(number: number): number {
    return this.words[this.at(number) + FLAGS] ?? 0;
  }

  /** Ports as one word; of echoes id and sequence. */
  portsOf(number: number): number {
    return this.words[this.at(number) + KEY_PORTS] ?? 0;
  }

  /** The checksum, which some routers take for a part of the flow. */
  checksumOf(number: number): number {
    return this.words[this.at(number) + CHECKSUM] ?? 0;
  }

  answerTtlOf(number: number): number {
    return this.words[this.at(number) + ANSWER_TTL] ?? 0;
  }

  /** Where the stamps of a probe and of its answer begin, and the address that answered. */
  stampAt(number: number): number {
    return this.at(number) + STAMP;
  }

  answerStampAt(number: number): number {
    return this.at(number) + ANSWER_STAMP;
  }

  answerFromAt(number: number): number {
    return this.at(number) + ANSWER_FROM;
  }

  /** The probe of the same group before this one, or NONE where it is the first one that is remembered. */
  beforeInGroup(number: number): number {
    const before = this.words[this.at(number) + BEFORE_OF_GROUP] ?? 0;
    return before !== number && this.isKnown(before) ? before : NONE;
  }

  /** Forgets all; who is open is neither answered nor lost. */
  clear(): void {
    this.settled = this.next;
    this.oldest = this.next;
    this.table.clear();
  }

  private at(number: number): number {
    return (number & (MOST_PROBES - 1)) * WORDS;
  }

  /** How many there are from `number` on. */
  private countOf(number: number): number {
    return (this.next - number) | 0;
  }

  private isSame(packet: Packet, at: number): boolean {
    const { words } = this;
    const ttl = words[at + TTL] ?? 0;
    const flags = words[at + FLAGS] ?? 0;
    if (packet.ttl > ttl) return false;
    if (flags & CONNECTS && (packet.ttl === ttl || packet.ident === words[at + IDENT])) return true;
    if (packet.ident !== words[at + IDENT] || checksumOf(packet) !== words[at + CHECKSUM]) return false;
    const age = packet.at - stampedAt(this, at + STAMP);
    if (packet.ttl < ttl) return age < SIGHTING_SEC;
    return age < MIRROR_SEC && (flags & Fate.Answered) === 0;
  }

  private bestOf(id: number, quote: QuotedPacket, checksum: number, packet: Packet): number {
    if (id === NONE) return NONE;
    const { words } = this;
    let number = this.table.words[this.table.ownOf(id)] ?? 0;
    let best = NONE;
    let bestScore = -1;
    let count = 0;
    for (; count < MOST_COMPARED && this.isKnown(number); count++) {
      const at = this.at(number);
      if (packet.at - stampedAt(this, at + STAMP) > ANSWER_SEC) break;
      const flags = words[at + FLAGS] ?? 0;
      const score =
        (words[at + CHECKSUM] === checksum ? 4 : 0) +
        (quote.version === 4 && quote.ident !== 0 && words[at + IDENT] === quote.ident ? 4 : 0) +
        (flags & Fate.Answered ? 0 : flags & Fate.Lost ? 1 : 2);
      // Of equals the one that has waited longest.
      if (score >= bestScore) [best, bestScore] = [number, score];
      if (words[at + BEFORE] === number) {
        count++;
        break;
      }
      number = words[at + BEFORE] ?? 0;
    }
    // NAT may change a checksum, but then nothing else tells probes of the same ports apart.
    return count === 1 || bestScore >= 4 ? best : NONE;
  }

  /** NAT changed the ports, or the id, in what is quoted: what it leaves as it was are IP-ID and, often, the checksum. */
  private rewritten(quote: QuotedPacket, checksum: number, packet: Packet): number {
    if (quote.version !== 4 || quote.ident === 0) return NONE;
    const { words } = this;
    for (let i = 1; i <= MOST_REWRITTEN; i++) {
      const number = (this.next - i) | 0;
      if (!this.isKnown(number)) return NONE;
      const at = this.at(number);
      if (packet.at - stampedAt(this, at + STAMP) > ANSWER_SEC) return NONE;
      if (words[at + IDENT] !== quote.ident || (words[at + FLAGS] ?? 0) & Fate.Answered) continue;
      const isSameTarget = ((words[at + KEY_PORTS] ?? 0) & 0xffff) === (this.quotedPorts(quote) & 0xffff);
      if (!isSameTarget && words[at + CHECKSUM] !== checksum) continue;
      if (this.groups.isFromDestinationOf(words[at + GROUP] ?? 0, words[at + SERIAL] ?? 0, packet)) return number;
    }
    return NONE;
  }

  private writeKey(packet: Packet): void {
    const { key } = this.table;
    const { view, transportAt, transport } = packet;
    writeAddress(key, 0, packet, true);
    writeAddress(key, 4, packet, false);
    key[PROTOCOL] = (packet.version << 8) | transport;
    key[PORTS] = isIcmp(transport) ? view.getInt32(transportAt + 4) : view.getInt32(transportAt);
    key[SEQUENCE] = transport === IpProtocol.Tcp ? view.getInt32(transportAt + 4) : 0;
  }

  private writeQuotedTransport(quote: QuotedPacket): void {
    const { key } = this.table;
    key[PROTOCOL] = (quote.version << 8) | quote.protocol;
    key[PORTS] = this.quotedPorts(quote);
    key[SEQUENCE] = quote.protocol === IpProtocol.Tcp ? quote.view.getInt32(quote.transportAt + 4) : 0;
  }

  private quotedPorts({ view, transportAt, protocol }: QuotedPacket): number {
    return view.getInt32(isIcmp(protocol) ? transportAt + 4 : transportAt);
  }
}

const isIcmp = (protocol: number): boolean => protocol === IpProtocol.Icmp || protocol === IpProtocol.Icmpv6;

/** Of UDP and ICMP; TCP's stands behind what errors quote at least, and its sequence tells enough. */
function checksumOf({ transport, transportAt, view }: Packet): number {
  if (transport === IpProtocol.Tcp) return 0;
  return view.getUint16(transport === IpProtocol.Udp ? transportAt + 6 : transportAt + 2);
}

function checksumOfQuote({ protocol, transportAt, view }: QuotedPacket): number {
  if (protocol === IpProtocol.Tcp) return 0;
  return view.getUint16(protocol === IpProtocol.Udp ? transportAt + 6 : transportAt + 2);
}

/** A SYN of an operating system has options, MSS at least; one of tcptraceroute has none. */
const isConnecting = ({ transport, transportAt, payloadAt }: Packet): boolean =>
  transport === IpProtocol.Tcp && payloadAt - transportAt > 20;
