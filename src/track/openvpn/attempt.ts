import { Direction } from '../../frame.ts';
import type { Endpoint } from '../../net/ip.ts';
import { OPCODES, OpenVpnOpcode, type OpenVpnPacketView } from '../../wire/openvpn-packet.ts';
import type { Packet } from '../../wire/packet.ts';
import { Evidence } from '../evidence.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';
import type { Candidate } from './claims.ts';
import { type OpenVpnAnswer, type OpenVpnMode, type OpenVpnSession, type OpenVpnState, openVpnStates } from './session.ts';
import type { StaticKeyCandidate } from './static-key.ts';

/** Of resets, repeats and answers so many are kept: the first ones, and the latest in the last place. */
const MOST_STAMPS = 16;
const MOST_ANSWERERS = 16;
const MOST_FLOATS = 16;
const MOST_MEMBERS = 8;
const MOST_COUNTED = 2 ** 31 - 1;
/** A server's first flight of TLS has at least a ServerHello and a certificate; less is a HelloRetryRequest (RFC 8446 section 4.1.4). */
const LEAST_FLIGHT = 300;
/** An alert, encrypted, is shorter; what follows a Finished is longer. */
const LEAST_AFTER_FINISHED = 40;
/** Under tls-crypt packet ids are encrypted: a packet of the same size as one so long ago was sent again (`--tls-timeout` is 2 s at first). */
const LEAST_TIMEOUT_SEC = 0.9;
/** Acknowledgments that ride along make a repeated packet longer or shorter: so many octets. */
const MOST_ACK_OCTETS = 24;
const SIZES_KEPT = 4;

const S1 = 1;
const S2 = 2;
const S3 = 3;
const S4 = 4;
const S5 = 5;

/** Which control packets one side has sent: the highest packet id, and a bit for each of the 32 before it; and the latest sizes, where ids are encrypted. */
class ControlSide {
  private highest = -1;
  private seen = 0;
  private readonly sizes = new Int32Array(SIZES_KEPT);
  private readonly times = new Float64Array(SIZES_KEPT).fill(Number.NEGATIVE_INFINITY);
  private next = 0;

  /** Whether the packet id came before; it has come now. */
  repeats(packetId: number): boolean {
    const ahead = packetId - this.highest;
    if (ahead > 0) {
      this.seen = ahead > 31 ? 1 : (this.seen << ahead) | 1;
      this.highest = packetId;
      return false;
    }
    if (ahead < -31) return true;
    const bit = 1 << -ahead;
    const isSeen = (this.seen & bit) !== 0;
    this.seen |= bit;
    return isSeen;
  }

  /** Whether a packet of this size, but for acknowledgments, was sent a timeout ago. */
  repeatsSize(length: number, at: number): boolean {
    for (let i = 0; i < SIZES_KEPT; i++) {
      const difference = Math.abs(length - (this.sizes[i] ?? 0));
      if (difference > MOST_ACK_OCTETS || difference % 4 !== 0 || at - (this.times[i] ?? 0) < LEAST_TIMEOUT_SEC) continue;
      if (this.times[i] === Number.NEGATIVE_INFINITY) continue;
      this.sizes[i] = length;
      this.times[i] = at;
      return true;
    }
    this.sizes[this.next] = length;
    this.times[this.next] = at;
    this.next = (this.next + 1) % SIZES_KEPT;
    return false;
  }

  /** New keys count from 0. */
  restart(): void {
    this.highest = -1;
    this.seen = 0;
    this.times.fill(Number.NEGATIVE_INFINITY);
  }
}

/** Attempts with the same session id of the client: the latest ones. */
export class SessionFamily {
  readonly members: Attempt[] = [];

  add(attempt: Attempt): void {
    if (this.members.length >= MOST_MEMBERS) this.members.shift();
    this.members.push(attempt);
  }
}

/** Where packets of an attempt are looked for. */
export interface Home {
  attempt: Attempt | undefined;
}

/** What is known of one attempt, or of the session that came of it; `tracker.ts` says which packets are its. */
export class Attempt implements OpenVpnSession {
  client: Required<Endpoint>;
  readonly server: Required<Endpoint>;
  readonly transport: 'udp' | 'tcp';
  readonly path: number;
  mode: OpenVpnMode = 'unknown';
  hmac = 0;
  hasBeginning = false;
  isOver = false;
  /** A second packet named the session: it is no chance that the first looked like one. */
  isConfirmed = false;
  readonly resets: Stamp[] = [];
  resetCount = 0;
  readonly serverResets: Stamp[] = [];
  serverResetCount = 0;
  readonly controlRepeats: OpenVpnSession['controlRepeats'] = { fromClient: 0, fromServer: 0, largest: 0, stamps: [] };
  readonly stuck: OpenVpnSession['controlRepeats'] = { fromClient: 0, fromServer: 0, largest: 0, stamps: [] };
  readonly answeredFrom: OpenVpnAnswer[] = [];
  refusal: OpenVpnSession['refusal'] = null;
  alert: OpenVpnSession['alert'] = null;
  dataFromClient = 0;
  dataFromServer = 0;
  dataBytes = 0;
  renegotiations = 0;
  readonly floats: OpenVpnSession['floats'] = [];
  readonly first: Stamp;
  readonly last: Stamp;
  readonly evidence = new Evidence();
  family: SessionFamily | undefined;
  home: Home | undefined;
  /** Of DATA_V2 from the client: its peer id, and the latest packet id. */
  peerId = -1;
  dataId = 0;
  private readonly counts = new Int32Array(OPCODES);
  private hasClientSession = false;
  private client0 = 0;
  private client1 = 0;
  private hasServerSession = false;
  private server0 = 0;
  private server1 = 0;
  private reached = 0;
  private keyId = 0;
  /** Renegotiations are wrapped by tls-crypt, whatever the mode. */
  private isDynamic = false;
  /** Flights of TLS: odd ones are the client's. */
  private flight = 0;
  private flightOctets = 0;
  private hasClientTls = false;
  private hasServerTls = false;
  private readonly clientSide = new ControlSide();
  private readonly serverSide = new ControlSide();
  private isPassedOn = false;
  private leftClient = false;
  private arrivedAtServer = false;

  constructor(client: Required<Endpoint>, server: Required<Endpoint>, transport: 'udp' | 'tcp', packet: Packet, first: Stamp) {
    this.client = client;
    this.server = server;
    this.transport = transport;
    this.path = packet.path;
    this.first = first;
    this.last = stampOf(packet);
  }

  get state(): OpenVpnState {
    return openVpnStates[this.reached] ?? 'S0';
  }

  get clientSession(): string | null {
    return this.hasClientSession ? sessionText(this.client0, this.client1) : null;
  }

  get serverSession(): string | null {
    return this.hasServerSession ? sessionText(this.server0, this.server1) : null;
  }

  get opcodes(): ReadonlyMap<number, number> {
    return new Map([...this.counts.entries()].filter(([, count]) => count > 0));
  }

  get atClient(): boolean {
    return this.leftClient && !this.isPassedOn;
  }

  get atServer(): boolean {
    return this.arrivedAtServer && !this.isPassedOn;
  }

  get sameAs(): OpenVpnSession | null {
    const first = this.family?.members.find(({ isConfirmed }) => isConfirmed);
    return first && first !== this ? first : null;
  }

  get furthest(): OpenVpnState {
    const reached = this.family?.members.reduce((most, each) => Math.max(most, each.reached), this.reached) ?? this.reached;
    return openVpnStates[reached] ?? 'S0';
  }

  /** Whether a session id is the client's, or the client's is not known yet. */
  isClients(session0: number, session1: number): boolean {
    return !this.hasClientSession || (this.client0 === session0 && this.client1 === session1);
  }

  isHidden(): boolean {
    return this.mode === 'tls-crypt' || this.mode === 'tls-crypt-v2';
  }

  nameClient(session0: number, session1: number): void {
    this.hasClientSession = true;
    this.client0 = session0;
    this.client1 = session1;
  }

  /** Reads a control packet as those before were wrapped; false where it is none. */
  read(message: OpenVpnPacketView, packet: Packet): boolean {
    const { mode } = this;
    const sec = packet.timed ? packet.sec : 0;
    if (message.keyId !== 0) {
      this.isDynamic ||= message.guessDynamic(sec);
      if (this.isDynamic) return message.readAs('tls-crypt', 0);
    }
    if (mode !== 'unknown' && mode !== 'static-key') return message.readAs(mode, this.hmac);
    if (!message.guess(sec)) return false;
    this.mode = message.wrapping;
    this.hmac = message.hmac;
    return true;
  }

  clientReset(message: OpenVpnPacketView, packet: Packet): void {
    this.count(message, packet);
    this.directed(packet, true);
    this.nameClient(message.session0, message.session1);
    this.mode = message.wrapping;
    this.hmac = message.hmac;
    this.hasBeginning = true;
    this.attempted(stampOf(packet));
  }

  /** A reset, or what stands for it. */
  attempted(stamp: Stamp): void {
    this.resetCount++;
    keep(this.resets, stamp);
    this.evidence.add('client-reset', stamp);
  }

  serverReset(message: OpenVpnPacketView, packet: Packet): void {
    this.count(message, packet);
    this.directed(packet, false);
    this.nameServer(message);
    if (message.hasRemote && !this.hasClientSession) this.nameClient(message.remote0, message.remote1);
    this.serverResetCount++;
    const stamp = stampOf(packet);
    keep(this.serverResets, stamp);
    this.evidence.add('server-reset', stamp);
    this.reach(S1);
  }

  /** A packet of the server's that came from elsewhere. */
  answered(from: Required<Endpoint>, named: boolean, packet: Packet): void {
    overwriteStamp(this.last, packet);
    const known = this.answeredFrom.find((each) => each.from.ip === from.ip && each.from.port === from.port);
    const stamp = stampOf(packet);
    this.evidence.add('wrong-answer', stamp);
    if (known) {
      known.packets++;
      known.named ||= named;
      return;
    }
    if (this.answeredFrom.length < MOST_ANSWERERS) this.answeredFrom.push({ from, packets: 1, first: stamp, named });
  }

  /** CONTROL, ACK, or a soft reset, which has been read. */
  control(message: OpenVpnPacketView, packet: Packet, fromClient: boolean): void {
    this.count(message, packet);
    this.directed(packet, fromClient);
    if (fromClient) this.nameClient(message.session0, message.session1);
    else this.nameServer(message);
    if (fromClient) this.reach(S2);
    else this.reach(S1);
    const { opcode } = message;
    if (opcode === OpenVpnOpcode.SoftResetV1 && message.keyId !== this.keyId) this.renegotiate(message, packet);
    if (opcode === OpenVpnOpcode.AckV1) return;
    if (this.isRepeat(message, packet, fromClient)) this.repeat(message, packet, fromClient);
    else this.goOn(message, fromClient);
    if (this.alert === null && message.findAlert()) {
      const { alertLevel: level, alertDescription: description } = message;
      const stamp = stampOf(packet);
      this.alert = { fromClient, level, description, stamp };
      this.evidence.add('alert', stamp);
    }
  }

  data(message: OpenVpnPacketView, packet: Packet, fromClient: boolean): void {
    this.count(message, packet);
    this.directed(packet, fromClient);
    if (fromClient && message.opcode === OpenVpnOpcode.DataV2) {
      this.peerId = message.peerId;
      this.dataId = message.dataId;
    }
    this.countData(message.length, fromClient);
  }

  /** A packet of a static key: it has no opcode. */
  staticData(packet: Packet, fromClient: boolean): void {
    overwriteStamp(this.last, packet);
    this.directed(packet, fromClient);
    this.countData(packet.payloadLength, fromClient);
  }

  /** Data that was seen before it was known what it is, without the packet that told it. */
  countBefore(
    { lower, upper, bytes }: Candidate,
    clientIsLower: boolean,
    { opcode, length }: OpenVpnPacketView,
    fromClient: boolean,
  ): void {
    const [client, server] = clientIsLower ? [lower, upper] : [upper, lower];
    for (const { first, datas } of [client, server]) if (datas > 0) this.counts[first >> 3] = (this.counts[first >> 3] ?? 0) + datas;
    this.counts[opcode] = (this.counts[opcode] ?? 0) - 1;
    this.dataFromClient += client.datas - (fromClient ? 1 : 0);
    this.dataFromServer += server.datas - (fromClient ? 0 : 1);
    this.dataBytes += bytes - length;
  }

  /** What was seen before it was known what it is. */
  countStatic({ fromLower, fromUpper, bytes }: StaticKeyCandidate, clientIsLower: boolean): void {
    this.dataFromClient += clientIsLower ? fromLower : fromUpper;
    this.dataFromServer += clientIsLower ? fromUpper : fromLower;
    this.dataBytes += bytes;
    this.reach(S5);
  }

  private countData(length: number, fromClient: boolean): void {
    if (fromClient && this.dataFromClient < MOST_COUNTED) this.dataFromClient++;
    if (!fromClient && this.dataFromServer < MOST_COUNTED) this.dataFromServer++;
    this.dataBytes += length;
    if (this.reached === S5) return;
    this.reach(this.dataFromClient > 0 && this.dataFromServer > 0 ? S5 : S4);
  }

  /** An error about a packet of the client's: `from` says so. The first is kept, but one that says that nothing listens goes before others. */
  refuse(from: string, reason: string, isPort: boolean, packet: Packet): void {
    const stamp = stampOf(packet);
    this.evidence.add('refusal', stamp);
    if (this.refusal === null || (isPort && !this.refusal.isPort)) this.refusal = { from, reason, isPort, stamp };
  }

  /** The client speaks from another address or port. */
  float(to: Required<Endpoint>, packet: Packet): void {
    if (this.floats.length < MOST_FLOATS) this.floats.push({ from: this.floats.at(-1)?.to ?? this.client, to, stamp: stampOf(packet) });
  }

  /** A packet that came in leaves again: this host only passes it on. */
  passedOn(): void {
    this.isPassedOn = true;
  }

  private reach(state: number): void {
    if (state > this.reached) this.reached = state;
  }

  private count({ opcode }: OpenVpnPacketView, packet: Packet): void {
    overwriteStamp(this.last, packet);
    const counted = this.counts[opcode] ?? 0;
    if (counted < MOST_COUNTED) this.counts[opcode] = counted + 1;
  }

  private directed({ direction }: Packet, fromClient: boolean): void {
    if (direction === Direction.Out) {
      if (fromClient) this.leftClient = true;
      else this.arrivedAtServer = true;
    } else if (direction === Direction.In) {
      if (fromClient) this.arrivedAtServer = true;
      else this.leftClient = true;
    }
  }

  private nameServer(message: OpenVpnPacketView): void {
    this.hasServerSession = true;
    this.server0 = message.session0;
    this.server1 = message.session1;
  }

  private renegotiate(message: OpenVpnPacketView, packet: Packet): void {
    this.keyId = message.keyId;
    this.renegotiations++;
    this.clientSide.restart();
    this.serverSide.restart();
    this.evidence.add('soft-reset', stampOf(packet));
  }

  private isRepeat(message: OpenVpnPacketView, packet: Packet, fromClient: boolean): boolean {
    if (message.keyId !== this.keyId) return false;
    const side = fromClient ? this.clientSide : this.serverSide;
    if (message.packetId >= 0) return side.repeats(message.packetId);
    return message.acks < 0 && packet.timed && message.tlsLength > 0 && side.repeatsSize(message.length, packet.at);
  }

  private repeat(message: OpenVpnPacketView, packet: Packet, fromClient: boolean): void {
    const stamp = stampOf(packet);
    for (const repeats of [this.controlRepeats, this.stuck]) {
      if (fromClient) repeats.fromClient++;
      else repeats.fromServer++;
      repeats.largest = Math.max(repeats.largest, message.length);
      keep(repeats.stamps, stamp);
    }
    this.evidence.add('control-repeat', stamp);
  }

  /** Something new is said. */
  private goOn(message: OpenVpnPacketView, fromClient: boolean): void {
    const { stuck } = this;
    stuck.fromClient = 0;
    stuck.fromServer = 0;
    stuck.largest = 0;
    stuck.stamps.length = 0;
    if (message.tlsLength > 0) this.tls(message, fromClient);
  }

  /** New octets of TLS: hello, the server's flight, the client's with its Finished, and what the server says then can only be said when TLS is done. */
  private tls(message: OpenVpnPacketView, fromClient: boolean): void {
    if (fromClient) this.hasClientTls = true;
    else this.hasServerTls = true;
    if (this.hasClientTls && this.hasServerTls) this.reach(S3);
    if (!this.hasBeginning || this.reached >= S4) return;
    if (fromClient !== (this.flight % 2 === 1)) {
      if (this.flight === 0 && !fromClient) return;
      this.flight = this.flight === 2 && this.flightOctets < LEAST_FLIGHT ? 1 : this.flight + 1;
      this.flightOctets = 0;
    }
    this.flightOctets += message.tlsLength;
    if (this.flight >= 4 && this.flightOctets >= LEAST_AFTER_FINISHED) this.reach(S4);
  }
}

/** Sixteen hex digits. */
export const sessionText = (session0: number, session1: number): string => hex8(session0) + hex8(session1);

const hex8 = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

function keep(stamps: Stamp[], stamp: Stamp): void {
  if (stamps.length < MOST_STAMPS) stamps.push(stamp);
  else stamps[MOST_STAMPS - 1] = stamp;
}
