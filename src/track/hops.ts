import type { Mac } from '../net/mac.ts';
import { NONE } from './table.ts';

/** Most hops: as many as an entry of `Destinations` can name. */
export const MOST_HOPS = 8192;
/** There is memory for so many hops at first, and for four times as many where that is not enough. */
const FIRST_HOPS = 64;
const GROWTH = 4;
/** The first word of the MAC on a link without MACs. */
export const NO_MAC = -1;

/*
 * A place: interface | MAC 2, the upper 16 bits first, or NO_MAC | id of the hop plus one, 0 where it is free. Every packet asks for its hop, so
 * all that is compared stands in one line of the processor's cache.
 */
const HIGH = 1;
const LOW = 2;
const ID = 3;
const PLACE = 4;

/** What is known of a hop, by its id: interface | MAC 2 | destinations behind it that are not known to be its own. */
const COUNT = 3;
const HOP = 4;

/**
 * Whom frames are handed to: small numbers for interfaces with a MAC, and how many destinations are behind each. None leaves before all do; what comes
 * when all numbers are given has none.
 */
export class Hops {
  private count = 0;
  private capacity = FIRST_HOPS;
  /** Twice as many as there is memory for hops, so that one is found at its place or the next. */
  private places = new Int32Array(2 * FIRST_HOPS * PLACE);
  private mask = this.places.length - 1;
  private words = new Int32Array(FIRST_HOPS * HOP);
  /** Secrets, so that nobody outside can choose MACs that fall to one place. */
  private readonly seed = (Math.random() * 2 ** 32) | 0;
  private readonly factor = (Math.random() * 2 ** 32) | 1;

  get size(): number {
    return this.count;
  }

  /** The id of a hop, added where there is none and room for it; else NONE. */
  idOf(interfaceId: number, high: number, low: number): number {
    const id = this.find(interfaceId, high, low);
    return id === NONE ? this.add(interfaceId, high, low) : id;
  }

  /** The id of a hop, or NONE. */
  find(interfaceId: number, high: number, low: number): number {
    const { places, mask } = this;
    let at = this.placeOf(interfaceId, high, low);
    for (let id = places[at + ID] ?? 0; id !== 0; id = places[at + ID] ?? 0) {
      if (places[at + LOW] === low && places[at + HIGH] === high && places[at] === interfaceId) return id - 1;
      at = (at + PLACE) & mask;
    }
    return NONE;
  }

  interfaceOf(id: number): number {
    return this.words[id * HOP] ?? 0;
  }

  /** Null on a link without MACs. */
  macOf(id: number): Mac | null {
    const high = this.words[id * HOP + HIGH] ?? 0;
    return high === NO_MAC ? null : high * 2 ** 32 + ((this.words[id * HOP + LOW] ?? 0) >>> 0);
  }

  destinationsOf(id: number): number {
    return this.words[id * HOP + COUNT] ?? 0;
  }

  countDestination(id: number, by: number): void {
    const at = id * HOP + COUNT;
    this.words[at] = Math.max(0, (this.words[at] ?? 0) + by);
  }

  clear(): void {
    this.places.fill(0);
    this.count = 0;
  }

  private add(interfaceId: number, high: number, low: number): number {
    if (this.count === MOST_HOPS) return NONE;
    if (this.count === this.capacity) this.grow();
    const id = this.count++;
    const { words } = this;
    words[id * HOP] = interfaceId;
    words[id * HOP + HIGH] = high;
    words[id * HOP + LOW] = low;
    words[id * HOP + COUNT] = 0;
    this.settle(id);
    return id;
  }

  /** Memory for more hops; ids stay. */
  private grow(): void {
    const { words } = this;
    this.capacity = Math.min(MOST_HOPS, this.capacity * GROWTH);
    this.words = new Int32Array(this.capacity * HOP);
    this.words.set(words);
    this.places = new Int32Array(2 * this.capacity * PLACE);
    this.mask = this.places.length - 1;
    for (let id = 0; id < this.count; id++) this.settle(id);
  }

  private settle(id: number): void {
    const { words, places, mask } = this;
    let at = this.placeOf(words[id * HOP] ?? 0, words[id * HOP + HIGH] ?? 0, words[id * HOP + LOW] ?? 0);
    while (places[at + ID] !== 0) at = (at + PLACE) & mask;
    for (let i = 0; i < ID; i++) places[at + i] = words[id * HOP + i] ?? 0;
    places[at + ID] = id + 1;
  }

  private placeOf(interfaceId: number, high: number, low: number): number {
    let hash = Math.imul(low ^ this.seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ high ^ (interfaceId << 16), this.factor);
    return ((hash ^ (hash >>> 15)) * PLACE) & this.mask;
  }
}
