import { Encapsulation } from './encapsulation.ts';
import { Inner, IpProtocol, type Packet } from './packet.ts';
import { isWholeGre, isWholeIp } from './proof.ts';
import { lead, leadToUpper } from './tunnel.ts';

/**
 * Foo over UDP (Linux net/ipv4/fou_core.c): UDP, and at once the header of the protocol that the receiver was told, IP or GRE. The port is anyone's,
 * so what is there must fill the datagram, and a checksum be right. (GRE on port 4754, RFC 8086, is called `gre`.)
 */
export function decodeFou(packet: Packet, at: number): void {
  const { view, capturedEnd } = packet;
  const end = at + packet.payloadLength;
  if (isWholeIp(view, at, end, capturedEnd)) lead(packet, Inner.Ip, at, Encapsulation.Fou);
  else if (isWholeGre(view, at, end, capturedEnd)) {
    lead(packet, Inner.Upper, at, Encapsulation.Fou);
    leadToUpper(packet, IpProtocol.Gre, end);
  }
}
