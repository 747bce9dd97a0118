import { dnsQuery, dnsResponse, message, portUnreachable, udp } from '../craft/index.ts';
import { incident, type Scenario } from './scenario.ts';
import { Lan } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, ROUTER, type Seat, talk, WRONG, WRONG_SOURCE, wrongSource } from './udp-stage.ts';

/** A service of no protocol that is known. */
const PORT = 6200;
const SERVICE = `${ASKED}:${PORT}`;
const OTHER = `${WRONG}:${PORT}`;
const QUESTION = message('status of pump 4711?');
const PLAIN = message('OK, all is well');
const ECHO = message('you said: status of pump 4711?');

const ask = (seat: Seat, reply: Uint8Array, port = 40_000): number[] => {
  const frames = talk(seat, { client: `${CLIENT.ip}:${port}`, asked: SERVICE, from: OTHER, request: QUESTION, reply });
  seat.wait(3);
  return frames;
};

/** Three clients' ports, each with a wrong reply. */
const askThrice = (seat: Seat, reply: Uint8Array): number[] => [40_001, 40_002, 40_003].flatMap((port) => ask(seat, reply, port));

const details = { answeredFrom: [{ ip: WRONG, port: PORT, packets: 1 }], requests: 1, repliesWrong: 1, protocol: null, matchedBy: 'ports' };

export const scenarios: Scenario[] = [
  incident(WRONG_SOURCE, 'ports only, client', 'nothing but the ports: possible', () => {
    const capture = atClient(new Lan());
    const frames = ask(capture, PLAIN);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'possible', count: 1, details, evidenceFrames: frames })] };
  }),
  incident(WRONG_SOURCE, 'ports only, client: the question comes back', 'octets of the request in the reply: likely', () => {
    const capture = atClient(new Lan());
    ask(capture, ECHO);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'likely', count: 1, details })] };
  }),
  incident(WRONG_SOURCE, 'ports only, server on any', 'request in and reply out of one host: likely', () => {
    const capture = atServer();
    ask(capture, PLAIN);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'likely', count: 1, details })] };
  }),
  incident(WRONG_SOURCE, 'ports only, server on any: the question comes back', 'direction and octets: certain', () => {
    const capture = atServer();
    ask(capture, ECHO);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'certain', count: 1, details })] };
  }),
  incident(WRONG_SOURCE, 'ports only, client rejects the reply', 'port unreachable for that very packet: certain', () => {
    const lan = new Lan();
    const capture = atClient(lan);
    const frames = talk(capture, { client: `${CLIENT.ip}:40000`, asked: SERVICE, from: OTHER, request: QUESTION, reply: PLAIN });
    const quoted = udp({ from: OTHER, to: `${CLIENT.ip}:40000`, payload: PLAIN, ttl: 56 });
    lan.wait(0.00005).unicast(portUnreachable({ from: CLIENT.ip, to: WRONG, quoted }), CLIENT.mac, ROUTER.mac);
    lan.wait(3);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'certain', count: 1, details, evidenceFrames: frames })] };
  }),
  incident(WRONG_SOURCE, 'ports only, client, three times', 'three cases raise it one step: likely', () => {
    const capture = atClient(new Lan());
    askThrice(capture, PLAIN);
    const thrice = { clientPorts: 3, requests: 3, repliesWrong: 3, matchedBy: 'ports' };
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'likely', count: 3, details: thrice })] };
  }),
  incident(WRONG_SOURCE, 'ports only, server on any, three times', 'three cases raise it one step: certain', () => {
    const capture = atServer();
    askThrice(capture, PLAIN);
    return { capture, expect: [wrongSource(SERVICE, { confidence: 'certain', count: 3 })] };
  }),
  incident(WRONG_SOURCE, 'ports only, IPv6', 'the same between addresses of IPv6', () => {
    const capture = atClient(new Lan());
    const asked = `[2001:db8:1::7]:${PORT}`;
    const from = `[2001:db8:2::7]:${PORT}`;
    talk(capture, { client: '[2001:db8::10]:40000', asked, from, request: QUESTION, reply: PLAIN });
    capture.wait(3);
    return { capture, expect: [wrongSource(asked, { client: '2001:db8::10', confidence: 'possible', count: 1 })] };
  }),
  incident(
    WRONG_SOURCE,
    'dns, cut by the snaplen',
    'the identifier was not captured: the ports are left, and the protocol did not show itself',
    () => {
      const lan = new Lan();
      const caplen = 14 + 20 + 8;
      const asked = `${ASKED}:53`;
      for (const id of [1, 2, 3]) {
        const client = `${CLIENT.ip}:${40_000 + id}`;
        lan.unicast(udp({ from: client, to: asked, payload: dnsQuery({ id }) }), CLIENT.mac, ROUTER.mac, { caplen });
        const reply = udp({ from: `${WRONG}:53`, to: client, payload: dnsResponse({ id }), ttl: 56 });
        lan.wait(0.02).unicast(reply, ROUTER.mac, CLIENT.mac, { caplen });
        lan.wait(3);
      }
      const cut = { protocol: null, matchedBy: 'ports', repliesWrong: 3 };
      return { capture: lan, expect: [wrongSource(asked, { confidence: 'likely', count: 3, details: cut })] };
    },
  ),
];
