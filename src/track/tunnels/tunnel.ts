import type { Stamp } from '../stamp.ts';

/** What a tunnel is called in records. */
export const tunnelProtocols = [
  'gre',
  'erspan',
  'ipip',
  'sit',
  '4in6',
  '6in6',
  'esp',
  'ah',
  'ike',
  'nat-t',
  'vxlan',
  'geneve',
  'gtp-u',
  'l2tp',
  'l2tpv3',
  'pppoe',
  'mpls',
  'teredo',
  'fou',
  'gue',
  'tinc',
  'wireguard',
  'openvpn',
] as const;
export type TunnelProtocol = (typeof tunnelProtocols)[number];

/** An end of a tunnel: `port` is null where the protocol has none, or where it is chosen by flow (VXLAN). For MPLS and PPPoE `ip` is the MAC. */
export interface TunnelEnd {
  ip: string;
  port: number | null;
}

/** Which tunnel: enough to find it in the inventory. */
export interface TunnelName {
  protocol: TunnelProtocol;
  a: TunnelEnd;
  b: TunnelEnd;
  /** Key, VNI, TEID, label, session id or SPI; null where it has none. */
  id: number | null;
  /** GRE of PPTP (RFC 2637): the id is that of a call, 16 bits. */
  isCall: boolean;
}

/** A tunnel in the capture. ESP and AH: one a direction, from `a` to `b`. */
export interface Tunnel extends TunnelName {
  /** SPI of the way back; null where it is not known, or there is none. */
  pair: number | null;
  /** Path of the tunnels around it, as `Packet.path`; `depth` of them there are. */
  path: number;
  depth: number;
  /** The tunnel that its first packet was in; null where there is none. */
  inside: TunnelName | null;
  packets: number;
  /** Octets of the outer IP packets. */
  bytes: number;
  packetsFromA: number;
  packetsFromB: number;
  /** Octets of the largest outer IP packet, and of the largest packet inside; `maxInner` is null where it is encrypted and cannot be told. */
  maxOuter: number;
  maxInner: number | null;
  /** Octets of an IP packet that fits inside over a path of 1500 octets, by the overhead that the packets show; null where it cannot be told. */
  innerMtu: number | null;
  /** What that rests on where encryption hides it: `AES-GCM, tunnel mode`; else null. */
  assumed: string | null;
  /** Outer fragments, the first ones too; and datagrams that came in fragments. */
  fragments: number;
  fragmented: number;
  /** Octets of the largest fragment: so much the path carries, seven more at most; 0 without fragments. */
  maxFragment: number;
  firstFragment: Stamp | null;
  lastFragment: Stamp | null;
  /** Some outer packets are larger than 1500 octets in one piece: put together by a card or the kernel (offload), or a path of jumbo frames. */
  isOffloaded: boolean;
  /** Where outer packets were seen, as `sightingOf` has it. */
  sighted: number;
  /** The capturing host passes them on: it is no end of the tunnel. */
  isPassedOn: boolean;
  /** In a TCP connection: nothing inside is too large. */
  isOverTcp: boolean;
  /** IP version of the outer packets; null for PPPoE and MPLS on a link. */
  over: 4 | 6 | null;
  /** Octets of the tunnels outside of it, up to its outer header. */
  overheadOutside: number;
  /** What runs in it, by name, as far as it can be seen: `gre`, `bgp`. */
  holds: string[];
  first: Stamp;
  last: Stamp;
}
