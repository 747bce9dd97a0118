/** OpenVPN at the seats of udp-stage: a client that asks a server, handshakes that come to their end, and those that do not. */
import { clientAck, clientReset, Opcode, openvpnControl, openvpnData, type Protection, serverReset, tlsHandshake } from '../craft/index.ts';
import { type ExpectedFinding, finding } from './scenario.ts';
import { ASKED, CLIENT, type Seat } from './udp-stage.ts';

export const STALLED = 'openvpn-handshake-stalled';
/** The server as it is known. */
export const OPENVPN = `${ASKED}:1194`;
/** When a client repeats its reset (OpenVPN `reliable.c`). */
export const RETRIES = [0, 2, 6, 14, 30];
const ROUND_TRIP = 0.02;

export interface VpnOptions {
  /** Endpoints. */
  client?: string;
  server?: string;
  protection?: Protection;
  /** Seed of the client's session id; the server's is another one. */
  session?: number;
}

/** One session id of a client, and what both sides send under it. */
export class Vpn {
  readonly seat: Seat;
  readonly client: string;
  readonly server: string;
  private readonly protection: Protection;
  private readonly session: number;
  private replayId = 0;

  constructor(seat: Seat, { client = `${CLIENT.ip}:40001`, server = OPENVPN, protection = 'none', session = 11 }: VpnOptions = {}) {
    this.seat = seat;
    this.client = client;
    this.server = server;
    this.protection = protection;
    this.session = session;
  }

  private ids(): { protection: Protection; client: number; server: number; replayId: number } {
    this.replayId++;
    return { protection: this.protection, client: this.session, server: 500 + this.session, replayId: this.replayId };
  }

  wait(seconds: number): this {
    this.seat.wait(seconds);
    return this;
  }

  reset(): number {
    return this.seat.toServer(this.client, this.server, clientReset(this.ids()));
  }

  /** @param from who answers, instead of the asked server */
  answer(from = this.server): number {
    return this.seat.wait(ROUND_TRIP).toClient(from, this.client, serverReset(this.ids()));
  }

  /** Resets at these seconds from now on, each answered from `from(i)`, where that is given. The clock stays at the last frame. */
  resets(retries: readonly number[] = RETRIES, from?: (i: number) => string): number[] {
    const frames: number[] = [];
    let at = 0;
    retries.forEach((retry, i) => {
      this.wait(retry - at);
      frames.push(this.reset());
      at = retry;
      if (from) {
        frames.push(this.answer(from(i)));
        at += ROUND_TRIP;
      }
    });
    return frames;
  }

  ack(acked = 0): number {
    return this.seat.toServer(this.client, this.server, clientAck(this.ids(), acked));
  }

  /** A control packet with so many octets of TLS; the same packet id is the same packet. */
  fromClient(packetId: number, length: number, tls = tlsHandshake(length, packetId)): number {
    const { server, ...ids } = this.ids();
    const fields = { ...ids, opcode: Opcode.Control, session: ids.client, remote: server, acks: [packetId - 1], packetId, tls };
    return this.seat.toServer(this.client, this.server, openvpnControl(fields));
  }

  fromServer(packetId: number, length: number, tls = tlsHandshake(length, 100 + packetId)): number {
    const { client, server, ...ids } = this.ids();
    const fields = { ...ids, opcode: Opcode.Control, session: server, remote: client, acks: [packetId], packetId, tls };
    return this.seat.toClient(this.server, this.client, openvpnControl(fields));
  }

  /** Reset, answer, both hellos: TLS goes both ways. */
  hello(): this {
    this.reset();
    this.answer();
    this.wait(0.001).fromClient(1, 280);
    this.wait(ROUND_TRIP).fromServer(1, 800);
    return this;
  }

  /** The whole handshake, from the answer on. */
  complete(): this {
    this.wait(0.001).fromClient(1, 280);
    this.wait(ROUND_TRIP).fromServer(1, 800);
    this.wait(0.001).fromClient(2, 900);
    this.wait(ROUND_TRIP).fromServer(2, 250);
    this.wait(0.001).fromClient(3, 120);
    this.wait(ROUND_TRIP).fromServer(3, 180);
    this.ack(3);
    return this;
  }

  /** Data both ways, a packet a second. */
  chat(packets = 5, client = this.client): this {
    for (let i = 1; i <= packets; i++) {
      this.wait(1);
      this.seat.toServer(client, this.server, openvpnData(0, 2 * i));
      this.wait(ROUND_TRIP);
      this.seat.toClient(this.server, client, openvpnData(0, 2 * i + 1));
    }
    return this;
  }

  /** A handshake and some data. */
  connect(packets = 5): this {
    this.reset();
    this.answer();
    return this.complete().chat(packets);
  }
}

/** @param server endpoint */
export const stalled = (
  server = OPENVPN,
  { client = CLIENT.ip, at = '', ...rest }: Omit<ExpectedFinding, 'kind' | 'id'> & { client?: string; at?: string } = {},
): ExpectedFinding => finding(STALLED, `${client}|${server}${at}`, { severity: 'error', confidence: 'likely', ...rest });
