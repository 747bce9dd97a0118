import { type Mac, macOfEui64 } from '../net/mac.ts';
import { EtherType } from '../wire/ethernet.ts';
import { readIdentities } from '../wire/identity.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, IpProtocol, type Packet } from '../wire/packet.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';
import { BRIEF_WORDS, readBrief, type Stamp, stampOf, writeBrief } from './stamp.ts';
import { NONE, Table } from './table.ts';

const MOST_NAMED = 8192;
const MOST_NAMES = 8;
const MOST_PAIRS = 4096;
const SYN_LIMIT = 16_384;
/** A SYN is repeated after 1, 3, 7 s; an answer that comes later belongs to a later one. */
const SYN_IDLE_SEC = 10;
/*
 * A SYN: key ports 1 | last word of both addresses 2 | of IPv6 the others 6, which stand apart; own words upper half of the destination MAC, and flags 1 | the rest of
 * it 1 | sequence number 1 | brief stamp 3. With what the table adds it is one line of the processor's cache: of a scan most packets are one. What the first answer was
 * stands apart.
 */
const PORTS = 0;
const LAST_WORDS = 1;
const OTHER_WORDS = 3;
const IPV4_WORDS = OTHER_WORDS;
const IPV6_WORDS = OTHER_WORDS + 6;
const ENTERED = 0;
const ANSWERED = 1 << 16;
const IPV6 = 1 << 17;
const ENTERED_LOW = 1;
const SEQUENCE = 2;
const STAMP = 3;
const SYN_WORDS = STAMP + BRIEF_WORDS;

/** What makes two MACs one machine. */
export interface Kinship {
  /** Something that went in by one MAC and came out by the other: request and answer, each time. */
  crossings: number;
  request: Stamp | undefined;
  answer: Stamp | undefined;
  what: string;
  /** Names that both give: LLDP, DHCP. */
  names: string[];
}

/** Collects facts by which MACs belong to one machine: transactions that enter by one and leave by another, and names that they share. */
export class KinshipTracker {
  private readonly names = new BoundedMap<Mac, Set<string>>(MOST_NAMED);
  private readonly crossed = new BoundedMap<string, Kinship>(MOST_PAIRS);
  /** By two MACs: answers of both to one SYN that are not of one TCP. */
  private readonly apart = new BoundedMap<string, Stamp>(MOST_PAIRS);
  private readonly syns: Table;
  /** Of the first answer, by the SYN's id: who sent it, and its sequence number. */
  private readonly answeredBy = new Float64Array(SYN_LIMIT);
  private readonly answerSequence = new Int32Array(SYN_LIMIT);

  constructor(clock: Clock) {
    const words = { words: IPV6_WORDS, front: IPV4_WORDS, own: SYN_WORDS };
    this.syns = new Table({ ...words, limit: SYN_LIMIT, idleSec: SYN_IDLE_SEC, clock });
  }

  get size(): number {
    return this.names.size + this.crossed.size + this.apart.size + this.syns.size;
  }

  get evicted(): number {
    return this.names.evicted + this.crossed.evicted;
  }

  /** A TCP segment with SYN or RST, on Ethernet. */
  observeSyn(packet: Packet): void {
    const { syns } = this;
    const isAnswer = (packet.tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) !== 0;
    writeConnection(syns, packet, isAnswer);
    const version = packet.version === 6 ? IPV6 : 0;
    let id = isAnswer ? syns.find() : syns.touch();
    // One of the other version whose hash is the same, by chance.
    if (id !== NONE && ((syns.words[syns.ownOf(id) + ENTERED] ?? 0) & IPV6) !== version) {
      syns.remove(id);
      id = NONE;
    }
    if (isAnswer) {
      if (id !== NONE) this.answerSyn(packet, id);
      return;
    }
    const own = syns.ownOf(id === NONE ? syns.add() : id);
    const { words } = syns;
    const { ethernetAt, view } = packet;
    words[own + ENTERED] = version | view.getUint16(ethernetAt);
    words[own + ENTERED_LOW] = view.getInt32(ethernetAt + 2);
    words[own + SEQUENCE] = sequenceOf(packet);
    writeBrief(words, own + STAMP, packet);
  }

  private answerSyn(packet: Packet, id: number): void {
    const { syns, answeredBy, answerSequence } = this;
    const { words } = syns;
    const own = syns.ownOf(id);
    // A reset of a connection that was established before, or between hosts of which one forgot it, answers no SYN.
    if (acknowledgmentOf(packet) !== (((words[own + SEQUENCE] ?? 0) + 1) | 0)) return;
    const isReset = (packet.tcpFlags & TcpFlag.Rst) !== 0;
    const sequence = sequenceOf(packet);
    if (isReset && sequence !== 0) return;
    const left = packet.sourceMac;
    const upper = words[own + ENTERED] ?? 0;
    if ((upper & ANSWERED) === 0) {
      words[own + ENTERED] = upper | ANSWERED;
      answeredBy[id] = left;
      answerSequence[id] = sequence;
      const entered = (upper & 0xffff) * 2 ** 32 + ((words[own + ENTERED_LOW] ?? 0) >>> 0);
      if (entered !== left && !isReset) {
        const request = readBrief(words, own + STAMP, syns.seenAt(id));
        this.cross(entered, left, request, stampOf(packet), 'SYN and SYN-ACK of one connection');
      }
    } else if (answeredBy[id] !== left && sequence !== answerSequence[id]) {
      this.apart.take(pairKey(answeredBy[id] ?? left, left), () => stampOf(packet));
    }
  }

  /** DHCP and LLDP name their sender; an IPv6 link-local address may hold another MAC of it. */
  observeNames(packet: Packet): void {
    const sender = packet.sourceMac;
    if (sender < 0) return;
    for (const { mac, name } of readIdentities(packet)) this.name(mac ?? sender, name);
  }

  /** Router and neighbour discovery from a link-local address that was made of another MAC (RFC 4291 appendix A). */
  observeLinkLocal(packet: Packet): void {
    const { view, ipAt } = packet;
    const sender = packet.sourceMac;
    if (sender < 0 || view.getUint16(ipAt + IPV6_SOURCE) !== 0xfe80) return;
    const mac = macOfEui64(view.getUint32(ipAt + IPV6_SOURCE + 8), view.getUint32(ipAt + IPV6_SOURCE + 12));
    if (mac === undefined || mac === sender) return;
    const name = `IPv6 ${packet.sourceIp}`;
    this.name(sender, name);
    this.name(mac, name);
  }

  /** A request went to the MAC `entered`, its answer came from `left`. */
  cross(entered: Mac, left: Mac, request: Stamp, answer: Stamp, what: string): void {
    if (entered < 0 || left < 0 || entered === left) return;
    const kin = this.crossed.take(pairKey(entered, left), () => ({ crossings: 0, request: undefined, answer: undefined, what, names: [] }));
    kin.crossings++;
    kin.request ??= request;
    kin.answer ??= answer;
  }

  /** What is known to connect two MACs. */
  between(a: Mac, b: Mac): Kinship {
    const crossed = this.crossed.get(pairKey(a, b));
    const namesOfB = this.names.get(b);
    const names = [...(this.names.get(a) ?? [])].filter((name) => namesOfB?.has(name));
    return { crossings: 0, request: undefined, answer: undefined, what: '', ...crossed, names };
  }

  /** Names of their own that set two MACs apart: both are named, and nothing is common. */
  areNamedApart(a: Mac, b: Mac): boolean {
    const dhcp = (mac: Mac): string[] =>
      [...(this.names.get(mac) ?? [])].filter((name) => name.startsWith('DHCP') || name.startsWith('LLDP'));
    const namesOfA = dhcp(a);
    const namesOfB = dhcp(b);
    return namesOfA.length > 0 && namesOfB.length > 0 && !namesOfA.some((name) => namesOfB.includes(name));
  }

  /** The second answer to one SYN, where both MACs answered it, each with a TCP of its own. */
  reactedApart(a: Mac, b: Mac): Stamp | undefined {
    return this.apart.get(pairKey(a, b));
  }

  /** Names that several MACs give, with those MACs in order. For records: it goes through all names. */
  get sharedNames(): Map<string, Mac[]> {
    const byName = new Map<string, Mac[]>();
    for (const mac of this.names.keys()) for (const name of this.names.get(mac) ?? []) byName.set(name, [...(byName.get(name) ?? []), mac]);
    return new Map([...byName].filter(([, macs]) => macs.length > 1).map(([name, macs]) => [name, macs.sort((a, b) => a - b)]));
  }

  expire(): void {
    this.syns.expire();
  }

  finish(): void {
    this.syns.clear();
  }

  reset(): void {
    this.names.clear();
    this.crossed.clear();
    this.apart.clear();
  }

  private name(mac: Mac, name: string): void {
    const names = this.names.take(mac, () => new Set());
    if (names.size < MOST_NAMES) names.add(name);
  }
}

const sequenceOf = ({ view, transportAt }: Packet): number => view.getInt32(transportAt + 4);
const acknowledgmentOf = ({ view, transportAt }: Packet): number => view.getInt32(transportAt + 8);

const pairKey = (a: Mac, b: Mac): string => (a < b ? `${a}/${b}` : `${b}/${a}`);

/** The connection's ports and addresses, the side first that sent the SYN. */
function writeConnection(syns: Table, { version, sourcePort, destinationPort, src4, dst4, view, ipAt }: Packet, isAnswer: boolean): void {
  const { key } = syns;
  key[PORTS] = isAnswer ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort;
  if (version === 4) {
    syns.keyLength = IPV4_WORDS;
    key[LAST_WORDS] = isAnswer ? dst4 : src4;
    key[LAST_WORDS + 1] = isAnswer ? src4 : dst4;
    return;
  }
  syns.keyLength = IPV6_WORDS;
  const from = ipAt + (isAnswer ? IPV6_DESTINATION : IPV6_SOURCE);
  const to = ipAt + (isAnswer ? IPV6_SOURCE : IPV6_DESTINATION);
  key[LAST_WORDS] = view.getInt32(from + 12);
  key[LAST_WORDS + 1] = view.getInt32(to + 12);
  for (let i = 0; i < 3; i++) {
    key[OTHER_WORDS + i] = view.getInt32(from + 4 * i);
    key[OTHER_WORDS + 3 + i] = view.getInt32(to + 4 * i);
  }
}

const DHCP_SERVER_PORT = 67;

/** Whether `observeNames` could learn something: cheap, for every packet. */
export const mayNameSender = ({ etherType, transport, destinationPort, version }: Packet): boolean =>
  (transport === IpProtocol.Udp && destinationPort === DHCP_SERVER_PORT) || (version === 0 && etherType === EtherType.Lldp);
