import type { Host } from '../../src/context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../../src/context/lookup.ts';
import { reversePath } from '../../src/context/reverse-path.ts';
import { routeOf } from '../../src/context/routes.ts';
import type { Answer } from './route-get.ts';

/** No user has it. */
const NO_UID = 0xffff_ffff;

/** What `ip route get` asks the kernel where nothing is given: of IPv4 for UDP, of arriving IPv6 packets for no user, and for a source once only. */
export function asAsked(family: 4 | 6, query: RouteQuery): RouteQuery {
  if (family === 4) return { ...query, protocol: query.protocol ?? 17 };
  return { ...query, isFirstOnly: true, ...(query.in === undefined ? {} : { uid: NO_UID }) };
}

/** How the model and the kernel differ; undefined where they agree. */
export function differenceOf(
  host: Host,
  family: 4 | 6,
  query: RouteQuery,
  answer: Answer,
  match: Answer,
  isPlain: boolean,
): string | undefined {
  const asked = asAsked(family, query);
  const decision = lookUp(host, asked);
  if (isOpen(decision)) return undefined;
  const expected = errorOf(host, asked, decision, answer);
  const said = answer.error?.split('\n')[0]?.replace(/^RTNETLINK answers: /, '');
  if (isMulticastIn(query, decision) && said !== undefined) return MULTICAST_ERRORS.has(said) ? undefined : said;
  if (said !== expected) return `the kernel says ${said ?? 'a way'}, the model ${expected ?? decision.outcome}`;
  if (answer.route === undefined) return undefined;
  return wayDifference(query, decision, answer.route) ?? routeDifference(decision, match, isPlain);
}

/**
 * A rule of IPv6 that suppresses a group lets some ways of a route pass and others not: the next rule gets the flows that chose those, which the
 * model does not follow.
 */
const isOpen = ({ rule, route }: RouteDecision): boolean =>
  route?.family === 6 && route.nextHops.length > 1 && rule !== undefined && rule.suppressGroup !== null;

/** Which groups the host has joined is not in the model, and IPv6 shows no way of those that arrive. */
const isMulticastIn = (query: RouteQuery, { outcome }: RouteDecision): boolean => query.in !== undefined && outcome === 'multicast';
const MULTICAST_ERRORS = new Set(['Invalid argument', 'Message too long']);

const REFUSED: Readonly<Record<NonNullable<RouteDecision['refused']>, string>> = {
  'source-not-local': 'Network is unreachable',
  'invalid-source': 'Invalid argument',
  'invalid-destination': 'Invalid argument',
  'unknown-interface': 'No such device',
  'interface-down': 'Network is unreachable',
  'not-forwarding': 'No route to host',
};

function errorOf(host: Host, query: RouteQuery, decision: RouteDecision, answer: Answer): string | undefined {
  if (decision.refused !== undefined) return REFUSED[decision.refused];
  switch (decision.outcome) {
    case 'no-route':
      return 'Network is unreachable';
    case 'blackhole':
      return 'Invalid argument';
    case 'prohibit':
      return 'Permission denied';
    case 'unreachable':
      return decision.route === undefined ? 'Network is unreachable' : 'No route to host';
    case 'unknown':
      return 'it does not know';
    default:
      return isAccepted(host, query, decision, answer) ? undefined : 'Invalid argument';
  }
}

/** Whether an arriving packet's source is accepted. */
function isAccepted(host: Host, query: RouteQuery, { outcome, nextHops }: RouteDecision, { route }: Answer): boolean {
  if (query.in === undefined || query.source === undefined || outcome === 'multicast') return true;
  const destination = outcome === 'broadcast' ? '0.0.0.0' : query.destination;
  const way = nextHops.find(({ device }) => device === route?.dev) ?? nextHops[0];
  const leavingBy = outcome === 'unicast' ? (way?.device ?? undefined) : undefined;
  return reversePath(host, { ...query, source: query.source, in: query.in, destination }, leavingBy).verdict === 'accepted';
}

function wayDifference(query: RouteQuery, decision: RouteDecision, route: NonNullable<Answer['route']>): string | undefined {
  const type = route.type ?? 'unicast';
  // What is for a group IPv6 calls by the type of its route.
  const isOfRoute = decision.route?.family === 6 && decision.outcome === 'multicast';
  if (type !== (isOfRoute ? decision.route?.type : decision.outcome)) return `the kernel says ${type}, the model ${decision.outcome}`;
  const gateway = route.gateway ?? route.via?.host ?? null;
  const isTaken = decision.nextHops.map((hop) => hop.device === (route.dev ?? null) && hop.gateway === gateway);
  const ways = decision.nextHops.map((hop) => `${hop.gateway} by ${hop.device}`).join(', ');
  if (!isTaken.includes(true)) return `the kernel takes ${gateway} by ${route.dev}, the model ${ways}`;
  if (query.in !== undefined || query.source !== undefined) return undefined;
  const sources = decision.sources.filter((_, i) => isTaken[i]);
  return sources.includes(route.prefsrc ?? null) ? undefined : `the kernel chooses source ${route.prefsrc}, the model ${sources}`;
}

/** `fibmatch` names the route. It shows the type of the packet in place of that of the route, and nexthops from the one chosen on. */
function routeDifference({ route, outcome }: RouteDecision, match: Answer, isPlain: boolean): string | undefined {
  const matched = match.route && routeOf(match.route);
  if (!matched) return undefined;
  const plainText = (text: string): string => {
    const unmarked = text.replace(/ (linkdown|dead)\b/g, '').replace(/ tos 0x\w+/, '');
    const untyped = outcome === 'multicast' || outcome === 'broadcast' ? unmarked.replace(/^(multicast|broadcast|local) /, '') : unmarked;
    return untyped.split(' nexthop ').sort().join(' nexthop ');
  };
  if (!route || plainText(matched.text) !== plainText(route.text)) return `the kernel names ${matched.text}, the model ${route?.text}`;
  // Without rules of its own a host has local and main in one table, which calls itself main.
  return isPlain || matched.table === route.table ? undefined : `the kernel names table ${matched.table}, the model ${route.table}`;
}
