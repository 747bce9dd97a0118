import { arpProbe, dhcp, gratuitousReply, multicastMac, udp, vrrp, vrrpMac } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

const KIND = 'arp-foreign-source';
const CLIENT = card(0x10, '192.0.2.10');
const TARGET = card(0x20, '192.0.2.20');
/** A host with two cards: B alone answers for the second address, A asks in its name. */
const A = mac(0x0a);
const B = mac(0x0b);
const IP_A = '192.0.2.1';
const IP_B = '192.0.2.2';
const ELSEWHERE = '198.51.100.7';
const CARD_A: OwnCard = { mac: A, ip: IP_A, ifindex: 2 };
const CARD_B: OwnCard = { mac: B, ip: IP_B, ifindex: 3 };

export const scenarios: Scenario[] = [
  incident(KIND, 'client: A asks with the address that B answers for', 'B answers before and after, A never does: likely', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_B);
    capture.wait(3);
    const foreign = capture.resolve({ mac: A, ip: IP_B }, TARGET);
    capture.wait(3);
    capture.resolve(CLIENT, CARD_B);
    capture.wait(3);
    return {
      capture,
      expect: [
        finding(KIND, `${IP_B}|${A}`, {
          severity: 'warning',
          confidence: 'likely',
          count: 1,
          details: { interface: null, targets: [TARGET.ip] },
          evidenceFrames: [foreign.request],
        }),
      ],
    };
  }),
  incident(KIND, 'client: several targets', 'one finding for address and MAC, however many it asks for', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_B);
    capture.wait(3);
    for (const target of [TARGET, CLIENT]) {
      capture.resolve({ mac: A, ip: IP_B }, target);
      capture.wait(3);
    }
    capture.resolve(CLIENT, CARD_B);
    capture.wait(3);
    return {
      capture,
      expect: [finding(KIND, `${IP_B}|${A}`, { confidence: 'likely', count: 2, details: { targets: [TARGET.ip, CLIENT.ip] } })],
    };
  }),
  incident(KIND, 'client: an address of another subnet', 'the MAC has an address that fits the target, and uses one that does not', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_A);
    capture.wait(3);
    capture.resolve(CARD_A, CLIENT);
    capture.wait(3);
    const foreign = capture.resolve({ mac: A, ip: ELSEWHERE }, TARGET);
    capture.wait(3);
    return {
      capture,
      expect: [
        finding(KIND, `${ELSEWHERE}|${A}`, {
          severity: 'warning',
          confidence: 'likely',
          count: 1,
          details: { targets: [TARGET.ip] },
          evidenceFrames: [foreign.request],
        }),
      ],
    };
  }),
  incident(KIND, 'own capture on any', 'out by one card with an address that another card answers for: certain', () => {
    const capture = new LinuxHost();
    const remote = card(0x40, '198.51.100.40');
    const far: OwnCard = { mac: B, ip: ELSEWHERE, ifindex: 3 };
    capture.asked(remote, far.ip, [far], [{ from: far, after: 0.00003 }]);
    capture.wait(3);
    capture.asked(CLIENT, IP_A, [CARD_A], [{ from: CARD_A, after: 0.00003 }]);
    capture.wait(3);
    const foreign = capture.asks({ ...CARD_A, ip: far.ip }, TARGET.ip, [{ by: TARGET.mac, after: 0.0003 }]);
    capture.wait(3);
    capture.asked(remote, far.ip, [far], [{ from: far, after: 0.00003 }]);
    capture.wait(3);
    return {
      capture,
      expect: [
        finding(KIND, `${far.ip}|${A}`, {
          severity: 'warning',
          confidence: 'certain',
          count: 1,
          details: { interface: { index: 2, name: null }, targets: [TARGET.ip] },
          evidenceFrames: [foreign.request],
        }),
      ],
    };
  }),
  incident(KIND, 'own capture on any, both cards in one subnet', 'the sister card answers for the address: certain', () => {
    const capture = new LinuxHost();
    const ask = (own: OwnCard): void => {
      capture.asked(CLIENT, own.ip, [CARD_A, CARD_B], [{ from: own, after: 0.00003 }]);
      capture.wait(3);
    };
    ask(CARD_A);
    ask(CARD_B);
    const foreign = capture.asks({ ...CARD_A, ip: IP_B }, TARGET.ip, [{ by: TARGET.mac, after: 0.0003 }]);
    capture.wait(3);
    ask(CARD_B);
    return { capture, expect: [finding(KIND, `${IP_B}|${A}`, { confidence: 'certain', count: 1, evidenceFrames: [foreign.request] })] };
  }),

  twin(KIND, 'one card under two numbers', 'merged captures number interfaces anew, and VLANs share a MAC: it is its own address', () => {
    const capture = new LinuxHost();
    const again: OwnCard = { ...CARD_A, ifindex: 4 };
    capture.asked(CLIENT, IP_A, [again], [{ from: again, after: 0.00003 }]);
    capture.wait(3);
    capture.asks(CARD_A, TARGET.ip, [{ by: TARGET.mac, after: 0.0003 }]);
    capture.wait(3);
    return { capture };
  }),
  ...(
    [
      ['a DHCP relay', 'it hands on what clients ask with its address towards them', true],
      ['a DHCP relay, from the answer on', 'the capture begins after its question', false],
    ] as const
  ).map(([name, why, isWhole]) =>
    twin(KIND, name, why, () => {
      const capture = new Lan();
      const server = card(0x20, '192.0.2.20');
      const fields = { xid: 0x1234, mac: mac(0x66), giaddr: ELSEWHERE };
      const relayed = (): number =>
        capture.unicast(
          udp({ from: `${ELSEWHERE}:67`, to: `${server.ip}:67`, payload: dhcp({ type: 'discover', ...fields }) }),
          A,
          server.mac,
        );
      const answered = (): number =>
        capture.unicast(
          udp({ from: `${server.ip}:67`, to: `${ELSEWHERE}:67`, payload: dhcp({ type: 'offer', ...fields }) }),
          server.mac,
          A,
        );
      if (!isWhole) answered();
      capture.resolve(CLIENT, CARD_A);
      capture.wait(3);
      capture.resolve(CARD_A, CLIENT);
      capture.wait(3);
      capture.resolve({ mac: A, ip: ELSEWHERE }, server);
      relayed();
      capture.wait(3);
      return { capture };
    }),
  ),
  twin(KIND, 'probes', 'without a sender address nothing is claimed', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_B);
    for (let i = 0; i < 3; i++) capture.wait(1).broadcast(arpProbe(A, '192.0.2.77'), A);
    capture.wait(3);
    capture.resolve(CLIENT, CARD_B);
    return { capture };
  }),
  twin(KIND, 'a host with an address of /32', 'it has no better one', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.resolve({ mac: A, ip: '203.0.113.9' }, TARGET);
      capture.wait(5);
    }
    return { capture };
  }),
  twin(KIND, 'a cloud gateway asks for public addresses', 'link-local and 172.31.1.1 are what such gateways have', () => {
    const capture = new Lan();
    for (const ip of ['169.254.1.1', '172.31.1.1']) {
      for (let i = 0; i < 3; i++) {
        capture.resolve({ mac: A, ip }, card(0x50 + i, `203.0.113.${50 + i}`));
        capture.wait(3);
      }
    }
    return { capture };
  }),
  twin(KIND, 'a router asks in its wider second subnet', 'fewer than 24 bits in common, but it has no better address', () => {
    const capture = new Lan();
    const wide = card(0x33, '10.20.77.5');
    for (let i = 0; i < 3; i++) {
      capture.resolve(CLIENT, CARD_A);
      capture.wait(3);
      capture.resolve({ mac: A, ip: '10.20.0.1' }, wide);
      capture.wait(3);
    }
    return { capture };
  }),
  twin(KIND, 'a cable-modem router asks into many subnets', 'each time with the address of that subnet', () => {
    const capture = new Lan();
    const subnets = ['10.1.2', '10.1.3', '198.51.100', '203.0.113'];
    for (let i = 0; i < 24; i++) {
      const subnet = subnets[i % 4] ?? '';
      const asker = { mac: A, ip: `${subnet}.1` };
      const target = card(0x80 + i, `${subnet}.${10 + i}`);
      if (i % 6 === 0) capture.resolve(asker, target);
      else capture.ask(asker, target.ip, []);
      capture.wait(1.5);
    }
    return { capture };
  }),
  twin(
    KIND,
    'the master asks with the virtual address from its physical MAC',
    'the address is answered by the virtual MAC of the same router',
    () => {
      const capture = new Lan();
      const virtual = { mac: vrrpMac(51), ip: '192.0.2.254' };
      for (let i = 0; i < 5; i++) {
        const advert = vrrp({ from: IP_A, virtualRouter: 51, priority: 150, addresses: [virtual.ip] });
        capture.unicast(advert, virtual.mac, multicastMac('224.0.0.18') ?? '');
        capture.wait(0.2);
        capture.resolve(CLIENT, virtual);
        capture.wait(0.3);
        capture.resolve({ mac: A, ip: virtual.ip }, TARGET);
        capture.wait(0.5);
      }
      return { capture };
    },
  ),
  twin(KIND, 'a host announces a virtual address', 'the answers come from it afterwards', () => {
    const capture = new Lan();
    const virtual = '192.0.2.254';
    for (let i = 0; i < 3; i++) {
      capture.resolve(CLIENT, CARD_A);
      capture.wait(4);
    }
    for (let i = 0; i < 5; i++) capture.wait(0.01).broadcast(gratuitousReply({ mac: A, ip: virtual }), A);
    for (let i = 0; i < 3; i++) {
      capture.wait(4);
      capture.resolve(CLIENT, { mac: A, ip: virtual });
    }
    return { capture };
  }),
  twin(KIND, 'an address that moved', 'the other MAC answered before, but not after', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.resolve(CLIENT, CARD_B);
      capture.wait(5);
    }
    capture.broadcast(gratuitousReply({ mac: A, ip: IP_B }), A);
    for (let i = 0; i < 4; i++) {
      capture.wait(2);
      capture.resolve({ mac: A, ip: IP_B }, TARGET);
      capture.wait(3);
      capture.resolve(CLIENT, { mac: A, ip: IP_B });
    }
    const details = { from: B, to: A, reason: 'gratuitous' };
    return { capture, expect: [finding('arp-address-moved', IP_B, { severity: 'info', details })] };
  }),
  twin(KIND, 'both cards answer for both addresses', 'the asker answers for the address too: flux, and no foreign source', () => {
    const capture = new Lan();
    for (let i = 0; i < 6; i++) {
      capture.ask(CLIENT, i % 2 === 0 ? IP_A : IP_B, [
        { by: A, after: 0.0001 },
        { by: B, after: 0.00014 },
      ]);
      capture.wait(2);
      capture.resolve({ mac: A, ip: IP_B }, TARGET);
      capture.wait(2);
    }
    return { capture, expect: [IP_A, IP_B].map((ip) => finding('arp-flux', ip, { confidence: 'likely' })) };
  }),
  twin(KIND, 'the owner was known long ago', 'knowledge of more than two minutes proves nothing', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, CARD_B);
    capture.at(400).resolve({ mac: A, ip: IP_B }, TARGET);
    capture.at(800).resolve(CLIENT, CARD_B);
    return { capture };
  }),
];
