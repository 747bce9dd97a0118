import { ipWords, isMulticastIp } from '../net/ip.ts';
import type { Host, Link, NextHop, Route } from './host.ts';
import type { RouteDecision, RouteQuery } from './lookup.ts';
import { SCOPE_GLOBAL, SCOPE_HOST, SCOPE_LINK, scopeNumber, TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from './names.ts';
import { selectIpv4 } from './source-address.ts';
import { type RouteTable, type Tables, tablesOf } from './tables.ts';
import { type Flow, type Found, flowOf, isUsable, MISSED, notSent, onLink, TOS_MASK, type Verdict, walkRules } from './walk.ts';

const BROADCAST = '255.255.255.255';
const ANY = '0.0.0.0';
const LOOPBACK = '127.0.0.1';
const IGMP = 2;

/** net/ipv4/route.c: `ip_route_output_key_hash_rcu` for what the host sends, `ip_route_input_slow` for what comes in. */
export function lookUp4(host: Host, query: RouteQuery): RouteDecision {
  const source = query.source === ANY ? undefined : query.source;
  return query.in === undefined || query.in === 'lo' ? output(host, { ...query, source }) : input(host, query, query.in);
}

function output(host: Host, query: RouteQuery & { source: string | undefined }): RouteDecision {
  const { destination, source } = query;
  const isGroup = isMulticastIp(destination) || destination === BROADCAST;
  const out = query.out === undefined ? undefined : linkNamed(host, query.out);
  if (source !== undefined) {
    if (isMulticastIp(source) || source === BROADCAST) return notSent('no-route', 'invalid-source');
    const owners = linksOfSource(host, source);
    if (owners.length === 0 && host.document.addresses !== undefined) return notSent('no-route', 'source-not-local');
    // A source chooses the interface of groups, without a look at the tables: where several have the address, the last one that was given it.
    if (query.out === undefined && isGroup) return sendOnLink(host, query, owners);
  }
  if (query.out !== undefined) {
    if (out === undefined) return notSent('no-route', 'unknown-interface');
    if (!out.isUp) return notSent('no-route', 'interface-down');
    if (isLocalMulticast(destination) || destination === BROADCAST || query.protocol === IGMP) return sendOnLink(host, query, [out]);
  }
  let chosen = source ?? null;
  if (out !== undefined && chosen === null) {
    if (isMulticastIp(destination)) chosen = selectIpv4(host, out, null, SCOPE_GLOBAL);
    else if (destination === ANY) chosen = selectIpv4(host, out, null, SCOPE_HOST);
  }
  if (destination === ANY) {
    const own = chosen ?? LOOPBACK;
    return { ...notSent('local', undefined), nextHops: [onLink('lo')], sources: [own] };
  }
  const flow = { ...flowOf(4, query), source: chosen === null ? null : ipWords(chosen) };
  const verdict = lookUpTables4(host, flow);
  const { found, rule, assumed } = verdict;
  if (found.kind !== 'found') {
    // "Apparently, routing tables are wrong. Assume, that the destination is on link."
    if (out !== undefined) return { ...sendOnLink(host, { ...query, source: chosen ?? undefined }, [out]), assumed };
    return rejection(host, verdict);
  }
  const { route } = found;
  if (route.type === 'local') {
    return {
      outcome: isMulticastIp(destination) ? 'multicast' : destination === BROADCAST ? 'broadcast' : 'local',
      rule,
      route,
      nextHops: [onLink('lo')],
      sources: [chosen ?? route.source ?? destination],
      refused: undefined,
      assumed,
    };
  }
  const hops = out === undefined ? waysOf(host, found, chosen) : found.hops.slice(0, 1);
  const sources = hops.map((hop) => chosen ?? sourceBy(host, route, hop));
  if (isRefusedLoopback(host, hops, sources)) return notSent('no-route', 'invalid-source', assumed);
  const isMulticast = isMulticastIp(destination);
  const isBroadcast = destination === BROADCAST;
  return {
    outcome: isMulticast ? 'multicast' : isBroadcast ? 'broadcast' : outcomeOf(route),
    rule,
    route,
    // Groups are not sent to the gateway of a default route.
    nextHops: hops.map((hop) =>
      isBroadcast || (isMulticast && route.prefix.length < 4) ? { ...hop, gateway: null } : withoutOwnGateway(host, hop),
    ),
    sources,
    refused: undefined,
    assumed,
  };
}

function input(host: Host, query: RouteQuery, name: string): RouteDecision {
  const { destination, source = ANY } = query;
  if (linkNamed(host, name) === undefined) return notSent('no-route', 'unknown-interface');
  if (isMulticastIp(destination)) return { ...notSent('multicast', undefined), nextHops: [onLink('lo')], sources: [null] };
  if (isMulticastIp(source) || source === BROADCAST) return notSent('no-route', 'invalid-source');
  const broadcast: RouteDecision = { ...notSent('broadcast', undefined), nextHops: [onLink('lo')], sources: [null] };
  if (destination === BROADCAST || (source === ANY && destination === ANY)) return broadcast;
  if (source === ANY) return notSent('no-route', 'invalid-source');
  if (destination === ANY) return notSent('no-route', 'invalid-destination');
  const isLocalNet = host.effective('route_localnet', name) === 1;
  if (isLoopback(destination) && !isLocalNet) return notSent('no-route', 'invalid-destination');
  if (isLoopback(source) && !isLoopback(destination) && !isLocalNet) return notSent('no-route', 'invalid-source');
  const verdict = lookUpTables4(host, { ...flowOf(4, query), out: null });
  const { found, rule, assumed } = verdict;
  const isForwarding = host.effective('forwarding', name) !== 0;
  if (found.kind !== 'found') return isForwarding ? rejection(host, verdict) : { ...rejection(host, verdict), refused: 'not-forwarding' };
  const { route } = found;
  if (route.type === 'broadcast') return { ...broadcast, rule, route, assumed };
  if (route.type === 'local')
    return { outcome: 'local', rule, route, nextHops: [onLink('lo')], sources: [null], refused: undefined, assumed };
  if (!isForwarding) return { ...notSent('no-route', 'not-forwarding', assumed), rule, route };
  if (route.type !== 'unicast') return { ...notSent('no-route', 'invalid-destination', assumed), rule, route };
  const hops = waysOf(host, found, null);
  return {
    outcome: 'unicast',
    rule,
    route,
    nextHops: hops.map((hop) => withoutOwnGateway(host, hop)),
    sources: hops.map(() => null),
    refused: undefined,
    assumed,
  };
}

/** include/net/ip_fib.h `fib_lookup`: without rules of its own a host looks into local and main at once, then into default. */
export function lookUpTables4(host: Host, flow: Flow): Verdict {
  const tables = tablesOf(host, 4);
  const search = (table: RouteTable): Found => searchTable4(host, table, flow);
  return tables.isPlain ? lookUpPlain(tables, search) : walkRules(host, tables, flow, search);
}

function lookUpPlain(tables: Tables, search: (table: RouteTable) => Found): Verdict {
  const ruleOf = (table: number): Verdict['rule'] => tables.rules.find(({ rule }) => rule.table === table)?.rule;
  const { assumed } = tables;
  const first = search(tables.localAndMain);
  const other = tables.tables.get(TABLE_DEFAULT);
  // Any answer but a way is asked for again in default, even where main forbids it.
  if (first.kind === 'found' || other === undefined) {
    const rule = first.kind === 'missed' ? undefined : ruleOf(first.route.table === TABLE_LOCAL ? TABLE_LOCAL : TABLE_MAIN);
    return { found: first, rejectedBy: undefined, rule, assumed };
  }
  const found = search(other);
  return { found, rejectedBy: undefined, rule: found.kind === 'missed' ? undefined : ruleOf(TABLE_DEFAULT), assumed };
}

/** net/ipv4/fib_trie.c `fib_table_lookup`: the longest prefix that has a usable way; what rejects needs none. */
export function searchTable4(host: Host, table: RouteTable, flow: Flow): Found {
  for (const same of table.covering(flow.destination)) {
    for (const route of same) {
      if (route.tos !== 0 && route.tos !== (flow.tos & TOS_MASK)) continue;
      if (scopeNumber(route.scope) < flow.scope) continue;
      if (route.type === 'throw') return MISSED;
      if (route.type === 'blackhole' || route.type === 'unreachable' || route.type === 'prohibit')
        return { kind: 'rejected', outcome: route.type, route };
      if (route.type === 'nat') return { kind: 'rejected', outcome: 'blackhole', route };
      const usable = route.nextHops.filter((hop) => isUsable(host, hop, flow));
      const hops = flow.out === null ? usable : usable.filter(({ device }) => device === flow.out);
      if (hops.length > 0)
        return { kind: 'found', route: route, hops: flow.out === null ? withEqualDefaults(host, flow, same, route, hops) : hops };
    }
  }
  return MISSED;
}

/**
 * net/ipv4/fib_semantics.c `fib_select_default`: of default routes of one metric, the kernel turns to the next one when the gateway of the
 * first does not answer.
 */
function withEqualDefaults(host: Host, flow: Flow, same: readonly Route[], route: Route, hops: readonly NextHop[]): readonly NextHop[] {
  if (route.prefix.length > 0 || route.type !== 'unicast' || route.nextHops.length > 1 || hops[0]?.gateway === null) return hops;
  const others = same.filter(
    (each) =>
      each !== route &&
      each.type === 'unicast' &&
      each.tos === route.tos &&
      each.metric === route.metric &&
      each.table === route.table &&
      each.scope === route.scope &&
      same.indexOf(each) > same.indexOf(route),
  );
  return [
    ...hops,
    ...others.flatMap(({ nextHops }) => nextHops.slice(0, 1).filter((hop) => hop.gateway !== null && isUsable(host, hop, flow))),
  ];
}

/**
 * net/ipv4/fib_semantics.c `fib_select_multipath`: which ways of several a flow may take. From Linux 6.16 on, a source that is set keeps to
 * ways whose interface would have chosen it; not those of nexthop objects.
 */
function waysOf(host: Host, { route, hops }: { route: Route; hops: readonly NextHop[] }, source: string | null): readonly NextHop[] {
  if (hops.length < 2) return hops;
  const usesNeighbours = Number(host.document.sysctls?.['net.ipv4.fib_multipath_use_neigh'] ?? 0) !== 0;
  const good = usesNeighbours ? hops.filter((hop) => !isUnresolved(host, hop)) : hops;
  const live = good.length > 0 ? good : hops.slice(0, 1);
  if (source === null || route.nextHopId !== null || !prefersSource(host.document.kernel)) return live;
  const own = live.filter(
    (hop) => selectIpv4(host, hop.device === null ? undefined : host.link(hop.device), hop.gateway, scopeNumber(route.scope)) === source,
  );
  return own.length > 0 ? own : live;
}

function isUnresolved(host: Host, { gateway, device }: NextHop): boolean {
  const neighbour = host.neighbours?.find((each) => each.ip === gateway && each.device === device);
  return neighbour?.states.some((state) => state === 'FAILED' || state === 'INCOMPLETE' || state === 'NONE') === true;
}

function prefersSource(kernel: string | null): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(kernel ?? '') ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 16);
}

/** `fib_result_prefsrc`. */
const sourceBy = (host: Host, route: Route, { device, gateway }: NextHop): string | null =>
  route.source ?? selectIpv4(host, device === null ? undefined : host.link(device), gateway, scopeNumber(route.scope));

/** Groups, and what is sent by an interface that no route names: it goes out as it is. */
function sendOnLink(host: Host, { destination, source }: RouteQuery, links: readonly Link[]): RouteDecision {
  const nextHops = links.map(({ name }) => onLink(name));
  const sources = links.map((link) => source ?? selectIpv4(host, link, null, SCOPE_LINK));
  if (isRefusedLoopback(host, nextHops, sources)) return notSent('no-route', 'invalid-source');
  const outcome = destination === BROADCAST ? 'broadcast' : isMulticastIp(destination) ? 'multicast' : 'unicast';
  return { ...notSent(outcome, undefined), nextHops, sources };
}

/** Where nothing was found because tables were not read, that is not known to be so. */
function rejection(host: Host, { found, rule, rejectedBy, assumed }: Verdict): RouteDecision {
  if (rejectedBy !== undefined) return { ...notSent(rejectedBy, undefined, assumed), rule };
  if (found.kind === 'rejected') return { ...notSent(found.outcome, undefined, assumed), rule, route: found.route };
  return notSent(tablesOf(host, 4).isKnown ? 'no-route' : 'unknown', undefined, assumed);
}

/** Where no interfaces were read, one that is asked for is taken to be there. */
const linkNamed = (host: Host, name: string): Link | undefined =>
  host.link(name) ?? (host.links.length === 0 ? unknownLink(name) : undefined);

const unknownLink = (name: string): Link => ({
  index: -1,
  name,
  mac: -1,
  isUp: true,
  hasCarrier: true,
  mtu: null,
  type: null,
  kind: null,
  master: null,
  parent: null,
  group: 'default',
  addresses: [],
});

/** `__ip_dev_find`: the interfaces with the address, else that of a local route that holds it. None where it is not of this host. */
function linksOfSource(host: Host, source: string): readonly Link[] {
  const own = host.linksWith(source);
  if (own.length > 0) return own;
  const flow = flowOf(4, { destination: source });
  const tables = tablesOf(host, 4);
  const table = tables.isPlain ? tables.localAndMain : tables.tables.get(TABLE_LOCAL);
  const found = table === undefined ? MISSED : searchTable4(host, table, flow);
  if (found.kind !== 'found' || found.route.type !== 'local') return [];
  return found.hops.slice(0, 1).flatMap(({ device }) => (device === null ? [] : (host.link(device) ?? [])));
}

const outcomeOf = ({ type }: Route): RouteDecision['outcome'] =>
  type === 'broadcast' || type === 'anycast' || type === 'multicast' || type === 'local' ? type : 'unicast';

const isLoopback = (ip: string): boolean => ip.startsWith('127.');
/** 224.0.0.0/24 (RFC 5771). */
const isLocalMulticast = (ip: string): boolean => ip.startsWith('224.0.0.');
/** Loopback addresses leave by the loopback interface only. */
const isRefusedLoopback = (host: Host, hops: readonly NextHop[], sources: readonly (string | null)[]): boolean =>
  hops.some(({ device }, i) => {
    const source = sources[i] ?? null;
    if (source === null || !isLoopback(source) || device === null || device === 'lo') return false;
    return host.link(device)?.type !== 'loopback' && host.effective('route_localnet', device) !== 1;
  });

/** A gateway that is an address of the interface itself is none (`fib_check_nh_v4_gw`: the way has the scope of a host). */
const withoutOwnGateway = (host: Host, hop: NextHop): NextHop =>
  hop.gateway !== null && !hop.isOnLink && host.linksWith(hop.gateway).some(({ name }) => name === hop.device)
    ? { ...hop, gateway: null }
    : hop;
