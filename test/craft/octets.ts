import { parseIpv4, parseIpv6 } from '../../src/net/ip.ts';
import { parseMac } from '../../src/net/mac.ts';

/** One octet, several, or what is made of them already. */
export type Part = number | readonly number[] | Uint8Array;

/** All parts behind each other. */
export function octets(...parts: readonly Part[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])));
}

export const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
export const be24 = (value: number): number[] => [(value >>> 16) & 255, ...be16(value)];
export const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)];
export const be48 = (value: number): number[] => [...be16(Math.floor(value / 2 ** 32)), ...be32(value % 2 ** 32)];
export const be64 = (value: bigint): number[] => [...be32(Number(value >> 32n)), ...be32(Number(value & 0xffff_ffffn))];
export const le16 = (value: number): number[] => be16(value).reverse();
export const le32 = (value: number): number[] => be32(value).reverse();
export const le64 = (value: bigint): number[] => be64(value).reverse();

export const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];

export const zeros = (length: number): number[] => Array.from({ length }, () => 0);

/** Octets without a pattern, always the same for a seed: what encrypted fields look like (xorshift, Marsaglia 2003). */
export function noise(length: number, seed: number): number[] {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 11) & 255;
  });
}

/** Sixteen bits that differ where the octets do (FNV-1a, folded): an IPv4 identification that copies of a packet share. */
export function fold16(of: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const octet of of) hash = Math.imul(hash ^ octet, 0x01000193) >>> 0;
  return ((hash >>> 16) ^ hash) & 0xffff;
}

export function macOctets(text: string): number[] {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`not a MAC: ${text}`);
  return be48(mac);
}

/** Four octets of an IPv4 address, 16 of an IPv6 address. */
export function ipOctets(text: string): number[] {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return be32(v4);
  const groups = parseIpv6(text);
  if (!groups) throw new Error(`not an address: ${text}`);
  return groups.flatMap(be16);
}

/** The Internet checksum (RFC 1071) of the octets, an odd one padded with zero. */
export function internetChecksum(of: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < of.length; i += 2) sum += ((of[i] ?? 0) << 8) | (of[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** `whole` with `value` in place of what stands at `at`. */
export function replaced(whole: Uint8Array, at: number, value: readonly number[]): Uint8Array {
  const copy = whole.slice();
  copy.set(value, at);
  return copy;
}
