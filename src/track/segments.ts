import type { Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { NONE, Table } from './table.ts';

/** The same broadcast on two interfaces within this time is one message on one segment. */
const SAME_BROADCAST_SEC = 0.005;
const MOST_SEGMENTS = 8192;
const MOST_RECENT = 1024;

/**
 * Which interfaces lie in one broadcast domain. A segment begins as a place (an interface with its VLAN stack and tunnel); places that receive the
 * same broadcast at the same time are joined. Answers of different segments are never compared.
 */
export class Segments {
  private readonly places: Table;
  /** The place with the key that was written last: each packet is asked for twice, and mostly comes from where the one before did. */
  private latest = NONE;
  private readonly parent = new Int32Array(MOST_SEGMENTS);
  /** The VLAN tags of each place, as in its key. */
  private readonly tags = new Int32Array(MOST_SEGMENTS);
  /** Messages seen within the last SAME_BROADCAST_SEC, by their octets, and where. */
  private readonly recent: Table;
  private readonly recentPlace = new Int32Array(MOST_RECENT);
  private readonly onJoin: (kept: number, absorbed: number) => void;

  /**
   * @param words length of a message's fingerprint
   * @param onJoin two segments became one: what is known under `absorbed` now belongs to `kept`
   */
  constructor(clock: Clock, words: number, onJoin: (kept: number, absorbed: number) => void) {
    this.places = new Table({ words: 5, limit: MOST_SEGMENTS, idleSec: Number.POSITIVE_INFINITY, clock });
    this.recent = new Table({ words, limit: MOST_RECENT, idleSec: SAME_BROADCAST_SEC, clock });
    this.onJoin = onJoin;
  }

  /** The segment where the packet was seen. */
  of(packet: Packet): number {
    return this.find(this.placeOf(packet));
  }

  /** The segment that `segment` is part of by now. */
  find(segment: number): number {
    let root = segment;
    while (this.parent[root] !== root) root = this.parent[root] ?? root;
    for (let each = segment; each !== root; ) {
      const next = this.parent[each] ?? root;
      this.parent[each] = root;
      each = next;
    }
    return root;
  }

  /** Where the caller writes a message's fingerprint before `isCopy`. */
  get fingerprint(): Int32Array {
    return this.recent.key;
  }

  /**
   * Whether the message with this fingerprint was seen just now, on another interface or mirrored on the same one.
   * @param broadcast a copy elsewhere shows that both places are one segment
   */
  isCopy(packet: Packet, broadcast: boolean): boolean {
    const place = this.placeOf(packet);
    const id = this.recent.touch();
    if (id === NONE) {
      this.recentPlace[this.recent.add()] = place;
      return false;
    }
    const earlier = this.recentPlace[id] ?? place;
    if (this.areOtherVlans(earlier, place)) {
      this.recentPlace[id] = place;
      return false;
    }
    if (broadcast) this.join(earlier, place);
    return true;
  }

  expire(): void {
    this.recent.expire();
  }

  /** The capture's time starts anew. */
  finish(): void {
    this.recent.clear();
  }

  private placeOf({ interfaceId, vlanCount, vlans, path, tunnelId }: Packet): number {
    const { key } = this.places;
    const tags = vlanCount > 0 ? ((vlans[0] ?? 0) << 12) | ((vlans[1] ?? 0) * (vlanCount > 1 ? 1 : 0)) | (vlanCount << 24) : 0;
    const innerTags = vlanCount > 2 ? ((vlans[2] ?? 0) << 12) | (vlanCount > 3 ? (vlans[3] ?? 0) : 0) : 0;
    const isLatest = key[0] === interfaceId && key[1] === tags && key[2] === innerTags && key[3] === path && key[4] === tunnelId;
    if (isLatest && this.latest !== NONE) return this.latest;
    key[0] = interfaceId;
    key[1] = tags;
    key[2] = innerTags;
    key[3] = path;
    key[4] = tunnelId;
    this.latest = this.places.touch();
    if (this.latest !== NONE) return this.latest;
    this.latest = this.places.add();
    this.parent[this.latest] = this.latest;
    this.tags[this.latest] = tags;
    return this.latest;
  }

  /** Both have a tag, as many of them, and not the same: a host may ask the same in two VLANs. A tag that one of them lacks was stripped on the way. */
  private areOtherVlans(a: number, b: number): boolean {
    const [tagsOfA, tagsOfB] = [this.tags[a] ?? 0, this.tags[b] ?? 0];
    return tagsOfA !== tagsOfB && tagsOfA !== 0 && tagsOfA >> 24 === tagsOfB >> 24;
  }

  private join(a: number, b: number): void {
    const rootOfA = this.find(a);
    const rootOfB = this.find(b);
    if (rootOfA === rootOfB) return;
    const kept = Math.min(rootOfA, rootOfB);
    const absorbed = Math.max(rootOfA, rootOfB);
    this.parent[absorbed] = kept;
    this.onJoin(kept, absorbed);
  }
}
