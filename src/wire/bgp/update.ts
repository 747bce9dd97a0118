import { AttributeReader } from './attributes.ts';
import { BGP_HEADER } from './message.ts';
import { type Reach, type Unreach, unreadableNextHop } from './multiprotocol.ts';
import type { Family, UpdateCoding } from './open.ts';
import { arePlausiblePrefixes, IPV4_UNICAST, isReadFamily, readPrefixes } from './prefix.ts';

export type Origin = 'igp' | 'egp' | 'incomplete';

/** `set` and the two of confederations count otherwise than a sequence (RFC 4271 section 9.1.2.2, RFC 5065). */
export interface AsSegment {
  type: 'set' | 'sequence' | 'confed-sequence' | 'confed-set';
  as: number[];
}

/** A destination that an UPDATE announces or withdraws. */
export interface Nlri {
  afi: number;
  safi: number;
  /** Canonical text, `192.0.2.0/24`; of VPNs the prefix alone. */
  prefix: string;
  /** ADD-PATH's identifier (RFC 7911); null without. */
  pathId: number | null;
  /** Route distinguisher of VPNs (RFC 4364) as `64512:1`; null without. */
  rd: string | null;
}

/** A destination that is announced; the next hop is NEXT_HOP's or, of other families, that of MP_REACH_NLRI. */
export interface Announcement extends Nlri {
  nextHop: string | null;
}

/** Path attributes (RFC 4271 section 5 and others); null where an attribute is not there. */
export interface PathAttributes {
  origin: Origin | null;
  asPath: AsSegment[] | null;
  /** NEXT_HOP of IPv4 unicast in the plain NLRI. */
  nextHop: string | null;
  /** The second next hop that MP_REACH_NLRI of IPv6 may have (RFC 2545 section 3). */
  linkLocalNextHop: string | null;
  med: number | null;
  localPref: number | null;
  atomicAggregate: boolean;
  aggregator: { as: number; ip: string } | null;
  /** `64512:100`; well-known ones by name: `no-export`. */
  communities: string[];
  /** `rt:64512:100`, `soo:…`, else hexadecimal. */
  extendedCommunities: string[];
  /** `64512:1:2` (RFC 8092). */
  largeCommunities: string[];
  originatorId: string | null;
  clusterList: string[];
  /** Types of attributes that are not read, in their order. */
  others: number[];
}

/** UPDATE (RFC 4271 section 4.3). */
export interface BgpUpdate {
  withdrawn: Nlri[];
  announced: Announcement[];
  attributes: PathAttributes;
  /** The family whose End-of-RIB it is (RFC 4724 section 2); null where it is none. */
  endOfRib: Family | null;
  /** Families that it has destinations of and that are not read. */
  unread: Family[];
  /** What was wrong with it, in words: what it announces counts, and stands here, as withdrawn (RFC 7606); null where nothing was. */
  malformed: string | null;
  /** Attributes that a receiver ignores because they are malformed or there twice (RFC 7606), in words. */
  discarded: string[];
  /** Octets for AS numbers, and path ids, were guessed: the OPENs are not in the capture. */
  isAssumed: boolean;
}

/** Lengths of withdrawn routes and of path attributes, two octets each. */
const LENGTH = 2;

/**
 * The UPDATE whose message begins at `at`: `readHeader` found it, and all its `length` octets are there. LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are
 * read from all speakers; that those of another AS have no say with them is known to who knows the session (RFC 7606 sections 7.5, 7.9 and 7.10).
 */
export function readUpdate(view: DataView, at: number, length: number, coding: UpdateCoding): BgpUpdate {
  const reader = new UpdateReader(view, coding);
  reader.read(at + BGP_HEADER, at + length);
  return reader.update;
}

class UpdateReader {
  readonly update: BgpUpdate;
  private readonly view: DataView;
  private readonly coding: UpdateCoding;
  private readonly reader: AttributeReader;

  constructor(view: DataView, coding: UpdateCoding) {
    this.view = view;
    this.coding = coding;
    this.reader = new AttributeReader(view, coding.as4);
    this.update = {
      withdrawn: [],
      announced: [],
      attributes: this.reader.attributes,
      endOfRib: null,
      unread: [],
      malformed: null,
      discarded: this.reader.discarded,
      isAssumed: false,
    };
  }

  /** Withdrawn routes, path attributes, destinations: the first two with their length before them. */
  read(start: number, end: number): void {
    const { view, update, reader } = this;
    const withdrawn = start + LENGTH;
    const afterWithdrawn = withdrawn + view.getUint16(start);
    if (afterWithdrawn + LENGTH > end) {
      update.malformed = `withdrawn routes: expected ${afterWithdrawn - withdrawn} octets, ${end - withdrawn - LENGTH} are left`;
      return;
    }
    const attributes = afterWithdrawn + LENGTH;
    const destinations = attributes + view.getUint16(afterWithdrawn);
    this.withdraw(IPV4_UNICAST, withdrawn, afterWithdrawn);
    if (destinations > end) {
      this.fail(`path attributes: expected ${destinations - attributes} octets, ${end - attributes} are left`);
      return;
    }
    reader.read(attributes, destinations);
    if (reader.malformed !== null) this.fail(reader.malformed);
    if (reader.isAssumed) update.isAssumed = true;
    if (reader.unreach) this.withdrawFamily(reader.unreach);
    if (reader.reach) this.announceFamily(reader.reach);
    this.announce(IPV4_UNICAST, reader.attributes.nextHop, destinations, end);
    this.checkMandatory(destinations < end);
    if (update.malformed !== null) this.withdrawAll();
    else update.endOfRib = this.endOfRib(end - start);
  }

  private fail(reason: string): void {
    this.update.malformed ??= reason;
  }

  private withdrawFamily(unreach: Unreach): void {
    if (isReadFamily(unreach)) this.withdraw(unreach, unreach.at, unreach.end);
    else if (unreach.end > unreach.at) this.leaveUnread(unreach);
  }

  private announceFamily(reach: Reach): void {
    if (!isReadFamily(reach)) {
      this.leaveUnread(reach);
      return;
    }
    if (reach.nextHop === null) this.fail(unreadableNextHop(reach));
    this.announce(reach, reach.nextHop, reach.at, reach.end);
  }

  private leaveUnread({ afi, safi }: Family): void {
    if (!this.update.unread.some((family) => family.afi === afi && family.safi === safi)) this.update.unread.push({ afi, safi });
  }

  private withdraw(family: Family, at: number, end: number): void {
    if (at === end) return;
    const { afi, safi } = family;
    const { withdrawn } = this.update;
    const wrong = readPrefixes(this.view, at, end, family, this.hasPathIds(family, at, end), (prefix, pathId, rd) => {
      withdrawn.push({ afi, safi, prefix, pathId, rd });
    });
    if (wrong !== null) this.fail(wrong);
  }

  private announce(family: Family, nextHop: string | null, at: number, end: number): void {
    if (at === end) return;
    const { afi, safi } = family;
    const { announced } = this.update;
    const wrong = readPrefixes(this.view, at, end, family, this.hasPathIds(family, at, end), (prefix, pathId, rd) => {
      announced.push({ afi, safi, prefix, pathId, rd, nextHop });
    });
    if (wrong !== null) this.fail(wrong);
  }

  /** By what the OPENs say; without them by what the octets can be. */
  private hasPathIds(family: Family, at: number, end: number): boolean {
    const { addPath } = this.coding;
    if (addPath) return addPath.some(({ afi, safi }) => afi === family.afi && safi === family.safi);
    this.update.isAssumed = true;
    return !arePlausiblePrefixes(this.view, at, end, family, false) && arePlausiblePrefixes(this.view, at, end, family, true);
  }

  /** RFC 4271 section 6.3: without these no destination can be announced; NEXT_HOP of the plain ones alone (RFC 4760 section 3). */
  private checkMandatory(hasPlain: boolean): void {
    if (!hasPlain && this.update.announced.length === 0) return;
    const { origin, asPath, nextHop } = this.reader.attributes;
    if (origin === null) this.fail('ORIGIN is missing');
    if (asPath === null) this.fail('AS_PATH is missing');
    if (hasPlain && nextHop === null) this.fail('NEXT_HOP is missing');
  }

  /** RFC 7606 section 2: the session goes on, and what would have been announced counts as withdrawn. */
  private withdrawAll(): void {
    const { announced, withdrawn } = this.update;
    for (const { afi, safi, prefix, pathId, rd } of announced) withdrawn.push({ afi, safi, prefix, pathId, rd });
    this.update.announced = [];
  }

  /** An UPDATE without anything, or with nothing but an empty MP_UNREACH_NLRI; `length`: octets behind the header. */
  private endOfRib(length: number): Family | null {
    if (length === 2 * LENGTH) return IPV4_UNICAST;
    const { unreach, count } = this.reader;
    if (!unreach || count !== 1 || unreach.at < unreach.end) return null;
    const { withdrawn, announced } = this.update;
    return withdrawn.length === 0 && announced.length === 0 ? { afi: unreach.afi, safi: unreach.safi } : null;
  }
}
