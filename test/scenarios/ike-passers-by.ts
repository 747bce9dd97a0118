/** Who only tries, and who still types: scans of the Internet, and EAP. */
import { IkeType } from '../craft/ike.ts';
import { Association, CONSENT, failed, IKE_FAILED, OLD_OFFER, REFUSAL } from './ike-stage.ts';
import { incident, type Scenario, twin } from './scenario.ts';
import { Lan } from './stage.ts';
import { onEthernet, type Seat } from './wireguard-stage.ts';

const ethernet = (): Seat => onEthernet(new Lan());
const NO_PROPOSAL = 14;
const scanner = (i: number): string => `203.0.113.${10 + i}`;
/** ike-scan asks after half a second, and then after three quarters more. */
const SCAN_GAPS = [0.5, 0.75];

/** Many addresses ask one gateway, a minute apart, from port 500 and from others. */
function scan(at: Seat, many: number, isRefused: boolean, first = 0): void {
  for (let i = first; i < first + many; i++) {
    const one = new Association(at, { from: `${scanner(i)}:${i % 2 ? 500 : 40_000 + i}`, seed: 50 + i, ...OLD_OFFER });
    if (isRefused) {
      one.up(one.initRequest());
      one.wait(0.02).down(one.says(NO_PROPOSAL));
    } else one.again(one.initRequest(), 3, SCAN_GAPS);
    one.wait(60);
  }
}

/** EAP goes on after the first IKE_AUTH; then the user is asked. */
function untilTheUserTypes(one: Association): void {
  one.init();
  one.auth(1200);
  one.wait(0.03).up(one.request(IkeType.Auth, 2, REFUSAL));
  one.wait(0.03).down(one.response(IkeType.Auth, 2, 68 - 16));
}

const scans: Scenario[] = [
  twin(IKE_FAILED, 'scans of a gateway that does not answer', 'many addresses, each briefly and never again', () => {
    const at = ethernet();
    scan(at, 6, false);
    return { capture: at };
  }),
  incident(IKE_FAILED, 'scans of a gateway that refuses', 'one notice, which tells of the others', () => {
    const at = ethernet();
    scan(at, 6, true);
    return { capture: at, expect: [failed({ severity: 'notice', confidence: 'certain', count: 1 }, scanner(0))] };
  }),
  incident(IKE_FAILED, 'a peer among scans, which is not answered either', 'it goes on trying: no scan', () => {
    const at = ethernet();
    scan(at, 3, false);
    const one = new Association(at);
    one.again(one.initRequest(), 5);
    one.wait(42);
    scan(at, 3, false, 3);
    return { capture: at, expect: [failed({ count: 5, details: { cause: 'no-answer' } })] };
  }),
  incident(IKE_FAILED, 'a peer among scans, which is refused too', 'it comes back: no scan', () => {
    const at = ethernet();
    scan(at, 5, true);
    for (let i = 0; i < 2; i++) {
      const one = new Association(at, { seed: 20 + i, ...OLD_OFFER });
      one.up(one.initRequest());
      one.wait(0.03).down(one.says(NO_PROPOSAL));
      one.wait(30);
    }
    return {
      capture: at,
      expect: [failed({ confidence: 'certain', count: 2 }), failed({ severity: 'notice', confidence: 'certain', count: 1 }, scanner(0))],
    };
  }),
  incident(IKE_FAILED, 'three gateways that are refused', 'too few to be a scan', () => {
    const at = ethernet();
    scan(at, 3, true);
    return {
      capture: at,
      expect: [0, 1, 2].map((i) => failed({ severity: i === 1 ? 'warning' : 'notice', confidence: 'certain', count: 1 }, scanner(i))),
    };
  }),
];

const eap: Scenario[] = [
  twin(IKE_FAILED, 'EAP, while the user types', 'a small answer is a question, and the capture ends', () => {
    const one = new Association(ethernet());
    untilTheUserTypes(one);
    one.wait(20);
    new Association(one.seat, { from: '192.0.2.30:500', to: '198.51.100.9:500', seed: 9 }).establish();
    return { capture: one.seat };
  }),
  twin(IKE_FAILED, 'EAP of two users behind one NAT', 'the other one begins: who types has not given up', () => {
    const one = new Association(ethernet());
    untilTheUserTypes(one);
    const other = new Association(one.wait(5).seat, { from: '192.0.2.10:1024', seed: 8 });
    untilTheUserTypes(other);
    other.wait(5).up(other.request(IkeType.Auth, 3, REFUSAL));
    other.wait(0.03).down(other.response(IkeType.Auth, 3, CONSENT));
    return { capture: one.seat };
  }),
  incident(IKE_FAILED, 'EAP ends with a small answer, and a new IKE_SA_INIT', 'the password was refused', () => {
    const at = ethernet();
    for (let i = 0; i < 2; i++) {
      const one = new Association(at, { seed: 3 + i });
      untilTheUserTypes(one);
      one.wait(20);
    }
    return { capture: at, expect: [failed({ count: 1, details: { cause: 'auth-refused' } })] };
  }),
  incident(IKE_FAILED, 'EAP ends with a small answer, and nothing for a minute', 'refused, or the user gave up: possible', () => {
    const one = new Association(ethernet());
    untilTheUserTypes(one);
    one.wait(60);
    new Association(one.seat, { from: '192.0.2.30:500', to: '198.51.100.9:500', seed: 9 }).establish();
    return { capture: one.seat, expect: [failed({ confidence: 'possible', count: 1, details: { cause: 'auth-refused' } })] };
  }),
];

export const scenarios: readonly Scenario[] = [...scans, ...eap];
