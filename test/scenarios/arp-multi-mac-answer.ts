import {
  arpProbe,
  arpReply,
  arpRequest,
  BROADCAST,
  EthernetCapture,
  ethernet,
  glbpMac,
  type NetworkPacket,
  vrrpMac,
  vxlan,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard, twoCards } from './stage.ts';

const KIND = 'arp-multi-mac-answer';
const SHARED = '192.0.2.5';
const VIRTUAL = '192.0.2.254';
const CLIENT = card(0x10, '192.0.2.10');
const OTHER = card(0x20, '192.0.2.20');
const X = mac(0x31);
const Y = mac(0x47);
const PROXY = mac(0x99);

const pair = (first: string, second: string) => [
  { by: first, after: 0.0003 },
  { by: second, after: 0.0009 },
];

function askOften(capture: Lan, target: string, first: string, second: string, times: number): number[] {
  const frames: number[] = [];
  for (let i = 0; i < times; i++) {
    const { request, answers } = capture.ask(CLIENT, target, pair(first, second));
    frames.push(request, ...answers);
    capture.wait(2);
  }
  return frames;
}

export const scenarios: Scenario[] = [
  incident(KIND, 'client: one address, two MACs, nothing else', 'a fact that must be shown although its cause is open', () => {
    const capture = new Lan();
    const frames = askOften(capture, SHARED, X, Y, 3);
    const macs = [
      { mac: X, answers: 3, firstAnswers: 3 },
      { mac: Y, answers: 3, firstAnswers: 0 },
    ];
    return {
      capture,
      expect: [finding(KIND, SHARED, { severity: 'warning', count: 3, details: { requests: 3, winner: X, macs }, evidenceFrames: frames })],
    };
  }),
  incident(KIND, 'client on any: the same', 'the own host asks, both answers come in', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    const { request, answers } = capture.asks(own, SHARED, pair(X, Y));
    capture.wait(3);
    const macs = [X, Y].map((each) => ({ mac: each, answers: 1, interface: { index: 2, name: null } }));
    return {
      capture,
      expect: [finding(KIND, SHARED, { severity: 'warning', count: 1, details: { macs }, evidenceFrames: [request, ...answers] })],
    };
  }),
  incident(KIND, 'a probe is answered by two MACs', 'a probe is a request like any other', () => {
    const capture = new Lan();
    const frames = [capture.broadcast(arpProbe(CLIENT.mac, SHARED), CLIENT.mac)];
    for (const by of [X, Y]) {
      frames.push(capture.wait(0.0003).unicast(arpReply({ mac: by, ip: SHARED }, { mac: CLIENT.mac, ip: '0.0.0.0' }), by, CLIENT.mac));
    }
    capture.wait(3);
    return { capture, expect: [finding(KIND, SHARED, { severity: 'warning', count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'virtual and real MAC answer one request', 'that a virtual router and a host share an address is an error', () => {
    const capture = new Lan();
    askOften(capture, VIRTUAL, vrrpMac(51), X, 3);
    return { capture, expect: [finding(KIND, VIRTUAL, { severity: 'error', count: 3 })] };
  }),
  incident(KIND, 'two virtual MACs answer one request', 'a fault, although both are virtual', () => {
    const capture = new Lan();
    askOften(capture, VIRTUAL, vrrpMac(51), vrrpMac(52), 3);
    return { capture, expect: [finding(KIND, VIRTUAL, { severity: 'error', count: 3 })] };
  }),
  incident(KIND, 'a proxy that comes before the owner', 'the owner of an address is out of reach behind an over-wide proxy', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, `192.0.2.${200 + i}`, [{ by: PROXY, after: 0.0002 }]);
      capture.wait(2);
      capture.ask(CLIENT, SHARED, pair(PROXY, X));
      capture.wait(2);
    }
    return { capture, expect: [finding(KIND, SHARED, { count: 4, details: { winner: PROXY } })] };
  }),
  incident(KIND, 'inside VXLAN', 'rules run in each layer; the id names the path', () => {
    const capture = new EthernetCapture();
    const inside = (source: string, destination: string, packet: NetworkPacket): number => {
      const frame = vxlan('198.51.100.1', '198.51.100.2', 7, ethernet({ source, destination }, packet));
      return capture.wait(0.0003).send(frame, { source: mac(0xa1), destination: mac(0xa2) });
    };
    const frames = [inside(CLIENT.mac, BROADCAST, arpRequest(CLIENT, SHARED))];
    for (const by of [X, Y]) frames.push(inside(by, CLIENT.mac, arpReply({ mac: by, ip: SHARED }, CLIENT)));
    return { capture, expect: [finding(KIND, `${SHARED}@vxlan`, { count: 1, encapsulation: ['vxlan'], evidenceFrames: frames })] };
  }),

  twin(KIND, 'the proxy answers late beside the owner', 'Linux delays a proxy, so that the owner is first', () => {
    const capture = new Lan();
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, `192.0.2.${200 + i}`, [{ by: PROXY, after: 0.3 + i * 0.1 }]);
      capture.wait(2);
      capture.ask(CLIENT, SHARED, [
        { by: X, after: 0.0003 },
        { by: PROXY, after: 0.42 + i * 0.1 },
      ]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'a proxy for silent addresses', 'one MAC for many addresses is what a proxy is for', () => {
    const capture = new Lan();
    for (let i = 0; i < 8; i++) {
      capture.ask(i % 2 === 0 ? CLIENT : OTHER, i < 4 ? `192.0.2.${200 + i}` : `198.51.100.${i}`, [{ by: PROXY, after: 0.0004 }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'GLBP answers with another forwarder each time', 'one answer to each request', () => {
    const capture = new Lan();
    for (let i = 0; i < 6; i++) {
      capture.ask(card(0x40 + i, `192.0.2.${40 + i}`), VIRTUAL, [{ by: glbpMac(3, 1 + (i % 3)), after: 0.0004 }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'the answer is repeated', 'the same MAC twice, also long after a copy', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, SHARED, [
        { by: X, after: 0.0003 },
        { by: X, after: 0.02 },
      ]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'proxy on one side of a router, owner on the other', 'two segments, two truths', () => {
    const capture = twoCards({ name: 'lan' }, { name: 'uplink' });
    for (let i = 0; i < 4; i++) {
      capture.ask(CLIENT, SHARED, [{ by: PROXY, after: 0.0003 }], { interface: 0 });
      capture.wait(0.001);
      capture.ask({ mac: PROXY, ip: '192.0.2.1' }, SHARED, [{ by: X, after: 0.0003 }], { interface: 1 });
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'the second MAC answers minutes later', 'knowledge of more than two minutes is history', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) capture.at(i * 10).ask(CLIENT, SHARED, [{ by: X, after: 0.0003 }]);
    for (let i = 0; i < 3; i++) capture.at(200 + i * 10).ask(CLIENT, SHARED, [{ by: Y, after: 0.0003 }]);
    return {
      capture,
      expect: [finding('arp-address-moved', SHARED, { severity: 'info', details: { from: X, to: Y, reason: 'replaced' } })],
    };
  }),
  twin(KIND, 'answers to requests of other VLANs', 'each VLAN has its own owner of the address', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      for (const [n, by] of [X, Y].entries()) {
        capture.ask(CLIENT, SHARED, [{ by, after: 0.0003 }], { vlans: [10 + n] });
        capture.wait(0.0005);
      }
      capture.wait(2);
    }
    return { capture };
  }),
];
