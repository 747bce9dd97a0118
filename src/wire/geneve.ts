import { Encapsulation } from './encapsulation.ts';
import { Inner, type Packet } from './packet.ts';
import { innerOfEtherType, leadWithId } from './tunnel.ts';

const HEADER = 8;
const OPTIONS_LENGTH = 0x3f;

/** GENEVE (RFC 8926): version and option length 1, flags 1, protocol type 2, VNI 3, reserved 1, options. */
export function decodeGeneve(packet: Packet, at: number): void {
  if (packet.payloadLength < HEADER || !packet.has('geneve', at, HEADER)) return;
  const { view } = packet;
  const first = view.getUint8(at);
  const inner = innerOfEtherType(view.getUint16(at + 2));
  if (first >> 6 !== 0 || inner === Inner.None) return;
  leadWithId(packet, inner, at + HEADER + (first & OPTIONS_LENGTH) * 4, Encapsulation.Geneve, view.getUint32(at + 4) >>> 8);
}
