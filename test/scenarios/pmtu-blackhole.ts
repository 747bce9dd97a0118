import { EthernetCapture, gre, RawCapture } from '../craft/index.ts';
import { contextOf } from './host-document.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';
import { atCard, atGateway, BACKOFF, Flow, idOf, LAN, type Side, TUNNEL, tooLarge, V4, V6, type View, WAN } from './tcp-stage.ts';

const KIND = 'pmtu-blackhole';
const MSS_KIND = 'mss-not-clamped';
const FULL = 1460;
const ROUTER = '10.1.0.1';
const TICK = 0.001;

const hole = (rest: Parameters<typeof finding>[2] = {}, subject = idOf(V4)) => finding(KIND, subject, { severity: 'error', ...rest });
const notice = (rest: Parameters<typeof finding>[2] = {}) =>
  finding(MSS_KIND, idOf(V4), { severity: 'notice', confidence: 'likely', ...rest });

const GATEWAY = contextOf([
  {
    cards: [
      { name: 'lan', ifindex: LAN, mac: mac(2), addresses: ['10.1.0.1/24'], mtu: 1500 },
      { name: 'wan', ifindex: WAN, mac: mac(3), addresses: ['198.51.100.2/28'], mtu: 1500 },
      { name: 'wg0', ifindex: TUNNEL, kind: 'wireguard', addresses: ['10.9.0.1/30'], mtu: 1420 },
    ],
  },
]);

/** A tun device alone. */
function atTunnel(): View {
  const capture = new RawCapture();
  return { capture, see: (packet) => capture.send(packet) };
}

/** On a link that carries a tunnel which is not encrypted. */
function inGre(): View {
  const capture = new EthernetCapture();
  return {
    capture,
    see(packet, from) {
      const [a, b] = from === 'client' ? ['198.51.100.2', '198.51.100.18'] : ['198.51.100.18', '198.51.100.2'];
      const [source, destination] = from === 'client' ? [mac(1), mac(2)] : [mac(2), mac(1)];
      return capture.send(gre(a ?? '', b ?? '', packet), { source, destination });
    },
  };
}

/** A bridge with NAT behind it: each packet is seen before and after its address is changed. */
function atNat(): View {
  const capture = new LinuxHost();
  return {
    capture,
    see(packet, from, isLost) {
      const changed = { ...packet, octets: Uint8Array.from(packet.octets) };
      const at = from === 'client' ? 12 : 16;
      if (from === 'client') {
        const frame = capture.incoming(packet, LAN, mac(1));
        changed.octets.set([203, 0, 113, 10], at);
        if (!isLost) capture.outgoing(changed, WAN, mac(3));
        return frame;
      }
      changed.octets.set([203, 0, 113, 10], at);
      capture.incoming(changed, WAN, mac(4));
      return capture.outgoing(packet, LAN, mac(2));
    },
  };
}

const stuckAt = (
  view: View,
  ends = V4,
  size = FULL,
  options: Parameters<Flow['vanish']>[1] = {},
): { flow: Flow; frames: number[]; syns: number[] } => {
  const flow = new Flow(view, ends);
  const syns = flow.connect({ client: size, server: size });
  flow.greet();
  const sent = flow.send('client', size, { isLost: true });
  flow.send('client', size, { isLost: true });
  const frames = flow.vanish(sent, options);
  return { flow, frames, syns };
};

const incidents: Scenario[] = [
  incident(KIND, 'at the sender', 'the same full segment again and again; small ones pass, and the receiver lives', () => {
    const { flow, frames, syns } = stuckAt(atCard('client'));
    const expected = hole({
      confidence: 'likely',
      count: 5,
      details: {
        stuckSize: 1500,
        largestPassed: 140,
        retransmissions: 5,
        icmpSeen: false,
        icmp: null,
        cause: 'icmp-missing',
        sender: '10.1.0.10',
        receiver: '10.2.0.10',
        tunnel: null,
        suggestedMtu: 1280,
        suggestedMss: 1240,
        suggestedBy: 'guess',
        connections: 1,
        recovered: false,
      },
      evidenceFrames: [...frames, ...syns],
    });
    return { capture: flow.view.capture, expect: [expected] };
  }),
  incident(KIND, 'at the sender, by IPv6', 'nobody on the way cuts IPv6 packets', () => {
    const { flow } = stuckAt(atCard('client'), V6, 1440);
    return {
      capture: flow.view.capture,
      expect: [hole({ confidence: 'likely', details: { stuckSize: 1500, suggestedMtu: 1280, suggestedMss: 1220 } }, idOf(V6))],
    };
  }),
  incident(KIND, 'at the head of the tunnel: the ICMP leaves and is not heeded', 'the drop and the lost ICMP are both in view', () => {
    const view = atGateway();
    const flow = new Flow(view);
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    const host = view.capture as LinuxHost;
    const errors = [host.outgoing(tooLarge(flow, sent, 1420, ROUTER), LAN, mac(2))];
    const frames = [sent.frame];
    for (const seconds of BACKOFF) {
      flow.wait(seconds);
      frames.push(flow.again(sent));
      errors.push(host.outgoing(tooLarge(flow, sent, 1420, ROUTER), LAN, mac(2)));
      flow.keepalive('server');
    }
    return {
      capture: host,
      expect: [
        hole({
          confidence: 'certain',
          count: 5,
          details: {
            stuckSize: 1500,
            icmpSeen: true,
            icmp: { from: ROUTER, mtu: 1420, errors: 6 },
            cause: 'icmp-filtered',
            tunnel: { protocol: 'wireguard', a: '198.51.100.2', b: '198.51.100.18', mtu: null, fits: 1440 },
            suggestedMtu: 1420,
            suggestedMss: 1380,
            suggestedBy: 'icmp',
          },
          evidenceFrames: [frames[0] ?? 0, frames[5] ?? 0, errors[0] ?? 0],
          related: [`${MSS_KIND}:${idOf(V4)}`],
        }),
        notice({ details: { mss: 1460, fits: 1420, fitsBy: 'icmp', suggestedMss: 1380 }, related: [`${KIND}:${idOf(V4)}`] }),
      ],
    };
  }),
  incident(KIND, 'at the head of the tunnel: no ICMP', 'what is too large comes in and does not leave; the tunnel takes 60 octets', () => {
    const { flow } = stuckAt(atGateway());
    return {
      capture: flow.view.capture,
      expect: [
        hole({
          confidence: 'likely',
          details: { cause: 'icmp-missing', tunnel: { protocol: 'wireguard', fits: 1440 }, suggestedMtu: 1440, suggestedBy: 'tunnel' },
        }),
        notice({ details: { fits: 1440, fitsBy: 'tunnel', suggestedMss: 1400 } }),
      ],
    };
  }),
  incident(KIND, 'at the head of the tunnel, with the context', 'the device says its MTU', () => {
    const { flow } = stuckAt(atGateway());
    return {
      capture: flow.view.capture,
      options: { context: GATEWAY },
      expect: [
        hole({
          confidence: 'likely',
          details: { tunnel: { interface: { index: TUNNEL, name: 'wg0' }, mtu: 1420 }, suggestedMtu: 1420, suggestedBy: 'device' },
        }),
        notice({ details: { fits: 1420, fitsBy: 'device', suggestedMss: 1380 } }),
      ],
    };
  }),
  incident(
    KIND,
    'at the receiver',
    'nothing but full segments is missing, and the sender lives: whether they were sent is not seen',
    () => {
      const flow = new Flow(atCard('server'));
      flow.connect();
      flow.greet();
      for (let i = 0; i < 3; i++) flow.send('client', FULL, { isLost: true });
      const later = flow.send('client', 300).frame;
      for (let i = 0; i < 4; i++) {
        flow.repeatAck('server');
        flow.wait(2);
        flow.keepalive('client');
      }
      return {
        capture: flow.view.capture,
        expect: [
          hole({
            confidence: 'possible',
            count: 1,
            details: { stuckSize: 1500, retransmissions: 0, cause: 'unknown', sender: '10.1.0.10' },
            evidenceFrames: [later],
          }),
        ],
      };
    },
  ),
  incident(KIND, 'a router on the way: the ICMP passes, and is not heeded', 'by IPv6: packet too big; the sender goes on', () => {
    const view = atCard('client');
    const flow = new Flow(view, V6);
    flow.connect({ client: 1440, server: 1440 });
    flow.greet();
    const sent = flow.send('client', 1440, { isLost: true });
    const error = (view.capture as EthernetCapture).send(tooLarge(flow, sent, 1420, '2001:db8:1::1'), {
      source: mac(2),
      destination: mac(1),
    });
    flow.vanish(sent);
    return {
      capture: view.capture,
      expect: [
        hole(
          {
            confidence: 'likely',
            details: { icmpSeen: true, cause: 'icmp-filtered', suggestedMtu: 1420, suggestedMss: 1360 },
            evidenceFrames: [error],
          },
          idOf(V6),
        ),
      ],
    };
  }),
  incident(
    KIND,
    'the ICMP does not match the connection',
    'it quotes a sequence number that is not on its way: the sender must not heed it',
    () => {
      const view = atCard('client');
      const flow = new Flow(view);
      flow.connect();
      flow.greet();
      const sent = flow.send('client', FULL, { isLost: true });
      const wrong = { ...sent, seq: sent.seq + 500_000_000 };
      (view.capture as EthernetCapture).send(tooLarge(flow, wrong, 1420, ROUTER), { source: mac(2), destination: mac(1) });
      flow.vanish(sent);
      return {
        capture: view.capture,
        expect: [hole({ confidence: 'likely', details: { icmpSeen: true, cause: 'icmp-does-not-match' } })],
      };
    },
  ),
  incident(KIND, 'the sender finds out by trying', 'tcp_mtu_probing: the same octets arrive in smaller packets', () => {
    const flow = new Flow(atCard('client'));
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    flow.vanish(sent);
    flow.wait(6.4);
    for (let at = 0; at < FULL; at += 500) {
      const seq = sent.seq + at;
      const payload = sent.payload.subarray(at, at + 500);
      flow.again(sent, { seq, payload });
      flow.ack('server', { ack: seq + payload.length });
    }
    return {
      capture: flow.view.capture,
      expect: [hole({ severity: 'warning', confidence: 'likely', details: { recovered: true, stuckSize: 1500 } })],
    };
  }),
  incident(KIND, 'nothing comes from the receiver any more', 'it may be gone', () => {
    const { flow } = stuckAt(atCard('client'), V4, FULL, { alive: false });
    return { capture: flow.view.capture, expect: [hole({ confidence: 'possible' })] };
  }),
  incident(KIND, 'the receiver repeats its own octets', 'it may hear nothing at all: small packets too get lost on the way to it', () => {
    const flow = new Flow(atCard('client'));
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    const own = flow.send('server', 300);
    for (const seconds of BACKOFF) {
      flow.wait(seconds);
      flow.again(sent);
      flow.again(own);
    }
    return { capture: flow.view.capture, expect: [hole({ confidence: 'possible' })] };
  }),
  incident(KIND, 'the capture begins in the middle', 'what passed before is not known', () => {
    const flow = new Flow(atCard('client'));
    flow.greet();
    flow.vanish(flow.send('client', FULL, { isLost: true }));
    return { capture: flow.view.capture, expect: [hole({ confidence: 'possible' })] };
  }),
  incident(KIND, 'two connections to one port', 'one finding, named by the first', () => {
    const view = atCard('client');
    for (const port of [40_000, 40_002]) {
      const flow = new Flow(view, { ...V4, client: `10.1.0.10:${port}` });
      flow.connect();
      flow.greet();
      flow.vanish(flow.send('client', FULL, { isLost: true }));
    }
    return { capture: view.capture, expect: [hole({ confidence: 'likely', count: 10, details: { connections: 2 } })] };
  }),
  incident(KIND, 'a tun device alone', 'inside of the tunnel, whatever carries it', () => {
    const { flow } = stuckAt(atTunnel());
    return { capture: flow.view.capture, expect: [hole({ confidence: 'likely', details: { tunnel: { protocol: null, fits: null } } })] };
  }),
  incident(KIND, 'inside of GRE', 'the tunnel is named, and its path too', () => {
    const { flow } = stuckAt(inGre(), V4, 1436);
    return {
      capture: flow.view.capture,
      expect: [
        hole(
          {
            confidence: 'likely',
            details: { stuckSize: 1476, tunnel: { protocol: 'gre', fits: 1476 }, suggestedBy: 'guess' },
            encapsulation: ['gre'],
          },
          `${idOf(V4)}@gre`,
        ),
      ],
    };
  }),
];

/** A transfer that works: full segments, each acknowledged. */
function transfer(flow: Flow, from: Side = 'client', segments = 6, length = FULL): void {
  for (let i = 0; i < segments; i++) flow.say(from, length);
}

const quiet = (name: string, why: string, play: (flow: Flow) => void, view: () => View = () => atCard('client')): Scenario =>
  twin(KIND, name, why, () => {
    const flow = new Flow(view());
    play(flow);
    return { capture: flow.view.capture };
  });

const twins: Scenario[] = [
  quiet(
    'clamped',
    'both SYNs say what fits, and segments of that size pass',
    (flow) => {
      flow.connect({ client: 1380, server: 1380 });
      flow.greet();
      transfer(flow, 'client', 6, 1380);
      transfer(flow, 'server', 6, 1380);
    },
    () => atGateway(),
  ),
  quiet('random loss', 'a large segment is lost four times, but others of that size were acknowledged', (flow) => {
    flow.connect();
    flow.greet();
    transfer(flow);
    flow.vanish(flow.send('client', FULL, { isLost: true }));
  }),
  quiet('loss that ends', 'the same segment, as large as before, is acknowledged at last', (flow) => {
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    flow.vanish(sent);
    flow.wait(6.4);
    flow.again(sent);
    flow.ack('server');
  }),
  quiet('small segments are lost too', 'a segment of 60 octets is sent again and again', (flow) => {
    flow.connect();
    flow.greet();
    flow.vanish(flow.send('client', 60, { isLost: true }));
  }),
  quiet('a segment that is not full', 'one of 700 octets is sent again and again: no path is as narrow', (flow) => {
    flow.connect();
    flow.greet();
    flow.vanish(flow.send('client', 700, { isLost: true }));
  }),
  quiet('a closed window', 'the receiver wants nothing more', (flow) => {
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL);
    flow.repeatAck('server', { window: 0 });
    for (const seconds of BACKOFF) {
      flow.wait(seconds);
      flow.again(sent);
      flow.repeatAck('server', { window: 0 });
    }
  }),
  quiet('a firewall resets the connection', 'after the first repetition', (flow) => {
    flow.connect();
    flow.greet();
    flow.vanish(flow.send('client', FULL, { isLost: true }), { times: 2 });
    flow.rst('server');
  }),
  quiet('the receiver is gone after a transfer', 'packets of that size were acknowledged before', (flow) => {
    flow.connect();
    flow.greet();
    transfer(flow);
    flow.vanish(flow.send('client', FULL, { isLost: true }), { alive: false });
  }),
  quiet('giants of segmentation offload', 'the card cuts them; they are acknowledged', (flow) => {
    flow.connect();
    flow.greet();
    for (let i = 0; i < 4; i++) {
      flow.send('client', 3 * FULL);
      flow.ack('server');
    }
  }),
  quiet('a SYN proxy', 'it answers the SYN, and nothing comes from the server behind it', (flow) => {
    flow.connect();
    flow.vanish(flow.send('client', FULL, { isLost: true }), { alive: false });
  }),
  twin(KIND, 'path MTU discovery at work', 'the ICMP is heeded: the same octets in smaller packets', () => {
    const view = atCard('client');
    const flow = new Flow(view);
    flow.connect();
    flow.greet();
    for (let i = 0; i < 3; i++) {
      const sent = flow.send('client', FULL, { isLost: true });
      flow.wait(TICK);
      (view.capture as EthernetCapture).send(tooLarge(flow, sent, 1420, ROUTER), { source: mac(2), destination: mac(1) });
      flow.again(sent, { payload: sent.payload.subarray(0, 1380) });
      flow.again(sent, { seq: sent.seq + 1380, payload: sent.payload.subarray(1380) });
      flow.ack('server');
    }
    return { capture: view.capture };
  }),
  twin(KIND, 'path MTU discovery, slow', 'the ICMP comes at the fourth try only, and is heeded', () => {
    const view = atCard('client');
    const flow = new Flow(view);
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    flow.vanish(sent);
    (view.capture as EthernetCapture).send(tooLarge(flow, sent, 1420, ROUTER), { source: mac(2), destination: mac(1) });
    flow.again(sent, { payload: sent.payload.subarray(0, 1380) });
    flow.again(sent, { seq: sent.seq + 1380, payload: sent.payload.subarray(1380) });
    flow.ack('server');
    return { capture: view.capture };
  }),
  quiet('a healthy connection from the middle', 'no handshake is seen', (flow) => transfer(flow)),
  quiet(
    'the same packets at the card, at the tunnel and outside',
    'one packet, three sightings: none is a repetition',
    (flow) => {
      flow.connect({ client: 1380, server: 1380 });
      transfer(flow, 'client', 8, 1380);
      transfer(flow, 'server', 8, 1380);
    },
    () => atGateway(),
  ),
  quiet(
    'both sides of a NAT',
    'the same packets with other addresses',
    (flow) => {
      flow.connect();
      transfer(flow, 'client', 8);
      transfer(flow, 'server', 8);
    },
    atNat,
  ),
  quiet('delayed acknowledgements', 'each second segment, after 40 ms', (flow) => {
    flow.connect();
    for (let i = 0; i < 6; i++) {
      flow.send('client', FULL);
      flow.send('client', FULL);
      flow.wait(0.04);
      flow.ack('server');
    }
  }),
  quiet('keepalives', 'an idle connection asks every two seconds whether the other end is there', (flow) => {
    flow.connect();
    flow.greet();
    for (let i = 0; i < 8; i++) {
      flow.wait(2);
      flow.keepalive('client');
    }
  }),
  twin(KIND, 'a capture of one direction', 'acknowledgements go another way: nothing is known of them', () => {
    const whole = atCard('client');
    const view: View = { capture: whole.capture, see: (packet, from, isLost) => (from === 'client' ? whole.see(packet, from, isLost) : 0) };
    const { flow } = stuckAt(view);
    return { capture: flow.view.capture };
  }),
  quiet('an intrusion prevention drops one segment', 'others of that size passed before it', (flow) => {
    flow.connect();
    flow.greet();
    transfer(flow, 'client', 2);
    flow.vanish(flow.send('client', FULL, { isLost: true }));
  }),
  quiet('packets that may be cut', 'without DF a narrow link makes fragments: it is something else that drops them', (flow) => {
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true, df: false });
    flow.vanish(sent);
  }),
  quiet('an outage', 'large and small ones are lost; afterwards the same segment arrives as it is', (flow) => {
    flow.connect();
    flow.greet();
    const sent = flow.send('client', FULL, { isLost: true });
    flow.vanish(sent, { alive: false });
    flow.wait(6.4);
    flow.again(sent);
    flow.ack('server');
    transfer(flow);
  }),
  quiet(
    'at the receiver: loss that is mended',
    'what was missing comes again',
    (flow) => {
      flow.connect();
      flow.greet();
      const sent = flow.send('client', FULL, { isLost: true });
      flow.send('client', 300);
      flow.repeatAck('server');
      flow.wait(0.3);
      flow.again(sent, { isLost: false });
      flow.ack('server');
      for (let i = 0; i < 3; i++) {
        flow.wait(2);
        flow.keepalive('client');
      }
    },
    () => atCard('server'),
  ),
  quiet(
    'at the receiver: small segments are missing too',
    'so it is not their size',
    (flow) => {
      flow.connect();
      flow.greet();
      flow.send('client', 700, { isLost: true });
      flow.send('client', 300);
      for (let i = 0; i < 3; i++) {
        flow.repeatAck('server');
        flow.wait(2);
        flow.keepalive('client');
      }
    },
    () => atCard('server'),
  ),
  quiet(
    'at the receiver: full segments are missing for a second',
    'the capture ends before they may come again',
    (flow) => {
      flow.connect();
      flow.greet();
      flow.send('client', FULL, { isLost: true });
      flow.send('client', 300);
      flow.repeatAck('server');
      flow.wait(1);
      flow.keepalive('client');
    },
    () => atCard('server'),
  ),
  twin(KIND, 'another connection of the two hosts carries packets of that size', 'it is not the path', () => {
    const view = atCard('client');
    const other = new Flow(view, { ...V4, client: '10.1.0.10:40004' });
    other.connect();
    const { flow } = stuckAt(view);
    transfer(other);
    other.vanish(other.send('client', FULL, { isLost: true }));
    return { capture: flow.view.capture };
  }),
];

export const scenarios: readonly Scenario[] = [...incidents, ...twins];
