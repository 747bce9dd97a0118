import type {
  AddressesDocument,
  HostDocument,
  LinkDocument,
  NeighbourDocument,
  RouteDocument,
  RuleDocument,
  TincDocument,
} from './document.ts';
import { type ListName, wellFormed } from './entries.ts';
import { type BgpTable, type Family, familyOf, type Note, type Part, type RoutesPart } from './part.ts';
import { ENTRIES } from './schema.ts';

/**
 * Makes a host of what its commands said. Where several said the same, the one that says more counts, or else the later one; what contradicts,
 * and what is of a wrong type, is named in `unread`.
 */
export function assemble(parts: readonly Part[], unread: readonly Note[] = []): HostDocument {
  const notes: Note[] = [...unread, ...parts.flatMap((part) => part.notes ?? [])];
  const last = <K extends 'hostname' | 'kernel' | 'time' | 'nftables'>(name: K): Part[K] | undefined =>
    parts.findLast((part) => part[name] !== undefined)?.[name];
  const host: HostDocument = { hostname: last('hostname') ?? null, kernel: last('kernel') ?? null, time: last('time') ?? null };
  Object.assign(
    host,
    linksOf(parts),
    routesOf(parts, notes),
    rulesOf(parts, notes),
    neighboursOf(parts),
    sysctlsOf(parts),
    wireguardOf(parts, host.time),
    defined('bgp', bgpOf(parts)),
    tincOf(parts),
    defined('nftables', last('nftables')),
    defined('iptables', iptablesOf(parts)),
  );
  dropFaulty(host, notes);
  if (notes.length > 0) host.unread = unique(notes);
  return host;
}

const defined = (name: string, value: unknown): object => (value === undefined ? {} : { [name]: value });

const unique = (notes: readonly Note[]): Note[] => [...new Map(notes.map((note) => [`${note.what}\n${note.why}`, note])).values()];

function linksOf(parts: readonly Part[]): Pick<HostDocument, 'links' | 'addresses'> {
  const links = new Map<string, LinkDocument>();
  const addresses = new Map<string, AddressesDocument>();
  for (const { links: some } of parts) for (const link of some ?? []) links.set(link.ifname, merged(links.get(link.ifname), link));
  for (const { addresses: some } of parts) {
    for (const each of some ?? []) {
      const known = addresses.get(each.ifname);
      const infos = [...(known?.addr_info ?? [])];
      for (const info of each.addr_info) {
        const at = infos.findIndex(
          ({ local, prefixlen, address }) =>
            local === info.local && prefixlen === info.prefixlen && (address ?? local) === (info.address ?? info.local),
        );
        if (at < 0) infos.push(info);
        else infos[at] = { ...info, ...infos[at] };
      }
      addresses.set(each.ifname, { ...merged(known, each), addr_info: infos });
    }
  }
  // `ip address` says of links most of what `ip link` does.
  for (const { addr_info: _, ...each } of addresses.values()) links.set(each.ifname, merged(links.get(each.ifname), each));
  return {
    ...(links.size > 0 ? { links: [...links.values()] } : {}),
    ...(addresses.size > 0 ? { addresses: [...addresses.values()] } : {}),
  };
}

/** What the first one leaves open, the second one says. */
const merged = <T extends object>(known: T | undefined, more: T): T => (known ? { ...more, ...known } : more);

function routesOf(parts: readonly Part[], notes: Note[]): Pick<HostDocument, 'routes'> {
  const given = parts.flatMap(({ routes }) => (routes ? [routes] : []));
  if (given.length === 0) return {};
  return { routes: ([4, 6] as const).flatMap((family) => routesOfFamily(family, given, notes)) };
}

function routesOfFamily(family: Family, given: readonly RoutesPart[], notes: Note[]): RouteDocument[] {
  // Routes that do not say their family are IPv4's, where nothing else is known of them.
  const mine = given
    .filter((each) => each.family === undefined || each.family === family)
    .map((each) => ({ ...each, list: each.list.filter((route) => (each.family ?? familyOf(route) ?? 4) === family) }))
    .filter((each) => each.list.length > 0 || each.family === family);
  if (mine.length > 0 && mine.every(({ by }) => by === 'net-tools')) {
    notes.push({
      what: `IPv${family} routes`,
      why: 'route and netstat show the main table only, and neither source addresses nor further next hops of a route',
    });
  }
  const byTable = new Map<string, RouteDocument[]>();
  const all = mine.findLast(({ table }) => table === 'all');
  if (all) return all.list;
  for (const { table, list, by } of [...mine.filter((each) => each.by === 'net-tools'), ...mine.filter((each) => each.by === 'ip')]) {
    const known = byTable.get(table);
    if (
      known &&
      by === 'ip' &&
      mine.filter((each) => each.by === 'ip' && each.table === table).length > 1 &&
      JSON.stringify(known) !== JSON.stringify(list)
    ) {
      notes.push({
        what: `IPv${family} routes of table ${table}`,
        why: 'given more than once, with different content: the last one counts',
      });
    }
    byTable.set(table, list);
  }
  return [...byTable.values()].flat();
}

/** What every Linux has, where nobody removed it. */
const STANDARD: Readonly<Record<Family, readonly RuleDocument[]>> = {
  4: [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 32_766, src: 'all', table: 'main' },
    { priority: 32_767, src: 'all', table: 'default' },
  ],
  6: [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 32_766, src: 'all', table: 'main' },
  ],
};

function rulesOf(parts: readonly Part[], notes: Note[]): Pick<HostDocument, 'rules' | 'rules6'> {
  const found: Partial<Record<Family, RuleDocument[]>> = {};
  const given = parts.flatMap(({ rules, notes: own = [] }) =>
    rules ? [{ ...rules, isPartial: own.some(({ why }) => / shows only some /.test(why)) }] : [],
  );
  for (const { family, list, isPartial } of given) {
    // The second of two without a word of their family is IPv6's.
    const of = family ?? (found[4] ? 6 : 4);
    const known = found[of];
    if (known && JSON.stringify(known) !== JSON.stringify(list)) {
      notes.push({ what: `IPv${of} rules`, why: 'given more than once, with different content: the last one counts' });
    }
    const isCut = !list.some(({ table }) => table === 'main') || !list.some(({ table }) => table === 'local');
    const missing =
      isCut && (isPartial || list.length > 0)
        ? STANDARD[of].filter((rule) => !list.some(({ table, priority }) => table === rule.table || priority === rule.priority))
        : [];
    if (missing.length > 0)
      notes.push({ what: `IPv${of} rules`, why: 'the standard ones are not all among them: they are assumed to be there' });
    found[of] = [...list, ...missing].sort((a, b) => a.priority - b.priority);
  }
  return { ...defined('rules', found[4]), ...defined('rules6', found[6]) };
}

function neighboursOf(parts: readonly Part[]): Pick<HostDocument, 'neighbours'> {
  const given = parts.flatMap(({ neighbours }) => (neighbours ? [neighbours] : []));
  if (given.length === 0) return {};
  const known = new Map<string, NeighbourDocument>();
  for (const each of given.flat()) {
    const key = `${each.dst} ${each.dev} ${Object.hasOwn(each, 'proxy')}`;
    const before = known.get(key);
    // `ip` says the state; `arp` only guesses it.
    if (!before || (each.lladdr !== undefined && before.lladdr === undefined)) known.set(key, each);
  }
  return { neighbours: [...known.values()] };
}

function sysctlsOf(parts: readonly Part[]): Pick<HostDocument, 'sysctls'> {
  const all = Object.assign({}, ...parts.map(({ sysctls }) => sysctls ?? {})) as Record<string, string>;
  const names = Object.keys(all).sort();
  return names.length === 0 ? {} : { sysctls: Object.fromEntries(names.map((name) => [name, all[name] ?? ''])) };
}

function wireguardOf(parts: readonly Part[], time: string | null): Pick<HostDocument, 'wireguard'> {
  const known = new Map<string, NonNullable<HostDocument['wireguard']>[number]>();
  for (const { wireguard = [], handshakeAges } of parts) {
    for (const device of wireguard) {
      const peers = device.peers.map((peer) => {
        const age = peer.latestHandshake === null ? handshakeAges?.get(peer.publicKey) : undefined;
        return age === undefined || time === null ? peer : { ...peer, latestHandshake: Math.floor(Date.parse(time) / 1000) - age };
      });
      // The dump has times as numbers: what `wg show` says of the same interface adds nothing.
      if (!known.get(device.interface)?.peers.some(({ latestHandshake }) => latestHandshake !== null))
        known.set(device.interface, { ...device, peers });
    }
  }
  return known.size === 0 ? {} : { wireguard: [...known.values()] };
}

/** Tables of several families or daemons are one. */
function bgpOf(parts: readonly Part[]): BgpTable | undefined {
  const tables = parts.flatMap(({ bgp }) => (bgp ? [bgp] : []));
  const [first] = tables;
  if (!first || tables.length === 1) return first;
  return { ...first, routes: Object.assign({}, ...tables.map(({ routes }) => routes)) as BgpTable['routes'] };
}

function tincOf(parts: readonly Part[]): Pick<HostDocument, 'tinc'> {
  const known = new Map<string, TincDocument>();
  for (const { tinc = [] } of parts) {
    for (const each of tinc) {
      const before = known.get(each.interface ?? '');
      known.set(
        each.interface ?? '',
        before ? { ...before, ...each, name: each.name ?? before.name, mode: each.mode ?? before.mode } : each,
      );
    }
  }
  return known.size === 0 ? {} : { tinc: [...known.values()] };
}

function iptablesOf(parts: readonly Part[]): string[] | undefined {
  const given = parts.flatMap(({ iptables }) => (iptables ? [iptables] : []));
  return given.length === 0 ? undefined : given.flat();
}

/** What parsers made of texts is looked at, too. */
function dropFaulty(host: HostDocument, notes: Note[]): void {
  const lists = host as unknown as Record<string, unknown>;
  for (const name of Object.keys(ENTRIES) as ListName[]) {
    const list = lists[name];
    if (Array.isArray(list)) lists[name] = wellFormed(name, list, notes);
  }
}
