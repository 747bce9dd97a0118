import type { Host, Link, NextHop } from '../context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../context/lookup.ts';
import { familyOf, prefixCovers } from '../context/prefix.ts';
import { isLinkLocalIp, isLoopbackIp } from '../net/ip.ts';
import { wayText } from './host-choice.ts';
import { type Attempt, applied, firstThatHolds, forHost, KEEP_ROUTING, NotMade } from './host-remedy.ts';
import { routeSamples, sameWay, withFewRoutes } from './host-samples.ts';
import { sysctlNow } from './host-sysctls.ts';
import { freePriorities, freeTables, RESERVED_TABLES } from './host-tables.ts';
import type { Remedy } from './kind.ts';
import { capitalised, listText } from './text.ts';
import { ipCommand, NO_SOURCE, selector, type Traffic } from './uplink-rule.ts';

/** What should leave by an uplink, with that uplink's address. */
export interface Uplinked {
  /** The host's own address on that uplink. */
  address: string;
  /** Whom it goes to: a peer that should be reached so. */
  to: string;
  /**
   * What of all traffic: what leaves from a port of a socket that may be bound to no address; what WireGuard sends, by its mark; or what has the
   * address already (answers of connections and pings).
   */
  by: { protocol: 6 | 17; port: number } | { wireguard: string } | 'source';
  /** The uplink's gateway, where something else than the host's own tables tells it, and what that is. */
  gateway?: { ip: string; why: string };
}

/**
 * Rules, and if need be a table, by which the traffic leaves by its uplink: made of what the host's tables say of that uplink, at priorities and in
 * a table that are free, and checked on the model of the host. What the host reaches without its default route it reaches as before.
 * @param hosts of the context: one that forwards, in the uplink's network, is its gateway, where the host's own tables name none
 */
export function uplinkRemedy(host: Host, traffic: Uplinked, general: Remedy, hosts: readonly Host[] = []): Remedy {
  const others = (): Host[] => hosts.filter((each) => each !== host);
  return forHost(host, JSON.stringify(traffic), general, () => make(withFewRoutes(host, traffic.to), traffic, others()));
}

function make(host: Host, traffic: Uplinked, hosts: readonly Host[]): Attempt {
  const { address, to, by } = traffic;
  if (host.routes === undefined) throw new NotMade('its routes were not read');
  if (host.rules === undefined) throw new NotMade('its rules were not read');
  const family = familyOf(address);
  if (family !== familyOf(to)) throw new NotMade('the addresses are of two families');
  if (!host.rules.some((rule) => rule.family === family)) throw new NotMade('its rules were not read');
  if (typeof by === 'object' && 'port' in by && isOlder(host.document.kernel, 4, 17))
    throw new NotMade(`its kernel ${host.document.kernel} knows no rules by port (Linux 4.17 and newer)`);
  const link = uplinkOf(host, address);
  const selected = selectionOf(host, traffic);
  const before = lookUp(host, selected.query);
  if (before.assumed.includes('tables')) throw new NotMade('not all of its routing tables were read');
  if (leavesBy(before, link, address, selected.query))
    throw new NotMade(`as it is set${host.time === null ? '' : ` (${host.time})`} this already leaves by ${link.name} with ${address}`);
  return firstThatHolds(plans(host, link, traffic, selected, hosts), missingGateway(link));
}

const missingGateway = (link: Link): string => `no route of it names the gateway of ${link.name} (GATEWAY)`;

/** Whether a kernel is older than Linux `major`.`minor`; not where its release is not known. */
function isOlder(release: string | null, major: number, minor: number): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(release ?? '') ?? [];
  return first !== undefined && (Number(first) < major || (Number(first) === major && Number(second) < minor));
}

function uplinkOf(host: Host, address: string): Link {
  const [link, ...others] = host.linksWith(address).filter(({ type }) => type !== 'loopback');
  if (!link) throw new NotMade(`no interface of it but lo has ${address}`);
  if (others.length > 0) throw new NotMade(`several of its interfaces have ${address}`);
  return link;
}

/** What `ip rule` selects the traffic by, what the tables are asked then, and the commands that must come first. */
interface Selection {
  traffic: Traffic;
  query: RouteQuery;
  /** As the subject of a sentence. */
  what: string;
  first: { commands: string[]; undo: string[] };
}

function selectionOf(host: Host, { address, to, by }: Uplinked): Selection {
  const none = { commands: [], undo: [] };
  if (by === 'source')
    return { traffic: { from: address }, query: { destination: to, source: address }, what: `what has the source ${address}`, first: none };
  const isIpv4 = familyOf(address) === 4;
  const unset = isIpv4 ? { from: NO_SOURCE } : {};
  const without = isIpv4 ? ' and has no source yet' : '';
  if ('port' in by) {
    const { protocol, port } = by;
    const name = protocol === 17 ? 'udp' : 'tcp';
    const query = { destination: to, protocol, sourcePort: port };
    return {
      traffic: { ...unset, leaving: { protocol: name, port } },
      query,
      what: `what leaves from ${name.toUpperCase()} port ${port}${without}`,
      first: none,
    };
  }
  const tunnel = host.wireguard.find((each) => each.interface === by.wireguard);
  if (!tunnel) throw new NotMade(`it has no WireGuard interface ${by.wireguard}`);
  const set = Number(tunnel.fwmark) || 0;
  const mark = set === 0 ? freeMark(host) : set;
  const text = `0x${mark.toString(16)}`;
  const first = set === 0 ? { commands: [`wg set ${by.wireguard} fwmark ${text}`], undo: [`wg set ${by.wireguard} fwmark off`] } : none;
  const query = { destination: to, protocol: 17, mark, ...(tunnel.listenPort === null ? {} : { sourcePort: tunnel.listenPort }) };
  return { traffic: { ...unset, mark: text }, query, what: `what ${by.wireguard} sends (mark ${text})${without}`, first };
}

const FIRST_MARK = 0x51;
const MOST_MARKS = 0xff;

/** A mark that no rule of the host looks for. */
function freeMark({ rules, wireguard }: Host): number {
  for (let mark = FIRST_MARK; mark <= MOST_MARKS; mark++) {
    const isUsed =
      rules?.some((rule) => rule.mark !== null && (mark & rule.mark.mask) === rule.mark.value) ||
      wireguard.some(({ fwmark }) => Number(fwmark) === mark);
    if (!isUsed) return mark;
  }
  throw new NotMade('its rules look for marks of all kinds');
}

/** One way to do it: a table that leads out by the uplink, and where to put the rules. */
interface Way {
  table: number;
  /** As commands name it. */
  name: string;
  gateway: string | null;
  /** The commands that fill the table, if it is a new one. */
  route: string[];
  why: string;
}

function* plans(host: Host, link: Link, traffic: Uplinked, selected: Selection, hosts: readonly Host[]): Generator<() => Attempt> {
  const decided = lookUp(host, selected.query).rule;
  for (const way of waysOf(host, link, traffic, hosts))
    for (const priority of freePriorities(host, familyOf(traffic.address), decided, NUMBERS))
      yield () => attempt(host, link, traffic, selected, way, priority);
}

function* waysOf(host: Host, link: Link, { address, to, gateway: told }: Uplinked, hosts: readonly Host[]): Generator<Way> {
  const { routes = [] } = host;
  const family = familyOf(address);
  const defaults = routes.filter((route) => route.family === family && route.type === 'unicast' && route.prefix.length === 0);
  const byLink = defaults.flatMap((route) =>
    route.nextHops.filter((hop) => hop.device === link.name && !hop.isDead).map((hop) => ({ route, hop })),
  );
  // A table of its own that leads out by the uplink, above all the one that rules already give to the address.
  const own = byLink.filter(({ route }) => !RESERVED_TABLES.has(route.table) && route.nextHops.length === 1);
  const bySource = lookUp(host, { destination: to, source: address }).route;
  own.sort((a, b) => Number(b.route === bySource) - Number(a.route === bySource));
  for (const { route, hop } of own) {
    const name = host.tableName(route.table);
    yield { table: route.table, name, gateway: hop.gateway, route: [], why: `Table ${name} has \`${route.text}\` already.` };
  }
  const table = freeTable(host, link);
  const made = ({ gateway, isOnLink }: Pick<NextHop, 'gateway' | 'isOnLink'>, why: string): Way => {
    const via = gateway === null ? '' : ` via ${familyOf(gateway) === family ? '' : 'inet6 '}${gateway}`;
    const command = `default${via} dev ${link.name}${isOnLink ? ' onlink' : ''} src ${address} table ${table}`;
    return { table, name: String(table), gateway, route: [command], why };
  };
  for (const { route, hop } of byLink)
    yield made(
      hop,
      `Its route \`${route.text}\`${tableText(host, route.table)} names the gateway of ${link.name}. Table ${table} is free.`,
    );
  for (const { ip, why } of gatewaysFromElsewhere(host, link, address, to, told, hosts))
    yield made({ gateway: ip, isOnLink: false }, `${why} Table ${table} is free.`);
}

const tableText = (host: Host, table: number): string => (RESERVED_TABLES.has(table) ? '' : ` of table ${host.tableName(table)}`);

/** What else than its own routes tells the gateway. */
function* gatewaysFromElsewhere(
  host: Host,
  link: Link,
  address: string,
  to: string,
  told: Uplinked['gateway'],
  hosts: readonly Host[],
): Generator<{ ip: string; why: string }> {
  if (told) yield told;
  const networks = link.addresses.filter((each) => prefixCovers({ ip: each.ip, length: each.prefixLength }, address));
  const isNear = (ip: string): boolean =>
    ip !== address && networks.some((each) => prefixCovers({ ip: each.ip, length: each.prefixLength }, ip));
  const routers = hosts
    .flatMap((router) =>
      router.links.flatMap((at) =>
        at.type === 'loopback' ? [] : at.addresses.filter(({ ip }) => isNear(ip)).map(({ ip }) => ({ router, at, ip })),
      ),
    )
    .filter(({ router, at }) => forwards(router, at, address, to));
  const [router] = routers;
  if (router && routers.length === 1)
    yield {
      ip: router.ip,
      why: `No route of it names the gateway of ${link.name}; ${router.router.name}, which forwards, has ${router.ip} there.`,
    };
  if (routers.length > 0) return;
  // Who brings packets from elsewhere must have asked for the host's MAC, and whoever asks is kept as a neighbour (Linux net/ipv4/arp.c:
  // arp_process).
  const neighbours = (host.neighbours ?? []).filter(({ ip, device, mac }) => device === link.name && mac > 0 && isNear(ip));
  const [only] = neighbours;
  if (only && neighbours.length === 1)
    yield { ip: only.ip, why: `No route of it names the gateway of ${link.name}; ${only.ip} is the only neighbour that it has there.` };
}

/** Whether a host of the context passes on what comes to it there. */
const forwards = (router: Host, at: Link, source: string, destination: string): boolean => {
  if (router.effective('forwarding', at.name) !== 1 && router.document.sysctls?.['net.ipv4.ip_forward'] !== '1') return false;
  const { outcome, nextHops } = lookUp(router, { destination, source, in: at.name });
  return outcome === 'unicast' && nextHops.some(({ device }) => device !== at.name);
};

/** A free table; another one for each uplink, so that several remedies do not meet in one. */
function freeTable(host: Host, link: Link): number {
  const uplinks = host.links.filter(({ type, addresses }) => type !== 'loopback' && addresses.length > 0);
  const tables = freeTables(host);
  for (let position = uplinks.indexOf(link); position > 0; position--) tables.next();
  return tables.next().value ?? 0;
}

/** How many numbers the rules of a remedy take at most. */
const NUMBERS = 12;

function attempt(host: Host, link: Link, traffic: Uplinked, selected: Selection, way: Way, priority: number): Attempt {
  const { address, to } = traffic;
  const rules = [
    `${selector(selected.traffic)} lookup main suppress_prefixlength 0`,
    `${selector(selected.traffic)} lookup ${way.name}`,
    ...(isFilteredStrictly(host, link, traffic, way) ? sourceRules(address, way) : []),
  ];
  const script = scriptOf(traffic, selected, way, [...keepers(host, rules, traffic, selected, way, priority), ...rules], priority);
  const after = applied(host, script.commands);
  const decision = lookUp(after, selected.query);
  if (!leavesBy(decision, link, address, selected.query)) throw new NotMade(elsewhere(decision, link, traffic));
  const kept = keptWays(host, after, selected.query);
  if (traffic.by !== 'source' && changedSources(host, after, traffic, selected).length > 0)
    throw new NotMade('what has the source of another uplink would change its way, too');
  const { rule, route, nextHops } = decision;
  const out = wayText({ device: link.name, gateway: nextHops[0]?.gateway ?? null }, address);
  const nearer = kept.length === 0 ? '' : `; ${listText(kept)} ${kept.length === 1 ? 'is' : 'are'} reached as before`;
  const withSource = traffic.by === 'source' ? '' : `, with the source ${address},`;
  const decider = rule && route ? `rule ${rule.priority}, table ${after.tableName(route.table)}` : 'no rule';
  return {
    host: host.name,
    text: `${onHost(host, traffic)}: send by ${link.name}${withSource} ${selected.what}${rules.length > 2 ? STRICT : ''}`,
    now: [
      nowText(lookUp(host, selected.query), host, selected, to),
      way.why,
      ...(rules.length > 2 ? sysctlNow(host, [link.name], ['rp_filter']) : []),
    ],
    commands: script.commands,
    keep: [...KEEP_ROUTING],
    undo: script.undo,
    checked: `With these commands ${selected.what} goes to ${to} ${out} (${decider})${nearer}.`,
  };
}

/** By mark it is the same once more. */
const onHost = ({ name }: Host, { by }: Uplinked): string =>
  by !== 'source' && 'wireguard' in by ? `Or, instead, by mark. On ${name}` : `On ${name}`;

/** Commands that add the table's route, if it needs one, and the rules, in their order from `priority` on; and those that take all of it back. */
function scriptOf(
  { address }: Uplinked,
  { first }: Selection,
  { route }: Way,
  rules: readonly string[],
  priority: number,
): { commands: string[]; undo: string[] } {
  const ip = ipCommand(address);
  const numbered = rules.map((rule, i) => `${rule} priority ${priority + i}`);
  return {
    commands: [
      ...first.commands,
      ...route.map((each) => `${ip} route replace ${each}`),
      ...numbered.map((each) => `${ip} rule add ${each}`),
    ],
    undo: [
      ...numbered.map((each) => `${ip} rule del ${each}`).reverse(),
      ...route.map((each) => `${ip} route del ${each}`).reverse(),
      ...first.undo,
    ],
  };
}

/** Rules for what has the address of another uplink already, where the remedy's own would take it along (IPv6): the tables that decide it now. */
function keepers(host: Host, rules: readonly string[], traffic: Uplinked, selected: Selection, way: Way, priority: number): string[] {
  if (traffic.by === 'source' || familyOf(traffic.address) === 4) return [];
  const { commands } = scriptOf(traffic, selected, way, rules, priority);
  const changed = changedSources(host, applied(host, commands), traffic, selected);
  if (changed.length + rules.length > NUMBERS) throw new NotMade('it has too many addresses');
  return changed.flatMap((source) => {
    const { rule } = lookUp(host, { ...selected.query, source });
    return rule?.action === 'table' ? `${selector({ from: source })} lookup ${host.tableName(rule.table)}` : [];
  });
}

/** Own addresses of which the traffic to the peer leaves otherwise afterwards. */
const changedSources = (host: Host, after: Host, { address, to }: Uplinked, { query }: Selection): string[] =>
  otherAddresses(host, address).filter((source) => {
    const asked = { ...query, source, destination: to };
    return !sameWay(lookUp(host, asked), lookUp(after, asked));
  });

/** The host's addresses of the same family, the given one and those of lo apart. */
export const otherAddresses = (host: Host, address: string): string[] =>
  host.links
    .filter(({ type }) => type !== 'loopback')
    .flatMap((link) => link.addresses.map(({ ip }) => ip))
    .filter((ip) => ip !== address && familyOf(ip) === familyOf(address) && !isLinkLocalIp(ip));

function nowText({ rule, route, nextHops, sources }: RouteDecision, host: Host, { what, query }: Selection, to: string): string {
  const goes = `${capitalised(what)} goes to ${to}`;
  const ways = nextHops.map((hop, i) => wayText(hop, query.source ?? sources[i] ?? null));
  const why = rule && route ? ` (rule ${rule.priority}, table ${host.tableName(route.table)})` : '';
  return ways.length === 0
    ? `${goes} nowhere${why}.`
    : `${goes} ${ways.length > 1 ? `one of ${ways.length} ways: ` : ''}${listText(ways)}${why}.`;
}

const STRICT =
  '. rp_filter is 1 there: what comes in is looked up with its source and destination exchanged, but without ports and marks, ' +
  'so rules by source are needed too';

/** Rules for what has the source: the way to what is nearer, then the table. */
const sourceRules = (address: string, { name }: Way): string[] => [
  `${selector({ from: address })} lookup main suppress_prefixlength 0`,
  `${selector({ from: address })} lookup ${name}`,
];

/**
 * Whether the kernel would drop what comes in by the uplink (fib_validate_source, strict: RFC 3704 section 2.2): it looks up the way back by the
 * addresses alone. Tried on Linux 6.18: neither rules by port nor, unless something marks what comes in, rules by mark count there.
 */
function isFilteredStrictly(host: Host, link: Link, { address, to, by }: Uplinked, { gateway }: Way): boolean {
  if (by === 'source' || familyOf(address) !== 4 || host.effective('rp_filter', link.name) !== 1) return false;
  const { nextHops } = lookUp(host, { destination: to, source: address });
  return !nextHops.some((hop) => hop.device === link.name && hop.gateway === gateway);
}

function leavesBy({ outcome, nextHops, sources }: RouteDecision, link: Link, address: string, { source }: RouteQuery): boolean {
  const [hop] = nextHops;
  return outcome === 'unicast' && nextHops.length === 1 && hop?.device === link.name && (source ?? sources[0]) === address;
}

function elsewhere({ route, rule, nextHops, sources }: RouteDecision, link: Link, { to, address }: Uplinked): string {
  const [hop] = nextHops;
  if (!route || !rule || !hop) return `nothing would lead to ${to} then`;
  return hop.device === link.name
    ? `what leaves by ${link.name} would have the source ${sources[0] ?? 'of nobody'}, and not ${address}`
    : `the route \`${route.text}\` (rule \`${rule.text}\`) is nearer to ${to} than a default route`;
}

/** Networks that the host reaches without its default route, and as before. Throws where a remedy would change the way to one. */
function keptWays(host: Host, after: Host, query: RouteQuery): string[] {
  const now = lookUp(host, query);
  const kept: string[] = [];
  for (const { destination, text } of routeSamples(host, familyOf(query.destination))) {
    const before = lookUp(host, { ...query, destination });
    // What goes the way that is to be changed.
    if (before.rule === now.rule && before.route === now.route) continue;
    if (!sameWay(before, lookUp(after, { ...query, destination })))
      throw new NotMade(`what goes to ${text} would take another way then, too`);
    if (before.outcome === 'unicast' && !isLoopbackIp(destination)) kept.push(text);
  }
  const { source: _, ...others } = query;
  const other = { ...others, protocol: 6, sourcePort: 1, mark: 0 };
  if (!sameWay(lookUp(host, other), lookUp(after, other))) throw new NotMade('other traffic would change its way, too');
  return kept;
}
