import {
  BROADCAST,
  echoReply,
  echoRequest,
  gratuitousReply,
  gre,
  type NetworkPacket,
  octets,
  PacketType,
  syn,
  udp,
} from '../craft/index.ts';
import { type CardFields, contextOf, type HostFields } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard, twoCards } from './stage.ts';

const KIND = 'wrong-interface-delivery';
const CLIENT = card(0x10, '192.0.2.10');
/** A gateway with two cards in one network; A answers first for both addresses. */
const A: OwnCard = { mac: mac(0x0a), ip: '192.0.2.1', ifindex: 3 };
const B: OwnCard = { mac: mac(0x0b), ip: '192.0.2.2', ifindex: 2 };
const ETH_A: CardFields = { name: 'ethA', ifindex: A.ifindex, mac: A.mac, addresses: ['192.0.2.1/24'] };
const ETH_B: CardFields = { name: 'ethB', ifindex: B.ifindex, mac: B.mac, addresses: ['192.0.2.2/24'] };
const GATEWAY: HostFields = { cards: [ETH_B, ETH_A] };
const LOCATED = contextOf([GATEWAY]);
const ELSEWHERE = contextOf([GATEWAY], { isElsewhere: true });

const MOMENT = 0.0001;

/** The gateway on `any`: pings of the client come in by one of its cards, and are answered by B. */
function pings(capture: LinuxHost, to: string, by: number, count = 3): number[] {
  return Array.from({ length: count }, (_, i) => {
    const frame = capture.incoming(echoRequest({ from: CLIENT.ip, to, id: 7, seq: i + 1 }), by, CLIENT.mac);
    capture.wait(MOMENT);
    capture.outgoing(echoReply({ from: to, to: CLIENT.ip, id: 7, seq: i + 1 }), by, by === A.ifindex ? A.mac : B.mac);
    capture.wait(1);
    return frame;
  });
}

/** Connections of the client's through the gateway, as it sees them come in by one of its cards and go on. */
function passes(capture: LinuxHost, by: OwnCard, count = 3): number[] {
  return Array.from({ length: count }, (_, i) => {
    const opened = (ttl: number): NetworkPacket => syn(`${CLIENT.ip}:${40_000 + i}`, '198.51.100.9:80', 1000, { ttl });
    const frame = capture.incoming(opened(64), by.ifindex, CLIENT.mac);
    capture.wait(MOMENT);
    capture.outgoing(opened(63), 9, mac(0x99));
    capture.wait(1);
    return frame;
  });
}

/** The client asks for the gateway's address of B; A answers, and then B. */
const asksForB = (capture: LinuxHost): void => {
  capture.asked(
    CLIENT,
    B.ip,
    [A, B],
    [
      { from: A, after: 0.00002 },
      { from: B, after: 0.00003 },
    ],
  );
  capture.wait(MOMENT);
};

/** A packet of the client's, seen on its own card. */
const sends = (capture: Lan, to: string, destination: string, id = 7): number => {
  const frame = capture.unicast(echoRequest({ from: CLIENT.ip, to, id, seq: 1 }), CLIENT.mac, destination);
  capture.wait(1);
  return frame;
};

const flux = (ip: string, related: string[] = []) => finding('arp-flux', ip, { confidence: 'certain', related });
const details = {
  expected: { interface: { index: 2, name: 'ethB' }, mac: B.mac },
  actual: { interface: { index: 3, name: 'ethA' }, mac: A.mac },
};
const delivery = (rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, B.ip, { severity: 'error', confidence: 'certain', count: 3, details: { ...details, packets: 3 }, ...rest });

/** Twins that differ in what the host says of its interfaces. */
const harmless = (name: string, why: string, host: HostFields): Scenario =>
  twin(KIND, name, why, () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex);
    return { capture, options: { context: contextOf([host]) } };
  });

export const scenarios: Scenario[] = [
  incident(KIND, 'at the host: frames for B come in by A', 'the host says which card has the address: certain', () => {
    const capture = new LinuxHost();
    const frames = pings(capture, B.ip, A.ifindex);
    return { capture, options: { context: LOCATED }, expect: [delivery({ evidenceFrames: frames })] };
  }),
  incident(KIND, 'at the host: A answers ARP first', 'the answer, the frames, and who answers are one story', () => {
    const capture = new LinuxHost();
    const both = [
      { from: A, after: 0.00002 },
      { from: B, after: 0.00003 },
    ];
    for (const own of [B, A]) {
      capture.asked(CLIENT, own.ip, [A, B], both);
      capture.wait(MOMENT);
      pings(capture, own.ip, A.ifindex);
    }
    return {
      capture,
      options: { context: LOCATED },
      expect: [delivery({ related: [`arp-flux:${B.ip}`] }), flux(B.ip, [`${KIND}:${B.ip}`]), flux(A.ip)],
    };
  }),
  incident(KIND, 'at the client: frames for B are sent to A', 'by their destination MAC', () => {
    const capture = new Lan();
    const frames = [1, 2, 3].map((id) => sends(capture, B.ip, A.mac, id));
    sends(capture, A.ip, A.mac);
    return { capture, options: { context: ELSEWHERE }, expect: [delivery({ evidenceFrames: frames })] };
  }),
  incident(
    KIND,
    'at the host, told by its interfaces',
    'nothing says where the capture was taken but the numbers and MACs of what leaves',
    () => {
      const capture = new LinuxHost();
      pings(capture, A.ip, B.ifindex, 1);
      const frames = pings(capture, B.ip, A.ifindex);
      const expect = [delivery({ evidenceFrames: frames }), finding(KIND, A.ip, { count: 1 })];
      return { capture, options: { context: ELSEWHERE }, expect };
    },
  ),
  incident(KIND, 'the right card is down', 'the wrong one keeps the address in reach: a notice', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex);
    const context = contextOf([{ cards: [{ ...ETH_B, isDown: true }, ETH_A] }]);
    return { capture, options: { context }, expect: [delivery({ severity: 'notice' })] };
  }),
  incident(KIND, 'the right card is down, and a rule waits for it', 'what the rule is for does not match: a warning', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex);
    const rules = [{ priority: 100, src: 'all', iif: 'ethB', table: 200 }];
    const context = contextOf([{ cards: [{ ...ETH_B, isDown: true }, ETH_A], rules }]);
    return { capture, options: { context }, expect: [delivery({ severity: 'warning' })] };
  }),
  incident(KIND, 'IPv6', 'neighbours have the wrong MAC', () => {
    const capture = new Lan();
    const [from, to] = ['2001:db8::10', '2001:db8::2'];
    for (let seq = 1; seq <= 3; seq++) {
      capture.unicast(echoRequest({ from, to, id: 7, seq }), CLIENT.mac, A.mac);
      capture.wait(1);
    }
    const cards = [
      { ...ETH_A, addresses: ['2001:db8::1/64'] },
      { ...ETH_B, addresses: ['2001:db8::2/64'] },
    ];
    const context = contextOf([{ cards }], { isElsewhere: true });
    return { capture, options: { context }, expect: [finding(KIND, to, { severity: 'error', confidence: 'certain', count: 3 })] };
  }),
  incident(KIND, 'one frame of many was flooded to both cards', 'the others came in by the wrong one alone', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex, 5);
    const ask = echoRequest({ from: CLIENT.ip, to: B.ip, id: 9, seq: 1 });
    for (const { ifindex } of [A, B]) capture.incoming(ask, ifindex, CLIENT.mac);
    return { capture, options: { context: LOCATED }, expect: [delivery({ count: 5, details: { packets: 5 } })] };
  }),

  incident(
    KIND,
    'at the host: the client’s gateway is B, and A answers for it',
    'what goes through comes in by A: likely, for frames do not name their next hop',
    () => {
      const capture = new LinuxHost();
      asksForB(capture);
      const frames = passes(capture, A);
      return {
        capture,
        options: { context: LOCATED },
        expect: [
          delivery({ confidence: 'likely', evidenceFrames: frames, related: [`arp-flux:${B.ip}`] }),
          finding('arp-flux', B.ip, { severity: 'warning', confidence: 'certain' }),
        ],
      };
    },
  ),
  incident(KIND, 'at the client: its gateway is B, and A answers for it', 'by the destination MAC', () => {
    const capture = new Lan();
    for (const from of [40_000, 41_000]) {
      capture.ask(CLIENT, B.ip, [
        { by: A.mac, after: 0.0001 },
        { by: B.mac, after: 0.00014 },
      ]);
      capture.unicast(syn(`${CLIENT.ip}:${from}`, '198.51.100.9:80'), CLIENT.mac, A.mac);
      capture.wait(5);
    }
    const expect = [
      delivery({ confidence: 'likely', count: 2, details: { packets: 2 } }),
      finding('arp-flux', B.ip, { severity: 'warning' }),
    ];
    return { capture, options: { context: ELSEWHERE }, expect };
  }),

  incident(KIND, 'both cards in pcapng, which says their addresses', 'the capture itself says which card has which', () => {
    const capture = describedCards(['192.0.2.1/24'], ['192.0.2.2/24']);
    const details = {
      expected: { interface: { index: 1, name: 'ethB' }, mac: B.mac },
      actual: { interface: { index: 0, name: 'ethA' }, mac: A.mac },
    };
    return { capture, expect: [delivery({ details })] };
  }),

  twin(KIND, 'both cards in pcapng, in two subnets', 'an address of the far card, reached through the near one', () => ({
    capture: describedCards(['198.51.100.1/24'], ['192.0.2.2/24']),
  })),
  twin(KIND, 'both cards in pcapng, of which the context says otherwise', 'what the user hands over counts', () => ({
    capture: describedCards(['192.0.2.1/24'], ['192.0.2.2/24']),
    options: {
      context: contextOf([
        {
          cards: [
            { ...ETH_A, addresses: ['192.0.2.1/24', '192.0.2.2/24'] },
            { ...ETH_B, addresses: [] },
          ],
        },
      ]),
    },
  })),
  twin(KIND, 'frames for B come in by B', 'the repaired gateway', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, B.ifindex);
    pings(capture, A.ip, A.ifindex);
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'without a context', 'nothing says which card has which address', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex);
    return { capture };
  }),
  harmless('an address of another subnet', 'reached through the near card, as routers are', {
    cards: [
      { ...ETH_B, addresses: ['192.0.2.2/24'] },
      { ...ETH_A, addresses: ['198.51.100.1/24'] },
    ],
  }),
  harmless('an address on lo', 'no card has it', {
    cards: [
      { ...ETH_B, addresses: ['192.0.2.3/24'] },
      ETH_A,
      { name: 'dummy0', ifindex: 9, mac: mac(0x0d), kind: 'dummy', addresses: ['192.0.2.2/32'] },
    ],
  }),
  harmless('through a tunnel', 'a LAN address reached from afar', {
    cards: [ETH_B, { name: 'wg0', ifindex: A.ifindex, kind: 'wireguard', addresses: ['192.0.2.129/25'] }],
  }),
  harmless('a bridge and its port', 'one way', {
    cards: [
      { name: 'br0', ifindex: B.ifindex, mac: B.mac, kind: 'bridge', addresses: ['192.0.2.2/24'] },
      { name: 'ethA', ifindex: A.ifindex, mac: A.mac, master: 'br0' },
    ],
  }),
  harmless('a bond and its member', 'one way', {
    cards: [
      { name: 'bond0', ifindex: B.ifindex, mac: B.mac, kind: 'bond', addresses: ['192.0.2.2/24'] },
      { name: 'ethA', ifindex: A.ifindex, mac: B.mac, master: 'bond0', addresses: ['192.0.2.1/24'] },
    ],
  }),
  harmless('a macvlan and its card', 'one lies on the other', {
    cards: [{ ...ETH_B, kind: 'macvlan', parent: 'ethA' }, ETH_A],
  }),
  harmless('a VLAN with the MAC of its card', 'the frame is for both', {
    cards: [{ ...ETH_B, name: 'ethA.10', mac: A.mac, kind: 'vlan', parent: 'ethA' }, ETH_A],
  }),
  harmless('two VRFs', 'networks of the same numbers that have nothing to do with each other', {
    cards: [
      { ...ETH_B, master: 'red' },
      { ...ETH_A, master: 'blue' },
      { name: 'red', ifindex: 10, kind: 'vrf' },
      { name: 'blue', ifindex: 11, kind: 'vrf' },
    ],
  }),
  harmless('an address that both cards have', 'it is right at both', {
    cards: [ETH_B, { ...ETH_A, addresses: ['192.0.2.1/24', '192.0.2.2/24'] }],
  }),
  twin(KIND, 'an address of two hosts', 'a virtual one: whose it is now the context does not say', () => {
    const capture = new LinuxHost();
    pings(capture, B.ip, A.ifindex);
    const other = { name: 'standby', cards: [{ name: 'eth0', ifindex: 2, mac: mac(0x77), addresses: ['192.0.2.2/32'] }] };
    return { capture, options: { context: contextOf([GATEWAY, other]) } };
  }),
  twin(KIND, 'another host with the same numbers', 'a router passes it on: its interfaces are not those of the gateway', () => {
    const capture = new LinuxHost();
    for (let seq = 1; seq <= 3; seq++) {
      const ping = (ttl: number): NetworkPacket => echoRequest({ from: '198.51.100.9', to: B.ip, id: 7, seq, ttl });
      capture.incoming(ping(63), A.ifindex, mac(0x66));
      capture.wait(MOMENT);
      capture.outgoing(ping(62), 7, mac(0x67));
      capture.wait(1);
    }
    return { capture, options: { context: ELSEWHERE } };
  }),
  twin(KIND, 'frames for others', 'seen in promiscuous mode', () => {
    const capture = new LinuxHost();
    for (let seq = 1; seq <= 3; seq++) {
      capture.incoming(echoRequest({ from: CLIENT.ip, to: B.ip, id: 7, seq }), A.ifindex, CLIENT.mac, PacketType.OtherHost);
      capture.wait(1);
    }
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'what arrives at both', 'copies of one packet: both lie on one way, whatever the host says', () => {
    const capture = new LinuxHost();
    for (let seq = 1; seq <= 3; seq++) {
      const ask = echoRequest({ from: CLIENT.ip, to: B.ip, id: 7, seq });
      for (const { ifindex } of seq === 2 ? [B, A] : [A, B]) capture.incoming(ask, ifindex, CLIENT.mac);
      capture.wait(1);
    }
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'a broadcast', 'it is for all cards', () => {
    const capture = new Lan();
    capture.unicast(udp({ from: `${CLIENT.ip}:1000`, to: `${B.ip}:9`, payload: octets(1, 2, 3, 4) }), CLIENT.mac, BROADCAST);
    return { capture, options: { context: ELSEWHERE } };
  }),
  twin(KIND, 'inside a tunnel', 'what is outside is delivered, and rightly', () => {
    const capture = new LinuxHost();
    for (let seq = 1; seq <= 3; seq++) {
      capture.incoming(gre(CLIENT.ip, A.ip, echoRequest({ from: '10.0.0.9', to: B.ip, id: 7, seq })), A.ifindex, CLIENT.mac);
      capture.wait(1);
    }
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'the address has just moved', 'neighbours still send to where it was', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.resolve(CLIENT, { mac: A.mac, ip: B.ip });
      sends(capture, B.ip, A.mac, i);
      capture.wait(3);
    }
    capture.broadcast(gratuitousReply(B), B.mac);
    sends(capture, B.ip, A.mac, 10);
    capture.wait(3);
    capture.resolve(CLIENT, B);
    sends(capture, B.ip, B.mac, 11);
    return { capture, options: { context: ELSEWHERE }, expect: [finding('arp-address-moved', B.ip, { severity: 'info' })] };
  }),
  twin(KIND, 'through the gateway', 'frames for somebody behind it: which of its addresses is the next hop is not in them', () => {
    const capture = new Lan();
    for (let port = 40_000; port < 40_003; port++) {
      capture.unicast(syn(`${CLIENT.ip}:${port}`, '198.51.100.9:80'), CLIENT.mac, A.mac);
      capture.wait(1);
    }
    return { capture, options: { context: ELSEWHERE } };
  }),
  twin(KIND, 'the client knows both addresses', 'either may be its gateway', () => {
    const capture = new LinuxHost();
    asksForB(capture);
    capture.wait(3);
    capture.asked(CLIENT, A.ip, [A, B], [{ from: A, after: 0.00002 }]);
    capture.wait(MOMENT);
    passes(capture, A);
    return { capture, options: { context: LOCATED }, expect: [finding('arp-flux', B.ip, { severity: 'warning' })] };
  }),
  twin(KIND, 'the host asked the client with its other address', 'the client knows that one too', () => {
    const capture = new LinuxHost();
    capture.asks(A, CLIENT.ip, [{ by: CLIENT.mac, after: 0.0001 }]);
    capture.wait(3);
    asksForB(capture);
    passes(capture, A);
    return { capture, options: { context: LOCATED }, expect: [finding('arp-flux', B.ip, { severity: 'warning' })] };
  }),
  twin(KIND, 'the client’s gateway is B, and what goes through comes in by B', 'the repaired gateway', () => {
    const capture = new LinuxHost();
    capture.asked(CLIENT, B.ip, [A, B], [{ from: B, after: 0.00002 }]);
    capture.wait(MOMENT);
    passes(capture, B);
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'the client asks for B alone, and A never answered for it', 'then it uses an address that it knew before', () => {
    const capture = new LinuxHost();
    capture.asked(CLIENT, B.ip, [A, B], [{ from: B, after: 0.00002 }]);
    capture.wait(MOMENT);
    passes(capture, A);
    return { capture, options: { context: LOCATED } };
  }),
  twin(KIND, 'what is for a neighbour of the gateway', 'it needs no gateway: proxy ARP, or a redirect', () => {
    const capture = new Lan();
    capture.ask(CLIENT, B.ip, [
      { by: A.mac, after: 0.0001 },
      { by: B.mac, after: 0.00014 },
    ]);
    sends(capture, '192.0.2.77', A.mac);
    return { capture, options: { context: ELSEWHERE }, expect: [finding('arp-flux', B.ip)] };
  }),
];

/** Both cards in one file that says their MACs and addresses: frames for 192.0.2.2 are sent to A. */
function describedCards(addressesOfA: readonly string[], addressesOfB: readonly string[]): Lan {
  const capture = twoCards({ name: 'ethA', mac: A.mac, addresses: addressesOfA }, { name: 'ethB', mac: B.mac, addresses: addressesOfB });
  for (const id of [0, 1])
    capture.broadcast(udp({ from: `${CLIENT.ip}:9`, to: '192.0.2.255:9', payload: octets(1, 2) }), CLIENT.mac, { interface: id });
  capture.wait(1);
  for (const id of [1, 2, 3]) sends(capture, B.ip, A.mac, id);
  return capture;
}
