import {
  afsRx,
  dnsQuery,
  dnsResponse,
  espInUdp,
  ethernet,
  type IpOptions,
  ipv4Fragments,
  lspPing,
  message,
  Protocols,
  portUnreachable,
  RawCapture,
  rtp,
  stun,
  syslog,
  tailscaleDisco,
  timeExceeded,
  udp,
  vxlan,
} from '../craft/index.ts';
import { type ExpectedFinding, finding, type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, ROUTER, type Seat, talk, WORSE, WRONG, WRONG_SOURCE } from './udp-stage.ts';

const PORT = 6200;
const QUESTION = message('status of pump 4711?');
const ANSWER = message('OK, all is well');
const c = (port: number): string => `${CLIENT.ip}:${port}`;
const dns = (id: number): { request: Uint8Array; reply: Uint8Array } => ({ request: dnsQuery({ id }), reply: dnsResponse({ id }) });

const quiet = (
  name: string,
  why: string,
  play: (seat: Seat) => void,
  at = (): Seat => atClient(new Lan()),
  expect: ExpectedFinding[] = [],
): Scenario =>
  twin(WRONG_SOURCE, name, why, () => {
    const capture = at();
    play(capture);
    capture.wait(3);
    return { capture, expect };
  });

/** The source is right; that the answers leave by another card is worth a notice. */
const otherWay = (subject: string, count: number): ExpectedFinding =>
  finding('interface-asymmetry', subject, { severity: 'notice', confidence: 'likely', count });

/** The rule for ports alone has conditions; each of these lacks one. */
const ports: Scenario[] = [
  quiet('ports only: repaired', 'the answer comes from where the question went', (seat) => {
    for (const port of [40_001, 40_002, 40_003]) {
      talk(seat, { client: c(port), asked: `${ASKED}:${PORT}`, request: QUESTION, reply: ANSWER });
      seat.wait(3);
    }
  }),
  quiet('ports only: a privileged port of the client', 'its port is below 1024', (seat) => {
    talk(seat, { client: c(900), asked: `${ASKED}:${PORT}`, from: `${WRONG}:${PORT}`, request: QUESTION, reply: ANSWER });
  }),
  quiet('ports only: one port on both sides', 'peers of a mesh talk from the port that they listen on', (seat) => {
    talk(seat, { client: c(PORT), asked: `${ASKED}:${PORT}`, from: `${WRONG}:${PORT}`, request: QUESTION, reply: ANSWER });
  }),
  quiet('ports only: another port of the other address', 'the reply must come from the port that was asked', (seat) => {
    talk(seat, { client: c(40_004), asked: `${ASKED}:${PORT}`, from: `${WRONG}:6201`, request: QUESTION, reply: ANSWER });
  }),
  ...['255.255.255.255', '239.1.2.3'].map((all) =>
    quiet(`ports only: ${all} is asked beside a silent device`, 'who answers may answer the question to all', (seat) => {
      for (let i = 0; i < 4; i++) {
        seat.toServer(c(40_010), `${all}:${PORT}`, QUESTION);
        seat.wait(0.001).toServer(c(40_010), `${ASKED}:${PORT}`, QUESTION);
        for (const from of [WRONG, WORSE]) seat.wait(0.05).toClient(`${from}:${PORT}`, c(40_010), QUESTION);
        seat.wait(10);
      }
    }),
  ),
  quiet('ports only: two servers are asked', 'which of them did not answer is unknown', (seat) => {
    seat.toServer(c(40_005), `${ASKED}:${PORT}`, QUESTION);
    seat.wait(0.001).toServer(c(40_005), `${WORSE}:${PORT}`, QUESTION);
    seat.wait(0.02).toClient(`${WRONG}:${PORT}`, c(40_005), ANSWER);
  }),
  quiet('ports only: two seconds later', 'too late without an identifier', (seat) => {
    talk(seat, { client: c(40_006), asked: `${ASKED}:${PORT}`, from: `${WRONG}:${PORT}`, after: 2.5, request: QUESTION, reply: ANSWER });
  }),
  quiet('ports only: they talked before', 'the other address is a peer of its own', (seat) => {
    talk(seat, { client: c(40_007), asked: `${WRONG}:${PORT}`, request: QUESTION, reply: ANSWER });
    seat.wait(20).toServer(c(40_007), `${ASKED}:${PORT}`, QUESTION);
    seat.wait(0.02).toClient(`${WRONG}:${PORT}`, c(40_007), ANSWER);
  }),
  quiet('ports only: the question was answered already', 'nothing is open any more', (seat) => {
    talk(seat, { client: c(40_008), asked: `${ASKED}:${PORT}`, request: QUESTION, reply: ANSWER });
    seat.wait(0.1).toClient(`${WRONG}:${PORT}`, c(40_008), ANSWER);
  }),
];

/** Datagrams to and fro that answer nothing. */
const oneWay =
  (to: string, payloads: readonly Uint8Array[], from = c(40_100)) =>
  (seat: Seat): void => {
    for (const payload of payloads) seat.wait(0.02).toServer(from, to, payload);
  };
const several = (make: (n: number) => Uint8Array): Uint8Array[] => Array.from({ length: 8 }, (_, i) => make(i + 1));

const streams: Scenario[] = [
  quiet(
    'syslog',
    'one way, from many hosts to one',
    oneWay(
      `${ASKED}:514`,
      several((n) => syslog(`line ${n}`)),
    ),
  ),
  quiet(
    'NetFlow',
    'one way',
    oneWay(
      `${ASKED}:2055`,
      several((n) => message(`flow record ${n}`)),
    ),
  ),
  quiet(
    'statsd',
    'one way',
    oneWay(
      `${ASKED}:8125`,
      several((n) => message(`requests:${n}|c`)),
    ),
  ),
  quiet('a call over several media servers', 'RTP goes to one server and comes from another', (seat) => {
    for (let i = 0; i < 20; i++) {
      seat.wait(0.02).toServer(c(16_384), `${ASKED}:20000`, rtp(i, 0x1111));
      seat.wait(0.001).toClient(`${WRONG}:20000`, c(16_384), rtp(100 + i, 0x2222));
    }
  }),
  quiet('a call from port 5004 on', 'the usual port of RTP on both sides', (seat) => {
    for (let i = 0; i < 20; i++) {
      seat.wait(0.02).toServer(c(5004), `${ASKED}:5004`, rtp(i, 0x1111));
      seat.wait(0.001).toClient(`${WRONG}:5004`, c(5004), rtp(100 + i, 0x2222));
    }
  }),
  quiet('AFS', 'one port of the client for all servers: another one calls back', (seat) => {
    for (let i = 0; i < 4; i++) {
      talk(seat, { client: c(7001), asked: `${ASKED}:7000`, request: afsRx(7, i, true), reply: afsRx(7, i, false) });
      seat.wait(0.01).toServer(c(7001), `${ASKED}:7000`, afsRx(7, 50 + i, true));
      seat.wait(0.02).toClient(`${WRONG}:7000`, c(7001), afsRx(9, i, true));
    }
  }),
  quiet('peer to peer', 'one port for all peers; they come in whatever order', (seat) => {
    const peers = [ASKED, WRONG, WORSE].map((ip) => `${ip}:30303`);
    for (let i = 0; i < 9; i++) {
      seat.wait(0.3).toServer(c(30_303), peers[i % 3] ?? '', message(`ping ${i}`));
      seat.wait(0.05).toClient(peers[(i + 1) % 3] ?? '', c(30_303), message(`pong ${i}`));
    }
  }),
  quiet('a remote desktop that asks all its hosts', 'port 3283 on both sides', (seat) => {
    seat.toServer(c(3283), `${ASKED}:3283`, QUESTION);
    seat.wait(0.02).toClient(`${WRONG}:3283`, c(3283), ANSWER);
  }),
  quiet('Tailscale', 'disco messages search a way over many addresses', (seat) => {
    for (let i = 0; i < 6; i++) {
      seat.wait(0.05).toServer(c(41_641), `${ASKED}:41641`, tailscaleDisco(i));
      seat.wait(0.02).toClient(`${WRONG}:41641`, c(41_641), tailscaleDisco(40 + i));
    }
  }),
  quiet('Tailscale behind a NAT', 'ports of the client as the NAT gives them', (seat) => {
    for (let i = 0; i < 6; i++) {
      seat.wait(0.05).toServer(c(52_100), `${ASKED}:41641`, tailscaleDisco(i));
      seat.wait(0.02).toClient(`${WRONG}:41641`, c(52_100), tailscaleDisco(40 + i));
    }
  }),
  quiet('ESP in UDP', 'two gateways, one port: the other one speaks', (seat) => {
    for (let i = 0; i < 6; i++) {
      seat.wait(0.1).toServer(c(4500), `${ASKED}:4500`, espInUdp(0x1001, i));
      seat.wait(0.02).toClient(`${WRONG}:4500`, c(4500), espInUdp(0x2002, i));
    }
  }),
  twin(WRONG_SOURCE, 'VXLAN', 'the source port is entropy; there is no question', () => {
    const lan = new Lan();
    const inner = ethernet(
      { source: mac(0x71), destination: mac(0x72) },
      udp({ from: '10.7.0.1:40000', to: '10.7.0.2:9', payload: QUESTION }),
    );
    for (let i = 0; i < 4; i++) {
      lan.wait(0.1).unicast(vxlan(CLIENT.ip, ASKED, 7, inner), CLIENT.mac, ROUTER.mac);
      lan.wait(0.01).unicast(vxlan(WRONG, CLIENT.ip, 7, inner), ROUTER.mac, CLIENT.mac);
    }
    return { capture: lan };
  }),
  quiet('MPLS echo', 'asked at 127.0.0.1, answered by the egress', (seat) => {
    for (let i = 0; i < 3; i++) {
      talk(seat, {
        client: c(49_100),
        asked: '127.0.0.1:3503',
        from: `${WRONG}:3503`,
        request: lspPing(false, 5, i),
        reply: lspPing(true, 5, i),
      });
      seat.wait(1);
    }
  }),
  quiet('Teredo qualification', 'a server answers from its second address on purpose', (seat) => {
    const solicitation = message('\0\u0001\0\0 router solicitation');
    talk(seat, {
      client: c(50_500),
      asked: `${ASKED}:3544`,
      from: `${WRONG}:3544`,
      request: solicitation,
      reply: message('router advertisement'),
    });
  }),
];

const LONG = 20 + 8 + 100;

/** A router or node on any: each packet comes in and leaves, with addresses that it rewrites; the capture may miss the request that leaves. */
function translated(
  host: LinuxHost,
  leg: { client: string; asked: string; insideClient: string; server: string; payloads: [Uint8Array, Uint8Array] },
  unseen = false,
): void {
  const { client, asked, insideClient, server, payloads } = leg;
  const [request, reply] = payloads;
  const hop = (ttl: number): IpOptions => ({ ttl });
  host.incoming(udp({ from: client, to: asked, payload: request, ...hop(60) }), 2, mac(0x01));
  host.wait(0.000_03);
  if (!unseen) host.outgoing(udp({ from: insideClient, to: server, payload: request, ...hop(59) }), 3, mac(0x0b));
  host.wait(0.004).incoming(udp({ from: server, to: insideClient, payload: reply, ...hop(64) }), 3, mac(0x77));
  host.wait(0.000_03).outgoing(udp({ from: asked, to: client, payload: reply, ...hop(63) }), 2, mac(0x0a));
  host.wait(2);
}

const bothLegs = (name: string, why: string, ends: { asked: string; insideClient?: string; server: string }, unknown = false): Scenario =>
  twin(WRONG_SOURCE, name, why, () => {
    const capture = new LinuxHost();
    for (const n of [1, 2, 3]) {
      const client = c(40_200 + n);
      const { request, reply } = dns(0x300 + n);
      const payloads: [Uint8Array, Uint8Array] = unknown
        ? [message(`status of pump ${n}?`), message(`pump ${n} is well`)]
        : [request, reply];
      translated(capture, { client, insideClient: client, ...ends, payloads });
    }
    return { capture };
  });

const oneUnseen = (name: string, payloads: (n: number) => [Uint8Array, Uint8Array], port: number): Scenario =>
  twin(WRONG_SOURCE, name, 'the answer shows both addresses at once, too', () => {
    const capture = new LinuxHost();
    for (const n of [1, 2, 3, 4]) {
      const client = c(40_210 + n);
      const leg = { client, insideClient: client, asked: `${ASKED}:${port}`, server: `10.0.0.53:${port}`, payloads: payloads(n) };
      translated(capture, leg, n === 3);
    }
    return { capture };
  });

const translations: Scenario[] = [
  oneUnseen(
    'NAT on any, one packet missed: DNS',
    (n) => {
      const { request, reply } = dns(0x340 + n);
      return [request, reply];
    },
    53,
  ),
  oneUnseen(
    'NAT on any, one packet missed: a service of no known protocol',
    (n) => [message(`status of ${n}?`), message(`status of ${n}? OK`)],
    PORT,
  ),
  bothLegs('NAT on any: the destination', 'each leg pairs with itself', { asked: `${ASKED}:53`, server: '10.0.0.53:53' }),
  bothLegs('NAT on any: the source', 'the inner leg has another client', {
    asked: `${ASKED}:53`,
    insideClient: '203.0.113.1:61000',
    server: `${ASKED}:53`,
  }),
  bothLegs('NAT on any: both', 'hairpin: the router asks in its own name', {
    asked: `${ASKED}:53`,
    insideClient: '192.0.2.1:61001',
    server: '192.0.2.53:53',
  }),
  bothLegs('NAT on any: the port too', 'a service is published on another port', { asked: `${ASKED}:5353`, server: '172.17.0.2:53' }),
  bothLegs('a service of Kubernetes, on any of the node', 'the service’s address outside, the pod’s inside', {
    asked: '10.96.0.10:53',
    server: '10.1.0.9:53',
  }),
  bothLegs(
    'NAT on any: a service of no known protocol',
    'ports and payload pair each leg',
    { asked: `${ASKED}:${PORT}`, server: `10.0.0.7:${PORT}` },
    true,
  ),
  twin(WRONG_SOURCE, 'NAT, both sides of the box on one mirror port', 'the same on Ethernet, without directions', () => {
    const lan = new Lan();
    for (const n of [1, 2, 3]) {
      const { request, reply } = dns(0x320 + n);
      const client = c(40_300 + n);
      lan.unicast(udp({ from: client, to: `${ASKED}:53`, payload: request, ttl: 60 }), CLIENT.mac, ROUTER.mac);
      lan.wait(0.000_05).unicast(udp({ from: client, to: '10.0.0.53:53', payload: request, ttl: 59 }), ROUTER.mac, mac(0x53));
      lan.wait(0.003).unicast(udp({ from: '10.0.0.53:53', to: client, payload: reply, ttl: 64 }), mac(0x53), ROUTER.mac);
      lan.wait(0.000_05).unicast(udp({ from: `${ASKED}:53`, to: client, payload: reply, ttl: 63 }), ROUTER.mac, CLIENT.mac);
      lan.wait(2);
    }
    return { capture: lan };
  }),
  quiet('direct server return', 'the source is right, whatever card and MAC it comes by', (seat) => {
    for (const id of [1, 2, 3]) talk(seat.wait(2), { client: c(40_400 + id), asked: `${ASKED}:53`, ...dns(id) });
  }),
  twin(WRONG_SOURCE, 'asymmetric but healthy', 'in by one uplink, out by the other, with the address that was asked', () => {
    const host = new LinuxHost();
    for (const id of [1, 2, 3]) {
      const { request, reply } = dns(id);
      host.incoming(udp({ from: c(40_500 + id), to: `${ASKED}:53`, payload: request, ttl: 56 }), 2, mac(0x01));
      host.wait(0.001).outgoing(udp({ from: `${ASKED}:53`, to: c(40_500 + id), payload: reply }), 3, mac(0x0b));
      host.wait(2);
    }
    return { capture: host, expect: [otherWay(`${ASKED}|${CLIENT.ip}`, 3)] };
  }),
];

const captures: Scenario[] = [
  quiet('every packet twice', 'copies of a mirror port', (seat) => {
    for (const id of [1, 2, 3]) {
      const { request, reply } = dns(id);
      for (let i = 0; i < 2; i++) seat.wait(0.000_02).toServer(c(40_600 + id), `${ASKED}:53`, request);
      for (let i = 0; i < 2; i++) seat.wait(0.01).toClient(`${ASKED}:53`, c(40_600 + id), reply);
    }
  }),
  quiet('answers only', 'a capture of one direction: nobody is seen to ask', (seat) => {
    for (const [i, ip] of [ASKED, WRONG, WORSE].entries()) seat.wait(0.5).toClient(`${ip}:53`, c(40_700), dns(i).reply);
  }),
  quiet('questions only', 'a capture of the other direction', (seat) => {
    for (const [i, ip] of [ASKED, WRONG, WORSE].entries()) seat.wait(0.5).toServer(c(40_701), `${ip}:53`, dns(i).request);
  }),
  quiet('the capture begins in the middle', 'the question was before it', (seat) => {
    seat.wait(0.1).toClient(`${WRONG}:53`, c(40_702), dns(1).reply);
    talk(seat.wait(1), { client: c(40_703), asked: `${ASKED}:53`, ...dns(2) });
  }),
  quiet('a traceroute', 'errors of routers are no answers', (seat) => {
    for (let n = 0; n < 3; n++) seat.wait(0.01).toServer(c(40_800), `${ASKED}:${33_434 + n}`, message('probe'), { ttl: n + 1 });
  }),
  twin(WRONG_SOURCE, 'a traceroute over several ways', 'errors come from many hops, the last one from the target', () => {
    const lan = new Lan();
    for (let ttl = 1; ttl <= 8; ttl++) {
      for (let n = 0; n < 3; n++) {
        const probe = udp({ from: c(40_810 + n), to: `${ASKED}:${33_434 + ttl * 3 + n}`, payload: message('SUPERMAN'), ttl });
        lan.wait(0.01).unicast(probe, CLIENT.mac, ROUTER.mac);
        const isLast = ttl === 8;
        const error = (isLast ? portUnreachable : timeExceeded)({
          from: isLast ? ASKED : `203.0.113.${ttl * 3 + n}`,
          to: CLIENT.ip,
          quoted: probe,
        });
        lan.wait(0.012).unicast(error, ROUTER.mac, CLIENT.mac);
      }
    }
    return { capture: lan };
  }),
  twin(WRONG_SOURCE, 'a port scan', 'refusals are no answers', () => {
    const lan = new Lan();
    for (let port = 1; port < 30; port++) {
      const probe = udp({ from: c(55_555), to: `${ASKED}:${port * 100}`, payload: message('hello') });
      lan.wait(0.01).unicast(probe, CLIENT.mac, ROUTER.mac);
      lan.wait(0.01).unicast(portUnreachable({ from: WRONG, to: CLIENT.ip, quoted: probe }), ROUTER.mac, CLIENT.mac);
    }
    return { capture: lan };
  }),
  twin(WRONG_SOURCE, 'fragments from elsewhere', 'a fragment without ports answers nothing', () => {
    const lan = new Lan();
    lan.unicast(udp({ from: c(40_900), to: `${ASKED}:${PORT}`, payload: QUESTION }), CLIENT.mac, ROUTER.mac);
    const [, second] = ipv4Fragments({ from: WRONG, to: CLIENT.ip, protocol: Protocols.Udp, payload: new Uint8Array(LONG), ttl: 56 }, 64);
    if (second) lan.wait(0.02).unicast(second, ROUTER.mac, CLIENT.mac);
    lan.wait(3);
    return { capture: lan };
  }),
  twin(WRONG_SOURCE, 'inside a tunnel', 'without any link layer, right source', () => {
    const raw = new RawCapture();
    for (const id of [1, 2, 3]) {
      raw.send(udp({ from: c(41_000 + id), to: `${ASKED}:53`, payload: dns(id).request }));
      raw.wait(0.02).send(udp({ from: `${ASKED}:53`, to: c(41_000 + id), payload: dns(id).reply }));
      raw.wait(2);
    }
    return { capture: raw };
  }),
  twin(WRONG_SOURCE, 'a question to a link-local address', 'answered from a global one: no more than an info', () => {
    const lan = new Lan();
    const [client, asked, from] = ['[fe80::10]:40000', '[fe80::53]:53', '[2001:db8::53]:53'];
    lan.unicast(udp({ from: client, to: asked, payload: dns(1).request }), CLIENT.mac, mac(0x53));
    lan.wait(0.001).unicast(udp({ from, to: client, payload: dns(1).reply }), mac(0x53), CLIENT.mac);
    lan.wait(3);
    return { capture: lan, open: [finding(WRONG_SOURCE, `fe80::10|${asked}`, { severity: 'info' })] };
  }),
  quiet(
    'server on any: other clients at the same time',
    'each is answered by the address that it asked',
    (seat) => {
      for (let i = 0; i < 10; i++) {
        const asked = i % 2 === 0 ? ASKED : WRONG;
        talk(seat.wait(0.001), { client: `192.0.2.${50 + i}:40000`, asked: `${asked}:53`, ...dns(77) });
      }
      for (let i = 0; i < 10; i++) {
        const asked = i % 2 === 0 ? ASKED : WRONG;
        talk(seat.wait(0.001), {
          client: c(42_000),
          asked: `${asked}:3478`,
          request: stun({ type: 'request', transaction: 700 + i }),
          reply: stun({ type: 'success', transaction: 700 + i }),
        });
      }
    },
    () => atServer(),
    // The server sends everything by one card.
    [...[51, 53, 55, 57, 59].map((last) => otherWay(`${WRONG}|192.0.2.${last}`, 1)), otherWay(`${WRONG}|${CLIENT.ip}`, 5)],
  ),
];

export const scenarios: Scenario[] = [...ports, ...streams, ...translations, ...captures];
