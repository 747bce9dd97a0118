import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../../wire/packet.ts';

/** Octets of both SPIs. */
const SPIS = 16;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;

/**
 * By the length of what it gives: version 2 has SHA-1 (RFC 7296 section 2.23), version 1 the hash that was negotiated (RFC 3947 section 3.2),
 * which has its own length.
 */
const HASHES = new Map<number, (of: Uint8Array) => Uint8Array>([
  [16, md5],
  [20, sha1],
  [32, sha256],
  [48, sha384],
  [64, sha512],
]);

/**
 * Whether one of the hashes is of the packet's source, or destination, address and port as they are seen here:
 * HASH(SPIi | SPIr | IP | port). Null where there is none to compare with.
 * @param at where the IKE header begins
 */
export function isAddressHashed(packet: Packet, at: number, isSource: boolean, hashes: readonly Uint8Array[]): boolean | null {
  const known = hashes.filter(({ length }) => HASHES.has(length));
  if (known.length === 0) return null;
  const said = addressOctets(packet, at, isSource);
  return known.some((each) => isEqual(HASHES.get(each.length)?.(said), each));
}

function addressOctets({ view, version, ipAt, sourcePort, destinationPort }: Packet, at: number, isSource: boolean): Uint8Array {
  const v4 = isSource ? IPV4_SOURCE : IPV4_DESTINATION;
  const v6 = isSource ? IPV6_SOURCE : IPV6_DESTINATION;
  const [offset, length] = version === 4 ? [v4, 4] : [v6, 16];
  const said = new Uint8Array(SPIS + length + 2);
  said.set(new Uint8Array(view.buffer, view.byteOffset + at, SPIS));
  said.set(new Uint8Array(view.buffer, view.byteOffset + ipAt + offset, length), SPIS);
  new DataView(said.buffer).setUint16(SPIS + length, isSource ? sourcePort : destinationPort);
  return said;
}

const isEqual = (a: Uint8Array | undefined, b: Uint8Array): boolean => a?.every((octet, i) => octet === b[i]) === true;
