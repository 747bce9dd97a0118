import { ipv4Text } from '../../net/ip.ts';

/** Well-known communities (IANA bgp-well-known-communities), those of RFC 1997, 3765, 7611, 7999, 8326, 9494. */
const WELL_KNOWN = new Map([
  [0xffff_0000, 'graceful-shutdown'],
  [0xffff_0001, 'accept-own'],
  [0xffff_0006, 'llgr-stale'],
  [0xffff_0007, 'no-llgr'],
  [0xffff_029a, 'blackhole'],
  [0xffff_ff01, 'no-export'],
  [0xffff_ff02, 'no-advertise'],
  [0xffff_ff03, 'no-export-subconfed'],
  [0xffff_ff04, 'no-peer'],
]);

/** COMMUNITIES (RFC 1997): four octets each. The caller has made sure that they are whole. */
export function readCommunities(view: DataView, at: number, end: number): string[] {
  const texts: string[] = [];
  for (let each = at; each < end; each += 4)
    texts.push(WELL_KNOWN.get(view.getUint32(each)) ?? `${view.getUint16(each)}:${view.getUint16(each + 2)}`);
  return texts;
}

/** Large communities (RFC 8092): twelve octets each. */
export function readLargeCommunities(view: DataView, at: number, end: number): string[] {
  const texts: string[] = [];
  for (let each = at; each < end; each += 12) texts.push(`${view.getUint32(each)}:${view.getUint32(each + 4)}:${view.getUint32(each + 8)}`);
  return texts;
}

/** Extended communities (RFC 4360): eight octets each. */
export function readExtendedCommunities(view: DataView, at: number, end: number): string[] {
  const texts: string[] = [];
  for (let each = at; each < end; each += 8) texts.push(extendedCommunityText(view, each));
  return texts;
}

/** RFC 4360 section 4 and 5, RFC 5668: the subtypes of the three transitive types that name an AS or an address. */
const SUBTYPES = new Map([
  [2, 'rt'],
  [3, 'soo'],
]);

function extendedCommunityText(view: DataView, at: number): string {
  const subtype = SUBTYPES.get(view.getUint8(at + 1));
  const type = view.getUint8(at);
  if (subtype !== undefined && type === 0) return `${subtype}:${view.getUint16(at + 2)}:${view.getUint32(at + 4)}`;
  if (subtype !== undefined && type === 1) return `${subtype}:${ipv4Text(view.getUint32(at + 2))}:${view.getUint16(at + 6)}`;
  if (subtype !== undefined && type === 2) return `${subtype}:${view.getUint32(at + 2)}:${view.getUint16(at + 6)}`;
  return `0x${[view.getUint32(at), view.getUint32(at + 4)].map((word) => word.toString(16).padStart(8, '0')).join('')}`;
}
