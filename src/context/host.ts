import type { Mac } from '../net/mac.ts';
import type { HostDocument, TincDocument, WireguardDocument } from './document.ts';

/** An interface of a host. */
export interface Link {
  /** ifindex; -1 where it is not known. */
  index: number;
  name: string;
  /** -1 where it has none. */
  mac: Mac;
  isUp: boolean;
  /** Cable or tunnel are there, as far as the host says. */
  hasCarrier: boolean;
  mtu: number | null;
  /** `ether`, `loopback`, `none` …; null where it is not known. */
  type: string | null;
  /** `veth`, `bridge`, `vlan`, `macvlan`, `bond`, `wireguard`, `tun`, `dummy` …; null for a plain card. */
  kind: string | null;
  /** The bridge or bond, or the VRF, that it belongs to, by name. */
  master: string | null;
  /** The interface below it, of VLAN and macvlan, by name. */
  parent: string | null;
  /** `ip link set group`: a name or a number as text; `default` is 0. */
  group: string;
  addresses: LinkAddress[];
}

export interface LinkAddress {
  ip: string;
  prefixLength: number;
  /** The far end of a point-to-point link; null where there is none. */
  peer: string | null;
  scope: string;
  isSecondary: boolean;
  isDeprecated: boolean;
  isTentative: boolean;
  /** Privacy extensions (RFC 8981). */
  isTemporary: boolean;
}

export interface Prefix {
  /** Canonical text; `0.0.0.0` or `::` of a default route. */
  ip: string;
  length: number;
}

/** One way of a route. */
export interface NextHop {
  /** Null where the destination is on the link itself. */
  gateway: string | null;
  /** By name; null where the route has none. */
  device: string | null;
  weight: number;
  /** `dead`: the kernel does not use it; the interface is down. */
  isDead: boolean;
  /** `linkdown`: no carrier. It is used all the same, unless `ignore_routes_with_linkdown` is set for the interface. */
  isLinkDown: boolean;
  /** The gateway is taken to be on the link, whatever the routes say. */
  isOnLink: boolean;
}

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'anycast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw'
  | 'nat';

export interface Route {
  family: 4 | 6;
  type: RouteType;
  prefix: Prefix;
  /** IPv6: only for packets with such a source; null without. */
  from: Prefix | null;
  /** Number: 254 main, 255 local, 253 default. */
  table: number;
  tos: number;
  /** Lower is preferred among equal prefixes. */
  metric: number;
  /** The `src` hint; null without. */
  source: string | null;
  scope: string;
  protocol: string | null;
  /** Of a nexthop object (`ip nexthop`); null where the route has its ways itself. */
  nextHopId: number | null;
  nextHops: NextHop[];
  /** As `ip route` prints it, without its table: for sentences. */
  text: string;
}

export interface Rule {
  family: 4 | 6;
  priority: number;
  isInverted: boolean;
  from: Prefix | null;
  to: Prefix | null;
  tos: number;
  mark: { value: number; mask: number } | null;
  /** Interface names; `lo` in `in`: what this host sends itself. */
  in: string | null;
  out: string | null;
  isL3mdev: boolean;
  uids: { first: number; last: number } | null;
  /** IP protocol number; null for all. */
  protocol: number | null;
  sourcePorts: { first: number; last: number } | null;
  destinationPorts: { first: number; last: number } | null;
  action: 'table' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit';
  /** Of `table`; else 0. */
  table: number;
  /** Of `goto`: the priority. */
  target: number;
  /** Routes with a prefix of this length or shorter do not count; null without. */
  suppressPrefixLength: number | null;
  /** Routes by an interface of this group do not count; null without. */
  suppressGroup: string | null;
  /** It matches tunnel packets of this id only, which nothing here knows: it is taken not to match. */
  tunnelId: string | null;
  /** Something that it selects by is not understood: it is taken not to match, and who asks is told. */
  isUnclear: boolean;
  /** As `ip rule` prints it, with its priority: `32765: from 192.0.2.1 lookup 101`. */
  text: string;
}

export interface Neighbour {
  ip: string;
  device: string;
  /** -1 where it is not resolved. */
  mac: Mac;
  states: string[];
}

/**
 * A host as it described itself, in numbers and canonical texts. Everything is optional in a context: a list that was not read is undefined,
 * and what would rest on it must not be said.
 */
export interface Host {
  readonly document: HostDocument;
  /** What findings call it: its hostname, or `the host`. */
  readonly name: string;
  readonly time: string | null;
  readonly links: readonly Link[];
  readonly routes: readonly Route[] | undefined;
  /** IPv4 rules, then IPv6 ones, each in the order in which the kernel looks at them. */
  readonly rules: readonly Rule[] | undefined;
  readonly neighbours: readonly Neighbour[] | undefined;
  readonly wireguard: readonly WireguardDocument[];
  readonly tinc: readonly TincDocument[];
  /** Interfaces that have the address, loopback included; usually one. */
  linksWith(ip: string): readonly Link[];
  link(nameOrIndex: string | number): Link | undefined;
  linkOfMac(mac: Mac): Link | undefined;
  /**
   * A sysctl's value, by its short name for one interface: `sysctl('arp_ignore', 'ethA')` is `net.ipv4.conf.ethA.arp_ignore`; undefined where
   * it was not read.
   * @param family of `conf`: `ipv4` unless said
   */
  sysctl(name: string, link: string, family?: 'ipv4' | 'ipv6'): number | undefined;
  /**
   * What the kernel makes of `all` and the interface's own value (include/linux/inetdevice.h, ip-sysctl): the greater one, either, or the
   * interface's alone. Undefined where a value that decides was not read.
   */
  effective(name: EffectiveSysctl, link: string): number | undefined;
  /**
   * Number of a table by its name or number, as text or number. Names other than main, local and default get a number of 2^32 or more, the
   * same for one name.
   */
  table(name: string | number): number;
  /** The name under which this host's own outputs show the table: for commands. */
  tableName(table: number): string;
  /** What was not read, and is made up as a kernel would have it. */
  readonly assumed: readonly Assumption[];
}

/** The sysctls of `net.ipv4.conf` of which `all` and the interface are combined. */
export type EffectiveSysctl =
  | 'arp_ignore'
  | 'arp_announce'
  | 'arp_filter'
  | 'arp_accept'
  | 'rp_filter'
  | 'proxy_arp'
  | 'proxy_arp_pvlan'
  | 'accept_local'
  | 'src_valid_mark'
  | 'route_localnet'
  | 'forwarding'
  | 'ignore_routes_with_linkdown';

/**
 * What a statement about the routing rests on beside of what the host said. `rules`: the rules were not read, those of a fresh kernel are
 * taken. `local-routes`: the table local was not read, it is made from the addresses. `tables`: a rule looks into a table that was not read;
 * it is taken to be empty. `unclear-rule`: a rule is not understood; it is taken not to match.
 */
export type Assumption = 'rules' | 'local-routes' | 'tables' | 'unclear-rule';
