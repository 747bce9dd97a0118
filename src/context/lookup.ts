import type { Assumption, Host, NextHop, Route, Rule } from './host.ts';
import { lookUp4 } from './lookup4.ts';
import { lookUp6 } from './lookup6.ts';
import { familyOf } from './prefix.ts';

/** What a packet or a socket asks the routing tables; the fields of `ip route get`. Addresses are canonical texts. */
export interface RouteQuery {
  destination: string;
  /** Undefined: not chosen yet, as of a socket that is not bound. Rules with `from` do not match then. */
  source?: string | undefined;
  /** Name of the interface that it came in by; undefined: the host itself sends it. */
  in?: string | undefined;
  /** A socket bound to an interface. */
  out?: string | undefined;
  mark?: number | undefined;
  tos?: number | undefined;
  /** IP protocol number. */
  protocol?: number | undefined;
  sourcePort?: number | undefined;
  destinationPort?: number | undefined;
  /** Undefined: root, as for what the kernel sends itself. */
  uid?: number | undefined;
  /**
   * IPv6: only the first of the two look-ups that a socket without a source makes. Where that one finds no way, the kernel chooses a source
   * and asks again with it; `ip -6 route get` does not.
   */
  isFirstOnly?: boolean | undefined;
}

/** What the tables say, and by which rule and route. */
export interface RouteDecision {
  /**
   * `unknown`: routes of this family were not read. `no-route` is also what the kernel refuses whatever the tables say; `refused` says why
   * then.
   */
  outcome: 'unicast' | 'local' | 'broadcast' | 'multicast' | 'anycast' | 'blackhole' | 'unreachable' | 'prohibit' | 'no-route' | 'unknown';
  /** The rule and the route that decided; undefined where none did. */
  rule: Rule | undefined;
  route: Route | undefined;
  /**
   * Ways that it may take: more than one of a multipath route, of which a hash or a turn chooses. `lo` of what is for the host itself; empty
   * where it is not sent.
   */
  nextHops: readonly NextHop[];
  /**
   * The source address that a packet of the host itself has, for the way at the same place in `nextHops`: the one asked with, else the one
   * that the kernel chooses. Null where there is none, and for what comes in.
   */
  sources: readonly (string | null)[];
  refused: Refusal | undefined;
  /** What it rests on beside of what the host said; empty where everything was read. */
  assumed: readonly Assumption[];
}

export type Refusal =
  /** A packet of this host with an address of another. */
  | 'source-not-local'
  | 'invalid-source'
  | 'invalid-destination'
  | 'unknown-interface'
  | 'interface-down'
  /** It is not for this host, and the interface it came by does not forward. */
  | 'not-forwarding';

/**
 * What Linux does with a packet: rules in their order, tables, routes, next hops and the source address, as `ip route get` shows it. Whether
 * an arriving packet's source is accepted (rp_filter) is another question: `reversePath`.
 *
 * Not modelled, for `ip` does not show it or little depends on it: VRFs and rules by tunnel id; which groups the host has joined, so that
 * multicast that arrives may be refused; what a gateway's ICMP redirects and path MTU changed; which of several interfaces with one address
 * was given it last; sources of IPv6 ways that were appended one by one (the list shows that of the first); nexthop groups that turn to others
 * as the load does (resilient ones); address labels that were changed (`ip addrlabel`). That rules or
 * local routes were there once, and are gone: the kernel does not forget it, and asks the tables more often. Linux 6.16 to 6.18.3 sends what has a source that no
 * way of a multipath route would have chosen by the last way; here all of them are given.
 */
export const lookUp = (host: Host, query: RouteQuery): RouteDecision =>
  familyOf(query.destination) === 4 ? lookUp4(host, query) : lookUp6(host, query);
