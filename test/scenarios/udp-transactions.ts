import {
  type AnyCapture,
  be16,
  clientAck,
  clientReset,
  dhcp,
  dnsQuery,
  dnsResponse,
  gre,
  ike,
  ip,
  ipv4Fragments,
  l2tpReply,
  l2tpRequest,
  natTraversalIke,
  ntp,
  octets,
  type Protection,
  Protocols,
  portUnreachable,
  quicInitial,
  RawCapture,
  radius,
  serverReset,
  sipRequest,
  sipResponse,
  snmp,
  stun,
  tftpAck,
  tftpData,
  tftpRead,
  udp,
} from '../craft/index.ts';
import { stalled } from './openvpn-stage.ts';
import { finding, incident, type Scenario } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, ROUTER, type Seat, talk, WORSE, WRONG, WRONG_SOURCE, wrongSource } from './udp-stage.ts';

/** A protocol whose answers name the question. */
interface Protocol {
  name: string;
  matchedBy: string;
  port: number;
  /** Port of the client. */
  from?: number;
  severity?: string;
  exchange: (n: number) => { request: Uint8Array; reply: Uint8Array };
}

export const exchangesOf: Protocol[] = [
  {
    name: 'dns',
    matchedBy: 'dns-id',
    port: 53,
    exchange: (n) => ({ request: dnsQuery({ id: 0x1200 + n }), reply: dnsResponse({ id: 0x1200 + n }) }),
  },
  {
    name: 'ntp',
    matchedBy: 'ntp-origin',
    port: 123,
    exchange: (n) => {
      const transmit = 0xe94b_7a10_0000_0000n + BigInt(n) * 0x1234_5678_9abcn;
      return {
        request: ntp({ mode: 'client', transmit }),
        reply: ntp({ mode: 'server', origin: transmit, transmit: transmit + 0x0300_0000n }),
      };
    },
  },
  {
    name: 'snmp',
    matchedBy: 'snmp-request-id',
    port: 161,
    exchange: (n) => ({ request: snmp('get', 0x5a3c1000 + n), reply: snmp('response', 0x5a3c1000 + n) }),
  },
  {
    name: 'radius',
    matchedBy: 'radius-id',
    port: 1812,
    exchange: (n) => ({ request: radius('accessRequest', 40 + n), reply: radius('accessAccept', 40 + n) }),
  },
  {
    name: 'stun',
    matchedBy: 'stun-transaction',
    port: 3478,
    exchange: (n) => ({ request: stun({ type: 'request', transaction: 900 + n }), reply: stun({ type: 'success', transaction: 900 + n }) }),
  },
  {
    name: 'sip',
    matchedBy: 'sip-branch',
    port: 5060,
    from: 5060,
    severity: 'warning',
    exchange: (n) => {
      const call = { callId: `a84b4c76e66710-${n}`, branch: `z9hG4bK776asdhds${n}` };
      return { request: sipRequest(call), reply: sipResponse(call) };
    },
  },
  {
    name: 'dhcp',
    matchedBy: 'dhcp-xid',
    port: 67,
    from: 68,
    exchange: (n) => {
      const lease = { xid: 0x3903f300 + n, mac: CLIENT.mac, ciaddr: CLIENT.ip };
      return { request: dhcp({ type: 'request', ...lease }), reply: dhcp({ type: 'ack', ...lease, yiaddr: CLIENT.ip, serverId: ASKED }) };
    },
  },
  {
    name: 'ike',
    matchedBy: 'ike-spi',
    port: 500,
    from: 500,
    exchange: (n) => {
      const initiatorSpi = 0x1122_3344_5566_7700n + BigInt(n);
      return { request: ike({ initiatorSpi }), reply: ike({ initiatorSpi, responderSpi: 0x99aan + BigInt(n), response: true }) };
    },
  },
  {
    name: 'quic',
    matchedBy: 'quic-cid',
    port: 443,
    exchange: (n) => ({
      request: quicInitial({ destination: 7000 + n, source: 8000 + n }),
      reply: quicInitial({ destination: 8000 + n, source: 9000 + n }),
    }),
  },
  {
    name: 'l2tp',
    matchedBy: 'l2tp-tunnel',
    port: 1701,
    from: 1701,
    exchange: (n) => ({ request: l2tpRequest(0x4d00 + n), reply: l2tpReply(0x4d00 + n, 0x2200 + n) }),
  },
];

const seats: { where: string; seat: () => Seat }[] = [
  { where: 'client', seat: () => atClient(new Lan()) },
  { where: 'server on any', seat: () => atServer() },
];

/** Two questions, both answered from the wrong address. */
const perProtocol = exchangesOf.flatMap((protocol) => seats.map(({ where, seat }) => scenarioOf(protocol, where, seat)));

function scenarioOf(
  { name, matchedBy, port, from = 40_000, severity = 'error', exchange }: Protocol,
  where: string,
  seat: () => Seat,
): Scenario {
  return incident(WRONG_SOURCE, `${name}, ${where}`, 'the answer bears the id of the question: certain by itself', () => {
    const capture = seat();
    const frames = [0, 1].flatMap((n) => {
      const both = talk(capture, { client: `${CLIENT.ip}:${from}`, asked: `${ASKED}:${port}`, from: `${WRONG}:${port}`, ...exchange(n) });
      capture.wait(3);
      return both;
    });
    const details = {
      answeredFrom: [{ ip: WRONG, port, packets: 2 }],
      clientPorts: 1,
      requests: 2,
      repliesRight: 0,
      repliesWrong: 2,
      protocol: name,
      matchedBy,
      pattern: 'fixed',
    };
    return {
      capture,
      expect: [wrongSource(`${ASKED}:${port}`, { severity, confidence: 'certain', count: 2, details, evidenceFrames: frames })],
    };
  });
}

const DNS = `${ASKED}:53`;
const dns = (seat: Seat, id: number, from = DNS, port = 40_000 + id): number[] =>
  talk(seat, { client: `${CLIENT.ip}:${port}`, asked: DNS, from, request: dnsQuery({ id }), reply: dnsResponse({ id }) });

const dnsBy = (seat: Seat, id: number, asked: string, from: string): number[] => {
  const dialogue = {
    client: `${CLIENT.ip}:40000`,
    asked: `${asked}:53`,
    from: `${from}:53`,
    request: dnsQuery({ id }),
    reply: dnsResponse({ id }),
  };
  return talk(seat.wait(1), dialogue);
};
const OPENVPN = `${ASKED}:1194`;
/** What comes of it: one story. */
const STALL = stalled(OPENVPN, { count: 1, details: { cause: 'reply-wrong-source', state: 'S0' } });
/** When a client repeats its reset: the pause doubles from 2 s. */
const RETRIES = [0, 2, 6, 14, 30];
const ROUND_TRIP = 0.03;

interface Attempts {
  protection?: Protection;
  /** Endpoint that answers the reset of this number. */
  from: (i: number) => string;
  client?: string;
  session?: number;
  /** Seconds since the attempts before. */
  pause?: number;
}

/** Resets of a client that gets no answer from where it asked. */
function openvpnAttempts(
  seat: Seat,
  { protection = 'none', from, client = `${CLIENT.ip}:40001`, session = 11, pause = 0 }: Attempts,
): number[] {
  const frames: number[] = [];
  let at = -pause;
  RETRIES.forEach((retry, i) => {
    seat.wait(retry - at);
    const ids = { protection, client: session, replayId: i + 1 };
    frames.push(seat.toServer(client, OPENVPN, clientReset(ids)));
    frames.push(seat.wait(ROUND_TRIP).toClient(from(i), client, serverReset({ ...ids, server: 500 + session })));
    at = retry + ROUND_TRIP;
  });
  return frames;
}

const openvpnDetails = { clientPorts: 1, requests: 5, repliesRight: 0, repliesWrong: 5, protocol: 'openvpn', matchedBy: 'openvpn-session' };

const openvpn = (
  [
    ['none', 'client', 'certain'],
    ['none', 'server on any', 'certain'],
    ['sha1', 'client', 'certain'],
    ['sha1', 'server on any', 'certain'],
    ['tls-crypt', 'client', 'likely'],
    ['tls-crypt', 'server on any', 'likely'],
  ] as const
).map(([protection, where, confidence]) => {
  const how = { none: 'plain', sha1: 'tls-auth', 'tls-crypt': 'tls-crypt' }[protection];
  const why = protection === 'tls-crypt' ? 'the session id is hidden: likely' : "the server's reset quotes the client's session: certain";
  return incident(WRONG_SOURCE, `openvpn ${how}, ${where}`, why, () => {
    const capture = where === 'client' ? atClient(new Lan()) : atServer();
    const frames = openvpnAttempts(capture, { protection, from: () => `${WRONG}:1194` });
    capture.wait(5);
    const details = { ...openvpnDetails, answeredFrom: [{ ip: WRONG, port: 1194, packets: 5 }], pattern: 'fixed' };
    return {
      capture,
      expect: [wrongSource(OPENVPN, { confidence, count: 5, details, evidenceFrames: frames, related: [STALL.id] }), STALL],
    };
  });
});

export const scenarios: Scenario[] = [
  ...perProtocol,
  ...openvpn,
  incident(WRONG_SOURCE, 'openvpn, the answers take turns', 'several wrong sources, one after the other: rotating', () => {
    const capture = atClient(new Lan());
    openvpnAttempts(capture, { from: (i) => (i % 2 === 0 ? `${WRONG}:1194` : `${WORSE}:1194`) });
    const answeredFrom = [
      { ip: WRONG, port: 1194, packets: 3 },
      { ip: WORSE, port: 1194, packets: 2 },
    ];
    const details = { ...openvpnDetails, answeredFrom, pattern: 'rotating' };
    return { capture, expect: [STALL, wrongSource(OPENVPN, { confidence: 'certain', count: 5, details })] };
  }),
  incident(WRONG_SOURCE, 'openvpn, the client starts again from another port', 'a client counts by its address, whatever its port', () => {
    const capture = atClient(new Lan());
    openvpnAttempts(capture, { from: () => `${WRONG}:1194` });
    openvpnAttempts(capture, { from: () => `${WRONG}:1194`, client: `${CLIENT.ip}:40002`, session: 12, pause: 33 });
    const details = {
      ...openvpnDetails,
      answeredFrom: [{ ip: WRONG, port: 1194, packets: 10 }],
      clientPorts: 2,
      requests: 10,
      repliesWrong: 10,
    };
    return {
      capture,
      expect: [
        wrongSource(OPENVPN, { confidence: 'certain', count: 10, details: { ...details, pattern: 'fixed' } }),
        { ...STALL, count: 2 },
      ],
    };
  }),
  incident(
    WRONG_SOURCE,
    'openvpn, a single attempt with its acknowledgement',
    'a client that does not mind the source goes on with the same session',
    () => {
      const capture = atClient(new Lan());
      const client = `${CLIENT.ip}:40001`;
      const ids = { client: 21, server: 521 };
      const frames = talk(capture, {
        client,
        asked: OPENVPN,
        from: `${WRONG}:1194`,
        request: clientReset({ client: 21 }),
        reply: serverReset(ids),
      });
      capture.wait(0.01).toServer(client, OPENVPN, clientAck(ids));
      capture.wait(3);
      const details = { repliesWrong: 1, matchedBy: 'openvpn-session' };
      return { capture, expect: [wrongSource(OPENVPN, { confidence: 'certain', count: 1, details, evidenceFrames: frames })] };
    },
  ),

  incident(WRONG_SOURCE, 'tftp, another address', 'another port is how it works, another address is not', () => {
    const capture = atClient(new Lan());
    const client = `${CLIENT.ip}:2070`;
    const from = `${WRONG}:34567`;
    const frames = talk(capture, { client, asked: `${ASKED}:69`, from, request: tftpRead('boot.img'), reply: tftpData(1) });
    capture.wait(3);
    const details = { answeredFrom: [{ ip: WRONG, port: 34_567, packets: 1 }], protocol: 'tftp', matchedBy: 'tftp-transfer' };
    return { capture, expect: [wrongSource(`${ASKED}:69`, { count: 1, details, evidenceFrames: frames })] };
  }),
  incident(WRONG_SOURCE, 'tftp, server on any', 'the same from inside; the client goes on with the other address', () => {
    const capture = atServer();
    const client = `${CLIENT.ip}:2070`;
    const frames = talk(capture, {
      client,
      asked: `${ASKED}:69`,
      from: `${WRONG}:34567`,
      request: tftpRead('boot.img'),
      reply: tftpData(1),
    });
    capture.wait(0.02).toServer(client, `${WRONG}:34567`, tftpAck(1));
    capture.wait(3);
    return {
      capture,
      expect: [
        wrongSource(`${ASKED}:69`, { details: { matchedBy: 'tftp-transfer' }, evidenceFrames: frames }),
        // What the client sends there comes in by that address's own card.
        finding('interface-asymmetry', `${WRONG}|${CLIENT.ip}`, { severity: 'notice' }),
      ],
    };
  }),
  incident(
    WRONG_SOURCE,
    'tftp, four transfers',
    'each answer has a port of its own: addresses count, and right answers from another port too',
    () => {
      const capture = atClient(new Lan());
      // The third server answers from the port that was asked, which is allowed too.
      for (const [i, from] of [`${WRONG}:34567`, `${ASKED}:40000`, `${ASKED}:69`, `${WRONG}:34568`].entries()) {
        talk(capture, {
          client: `${CLIENT.ip}:${2070 + i}`,
          asked: `${ASKED}:69`,
          from,
          request: tftpRead('boot.img'),
          reply: tftpData(1),
        });
        capture.wait(3);
      }
      const details = {
        answeredFrom: [{ ip: WRONG, port: 34_567, packets: 2 }],
        requests: 4,
        repliesRight: 2,
        repliesWrong: 2,
        pattern: 'rotating' as const,
      };
      return { capture, expect: [wrongSource(`${ASKED}:69`, { count: 2, details })] };
    },
  ),
  incident(WRONG_SOURCE, 'radius accounting', 'every port of RADIUS', () => {
    const capture = atClient(new Lan());
    const asked = `${ASKED}:1813`;
    const exchange = { request: radius('accountingRequest', 9), reply: radius('accountingResponse', 9) };
    talk(capture, { client: `${CLIENT.ip}:40000`, asked, from: `${WRONG}:1813`, ...exchange });
    capture.wait(3);
    return {
      capture,
      expect: [wrongSource(asked, { confidence: 'certain', count: 1, details: { protocol: 'radius', matchedBy: 'radius-id' } })],
    };
  }),
  incident(WRONG_SOURCE, 'ike on the port of NAT traversal', 'four zero octets before the header', () => {
    const capture = atClient(new Lan());
    const asked = `${ASKED}:4500`;
    const initiatorSpi = 0x1122334455667788n;
    const request = natTraversalIke({ initiatorSpi });
    const reply = natTraversalIke({ initiatorSpi, responderSpi: 0x99n, response: true });
    talk(capture, { client: `${CLIENT.ip}:4500`, asked, from: `${WRONG}:4500`, request, reply });
    capture.wait(3);
    return {
      capture,
      expect: [wrongSource(asked, { confidence: 'certain', count: 1, details: { protocol: 'ike', matchedBy: 'ike-spi' } })],
    };
  }),

  incident(WRONG_SOURCE, 'dns, the answers take turns', 'two wrong sources, alternating', () => {
    const capture = atClient(new Lan());
    for (let i = 0; i < 6; i++) {
      dns(capture, i, i % 2 === 0 ? `${WRONG}:53` : `${WORSE}:53`, 40_000);
      capture.wait(2);
    }
    const answeredFrom = [
      { ip: WRONG, port: 53, packets: 3 },
      { ip: WORSE, port: 53, packets: 3 },
    ];
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 6, details: { answeredFrom, pattern: 'rotating' } })] };
  }),
  incident(WRONG_SOURCE, 'dns, a new port for each query', 'one subject, its ports are counted', () => {
    const capture = atClient(new Lan());
    const frames = [1, 2, 3].flatMap((id) => {
      const both = dns(capture, id, `${WRONG}:53`);
      capture.wait(2);
      return both;
    });
    const details = { clientPorts: 3, requests: 3, repliesWrong: 3, pattern: 'fixed' };
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 3, details, evidenceFrames: frames })] };
  }),
  incident(WRONG_SOURCE, 'dns, only some answers', 'right and wrong replies are counted apart', () => {
    const capture = atClient(new Lan());
    for (let id = 0; id < 5; id++) {
      dns(capture, id, id === 2 ? `${WRONG}:53` : DNS);
      capture.wait(2);
    }
    const details = { clientPorts: 5, requests: 5, repliesRight: 4, repliesWrong: 1, answeredFrom: [{ ip: WRONG, port: 53, packets: 1 }] };
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, details })] };
  }),
  incident(WRONG_SOURCE, 'dns, from another port of the other address', 'the id from another port counts too, but one step lower', () => {
    const capture = atClient(new Lan());
    dns(capture, 1, `${WRONG}:10053`);
    capture.wait(3);
    const details = { answeredFrom: [{ ip: WRONG, port: 10_053, packets: 1 }], repliesWrong: 1, matchedBy: 'dns-id' };
    return { capture, expect: [wrongSource(DNS, { confidence: 'likely', count: 1, details })] };
  }),
  incident(WRONG_SOURCE, 'dns, the client rejects the answer', 'a connected socket answers with port unreachable', () => {
    const lan = new Lan();
    const capture = atClient(lan);
    const frames = dns(capture, 1, `${WRONG}:53`);
    const quoted = udp({ from: `${WRONG}:53`, to: `${CLIENT.ip}:40001`, payload: dnsResponse({ id: 1 }), ttl: 56 });
    lan.wait(0.00005).unicast(portUnreachable({ from: CLIENT.ip, to: WRONG, quoted }), CLIENT.mac, ROUTER.mac);
    lan.wait(3);
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, evidenceFrames: frames })] };
  }),
  incident(
    WRONG_SOURCE,
    'dns over IPv6 from a privacy address',
    'real and common: the answer comes from a temporary address of the same subnet',
    () => {
      const capture = atClient(new Lan());
      const asked = '[2001:db8:1::53]:53';
      const from = '[2001:db8:1:0:a1b2:c3d4:e5f6:1]:53';
      const client = '2001:db8::10';
      talk(capture, { client: `[${client}]:40000`, asked, from, request: dnsQuery({ id: 5 }), reply: dnsResponse({ id: 5 }) });
      capture.wait(3);
      const details = { answeredFrom: [{ ip: '2001:db8:1:0:a1b2:c3d4:e5f6:1', port: 53, packets: 1 }], matchedBy: 'dns-id' };
      return { capture, expect: [wrongSource(asked, { client, confidence: 'certain', count: 1, details })] };
    },
  ),
  incident(WRONG_SOURCE, 'dns, upper and lower case mixed', 'the name in the answer may differ in case', () => {
    const capture = atClient(new Lan());
    const request = dnsQuery({ id: 5, name: 'GaTEway.eXAMple' });
    talk(capture, { client: `${CLIENT.ip}:40000`, asked: DNS, from: `${WRONG}:53`, request, reply: dnsResponse({ id: 5 }) });
    capture.wait(3);
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 1 })] };
  }),
  incident(WRONG_SOURCE, 'dns, every packet twice', 'copies of a mirror port count once', () => {
    const lan = new Lan();
    const query = udp({ from: `${CLIENT.ip}:40000`, to: DNS, payload: dnsQuery({ id: 5 }) });
    const answer = udp({ from: `${WRONG}:53`, to: `${CLIENT.ip}:40000`, payload: dnsResponse({ id: 5 }), ttl: 56 });
    for (let i = 0; i < 2; i++) lan.wait(0.00001).unicast(query, CLIENT.mac, ROUTER.mac);
    lan.wait(0.02);
    for (let i = 0; i < 2; i++) lan.wait(0.00001).unicast(answer, ROUTER.mac, CLIENT.mac);
    lan.wait(3);
    return { capture: lan, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, details: { requests: 1, repliesWrong: 1 } })] };
  }),
  incident(WRONG_SOURCE, 'dns, server on any with a bridge', 'the same packet on the bridge and on its port is one', () => {
    const host = new LinuxHost();
    const query = udp({ from: `${CLIENT.ip}:40000`, to: DNS, payload: dnsQuery({ id: 5 }) });
    const answer = udp({ from: `${WRONG}:53`, to: `${CLIENT.ip}:40000`, payload: dnsResponse({ id: 5 }) });
    for (const ifindex of [2, 5]) host.wait(0.00001).incoming(query, ifindex, mac(0x01));
    host.wait(0.0005);
    for (const ifindex of [5, 2]) host.wait(0.00001).outgoing(answer, ifindex, mac(0x0a));
    host.wait(3);
    return { capture: host, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, details: { requests: 1, repliesWrong: 1 } })] };
  }),
  incident(WRONG_SOURCE, 'dns inside GRE', 'rules run in each layer; the id names the path', () => {
    const lan = new Lan();
    const [near, far] = ['198.51.100.1', '198.51.100.2'];
    const query = udp({ from: `${CLIENT.ip}:40000`, to: '10.0.0.53:53', payload: dnsQuery({ id: 5 }) });
    const answer = udp({ from: '10.0.1.53:53', to: `${CLIENT.ip}:40000`, payload: dnsResponse({ id: 5 }) });
    const frames = [
      lan.unicast(gre(near, far, query), CLIENT.mac, ROUTER.mac),
      lan.wait(0.02).unicast(gre(far, near, answer), ROUTER.mac, CLIENT.mac),
    ];
    lan.wait(3);
    const rest = { at: '@gre', encapsulation: ['gre'], confidence: 'certain', count: 1, evidenceFrames: frames };
    return { capture: lan, expect: [wrongSource('10.0.0.53:53', rest)] };
  }),
  incident(WRONG_SOURCE, 'dns, capture inside a tunnel', 'without any link layer', () => {
    const raw = new RawCapture();
    raw.send(udp({ from: `${CLIENT.ip}:40000`, to: DNS, payload: dnsQuery({ id: 5 }) }));
    raw.wait(0.02).send(udp({ from: `${WRONG}:53`, to: `${CLIENT.ip}:40000`, payload: dnsResponse({ id: 5 }) }));
    raw.wait(3);
    return { capture: raw, expect: [wrongSource(DNS, { confidence: 'certain', count: 1 })] };
  }),
  incident(WRONG_SOURCE, 'dns, the answer in fragments', 'the first fragment has ports and id', () => {
    const lan = new Lan();
    lan.unicast(udp({ from: `${CLIENT.ip}:40000`, to: DNS, payload: dnsQuery({ id: 5 }) }), CLIENT.mac, ROUTER.mac);
    const long = octets(dnsResponse({ id: 5 }), new Uint8Array(2000));
    const datagram = octets(be16(53), be16(40_000), be16(8 + long.length), be16(0), long);
    const pieces = ipv4Fragments({ from: WRONG, to: CLIENT.ip, protocol: Protocols.Udp, payload: datagram, ttl: 56 }, 1480);
    lan.wait(0.02);
    for (const piece of pieces) lan.wait(0.00002).unicast(piece, ROUTER.mac, CLIENT.mac);
    lan.wait(3);
    return { capture: lan, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, details: { repliesWrong: 1 } })] };
  }),
  incident(WRONG_SOURCE, 'dns, two clients and two servers', 'one finding for each client and each address that was asked', () => {
    const lan = new Lan();
    const seat = atClient(lan);
    const pairs = [
      ['192.0.2.10', '198.51.100.7:53'],
      ['192.0.2.11', '198.51.100.7:53'],
      ['192.0.2.10', '198.51.100.8:53'],
    ] as const;
    pairs.forEach(([client, asked], i) => {
      talk(seat, {
        client: `${client}:40000`,
        asked,
        from: `${WRONG}:53`,
        request: dnsQuery({ id: 80 + i }),
        reply: dnsResponse({ id: 80 + i }),
      });
      seat.wait(11);
    });
    return { capture: lan, expect: pairs.map(([client, asked]) => wrongSource(asked, { client, confidence: 'certain', count: 1 })) };
  }),
  incident(
    WRONG_SOURCE,
    'dns, two questions from one port, one answered from elsewhere, the other one right after it',
    'another answer is no sighting of the first one',
    () => {
      const seat = atClient(new Lan());
      for (let id = 0; id < 8; id += 2) {
        const client = `${CLIENT.ip}:${40_000 + id}`;
        for (const each of [id, id + 1]) seat.toServer(client, DNS, dnsQuery({ id: each }));
        seat.wait(0.02).toClient(`${WRONG}:53`, client, dnsResponse({ id }));
        seat.wait(0.001).toClient(DNS, client, dnsResponse({ id: id + 1 }));
        seat.wait(2);
      }
      return { capture: seat, expect: [wrongSource(DNS, { confidence: 'certain', count: 4, details: { repliesRight: 4 } })] };
    },
  ),
  incident(WRONG_SOURCE, 'dns, both addresses of one resolver are asked', 'one in four answers comes from the other: certain', () => {
    const capture = atClient(new Lan());
    for (let id = 0; id < 8; id++) {
      const asked = id % 2 === 0 ? ASKED : WRONG;
      dnsBy(capture, id, asked, id === 4 ? WRONG : asked);
    }
    return { capture, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, details: { requests: 4, repliesRight: 3 } })] };
  }),
  incident(WRONG_SOURCE, 'dns, two resolvers, and one question that the capture may have missed', 'one answer of fifty: possible', () => {
    const capture = atClient(new Lan());
    for (let id = 0; id < 50; id++) {
      const asked = id % 2 === 0 ? ASKED : WRONG;
      dnsBy(capture, id, asked, id === 40 ? WRONG : asked);
    }
    return { capture, expect: [wrongSource(DNS, { confidence: 'possible', count: 1, details: { requests: 25, repliesRight: 24 } })] };
  }),
  incident(WRONG_SOURCE, 'a service whose client sees the pod', 'the leg of the client alone: the translation back is missing', () => {
    const capture = atClient(new Lan());
    const asked = '10.96.0.10:53';
    talk(capture, { client: '10.1.0.5:40000', asked, from: '10.1.0.9:53', request: dnsQuery({ id: 5 }), reply: dnsResponse({ id: 5 }) });
    capture.wait(3);
    return { capture, expect: [wrongSource(asked, { client: '10.1.0.5', confidence: 'certain', count: 1 })] };
  }),
  incident(WRONG_SOURCE, 'dns, the server has half a minute of other work', 'other conversations between do not disturb the match', () => {
    const host = new LinuxHost();
    const seat = atServer(host);
    const background = (n: number): void => otherTraffic(host, n);
    background(0);
    const frames = dns(seat, 1, `${WRONG}:53`);
    background(1);
    seat.wait(30);
    background(2);
    return { capture: seat, expect: [wrongSource(DNS, { confidence: 'certain', count: 1, evidenceFrames: frames })] };
  }),
];

/** Right questions and answers of others. */
function otherTraffic(host: AnyCapture, n: number): void {
  for (let i = 0; i < 10; i++) {
    const client = `192.0.2.${100 + i}:${41_000 + n}`;
    host.wait(0.01).incoming(udp({ from: client, to: DNS, payload: dnsQuery({ id: 300 + i }) }), 2, mac(0x01));
    host.wait(0.001).outgoing(udp({ from: DNS, to: client, payload: dnsResponse({ id: 300 + i }) }), 2, mac(0x0a));
    host.wait(0.001).incoming(ip({ from: '192.0.2.200', to: ASKED, protocol: 89, payload: octets(2, 1, be16(44)) }), 2, mac(0x01));
  }
}
