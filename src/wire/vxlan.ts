import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { leadWithId } from './tunnel.ts';

const HEADER = 8;
const VNI_FLAG = 0x08;
const PROTOCOL_FLAG = 0x04;
/** `Inner` by the next protocol of VXLAN-GPE: none, IPv4, IPv6, Ethernet, NSH (not decoded), MPLS. */
const GPE: readonly number[] = [Inner.None, Inner.Ip, Inner.Ip, Inner.Ethernet, Inner.None, Inner.Mpls];

/** VXLAN (RFC 7348): flags 1, reserved 3, VNI 3, reserved 1, Ethernet. */
export function decodeVxlan(packet: Packet, at: number): void {
  if (packet.payloadLength < HEADER || !packet.has('vxlan', at, HEADER)) return;
  if (packet.view.getUint8(at) & VNI_FLAG)
    leadWithId(packet, Inner.Ethernet, at + HEADER, Encapsulation.Vxlan, packet.view.getUint32(at + 4) >>> 8);
}

/** VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe section 3): as VXLAN, with a next protocol before the VNI where its flag is set. */
export function decodeVxlanGpe(packet: Packet, at: number): void {
  if (packet.payloadLength < HEADER || !packet.has('vxlan', at, HEADER)) return;
  const { view } = packet;
  const flags = view.getUint8(at);
  const inner = flags & PROTOCOL_FLAG ? (GPE[view.getUint8(at + 3)] ?? Inner.None) : Inner.Ethernet;
  if (flags & VNI_FLAG && inner !== Inner.None) leadWithId(packet, inner, at + HEADER, Encapsulation.Vxlan, view.getUint32(at + 4) >>> 8);
}
