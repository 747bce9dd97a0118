import { icmpv6 } from './icmp.ts';
import type { NetworkPacket } from './ip.ts';
import { be32, ipOctets, macOctets, type Part } from './octets.ts';

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const SOURCE_MAC = 1;
const TARGET_MAC = 2;
const NONCE = 14;
const ROUTER = 0x80000000;
const SOLICITED = 0x40000000;
const OVERRIDE = 0x20000000;
const HOP_LIMIT = 255;

export interface SolicitationFields {
  from: string;
  target: string;
  /** The solicited-node group of the target unless said. */
  to?: string;
  /** Source link-layer address option; absent in duplicate address detection. */
  sourceMac?: string;
  /** Six octets of a nonce option (RFC 7527), as a number. */
  nonce?: number;
}

/** RFC 4861 section 4.3. */
export function neighborSolicitation({ from, target, to = solicitedNode(target), sourceMac, nonce }: SolicitationFields): NetworkPacket {
  const options: Part[] = [];
  if (sourceMac !== undefined) options.push([SOURCE_MAC, 1, ...macOctets(sourceMac)]);
  if (nonce !== undefined) options.push([NONCE, 1, 0, 0, ...be32(nonce)]);
  return icmpv6({ from, to, ttl: HOP_LIMIT }, SOLICITATION, 0, be32(0), ipOctets(target), ...options);
}

export interface AdvertisementFields {
  from: string;
  to: string;
  target: string;
  targetMac?: string;
  router?: boolean;
  solicited?: boolean;
  override?: boolean;
  /** Hop limit; 255 unless said. */
  ttl?: number;
}

/** RFC 4861 section 4.4. */
export function neighborAdvertisement(fields: AdvertisementFields): NetworkPacket {
  const { from, to, target, targetMac, router = false, solicited = true, override = true, ttl = HOP_LIMIT } = fields;
  const flags = (router ? ROUTER : 0) + (solicited ? SOLICITED : 0) + (override ? OVERRIDE : 0);
  const options: Part[] = targetMac === undefined ? [] : [[TARGET_MAC, 1, ...macOctets(targetMac)]];
  return icmpv6({ from, to, ttl }, ADVERTISEMENT, 0, be32(flags), ipOctets(target), ...options);
}

/** ff02::1:ffxx:xxxx (RFC 4291 section 2.7.1). */
export function solicitedNode(target: string): string {
  const [a = 0, b = 0, c = 0] = ipOctets(target).slice(13);
  return `ff02::1:ff${a.toString(16).padStart(2, '0')}:${(b * 256 + c).toString(16)}`;
}
