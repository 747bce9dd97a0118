/** Where TCP plays: a client and a server, a path between them that may be too narrow, and places from which it is looked at. */
import {
  EthernetCapture,
  forwarded,
  type IpOptions,
  initiation,
  type NetworkPacket,
  response,
  TcpFlags,
  tcp,
  tooBig,
  transport,
  udp,
} from '../craft/index.ts';
import { LinuxHost, mac } from './stage.ts';

export type Side = 'client' | 'server';

export interface Ends {
  client: string;
  server: string;
}

export const V4: Ends = { client: '10.1.0.10:40000', server: '10.2.0.10:8080' };
export const V6: Ends = { client: '[2001:db8:1::10]:40000', server: '[2001:db8:2::10]:8080' };

/** As findings name the connection, the lower address first. */
export const idOf = ({ client, server }: Ends): string => `${client}-${server}`;

const TICK = 0.0005;
/** When Linux repeats a segment, in seconds after the time before: the timeout doubles. */
export const BACKOFF = [0.2, 0.4, 0.8, 1.6, 3.2] as const;

/** A place of capture. */
export interface View {
  readonly capture: { readonly bytes: Uint8Array; wait(seconds: number): unknown };
  /**
   * A packet on its way; gives the number of its first frame.
   * @param isLost it does not get through the path: a place behind it does not see it
   */
  see(packet: NetworkPacket, from: Side, isLost: boolean): number;
}

/** The card of one end: it sees what the other end sent and what got through, and all that it sends itself. */
export function atCard(side: Side): View {
  const capture = new EthernetCapture();
  return {
    capture,
    see(packet, from, isLost) {
      if (isLost && from !== side) return 0;
      const [source, destination] = from === 'client' ? [mac(1), mac(2)] : [mac(2), mac(1)];
      return capture.send(packet, { source, destination });
    },
  };
}

export const LAN = 2;
export const WAN = 3;
export const TUNNEL = 4;
const OUTSIDE = ['198.51.100.2:51820', '198.51.100.18:51820'] as const;

/**
 * The head of a WireGuard tunnel on the side of the client, with all of its interfaces: what gets through is seen at its card, at the tunnel and outside.
 * @param change what becomes of a packet on its way from one side of the host to the other: an MSS that is clamped
 */
export function atGateway(change: (packet: NetworkPacket, from: Side) => NetworkPacket = (packet) => packet): View {
  const capture = new LinuxHost();
  let counter = 0;
  const outside = (from: Side, payload: Uint8Array): void => {
    const [source, destination] = from === 'client' ? OUTSIDE : [OUTSIDE[1], OUTSIDE[0]];
    const packet = udp({ from: source, to: destination, payload });
    if (from === 'client') capture.outgoing(packet, WAN, mac(3));
    else capture.incoming(packet, WAN, mac(4));
  };
  outside('client', initiation({ sender: 1 }));
  outside('server', response({ sender: 2, receiver: 1 }));
  return {
    capture,
    see(packet, from, isLost) {
      const inside = forwarded(change(packet, from));
      if (from === 'client') {
        const frame = capture.incoming(packet, LAN, mac(1));
        if (isLost) return frame;
        capture.outgoing(inside, TUNNEL);
        outside('client', transport(2, counter++, packet.octets.length));
        return frame;
      }
      if (isLost) return 0;
      outside('server', transport(1, counter++, packet.octets.length));
      const frame = capture.incoming(packet, TUNNEL);
      capture.outgoing(inside, LAN, mac(2));
      return frame;
    },
  };
}

export interface SegmentOptions extends IpOptions {
  seq?: number;
  ack?: number;
  window?: number;
  mss?: number;
  sack?: readonly [number, number];
  payload?: Uint8Array;
  isLost?: boolean;
}

/** One connection. What is sent counts as acknowledged when the other side says so: nothing is said by itself. */
export class Flow {
  readonly view: View;
  readonly ends: Ends;
  private readonly next: Record<Side, number> = { client: 1000, server: 500_000 };
  private readonly acked: Record<Side, number> = { client: 0, server: 0 };
  private ident = 1;

  constructor(view: View, ends: Ends = V4) {
    this.view = view;
    this.ends = ends;
  }

  wait(seconds: number): this {
    this.view.capture.wait(seconds);
    return this;
  }

  /** A segment as a packet; it is not sent. */
  packet(from: Side, flags: number, { isLost: _, ...options }: SegmentOptions = {}): NetworkPacket {
    const to = from === 'client' ? 'server' : 'client';
    return tcp({
      from: this.ends[from],
      to: this.ends[to],
      flags,
      seq: this.next[from],
      ack: flags === TcpFlags.Syn ? 0 : this.acked[from],
      ident: this.ident++,
      ...options,
    });
  }

  segment(from: Side, flags: number, options: SegmentOptions = {}): number {
    this.wait(TICK);
    return this.view.see(this.packet(from, flags, options), from, options.isLost === true);
  }

  /** SYN, SYN and ACK, ACK; gives the first two frames. */
  connect({ client = 1460, server = 1460 }: { client?: number; server?: number } = {}): number[] {
    const syn = this.segment('client', TcpFlags.Syn, { mss: client });
    this.next.client++;
    this.acked.server = this.next.client;
    const answer = this.segment('server', TcpFlags.Syn | TcpFlags.Ack, { mss: server });
    this.next.server++;
    this.ack('client');
    return [syn, answer];
  }

  /** Octets that are on their way: neither acknowledged nor lost yet. */
  send(from: Side, length: number, options: SegmentOptions = {}): Sent {
    const seq = this.next[from];
    const payload = new Uint8Array(length).fill(0x78);
    this.next[from] += length;
    const made = { seq, payload, ...options };
    return { frame: this.segment(from, TcpFlags.Psh | TcpFlags.Ack, made), from, ...made };
  }

  /** The same octets once more, or some of them. */
  again({ from, seq, payload, frame: _, ...options }: Sent, more: SegmentOptions = {}): number {
    return this.segment(from, TcpFlags.Psh | TcpFlags.Ack, { seq, payload, ...options, ...more });
  }

  /** Acknowledges all that the other side has sent, or up to a number. */
  ack(from: Side, options: SegmentOptions = {}): number {
    this.acked[from] = options.ack ?? this.next[from === 'client' ? 'server' : 'client'];
    return this.segment(from, TcpFlags.Ack, options);
  }

  /** The latest acknowledgement once more: of a keepalive, or because something is missing. */
  repeatAck(from: Side, options: SegmentOptions = {}): number {
    return this.segment(from, TcpFlags.Ack, options);
  }

  /** Octets, and their acknowledgement. */
  say(from: Side, length: number, options: SegmentOptions = {}): Sent {
    const sent = this.send(from, length, options);
    this.ack(from === 'client' ? 'server' : 'client');
    return sent;
  }

  /** A request and an answer, both small. */
  greet(): this {
    this.say('client', 100);
    this.say('server', 200);
    return this;
  }

  /** A segment that vanishes, repeated as Linux does; the receiver asks after its peer meanwhile. Gives its frames. */
  vanish(sent: Sent, { alive = true, times = BACKOFF.length }: { alive?: boolean; times?: number } = {}): number[] {
    const frames = [sent.frame];
    for (const [i, seconds] of BACKOFF.slice(0, times).entries()) {
      this.wait(seconds);
      frames.push(this.again(sent, { isLost: true }));
      if (alive && i >= 1) this.keepalive(sent.from === 'client' ? 'server' : 'client');
    }
    return frames;
  }

  /** TCP asks whether the other end is there, with a sequence number that is known already; and the answer. */
  keepalive(from: Side): number {
    const frame = this.segment(from, TcpFlags.Ack, { seq: this.next[from] - 1 });
    this.repeatAck(from === 'client' ? 'server' : 'client');
    return frame;
  }

  rst(from: Side): number {
    return this.segment(from, TcpFlags.Rst | TcpFlags.Ack);
  }

  fin(from: Side): number {
    const frame = this.segment(from, TcpFlags.Fin | TcpFlags.Ack);
    this.next[from]++;
    return frame;
  }

  /** A segment of these octets as an ICMP error quotes it. */
  quoted({ from, seq, payload }: Sent): NetworkPacket {
    return this.packet(from, TcpFlags.Psh | TcpFlags.Ack, { seq, payload });
  }
}

export interface Sent extends SegmentOptions {
  frame: number;
  from: Side;
  seq: number;
  payload: Uint8Array;
}

/** The error about a packet that is too large, to who sent it (or to another). */
export function tooLarge(flow: Flow, sent: Sent, mtu: number, router: string): NetworkPacket {
  const quoted = flow.quoted(sent);
  const sender = flow.ends[sent.from].replace(/:\d+$/, '').replace(/[[\]]/g, '');
  return tooBig({ from: router, to: sender, quoted, mtu });
}
