import { IpProtocol, type Packet } from './packet.ts';

/** UDP (RFC 768): source port 2, destination port 2, length 2, checksum 2. */
export const UDP_HEADER = 8;
const HEADER = UDP_HEADER;
const { Udp } = IpProtocol;

/** Sets ports and payload; false where the header is not all there. */
export function decodeUdp(packet: Packet, at: number): boolean {
  if (!packet.has('udp', at, HEADER)) return false;
  const { view } = packet;
  const ports = view.getInt32(at);
  const length = view.getUint16(at + 4);
  const payloadAt = at + HEADER;
  packet.sourcePort = ports >>> 16;
  packet.destinationPort = ports & 0xffff;
  packet.transport = Udp;
  packet.transportAt = at;
  packet.payloadAt = payloadAt;
  // 0: longer than 16 bits say (RFC 2675), or left to the card.
  if (length !== 0 && length < HEADER) {
    packet.payloadLength = 0;
    packet.halt('malformed', 'udp', at);
    return true;
  }
  const available = packet.end - payloadAt;
  if (packet.isFragment) {
    // A first fragment holds less than the length says. What the others hold was sent, and is not here.
    packet.payloadLength = length === 0 ? available : length - HEADER;
    packet.capturedEnd = Math.min(packet.capturedEnd, packet.end);
    packet.end = Math.max(packet.end, payloadAt + packet.payloadLength);
  } else {
    packet.payloadLength = length === 0 ? available : Math.min(length - HEADER, available);
  }
  return true;
}
