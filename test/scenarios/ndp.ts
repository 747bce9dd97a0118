import { multicastMac, neighborAdvertisement, neighborSolicitation, PacketType, solicitedNode, vrrp6Mac } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, type LanLink, LinuxHost, mac, twoCards } from './stage.ts';

const MULTI = 'ndp-multi-mac-answer';
const DUPLICATE = 'ndp-duplicate-address';
const CLIENT = card(0x10, '2001:db8::10');
const OTHER = card(0x20, '2001:db8::20');
const X = mac(0x31);
const Y = mac(0x47);
const SHARED = '2001:db8::5';
const ALL_NODES = 'ff02::1';
const UNSPECIFIED = '::';

const group = (ip: string): string => multicastMac(ip) ?? '';

interface NdpAnswer {
  by: string;
  after: number;
  override?: boolean;
  router?: boolean;
}

/** A solicitation for `target` and its advertisements. */
function solicit(capture: Lan, asker: typeof CLIENT, target: string, answers: readonly NdpAnswer[], link: LanLink = {}): number[] {
  const { now } = capture;
  const solicitation = neighborSolicitation({ from: asker.ip, target, sourceMac: asker.mac });
  const frames = [capture.unicast(solicitation, asker.mac, group(solicitedNode(target)), link)];
  for (const { by, after, ...flags } of answers) {
    const advertisement = neighborAdvertisement({ from: target, to: asker.ip, target, targetMac: by, ...flags });
    frames.push(capture.at(now + after).unicast(advertisement, by, asker.mac, link));
  }
  return frames;
}

/** Duplicate address detection: does anybody have `target`? */
const detect = (capture: Lan, from: string, target: string, nonce?: number, link: LanLink = {}): number =>
  capture.unicast(
    neighborSolicitation({ from: UNSPECIFIED, target, ...(nonce === undefined ? {} : { nonce }) }),
    from,
    group(solicitedNode(target)),
    link,
  );

/** The owner defends its address, to everybody. */
const defend = (capture: Lan, owner: string, target: string, link: LanLink = {}): number =>
  capture.unicast(
    neighborAdvertisement({ from: target, to: ALL_NODES, target, targetMac: owner, solicited: false }),
    owner,
    group(ALL_NODES),
    link,
  );

const both = (afterX = 0.0003, afterY = 0.0008): NdpAnswer[] => [
  { by: X, after: afterX },
  { by: Y, after: afterY },
];

export const scenarios: Scenario[] = [
  incident(MULTI, 'client: two advertisements of different MACs', 'one solicitation, two link-layer addresses that both override', () => {
    const capture = new Lan();
    const frames: number[] = [];
    for (let i = 0; i < 3; i++) {
      frames.push(...solicit(capture, CLIENT, SHARED, both()));
      capture.wait(3);
    }
    return { capture, expect: [finding(MULTI, SHARED, { severity: 'warning', count: 3, evidenceFrames: frames })] };
  }),
  incident(MULTI, 'client on any: the same', 'our solicitation goes out, both advertisements come in', () => {
    const capture = new LinuxHost();
    const frames = [capture.outgoing(neighborSolicitation({ from: CLIENT.ip, target: SHARED, sourceMac: CLIENT.mac }), 2, CLIENT.mac)];
    for (const by of [X, Y]) {
      const advertisement = neighborAdvertisement({ from: SHARED, to: CLIENT.ip, target: SHARED, targetMac: by });
      frames.push(capture.wait(0.0003).incoming(advertisement, 2, by));
    }
    capture.wait(3);
    return { capture, expect: [finding(MULTI, SHARED, { severity: 'warning', count: 1, evidenceFrames: frames })] };
  }),
  incident(MULTI, 'in a VLAN', 'the same with a tag', () => {
    const capture = new Lan();
    solicit(capture, CLIENT, SHARED, both(), { vlans: [10] });
    capture.wait(3);
    return { capture, expect: [finding(MULTI, SHARED, { count: 1 })] };
  }),
  incident(MULTI, 'the virtual MAC and a real one', 'two masters of one virtual router: error', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      solicit(capture, CLIENT, SHARED, [
        { by: vrrp6Mac(7), after: 0.0003 },
        { by: X, after: 0.0008 },
      ]);
      capture.wait(3);
    }
    return { capture, expect: [finding(MULTI, SHARED, { severity: 'error', confidence: 'likely', count: 3 })] };
  }),
  twin(MULTI, 'forwarded advertisements', 'their hop limit is no longer 255: everybody discards them', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      solicit(capture, CLIENT, SHARED, [{ by: X, after: 0.0003 }]);
      const forwarded = neighborAdvertisement({ from: SHARED, to: CLIENT.ip, target: SHARED, targetMac: Y, ttl: 64 });
      capture.wait(0.0005).unicast(forwarded, Y, CLIENT.mac);
      capture.wait(3);
    }
    return { capture };
  }),
  twin(MULTI, 'anycast', 'several may answer; none of them overrides', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      solicit(
        capture,
        CLIENT,
        SHARED,
        both(0.1 * i + 0.05, 0.3).map((each) => ({ ...each, override: false })),
      );
      capture.wait(3);
    }
    return { capture };
  }),
  twin(MULTI, 'one router with a virtual MAC', 'one advertisement to each solicitation', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      solicit(capture, CLIENT, 'fe80::fe', [{ by: vrrp6Mac(9), after: 0.0003, router: true }]);
      capture.wait(2);
      solicit(capture, CLIENT, 'fe80::1', [{ by: X, after: 0.0003, router: true }]);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(MULTI, 'the advertisement comes twice', 'a mirror port doubles it', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) {
      solicit(capture, CLIENT, SHARED, [
        { by: X, after: 0.0003 },
        { by: X, after: 0.00032 },
      ]);
      capture.wait(3);
    }
    return { capture };
  }),
  twin(MULTI, 'two segments', 'interfaces that share no multicast are not compared', () => {
    const capture = twoCards({ name: 'lan' }, { name: 'dmz' });
    for (let i = 0; i < 3; i++) {
      solicit(capture, CLIENT, SHARED, [{ by: X, after: 0.0003 }], { interface: 0 });
      capture.wait(0.5);
      solicit(capture, OTHER, SHARED, [{ by: Y, after: 0.0003 }], { interface: 1 });
      capture.wait(3);
    }
    return { capture };
  }),
  twin(MULTI, 'a proxy for many', 'one MAC advertises several addresses', () => {
    const capture = new Lan();
    for (let i = 0; i < 5; i++) {
      solicit(capture, CLIENT, `2001:db8::${i + 1}00`, [{ by: X, after: 0.4, override: false }]);
      capture.wait(2);
    }
    return { capture };
  }),

  incident(DUPLICATE, 'duplicate address detection is answered', 'the owner defends its address to all nodes: certain', () => {
    const capture = new Lan();
    const frames = [detect(capture, Y, SHARED, 0x1111), defend(capture.wait(0.0005), X, SHARED)];
    capture.wait(3);
    return {
      capture,
      expect: [finding(DUPLICATE, SHARED, { severity: 'error', confidence: 'certain', count: 1, evidenceFrames: frames })],
    };
  }),
  incident(DUPLICATE, 'two hosts detect at once', 'two solicitations from nowhere with different nonces: certain', () => {
    const capture = new Lan();
    const frames = [detect(capture, X, SHARED, 0x1111), detect(capture.wait(0.2), Y, SHARED, 0x2222)];
    capture.wait(3);
    return { capture, expect: [finding(DUPLICATE, SHARED, { severity: 'error', confidence: 'certain', evidenceFrames: frames })] };
  }),
  incident(DUPLICATE, 'own capture on any', 'our solicitation goes out, the defence comes in', () => {
    const capture = new LinuxHost();
    const frames = [
      capture.outgoing(neighborSolicitation({ from: UNSPECIFIED, target: SHARED, nonce: 0x1111 }), 2, Y),
      capture
        .wait(0.0005)
        .incoming(
          neighborAdvertisement({ from: SHARED, to: ALL_NODES, target: SHARED, targetMac: X, solicited: false }),
          2,
          X,
          PacketType.Multicast,
        ),
    ];
    capture.wait(3);
    return {
      capture,
      expect: [finding(DUPLICATE, SHARED, { severity: 'error', confidence: 'certain', count: 1, evidenceFrames: frames })],
    };
  }),
  twin(DUPLICATE, 'detection without an answer', 'the address is free', () => {
    const capture = new Lan();
    for (const [i, each] of [X, Y].entries()) {
      detect(capture, each, `2001:db8::${i + 5}`, 0x1111 * (i + 1));
      capture.wait(3);
    }
    return { capture };
  }),
  twin(DUPLICATE, 'a host asks three times', 'its own repetitions, with a new nonce each', () => {
    const capture = new Lan();
    for (let i = 0; i < 3; i++) detect(capture.wait(1), X, SHARED, 0x1111 * (i + 1));
    capture.wait(3);
    return { capture };
  }),
  twin(DUPLICATE, 'the own solicitation comes back', 'the same nonce: a loop', () => {
    const capture = new Lan();
    detect(capture, X, SHARED, 0x1111);
    detect(capture.wait(0.02), X, SHARED, 0x1111);
    capture.wait(3);
    return { capture };
  }),
  twin(DUPLICATE, 'a host takes its address and announces it', 'the advertisement is of the same host', () => {
    const capture = new Lan();
    detect(capture, X, SHARED, 0x1111);
    defend(capture.wait(1.1), X, SHARED);
    capture.wait(3);
    return { capture };
  }),
  twin(
    DUPLICATE,
    'a host behind a repeater takes its address',
    'the repeater sends both under its own MAC; inside, the host names its own',
    () => {
      const capture = new Lan();
      detect(capture, X, SHARED, 0x1111);
      const announced = neighborAdvertisement({ from: SHARED, to: ALL_NODES, target: SHARED, targetMac: Y, solicited: false });
      capture.wait(1.1).unicast(announced, X, group(ALL_NODES));
      capture.wait(3);
      return { capture };
    },
  ),
  twin(DUPLICATE, 'the same address in two VLANs', 'each VLAN has its own', () => {
    const capture = new Lan();
    detect(capture, X, SHARED, 0x1111, { vlans: [10] });
    defend(capture.wait(0.2), Y, SHARED, { vlans: [20] });
    capture.wait(3);
    return { capture };
  }),
  twin(
    DUPLICATE,
    'two advertisements of different MACs',
    'a proxy or two hosts: it cannot be told from a solicitation of an address in use',
    () => {
      const capture = new Lan();
      solicit(capture, CLIENT, SHARED, both());
      capture.wait(3);
      return { capture, expect: [finding(MULTI, SHARED, { count: 1 })] };
    },
  ),
];
