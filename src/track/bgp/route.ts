import type { Nlri, PathAttributes } from '../../wire/bgp/update.ts';
import type { Stamp } from '../stamp.ts';
import type { BgpSession } from './session.ts';

/** How two speakers are related: of two ASes, of one, or of two members of one confederation (RFC 5065). */
export type Peering = 'external' | 'internal' | 'confederation';

/** Why a receiver does not use a route: it has been through it (RFC 4271 section 9.1.2, RFC 4456 section 8), or points to it. */
export type Ignored = 'own-as' | 'own-originator-id' | 'own-cluster-id' | 'own-next-hop';

/** A route that one speaker told another, from its announcement until it was replaced or withdrawn. */
export interface BgpRoute extends Nlri {
  /** Address of the speaker, and of who was told. */
  from: string;
  to: string;
  session: BgpSession;
  /** Path of the tunnels around the session, as `Packet.path`. */
  path: number;
  nextHop: string | null;
  /** Shared by all routes with equal attributes. */
  attributes: PathAttributes;
  /** By the AS numbers of the OPENs; without them, by the attributes. */
  peering: Peering;
  /** BGP Identifier of the speaker; null where its OPEN is not seen. */
  speakerId: string | null;
  /** The receiver ignores it; null: it may choose it. */
  ignored: Ignored | null;
  /** The attributes rest on a guess (`BgpUpdate.isAssumed`). */
  isAssumed: boolean;
  announced: Stamp;
  /** Withdrawn, replaced by another announcement of the same speaker, or lost with its session; null while it holds. */
  ended: { how: 'withdrawn' | 'replaced' | 'session'; stamp: Stamp } | null;
}

/** Steps of the choice, in the order in which routers go through them (RFC 4271 section 9.1.2, RFC 4456 section 9). */
export const DECIDING_STEPS = [
  'only-path',
  'local-pref',
  'as-path',
  'origin',
  'med',
  'ebgp',
  'confederation',
  'oldest',
  'router-id',
  'cluster-list',
  'neighbour-address',
] as const;
export type DecidingStep = (typeof DECIDING_STEPS)[number];

/** What a router chooses by what the capture shows it to have been told. */
export interface BestPath {
  /** The router, by its addresses that sessions of the capture have. */
  router: readonly string[];
  /** Path of the tunnels around the session that brought the route. */
  path: number;
  prefix: string;
  route: BgpRoute;
  /** All that it had to choose from, the chosen one too; those it must ignore (`BgpRoute.ignored`) not. */
  candidates: readonly BgpRoute[];
  /** The last step that it took to leave the others behind; `null`: the visible attributes do not decide. */
  decidingStep: DecidingStep | null;
  /** Sessions of the router are seen from their start to an End-of-RIB: all candidates are known. */
  isComplete: boolean;
  /** Since when it is the best. */
  since: Stamp;
  until: Stamp | null;
}

/** The next hop that a router was told by one speaker, and the routes that go there; of IPv4 and IPv6 unicast. */
export interface ToldNextHop {
  from: string;
  to: string;
  path: number;
  session: BgpSession;
  nextHop: string;
  /** Routes that hold now. */
  count: number;
  /** The first of them, at most 16. */
  sample: BgpRoute[];
}
