import type { HostDocument, RouteDocument } from './document.ts';
import { checkRoute, deviceTowards } from './gateway-check.ts';
import type { Host, Route } from './host.ts';
import { TABLE_LOCAL, TABLE_MAIN, tableNumber } from './names.ts';
import { type Family, familyOf, network, parsePrefix, prefixText } from './prefix.ts';
import { routeOf } from './routes.ts';
import type { Words } from './words.ts';

const VERBS: Readonly<Record<string, 'add' | 'append' | 'prepend' | 'replace' | 'del'>> = {
  add: 'add',
  append: 'append',
  prepend: 'prepend',
  replace: 'replace',
  del: 'del',
  delete: 'del',
};

const TYPES = ['unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole', 'unreachable', 'prohibit', 'throw'];
const REJECTING = ['blackhole', 'unreachable', 'prohibit', 'throw'];

/** `ip route add …` and its like (iproute2 ip/iproute.c `iproute_modify`; net/ipv4/fib_trie.c `fib_table_insert`, net/ipv6/ip6_fib.c). */
export function applyRoute(host: Host, words: Words, option: Family | undefined): HostDocument {
  const name = words.next();
  if (name === 'flush' && words.takes('cache')) return host.document;
  const verb = VERBS[name];
  if (verb === undefined) throw new Error(`ip route ${name} is not understood`);
  const wanted = readRoute(words, option);
  const { document } = host;
  const routes = document.routes ?? [];
  if (verb === 'del') return { ...document, routes: removed(routes, wanted) };
  const route = completed(host, wanted);
  const parsed = routeOf(route);
  if (!parsed) throw new Error('it is not understood');
  checkRoute(host, parsed);
  if (wanted.family === 6 && hasTwice(parsed)) throw new Error('a way stands in it twice');
  if (wanted.family === 6 && (verb === 'append' || verb === 'prepend')) throw new Error(`ip -6 route ${verb} is not understood`);
  const at = routes.findIndex((each) => isSlot(routeOf(each), parsed));
  if (at < 0) return { ...document, routes: [...routes, route] };
  if (verb === 'add') throw new Error(`there is such a route already: ${routeOf(routes[at] ?? route)?.text}`);
  const same = routes.findIndex((each) => isSlot(routeOf(each), parsed) && routeOf(each)?.text === parsed.text);
  if (same >= 0 && (verb !== 'replace' || same !== at)) throw new Error(`there is such a route already: ${parsed.text}`);
  if (verb === 'replace') return { ...document, routes: routes.map((each, i) => (i === at ? route : each)) };
  if (verb === 'prepend') return { ...document, routes: [...routes.slice(0, at), route, ...routes.slice(at)] };
  const last = routes.findLastIndex((each) => isSlot(routeOf(each), parsed));
  return { ...document, routes: [...routes.slice(0, last + 1), route, ...routes.slice(last + 1)] };
}

const hasTwice = ({ nextHops }: Route): boolean =>
  new Set(nextHops.map(({ gateway, device }) => `${gateway} ${device}`)).size < nextHops.length;

/** What was given of a route. */
interface Wanted {
  family: Family;
  document: RouteDocument;
  hasScope: boolean;
}

function readRoute(words: Words, option: Family | undefined): Wanted {
  const document: RouteDocument = { dst: '' };
  const type = words.takes(...TYPES);
  if (type !== undefined && type !== 'unicast') document.type = type;
  words.takes('to');
  const destination = words.next();
  const family = option ?? (destination.includes(':') ? 6 : 4);
  const prefix = parsePrefix(destination, family);
  if (!prefix) throw new Error(`${destination} is no IPv${family} prefix`);
  if (network(prefix).ip !== prefix.ip) throw new Error(`${destination} has bits behind its length`);
  document.dst = prefixText(prefix);
  let hop: Hop = document;
  while (!words.isEmpty) {
    const word = words.next();
    if (word === 'nexthop') {
      hop = { weight: 1 };
      document.nexthops = [...(document.nexthops ?? []), hop];
    } else if (!readHop(word, words, family, hop)) {
      if (hop !== document) throw new Error(`${word} must stand before nexthop`);
      readField(word, words, document);
    }
  }
  return { family, document, hasScope: document.scope !== undefined };
}

type Hop = NonNullable<RouteDocument['nexthops']>[number];

function readHop(word: string, words: Words, family: Family, hop: Hop): boolean {
  switch (word) {
    case 'via': {
      words.takes('inet', 'inet6');
      const gateway = words.next();
      const ofGateway = familyOf(gateway);
      if (!parsePrefix(gateway, ofGateway) || gateway.includes('/')) throw new Error(`${gateway} is no address`);
      if (ofGateway === family) hop.gateway = gateway;
      else hop.via = { family: ofGateway === 6 ? 'inet6' : 'inet', host: gateway };
      return true;
    }
    case 'dev':
    case 'oif':
      hop.dev = words.next();
      return true;
    case 'onlink':
      hop.flags = ['onlink'];
      return true;
    case 'weight':
      hop.weight = words.number();
      return true;
    default:
      return false;
  }
}

function readField(word: string, words: Words, document: RouteDocument): void {
  switch (word) {
    case 'from':
      document.from = words.next();
      return;
    case 'src':
      document.prefsrc = words.next();
      return;
    case 'metric':
    case 'priority':
    case 'preference':
    case 'pref':
      document.metric = words.number();
      return;
    case 'tos':
    case 'dsfield':
      document.tos = words.next();
      return;
    case 'table':
      document.table = words.next();
      return;
    case 'scope':
      document.scope = words.next();
      return;
    case 'proto':
    case 'protocol':
      document.protocol = words.next();
      return;
    default:
      throw new Error(`${word} is not understood`);
  }
}

/** What iproute2 and the kernel add to it. */
function completed(host: Host, { family, document, hasScope }: Wanted): RouteDocument {
  const route: RouteDocument = { ...document };
  const type = route.type ?? 'unicast';
  if (route.table === undefined && ['local', 'broadcast', 'anycast'].includes(type)) route.table = 'local';
  if (route.table !== undefined && tableNumber(route.table) === TABLE_MAIN) delete route.table;
  if (family === 6) {
    route.metric ??= 1024;
    delete route.scope;
    if (REJECTING.includes(type)) route.dev ??= 'lo';
    return withDevices(host, { ...route, family: 'inet6' } as RouteDocument);
  }
  if (!hasScope && type === 'local') route.scope = 'host';
  else if (!hasScope && ['broadcast', 'multicast', 'anycast'].includes(type)) route.scope = 'link';
  else if (!hasScope && type === 'unicast' && route.gateway === undefined && route.via === undefined && route.nexthops === undefined)
    route.scope = 'link';
  if (route.scope === 'global') delete route.scope;
  return REJECTING.includes(type) ? route : withDevices(host, route);
}

/** A gateway without an interface is looked for on the networks of all. Without a carrier the kernel marks a way. */
function withDevices(host: Host, route: RouteDocument): RouteDocument {
  const table = tableNumber(route.table ?? TABLE_MAIN);
  const filled = <T extends Hop>(hop: T): T => {
    const gateway = hop.gateway ?? hop.via?.host;
    const dev = hop.dev ?? (gateway === undefined ? undefined : deviceTowards(host, gateway, table));
    if (dev === undefined)
      throw new Error(gateway === undefined ? 'an interface is missing' : `no interface reaches the gateway ${gateway}`);
    // Not one to a gateway of the other family, and none to the host itself.
    const hasCarrier = hop.via !== undefined || route.scope === 'host' || host.link(dev)?.hasCarrier !== false;
    return { ...hop, dev, ...(hasCarrier ? {} : { flags: [...(hop.flags ?? []), 'linkdown'] }) };
  };
  return route.nexthops ? { ...route, nexthops: route.nexthops.map(filled) } : filled(route);
}

/** Whether they stand at one place: of one prefix, TOS and metric a table holds one route, unless they are appended. */
const isSlot = (a: Route | undefined, b: Route): boolean =>
  a !== undefined &&
  a.family === b.family &&
  a.table === b.table &&
  a.metric === b.metric &&
  a.tos === b.tos &&
  a.from?.ip === b.from?.ip &&
  a.from?.length === b.from?.length &&
  a.prefix.ip === b.prefix.ip &&
  a.prefix.length === b.prefix.length;

/** The first route that has all that was given (`fib_table_delete`). */
function removed(routes: readonly RouteDocument[], { family, document, hasScope }: Wanted): RouteDocument[] {
  const like = routeOf({ ...document, family: family === 6 ? 'inet6' : 'inet' } as RouteDocument);
  if (!like) throw new Error('it is not understood');
  const table = tableNumber(document.table ?? (['local', 'broadcast', 'anycast'].includes(document.type ?? '') ? TABLE_LOCAL : TABLE_MAIN));
  const hops =
    document.gateway === undefined && document.via === undefined && document.dev === undefined && !document.nexthops ? [] : like.nextHops;
  const at = routes.findIndex((each) => {
    const route = routeOf(each);
    return (
      route !== undefined &&
      isSlot({ ...route, metric: document.metric ?? like.metric, tos: like.tos }, { ...like, table }) &&
      (document.metric === undefined || route.metric === document.metric) &&
      route.tos === like.tos &&
      (document.type === undefined || route.type === like.type) &&
      (!hasScope || route.scope === like.scope) &&
      (document.prefsrc === undefined || route.source === like.source) &&
      (document.protocol === undefined || route.protocol === document.protocol) &&
      hops.every((hop) =>
        route.nextHops.some(
          (its) => (hop.gateway === null || hop.gateway === its.gateway) && (hop.device === null || hop.device === its.device),
        ),
      )
    );
  });
  if (at < 0) throw new Error('there is no such route');
  return routes.filter((_, i) => i !== at);
}
