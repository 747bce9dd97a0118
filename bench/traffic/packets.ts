import type { Container } from './container.ts';
import type { Octets } from './octets.ts';
import type { Random } from './random.ts';
import { gatewayOf, Link, type Net, type Site } from './site.ts';

export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100, Ipv6: 0x86dd, Mpls: 0x8847 } as const;
export const Protocol = {
  Icmp: 1,
  Ipv4: 4,
  Tcp: 6,
  Udp: 17,
  Ipv6: 41,
  Gre: 47,
  Esp: 50,
  Icmpv6: 58,
  Ospf: 89,
  Vrrp: 112,
  MplsInIp: 137,
} as const;
export const TcpFlag = { Fin: 1, Syn: 2, Push: 8, Ack: 16 } as const;

export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;
export const UDP_HEADER = 8;
export const TCP_HEADER = 20;
/** Where the checksum stands. */
const UDP_CHECKSUM = 6;
/** The shortest Ethernet frame without its FCS. */
const PADDED = 60;
const ETHERNET_ARPHRD = 1;
/** 2001:db8::/32 (RFC 3849): the last word of an address is the IPv4 address. */
const PREFIX6 = 0x2001_0db8;
const DEFAULT_TTL = 64;
const NONE = -1;

/** Packet types of LINUX_SLL2. */
const PacketType = { Host: 0, Broadcast: 1, Multicast: 2, Outgoing: 4 } as const;

/** MACs of more than one station, as numbers of 48 bits. */
export const BROADCAST = 2 ** 48 - 1;
const MULTICAST4 = 0x0100_5e00_0000;
/** The MAC of an IPv4 multicast address (RFC 1112 section 6.4). */
export const groupMac = (address: number): number => MULTICAST4 + (address & 0x7f_ffff);
const UNICAST = -1;

/** What an IP header says. Addresses are IPv4 addresses; IPv6 ones are made of them. */
export interface IpHeader {
  isV6: boolean;
  source: number;
  destination: number;
  protocol: number;
  /** Of what follows the header. */
  length: number;
  ttl?: number;
  /** Counted up where it is not given. */
  ident?: number;
  /** Flags and offset of IPv4. */
  fragment?: number;
}

/**
 * Writes frames into the capture: `begin`, then headers from the outermost to the innermost, then payload, then `end`. Lengths are known beforehand;
 * the checksum of the transport that was opened last is filled in at the end.
 */
export class Packets {
  readonly out: Octets;
  readonly site: Site;
  /** Nanoseconds since the capture began. */
  elapsed = 0;
  count = 0;
  private readonly container: Container;
  private readonly random: Random;
  private readonly meanGap: number;
  private net: Net | undefined;
  private fromHost = false;
  private frameAt = 0;
  private ident = 1;
  /** Sum of the pseudo-header of the IP header that was written last. */
  private pseudo = 0;
  private transportAt = NONE;
  private checksumAt = NONE;

  /** @param meanGap nanoseconds between two frames */
  constructor(out: Octets, site: Site, container: Container, random: Random, meanGap: number) {
    this.out = out;
    this.site = site;
    this.container = container;
    this.random = random;
    this.meanGap = meanGap;
  }

  /**
   * A frame between `host` and its gateway, with what the link has for a header.
   * @param group the MAC that it goes to, where that is not the other one's
   */
  begin(host: number, fromHost: boolean, etherType: number, group = UNICAST): void {
    const net = this.site.netOf(host);
    this.net = net;
    this.fromHost = fromHost;
    this.container.begin(net);
    this.frameAt = this.out.at;
    if (net.link === Link.Ethernet) this.ethernetOf(net, host, etherType, group);
    else if (net.link === Link.Sll2) this.sll2(net, host, etherType, group);
  }

  /** Puts the frame into the capture, and time goes on. */
  end(): void {
    const { out } = this;
    this.seal();
    const length = out.at - this.frameAt;
    if (this.net?.link === Link.Ethernet && length < PADDED) out.zeros(PADDED - length);
    this.container.end(this.elapsed, this.fromHost);
    this.count++;
    this.elapsed += 1 + Math.floor(this.random.unit() * 2 * this.meanGap);
  }

  /** An Ethernet header between two stations, as inside VXLAN. */
  ethernet(destination: number, source: number, etherType: number): void {
    this.mac(destination);
    this.mac(source);
    this.out.u16(etherType);
  }

  /** The MAC of a host: locally administered, made of its address. */
  mac(host: number): void {
    this.out.u16(0x0200);
    this.out.u32(host);
  }

  ip(header: IpHeader): void {
    this.header(header);
    const { isV6, source, destination, protocol, length } = header;
    this.pseudo = (isV6 ? 2 * (PREFIX6 >>> 16) + 2 * (PREFIX6 & 0xffff) : 0) + halves(source) + halves(destination) + protocol + length;
  }

  /** UDP before a payload of `length`; without a checksum it may stand before another IP packet. */
  udp(sourcePort: number, destinationPort: number, length: number, hasChecksum = true): void {
    const { out } = this;
    if (hasChecksum) this.open(UDP_CHECKSUM);
    out.u16(sourcePort);
    out.u16(destinationPort);
    out.u16(UDP_HEADER + length);
    out.u16(0);
  }

  /** TCP; a SYN offers its MSS and is four octets longer. */
  tcp(sourcePort: number, destinationPort: number, sequence: number, acknowledged: number, flags: number, mss = ETHERNET_MSS): void {
    const { out } = this;
    const isSyn = (flags & TcpFlag.Syn) !== 0;
    this.open(16);
    out.u16(sourcePort);
    out.u16(destinationPort);
    out.u32(sequence);
    out.u32(acknowledged);
    out.u16((isSyn ? 0x6000 : 0x5000) | flags);
    out.u16(0xfaf0);
    out.u32(0);
    if (isSyn) out.u32(MSS_OPTION | mss);
  }

  /** Type, code and checksum; the four octets by type follow. */
  icmp(isV6: boolean, type: number, code: number): void {
    const { out } = this;
    this.open(2, isV6);
    out.u8(type);
    out.u8(code);
    out.u16(0);
  }

  /** The beginning of a packet that an ICMP error is about: its IP header and the UDP header that it was sent with. */
  quote(header: IpHeader, sourcePort: number, destinationPort: number): void {
    this.header(header);
    for (const word of [sourcePort, destinationPort, header.length, 0]) this.out.u16(word);
  }

  quoteLength(isV6: boolean): number {
    return headerLength(isV6) + UDP_HEADER;
  }

  /** The identification of the packet written last. */
  get lastIdent(): number {
    return this.ident;
  }

  private header(header: IpHeader): void {
    if (header.isV6) this.ipv6(header);
    else this.ipv4(header);
  }

  private ipv4({ source, destination, protocol, length, ttl = DEFAULT_TTL, ident, fragment = 0 }: IpHeader): void {
    const { out } = this;
    const start = out.at;
    if (ident === undefined) this.ident = (this.ident + 1) & 0xffff;
    out.u16(0x4500);
    out.u16(IPV4_HEADER + length);
    out.u16(ident ?? this.ident);
    out.u16(fragment);
    out.u8(ttl);
    out.u8(protocol);
    out.u16(0);
    out.u32(source);
    out.u32(destination);
    out.view.setUint16(start + 10, out.checksum(start));
  }

  private ipv6({ source, destination, protocol, length, ttl = DEFAULT_TTL }: IpHeader): void {
    const { out } = this;
    out.u32(0x6000_0000);
    out.u16(length);
    out.u8(protocol);
    out.u8(ttl);
    this.address6(source);
    this.address6(destination);
  }

  address6(address: number): void {
    const { out } = this;
    out.u32(PREFIX6);
    out.u32(0);
    out.u32(0);
    out.u32(address);
  }

  private ethernetOf({ vlan }: Net, host: number, etherType: number, group: number): void {
    const { out, fromHost } = this;
    const gateway = gatewayOf(host);
    if (group === UNICAST) {
      this.mac(fromHost ? gateway : host);
    } else {
      out.u16(Math.floor(group / 2 ** 32));
      out.u32(group % 2 ** 32);
    }
    this.mac(fromHost ? host : gateway);
    if (vlan > 0) out.u32((EtherType.Vlan << 16) | vlan);
    out.u16(etherType);
  }

  /** As the gateway itself captures it. */
  private sll2(net: Net, host: number, etherType: number, group: number): void {
    const { out, fromHost } = this;
    out.u16(etherType);
    out.u16(0);
    out.u32(net.interface);
    out.u16(ETHERNET_ARPHRD);
    out.u8(fromHost ? packetTypeTo(group) : PacketType.Outgoing);
    out.u8(6);
    this.mac(fromHost ? host : gatewayOf(host));
    out.u16(0);
  }

  /**
   * Of what begins here, the checksum stands so many octets on: it is filled in at the end.
   * @param hasPseudo it covers the pseudo-header, too
   */
  open(checksumOffset: number, hasPseudo = true): void {
    if (!hasPseudo) this.pseudo = 0;
    this.transportAt = this.out.at;
    this.checksumAt = this.out.at + checksumOffset;
  }

  private seal(): void {
    if (this.transportAt === NONE) return;
    const checksum = this.out.checksum(this.transportAt, this.pseudo);
    // In UDP 0 means that there is none.
    const isUdp = this.checksumAt - this.transportAt === UDP_CHECKSUM;
    this.out.view.setUint16(this.checksumAt, checksum === 0 && isUdp ? 0xffff : checksum);
    this.transportAt = NONE;
  }
}

/** Kind 2, length 4, and the MSS. */
const MSS_OPTION = 0x0204_0000;
const ETHERNET_MSS = 1460;

const halves = (word: number): number => (word >>> 16) + (word & 0xffff);

const packetTypeTo = (group: number): number =>
  group === UNICAST ? PacketType.Host : group === BROADCAST ? PacketType.Broadcast : PacketType.Multicast;

export const headerLength = (isV6: boolean): number => (isV6 ? IPV6_HEADER : IPV4_HEADER);
export const etherTypeOf = (isV6: boolean): number => (isV6 ? EtherType.Ipv6 : EtherType.Ipv4);
/** As IP says what follows it. */
export const protocolOf = (etherType: number): number =>
  etherType === EtherType.Mpls ? Protocol.MplsInIp : etherType === EtherType.Ipv6 ? Protocol.Ipv6 : Protocol.Ipv4;
