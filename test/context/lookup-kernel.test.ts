import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../../src/context/lookup.ts';
import { hostOf } from '../../src/context/model.ts';
import { hindranceForNamespaces } from '../tools/netns.ts';
import { Dice, type Family, ipv4, ipv6, randomNetwork, randomQuery } from '../tools/random-routing.ts';
import { queryWords, RoutedHost } from '../tools/route-get.ts';
import { asAsked, differenceOf } from '../tools/routing-difference.ts';

/** Others by FLUXCAP_SEED; FLUXCAP_NAMESPACES for more. */
const SEED = Number(process.env.FLUXCAP_SEED ?? 1);
const NAMESPACES = Number(process.env.FLUXCAP_NAMESPACES ?? 6);
const SETS = 27;
/** The first sets of a namespace leave its rules as they came with it: without any of its own a host takes other ways to the tables. */
const PLAIN_SETS = 6;
const QUERIES = 60;
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
      for (let set = 0; set < SETS; set++) compareSet(routed, family, SEED * 100_000 + i * SETS + set, set, tally);
    } finally {
      routed.delete();
    }
  }
  return tally;
}

function compareSet(routed: RoutedHost, family: Family, seed: number, set: number, tally: Tally): void {
  const dice = new Dice(seed);
  const hasRules = set >= PLAIN_SETS;
  // That there was a local route once the kernel does not forget.
  const network = randomNetwork(dice, family, hasRules, set >= PLAIN_SETS - 1);
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
  const spread = queries.find((query) => flowsOf(host, family, query).length > 0);
  if (spread === undefined) return;
  tally.multipath++;
  const missed = missedWays(routed, host, family, spread);
  if (missed.length > 0) say(spread, `of ${FLOWS} flows none takes ${missed.join(', ')}`);
}

/** Flows that one route decides, of which several ways may be taken; none where that is not so. */
function flowsOf(host: Host, family: Family, query: RouteQuery): RouteQuery[] {
  if (query.in !== undefined) return [];
  const decide = (flow: RouteQuery): RouteDecision => lookUp(host, asAsked(family.number, flow));
  const flow = (i: number): RouteQuery => ({ ...query, protocol: 17, sourcePort: 10_000 + 7 * i, destinationPort: 20_000 });
  const { outcome, nextHops, route } = decide(flow(0));
  // Default routes of one metric are no ways to spread on: the next one is taken when the first does not answer.
  const isSpread = outcome === 'unicast' && nextHops.length > 1 && (route?.nextHops.length ?? 0) > 1;
  if (!isSpread) return [];
  const flows = Array.from({ length: FLOWS }, (_, i) => flow(i));
  return flows.every((each) => decide(each).route === route) ? flows : [];
}

/** Asks for many flows that the same rule and route decide, and gives the ways that none of them takes. */
function missedWays(routed: RoutedHost, host: Host, family: Family, query: RouteQuery): string[] {
  const flows = flowsOf(host, family, query);
  const answers = routed.routeGet(family.number, flows);
  const taken = new Set(answers.map(({ route }) => `${route?.gateway ?? route?.via?.host ?? null} by ${route?.dev}`));
  const { nextHops } = lookUp(host, asAsked(family.number, flows[0] ?? query));
  return nextHops.map(({ gateway, device }) => `${gateway} by ${device}`).filter((way) => !taken.has(way));
}

describe.skipIf(hindrance !== undefined)(title(`the kernel and the model choose alike, seed ${SEED}`), () => {
  it.each([ipv4, ipv6])('IPv$number', { timeout: 600_000 }, async (family) => {
    const { queries, outcomes, multipath, differences } = await compare(family);
    expect(differences.slice(0, 2).join('\n\n')).toBe('');
    expect(differences.length).toBe(0);
    expect(queries).toBe(NAMESPACES * SETS * QUERIES);
    // The sets are worth asking: most answers are ways, and all kinds of them occur.
    expect((outcomes.get('unicast') ?? 0) / queries).toBeGreaterThan(0.3);
    const kinds = ['local', 'multicast', 'blackhole', 'prohibit', 'unreachable', 'no-route', family.number === 4 ? 'broadcast' : 'anycast'];
    expect(kinds.filter((kind) => (outcomes.get(kind) ?? 0) === 0)).toEqual([]);
    expect(multipath).toBeGreaterThan(3 * NAMESPACES);
  });
});
