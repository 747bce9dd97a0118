import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { lead } from './tunnel.ts';

const AUTHENTICATION = 0x0001;
const AUTHENTICATION_SHORTEST = 13;
const ORIGIN = 0x0000;
const ORIGIN_LENGTH = 8;
const IPV6_HEADER = 40;

/** Teredo (RFC 4380 section 5.1.1): IPv6 in UDP, perhaps behind an authentication header and an origin indication. */
export function decodeTeredo(packet: Packet, at: number): void {
  const { view } = packet;
  let next = at;
  if (packet.payloadLength < IPV6_HEADER || !packet.has('teredo', next, 4)) return;
  if (view.getUint16(next) === AUTHENTICATION) {
    next += AUTHENTICATION_SHORTEST + view.getUint8(next + 2) + view.getUint8(next + 3);
    if (!packet.has('teredo', next, 2)) return;
  }
  if (view.getUint16(next) === ORIGIN) {
    next += ORIGIN_LENGTH;
    if (!packet.has('teredo', next, 1)) return;
  }
  if (view.getUint8(next) >> 4 === 6) lead(packet, Inner.Ip, next, Encapsulation.Teredo);
}
