import type { Clock } from './clock.ts';

export interface TableOptions {
  /** Length of the longest key in 32-bit words. */
  words: number;
  /** So many of them stand beside the entry's own words, all of them unless it is said: what is left of long keys stands apart. */
  front?: number;
  /** 32-bit words of an entry that are the tracker's own; they begin as 0. */
  own?: number;
  /** 32-bit words of an entry that stand apart, where the packets that do not ask for them pay nothing for them; they begin as 0, too. */
  apart?: number;
  /** Most entries; rounded up to a power of two. The entry idle for the longest time makes room for a new one, and is counted. */
  limit: number;
  /** After this many seconds without a touch an entry leaves, at the latest after twice as many. */
  idleSec: number;
  clock: Clock;
  /** An entry leaves (idle, pushed out, or at `clear`): its words still hold what was known. Not called by `remove`. */
  leave?: (id: number) => void;
}

/** No entry. */
export const NONE = -1;

/*
 * An entry, in 32-bit words:
 *
 *   0-1 seen at | 2 hash, or in a free one the next free one plus one | key | the tracker's own | older 1 | newer 1 | queued at 2
 *
 * One after the other in one array, each a whole number of cache lines: a packet touches one place of the index and the entry. What it does not touch stands
 * at the end, since memory need not begin where a line does.
 */
/** A double. */
const SEEN = 0;
const HASH = 2;
const KEY = 3;
/*
 * The index: twice as many places as entries, a word each: id plus one in the lower bits (0: the place is free), how far it is from its own place, and above
 * that as much of the hash as there is room for. An entry's own place is the one that the lowest bits of its hash say; it stands there or at the next free one.
 * So who has no entry, or leaves, finds that out without looking at anybody else's, and the index is small enough for the cache.
 */
/** Who stands so many places from its own, or more, has its hash asked. */
const FAR = 15;

/* From the end of the entry. */
const QUEUE_WORDS = 4;
const OLDER = -4;
const NEWER = -3;
/** A double. */
const QUEUED = -1;
/** Words of a cache line. */
const LINE = 16;
/** Most keys that are expected at a time. */
export const MOST_EXPECTED = 16;
/** A table begins with room for so many entries, a power of two, and where that is not enough there is so many times as much. */
const FIRST_ENTRIES = 64;
const GROWTH = 4;
/**
 * Of more entries than that all that there may be get their memory at once, but for the index: what is not written yet costs nothing, while what is left behind by each
 * step of growth stays with the process.
 */
const MANY = 4096;

const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);

/**
 * Octets in front of the first entry: large memory begins 16 octets behind a page (what the allocator knows of it stands there), so that entries begin where lines of
 * cache do. Where it begins elsewhere, nothing is lost but these.
 */
const IN_FRONT = 48;

/** Words of entries, and the same memory as doubles: words 2n and 2n + 1 are double n. */
export interface Memory {
  words: Int32Array;
  doubles: Float64Array;
}

/** Of a table without memory: nothing is found. */
const NO_ENTRY = new Int32Array(1);

/**
 * A bounded table from keys of some 32-bit words to small integers, the ids of its entries. What is known of an entry stands in its own words, or in
 * typed arrays of the tracker's with the id as index: nothing is allocated for a packet. Memory comes with the first entry and grows with them, up to the
 * limit: most captures need little of most tables. So `words` and `doubles` are to be read anew after `add`.
 *
 * Open addressing, and a queue in order of age, in which an entry that was touched meanwhile gets a second round when its turn comes (the clock
 * algorithm): touching is one write.
 */
export class Table {
  readonly limit: number;
  /** The key to look for or to add: the caller fills it before `find`, `add` or `touch`. */
  readonly key: Int32Array;
  /** How many words the key has, where keys are of several lengths: then their first word tells which. */
  keyLength: number;
  /** Entries that were pushed out to make room. */
  evicted = 0;
  /** All entries; an entry's own words begin at `ownOf(id)`. `add` may replace it by a larger one. */
  words: Int32Array = NO_WORDS;
  /** The same memory as doubles: words 2n and 2n + 1 are double n. `add` may replace it, too. */
  doubles: Float64Array = NO_DOUBLES;
  /** Words that stand apart: those of an entry begin at `apartOf(id)`. `add` may replace what is in it. */
  readonly apart: Memory = { words: NO_WORDS, doubles: NO_DOUBLES };
  private readonly front: number;
  private readonly stride: number;
  private readonly ownAt: number;
  private readonly apartStride: number;
  private readonly apartAt: number;
  /** The tracker has words there. */
  private readonly hasApart: boolean;
  private index: Int32Array = NO_ENTRY;
  private mask = 0;
  /** Bits of a place that hold the id, those that hold a part of the hash, and where those between them begin. */
  private readonly idMask: number;
  private readonly hashMask: number;
  private readonly distanceShift: number;
  /** Entries that there is memory for, and those that the index has room for. */
  private memory = 0;
  private capacity = 0;
  private oldest = NONE;
  private newest = NONE;
  private free = NONE;
  private fresh = 0;
  private count = 0;
  private readonly idleSec: number;
  private readonly clock: Clock;
  private readonly leave: ((id: number) => void) | undefined;
  /** Of keys that somebody will ask for the hashes, and after `fetch` the ids that they probably have. */
  private readonly expected = new Int32Array(MOST_EXPECTED);
  private expectedCount = 0;
  /** Without it V8 would leave out what only fetches. */
  protected fetched = 0;
  /** Secrets, so that nobody outside can choose keys that fall into one row of places. */
  private readonly seed = (Math.random() * 2 ** 32) | 0;
  private readonly factor = (Math.random() * 2 ** 32) | 1;
  /** Hash of the key that was looked for last, and has no entry. */
  private sought = 0;

  constructor({ words, front = words, own = 0, apart = 0, limit, idleSec, clock, leave }: TableOptions) {
    // As a small integer: a power is a double to V8, and with it the first of the fields that take it over.
    this.limit = (2 ** Math.ceil(Math.log2(limit))) | 0;
    this.idMask = 2 * this.limit - 1;
    this.distanceShift = 32 - Math.clz32(this.idMask);
    this.hashMask = ~(this.idMask | (FAR << this.distanceShift));
    this.keyLength = words;
    this.key = new Int32Array(words);
    this.front = front;
    this.ownAt = KEY + front + ((KEY + front) % 2);
    this.stride = Math.ceil((this.ownAt + own + QUEUE_WORDS) / LINE) * LINE;
    this.apartAt = words - front + ((words - front) % 2);
    this.hasApart = apart > 0;
    this.apartStride = this.apartAt + apart + (apart % 2);
    this.idleSec = idleSec;
    this.clock = clock;
    this.leave = leave;
  }

  get size(): number {
    return this.count;
  }

  /** Soon somebody will ask for `key`: the next `fetch` gets its entry ready. Gives its number among those that are expected (`likelyId`), or NONE. */
  expect(): number {
    if (this.expectedCount === MOST_EXPECTED) return NONE;
    this.expected[this.expectedCount] = this.hash();
    return this.expectedCount++;
  }

  /**
   * Has the entries that are expected brought into the cache: first all places of the index, then all entries. None of them waits for another one, so all are on
   * their way at once. Nothing is promised: who asks later finds out.
   */
  fetch(): void {
    const { expected, expectedCount, index, mask, words, stride } = this;
    this.expectedCount = 0;
    let seen = 0;
    for (let i = 0; i < expectedCount; i++) seen |= index[(expected[i] ?? 0) & mask] ?? 0;
    for (let i = 0; i < expectedCount; i++) expected[i] = this.likely(expected[i] ?? 0);
    if (this.count === 0) return;
    for (let i = 0; i < expectedCount; i++) {
      // Who has none gets the first one's.
      const at = Math.max(expected[i] ?? 0, 0) * stride;
      seen |= (words[at] ?? 0) | (words[at + stride - LINE] ?? 0);
    }
    this.fetched = seen;
  }

  /** The id of an entry that may have a key with that hash, or NONE: what the index alone tells. */
  private likely(hash: number): number {
    const { index, mask, idMask, hashMask } = this;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = index[at] ?? 0;
      if (place === 0 || ((place ^ hash) & hashMask) === 0) return (place & idMask) - 1;
    }
  }

  /** Which entry the expected key of that number probably has, as a hint for `touchAt`; NONE where it is not known. */
  likelyId(number: number): number {
    return number === NONE ? NONE : (this.expected[number] ?? NONE);
  }

  /** The id of `key`'s entry, or NONE. An entry that has been idle for too long leaves now and is not found. */
  find(): number {
    const hash = this.hash();
    const id = this.lookUp(hash);
    if (id !== NONE) {
      // Read in place: a double that a function returns may be boxed.
      if (this.clock.at - (this.doubles[((id * this.stride) >> 1) + SEEN] ?? 0) <= this.idleSec) return id;
      this.expel(id);
    }
    this.sought = hash;
    return NONE;
  }

  /** As `find`, and the entry counts as used now. */
  touch(): number {
    const id = this.find();
    if (id !== NONE) this.doubles[((id * this.stride) >> 1) + SEEN] = this.clock.at;
    return id;
  }

  /**
   * As `touch`, where the entry's id is known, but for certain: `hint` may be any number. Who is right about it pays for one comparison instead of a
   * look-up, which waits for memory twice.
   */
  touchAt(hint: number): number {
    if (hint < 0 || hint >= this.fresh || !this.isKeyOf(hint)) return this.touch();
    const seen = ((hint * this.stride) >> 1) + SEEN;
    // Of an entry that was let go it is no number: that compares with nothing.
    if (!(this.clock.at - (this.doubles[seen] ?? 0) <= this.idleSec)) return this.touch();
    this.doubles[seen] = this.clock.at;
    return hint;
  }

  /** Adds an entry for `key`, which must have none, and gives its id. Its own words are 0. */
  add(): number {
    return this.insert(this.hash());
  }

  /** As `add`, where `find` or `touch` was just asked for this very key and gave NONE: it is not hashed again. */
  addMissing(): number {
    return this.insert(this.sought);
  }

  private insert(hash: number): number {
    if (this.count === this.limit) this.makeRoom();
    else if (this.free === NONE && this.fresh === this.capacity) this.grow();
    const { words, front } = this;
    let id = this.free;
    if (id === NONE) id = this.fresh++;
    else this.free = (words[id * this.stride + HASH] ?? 0) - 1;
    const at = id * this.stride;
    for (let i = this.ownAt; i < this.stride; i++) words[at + i] = 0;
    for (let i = 0; i < this.keyLength && i < front; i++) words[at + KEY + i] = this.key[i] ?? 0;
    if (this.hasApart || this.keyLength > front) this.beginApart(id);
    words[at + HASH] = hash;
    this.enter(hash, id);
    this.doubles[(at >> 1) + SEEN] = this.clock.at;
    this.enqueue(id);
    this.count++;
    return id;
  }

  /** Index in `words` of an entry's own words; even, so that half of it is the index in `doubles`. */
  ownOf(id: number): number {
    return id * this.stride + this.ownAt;
  }

  /** Index in `apart.words` of an entry's words there; even. */
  apartOf(id: number): number {
    return id * this.apartStride + this.apartAt;
  }

  /** Word `i` of an entry's key. */
  keyWord(id: number, i: number): number {
    const { front } = this;
    return (i < front ? this.words[id * this.stride + KEY + i] : this.apart.words[id * this.apartStride + i - front]) ?? 0;
  }

  /** When the entry was touched last. */
  seenAt(id: number): number {
    return this.doubles[((id * this.stride) >> 1) + SEEN] ?? 0;
  }

  /** Takes the entry out without calling `leave`. */
  remove(id: number): void {
    this.unlink(id);
    this.release(id);
  }

  /** Lets go what has been idle for too long; called about once a second of capture time. */
  expire(): void {
    const before = this.clock.at - this.idleSec;
    while (this.oldest !== NONE && this.queuedAt(this.oldest) < before) {
      if (this.seenAt(this.oldest) < before) this.expel(this.oldest);
      else this.requeue(this.oldest);
    }
  }

  /** Lets everything go, the oldest first. */
  clear(): void {
    while (this.oldest !== NONE) this.expel(this.oldest);
  }

  /** The ids of all entries, the oldest first. For rare events: it allocates. */
  ids(): number[] {
    const ids: number[] = [];
    for (let id = this.oldest; id !== NONE; id = this.newerThan(id)) ids.push(id);
    return ids;
  }

  private hash(): number {
    let hash = this.seed;
    for (let i = 0; i < this.keyLength; i++) {
      hash = Math.imul(hash ^ (this.key[i] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
      // Without it a flipped highest bit cancels with chosen bits of the next word, whatever the seed.
      hash = Math.imul(hash, this.factor);
    }
    hash = Math.imul(hash, 0x85ebca77);
    return hash ^ (hash >>> 13);
  }

  private lookUp(hash: number): number {
    const { index, mask, idMask, hashMask, words, stride } = this;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = index[at] ?? 0;
      if (place === 0) return NONE;
      if (((place ^ hash) & hashMask) !== 0) continue;
      const id = (place & idMask) - 1;
      if (words[id * stride + HASH] === hash && this.isKeyOf(id)) return id;
    }
  }

  private isKeyOf(id: number): boolean {
    const { words, key, keyLength, front } = this;
    const at = id * this.stride + KEY;
    for (let i = 0; i < keyLength && i < front; i++) if (words[at + i] !== key[i]) return false;
    return keyLength <= front || this.isRestOf(id);
  }

  /** Of a key that has begun like this: the words that stand apart. */
  private isRestOf(id: number): boolean {
    const { apart, key, keyLength, front } = this;
    const at = id * this.apartStride - front;
    for (let i = front; i < keyLength; i++) if (apart.words[at + i] !== key[i]) return false;
    return true;
  }

  private beginApart(id: number): void {
    const { apart, key, keyLength, front } = this;
    const at = id * this.apartStride;
    const { words } = apart;
    for (let i = at + this.apartStride - 1; i >= at; i--) words[i] = 0;
    for (let i = front; i < keyLength; i++) words[at + i - front] = key[i] ?? 0;
  }

  /** Memory for more entries: what was kept moves there, and ids stay. */
  private grow(): void {
    this.capacity = Math.min(this.limit, this.capacity === 0 ? FIRST_ENTRIES : this.capacity * GROWTH);
    if (this.capacity > this.memory) this.enlarge(this.capacity > MANY ? this.limit : this.capacity);
    const { words } = this;
    this.index = new Int32Array(this.capacity * 2);
    this.mask = this.index.length - 1;
    for (let id = this.oldest; id !== NONE; id = this.newerThan(id)) this.enter(words[id * this.stride + HASH] ?? 0, id);
  }

  private enlarge(entries: number): void {
    const { apart } = this;
    this.memory = entries;
    this.words = enlarged(this.words, entries * this.stride);
    this.doubles = asDoubles(this.words);
    apart.words = enlarged(apart.words, entries * this.apartStride);
    apart.doubles = asDoubles(apart.words);
  }

  private enter(hash: number, id: number): void {
    const { index, mask } = this;
    const home = hash & mask;
    let at = home;
    while (index[at] !== 0) at = (at + 1) & mask;
    index[at] = (hash & this.hashMask) | (Math.min((at - home) & mask, FAR) << this.distanceShift) | (id + 1);
  }

  private makeRoom(): void {
    // An entry that was touched since it was queued gets its second round; each at most once a call.
    for (let i = 0; i < this.count && this.seenAt(this.oldest) > this.queuedAt(this.oldest); i++) this.requeue(this.oldest);
    this.evicted++;
    this.expel(this.oldest);
  }

  /** The entry is not found any more when `leave` hears of it, and its id is not given again before `leave` returns. */
  private expel(id: number): void {
    this.unlink(id);
    this.leave?.(id);
    this.release(id);
  }

  private release(id: number): void {
    this.dequeue(id);
    this.doubles[((id * this.stride) >> 1) + SEEN] = Number.NaN;
    this.words[id * this.stride + HASH] = this.free + 1;
    this.free = id;
    this.count--;
  }

  /** Takes the entry out of the index, and fills the gap: what stood behind it only because places before were taken moves up. */
  private unlink(id: number): void {
    const { index, mask, idMask, distanceShift } = this;
    let gap = (this.words[id * this.stride + HASH] ?? 0) & mask;
    while (((index[gap] ?? 0) & idMask) !== id + 1) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const place = index[at] ?? 0;
      const distance = this.distanceOf(place, at);
      const nearer = distance - ((at - gap) & mask);
      // It stays if its own place is behind the gap.
      if (nearer < 0) continue;
      index[gap] = (place & ~(FAR << distanceShift)) | (Math.min(nearer, FAR) << distanceShift);
      gap = at;
    }
    index[gap] = 0;
  }

  /** How far an entry that stands `at` a place is from its own one. */
  private distanceOf(place: number, at: number): number {
    const distance = (place >>> this.distanceShift) & FAR;
    if (distance < FAR) return distance;
    return (at - (this.words[((place & this.idMask) - 1) * this.stride + HASH] ?? 0)) & this.mask;
  }

  private newerThan(id: number): number {
    return this.words[(id + 1) * this.stride + NEWER] ?? NONE;
  }

  private queuedAt(id: number): number {
    return this.doubles[(((id + 1) * this.stride) >> 1) + QUEUED] ?? 0;
  }

  private enqueue(id: number): void {
    const { words, stride } = this;
    const end = (id + 1) * stride;
    this.doubles[(end >> 1) + QUEUED] = this.clock.at;
    words[end + OLDER] = this.newest;
    words[end + NEWER] = NONE;
    if (this.newest === NONE) this.oldest = id;
    else words[(this.newest + 1) * stride + NEWER] = id;
    this.newest = id;
  }

  private dequeue(id: number): void {
    const { words, stride } = this;
    const end = (id + 1) * stride;
    const older = words[end + OLDER] ?? NONE;
    const newer = words[end + NEWER] ?? NONE;
    if (older === NONE) this.oldest = newer;
    else words[(older + 1) * stride + NEWER] = newer;
    if (newer === NONE) this.newest = older;
    else words[(newer + 1) * stride + OLDER] = older;
  }

  private requeue(id: number): void {
    this.dequeue(id);
    this.enqueue(id);
  }
}

function enlarged(words: Int32Array, length: number): Int32Array {
  const larger = alignedWords(length);
  larger.set(words);
  return larger;
}

/** Words of which the first begins where a line of cache does, if there are many. */
export const alignedWords = (length: number): Int32Array =>
  new Int32Array(new ArrayBuffer(IN_FRONT + length * Int32Array.BYTES_PER_ELEMENT), IN_FRONT, length);

export const asDoubles = (words: Int32Array): Float64Array => new Float64Array(words.buffer, words.byteOffset, words.length >> 1);
