import { commonPrefixLength, ipWords, isIpv6Text } from '../net/ip.ts';
import type { Host, Link, LinkAddress } from './host.ts';
import { SCOPE_HOST, SCOPE_LINK, scopeNumber } from './names.ts';
import { covers } from './prefix.ts';

/**
 * The IPv4 address that the kernel gives a packet without one that leaves by `link` (net/ipv4/devinet.c `inet_select_addr`): the first primary
 * one whose network holds `gateway`, else the first primary one, else one of another interface, in the order of their indexes. Null where
 * there is none.
 * @param gateway null: of no help
 * @param scope of the route: addresses of nearer scope are not taken
 */
export function selectIpv4(host: Host, link: Link | undefined, gateway: string | null, scope: number): string | null {
  // Linux compares a gateway of IPv6 by its first 32 bits: they are no address of any network here.
  const wanted = gateway === null ? undefined : isIpv6Text(gateway) ? ([0, 0, 0xffff, ipWords(gateway)[0]] as const) : ipWords(gateway);
  const near = link && host.effective('route_localnet', link.name) === 1 ? SCOPE_LINK : SCOPE_HOST;
  let first: string | null = null;
  for (const address of ipv4Primaries(link)) {
    if (Math.min(scopeNumber(address.scope), near) > scope) continue;
    if (wanted === undefined || covers(ipWords(address.peer ?? address.ip), address.prefixLength, wanted, 4)) return address.ip;
    first ??= address.ip;
  }
  if (first !== null) return first;
  for (const each of host.links) {
    for (const address of ipv4Primaries(each)) {
      const itsScope = scopeNumber(address.scope);
      if (itsScope !== SCOPE_LINK && itsScope <= scope) return address.ip;
    }
  }
  return null;
}

const ipv4Primaries = (link: Link | undefined): readonly LinkAddress[] =>
  link?.addresses.filter(({ ip, isSecondary }) => !isSecondary && !isIpv6Text(ip)) ?? [];

/** A candidate with its marks: at the first one that differs, the greater wins. */
interface Candidate {
  ip: string;
  marks: number[];
}

/**
 * The IPv6 address that the kernel gives a packet without one to `destination` by `link` (net/ipv6/addrconf.c `ipv6_dev_get_saddr`, RFC 6724
 * section 5): rules 1, 2, 3, 5, 6, 7, the ORCHID rule and 8, with the label table that Linux starts with. Null where there is none.
 */
export function selectIpv6(host: Host, link: Link | undefined, destination: string): string | null {
  const scope = scopeOf(destination);
  const onlyOut =
    link !== undefined &&
    (isIpv6Multicast(destination) || scope <= LINK_LOCAL || host.sysctl('use_oif_addrs_only', link.name, 'ipv6') === 1);
  let best: Candidate | undefined;
  for (const each of onlyOut ? [link] : host.links) {
    const preferTemporary = (host.sysctl('use_tempaddr', each.name, 'ipv6') ?? 0) >= 2;
    for (const address of each.addresses) {
      if (!isIpv6Text(address.ip) || address.isTentative) continue;
      const itsScope = scopeOf(address.ip);
      const marks = [
        address.ip === destination ? 1 : 0,
        itsScope >= scope ? -itsScope : itsScope - 128,
        address.isDeprecated && address.ip !== '::1' ? 0 : 1,
        link === undefined || each === link ? 1 : 0,
        labelOf(address.ip) === labelOf(destination) ? 1 : 0,
        address.isTemporary === preferTemporary ? 1 : 0,
        isOrchid(address.ip) === isOrchid(destination) ? 1 : 0,
        Math.min(commonPrefixLength(address.ip, destination), address.prefixLength),
      ];
      if (best === undefined || isGreater(marks, best.marks)) best = { ip: address.ip, marks };
    }
  }
  return best?.ip ?? null;
}

function isGreater(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((mark, i) => mark !== b[i]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

const isIpv6Multicast = (ip: string): boolean => ipWords(ip)[0] >>> 24 === 0xff;

const LINK_LOCAL = 2;

/** net/ipv6/addrconf_core.c `__ipv6_addr_type`: 1 the interface, 2 the link, 5 the site, 14 global; that of multicast stands in the address. */
function scopeOf(ip: string): number {
  const [first, second, third, fourth] = ipWords(ip);
  if (first >>> 24 === 0xff) return (first >>> 16) & 0xf;
  if (first >>> 22 === 0xfe80 >>> 6) return LINK_LOCAL;
  if (first >>> 22 === 0xfec0 >>> 6) return 5;
  return first === 0 && second === 0 && third === 0 && fourth === 1 ? LINK_LOCAL : 14;
}

/** net/ipv6/addrlabel.c `ip6addrlbl_init_table`, the longest prefix first. */
const LABELS: readonly { prefix: readonly [number, number, number, number]; length: number; label: number }[] = [
  { prefix: [0, 0, 0, 1], length: 128, label: 0 },
  { prefix: [0, 0, 0xffff, 0], length: 96, label: 4 },
  { prefix: [0, 0, 0, 0], length: 96, label: 3 },
  { prefix: [0x2001_0000, 0, 0, 0], length: 32, label: 6 },
  { prefix: [0x2001_0010, 0, 0, 0], length: 28, label: 7 },
  { prefix: [0x2002_0000, 0, 0, 0], length: 16, label: 2 },
  { prefix: [0x3ffe_0000, 0, 0, 0], length: 16, label: 12 },
  { prefix: [0xfec0_0000, 0, 0, 0], length: 10, label: 11 },
  { prefix: [0xfc00_0000, 0, 0, 0], length: 7, label: 5 },
];

const labelOf = (ip: string): number => LABELS.find(({ prefix, length }) => covers(prefix, length, ipWords(ip), 6))?.label ?? 1;

/** 2001:10::/28 (RFC 4843). */
const isOrchid = (ip: string): boolean => ipWords(ip)[0] >>> 4 === 0x2001_0010 >>> 4;
