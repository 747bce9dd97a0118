import type { Endpoint } from '../../net/ip.ts';
import type { Stamp } from '../stamp.ts';

/**
 * A segment that was sent again and again, at one place of capture. Sizes are those of IP packets on the wire, in octets: what segmentation offload left together
 * is split by the peer's MSS first.
 */
export interface StuckSegment {
  /** Sequence number of its first octet, and how many octets of payload it has. */
  seq: number;
  length: number;
  /** Octets of the IP packet, header included. */
  size: number;
  dontFragment: boolean;
  /** When it was first sent, and sent again: the first ones and the latest. */
  first: Stamp;
  retransmissions: Stamp[];
  retransmissionCount: number;
  /** Packets of the receiver after it was lost (those that ask for it, and all after it was sent for the second time), the first and latest of them: it lives. */
  lifeSigns: number;
  firstLife: Stamp | null;
  lastLife: Stamp | null;
  /** When its octets were acknowledged in the end, and the size of the packet that brought them; null where they were not. */
  acked: { stamp: Stamp; size: number } | null;
  /** The receiver's window was closed. */
  zeroWindow: boolean;
}

/** Octets that the other packets of their sender show to exist, and that did not pass. */
export interface TcpGap {
  /** Sequence numbers of the first octet that is missing, and of the first one behind the gap. */
  start: number;
  end: number;
  /** The first packet from behind it, and the latest one of its sender. */
  stamp: Stamp;
  last: Stamp;
}

/** One direction of a connection at one place of capture. */
export interface TcpDirection {
  packets: number;
  /** Octets of payload, repeated ones too. */
  bytes: number;
  /** Segments with octets that were sent before. */
  retransmissions: number;
  /** Segments, SYNs and FINs too, that were sent again though the other end had acknowledged them here: its acknowledgments, which are small, get lost. */
  unheard: number;
  /** Octets of the largest IP packet that was sent, as it is on the wire; and of the largest one whose octets were acknowledged. 0: none. */
  largestSent: number;
  largestAcked: number;
  /** All segments with payload had the flag. */
  dontFragment: boolean;
  /** Frames were larger than the peer's MSS allows: segmentation offload, split for the numbers above. */
  isOffloaded: boolean;
  /** The segment that stuck, and was repeated for longest; null where none was repeated three times. */
  stuck: StuckSegment | null;
  /** What is missing at the receiver's edge at the end: the other end has not acknowledged it here, though what comes after it was sent; null as a rule. */
  gap: TcpGap | null;
  /** Segments of nothing, or of an octet that was acknowledged before, that only ask whether the receiver is alive (RFC 9293 section 3.8.4). */
  keepalives: number;
  /** Up to which sequence number the receiver acknowledged it here; null where no acknowledgment was seen. */
  ackedTo: number | null;
  /** First packet; null where there is none. */
  first: Stamp | null;
}

/** The connection as one place of capture saw it: one interface (`Packet.interfaceId`), inside of the same tunnels. */
export interface TcpSighting {
  interfaceId: number;
  /** The interface bears no link-layer addresses: a tunnel device. */
  isLayer3: boolean;
  /** `Direction` of packets from `a`, as the capture says it. */
  directionOfA: number;
  path: number;
  tunnelId: number;
  /** Of frames with a tag, its outermost id. */
  vlan: number | null;
  fromA: TcpDirection;
  fromB: TcpDirection;
  /** Sequence numbers that packets from `a` and from `b` got to: what one place saw and another did not. */
  endOfA: number;
  endOfB: number;
  /** MSS that the SYN of `a` and of `b` said when it passed here; null where the SYN was not seen, or had none. */
  mssOfA: number | null;
  mssOfB: number | null;
  synOfA: Stamp | null;
  synOfB: Stamp | null;
}

/** An ICMP error that says that a packet of the connection is too large (ICMP 3/4, ICMPv6 2). */
export interface TooBig {
  /** The router that says so, and to whom. */
  from: string;
  to: string;
  /** Next-hop MTU that it names; 0: none (before RFC 1191). */
  mtu: number;
  /** Octets of the packet that it quotes. */
  quotedSize: number;
  /** The quoted packet was from `a`. */
  ofA: boolean;
  /** `false`: addresses or ports of the quote are those of the connection, its sequence number lies outside of what was sent. */
  fits: boolean;
  interfaceId: number;
  /** `Direction` of the error. */
  direction: number;
  path: number;
  stamp: Stamp;
}

/** A TCP connection, of all places where it was seen. `a` is the end that opened it, or where that was not seen, the one that spoke first. */
export interface TcpConnection {
  a: Required<Endpoint>;
  b: Required<Endpoint>;
  /** Path of the tunnels around it, of the sighting with the fewest. */
  path: number;
  /** The SYN was seen. */
  hasSyn: boolean;
  /** In the order of their first packets. */
  sightings: TcpSighting[];
  tooBig: TooBig[];
  /** How it ended, as far as seen. */
  end: 'fin' | 'rst' | null;
  first: Stamp;
  last: Stamp;
}
