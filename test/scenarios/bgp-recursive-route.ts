import { bgpKeepalive, bgpNotification, gre } from '../craft/index.ts';
import { type BgpRouter, BgpStage, bgpRouter, type Line } from './bgp-stage.ts';
import { contextOf } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'bgp-recursive-route';
const RESET = 'bgp-session-reset';
/** Inside of GRE between 198.51.100.10 (A) and 203.0.113.10 (B). */
const A = bgpRouter(1, '10.0.8.1', 64_512);
const B = bgpRouter(2, '10.0.8.2', 64_513);
const OUTER = '203.0.113.10';
const PREFIX = '203.0.113.0/24';

const inGre = (): BgpStage => {
  const stage = new BgpStage('GRE');
  stage.home = A.ip;
  return stage;
};
const tell = (line: Line, from: BgpRouter = B, announced: string[] = [PREFIX], internal = false): number =>
  line.announce(from, { announced, nextHop: from.ip, asPath: internal ? [] : [from.as], ...(internal ? { localPref: 100 } : {}) });

/** The session comes up, the prefix comes, nothing gets through any more. */
function dies(stage: BgpStage, to = A, from = B, announced?: string[], internal?: boolean): number {
  const line = stage.session(to, from);
  stage.wait(1);
  const update = tell(line, from, announced, internal);
  stage.wait(2);
  line.sayUnheard(from, bgpKeepalive());
  for (const seconds of [0.2, 0.4, 0.8, 1.6, 3.2]) {
    stage.wait(seconds);
    line.again(from);
  }
  stage.wait(3);
  line.rst(from);
  stage.wait(2);
  return update;
}

const recursive = (subject: string, rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, subject, { severity: 'error', confidence: 'likely', ...rest });
const flaps = (subject: string) => finding(RESET, subject, { severity: 'warning' });
const ID = '10.0.8.1-10.0.8.2@gre';

const lost: Scenario[] = [
  incident(KIND, 'the far end of the tunnel is announced through it', 'the session is lost each time', () => {
    const stage = inGre();
    const updates = [dies(stage), dies(stage), dies(stage)];
    return {
      capture: stage,
      expect: [
        recursive(`${PREFIX}@gre`, {
          count: 3,
          details: { from: B.ip, to: A.ip, address: OUTER, isTunnelEnd: true, resets: 3, session: { a: A.ip, b: B.ip } },
          evidenceFrames: [updates[0] ?? 0, updates[2] ?? 0],
          related: [`${RESET}:${ID}`],
        }),
        flaps(ID),
      ],
    };
  }),
  incident(KIND, 'iBGP', 'the same within one AS', () => {
    const stage = inGre();
    const b = { ...B, as: A.as };
    for (let i = 0; i < 3; i++) dies(stage, A, b, undefined, true);
    return { capture: stage, expect: [recursive(`${PREFIX}@gre`), flaps(ID)] };
  }),
  incident(KIND, 'the default route through the tunnel', 'it holds everything', () => {
    const stage = inGre();
    for (let i = 0; i < 3; i++) dies(stage, A, B, ['0.0.0.0/0']);
    return { capture: stage, expect: [recursive('0.0.0.0/0@gre'), flaps(ID)] };
  }),
  incident(KIND, 'the tunnel is sent into itself', 'its packets are inside of its packets', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line);
    stage.wait(3);
    const inside = gre('198.51.100.10', OUTER, line.packetOf(A, bgpKeepalive()));
    // Goes into GRE once more.
    const nested = stage.send(inside, A.ip);
    return {
      capture: stage,
      expect: [recursive(`${PREFIX}@gre`, { details: { nested: 1, resets: 0 }, evidenceFrames: [nested] })],
    };
  }),
  incident(KIND, 'the neighbour itself is announced, loopback to loopback', 'its own prefix is the nearest way to it', () => {
    const stage = new BgpStage('RAW');
    const [a, b] = [bgpRouter(1, '10.255.0.1', 64_512), bgpRouter(2, '10.254.0.2', 64_513)];
    for (let i = 0; i < 3; i++) dies(stage, a, b, ['10.254.0.2/32']);
    return {
      capture: stage,
      expect: [recursive('10.254.0.2/32', { details: { address: '10.254.0.2', isTunnelEnd: false } }), flaps('10.254.0.2-10.255.0.1')],
    };
  }),
  incident(KIND, 'the capture ends soon after', 'a nearer route would make it harmless: possible', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line);
    line.keepalives(3);
    return { capture: stage, expect: [recursive(`${PREFIX}@gre`, { confidence: 'possible' })] };
  }),
];

const inner = (gateway: string, dst = `${OUTER}/32`) => ({
  context: contextOf([
    {
      name: 'left',
      cards: [
        { name: 'wan', ifindex: 2, mac: mac(1), addresses: ['198.51.100.10/28'] },
        { name: 'gre1', ifindex: 3, addresses: ['10.0.8.1/30'] },
      ],
      routes: [{ dst, gateway, dev: 'wan' }],
    },
  ]),
});

/** The line carries nothing any more, long after the route came. */
function outageLater(stage: BgpStage, to: BgpRouter, from: BgpRouter, announced: string[]): void {
  const line = stage.session(to, from, { hold: 180 });
  stage.wait(1);
  tell(line, from, announced);
  line.keepalives(60, 20);
  line.sayUnheard(from, bgpKeepalive());
  for (const seconds of [1, 2, 4, 8, 16, 32, 64]) {
    stage.wait(seconds);
    line.again(from);
  }
  stage.wait(60);
  line.rst(from);
  stage.wait(5);
}

const kept: Scenario[] = [
  twin(KIND, 'two outages of the line', 'a minute later: what the receiver sent got through until then', () => {
    const stage = inGre();
    for (let i = 0; i < 2; i++) outageLater(stage, A, B, ['0.0.0.0/0']);
    return { capture: stage, expect: [flaps(ID)] };
  }),
  twin(KIND, 'multihop, and two outages', 'a static route leads to the neighbour', () => {
    const stage = new BgpStage('RAW');
    const [a, b] = [bgpRouter(1, '192.0.2.1', 64_512), bgpRouter(2, '203.0.113.2', 64_513)];
    for (let i = 0; i < 2; i++) outageLater(stage, a, b, [PREFIX, '0.0.0.0/0']);
    return { capture: stage, expect: [flaps('192.0.2.1-203.0.113.2')] };
  }),
  twin(KIND, 'there is a nearer route', 'the session lives on, longer than its hold time', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line);
    line.keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'the receiver says that it has a nearer route', 'its context', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line);
    line.keepalives(3);
    return { capture: stage, options: inner('198.51.100.1') };
  }),
  twin(KIND, 'the network of the tunnel itself', 'the connected route wins', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line, B, ['10.0.8.0/30']);
    line.keepalives(3);
    return { capture: stage };
  }),
  twin(KIND, 'the near end of the tunnel is announced', 'that is the own address of the receiver', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line, B, ['198.51.100.0/24']);
    line.keepalives(3);
    return { capture: stage };
  }),
  twin(KIND, 'loopbacks that are announced', 'the session lives on', () => {
    const stage = new BgpStage('RAW');
    const [a, b] = [bgpRouter(1, '10.255.0.1', 64_512), bgpRouter(2, '10.254.0.2', 64_513)];
    const line = stage.session(a, b);
    tell(line, b, ['10.254.0.2/32']);
    line.keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'lost for another reason, much later', 'an operator shuts it down', () => {
    const stage = inGre();
    const line = stage.session(A, B);
    tell(line);
    line.keepalives(30);
    line.say(B, bgpNotification(6, 2));
    line.fin(B);
    stage.wait(5);
    return { capture: stage, expect: [finding(RESET, ID, { severity: 'notice' })] };
  }),
];

export const scenarios: Scenario[] = [...lost, ...kept];
