import type { CaptureInterface, Frame } from '../frame.ts';
import { ipv4Text, ipv6Text } from '../net/ip.ts';
import { type Mac, readMac } from '../net/mac.ts';
import { ArpView } from './arp.ts';
import { Encapsulation } from './encapsulation.ts';

/** Why decoding ended before the end: not at all, cut by the snaplen, sent too short or impossible, or of a link type that is not decoded. */
export type Stop = 'none' | 'truncated' | 'malformed' | 'unsupported';

/**
 * What stands behind a tunnel's header. `Upper`: the payload of the same IP packet, of protocol `Packet.innerProtocol` (ESP in transport mode, GRE in
 * GUE); a layer of its own, whose `ipAt` is that of the layer around it.
 */
export const Inner = { None: 0, Ip: 1, Ethernet: 2, Ppp: 3, Mpls: 4, Upper: 5 } as const;
// A constant of this module's own, as in `decode.ts`.
const { None } = Inner;

/** IP protocol numbers (IANA protocol-numbers) that decoding knows. */
export const IpProtocol = {
  HopByHop: 0,
  Icmp: 1,
  Ipv4: 4,
  Tcp: 6,
  Udp: 17,
  Ipv6: 41,
  Routing: 43,
  Fragment: 44,
  Gre: 47,
  Esp: 50,
  Ah: 51,
  Icmpv6: 58,
  NoNext: 59,
  DestinationOptions: 60,
  Ospf: 89,
  Vrrp: 112,
  L2tpv3: 115,
  Mobility: 135,
  MplsInIp: 137,
  Hip: 139,
  Shim6: 140,
} as const;

/** Packet types of LINUX_SLL and LINUX_SLL2: how the frame concerns the capturing host. */
export const PacketType = { Host: 0, Broadcast: 1, Multicast: 2, OtherHost: 3, Outgoing: 4 } as const;

/**
 * One packet as decoding left it: numbers and offsets into the frame's octets. There are a few instances that take turns; `decode` refills one for each frame and,
 * for tunnels, `decodeInner` for each packet inside. Offsets count from the start of `view`, lengths in octets. What has no value is 0, -1 or false, as
 * said at each field. Nobody keeps it: what is needed later is copied out.
 *
 * IPv4 addresses are *signed* 32-bit integers here, so that they stay small integers in V8 and cost no allocation; IPv6 addresses are read from
 * where they lie.
 */
export class Packet {
  // The frame.
  input = 0;
  frame = 0;
  sec = 0;
  nsec = 0;
  /** Seconds as one double, for timers only; the latest time there was where the frame itself has none (`timed`). */
  at = 0;
  timed = true;
  caplen = 0;
  origlen = 0;
  linktype = -1;
  view: DataView = EMPTY;
  start = 0;
  /** After the last octet that was captured. */
  capturedEnd = 0;
  /** After the last octet of the layer being decoded, captured or not. */
  end = 0;
  source: CaptureInterface;
  /** `Direction`: which way the frame went, as the capture says it. */
  direction = 0;
  /** The interface's index on the capturing host (LINUX_SLL2, modified pcap); -1 where the capture does not say. */
  ifindex = -1;
  /** `PacketType`, or -1. */
  packetType = -1;
  /** Its number among the flows that are expected (`Table.expect`), -1 where it is none of them. */
  expected = -1;
  /** `ObservedInterface.id`, given by the `InterfaceTracker`. */
  interfaceId = 0;

  // The link layer of the innermost packet.
  /** Where the Ethernet header begins (destination, source); -1 where there is none. */
  ethernetAt = -1;
  /** Where LINUX_SLL gives the sender's MAC; -1 where it does not. */
  senderMacAt = -1;
  vlanCount = 0;
  readonly vlans = new Int32Array(MOST_VLANS);
  etherType = 0;

  // The network layer.
  hasArp = false;
  readonly arp = new ArpView();
  /** 4, 6 or 0. */
  version = 0;
  ipAt = 0;
  src4 = 0;
  dst4 = 0;
  /** IP protocol (the last next header of IPv6); -1 where there is no IP header. */
  protocol = -1;
  ttl = 0;
  tos = 0;
  /** IPv4: 16 bits; IPv6: of its fragment header, 32 bits, else 0. */
  ident = 0;
  dontFragment = false;
  moreFragments = false;
  /** In octets. */
  fragmentOffset = 0;

  // The transport layer.
  /** The protocol (`IpProtocol`) whose header lies at `transportAt` in full; 0 where there is none, as in later fragments. */
  transport = 0;
  transportAt = 0;
  sourcePort = 0;
  destinationPort = 0;
  payloadAt = 0;
  /** As the headers say it, captured or not. */
  payloadLength = 0;
  icmpType = 0;
  icmpCode = 0;
  tcpFlags = 0;
  /** A later fragment whose ports are known from the first one (`FragmentTracker`). */
  joined = false;
  /** It lies inside of a fragment: octets at its end may be missing, and lengths end where the fragment does. */
  isInFragment = false;
  /**
   * Put together of fragments (`Reassembler`), and the first one showed its headers already when it passed: it was counted then. Only what needs
   * all of its octets looks at it again.
   */
  isReassembled = false;

  // IPsec.
  /** Where the ESP header (SPI, sequence number) begins, in IP or, as NAT-T, in UDP; -1 where there is none. */
  espAt = -1;
  /** Where the AH header begins; -1 where there is none. */
  ahAt = -1;

  // Tunnels.
  /** How many tunnels the packet is in, and which (`pathNames`). */
  depth = 0;
  path = 0;
  /** Of the innermost tunnel around this packet, unsigned: VNI, key, TEID, label, session or SPI; 0 where it has none. */
  tunnelId = 0;
  /** `Inner`: what follows and can be entered; where it begins, which encapsulation leads there, and its id. */
  inner: number = Inner.None;
  innerAt = 0;
  innerEncapsulation: number = Encapsulation.None;
  innerTunnelId = 0;
  /** Whether the tunnel has an id at all: a key of 0 is one. */
  innerHasId = false;
  /** The id is a call id of PPTP (RFC 2637), 16 bits: GRE has a key in its place. */
  innerIsCall = false;
  /** For `Inner.Upper`: the protocol of what is inside, and where it ends. */
  innerProtocol = -1;
  innerEnd = 0;
  /** A keepalive of GRE: asks for, or is, the empty GRE packet that the far end sends back. */
  isKeepalive = false;

  stop: Stop = 'none';
  stopLayer = '';
  /** Octets from the start of the frame. */
  stopOffset = 0;

  constructor(source: CaptureInterface) {
    this.source = source;
  }

  /** Takes over what the frame says and forgets the packet before. */
  begin(frame: Frame): void {
    this.input = frame.input;
    this.frame = frame.number;
    if (frame.timed === true) {
      this.timed = true;
      this.sec = frame.sec;
      this.nsec = frame.nsec;
      this.at = frame.sec + frame.nsec / 1e9;
    } else this.timed = false;
    this.caplen = frame.caplen;
    this.origlen = frame.origlen;
    this.linktype = frame.linktype;
    this.start = frame.start;
    this.end = frame.start + Math.max(frame.origlen - frame.fcsLength, 0);
    this.capturedEnd = Math.min(frame.start + frame.caplen, this.end);
    // The same for one frame after the other: comparing them costs less than telling the garbage collector of them.
    if (this.view !== frame.view) this.view = frame.view;
    if (this.source !== frame.source) this.source = frame.source;
    this.direction = frame.direction;
    this.ifindex = frame.ifindex;
    this.packetType = frame.packetType;
    this.depth = 0;
    this.path = 0;
    this.tunnelId = 0;
    this.stop = 'none';
    this.vlanCount = 0;
    this.ethernetAt = -1;
    this.senderMacAt = -1;
    this.etherType = 0;
    this.isInFragment = false;
    this.isReassembled = false;
    this.forgetLayers();
  }

  /** The latest time there was, for a frame that has none of its own. */
  takeTime({ sec, nsec, at }: Packet): void {
    this.sec = sec;
    this.nsec = nsec;
    this.at = at;
  }

  /** Before each packet inside a frame. */
  forgetLayers(): void {
    this.expected = -1;
    this.hasArp = false;
    this.version = 0;
    this.protocol = -1;
    this.transport = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.payloadLength = 0;
    this.icmpType = 0;
    this.icmpCode = 0;
    this.tcpFlags = 0;
    this.joined = false;
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.espAt = -1;
    this.ahAt = -1;
    this.inner = None;
    this.isKeepalive = false;
  }

  /** Whether `length` octets of `layer` were captured from `at` on; if not, notes why decoding ends here. */
  has(layer: string, at: number, length: number): boolean {
    if (at + length <= this.capturedEnd && at + length <= this.end) return true;
    // Cut by the snaplen, or sent too short.
    this.halt(at + length <= this.end ? 'truncated' : 'malformed', layer, at);
    return false;
  }

  /** Decoding ends here; the layers read so far stay valid. */
  halt(stop: Stop, layer: string, at: number): void {
    this.stop = stop;
    this.stopLayer = layer;
    this.stopOffset = at - this.start;
  }

  /** Octets of the payload that were captured. */
  get payloadCaptured(): number {
    return Math.max(0, Math.min(this.payloadAt + this.payloadLength, this.capturedEnd) - this.payloadAt);
  }

  get isFragment(): boolean {
    return this.moreFragments === true || this.fragmentOffset > 0;
  }

  // What follows makes doubles or text: for records, not for every packet.

  /** The link layer's source; -1 where the capture does not show it. */
  get sourceMac(): Mac {
    if (this.ethernetAt >= 0) return readMac(this.view, this.ethernetAt + 6);
    return this.senderMacAt >= 0 ? readMac(this.view, this.senderMacAt) : -1;
  }

  /** The link layer's destination; -1 where the capture does not show it (LINUX_SLL never does). */
  get destinationMac(): Mac {
    return this.ethernetAt >= 0 ? readMac(this.view, this.ethernetAt) : -1;
  }

  get sourceIp(): string {
    return this.version === 4 ? ipv4Text(this.src4) : ipv6Text(this.view, this.ipAt + IPV6_SOURCE);
  }

  get destinationIp(): string {
    return this.version === 4 ? ipv4Text(this.dst4) : ipv6Text(this.view, this.ipAt + IPV6_DESTINATION);
  }
}

const EMPTY = new DataView(new ArrayBuffer(0));
export const MOST_VLANS = 4;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
