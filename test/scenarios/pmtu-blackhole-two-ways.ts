import { EthernetCapture, gre, gtpU, type NetworkPacket } from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { mac } from './stage.ts';
import { atCard, Flow, idOf, type Side, V4, type View } from './tcp-stage.ts';

/* No place sees both directions: they take different ways, or their tunnel has an id for each. */

const KIND = 'pmtu-blackhole';
const FULL = 1460;
const [LEFT, RIGHT] = ['198.51.100.2', '198.51.100.18'];

/** On a link that carries a tunnel with an id for each direction. */
function inTunnel(wrap: (from: string, to: string, id: number, packet: NetworkPacket) => NetworkPacket): View {
  const capture = new EthernetCapture();
  return {
    capture,
    see: (packet, from) =>
      from === 'client'
        ? capture.send(wrap(LEFT, RIGHT, 1, packet), { source: mac(1), destination: mac(2) })
        : capture.send(wrap(RIGHT, LEFT, 2, packet), { source: mac(2), destination: mac(1) }),
  };
}

/** On a trunk, where packets go in one VLAN and come back in another. */
function onTrunk(): View {
  const capture = new EthernetCapture();
  return {
    capture,
    see: (packet, from) =>
      from === 'client'
        ? capture.send(packet, { source: mac(1), destination: mac(2), vlans: [10] })
        : capture.send(packet, { source: mac(3), destination: mac(4), vlans: [20] }),
  };
}

const PLACES: readonly { name: string; inside?: string; view: () => View }[] = [
  { name: 'in GTP-U, a TEID each way', inside: '@gtp-u', view: () => inTunnel((from, to, id, packet) => gtpU(from, to, id, packet)) },
  { name: 'in GRE, a key each way', inside: '@gre', view: () => inTunnel((from, to, id, packet) => gre(from, to, packet, { key: id })) },
  { name: 'on a trunk, a VLAN each way', view: onTrunk },
];

const begin = (view: View): Flow => {
  const flow = new Flow(view);
  flow.connect();
  return flow.greet();
};

const incidents: Scenario[] = PLACES.map(({ name, inside = '', view }) =>
  incident(KIND, name, 'the same full segment again and again, and the receiver, seen elsewhere, lives', () => {
    const flow = begin(view());
    flow.vanish(flow.send('client', FULL, { isLost: true }));
    const details = { stuckSize: 1500, largestPassed: 140, retransmissions: 5 };
    return {
      capture: flow.view.capture,
      expect: [finding(KIND, `${idOf(V4)}${inside}`, { severity: 'error', confidence: 'likely', details })],
    };
  }),
);

const twins: Scenario[] = PLACES.flatMap(({ name, view }) => [
  twin(KIND, `${name}, repaired`, 'full segments are acknowledged, seen elsewhere', () => {
    const flow = begin(view());
    for (let i = 0; i < 6; i++) flow.say('client', FULL);
    for (let i = 0; i < 6; i++) flow.say('server', FULL);
    return { capture: flow.view.capture };
  }),
  twin(
    KIND,
    `${name}, after others of that size`,
    'a segment is repeated four times, but others as large were acknowledged, seen elsewhere',
    () => {
      const flow = begin(view());
      flow.say('client', FULL);
      flow.vanish(flow.send('client', FULL, { isLost: true }), { times: 4 });
      return { capture: flow.view.capture };
    },
  ),
]);

const ONE: Side = 'client';
/** Nobody saw the other direction at all: nothing is known of it. */
const alone: Scenario = twin(KIND, 'a VLAN of one direction alone', 'acknowledgements go another way, and are not seen', () => {
  const whole = atCard(ONE);
  const view: View = { capture: whole.capture, see: (packet, from, isLost) => (from === ONE ? whole.see(packet, from, isLost) : 0) };
  const flow = begin(view);
  flow.vanish(flow.send('client', FULL, { isLost: true }));
  return { capture: view.capture };
});

export const scenarios: readonly Scenario[] = [...incidents, ...twins, alone];
