import { isIpv6Text, isMulticastIp } from '../../src/net/ip.ts';
import { EtherTypes, type NetworkPacket } from './ip.ts';
import { be16, be32, ipOctets, macOctets, octets, type Part, zeros } from './octets.ts';

/** Shortest Ethernet frame without its check sequence (IEEE 802.3): cards fill up what is shorter. */
const SHORTEST_FRAME = 60;

export interface EthernetFields {
  source: string;
  destination: string;
  /** VLAN ids, outermost first. */
  vlans?: readonly number[];
  /** Filled up to 60 octets, as everything that came over a wire is. */
  padded?: boolean;
}

/** An Ethernet II frame without check sequence. Several tags: all but the last are provider tags (802.1ad). */
export function ethernet({ source, destination, vlans = [], padded = false }: EthernetFields, packet: NetworkPacket): Uint8Array {
  const tags = vlans.map((id, i) => [...be16(i < vlans.length - 1 ? EtherTypes.ProviderVlan : EtherTypes.Vlan), ...be16(id)]);
  const frame = octets(macOctets(destination), macOctets(source), ...tags, be16(packet.etherType), packet.octets);
  return padded ? octets(frame, zeros(Math.max(0, SHORTEST_FRAME - frame.length))) : frame;
}

/** 802.1ah: a frame in a frame of the provider's bridges, service id 1. */
export const macInMac = (source: string, destination: string, inner: Uint8Array): Uint8Array =>
  octets(macOctets(destination), macOctets(source), be16(0x88e7), be32(1), inner);

/** Packet types of LINUX_SLL and LINUX_SLL2. */
export const PacketType = { ToUs: 0, Broadcast: 1, Multicast: 2, OtherHost: 3, FromUs: 4 } as const;

/** ARPHRD_ numbers of Linux. */
export const Hardware = { Ethernet: 1, Tun: 65_534, Loopback: 772 } as const;

export interface CookedFields {
  packetType: number;
  /** MAC of the sender; none on a tun device. */
  address?: string;
  hardware?: number;
}

/** LINUX_SLL (16 octets): what `tcpdump -i any` wrote before 4.99. */
export function sll({ packetType, address, hardware = Hardware.Ethernet }: CookedFields, packet: NetworkPacket): Uint8Array {
  return octets(be16(packetType), be16(hardware), be16(address ? 6 : 0), sender(address), be16(packet.etherType), packet.octets);
}

/** LINUX_SLL2 (20 octets), with the interface. */
export function sll2(fields: CookedFields & { ifindex: number }, packet: NetworkPacket): Uint8Array {
  const { ifindex, packetType, address, hardware = Hardware.Ethernet } = fields;
  const header: Part[] = [be16(packet.etherType), be16(0), be32(ifindex), be16(hardware), packetType, address ? 6 : 0, sender(address)];
  return octets(...header, packet.octets);
}

/** The group MAC of a multicast address (RFC 1112 section 6.4, RFC 2464 section 7), undefined for others. */
export function multicastMac(ip: string): string | undefined {
  if (!isMulticastIp(ip)) return undefined;
  const address = ipOctets(ip);
  const mac = isIpv6Text(ip) ? [0x33, 0x33, ...address.slice(12)] : [0x01, 0x00, 0x5e, (address[1] ?? 0) & 0x7f, ...address.slice(2)];
  return mac.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

const sender = (address: string | undefined): number[] => (address ? [...macOctets(address), 0, 0] : zeros(8));
