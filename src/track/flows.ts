import { type Endpoint, ipv4Text, ipv6WordsText } from '../net/ip.ts';
import type { QuotedPacket } from '../wire/icmp.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { Table } from './table.ts';

/*
 * The key: version; both ports; path; both addresses, one word each of IPv4 and four of IPv6, lower end first.
 */
const VERSION = 0;
const PORTS = 1;
const PATH = 2;
const LOWER = 3;
const IPV4_WORDS = LOWER + 2;
const IPV6_ADDRESS = 4;
const IPV6_WORDS = LOWER + 2 * IPV6_ADDRESS;
/** Of an IPv4 address in four words the third one (RFC 4291 section 2.5.5.2). */
export const IPV4_MAPPED = 0xffff;

/*
 * Of the entry's own words, these are the flow's; the tracker's follow. What comes with every packet stands in front: mostly in the cache line of the key, or in the
 * next one.
 */
const FROM_LOWER = 0;
const FROM_UPPER = 1;
/** Its lowest bit is the flow's, the others are the tracker's, so that what is asked of every packet is one word. */
const STATE = 2;
const SERIAL = 3;
/** Even: doubles may begin here. */
export const FLOW_OWN_WORDS = 4;
/** Where the state stands, as seen from the tracker's words. */
export const FLOW_STATE = STATE - FLOW_OWN_WORDS;
/** In the state: the end that sent the first packet is the lower one. */
export const OPENED_BY_LOWER = 1;

const MOST_COUNTED = 2 ** 31 - 1;

/** Longest silence: what goes on later is a new conversation. */
const IDLE_SEC = 600;

/**
 * Pairs of UDP endpoints, whichever side speaks: one look-up for a packet, and everything that trackers know of a conversation hangs on its id. The
 * ends are called lower and upper by the order of address and port.
 */
export class FlowTable {
  readonly table: Table;
  /** Of the packet observed last: its flow is new, it came from the lower end, and the flow's id. */
  isNew = false;
  fromLower = false;
  observedId = -1;
  private serial = 0;

  /** @param own words of the tracker's for each flow, from `wordsOf(id)` on */
  constructor(clock: Clock, own: number, limit: number, leave: (id: number) => void) {
    this.table = new Table({ words: IPV6_WORDS, front: IPV4_WORDS, own: FLOW_OWN_WORDS + own, limit, idleSec: IDLE_SEC, clock, leave });
  }

  /** The flow of `packet`, added where there is none; counts the packet. Sets `isNew` and `fromLower`. */
  observe(packet: Packet): number {
    const { table } = this;
    this.fromLower = this.writeKey(packet, packet.sourcePort, packet.destinationPort, packet.path);
    let id = table.touchAt(table.likelyId(packet.expected));
    this.isNew = id < 0;
    if (id < 0) id = this.begin();
    const { words } = table;
    const at = table.ownOf(id) + (this.fromLower ? FROM_LOWER : FROM_UPPER);
    const packets = words[at] ?? 0;
    // A flow of months: as many as a word holds.
    if (packets < MOST_COUNTED) words[at] = packets + 1;
    this.observedId = id;
    return id;
  }

  /** The packet will be observed soon: `table.fetch` gets its flow ready, if there is one. */
  expect(packet: Packet): void {
    this.writeKey(packet, packet.sourcePort, packet.destinationPort, packet.path);
    packet.expected = this.table.expect();
  }

  /** The flow of the packet that an ICMP error quotes, or NONE; sets `fromLower` by the quoted packet's source. */
  findQuoted(quote: QuotedPacket, path: number): number {
    this.fromLower = this.writeKey(quote, quote.sourcePort, quote.destinationPort, path);
    return this.table.find();
  }

  /** The flow of a packet, or NONE, without counting it; sets `fromLower`. */
  find(packet: Packet, path: number): number {
    this.fromLower = this.writeKey(packet, packet.sourcePort, packet.destinationPort, path);
    return this.table.find();
  }

  /** A packet that was counted is a copy of one before. */
  discount(id: number, lower: boolean): void {
    const { words } = this.table;
    const at = this.table.ownOf(id) + (lower ? FROM_LOWER : FROM_UPPER);
    const packets = words[at] ?? 0;
    if (packets < MOST_COUNTED) words[at] = packets - 1;
  }

  /** Index in `table.words` of the tracker's words; even. */
  wordsOf(id: number): number {
    return this.table.ownOf(id) + FLOW_OWN_WORDS;
  }

  /** A number that no other flow of this table has had: ids are used again. */
  serialOf(id: number): number {
    return this.table.words[this.table.ownOf(id) + SERIAL] ?? 0;
  }

  /** Whether the end that sent the first packet is the lower one. */
  openedByLower(id: number): boolean {
    return ((this.table.words[this.table.ownOf(id) + STATE] ?? 0) & OPENED_BY_LOWER) !== 0;
  }

  packetsFrom(id: number, lower: boolean): number {
    return this.table.words[this.table.ownOf(id) + (lower ? FROM_LOWER : FROM_UPPER)] ?? 0;
  }

  pathOf(id: number): number {
    return this.table.keyWord(id, PATH);
  }

  portOf(id: number, lower: boolean): number {
    const ports = this.table.keyWord(id, PORTS);
    return lower ? ports >>> 16 : ports & 0xffff;
  }

  isIpv4(id: number): boolean {
    return this.table.keyWord(id, VERSION) === 4;
  }

  /** Word `i` of an end's address, IPv4 as 0, 0, 0xffff, address. */
  addressWord(id: number, lower: boolean, i: number): number {
    const { table } = this;
    if (table.keyWord(id, VERSION) !== 4) return table.keyWord(id, LOWER + (lower ? 0 : IPV6_ADDRESS) + i);
    return i === 3 ? table.keyWord(id, LOWER + (lower ? 0 : 1)) : i === 2 ? IPV4_MAPPED : 0;
  }

  /** Allocates. */
  ipOf(id: number, lower: boolean): string {
    const word = (i: number): number => this.addressWord(id, lower, i);
    return this.table.keyWord(id, VERSION) === 4 ? ipv4Text(word(3)) : ipv6WordsText(word(0), word(1), word(2), word(3));
  }

  /** Allocates. */
  endOf(id: number, lower: boolean): Required<Endpoint> {
    return { ip: this.ipOf(id, lower), port: this.portOf(id, lower) };
  }

  /** Whether an end of one flow has the address of an end of another, whatever their ports. */
  isSameAddress(a: number, lowerOfA: boolean, b: number, lowerOfB: boolean): boolean {
    for (let i = 3; i >= 0; i--) if (this.addressWord(a, lowerOfA, i) !== this.addressWord(b, lowerOfB, i)) return false;
    return true;
  }

  /** Adds the flow whose key stands in the table. */
  private begin(): number {
    const { table } = this;
    const id = table.addMissing();
    const own = table.ownOf(id);
    table.words[own + SERIAL] = ++this.serial | 0;
    table.words[own + STATE] = this.fromLower ? OPENED_BY_LOWER : 0;
    return id;
  }

  /** Writes the key of a packet between these ends; whether its source is the lower end. */
  private writeKey(packet: Packet | QuotedPacket, sourcePort: number, destinationPort: number, path: number): boolean {
    const { table } = this;
    const { key } = table;
    const lower = isFromLower(packet, sourcePort, destinationPort);
    key[VERSION] = packet.version;
    key[PORTS] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    key[PATH] = path;
    if (packet.version === 4) {
      const { src4, dst4 } = packet;
      key[LOWER] = lower ? src4 : dst4;
      key[LOWER + 1] = lower ? dst4 : src4;
      table.keyLength = IPV4_WORDS;
    } else {
      writeAddress(key, lower ? LOWER : LOWER + IPV6_ADDRESS, packet, true);
      writeAddress(key, lower ? LOWER + IPV6_ADDRESS : LOWER, packet, false);
      table.keyLength = IPV6_WORDS;
    }
    return lower;
  }
}

type Addressed = Pick<Packet, 'version' | 'src4' | 'dst4' | 'view' | 'ipAt'>;

/** Writes the source or the destination of a packet into four words of a key. */
export function writeAddress(key: Int32Array, at: number, packet: Addressed, source: boolean): void {
  if (packet.version === 4) {
    key[at] = 0;
    key[at + 1] = 0;
    key[at + 2] = IPV4_MAPPED;
    key[at + 3] = source ? packet.src4 : packet.dst4;
    return;
  }
  const { view } = packet;
  const octet = packet.ipAt + (source ? IPV6_SOURCE : IPV6_DESTINATION);
  key[at] = view.getInt32(octet);
  key[at + 1] = view.getInt32(octet + 4);
  key[at + 2] = view.getInt32(octet + 8);
  key[at + 3] = view.getInt32(octet + 12);
}

/** Whether four words hold the source or the destination of a packet. */
export function isSameAddress(words: Int32Array, at: number, packet: Addressed, source: boolean): boolean {
  writeAddress(compared, 0, packet, source);
  for (let i = 3; i >= 0; i--) if (words[at + i] !== compared[i]) return false;
  return true;
}

const compared = new Int32Array(4);

/** The text of the address in four words. Allocates. */
export function addressText(words: Int32Array, at: number): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  return w0 === 0 && w1 === 0 && w2 === IPV4_MAPPED ? ipv4Text(w3) : ipv6WordsText(w0, w1, w2, w3);
}

/** Whether the source of a packet is the lower one of its two ends. */
export const isFromLower = (packet: Addressed, sourcePort: number, destinationPort: number): boolean =>
  packet.version === 4 ? isLowerIpv4(packet, sourcePort, destinationPort) : isLowerIpv6(packet, sourcePort, destinationPort);

const isLowerIpv4 = ({ src4, dst4 }: Addressed, sourcePort: number, destinationPort: number): boolean =>
  src4 < dst4 || (src4 === dst4 && sourcePort <= destinationPort);

function isLowerIpv6({ view, ipAt }: Addressed, sourcePort: number, destinationPort: number): boolean {
  for (let i = 0; i < 16; i += 4) {
    const source = view.getInt32(ipAt + IPV6_SOURCE + i);
    const destination = view.getInt32(ipAt + IPV6_DESTINATION + i);
    if (source !== destination) return source < destination;
  }
  return sourcePort <= destinationPort;
}
