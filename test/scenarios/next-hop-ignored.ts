import type { RouteDocument, TincDocument, WireguardDocument } from '../../src/context/document.ts';
import {
  AnyCapture,
  bgpEndOfRib,
  bgpNotification,
  bgpUpdate,
  type Capture,
  EthernetCapture,
  echoReply,
  echoRequest,
  type NetworkPacket,
  OldAnyCapture,
  PacketType,
  RawCapture,
  timeExceeded,
} from '../craft/index.ts';
import { BgpConversation, type Speaker } from '../tools/bgp.ts';
import { contextOf, type HostFields } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'next-hop-ignored';
/** The router with the tunnel, and the nodes in it: a relay, two exits to the same destinations. */
const HOME = '10.2.30.41';
const RELAY = '10.2.30.91';
const ONE = '10.2.30.61';
const TWO = '10.2.30.71';
const PREFIX = '203.0.113.0/24';
const FAR = '203.0.113.10';
/** Behind the exits. */
const BEHIND_ONE = '198.51.100.17';
const BEHIND_TWO = '198.51.100.33';

const home: Speaker = { ip: HOME, as: 64_512, id: HOME };
const exit = (ip: string): Speaker => ({ ip, as: 64_520, id: ip });

type Path = readonly (string | null)[];
const BY_ONE: Path = [RELAY, ONE, BEHIND_ONE, FAR];
const BY_TWO: Path = [RELAY, TWO, BEHIND_TWO, FAR];

/** Takes packets of the tunnel, as captures of each kind do. */
interface Tunnel {
  readonly capture: Capture;
  wait(seconds: number): unknown;
  send(packet: NetworkPacket, isIn?: boolean): number;
}

function raw(): Tunnel {
  const capture = new RawCapture();
  return { capture, wait: (seconds) => capture.wait(seconds), send: (packet) => capture.send(packet) };
}

function any(): Tunnel {
  const capture = new AnyCapture();
  const send = (packet: NetworkPacket, isIn = false): number => (isIn ? capture.incoming(packet, 3) : capture.outgoing(packet, 3));
  return { capture, wait: (seconds) => capture.wait(seconds), send };
}

function oldAny(): Tunnel {
  const capture = new OldAnyCapture();
  const send = (packet: NetworkPacket, isIn = false): number =>
    capture.cooked({ packetType: isIn ? PacketType.ToUs : PacketType.FromUs, hardware: 65_534 }, packet);
  return { capture, wait: (seconds) => capture.wait(seconds), send };
}

/** A tap device, in which a gateway has a MAC. */
function tap(): Tunnel {
  const capture = new EthernetCapture();
  const send = (packet: NetworkPacket, isIn = false): number =>
    capture.send(packet, isIn ? { source: mac(2), destination: mac(1) } : { source: mac(1), destination: mac(2) });
  return { capture, wait: (seconds) => capture.wait(seconds), send };
}

interface Announced {
  by: string;
  med?: number;
  as?: number;
  nextHop?: string;
  prefix?: string;
  isPartial?: boolean;
}

/** BGP sessions of home with exits, each of which announces the prefix. */
function announce(tunnel: Tunnel, ...routes: Announced[]): BgpConversation[] {
  return routes.map(({ by, med = 100, as = 64_520, nextHop = by, prefix = PREFIX, isPartial = false }, i) => {
    const session = new BgpConversation(tunnel, home, { ...exit(by), as }, { port: 40_000 + i });
    if (!isPartial) session.establish();
    session.say('server', bgpUpdate({ announced: [prefix], nextHop, asPath: [as], med, as4: true }));
    if (!isPartial) session.say('server', bgpEndOfRib());
    tunnel.wait(0.1);
    return session;
  });
}

/** What an exit says later: another MED, another community, or nothing of the prefix any more. */
const again = (by: string, med: number, communities: string[] = []): Uint8Array =>
  bgpUpdate({ announced: [PREFIX], nextHop: by, asPath: [64_520], med, communities, as4: true });
const WITHDRAWN = bgpUpdate({ withdrawn: [PREFIX], as4: true });

const MED: Announced[] = [
  { by: ONE, med: 520 },
  { by: TWO, med: 510 },
];

interface Probing {
  by?: Path | ((cycle: number) => Path);
  from?: string;
  to?: string;
  cycles?: number;
  id?: number;
}

/** mtr: gives frames of the first cycle, a probe and its answer (0 without) a hop. */
function mtr(
  tunnel: Tunnel,
  { by = BY_ONE, from = HOME, to = FAR, cycles = 3, id = 7 }: Probing = {},
): { probe: number; answer: number }[] {
  const frames: { probe: number; answer: number }[] = [];
  let seq = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    const path = typeof by === 'function' ? by(cycle) : by;
    for (const [i, router] of path.entries()) {
      const fields = { from, to, id, seq: ++seq };
      const probe = echoRequest({ ...fields, ttl: i + 1 });
      const sent = tunnel.send(probe);
      tunnel.wait(0.004);
      let answer = 0;
      if (router === to) answer = tunnel.send(echoReply({ from: to, to: from, id, seq }), true);
      else if (router !== null) answer = tunnel.send(timeExceeded({ from: router, to: from, quoted: probe }), true);
      if (cycle === 0) frames.push({ probe: sent, answer });
      tunnel.wait(0.1);
    }
    tunnel.wait(0.6);
  }
  // A probe that nobody answers has had its time.
  tunnel.wait(5);
  return frames;
}

const ROUTE: RouteDocument = { dst: PREFIX, gateway: TWO, dev: 'tun24' };
const TINC: TincDocument = {
  interface: 'tun24',
  name: 'home',
  mode: 'router',
  subnets: [
    { subnet: `${HOME}/32`, weight: 10, owner: 'home' },
    { subnet: `${ONE}/32`, weight: 10, owner: 'one' },
    { subnet: `${TWO}/32`, weight: 10, owner: 'two' },
    { subnet: '0.0.0.0/0', weight: 10, owner: 'one' },
    { subnet: '0.0.0.0/0', weight: 10, owner: 'two' },
  ],
};

const host = ({ routes = [ROUTE], tinc = [TINC], ...said }: Partial<HostFields> = {}): HostFields => ({
  name: 'home',
  cards: [
    { name: 'eth0', ifindex: 2, mac: mac(0x10), addresses: ['192.0.2.10/24'] },
    { name: 'tun24', ifindex: 3, kind: 'tun', addresses: [`${HOME}/24`] },
  ],
  routes,
  tinc,
  ...said,
});
const context = (said: Partial<HostFields> = {}, ...others: HostFields[]) => ({ context: contextOf([host(said), ...others]) });

const KEYS = { one: 'b25lb25lb25lb25lb25lb25lb25lb25lb25lb25lb24=', two: 'dHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHc=' };
const WIREGUARD: WireguardDocument = {
  interface: 'tun24',
  publicKey: 'aG9tZWhvbWVob21laG9tZWhvbWVob21laG9tZWhvbWU=',
  listenPort: 51_820,
  fwmark: 'off',
  peers: [
    {
      publicKey: KEYS.one,
      endpoint: '198.51.100.18:51820',
      allowedIps: `${ONE}/32,0.0.0.0/0`,
      latestHandshake: 0,
      persistentKeepalive: 'off',
    },
    { publicKey: KEYS.two, endpoint: '198.51.100.34:51820', allowedIps: `${TWO}/32`, latestHandshake: 0, persistentKeepalive: 'off' },
  ],
};

const ignored = (destination: string, rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, destination, {
    severity: 'error',
    confidence: 'certain',
    ...rest,
    details: { expected: { ip: TWO, from: 'context' }, observed: { ip: ONE, ttl: 2 }, link: 'layer3', source: HOME, ...rest.details },
  });

const byBgp = { expected: { ip: TWO, from: 'bgp' }, decidingStep: 'med', mechanism: 'unknown', candidates: [ONE, TWO] };
const byOption = { expected: { ip: TWO, from: 'option' } };
const OPTION = { expectVia: [`${PREFIX}=${TWO}`] };

/** Nothing is found, with MED announced by both exits, and with the host's context as well. */
function quiet(name: string, why: string, play: (tunnel: Tunnel) => void, make: () => Tunnel = raw): Scenario[] {
  const scenario = (how: string, options?: Scenario['options'], isTold = true): Scenario =>
    twin(KIND, `${name}${how}`, why, () => {
      const tunnel = make();
      if (isTold) announce(tunnel, ...MED);
      play(tunnel);
      return { capture: tunnel.capture, ...(options ? { options } : {}) };
    });
  return [scenario(''), scenario(', with context', context()), scenario(', with --expect-via', OPTION, false)];
}

export const scenarios: Scenario[] = [
  ...[
    { name: 'a tun', make: raw },
    { name: '-i any', make: any },
    { name: '-i any as of old', make: oldAny },
  ].flatMap(({ name, make }) => [
    incident(
      KIND,
      `BGP inside, ${name}`,
      'MED prefers one exit, the path goes by the other one: likely, for policy is not to be seen',
      () => {
        const tunnel = make();
        announce(tunnel, ...MED);
        const frames = mtr(tunnel);
        const evidenceFrames = [frames[1]?.probe ?? 0, frames[1]?.answer ?? 0];
        return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'likely', count: 12, evidenceFrames, details: byBgp })] };
      },
    ),
    incident(KIND, `the host’s route, ${name}`, 'what the host says is what it does: certain', () => {
      const tunnel = make();
      mtr(tunnel);
      const details = { mechanism: 'tinc', interface: 'tun24', candidates: [TWO, ONE], probes: 12 };
      return { capture: tunnel.capture, expect: [ignored(FAR, { details })], options: context() };
    }),
  ]),
  incident(KIND, 'the user says it', 'no candidates are known; the last node of the tunnel is another one: certain', () => {
    const tunnel = raw();
    mtr(tunnel);
    mtr(tunnel, { to: '203.0.113.20', by: [RELAY, ONE, BEHIND_ONE, '203.0.113.20'], id: 8 });
    const related = (ip: string) => ({ related: [`${KIND}:${ip}`], details: byOption });
    return {
      capture: tunnel.capture,
      expect: [ignored(FAR, related('203.0.113.20')), ignored('203.0.113.20', related(FAR))],
      options: OPTION,
    };
  }),
  incident(KIND, 'the user says it for one address', 'a longer prefix counts before a shorter one', () => {
    const tunnel = raw();
    mtr(tunnel);
    return {
      capture: tunnel.capture,
      expect: [ignored(FAR, { details: byOption })],
      options: { expectVia: [`${FAR}=${TWO}`, `default=${ONE}`] },
    };
  }),
  incident(KIND, 'IPv6', 'a next hop of the tunnel’s own network', () => {
    const tunnel = raw();
    const to = '2001:db8:9::7';
    mtr(tunnel, { from: '2001:db8:30::41', to, by: ['2001:db8:30::91', '2001:db8:30::61', '2001:db8:1::1', to] });
    const details = {
      expected: { ip: '2001:db8:30::71', from: 'option' },
      observed: { ip: '2001:db8:30::61', ttl: 2 },
      source: '2001:db8:30::41',
    };
    return { capture: tunnel.capture, expect: [ignored(to, { details })], options: { expectVia: ['2001:db8:9::/48=2001:db8:30::71'] } };
  }),
  incident(KIND, 'WireGuard', 'the prefix belongs to the other peer', () => {
    const tunnel = raw();
    mtr(tunnel, { by: [ONE, BEHIND_ONE, FAR] });
    const details = { observed: { ip: ONE, ttl: 1 }, mechanism: 'wireguard', candidates: [TWO, ONE] };
    return { capture: tunnel.capture, expect: [ignored(FAR, { details })], options: context({ tinc: [], wireguard: [WIREGUARD] }) };
  }),
  incident(KIND, 'without a relay', 'the first hop is the other exit', () => {
    const tunnel = raw();
    announce(tunnel, ...MED);
    mtr(tunnel, { by: [ONE, BEHIND_ONE, FAR] });
    return {
      capture: tunnel.capture,
      expect: [ignored(FAR, { confidence: 'likely', details: { ...byBgp, observed: { ip: ONE, ttl: 1 } } })],
    };
  }),
  incident(KIND, 'loss at the relay', 'it answers only some probes: no fault of its own', () => {
    const tunnel = raw();
    announce(tunnel, ...MED);
    mtr(tunnel, { cycles: 5, by: (cycle) => (cycle === 1 || cycle === 3 ? [null, ...BY_ONE.slice(1)] : BY_ONE) });
    return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'likely', details: byBgp })] };
  }),
  incident(KIND, 'the routers behind the exit are silent', 'who may be behind it is not seen: one level less', () => {
    const tunnel = raw();
    mtr(tunnel, { by: [RELAY, ONE, null, FAR] });
    return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'likely' })], options: context() };
  }),
  incident(KIND, 'the context is younger than the probes', 'routes may have changed: likely', () => {
    const tunnel = raw();
    mtr(tunnel);
    return {
      capture: tunnel.capture,
      expect: [ignored(FAR, { confidence: 'likely' })],
      options: context({ time: '2024-01-15T08:05:00.000000Z' }),
    };
  }),
  incident(KIND, 'the sessions began before the capture', 'other routes may be known: possible', () => {
    const tunnel = raw();
    announce(tunnel, ...MED.map((each) => ({ ...each, isPartial: true })));
    mtr(tunnel);
    return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'possible', details: byBgp })] };
  }),
  incident(
    KIND,
    'the last node of the tunnel is no known next hop',
    'a relay, and the next hop does not answer or does not count: possible',
    () => {
      const tunnel = raw();
      mtr(tunnel, { by: [RELAY, BEHIND_ONE, FAR] });
      const details = { observed: { ip: RELAY, ttl: 1 } };
      return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'possible', details })], options: context() };
    },
  ),
  incident(KIND, 'now by one, now by the other', 'the routes changed meanwhile, or both are right: possible', () => {
    const tunnel = raw();
    announce(tunnel, ...MED);
    mtr(tunnel);
    tunnel.wait(60);
    mtr(tunnel, { by: BY_TWO, id: 9 });
    return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'possible', details: byBgp })] };
  }),
  ...[
    { name: 'the other exit adds a community', later: (one: BgpConversation) => one.say('server', again(ONE, 520, ['64520:7'])) },
    { name: 'the other exit gets better', later: (one: BgpConversation) => one.say('server', again(ONE, 500)) },
    { name: 'the next hop lowers its MED', later: (_one: BgpConversation, two: BgpConversation) => two.say('server', again(TWO, 505)) },
    { name: 'the next hop is withdrawn', later: (_one: BgpConversation, two: BgpConversation) => two.say('server', WITHDRAWN) },
  ].map(({ name, later }) =>
    incident(KIND, `${name} after the probes`, 'the routes that stood when the probes were sent are what counts', () => {
      const tunnel = raw();
      const [one, two] = announce(tunnel, ...MED);
      mtr(tunnel);
      if (one && two) later(one, two);
      tunnel.wait(5);
      return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'likely', count: 12, details: byBgp })] };
    }),
  ),
  incident(KIND, 'the session of the next hop ends after the probes, and comes back', 'its route stood when they were sent', () => {
    const tunnel = raw();
    const [, two] = announce(tunnel, ...MED);
    mtr(tunnel);
    two?.say('server', bgpNotification(6, 4));
    tunnel.wait(5);
    const next = new BgpConversation(tunnel, home, exit(TWO), { port: 40_007 });
    next.establish().say('server', again(TWO, 510), bgpEndOfRib());
    tunnel.wait(1);
    const lost = finding('bgp-session-reset', `${HOME}-${TWO}`);
    return { capture: tunnel.capture, expect: [ignored(FAR, { confidence: 'likely', details: byBgp }), lost] };
  }),
  ...[
    { name: 'a community of the other exit', said: again(ONE, 520, ['64520:7']), confidence: 'likely' },
    { name: 'the other exit gets better', said: again(ONE, 500), confidence: 'possible' },
  ].map(({ name, said, confidence }) =>
    incident(KIND, `${name}, while probes are sent`, 'probes count up to a change of the choice, and are less sure then', () => {
      const tunnel = raw();
      const [one] = announce(tunnel, ...MED);
      mtr(tunnel, {
        cycles: 6,
        by: (cycle) => {
          if (cycle === 3) one?.say('server', said);
          return BY_ONE;
        },
      });
      return { capture: tunnel.capture, expect: [ignored(FAR, { confidence, count: 24, details: byBgp })] };
    }),
  ),
  twin(KIND, 'the choice becomes another one after the probes', 'they went as the routes said by then', () => {
    const tunnel = raw();
    const [, two] = announce(tunnel, { by: ONE, med: 520 }, { by: TWO, med: 530 });
    mtr(tunnel);
    two?.say('server', again(TWO, 510));
    tunnel.wait(5);
    return { capture: tunnel.capture };
  }),
  twin(KIND, 'the choice becomes another one before the context is read', 'the context tells of the time after the probes', () => {
    const tunnel = raw();
    const [, two] = announce(tunnel, { by: ONE, med: 520 }, { by: TWO, med: 530 });
    mtr(tunnel);
    two?.say('server', again(TWO, 510));
    tunnel.wait(5);
    return { capture: tunnel.capture, options: context({ time: '2024-01-15T08:05:00.000000Z' }) };
  }),
  ...[
    { name: 'in one /24', one: ['10.9.0.1', '10.9.0.2'], two: ['10.9.0.5', '10.9.0.6'] },
    { name: 'in two networks', one: ['10.9.1.1', '10.9.1.2'], two: ['10.9.2.1', '10.9.2.2'] },
  ].map(({ name, one, two }) =>
    twin(
      KIND,
      `two point-to-point tunnels ${name}`,
      'the probes are bound to one, and the next hop of BGP is at the end of the other',
      () => {
        const capture = new AnyCapture();
        for (const [i, [own = '', peer = '']] of [two, one].entries()) {
          const send = (packet: NetworkPacket): number =>
            packet.octets.subarray(12, 16).join('.') === own ? capture.outgoing(packet, 3 + i) : capture.incoming(packet, 3 + i);
          const taker = { wait: (seconds: number) => capture.wait(seconds), send };
          const session = new BgpConversation(taker, { ip: own, as: 64_512, id: '10.255.0.1' }, exit(peer), { port: 40_000 + i });
          session
            .establish()
            .say('server', bgpUpdate({ announced: [PREFIX], nextHop: peer, asPath: [64_520], med: 520 - i * 10, as4: true }));
          session.say('server', bgpEndOfRib());
          capture.wait(0.1);
        }
        const tunnel: Tunnel = {
          capture,
          wait: (seconds) => capture.wait(seconds),
          send: (packet, isIn = false) => (isIn ? capture.incoming(packet, 3) : capture.outgoing(packet, 3)),
        };
        mtr(tunnel, { from: two[0] ?? '', by: [two[1] ?? '', BEHIND_ONE, FAR] });
        return { capture };
      },
    ),
  ),

  ...quiet('the next hop is honoured', 'it is the second hop, behind the relay', (tunnel) => mtr(tunnel, { by: BY_TWO })),
  ...quiet('the next hop comes later', 'the other one is a relay this time', (tunnel) => mtr(tunnel, { by: [ONE, TWO, BEHIND_TWO, FAR] })),
  ...quiet('the next hop is silent', 'the hop before the other one may be it', (tunnel) =>
    mtr(tunnel, { by: [RELAY, null, ONE, BEHIND_ONE, FAR] }),
  ),
  ...quiet('nobody in the tunnel answers', 'that the next hop is not seen is no proof', (tunnel) =>
    mtr(tunnel, { by: [null, null, BEHIND_ONE, FAR] }),
  ),
  ...quiet('the path ends at the relay', 'what is behind it is not known', (tunnel) => mtr(tunnel, { by: [RELAY, null, null, null] })),
  ...quiet('a tap', 'there a gateway has a MAC', (tunnel) => mtr(tunnel), tap),
  ...quiet('the probes of another router', 'the routes are not its own', (tunnel) => mtr(tunnel, { from: '192.168.7.7' })).slice(0, 2),
  ...quiet('no traceroute', 'pings alone tell nothing', (tunnel) => {
    for (let i = 0; i < 4; i++) {
      tunnel.send(echoRequest({ from: HOME, to: FAR, id: 1, seq: i }));
      tunnel.wait(0.01);
      tunnel.send(echoReply({ from: FAR, to: HOME, id: 1, seq: i }), true);
      tunnel.wait(1);
    }
  }),
  ...quiet('probes for a node of the tunnel', 'no gateway is between', (tunnel) => mtr(tunnel, { to: ONE, by: [RELAY, ONE] })),
  twin(KIND, 'equal MED', 'the step that decides leaves paths of equal cost: routers may use both', () => {
    const tunnel = raw();
    announce(tunnel, { by: TWO }, { by: ONE });
    mtr(tunnel);
    return { capture: tunnel.capture };
  }),
  twin(KIND, 'MEDs of different AS', 'they are not compared', () => {
    const tunnel = raw();
    announce(tunnel, { by: ONE, med: 520, as: 64_521 }, { by: TWO, med: 510, as: 64_522 });
    mtr(tunnel);
    return { capture: tunnel.capture };
  }),
  twin(KIND, 'a single route', 'there is nothing to choose from', () => {
    const tunnel = raw();
    announce(tunnel, { by: TWO });
    mtr(tunnel);
    return { capture: tunnel.capture };
  }),
  twin(KIND, 'BGP speaks after the probes', 'they are not younger than the routes', () => {
    const tunnel = raw();
    mtr(tunnel);
    announce(tunnel, ...MED);
    return { capture: tunnel.capture };
  }),
  twin(KIND, 'BGP changed its mind since the context was read', 'what it told last is what counts', () => {
    const tunnel = raw();
    announce(tunnel, { by: ONE, med: 500 }, { by: TWO, med: 510 });
    mtr(tunnel);
    return { capture: tunnel.capture, options: context() };
  }),
  twin(KIND, 'a multipath route', 'each of its gateways is right', () => {
    const tunnel = raw();
    mtr(tunnel);
    const nexthops = [ONE, TWO].map((gateway) => ({ gateway, dev: 'tun24', weight: 1 }));
    return { capture: tunnel.capture, options: context({ routes: [{ dst: PREFIX, nexthops }] }) };
  }),
  twin(KIND, 'two next hops of the user', 'each is right', () => {
    const tunnel = raw();
    mtr(tunnel);
    return { capture: tunnel.capture, options: { expectVia: [`${PREFIX}=${TWO}`, `${PREFIX}=${ONE}`] } };
  }),
  twin(KIND, 'a route without a gateway', 'the host leaves it to the tunnel', () => {
    const tunnel = raw();
    announce(tunnel, ...MED);
    mtr(tunnel);
    return { capture: tunnel.capture, options: context({ routes: [{ dst: PREFIX, dev: 'tun24', scope: 'link' }] }) };
  }),
  twin(KIND, 'the route leads to a card', 'there gateways have MACs', () => {
    const tunnel = raw();
    mtr(tunnel);
    return { capture: tunnel.capture, options: context({ routes: [{ dst: PREFIX, gateway: '192.0.2.1', dev: 'eth0' }] }) };
  }),
  twin(KIND, 'another address of the next hop', 'the context knows that it is the same machine', () => {
    const tunnel = raw();
    const second = '10.2.30.72';
    mtr(tunnel, { by: [RELAY, second, BEHIND_TWO, FAR] });
    const two: HostFields = { name: 'two', cards: [{ name: 'tun24', ifindex: 3, kind: 'tun', addresses: [`${TWO}/24`, `${second}/24`] }] };
    return { capture: tunnel.capture, options: context({}, two) };
  }),
  twin(KIND, 'another Subnet of the next hop', 'one node of tinc owns both addresses', () => {
    const tunnel = raw();
    const second = '10.2.30.72';
    mtr(tunnel, { by: [RELAY, second, BEHIND_TWO, FAR] });
    const subnets = [...TINC.subnets, { subnet: `${second}/32`, weight: 10, owner: 'two' }];
    return { capture: tunnel.capture, options: context({ tinc: [{ ...TINC, subnets }] }) };
  }),
  twin(KIND, 'the user says it of another prefix', 'nothing is expected of this destination', () => {
    const tunnel = raw();
    mtr(tunnel);
    return { capture: tunnel.capture, options: { expectVia: [`198.51.100.0/24=${TWO}`] } };
  }),
];
