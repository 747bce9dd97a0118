import type { Link } from '../context/host.ts';
import type { InterfaceName } from '../track/interfaces.ts';
import type { TcpConnection, TcpSighting } from '../track/tcp/connection.ts';
import { isSightedOn } from '../track/tunnels/sightings.ts';
import type { Tunnel, TunnelProtocol } from '../track/tunnels/tunnel.ts';
import { encapsulationName, innermostOf, pathAround } from '../wire/encapsulation.ts';
import { ARPHRD_IP6GRE, ARPHRD_IPGRE, ARPHRD_RAWIP, ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6 } from '../wire/layer3.ts';
import type { Schema } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { interfaceName, numberOrNull, object, textOrNull } from './schemas.ts';

/** A path of Ethernet, on which the arithmetic of tunnels rests. */
export const USUAL_MTU = 1500;

/** What these diagnoses look at, each list made once: connections and tunnels may be thousands. */
export interface Paths {
  knowledge: Knowledge;
  connections: readonly TcpConnection[];
  tunnels: readonly Tunnel[];
  /** What is known of the tunnel at a place; thousands of connections may go through one. */
  readonly known: Map<string, TunnelOfPlace>;
}

/** The tunnel that a connection goes through, as far as it is known. */
export interface NarrowTunnel {
  /** As `show tunnels` calls it; null where the device is seen and not what carries it. */
  protocol: string | null;
  /** Its ends; null where they are not known, or it has several peers. */
  a: string | null;
  b: string | null;
  /** Its device at the host that captures; null where it is not seen. */
  interface: InterfaceName | null;
  /** MTU that is set: the device's own, by the context. */
  mtu: number | null;
  /** Octets of an IP packet that fits inside over a path of 1500 octets. */
  fits: number | null;
  /** What that takes for granted, where encryption hides it: `AES-GCM, tunnel mode`. */
  assumed: string | null;
}

/** A tunnel at one place of a connection. */
export interface PlacedTunnel extends TunnelOfPlace {
  sighting: TcpSighting;
}

export interface TunnelOfPlace {
  tunnel: NarrowTunnel;
  /** Octets of an IP packet beyond which nothing fits, whatever is hidden, over a path of 1500 octets; null where the path seems to carry more, or it is not known. */
  mostFits: number | null;
  /** Some of its packets came in fragments: what is too large is cut outside. */
  isCut: boolean;
}

export const tunnelSchema: Schema = {
  ...object({
    protocol: textOrNull,
    a: textOrNull,
    b: textOrNull,
    interface: interfaceName,
    mtu: numberOrNull,
    fits: numberOrNull,
    assumed: textOrNull,
  }),
  type: ['object', 'null'],
  description:
    'The tunnel: protocol as in the records of tunnels (null: not seen), its ends, its device at the host, the MTU that the device has (context), and the largest IP packet that fits ' +
    'inside over a path of 1500 octets; null where no tunnel is seen',
};

/** Whether the connection was seen here inside of a tunnel, or on a device that has no link layer. */
export const isInTunnel = ({ path, isLayer3 }: TcpSighting): boolean => path !== 0 || isLayer3;

/** The tunnel in which a connection was seen at one place; undefined where that place is in none. */
export function tunnelAt(sighting: TcpSighting, paths: Paths): PlacedTunnel | undefined {
  if (!isInTunnel(sighting)) return undefined;
  const { path, tunnelId, interfaceId } = sighting;
  const place = path !== 0 ? `${path} ${tunnelId}` : `on ${interfaceId}`;
  const known = paths.known.get(place) ?? (path !== 0 ? tunnelOfPath(sighting, paths) : tunnelOfDevice(sighting, paths));
  paths.known.set(place, known);
  return { sighting, ...known };
}

function tunnelOfPath({ path, tunnelId }: TcpSighting, { tunnels }: Paths): TunnelOfPlace {
  const protocol = encapsulationName(innermostOf(path));
  const around = pathAround(path);
  const alike = tunnels.filter((each) => each.protocol === protocol && each.path === around);
  const ofId = alike.filter(({ id }) => id === tunnelId);
  return commonOf(protocol, ofId.length > 0 ? ofId : alike, undefined, null);
}

function tunnelOfDevice(sighting: TcpSighting, { knowledge, tunnels }: Paths): TunnelOfPlace {
  const link = linkOf(sighting, knowledge);
  const carriers = carriersOf(sighting, link, knowledge, tunnels);
  const [protocol, ...others] = new Set(carriers.map((each) => each.protocol));
  const isOne = protocol !== undefined && others.length === 0;
  return commonOf(isOne ? protocol : null, isOne ? carriers : [], link, nameOf(sighting, knowledge));
}

/** All places of the connection that are in a tunnel, with it. */
export const tunnelsOf = ({ sightings }: TcpConnection, paths: Paths): PlacedTunnel[] =>
  sightings.flatMap((sighting) => tunnelAt(sighting, paths) ?? []);

/** What carries the packets of a tun device is encrypted as a rule: tunnels that are seen by their flow, not by what is inside. */
const OPAQUE: ReadonlySet<TunnelProtocol> = new Set(['wireguard', 'openvpn', 'esp', 'nat-t', 'tinc']);

const IPSEC: ReadonlySet<TunnelProtocol> = new Set(['esp', 'nat-t']);
const IP_IN_IP: ReadonlySet<TunnelProtocol> = new Set(['ipip', 'sit', '4in6', '6in6']);
const NOTHING: ReadonlySet<TunnelProtocol> = new Set();

/** What may carry the packets of a device of such a kind (ARPHRD_), as far as it is not in the clear: a modem has no tunnel, and VTI of IPsec looks like IPIP. */
function opaqueOf(hardware: number, tunnels: readonly Tunnel[]): ReadonlySet<TunnelProtocol> {
  switch (hardware) {
    case ARPHRD_RAWIP:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
      return NOTHING;
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
      return tunnels.some(({ protocol }) => IP_IN_IP.has(protocol)) ? NOTHING : IPSEC;
    default:
      return OPAQUE;
  }
}

/**
 * Tunnels outside of all others, which may be what the device sends by: one kind of them, or several where nothing tells which. What goes by the device itself, or passes
 * through the host on its way between others, is carried by something else.
 */
function carriersOf({ interfaceId }: TcpSighting, link: Link | undefined, { interfaces }: Knowledge, tunnels: readonly Tunnel[]): Tunnel[] {
  const possible = opaqueOf(interfaces.list[interfaceId]?.hardware ?? -1, tunnels);
  const opaque = tunnels.filter(
    ({ protocol, path, sighted, isPassedOn }) => path === 0 && possible.has(protocol) && !isPassedOn && !isSightedOn(sighted, interfaceId),
  );
  if (link?.kind === 'wireguard') return opaque.filter(({ protocol }) => protocol === 'wireguard');
  if (link?.kind === 'ovpn' || link?.kind === 'ovpn-dco') return opaque.filter(({ protocol }) => protocol === 'openvpn');
  return opaque;
}

/** What can be said of a place that is in one of these tunnels. */
function commonOf(protocol: string | null, tunnels: readonly Tunnel[], link: Link | undefined, name: InterfaceName | null): TunnelOfPlace {
  const pairs = new Set(tunnels.map(({ a, b }) => [a.ip, b.ip].sort().join(' ')));
  const [first] = tunnels;
  const isOne = pairs.size === 1 && first !== undefined;
  const [narrowest] = tunnels.filter(({ innerMtu }) => innerMtu !== null).sort((a, b) => (a.innerMtu ?? 0) - (b.innerMtu ?? 0));
  const most = tunnels.map(mostFitting);
  return {
    tunnel: {
      protocol,
      a: isOne ? first.a.ip : null,
      b: isOne ? first.b.ip : null,
      interface: name && link ? { ...name, name: link.name } : name,
      mtu: link?.mtu ?? null,
      fits: narrowest?.innerMtu ?? null,
      assumed: narrowest?.assumed ?? null,
    },
    mostFits: most.length === 0 || most.includes(Number.POSITIVE_INFINITY) ? null : Math.max(...most),
    isCut: tunnels.some(({ fragmented }) => fragmented > 0),
  };
}

/**
 * The least that ESP adds beside the outer IP header: UDP where there is a NAT, SPI and sequence number, 8 octets of IV (counter modes), pad length and next header, 8 octets of ICV
 * (RFC 4106, RFC 4309).
 */
const LEAST_ESP = 8 + 8 + 2 + 8;
/** The least that OpenVPN adds: UDP, opcode, packet id, 16 octets of tag (P_DATA_V1, AEAD). */
const LEAST_OPENVPN = 8 + 1 + 4 + 16;
const UDP = 8;

/** What fits at most: large packets in one piece are a card's giants, or those of a path that carries more than 1500 octets. */
function mostFitting({ protocol, innerMtu, assumed, over, overheadOutside, isOffloaded, isOverTcp }: Tunnel): number {
  if (isOffloaded || isOverTcp) return Number.POSITIVE_INFINITY;
  if (innerMtu !== null && assumed === null) return innerMtu;
  const room = over === null ? Number.POSITIVE_INFINITY : USUAL_MTU - overheadOutside - (over === 4 ? 20 : 40);
  switch (protocol) {
    case 'esp':
      return room - LEAST_ESP;
    case 'nat-t':
      return room - UDP - LEAST_ESP;
    case 'openvpn':
      return room - LEAST_OPENVPN;
    default:
      return innerMtu ?? Number.POSITIVE_INFINITY;
  }
}

/** The interface of a place, as the capture names it; null where it knows none. */
export const nameOf = ({ interfaceId }: TcpSighting, { interfaces }: Knowledge): InterfaceName | null =>
  interfaces.list[interfaceId]?.name ?? null;

/** The interface of a place, as its host describes it: LINUX_SLL2 has its ifindex, pcapng its name. */
export function linkOf({ interfaceId }: TcpSighting, { interfaces, context }: Knowledge): Link | undefined {
  const observed = interfaces.list[interfaceId];
  const host = context.observer;
  if (!observed || !host) return undefined;
  const { name, linktype } = observed;
  if (!name) return undefined;
  return linktype === 'LINUX_SLL2' ? host.link(name.index) : name.name === null ? undefined : host.link(name.name);
}

/** `the tunnel (wireguard between 192.0.2.1 and 192.0.2.2, device wg0)`, for sentences. */
export function tunnelText({ protocol, a, b, interface: device }: Pick<NarrowTunnel, 'protocol' | 'a' | 'b' | 'interface'>): string {
  const ends = a !== null && b !== null ? ` between ${a} and ${b}` : '';
  const by = device === null ? '' : `, ${deviceText(device)}`;
  return protocol === null ? `the tunnel${by.replace(',', '')}` : `the ${wordOf(protocol)} tunnel${ends}${by}`;
}

export const deviceText = ({ index, name }: InterfaceName): string => name ?? `interface ${index}`;

const WORDS: Readonly<Record<string, string>> = {
  gre: 'GRE',
  ipip: 'IPIP',
  sit: '6in4',
  esp: 'ESP',
  ah: 'AH',
  'nat-t': 'ESP-in-UDP',
  wireguard: 'WireGuard',
  openvpn: 'OpenVPN',
  vxlan: 'VXLAN',
  geneve: 'GENEVE',
  'gtp-u': 'GTP-U',
  pppoe: 'PPPoE',
  mpls: 'MPLS',
  l2tp: 'L2TP',
  l2tpv3: 'L2TPv3',
  teredo: 'Teredo',
  fou: 'FOU',
  gue: 'GUE',
};

export const wordOf = (protocol: string): string => WORDS[protocol] ?? protocol;

/** `WireGuard takes 60 octets: over a path of 1500 packets of up to 1440 fit`, for sentences; null where nothing can be said. */
export function arithmeticText({ protocol, fits, assumed }: NarrowTunnel): string | null {
  if (protocol === null || fits === null) return null;
  const as = assumed === null ? '' : ` (${assumed})`;
  return `${wordOf(protocol)}${as} takes ${USUAL_MTU - fits} octets: over a path of ${USUAL_MTU} packets of up to ${fits} fit`;
}
