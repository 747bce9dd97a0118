import { commonPrefixLength, endpointText, isIpv6Text } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import type { Hop, HopAddress, HopChange, Traceroute } from '../track/traceroute/traceroute.ts';
import type { Findings } from './finding.ts';
import type { Confidence, Draft, FindingKind } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { loopKey } from './routing-loop.ts';
import { count, list, object, oneOf, text, textOrNull } from './schemas.ts';
import { countText, durationText, frameText, listText } from './text.ts';

export interface RouteFlapDetails {
  /** The two paths that take turns: addresses of their hops from the first one on, null for a silent one. */
  paths: (string | null)[][];
  /** Who probes, and how. */
  source: string;
  protocol: 'icmp' | 'udp' | 'tcp';
  /** TTLs of the hops that change, and how often the one changes that changes most. */
  hops: number[];
  changes: number;
  probes: number;
  /** What else changed at the same times: BGP, virtual routers, WireGuard. A sentence each. */
  events: string[];
}

export const routeFlap: FindingKind<RouteFlapDetails> = {
  kind: 'route-flap',
  brief: 'the path to a destination goes back and forth between two ways',
  severity: 'warning',
  subject: ['destination'],
  details: object({
    paths: list(list(textOrNull)),
    source: text,
    protocol: oneOf('icmp', 'udp', 'tcp'),
    hops: list(count),
    changes: count,
    probes: count,
    events: list(text),
  }),
  means:
    'A router changes its mind again and again about the way to this destination. While routes change, packets are lost or overtake each other, and what keeps state on the way (NAT, firewalls) may ' +
    'not see both directions of a connection.',
  provenBy: [
    'In one row of probes that all are one flow, a hop is one address for several probes, then another one, and back: three changes or more within an hour.',
    'Likely where hops behind it change too, or the length of the way, or something else says that routes changed. Where it is one hop alone, it is possible.',
  ],
  seenFrom: ['Where mtr runs, or between it and the hop, also inside a tunnel. It must run on: `mtr -n --report --report-cycles 100`.'],
  looksLike: [
    'Equal-cost paths: the address goes by the flow (ports, checksum), not by the time.',
    'A router that balances packet by packet: the address changes at random, with half of the probes or so; here each stays for a while.',
    'A single change of the path, or one now and then: it does not go back and forth within an hour.',
    'A router that answers from several of its addresses, because its way back changes: the hops behind it stay the same.',
  ],
  remedies: [
    {
      text: 'At the router before the hop that changes: watch its routes while they change (DESTINATION)',
      commands: ['ip monitor route', 'ip route get DESTINATION'],
    },
    {
      text: 'See what makes the routes come and go: a session, a link, a tunnel, a check that fails. Let that be stable first; damping and longer timers only hide it',
      commands: ["vtysh -c 'show bgp summary'", "vtysh -c 'show ip route DESTINATION'", 'ip -s link'],
    },
  ],
  references: ['RFC 2439', 'RFC 7196', 'Augustin et al., Paris traceroute (IMC 2006)'],
};

/** Fewer changes within an hour are a failover, and perhaps its end. */
const LEAST_CHANGES = 3;
const FLAP_SEC = 3600;
/** Who takes turns at random stays with one address this long so rarely; beyond it, it may be chance. */
const BY_CHANCE = 0.001;
const PERHAPS_BY_CHANCE = 0.05;
/** A change of routes shows at the next probes; routers need a while to do what they were told. */
const BEFORE_SEC = 5;
const AFTER_SEC = 1;
const MOST_EVENTS = 8;
/** All answers of one address take longer than all of the other, by more than a router's own delays differ. */
const APART_MS = 1;

/** @param loops handles of findings that packets go round, by `loopKey`: routes that change make loops, and the other way round */
export function diagnoseFlaps(knowledge: Knowledge, findings: Findings, loops: ReadonlyMap<string, string>): void {
  const worst = new Map<string, Flap>();
  for (const trace of knowledge.traceroutes.list) {
    const flap = flapOf(trace);
    if (!flap) continue;
    const key = loopKey(trace.destination, trace.path);
    const known = worst.get(key);
    if (!known || flap.first.turns > known.first.turns) worst.set(key, flap);
  }
  const byHop = new Map<string, string>();
  for (const [key, flap] of worst) {
    const handle = findings.report(routeFlap, judgeFlap(flap, knowledge));
    const loop = loops.get(key);
    if (loop) findings.relate(loop, handle);
    // Other destinations behind the same routers.
    const hop = [...flap.first.pair].sort().join(' ');
    findings.relate(byHop.get(hop) ?? handle, handle);
    if (!byHop.has(hop)) byHop.set(hop, handle);
  }
}

interface FlappingHop {
  hop: Hop;
  /** The two addresses that take turns most, in the order of their first answers. */
  pair: [string, string];
  changes: readonly HopChange[];
  /** Changes, those of several flows at one time counted once. */
  turns: number;
  confidence: Confidence;
}

interface Flap {
  trace: Traceroute;
  hops: FlappingHop[];
  /** The first hop that changes: the router before it decides, or it. */
  first: FlappingHop;
}

function flapOf(trace: Traceroute): Flap | undefined {
  if (trace.changeCount < LEAST_CHANGES) return undefined;
  const known = trace.changeCount / trace.changes.length;
  const hops = trace.hops.flatMap((hop) => {
    const all = trace.changes.filter(({ ttl }) => ttl === hop.ttl);
    return flappingHop(hop, all, known) ?? [];
  });
  const [first] = hops;
  return first ? { trace, hops, first } : undefined;
}

/** @param share how many changes stand for each that is known */
function flappingHop(hop: Hop, all: readonly HopChange[], share: number): FlappingHop | undefined {
  if (hop.isEcmp || all.length < LEAST_CHANGES) return undefined;
  const pair = mostChanged(all);
  const changes = all
    .filter(({ from, to }) => pair.includes(from) && pair.includes(to))
    .toSorted((a, b) => compareStamps(a.stamp, b.stamp));
  const turns = changes.filter(({ to }, i) => to !== changes[i - 1]?.to).map(({ stamp }) => stamp.at);
  if (!turns.some((at, i) => at - (turns[i - LEAST_CHANGES + 1] ?? Number.NEGATIVE_INFINITY) <= FLAP_SEC)) return undefined;
  const chance = chanceOf(hop, Math.round(all.length * share));
  if (chance > PERHAPS_BY_CHANCE) return undefined;
  return { hop, pair, changes, turns: turns.length, confidence: chance > BY_CHANCE ? 'possible' : 'likely' };
}

/** Answers of the two addresses come over different routers, or from different distances; undefined where they may be those of one router. */
function differenceOf({ hop, pair }: FlappingHop): string | undefined {
  const [one, other] = pair.map((ip) => hop.addresses.find((address) => address.ip === ip));
  if (!one || !other) return undefined;
  if (one.replyTtl !== other.replyTtl)
    return `Answers of ${one.ip} arrive with TTL ${one.replyTtl}, those of ${other.ip} with ${other.replyTtl}: the ways are not of one length.`;
  if (!one.rttMs || !other.rttMs) return undefined;
  const isApart = Math.max(one.rttMs.min, other.rttMs.min) > Math.min(one.rttMs.max, other.rttMs.max) + APART_MS;
  return isApart
    ? `${one.ip} answers after ${one.rttMs.avg} ms, ${other.ip} after ${other.rttMs.avg} ms: they are not in one place.`
    : undefined;
}

function mostChanged(changes: readonly HopChange[]): [string, string] {
  const counts = new Map<string, { pair: [string, string]; count: number }>();
  for (const { from, to } of changes) {
    const key = [from, to].sort().join(' ');
    const known = counts.get(key) ?? { pair: [from, to], count: 0 };
    known.count++;
    counts.set(key, known);
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return most?.pair ?? ['', ''];
}

/**
 * How likely so few changes are where a router chooses for each packet at random, as often each address as it was seen: binomial, over the probes that have
 * one before them.
 */
function chanceOf(hop: Hop, changes: number): number {
  const answers = answersOf(hop);
  const same = hop.addresses.reduce((sum, address) => sum + (answersFrom(address) / answers) ** 2, 0);
  return binomialUpTo(changes, answers - 1, 1 - same);
}

/** Without refusals by routers that are nearer: they tell nothing of who is here. */
const answersFrom = ({ replies, refused }: HopAddress): number => replies - refused;
const answersOf = ({ addresses }: Hop): number => addresses.reduce((sum, address) => sum + answersFrom(address), 0);

/** The probability of at most `most` hits in `trials`, each with probability `p`. */
export function binomialUpTo(most: number, trials: number, p: number): number {
  if (most >= trials || p <= 0) return 1;
  if (p >= 1) return 0;
  let logTerm = trials * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= most; k++) {
    logTerm += Math.log((trials - k + 1) / k) + Math.log(p / (1 - p));
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

function judgeFlap({ trace, hops, first }: Flap, knowledge: Knowledge): Draft<RouteFlapDetails> {
  const { destination, source, path, protocol, probes } = trace;
  const { hop, pair, changes, turns } = first;
  const evidence = new Evidence();
  const [change] = changes;
  for (const { from, to, stamp } of changes) evidence.add('change', stamp, `hop ${hop.ttl}: ${to} instead of ${from}`);
  const events = eventsNear(changes, trace, knowledge);
  for (const { role, stamp, note } of events) if (stamp) evidence.add(role, stamp, note);
  const answers = answersOf(hop);
  const difference = differenceOf(first);
  const isOtherWay = hops.length > 1 || difference !== undefined || events.length > 0;
  const confidence = isOtherWay ? first.confidence : 'possible';
  const last = changes.at(-1) ?? change;
  const during = change && last ? durationText(change.stamp, last.stamp) : '';
  const before = trace.hops.find(({ ttl }) => ttl === hop.ttl - 1)?.addresses[0]?.ip;
  return {
    subject: { destination },
    path,
    confidence,
    title: `The path to ${destination} ${confidence === 'possible' ? 'possibly' : 'very probably'} flaps: hop ${hop.ttl} goes back and forth between ${listText(pair)}, ${turns} times${during}`,
    details: {
      paths: pathsOf(trace, hops),
      source,
      protocol,
      hops: hops.map(({ hop: { ttl } }) => ttl),
      changes: turns,
      probes,
      events: events.map(({ note }) => note),
    },
    count: probes,
    evidence,
    because: [
      `${source} probes ${destination} with ${protocol === 'icmp' ? 'echo requests' : `${protocol.toUpperCase()} of one flow`}; at hop ${hop.ttl}, ${listText(changes.map(({ to, stamp }) => `${to} answers from ${frameText(stamp)} on`))}.`,
      `Each stays for a while: ${countText(answers, 'answer')} with ${countText(changes.length, 'change')}. A router that chooses for each packet would change far more often.`,
      ...(hops.length > 1
        ? [
            `Hops ${listText(hops.map(({ hop: { ttl } }) => String(ttl)))} change with it: it is another path, not another address of one router.`,
          ]
        : []),
      ...(difference ? [difference] : []),
      before
        ? `${before}, the hop before it, is where both ways begin${isOtherWay ? '' : ` (or it is hop ${hop.ttl} itself that answers from two of its addresses)`}.`
        : `The ways part before hop ${hop.ttl}${hop.ttl === 1 ? ', at the host that probes or at the first router' : ''}.`,
      ...events.map(({ note }) => `${note}.`),
    ],
    ruledOut: [
      'Equal-cost paths: the probes are one flow, and the address changes with the time.',
      'A router that balances packet by packet: so long with one address each time is next to impossible by chance.',
      'A single failover: it goes back and forth.',
      ...(hops.length > 1 ? ['One router with two addresses: hops behind it change too.'] : []),
      ...(isOtherWay
        ? []
        : ['Not ruled out: one router that answers from two of its addresses in turns. The hops behind it stay the same.']),
    ],
    remedies: [...remediesFor(destination, before), NEXT_TIME],
  };
}

const NEXT_TIME = {
  text: 'To see what makes it change, capture the routing protocols together with the probes, at the router before that hop',
  commands: ["tcpdump -i any -y LINUX_SLL2 -s 0 -w flap.pcap 'icmp or icmp6 or tcp port 179 or ip proto 89 or vrrp or arp'"],
};

const remediesFor = (destination: string, before: string | undefined): typeof routeFlap.remedies =>
  routeFlap.remedies.map(({ text: said, commands }) => ({
    text: said
      .replace('the router before the hop that changes', before ?? 'the router before the hop that changes')
      .replace(' (DESTINATION)', ''),
    commands: commands.map((command) =>
      (isIpv6Text(destination) ? command.replace('show ip route', 'show ipv6 route') : command).replaceAll('DESTINATION', destination),
    ),
  }));

/** Both paths from the first hop to the destination. Where a hop does not change, they share it. */
function pathsOf({ hops, destination }: Traceroute, flapping: readonly FlappingHop[]): (string | null)[][] {
  return [0, 1].map((side) => {
    const path: (string | null)[] = [];
    for (const hop of hops) {
      const pair = flapping.find((each) => each.hop === hop)?.pair;
      const ip = pair ? pair[side] : hop.addresses.toSorted((a, b) => answersFrom(b) - answersFrom(a))[0]?.ip;
      // Who refuses, or answers for all that are behind it, is one hop all the same.
      path.push(ip === undefined || ip === path.findLast((each) => each !== null) ? null : ip);
      if (ip === destination) break;
    }
    return path;
  });
}

interface RouteEvent {
  role: string;
  /** Undefined where it is told of several. */
  stamp: Stamp | undefined;
  note: string;
}

/** What the capture has of routes, virtual routers and tunnels that changed when the path did. */
function eventsNear(changes: readonly HopChange[], trace: Traceroute, knowledge: Knowledge): RouteEvent[] {
  const isNear = ({ at }: Stamp): boolean => changes.some(({ stamp }) => stamp.at - at <= BEFORE_SEC && at - stamp.at <= AFTER_SEC);
  const all = [...bgpEvents(trace, knowledge), ...redundancyEvents(knowledge), ...wireguardEvents(knowledge)];
  const near = all.filter(({ stamp }) => isNear(stamp)).toSorted((a, b) => compareStamps(a.stamp, b.stamp));
  const told = near.slice(0, MOST_EVENTS);
  if (near.length === told.length) return told;
  return [...told, { role: 'event', stamp: undefined, note: `${countText(near.length - told.length, 'more event')} of this kind` }];
}

type TimedEvent = RouteEvent & { stamp: Stamp };

function bgpEvents({ destination }: Traceroute, { bgp }: Knowledge): TimedEvent[] {
  return bgp.routes
    .filter(({ prefix }) => covers(prefix, destination))
    .flatMap(({ prefix, from, nextHop, announced, ended }) => {
      const via = nextHop === null ? '' : ` via ${nextHop}`;
      const told = { role: 'bgp', stamp: announced, note: `BGP: ${from} announces ${prefix}${via} in ${frameText(announced)}` };
      // What replaces it is an announcement, too.
      if (!ended || ended.how === 'replaced') return [told];
      const how =
        ended.how === 'withdrawn' ? `${from} withdraws ${prefix}${via}` : `the session with ${from} ends, and with it ${prefix}${via}`;
      return [told, { role: 'bgp', stamp: ended.stamp, note: `BGP: ${how} in ${frameText(ended.stamp)}` }];
    });
}

function covers(prefix: string, ip: string): boolean {
  const [network = '', length = ''] = prefix.split('/');
  return isIpv6Text(network) === isIpv6Text(ip) && length !== '' && commonPrefixLength(network, ip) >= Number(length);
}

const redundancyEvents = ({ redundancy }: Knowledge): TimedEvent[] =>
  [...redundancy.routers.values()].flatMap(({ protocol, id, evidence, lastChange, lastIp }) => {
    const name = `${protocol.toUpperCase()} group ${id}`;
    const seen = evidence.frames.map(({ stamp, note = '' }) => ({
      role: 'virtual-router',
      stamp,
      note: `${name}: ${note} in ${frameText(stamp)}`,
    }));
    if (seen.length > 0 || !lastChange) return seen;
    return [{ role: 'virtual-router', stamp: lastChange, note: `${name}: master ${lastIp} in ${frameText(lastChange)}` }];
  });

const wireguardEvents = ({ wireguard }: Knowledge): TimedEvent[] =>
  wireguard.peers.moves
    .filter(({ withdrawn }) => !withdrawn)
    .map(({ from, to, stamp }) => ({
      role: 'wireguard',
      stamp,
      note: `WireGuard: a peer moves from ${endpointText(from)} to ${endpointText(to)} in ${frameText(stamp)}`,
    }));
