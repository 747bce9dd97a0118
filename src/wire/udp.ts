import { IpProtocol, type Packet } from './packet.ts';

/** UDP (RFC 768): source port 2, destination port 2, length 2, checksum 2. */
export const UDP_HEADER = 8;

/** Sets ports and payload; false where the header is not all there. */
export function decodeUdp(packet: Packet, at: number): boolean {
  if (!packet.has('udp', at, UDP_HEADER)) return false;
  const { view } = packet;
  packet.sourcePort = view.getUint16(at);
  packet.destinationPort = view.getUint16(at + 2);
  const length = view.getUint16(at + 4);
  packet.transport = IpProtocol.Udp;
  packet.transportAt = at;
  packet.payloadAt = at + UDP_HEADER;
  const available = packet.end - packet.payloadAt;
  // 0: longer than 16 bits say (RFC 2675), or left to the card. A first fragment holds less than the length says.
  if (length !== 0 && length < UDP_HEADER) {
    packet.payloadLength = 0;
    packet.halt('malformed', 'udp', at);
    return true;
  }
  packet.payloadLength = length === 0 ? available : packet.isFragment ? length - UDP_HEADER : Math.min(length - UDP_HEADER, available);
  if (packet.isFragment) {
    // What the other fragments hold was sent, and is not here.
    packet.capturedEnd = Math.min(packet.capturedEnd, packet.end);
    packet.end = Math.max(packet.end, packet.payloadAt + packet.payloadLength);
  }
  return true;
}
