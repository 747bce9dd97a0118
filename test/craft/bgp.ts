import { parseIpv4 } from '../../src/net/ip.ts';
import type { AsSegment, Origin } from '../../src/wire/bgp/update.ts';
import { ascii, be16, be32, ipOctets, octets, type Part } from './octets.ts';

/*
 * BGP messages (RFC 4271 section 4), each with its header, as they stand in the octets of a TCP connection. Families are `1/1`: AFI and SAFI.
 */

const MARKER = Array.from({ length: 16 }, () => 0xff);

/** Any message: marker, length, type, and what follows. */
export function bgpMessage(type: number, ...body: readonly Part[]): Uint8Array {
  const rest = octets(...body);
  return octets(MARKER, be16(19 + rest.length), type, rest);
}

function familyOf(text: string): { afi: number; safi: number } {
  const [afi = 0, safi = 0] = text.split('/').map(Number);
  return { afi, safi };
}

const bytes = (part: Part): Uint8Array => octets(part);

// OPEN

export interface BgpCapabilityFields {
  families?: readonly string[];
  as4?: number;
  /** Mode: 1 receives, 2 sends, 3 both. */
  addPath?: readonly { family: string; mode: number }[];
  extendedNextHop?: readonly { family: string; nextHopAfi: number }[];
  routeRefresh?: boolean;
  enhancedRouteRefresh?: boolean;
  extendedMessage?: boolean;
  /** RFC 9234, by number. */
  role?: number;
  /** Seconds. */
  gracefulRestart?: number;
  hostname?: string;
  /** Whole capabilities: code, length, value. */
  others?: readonly Part[];
}

export interface BgpOpenFields {
  as: number;
  id: string;
  holdTime?: number;
  version?: number;
  /** null: no optional parameter at all, as the oldest speakers. */
  capabilities?: BgpCapabilityFields | null;
  /** One optional parameter for each capability, as some speakers do, instead of one for all. */
  isSplit?: boolean;
  /** Lengths of RFC 9072. */
  isExtended?: boolean;
}

const AS_TRANS = 23_456;

export function bgpOpen(fields: BgpOpenFields): Uint8Array {
  const { as, id, holdTime = 180, version = 4, isSplit = false, isExtended = false } = fields;
  const { capabilities = { families: ['1/1'], as4: as, routeRefresh: true } } = fields;
  const each = capabilities === null ? [] : bgpCapabilities(capabilities);
  const groups = isSplit ? each : each.length === 0 ? [] : [octets(...each)];
  const parameters = octets(...groups.flatMap((group) => [2, ...(isExtended ? be16(group.length) : [group.length]), ...group]));
  const length = isExtended ? [255, 255, ...be16(parameters.length)] : [parameters.length];
  return bgpMessage(1, version, be16(as > 0xffff ? AS_TRANS : as), be16(holdTime), ipOctets(id), length, parameters);
}

const capability = (code: number, ...value: readonly Part[]): Uint8Array => octets(code, octets(...value).length, ...value);

/** Each capability (RFC 5492): code, length, value. */
export function bgpCapabilities(fields: BgpCapabilityFields): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (const each of fields.families ?? []) {
    const { afi, safi } = familyOf(each);
    list.push(capability(1, be16(afi), 0, safi));
  }
  if (fields.routeRefresh) list.push(capability(2));
  if (fields.extendedNextHop) {
    const tuples = fields.extendedNextHop.flatMap(({ family, nextHopAfi }) => {
      const { afi, safi } = familyOf(family);
      return [...be16(afi), ...be16(safi), ...be16(nextHopAfi)];
    });
    list.push(capability(5, tuples));
  }
  if (fields.extendedMessage) list.push(capability(6));
  if (fields.role !== undefined) list.push(capability(9, fields.role));
  if (fields.gracefulRestart !== undefined) list.push(capability(64, be16(fields.gracefulRestart & 0xfff)));
  if (fields.as4 !== undefined) list.push(capability(65, be32(fields.as4)));
  if (fields.addPath) {
    const tuples = fields.addPath.flatMap(({ family, mode }) => {
      const { afi, safi } = familyOf(family);
      return [...be16(afi), safi, mode];
    });
    list.push(capability(69, tuples));
  }
  if (fields.enhancedRouteRefresh) list.push(capability(70));
  if (fields.hostname !== undefined) list.push(capability(73, fields.hostname.length, ascii(fields.hostname), 0));
  return [...list, ...(fields.others ?? []).map(bytes)];
}

// UPDATE

/** `10.0.0.0/8`, or with what may stand before it. */
export type BgpPrefix = string | { prefix: string; pathId?: number; rd?: string; label?: number };

export interface BgpAttributeFields {
  origin?: Origin;
  asPath?: readonly (number | AsSegment)[];
  nextHop?: string;
  med?: number;
  localPref?: number;
  atomicAggregate?: boolean;
  aggregator?: { as: number; ip: string };
  /** `64512:1`. */
  communities?: readonly string[];
  /** Sixteen hexadecimal digits each. */
  extendedCommunities?: readonly string[];
  /** `64512:1:2`. */
  largeCommunities?: readonly string[];
  originatorId?: string;
  clusterList?: readonly string[];
  as4Path?: readonly (number | AsSegment)[];
  as4Aggregator?: { as: number; ip: string };
  /** MP_REACH_NLRI. */
  reach?: { family: string; nextHop: string; linkLocal?: string; announced: readonly BgpPrefix[] };
  /** MP_UNREACH_NLRI. */
  unreach?: { family: string; withdrawn: readonly BgpPrefix[] };
  /** More attributes, each whole: flags, type, length, value. */
  raw?: readonly Part[];
}

export interface BgpUpdateFields extends BgpAttributeFields {
  withdrawn?: readonly BgpPrefix[];
  /** Plain IPv4 destinations. */
  announced?: readonly BgpPrefix[];
  /** AS numbers have four octets. */
  as4?: boolean;
}

/** ORIGIN and AS_PATH are there as soon as something is announced. */
export function bgpUpdate(fields: BgpUpdateFields): Uint8Array {
  const withdrawn = octets(...(fields.withdrawn ?? []).map(bgpPrefix));
  const attributes = bgpAttributes(fields);
  return bgpMessage(2, be16(withdrawn.length), withdrawn, be16(attributes.length), attributes, ...(fields.announced ?? []).map(bgpPrefix));
}

/** Path identifier, bits, label, route distinguisher, and the octets of the prefix. */
export function bgpPrefix(of: BgpPrefix): Uint8Array {
  const { prefix, pathId, rd, label } = typeof of === 'string' ? { prefix: of } : of;
  const [ip = '', length = ''] = prefix.split('/');
  const labels = label === undefined ? [] : [(label >>> 12) & 255, (label >>> 4) & 255, ((label & 15) << 4) | 1];
  const distinguisher = rd === undefined ? [] : rdOctets(rd);
  const address = ipOctets(ip).slice(0, Math.ceil(Number(length) / 8));
  const bits = 8 * (labels.length + distinguisher.length) + Number(length);
  return octets(pathId === undefined ? [] : be32(pathId), bits, labels, distinguisher, address);
}

/** `64512:1`, `192.0.2.1:1`, `4200000000:1` (RFC 4364 section 4.2). */
function rdOctets(text: string): number[] {
  const [administrator = '', assigned = ''] = text.split(':');
  if (parseIpv4(administrator) !== undefined) return [...be16(1), ...ipOctets(administrator), ...be16(Number(assigned))];
  const as = Number(administrator);
  return as > 0xffff ? [...be16(2), ...be32(as), ...be16(Number(assigned))] : [...be16(0), ...be16(as), ...be32(Number(assigned))];
}

const OPTIONAL = 0x80;
const TRANSITIVE = 0x40;
const EXTENDED_LENGTH = 0x10;

/** One path attribute; its length has two octets where one does not do. */
export function bgpAttribute(flags: number, type: number, ...value: readonly Part[]): Uint8Array {
  const all = octets(...value);
  return all.length > 255 ? octets(flags | EXTENDED_LENGTH, type, be16(all.length), all) : octets(flags, type, all.length, all);
}

const ORIGINS: readonly Origin[] = ['igp', 'egp', 'incomplete'];
const SEGMENT_TYPES: readonly AsSegment['type'][] = ['set', 'sequence', 'confed-sequence', 'confed-set'];

/** Numbers that stand side by side are a sequence. */
export function bgpAsPath(path: readonly (number | AsSegment)[], isAs4: boolean): Uint8Array {
  const segments: { type: AsSegment['type']; as: number[]; isOpen: boolean }[] = [];
  for (const each of path) {
    const last = segments.at(-1);
    if (typeof each !== 'number') segments.push({ ...each, isOpen: false });
    else if (last?.isOpen) last.as.push(each);
    else segments.push({ type: 'sequence', as: [each], isOpen: true });
  }
  return octets(
    ...segments.map(({ type, as }) => octets(SEGMENT_TYPES.indexOf(type) + 1, as.length, ...as.map((each) => asOctets(each, isAs4)))),
  );
}

const asOctets = (as: number, isAs4: boolean): number[] => (isAs4 ? be32(as) : be16(as > 0xffff ? AS_TRANS : as));

/** All path attributes of the fields, in the order of their types. */
export function bgpAttributes(fields: BgpUpdateFields): Uint8Array {
  const { as4 = true, reach, unreach } = fields;
  const isAnnouncing = (fields.announced?.length ?? 0) > 0 || (reach?.announced.length ?? 0) > 0;
  const origin = fields.origin ?? (isAnnouncing ? 'igp' : undefined);
  const asPath = fields.asPath ?? (isAnnouncing ? [] : undefined);
  const list: Uint8Array[] = [];
  const add = (flags: number, type: number, ...value: readonly Part[]): void => {
    list.push(bgpAttribute(flags, type, ...value));
  };
  if (origin !== undefined) add(TRANSITIVE, 1, ORIGINS.indexOf(origin));
  if (asPath !== undefined) add(TRANSITIVE, 2, bgpAsPath(asPath, as4));
  if (fields.nextHop !== undefined) add(TRANSITIVE, 3, ipOctets(fields.nextHop));
  if (fields.med !== undefined) add(OPTIONAL, 4, be32(fields.med));
  if (fields.localPref !== undefined) add(TRANSITIVE, 5, be32(fields.localPref));
  if (fields.atomicAggregate) add(TRANSITIVE, 6);
  if (fields.aggregator) add(OPTIONAL | TRANSITIVE, 7, asOctets(fields.aggregator.as, as4), ipOctets(fields.aggregator.ip));
  if (fields.communities)
    add(OPTIONAL | TRANSITIVE, 8, ...fields.communities.map((text) => text.split(':').flatMap((n) => be16(Number(n)))));
  if (fields.originatorId !== undefined) add(OPTIONAL, 9, ipOctets(fields.originatorId));
  if (fields.clusterList) add(OPTIONAL, 10, ...fields.clusterList.map(ipOctets));
  if (reach) {
    const { afi, safi } = familyOf(reach.family);
    // The next hop of a VPN has a route distinguisher, which is zero.
    const rd = safi === 128 ? Array.from({ length: 8 }, () => 0) : [];
    const hops = [reach.nextHop, ...(reach.linkLocal === undefined ? [] : [reach.linkLocal])].flatMap((ip) => [...rd, ...ipOctets(ip)]);
    add(OPTIONAL, 14, be16(afi), safi, hops.length, hops, 0, ...reach.announced.map(bgpPrefix));
  }
  if (unreach) {
    const { afi, safi } = familyOf(unreach.family);
    add(OPTIONAL, 15, be16(afi), safi, ...unreach.withdrawn.map(bgpPrefix));
  }
  if (fields.extendedCommunities) add(OPTIONAL | TRANSITIVE, 16, ...fields.extendedCommunities.map(hexOctets));
  if (fields.as4Path) add(OPTIONAL | TRANSITIVE, 17, bgpAsPath(fields.as4Path, true));
  if (fields.as4Aggregator) add(OPTIONAL | TRANSITIVE, 18, be32(fields.as4Aggregator.as), ipOctets(fields.as4Aggregator.ip));
  if (fields.largeCommunities)
    add(OPTIONAL | TRANSITIVE, 32, ...fields.largeCommunities.map((text) => text.split(':').flatMap((n) => be32(Number(n)))));
  return octets(...list, ...(fields.raw ?? []));
}

const hexOctets = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));

/** End-of-RIB (RFC 4724 section 2): an empty UPDATE, or an empty MP_UNREACH_NLRI. */
export const bgpEndOfRib = (family = '1/1'): Uint8Array =>
  family === '1/1' ? bgpUpdate({}) : bgpUpdate({ unreach: { family, withdrawn: [] } });

// The other messages

export const bgpKeepalive = (): Uint8Array => bgpMessage(4);

export const bgpNotification = (code: number, subcode: number, data: Part = []): Uint8Array => bgpMessage(3, code, subcode, data);

/** Cease with what the operator says (RFC 9003); subcode 2 shutdown, 4 reset. */
export const bgpShutdown = (words: string, subcode = 2): Uint8Array => bgpNotification(6, subcode, [ascii(words).length, ...ascii(words)]);

/** Subtype 0 request, 1 begin, 2 end (RFC 7313). */
export function bgpRouteRefresh(family = '1/1', subtype = 0): Uint8Array {
  const { afi, safi } = familyOf(family);
  return bgpMessage(5, be16(afi), subtype, safi);
}
