import { blake2s } from '@noble/hashes/blake2.js';
import type { Packet } from '../../wire/packet.ts';
import { signedPart } from '../../wire/wireguard.ts';

/** A peer whose public key the user gave (`--wg-peer NAME=PUBLICKEY`). Public keys are enough; private ones are never asked for. */
export interface KnownPeer {
  name: string;
  /** 32 octets. */
  publicKey: Uint8Array;
}

const LABEL = new TextEncoder().encode('mac1----');
const MAC1_LENGTH = 16;

/** mac1 is keyed with the hash of the recipient's public key (white paper section 5.4.4): it tells for whom a handshake message is. */
export class PeerKeys {
  private readonly peers: { name: string; mac1Key: Uint8Array }[];

  constructor(peers: readonly KnownPeer[]) {
    this.peers = peers.map(({ name, publicKey }) => ({ name, mac1Key: mac1KeyOf(publicKey) }));
  }

  /** The name of the peer that the initiation or response is for; null where it is none of the known ones, or too little was captured. */
  recipientOf(packet: Packet, type: number): string | null {
    if (this.peers.length === 0) return null;
    const part = signedPart(packet, type);
    if (!part) return null;
    return this.peers.find(({ mac1Key }) => areEqual(mac1Of(mac1Key, part.signed), part.mac1))?.name ?? null;
  }

  /** Whether the message is certainly not for the peer of this name: its key is known and makes another mac1. */
  excludes(name: string, packet: Packet, type: number): boolean {
    const known = this.peers.find((peer) => peer.name === name);
    const part = known && signedPart(packet, type);
    return known !== undefined && part !== undefined && !areEqual(mac1Of(known.mac1Key, part.signed), part.mac1);
  }
}

export const mac1KeyOf = (publicKey: Uint8Array): Uint8Array => {
  const labelled = new Uint8Array(LABEL.length + publicKey.length);
  labelled.set(LABEL);
  labelled.set(publicKey, LABEL.length);
  return blake2s(labelled);
};

export const mac1Of = (mac1Key: Uint8Array, signed: Uint8Array): Uint8Array => blake2s(signed, { key: mac1Key, dkLen: MAC1_LENGTH });

const areEqual = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((octet, i) => octet === b[i]);

const KEY_LENGTH = 32;

/** A public key as WireGuard's tools write it: 32 octets in base64. Undefined where it is none. */
export function parsePublicKey(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return undefined;
  const octets = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return octets.length === KEY_LENGTH ? octets : undefined;
}
