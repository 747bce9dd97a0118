import { EtherType } from './ethernet.ts';
import { IpProtocol } from './packet.ts';

/*
 * What octets prove of themselves, where nothing in front of them says what they are: behind ESP without encryption, on ports that anything may use,
 * behind cookies of unknown length. `end` is where they end as headers say, `captured` where the capture does; all are offsets into `view`.
 */

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
/** Without its check sequence: what is shorter is filled up (IEEE 802.3). */
const SHORTEST_FRAME = 60;
const ARP_ETHERNET_IPV4 = 0x0001_0800;
const ARP_LENGTHS = 0x0604;
const GRE_HEADER = 4;
/** Routing, recursion control, the flags that are reserved, and the version: all 0 since RFC 2784. */
const GRE_ZERO = 0x4fff;
const GRE_CHECKSUM = 0x8000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;

const PIM = 103;
const SCTP = 132;
const UDP_LITE = 136;

/** What stands behind an IPv6 header: one protocol in twelve. */
const UPPER = new Uint8Array(256);
for (const protocol of [
  IpProtocol.HopByHop,
  IpProtocol.Ipv4,
  IpProtocol.Tcp,
  IpProtocol.Udp,
  IpProtocol.Ipv6,
  IpProtocol.Routing,
  IpProtocol.Fragment,
  IpProtocol.Gre,
  IpProtocol.Esp,
  IpProtocol.Ah,
  IpProtocol.Icmpv6,
  IpProtocol.NoNext,
  IpProtocol.DestinationOptions,
  IpProtocol.Ospf,
  PIM,
  IpProtocol.Vrrp,
  IpProtocol.L2tpv3,
  SCTP,
  IpProtocol.Mobility,
  UDP_LITE,
  IpProtocol.MplsInIp,
])
  UPPER[protocol] = 1;

/** The Internet checksum's sum (RFC 1071) of the octets from `from` to `to`, on top of `start`: 0xffff where it holds. */
export function onesSum(view: DataView, from: number, to: number, start = 0): number {
  let sum = start;
  let at = from;
  for (; at + 2 <= to; at += 2) sum += view.getUint16(at);
  if (at < to) sum += view.getUint8(at) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/**
 * The length of the IP packet at `at` as its header says it: of IPv4 with a checksum that holds, of IPv6 with a plausible next header.
 * @returns -1 where it is no such header, or was not captured
 */
export function provenIpLength(view: DataView, at: number, captured: number): number {
  if (at + IPV4_HEADER > captured) return -1;
  const first = view.getUint8(at);
  if (first >> 4 === 6) {
    if (at + IPV6_HEADER > captured || UPPER[view.getUint8(at + 6)] === 0) return -1;
    return IPV6_HEADER + view.getUint16(at + 4);
  }
  const header = (first & 15) * 4;
  const length = view.getUint16(at + 2);
  if (first >> 4 !== 4 || header < IPV4_HEADER || length < header || at + header > captured) return -1;
  return onesSum(view, at, at + header) === 0xffff ? length : -1;
}

/** Whether there is an IP packet that fills the octets to the last. */
export const isWholeIp = (view: DataView, at: number, end: number, captured: number): boolean =>
  provenIpLength(view, at, captured) === end - at;

/** Whether there is an Ethernet frame with ARP, or with an IP packet that fills it. */
export function isWholeEthernet(view: DataView, at: number, end: number, captured: number): boolean {
  let next = at + ETHERNET_HEADER;
  if (next > captured || next > end) return false;
  let type = view.getUint16(next - 2);
  for (let i = 0; i < 2 && (type === EtherType.Vlan || type === EtherType.ProviderVlan); i++) {
    next += VLAN_TAG;
    if (next > captured) return false;
    type = view.getUint16(next - 2);
  }
  if (type === EtherType.Arp)
    return next + 6 <= captured && view.getUint32(next) === ARP_ETHERNET_IPV4 && view.getUint16(next + 4) === ARP_LENGTHS;
  if (type !== EtherType.Ipv4 && type !== EtherType.Ipv6) return false;
  const length = provenIpLength(view, next, captured);
  return length === end - next || (length > 0 && length < end - next && end - at <= SHORTEST_FRAME);
}

/** Whether there is a header of GRE as RFC 2784 and RFC 2890 have it, for a protocol that tunnels carry. */
export function isGreHeader(view: DataView, at: number, captured: number): boolean {
  if (at + GRE_HEADER > captured || (view.getUint16(at) & GRE_ZERO) !== 0) return false;
  switch (view.getUint16(at + 2)) {
    case EtherType.Ipv4:
    case EtherType.Ipv6:
    case EtherType.TransparentBridging:
    case EtherType.MplsUnicast:
    case EtherType.ErspanII:
    case EtherType.ErspanIII:
      return true;
    default:
      return false;
  }
}

/** Whether there is a GRE packet whose inside fills the octets. */
export function isWholeGre(view: DataView, at: number, end: number, captured: number): boolean {
  if (!isGreHeader(view, at, captured)) return false;
  const flags = view.getUint16(at);
  let next = at + GRE_HEADER;
  if (flags & GRE_CHECKSUM) next += 4;
  if (flags & GRE_KEY) next += 4;
  if (flags & GRE_SEQUENCE) next += 4;
  return view.getUint16(at + 2) === EtherType.TransparentBridging
    ? isWholeEthernet(view, next, end, captured)
    : isWholeIp(view, next, end, captured);
}
