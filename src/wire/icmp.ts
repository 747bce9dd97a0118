import { ipv4Text, ipv6Text } from '../net/ip.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, IpProtocol, type Packet } from './packet.ts';

/** ICMP (RFC 792) and ICMPv6 (RFC 4443): type 1, code 1, checksum 2, four octets by type, body. */
const HEADER = 4;
export const ICMP_BODY = 8;
export const IcmpType = {
  EchoReply: 0,
  Unreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  TimeExceeded: 11,
  ParameterProblem: 12,
} as const;
export const Icmpv6Type = {
  Unreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  Echo: 128,
  EchoReply: 129,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighbourSolicitation: 135,
  NeighbourAdvertisement: 136,
  Redirect: 137,
} as const;
/** Code of Unreachable that says that nothing listens on the port. */
export const PORT_UNREACHABLE = 3;
export const PORT_UNREACHABLE_V6 = 4;

/** Sets type and code; false where the header is not all there. `protocol` is ICMP's or ICMPv6's number. */
export function decodeIcmp(packet: Packet, at: number, protocol: number): boolean {
  if (!packet.has(protocol === IpProtocol.Icmp ? 'icmp' : 'icmpv6', at, HEADER)) return false;
  packet.icmpType = packet.view.getUint8(at);
  packet.icmpCode = packet.view.getUint8(at + 1);
  packet.transport = protocol;
  packet.transportAt = at;
  packet.payloadAt = at + ICMP_BODY;
  packet.payloadLength = Math.max(0, packet.end - packet.payloadAt);
  return true;
}

/** Whether the message is an error, which quotes the packet that it is about. */
export function isIcmpError(packet: Packet): boolean {
  if (packet.transport === IpProtocol.Icmpv6) return packet.icmpType < 128;
  const { icmpType } = packet;
  return (
    icmpType === IcmpType.Unreachable ||
    icmpType === IcmpType.SourceQuench ||
    icmpType === IcmpType.Redirect ||
    icmpType === IcmpType.TimeExceeded ||
    icmpType === IcmpType.ParameterProblem
  );
}

/** The packet that an ICMP error quotes, as far as it does: at least the IP header and eight octets (RFC 792, RFC 1812 section 4.3.2.3). */
export class QuotedPacket {
  view: DataView = new DataView(new ArrayBuffer(0));
  version = 0;
  ipAt = 0;
  src4 = 0;
  dst4 = 0;
  protocol = -1;
  ident = 0;
  ttl = 0;
  fragmentOffset = 0;
  /** Where the transport header begins; ports are read if it was quoted that far, else -1. */
  transportAt = 0;
  sourcePort = -1;
  destinationPort = -1;
  /** After the last quoted and captured octet. */
  end = 0;

  /** Reads the quote of the ICMP error `packet`; false where there is none. */
  place(packet: Packet): boolean {
    const at = packet.payloadAt;
    const { view } = packet;
    this.view = view;
    this.end = Math.min(packet.capturedEnd, packet.end);
    this.sourcePort = -1;
    this.destinationPort = -1;
    if (at + 20 > this.end) return false;
    this.version = view.getUint8(at) >> 4;
    this.ipAt = at;
    return this.version === 4 ? this.placeIpv4(at) : this.version === 6 && this.placeIpv6(at);
  }

  get sourceIp(): string {
    return this.version === 4 ? ipv4Text(this.src4) : ipv6Text(this.view, this.ipAt + IPV6_SOURCE);
  }

  get destinationIp(): string {
    return this.version === 4 ? ipv4Text(this.dst4) : ipv6Text(this.view, this.ipAt + IPV6_DESTINATION);
  }

  private placeIpv4(at: number): boolean {
    const { view } = this;
    this.ident = view.getUint16(at + 4);
    this.fragmentOffset = (view.getUint16(at + 6) & 0x1fff) * 8;
    this.ttl = view.getUint8(at + 8);
    this.protocol = view.getUint8(at + 9);
    this.src4 = view.getInt32(at + 12);
    this.dst4 = view.getInt32(at + 16);
    this.transportAt = at + (view.getUint8(at) & 15) * 4;
    if (this.fragmentOffset === 0) this.ports();
    return true;
  }

  private placeIpv6(at: number): boolean {
    const { view } = this;
    if (at + 40 > this.end) return false;
    this.ident = 0;
    this.fragmentOffset = 0;
    this.ttl = view.getUint8(at + 7);
    this.protocol = view.getUint8(at + 6);
    this.transportAt = at + 40;
    this.skipExtensions();
    if (this.fragmentOffset === 0) this.ports();
    return true;
  }

  private skipExtensions(): void {
    const { view } = this;
    while (this.transportAt + 8 <= this.end) {
      const at = this.transportAt;
      if (this.protocol === IpProtocol.Fragment) {
        this.fragmentOffset = view.getUint16(at + 2) & 0xfff8;
        this.ident = view.getInt32(at + 4);
        this.transportAt = at + 8;
      } else if (
        this.protocol === IpProtocol.HopByHop ||
        this.protocol === IpProtocol.Routing ||
        this.protocol === IpProtocol.DestinationOptions
      ) {
        this.transportAt = at + (view.getUint8(at + 1) + 1) * 8;
      } else {
        return;
      }
      this.protocol = view.getUint8(at);
    }
  }

  private ports(): void {
    if (this.protocol !== IpProtocol.Udp && this.protocol !== IpProtocol.Tcp) return;
    if (this.transportAt + 4 > this.end) return;
    this.sourcePort = this.view.getUint16(this.transportAt);
    this.destinationPort = this.view.getUint16(this.transportAt + 2);
  }
}

const UNREACHABLE_CODES = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'fragmentation needed',
  'source route failed',
  'network unknown',
  'host unknown',
  'source host isolated',
  'network prohibited',
  'host prohibited',
  'network unreachable for this service',
  'host unreachable for this service',
  'communication prohibited',
  'host precedence violation',
  'precedence cutoff',
];
const UNREACHABLE_CODES_V6 = [
  'no route',
  'communication prohibited',
  'beyond the scope of the source',
  'address unreachable',
  'port unreachable',
  'source address failed policy',
  'reject route',
];

/** What an ICMP error says, in the words of RFC 792, RFC 1812 and RFC 4443. */
export function icmpErrorText({ transport, icmpType, icmpCode }: Packet): string {
  if (transport === IpProtocol.Icmpv6) {
    if (icmpType === Icmpv6Type.Unreachable) return UNREACHABLE_CODES_V6[icmpCode] ?? 'unreachable';
    if (icmpType === Icmpv6Type.PacketTooBig) return 'packet too big';
    return icmpType === Icmpv6Type.TimeExceeded ? 'time exceeded' : 'parameter problem';
  }
  if (icmpType === IcmpType.Unreachable) return UNREACHABLE_CODES[icmpCode] ?? 'unreachable';
  if (icmpType === IcmpType.SourceQuench) return 'source quench';
  if (icmpType === IcmpType.Redirect) return 'redirect';
  return icmpType === IcmpType.TimeExceeded ? 'time exceeded' : 'parameter problem';
}
