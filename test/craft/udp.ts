import { type IpOptions, ip, type NetworkPacket, Protocols, transportChecksum } from './ip.ts';
import { be16, fold16, octets, replaced } from './octets.ts';

export interface UdpFields extends IpOptions {
  /** `192.0.2.1:53` or `[2001:db8::1]:53`. */
  from: string;
  to: string;
  payload: Uint8Array;
}

const CHECKSUM = 6;

/** A UDP datagram in an IP packet, with its checksum (RFC 768). */
export function udp({ from, to, payload, ...options }: UdpFields): NetworkPacket {
  const source = endpoint(from);
  const destination = endpoint(to);
  const datagram = octets(be16(source.port), be16(destination.port), be16(8 + payload.length), 0, 0, payload);
  const checksum = transportChecksum(source.ip, destination.ip, Protocols.Udp, datagram) || 0xffff;
  return ip({
    from: source.ip,
    to: destination.ip,
    protocol: Protocols.Udp,
    payload: replaced(datagram, CHECKSUM, be16(checksum)),
    ident: fold16(payload),
    ...options,
  });
}

/** Address and port of `192.0.2.1:53` or `[2001:db8::1]:53`. */
export function endpoint(text: string): { ip: string; port: number } {
  const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(text);
  if (!match?.[1]) throw new Error(`not an endpoint: ${text}`);
  return { ip: match[1], port: Number(match[2]) };
}
