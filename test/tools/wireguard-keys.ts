import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** Keys as wg(8) writes them: of two devices the public ones, then the private one of the first, and a preshared one. */
export function wireguardKeys(): [own: string, ofPeer: string, ownPrivate: string, preshared: string] {
  const [own, peer] = [generateKeyPairSync('x25519'), generateKeyPairSync('x25519')];
  const last32 = (der: Buffer): string => der.subarray(-32).toString('base64');
  return [
    last32(own.publicKey.export({ type: 'spki', format: 'der' })),
    last32(peer.publicKey.export({ type: 'spki', format: 'der' })),
    last32(own.privateKey.export({ type: 'pkcs8', format: 'der' })),
    randomBytes(32).toString('base64'),
  ];
}
