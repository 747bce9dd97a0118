import { blake2s } from '@noble/hashes/blake2.js';
import { ascii, le32, le64, noise, octets, zeros } from './octets.ts';

/** A public key: 32 octets, made of a seed. */
export const publicKey = (seed: number): Uint8Array => octets(noise(32, seed));

/** The key in base64, as WireGuard's tools write it. */
export const keyText = (key: Uint8Array): string => btoa(String.fromCharCode(...key));

export interface InitiationFields {
  sender: number;
  /** Public key of the recipient: makes mac1 right. Noise unless said. */
  recipient?: Uint8Array;
}

export interface ResponseFields extends InitiationFields {
  receiver: number;
}

/** Handshake initiation, 148 octets (white paper section 5.4.2). */
export const initiation = ({ sender, recipient }: InitiationFields): Uint8Array =>
  sealed(octets(1, 0, 0, 0, le32(sender), noise(108, sender)), recipient, sender);

/** Handshake response, 92 octets (section 5.4.3). */
export const response = ({ sender, receiver, recipient }: ResponseFields): Uint8Array =>
  sealed(octets(2, 0, 0, 0, le32(sender), le32(receiver), noise(48, sender)), recipient, sender);

/** Cookie reply, 64 octets (section 5.4.7): the responder is under load. */
export const cookieReply = (receiver: number): Uint8Array => octets(3, 0, 0, 0, le32(receiver), noise(24 + 32, receiver));

/** Transport data (section 5.4.6) around `length` octets, padded to 16. */
export function transport(receiver: number, counter: number, length = 96): Uint8Array {
  const padded = Math.ceil(length / 16) * 16;
  return octets(4, 0, 0, 0, le32(receiver), le64(BigInt(counter)), noise(padded + 16, receiver ^ counter));
}

export const keepalive = (receiver: number, counter: number): Uint8Array => transport(receiver, counter, 0);

/** Kernels send handshakes with this TOS (AF41). */
export const HANDSHAKE_TOS = 0x88;

function sealed(message: Uint8Array, recipient: Uint8Array | undefined, seed: number): Uint8Array {
  return octets(message, recipient ? mac1(recipient, message) : noise(16, seed + 1), zeros(16));
}

/** Section 5.4.4: a hash of the message, keyed with the recipient's public key. */
function mac1(recipient: Uint8Array, message: Uint8Array): Uint8Array {
  return blake2s(message, { key: blake2s(octets(ascii('mac1----'), recipient)), dkLen: 16 });
}
