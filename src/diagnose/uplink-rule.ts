import { isIpv6Text } from '../net/ip.ts';

/** What a rule selects: all that is given must match. `PORT` stands for a port that is not known. */
export interface Traffic {
  from?: string;
  mark?: string;
  leaving?: { protocol: 'udp' | 'tcp'; port: number | 'PORT' };
}

/**
 * The source of what has none yet (Linux net/ipv4/fib_rules.c: fib4_rule_match compares the 0.0.0.0 that is there until one is chosen). With it a
 * rule leaves alone what has a source already. IPv6 has no such thing (net/ipv6/fib6_rules.c: without a source no rule with `from` matches).
 */
export const NO_SOURCE = '0.0.0.0/32';

/**
 * How `ip rule` selects it. The source is unset when the route of an unbound socket is looked up: a rule by port or mark matches then, a rule by
 * source does not (ip-rule(8); Linux 4.17 and newer). By port only what the host itself sends (`iif lo`).
 */
export const selector = ({ from, mark, leaving }: Traffic): string =>
  [
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(mark === undefined ? [] : [`fwmark ${mark}`]),
    ...(leaving === undefined ? [] : [`ipproto ${leaving.protocol} sport ${leaving.port} iif lo`]),
  ].join(' ');

/**
 * Commands that send by one uplink what leaves from a UDP port of this host, with the uplink's address as its source; and only where no route of
 * its own leads nearer: neighbours on a LAN are still answered there.
 */
export const uplinkRule = (port: number | 'PORT', address: string): string[] => general({ leaving: { protocol: 'udp', port } }, address);

/** The same by the mark that WireGuard gives its packets (WG: the interface). */
export const uplinkMark = (address: string): string[] => ['wg set WG fwmark 0x51', ...general({ mark: '0x51' }, address)];

function general(traffic: Traffic, address: string): string[] {
  const ip = ipCommand(address);
  const rule = `${ip} rule add ${selector(traffic)}`;
  return [
    `${ip} route add default via GATEWAY dev IFACE src ${address} table 101`,
    `${rule} lookup main suppress_prefixlength 0 priority 99`,
    `${rule} lookup 101 priority 100`,
  ];
}

/** `ip`, or `ip -6` for what concerns this address. */
export const ipCommand = (address: string): string => (isIpv6Text(address) ? 'ip -6' : 'ip');
