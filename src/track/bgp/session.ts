import type { Endpoint } from '../../net/ip.ts';
import type { BgpOpen } from '../../wire/bgp/open.ts';
import type { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';

/** States of a session as the packets show them (RFC 4271 section 8.2.2): SYN, OPEN, both OPENs, KEEPALIVEs both ways. */
export type BgpState = 'connect' | 'open-sent' | 'open-confirm' | 'established' | 'idle';

export interface BgpNotification {
  /** Who sent it. */
  from: string;
  code: number;
  subcode: number;
  /** In the RFC's words: `Cease: administrative reset`. */
  text: string;
  /** RFC 9003: what the operator wrote; null without. */
  message: string | null;
  /** What its data says: `limit of 100 prefixes of IPv4 unicast`, `bad peer AS 64513`; null where it says nothing. */
  detail: string | null;
  /** Code and subcode that a hard reset (RFC 8538) is about; null where it is none. */
  hardReset: { code: number; subcode: number } | null;
  stamp: Stamp;
}

/** Why a session ended: `superseded` where a newer connection took its place, and its own end was not seen. */
export type EndCause = 'notification' | 'rst' | 'fin' | 'superseded';

/** Data that was sent at least three times and was not acknowledged, up to the end of the connection, or to now. */
export interface StuckData {
  /** Octets of TCP payload of the largest segment that was sent again. */
  size: number;
  /** How often the octets at the front were sent. */
  times: number;
  first: Stamp;
  last: Stamp;
  /** All of it is KEEPALIVEs; null where that is not known. */
  isKeepaliveOnly: boolean | null;
  /** Segments of the peer that came meanwhile, up to the last time that it was sent: none of them acknowledges it. */
  heard: number;
}

/** One end of a connection. */
export interface SpeakerOfConnection {
  ip: string;
  /** Segments seen of it, of any kind; 0: the capture shows none. A packet that was sighted twice counts once. */
  segments: number;
  keepalives: number;
  updates: number;
  /** Octets of its UPDATEs. */
  updateOctets: number;
  /** UPDATEs that a receiver takes for a withdrawal, because they are malformed (RFC 7606). */
  malformed: number;
  /** Octets that were sent again. */
  retransmissions: number;
  lastMessage: Stamp | null;
  lastSegment: Stamp | null;
  stuck: StuckData | null;
  /** Something that it sent was acknowledged by the peer. */
  acknowledged: boolean;
  /** When the peer acknowledged more of it than before, the latest time: until then it got through, whether or not the capture shows it. */
  heardLast: Stamp | null;
  /** Octets of it are missing in the capture, or its first ones were sent before. */
  isPartial: boolean;
}

/** One TCP connection between two BGP speakers. */
export interface BgpConnection {
  /** Who connected, and to whom; of one that began before the capture the one without port 179. */
  client: Endpoint;
  server: Endpoint;
  /** Client, server. */
  speakers: readonly [SpeakerOfConnection, SpeakerOfConnection];
  states: { state: BgpState; stamp: Stamp }[];
  /** SYNs seen, repeated ones too. */
  syns: number;
  /** First and latest SYN; null: the connection began before the capture, or its SYN is not in it. */
  synFirst: Stamp | null;
  synLast: Stamp | null;
  /** TTL or hop limit of the first SYN, where it was seen. */
  synTtl: number | null;
  /** By address of the speaker. */
  opens: Map<string, BgpOpen & { stamp: Stamp }>;
  /** The TCP handshake was answered, or the connection is older than the capture. */
  isAccepted: boolean;
  established: Stamp | null;
  /** It was given up, before or after OPEN, for another connection of the two that there was at the same time (RFC 4271 section 6.8). */
  isCollision: boolean;
  notification: BgpNotification | null;
  end: { cause: EndCause; by: string; stamp: Stamp } | null;
  /** What answered a SYN instead of the peer: RST, or an ICMP error in words. */
  refusal: { kind: 'rst' | 'icmp'; text: string; from: string; stamp: Stamp; count: number } | null;
  /** ICMP "time exceeded" quoted its SYN (`isSyn`) or data of `sender`. */
  ttlExceeded: { from: string; stamp: Stamp; last: Stamp; count: number; sender: string; isSyn: boolean } | null;
  first: Stamp;
  last: Stamp;
}

/** What each side of a session did, in all its connections. */
export interface SpeakerState {
  ip: string;
  /** BGP Identifier, by its latest OPEN. */
  id: string | null;
  as: number | null;
  keepalives: number;
  updates: number;
  /** Octets that were sent again. */
  retransmissions: number;
  lastMessage: Stamp | null;
  /** Latest segment of any kind, pure acknowledgements too. */
  lastSegment: Stamp | null;
  /** Of the latest connection. */
  stuck: StuckData | null;
}

/** All connections between two addresses: what a router calls a neighbour. */
export interface BgpSession {
  /** The lower address first. */
  a: SpeakerState;
  b: SpeakerState;
  /** Where packets were sighted several times (inside and outside of a tunnel, on several interfaces): with the fewest tunnels around them, then first. */
  path: number;
  interfaceId: number;
  /** Empty; other sessions between the same addresses, in other VLANs or overlays (` 1`) or on other links (`%1`), have a text that differs. */
  scope: string;
  /** The first one, and the latest ones; `connectionsSeen` counts all. */
  connections: BgpConnection[];
  connectionsSeen: number;
  /** Of these, the ones whose SYN was seen. */
  attempts: number;
  /** SYNs and OPENs of all connections. */
  syns: number;
  opensSeen: number;
  /** Seconds, the lower of both OPENs; null where they are not seen. */
  holdTime: number | null;
  /** It began before the capture, or octets are missing: what it says of routes is not all. */
  isPartial: boolean;
  /** TTL of the SYNs or, without, of the latest segments of the connecting side, where the capture shows it. */
  ttl: number | null;
  /** How often it was established, and lost again. */
  established: number;
  resets: number;
  lastEstablished: Stamp | null;
  evidence: Evidence;
  first: Stamp;
  last: Stamp;
}
