import { skipAh } from './ah.ts';
import { IpProtocol, type Packet } from './packet.ts';

/*
 * IPv4 (RFC 791):
 *
 *   version and IHL 1 | TOS 1 | total length 2 | identification 2 | flags and fragment offset 2 | TTL 1 | protocol 1 | checksum 2 | source 4 | destination 4
 */
const SHORTEST = 20;
const { Ah } = IpProtocol;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;

/** @returns where the payload begins; -1 where the header is not all there */
export function decodeIpv4(packet: Packet, at: number): number {
  if (!packet.has('ipv4', at, SHORTEST)) return -1;
  const { view } = packet;
  // Word by word: four reads for nine fields.
  const first = view.getInt32(at);
  const headerLength = ((first >>> 24) & 15) * 4;
  if (first >>> 28 !== 4 || headerLength < SHORTEST) {
    packet.halt('malformed', 'ipv4', at);
    return -1;
  }
  const totalLength = first & 0xffff;
  const second = view.getInt32(at + 4);
  const third = view.getInt32(at + 8);
  const protocol = (third >>> 16) & 255;
  const fragmentOffset = (second & OFFSET) * 8;
  packet.version = 4;
  packet.ipAt = at;
  packet.tos = (first >>> 16) & 255;
  packet.ident = second >>> 16;
  packet.dontFragment = (second & DONT_FRAGMENT) !== 0;
  packet.moreFragments = (second & MORE_FRAGMENTS) !== 0;
  packet.fragmentOffset = fragmentOffset;
  packet.ttl = third >>> 24;
  packet.protocol = protocol;
  packet.src4 = view.getInt32(at + 12);
  packet.dst4 = view.getInt32(at + 16);
  // A length of 0 is left to the card by segmentation offload; what is behind the packet is Ethernet's padding.
  if (totalLength > 0) {
    if (totalLength < headerLength) {
      packet.halt('malformed', 'ipv4', at);
      return -1;
    }
    packet.end = Math.min(packet.end, at + totalLength);
  }
  if (headerLength > SHORTEST && !packet.has('ipv4', at, headerLength)) return -1;
  return protocol === Ah && fragmentOffset === 0 ? skipAh(packet, at + headerLength) : at + headerLength;
}
