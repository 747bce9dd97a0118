import type { Packet } from './packet.ts';

/** AH (RFC 4302 section 2): next header 1, length in words less two 1, reserved 2, SPI 4, sequence number 4, ICV. */
const SHORTEST = 12;
const SPI = 4;

/**
 * What AH protects stays readable: it is one more header on the way. Sets `packet.protocol` to what follows, and `packet.ahAt`.
 * @returns where that begins; -1 where the header is not all there
 */
export function skipAh(packet: Packet, at: number): number {
  if (!packet.has('ah', at, SHORTEST)) return -1;
  const length = (packet.view.getUint8(at + 1) + 2) * 4;
  packet.ahAt = at;
  packet.protocol = packet.view.getUint8(at);
  if (length < SHORTEST) {
    packet.halt('malformed', 'ah', at);
    return -1;
  }
  return at + length;
}

/** The SPI of the AH header at `at`. */
export const ahSpi = (packet: Packet, at: number): number => packet.view.getUint32(at + SPI);
