import { IpProtocol, type Packet } from './packet.ts';

/*
 * TCP (RFC 9293):
 *
 *   source port 2 | destination port 2 | sequence 4 | acknowledgment 4 | data offset and flags 2 | window 2 | checksum 2 | urgent 2 | options
 */
const SHORTEST = 20;
const { Tcp } = IpProtocol;
export const TcpFlag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16 } as const;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_SACK = 5;

/** Sets ports, flags and payload; false where the header is not all there. */
export function decodeTcp(packet: Packet, at: number): boolean {
  if (!packet.has('tcp', at, SHORTEST)) return false;
  const { view } = packet;
  const ports = view.getInt32(at);
  const word = view.getUint16(at + 12);
  const headerLength = (word >> 12) * 4;
  const payloadAt = at + headerLength;
  const { end } = packet;
  packet.sourcePort = ports >>> 16;
  packet.destinationPort = ports & 0xffff;
  packet.tcpFlags = word & 0x1ff;
  packet.transport = Tcp;
  packet.transportAt = at;
  packet.payloadAt = payloadAt;
  packet.payloadLength = Math.max(0, end - payloadAt);
  if (headerLength < SHORTEST || payloadAt > end) {
    packet.payloadAt = at + SHORTEST;
    packet.payloadLength = 0;
    packet.halt('malformed', 'tcp', at);
  }
  return true;
}

/** Where the value of an option begins (its length stands right before it), or -1. Does not allocate. */
function findOption({ view, payloadAt, capturedEnd, transportAt }: Packet, wanted: number): number {
  const end = Math.min(payloadAt, capturedEnd);
  let at = transportAt + SHORTEST;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 2 > end) return -1;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return -1;
    if (kind === wanted) return at + 2;
    at += length;
  }
  return -1;
}

/** Octets of an option's value that begins at `at`. */
const valueLength = ({ view }: Packet, at: number): number => view.getUint8(at - 1) - 2;

/** The Maximum Segment Size that a SYN offers (RFC 9293 section 3.7.1), or undefined. */
export function tcpMss(packet: Packet): number | undefined {
  const at = findOption(packet, OPTION_MSS);
  return at >= 0 && valueLength(packet, at) === 2 ? packet.view.getUint16(at) : undefined;
}

/** Calls `block` with the edges of each SACK block (RFC 2018): sequence numbers of its first octet and of the first one behind it, signed. */
export function eachSackBlock(packet: Packet, block: (left: number, right: number) => void): void {
  const first = findOption(packet, OPTION_SACK);
  if (first < 0) return;
  const end = first + valueLength(packet, first);
  for (let at = first; at + 8 <= end; at += 8) block(packet.view.getInt32(at), packet.view.getInt32(at + 4));
}

/** Sequence numbers are signed 32-bit integers: what lies between two of them is `(a - b) | 0`. */
export const sequenceOf = ({ view, transportAt }: Packet): number => view.getInt32(transportAt + 4);
export const acknowledgmentOf = ({ view, transportAt }: Packet): number => view.getInt32(transportAt + 8);
/** As the header says it, not shifted. */
export const windowOf = ({ view, transportAt }: Packet): number => view.getUint16(transportAt + 14);
