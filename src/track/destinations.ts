import { IPV6_DESTINATION, type Packet } from '../wire/packet.ts';
import { addressText, writeAddress } from './flows.ts';
import { MOST_HOPS } from './hops.ts';
import { readStamp, STAMP_WORDS, type Stamp, type StampStore, writeStamp } from './stamp.ts';
import { MOST_EXPECTED } from './table.ts';

/** Most entries, and places for them: half of them stay free, so that an entry is found at its place or the next. */
const LIMIT = 65_536;
/** There is memory for so many entries at first, and for four times as many where that is not enough. */
const FIRST_ENTRIES = 256;
const GROWTH = 4;
/** Silence is measured in steps of this. */
const STEP_SEC = 60;
/** Longest silence, in steps: what goes on later is another entry. */
const IDLE_STEPS = 10;
const MOST_STEPS = 255;
const MOST_COUNTED = 2 ** 31 - 1;

/*
 * A place: last word of the destination | tag, 0 where it is free | packets | octets, the lower 32 bits. Four of them are a line of the processor's
 * cache, and a packet of a known destination touches nothing else.
 *
 * The tag: id of the entry 16 bits | hop 13 | IPv6 1, plus one.
 */
const LAST = 0;
const TAG = 1;
const PACKETS = 2;
const OCTETS = 3;
const PLACE = 4;
const HOP_BITS = 1 + Math.log2(MOST_HOPS);
const HOP_MASK = 2 ** HOP_BITS - 1;

/*
 * An entry, of which a packet needs little: destination 4 | hop and IPv6 | flags, and from bit 8 on how many steps it has been silent | how often
 * the lower bits of the octets ran over, or in free entries the next free one | packets when it was looked at last | stamp of the first packet.
 */
const HOP = 4;
const FLAGS = 5;
const OVERRUNS = 6;
const MARK = 7;
const FIRST = 8;
const ENTRY = FIRST + STAMP_WORDS;
const SILENT = 8;
const FLAG_MASK = 2 ** SILENT - 1;

const NONE = -1;
/** Instead of a hop, in an entry that is free. */
const FREE = -1;
/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 section 2.5.6), the bits of their prefixes. */
const IPV4_LINK_LOCAL = 0xa9fe;
const IPV6_LINK_LOCAL = 0x3fa;
const IPV4_MAPPED = 0xffff;
/** Octets from the start of an IPv6 header to the last word of its destination. */
const LAST_WORD = IPV6_DESTINATION + 12;

/**
 * Packets and octets by destination and hop (a small number of the caller's), of what may be all packets of a capture: as little memory is touched
 * for a packet as can be, for that is what its time goes into where many destinations take turns. Bounded; entries that are silent for ten minutes
 * leave, and where there is no room the ones that had no packet for a while. Ids are given in an order that depends on the packets alone.
 */
export class Destinations {
  readonly limit = LIMIT;
  /** Entries that had to make room. */
  evicted = 0;
  /** Whether the packet that was counted last is the first of its entry. */
  isNew = false;
  /** How many packets the entry that was counted last had before. */
  before = 0;
  /** Twice as many as there is memory for entries. */
  private places = new Int32Array(2 * FIRST_ENTRIES * PLACE);
  private placeMask = this.places.length - 1;
  private placeShift = shiftOf(FIRST_ENTRIES);
  private entries: StampStore = entriesOf(FIRST_ENTRIES);
  private words = this.entries.words;
  private capacity = FIRST_ENTRIES;
  private count = 0;
  private fresh = 0;
  private free = NONE;
  /** Whose turn it is to make room. */
  private hand = 0;
  private sweptAt = Number.NEGATIVE_INFINITY;
  /** Places of entries that somebody will ask for. */
  private readonly expected = new Int32Array(MOST_EXPECTED);
  private expectedCount = 0;
  /** Without it V8 would leave out what only fetches. */
  protected fetched = 0;
  /** A secret, so that nobody outside can choose addresses that fall to one place. */
  private readonly seed = (Math.random() * 2 ** 32) | 0;
  private readonly factor = (Math.random() * 2 ** 32) | 1;
  private readonly leave: (id: number) => void;

  /** @param leave an entry goes, but at `clear`: what is known of it can still be asked for */
  constructor(leave: (id: number) => void) {
    this.leave = leave;
  }

  get size(): number {
    return this.count;
  }

  /** Soon the packet will be counted: the next `fetch` gets the place ready where its entry stands. */
  expect({ version, dst4, view, ipAt }: Packet, hop: number): void {
    if (this.expectedCount === MOST_EXPECTED) return;
    const isV4 = version === 4;
    this.expected[this.expectedCount++] = this.placeOf(isV4 ? dst4 : view.getInt32(ipAt + LAST_WORD), (hop << 1) | (isV4 ? 0 : 1));
  }

  /** As `Table.fetch`. */
  fetch(): void {
    const { expected, expectedCount, places } = this;
    let seen = 0;
    for (let i = 0; i < expectedCount; i++) seen |= places[expected[i] ?? 0] ?? 0;
    this.expectedCount = 0;
    this.fetched = seen;
  }

  /** Counts an IP packet for its destination by the hop; gives the id of the entry. */
  take(packet: Packet, hop: number): number {
    const place = this.find(packet, hop, false);
    const at = place === NONE ? this.add(packet, hop) : place;
    const { places } = this;
    const packets = places[at + PACKETS] ?? 0;
    this.isNew = place === NONE;
    this.before = packets;
    if (packets < MOST_COUNTED) places[at + PACKETS] = packets + 1;
    const octets = places[at + OCTETS] ?? 0;
    const sum = (octets + packet.end - packet.ipAt) | 0;
    places[at + OCTETS] = sum;
    const id = ((places[at + TAG] ?? 0) - 1) >>> HOP_BITS;
    if (octets < 0 && sum >= 0) this.words[id * ENTRY + OVERRUNS] = (this.words[id * ENTRY + OVERRUNS] ?? 0) + 1;
    return id;
  }

  /** The id of the entry of which the packet's source is the destination; NONE where there is none. */
  idOfSource(packet: Packet, hop: number): number {
    const place = this.find(packet, hop, true);
    return place === NONE ? NONE : ((this.places[place + TAG] ?? 0) - 1) >>> HOP_BITS;
  }

  flagsOf(id: number): number {
    return (this.words[id * ENTRY + FLAGS] ?? 0) & FLAG_MASK;
  }

  setFlag(id: number, flag: number): void {
    this.words[id * ENTRY + FLAGS] = (this.words[id * ENTRY + FLAGS] ?? 0) | flag;
  }

  hopOf(id: number): number {
    return (this.words[id * ENTRY + HOP] ?? 0) >>> 1;
  }

  /** An address that is never behind a gateway: link-local, loopback, or all. */
  isNear(id: number): boolean {
    const { words } = this;
    const at = id * ENTRY;
    const first = words[at] ?? 0;
    const last = words[at + 3] ?? 0;
    if (first !== 0) return first >>> 22 === IPV6_LINK_LOCAL;
    if (words[at + 1] !== 0) return false;
    if (words[at + 2] === 0) return last === 1;
    return words[at + 2] === IPV4_MAPPED && (last >>> 24 === 127 || last >>> 16 === IPV4_LINK_LOCAL || last === -1);
  }

  /** The last 32 bits of the destination. */
  lastWordOf(id: number): number {
    return this.words[id * ENTRY + 3] ?? 0;
  }

  isIpv6(id: number): boolean {
    const { words } = this;
    const at = id * ENTRY;
    return words[at] !== 0 || words[at + 1] !== 0 || words[at + 2] !== IPV4_MAPPED;
  }

  /** Whether the destination is the address in four words. */
  isTo(id: number, address: Int32Array, at: number): boolean {
    const { words } = this;
    for (let i = 0; i < 4; i++) if (words[id * ENTRY + i] !== address[at + i]) return false;
    return true;
  }

  /** Allocates, as do those that follow. */
  destinationOf(id: number): string {
    return addressText(this.words, id * ENTRY);
  }

  firstOf(id: number): Stamp {
    return readStamp(this.entries, id * ENTRY + FIRST);
  }

  countsOf(id: number): { packets: number; octets: number } {
    const { places, words } = this;
    const place = this.placeOfEntry(id);
    return {
      packets: places[place + PACKETS] ?? 0,
      octets: (words[id * ENTRY + OVERRUNS] ?? 0) * 2 ** 32 + ((places[place + OCTETS] ?? 0) >>> 0),
    };
  }

  /** Ids are lower than this. */
  get end(): number {
    return this.fresh;
  }

  /** Whether an id is that of an entry. */
  has(id: number): boolean {
    return this.words[id * ENTRY + HOP] !== FREE;
  }

  /** Lets go what has been silent for long; called now and then. */
  expire(now: number): void {
    if (now - this.sweptAt < STEP_SEC) return;
    const steps = this.sweptAt === Number.NEGATIVE_INFINITY ? 0 : Math.min(MOST_STEPS, Math.floor((now - this.sweptAt) / STEP_SEC));
    this.sweptAt = now;
    for (let id = 0; id < this.fresh; id++) {
      if (!this.has(id)) continue;
      const flags = this.words[id * ENTRY + FLAGS] ?? 0;
      const silent = this.isUnchanged(id) ? Math.min(MOST_STEPS, (flags >>> SILENT) + steps) : 0;
      this.words[id * ENTRY + FLAGS] = (flags & FLAG_MASK) | (silent << SILENT);
      if (silent >= IDLE_STEPS) this.expel(id);
    }
  }

  /** All are forgotten, and nobody is told. */
  clear(): void {
    if (this.fresh > 0) this.places.fill(0);
    this.count = 0;
    this.fresh = 0;
    this.free = NONE;
    this.hand = 0;
    this.sweptAt = Number.NEGATIVE_INFINITY;
  }

  private find(packet: Packet, hop: number, isSource: boolean): number {
    const { places } = this;
    const { version, view, ipAt } = packet;
    const isV4 = version === 4;
    const lastAt = ipAt + (isSource ? LAST_WORD - 16 : LAST_WORD);
    const last = isV4 ? (isSource ? packet.src4 : packet.dst4) : view.getInt32(lastAt);
    const key = (hop << 1) | (isV4 ? 0 : 1);
    for (let at = this.placeOf(last, key); ; at = (at + PLACE) & this.placeMask) {
      const tag = places[at + TAG] ?? 0;
      if (tag === 0) return NONE;
      if (places[at + LAST] !== last || ((tag - 1) & HOP_MASK) !== key) continue;
      if (isV4 || this.isRestSame((tag - 1) >>> HOP_BITS, packet, lastAt)) return at;
    }
  }

  /** The words of an IPv6 address before the last one. */
  private isRestSame(id: number, { view }: Packet, lastAt: number): boolean {
    const { words } = this;
    const at = id * ENTRY;
    return (
      words[at + 2] === view.getInt32(lastAt - 4) && words[at + 1] === view.getInt32(lastAt - 8) && words[at] === view.getInt32(lastAt - 12)
    );
  }

  private add(packet: Packet, hop: number): number {
    if (this.count === LIMIT) this.makeRoom();
    else if (this.free === NONE && this.fresh === this.capacity) this.grow();
    const { words, places } = this;
    let id = this.free;
    if (id === NONE) id = this.fresh++;
    else this.free = (words[id * ENTRY + OVERRUNS] ?? 0) - 1;
    this.count++;
    const at = id * ENTRY;
    writeAddress(words, at, packet, false);
    const key = (hop << 1) | (packet.version === 4 ? 0 : 1);
    words[at + HOP] = key;
    words[at + FLAGS] = 0;
    words[at + OVERRUNS] = 0;
    words[at + MARK] = 0;
    writeStamp(this.entries, at + FIRST, packet);
    const last = words[at + 3] ?? 0;
    let place = this.placeOf(last, key);
    while (places[place + TAG] !== 0) place = (place + PLACE) & this.placeMask;
    places[place + LAST] = last;
    places[place + TAG] = ((id << HOP_BITS) | key) + 1;
    places[place + PACKETS] = 0;
    places[place + OCTETS] = 0;
    return place;
  }

  /** Memory for more entries; ids stay. */
  private grow(): void {
    const { places: before, words } = this;
    this.capacity = Math.min(LIMIT, this.capacity * GROWTH);
    this.entries = entriesOf(this.capacity);
    this.words = this.entries.words;
    this.words.set(words);
    this.places = new Int32Array(2 * this.capacity * PLACE);
    this.placeMask = this.places.length - 1;
    this.placeShift = shiftOf(this.capacity);
    for (let at = 0; at < before.length; at += PLACE) {
      const tag = before[at + TAG] ?? 0;
      if (tag === 0) continue;
      let place = this.placeOf(before[at + LAST] ?? 0, (tag - 1) & HOP_MASK);
      while (this.places[place + TAG] !== 0) place = (place + PLACE) & this.placeMask;
      for (let i = 0; i < PLACE; i++) this.places[place + i] = before[at + i] ?? 0;
    }
  }

  /** Whose count has not changed since it was looked at last; it is looked at now. */
  private isUnchanged(id: number): boolean {
    const packets = this.places[this.placeOfEntry(id) + PACKETS] ?? 0;
    const isUnchanged = this.words[id * ENTRY + MARK] === packets;
    this.words[id * ENTRY + MARK] = packets;
    return isUnchanged;
  }

  /** It had no packet since it was looked at last, or a single one ever. */
  private isSpare(id: number): boolean {
    const isFresh = this.words[id * ENTRY + MARK] === 0;
    return this.isUnchanged(id) || (isFresh && this.words[id * ENTRY + MARK] === 1);
  }

  /** All entries are in use: each gets a second round if it had packets since the first. */
  private makeRoom(): void {
    for (let i = 0; i < LIMIT && !this.isSpare(this.hand); i++) this.hand = (this.hand + 1) % LIMIT;
    this.evicted++;
    this.expel(this.hand);
    this.hand = (this.hand + 1) % LIMIT;
  }

  private expel(id: number): void {
    this.leave(id);
    this.release(this.placeOfEntry(id));
    this.words[id * ENTRY + HOP] = FREE;
    this.words[id * ENTRY + OVERRUNS] = this.free + 1;
    this.free = id;
    this.count--;
  }

  /** Frees a place, and moves those behind it that were pushed on by it. */
  private release(place: number): void {
    const { places } = this;
    let hole = place;
    for (let at = (hole + PLACE) & this.placeMask; places[at + TAG] !== 0; at = (at + PLACE) & this.placeMask) {
      const home = this.placeOf(places[at + LAST] ?? 0, ((places[at + TAG] ?? 0) - 1) & HOP_MASK);
      // It may stand in the hole if its own place is not between the hole and where it stands.
      if (((at - home) & this.placeMask) < ((at - hole) & this.placeMask)) continue;
      places.copyWithin(hole, at, at + PLACE);
      hole = at;
    }
    places[hole + TAG] = 0;
  }

  private placeOfEntry(id: number): number {
    const { places, words } = this;
    const at = id * ENTRY;
    const tag = ((id << HOP_BITS) | (words[at + HOP] ?? 0)) + 1;
    let place = this.placeOf(words[at + 3] ?? 0, words[at + HOP] ?? 0);
    while (places[place + TAG] !== tag) place = (place + PLACE) & this.placeMask;
    return place;
  }

  private placeOf(last: number, key: number): number {
    let hash = Math.imul(last ^ this.seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ key, this.factor);
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca77);
    return (hash >>> this.placeShift) * PLACE;
  }
}

function entriesOf(count: number): StampStore {
  const memory = new ArrayBuffer(count * ENTRY * 4);
  return { words: new Int32Array(memory), doubles: new Float64Array(memory) };
}

/** Of a hash of 32 bits there remain as many as it takes to number the places for so many entries. */
const shiftOf = (entries: number): number => Math.clz32(2 * entries - 1);
