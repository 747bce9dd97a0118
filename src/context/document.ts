/**
 * What hosts say of themselves, as `fluxcap context` writes it and `--context` reads it. Lists are what `ip -j` prints; whatever could not be read
 * is absent, and named in `unread`.
 */
export interface ContextDocument {
  schema: 1;
  hosts: HostDocument[];
}

export interface HostDocument {
  hostname: string | null;
  kernel: string | null;
  /** When it was read: RFC 3339, UTC. */
  time: string | null;
  /** File names of the captures that were taken on this host, where that is known. */
  captures?: string[];
  /** `ip -j -d link`. */
  links?: LinkDocument[];
  /** `ip -j address`. */
  addresses?: AddressesDocument[];
  /** `ip -j route show table all`, IPv4 and IPv6. */
  routes?: RouteDocument[];
  /** `ip -j rule`. */
  rules?: RuleDocument[];
  /** `ip -j -6 rule`. */
  rules6?: RuleDocument[];
  /** `ip -j neighbour`. */
  neighbours?: NeighbourDocument[];
  /** By full name with dots: `net.ipv4.conf.all.arp_ignore`. An interface whose name has a dot is written with a slash there, as sysctl(8) does. */
  sysctls?: Record<string, string>;
  wireguard?: WireguardDocument[];
  /** `show bgp ipv4 unicast json` of FRR, or what was made of BIRD's words or of text, in the same shape. */
  bgp?: unknown;
  tinc?: TincDocument[];
  ipsec?: unknown;
  /** `nft -j list ruleset`, without comments; or `{ "text": [lines] }`. */
  nftables?: unknown;
  /** Lines of `iptables-save`, without comments. */
  iptables?: string[];
  /** What was asked for and is not there, and why. */
  unread?: { what: string; why: string }[];
}

export interface LinkDocument {
  ifindex?: number;
  ifname: string;
  flags?: string[];
  mtu?: number;
  operstate?: string;
  /** `ether`, `loopback`, `none`, `ppp` … */
  link_type?: string;
  /** MAC, of `ether`. */
  address?: string;
  master?: string;
  /** The interface below it (VLAN, macvlan), or the other end (veth), by name; null for none that can be named. */
  link?: string | null;
  linkinfo?: { info_kind?: string; info_data?: Record<string, unknown>; info_slave_kind?: string };
}

export interface AddressesDocument {
  ifindex?: number;
  ifname: string;
  flags?: string[];
  mtu?: number;
  operstate?: string;
  link_type?: string;
  address?: string;
  master?: string;
  link?: string | null;
  addr_info: {
    family: string;
    local: string;
    /** The far end of a point-to-point link. */
    address?: string;
    prefixlen: number;
    scope?: string;
    secondary?: boolean;
    deprecated?: boolean;
    tentative?: boolean;
    temporary?: boolean;
    dadfailed?: boolean;
    label?: string;
    protocol?: string;
  }[];
}

export interface RouteDocument {
  /** Absent for unicast. */
  type?: string;
  /** Only where nothing else tells it, as of a default route without gateway. */
  family?: 'inet' | 'inet6';
  /** `default`, an address, or a prefix. */
  dst: string;
  /** IPv6: only for packets with such a source. */
  from?: string;
  gateway?: string;
  /** A gateway of the other family. */
  via?: { family: string; host: string };
  dev?: string;
  /** Name or number; absent for main. */
  table?: string | number;
  protocol?: string;
  scope?: string;
  prefsrc?: string;
  metric?: number;
  tos?: string;
  flags?: string[];
  /** IPv6: `medium`, `high`, `low`. */
  pref?: string;
  nhid?: number;
  nexthops?: { gateway?: string; via?: { family: string; host: string }; dev?: string; weight?: number; flags?: string[] }[];
  metrics?: Record<string, unknown>[];
}

export interface RuleDocument {
  priority: number;
  not?: unknown;
  src?: string;
  srclen?: number;
  dst?: string;
  dstlen?: number;
  tos?: string;
  fwmark?: string;
  fwmask?: string;
  iif?: string;
  oif?: string;
  l3mdev?: unknown;
  uid_start?: number;
  uid_end?: number;
  ipproto?: string | number;
  sport?: number;
  sport_start?: number;
  sport_end?: number;
  dport?: number;
  dport_start?: number;
  dport_end?: number;
  tun_id?: string | number;
  suppress_prefixlen?: number;
  suppress_ifgroup?: string;
  /** Absent where the rule has an action of its own. */
  table?: string | number;
  /** `goto`'s target. */
  goto?: number | string;
  /** There, with null, where the rule does nothing. */
  nop?: unknown;
  /** `unreachable`, `prohibit`, `blackhole` … */
  action?: string;
}

export interface NeighbourDocument {
  dst: string;
  dev: string;
  lladdr?: string;
  state?: string[];
  router?: unknown;
  proxy?: unknown;
}

export interface WireguardDocument {
  interface: string;
  publicKey: string;
  listenPort: number | null;
  /** `off`, or a number as `0x51`. */
  fwmark: string;
  peers: {
    publicKey: string;
    /** `192.0.2.1:51820`, `[2001:db8::1]:51820`; null where there is none yet. */
    endpoint: string | null;
    /** With commas. */
    allowedIps: string;
    /** Seconds since 1970; 0: never; null: not known. */
    latestHandshake: number | null;
    /** Seconds, or `off`. */
    persistentKeepalive: string | number;
  }[];
}

export interface TincDocument {
  interface: string | null;
  /** Of this node. */
  name: string | null;
  mode: string | null;
  subnets: { subnet: string; weight: number; owner: string }[];
}
