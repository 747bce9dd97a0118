import {
  bgpUpdate,
  type Capture,
  EthernetCapture,
  echoReply,
  echoRequest,
  hostUnreachable,
  type NetworkPacket,
  octets,
  portUnreachable,
  RawCapture,
  TcpFlags,
  tcp,
  timeExceeded,
  udp,
  vrrp,
  vrrpMac,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'route-flap';
const SOURCE = '192.0.2.10';
const TARGET = '203.0.113.9';
const FIRST = '192.0.2.1';
/** The two ways, of two routers each; behind them the last router. */
const BY_TWO = ['198.51.100.2', '198.51.100.12'] as const;
const BY_THREE = ['198.51.100.3', '198.51.100.13'] as const;
const LAST = '198.51.100.4';

/** The hops of one path, the target last. */
type Path = readonly string[];
const ONE_WAY: Path = [FIRST, ...BY_TWO, LAST, TARGET];
const OTHER_WAY: Path = [FIRST, ...BY_THREE, LAST, TARGET];
/** As ONE_WAY, but for an address of one hop. */
const ONE_ROUTER: Path = [FIRST, BY_THREE[0], BY_TWO[1], LAST, TARGET];

interface Probing {
  /** Path of the probes of a cycle. */
  by: (cycle: number, probe: number) => Path;
  cycles: number;
  /** What is sent, `icmp` unless said; UDP with ports of its own for each probe, or with the same ones. */
  with?: 'icmp' | 'udp' | 'udp-one-flow';
  from?: string;
  to?: string;
  /** Seconds between cycles. */
  every?: number;
  /** Who refuses the probes of a cycle instead of handing them on, if anyone does. */
  refuses?: (cycle: number) => string | undefined;
  /** TTL of a router's errors, and seconds that it takes for them. */
  answers?: (router: string) => { ttl?: number; after?: number };
  /** What happens at the beginning of a cycle. */
  before?: (cycle: number) => void;
}

type Send = (packet: NetworkPacket, isProbe: boolean) => number;

const onCard =
  (capture: EthernetCapture): Send =>
  (packet, isProbe) =>
    capture.send(packet, isProbe ? { source: mac(10), destination: mac(1) } : { source: mac(1), destination: mac(10) });
const inTunnel =
  (capture: RawCapture): Send =>
  (packet) =>
    capture.send(packet);

/** As mtr does it: all TTLs, once a second. Gives the frames of the answers, by cycle and hop. */
function mtr(
  capture: Capture,
  send: Send,
  { by, cycles, with: kind = 'icmp', from = SOURCE, to = TARGET, every = 1, refuses, answers: how, before }: Probing,
): number[][] {
  const answers: number[][] = [];
  let probes = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    before?.(cycle);
    const row: number[] = [];
    for (let ttl = 1; ; ttl++) {
      const path = by(cycle, probes);
      const router = path[ttl - 1] ?? to;
      const refuser = refuses?.(cycle);
      const isRefused = refuser !== undefined && path.indexOf(refuser) < ttl - 1;
      const probe = probeOf(kind, { from, to, ttl, number: ++probes });
      send(probe, true);
      const { ttl: left = 64, after = 0.004 } = how?.(router) ?? {};
      capture.wait(after);
      const isThere = router === to;
      const answer = isRefused
        ? hostUnreachable({ from: refuser, to: from, quoted: probe })
        : isThere
          ? answerOf(kind, probe, { from: to, to: from, number: probes })
          : timeExceeded({ from: router, to: from, quoted: probe, ttl: left });
      row.push(send(answer, false));
      capture.wait(0.02);
      if (isThere) break;
    }
    answers.push(row);
    capture.wait(every - 0.1);
  }
  return answers;
}

function probeOf(
  kind: Probing['with'],
  { from, to, ttl, number }: { from: string; to: string; ttl: number; number: number },
): NetworkPacket {
  if (kind === 'icmp') return echoRequest({ from, to, id: 7, seq: number, ttl, ident: 4000 + number });
  const ports = kind === 'udp' ? { source: 33_000 + number, destination: 33_434 + number } : { source: 33_000, destination: 33_434 };
  const payload = octets(number >> 8, number & 255);
  return udp({ from: `${from}:${ports.source}`, to: `${to}:${ports.destination}`, payload, ttl, ident: 4000 + number });
}

const answerOf = (
  kind: Probing['with'],
  quoted: NetworkPacket,
  { from, to, number }: { from: string; to: string; number: number },
): NetworkPacket => (kind === 'icmp' ? echoReply({ from, to, id: 7, seq: number }) : portUnreachable({ from, to, quoted }));

/** Which way it goes, a letter a cycle. */
const inTurns =
  (turns: string): Probing['by'] =>
  (cycle) =>
    turns[cycle] === 'b' ? OTHER_WAY : ONE_WAY;
const row = (lengths: readonly number[]): string => lengths.map((length, i) => (i % 2 === 0 ? 'a' : 'b').repeat(length)).join('');
const FLAPPING = row([6, 6, 6, 6, 6]);

const oneAlone: Probing['by'] = (cycle) => (FLAPPING[cycle] === 'b' ? ONE_ROUTER : ONE_WAY);

const flap = (rest: Parameters<typeof finding>[2] = {}) => finding(KIND, TARGET, { severity: 'warning', confidence: 'likely', ...rest });

function played(probing: Probing): EthernetCapture {
  const capture = new EthernetCapture();
  mtr(capture, onCard(capture), probing);
  return capture;
}

/** Drawn once: a fair coin for each probe. */
const COIN = 'abbababbbaabaaababbabbaaabababbbabaabbabaaabbbab';

export const scenarios: Scenario[] = [
  incident(KIND, 'a route that changes every few seconds', 'two hops of the way there, and back, again and again', () => {
    const capture = new EthernetCapture();
    const answers = mtr(capture, onCard(capture), { by: inTurns(FLAPPING), cycles: 30 });
    const at = (cycle: number): number => answers[cycle]?.[1] ?? 0;
    const details = { paths: [ONE_WAY, OTHER_WAY], source: SOURCE, protocol: 'icmp', hops: [2, 3], changes: 4, probes: 150, events: [] };
    return { capture, expect: [flap({ count: 150, details, evidenceFrames: [at(6), at(12), at(18), at(24)] })] };
  }),
  incident(KIND, 'inside a tunnel, UDP of one flow', 'neither MACs nor echoes are needed', () => {
    const capture = new RawCapture();
    mtr(capture, inTunnel(capture), { by: inTurns(FLAPPING), cycles: 30, with: 'udp-one-flow' });
    return { capture, expect: [flap({ details: { protocol: 'udp', hops: [2, 3], changes: 4 } })] };
  }),
  incident(KIND, 'IPv6', 'the same', () => {
    const capture = new EthernetCapture();
    const six = (path: Path): Path => path.map((ip) => (ip === TARGET ? '2001:db8:9::9' : `2001:db8::${ip.split('.').join(':')}`));
    const by: Probing['by'] = (cycle, probe) => six(inTurns(FLAPPING)(cycle, probe));
    mtr(capture, onCard(capture), { by, cycles: 30, from: '2001:db8::10', to: '2001:db8:9::9' });
    return { capture, expect: [finding(KIND, '2001:db8:9::9', { confidence: 'likely', details: { hops: [2, 3], changes: 4 } })] };
  }),
  incident(KIND, 'one way is longer', 'the target is a hop farther, too', () => {
    const shorter: Path = [FIRST, BY_THREE[0], LAST, TARGET];
    const capture = played({ by: (cycle) => (FLAPPING[cycle] === 'b' ? shorter : ONE_WAY), cycles: 30 });
    return { capture, expect: [flap({ details: { changes: 4 } })] };
  }),
  incident(KIND, 'few probes', 'a router that balances packet by packet may look so, now and then: possible', () => {
    const capture = played({ by: inTurns(row([4, 4, 3, 3])), cycles: 14 });
    return { capture, expect: [flap({ confidence: 'possible', details: { changes: 3 } })] };
  }),
  incident(KIND, 'one way for long, the other for short', 'what counts is that each stays', () => {
    const capture = played({ by: inTurns(row([20, 4, 20, 4, 20])), cycles: 68 });
    return { capture, expect: [flap({ details: { changes: 4 } })] };
  }),
  incident(KIND, 'one hop alone', 'the hops behind it stay: it may be one router that answers from two of its addresses; possible', () => {
    const capture = played({ by: oneAlone, cycles: 30 });
    const details = { paths: [ONE_WAY, ONE_ROUTER], hops: [2], changes: 4 };
    return { capture, expect: [flap({ confidence: 'possible', details })] };
  }),
  incident(KIND, 'one hop alone, over ways of another length', 'its answers arrive with another TTL', () => {
    const capture = played({ by: oneAlone, cycles: 30, answers: (router) => (router === BY_THREE[0] ? { ttl: 62 } : {}) });
    return { capture, expect: [flap({ details: { hops: [2], changes: 4 } })] };
  }),
  incident(KIND, 'one hop alone, in other places', 'one of the two takes longer, always', () => {
    const capture = played({ by: oneAlone, cycles: 30, answers: (router) => (router === BY_THREE[0] ? { after: 0.01 } : {}) });
    return { capture, expect: [flap({ details: { hops: [2], changes: 4 } })] };
  }),
  incident(KIND, 'and the target is down at times', 'who refuses is no hop of its own', () => {
    const capture = played({ by: inTurns(FLAPPING), cycles: 30, refuses: (cycle) => (cycle % 12 < 3 ? LAST : undefined) });
    return { capture, expect: [flap({ details: { paths: [ONE_WAY, OTHER_WAY], hops: [2, 3], changes: 4 } })] };
  }),
  incident(KIND, 'BGP announces and withdraws at these times', 'that is told', () => {
    const capture = new EthernetCapture();
    const told: number[] = [];
    let seq = 1000;
    const peer = (payload: Uint8Array): number => {
      const segment = tcp({ from: '192.0.2.1:179', to: `${SOURCE}:40000`, flags: TcpFlags.Ack | TcpFlags.Psh, seq, ack: 1, payload });
      seq += payload.length;
      return capture.send(segment, { source: mac(1), destination: mac(10) });
    };
    const before = (cycle: number): void => {
      if (cycle === 0 || cycle % 6 !== 0) return;
      const isThere = FLAPPING[cycle] === 'b';
      const route = { origin: 'igp', asPath: [64_512], nextHop: FIRST, announced: ['203.0.113.0/24'] } as const;
      told.push(peer(bgpUpdate(isThere ? route : { withdrawn: ['203.0.113.0/24'] })));
      capture.wait(0.2);
    };
    mtr(capture, onCard(capture), { by: inTurns(FLAPPING), cycles: 30, before });
    const events = told.map((frame, i) =>
      i % 2 === 0
        ? `BGP: 192.0.2.1 announces 203.0.113.0/24 via ${FIRST} in frame ${frame}`
        : `BGP: 192.0.2.1 withdraws 203.0.113.0/24 via ${FIRST} in frame ${frame}`,
    );
    return { capture, expect: [flap({ details: { changes: 4, events }, evidenceFrames: told })] };
  }),
  incident(KIND, 'a virtual router changes hands at these times', 'that is told', () => {
    const capture = new EthernetCapture();
    let last = 0;
    const before = (cycle: number): void => {
      const from = FLAPPING[cycle] === 'b' ? '192.0.2.3' : '192.0.2.2';
      const frame = capture.send(vrrp({ from, virtualRouter: 5, priority: 100, addresses: [FIRST] }), {
        source: vrrpMac(5),
        destination: '01:00:5e:00:00:12',
      });
      if (cycle % 6 === 0) last = frame;
    };
    mtr(capture, onCard(capture), { by: inTurns(FLAPPING), cycles: 30, before });
    return {
      capture,
      expect: [flap({ details: { changes: 4, events: [`VRRP group 5: master 192.0.2.2 in frame ${last}`] }, evidenceFrames: [last] })],
    };
  }),

  twin(KIND, 'repaired', 'one way, all the time', () => ({ capture: played({ by: () => ONE_WAY, cycles: 30 }) })),
  twin(KIND, 'the target is down at times', 'the last router says so, from where it always is', () => ({
    capture: played({ by: () => ONE_WAY, cycles: 30, refuses: (cycle) => (FLAPPING[cycle] === 'b' ? LAST : undefined) }),
  })),
  twin(KIND, 'filtered at times', 'a router in the middle refuses what goes on from there', () => ({
    capture: played({ by: () => ONE_WAY, cycles: 30, refuses: (cycle) => (FLAPPING[cycle] === 'b' ? BY_TWO[0] : undefined) }),
  })),
  twin(KIND, 'a failover', 'it goes over once', () => ({ capture: played({ by: inTurns(row([15, 15])), cycles: 30 }) })),
  twin(KIND, 'a failover and its end', 'there and back', () => ({ capture: played({ by: inTurns(row([10, 10, 10])), cycles: 30 }) })),
  twin(KIND, 'a failover now and then', 'three changes in more than an hour', () => {
    const turns = row([20, 480, 480, 20]);
    return { capture: played({ by: (cycle) => [turns[cycle] === 'b' ? BY_THREE[0] : BY_TWO[0], TARGET], cycles: 1000, every: 4 }) };
  }),
  twin(KIND, 'packet by packet, at random', 'no address stays', () => ({
    capture: played({ by: (_, probe) => inTurns(COIN)(probe % COIN.length, probe), cycles: 40 }),
  })),
  twin(KIND, 'packet by packet, in turns', 'it changes with each probe', () => ({
    capture: played({ by: (cycle) => (cycle % 2 === 0 ? ONE_WAY : OTHER_WAY), cycles: 30 }),
  })),
  twin(KIND, 'packet by packet, nine to one', 'the second address never stays', () => ({
    capture: played({ by: (cycle) => ([4, 11, 25, 31, 47, 58].includes(cycle) ? OTHER_WAY : ONE_WAY), cycles: 60 }),
  })),
  twin(KIND, 'packet by packet, at random, one flow', 'no address stays, though nothing but the time differs', () => ({
    capture: played({ by: (_, probe) => inTurns(COIN)(probe % COIN.length, probe), cycles: 40, with: 'udp-one-flow' }),
  })),
  twin(KIND, 'packet by packet, nine to one, one flow', 'the second address never stays', () => ({
    capture: played({ by: (cycle) => ([4, 11, 25, 31, 47, 58].includes(cycle) ? OTHER_WAY : ONE_WAY), cycles: 60, with: 'udp-one-flow' }),
  })),
  twin(KIND, 'equal-cost paths', 'each probe is a flow of its own', () => ({
    capture: played({ by: (_, probe) => inTurns(COIN)(probe % COIN.length, probe), cycles: 30, with: 'udp' }),
  })),
  twin(KIND, 'always another router', 'it never comes back to one', () => {
    const by: Probing['by'] = (cycle) => [FIRST, `198.51.100.${20 + Math.floor(cycle / 6)}`, LAST, TARGET];
    return { capture: played({ by, cycles: 30 }) };
  }),
  twin(KIND, 'two targets by two ways', 'each keeps its own', () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 4; i++) {
      mtr(capture, onCard(capture), { by: () => ONE_WAY, cycles: 4 });
      mtr(capture, onCard(capture), { by: () => [FIRST, ...BY_THREE, LAST, '203.0.113.10'], cycles: 4, to: '203.0.113.10' });
    }
    return { capture };
  }),
];
