import type { Mac } from '../net/mac.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { addressText } from './flows.ts';
import { BRIEF_WORDS, readBrief, type Stamp, writeBrief } from './stamp.ts';
import { alignedWords, asDoubles, type Memory, NONE } from './table.ts';

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
const REST_OF_SOURCE = IPV4_WORDS;
const REST_OF_DESTINATION = REST_OF_SOURCE + REST_OF_ADDRESS;
const IPV6_WORDS = REST_OF_DESTINATION + REST_OF_ADDRESS;
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
/*
 * A packet that waits to be counted: its time 2 | the rest of its stamp 3 | hash | length of the key | what was fetched for it | key.
 */
const STAMP = 2;
const ROW_HASH = STAMP + BRIEF_WORDS;
const LENGTH = ROW_HASH + 1;
const FETCHED = LENGTH + 1;
const ROW_KEY = FETCHED + 1;
const ROW = ROW_KEY + IPV6_WORDS;
/** So many packets are counted together. */
const ROWS = 32;

const IPV4_MAPPED = 0xffff;
const ADDRESS = new Int32Array(4);

/**
 * Which card sends packets from whom to whom, by protocol and ports, and to which MAC; of what may be most packets of a capture. Bounded: who had no packet since its
 * last turn makes room, and as the entries are a ring they stand in the order of their turns.
 *
 * Nobody asks before much has passed. So packets wait until there are some, and the memory that they need is fetched for all of them at once: one after the
 * other each of them would wait for its own.
 */
export class Sendings {
  private pushedOut = 0;
  private entries: Memory = memoryOf(0, ENTRY);
  private apart: Memory = memoryOf(0, APART);
  private index = new Int32Array(1);
  private mask = 0;
  private capacity = 0;
  private count = 0;
  /** Whose turn it is to make room. */
  private hand = 0;
  private readonly waiting: Memory = memoryOf(ROWS, ROW);
  /** Behind the last packet that waits. */
  private end = 0;
  /** Secrets, so that nobody outside can choose addresses that fall to one place. */
  private readonly seed = (Math.random() * 2 ** 32) | 0;
  private readonly factor = (Math.random() * 2 ** 32) | 1;

  get size(): number {
    this.settle();
    return this.count;
  }

  /** Entries that had to make room. */
  get evicted(): number {
    this.settle();
    return this.pushedOut;
  }

  /**
   * Counts an IP packet on Ethernet.
   * @param ports as far as they matter
   */
  take(packet: Packet, card: number, ports: number): void {
    const { end } = this;
    const { words, doubles } = this.waiting;
    doubles[end >> 1] = packet.at;
    writeBrief(words, end + STAMP, packet);
    words[end + LENGTH] = writeKey(words, end + ROW_KEY, packet, card, ports);
    words[end + ROW_HASH] = this.hashOf(end);
    this.end = end + ROW;
    if (this.end === ROWS * ROW) this.settle();
  }

  /** Those whose turn to make room comes first. Allocates. */
  ids(): number[] {
    this.settle();
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
    return this.addressOf(id, SOURCE, REST_OF_SOURCE);
  }

  destinationOf(id: number): string {
    return this.addressOf(id, DESTINATION, REST_OF_DESTINATION);
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
    this.settle();
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

  /** Counts all packets that wait. */
  private settle(): void {
    this.fetch();
    for (let row = 0; row < this.end; row += ROW) this.countRow(row);
    this.end = 0;
  }

  /** Looks at the memory that the packets will need, each kind for all of them. */
  private fetch(): void {
    const { index, mask, end } = this;
    const { words } = this.waiting;
    const entries = this.entries.words;
    for (let row = 0; row < end; row += ROW) words[row + FETCHED] = index[((words[row + ROW_HASH] ?? 0) >>> ID_BITS) & mask] ?? 0;
    // Where there is room yet, all of it is small enough for the cache.
    if (this.count < LIMIT) return;
    for (let row = 0; row < end; row += ROW) {
      const id = ((words[row + FETCHED] ?? 0) & ID_MASK) - 1;
      if (id >= 0) words[row + FETCHED] = entries[id * ENTRY + KEY] ?? 0;
    }
    // Those that may make room, and their places.
    for (let row = 0, id = this.hand; row < end; row += ROW, id = (id + 1) % LIMIT) words[row + FETCHED] = entries[id * ENTRY + HASH] ?? 0;
    for (let row = 0; row < end; row += ROW) words[row + FETCHED] = index[((words[row + FETCHED] ?? 0) >>> ID_BITS) & mask] ?? 0;
  }

  private countRow(row: number): void {
    const { waiting } = this;
    const known = this.find(row);
    const id = known === NONE ? this.add(row) : known;
    const { words, doubles } = this.entries;
    const at = id * ENTRY;
    const packets = words[at + PACKETS] ?? 0;
    if (packets < MOST_COUNTED) words[at + PACKETS] = packets + 1;
    doubles[(at >> 1) + AT] = waiting.doubles[row >> 1] ?? 0;
    copyWords(waiting.words, row + STAMP, words, at + LAST, BRIEF_WORDS);
  }

  private hashOf(row: number): number {
    const { factor } = this;
    const { words } = this.waiting;
    const keyEnd = row + ROW_KEY + (words[row + LENGTH] ?? 0);
    let hash = this.seed;
    for (let at = row + ROW_KEY; at < keyEnd; at++) {
      hash = Math.imul(hash ^ (words[at] ?? 0), 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 15), factor);
    }
    return hash ^ (hash >>> 13);
  }

  private find(row: number): number {
    const { index, mask } = this;
    const hash = this.waiting.words[row + ROW_HASH] ?? 0;
    for (let at = (hash >>> ID_BITS) & mask; ; at = (at + 1) & mask) {
      const place = index[at] ?? 0;
      if (place === 0) return NONE;
      if ((place ^ hash) >>> ID_BITS !== 0) continue;
      const id = (place & ID_MASK) - 1;
      if (this.isKeyOf(id, row)) return id;
    }
  }

  private isKeyOf(id: number, row: number): boolean {
    const { words } = this.entries;
    const waiting = this.waiting.words;
    const length = waiting[row + LENGTH] ?? 0;
    const key = row + ROW_KEY;
    const at = id * ENTRY + KEY;
    for (let i = 0; i < IPV4_WORDS; i++) if (words[at + i] !== waiting[key + i]) return false;
    for (let i = IPV4_WORDS; i < length; i++) if (this.restWord(id, i) !== waiting[key + i]) return false;
    return true;
  }

  private add(row: number): number {
    const { waiting } = this;
    const seconds = waiting.doubles[row >> 1] ?? 0;
    const hash = waiting.words[row + ROW_HASH] ?? 0;
    const length = waiting.words[row + LENGTH] ?? 0;
    if (this.count === this.capacity && this.capacity < LIMIT) this.grow();
    const id = this.count === LIMIT ? this.makeRoom(seconds) : this.count++;
    const { entries, apart } = this;
    const at = id * ENTRY;
    const rare = id * APART;
    entries.words[at + PACKETS] = 0;
    entries.words[at + VERDICT] = 0;
    entries.words[at + HASH] = hash;
    entries.doubles[(at >> 1) + QUEUED] = seconds;
    copyWords(waiting.words, row + ROW_KEY, entries.words, at + KEY, IPV4_WORDS);
    apart.doubles[(rare >> 1) + FIRST_AT] = seconds;
    copyWords(waiting.words, row + STAMP, apart.words, rare + FIRST, BRIEF_WORDS);
    copyWords(waiting.words, row + ROW_KEY + IPV4_WORDS, apart.words, rare + REST_OF_KEY, length - IPV4_WORDS);
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
    this.pushedOut++;
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

/** How many words it has. */
function writeKey(words: Int32Array, at: number, packet: Packet, card: number, ports: number): number {
  const { view, ethernetAt, ipAt, version } = packet;
  words[at + LINK] = (card << CARD_SHIFT) | (view.getUint16(ethernetAt) << HIGH_SHIFT) | (packet.protocol & 0xff);
  words[at + TO] = view.getInt32(ethernetAt + 2);
  words[at + PORTS] = ports;
  words[at + VERSION] = version;
  if (version === 4) {
    words[at + SOURCE] = packet.src4;
    words[at + DESTINATION] = packet.dst4;
    return IPV4_WORDS;
  }
  words[at + SOURCE] = view.getInt32(ipAt + IPV6_SOURCE + 4 * REST_OF_ADDRESS);
  words[at + DESTINATION] = view.getInt32(ipAt + IPV6_DESTINATION + 4 * REST_OF_ADDRESS);
  for (let i = 0; i < REST_OF_ADDRESS; i++) {
    words[at + REST_OF_SOURCE + i] = view.getInt32(ipAt + IPV6_SOURCE + 4 * i);
    words[at + REST_OF_DESTINATION + i] = view.getInt32(ipAt + IPV6_DESTINATION + 4 * i);
  }
  return IPV6_WORDS;
}

function copyWords(from: Int32Array, at: number, to: Int32Array, start: number, count: number): void {
  for (let i = 0; i < count; i++) to[start + i] = from[at + i] ?? 0;
}

function memoryOf(count: number, size: number): Memory {
  const words = alignedWords(count * size);
  return { words, doubles: asDoubles(words) };
}
