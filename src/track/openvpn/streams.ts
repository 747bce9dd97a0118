import {
  isClientResetOpcode,
  isServerResetOpcode,
  OPENVPN_PORT,
  OpenVpnOpcode,
  type OpenVpnPacketView,
} from '../../wire/openvpn-packet.ts';
import type { Packet } from '../../wire/packet.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { type Stamp, stampOf } from '../stamp.ts';
import { StreamBudget, TcpStream } from '../tcp-stream.ts';
import { secOf } from './claims.ts';

/** In TCP a packet of OpenVPN stands behind its length, two octets (OpenVPN socket.c, `stream_buf_added`). */
const LENGTH = 2;
/** The least of a packet: an opcode and what follows; and what of data is looked at. */
const SHORTEST = 9;
const DATA_HEADER = 12;
/** No packet is longer where tunnels have usual sizes. */
const LONGEST = 4096;
const LIMITS = { octets: 64 * 1024, segments: 64 };
/** Octets that wait behind gaps, in all connections together. */
const MOST_WAITING = 4 * 1024 * 1024;
/** Ports besides its own on which OpenVPN was found. */
const MOST_PORTS = 64;
const CLIENT_RESET_V2 = OpenVpnOpcode.HardResetClientV2 << 3;
const CLIENT_RESET_V3 = OpenVpnOpcode.HardResetClientV3 << 3;

/** One direction: its octets in order, and where a packet begins. */
class Direction {
  readonly stream: TcpStream;
  /** Sequence number at which the next packet begins, if `isSynced`. */
  boundary = 0;
  isSynced = false;
  /** What it begins with is not OpenVPN. */
  isForeign = false;
  /** Packets were found in it; the session id of the latest control packet. */
  hasPackets = false;
  session0 = 0;
  session1 = 0;
  hasFin = false;

  constructor(budget: StreamBudget) {
    this.stream = new TcpStream(LIMITS, budget);
  }

  close(): void {
    this.stream.close();
  }
}

class Connection {
  readonly lower: Direction;
  readonly upper: Direction;
  /** The SYN that was sent last, by which end. */
  syn: { stamp: Stamp; seq: number; fromLower: boolean } | undefined;
  hasPayload = false;

  constructor(budget: StreamBudget) {
    this.lower = new Direction(budget);
    this.upper = new Direction(budget);
  }

  of(lower: boolean): Direction {
    return lower ? this.lower : this.upper;
  }
}

/** Takes packets of OpenVPN out of TCP connections: those of port 1194, and those that begin with a client's reset. */
export class OpenVpnStreams {
  private readonly connections: (Connection | undefined)[] = [];
  private readonly budget = new StreamBudget(MOST_WAITING);
  private readonly ports = new Uint8Array(65_536);
  private portsFound = 0;
  private readonly message: OpenVpnPacketView;

  /** @param message is placed on each packet that is found */
  constructor(message: OpenVpnPacketView) {
    this.message = message;
    this.ports[OPENVPN_PORT] = 1;
  }

  /** Whether a segment may be of a connection of OpenVPN, and says something. */
  concerns(packet: Packet): boolean {
    const isOfPort = this.isPort(packet.sourcePort) || this.isPort(packet.destinationPort);
    if (packet.payloadLength > 0) return isOfPort || this.isClientReset(packet);
    return isOfPort && (packet.tcpFlags & (TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Fin)) !== 0;
  }

  /** A connection that was not known before: `id` names it. */
  begin(id: number): void {
    this.leave(id);
    this.connections[id] = new Connection(this.budget);
  }

  leave(id: number): void {
    this.connections[id]?.lower.close();
    this.connections[id]?.upper.close();
    this.connections[id] = undefined;
  }

  /** Whether a SYN begins another connection between the same ends. */
  isNewConnection(id: number, { tcpFlags, view, transportAt }: Packet): boolean {
    const connection = this.connections[id];
    if (!connection || (tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) !== TcpFlag.Syn) return false;
    const isKnown = connection.lower.stream.isKnown || connection.upper.stream.isKnown;
    return isKnown && connection.syn?.seq !== view.getInt32(transportAt + 4);
  }

  /** The segment's part in the stream of its end. */
  add(id: number, packet: Packet, fromLower: boolean): void {
    const connection = this.connections[id];
    if (!connection) return;
    const { view, transportAt, tcpFlags, payloadAt, payloadCaptured, payloadLength, at } = packet;
    const own = connection.of(fromLower);
    const seq = view.getInt32(transportAt + 4);
    if (tcpFlags & TcpFlag.Syn) {
      if ((tcpFlags & TcpFlag.Ack) === 0) connection.syn = { stamp: stampOf(packet), seq, fromLower };
      if (!own.stream.isKnown) {
        own.stream.begin(seq);
        own.boundary = (seq + 1) | 0;
        own.isSynced = true;
      }
    }
    if (tcpFlags & TcpFlag.Ack) connection.of(!fromLower).stream.acknowledge(view.getInt32(transportAt + 8), at);
    if (tcpFlags & TcpFlag.Fin) own.hasFin = true;
    if (payloadLength === 0 || tcpFlags & (TcpFlag.Syn | TcpFlag.Rst)) return;
    connection.hasPayload = true;
    if (!own.isForeign) own.stream.add(seq, view, payloadAt, payloadCaptured, payloadLength, at);
  }

  /** Places `message` on the next packet of an end; false where there is none yet. `now`: capture time. */
  next(id: number, fromLower: boolean, now: number): boolean {
    const own = this.connections[id]?.of(fromLower);
    if (!own || own.isForeign) return false;
    const { stream } = own;
    const { message } = this;
    for (;;) {
      if (own.isSynced && !this.goTo(own, now)) return false;
      const { available, position } = stream;
      if (available < LENGTH + 1) {
        if (!stream.skip(now)) return false;
        continue;
      }
      const length = stream.view.getUint16(stream.start);
      const opcode = stream.view.getUint8(stream.start + LENGTH) >> 3;
      if (!this.isPlausible(own, length, opcode)) {
        this.lose(own);
        return false;
      }
      const isData = opcode === OpenVpnOpcode.DataV1 || opcode === OpenVpnOpcode.DataV2;
      const needed = LENGTH + (isData ? Math.min(length, DATA_HEADER) : length);
      let { view, start } = stream;
      const captured = Math.min(available - LENGTH, length);
      if (available < needed) {
        // What is left of it may have been cut off by the snaplen: then what is there has to do.
        const rest = stream.isWaiting ? copyOf(view, start, available) : undefined;
        if (!stream.skip(now)) return false;
        if (!rest) continue;
        [view, start] = [rest, 0];
      }
      own.boundary = (position + LENGTH + length) | 0;
      own.isSynced = true;
      own.hasPackets = true;
      if (!message.place(view, start + LENGTH, captured, length)) continue;
      if (!isData) [own.session0, own.session1] = [message.session0, message.session1];
      return true;
    }
  }

  /** Whether the RST answers a SYN, and nothing else was said. */
  isRefused(id: number, { tcpFlags }: Packet, fromLower: boolean): boolean {
    const connection = this.connections[id];
    if (!connection?.syn || (tcpFlags & TcpFlag.Rst) === 0) return false;
    const isUnknown = !connection.of(fromLower).stream.isKnown && !connection.hasPayload;
    return isUnknown && connection.syn.fromLower !== fromLower;
  }

  /** When the SYN of a connection was sent that has been refused. */
  askedAt(id: number): Stamp | undefined {
    return this.connections[id]?.syn?.stamp;
  }

  /** Nothing more comes on the connection. */
  isOver(id: number, { tcpFlags }: Packet): boolean {
    const connection = this.connections[id];
    if (tcpFlags & TcpFlag.Rst) return true;
    return connection?.lower.hasFin === true && connection.upper.hasFin;
  }

  /** The capture's time starts anew. */
  reset(): void {
    this.ports.fill(0);
    this.ports[OPENVPN_PORT] = 1;
    this.portsFound = 0;
  }

  /** Takes what is left of the packet before; false where not all of it has come. */
  private goTo(own: Direction, now: number): boolean {
    const { stream } = own;
    for (;;) {
      const ahead = (own.boundary - stream.position) | 0;
      if (ahead < 0) own.isSynced = false;
      if (ahead <= 0) return true;
      const here = Math.min(ahead, stream.available);
      if (here > 0) stream.take(here);
      else if (!stream.skip(now)) return false;
    }
  }

  /** A connection begins with resets. Where it is not known that a packet begins here, what has come must be packets to its end. */
  private isPlausible(own: Direction, length: number, opcode: number): boolean {
    if (!isHead(length, opcode)) return false;
    const { stream } = own;
    if (own.isSynced)
      return own.hasPackets || !stream.hasSyn || stream.gaps > 0 || isClientResetOpcode(opcode) || isServerResetOpcode(opcode);
    const { view } = stream;
    const end = stream.start + stream.available;
    let at = stream.start;
    while (at + LENGTH < end && isHead(view.getUint16(at), view.getUint8(at + LENGTH) >> 3)) at += LENGTH + view.getUint16(at);
    return at === end || (at > end && own.hasPackets && this.isOfSession(own, length, opcode));
  }

  /** In a connection that is known to be OpenVPN's, where the snaplen cuts all segments: one may begin with a packet of the session. */
  private isOfSession({ stream, session0, session1 }: Direction, length: number, opcode: number): boolean {
    const { view, start, available } = stream;
    if (length > LONGEST || available < LENGTH + SHORTEST) return false;
    if (opcode === OpenVpnOpcode.DataV1 || opcode === OpenVpnOpcode.DataV2) return true;
    return view.getInt32(start + LENGTH + 1) === session0 && view.getInt32(start + LENGTH + 5) === session1;
  }

  /** What has come is no packet: the next segment may begin with one, unless this was the beginning. */
  private lose(own: Direction): void {
    const { stream } = own;
    if (own.isSynced && stream.hasSyn && stream.gaps === 0) {
      own.isForeign = true;
      stream.close();
      return;
    }
    own.isSynced = false;
    stream.take(stream.available);
  }

  /** Most captures have it on no other port than its own: then there is nothing to look up. */
  private isPort(port: number): boolean {
    return port === OPENVPN_PORT || (this.portsFound > 0 && this.ports[port] === 1);
  }

  /** A segment that is a client's reset, whole; its port is remembered. */
  private isClientReset(packet: Packet): boolean {
    const { view, payloadAt, payloadLength, payloadCaptured } = packet;
    if (payloadLength < LENGTH + SHORTEST || payloadCaptured < payloadLength) return false;
    if (view.getUint16(payloadAt) !== payloadLength - LENGTH) return false;
    const first = view.getUint8(payloadAt + LENGTH);
    if (first !== CLIENT_RESET_V2 && first !== CLIENT_RESET_V3) return false;
    const { message } = this;
    const length = payloadLength - LENGTH;
    if (!message.place(view, payloadAt + LENGTH, length, length) || !message.guess(secOf(packet)) || this.portsFound >= MOST_PORTS)
      return false;
    this.portsFound++;
    this.ports[packet.destinationPort] = 1;
    return true;
  }
}

const isHead = (length: number, opcode: number): boolean => length >= SHORTEST && opcode >= 1 && opcode <= OpenVpnOpcode.ControlWkcV1;

const copyOf = (view: DataView, at: number, length: number): DataView =>
  new DataView(new Uint8Array(view.buffer, view.byteOffset + at, length).slice().buffer);
