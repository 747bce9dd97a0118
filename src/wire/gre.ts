import { Encapsulation } from './encapsulation.ts';
import { EtherType } from './ethernet.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';
import { innerOfEtherType, lead, leadWithId } from './tunnel.ts';

const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const ACK = 0x0080;
const VERSION = 7;
const SHORTEST = 4;
/** PPTP's key holds payload length and call id (RFC 2637 section 4.1). */
const CALL_ID = 0xffff;
const KEEPALIVE = 0;
const ERSPAN_II_HEADER = 8;
const ERSPAN_III_HEADER = 12;
const ERSPAN_III_SUBHEADER = 8;
const ERSPAN_SESSION = 0x3ff;
/** Source route entry (RFC 1701): address family 2, offset 1, length 1, addresses. One of family 0 and length 0 is the last. */
const ENTRY_HEADER = 4;
/** Far more than any sender makes; a crafted list ends here. */
const MOST_ENTRIES = 16;

/** GRE (RFC 2784, RFC 2890; version 1: RFC 2637): flags and version 2, protocol type 2, then what the flags announce. */
export function decodeGre(packet: Packet, at: number): void {
  if (!packet.has('gre', at, SHORTEST)) return;
  const { view } = packet;
  const flags = view.getUint16(at);
  const type = view.getUint16(at + 2);
  const isPptp = (flags & VERSION) === 1;
  let next = at + SHORTEST;
  // Checksum and offset are there for either flag (RFC 1701).
  if (flags & (CHECKSUM | ROUTING)) next += 4;
  const keyAt = next;
  if (flags & KEY) next += 4;
  if (flags & SEQUENCE) next += 4;
  if (isPptp && flags & ACK) next += 4;
  if (!packet.has('gre', at, next - at)) return;
  if (flags & ROUTING) {
    next = skipRouting(packet, next);
    if (next < 0) return;
  }
  if (type === KEEPALIVE) packet.isKeepalive = true;
  else if (type === EtherType.ErspanII) decodeErspanII(packet, next, (flags & SEQUENCE) !== 0);
  else if (type === EtherType.ErspanIII) decodeErspanIII(packet, next);
  else {
    const inner = innerOfEtherType(type);
    if (inner === Inner.None) return;
    if (flags & KEY) {
      const key = view.getUint32(keyAt);
      leadWithId(packet, inner, next, Encapsulation.Gre, isPptp ? key & CALL_ID : key);
      packet.innerIsCall = isPptp;
    } else lead(packet, inner, next, Encapsulation.Gre);
    if (inner === Inner.Ip) packet.isKeepalive = asksBack(packet, next);
  }
}

/** @returns where the payload begins; -1 where the list is not all there */
function skipRouting(packet: Packet, at: number): number {
  const { view } = packet;
  let next = at;
  for (let i = 0; i < MOST_ENTRIES; i++) {
    if (!packet.has('gre-routing', next, ENTRY_HEADER)) return -1;
    const length = view.getUint8(next + 3);
    const isLast = view.getUint16(next) === 0 && length === 0;
    next += ENTRY_HEADER + length;
    if (isLast) return next;
  }
  packet.halt('malformed', 'gre-routing', next);
  return -1;
}

/** Without a sequence number it is type I, which has no header of its own (draft-foschiano-erspan section 4). */
function decodeErspanII(packet: Packet, at: number, hasHeader: boolean): void {
  if (!hasHeader) lead(packet, Inner.Ethernet, at, Encapsulation.Erspan);
  else if (packet.has('erspan', at, ERSPAN_II_HEADER))
    leadWithId(packet, Inner.Ethernet, at + ERSPAN_II_HEADER, Encapsulation.Erspan, packet.view.getUint16(at + 2) & ERSPAN_SESSION);
}

function decodeErspanIII(packet: Packet, at: number): void {
  if (!packet.has('erspan', at, ERSPAN_III_HEADER)) return;
  const { view } = packet;
  const hasSubheader = (view.getUint16(at + 10) & 1) === 1;
  const header = ERSPAN_III_HEADER + (hasSubheader ? ERSPAN_III_SUBHEADER : 0);
  leadWithId(packet, Inner.Ethernet, at + header, Encapsulation.Erspan, view.getUint16(at + 2) & ERSPAN_SESSION);
}

const IPV4_HEADER = 20;
const IPV4_PROTOCOL = 9;
const IPV4_SOURCE = 12;
const IPV6_HEADER = 40;
const IPV6_NEXT = 6;
const IPV6_SOURCE = 8;

/**
 * Cisco's keepalive: what is inside is an empty GRE packet from the far end to the sender, which the far end forwards as it does all others. The
 * sender needs no cooperation to learn that the tunnel works.
 */
function asksBack(packet: Packet, at: number): boolean {
  const { view, version, ipAt } = packet;
  const isV4 = version === 4;
  const header = isV4 ? IPV4_HEADER : IPV6_HEADER;
  if (version === 0 || at + header + SHORTEST > packet.capturedEnd) return false;
  if (view.getUint8(at + (isV4 ? IPV4_PROTOCOL : IPV6_NEXT)) !== IpProtocol.Gre) return false;
  if (isV4 ? view.getUint8(at) !== 0x45 : view.getUint8(at) >> 4 !== 6) return false;
  if (view.getUint16(at + header + 2) !== KEEPALIVE) return false;
  const source = isV4 ? IPV4_SOURCE : IPV6_SOURCE;
  const length = isV4 ? 4 : 16;
  for (let i = source; i < source + length; i += 4) {
    if (view.getInt32(at + i) !== view.getInt32(ipAt + i + length)) return false;
    if (view.getInt32(at + i + length) !== view.getInt32(ipAt + i)) return false;
  }
  return true;
}
