import type { Context } from '../context/context.ts';
import type { Host } from '../context/host.ts';
import { everything, familyOf, parsePrefix } from '../context/prefix.ts';
import { ipv4Text, ipv6Text, ipWords } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import { IcmpType, Icmpv6Type, QuotedPacket } from '../wire/icmp.ts';
import { IPV6_DESTINATION, IpProtocol, type Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { Cards, MOST_CARDS } from './cards.ts';
import { writeAddress } from './flows.ts';
import { Sendings } from './sendings.ts';
import { type Stamp, stampOf } from './stamp.ts';
import { ToldPrefixes } from './told-prefixes.ts';

const MOST_REDIRECTS = 1024;
const MOST_REFUSALS = 1024;

/** Packets that a host of the context sent to one MAC, for one destination. */
export interface Sent {
  /** Of its entry, as long as that is kept. */
  id: number;
  /** The card that sent them, and where it sent them. */
  from: Mac;
  to: Mac;
  source: string;
  destination: string;
  /** IP protocol number; ports are 0 where the host's rules do not look at them. */
  protocol: number;
  sourcePort: number;
  destinationPort: number;
  packets: number;
  first: Stamp;
  last: Stamp;
}

/** A router told a host to use another one for a destination (RFC 792, RFC 4861 section 8). */
export interface Redirect {
  /** Who said it, and which router it named. */
  by: string;
  gateway: string;
  stamp: Stamp;
}

/** A router said that it cannot deliver what a host sent to a destination (ICMP unreachable). */
export interface Refusal {
  by: string;
  /** In the words of the RFC: `host unreachable`. */
  reason: string;
  stamp: Stamp;
}

/**
 * Addresses of which the user says by which next hop packets go there: where the prefix begins, and which bits count; in four words, as addresses
 * in a table.
 */
interface Expected {
  words: Int32Array;
  mask: Int32Array;
}

/**
 * To which MACs hosts send what is for whom: hosts of the context, where it has routes to compare it with; whoever sends to addresses of which the
 * user says how they are reached; speakers of BGP, what is for addresses that some route told of by then. Only on Ethernet: it alone shows where frames go. Costs nothing without.
 */
export class GatewayTracker {
  private readonly redirects = new BoundedMap<string, Redirect>(MOST_REDIRECTS);
  private readonly refusals = new BoundedMap<string, Refusal>(MOST_REFUSALS);
  private readonly expected: readonly Expected[];
  private readonly quote = new QuotedPacket();
  /** How many redirects there were. */
  private noted = 0;
  /** Facts that findings rest on, so they do not age. */
  private readonly sendings = new Sendings();
  /** Cards of the hosts. */
  private readonly cards = new Cards();
  /** By card: 1 where all that it sends is followed, for there are routes, or the user's word, to compare it with; else there is BGP alone. */
  private readonly isFollowed = new Uint8Array(MOST_CARDS);
  /** Of which BGP told. */
  private readonly told = new ToldPrefixes();
  isActive: boolean;
  /** Some host's rules look at ports. */
  private looksAtPorts = false;
  /** What the routing of all hosts was, as text. */
  private routing = '';

  /** @param expected prefixes, canonical, of which the user says by which next hop packets go there */
  constructor(expected: readonly string[] = []) {
    this.expected = expected.map(expectedOf);
    this.isActive = expected.length > 0;
  }

  get size(): number {
    return this.sendings.size + this.redirects.size + this.refusals.size;
  }

  get evicted(): number {
    return this.sendings.evicted;
  }

  /** Hosts say what they say anew. What was sent by routes that changed since is not looked at any more. */
  watch({ hosts }: Context): void {
    const routed = hosts.filter(({ routes }) => routes?.some(({ nextHops }) => nextHops.some(({ gateway }) => gateway !== null)));
    for (const { links } of routed) for (const { mac, type } of links) if (mac > 0 && type !== 'loopback') this.follow(this.cards.add(mac));
    if (this.cards.size === 0) return;
    this.isActive = true;
    this.looksAtPorts = routed.some(({ rules }) => rules?.some(({ sourcePorts, destinationPorts }) => sourcePorts ?? destinationPorts));
    const routing = JSON.stringify(routed.map(routingOf));
    if (this.routing !== '' && routing !== this.routing) this.sendings.clear();
    this.routing = routing;
  }

  /** A route of BGP, by its prefix: where what is for it is sent is followed from now on. */
  tell(prefix: string): void {
    this.told.add(prefix);
  }

  /** A packet of BGP: who speaks it is told where to send. */
  spoken({ ethernetAt, view }: Packet): void {
    if (ethernetAt < 0) return;
    this.isActive = true;
    this.cards.addAt(view, ethernetAt + SOURCE_MAC);
  }

  /** An ICMP error and what it quotes; called while `isActive`. */
  refused({ sourceIp, destinationIp }: QuotedPacket, reason: string, packet: Packet): void {
    if (!REFUSAL.test(reason)) return;
    this.noted++;
    this.refusals.set(`${sourceIp}|${destinationIp}`, { by: packet.sourceIp, reason, stamp: stampOf(packet) });
  }

  /** An IP packet that is in no tunnel; called while `isActive`. */
  observe(packet: Packet): void {
    const { ethernetAt, view, transport, icmpType } = packet;
    if (ethernetAt < 0) return;
    if (
      (transport === IpProtocol.Icmp && icmpType === IcmpType.Redirect) ||
      (transport === IpProtocol.Icmpv6 && icmpType === Icmpv6Type.Redirect)
    )
      this.redirect(packet);
    let card = this.cards.find(view, ethernetAt + SOURCE_MAC);
    if (card < 0 || this.isFollowed[card] !== 1) {
      if (this.expected.length > 0 && this.isExpected(packet)) card = this.followedCard(packet);
      else if (card < 0 || !this.told.holds(packet)) return;
    }
    if (card < 0 || (view.getUint8(ethernetAt) & 1) === 1 || isToGroup(packet)) return;
    if (this.looksAtPorts === true && transport === 0) return;
    this.sendings.take(
      packet,
      card,
      this.looksAtPorts === true && hasPorts(packet) ? (packet.sourcePort << 16) | packet.destinationPort : 0,
    );
  }

  /**
   * Has everything judged that was sent, the oldest first. What went right is not asked for again, what cannot be told not until something is
   * new, and what is open each time.
   * @param news changes whenever something is known that was not before
   * @param isKnown whether anything is known of where a card is to send: of what others sent nothing can be told
   */
  judge(news: number, isKnown: (from: Mac) => boolean, verdictOf: (sent: Sent) => 'right' | 'open' | 'unknown'): void {
    const { sendings, cards } = this;
    const known: boolean[] = [];
    // Bit 0 stands for right.
    const waiting = ((news + this.noted) % MOST_NEWS) * 2 + 2;
    for (const id of sendings.ids()) {
      const settled = sendings.verdictOf(id);
      if (settled === RIGHT || settled === waiting) continue;
      const card = sendings.cardOf(id);
      known[card] ??= isKnown(cards.of(card));
      const verdict = known[card] ? verdictOf(this.sentOf(id)) : 'unknown';
      sendings.setVerdict(id, verdict === 'right' ? RIGHT : verdict === 'unknown' ? waiting : 0);
    }
  }

  /**
   * Packets of the same source for the same destination that went to another MAC.
   * @param byAny whichever card sent them
   */
  sentElsewhere({ id, to }: Sent, byAny = false): Sent[] {
    const { sendings } = this;
    const isOther = (other: number): boolean =>
      sendings.haveSameEnds(other, id) && sendings.toOf(other) !== to && (byAny || sendings.cardOf(other) === sendings.cardOf(id));
    return sendings
      .ids()
      .filter(isOther)
      .map((other) => this.sentOf(other));
  }

  /**
   * When the card of these frames sent to this MAC, to any of the destinations that count: first and last time, in seconds; undefined where it did
   * not.
   */
  timesOf({ id }: Pick<Sent, 'id'>, to: Mac, counts: (destination: string) => boolean): { first: number; last: number } | undefined {
    const { sendings } = this;
    let times: { first: number; last: number } | undefined;
    for (const other of sendings.ids()) {
      if (sendings.cardOf(other) !== sendings.cardOf(id) || sendings.toOf(other) !== to) continue;
      if (!counts(sendings.destinationOf(other))) continue;
      const first = sendings.firstOf(other).at;
      const last = sendings.lastOf(other).at;
      times = { first: Math.min(times?.first ?? first, first), last: Math.max(times?.last ?? last, last) };
    }
    return times;
  }

  /** What a router told the host with this address about the destination. */
  redirectFor(source: string, destination: string): Redirect | undefined {
    return this.redirects.get(`${source}|${destination}`);
  }

  /** Who said that it cannot be delivered. */
  refusalFor(source: string, destination: string): Refusal | undefined {
    return this.refusals.get(`${source}|${destination}`);
  }

  /** The capture's time starts anew. */
  reset(): void {
    this.sendings.clear();
    this.redirects.clear();
    this.refusals.clear();
    this.told.clear();
  }

  /** Whether the user says by which next hop the packet goes. */
  private isExpected(packet: Packet): boolean {
    writeAddress(DESTINATION_WORDS, 0, packet, false);
    return this.expected.some(({ words, mask }) => {
      for (let i = 0; i < 4; i++) if (((DESTINATION_WORDS[i] ?? 0) & (mask[i] ?? 0)) !== words[i]) return false;
      return true;
    });
  }

  /** The sender of a packet to an expected destination becomes a card that is followed. */
  private followedCard({ view, ethernetAt }: Packet): number {
    const card = this.cards.addAt(view, ethernetAt + SOURCE_MAC);
    this.follow(card);
    return card;
  }

  private follow(card: number): void {
    if (card >= 0) this.isFollowed[card] = 1;
  }

  private redirect(packet: Packet): void {
    const { view, transportAt, version } = packet;
    if (transportAt + (version === 6 ? REDIRECT6_LENGTH : REDIRECT_LENGTH) > packet.capturedEnd) return;
    if (version === 6) {
      const destination = ipv6Text(view, transportAt + REDIRECT6_DESTINATION);
      this.note(packet, packet.destinationIp, destination, ipv6Text(view, transportAt + REDIRECT6_TARGET));
    } else if (this.quote.place(packet)) {
      this.note(packet, this.quote.sourceIp, this.quote.destinationIp, ipv4Text(view.getInt32(transportAt + REDIRECT_GATEWAY)));
    }
  }

  private note(packet: Packet, source: string, destination: string, gateway: string): void {
    this.noted++;
    this.redirects.set(`${source}|${destination}`, { by: packet.sourceIp, gateway, stamp: stampOf(packet) });
  }

  private sentOf(id: number): Sent {
    const { sendings } = this;
    const ports = sendings.portsOf(id);
    return {
      id,
      from: this.cards.of(sendings.cardOf(id)),
      to: sendings.toOf(id),
      source: sendings.sourceOf(id),
      destination: sendings.destinationOf(id),
      protocol: sendings.protocolOf(id),
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
      packets: sendings.packetsOf(id),
      first: sendings.firstOf(id),
      last: sendings.lastOf(id),
    };
  }
}

/** Octets from the start of an Ethernet header to the source. */
const SOURCE_MAC = 6;

/*
 * Redirects: of ICMP the gateway stands behind the checksum, then the quoted packet; of ICMPv6 (type 137) behind four reserved octets target and
 * destination.
 */
const REDIRECT_GATEWAY = 4;
const REDIRECT_LENGTH = 8;
const REDIRECT6_TARGET = 8;
const REDIRECT6_DESTINATION = 24;
const REDIRECT6_LENGTH = 40;

const DESTINATION_WORDS = new Int32Array(4);

/** What ICMP says of a destination, not of a port or a protocol there. */
const REFUSAL = /^(network|host|address|no route|communication|reject)/;

function expectedOf(prefix: string): Expected {
  const family = familyOf(prefix);
  const { ip, length } = parsePrefix(prefix, family) ?? everything(family);
  const bits = family === 4 ? 96 + length : length;
  const mask = Int32Array.from([0, 1, 2, 3], (i) => {
    const kept = Math.min(32, Math.max(0, bits - 32 * i));
    return kept === 0 ? 0 : 0xffff_ffff << (32 - kept);
  });
  return { mask, words: Int32Array.from(ipWords(ip), (word, i) => word & (mask[i] ?? 0)) };
}

const RIGHT = 1;
const MOST_NEWS = 2 ** 29;

/** What decides where a host sends; without what only tells how long it holds, which is another number each time. */
const routingOf = ({ routes, rules, links }: Host): unknown => [
  routes?.map(({ family, type, prefix, table, tos, metric, source, nextHops }) => [
    family,
    type,
    prefix,
    table,
    tos,
    metric,
    source,
    nextHops,
  ]),
  rules?.map(({ text }) => text),
  links.map(({ name, mac, isUp, hasCarrier, addresses }) => [
    name,
    mac,
    isUp,
    hasCarrier,
    addresses.map(({ ip, prefixLength }) => [ip, prefixLength]),
  ]),
];

const hasPorts = ({ transport }: Packet): boolean => transport === IpProtocol.Tcp || transport === IpProtocol.Udp;

/** Multicast and broadcast; of a network's own broadcast the Ethernet destination tells. */
const isToGroup = ({ version, dst4, view, ipAt }: Packet): boolean =>
  version === 4 ? dst4 >>> 28 >= 14 : view.getUint8(ipAt + IPV6_DESTINATION) === 0xff;
