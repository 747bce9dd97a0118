import { commonPrefixLength, ipv4Text, isIpv6Text } from '../net/ip.ts';
import { ArpOper } from '../wire/arp.ts';
import { Icmpv6Type } from '../wire/icmp.ts';
import { NDP_LENGTH, NdpView } from '../wire/ndp.ts';
import type { Packet } from '../wire/packet.ts';
import { isForAll } from './casting.ts';
import { addressNumber } from './passages.ts';

/** A subnet is taken to be no wider than this where nothing tells its width. */
const USUAL_PREFIX = 24;
const USUAL_PREFIX_V6 = 64;

const MOST_WAYS = 4096;
const MOST_NEIGHBOURS = 64;
const MOST_REACHED = 16;

/** Whether an address belongs to the network of an interface, as far as what passes there shows it; of `outside`, by what. */
export type Belonging =
  | { is: 'inside' | 'unknown' }
  /** The host resolves `gateway` there; or all its addresses that are reached there are `reached`. */
  | { is: 'outside'; gateway: string }
  | { is: 'outside'; reached: readonly string[] };

interface Surroundings {
  /** Neighbours that answer there, and addresses that are asked for there. */
  resolved: Set<number | string>;
  mentioned: Set<number>;
  /** The host's own addresses that are reached and answer there, and a number of each: text is made once. */
  reached: Set<string>;
  reachedNumbers: Set<number>;
  hasMore: boolean;
}

/** Which addresses are at home on an interface, by ARP and neighbour discovery there, and by who is reached there. Never an address of more than one subnet. */
export class OnLink {
  private readonly ways = new Map<number, Surroundings>();
  private readonly ndp = new NdpView();

  get size(): number {
    return this.ways.size;
  }

  /** An ARP packet that came in by `way`. */
  observeArp(packet: Packet, way: number): void {
    const { arp } = packet;
    const known = this.at(way);
    if (!known) return;
    const { mentioned, resolved } = known;
    if (mentioned.size < MOST_NEIGHBOURS) {
      mentioned.add(arp.spa);
      mentioned.add(arp.tpa);
    }
    if (arp.oper === ArpOper.Reply && !isForAll(packet) && resolved.size < MOST_NEIGHBOURS) resolved.add(arp.spa);
  }

  /** A neighbour advertisement that came in by `way`. */
  observeNdp(packet: Packet, way: number): void {
    if (packet.icmpType !== Icmpv6Type.NeighbourAdvertisement || isForAll(packet)) return;
    if (packet.capturedEnd - packet.transportAt < NDP_LENGTH || !this.ndp.place(packet)) return;
    const known = this.at(way);
    if (!known || known.resolved.size >= MOST_NEIGHBOURS) return;
    const { target } = this.ndp;
    // Link-local addresses are everywhere.
    if (!target.startsWith('fe80:')) known.resolved.add(target);
  }

  /** Something for an own address came in by `way`, and was answered by the same way: the packet is one of the two. */
  reached(way: number, packet: Packet, isSource: boolean): void {
    const known = this.at(way);
    const number = addressNumber(packet, isSource);
    if (!known || known.hasMore || known.reachedNumbers.has(number)) return;
    if (known.reached.size >= MOST_REACHED) {
      known.hasMore = true;
      return;
    }
    known.reachedNumbers.add(number);
    known.reached.add(isSource ? packet.sourceIp : packet.destinationIp);
  }

  /** Whether `ip` belongs to the network of `way`. */
  belonging(way: number, ip: string): Belonging {
    const known = this.ways.get(way);
    if (!known) return { is: 'unknown' };
    const resolved = [...known.resolved].map((each) => (typeof each === 'number' ? ipv4Text(each) : each));
    const mentioned = [...known.mentioned].map((each) => ipv4Text(each));
    const reached = [...known.reached];
    if ([...resolved, ...mentioned, ...reached].some((each) => areNear(each, ip))) return { is: 'inside' };
    const gateway = resolved.find((each) => isIpv6Text(each) === isIpv6Text(ip));
    if (gateway !== undefined) return { is: 'outside', gateway };
    const ofFamily = reached.filter((each) => isIpv6Text(each) === isIpv6Text(ip));
    return ofFamily.length > 0 && !known.hasMore ? { is: 'outside', reached: ofFamily } : { is: 'unknown' };
  }

  reset(): void {
    this.ways.clear();
  }

  private at(way: number): Surroundings | undefined {
    let known = this.ways.get(way);
    if (!known && this.ways.size < MOST_WAYS) {
      known = { resolved: new Set(), mentioned: new Set(), reached: new Set(), reachedNumbers: new Set(), hasMore: false };
      this.ways.set(way, known);
    }
    return known;
  }
}

const areNear = (a: string, b: string): boolean => commonPrefixLength(a, b) >= (isIpv6Text(b) ? USUAL_PREFIX_V6 : USUAL_PREFIX);
