import { Direction } from '../frame.ts';
import { compareIps, type Endpoint, endpointText, isIpv6Text } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { TcpConnection, TooBig } from '../track/tcp/connection.ts';
import {
  type BlackHole,
  type BlackHoleCause,
  blackHoleCauses,
  blackHoleOf,
  directionOf,
  headersOf,
  type Missing,
  type Repeated,
  rank,
  tunnelPlaces,
} from './black-holes.ts';
import { type Draft, type FindingKind, lessSure, type Remedy, type Severity, type Subject } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { ALLOW_ICMP, blackHoleRemedies, captureMore, clampRemedies, GRE_PMTUDISC, heedIcmp, mssfix, PROBING } from './mtu-remedies.ts';
import {
  arithmeticText,
  deviceText,
  linkOf,
  type NarrowTunnel,
  nameOf,
  type Paths,
  tunnelAt,
  tunnelSchema,
  tunnelText,
  USUAL_MTU,
} from './narrow-tunnel.ts';
import { waysOf, weighed } from './other-connections.ts';
import { count, object, oneOf, text, truth } from './schemas.ts';
import { countText, durationText, FrameText, frameText, listText } from './text.ts';

export interface BlackHoleDetails {
  /** Octets of the IP packet that does not get through. */
  stuckSize: number;
  /** Octets of the largest one of that direction that was acknowledged; at the receiver, that arrived. 0: none. */
  largestPassed: number;
  retransmissions: number;
  /** ICMP errors that say that a packet is too large were seen. */
  icmpSeen: boolean;
  icmp: { from: string; mtu: number; errors: number } | null;
  cause: BlackHoleCause;
  /** Who sends the large packets, and to whom. */
  sender: string;
  receiver: string;
  tunnel: NarrowTunnel | null;
  suggestedMtu: number;
  suggestedMss: number;
  /** What the suggestion rests on. */
  suggestedBy: 'icmp' | 'device' | 'tunnel' | 'guess';
  /** Connections between the same two hosts in which it happens. */
  connections: number;
  /** In the end the octets arrived, in smaller packets. */
  recovered: boolean;
}

export const pmtuBlackhole: FindingKind<BlackHoleDetails> = {
  kind: 'pmtu-blackhole',
  brief: 'packets above a size vanish, and their sender is not told',
  severity: 'error',
  subject: ['connection'],
  details: object({
    stuckSize: count,
    largestPassed: count,
    retransmissions: count,
    icmpSeen: truth,
    icmp: { ...object({ from: text, mtu: count, errors: count }), type: ['object', 'null'] },
    cause: oneOf(...blackHoleCauses),
    sender: text,
    receiver: text,
    tunnel: tunnelSchema,
    suggestedMtu: count,
    suggestedMss: count,
    suggestedBy: oneOf('icmp', 'device', 'tunnel', 'guess'),
    connections: count,
    recovered: truth,
  }),
  means:
    'A path MTU black hole: somewhere on the way is a link or a tunnel that carries less than the sender thinks, its packets may not be cut, and the ICMP error that would tell the sender does ' +
    'not reach it. Small packets pass, so pings work, logins work, connections come up; whatever fills a packet hangs until somebody gives up.',
  provenBy: [
    'The same full segment (not to be fragmented) is sent three times and more, ever more seldom, and is never acknowledged; nothing of that size ever was in that direction; smaller packets pass, ' +
      'and the receiver is alive. No ICMP that tells it is heeded: likely.',
    'At a router or at the head of the tunnel: the large packet comes in and leaves by no interface, smaller ones do; the ICMP about it leaves, and the sender goes on with the same size: certain.',
    'At the receiver: all that is missing is full segments, and the sender lives, or several are missing in a row: possible, for whether they were sent is not seen.',
  ],
  seenFrom: [
    'The sender, and everything between it and the narrow place.',
    'The router before the narrow place (`-i any`), which drops the packets and should say so: best.',
    'The side of the receiver sees a gap only.',
    'Only TCP shows it: UDP and QUIC that are too large vanish without a trace.',
  ],
  looksLike: [
    'An outage of one direction: acknowledgments get lost too, so the receiver repeats what was acknowledged (its FIN), or small segments of other connections are stuck at the same time.',
    'Random loss: small packets are lost as well, and large ones get through at the next try.',
    'Path MTU discovery at work: the ICMP arrives, the sender goes on with smaller packets.',
    'The receiver is gone, or an outage: nothing of it comes any more; or packets of that size were acknowledged before.',
    'A closed window: the receiver does not want more.',
    'A firewall that drops one connection: packets of that size passed before, or it resets it.',
    'Segmentation offload: giants of many thousand octets at the sender are cut by its card; they are split by the MSS before they are judged.',
  ],
  remedies: [
    ...clampRemedies({ tunnel: null, mss: 1360 }),
    { text: "Set the MTU of the tunnel's device to what its path carries, at both ends", commands: ['ip link set dev IFACE mtu 1400'] },
    ALLOW_ICMP,
    PROBING,
    mssfix(1360),
    GRE_PMTUDISC,
    {
      text: 'What is the largest packet that gets through: with DF, 28 octets of headers beside those that are given (IPv6: 48)',
      commands: ['ping -M do -c 3 -s 1472 DESTINATION', 'tracepath -n DESTINATION'],
    },
  ],
  references: [
    'RFC 1191, RFC 8201 (path MTU discovery)',
    'RFC 2923 section 2.1 (black hole detection)',
    'RFC 4821 (packetization layer path MTU discovery)',
    'RFC 879, RFC 6691 (TCP MSS)',
    'Linux ip-sysctl: tcp_mtu_probing, ip_no_pmtu_disc',
  ],
};

/** Black holes from one host to another. */
interface Group {
  /** The first one in time, which names it. */
  first: BlackHole;
  /** The surest one, which is told. */
  told: BlackHole;
  all: BlackHole[];
}

/** A group that is told, with those that are not, because enough of the same sender or receiver are. */
interface Told {
  group: Group;
  untold: Group[];
}

/** What becomes a finding. */
export interface ToldBlackHole {
  /** `pairKey` of its connections. */
  keys: string[];
  isBgp: boolean;
  hole: BlackHole;
  draft: Draft<BlackHoleDetails>;
}

/** Findings of one sender or receiver: who has a hundred clients behind one narrow place has one cause. */
const MOST_A_HOST = 4;

/** All black holes: one for each host and the one that it sends to, whatever the ports, at most so many of one host. */
export function blackHoles(paths: Paths): ToldBlackHole[] {
  const found = paths.connections.flatMap((connection) => blackHoleOf(connection) ?? []);
  const ways = waysOf(found, paths);
  const groups = new Map<string, Group>();
  for (const each of found) {
    const hole = weighed(each, ways);
    if (!hole) continue;
    const key = `${hole.connection.path} ${senderOf(hole).ip} ${receiverOf(hole).ip} ${isBgp(hole.connection)}`;
    const group = groups.get(key);
    if (!group) groups.set(key, { first: hole, told: hole, all: [hole] });
    else {
      group.all.push(hole);
      if (rank(hole) < rank(group.told)) group.told = hole;
      if (hole.connection.first.at < group.first.connection.first.at) group.first = hole;
    }
  }
  return toldOf([...groups.values()]).map(({ group, untold }) => ({
    keys: [...new Set(group.all.map(({ connection }) => pairKey(connection)))],
    isBgp: isBgp(group.told.connection),
    hole: group.told,
    draft: draftOf(group, untold, paths),
  }));
}

/** What connections have in common that a client makes one after the other. */
export const pairKey = ({ path, a, b }: TcpConnection): string => `${path} ${a.ip} ${b.ip} ${b.port}`;

/** The surest ones first. */
function toldOf(groups: readonly Group[]): Told[] {
  const ofHost = new Map<string, Told[]>();
  const told: Told[] = [];
  for (const group of [...groups].sort((x, y) => rank(x.told) - rank(y.told))) {
    const { connection } = group.told;
    const hosts = [`from ${connection.path} ${senderOf(group.told).ip}`, `to ${connection.path} ${receiverOf(group.told).ip}`];
    const crowd = hosts.map((host) => ofHost.get(host) ?? []).find(({ length }) => length >= MOST_A_HOST);
    // A BGP session has a story of its own.
    if (crowd && !isBgp(connection)) {
      crowd[0]?.untold.push(group);
      continue;
    }
    const entry = { group, untold: [] };
    told.push(entry);
    for (const host of hosts) ofHost.set(host, [...(ofHost.get(host) ?? []), entry]);
  }
  return told;
}

/** Sightings of one packet on both sides of a NAT are no further apart. */
const NAT_SEC = 0.1;

/** Whether both are the same packets, on two sides of a NAT: it keeps sequence numbers, and one end's address and port. */
export function isSamePackets(x: BlackHole, y: BlackHole): boolean {
  if (x.proof.kind === 'missing' || y.proof.kind === 'missing') return false;
  const [one, other] = [x.proof.stuck, y.proof.stuck];
  return (
    one.seq === other.seq &&
    one.length === other.length &&
    Math.abs(one.first.at - other.first.at) < NAT_SEC &&
    (isSameEnd(senderOf(x), senderOf(y)) || isSameEnd(receiverOf(x), receiverOf(y)))
  );
}

const isSameEnd = (x: Endpoint, y: Endpoint): boolean => x.ip === y.ip && x.port === y.port;

/** Both ends, the lower one first. */
export function connectionSubject({ a, b }: TcpConnection): Subject {
  const order = compareIps(a.ip, b.ip) || a.port - b.port;
  const [lower, upper] = order <= 0 ? [a, b] : [b, a];
  return { connection: { a: { ip: lower.ip, port: lower.port }, b: { ip: upper.ip, port: upper.port } } };
}

const BGP_PORT = 179;
const isBgp = ({ a, b }: TcpConnection): boolean => a.port === BGP_PORT || b.port === BGP_PORT;

const senderOf = ({ connection, ofA }: BlackHole): Endpoint => (ofA ? connection.a : connection.b);
const receiverOf = ({ connection, ofA }: BlackHole): Endpoint => (ofA ? connection.b : connection.a);

function draftOf({ first, told, all }: Group, untold: readonly Group[], paths: Paths): Draft<BlackHoleDetails> {
  const { knowledge } = paths;
  const { connection, proof } = told;
  const tunnel = tunnelOf(told, paths);
  const advice = adviceOf(told, tunnel);
  const repeated = proof.kind === 'repeated' ? proof : null;
  const recovered = repeated !== null && repeated.stuck.acked !== null;
  const confidence = knowledge.drops && told.confidence !== 'certain' ? lessSure(told.confidence) : told.confidence;
  const severity: Severity = recovered ? 'warning' : 'error';
  const repetitions = all.reduce((sum, each) => sum + (each.proof.kind === 'repeated' ? each.proof.stuck.retransmissionCount : 0), 0);
  const errors = connection.tooBig.filter(({ ofA }) => ofA === told.ofA);
  const [error] = repeated?.unheeded ?? errors;
  const sender = senderOf(told).ip;
  const receiver = receiverOf(told).ip;
  return {
    subject: connectionSubject(first.connection),
    path: first.connection.path,
    severity,
    confidence,
    title: `${titleOf(told, confidence, error)}${untold.length === 0 ? '' : ` (and between ${countText(untold.length, 'other pair')} of hosts)`}`,
    details: {
      stuckSize: told.size,
      largestPassed: told.passed,
      retransmissions: repetitions,
      icmpSeen: errors.length > 0,
      icmp: error ? { from: error.from, mtu: error.mtu, errors: errors.length } : null,
      cause: repeated?.cause ?? 'unknown',
      sender,
      receiver,
      tunnel,
      suggestedMtu: advice.mtu,
      suggestedMss: advice.mss,
      suggestedBy: advice.by,
      connections: all.length,
      recovered,
    },
    count: Math.max(1, repetitions),
    evidence: evidenceOf(all),
    because: [
      ...handshake(told),
      ...(repeated ? repetition(told, repeated, knowledge) : gap(told, proof as Missing)),
      ...bracket(told),
      ...(tunnel ? arithmetic(told, tunnel) : []),
      advice.sentence,
      ...(told.doubt === null ? [] : [told.doubt]),
      ...(isBgp(connection)
        ? [
            'It is a BGP session: what waits behind the large packet waits with it, KEEPALIVEs too, so the hold timer of the other side ends the session, and all begins anew.',
          ]
        : []),
      ...(all.length > 1
        ? [
            `${countText(all.length, 'connection')} between these two hosts show it; told is ${endpointText(connection.a)} to ${endpointText(connection.b)}.`,
          ]
        : []),
      ...(untold.length > 0
        ? [
            `The same is so between ${countText(untold.length, 'other pair')} of hosts, which are not told by themselves: ${pairsText(untold)}. One narrow place may be the cause of all.`,
          ]
        : []),
    ],
    ruledOut: ruledOut(told),
    remedies: remediesOf(told, tunnel, advice, confidence),
  };
}

/** The first ones by name. */
const pairsText = (groups: readonly Group[]): string =>
  listText([
    ...groups.slice(0, MOST_A_HOST).map(({ told }) => `${senderOf(told).ip} to ${receiverOf(told).ip}`),
    ...(groups.length > MOST_A_HOST ? [`${groups.length - MOST_A_HOST} more`] : []),
  ]);

/** Where errors that fit and are not heeded get lost, as far as it is seen: at this host, which sends itself, or passes packets on. */
type LostAt = 'sender' | 'router' | 'unknown';

function lostAt({ connection, ofA, proof }: BlackHole): LostAt {
  if (proof.kind === 'missing' || proof.cause !== 'icmp-filtered') return 'unknown';
  if (!proof.unheeded.every(({ direction }) => direction === Direction.In)) return 'unknown';
  // Directions of what `a` sends; what `b` sends goes the other way.
  const comesIn = connection.sightings.some(({ directionOfA }) => directionOfA === (ofA ? Direction.In : Direction.Out));
  return comesIn ? 'router' : 'sender';
}

const LOST_TITLE: Readonly<Record<LostAt, string>> = {
  sender: 'comes in here and is not heeded',
  router: 'comes in here and is not passed on',
  unknown: 'does not reach the sender',
};

const LOST: Readonly<Record<LostAt, string>> = {
  sender:
    'the error comes in here. If this host is the sender, its own firewall drops it (input), or it is set not to heed it; if it passes packets on, it drops it itself (forward)',
  router: 'the error comes in here and does not leave again: this host drops it itself, by its firewall as a rule (forward)',
  unknown: 'the error gets lost behind this place, or is not heeded',
};

function titleOf(hole: BlackHole, confidence: BlackHole['confidence'], error: TooBig | undefined): string {
  const what = `Packets of ${hole.size} octets from ${senderOf(hole).ip} to ${endpointText(receiverOf(hole))}`;
  const bgp = isBgp(hole.connection) ? ' (BGP, which dies of it)' : '';
  if (hole.proof.kind === 'missing') {
    const { length } = hole.proof;
    return `${what}${bgp} possibly vanish: ${length} octets are missing, all of them full segments; to decide, capture at the sender`;
  }
  const { cause, stuck } = hole.proof;
  const words = confidence === 'certain' ? 'vanish' : confidence === 'likely' ? 'very probably vanish' : 'possibly vanish';
  const why =
    cause === 'icmp-filtered' && error
      ? `the ICMP that says ${error.mtu} ${LOST_TITLE[lostAt(hole)]}`
      : cause === 'icmp-does-not-match'
        ? 'the ICMP that says so does not match the connection'
        : 'and no ICMP says so';
  const end = stuck.acked ? `; smaller ones of ${stuck.acked.size} octets got through in the end` : '';
  return `${what}${bgp} ${words}: ${why}${end}`.replace(': and no', ', and no');
}

function handshake({ connection, sighting }: BlackHole): string[] {
  const { synOfA, synOfB, mssOfA, mssOfB } = sighting;
  if (mssOfA === null && mssOfB === null)
    return ['The handshake is not in the capture: what was agreed on, and what passed before, is not known.'];
  const each = [
    ...(synOfA && mssOfA !== null ? [`${frameText(synOfA)} (${connection.a.ip}: MSS ${mssOfA})`] : []),
    ...(synOfB && mssOfB !== null ? [`${frameText(synOfB)} (${connection.b.ip}: MSS ${mssOfB})`] : []),
  ];
  const size = Math.min(...[mssOfA, mssOfB].flatMap((mss) => mss ?? [])) + headersOf(connection);
  return [`The connection begins with ${listText(each)}: IP packets of up to ${size} octets are to be expected.`];
}

function repetition(hole: BlackHole, { stuck, leftOut, unheeded, cause }: Repeated, knowledge: Knowledge): string[] {
  const sender = senderOf(hole).ip;
  const receiver = receiverOf(hole).ip;
  const last = stuck.retransmissions.at(-1) ?? stuck.first;
  const again = stuck.retransmissions.slice(0, 5).map((stamp) => String(stamp.frame));
  const [error] = unheeded;
  return [
    `${FrameText(stuck.first)}: ${sender} sends ${stuck.length} octets in an IP packet of ${stuck.size}, not to be fragmented. It is sent again ${countText(stuck.retransmissionCount, 'time')} ` +
      `(frames ${listText(again)}${stuck.retransmissionCount > again.length ? `, the last is ${frameText(last)}` : ''})${durationText(stuck.first, last)}${stuck.acked ? '' : ', and never acknowledged'}.`,
    ...(stuck.acked
      ? [
          `${FrameText(stuck.acked.stamp)} acknowledges its octets, which came in a packet of ${stuck.acked.size} octets: the sender found out by trying.`,
        ]
      : []),
    ...(stuck.firstLife
      ? [
          `${FrameText(stuck.firstLife)}: ${receiver} lives; ${countText(stuck.lifeSigns, 'packet')} of it ${stuck.lifeSigns === 1 ? 'comes' : 'come'} after that.`,
        ]
      : [`Nothing comes from ${receiver} after that: it may be gone, too.`]),
    ...(leftOut
      ? [
          `${placeText(hole.sighting, knowledge)} it comes by here, and ${placeText(leftOut, knowledge, false)} it does not: there, packets of up to ${directionOf(leftOut, hole.ofA).largestSent} octets of the connection pass.`,
        ]
      : []),
    ...(error && cause === 'icmp-filtered'
      ? [
          `${FrameText(error.stamp)}: ${error.from} tells ${error.to} that a packet of ${error.quotedSize} octets is too large, ${error.mtu > 0 ? `${error.mtu} fit` : 'without saying what fits'}. ` +
            `The sender goes on with ${stuck.size} octets (${frameText(last)}): ${LOST[lostAt(hole)]}.`,
        ]
      : []),
    ...(error && cause === 'icmp-does-not-match'
      ? [
          `${FrameText(error.stamp)}: ${error.from} says that a packet is too large, but what it quotes is none of this connection's packets on their way (sequence number, or a NAT in between): the sender must not heed it.`,
        ]
      : []),
    ...(cause === 'icmp-missing'
      ? [`No ICMP error that says so (${isIpv6Text(sender) ? 'ICMPv6 type 2' : 'type 3 code 4'}) passes here.`]
      : []),
  ];
}

function placeText(sighting: BlackHole['sighting'], knowledge: Knowledge, isFirst = true): string {
  const link = linkOf(sighting, knowledge);
  const name = nameOf(sighting, knowledge);
  const where = sighting.path !== 0 ? 'inside of the tunnel' : link ? `at ${link.name}` : name ? `at ${deviceText(name)}` : 'at one place';
  return isFirst ? where.charAt(0).toUpperCase() + where.slice(1) : where;
}

function gap(hole: BlackHole, { gap: { start, stamp }, length, segments, alive }: Missing): string[] {
  const sender = senderOf(hole).ip;
  return [
    `${FrameText(stamp)}: ${sender} sends what comes behind ${length} octets that never arrive here (from sequence number ${start} on): ${countText(segments, 'full segment')}, and nothing else.`,
    `${alive ? `${FrameText(alive)}: the sender lives${durationText(stamp, alive)}, and they are still missing.` : 'Nothing comes from the sender after that.'} Whether they were sent is not seen here.`,
  ];
}

function bracket({ size, passed, proof }: BlackHole): string[] {
  const arrives = proof.kind === 'missing' ? 'that arrives' : 'that was acknowledged';
  return passed === 0
    ? [`No packet with data of this direction was acknowledged: what fits is less than ${size} octets, more is not known.`]
    : [`The largest packet of this direction ${arrives} has ${passed} octets: what fits is at least ${passed} and less than ${size}.`];
}

function arithmetic({ size }: BlackHole, tunnel: NarrowTunnel): string[] {
  const fits = arithmeticText(tunnel);
  const set = tunnel.mtu === null ? '' : `; its device has an MTU of ${tunnel.mtu} (context)`;
  const narrower = tunnel.fits !== null && tunnel.fits >= size && (tunnel.mtu ?? size) >= size;
  return [
    `The connection goes through ${tunnelText(tunnel)}${fits === null ? '' : `. ${fits}`}${set}.` +
      (narrower ? ` ${size} octets would fit: the path of the tunnel itself is narrower than ${USUAL_MTU}.` : ''),
  ];
}

interface Advice {
  mtu: number;
  mss: number;
  by: BlackHoleDetails['suggestedBy'];
  sentence: string;
}

/** The least that every path carries (RFC 8200; RFC 1122: 576 octets for IPv4). 1280 is a good guess for both. */
const LEAST_V6 = 1280;
const LEAST_V4 = 576;

/** What gets through, by what tells it best. */
function adviceOf(hole: BlackHole, tunnel: NarrowTunnel | null): Advice {
  const { connection, size, passed, ofA } = hole;
  const headers = headersOf(connection);
  const mss = (mtu: number): string => `an MTU of ${mtu} and an MSS of ${mtu - headers}`;
  const made = (mtu: number, by: Advice['by'], sentence: string): Advice => ({ mtu, mss: mtu - headers, by, sentence });
  const fits = (mtu: number | null): mtu is number => mtu !== null && mtu >= Math.max(passed, LEAST_V4) && mtu < size;
  const named = connection.tooBig.find((each) => each.ofA === ofA && fits(each.mtu));
  if (named) return made(named.mtu, 'icmp', `By the ICMP, ${mss(named.mtu)} are right.`);
  if (tunnel && fits(tunnel.mtu)) return made(tunnel.mtu, 'device', `By the MTU of the tunnel's device, ${mss(tunnel.mtu)} are right.`);
  if (tunnel && fits(tunnel.fits))
    return made(
      tunnel.fits,
      'tunnel',
      `By this arithmetic, ${mss(tunnel.fits)} are right, if nothing on the way is narrower than ${USUAL_MTU}.`,
    );
  const guess = passed >= LEAST_V6 || size <= LEAST_V6 ? Math.max(passed, LEAST_V4) : LEAST_V6;
  return made(guess, 'guess', `What fits is not told: ${mss(guess)} are a guess that is on the safe side; measure it.`);
}

function tunnelOf(hole: BlackHole, paths: Paths): NarrowTunnel | null {
  for (const place of tunnelPlaces(hole)) {
    const placed = tunnelAt(place, paths);
    if (placed) return placed.tunnel;
  }
  return null;
}

function remediesOf(hole: BlackHole, tunnel: NarrowTunnel | null, { mtu, mss, by }: Advice, confidence: BlackHole['confidence']): Remedy[] {
  const sender = senderOf(hole).ip;
  const receiver = receiverOf(hole).ip;
  const where =
    hole.proof.kind === 'missing'
      ? `at the sender (${sender})`
      : tunnel === null
        ? 'on all interfaces of the router that leads into the tunnel'
        : 'on both sides of the tunnel';
  return [
    ...(lostAt(hole) === 'sender' ? [heedIcmp(isIpv6Text(sender))] : []),
    ...blackHoleRemedies({ tunnel, mtu, mss, lost: hole.size, isV6: isIpv6Text(sender), sender, receiver, isNamed: by === 'icmp' }),
    ...(confidence === 'certain' ? [] : [captureMore(sender, receiver, where)]),
  ];
}

function ruledOut(hole: BlackHole): string[] {
  const { proof, passed, size } = hole;
  if (proof.kind === 'missing')
    return [
      `Random loss: what is missing is nothing but full segments${proof.alive ? ', and it does not come again' : ''}.`,
      ...(proof.alive ? ['The sender is gone: it still sends.'] : []),
      'The capture missed them: they are not acknowledged either.',
    ];
  const { stuck } = proof;
  return [
    `Random loss: the same segment is lost ${stuck.retransmissionCount + 1} times${passed > 0 ? `, packets of up to ${passed} octets are not` : ''}.`,
    `A firewall or the receiver's host drops the connection: nothing of ${size} octets was ever acknowledged in this direction.`,
    ...(stuck.lifeSigns > 0 ? [`The receiver is gone${hole.doubt === null ? ', or an outage' : ''}: its packets still come.`] : []),
    'A closed window: the receiver has room.',
    'Path MTU discovery at work: the sender does not send smaller packets.',
  ].filter((line) => !(stuck.acked && line.startsWith('Path MTU')));
}

function evidenceOf(all: readonly BlackHole[]): Evidence {
  const evidence = new Evidence();
  for (const { connection, sighting, ofA, proof, size } of all) {
    const { synOfA, synOfB, mssOfA, mssOfB } = sighting;
    if (synOfA) evidence.add('syn', synOfA, mssOfA === null ? 'without MSS' : `MSS ${mssOfA}`);
    if (synOfB) evidence.add('syn', synOfB, mssOfB === null ? 'without MSS' : `MSS ${mssOfB}`);
    if (proof.kind === 'missing') {
      evidence.add('gap', proof.gap.stamp, `${proof.length} octets are missing before it`);
      if (proof.alive) evidence.add('alive', proof.alive);
      continue;
    }
    const { stuck, unheeded } = proof;
    evidence.add('stuck', stuck.first, `${size} octets`);
    for (const stamp of stuck.retransmissions) evidence.add('again', stamp, `${size} octets`);
    for (const { stamp, mtu } of unheeded.length > 0 ? unheeded : connection.tooBig.filter((each) => each.ofA === ofA))
      evidence.add('too-big', stamp, `MTU ${mtu}`);
    if (stuck.firstLife) evidence.add('alive', stuck.firstLife);
    if (stuck.lastLife) evidence.add('alive', stuck.lastLife);
    if (stuck.acked) evidence.add('acknowledged', stuck.acked.stamp, `in ${stuck.acked.size} octets`);
  }
  return evidence;
}
