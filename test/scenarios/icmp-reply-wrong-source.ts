import { echoReply, echoRequest, message, multicastMac, portUnreachable, timeExceeded, udp, vrrp } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac } from './stage.ts';

const KIND = 'icmp-reply-wrong-source';
const CLIENT = card(0x10, '192.0.2.10');
const ROUTER = card(0x01, '192.0.2.1');
const SERVER = '198.51.100.7';
const WRONG = '203.0.113.7';
const ID = 77;

/** A ping of `asked` that `from` answers. */
function ping(capture: Lan, seq: number, asked = SERVER, from = asked, id = ID): number[] {
  const isV6 = asked.includes(':');
  const client = isV6 ? '2001:db8::10' : CLIENT.ip;
  const frames = [
    capture.unicast(echoRequest({ from: client, to: asked, id, seq }), CLIENT.mac, ROUTER.mac),
    capture.wait(0.012).unicast(echoReply({ from, to: client, id, seq, ttl: 57 }), ROUTER.mac, CLIENT.mac),
  ];
  capture.wait(0.988);
  return frames;
}

const wrong = (rest: object = {}, client = CLIENT.ip, asked = SERVER) =>
  finding(KIND, `${client}|${asked}`, { severity: 'warning', ...rest });

export const scenarios: Scenario[] = [
  incident(KIND, 'client: replies come from another address', 'the same id, sequence number and payload', () => {
    const capture = new Lan();
    const frames = [1, 2, 3].flatMap((seq) => ping(capture, seq, SERVER, WRONG));
    return { capture, expect: [wrong({ count: 3, evidenceFrames: frames })] };
  }),
  incident(KIND, 'client: one of three replies', 'only the wrong ones count', () => {
    const capture = new Lan();
    ping(capture, 1);
    const frames = ping(capture, 2, SERVER, WRONG);
    ping(capture, 3);
    return { capture, expect: [wrong({ count: 1, evidenceFrames: frames })] };
  }),
  incident(KIND, 'server on any', 'the request comes in for one address, the reply leaves with another', () => {
    const capture = new LinuxHost();
    const frames = [1, 2].flatMap((seq) => {
      const request = capture.incoming(echoRequest({ from: CLIENT.ip, to: SERVER, id: ID, seq, ttl: 60 }), 2, ROUTER.mac);
      const reply = capture.wait(0.00005).outgoing(echoReply({ from: WRONG, to: CLIENT.ip, id: ID, seq }), 3, mac(0x0b));
      capture.wait(1);
      return [request, reply];
    });
    return { capture, expect: [wrong({ count: 2, evidenceFrames: frames })] };
  }),
  incident(KIND, 'IPv6', 'the same with ICMPv6', () => {
    const capture = new Lan();
    const frames = [1, 2].flatMap((seq) => ping(capture, seq, '2001:db8:1::7', '2001:db8:2::7'));
    return { capture, expect: [wrong({ count: 2, evidenceFrames: frames }, '2001:db8::10', '2001:db8:1::7')] };
  }),
  incident(KIND, 'a virtual address is answered with the real one', 'legal for a router of VRRP, but worth a notice', () => {
    const capture = new Lan();
    const virtual = '192.0.2.254';
    for (let i = 0; i < 6; i++) {
      const advert = vrrp({ from: ROUTER.ip, virtualRouter: 5, priority: 150, addresses: [virtual] });
      capture.at(i).unicast(advert, ROUTER.mac, multicastMac('224.0.0.18') ?? '');
      if (i >= 3) ping(capture.wait(0.3), i, virtual, ROUTER.ip);
    }
    return { capture, expect: [finding(KIND, `${CLIENT.ip}|${virtual}`, { severity: 'notice', count: 3 })] };
  }),

  twin(KIND, 'broadcast and multicast', 'anybody may answer', () => {
    const capture = new Lan();
    for (const to of ['192.0.2.255', '255.255.255.255', '224.0.0.1']) {
      for (const seq of [1, 2]) {
        capture.broadcast(echoRequest({ from: CLIENT.ip, to, id: ID, seq }), CLIENT.mac);
        for (const each of [0x31, 0x47]) {
          const reply = echoReply({ from: `192.0.2.${each}`, to: CLIENT.ip, id: ID, seq });
          capture.wait(0.0005).unicast(reply, mac(each), CLIENT.mac);
        }
        capture.wait(1);
      }
    }
    return { capture };
  }),
  twin(KIND, 'all targets with the same id and sequence number', 'each reply belongs to a request of its own', () => {
    const capture = new Lan();
    for (const seq of [1, 2]) {
      const targets = [SERVER, WRONG, '198.51.100.8'];
      for (const to of targets) capture.wait(0.001).unicast(echoRequest({ from: CLIENT.ip, to, id: ID, seq }), CLIENT.mac, ROUTER.mac);
      for (const from of targets.toReversed()) {
        capture.wait(0.004).unicast(echoReply({ from, to: CLIENT.ip, id: ID, seq }), ROUTER.mac, CLIENT.mac);
      }
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'address translation on any', 'both legs are there; each pairs with itself', () => {
    const capture = new LinuxHost();
    const inside = '10.0.0.7';
    const wan = '198.51.100.1';
    for (const seq of [1, 2, 3]) {
      // The destination is translated on the way in, the source on the way out.
      const leg = { id: ID, seq };
      capture.incoming(echoRequest({ from: CLIENT.ip, to: SERVER, ...leg, ttl: 60 }), 2, ROUTER.mac);
      capture.wait(0.00003).outgoing(echoRequest({ from: wan, to: inside, ...leg, ttl: 59 }), 3, mac(0x0b));
      capture.wait(0.004).incoming(echoReply({ from: inside, to: wan, ...leg }), 3, mac(0x77));
      capture.wait(0.00003).outgoing(echoReply({ from: SERVER, to: CLIENT.ip, ...leg, ttl: 63 }), 2, mac(0x0a));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'address translation on any, destination only', 'the inner leg has the same client', () => {
    const capture = new LinuxHost();
    const inside = '10.0.0.7';
    for (const seq of [1, 2, 3]) {
      const leg = { id: ID, seq };
      capture.incoming(echoRequest({ from: CLIENT.ip, to: SERVER, ...leg, ttl: 60 }), 2, ROUTER.mac);
      capture.wait(0.00003).outgoing(echoRequest({ from: CLIENT.ip, to: inside, ...leg, ttl: 59 }), 3, mac(0x0b));
      capture.wait(0.004).incoming(echoReply({ from: inside, to: CLIENT.ip, ...leg }), 3, mac(0x77));
      capture.wait(0.00003).outgoing(echoReply({ from: SERVER, to: CLIENT.ip, ...leg, ttl: 63 }), 2, mac(0x0a));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'address translation on any, one packet missed', 'the reply shows both addresses at once, too', () => {
    const capture = new LinuxHost();
    const inside = '10.0.0.7';
    for (const seq of [1, 2, 3]) {
      const leg = { id: ID, seq };
      capture.incoming(echoRequest({ from: CLIENT.ip, to: SERVER, ...leg, ttl: 60 }), 2, ROUTER.mac);
      if (seq !== 2) capture.wait(0.00003).outgoing(echoRequest({ from: CLIENT.ip, to: inside, ...leg, ttl: 59 }), 3, mac(0x0b));
      capture.wait(0.004).incoming(echoReply({ from: inside, to: CLIENT.ip, ...leg }), 3, mac(0x77));
      capture.wait(0.00003).outgoing(echoReply({ from: SERVER, to: CLIENT.ip, ...leg, ttl: 63 }), 2, mac(0x0a));
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'loopback', 'tests of the own host', () => {
    const capture = new LinuxHost();
    for (const seq of [1, 2]) {
      capture.cooked(
        { ifindex: 1, packetType: 0, hardware: 772, address: '00:00:00:00:00:00' },
        echoRequest({ from: '127.0.0.1', to: '127.0.0.2', id: ID, seq }),
      );
      capture
        .wait(0.00002)
        .cooked(
          { ifindex: 1, packetType: 0, hardware: 772, address: '00:00:00:00:00:00' },
          echoReply({ from: '127.0.0.1', to: '127.0.0.1', id: ID, seq }),
        );
      capture.wait(1);
    }
    return { capture };
  }),
  twin(KIND, 'a traceroute', 'errors are no replies', () => {
    const capture = new Lan();
    for (let ttl = 1; ttl < 6; ttl++) {
      const probe = echoRequest({ from: CLIENT.ip, to: SERVER, id: ID, seq: ttl, ttl });
      capture.unicast(probe, CLIENT.mac, ROUTER.mac);
      capture.wait(0.01).unicast(timeExceeded({ from: `203.0.113.${ttl}`, to: CLIENT.ip, quoted: probe }), ROUTER.mac, CLIENT.mac);
    }
    return { capture };
  }),
  twin(KIND, 'another payload', 'the same id and number by chance', () => {
    const capture = new Lan();
    capture.unicast(echoRequest({ from: CLIENT.ip, to: SERVER, id: 1, seq: 1 }), CLIENT.mac, ROUTER.mac);
    const reply = echoReply({ from: WRONG, to: CLIENT.ip, id: 1, seq: 1, payload: message('something else') });
    capture.wait(0.01).unicast(reply, ROUTER.mac, CLIENT.mac);
    capture.wait(3);
    return { capture };
  }),
  twin(KIND, 'a port unreachable', 'an error from a router between', () => {
    const capture = new Lan();
    const probe = udp({ from: `${CLIENT.ip}:40000`, to: `${SERVER}:33434`, payload: message('probe') });
    capture.unicast(probe, CLIENT.mac, ROUTER.mac);
    capture.wait(0.01).unicast(portUnreachable({ from: WRONG, to: CLIENT.ip, quoted: probe }), ROUTER.mac, CLIENT.mac);
    capture.wait(3);
    return { capture };
  }),
];
