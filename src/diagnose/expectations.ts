import { BITS, familyOf, network, parsePrefix, prefixCovers } from '../context/prefix.ts';
import { canonicalIp, isMulticastIp } from '../net/ip.ts';

/** That packets for a prefix go by a next hop, as the user says it (`--expect-via`). */
export interface ExpectedVia {
  /** Canonical: `203.0.113.0/24`. */
  prefix: string;
  nextHop: string;
}

/**
 * Reads `PREFIX=NEXTHOP`: `203.0.113.0/24=192.0.2.1`, an address alone for itself, `default` for all of the next hop's family. Bits behind the
 * prefix's length are cleared. Gives what was expected instead, in words, where it is none.
 */
export function parseExpectedVia(text: string): ExpectedVia | string {
  const [left = '', right, ...rest] = text.split('=').map((each) => each.trim());
  if (right === undefined || rest.length > 0) return 'expected PREFIX=NEXTHOP, as 203.0.113.0/24=192.0.2.1';
  const nextHop = canonicalIp(right);
  if (nextHop === undefined || isMulticastIp(nextHop)) return 'expected the IP address of a next hop behind the "="';
  const family = familyOf(nextHop);
  const prefix = parsePrefix(left, family);
  if (prefix === undefined) {
    const other = family === 4 ? 6 : 4;
    if (parsePrefix(left, other)) return 'expected a prefix and a next hop of one family, both IPv4 or both IPv6';
    return `expected a prefix before the "=" (an address, or one with a length of up to ${BITS[family]})`;
  }
  const { ip, length } = network(prefix);
  return { prefix: `${ip}/${length}`, nextHop };
}

/** The expectations that hold for an address: those with the longest prefix that covers it. Several are ways of equal cost. */
export function expectedVia(all: readonly ExpectedVia[], destination: string): ExpectedVia[] {
  if (all.length === 0) return [];
  const covering = all.flatMap((each) => {
    const [ip = '', length = ''] = each.prefix.split('/');
    return prefixCovers({ ip, length: Number(length) }, destination) ? { each, length: Number(length) } : [];
  });
  const longest = Math.max(...covering.map(({ length }) => length));
  return covering.filter(({ length }) => length === longest).map(({ each }) => each);
}
