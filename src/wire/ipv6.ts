import { skipAh } from './ah.ts';
import { IpProtocol, type Packet } from './packet.ts';

/*
 * IPv6 (RFC 8200):
 *
 *   version, traffic class, flow label 4 | payload length 2 | next header 1 | hop limit 1 | source 16 | destination 16
 */
const HEADER = 40;
const { Ah, DestinationOptions, Fragment, Hip, HopByHop, Mobility, Routing, Shim6 } = IpProtocol;
/** Extension headers: next header 1, length in units of eight octets, without the first eight, 1. */
const EXTENSION_SHORTEST = 8;
const MORE_FRAGMENTS = 1;
const FRAGMENT_OFFSET = 0xfff8;
/** Far more than any sender makes; a crafted chain ends here. */
const MOST_EXTENSIONS = 16;

/** @returns where the upper layer begins, with its number in `packet.protocol`; -1 where the headers are not all there */
export function decodeIpv6(packet: Packet, at: number): number {
  if (!packet.has('ipv6', at, HEADER)) return -1;
  const { view } = packet;
  if (view.getUint8(at) >> 4 !== 6) {
    packet.halt('malformed', 'ipv6', at);
    return -1;
  }
  const payloadLength = view.getUint16(at + 4);
  packet.version = 6;
  packet.ipAt = at;
  packet.tos = (view.getUint16(at) >> 4) & 255;
  packet.ident = 0;
  packet.dontFragment = true;
  packet.ttl = view.getUint8(at + 7);
  packet.protocol = view.getUint8(at + 6);
  // 0: a jumbogram (RFC 2675), or left to the card by segmentation offload.
  if (payloadLength > 0) packet.end = Math.min(packet.end, at + HEADER + payloadLength);
  return skipExtensions(packet, at + HEADER);
}

function skipExtensions(packet: Packet, at: number): number {
  const { view } = packet;
  let header = at;
  for (let i = 0; i < MOST_EXTENSIONS; i++) {
    switch (packet.protocol) {
      case Fragment: {
        if (!packet.has('ipv6-fragment', header, EXTENSION_SHORTEST)) return -1;
        const word = view.getUint16(header + 2);
        packet.fragmentOffset = word & FRAGMENT_OFFSET;
        packet.moreFragments = (word & MORE_FRAGMENTS) !== 0;
        packet.ident = view.getInt32(header + 4);
        packet.dontFragment = false;
        packet.protocol = view.getUint8(header);
        header += EXTENSION_SHORTEST;
        // Behind the first fragment's headers stand octets from the middle of a datagram.
        if (packet.fragmentOffset > 0) return header;
        break;
      }
      case HopByHop:
      case Routing:
      case DestinationOptions:
      case Mobility:
      case Hip:
      case Shim6: {
        if (!packet.has('ipv6-extension', header, EXTENSION_SHORTEST)) return -1;
        const length = (view.getUint8(header + 1) + 1) * 8;
        packet.protocol = view.getUint8(header);
        header += length;
        break;
      }
      case Ah: {
        header = skipAh(packet, header);
        if (header < 0) return -1;
        break;
      }
      default:
        return header;
    }
  }
  packet.halt('malformed', 'ipv6-extension', header);
  return -1;
}
