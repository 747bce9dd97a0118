import { STAMP_WORDS } from './stamp.ts';

/** Ways in and ways out that are kept of a flow: a stack of bond, bridge and VLAN shows a packet three times. */
export const MOST_WAYS = 4;
const MOST_COUNTED = 2 ** 31 - 1;

/* Words of a flow that has more than one way, as in a table's entry. Ways are kept plus one, so that 0 means "none". */
export const FLAGS = 0;
export const SYNS_AGAIN = 1;
/** The local end's port and the other one's in one word; the IP protocol. */
export const PORTS = 2;
export const PROTOCOL = 3;
/** Addresses, four words each. */
export const LOCAL = 4;
export const PEER = 8;
export const WAYS_IN = 12;
export const WAYS_OUT = WAYS_IN + 2 * MOST_WAYS;
export const FIRST_IN = WAYS_OUT + 2 * MOST_WAYS;
export const FIRST_OUT = FIRST_IN + STAMP_WORDS;
export const LAST_IN = FIRST_OUT + STAMP_WORDS;
export const LAST_OUT = LAST_IN + STAMP_WORDS;
export const SYN_AGAIN = LAST_OUT + STAMP_WORDS;
/** Doubles: the link layer's destination of what came in first, its source of what left first; 0 where there is none. */
export const MAC_IN = SYN_AGAIN + STAMP_WORDS;
export const MAC_OUT = MAC_IN + 2;
export const CROSSED_WORDS = MAC_OUT + 2;

/** Counts packets by their way; `at` is where its ways stand. Gives how many came by it, or 0 where there is no room for another way. */
export function countWay(words: Int32Array, at: number, way: number, packets: number): number {
  for (let i = at; i < at + MOST_WAYS; i++) {
    const known = words[i] ?? 0;
    if (known !== way + 1 && known !== 0) continue;
    words[i] = way + 1;
    const count = Math.min(MOST_COUNTED, (words[i + MOST_WAYS] ?? 0) + packets);
    words[i + MOST_WAYS] = count;
    return count;
  }
  return 0;
}

/** Whether the flow comes and goes. */
export const goesBothWays = (words: Int32Array, own: number): boolean => words[own + WAYS_IN] !== 0 && words[own + WAYS_OUT] !== 0;

/** Whether there is a way by which it both comes and goes. */
export function hasCommonWay(words: Int32Array, own: number): boolean {
  for (let i = own + WAYS_IN; i < own + WAYS_IN + MOST_WAYS && words[i] !== 0; i++) {
    for (let j = own + WAYS_OUT; j < own + WAYS_OUT + MOST_WAYS; j++) if (words[i] === words[j]) return true;
  }
  return false;
}

/** A way, and how many packets took it. */
export interface Busiest {
  way: number;
  packets: number;
}

/** The way in with the most packets; of equal ones the last: what comes in passes a stack of interfaces from below. */
export const busiestIn = (words: Int32Array, own: number): Busiest => busiest(words, own + WAYS_IN, true);

/** The way out with the most packets; of equal ones the first: what leaves passes a stack from above. */
export const busiestOut = (words: Int32Array, own: number): Busiest => busiest(words, own + WAYS_OUT, false);

function busiest(words: Int32Array, at: number, isLast: boolean): Busiest {
  let best = at;
  for (let i = at + 1; i < at + MOST_WAYS && words[i] !== 0; i++) {
    const more = (words[i + MOST_WAYS] ?? 0) - (words[best + MOST_WAYS] ?? 0);
    if (more > 0 || (more === 0 && isLast)) best = i;
  }
  return { way: (words[best] ?? 0) - 1, packets: words[best + MOST_WAYS] ?? 0 };
}
