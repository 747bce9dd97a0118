import type { Family } from '../../wire/bgp/open.ts';
import type { PathAttributes } from '../../wire/bgp/update.ts';
import type { BgpRoute, Peering } from './route.ts';
import type { BgpSession, SpeakerState } from './session.ts';

/** How many routes of a next hop are shown. */
export const SAMPLE = 16;
const UNICAST = 1;

const familyKey = (afi: number, safi: number): number => afi * 256 + safi;

/** What one speaker tells the other in a session. */
export class Feed {
  readonly session: BgpSession;
  /** Who speaks, and who is told. */
  readonly speaker: SpeakerState;
  readonly receiver: SpeakerState;
  /** How many routes hold. */
  size = 0;
  /** Of unicast, what the receiver does not ignore; each the oldest first. */
  readonly byNextHop = new Map<string, Set<BgpRoute>>();
  /** The others that hold. */
  private readonly others = new Set<BgpRoute>();
  /** The session is established. */
  isUp = false;
  /** Both OPENs were seen, and since then every octet. */
  isFromStart = false;
  /** Routes had to make room for others. */
  isCut = false;
  /** What both sides said that they speak; null where that is not known. */
  families: ReadonlySet<number> | null = null;
  private readonly ends = new Set<number>();
  /** By family, what has not been told again yet since a table began to be sent again. */
  private readonly stale = new Map<number, Set<BgpRoute>>();

  constructor(session: BgpSession, speaker: SpeakerState, receiver: SpeakerState) {
    this.session = session;
    this.speaker = speaker;
    this.receiver = receiver;
  }

  get from(): string {
    return this.speaker.ip;
  }

  get to(): string {
    return this.receiver.ip;
  }

  /** The same with the session's scope: what the table of routes calls the two routers. */
  get fromKey(): string {
    return `${this.from}${this.session.scope}`;
  }

  get toKey(): string {
    return `${this.to}${this.session.scope}`;
  }

  /** A connection is established. */
  begin(isFromStart: boolean, families: readonly Family[] | null): void {
    this.isUp = true;
    this.isFromStart = isFromStart;
    this.isCut = false;
    this.families = families && new Set(families.map(({ afi, safi }) => familyKey(afi, safi)));
    this.ends.clear();
    this.stale.clear();
  }

  endOfRib(afi: number, safi: number): void {
    this.ends.add(familyKey(afi, safi));
  }

  /** The session may carry routes of the family. */
  mayHave(afi: number, safi: number): boolean {
    return this.families?.has(familyKey(afi, safi)) ?? true;
  }

  /** Everything that the speaker has to tell of the family is known. */
  isWhole(afi: number, safi: number): boolean {
    return this.isFromStart && !this.isCut && this.ends.has(familyKey(afi, safi));
  }

  /**
   * As `isWhole`, of the connection that was up at a time, in seconds; null where none was. A speaker that ends its table in the latest connection did
   * so in that one, of which no octets are missing.
   */
  wasWhole(afi: number, safi: number, at: number): boolean | null {
    const { connections } = this.session;
    const then = connections.find(({ established, end }) => established && established.at <= at && (!end || end.stamp.at > at));
    if (!then) return null;
    const isPartial = then.opens.size < 2 || then.speakers.some(({ ip, isPartial: isOfSpeaker }) => ip === this.from && isOfSpeaker);
    return !isPartial && !this.isCut && this.ends.has(familyKey(afi, safi));
  }

  /** A table is sent again (RFC 7313). */
  beginRefresh(afi: number, safi: number): void {
    const stale = new Set<BgpRoute>();
    for (const route of this.routes()) if (route.afi === afi && route.safi === safi) stale.add(route);
    this.stale.set(familyKey(afi, safi), stale);
  }

  /** It was sent as a whole. @returns what was not in it */
  endRefresh(afi: number, safi: number): Iterable<BgpRoute> {
    const stale = this.stale.get(familyKey(afi, safi));
    this.stale.delete(familyKey(afi, safi));
    if (stale) this.endOfRib(afi, safi);
    return stale ?? [];
  }

  /** Told again as it was. */
  confirm(route: BgpRoute): void {
    if (this.stale.size > 0) this.stale.get(familyKey(route.afi, route.safi))?.delete(route);
  }

  /** By what the OPENs say; without them LOCAL_PREF shows one AS (RFC 4271 section 5.1.5). */
  peeringOf({ asPath, localPref }: PathAttributes): Peering {
    const { speaker, receiver } = this;
    if (speaker.as !== null && speaker.as === receiver.as) return 'internal';
    if (asPath?.[0]?.type.startsWith('confed')) return speaker.as === null || receiver.as === null ? 'internal' : 'confederation';
    if (speaker.as !== null && receiver.as !== null) return 'external';
    return localPref === null ? 'external' : 'internal';
  }

  /** Routes that hold. */
  *routes(): Generator<BgpRoute> {
    for (const routes of this.byNextHop.values()) yield* routes;
    yield* this.others;
  }

  add(route: BgpRoute): void {
    this.size++;
    const routes = countsAsNextHop(route) ? this.byNextHop.get(route.nextHop) : this.others;
    if (routes) routes.add(route);
    else this.byNextHop.set(route.nextHop ?? '', new Set([route]));
  }

  delete(route: BgpRoute): void {
    this.size--;
    this.confirm(route);
    if (!countsAsNextHop(route)) {
      this.others.delete(route);
      return;
    }
    const routes = this.byNextHop.get(route.nextHop);
    routes?.delete(route);
    if (routes?.size === 0) this.byNextHop.delete(route.nextHop);
  }
}

const countsAsNextHop = (route: BgpRoute): route is BgpRoute & { nextHop: string } =>
  route.safi === UNICAST && route.nextHop !== null && route.ignored === null;
