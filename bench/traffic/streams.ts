import type { Agenda } from './agenda.ts';
import { EtherType, type Packets, Protocol, TCP_HEADER, TcpFlag } from './packets.ts';
import type { Random } from './random.ts';

/** Between a host of the site and a counterpart beyond its gateway. */
export interface Ends {
  host: number;
  hostPort: number;
  far: number;
  farPort: number;
}

/** Within how many frames an answer comes. */
const SOON = 24;
/** Of the segments with data that are acknowledged on their own; the others are by the data that comes back. */
const ACKNOWLEDGED = 0.5;

/** TCP connections whose octets somebody else writes, a message at a time. */
export class Streams {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly random: Random;
  private readonly ends: readonly Ends[];
  /** The next sequence numbers. */
  private readonly fromHost: Int32Array;
  private readonly fromFar: Int32Array;

  constructor(packets: Packets, agenda: Agenda, random: Random, ends: readonly Ends[]) {
    this.packets = packets;
    this.agenda = agenda;
    this.random = random;
    this.ends = ends;
    this.fromHost = Int32Array.from(ends, () => random.word());
    this.fromFar = Int32Array.from(ends, () => random.word());
  }

  /** The handshake; after it, `then`. */
  open(stream: number, byHost: boolean, then: (stream: number) => void): void {
    this.bare(stream, byHost, TcpFlag.Syn);
    this.soon(() => {
      this.bare(stream, !byHost, TcpFlag.Syn | TcpFlag.Ack);
      this.soon(() => {
        this.bare(stream, byHost, TcpFlag.Ack);
        this.soon(() => then(stream));
      });
    });
  }

  /** Everything up to a message of `length` octets, which the caller writes and ends. */
  begin(stream: number, fromHost: boolean, length: number): void {
    this.headers(stream, fromHost, TcpFlag.Ack | TcpFlag.Push, length);
    this.advance(stream, fromHost, length);
    if (this.random.chance(ACKNOWLEDGED)) this.soon(() => this.bare(stream, !fromHost, TcpFlag.Ack));
  }

  private bare(stream: number, fromHost: boolean, flags: number): void {
    this.headers(stream, fromHost, flags, 0);
    this.packets.end();
    if (flags & TcpFlag.Syn) this.advance(stream, fromHost, 1);
  }

  private headers(stream: number, fromHost: boolean, flags: number, length: number): void {
    const { packets } = this;
    const ends = this.ends[stream];
    if (!ends) throw new Error(`there is no stream ${stream}`);
    const { host, hostPort, far, farPort } = ends;
    const source = fromHost ? host : far;
    const header = TCP_HEADER + (flags & TcpFlag.Syn ? MSS : 0);
    packets.begin(host, fromHost, EtherType.Ipv4);
    packets.ip({ isV6: false, source, destination: fromHost ? far : host, protocol: Protocol.Tcp, length: header + length });
    const own = (fromHost ? this.fromHost : this.fromFar)[stream] ?? 0;
    const other = flags & TcpFlag.Ack ? ((fromHost ? this.fromFar : this.fromHost)[stream] ?? 0) : 0;
    packets.tcp(fromHost ? hostPort : farPort, fromHost ? farPort : hostPort, own, other, flags);
  }

  private advance(stream: number, fromHost: boolean, octets: number): void {
    const own = fromHost ? this.fromHost : this.fromFar;
    own[stream] = (own[stream] ?? 0) + octets;
  }

  private soon(action: () => void): void {
    this.agenda.put(1 + this.random.below(SOON), action);
  }
}

/** Octets of the option that a SYN has. */
const MSS = 4;
