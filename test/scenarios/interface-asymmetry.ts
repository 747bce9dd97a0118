import {
  arpReply,
  arpRequest,
  dnsQuery,
  dnsResponse,
  echoReply,
  echoRequest,
  Flags,
  ip,
  type NetworkPacket,
  octets,
  rst,
  syn,
  synAck,
  TcpFlags,
  tcp,
  timeExceeded,
  udp,
} from '../craft/index.ts';
import { contextOf, type HostFields } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { type Lan, LinuxHost, mac, type OwnCard, twoCards } from './stage.ts';

const KIND = 'interface-asymmetry';
/** A server with two uplinks: what is asked at 203.0.113.2 comes in by B. */
const WAN_A: OwnCard = { mac: mac(0x0a), ip: '198.51.100.2', ifindex: 2 };
const WAN_B: OwnCard = { mac: mac(0x0b), ip: '203.0.113.2', ifindex: 3 };
const GATEWAY_A = { mac: mac(0xa1), ip: '198.51.100.1' };
const GATEWAY_B = { mac: mac(0xb1), ip: '203.0.113.1' };
const CLIENT = '192.0.2.10';
/** A card in one network with another one of its host. */
const ETH_B: OwnCard = { mac: mac(0x0b), ip: '192.0.2.2', ifindex: 3 };
const NEIGHBOUR = { mac: mac(0x10), ip: CLIENT };

const MOMENT = 0.0001;

const server = (more: Partial<HostFields> = {}): HostFields => ({
  name: 'server',
  cards: [
    { name: 'wanA', ifindex: 2, mac: WAN_A.mac, addresses: ['198.51.100.2/28'] },
    { name: 'wanB', ifindex: 3, mac: WAN_B.mac, addresses: ['203.0.113.2/28'] },
  ],
  routes: [{ dst: 'default', gateway: GATEWAY_A.ip, dev: 'wanA' }],
  ...more,
});

const names = { in: { index: 3, name: null }, out: { index: 2, name: null } };

/** Something asked, coming in by one interface, and its answer, leaving by another. */
interface Asked {
  in: number;
  out: number;
  local?: string;
  peer?: string;
  ttl?: number;
  ownTtl?: number;
  id?: number;
}

class Host extends LinuxHost {
  /** A ping, and its answer. */
  pinged({ in: entered, out, local = WAN_B.ip, peer = CLIENT, ttl = 57, ownTtl = 64, id = 7 }: Asked, count = 3): number[] {
    const frames: number[] = [];
    for (let seq = 1; seq <= count; seq++) {
      frames.push(this.incoming(echoRequest({ from: peer, to: local, id, seq, ttl }), entered, GATEWAY_B.mac));
      this.wait(MOMENT);
      frames.push(this.outgoing(echoReply({ from: local, to: peer, id, seq, ttl: ownTtl }), out, WAN_A.mac));
      this.wait(0.5);
    }
    return frames;
  }

  /** The host asks its gateway on A who it is, as it does before it sends anything there. */
  resolvesGateway(card = WAN_A, gateway = GATEWAY_A): void {
    this.outgoing(arpRequest(card, gateway.ip), card.ifindex, card.mac);
    this.wait(MOMENT);
    this.incoming(arpReply(gateway, card), card.ifindex, gateway.mac);
    this.wait(MOMENT);
  }

  /** One datagram each way. */
  askedBy(entered: number, out: number, ask: NetworkPacket, answer: NetworkPacket): number[] {
    const first = this.incoming(ask, entered, GATEWAY_B.mac);
    this.wait(MOMENT);
    const second = this.outgoing(answer, out, WAN_A.mac);
    this.wait(0.1);
    return [first, second];
  }
}

const query = (port: number, ttl = 57): NetworkPacket =>
  udp({ from: `${CLIENT}:${port}`, to: `${WAN_B.ip}:53`, payload: dnsQuery({ id: port, name: 'example.net' }), ttl });
const response = (port: number): NetworkPacket =>
  udp({ from: `${WAN_B.ip}:53`, to: `${CLIENT}:${port}`, payload: dnsResponse({ id: port, name: 'example.net' }) });

export const scenarios: Scenario[] = [
  incident(KIND, 'two cards in one network', 'legal, and usual: a notice', () => {
    const capture = new Host();
    capture.heard(arpRequest(NEIGHBOUR, ETH_B.ip), NEIGHBOUR.mac, [2, 3]);
    const frames = capture.pinged({ in: 3, out: 2, local: ETH_B.ip });
    return {
      capture,
      expect: [
        finding(KIND, `${ETH_B.ip}|${CLIENT}`, {
          severity: 'notice',
          confidence: 'likely',
          count: 3,
          details: { ...names, protocol: 'icmp', packets: 3 },
          evidenceFrames: [...frames.slice(0, 2), ...frames.slice(-2)],
        }),
      ],
    };
  }),
  incident(
    KIND,
    'two uplinks, the gateway of the other one is known',
    'the address is of another network than that gateway: a warning',
    () => {
      const capture = new Host();
      capture.resolvesGateway();
      capture.pinged({ in: 3, out: 2 });
      return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'warning', confidence: 'likely', details: names })] };
    },
  ),
  incident(KIND, 'two uplinks, the address of the other one is known', 'it is reached and answers there: another network', () => {
    const capture = new Host();
    capture.pinged({ in: 2, out: 2, local: WAN_A.ip, id: 6 });
    capture.pinged({ in: 3, out: 2 });
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'warning', confidence: 'likely' })] };
  }),
  incident(KIND, 'nothing is known of the other uplink', 'an asymmetry alone is a notice', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2 });
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'notice', confidence: 'likely' })] };
  }),
  incident(KIND, 'SYN again and again', 'SYN and ACK leave, and do not arrive: a warning, whatever the networks', () => {
    const capture = new Host();
    const [from, to] = [`${CLIENT}:40000`, `${WAN_B.ip}:80`];
    const frames: number[] = [];
    for (const wait of [1, 2, 4]) {
      frames.push(...capture.askedBy(3, 2, syn(from, to, 1000, { ttl: 57 }), synAck(to, from, 1000)));
      capture.wait(wait);
    }
    return {
      capture,
      expect: [
        finding(KIND, `${WAN_B.ip}|${CLIENT}`, {
          severity: 'warning',
          confidence: 'likely',
          count: 3,
          details: { protocol: 'tcp' },
          evidenceFrames: frames.slice(0, 3),
        }),
      ],
    };
  }),
  incident(KIND, 'a query from a new port each time', 'one finding for the pair, counted by what left', () => {
    const capture = new Host();
    capture.resolvesGateway();
    for (let port = 40_000; port < 40_020; port++) capture.askedBy(3, 2, query(port), response(port));
    return {
      capture,
      expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'warning', count: 20, details: { protocol: 'udp', packets: 20 } })],
    };
  }),
  incident(KIND, 'IPv6', 'networks are told apart by 64 bits', () => {
    const capture = new Host();
    const [local, peer] = ['2001:db8:b::2', '2001:db8:99::10'];
    capture.pinged({ in: 2, out: 2, local: '2001:db8:a::2', peer, id: 6 });
    capture.pinged({ in: 3, out: 2, local, peer });
    return {
      capture,
      expect: [finding(KIND, `${local}|${peer}`, { severity: 'warning', confidence: 'likely', details: { protocol: 'icmpv6' } })],
    };
  }),
  incident(KIND, 'a protocol without ports', 'ESP', () => {
    const capture = new Host();
    const esp = (from: string, to: string, ttl: number): NetworkPacket =>
      ip({ from, to, ttl, protocol: 50, payload: octets(0, 0, 1, 2, 0, 0, 0, 1, 7) });
    for (let i = 0; i < 3; i++) capture.askedBy(3, 2, esp(CLIENT, WAN_B.ip, 57), esp(WAN_B.ip, CLIENT, 64));
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'notice', count: 3, details: { protocol: 'esp' } })] };
  }),
  incident(KIND, 'the host itself asks', 'with the address of B by A, and is answered by B', () => {
    const capture = new Host();
    capture.resolvesGateway();
    for (let seq = 1; seq <= 3; seq++) {
      capture.outgoing(echoRequest({ from: WAN_B.ip, to: CLIENT, id: 9, seq }), 2, WAN_A.mac);
      capture.wait(0.01);
      capture.incoming(echoReply({ from: CLIENT, to: WAN_B.ip, id: 9, seq, ttl: 57 }), 3, GATEWAY_B.mac);
      capture.wait(1);
    }
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'warning', count: 3, details: names })] };
  }),
  incident(KIND, 'two cards, with the directions of pcapng', 'interfaces have names there', () => {
    const capture = twoCards({ name: 'wanA' }, { name: 'wanB' });
    for (let seq = 1; seq <= 3; seq++) {
      capture.unicast(echoRequest({ from: CLIENT, to: WAN_B.ip, id: 9, seq, ttl: 57 }), GATEWAY_B.mac, WAN_B.mac, {
        interface: 1,
        flags: Flags.Inbound,
      });
      capture.wait(MOMENT);
      capture.unicast(echoReply({ from: WAN_B.ip, to: CLIENT, id: 9, seq }), WAN_A.mac, GATEWAY_A.mac, {
        interface: 0,
        flags: Flags.Outbound,
      });
      capture.wait(1);
    }
    const details = { in: { index: 1, name: 'wanB' }, out: { index: 0, name: 'wanA' } };
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'notice', confidence: 'likely', count: 3, details })] };
  }),
  incident(KIND, 'two cards without directions', 'by the TTL: only possible', () => {
    const capture = twoCards({ name: 'wanA' }, { name: 'wanB' });
    tapped(capture, WAN_B.mac, WAN_A.mac);
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'notice', confidence: 'possible', count: 3 })] };
  }),
  incident(KIND, 'two VLANs on one card', 'the card shows every frame too, with its tag: the VLAN is the way', () => {
    const capture = twoCards({ name: 'eth0' }, { name: 'eth1' });
    for (let seq = 1; seq <= 3; seq++) {
      const place = { interface: 0, flags: Flags.Inbound, vlans: [10] };
      capture.unicast(echoRequest({ from: CLIENT, to: WAN_B.ip, id: 9, seq, ttl: 57 }), GATEWAY_B.mac, WAN_A.mac, place);
      capture.wait(MOMENT);
      const back = { interface: 0, flags: Flags.Outbound, vlans: [20] };
      capture.unicast(echoReply({ from: WAN_B.ip, to: CLIENT, id: 9, seq }), WAN_A.mac, GATEWAY_A.mac, back);
      capture.wait(1);
    }
    return { capture, expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'notice', count: 3 })] };
  }),
  incident(KIND, 'the host says whose address it is', 'its own routing gives the other uplink: certain', () => {
    const capture = new Host();
    const frames = capture.pinged({ in: 3, out: 2 });
    const details = { in: { index: 3, name: 'wanB' }, out: { index: 2, name: 'wanA' } };
    return {
      capture,
      options: { context: contextOf([server()]) },
      expect: [
        finding(KIND, `${WAN_B.ip}|${CLIENT}`, {
          severity: 'warning',
          confidence: 'certain',
          count: 3,
          details,
          evidenceFrames: [...frames.slice(0, 2), ...frames.slice(-2)],
        }),
      ],
    };
  }),
  incident(KIND, 'the host has been set right since', 'its rules would send it by B now: no certainty from them', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2 });
    const rules = [{ priority: 100, src: WAN_B.ip, table: 102 }];
    const routes = [...(server().routes ?? []), { dst: 'default', gateway: GATEWAY_B.ip, dev: 'wanB', table: 102 }];
    return {
      capture,
      options: { context: contextOf([server({ rules, routes })]) },
      expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { severity: 'warning', confidence: 'likely' })],
    };
  }),
  incident(KIND, 'a wide network', 'by the first 24 bits another one, by what the host says the same: a notice', () => {
    const capture = new Host();
    const [local, gateway] = ['10.1.5.2', { mac: mac(0xa1), ip: '10.1.0.1' }];
    capture.resolvesGateway({ ...WAN_A, ip: '10.1.4.2' }, gateway);
    capture.pinged({ in: 3, out: 2, local });
    const cards = [
      { name: 'ethA', ifindex: 2, mac: WAN_A.mac, addresses: ['10.1.4.2/16'] },
      { name: 'ethB', ifindex: 3, mac: WAN_B.mac, addresses: ['10.1.5.2/16'] },
    ];
    const routes = [{ dst: 'default', gateway: gateway.ip, dev: 'ethA' }];
    return {
      capture,
      options: { context: contextOf([{ cards, routes }]) },
      expect: [finding(KIND, `${local}|${CLIENT}`, { severity: 'notice', confidence: 'likely' })],
    };
  }),
  incident(
    KIND,
    'a wide network in which the address is asked for',
    'by ARP, on the interface by which the answer leaves: it belongs there',
    () => {
      const capture = new Host();
      const [local, gateway] = ['10.1.5.2', { mac: mac(0xa1), ip: '10.1.0.1' }];
      capture.resolvesGateway({ ...WAN_A, ip: '10.1.4.2' }, gateway);
      capture.heard(arpRequest(gateway, local), gateway.mac, [2, 3]);
      capture.pinged({ in: 3, out: 2, local });
      return { capture, expect: [finding(KIND, `${local}|${CLIENT}`, { severity: 'notice', confidence: 'likely' })] };
    },
  ),
  incident(KIND, 'a TTL of its own', 'what the host sends has an odd one, and the host says that the address is its own', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2, ownTtl: 100 });
    return {
      capture,
      options: { context: contextOf([server()]) },
      expect: [finding(KIND, `${WAN_B.ip}|${CLIENT}`, { confidence: 'certain' })],
    };
  }),
  incident(KIND, 'many peers', 'sixteen are told, the others counted', () => {
    const capture = new Host();
    const peers = Array.from({ length: 20 }, (_, i) => `192.0.2.${100 + i}`);
    for (const peer of peers) capture.pinged({ in: 3, out: 2, peer }, 1);
    return { capture, expect: peers.slice(0, 16).map((peer) => finding(KIND, `${WAN_B.ip}|${peer}`, { severity: 'notice', count: 1 })) };
  }),

  twin(KIND, 'asked and answered by one interface', 'the repaired server', () => {
    const capture = new Host();
    capture.resolvesGateway();
    capture.pinged({ in: 3, out: 3 });
    capture.pinged({ in: 2, out: 2, local: WAN_A.ip, id: 6 });
    return { capture };
  }),
  twin(KIND, 'transit by other cards there and back', 'what comes in leaves again: a router’s work', () => {
    const capture = new Host();
    for (let seq = 1; seq <= 5; seq++) {
      passes(
        capture,
        echoRequest({ from: CLIENT, to: '198.51.100.10', id: 7, seq, ttl: 63 }),
        2,
        echoRequest({ from: CLIENT, to: '198.51.100.10', id: 7, seq, ttl: 62 }),
        3,
      );
      passes(
        capture,
        echoReply({ from: '198.51.100.10', to: CLIENT, id: 7, seq, ttl: 63 }),
        4,
        echoReply({ from: '198.51.100.10', to: CLIENT, id: 7, seq, ttl: 62 }),
        5,
      );
    }
    return { capture };
  }),
  twin(KIND, 'transit by an uplink that is full', 'half a second in a queue: it is the same packet all the same', () => {
    const capture = new Host();
    for (let seq = 1; seq <= 5; seq++) {
      passes(capture, query(41_000), 2, query(41_000, 56), 3, 0.5);
      passes(capture, response(41_000), 4, response(41_000), 5, 0.5);
    }
    return { capture };
  }),
  twin(KIND, 'transit of which two interfaces are captured', 'what leaves has passed a router before, by its TTL', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2, local: '203.0.113.99', ownTtl: 63 });
    return { capture };
  }),
  twin(
    KIND,
    'a port forward with two uplinks',
    'what is asked at B goes to a machine behind, whose answer leaves by A: transit, with other addresses',
    () => {
      const capture = new Host();
      const inner = '10.0.0.80';
      for (let i = 0; i < 6; i++) {
        const [from, to, behind] = [`${CLIENT}:${42_000 + i}`, `${WAN_B.ip}:80`, `${inner}:8080`];
        passes(capture, syn(from, to, 1000 + i, { ttl: 57 }), 3, syn(from, behind, 1000 + i, { ttl: 56 }), 4);
        passes(capture, synAck(behind, from, 1000 + i), 4, synAck(to, from, 1000 + i, { ttl: 63 }), 2);
        const data = { flags: TcpFlags.Ack, seq: 1001 + i, ack: 5001, payload: octets(1, 2, 3, 4) };
        passes(capture, tcp({ from, to, ...data, ttl: 57 }), 3, tcp({ from, to: behind, ...data, ttl: 56 }), 4);
      }
      return { capture };
    },
  ),
  twin(
    KIND,
    'a port forward of UDP, with an initial TTL behind it',
    'the answers look as if the host sent them; the questions are seen to go on',
    () => {
      const capture = new Host();
      for (let port = 43_000; port < 43_006; port++) {
        const behind = udp({
          from: `${CLIENT}:${port}`,
          to: '10.0.0.53:53',
          payload: dnsQuery({ id: port, name: 'example.net' }),
          ttl: 56,
        });
        const answer = udp({
          from: '10.0.0.53:53',
          to: `${CLIENT}:${port}`,
          payload: dnsResponse({ id: port, name: 'example.net' }),
          ttl: 65,
        });
        passes(capture, query(port), 3, behind, 4);
        passes(capture, answer, 4, response(port), 2);
      }
      return { capture };
    },
  ),
  twin(KIND, 'a masquerade with two uplinks', 'who is inside asks by A, and the answers come back by B', () => {
    const capture = new Host();
    for (let port = 44_000; port < 44_006; port++) {
      const ask = (from: string, ttl: number): NetworkPacket =>
        udp({ from: `${from}:${port}`, to: '192.0.2.53:53', payload: dnsQuery({ id: port, name: 'example.net' }), ttl });
      const answer = (to: string, ttl: number): NetworkPacket =>
        udp({ from: '192.0.2.53:53', to: `${to}:${port}`, payload: dnsResponse({ id: port, name: 'example.net' }), ttl });
      passes(capture, ask('10.0.0.7', 65), 4, ask(WAN_B.ip, 64), 2);
      passes(capture, answer(WAN_B.ip, 57), 3, answer('10.0.0.7', 56), 4);
    }
    return { capture };
  }),
  twin(KIND, 'a bridge and its ports', 'in by one port, out by another one: the bridge is both ways', () => {
    const capture = new Host();
    for (let seq = 1; seq <= 3; seq++) {
      const ask = echoRequest({ from: CLIENT, to: WAN_B.ip, id: 7, seq });
      for (const ifindex of [2, 4]) capture.incoming(ask, ifindex, NEIGHBOUR.mac);
      capture.wait(MOMENT);
      const answer = echoReply({ from: WAN_B.ip, to: CLIENT, id: 7, seq });
      for (const ifindex of [4, 3]) capture.outgoing(answer, ifindex, WAN_A.mac);
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'two ports of one bridge, of which the bridge is not seen', 'the host says that they are one way', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2, local: '192.0.2.1', ttl: 64 });
    const cards = [
      { name: 'p1', ifindex: 2, mac: WAN_A.mac, master: 'br0' },
      { name: 'p2', ifindex: 3, mac: WAN_B.mac, master: 'br0' },
      { name: 'br0', ifindex: 4, mac: WAN_A.mac, kind: 'bridge', addresses: ['192.0.2.1/24'] },
    ];
    return { capture, options: { context: contextOf([{ cards }]) } };
  }),
  twin(KIND, 'a router tells what it could not deliver', 'its ICMP leaves by another card than what it is about came in by', () => {
    const capture = new Host();
    for (let port = 33_434; port < 33_440; port++) {
      const probe = udp({ from: `${CLIENT}:${port}`, to: `198.51.100.10:${port}`, payload: octets(1, 2, 3, 4), ttl: 1 });
      capture.askedBy(3, 2, probe, timeExceeded({ from: WAN_B.ip, to: CLIENT, quoted: probe }));
    }
    return { capture };
  }),
  twin(KIND, 'a firewall resets in the name of a server', 'what leaves is the firewall’s own, with an address of others', () => {
    const capture = new Host();
    for (let port = 45_000; port < 45_006; port++) {
      const [from, to] = [`${CLIENT}:${port}`, '198.51.100.10:80'];
      capture.askedBy(3, 2, syn(from, to, 1000, { ttl: 57 }), rst(to, from, 1000));
    }
    return { capture };
  }),
  twin(KIND, 'an uplink fails in the middle', 'what left by A first leaves by B then: never only by another one', () => {
    const capture = new Host();
    capture.pinged({ in: 2, out: 2 }, 4);
    capture.pinged({ in: 2, out: 3 }, 4);
    return { capture };
  }),
  twin(KIND, 'an answer with another source', 'it leaves by the uplink of that source: udp-reply-wrong-source says it', () => {
    const capture = new Host();
    capture.resolvesGateway();
    for (let port = 46_000; port < 46_004; port++) {
      const wrong = udp({ from: `${WAN_A.ip}:53`, to: `${CLIENT}:${port}`, payload: dnsResponse({ id: port, name: 'example.net' }) });
      capture.askedBy(3, 2, query(port), wrong);
    }
    const expect = [finding('udp-reply-wrong-source', `${CLIENT}|${WAN_B.ip}:53`, { confidence: 'certain', count: 4 })];
    return { capture, expect };
  }),
  twin(KIND, 'two taps on one card', 'without directions: what comes in is for the MAC from which the answers come', () => {
    const capture = twoCards({ name: 'rx' }, { name: 'tx' });
    tapped(capture, WAN_A.mac, WAN_A.mac);
    return { capture };
  }),
  twin(KIND, 'the address is not the host’s', 'by what the host says: a transparent proxy, or an address of others', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2, local: '203.0.113.77' });
    return { capture, options: { context: contextOf([server()]) } };
  }),
  twin(KIND, 'frames for others', 'seen in promiscuous mode', () => {
    const capture = new Host();
    for (let seq = 1; seq <= 3; seq++) {
      capture.incoming(echoRequest({ from: CLIENT, to: WAN_B.ip, id: 7, seq, ttl: 57 }), 3, GATEWAY_B.mac, 3);
      capture.wait(MOMENT);
      capture.outgoing(echoReply({ from: WAN_B.ip, to: CLIENT, id: 7, seq }), 2, WAN_A.mac);
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'link-local addresses', 'they mean another host on each link', () => {
    const capture = new Host();
    capture.pinged({ in: 3, out: 2, local: 'fe80::1', peer: 'fe80::2', ttl: 64 });
    capture.pinged({ in: 3, out: 2, local: '169.254.0.1', peer: '169.254.0.2', ttl: 64, id: 8 });
    return { capture };
  }),
  twin(KIND, 'a question without an answer', 'one way alone', () => {
    const capture = new Host();
    for (let port = 47_000; port < 47_005; port++) {
      capture.incoming(query(port), 3, GATEWAY_B.mac);
      capture.wait(3);
    }
    return { capture };
  }),
];

/** A packet comes in by one interface, and leaves by another. */
function passes(capture: Host, before: NetworkPacket, entered: number, after: NetworkPacket, out: number, later = MOMENT): void {
  capture.incoming(before, entered, GATEWAY_B.mac);
  capture.wait(later);
  capture.outgoing(after, out, WAN_A.mac);
  capture.wait(0.01);
}

/** Pings that one interface shows coming, and the answers that the other one shows going, without directions. */
function tapped(capture: Lan, to: string, from: string): void {
  for (let seq = 1; seq <= 3; seq++) {
    capture.unicast(echoRequest({ from: CLIENT, to: WAN_B.ip, id: 9, seq, ttl: 57 }), GATEWAY_B.mac, to, { interface: 1 });
    capture.wait(MOMENT);
    capture.unicast(echoReply({ from: WAN_B.ip, to: CLIENT, id: 9, seq }), from, GATEWAY_A.mac, { interface: 0 });
    capture.wait(1);
  }
}
