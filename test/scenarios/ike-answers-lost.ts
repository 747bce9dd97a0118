/** IKE that is answered, and whose answers do not arrive; and requests of which nobody knows why they are not answered. */
import { IkeType, sealedFragment } from '../craft/ike.ts';
import { ipv4Fragments, Protocols, udp } from '../craft/index.ts';
import { A, Association, atResponder, B, failed, IKE_FAILED, REFUSAL, STRONGSWAN } from './ike-stage.ts';
import { incident, type Scenario, twin } from './scenario.ts';
import { Lan, LinuxHost, mac } from './stage.ts';
import { onEthernet, type Seat } from './wireguard-stage.ts';

const ethernet = (): Seat => onEthernet(new Lan(), 1, undefined, A);
const LARGE = 3000;

/** IKE_AUTH, so many times, answered each time. */
function authInVain(one: Association, times: number): void {
  const [request, answer] = [one.request(IkeType.Auth, 1), one.response(IkeType.Auth, 1)];
  for (let i = 0; i < times; i++) {
    if (i > 0) one.wait(STRONGSWAN[i - 1] ?? 42);
    one.up(request);
    one.wait(0.02).down(answer);
  }
}

/** The same with an answer in IP fragments, of which the first `most` get here. */
function cutAnswers(most: number): Seat {
  const lan = new Lan();
  const one = new Association(onEthernet(lan, 1, undefined, A));
  one.init();
  const { octets } = udp({ from: B, to: A, payload: one.response(IkeType.Auth, 1, LARGE) });
  for (const [i, gap] of STRONGSWAN.entries()) {
    one.up(one.request(IkeType.Auth, 1));
    const payload = octets.subarray(20);
    const pieces = ipv4Fragments({ from: '198.51.100.2', to: '192.0.2.10', protocol: Protocols.Udp, payload, ident: 10 + i }, 1480);
    for (const piece of pieces.slice(0, most)) lan.wait(0.000_02).unicast(piece, mac(0x01), mac(0x10));
    one.wait(gap);
  }
  return one.seat;
}

/** IKE_AUTH, answered in three fragments of IKE, of which those get here. */
function answersInPieces(numbers: readonly number[]): Seat {
  const one = new Association(ethernet());
  one.init();
  const fields = { exchange: IkeType.Auth, messageId: 1, response: true, fromInitiator: false };
  for (const gap of STRONGSWAN) {
    one.up(one.request(IkeType.Auth, 1));
    for (const number of numbers)
      one.wait(0.001).down(one.message({ ...fields, payloads: [sealedFragment(number, 3, 1200, 50 + number)] }));
    one.wait(gap);
  }
  return one.seat;
}

const LOST = { cause: 'answers-lost', exchange: 'IKE_AUTH' };

const incidents: Scenario[] = [
  incident(
    IKE_FAILED,
    'IKE_AUTH is answered, and the answers do not arrive',
    'it is asked again and again, and nothing else follows',
    () => {
      const one = new Association(atResponder());
      one.init();
      authInVain(one.wait(0.03).float(), 5);
      one.wait(30);
      return { capture: one.seat, expect: [failed({ count: 5, details: { ...LOST, attempts: 5, port: 4500 } })] };
    },
  ),
  incident(IKE_FAILED, 'IKE_AUTH three times, answered each time', 'the last answer may have arrived: possible', () => {
    const one = new Association(atResponder());
    one.init();
    authInVain(one.wait(0.03), 3);
    one.wait(30);
    return { capture: one.seat, expect: [failed({ count: 3, confidence: 'possible', details: LOST })] };
  }),
  incident(IKE_FAILED, 'the answers to IKE_AUTH leave in IP fragments', 'certificates are large; something drops the fragments', () => ({
    capture: cutAnswers(3),
    expect: [failed({ count: 4, details: LOST })],
  })),
  incident(IKE_FAILED, 'only first fragments of the answers get here', 'the rest is lost before', () => ({
    capture: cutAnswers(1),
    expect: [failed({ count: 4, details: LOST })],
  })),
  incident(IKE_FAILED, 'a fragment of IKE of the answer is always missing', 'the answer cannot be put together', () => ({
    capture: answersInPieces([1, 3]),
    expect: [failed({ count: 4, details: LOST })],
  })),
  incident(IKE_FAILED, 'the first fragment of IKE of the answer is always missing', 'the others show that it is answered', () => ({
    capture: answersInPieces([2, 3]),
    expect: [failed({ count: 4, details: LOST })],
  })),
  incident(IKE_FAILED, 'version 1: message 5 is answered, and the answers do not arrive', 'quick mode never begins', () => {
    const one = new Association(ethernet()).mainToFour();
    for (const gap of STRONGSWAN) {
      one.up(one.sealedV1(IkeType.Main, 21));
      one.wait(0.03).down(one.sealedV1(IkeType.Main, 22));
      one.wait(gap);
    }
    return { capture: one.seat, expect: [failed({ count: 4, details: { cause: 'answers-lost', exchange: 'main mode, message 5' } })] };
  }),
  incident(IKE_FAILED, 'the answers come from another port', 'a NAT before the responder changes it', () => {
    const one = new Association(ethernet());
    for (const gap of STRONGSWAN) {
      one.up(one.initRequest());
      one.wait(0.03).down(one.initResponse(), '198.51.100.2:40500');
      one.wait(gap);
    }
    const details = { cause: 'wrong-source', answeredFrom: [{ ip: '198.51.100.2', port: 40_500 }] };
    return { capture: one.seat, expect: [failed({ count: 4, details })] };
  }),
  incident(IKE_FAILED, 'the capturing host itself changes the port of the answers', 'in from the right one, out from another one', () => {
    const host = new LinuxHost();
    const one = new Association(ethernet());
    for (const gap of STRONGSWAN) {
      const asked = udp({ from: A, to: B, payload: one.initRequest() });
      host.incoming(asked, 2, mac(0x10));
      host.wait(0.000_02).outgoing(asked, 3, mac(0x01));
      host.wait(0.03).incoming(udp({ from: B, to: A, payload: one.initResponse() }), 3, mac(0x0a));
      host.wait(0.000_02).outgoing(udp({ from: '198.51.100.2:40500', to: A, payload: one.initResponse() }), 2, mac(0x01));
      host.wait(gap);
    }
    const details = { cause: 'wrong-source', answeredFrom: [{ ip: '198.51.100.2', port: 40_500 }] };
    return { capture: host, expect: [failed({ count: 4, details })] };
  }),
  incident(IKE_FAILED, 'the capture begins with IKE_AUTH, which nobody answers', 'a dead peer fits as well as a blocked port', () => {
    const one = new Association(ethernet()).float();
    one.again(one.request(IkeType.Auth, 1), 5);
    one.wait(42);
    return { capture: one.seat, expect: [failed({ count: 5, details: { cause: 'auth-unanswered' } }, '192.0.2.10', '198.51.100.2:4500')] };
  }),
  incident(IKE_FAILED, 'fragments of IKE on port 4500 are not answered', 'their size may be it, or the port', () => {
    const one = new Association(ethernet());
    one.init();
    one.wait(0.03).float();
    const pieces = [1, 2].map((number) =>
      one.message({ exchange: IkeType.Auth, messageId: 1, payloads: [sealedFragment(number, 2, 1200, 50 + number)] }),
    );
    for (const gap of STRONGSWAN) {
      for (const piece of pieces) one.wait(0.0001).up(piece);
      one.wait(gap);
    }
    return { capture: one.seat, expect: [failed({ count: 4, details: { cause: 'auth-unanswered', port: 4500 } })] };
  }),
];

const quiet: Scenario[] = [
  twin(IKE_FAILED, 'a repeat of IKE_AUTH crosses the answer', 'one answer that is late', () => {
    const one = new Association(ethernet());
    one.init();
    authInVain(one, 2);
    one.wait(60);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'three answers to IKE_AUTH are lost, the fourth one arrives', 'dead peer detection goes on', () => {
    const one = new Association(ethernet());
    one.init();
    authInVain(one, 4);
    one.alive(2);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'the same, and the responder asks next', 'who answers is up', () => {
    const one = new Association(ethernet());
    one.init();
    authInVain(one, 4);
    const fields = { exchange: IkeType.Informational, messageId: 0, fromInitiator: false };
    one.wait(10).down(one.message({ ...fields, payloads: one.sealedPart(REFUSAL, 1) }));
    one.wait(0.03).up(one.message({ ...fields, fromInitiator: true, response: true, payloads: one.sealedPart(REFUSAL, 2) }));
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'an answer in fragments of IKE', 'all of it gets there, and it goes on', () => {
    const one = new Association(ethernet());
    one.init();
    one.wait(0.03).up(one.request(IkeType.Auth, 1));
    const fields = { exchange: IkeType.Auth, messageId: 1, response: true, fromInitiator: false };
    for (const number of [3, 1, 2])
      one.wait(0.001).down(one.message({ ...fields, payloads: [sealedFragment(number, 3, 1200, 50 + number)] }));
    one.alive(2);
    return { capture: one.seat };
  }),
];

export const scenarios: readonly Scenario[] = [...incidents, ...quiet];
