import type { Mac } from '../net/mac.ts';
import type { Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { fingerprint } from './copies.ts';
import { Evidence } from './evidence.ts';
import { type Stamp, stampOf } from './stamp.ts';

/** A machine in the middle passes packets on in user space: slower than a router, faster than this. */
const RELAY_SEC = 0.5;
const SLOTS = 1024;
const MOST_WATCHED = 64;
const MOST_NEIGHBOURS = 64;

export interface Relayed {
  packets: number;
  evidence: Evidence;
}

/** What a watched MAC passed on, by the MACs that it came from or went to. */
type Relays = BoundedMap<Mac, Relayed>;

/** Watches MACs that draw other machines' traffic to them: does what goes in come out again? Costs nothing while none is watched. */
export class RelayWatch {
  private readonly watched = new Map<Mac, Relays>();
  private readonly prints = new Int32Array(SLOTS);
  private readonly seen = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);
  private readonly sources = new Float64Array(SLOTS);
  private readonly stamps: (Stamp | undefined)[] = new Array(SLOTS).fill(undefined);

  get isActive(): boolean {
    return this.watched.size > 0;
  }

  watch(mac: Mac): void {
    if (!this.watched.has(mac) && this.watched.size < MOST_WATCHED) this.watched.set(mac, new BoundedMap(MOST_NEIGHBOURS));
  }

  /** What `mac` passed on from or to `neighbour`. */
  relayedBy(mac: Mac, neighbour: Mac): Relayed | undefined {
    return this.watched.get(mac)?.get(neighbour);
  }

  observe(packet: Packet): void {
    // What passes on IP packets does so on Ethernet; a fingerprint needs eight octets behind the IP header.
    if (packet.transport === 0 || packet.ethernetAt < 0 || packet.capturedEnd - packet.transportAt < 8) return;
    const into = this.watched.has(packet.destinationMac);
    const relays = this.watched.get(packet.sourceMac);
    if (!into && !relays) return;
    const print = fingerprint(packet);
    const slot = (print ^ (print >>> 16)) & (SLOTS - 1);
    if (into) {
      this.prints[slot] = print;
      this.seen[slot] = packet.at;
      this.sources[slot] = packet.sourceMac;
      this.stamps[slot] = stampOf(packet);
    } else if (relays && this.prints[slot] === print && Math.abs(packet.at - (this.seen[slot] ?? 0)) <= RELAY_SEC) {
      const before = this.stamps[slot];
      for (const neighbour of [this.sources[slot] ?? -1, packet.destinationMac]) {
        const relayed = relays.take(neighbour, () => ({ packets: 0, evidence: new Evidence() }));
        relayed.packets++;
        if (before) relayed.evidence.add('to-relay', before);
        relayed.evidence.add('relayed', stampOf(packet));
      }
    }
  }

  reset(): void {
    this.watched.clear();
    this.seen.fill(Number.NEGATIVE_INFINITY);
  }
}
