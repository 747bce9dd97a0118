import type { Agenda } from './agenda.ts';
import { BEGIN_SEC } from './container.ts';
import { EtherType, IPV4_HEADER, type Packets, Protocol, UDP_HEADER } from './packets.ts';
import type { Random } from './random.ts';
import { hostOf, serverOf } from './site.ts';

export const PEERS = 64;
const SERVERS = 4;
const SOON = 24;
const State = { Closed: 0, Opening: 1, Open: 2 } as const;
/** IMIX of what is inside the tunnel. */
const INNER = [40, 40, 40, 40, 40, 40, 40, 576, 576, 576, 576, 1400];

/** Datagrams between a server behind the gateway and its peers beyond it. */
abstract class Vpn {
  protected readonly packets: Packets;
  protected readonly agenda: Agenda;
  protected readonly random: Random;
  protected readonly state = new Uint8Array(PEERS);
  private readonly port: number;
  private readonly firstServer: number;
  private readonly firstPeer: number;

  constructor(packets: Packets, agenda: Agenda, random: Random, port: number, firstServer: number, firstPeer: number) {
    this.packets = packets;
    this.agenda = agenda;
    this.random = random;
    this.port = port;
    this.firstServer = firstServer;
    this.firstPeer = firstPeer;
  }

  /** The next frame of some peer. */
  abstract frame(): void;

  /** Everything up to the payload. */
  protected begin(peer: number, fromPeer: boolean, length: number): void {
    const { packets, port } = this;
    const server = hostOf(0, this.firstServer + (peer % SERVERS));
    const far = serverOf(this.firstPeer + peer);
    const peerPort = 40_000 + peer;
    packets.begin(server, !fromPeer, EtherType.Ipv4);
    packets.ip({
      isV6: false,
      source: fromPeer ? far : server,
      destination: fromPeer ? server : far,
      protocol: Protocol.Udp,
      length: UDP_HEADER + length,
    });
    packets.udp(fromPeer ? peerPort : port, fromPeer ? port : peerPort, length);
  }

  protected soon(action: (peer: number) => void, peer: number): void {
    this.agenda.put(1 + this.random.below(SOON), action, peer);
  }

  /** Octets of the packet inside. */
  protected inner(): number {
    return INNER[this.random.below(INNER.length)] ?? IPV4_HEADER;
  }
}

const WIREGUARD_PORT = 51_820;
const Message = { Initiation: 1, Response: 2, Transport: 4 } as const;
const INITIATION = 148;
const RESPONSE = 92;
const TRANSPORT_HEADER = 16;
const TAG = 16;
/** REKEY_AFTER_TIME of the protocol, in nanoseconds. */
const REKEY_NS = 120e9;
const KEEPALIVES = 1 / 50;

/** WireGuard (white paper, section 5.4) with the right indices and counters; what is encrypted is noise. */
export class Wireguard extends Vpn {
  // By peer; the peer beyond the gateway initiates. The index is chosen by who receives with it.
  private readonly peerIndex = new Int32Array(PEERS);
  private readonly serverIndex = new Int32Array(PEERS);
  private readonly toPeer = new Uint32Array(PEERS);
  private readonly toServer = new Uint32Array(PEERS);
  private readonly bornAt = new Float64Array(PEERS);

  constructor(packets: Packets, agenda: Agenda, random: Random) {
    super(packets, agenda, random, WIREGUARD_PORT, 16, 0x1_0000);
  }

  frame(): void {
    const peer = this.random.below(PEERS);
    const state = this.state[peer];
    const isOld = this.packets.elapsed - (this.bornAt[peer] ?? 0) > REKEY_NS;
    if (state === State.Closed || (state === State.Open && isOld)) this.initiate(peer);
    else if (state === State.Opening) this.frame();
    else this.transport(peer, this.random.chance(0.4));
  }

  private initiate(peer: number): void {
    const { out } = this.packets;
    this.state[peer] = State.Opening;
    this.peerIndex[peer] = this.random.word();
    this.begin(peer, true, INITIATION);
    out.u32le(Message.Initiation);
    out.u32le(this.peerIndex[peer] ?? 0);
    out.payload(INITIATION - 24);
    out.zeros(16);
    this.packets.end();
    this.soon(this.respond, peer);
  }

  private readonly respond = (peer: number): void => {
    const { out } = this.packets;
    this.serverIndex[peer] = this.random.word();
    this.begin(peer, false, RESPONSE);
    out.u32le(Message.Response);
    out.u32le(this.serverIndex[peer] ?? 0);
    out.u32le(this.peerIndex[peer] ?? 0);
    out.payload(RESPONSE - 28);
    out.zeros(16);
    this.packets.end();
    this.soon(this.confirm, peer);
  };

  /** The responder may send only after it has received data of the new session. */
  private readonly confirm = (peer: number): void => {
    this.toPeer[peer] = 0;
    this.toServer[peer] = 0;
    this.bornAt[peer] = this.packets.elapsed;
    this.state[peer] = State.Open;
    this.transport(peer, true);
  };

  private transport(peer: number, fromPeer: boolean): void {
    const { out } = this.packets;
    const counters = fromPeer ? this.toServer : this.toPeer;
    const counter = counters[peer] ?? 0;
    const inner = this.random.chance(KEEPALIVES) ? 0 : (this.inner() + 15) & ~15;
    counters[peer] = counter + 1;
    this.begin(peer, fromPeer, TRANSPORT_HEADER + inner + TAG);
    out.u32le(Message.Transport);
    out.u32le((fromPeer ? this.serverIndex : this.peerIndex)[peer] ?? 0);
    out.u32le(counter);
    out.u32le(0);
    out.payload(inner + TAG);
    this.packets.end();
  }
}

const OPENVPN_PORT = 1194;
const Opcode = { ClientReset: 0x38, ServerReset: 0x40, Ack: 0x28, Data: 0x48 } as const;
const SESSION_ID = 8;
const HMAC = 20;
/** Packet id for replay protection, and time. */
const REPLAY = 8;
const DATA_HEADER = 8;

/** OpenVPN, over UDP, with tls-auth (SHA1): resets, an acknowledgment, then data (P_DATA_V2). */
export class OpenVpn extends Vpn {
  private readonly peerSession = new Float64Array(PEERS);
  private readonly serverSession = new Float64Array(PEERS);
  private readonly toPeer = new Uint32Array(PEERS);
  private readonly toServer = new Uint32Array(PEERS);

  constructor(packets: Packets, agenda: Agenda, random: Random) {
    super(packets, agenda, random, OPENVPN_PORT, 24, 0x1_1000);
  }

  frame(): void {
    const peer = this.random.below(PEERS);
    if (this.state[peer] === State.Closed) {
      this.state[peer] = State.Opening;
      this.connect(peer);
    } else if (this.state[peer] === State.Opening) this.frame();
    else this.data(peer, this.random.chance(0.4));
  }

  /** The first packet of a peer. */
  protected connect(peer: number): void {
    this.peerSession[peer] = this.random.word();
    this.serverSession[peer] = this.random.word();
    this.begin(peer, true, 1 + SESSION_ID + HMAC + REPLAY + 5);
    this.control(Opcode.ClientReset, this.peerSession[peer] ?? 0, 1);
    this.packets.out.zeros(5);
    this.packets.end();
    this.soon(this.answer, peer);
  }

  private readonly answer = (peer: number): void => {
    this.begin(peer, false, 1 + SESSION_ID + HMAC + REPLAY + 17);
    this.control(Opcode.ServerReset, this.serverSession[peer] ?? 0, 1);
    this.acknowledge(this.peerSession[peer] ?? 0);
    this.packets.out.u32(0);
    this.packets.end();
    this.soon(this.opened, peer);
  };

  private readonly opened = (peer: number): void => {
    this.begin(peer, true, 1 + SESSION_ID + HMAC + REPLAY + 13);
    this.control(Opcode.Ack, this.peerSession[peer] ?? 0, 2);
    this.acknowledge(this.serverSession[peer] ?? 0);
    this.packets.end();
    this.state[peer] = State.Open;
  };

  private control(opcode: number, session: number, replay: number): void {
    const { out } = this.packets;
    out.u8(opcode);
    this.session(session);
    out.payload(HMAC);
    out.u32(replay);
    out.u32(BEGIN_SEC + Math.floor(this.packets.elapsed / 1e9));
  }

  /** Of packet 0 of the other side's session. */
  private acknowledge(session: number): void {
    const { out } = this.packets;
    out.u8(1);
    out.u32(0);
    this.session(session);
  }

  private session(session: number): void {
    this.packets.out.u32(session);
    this.packets.out.u32(~session);
  }

  private data(peer: number, fromPeer: boolean): void {
    const { out } = this.packets;
    const counters = fromPeer ? this.toServer : this.toPeer;
    const counter = (counters[peer] ?? 0) + 1;
    const inner = this.inner();
    counters[peer] = counter;
    this.begin(peer, fromPeer, DATA_HEADER + TAG + inner);
    out.u8(Opcode.Data);
    out.u8(0);
    out.u16(peer);
    out.u32(counter);
    out.payload(TAG + inner);
    this.packets.end();
  }
}
