/** Where BGP plays: two routers and more, and the TCP connections between them, on a link, in a tunnel, or seen from a host. */
import {
  bgpEndOfRib,
  bgpKeepalive,
  bgpOpen,
  bgpUpdate,
  type Capture,
  EthernetCapture,
  gre,
  type NetworkPacket,
  RawCapture,
  TcpFlags,
  tcp,
} from '../craft/index.ts';
import { LinuxHost, mac } from './stage.ts';

export interface BgpRouter {
  ip: string;
  as: number;
  /** BGP identifier. */
  id: string;
  mac: string;
}

export const bgpRouter = (last: number, ip: string, as: number): BgpRouter => ({ ip, as, id: `10.255.0.${last}`, mac: mac(last) });

export const PORT = 179;
const HOLD = 9;
const TICK = 0.0005;
const OUTER = ['198.51.100.10', '203.0.113.10'] as const;

/** How packets are seen: on an Ethernet link, on a tun device, inside of GRE, or by a router with all of its interfaces. */
export type View = 'Ethernet' | 'RAW' | 'GRE' | 'any';

/** A place among others in one capture: how its packets get into it, and its first port. */
export interface Beside {
  capture: Capture;
  put: (packet: NetworkPacket, from: string) => number;
  port: number;
}

export class BgpStage {
  readonly capture: Capture;
  readonly view: View;
  /** Ends of the GRE tunnel: that of the lower inner address first. */
  outer: readonly [string, string] = OUTER;
  /** Which packets the capture sees. */
  sees: (from: string) => boolean = () => true;
  private readonly put: (packet: NetworkPacket, from: string) => number;
  private port = 40_000;

  constructor(place: View | Beside = 'Ethernet') {
    const view = typeof place === 'string' ? place : 'any';
    this.view = view;
    if (typeof place !== 'string') {
      this.capture = place.capture;
      this.put = place.put;
      this.port = place.port;
    } else if (view === 'RAW') {
      const capture = new RawCapture();
      this.capture = capture;
      this.put = (packet) => capture.send(packet);
    } else if (view === 'any') {
      const capture = new LinuxHost();
      this.capture = capture;
      this.put = (packet, from) => (from === this.home ? capture.outgoing(packet, 2, mac(0x01)) : capture.incoming(packet, 2, mac(0x02)));
    } else {
      const capture = new EthernetCapture();
      this.capture = capture;
      this.put = (packet, from) => {
        const isFirst = from === this.home;
        const [source, destination] = isFirst ? [mac(0x01), mac(0x02)] : [mac(0x02), mac(0x01)];
        const [a, b] = isFirst ? this.outer : [this.outer[1], this.outer[0]];
        return capture.send(view === 'GRE' ? gre(a, b, packet) : packet, { source, destination });
      };
    }
  }

  /** The router with the card 02:00:00:00:00:01. */
  home = '192.0.2.1';

  send(packet: NetworkPacket, from: string): number {
    return this.sees(from) ? this.put(packet, from) : 0;
  }

  get bytes(): Uint8Array {
    return this.capture.bytes;
  }

  get now(): number {
    return this.capture.now;
  }

  wait(seconds: number): this {
    this.capture.wait(seconds);
    return this;
  }

  /** A new connection, not yet asked for. */
  line(client: BgpRouter, server: BgpRouter, options: { ttl?: number } = {}): Line {
    return new Line(this, client, server, this.port++, options);
  }

  /** A session that is up: handshake, OPENs, KEEPALIVEs. */
  session(client: BgpRouter, server: BgpRouter, options: { hold?: number; gracefulRestart?: number } = {}): Line {
    const line = this.line(client, server).connect();
    line.open(client, options);
    line.open(server, options);
    line.say(client, bgpKeepalive());
    line.say(server, bgpKeepalive());
    return line;
  }
}

/** One TCP connection to port 179. What is said is acknowledged at once, unless said. */
export class Line {
  readonly client: BgpRouter;
  readonly server: BgpRouter;
  private readonly stage: BgpStage;
  private readonly port: number;
  private readonly ttl: number | undefined;
  private readonly next = new Map<BgpRouter, number>();

  constructor(stage: BgpStage, client: BgpRouter, server: BgpRouter, port: number, { ttl }: { ttl?: number }) {
    this.stage = stage;
    this.client = client;
    this.server = server;
    this.port = port;
    this.ttl = ttl;
    this.next.set(client, 1000 + port);
    this.next.set(server, 500_000 + port);
  }

  syn(): number {
    return this.segment(this.client, TcpFlags.Syn, { seq: this.seq(this.client) });
  }

  /** The SYN as a packet, for an error to quote. */
  get synPacket(): NetworkPacket {
    return this.packet(this.client, TcpFlags.Syn, { seq: this.seq(this.client) });
  }

  synAck(): number {
    return this.segment(this.server, TcpFlags.Syn | TcpFlags.Ack, { seq: this.seq(this.server), ack: this.seq(this.client) + 1 });
  }

  get synAckPacket(): NetworkPacket {
    return this.packet(this.server, TcpFlags.Syn | TcpFlags.Ack, { seq: this.seq(this.server), ack: this.seq(this.client) + 1 });
  }

  /** SYN, SYN/ACK, ACK. */
  connect(): this {
    this.syn();
    this.stage.wait(TICK);
    this.synAck();
    this.stage.wait(TICK);
    for (const each of [this.client, this.server]) this.next.set(each, this.seq(each) + 1);
    this.ack(this.client);
    return this;
  }

  /** A segment with data, and its acknowledgement. */
  say(from: BgpRouter, ...messages: Uint8Array[]): number {
    const frame = this.sayUnheard(from, ...messages);
    this.stage.wait(TICK);
    this.ack(this.peer(from));
    return frame;
  }

  /** A segment that is not acknowledged, and may be sent again with `again`. */
  sayUnheard(from: BgpRouter, ...messages: Uint8Array[]): number {
    const payload = Uint8Array.from(messages.flatMap((each) => [...each]));
    this.stage.wait(TICK);
    const frame = this.segment(from, TcpFlags.Psh | TcpFlags.Ack, { payload });
    this.last = payload;
    this.next.set(from, this.seq(from) + payload.length);
    return frame;
  }

  /** A segment with data of its own, between those of the other side that get lost: not acknowledged, and not sent again. */
  sayAlone(from: BgpRouter, ...messages: Uint8Array[]): number {
    const { last } = this;
    const payload = Uint8Array.from(messages.flatMap((each) => [...each]));
    this.stage.wait(TICK);
    const frame = this.segment(from, TcpFlags.Psh | TcpFlags.Ack, { payload, ack: this.acked.get(from) ?? 0 });
    this.next.set(from, this.seq(from) + payload.length);
    this.last = last;
    return frame;
  }

  /** The latest unheard octets once more. */
  again(from: BgpRouter): number {
    return this.segment(from, TcpFlags.Psh | TcpFlags.Ack, {
      payload: this.last,
      seq: this.seq(from) - this.last.length,
      ack: this.acked.get(from) ?? 0,
    });
  }

  open(from: BgpRouter, { hold = HOLD, gracefulRestart }: { hold?: number; gracefulRestart?: number } = {}): number {
    const capabilities = {
      families: ['1/1'],
      as4: from.as,
      routeRefresh: true,
      ...(gracefulRestart === undefined ? {} : { gracefulRestart }),
    };
    return this.say(from, bgpOpen({ as: from.as, id: from.id, holdTime: hold, capabilities }));
  }

  /** KEEPALIVEs of both, each acknowledged. */
  keepalives(seconds: number, every = 3): this {
    for (let at = 0; at < seconds; at += every) {
      this.stage.wait(every);
      this.say(this.client, bgpKeepalive());
      this.say(this.server, bgpKeepalive());
    }
    return this;
  }

  announce(from: BgpRouter, fields: Parameters<typeof bgpUpdate>[0]): number {
    return this.say(from, bgpUpdate(fields));
  }

  endOfRib(): this {
    for (const each of [this.client, this.server]) this.say(each, bgpEndOfRib());
    return this;
  }

  fin(from: BgpRouter): number {
    this.stage.wait(TICK);
    const frame = this.segment(from, TcpFlags.Fin | TcpFlags.Ack, { ack: this.acked.get(from) ?? this.seq(this.peer(from)) });
    this.next.set(from, this.seq(from) + 1);
    this.stage.wait(TICK);
    this.ack(this.peer(from));
    return frame;
  }

  rst(from: BgpRouter): number {
    this.stage.wait(TICK);
    return this.segment(from, TcpFlags.Rst | TcpFlags.Ack);
  }

  /** RST to the SYN. */
  refuse(): number {
    return this.segment(this.server, TcpFlags.Rst | TcpFlags.Ack, { seq: 0, ack: this.seq(this.client) + 1 });
  }

  /** What a message of it would be, as a packet; it is not sent. */
  packetOf(from: BgpRouter, payload: Uint8Array): NetworkPacket {
    return this.packet(from, TcpFlags.Psh | TcpFlags.Ack, { payload });
  }

  ack(from: BgpRouter): number {
    this.acked.set(from, this.seq(this.peer(from)));
    return this.segment(from, TcpFlags.Ack);
  }

  private last: Uint8Array = new Uint8Array(0);
  private readonly acked = new Map<BgpRouter, number>();

  private peer(of: BgpRouter): BgpRouter {
    return of === this.client ? this.server : this.client;
  }

  private seq(of: BgpRouter): number {
    return this.next.get(of) ?? 0;
  }

  private segment(from: BgpRouter, flags: number, fields: { payload?: Uint8Array; seq?: number; ack?: number } = {}): number {
    return this.stage.send(this.packet(from, flags, fields), from.ip);
  }

  private packet(
    from: BgpRouter,
    flags: number,
    { payload, seq = this.seq(from), ack }: { payload?: Uint8Array; seq?: number; ack?: number },
  ): NetworkPacket {
    const isClient = from === this.client;
    const [clientEnd, serverEnd] = [endpointOf(this.client.ip, this.port), endpointOf(this.server.ip, PORT)];
    const acked = flags & TcpFlags.Ack ? (ack ?? this.acked.get(from) ?? this.seq(this.peer(from))) : 0;
    this.ident = (this.ident + 1) & 0xffff;
    return tcp({
      from: isClient ? clientEnd : serverEnd,
      to: isClient ? serverEnd : clientEnd,
      flags,
      seq,
      ack: acked,
      ident: this.ident,
      ...(this.ttl === undefined ? {} : { ttl: this.ttl }),
      ...(payload ? { payload } : {}),
    });
  }

  private ident = 1;
}

const endpointOf = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
