/*
 * OpenVPN packets as they stand in a UDP datagram, or behind their length in TCP (OpenVPN ssl_pkt.h, ssl_pkt.c, tls_crypt.h, reliable.c):
 *
 *   control    opcode 5 bits, key id 3 bits | session id 8 | wrapping | acknowledged ids | packet id 4 (not in an ACK) | TLS octets
 *   wrapping   tls: none; tls-auth: HMAC h, replay id 4, time 4; tls-crypt: replay id 4, time 4, tag 32, and all behind it is encrypted
 *   acks       n 1 | ids 4n | session id of the receiver 8 if n > 0
 *   DATA_V1    opcode and key id 1 | …
 *   DATA_V2    opcode and key id 1 | peer id 3 | …: with AEAD a packet id of 4, then the tag
 *   behind an encrypted packet of HARD_RESET_CLIENT_V3 and CONTROL_WKC_V1: the wrapped client key, its length in its last two octets
 */
/** UDP and TCP port of OpenVPN (IANA). */
export const OPENVPN_PORT = 1194;

export const OpenVpnOpcode = {
  HardResetClientV1: 1,
  HardResetServerV1: 2,
  SoftResetV1: 3,
  ControlV1: 4,
  AckV1: 5,
  DataV1: 6,
  HardResetClientV2: 7,
  HardResetServerV2: 8,
  DataV2: 9,
  HardResetClientV3: 10,
  ControlWkcV1: 11,
} as const;

/** By number, as OpenVPN's log has them (ssl_pkt.h). */
const OPCODE_NAMES = [
  '',
  'P_CONTROL_HARD_RESET_CLIENT_V1',
  'P_CONTROL_HARD_RESET_SERVER_V1',
  'P_CONTROL_SOFT_RESET_V1',
  'P_CONTROL_V1',
  'P_ACK_V1',
  'P_DATA_V1',
  'P_CONTROL_HARD_RESET_CLIENT_V2',
  'P_CONTROL_HARD_RESET_SERVER_V2',
  'P_DATA_V2',
  'P_CONTROL_HARD_RESET_CLIENT_V3',
  'P_CONTROL_WKC_V1',
] as const;

/** Opcodes are less than this. */
export const OPCODES = OPCODE_NAMES.length;

export const openVpnOpcodeName = (opcode: number): string => OPCODE_NAMES[opcode] ?? `#${opcode}`;

export const isClientResetOpcode = (opcode: number): boolean =>
  opcode === OpenVpnOpcode.HardResetClientV2 || opcode === OpenVpnOpcode.HardResetClientV3 || opcode === OpenVpnOpcode.HardResetClientV1;

export const isServerResetOpcode = (opcode: number): boolean =>
  opcode === OpenVpnOpcode.HardResetServerV2 || opcode === OpenVpnOpcode.HardResetServerV1;

/** How control packets are wrapped. */
export type OpenVpnWrapping = 'tls' | 'tls-auth' | 'tls-crypt' | 'tls-crypt-v2';

/** HMAC lengths of MD5, SHA1, SHA224, SHA256, SHA384 and SHA512. */
const HMACS = [16, 20, 28, 32, 48, 64];
const SESSION = 1;
const AFTER_SESSION = 9;
const REPLAY = 8;
/** Octets in front of what tls-crypt encrypts. */
const TLS_CRYPT_HEADER = AFTER_SESSION + REPLAY + 32;
/** Number of acknowledgments 1, none of them, packet id 4. */
const SHORTEST_BODY = 5;
const SHORTEST_CONTROL = AFTER_SESSION + SHORTEST_BODY;
/** Packet id, or what stands in its place; the shortest ping has more. */
const SHORTEST_DATA_V1 = 1 + 8;
const SHORTEST_DATA_V2 = 4 + 8;
/** RELIABLE_ACK_SIZE. */
const MOST_ACKS = 8;
/** A wrapped client key of tls-crypt-v2: tag 32, keys 256, metadata, length 2. */
const SHORTEST_WRAPPED_KEY = 290;
/** Nothing guesses a packet id or a replay id beyond this: hours of control packets. */
const MOST_GUESSED_ID = 65_536;
/** Where the replay ids of tls-crypt-v2 may begin (`EARLY_NEG_START`). */
const EARLY_NEGOTIATION_START = 0x0f00_0000;
/** A sender's clock may be wrong by days, and its time stands still from the start of the session on. */
const MOST_AHEAD_SEC = 2 * 86_400;
const OLDEST_SESSION_SEC = 366 * 86_400;

const TLS_ALERT = 21;
const TLS_HEADER = 5;
const LONGEST_TLS_RECORD = 16_384 + 2048;

/**
 * A window on one OpenVPN packet: `place` moves it, `read` says what a control packet holds. One instance serves all packets; what it gives is to be
 * copied out.
 */
export class OpenVpnPacketView {
  opcode = 0;
  keyId = 0;
  /** Octets of the packet, captured or not. */
  length = 0;
  /** The sender's session id, as two signed words; of control packets only. */
  session0 = 0;
  session1 = 0;
  /** Of DATA_V2: the peer id; and where AEAD has its packet id, the signed word there. */
  peerId = -1;
  dataId = 0;

  // After `read`.
  wrapping: OpenVpnWrapping = 'tls';
  /** Octets of the HMAC under tls-auth, else 0. */
  hmac = 0;
  /** Acknowledged packets; -1 where they are encrypted or were not captured. */
  acks = -1;
  /** Whether one of them is packet 0, the reset. */
  acksReset = false;
  /** The receiver's session id is there, as two signed words. */
  hasRemote = false;
  remote0 = 0;
  remote1 = 0;
  /** Of this packet; -1 where it has none, is encrypted or was not captured. */
  packetId = -1;
  /** TLS octets, captured or not; what is encrypted counts with an acknowledgment. */
  tlsLength = 0;
  /** After `findAlert`. */
  alertLevel = 0;
  alertDescription = 0;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private at = 0;
  private end = 0;
  private tlsAt = -1;

  get isData(): boolean {
    return this.opcode === OpenVpnOpcode.DataV1 || this.opcode === OpenVpnOpcode.DataV2;
  }

  /** Whether there may be a packet: opcode, length and a session id, no more. `captured` octets of its `length` lie at `at`. */
  place(view: DataView, at: number, captured: number, length: number): boolean {
    if (captured < 1) return false;
    const first = view.getUint8(at);
    this.opcode = first >> 3;
    this.keyId = first & 7;
    this.length = length;
    this.view = view;
    this.at = at;
    this.end = at + Math.min(captured, length);
    if (this.opcode < 1 || this.opcode >= OPCODES) return false;
    if (this.opcode === OpenVpnOpcode.DataV1) return length >= SHORTEST_DATA_V1;
    if (this.opcode === OpenVpnOpcode.DataV2) return this.placeData();
    if (length < SHORTEST_CONTROL || at + AFTER_SESSION > this.end) return false;
    this.session0 = view.getInt32(at + SESSION);
    this.session1 = view.getInt32(at + SESSION + 4);
    return (this.session0 | this.session1) !== 0;
  }

  /** Reads a control packet that is wrapped like this; false where it is not. */
  readAs(wrapping: OpenVpnWrapping, hmac: number): boolean {
    this.forget();
    this.wrapping = wrapping;
    this.hmac = hmac;
    if (wrapping === 'tls') return this.readBody(AFTER_SESSION);
    if (wrapping === 'tls-auth') return this.readBody(AFTER_SESSION + hmac + REPLAY);
    return this.readEncrypted();
  }

  /** Finds out how a control packet is wrapped, and reads it; false where nothing fits. `sec`: the capture's time, 0 where it has none. */
  guess(sec: number): boolean {
    if (this.opcode === OpenVpnOpcode.HardResetClientV3 || this.opcode === OpenVpnOpcode.ControlWkcV1)
      return this.isReplay(AFTER_SESSION, sec) && this.readAs('tls-crypt-v2', 0);
    if (this.keyId !== 0 && this.guessDynamic(sec)) return true;
    // A replay id may look like no acknowledgments and a packet id: a time behind it says more than that.
    return sec === 0 ? this.guessPlain() || this.guessWrapped(sec) : this.guessWrapped(sec) || this.guessPlain();
  }

  /**
   * Of a renegotiation (key id not 0): since OpenVPN 2.6 both sides wrap it by tls-crypt, with a key of the session before, however the first handshake was wrapped
   * (ssl.c, `tls_session_generate_dynamic_tls_crypt_key`). Reads it; false where it is not wrapped so.
   */
  guessDynamic(sec: number): boolean {
    return this.isReplay(AFTER_SESSION, sec) && this.readAs('tls-crypt', 0);
  }

  /** Whether it is the packet of another sender's session with this id. */
  isFrom(session0: number, session1: number): boolean {
    return this.session0 === session0 && this.session1 === session1;
  }

  /** Whether the receiver's session id is there, and is this one. */
  isTo(session0: number, session1: number): boolean {
    return this.hasRemote && this.remote0 === session0 && this.remote1 === session1;
  }

  /** Type of the first TLS record (20 to 23), if the packet begins with one in the clear; else -1. */
  get tlsType(): number {
    return this.tlsAt >= 0 && this.isRecord(this.tlsAt) ? this.view.getUint8(this.tlsAt) : -1;
  }

  /** Whether the TLS octets hold an alert in the clear (RFC 8446 section 6), level and description: not one that is encrypted, which is longer. */
  findAlert(): boolean {
    if (this.tlsAt < 0) return false;
    for (let at = this.tlsAt; this.isRecord(at); at += TLS_HEADER + this.view.getUint16(at + 3)) {
      if (this.view.getUint8(at) !== TLS_ALERT || this.view.getUint16(at + 3) !== 2 || at + TLS_HEADER + 2 > this.end) continue;
      this.alertLevel = this.view.getUint8(at + TLS_HEADER);
      this.alertDescription = this.view.getUint8(at + TLS_HEADER + 1);
      return this.alertLevel === 1 || this.alertLevel === 2;
    }
    return false;
  }

  /** Octets of the wrapped client key at the end of a packet that carries one; 0 where there is none, or it was cut off. */
  get wrappedKeyLength(): number {
    if (this.opcode !== OpenVpnOpcode.HardResetClientV3 && this.opcode !== OpenVpnOpcode.ControlWkcV1) return 0;
    if (this.at + this.length > this.end) return 0;
    const length = this.view.getUint16(this.end - 2);
    return length >= SHORTEST_WRAPPED_KEY && TLS_CRYPT_HEADER + length <= this.length ? length : 0;
  }

  private guessPlain(): boolean {
    return this.readAs('tls', 0) && this.packetId < MOST_GUESSED_ID && this.acks >= 0;
  }

  private guessWrapped(sec: number): boolean {
    for (const hmac of HMACS) if (this.isReplay(AFTER_SESSION + hmac, sec) && this.readAs('tls-auth', hmac)) return true;
    return this.isReplay(AFTER_SESSION, sec) && this.readAs('tls-crypt', 0);
  }

  private placeData(): boolean {
    if (this.length < SHORTEST_DATA_V2 || this.at + SHORTEST_DATA_V2 > this.end) return false;
    this.peerId = this.view.getInt32(this.at) & 0xff_ffff;
    this.dataId = this.view.getInt32(this.at + 4);
    return true;
  }

  private forget(): void {
    this.acks = -1;
    this.acksReset = false;
    this.hasRemote = false;
    this.packetId = -1;
    this.tlsLength = 0;
    this.tlsAt = -1;
  }

  private readEncrypted(): boolean {
    const shortest = this.opcode === OpenVpnOpcode.AckV1 ? TLS_CRYPT_HEADER + 1 + 4 + 8 : TLS_CRYPT_HEADER + SHORTEST_BODY;
    if (this.length < shortest) return false;
    const isBare = this.opcode !== OpenVpnOpcode.ControlV1 && this.opcode !== OpenVpnOpcode.ControlWkcV1;
    this.tlsLength = isBare ? 0 : this.length - shortest - this.wrappedKeyLength;
    return true;
  }

  /** What a packet consists of from the number of acknowledgments on: all of it must fit into the packet, and resets and ACKs must end there. */
  private readBody(offset: number): boolean {
    const { view, opcode } = this;
    let at = this.at + offset;
    const length = this.length - offset;
    const isAck = opcode === OpenVpnOpcode.AckV1;
    if (length < SHORTEST_BODY) return false;
    // Cut off: the length alone speaks.
    if (at >= this.end) return true;
    const acks = view.getUint8(at);
    const head = 1 + 4 * acks + (acks > 0 ? 8 : 0) + (isAck ? 0 : 4);
    if (acks > MOST_ACKS || head > length || (isAck && (acks === 0 || head !== length))) return false;
    if (isClientResetOpcode(opcode) && acks !== 0) return false;
    if (isServerResetOpcode(opcode) && acks === 0) return false;
    const isReset = isClientResetOpcode(opcode) || isServerResetOpcode(opcode) || opcode === OpenVpnOpcode.SoftResetV1;
    if (isReset && head !== length) return false;
    this.acks = acks;
    at++;
    for (let i = 0; i < acks; i++, at += 4) if (at + 4 <= this.end && view.getInt32(at) === 0) this.acksReset = true;
    if (acks > 0) {
      if (at + 8 <= this.end) {
        this.hasRemote = true;
        this.remote0 = view.getInt32(at);
        this.remote1 = view.getInt32(at + 4);
      }
      at += 8;
    }
    if (isAck) return true;
    if (at + 4 <= this.end) this.packetId = view.getUint32(at);
    if (isReset) return this.packetId <= 0;
    this.tlsAt = at + 4;
    this.tlsLength = length - head;
    return true;
  }

  private isRecord(at: number): boolean {
    const { view } = this;
    if (at + TLS_HEADER > this.end) return false;
    const type = view.getUint8(at);
    return (
      type >= 20 &&
      type <= 23 &&
      view.getUint8(at + 1) === 3 &&
      view.getUint8(at + 2) <= 4 &&
      view.getUint16(at + 3) <= LONGEST_TLS_RECORD &&
      view.getUint16(at + 3) > 0
    );
  }

  /** A small replay id and a time near the capture's own. */
  private isReplay(offset: number, sec: number): boolean {
    const at = this.at + offset;
    if (at + REPLAY > this.end) return false;
    const id = this.view.getUint32(at);
    const isSmall = id < MOST_GUESSED_ID || (id >= EARLY_NEGOTIATION_START && id - EARLY_NEGOTIATION_START < MOST_GUESSED_ID);
    if (!isSmall || sec === 0) return isSmall;
    const ahead = this.view.getUint32(at + 4) - sec;
    return ahead <= MOST_AHEAD_SEC && ahead >= -OLDEST_SESSION_SEC;
  }
}
