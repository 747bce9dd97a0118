import { isIpv6Text, parseIpv4 } from '../net/ip.ts';
import { IPV6_DESTINATION, type Packet, PacketType } from '../wire/packet.ts';

/** Sent to a group or to all: by address, or as the link layer shows (a directed broadcast need not end in 255). */
export function isForAll(packet: Packet): boolean {
  const { packetType, ethernetAt, view, dst4, ipAt } = packet;
  if (packetType === PacketType.Broadcast || packetType === PacketType.Multicast) return true;
  if (ethernetAt >= 0 && view.getUint8(ethernetAt) & 1) return true;
  if (packet.version === 6) return view.getUint8(ipAt + IPV6_DESTINATION) === 0xff;
  return dst4 >>> 28 === 14 || dst4 === -1;
}

/** The link layer does not tell: cooked captures know nothing of where an outgoing packet goes, raw IP of nothing at all. */
export const isPerhapsForAll = ({ ethernetAt, packetType }: Packet): boolean =>
  ethernetAt < 0 && (packetType < 0 || packetType === PacketType.Outgoing);

/** The smallest subnet that has a broadcast address worth the name leaves three bits to its hosts. */
const FEWEST_HOST_BITS = 3;

/** Whether `asked` could be the broadcast address of a subnet that the packet's source is in: its host bits are all ones. */
export function isBroadcastOf(asked: string, packet: Packet): boolean {
  if (isIpv6Text(asked) || packet.version !== 4) return false;
  const address = (parseIpv4(asked) ?? 0) | 0;
  const lowestZero = ~address & -~address;
  const hostBits = lowestZero === 0 ? 32 : 31 - Math.clz32(lowestZero);
  return hostBits >= FEWEST_HOST_BITS && (address ^ packet.src4) >>> Math.min(hostBits, 31) === 0;
}
