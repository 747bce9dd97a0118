import type { Host } from '../context/host.ts';
import { lookUp, type RouteDecision } from '../context/lookup.ts';
import { hostOf } from '../context/model.ts';
import { type Family, familyOf, maskedWords, parsePrefix, prefixCovers, prefixText, wordsText } from '../context/prefix.ts';
import { ipWords } from '../net/ip.ts';

/** An address in a network that a host's routes or rules name. */
export interface Sample {
  destination: string;
  /** The network, or the address. */
  text: string;
}

/** A remedy touches few of many routes: those of a full table are alike. */
const MOST_SAMPLES = 256;

/** As many routes are looked at as they are. */
const FEW_ROUTES = 4096;

/**
 * The host with no more routes than a remedy has to do with: of a full table (a million routes, and each command that is tried makes a host anew)
 * what is on its links, the default routes, whatever covers `destination`, some of the rest, and some of each table.
 */
export function withFewRoutes(host: Host, destination: string): Host {
  const { routes = [] } = host.document;
  if (routes.length <= FEW_ROUTES) return host;
  const family = familyOf(destination);
  const kept = new Map<string | number, number>();
  return hostOf({
    ...host.document,
    routes: routes.filter((route) => {
      const { dst, table = 'main', gateway, via, nexthops } = route;
      const count = (kept.get(table) ?? 0) + 1;
      kept.set(table, count);
      if (count <= MOST_SAMPLES || dst === 'default' || !(gateway ?? via ?? nexthops)) return true;
      const prefix = parsePrefix(dst, dst.includes(':') ? 6 : 4);
      return prefix !== undefined && (prefix.length === 0 || (familyOf(prefix.ip) === family && prefixCovers(prefix, destination)));
    }),
  });
}

/** An address of each network that the host has a route or a rule for, its default routes apart, that of its own cards first. */
export function routeSamples(host: Host, family: Family): Sample[] {
  const { routes = [], rules = [] } = host;
  const connected = routes.filter(({ nextHops, type }) => type === 'unicast' && nextHops.every(({ gateway }) => gateway === null));
  const prefixes = [
    ...connected.map(({ prefix }) => prefix),
    ...rules.flatMap(({ to }) => to ?? []),
    ...routes.filter(({ type }) => type === 'unicast').map(({ prefix }) => prefix),
  ];
  const samples = new Map<string, Sample>();
  for (const prefix of prefixes) {
    if (samples.size >= MOST_SAMPLES) break;
    const text = prefixText(prefix);
    if (familyOf(prefix.ip) !== family || prefix.length === 0 || samples.has(text)) continue;
    const destination = neighbourIn(prefix.ip, prefix.length, family, host);
    if (destination !== undefined) samples.set(text, { destination, text });
  }
  return [...samples.values()];
}

const MOST_TRIES = 8;

/** The first address of a network that the host does not have itself: after the network's own, but in the smallest ones. */
function neighbourIn(ip: string, length: number, family: Family, host: Host): string | undefined {
  const [a, b, c, d] = maskedWords(ipWords(ip), family, length);
  const bits = (family === 4 ? 32 : 128) - length;
  const many = bits >= 4 ? MOST_TRIES : 2 ** bits;
  for (let i = bits <= 1 ? 0 : 1; i < many; i++) {
    const address = wordsText([a, b, c, d + i], family);
    if (host.linksWith(address).length === 0) return address;
  }
  return undefined;
}

const FAR: Readonly<Record<Family, readonly string[]>> = {
  4: ['203.0.113.253', '198.51.100.253', '192.0.2.253', '198.18.0.1'],
  6: ['2001:db8:ffff::fffd', '2001:2::1', '2001:20::1'],
};

/**
 * Somewhere that nothing but a default route leads to (addresses for documentation and measurements: RFC 5737, 2544, 3849, 5180); undefined where
 * nothing does.
 */
export const farAway = (host: Host, family: Family): string | undefined =>
  FAR[family].find((destination) => lookUp(host, { destination }).route?.prefix.length === 0);

/** Whether two decisions send the same way, with the same source. */
export const sameWay = (a: RouteDecision, b: RouteDecision): boolean => wayKey(a) === wayKey(b);

const wayKey = ({ outcome, nextHops, sources }: RouteDecision): string =>
  JSON.stringify([outcome, nextHops.map(({ device, gateway }) => [device, gateway]), sources]);
