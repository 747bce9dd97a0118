import type { Context } from '../context/context.ts';
import type { Host } from '../context/host.ts';
import { everything, familyOf, parsePrefix } from '../context/prefix.ts';
import { ipv4Text, ipv6Text, ipv6WordsText, ipWords } from '../net/ip.ts';
import { type Mac, readMac } from '../net/mac.ts';
import { IcmpType, Icmpv6Type, QuotedPacket } from '../wire/icmp.ts';
import { IPV6_DESTINATION, IpProtocol, type Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';
import { writeAddress } from './flows.ts';
import { readStamp, STAMP_WORDS, type Stamp, stampOf, writeStamp } from './stamp.ts';
import { NONE, Table } from './table.ts';

/** Pairs of a card and a destination, by protocol: facts that findings rest on, so they do not age. */
const LIMIT = 16_384;
const MOST_CARDS = 256;
const MOST_REDIRECTS = 1024;
const MOST_REFUSALS = 1024;

/*
 * The key: place of the card in `cards` | destination MAC 2 | protocol | ports | source 4 | destination 4; own words: packets, settled, the stamps
 * of the first and the last packet.
 */
const CARD = 0;
const TO = 1;
const PROTOCOL = 3;
const PORTS = 4;
const SOURCE = 5;
const DESTINATION = 9;
const KEY_WORDS = 13;
const ADDRESSES = [SOURCE, SOURCE + 1, SOURCE + 2, SOURCE + 3, DESTINATION, DESTINATION + 1, DESTINATION + 2, DESTINATION + 3];
const PACKETS = 0;
const SETTLED = 1;
const FIRST = 2;
const LAST = FIRST + STAMP_WORDS;
const OWN_WORDS = LAST + STAMP_WORDS;

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
 * user says how they are reached; speakers of BGP. Only on Ethernet: it alone shows where frames go. Costs nothing without.
 */
export class GatewayTracker {
  private readonly redirects = new BoundedMap<string, Redirect>(MOST_REDIRECTS);
  private readonly refusals = new BoundedMap<string, Refusal>(MOST_REFUSALS);
  private readonly expected: readonly Expected[];
  private readonly clock: Clock;
  private readonly quote = new QuotedPacket();
  /** How many redirects there were. */
  private noted = 0;
  private table: Table | undefined;
  /** Cards of the hosts, in two words each; they keep their places. */
  private readonly high = new Int32Array(MOST_CARDS);
  private readonly low = new Int32Array(MOST_CARDS);
  private readonly cards: Mac[] = [];
  /** Some host's rules look at ports. */
  private looksAtPorts = false;
  /** What the routing of all hosts was, as text. */
  private routing = '';

  /** @param expected prefixes, canonical, of which the user says by which next hop packets go there */
  constructor(clock: Clock, expected: readonly string[] = []) {
    this.clock = clock;
    this.expected = expected.map(expectedOf);
    if (expected.length > 0) this.start();
  }

  get isActive(): boolean {
    return this.table !== undefined;
  }

  get size(): number {
    return (this.table?.size ?? 0) + this.redirects.size + this.refusals.size;
  }

  get evicted(): number {
    return this.table?.evicted ?? 0;
  }

  /** Hosts say what they say anew. What was sent by routes that changed since is not looked at any more. */
  watch({ hosts }: Context): void {
    const routed = hosts.filter(({ routes }) => routes?.some(({ nextHops }) => nextHops.some(({ gateway }) => gateway !== null)));
    for (const { links } of routed) for (const { mac, type } of links) if (mac > 0 && type !== 'loopback') this.addCard(mac);
    if (this.cards.length === 0) return;
    const table = this.start();
    this.looksAtPorts = routed.some(({ rules }) => rules?.some(({ sourcePorts, destinationPorts }) => sourcePorts ?? destinationPorts));
    const routing = JSON.stringify(routed.map(routingOf));
    if (this.routing !== '' && routing !== this.routing) table.clear();
    this.routing = routing;
  }

  /** A packet of BGP: who speaks it is told where to send. */
  follow({ ethernetAt, view }: Packet): void {
    if (ethernetAt < 0) return;
    this.start();
    if (this.cardAt(view, ethernetAt + 6) < 0) this.addCard(readMac(view, ethernetAt + 6));
  }

  /** An ICMP error and what it quotes; called while `isActive`. */
  refused({ sourceIp, destinationIp }: QuotedPacket, reason: string, packet: Packet): void {
    if (!REFUSAL.test(reason)) return;
    this.noted++;
    this.refusals.set(`${sourceIp}|${destinationIp}`, { by: packet.sourceIp, reason, stamp: stampOf(packet) });
  }

  /** An IP packet that is in no tunnel. */
  observe(packet: Packet): void {
    const { table } = this;
    const { ethernetAt, view, transport, icmpType } = packet;
    if (!table || ethernetAt < 0) return;
    if (
      (transport === IpProtocol.Icmp && icmpType === IcmpType.Redirect) ||
      (transport === IpProtocol.Icmpv6 && icmpType === Icmpv6Type.Redirect)
    )
      this.redirect(packet);
    let card = this.cardAt(view, ethernetAt + 6);
    if (card < 0 && this.expected.length > 0) card = this.expectedCard(packet);
    if (card < 0 || (view.getUint8(ethernetAt) & 1) === 1 || isToGroup(packet)) return;
    if (this.looksAtPorts && packet.transport === 0) return;
    const { key } = table;
    key[CARD] = card;
    key[TO] = view.getUint16(ethernetAt);
    key[TO + 1] = view.getInt32(ethernetAt + 2);
    key[PROTOCOL] = packet.protocol;
    key[PORTS] = this.looksAtPorts && hasPorts(packet) ? (packet.sourcePort << 16) | packet.destinationPort : 0;
    writeAddress(key, SOURCE, packet, true);
    writeAddress(key, DESTINATION, packet, false);
    let id = table.touch();
    if (id === NONE) {
      id = table.add();
      writeStamp(table, table.ownOf(id) + FIRST, packet);
    }
    const own = table.ownOf(id);
    table.words[own + PACKETS] = Math.min((table.words[own + PACKETS] ?? 0) + 1, MOST_COUNTED);
    writeStamp(table, own + LAST, packet);
  }

  /**
   * Has everything judged that was sent, the oldest first. What went right is not asked for again, and what cannot be told not until something is
   * new.
   * @param news changes whenever something is known that was not before
   */
  judge(news: number, verdictOf: (sent: Sent) => 'right' | 'wrong' | 'unknown'): void {
    const { table } = this;
    if (!table) return;
    // Bit 0 stands for right.
    const waiting = ((news + this.noted) % MOST_NEWS) * 2 + 2;
    for (const id of table.ids()) {
      const settled = table.ownOf(id) + SETTLED;
      if (table.words[settled] === RIGHT || table.words[settled] === waiting) continue;
      const verdict = verdictOf(this.sentOf(table, id));
      table.words[settled] = verdict === 'right' ? RIGHT : verdict === 'unknown' ? waiting : 0;
    }
  }

  /**
   * Packets of the same source for the same destination that went to another MAC.
   * @param byAny whichever card sent them
   */
  sentElsewhere({ id, to }: Sent, byAny = false): Sent[] {
    const { table } = this;
    if (!table) return [];
    const same = byAny ? ADDRESSES : [CARD, ...ADDRESSES];
    const isOfSame = (other: number): boolean => same.every((i) => table.keyWord(other, i) === table.keyWord(id, i));
    return table
      .ids()
      .filter(isOfSame)
      .map((other) => this.sentOf(table, other))
      .filter((each) => each.to !== to);
  }

  /**
   * When the card of these frames sent to this MAC, to any of the destinations that count: first and last time, in seconds; undefined where it did
   * not.
   */
  timesOf({ id }: Pick<Sent, 'id'>, to: Mac, counts: (destination: string) => boolean): { first: number; last: number } | undefined {
    const { table } = this;
    if (!table) return undefined;
    let times: { first: number; last: number } | undefined;
    for (const other of table.ids()) {
      if (table.keyWord(other, CARD) !== table.keyWord(id, CARD)) continue;
      const sent = this.sentOf(table, other);
      if (sent.to !== to || !counts(sent.destination)) continue;
      times = { first: Math.min(times?.first ?? sent.first.at, sent.first.at), last: Math.max(times?.last ?? sent.last.at, sent.last.at) };
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
    this.table?.clear();
    this.redirects.clear();
    this.refusals.clear();
  }

  private start(): Table {
    this.table ??= new Table({ words: KEY_WORDS, own: OWN_WORDS, limit: LIMIT, idleSec: Number.POSITIVE_INFINITY, clock: this.clock });
    return this.table;
  }

  /** The sender of a packet to an expected destination becomes a card that is followed. */
  private expectedCard(packet: Packet): number {
    writeAddress(DESTINATION_WORDS, 0, packet, false);
    const isExpected = this.expected.some(({ words, mask }) => {
      for (let i = 0; i < 4; i++) if (((DESTINATION_WORDS[i] ?? 0) & (mask[i] ?? 0)) !== words[i]) return false;
      return true;
    });
    if (!isExpected) return NONE;
    this.addCard(packet.sourceMac);
    return this.cardAt(packet.view, packet.ethernetAt + 6);
  }

  private addCard(mac: Mac): void {
    if (this.cards.includes(mac) || this.cards.length === MOST_CARDS) return;
    this.high[this.cards.length] = Math.floor(mac / 2 ** 32);
    this.low[this.cards.length] = mac | 0;
    this.cards.push(mac);
  }

  private cardAt(view: DataView, at: number): number {
    const high = view.getUint16(at);
    const low = view.getInt32(at + 2);
    for (let i = 0; i < this.cards.length; i++) if (this.low[i] === low && this.high[i] === high) return i;
    return NONE;
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

  private sentOf(table: Table, id: number): Sent {
    const own = table.ownOf(id);
    const { words } = table;
    const ports = table.keyWord(id, PORTS);
    return {
      id,
      from: this.cards[table.keyWord(id, CARD)] ?? -1,
      to: table.keyWord(id, TO) * 2 ** 32 + (table.keyWord(id, TO + 1) >>> 0),
      source: addressAt(table, id, SOURCE),
      destination: addressAt(table, id, DESTINATION),
      protocol: table.keyWord(id, PROTOCOL),
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
      packets: words[own + PACKETS] ?? 0,
      first: readStamp(table, own + FIRST),
      last: readStamp(table, own + LAST),
    };
  }
}

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

const MOST_COUNTED = 2 ** 31 - 1;
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

function addressAt(table: Table, id: number, at: number): string {
  const [w0, w1, w2, w3] = [0, 1, 2, 3].map((i) => table.keyWord(id, at + i)) as [number, number, number, number];
  return w0 === 0 && w1 === 0 && w2 === 0xffff ? ipv4Text(w3) : ipv6WordsText(w0, w1, w2, w3);
}
