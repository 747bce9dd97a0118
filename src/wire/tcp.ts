import { IpProtocol, type Packet } from './packet.ts';

/*
 * TCP (RFC 9293):
 *
 *   source port 2 | destination port 2 | sequence 4 | acknowledgment 4 | data offset and flags 2 | window 2 | checksum 2 | urgent 2 | options
 */
const SHORTEST = 20;
export const TcpFlag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16 } as const;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;

/** Sets ports, flags and payload; false where the header is not all there. */
export function decodeTcp(packet: Packet, at: number): boolean {
  if (!packet.has('tcp', at, SHORTEST)) return false;
  const { view } = packet;
  const word = view.getUint16(at + 12);
  const headerLength = (word >> 12) * 4;
  packet.sourcePort = view.getUint16(at);
  packet.destinationPort = view.getUint16(at + 2);
  packet.tcpFlags = word & 0x1ff;
  packet.transport = IpProtocol.Tcp;
  packet.transportAt = at;
  packet.payloadAt = at + headerLength;
  packet.payloadLength = Math.max(0, packet.end - packet.payloadAt);
  if (headerLength < SHORTEST || packet.payloadAt > packet.end) {
    packet.payloadAt = at + SHORTEST;
    packet.payloadLength = 0;
    packet.halt('malformed', 'tcp', at);
  }
  return true;
}

/** The Maximum Segment Size that a SYN offers (RFC 9293 section 3.7.1), or undefined. */
export function tcpMss(packet: Packet): number | undefined {
  const { view } = packet;
  const end = Math.min(packet.payloadAt, packet.capturedEnd);
  let at = packet.transportAt + SHORTEST;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return undefined;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 2 > end) return undefined;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return undefined;
    if (kind === OPTION_MSS && length === 4) return view.getUint16(at + 2);
    at += length;
  }
  return undefined;
}
