import {
  EthernetCapture,
  echoReply,
  echoRequest,
  esp,
  espNull,
  ike,
  type NetworkPacket,
  natT,
  natTraversalIke,
  octets,
  syn,
  TcpFlags,
  tcp,
  udp,
  zeros,
} from '../craft/index.ts';
import { finding, incident, type Scenario, twin } from './scenario.ts';
import { LinuxHost, mac } from './stage.ts';

const KIND = 'ipsec-one-way';
const A = '198.51.100.2';
const B = '203.0.113.2';
const B2 = '203.0.113.66';
const SPI_AB = 0xc1b0_0001;
const SPI_BA = 0xc1a0_0001;
const INNER_A = '10.1.0.10';
const INNER_B = '10.2.0.10';
const INNER_B2 = '10.2.0.11';

/** A link that both directions pass. */
class Wire extends EthernetCapture {
  private readonly sequences = new Map<number, number>();

  pass(packet: NetworkPacket, after = 0.01): number {
    this.wait(after);
    return this.send(packet, { source: mac(1), destination: mac(2) });
  }

  /** The next packet of an association, encrypted. */
  esp(from: string, to: string, spi: number, after = 0.01): number {
    return this.pass(esp(from, to, { spi, sequence: this.next(spi) }, 96), after);
  }

  /** One that can be read. */
  plain(from: string, to: string, spi: number, inner: NetworkPacket, after = 0.01): number {
    return this.pass(espNull(from, to, { spi, sequence: this.next(spi) }, inner), after);
  }

  /** Packets that are sent and do not pass here. */
  lose(spi: number, packets: number): void {
    this.sequences.set(spi, (this.sequences.get(spi) ?? 0) + packets);
  }

  next(spi: number): number {
    const sequence = (this.sequences.get(spi) ?? 0) + 1;
    this.sequences.set(spi, sequence);
    return sequence;
  }

  /** IKE_SA_INIT and its answer. */
  negotiate(from = A, to = B): void {
    const initiatorSpi = 0x1122_3344_5566_7788n;
    this.pass(udp({ from: `${from}:500`, to: `${to}:500`, payload: ike({ initiatorSpi }) }));
    this.pass(udp({ from: `${to}:500`, to: `${from}:500`, payload: ike({ initiatorSpi, responderSpi: 0x99n, response: true }) }));
  }

  /** Both ways, encrypted. */
  chat(times: number): void {
    for (let i = 0; i < times; i++) {
      this.esp(A, B, SPI_AB, 0.2);
      this.esp(B, A, SPI_BA);
    }
  }

  /** Only from A. Gives the first and the last frame. */
  alone(times: number, every = 0.6, spi = SPI_AB): number[] {
    const frames = Array.from({ length: times }, () => this.esp(A, B, spi, every));
    return [frames[0] ?? 0, frames.at(-1) ?? 0];
  }
}

const subject = `${A}|${B}`;

const incidents: Scenario[] = [
  incident(KIND, 'the answers are lost, then they are back', 'the sequence numbers of the silent end show that it sent', () => {
    const wire = new Wire();
    wire.negotiate();
    wire.chat(5);
    const evidenceFrames = wire.alone(30);
    wire.lose(SPI_BA, 30);
    const again = wire.esp(B, A, SPI_BA, 0.5);
    wire.chat(3);
    return {
      capture: wire,
      expect: [
        finding(KIND, subject, {
          severity: 'notice',
          confidence: 'likely',
          details: { spi: '0xc1b00001', packets: 30, missed: 30, packetsBack: 9, protocol: 'esp' },
          evidenceFrames: [...evidenceFrames, again],
        }),
      ],
    };
  }),
  incident(KIND, 'nothing comes back any more', 'encrypted: whether an answer is due, nobody can tell', () => {
    const wire = new Wire();
    wire.chat(5);
    wire.alone(30);
    return {
      capture: wire,
      expect: [finding(KIND, subject, { severity: 'warning', confidence: 'possible', details: { packets: 30, missed: 0 } })],
    };
  }),
  incident(KIND, 'nothing ever came back, but IKE is answered', 'both directions pass here; encrypted', () => {
    const wire = new Wire();
    wire.negotiate();
    wire.alone(30);
    return {
      capture: wire,
      expect: [finding(KIND, subject, { severity: 'warning', confidence: 'possible', details: { packets: 30, packetsBack: 0 } })],
    };
  }),
  incident(KIND, 'null encryption, connections are tried in vain', 'TCP inside needs answers', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 24; i++) {
      const server = i < 12 ? INNER_B : INNER_B2;
      wire.plain(A, B, SPI_AB, syn(`${INNER_A}:${40_000 + Math.floor(i / 4)}`, `${server}:80`), 1);
    }
    return {
      capture: wire,
      expect: [finding(KIND, subject, { severity: 'warning', confidence: 'likely', details: { packets: 24, needAnswer: 24 } })],
    };
  }),
  incident(KIND, 'null encryption, echo requests without replies', 'echo requests need answers', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 24; i++) wire.plain(A, B, SPI_AB, echoRequest({ from: INNER_A, to: i % 2 ? INNER_B : INNER_B2, id: 7, seq: i }), 1);
    return { capture: wire, expect: [finding(KIND, subject, { confidence: 'likely', details: { needAnswer: 24 } })] };
  }),
  incident(KIND, 'null encryption, echo requests to one host', 'it may be off: possible', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 24; i++) wire.plain(A, B, SPI_AB, echoRequest({ from: INNER_A, to: INNER_B, id: 7, seq: i }), 1);
    return { capture: wire, expect: [finding(KIND, subject, { confidence: 'possible', details: { needAnswer: 24 } })] };
  }),
  incident(KIND, 'a cluster fails over under one-way traffic', 'its sequence numbers jump farther than the time has room for', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 4; i++) {
      wire.alone(5, 1);
      wire.esp(B, A, SPI_BA);
    }
    wire.alone(57, 0.5);
    wire.lose(SPI_BA, 299);
    wire.esp(B, A, SPI_BA, 0.5);
    return {
      capture: wire,
      expect: [finding(KIND, subject, { severity: 'notice', confidence: 'possible', details: { packets: 57, missed: 0 } })],
    };
  }),
  incident(KIND, 'a download whose packets are lost', 'the silent end sent more than it got, as before', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 60; i++) {
      wire.esp(B, A, SPI_BA, 0.1);
      if (i % 5 === 0) wire.esp(A, B, SPI_AB);
    }
    wire.alone(25, 0.5);
    wire.lose(SPI_BA, 100);
    wire.esp(B, A, SPI_BA, 0.5);
    return {
      capture: wire,
      expect: [finding(KIND, subject, { severity: 'notice', confidence: 'likely', details: { packets: 25, missed: 100 } })],
    };
  }),
  incident(KIND, 'ESP in UDP, new keys in the middle of it', 'packets count under whatever SPI', () => {
    const wire = new Wire();
    const [from, to] = [`${A}:4500`, `${B}:4500`];
    const send = (spi: number, way: readonly [string, string], after: number): number =>
      wire.pass(natT(way[0], way[1], { spi, sequence: wire.next(spi) }, 96), after);
    for (let i = 0; i < 5; i++) {
      send(SPI_AB, [from, to], 0.2);
      send(SPI_BA, [to, from], 0.01);
    }
    for (let i = 0; i < 12; i++) send(SPI_AB, [from, to], 0.6);
    for (let i = 0; i < 12; i++) send(0xc1b0_0002, [from, to], 0.6);
    wire.lose(SPI_BA, 20);
    send(SPI_BA, [to, from], 0.5);
    return {
      capture: wire,
      expect: [
        finding(KIND, subject, {
          severity: 'notice',
          confidence: 'likely',
          details: { packets: 24, missed: 20, protocol: 'nat-t', spi: '0xc1b00002' },
        }),
      ],
    };
  }),
  incident(KIND, 'the answers come from another uplink', 'it is named', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 30; i++) {
      wire.esp(A, B, SPI_AB, 0.6);
      wire.esp(B2, A, SPI_BA);
    }
    return {
      capture: wire,
      expect: [finding(KIND, subject, { confidence: 'possible', details: { answeredFrom: B2 } })],
      open: [finding(KIND, `${B2}|${A}`, { confidence: 'possible' })],
    };
  }),
  incident(KIND, 'on any, at the gateway that hears nothing', 'copies on a bridge and its port count once', () => {
    const host = new LinuxHost();
    let sequence = 0;
    for (let i = 0; i < 3; i++) {
      host.wait(0.1).outgoing(esp(A, B, { spi: SPI_AB, sequence: ++sequence }, 96), 2, mac(1));
      host.wait(0.1).incoming(esp(B, A, { spi: SPI_BA, sequence: i + 1 }, 96), 2, mac(2));
    }
    for (let i = 0; i < 25; i++) {
      const packet = esp(A, B, { spi: SPI_AB, sequence: ++sequence }, 96);
      host.wait(0.6).outgoing(packet, 5, mac(1));
      host.outgoing(packet, 2, mac(1));
    }
    host.wait(0.1).incoming(esp(B, A, { spi: SPI_BA, sequence: 28 }, 96), 2, mac(2));
    return {
      capture: host,
      expect: [finding(KIND, subject, { severity: 'notice', confidence: 'likely', details: { packets: 25, missed: 24 } })],
    };
  }),
];

const twins: Scenario[] = [
  twin(KIND, 'both ways all the time', 'the repaired tunnel', () => {
    const wire = new Wire();
    wire.negotiate();
    wire.chat(60);
    return { capture: wire };
  }),
  twin(KIND, 'a capture of one direction', 'it proves nothing', () => {
    const wire = new Wire();
    wire.alone(60);
    return { capture: wire };
  }),
  twin(KIND, 'a capture of one direction, connections inside', 'even if they can be read', () => {
    const wire = new Wire();
    for (let i = 0; i < 40; i++) wire.plain(A, B, SPI_AB, syn(`${INNER_A}:${40_000 + i}`, `${INNER_B}:80`), 1);
    return { capture: wire };
  }),
  twin(KIND, 'nineteen packets', 'too few', () => {
    const wire = new Wire();
    wire.negotiate();
    wire.alone(19, 1);
    return { capture: wire };
  }),
  twin(KIND, 'many packets in a few seconds', 'a burst is no silence', () => {
    const wire = new Wire();
    wire.chat(3);
    wire.alone(400, 0.02);
    wire.chat(3);
    return { capture: wire };
  }),
  twin(KIND, 'new keys while both ways carry', 'the old pair ends, the new one goes on', () => {
    const wire = new Wire();
    wire.chat(20);
    for (let i = 0; i < 40; i++) {
      wire.esp(A, B, 0xc1b0_0002, 0.5);
      wire.esp(B, A, 0xc1a0_0002);
    }
    return { capture: wire };
  }),
  twin(KIND, 'an idle standby tunnel', 'a packet a minute', () => {
    const wire = new Wire();
    wire.negotiate();
    wire.alone(15, 60);
    return { capture: wire };
  }),
  twin(KIND, 'keepalives of NAT-T', 'single octets are no ESP', () => {
    const wire = new Wire();
    wire.pass(udp({ from: `${A}:4500`, to: `${B}:4500`, payload: natTraversalIke({ initiatorSpi: 5n }) }));
    wire.pass(
      udp({ from: `${B}:4500`, to: `${A}:4500`, payload: natTraversalIke({ initiatorSpi: 5n, responderSpi: 6n, response: true }) }),
    );
    for (let i = 0; i < 40; i++) wire.pass(udp({ from: `${A}:4500`, to: `${B}:4500`, payload: octets(0xff) }), 20);
    return { capture: wire };
  }),
  twin(KIND, 'before and after a NAT', 'the same packets twice, answered twice', () => {
    const host = new LinuxHost();
    const [inside, outside, peer] = ['192.168.1.2:4500', '203.0.113.10:4500', '198.51.100.99:4500'];
    for (let i = 1; i <= 40; i++) {
      host.wait(0.4).incoming(natT(inside, peer, { spi: SPI_AB, sequence: i }, 96), 2, mac(1));
      host.outgoing(natT(outside, peer, { spi: SPI_AB, sequence: i }, 96), 3, mac(2));
      host.wait(0.01).incoming(natT(peer, outside, { spi: SPI_BA, sequence: i }, 96), 3, mac(3));
      host.outgoing(natT(peer, inside, { spi: SPI_BA, sequence: i }, 96), 2, mac(2));
    }
    return { capture: host };
  }),
  twin(KIND, 'connections inside that are answered', 'null encryption, both ways', () => {
    const wire = new Wire();
    wire.negotiate();
    for (let i = 0; i < 30; i++) {
      const [client, server] = [`${INNER_A}:${40_000 + i}`, `${INNER_B}:80`];
      wire.plain(A, B, SPI_AB, tcp({ from: client, to: server, flags: TcpFlags.Syn, seq: 1000, mss: 1300 }), 0.5);
      const flags = TcpFlags.Syn | TcpFlags.Ack;
      wire.plain(B, A, SPI_BA, tcp({ from: server, to: client, flags, seq: 5000, ack: 1001, mss: 1300 }));
      wire.plain(A, B, SPI_AB, echoRequest({ from: INNER_A, to: INNER_B, id: 7, seq: i }));
      wire.plain(B, A, SPI_BA, echoReply({ from: INNER_B, to: INNER_A, id: 7, seq: i }));
    }
    return { capture: wire };
  }),
];

/** Syslog and the like need no answer: where it can be read, too. */
const stream: Scenario = incident(KIND, 'null encryption, syslog only', 'one-way UDP needs no answer: possible', () => {
  const wire = new Wire();
  wire.negotiate();
  for (let i = 0; i < 30; i++) {
    const inner = udp({ from: `${INNER_A}:514`, to: `${INNER_B}:514`, payload: octets(zeros(40), i) });
    wire.plain(A, B, SPI_AB, inner, 0.6);
  }
  return { capture: wire, expect: [finding(KIND, subject, { confidence: 'possible', details: { needAnswer: 0 } })] };
});

export const scenarios: readonly Scenario[] = [...incidents, stream, ...twins];
