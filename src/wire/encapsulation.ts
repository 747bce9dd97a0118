/** Tunnels and shims that hold another packet, by the names that records and findings use. */
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
} as const;

const NAMES: readonly string[] = [
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
];

/** What runs inside what, deeper than any network builds it: a crafted nest ends here. */
export const MOST_LAYERS = 8;

/** Room for a name in a path: a path is one number, a digit of this base a layer, outermost first. */
const BASE = 16;

/**
 * The way from the frame down to an inner packet as one number: 0 outside of any tunnel. Two packets lie in the same tunnels exactly if their
 * paths are equal. MOST_LAYERS digits fit 32 bits.
 */
export const pathInto = (path: number, encapsulation: number): number => (path * BASE + encapsulation) | 0;

/** The names along a path, outermost first: `["gre", "ipip"]`. */
export function pathNames(path: number): string[] {
  const names: string[] = [];
  for (let rest = path >>> 0; rest > 0; rest = Math.floor(rest / BASE)) names.unshift(NAMES[rest % BASE] ?? 'unknown');
  return names;
}
