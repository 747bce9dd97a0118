import { createHash } from 'node:crypto';
import type { Agenda } from './agenda.ts';
import { EtherType, type Packets, Protocol, UDP_HEADER } from './packets.ts';
import type { Random } from './random.ts';
import { hostOf, serverOf } from './site.ts';

const PAIRS = 16;
const FIRST_GATEWAY = 80;
const FIRST_PEER = 0x1_3000;
const IKE_PORT = 500;
const NAT_T_PORT = 4500;
/** Where a NAT is between the two, IKE and ESP are in UDP of port 4500 (RFC 3948). */
const isBehindNat = (pair: number): boolean => pair % 2 === 1;
const SOON = 24;
const State = { Closed: 0, Opening: 1, Open: 2 } as const;

/*
 * IKE of version 2 (RFC 7296 section 3.1): SPI of the initiator 8 | of the responder 8 | next payload 1 | version 1 | exchange 1 | flags 1 | message id 4 | length 4.
 * Payloads: next 1 | flags 1 | length 2 | content.
 */
const Exchange = { Init: 34, Auth: 35, Informational: 37 } as const;
const PayloadType = { None: 0, Sa: 33, Ke: 34, Nonce: 40, Notify: 41, Sealed: 46 } as const;
const HEADER = 28;
const GENERIC = 4;
/** AES-CBC-256, HMAC-SHA-256, its PRF, and Curve25519. */
const SA = Buffer.from('0000002c010100040300000c0100000c800e0100030000080300000c0300000802000005000000080400001f', 'hex');
const CURVE_25519 = 31;
const KEY = 32;
const NONCE = 32;
const SHA_1 = 20;
const NAT_DETECTION_SOURCE = 16_388;
const NAT_DETECTION_DESTINATION = 16_389;
const NOTIFY = GENERIC + 4 + SHA_1;
const INIT = HEADER + GENERIC + SA.length + GENERIC + 4 + KEY + GENERIC + NONCE + 2 * NOTIFY;
const AUTH = HEADER + 400;
const ALIVE = HEADER + 52;
const NON_ESP_MARKER = 4;
const FROM_INITIATOR = 0x08;
const RESPONSE = 0x20;

const ESP_HEADER = 8;
const ESP_IV = 16;
const ESP_ICV = 16;
const CIPHER_BLOCK = 16;
const ESP_TRAILER = 2;
/** IMIX of what is inside the tunnel. */
const INNER = [40, 40, 40, 40, 40, 40, 40, 576, 576, 576, 576, 1300];
/** Of the frames; "are you there?" (RFC 7296 section 1.4). */
const ALIVE_SHARE = 1 / 64;

/** Gateways of IPsec: IKE_SA_INIT, IKE_AUTH, then ESP in both directions and, now and then, whether the other one is alive. */
export class Ipsec {
  private readonly packets: Packets;
  private readonly agenda: Agenda;
  private readonly random: Random;
  private readonly state = new Uint8Array(PAIRS);
  // By pair. The gateway of the site initiates.
  private readonly initiatorSpi = new Int32Array(PAIRS);
  private readonly responderSpi = new Int32Array(PAIRS);
  private readonly messageId = new Int32Array(PAIRS);
  private readonly outSpi = new Int32Array(PAIRS);
  private readonly inSpi = new Int32Array(PAIRS);
  private readonly sent = new Uint32Array(PAIRS);
  private readonly received = new Uint32Array(PAIRS);

  constructor(packets: Packets, agenda: Agenda, random: Random) {
    this.packets = packets;
    this.agenda = agenda;
    this.random = random;
  }

  frame(): void {
    const pair = this.random.below(PAIRS);
    if (this.state[pair] === State.Closed) this.init(pair);
    else if (this.state[pair] === State.Opening) this.frame();
    else if (this.random.chance(ALIVE_SHARE)) this.alive(pair);
    else this.esp(pair, this.random.chance(0.5));
  }

  private init(pair: number): void {
    this.state[pair] = State.Opening;
    this.initiatorSpi[pair] = this.random.word();
    this.initMessage(pair, true);
    this.soon(pair, () => {
      this.responderSpi[pair] = this.random.word();
      this.initMessage(pair, false);
      this.soon(pair, () => this.ask(pair, Exchange.Auth, AUTH, this.opened));
    });
  }

  private readonly opened = (pair: number): void => {
    this.outSpi[pair] = this.random.word();
    this.inSpi[pair] = this.random.word();
    this.state[pair] = State.Open;
  };

  /** One question at a time: until it is answered the pair sends nothing else. */
  private alive(pair: number): void {
    this.state[pair] = State.Opening;
    this.ask(pair, Exchange.Informational, ALIVE, () => {
      this.state[pair] = State.Open;
    });
  }

  /** A request whose content is encrypted, and its response; then `then`. */
  private ask(pair: number, exchange: number, length: number, then: (pair: number) => void): void {
    const id = (this.messageId[pair] ?? 0) + 1;
    this.messageId[pair] = id;
    this.sealed(pair, exchange, id, length, true);
    this.soon(pair, () => {
      this.sealed(pair, exchange, id, length, false);
      this.soon(pair, then);
    });
  }

  private initMessage(pair: number, isRequest: boolean): void {
    const { out } = this.packets;
    this.udp(pair, isRequest, IKE_PORT, INIT);
    this.ikeHeader(pair, PayloadType.Sa, Exchange.Init, isRequest, 0, INIT);
    this.payload(PayloadType.Ke, SA.length);
    for (const octet of SA) out.u8(octet);
    this.payload(PayloadType.Nonce, 4 + KEY);
    out.u32(CURVE_25519 << 16);
    out.payload(KEY);
    this.payload(PayloadType.Notify, NONCE);
    out.payload(NONCE);
    this.natDetection(pair, isRequest, NAT_DETECTION_SOURCE, isRequest, PayloadType.Notify);
    this.natDetection(pair, isRequest, NAT_DETECTION_DESTINATION, !isRequest, PayloadType.None);
    this.packets.end();
  }

  /** The hash of an end's address and port (RFC 7296 section 2.23); behind a NAT the initiator has others than are seen here. */
  private natDetection(pair: number, isRequest: boolean, type: number, isOfInitiator: boolean, next: number): void {
    const { out } = this.packets;
    this.payload(next, NOTIFY - GENERIC);
    out.u16(0);
    out.u16(type);
    const hashed = Buffer.alloc(22);
    this.spis(pair, isRequest, hashed);
    const isHidden = isOfInitiator && isBehindNat(pair);
    hashed.writeInt32BE(isHidden ? HIDDEN + pair : isOfInitiator ? gatewayOf(pair) : peerOf(pair), 16);
    hashed.writeUInt16BE(IKE_PORT, 20);
    for (const octet of createHash('sha1').update(hashed).digest()) out.u8(octet);
  }

  private sealed(pair: number, exchange: number, id: number, length: number, isRequest: boolean): void {
    const { out } = this.packets;
    const marker = isBehindNat(pair) ? NON_ESP_MARKER : 0;
    this.udp(pair, isRequest, marker > 0 ? NAT_T_PORT : IKE_PORT, marker + length);
    out.zeros(marker);
    this.ikeHeader(pair, PayloadType.Sealed, exchange, isRequest, id, length);
    this.payload(PayloadType.None, length - HEADER - GENERIC);
    out.payload(length - HEADER - GENERIC);
    this.packets.end();
  }

  private ikeHeader(pair: number, first: number, exchange: number, isRequest: boolean, id: number, length: number): void {
    const { out } = this.packets;
    this.spis(pair, isRequest && exchange === Exchange.Init, out.bytes.subarray(out.at, out.at + 16));
    out.at += 16;
    out.u8(first);
    out.u8(0x20);
    out.u8(exchange);
    out.u8(isRequest ? FROM_INITIATOR : RESPONSE);
    out.u32(id);
    out.u32(length);
  }

  /** @param isFirst the responder has chosen none yet */
  private spis(pair: number, isFirst: boolean, into: Buffer): void {
    const initiator = this.initiatorSpi[pair] ?? 0;
    const responder = isFirst ? 0 : (this.responderSpi[pair] ?? 0);
    into.writeInt32BE(initiator, 0);
    into.writeInt32BE(~initiator, 4);
    into.writeInt32BE(responder, 8);
    into.writeInt32BE(isFirst ? 0 : ~responder, 12);
  }

  private payload(next: number, length: number): void {
    const { out } = this.packets;
    out.u16(next << 8);
    out.u16(GENERIC + length);
  }

  private esp(pair: number, fromGateway: boolean): void {
    const { packets, random } = this;
    const inner = INNER[random.below(INNER.length)] ?? 0;
    const sealed = Math.ceil((inner + ESP_TRAILER) / CIPHER_BLOCK) * CIPHER_BLOCK;
    const length = ESP_HEADER + ESP_IV + sealed + ESP_ICV;
    const counters = fromGateway ? this.sent : this.received;
    const sequence = (counters[pair] ?? 0) + 1;
    counters[pair] = sequence;
    if (isBehindNat(pair)) this.udp(pair, fromGateway, NAT_T_PORT, length);
    else this.ip(pair, fromGateway, Protocol.Esp, length);
    packets.out.u32((fromGateway ? this.outSpi : this.inSpi)[pair] ?? 0);
    packets.out.u32(sequence);
    packets.out.payload(length - ESP_HEADER);
    packets.end();
  }

  private udp(pair: number, fromGateway: boolean, port: number, length: number): void {
    this.ip(pair, fromGateway, Protocol.Udp, UDP_HEADER + length);
    this.packets.udp(port, port, length);
  }

  private ip(pair: number, fromGateway: boolean, protocol: number, length: number): void {
    const { packets } = this;
    const gateway = gatewayOf(pair);
    const peer = peerOf(pair);
    packets.begin(gateway, fromGateway, EtherType.Ipv4);
    packets.ip({ isV6: false, source: fromGateway ? gateway : peer, destination: fromGateway ? peer : gateway, protocol, length });
  }

  private soon(pair: number, action: (pair: number) => void): void {
    this.agenda.put(1 + this.random.below(SOON), action, pair);
  }
}

const gatewayOf = (pair: number): number => hostOf(0, FIRST_GATEWAY + pair);
const peerOf = (pair: number): number => serverOf(FIRST_PEER + pair);
/** What the NAT hides: 192.168.1.0/24. */
const HIDDEN = 0xc0a8_0100 | 0;
