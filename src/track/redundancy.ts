import type { Mac } from '../net/mac.ts';
import { IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { type RouterAdvertisement, readActiveHsrp, readVrrp } from '../wire/redundancy.ts';
import type { RedundancyProtocol } from '../wire/virtual-mac.ts';
import { BoundedMap } from './bounded-map.ts';
import { Evidence } from './evidence.ts';
import type { Segments } from './segments.ts';
import { type Stamp, stampOf } from './stamp.ts';

const MOST_GROUPS = 4096;
const MOST_MASTERS = 16;
const MOST_VIRTUAL_IPS = 4096;
/** A router that hears nothing for three intervals takes over (RFC 9568 section 6.1): within that time the master is still there. */
const INTERVALS = 3;
/** A takeover changes the speaker once, a router that comes back and takes over at once twice; two masters go on doing it. */
export const COEXISTENCE = 3;

/** A router that speaks as the active one of its group. */
export interface Master {
  ip: string;
  mac: Mac | null;
  priority: number;
  advertisements: number;
  last: Stamp;
}

/** A virtual router on a segment, with whoever spoke as its master. */
export interface VirtualRouter {
  protocol: RedundancyProtocol;
  id: number;
  version: number;
  segment: number;
  path: number;
  /** As first advertised; empty where the protocol does not say. */
  virtualIps: string[];
  intervalSec: number;
  masters: Map<string, Master>;
  /** How often the speaking master changed while the one before was still there: in the row under way, and in the longest one. */
  changes: number;
  mostChanges: number;
  /** Of the row under way. */
  since: Stamp | undefined;
  lastChange: Stamp | undefined;
  /** Frames of the row under way, until it is too long for a handover. */
  pending: { stamp: Stamp; ip: string }[];
  /** Seconds in which several masters spoke, in the rows that are over. */
  overlapSeconds: number;
  lastIp: string;
  last: Stamp;
  evidence: Evidence;
}

/** Follows the advertisements of VRRP, CARP and HSRP: who is master, and which addresses move by design. */
export class RedundancyTracker {
  readonly routers = new BoundedMap<string, VirtualRouter>(MOST_GROUPS);
  private readonly virtualIps = new BoundedMap<string, RouterAdvertisement>(MOST_VIRTUAL_IPS);
  private readonly segments: Segments;

  constructor(segments: Segments) {
    this.segments = segments;
  }

  get size(): number {
    return this.routers.size;
  }

  get evicted(): number {
    return this.routers.evicted;
  }

  observe(packet: Packet): void {
    const said = readVrrp(packet) ?? readActiveHsrp(packet);
    if (!said) return;
    for (const ip of said.virtualIps) this.virtualIps.set(ip, said);
    const stamp = stampOf(packet);
    if (this.isCopy(packet, said.id)) return;
    const segment = this.segments.of(packet);
    const router = this.routers.take(this.keyOf(said, packet, segment), () => begin(said, packet, segment, stamp));
    router.intervalSec = said.intervalSec;
    this.speak(router, said, packet, stamp);
  }

  reset(): void {
    this.routers.clear();
    this.virtualIps.clear();
  }

  /** The group that shares this address, if one of its routers said so. */
  groupOf(ip: string): RouterAdvertisement | undefined {
    return this.virtualIps.get(ip);
  }

  /**
   * Groups are told apart by number within a segment. Where the capture does not tell the segments apart (tags stripped by a mirror, LINUX_SLL), a number
   * with entirely other virtual addresses is another group.
   */
  private keyOf({ protocol, id, virtualIps }: RouterAdvertisement, { version }: Packet, segment: number): string {
    const key = `${segment}/${protocol}/${id}/${version}`;
    const known = this.routers.get(key)?.virtualIps ?? [];
    const isOther = known.length > 0 && virtualIps.length > 0 && !virtualIps.some((ip) => known.includes(ip));
    return isOther ? `${key}/${virtualIps.toSorted()[0]}` : key;
  }

  /** The same advertisement again: a mirror, or a VLAN and the card that it lies on. Both are one segment then, for it goes to all. */
  private isCopy(packet: Packet, id: number): boolean {
    const { fingerprint } = this.segments;
    const { view, ipAt, version } = packet;
    // No ARP packet begins so.
    fingerprint[0] = packet.protocol << 16;
    fingerprint[1] = version === 4 ? packet.src4 : view.getInt32(ipAt + IPV6_SOURCE + 8);
    fingerprint[2] = version === 4 ? 0 : view.getInt32(ipAt + IPV6_SOURCE + 12);
    fingerprint[3] = packet.ident;
    fingerprint[4] = id;
    fingerprint.fill(0, 5);
    // IPv6 counts no packets, and cards of one router may share a link-local address: copies are told on one interface only.
    if (version === 6) fingerprint[5] = this.segments.of(packet) + 1;
    return this.segments.isCopy(packet, true);
  }

  private speak(router: VirtualRouter, said: RouterAdvertisement, packet: Packet, stamp: Stamp): void {
    const ip = packet.sourceIp;
    const linkSource = packet.sourceMac;
    const known = router.masters.get(ip);
    const before = router.masters.get(router.lastIp);
    if (known) {
      known.advertisements++;
      known.last = stamp;
      known.priority = said.priority;
    } else if (router.masters.size < MOST_MASTERS) {
      router.masters.set(ip, { ip, mac: linkSource < 0 ? null : linkSource, priority: said.priority, advertisements: 1, last: stamp });
    }
    const together = stamp.at - router.last.at <= INTERVALS * router.intervalSec;
    if (ip !== router.lastIp && before && together) change(router, before, ip, stamp);
    else if (!together || this.speaksAlone(router, stamp)) settle(router);
    router.lastIp = ip;
    router.last = stamp;
  }

  /** The other masters have been silent for so long that the handover is over. */
  private speaksAlone(router: VirtualRouter, stamp: Stamp): boolean {
    const limit = INTERVALS * router.intervalSec;
    return [...router.masters.values()].every(({ ip, last }) => ip === router.lastIp || stamp.at - last.at > limit);
  }
}

function change(router: VirtualRouter, before: Master, ip: string, stamp: Stamp): void {
  router.changes++;
  router.mostChanges = Math.max(router.mostChanges, router.changes);
  router.since ??= before.last;
  router.lastChange = stamp;
  router.pending.push({ stamp: before.last, ip: before.ip }, { stamp, ip });
  if (router.changes < COEXISTENCE) return;
  for (const each of router.pending) router.evidence.add('advertisement', each.stamp, `master ${each.ip}`);
  router.pending = [];
}

function settle(router: VirtualRouter): void {
  router.overlapSeconds += overlapOf(router);
  router.changes = 0;
  router.since = undefined;
  router.pending = [];
}

/** Seconds of the row under way, if it is more than a handover. */
const overlapOf = ({ changes, since, lastChange }: VirtualRouter): number =>
  changes >= COEXISTENCE && since && lastChange ? Math.max(0, lastChange.at - since.at) : 0;

/** Seconds in which several masters spoke. */
export const overlapSecondsOf = (router: VirtualRouter): number => router.overlapSeconds + overlapOf(router);

const begin = (said: RouterAdvertisement, packet: Packet, segment: number, stamp: Stamp): VirtualRouter => ({
  protocol: said.protocol,
  id: said.id,
  version: packet.version,
  segment,
  path: packet.path,
  virtualIps: said.virtualIps,
  intervalSec: said.intervalSec,
  masters: new Map(),
  changes: 0,
  mostChanges: 0,
  since: undefined,
  lastChange: undefined,
  pending: [],
  overlapSeconds: 0,
  lastIp: '',
  last: stamp,
  evidence: new Evidence(),
});
