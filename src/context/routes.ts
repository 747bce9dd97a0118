import { canonicalIp, ipWords, isIpv6Text } from '../net/ip.ts';
import type { AddressesDocument, RouteDocument } from './document.ts';
import type { NextHop, Prefix, Route, RouteType } from './host.ts';
import { TABLE_MAIN, tableNumber, tosNumber, tosText } from './names.ts';
import { type Family, familyOf, maskedWords, network, parsePrefix, prefixText, wordsText } from './prefix.ts';

const TYPES: readonly RouteType[] = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
];

/** What is not sent anywhere, and needs no interface. */
const REJECTING: readonly RouteType[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

/** Metric of a route that was given none: IPv6 has IP6_RT_PRIO_USER. */
const DEFAULT_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** Tables may be of a full BGP router, and the next document of a host has most of the routes that the last one had. */
const known = new WeakMap<RouteDocument, Route>();

/** Undefined where its destination or type is nothing that we know. The document must not change afterwards. */
export function routeOf(document: RouteDocument): Route | undefined {
  const route = known.get(document) ?? parseRoute(document);
  if (route !== undefined) known.set(document, route);
  return route;
}

function parseRoute(document: RouteDocument): Route | undefined {
  const family = familyOfRoute(document);
  const type = TYPES.find((each) => each === (document.type ?? 'unicast'));
  const prefix = parsePrefix(document.dst, family);
  if (!type || !prefix) return undefined;
  return new RouteEntry(document, family, type, network(prefix));
}

/** A default route does not show its family: its gateway does, or what only IPv6 routes have. */
function familyOfRoute(document: RouteDocument): Family {
  if (document.family === 'inet' || document.family === 'inet6') return document.family === 'inet6' ? 6 : 4;
  if (document.dst.includes(':')) return 6;
  if (document.dst !== 'default') return 4;
  const hops = [document, ...(document.nexthops ?? [])];
  if (hops.some(({ via }) => via?.family === 'inet6')) return 4;
  const address = document.prefsrc ?? hops.find(({ gateway }) => gateway !== undefined)?.gateway;
  if (address !== undefined) return isIpv6Text(address) ? 6 : 4;
  // The router preference is printed with each IPv6 route since Linux 4.1.
  return document.pref !== undefined ? 6 : 4;
}

class RouteEntry implements Route {
  readonly family: Family;
  readonly type: RouteType;
  readonly prefix: Prefix;
  readonly from: Prefix | null;
  readonly table: number;
  readonly tos: number;
  readonly metric: number;
  readonly source: string | null;
  readonly scope: string;
  readonly protocol: string | null;
  readonly nextHopId: number | null;
  readonly nextHops: NextHop[];

  constructor(document: RouteDocument, family: Family, type: RouteType, prefix: Prefix) {
    this.family = family;
    this.type = type;
    this.prefix = prefix;
    this.from = sourceOf(document, family);
    this.table = tableNumber(document.table ?? TABLE_MAIN);
    this.tos = document.tos === undefined ? 0 : tosNumber(document.tos);
    this.metric = document.metric ?? DEFAULT_METRIC[family];
    this.source = document.prefsrc === undefined ? null : (canonicalIp(document.prefsrc) ?? null);
    this.scope = document.scope ?? 'global';
    this.protocol = document.protocol ?? null;
    this.nextHopId = document.nhid ?? null;
    this.nextHops = nextHopsOf(document, type);
  }

  /** Made when it is asked for: tables may be of a full BGP router. */
  get text(): string {
    const words: string[] = this.type === 'unicast' ? [] : [this.type];
    words.push(prefixText(this.prefix));
    if (this.from) words.push('from', prefixText(this.from));
    if (this.tos !== 0) words.push('tos', tosText(this.tos));
    if (this.nextHopId !== null) words.push('nhid', String(this.nextHopId));
    const [only, ...others] = this.nextHops;
    if (only && others.length === 0) words.push(...hopWords(only, this.family));
    if (this.protocol !== null) words.push('proto', this.protocol);
    if (this.scope !== 'global') words.push('scope', this.scope);
    if (this.source !== null) words.push('src', this.source);
    if (this.metric !== 0) words.push('metric', String(this.metric));
    if (only && others.length === 0) words.push(...flagWords(only));
    else
      for (const hop of this.nextHops)
        words.push('nexthop', ...hopWords(hop, this.family), 'weight', String(hop.weight), ...flagWords(hop));
    return words.join(' ');
  }
}

function sourceOf({ from }: RouteDocument, family: Family): Prefix | null {
  const prefix = from === undefined || family === 4 ? undefined : parsePrefix(from, 6);
  return prefix === undefined || prefix.length === 0 ? null : network(prefix);
}

function hopWords({ gateway, device }: NextHop, family: Family): string[] {
  const words: string[] = [];
  if (gateway !== null) words.push('via', ...(familyOf(gateway) === family ? [gateway] : [family === 4 ? 'inet6' : 'inet', gateway]));
  if (device !== null) words.push('dev', device);
  return words;
}

const flagWords = ({ isDead, isLinkDown, isOnLink }: NextHop): string[] => [
  ...(isDead ? ['dead'] : []),
  ...(isOnLink ? ['onlink'] : []),
  ...(isLinkDown ? ['linkdown'] : []),
];

type HopDocument = NonNullable<RouteDocument['nexthops']>[number];

function nextHopsOf(document: RouteDocument, type: RouteType): NextHop[] {
  if (document.nexthops !== undefined && document.nexthops.length > 0)
    return document.nexthops.map((hop) => nextHopOf(hop, document.flags));
  // IPv6 shows `dev lo` with them.
  return REJECTING.includes(type) ? [] : [nextHopOf(document, undefined)];
}

function nextHopOf(hop: HopDocument, flagsOfAll: readonly string[] | undefined): NextHop {
  const gateway = hop.gateway ?? hop.via?.host;
  const has = (flag: string): boolean => hop.flags?.includes(flag) === true || flagsOfAll?.includes(flag) === true;
  return {
    gateway: gateway === undefined ? null : (canonicalIp(gateway) ?? null),
    device: hop.dev ?? null,
    weight: hop.weight ?? 1,
    isDead: has('dead'),
    isLinkDown: has('linkdown'),
    isOnLink: has('onlink'),
  };
}

/**
 * The table local as a kernel fills it from the addresses of interfaces that are up (net/ipv4/fib_frontend.c `fib_add_ifaddr`,
 * net/ipv6/addrconf.c): for outputs in which it was left out.
 */
export function localRoutes(addresses: readonly AddressesDocument[], family: Family): Route[] {
  const documents: RouteDocument[] = [];
  for (const { ifname: dev, flags, addr_info } of addresses) {
    if (flags !== undefined && !flags.includes('UP')) continue;
    const isLoopback = dev === 'lo' || flags?.includes('LOOPBACK') === true;
    for (const info of addr_info) {
      if (familyOf(info.local) !== family || (family === 6 && info.tentative === true)) continue;
      const common = { dev, table: 'local', protocol: 'kernel' };
      if (family === 6) {
        documents.push({ ...common, type: 'local', dst: info.local, metric: 0 });
        continue;
      }
      const onLink = networkOf(info);
      // A secondary address is answered from by the primary one of its network.
      const primary = addr_info.find((each) => info.secondary === true && each.secondary !== true && isSamePrefix(networkOf(each), onLink));
      const prefsrc = (primary ?? info).local;
      documents.push({ ...common, type: 'local', dst: info.local, scope: 'host', prefsrc });
      if (isLoopback && info.prefixlen < 32 && primary === undefined)
        documents.push({ ...common, type: 'local', dst: `${onLink.ip}/${onLink.length}`, scope: 'host', prefsrc });
      const broadcast = info.prefixlen < 31 ? lastOf(onLink) : undefined;
      if (broadcast !== undefined && primary === undefined)
        documents.push({ ...common, type: 'broadcast', dst: broadcast, scope: 'link', prefsrc });
    }
    if (family === 6 && !isLoopback && addr_info.some(({ local }) => familyOf(local) === 6))
      documents.push({ type: 'multicast', dst: 'ff00::/8', dev, table: 'local', protocol: 'kernel', metric: 256 });
  }
  return documents.flatMap((document) => routeOf(document) ?? []);
}

/** The last address of a prefix. */
const lastOf = ({ ip, length }: Prefix): string => wordsText(maskedWords(ipWords(ip), familyOf(ip), length, 1), familyOf(ip));

const networkOf = ({ local, address, prefixlen }: AddressesDocument['addr_info'][number]): Prefix =>
  network({ ip: canonicalIp(address ?? local) ?? local, length: prefixlen });

const isSamePrefix = (a: Prefix, b: Prefix): boolean => a.ip === b.ip && a.length === b.length;
