import { arpReply, arpRequest, BROADCAST, ethernet, type Host, macInMac, nlbMac, PacketType, vrrpMac } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac } from './stage.ts';

const KIND = 'arp-sender-mismatch';
const CLIENT = card(0x10, '192.0.2.10');
const HOST = card(0x31, '192.0.2.31');
/** Where the frames really come from. */
const SENDER = mac(0x66);

const mismatch = ({ mac: sha, ip }: Host, rest: object = {}, ethernetSource = SENDER) =>
  finding(KIND, `${sha}|${ip}`, { ...rest, details: { ethernetSource } });

/** The client asks, an answer comes from another source than it says. */
function askStrange(capture: Lan, owner: Host, source: string, times = 3): number[] {
  const frames: number[] = [];
  for (let i = 0; i < times; i++) {
    frames.push(...capture.ask(CLIENT, owner.ip, [{ by: owner.mac, after: 0.0003, source }]).answers);
    capture.wait(3);
  }
  return frames;
}

export const scenarios: Scenario[] = [
  incident(KIND, 'Ethernet: the answer says another MAC than its frame', 'nothing explains the difference', () => {
    const capture = new Lan();
    const frames = askStrange(capture, HOST, SENDER);
    return { capture, expect: [mismatch(HOST, { severity: 'warning', confidence: 'likely', evidenceFrames: frames.slice(0, 1) })] };
  }),
  incident(KIND, 'on any: the answer says another MAC than its sender', 'the cooked header has the sender too', () => {
    const capture = new LinuxHost();
    const own = { ...CLIENT, ifindex: 2 };
    for (let i = 0; i < 3; i++) {
      capture.asks(own, HOST.ip, [{ by: HOST.mac, after: 0.0003, source: SENDER }]);
      capture.wait(3);
    }
    return { capture, expect: [mismatch(HOST, { severity: 'warning' })] };
  }),
  incident(KIND, 'Ethernet: a request that says another MAC than its frame', 'requests are compared like replies', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.unicast(arpRequest(HOST, CLIENT.ip), SENDER, BROADCAST);
      capture.wait(0.0003).unicast(arpReply(CLIENT, HOST), CLIENT.mac, SENDER);
      capture.wait(3);
    }
    // The replies go to the frame's source: their target differs too, as it must.
    return { capture, expect: [mismatch(HOST, { severity: 'warning' })], open: [finding(KIND, `${CLIENT.mac}|${CLIENT.ip}`)] };
  }),
  incident(
    KIND,
    'Ethernet: a reply to another MAC than its frame',
    'the target is compared with the destination of unicast replies',
    () => {
      const capture = new Lan();
      for (let i = 0; i < 3; i++) {
        capture.broadcast(arpRequest(CLIENT, HOST.ip), CLIENT.mac);
        capture.wait(0.0003).unicast(arpReply(HOST, { mac: SENDER, ip: CLIENT.ip }), HOST.mac, CLIENT.mac);
        capture.wait(3);
      }
      return { capture, expect: [finding(KIND, `${HOST.mac}|${HOST.ip}`)] };
    },
  ),
  incident(KIND, 'a wireless bridge speaks for its clients', 'one source, the MACs of several hosts: info', () => {
    const capture = new Lan();
    const bridge = card(0x66, '192.0.2.66');
    const clients = [card(0x71, '192.0.2.71'), card(0x72, '192.0.2.72'), card(0x73, '192.0.2.73')];
    for (let i = 0; i < 3; i++) {
      for (const each of clients) {
        capture.ask(CLIENT, each.ip, [{ by: each.mac, after: 0.002, source: bridge.mac }]);
        capture.wait(2);
      }
      capture.resolve(CLIENT, bridge);
      capture.wait(2);
    }
    return { capture, expect: clients.map((each) => mismatch(each, { severity: 'info' })) };
  }),
  incident(KIND, 'network load balancing', 'the virtual MAC of a cluster: info', () => {
    const capture = new Lan();
    const cluster = { mac: nlbMac('192.0.2.100'), ip: '192.0.2.100' };
    askStrange(capture, cluster, HOST.mac);
    return { capture, expect: [mismatch(cluster, { severity: 'info' }, HOST.mac)] };
  }),

  twin(KIND, 'a virtual MAC in a frame of the physical one', 'what routers with a shared address do; info at most', () => {
    const capture = new Lan();
    const virtual = { mac: vrrpMac(51), ip: '192.0.2.254' };
    askStrange(capture, virtual, HOST.mac);
    return { capture, open: [mismatch(virtual, { severity: 'info' }, HOST.mac)] };
  }),
  twin(KIND, 'MAC in MAC', 'the innermost Ethernet header counts', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      const ask = ethernet({ source: CLIENT.mac, destination: BROADCAST }, arpRequest(CLIENT, HOST.ip));
      const answer = ethernet({ source: HOST.mac, destination: CLIENT.mac }, arpReply(HOST, CLIENT));
      capture.add(macInMac(mac(0xb1), mac(0xb2), ask));
      capture.wait(0.0003).add(macInMac(mac(0xb2), mac(0xb1), answer));
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'everything as it should be', 'sender and source agree, on Ethernet with VLANs too', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      capture.ask(CLIENT, HOST.ip, [{ by: HOST.mac, after: 0.0003 }], { vlans: [100, 10] });
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, 'incoming on any', 'the cooked header has only the sender, never the destination', () => {
    const capture = new LinuxHost();
    for (let i = 0; i < 3; i++) {
      capture.incoming(arpRequest(CLIENT, HOST.ip), 2, CLIENT.mac, PacketType.Broadcast);
      capture.wait(0.0003).outgoing(arpReply(HOST, CLIENT), 2, HOST.mac);
      capture.wait(2);
    }
    return { capture };
  }),
];
