import { isIpv6Text } from '../../src/net/ip.ts';
import { EtherTypes, ip, ipHeaderLength, type NetworkPacket, Protocols } from './ip.ts';
import { be16, be24, be32, internetChecksum, noise, octets, type Part, replaced, zeros } from './octets.ts';
import { udp } from './udp.ts';

/*
 * Tunnels around IP packets (`NetworkPacket`) and Ethernet frames (octets), between `from` and `to`, whose family is that of the outer IP header.
 */

const TunnelProtocols = { Ipv4: 4, Ipv6: 41, Esp: 50, Ah: 51, L2tpv3: 115, MplsInIp: 137 } as const;
const TEB = 0x6558;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const PPP_MPLS = 0x0281;
const MPLS = 0x8847;
const PPPOE = 0x8864;

/** What a tunnel carries: an IP (or MPLS) packet, or a frame. */
export type Carried = NetworkPacket | Uint8Array;

const isFrame = (carried: Carried): carried is Uint8Array => carried instanceof Uint8Array;
const contentOf = (carried: Carried): Uint8Array => (isFrame(carried) ? carried : carried.octets);
/** As GRE and GENEVE name it. */
const typeOf = (carried: Carried): number => (isFrame(carried) ? TEB : carried.etherType);
const ipProtocolOf = ({ etherType }: NetworkPacket): number =>
  etherType === EtherTypes.Ipv6 ? TunnelProtocols.Ipv6 : TunnelProtocols.Ipv4;

export interface GreFields {
  key?: number;
  sequence?: number;
  /** With a checksum field (0 in it) and the offset beside it. */
  checksum?: boolean;
  /** Octets of one source route entry (RFC 1701) and the one that ends the list. */
  routing?: number;
}

/** A GRE header (RFC 2784, RFC 2890) with these fields. */
export function greHeader(type: number, { key, sequence, checksum = false, routing }: GreFields = {}): Uint8Array {
  const hasRouting = routing !== undefined;
  const flags =
    (checksum ? 0x8000 : 0) | (hasRouting ? 0x4000 : 0) | (key === undefined ? 0 : 0x2000) | (sequence === undefined ? 0 : 0x1000);
  return octets(
    be16(flags),
    be16(type),
    checksum || hasRouting ? be32(0) : [],
    key === undefined ? [] : be32(key),
    sequence === undefined ? [] : be32(sequence),
    hasRouting ? [...be16(0x0800), 0, routing, ...zeros(routing), ...be32(0)] : [],
  );
}

/** GRE; without fields it has a header of four octets. */
export const gre = (from: string, to: string, inner: Carried, fields: GreFields = {}): NetworkPacket =>
  ip({ from, to, protocol: Protocols.Gre, payload: octets(greHeader(typeOf(inner), fields), contentOf(inner)) });

/** What Cisco's routers send through a tunnel to see whether it works: an empty GRE packet back to themselves. */
export const greKeepalive = (from: string, to: string): NetworkPacket => gre(from, to, greKeepaliveAnswer(to, from));

/** What comes back of it. */
export const greKeepaliveAnswer = (from: string, to: string): NetworkPacket =>
  ip({ from, to, protocol: Protocols.Gre, payload: greHeader(0) });

/** PPTP's data (RFC 2637 section 4): GRE version 1 with call id, sequence and acknowledgment, and PPP. */
export function pptp(from: string, to: string, call: number, inner: NetworkPacket): NetworkPacket {
  const content = ppp(inner);
  const header = [be16(0x3081), be16(0x880b), be16(content.length), be16(call), be32(1), be32(1)];
  return ip({ from, to, protocol: Protocols.Gre, payload: octets(...header, content) });
}

/** ERSPAN type I (no header), II or III (with its subheader where said). */
export function erspan(from: string, to: string, type: 1 | 2 | 3, session: number, frame: Uint8Array, subheader = false): NetworkPacket {
  const version3 = octets(be16(0x2000), be16(session), be32(7), be16(0), be16(subheader ? 1 : 0), subheader ? zeros(8) : []);
  const header = type === 1 ? [] : type === 2 ? octets(be16(0x1000), be16(session), be32(0)) : version3;
  const flags = type === 1 ? [0, 0] : [0x10, 0];
  const sequence = type === 1 ? [] : be32(1);
  return ip({ from, to, protocol: Protocols.Gre, payload: octets(flags, be16(type === 3 ? 0x22eb : 0x88be), sequence, header, frame) });
}

/** IP in IP, whichever of both families (RFC 2003, RFC 2473, RFC 4213). */
export const ipInIp = (from: string, to: string, inner: NetworkPacket): NetworkPacket =>
  ip({ from, to, protocol: ipProtocolOf(inner), payload: inner.octets });

/** From a port that is chosen by flow to that of the tunnel. */
const overUdp = (from: string, to: string, port: number, payload: Uint8Array, fromPort = 54321): NetworkPacket =>
  udp({ from: endpointText(from, fromPort), to: endpointText(to, port), payload });

const endpointText = (address: string, port: number): string => (isIpv6Text(address) ? `[${address}]:${port}` : `${address}:${port}`);

/** VXLAN (RFC 7348) around an Ethernet frame. */
export const vxlan = (from: string, to: string, vni: number, frame: Uint8Array, port = 4789): NetworkPacket =>
  overUdp(from, to, port, octets(8, 0, 0, 0, be24(vni), 0, frame));

/** VXLAN-GPE around a frame or an IP packet. */
export function vxlanGpe(from: string, to: string, vni: number, inner: Carried): NetworkPacket {
  const type = typeOf(inner);
  const next = type === EtherTypes.Ipv4 ? 1 : type === EtherTypes.Ipv6 ? 2 : type === MPLS ? 5 : 3;
  return overUdp(from, to, 4790, octets(0x0c, 0, 0, next, be24(vni), 0, contentOf(inner)));
}

/** GENEVE (RFC 8926) with this many words of options. */
export const geneve = (from: string, to: string, vni: number, inner: Carried, optionWords = 0): NetworkPacket =>
  overUdp(from, to, 6081, octets(optionWords, 0, be16(typeOf(inner)), be24(vni), 0, zeros(optionWords * 4), contentOf(inner)));

/** GTP-U (3GPP TS 29.281): a G-PDU, with this many extension headers of four octets. */
export function gtpU(from: string, to: string, teid: number, inner: NetworkPacket, extensions = 0): NetworkPacket {
  const chain = Array.from({ length: extensions }, (_, i) => [1, 0, 0, i < extensions - 1 ? 0x85 : 0]).flat();
  const optional = extensions > 0 ? [0, 0, 0, 0x85, ...chain] : [];
  const header: Part[] = [extensions > 0 ? 0x34 : 0x30, 0xff, be16(optional.length + inner.octets.length), be32(teid), optional];
  return overUdp(from, to, 2152, octets(...header, inner.octets), 2152);
}

/** Teredo (RFC 4380), behind an origin indication where said. */
export const teredo = (from: string, to: string, inner: NetworkPacket, origin = false): NetworkPacket =>
  overUdp(from, to, 3544, octets(origin ? zeros(8) : [], inner.octets));

/** PPP (RFC 1661) with framing. */
export function ppp({ etherType, octets: content }: NetworkPacket): Uint8Array {
  const protocol = etherType === MPLS ? PPP_MPLS : etherType === EtherTypes.Ipv6 ? PPP_IPV6 : PPP_IPV4;
  return octets(0xff, 0x03, be16(protocol), content);
}

/** A PPPoE session's packet (RFC 2516), for an Ethernet frame. */
export function pppoe(session: number, inner: NetworkPacket): NetworkPacket {
  const content = ppp(inner).subarray(2);
  return { etherType: PPPOE, octets: octets(0x11, 0, be16(session), be16(content.length), content) };
}

/** MPLS labels, outermost first (RFC 3032), around IP; or around a frame, behind a control word. */
export function mpls(labels: readonly number[], inner: Carried): NetworkPacket {
  const stack = labels.flatMap((label, i) => be32(label * 4096 + (i === labels.length - 1 ? 0x100 : 0) + 64));
  return { etherType: MPLS, octets: octets(stack, isFrame(inner) ? be32(0) : [], contentOf(inner)) };
}

/** MPLS directly in IP (RFC 4023). */
export const mplsInIp = (from: string, to: string, packet: NetworkPacket): NetworkPacket =>
  ip({ from, to, protocol: TunnelProtocols.MplsInIp, payload: packet.octets });

/** MPLS in UDP (RFC 7510). */
export const mplsInUdp = (from: string, to: string, packet: NetworkPacket): NetworkPacket => overUdp(from, to, 6635, packet.octets);

/** GRE in UDP (RFC 8086). */
export const greInUdp = (from: string, to: string, inner: Carried, fields: GreFields = {}): NetworkPacket =>
  overUdp(from, to, 4754, octets(greHeader(typeOf(inner), fields), contentOf(inner)));

/** FOU (`ip fou`) around IP; `fouGre` around GRE. */
export const fou = (from: string, to: string, inner: NetworkPacket): NetworkPacket => overUdp(from, to, 5555, inner.octets);

export const fouGre = (from: string, to: string, inner: Carried, fields: GreFields = {}): NetworkPacket =>
  overUdp(from, to, 5555, octets(greHeader(typeOf(inner), fields), contentOf(inner)));

/** GUE version 0 around IP, with this many words of options. */
export const gue = (from: string, to: string, inner: NetworkPacket, optionWords = 0): NetworkPacket =>
  overUdp(from, to, 6080, octets(optionWords, ipProtocolOf(inner), 0, 0, zeros(optionWords * 4), inner.octets));

/** GUE version 1: IP at once. */
export const gueDirect = (from: string, to: string, inner: NetworkPacket): NetworkPacket => overUdp(from, to, 6080, inner.octets);

export const gueGre = (from: string, to: string, inner: Carried, fields: GreFields = {}): NetworkPacket =>
  overUdp(from, to, 6080, octets(0, Protocols.Gre, 0, 0, greHeader(typeOf(inner), fields), contentOf(inner)));

export interface L2tpFields {
  tunnel: number;
  session: number;
  length?: boolean;
  sequence?: boolean;
  /** Octets of padding behind the header. */
  offset?: number;
}

/** L2TPv2 data (RFC 2661 section 3.1). */
export function l2tp(from: string, to: string, fields: L2tpFields, inner: NetworkPacket): NetworkPacket {
  const { tunnel, session, length = false, sequence = false, offset } = fields;
  const content = ppp(inner);
  const rest = octets(
    be16(tunnel),
    be16(session),
    sequence ? be32(1) : [],
    offset === undefined ? [] : [...be16(offset), ...zeros(offset)],
    content,
  );
  const flags = 2 | (length ? 0x4000 : 0) | (sequence ? 0x0800 : 0) | (offset === undefined ? 0 : 0x0200);
  return overUdp(from, to, 1701, octets(be16(flags), length ? be16(rest.length + 4) : [], rest), 1701);
}

/** L2TPv3 data in IP (RFC 3931), with this many octets of cookie and sublayer in front of the frame or packet. */
export const l2tpv3 = (from: string, to: string, session: number, inner: Carried, before = 4): NetworkPacket =>
  ip({ from, to, protocol: TunnelProtocols.L2tpv3, payload: octets(be32(session), noise(before, session), contentOf(inner)) });

/** The same in UDP. */
export const l2tpv3InUdp = (from: string, to: string, session: number, inner: Carried, before = 4): NetworkPacket =>
  overUdp(from, to, 1701, octets(be16(3), be16(0), be32(session), noise(before, session), contentOf(inner)), 1701);

/** AH (RFC 4302) in transport mode: between the header of an IP packet and what it holds. */
export function ah(packet: NetworkPacket, spi: number, sequence = 1): NetworkPacket {
  const { header, protocol, payload } = split(packet);
  return withPayload(packet, header, TunnelProtocols.Ah, octets(authenticationHeader(protocol, spi, sequence), payload));
}

/** AH in tunnel mode. */
export const ahTunnel = (from: string, to: string, spi: number, inner: NetworkPacket, sequence = 1): NetworkPacket =>
  ip({
    from,
    to,
    protocol: TunnelProtocols.Ah,
    payload: octets(authenticationHeader(ipProtocolOf(inner), spi, sequence), inner.octets),
  });

const authenticationHeader = (next: number, spi: number, sequence: number): Uint8Array =>
  octets(next, 4, be16(0), be32(spi), be32(sequence), noise(12, sequence));

export interface EspFields {
  spi: number;
  sequence?: number;
  /** Octets of the ICV; 16 (HMAC-SHA-256-128) unless said. */
  icv?: number;
  /** Octets of an IV in front: 8 of AES-GMAC. */
  iv?: number;
}

/** ESP (RFC 4303) in tunnel mode with the cipher NULL. */
export const espNull = (from: string, to: string, fields: EspFields, inner: NetworkPacket): NetworkPacket =>
  ip({ from, to, protocol: TunnelProtocols.Esp, payload: espOctets(fields, ipProtocolOf(inner), inner.octets) });

/** ESP in transport mode with the cipher NULL, in place of what an IP packet holds. */
export function espNullTransport(packet: NetworkPacket, fields: EspFields): NetworkPacket {
  const { header, protocol, payload } = split(packet);
  return withPayload(packet, header, TunnelProtocols.Esp, espOctets(fields, protocol, payload));
}

/** ESP as every cipher but NULL leaves it: `length` octets without a pattern behind SPI and sequence number. */
export const esp = (from: string, to: string, { spi, sequence = 1 }: EspFields, length: number): NetworkPacket =>
  ip({ from, to, protocol: TunnelProtocols.Esp, payload: octets(be32(spi), be32(sequence), noise(length, spi ^ sequence)) });

/** ESP in UDP (RFC 3948), encrypted. Ends as `udp` takes them. */
export const natT = (from: string, to: string, { spi, sequence = 1 }: EspFields, length: number): NetworkPacket =>
  udp({ from, to, payload: octets(be32(spi), be32(sequence), noise(length, spi ^ sequence)) });

/** ESP in UDP, tunnel mode, with the cipher NULL. */
export const natTNull = (from: string, to: string, fields: EspFields, inner: NetworkPacket): NetworkPacket =>
  udp({ from, to, payload: espOctets(fields, ipProtocolOf(inner), inner.octets) });

function espOctets({ spi, sequence = 1, icv = 16, iv = 0 }: EspFields, next: number, payload: Uint8Array): Uint8Array {
  const padding = Array.from({ length: (4 - ((payload.length + 2) % 4)) % 4 }, (_, i) => i + 1);
  return octets(
    be32(spi),
    be32(sequence),
    noise(iv, sequence),
    payload,
    padding,
    padding.length,
    next,
    noise(icv, spi ^ sequence ^ payload.length),
  );
}

function split(packet: NetworkPacket): { header: Uint8Array; protocol: number; payload: Uint8Array } {
  const length = ipHeaderLength(packet);
  const header = packet.octets.slice(0, length);
  return { header, protocol: header[packet.etherType === EtherTypes.Ipv6 ? 6 : 9] ?? 0, payload: packet.octets.subarray(length) };
}

/** The packet's header in front of something else. */
function withPayload({ etherType }: NetworkPacket, header: Uint8Array, protocol: number, payload: Uint8Array): NetworkPacket {
  if (etherType === EtherTypes.Ipv6) {
    const changed = replaced(replaced(header, 4, be16(payload.length)), 6, [protocol]);
    return { etherType, octets: octets(changed, payload) };
  }
  const changed = replaced(replaced(replaced(header, 2, be16(header.length + payload.length)), 9, [protocol]), 10, [0, 0]);
  return { etherType, octets: octets(replaced(changed, 10, be16(internetChecksum(changed))), payload) };
}
