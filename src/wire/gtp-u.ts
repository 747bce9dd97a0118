import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { isIpVersion, leadWithId } from './tunnel.ts';

const HEADER = 8;
const OPTIONAL = 4;
const EXTENSION = 0x04;
const ANY_OPTIONAL = 0x07;
const VERSION_1 = 0x30;
const DATA = 255;
/** Far more than any sender makes (the standard has about ten); a crafted chain ends here. */
const MOST_EXTENSIONS = 16;

/** GTP-U (3GPP TS 29.281 section 5): flags 1, message type 1, length 2, TEID 4, optional fields; only G-PDUs hold a packet. */
export function decodeGtpU(packet: Packet, at: number): void {
  if (packet.payloadLength < HEADER || !packet.has('gtp-u', at, HEADER)) return;
  const { view } = packet;
  const flags = view.getUint8(at);
  if ((flags & 0xf0) !== VERSION_1 || view.getUint8(at + 1) !== DATA) return;
  let next = at + HEADER;
  if (flags & ANY_OPTIONAL) {
    if (!packet.has('gtp-u', next, OPTIONAL)) return;
    next = skipExtensions(packet, next + OPTIONAL, flags & EXTENSION ? view.getUint8(next + 3) : 0);
    if (next < 0) return;
  }
  if (packet.has('gtp-u', next, 1) && isIpVersion(view.getUint8(next) >> 4))
    leadWithId(packet, Inner.Ip, next, Encapsulation.GtpU, view.getUint32(at + 4));
}

/**
 * Extension headers: length in words 1, content, type of the next one 1.
 * @returns where the packet inside begins; -1 where they are not all there
 */
function skipExtensions(packet: Packet, at: number, first: number): number {
  const { view } = packet;
  let next = at;
  let extension = first;
  for (let i = 0; extension !== 0; i++) {
    if (!packet.has('gtp-u', next, 4)) return -1;
    const length = view.getUint8(next) * 4;
    if (length === 0 || i === MOST_EXTENSIONS) {
      packet.halt('malformed', 'gtp-u', next);
      return -1;
    }
    if (!packet.has('gtp-u', next, length)) return -1;
    extension = view.getUint8(next + length - 1);
    next += length;
  }
  return next;
}
