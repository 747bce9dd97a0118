import { Linktype } from '../../wire/linktype.ts';
import type { Packet } from '../../wire/packet.ts';

const IPV6_HEADER = 40;
const FRAGMENT_HEADER = 8;
const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const SLL_HEADER = 16;
const SLL2_HEADER = 20;

/** Octets of the IP packet as its header says it, a fragment's alone; what was left to the card by segmentation offload as far as it is known. */
export function wireLength(packet: Packet): number {
  const { view, ipAt, version, end } = packet;
  const said = version === 4 ? view.getUint16(ipAt + 2) : view.getUint16(ipAt + 4);
  if (said === 0) return end - ipAt;
  return version === 4 ? said : said + IPV6_HEADER;
}

/** Octets of the IP packet of which this is the last fragment, as it was before it was cut. */
export function datagramLength(packet: Packet): number {
  return packet.fragmentOffset + wireLength(packet) - (packet.version === 6 ? FRAGMENT_HEADER : 0);
}

/** Where what the link layer carries begins: behind Ethernet and its tags, or the cooked header; -1 where the frame does not show it. */
export function linkEnd({ ethernetAt, vlanCount, linktype, start }: Packet): number {
  if (ethernetAt >= 0) return ethernetAt + ETHERNET_HEADER + vlanCount * VLAN_TAG;
  if (linktype === Linktype.LinuxSll2) return start + SLL2_HEADER;
  return linktype === Linktype.LinuxSll ? start + SLL_HEADER : -1;
}
