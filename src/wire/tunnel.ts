import { ahSpi } from './ah.ts';
import { Encapsulation } from './encapsulation.ts';
import { EtherType } from './ethernet.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';

/** What a tunnel's header leads to: `decodeInner` goes on from there. The tunnel has no id. */
export function lead(packet: Packet, inner: number, at: number, encapsulation: number): void {
  leadWithId(packet, inner, at, encapsulation, 0);
  packet.innerHasId = false;
}

/** @param id of the tunnel, unsigned */
export function leadWithId(packet: Packet, inner: number, at: number, encapsulation: number, id: number): void {
  packet.inner = inner;
  packet.innerAt = at;
  packet.innerEncapsulation = encapsulation;
  packet.innerTunnelId = id;
  packet.innerHasId = true;
  packet.innerIsCall = false;
}

/** To the payload of the same IP packet: `lead` or `leadWithId` comes first. */
export function leadToUpper(packet: Packet, protocol: number, end: number): void {
  packet.inner = Inner.Upper;
  packet.innerProtocol = protocol;
  packet.innerEnd = end;
}

/** `Inner` for the EtherType that a tunnel's header names. */
export function innerOfEtherType(type: number): number {
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

export const isIpVersion = (version: number): boolean => version === 4 || version === 6;

/** IP directly in IP: protocols 4 (RFC 2003) and 41 (RFC 2473, RFC 4213). Behind AH it is AH in tunnel mode (RFC 4302 section 3.1.2). */
export function decodeIpInIp(packet: Packet, at: number): void {
  if (packet.ahAt >= 0) {
    leadWithId(packet, Inner.Ip, at, Encapsulation.Ah, ahSpi(packet, packet.ahAt));
    return;
  }
  const holdsIpv4 = packet.protocol === IpProtocol.Ipv4;
  const inIpv4 = holdsIpv4 ? Encapsulation.Ipip : Encapsulation.Sit;
  const inIpv6 = holdsIpv4 ? Encapsulation.FourInSix : Encapsulation.SixInSix;
  lead(packet, Inner.Ip, at, packet.version === 4 ? inIpv4 : inIpv6);
}
