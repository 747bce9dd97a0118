import { ICMP_BODY, IcmpType, Icmpv6Type } from './icmp.ts';
import { IpProtocol, type Packet } from './packet.ts';

/*
 * What routers put behind the packet that their error quotes (RFC 4884 section 7):
 *
 *   version 4 bits, reserved 12 bits | checksum 2 | objects: length 2 | class 1 | type 1 | contents
 *
 * The second word of the ICMP header says how long the quote is, filled up with zeros: in 32-bit words in octet 5 (ICMP), in 64-bit words in octet
 * 4 (ICMPv6). Routers from before RFC 4884 leave it 0 and fill the quote up to 128 octets (section 5.5).
 */
const LENGTH_AT = 5;
const LENGTH_AT_V6 = 4;
const LEGACY_QUOTE = 128;
const VERSION = 2;
const HEADER = 4;
const OBJECT_HEADER = 4;

/** The class and type of an MPLS label stack (RFC 4950 section 3): entries of four octets, label 20 bits, class 3, bottom 1, TTL 8. */
const MPLS_CLASS = 1;
const MPLS_INCOMING_STACK = 1;
const MPLS_ENTRY = 4;
/** Networks push three or four labels. */
const MOST_LABELS = 16;

/** A label of the stack with which the packet that an error quotes came to the router (RFC 4950). */
export interface MplsLabel {
  label: number;
  trafficClass: number;
  ttl: number;
}

const NO_LABELS: readonly MplsLabel[] = [];

/** The MPLS label stack in an ICMP error, outermost first; empty where it has none, or where it was not captured. */
export function mplsLabels(packet: Packet): readonly MplsLabel[] {
  const start = extensionsAt(packet);
  if (start < 0) return NO_LABELS;
  const { view } = packet;
  const end = Math.min(packet.end, packet.capturedEnd);
  for (let at = start + HEADER; at + OBJECT_HEADER <= end; ) {
    const length = view.getUint16(at);
    if (length < OBJECT_HEADER) break;
    if (view.getUint8(at + 2) === MPLS_CLASS && view.getUint8(at + 3) === MPLS_INCOMING_STACK) {
      return stack(view, at + OBJECT_HEADER, Math.min(at + length, end));
    }
    at += length;
  }
  return NO_LABELS;
}

/** Where the extensions of an ICMP error begin; -1 where it has none that can be trusted. */
export function extensionsAt(packet: Packet): number {
  if (!mayHaveExtensions(packet) || packet.payloadAt > packet.capturedEnd) return -1;
  const { view, transportAt, payloadAt } = packet;
  const isV6 = packet.transport === IpProtocol.Icmpv6;
  const length = isV6 ? view.getUint8(transportAt + LENGTH_AT_V6) * 8 : view.getUint8(transportAt + LENGTH_AT) * 4;
  const at = payloadAt + (length === 0 ? LEGACY_QUOTE : length);
  if (at + HEADER + OBJECT_HEADER > packet.end || at + HEADER > packet.capturedEnd) return -1;
  if (view.getUint8(at) >> 4 !== VERSION) return -1;
  const sum = view.getUint16(at + 2);
  const isWhole = packet.end <= packet.capturedEnd;
  // Zero: not computed. Without a length only the checksum tells extensions from a quote that is longer than 128 octets.
  if (length === 0 || (sum !== 0 && isWhole)) return sum !== 0 && isWhole && isSound(view, at, packet.end) ? at : -1;
  return at;
}

/** The messages that RFC 4884 extends. */
function mayHaveExtensions({ transport, icmpType, transportAt, payloadAt }: Packet): boolean {
  if (payloadAt !== transportAt + ICMP_BODY) return false;
  if (transport === IpProtocol.Icmpv6) return icmpType === Icmpv6Type.Unreachable || icmpType === Icmpv6Type.TimeExceeded;
  return (
    transport === IpProtocol.Icmp &&
    (icmpType === IcmpType.Unreachable || icmpType === IcmpType.TimeExceeded || icmpType === IcmpType.ParameterProblem)
  );
}

/** Whether the Internet checksum (RFC 1071) over these octets, itself among them, is right. */
function isSound(view: DataView, start: number, end: number): boolean {
  let sum = 0;
  for (let at = start; at < end; at += 2) sum += at + 1 < end ? view.getUint16(at) : view.getUint8(at) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}

function stack(view: DataView, start: number, end: number): readonly MplsLabel[] {
  const labels: MplsLabel[] = [];
  for (let at = start; at + MPLS_ENTRY <= end && labels.length < MOST_LABELS; at += MPLS_ENTRY) {
    const entry = view.getUint32(at);
    labels.push({ label: entry >>> 12, trafficClass: (entry >>> 9) & 7, ttl: entry & 255 });
  }
  return labels;
}
