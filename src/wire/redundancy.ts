import { ipv4Text, ipv6Text } from '../net/ip.ts';
import { IPV6_DESTINATION, IpProtocol, type Packet } from './packet.ts';
import type { RedundancyProtocol } from './virtual-mac.ts';

/** What the active router of a group says of itself. */
export interface RouterAdvertisement {
  protocol: RedundancyProtocol;
  /** VRID, VHID or group. */
  id: number;
  priority: number;
  intervalSec: number;
  /** The addresses that the group shares; empty where the message names none. */
  virtualIps: string[];
}

/*
 * VRRP version 2 (RFC 3768) and 3 (RFC 9568), IP protocol 112:
 *
 *   version and type 1 | VRID 1 | priority 1 | count 1 | 2: auth type 1, interval in seconds 1; 3: interval in 1/100 s 2 (12 bits) | checksum 2 | addresses
 *
 * CARP (OpenBSD ip_carp.h) begins like version 2:
 *
 *   0x21 | VHID 1 | advskew 1 | authlen 7 | pad 1 | advbase 1 | checksum 2 | counter 8 | digest 20
 */
const VRRP_HEADER = 8;
const ADVERTISEMENT = 1;
const CARP_LENGTH = 36;
const CARP_AUTH_WORDS = 7;

/** Allocates; advertisements come once a second. Undefined where the packet is none. */
export function readVrrp(packet: Packet): RouterAdvertisement | undefined {
  if (packet.protocol !== IpProtocol.Vrrp || packet.fragmentOffset > 0 || packet.payloadLength === 0) return undefined;
  const { view, payloadAt: at, version } = packet;
  if (!packet.has('vrrp', at, VRRP_HEADER)) return undefined;
  const first = view.getUint8(at);
  if ((first & 15) !== ADVERTISEMENT) return undefined;
  const id = view.getUint8(at + 1);
  const priority = view.getUint8(at + 2);
  const count = view.getUint8(at + 3);
  if (first >> 4 === 2 && count === CARP_AUTH_WORDS && packet.payloadLength === CARP_LENGTH) {
    // The lowest advskew is the most preferred.
    return {
      protocol: 'carp',
      id,
      priority: 255 - priority,
      intervalSec: Math.max(view.getUint8(at + 5), 1) + priority / 256,
      virtualIps: [],
    };
  }
  const isThird = first >> 4 === 3;
  if (!isThird && first >> 4 !== 2) return undefined;
  const intervalSec = isThird ? (view.getUint16(at + 4) & 0x0fff) / 100 : view.getUint8(at + 5);
  const octets = version === 6 ? 16 : 4;
  const virtualIps: string[] = [];
  for (let i = 0; i < count && packet.has('vrrp', at + VRRP_HEADER + i * octets, octets); i++) {
    const address = at + VRRP_HEADER + i * octets;
    virtualIps.push(version === 6 ? ipv6Text(view, address) : ipv4Text(view.getUint32(address)));
  }
  return { protocol: 'vrrp', id, priority, intervalSec: intervalSec || 1, virtualIps };
}

const HSRP_PORT = 1985;
const HSRP_IPV6_PORT = 2029;
const HSRP1_LENGTH = 20;
const HSRP1_ACTIVE = 16;
/** Version 2 is a list of TLVs; the group state TLV comes first. */
const HSRP2_GROUP_STATE = 1;
const HSRP2_LENGTH = 42;
const HSRP2_ACTIVE = 6;
const HELLO = 0;

/** A hello of HSRP (RFC 2281; version 2 as Cisco documents it) by a router that is active in its group; undefined otherwise. */
export function readActiveHsrp(packet: Packet): RouterAdvertisement | undefined {
  const { view, payloadAt: at, destinationPort } = packet;
  if (packet.transport !== IpProtocol.Udp || (destinationPort !== HSRP_PORT && destinationPort !== HSRP_IPV6_PORT)) return undefined;
  if (packet.payloadCaptured < HSRP1_LENGTH) return undefined;
  if (view.getUint8(at) === 0) {
    if (view.getUint8(at + 1) !== HELLO || view.getUint8(at + 2) !== HSRP1_ACTIVE) return undefined;
    const intervalSec = view.getUint8(at + 3) || 3;
    return {
      protocol: 'hsrp',
      id: view.getUint8(at + 6),
      priority: view.getUint8(at + 5),
      intervalSec,
      virtualIps: [ipv4Text(view.getUint32(at + 16))],
    };
  }
  if (view.getUint8(at) !== HSRP2_GROUP_STATE || packet.payloadCaptured < HSRP2_LENGTH) return undefined;
  if (view.getUint8(at + 3) !== HELLO || view.getUint8(at + 4) !== HSRP2_ACTIVE) return undefined;
  const isIpv6 = view.getUint8(at + 5) === 6;
  const virtualIp = isIpv6 ? ipv6Text(view, at + 26) : ipv4Text(view.getUint32(at + 26));
  const intervalSec = view.getUint32(at + 18) / 1000 || 3;
  return { protocol: 'hsrp', id: view.getUint16(at + 6), priority: view.getUint32(at + 14), intervalSec, virtualIps: [virtualIp] };
}

/** Whether the packet could be one of the above: cheap, for every packet. */
export const isRedundancy = ({ protocol, transport, destinationPort, view, ipAt, version, dst4 }: Packet): boolean =>
  protocol === IpProtocol.Vrrp ||
  (transport === IpProtocol.Udp &&
    (destinationPort === HSRP_PORT || destinationPort === HSRP_IPV6_PORT) &&
    (version === 4 ? dst4 >>> 28 === 14 : view.getUint8(ipAt + IPV6_DESTINATION) === 0xff));
