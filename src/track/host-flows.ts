import { ICMP_BODY, IcmpType, Icmpv6Type } from '../wire/icmp.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, IpProtocol, type Packet, PacketType } from '../wire/packet.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { isForAll } from './casting.ts';

/** Whether the packet is one of a flow between two hosts: no broadcast, no message about another flow, nothing that stays on the link. */
export function isHostFlow(packet: Packet): boolean {
  const { protocol, transport, packetType } = packet;
  if (packetType === PacketType.OtherHost || !isRouted(packet) || isForAll(packet)) return false;
  switch (protocol) {
    case IpProtocol.Tcp:
      // A reset may be a firewall's, in the name of somebody else.
      return transport === IpProtocol.Tcp && (packet.tcpFlags & TcpFlag.Rst) === 0;
    case IpProtocol.Udp:
      return transport === IpProtocol.Udp;
    case IpProtocol.Icmp:
      return isEcho(packet, IcmpType.Echo, IcmpType.EchoReply);
    case IpProtocol.Icmpv6:
      return isEcho(packet, Icmpv6Type.Echo, Icmpv6Type.EchoReply);
    default:
      return protocol > 0;
  }
}

const isEcho = (packet: Packet, echo: number, reply: number): boolean =>
  hasEchoHeader(packet) && (packet.icmpType === echo || packet.icmpType === reply);

const hasEchoHeader = ({ transport, transportAt, capturedEnd }: Packet): boolean =>
  transport !== 0 && transportAt + ICMP_BODY <= capturedEnd;

/** Both addresses are those of hosts, different ones, and mean the same on every link. */
function isRouted({ version, src4, dst4, view, ipAt }: Packet): boolean {
  if (version === 4) return src4 !== dst4 && isRoutedV4(src4) && isRoutedV4(dst4);
  return isRoutedV6(view.getInt32(ipAt + IPV6_SOURCE)) && isRoutedV6(view.getInt32(ipAt + IPV6_DESTINATION));
}

/** Neither 0.0.0.0/8, nor 127.0.0.0/8, nor 169.254.0.0/16. */
const isRoutedV4 = (address: number): boolean => address >>> 24 !== 0 && address >>> 24 !== 127 && address >>> 16 !== 0xa9fe;

/** Neither link-local nor unspecified nor ::1: by the first word. */
const isRoutedV6 = (first: number): boolean => first !== 0 && first >>> 22 !== 0x3fa;

/** The ports; of an echo its identifier for both; 0 where there are none. */
export const sourcePortOf = (packet: Packet): number => (hasPorts(packet) ? packet.sourcePort : identifierOf(packet));
export const destinationPortOf = (packet: Packet): number => (hasPorts(packet) ? packet.destinationPort : identifierOf(packet));

const hasPorts = ({ transport }: Packet): boolean => transport === IpProtocol.Tcp || transport === IpProtocol.Udp;
const identifierOf = (packet: Packet): number => (hasEchoHeader(packet) ? packet.view.getUint16(packet.transportAt + 4) : 0);

/** A number for the flow of any packet, the same for both directions; never 0. Two flows have the same one in one of billions of cases. */
export function flowNumber(packet: Packet): number {
  const { version, view } = packet;
  let source = sourcePortOf(packet);
  let destination = destinationPortOf(packet);
  if (version === 4) {
    source = mix(source, packet.src4);
    destination = mix(destination, packet.dst4);
  } else {
    const at = packet.ipAt + IPV6_SOURCE;
    for (let i = at; i < at + 16; i += 4) {
      source = mix(source, view.getInt32(i));
      destination = mix(destination, view.getInt32(i + 16));
    }
  }
  return mix((source + destination) | 0, packet.protocol) || 1;
}

/** Twice: after one multiplication ports that are changed over between near addresses give the same sum more often than chance does. */
const mix = (hash: number, word: number): number => {
  const once = Math.imul(Math.imul(hash, 0x85ebca6b) ^ word, 0x9e3779b1);
  const twice = Math.imul(once ^ (once >>> 15), 0xc2b2ae35);
  return twice ^ (twice >>> 13);
};

/** Whether the source's address is the lower one of the two: the same end of a flow in both directions. */
export function comesFromLower({ version, src4, dst4, view, ipAt }: Packet): boolean {
  if (version === 4) return src4 < dst4;
  for (let i = ipAt; i < ipAt + 16; i += 4) {
    const source = view.getInt32(i + IPV6_SOURCE);
    const destination = view.getInt32(i + IPV6_DESTINATION);
    if (source !== destination) return source < destination;
  }
  return true;
}
