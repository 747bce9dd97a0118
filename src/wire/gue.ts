import { Encapsulation } from './encapsulation.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';
import { isGreHeader, isWholeIp } from './proof.ts';
import { lead, leadToUpper } from './tunnel.ts';

const HEADER = 4;
const CONTROL = 0x20;
const HEADER_WORDS = 0x1f;

/**
 * Generic UDP Encapsulation (draft-ietf-intarea-gue section 3): version 2 bits, control 1 bit, length of the options in words 5 bits, protocol 1,
 * flags 2, options. Version 1 has no header: the first bits are those of IP. What is inside must show itself.
 */
export function decodeGue(packet: Packet, at: number): void {
  const { view, capturedEnd } = packet;
  const end = at + packet.payloadLength;
  if (packet.payloadLength < HEADER || !packet.has('gue', at, HEADER)) return;
  const first = view.getUint8(at);
  if (first >> 6 === 1) {
    if (isWholeIp(view, at, end, capturedEnd)) lead(packet, Inner.Ip, at, Encapsulation.Gue);
    return;
  }
  if (first >> 6 !== 0 || first & CONTROL) return;
  const next = at + HEADER + (first & HEADER_WORDS) * 4;
  const protocol = view.getUint8(at + 1);
  if (protocol === IpProtocol.Ipv4 || protocol === IpProtocol.Ipv6) {
    if (isWholeIp(view, next, end, capturedEnd)) lead(packet, Inner.Ip, next, Encapsulation.Gue);
  } else if (protocol === IpProtocol.Gre && isGreHeader(view, next, capturedEnd)) {
    lead(packet, Inner.Upper, next, Encapsulation.Gue);
    leadToUpper(packet, protocol, end);
  }
}
