import { Inner, IPV6_SOURCE, IpProtocol, type Packet } from './packet.ts';
import { isGreHeader, onesSum, provenIpLength } from './proof.ts';
import { leadToUpper, leadWithId } from './tunnel.ts';

/*
 * ESP (RFC 4303 section 2):
 *
 *   SPI 4 | sequence number 4 | payload, with the cipher's IV in front | padding | pad length 1 | next header 1 | ICV
 *
 * All behind the sequence number is encrypted, unless the cipher is NULL (RFC 2410). Nothing in the packet says so.
 */
export const ESP_HEADER = 8;
const TRAILER = 2;
/**
 * Octets of the ICV: none, HMAC-MD5-96 and HMAC-SHA-1-96, then half of SHA-256, of SHA-384 and of SHA-512 (RFC 4868); 8 where AES-GCM's tag is cut
 * (RFC 4106). By how often they are met.
 */
const ICVS: readonly number[] = [16, 12, 0, 24, 32, 8];
const LONGEST_ICV = 32;
const LONGEST_PADDING = 255;
/** AES-GMAC (RFC 4543) authenticates only, and has an IV of 8 octets in front and an ICV of 16. */
const GMAC_IV = 8;
const GMAC_ICV = 16;
const IPV4_SOURCE = 12;
const TCP_HEADER = 20;
const UDP_HEADER = 8;
const ICMP_HEADER = 8;
const OSPF_HEADER = 14;
const OSPF_LAST_TYPE = 5;

/** What a packet may hold that shows itself: by next header. */
const SHOWS_ITSELF = new Uint8Array(256);
for (const protocol of [
  IpProtocol.Ipv4,
  IpProtocol.Ipv6,
  IpProtocol.Tcp,
  IpProtocol.Udp,
  IpProtocol.Icmp,
  IpProtocol.Icmpv6,
  IpProtocol.Gre,
  IpProtocol.Ospf,
])
  SHOWS_ITSELF[protocol] = 1;

/**
 * Notes where ESP is, and leads inside where encryption is NULL beyond doubt: next header, pad length and the padding 1, 2, 3 … must stand in front
 * of an ICV of a usual length, and in front of them what the next header says, complete to the last octet and with its checksum right.
 *
 * Encrypted octets pass for that about three times in 10^9: next header and pad length fit in 2^-16 of them; the checksum of TCP or ICMP in another
 * 2^-16, for two protocols (an IP or UDP header must have its length, too, and is far rarer); there are six ICVs and an IV to try: 7 · 2 · 2^-32.
 * Of a packet whose trailer the snaplen cut, an IPv4 header is asked for, with a length that leaves room for a trailer and no more: 2^-4.5 · 2^-7.8 ·
 * 2^-16, twice.
 * @param end where ESP ends, captured or not
 * @param encapsulation `Esp`, or `NatT` for ESP in UDP
 */
export function decodeEsp(packet: Packet, at: number, end: number, encapsulation: number): void {
  packet.espAt = at;
  // The rest of a fragment holds the trailer; padding makes the whole a multiple of four octets.
  if (packet.moreFragments || ((end - at) & 3) !== 0) return;
  const { view } = packet;
  const body = at + ESP_HEADER;
  if (end > packet.capturedEnd) {
    decodeCut(packet, at, end, encapsulation);
    return;
  }
  for (let i = 0; i < ICVS.length; i++) {
    const icv = ICVS[i] ?? 0;
    const trailer = end - icv - TRAILER;
    if (trailer <= body) continue;
    const next = view.getUint8(trailer + 1);
    if (SHOWS_ITSELF[next] === 0) continue;
    const padding = view.getUint8(trailer);
    const bodyEnd = trailer - padding;
    if (bodyEnd <= body || !isPadding(view, bodyEnd, padding)) continue;
    if (shows(packet, next, body, bodyEnd)) enter(packet, next, body, bodyEnd, encapsulation);
    else if (icv === GMAC_ICV && shows(packet, next, body + GMAC_IV, bodyEnd)) enter(packet, next, body + GMAC_IV, bodyEnd, encapsulation);
    else continue;
    return;
  }
}

function decodeCut(packet: Packet, at: number, end: number, encapsulation: number): void {
  for (let body = at + ESP_HEADER; body <= at + ESP_HEADER + GMAC_IV; body += GMAC_IV) {
    if (body >= packet.capturedEnd || packet.view.getUint8(body) >> 4 !== 4) continue;
    const length = provenIpLength(packet.view, body, packet.capturedEnd);
    const rest = end - body - length - TRAILER;
    if (length < 0 || rest < 0 || rest > LONGEST_PADDING + LONGEST_ICV) continue;
    enter(packet, IpProtocol.Ipv4, body, end, encapsulation);
    return;
  }
}

function enter(packet: Packet, next: number, body: number, bodyEnd: number, encapsulation: number): void {
  leadWithId(packet, Inner.Ip, body, encapsulation, packet.view.getUint32(packet.espAt));
  if (next !== IpProtocol.Ipv4 && next !== IpProtocol.Ipv6) leadToUpper(packet, next, bodyEnd);
}

/** 1, 2, 3 … (RFC 4303 section 2.4). */
function isPadding(view: DataView, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (view.getUint8(at + i) !== i + 1) return false;
  return true;
}

/** Whether from `from` to `to` there is what the next header says. */
function shows(packet: Packet, next: number, from: number, to: number): boolean {
  const { view } = packet;
  const length = to - from;
  switch (next) {
    case IpProtocol.Ipv4:
    case IpProtocol.Ipv6:
      return length > 0 && view.getUint8(from) >> 4 === (next === IpProtocol.Ipv4 ? 4 : 6) && provenIpLength(view, from, to) === length;
    case IpProtocol.Tcp: {
      if (length < TCP_HEADER) return false;
      const header = (view.getUint8(from + 12) >> 4) * 4;
      return header >= TCP_HEADER && header <= length && sumsUp(packet, next, from, to);
    }
    case IpProtocol.Udp:
      return (
        length >= UDP_HEADER &&
        view.getUint16(from + 4) === length &&
        (view.getUint16(from + 6) === 0 ? packet.version === 4 : sumsUp(packet, next, from, to))
      );
    case IpProtocol.Icmp:
      return packet.version === 4 && length >= ICMP_HEADER && onesSum(view, from, to) === 0xffff;
    case IpProtocol.Icmpv6:
      return packet.version === 6 && length >= ICMP_HEADER && sumsUp(packet, next, from, to);
    case IpProtocol.Gre:
      return isGreHeader(view, from, to);
    default:
      return (
        length >= OSPF_HEADER &&
        view.getUint8(from) === (packet.version === 4 ? 2 : 3) &&
        view.getUint8(from + 1) - 1 < OSPF_LAST_TYPE &&
        view.getUint16(from + 2) === length
      );
  }
}

/** The checksum over the pseudo-header, too (RFC 9293 section 3.1, RFC 8200 section 8.1). */
function sumsUp({ view, version, ipAt }: Packet, protocol: number, from: number, to: number): boolean {
  const addresses = ipAt + (version === 4 ? IPV4_SOURCE : IPV6_SOURCE);
  const pseudo = onesSum(view, addresses, addresses + (version === 4 ? 8 : 32), protocol + (to - from));
  return onesSum(view, from, to, pseudo) === 0xffff;
}
