import { dnsQuery, dnsResponse, multicastMac, syn, synAck, udp, vrrp } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, type OwnCard } from './stage.ts';

const KIND = 'vip-answered-by-realserver';
const VIP = '192.0.2.100';
const CLIENT = card(0x10, '192.0.2.10');
const DIRECTOR = card(0x31, '192.0.2.31');
const SERVERS = [card(0x47, '192.0.2.47'), card(0x58, '192.0.2.58')];
const [SERVER = DIRECTOR] = SERVERS;
const VRRP_GROUP = multicastMac('224.0.0.18') ?? '';

const answers = (machines: readonly { mac: string }[]) => machines.map(({ mac: by }, i) => ({ by, after: 0.0002 + i * 0.0004 }));

/** The client resolves the virtual address, then each machine by its own. */
function resolveStar(capture: Lan, machines: readonly ReturnType<typeof card>[], times = 2): number[] {
  const frames: number[] = [];
  for (let i = 0; i < times; i++) {
    const { request, answers: replies } = capture.ask(CLIENT, VIP, answers(machines));
    frames.push(request, ...replies);
    capture.wait(2);
    for (const each of machines) {
      capture.resolve(CLIENT, each);
      capture.wait(2);
    }
  }
  return frames;
}

export const scenarios: Scenario[] = [
  incident(
    KIND,
    'client: director and two real servers answer',
    'a star of three MACs, each with another address of its own: likely',
    () => {
      const capture = new Lan();
      const frames = resolveStar(capture, [DIRECTOR, ...SERVERS]);
      const macs = [DIRECTOR, ...SERVERS].map(({ mac }, i) => ({ mac, answers: 2, firstAnswers: i === 0 ? 2 : 0 }));
      return {
        capture,
        expect: [finding(KIND, VIP, { severity: 'warning', confidence: 'likely', count: 2, details: { macs }, evidenceFrames: frames })],
      };
    },
  ),
  incident(KIND, 'client on any: the same', 'seen from a client itself', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    for (let i = 0; i < 2; i++) {
      capture.asks(own, VIP, answers([DIRECTOR, ...SERVERS]));
      capture.wait(2);
      for (const each of [DIRECTOR, ...SERVERS]) {
        capture.asks(own, each.ip, [{ by: each.mac, after: 0.0003 }]);
        capture.wait(2);
      }
    }
    return { capture, expect: [finding(KIND, VIP, { severity: 'warning', confidence: 'likely', count: 2 })] };
  }),
  incident(KIND, 'director with VRRP and one real server', 'two MACs, but one of them advertises the address: likely', () => {
    const capture = new Lan();
    const frames: number[] = [];
    for (let i = 0; i < 12; i++) {
      const advert = vrrp({ from: DIRECTOR.ip, virtualRouter: 9, priority: 150, addresses: [VIP] });
      capture.at(i).unicast(advert, DIRECTOR.mac, VRRP_GROUP);
      capture.wait(0.2);
      if (i % 6 === 1) {
        const { request, answers: replies } = capture.ask(CLIENT, VIP, answers([DIRECTOR, SERVER]));
        frames.push(request, ...replies);
      }
      if (i % 6 === 3) capture.resolve(CLIENT, DIRECTOR);
      if (i % 6 === 5) capture.resolve(CLIENT, SERVER);
    }
    return { capture, expect: [finding(KIND, VIP, { severity: 'warning', confidence: 'likely', count: 2, evidenceFrames: frames })] };
  }),

  twin(KIND, 'director and one real server, nothing else', 'two MACs only: a duplicate address, with this reading named', () => {
    const capture = new Lan();
    resolveStar(capture, [DIRECTOR, SERVER]);
    return { capture, expect: [finding('arp-duplicate-address', VIP, { severity: 'error', confidence: 'likely', count: 2 })] };
  }),
  twin(KIND, 'real servers reply directly', 'frames from several MACs with the virtual address as source are how it works', () => {
    const capture = new Lan();
    for (let i = 0; i < 6; i++) {
      const server = SERVERS[i % 2] ?? SERVER;
      if (i % 3 === 0) capture.resolve(CLIENT, { mac: DIRECTOR.mac, ip: VIP });
      const [from, to] = [`${CLIENT.ip}:${40_000 + i}`, `${VIP}:80`];
      capture.wait(1).unicast(syn(from, to), CLIENT.mac, DIRECTOR.mac);
      capture.wait(0.0001).unicast(syn(from, to), DIRECTOR.mac, server.mac);
      capture.wait(0.0003).unicast(synAck(to, from), server.mac, CLIENT.mac);
      const query = udp({ from: `${CLIENT.ip}:${50_000 + i}`, to: `${VIP}:53`, payload: dnsQuery({ id: 100 + i }) });
      capture.wait(0.1).unicast(query, CLIENT.mac, DIRECTOR.mac);
      capture.wait(0.0001).unicast(query, DIRECTOR.mac, server.mac);
      const answer = udp({ from: `${VIP}:53`, to: `${CLIENT.ip}:${50_000 + i}`, payload: dnsResponse({ id: 100 + i }) });
      capture.wait(0.0003).unicast(answer, server.mac, CLIENT.mac);
    }
    return { capture };
  }),
  twin(KIND, 'arping once a second while the backup takes over', 'each question has one answer', () => {
    const capture = new Lan();
    for (let second = 0; second < 20; second++) {
      const master = second < 10 ? DIRECTOR : SERVER;
      const advert = vrrp({ from: master.ip, virtualRouter: 9, priority: second < 10 ? 150 : 100, addresses: [VIP] });
      capture.at(second).unicast(advert, master.mac, VRRP_GROUP);
      capture.wait(0.4).ask(CLIENT, VIP, answers([master]));
    }
    const details = { from: DIRECTOR.mac, to: SERVER.mac, reason: 'vrrp' };
    return { capture, expect: [finding('arp-address-moved', VIP, { severity: 'info', details })] };
  }),
  twin(KIND, 'only the director answers', 'real servers answer for their own addresses', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.resolve(CLIENT, { mac: DIRECTOR.mac, ip: VIP });
      for (const each of [DIRECTOR, ...SERVERS]) {
        capture.wait(2);
        capture.resolve(CLIENT, each);
      }
      capture.wait(2);
    }
    return { capture };
  }),
];
