import {
  arpAnnouncement,
  arpProbe,
  arpReply,
  arpRequest,
  BROADCAST,
  dhcp,
  Flags,
  gratuitousReply,
  PacketType,
  rst,
  syn,
  synAck,
  udp,
  vrrpMac,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

const KIND = 'arp-duplicate-address';
const SHARED = '192.0.2.5';
const CLIENT = card(0x10, '192.0.2.10');
const THIRD = card(0x20, '192.0.2.20');
/** Two machines that both think they are 192.0.2.5, and what else they are. */
const X = mac(0x31);
const Y = mac(0x47);
const OWN_OF_X = { mac: X, ip: '192.0.2.31' };
const OWN_OF_Y = { mac: Y, ip: '192.0.2.47' };

const both = (afterX = 0.0003, afterY = 0.0009) => [
  { by: X, after: afterX },
  { by: Y, after: afterY },
];
const macsOf = (count: number) => [
  { mac: X, answers: count, firstAnswers: count },
  { mac: Y, answers: count, firstAnswers: 0 },
];

/** The client resolves everything: the shared address and the own one of each machine. */
function resolveAll(capture: Lan, times: number): number[] {
  const frames: number[] = [];
  for (let i = 0; i < times; i++) {
    const { request, answers } = capture.ask(CLIENT, SHARED, both(0.0003, 0.0009 + i * 0.0007));
    frames.push(request, ...answers);
    capture.wait(2);
    capture.resolve(CLIENT, OWN_OF_X);
    capture.wait(2);
    capture.resolve(CLIENT, OWN_OF_Y);
    capture.wait(2);
  }
  return frames;
}

export const scenarios: Scenario[] = [
  incident(KIND, 'client: two MACs, one shared address, each with another of its own', 'they share exactly this address: likely', () => {
    const capture = new Lan();
    const frames = resolveAll(capture, 3);
    return {
      capture,
      expect: [
        finding(KIND, SHARED, {
          severity: 'error',
          confidence: 'likely',
          count: 3,
          details: { requests: 3, winner: X, macs: macsOf(3) },
          evidenceFrames: frames,
        }),
      ],
    };
  }),
  incident(KIND, 'client on any: the same', 'incoming answers on one interface are judged as on Ethernet', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    for (let i = 0; i < 3; i++) {
      capture.asks(own, SHARED, both());
      capture.wait(2);
      for (const each of [OWN_OF_X, OWN_OF_Y]) {
        capture.asks(own, each.ip, [{ by: each.mac, after: 0.0003 }]);
        capture.wait(2);
      }
    }
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'likely', count: 3 })] };
  }),
  incident(KIND, 'own capture on any: our answer goes out, the other one comes in', 'decisive from the host itself: certain', () => {
    const capture = new LinuxHost();
    const request = arpRequest(CLIENT, SHARED);
    const frames = [
      capture.incoming(request, 2, CLIENT.mac, PacketType.Broadcast),
      capture.wait(0.00003).outgoing(arpReply({ mac: X, ip: SHARED }, CLIENT), 2, X),
      capture.wait(0.0004).incoming(arpReply({ mac: Y, ip: SHARED }, CLIENT), 2, Y),
    ];
    capture.wait(3);
    return {
      capture,
      expect: [
        finding(KIND, SHARED, {
          severity: 'error',
          confidence: 'certain',
          count: 1,
          details: { requests: 1, winner: X, macs: macsOf(1) },
          evidenceFrames: frames,
        }),
      ],
    };
  }),
  incident(KIND, 'own capture with directions in pcapng', 'outgoing and incoming by the flags: certain', () => {
    const capture = new Lan([{ name: 'eth0' }]);
    const frames = [
      capture.broadcast(arpRequest(CLIENT, SHARED), CLIENT.mac, { padded: true, flags: Flags.Inbound }),
      capture.wait(0.00003).unicast(arpReply({ mac: X, ip: SHARED }, CLIENT), X, CLIENT.mac, { flags: Flags.Outbound }),
      capture.wait(0.0004).unicast(arpReply({ mac: Y, ip: SHARED }, CLIENT), Y, CLIENT.mac, { padded: true, flags: Flags.Inbound }),
    ];
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'certain', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'own capture on Ethernet: 42 octets out, 60 in', 'only what leaves is not yet padded: certain', () => {
    const capture = new Lan();
    const frames = [
      capture.broadcast(arpRequest(CLIENT, SHARED), CLIENT.mac, { padded: true }),
      capture.wait(0.00003).unicast(arpReply({ mac: X, ip: SHARED }, CLIENT), X, CLIENT.mac),
      capture.wait(0.0004).unicast(arpReply({ mac: Y, ip: SHARED }, CLIENT), Y, CLIENT.mac, { padded: true }),
    ];
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'certain', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'both MACs are DHCP clients of different names', 'independent identities: likely', () => {
    const capture = new Lan();
    [X, Y].forEach((each, i) => {
      const request = dhcp({ type: 'request', xid: 0x1000 + i, mac: each, hostname: i === 0 ? 'printer' : 'camera' });
      capture.broadcast(udp({ from: '0.0.0.0:68', to: '255.255.255.255:67', payload: request }), each);
      capture.wait(1);
    });
    for (let i = 0; i < 2; i++) {
      capture.ask(CLIENT, SHARED, both());
      capture.wait(2);
    }
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'likely', count: 2 })] };
  }),
  incident(KIND, 'two reactions to one SYN', 'one MAC accepts, the other refuses, with another TTL: two hosts', () => {
    const capture = new Lan();
    for (let i = 0; i < 2; i++) {
      capture.ask(CLIENT, SHARED, both());
      capture.wait(0.001);
      const [from, to] = [`${CLIENT.ip}:${40_000 + i}`, `${SHARED}:80`];
      capture.unicast(syn(from, to, 1000 + i), CLIENT.mac, BROADCAST);
      capture.wait(0.0003).unicast(synAck(to, from, 1000 + i, { ttl: 64 }), X, CLIENT.mac);
      capture.wait(0.0002).unicast(rst(to, from, 1000 + i, { ttl: 128 }), Y, CLIENT.mac);
      capture.wait(2);
    }
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'likely', count: 2 })] };
  }),

  twin(KIND, 'a proxy that looks for the one it answers for', 'it asks for the address itself, so it does not have it', () => {
    const capture = new LinuxHost();
    const proxy: OwnCard = { ...card(0x01, '192.0.2.1'), ifindex: 2 };
    for (let i = 0; i < 3; i++) {
      capture.asked(CLIENT, SHARED, [proxy], [{ from: proxy, after: 0.3 }]);
      capture.wait(0.01);
      capture.asks(proxy, SHARED, [{ by: X, after: 0.0003 }]);
      capture.wait(5);
    }
    return { capture };
  }),
  twin(KIND, 'two MACs, one address and nothing else', 'too little to say whether one host or two', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, SHARED, both());
      capture.wait(2);
    }
    return { capture, expect: [finding('arp-multi-mac-answer', SHARED, { severity: 'warning', count: 3 })] };
  }),
  twin(KIND, 'a guest of the capturing host asks', 'what leaves to a guest is not padded either: it need not be our own answer', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.broadcast(arpRequest(CLIENT, SHARED), CLIENT.mac);
      capture.wait(0.0001).unicast(arpReply({ mac: X, ip: SHARED }, CLIENT), X, CLIENT.mac);
      capture.wait(0.0003).unicast(arpReply({ mac: Y, ip: SHARED }, CLIENT), Y, CLIENT.mac, { padded: true });
      capture.wait(5);
    }
    return { capture, expect: [finding('arp-multi-mac-answer', SHARED, { severity: 'warning', confidence: 'certain', count: 3 })] };
  }),
  twin(KIND, 'both answers without padding', 'on virtual links nothing is padded: 42 octets prove no direction', () => {
    const capture = new Lan();
    capture.ask(CLIENT, SHARED, both());
    capture.wait(3);
    return { capture, expect: [finding('arp-multi-mac-answer', SHARED, { count: 1 })] };
  }),
  twin(KIND, 'both answers with padding', 'both came over the wire: no word of the own host', () => {
    const capture = new Lan();
    capture.ask(CLIENT, SHARED, both(), { padded: true });
    capture.wait(3);
    return { capture, expect: [finding('arp-multi-mac-answer', SHARED, { count: 1 })] };
  }),
  twin(KIND, 'DHCP gave the address to another host', 'the old MAC was silent before the new one began', () => {
    const capture = new Lan();
    for (let i = 0; i < 12; i++) {
      capture.at(i * 10).ask(CLIENT, SHARED, [{ by: i < 6 ? X : Y, after: 0.0003 }]);
      if (i === 5) capture.at(57).broadcast(arpAnnouncement({ mac: Y, ip: SHARED }), Y);
    }
    return {
      capture,
      expect: [finding('arp-address-moved', SHARED, { severity: 'info', details: { from: X, to: Y, reason: 'gratuitous' } })],
    };
  }),
  twin(KIND, 'a virtual machine moved', 'the MAC came along', () => {
    const capture = new Lan();
    for (let i = 0; i < 6; i++) {
      capture.at(i * 10).ask(CLIENT, SHARED, [{ by: X, after: 0.0003 }]);
      if (i === 3) capture.at(35).broadcast(gratuitousReply({ mac: X, ip: SHARED }), X);
    }
    return { capture };
  }),
  twin(KIND, 'one router, real and virtual MAC', 'a virtual MAC is never a second host', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.resolve(CLIENT, OWN_OF_X);
      capture.wait(2);
      capture.resolve(CLIENT, { mac: vrrpMac(9), ip: '192.0.2.254' });
      capture.wait(2);
    }
    return { capture };
  }),
  incident(KIND, 'a probe is answered', 'a host that wants the address, or a check by hand: possible, and a notice: it is warned', () => {
    const capture = new Lan();
    const frames = [
      capture.broadcast(arpProbe(CLIENT.mac, SHARED), CLIENT.mac),
      capture.wait(0.0003).unicast(arpReply({ mac: X, ip: SHARED }, { mac: CLIENT.mac, ip: '0.0.0.0' }), X, CLIENT.mac),
    ];
    capture.wait(4);
    capture.resolve(THIRD, { mac: X, ip: SHARED });
    return { capture, expect: [finding(KIND, SHARED, { severity: 'notice', confidence: 'possible', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'a probe is answered, and the address taken all the same', 'nothing says that the answer is heeded: an error', () => {
    const capture = new Lan();
    capture.broadcast(arpProbe(CLIENT.mac, SHARED), CLIENT.mac);
    capture.wait(0.0003).unicast(arpReply({ mac: X, ip: SHARED }, { mac: CLIENT.mac, ip: '0.0.0.0' }), X, CLIENT.mac);
    capture.wait(4);
    capture.resolve({ mac: CLIENT.mac, ip: SHARED }, THIRD);
    capture.wait(4);
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'possible' })] };
  }),
  incident(KIND, 'a probe is answered, an hour after the first try', 'each try is judged for itself', () => {
    const capture = new Lan();
    for (let n = 0; n < 3; n++) capture.at(n).broadcast(arpProbe(CLIENT.mac, SHARED), CLIENT.mac);
    const frames = [
      capture.at(3600).broadcast(arpProbe(CLIENT.mac, SHARED), CLIENT.mac),
      capture.wait(0.0003).unicast(arpReply({ mac: X, ip: SHARED }, { mac: CLIENT.mac, ip: '0.0.0.0' }), X, CLIENT.mac),
    ];
    return { capture, expect: [finding(KIND, SHARED, { confidence: 'possible', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'two hosts probe for one address', 'both are about to take it (RFC 5227 section 2.1.1): likely', () => {
    const capture = new Lan();
    const frames: number[] = [];
    for (const by of [X, Y]) frames.push(capture.wait(0.3).broadcast(arpProbe(by, SHARED), by));
    capture.wait(4);
    capture.resolve(THIRD, OWN_OF_X);
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'likely', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'two hosts defend one address', 'each announces it against the other, every ten seconds: likely', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.at(10 * i).broadcast(arpAnnouncement({ mac: X, ip: SHARED }), X);
      capture.wait(0.0004).broadcast(arpAnnouncement({ mac: Y, ip: SHARED }), Y);
    }
    return { capture, expect: [finding(KIND, SHARED, { severity: 'error', confidence: 'likely', count: 4 })] };
  }),
  twin(KIND, 'an ARP monitor', 'bonding watches its links by probes, and the gateway answers them', () => {
    const capture = new Lan();
    for (let i = 0; i < 30; i++) {
      for (const by of [X, Y]) {
        capture.at(i + (by === X ? 0 : 0.2)).broadcast(arpProbe(by, SHARED), by);
        capture.wait(0.0003).unicast(arpReply({ mac: THIRD.mac, ip: SHARED }, { mac: by, ip: '0.0.0.0' }), THIRD.mac, by);
      }
    }
    return { capture };
  }),
  twin(KIND, 'a switch that tracks its devices', 'it probes for each of them, and each answers', () => {
    const capture = new Lan();
    for (let i = 0; i < 5; i++) {
      const device = card(0x60 + i, `192.0.2.${60 + i}`);
      capture.wait(1).broadcast(arpProbe(X, device.ip), X);
      capture.wait(0.0003).unicast(arpReply(device, { mac: X, ip: '0.0.0.0' }), device.mac, X);
    }
    return { capture };
  }),
  twin(KIND, 'a switch asks one host whether it is there', 'its probe goes to that host alone', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.at(30 * i).unicast(arpProbe(Y, OWN_OF_X.ip), Y, X);
      capture.wait(0.0003).unicast(arpReply(OWN_OF_X, { mac: Y, ip: '0.0.0.0' }), X, Y);
    }
    return { capture };
  }),
  twin(KIND, 'a lease that goes to another host and comes back', 'each probes before it takes the address, an hour apart', () => {
    const capture = new Lan();
    for (const [i, by] of [X, Y, X].entries()) {
      for (let n = 0; n < 3; n++) capture.at(3600 * i + n).broadcast(arpProbe(by, SHARED), by);
      for (let n = 0; n < 2; n++) capture.at(3600 * i + 5 + 2 * n).broadcast(arpAnnouncement({ mac: by, ip: SHARED }), by);
    }
    return { capture, expect: [finding('arp-address-moved', SHARED, { severity: 'info', count: 2 })] };
  }),
  twin(KIND, 'a failover and its way back, announced', 'each announces when it takes over, not against the other one', () => {
    const capture = new Lan();
    for (const [i, by] of [X, Y, X].entries()) {
      for (let n = 0; n < 5; n++) capture.at(100 * i + n * 0.2).broadcast(gratuitousReply({ mac: by, ip: SHARED }), by);
    }
    return { capture, expect: [finding('arp-address-moved', SHARED, { severity: 'info', count: 2 })] };
  }),
  twin(KIND, 'a claim in requests only', 'nobody was answered twice', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, SHARED, [{ by: X, after: 0.0003 }]);
      capture.wait(2);
    }
    // Another MAC asks once, in the name of the shared address.
    capture.ask({ mac: Y, ip: SHARED }, THIRD.ip, [{ by: THIRD.mac, after: 0.0003 }]);
    capture.wait(2);
    for (let i = 0; i < 2; i++) {
      capture.ask(CLIENT, SHARED, [{ by: X, after: 0.0003 }]);
      capture.wait(2);
    }
    return { capture, expect: [finding('arp-foreign-source', `${SHARED}|${Y}`, { severity: 'warning', confidence: 'likely' })] };
  }),
  twin(KIND, 'captures that were glued together backwards', 'when time steps back, what was known before ends', () => {
    const capture = new Lan();
    resolveOnly(capture, X);
    capture.startAgain(Date.UTC(2016, 4, 1) / 1000);
    resolveOnly(capture, Y);
    return { capture };
  }),
];

/** The shared address as one of the machines answers for it, and the own addresses of both. */
function resolveOnly(capture: Lan, owner: string): void {
  for (let i = 0; i < 3; i++) {
    capture.ask(CLIENT, SHARED, [{ by: owner, after: 0.0003 }]);
    capture.wait(2);
    capture.resolve(CLIENT, owner === X ? OWN_OF_X : OWN_OF_Y);
    capture.wait(2);
  }
}
