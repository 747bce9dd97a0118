import { familyOf, maskedWords, wordsText } from '../../context/prefix.ts';
import { ipWords } from '../../net/ip.ts';
import type { Announcement, Nlri, PathAttributes } from '../../wire/bgp/update.ts';
import { compareStamps, type Stamp } from '../stamp.ts';
import { choose } from './best-path.ts';
import { type Feed, SAMPLE } from './feed.ts';
import { choiceAt, EndedRoutes } from './history.ts';
import type { BestPath, BgpRoute, Ignored, Peering, ToldNextHop } from './route.ts';
import { type Destination, destinationKey, Router } from './router.ts';

/** Most routes that hold, of all sessions together: some hundred octets each. */
export const MOST_ROUTES = 200_000;
/** What makes room at once: this part of all. */
const EVICTED_PART = 64;
/** Most routes that ended which diagnoses may still look at, of those lost with a session and of the others. */
const MOST_LOST = 16_384;
const MOST_PAST = 4096;
/** Most sets of attributes that are remembered for further routes to share. */
const MOST_SHARED = 8192;
/** Most routes that one router is told of one prefix; a thousand neighbours that all tell it are more than any router has. */
const MOST_PATHS = 256;
/** Routers of whom nothing but OPENs is known are forgotten when there are more than this, and twice as many as before. */
const MOST_ROUTERS = 4096;
const UNICAST = 1;
/** A router reflects for one cluster, rarely for more. */
const MOST_CLUSTERS = 8;

export interface RibEvents {
  /** A prefix of unicast that a router was told of for the first time, as far as is known. */
  told(prefix: string): void;
  route(make: () => BgpRoute): void;
  best(make: () => BestPath): void;
}

/** What routers were told, by whom, and what each would choose: an Adj-RIB-In a speaker and receiver, seen from outside (RFC 4271 section 3.2). */
export class Rib {
  evicted = 0;
  private readonly routers = new Map<string, Router>();
  /** Routers by what their OPENs say. */
  private readonly identities = new Map<string, Set<Router>>();
  private mostRouters = MOST_ROUTERS;
  private readonly shared = new Map<string, PathAttributes>();
  private readonly feeds = new Set<Feed>();
  private lost: BgpRoute[] = [];
  private past: BgpRoute[] = [];
  private readonly ended = new EndedRoutes();
  /** Of routes that ended later, some are not remembered; in seconds. */
  private forgotten = Number.NEGATIVE_INFINITY;
  private count = 0;
  private readonly events: RibEvents;
  private readonly limit: number;

  constructor(events: RibEvents, limit = MOST_ROUTES) {
    this.events = events;
    this.limit = limit;
  }

  /** Routes that hold. */
  get size(): number {
    return this.count;
  }

  get routes(): BgpRoute[] {
    const routes = [...this.past, ...this.lost];
    for (const feed of this.feeds) for (const route of feed.routes()) routes.push(route);
    return routes.sort((a, b) => compareStamps(a.announced, b.announced));
  }

  /** The router with this address, which has the scope of the session behind it. */
  routerOf(key: string): Router {
    let router = this.routers.get(key);
    if (!router) {
      if (this.routers.size >= this.mostRouters) this.prune();
      router = new Router(key);
      this.routers.set(key, router);
    }
    return router;
  }

  knownRouter(ip: string): Router | undefined {
    return this.routers.get(ip);
  }

  /** An OPEN says who has the address: addresses with one BGP Identifier and AS are of one router, but not those of the two ends of a session. */
  identify(key: string, id: string, as: number, peer: string): void {
    const known = this.routerOf(key);
    if (known.id === id && known.as === as) return;
    const router = known.id !== null && known.keys.length > 1 ? this.detach(known, key) : known;
    this.anonymise(router);
    router.id = id;
    router.as = as;
    const name = identityOf(router);
    const same = this.identities.get(name) ?? new Set();
    this.identities.set(name, same);
    const other = [...same].find(({ keys }) => !keys.includes(peer));
    same.add(router);
    if (other) this.merge(other, router);
  }

  /** The speaker puts this identifier before the CLUSTER_LIST of what it reflects. */
  reflects(key: string, cluster: string): void {
    const { clusterIds } = this.routerOf(key);
    if (clusterIds.size < MOST_CLUSTERS) clusterIds.add(cluster);
  }

  /** What a speaker tells begins, or begins anew. */
  add(feed: Feed): void {
    this.feeds.add(feed);
    this.routerOf(feed.toKey).told.add(feed);
    this.routerOf(feed.fromKey).spoken.add(feed);
  }

  /** The session is not known any more: what it told is neither. */
  remove(feed: Feed): void {
    for (const route of [...feed.routes()]) this.forget(feed, route);
    if (!this.feeds.delete(feed)) return;
    for (const key of [feed.toKey, feed.fromKey]) {
      const router = this.routerOf(key);
      router.told.delete(feed);
      router.spoken.delete(feed);
      if (router.told.size > 0 || router.spoken.size > 0) continue;
      this.drops(router);
    }
  }

  /** @param attributes as `share` gave them */
  announce(feed: Feed, announcement: Announcement, attributes: PathAttributes, isAssumed: boolean, stamp: Stamp): void {
    const { afi, safi, prefix, pathId, rd, nextHop } = announcement;
    const router = this.routerOf(feed.toKey);
    const key = destinationKey(announcement);
    const destination = router.take(key, announcement, stamp);
    const { routes } = destination;
    if (routes.length === 0 && key === prefix) this.events.told(prefix);
    const at = routes.findIndex((each) => each.from === feed.from && each.session === feed.session && each.pathId === pathId);
    const known = routes[at];
    if (known && known.nextHop === nextHop && isSame(known.attributes, attributes)) {
      feed.confirm(known);
      return;
    }
    const peering = feed.peeringOf(attributes);
    const route: BgpRoute = {
      afi,
      safi,
      prefix,
      pathId,
      rd,
      from: feed.from,
      to: feed.to,
      session: feed.session,
      path: feed.session.path,
      nextHop,
      attributes,
      peering,
      speakerId: feed.speaker.id,
      ignored: ignoredBy(router, nextHop, attributes, peering),
      isAssumed,
      announced: stamp,
      ended: null,
    };
    if (known) {
      // It keeps its place, and goes on being the chosen one, as in FRR.
      routes[at] = route;
      this.end(feed, known, 'replaced', stamp);
    } else {
      if (routes.length >= MOST_PATHS) this.evictPath(router, destination);
      // An exact array: one that grows from nothing reserves room for seventeen.
      destination.routes = routes.length === 0 ? [route] : [route, ...destination.routes];
    }
    feed.add(route);
    this.count++;
    this.chooseAgain(router, destination, stamp, known !== undefined && destination.best === known ? route : destination.best);
    if (this.count > this.limit) this.evict();
  }

  withdraw(feed: Feed, nlri: Nlri, stamp: Stamp): void {
    const destination = this.routerOf(feed.toKey).destinations.get(destinationKey(nlri));
    const route = destination?.routes.find(
      (each) => each.from === feed.from && each.session === feed.session && each.pathId === nlri.pathId,
    );
    if (route) this.take(feed, route, 'withdrawn', stamp);
  }

  /** A full table was sent again (RFC 7313): what was not in it is gone. */
  sweep(feed: Feed, routes: Iterable<BgpRoute>, stamp: Stamp): void {
    for (const route of [...routes]) if (route.ended === null) this.take(feed, route, 'withdrawn', stamp);
  }

  /**
   * The session is over, and its routes are not valid any more. (With graceful restart, RFC 4724, the receiver may go on using them for a while: that it does so no
   * packet says.)
   */
  end(feed: Feed, route: BgpRoute, how: 'withdrawn' | 'replaced' | 'session', stamp: Stamp): void {
    feed.delete(route);
    this.count--;
    route.ended = { how, stamp };
    this.events.route(() => route);
    this.ended.add(route);
    if (how === 'session') this.lost = this.pushed(this.lost, route, MOST_LOST);
    else this.past = this.pushed(this.past, route, MOST_PAST);
  }

  endAll(feed: Feed, stamp: Stamp): void {
    for (const route of [...feed.routes()]) this.take(feed, route, 'session', stamp);
  }

  /** One object for equal attributes: a table of a million routes has some ten thousand of them. */
  share(attributes: PathAttributes): PathAttributes {
    const text = JSON.stringify(attributes);
    const known = this.shared.get(text);
    if (known) return known;
    if (this.shared.size >= MOST_SHARED) this.shared.clear();
    this.shared.set(text, attributes);
    return attributes;
  }

  /** @param at seconds: by what it had been told then; without: by now */
  bestFor(ip: string, destination: string, at = Number.POSITIVE_INFINITY): BestPath | undefined {
    const router = this.routers.get(ip);
    if (!router) return undefined;
    const held = this.destinationsOver(router, destination);
    const ended = this.endedSince(router, destination, at);
    if (ended.length > 0 || held.some(({ routes }) => routes.some(({ announced }) => announced.at > at)))
      return this.bestAt(router, destination, at);
    const found = held.find(({ best }) => best !== null);
    const best = found && this.bestOf(router, found, null);
    return best && at < this.forgotten ? { ...best, isComplete: false } : best;
  }

  private bestAt(router: Router, destination: string, at: number): BestPath | undefined {
    const held = this.destinationsOver(router, destination).flatMap(({ routes }) => routes.filter(({ ignored }) => ignored === null));
    const choice = choiceAt([...held, ...this.endedSince(router, destination, Number.NEGATIVE_INFINITY)], at);
    if (!choice) return undefined;
    const { best, step, candidates, since, until } = choice;
    return {
      router: router.addresses,
      path: best.path,
      prefix: best.prefix,
      route: best,
      candidates,
      decidingStep: step,
      isComplete: at >= this.forgotten && router.wasComplete(best, at),
      since,
      until,
    };
  }

  /** All that is chosen by now. */
  *bests(): Generator<BestPath> {
    for (const router of new Set(this.routers.values())) {
      for (const destination of router.destinations.values()) {
        const best = this.bestOf(router, destination, null);
        if (best) yield best;
      }
    }
  }

  /** Routes that hold as the router was told them. */
  routesTo(ip: string): BgpRoute[] {
    return [...(this.routers.get(ip)?.told ?? [])]
      .flatMap((feed) => [...feed.routes()])
      .sort((a, b) => compareStamps(a.announced, b.announced));
  }

  /** Unicast routes that the router was told and does not ignore whose prefix holds the address, the longest first. */
  covering(ip: string, address: string): BgpRoute[] {
    const router = this.routers.get(ip);
    if (!router) return [];
    return this.destinationsOver(router, address).flatMap(({ routes }) => routes.filter(({ ignored }) => ignored === null));
  }

  /** Unicast routes that the router itself told others, to whomever. */
  announcedCovering(ip: string, address: string): BgpRoute[] {
    const speaker = this.routers.get(ip);
    if (!speaker) return [];
    const receivers = new Set([...speaker.spoken].map(({ toKey }) => this.routerOf(toKey)));
    return [...receivers].flatMap((router) =>
      this.destinationsOver(router, address).flatMap(({ routes }) => routes.filter(({ from }) => speaker.addresses.includes(from))),
    );
  }

  /** As `covering`, and what was lost with its session; what holds comes first. */
  coveredBefore(ip: string, address: string): BgpRoute[] {
    const receivers = this.routers.get(ip)?.keys ?? [ip];
    const keys = new Set(keysOver(address));
    const gone = this.lost.filter(
      (route) =>
        route.safi === UNICAST &&
        route.rd === null &&
        route.ignored === null &&
        keys.has(route.prefix) &&
        receivers.includes(receiverKey(route)),
    );
    return [...this.covering(ip, address), ...gone.sort((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix))];
  }

  /** Next hops of unicast routes that receivers do not ignore, a speaker and receiver; not of addresses that another VLAN or overlay has as well. */
  *nextHops(): Generator<ToldNextHop> {
    for (const feed of this.feeds) {
      if (this.knownRouter(feed.toKey)?.realm !== '') continue;
      for (const [nextHop, routes] of feed.byNextHop) {
        const sample: BgpRoute[] = [];
        for (const route of routes) if (sample.push(route) === SAMPLE) break;
        const { from, to, session } = feed;
        yield { from, to, path: session.path, session, nextHop, count: routes.size, sample };
      }
    }
  }

  /** The records of all that holds. */
  finish(): void {
    for (const feed of this.feeds) for (const route of feed.routes()) this.events.route(() => route);
    for (const router of new Set(this.routers.values())) {
      for (const destination of router.destinations.values()) this.tell(router, destination, null);
    }
  }

  clear(): void {
    this.routers.clear();
    this.identities.clear();
    this.mostRouters = MOST_ROUTERS;
    this.shared.clear();
    this.feeds.clear();
    this.lost = [];
    this.past = [];
    this.ended.clear();
    this.forgotten = Number.NEGATIVE_INFINITY;
    this.count = 0;
  }

  /** Routes of unicast to the destination that ended since, of those that the router did not ignore. */
  private endedSince({ keys: receivers }: Router, destination: string, since: number): BgpRoute[] {
    if (this.ended.latest <= since) return [];
    return keysOver(destination, this.ended).flatMap((key) =>
      this.ended.of(key).filter((route) => route.ended && route.ended.stamp.at > since && receivers.includes(receiverKey(route))),
    );
  }

  /** @returns the latest ones */
  private pushed(list: BgpRoute[], route: BgpRoute, most: number): BgpRoute[] {
    list.push(route);
    if (list.length < 2 * most) return list;
    for (const old of list.splice(0, list.length - most)) {
      this.ended.delete(old);
      this.forgotten = Math.max(this.forgotten, old.ended?.stamp.at ?? 0);
    }
    return list;
  }

  private take(feed: Feed, route: BgpRoute, how: 'withdrawn' | 'session', stamp: Stamp): void {
    this.drop(route, stamp);
    this.end(feed, route, how, stamp);
  }

  /** Takes the route out of its destination. */
  private drop(route: BgpRoute, stamp: Stamp | null): void {
    const router = this.routerOf(receiverKey(route));
    const key = destinationKey(route);
    const destination = router.destinations.get(key);
    if (!destination) return;
    destination.routes = destination.routes.filter((each) => each !== route);
    this.chooseAgain(router, destination, stamp, destination.best === route ? null : destination.best);
    if (destination.routes.length === 0) router.delete(key, route);
  }

  /** No room: some of the oldest of the speaker that tells the most. Several at once, for a Set that loses its first entries gets slow at its beginning. */
  private evict(): void {
    let largest: Feed | undefined;
    for (const feed of this.feeds) if (!largest || feed.size > largest.size) largest = feed;
    if (!largest) return;
    largest.isCut = true;
    const end = this.count - Math.ceil(this.limit / EVICTED_PART);
    for (const route of largest.routes()) {
      if (this.count <= end) return;
      this.evicted++;
      this.forget(largest, route);
    }
  }

  /** The oldest route to the destination makes room. */
  private evictPath(router: Router, { routes }: Destination): void {
    const oldest = routes.at(-1);
    if (!oldest) return;
    this.evicted++;
    for (const feed of router.told) {
      if (feed.session !== oldest.session || feed.from !== oldest.from) continue;
      feed.isCut = true;
      this.forget(feed, oldest);
    }
  }

  /** The route goes without having ended. */
  private forget(feed: Feed, route: BgpRoute): void {
    this.drop(route, null);
    feed.delete(route);
    this.count--;
    this.events.route(() => route);
  }

  /** @param stamp when; null: it is not known to have changed */
  private chooseAgain(router: Router, destination: Destination, stamp: Stamp | null, selected: BgpRoute | null): void {
    const { routes } = destination;
    const usable = routes.length === 1 && routes[0]?.ignored === null ? routes : routes.filter(({ ignored }) => ignored === null);
    const choice = choose(usable, selected);
    if (destination.best !== (choice?.best ?? null)) {
      this.tell(router, destination, stamp);
      destination.best = choice?.best ?? null;
      if (stamp) destination.since = stamp;
    }
    destination.step = choice?.step ?? null;
    destination.candidates = usable.length > 1 ? usable : null;
  }

  private tell(router: Router, destination: Destination, until: Stamp | null): void {
    if (destination.best) this.events.best(() => this.bestOf(router, destination, until) as BestPath);
  }

  private bestOf(router: Router, { best, prefix, candidates, step, since }: Destination, until: Stamp | null): BestPath | undefined {
    if (!best) return undefined;
    return {
      router: router.addresses,
      path: best.path,
      prefix,
      route: best,
      candidates: candidates ?? [best],
      decidingStep: step,
      isComplete: router.isComplete(best),
      since,
      until,
    };
  }

  /** Destinations of unicast that hold the address, the longest prefix first. */
  private destinationsOver(router: Router, address: string): Destination[] {
    return keysOver(address, router).flatMap((key) => router.destinations.get(key) ?? []);
  }

  private detach(router: Router, key: string): Router {
    const alone = new Router(key);
    router.isKnownBy(router.keys.filter((each) => each !== key));
    this.routers.set(key, alone);
    for (const feed of [...router.told]) {
      if (feed.toKey !== key) continue;
      router.told.delete(feed);
      alone.told.add(feed);
      for (const route of feed.routes()) this.move(router, alone, route);
    }
    for (const feed of [...router.spoken]) {
      if (feed.fromKey !== key) continue;
      router.spoken.delete(feed);
      alone.spoken.add(feed);
    }
    return alone;
  }

  /** Somebody who sends OPENs from many addresses is nobody. */
  private prune(): void {
    for (const router of new Set(this.routers.values())) if (router.told.size === 0 && router.spoken.size === 0) this.drops(router);
    this.mostRouters = Math.max(MOST_ROUTERS, 2 * this.routers.size);
  }

  private drops(router: Router): void {
    this.anonymise(router);
    for (const key of router.keys) this.routers.delete(key);
  }

  private anonymise(router: Router): void {
    if (router.id === null) return;
    const name = identityOf(router);
    const same = this.identities.get(name);
    same?.delete(router);
    if (same?.size === 0) this.identities.delete(name);
  }

  /** They are one router: `from` goes into `into`. */
  private merge(from: Router, into: Router): void {
    this.anonymise(from);
    into.isKnownBy([...from.keys, ...into.keys]);
    for (const key of from.keys) this.routers.set(key, into);
    for (const feed of from.spoken) into.spoken.add(feed);
    for (const id of from.clusterIds) into.clusterIds.add(id);
    for (const feed of from.told) {
      into.told.add(feed);
      for (const route of feed.routes()) this.move(from, into, route);
    }
  }

  private move(from: Router, into: Router, route: BgpRoute): void {
    const key = destinationKey(route);
    const old = from.destinations.get(key);
    if (old) {
      old.routes = old.routes.filter((each) => each !== route);
      this.chooseAgain(from, old, route.announced, old.best === route ? null : old.best);
      if (old.routes.length === 0) from.delete(key, route);
    }
    const destination = into.take(key, route, route.announced);
    destination.routes.push(route);
    destination.routes.sort((a, b) => compareStamps(b.announced, a.announced));
    this.chooseAgain(into, destination, route.announced, destination.best);
  }
}

function ignoredBy(router: Router, nextHop: string | null, attributes: PathAttributes, peering: Peering): Ignored | null {
  const { id, as, addresses, clusterIds } = router;
  if (as !== null && attributes.asPath?.some((segment) => segment.as.includes(as))) return 'own-as';
  if (peering !== 'external') {
    if (id !== null && attributes.originatorId === id) return 'own-originator-id';
    if (attributes.clusterList.some((each) => each === id || clusterIds.has(each))) return 'own-cluster-id';
  }
  return nextHop !== null && addresses.includes(nextHop) ? 'own-next-hop' : null;
}

const identityOf = ({ id, as, realm }: Router): string => `${id} ${as}${realm}`;

const receiverKey = ({ to, session }: BgpRoute): string => `${to}${session.scope}`;

/** Whether two attributes, or all attributes of two routes, have the same values. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((each, i) => isSame(each, b[i]));
  return Object.entries(a).every(([name, value]) => isSame(value, (b as Record<string, unknown>)[name]));
}

const lengthOf = (prefix: string): number => Number(prefix.slice(prefix.indexOf('/') + 1));

/** Prefixes that hold the address, the longest first; only of lengths that the router was told. */
function keysOver(address: string, router?: Pick<Router, 'lengths'>): string[] {
  const family = familyOf(address);
  const words = ipWords(address);
  const keys: string[] = [];
  for (let length = family === 4 ? 32 : 128; length >= 0; length--) {
    if (router && router.lengths[family][length] === 0) continue;
    keys.push(`${wordsText(maskedWords(words, family, length), family)}/${length}`);
  }
  return keys;
}
