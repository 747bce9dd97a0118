import { arpAnnouncement, arpProbe, arpReply, arpRequest, PacketType } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { card, Lan, LinuxHost, mac, type OwnCard } from './stage.ts';

const KIND = 'arp-unanswered';
const CLIENT = card(0x10, '192.0.2.10');
const OTHER = card(0x20, '192.0.2.20');
const GATEWAY = card(0x01, '192.0.2.1');
const GONE = '192.0.2.99';

/** Asks as the kernel does: three times, a second apart. */
function askInVain(capture: Lan, asker: typeof CLIENT, target: string, times = 3): number[] {
  return Array.from({ length: times }, () => {
    const frame = capture.broadcast(arpRequest(asker, target), asker.mac);
    capture.wait(1);
    return frame;
  });
}

/** What shows that answers to the client are seen here, before and after, whoever gives them. */
const around = (capture: Lan, play: () => void): Lan => {
  capture.resolve(CLIENT, GATEWAY);
  capture.wait(1);
  play();
  capture.wait(3);
  capture.resolve(CLIENT, OTHER);
  capture.wait(3);
  return capture;
};

export const scenarios: Scenario[] = [
  incident(KIND, 'client: three requests without an answer', 'other exchanges of the segment work', () => {
    const capture = new Lan();
    let frames: number[] = [];
    around(capture, () => {
      frames = askInVain(capture, CLIENT, GONE);
    });
    const details = { spanSeconds: 2 };
    return { capture, expect: [finding(KIND, GONE, { severity: 'notice', confidence: 'likely', details, evidenceFrames: frames })] };
  }),
  incident(KIND, 'the third request is among the last packets', 'its answer may come after the end: possible', () => {
    const capture = around(new Lan(), () => {});
    capture.wait(30);
    askInVain(capture, CLIENT, GONE);
    return { capture, expect: [finding(KIND, GONE, { severity: 'notice', confidence: 'possible', count: 1 })] };
  }),
  incident(KIND, 'two clients ask in vain', 'one finding for the address', () => {
    const capture = around(new Lan(), () => {});
    askInVain(capture, CLIENT, GONE);
    askInVain(capture, OTHER, GONE);
    capture.wait(3);
    // Answers to each of them, from the other one too: a mirror port.
    capture.resolve(OTHER, GATEWAY);
    capture.wait(1);
    capture.resolve(CLIENT, GATEWAY);
    capture.wait(3);
    return { capture, expect: [finding(KIND, GONE, { severity: 'notice' })] };
  }),
  incident(KIND, 'own capture on any', 'our requests go out, nothing comes in', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...CLIENT, ifindex: 2 };
    capture.asks(own, GATEWAY.ip, [{ by: GATEWAY.mac, after: 0.0003 }]);
    for (let i = 0; i < 3; i++) {
      capture.wait(1);
      capture.asks(own, GONE, []);
    }
    capture.wait(3);
    capture.asks(own, GATEWAY.ip, [{ by: GATEWAY.mac, after: 0.0003 }]);
    return { capture, expect: [finding(KIND, GONE, { severity: 'notice' })] };
  }),
  incident(KIND, 'an address that is not on the link', 'a route without gateway: the public address itself is asked for', () => {
    const capture = new Lan();
    around(capture, () => {
      askInVain(capture, CLIENT, '1.1.1.1', 6);
    });
    return { capture, expect: [finding(KIND, '1.1.1.1', { severity: 'notice', details: { spanSeconds: 5 } })] };
  }),

  twin(KIND, 'a scan', 'many addresses in order, none of them missing anybody', () => {
    const capture = new Lan();
    around(capture, () => {
      for (let round = 0; round < 3; round++) {
        for (let i = 1; i < 60; i++) capture.wait(0.01).broadcast(arpRequest(CLIENT, `192.0.2.${100 + i}`), CLIENT.mac);
        capture.wait(0.4);
      }
    });
    return { capture };
  }),
  twin(KIND, 'a capture of requests only', 'no exchange works: answers are not seen here', () => {
    const capture = new Lan();
    for (const target of [GONE, GATEWAY.ip, OTHER.ip]) {
      askInVain(capture, CLIENT, target, 4);
      capture.wait(2);
    }
    return { capture };
  }),
  twin(KIND, "the gateway's own card", 'its own answers are all that it sees; who answers others is not', () => {
    const capture = new Lan();
    capture.resolve(CLIENT, GATEWAY);
    askInVain(capture, CLIENT, GONE, 4);
    capture.resolve(OTHER, GATEWAY);
    capture.wait(3);
    return { capture };
  }),
  twin(
    KIND,
    "the gateway's own capture on any, with a single client",
    'it sees what it answers itself, and not what others answer the client',
    () => {
      const capture = new LinuxHost();
      const own: OwnCard = { ...GATEWAY, ifindex: 2 };
      for (let i = 0; i < 4; i++) {
        capture.asked(CLIENT, GATEWAY.ip, [own], [{ from: own, after: 0.0002 }]);
        capture.wait(0.5);
        capture.asked(CLIENT, GONE, [own], []);
        capture.wait(2);
      }
      return { capture };
    },
  ),
  twin(KIND, 'a mirror port that shows one host, and the own questions of the capturing one', 'the others are not shown', () => {
    const capture = new LinuxHost();
    const own: OwnCard = { ...card(0x40, '192.0.2.40'), ifindex: 2 };
    const mirrored = (asker: typeof CLIENT, target: typeof CLIENT): void => {
      capture.incoming(arpRequest(asker, target.ip), 2, asker.mac, PacketType.Broadcast);
      capture.wait(0.0003);
      capture.incoming(arpReply(target, asker), 2, target.mac, PacketType.OtherHost);
      capture.wait(2);
    };
    mirrored(GATEWAY, CLIENT);
    mirrored(OTHER, GATEWAY);
    capture.asks(own, GATEWAY.ip, [{ by: GATEWAY.mac, after: 0.0003 }]);
    for (let i = 0; i < 4; i++) {
      capture.wait(2);
      capture.asked(OTHER, GONE, [own], []);
    }
    capture.wait(3);
    return { capture };
  }),
  twin(KIND, 'two requests', 'too few', () => {
    const capture = new Lan();
    around(capture, () => {
      askInVain(capture, CLIENT, GONE, 2);
    });
    return { capture };
  }),
  twin(KIND, 'a late answer', 'the third request is answered', () => {
    const capture = new Lan();
    around(capture, () => {
      askInVain(capture, CLIENT, GONE, 2);
      capture.resolve(CLIENT, { mac: mac(0x63), ip: GONE });
    });
    return { capture };
  }),
  twin(KIND, 'probes and announcements', 'a new host hopes that nobody answers', () => {
    const capture = new Lan();
    around(capture, () => {
      for (let i = 0; i < 3; i++) capture.wait(1).broadcast(arpProbe(mac(0x63), GONE), mac(0x63));
      for (let i = 0; i < 4; i++) capture.wait(2).broadcast(arpAnnouncement({ mac: mac(0x63), ip: GONE }), mac(0x63));
    });
    return { capture };
  }),
  twin(KIND, 'the capture ends', 'what is asked in the last two seconds is unknown', () => {
    const capture = new Lan();
    around(capture, () => {});
    for (let i = 0; i < 3; i++) capture.wait(0.5).broadcast(arpRequest(CLIENT, GONE), CLIENT.mac);
    return { capture };
  }),
];
