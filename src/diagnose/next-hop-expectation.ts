import type { Host, Link } from '../context/host.ts';
import { lookUp, type RouteDecision } from '../context/lookup.ts';
import { familyOf, parsePrefix, prefixCovers, prefixText } from '../context/prefix.ts';
import { tablesOf } from '../context/tables.ts';
import { canonicalIp, ipWords } from '../net/ip.ts';
import { secondsOf } from '../net/time.ts';
import type { BestPath, DecidingStep } from '../track/bgp/route.ts';
import type { Traceroute } from '../track/traceroute/traceroute.ts';
import { IpProtocol } from '../wire/packet.ts';
import { expectedVia } from './expectations.ts';
import type { Knowledge } from './knowledge.ts';

/** Where the expectation is from: the user said it, the host's routes, or BGP in the capture. */
export type ExpectedFrom = 'option' | 'context' | 'bgp';

/** By which next hop the probes of a traceroute should have gone. */
export interface Expectation {
  from: ExpectedFrom;
  /** Several of a multipath route: each of them is right. */
  nextHops: readonly string[];
  /** Those that the router had to choose from, and others that lead to the destination by the same interface; the expected ones too. */
  candidates: readonly string[];
  prefix: string;
  /** Why this one, of BGP: in the capture or in the context; null where that is not known. */
  decidingStep: string | null;
  /** The host that holds the routes, and the interface that they name, where the context knows them. */
  host: Host | undefined;
  link: Link | undefined;
  decision: RouteDecision | undefined;
  best: BestPath | undefined;
  /** Nothing that was not seen could change it: context read before the probes, or said by the user; of BGP, all that the router was told. */
  isFirm: boolean;
}

/** A context that was read so much earlier or later tells of another time. */
const NEAR_SEC = 600;

/** Steps of the choice that no router turns into multipath: later ones leave paths of equal cost. */
export const CLEAR_STEPS: ReadonlySet<DecidingStep | null> = new Set<DecidingStep>(['local-pref', 'as-path', 'origin', 'med', 'ebgp']);

/** Interfaces of these types have no link-layer addresses (`ip -d link`). */
const WITH_ADDRESSES: ReadonlySet<string | null> = new Set(['ether', 'loopback', 'infiniband', 'ieee802.11', 'ppp', null]);

const PROTOCOLS = { icmp: IpProtocol.Icmp, udp: IpProtocol.Udp, tcp: IpProtocol.Tcp } as const;

/**
 * What should have been done with these probes at the router that sent them; undefined where nothing says so. What the user says counts before what
 * the host says, and that before BGP, unless BGP changed since.
 */
export function expectationOf(route: Traceroute, knowledge: Knowledge): Expectation | undefined {
  const host = hostOf(route, knowledge);
  const best = bestBefore(route, knowledge);
  const option = expectedVia(knowledge.expectVia, route.destination);
  const [said] = option;
  if (said) {
    const link = host && linkTo(host, route, said.nextHop);
    const nextHops = option.map(({ nextHop }) => nextHop);
    return {
      from: 'option',
      nextHops,
      candidates: candidatesOf(nextHops, route, host, link, best),
      prefix: said.prefix,
      decidingStep: best && nextHops.includes(best.route.nextHop ?? '') ? best.decidingStep : null,
      host,
      link,
      decision: undefined,
      best,
      isFirm: true,
    };
  }
  const routed = host && byContext(route, host, best);
  if (routed !== undefined) return routed === NONE ? undefined : routed;
  return byBgp(route, best, host, knowledge);
}

const NONE = 'none';

/** The host that sent the probes, if the context knows it and the capture is not known to be of another one. */
function hostOf({ source }: Traceroute, { context }: Knowledge): Host | undefined {
  const { observer } = context;
  if (observer) return observer.linksWith(source).length > 0 ? observer : undefined;
  return context.ownerOfAddress(source)?.host;
}

/** What BGP in the capture had the source choose when it began to probe. */
function bestBefore({ source, destination, first }: Traceroute, { bgp }: Knowledge): BestPath | undefined {
  const best = bgp.bestFor(source, destination, first.at);
  return best && best.route.nextHop !== null ? best : undefined;
}

/**
 * Whether the next hop is on the link that the probes were sent on: its session with the source, or an answer of it to other probes, is seen there. Of
 * captures apart it is not known which link they are of: there the probes have to come from the address that speaks with it.
 */
function isOnLink({ interfaceId, path, source, first }: Traceroute, nextHop: string, { bgp, traceroutes }: Knowledge): boolean {
  const isSpoken = bgp.sessions.some(({ a, b, interfaceId: of, first: begin, ...session }) => {
    if (a.ip !== nextHop && b.ip !== nextHop) return false;
    if (begin.input !== first.input) return a.ip === source || b.ip === source;
    return of === interfaceId && session.path === path;
  });
  return (
    isSpoken ||
    traceroutes.list.some(
      (route) => route.interfaceId === interfaceId && route.hops.some(({ addresses }) => addresses.some(({ ip }) => ip === nextHop)),
    )
  );
}

/** By the host's rules and routes; `none` where they name no gateway for it on such an interface, undefined where they were not read. */
function byContext(route: Traceroute, host: Host, best: BestPath | undefined): Expectation | typeof NONE | undefined {
  if (host.routes === undefined) return undefined;
  const { source, destination, protocol } = route;
  const decision = lookUp(host, { source, destination, protocol: PROTOCOLS[protocol] });
  if (decision.outcome === 'unknown') return undefined;
  const links = decision.nextHops.map(({ device }) => (device === null ? undefined : host.link(device)));
  const [link] = links;
  if (decision.outcome !== 'unicast' || !link || !links.every((each) => each && isBare(each, host))) return NONE;
  const nextHops = decision.nextHops.flatMap(({ gateway }) => gateway ?? []);
  if (nextHops.length < decision.nextHops.length) return NONE;
  const read = host.time === null ? Number.NaN : secondsOf(host.time);
  // BGP changed between the context and the probes: what it had told by then is what counts.
  if (best && (best.since.at > read || (best.until && best.until.at <= read)) && !nextHops.includes(best.route.nextHop ?? ''))
    return undefined;
  const reason = reasonOf(host, destination, nextHops);
  return {
    from: 'context',
    nextHops,
    candidates: candidatesOf(nextHops, route, host, link, best),
    prefix: decision.route ? prefixText(decision.route.prefix) : destination,
    decidingStep: reason ?? (best && nextHops.includes(best.route.nextHop ?? '') ? best.decidingStep : null),
    host,
    link,
    decision,
    best,
    isFirm: route.first.timed && read <= route.first.at && route.first.at - read <= NEAR_SEC && decision.assumed.length === 0,
  };
}

function byBgp(route: Traceroute, best: BestPath | undefined, host: Host | undefined, knowledge: Knowledge): Expectation | undefined {
  const nextHop = best?.route.nextHop;
  if (!best || !nextHop || !CLEAR_STEPS.has(best.decidingStep) || !isOnLink(route, nextHop, knowledge)) return undefined;
  const link = host && linkTo(host, route, nextHop);
  return {
    from: 'bgp',
    nextHops: [nextHop],
    candidates: candidatesOf([nextHop], route, host, link, best),
    prefix: best.prefix,
    decidingStep: best.decidingStep,
    host,
    link,
    decision: undefined,
    best,
    isFirm: best.isComplete && !best.route.isAssumed && !(best.until && best.until.at <= route.last.at),
  };
}

/** An interface without link-layer addresses that is in no VRF: look-ups do not know these. */
const isBare = ({ type, master }: Link, host: Host): boolean => !WITH_ADDRESSES.has(type) && host.link(master ?? '')?.kind !== 'vrf';

/** The interface whose network the next hop is in, else that of the probes' source. */
function linkTo(host: Host, { source }: Traceroute, nextHop: string): Link | undefined {
  const isOn = ({ addresses }: Link): boolean =>
    addresses.some(({ ip, prefixLength, peer }) => peer === nextHop || prefixCovers({ ip, length: prefixLength }, nextHop));
  const links = host.links.filter((link) => isBare(link, host));
  return links.find(isOn) ?? links.find(({ addresses }) => addresses.some(({ ip }) => ip === source));
}

/** All next hops that BGP, the routes, or the tunnel itself have for the destination. */
function candidatesOf(
  expected: readonly string[],
  { destination }: Traceroute,
  host: Host | undefined,
  link: Link | undefined,
  best: BestPath | undefined,
): string[] {
  const told = best?.candidates.flatMap(({ nextHop }) => nextHop ?? []) ?? [];
  const spare = host && link ? routedBy(host, destination, link) : [];
  const known = host ? bgpPaths(host, destination).flatMap(({ nextHops }) => nextHops) : [];
  const owners = host && link ? ownersBehind(host, link, destination) : [];
  return [...new Set([...expected, ...told, ...known, ...spare, ...owners])];
}

/** Gateways that routes of any table name for the destination on the interface. */
const routedBy = (host: Host, destination: string, { name }: Link): string[] =>
  [...tablesOf(host, familyOf(destination)).tables.values()].flatMap((table) =>
    [...table.covering(ipWords(destination))].flatMap((routes) =>
      routes.flatMap(({ nextHops }) => nextHops.flatMap(({ gateway, device }) => (device === name && gateway !== null ? gateway : []))),
    ),
  );

/** Addresses in the tunnel's network of the nodes that the tunnel itself could send it to: owners of a subnet, WireGuard's other peers. */
function ownersBehind(host: Host, link: Link, destination: string): string[] {
  const isInside = (ip: string): boolean => link.addresses.some((own) => prefixCovers({ ip: own.ip, length: own.prefixLength }, ip));
  const addresses = host.tinc.flatMap(({ interface: name, subnets }) => {
    if (name !== null && name !== link.name) return [];
    const owners = new Set(subnets.filter(({ subnet }) => covers(subnet, destination)).map(({ owner }) => owner));
    return subnets.filter(({ owner }) => owners.has(owner)).flatMap(({ subnet }) => soleAddress(subnet) ?? []);
  });
  const peers = host.wireguard
    .filter(({ interface: name }) => name === link.name)
    .flatMap((each) => each.peers.flatMap(({ allowedIps }) => allowedIps.split(',').flatMap((text) => soleAddress(text.trim()) ?? [])));
  return [...addresses, ...peers].filter(isInside);
}

/** Whether a prefix as text holds the address. */
export function covers(prefix: string, ip: string): boolean {
  const parsed = parsePrefix(prefix, familyOf(ip));
  return parsed !== undefined && prefixCovers(parsed, ip);
}

/** `10.2.30.61/32`, `10.2.30.61`: the address; undefined for a wider prefix. */
export function soleAddress(prefix: string): string | undefined {
  const [address = '', length] = prefix.split('/');
  const ip = canonicalIp(address);
  return ip !== undefined && (length === undefined || length === (ip.includes(':') ? '128' : '32')) ? ip : undefined;
}

interface KnownPath {
  nextHops: string[];
  isBest: boolean;
  reason: string | null;
}

/** What the host's BGP says of the destination, by its longest prefix (`show bgp … json` of FRR). Nothing of it is sure to be there. */
function bgpPaths(host: Host, destination: string): KnownPath[] {
  const table = host.document.bgp;
  if (typeof table !== 'object' || table === null || !('routes' in table)) return [];
  const { routes } = table;
  if (typeof routes !== 'object' || routes === null) return [];
  const lengthOf = (prefix: string): number => parsePrefix(prefix, familyOf(destination))?.length ?? -1;
  const [longest] = Object.entries(routes)
    .filter(([prefix]) => covers(prefix, destination))
    .sort(([a], [b]) => lengthOf(b) - lengthOf(a));
  return Array.isArray(longest?.[1]) ? longest[1].flatMap(pathOf) : [];
}

function pathOf(given: unknown): KnownPath[] {
  if (typeof given !== 'object' || given === null) return [];
  const { nexthops, bestpath, selectionReason } = given as { nexthops?: unknown; bestpath?: unknown; selectionReason?: unknown };
  const nextHops = Array.isArray(nexthops)
    ? nexthops.flatMap((each: { ip?: unknown } | null) => (typeof each?.ip === 'string' ? (canonicalIp(each.ip) ?? []) : []))
    : [];
  return [{ nextHops, isBest: bestpath === true, reason: typeof selectionReason === 'string' ? selectionReason : null }];
}

/** FRR's words for the step that decided (bgpd/bgp_route.c, bgp_path_selection_reason2str). */
const REASONS: Readonly<Record<string, string>> = {
  Weight: 'weight',
  'Local Pref': 'local-pref',
  'AS Path': 'as-path',
  Origin: 'origin',
  MED: 'med',
  'Peer Type': 'ebgp',
  'IGP Metric': 'igp-metric',
  'Older Path': 'oldest',
  'Router ID': 'router-id',
  'Cluster length': 'cluster-list',
  'Neighbor IP': 'neighbour-address',
};

function reasonOf(host: Host, destination: string, nextHops: readonly string[]): string | null {
  const best = bgpPaths(host, destination).find(({ isBest }) => isBest);
  return best?.reason && best.nextHops.some((ip) => nextHops.includes(ip)) ? (REASONS[best.reason] ?? null) : null;
}
