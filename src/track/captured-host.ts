import type { Host } from '../context/host.ts';
import { hostOf } from '../context/model.ts';
import { isIpv6Text } from '../net/ip.ts';
import { macText } from '../net/mac.ts';
import type { ObservedInterface } from './interfaces.ts';

/**
 * The capturing host as the capture itself describes its interfaces (pcapng: if_MACaddr, if_IPv4addr, if_IPv6addr): their MACs, addresses and networks, and nothing of
 * its routing. Undefined where it does not say which interface has which address.
 */
export function capturedHost(interfaces: readonly ObservedInterface[]): Host | undefined {
  const described = interfaces.filter(({ mac, addresses, name }) => mac > 0 && addresses.length > 0 && name !== null);
  if (described.length < 2) return undefined;
  const nameOf = ({ name }: ObservedInterface): string => name?.name ?? `interface ${name?.index}`;
  return hostOf({
    hostname: null,
    kernel: null,
    time: null,
    links: described.map((each) => ({
      ifindex: each.name?.index ?? -1,
      ifname: nameOf(each),
      flags: ['UP', 'LOWER_UP'],
      link_type: 'ether',
      address: macText(each.mac),
    })),
    addresses: described.map((each) => ({
      ifindex: each.name?.index ?? -1,
      ifname: nameOf(each),
      addr_info: each.addresses.map((local, i) => ({
        family: isIpv6Text(local) ? 'inet6' : 'inet',
        local,
        prefixlen: each.prefixLengths[i] ?? (isIpv6Text(local) ? 128 : 32),
      })),
    })),
  });
}
