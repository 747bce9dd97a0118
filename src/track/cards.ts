import { type Mac, readMac } from '../net/mac.ts';
import { NONE } from './table.ts';

/** Most cards, and places for them: half of them stay free, so that one is found at its place or the next. */
export const MOST_CARDS = 256;
const PLACES = 2 * MOST_CARDS;
const PLACE_SHIFT = Math.clz32(PLACES - 1);

/** Small numbers for a few MACs, of which every packet asks whether it has one. None leaves. */
export class Cards {
  private readonly macs: Mac[] = [];
  /** Number of the card plus one, 0 where the place is free. */
  private readonly places = new Int16Array(PLACES);
  /** The upper 16 bits of each MAC, and the lower 32. */
  private readonly high = new Int32Array(MOST_CARDS);
  private readonly low = new Int32Array(MOST_CARDS);
  /** A secret, so that nobody outside can choose MACs that fall to one place. */
  private readonly factor = (Math.random() * 2 ** 32) | 1;

  get size(): number {
    return this.macs.length;
  }

  /** The number of the MAC at `at` of `view`; NONE where it has none. */
  find(view: DataView, at: number): number {
    const { places } = this;
    const high = view.getUint16(at);
    const low = view.getInt32(at + 2);
    for (let place = this.placeOf(high, low); ; place = (place + 1) % PLACES) {
      const card = (places[place] ?? 0) - 1;
      if (card < 0 || (this.low[card] === low && this.high[card] === high)) return card;
    }
  }

  /** The number of the MAC at `at` of `view`, which it is given where it has none; NONE where all are given. */
  addAt(view: DataView, at: number): number {
    const known = this.find(view, at);
    return known === NONE ? this.add(readMac(view, at)) : known;
  }

  add(mac: Mac): number {
    const known = this.macs.indexOf(mac);
    if (known >= 0 || this.macs.length === MOST_CARDS) return known;
    const card = this.macs.push(mac) - 1;
    const high = Math.floor(mac / 2 ** 32);
    const low = mac | 0;
    this.high[card] = high;
    this.low[card] = low;
    let place = this.placeOf(high, low);
    while (this.places[place] !== 0) place = (place + 1) % PLACES;
    this.places[place] = card + 1;
    return card;
  }

  of(card: number): Mac {
    return this.macs[card] ?? NONE;
  }

  private placeOf(high: number, low: number): number {
    const hash = Math.imul(low ^ (high << 16), this.factor);
    return Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> PLACE_SHIFT;
  }
}
