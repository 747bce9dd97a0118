import {
  clientReset,
  hostUnreachable,
  noise,
  Opcode,
  octets,
  openvpnControl,
  type Protection,
  portUnreachable,
  serverReset,
  udp,
} from '../craft/index.ts';
import { OPENVPN, RETRIES, STALLED, stalled, Vpn } from './openvpn-stage.ts';
import { anyText, incident, type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, ROUTER, type Seat, WRONG, wrongSource } from './udp-stage.ts';

const SEATS = [
  { where: 'client', at: (): Seat => atClient(new Lan()) },
  { where: 'server on any', at: (): Seat => atServer() },
];
const PROTECTIONS: readonly { protection: Protection; mode: string }[] = [
  { protection: 'none', mode: 'tls' },
  { protection: 'sha1', mode: 'tls-auth' },
  { protection: 'tls-crypt', mode: 'tls-crypt' },
];
const fourRepeats = { state: 'S0', retransmissions: 4, attempts: 1, stuckOctets: null };
const SECOND = `${CLIENT.ip}:40002`;
const OTHER_SERVER = '198.51.100.99:1194';
const related = [`udp-reply-wrong-source:${CLIENT.ip}|${OPENVPN}`];

const wrongAnswers: Scenario[] = [
  ...SEATS.flatMap(({ where, at }) =>
    PROTECTIONS.map(({ protection, mode }) =>
      incident(STALLED, `${mode}, answers from another address, ${where}`, 'one story with the wrong source', () => {
        const vpn = new Vpn(at(), { protection });
        const frames = vpn.resets(RETRIES, () => `${WRONG}:1194`);
        vpn.wait(5);
        const answeredFrom = [{ ip: WRONG, port: 1194, packets: 5 }];
        const details = { ...fourRepeats, mode, cause: 'reply-wrong-source', reason: null, answeredFrom };
        return {
          capture: vpn.seat,
          expect: [
            wrongSource(OPENVPN, {
              confidence: protection === 'tls-crypt' ? 'likely' : 'certain',
              count: 5,
              related: [`${STALLED}:${CLIENT.ip}|${OPENVPN}`],
            }),
            stalled(OPENVPN, { count: 1, details, related, evidenceFrames: frames.filter((_, i) => i % 2 === 0) }),
          ],
        };
      }),
    ),
  ),
  incident(STALLED, 'answers from another address, and again from another port', 'attempts are joined over the ports of the client', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets(RETRIES, () => `${WRONG}:1194`);
    const again = new Vpn(vpn.seat, { client: SECOND, session: 12 });
    again.wait(32).resets(RETRIES, () => `${WRONG}:1194`);
    const details = { state: 'S0', retransmissions: 8, attempts: 2, cause: 'reply-wrong-source' };
    return { capture: vpn.seat, expect: [wrongSource(OPENVPN, { count: 10 }), stalled(OPENVPN, { count: 2, details, related })] };
  }),
  incident(STALLED, 'answers from another address, then from the right one', 'it was mended; what was wrong is told all the same', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets(RETRIES, () => `${WRONG}:1194`);
    new Vpn(vpn.wait(35).seat, { client: SECOND, session: 12 }).connect();
    const details = { ...fourRepeats, cause: 'reply-wrong-source' };
    return { capture: vpn.seat, expect: [wrongSource(OPENVPN, { count: 5 }), stalled(OPENVPN, { count: 1, details, related })] };
  }),
  incident(
    STALLED,
    'answers from another address, both sides of a NAT',
    'they come to the address that the NAT gave: the same attempt',
    () => {
      const host = new LinuxHost();
      let at = 0;
      RETRIES.forEach((retry, i) => {
        host.wait(retry - at);
        at = retry + 0.02;
        const payload = clientReset({ client: 11, replayId: i + 1 });
        host.incoming(udp({ from: '192.168.1.10:40001', to: OPENVPN, payload, ttl: 64 }), 2, mac(0x10));
        host.wait(20e-6).outgoing(udp({ from: '192.0.2.200:40001', to: OPENVPN, payload, ttl: 63 }), 3, mac(0x0b));
        const answer = serverReset({ client: 11, server: 511, replayId: i + 1 });
        host.wait(0.02 - 20e-6).incoming(udp({ from: `${WRONG}:1194`, to: '192.0.2.200:40001', payload: answer, ttl: 56 }), 3, mac(0x01));
      });
      host.wait(5);
      return {
        capture: host,
        expect: [
          wrongSource(OPENVPN, { client: '192.0.2.200', count: 5, related: [`${STALLED}:192.168.1.10|${OPENVPN}`] }),
          stalled(OPENVPN, { client: '192.168.1.10', count: 1, details: { ...fourRepeats, cause: 'reply-wrong-source' } }),
        ],
      };
    },
  ),
];

const silence: Scenario[] = [
  ...SEATS.flatMap(({ where, at }) =>
    PROTECTIONS.map(({ protection, mode }) =>
      incident(STALLED, `${mode}, no answer, ${where}`, 'down, filtered, or another key', () => {
        const vpn = new Vpn(at(), { protection });
        const evidenceFrames = vpn.resets();
        vpn.wait(5);
        const details = { ...fourRepeats, mode, cause: 'no-answer', reason: null, answeredFrom: [], spanSeconds: 30 };
        return { capture: vpn.seat, expect: [stalled(OPENVPN, { count: 1, details, evidenceFrames })] };
      }),
    ),
  ),
  incident(STALLED, 'no answer, the session ends with the capture', 'four first packets are enough when the first is old', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2, 6, 15.5]);
    return { capture: vpn.seat, expect: [stalled(OPENVPN, { details: { retransmissions: 3, cause: 'no-answer' } })] };
  }),
  incident(STALLED, 'no answer, short attempts', 'server-poll-timeout: each attempt has two packets, and there is no other server', () => {
    const seat = atClient(new Lan());
    for (let i = 0; i < 5; i++) {
      new Vpn(seat, { client: `${CLIENT.ip}:${40_001 + i}`, session: 20 + i }).resets([0, 2]);
      seat.wait(4);
    }
    const details = { state: 'S0', attempts: 5, retransmissions: 5, cause: 'no-answer' };
    return { capture: seat, expect: [stalled(OPENVPN, { count: 5, details })] };
  }),
  incident(STALLED, 'no answer, two servers in turns', 'neither of the two lets it in', () => {
    const seat = atClient(new Lan());
    for (let i = 0; i < 6; i++) {
      const server = i % 2 === 0 ? OPENVPN : OTHER_SERVER;
      new Vpn(seat, { client: `${CLIENT.ip}:${40_001 + i}`, server, session: 20 + i }).resets([0, 2]);
      seat.wait(4);
    }
    return { capture: seat, expect: [stalled(OPENVPN, { count: 3 }), stalled(OTHER_SERVER, { count: 3 })] };
  }),
  incident(STALLED, 'no answer to one of two clients behind a NAT', 'the other one works: the server is up', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2]);
    const other = new Vpn(vpn.seat, { client: SECOND, session: 12 });
    other.connect(2);
    vpn.resets([0, 8, 24]);
    vpn.wait(5);
    return { capture: vpn.seat, expect: [stalled(OPENVPN, { count: 1, details: { retransmissions: 4, cause: 'no-answer' } })] };
  }),
  incident(STALLED, 'no answer, then the server comes back', 'an outage that ended: notice', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets();
    new Vpn(vpn.wait(35).seat, { client: SECOND, session: 12 }).connect();
    return { capture: vpn.seat, expect: [stalled(OPENVPN, { severity: 'notice', count: 1, details: fourRepeats })] };
  }),
  incident(STALLED, 'no answer, and then the next server of the list', 'it got in, elsewhere: notice', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets();
    new Vpn(vpn.wait(30).seat, { client: SECOND, server: OTHER_SERVER, session: 12 }).connect();
    return { capture: vpn.seat, expect: [stalled(OPENVPN, { severity: 'notice', count: 1, details: fourRepeats })] };
  }),
  incident(STALLED, 'no answer, until the fifth try', 'the same session id comes in after all: notice', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets();
    vpn.answer();
    vpn.complete().chat();
    return { capture: vpn.seat, expect: [stalled(OPENVPN, { severity: 'notice', count: 1 })] };
  }),
  incident(STALLED, 'no answer, both sides of a NAT', 'one attempt, seen twice', () => {
    const host = new LinuxHost();
    let at = 0;
    RETRIES.forEach((retry, i) => {
      host.wait(retry - at);
      at = retry;
      const payload = clientReset({ client: 11, replayId: i + 1 });
      host.incoming(udp({ from: '192.168.1.10:40001', to: OPENVPN, payload, ttl: 64 }), 2, mac(0x10));
      host.wait(20e-6).outgoing(udp({ from: '192.0.2.200:40001', to: OPENVPN, payload, ttl: 63 }), 3, mac(0x0b));
    });
    host.wait(5);
    return { capture: host, expect: [stalled(OPENVPN, { client: '192.168.1.10', count: 1, details: { retransmissions: 4 } })] };
  }),
];

/** Resets, each refused by an ICMP error. */
function refused(error: typeof portUnreachable, by: string): Lan {
  const lan = new Lan();
  let at = 0;
  RETRIES.forEach((retry, i) => {
    lan.wait(retry - at);
    at = retry + 0.02;
    const quoted = udp({ from: `${CLIENT.ip}:40001`, to: OPENVPN, payload: clientReset({ client: 11, replayId: i + 1 }) });
    lan.unicast(quoted, CLIENT.mac, ROUTER.mac);
    lan.wait(0.02).unicast(error({ from: by, to: CLIENT.ip, quoted }), ROUTER.mac, CLIENT.mac);
  });
  lan.wait(5);
  return lan;
}

/** An alert in the clear: level fatal. */
const alert = (description: number): Uint8Array => octets(0x15, 3, 3, 0, 2, 2, description);

const rejected: Scenario[] = [
  incident(STALLED, 'the port is closed', 'ICMP port unreachable from the server: certain', () => ({
    capture: refused(portUnreachable, ASKED),
    expect: [stalled(OPENVPN, { confidence: 'certain', details: { ...fourRepeats, cause: 'rejected', reason: anyText } })],
  })),
  incident(STALLED, 'a router says that there is no such host', 'somebody else refuses: likely', () => ({
    capture: refused(hostUnreachable, '203.0.113.254'),
    expect: [stalled(OPENVPN, { details: { ...fourRepeats, cause: 'rejected', reason: anyText } })],
  })),
  ...[
    { by: 'server', description: 48, reason: 'TLS alert unknown CA (48) from the server' },
    { by: 'client', description: 45, reason: 'TLS alert certificate expired (45) from the client' },
  ].map(({ by, description, reason }) =>
    incident(STALLED, `an alert in the clear from the ${by}`, 'it says what is wrong: certain', () => {
      const vpn = new Vpn(atClient(new Lan())).hello();
      if (by === 'server') {
        vpn.wait(0.01).fromClient(2, 900);
        vpn.wait(0.02).fromServer(2, 7, alert(description));
      } else {
        vpn.wait(0.01).fromClient(2, 7, alert(description));
      }
      new Vpn(vpn.wait(20).seat, { client: SECOND, session: 12 }).reset();
      return {
        capture: vpn.seat,
        expect: [stalled(OPENVPN, { confidence: 'certain', details: { state: 'S3', cause: 'rejected', reason } })],
      };
    }),
  ),
];

const halfway: Scenario[] = [
  incident(
    STALLED,
    'the right answer, and the client goes on asking',
    'what comes back is lost or dropped behind this place: possible',
    () => {
      const vpn = new Vpn(atClient(new Lan()));
      vpn.resets(RETRIES, () => OPENVPN);
      vpn.wait(5);
      return {
        capture: vpn.seat,
        expect: [stalled(OPENVPN, { confidence: 'possible', details: { state: 'S1', cause: 'unknown', retransmissions: 4 } })],
      };
    },
  ),
  ...[
    { what: 'a large packet', length: 1100 },
    { what: 'a small packet', length: 180 },
  ].map(({ what, length }) =>
    incident(STALLED, `${what} of TLS is never acknowledged`, 'the packets do not tell why', () => {
      const vpn = new Vpn(atClient(new Lan())).hello();
      for (const pause of [0.01, 2, 4, 8, 16]) vpn.wait(pause).fromClient(2, length);
      vpn.wait(3);
      const details = { state: 'S3', cause: 'unknown', reason: null, retransmissions: 4, stuckOctets: length + 26 };
      return { capture: vpn.seat, expect: [stalled(OPENVPN, { details })] };
    }),
  ),
  incident(STALLED, 'three attempts that are given up in the middle of TLS', 'what comes back is not to its liking: possible', () => {
    const seat = atClient(new Lan());
    for (let i = 0; i < 4; i++) {
      new Vpn(seat, { client: `${CLIENT.ip}:${40_001 + i}`, session: 20 + i }).hello();
      seat.wait(5);
    }
    return {
      capture: seat,
      expect: [stalled(OPENVPN, { confidence: 'possible', count: 4, details: { state: 'S3', cause: 'unknown', attempts: 4 } })],
    };
  }),
];

const healthy: Scenario[] = [
  ...SEATS.flatMap(({ where, at }) =>
    PROTECTIONS.map(({ protection, mode }) =>
      twin(STALLED, `${mode}, healthy, ${where}`, 'the handshake comes to its end', () => ({
        capture: new Vpn(at(), { protection }).connect(20).seat,
      })),
    ),
  ),
  ...SEATS.map(({ where, at }) =>
    twin(STALLED, `two repeats, ${where}`, 'a slow start', () => {
      const vpn = new Vpn(at());
      vpn.resets([0, 2, 6]);
      vpn.answer();
      return { capture: vpn.complete().chat(20).seat };
    }),
  ),
  twin(STALLED, 'the server is restarted', 'the client is silent for a minute, asks twice, and is in again', () => {
    const vpn = new Vpn(atServer()).connect(5);
    const again = new Vpn(vpn.wait(60).seat, { client: SECOND, session: 12 });
    again.resets([0, 2, 6]);
    again.answer();
    return { capture: again.complete().chat(20).seat };
  }),
  twin(STALLED, 'new keys', 'a soft reset in the middle of the session', () => {
    const vpn = new Vpn(atClient(new Lan())).connect(20);
    const { seat, client, server } = vpn;
    const soft = { opcode: 3, keyId: 1, packetId: 0 };
    seat.toServer(client, server, openvpnControl({ ...soft, session: 11 }));
    seat.wait(0.02).toClient(server, client, openvpnControl({ ...soft, session: 511, remote: 11, acks: [0] }));
    return { capture: vpn.chat(20).seat };
  }),
  twin(STALLED, 'the client moves', 'another port in the middle of the session', () => {
    const vpn = new Vpn(atServer()).connect(10);
    return { capture: vpn.chat(10, SECOND).chat(10, '192.0.2.99:40001').seat };
  }),
  twin(STALLED, 'both sides of a NAT, healthy', 'the session is seen twice', () => {
    const host = new LinuxHost();
    const legs: Seat = {
      wait(seconds) {
        host.wait(seconds);
        return this;
      },
      get bytes() {
        return host.bytes;
      },
      toServer: (_from, to, payload) => {
        host.incoming(udp({ from: '192.168.1.10:40001', to, payload, ttl: 64 }), 2, mac(0x10));
        return host.wait(20e-6).outgoing(udp({ from: '192.0.2.200:40001', to, payload, ttl: 63 }), 3, mac(0x0b));
      },
      toClient: (from, _to, payload) => {
        host.incoming(udp({ from, to: '192.0.2.200:40001', payload, ttl: 56 }), 3, mac(0x01));
        return host.wait(20e-6).outgoing(udp({ from, to: '192.168.1.10:40001', payload, ttl: 55 }), 2, mac(0x0a));
      },
    };
    const vpn = new Vpn(legs);
    vpn.resets([0, 2]);
    vpn.answer();
    vpn.complete().chat(20);
    return { capture: host };
  }),
  twin(STALLED, 'the capture begins in the middle', 'data without a handshake', () => ({
    capture: new Vpn(atClient(new Lan())).chat(30).seat,
  })),
  twin(STALLED, 'the capture begins in the middle of a handshake', 'the answer without its question', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.answer();
    return { capture: vpn.complete().chat(20).seat };
  }),
];

const notEnough: Scenario[] = [
  twin(STALLED, 'the capture ends in the first seconds', 'the handshake is too young', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2, 6]);
    vpn.wait(5);
    return { capture: vpn.seat };
  }),
  twin(STALLED, 'the capture ends with the fourth packet', 'its answer may come yet', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2, 6, 14]);
    return { capture: vpn.seat };
  }),
  twin(STALLED, 'TLS is under way when the capture ends', 'a slow link, no fault', () => {
    const vpn = new Vpn(atClient(new Lan())).hello();
    for (const pause of [0.01, 2, 4]) vpn.wait(pause).fromClient(2, 1100);
    return { capture: vpn.seat };
  }),
  twin(STALLED, 'a lossy link', 'packets of TLS are repeated, but the handshake goes on', () => {
    const vpn = new Vpn(atClient(new Lan())).hello();
    for (let packetId = 2; packetId < 12; packetId++) {
      vpn.wait(0.1).fromClient(packetId, 100);
      if (packetId % 2 === 0) for (const pause of [2, 4]) vpn.wait(pause).fromClient(packetId, 100);
    }
    return { capture: vpn.wait(1).seat };
  }),
  twin(STALLED, 'the capture ends in a handshake that began late', 'the fifth packet was answered', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets();
    vpn.answer();
    vpn.wait(0.001).fromClient(1, 280);
    vpn.wait(0.02).fromServer(1, 800);
    return { capture: vpn.seat };
  }),
  twin(STALLED, 'the user gives up', 'three packets, and then nothing more', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2, 6]);
    const other = new Vpn(vpn.seat, { client: '192.0.2.77:50000', session: 13 });
    return { capture: other.connect(60).seat };
  }),
  twin(STALLED, 'a scanner', 'one packet to each of many hosts', () => {
    const seat = atClient(new Lan());
    for (let i = 1; i < 40; i++) {
      new Vpn(seat, { server: `198.51.100.${i}:1194`, session: 1000 + i }).reset();
      seat.wait(1);
    }
    return { capture: seat };
  }),
  twin(STALLED, 'a scanner that comes every minute', 'always another session id, never a repeat', () => {
    const seat = atServer();
    for (let i = 0; i < 10; i++) {
      new Vpn(seat, { client: `${CLIENT.ip}:${41_000 + i}`, session: 1000 + i }).reset();
      seat.wait(60);
    }
    return { capture: seat };
  }),
  twin(STALLED, 'a scanner that comes every hour', 'it asks twice each time', () => {
    const seat = atServer();
    for (let i = 0; i < 10; i++) {
      new Vpn(seat, { client: `${CLIENT.ip}:${41_000 + i}`, session: 1000 + i }).resets([0, 2]);
      seat.wait(3600);
    }
    return { capture: seat };
  }),
  twin(STALLED, 'a list of servers', 'it goes on to the next one at once', () => {
    const vpn = new Vpn(atClient(new Lan()));
    vpn.resets([0, 2, 6]);
    vpn.wait(4);
    return { capture: new Vpn(vpn.seat, { server: OTHER_SERVER, client: SECOND, session: 12 }).connect(20).seat };
  }),
  twin(STALLED, 'a list of servers, every two minutes', 'each time the first one is skipped', () => {
    const seat = atClient(new Lan());
    for (let i = 0; i < 6; i++) {
      new Vpn(seat, { client: `${CLIENT.ip}:${40_001 + i}`, session: 20 + i }).resets([0, 2]);
      seat.wait(3);
      new Vpn(seat, { server: OTHER_SERVER, client: `${CLIENT.ip}:${41_001 + i}`, session: 60 + i }).connect(5);
      seat.wait(120);
    }
    return { capture: seat };
  }),
  twin(STALLED, 'one direction: what goes to the server', 'the client goes on: it was answered', () => {
    const seat = atClient(new Lan());
    const vpn = new Vpn(oneWay(seat, 'toServer'));
    vpn.resets([0, 2]);
    vpn.answer();
    return { capture: vpn.complete().chat(20).seat };
  }),
  twin(
    STALLED,
    'one direction: what goes to the server, and it is slow',
    'repeats of the client prove nothing where answers are not seen',
    () => {
      const seat = atClient(new Lan());
      const vpn = new Vpn(oneWay(seat, 'toServer'));
      vpn.hello();
      for (const pause of [0.01, 2, 4, 8, 16]) vpn.wait(pause).fromClient(2, 1100);
      return { capture: vpn.seat };
    },
  ),
  twin(STALLED, 'one direction: what comes back', 'answers without questions', () => {
    const seat = atClient(new Lan());
    const vpn = new Vpn(oneWay(seat, 'toClient'));
    vpn.resets([0, 2, 6, 14], () => OPENVPN);
    return { capture: vpn.complete().chat(20).seat };
  }),
  twin(STALLED, 'first packets quoted by ICMP only', 'what is quoted is no packet', () => {
    const lan = new Lan();
    for (let i = 1; i < 8; i++) {
      const quoted = udp({ from: `${CLIENT.ip}:40001`, to: OPENVPN, payload: clientReset({ client: 11, replayId: i }) });
      lan.unicast(portUnreachable({ from: ASKED, to: CLIENT.ip, quoted }), ROUTER.mac, CLIENT.mac);
      lan.wait(5);
    }
    return { capture: lan };
  }),
  twin(STALLED, 'another protocol that begins alike', 'a first octet of 0x38, and nothing else of it', () => {
    const seat = atClient(new Lan());
    for (let i = 0; i < 10; i++) {
      seat.toServer(`${CLIENT.ip}:40001`, OPENVPN, octets((Opcode.ClientReset << 3) | 0, noise(53, 7)));
      seat.wait(4);
    }
    return { capture: seat };
  }),
];

/** A seat that only one direction passes. */
function oneWay(seat: Seat, seen: 'toServer' | 'toClient'): Seat {
  return {
    wait(seconds) {
      seat.wait(seconds);
      return this;
    },
    get bytes() {
      return seat.bytes;
    },
    toServer: (...packet) => (seen === 'toServer' ? seat.toServer(...packet) : 0),
    toClient: (...packet) => (seen === 'toClient' ? seat.toClient(...packet) : 0),
  };
}

export const scenarios: Scenario[] = [...wrongAnswers, ...silence, ...rejected, ...halfway, ...healthy, ...notEnough];
