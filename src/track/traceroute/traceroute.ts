import type { MplsLabel } from '../../wire/icmp-extensions.ts';
import type { Stamp } from '../stamp.ts';

export type { MplsLabel };

export type ProbeProtocol = 'icmp' | 'udp' | 'tcp';

/** One address that answered probes of one TTL. */
export interface HopAddress {
  ip: string;
  /** Probes that it answered; repeated answers to one probe count once. */
  replies: number;
  /** Of the answers whose time is known; null where none is. Milliseconds. */
  rttMs: { min: number; avg: number; max: number } | null;
  /** TTL or hop limit with which its first answer was seen: how long the way back is. */
  replyTtl: number;
  /** Label stack of its latest answer that had one (RFC 4950), outermost first; empty without. */
  mpls: readonly MplsLabel[];
  /** It refuses the probes, in the words of the RFC: ICMP unreachable, but that of the port from the destination itself; null where it does not. */
  refusal: string | null;
  /** Of its replies, those that refuse for another one: they tell nothing of which way the packet took. */
  refused: number;
  firstProbe: Stamp;
  firstReply: Stamp;
}

/** What became of the probes of one TTL. */
export interface Hop {
  ttl: number;
  /** Whoever answered, in the order of their first answers. */
  addresses: HopAddress[];
  /** Probes sent, and those that nobody answered, as far as they had the time to. */
  sent: number;
  lost: number;
  /** Addresses take turns by flow (ports, checksum, id), each flow always gets the same one: equal-cost paths. */
  isEcmp: boolean;
  /** What an error said of larger probes (`traceroute --mtu`): the largest packet that goes on from there, in octets. They are not among `sent`. */
  mtu?: number;
}

/** A hop whose address changed for one and the same flow. */
export interface HopChange {
  ttl: number;
  from: string;
  to: string;
  stamp: Stamp;
}

/** A traceroute or mtr, as far as the capture shows it. */
export interface Traceroute {
  source: string;
  destination: string;
  protocol: ProbeProtocol;
  /** Path of the tunnels around the probes, as `Packet.path`. */
  path: number;
  /** `Packet.interfaceId` of the first probe. */
  interfaceId: number;
  /** The probes had no link layer with addresses: raw IP, or a device without ARP in LINUX_SLL. */
  isLayer3: boolean;
  /** Of the first and the last probe; `lastReply` of the last answer, undefined without any. */
  first: Stamp;
  last: Stamp;
  lastReply: Stamp | undefined;
  /** Different probes; a packet sighted twice counts once. */
  probes: number;
  /** In the order of TTL, without gaps: those that are silent or were not probed, too. What lies behind the destination is left out. */
  hops: Hop[];
  /** The destination itself answered. */
  reached: boolean;
  /** Changes of address at a hop for one flow, in the order of time; bounded, `changeCount` counts all. */
  changes: readonly HopChange[];
  changeCount: number;
}
