import { readDhcp } from './dhcp.ts';
import { readDns } from './dns.ts';
import { readIke } from './ike.ts';
import { readL2tp } from './l2tp.ts';
import { readNtp } from './ntp.ts';
import { isOpenVpnReset, readOpenVpn } from './openvpn.ts';
import { Inner, type Packet } from './packet.ts';
import { isQuicLong, readQuic } from './quic.ts';
import { readRadius } from './radius.ts';
import { isRtp } from './rtp.ts';
import { readSip } from './sip.ts';
import { readSnmp } from './snmp.ts';
import { isStun, readStun } from './stun.ts';
import { readTftp } from './tftp.ts';
import type { Transaction } from './transaction.ts';
import { isWireguard } from './wireguard.ts';

/** What runs on UDP: a number for the tables, in the order of PROTOCOLS. */
export const UdpProtocol = {
  /** Not yet looked at, and looked at without a result. */
  Undecided: 0,
  Unknown: 1,
  Dns: 2,
  Ntp: 3,
  Snmp: 4,
  Radius: 5,
  Stun: 6,
  Sip: 7,
  Tftp: 8,
  Dhcp: 9,
  Ike: 10,
  Quic: 11,
  L2tp: 12,
  OpenVpn: 13,
  Wireguard: 14,
  /** Protocols in which who answers is not who was asked, or nobody answers: never a wrong source. */
  Discovery: 15,
  OneWay: 16,
  Tunnel: 17,
  /** WireGuard whose paths are chosen by Tailscale's discovery, on the same ports. */
  Tailscale: 18,
} as const;

export interface UdpProtocolInfo {
  /** As records name it, or null. */
  name: string | null;
  /** As findings name what connects answer and request, or null where nothing in the payload does. */
  matchedBy: string | null;
  /** Where the payload does not connect them, ports and time may: a client of its own port asks one server at a time. */
  matchedByPorts: boolean;
  read?: (packet: Packet, transaction: Transaction) => void;
}

const PROTOCOLS: readonly UdpProtocolInfo[] = [
  { name: null, matchedBy: null, matchedByPorts: true },
  { name: null, matchedBy: null, matchedByPorts: true },
  { name: 'dns', matchedBy: 'dns-id', matchedByPorts: true, read: readDns },
  { name: 'ntp', matchedBy: 'ntp-origin', matchedByPorts: true, read: readNtp },
  { name: 'snmp', matchedBy: 'snmp-request-id', matchedByPorts: true, read: readSnmp },
  { name: 'radius', matchedBy: 'radius-id', matchedByPorts: true, read: readRadius },
  { name: 'stun', matchedBy: 'stun-transaction', matchedByPorts: false, read: readStun },
  { name: 'sip', matchedBy: 'sip-branch', matchedByPorts: false, read: readSip },
  { name: 'tftp', matchedBy: 'tftp-transfer', matchedByPorts: false, read: readTftp },
  { name: 'dhcp', matchedBy: 'dhcp-xid', matchedByPorts: false, read: readDhcp },
  { name: 'ike', matchedBy: 'ike-spi', matchedByPorts: false, read: readIke },
  { name: 'quic', matchedBy: 'quic-cid', matchedByPorts: true, read: readQuic },
  { name: 'l2tp', matchedBy: 'l2tp-tunnel', matchedByPorts: false, read: readL2tp },
  { name: 'openvpn', matchedBy: 'openvpn-session', matchedByPorts: true, read: readOpenVpn },
  { name: 'wireguard', matchedBy: null, matchedByPorts: false },
  { name: null, matchedBy: null, matchedByPorts: false },
  { name: null, matchedBy: null, matchedByPorts: false },
  { name: null, matchedBy: null, matchedByPorts: false },
  { name: 'tailscale', matchedBy: null, matchedByPorts: false },
];

/** @param protocol a number of `UdpProtocol` */
export function udpProtocolInfo(protocol: number): UdpProtocolInfo {
  const info = PROTOCOLS[protocol];
  if (!info) throw new Error(`no UDP protocol has the number ${protocol}`);
  return info;
}

/** By the port of either end (IANA service names and port numbers). */
const BY_PORT = new Map<number, number>([
  [53, UdpProtocol.Dns],
  [67, UdpProtocol.Dhcp],
  [68, UdpProtocol.Dhcp],
  [69, UdpProtocol.Tftp],
  [123, UdpProtocol.Ntp],
  [161, UdpProtocol.Snmp],
  [500, UdpProtocol.Ike],
  [4500, UdpProtocol.Ike],
  [1645, UdpProtocol.Radius],
  [1646, UdpProtocol.Radius],
  [1812, UdpProtocol.Radius],
  [1813, UdpProtocol.Radius],
  [3799, UdpProtocol.Radius],
  [1701, UdpProtocol.L2tp],
  [5060, UdpProtocol.Sip],
  // NetBIOS, SSDP, WS-Discovery, mDNS, LLMNR, Apple's and Dropbox's discovery, CoAP, DHCPv6: asked of all, answered by anyone.
  ...[137, 138, 546, 547, 1900, 3283, 3702, 5350, 5351, 5353, 5355, 17_500, 5683].map((port): [number, number] => [
    port,
    UdpProtocol.Discovery,
  ]),
  // RIP, RIPng, syslog, HSRP, PTP, NetFlow, IPFIX, sFlow, BFD, GLBP, LDP, Babel, statsd, AFS, devp2p: each end sends on its own.
  ...[520, 521, 514, 1985, 2029, 319, 320, 2055, 9995, 9996, 4739, 6343, 3784, 3785, 4784, 3222, 646, 6696, 8125, 7000, 7001, 30_303].map(
    (port): [number, number] => [port, UdpProtocol.OneWay],
  ),
  // GTP, VXLAN, GENEVE, Teredo, GRE and MPLS in UDP, GUE, LISP: the source port is entropy, or the far end is another one by design.
  ...[2123, 2152, 4789, 4790, 8472, 6081, 3544, 4754, 4755, 6635, 6080, 4341, 4342, 3503].map((port): [number, number] => [
    port,
    UdpProtocol.Tunnel,
  ]),
]);

/** Tailscale's discovery begins with `TS` and a speech balloon (U+1F4AC): it tries many paths on purpose. */
const TAILSCALE = 0x5453_f09f;

/**
 * What runs between the ends of this packet: by its content where that is unmistakable, else by port.
 * `Undecided` where neither says anything.
 */
export function recogniseUdp(packet: Packet): number {
  if (isWireguard(packet)) return UdpProtocol.Wireguard;
  if (isOpenVpnReset(packet)) return UdpProtocol.OpenVpn;
  if (isStun(packet)) return UdpProtocol.Stun;
  if (packet.payloadCaptured >= 6 && packet.view.getUint32(packet.payloadAt) === TAILSCALE) return UdpProtocol.Tailscale;
  const byPort = udpProtocolByPort(packet.destinationPort) || udpProtocolByPort(packet.sourcePort);
  if (byPort !== UdpProtocol.Undecided) return byPort;
  // FOU has no port of its own.
  if (packet.inner !== Inner.None) return UdpProtocol.Tunnel;
  if (isQuicLong(packet)) return UdpProtocol.Quic;
  return isRtp(packet) ? UdpProtocol.OneWay : UdpProtocol.Undecided;
}

export const udpProtocolByPort = (port: number): number => BY_PORT.get(port) ?? UdpProtocol.Undecided;
