import {
  arpReply,
  arpRequest,
  BROADCAST,
  echoReply,
  echoRequest,
  Flags,
  glbpMac,
  LLDP_MULTICAST,
  lldp,
  multicastMac,
  OldAnyCapture,
  PacketType,
  syn,
  synAck,
  vrrp,
  vrrpMac,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { type Answer, card, Lan, LinuxHost, mac, type OwnCard, twoCards } from './stage.ts';

const KIND = 'arp-flux';
/** The gateway with two cards in one subnet. */
const A = mac(0x0a);
const B = mac(0x0b);
const IP_A = '192.0.2.1';
const IP_B = '192.0.2.2';
const CLIENT = card(0x10, '192.0.2.10');
const OTHER = card(0x20, '192.0.2.20');
const CARD_A: OwnCard = { mac: A, ip: IP_A, ifindex: 2 };
const CARD_B: OwnCard = { mac: B, ip: IP_B, ifindex: 3 };
const CARDS = [CARD_A, CARD_B];

const answers = (afterA: number, afterB: number): Answer[] => [
  { by: A, after: afterA },
  { by: B, after: afterB },
];
/** A first, B 40 µs later. */
const usual = answers(0.0001, 0.00014);

/** Asks for both addresses in turn, so often each, an exchange every two seconds. */
function askBoth(lan: Lan, times: number, how: (i: number) => Answer[] = () => usual): number[] {
  const requests: number[] = [];
  for (let i = 0; i < 2 * times; i++) {
    requests.push(lan.ask(CLIENT, i % 2 === 0 ? IP_A : IP_B, how(i)).request);
    lan.wait(2);
  }
  return requests;
}

const flux = (ip: string, confidence: string, count: number, details: Record<string, unknown> = {}) =>
  finding(KIND, ip, { severity: 'warning', confidence, count, details: { requests: count, sharedIps: [IP_A, IP_B], ...details } });
const bothFlux = (confidence: string, count: number, details: Record<string, unknown> = {}) => [
  flux(IP_A, confidence, count, details),
  flux(IP_B, confidence, count, details),
];

export const scenarios: Scenario[] = [
  incident(KIND, 'client: both cards answer for both addresses', 'same two MACs for the same two addresses, same order: likely', () => {
    const capture = new Lan();
    const [first = 0, second = 0, third = 0, fourth = 0] = askBoth(capture, 2);
    const details = {
      winner: A,
      macs: [
        { mac: A, answers: 2, firstAnswers: 2 },
        { mac: B, answers: 2, firstAnswers: 0 },
      ],
    };
    return {
      capture,
      expect: [
        { ...flux(IP_A, 'likely', 2, details), evidenceFrames: [first, first + 1, first + 2, third, third + 1, third + 2] },
        { ...flux(IP_B, 'likely', 2, details), evidenceFrames: [second, second + 1, second + 2, fourth, fourth + 1, fourth + 2] },
      ],
    };
  }),
  incident(KIND, 'client: ten rounds in the same order', 'block, order and stable gap over ten rounds or more: certain', () => {
    const capture = new Lan();
    askBoth(capture, 5);
    return { capture, expect: bothFlux('certain', 5, { winner: A }) };
  }),
  incident(KIND, 'client: ten rounds of arping in two exchanges', 'thresholds count rounds, the count is of exchanges', () => {
    const capture = new Lan();
    for (const ip of [IP_A, IP_B]) {
      for (let i = 0; i < 5; i++) {
        const { now } = capture;
        capture.ask(CLIENT, ip, usual);
        capture.at(now + 1);
      }
      capture.wait(2);
    }
    const macs = [
      { mac: A, answers: 5, firstAnswers: 1 },
      { mac: B, answers: 5, firstAnswers: 0 },
    ];
    return { capture, expect: bothFlux('certain', 1, { winner: A, macs }) };
  }),
  incident(KIND, 'client: ten rounds, order changes', 'block and stable gap, but the order is not the same: stays likely', () => {
    const capture = new Lan();
    askBoth(capture, 6, (i) => (i % 4 < 2 ? usual : answers(0.00014, 0.0001)));
    const macs = [
      { mac: A, answers: 6, firstAnswers: 3 },
      { mac: B, answers: 6, firstAnswers: 3 },
    ];
    return { capture, expect: bothFlux('likely', 6, { winner: A, macs }) };
  }),
  incident(KIND, 'client: same order, gaps of any length', 'block and order without a stable gap: likely', () => {
    const capture = new Lan();
    const gaps = [0.0021, 0.016, 0.0045, 0.009, 0.018, 0.0015];
    askBoth(capture, 3, (i) => answers(0.0002, 0.0002 + (gaps[i] ?? 0)));
    return { capture, expect: bothFlux('likely', 3, { winner: A }) };
  }),
  incident(KIND, 'client: ping enters by one MAC and leaves by the other', 'block and one transaction over both MACs: certain', () => {
    const capture = new Lan();
    askBoth(capture, 1);
    const ping = { id: 7, seq: 1 };
    capture.unicast(echoRequest({ from: CLIENT.ip, to: IP_B, ...ping }), CLIENT.mac, A);
    capture.wait(0.0004).unicast(echoReply({ from: IP_B, to: CLIENT.ip, ...ping }), B, CLIENT.mac);
    return { capture, expect: bothFlux('certain', 1) };
  }),
  incident(KIND, 'client: SYN enters by one MAC, SYN-ACK leaves by the other', 'the same with TCP', () => {
    const capture = new Lan();
    askBoth(capture, 1);
    capture.unicast(syn(`${CLIENT.ip}:40000`, `${IP_A}:22`), CLIENT.mac, B);
    capture.wait(0.0004).unicast(synAck(`${IP_A}:22`, `${CLIENT.ip}:40000`), A, CLIENT.mac);
    return { capture, expect: bothFlux('certain', 1) };
  }),
  incident(KIND, 'client: both MACs name one system by LLDP', 'block and one identity: certain', () => {
    const capture = new Lan();
    for (const port of [A, B]) {
      capture.unicast(lldp({ chassis: A, port, systemName: 'gateway' }), port, LLDP_MULTICAST);
      capture.wait(0.5);
    }
    askBoth(capture, 2);
    return { capture, expect: bothFlux('certain', 2) };
  }),
  incident(KIND, 'two clients ask, each for another address', 'the block is of all askers together', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, IP_A, usual);
      capture.wait(1.5);
      capture.ask(OTHER, IP_B, usual);
      capture.wait(1.5);
    }
    return { capture, expect: bothFlux('likely', 3) };
  }),
  incident(KIND, 'client: three cards', 'every MAC of the block is named', () => {
    const capture = new Lan();
    const C = mac(0x2c);
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, i % 2 === 0 ? IP_A : IP_B, [...usual, { by: C, after: 0.00018 }]);
      capture.wait(2);
    }
    const macs = [
      { mac: A, answers: 2, firstAnswers: 2 },
      { mac: B, answers: 2, firstAnswers: 0 },
      { mac: C, answers: 2, firstAnswers: 0 },
    ];
    return { capture, expect: bothFlux('likely', 2, { winner: A, macs }) };
  }),
  incident(KIND, 'mirror port: every frame twice', 'exact duplicates are one message', () => {
    const capture = new Lan();
    const twice = (frame: () => number): void => {
      frame();
      capture.wait(0.00001);
      frame();
    };
    for (let i = 0; i < 4; i++) {
      const ip = i % 2 === 0 ? IP_A : IP_B;
      twice(() => capture.broadcast(arpRequest(CLIENT, ip), CLIENT.mac));
      capture.wait(0.0001);
      twice(() => capture.unicast(arpReply({ mac: A, ip }, CLIENT), A, CLIENT.mac));
      capture.wait(0.00004);
      twice(() => capture.unicast(arpReply({ mac: B, ip }, CLIENT), B, CLIENT.mac));
      capture.wait(2);
    }
    return { capture, expect: bothFlux('likely', 2) };
  }),
  incident(KIND, 'two VLANs with the same addresses', 'an exchange is of one VLAN; the same id again gets a number', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      for (const vlan of [10, 20]) {
        capture.ask(CLIENT, i % 2 === 0 ? IP_A : IP_B, usual, { vlans: [vlan] });
        capture.wait(1);
      }
    }
    const again = bothFlux('likely', 2).map((each) => ({ ...each, id: `${each.id}#2` }));
    return { capture, expect: [...bothFlux('likely', 2), ...again] };
  }),
  incident(KIND, 'gateway on any: once is enough', 'one broadcast in by two cards, two different MACs out: certain', () => {
    const capture = new LinuxHost();
    const { requests, answers: replies } = capture.asked(CLIENT, IP_A, CARDS, [
      { from: CARD_A, after: 0.00003 },
      { from: CARD_B, after: 0.00005 },
    ]);
    const macs = [
      { mac: A, answers: 1, firstAnswers: 1, interface: { index: 2, name: null } },
      { mac: B, answers: 1, firstAnswers: 0, interface: { index: 3, name: null } },
    ];
    return {
      capture,
      expect: [
        finding(KIND, IP_A, {
          severity: 'warning',
          confidence: 'certain',
          count: 1,
          details: { requests: 1, winner: A, macs },
          evidenceFrames: [requests[0] ?? 0, ...replies],
        }),
      ],
    };
  }),
  incident(KIND, 'gateway on any, VLAN interfaces aside', 'other interfaces with their own traffic change nothing', () => {
    const capture = new LinuxHost();
    const inner: OwnCard = { mac: mac(0x0c), ip: '198.51.100.1', ifindex: 4 };
    for (let i = 0; i < 3; i++) {
      capture.asked(CLIENT, IP_A, CARDS, [
        { from: CARD_A, after: 0.00003 },
        { from: CARD_B, after: 0.00005 },
      ]);
      capture.wait(2);
      capture.asked(card(0x30, '198.51.100.30'), inner.ip, [inner], [{ from: inner, after: 0.00003 }]);
      capture.wait(2);
    }
    return { capture, expect: [finding(KIND, IP_A, { severity: 'warning', confidence: 'certain', count: 3, details: { requests: 3 } })] };
  }),
  incident(KIND, 'gateway on any, older form without interfaces', 'two replies out, different MACs, each its own sender: certain', () => {
    const capture = new OldAnyCapture();
    const request = arpRequest(CLIENT, IP_A);
    capture.cooked({ packetType: PacketType.Broadcast, address: CLIENT.mac }, request);
    capture.wait(0.000002).cooked({ packetType: PacketType.Broadcast, address: CLIENT.mac }, request);
    const replies = [A, B].map((address) => {
      capture.wait(0.00002);
      return capture.cooked({ packetType: PacketType.FromUs, address }, arpReply({ mac: address, ip: IP_A }, CLIENT));
    });
    return {
      capture,
      expect: [
        finding(KIND, IP_A, { severity: 'warning', confidence: 'certain', count: 1, details: { winner: A }, evidenceFrames: replies }),
      ],
    };
  }),
  incident(KIND, 'gateway, both cards in one pcapng, no directions', 'interfaces that hear the same broadcast are one segment', () => {
    const capture = twoCards({ name: 'ethA' }, { name: 'ethB' });
    const replies: number[] = [];
    for (let i = 0; i < 4; i++) replies.push(...askOnBothCards(capture, i % 2 === 0 ? IP_A : IP_B, {}, {}));
    const macs = [
      { mac: A, answers: 2, firstAnswers: 2, interface: { index: 0, name: 'ethA' } },
      { mac: B, answers: 2, firstAnswers: 0, interface: { index: 1, name: 'ethB' } },
    ];
    return { capture, expect: bothFlux('likely', 2, { winner: A, macs }) };
  }),
  incident(KIND, 'gateway, both cards in one pcapng, with directions', 'two outgoing replies, each its own sender: certain, once', () => {
    const capture = twoCards({ name: 'ethA' }, { name: 'ethB' });
    const replies = askOnBothCards(capture, IP_A, { flags: Flags.Inbound }, { flags: Flags.Outbound });
    return { capture, expect: [finding(KIND, IP_A, { severity: 'warning', confidence: 'certain', count: 1, evidenceFrames: replies })] };
  }),
  incident(KIND, 'client on any', 'answers that come in are judged as on Ethernet', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    for (let i = 0; i < 4; i++) {
      capture.asks(own, i % 2 === 0 ? IP_A : IP_B, usual);
      capture.wait(2);
    }
    return { capture, expect: bothFlux('likely', 2, { winner: A }) };
  }),

  twin(KIND, 'VRRP router with its own and the virtual address', 'real MAC for the real address, virtual MAC for the virtual one', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, IP_A, [{ by: A, after: 0.0002 }]);
      capture.wait(2);
      capture.ask(CLIENT, '192.0.2.254', [{ by: vrrpMac(51), after: 0.0002, source: A }]);
      capture.wait(2);
    }
    // Whether a virtual sender MAC in a frame of the real one is told at all is not settled.
    return { capture, open: [finding('arp-sender-mismatch', `${vrrpMac(51)}|192.0.2.254`, { severity: 'info' })] };
  }),
  twin(KIND, 'GLBP: each client gets its forwarder', 'one answer to each request', () => {
    const capture = new Lan();
    for (let i = 0; i < 6; i++) {
      const asker = i % 2 === 0 ? CLIENT : OTHER;
      capture.ask(asker, '192.0.2.254', [{ by: glbpMac(1, 1 + (i % 2)), after: 0.0002 }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'bonding mode 6: each client gets another card', 'MACs are counted by request, not by address', () => {
    const capture = new Lan();
    for (let i = 0; i < 8; i++) {
      const asker = i % 2 === 0 ? CLIENT : OTHER;
      capture.ask(asker, i % 4 < 2 ? IP_A : IP_B, [{ by: i % 2 === 0 ? A : B, after: 0.0002 }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'macvlan and its parent on any', 'one MAC that leaves twice is one answer', () => {
    const capture = new LinuxHost();
    const parent: OwnCard = { ...CARD_A, ifindex: 2 };
    const vmac: OwnCard = { mac: vrrpMac(51), ip: '192.0.2.254', ifindex: 7 };
    for (let i = 0; i < 3; i++) {
      const { now } = capture;
      capture.heard(arpRequest(CLIENT, vmac.ip), CLIENT.mac, [2, 7]);
      const reply = arpReply(vmac, CLIENT);
      capture.at(now + 0.00003).outgoing(reply, vmac.ifindex, vmac.mac);
      capture.at(now + 0.000032).outgoing(reply, parent.ifindex, vmac.mac);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'bridge and its port on any', 'the same message on two interfaces within 5 ms is one', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 3; i++) {
      const { now } = capture;
      capture.heard(arpRequest(CLIENT, IP_A), CLIENT.mac, [2, 5]);
      const reply = arpReply({ mac: A, ip: IP_A }, CLIENT);
      capture.at(now + 0.00003).outgoing(reply, 5, A);
      capture.at(now + 0.000031).outgoing(reply, 2, A);
      capture.wait(2);
    }
    return { capture };
  }),
  incident(KIND, 'client: a proxy answers late beside both cards', 'who comes long after both changes nothing about them', () => {
    const capture = new Lan();
    askBoth(capture, 12, (i) => [...usual, { by: mac(0x99), after: 0.5 + 0.01 * i }]);
    return { capture, expect: bothFlux('certain', 12) };
  }),
  twin(KIND, 'proxy answers late beside the owners', 'a proxy waits up to 0.8 s; the owner came first', () => {
    const capture = new Lan();
    const owners = [card(0x31, '192.0.2.31'), card(0x47, '192.0.2.47'), card(0x58, '192.0.2.58')];
    const proxy = mac(0x99);
    for (let i = 0; i < 6; i++) {
      const owner = owners[i % 3] ?? CLIENT;
      capture.ask(CLIENT, owner.ip, [
        { by: owner.mac, after: 0.0003 },
        { by: proxy, after: 0.4 + 0.06 * i },
      ]);
      capture.wait(2);
      capture.ask(CLIENT, `192.0.2.${200 + i}`, [{ by: proxy, after: 0.45 + 0.05 * i }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'one machine answers for two others', 'not all MACs answer for the same set: two hosts, not one', () => {
    const capture = new Lan();
    const intruder = mac(0x66);
    const router = card(0x31, '192.0.2.31');
    const victim = card(0x47, '192.0.2.47');
    for (let i = 0; i < 3; i++) {
      for (const owner of [router, victim]) {
        capture.ask(CLIENT, owner.ip, [
          { by: intruder, after: 0.0002 },
          { by: owner.mac, after: 0.0004 },
        ]);
        capture.wait(2);
      }
    }
    const shared = (ip: string) => finding('arp-multi-mac-answer', ip, { count: 3 });
    return { capture, expect: [shared(router.ip), shared(victim.ip)] };
  }),
  twin(KIND, 'two interfaces that share no broadcast', 'answers of different segments are never compared', () => {
    const capture = twoCards({ name: 'lan' }, { name: 'dmz' });
    for (let i = 0; i < 4; i++) {
      const ip = i % 2 === 0 ? IP_A : IP_B;
      capture.ask(CLIENT, ip, [{ by: A, after: 0.0002 }], { interface: 0 });
      capture.wait(0.6);
      capture.ask(card(0x11, '192.0.2.11'), ip, [{ by: B, after: 0.0002 }], { interface: 1 });
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'one card answers for both addresses', 'normal without knowing which card owns what', () => {
    const capture = new Lan();
    askBoth(capture, 4, () => [{ by: A, after: 0.0002 }]);
    return { capture };
  }),
  twin(KIND, 'each card answers for its own address only', 'what it looks like once repaired', () => {
    const capture = new Lan();
    askBoth(capture, 4, (i) => [{ by: i % 2 === 0 ? A : B, after: 0.0002 }]);
    return { capture };
  }),
  twin(KIND, 'mirror port: the one answer twice', 'the same MAC twice is no second answer', () => {
    const capture = new Lan();
    askBoth(capture, 3, () => [
      { by: A, after: 0.0002 },
      { by: A, after: 0.00021 },
    ]);
    return { capture };
  }),
  twin(KIND, 'only one address is shared', 'without a second address it cannot be told from two hosts', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, IP_A, usual);
      capture.wait(2);
    }
    return { capture, expect: [finding('arp-multi-mac-answer', IP_A, { severity: 'warning', count: 4 })] };
  }),
  twin(KIND, 'two addresses, two rounds, far apart', 'the block alone, without order or stable gap, is too little', () => {
    const capture = new Lan();
    capture.ask(CLIENT, IP_A, answers(0.002, 0.031));
    capture.wait(2);
    capture.ask(CLIENT, IP_B, answers(0.024, 0.001));
    capture.wait(2);
    return { capture, expect: [IP_A, IP_B].map((ip) => finding('arp-multi-mac-answer', ip, { count: 1 })) };
  }),
  twin(KIND, 'two masters with two virtual addresses', 'with their advertisements it is split brain', () => {
    const capture = new Lan();
    const masters = [card(0x31, '192.0.2.31'), card(0x47, '192.0.2.47')];
    const virtual = ['192.0.2.101', '192.0.2.102'];
    for (let i = 0; i < 10; i++) {
      masters.forEach((master, n) => {
        const advert = vrrp({ from: master.ip, virtualRouter: 5, priority: 100 + n, addresses: virtual });
        capture.unicast(advert, master.mac, multicastMac('224.0.0.18') ?? BROADCAST);
        capture.wait(0.3);
      });
      const both = masters.map(({ mac: by }, n) => ({ by, after: 0.0002 + n * 0.0001 }));
      if (i % 2 === 1) capture.ask(CLIENT, virtual[(i >> 1) % 2] ?? '', both);
      capture.wait(0.4);
    }
    const perhaps = virtual.flatMap((ip) =>
      ['arp-multi-mac-answer', 'arp-duplicate-address', 'vip-answered-by-realserver'].map((kind) => finding(kind, ip)),
    );
    return { capture, expect: [finding('vrrp-split-brain', 'vrrp-5', { severity: 'error' })], open: perhaps };
  }),
  twin(KIND, 'the default gateway of every container', 'one MAC answers for one address on many interfaces', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 6; i++) {
      const veth: OwnCard = { mac: 'ee:ee:ee:ee:ee:ee', ip: '169.254.1.1', ifindex: 10 + i };
      capture.asked(card(0x60 + i, `192.0.2.${60 + i}`), veth.ip, [veth], [{ from: veth, after: 0.00003 }]);
      capture.wait(0.7);
    }
    return { capture };
  }),
];

/** A broadcast that both cards hear, and an answer by each of them; the clock goes on by two seconds. */
function askOnBothCards(capture: Lan, ip: string, heard: { flags?: number }, sent: { flags?: number }): number[] {
  const { now } = capture;
  for (const id of [0, 1]) {
    capture.at(now + id * 0.000003).broadcast(arpRequest(CLIENT, ip), CLIENT.mac, { interface: id, ...heard });
  }
  const replies = [A, B].map((by, id) => {
    capture.at(now + 0.00003 + id * 0.00002);
    return capture.unicast(arpReply({ mac: by, ip }, CLIENT), by, CLIENT.mac, { interface: id, ...sent });
  });
  capture.wait(2);
  return replies;
}
