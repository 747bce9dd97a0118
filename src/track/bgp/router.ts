import type { Nlri } from '../../wire/bgp/update.ts';
import type { Stamp } from '../stamp.ts';
import type { Feed } from './feed.ts';
import type { BgpRoute, DecidingStep } from './route.ts';

/** What a router was told of one prefix, and which route of these it would choose. */
export interface Destination {
  prefix: string;
  /** The newest first; one that replaced another has its place. */
  routes: BgpRoute[];
  best: BgpRoute | null;
  step: DecidingStep | null;
  /** What `best` was chosen from; null: nothing else. */
  candidates: readonly BgpRoute[] | null;
  since: Stamp;
}

const UNICAST = 1;

/** Unicast by prefix alone, whose text tells IPv4 from IPv6. */
export const destinationKey = ({ safi, rd, prefix }: Nlri): string =>
  safi === UNICAST && rd === null ? prefix : `${prefix} ${safi} ${rd ?? ''}`;

/** A BGP speaker, as far as its sessions show it. */
export class Router {
  /** Its addresses, each with the scope of its sessions (`BgpSession.scope`). */
  keys: readonly string[] = [];
  addresses: readonly string[] = [];
  /** Empty, or of the VLAN or overlay in which addresses mean other routers. */
  readonly realm: string;
  /** BGP Identifier and AS, by its OPENs. */
  id: string | null = null;
  as: number | null = null;
  /** Clusters that it reflects for: it puts their identifier before the others (RFC 4456 section 8). */
  readonly clusterIds = new Set<string>();
  readonly destinations = new Map<string, Destination>();
  /** How many unicast prefixes of each length there are. */
  readonly lengths = { 4: new Uint32Array(33), 6: new Uint32Array(129) } as const;
  /** Who tells it something, and to whom it tells. */
  readonly told = new Set<Feed>();
  readonly spoken = new Set<Feed>();

  constructor(key: string) {
    this.realm = key.includes(' ') ? key.slice(key.indexOf(' ')) : '';
    this.isKnownBy([key]);
  }

  isKnownBy(keys: readonly string[]): void {
    this.keys = keys;
    this.addresses = [...new Set(keys.map((key) => key.replace(/[ %].*/, '')))];
  }

  /** The destination, made where there is none. */
  take(key: string, { prefix, safi, rd, afi }: Nlri, since: Stamp): Destination {
    let destination = this.destinations.get(key);
    if (!destination) {
      destination = { prefix, routes: [], best: null, step: null, candidates: null, since };
      this.destinations.set(key, destination);
      if (safi === UNICAST && rd === null) this.count(prefix, afi, 1);
    }
    return destination;
  }

  delete(key: string, { prefix, safi, rd, afi }: Nlri): void {
    if (this.destinations.delete(key) && safi === UNICAST && rd === null) this.count(prefix, afi, -1);
  }

  /** Every session in which it is told routes of this family is seen from its start to an End-of-RIB. */
  isComplete({ afi, safi }: { afi: number; safi: number }): boolean {
    let isAny = false;
    for (const feed of this.told) {
      if (!feed.isUp || !feed.mayHave(afi, safi)) continue;
      if (!feed.isWhole(afi, safi)) return false;
      isAny = true;
    }
    return isAny;
  }

  /** As `isComplete`, of the sessions that were up at a time, in seconds. */
  wasComplete({ afi, safi }: { afi: number; safi: number }, at: number): boolean {
    let isAny = false;
    for (const feed of this.told) {
      const wasWhole = feed.mayHave(afi, safi) ? feed.wasWhole(afi, safi, at) : null;
      if (wasWhole === false) return false;
      isAny ||= wasWhole === true;
    }
    return isAny;
  }

  private count(prefix: string, afi: number, difference: number): void {
    const lengths = this.lengths[afi === 1 ? 4 : 6];
    const length = Number(prefix.slice(prefix.indexOf('/') + 1));
    lengths[length] = (lengths[length] ?? 0) + difference;
  }
}
