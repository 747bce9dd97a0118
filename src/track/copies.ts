import { IPV6_DESTINATION, IpProtocol, type Packet } from '../wire/packet.ts';

/** Two sightings of one packet are closer than this: on a bridge and its port, before and after routing or NAT, on a mirror. */
export const COPY_SEC = 0.005;
const SLOTS = 4096;
const MASK = SLOTS - 1;
/** Octets of the payload that are compared: counters and identifiers of all protocols that matter stand in them. */
const SAMPLE = 16;
/** Of ICMP: errors differ in what they quote behind the IP header, which takes up to 40 octets; nothing else may tell them apart, not even their checksums. */
const ICMP_SAMPLE = 56;

/**
 * Tells packets that were sighted before: the same IP packet but for what a hop changes (TTL, checksums, MACs, tags). A small table in which
 * newer packets overwrite older ones: exact as long as a few thousand packets lie between the sightings.
 */
export class CopyDetector {
  private readonly prints = new Int32Array(SLOTS);
  private readonly seen = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);

  /** Whether the packet, of UDP or ICMP with its first eight octets, was sighted just now. The first sighting is remembered. */
  isCopy(packet: Packet): boolean {
    const print = fingerprint(packet);
    const slot = (print ^ (print >>> 16)) & MASK;
    const age = packet.at - (this.seen[slot] ?? 0);
    if (this.prints[slot] === print && age >= 0 && age < COPY_SEC) return true;
    this.prints[slot] = print;
    this.seen[slot] = packet.at;
    return false;
  }

  /** The capture's time starts anew. */
  reset(): void {
    this.seen.fill(Number.NEGATIVE_INFINITY);
  }
}

/** A number that copies of one packet share, whatever a hop changes of it. */
export function fingerprint(packet: Packet): number {
  const { view, payloadAt, version, ipAt } = packet;
  let print = mix(packet.ident, packet.payloadLength);
  // The ports; of ICMP type, code and checksum, and what tells echoes apart.
  print = mix(print, view.getInt32(packet.transportAt));
  if (packet.transport !== IpProtocol.Udp) print = mix(print, view.getInt32(packet.transportAt + 4));
  if (version === 4) {
    print = mix(mix(print, packet.src4), packet.dst4);
  } else {
    for (let i = 8; i < IPV6_DESTINATION + 16; i += 4) print = mix(print, view.getInt32(ipAt + i));
  }
  const isIcmp = packet.transport === IpProtocol.Icmp || packet.transport === IpProtocol.Icmpv6;
  const end = payloadAt + Math.min(packet.payloadCaptured, isIcmp ? ICMP_SAMPLE : SAMPLE);
  for (let at = payloadAt; at + 4 <= end; at += 4) print = mix(print, view.getInt32(at));
  return print;
}

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
