import type { TincDocument, WireguardDocument } from '../context/document.ts';
import type { Host, Link } from '../context/host.ts';
import { familyOf, parsePrefix } from '../context/prefix.ts';
import type { Remedy } from './kind.ts';
import { covers, soleAddress } from './next-hop-expectation.ts';
import { listText } from './text.ts';

/** What is behind a raw IP interface, as far as that is known. */
export type Mechanism = 'tinc' | 'wireguard' | 'openvpn' | 'unknown';

/** How a tunnel chooses who gets a packet, in the words of the host's own configuration. */
export interface TunnelChoice {
  mechanism: Mechanism;
  /** Why it goes where it goes, a sentence each. */
  because: string[];
  remedies: Remedy[];
  /** Addresses inside the tunnel of the node that it chooses; empty where that is not known. */
  chosen: string[];
}

export const TINC_REMEDY: Remedy = {
  text:
    'tinc: in the host file of the preferred node give the Subnet that both have (often 0.0.0.0/0) a lower weight than the other one has (10 where none is written), and reload tinc there; or have all ' +
    'nodes use Mode = switch, in which a gateway has a MAC',
  commands: ['Subnet = 0.0.0.0/0#5', 'Mode = switch'],
};

export const WIREGUARD_REMEDY: Remedy = {
  text: 'WireGuard: one interface for each peer, each with all prefixes allowed and no routes of its own (wg-quick: Table = off); then a route by interface decides',
  commands: ['AllowedIPs = 0.0.0.0/0, ::/0', 'Table = off'],
};

export const OPENVPN_REMEDY: Remedy = {
  text: 'OpenVPN: a server process for each exit, each with an interface of its own; or move the iroute to the preferred client (its file in client-config-dir)',
  commands: ['iroute NETWORK NETMASK'],
};

export const PREFIX_REMEDY: Remedy = {
  text: 'Where the tunnel cannot be changed: announce more specific prefixes, or fewer. MED, local preference and weight choose a gateway only, and the tunnel does not look at it',
  commands: [],
};

/** The tunnel behind the interface, and what it makes of the destination. */
export function tunnelChoice(
  host: Host | undefined,
  link: Link | undefined,
  destination: string,
  expected: readonly string[],
): TunnelChoice {
  const wireguard = link && host?.wireguard.find((each) => each.interface === link.name);
  if (wireguard && link) return byAllowedIps(wireguard, destination, expected);
  const tinc = link && host?.tinc.find((each) => each.interface === link.name || (each.interface === null && host.tinc.length === 1));
  if (tinc && tinc.mode !== 'switch') return bySubnets(tinc, destination, expected);
  if (link?.kind === 'wireguard')
    return { mechanism: 'wireguard', because: [ALLOWED_IPS], remedies: [WIREGUARD_REMEDY, PREFIX_REMEDY], chosen: [] };
  if (link?.kind === 'ovpn' || link?.kind === 'ovpn-dco')
    return { mechanism: 'openvpn', because: [IROUTE], remedies: [OPENVPN_REMEDY, PREFIX_REMEDY], chosen: [] };
  return {
    mechanism: 'unknown',
    because: [
      'Which one gets it, the tunnel decides by its own table: tinc in router mode by the longest Subnet, then the lowest weight, then the name of the node; WireGuard by the ' +
        'AllowedIPs of its peers; an OpenVPN server by iroute.',
    ],
    remedies: [TINC_REMEDY, WIREGUARD_REMEDY, OPENVPN_REMEDY, PREFIX_REMEDY],
    chosen: [],
  };
}

const ALLOWED_IPS =
  'WireGuard sends a packet to the peer with the longest of the AllowedIPs that hold its destination; a prefix belongs to one peer of an interface, that which got it last. The next hop of the route is not looked at.';
const IROUTE =
  'An OpenVPN server sends a packet to the client whose iroute holds its destination. The next hop of the route is not looked at.';

const lengthOf = (prefix: string, destination: string): number => parsePrefix(prefix, familyOf(destination))?.length ?? -1;

/** tinc, net_packet.c and subnet.c: `subnet_compare_ipv4`, `lookup_subnet_ipv4`. */
function bySubnets({ subnets, mode }: TincDocument, destination: string, expected: readonly string[]): TunnelChoice {
  const holding = subnets
    .filter(({ subnet }) => covers(subnet, destination))
    .map((each) => ({ ...each, length: lengthOf(each.subnet, destination) }))
    .sort((a, b) => b.length - a.length || a.weight - b.weight || (a.owner < b.owner ? -1 : 1));
  const addressesOf = (owner: string): string[] =>
    subnets.flatMap((each) => (each.owner === owner ? (soleAddress(each.subnet) ?? []) : []));
  const [winner] = holding;
  const preferred = holding.find(({ owner }) => addressesOf(owner).some((ip) => expected.includes(ip)));
  const because = [
    `The packets go to tinc, in ${mode ?? 'router'} mode: it sends each to the node with the longest Subnet that holds the destination, among equal ones to that with the lowest weight, then to the ` +
      'first by name, of those that can be reached. The next hop of the route is not looked at.',
  ];
  if (!winner) return { mechanism: 'tinc', because, remedies: [TINC_REMEDY, PREFIX_REMEDY], chosen: [] };
  const told = holding.map(({ subnet, owner, weight }) => `${subnet} of ${owner} with weight ${weight}`);
  because.push(`By the context, it knows ${listText(told)}: it takes ${winner.owner}${preferred ? reasonOver(winner, preferred) : ''}.`);
  return { mechanism: 'tinc', because, remedies: [tincRemedy(winner, preferred), PREFIX_REMEDY], chosen: addressesOf(winner.owner) };
}

interface Subnet {
  owner: string;
  weight: number;
  subnet: string;
  /** Of its prefix. */
  length: number;
}

function reasonOver(winner: Subnet, preferred: Subnet): string {
  if (winner.owner === preferred.owner) return '';
  if (winner.length > preferred.length) return `, whose prefix is longer than that of ${preferred.owner}`;
  if (winner.weight < preferred.weight) return `, whose weight is lower than that of ${preferred.owner}`;
  return `, whose name comes before ${preferred.owner}`;
}

function tincRemedy(winner: Subnet, preferred: Subnet | undefined): Remedy {
  if (!preferred || preferred.owner === winner.owner) return TINC_REMEDY;
  const isLonger = winner.length > preferred.length;
  // A lower weight than that of the other one, if there is one.
  const weight = isLonger ? 10 : Math.floor(Math.min(winner.weight, 11) / 2);
  const line = `Subnet = ${isLonger ? winner.subnet : preferred.subnet}#${weight}`;
  const how = isLonger ? `the prefix that ${winner.owner} has` : `a lower weight than ${winner.owner} has`;
  const other = isLonger || winner.weight > 0 ? '' : ` (and ${winner.owner} a higher one)`;
  return {
    text: `tinc: give ${preferred.owner} ${how}${other}, in its own file hosts/${preferred.owner}, and reload tinc there; or have all nodes use Mode = switch, in which a gateway has a MAC`,
    commands: [line, 'Mode = switch'],
  };
}

/** WireGuard, allowedips.c: a trie of prefixes, each of which one peer has. */
function byAllowedIps({ interface: name, peers }: WireguardDocument, destination: string, expected: readonly string[]): TunnelChoice {
  const prefixesOf = ({ allowedIps }: (typeof peers)[number]): string[] => allowedIps.split(',').map((each) => each.trim());
  const addressesOf = (peer: (typeof peers)[number]): string[] => prefixesOf(peer).flatMap((each) => soleAddress(each) ?? []);
  const [winner] = peers
    .flatMap((peer) =>
      prefixesOf(peer).flatMap((prefix) => (covers(prefix, destination) ? { peer, prefix, length: lengthOf(prefix, destination) } : [])),
    )
    .sort((a, b) => b.length - a.length);
  const preferred = peers.find((peer) => addressesOf(peer).some((ip) => expected.includes(ip)));
  if (!winner) return { mechanism: 'wireguard', because: [ALLOWED_IPS], remedies: [WIREGUARD_REMEDY, PREFIX_REMEDY], chosen: [] };
  const because = [
    ALLOWED_IPS,
    `By the context, ${winner.prefix} on ${name} belongs to the peer ${winner.peer.publicKey} (${listText(addressesOf(winner.peer))})${
      preferred && preferred !== winner.peer ? `, not to ${preferred.publicKey} (${listText(addressesOf(preferred))})` : ''
    }.`,
  ];
  const remedies: Remedy[] = [WIREGUARD_REMEDY];
  if (preferred && preferred !== winner.peer) {
    const allowed = [...prefixesOf(preferred).filter((each) => each !== '' && each !== '(none)'), winner.prefix].join(',');
    remedies.push({
      text: `WireGuard, with one interface: move ${winner.prefix} to the preferred peer. It takes it from the other one, for all traffic, and routes do not move it back`,
      commands: [`wg set ${name} peer ${preferred.publicKey} allowed-ips ${allowed}`],
    });
  }
  return { mechanism: 'wireguard', because, remedies: [...remedies, PREFIX_REMEDY], chosen: addressesOf(winner.peer) };
}
