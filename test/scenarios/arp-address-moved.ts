import {
  arpAnnouncement,
  arpReply,
  gratuitousReply,
  type Host,
  hsrp,
  multicastMac,
  neighborAdvertisement,
  neighborSolicitation,
  vrrp,
  vrrpMac,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard, twoCards } from './stage.ts';

const KIND = 'arp-address-moved';
const VIP = '192.0.2.254';
const CLIENT = card(0x10, '192.0.2.10');
const OTHER = card(0x20, '192.0.2.20');
const FIRST = card(0x31, '192.0.2.31');
const SECOND = card(0x47, '192.0.2.47');
const VRRP_GROUP = multicastMac('224.0.0.18') ?? '';
const HSRP_GROUP = multicastMac('224.0.0.2') ?? '';
const ALL_NODES = multicastMac('ff02::1') ?? '';

const moved = (rest: object, from = FIRST.mac, to = SECOND.mac) =>
  finding(KIND, VIP, { severity: 'info', ...rest, details: { from, to, ...('details' in rest ? (rest.details as object) : {}) } });

interface Failover {
  /** Sent each second by whoever is master. */
  hello?: (lan: Lan, master: Host) => void;
  /** Announcements of the new master. */
  announcements?: number;
}

const MOVED_AT = 30;
const SILENCE = 3.6;

/** The client asks every five seconds; after half a minute the second router takes over from the first. */
function failover({ hello, announcements = 0 }: Failover): { capture: Lan; announced: number[] } {
  const capture = new Lan();
  const announced: number[] = [];
  for (let second = 0; second < 60; second++) {
    const master = second < MOVED_AT ? FIRST : SECOND;
    const isSilent = second >= MOVED_AT && second < MOVED_AT + SILENCE;
    if (second === MOVED_AT + 4) {
      for (let i = 0; i < announcements; i++) {
        announced.push(capture.at(second + 0.01 * i).broadcast(gratuitousReply({ mac: SECOND.mac, ip: VIP }), SECOND.mac));
      }
    }
    if (!isSilent) hello?.(capture.at(second + 0.1), master);
    if (!isSilent && second % 5 === 2) capture.at(second + 0.5).resolve(CLIENT, { mac: master.mac, ip: VIP });
  }
  return { capture, announced };
}

export const scenarios: Scenario[] = [
  incident(KIND, 'VRRP without virtual MAC', 'the address goes with the advertisements from one real MAC to the other', () => {
    const hello = (lan: Lan, { mac: source, ip }: Host): number =>
      lan.unicast(vrrp({ from: ip, virtualRouter: 7, priority: ip === FIRST.ip ? 150 : 100, addresses: [VIP] }), source, VRRP_GROUP);
    const { capture, announced } = failover({ hello, announcements: 5 });
    return { capture, expect: [moved({ count: 1, details: { reason: 'vrrp' }, evidenceFrames: announced.slice(0, 1) })] };
  }),
  incident(KIND, 'HSRP that uses the burnt-in MACs', 'the same with hellos of HSRP', () => {
    const hello = (lan: Lan, { mac: source, ip }: Host): number =>
      lan.unicast(hsrp({ from: ip, group: 3, priority: 110, address: VIP }), source, HSRP_GROUP);
    const { capture } = failover({ hello, announcements: 2 });
    return { capture, expect: [moved({ count: 1, details: { reason: 'hsrp' } })] };
  }),
  incident(KIND, 'the new owner announces itself', 'a burst of announcements, and the old MAC stops answering', () => {
    const { capture, announced } = failover({ announcements: 3 });
    return {
      capture,
      expect: [moved({ confidence: 'likely', count: 1, details: { reason: 'gratuitous' }, evidenceFrames: announced.slice(0, 1) })],
    };
  }),
  incident(KIND, 'a card was replaced', 'nobody announced anything, another MAC answers from now on', () => {
    const { capture } = failover({});
    return { capture, expect: [moved({ count: 1, details: { reason: 'replaced' } })] };
  }),
  incident(KIND, 'arping once a second across the failover', 'one exchange all the time, but each question has one answer', () => {
    const capture = new Lan();
    for (let second = 0; second < 20; second++) {
      const { mac: by } = second < 10 ? FIRST : SECOND;
      if (second === 10) capture.at(second - 0.3).broadcast(arpAnnouncement({ mac: by, ip: VIP }), by);
      capture.at(second).resolve(CLIENT, { mac: by, ip: VIP });
    }
    return { capture, expect: [moved({ confidence: 'likely', details: { reason: 'gratuitous' } })] };
  }),
  incident(KIND, 'client on any: the new owner announces itself', 'seen from a host on the segment', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    for (let i = 0; i < 8; i++) {
      if (i === 4) capture.at(37).heard(arpAnnouncement({ mac: SECOND.mac, ip: VIP }), SECOND.mac, [2]);
      capture.at(i * 10).asks(own, VIP, [{ by: i < 4 ? FIRST.mac : SECOND.mac, after: 0.0003 }]);
    }
    return { capture, expect: [moved({ count: 1, details: { reason: 'gratuitous' } })] };
  }),
  incident(KIND, 'the address goes to and fro', 'more than three moves in ten minutes: warning', () => {
    const capture = new Lan();
    for (let i = 0; i < 30; i++) {
      const owner = Math.floor(i / 5) % 2 === 0 ? FIRST : SECOND;
      if (i % 5 === 0 && i > 0) capture.at(i * 10 - 3).broadcast(gratuitousReply({ mac: owner.mac, ip: VIP }), owner.mac);
      capture.at(i * 10).resolve(CLIENT, { mac: owner.mac, ip: VIP });
    }
    return { capture, expect: [finding(KIND, VIP, { severity: 'warning' })] };
  }),
  incident(KIND, 'IPv6: an unsolicited advertisement with override', 'the announcement of a failover in IPv6', () => {
    const capture = new Lan();
    const address = '2001:db8::fe';
    const asker = { mac: CLIENT.mac, ip: '2001:db8::10' };
    for (let i = 0; i < 8; i++) {
      const owner = i < 4 ? FIRST.mac : SECOND.mac;
      if (i === 4) {
        const advert = neighborAdvertisement({ from: address, to: 'ff02::1', target: address, targetMac: SECOND.mac, solicited: false });
        capture.at(37).unicast(advert, SECOND.mac, ALL_NODES);
      }
      capture
        .at(i * 10)
        .unicast(
          neighborSolicitation({ from: asker.ip, target: address, sourceMac: asker.mac }),
          asker.mac,
          multicastMac('ff02::1:ff00:fe') ?? '',
        );
      capture
        .wait(0.0003)
        .unicast(neighborAdvertisement({ from: address, to: asker.ip, target: address, targetMac: owner }), owner, asker.mac);
    }
    return {
      capture,
      expect: [finding(KIND, address, { severity: 'info', details: { from: FIRST.mac, to: SECOND.mac, reason: 'gratuitous' } })],
    };
  }),

  twin(KIND, 'the owner announces itself again', 'the same MAC', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      capture.at(i * 5).broadcast(gratuitousReply({ mac: FIRST.mac, ip: VIP }), FIRST.mac);
      capture.at(i * 5 + 2).resolve(CLIENT, { mac: FIRST.mac, ip: VIP });
    }
    return { capture };
  }),
  twin(KIND, 'VRRP with virtual MAC', 'another router, the same MAC', () => {
    const capture = new Lan();
    const virtual = vrrpMac(7);
    for (let second = 0; second < 40; second++) {
      const master = second < 20 ? FIRST : SECOND;
      if (second >= 20 && second < 24) continue;
      const priority = master === FIRST ? 150 : 100;
      capture.at(second).unicast(vrrp({ from: master.ip, virtualRouter: 7, priority, addresses: [VIP] }), virtual, VRRP_GROUP);
      if (second === 24) capture.wait(0.01).broadcast(gratuitousReply({ mac: virtual, ip: VIP }), virtual);
      if (second % 4 === 1) capture.wait(0.3).resolve(CLIENT, { mac: virtual, ip: VIP });
    }
    return { capture };
  }),
  twin(KIND, 'bonding mode 6 gives each client another card', 'both MACs go on answering', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      const isEven = i % 2 === 0;
      capture.at(i * 3).resolve(isEven ? CLIENT : OTHER, { mac: isEven ? mac(0x0a) : mac(0x0b), ip: '192.0.2.1' });
    }
    return { capture };
  }),
  twin(KIND, 'proxy on one side, owner on the other', 'the MACs are of different segments', () => {
    const capture = twoCards({ name: 'lan' }, { name: 'uplink' });
    for (let i = 0; i < 4; i++) capture.at(i * 5).ask(CLIENT, VIP, [{ by: FIRST.mac, after: 0.0003 }], { interface: 0 });
    for (let i = 4; i < 8; i++) capture.at(i * 5).ask(OTHER, VIP, [{ by: SECOND.mac, after: 0.0003 }], { interface: 1 });
    return { capture };
  }),
  twin(KIND, 'answers only, by two cards of one host', 'a capture of one direction: what was asked is not seen, and nothing moves', () => {
    const capture = new Lan();
    for (let i = 0; i < 8; i++) {
      for (const { mac: by } of [FIRST, SECOND])
        capture.at(i * 5 + (by === FIRST.mac ? 0 : 0.00006)).unicast(arpReply({ mac: by, ip: VIP }, CLIENT), by, CLIENT.mac);
    }
    return { capture };
  }),
  twin(KIND, 'one VLAN after the other', 'the same address in two VLANs is two addresses', () => {
    const capture = new Lan();
    for (let i = 0; i < 8; i++) {
      const [by, vlan] = i < 4 ? [FIRST.mac, 10] : [SECOND.mac, 20];
      capture.at(i * 5).ask(CLIENT, VIP, [{ by, after: 0.0003 }], { vlans: [vlan] });
    }
    return { capture };
  }),
  twin(KIND, 'an announcement that nobody follows', 'the old MAC goes on answering: nothing has moved', () => {
    const capture = new Lan();
    for (let i = 0; i < 8; i++) {
      if (i === 4) capture.at(37).broadcast(arpAnnouncement({ mac: SECOND.mac, ip: VIP }), SECOND.mac);
      capture.at(i * 10).resolve(CLIENT, { mac: FIRST.mac, ip: VIP });
    }
    return { capture };
  }),
];
