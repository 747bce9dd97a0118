import { ipv4Text } from '../../net/ip.ts';
import { type AsOctets, mergedPath, readAsPath } from './as-path.ts';
import { readCommunities, readExtendedCommunities, readLargeCommunities } from './communities.ts';
import { type Reach, readReach, readUnreach, type Unreach } from './multiprotocol.ts';
import type { AsSegment, Origin, PathAttributes } from './update.ts';

/** Types of path attributes (IANA bgp-parameters) that are read. */
const Type = {
  Origin: 1,
  AsPath: 2,
  NextHop: 3,
  Med: 4,
  LocalPref: 5,
  AtomicAggregate: 6,
  Aggregator: 7,
  Communities: 8,
  OriginatorId: 9,
  ClusterList: 10,
  MpReach: 14,
  MpUnreach: 15,
  ExtendedCommunities: 16,
  As4Path: 17,
  As4Aggregator: 18,
  LargeCommunities: 32,
} as const;

const Flag = { Optional: 0x80, Transitive: 0x40, ExtendedLength: 0x10 } as const;

/** What is known of an attribute: `flags` are the optional and the transitive one; `isDiscarded`: ignored where malformed, instead of its routes. */
interface KnownAttribute {
  name: string;
  flags: number;
  isDiscarded?: true;
}

/** RFC 4271 section 5, 1997, 4360, 4456, 4760, 6793, 8092; which ones are discarded: RFC 7606 section 7, RFC 6793 section 6. */
const KNOWN = new Map<number, KnownAttribute>([
  [Type.Origin, { name: 'ORIGIN', flags: Flag.Transitive }],
  [Type.AsPath, { name: 'AS_PATH', flags: Flag.Transitive }],
  [Type.NextHop, { name: 'NEXT_HOP', flags: Flag.Transitive }],
  [Type.Med, { name: 'MULTI_EXIT_DISC', flags: Flag.Optional }],
  [Type.LocalPref, { name: 'LOCAL_PREF', flags: Flag.Transitive }],
  [Type.AtomicAggregate, { name: 'ATOMIC_AGGREGATE', flags: Flag.Transitive, isDiscarded: true }],
  [Type.Aggregator, { name: 'AGGREGATOR', flags: Flag.Optional | Flag.Transitive, isDiscarded: true }],
  [Type.Communities, { name: 'COMMUNITIES', flags: Flag.Optional | Flag.Transitive }],
  [Type.OriginatorId, { name: 'ORIGINATOR_ID', flags: Flag.Optional }],
  [Type.ClusterList, { name: 'CLUSTER_LIST', flags: Flag.Optional }],
  [Type.MpReach, { name: 'MP_REACH_NLRI', flags: Flag.Optional }],
  [Type.MpUnreach, { name: 'MP_UNREACH_NLRI', flags: Flag.Optional }],
  [Type.ExtendedCommunities, { name: 'EXTENDED COMMUNITIES', flags: Flag.Optional | Flag.Transitive }],
  [Type.As4Path, { name: 'AS4_PATH', flags: Flag.Optional | Flag.Transitive, isDiscarded: true }],
  [Type.As4Aggregator, { name: 'AS4_AGGREGATOR', flags: Flag.Optional | Flag.Transitive, isDiscarded: true }],
  [Type.LargeCommunities, { name: 'LARGE_COMMUNITY', flags: Flag.Optional | Flag.Transitive }],
]);

/** `MULTI_EXIT_DISC`; of types that are not read `attribute 26`. */
export const attributeName = (type: number): string => KNOWN.get(type)?.name ?? `attribute ${type}`;

const ORIGINS: readonly Origin[] = ['igp', 'egp', 'incomplete'];
/** Stands for an AS number that needs four octets (RFC 6793 section 9). */
const AS_TRANS = 23_456;

const noAttributes = (): PathAttributes => ({
  origin: null,
  asPath: null,
  nextHop: null,
  linkLocalNextHop: null,
  med: null,
  localPref: null,
  atomicAggregate: false,
  aggregator: null,
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
  originatorId: null,
  clusterList: [],
  others: [],
});

/** The path attributes of one UPDATE. */
export class AttributeReader {
  readonly attributes: PathAttributes = noAttributes();
  reach: Reach | null = null;
  unreach: Unreach | null = null;
  /** Attributes that were there. */
  count = 0;
  /** Why the routes count as withdrawn, the first reason; null: for none. */
  malformed: string | null = null;
  readonly discarded: string[] = [];
  /** AS numbers were there, and how many octets they have was guessed. */
  isAssumed = false;
  /** Octets of AS numbers; 0: not known. */
  private asOctets: AsOctets | 0;
  private readonly view: DataView;
  private readonly seen = new Set<number>();
  private as4Path: AsSegment[] | null = null;
  private as4Aggregator: PathAttributes['aggregator'] = null;

  /** `as4`: AS numbers have four octets; null where that is not known. */
  constructor(view: DataView, as4: boolean | null) {
    this.view = view;
    this.asOctets = as4 === null ? 0 : as4 ? 4 : 2;
  }

  /** Reads the attributes from `start` to `end`: flags 1, type 1, length 1 or 2, value. */
  read(start: number, end: number): void {
    let at = start;
    while (at < end) {
      const flags = this.view.getUint8(at);
      const header = (flags & Flag.ExtendedLength) === 0 ? 3 : 4;
      if (at + header > end) {
        this.fail('a path attribute is cut off');
        break;
      }
      const type = this.view.getUint8(at + 1);
      const length = header === 3 ? this.view.getUint8(at + 2) : this.view.getUint16(at + 2);
      at += header;
      if (at + length > end) {
        this.fail(`${attributeName(type)}: expected ${length} octets, ${end - at} are left`);
        break;
      }
      this.readOne(flags, type, at, at + length);
      at += length;
    }
    this.merge();
  }

  private fail(reason: string): void {
    this.malformed ??= reason;
  }

  private readOne(flags: number, type: number, at: number, end: number): void {
    this.count++;
    const known = KNOWN.get(type);
    if (!known) {
      this.attributes.others.push(type);
      if ((flags & Flag.Optional) === 0) this.fail(`attribute ${type} calls itself well-known, and is not`);
      return;
    }
    const hasDestinations = type === Type.MpReach || type === Type.MpUnreach;
    if (this.seen.has(type)) {
      // RFC 7606 section 3 (g): the first counts, except of the two that carry destinations.
      if (hasDestinations) this.fail(`${known.name} is there twice`);
      else this.discarded.push(`${known.name} is there twice`);
      return;
    }
    this.seen.add(type);
    const wrongly = wrongFlags(flags, known);
    // What the destinations are must be known for them to count as withdrawn.
    const unreadable = wrongly === null || hasDestinations ? this.readKnown(type, at, end) : null;
    const wrong = wrongly ?? unreadable;
    if (wrong === null) return;
    if (known.isDiscarded) this.discarded.push(`${known.name}: ${wrong}`);
    else this.fail(`${known.name}: ${wrong}`);
  }

  /** What is wrong with the value from `at` to `end`, or null. */
  private readKnown(type: number, at: number, end: number): string | null {
    const { view, attributes } = this;
    const length = end - at;
    switch (type) {
      case Type.Origin:
        return this.readOrigin(at, length);
      case Type.AsPath:
        return this.readPath(at, end);
      case Type.NextHop:
        if (length !== 4) return expected(4, length);
        attributes.nextHop = ipv4Text(view.getUint32(at));
        return null;
      case Type.Med:
        if (length !== 4) return expected(4, length);
        attributes.med = view.getUint32(at);
        return null;
      case Type.LocalPref:
        if (length !== 4) return expected(4, length);
        attributes.localPref = view.getUint32(at);
        return null;
      case Type.AtomicAggregate:
        if (length !== 0) return expected(0, length);
        attributes.atomicAggregate = true;
        return null;
      case Type.Aggregator:
        return this.readAggregator(at, length);
      case Type.OriginatorId:
        if (length !== 4) return expected(4, length);
        attributes.originatorId = ipv4Text(view.getUint32(at));
        return null;
      case Type.ClusterList:
        if (!isMultiple(length, 4)) return multiple(4, length);
        for (let each = at; each < end; each += 4) attributes.clusterList.push(ipv4Text(view.getUint32(each)));
        return null;
      case Type.Communities:
        if (!isMultiple(length, 4)) return multiple(4, length);
        attributes.communities = readCommunities(view, at, end);
        return null;
      case Type.ExtendedCommunities:
        if (!isMultiple(length, 8)) return multiple(8, length);
        attributes.extendedCommunities = readExtendedCommunities(view, at, end);
        return null;
      case Type.LargeCommunities:
        if (!isMultiple(length, 12)) return multiple(12, length);
        attributes.largeCommunities = readLargeCommunities(view, at, end);
        return null;
      case Type.As4Path: {
        const path = length === 0 ? undefined : readAsPath(view, at, end, 4);
        if (!path) return 'its segments do not fill it';
        this.as4Path = path;
        return null;
      }
      case Type.As4Aggregator:
        if (length !== 8) return expected(8, length);
        this.as4Aggregator = { as: view.getUint32(at), ip: ipv4Text(view.getUint32(at + 4)) };
        return null;
      case Type.MpReach: {
        const reach = readReach(view, at, end);
        if (typeof reach === 'string') return reach;
        this.reach = reach;
        attributes.linkLocalNextHop = reach.linkLocal;
        return null;
      }
      default: {
        const unreach = readUnreach(view, at, end);
        if (typeof unreach === 'string') return unreach;
        this.unreach = unreach;
        return null;
      }
    }
  }

  private readOrigin(at: number, length: number): string | null {
    if (length !== 1) return expected(1, length);
    const origin = ORIGINS[this.view.getUint8(at)];
    if (origin === undefined) return `there is no origin ${this.view.getUint8(at)}`;
    this.attributes.origin = origin;
    return null;
  }

  private readPath(at: number, end: number): string | null {
    let path: AsSegment[] | undefined;
    if (this.asOctets === 0 && end > at) {
      this.isAssumed = true;
      path = readAsPath(this.view, at, end, 4);
      this.asOctets = 4;
      if (!path) {
        path = readAsPath(this.view, at, end, 2);
        if (path) this.asOctets = 2;
      }
    } else path = readAsPath(this.view, at, end, this.asOctets || 4);
    if (!path) return 'its segments do not fill it';
    this.attributes.asPath = path;
    return null;
  }

  /** AS number, then an address. Where the octets of AS numbers are not known, its length says them. */
  private readAggregator(at: number, length: number): string | null {
    const octets = this.asOctets || (length === 6 ? 2 : 4);
    if (length !== octets + 4) return expected(octets + 4, length);
    const as = octets === 4 ? this.view.getUint32(at) : this.view.getUint16(at);
    this.attributes.aggregator = { as, ip: ipv4Text(this.view.getUint32(at + octets)) };
    return null;
  }

  /** What a speaker of two octets could not say stands in attributes of its own (RFC 6793 section 4.2.3); between others those count for nothing. */
  private merge(): void {
    const { attributes, as4Path, as4Aggregator } = this;
    if (this.asOctets === 4 || (!as4Path && !as4Aggregator)) return;
    if (attributes.aggregator && as4Aggregator) {
      // A speaker of two octets has made an aggregate of it since: what these two say is no longer so.
      if (attributes.aggregator.as !== AS_TRANS) return;
      attributes.aggregator = as4Aggregator;
    }
    if (attributes.asPath && as4Path) attributes.asPath = mergedPath(attributes.asPath, as4Path);
  }
}

function wrongFlags(flags: number, known: KnownAttribute): string | null {
  const wanted = Flag.Optional | Flag.Transitive;
  if ((flags & wanted) === known.flags) return null;
  return `expected ${flagText(known.flags)}, got ${flagText(flags)}`;
}

const flagText = (flags: number): string =>
  `${flags & Flag.Optional ? 'optional' : 'well-known'} and ${flags & Flag.Transitive ? 'transitive' : 'non-transitive'}`;

const expected = (octets: number, got: number): string => `expected ${octets} octets, got ${got}`;
/** An empty list is malformed, too (RFC 7606 section 7.8 and others). */
const isMultiple = (length: number, of: number): boolean => length > 0 && length % of === 0;
const multiple = (of: number, got: number): string => `expected ${of} octets or a multiple, got ${got}`;
