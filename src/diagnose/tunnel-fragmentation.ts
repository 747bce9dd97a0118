import { compareIps } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import { PATH_MTU } from '../track/tunnels/inner-mtu.ts';
import { tcpMss } from '../track/tunnels/mtu.ts';
import type { Tunnel, TunnelProtocol } from '../track/tunnels/tunnel.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { indexText } from '../wire/wireguard.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, number, numberOrNull, object } from './schemas.ts';
import { capitalised, countText, frameText } from './text.ts';

export interface FragmentationDetails {
  outerFragments: number;
  share: number;
  packets: number;
  fragmented: number;
  maxOuter: number;
  maxFragment: number;
  maxInner: number | null;
  suggestedMtu: number | null;
  suggestedMss: number | null;
}

export const tunnelFragmentation: FindingKind<FragmentationDetails> = {
  kind: 'tunnel-fragmentation',
  brief: 'the packets of a tunnel are cut into fragments on their way',
  severity: 'notice',
  subject: ['tunnel'],
  details: object({
    outerFragments: count,
    share: number,
    packets: count,
    fragmented: count,
    maxOuter: count,
    maxFragment: count,
    maxInner: numberOrNull,
    suggestedMtu: numberOrNull,
    suggestedMss: numberOrNull,
  }),
  means:
    'The packets of a tunnel are larger than the path carries, so each large one is sent in two fragments. It works as long as every fragment arrives: one that is lost takes the whole packet with it, ' +
    'firewalls and NATs drop fragments that come without ports, the far end has to put them together, and there are twice as many packets. What is inside should have been smaller.',
  provenBy: ['At least ten packets of the tunnel, and more than one in twenty, came in IP fragments.'],
  seenFrom: [
    'Behind the host or router that cuts: at the tunnel’s own end, and on the way from there on.',
    'In front of it nothing is seen: there the packets are still whole.',
  ],
  looksLike: [
    'A few large packets of a handshake (certificates of IKE or TLS): too few to count.',
    'Fragments of DNS or other services: they are in no tunnel.',
    'Fragments inside of the tunnel: the packets outside are whole.',
  ],
  remedies: [
    {
      text: 'Give the tunnel’s device an MTU with which its packets fit into the path, on both ends',
      commands: ['ip link set dev TUNNEL mtu MTU'],
    },
    {
      text: 'TCP inside can be told to send less, where the device cannot be changed',
      commands: ['nft add rule inet mangle forward oifname TUNNEL tcp flags syn tcp option maxseg size set rt mtu'],
    },
  ],
  references: ['RFC 4459', 'RFC 8900 section 3', 'RFC 2003 section 5.1', 'Linux ip-link(8): mtu'],
};

const FEWEST = 10;
const LEAST_SHARE = 0.05;
const IPSEC: ReadonlySet<TunnelProtocol> = new Set(['esp', 'ah', 'nat-t']);

/** What runs between two ends under one protocol: the two directions and all keys of IPsec are one. */
interface Group {
  tunnels: Tunnel[];
  a: string;
  b: string;
}

/** Tunnels whose packets came in fragments. */
export function fragmentedTunnels({ tunnels }: Knowledge): Draft<FragmentationDetails>[] {
  const groups = new Map<string, Group>();
  const { list } = tunnels;
  // As long as none is cut there is nothing to group.
  if (!list.some(({ fragmented }) => fragmented > 0)) return [];
  for (const tunnel of list) {
    const [a, b] = [tunnel.a.ip, tunnel.b.ip].sort(compareIps) as [string, string];
    const key = `${tunnel.path} ${tunnel.protocol} ${a} ${b} ${IPSEC.has(tunnel.protocol) ? '' : tunnel.id}`;
    const group = groups.get(key) ?? { tunnels: [], a, b };
    group.tunnels.push(tunnel);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap((group) => judgeFragmentation(group) ?? []);
}

function judgeFragmentation({ tunnels, a, b }: Group): Draft<FragmentationDetails> | undefined {
  const [tunnel] = tunnels;
  const sum = (of: (each: Tunnel) => number): number => tunnels.reduce((all, each) => all + of(each), 0);
  const most = (of: (each: Tunnel) => number | null): number => Math.max(0, ...tunnels.map((each) => of(each) ?? 0));
  const packets = sum((each) => each.packets);
  const fragmented = sum((each) => each.fragmented);
  if (!tunnel || tunnel.protocol === 'ike' || fragmented < FEWEST || fragmented <= packets * LEAST_SHARE) return undefined;
  const outerFragments = sum((each) => each.fragments);
  const maxOuter = most((each) => each.maxOuter);
  const maxFragment = most((each) => each.maxFragment);
  const maxInner = most((each) => each.maxInner) || null;
  const share = Math.round((1000 * fragmented) / packets) / 1000;
  const path = pathOf(tunnel, maxFragment);
  const suggestedMtu = mtuThatFits(tunnels, path);
  const evidence = new Evidence();
  for (const { firstFragment, lastFragment } of tunnels) {
    if (firstFragment) evidence.add('fragment', firstFragment);
    if (lastFragment) evidence.add('fragment', lastFragment);
  }
  const { protocol, id, isCall } = tunnel;
  const named = id !== null && !IPSEC.has(protocol) ? { id: protocol === 'gre' && !isCall ? indexText(id) : id } : {};
  const first = evidence.first;
  const inside = pathNames(tunnel.path);
  return {
    subject: { tunnel: { protocol, a, b, ...named } },
    path: tunnel.path,
    confidence: 'certain',
    title: `${Math.round(100 * share)} % of the packets of ${protocol} between ${a} and ${b} come in fragments: up to ${maxOuter} octets, of which ${maxFragment} go at a time`,
    details: {
      outerFragments,
      share,
      packets,
      fragmented,
      maxOuter,
      maxFragment,
      maxInner,
      suggestedMtu,
      suggestedMss: suggestedMtu === null ? null : tcpMss(suggestedMtu, 4),
    },
    count: fragmented,
    evidence,
    because: [
      `${countText(fragmented, 'packet')} of ${packets} of the tunnel ${fragmented === 1 ? 'comes' : 'come'} in ${countText(outerFragments, 'fragment')}${first ? `, the first ones at ${frameText(first)}` : ''}.`,
      `The largest has ${maxOuter} octets${inside.length > 0 ? ` (in ${inside.join('/')})` : ''}, the largest fragment ${maxFragment}: ${
        path === maxFragment
          ? 'so much the link carries on which they were cut'
          : `over IPv6 as much as is cut for a link of ${path}, since the pieces are multiples of 8`
      }.`,
      ...(maxInner === null ? [] : [`The largest packet seen inside has ${maxInner} octets.`]),
      ...(suggestedMtu === null
        ? []
        : [
            `${capitalised(protocol)} adds ${path - suggestedMtu} octets${assumptionText(tunnels)}: what is inside fits in one piece up to ${suggestedMtu} octets (MSS ${tcpMss(suggestedMtu, 4)}, IPv6 ${tcpMss(suggestedMtu, 6)}).`,
          ]),
    ],
    ruledOut: [
      'A handshake with large certificates: it would be a few packets.',
      'Fragments made inside of the tunnel: these are packets of the tunnel itself.',
    ],
    remedies: remediesFor(protocol, suggestedMtu),
  };
}

/** Octets that the path carries: as many as the largest fragment has. With the headers of IPv6 a fragment of 1496 is the largest one for Ethernet (RFC 8200 section 4.5). */
const pathOf = ({ over }: Tunnel, maxFragment: number): number => (over === 6 && maxFragment === LARGEST_OVER_V6 ? PATH_MTU : maxFragment);

const V6_HEADERS = 40 + 8;
const LARGEST_OVER_V6 = V6_HEADERS + Math.floor((PATH_MTU - V6_HEADERS) / 8) * 8;

/** What fits inside where the path carries so much; null where the overhead is not known. */
function mtuThatFits(tunnels: readonly Tunnel[], path: number): number | null {
  const known = tunnels.flatMap(({ innerMtu }) => innerMtu ?? []);
  return known.length === 0 || path > PATH_MTU ? null : Math.min(...known) - (PATH_MTU - path);
}

function assumptionText(tunnels: readonly Tunnel[]): string {
  const assumed = tunnels.find((each) => each.assumed !== null)?.assumed;
  return assumed ? `, if it is ${assumed}` : '';
}

function remediesFor(protocol: TunnelProtocol, mtu: number | null): Remedy[] {
  const value = mtu === null ? 'MTU' : String(mtu);
  const device = protocol === 'wireguard' ? 'wg0' : protocol === 'openvpn' ? 'tun0' : 'TUNNEL';
  const clamp: Remedy = {
    text: 'TCP inside can be told to send less, where the device cannot be changed; it does not help UDP',
    commands: [
      'nft add table inet mangle',
      "nft 'add chain inet mangle forward { type filter hook forward priority mangle; }'",
      `nft add rule inet mangle forward oifname ${device} tcp flags syn tcp option maxseg size set ${mtu === null ? 'rt mtu' : tcpMss(mtu, 4)}`,
    ],
  };
  if (protocol === 'openvpn')
    return [
      {
        text: `In the configuration of both ends: segments of TCP inside so small that the packets outside fit, and a device that takes no more`,
        commands: ['mssfix 1460 mtu', ...(mtu === null ? [] : [`tun-mtu ${value}`])],
      },
      clamp,
    ];
  if (IPSEC.has(protocol))
    return [
      {
        text: 'Give the routes into the tunnel an MTU with which its packets fit',
        commands: [`ip route change PREFIX via GATEWAY mtu ${value}`],
      },
      clamp,
    ];
  return [
    {
      text: 'Give the tunnel’s device an MTU with which its packets fit into the path, on both ends',
      commands: [`ip link set dev ${device} mtu ${value}`],
    },
    ...(protocol === 'wireguard'
      ? [{ text: 'To keep it, in the [Interface] section of wg-quick’s file', commands: [`MTU = ${value}`] }]
      : []),
    ...(protocol === 'gre' || protocol === 'ipip' || protocol === 'sit'
      ? [
          {
            text: 'Let the device find out what the path carries, instead of cutting',
            commands: [`ip link set dev ${device} type ${protocol} pmtudisc`],
          },
        ]
      : []),
    clamp,
  ];
}
