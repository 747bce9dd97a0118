import { Direction } from '../frame.ts';
import { decodeEtherType } from './ethernet.ts';
import { type Packet, PacketType } from './packet.ts';

/*
 * Linux "cooked" captures (LINKTYPE_LINUX_SLL and LINUX_SLL2, tcpdump.org):
 *
 *   SLL    packet type 2 | ARPHRD 2 | address length 2 | address 8 | protocol 2
 *   SLL2   protocol 2 | reserved 2 | ifindex 4 | ARPHRD 2 | packet type 1 | address length 1 | address 8
 *
 * The address is the sender's; the destination's is nowhere.
 */
const SLL_LENGTH = 16;
const SLL2_LENGTH = 20;
/** ARPHRD_ types (Linux include/uapi/linux/if_arp.h) where the protocol field is no EtherType. */
const ARPHRD_NETLINK = 824;
const ARPHRD_RADIOTAP = 803;
const ARPHRD_FRAD = 770;
const ETH_P_802_2 = 4;
const { In, Out } = Direction;
const { Outgoing } = PacketType;

/** @returns where the payload begins, with `packet.etherType` set; -1 where nothing follows that decoding knows */
export function decodeSll(packet: Packet, at: number): number {
  if (!packet.has('sll', at, SLL_LENGTH)) return -1;
  const { view } = packet;
  return decodeCooked(
    packet,
    at + SLL_LENGTH,
    view.getUint16(at),
    view.getUint16(at + 2),
    view.getUint16(at + 4),
    at + 6,
    view.getUint16(at + 14),
  );
}

/** As `decodeSll`; notes the interface's index too. */
export function decodeSll2(packet: Packet, at: number): number {
  if (!packet.has('sll2', at, SLL2_LENGTH)) return -1;
  const { view } = packet;
  packet.ifindex = view.getInt32(at + 4);
  return decodeCooked(
    packet,
    at + SLL2_LENGTH,
    view.getUint8(at + 10),
    view.getUint16(at + 8),
    view.getUint8(at + 11),
    at + 12,
    view.getUint16(at),
  );
}

function decodeCooked(
  packet: Packet,
  payload: number,
  packetType: number,
  hardware: number,
  addressLength: number,
  addressAt: number,
  protocol: number,
): number {
  packet.packetType = packetType;
  packet.direction = packetType === Outgoing ? Out : In;
  if (addressLength === 6) packet.senderMacAt = addressAt;
  packet.etherType = protocol;
  if (hardware === ARPHRD_NETLINK || hardware === ARPHRD_RADIOTAP || hardware === ARPHRD_FRAD) return -1;
  // Below 0x0600 stand Linux's own numbers: ETH_P_802_2 says that LLC follows, the others lead nowhere.
  if (protocol === ETH_P_802_2) return decodeEtherType(packet, 0, payload);
  return protocol < 0x0600 ? -1 : decodeEtherType(packet, protocol, payload);
}
