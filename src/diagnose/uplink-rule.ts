import { isIpv6Text } from '../net/ip.ts';

/**
 * Commands that send by one uplink what leaves from a UDP port of this host, with the uplink's address as its source. The source is unset when the route
 * of an unbound socket is looked up: a rule by port matches then, a rule by source does not (ip-rule(8); Linux 4.17 and newer). Only what the host itself
 * sends (`iif lo`), and only where no route of its own leads nearer: neighbours on a LAN are still answered there.
 */
export function uplinkRule(port: number | 'PORT', address: string): string[] {
  const ip = ipCommand(address);
  const rule = `${ip} rule add ipproto udp sport ${port} iif lo`;
  return [
    `${ip} route add default via GATEWAY dev IFACE src ${address} table 101`,
    `${rule} lookup main suppress_prefixlength 0 priority 99`,
    `${rule} lookup 101 priority 100`,
  ];
}

/** The same by the mark that WireGuard gives its packets (WG: the interface). */
export function uplinkMark(address: string): string[] {
  const ip = ipCommand(address);
  return [
    'wg set WG fwmark 0x51',
    `${ip} route add default via GATEWAY dev IFACE src ${address} table 101`,
    `${ip} rule add fwmark 0x51 lookup main suppress_prefixlength 0 priority 99`,
    `${ip} rule add fwmark 0x51 lookup 101 priority 100`,
  ];
}

/** `ip`, or `ip -6` for what concerns this address. */
export const ipCommand = (address: string): string => (isIpv6Text(address) ? 'ip -6' : 'ip');
