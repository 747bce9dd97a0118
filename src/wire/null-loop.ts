import { EtherType } from './ethernet.ts';
import type { Packet } from './packet.ts';

/** BSD loopback: the address family in four octets, in the byte order of the capturing host (NULL) or of the network (LOOP). */
const LENGTH = 4;
const AF_INET = 2;
/** Linux 10; NetBSD, OpenBSD 24; FreeBSD 28; Darwin 30. */
const AF_INET6 = new Set([10, 24, 28, 30]);

/** @returns where the payload begins, with `packet.etherType` set; -1 where nothing follows that decoding knows */
export function decodeNullLoop(packet: Packet, at: number): number {
  if (!packet.has('null', at, LENGTH)) return -1;
  // A family is a small number: only one of the two byte orders makes it one.
  const big = packet.view.getUint32(at);
  const family = big <= 0xffff ? big : packet.view.getUint32(at, true);
  packet.etherType = family === AF_INET ? EtherType.Ipv4 : AF_INET6.has(family) ? EtherType.Ipv6 : 0;
  // Some write an EtherType instead.
  if (packet.etherType === 0 && (family === EtherType.Ipv4 || family === EtherType.Ipv6 || family === EtherType.Arp))
    packet.etherType = family;
  return packet.etherType === 0 ? -1 : at + LENGTH;
}
