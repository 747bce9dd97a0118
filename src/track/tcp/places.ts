import { Direction } from '../../frame.ts';
import type { Endpoint } from '../../net/ip.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import { isLayer3 } from '../../wire/layer3.ts';
import type { Packet } from '../../wire/packet.ts';
import { addressText, isFromLower, writeAddress } from '../flows.ts';
import { STAMP_WORDS } from '../stamp.ts';
import { NONE, Table } from '../table.ts';

/*
 * The key: both addresses in four words each (IPv4 as 0, 0, 0xffff, address), lower end first; both ports; the path and the id of the tunnel around the
 * connection; the interface with its VLAN. The place where a connection was seen first has none of the last three in its key but HOME: few connections are
 * seen at a second one, and those that are, are found by it.
 */
const UPPER = 4;
const PORTS = 8;
const PLACE = 9;
const PLACE_WORDS = 3;
const HOME = -1;
/** `InterfaceTracker` knows at most as many. */
const INTERFACE_BITS = 14;
const INTERFACE_MASK = (1 << INTERFACE_BITS) - 1;

/*
 * A place's own words, by lines of the cache (the first twelve share one with the end of the key):
 *
 *   first place of the connection 1 | next place 1 | state 1 | noted 1 | most octets of a segment 2 x 1 | path, tunnel and interface 3 | spare 3 ||
 *   counters of the lower end 16 || of the upper end 16 || last packets 2 x 8 || first packets 2 x 8
 */
const CONNECTION = 0;
/** Plus one; 0: there is none. */
const SIBLING = 1;
export const STATE = 2;
/** Its number among the places that are looked at for their MSS plus one; 0: it is not one of them. */
export const NOTED = 3;
const LIMITS = 4;
const WHERE = 6;
const COUNTERS = 12;
const COUNTER_WORDS = 16;
const LAST = 44;
const FIRST = 60;
const OWN_WORDS = 76;

/* State: */
/** The lower end opened it, or spoke first. */
export const OPENED_BY_LOWER = 1;
/** The SYN was seen, of either end. */
export const HAS_SYN = 2;
export const LAYER_3 = 4;
/** Two bits each: `Direction` of packets of the lower and of the upper end. */
export const LOWER_DIRECTION_SHIFT = 3;
export const UPPER_DIRECTION_SHIFT = 5;

/* Counters of one direction, from `countersOf` on. */
/** Sequence number behind the highest octet that was sent. */
export const NEXT = 0;
/** Highest acknowledgment of the other end. */
export const ACKED = 1;
export const PACKETS = 2;
/** Flags below, and the MSS that the end offered above. */
export const FLAGS = 3;
/** Octets of the largest packet that was sent, and in the upper half of the largest that was acknowledged. */
export const SIZES = 4;
/** Its latest segment in `SentSegments`. */
export const SEGMENT = 5;
/** Identification of the latest segment; above it its TTL, and how many keepalives there were (8 bits each). */
export const IDENT = 6;
export const KEEPALIVES_SHIFT = 24;
/** The window that the end offered last, by how many bits it is shifted (8 bits), and how often the end repeated its latest acknowledgment (8 bits). */
export const WINDOW = 7;
/** A double: octets of payload. */
export const BYTES = 8;
export const RETRANSMISSIONS = 10;
/** Sequence number of the SYN. */
export const INITIAL = 11;
/** Segments larger than all that was acknowledged, on their way: first and latest. Each: behind its last octet, and length and size. */
export const CANDIDATES = 12;

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
export const MSS = 512;
export const MSS_SHIFT = 16;

/**
 * Connections at their places of capture: what is known of each is words in one table. Places of one connection hang together; the first one's id names the
 * connection, and all of them leave at once.
 */
export class Places {
  readonly table: Table;
  /** Whether the packet whose key was written came from the lower end. */
  fromLower = false;
  private readonly closed: (connection: number) => void;

  /** @param closed a connection is over: its places are still there until it returns */
  constructor(clock: Packet, limit: number, idleSec: number, closed: (connection: number) => void) {
    this.closed = closed;
    this.table = new Table({
      words: PLACE + PLACE_WORDS,
      own: OWN_WORDS,
      limit,
      idleSec,
      clock,
      leave: (id) => this.letGo(this.connectionOf(id), id),
    });
  }

  /** The place of the packet, added where there is none; it counts as used. Sets `fromLower`. */
  take(packet: Packet): number {
    const { table } = this;
    const { key } = table;
    this.fromLower = writeEnds(key, packet, packet.sourcePort, packet.destinationPort);
    writeHome(key);
    const home = table.touch();
    if (home === NONE) return this.add(packet, NONE);
    const { words } = table;
    const where = table.ownOf(home) + WHERE;
    if (words[where] === (packet.path | 0) && words[where + 1] === (packet.tunnelId | 0) && words[where + 2] === interfaceKey(packet))
      return home;
    return this.takeOther(packet, home);
  }

  /** The connection of the packet that an ICMP error quotes, or NONE; sets `fromLower` by the quoted packet's source. */
  findQuoted(quote: QuotedPacket): number {
    const { table } = this;
    this.fromLower = writeEnds(table.key, quote, quote.sourcePort, quote.destinationPort);
    writeHome(table.key);
    return table.find();
  }

  /** The connection that a place belongs to: the id of its first place. */
  connectionOf(place: number): number {
    return this.table.words[this.table.ownOf(place) + CONNECTION] ?? 0;
  }

  /** The next place of the same connection, or NONE. */
  nextOf(place: number): number {
    return (this.table.words[this.table.ownOf(place) + SIBLING] ?? 0) - 1;
  }

  /** The connection was seen at more places than one. */
  hasSeveral(place: number): boolean {
    return this.nextOf(this.connectionOf(place)) !== NONE;
  }

  /** The connection is over. */
  close(connection: number): void {
    this.letGo(connection, NONE);
  }

  isInner(place: number): boolean {
    return this.pathOf(place) !== 0;
  }

  pathOf(place: number): number {
    return this.table.words[this.table.ownOf(place) + WHERE] ?? 0;
  }

  tunnelOf(place: number): number {
    return (this.table.words[this.table.ownOf(place) + WHERE + 1] ?? 0) >>> 0;
  }

  interfaceOf(place: number): number {
    return (this.table.words[this.table.ownOf(place) + WHERE + 2] ?? 0) & INTERFACE_MASK;
  }

  vlanOf(place: number): number | null {
    const vlan = (this.table.words[this.table.ownOf(place) + WHERE + 2] ?? 0) >>> INTERFACE_BITS;
    return vlan > 0 ? vlan - 1 : null;
  }

  /** Allocates. */
  endOf(place: number, lower: boolean): Required<Endpoint> {
    const { table } = this;
    for (let i = 0; i < 4; i++) scratch[i] = table.keyWord(place, (lower ? 0 : UPPER) + i);
    const ports = table.keyWord(place, PORTS);
    return { ip: addressText(scratch, 0), port: lower ? ports >>> 16 : ports & 0xffff };
  }

  /** Another place than the first one, added where it is new. */
  private takeOther(packet: Packet, home: number): number {
    const { table } = this;
    writeWhere(table.key, PLACE, packet);
    const known = table.touch();
    return known === NONE ? this.add(packet, home) : known;
  }

  /** @param home the first place of the connection; NONE: this is it */
  private add(packet: Packet, home: number): number {
    const { table } = this;
    const isFull = table.size === table.limit;
    const id = table.add();
    const { words } = table;
    const own = table.ownOf(id);
    // What makes room may be the first place of this very connection.
    const isHomeless = home === NONE || (isFull && !this.isThere(home));
    words[own + CONNECTION] = isHomeless ? id : home;
    if (!isHomeless) {
      const first = table.ownOf(home);
      words[own + SIBLING] = words[first + SIBLING] ?? 0;
      words[first + SIBLING] = id + 1;
    }
    writeWhere(words, own + WHERE, packet);
    words[own + STATE] = (this.fromLower ? OPENED_BY_LOWER : 0) | (packet.depth === 0 && isLayer3(packet) ? LAYER_3 : 0);
    return id;
  }

  /** Whether the first place of the connection whose key was written is still that one. */
  private isThere(home: number): boolean {
    writeHome(this.table.key);
    return this.table.find() === home;
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

/* Where an end's words begin, counted from a place's own ones. */
export const countersOf = (own: number, lower: boolean): number => own + COUNTERS + (lower ? 0 : COUNTER_WORDS);
export const firstOf = (own: number, lower: boolean): number => own + FIRST + (lower ? 0 : STAMP_WORDS);
export const lastOf = (own: number, lower: boolean): number => own + LAST + (lower ? 0 : STAMP_WORDS);
/**
 * The word that says how many octets a segment of that end has at most, options of TCP included: the MSS of the other end, and above it what turned out to
 * be less; each 0 where it is not known.
 */
export const limitOf = (own: number, lower: boolean): number => own + LIMITS + (lower ? 0 : 1);

/** `Direction` of packets of an end at a place, by its state; of what passed only from the other end it is the opposite one. */
export function directionOf(state: number, lower: boolean): number {
  const own = (state >> (lower ? LOWER_DIRECTION_SHIFT : UPPER_DIRECTION_SHIFT)) & 3;
  if (own !== Direction.Unknown) return own;
  const other = (state >> (lower ? UPPER_DIRECTION_SHIFT : LOWER_DIRECTION_SHIFT)) & 3;
  return other === Direction.Unknown ? Direction.Unknown : other === Direction.In ? Direction.Out : Direction.In;
}

/** Writes both ends of a packet into a key, the lower one first; whether its source is the lower one. */
function writeEnds(key: Int32Array, packet: Packet | QuotedPacket, sourcePort: number, destinationPort: number): boolean {
  const lower = isFromLower(packet, sourcePort, destinationPort);
  writeAddress(key, lower ? 0 : UPPER, packet, true);
  writeAddress(key, lower ? UPPER : 0, packet, false);
  key[PORTS] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
  return lower;
}

function writeHome(key: Int32Array): void {
  key[PLACE] = HOME;
  key[PLACE + 1] = HOME;
  key[PLACE + 2] = HOME;
}

function writeWhere(words: Int32Array, at: number, packet: Packet): void {
  words[at] = packet.path;
  words[at + 1] = packet.tunnelId;
  words[at + 2] = interfaceKey(packet);
}

/** The interface, and of tagged frames the outermost tag. */
const interfaceKey = ({ vlanCount, interfaceId, vlans }: Packet): number =>
  vlanCount > 0 ? interfaceId | (((vlans[0] ?? 0) + 1) << INTERFACE_BITS) : interfaceId;
