import { ipWords, isIpv6Text } from '../net/ip.ts';
import { IPV6_DESTINATION, type Packet } from '../wire/packet.ts';

/** The first step through an address takes 16 bits of it, each further one 8. */
const FIRST_BITS = 16;
const FIRST_PLACES = 2 ** FIRST_BITS;
const BITS = 8;
const PLACES = 2 ** BITS;
const MASK = PLACES - 1;
/** Of IPv6 no more bits are looked at: what is longer stands for its /64. */
const MOST_BITS = 64;
/** Most blocks of 256 places (a kilobyte each): about as many as there are prefixes in scattered networks. Without room a prefix stands for all of the next shorter step. */
const MOST_BLOCKS = 8192;
const FIRST_BLOCKS = 16;
const GROWTH = 4;

/** In a place, instead of a block: nothing, or all addresses that begin so. */
const NOTHING = 0;
const ALL = -1;

/**
 * Prefixes, of which packets ask whether one of them holds their destination: three steps for IPv4, seven for IPv6, and one for most that are in none. Bounded: where
 * there is no room for more, it says so of more addresses, never of fewer. None leaves.
 */
export class ToldPrefixes {
  private blocks = 0;
  /** First places of IPv4, those of IPv6, then blocks. */
  private places = new Int32Array(0);

  /** @param prefix canonical: `192.0.2.0/24`, `2001:db8::/32` */
  add(prefix: string): void {
    const slash = prefix.indexOf('/');
    const words = ipWords(prefix.slice(0, slash));
    const length = Number(prefix.slice(slash + 1));
    if (this.places.length === 0) this.places = new Int32Array(2 * FIRST_PLACES + FIRST_BLOCKS * PLACES);
    if (isIpv6Text(prefix)) this.enter(FIRST_PLACES, words, Math.min(MOST_BITS, length));
    else this.enter(0, [words[3]], length);
  }

  /** Whether one of them holds the destination of the IP packet. */
  holds({ version, dst4, view, ipAt }: Packet): boolean {
    const { places } = this;
    if (places.length === 0) return false;
    if (version === 4) {
      let place = places[dst4 >>> FIRST_BITS] ?? NOTHING;
      if (place > 0) place = places[place + ((dst4 >>> BITS) & MASK)] ?? NOTHING;
      if (place > 0) place = places[place + (dst4 & MASK)] ?? NOTHING;
      return place === ALL;
    }
    const at = ipAt + IPV6_DESTINATION;
    let place = places[FIRST_PLACES + view.getUint16(at)] ?? NOTHING;
    for (let i = FIRST_BITS / 8; place > 0; i++) place = places[place + view.getUint8(at + i)] ?? NOTHING;
    return place === ALL;
  }

  clear(): void {
    this.places = new Int32Array(0);
    this.blocks = 0;
  }

  /** @param start of the places of the first step */
  private enter(start: number, words: readonly number[], length: number): void {
    let from = start;
    let bits = FIRST_BITS;
    let end = FIRST_BITS;
    for (;;) {
      const step = bitsOf(words, end - bits, bits);
      if (length <= end) {
        const open = end - length;
        const first = from + ((step >>> open) << open);
        this.places.fill(ALL, first, first + 2 ** open);
        return;
      }
      const block = this.blockAt(from + step);
      if (block === ALL) return;
      from = block;
      bits = BITS;
      end += BITS;
    }
  }

  /** The block behind a place, made where there is none; ALL where the place holds everything, or there is no room. */
  private blockAt(at: number): number {
    const known = this.places[at] ?? ALL;
    if (known !== NOTHING) return known;
    const block = this.blocks === MOST_BLOCKS ? ALL : this.newBlock();
    this.places[at] = block;
    return block;
  }

  private newBlock(): number {
    const block = 2 * FIRST_PLACES + this.blocks++ * PLACES;
    if (block === this.places.length) {
      const room = (block - 2 * FIRST_PLACES) / PLACES;
      const places = new Int32Array(2 * FIRST_PLACES + Math.min(MOST_BLOCKS, room * GROWTH) * PLACES);
      places.set(this.places);
      this.places = places;
    }
    return block;
  }
}

/** Bits of an address in words, from the one `at` on. They do not reach from one word into the next. */
const bitsOf = (words: readonly number[], at: number, count: number): number => ((words[at >>> 5] ?? 0) << (at & 31)) >>> (32 - count);
