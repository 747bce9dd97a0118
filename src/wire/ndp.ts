import { ipv6Text } from '../net/ip.ts';
import { type Mac, readMac } from '../net/mac.ts';
import { Icmpv6Type } from './icmp.ts';
import type { Packet } from './packet.ts';

/*
 * Neighbour solicitation and advertisement (RFC 4861 sections 4.3, 4.4):
 *
 *   type 1 | code 1 | checksum 2 | flags and reserved 4 | target 16 | options: type 1, length in units of eight octets 1, value
 */
const FLAGS = 4;
const TARGET = 8;
const OPTIONS = 24;
export const NDP_LENGTH = 24;
const HOP_LIMIT = 255;
const Flag = { Router: 0x80, Solicited: 0x40, Override: 0x20 } as const;
const NdpOption = { SourceLinkLayer: 1, TargetLinkLayer: 2, Nonce: 14 } as const;
const MAC_OPTION = 8;

/** A window on a neighbour solicitation or advertisement. One instance serves all packets. */
export class NdpView {
  view: DataView = new DataView(new ArrayBuffer(NDP_LENGTH));
  private at = 0;
  private end = 0;
  isSolicitation = false;

  /** Places the window; false where the packet is neither, or not all there. */
  place(packet: Packet): boolean {
    const { icmpType, transportAt } = packet;
    this.isSolicitation = icmpType === Icmpv6Type.NeighbourSolicitation;
    if (!this.isSolicitation && icmpType !== Icmpv6Type.NeighbourAdvertisement) return false;
    // What was forwarded is none: everybody discards it (RFC 4861 section 7.1).
    if (packet.ttl !== HOP_LIMIT) return false;
    if (!packet.has('ndp', transportAt, NDP_LENGTH)) return false;
    this.view = packet.view;
    this.at = transportAt;
    this.end = Math.min(packet.end, packet.capturedEnd);
    return true;
  }

  get targetAt(): number {
    return this.at + TARGET;
  }

  get target(): string {
    return ipv6Text(this.view, this.targetAt);
  }

  get isSolicited(): boolean {
    return (this.view.getUint8(this.at + FLAGS) & Flag.Solicited) !== 0;
  }

  get isOverride(): boolean {
    return (this.view.getUint8(this.at + FLAGS) & Flag.Override) !== 0;
  }

  /** The link-layer address that the message gives for its source (solicitation) or its target (advertisement); -1 where it gives none. */
  get linkAddress(): Mac {
    const at = this.option(this.isSolicitation ? NdpOption.SourceLinkLayer : NdpOption.TargetLinkLayer);
    return at < 0 || this.view.getUint8(at + 1) * 8 !== MAC_OPTION ? -1 : readMac(this.view, at + 2);
  }

  /** The six octets of the nonce that tells a host's own looped-back solicitation from another host's (RFC 7527), as text; null where there is none. */
  get nonce(): string | null {
    const at = this.option(NdpOption.Nonce);
    if (at < 0) return null;
    let text = '';
    for (let i = at + 2; i < at + this.view.getUint8(at + 1) * 8; i++) text += this.view.getUint8(i).toString(16).padStart(2, '0');
    return text;
  }

  /** Where the option begins; -1 where there is none, or it is not all there. */
  private option(type: number): number {
    let at = this.at + OPTIONS;
    while (at + 2 <= this.end) {
      const length = this.view.getUint8(at + 1) * 8;
      if (length === 0 || at + length > this.end) return -1;
      if (this.view.getUint8(at) === type) return at;
      at += length;
    }
    return -1;
  }
}
