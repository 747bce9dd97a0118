/**
 * IP addresses: integers in, text out. Where packets are handled, an IPv4 address is one 32-bit integer and an IPv6 address the 16 octets where
 * they lie; where records are made, an address is its canonical text (dotted quad, or RFC 5952), which compares with `===`.
 */

/** An address, or an address with a UDP or TCP port; `port` is absent where the protocol has none (ICMP). */
export interface Endpoint {
  ip: string;
  port?: number;
}

/** Dotted quad of a 32-bit integer, signed or not. */
export const ipv4Text = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;

/** Octets in hexadecimal digits, without and with a leading zero: `toString(16)` takes longer than all the rest of a text. */
const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16));
const PADDED_HEX = HEX.map((digits) => digits.padStart(2, '0'));

function hexText(group: number): string {
  const low = group & 255;
  return group < 256 ? (HEX[low] ?? '') : (HEX[group >> 8] ?? '') + (PADDED_HEX[low] ?? '');
}

/** RFC 5952 text of the 16 octets at `at` of `view`. The caller has made sure that they are there. */
export const ipv6Text = (view: DataView, at: number): string =>
  ipv6WordsText(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));

/**
 * The RFC 5952 text of four 32-bit words, most significant first, signed or not: lower case, no leading zeros, the longest run of two or more zero groups (the first
 * of equals) as `::`.
 */
export function ipv6WordsText(w0: number, w1: number, w2: number, w3: number): string {
  // IPv4-mapped addresses keep the dotted quad (RFC 5952 section 5).
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return `::ffff:${ipv4Text(w3)}`;
  let best = 8;
  let bestLength = 1;
  for (let i = 0, length = 0; i < 8; i++) {
    length = groupOf(w0, w1, w2, w3, i) === 0 ? length + 1 : 0;
    if (length <= bestLength) continue;
    bestLength = length;
    best = i + 1 - length;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      text += '::';
      i += bestLength - 1;
      continue;
    }
    if (i > 0 && i !== best + bestLength) text += ':';
    text += hexText(groupOf(w0, w1, w2, w3, i));
  }
  return text;
}

/** The text of eight groups. */
export function ipv6GroupsText(groups: readonly number[]): string {
  const [w0, w1, w2, w3] = wordsOf(groups);
  return ipv6WordsText(w0, w1, w2, w3);
}

function groupOf(w0: number, w1: number, w2: number, w3: number, i: number): number {
  const word = i < 4 ? (i < 2 ? w0 : w1) : i < 6 ? w2 : w3;
  return i % 2 === 0 ? word >>> 16 : word & 0xffff;
}

/** The 32-bit integer (unsigned) that a dotted quad names, or undefined. No shortened forms, no octal. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let address = 0;
  for (const octet of match.slice(1)) {
    const value = Number(octet);
    if (value > 255 || (octet.length > 1 && octet.startsWith('0'))) return undefined;
    address = address * 256 + value;
  }
  return address;
}

/** The eight groups that an IPv6 text names (`::` and a dotted quad at the end allowed, no zone), or undefined. */
export function parseIpv6(text: string): number[] | undefined {
  let rest = text;
  const quad = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(rest);
  if (quad) {
    const address = parseIpv4(quad[2] ?? '');
    if (address === undefined) return undefined;
    rest = `${quad[1]}${Math.floor(address / 65_536).toString(16)}:${(address % 65_536).toString(16)}`;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = [...(head ?? []), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const missing = 8 - groups.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const filled = [...(head ?? []), ...Array.from({ length: halves.length === 2 ? missing : 0 }, () => '0'), ...(tail ?? [])];
  return filled.map((group) => Number.parseInt(group, 16));
}

/** The canonical text of an address given by a person, or undefined where it is none. */
export function canonicalIp(text: string): string | undefined {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return ipv4Text(v4);
  const groups = parseIpv6(text);
  return groups && ipv6GroupsText(groups);
}

export const isIpv6Text = (ip: string): boolean => ip.includes(':');

/** `192.0.2.1:53`, `[2001:db8::1]:53`, or the address alone where there is no port. */
export const endpointText = ({ ip, port }: Endpoint): string =>
  port === undefined ? ip : isIpv6Text(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;

/** The words of an address as `ipWords` gives them, but signed, so that each is a small integer. */
export type IpWords = readonly [number, number, number, number];

/** @param address signed */
export const ipv4Words = (address: number): IpWords => [0, 0, 0xffff, address];

/** Of the 16 octets at `at` of `view`. The caller has made sure that they are there. */
export const ipv6Words = (view: DataView, at: number): IpWords => [
  view.getInt32(at),
  view.getInt32(at + 4),
  view.getInt32(at + 8),
  view.getInt32(at + 12),
];

export const areSameWords = (a: IpWords, b: IpWords): boolean => a[3] === b[3] && a[2] === b[2] && a[1] === b[1] && a[0] === b[0];

/** The words of an address, most significant first; an IPv4 address as `[0, 0, 0xffff, address]` (RFC 4291 section 2.5.5.2). */
export function ipWords(ip: string): [number, number, number, number] {
  const v4 = parseIpv4(ip);
  if (v4 !== undefined) return [0, 0, 0xffff, v4];
  return wordsOf(parseIpv6(ip) ?? []);
}

function wordsOf(groups: readonly number[]): [number, number, number, number] {
  const word = (i: number): number => (groups[i] ?? 0) * 65_536 + (groups[i + 1] ?? 0);
  return [word(0), word(2), word(4), word(6)];
}

/** How many leading bits two addresses of one family share; 0 where the families differ. */
export function commonPrefixLength(a: string, b: string): number {
  if (isIpv6Text(a) !== isIpv6Text(b)) return 0;
  const wordsOfA = ipWords(a);
  const wordsOfB = ipWords(b);
  const skipped = isIpv6Text(a) ? 0 : 3;
  for (let i = skipped; i < 4; i++) {
    const difference = ((wordsOfA[i] ?? 0) ^ (wordsOfB[i] ?? 0)) >>> 0;
    if (difference !== 0) return (i - skipped) * 32 + Math.clz32(difference);
  }
  return isIpv6Text(a) ? 128 : 32;
}

/** Orders addresses by family, then by value: for output that does not depend on the order of arrival. */
export function compareIps(a: string, b: string): number {
  if (isIpv6Text(a) !== isIpv6Text(b)) return isIpv6Text(a) ? 1 : -1;
  const wordsOfA = ipWords(a);
  const wordsOfB = ipWords(b);
  for (let i = 0; i < 4; i++) {
    const difference = (wordsOfA[i] ?? 0) - (wordsOfB[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 section 2.7). */
export const isMulticastIp = (ip: string): boolean =>
  isIpv6Text(ip) ? /^ff/.test(ip) && ip.indexOf(':') === 4 : /^2(2[4-9]|3\d)\./.test(ip);

/** 127.0.0.0/8 or ::1. */
export const isLoopbackIp = (ip: string): boolean => ip.startsWith('127.') || ip === '::1';

/** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 section 2.5.6). */
export const isLinkLocalIp = (ip: string): boolean => ip.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(ip);

/** Reachable over the Internet as far as the address alone tells: none of RFC 1918, 6598, 3927, 5735, multicast, reserved, ULA or link-local. */
export function isPublicIp(ip: string): boolean {
  if (isIpv6Text(ip)) return /^[23]/.test(ip) && ip.indexOf(':') === 4;
  const address = parseIpv4(ip) ?? 0;
  const within = (prefix: number, bits: number): boolean =>
    Math.floor(address / 2 ** (32 - bits)) === Math.floor(prefix / 2 ** (32 - bits));
  return !(
    within(0x0a000000, 8) ||
    within(0xac100000, 12) ||
    within(0xc0a80000, 16) ||
    within(0x64400000, 10) ||
    within(0xa9fe0000, 16) ||
    within(0x7f000000, 8) ||
    within(0x00000000, 8) ||
    address >= 0xe0000000
  );
}
