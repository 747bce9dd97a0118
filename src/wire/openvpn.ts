import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/*
 * OpenVPN control packets in UDP (OpenVPN ssl_pkt.h, tls_crypt.h):
 *
 *   plain      opcode and key id 1 | session id 8 | n 1 | acked ids 4n | remote session id 8 if n > 0 | packet id 4
 *   tls-auth   opcode and key id 1 | session id 8 | HMAC h | replay id 4 | time 4 | n 1 | … as plain
 *   tls-crypt  opcode and key id 1 | session id 8 | replay id 4 | time 4 | tag 32 | encrypted
 */
export const OpenVpnReset = { ClientV2: 0x38, ServerV2: 0x40, ClientV3: 0x50 } as const;
export type OpenVpnMode = 'tls' | 'tls-auth' | 'tls-crypt' | 'tls-crypt-v2';

const SESSION_ID = 1;
const AFTER_SESSION_ID = 9;
/** HMAC lengths of MD5, SHA1, SHA224, SHA256, SHA384 and SHA512. */
const HMACS = [16, 20, 28, 32, 48, 64];
const REPLAY = 8;
const PLAIN_CLIENT = 14;
const TLS_CRYPT_CLIENT = 54;
const TLS_CRYPT_SERVER = 66;
/** A client reset of tls-crypt-v2 carries its wrapped key of at least 290 octets. */
const TLS_CRYPT_V2_CLIENT = 344;
/** Towards tls-crypt-v2 clients a server may add what it can negotiate early. */
const EARLY_NEGOTIATION = 6;
const MOST_REPLAY_ID = 4096;
const EARLY_NEGOTIATION_START = 0x0f00_0000;
/** A sender's clock may be wrong, but not by years. */
const PLAUSIBLE_SEC = 2 * 86_400;

/** A reset, the first packet of either side, as far as it can be read. */
export class OpenVpnResetView {
  mode: OpenVpnMode = 'tls';
  fromClient = false;
  /** Where the sender's session id stands; -1 for the remote one where it is encrypted or absent. */
  sessionAt = 0;
  remoteSessionAt = -1;

  /**
   * Whether the packet is one. `8` and `@` begin many other packets too, so opcode, length and every readable field must fit together.
   */
  place(packet: Packet): boolean {
    const { view, payloadAt: at, payloadLength: length } = packet;
    if (packet.payloadCaptured < PLAIN_CLIENT) return false;
    const opcode = view.getUint8(at);
    if (opcode !== OpenVpnReset.ClientV2 && opcode !== OpenVpnReset.ServerV2 && opcode !== OpenVpnReset.ClientV3) return false;
    this.fromClient = opcode !== OpenVpnReset.ServerV2;
    this.sessionAt = at + SESSION_ID;
    this.remoteSessionAt = -1;
    if (view.getInt32(at + SESSION_ID) === 0 && view.getInt32(at + SESSION_ID + 4) === 0) return false;
    if (opcode === OpenVpnReset.ClientV3) {
      this.mode = 'tls-crypt-v2';
      return length >= TLS_CRYPT_V2_CLIENT && isReplay(packet, at + AFTER_SESSION_ID);
    }
    if (this.placeAcks(packet, at + AFTER_SESSION_ID, length - AFTER_SESSION_ID)) {
      this.mode = 'tls';
      return true;
    }
    return this.placeTlsAuth(packet, at, length) || this.placeTlsCrypt(packet, at, length);
  }

  private placeTlsAuth(packet: Packet, at: number, length: number): boolean {
    for (const hmac of HMACS) {
      const replay = at + AFTER_SESSION_ID + hmac;
      const header = AFTER_SESSION_ID + hmac + REPLAY;
      if (length > header && isReplay(packet, replay) && this.placeAcks(packet, replay + REPLAY, length - header)) {
        this.mode = 'tls-auth';
        return true;
      }
    }
    return false;
  }

  private placeTlsCrypt(packet: Packet, at: number, length: number): boolean {
    this.mode = 'tls-crypt';
    if (!isReplay(packet, at + AFTER_SESSION_ID)) return false;
    if (this.fromClient) return length === TLS_CRYPT_CLIENT;
    const extra = length - TLS_CRYPT_SERVER;
    return extra >= 0 && (extra % 4 === 0 || (extra >= EARLY_NEGOTIATION && (extra - EARLY_NEGOTIATION) % 4 === 0)) && extra <= 40;
  }

  /** From the number of acknowledgments on: none and packet id 0 from a client, at least one from a server. */
  private placeAcks({ view, payloadAt, payloadCaptured }: Packet, at: number, length: number): boolean {
    const end = payloadAt + payloadCaptured;
    if (at + 5 > end || length < 5) return false;
    const acks = view.getUint8(at);
    if (this.fromClient) return acks === 0 && length === 5 && view.getUint32(at + 1) === 0;
    const remoteSessionAt = at + 1 + 4 * acks;
    // The packet id behind it may be cut by the snaplen.
    if (acks < 1 || length !== 1 + 4 * acks + 8 + 4 || remoteSessionAt + 8 > end) return false;
    this.remoteSessionAt = remoteSessionAt;
    return true;
  }
}

/** A small replay id and a time near the capture's own. */
function isReplay({ view, payloadAt, payloadCaptured, sec, timed }: Packet, at: number): boolean {
  if (at + REPLAY > payloadAt + payloadCaptured) return false;
  const id = view.getUint32(at);
  const isSmall = id < MOST_REPLAY_ID || (id >= EARLY_NEGOTIATION_START && id - EARLY_NEGOTIATION_START < MOST_REPLAY_ID);
  return isSmall && (!timed || Math.abs(view.getUint32(at + 4) - sec) <= PLAUSIBLE_SEC);
}

const reset = new OpenVpnResetView();
/** `--hand-window`: the client repeats its reset for this long. */
const HANDSHAKE_SEC = 60;
const TLS_CRYPT_SEC = 2;

export const isOpenVpnReset = (packet: Packet): boolean => reset.place(packet);

/** A server's reset names the client's session; under tls-crypt the name is encrypted, and only ports and time connect the two. */
export function readOpenVpn(packet: Packet, transaction: Transaction): void {
  if (!reset.place(packet)) return;
  const { view } = packet;
  const isHidden = reset.mode === 'tls-crypt' || reset.mode === 'tls-crypt-v2';
  if (reset.fromClient) {
    if (isHidden) transaction.ask(0, 0, 0);
    else transaction.ask(view.getInt32(reset.sessionAt), view.getInt32(reset.sessionAt + 4), 1);
  } else if (isHidden) {
    transaction.answer(0, 0, 0);
    transaction.weak = true;
  } else {
    transaction.answer(view.getInt32(reset.remoteSessionAt), view.getInt32(reset.remoteSessionAt + 4), 1);
  }
  transaction.withinSec = isHidden ? TLS_CRYPT_SEC : HANDSHAKE_SEC;
}
