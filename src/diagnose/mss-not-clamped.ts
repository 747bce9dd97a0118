import { endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { Stamp } from '../track/stamp.ts';
import type { TcpConnection, TcpSighting, TooBig } from '../track/tcp/connection.ts';
import { directionOf, headersOf } from './black-holes.ts';
import type { Draft, FindingKind } from './kind.ts';
import { ALLOW_ICMP, captureMore, clampRemedies } from './mtu-remedies.ts';
import {
  arithmeticText,
  deviceText,
  isInTunnel,
  type NarrowTunnel,
  type Paths,
  type PlacedTunnel,
  tunnelSchema,
  tunnelsOf,
  tunnelText,
  USUAL_MTU,
  wordOf,
} from './narrow-tunnel.ts';
import { connectionSubject, pairKey } from './pmtu-blackhole.ts';
import { count, object, oneOf, text } from './schemas.ts';
import { countText, FrameText, frameText } from './text.ts';

export interface MssNotClampedDetails {
  /** The larger one of those that cross the tunnel and do not fit. */
  mss: number;
  /** Who says it: it limits what the other end sends. */
  from: string;
  tunnel: NarrowTunnel;
  /** Octets of an IP packet that fits. */
  fits: number;
  fitsBy: 'icmp' | 'device' | 'tunnel';
  suggestedMss: number;
  /** Connections between the same two hosts and the same port. */
  connections: number;
  /** All connections through the same tunnel in which it is so, these included. */
  connectionsInTunnel: number;
}

export const mssNotClamped: FindingKind<MssNotClampedDetails> = {
  kind: 'mss-not-clamped',
  brief: 'TCP agrees on segments that do not fit into a tunnel on the way',
  severity: 'notice',
  subject: ['connection'],
  details: object({
    mss: count,
    from: text,
    tunnel: tunnelSchema,
    fits: count,
    fitsBy: oneOf('icmp', 'device', 'tunnel'),
    suggestedMss: count,
    connections: count,
    connectionsInTunnel: count,
  }),
  means:
    'Both ends of a TCP connection say how large segments may be, by the MTU of their own cards; of a tunnel in between they know nothing. Where the head of the tunnel does not write a smaller ' +
    'number into the SYN (MSS clamping), the connection depends on path MTU discovery, so on ICMP that comes through. Where it does not, large packets vanish (pmtu-blackhole).',
  provenBy: [
    'A SYN, or a SYN and ACK, passes a tunnel with an MSS that is larger than what fits: what the tunnel takes of a path of 1500 octets is known from its packets, or the MTU of its device from the ' +
      'context or from an ICMP error.',
    'It is as large where it has left the tunnel, or nothing behind the tunnel is seen; and nothing of that size was seen to get through.',
  ],
  seenFrom: [
    'A head of the tunnel, with `-i any`: the card, the device and the packets outside. Or the tunnel’s packets, where they are not encrypted.',
    'Not at the ends, which know of no tunnel; not on a tun device alone without a context, for its MTU is not in the packets.',
  ],
  looksLike: [
    'It is clamped on the way: 1460 before the tunnel, less in it or behind it.',
    'The other end sends no more than its own, smaller MSS.',
    'A tunnel over a path that carries larger packets: 1500 octets fit inside (VXLAN, GENEVE, GTP-U and MPLS in networks of their own are not looked at), or both ends have jumbo frames.',
    'A narrow place behind the tunnel: its ICMP error comes through the tunnel.',
    'OpenVPN by TCP: what is too large for a packet goes in two.',
    'The tunnel takes large packets and sends them as fragments: tunnel-fragmentation.',
  ],
  remedies: [...clampRemedies({ tunnel: null, mss: 1360 }), ALLOW_ICMP],
  references: [
    'RFC 879, RFC 6691 (TCP MSS)',
    'RFC 4459 (MTU and fragmentation issues with tunnels)',
    'nftables wiki: mangling TCP options',
    'iptables-extensions(8): TCPMSS',
  ],
};

/** Findings of one tunnel: who has thousands of connections through it sets one rule for all of them. */
const MOST_A_TUNNEL = 16;

/** Between the ciphers that take least and those that take most there are about so many octets. */
const CIPHER_ROOM = 40;

/** Tunnels whose outer network is as a rule built for them, so that 1500 octets fit inside. */
const ROOMY: ReadonlySet<string> = new Set(['vxlan', 'geneve', 'gtp-u', 'mpls', 'erspan', 'teredo']);

/** An MSS that crosses a tunnel and does not fit. */
interface Crossing {
  connection: TcpConnection;
  /** Whose SYN it was: what the other end sends is limited by it. */
  ofA: boolean;
  mss: number;
  stamp: Stamp;
  tunnel: NarrowTunnel;
  fits: number;
  fitsBy: MssNotClampedDetails['fitsBy'];
}

/**
 * All of them: one for each pair of hosts and port, at most so many a tunnel.
 * @param holes pairs (`pairKey`) in which it has become a black hole: they are told first
 */
export function unclamped(paths: Paths, holes: ReadonlyMap<string, string>): { key: string; draft: Draft<MssNotClampedDetails> }[] {
  const byTunnel = new Map<string, Map<string, Crossing[]>>();
  const carried = carriedIn(paths);
  for (const connection of paths.connections) {
    const crossing = crossingOf(connection, paths, carried, holes);
    if (!crossing) continue;
    const tunnel = tunnelKey(crossing);
    const pairs = byTunnel.get(tunnel) ?? new Map<string, Crossing[]>();
    byTunnel.set(tunnel, pairs);
    const key = pairKey(connection);
    pairs.set(key, [...(pairs.get(key) ?? []), crossing]);
  }
  return [...byTunnel.values()].flatMap((pairs) => {
    const total = [...pairs.values()].reduce((sum, each) => sum + each.length, 0);
    const inOrder = [...pairs].sort(([x], [y]) => Number(holes.has(y)) - Number(holes.has(x)));
    return inOrder.slice(0, MOST_A_TUNNEL).map(([key, crossings]) => ({ key, draft: draftOf(crossings, total, pairs.size) }));
  });
}

const tunnelKey = ({ connection, tunnel }: Crossing): string =>
  `${connection.path} ${tunnel.protocol} ${tunnel.interface?.index ?? ''} ${tunnel.a} ${tunnel.b}`;

/** The least MTU that ICMP errors about a connection name, of those that came from outside of the tunnel: what came through it is about a place behind. */
function namedMtu({ tooBig }: TcpConnection, sighting: TcpSighting): number | undefined {
  const behind = new Set(tooBig.filter((error) => cameThrough(error, sighting)).map(({ from }) => from));
  const mtus = tooBig.filter(({ fits, mtu, from }) => fits && mtu > 0 && !behind.has(from)).map(({ mtu }) => mtu);
  return mtus.length === 0 ? undefined : Math.min(...mtus);
}

const cameThrough = (error: TooBig, { path, interfaceId }: TcpSighting): boolean =>
  error.path === path && (path !== 0 || error.interfaceId === interfaceId);

/** Octets of the largest packet that was seen in each tunnel: what its device takes. */
function carriedIn({ connections }: Paths): ReadonlyMap<string, number> {
  const carried = new Map<string, number>();
  for (const { sightings } of connections) {
    for (const sighting of sightings.filter(isInTunnel)) {
      const key = placeKey(sighting);
      const largest = Math.max(sighting.fromA.largestSent, sighting.fromB.largestSent);
      carried.set(key, Math.max(largest, carried.get(key) ?? 0));
    }
  }
  return carried;
}

const placeKey = ({ interfaceId, path, tunnelId }: TcpSighting): string => `${interfaceId} ${path} ${tunnelId}`;

function crossingOf(
  connection: TcpConnection,
  paths: Paths,
  carried: ReadonlyMap<string, number>,
  holes: ReadonlyMap<string, string>,
): Crossing | undefined {
  if (!connection.hasSyn) return undefined;
  const found: Crossing[] = [];
  for (const placed of tunnelsOf(connection, paths)) {
    const { sighting, tunnel } = placed;
    if (tunnel.protocol !== null && ROOMY.has(tunnel.protocol)) continue;
    const room = roomOf(placed, namedMtu(connection, sighting));
    // It takes more than it has room for: it sends fragments, or the path outside carries more than 1500 octets.
    if (!room || (room.fitsBy === 'tunnel' && (placed.isCut || (carried.get(placeKey(sighting)) ?? 0) > room.fits))) continue;
    for (const ofA of [true, false]) {
      const mss = crossingMss(connection, sighting, ofA);
      const stamp = ofA ? sighting.synOfA : sighting.synOfB;
      if (mss === null || stamp === null || mss + headersOf(connection) <= room.fits) continue;
      // Both ends have jumbo frames, and so has what is between them, as long as nothing shows the contrary.
      if (room.fitsBy === 'tunnel' && mss + headersOf(connection) > USUAL_MTU && !holes.has(pairKey(connection))) continue;
      // What the other end sent was as large, and was acknowledged: it fits.
      if (directionOf(sighting, !ofA).largestAcked > room.fits) continue;
      found.push({ connection, ofA, mss, stamp, tunnel, ...room });
    }
  }
  return found.sort((x, y) => x.fits - y.fits || y.mss - x.mss)[0];
}

/** What fits into a tunnel: an error or its device names it, whatever comes of it outside; else the arithmetic does. */
function roomOf({ tunnel: { mtu }, mostFits }: PlacedTunnel, icmp: number | undefined): Pick<Crossing, 'fits' | 'fitsBy'> | undefined {
  if (icmp !== undefined && (mtu === null || icmp <= mtu)) return { fits: icmp, fitsBy: 'icmp' };
  if (mtu !== null) return { fits: mtu, fitsBy: 'device' };
  return mostFits === null ? undefined : { fits: mostFits, fitsBy: 'tunnel' };
}

/**
 * The MSS that the other end was told, at most: of all places where the SYN was seen the least one. What the other end's own card allows limits it too: the MSS that it says
 * itself, before anybody clamped it.
 */
function crossingMss({ sightings }: TcpConnection, sighting: TcpSighting, ofA: boolean): number | null {
  if ((ofA ? sighting.mssOfA : sighting.mssOfB) === null) return null;
  const told = sightings.flatMap(({ mssOfA, mssOfB }) => (ofA ? mssOfA : mssOfB) ?? []);
  const own = sightings.flatMap(({ mssOfA, mssOfB }) => (ofA ? mssOfB : mssOfA) ?? []);
  return Math.min(...told, ...(own.length === 0 ? [] : [Math.max(...own)]));
}

function draftOf(crossings: readonly Crossing[], total: number, pairs: number): Draft<MssNotClampedDetails> {
  const [first] = crossings;
  if (!first) throw new Error('no crossing');
  const { connection, ofA, mss, stamp, tunnel, fits, fitsBy } = first;
  const safe = fitsBy === 'tunnel' ? (tunnel.fits ?? fits - CIPHER_ROOM) : fits;
  const suggestedMss = safe - headersOf(connection);
  const from = ofA ? connection.a : connection.b;
  const other = ofA ? connection.b : connection.a;
  const evidence = new Evidence();
  for (const each of crossings) evidence.add('syn', each.stamp, `MSS ${each.mss}`);
  const others = total - crossings.length;
  const by = {
    icmp: `an ICMP error names an MTU of ${fits}`,
    device: `its device has an MTU of ${fits} (context)`,
    tunnel:
      arithmeticText(tunnel) ??
      `${wordOf(tunnel.protocol ?? '')} takes ${USUAL_MTU - fits} octets of ${USUAL_MTU} at least, whatever its cipher`,
  }[fitsBy];
  return {
    subject: connectionSubject(connection),
    path: connection.path,
    confidence: 'likely',
    title: `An MSS of ${mss} crosses ${tunnelTitle(tunnel)}, which has room for ${suggestedMss}: ${endpointText(connection.a)} to ${endpointText(connection.b)}${
      others > 0 ? ` (and ${countText(others, 'other connection')})` : ''
    }`,
    details: {
      mss,
      from: from.ip,
      tunnel,
      fits: safe,
      fitsBy,
      suggestedMss,
      connections: crossings.length,
      connectionsInTunnel: total,
    },
    count: crossings.length,
    evidence,
    because: [
      `${FrameText(stamp)}: ${from.ip} says to ${other.ip} that its segments may have ${mss} octets, so IP packets ${mss + headersOf(connection)}. It passes ${tunnelText(tunnel)}.`,
      `Of the tunnel, ${by}; so segments of up to ${suggestedMss} octets.`,
      'Nobody on the way wrote a smaller number into it, as far as it is seen here. It works as long as the ICMP errors of the tunnel (type 3 code 4, ICMPv6 type 2) reach who sends.',
      ...(crossings.length > 1
        ? [
            `${countText(crossings.length, 'connection')} between these two hosts and this port begin like that; the last with ${frameText(crossings.at(-1)?.stamp ?? stamp)}.`,
          ]
        : []),
      ...(others > 0
        ? [
            `${countText(others, 'other connection')} through the tunnel ${others === 1 ? 'does' : 'do'} the same${pairs > MOST_A_TUNNEL ? `; of ${pairs} pairs of hosts and port the first ${MOST_A_TUNNEL} are told` : ''}.`,
          ]
        : []),
    ],
    ruledOut: [
      `Clamped on the way: it is ${mss} wherever it is seen.`,
      `A path with more room: nothing larger than ${fits} octets of this direction was acknowledged${fitsBy === 'tunnel' ? `; a path of more than ${USUAL_MTU} octets is not seen` : ''}.`,
    ],
    remedies: [...clampRemedies({ tunnel, mss: suggestedMss }), ALLOW_ICMP, captureMore(from.ip, other.ip, 'on both sides of the tunnel')],
  };
}

/** `the WireGuard tunnel wg0`, in few words. */
function tunnelTitle({ protocol, a, b, interface: device }: NarrowTunnel): string {
  if (device === null) return tunnelText({ protocol, a, b, interface: null });
  return `the ${protocol === null ? '' : `${wordOf(protocol)} `}tunnel ${device.name === null ? 'on ' : ''}${deviceText(device)}`;
}
