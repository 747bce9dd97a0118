import type { Mac } from '../net/mac.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { addressText } from './flows.ts';
import { BRIEF_WORDS, readBrief, type Stamp, writeBrief } from './stamp.ts';
import { NONE } from './table.ts';

/** Most entries; they do not age. */
const LIMIT = 16_384;
/** There is memory for so many entries at first, and for four times as many where that is not enough. */
const FIRST_ENTRIES = 256;
const GROWTH = 4;
const MOST_COUNTED = 2 ** 31 - 1;

/*
 * An entry fills a line of the processor's cache, and that of IPv4 is all that its packets touch: time of the latest packet 2 | since when it waits for
 * its turn to make room 2 | the rest of the latest packet's stamp 3 | packets | key 6 | verdict | hash.
 */
const AT = 0;
const QUEUED = 1;
const LAST = 4;
const PACKETS = LAST + BRIEF_WORDS;
const KEY = PACKETS + 1;
const VERDICT = 14;
const HASH = 15;
const ENTRY = 16;

/*
 * The key: card 8 bits, the upper 16 bits of the MAC that it sends to, protocol 8 | lower 32 bits of that MAC | ports | version | last words of source and
 * destination; of IPv6 what stands before them: 3 and 3.
 */
const LINK = 0;
const TO = 1;
const PORTS = 2;
const VERSION = 3;
const SOURCE = 4;
const DESTINATION = 5;
const IPV4_WORDS = 6;
const REST_OF_ADDRESS = 3;
const IPV6_WORDS = IPV4_WORDS + 2 * REST_OF_ADDRESS;
const CARD_SHIFT = 24;
const HIGH_SHIFT = 8;

/* What else is known of an entry, by its id: time of the first packet 2 | the rest of its stamp 3 | what else of the key. */
const FIRST_AT = 0;
const FIRST = 2;
const REST_OF_KEY = FIRST + BRIEF_WORDS;
const APART = 12;

/*
 * A place of the index: the upper bits of the hash, which say where it should stand (there or at the next free one), and id plus one, 0 where it is free. So
 * who leaves, or moves, asks nobody's entry.
 */
const ID_BITS = Math.log2(LIMIT) + 1;
const ID_MASK = 2 ** ID_BITS - 1;
/** Memory of this size begins 16 octets behind a page, so that with these the entries begin where lines do. */
const IN_FRONT = 48;

const IPV4_MAPPED = 0xffff;
const ADDRESS = new Int32Array(4);

/** Words, and the same memory as doubles. */
interface Memory {
  words: Int32Array;
  doubles: Float64Array;
}

/**
 * Which card sends packets from whom to whom, by protocol and ports, and to which MAC; of what may be most packets of a capture. Bounded: who had no packet since its
 * last turn makes room, and as the entries are a ring they stand in the order of their turns.
 */
export class Sendings {
  /** Entries that had to make room. */
  evicted = 0;
  private entries: Memory = memoryOf(0, ENTRY);
  private apart: Memory = memoryOf(0, APART);
  private index = new Int32Array(1);
  private mask = 0;
  private capacity = 0;
  private count = 0;
  /** Whose turn it is to make room. */
  private hand = 0;
  /** Of the packet that is counted. */
  private readonly key = new Int32Array(IPV6_WORDS);
  private keyLength = IPV4_WORDS;
  /** Secrets, so that nobody outside can choose addresses that fall to one place. */
  private readonly seed = (Math.random() * 2 ** 32) | 0;
  private readonly factor = (Math.random() * 2 ** 32) | 1;

  get size(): number {
    return this.count;
  }

  /**
   * Counts an IP packet on Ethernet.
   * @param ports as far as they matter
   */
  take(packet: Packet, card: number, ports: number): void {
    this.writeKey(packet, card, ports);
    const hash = this.hash();
    const known = this.find(hash);
    const id = known === NONE ? this.add(hash, packet) : known;
    const { words, doubles } = this.entries;
    const at = id * ENTRY;
    const packets = words[at + PACKETS] ?? 0;
    if (packets < MOST_COUNTED) words[at + PACKETS] = packets + 1;
    doubles[(at >> 1) + AT] = packet.at;
    writeBrief(words, at + LAST, packet);
  }

  /** Those that have been there for the longest time, or that did without a packet, first. Allocates. */
  ids(): number[] {
    return Array.from({ length: this.count }, (_, i) => (this.hand + i) % LIMIT);
  }

  cardOf(id: number): number {
    return this.keyWord(id, LINK) >>> CARD_SHIFT;
  }

  /** To which MAC it was sent. */
  toOf(id: number): Mac {
    return ((this.keyWord(id, LINK) >>> HIGH_SHIFT) & 0xffff) * 2 ** 32 + (this.keyWord(id, TO) >>> 0);
  }

  protocolOf(id: number): number {
    return this.keyWord(id, LINK) & 0xff;
  }

  portsOf(id: number): number {
    return this.keyWord(id, PORTS);
  }

  packetsOf(id: number): number {
    return this.entries.words[id * ENTRY + PACKETS] ?? 0;
  }

  /** What the caller has said of it; 0 at first. */
  verdictOf(id: number): number {
    return this.entries.words[id * ENTRY + VERDICT] ?? 0;
  }

  setVerdict(id: number, verdict: number): void {
    this.entries.words[id * ENTRY + VERDICT] = verdict;
  }

  /** Whether both are from the same source to the same destination. */
  haveSameEnds(a: number, b: number): boolean {
    for (let i = VERSION; i < IPV4_WORDS; i++) if (this.keyWord(a, i) !== this.keyWord(b, i)) return false;
    if (this.keyWord(a, VERSION) === 4) return true;
    for (let i = IPV4_WORDS; i < IPV6_WORDS; i++) if (this.restWord(a, i) !== this.restWord(b, i)) return false;
    return true;
  }

  /** Allocates, as do those that follow. */
  sourceOf(id: number): string {
    return this.addressOf(id, SOURCE, IPV4_WORDS);
  }

  destinationOf(id: number): string {
    return this.addressOf(id, DESTINATION, IPV4_WORDS + REST_OF_ADDRESS);
  }

  firstOf(id: number): Stamp {
    const { words, doubles } = this.apart;
    const at = id * APART;
    return readBrief(words, at + FIRST, doubles[(at >> 1) + FIRST_AT] ?? 0);
  }

  lastOf(id: number): Stamp {
    const { words, doubles } = this.entries;
    const at = id * ENTRY;
    return readBrief(words, at + LAST, doubles[(at >> 1) + AT] ?? 0);
  }

  clear(): void {
    this.index.fill(0);
    this.count = 0;
    this.hand = 0;
  }

  private keyWord(id: number, i: number): number {
    return this.entries.words[id * ENTRY + KEY + i] ?? 0;
  }

  /** Word `i` of the key of IPv6, of those behind IPV4_WORDS. */
  private restWord(id: number, i: number): number {
    return this.apart.words[id * APART + REST_OF_KEY - IPV4_WORDS + i] ?? 0;
  }

  private addressOf(id: number, last: number, rest: number): string {
    const isIpv4 = this.keyWord(id, VERSION) === 4;
    for (let i = 0; i < REST_OF_ADDRESS; i++) ADDRESS[i] = isIpv4 ? (i === 2 ? IPV4_MAPPED : 0) : this.restWord(id, rest + i);
    ADDRESS[REST_OF_ADDRESS] = this.keyWord(id, last);
    return addressText(ADDRESS, 0);
  }

  private writeKey(packet: Packet, card: number, ports: number): void {
    const { key } = this;
    const { view, ethernetAt, version } = packet;
    key[LINK] = (card << CARD_SHIFT) | (view.getUint16(ethernetAt) << HIGH_SHIFT) | (packet.protocol & 0xff);
    key[TO] = view.getInt32(ethernetAt + 2);
    key[PORTS] = ports;
    key[VERSION] = version;
    if (version === 4) {
      key[SOURCE] = packet.src4;
      key[DESTINATION] = packet.dst4;
      this.keyLength = IPV4_WORDS;
    } else {
      this.writeIpv6(view, packet.ipAt + IPV6_SOURCE, SOURCE, IPV4_WORDS);
      this.writeIpv6(view, packet.ipAt + IPV6_DESTINATION, DESTINATION, IPV4_WORDS + REST_OF_ADDRESS);
      this.keyLength = IPV6_WORDS;
    }
  }

  private writeIpv6(view: DataView, at: number, last: number, rest: number): void {
    const { key } = this;
    for (let i = 0; i < REST_OF_ADDRESS; i++) key[rest + i] = view.getInt32(at + 4 * i);
    key[last] = view.getInt32(at + 4 * REST_OF_ADDRESS);
  }

  private hash(): number {
    const { key, keyLength, factor } = this;
    let hash = this.seed;
    for (let i = 0; i < keyLength; i++) {
      hash = Math.imul(hash ^ (key[i] ?? 0), 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 15), factor);
    }
    return hash ^ (hash >>> 13);
  }

  private find(hash: number): number {
    const { index, mask } = this;
    for (let at = (hash >>> ID_BITS) & mask; ; at = (at + 1) & mask) {
      const place = index[at] ?? 0;
      if (place === 0) return NONE;
      if ((place ^ hash) >>> ID_BITS !== 0) continue;
      const id = (place & ID_MASK) - 1;
      if (this.isKeyOf(id)) return id;
    }
  }

  private isKeyOf(id: number): boolean {
    const { key } = this;
    const { words } = this.entries;
    const at = id * ENTRY + KEY;
    for (let i = 0; i < IPV4_WORDS; i++) if (words[at + i] !== key[i]) return false;
    for (let i = IPV4_WORDS; i < this.keyLength; i++) if (this.restWord(id, i) !== key[i]) return false;
    return true;
  }

  private add(hash: number, packet: Packet): number {
    if (this.count === this.capacity && this.capacity < LIMIT) this.grow();
    const id = this.count === LIMIT ? this.makeRoom(packet.at) : this.count++;
    const { key, keyLength } = this;
    const { words, doubles } = this.entries;
    const at = id * ENTRY;
    words[at + PACKETS] = 0;
    words[at + VERDICT] = 0;
    words[at + HASH] = hash;
    doubles[(at >> 1) + QUEUED] = packet.at;
    for (let i = 0; i < IPV4_WORDS; i++) words[at + KEY + i] = key[i] ?? 0;
    const rare = id * APART;
    this.apart.doubles[(rare >> 1) + FIRST_AT] = packet.at;
    writeBrief(this.apart.words, rare + FIRST, packet);
    for (let i = IPV4_WORDS; i < keyLength; i++) this.apart.words[rare + REST_OF_KEY - IPV4_WORDS + i] = key[i] ?? 0;
    this.enter((hash & ~ID_MASK) | (id + 1));
    return id;
  }

  /** All entries are in use: each gets a second round if it had packets since the first. The id of the one that goes. */
  private makeRoom(now: number): number {
    const { doubles } = this.entries;
    for (let i = 0; i < LIMIT; i++) {
      const at = (this.hand * ENTRY) >> 1;
      if (!((doubles[at + AT] ?? 0) > (doubles[at + QUEUED] ?? 0))) break;
      doubles[at + QUEUED] = now;
      this.hand = (this.hand + 1) % LIMIT;
    }
    const id = this.hand;
    this.hand = (id + 1) % LIMIT;
    this.evicted++;
    this.unlink(id);
    return id;
  }

  private enter(place: number): void {
    const { index, mask } = this;
    let at = (place >>> ID_BITS) & mask;
    while (index[at] !== 0) at = (at + 1) & mask;
    index[at] = place;
  }

  /** Takes the entry out of the index; who stands behind it only because places before were taken moves up. */
  private unlink(id: number): void {
    const { index, mask } = this;
    const place = ((this.entries.words[id * ENTRY + HASH] ?? 0) & ~ID_MASK) | (id + 1);
    let gap = (place >>> ID_BITS) & mask;
    while (index[gap] !== place) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const home = ((index[at] ?? 0) >>> ID_BITS) & mask;
      // It stays if its own place is behind the gap.
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      index[gap] = index[at] ?? 0;
      gap = at;
    }
    index[gap] = 0;
  }

  /** Memory for more entries; ids stay. */
  private grow(): void {
    const { entries, apart, index } = this;
    this.capacity = this.capacity === 0 ? FIRST_ENTRIES : Math.min(LIMIT, this.capacity * GROWTH);
    this.entries = memoryOf(this.capacity, ENTRY);
    this.entries.words.set(entries.words);
    this.apart = memoryOf(this.capacity, APART);
    this.apart.words.set(apart.words);
    this.index = new Int32Array(2 * this.capacity);
    this.mask = this.index.length - 1;
    for (const place of index) if (place !== 0) this.enter(place);
  }
}

function memoryOf(count: number, words: number): Memory {
  const memory = new ArrayBuffer(IN_FRONT + count * words * Int32Array.BYTES_PER_ELEMENT);
  return { words: new Int32Array(memory, IN_FRONT), doubles: new Float64Array(memory, IN_FRONT) };
}
