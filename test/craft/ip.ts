import { isIpv6Text } from '../../src/net/ip.ts';
import { be16, be32, fold16, internetChecksum, ipOctets, octets, replaced } from './octets.ts';

/** What a link layer carries: an EtherType and the octets behind it. */
export interface NetworkPacket {
  etherType: number;
  octets: Uint8Array;
}

export const EtherTypes = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100, Ipv6: 0x86dd, ProviderVlan: 0x88a8, Lldp: 0x88cc } as const;
export const Protocols = { Icmp: 1, Ipip: 4, Tcp: 6, Udp: 17, Gre: 47, Icmpv6: 58, Vrrp: 112 } as const;

/** Fields of the IP header that a caller may set; those that a family does not have are ignored. */
export interface IpOptions {
  /** TTL or hop limit; 64 unless said. */
  ttl?: number;
  /** IPv4 identification; made of the payload unless said, so that copies of a packet share it. */
  ident?: number;
  /** IPv4 "don't fragment"; set unless said. */
  df?: boolean;
  /** TOS or traffic class. */
  tos?: number;
}

export interface IpFields extends IpOptions {
  from: string;
  to: string;
  protocol: number;
  payload: Uint8Array;
}

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TTL = 8;
const IPV4_CHECKSUM = 10;
const HOP_LIMIT = 7;
const FRAGMENT_HEADER = 44;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const USUAL_TTL = 64;

/** A packet of the family that the addresses have. */
export const ip = (fields: IpFields): NetworkPacket => (isIpv6Text(fields.from) ? ipv6(fields) : ipv4(fields));

/** RFC 791, without options. */
export function ipv4(fields: IpFields): NetworkPacket {
  const { ident = fold16(fields.payload), df = true } = fields;
  return ipv4Piece(fields, ident, df ? DONT_FRAGMENT : 0);
}

/** The packet cut into fragments of `size` octets of payload (a multiple of 8). */
export function ipv4Fragments(fields: IpFields, size: number): NetworkPacket[] {
  const { ident = fold16(fields.payload), payload } = fields;
  return pieces(payload, size).map(({ piece, at, more }) =>
    ipv4Piece({ ...fields, payload: piece }, ident, (more ? MORE_FRAGMENTS : 0) | (at / 8)),
  );
}

/** RFC 8200, without extension headers. */
export function ipv6({ from, to, protocol, payload, ttl = USUAL_TTL, tos = 0 }: IpFields): NetworkPacket {
  const header = [be32(0x60000000 + tos * 2 ** 20), be16(payload.length), protocol, ttl, ipOctets(from), ipOctets(to)];
  return { etherType: EtherTypes.Ipv6, octets: octets(...header, payload) };
}

/** The packet cut into fragments of `size` octets of payload, each behind a fragment header. */
export function ipv6Fragments(fields: IpFields, size: number): NetworkPacket[] {
  const ident = fields.ident ?? fold16(fields.payload);
  return pieces(fields.payload, size).map(({ piece, at, more }) =>
    ipv6({
      ...fields,
      protocol: FRAGMENT_HEADER,
      payload: octets(fields.protocol, 0, be16(at | (more ? 1 : 0)), be32(ident), piece),
    }),
  );
}

/** The same packet behind a router: TTL or hop limit one lower, the header's checksum right again. */
export function forwarded({ etherType, octets: packet }: NetworkPacket): NetworkPacket {
  if (etherType === EtherTypes.Ipv6) return { etherType, octets: replaced(packet, HOP_LIMIT, [(packet[HOP_LIMIT] ?? 0) - 1]) };
  const lower = replaced(replaced(packet, TTL, [(packet[TTL] ?? 0) - 1]), IPV4_CHECKSUM, [0, 0]);
  return { etherType, octets: replaced(lower, IPV4_CHECKSUM, be16(internetChecksum(lower.subarray(0, IPV4_HEADER)))) };
}

/** Checksum of TCP, UDP and ICMPv6, over the pseudo header too (RFC 793, RFC 8200 section 8.1). */
export function transportChecksum(from: string, to: string, protocol: number, segment: Uint8Array): number {
  return internetChecksum(octets(ipOctets(from), ipOctets(to), be32(segment.length), be32(protocol), segment));
}

/** Length of the header in front of the payload of a packet that one of these functions made without extension headers. */
export const ipHeaderLength = ({ etherType }: NetworkPacket): number => (etherType === EtherTypes.Ipv6 ? IPV6_HEADER : IPV4_HEADER);

function ipv4Piece({ from, to, protocol, payload, ttl = USUAL_TTL, tos = 0 }: IpFields, ident: number, flags: number): NetworkPacket {
  const length = IPV4_HEADER + payload.length;
  const header = octets(0x45, tos, be16(length), be16(ident), be16(flags), ttl, protocol, 0, 0, ipOctets(from), ipOctets(to));
  const checked = replaced(header, IPV4_CHECKSUM, be16(internetChecksum(header)));
  return { etherType: EtherTypes.Ipv4, octets: octets(checked, payload) };
}

function pieces(payload: Uint8Array, size: number): { piece: Uint8Array; at: number; more: boolean }[] {
  return Array.from({ length: Math.ceil(payload.length / size) }, (_, i) => ({
    piece: payload.subarray(i * size, (i + 1) * size),
    at: i * size,
    more: (i + 1) * size < payload.length,
  }));
}
