import { type Mac, readMac } from '../net/mac.ts';
import type { Packet } from './packet.ts';

/*
 * ARP on Ethernet for IPv4, 28 octets (RFC 826; field names from its "Packet format", numbers from IANA arp-parameters):
 *
 *   HTYPE 2 | PTYPE 2 | HLEN 1 | PLEN 1 | OPER 2 | SHA 6 | SPA 4 | THA 6 | TPA 4
 */
const HTYPE = 0;
const PTYPE = 2;
const HLEN = 4;
const PLEN = 5;
const OPER = 6;
const SHA = 8;
const SPA = 14;
const THA = 18;
const TPA = 24;
export const ARP_LENGTH = 28;
const ETHERNET = 1;
const ETHERTYPE_IPV4 = 0x0800;

export const ArpOper = { Request: 1, Reply: 2 } as const;

/**
 * A window on the ARP packet that starts at `base` of `view`. One instance serves all packets; `place` moves it. IPv4 addresses are signed 32-bit
 * integers here as in `Packet`.
 */
export class ArpView {
  private view: DataView = new DataView(new ArrayBuffer(ARP_LENGTH));
  private base = 0;

  /** The caller has made sure that ARP_LENGTH octets were captured from `base` on (`Packet.has`). */
  place(view: DataView, base: number): void {
    this.view = view;
    this.base = base;
  }

  get oper(): number {
    return this.view.getUint16(this.base + OPER);
  }
  get sha(): Mac {
    return readMac(this.view, this.base + SHA);
  }
  get spa(): number {
    return this.view.getInt32(this.base + SPA);
  }
  get tha(): Mac {
    return readMac(this.view, this.base + THA);
  }
  get tpa(): number {
    return this.view.getInt32(this.base + TPA);
  }
  /** The seven words of the packet, for telling copies of one message from different ones. */
  word(i: number): number {
    return this.view.getInt32(this.base + 4 * i);
  }
}

/** Places `packet.arp` where an ARP packet for IPv4 on Ethernet begins; other hardware or protocols leave `hasArp` false. */
export function decodeArp(packet: Packet, at: number): void {
  if (!packet.has('arp', at, 8)) return;
  const { view } = packet;
  // Some drivers write the hardware type of their own medium (6: IEEE 802) with MACs of the same form.
  const isEthernet = view.getUint8(at + HLEN) === 6 && (view.getUint16(at + HTYPE) === ETHERNET || view.getUint16(at + HTYPE) === 6);
  if (!isEthernet || view.getUint16(at + PTYPE) !== ETHERTYPE_IPV4 || view.getUint8(at + PLEN) !== 4) return;
  if (!packet.has('arp', at, ARP_LENGTH)) return;
  packet.arp.place(view, at);
  packet.hasArp = true;
}
