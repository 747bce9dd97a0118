/** The sysctls that a context has: those that decide which way packets take, and which interface answers. */

/** Below `net.`. */
const SINGLE = [
  'ipv4.ip_forward',
  'ipv4.ip_no_pmtu_disc',
  'ipv4.ip_nonlocal_bind',
  'ipv4.ip_early_demux',
  'ipv4.fib_multipath_hash_policy',
  'ipv4.fib_multipath_hash_fields',
  'ipv4.fib_multipath_use_neigh',
  'ipv4.tcp_mtu_probing',
  'ipv4.tcp_base_mss',
  'ipv4.tcp_fwmark_accept',
  'ipv4.tcp_l3mdev_accept',
  'ipv4.udp_l3mdev_accept',
  'ipv4.raw_l3mdev_accept',
  'ipv4.fwmark_reflect',
  'ipv4.icmp_ratelimit',
  'ipv4.icmp_ratemask',
  'ipv4.icmp_errors_use_inbound_ifaddr',
  'ipv6.fib_multipath_hash_policy',
  'ipv6.fib_multipath_hash_fields',
  'ipv6.fwmark_reflect',
  'ipv6.ip_nonlocal_bind',
];

/** Below `net.ipv4.conf.INTERFACE.`. */
const OF_IPV4 = [
  'accept_local',
  'arp_accept',
  'arp_announce',
  'arp_evict_nocarrier',
  'arp_filter',
  'arp_ignore',
  'bc_forwarding',
  'drop_gratuitous_arp',
  'forwarding',
  'ignore_routes_with_linkdown',
  'medium_id',
  'promote_secondaries',
  'proxy_arp',
  'proxy_arp_pvlan',
  'route_localnet',
  'rp_filter',
  'send_redirects',
  'src_valid_mark',
];

/** Below `net.ipv6.conf.INTERFACE.`. */
const OF_IPV6 = [
  'accept_ra',
  'accept_ra_defrtr',
  'disable_ipv6',
  'forwarding',
  'ignore_routes_with_linkdown',
  'ndisc_tclass',
  'proxy_ndp',
  'use_oif_addrs_only',
  'use_tempaddr',
];

/** Their full names but those of interfaces. */
export const SINGLE_SYSCTLS: readonly string[] = SINGLE.map((name) => `net.${name}`);

/** The names below `net.FAMILY.conf.INTERFACE`. */
export const INTERFACE_SYSCTLS: Readonly<Record<'ipv4' | 'ipv6', readonly string[]>> = { ipv4: OF_IPV4, ipv6: OF_IPV6 };

/** Full name of an interface's sysctl; a dot in the interface's name is written as a slash, as sysctl(8) does. */
export const interfaceSysctl = (family: 'ipv4' | 'ipv6', link: string, name: string): string =>
  `net.${family}.conf.${link.replaceAll('.', '/')}.${name}`;

/** The full name as the document has it, of a path below /proc/sys, or of a name with slashes instead of dots. */
export function sysctlOfPath(path: string): string {
  const parts = path.split('/').filter(Boolean);
  return parts.map((part) => part.replaceAll('.', '/')).join('.');
}

const singles = new Set(SINGLE_SYSCTLS);

/** Whether a context has this one. */
export function isWantedSysctl(name: string): boolean {
  if (singles.has(name)) return true;
  const [, family, last] = /^net\.(ipv[46])\.conf\.\S+\.([\w-]+)$/.exec(name) ?? [];
  return family !== undefined && last !== undefined && INTERFACE_SYSCTLS[family as 'ipv4' | 'ipv6'].includes(last);
}
