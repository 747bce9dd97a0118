import { pathNames } from '../../wire/encapsulation.ts';
import type { SecurityAssociation } from '../ipsec/associations.ts';
import { holdNames } from './holds.ts';
import { type EspCipher, type EspIntegrity, innerMtu, type OpenVpnDigest } from './mtu.ts';
import { isPassedOn } from './sightings.ts';
import type { Tunnel, TunnelName, TunnelProtocol } from './tunnel.ts';

/** Octets of the path of which the inner MTU is told: Ethernet's. */
export const PATH_MTU = 1500;

/** What fits inside, and what was taken for granted where encryption hides it. */
export interface InnerMtu {
  mtu: number | null;
  assumed: string | null;
}

const UNKNOWN: InnerMtu = { mtu: null, assumed: null };

/** What OpenVPN's packets show of how it was set up. */
export interface OpenVpnSigns {
  /** What fits into a stream of octets is not limited. */
  isOverTcp: boolean;
  /** With a static key: what their lengths leave modulo 16, a bit each; else 0. */
  staticKey: number;
}

/** Of a tunnel whose packets cannot be read. @param outside octets of the tunnels outside of it */
export function encryptedMtu(protocol: TunnelProtocol, over: 4 | 6 | null, outside: number, signs: OpenVpnSigns): InnerMtu {
  if (over === null || signs.isOverTcp) return UNKNOWN;
  const path = PATH_MTU - outside;
  if (protocol === 'wireguard') return { mtu: innerMtu({ protocol, over }, path), assumed: null };
  if (protocol !== 'openvpn') return UNKNOWN;
  if (signs.staticKey !== 0) return staticKeyMtu(over, path, signs.staticKey);
  return { mtu: innerMtu({ protocol, over, cipher: 'AES-256-GCM' }, path), assumed: 'UDP, AES-GCM' };
}

/** A static key has AES-CBC and an HMAC: of the digests that leave 4 modulo 16 (SHA-1) and 12 (SHA-224) it is those, else SHA-256 is taken for the usual one. */
function staticKeyMtu(over: 4 | 6, path: number, residues: number): InnerMtu {
  const [digest, name] = DIGEST_BY_RESIDUE.get(Math.log2(residues)) ?? (['SHA256', 'SHA-256'] as const);
  const shape = { protocol: 'openvpn', over, data: 'static-key', cipher: 'AES-256-CBC', digest } as const;
  return { mtu: innerMtu(shape, path), assumed: `UDP, static key, AES-CBC with ${name}` };
}

const DIGEST_BY_RESIDUE: ReadonlyMap<number, readonly [OpenVpnDigest, string]> = new Map([
  [4, ['SHA1', 'SHA-1']],
  [12, ['SHA224', 'SHA-224']],
]);

/** A cipher that fits to the lengths of packets. */
interface CipherGuess {
  cipher: EspCipher;
  integrity: EspIntegrity;
  name: string;
}

/** Lengths that have changed so often would show a smaller block than that of AES-CBC, if there were one. */
const FEWEST_CHANGES = 6;
/** What lengths of ESP leave modulo 16 where AES-CBC fills blocks of 16 octets: the SPI, the sequence number and the ICV. */
const CBC_BY_RESIDUE: ReadonlyMap<number, CipherGuess> = new Map([
  [8, { cipher: 'aes', integrity: 'sha256', name: 'AES-CBC with SHA-256' }],
  [4, { cipher: 'aes', integrity: 'sha1', name: 'AES-CBC with SHA-1' }],
  [0, { cipher: 'aes', integrity: 'sha384', name: 'AES-CBC with SHA-384' }],
]);
const GCM: CipherGuess = { cipher: 'aesgcm16', integrity: 'none', name: 'AES-GCM' };
/** Residues that are multiples of four. */
const WORDS_ONLY = 0x1111;

/**
 * ESP fills up to the cipher's block: where all lengths are alike modulo 16, it is AES-CBC; where they are multiples of four, it has blocks of four as AES-GCM. The ICV of CBC
 * follows from the remainder (of SHA-256 and SHA-512, which leave the same, the usual one is taken).
 */
export function cipherGuess({ residues, lengthChanges }: Pick<SecurityAssociation, 'residues' | 'lengthChanges'>): CipherGuess | undefined {
  if (lengthChanges < FEWEST_CHANGES || (residues & ~WORDS_ONLY) !== 0) return undefined;
  const single = Math.log2(residues);
  return Number.isInteger(single) ? CBC_BY_RESIDUE.get(single) : GCM;
}

function associationMtu(association: SecurityAssociation): InnerMtu {
  const { protocol, over, overhead, overheadOutside } = association;
  if (overhead > 0) return { mtu: PATH_MTU - overhead, assumed: null };
  const guess = protocol === 'ah' ? undefined : cipherGuess(association);
  if (!guess) return UNKNOWN;
  const { cipher, integrity, name } = guess;
  const shape = { protocol: 'esp', over, mode: 'tunnel', cipher, integrity, natT: protocol === 'nat-t' } as const;
  return { mtu: innerMtu(shape, PATH_MTU - overheadOutside), assumed: `${name}, tunnel mode` };
}

/** An association in the inventory. @param inside the tunnel around it */
export function associationTunnel(association: SecurityAssociation, inside: TunnelName | null): Tunnel {
  const { protocol, source, destination, spi, pair, path, over, packets, bytes, maxOuter, maxInner, holds } = association;
  const { mtu, assumed } = associationMtu(association);
  return {
    protocol,
    a: source,
    b: destination,
    id: spi,
    isCall: false,
    pair: pair?.spi ?? null,
    path,
    depth: pathNames(path).length,
    inside,
    packets,
    bytes,
    packetsFromA: packets,
    packetsFromB: 0,
    maxOuter,
    maxInner,
    innerMtu: mtu,
    assumed,
    fragments: association.fragments,
    fragmented: association.fragmented,
    maxFragment: association.maxFragment,
    firstFragment: association.firstFragment,
    lastFragment: association.lastFragment,
    isOffloaded: maxOuter > PATH_MTU && association.fragmented === 0,
    sighted: association.sighted,
    isPassedOn: isPassedOn(association.sighted),
    isOverTcp: false,
    over,
    overheadOutside: association.overheadOutside,
    holds: holdNames(holds),
    first: association.first,
    last: association.last,
  };
}
