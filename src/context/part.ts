import type {
  AddressesDocument,
  HostDocument,
  LinkDocument,
  NeighbourDocument,
  RouteDocument,
  RuleDocument,
  TincDocument,
  WireguardDocument,
} from './document.ts';

export type Family = 4 | 6;

export interface Note {
  what: string;
  why: string;
}

/** What one command said: some lists of a host, or a piece of one. `assemble` makes a host of many. */
export interface Part {
  hostname?: string;
  kernel?: string;
  time?: string;
  links?: LinkDocument[];
  addresses?: AddressesDocument[];
  routes?: RoutesPart;
  rules?: RulesPart;
  neighbours?: NeighbourDocument[];
  sysctls?: Record<string, string>;
  wireguard?: WireguardDocument[];
  /** How many seconds ago the latest handshake was, by public key, where the output says it so. */
  handshakeAges?: ReadonlyMap<string, number>;
  bgp?: BgpTable;
  tinc?: TincDocument[];
  nftables?: HostDocument['nftables'];
  iptables?: string[];
  /** What is known to be missing in it. */
  notes?: readonly Note[];
}

export interface RoutesPart {
  /** Undefined: both, or that of each route. */
  family: Family | undefined;
  /** The one table that it shows; `all` where it says the table of each. */
  table: string;
  /** `net-tools` shows the main table only, and less of it. */
  by: 'ip' | 'net-tools';
  list: RouteDocument[];
}

export interface RulesPart {
  family: Family | undefined;
  list: RuleDocument[];
}

/** As `show bgp ipv4 unicast json` of FRR prints it, by prefix; what is not known is left out. */
export interface BgpTable {
  routerId?: string;
  localAS?: number;
  routes: Record<string, BgpPath[]>;
  [more: string]: unknown;
}

export interface BgpPath {
  valid?: boolean;
  bestpath?: boolean;
  multipath?: boolean;
  pathFrom?: string;
  network?: string;
  metric?: number;
  locPrf?: number;
  weight?: number;
  peerId?: string;
  path?: string;
  origin?: string;
  nexthops: { ip: string; hostname?: string; afi: string; used?: boolean }[];
  [more: string]: unknown;
}

/** The family of a route as far as its own fields tell it. */
export function familyOf({ family, dst, gateway, via, from, prefsrc, pref, nexthops }: RouteDocument): Family | undefined {
  if (family !== undefined) return family === 'inet6' ? 6 : 4;
  for (const address of [dst, from, prefsrc]) {
    if (address?.includes(':')) return 6;
    if (address !== undefined && /^\d+\./.test(address)) return 4;
  }
  if (pref !== undefined) return 6;
  // A gateway of the other family is written as `via`.
  if (via) return via.family === 'inet6' ? 4 : 6;
  const first = gateway ?? nexthops?.find((hop) => hop.gateway)?.gateway;
  return first === undefined ? undefined : first.includes(':') ? 6 : 4;
}

/** Says the family of routes that do not show it themselves. */
export const withFamily = (list: RouteDocument[], family: Family | undefined): RouteDocument[] =>
  family !== 6 ? list : list.map((route) => (familyOf(route) === undefined ? { family: 'inet6', ...route } : route));
