import type { Agenda } from './agenda.ts';
import { EtherType, etherTypeOf, headerLength, type Packets, Protocol, TCP_HEADER, TcpFlag, UDP_HEADER } from './packets.ts';
import { QUIC_INITIAL, quicInitial, quicShort, SHORT_HEADER } from './quic.ts';
import type { Random } from './random.ts';
import type { Site } from './site.ts';
import type { Carried, Nest } from './tunnels.ts';

export interface FlowOptions {
  flows: number;
  /** Length of the IP packets: the Internet's mixture, or one for all. */
  ipLength: 'imix' | number;
  /** Connections are opened and closed within view; else all are under way. */
  hasHandshakes: boolean;
  /** Which share of the flows is inside of what; the rest is in no tunnel. */
  tunnels: readonly Carried[];
  v6Share: number;
}

const TCP_SHARE = 0.75;
/** Of the UDP flows; the others are RTP. */
const QUIC_SHARE = 0.5;
const CLOSING = 1 / 64;
/** Octets of RTP's header. */
const RTP = 12;
const RTP_PAYLOAD_TYPE = 0x8060;

// IMIX: of twelve packets seven have 40 octets, four 576 and one 1500.
const SHORT = 40;
const MIDDLE = 576;
const LONG = 1500;

/** What is inside a tunnel has addresses of its own. */
const OVERLAY_CLIENTS = 0xac10_0000 | 0;
const OVERLAY_SERVERS = 0xac11_0000 | 0;

const State = { Closed: 0, Changing: 1, Open: 2 } as const;
const FIRST_TCP_PORT = 32_768;
const LAST_PORT = 60_999;
/** Where no registered service is. */
const FIRST_RTP_CLIENT_PORT = 18_000;
const RTP_CLIENT_PORTS = 47_000;
const FIRST_RTP_SERVER_PORT = 13_000;
const RTP_SERVER_PORTS = 3000;
const QUIC_PORT = 443;
const TCP_SERVICES = [443, 443, 443, 443, 22, 993];
/** Octets of the MSS option of a SYN. */
const SYN_OPTIONS = 4;

const CLIENT_TTL = 64;
const SERVER_TTL = 52;
/** Within how many frames an answer comes. */
const SOON = 24;

/** Flows of TCP and UDP between hosts and servers, some of which have much more traffic than others. */
export class Flows {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly random: Random;
  private readonly options: FlowOptions;
  private readonly count: number;
  private readonly nests: readonly Nest[];
  // By flow.
  private readonly client: Int32Array;
  private readonly server: Int32Array;
  private readonly clientPort: Uint16Array;
  private readonly serverPort: Uint16Array;
  private readonly isV6: Uint8Array;
  private readonly isTcp: Uint8Array;
  /** Which of `nests` it is in, counted from 1; 0: none. */
  private readonly nest: Uint16Array;
  private readonly state: Uint8Array;
  /** TCP: the next sequence numbers; RTP: its own; QUIC: the ids of the connection. */
  private readonly fromClient: Int32Array;
  private readonly fromServer: Int32Array;

  constructor(packets: Packets, agenda: Agenda, site: Site, random: Random, options: FlowOptions) {
    const count = options.flows;
    this.packets = packets;
    this.agenda = agenda;
    this.random = random;
    this.options = options;
    this.count = count;
    this.nests = options.tunnels.flatMap(({ nests }) => nests);
    this.client = new Int32Array(count);
    this.server = new Int32Array(count);
    this.clientPort = new Uint16Array(count);
    this.serverPort = new Uint16Array(count);
    this.isV6 = new Uint8Array(count);
    this.isTcp = new Uint8Array(count);
    this.nest = new Uint16Array(count);
    this.state = new Uint8Array(count);
    this.fromClient = new Int32Array(count);
    this.fromServer = new Int32Array(count);
    for (let flow = 0; flow < count; flow++) this.set(flow, site);
  }

  /** The next frame of some flow. */
  frame(): void {
    let flow = this.any();
    while (this.state[flow] === State.Changing) flow = this.any();
    if (this.isQuic(flow)) this.quic(flow);
    else if (this.isTcp[flow] === 0) this.datagram(flow);
    else if (this.state[flow] === State.Closed) this.open(flow);
    else if (this.options.hasHandshakes && this.random.chance(CLOSING)) this.close(flow);
    else this.segment(flow);
  }

  /** An IPv4 datagram too long for one packet, as the server of some UDP flow sends it; undefined where there is none at hand. */
  fragmented(): void {
    for (let i = 0; i < 1000; i++) {
      const flow = this.any();
      const isRtp = this.isTcp[flow] === 0 && !this.isQuic(flow);
      const isUsable = isRtp && this.isV6[flow] === 0 && this.nest[flow] === 0;
      if (isUsable && this.state[flow] === State.Open) {
        this.firstFragment(flow);
        return;
      }
    }
    this.frame();
  }

  private set(flow: number, site: Site): void {
    const { random, options } = this;
    const isTcp = random.chance(TCP_SHARE);
    const isQuic = !isTcp && options.hasHandshakes && random.chance(QUIC_SHARE);
    this.client[flow] = site.host();
    this.server[flow] = site.server();
    this.isV6[flow] = random.chance(options.v6Share) ? 1 : 0;
    this.isTcp[flow] = isTcp ? 1 : 0;
    this.carry(flow, random.unit());
    // A client hardly ever has two UDP flows of one port.
    this.clientPort[flow] = isTcp
      ? FIRST_TCP_PORT + random.below(LAST_PORT - FIRST_TCP_PORT)
      : FIRST_RTP_CLIENT_PORT + (flow % RTP_CLIENT_PORTS);
    this.serverPort[flow] = isTcp
      ? (TCP_SERVICES[random.below(TCP_SERVICES.length)] ?? 443)
      : isQuic
        ? QUIC_PORT
        : FIRST_RTP_SERVER_PORT + random.below(RTP_SERVER_PORTS);
    this.fromClient[flow] = random.word();
    this.fromServer[flow] = random.word();
    this.state[flow] = options.hasHandshakes ? State.Closed : State.Open;
  }

  /** @param unit from 0 to below 1: by it a flow gets into one tunnel, or into none */
  private carry(flow: number, unit: number): void {
    let left = unit;
    let first = 1;
    for (const { share, nests } of this.options.tunnels) {
      if (left < share) {
        this.nest[flow] = first + (flow % nests.length);
        this.client[flow] = OVERLAY_CLIENTS | ((this.client[flow] ?? 0) & 0xffff);
        this.server[flow] = OVERLAY_SERVERS | ((this.server[flow] ?? 0) & 0xffff);
        return;
      }
      left -= share;
      first += nests.length;
    }
  }

  /** The lower its number the more traffic a flow has. */
  private any(): number {
    const unit = this.random.unit();
    return (unit * unit * this.count) | 0;
  }

  private ipLength(): number {
    const { ipLength } = this.options;
    if (ipLength !== 'imix') return ipLength;
    const twelfth = this.random.below(12);
    return twelfth < 7 ? SHORT : twelfth < 11 ? MIDDLE : LONG;
  }

  private datagram(flow: number): void {
    const { packets, random } = this;
    const isFirst = this.state[flow] === State.Closed;
    const fromClient = isFirst || random.chance(0.4);
    this.state[flow] = State.Open;
    const sent = this.udp(flow, fromClient, Math.max(RTP, this.udpLength(flow)));
    const numbers = fromClient ? this.fromClient : this.fromServer;
    const number = (numbers[flow] ?? 0) + 1;
    numbers[flow] = number;
    packets.out.u16(RTP_PAYLOAD_TYPE);
    packets.out.u16(number);
    packets.out.u32(number * 160);
    packets.out.u32((flow << 1) | (fromClient ? 1 : 0));
    packets.out.payload(sent - RTP);
    packets.end();
  }

  private udpLength(flow: number): number {
    return this.ipLength() - headerLength(this.isV6[flow] === 1) - UDP_HEADER;
  }

  /**
   * Everything up to the payload.
   * @returns how much of it fits
   */
  private udp(flow: number, fromClient: boolean, length: number): number {
    const fits = this.ip(flow, fromClient, Protocol.Udp, UDP_HEADER + length) - UDP_HEADER;
    const from = this.clientPort[flow] ?? 0;
    const to = this.serverPort[flow] ?? 0;
    this.packets.udp(fromClient ? from : to, fromClient ? to : from, fits);
    return fits;
  }

  // QUIC: each side sends to an id that the other one has chosen.

  private isQuic(flow: number): boolean {
    return this.serverPort[flow] === QUIC_PORT && this.isTcp[flow] === 0;
  }

  private quic(flow: number): void {
    if (this.state[flow] === State.Closed) {
      this.state[flow] = State.Changing;
      this.quicInitial(flow, true);
      this.agenda.put(1 + this.random.below(SOON), this.quicAnswer, flow);
      return;
    }
    const { packets, random } = this;
    const fromClient = random.chance(0.3);
    const sent = this.udp(flow, fromClient, Math.max(SHORT_HEADER, this.udpLength(flow)));
    quicShort(packets.out, (fromClient ? this.fromServer : this.fromClient)[flow] ?? 0, sent);
    packets.end();
  }

  private readonly quicAnswer = (flow: number): void => {
    this.quicInitial(flow, false);
    this.state[flow] = State.Open;
  };

  private quicInitial(flow: number, fromClient: boolean): void {
    const { packets, random } = this;
    this.udp(flow, fromClient, QUIC_INITIAL);
    const own = (fromClient ? this.fromClient : this.fromServer)[flow] ?? 0;
    // The client does not know the server's id yet.
    quicInitial(packets.out, fromClient ? random.word() : (this.fromClient[flow] ?? 0), own);
    packets.end();
  }

  // TCP.

  private open(flow: number): void {
    this.state[flow] = State.Changing;
    this.tcp(flow, true, TcpFlag.Syn, 0);
    this.agenda.put(1 + this.random.below(SOON), this.synAck, flow);
  }

  private readonly synAck = (flow: number): void => {
    this.tcp(flow, false, TcpFlag.Syn | TcpFlag.Ack, 0);
    this.agenda.put(1 + this.random.below(SOON), this.opened, flow);
  };

  private readonly opened = (flow: number): void => {
    this.tcp(flow, true, TcpFlag.Ack, 0);
    this.state[flow] = State.Open;
  };

  private segment(flow: number): void {
    const length = this.ipLength();
    const data = Math.max(0, length - headerLength(this.isV6[flow] === 1) - TCP_HEADER);
    const fromClient = this.random.chance(data === 0 ? 0.6 : 0.25);
    this.tcp(flow, fromClient, data === 0 ? TcpFlag.Ack : TcpFlag.Ack | TcpFlag.Push, data);
  }

  private close(flow: number): void {
    this.state[flow] = State.Changing;
    this.tcp(flow, true, TcpFlag.Fin | TcpFlag.Ack, 0);
    this.agenda.put(1 + this.random.below(SOON), this.finAck, flow);
  }

  private readonly finAck = (flow: number): void => {
    this.tcp(flow, false, TcpFlag.Fin | TcpFlag.Ack, 0);
    this.agenda.put(1 + this.random.below(SOON), this.closed, flow);
  };

  /** The next connection of the flow comes from another port. */
  private readonly closed = (flow: number): void => {
    this.tcp(flow, true, TcpFlag.Ack, 0);
    const port = this.clientPort[flow] ?? 0;
    this.clientPort[flow] = port >= LAST_PORT ? FIRST_TCP_PORT : port + 1;
    this.fromClient[flow] = this.random.word();
    this.fromServer[flow] = this.random.word();
    this.state[flow] = State.Closed;
  };

  /** A segment with up to `length` octets of data. */
  private tcp(flow: number, fromClient: boolean, flags: number, length: number): void {
    const { packets } = this;
    const isSyn = (flags & TcpFlag.Syn) !== 0;
    const header = TCP_HEADER + (isSyn ? SYN_OPTIONS : 0);
    const data = this.ip(flow, fromClient, Protocol.Tcp, header + length) - header;
    const from = this.clientPort[flow] ?? 0;
    const to = this.serverPort[flow] ?? 0;
    const own = fromClient ? this.fromClient : this.fromServer;
    const other = fromClient ? this.fromServer : this.fromClient;
    const acknowledged = flags & TcpFlag.Ack ? (other[flow] ?? 0) : 0;
    packets.tcp(fromClient ? from : to, fromClient ? to : from, own[flow] ?? 0, acknowledged, flags, this.mostOf(flow) - TCP_HEADER);
    packets.out.payload(data);
    packets.end();
    own[flow] = (own[flow] ?? 0) + data + (flags & (TcpFlag.Syn | TcpFlag.Fin) ? 1 : 0);
  }

  // Headers.

  /**
   * Everything up to the IP header, with what carries the flow.
   * @returns how many of the `length` octets after the IP header fit
   */
  private ip(flow: number, fromClient: boolean, protocol: number, length: number): number {
    const { packets } = this;
    const isV6 = this.isV6[flow] === 1;
    const client = this.client[flow] ?? 0;
    const server = this.server[flow] ?? 0;
    const nest = this.nestOf(flow);
    const fits = Math.min(length, this.mostOf(flow));
    if (nest) nest.write(fromClient, isV6, headerLength(isV6) + fits, flow, client, server);
    else packets.begin(client, fromClient, etherTypeOf(isV6));
    packets.ip({
      isV6,
      source: fromClient ? client : server,
      destination: fromClient ? server : client,
      protocol,
      length: fits,
      ttl: fromClient ? CLIENT_TTL : SERVER_TTL,
    });
    return fits;
  }

  /** Most octets after the IP header. */
  private mostOf(flow: number): number {
    return LONG - (this.nestOf(flow)?.overhead ?? 0) - headerLength(this.isV6[flow] === 1);
  }

  private nestOf(flow: number): Nest | undefined {
    return this.nests[(this.nest[flow] ?? 0) - 1];
  }

  // Fragments.

  private firstFragment(flow: number): void {
    const { packets, random } = this;
    const length = 2 * FRAGMENT + random.below(FRAGMENT / 2);
    packets.begin(this.client[flow] ?? 0, false, EtherType.Ipv4);
    this.fragmentHeader(flow, FRAGMENT, undefined, MORE_FRAGMENTS);
    packets.udp(this.serverPort[flow] ?? 0, this.clientPort[flow] ?? 0, length - UDP_HEADER, false);
    packets.out.u32(RTP_PAYLOAD_TYPE << 16);
    packets.out.payload(FRAGMENT - UDP_HEADER - 4);
    packets.end();
    this.agenda.put(1, this.laterFragment, flow, packets.lastIdent, FRAGMENT, length);
  }

  private readonly laterFragment = (flow: number, ident: number, offset: number, length: number): void => {
    const { packets } = this;
    const piece = Math.min(FRAGMENT, length - offset);
    const isLast = offset + piece === length;
    packets.begin(this.client[flow] ?? 0, false, EtherType.Ipv4);
    this.fragmentHeader(flow, piece, ident, (isLast ? 0 : MORE_FRAGMENTS) | (offset >> 3));
    packets.out.payload(piece);
    packets.end();
    if (!isLast) this.agenda.put(1, this.laterFragment, flow, ident, offset + piece, length);
  };

  private fragmentHeader(flow: number, length: number, ident: number | undefined, fragment: number): void {
    this.packets.ip({
      isV6: false,
      source: this.server[flow] ?? 0,
      destination: this.client[flow] ?? 0,
      protocol: Protocol.Udp,
      length,
      ttl: SERVER_TTL,
      fragment,
      ...(ident === undefined ? {} : { ident }),
    });
  }
}

/** Octets of a fragment that fills a packet of 1500. */
const FRAGMENT = 1480;
const MORE_FRAGMENTS = 0x2000;
