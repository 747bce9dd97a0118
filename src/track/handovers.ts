import { Direction } from '../frame.ts';
import { compareIps, isIpv6Text, isLinkLocalIp, isLoopbackIp } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import { isLayer3 } from '../wire/layer3.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, type Packet } from '../wire/packet.ts';
import { isForAll } from './casting.ts';
import { Destinations, MOST_HOPS } from './destinations.ts';
import { addressText, isSameAddress, writeAddress } from './flows.ts';
import type { InterfaceName, InterfaceTracker } from './interfaces.ts';
import type { Neighbourhood } from './neighbourhood.ts';
import type { Stamp } from './stamp.ts';
import { NONE, Table } from './table.ts';

/** Packets of a destination that are looked at closer: the first two, and one more. */
const LATER = 15;
/** So many of the newest destinations are waited for: a neighbour answers soon. */
const NEWEST = 4;

/*
 * A hop's key: interface | MAC of the frames 2, of which the first is NO_MAC on a link without them. Its own word: destinations behind it that
 * are not known to be its own.
 */
const TO = 1;
const NO_MAC = -1;
/** The hops that were used last, by the lowest bits of their MACs. */
const RECENT = 1024;

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

/** What is known of the addresses of a MAC. */
interface Station {
  /** Those that it answers for or announces, and since when; those it asks with. */
  claimed: Map<string, { first: number; last: number }>;
  asksWith: Set<string>;
  /** Whether they are IPv6. */
  families: Set<boolean>;
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

  /** The host's own address there: it is in every packet. Of two of which none was left out, the sender of the first one. */
  get own(): string | undefined {
    if (this.isSource) return addressText(this.words, 0);
    return this.isDestination ? addressText(this.words, 4) : undefined;
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
  private readonly hops: Table;
  private readonly recent = new Int32Array(RECENT).fill(NONE);
  /** Last words of the newest destinations, in turn. */
  private readonly newest = new Int32Array(NEWEST);
  private turn = 0;
  /** By interface and family. */
  private readonly ends: Ends[] = [];
  private stations = new Map<Mac, Station>();
  private stationsNews = -1;

  constructor(clock: Packet, interfaces: InterfaceTracker, neighbourhood: Neighbourhood, events: HandoverEvents) {
    this.interfaces = interfaces;
    this.neighbourhood = neighbourhood;
    this.events = events;
    this.hops = new Table({ words: 3, own: 1, limit: MOST_HOPS, idleSec: Number.POSITIVE_INFINITY, clock });
  }

  get size(): number {
    return this.destinations.size + this.hops.size;
  }

  get evicted(): number {
    return this.destinations.evicted;
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
    const hop = this.hopOf(packet.interfaceId, high, low);
    // There are more link-layer destinations than there can be.
    if (hop === NONE) return;
    const { destinations } = this;
    destinations.take(packet, hop);
    if (destinations.isNew) {
      this.countDestination(hop, 1);
      this.newest[this.turn] = lastWord(packet, false);
      this.turn = (this.turn + 1) % NEWEST;
    }
    if (ethernetAt < 0 || !isInitial(packet.ttl)) return;
    // What answers a new destination's first packet, or one of the first to somebody else: is it its sender's own?
    const { before } = destinations;
    if (before < 2 || before === LATER || this.newest.includes(lastWord(packet, true))) this.senderIsOwn(packet);
  }

  /** The id of a link-layer destination, added where there is none and room for it. */
  private hopOf(interfaceId: number, high: number, low: number): number {
    const { hops, recent } = this;
    const place = (low ^ interfaceId) & (RECENT - 1);
    const known = recent[place] ?? NONE;
    if (known !== NONE && hops.keyWord(known, TO + 1) === low && hops.keyWord(known, TO) === high && hops.keyWord(known, 0) === interfaceId)
      return known;
    const { key } = hops;
    key[0] = interfaceId;
    key[TO] = high;
    key[TO + 1] = low;
    let id = hops.find();
    if (id === NONE) {
      if (hops.size === hops.limit) return NONE;
      id = hops.add();
    }
    recent[place] = id;
    return id;
  }

  private countDestination(hop: number, by: number): void {
    const { words } = this.hops;
    const own = this.hops.ownOf(hop);
    words[own] = Math.max(0, (words[own] ?? 0) + by);
  }

  /** The packet has passed no router since its source sent it: who sent the frame has the address. */
  private senderIsOwn(packet: Packet): void {
    const { destinations } = this;
    const { view, ethernetAt } = packet;
    const hop = this.hopOf(packet.interfaceId, view.getUint16(ethernetAt + 6), view.getInt32(ethernetAt + 8));
    const id = hop === NONE ? NONE : destinations.idOfSource(packet, hop);
    if (id === NONE || destinations.flagsOf(id) & OWN) return;
    destinations.setFlag(id, OWN);
    this.countDestination(hop, -1);
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
    for (const id of this.destinations.ids()) this.tell(id);
  }

  reset(): void {
    this.destinations.clear();
    this.hops.clear();
    this.recent.fill(NONE);
    this.ends.length = 0;
    this.stations.clear();
    this.stationsNews = -1;
  }

  private tell(id: number): void {
    const { destinations, hops } = this;
    if (destinations.flagsOf(id) & OWN) return;
    const hop = destinations.hopOf(id);
    const high = hops.keyWord(hop, TO);
    const mac = high === NO_MAC ? null : high * 2 ** 32 + (hops.keyWord(hop, TO + 1) >>> 0);
    const destination = destinations.destinationOf(id);
    if (isNear(destination) || (mac === null && this.isOwn(destination, hop))) return;
    const station = mac === null ? undefined : this.stationOf(mac);
    if (mac !== null && !this.isBeyond(destination, mac, station, hop)) return;
    this.events.handover(() => {
      const { packets, octets } = destinations.countsOf(id);
      const first = destinations.firstOf(id);
      const name = this.interfaces.list[hops.keyWord(hop, 0)]?.name ?? null;
      return { destination, mac, ip: addressOf(station, destination, first.at), interface: name, path: 0, packets, bytes: octets, first };
    });
  }

  /** On a link without link-layer addresses: whether it is the host's own address. */
  private isOwn(destination: string, hop: number): boolean {
    return this.ends[this.hops.keyWord(hop, 0) * 2 + (isIpv6Text(destination) ? 1 : 0)]?.own === destination;
  }

  /** Whether the destination is reached through the machine with the MAC: it has another address, or several destinations are behind it. */
  private isBeyond(destination: string, mac: Mac, station: Station | undefined, hop: number): boolean {
    // A loopback device has a MAC of zeros.
    if (mac === 0 || station?.claimed.has(destination) || station?.asksWith.has(destination)) return false;
    return station?.families.has(isIpv6Text(destination)) || (this.hops.words[this.hops.ownOf(hop)] ?? 0) > 1;
  }

  private stationOf(mac: Mac): Station | undefined {
    const { neighbourhood } = this;
    if (this.stationsNews !== neighbourhood.news) {
      this.stationsNews = neighbourhood.news;
      this.stations = stationsOf(neighbourhood);
    }
    return this.stations.get(mac);
  }
}

/** Hop limits that hosts give to packets; what has passed a router has less. */
const isInitial = (ttl: number): boolean => ttl === 64 || ttl === 128 || ttl === 255;

/** Of the source's or the destination's address. */
function lastWord({ version, view, ipAt, src4, dst4 }: Packet, isSource: boolean): number {
  if (version === 4) return isSource ? src4 : dst4;
  return view.getInt32(ipAt + (isSource ? IPV6_SOURCE : IPV6_DESTINATION) + 12);
}

/** Addresses that are never behind a gateway. */
const isNear = (ip: string): boolean => isLinkLocalIp(ip) || isLoopbackIp(ip) || ip === '255.255.255.255';

function stationsOf(neighbourhood: Neighbourhood): Map<Mac, Station> {
  const stations = new Map<Mac, Station>();
  const at = (mac: Mac, ip: string): Station => {
    const known = stations.get(mac) ?? { claimed: new Map(), asksWith: new Set(), families: new Set() };
    stations.set(mac, known);
    known.families.add(isIpv6Text(ip));
    return known;
  };
  for (const { ip, claims, askedWith } of neighbourhood.list) {
    for (const { mac, answers, announcements, first, last } of claims.values())
      if (answers + announcements > 0) at(mac, ip).claimed.set(ip, { first: first.at, last: last.at });
    for (const mac of askedWith?.keys() ?? []) at(mac, ip).asksWith.add(ip);
  }
  return stations;
}

/**
 * The address by which the machine is known as a gateway: of the destination's family (IPv6 routers are known by their link-local ones), one that
 * it answered for by then, the latest; else one that it asks with. Null where there is none.
 */
function addressOf(station: Station | undefined, destination: string, at: number): string | null {
  if (!station) return null;
  const isOfFamily = (ip: string): boolean => isIpv6Text(ip) === isIpv6Text(destination);
  const distance = ({ first, last }: { first: number; last: number }): number => (first > at ? first - at : Math.max(0, at - last));
  const claimed = [...station.claimed]
    .filter(([ip]) => isOfFamily(ip))
    .sort(
      ([a, seenA], [b, seenB]) =>
        distance(seenA) - distance(seenB) || Number(isLinkLocalIp(b)) - Number(isLinkLocalIp(a)) || compareIps(a, b),
    );
  const [first] = claimed;
  if (first) return first[0];
  return [...station.asksWith].filter(isOfFamily).sort(compareIps)[0] ?? null;
}
