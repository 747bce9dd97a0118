import { compareIps, ipWords } from '../../net/ip.ts';
import { asPathLength } from '../../wire/bgp/as-path.ts';
import { type BgpRoute, DECIDING_STEPS, type DecidingStep } from './route.ts';

/*
 * The choice between routes to one prefix, in the order of RFC 4271 section 9.1.2.2 and RFC 4456 section 9, where these leave it open as FRR does
 * (bgpd/bgp_route.c, bgp_path_info_cmp and bgp_best_selection). What no packet shows is not asked: weight, routes of the router's own, the metric to the next hop,
 * what policies change on arrival.
 */

/** RFC 4271 section 5.1.5 leaves it to the router; FRR, BIRD, Cisco and Junos take 100. */
const DEFAULT_LOCAL_PREF = 100;
const ORIGINS = ['igp', 'egp', 'incomplete'];

export interface Choice {
  best: BgpRoute;
  step: DecidingStep | null;
}

interface Comparison {
  isBetter: boolean;
  step: DecidingStep | null;
}

/**
 * What a router chooses.
 * MEDs are compared between routes of one neighbouring AS alone, so the result may depend on the order: FRR (without `bgp deterministic-med`, which is its default)
 * goes from the newest route to the oldest and keeps the better one each time.
 * @param routes at least one, the newest first
 * @param selected what was chosen before: of routes from outside that one stays which is in use
 */
export function choose(routes: readonly BgpRoute[], selected: BgpRoute | null): Choice | null {
  const [newest, ...others] = routes;
  if (!newest) return null;
  let best = newest;
  for (const route of others) if (compare(route, best, selected).isBetter) best = route;
  return { best, step: decidingStep(best, routes, selected) };
}

/** The last of the steps that were needed against any of the others. */
function decidingStep(best: BgpRoute, routes: readonly BgpRoute[], selected: BgpRoute | null): DecidingStep | null {
  let latest = 0;
  for (const route of routes) {
    if (route === best) continue;
    const { step } = compare(best, route, selected);
    if (step === null) return null;
    latest = Math.max(latest, DECIDING_STEPS.indexOf(step));
  }
  return DECIDING_STEPS[latest] ?? null;
}

/** Whether `a` is better than `b`, and which step says so; with step null nothing visible does. */
function compare(a: BgpRoute, b: BgpRoute, selected: BgpRoute | null): Comparison {
  const by = (step: DecidingStep, difference: number): Comparison | null => (difference === 0 ? null : { isBetter: difference < 0, step });
  return (
    by('local-pref', localPref(b) - localPref(a)) ??
    by('as-path', pathLength(a) - pathLength(b)) ??
    by('origin', originRank(a) - originRank(b)) ??
    (isMedCompared(a, b) ? by('med', (a.attributes.med ?? 0) - (b.attributes.med ?? 0)) : null) ??
    by('ebgp', Number(b.peering === 'external') - Number(a.peering === 'external')) ??
    by('confederation', Number(b.peering === 'confederation') - Number(a.peering === 'confederation')) ??
    byAge(a, b, selected) ??
    byRouterId(a, b) ??
    by('cluster-list', clusterLength(a) - clusterLength(b)) ??
    by('neighbour-address', compareIps(a.from, b.from)) ?? { isBetter: false, step: null }
  );
}

/** LOCAL_PREF of a speaker of another AS does not count (RFC 4271 section 5.1.5). */
const localPref = ({ peering, attributes }: BgpRoute): number =>
  peering === 'external' ? DEFAULT_LOCAL_PREF : (attributes.localPref ?? DEFAULT_LOCAL_PREF);

const pathLength = ({ attributes }: BgpRoute): number => asPathLength(attributes.asPath ?? []);

const originRank = ({ attributes }: BgpRoute): number => {
  const rank = ORIGINS.indexOf(attributes.origin ?? 'incomplete');
  return rank < 0 ? ORIGINS.length : rank;
};

/** Both come by one neighbouring AS: the first of the path; or both from the own AS, or by one member of the confederation. */
function isMedCompared(a: BgpRoute, b: BgpRoute): boolean {
  if (pathLength(a) === 0 && pathLength(b) === 0) return true;
  const [firstA, firstB] = [neighbourAs(a), neighbourAs(b)];
  if (firstA !== undefined && firstA === firstB) return true;
  const [memberA, memberB] = [memberAs(a), memberAs(b)];
  return memberA !== undefined && memberA === memberB;
}

const neighbourAs = ({ attributes }: BgpRoute): number | undefined => {
  const first = attributes.asPath?.find(({ type }) => type === 'sequence' || type === 'set');
  return first?.type === 'sequence' ? first.as[0] : undefined;
};

const memberAs = ({ attributes }: BgpRoute): number | undefined => {
  const first = attributes.asPath?.[0];
  return first?.type === 'confed-sequence' ? first.as[0] : undefined;
};

/** Of two from outside the one in use stays, not to make routes flap (RFC 5004). */
function byAge(a: BgpRoute, b: BgpRoute, selected: BgpRoute | null): Comparison | null {
  if (a.peering !== 'external' || b.peering !== 'external') return null;
  if (a !== selected && b !== selected) return null;
  return { isBetter: a === selected, step: 'oldest' };
}

/** ORIGINATOR_ID stands for the speaker's identifier (RFC 4456 section 9). Without an OPEN it may be unknown: then nothing is decided. */
function byRouterId(a: BgpRoute, b: BgpRoute): Comparison | null {
  const [idA, idB] = [routerId(a), routerId(b)];
  if (idA === idB && idA !== null) return null;
  if (idA === null || idB === null) return a.from === b.from ? null : { isBetter: false, step: null };
  return { isBetter: ipWords(idA)[3] < ipWords(idB)[3], step: 'router-id' };
}

const routerId = ({ peering, attributes, speakerId }: BgpRoute): string | null =>
  (peering === 'external' ? null : attributes.originatorId) ?? speakerId;

const clusterLength = ({ peering, attributes }: BgpRoute): number => (peering === 'external' ? 0 : attributes.clusterList.length);
