import { ipv4Text } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import type { Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { Evidence } from './evidence.ts';
import { stampOf } from './stamp.ts';

const MOST_MISMATCHES = 4096;

/** ARP packets that say something else than the frame that carries them. */
export interface Mismatch {
  /** The sender that the packets name (SHA, SPA), and the frames' own source. */
  mac: Mac;
  ip: string;
  ethernetSource: Mac;
  /** Answers whose target is not the frame's destination: THA, and that destination. Undefined where it is the sender that differs. */
  target: { mac: Mac; destination: Mac } | undefined;
  segment: number;
  path: number;
  count: number;
  evidence: Evidence;
}

/** Collects ARP packets whose sender or target is not the frame's. */
export class MismatchTracker {
  readonly found = new BoundedMap<string, Mismatch>(MOST_MISMATCHES);

  /** The link layer's source is not the sender. */
  sender(packet: Packet, segment: number): void {
    this.count(packet, segment, undefined);
  }

  /** The link layer's destination is not the target of a unicast answer. */
  target(packet: Packet, segment: number): void {
    this.count(packet, segment, { mac: packet.arp.tha, destination: packet.destinationMac });
  }

  private count(packet: Packet, segment: number, target: Mismatch['target']): void {
    const { arp, path, sourceMac: ethernetSource } = packet;
    const { sha, spa } = arp;
    const other = target ? `to ${target.mac}/${target.destination}` : `from ${ethernetSource}`;
    const mismatch = this.found.take(`${segment}/${sha}/${spa}/${other}`, () => ({
      mac: sha,
      ip: ipv4Text(spa),
      ethernetSource,
      target,
      segment,
      path,
      count: 0,
      evidence: new Evidence(),
    }));
    mismatch.count++;
    mismatch.evidence.add('mismatch', stampOf(packet));
  }
}
