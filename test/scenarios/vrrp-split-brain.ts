import { carp, type Host, hsrp, hsrpMac, multicastMac, OldAnyCapture, PacketType, vrrp, vrrp6Mac, vrrpMac } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost } from './stage.ts';

const KIND = 'vrrp-split-brain';
const VIP = '192.0.2.254';
const FIRST = card(0x31, '192.0.2.31');
const SECOND = card(0x47, '192.0.2.47');
const FIRST6 = { mac: FIRST.mac, ip: 'fe80::31' };
const SECOND6 = { mac: SECOND.mac, ip: 'fe80::47' };
const GROUP = multicastMac('224.0.0.18') ?? '';
const GROUP6 = multicastMac('ff02::12') ?? '';
const ROUTER = 51;

interface Advert {
  version?: 2 | 3;
  virtualRouter?: number;
  priority?: number;
  /** Source MAC of the frame; the own one unless said. */
  source?: string;
  vlan?: number;
}

function advertise(capture: Lan, at: number, { mac, ip }: Host, advert: Advert = {}): number {
  const { version = 2, virtualRouter = ROUTER, priority = 100, source = mac, vlan } = advert;
  const isV6 = ip.includes(':');
  const addresses = isV6 ? ['fe80::fe', '2001:db8::fe'] : [VIP];
  const packet = vrrp({ from: ip, virtualRouter, priority, addresses, version });
  return capture.at(at).unicast(packet, source, isV6 ? GROUP6 : GROUP, vlan === undefined ? {} : { vlans: [vlan] });
}

/** Both of them, every second, for this long. */
function together(capture: Lan, seconds: number, first: Host, second: Host, how: (host: Host) => Advert = () => ({})): number[] {
  const frames: number[] = [];
  for (let second_ = 0; second_ < seconds; second_++) {
    frames.push(advertise(capture, second_, first, { priority: 150, ...how(first) }));
    frames.push(advertise(capture, second_ + 0.4, second, { priority: 100, ...how(second) }));
  }
  return frames;
}

const split = (rest: object = {}, id = `vrrp-${ROUTER}`) => finding(KIND, id, { severity: 'error', ...rest });
const masters = [
  { ip: FIRST.ip, mac: FIRST.mac, priority: 150 },
  { ip: SECOND.ip, mac: SECOND.mac, priority: 100 },
];

export const scenarios: Scenario[] = [
  incident(KIND, 'two senders of one virtual router', 'both advertise all the time', () => {
    const capture = new Lan();
    const frames = together(capture, 12, FIRST, SECOND);
    return {
      capture,
      expect: [split({ confidence: 'likely', count: 1, details: { masters }, evidenceFrames: [frames[0] ?? 0, frames[1] ?? 0] })],
    };
  }),
  incident(KIND, 'both send from the virtual MAC', 'told apart by their addresses', () => {
    const capture = new Lan();
    together(capture, 12, FIRST, SECOND, () => ({ source: vrrpMac(ROUTER) }));
    return { capture, expect: [split({ details: { masters: masters.map(({ ip, priority }) => ({ ip, priority })) } })] };
  }),
  incident(KIND, 'version 3', 'the same with the newer packets', () => {
    const capture = new Lan();
    together(capture, 12, FIRST, SECOND, () => ({ version: 3 }));
    return { capture, expect: [split({ details: { masters } })] };
  }),
  incident(KIND, 'IPv6', 'the same for a virtual router of IPv6', () => {
    const capture = new Lan();
    together(capture, 12, FIRST6, SECOND6, () => ({ source: vrrp6Mac(ROUTER) }));
    return { capture, expect: [split()] };
  }),
  incident(KIND, 'own capture on any', 'our own advertisements go out, those of the other come in', () => {
    const capture = new LinuxHost();
    const frames: number[] = [];
    for (let i = 0; i < 12; i++) {
      const [ours, theirs] = [FIRST, SECOND].map(({ ip }, n) =>
        vrrp({ from: ip, virtualRouter: ROUTER, priority: 150 - 50 * n, addresses: [VIP] }),
      );
      if (ours) frames.push(capture.at(i).outgoing(ours, 2, FIRST.mac));
      if (theirs) frames.push(capture.at(i + 0.4).incoming(theirs, 2, SECOND.mac, PacketType.Multicast));
    }
    return { capture, expect: [split({ details: { masters }, evidenceFrames: frames.slice(0, 2) })] };
  }),
  incident(KIND, 'it begins after a while', 'the second one comes up while the first goes on', () => {
    const capture = new Lan();
    for (let i = 0; i < 30; i++) {
      advertise(capture, i, FIRST, { priority: 150 });
      if (i >= 20) advertise(capture, i + 0.4, SECOND);
    }
    return { capture, expect: [split({ details: { masters } })] };
  }),

  twin(KIND, 'a master dies, the backup takes over', 'three intervals of silence between them', () => {
    const capture = new Lan();
    for (let i = 0; i < 15; i++) advertise(capture, i, FIRST, { priority: 150 });
    for (let i = 0; i < 15; i++) advertise(capture, 17.61 + i, SECOND);
    return { capture };
  }),
  twin(KIND, 'a master hands over with priority 0', 'the backup follows within a second, the old one is silent', () => {
    const capture = new Lan();
    for (let i = 0; i < 15; i++) advertise(capture, i, FIRST, { priority: 150 });
    advertise(capture, 14.5, FIRST, { priority: 0 });
    for (let i = 0; i < 15; i++) advertise(capture, 15.11 + i, SECOND);
    return { capture };
  }),
  twin(KIND, 'the better master comes back', 'the other one falls silent at once', () => {
    const capture = new Lan();
    for (let i = 0; i < 15; i++) advertise(capture, i, SECOND);
    for (let i = 0; i < 15; i++) advertise(capture, 14.4 + i, FIRST, { priority: 150 });
    return { capture };
  }),
  twin(KIND, 'two virtual routers share the load', 'each has one master', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      advertise(capture, i, FIRST, { virtualRouter: 51 });
      advertise(capture, i + 0.4, SECOND, { virtualRouter: 52 });
    }
    return { capture };
  }),
  twin(KIND, 'the same number in two VLANs', 'two segments, two virtual routers', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      advertise(capture, i, FIRST, { vlan: 10 });
      advertise(capture, i + 0.4, SECOND, { vlan: 20 });
    }
    return { capture };
  }),
  twin(KIND, 'the same number for IPv4 and IPv6', 'virtual routers of the two families are independent', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      advertise(capture, i, FIRST, { version: 3 });
      advertise(capture, i + 0.4, SECOND6);
    }
    return { capture };
  }),
  twin(KIND, 'the same number in two networks whose tags a mirror strips', 'other virtual addresses: another group', () => {
    const capture = new Lan();
    const group = multicastMac('224.0.0.2') ?? '';
    for (let i = 0; i < 12; i++) {
      const hellos = [
        hsrp({ from: '10.0.10.2', group: 1, priority: 110, address: '10.0.10.1' }),
        hsrp({ from: '10.0.20.3', group: 1, priority: 110, address: '10.0.20.1' }),
      ];
      for (const [n, hello] of hellos.entries()) capture.at(3 * i + n).unicast(hello, hsrpMac(1), group);
    }
    return { capture };
  }),
  twin(KIND, 'the same number on two cards, LINUX_SLL without an interface', 'other virtual addresses: another virtual router', () => {
    const capture = new OldAnyCapture();
    for (let i = 0; i < 12; i++) {
      for (const [n, net] of ['10.0.10', '10.0.20'].entries()) {
        const advert = vrrp({ from: `${net}.${2 + n}`, virtualRouter: ROUTER, priority: 110, addresses: [`${net}.1`, `${net}.9`] });
        capture.at(i + 0.5 * n).cooked({ packetType: PacketType.Multicast, address: [FIRST, SECOND][n]?.mac ?? '' }, advert);
      }
    }
    return { capture };
  }),
  incident(KIND, 'on any, by a VLAN and by the card that it lies on', 'one message on two interfaces: one finding', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 12; i++) {
      for (const [n, { ip, mac }] of [FIRST, SECOND].entries()) {
        const advert = vrrp({ from: ip, virtualRouter: ROUTER, priority: 150 - 50 * n, addresses: [VIP] });
        // Ours goes down through the VLAN to the card, the other one comes up.
        if (n === 0) capture.at(i).outgoing(advert, 7, mac);
        if (n === 0) capture.at(i + 0.000_002).outgoing(advert, 2, mac);
        if (n === 1) capture.at(i + 0.4).incoming(advert, 2, mac, PacketType.Multicast);
        if (n === 1) capture.at(i + 0.400_002).incoming(advert, 7, mac, PacketType.Multicast);
      }
    }
    return { capture, expect: [split({ confidence: 'likely', count: 1, details: { masters } })] };
  }),
  twin(
    KIND,
    'IPv6 on any of a router: two VLANs with one number, another router is master of one',
    'its link-local address is the same on both cards',
    () => {
      const capture = new LinuxHost();
      const advert = (from: string, priority: number) =>
        vrrp({ from, virtualRouter: ROUTER, priority, addresses: ['fe80::fe'], version: 3 });
      for (let i = 0; i < 20; i++) {
        capture.at(i).outgoing(advert(FIRST6.ip, 150), 10, FIRST.mac);
        if (i < 5) capture.wait(0.0005).outgoing(advert(FIRST6.ip, 150), 20, FIRST.mac);
        else capture.at(i + 0.4).incoming(advert(SECOND6.ip, 200), 20, SECOND.mac, PacketType.Multicast);
      }
      return { capture };
    },
  ),
  twin(KIND, 'bridge and port on any', 'one advertisement, sighted twice', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 12; i++) {
      const packet = vrrp({ from: FIRST.ip, virtualRouter: ROUTER, priority: 150, addresses: [VIP] });
      capture.at(i).incoming(packet, 2, FIRST.mac, PacketType.Multicast);
      capture.wait(0.00001).incoming(packet, 5, FIRST.mac, PacketType.Multicast);
    }
    return { capture };
  }),
  twin(KIND, 'two hosts of CARP, each with its own address', 'different virtual hosts', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      capture.at(i).unicast(carp({ from: FIRST.ip, virtualHost: 1, skew: 0, counter: 100 + i }), vrrpMac(1), GROUP);
      capture.at(i + 0.4).unicast(carp({ from: SECOND.ip, virtualHost: 2, skew: 0, counter: 500 + i }), vrrpMac(2), GROUP);
    }
    return { capture };
  }),
  twin(KIND, 'captures years apart', 'another master in another year', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) advertise(capture, i, FIRST);
    capture.startAgain(Date.UTC(2026, 0, 1) / 1000);
    for (let i = 0; i < 12; i++) advertise(capture, i, SECOND);
    return { capture };
  }),
];
