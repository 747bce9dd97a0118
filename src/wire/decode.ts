import type { Frame } from '../frame.ts';
import { decodeArp } from './arp.ts';
import { Encapsulation, MOST_LAYERS, pathInto } from './encapsulation.ts';
import { decodeEthernet, EtherType } from './ethernet.ts';
import { decodeIcmp } from './icmp.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { Linktype } from './linktype.ts';
import { decodeSll, decodeSll2 } from './linux-sll.ts';
import { decodeNullLoop } from './null-loop.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';
import { decodeCiscoHdlc, decodePpp, decodePppoe } from './ppp.ts';
import { decodeTcp } from './tcp.ts';
import { decodeGeneve, decodeGre, decodeGtpU, decodeIpInIp, decodeMpls, decodeTeredo, decodeVxlan } from './tunnel.ts';
import { decodeUdp } from './udp.ts';

/** UDP ports behind which another packet lies, at the destination (tunnels choose the source port by flow). */
const TunnelPort = { GtpU: 2152, Teredo: 3544, Vxlan: 4789, Geneve: 6081, OldVxlan: 8472 } as const;

/** Decodes the outermost packet of `frame` into `packet`. False where its link type is not decoded at all. */
export function decode(packet: Packet, frame: Frame): boolean {
  packet.begin(frame);
  const at = packet.start;
  switch (packet.linktype) {
    case Linktype.Ethernet:
      decodeNetwork(packet, decodeEthernet(packet, at));
      return true;
    case Linktype.LinuxSll2:
      decodeNetwork(packet, decodeSll2(packet, at));
      return true;
    case Linktype.LinuxSll:
      decodeNetwork(packet, decodeSll(packet, at));
      return true;
    case Linktype.Raw:
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
 * @returns false where there is none, or the nest is deeper than MOST_LAYERS
 */
export function decodeInner(packet: Packet): boolean {
  const { inner, innerAt } = packet;
  if (inner === Inner.None || packet.depth >= MOST_LAYERS) return false;
  packet.depth++;
  packet.path = pathInto(packet.path, packet.innerEncapsulation);
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
  } else {
    decodeMpls(packet, innerAt);
  }
  return true;
}

/** By `packet.etherType`; -1 for `at`: the link layer led nowhere. */
function decodeNetwork(packet: Packet, at: number): void {
  if (at < 0) return;
  switch (packet.etherType) {
    case EtherType.Ipv4:
    case EtherType.Ipv6:
      decodeIp(packet, at);
      break;
    case EtherType.Arp:
      decodeArp(packet, at);
      break;
    case EtherType.PppoeSession:
      packet.innerAt = decodePppoe(packet, at);
      packet.innerEncapsulation = Encapsulation.Pppoe;
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
    case IpProtocol.Tcp:
      decodeTcp(packet, at);
      break;
    case IpProtocol.Udp:
      if (decodeUdp(packet, at)) decodeUdpTunnel(packet);
      break;
    case IpProtocol.Icmp:
    case IpProtocol.Icmpv6:
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
    default:
      packet.payloadAt = at;
      packet.payloadLength = Math.max(0, packet.end - at);
  }
}

function decodeUdpTunnel(packet: Packet): void {
  switch (packet.destinationPort) {
    case TunnelPort.Vxlan:
    case TunnelPort.OldVxlan:
      decodeVxlan(packet, packet.payloadAt);
      break;
    case TunnelPort.Geneve:
      decodeGeneve(packet, packet.payloadAt);
      break;
    case TunnelPort.GtpU:
      decodeGtpU(packet, packet.payloadAt);
      break;
    case TunnelPort.Teredo:
      decodeTeredo(packet, packet.payloadAt);
      break;
    default:
      if (packet.sourcePort === TunnelPort.Teredo) decodeTeredo(packet, packet.payloadAt);
  }
}
