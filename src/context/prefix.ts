import { canonicalIp, ipv4Text, ipWords, isIpv6Text, parseIpv4, parseIpv6 } from '../net/ip.ts';
import type { Prefix } from './host.ts';

export type Family = 4 | 6;

/** An address as four words of 32 bits, unsigned, most significant first; IPv4 is mapped into IPv6. */
export type Words = readonly [number, number, number, number];

export const ZERO: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' };
export const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

export const familyOf = (ip: string): Family => (isIpv6Text(ip) ? 6 : 4);

/** The whole address space of a family. */
export const everything = (family: Family): Prefix => ({ ip: ZERO[family], length: 0 });

/**
 * A prefix as iproute2 writes it: `192.0.2.0/24`, `192.0.2.1`, `10/8`, `default`, `all`. Bits behind the length are kept, as in an interface's
 * address. Undefined where it is none of this family.
 */
export function parsePrefix(text: string, family: Family): Prefix | undefined {
  if (text === 'default' || text === 'all' || text === 'any') return everything(family);
  const [address = '', bits, ...rest] = text.split('/');
  const ip = family === 4 ? ipv4Of(address) : parseIpv6(address) && canonicalIp(address);
  const length = bits === undefined ? BITS[family] : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (ip === undefined || rest.length > 0 || length < 0 || length > BITS[family]) return undefined;
  return { ip, length };
}

/** `10/8` of older programs is 10.0.0.0/8. */
function ipv4Of(text: string): string | undefined {
  const octets = text.split('.');
  if (octets.length > 4 || octets[0] === '') return undefined;
  const address = parseIpv4([...octets, '0', '0', '0'].slice(0, 4).join('.'));
  return address === undefined ? undefined : ipv4Text(address);
}

/** `192.0.2.0/24`; an address alone where the prefix holds nothing else; `default` for everything. */
export function prefixText({ ip, length }: Prefix): string {
  if (length === 0) return 'default';
  return length === BITS[familyOf(ip)] ? ip : `${ip}/${length}`;
}

/** The address with all bits behind the first `length` set to zero (`fill` 0) or one (1). */
export function maskedWords(words: Words, family: Family, length: number, fill: 0 | 1 = 0): Words {
  const bits = family === 4 ? 96 + length : length;
  const word = (i: number): number => {
    const kept = Math.min(32, Math.max(0, bits - 32 * i));
    const mask = kept === 0 ? 0 : (0xffff_ffff << (32 - kept)) >>> 0;
    const value = ((words[i] ?? 0) & mask) >>> 0;
    return fill === 0 ? value : (value | ~mask) >>> 0;
  };
  return [word(0), word(1), word(2), word(3)];
}

/** Whether `address` lies in the prefix of `length` bits that starts as `prefix` does. */
export function covers(prefix: Words, length: number, address: Words, family: Family): boolean {
  const bits = family === 4 ? 96 + length : length;
  for (let i = 0; i < 4 && bits > 32 * i; i++) {
    const kept = Math.min(32, bits - 32 * i);
    const difference = ((prefix[i] ?? 0) ^ (address[i] ?? 0)) >>> (32 - kept);
    if (difference !== 0) return false;
  }
  return true;
}

/** Whether an address lies in a prefix; false where their families differ. */
export const prefixCovers = ({ ip, length }: Prefix, address: string): boolean =>
  familyOf(ip) === familyOf(address) && covers(ipWords(ip), length, ipWords(address), familyOf(ip));

/** Canonical text of words. */
export function wordsText(words: Words, family: Family): string {
  if (family === 4) return ipv4Text(words[3]);
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]).map((group) => group.toString(16));
  return canonicalIp(groups.join(':')) ?? '::';
}

/** The prefix with the bits behind its length cleared. */
export function network(prefix: Prefix): Prefix {
  const family = familyOf(prefix.ip);
  return { ip: wordsText(maskedWords(ipWords(prefix.ip), family, prefix.length), family), length: prefix.length };
}
