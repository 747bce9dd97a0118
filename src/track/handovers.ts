import { Direction } from '../frame.ts';
import { compareIps, isIpv6Text, isLinkLocalIp } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import { isLayer3 } from '../wire/layer3.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { isForAll } from './casting.ts';
import { Destinations } from './destinations.ts';
import { isSameAddress, writeAddress } from './flows.ts';
import { Hops, NO_MAC } from './hops.ts';
import type { InterfaceName, InterfaceTracker } from './interfaces.ts';
import type { Address, Claim, Neighbourhood } from './neighbourhood.ts';
import type { Stamp } from './stamp.ts';
import { NONE } from './table.ts';

/** Packets of a destination that are looked at closer: the first two, and one more. */
const LATER = 15;
/** So many of the newest destinations are waited for: a neighbour answers soon. */
const NEWEST = 4;

/** Flag of a destination: the machine with the MAC has the address itself. */
const OWN = 1;

/** To whom packets for a destination beyond the link were handed. */
export interface Handover {
  destination: string;
  /** MAC of the frames; null on a link without link-layer addresses. */
  mac: Mac | null;
  /** Address of who has the MAC, by ARP or neighbour discovery at that time; null where nothing said so. */
  ip: string | null;
  interface: InterfaceName | null;
  path: number;
  packets: number;
  /** Octets of IP. */
  bytes: number;
  first: Stamp;
}

export interface HandoverEvents {
  handover(make: () => Handover): void;
}

/** An interface without link-layer addresses: the two addresses of its first packet, as long as each is at one end of all of them. */
class Ends {
  readonly words = new Int32Array(8);
  isSource = true;
  isDestination = true;

  constructor(packet: Packet) {
    writeAddress(this.words, 0, packet, true);
    writeAddress(this.words, 4, packet, false);
  }

  observe(packet: Packet): void {
    const { words } = this;
    if (this.isSource) this.isSource = isSameAddress(words, 0, packet, true) || isSameAddress(words, 0, packet, false);
    // What leaves is for somebody else.
    if (packet.direction === Direction.Out) this.isDestination = false;
    if (this.isDestination) this.isDestination = isSameAddress(words, 4, packet, true) || isSameAddress(words, 4, packet, false);
  }

  /** Where the host's own address stands in the words, -1 where none is: it is in every packet. Of two of which none was left out, the sender of the first one. */
  get ownAt(): number {
    if (this.isSource) return 0;
    return this.isDestination ? 4 : -1;
  }
}

/**
 * Counts packets by destination and by the MAC they were handed to: whom hosts use as a gateway. Cooked captures of Ethernet do not show it; on a
 * link without link-layer addresses there is none. Whether a destination is beyond the link is decided when its record is made, by what is known of
 * the MAC by then: that it has another address, or that several destinations are behind it.
 */
export class HandoverTracker {
  private readonly interfaces: InterfaceTracker;
  private readonly neighbourhood: Neighbourhood;
  private readonly events: HandoverEvents;
  private readonly destinations = new Destinations((id) => this.tell(id));
  private readonly hops = new Hops();
  /** Last words of the newest destinations, in turn. */
  private readonly newest = new Int32Array(NEWEST);
  private turn = 0;
  /** By interface and family. */
  private readonly ends: Ends[] = [];
  /** The entry of which a record may be made, and what makes it: nothing new for each. */
  private told = NONE;
  private readonly make = (): Handover => this.handoverOf(this.told);

  constructor(interfaces: InterfaceTracker, neighbourhood: Neighbourhood, events: HandoverEvents) {
    this.interfaces = interfaces;
    this.neighbourhood = neighbourhood;
    this.events = events;
  }

  get size(): number {
    return this.destinations.size + this.hops.size;
  }

  get evicted(): number {
    return this.destinations.evicted;
  }

  /** The packet, of IP over Ethernet, will be observed soon. */
  expect(packet: Packet): void {
    const { ethernetAt, view } = packet;
    // The interface is not told yet, and that of a packet before it stands there: most captures have one.
    const hop = this.hops.find(packet.interfaceId, view.getUint16(ethernetAt), view.getInt32(ethernetAt + 2));
    if (hop !== NONE) this.destinations.expect(packet, hop);
  }

  /** Fetches what is known of the destinations of all expected packets. */
  fetch(): void {
    this.destinations.fetch();
  }

  /** An IP packet that is in no tunnel. */
  observe(packet: Packet): void {
    const { ethernetAt, view } = packet;
    let high = NO_MAC;
    let low = 0;
    if (ethernetAt >= 0) {
      high = view.getUint16(ethernetAt);
      low = view.getInt32(ethernetAt + 2);
      // To a group or to all.
      if (high & 0x100) return;
    } else {
      if (!isLayer3(packet) || packet.direction === Direction.In || isForAll(packet)) return;
      this.observeEnds(packet);
    }
    const hop = this.hops.idOf(packet.interfaceId, high, low);
    // There are more link-layer destinations than there can be.
    if (hop === NONE) return;
    const { destinations, newest } = this;
    destinations.take(packet, hop);
    if (destinations.isNew) {
      this.hops.countDestination(hop, 1);
      newest[this.turn] = lastWord(packet, false);
      this.turn = (this.turn + 1) % NEWEST;
    }
    if (ethernetAt < 0 || !isInitial(packet.ttl)) return;
    // What answers a new destination's first packet, or one of the first to somebody else: is it its sender's own?
    const { before } = destinations;
    if (before < 2 || before === LATER || isAmong(newest, lastWord(packet, true))) this.senderIsOwn(packet);
  }

  /** The packet has passed no router since its source sent it: who sent the frame has the address. */
  private senderIsOwn(packet: Packet): void {
    const { destinations, hops } = this;
    const { view, ethernetAt } = packet;
    const hop = hops.idOf(packet.interfaceId, view.getUint16(ethernetAt + 6), view.getInt32(ethernetAt + 8));
    const id = hop === NONE ? NONE : destinations.idOfSource(packet, hop);
    if (id === NONE || destinations.flagsOf(id) & OWN) return;
    destinations.setFlag(id, OWN);
    hops.countDestination(hop, -1);
  }

  private observeEnds(packet: Packet): void {
    const at = packet.interfaceId * 2 + (packet.version === 6 ? 1 : 0);
    const ends = this.ends[at];
    const known = ends ?? new Ends(packet);
    this.ends[at] = known;
    known.observe(packet);
  }

  expire(now: number): void {
    this.destinations.expire(now);
  }

  /** What is known stays known until `reset`. */
  finish(): void {
    const { destinations } = this;
    for (let id = 0; id < destinations.end; id++) if (destinations.has(id)) this.tell(id);
  }

  reset(): void {
    this.destinations.clear();
    this.hops.clear();
    this.ends.length = 0;
  }

  private tell(id: number): void {
    const { destinations, hops } = this;
    if (destinations.flagsOf(id) & OWN || destinations.isNear(id)) return;
    const hop = destinations.hopOf(id);
    const mac = hops.macOf(hop);
    if (mac === null ? this.isOwn(id, hop) : !this.isBeyond(id, mac, hop)) return;
    this.told = id;
    this.events.handover(this.make);
  }

  private handoverOf(id: number): Handover {
    const { destinations, hops } = this;
    const hop = destinations.hopOf(id);
    const mac = hops.macOf(hop);
    const destination = destinations.destinationOf(id);
    const { packets, octets } = destinations.countsOf(id);
    const first = destinations.firstOf(id);
    const name = this.interfaces.list[hops.interfaceOf(hop)]?.name ?? null;
    const ip = mac === null ? null : this.addressOf(mac, destination, first.at);
    return { destination, mac, ip, interface: name, path: 0, packets, bytes: octets, first };
  }

  /** On a link without link-layer addresses: whether it is the host's own address. */
  private isOwn(id: number, hop: number): boolean {
    const { destinations } = this;
    const ends = this.ends[this.hops.interfaceOf(hop) * 2 + (destinations.isIpv6(id) ? 1 : 0)];
    return ends !== undefined && ends.ownAt >= 0 && destinations.isTo(id, ends.words, ends.ownAt);
  }

  /** Whether the destination is reached through the machine with the MAC: it has another address, or several destinations are behind it. */
  private isBeyond(id: number, mac: Mac, hop: number): boolean {
    // A loopback device has a MAC of zeros.
    if (mac === 0) return false;
    const held = this.neighbourhood.holdings.of(mac);
    const { destinations, hops } = this;
    if (held) {
      const alike = held.get(destinations.lastWordOf(id));
      if (alike?.some(({ ip }) => ip === destinations.destinationOf(id))) return false;
      if (hasOfFamily(held, destinations.isIpv6(id))) return true;
    }
    return hops.destinationsOf(hop) > 1;
  }

  /**
   * The address by which the machine is known as a gateway: of the destination's family (IPv6 routers are known by their link-local ones), one that
   * it answered for by then, the latest; else one that it asks with. Null where there is none.
   */
  private addressOf(mac: Mac, destination: string, at: number): string | null {
    const isIpv6 = isIpv6Text(destination);
    const claimed: Claimed[] = [];
    const asksWith: string[] = [];
    for (const addresses of this.neighbourhood.holdings.of(mac)?.values() ?? []) {
      for (const { ip, claims } of addresses) {
        if (isIpv6Text(ip) !== isIpv6) continue;
        asksWith.push(ip);
        const claim = claims.get(mac);
        if (claim && claim.answers + claim.announcements > 0) claimed.push({ ip, distance: distanceOf(claim, at) });
      }
    }
    claimed.sort((a, b) => a.distance - b.distance || Number(isLinkLocalIp(b.ip)) - Number(isLinkLocalIp(a.ip)) || compareIps(a.ip, b.ip));
    return claimed[0]?.ip ?? asksWith.sort(compareIps)[0] ?? null;
  }
}

/** An address that a MAC answers for, and how many seconds away it did so. */
interface Claimed {
  ip: string;
  distance: number;
}

const distanceOf = ({ first, last }: Claim, at: number): number => (first.at > at ? first.at - at : Math.max(0, at - last.at));

/** Whether one of the addresses is of the family. */
function hasOfFamily(held: ReadonlyMap<number, readonly Address[]>, isIpv6: boolean): boolean {
  for (const addresses of held.values()) for (const { ip } of addresses) if (isIpv6Text(ip) === isIpv6) return true;
  return false;
}

/** Hop limits that hosts give to packets; what has passed a router has less. */
const isInitial = (ttl: number): boolean => ttl === 64 || ttl === 128 || ttl === 255;

/** Word by word: a built-in search of four words costs more than they do. */
function isAmong(words: Int32Array, word: number): boolean {
  for (let i = 0; i < NEWEST; i++) if (words[i] === word) return true;
  return false;
}

/** Of the source's or the destination's address. */
function lastWord({ version, view, ipAt, src4, dst4 }: Packet, isSource: boolean): number {
  if (version === 4) return isSource ? src4 : dst4;
  return view.getInt32(ipAt + (isSource ? IPV6_SOURCE : IPV6_DESTINATION) + 12);
}
