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
const ARPHRD_RAWIP = 519;
const ARPHRD_TUNNEL = 768;
const ARPHRD_TUNNEL6 = 769;
const ARPHRD_SIT = 776;
const ARPHRD_IPGRE = 778;
const ARPHRD_IP6GRE = 823;

/**
 * Whether the frame was taken on an interface that carries IP packets without link-layer addresses, behind which others may be than one peer: a tun
 * device, WireGuard, GRE. There nothing in a packet says to which gateway it is to go. Does not allocate.
 */
export function isLayer3({ linktype, view, start, capturedEnd }: Packet): boolean {
  switch (linktype) {
    case Linktype.Raw:
    case Linktype.RawBsd:
    case Linktype.RawOpenBsd:
    case Linktype.Ipv4:
    case Linktype.Ipv6:
      return true;
    case Linktype.LinuxSll:
      return start + SLL_HARDWARE + 2 <= capturedEnd && isBare(view.getUint16(start + SLL_HARDWARE));
    case Linktype.LinuxSll2:
      return start + SLL2_HARDWARE + 2 <= capturedEnd && isBare(view.getUint16(start + SLL2_HARDWARE));
    default:
      return false;
  }
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
