import { EtherType } from './ethernet.ts';
import { Inner, type Packet } from './packet.ts';

/** PPP protocol numbers (IANA ppp-numbers). */
const IPV4 = 0x0021;
const IPV6 = 0x0057;
const MPLS = 0x0281;
/** HDLC-like framing (RFC 1662): address 0xff, control 3. */
const ADDRESS = 0xff;
const CONTROL = 3;
/** Cisco HDLC: address 0x0f (unicast) or 0x8f (broadcast), control 0, EtherType. */
const CISCO_UNICAST = 0x0f;
const CISCO_BROADCAST = 0x8f;
const CISCO_HEADER = 4;
const PPPOE_HEADER = 6;

/**
 * PPP (RFC 1661) with or without HDLC framing, or Cisco HDLC where the first octet says so.
 * @returns where the payload begins, with `packet.etherType` set; -1 where nothing follows that decoding knows
 */
export function decodePpp(packet: Packet, at: number): number {
  if (!packet.has('ppp', at, 1)) return -1;
  const { view } = packet;
  const first = view.getUint8(at);
  if (first === CISCO_UNICAST || first === CISCO_BROADCAST) return decodeCiscoHdlc(packet, at);
  if (!packet.has('ppp', at, 2)) return -1;
  let field = first === ADDRESS && view.getUint8(at + 1) === CONTROL ? at + 2 : at;
  if (!packet.has('ppp', field, 1)) return -1;
  // A protocol number may be compressed to one octet, which then is odd (RFC 1661 section 6.5).
  let protocol = view.getUint8(field++);
  if (protocol % 2 === 0) {
    if (!packet.has('ppp', field, 1)) return -1;
    protocol = protocol * 256 + view.getUint8(field++);
  }
  packet.etherType =
    protocol === IPV4 ? EtherType.Ipv4 : protocol === IPV6 ? EtherType.Ipv6 : protocol === MPLS ? EtherType.MplsUnicast : 0;
  return packet.etherType === 0 ? -1 : field;
}

/** @returns as `decodePpp` */
export function decodeCiscoHdlc(packet: Packet, at: number): number {
  if (!packet.has('chdlc', at, CISCO_HEADER)) return -1;
  packet.etherType = packet.view.getUint16(at + 2);
  return at + CISCO_HEADER;
}

/** PPPoE session (RFC 2516): version and type 1, code 1, session id 2, length 2; PPP without framing follows. */
export function decodePppoe(packet: Packet, at: number): number {
  if (!packet.has('pppoe', at, PPPOE_HEADER)) return -1;
  const { view } = packet;
  packet.innerTunnelId = view.getUint16(at + 2);
  packet.end = Math.min(packet.end, at + PPPOE_HEADER + view.getUint16(at + 4));
  packet.inner = Inner.Ppp;
  return at + PPPOE_HEADER;
}
