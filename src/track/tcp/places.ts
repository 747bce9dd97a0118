import { Direction } from '../../frame.ts';
import { type Endpoint, ipv4Text, ipWords } from '../../net/ip.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import { isLayer3 } from '../../wire/layer3.ts';
import type { Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { addressText, isFromLower, writeAddress } from '../flows.ts';
import { BRIEF_WORDS, readBrief, type Stamp, writeBrief } from '../stamp.ts';
import { NONE, Table } from '../table.ts';

/*
 * The key of a connection: kind of key, both ports, both addresses, one word each of IPv4 and four of IPv6, lower end first. It leads to the place where the
 * connection was seen first. Few are seen at a second one, and those that are, are found by it: the key of such a place is kind, id of the first one, path
 * and id of the tunnel around the connection, and the interface with its VLAN.
 */
const KIND = 0;
const PORTS = 1;
const LOWER = 2;
const FIRST_PLACE = 1;
const PLACE = 2;
const PLACE_WORDS = 3;
const IPV4_WORDS = 4;
const IPV6_WORDS = 10;
const OTHER_WORDS = PLACE + PLACE_WORDS;
/** A connection is seen at so many places at most: a packet that says otherwise is made up. */
const MOST_PLACES_OF_ONE = 32;
/** `InterfaceTracker` knows at most as many. */
const INTERFACE_BITS = 14;
const INTERFACE_MASK = (1 << INTERFACE_BITS) - 1;

/*
 * What every packet needs are a place's own words, so many that two lines of the cache hold an entry:
 *
 *   interface, where no tunnel is around 1 | latest packet of the connection, if it is the first place 3 | counters of the lower end 8 | of the upper end 8
 */
const INTERFACE = 0;
const IN_TUNNEL = -1;
const LAST = 1;
const COUNTERS = LAST + BRIEF_WORDS;
const COUNTER_WORDS = 8;
const OWN_WORDS = COUNTERS + 2 * COUNTER_WORDS;

/*
 * What few packets ask for stands apart:
 *
 *   first place of the connection 1 | next place 1 | state 1 | noted 1 | path, tunnel and interface 3 | spare 1 | of the lower end 12 | of the upper end 12
 */
const CONNECTION = 0;
/** Plus one; 0: there is none. */
const SIBLING = 1;
export const STATE = 2;
/** Its number among the places that are looked at for their MSS plus one; 0: it is not one of them. */
export const NOTED_AS = 3;
const WHERE = 4;
const RARE = 8;
const RARE_WORDS = 12;
const APART_WORDS = RARE + 2 * RARE_WORDS;
/** No MSS is larger. */
const MOST_LIMIT = 0xffff;

/* State: */
/** The lower end opened it, or spoke first. */
export const OPENED_BY_LOWER = 1;
/** The SYN was seen, of either end. */
export const HAS_SYN = 2;
export const LAYER_3 = 4;
/** Of the first place: how many others there are. */
const OTHERS_SHIFT = 3;

/* Counters of one direction, from `countersOf` on. */
/** Sequence number behind the highest octet that was sent. */
export const NEXT = 0;
/** Highest acknowledgment of the other end. */
export const ACKED = 1;
export const PACKETS = 2;
/** Flags below, and above them the MSS that the other end offered: so many octets a segment has at most, options of TCP included; 0: it is not known. */
export const FLAGS = 3;
/** Octets of the largest packet that was sent, and in the upper half of the largest that was acknowledged. */
export const SIZES = 4;
/** Its latest segment in `SentSegments`. */
export const SEGMENT = 5;
/** The window that the end offered last, `OUT_OF_ORDER`, and how often the end repeated its latest acknowledgment (8 bits). */
export const WINDOW = 6;
/** Sequence numbers did not just go on: what is awaited may lie behind `NEXT`, or far before it. */
export const OUT_OF_ORDER = 1 << 16;
/** Octets of payload, but for those in `MORE_BYTES`. */
const BYTES = 7;
const MOST_BYTES = 2 ** 30;

/* What is rare of one direction, from `rareOf` on. */
/** A double: octets of payload. */
const MORE_BYTES = 0;
/** Of the first packet: a double, when it came, and its brief stamp. */
const FIRST_AT = 2;
const FIRST = 4;
export const RETRANSMISSIONS = 7;
/** Sequence number of the SYN. */
export const INITIAL = 8;
export const KEEPALIVES = 9;
export const UNHEARD = 10;
/** So many octets a segment turned out to have at most, though the MSS allows more; 0: nothing is known of that. */
export const LOWERED = 11;

/* Flags of a direction. */
export const SEEN = 1;
export const HAS_ACKED = 2;
/** A segment with payload may be fragmented. */
export const FRAGMENTABLE = 4;
export const OFFLOADED = 8;
/** A segment of it is in the book of those that got stuck. */
export const STUCK = 16;
export const SYN = 32;
export const FIN = 64;
export const RST = 128;
export const GAP = 256;
/** The end's SYN offered an MSS: it stands with the other direction. */
export const MSS = 512;
/** Segments larger than all that was acknowledged are on their way. */
export const AWAITED = 1024;
/** One of them is as large as the largest that was sent. */
export const AWAITED_MOST = 2048;
/** Two bits: `Direction` of its packets. */
export const DIRECTION_SHIFT = 12;
/* Flags of a place, which both of its directions have. */
/** The connection was seen at other places, too. */
export const SEVERAL = 1 << 14;
/** It was looked at for its MSS. */
export const NOTED = 1 << 15;
export const MSS_SHIFT = 16;

/**
 * Connections at their places of capture: what is known of each is words in one table. Places of one connection hang together; the first one's id names the
 * connection, and all of them leave at once.
 */
export class Places {
  readonly table: Table;
  /** Whether the packet whose key was written came from the lower end. */
  fromLower = false;
  /** Packets at places that a connection had no room for. */
  refused = 0;
  private readonly closed: (connection: number) => void;

  /** @param closed a connection is over: its places are still there until it returns */
  constructor(clock: Clock, limit: number, idleSec: number, closed: (connection: number) => void) {
    this.closed = closed;
    this.table = new Table({
      words: IPV6_WORDS,
      front: IPV4_WORDS,
      own: OWN_WORDS,
      apart: APART_WORDS,
      limit,
      idleSec,
      clock,
      leave: (id) => this.leave(id),
    });
  }

  /** The packet will be observed soon: `table.fetch` gets the first place of its connection ready, if there is one. */
  expect(packet: Packet): void {
    writeEnds(this.table, packet, packet.sourcePort, packet.destinationPort);
    packet.expected = this.table.expect();
  }

  /** The place of the packet, added where there is none; it counts as used. NONE where the connection has too many places. Sets `fromLower`. */
  take(packet: Packet): number {
    const { table } = this;
    this.fromLower = writeEnds(table, packet, packet.sourcePort, packet.destinationPort);
    const home = table.touchAt(table.likelyId(packet.expected));
    if (home === NONE) return this.add(packet, NONE);
    writeBrief(table.words, table.ownOf(home) + LAST, packet);
    if (this.isAt(packet, home)) return home;
    this.writeOther(packet, home);
    const known = table.touch();
    if (known !== NONE) return known;
    // Where that place was idle for too long the whole connection has just left with it.
    const isThere = this.isThere(packet, home);
    if (isThere) this.writeOther(packet, home);
    return this.add(packet, isThere ? home : NONE);
  }

  /** The place of the packet, or NONE. Sets `fromLower`. */
  find(packet: Packet): number {
    const { table } = this;
    this.fromLower = writeEnds(table, packet, packet.sourcePort, packet.destinationPort);
    const home = table.find();
    if (home === NONE || this.isAt(packet, home)) return home;
    this.writeOther(packet, home);
    return table.find();
  }

  /** The connection of the packet that an ICMP error quotes, or NONE; sets `fromLower` by the quoted packet's source. */
  findQuoted(quote: QuotedPacket): number {
    const { table } = this;
    this.fromLower = writeEnds(table, quote, quote.sourcePort, quote.destinationPort);
    return table.find();
  }

  /** The connection that a place belongs to: the id of its first place. */
  connectionOf(place: number): number {
    return this.table.apart.words[this.table.apartOf(place) + CONNECTION] ?? 0;
  }

  /** The next place of the same connection, or NONE. */
  nextOf(place: number): number {
    return (this.table.apart.words[this.table.apartOf(place) + SIBLING] ?? 0) - 1;
  }

  /** Flags of both directions at a place. */
  flagsOf(place: number): number {
    const { words } = this.table;
    const own = this.table.ownOf(place);
    return (words[own + COUNTERS + FLAGS] ?? 0) | (words[own + COUNTERS + COUNTER_WORDS + FLAGS] ?? 0);
  }

  /** Sets flags of the direction whose counters begin at `at`. */
  flagDirection(at: number, flags: number): void {
    const { words } = this.table;
    words[at + FLAGS] = (words[at + FLAGS] ?? 0) | flags;
  }

  /** Sets a flag that is the place's. */
  flag(place: number, flag: number): void {
    const { words } = this.table;
    const own = this.table.ownOf(place);
    for (let at = own + COUNTERS + FLAGS; at < own + OWN_WORDS; at += COUNTER_WORDS) words[at] = (words[at] ?? 0) | flag;
  }

  /** Connections between pairs of addresses (`a b`, in either order), the latest so many. Looks at all. */
  between(pairs: ReadonlySet<string>, most: number): number[] {
    const { table } = this;
    const last = new Set([...pairs].flatMap((pair) => pair.split(' ').map((ip) => ipWords(ip)[3] | 0)));
    const found = table.ids().filter((id) => {
      if (this.connectionOf(id) !== id) return false;
      const words = table.keyWord(id, KIND) === Key.Ipv6 ? IPV6_ADDRESS : 1;
      // Few of them have the last word of an address that is asked for: the others need no text.
      if (!last.has(table.keyWord(id, LOWER + words - 1)) || !last.has(table.keyWord(id, LOWER + 2 * words - 1))) return false;
      const [a, b] = [this.endOf(id, true).ip, this.endOf(id, false).ip];
      return pairs.has(`${a} ${b}`) || pairs.has(`${b} ${a}`);
    });
    return found.slice(-most);
  }

  /** The connection is over. */
  close(connection: number): void {
    this.letGo(connection, NONE);
  }

  /**
   * Places that only the other direction passes, of one that only one direction (`lower`: of the lower end) passes; none where another place of this
   * direction has them: a packet that passes several places says it once.
   */
  otherHalvesOf(id: number, lower: boolean): number[] {
    const halves: number[] = [];
    let isBefore = true;
    for (let each = this.connectionOf(id); each !== NONE; each = this.nextOf(each)) {
      if (each === id) isBefore = false;
      else if (this.isOtherHalf(id, each)) {
        if (isBefore && this.isHalf(each, lower)) return [];
        if (this.isHalf(each, !lower)) halves.push(each);
      }
    }
    return halves;
  }

  private isHalf(place: number, lower: boolean): boolean {
    const { words } = this.table;
    const own = this.table.ownOf(place);
    const isSeen = ((words[countersOf(own, lower) + FLAGS] ?? 0) & SEEN) !== 0;
    return isSeen && ((words[countersOf(own, !lower) + FLAGS] ?? 0) & SEEN) === 0;
  }

  /** Whether one direction may pass one place, and the other one the other. */
  private isOtherHalf(a: number, b: number): boolean {
    const path = this.pathOf(a);
    if (path !== this.pathOf(b)) return false;
    if (path !== 0) return this.interfaceOf(a) === this.interfaceOf(b);
    const { apart } = this.table;
    return (((apart.words[this.table.apartOf(a) + STATE] ?? 0) | (apart.words[this.table.apartOf(b) + STATE] ?? 0)) & LAYER_3) === 0;
  }

  isInner(place: number): boolean {
    return this.pathOf(place) !== 0;
  }

  pathOf(place: number): number {
    return this.table.apart.words[this.table.apartOf(place) + WHERE] ?? 0;
  }

  tunnelOf(place: number): number {
    return (this.table.apart.words[this.table.apartOf(place) + WHERE + 1] ?? 0) >>> 0;
  }

  interfaceOf(place: number): number {
    return (this.table.apart.words[this.table.apartOf(place) + WHERE + 2] ?? 0) & INTERFACE_MASK;
  }

  vlanOf(place: number): number | null {
    const vlan = (this.table.apart.words[this.table.apartOf(place) + WHERE + 2] ?? 0) >>> INTERFACE_BITS;
    return vlan > 0 ? vlan - 1 : null;
  }

  /** Allocates. */
  endOf(place: number, lower: boolean): Required<Endpoint> {
    const { table } = this;
    const home = this.connectionOf(place);
    const isV6 = table.keyWord(home, KIND) === Key.Ipv6;
    const words = isV6 ? IPV6_ADDRESS : 1;
    const first = LOWER + (lower ? 0 : words);
    const ports = table.keyWord(home, PORTS);
    for (let i = 0; i < words; i++) scratch[i] = table.keyWord(home, first + i);
    return { ip: isV6 ? addressText(scratch, 0) : ipv4Text(scratch[0] ?? 0), port: lower ? ports >>> 16 : ports & 0xffff };
  }

  /** The latest packet of the connection, at any place. Allocates. */
  lastOf(connection: number): Stamp {
    const { table } = this;
    return readBrief(table.words, table.ownOf(connection) + LAST, table.seenAt(connection));
  }

  /** Octets of payload. */
  bytesOf(place: number, lower: boolean): number {
    const { apart, words } = this.table;
    const more = apart.doubles[(rareOf(this.table.apartOf(place), lower) + MORE_BYTES) >> 1] ?? 0;
    return more + (words[countersOf(this.table.ownOf(place), lower) + BYTES] ?? 0);
  }

  /** Notes the packet as the first one of its direction. */
  writeFirst(place: number, packet: Packet): void {
    const { apart } = this.table;
    const rare = rareOf(this.table.apartOf(place), this.fromLower);
    apart.doubles[(rare + FIRST_AT) >> 1] = packet.at;
    writeBrief(apart.words, rare + FIRST, packet);
  }

  /** The first packet of a direction that was seen. Allocates. */
  firstOf(place: number, lower: boolean): Stamp {
    const { apart } = this.table;
    const rare = rareOf(this.table.apartOf(place), lower);
    return readBrief(apart.words, rare + FIRST, apart.doubles[(rare + FIRST_AT) >> 1] ?? 0);
  }

  /** Counts octets of payload of the direction whose counters begin at `at`. */
  addBytes(place: number, at: number, length: number): void {
    const { words, apart } = this.table;
    const bytes = (words[at + BYTES] ?? 0) + length;
    if (bytes < MOST_BYTES) {
      words[at + BYTES] = bytes;
      return;
    }
    const more = (rareOf(this.table.apartOf(place), this.fromLower) + MORE_BYTES) >> 1;
    apart.doubles[more] = (apart.doubles[more] ?? 0) + bytes;
    words[at + BYTES] = 0;
  }

  /** Segments of an end have no more than so many octets at a place, though its MSS allows more. */
  lowerLimit(place: number, lower: boolean, most: number): void {
    const { words } = this.table.apart;
    const at = rareOf(this.table.apartOf(place), lower) + LOWERED;
    const known = words[at] ?? 0;
    if (most > 0 && most <= MOST_LIMIT && (known === 0 || most < known)) words[at] = most;
  }

  /** Whether the first place of a connection is that of the packet. */
  private isAt(packet: Packet, home: number): boolean {
    const known = this.table.words[this.table.ownOf(home) + INTERFACE];
    return known === hereOf(packet) && (known !== IN_TUNNEL || this.isIn(packet, home));
  }

  /** The same of one in a tunnel. */
  private isIn(packet: Packet, home: number): boolean {
    const { apart } = this.table;
    const where = this.table.apartOf(home) + WHERE;
    return (
      apart.words[where] === (packet.path | 0) &&
      apart.words[where + 1] === (packet.tunnelId | 0) &&
      apart.words[where + 2] === interfaceKey(packet)
    );
  }

  /** Writes the key of another place than the first one. */
  private writeOther(packet: Packet, home: number): void {
    const { key } = this.table;
    key[KIND] = Key.Other;
    key[FIRST_PLACE] = home;
    writeWhere(key, PLACE, packet);
    this.table.keyLength = OTHER_WORDS;
  }

  /** @param home the first place of the connection; NONE: this is it */
  private add(packet: Packet, home: number): number {
    const { table } = this;
    if (home !== NONE && !this.hasRoom(home)) {
      this.refused++;
      return NONE;
    }
    const { evicted } = table;
    // Of another place the key was written anew.
    const id = home === NONE ? table.addMissing() : table.add();
    if (home !== NONE && table.evicted > evicted && !this.isThere(packet, home)) {
      // The first place of this very connection made room.
      table.remove(id);
      return this.take(packet);
    }
    const { words } = table.apart;
    const apart = table.apartOf(id);
    words[apart + CONNECTION] = home === NONE ? id : home;
    if (home !== NONE) {
      const first = table.apartOf(home);
      words[apart + SIBLING] = words[first + SIBLING] ?? 0;
      words[first + SIBLING] = id + 1;
      words[first + STATE] = (words[first + STATE] ?? 0) + (1 << OTHERS_SHIFT);
      this.flag(home, SEVERAL);
      this.flag(id, SEVERAL);
    }
    writeWhere(words, apart + WHERE, packet);
    words[apart + STATE] = (this.fromLower ? OPENED_BY_LOWER : 0) | (packet.depth === 0 && isLayer3(packet) ? LAYER_3 : 0);
    const own = table.ownOf(id);
    table.words[own + INTERFACE] = hereOf(packet);
    writeBrief(table.words, own + LAST, packet);
    return id;
  }

  private hasRoom(home: number): boolean {
    return (this.table.apart.words[this.table.apartOf(home) + STATE] ?? 0) >>> OTHERS_SHIFT < MOST_PLACES_OF_ONE - 1;
  }

  /** Whether the first place of the packet's connection is still that one. */
  private isThere(packet: Packet, home: number): boolean {
    writeEnds(this.table, packet, packet.sourcePort, packet.destinationPort);
    return this.table.find() === home;
  }

  /** The place leaves the table, and with it all others of its connection. Most connections have one: there is nothing to look up. */
  private leave(place: number): void {
    if (this.flagsOf(place) & SEVERAL) this.letGo(this.connectionOf(place), place);
    else this.closed(place);
  }

  /** @param leaving a place that leaves the table anyway */
  private letGo(connection: number, leaving: number): void {
    const { table } = this;
    this.closed(connection);
    for (let place = connection; place !== NONE; ) {
      const next = this.nextOf(place);
      if (place !== leaving) table.remove(place);
      place = next;
    }
  }
}

const scratch = new Int32Array(4);

/** Where an end's words begin, counted from a place's own ones. */
export const countersOf = (own: number, lower: boolean): number => own + COUNTERS + (lower ? 0 : COUNTER_WORDS);
/** The same among those that stand apart. */
export const rareOf = (apart: number, lower: boolean): number => apart + RARE + (lower ? 0 : RARE_WORDS);

/** `Direction` of packets of an end at a place, by the flags of its direction and those of the other one: of what passed only from there it is the opposite. */
export function directionOf(flags: number, others: number): number {
  const own = (flags >> DIRECTION_SHIFT) & 3;
  if (own !== Direction.Unknown) return own;
  const other = (others >> DIRECTION_SHIFT) & 3;
  return other === Direction.Unknown ? Direction.Unknown : other === Direction.In ? Direction.Out : Direction.In;
}

const Key = { Other: 0, Ipv4: 4, Ipv6: 6 } as const;
const IPV6_ADDRESS = 4;

/** Writes both ends of a packet into the table's key, the lower one first; whether its source is the lower one. */
function writeEnds(table: Table, packet: Packet | QuotedPacket, sourcePort: number, destinationPort: number): boolean {
  const { key } = table;
  const lower = isFromLower(packet, sourcePort, destinationPort);
  key[PORTS] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
  if (packet.version === 4) {
    const { src4, dst4 } = packet;
    key[KIND] = Key.Ipv4;
    key[LOWER] = lower ? src4 : dst4;
    key[LOWER + 1] = lower ? dst4 : src4;
    table.keyLength = IPV4_WORDS;
  } else {
    key[KIND] = Key.Ipv6;
    writeAddress(key, lower ? LOWER : LOWER + IPV6_ADDRESS, packet, true);
    writeAddress(key, lower ? LOWER + IPV6_ADDRESS : LOWER, packet, false);
    table.keyLength = IPV6_WORDS;
  }
  return lower;
}

function writeWhere(words: Int32Array, at: number, packet: Packet): void {
  words[at] = packet.path;
  words[at + 1] = packet.tunnelId;
  words[at + 2] = interfaceKey(packet);
}

/** The interface, and of tagged frames the outermost tag. */
const interfaceKey = ({ vlanCount, interfaceId, vlans }: Packet): number =>
  vlanCount > 0 ? interfaceId | (((vlans[0] ?? 0) + 1) << INTERFACE_BITS) : interfaceId;

/** What tells most places apart: the interface where no tunnel is around. */
const hereOf = (packet: Packet): number => (packet.path === 0 ? interfaceKey(packet) : IN_TUNNEL);
