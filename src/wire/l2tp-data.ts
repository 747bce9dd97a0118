import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { isWholeEthernet, isWholeIp } from './proof.ts';
import { leadWithId } from './tunnel.ts';

const CONTROL = 0x8000;
const LENGTH = 0x4000;
const SEQUENCE = 0x0800;
const OFFSET = 0x0200;
const VERSION = 0x000f;
/** Bits that are 0 in data of version 2; and in version 3, whose data has no flags. */
const RESERVED_2 = 0x34f0;
const RESERVED_3 = 0x7ff0;
const SHORTEST = 6;
const SESSION_3 = 4;
const HEADER_3_IN_UDP = 4;
/** Cookie of 0, 4 or 8 octets (RFC 3931 section 4.1), and the sublayer that pseudowires have in front, 4 or none (RFC 4719). */
const LONGEST_COOKIE_AND_SUBLAYER = 12;
/** PPP with HDLC framing and IPv4 or IPv6. */
const PPP_IPV4 = 0xff03_0021;
const PPP_IPV6 = 0xff03_0057;
const PPP_HEADER = 4;

/**
 * Data of L2TP in UDP. Version 2 (RFC 2661 section 3.1): flags and version 2, [length 2], tunnel id 2, session id 2, [Ns 2, Nr 2], [offset 2,
 * padding], PPP. The id of the tunnel is made of both ids, the tunnel's in the upper 16 bits. Version 3 (RFC 3931 section 4.1.2): flags and version 2, reserved
 * 2, then as in IP.
 */
export function decodeL2tpData(packet: Packet, at: number): void {
  const end = at + packet.payloadLength;
  if (packet.payloadLength < SHORTEST || !packet.has('l2tp', at, SHORTEST)) return;
  const { view } = packet;
  const flags = view.getUint16(at);
  if (flags & CONTROL) return;
  if ((flags & VERSION) === 3 && !(flags & RESERVED_3)) decodeL2tpv3(packet, at + HEADER_3_IN_UDP);
  if ((flags & VERSION) !== 2 || flags & RESERVED_2) return;
  let next = at + 2;
  if (flags & LENGTH) {
    const length = view.getUint16(next);
    if (length > packet.payloadLength) {
      if (!packet.isFragment) packet.halt('malformed', 'l2tp', at);
      return;
    }
    next += 2;
  }
  const idsAt = next;
  next += 4;
  if (flags & SEQUENCE) next += 4;
  if (flags & OFFSET) {
    if (!packet.has('l2tp', next, 2)) return;
    next += 2 + view.getUint16(next);
  }
  if (packet.has('l2tp', idsAt, next - idsAt) && next < end) leadWithId(packet, Inner.Ppp, next, Encapsulation.L2tp, view.getUint32(idsAt));
}

/**
 * Data of L2TPv3 (RFC 3931 section 4.1.1): session id 4 (0: a control message), cookie, sublayer, payload. How long cookie and sublayer are, and what
 * the payload is, both ends know and the packet does not say: what fills it and has its checksum right is taken for it.
 */
export function decodeL2tpv3(packet: Packet, at: number): void {
  if (!packet.has('l2tpv3', at, SESSION_3)) return;
  const { view, capturedEnd, end } = packet;
  const session = view.getUint32(at);
  if (session === 0) return;
  const first = at + SESSION_3;
  for (let next = first; next <= first + LONGEST_COOKIE_AND_SUBLAYER; next += 4) {
    if (isWholeEthernet(view, next, end, capturedEnd)) leadWithId(packet, Inner.Ethernet, next, Encapsulation.L2tpv3, session);
    else if (isWholeIp(view, next, end, capturedEnd)) leadWithId(packet, Inner.Ip, next, Encapsulation.L2tpv3, session);
    else if (isWholePpp(view, next, end, capturedEnd)) leadWithId(packet, Inner.Ppp, next, Encapsulation.L2tpv3, session);
    else continue;
    return;
  }
}

function isWholePpp(view: DataView, at: number, end: number, captured: number): boolean {
  if (at + PPP_HEADER > captured) return false;
  const header = view.getUint32(at);
  return (header === PPP_IPV4 || header === PPP_IPV6) && isWholeIp(view, at + PPP_HEADER, end, captured);
}
