import { ipWords, isMulticastIp } from '../net/ip.ts';
import type { Host, NextHop, Route } from './host.ts';
import type { RouteDecision, RouteQuery } from './lookup.ts';
import { covers, type Words } from './prefix.ts';
import { selectIpv6 } from './source-address.ts';
import { type RouteTable, tablesOf } from './tables.ts';
import { type Flow, type Found, flowOf, isUsable, MISSED, notSent, onLink, type Verdict, walkRules } from './walk.ts';

/**
 * net/ipv6/route.c: `ip6_route_output_flags` for what the host sends, `ip6_route_input_lookup` for what comes in; and net/ipv6/ip6_output.c
 * `ip6_dst_lookup_tail`: a socket without a source that gets no way takes the source that suits the destination best, and asks again.
 */
export function lookUp6(host: Host, query: RouteQuery): RouteDecision {
  const first = lookUpOnce(host, query);
  const isOutput = query.in === undefined || query.in === 'lo';
  if (first.nextHops.length > 0 || !isOutput || query.isFirstOnly === true || (query.source ?? '::') !== '::') return first;
  const source = selectIpv6(host, undefined, query.destination);
  return source === null ? first : lookUpOnce(host, { ...query, source });
}

function lookUpOnce(host: Host, query: RouteQuery): RouteDecision {
  const isInput = query.in !== undefined && query.in !== 'lo';
  const source = query.source === '::' ? undefined : query.source;
  const destination = query.destination;
  const needsLink = needsStrict(destination);
  const flow: Flow6 = {
    ...flowOf(6, { ...query, source }),
    preferred: isInput ? (query.in ?? null) : (query.out ?? null),
    isReachable: false,
    isStrict: needsLink || (!isInput && query.out !== undefined && source === undefined),
  };
  const { found, rule, rejectedBy, assumed } = lookUpTables6(host, flow);
  if (rejectedBy !== undefined) return { ...notSent(rejectedBy, undefined, assumed), rule };
  if (found.kind === 'rejected') return { ...notSent(found.outcome, undefined, assumed), rule, route: found.route };
  if (found.kind === 'missed') return notSent(tablesOf(host, 6).isKnown ? 'no-route' : 'unknown', undefined, assumed);
  const { route, hops } = found;
  const sources = hops.map(({ device }) => {
    if (isInput) return null;
    return source ?? route.source ?? selectIpv6(host, device === null ? undefined : host.link(device), destination);
  });
  const isLocal = route.type === 'local' || route.type === 'anycast';
  return {
    outcome: isLocal ? (route.type === 'local' ? 'local' : 'anycast') : isMulticastIp(destination) ? 'multicast' : 'unicast',
    rule,
    route,
    nextHops: isLocal ? [onLink('lo')] : hops,
    sources: isLocal ? sources.slice(0, 1) : sources,
    refused: undefined,
    assumed,
  };
}

export interface Flow6 extends Flow {
  /** The interface that is asked for: routes by it are better than others of one metric. */
  preferred: string | null;
  /** Others do not count at all. */
  isStrict: boolean;
  /** Only gateways count that did not fail to answer. */
  isReachable: boolean;
}

/** include/net/ip6_route.h `rt6_need_strict`: multicast, link-local and loopback addresses. */
function needsStrict(ip: string): boolean {
  const [first, second, third, fourth] = ipWords(ip);
  if (first >>> 24 === 0xff) return true;
  return first >>> 22 === 0xfe80 >>> 6 || (first === 0 && second === 0 && third === 0 && fourth === 1);
}

/** net/ipv6/fib6_rules.c `fib6_rule_lookup`: without rules of its own a host looks into local, then into main. */
export function lookUpTables6(host: Host, flow: Flow6): Verdict {
  const tables = tablesOf(host, 6);
  // Where it is not known, it is taken to forward: what failed to answer once may answer now.
  const mayFail = host.sysctl('forwarding', 'all', 'ipv6') !== 0;
  return walkRules(host, tables, flow, (table) => searchTable6(host, table, flow, mayFail));
}

/**
 * `fib6_table_lookup`: the longest prefix that has a usable way; on a host that does not forward, one whose gateway did not fail to answer, if
 * there is any.
 */
export function searchTable6(host: Host, table: RouteTable, flow: Flow6, mayFail = true): Found {
  const chosen = (mayFail ? undefined : firstOf(host, table, { ...flow, isReachable: true })) ?? firstOf(host, table, flow);
  if (chosen === undefined) return MISSED;
  const { route, hops } = chosen;
  if (route.type === 'throw') return MISSED;
  if (route.type === 'blackhole' || route.type === 'unreachable' || route.type === 'prohibit')
    return { kind: 'rejected', outcome: route.type, route };
  return { kind: 'found', route, hops };
}

function firstOf(host: Host, table: RouteTable, flow: Flow6): Choice | undefined {
  for (const same of candidates(table, flow)) {
    const chosen = select(host, same, flow);
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

/**
 * Routes of one prefix and one `from`, in the order in which they are tried (net/ipv6/ip6_fib.c `fib6_node_lookup_1`, route.c
 * `fib6_backtrack`): of a prefix, those for the source first, the longest `from` before others. A prefix that has routes for other sources
 * only, and others for all, is passed over at first, but for the default route: the kernel turns to what stands before it.
 */
function* candidates(table: RouteTable, { destination, source }: Flow6): Generator<readonly Route[]> {
  let isStarted = false;
  for (const same of table.covering(destination)) {
    const general = same.filter(({ from }) => from === null);
    if (general.length === same.length) {
      isStarted = true;
      yield same;
      continue;
    }
    const groups = bySource(same, source ?? NO_SOURCE);
    const isRoot = same[0]?.prefix.length === 0;
    if (!isStarted && groups.length === 0 && !isRoot) continue;
    isStarted = true;
    yield* groups;
    if (general.length > 0) yield general;
  }
}

const NO_SOURCE: Words = [0, 0, 0, 0];

/** Those that are for this source, those of one `from` together, the longest first. */
function bySource(routes: readonly Route[], source: Words): Route[][] {
  const groups = new Map<number, Route[]>();
  for (const route of routes) {
    const { from } = route;
    if (from === null || !covers(ipWords(from.ip), from.length, source, 6)) continue;
    const group = groups.get(from.length);
    if (group === undefined) groups.set(from.length, [route]);
    else group.push(route);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}

/** `rt6_select`: of the lowest metric the best score, of several equal ones the first; where that has none, the best of all others. */
function select(host: Host, same: readonly Route[], flow: Flow6): Choice | undefined {
  const lowest = same[0]?.metric;
  const first = same.filter(({ metric }) => metric === lowest);
  return best(host, first, flow) ?? best(host, same.slice(first.length), flow);
}

interface Choice {
  route: Route;
  hops: readonly NextHop[];
}

/** `find_rr_leaf`, `rt6_score_route`. */
function best(host: Host, routes: readonly Route[], flow: Flow6): Choice | undefined {
  let chosen: Choice | undefined;
  let isPreferred = false;
  for (const route of routes) {
    // A nexthop object that is a black hole takes all, whatever interface is asked for.
    if (route.nextHopId !== null && route.nextHops.length === 0) return { route, hops: [] };
    const hops = route.nextHops.filter((hop) => isUsable(host, hop, flow) && !(flow.isReachable && isFailed(host, hop)));
    const wanted = flow.preferred === null ? hops : hops.filter(({ device }) => device === flow.preferred);
    const isRejecting = route.nextHops.length === 0;
    if (flow.isStrict && flow.preferred !== null ? wanted.length === 0 : hops.length === 0 && !isRejecting) continue;
    const isBetter = wanted.length > 0 || flow.preferred === null;
    if (chosen === undefined || (isBetter && !isPreferred)) {
      // Of a multipath route the hash chooses, whatever is preferred (`fib6_select_path`).
      chosen = { route, hops: flow.isStrict ? wanted : hops };
      isPreferred = isBetter;
    }
  }
  return chosen;
}

/** `rt6_check_neigh`. */
const isFailed = (host: Host, { gateway, device }: NextHop): boolean =>
  gateway !== null &&
  host.neighbours?.some((each) => each.ip === gateway && each.device === device && each.states.includes('FAILED')) === true;
