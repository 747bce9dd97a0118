import {
  AnyCapture,
  bgpKeepalive,
  bgpNotification,
  bgpShutdown,
  bgpUpdate,
  type Capture,
  EthernetCapture,
  ethernet,
  type NetworkPacket,
  vxlan,
} from '../craft/index.ts';
import { type BgpRouter, BgpStage, bgpRouter, type Line, type View } from './bgp-stage.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';

const KIND = 'bgp-session-reset';
const A = bgpRouter(1, '192.0.2.1', 64_512);
const B = bgpRouter(2, '192.0.2.2', 64_513);
const A6 = bgpRouter(1, '2001:db8::1', 64_512);
const B6 = bgpRouter(2, '2001:db8::2', 64_513);
const AB = '192.0.2.1-192.0.2.2';
const views: View[] = ['Ethernet', 'RAW', 'GRE', 'any'];
const idOf = (view: View): string => (view === 'GRE' ? `${AB}@gre` : AB);

const blackHoleOf = (view: View): string => `pmtu-blackhole:${A.ip}:40000-${B.ip}:179${view === 'GRE' ? '@gre' : ''}`;

const reset = (subject: string, rest: Parameters<typeof finding>[2] = {}) =>
  finding(KIND, subject, { severity: 'warning', confidence: 'likely', ...rest });

/** Many prefixes: an UPDATE of about 1400 octets. */
const TABLE = bgpUpdate({
  nextHop: A.ip,
  asPath: [A.as],
  announced: Array.from({ length: 330 }, (_, i) => `10.${Math.floor(i / 256)}.${i % 256}.0/24`),
});

/** Who tells the table gets nothing acknowledged; the other one's KEEPALIVEs still come, until its hold timer runs out. */
function starve(stage: BgpStage, line: Line, from: BgpRouter, to: BgpRouter): { frames: number[]; notification: number } {
  const frames = [line.sayUnheard(from, TABLE)];
  for (const seconds of [0.2, 0.4, 0.8, 1.6]) {
    stage.wait(seconds);
    frames.push(line.again(from));
  }
  line.sayAlone(to, bgpKeepalive());
  stage.wait(3);
  line.sayAlone(to, bgpKeepalive());
  frames.push(line.again(from));
  stage.wait(3);
  const notification = line.sayAlone(to, bgpNotification(4, 0));
  line.fin(to);
  return { frames, notification };
}

/** Nothing gets through any more: a KEEPALIVE is sent again and again. */
function outage(stage: BgpStage, line: Line, from: BgpRouter): number[] {
  stage.wait(3);
  const frames = [line.sayUnheard(from, bgpKeepalive())];
  for (const seconds of [0.2, 0.4, 0.8, 1.6, 3.2]) {
    stage.wait(seconds);
    frames.push(line.again(from));
  }
  stage.wait(1);
  return frames;
}

const linkOf = (from: string) => ({ source: mac(from === A.ip ? 1 : 2), destination: mac(from === A.ip ? 2 : 1) });

/** Three places that have the same addresses, and one capture of them all. */
const places: Record<
  string,
  () => { capture: Capture; a: BgpRouter; b: BgpRouter; put: (place: number, packet: NetworkPacket, from: string) => number }
> = {
  VLANs: () => {
    const capture = new EthernetCapture();
    return { capture, a: A, b: B, put: (vlan, packet, from) => capture.send(packet, { ...linkOf(from), vlans: [vlan] }) };
  },
  'VXLAN networks': () => {
    const capture = new EthernetCapture();
    const ends = ['198.51.100.1', '198.51.100.2'] as const;
    return {
      capture,
      a: A,
      b: B,
      put: (vni, packet, from) => {
        const [source, destination] = from === A.ip ? ends : [ends[1], ends[0]];
        return capture.send(vxlan(source, destination, vni, ethernet(linkOf(from), packet)), linkOf(from));
      },
    };
  },
  'links with link-local addresses': () => {
    const capture = new AnyCapture();
    const a = bgpRouter(1, 'fe80::1', A.as);
    const put = (ifindex: number, packet: NetworkPacket, from: string): number =>
      from === a.ip ? capture.outgoing(packet, ifindex, mac(1)) : capture.incoming(packet, ifindex, mac(2));
    return { capture, a, b: bgpRouter(2, 'fe80::2', B.as), put };
  },
  interfaces: () => {
    const capture = new EthernetCapture(['', 'red', 'green', 'blue'].map((name) => ({ name })));
    return { capture, a: A, b: B, put: (place, packet, from) => capture.send(packet, linkOf(from), { interface: place }) };
  },
};

/** A session a place, all up. */
function besides(name: string): { capture: Capture; a: BgpRouter; b: BgpRouter; stages: BgpStage[]; lines: Line[] } {
  const made = places[name]?.();
  if (!made) throw new Error(`no places ${name}`);
  const { capture, a, b, put } = made;
  const stages = [1, 2, 3].map(
    (place) => new BgpStage({ capture, put: (packet, from) => put(place, packet, from), port: 40_000 + place * 100 }),
  );
  const lines = stages.map((stage) => stage.session(a, b));
  return { capture, a, b, stages, lines };
}

const sideBySide: Scenario[] = Object.keys(places).flatMap((name) => [
  twin(KIND, `the same addresses on three ${name}`, 'three sessions, all of them up', () => {
    const { capture, lines } = besides(name);
    for (let i = 0; i < 5; i++) for (const line of lines) line.keepalives(1, 1);
    return { capture };
  }),
  incident(KIND, `the same addresses on three ${name}: one is lost`, 'the others stay up', () => {
    const { capture, a, b, stages, lines } = besides(name);
    for (let i = 0; i < 5; i++) for (const line of lines) line.keepalives(1, 1);
    capture.wait(9);
    const notification = lines[1]?.say(a, bgpNotification(4, 0)) ?? 0;
    lines[1]?.fin(a);
    capture.wait(2);
    stages[1]?.session(a, b).keepalives(9);
    for (const line of lines) if (line !== lines[1]) line.keepalives(3, 1);
    const subject = `${a.ip}-${b.ip}${name.startsWith('VXLAN') ? '@vxlan' : ''}`;
    return {
      capture,
      expect: [reset(subject, { count: 1, details: { cause: 'hold-timer', resets: 1, recovered: true }, evidenceFrames: [notification] })],
    };
  }),
]);

const parentAndChild = incident(
  KIND,
  'a VLAN and its parent: the hold timer runs out',
  'one session, whichever of the two shows a packet first',
  () => {
    const capture = new EthernetCapture([{ name: 'eth0' }, { name: 'eth0.10' }]);
    const put = (packet: NetworkPacket, from: string): number => {
      const onParent = (): number => capture.send(packet, { ...linkOf(from), vlans: [10] }, { interface: 0 });
      const onChild = (): number => capture.send(packet, linkOf(from), { interface: 1 });
      const [first, second] = from === A.ip ? [onChild, onParent] : [onParent, onChild];
      const frame = first();
      second();
      return frame;
    };
    const stage = new BgpStage({ capture, put, port: 40_000 });
    const line = stage.session(A, B).keepalives(6);
    stage.wait(9);
    const notification = line.say(A, bgpNotification(4, 0));
    line.fin(A);
    stage.wait(2);
    stage.session(B, A).keepalives(9);
    return {
      capture,
      expect: [reset(AB, { count: 1, details: { cause: 'hold-timer', resets: 1, recovered: true }, evidenceFrames: [notification] })],
    };
  },
);

const lost: Scenario[] = [
  ...views.map((view) =>
    incident(KIND, `${view}: the hold timer runs out`, 'NOTIFICATION 4/0; KEEPALIVEs of one side did not come', () => {
      const stage = new BgpStage(view);
      const line = stage.session(A, B).keepalives(6);
      stage.wait(9);
      const notification = line.say(A, bgpNotification(4, 0));
      line.fin(A);
      stage.wait(2);
      const again = stage.session(A, B);
      again.keepalives(9);
      return {
        capture: stage,
        expect: [
          reset(idOf(view), {
            count: 1,
            details: { cause: 'hold-timer', resets: 1, holdTime: 9, recovered: true, notification: { code: 4, subcode: 0, from: A.ip } },
            evidenceFrames: [notification],
          }),
        ],
      };
    }),
  ),
  incident(KIND, 'silence, and then RST', 'no NOTIFICATION, but nothing came for as long as the hold time', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    stage.wait(10);
    const rst = line.rst(A);
    stage.wait(2);
    stage.session(A, B).keepalives(9);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'hold-timer', notification: null }, evidenceFrames: [rst] })] };
  }),
  incident(KIND, 'an outage', 'a KEEPALIVE is sent again and again, and nothing comes', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    const frames = outage(stage, line, A);
    stage.wait(1);
    line.sayAlone(A, bgpNotification(4, 0));
    stage.wait(2);
    stage.session(A, B).keepalives(9);
    return {
      capture: stage,
      expect: [reset(AB, { details: { cause: 'link-outage', stuckSize: 19, recovered: true }, evidenceFrames: [frames[0] ?? 0] })],
    };
  }),
  ...(['Ethernet', 'RAW', 'GRE'] as const).map((view) =>
    incident(KIND, `${view}: only large packets are lost`, 'the session dies three times with its first full table', () => {
      const stage = new BgpStage(view);
      let frames: number[] = [];
      for (let i = 0; i < 3; i++) {
        const line = stage.session(A, B);
        stage.wait(1);
        ({ frames } = starve(stage, line, A, B));
        stage.wait(2);
      }
      return {
        capture: stage,
        expect: [
          reset(idOf(view), {
            count: 3,
            details: { cause: 'mtu-suspect', resets: 3, opens: 3, stuckSize: TABLE.length, recovered: false },
            evidenceFrames: [frames.at(-1) ?? 0],
            related: [blackHoleOf(view)],
          }),
          // One story: why the session was lost.
          {
            kind: 'pmtu-blackhole',
            id: blackHoleOf(view),
            severity: 'error',
            confidence: 'likely',
            details: { stuckSize: TABLE.length + 40, connections: 3 },
            related: [`${KIND}:${idOf(view)}`],
          },
        ],
      };
    }),
  ),
  incident(KIND, 'too many prefixes', 'Cease 1: the limit is reached', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B);
    line.announce(A, { announced: ['10.0.0.0/8', '10.1.0.0/16'], nextHop: A.ip, asPath: [A.as] });
    line.say(B, bgpNotification(6, 1, [0, 1, 1, 0, 0, 0, 1]));
    line.fin(B);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'max-prefix', notification: { code: 6, subcode: 1, from: B.ip } } })] };
  }),
  incident(KIND, 'too many prefixes, as a hard reset', 'Cease 9 (RFC 8538), and in it Cease 1', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B);
    line.announce(A, { announced: ['10.0.0.0/8', '10.1.0.0/16'], nextHop: A.ip, asPath: [A.as] });
    line.say(B, bgpNotification(6, 9, [6, 1, 0, 1, 1, 0, 0, 0, 1]));
    line.fin(B);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'max-prefix', notification: { code: 6, subcode: 9, from: B.ip } } })] };
  }),
  incident(KIND, 'the hold timer runs out, as a hard reset', 'Cease 9, and in it NOTIFICATION 4/0', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    stage.wait(9);
    line.say(A, bgpNotification(6, 9, [4, 0]));
    line.fin(A);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'hold-timer', notification: { code: 6, subcode: 9, from: A.ip } } })] };
  }),
  incident(KIND, 'a hard reset without a reason', 'its data are missing: as if an operator did it', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    line.say(B, bgpNotification(6, 9));
    line.fin(B);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { severity: 'notice', details: { cause: 'administrative' } })] };
  }),
  incident(KIND, 'an UPDATE that cannot be read', 'NOTIFICATION 3/1', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(3);
    line.say(B, bgpNotification(3, 1));
    line.fin(B);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'message-error' } })] };
  }),
  incident(KIND, 'an operator shuts it down', 'Cease 2 with words: notice', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    line.say(B, bgpShutdown('line is being repaired'));
    line.fin(B);
    stage.wait(5);
    return {
      capture: stage,
      expect: [
        reset(AB, { severity: 'notice', details: { cause: 'administrative', notification: { message: 'line is being repaired' } } }),
      ],
    };
  }),
  incident(
    KIND,
    'an operator shuts it down by a hard reset',
    'as FRR does: Cease 9, and in it Cease 2; it is tried again, and refused',
    () => {
      const stage = new BgpStage();
      const line = stage.session(A, B).keepalives(6);
      const words = bgpShutdown('line is being repaired').subarray(19);
      const notification = line.say(B, bgpNotification(6, 9, words));
      line.fin(B);
      for (let i = 0; i < 4; i++) {
        stage.wait(2);
        const again = stage.line(A, B).connect();
        again.fin(B);
        again.open(A);
        again.rst(B);
      }
      return {
        capture: stage,
        expect: [
          reset(AB, {
            severity: 'notice',
            count: 1,
            details: {
              cause: 'administrative',
              resets: 1,
              recovered: false,
              notification: { code: 6, subcode: 9, message: 'line is being repaired' },
            },
            evidenceFrames: [notification],
          }),
        ],
      };
    },
  ),
  incident(KIND, 'it goes up and down', 'three OPENs within ten minutes, no reason given', () => {
    const stage = new BgpStage();
    for (let i = 0; i < 4; i++) {
      const line = stage.session(A, B).keepalives(6);
      line.fin(B);
      stage.wait(20);
    }
    return { capture: stage, expect: [reset(AB, { count: 4, details: { cause: 'closed', opens: 4, notification: null } })] };
  }),
  incident(KIND, 'closed, and not tried again', 'a minute later there is nothing yet', () => {
    const stage = new BgpStage();
    stage.session(A, B).keepalives(6).fin(B);
    const other = stage.session(A, bgpRouter(3, '192.0.2.3', 64_514));
    other.keepalives(90);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'closed', recovered: false } })] };
  }),
  incident(KIND, 'closed at the end of the capture', 'whether it comes back is not seen: possible', () => {
    const stage = new BgpStage();
    stage.session(A, B).keepalives(6).fin(B);
    return { capture: stage, expect: [reset(AB, { confidence: 'possible', details: { cause: 'closed' } })] };
  }),
  incident(KIND, 'the capture begins in the middle', 'the end is in it', () => {
    const stage = new BgpStage();
    stage.sees = () => false;
    const line = stage.session(A, B);
    stage.sees = () => true;
    line.keepalives(6);
    stage.wait(9);
    line.say(A, bgpNotification(4, 0));
    line.fin(A);
    stage.wait(5);
    return { capture: stage, expect: [reset(AB, { details: { cause: 'hold-timer', holdTime: null } })] };
  }),
  incident(KIND, 'graceful restart', 'both agreed on it, and it is back in time: info', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B, { gracefulRestart: 120 }).keepalives(6);
    line.rst(B);
    stage.wait(10);
    stage.session(A, B, { gracefulRestart: 120 }).keepalives(9);
    return { capture: stage, expect: [reset(AB, { severity: 'info', details: { cause: 'graceful-restart', recovered: true } })] };
  }),
  incident(KIND, 'IPv6: the hold timer runs out', 'the same between addresses of IPv6', () => {
    const stage = new BgpStage();
    const line = stage.session(A6, B6).keepalives(6);
    stage.wait(9);
    line.say(B6, bgpNotification(4, 0));
    line.fin(B6);
    stage.wait(5);
    return { capture: stage, expect: [reset('2001:db8::1-2001:db8::2', { details: { cause: 'hold-timer' } })] };
  }),
];

/** Only the end of a session is seen. */
const onlyEnd = incident(KIND, 'nothing but the NOTIFICATION is seen', 'a session that is older than the capture was up', () => {
  const stage = new BgpStage();
  stage.sees = () => false;
  const line = stage.session(A, B);
  stage.sees = () => true;
  line.say(A, bgpNotification(6, 4));
  return { capture: stage, expect: [reset(AB, { severity: 'notice', details: { cause: 'administrative' } })] };
});

const kept: Scenario[] = [
  twin(KIND, 'a session in good health', 'KEEPALIVEs to the end', () => {
    const stage = new BgpStage();
    stage.session(A, B).endOfRib().keepalives(300);
    return { capture: stage };
  }),
  twin(KIND, 'timers of 180 and 9 seconds', 'the lower one counts, and it is kept', () => {
    const stage = new BgpStage();
    const line = stage.line(A, B).connect();
    line.open(A, { hold: 180 });
    line.open(B, { hold: 9 });
    line.keepalives(60);
    return { capture: stage };
  }),
  twin(KIND, 'a slow session', 'KEEPALIVEs each minute, hold time 180 s', () => {
    const stage = new BgpStage();
    stage.session(A, B, { hold: 180 }).keepalives(600, 60);
    return { capture: stage };
  }),
  twin(KIND, 'no KEEPALIVEs at all', 'hold time 0', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B, { hold: 0 });
    stage.wait(600);
    line.announce(A, { announced: ['10.0.0.0/8'], nextHop: A.ip, asPath: [A.as] });
    return { capture: stage };
  }),
  twin(KIND, 'a router restarts once', 'it is back soon', () => {
    const stage = new BgpStage();
    stage.session(A, B).keepalives(6).fin(B);
    stage.wait(5);
    stage.session(A, B).keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'a router crashes once', 'a new connection, without an end of the old one', () => {
    const stage = new BgpStage();
    stage.session(A, B).keepalives(6);
    stage.wait(4);
    stage.session(B, A).keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'two connections at the same time', 'one is given up', () => {
    const stage = new BgpStage();
    const one = stage.line(A, B).connect();
    const two = stage.line(B, A).connect();
    one.open(A);
    two.open(B);
    one.open(B);
    two.open(A);
    one.say(A, bgpNotification(6, 7));
    one.fin(A);
    two.keepalives(15);
    return { capture: stage };
  }),
  twin(KIND, 'a packet is lost and sent again', 'that is what TCP is for', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(3);
    line.sayUnheard(A, TABLE);
    for (const seconds of [0.2, 0.4, 0.8]) {
      stage.wait(seconds);
      line.again(A);
    }
    line.ack(B);
    line.keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'one direction leaves the capture', 'what it does not show is acknowledged; later the session is closed once', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(12);
    stage.sees = (from) => from === A.ip;
    line.keepalives(60);
    line.fin(A);
    stage.wait(5);
    stage.sees = () => true;
    stage.session(A, B).keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'one direction leaves the capture after a loss', 'that the octets were acknowledged at last is not seen', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B).keepalives(6);
    stage.sees = (from) => from === A.ip;
    line.sayUnheard(A, TABLE);
    for (const seconds of [0.2, 0.4, 0.8]) {
      stage.wait(seconds);
      line.again(A);
    }
    line.ack(B);
    line.keepalives(30);
    line.fin(A);
    stage.wait(5);
    stage.sees = () => true;
    stage.session(A, B).keepalives(30);
    return { capture: stage };
  }),
  twin(KIND, 'the capture ends in the middle', 'no end of the connection', () => {
    const stage = new BgpStage();
    stage.session(A, B).keepalives(6);
    return { capture: stage };
  }),
];

export const scenarios: Scenario[] = [...lost, onlyEnd, ...kept, ...sideBySide, parentAndChild];
