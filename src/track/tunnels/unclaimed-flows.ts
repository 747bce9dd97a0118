import type { Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';
import { wireLength } from './sizes.ts';

/** As many as there are candidates of OpenVPN. */
const MOST_FLOWS = 1024;

/** Frames are counted from 1. */
const NO_FRAME = -1;

/** What a flow had before it was known that it is a tunnel. */
export interface Before {
  readonly first: Stamp;
  firstFromLower: boolean;
  fromLower: number;
  fromUpper: number;
  /** Octets of the outer IP packets, and of the largest one. */
  bytes: number;
  largest: number;
  frame: number;
}

/** Flows that may turn out to be tunnels: WireGuard and OpenVPN whose beginning is not in the capture are known by their later packets. */
export class UnclaimedFlows {
  private readonly flows = new BoundedMap<number, Before>(MOST_FLOWS, (before) => {
    this.spare = before;
  });
  /** What was pushed out last: where more flows take turns, each packet begins one. */
  private spare: Before | undefined;
  /** The packet that is being counted, and what begins a flow with it: one function for all, since flows of unknown protocol come here with every packet. */
  private packet: Packet | undefined;
  private lower = false;
  private readonly begin = (): Before => this.begun(this.packet as Packet);

  get size(): number {
    return this.flows.size;
  }

  get evicted(): number {
    return this.flows.evicted;
  }

  /** Counts a packet; one that several protocols claim for themselves counts once. */
  note(packet: Packet, flow: number, lower: boolean): void {
    const length = wireLength(packet);
    this.packet = packet;
    this.lower = lower;
    const known = this.flows.take(flow, this.begin);
    if (known.frame === packet.frame) return;
    known.frame = packet.frame;
    if (lower) known.fromLower++;
    else known.fromUpper++;
    known.bytes += length;
    known.largest = Math.max(known.largest, length);
  }

  /** What a flow had, once. */
  take(flow: number): Before | undefined {
    if (this.flows.size === 0) return undefined;
    const known = this.flows.get(flow);
    if (known) this.flows.delete(flow);
    return known;
  }

  clear(): void {
    this.flows.clear();
  }

  private begun(packet: Packet): Before {
    const { spare } = this;
    if (!spare) return beginning(packet, this.lower);
    this.spare = undefined;
    overwriteStamp(spare.first, packet);
    spare.firstFromLower = this.lower;
    spare.fromLower = 0;
    spare.fromUpper = 0;
    spare.bytes = 0;
    spare.largest = 0;
    spare.frame = NO_FRAME;
    return spare;
  }
}

const beginning = (packet: Packet, lower: boolean): Before => ({
  first: stampOf(packet),
  firstFromLower: lower,
  fromLower: 0,
  fromUpper: 0,
  bytes: 0,
  largest: 0,
  frame: NO_FRAME,
});
