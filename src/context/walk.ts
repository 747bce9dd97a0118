import { ipWords } from '../net/ip.ts';
import type { Assumption, Host, NextHop, Route, Rule } from './host.ts';
import type { RouteDecision, RouteQuery } from './lookup.ts';
import { TABLE_MAIN } from './names.ts';
import { covers, type Family, type Words } from './prefix.ts';
import type { ReadyRule, RouteTable, Tables } from './tables.ts';

/** What the kernel looks up: `struct flowi4` and `struct flowi6`. */
export interface Flow {
  family: Family;
  destinationIp: string;
  destination: Words;
  /** Null: not chosen yet. */
  source: Words | null;
  /** Interface it came in by; `lo`: the host itself sends it. */
  in: string;
  out: string | null;
  mark: number;
  tos: number;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
  uid: number;
  /** Of routes: IPv4 does not look at wider ones. */
  scope: number;
  /** Ways without a carrier count whatever is set. */
  isAnyLinkState: boolean;
}

export const flowOf = (family: Family, query: RouteQuery): Flow => ({
  family,
  destinationIp: query.destination,
  destination: ipWords(query.destination),
  source: query.source === undefined ? null : ipWords(query.source),
  in: query.in ?? 'lo',
  out: query.out ?? null,
  mark: (query.mark ?? 0) >>> 0,
  tos: query.tos ?? 0,
  protocol: query.protocol ?? 0,
  sourcePort: query.sourcePort ?? 0,
  destinationPort: query.destinationPort ?? 0,
  // What no socket sends is the root's (include/net/sock.h `sock_net_uid`).
  uid: query.uid ?? 0,
  scope: 0,
  isAnyLinkState: false,
});

/** What one table says. `missed`: ask the next rule, as after a route of type throw. */
export type Found =
  | { kind: 'missed' }
  | { kind: 'rejected'; outcome: 'blackhole' | 'unreachable' | 'prohibit'; route: Route }
  | { kind: 'found'; route: Route; hops: readonly NextHop[] };

export const MISSED: Found = { kind: 'missed' };

/** What rules and tables say together. */
export interface Verdict {
  found: Found;
  /** The action of a rule that rejects by itself. */
  rejectedBy: 'blackhole' | 'unreachable' | 'prohibit' | undefined;
  rule: Rule | undefined;
  assumed: readonly Assumption[];
}

/**
 * Goes through the rules in their order (net/core/fib_rules.c `fib_rules_lookup`). A rule counts whose table has an answer; a route that a
 * rule suppresses is none.
 * @param search looks into one table
 */
export function walkRules(host: Host, tables: Tables, flow: Flow, search: (table: RouteTable, flow: Flow) => Found): Verdict {
  const { rules } = tables;
  const assumed = new Set(tables.assumed);
  const verdict = (found: Found, rule: Rule | undefined, rejectedBy?: Verdict['rejectedBy']): Verdict => ({
    found,
    rule,
    rejectedBy,
    assumed: [...assumed],
  });
  for (let i = 0; i < rules.length; i++) {
    const ready = rules[i];
    if (ready?.rule.isUnclear) assumed.add('unclear-rule');
    if (ready === undefined || !ruleMatches(ready, flow)) continue;
    const { rule } = ready;
    if (rule.action === 'goto') {
      const target = rules.findIndex(({ rule: { priority } }) => priority === rule.target);
      // The target is looked at next, only forwards; where there is none, nothing is skipped.
      if (target > i) i = target - 1;
    } else if (rule.action === 'table') {
      const table = tables.tables.get(rule.table);
      if (table === undefined && !tables.areAllTablesRead && rule.table > 0 && rule.table !== TABLE_MAIN) assumed.add('tables');
      const found = table === undefined ? MISSED : search(table, flow);
      if (found.kind === 'rejected') return verdict(found, rule);
      const hops = found.kind === 'found' ? notSuppressed(host, rule, found) : [];
      if (found.kind === 'found' && hops.length > 0) return verdict({ ...found, hops }, rule);
    } else if (rule.action !== 'nop') {
      return verdict(MISSED, rule, rule.action);
    }
  }
  return verdict(MISSED, undefined);
}

/** `fib_rule_match` with `fib4_rule_match` and `fib6_rule_match`. Devices of VRFs are not modelled: a rule of l3mdev does not match. */
export function ruleMatches({ rule, from, to }: ReadyRule, flow: Flow): boolean {
  if (rule.isUnclear) return false;
  const isInScope =
    (rule.in === null || rule.in === flow.in) &&
    (rule.out === null || rule.out === flow.out) &&
    (rule.mark === null || ((rule.mark.value ^ flow.mark) & rule.mark.mask) === 0) &&
    rule.tunnelId === null &&
    !rule.isL3mdev &&
    isWithin(rule.uids, flow.uid) &&
    (to === null || covers(to, rule.to?.length ?? 0, flow.destination, flow.family)) &&
    (from === null || sourceMatches(from, rule.from?.length ?? 0, flow)) &&
    (rule.tos === 0 || rule.tos === (flow.family === 4 ? flow.tos & TOS_MASK : flow.tos & 0xfc)) &&
    (rule.protocol === null || rule.protocol === flow.protocol) &&
    isWithin(rule.sourcePorts, flow.sourcePort) &&
    isWithin(rule.destinationPorts, flow.destinationPort);
  return isInScope !== rule.isInverted;
}

/** include/linux/in_route.h: what IPv4 compares of the TOS, `INET_DSCP_LEGACY_TOS_MASK`. */
export const TOS_MASK = 0x1c;

/** A socket that is not bound has 0.0.0.0 for IPv4, which prefixes that hold it match; for IPv6 it matches none. */
function sourceMatches(from: Words, length: number, { source, family }: Flow): boolean {
  if (source !== null) return covers(from, length, source, family);
  return length === 0 || (family === 4 && covers(from, length, [0, 0, 0xffff, 0], 4));
}

const isWithin = (range: { first: number; last: number } | null, value: number): boolean =>
  range === null || (value >= range.first && value <= range.last);

/**
 * The ways that a rule leaves (`fib4_rule_suppress`, `fib6_rule_suppress`). Of several ways IPv4 looks at the interface of the first, IPv6 at that of the one it has chosen: flows
 * that chose others go on with the next rule there, which is not followed.
 */
function notSuppressed(host: Host, rule: Rule, { route, hops }: Extract<Found, { kind: 'found' }>): readonly NextHop[] {
  if (rule.suppressPrefixLength !== null && route.prefix.length <= rule.suppressPrefixLength) return [];
  if (rule.suppressGroup === null) return hops;
  const group = groupNumber(rule.suppressGroup);
  const isOfGroup = (hop: NextHop | undefined): boolean => {
    const link = hop === undefined || hop.device === null ? undefined : host.link(hop.device);
    return link !== undefined && groupNumber(link.group) === group;
  };
  if (route.family === 4) return isOfGroup(route.nextHops[0]) ? [] : hops;
  return hops.filter((hop) => !isOfGroup(hop));
}

const groupNumber = (group: string): string => (group === 'default' ? '0' : group);

/** Whether a way can be taken: `fib_lookup_good_nhc`, `find_match`. The kernel shows ways without a carrier as dead where they do not count. */
export function isUsable(host: Host, { isDead, isLinkDown, device }: NextHop, { family, isAnyLinkState }: Flow): boolean {
  if (isLinkDown && isAnyLinkState) return true;
  if (isDead) return false;
  return !(isLinkDown && device !== null && host.sysctl('ignore_routes_with_linkdown', device, family === 4 ? 'ipv4' : 'ipv6') === 1);
}

/** For decisions that no way follows from. */
export const notSent = (
  outcome: RouteDecision['outcome'],
  refused: RouteDecision['refused'],
  assumed: readonly Assumption[] = [],
): RouteDecision => ({ outcome, rule: undefined, route: undefined, nextHops: [], sources: [], refused, assumed });

/** A way without a gateway. */
export const onLink = (device: string): NextHop => ({
  gateway: null,
  device,
  weight: 1,
  isDead: false,
  isLinkDown: false,
  isOnLink: false,
});
