import {
  AnyCapture,
  type Capture,
  EthernetCapture,
  echoRequest,
  forwarded,
  gre,
  hostUnreachable,
  type NetworkPacket,
  octets,
  RawCapture,
  syn,
  timeExceeded,
  udp,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'routing-loop';
/** Where packets come from, the two routers that hand them to each other, and an address that nobody has. */
const SOURCE = '192.0.2.10';
const ONE = '198.51.100.1';
const TWO = '198.51.100.2';
const NOWHERE = '203.0.113.9';
const HALF_A_MILLISECOND = 0.0005;

/** Takes one packet somewhere; gives the frame. */
type Take = (packet: NetworkPacket, hop: number) => number;

const ping = (seq: number, ttl: number, to = NOWHERE): NetworkPacket =>
  echoRequest({ from: SOURCE, to, id: 7, seq, ttl, ident: 4000 + seq });

/** The packet as it is after so many routers. */
function after(packet: NetworkPacket, routers: number): NetworkPacket {
  let left = packet;
  for (let i = 0; i < routers; i++) left = forwarded(left);
  return left;
}

const ttlOf = ({ octets: packet }: NetworkPacket): number => ((packet[0] ?? 0) >> 4 === 6 ? packet[7] : packet[8]) ?? 0;

/** The packet goes from router to router until its TTL is used up; each sighting is `every` hops after the one before. */
function goRound(capture: Capture, packet: NetworkPacket, take: Take, every = 1): number[] {
  const frames: number[] = [];
  for (let hop = 0, left = packet; ; hop++, left = after(left, every)) {
    frames.push(take(left, hop));
    capture.wait(HALF_A_MILLISECOND);
    if (ttlOf(left) <= every) return frames;
  }
}

const link = (hop: number) => (hop % 2 === 0 ? { source: mac(1), destination: mac(2) } : { source: mac(2), destination: mac(1) });
const onLink =
  (capture: EthernetCapture, vlans: number[] = []): Take =>
  (packet, hop) =>
    capture.send(packet, { ...link(hop), vlans });
const inTunnel =
  (capture: RawCapture): Take =>
  (packet) =>
    capture.send(packet);
/** At the first router: out to the second one, and in from it. */
const atRouter =
  (capture: AnyCapture): Take =>
  (packet, hop) =>
    hop % 2 === 0 ? capture.outgoing(packet, 3, mac(1)) : capture.incoming(packet, 3, mac(2));

const error = (from: string, quoted: NetworkPacket, to = SOURCE): NetworkPacket => timeExceeded({ from, to, quoted, ident: 9 });
const loop = (destination: string, rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, destination, { severity: 'warning', confidence: 'certain', count: 1, ...rest });
const MACS = [mac(1), mac(2)];

/** A traceroute from its source: an address a hop, null for silence. */
function trace(capture: EthernetCapture, hops: readonly (string | null)[], identical = false, round = 0): void {
  hops.forEach((hop, i) => {
    const seq = identical ? 1 : round * hops.length + i + 1;
    const probe = echoRequest({ from: SOURCE, to: NOWHERE, id: 7, seq, ttl: i + 1, ident: identical ? 0 : 4000 + seq });
    capture.send(probe, { source: mac(10), destination: mac(1) });
    capture.wait(0.004);
    if (hop !== null) capture.send(error(hop, probe), { source: mac(1), destination: mac(10) });
    capture.wait(0.05);
  });
}

const cycle = (way: readonly (string | null)[], round: readonly (string | null)[], length = 30): (string | null)[] =>
  Array.from({ length }, (_, i) => (i < way.length ? (way[i] ?? null) : (round[(i - way.length) % round.length] ?? null)));

const FIRST_HOP = '192.0.2.1';

export const scenarios: Scenario[] = [
  incident(KIND, 'on the link between two routers', 'each passes once a round in each direction, with other MACs', () => {
    const capture = new EthernetCapture();
    const rounds = [1, 2].map((seq) => goRound(capture, ping(seq, 62), onLink(capture)));
    const [first = []] = rounds;
    // TTL 32 to 30: two of one direction, and one of the other.
    const details = { loop: MACS, packets: 2, passes: 16, step: 2, sources: [SOURCE], timeExceeded: 0 };
    return { capture, expect: [loop(NOWHERE, { count: 2, details, evidenceFrames: [first[30] ?? 0, first[31] ?? 0, first[32] ?? 0] })] };
  }),
  incident(KIND, 'one router tells the source', 'its address is that of the loop, instead of the MACs', () => {
    const capture = new EthernetCapture();
    const packet = ping(1, 63);
    goRound(capture, packet, onLink(capture));
    const told = capture.send(error(TWO, after(packet, 62)), { source: mac(2), destination: mac(1) });
    return { capture, expect: [loop(NOWHERE, { details: { loop: [TWO], timeExceeded: 1 }, evidenceFrames: [told] })] };
  }),
  incident(KIND, 'inside a tunnel', 'raw IP has no MACs: there and back look alike, TTL falls by one', () => {
    const capture = new RawCapture();
    goRound(capture, ping(1, 63), inTunnel(capture));
    return { capture, expect: [loop(NOWHERE, { details: { loop: [], passes: 16, step: 2 } })] };
  }),
  incident(KIND, 'inside a tunnel, one direction', 'the way back is another one: two are gone each time', () => {
    const capture = new RawCapture();
    goRound(capture, ping(1, 40), inTunnel(capture), 2);
    return { capture, expect: [loop(NOWHERE, { details: { loop: [], passes: 16, step: 2 } })] };
  }),
  incident(KIND, 'router on any', 'in and out again by one interface', () => {
    const capture = new AnyCapture();
    goRound(capture, ping(1, 63), atRouter(capture));
    return { capture, expect: [loop(NOWHERE, { details: { packets: 1, step: 2 } })] };
  }),
  incident(KIND, 'router on any, tunnel', 'no MACs, but directions', () => {
    const capture = new AnyCapture();
    goRound(capture, ping(1, 63), (packet, hop) => (hop % 2 === 0 ? capture.outgoing(packet, 4) : capture.incoming(packet, 4)));
    return { capture, expect: [loop(NOWHERE, { details: { loop: [], packets: 1, step: 2 } })] };
  }),
  incident(KIND, 'three routers in a triangle', 'a link sees one direction alone, and three gone each time', () => {
    const capture = new EthernetCapture();
    goRound(capture, ping(1, 61), (packet) => capture.send(packet, link(0)), 3);
    return { capture, expect: [loop(NOWHERE, { details: { loop: MACS, step: 3 } })] };
  }),
  incident(KIND, 'IPv6', 'no identification: flow label and contents', () => {
    const capture = new EthernetCapture();
    goRound(capture, echoRequest({ from: '2001:db8::10', to: '2001:db8:9::1', id: 7, seq: 1, ttl: 63 }), onLink(capture));
    return { capture, expect: [loop('2001:db8:9::1', { details: { loop: MACS, step: 2 } })] };
  }),
  incident(KIND, 'TCP without identification', 'ports, sequence and checksum tell', () => {
    const capture = new EthernetCapture();
    goRound(capture, syn(`${SOURCE}:40000`, `${NOWHERE}:443`, 1000, { ttl: 63, ident: 0 }), onLink(capture));
    return { capture, expect: [loop(NOWHERE)] };
  }),
  incident(KIND, 'a capture that misses one round', 'twice as much is gone once', () => {
    const capture = new EthernetCapture();
    goRound(capture, ping(1, 63), (packet, hop) => ([50, 51].includes(hop) ? 0 : onLink(capture)(packet, hop)));
    return { capture, expect: [loop(NOWHERE, { details: { step: 2 } })] };
  }),
  incident(KIND, 'on a mirror that shows everything twice', 'copies have the same TTL and count once', () => {
    const capture = new EthernetCapture();
    goRound(capture, ping(1, 63), (packet, hop) => {
      onLink(capture)(packet, hop);
      return onLink(capture)(packet, hop);
    });
    return { capture, expect: [loop(NOWHERE, { details: { packets: 1, passes: 16, step: 2 } })] };
  }),
  incident(KIND, 'inside GRE', 'told with its tunnel', () => {
    const capture = new EthernetCapture();
    goRound(capture, ping(1, 63), (packet, hop) => {
      const [from, to] = hop % 2 === 0 ? [ONE, TWO] : [TWO, ONE];
      return capture.send(gre(from, to, packet), link(hop));
    });
    const expected = { ...loop(NOWHERE, { details: { step: 2 }, encapsulation: ['gre'] }), id: `${KIND}:${NOWHERE}@gre` };
    return { capture, expect: [expected] };
  }),
  incident(KIND, 'several destinations', 'one finding each', () => {
    const capture = new EthernetCapture();
    for (const to of [NOWHERE, '203.0.113.10']) goRound(capture, ping(1, 63, to), onLink(capture));
    return { capture, expect: [loop(NOWHERE), loop('203.0.113.10')] };
  }),
  incident(KIND, 'a traceroute alone', 'the hops repeat to the end: likely', () => {
    const capture = new EthernetCapture();
    trace(capture, cycle([FIRST_HOP], [ONE, TWO]));
    const details = { loop: [ONE, TWO], packets: 0, step: 2, sources: [SOURCE] };
    return { capture, expect: [loop(NOWHERE, { confidence: 'likely', count: 30, details })] };
  }),
  incident(KIND, 'a traceroute with silent hops', 'routers send few errors a second', () => {
    const capture = new EthernetCapture();
    const hops = cycle([FIRST_HOP], [ONE, TWO]).map((hop, i) => (i > 8 && i % 3 === 0 ? null : hop));
    trace(capture, hops);
    return { capture, expect: [loop(NOWHERE, { confidence: 'likely', count: 30, details: { loop: [ONE, TWO] } })] };
  }),
  incident(KIND, 'mtr, one router of the loop is silent', 'one address, and silence that is asked again and again: possible', () => {
    const capture = new EthernetCapture();
    for (let round = 0; round < 3; round++) trace(capture, cycle([FIRST_HOP], [ONE, null]), false, round);
    const details = { loop: [ONE], packets: 0, step: 2, sources: [SOURCE] };
    return { capture, expect: [loop(NOWHERE, { confidence: 'possible', count: 90, details })] };
  }),
  incident(KIND, 'a traceroute on the link of the loop', 'probes go round, too: certain, and the hops are known', () => {
    const capture = new EthernetCapture();
    for (let ttl = 1; ttl <= 30; ttl++) {
      const probe = ping(ttl, ttl);
      goRound(capture, probe, onLink(capture));
      // Who drops it last is on the link's other side.
      const isOne = ttl % 2 === 0;
      capture.send(error(isOne ? ONE : TWO, after(probe, ttl - 1)), isOne ? link(0) : link(1));
      capture.wait(0.05);
    }
    return { capture, expect: [loop(NOWHERE, { count: 26, details: { packets: 26, step: 2 } })] };
  }),

  twin(KIND, 'repaired by a blackhole route', 'a router says that nobody has the address', () => {
    const capture = new EthernetCapture();
    for (const seq of [1, 2, 3]) {
      const packet = ping(seq, 20);
      capture.send(packet, link(0));
      capture.wait(0.001).send(hostUnreachable({ from: TWO, to: SOURCE, quoted: packet }), link(1));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'a mirror', 'the same TTL each time', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 10; i++) capture.wait(0.0001).send(ping(1, 20), link(0));
    return { capture };
  }),
  twin(KIND, 'a router on two cards', 'in with one TTL, out with one less', () => {
    const capture = new AnyCapture();
    for (const seq of [1, 2, 3, 4]) {
      capture.incoming(ping(seq, 20), 2, mac(1));
      capture.wait(0.0001).outgoing(ping(seq, 19), 3, mac(3));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'led through machines on one segment', 'each step has its own MACs', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 6; i++) capture.wait(0.0001).send(ping(1, 30 - i), { source: mac(i + 1), destination: mac(i + 2) });
    return { capture };
  }),
  twin(KIND, 'led through machines behind one tunnel', 'fewer times than a loop shows, without MACs', () => {
    const capture = new RawCapture();
    for (let i = 0; i < 6; i++) capture.wait(0.0001).send(ping(1, 30 - i));
    return { capture };
  }),
  twin(KIND, 'over one link in two VLANs', 'between the same MACs, but in other networks', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 6; i++) capture.wait(0.0001).send(ping(1, 30 - i * 2), { ...link(0), vlans: [10 + i] });
    return { capture };
  }),
  twin(KIND, 'retransmissions', 'the same segment again and again, with the same TTL', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 6; i++) capture.wait(0.2 * i).send(syn(`${SOURCE}:40000`, `${NOWHERE}:443`, 1000, { ttl: 20, ident: 0 }), link(0));
    return { capture };
  }),
  twin(KIND, 'mtr tries again', 'each probe has its own sequence number', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 60; i++) capture.wait(0.01).send(ping(i, 30 - (i % 15) * 2), link(0));
    return { capture };
  }),
  twin(KIND, 'probes that differ in nothing but their TTL', 'it rises', () => {
    const capture = new EthernetCapture();
    for (let round = 0; round < 3; round++) {
      trace(capture, [FIRST_HOP, ONE, TWO, null, null, null], true);
      capture.wait(5);
    }
    return { capture };
  }),
  twin(KIND, 'the same from far to near', 'it falls by one, between the same machines', () => {
    const capture = new EthernetCapture();
    for (let ttl = 12; ttl > 0; ttl--) {
      const probe = udp({ from: `${SOURCE}:40000`, to: `${NOWHERE}:33434`, payload: octets(1, 2), ttl, ident: 0 });
      capture.send(probe, { source: mac(10), destination: mac(1) });
      capture.wait(0.003).send(error(`198.51.100.${ttl}`, probe), { source: mac(1), destination: mac(10) });
    }
    return { capture };
  }),
  twin(KIND, 'looking for the right TTL', 'it falls by less each time', () => {
    const capture = new EthernetCapture();
    for (const ttl of [32, 16, 8, 4, 2])
      capture.wait(0.5).send(udp({ from: `${SOURCE}:4000`, to: `${NOWHERE}:5000`, payload: octets(1), ttl, ident: 0 }), link(0));
    return { capture };
  }),
  twin(KIND, 'the same packet, seconds apart', 'a sender whose path changes now and then; rounds take milliseconds', () => {
    const capture = new EthernetCapture();
    for (const ttl of [28, 26, 24, 22])
      capture.wait(10).send(udp({ from: `${SOURCE}:4000`, to: `${NOWHERE}:5000`, payload: octets(1), ttl, ident: 0 }), link(0));
    return { capture };
  }),
  twin(KIND, 'discovery with a small TTL', 'the same packet to a group, again and again', () => {
    const capture = new EthernetCapture();
    const search = udp({ from: `${SOURCE}:1900`, to: '239.255.255.250:1900', payload: octets(1, 2, 3), ttl: 2, ident: 0 });
    for (let i = 0; i < 8; i++) capture.wait(0.1).send(search, { source: mac(10), destination: '01:00:5e:7f:ff:fa' });
    return { capture };
  }),
  twin(KIND, 'in and around a tunnel', 'in front of it, inside, and behind it: three sightings of one packet', () => {
    const capture = new AnyCapture();
    for (const seq of [1, 2, 3]) {
      capture.incoming(ping(seq, 20), 2, mac(1));
      capture.wait(0.0001).outgoing(ping(seq, 19), 4);
      capture.wait(0.0001).outgoing(gre(ONE, TWO, ping(seq, 19)), 3, mac(3));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'a traceroute whose path becomes longer', 'hops come twice, and others behind them', () => {
    const capture = new EthernetCapture();
    trace(capture, [FIRST_HOP, ONE, TWO, ONE, TWO, '198.51.100.3', '198.51.100.4', null, null]);
    return { capture };
  }),
  twin(KIND, 'a traceroute whose path becomes longer, and ends in silence', 'three hops come twice', () => {
    const capture = new EthernetCapture();
    const three = [ONE, TWO, '198.51.100.3'];
    trace(capture, [FIRST_HOP, ...three, ...three]);
    return { capture };
  }),
  twin(KIND, 'a traceroute that one router ends', 'it answers for all behind it', () => {
    const capture = new EthernetCapture();
    trace(capture, cycle([FIRST_HOP, ONE], [TWO]));
    return { capture };
  }),
  twin(KIND, 'a traceroute that one router ends, with few errors a second', 'every other probe goes unanswered', () => {
    const capture = new EthernetCapture();
    trace(capture, cycle([FIRST_HOP], [ONE, null]));
    return { capture };
  }),
  twin(KIND, 'a traceroute into silence', 'a filter: nothing repeats', () => {
    const capture = new EthernetCapture();
    trace(capture, cycle([FIRST_HOP, ONE, TWO], [null]));
    return { capture };
  }),
];
