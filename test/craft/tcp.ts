import { type IpOptions, ip, type NetworkPacket, Protocols, transportChecksum } from './ip.ts';
import { be16, be32, octets, replaced } from './octets.ts';
import { endpoint } from './udp.ts';

export const TcpFlags = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16 } as const;

export interface TcpFields extends IpOptions {
  from: string;
  to: string;
  flags: number;
  seq?: number;
  ack?: number;
  window?: number;
  mss?: number;
  /** The block of octets that arrived behind a gap: from, and behind the last one. */
  sack?: readonly [number, number];
  payload?: Uint8Array;
}

const CHECKSUM = 16;
const ETHERNET_MSS = 1460;

/** A TCP segment (RFC 9293); its only options are the MSS and one block of SACK (RFC 2018), where said. */
export function tcp(fields: TcpFields): NetworkPacket {
  const { from, to, flags, seq = 0, ack = 0, window = 64_240, mss, sack, payload = new Uint8Array(0), ...options } = fields;
  const source = endpoint(from);
  const destination = endpoint(to);
  const mssOption = mss === undefined ? [] : [2, 4, ...be16(mss)];
  const sackOption = sack === undefined ? [] : [1, 1, 5, 10, ...sack.flatMap((edge) => be32(edge))];
  const offset = (20 + mssOption.length + sackOption.length) / 4;
  const ports = [be16(source.port), be16(destination.port)];
  const segment = octets(...ports, be32(seq), be32(ack), offset * 16, flags, be16(window), 0, 0, 0, 0, mssOption, sackOption, payload);
  const checksum = transportChecksum(source.ip, destination.ip, Protocols.Tcp, segment);
  const whole = replaced(segment, CHECKSUM, be16(checksum));
  return ip({ from: source.ip, to: destination.ip, protocol: Protocols.Tcp, payload: whole, ...options });
}

export const syn = (from: string, to: string, seq = 1000, options: IpOptions = {}): NetworkPacket =>
  tcp({ from, to, flags: TcpFlags.Syn, seq, mss: ETHERNET_MSS, ...options });

/** The answer to the SYN whose sequence number was `seq`. */
export const synAck = (from: string, to: string, seq = 1000, options: IpOptions = {}): NetworkPacket =>
  tcp({ from, to, flags: TcpFlags.Syn | TcpFlags.Ack, seq: 5000, ack: seq + 1, mss: ETHERNET_MSS, ...options });

export const rst = (from: string, to: string, seq = 1000, options: IpOptions = {}): NetworkPacket =>
  tcp({ from, to, flags: TcpFlags.Rst | TcpFlags.Ack, ack: seq + 1, window: 0, ...options });
