import type { Context } from '../context/context.ts';
import type { Host, Link } from '../context/host.ts';
import { areStacked, isInNetworkOf } from '../context/stack.ts';
import { ipWords, isIpv6Text, isLinkLocalIp } from '../net/ip.ts';
import { IPV6_DESTINATION, type Packet } from '../wire/packet.ts';
import { capturedHost } from './captured-host.ts';
import { COPY_SEC } from './copies.ts';
import { Evidence, MOST_EVIDENCE } from './evidence.ts';
import { arrivesAt, type GatewayUse, GatewayUses } from './gateway-uses.ts';
import type { InterfaceTracker } from './interfaces.ts';
import { printOf } from './passages.ts';
import { overwriteStamp, type Stamp, stampOf } from './stamp.ts';

/** Pairs of an address and an interface that are watched: a host with more is forged. */
const MOST_WATCHED = 4096;
const MOST_SENDERS = 8;
/** A capture that describes more interfaces is forged. */
const MOST_DESCRIBED = 64;
/** Pairs for which a packet of the senders is looked for that goes through the host, and packets that are looked at for it. */
const MOST_AWAITING = 16;
const MOST_LOOKED_AT = 10_000;
const SLOTS = 256;
/** Where a packet was seen just now: nowhere, at the interface that has the address, or, from 0, at the wrong one of a watch. */
const NOWHERE = -2;
const RIGHT = -1;

/** Frames for an address that arrive at another interface of its host, which has an address of the same network. */
export interface Misdelivery {
  host: Host;
  ip: string;
  /** The interface that has the address, and the one by which the frames arrive. */
  expected: Link;
  actual: Link;
  packets: number;
  /** Seen at the host itself, by the interface; else by the MAC to which they are sent. */
  isAtHost: boolean;
  first: Stamp;
  last: Stamp;
  /** Addresses that sent the first ones. */
  senders: string[];
  evidence: Evidence;
  /** The first packet of one of these senders that came in by the same interface on its way to somebody else. */
  through: Through | undefined;
  /** Packets through the host, of neighbours who know this address alone of it. */
  asGateway: GatewayUse | undefined;
}

export interface Through {
  stamp: Stamp;
  source: string;
  destination: string;
}

/**
 * Whether frames for the addresses of the context's hosts (or of the capturing one, where the capture itself describes its interfaces) arrive at the interfaces that have
 * them: seen at the host by the interface (LINUX_SLL2), anywhere on Ethernet by the MAC to which they are sent. Only addresses in the network of a second card of their host are watched; where there are none, it costs nothing.
 */
export class DeliveryTracker {
  private readonly context: Context;
  private readonly interfaces: InterfaceTracker;
  private version = -1;
  /** How many interfaces were known when it was looked at what the capture says of them. */
  private described = -1;
  private watches: Watch[] = [];
  /** By the last word of the address. */
  private readonly byAddress = new Map<number, Watch[]>();
  private awaiting: Watch[] = [];
  private readonly gatewayUses = new GatewayUses();
  /** Packets for watched addresses: fingerprint, time, and where they were seen. */
  private readonly prints = new Int32Array(SLOTS);
  private readonly seen = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);
  private readonly places = new Int32Array(SLOTS).fill(NOWHERE);

  constructor(context: Context, interfaces: InterfaceTracker) {
    this.context = context;
    this.interfaces = interfaces;
    this.learn();
  }

  /** Whether there is anything to watch. */
  get isActive(): boolean {
    if (this.hasNewInterface) this.learn();
    return this.watches.length > 0;
  }

  get size(): number {
    return this.watches.length + this.gatewayUses.size;
  }

  get evicted(): number {
    return this.gatewayUses.evicted;
  }

  /** What arrived at another interface than its own. Without packets for the address itself, those that use it as their gateway count. Allocates. */
  get misdeliveries(): Misdelivery[] {
    return this.watches.flatMap((watch) => watch.told(this.gatewayUses.of(watch.host, watch.ip, watch.actual)) ?? []);
  }

  /** An ARP packet. */
  observeArp(packet: Packet): void {
    this.gatewayUses.observeArp(packet);
  }

  /** An IP packet. */
  observe(packet: Packet): void {
    // What is inside a tunnel is delivered by the tunnel.
    if (packet.depth > 0) return;
    const word = packet.version === 4 ? packet.dst4 : packet.view.getInt32(packet.ipAt + IPV6_DESTINATION + 12);
    const watches = this.byAddress.get(word);
    if (watches) for (const watch of watches) if (watch.isFor(packet)) this.compare(packet, watch);
    this.gatewayUses.observe(packet);
    for (const watch of this.awaiting) if (watch.findsThrough(packet)) this.awaiting = this.awaiting.filter((each) => each !== watch);
  }

  /** Hosts may say something else by now. What was seen of pairs that are still there is kept. */
  learn(): void {
    const { context, interfaces } = this;
    if (context.version === this.version && !this.hasNewInterface) return;
    this.version = context.version;
    this.described = interfaces.list.length;
    // What the user hands over goes before what the capture says.
    const captured = context.hosts.length === 0 ? capturedHost(interfaces.list.slice(0, MOST_DESCRIBED)) : undefined;
    const before = new Map(this.watches.map((watch) => [watch.key, watch.sighting]));
    this.watches = watchesOf(captured ? [captured] : context.hosts, (key) => before.get(key) ?? null);
    this.awaiting = [];
    this.places.fill(NOWHERE);
    this.gatewayUses.watch(this.watches.map(({ host, actual }) => ({ host, link: actual })));
    this.byAddress.clear();
    for (const watch of this.watches) this.byAddress.set(watch.lastWord, [...(this.byAddress.get(watch.lastWord) ?? []), watch]);
  }

  /** Without a context, what the capture says of an interface that was not known before may tell something. */
  private get hasNewInterface(): boolean {
    const { context, described, interfaces } = this;
    return described < MOST_DESCRIBED && interfaces.list.length !== described && context.hosts.length === 0;
  }

  /** The capture's clock starts anew. */
  reset(): void {
    this.places.fill(NOWHERE);
    this.awaiting = [];
    this.gatewayUses.reset();
    for (const watch of this.watches) watch.sighting = null;
  }

  /** A packet for a watched address: it counts at the wrong interface, unless it arrives at the right one too. */
  private compare(packet: Packet, watch: Watch): void {
    const isWrong = watch.arrivesWrongly(packet);
    if (!isWrong && !watch.arrivesRightly(packet)) return;
    const print = printOf(packet);
    const slot = (print ^ (print >>> 16)) & (SLOTS - 1);
    const age = packet.at - (this.seen[slot] ?? 0);
    const earlier = this.prints[slot] === print && age >= 0 && age < COPY_SEC ? (this.places[slot] ?? NOWHERE) : NOWHERE;
    const place = isWrong ? watch.number : RIGHT;
    this.prints[slot] = print;
    this.seen[slot] = packet.at;
    this.places[slot] = place;
    // A mirror shows it twice at one place.
    if (earlier === place) return;
    if (!isWrong) {
      if (earlier >= 0) this.watches[earlier]?.countCopy();
      return;
    }
    watch.count(packet);
    if (earlier === RIGHT) watch.countCopy();
    if (watch.awaitsThrough && this.awaiting.length < MOST_AWAITING && !this.awaiting.includes(watch)) this.awaiting.push(watch);
  }
}

/** What was seen at the wrong interface. */
interface Sighting {
  packets: number;
  /** How many of them arrived at the right one too: both are seen of one way. */
  copied: number;
  isAtHost: boolean;
  first: Stamp;
  /** Written over by each packet. */
  last: Stamp;
  evidence: Evidence;
  senders: Set<string>;
  /** The last four octets of their MACs. */
  senderMacs: Set<number>;
  through: Through | null;
  lookedAt: number;
}

/** An address, and an interface of its host that should not get frames for it. */
class Watch {
  readonly host: Host;
  readonly ip: string;
  readonly expected: Link;
  readonly actual: Link;
  readonly number: number;
  sighting: Sighting | null = null;
  private readonly words: Int32Array;

  constructor(host: Host, ip: string, expected: Link, actual: Link, number: number) {
    this.host = host;
    this.ip = ip;
    this.expected = expected;
    this.actual = actual;
    this.number = number;
    this.words = Int32Array.from(ipWords(ip));
  }

  get key(): string {
    return `${this.host.name}|${this.ip}|${this.expected.name}|${this.actual.name}`;
  }

  get lastWord(): number {
    return this.words[3] ?? 0;
  }

  /** Whether the packet is for the address, of which the last word is known to be the same. */
  isFor({ version, view, ipAt }: Packet): boolean {
    const { words } = this;
    if (version === 4) return words[2] === IPV4_MAPPED && words[1] === 0 && words[0] === 0;
    const at = ipAt + IPV6_DESTINATION;
    return view.getInt32(at) === words[0] && view.getInt32(at + 4) === words[1] && view.getInt32(at + 8) === words[2];
  }

  arrivesWrongly(packet: Packet): boolean {
    return arrivesAt(packet, this.actual);
  }

  arrivesRightly(packet: Packet): boolean {
    return arrivesAt(packet, this.expected);
  }

  /** It arrived at the wrong interface. */
  count(packet: Packet): void {
    this.sighting ??= newSighting(packet);
    const { sighting } = this;
    sighting.packets++;
    overwriteStamp(sighting.last, packet);
    if (sighting.packets > MOST_EVIDENCE) return;
    sighting.evidence.add('misdelivered', stampOf(packet));
    const { senders, senderMacs } = sighting;
    if (senders.size < MOST_SENDERS) senders.add(packet.sourceIp);
    const at = senderAt(packet);
    if (at >= 0 && senderMacs.size < MOST_SENDERS) senderMacs.add(packet.view.getInt32(at + 2));
  }

  countCopy(): void {
    if (this.sighting) this.sighting.copied++;
  }

  get awaitsThrough(): boolean {
    return this.sighting !== null && this.sighting.through === null && this.sighting.lookedAt < MOST_LOOKED_AT;
  }

  /** Whether the search for a packet of the senders that goes through the host is over. */
  findsThrough(packet: Packet): boolean {
    const { sighting, host, actual, ip } = this;
    if (!sighting || packet.version !== (isIpv6Text(ip) ? 6 : 4) || !this.arrivesWrongly(packet)) return sighting === null;
    const at = senderAt(packet);
    if (at < 0 || !sighting.senderMacs.has(packet.view.getInt32(at + 2))) return false;
    if (++sighting.lookedAt >= MOST_LOOKED_AT) return true;
    const destination = packet.destinationIp;
    if (host.linksWith(destination).length > 0 || isInNetworkOf(host, actual, destination)) return false;
    sighting.through = { stamp: stampOf(packet), source: packet.sourceIp, destination };
    return true;
  }

  told(asGateway: GatewayUse | undefined): Misdelivery | undefined {
    const { sighting, host, ip, expected, actual } = this;
    // Mostly copies of what arrives rightly: two places on one way, whatever the host says.
    if (!sighting || sighting.copied * 2 >= sighting.packets) return asGateway && { ...asGatewayOnly(asGateway), host, expected, actual };
    const { packets, copied, isAtHost, first, senders, through } = sighting;
    const last = { ...sighting.last };
    const evidence = new Evidence();
    evidence.addAll(sighting.evidence);
    evidence.add('misdelivered', last);
    evidence.total = Math.max(evidence.total, packets);
    const common = { host, ip, expected, actual, packets: packets - copied, isAtHost, first, last, senders: [...senders], evidence };
    return { ...common, through: through ?? undefined, asGateway };
  }
}

function asGatewayOnly(use: GatewayUse): Omit<Misdelivery, 'host' | 'expected' | 'actual'> {
  const { ip, isAtHost, first, last, clients, source, destination } = use;
  const through = { stamp: first, source, destination };
  return { ip, packets: 0, isAtHost, first, last, senders: clients, evidence: new Evidence(), through, asGateway: use };
}

const IPV4_MAPPED = 0xffff;

/** Where the sender's MAC stands; -1 where it does not. */
const senderAt = ({ ethernetAt, senderMacAt }: Packet): number => (ethernetAt >= 0 ? ethernetAt + 6 : senderMacAt);

function newSighting(packet: Packet): Sighting {
  const first = stampOf(packet);
  const isAtHost = packet.ethernetAt < 0;
  return {
    packets: 0,
    copied: 0,
    isAtHost,
    first,
    last: { ...first },
    evidence: new Evidence(),
    senders: new Set(),
    senderMacs: new Set(),
    through: null,
    lookedAt: 0,
  };
}

/** Every address that lies in the network of a second card of its host. */
function watchesOf(hosts: readonly Host[], sightingOf: (key: string) => Sighting | null): Watch[] {
  const watches: Watch[] = [];
  for (const { host, ip, expected, actual } of crossings(hosts)) {
    if (watches.length >= MOST_WATCHED) break;
    const watch = new Watch(host, ip, expected, actual, watches.length);
    watch.sighting = sightingOf(watch.key);
    watches.push(watch);
  }
  return watches;
}

function* crossings(hosts: readonly Host[]): Generator<Pick<Watch, 'host' | 'ip' | 'expected' | 'actual'>> {
  for (const host of hosts) {
    const cards = host.links.filter(isCard);
    for (const expected of cards) {
      for (const { ip } of expected.addresses) {
        // What several have (a virtual address, an address of several links) belongs to none of them.
        if (isLinkLocalIp(ip) || host.linksWith(ip).length > 1 || hosts.some((other) => other !== host && other.linksWith(ip).length > 0))
          continue;
        for (const actual of cards) if (mayMistake(host, ip, expected, actual)) yield { host, ip, expected, actual };
      }
    }
  }
}

/** Interfaces with a MAC of their own at which frames arrive. */
const isCard = ({ type, kind, mac }: Link): boolean => mac > 0 && type !== 'loopback' && kind !== 'dummy';

/** Whether frames for an address of `expected` could arrive at `actual` instead, and it would be one: both have a MAC of their own in that network. */
const mayMistake = (host: Host, ip: string, expected: Link, actual: Link): boolean =>
  actual !== expected &&
  actual.mac !== expected.mac &&
  actual.addresses.length > 0 &&
  vrfOf(host, actual) === vrfOf(host, expected) &&
  isInNetworkOf(host, actual, ip) &&
  !areStacked(host, expected, actual);

/** The VRF of an interface, which has routing tables of its own; null outside of any. */
const vrfOf = (host: Host, { master }: Link): string | null => (master !== null && host.link(master)?.kind === 'vrf' ? master : null);
