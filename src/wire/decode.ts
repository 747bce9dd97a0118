import type { Frame } from '../frame.ts';
import { decodeArp } from './arp.ts';
import { Encapsulation, hasRoom, MOST_LAYERS, pathInto } from './encapsulation.ts';
import { decodeEsp, ESP_HEADER } from './esp.ts';
import { decodeEthernet, EtherType } from './ethernet.ts';
import { decodeFou } from './fou.ts';
import { decodeGeneve } from './geneve.ts';
import { decodeGre } from './gre.ts';
import { decodeGtpU } from './gtp-u.ts';
import { decodeGue } from './gue.ts';
import { decodeIcmp } from './icmp.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { decodeL2tpData, decodeL2tpv3 } from './l2tp-data.ts';
import { Linktype } from './linktype.ts';
import { decodeSll, decodeSll2 } from './linux-sll.ts';
import { decodeMpls } from './mpls.ts';
import { isEspInUdp } from './nat-t.ts';
import { decodeNullLoop } from './null-loop.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';
import { decodeCiscoHdlc, decodePpp, decodePppoe } from './ppp.ts';
import { decodeTcp } from './tcp.ts';
import { decodeTeredo } from './teredo.ts';
import { decodeIpInIp } from './tunnel.ts';
import { decodeUdp } from './udp.ts';
import { decodeVxlan, decodeVxlanGpe } from './vxlan.ts';

/**
 * UDP ports behind which another packet lies (IANA; 5555: `ip fou` of the Linux manual, 8472: VXLAN before it had a port). Most tunnels choose the
 * source port by flow, so that it is the destination's that counts; those of which both ends have the port are known by either.
 */
const TunnelPort = {
  L2tp: 1701,
  GtpU: 2152,
  Teredo: 3544,
  NatT: 4500,
  Gre: 4754,
  Vxlan: 4789,
  VxlanGpe: 4790,
  Fou: 5555,
  Gue: 6080,
  Geneve: 6081,
  Mpls: 6635,
  OldVxlan: 8472,
} as const;

/*
 * What each packet is compared with, as constants of this module's own: V8 puts those into the machine code, and looks up what was imported each time
 * (docs/performance.md).
 */
const { Ethernet, LinuxSll, LinuxSll2, Raw } = Linktype;
const { None, Upper } = Inner;
const { Tcp, Udp, Icmp, Icmpv6 } = IpProtocol;
const { Arp } = EtherType;
const ETHERTYPE_IPV4 = EtherType.Ipv4;
const ETHERTYPE_IPV6 = EtherType.Ipv6;
const LAYERS = MOST_LAYERS;

/** Decodes the outermost packet of `frame` into `packet`. False where its link type is not decoded at all. */
export function decode(packet: Packet, frame: Frame): boolean {
  packet.begin(frame);
  const at = packet.start;
  switch (packet.linktype) {
    case Ethernet:
      decodeNetwork(packet, decodeEthernet(packet, at));
      return true;
    case LinuxSll2:
      decodeNetwork(packet, decodeSll2(packet, at));
      return true;
    case LinuxSll:
      decodeNetwork(packet, decodeSll(packet, at));
      return true;
    case Raw:
    case Linktype.RawBsd:
    case Linktype.RawOpenBsd:
    case Linktype.Ipv4:
    case Linktype.Ipv6:
      decodeIp(packet, at);
      return true;
    case Linktype.Null:
    case Linktype.Loop:
      decodeNetwork(packet, decodeNullLoop(packet, at));
      return true;
    case Linktype.Ppp:
    case Linktype.PppHdlc:
      decodeNetwork(packet, decodePpp(packet, at));
      return true;
    case Linktype.PppEther:
      packet.etherType = EtherType.PppoeSession;
      decodeNetwork(packet, at);
      return true;
    case Linktype.CiscoHdlc:
      decodeNetwork(packet, decodeCiscoHdlc(packet, at));
      return true;
    default:
      packet.halt('unsupported', 'link', at);
      return false;
  }
}

/**
 * Goes on to the packet inside the one that was decoded last, in the same `Packet`.
 * @returns false where there is none, or the nest is deeper than MOST_LAYERS, or than a path can say
 */
export function decodeInner(packet: Packet): boolean {
  const { inner } = packet;
  if (inner === None) return false;
  const { innerAt, version, path, innerEncapsulation } = packet;
  if (packet.depth >= LAYERS || !hasRoom(path, innerEncapsulation)) return false;
  if (packet.isFragment) packet.isInFragment = true;
  packet.depth++;
  packet.path = pathInto(path, innerEncapsulation);
  packet.tunnelId = packet.innerTunnelId;
  packet.forgetLayers();
  if (inner === Inner.Ip) {
    decodeIp(packet, innerAt);
  } else if (inner === Inner.Ethernet) {
    packet.vlanCount = 0;
    packet.senderMacAt = -1;
    decodeNetwork(packet, decodeEthernet(packet, innerAt));
  } else if (inner === Inner.Ppp) {
    decodeNetwork(packet, decodePpp(packet, innerAt));
  } else if (inner === Upper) {
    // The IP header stays where it is, and what was read of it.
    packet.version = version;
    packet.protocol = packet.innerProtocol;
    packet.end = Math.min(packet.end, packet.innerEnd);
    decodeTransport(packet, innerAt);
  } else {
    decodeMpls(packet, innerAt);
  }
  return true;
}

/** Decodes an IP packet that was put together of fragments, from `start` to `end` of `view`. All else in `packet` is that of the last frame. */
export function decodeReassembled(packet: Packet, view: DataView, start: number, end: number): void {
  packet.view = view;
  packet.start = start;
  packet.end = end;
  packet.capturedEnd = end;
  packet.ethernetAt = -1;
  packet.senderMacAt = -1;
  packet.isInFragment = false;
  packet.isReassembled = true;
  packet.forgetLayers();
  decodeIp(packet, start);
}

/** By `packet.etherType`; -1 for `at`: the link layer led nowhere. */
function decodeNetwork(packet: Packet, at: number): void {
  if (at < 0) return;
  switch (packet.etherType) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
      decodeIp(packet, at);
      break;
    case Arp:
      decodeArp(packet, at);
      break;
    case EtherType.PppoeSession:
      packet.innerAt = decodePppoe(packet, at);
      packet.innerEncapsulation = Encapsulation.Pppoe;
      packet.innerHasId = true;
      break;
    case EtherType.MplsUnicast:
    case EtherType.MplsMulticast:
      decodeMpls(packet, at);
      break;
    default:
  }
}

/** The version decides, not the EtherType: tun devices and some drivers leave the field wrong. */
function decodeIp(packet: Packet, at: number): void {
  if (!packet.has('ip', at, 1)) return;
  const version = packet.view.getUint8(at) >> 4;
  const next = version === 6 ? decodeIpv6(packet, at) : decodeIpv4(packet, at);
  if (next >= 0 && packet.fragmentOffset === 0) {
    decodeTransport(packet, next);
    return;
  }
  packet.payloadAt = next >= 0 ? next : packet.end;
  packet.payloadLength = Math.max(0, packet.end - packet.payloadAt);
}

function decodeTransport(packet: Packet, at: number): void {
  switch (packet.protocol) {
    case Tcp:
      decodeTcp(packet, at);
      break;
    case Udp:
      if (decodeUdp(packet, at) === true) decodeUdpTunnel(packet);
      break;
    case Icmp:
    case Icmpv6:
      decodeIcmp(packet, at, packet.protocol);
      break;
    case IpProtocol.Ipv4:
    case IpProtocol.Ipv6:
      decodeIpInIp(packet, at);
      break;
    case IpProtocol.Gre:
      decodeGre(packet, at);
      break;
    case IpProtocol.MplsInIp:
      decodeMpls(packet, at);
      break;
    case IpProtocol.Esp:
      setPayload(packet, at);
      if (packet.has('esp', at, ESP_HEADER)) decodeEsp(packet, at, packet.end, Encapsulation.Esp);
      break;
    case IpProtocol.L2tpv3:
      setPayload(packet, at);
      decodeL2tpv3(packet, at);
      break;
    default:
      setPayload(packet, at);
  }
}

function setPayload(packet: Packet, at: number): void {
  packet.payloadAt = at;
  packet.payloadLength = Math.max(0, packet.end - at);
}

/** By port: 0 for all that are no tunnel's, which most packets learn by two look-ups. */
const IS_TUNNEL = new Uint8Array(65_536);
const BY_DESTINATION = 1;
const BY_EITHER = 2;
for (const port of Object.values(TunnelPort)) IS_TUNNEL[port] = BY_DESTINATION;
for (const port of [TunnelPort.L2tp, TunnelPort.GtpU, TunnelPort.Teredo, TunnelPort.NatT]) IS_TUNNEL[port] = BY_EITHER;

function decodeUdpTunnel(packet: Packet): void {
  const { sourcePort, destinationPort } = packet;
  if (IS_TUNNEL[destinationPort] !== 0) decodeByPort(packet, destinationPort, packet.payloadAt);
  else if (IS_TUNNEL[sourcePort] === BY_EITHER) decodeByPort(packet, sourcePort, packet.payloadAt);
}

function decodeByPort(packet: Packet, port: number, at: number): void {
  switch (port) {
    case TunnelPort.Vxlan:
    case TunnelPort.OldVxlan:
      decodeVxlan(packet, at);
      break;
    case TunnelPort.VxlanGpe:
      decodeVxlanGpe(packet, at);
      break;
    case TunnelPort.Geneve:
      decodeGeneve(packet, at);
      break;
    case TunnelPort.GtpU:
      decodeGtpU(packet, at);
      break;
    case TunnelPort.Teredo:
      decodeTeredo(packet, at);
      break;
    case TunnelPort.NatT:
      if (isEspInUdp(packet)) decodeEsp(packet, at, at + packet.payloadLength, Encapsulation.NatT);
      break;
    case TunnelPort.L2tp:
      decodeL2tpData(packet, at);
      break;
    case TunnelPort.Gre:
      decodeGre(packet, at);
      break;
    case TunnelPort.Mpls:
      decodeMpls(packet, at);
      break;
    case TunnelPort.Fou:
      decodeFou(packet, at);
      break;
    default:
      decodeGue(packet, at);
  }
}
