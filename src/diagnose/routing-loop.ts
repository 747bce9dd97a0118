import { Direction } from '../frame.ts';
import { isIpv6Text } from '../net/ip.ts';
import { isGroupMac, type Mac, macText } from '../net/mac.ts';
import { Evidence } from '../track/evidence.ts';
import type { Loop } from '../track/loops.ts';
import { compareStamps } from '../track/stamp.ts';
import type { Hop, Traceroute } from '../track/traceroute/traceroute.ts';
import type { Findings } from './finding.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, list, numberOrNull, object, text } from './schemas.ts';
import { countText, FrameText, frameText, listText } from './text.ts';

export interface RoutingLoopDetails {
  /** Addresses of the routers in it, in the order of a traceroute; else those that dropped packets; else their MACs; empty where none is seen. */
  loop: string[];
  /** Different packets that were seen to go round, and the most often that one of them passed in one direction. */
  packets: number;
  passes: number;
  /** What one round takes from the TTL: how many routers are in it. Null where it differs. */
  step: number | null;
  sources: string[];
  /** "Time exceeded" for packets that went round, sent to their sources. */
  timeExceeded: number;
}

const LOOK = {
  text: 'At each router of the loop: which route does it follow?',
  commands: ['ip route get DESTINATION', 'ip route show match DESTINATION'],
};
const BLACKHOLE = {
  text:
    'At the router that should know all of the network (it has parts of it, or announces a summary of it), drop what has no nearer route, instead of sending it back by the default route ' +
    '(PREFIX: the whole network)',
  commands: ['ip route add blackhole PREFIX metric 4294967295'],
};
const BLACKHOLE_V6 = { ...BLACKHOLE, commands: ['ip -6 route add blackhole PREFIX metric 4294967295'] };
const TUNNEL = {
  text:
    'In a tunnel: only the end that has the network may be asked for it. WireGuard: take PREFIX out of the AllowedIPs of the peer at the end that has it, and drop there what is not in use. ' +
    'tinc: only one node has it as its Subnet. Routing protocols: do not announce a route to whom it came from (split horizon)',
  commands: ['wg show IFACE allowed-ips', 'ip route add blackhole PREFIX metric 4294967295'],
};

export const routingLoop: FindingKind<RoutingLoopDetails> = {
  kind: 'routing-loop',
  brief: 'packets go round between routers until their TTL is used up',
  severity: 'warning',
  subject: ['destination'],
  details: object({ loop: list(text), packets: count, passes: count, step: numberOrNull, sources: list(text), timeExceeded: count }),
  means:
    'Routers hand packets for this destination to each other in a circle: none arrives, and each one uses the links between them many times, until its TTL is used up. Often one router ' +
    'has a default route to another one, which has a route to the whole network back, and the address is not in use; or two ends of a tunnel each take the network for the other’s.',
  provenBy: [
    `The same packet passes three times in the same direction, with two or more gone from its TTL, as many each time; or seven times where directions do not show (raw IP).`,
    'Or a traceroute whose hops repeat (A, B, A, B) to its end. One address that takes turns with silence, in several rows of probes: possible.',
  ],
  seenFrom: ['Any link of the loop, any router in it, inside the tunnel.', 'Where probes are sent: a traceroute shows it from outside.'],
  looksLike: [
    'Mirrored packets, or one packet on a bridge and its port: TTL is equal.',
    'A router that is seen on two of its cards, or a hairpin: one is gone from the TTL, once.',
    'Packets that are led through several machines on one segment: each time other MACs.',
    'Retransmissions and probes sent again: the same TTL again, or another sequence number.',
    'Probes that differ in nothing but their TTL: it rises, or each is answered before the next one.',
    'A loop of switches: TTL stays as it is.',
    'A router that answers for all that are behind it, but only so many probes a second: one address alone, and silence.',
    'A traceroute during which the path became longer: hops are there twice, and it goes on behind them.',
  ],
  remedies: [LOOK, BLACKHOLE, TUNNEL],
  references: ['RFC 1812 sections 5.3.1 and 5.2.7.3', 'RFC 4632 section 5.1', 'Linux ip-route: blackhole', 'wg(8): allowed-ips'],
};

/** Findings by destination and path: from packets, from traceroutes, or from both. Gives their handles, by `loopKey`. */
export function diagnoseLoops(knowledge: Knowledge, findings: Findings): Map<string, string> {
  const cases = new Map<string, Case>();
  const caseOf = (destination: string, path: number): Case => {
    const key = loopKey(destination, path);
    const known = cases.get(key) ?? { destination, path, loops: [], traces: [] };
    cases.set(key, known);
    return known;
  };
  for (const loop of knowledge.loops.list) caseOf(loop.destination, loop.path).loops.push(loop);
  for (const trace of knowledge.traceroutes.list) {
    const cycle = cycleOf(trace);
    if (cycle) caseOf(trace.destination, trace.path).traces.push({ trace, cycle });
  }
  const handles = new Map<string, string>();
  for (const [key, each] of cases) handles.set(key, findings.report(routingLoop, judgeLoop(each, knowledge)));
  return handles;
}

export const loopKey = (destination: string, path: number): string => `${destination}|${path}`;

/** The part of a traceroute that repeats to its end. */
interface Cycle {
  /** Addresses of one round, as far as they answer, in their order. */
  loop: string[];
  /** Hops a round. */
  period: number;
  /** TTLs of the first and the last of its hops that answered. */
  from: number;
  to: number;
}

interface Case {
  destination: string;
  path: number;
  loops: Loop[];
  traces: { trace: Traceroute; cycle: Cycle }[];
}

/** Loops of more routers than this would be seen too few times before a traceroute ends. */
const MOST_ROUTERS = 8;
/** A, B, A, B: with fewer hops that answer, none behind them may be silent. */
const LEAST_ANSWERS = 4;
const PLENTY_ANSWERS = 6;
/** A path that becomes longer by as many hops shows some of them twice. */
const leastRounds = (period: number): number => (period === 2 ? 2 : 3);

/** Which addresses a traceroute shows again and again, to its last TTL; undefined where it does not. */
export function cycleOf({ hops, reached }: Pick<Traceroute, 'hops' | 'reached'>): Cycle | undefined {
  if (reached) return undefined;
  const byTtl: (string | undefined)[] = [];
  for (const { ttl, addresses } of hops) byTtl[ttl] = addresses.toSorted((a, b) => b.replies - a.replies)[0]?.ip;
  // In nearly all of them no address comes twice.
  const known = byTtl.filter((ip) => ip !== undefined);
  if (new Set(known).size === known.length) return undefined;
  const last = hops.at(-1)?.ttl ?? 0;
  const lastAnswer = byTtl.findLastIndex((ip) => ip !== undefined);
  for (let period = 2; period <= MOST_ROUTERS; period++) {
    const cycle = cycleWith(byTtl, period, lastAnswer);
    if (!cycle || (cycle.loop.length < 2 && !isSilenceSure(hops, cycle))) continue;
    const answers = byTtl.slice(cycle.from, lastAnswer + 1).filter((ip) => ip !== undefined).length;
    if (answers >= PLENTY_ANSWERS || last === lastAnswer) return cycle;
  }
  return undefined;
}

/** One address only, with silence between: a router that ends all, but tells it now and then, looks like that, unless each silent hop was asked twice or more. */
const isSilenceSure = (hops: readonly Hop[], { from, to }: Cycle): boolean =>
  hops.every(({ ttl, addresses, sent }) => ttl <= from || ttl > to || addresses.length > 0 || sent > 1);

function cycleWith(byTtl: readonly (string | undefined)[], period: number, to: number): Cycle | undefined {
  // By place in the round: each has one address, and each address one place.
  const places: (string | undefined)[] = Array.from({ length: period });
  let from = to + 1;
  for (let ttl = to; ttl >= 1; ttl--) {
    const ip = byTtl[ttl];
    const place = ttl % period;
    if (ip === undefined) continue;
    if (places[place] === undefined && !places.includes(ip)) places[place] = ip;
    else if (places[place] !== ip) break;
    from = ttl;
  }
  const answersFrom = (ttl: number): string[] => byTtl.slice(ttl, to + 1).filter((ip) => ip !== undefined);
  // Each of them at least twice: the way to the loop is none of it.
  while (from <= to && answersFrom(from).filter((ip) => ip === byTtl[from]).length < 2) from++;
  const answers = answersFrom(from);
  if (answers.length < LEAST_ANSWERS || to - from + 1 < leastRounds(period) * period) return undefined;
  const loop = Array.from({ length: period }, (_, i) => places[(from + i) % period]).flatMap((ip) =>
    ip !== undefined && answers.includes(ip) ? ip : [],
  );
  return { loop, period, from, to };
}

function judgeLoop({ destination, path, loops, traces }: Case, knowledge: Knowledge): Draft<RoutingLoopDetails> {
  const byTime = loops.toSorted((a, b) => compareStamps(a.first, b.first));
  const [first] = byTime;
  const evidence = new Evidence();
  for (const loop of byTime) addPasses(evidence, loop);
  for (const { trace, cycle } of traces) addHops(evidence, trace, cycle);
  const packets = Math.max(0, ...loops.map((loop) => loop.packets));
  const passes = Math.max(0, ...loops.map((loop) => loop.passes));
  const sources = [...new Set([...byTime.flatMap((loop) => loop.sources), ...traces.map(({ trace }) => trace.source)])];
  const dropped = droppers(loops);
  const timeExceeded = [...dropped.values()].reduce((sum, each) => sum + each, 0);
  const macs = macsOf(byTime);
  const [longest] = traces.toSorted((a, b) => b.cycle.to - b.cycle.from - (a.cycle.to - a.cycle.from));
  const step = stepOf(loops, longest);
  const loop = routersOf({ longest, dropped, macs, step }, knowledge);
  const isTunnel = first !== undefined && macs.length === 0;
  const isOneAlone = traces.every(({ cycle }) => cycle.loop.length < 2);
  const names = macs.flatMap((mac) => nameOf(mac, knowledge) ?? []);
  return {
    subject: { destination },
    path,
    confidence: first ? 'certain' : isOneAlone ? 'possible' : 'likely',
    title: first
      ? `Packets for ${destination} go round${placeText(loop)} until their TTL is used up; one passed at least ${passes} times`
      : `Packets for ${destination} ${isOneAlone ? 'possibly' : 'very probably'} go round${placeText(loop)}: the traceroute repeats itself to its end`,
    details: { loop, packets, passes, step, sources, timeExceeded },
    count: first ? packets : Math.max(...traces.map(({ trace }) => trace.probes)),
    evidence,
    because: [
      ...(first ? [passesSentence(first), stepSentence(step, first)] : []),
      ...(packets > 1 ? [`${countText(packets, 'packet')} went round, from ${listText(sources)}.`] : []),
      ...(timeExceeded > 0 ? [exceededSentence(dropped, timeExceeded)] : []),
      ...(longest ? [cycleSentence(longest)] : []),
      ...(names.length > 0 ? [`On this link it goes between ${listText(names.map(({ text: name }) => name))}.`] : []),
      ...(isTunnel && step === 2 ? ['The link has no MACs: a tunnel. Each of its ends takes the destination for the other’s.'] : []),
      'Each router in the circle follows a route of its own that is plausible: mostly a default route one way, and one to the whole network back.',
    ],
    ruledOut: [...(first ? fromPackets(isTunnel) : []), ...(longest ? fromHops(longest, first !== undefined) : [])],
    remedies: remediesFor(destination, loop, { isWhole: step !== null && loop.length >= step, isTunnel, isProven: first !== undefined }),
  };
}

/** What a round takes from the TTL; null where that differs. */
function stepOf(loops: readonly Loop[], longest: Case['traces'][number] | undefined): number | null {
  const steps = new Set(loops.length > 0 ? loops.map(({ step }) => step) : [longest?.cycle.period ?? 0]);
  const [step = 0] = steps;
  return steps.size === 1 && step > 0 ? step : null;
}

interface Seen {
  longest: Case['traces'][number] | undefined;
  dropped: ReadonlyMap<string, number>;
  macs: readonly Mac[];
  step: number | null;
}

/** Who is in it, by what tells the most: a traceroute that shows all, errors of as many routers, who has the MACs on the link; else what there is. */
function routersOf({ longest, dropped, macs, step }: Seen, knowledge: Knowledge): string[] {
  if (longest && longest.cycle.loop.length === longest.cycle.period) return longest.cycle.loop;
  const senders = [...dropped.keys()];
  if (step !== null && senders.length >= step) return senders;
  const onLink = macs.flatMap((mac) => nameOf(mac, knowledge)?.ip ?? []);
  if (onLink.length > senders.length) return onLink;
  if (senders.length > 0) return senders;
  return longest?.cycle.loop ?? macs.map(macText);
}

const placeText = (loop: readonly string[]): string =>
  loop.length === 0 ? '' : loop.length === 1 ? ` by way of ${loop[0]}` : ` between ${listText(loop)}`;

/** The sightings that a loop keeps, and its last one. */
function addPasses(evidence: Evidence, { evidence: seen, last }: Loop): void {
  const before = evidence.total;
  evidence.addAll(seen);
  const total = evidence.total;
  // The stamp of the loop goes on; a finding stays as it is.
  evidence.add('pass', { ...last });
  evidence.total = Math.max(total, before + seen.total);
}

function addHops(evidence: Evidence, { hops }: Traceroute, { from, to }: Cycle): void {
  for (const { ttl, addresses } of hops) {
    const [address] = addresses.toSorted((a, b) => b.replies - a.replies);
    if (ttl >= from && ttl <= to && address) evidence.add('hop', address.firstReply, `hop ${ttl} is ${address.ip}`);
  }
}

function droppers(loops: readonly Loop[]): Map<string, number> {
  const routers = new Map<string, number>();
  for (const { droppedBy } of loops) for (const [ip, times] of droppedBy) routers.set(ip, (routers.get(ip) ?? 0) + times);
  return routers;
}

/** Of the machines between which it goes, where the capture shows both sides. */
function macsOf(loops: readonly Loop[]): Mac[] {
  const lanes = loops.flatMap((loop) => [...loop.lanes.values()]);
  const macs = [...lanes.map(({ from }) => from), ...lanes.map(({ to }) => to)].filter((mac) => mac > 0 && !isGroupMac(mac));
  return [...new Set(macs)];
}

/** Who has the MAC: by the capture an address that it answers for, by the context a host. */
function nameOf(mac: Mac, { neighbourhood, context }: Knowledge): { ip: string; text: string } | undefined {
  const claimed = neighbourhood.list.find(({ claims }) => {
    const claim = claims.get(mac);
    return claim !== undefined && claim.answers + claim.announcements > 0;
  });
  const owner = context.ownerOfMac(mac);
  const ip = claimed?.ip ?? owner?.link.addresses[0]?.ip;
  if (ip === undefined) return undefined;
  return { ip, text: `${ip} (${owner ? `${owner.host.name}, ` : ''}${macText(mac)})` };
}

function passesSentence({ example }: Loop): string {
  const [first, ...others] = example;
  if (!first) return '';
  const seen = others.map(({ stamp, ttl }) => `${frameText(stamp)} (${ttl})`);
  return `${FrameText(first.stamp)} with TTL ${first.ttl} passes again, the same packet by its identification and contents, with less TTL each time: ${listText(seen)}.`;
}

function stepSentence(step: number | null, { lanes, example }: Loop): string {
  const ways = new Set([...lanes.values()].map(({ direction }) => direction));
  const here =
    ways.has(Direction.In) && ways.has(Direction.Out) ? ' It comes in and goes out again at the capturing host, which is one of them.' : '';
  if (step === null) return `What a round takes from the TTL differs: there is more than one circle.${here}`;
  const isBothWays = (example[0]?.ttl ?? 0) - (example.at(-1)?.ttl ?? 0) < step * (example.length - 1);
  const seen = isBothWays ? ', one on the way there and one on the way back' : '';
  return `Each round takes ${step} from its TTL${seen}: ${countText(step, 'router')} are in the circle.${here}`;
}

const exceededSentence = (dropped: ReadonlyMap<string, number>, total: number): string =>
  `${countText(total, 'time')} a router dropped such a packet in the end and told its source, "time exceeded": ${listText([...dropped.keys()])}.`;

function cycleSentence({ trace, cycle }: Case['traces'][number]): string {
  const { loop, from, to, period } = cycle;
  const silent = period - loop.length;
  const more = silent > 0 ? ` and ${countText(silent, 'silent hop')}, in turns,` : '';
  return `In the ${trace.protocol === 'icmp' ? 'ICMP' : trace.protocol.toUpperCase()} traceroute from ${trace.source}, hops ${from} to ${to} are ${listText(loop)}${more} again and again, and nothing comes behind them.`;
}

const fromPackets = (isTunnel: boolean): string[] => [
  'Copies of a mirror or a bridge: TTL falls.',
  isTunnel
    ? 'A relay of a tunnel, in and out by the same interface: that takes one from the TTL, once.'
    : 'A router seen on two cards, or a hairpin: it is the same direction between the same machines each time.',
  'Retransmissions or probes sent again: TTL would be the same, and identification or sequence another one.',
  'A loop of switches: that leaves TTL as it is.',
];

const ALONE = 'Not ruled out: a router that answers for all that are behind it, but not each probe: one address takes turns with silence.';
const PROVEN_ALONE = 'A router that answers for all that are behind it: packets were seen to go round.';

const fromHops = ({ cycle }: Case['traces'][number], isProven: boolean): string[] => [
  `A path that became longer in the middle of the traceroute: the hops are there again and again, ${cycle.from} to ${cycle.to}.`,
  ...(cycle.loop.length > 1
    ? ['A router that answers for all that are behind it: different addresses take turns.']
    : [isProven ? PROVEN_ALONE : ALONE]),
  ...(isProven ? [] : ['Not ruled out: routers that answer with addresses of each other, or a machine that forges hops.']),
];

interface Known {
  /** All routers are known. */
  isWhole: boolean;
  isTunnel: boolean;
  isProven: boolean;
}

function remediesFor(destination: string, loop: readonly string[], { isWhole, isTunnel, isProven }: Known): Remedy[] {
  const filled = ({ text: said, commands }: Remedy): Remedy => ({
    text: said,
    commands: commands.map((command) => command.replaceAll('DESTINATION', destination)),
  });
  const blackhole = isIpv6Text(destination) ? BLACKHOLE_V6 : BLACKHOLE;
  const names = loop.filter((each) => !/^..(:..){5}$/.test(each));
  const others = isWhole ? '' : ', and at the other routers of the circle';
  const look = names.length > 0 ? { ...LOOK, text: `At ${listText(names)}${others}: which route is followed?` } : LOOK;
  const tunnel = isIpv6Text(destination)
    ? { ...TUNNEL, commands: TUNNEL.commands.map((each) => each.replace('ip route', 'ip -6 route')) }
    : TUNNEL;
  return [
    filled(look),
    blackhole,
    ...(isTunnel ? [tunnel] : []),
    ...(isProven
      ? []
      : [
          {
            text: 'To be certain, capture at one of these routers while the destination is probed: the same packet passes again and again',
            commands: [`tcpdump -i any -y LINUX_SLL2 -s 0 -w loop.pcap 'host ${destination}'`, `ping -c 3 ${destination}`],
          },
        ]),
  ];
}
