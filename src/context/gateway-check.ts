import { ipWords } from '../net/ip.ts';
import type { Host, NextHop, Route } from './host.ts';
import { lookUpTables4, searchTable4 } from './lookup4.ts';
import { type Flow6, lookUpTables6, searchTable6 } from './lookup6.ts';
import { SCOPE_HOST, SCOPE_LINK, scopeNumber, TABLE_LOCAL, TABLE_MAIN } from './names.ts';
import { covers, familyOf } from './prefix.ts';
import { tablesOf } from './tables.ts';
import { type Found, flowOf, MISSED } from './walk.ts';

/**
 * Refuses a route as the kernel does (net/ipv4/fib_semantics.c `fib_create_info` and `fib_check_nh`; net/ipv6/route.c `ip6_validate_gw`): a
 * source that is not the host's, interfaces that are not there or down, gateways that are not on the link.
 * @throws {Error} which says why
 */
export function checkRoute(host: Host, route: Route): void {
  if (route.source !== null && !isOwn(host, route.source)) throw new Error(`${route.source} is no address of this host`);
  for (const hop of route.nextHops) {
    const { device, gateway } = hop;
    if (device === null) continue;
    const link = host.link(device);
    if (link === undefined) throw new Error(`there is no interface ${device}`);
    if (!link.isUp) throw new Error(`${device} is down`);
    if (gateway === null) continue;
    if (familyOf(gateway) === 4) {
      checkScope(route);
      checkGateway4(host, route, hop, gateway, device);
    } else checkGateway6(host, route, hop, gateway, device);
  }
}

function checkScope({ scope }: Route): void {
  if (scopeNumber(scope) >= SCOPE_HOST) throw new Error('a route with scope host has no gateway');
  if (scopeNumber(scope) >= SCOPE_LINK) throw new Error('the scope of a route with a gateway is wider than link');
}

/** Whether the table local says so (`fib_valid_prefsrc`): an address that is also all of a network may not be. */
function isOwn(host: Host, source: string): boolean {
  const type = familyOf(source) === 4 ? localType4(host, source) : undefined;
  return type === undefined ? host.linksWith(source).length > 0 : type === 'local';
}

/** What the table local calls an address; undefined where it does not know it. */
function localType4(host: Host, destination: string): Route['type'] | undefined {
  const table = tablesOf(host, 4).tables.get(TABLE_LOCAL);
  const found = table === undefined ? MISSED : searchTable4(host, table, flowOf(4, { destination }));
  return found.kind === 'found' ? found.route.type : undefined;
}

function checkGateway4(host: Host, route: Route, { isOnLink }: NextHop, gateway: string, device: string): void {
  if (isOnLink) {
    if (localType4(host, gateway) !== undefined) throw new Error(`the gateway ${gateway} is the host itself, or all of a network`);
    return;
  }
  const found = towards4(host, gateway, device, route.table);
  const type = found.kind === 'found' ? found.route.type : undefined;
  if (type !== 'unicast' && type !== 'local') throw notReached(gateway, device);
}

/** The route's own table is asked first, if it is another than main; then the rules. */
function towards4(host: Host, gateway: string, device: string | null, own: number): Found {
  const table = own === TABLE_MAIN ? undefined : tablesOf(host, 4).tables.get(own);
  const flow = { ...flowOf(4, { destination: gateway }), out: device, scope: SCOPE_LINK, isAnyLinkState: true };
  const found = table === undefined ? MISSED : searchTable4(host, table, flow);
  return found.kind === 'found' ? found : lookUpTables4(host, flow).found;
}

function checkGateway6(host: Host, route: Route, { isOnLink }: NextHop, gateway: string, device: string): void {
  if (host.linksWith(gateway).some(({ name }) => name === device || !isLinkLocal(gateway)))
    throw new Error(`the gateway ${gateway} is the host itself`);
  if (isLinkLocal(gateway)) return;
  if (isOnLink) {
    const found = inTable6(host, flowTo6(gateway, device, false, route.source), TABLE_MAIN);
    const isElsewhere =
      found.kind === 'found' && found.route.prefix.length > 0 && !(found.route.type === 'unicast' && leadsBy(found, device));
    if (isElsewhere) throw new Error(`the gateway ${gateway} is reached by another interface than ${device}`);
    return;
  }
  if (!towards6(host, gateway, device, route).some((found) => isDirect(found) && leadsBy(found, device))) throw notReached(gateway, device);
}

const flowTo6 = (destination: string, device: string | null, isStrict: boolean, source: string | null): Flow6 => ({
  ...flowOf(6, { destination, source: source ?? undefined }),
  in: '',
  out: device,
  preferred: device,
  isStrict,
  isReachable: false,
  isAnyLinkState: true,
});

function inTable6(host: Host, flow: Flow6, number: number): Found {
  const table = tablesOf(host, 6).tables.get(number);
  return table === undefined ? MISSED : searchTable6(host, table, flow);
}

const towards6 = (host: Host, gateway: string, device: string | null, { table, source }: Pick<Route, 'table' | 'source'>): Found[] => [
  inTable6(host, flowTo6(gateway, device, true, source), table),
  lookUpTables6(host, { ...flowTo6(gateway, device, true, null), isAnyLinkState: false }).found,
];

const isDirect = (found: Found): found is Way => found.kind === 'found' && found.hops.every((hop) => hop.gateway === null);

type Way = Extract<Found, { kind: 'found' }>;

const notReached = (gateway: string, device: string): Error => new Error(`the gateway ${gateway} is not on a network of ${device}`);

const leadsBy = ({ hops }: Way, device: string): boolean => hops.some((hop) => hop.device === device);

/** The interface by which a gateway is on a link; undefined where there is none. */
export function deviceTowards(host: Host, gateway: string, table: number): string | undefined {
  const found = familyOf(gateway) === 4 ? [towards4(host, gateway, null, table)] : towards6(host, gateway, null, { table, source: null });
  return found.find(isDirect)?.hops[0]?.device ?? undefined;
}

/** An IPv6 gateway of the link needs no route. */
const isLinkLocal = (ip: string): boolean => covers([0xfe80_0000, 0, 0, 0], 10, ipWords(ip), 6);
