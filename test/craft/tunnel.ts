import { ip, type NetworkPacket, Protocols } from './ip.ts';
import { be16, be24, be32, octets } from './octets.ts';
import { udp } from './udp.ts';

/** GRE without options (RFC 2784). */
export const gre = (from: string, to: string, inner: NetworkPacket): NetworkPacket =>
  ip({ from, to, protocol: Protocols.Gre, payload: octets(be16(0), be16(inner.etherType), inner.octets) });

/** VXLAN (RFC 7348) around an Ethernet frame. */
export const vxlan = (from: string, to: string, vni: number, frame: Uint8Array): NetworkPacket =>
  udp({ from: `${from}:54321`, to: `${to}:4789`, payload: octets(8, 0, 0, 0, be24(vni), 0, frame) });

/** GTP-U (3GPP TS 29.281): a G-PDU. */
export const gtpU = (from: string, to: string, teid: number, inner: NetworkPacket): NetworkPacket =>
  udp({ from: `${from}:2152`, to: `${to}:2152`, payload: octets(0x30, 0xff, be16(inner.octets.length), be32(teid), inner.octets) });
