/**
 * Tunnels and shims that hold another packet, by the names that records and findings use. The number is what a path holds of it: one digit of base
 * 16 for the common ones; two for the rare ones, of which the lower is ESCAPE.
 */
export const Encapsulation = {
  None: 0,
  Gre: 1,
  Erspan: 2,
  Ipip: 3,
  Sit: 4,
  FourInSix: 5,
  SixInSix: 6,
  Vxlan: 7,
  Geneve: 8,
  GtpU: 9,
  Pppoe: 10,
  Mpls: 11,
  Teredo: 12,
  Esp: 13,
  NatT: 14,
  Ah: 0x1f,
  L2tp: 0x2f,
  L2tpv3: 0x3f,
  Fou: 0x4f,
  Gue: 0x5f,
} as const;

const ESCAPE = 15;
const DIGIT_BITS = 4;
const RARE_BITS = 8;

const COMMON: readonly string[] = [
  'none',
  'gre',
  'erspan',
  'ipip',
  'sit',
  '4in6',
  '6in6',
  'vxlan',
  'geneve',
  'gtp-u',
  'pppoe',
  'mpls',
  'teredo',
  'esp',
  'nat-t',
];
/** By the upper digit. */
const RARE: readonly string[] = ['none', 'ah', 'l2tp', 'l2tpv3', 'fou', 'gue'];

/** What runs inside what, deeper than any network builds it: a crafted nest ends here. */
export const MOST_LAYERS = 8;

/** @param encapsulation a number of `Encapsulation` */
export function encapsulationName(encapsulation: number): string {
  const isRare = (encapsulation & ESCAPE) === ESCAPE;
  return (isRare ? RARE[encapsulation >>> DIGIT_BITS] : COMMON[encapsulation]) ?? 'unknown';
}

/** Whether a path can be made longer by this encapsulation: eight common ones fit, or four rare ones. */
export const hasRoom = (path: number, encapsulation: number): boolean =>
  path >>> (32 - (encapsulation > ESCAPE ? RARE_BITS : DIGIT_BITS)) === 0;

/**
 * The way from the frame down to an inner packet as one number, signed, of 32 bits: 0 outside of any tunnel; the innermost tunnel is in the lowest
 * bits. Two packets lie in the same tunnels exactly if their paths are equal. The caller asks `hasRoom` first.
 */
export const pathInto = (path: number, encapsulation: number): number =>
  (path << (encapsulation > ESCAPE ? RARE_BITS : DIGIT_BITS)) | encapsulation;

/** The number in `Encapsulation` of the innermost tunnel of a path; `None` for 0. */
export const innermostOf = (path: number): number => ((path & ESCAPE) === ESCAPE ? path & 0xff : path & ESCAPE);

/** The path without its innermost tunnel. */
export const pathAround = (path: number): number => path >>> ((path & ESCAPE) === ESCAPE ? RARE_BITS : DIGIT_BITS);

/** The names along a path, outermost first: `["gre", "ipip"]`. */
export function pathNames(path: number): string[] {
  const names: string[] = [];
  for (let rest = path; rest !== 0; rest = pathAround(rest)) names.unshift(encapsulationName(innermostOf(rest)));
  return names;
}
