import { endpointText } from '../net/ip.ts';
import { tcpMss } from '../track/tunnels/mtu.ts';
import type { Tunnel, TunnelEnd, TunnelName, TunnelProtocol } from '../track/tunnels/tunnel.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { indexText } from '../wire/wireguard.ts';
import type { JsonRecord } from './records.ts';
import { bytesText } from './units.ts';
import { wrapText } from './wrap.ts';

/** Ids of 32 bits are written as text, shorter ones as numbers. */
const LONG_IDS: ReadonlySet<TunnelProtocol> = new Set(['gre', 'esp', 'ah', 'nat-t', 'gtp-u', 'l2tpv3']);

const idValue = (protocol: TunnelProtocol, id: number | null, isCall: boolean): string | number | null =>
  id !== null && LONG_IDS.has(protocol) && !isCall ? indexText(id) : id;

const nameRecord = ({ protocol, a, b, id, isCall }: TunnelName): JsonRecord => ({ protocol, a, b, id: idValue(protocol, id, isCall) });

/** A record of `show tunnels`. */
export const tunnelRecord = (tunnel: Tunnel): JsonRecord => ({
  input: tunnel.first.input,
  encapsulation: pathNames(tunnel.path),
  ...nameRecord(tunnel),
  pair: idValue(tunnel.protocol, tunnel.pair, false),
  packets: tunnel.packets,
  bytes: tunnel.bytes,
  packetsFromA: tunnel.packetsFromA,
  packetsFromB: tunnel.packetsFromB,
  maxOuter: tunnel.maxOuter,
  maxInner: tunnel.maxInner,
  innerMtu: tunnel.innerMtu,
  assumed: tunnel.assumed,
  fragments: tunnel.fragments,
  fragmented: tunnel.fragmented,
  offloaded: tunnel.isOffloaded,
  depth: tunnel.depth,
  inside: tunnel.inside && nameRecord(tunnel.inside),
  holds: tunnel.holds,
  firstFrame: tunnel.first.frame,
  lastFrame: tunnel.last.frame,
});

/** As much of the records as is printed. */
interface ShownName {
  protocol: TunnelProtocol;
  a: TunnelEnd;
  b: TunnelEnd;
  id: string | number | null;
}

interface ShownTunnel extends ShownName {
  encapsulation: string[];
  pair: string | number | null;
  packets: number;
  bytes: number;
  packetsFromA: number;
  packetsFromB: number;
  maxOuter: number;
  maxInner: number | null;
  innerMtu: number | null;
  assumed: string | null;
  fragments: number;
  fragmented: number;
  offloaded: boolean;
  inside: ShownName | null;
  holds: string[];
  firstFrame: number;
  lastFrame: number;
}

/** A tunnel with what is inside of it. The two directions of IPsec are one. */
interface Branch {
  tunnel: ShownTunnel;
  back: ShownTunnel | undefined;
  inner: Branch[];
}

const PATH_MTU = 1500;

/** The inventory as a tree: what runs inside what. @param width of the lines, where words allow */
export function tunnelsText(records: readonly JsonRecord[], width: number): string {
  const roots = branchesOf(records as unknown as readonly ShownTunnel[]);
  return `${roots.map((root) => linesOf(root, '', width).join('\n')).join('\n\n')}\n`;
}

function branchesOf(tunnels: readonly ShownTunnel[]): Branch[] {
  const branches: Branch[] = [];
  const byName = new Map<string, Branch>();
  for (const tunnel of tunnels) {
    const forth = tunnel.pair === null ? undefined : byName.get(nameKey({ ...tunnel, a: tunnel.b, b: tunnel.a, id: tunnel.pair }));
    if (forth && !forth.back) {
      forth.back = tunnel;
      byName.set(nameKey(tunnel), forth);
      continue;
    }
    const branch = { tunnel, back: undefined, inner: [] };
    branches.push(branch);
    byName.set(nameKey(tunnel), branch);
  }
  return branches.filter((branch) => {
    const { inside } = branch.tunnel;
    const outer = inside && byName.get(nameKey(inside));
    // A tunnel is inside of itself where packets go round.
    if (!outer || outer === branch || isWithin(outer, branch)) return true;
    outer.inner.push(branch);
    return false;
  });
}

const nameKey = ({ protocol, a, b, id }: ShownName): string => `${protocol} ${endText(a)} ${endText(b)} ${id}`;

const isWithin = (branch: Branch, outer: Branch): boolean => outer.inner.some((each) => each === branch || isWithin(branch, each));

function linesOf(branch: Branch, indent: string, width: number): string[] {
  const { tunnel, back, inner } = branch;
  const below = `${indent}    `;
  const said = [packetsText(tunnel, back), sizesText(branch), ...(tunnel.holds.length > 0 ? [`holds ${holdsOf(branch).join(', ')}`] : [])];
  return [
    wrapText(headText(tunnel, back), width, indent, below),
    ...said.map((text) => wrapText(text, width, below, `${below}  `)),
    ...remarks(branch).map((text) => wrapText(text, width, below, `${below}  `)),
    ...inner.flatMap((each) => linesOf(each, below, width)),
  ];
}

const endText = ({ ip, port }: TunnelEnd): string => endpointText(port === null ? { ip } : { ip, port });

const ID_NAMES: Partial<Record<TunnelProtocol, string>> = {
  gre: 'key',
  erspan: 'session',
  vxlan: 'VNI',
  geneve: 'VNI',
  'gtp-u': 'TEID',
  l2tp: 'session',
  l2tpv3: 'session',
  pppoe: 'session',
  mpls: 'label',
};

/** A call of PPTP is no key of GRE. */
const idName = (protocol: TunnelProtocol, id: string | number): string =>
  protocol === 'gre' && typeof id === 'number' ? 'call' : (ID_NAMES[protocol] ?? 'id');

function headText({ protocol, a, b, id, pair, firstFrame, lastFrame }: ShownTunnel, back: ShownTunnel | undefined): string {
  const first = Math.min(firstFrame, back?.firstFrame ?? firstFrame);
  const last = Math.max(lastFrame, back?.lastFrame ?? lastFrame);
  const frames = first === last ? `frame ${first}` : `frames ${first}-${last}`;
  const isOneWay = protocol === 'esp' || protocol === 'ah' || protocol === 'nat-t';
  const ends = `${endText(a)} ${isOneWay && !back ? '->' : '<->'} ${endText(b)}`;
  const ids = id === null ? '' : isOneWay ? `, SPI ${id}${pair === null ? '' : ` and back ${pair}`}` : `, ${idName(protocol, id)} ${id}`;
  return `${protocol} ${ends}${ids}, ${frames}`;
}

function packetsText({ packets, bytes, packetsFromA, packetsFromB, protocol }: ShownTunnel, back: ShownTunnel | undefined): string {
  const isOneWay = protocol === 'esp' || protocol === 'ah' || protocol === 'nat-t';
  const [forth, returned] = isOneWay ? [packets, back?.packets ?? 0] : [packetsFromA, packetsFromB];
  const ways = isOneWay && !back ? '' : ` (${forth} ->, ${returned} <-)`;
  const all = packets + (back?.packets ?? 0);
  return `${all} ${all === 1 ? 'packet' : 'packets'}${ways}, ${bytesText(bytes + (back?.bytes ?? 0))}`;
}

const largest = (of: (tunnel: ShownTunnel) => number | null, { tunnel, back }: Branch): number | null => {
  const sizes = [of(tunnel), back ? of(back) : null].filter((size) => size !== null);
  return sizes.length > 0 ? Math.max(...sizes) : null;
};

const least = (of: (tunnel: ShownTunnel) => number | null, { tunnel, back }: Branch): number | null => {
  const sizes = [of(tunnel), back ? of(back) : null].filter((size) => size !== null);
  return sizes.length > 0 ? Math.min(...sizes) : null;
};

const holdsOf = ({ tunnel, back }: Branch): string[] => [...new Set([...tunnel.holds, ...(back?.holds ?? [])])];
const innerMtuOf = (branch: Branch): number | null => least(({ innerMtu }) => innerMtu, branch);

function sizesText(branch: Branch): string {
  const { tunnel, back } = branch;
  const outer = largest(({ maxOuter }) => maxOuter, branch);
  const inner = largest(({ maxInner }) => maxInner, branch);
  const mtu = innerMtuOf(branch);
  const fragments = tunnel.fragments + (back?.fragments ?? 0);
  const fragmented = tunnel.fragmented + (back?.fragmented ?? 0);
  return [
    `largest ${outer} octets${inner === null ? '' : `, inside ${inner}`}`,
    ...(mtu === null ? [] : [`inner MTU ${mtu}, MSS ${tcpMss(mtu, 4)} (IPv6 ${tcpMss(mtu, 6)})`]),
    ...(fragments > 0 ? [`${fragmented} ${fragmented === 1 ? 'packet' : 'packets'} in ${fragments} fragments`] : []),
  ].join('; ');
}

/** What it means for the MTU, where that is not plain. */
function remarks(branch: Branch): string[] {
  const { tunnel, back } = branch;
  const mtu = innerMtuOf(branch);
  const inner = largest(({ maxInner }) => maxInner, branch);
  const outer = largest(({ maxOuter }) => maxOuter, branch) ?? 0;
  const isFragmented = tunnel.fragmented + (back?.fragmented ?? 0) > 0;
  const isOffloaded = tunnel.offloaded || (back?.offloaded ?? false);
  const name = [tunnel.protocol, ...tunnel.encapsulation.toReversed()].join(' in ');
  const assumed = tunnel.assumed ?? back?.assumed ?? null;
  const isTooLarge = !isOffloaded && mtu !== null && inner !== null && inner > mtu;
  return [
    ...(mtu !== null && (tunnel.encapsulation.length > 0 || assumed !== null || isTooLarge || isFragmented)
      ? [
          `${name}: an IP packet of at most ${mtu} octets fits over a path of ${PATH_MTU}${assumed === null ? '' : `, if it is ${assumed}`}${inner === null || isOffloaded ? '' : `; the largest seen has ${inner}`}.`,
        ]
      : []),
    ...(isOffloaded
      ? [
          `Packets of up to ${outer} octets in one piece: a card puts them together or cuts them later (offload), or the path has jumbo frames. They say nothing of the MTU.`,
        ]
      : []),
    ...(isFragmented && outer > PATH_MTU
      ? [`Outer packets of up to ${outer} octets were cut into fragments: what is inside is too large for the path.`]
      : []),
  ];
}
