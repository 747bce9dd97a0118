import {
  be16,
  clientAck,
  clientReset,
  EthernetCapture as Ethernet,
  type EthernetCapture,
  ethernet,
  forwarded,
  gre,
  greHeader,
  initiation,
  ipInIp,
  ipv4Fragments,
  type NetworkPacket,
  octets,
  openvpnData,
  PacketType,
  RawCapture,
  response,
  serverReset,
  TcpFlags,
  tcp,
  transport,
  udp,
  vxlan,
} from '../craft/index.ts';
import { contextOf } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';
import { atCard, atGateway, Flow, idOf, LAN, type Side, TUNNEL, tooLarge, V4, V6, type View, WAN } from './tcp-stage.ts';

const KIND = 'mss-not-clamped';
const notice = (rest: Parameters<typeof finding>[2] = {}, subject = idOf(V4)) =>
  finding(KIND, subject, { severity: 'notice', confidence: 'likely', ...rest });

const OUTSIDE = ['198.51.100.2', '198.51.100.18'] as const;
const OUTSIDE_V6 = ['2001:db8:ffff::2', '2001:db8:ffff::18'] as const;

/** On a link that carries a tunnel which is not encrypted. */
function inside(
  wrap: (from: string, to: string, packet: NetworkPacket) => NetworkPacket,
  [client, server]: readonly [string, string] = OUTSIDE,
): View {
  const capture: EthernetCapture = new Ethernet();
  return {
    capture,
    see(packet, from) {
      const [a, b] = from === 'client' ? [client, server] : [server, client];
      const [source, destination] = from === 'client' ? [mac(1), mac(2)] : [mac(2), mac(1)];
      return capture.send(wrap(a, b, packet), { source, destination });
    },
  };
}

const wg0 = (mtu: number) =>
  contextOf([
    {
      cards: [
        { name: 'lan', ifindex: LAN, mac: mac(2), addresses: ['10.1.0.1/24'], mtu: 1500 },
        { name: 'wan', ifindex: WAN, mac: mac(3), addresses: ['198.51.100.2/28'], mtu: 1500 },
        { name: 'wg0', ifindex: TUNNEL, kind: 'wireguard', addresses: ['10.9.0.1/30'], mtu },
      ],
    },
  ]);

/** The option of a SYN written anew, as a clamp does; the checksum is left alone. */
function clamped(packet: NetworkPacket, mss: number): NetworkPacket {
  const at = 20 + 20;
  const octets = Uint8Array.from(packet.octets);
  const isSyn = ((octets[20 + 13] ?? 0) & TcpFlags.Syn) !== 0;
  const offered = ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0);
  if (!isSyn || offered <= mss) return packet;
  octets[at + 2] = mss >> 8;
  octets[at + 3] = mss & 255;
  return { ...packet, octets };
}

/** ARPHRD_ numbers of devices without a link layer: a modem's raw IP, GRE, tun. */
const Hardware = { RawIp: 519, Gre: 778, None: 65_534 } as const;
const MODEM = 5;
const PHONE = '10.1.0.77:51820';
const VPN = '203.0.113.200:51820';

/** WireGuard of a host of the LAN that has nothing to do with the gateway: it passes through. */
function passesThrough(host: LinuxHost, uplink: (packet: NetworkPacket, isOut: boolean) => number): void {
  const packets: [Side, Uint8Array][] = [
    ['client', initiation({ sender: 1 })],
    ['server', response({ sender: 2, receiver: 1 })],
    ...Array.from({ length: 6 }, (_, i): [Side, Uint8Array] => (i % 2 === 0 ? ['client', transport(2, i)] : ['server', transport(1, i)])),
  ];
  for (const [from, payload] of packets) {
    host.wait(0.01);
    if (from === 'client') {
      const packet = udp({ from: PHONE, to: VPN, payload });
      host.incoming(packet, LAN, mac(7));
      uplink(forwarded(packet), true);
    } else {
      const packet = udp({ from: VPN, to: PHONE, payload });
      uplink(packet, false);
      host.outgoing(forwarded(packet), LAN, mac(2));
    }
  }
}

/** A router with a card and one device without a link layer, of which nothing says where its packets go. */
function atDevice(host: LinuxHost, ifindex: number, hardware: number, wrap?: (from: Side, packet: NetworkPacket) => void): View {
  return {
    capture: host,
    see(packet, from) {
      const isOut = from === 'client';
      if (isOut) host.incoming(packet, LAN, mac(1));
      const frame = host.cooked({ ifindex, packetType: isOut ? PacketType.FromUs : PacketType.ToUs, hardware }, packet);
      wrap?.(from, packet);
      if (!isOut) host.outgoing(forwarded(packet), LAN, mac(2));
      return frame;
    },
  };
}

/** WireGuard of the router itself, on its card. */
function ownWireguard(host: LinuxHost): void {
  const [own, peer] = ['198.51.100.2:51820', '198.51.100.99:51820'];
  host.outgoing(udp({ from: own, to: peer, payload: initiation({ sender: 1 }) }), WAN, mac(3));
  host.incoming(udp({ from: peer, to: own, payload: response({ sender: 2, receiver: 1 }) }), WAN, mac(4));
  for (let i = 0; i < 4; i++) host.wait(0.01).outgoing(udp({ from: own, to: peer, payload: transport(2, i) }), WAN, mac(3));
}

/** OpenVPN by TCP on the router's card: each packet behind its length. */
function openvpnByTcp(host: LinuxHost): void {
  const view: View = {
    capture: host,
    see: (packet, from) => (from === 'client' ? host.outgoing(packet, WAN, mac(3)) : host.incoming(packet, WAN, mac(4))),
  };
  const flow = new Flow(view, { client: '198.51.100.2:40000', server: '198.51.100.18:1194' });
  flow.connect();
  const say = (from: Side, packet: Uint8Array): void => {
    const payload = octets(be16(packet.length), packet);
    flow.say(from, payload.length, { payload });
  };
  const ids = { client: 11, server: 511 };
  say('client', clientReset({ client: ids.client }));
  say('server', serverReset(ids));
  say('client', clientAck(ids));
  for (let i = 1; i <= 6; i++) {
    say('client', openvpnData(0, i));
    say('server', openvpnData(0, i));
  }
}

const SMALL = 1000;

const play = (view: View, ends = V4, mss = 1460): Flow => {
  const flow = new Flow(view, ends);
  flow.connect({ client: mss, server: mss });
  flow.say('client', 100);
  flow.say('server', SMALL);
  return flow;
};

const incidents: Scenario[] = [
  incident(KIND, 'through WireGuard', 'seen at the card, at the tunnel and outside; WireGuard takes 60 octets', () => {
    const view = atGateway();
    const flow = new Flow(view);
    const [syn = 0] = flow.connect();
    flow.greet();
    // The SYN is seen at the card, and next at the tunnel.
    const evidenceFrames = [syn + 1];
    return {
      capture: view.capture,
      expect: [
        notice({
          count: 1,
          details: {
            mss: 1460,
            tunnel: { protocol: 'wireguard', fits: 1440, mtu: null },
            fits: 1440,
            fitsBy: 'tunnel',
            suggestedMss: 1400,
            connections: 1,
            connectionsInTunnel: 1,
          },
          evidenceFrames,
        }),
      ],
    };
  }),
  incident(KIND, 'through WireGuard, with the context', 'the device says its MTU', () => ({
    capture: play(atGateway(), V4, 1400).view.capture,
    options: { context: wg0(1420) },
    expect: [notice({ details: { mss: 1400, fits: 1420, fitsBy: 'device', suggestedMss: 1380 } })],
  })),
  incident(KIND, 'clamped one way only', 'what the server sends is limited, what the client sends is not', () => ({
    capture: play(atGateway((packet, from) => (from === 'client' ? clamped(packet, 1380) : packet))).view.capture,
    expect: [notice({ details: { mss: 1460, from: '10.2.0.10' } })],
  })),
  incident(KIND, 'inside of GRE', 'GRE takes 24 octets', () => ({
    capture: play(inside(gre)).view.capture,
    expect: [
      notice({ details: { tunnel: { protocol: 'gre' }, fits: 1476, suggestedMss: 1436 }, encapsulation: ['gre'] }, `${idOf(V4)}@gre`),
    ],
  })),
  incident(KIND, 'inside of GRE over IPv6', 'GRE over IPv6 takes 44 octets', () => ({
    capture: play(inside(gre, OUTSIDE_V6)).view.capture,
    expect: [notice({ details: { fits: 1456, suggestedMss: 1416 } }, `${idOf(V4)}@gre`)],
  })),
  incident(KIND, 'IPv6 inside of GRE', 'of IPv6, 60 octets are headers', () => ({
    capture: play(inside(gre), V6, 1440).view.capture,
    expect: [notice({ details: { mss: 1440, fits: 1476, suggestedMss: 1416 } }, `${idOf(V6)}@gre`)],
  })),
  incident(KIND, 'inside of IPIP', 'IPIP takes 20 octets', () => ({
    capture: play(inside(ipInIp)).view.capture,
    expect: [notice({ details: { fits: 1480 } }, `${idOf(V4)}@ipip`)],
  })),
  incident(KIND, 'a tunnel of the host beside one that passes through', 'what passes through is not its own', () => {
    const view = atGateway();
    const host = view.capture as LinuxHost;
    passesThrough(host, (packet, isOut) => (isOut ? host.outgoing(packet, WAN, mac(3)) : host.incoming(packet, WAN, mac(4))));
    return {
      capture: play(view).view.capture,
      expect: [notice({ details: { tunnel: { protocol: 'wireguard', a: '198.51.100.2', b: '198.51.100.18' }, fits: 1440 } })],
    };
  }),
  incident(KIND, 'the head of the tunnel says how much fits', 'its error is outside of the tunnel', () => {
    const view = inside(gre);
    const flow = play(view);
    const sent = flow.send('client', 1460, { isLost: true });
    (view.capture as EthernetCapture).send(tooLarge(flow, sent, 1400, '10.1.0.1'), { source: mac(2), destination: mac(1) });
    return { capture: view.capture, expect: [notice({ details: { fits: 1400, fitsBy: 'icmp', suggestedMss: 1360 } }, `${idOf(V4)}@gre`)] };
  }),
  incident(KIND, 'several connections to one port', 'one finding', () => {
    const view = atGateway();
    for (let i = 0; i < 3; i++) play(view, { ...V4, client: `10.1.0.10:${40_000 + 2 * i}` });
    return { capture: view.capture, expect: [notice({ count: 3, details: { connections: 3, connectionsInTunnel: 3 } })] };
  }),
  incident(KIND, 'thirty servers', 'sixteen of them are told, the others counted', () => {
    const view = atGateway();
    const ends = Array.from({ length: 30 }, (_, i) => ({ ...V4, server: `10.2.0.${100 + i}:443` }));
    for (const each of ends) play(view, each);
    return { capture: view.capture, expect: ends.slice(0, 16).map((each) => notice({ details: { connectionsInTunnel: 30 } }, idOf(each))) };
  }),
];

const quiet = (name: string, why: string, view: () => View, mss = 1460, ends = V4, options = {}): Scenario =>
  twin(KIND, name, why, () => ({ capture: play(view(), ends, mss).view.capture, ...options }));

const twins: Scenario[] = [
  quiet('clamped both ways', '1460 at the card, 1380 at the tunnel', () => atGateway((packet) => clamped(packet, 1380))),
  quiet('both ends offer less', 'their own cards are as narrow', () => atGateway(), 1380),
  quiet('at the client', 'which knows of no tunnel', () => atCard('client')),
  quiet('a tun device alone', 'its MTU is in no packet', () => {
    const capture = new RawCapture();
    return { capture, see: (packet) => capture.send(packet) };
  }),
  quiet('inside of VXLAN', 'networks of data centres have room for it', () =>
    inside((from, to, packet) => vxlan(from, to, 7, ethernet({ source: mac(1), destination: mac(2) }, packet))),
  ),
  quiet('a tunnel with room, by the context', 'an MTU of 1500, over a path that carries more', () => atGateway(), 1460, V4, {
    options: { context: wg0(1500) },
  }),
  twin(KIND, 'the server offers 536 octets', 'its own card is narrow: what either end sends is small', () => {
    const flow = new Flow(inside(gre));
    flow.connect({ client: 536, server: 1460 });
    flow.greet();
    return { capture: flow.view.capture };
  }),
  twin(KIND, 'full segments get through', 'the path outside carries more than 1500 octets', () => {
    const flow = new Flow(inside(gre));
    flow.connect();
    for (const from of ['client', 'server'] satisfies Side[]) for (let i = 0; i < 4; i++) flow.say(from, 1460);
    return { capture: flow.view.capture };
  }),
  twin(KIND, 'the device takes large packets', 'other connections show it: what is too large leaves as fragments', () => {
    const view = atGateway();
    const busy = new Flow(view);
    busy.connect();
    for (let i = 0; i < 3; i++) busy.say('client', 1460);
    play(view, { ...V4, client: '10.1.0.10:40002', server: '10.2.0.20:22' });
    return { capture: view.capture };
  }),
  twin(KIND, 'a modem without a link layer', 'what a host of the LAN sends by it does not carry it', () => {
    const host = new LinuxHost();
    const modem = (packet: NetworkPacket, isOut: boolean): number =>
      host.cooked({ ifindex: MODEM, packetType: isOut ? PacketType.FromUs : PacketType.ToUs, hardware: Hardware.RawIp }, packet);
    passesThrough(host, modem);
    return { capture: play(atDevice(host, MODEM, Hardware.RawIp)).view.capture };
  }),
  twin(KIND, 'an uplink without a link layer', 'WireGuard goes by it, as the connection does', () => {
    const capture = new RawCapture();
    for (let i = 0; i < 3; i++) {
      capture.wait(0.01).send(udp({ from: PHONE, to: VPN, payload: initiation({ sender: 1 + i }) }));
      capture.wait(0.01).send(udp({ from: VPN, to: PHONE, payload: response({ sender: 11 + i, receiver: 1 + i }) }));
    }
    return { capture: play({ capture, see: (packet) => capture.send(packet) }).view.capture };
  }),
  twin(KIND, 'a tun device, and WireGuard that passes through', 'it ends at others', () => {
    const host = new LinuxHost();
    passesThrough(host, (packet, isOut) => (isOut ? host.outgoing(packet, WAN, mac(3)) : host.incoming(packet, WAN, mac(4))));
    return { capture: play(atDevice(host, TUNNEL, Hardware.None)).view.capture };
  }),
  twin(KIND, 'a device of GRE beside WireGuard', 'clamped for GRE, which its packets go by', () => {
    const host = new LinuxHost();
    ownWireguard(host);
    const view = atDevice(host, TUNNEL, Hardware.Gre, (from, packet) => {
      const [a, b] = from === 'client' ? OUTSIDE : [OUTSIDE[1], OUTSIDE[0]];
      if (from === 'client') host.outgoing(gre(a, b, packet), WAN, mac(3));
      else host.incoming(gre(a, b, packet), WAN, mac(4));
    });
    return { capture: play(view, V4, 1436).view.capture };
  }),
  twin(KIND, 'OpenVPN by TCP', 'what is too large for one packet goes in two', () => {
    const host = new LinuxHost();
    openvpnByTcp(host);
    return { capture: play(atDevice(host, TUNNEL, Hardware.None)).view.capture };
  }),
  twin(KIND, 'a narrow place behind the tunnel', 'the error comes through the tunnel, which is clamped right', () => {
    const view = inside(gre);
    const flow = play(view, V4, 1436);
    const sent = flow.send('client', 1436, { isLost: true });
    view.see(tooLarge(flow, sent, 1400, '10.2.0.1'), 'server', false);
    return { capture: view.capture };
  }),
  twin(KIND, 'the tunnel cuts outside', 'large packets leave it in fragments', () => {
    const capture = new Ethernet();
    let ident = 1;
    const view: View = {
      capture,
      see(packet, from) {
        const [source, destination] = from === 'client' ? OUTSIDE : [OUTSIDE[1], OUTSIDE[0]];
        const payload = octets(greHeader(0x0800), packet.octets);
        const pieces = ipv4Fragments({ from: source, to: destination, protocol: 47, payload, ident: ident++, df: false }, 1480);
        const link = from === 'client' ? { source: mac(1), destination: mac(2) } : { source: mac(2), destination: mac(1) };
        return pieces.map((piece) => capture.send(piece, link))[0] ?? 0;
      },
    };
    const flow = play(view);
    for (let i = 0; i < 4; i++) flow.say('client', 1460);
    return { capture };
  }),
  quiet(
    'jumbo frames at both ends',
    'what is between them carries as much, as long as nothing shows the contrary',
    () => inside(gre),
    8960,
  ),
  twin(KIND, 'a SYN without MSS', 'nothing is offered', () => {
    const view = inside(gre);
    view.see(tcp({ from: V4.client, to: V4.server, flags: TcpFlags.Syn, seq: 1 }), 'client', false);
    view.see(tcp({ from: V4.server, to: V4.client, flags: TcpFlags.Syn | TcpFlags.Ack, seq: 1, ack: 2 }), 'server', false);
    return { capture: view.capture };
  }),
];

export const scenarios: readonly Scenario[] = [...incidents, ...twins];
