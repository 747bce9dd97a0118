import {
  changeRequest,
  clientAck,
  clientReset,
  dhcp,
  dnsQuery,
  dnsResponse,
  ike,
  l2tpReply,
  l2tpRequest,
  message,
  multicastMac,
  natTraversalIke,
  netbiosQuery,
  netbiosResponse,
  ntp,
  octets,
  openvpnData,
  quicHandshake,
  quicInitial,
  radius,
  serverReset,
  sipRequest,
  sipResponse,
  snmp,
  ssdpResponse,
  ssdpSearch,
  stun,
  tftpAck,
  tftpData,
  tftpRead,
  udp,
} from '../craft/index.ts';
import { type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, ROUTER, type Seat, talk, WORSE, WRONG, WRONG_SOURCE } from './udp-stage.ts';
import { exchangesOf } from './udp-transactions.ts';

const ROUND_TRIP = 0.02;

/** What is legal, and therefore quiet, as the client sees it. */
const legal = (name: string, why: string, play: (seat: Seat) => void): Scenario =>
  twin(WRONG_SOURCE, name, why, () => {
    const capture = atClient(new Lan());
    play(capture);
    capture.wait(3);
    return { capture };
  });

/** The same on the segment itself: questions to all, answers of some. */
const onSegment = (name: string, why: string, play: (lan: Lan) => void): Scenario =>
  twin(WRONG_SOURCE, name, why, () => {
    const capture = new Lan();
    play(capture);
    capture.wait(3);
    return { capture };
  });

interface Shout {
  /** Endpoint of the group, or of the broadcast address. */
  to: string;
  from: string;
  question: Uint8Array;
  answer: Uint8Array;
  /** Port of the answers. */
  port: number;
  answers?: string[];
}

const NEIGHBOURS = ['192.0.2.31', '192.0.2.47'];
const ipOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/[[\]]/g, '');

/** A question to a group or to all, and answers of those who feel meant. */
function shout(lan: Lan, { to, from, question, answer, port, answers = NEIGHBOURS }: Shout): void {
  lan.unicast(udp({ from, to, payload: question, ttl: 4 }), CLIENT.mac, multicastMac(ipOf(to)) ?? 'ff:ff:ff:ff:ff:ff');
  for (const [i, ip] of answers.entries()) {
    const source = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
    lan.wait(0.01).unicast(udp({ from: source, to: from, payload: answer }), mac(0x31 + i), CLIENT.mac);
  }
  lan.wait(2);
}

const c = (port: number): string => `${CLIENT.ip}:${port}`;
const dns = (id: number): { request: Uint8Array; reply: Uint8Array } => ({ request: dnsQuery({ id }), reply: dnsResponse({ id }) });

/** Each protocol as it should be. */
const repaired = exchangesOf.flatMap(({ name, port, from, exchange }) =>
  [
    { where: 'client', at: () => atClient(new Lan()) },
    { where: 'server on any', at: () => atServer() },
  ].map(({ where, at }) =>
    twin(WRONG_SOURCE, `${name}, ${where}: repaired`, 'the answer comes from where the question went', () => {
      const capture = at();
      for (const n of [0, 1, 2]) {
        talk(capture, { client: c(from ?? 40_000), asked: `${ASKED}:${port}`, ...exchange(n) });
        capture.wait(3);
      }
      return { capture };
    }),
  ),
);

const groups: Scenario[] = [
  onSegment('mDNS', 'a question to the group is answered by unicast, from any address', (lan) => {
    const port = 5353;
    const { request, reply } = dns(0);
    shout(lan, { to: `224.0.0.251:${port}`, from: c(port), question: request, answer: reply, port });
    shout(lan, { to: `224.0.0.251:${port}`, from: c(49_152), question: request, answer: reply, port });
    const v6 = { to: `[ff02::fb]:${port}`, from: `[fe80::10]:${port}`, answers: ['fe80::31', 'fe80::47'] };
    shout(lan, { ...v6, question: request, answer: reply, port });
  }),
  onSegment('LLMNR', 'the same for names of the link', (lan) => {
    const port = 5355;
    const { request, reply } = dns(0x4d4d);
    shout(lan, { to: `224.0.0.252:${port}`, from: c(50_001), question: request, answer: reply, port });
    shout(lan, { to: `[ff02::1:3]:${port}`, from: '[fe80::10]:50002', question: request, answer: reply, port, answers: ['fe80::31'] });
  }),
  onSegment('SSDP', 'a search is answered by every device', (lan) => {
    const port = 1900;
    shout(lan, { to: `239.255.255.250:${port}`, from: c(50_003), question: ssdpSearch, answer: ssdpResponse, port });
  }),
  onSegment('SSDP from ports of their own', 'some devices answer from any port', (lan) => {
    shout(lan, { to: '239.255.255.250:1900', from: c(50_003), question: ssdpSearch, answer: ssdpResponse, port: 49_671 });
  }),
  onSegment('WS-Discovery', 'a probe is answered by every device', (lan) => {
    const port = 3702;
    const [question, answer] = [message('<Probe/> uuid:7'), message('<ProbeMatches/> uuid:7')];
    shout(lan, { to: `239.255.255.250:${port}`, from: c(50_004), question, answer, port });
  }),
  onSegment('NetBIOS names', 'a query to the broadcast address', (lan) => {
    const port = 137;
    const [question, answer] = [netbiosQuery(0x8001), netbiosResponse(0x8001, '192.0.2.31')];
    shout(lan, { to: `192.0.2.255:${port}`, from: c(port), question, answer, port, answers: ['192.0.2.31'] });
  }),
  onSegment('a service that is searched by broadcast', 'no protocol that is known', (lan) => {
    const [question, answer] = [message('who is a printer?'), message('I am a printer')];
    for (const to of ['255.255.255.255:9999', '192.0.2.255:9999']) shout(lan, { to, from: c(40_007), question, answer, port: 9999 });
  }),
  onSegment('a directed broadcast that does not end in 255', 'the frame goes to all: 192.0.2.127 of a network with 25 bits', (lan) => {
    const [question, answer] = [message('who is a printer?'), message('I am a printer')];
    shout(lan, { to: '192.0.2.127:9999', from: c(40_008), question, answer, port: 9999 });
    shout(lan, { to: '192.0.2.127:53', from: c(40_009), ...{ question: dns(9).request, answer: dns(9).reply }, port: 53 });
  }),
  twin(WRONG_SOURCE, 'a directed broadcast, on any of the server', 'the packet type says that it went to all', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 3; i++) {
      const [question, answer] = [message(`who is printer ${i}?`), message(`who is printer ${i}? I am`)];
      const asks = udp({ from: c(40_008 + i), to: '192.0.2.127:9999', payload: question });
      capture.heard(asks, CLIENT.mac, [2]);
      capture.wait(ROUND_TRIP).outgoing(udp({ from: '192.0.2.20:9999', to: c(40_008 + i), payload: answer }), 2, mac(0x0a));
      capture.wait(3);
    }
    return { capture };
  }),
  onSegment('DHCP, discover and request by broadcast', 'two servers offer, each with its own address', (lan) => {
    const lease = { xid: 0x77, mac: CLIENT.mac };
    const all = { from: '0.0.0.0:68', to: '255.255.255.255:67', port: 67 };
    shout(lan, { ...all, question: dhcp({ type: 'discover', ...lease }), answer: octets(0), answers: [] });
    for (const [i, serverId] of NEIGHBOURS.entries()) {
      const offer = dhcp({ type: 'offer', ...lease, yiaddr: `192.0.2.${100 + i}`, serverId });
      lan.wait(0.02).unicast(udp({ from: `${serverId}:67`, to: `192.0.2.${100 + i}:68`, payload: offer }), mac(0x31 + i), CLIENT.mac);
    }
    shout(lan, { ...all, question: dhcp({ type: 'request', ...lease, serverId: '192.0.2.31' }), answer: octets(0), answers: [] });
    const ack = dhcp({ type: 'ack', ...lease, yiaddr: '192.0.2.100', serverId: '192.0.2.31' });
    lan.wait(0.02).broadcast(udp({ from: '192.0.2.31:67', to: '255.255.255.255:68', payload: ack }), mac(0x31));
  }),
  onSegment('DHCP, a relay', 'the relay asks a server that answers with another identifier', (lan) => {
    const lease = { xid: 0x78, mac: CLIENT.mac, giaddr: '192.0.2.1' };
    const asked = '198.51.100.67:67';
    lan.unicast(udp({ from: '192.0.2.1:67', to: asked, payload: dhcp({ type: 'discover', ...lease }) }), ROUTER.mac, mac(0x02));
    const offer = dhcp({ type: 'offer', ...lease, yiaddr: '192.0.2.100', serverId: '198.51.100.68' });
    lan.wait(0.02).unicast(udp({ from: asked, to: '192.0.2.1:67', payload: offer }), mac(0x02), ROUTER.mac);
  }),
  onSegment('NTP broadcast', 'mode 5 asks nobody', (lan) => {
    lan.unicast(
      udp({ from: c(123), to: `${ASKED}:123`, payload: ntp({ mode: 'client', transmit: 0xe94b_0001n }) }),
      CLIENT.mac,
      ROUTER.mac,
    );
    const news = ntp({ mode: 'broadcast', transmit: 0xe94b_7a10_0000_0000n });
    lan.wait(0.3).broadcast(udp({ from: '192.0.2.31:123', to: '192.0.2.255:123', payload: news }), mac(0x31));
  }),
];

const protocolsWithLeave: Scenario[] = [
  legal('tftp, another port', 'each transfer has a port of its own (RFC 1350 section 4)', (seat) => {
    const client = c(2070);
    const server = `${ASKED}:34567`;
    seat.toServer(client, `${ASKED}:69`, tftpRead('boot.img'));
    for (let block = 1; block < 6; block++) {
      seat.wait(ROUND_TRIP).toClient(server, client, tftpData(block));
      seat.wait(0.001).toServer(client, server, tftpAck(block));
    }
  }),
  legal('stun, CHANGE-REQUEST', 'the answer from the other address is what was asked for', (seat) => {
    const request = stun({ type: 'request', transaction: 31, attributes: [changeRequest] });
    const reply = stun({ type: 'success', transaction: 31 });
    talk(seat, { client: c(40_000), asked: `${ASKED}:3478`, from: `${WRONG}:3479`, request, reply });
    talk(seat.wait(1), { client: c(40_000), asked: `${ASKED}:3478`, from: `${WRONG}:3478`, request, reply });
  }),
  legal('stun, the other address was asked before', 'any packet to it is enough: relays hand over', (seat) => {
    const other = `${WRONG}:3478`;
    const first = { request: stun({ type: 'request', transaction: 32 }), reply: stun({ type: 'success', transaction: 32 }) };
    talk(seat, { client: c(40_000), asked: other, ...first });
    const second = { request: stun({ type: 'request', transaction: 33 }), reply: stun({ type: 'success', transaction: 33 }) };
    talk(seat.wait(1), { client: c(40_000), asked: `${ASKED}:3478`, from: other, ...second });
  }),
  legal('stun, many candidates', 'hole punching: checks to and from several addresses at once', (seat) => {
    const peers = [`${ASKED}:40100`, `${WRONG}:40100`, `${WORSE}:40100`];
    for (let round = 0; round < 3; round++) {
      for (const [i, peer] of peers.entries())
        seat.wait(0.01).toServer(c(40_000), peer, stun({ type: 'request', transaction: 60 + round * 3 + i }));
      for (const [i, peer] of peers.toReversed().entries()) {
        const transaction = 60 + round * 3 + (peers.length - 1 - i);
        seat.wait(0.01).toClient(peer, c(40_000), stun({ type: 'success', transaction }));
        seat.wait(0.005).toClient(peer, c(40_000), stun({ type: 'request', transaction: 100 + transaction }));
      }
    }
  }),
  legal('sip, another port of the same host', 'a response may come from another port (RFC 3581)', (seat) => {
    const call = { callId: 'f81d4fae', branch: 'z9hG4bK77' };
    talk(seat, { client: c(5060), asked: `${ASKED}:5060`, from: `${ASKED}:5080`, request: sipRequest(call), reply: sipResponse(call) });
  }),
  legal('ike, from port 500 to 4500', 'the exchange goes on at the port for NAT traversal (RFC 7296 section 2.23)', (seat) => {
    const [initiatorSpi, responderSpi] = [0x1122334455667788n, 0x99aabbccn];
    const first = { request: ike({ initiatorSpi }), reply: ike({ initiatorSpi, responderSpi, response: true }) };
    talk(seat, { client: c(500), asked: `${ASKED}:500`, ...first });
    const auth = { initiatorSpi, responderSpi, exchange: 35, messageId: 1 };
    talk(seat, {
      client: c(4500),
      asked: `${ASKED}:4500`,
      request: natTraversalIke(auth),
      reply: natTraversalIke({ ...auth, response: true }),
    });
  }),
  legal('ike, the peer moves (MOBIKE)', 'UPDATE_SA_ADDRESSES comes from a new address and is answered there', (seat) => {
    const sa = { initiatorSpi: 0x1122334455667799n, responderSpi: 0x99aabbddn, exchange: 37 };
    const update = (n: number) => ({
      request: natTraversalIke({ ...sa, messageId: n }),
      reply: natTraversalIke({ ...sa, messageId: n, response: true }),
    });
    talk(seat, { client: c(4500), asked: `${ASKED}:4500`, ...update(2) });
    talk(seat.wait(1), { client: '192.0.2.99:4500', asked: `${ASKED}:4500`, ...update(3) });
  }),
  legal('l2tp, the reply from a new port', 'the first reply may come from another port (RFC 2661 section 8.1)', (seat) => {
    talk(seat, {
      client: c(1701),
      asked: `${ASKED}:1701`,
      from: `${ASKED}:50123`,
      request: l2tpRequest(0x4d77),
      reply: l2tpReply(0x4d77, 0x2277),
    });
  }),
  legal('quic, the client migrates', 'another address of the client, the same connection', (seat) => {
    const server = `${ASKED}:443`;
    talk(seat, {
      client: c(40_000),
      asked: server,
      request: quicInitial({ destination: 7000, source: 8000 }),
      reply: quicInitial({ destination: 8000, source: 9000 }),
    });
    seat.wait(0.01).toClient(server, c(40_000), quicHandshake({ destination: 8000, source: 9000 }));
    talk(seat, {
      client: '192.0.2.99:40555',
      asked: server,
      request: quicHandshake({ destination: 9000, source: 8000 }),
      reply: quicHandshake({ destination: 8000, source: 9000 }),
    });
  }),
  legal('openvpn, the client floats', 'its port changes in the middle; the server answers there', (seat) => {
    const server = `${ASKED}:1194`;
    const ids = { client: 41, server: 541 };
    talk(seat, { client: c(40_001), asked: server, request: clientReset({ client: 41 }), reply: serverReset(ids) });
    seat.wait(0.01).toServer(c(40_001), server, clientAck(ids));
    for (let i = 0; i < 10; i++) {
      const client = c(i < 5 ? 40_001 : 40_002);
      talk(seat.wait(1), { client, asked: server, request: openvpnData(0, 2 * i), reply: openvpnData(0, 2 * i + 1) });
    }
  }),
  legal('snmp, a trap meanwhile', 'news of another host are no answer', (seat) => {
    seat.toServer(c(161), `${ASKED}:161`, snmp('get', 77));
    seat.wait(ROUND_TRIP).toClient(`${WRONG}:40162`, c(162), snmp('trap', 77));
    seat.wait(0.01).toClient(`${ASKED}:161`, c(161), snmp('response', 77));
  }),
  legal('radius, a proxy', 'the proxy asks in its own name, and answers for itself', (seat) => {
    const nas = c(40_000);
    seat.toServer(nas, `${ASKED}:1812`, radius('accessRequest', 7));
    seat.wait(0.001).toServer(`${ASKED}:1814`, `${WRONG}:1812`, radius('accessRequest', 7));
    seat.wait(0.01).toClient(`${WRONG}:1812`, `${ASKED}:1814`, radius('accessAccept', 7));
    seat.wait(0.001).toClient(`${ASKED}:1812`, nas, radius('accessAccept', 7));
  }),
];

const resolvers: Scenario[] = [
  legal('dns, two resolvers with one id', 'both are asked and both answer, in whatever order', (seat) => {
    for (const id of [5, 6, 7]) {
      const { request, reply } = dns(id);
      seat.toServer(c(40_000 + id), `${ASKED}:53`, request);
      seat.wait(0.0001).toServer(c(40_000 + id), `${WRONG}:53`, request);
      const order = id === 6 ? [ASKED, WRONG] : [WRONG, ASKED];
      for (const server of order) seat.wait(0.01).toClient(`${server}:53`, c(40_000 + id), reply);
      seat.wait(2);
    }
  }),
  legal('dns, the second resolver after a timeout', 'both are asked; the second answers', (seat) => {
    const { request, reply } = dns(8);
    seat.toServer(c(40_008), `${ASKED}:53`, request);
    seat.wait(5).toServer(c(40_008), `${WRONG}:53`, request);
    seat.wait(0.02).toClient(`${WRONG}:53`, c(40_008), reply);
  }),
  legal('dns, the second resolver answers before it is seen to be asked', 'a capture may have its packets in another order', (seat) => {
    const { request, reply } = dns(9);
    seat.toServer(c(40_009), `${ASKED}:53`, request);
    seat.wait(0.02).toClient(`${WRONG}:53`, c(40_009), reply);
    seat.wait(0.0002).toServer(c(40_009), `${WRONG}:53`, request);
    seat.wait(0.02).toClient(`${ASKED}:53`, c(40_009), reply);
  }),
  legal('dns, the same id for another name', 'the question is not the same', (seat) => {
    seat.toServer(c(40_010), `${ASKED}:53`, dnsQuery({ id: 10, name: 'one.example' }));
    seat.wait(0.02).toClient(`${WRONG}:53`, c(40_010), dnsResponse({ id: 10, name: 'two.example' }));
    seat.wait(0.02).toClient(`${ASKED}:53`, c(40_010), dnsResponse({ id: 10, name: 'one.example' }));
  }),
  legal('dns, another id', 'an answer to nothing that was asked', (seat) => {
    seat.toServer(c(40_011), `${ASKED}:53`, dnsQuery({ id: 11 }));
    seat.wait(0.02).toClient(`${WRONG}:53`, c(40_011), dnsResponse({ id: 12 }));
    seat.wait(0.02).toClient(`${ASKED}:53`, c(40_011), dnsResponse({ id: 11 }));
  }),
  legal('dns, another port of the same host', 'that is not this fault', (seat) => {
    talk(seat, { client: c(40_012), asked: `${ASKED}:53`, from: `${ASKED}:10053`, ...dns(12) });
  }),
  legal('dns, an answer after eleven seconds', 'too late to belong to the question', (seat) => {
    talk(seat, { client: c(40_013), asked: `${ASKED}:53`, from: `${WRONG}:53`, after: 11, ...dns(13) });
  }),
];

export const scenarios: Scenario[] = [...repaired, ...groups, ...protocolsWithLeave, ...resolvers];
