import { Encapsulation } from './encapsulation.ts';
import { EtherType } from './ethernet.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';

/** What a tunnel's header leads to: `decodeInner` goes on from there. */
function lead(packet: Packet, inner: number, at: number, encapsulation: number, id: number): void {
  packet.inner = inner;
  packet.innerAt = at;
  packet.innerEncapsulation = encapsulation;
  packet.innerTunnelId = id;
}

/** `Inner` for the EtherType that a tunnel's header names. */
function innerOfEtherType(type: number): number {
  switch (type) {
    case EtherType.Ipv4:
    case EtherType.Ipv6:
      return Inner.Ip;
    case EtherType.TransparentBridging:
      return Inner.Ethernet;
    case EtherType.MplsUnicast:
    case EtherType.MplsMulticast:
      return Inner.Mpls;
    case EtherType.Ppp:
      return Inner.Ppp;
    default:
      return Inner.None;
  }
}

/** IP directly in IP: protocols 4 (RFC 2003) and 41 (RFC 2473, RFC 4213). */
export function decodeIpInIp(packet: Packet, at: number): void {
  const holdsIpv4 = packet.protocol === IpProtocol.Ipv4;
  const inIpv4 = holdsIpv4 ? Encapsulation.Ipip : Encapsulation.Sit;
  const inIpv6 = holdsIpv4 ? Encapsulation.FourInSix : Encapsulation.SixInSix;
  lead(packet, Inner.Ip, at, packet.version === 4 ? inIpv4 : inIpv6, 0);
}

const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
const GRE_ACK = 0x0080;
const GRE_VERSION = 7;
const ERSPAN_II_HEADER = 8;
const ERSPAN_III_HEADER = 12;
const ERSPAN_III_SUBHEADER = 8;
const KEEPALIVE = 0;

/** GRE (RFC 2784, RFC 2890; version 1: RFC 2637): flags and version 2, protocol type 2, then what the flags announce. */
export function decodeGre(packet: Packet, at: number): void {
  if (!packet.has('gre', at, 4)) return;
  const { view } = packet;
  const flags = view.getUint16(at);
  const type = view.getUint16(at + 2);
  const version = flags & GRE_VERSION;
  let next = at + 4;
  // Checksum and offset are there for either flag (RFC 1701).
  if (flags & (GRE_CHECKSUM | GRE_ROUTING)) next += 4;
  const keyAt = next;
  if (flags & GRE_KEY) next += 4;
  if (flags & GRE_SEQUENCE) next += 4;
  if (version === 1 && flags & GRE_ACK) next += 4;
  if (!packet.has('gre', at, next - at)) return;
  const key = flags & GRE_KEY ? view.getUint32(keyAt) : 0;
  if (type === KEEPALIVE || flags & GRE_ROUTING) return;
  if (type === EtherType.ErspanII) {
    // Without a sequence number it is type I, which has no header of its own.
    const header = flags & GRE_SEQUENCE ? ERSPAN_II_HEADER : 0;
    if (packet.has('erspan', next, header))
      lead(packet, Inner.Ethernet, next + header, Encapsulation.Erspan, header ? view.getUint16(next + 2) & 0x3ff : 0);
  } else if (type === EtherType.ErspanIII) {
    if (!packet.has('erspan', next, ERSPAN_III_HEADER)) return;
    const hasSubheader = (view.getUint16(next + 10) & 1) === 1;
    const header = ERSPAN_III_HEADER + (hasSubheader ? ERSPAN_III_SUBHEADER : 0);
    lead(packet, Inner.Ethernet, next + header, Encapsulation.Erspan, view.getUint16(next + 2) & 0x3ff);
  } else {
    const inner = innerOfEtherType(type);
    // PPTP's key holds payload length and call id (RFC 2637 section 4.1).
    if (inner !== Inner.None) lead(packet, inner, next, Encapsulation.Gre, version === 1 ? key & 0xffff : key);
  }
}

const VXLAN_HEADER = 8;
const VXLAN_VNI_FLAG = 0x08;

/** VXLAN (RFC 7348): flags 1, reserved 3, VNI 3, reserved 1, Ethernet. */
export function decodeVxlan(packet: Packet, at: number): void {
  if (packet.payloadLength < VXLAN_HEADER || !packet.has('vxlan', at, VXLAN_HEADER)) return;
  if (packet.view.getUint8(at) & VXLAN_VNI_FLAG)
    lead(packet, Inner.Ethernet, at + VXLAN_HEADER, Encapsulation.Vxlan, packet.view.getUint32(at + 4) >>> 8);
}

const GENEVE_HEADER = 8;

/** GENEVE (RFC 8926): version and option length 1, flags 1, protocol type 2, VNI 3, reserved 1, options. */
export function decodeGeneve(packet: Packet, at: number): void {
  if (packet.payloadLength < GENEVE_HEADER || !packet.has('geneve', at, GENEVE_HEADER)) return;
  const { view } = packet;
  const first = view.getUint8(at);
  const inner = innerOfEtherType(view.getUint16(at + 2));
  if (first >> 6 === 0 && inner !== Inner.None) {
    lead(packet, inner, at + GENEVE_HEADER + (first & 63) * 4, Encapsulation.Geneve, view.getUint32(at + 4) >>> 8);
  }
}

const GTP_HEADER = 8;
const GTP_OPTIONAL = 4;
const GTP_EXTENSION = 0x04;
const GTP_ANY_OPTIONAL = 0x07;
const GTP_VERSION_1 = 0x30;
const GTP_DATA = 255;

/** GTP-U (3GPP TS 29.281 section 5): flags 1, message type 1, length 2, TEID 4, optional fields; only G-PDUs hold a packet. */
export function decodeGtpU(packet: Packet, at: number): void {
  if (packet.payloadLength < GTP_HEADER || !packet.has('gtp-u', at, GTP_HEADER)) return;
  const { view } = packet;
  const flags = view.getUint8(at);
  if ((flags & 0xf0) !== GTP_VERSION_1 || view.getUint8(at + 1) !== GTP_DATA) return;
  let next = at + GTP_HEADER;
  if (flags & GTP_ANY_OPTIONAL) {
    if (!packet.has('gtp-u', next, GTP_OPTIONAL)) return;
    let extension = flags & GTP_EXTENSION ? view.getUint8(next + 3) : 0;
    next += GTP_OPTIONAL;
    while (extension !== 0) {
      if (!packet.has('gtp-u', next, 4)) return;
      const length = view.getUint8(next) * 4;
      if (length === 0 || !packet.has('gtp-u', next, length)) return;
      extension = view.getUint8(next + length - 1);
      next += length;
    }
  }
  if (packet.has('gtp-u', next, 1) && isIpVersion(view.getUint8(next) >> 4))
    lead(packet, Inner.Ip, next, Encapsulation.GtpU, view.getUint32(at + 4));
}

const TEREDO_AUTHENTICATION = 0x0001;
const TEREDO_ORIGIN = 0x0000;
const TEREDO_ORIGIN_LENGTH = 8;

/** Teredo (RFC 4380 section 5.1.1): IPv6 in UDP, perhaps behind an authentication header and an origin indication. */
export function decodeTeredo(packet: Packet, at: number): void {
  const { view } = packet;
  let next = at;
  if (packet.payloadLength < 40 || !packet.has('teredo', next, 4)) return;
  if (view.getUint16(next) === TEREDO_AUTHENTICATION) {
    next += 13 + view.getUint8(next + 2) + view.getUint8(next + 3);
    if (!packet.has('teredo', next, 2)) return;
  }
  if (view.getUint16(next) === TEREDO_ORIGIN) {
    next += TEREDO_ORIGIN_LENGTH;
    if (!packet.has('teredo', next, 1)) return;
  }
  if (view.getUint8(next) >> 4 === 6) lead(packet, Inner.Ip, next, Encapsulation.Teredo, 0);
}

const MPLS_LABEL = 4;
const MPLS_BOTTOM = 0x100;
const MOST_LABELS = 16;

/** MPLS (RFC 3032): labels to the bottom of the stack; what follows is guessed by its first octet, as every router does. */
export function decodeMpls(packet: Packet, at: number): void {
  const { view } = packet;
  let next = at;
  for (let i = 0; i < MOST_LABELS; i++) {
    if (!packet.has('mpls', next, MPLS_LABEL)) return;
    const entry = view.getUint32(next);
    next += MPLS_LABEL;
    if (!(entry & MPLS_BOTTOM)) continue;
    if (!packet.has('mpls', next, 1)) return;
    const nibble = view.getUint8(next) >> 4;
    const label = entry >>> 12;
    if (isIpVersion(nibble)) lead(packet, Inner.Ip, next, Encapsulation.Mpls, label);
    // A pseudowire control word (RFC 4385), with Ethernet behind it in practice.
    else if (nibble === 0) lead(packet, Inner.Ethernet, next + 4, Encapsulation.Mpls, label);
    return;
  }
}

const isIpVersion = (version: number): boolean => version === 4 || version === 6;
