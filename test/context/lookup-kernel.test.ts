import { describe, expect, it } from 'vitest';
import { lookUp, type RouteQuery } from '../../src/context/lookup.ts';
import { hostOf } from '../../src/context/model.ts';
import { hindranceForNamespaces } from '../tools/netns.ts';
import { Dice, type Family, ipv4, ipv6, randomNetwork, randomQuery } from '../tools/random-routing.ts';
import { queryWords, RoutedHost } from '../tools/route-get.ts';
import { asAsked, differenceOf } from '../tools/routing-difference.ts';

/** Others by FLUXCAP_SEED; FLUXCAP_NAMESPACES for more. */
const SEED = Number(process.env.FLUXCAP_SEED ?? 1);
const NAMESPACES = Number(process.env.FLUXCAP_NAMESPACES ?? 10);
const SETS = 16;
/** The first sets of a namespace leave its rules as they came with it: without any of its own a host takes other ways to the tables. */
const PLAIN_SETS = 4;
const QUERIES = 20;
/** Flows by which all ways of a multipath route are found: the rarest of them takes one of nine. */
const FLOWS = 250;

const hindrance = hindranceForNamespaces(['sysctl']);
const title = (text: string): string => (hindrance === undefined ? text : `${text} (${hindrance})`);

interface Tally {
  queries: number;
  outcomes: Map<string, number>;
  multipath: number;
  differences: string[];
}

async function compare(family: Family): Promise<Tally> {
  const tally: Tally = { queries: 0, outcomes: new Map(), multipath: 0, differences: [] };
  for (let i = 0; i < NAMESPACES; i++) {
    const routed = new RoutedHost();
    try {
      if (family.number === 6) await routed.isReady();
      for (let set = 0; set < SETS; set++) compareSet(routed, family, SEED * 100_000 + i * SETS + set, set >= PLAIN_SETS, tally);
    } finally {
      routed.delete();
    }
  }
  return tally;
}

function compareSet(routed: RoutedHost, family: Family, seed: number, hasRules: boolean, tally: Tally): void {
  const dice = new Dice(seed);
  const network = randomNetwork(dice, family, hasRules);
  routed.become(network, family.number, hasRules);
  const host = hostOf(routed.document());
  const queries = Array.from({ length: QUERIES }, () => randomQuery(dice, family, network.addresses));
  const answers = routed.routeGet(family.number, queries);
  const matches = routed.routeGet(family.number, queries, true);
  const say = (query: RouteQuery, what: string): void => {
    tally.differences.push(`set ${seed}: ip -${family.number} route get ${queryWords(query)}: ${what}\n${network.lines.join('\n')}`);
  };
  queries.forEach((query, i) => {
    const [answer, match] = [answers[i], matches[i]];
    if (!answer || !match) throw new Error('an answer is missing');
    const difference = differenceOf(host, family.number, query, answer, match, !hasRules);
    if (difference !== undefined) say(query, difference);
    const { outcome } = lookUp(host, asAsked(family.number, query));
    tally.queries++;
    tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
  });
  const spread = queries.find((query) => isSpread(host, family, query));
  if (spread === undefined) return;
  tally.multipath++;
  const missed = missedWays(routed, host, family, spread);
  if (missed.length > 0) say(spread, `of ${FLOWS} flows none takes ${missed.join(', ')}`);
}

/** Whether several ways of one route may be taken. */
function isSpread(host: ReturnType<typeof hostOf>, family: Family, query: RouteQuery): boolean {
  const { outcome, nextHops, route } = lookUp(host, asAsked(family.number, query));
  return outcome === 'unicast' && query.in === undefined && nextHops.length > 1 && (route?.nextHops.length ?? 0) > 1;
}

/** Asks for many flows that the same rule and route decide, and gives the ways that none of them takes. */
function missedWays(routed: RoutedHost, host: ReturnType<typeof hostOf>, family: Family, query: RouteQuery): string[] {
  const { route, nextHops } = lookUp(host, asAsked(family.number, query));
  const flows = Array.from({ length: FLOWS }, (_, i) => ({ ...query, protocol: 17, sourcePort: 10_000 + 7 * i, destinationPort: 20_000 }));
  const same = flows.filter((flow) => lookUp(host, asAsked(family.number, flow)).route === route);
  if (same.length < FLOWS) return [];
  const taken = new Set(
    routed.routeGet(family.number, same).map(({ route: way }) => `${way?.gateway ?? way?.via?.host ?? null} by ${way?.dev}`),
  );
  return nextHops.map(({ gateway, device }) => `${gateway} by ${device}`).filter((way) => !taken.has(way));
}

describe.skipIf(hindrance !== undefined)(title(`the kernel and the model choose alike, seed ${SEED}`), () => {
  it.each([ipv4, ipv6])('IPv$number', { timeout: 600_000 }, async (family) => {
    const { queries, outcomes, multipath, differences } = await compare(family);
    expect(differences.slice(0, 5).join('\n\n')).toBe('');
    expect(differences.length).toBe(0);
    expect(queries).toBe(NAMESPACES * SETS * QUERIES);
    // The sets are worth asking: most answers are ways, and all kinds of them occur.
    expect((outcomes.get('unicast') ?? 0) / queries).toBeGreaterThan(0.3);
    const kinds = ['local', 'multicast', 'blackhole', 'prohibit', 'unreachable', 'no-route', family.number === 4 ? 'broadcast' : 'anycast'];
    expect(kinds.filter((kind) => (outcomes.get(kind) ?? 0) === 0)).toEqual([]);
    expect(multipath).toBeGreaterThan(NAMESPACES);
  });
});
