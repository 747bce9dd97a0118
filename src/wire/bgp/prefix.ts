import { ipv4Text, ipv6GroupsText } from '../../net/ip.ts';
import { familyName } from './message.ts';
import type { Family } from './open.ts';

/** Address family numbers (IANA). */
export const Afi = { Ipv4: 1, Ipv6: 2 } as const;
/** Subsequent ones whose destinations are read: RFC 4760, 8277, 4364. */
export const Safi = { Unicast: 1, Multicast: 2, Labelled: 4, Vpn: 128 } as const;

export const IPV4_UNICAST: Family = { afi: Afi.Ipv4, safi: Safi.Unicast };

const PATH_ID = 4;
const LABEL_BITS = 24;
const RD_BITS = 64;
/** A label stack ends with this bit; in a withdrawal these values stand for "no label" (RFC 8277 section 2.4, RFC 3107 section 3). */
const BOTTOM_OF_STACK = 1;
const NO_LABEL = [0x80_0000, 0];

/** Whether destinations of the family are read. */
export const isReadFamily = ({ afi, safi }: Family): boolean =>
  (afi === Afi.Ipv4 || afi === Afi.Ipv6) &&
  (safi === Safi.Unicast || safi === Safi.Multicast || safi === Safi.Labelled || safi === Safi.Vpn);

/** Whoever wants destinations: prefix, path identifier or null, route distinguisher or null. */
export type TakePrefix = (prefix: string, pathId: number | null, rd: string | null) => void;

/** Where one destination lies: its own octets and its own bits, behind path identifier, labels and route distinguisher. */
interface Place {
  pathId: number | null;
  rd: string | null;
  at: number;
  bits: number;
}

/**
 * Reads the destinations from `at` to `end` (RFC 4271 section 4.3): bits 1, then as many octets as those need; before it the path identifier of
 * RFC 7911. Labels (RFC 8277) and route distinguisher (RFC 4364) count as bits. `null`, or what was wrong; what comes before that was handed on.
 */
export function readPrefixes(
  view: DataView,
  at: number,
  end: number,
  family: Family,
  hasPathIds: boolean,
  take: TakePrefix,
): string | null {
  const most = family.afi === Afi.Ipv4 ? 32 : 128;
  const isPlain = family.safi === Safi.Unicast || family.safi === Safi.Multicast;
  const place: Place = { pathId: null, rd: null, at, bits: 0 };
  const header = hasPathIds ? PATH_ID + 1 : 1;
  let next = at;
  while (next < end) {
    if (next + header > end) return `${familyName(family)}: a destination is cut off`;
    if (hasPathIds) place.pathId = view.getUint32(next);
    place.bits = view.getUint8(next + header - 1);
    place.at = next + header;
    const after = place.at + ((place.bits + 7) >> 3);
    if (after > end) return `${familyName(family)}: expected ${after - place.at} octets of a prefix, ${end - place.at} are left`;
    if (!isPlain && !skipLabels(view, place, family.safi))
      return `${familyName(family)}: a prefix of ${place.bits} bits has no room for its label`;
    if (place.bits > most) return `${familyName(family)}: a prefix has ${place.bits} bits, ${most} are possible`;
    take(family.afi === Afi.Ipv4 ? ipv4Prefix(view, place.at, place.bits) : ipv6Prefix(view, place.at, place.bits), place.pathId, place.rd);
    next = after;
  }
  return null;
}

/** Moves the place behind labels and route distinguisher; false where there are not as many bits. */
function skipLabels(view: DataView, place: Place, safi: number): boolean {
  let label = BOTTOM_OF_STACK - 1;
  do {
    if (place.bits < LABEL_BITS) return false;
    label = view.getUint8(place.at) * 65_536 + view.getUint16(place.at + 1);
    place.at += LABEL_BITS / 8;
    place.bits -= LABEL_BITS;
  } while ((label & BOTTOM_OF_STACK) === 0 && !NO_LABEL.includes(label));
  if (safi !== Safi.Vpn) return true;
  if (place.bits < RD_BITS) return false;
  place.rd = distinguisherText(view, place.at);
  place.at += RD_BITS / 8;
  place.bits -= RD_BITS;
  return true;
}

/** A route distinguisher (RFC 4364 section 4.2): `64512:1`, `192.0.2.1:1`; of other types `type:hex`. */
export function distinguisherText(view: DataView, at: number): string {
  switch (view.getUint16(at)) {
    case 0:
      return `${view.getUint16(at + 2)}:${view.getUint32(at + 4)}`;
    case 1:
      return `${ipv4Text(view.getUint32(at + 2))}:${view.getUint16(at + 6)}`;
    case 2:
      return `${view.getUint32(at + 2)}:${view.getUint16(at + 6)}`;
    default:
      return `${view.getUint16(at)}:0x${(view.getUint16(at + 2) * 2 ** 32 + view.getUint32(at + 4)).toString(16).padStart(12, '0')}`;
  }
}

/** Bits behind the prefix have no meaning (RFC 4271 section 4.3). */
function ipv4Prefix(view: DataView, at: number, bits: number): string {
  let address = 0;
  for (let i = 0; i < bits; i += 8) address |= view.getUint8(at + (i >> 3)) << (24 - i);
  if (bits === 0) address = 0;
  else address &= -1 << (32 - bits);
  return `${ipv4Text(address)}/${bits}`;
}

function ipv6Prefix(view: DataView, at: number, bits: number): string {
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < bits; i += 8) {
    const octet = view.getUint8(at + (i >> 3)) & (bits - i >= 8 ? 0xff : 0xff << (8 - (bits - i)));
    groups[i >> 4] = (groups[i >> 4] ?? 0) | (octet << ((i & 8) === 0 ? 8 : 0));
  }
  return `${ipv6GroupsText(groups)}/${bits}`;
}

/**
 * Whether the octets look like destinations that a router would send, with path identifiers or without: each is whole and not too long, has no bits
 * behind its prefix, and the default route is there at most once. A path identifier is a small number: read as prefixes it is several default routes.
 */
export function arePlausiblePrefixes(view: DataView, at: number, end: number, family: Family, hasPathIds: boolean): boolean {
  const isPlain = family.safi === Safi.Unicast || family.safi === Safi.Multicast;
  const most = (family.afi === Afi.Ipv4 ? 32 : 128) + (isPlain ? 0 : 8 * LABEL_BITS + RD_BITS);
  const header = hasPathIds ? PATH_ID + 1 : 1;
  let defaults = 0;
  let next = at;
  while (next < end) {
    if (next + header > end) return false;
    const bits = view.getUint8(next + header - 1);
    next += header + ((bits + 7) >> 3);
    if (bits > most || next > end || (!isPlain && bits < LABEL_BITS)) return false;
    if (bits === 0 && !hasPathIds && ++defaults > 1) return false;
    if (bits % 8 !== 0 && (view.getUint8(next - 1) & (0xff >> (bits % 8))) !== 0) return false;
  }
  return true;
}
