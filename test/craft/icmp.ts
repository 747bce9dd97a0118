import { isIpv6Text } from '../../src/net/ip.ts';
import { type IpOptions, ipHeaderLength, ipv4, ipv6, type NetworkPacket, Protocols, transportChecksum } from './ip.ts';
import { ascii, be16, be32, internetChecksum, octets, type Part, replaced, zeros } from './octets.ts';

const CHECKSUM = 2;
/** What the error messages quote behind the IP header. */
const QUOTED_OCTETS = 64;
/** To how much they fill it up, where extensions follow (RFC 4884). */
const QUOTE_FILLED = 128;
const Type = { EchoReply: 0, Unreachable: 3, Redirect: 5, Echo: 8, TimeExceeded: 11 } as const;
const TypeV6 = { Unreachable: 1, TooBig: 2, TimeExceeded: 3, Echo: 128, EchoReply: 129 } as const;

export interface EchoFields extends IpOptions {
  from: string;
  to: string;
  id: number;
  seq: number;
  /** The usual letters of ping unless said. */
  payload?: Uint8Array;
}

const LETTERS = octets(ascii('abcdefghijklmnopqrstuvwabcdefghi'));

/** An echo request of the family that the addresses have (RFC 792, RFC 4443). */
export const echoRequest = (fields: EchoFields): NetworkPacket => echo(fields, Type.Echo, TypeV6.Echo);

export const echoReply = (fields: EchoFields): NetworkPacket => echo(fields, Type.EchoReply, TypeV6.EchoReply);

export interface IcmpErrorFields extends IpOptions {
  from: string;
  /** The packet that could not be delivered; the error goes to its source unless `to` says otherwise. */
  quoted: NetworkPacket;
  to: string;
}

/** Port unreachable, code 3 (ICMPv6: code 4). */
export const portUnreachable = (fields: IcmpErrorFields): NetworkPacket => icmpError(fields, Type.Unreachable, 3, TypeV6.Unreachable, 4);

/** Host unreachable, code 1 (ICMPv6: address unreachable, code 3). */
export const hostUnreachable = (fields: IcmpErrorFields): NetworkPacket => icmpError(fields, Type.Unreachable, 1, TypeV6.Unreachable, 3);

/** The TTL or hop limit ended on the way. */
export const timeExceeded = (fields: IcmpErrorFields): NetworkPacket => icmpError(fields, Type.TimeExceeded, 0, TypeV6.TimeExceeded, 0);

/** The packet is larger than the next link, and may not be cut (code 4; ICMPv6: packet too big). */
export const tooBig = ({ quoted, mtu, ...addresses }: IcmpErrorFields & { mtu: number }): NetworkPacket =>
  isIpv6Text(addresses.from)
    ? icmpv6(addresses, TypeV6.TooBig, 0, be32(mtu), quoteOf(quoted))
    : icmpv4(addresses, Type.Unreachable, 4, 0, 0, be16(mtu), quoteOf(quoted));

export interface LabelFields {
  label: number;
  trafficClass?: number;
  ttl?: number;
}

/**
 * Time exceeded with the MPLS label stack of the quoted packet (RFC 4950), outermost first. The quote is filled up to 128 octets.
 * @param legacy from before RFC 4884: nothing says how long the quote is
 */
export function mplsTimeExceeded(fields: IcmpErrorFields & { labels: readonly LabelFields[]; legacy?: boolean }): NetworkPacket {
  const { quoted, labels, legacy = false, ...addresses } = fields;
  const quote = octets(quoteOf(quoted), zeros(QUOTE_FILLED)).subarray(0, QUOTE_FILLED);
  const stack = labels.map(({ label, trafficClass = 0, ttl = 1 }, i) =>
    be32(label * 2 ** 12 + trafficClass * 2 ** 9 + (i === labels.length - 1 ? 2 ** 8 : 0) + ttl),
  );
  const bare = octets(0x20, 0, 0, 0, be16(4 + 4 * labels.length), 1, 1, ...stack);
  const extensions = replaced(bare, CHECKSUM, be16(internetChecksum(bare)));
  // The length of the quote in words: of 64 bits in the first octet, of 32 bits in the second one.
  if (isIpv6Text(fields.from)) return icmpv6(addresses, TypeV6.TimeExceeded, 0, legacy ? 0 : QUOTE_FILLED / 8, 0, 0, 0, quote, extensions);
  return icmpv4(addresses, Type.TimeExceeded, 0, 0, legacy ? 0 : QUOTE_FILLED / 4, 0, 0, quote, extensions);
}

/** Another router is nearer (code 1, for the host): sent to who sent the quoted packet. IPv4 only. */
export const redirect = ({ quoted, gateway, ...addresses }: IcmpErrorFields & { gateway: string }): NetworkPacket =>
  icmpv4(addresses, Type.Redirect, 1, ipv4Octets(gateway), quoteOf(quoted));

const quoteOf = (quoted: NetworkPacket): Uint8Array => quoted.octets.subarray(0, ipHeaderLength(quoted) + QUOTED_OCTETS);

const ipv4Octets = (ip: string): Uint8Array => Uint8Array.from(ip.split('.').map(Number));

/** An ICMPv6 message with its checksum, as a packet. */
export function icmpv6(fields: IpOptions & { from: string; to: string }, type: number, code: number, ...body: Part[]): NetworkPacket {
  const { from, to, ...options } = fields;
  const message = octets(type, code, 0, 0, ...body);
  const checksum = transportChecksum(from, to, Protocols.Icmpv6, message);
  return ipv6({ from, to, protocol: Protocols.Icmpv6, payload: replaced(message, CHECKSUM, be16(checksum)), ...options });
}

function echo({ from, to, id, seq, payload = LETTERS, ...options }: EchoFields, type: number, typeV6: number): NetworkPacket {
  if (isIpv6Text(from)) return icmpv6({ from, to, ...options }, typeV6, 0, be16(id), be16(seq), payload);
  return icmpv4({ from, to, ...options }, type, 0, be16(id), be16(seq), payload);
}

function icmpError(fields: IcmpErrorFields, type: number, code: number, typeV6: number, codeV6: number): NetworkPacket {
  const { quoted, ...addresses } = fields;
  const quote = quoteOf(quoted);
  if (isIpv6Text(fields.from)) return icmpv6(addresses, typeV6, codeV6, 0, 0, 0, 0, quote);
  return icmpv4(addresses, type, code, 0, 0, 0, 0, quote);
}

function icmpv4(fields: IpOptions & { from: string; to: string }, type: number, code: number, ...body: Part[]): NetworkPacket {
  const { from, to, ...options } = fields;
  const message = octets(type, code, 0, 0, ...body);
  const checked = replaced(message, CHECKSUM, be16(internetChecksum(message)));
  return ipv4({ from, to, protocol: Protocols.Icmp, payload: checked, ...options });
}
