import type { Packet } from './packet.ts';

/*
 * WireGuard (white paper section 5.4; Linux drivers/net/wireguard/messages.h); integers are little-endian:
 *
 *   1 initiation    type 1 | 0 3 | sender 4 | ephemeral 32 | static 48 | timestamp 28 | mac1 16 | mac2 16     148 octets
 *   2 response      type 1 | 0 3 | sender 4 | receiver 4 | ephemeral 32 | empty 16 | mac1 16 | mac2 16         92
 *   3 cookie reply  type 1 | 0 3 | receiver 4 | nonce 24 | cookie 32                                           64
 *   4 transport     type 1 | 0 3 | receiver 4 | counter 8 | encrypted, tag included                            32 and more
 */
export const WireguardType = { Initiation: 1, Response: 2, CookieReply: 3, Transport: 4 } as const;
const INITIATION_LENGTH = 148;
const RESPONSE_LENGTH = 92;
const COOKIE_LENGTH = 64;
export const KEEPALIVE_LENGTH = 32;
const TRANSPORT_HEADER = 16;
const TAG = 16;
const MAC1_OF_INITIATION = 116;
const MAC1_OF_RESPONSE = 60;
const MAC1_LENGTH = 16;
/** A session sends far fewer packets (REJECT_AFTER_MESSAGES is 2^64, but 2^56 is more than any link carries in three minutes). */
const COUNTER_HIGH_MOST = 1 << 24;

/** The type if the payload has a message's form, else 0. Other protocols share the first octets: only a session makes it WireGuard. */
export function wireguardType({ view, payloadAt: at, payloadLength: length, payloadCaptured: captured }: Packet): number {
  // Enough is captured to tell types, indices and counters.
  if (captured < TRANSPORT_HEADER) return 0;
  switch (view.getUint32(at, true)) {
    case WireguardType.Initiation:
      return length === INITIATION_LENGTH ? WireguardType.Initiation : 0;
    case WireguardType.Response:
      return length === RESPONSE_LENGTH ? WireguardType.Response : 0;
    case WireguardType.CookieReply:
      return length === COOKIE_LENGTH ? WireguardType.CookieReply : 0;
    case WireguardType.Transport:
      return length >= KEEPALIVE_LENGTH && view.getUint32(at + 12, true) < COUNTER_HIGH_MOST ? WireguardType.Transport : 0;
    default:
      return 0;
  }
}

/** Whether the packet opens a WireGuard conversation by its form alone: a handshake message of the exact length. */
export function isWireguard(packet: Packet): boolean {
  const type = wireguardType(packet);
  return type === WireguardType.Initiation || type === WireguardType.Response || type === WireguardType.CookieReply;
}

// Readers of single fields; the caller has asked `wireguardType`. Indices are signed 32-bit integers, as all numbers in the tables.

export const senderIndex = ({ view, payloadAt }: Packet): number => view.getInt32(payloadAt + 4, true);

/** Of a response; cookie replies and transport data have theirs four octets earlier. */
export const receiverIndex = ({ view, payloadAt }: Packet, type: number): number =>
  view.getInt32(payloadAt + (type === WireguardType.Response ? 8 : 4), true);

/** The lower 32 bits are enough to tell whether a counter goes on; they wrap once in four billion packets. */
export const counterLow = ({ view, payloadAt }: Packet): number => view.getUint32(payloadAt + 8, true);

/** Octets inside the tunnel, padding included: what is neither header nor tag. 0: a keepalive. */
export const transportLength = ({ payloadLength }: Packet): number => payloadLength - TRANSPORT_HEADER - TAG;

/** The part of a handshake message that mac1 signs, and mac1 itself; undefined where they were not captured. Copies. */
export function signedPart(
  { view, payloadAt, payloadCaptured }: Packet,
  type: number,
): { signed: Uint8Array; mac1: Uint8Array } | undefined {
  const length = type === WireguardType.Initiation ? MAC1_OF_INITIATION : MAC1_OF_RESPONSE;
  if (payloadCaptured < length + MAC1_LENGTH) return undefined;
  const octets = new Uint8Array(view.buffer, view.byteOffset + payloadAt, length + MAC1_LENGTH);
  return { signed: octets.slice(0, length), mac1: octets.slice(length) };
}

/** `0x%08x`. */
export const indexText = (index: number): string => `0x${(index >>> 0).toString(16).padStart(8, '0')}`;
