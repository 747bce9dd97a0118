import { canonicalIp } from '../net/ip.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import type { AddressesDocument, HostDocument, LinkDocument, NeighbourDocument } from './document.ts';
import type { Assumption, EffectiveSysctl, Host, Link, LinkAddress, Neighbour, Route, Rule } from './host.ts';
import { TABLE_LOCAL, tableNumber, tableText } from './names.ts';
import type { Family } from './prefix.ts';
import { localRoutes, routeOf } from './routes.ts';
import { ruleOf } from './rules.ts';

/** What a host said of itself, in numbers and canonical texts. What is not understood is left out; nothing throws. */
export const hostOf = (document: HostDocument): Host => new HostModel(document);

class HostModel implements Host {
  readonly document: HostDocument;
  readonly name: string;
  readonly time: string | null;
  readonly links: readonly Link[];
  readonly routes: readonly Route[] | undefined;
  readonly rules: readonly Rule[] | undefined;
  readonly neighbours: readonly Neighbour[] | undefined;
  readonly wireguard: Host['wireguard'];
  readonly tinc: Host['tinc'];
  readonly assumed: readonly Assumption[];
  private readonly linksByName = new Map<string, Link>();
  private readonly linksByAddress = new Map<string, Link[]>();
  private readonly tableNames = new Map<number, string>();

  constructor(document: HostDocument) {
    this.document = document;
    this.name = document.hostname ?? 'the host';
    this.time = document.time;
    this.links = linksOf(document);
    this.rules = rulesOf(document);
    this.neighbours = document.neighbours?.flatMap((each) => neighbourOf(each) ?? []);
    this.wireguard = document.wireguard ?? [];
    this.tinc = document.tinc ?? [];
    const { routes, isLocalMadeUp } = routesOf(document);
    this.routes = routes;
    this.assumed = [...(isLocalMadeUp ? (['local-routes'] as const) : []), ...(document.rules === undefined ? (['rules'] as const) : [])];
    for (const link of this.links) {
      this.linksByName.set(link.name, link);
      for (const { ip } of link.addresses) append(this.linksByAddress, ip, link);
    }
    for (const { table } of [...(document.routes ?? []), ...(document.rules ?? []), ...(document.rules6 ?? [])])
      if (typeof table === 'string') this.tableNames.set(tableNumber(table), table);
  }

  linksWith(ip: string): readonly Link[] {
    return this.linksByAddress.get(ip) ?? [];
  }

  link(nameOrIndex: string | number): Link | undefined {
    if (typeof nameOrIndex === 'string') return this.linksByName.get(nameOrIndex);
    return this.links.find(({ index }) => index === nameOrIndex);
  }

  /** The one that others are made of, where several have it: VLANs and bridges have the MAC of the interface below. */
  linkOfMac(mac: Mac): Link | undefined {
    if (mac <= 0) return undefined;
    const having = this.links.filter((link) => link.mac === mac);
    return having.find(({ parent, kind }) => parent === null && kind !== 'bridge' && kind !== 'bond') ?? having[0];
  }

  sysctl(name: string, link: string, family: 'ipv4' | 'ipv6' = 'ipv4'): number | undefined {
    // sysctl(8) writes a slash for a dot in the name of an interface; other sources keep the dot.
    const sysctls = this.document.sysctls;
    const text = sysctls?.[`net.${family}.conf.${link.replaceAll('.', '/')}.${name}`] ?? sysctls?.[`net.${family}.conf.${link}.${name}`];
    const value = Number.parseInt(text ?? '', 10);
    return Number.isNaN(value) ? undefined : value;
  }

  effective(name: EffectiveSysctl, link: string): number | undefined {
    const own = this.sysctl(name, link);
    const kind = COMBINED[name];
    if (kind === 'own') return own;
    const all = this.sysctl(name, 'all');
    if (kind === 'either' && (all || own)) return 1;
    if (all === undefined || own === undefined) return undefined;
    return kind === 'either' ? 0 : Math.max(all, own);
  }

  table(name: string | number): number {
    return tableNumber(name);
  }

  tableName(table: number): string {
    return this.tableNames.get(table) ?? tableText(table);
  }
}

/**
 * include/linux/inetdevice.h: `IN_DEV_MAXCONF`, `IN_DEV_ORCONF`, `IN_DEV_CONF_GET` (the value of the interface alone; writing `all.forwarding`
 * sets all of them). arp_accept is the greater one since Linux 6.1, before that either.
 */
const COMBINED: Readonly<Record<EffectiveSysctl, 'greater' | 'either' | 'own'>> = {
  arp_ignore: 'greater',
  arp_announce: 'greater',
  arp_accept: 'greater',
  rp_filter: 'greater',
  arp_filter: 'either',
  proxy_arp: 'either',
  accept_local: 'either',
  src_valid_mark: 'either',
  route_localnet: 'either',
  proxy_arp_pvlan: 'own',
  forwarding: 'own',
  ignore_routes_with_linkdown: 'own',
};

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}

/** Interfaces of both lists, in the order of their indexes; those that only have an address are taken to be up. */
function linksOf(document: HostDocument): Link[] {
  const links = new Map<string, Link>();
  for (const each of document.links ?? []) links.set(each.ifname, linkOf(each));
  for (const each of document.addresses ?? []) {
    const link = links.get(each.ifname) ?? linkOf(each);
    links.set(each.ifname, link);
    // Several entries of one interface, as of pasted `ip -4 addr` and `ip -6 addr`, add up.
    for (const address of addressesOf(each))
      if (!link.addresses.some(({ ip, prefixLength }) => ip === address.ip && prefixLength === address.prefixLength))
        link.addresses.push(address);
  }
  return [...links.values()].sort((a, b) => orderOf(a) - orderOf(b));
}

const orderOf = ({ index }: Link): number => (index < 0 ? Number.MAX_SAFE_INTEGER : index);

function linkOf(document: LinkDocument | AddressesDocument): Link {
  const { operstate, mtu, master, link, linkinfo, link_type, group } = document as LinkDocument & { group?: string };
  const flags = document.flags;
  const isUp = flags?.includes('UP') ?? operstate !== 'DOWN';
  return {
    index: document.ifindex ?? -1,
    name: document.ifname,
    mac: parseMac(document.address ?? '') ?? -1,
    isUp,
    hasCarrier: isUp && !flags?.includes('NO-CARRIER') && operstate !== 'DOWN' && operstate !== 'LOWERLAYERDOWN',
    mtu: mtu ?? null,
    type: link_type ?? null,
    kind: linkinfo?.info_kind ?? null,
    master: master ?? null,
    parent: link ?? null,
    group: group ?? 'default',
    addresses: [],
  };
}

const addressesOf = ({ addr_info }: AddressesDocument): LinkAddress[] =>
  addr_info.flatMap((info) => {
    const ip = canonicalIp(info.local);
    if (ip === undefined) return [];
    return {
      ip,
      prefixLength: info.prefixlen,
      peer: info.address === undefined ? null : (canonicalIp(info.address) ?? null),
      scope: info.scope ?? 'global',
      isSecondary: info.secondary === true,
      isDeprecated: info.deprecated === true,
      isTentative: info.tentative === true,
      isTemporary: info.temporary === true,
    };
  });

function rulesOf({ rules, rules6 }: HostDocument): Rule[] | undefined {
  if (rules === undefined && rules6 === undefined) return undefined;
  const of = (family: Family, list: NonNullable<typeof rules>): Rule[] =>
    list.map((each) => ruleOf(each, family)).sort((a, b) => a.priority - b.priority);
  return [...of(4, rules ?? []), ...of(6, rules6 ?? [])];
}

/** Where the table local of a family was not read, it is made up. `ip route` shows main alone; without IPv6 there is nothing of that family. */
function routesOf(document: HostDocument): { routes: Route[] | undefined; isLocalMadeUp: boolean } {
  const read = document.routes?.flatMap((each) => routeOf(each) ?? []);
  const addresses = document.addresses;
  if (addresses === undefined) return { routes: read, isLocalMadeUp: false };
  const missing = ([4, 6] as const).filter((family) => !read?.some((route) => route.family === family && route.table === TABLE_LOCAL));
  const made = missing.flatMap((family) => localRoutes(addresses, family));
  if (read === undefined) return { routes: undefined, isLocalMadeUp: false };
  return { routes: [...made, ...read], isLocalMadeUp: made.length > 0 };
}

function neighbourOf(document: NeighbourDocument): Neighbour | undefined {
  const ip = canonicalIp(document.dst);
  if (ip === undefined) return undefined;
  return { ip, device: document.dev, mac: parseMac(document.lladdr ?? '') ?? -1, states: document.state ?? [] };
}
