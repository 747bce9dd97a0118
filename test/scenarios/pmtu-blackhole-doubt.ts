/** Black holes that are none, or that are no more than possible, because of what else is seen of the two hosts; and how many of them are told. */
import { TcpFlags } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';
import { atCard, BACKOFF, Flow, idOf, LAN, type Sent, tooLarge, V4, V6, type View, WAN } from './tcp-stage.ts';

const KIND = 'pmtu-blackhole';
const FULL = 1460;
const TAIL = 100;

const hole = (rest: Parameters<typeof finding>[2] = {}, ends = V4) => finding(KIND, idOf(ends), { severity: 'error', ...rest });
const likely = [hole({ confidence: 'likely' })];
const possible = [hole({ confidence: 'possible' })];

const port = (client: number, server = 8080) => ({ client: `10.1.0.10:${client}`, server: `10.2.0.10:${server}` });

function greeted(view: View = atCard('client'), ends = V4): Flow {
  const flow = new Flow(view, ends);
  flow.connect();
  return flow.greet();
}

/** Repeats a segment in vain, and does something each time. */
function repeat(flow: Flow, sent: Sent, meanwhile: (i: number) => void = () => {}): void {
  for (const [i, seconds] of BACKOFF.entries()) {
    flow.wait(seconds);
    flow.again(sent, { isLost: true });
    meanwhile(i);
  }
}

/** The receiver's FIN, acknowledged, and so many times again. */
function finish(flow: Flow, again: number): void {
  const sent = flow.send('client', FULL, { isLost: true });
  flow.wait(0.1);
  flow.fin('server');
  flow.ack('client', { isLost: again > 0 });
  const fin = { seq: 500_200 };
  repeat(flow, sent, (i) => {
    if (i >= again) {
      flow.keepalive('server');
      return;
    }
    flow.segment('server', TcpFlags.Fin | TcpFlags.Ack, fin);
    flow.repeatAck('client', { isLost: true });
  });
}

/** The usual one of a web server: full segments vanish, the small tail arrives, the receiver asks once, and waits. */
function tail(segments: number, ask: (flow: Flow, first: Sent, last: Sent) => void): Flow {
  const flow = greeted();
  const [first] = Array.from({ length: segments }, () => flow.send('client', FULL, { isLost: true }));
  const last = flow.send('client', TAIL);
  if (first) {
    ask(flow, first, last);
    repeat(flow, first);
  }
  return flow;
}

/** A sender with a hole to each of these. */
function crowd(ends: readonly (typeof V4)[]): View {
  const view = atCard('client');
  for (const each of ends) {
    const flow = greeted(view, each);
    flow.vanish(flow.send('client', FULL, { isLost: true }));
  }
  return view;
}

/** A host with its own interface, which sees directions. */
function atHost(): View {
  const capture = new LinuxHost();
  return {
    capture,
    see: (packet, from) => (from === 'client' ? capture.outgoing(packet, LAN, mac(1)) : capture.incoming(packet, LAN, mac(2))),
  };
}

/** A router that changes the address of the client. */
function atNat(): View {
  const capture = new LinuxHost();
  return {
    capture,
    see(packet, from) {
      const changed = { ...packet, octets: Uint8Array.from(packet.octets) };
      changed.octets.set([203, 0, 113, 10], from === 'client' ? 12 : 16);
      if (from === 'client') {
        const frame = capture.incoming(packet, LAN, mac(1));
        capture.outgoing(changed, WAN, mac(3));
        return frame;
      }
      capture.incoming(changed, WAN, mac(4));
      return capture.outgoing(packet, LAN, mac(2));
    },
  };
}

const NATTED = { client: '203.0.113.10:40000', server: V4.server };
/** The lower address first. */
const NATTED_ID = `${NATTED.server}-${NATTED.client}`;

const told = (name: string, why: string, expect: Scenario['expect'], play: () => Flow | View): Scenario =>
  incident(KIND, name, why, () => {
    const played = play();
    return { capture: played instanceof Flow ? played.view.capture : played.capture, expect };
  });

const incidents: Scenario[] = [
  told(
    'the receiver repeats its FIN, which was acknowledged',
    'acknowledgements are small, and get lost too: an outage of one direction',
    possible,
    () => {
      const flow = greeted();
      finish(flow, BACKOFF.length);
      return flow;
    },
  ),
  told('the receiver repeats its FIN once', 'one acknowledgement may get lost by chance', likely, () => {
    const flow = greeted();
    finish(flow, 1);
    return flow;
  }),
  told('at the same time a small segment of another connection is stuck', 'an outage of one direction', possible, () => {
    const flow = greeted();
    const other = greeted(flow.view, port(40_002));
    const small = other.send('client', TAIL, { isLost: true });
    repeat(flow, flow.send('client', FULL, { isLost: true }), () => {
      other.again(small, { isLost: true });
      flow.keepalive('server');
    });
    return flow;
  }),
  told('at another time a small segment of another connection was stuck', 'it is over', likely, () => {
    const flow = greeted();
    const other = greeted(flow.view, port(40_002));
    const small = other.send('client', TAIL, { isLost: true });
    repeat(other, small);
    other.again(small);
    other.ack('server');
    flow.vanish(flow.send('client', FULL, { isLost: true }));
    return flow;
  }),
  told(
    'at the same time the handshake of another connection does not get through',
    'its SYN is answered, and comes again',
    possible,
    () => {
      // The server sends what is too large, so the SYN and ACK is on the same way.
      const flow = greeted(atCard('server'));
      const sent = flow.send('server', FULL, { isLost: true });
      const other = new Flow(flow.view, port(40_002));
      repeat(flow, sent, () => {
        other.segment('client', TcpFlags.Syn, { seq: 1000, mss: FULL });
        other.segment('server', TcpFlags.Syn | TcpFlags.Ack, { seq: 500_000, ack: 1001, mss: FULL, isLost: true });
        flow.keepalive('client');
      });
      return flow;
    },
  ),
  told(
    'packets of that size passed in a connection shortly before',
    'the path may have changed, or something else is wrong',
    possible,
    () => {
      const before = greeted(atCard('client'), port(40_002));
      for (let i = 0; i < 4; i++) before.say('client', FULL);
      before.wait(2);
      const flow = greeted(before.view);
      flow.vanish(flow.send('client', FULL, { isLost: true }));
      return flow;
    },
  ),
  told('packets of that size passed in a connection long before', 'the path may be another one by now', likely, () => {
    const before = greeted(atCard('client'), port(40_002));
    for (let i = 0; i < 4; i++) before.say('client', FULL);
    before.wait(200);
    const flow = greeted(before.view);
    flow.vanish(flow.send('client', FULL, { isLost: true }));
    return flow;
  }),
  told('the small tail arrives, SACK says so, and then there is silence', 'that is life after the loss', likely, () =>
    tail(3, (flow, { seq }, last) => {
      flow.ack('server', { ack: seq, sack: [last.seq, last.seq + TAIL] });
    }),
  ),
  told('the small tail arrives, without SACK', 'the acknowledgement is repeated', likely, () =>
    tail(1, (flow, { seq }) => {
      flow.wait(0.02);
      flow.ack('server', { ack: seq });
    }),
  ),
  told('an acknowledgement comes twice at once', 'it may be a copy: whether the receiver lives is not known', possible, () =>
    tail(1, (flow, { seq }) => {
      flow.ack('server', { ack: seq });
    }),
  ),
  told('the capture begins while it hangs', 'the window of the receiver is not known before its first packet', possible, () => {
    const flow = new Flow(atCard('client'));
    const sent = flow.send('client', FULL, { isLost: true });
    repeat(flow, sent);
    flow.segment('server', TcpFlags.Fin | TcpFlags.Ack, { ack: sent.seq });
    flow.wait(6.4);
    flow.again(sent, { isLost: true });
    flow.segment('server', TcpFlags.Ack, { ack: sent.seq });
    return flow;
  }),
  told('at the receiver: three full segments are missing, and then there is silence', 'so many do not get lost by chance', possible, () => {
    const flow = greeted(atCard('server'));
    for (let i = 0; i < 3; i++) flow.send('client', FULL, { isLost: true });
    flow.send('client', TAIL);
    flow.repeatAck('server');
    return flow;
  }),
  told(
    'the ICMP comes in at the sender, which does not heed it',
    'it is not filtered on the way: the firewall of the host itself may drop it',
    [hole({ confidence: 'likely', details: { cause: 'icmp-filtered', icmpSeen: true, suggestedMtu: 1400 } })],
    () => {
      const flow = greeted(atHost());
      const sent = flow.send('client', FULL, { isLost: true });
      const host = flow.view.capture as LinuxHost;
      repeat(flow, sent, () => {
        host.incoming(tooLarge(flow, sent, 1400, '198.51.100.1'), LAN, mac(2));
        flow.keepalive('server');
      });
      return flow;
    },
  ),
  told(
    'three ports of one host',
    'one finding for two hosts',
    [hole({ confidence: 'likely', count: 15, details: { connections: 3 } }, port(40_000, 8080))],
    () => crowd([port(40_000, 8080), port(40_001, 8081), port(40_002, 443)]),
  ),
  told(
    'seven receivers of one sender',
    'the first four of them are told, and how many more',
    [10, 11, 12, 13].map((host) => hole({ confidence: 'likely' }, { client: V4.client, server: `10.2.0.${host}:8080` })),
    () => crowd([10, 11, 12, 13, 14, 15, 16].map((host) => ({ client: V4.client, server: `10.2.0.${host}:8080` }))),
  ),
  told(
    'both sides of a NAT show the same packets',
    'they have two addresses, and it is one story',
    [
      hole({ confidence: 'likely', related: [`${KIND}:${NATTED_ID}`] }),
      finding(KIND, NATTED_ID, { severity: 'error', confidence: 'likely', related: [`${KIND}:${idOf(V4)}`] }),
    ],
    () => {
      const flow = greeted(atNat());
      flow.vanish(flow.send('client', FULL, { isLost: true }));
      return flow;
    },
  ),
];

const twins: Scenario[] = [
  ['IPv4', V4, { client: '10.1.0.10:22', server: '10.2.0.10:50000' }, FULL] as const,
  ['IPv6', V6, { client: '[2001:db8:1::10]:22', server: '[2001:db8:2::10]:50000' }, FULL - 20] as const,
].map(([version, ends, others, full]) =>
  twin(KIND, `a healthy connection of the two hosts carries packets of that size by ${version}`, 'whichever of them opened it', () => {
    const flow = greeted(atCard('client'), ends);
    const other = greeted(flow.view, others);
    repeat(flow, flow.send('client', full, { isLost: true }), () => {
      other.say('client', full);
      flow.keepalive('server');
    });
    return { capture: flow.view.capture };
  }),
);

export const scenarios: readonly Scenario[] = [...incidents, ...twins];
