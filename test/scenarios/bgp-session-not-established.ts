import { bgpKeepalive, bgpNotification, bgpOpen, bgpShutdown, hostUnreachable, TcpFlags, tcp, timeExceeded } from '../craft/index.ts';
import { type BgpRouter, BgpStage, bgpRouter, type Line, type View } from './bgp-stage.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { Lan } from './stage.ts';

const KIND = 'bgp-session-not-established';
const A = bgpRouter(1, '192.0.2.1', 64_512);
const B = bgpRouter(2, '192.0.2.2', 64_513);
const C = bgpRouter(3, '192.0.2.3', 64_514);
const FAR = bgpRouter(4, '198.51.100.18', 64_513);
const A6 = bgpRouter(1, '2001:db8::1', 64_512);
const B6 = bgpRouter(2, '2001:db8::2', 64_513);
const HOP = '192.0.2.254';
const views: View[] = ['Ethernet', 'RAW', 'any'];

/** Tries, some seconds apart; each one plays a line that is new. */
function tries(stage: BgpStage, count: number, play: (line: Line) => void, { from = A, to = B, every = 2, ttl }: Trying = {}): void {
  for (let i = 0; i < count; i++) {
    play(stage.line(from, to, ttl === undefined ? {} : { ttl }));
    stage.wait(every);
  }
}

interface Trying {
  from?: BgpRouter;
  to?: BgpRouter;
  every?: number;
  ttl?: number;
}

const expires =
  (stage: BgpStage, by = HOP) =>
  (line: Line): void => {
    line.syn();
    stage.wait(0.001).send(timeExceeded({ from: by, to: line.client.ip, quoted: line.synPacket }), by);
  };
const refuses =
  (stage: BgpStage) =>
  (line: Line): void => {
    line.syn();
    stage.wait(0.001);
    line.refuse();
  };
const silent = (line: Line): void => {
  line.syn();
};

const halfOpen = (stage: BgpStage, line: Line, pauses = [1, 2, 4, 8]): void => {
  for (const pause of pauses) {
    line.syn();
    stage.wait(0.001);
    line.synAck();
    stage.wait(pause);
  }
};

/** Accepted, and closed by RST before it said anything: FRR does so with a neighbour that it has shut down. */
const turnsAway = (line: Line): void => {
  line.connect();
  line.open(line.client);
  line.rst(line.server);
};

const BGP_HEADER = 19;
/** A NOTIFICATION as a hard reset (RFC 8538 section 3.1): its code, subcode and data are the data of another one. */
const asHardReset = (notification: Uint8Array): Uint8Array => bgpNotification(6, 9, notification.subarray(BGP_HEADER));

const notUp = (subject: string, rest: Parameters<typeof finding>[2] = {}) => finding(KIND, subject, { severity: 'warning', ...rest });
const AB = '192.0.2.1-192.0.2.2';

const inVain: Scenario[] = [
  ...views.map((view) =>
    incident(KIND, `${view}: the TTL ends on the way`, 'ICMP quotes the SYN, each time with the same TTL', () => {
      const stage = new BgpStage(view);
      tries(stage, 4, expires(stage), { to: FAR, ttl: 1 });
      return {
        capture: stage,
        expect: [
          notUp('192.0.2.1-198.51.100.18', {
            confidence: 'certain',
            count: 4,
            details: { cause: 'ttl-expired', by: HOP, attempts: 4, ttl: 1, recovered: false },
            evidenceFrames: [1, 2, 7, 8],
          }),
        ],
      };
    }),
  ),
  incident(KIND, 'inside GRE: the TTL ends on the way', 'at the depth at which BGP is', () => {
    const stage = new BgpStage('GRE');
    tries(stage, 3, expires(stage), { to: FAR, ttl: 1 });
    return { capture: stage, expect: [notUp('192.0.2.1-198.51.100.18@gre', { confidence: 'certain', encapsulation: ['gre'] })] };
  }),
  incident(KIND, 'IPv6: the hop limit ends on the way', 'ICMPv6 type 3', () => {
    const stage = new BgpStage('RAW');
    tries(stage, 3, expires(stage, '2001:db8::fe'), { from: A6, to: B6, ttl: 1 });
    return {
      capture: stage,
      expect: [notUp('2001:db8::1-2001:db8::2', { confidence: 'certain', details: { cause: 'ttl-expired', by: '2001:db8::fe' } })],
    };
  }),
  incident(KIND, 'the TTL of the answer ends on the way', 'one side has multihop, the other has not; the TTL is not seen: likely', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.syn();
      stage.wait(0.001);
      line.synAck();
      stage.wait(0.001).send(timeExceeded({ from: HOP, to: B.ip, quoted: line.synAckPacket }), HOP);
    });
    return { capture: stage, expect: [notUp(AB, { confidence: 'likely', details: { cause: 'ttl-expired', by: HOP } })] };
  }),
  incident(KIND, 'the TTL ends on the way, and the capture has the errors alone', 'one router, again and again: likely', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from === HOP;
    tries(stage, 3, expires(stage), { to: FAR, ttl: 1 });
    return {
      capture: stage,
      expect: [notUp('192.0.2.1-198.51.100.18', { confidence: 'likely', count: 3, details: { cause: 'ttl-expired', by: HOP, ttl: null } })],
    };
  }),
  ...views.map((view) =>
    incident(KIND, `${view}: refused`, 'RST to each SYN: nothing listens', () => {
      const stage = new BgpStage(view);
      tries(stage, 3, refuses(stage), { every: 5 });
      return {
        capture: stage,
        expect: [
          notUp(AB, {
            confidence: 'likely',
            count: 3,
            details: { cause: 'refused', by: B.ip, spanSeconds: 10 },
            evidenceFrames: [1, 2, 5, 6],
          }),
        ],
      };
    }),
  ),
  incident(KIND, 'IPv6: refused', 'RST to each SYN', () => {
    const stage = new BgpStage();
    tries(stage, 3, refuses(stage), { from: A6, to: B6, every: 5 });
    return { capture: stage, expect: [notUp('2001:db8::1-2001:db8::2', { confidence: 'likely', details: { cause: 'refused' } })] };
  }),
  incident(KIND, 'refused by a router on the way', 'ICMP host unreachable', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.syn();
      stage.wait(0.001).send(hostUnreachable({ from: HOP, to: A.ip, quoted: line.synPacket }), HOP);
    });
    return { capture: stage, expect: [notUp(AB, { confidence: 'likely', details: { cause: 'refused', by: HOP } })] };
  }),
  incident(KIND, 'refused two times, a second apart', 'too few for a router that tries again: possible', () => {
    const stage = new BgpStage();
    tries(stage, 2, refuses(stage), { every: 1 });
    return { capture: stage, expect: [notUp(AB, { confidence: 'possible', count: 2, details: { cause: 'refused' } })] };
  }),
  incident(KIND, 'refused by four neighbours, again and again', 'they are all down: it goes on as a router does', () => {
    const stage = new BgpStage();
    const peers = [10, 11, 12, 13].map((last) => bgpRouter(last, `198.51.100.${last}`, 0));
    for (let i = 0; i < 3; i++) {
      for (const to of peers) tries(stage, 1, refuses(stage), { to, every: 0.1 });
      stage.wait(10);
    }
    return {
      capture: stage,
      expect: peers.map(({ ip }) => notUp(`192.0.2.1-${ip}`, { confidence: 'likely', count: 3, details: { cause: 'refused', by: ip } })),
    };
  }),
  incident(KIND, 'refused once', 'the capture is short: possible', () => {
    const stage = new BgpStage();
    tries(stage, 1, refuses(stage));
    return { capture: stage, expect: [notUp(AB, { confidence: 'possible', details: { cause: 'refused' } })] };
  }),
  incident(KIND, 'accepted and closed without an OPEN', 'the neighbour does not know who asks', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.connect();
      line.fin(B);
    });
    return { capture: stage, expect: [notUp(AB, { confidence: 'likely', details: { cause: 'refused', by: B.ip } })] };
  }),
  incident(KIND, 'unanswered, while another neighbour answers', 'answers to this router are seen', () => {
    const stage = new BgpStage();
    const other = stage.session(A, C);
    for (let i = 0; i < 4; i++) {
      silent(stage.line(A, B));
      other.keepalives(3);
    }
    return { capture: stage, expect: [notUp(AB, { confidence: 'likely', count: 4, details: { cause: 'unanswered', by: null } })] };
  }),
  incident(KIND, 'unanswered, in ARP it answers', 'the neighbour is there, and its answers are seen', () => {
    const lan = new Lan();
    lan.resolve({ mac: A.mac, ip: A.ip }, { mac: B.mac, ip: B.ip });
    for (let i = 0; i < 4; i++) {
      lan.wait(3).unicast(tcp({ from: `${A.ip}:4000${i}`, to: `${B.ip}:179`, flags: TcpFlags.Syn, seq: 10 + i }), A.mac, B.mac);
    }
    lan.wait(3).unicast(tcp({ from: `${C.ip}:4000`, to: `${A.ip}:22`, flags: TcpFlags.Ack, seq: 1 }), C.mac, A.mac);
    return { capture: lan, expect: [notUp(AB, { confidence: 'likely', count: 4, details: { cause: 'unanswered' } })] };
  }),
  incident(KIND, 'unanswered, nothing else is seen', 'maybe the capture has one direction: possible', () => {
    const stage = new BgpStage('RAW');
    tries(stage, 5, silent, { every: 3 });
    return { capture: stage, expect: [notUp(AB, { confidence: 'possible', count: 5, details: { cause: 'unanswered' } })] };
  }),
  ...views.map((view) =>
    incident(KIND, `${view}: SYN and SYN/ACK again and again`, 'the way back is closed, or TTL security of who asks drops it', () => {
      const stage = new BgpStage(view);
      halfOpen(stage, stage.line(A, B));
      return { capture: stage, expect: [notUp(AB, { confidence: 'likely', count: 4, details: { cause: 'unanswered', by: null } })] };
    }),
  ),
  ...(
    [
      ['by RST', (line) => line.rst(A)],
      ['by FIN', (line) => line.fin(A)],
      ['by NOTIFICATION', (line) => line.say(A, bgpNotification(4, 0))],
    ] as [string, (line: Line) => void][]
  ).map(([how, giveUp]) =>
    incident(KIND, `the OPEN is never answered, and who asks gives up ${how}`, 'the daemon hangs, the kernel accepts', () => {
      const stage = new BgpStage();
      tries(stage, 3, (line) => {
        line.connect();
        line.open(A);
        stage.wait(240);
        giveUp(line);
      });
      return {
        capture: stage,
        expect: [notUp(AB, { confidence: 'likely', count: 3, details: { cause: 'unanswered', asA: A.as, asB: null } })],
      };
    }),
  ),
  incident(KIND, 'the OPEN is not even acknowledged', 'what comes after the handshake is dropped', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.connect();
      line.sayUnheard(A, bgpOpen({ as: A.as, id: A.id }));
      for (const pause of [1, 2, 4, 8, 16]) {
        stage.wait(pause);
        line.again(A);
      }
      line.rst(A);
    });
    return { capture: stage, expect: [notUp(AB, { confidence: 'likely', count: 3, details: { cause: 'unanswered' } })] };
  }),
  ...(['Ethernet', 'RAW', 'GRE'] as const).map((view) =>
    incident(KIND, `${view}: another AS than expected`, 'NOTIFICATION 2/2 after both OPENs', () => {
      const stage = new BgpStage(view);
      let notification = 0;
      tries(stage, 3, (line) => {
        line.connect();
        line.open(A);
        line.open(B);
        notification = line.say(A, bgpNotification(2, 2, [0xfb, 0x01]));
        line.fin(A);
      });
      return {
        capture: stage,
        expect: [
          notUp(view === 'GRE' ? `${AB}@gre` : AB, {
            confidence: 'likely',
            count: 3,
            details: {
              cause: 'open-rejected',
              attempts: 3,
              by: A.ip,
              asA: 64_512,
              asB: 64_513,
              notification: { code: 2, subcode: 2, from: A.ip },
            },
            evidenceFrames: [notification],
          }),
        ],
      };
    }),
  ),
  incident(KIND, 'a neighbour that is shut down', 'Cease instead of an OPEN, with what the operator says', () => {
    const stage = new BgpStage();
    tries(stage, 2, (line) => {
      line.connect();
      line.open(A);
      line.say(B, bgpShutdown('under repair'));
      line.fin(B);
    });
    return {
      capture: stage,
      expect: [notUp(AB, { details: { cause: 'open-rejected', notification: { code: 6, subcode: 2, message: 'under repair' } } })],
    };
  }),
  ...[false, true].map((isHard) =>
    incident(
      KIND,
      `refused after an operator's reset${isHard ? ' (a hard one)' : ''}`,
      'a reset is no shutdown: it should be up again',
      () => {
        const stage = new BgpStage();
        const line = stage.session(A, B).keepalives(6);
        line.say(B, isHard ? asHardReset(bgpShutdown('new filters', 4)) : bgpShutdown('new filters', 4));
        line.fin(B);
        stage.wait(2);
        tries(stage, 4, turnsAway);
        return {
          capture: stage,
          expect: [
            notUp(AB, { confidence: 'likely', count: 4, details: { cause: 'refused', by: B.ip, recovered: false } }),
            finding('bgp-session-reset', AB, { severity: 'notice', details: { cause: 'administrative' } }),
          ],
        };
      },
    ),
  ),
  incident(KIND, 'refused for a while, then up', 'routers try again: notice', () => {
    const stage = new BgpStage();
    tries(stage, 5, refuses(stage), { every: 5 });
    stage.session(A, B).keepalives(12);
    return { capture: stage, expect: [notUp(AB, { severity: 'notice', count: 5, details: { cause: 'refused', recovered: true } })] };
  }),
];

const up: Scenario[] = [
  ...(['Ethernet', 'RAW', 'GRE', 'any'] as const).map((view) =>
    twin(KIND, `${view}: the session comes up`, 'handshake, OPENs, KEEPALIVEs', () => {
      const stage = new BgpStage(view);
      stage.session(A, B).keepalives(15);
      return { capture: stage };
    }),
  ),
  twin(KIND, 'one SYN is lost', 'the second one is answered', () => {
    const stage = new BgpStage();
    const line = stage.line(A, B);
    line.syn();
    stage.wait(1);
    line.connect();
    line.open(A);
    line.open(B);
    line.keepalives(9);
    return { capture: stage };
  }),
  twin(KIND, 'both connect at the same time', 'one of the two connections is given up, with Cease 7', () => {
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
  twin(
    KIND,
    'both connect at the same time, and one is refused',
    'a firewall lets one direction in: the session is up by the other one',
    () => {
      const stage = new BgpStage();
      refuses(stage)(stage.line(A, B));
      stage.session(B, A).keepalives(15);
      return { capture: stage };
    },
  ),
  twin(KIND, 'refused twice, then up', 'the neighbour was just being restarted', () => {
    const stage = new BgpStage();
    tries(stage, 2, refuses(stage), { every: 2 });
    stage.session(A, B).keepalives(12);
    return { capture: stage };
  }),
  twin(KIND, 'the capture begins in the middle of a session', 'no SYN, no OPEN', () => {
    const stage = new BgpStage();
    stage.sees = () => false;
    const line = stage.session(A, B);
    stage.sees = () => true;
    line.keepalives(15);
    return { capture: stage };
  }),
  twin(KIND, 'a traceroute with SYNs to port 179', 'the TTL rises', () => {
    const stage = new BgpStage();
    for (let ttl = 1; ttl <= 3; ttl++) expires(stage, `203.0.113.${ttl}`)(stage.line(A, FAR, { ttl }));
    const last = stage.line(A, FAR, { ttl: 4 });
    last.syn();
    stage.wait(0.01);
    last.synAck();
    stage.wait(0.01);
    last.rst(A);
    return { capture: stage };
  }),
  twin(KIND, 'a traceroute with SYNs to port 179, errors alone', 'TTLs are not seen, but several routers answer', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from.startsWith('203.0.113.');
    for (let ttl = 1; ttl <= 6; ttl++)
      for (let probe = 0; probe < 3; probe++) {
        expires(stage, `203.0.113.${ttl}`)(stage.line(A, FAR, { ttl }));
        stage.wait(0.5);
      }
    return { capture: stage };
  }),
  twin(KIND, 'a traceroute with SYNs to port 179 for one TTL', 'its probes follow each other fast', () => {
    const stage = new BgpStage();
    tries(stage, 5, expires(stage), { to: FAR, ttl: 3, every: 0.1 });
    return { capture: stage };
  }),
  twin(KIND, 'KEEPALIVEs of a session that is up expire', 'a loop for a while: no attempt to connect', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from === HOP;
    const line = stage.session(A, FAR);
    for (let i = 0; i < 5; i++) {
      stage.wait(1).send(timeExceeded({ from: HOP, to: A.ip, quoted: line.packetOf(A, bgpKeepalive()) }), HOP);
      line.say(A, bgpKeepalive());
    }
    return { capture: stage };
  }),
  ...[64, 255].map((ttl) =>
    twin(KIND, `SYNs with a TTL of ${ttl} expire`, 'a routing loop, no TTL of one link', () => {
      const stage = new BgpStage();
      tries(stage, 3, expires(stage), { to: FAR, ttl, every: 30 });
      return { capture: stage };
    }),
  ),
  twin(KIND, 'the capture has one direction of a session', 'who connects acknowledges, and says KEEPALIVE: it was answered', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from === A.ip;
    const line = stage.line(A, B).connect();
    for (const each of [A, B]) line.open(each, { hold: 180 });
    for (const each of [A, B]) line.say(each, bgpKeepalive());
    stage.wait(30);
    line.ack(A);
    return { capture: stage };
  }),
  twin(KIND, 'the capture has one direction of connections that are closed at once', 'the ACK shows that there was a SYN/ACK', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from === A.ip;
    tries(stage, 4, (line) => {
      line.connect();
      line.fin(A);
    });
    return { capture: stage };
  }),
  twin(KIND, 'the capture has one direction, and an OPEN', 'whether it is answered is not seen', () => {
    const stage = new BgpStage();
    stage.sees = (from) => from === A.ip;
    const line = stage.line(A, B).connect();
    line.open(A);
    stage.wait(30);
    line.ack(A);
    return { capture: stage };
  }),
  twin(KIND, 'the capture lost the OPEN of the neighbour', 'the KEEPALIVE of who asked shows that there was one', () => {
    const stage = new BgpStage();
    const line = stage.line(A, B).connect();
    line.open(A);
    stage.sees = (from) => from === A.ip;
    line.open(B);
    line.say(A, bgpKeepalive());
    stage.wait(30);
    line.ack(A);
    return { capture: stage };
  }),
  twin(KIND, 'SYN/ACKs are lost, and who asks says nothing', 'in the end it acknowledges: no BGP, and no way that is closed', () => {
    const stage = new BgpStage();
    const line = stage.line(A, B);
    halfOpen(stage, line, [1, 2, 4]);
    line.connect();
    line.rst(A);
    return { capture: stage };
  }),
  twin(KIND, 'a SYN/ACK is lost', 'the second one is acknowledged', () => {
    const stage = new BgpStage();
    const line = stage.line(A, B);
    halfOpen(stage, line, [1, 2, 4]);
    line.connect();
    for (const each of [A, B]) line.open(each);
    line.keepalives(9);
    return { capture: stage };
  }),
  twin(KIND, 'a flood of SYNs', 'SYN/ACKs go to who never asked; no SYN is sent again', () => {
    const stage = new BgpStage();
    tries(stage, 5, (line) => {
      line.syn();
      for (const pause of [1, 2, 4]) {
        line.synAck();
        stage.wait(pause);
      }
    });
    return { capture: stage };
  }),
  twin(KIND, 'a scan that says OPEN', 'it waits some seconds, and goes', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.connect();
      line.open(A);
      stage.wait(10);
      line.rst(A);
    });
    return { capture: stage };
  }),
  twin(KIND, 'a small scan of port 179', 'four hosts, each one twice', () => {
    const stage = new BgpStage();
    for (let i = 0; i < 2; i++) {
      for (let last = 10; last < 14; last++) tries(stage, 1, refuses(stage), { to: bgpRouter(last, `198.51.100.${last}`, 0), every: 0.01 });
      stage.wait(2);
    }
    return { capture: stage };
  }),
  twin(KIND, 'a scan of port 179', 'many hosts, each one once; nobody speaks BGP', () => {
    const stage = new BgpStage();
    for (let i = 10; i < 40; i++) tries(stage, 1, refuses(stage), { to: bgpRouter(i, `198.51.100.${i}`, 0), every: 0.1 });
    return { capture: stage };
  }),
  twin(KIND, 'a scan that connects', 'who asks closes it itself', () => {
    const stage = new BgpStage();
    tries(stage, 3, (line) => {
      line.connect();
      line.rst(A);
    });
    return { capture: stage };
  }),
  twin(KIND, 'something else beside a session that is up', 'a monitor asks too, and is refused', () => {
    const stage = new BgpStage();
    const line = stage.session(A, B);
    tries(stage, 3, refuses(stage), { every: 1 });
    line.keepalives(12);
    return { capture: stage };
  }),
  ...(
    [
      ['shuts the session down', bgpShutdown('line is being repaired'), { code: 6, subcode: 2, message: 'line is being repaired' }],
      ['removes the neighbour', bgpNotification(6, 3), { code: 6, subcode: 3 }],
      [
        'shuts the session down by a hard reset',
        asHardReset(bgpShutdown('line is being repaired')),
        { code: 6, subcode: 9, message: 'line is being repaired' },
      ],
      ['removes the neighbour by a hard reset', asHardReset(bgpNotification(6, 3)), { code: 6, subcode: 9, message: null }],
    ] as const
  ).map(([what, told, notification]) =>
    twin(KIND, `an operator ${what}`, 'that what is tried since is refused is meant so', () => {
      const stage = new BgpStage();
      const line = stage.session(A, B).keepalives(6);
      line.say(B, told);
      line.fin(B);
      stage.wait(2);
      tries(stage, 5, turnsAway);
      return {
        capture: stage,
        expect: [
          finding('bgp-session-reset', AB, {
            severity: 'notice',
            count: 1,
            details: { cause: 'administrative', recovered: false, notification },
          }),
        ],
      };
    }),
  ),
  twin(KIND, 'the capture ends with the first SYN', 'its answer may come after the end', () => {
    const stage = new BgpStage();
    stage.session(A, C).keepalives(6);
    silent(stage.line(A, B));
    return { capture: stage };
  }),
];

export const scenarios: Scenario[] = [...inVain, ...up];
