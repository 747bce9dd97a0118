/** What routers that share an address tell each other, and what bridges tell their neighbours. */
import { isIpv6Text } from '../../src/net/ip.ts';
import { EtherTypes, ip, type NetworkPacket, Protocols, transportChecksum } from './ip.ts';
import { ascii, be16, be32, internetChecksum, ipOctets, macOctets, noise, octets, replaced, zeros } from './octets.ts';
import { udp } from './udp.ts';

const ROUTER_TTL = 255;

export interface VrrpFields {
  from: string;
  virtualRouter: number;
  priority: number;
  addresses: readonly string[];
  /** 2 (RFC 3768) or 3 (RFC 9568); IPv6 is always 3. */
  version?: 2 | 3;
  intervalSeconds?: number;
}

/** An advertisement, once in each interval, of who is master. */
export function vrrp({ from, virtualRouter, priority, addresses, version = 2, intervalSeconds = 1 }: VrrpFields): NetworkPacket {
  const isV6 = isIpv6Text(from);
  const to = isV6 ? 'ff02::12' : '224.0.0.18';
  const isV3 = version === 3 || isV6;
  const interval = isV3 ? be16(intervalSeconds * 100) : [0, intervalSeconds];
  const head = [(isV3 ? 0x30 : 0x20) | 1, virtualRouter, priority, addresses.length, ...interval, 0, 0];
  const message = octets(head, ...addresses.map(ipOctets), isV3 ? [] : zeros(8));
  const checksum = isV3 ? transportChecksum(from, to, Protocols.Vrrp, message) : internetChecksum(message);
  return ip({ from, to, protocol: Protocols.Vrrp, payload: replaced(message, 6, be16(checksum)), ttl: ROUTER_TTL });
}

export interface CarpFields {
  from: string;
  virtualHost: number;
  /** advskew: the lower the more master. */
  skew: number;
  counter: number;
}

/** CARP of the BSDs: the same protocol number as VRRP, 36 octets with a hash and a counter. */
export function carp({ from, virtualHost, skew, counter }: CarpFields): NetworkPacket {
  const message = octets(0x21, virtualHost, skew, 7, 0, 1, 0, 0, be32(0x01020304), be32(counter), noise(20, counter));
  const payload = replaced(message, 6, be16(internetChecksum(message)));
  return ip({ from, to: '224.0.0.18', protocol: Protocols.Vrrp, payload, ttl: ROUTER_TTL, ident: counter });
}

export interface HsrpFields {
  from: string;
  group: number;
  priority: number;
  address: string;
  state?: 'active' | 'standby' | 'speak';
}

const HSRP_STATES = { speak: 4, standby: 8, active: 16 } as const;

/** A hello of HSRP version 1 (RFC 2281 section 5). */
export function hsrp({ from, group, priority, address, state = 'active' }: HsrpFields): NetworkPacket {
  const payload = octets(0, 0, HSRP_STATES[state], 3, 10, priority, group, 0, ascii('cisco'), zeros(3), ipOctets(address));
  return udp({ from: `${from}:1985`, to: '224.0.0.2:1985', payload, ttl: 1, df: false });
}

/** A hello of GLBP: enough of it to be recognised by port and group. */
export const glbpHello = (from: string, group: number): NetworkPacket =>
  udp({ from: `${from}:3222`, to: '224.0.0.102:3222', payload: octets(1, 0, be16(group), zeros(2), noise(6, group), zeros(28)), ttl: 255 });

/** MAC of a virtual router: VRRP and CARP. */
export const vrrpMac = (virtualRouter: number): string => `00:00:5e:00:01:${virtualRouter.toString(16).padStart(2, '0')}`;
export const vrrp6Mac = (virtualRouter: number): string => `00:00:5e:00:02:${virtualRouter.toString(16).padStart(2, '0')}`;
export const hsrpMac = (group: number): string => `00:00:0c:07:ac:${group.toString(16).padStart(2, '0')}`;
export const glbpMac = (group: number, forwarder: number): string =>
  `00:07:b4:00:${group.toString(16).padStart(2, '0')}:${forwarder.toString(16).padStart(2, '0')}`;
export const nlbMac = (address: string): string => `02:bf:${ipOctets(address).map(hex).join(':')}`;

/** To all bridges (IEEE 802.1AB); goes no further than the next one. */
export const LLDP_MULTICAST = '01:80:c2:00:00:0e';

export interface LldpFields {
  /** The chassis by a MAC of it. */
  chassis: string;
  /** The port by its own MAC. */
  port: string;
  systemName: string;
}

export function lldp({ chassis, port, systemName }: LldpFields): NetworkPacket {
  const tlv = (type: number, value: readonly number[]): number[] => [...be16((type << 9) | value.length), ...value];
  const tlvs = [
    tlv(1, [4, ...macOctets(chassis)]),
    tlv(2, [3, ...macOctets(port)]),
    tlv(3, be16(120)),
    tlv(5, ascii(systemName)),
    tlv(0, []),
  ];
  return { etherType: EtherTypes.Lldp, octets: octets(...tlvs) };
}

const hex = (octet: number): string => octet.toString(16).padStart(2, '0');
