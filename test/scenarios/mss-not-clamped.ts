import {
  EthernetCapture as Ethernet,
  type EthernetCapture,
  ethernet,
  gre,
  ipInIp,
  type NetworkPacket,
  RawCapture,
  TcpFlags,
  tcp,
  vxlan,
} from '../craft/index.ts';
import { contextOf } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';
import { atCard, atGateway, Flow, idOf, LAN, type Side, TUNNEL, V4, V6, type View, WAN } from './tcp-stage.ts';

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
  twin(KIND, 'a SYN without MSS', 'nothing is offered', () => {
    const view = inside(gre);
    view.see(tcp({ from: V4.client, to: V4.server, flags: TcpFlags.Syn, seq: 1 }), 'client', false);
    view.see(tcp({ from: V4.server, to: V4.client, flags: TcpFlags.Syn | TcpFlags.Ack, seq: 1, ack: 2 }), 'server', false);
    return { capture: view.capture };
  }),
];

export const scenarios: readonly Scenario[] = [...incidents, ...twins];
