import { compareStamps, type Stamp } from '../stamp.ts';
import { type Choice, choose } from './best-path.ts';
import type { BgpRoute } from './route.ts';

/** So many changes before and after a time are looked at; a span that is longer is told shorter. */
const MOST_CHANGES = 128;

/** What was chosen at a time. */
export interface PastChoice extends Choice {
  /** Routes of its prefix that stood then, the newest first. */
  candidates: readonly BgpRoute[];
  /** Since when the choice led to this next hop. */
  since: Stamp;
  /** When the next hop or the step that decides became another one; null: it still is so. */
  until: Stamp | null;
}

/** Routes that ended, of unicast, which their receivers did not ignore; by prefix. */
export class EndedRoutes {
  private readonly byPrefix = new Map<string, BgpRoute[]>();
  /** How many prefixes of each length there are. */
  readonly lengths = { 4: new Uint32Array(33), 6: new Uint32Array(129) } as const;
  /** When the latest one ended, in seconds. */
  latest = Number.NEGATIVE_INFINITY;

  add(route: BgpRoute): void {
    if (!isUsable(route)) return;
    this.latest = Math.max(this.latest, route.ended?.stamp.at ?? 0);
    const known = this.byPrefix.get(route.prefix);
    if (known) known.push(route);
    else {
      this.byPrefix.set(route.prefix, [route]);
      this.count(route, 1);
    }
  }

  delete(route: BgpRoute): void {
    const known = isUsable(route) ? this.byPrefix.get(route.prefix) : undefined;
    if (!known) return;
    // Mostly the oldest one.
    const at = known.indexOf(route);
    if (at >= 0) known.splice(at, 1);
    if (known.length > 0) return;
    this.byPrefix.delete(route.prefix);
    this.count(route, -1);
  }

  clear(): void {
    this.byPrefix.clear();
    this.lengths[4].fill(0);
    this.lengths[6].fill(0);
    this.latest = Number.NEGATIVE_INFINITY;
  }

  /** In the order in which they ended. */
  of(prefix: string): readonly BgpRoute[] {
    return this.byPrefix.get(prefix) ?? [];
  }

  private count(route: BgpRoute, difference: number): void {
    const lengths = this.lengths[route.afi === 1 ? 4 : 6];
    const length = lengthOf(route);
    lengths[length] = (lengths[length] ?? 0) + difference;
  }
}

const UNICAST = 1;
const isUsable = ({ safi, rd, ignored }: BgpRoute): boolean => safi === UNICAST && rd === null && ignored === null;

/** Told by then, and not ended. */
const stoodAt = ({ announced, ended }: BgpRoute, at: number): boolean => announced.at <= at && (ended === null || ended.stamp.at > at);

/**
 * What a router chose at a time, by the longest prefix; undefined where it knew nothing. Which of two equal ones it had before is not known: such a
 * choice is told as one by router identifiers, not by age.
 * @param routes all that cover one destination, those that ended too; none that the router ignores
 * @param at seconds
 */
export function choiceAt(routes: readonly BgpRoute[], at: number): PastChoice | undefined {
  const now = chosenAt(routes, at);
  if (!now) return undefined;
  const changes = routes.flatMap(({ announced, ended }) => (ended ? [announced, ended.stamp] : [announced])).sort(compareStamps);
  const isSame = (then: Chosen | undefined): boolean => then?.best.prefix === now.best.prefix && then.best.nextHop === now.best.nextHop;
  let since = now.best.announced;
  for (const stamp of changes
    .filter((each) => each.at <= at)
    .slice(-MOST_CHANGES)
    .reverse()) {
    if (!isSame(chosenAt(routes, stamp.at))) break;
    since = stamp;
  }
  const later = changes.filter((each) => each.at > at).slice(0, MOST_CHANGES);
  const until = later.find((stamp) => {
    const then = chosenAt(routes, stamp.at);
    return !isSame(then) || then?.step !== now.step;
  });
  return { ...now, since, until: until ?? (later.length === MOST_CHANGES ? (later.at(-1) ?? null) : null) };
}

type Chosen = Pick<PastChoice, 'best' | 'step' | 'candidates'>;

function chosenAt(routes: readonly BgpRoute[], at: number): Chosen | undefined {
  const standing = routes.filter((route) => stoodAt(route, at));
  const longest = Math.max(...standing.map(lengthOf));
  const candidates = standing.filter((route) => lengthOf(route) === longest).sort((a, b) => compareStamps(b.announced, a.announced));
  const choice = choose(candidates, null);
  return choice ? { ...choice, candidates } : undefined;
}

const lengthOf = ({ prefix }: BgpRoute): number => Number(prefix.slice(prefix.indexOf('/') + 1));
