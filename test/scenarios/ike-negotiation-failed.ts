import { IkeType, ke, MODERN, notify, notifyV1, OLD, saV1, sealedFragment } from '../craft/ike.ts';
import { be16, ipv4Fragments, noise, octets, Protocols, portUnreachable, udp } from '../craft/index.ts';
import { A, Association, atResponder, B, ELSEWHERE, failed, IKE_FAILED, LIBRESWAN, REFUSAL, STRONGSWAN } from './ike-stage.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { Lan, mac } from './stage.ts';
import { atSite, onEthernet, onRouter, type Seat } from './wireguard-stage.ts';

const seats: { where: string; at: () => Seat }[] = [
  { where: 'initiator, Ethernet', at: () => onEthernet(new Lan(), 1, undefined, A) },
  { where: 'initiator on any', at: () => atSite(A) },
  { where: 'mirror port, everything twice', at: () => onEthernet(new Lan(), 2, undefined, A) },
  { where: 'responder on any', at: () => atResponder() },
  { where: 'router on any', at: () => onRouter(A) },
];
const ethernet = (): Seat => onEthernet(new Lan(), 1, undefined, A);

const INVALID_KE = 17;
const COOKIE = 16_390;

const silence: Scenario[] = [
  ...seats.map(({ where, at }) =>
    incident(IKE_FAILED, `${where}: nobody answers`, 'IKE_SA_INIT again and again, as strongSwan does', () => {
      const one = new Association(at());
      const frames = one.again(one.initRequest(), 5);
      one.wait(42);
      return {
        capture: one.seat,
        expect: [
          failed({
            count: 5,
            evidenceFrames: [frames[0] ?? 0],
            details: { cause: 'no-answer', attempts: 5, notify: null, exchange: 'IKE_SA_INIT', natDetected: 'none', port: 500 },
          }),
        ],
      };
    }),
  ),
  incident(IKE_FAILED, 'libreswan, nobody answers', 'its gaps double from half a second', () => {
    const one = new Association(ethernet());
    one.again(one.initRequest(), 6, LIBRESWAN);
    one.wait(20);
    new Association(one.seat, { from: '192.0.2.30:500', to: '198.51.100.9:500', seed: 9 }).establish();
    return { capture: one.seat, expect: [failed({ count: 6, details: { cause: 'no-answer' } })] };
  }),
  incident(IKE_FAILED, 'IPv6, nobody answers', 'the hashes of NAT detection are of 16 octets of address', () => {
    const [from, to] = ['[2001:db8::10]:500', '[2001:db8:1::2]:500'];
    const one = new Association(onEthernet(new Lan(), 1, undefined, from), { from, to });
    one.again(one.initRequest(), 5);
    one.wait(42);
    return { capture: one.seat, expect: [failed({ count: 5, details: { natDetected: 'none' } }, '2001:db8::10', to)] };
  }),
  incident(IKE_FAILED, 'three tries, the last one at the end', 'the answer may come after the end: possible', () => {
    const one = new Association(ethernet());
    one.again(one.initRequest(), 3);
    return { capture: one.seat, expect: [failed({ count: 3, confidence: 'possible' })] };
  }),
  incident(IKE_FAILED, 'keying tries for ever', 'each series has another SPI: one finding', () => {
    const at = ethernet();
    for (let i = 0; i < 3; i++) {
      const one = new Association(at, { seed: 10 + i });
      one.again(one.initRequest(), 5);
      one.wait(42);
    }
    return { capture: at, expect: [failed({ count: 15, details: { cause: 'no-answer', attempts: 15 } })] };
  }),
  incident(IKE_FAILED, 'an outage that ends', 'later they get on: notice', () => {
    const at = ethernet();
    const one = new Association(at);
    one.again(one.initRequest(), 5);
    one.wait(42);
    new Association(at, { seed: 2 }).establish();
    return { capture: at, expect: [failed({ severity: 'notice', count: 5, details: { recovered: true } })] };
  }),
  incident(IKE_FAILED, 'it was up, and is not answered any more', 'what failed before counts by what is now', () => {
    const at = ethernet();
    new Association(at, { seed: 2 }).establish();
    const one = new Association(at).wait(100);
    one.again(one.initRequest(), 5);
    one.wait(42);
    return { capture: at, expect: [failed({ count: 5, details: { recovered: false } })] };
  }),
  incident(IKE_FAILED, 'version 1, nobody answers', 'message 1 of main mode', () => {
    const one = new Association(ethernet());
    one.again(one.mainOne(), 5);
    one.wait(42);
    return {
      capture: one.seat,
      expect: [failed({ count: 5, details: { cause: 'no-answer', version: 1, exchange: 'main mode, message 1', natDetected: null } })],
    };
  }),
  incident(IKE_FAILED, 'nothing listens', 'ICMP port unreachable quotes the request: certain', () => {
    const lan = new Lan();
    const one = new Association(onEthernet(lan, 1, undefined, A));
    for (const gap of STRONGSWAN) {
      one.up(one.initRequest());
      const quoted = udp({ from: A, to: B, payload: one.initRequest() });
      lan.wait(0.02).unicast(portUnreachable({ from: '198.51.100.2', quoted, to: '192.0.2.10' }), mac(0x01), mac(0x10));
      one.wait(gap);
    }
    return {
      capture: one.seat,
      expect: [failed({ confidence: 'certain', count: 4, details: { cause: 'unreachable', reason: 'port unreachable' } })],
    };
  }),
];

const refusals: Scenario[] = [
  ...seats.map(({ where, at }) =>
    incident(IKE_FAILED, `${where}: NO_PROPOSAL_CHOSEN`, 'the peer says no to what was offered', () => {
      const one = new Association(at(), { proposals: [OLD], group: 2 });
      one.up(one.initRequest());
      const said = one.wait(0.03).down(one.says(14));
      one.wait(5);
      return {
        capture: one.seat,
        expect: [
          failed({
            confidence: 'certain',
            count: 1,
            evidenceFrames: [said],
            details: {
              cause: 'no-proposal',
              notify: 'NO_PROPOSAL_CHOSEN',
              offered: ['3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024'],
              attempts: 1,
            },
          }),
        ],
      };
    }),
  ),
  incident(IKE_FAILED, 'version 1: NO-PROPOSAL-CHOSEN', 'an INFORMATIONAL in clear', () => {
    const one = new Association(ethernet());
    one.up(one.mainOne());
    one.wait(0.03).down(one.message({ version: 1, exchange: IkeType.InformationalV1, messageId: 7, payloads: [notifyV1(14)] }));
    one.wait(5);
    const details = { cause: 'no-proposal', notify: 'NO-PROPOSAL-CHOSEN', offered: ['AES_CBC_256/SHA2_256/MODP_2048/PSK'] };
    return { capture: one.seat, expect: [failed({ confidence: 'certain', count: 1, details })] };
  }),
  incident(IKE_FAILED, 'a single attempt from any port', 'a scan of the Internet looks the same: notice', () => {
    const one = new Association(ethernet(), { from: '192.0.2.10:41234', proposals: [OLD], group: 2 });
    one.up(one.initRequest());
    one.wait(0.03).down(one.says(14));
    one.wait(5);
    return { capture: one.seat, expect: [failed({ severity: 'notice', confidence: 'certain', count: 1 })] };
  }),
  incident(IKE_FAILED, 'INVALID_SYNTAX', 'another error in clear', () => {
    const one = new Association(ethernet());
    one.up(one.initRequest());
    one.wait(0.03).down(one.says(7));
    one.wait(5);
    return {
      capture: one.seat,
      expect: [failed({ confidence: 'certain', count: 1, details: { cause: 'rejected', notify: 'INVALID_SYNTAX' } })],
    };
  }),
  incident(IKE_FAILED, 'INVALID_KE_PAYLOAD again and again', 'each retry is refused too: a loop', () => {
    const at = ethernet();
    for (let i = 0; i < 3; i++) {
      const one = new Association(at, { seed: 20 + i, group: 2, proposals: [OLD, MODERN] });
      one.up(one.initRequest());
      one.wait(0.03).down(one.says(INVALID_KE, ...be16(31)));
      one.wait(3);
    }
    return {
      capture: at,
      expect: [failed({ count: 3, details: { cause: 'wrong-group', notify: 'INVALID_KE_PAYLOAD' } })],
    };
  }),
  ...seats.map(({ where, at }) =>
    incident(IKE_FAILED, `${where}: IKE_AUTH is refused`, 'the answer has no room for an identity and its proof', () => {
      const one = new Association(at());
      one.init();
      const [, answer = 0] = one.auth(REFUSAL);
      one.wait(5);
      return {
        capture: one.seat,
        expect: [
          failed({
            count: 1,
            evidenceFrames: [answer],
            details: { cause: 'auth-refused', exchange: 'IKE_AUTH', notify: null, attempts: 1 },
          }),
        ],
      };
    }),
  ),
  incident(IKE_FAILED, 'begun anew after each IKE_AUTH', 'encrypted, so possible only', () => {
    const at = ethernet();
    for (let i = 0; i < 3; i++) {
      const one = new Association(at, { seed: 30 + i });
      one.init();
      one.auth();
      one.wait(1);
    }
    return { capture: at, expect: [failed({ confidence: 'possible', count: 2, details: { cause: 'restarted' } })] };
  }),
  incident(IKE_FAILED, 'version 1: message 5 is not answered', 'another secret: the peer cannot read it', () => {
    const one = new Association(ethernet()).mainToFour();
    const message = one.sealedV1(IkeType.Main, 21);
    for (const [i, gap] of STRONGSWAN.entries()) {
      one.up(message);
      one.wait(0.03).down(one.sealedV1(IkeType.InformationalV1, 31 + i, 100 + i));
      one.wait(gap);
    }
    return {
      capture: one.seat,
      expect: [failed({ count: 4, details: { cause: 'wrong-key', version: 1, exchange: 'main mode, message 5' } })],
    };
  }),
  incident(IKE_FAILED, 'version 1: INVALID-HASH-INFORMATION', 'said in clear', () => {
    const one = new Association(ethernet()).mainToFour();
    one.up(one.sealedV1(IkeType.Main, 21));
    one.wait(0.03).down(one.message({ version: 1, exchange: IkeType.InformationalV1, messageId: 9, payloads: [notifyV1(23)] }));
    one.wait(5);
    return { capture: one.seat, expect: [failed({ count: 1, details: { cause: 'wrong-key', notify: 'INVALID-HASH-INFORMATION' } })] };
  }),
  incident(IKE_FAILED, 'version 1: aggressive mode, another secret', 'the initiator protests instead of its message 3', () => {
    const one = new Association(ethernet());
    one.up(
      one.message({
        version: 1,
        exchange: IkeType.Aggressive,
        responderSpi: octets(noise(0, 1), 0, 0, 0, 0, 0, 0, 0, 0),
        payloads: [saV1(), ...one.keyExchange(41)],
      }),
    );
    const answer = one.message({ version: 1, exchange: IkeType.Aggressive, payloads: [saV1(), ...one.keyExchange(43)] });
    one.wait(0.03).down(answer);
    one.wait(0.01).up(one.sealedV1(IkeType.InformationalV1, 45, 77));
    for (const gap of STRONGSWAN.slice(0, 3)) one.wait(gap).down(answer);
    one.wait(5);
    return { capture: one.seat, expect: [failed({ count: 4, details: { cause: 'wrong-key', exchange: 'aggressive mode, message 1' } })] };
  }),
];

const onTheWay: Scenario[] = [
  ...seats.map(({ where, at }) =>
    incident(IKE_FAILED, `${where}: port 4500 is blocked`, 'IKE_SA_INIT is answered, IKE_AUTH on port 4500 is not', () => {
      const one = new Association(at());
      one.init();
      const frames = one.wait(0.03).float().again(one.request(IkeType.Auth, 1), 5);
      one.wait(42);
      return {
        capture: one.seat,
        expect: [
          failed({
            count: 5,
            evidenceFrames: [frames[0] ?? 0],
            details: { cause: 'port-4500-blocked', port: 4500, exchange: 'IKE_AUTH', ipFragments: 0 },
          }),
        ],
      };
    }),
  ),
  incident(IKE_FAILED, 'port 4500 is blocked behind NAT', 'the initiator believes in another address: NAT', () => {
    const one = new Association(ethernet(), { believed: { from: '10.0.0.2:500' } });
    one.init();
    one.wait(0.03).float().again(one.request(IkeType.Auth, 1), 5);
    one.wait(42);
    return { capture: one.seat, expect: [failed({ count: 5, details: { cause: 'port-4500-blocked', natDetected: 'initiator' } })] };
  }),
  incident(IKE_FAILED, 'IKE_AUTH in IP fragments', 'what is small is answered, what is cut is not', () => {
    const lan = new Lan();
    const one = new Association(onEthernet(lan, 1, undefined, A));
    one.init();
    one.wait(0.03);
    const first = inFragments(lan, one, 1);
    for (const [i, gap] of STRONGSWAN.slice(0, 3).entries()) {
      one.wait(gap);
      inFragments(lan, one, 2 + i);
    }
    one.wait(20);
    return {
      capture: one.seat,
      expect: [
        failed({
          count: 4,
          evidenceFrames: first.slice(0, 1),
          details: { cause: 'fragments-lost', ipFragments: 8, exchange: 'IKE_AUTH', largestRequest: 20 + 8 + 28 + 1800 },
        }),
      ],
    };
  }),
  incident(IKE_FAILED, 'IKE_AUTH on port 500 is not answered', 'in one piece: something on the way, or the peer', () => {
    const one = new Association(ethernet());
    one.init();
    one.wait(0.03).again(one.request(IkeType.Auth, 1, 1100), 5);
    one.wait(42);
    return { capture: one.seat, expect: [failed({ count: 5, details: { cause: 'auth-unanswered', port: 500 } })] };
  }),
  incident(IKE_FAILED, 'IKE_AUTH in fragments of IKE is not answered', 'RFC 7383: each piece is small', () => {
    const one = new Association(ethernet());
    one.init();
    const pieces = [1, 2, 3].map((number) =>
      one.message({ exchange: IkeType.Auth, messageId: 1, payloads: [sealedFragment(number, 3, 1200, 50 + number)] }),
    );
    for (const gap of STRONGSWAN) {
      for (const piece of pieces) one.wait(0.0001).up(piece);
      one.wait(gap);
    }
    return { capture: one.seat, expect: [failed({ count: 4, details: { cause: 'auth-unanswered', attempts: 4 } })] };
  }),
  incident(IKE_FAILED, 'the answers do not arrive', 'they are seen here, and the same is asked again', () => {
    const one = new Association(atResponder());
    for (const gap of STRONGSWAN) {
      one.up(one.initRequest());
      one.wait(0.001).down(one.initResponse());
      one.wait(gap);
    }
    return { capture: one.seat, expect: [failed({ count: 4, details: { cause: 'answers-lost', natDetected: 'none' } })] };
  }),
  incident(IKE_FAILED, 'the answers come from another uplink', 'one story with udp-reply-wrong-source', () => {
    const one = new Association(atResponder());
    for (const gap of STRONGSWAN) {
      one.up(one.initRequest());
      one.wait(0.001).down(one.initResponse(), ELSEWHERE);
      one.wait(gap);
    }
    const wrong = 'udp-reply-wrong-source:192.0.2.10|198.51.100.2:500';
    return {
      capture: one.seat,
      expect: [
        failed({
          count: 4,
          related: [wrong],
          details: { cause: 'wrong-source', answeredFrom: [{ ip: '203.0.113.2', port: 500 }] },
        }),
        finding('udp-reply-wrong-source', '192.0.2.10|198.51.100.2:500', { related: [`${IKE_FAILED}:192.0.2.10|198.51.100.2:500`] }),
      ],
    };
  }),
];

/** IKE_AUTH in two IP fragments, the request of each time with another identification. */
function inFragments(lan: Lan, one: Association, ident: number): number[] {
  const whole = udp({ from: A, to: B, payload: one.request(IkeType.Auth, 1, 1800) });
  const pieces = ipv4Fragments(
    { from: '192.0.2.10', to: '198.51.100.2', protocol: Protocols.Udp, payload: whole.octets.subarray(20), ident },
    1480,
  );
  return pieces.map((piece) => lan.wait(0.000_02).unicast(piece, mac(0x10), mac(0x01)));
}

const quiet: Scenario[] = [
  ...seats.map(({ where, at }) =>
    twin(IKE_FAILED, `${where}: a healthy association`, 'each request is answered; DPD goes on', () => {
      const one = new Association(at()).establish();
      for (let i = 3; i < 8; i++) one.alive(i);
      return { capture: one.seat };
    }),
  ),
  twin(IKE_FAILED, 'a cookie, then another group', 'each time the next request is another one, and answered', () => {
    const one = new Association(ethernet());
    one.up(one.initRequest());
    one.wait(0.03).down(one.says(COOKIE, ...noise(20, 1)));
    one.wait(0.001).up(one.initRequest(notify(COOKIE, noise(20, 1))));
    one.wait(0.03).down(one.says(INVALID_KE, ...be16(31)));
    one.wait(0.001).up(one.initRequest(notify(COOKIE, noise(20, 1)), ke(31, 77)));
    one.wait(0.03).down(one.initResponse());
    one.auth();
    one.alive(2);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'two requests are lost', 'the third one is answered', () => {
    const one = new Association(ethernet());
    one.again(one.initRequest(), 3);
    one.wait(0.03).down(one.initResponse());
    one.auth();
    one.alive(2);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'only what the initiator sends', 'it goes on, so it was answered', () => {
    const one = new Association(ethernet());
    one.sees = (from) => from.startsWith('192.0.2.10');
    one.establish();
    for (let i = 3; i < 8; i++) one.alive(i);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'the peer dies', 'INFORMATIONAL in vain: dead peer detection, not a negotiation', () => {
    const one = new Association(ethernet()).establish();
    one.wait(10).again(one.request(IkeType.Informational, 3, REFUSAL), 5);
    one.wait(42);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'the capture begins in the middle', 'an association that is there', () => {
    const one = new Association(ethernet());
    for (let i = 5; i < 9; i++) one.alive(i);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'a rekey', 'CREATE_CHILD_SA, and a new association with other SPIs', () => {
    const one = new Association(ethernet()).establish();
    one.wait(100).up(one.request(IkeType.CreateChild, 3));
    one.wait(0.03).down(one.response(IkeType.CreateChild, 3));
    new Association(one.seat, { seed: 5 }).alive(0).alive(1);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'EAP', 'the first answer of IKE_AUTH is small, and it goes on', () => {
    const one = new Association(ethernet());
    one.init();
    for (let i = 1; i < 5; i++) {
      one.wait(0.03).up(one.request(IkeType.Auth, i, i === 1 ? 180 : 68));
      one.wait(0.03).down(one.response(IkeType.Auth, i, i === 4 ? 180 : 52));
    }
    one.alive(5);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'a NAT, seen on both of its sides', 'the same message twice is no repeat', () => {
    const one = new Association(onRouter(A, '10.0.0.2:500'), { believed: { from: '10.0.0.2:500' } });
    one.init();
    one.auth();
    one.alive(2);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'a scan of a network', 'one address asks many, in vain', () => {
    const at = ethernet();
    const all = Array.from({ length: 20 }, (_, i) => new Association(at, { seed: 60 + i, to: `198.51.100.${10 + i}:500` }));
    for (let i = 0; i < 3; i++) for (const one of all) one.wait(0.05).up(one.initRequest());
    at.wait(30);
    return { capture: at };
  }),
  twin(IKE_FAILED, 'INFORMATIONAL of an association that is not known any more', 'INVALID_IKE_SPI is no refusal of a negotiation', () => {
    const one = new Association(ethernet());
    one.up(one.request(IkeType.Informational, 4, REFUSAL));
    one
      .wait(0.03)
      .down(one.message({ exchange: IkeType.Informational, messageId: 4, response: true, fromInitiator: false, payloads: [notify(4)] }));
    one.wait(5);
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'version 1 in good health', 'main mode, quick mode with its three messages, DPD', () => {
    const one = new Association(ethernet()).mainToFour();
    one.up(one.sealedV1(IkeType.Main, 21));
    one.wait(0.03).down(one.sealedV1(IkeType.Main, 22));
    one.wait(0.03).up(one.sealedV1(IkeType.Quick, 23, 500));
    one.wait(0.03).down(one.sealedV1(IkeType.Quick, 24, 500));
    one.wait(0.03).up(one.sealedV1(IkeType.Quick, 25, 500));
    for (let i = 0; i < 3; i++) {
      one.wait(10).up(one.sealedV1(IkeType.InformationalV1, 30 + 2 * i, 600 + i));
      one.wait(0.03).down(one.sealedV1(IkeType.InformationalV1, 31 + 2 * i, 700 + i));
    }
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'MOBIKE: the initiator moves', 'from another address, to which the answers go', () => {
    const one = new Association(ethernet()).establish().float();
    one.from = '192.0.2.77:4500';
    one.alive(3).alive(4);
    return { capture: one.seat };
  }),
];

export const scenarios: readonly Scenario[] = [...silence, ...refusals, ...onTheWay, ...quiet];
