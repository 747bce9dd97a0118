import type { NeighbourDocument, RouteDocument, RuleDocument } from '../../src/context/document.ts';
import {
  bgpEndOfRib,
  bgpUpdate,
  echoRequest,
  type Host,
  hostUnreachable,
  multicastMac,
  type NetworkPacket,
  neighborAdvertisement,
  neighborSolicitation,
  octets,
  redirect,
  solicitedNode,
  udp,
  vrrp,
  vrrpMac,
} from '../craft/index.ts';
import { BgpConversation } from '../tools/bgp.ts';
import { contextOf, type HostFields } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

const KIND = 'gateway-mismatch';
/** The host whose routes are known, and two gateways of its network. */
const HOST: OwnCard = { ...card(0x10, '192.0.2.10'), ifindex: 2 };
const ONE = card(0x01, '192.0.2.1');
const TWO = card(0x02, '192.0.2.2');
const WITNESS = card(0x20, '192.0.2.20');
const FAR = '198.51.100.7';
const FARTHER = '198.51.100.8';
const NOBODY = mac(0x77);

const DEFAULT: RouteDocument = { dst: 'default', gateway: ONE.ip, dev: 'eth0' };
const BY_TWO: RouteDocument = { dst: 'default', gateway: TWO.ip, dev: 'eth0', table: '101' };
const WRONG: NeighbourDocument = { dst: ONE.ip, dev: 'eth0', lladdr: TWO.mac, state: ['PERMANENT'] };

interface Said {
  routes?: RouteDocument[];
  rules?: RuleDocument[];
  neighbours?: NeighbourDocument[];
  time?: string;
  more?: HostFields['cards'];
  addresses?: string[];
  sysctls?: Record<string, number>;
}

const host = ({ routes = [DEFAULT], more = [], addresses = [`${HOST.ip}/24`], ...said }: Said = {}): HostFields => ({
  name: 'host',
  cards: [{ name: 'eth0', ifindex: 2, mac: HOST.mac, addresses }, ...more],
  routes,
  ...said,
});
const router = (name: string, { mac: of, ip }: { mac: string; ip: string }, ...more: HostFields['cards']): HostFields => ({
  name,
  cards: [{ name: 'lan', ifindex: 2, mac: of, addresses: [`${ip}/24`] }, ...more],
});
const context = (...hosts: HostFields[]) => ({ context: contextOf(hosts) });

/** Both gateways are asked for, by the host or a witness. */
function resolved(asker: Host = HOST): Lan {
  const capture = new Lan();
  for (const gateway of [ONE, TWO]) {
    capture.resolve(asker, gateway);
    capture.wait(0.5);
  }
  return capture;
}

interface Sending {
  by?: { mac: string };
  from?: string;
  to?: string;
  count?: number;
}

/** The host sends packets by the MAC of a gateway. */
function send(capture: Lan, { by = TWO, from = HOST.ip, to = FAR, count = 3 }: Sending = {}): number[] {
  return Array.from({ length: count }, () => {
    const packet = udp({ from: `${from}:40000`, to: `${to}:5000`, payload: octets(1, 2, 3, 4) });
    const frame = capture.unicast(packet, HOST.mac, by.mac);
    capture.wait(1);
    return frame;
  });
}

const mismatch = (destination: string, rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, destination, {
    severity: 'warning',
    confidence: 'certain',
    count: 3,
    ...rest,
    details: {
      expected: { ip: ONE.ip, mac: ONE.mac },
      observed: { ip: TWO.ip, mac: TWO.mac },
      host: 'host',
      interface: 'eth0',
      ...rest.details,
    },
  });

/** By `--expect-via`. */
const EXPECTED = { expectVia: [`198.51.100.0/24=${ONE.ip}`] };
const told = (rest: Parameters<typeof finding>[2] = {}) =>
  mismatch(FAR, { ...rest, details: { expectedFrom: 'option', host: HOST.ip, interface: null, ...rest.details } });

/** Both gateways announce the network to the host; MED prefers the first one. */
function bgpOf(capture: Lan, prefix = '198.51.100.0/24'): BgpConversation[] {
  return [ONE, TWO].map((gateway, i) => {
    const send = (packet: NetworkPacket): number => {
      const isFromHost = packet.octets[15] === 10;
      return capture.unicast(packet, isFromHost ? HOST.mac : gateway.mac, isFromHost ? gateway.mac : HOST.mac);
    };
    const client = { ip: HOST.ip, as: 64_512, id: HOST.ip };
    const server = { ip: gateway.ip, as: 64_520, id: gateway.ip };
    const session = new BgpConversation({ wait: (seconds) => capture.wait(seconds), send }, client, server, { port: 40_000 + i });
    const update = bgpUpdate({ announced: [prefix], nextHop: gateway.ip, asPath: [64_520], med: 100 + i * 10, as4: true });
    session.establish().say('server', update, bgpEndOfRib());
    capture.wait(0.1);
    return session;
  });
}

const quiet = (name: string, why: string, said: Said, play: (capture: Lan) => void, ...others: HostFields[]): Scenario =>
  twin(KIND, name, why, () => {
    const capture = resolved();
    play(capture);
    return { capture, options: context(host(said), ...others) };
  });

export const scenarios: Scenario[] = [
  incident(KIND, 'a fixed neighbour entry is wrong', 'the route names one gateway, the entry has the MAC of the other one', () => {
    const capture = resolved(WITNESS);
    const frames = send(capture);
    const expected = mismatch(FAR, { evidenceFrames: [2, 4, frames[0] ?? 0, frames[2] ?? 0], details: { cause: 'neighbour', packets: 3 } });
    return { capture, expect: [expected], options: context(host({ neighbours: [WRONG] })) };
  }),
  incident(KIND, 'several destinations', 'one finding each, related', () => {
    const capture = resolved(WITNESS);
    send(capture);
    send(capture, { to: FARTHER });
    const expect = [
      mismatch(FAR, { related: [`${KIND}:${FARTHER}`], details: { cause: 'neighbour' } }),
      mismatch(FARTHER, { related: [`${KIND}:${FAR}`], details: { cause: 'neighbour' } }),
    ];
    return { capture, expect, options: context(host({ neighbours: [WRONG] })) };
  }),
  incident(
    KIND,
    'the gateway redirects',
    'the router of the route names another one: the host heeds it, and its tables do not show it',
    () => {
      const capture = resolved();
      const asked = echoRequest({ from: HOST.ip, to: FAR, id: 1, seq: 1 });
      capture.unicast(asked, HOST.mac, ONE.mac);
      capture.wait(0.01);
      const told = capture.unicast(redirect({ from: ONE.ip, to: HOST.ip, gateway: TWO.ip, quoted: asked }), ONE.mac, HOST.mac);
      capture.wait(1);
      const [first = 0] = send(capture);
      const expected = mismatch(FAR, { severity: 'notice', evidenceFrames: [told, first], details: { cause: 'redirect' } });
      return { capture, expect: [expected], options: context(host()) };
    },
  ),
  incident(KIND, 'somebody else redirects', 'who is not the gateway of the route has no say in it: a warning', () => {
    const capture = resolved();
    const asked = echoRequest({ from: HOST.ip, to: FAR, id: 1, seq: 1 });
    capture.unicast(redirect({ from: WITNESS.ip, to: HOST.ip, gateway: TWO.ip, quoted: asked }), WITNESS.mac, HOST.mac);
    capture.wait(1);
    send(capture);
    return { capture, expect: [mismatch(FAR, { details: { cause: 'redirect' } })], options: context(host()) };
  }),
  incident(KIND, 'neither a redirect nor the entry is there', 'both mappings are in the capture: certain all the same', () => {
    const capture = resolved();
    send(capture);
    return { capture, expect: [mismatch(FAR, { details: { cause: 'unknown' } })], options: context(host()) };
  }),
  incident(KIND, 'the context alone knows the gateways', 'no answer of theirs is in the capture: likely', () => {
    const capture = new Lan();
    send(capture);
    const options = context(host(), router('one', ONE), router('two', TWO));
    return { capture, expect: [mismatch(FAR, { confidence: 'likely' })], options };
  }),
  incident(KIND, 'the MAC of nobody, by a wrong entry', 'the gateway answers with another one: likely', () => {
    const capture = resolved(WITNESS);
    send(capture, { by: { mac: NOBODY } });
    const details = { observed: { ip: null, mac: NOBODY }, cause: 'neighbour' };
    const options = context(host({ neighbours: [{ ...WRONG, lladdr: NOBODY }] }));
    return { capture, expect: [mismatch(FAR, { confidence: 'likely', details })], options };
  }),
  incident(KIND, 'the MAC of nobody', 'it may be the gateway’s after all: possible', () => {
    const capture = resolved();
    send(capture, { by: { mac: NOBODY } });
    const details = { observed: { ip: null, mac: NOBODY } };
    return { capture, expect: [mismatch(FAR, { confidence: 'possible', details })], options: context(host()) };
  }),
  incident(KIND, 'the context is of another day', 'routes may have changed: likely', () => {
    const capture = resolved(WITNESS);
    send(capture);
    const options = context(host({ neighbours: [WRONG], time: '2024-01-16T08:00:00.000000Z' }));
    return { capture, expect: [mismatch(FAR, { confidence: 'likely' })], options };
  }),
  incident(KIND, 'passed on by the host', 'whichever interface it came in by, the route is the same: likely', () => {
    const capture = resolved(WITNESS);
    send(capture, { from: '203.0.113.9' });
    const inside = { name: 'eth1', ifindex: 3, mac: mac(0x11), addresses: ['203.0.113.1/24'] };
    const options = context(host({ neighbours: [WRONG], more: [inside], sysctls: { forwarding: 1 } }));
    return { capture, expect: [mismatch(FAR, { confidence: 'likely' })], options };
  }),
  incident(KIND, 'IPv6, gateways by their link-local addresses', 'neighbour discovery shows whose MACs they are', () => {
    const capture = new Lan();
    const gateways = [
      { ip: 'fe80::1', mac: ONE.mac },
      { ip: 'fe80::2', mac: TWO.mac },
    ];
    for (const { ip, mac: of } of gateways) {
      const asked = neighborSolicitation({ from: 'fe80::10', target: ip, sourceMac: HOST.mac });
      capture.unicast(asked, HOST.mac, multicastMac(solicitedNode(ip)) ?? '');
      capture.wait(0.001);
      capture.unicast(neighborAdvertisement({ from: ip, to: 'fe80::10', target: ip, targetMac: of, router: true }), of, HOST.mac);
      capture.wait(1);
    }
    for (let i = 0; i < 3; i++) {
      const packet = udp({ from: '[2001:db8:1::10]:40000', to: '[2001:db8:2::7]:5000', payload: octets(1, 2) });
      capture.unicast(packet, HOST.mac, TWO.mac);
      capture.wait(1);
    }
    const said = { addresses: ['2001:db8:1::10/64', 'fe80::10/64'], routes: [{ ...DEFAULT, dst: 'default', gateway: 'fe80::1' }] };
    const details = { expected: { ip: 'fe80::1', mac: ONE.mac }, observed: { ip: 'fe80::2', mac: TWO.mac } };
    return { capture, expect: [mismatch('2001:db8:2::7', { details })], options: context(host(said)) };
  }),

  quiet('frames go to the gateway of the route', 'as it should be', {}, (capture) => send(capture, { by: ONE })),
  quiet(
    'a multipath route',
    'each of its gateways is right',
    {
      routes: [
        {
          dst: 'default',
          nexthops: [
            { gateway: ONE.ip, dev: 'eth0', weight: 1 },
            { gateway: TWO.ip, dev: 'eth0', weight: 1 },
          ],
        },
      ],
    },
    (capture) => {
      send(capture, { by: ONE });
      send(capture, { by: TWO, to: FARTHER });
    },
  ),
  quiet(
    'a rule by source',
    'the rules send it to the other gateway',
    { routes: [DEFAULT, BY_TWO], rules: [{ priority: 100, src: HOST.ip, table: '101' }] },
    (capture) => send(capture),
  ),
  quiet(
    'a rule by port',
    'the ports are looked at',
    { routes: [DEFAULT, BY_TWO], rules: [{ priority: 100, src: 'all', ipproto: 'udp', dport: 5000, table: '101' }] },
    (capture) => send(capture),
  ),
  quiet(
    'a rule by mark',
    'marks are not in the frame, and the rule leads to the other gateway',
    { routes: [DEFAULT, BY_TWO], rules: [{ priority: 100, src: 'all', fwmark: '0x1', table: '101' }] },
    (capture) => send(capture),
  ),
  quiet(
    'a rule by the address before NAT',
    'the gateway forwards: the source may have been another one',
    {
      routes: [DEFAULT, BY_TWO],
      rules: [{ priority: 100, src: '203.0.113.0', srclen: 24, table: '101' }],
      sysctls: { forwarding: 1 },
    },
    (capture) => send(capture),
  ),
  quiet(
    'passed on, with a rule by the interface',
    'by which it came in is not to be seen',
    {
      routes: [DEFAULT, BY_TWO],
      rules: [{ priority: 100, src: 'all', iif: 'eth1', table: '101' }],
      more: [{ name: 'eth1', ifindex: 3, mac: mac(0x11), addresses: ['203.0.113.1/24'] }],
      sysctls: { forwarding: 1 },
    },
    (capture) => send(capture, { from: '203.0.113.9' }),
  ),
  quiet(
    'by another card',
    'the route leads out by another interface: a socket that is bound to this one, or a mark',
    {
      routes: [{ ...DEFAULT, gateway: '203.0.113.254', dev: 'eth1' }],
      more: [{ name: 'eth1', ifindex: 3, mac: mac(0x11), addresses: ['203.0.113.1/24'] }],
    },
    (capture) => send(capture),
  ),
  quiet('two cards of the gateway', 'both MACs are of one machine: arp-flux, where it answers so', {}, (capture) => send(capture), {
    name: 'one',
    cards: [
      { name: 'lan', ifindex: 2, mac: ONE.mac, addresses: [`${ONE.ip}/24`] },
      { name: 'lan2', ifindex: 3, mac: TWO.mac, addresses: [`${TWO.ip}/24`] },
    ],
  }),
  quiet('both ways in turn', 'the route changed meanwhile, or something decides that is not to be seen', {}, (capture) => {
    send(capture, { by: ONE });
    send(capture, { by: TWO });
  }),
  quiet('on the link itself', 'no gateway is asked', {}, (capture) => send(capture, { to: WITNESS.ip })),
  quiet(
    'on the link by a route without a gateway',
    'whoever answers for it is right',
    { routes: [{ dst: '198.51.100.0/24', dev: 'eth0', scope: 'link' }] },
    (capture) => send(capture),
  ),
  quiet('multicast and broadcast', 'they go to all', {}, (capture) => {
    for (const to of ['224.0.0.251', '255.255.255.255', '192.0.2.255']) {
      capture.broadcast(udp({ from: `${HOST.ip}:5353`, to: `${to}:5353`, payload: octets(1) }), HOST.mac);
      capture.wait(1);
    }
  }),
  quiet('no route', 'the tables say nothing of it', { routes: [] }, (capture) => send(capture)),
  twin(
    KIND,
    'a virtual router',
    'the route names its address, frames go to its MAC, the master answers with another one of its own',
    () => {
      const capture = new Lan();
      const group = 7;
      const shared = { mac: vrrpMac(group), ip: '192.0.2.254' };
      capture.resolve(HOST, ONE);
      for (let i = 0; i < 3; i++) {
        const said = vrrp({ from: ONE.ip, virtualRouter: group, priority: 200, addresses: [shared.ip] });
        capture.unicast(said, shared.mac, multicastMac('224.0.0.18') ?? '');
        capture.wait(1);
      }
      capture.resolve(HOST, shared);
      send(capture, { by: shared });
      send(capture, { by: shared, to: FARTHER });
      return { capture, options: context(host({ routes: [{ ...DEFAULT, gateway: shared.ip }] })) };
    },
  ),
  twin(KIND, 'a virtual router that is asked by its own address', 'the virtual MAC is the master’s', () => {
    const capture = new Lan();
    const group = 7;
    const shared = { mac: vrrpMac(group), ip: '192.0.2.254' };
    for (let i = 0; i < 3; i++) {
      const said = vrrp({ from: ONE.ip, virtualRouter: group, priority: 200, addresses: [shared.ip] });
      capture.unicast(said, shared.mac, multicastMac('224.0.0.18') ?? '');
      capture.wait(1);
    }
    capture.resolve(WITNESS, ONE);
    send(capture, { by: shared });
    return { capture, options: context(host()) };
  }),
  twin(
    KIND,
    'a virtual router, of which the context knows a master',
    'that one has the address on its card; frames go to the virtual MAC',
    () => {
      const capture = new Lan();
      const group = 7;
      const shared = '192.0.2.254';
      for (let i = 0; i < 3; i++) {
        const said = vrrp({ from: '192.0.2.253', virtualRouter: group, priority: 200, addresses: [shared] });
        capture.unicast(said, vrrpMac(group), multicastMac('224.0.0.18') ?? '');
        capture.wait(1);
      }
      send(capture, { by: { mac: vrrpMac(group) } });
      const options = context(host({ routes: [{ ...DEFAULT, gateway: shared }] }), router('one', { mac: ONE.mac, ip: shared }));
      return { capture, options };
    },
  ),
  incident(KIND, 'a multipath route by two cards', 'what leaves by this one has to go to its gateway', () => {
    const capture = resolved(WITNESS);
    send(capture);
    const nexthops = [
      { gateway: ONE.ip, dev: 'eth0', weight: 1 },
      { gateway: '203.0.113.254', dev: 'eth1', weight: 1 },
    ];
    const more = [{ name: 'eth1', ifindex: 3, mac: mac(0x11), addresses: ['203.0.113.1/24'] }];
    return { capture, expect: [mismatch(FAR)], options: context(host({ routes: [{ dst: 'default', nexthops }], more })) };
  }),
  twin(KIND, 'the gateway is not to be seen', 'its own table has this MAC, and nobody says otherwise', () => {
    const capture = new Lan();
    capture.resolve(WITNESS, TWO);
    send(capture, { by: { mac: NOBODY } });
    return { capture, options: context(host({ neighbours: [{ ...WRONG, lladdr: NOBODY, state: ['REACHABLE'] }] })) };
  }),
  twin(KIND, 'no routes in the context', 'there is nothing to compare it with', () => {
    const capture = resolved();
    send(capture);
    return { capture, options: context(router('host', HOST)) };
  }),
  twin(KIND, 'host on any', 'LINUX_SLL2 has no destination MAC', () => {
    const capture = new LinuxHost();
    capture.asks(HOST, ONE.ip, [{ by: ONE.mac, after: 0.001 }]);
    capture.wait(2);
    capture.outgoing(udp({ from: `${HOST.ip}:40000`, to: `${FAR}:5000`, payload: octets(1) }), HOST.ifindex, HOST.mac);
    return { capture, options: context(host({ neighbours: [WRONG] })) };
  }),
  incident(KIND, 'the user names the gateway', 'no context: both gateways’ MACs are in the capture: certain', () => {
    const capture = resolved();
    const frames = send(capture);
    return { capture, expect: [told({ evidenceFrames: [2, 4, frames[0] ?? 0, frames[2] ?? 0] })], options: EXPECTED };
  }),
  incident(KIND, 'the user names the gateway, and it redirects', 'the redirect is shown without a context, too', () => {
    const capture = resolved();
    const asked = echoRequest({ from: HOST.ip, to: FAR, id: 1, seq: 1 });
    const redirected = capture.unicast(redirect({ from: WITNESS.ip, to: HOST.ip, gateway: TWO.ip, quoted: asked }), WITNESS.mac, HOST.mac);
    capture.wait(1);
    send(capture);
    return { capture, expect: [told({ evidenceFrames: [redirected], details: { cause: 'redirect' } })], options: EXPECTED };
  }),
  incident(KIND, 'the user names the gateway, and the other one cannot deliver', 'what it says is shown', () => {
    const capture = resolved();
    send(capture);
    const quoted = udp({ from: `${HOST.ip}:40000`, to: `${FAR}:5000`, payload: octets(1, 2, 3, 4) });
    const refused = capture.unicast(hostUnreachable({ from: TWO.ip, to: HOST.ip, quoted }), TWO.mac, HOST.mac);
    return { capture, expect: [told({ evidenceFrames: [refused] })], options: EXPECTED };
  }),
  incident(KIND, 'the user names the gateway, the MAC of nobody', 'it may be the gateway’s after all: possible', () => {
    const capture = resolved();
    send(capture, { by: { mac: NOBODY } });
    return { capture, expect: [told({ confidence: 'possible', details: { observed: { ip: null, mac: NOBODY } } })], options: EXPECTED };
  }),
  incident(KIND, 'BGP names the gateway', 'MED prefers one neighbour, frames go to the other: likely, for policy is not to be seen', () => {
    const capture = resolved();
    bgpOf(capture);
    send(capture);
    const details = { expectedFrom: 'bgp', host: HOST.ip, interface: null };
    return { capture, expect: [mismatch(FAR, { confidence: 'likely', details })] };
  }),
  incident(KIND, 'BGP says more after the frames', 'the routes that stood when they were sent are what counts', () => {
    const capture = resolved();
    const [, two] = bgpOf(capture);
    send(capture);
    const update = { announced: ['198.51.100.0/24'], nextHop: TWO.ip, asPath: [64_520], med: 110, communities: ['64520:1'], as4: true };
    two?.say('server', bgpUpdate(update));
    two?.say('server', bgpUpdate({ ...update, med: 90 }));
    capture.wait(1);
    return { capture, expect: [mismatch(FAR, { confidence: 'likely', details: { expectedFrom: 'bgp', host: HOST.ip, interface: null } })] };
  }),
  incident(KIND, 'BGP names the gateway, of what is passed on', 'a router may route customers by their source: possible', () => {
    const capture = resolved();
    bgpOf(capture, '0.0.0.0/0');
    for (let i = 0; i < 3; i++) {
      const fields = { from: '203.0.113.77:40000', to: `${FAR}:5000`, payload: octets(1, 2, 3, 4), ttl: 63, ident: 100 + i };
      capture.unicast(udp(fields), HOST.mac, TWO.mac);
      capture.wait(1);
    }
    return {
      capture,
      expect: [mismatch(FAR, { confidence: 'possible', details: { expectedFrom: 'bgp', host: HOST.ip, interface: null } })],
    };
  }),
  incident(KIND, 'BGP names the gateway while frames are sent', 'from then on they go past it; those before do not count', () => {
    const capture = resolved();
    send(capture);
    bgpOf(capture);
    const frames = send(capture);
    const details = { expectedFrom: 'bgp', host: HOST.ip, interface: null, packets: 3 };
    return { capture, expect: [mismatch(FAR, { confidence: 'likely', evidenceFrames: [frames[0] ?? 0, frames[2] ?? 0], details })] };
  }),
  twin(KIND, 'frames are sent until BGP names the gateway', 'a router needs a moment to take the new way', () => {
    const capture = resolved();
    send(capture);
    bgpOf(capture);
    send(capture, { count: 1 });
    return { capture };
  }),
  twin(KIND, 'frames go to the gateway from when BGP names it', 'some follow before it takes the new way', () => {
    const capture = resolved();
    send(capture);
    bgpOf(capture);
    send(capture, { count: 1 });
    send(capture, { by: ONE });
    return { capture };
  }),
  twin(KIND, 'BGP changes its mind while frames are sent', 'which of them count is not told apart', () => {
    const capture = resolved();
    const [, two] = bgpOf(capture);
    send(capture);
    two?.say('server', bgpUpdate({ announced: ['198.51.100.0/24'], nextHop: TWO.ip, asPath: [64_520], med: 90, as4: true }));
    capture.wait(1);
    send(capture);
    return { capture };
  }),
  ...[
    { name: 'frames go to the gateway that the user names', why: 'as it should be', by: ONE },
    { name: 'the other gateway passes it on to that which the user names', why: 'the expectation may be its own', by: TWO, next: ONE },
  ].map(({ name, why, by, next }) =>
    twin(KIND, name, why, () => {
      const capture = resolved();
      for (let i = 0; i < 3; i++) {
        const packet = udp({ from: `${HOST.ip}:40000`, to: `${FAR}:5000`, payload: octets(1, 2, 3, 4) });
        capture.unicast(packet, HOST.mac, by.mac);
        capture.wait(0.001);
        if (next) capture.unicast(packet, by.mac, next.mac);
        capture.wait(1);
      }
      return { capture, options: EXPECTED };
    }),
  ),
  twin(KIND, 'the user names a gateway of another destination', 'nothing is said of this one', () => {
    const capture = resolved();
    send(capture, { to: '203.0.113.9' });
    return { capture, options: EXPECTED };
  }),
  twin(KIND, 'the user names the default gateway', 'neighbours are no business of a gateway, whatever address of theirs is meant', () => {
    const capture = resolved();
    capture.resolve(HOST, WITNESS);
    send(capture, { by: WITNESS, to: WITNESS.ip });
    send(capture, { by: WITNESS, to: '192.0.2.21' });
    return { capture, options: { expectVia: [`default=${ONE.ip}`] } };
  }),
  twin(KIND, 'the user names two gateways', 'each is right', () => {
    const capture = resolved();
    send(capture);
    return { capture, options: { expectVia: [`${FAR}=${ONE.ip}`, `${FAR}=${TWO.ip}`] } };
  }),
  twin(KIND, 'the gateway that the user names sends on', 'it has the packets already', () => {
    const capture = resolved();
    const packet = udp({ from: '203.0.113.9:40000', to: `${FAR}:5000`, payload: octets(1) });
    for (let i = 0; i < 3; i++) capture.wait(1).unicast(packet, ONE.mac, TWO.mac);
    return { capture, options: EXPECTED };
  }),
  twin(KIND, 'frames go to the gateway of BGP', 'as it should be', () => {
    const capture = resolved();
    bgpOf(capture);
    send(capture, { by: ONE });
    return { capture };
  }),
  twin(KIND, 'BGP speaks after the frames', 'they are not younger than the routes', () => {
    const capture = resolved();
    send(capture);
    bgpOf(capture);
    return { capture };
  }),
  twin(KIND, 'BGP of another host', 'who sends was not told', () => {
    const capture = resolved();
    bgpOf(capture);
    capture.resolve(WITNESS, TWO);
    for (let i = 0; i < 3; i++) {
      capture.unicast(udp({ from: `${WITNESS.ip}:40000`, to: `${FAR}:5000`, payload: octets(1) }), WITNESS.mac, TWO.mac);
      capture.wait(1);
    }
    return { capture };
  }),
];
