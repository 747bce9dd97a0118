import { MOST_VLANS, type Packet } from './packet.ts';

/** EtherTypes (IEEE registration authority) that decoding knows. */
export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  TransparentBridging: 0x6558,
  Vlan: 0x8100,
  Ipv6: 0x86dd,
  Ppp: 0x880b,
  MplsUnicast: 0x8847,
  MplsMulticast: 0x8848,
  PppoeDiscovery: 0x8863,
  PppoeSession: 0x8864,
  ProviderVlan: 0x88a8,
  ErspanII: 0x88be,
  Lldp: 0x88cc,
  BackboneBridging: 0x88e7,
  OldProviderVlan: 0x9100,
  ErspanIII: 0x22eb,
  VnTag: 0x8926,
} as const;

// Constants of this module's own, as in `decode.ts`.
const { BackboneBridging, Ipv4, Ipv6, OldProviderVlan, ProviderVlan, Vlan, VnTag } = EtherType;

const HEADER = 14;
const TAG = 4;
/** IEEE 802.1BR as Cisco's VN-Tag: four octets of tag before the next EtherType. */
const VN_TAG = 6;
/** Values up to here are the length of an IEEE 802.3 frame, and LLC follows. */
const LONGEST_8023 = 1500;
const SNAP = 0xaa;
/** IEEE 802.1ah: backbone tag (I-TAG) of four octets, then the customer's whole Ethernet frame. */
const I_TAG = 4;
/** Far more than any network puts on a frame; a crafted stack ends here. */
const MOST_TAGS = 32;
const MOST_BACKBONES = 4;

/**
 * Reads an Ethernet header and whatever tags follow.
 * @returns where the payload begins, with `packet.etherType` set; -1 where nothing follows that decoding knows
 */
export function decodeEthernet(packet: Packet, at: number): number {
  if (!packet.has('ethernet', at, HEADER)) return -1;
  packet.ethernetAt = at;
  const type = packet.view.getUint16(at + 12);
  if (type !== Ipv4 && type !== Ipv6) return decodeTagged(packet, type, at + HEADER);
  packet.etherType = type;
  return at + HEADER;
}

/** Behind an Ethernet header with anything else than IP, and behind the backbone's header the customer's. */
function decodeTagged(packet: Packet, type: number, at: number): number {
  let next = decodeEtherType(packet, type, at);
  for (let i = 1; next >= 0 && packet.etherType === BackboneBridging; i++) {
    // The innermost header counts: the outer MACs are the backbone's.
    const header = next + I_TAG;
    if (i === MOST_BACKBONES) {
      packet.halt('malformed', 'ethernet', header);
      return -1;
    }
    if (!packet.has('ethernet', header, HEADER)) return -1;
    packet.ethernetAt = header;
    next = decodeEtherType(packet, packet.view.getUint16(header + 12), header + HEADER);
  }
  return next;
}

/**
 * Goes through any stack of VLAN tags, or LLC with SNAP, to what they carry.
 * @param type the EtherType, or the length of an IEEE 802.3 frame
 * @param at what follows it
 * @returns as `decodeEthernet`
 */
export function decodeEtherType(packet: Packet, type: number, at: number): number {
  let inner = type;
  let payload = at;
  for (let i = 0; ; i++) {
    if (i === MOST_TAGS) {
      packet.halt('malformed', 'vlan', payload);
      return -1;
    }
    if (inner === VnTag) {
      if (!packet.has('vn-tag', payload, VN_TAG)) return -1;
      inner = packet.view.getUint16(payload + 4);
      payload += VN_TAG;
      continue;
    }
    if (inner !== Vlan && inner !== ProviderVlan && inner !== OldProviderVlan) break;
    if (!packet.has('vlan', payload, TAG)) return -1;
    // Deeper stacks than any standard has are read on, their ids not kept.
    if (packet.vlanCount < MOST_VLANS) packet.vlans[packet.vlanCount++] = packet.view.getUint16(payload) & 0x0fff;
    inner = packet.view.getUint16(payload + 2);
    payload += TAG;
  }
  packet.etherType = inner;
  return inner > LONGEST_8023 ? payload : decodeLlc(packet, payload, inner);
}

/** IEEE 802.2 LLC: only SNAP leads to a protocol that decoding knows (RFC 1042). */
function decodeLlc(packet: Packet, at: number, length: number): number {
  packet.etherType = 0;
  if (length > 0) packet.end = Math.min(packet.end, at + length);
  if (!packet.has('llc', at, 3)) return -1;
  const { view } = packet;
  const isSnap = view.getUint8(at) === SNAP && view.getUint8(at + 1) === SNAP && view.getUint8(at + 2) === 3;
  if (!isSnap || !packet.has('snap', at, 8)) return -1;
  const type = view.getUint16(at + 6);
  packet.etherType = type;
  return type > LONGEST_8023 ? at + 8 : -1;
}
