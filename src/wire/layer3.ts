import { Linktype } from './linktype.ts';
import type { Packet } from './packet.ts';

/** Where SLL and SLL2 have the ARPHRD_ number of the interface (`linux-sll.ts`). */
const SLL_HARDWARE = 2;
const SLL2_HARDWARE = 8;

/**
 * ARPHRD_ numbers of interfaces whose packets bear no link-layer addresses (Linux include/uapi/linux/if_arp.h): tun and WireGuard (NONE), IPIP,
 * 6-in-6, SIT, GRE.
 */
const ARPHRD_NONE = 0xfffe;
const ARPHRD_VOID = 0xffff;
export const ARPHRD_RAWIP = 519;
export const ARPHRD_TUNNEL = 768;
export const ARPHRD_TUNNEL6 = 769;
export const ARPHRD_SIT = 776;
export const ARPHRD_IPGRE = 778;
export const ARPHRD_IP6GRE = 823;

/**
 * Whether the frame was taken on an interface that carries IP packets without link-layer addresses, behind which others may be than one peer: a tun
 * device, WireGuard, GRE. There nothing in a packet says to which gateway it is to go. Does not allocate.
 */
export function isLayer3(packet: Packet): boolean {
  switch (packet.linktype) {
    case Linktype.Raw:
    case Linktype.RawBsd:
    case Linktype.RawOpenBsd:
    case Linktype.Ipv4:
    case Linktype.Ipv6:
      return true;
    case Linktype.LinuxSll:
    case Linktype.LinuxSll2:
      return isBare(hardwareOf(packet));
    default:
      return false;
  }
}

/** The ARPHRD_ number of the interface, where the frame says it (SLL, SLL2); -1 elsewhere. */
export function hardwareOf({ linktype, view, start, capturedEnd }: Packet): number {
  const offset = linktype === Linktype.LinuxSll2 ? SLL2_HARDWARE : linktype === Linktype.LinuxSll ? SLL_HARDWARE : -1;
  return offset >= 0 && start + offset + 2 <= capturedEnd ? view.getUint16(start + offset) : -1;
}

function isBare(hardware: number): boolean {
  switch (hardware) {
    case ARPHRD_NONE:
    case ARPHRD_VOID:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
      return true;
    default:
      return false;
  }
}
