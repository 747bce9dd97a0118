import {
  be16,
  be32,
  dnsQuery,
  EthernetCapture,
  gre,
  greHeader,
  ike,
  initiation,
  ipv4,
  ipv4Fragments,
  ipv6Fragments,
  type NetworkPacket,
  noise,
  octets,
  Protocols,
  response,
  transport,
  udp,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';

const KIND = 'tunnel-fragmentation';
const A = '192.0.2.1';
const B = '198.51.100.2';
const A6 = '2001:db8:a::1';
const B6 = '2001:db8:b::1';
/** Octets of payload of a full fragment of IPv4 and of IPv6 (behind its fragment header) on Ethernet. */
const PIECE = 1480;
const PIECE6 = 1448;
const GRE = 47;

class Wire extends EthernetCapture {
  pass(packets: NetworkPacket | readonly NetworkPacket[], after = 0.01): number {
    this.wait(after);
    const frames = [packets].flat().map((packet) => this.send(packet, { source: mac(1), destination: mac(2) }));
    return frames[0] ?? 0;
  }
}

/** An IP packet of `size` octets of nothing that is known. */
const inner = (size: number, ident: number): NetworkPacket =>
  ipv4({ from: '10.1.0.10', to: '10.2.0.10', protocol: 254, payload: octets(noise(size - 20, ident)), ident });

/** GRE around it, in fragments where it is too large. */
const greFragments = (size: number, ident: number, key?: number, piece = PIECE): NetworkPacket[] =>
  ipv4Fragments(
    {
      from: A,
      to: B,
      protocol: GRE,
      payload: octets(greHeader(0x0800, key === undefined ? {} : { key }), inner(size, ident).octets),
      ident,
      df: false,
    },
    piece,
  );

/** UDP in fragments. */
const udpFragments = (from: string, to: string, payload: Uint8Array, ident: number): NetworkPacket[] => {
  const [source, destination] = [from, to].map((each) => each.split(':'));
  const datagram = octets(be16(Number(source?.[1])), be16(Number(destination?.[1])), be16(8 + payload.length), 0, 0, payload);
  return ipv4Fragments(
    { from: source?.[0] ?? '', to: destination?.[0] ?? '', protocol: Protocols.Udp, payload: datagram, ident, df: false },
    PIECE,
  );
};

const handshake = (wire: Wire): void => {
  wire.pass(udp({ from: `${A}:51820`, to: `${B}:51820`, payload: initiation({ sender: 1 }) }));
  wire.pass(udp({ from: `${B}:51820`, to: `${A}:51820`, payload: response({ sender: 2, receiver: 1 }) }));
};

const incidents: Scenario[] = [
  incident(KIND, 'GRE with packets of 1500 octets inside', 'each goes in two fragments', () => {
    const wire = new Wire();
    const first = wire.pass(greFragments(1500, 1));
    for (let i = 2; i <= 20; i++) wire.pass(greFragments(1500, i));
    for (let i = 0; i < 20; i++) wire.pass(gre(B, A, inner(60, i)));
    return {
      capture: wire,
      expect: [
        finding(KIND, `gre-${A}-${B}`, {
          severity: 'notice',
          confidence: 'certain',
          count: 20,
          details: {
            outerFragments: 40,
            share: 0.5,
            packets: 40,
            fragmented: 20,
            maxOuter: 1524,
            maxFragment: 1500,
            maxInner: 1500,
            suggestedMtu: 1476,
            suggestedMss: 1436,
          },
          evidenceFrames: [first],
        }),
      ],
    };
  }),
  incident(KIND, 'two tunnels by their keys, one in fragments', 'each counts for itself', () => {
    const wire = new Wire();
    for (let i = 1; i <= 15; i++) {
      wire.pass(greFragments(1480, i, 42));
      wire.pass(greFragments(1400, 100 + i, 43));
    }
    return {
      capture: wire,
      expect: [finding(KIND, `gre-${A}-${B}-0x0000002a`, { count: 15, details: { share: 1, packets: 15, suggestedMtu: 1472 } })],
    };
  }),
  incident(KIND, 'WireGuard whose device has 1500', 'later fragments show neither ports nor type', () => {
    const wire = new Wire();
    handshake(wire);
    for (let i = 1; i <= 15; i++) wire.pass(udpFragments(`${A}:51820`, `${B}:51820`, transport(2, i, 1500), i));
    return {
      capture: wire,
      expect: [
        finding(KIND, `wireguard-${A}-${B}`, {
          count: 15,
          details: { outerFragments: 30, fragmented: 15, packets: 17, maxOuter: 1564, suggestedMtu: 1440, suggestedMss: 1400 },
        }),
      ],
    };
  }),
  incident(KIND, 'ESP, both directions in fragments', 'the keys of both directions are one tunnel', () => {
    const wire = new Wire();
    for (let i = 1; i <= 12; i++)
      for (const [from, to, spi] of [
        [A, B, 0xa1],
        [B, A, 0xb1],
      ] as const)
        wire.pass(
          ipv4Fragments(
            { from, to, protocol: 50, payload: octets(be32(spi), be32(i), noise(1532, i)), ident: spi * 100 + i, df: false },
            PIECE,
          ),
        );
    return {
      capture: wire,
      expect: [
        finding(KIND, `esp-${A}-${B}`, { count: 24, details: { outerFragments: 48, packets: 24, maxOuter: 1560, suggestedMtu: null } }),
      ],
    };
  }),
  incident(KIND, 'GRE over IPv6', 'the fragment header counts for neither', () => {
    const wire = new Wire();
    for (let i = 1; i <= 12; i++)
      wire.pass(
        ipv6Fragments({ from: A6, to: B6, protocol: GRE, payload: octets(greHeader(0x0800), inner(1500, i).octets), ident: i }, PIECE6),
      );
    return {
      capture: wire,
      expect: [finding(KIND, `gre-${A6}-${B6}`, { count: 12, details: { outerFragments: 24, maxOuter: 1544, maxInner: 1500 } })],
    };
  }),
  incident(KIND, 'WireGuard over IPv6', 'a fragment of 1496 octets is the largest one for a path of 1500', () => {
    const wire = new Wire();
    wire.pass(udp({ from: `[${A6}]:51820`, to: `[${B6}]:51820`, payload: initiation({ sender: 1 }) }));
    wire.pass(udp({ from: `[${B6}]:51820`, to: `[${A6}]:51820`, payload: response({ sender: 2, receiver: 1 }) }));
    for (let i = 1; i <= 12; i++) {
      const message = transport(2, i, 1440);
      const datagram = octets(be16(51820), be16(51820), be16(8 + message.length), 0, 0, message);
      wire.pass(ipv6Fragments({ from: A6, to: B6, protocol: Protocols.Udp, payload: datagram, ident: i }, PIECE6));
    }
    return {
      capture: wire,
      expect: [finding(KIND, `wireguard-${A6}-${B6}`, { details: { maxFragment: 1496, suggestedMtu: 1420, suggestedMss: 1380 } })],
    };
  }),
  incident(KIND, 'WireGuard over a narrow path of IPv6', 'what its fragments have fits for certain', () => {
    const wire = new Wire();
    wire.pass(udp({ from: `[${A6}]:51820`, to: `[${B6}]:51820`, payload: initiation({ sender: 1 }) }));
    wire.pass(udp({ from: `[${B6}]:51820`, to: `[${A6}]:51820`, payload: response({ sender: 2, receiver: 1 }) }));
    for (let i = 1; i <= 12; i++) {
      const message = transport(2, i, 1440);
      const datagram = octets(be16(51820), be16(51820), be16(8 + message.length), 0, 0, message);
      wire.pass(ipv6Fragments({ from: A6, to: B6, protocol: Protocols.Udp, payload: datagram, ident: i }, 1392));
    }
    return {
      capture: wire,
      expect: [finding(KIND, `wireguard-${A6}-${B6}`, { details: { maxFragment: 1440, suggestedMtu: 1360 } })],
    };
  }),
  incident(KIND, 'a path of 1400 octets', 'its fragments say how much fits', () => {
    const wire = new Wire();
    for (let i = 1; i <= 12; i++) wire.pass(greFragments(1476, i, undefined, 1376));
    return {
      capture: wire,
      expect: [finding(KIND, `gre-${A}-${B}`, { details: { maxFragment: 1396, suggestedMtu: 1372, suggestedMss: 1332 } })],
    };
  }),
  incident(KIND, 'on any, in by one card and out by another', 'a packet that passes counts once', () => {
    const host = new LinuxHost();
    for (let i = 1; i <= 12; i++) {
      host.wait(0.1);
      for (const packet of greFragments(1500, i)) host.incoming(packet, 2, mac(1));
      for (const packet of greFragments(1500, i)) host.outgoing(packet, 3, mac(2));
    }
    return {
      capture: host,
      expect: [finding(KIND, `gre-${A}-${B}`, { count: 12, details: { outerFragments: 24, packets: 12, fragmented: 12 } })],
    };
  }),
];

const twins: Scenario[] = [
  twin(KIND, 'GRE with packets that fit', 'the repaired tunnel', () => {
    const wire = new Wire();
    for (let i = 1; i <= 40; i++) wire.pass(greFragments(1476, i));
    return { capture: wire };
  }),
  twin(KIND, 'nine packets in fragments', 'too few', () => {
    const wire = new Wire();
    for (let i = 1; i <= 9; i++) wire.pass(greFragments(1500, i));
    return { capture: wire };
  }),
  twin(KIND, 'one packet in twenty-five', 'too seldom', () => {
    const wire = new Wire();
    for (let i = 1; i <= 300; i++) wire.pass(greFragments(i % 25 === 0 ? 1500 : 100, i));
    return { capture: wire };
  }),
  twin(KIND, 'IKE with large certificates', 'a handshake is no tunnel', () => {
    const wire = new Wire();
    for (let i = 1; i <= 12; i++) {
      const message = octets(ike({ initiatorSpi: BigInt(i), exchange: 34 }), noise(1600, i));
      const answer = octets(ike({ initiatorSpi: BigInt(i), responderSpi: 9n, exchange: 34, response: true }), noise(1600, i));
      wire.pass(udpFragments(`${A}:500`, `${B}:500`, message, i), 5);
      wire.pass(udpFragments(`${B}:500`, `${A}:500`, answer, 100 + i));
    }
    return { capture: wire };
  }),
  twin(KIND, 'fragments inside of the tunnel', 'the packets outside are whole', () => {
    const wire = new Wire();
    for (let i = 1; i <= 20; i++) {
      const pieces = ipv4Fragments(
        { from: '10.1.0.10', to: '10.2.0.10', protocol: 254, payload: octets(noise(2000, i)), ident: i, df: false },
        1448,
      );
      for (const piece of pieces) wire.pass(gre(A, B, piece));
    }
    return { capture: wire };
  }),
  twin(KIND, 'large answers of DNS', 'no tunnel', () => {
    const wire = new Wire();
    for (let i = 1; i <= 20; i++) {
      wire.pass(udp({ from: `${A}:${40_000 + i}`, to: `${B}:53`, payload: dnsQuery({ id: i, name: 'large.example' }) }));
      wire.pass(udpFragments(`${B}:53`, `${A}:${40_000 + i}`, octets(be16(i), 0x84, 0, noise(1800, i)), i));
    }
    return { capture: wire };
  }),
];

export const scenarios: readonly Scenario[] = [...incidents, ...twins];
