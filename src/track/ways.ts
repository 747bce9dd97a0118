import { Direction } from '../frame.ts';
import { Icmpv6Type } from '../wire/icmp.ts';
import { IpProtocol, type Packet } from '../wire/packet.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { type AsymmetricFlow, type Asymmetry, AsymmetryBook } from './asymmetries.ts';
import type { Clock } from './clock.ts';
import * as crossed from './crossed-flow.ts';
import * as beginning from './flow-beginnings.ts';
import { addressText, writeAddress } from './flows.ts';
import { comesFromLower, destinationPortOf, flowNumber, isHostFlow, sourcePortOf } from './host-flows.ts';
import type { InterfaceName, InterfaceTracker } from './interfaces.ts';
import { KnownFlows } from './known-flows.ts';
import { type Belonging, OnLink } from './on-link.ts';
import { Passages } from './passages.ts';
import { readStamp, STAMP_WORDS, type Stamp, stampedAt, writeStamp } from './stamp.ts';
import { NONE, Table } from './table.ts';

/** Flows of which all is known, and those with a NAT between. */
const MOST_SETTLED = 65_536;
const MOST_TRANSLATED = 16_384;
/** Flows at once that come and go by several ways. */
const MOST_FLOWS = 8192;
/** Longest silence: what goes on later is another flow. */
const IDLE_SEC = 300;
/** Packets of a flow of which is looked whether they pass through a NAT, as long as it is not known to be the host's own. */
const LOOKED_AT = 8;
/** Linux repeats a SYN after 1 s. */
const SYN_AGAIN_SEC = 0.5;
const MOST_COUNTED = 2 ** 30;

/* What is known of a flow, in bits. */
const LOCAL_IS_LOWER = 1;
/** Its packets come in, and leave with other addresses or ports: there is a NAT between. */
const TRANSLATED = 2;
/** What left had passed a router before, by its TTL. */
const FORWARDED = 4;
const ASKED_BY_LOCAL = 8;
const SYN_ACK_LEFT = 16;
/** Something other than a SYN came in. */
const CONNECTED = 32;
/** The capture does not tell directions: the TTL does. */
const INFERRED = 64;
/** Its first packet left. */
const BEGAN_OUT = 128;

/** A place where packets come and go: an interface, or a VLAN on it. */
export interface Way {
  id: number;
  interface: InterfaceName | null;
  /** Its index is the ifindex at the host (LINUX_SLL2); else it is its number in the file. */
  isIndexed: boolean;
  /** Of frames with a tag, its outermost id. */
  vlan: number | null;
}

/**
 * By which interfaces flows of the observed host come and go. A flow that comes in by one and leaves by another alone is kept as asymmetric; one that is on its
 * way through the host (its packets come in and leave again, perhaps with other addresses) is not. A bridge and its port, a VLAN and the card below it show a
 * packet several times: then the way in and the way out have an interface in common.
 */
export class WayTracker {
  private readonly onLink = new OnLink();
  private readonly book = new AsymmetryBook();
  /** By their numbers: flows of which all is known, those of which one way is known, and those that have several. */
  private readonly settled = new KnownFlows(MOST_SETTLED);
  private readonly beginnings = new beginning.FlowBeginnings();
  private readonly flows: Table;
  private readonly passages = new Passages();
  /** Flows that pass a NAT of this host, by their numbers. */
  private readonly translated = new KnownFlows(MOST_TRANSLATED);
  private readonly interfaces: InterfaceTracker;
  /** Flows that are asymmetric now, by their ids in `flows`. */
  private readonly crossed = new Set<number>();
  /** The latest packet's. */
  private second = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, interfaces: InterfaceTracker) {
    this.interfaces = interfaces;
    const leave = (id: number): void => this.leave(id);
    this.flows = new Table({ words: 1, own: crossed.CROSSED_WORDS, limit: MOST_FLOWS, idleSec: IDLE_SEC, clock, leave });
  }

  get size(): number {
    return this.flows.size + this.book.size + this.onLink.size;
  }

  get evicted(): number {
    return this.flows.evicted + this.book.evicted;
  }

  /** What came in by one interface and left by another, in pairs of addresses. Allocates. */
  get asymmetries(): Asymmetry[] {
    return this.book.with([...this.crossed].flatMap((id) => this.flowOf(id) ?? []));
  }

  /** Whether an address belongs to the network of a way (`Way.id`), as far as the packets show it. */
  belonging(way: number, ip: string): Belonging {
    return this.onLink.belonging(way, ip);
  }

  way(id: number): Way {
    const vlan = id >>> INTERFACE_BITS;
    const observed = this.interfaces.list[id & INTERFACE_MASK];
    return { id, interface: observed?.name ?? null, isIndexed: observed?.linktype === 'LINUX_SLL2', vlan: vlan === 0 ? null : vlan - 1 };
  }

  /** An ARP packet. */
  observeArp(packet: Packet): void {
    if (packet.direction === Direction.In && packet.depth === 0) this.onLink.observeArp(packet, wayOf(packet));
  }

  /** An IP packet of a capture that may know several interfaces. */
  observe(packet: Packet): void {
    // What is inside a tunnel comes by the tunnel's own interface too, if the host is an end of it.
    if (packet.depth > 0 || packet.fragmentOffset > 0) return;
    if (packet.sec > this.second) this.pass(packet.sec);
    const number = flowNumber(packet);
    if (this.settled.has(number)) return;
    if (isHostFlow(packet)) this.follow(packet, number);
    else if (isAdvertisement(packet) && packet.direction === Direction.In) this.onLink.observeNdp(packet, wayOf(packet));
  }

  expire(): void {
    this.flows.expire();
  }

  /** What is open is closed. */
  finish(): void {
    this.flows.clear();
  }

  /** After `finish`: the capture's clock starts anew. */
  reset(): void {
    this.book.clear();
    this.beginnings.clear();
    this.settled.clear();
    this.translated.clear();
    this.second = Number.NEGATIVE_INFINITY;
    this.passages.reset();
    this.onLink.reset();
  }

  /** Some of what is known is forgotten, by the packets' times alone. */
  private pass(second: number): void {
    this.second = second;
    this.settled.pass(second);
    this.translated.pass(second);
  }

  /** A packet of a flow of which it is not known yet that it goes the way it came. */
  private follow(packet: Packet, number: number): void {
    const isInferred = packet.direction === Direction.Unknown;
    const isOut = isInferred ? isInitialTtl(packet.ttl) : packet.direction === Direction.Out;
    const { beginnings, flows } = this;
    if (flows.size > 0) {
      flows.key[0] = number;
      const id = flows.touch();
      if (id !== NONE) {
        this.goOn(packet, number, id, isOut);
        return;
      }
    }
    const at = beginnings.at(number);
    if (!beginnings.holds(at, number, packet)) {
      const localIsLower = comesFromLower(packet) === isOut ? LOCAL_IS_LOWER : 0;
      beginnings.begin(
        at,
        number,
        localIsLower | (isOut ? BEGAN_OUT | ASKED_BY_LOCAL : 0) | (isInferred ? INFERRED : 0),
        wayOf(packet),
        packet,
      );
      if (isInferred) beginnings.noteMac(at, packet, isOut);
    }
    this.begun(packet, number, at, isOut);
  }

  /** A packet of a flow of which one way was seen so far, this packet perhaps the first. */
  private begun(packet: Packet, number: number, at: number, isOut: boolean): void {
    const { words } = this.beginnings;
    if (!isSameEnd(packet, words[at + beginning.FLAGS] ?? 0, isOut)) {
      this.settle(number, at);
      return;
    }
    const flags = learn(packet, words, at + beginning.FLAGS, isOut);
    if (words[at + beginning.WAY] !== wayOf(packet)) {
      const id = this.open(packet, number, at, isOut);
      this.beginnings.forget(at);
      this.goOn(packet, number, id, isOut);
    } else if (((flags & BEGAN_OUT) !== 0) === isOut) {
      const count = (words[at + beginning.COUNT] ?? 0) + 1;
      if (count <= MOST_COUNTED) words[at + beginning.COUNT] = count;
      if (count <= LOOKED_AT && (flags & TRANSLATED) === 0) this.lookForPassage(packet, number, isOut);
    } else {
      this.goesStraight(packet, flags, isOut);
      this.settle(number, at);
    }
  }

  /** A flow has a second way: all that is known of it, in `flows`. Gives its id. */
  private open(packet: Packet, number: number, at: number, isOut: boolean): number {
    const { beginnings, flows } = this;
    flows.key[0] = number;
    const id = flows.add();
    const { words, doubles } = flows;
    const own = flows.ownOf(id);
    const flags = beginnings.words[at + beginning.FLAGS] ?? 0;
    const beganOut = (flags & BEGAN_OUT) !== 0;
    words[own + crossed.FLAGS] = flags;
    words[own + crossed.PROTOCOL] = packet.protocol;
    const [source, destination] = [sourcePortOf(packet), destinationPortOf(packet)];
    words[own + crossed.PORTS] = isOut ? (source << 16) | destination : (destination << 16) | source;
    writeAddress(words, own + crossed.LOCAL, packet, isOut);
    writeAddress(words, own + crossed.PEER, packet, !isOut);
    const way = beginnings.words[at + beginning.WAY] ?? 0;
    crossed.countWay(words, own + (beganOut ? crossed.WAYS_OUT : crossed.WAYS_IN), way, beginnings.words[at + beginning.COUNT] ?? 0);
    const first = own + (beganOut ? crossed.FIRST_OUT : crossed.FIRST_IN);
    const last = own + (beganOut ? crossed.LAST_OUT : crossed.LAST_IN);
    for (let i = 0; i < STAMP_WORDS; i++) {
      words[first + i] = beginnings.words[at + beginning.STAMP + i] ?? 0;
      words[last + i] = words[first + i] ?? 0;
    }
    doubles[(own + (beganOut ? crossed.MAC_OUT : crossed.MAC_IN)) >> 1] = beginnings.doubles[(at + beginning.MAC) >> 1] ?? 0;
    return id;
  }

  /** A packet of a flow that has several ways. */
  private goOn(packet: Packet, number: number, id: number, isOut: boolean): void {
    const { flows } = this;
    const { words } = flows;
    const own = flows.ownOf(id);
    if (!isSameEnd(packet, words[own + crossed.FLAGS] ?? 0, isOut)) {
      this.close(number, id);
      return;
    }
    const flags = learn(packet, words, own + crossed.FLAGS, isOut);
    this.stampPacket(packet, own, flags, isOut);
    const count = crossed.countWay(words, own + (isOut ? crossed.WAYS_OUT : crossed.WAYS_IN), wayOf(packet), 1);
    if (count === 1 && crossed.goesBothWays(words, own)) {
      if (crossed.hasCommonWay(words, own)) {
        this.goesStraight(packet, flags, isOut);
        this.close(number, id);
        return;
      }
      // A NAT's flow is none of this host, and stays known as such for as long as it goes on.
      if ((flags & TRANSLATED) !== 0 || this.translated.has(number)) words[own + crossed.FLAGS] = flags | TRANSLATED;
      else this.crossed.add(id);
    }
    if (count === 0) this.close(number, id);
    else if (count <= LOOKED_AT && (flags & TRANSLATED) === 0) this.lookForPassage(packet, number, isOut);
  }

  private stampPacket(packet: Packet, own: number, flags: number, isOut: boolean): void {
    const { flows } = this;
    const first = own + (isOut ? crossed.FIRST_OUT : crossed.FIRST_IN);
    const mac = (own + (isOut ? crossed.MAC_OUT : crossed.MAC_IN)) >> 1;
    if (flows.doubles[first >> 1] === 0) {
      writeStamp(flows, first, packet);
      if (flags & INFERRED) flows.doubles[mac] = isOut ? packet.sourceMac : packet.destinationMac;
    }
    writeStamp(flows, own + (isOut ? crossed.LAST_OUT : crossed.LAST_IN), packet);
    if (!isOut && isSynAgain(packet, flags)) this.noteSynAgain(packet, own);
  }

  /** A SYN comes again although its answer has left. A stack of interfaces shows it several times. */
  private noteSynAgain(packet: Packet, own: number): void {
    const { flows } = this;
    const { words } = flows;
    if (words[own + crossed.WAYS_IN] !== wayOf(packet) + 1 || packet.at - stampedAt(flows, own + crossed.FIRST_OUT) < SYN_AGAIN_SEC) return;
    if (words[own + crossed.SYNS_AGAIN] === 0) writeStamp(flows, own + crossed.SYN_AGAIN, packet);
    words[own + crossed.SYNS_AGAIN] = (words[own + crossed.SYNS_AGAIN] ?? 0) + 1;
  }

  /** The flow leaves by a way by which it comes in: that of its own address, if the host is an end of it. */
  private goesStraight(packet: Packet, flags: number, isOut: boolean): void {
    if ((flags & (FORWARDED | TRANSLATED)) === 0) this.onLink.reached(wayOf(packet), packet, isOut);
  }

  /** Nothing more is to be known of a flow of `beginnings`. */
  private settle(number: number, at: number): void {
    this.beginnings.forget(at);
    this.settled.add(number);
  }

  /** Nothing more is to be known of a flow of `flows`. */
  private close(number: number, id: number): void {
    this.crossed.delete(id);
    this.flows.remove(id);
    this.settled.add(number);
  }

  /** A packet that comes in is remembered; one that leaves: did it come in before, in another flow? Then a NAT of this host is between the two. */
  private lookForPassage(packet: Packet, number: number, isOut: boolean): void {
    if (!isOut) {
      this.passages.enter(packet, number);
      return;
    }
    const entered = this.passages.leave(packet, number);
    if (entered === 0) return;
    this.isTranslated(entered);
    this.isTranslated(number);
  }

  private isTranslated(number: number): void {
    const { beginnings, flows } = this;
    this.translated.add(number);
    const at = beginnings.at(number);
    if (beginnings.isAt(at, number)) beginnings.words[at + beginning.FLAGS] = (beginnings.words[at + beginning.FLAGS] ?? 0) | TRANSLATED;
    flows.key[0] = number;
    const id = flows.find();
    if (id === NONE) return;
    const own = flows.ownOf(id);
    flows.words[own + crossed.FLAGS] = (flows.words[own + crossed.FLAGS] ?? 0) | TRANSLATED;
    this.crossed.delete(id);
  }

  /** A flow is over. */
  private leave(id: number): void {
    if (!this.crossed.delete(id)) return;
    const flow = this.flowOf(id);
    if (flow) this.book.add(flow);
  }

  /** What is known of an asymmetric flow; undefined where two interfaces turn out to be taps on one card. */
  private flowOf(id: number): AsymmetricFlow | undefined {
    const { flows } = this;
    const { words, doubles } = flows;
    const own = flows.ownOf(id);
    const flags = words[own + crossed.FLAGS] ?? 0;
    const isInferred = (flags & INFERRED) !== 0;
    const entered = doubles[(own + crossed.MAC_IN) >> 1] ?? 0;
    if (isInferred && (entered === 0 || entered === doubles[(own + crossed.MAC_OUT) >> 1])) return undefined;
    const ports = words[own + crossed.PORTS] ?? 0;
    const [wayIn, wayOut] = [crossed.busiestIn(words, own), crossed.busiestOut(words, own)];
    const synsAgain = words[own + crossed.SYNS_AGAIN] ?? 0;
    const stamp = (at: number): Stamp => readStamp(flows, own + at);
    return {
      local: addressText(words, own + crossed.LOCAL),
      peer: addressText(words, own + crossed.PEER),
      localPort: ports >>> 16,
      peerPort: ports & 0xffff,
      protocol: words[own + crossed.PROTOCOL] ?? 0,
      in: wayIn.way,
      out: wayOut.way,
      packetsIn: wayIn.packets,
      packetsOut: wayOut.packets,
      askedByLocal: (flags & ASKED_BY_LOCAL) !== 0,
      isForwarded: (flags & FORWARDED) !== 0,
      isInferred,
      firstIn: stamp(crossed.FIRST_IN),
      firstOut: stamp(crossed.FIRST_OUT),
      lastIn: stamp(crossed.LAST_IN),
      lastOut: stamp(crossed.LAST_OUT),
      synsAgain,
      synAgain: synsAgain > 0 ? stamp(crossed.SYN_AGAIN) : undefined,
    };
  }
}

/** `InterfaceTracker` knows at most as many. */
const INTERFACE_BITS = 14;
const INTERFACE_MASK = (1 << INTERFACE_BITS) - 1;

/** The interface, and of tagged frames the outermost tag: a VLAN is a way of its own, also on the card that carries it. */
const wayOf = ({ interfaceId, vlanCount, vlans }: Packet): number =>
  interfaceId | (vlanCount > 0 ? ((vlans[0] ?? 0) + 1) << INTERFACE_BITS : 0);

/** What senders set (Linux, BSD and macOS; Windows; routers). What was forwarded has less. */
const isInitialTtl = (ttl: number): boolean => ttl === 64 || ttl === 128 || ttl === 255;

/** Whether the local end is the same as before: else the remote end's packet leaves, or the local end's comes in, and neither of them is here. */
const isSameEnd = (packet: Packet, flags: number, isOut: boolean): boolean =>
  (comesFromLower(packet) === isOut) === ((flags & LOCAL_IS_LOWER) !== 0);

/** What the packet tells of its flow, added to the flags at `at`: whether it was forwarded, who asks by the handshake of TCP, and whether its answer left and was heard. */
function learn({ ttl, transport, tcpFlags }: Packet, words: Int32Array, at: number, isOut: boolean): number {
  let flags = words[at] ?? 0;
  if (isOut && !isInitialTtl(ttl)) flags |= FORWARDED;
  if (transport === IpProtocol.Tcp) {
    const isAnswer = (tcpFlags & TcpFlag.Ack) !== 0;
    if ((tcpFlags & TcpFlag.Syn) === 0) flags |= isOut ? 0 : CONNECTED;
    else {
      flags = isOut === isAnswer ? flags & ~ASKED_BY_LOCAL : flags | ASKED_BY_LOCAL;
      if (isAnswer) flags |= isOut ? SYN_ACK_LEFT : CONNECTED;
    }
  }
  words[at] = flags;
  return flags;
}

const isSynAgain = ({ transport, tcpFlags }: Packet, flags: number): boolean =>
  transport === IpProtocol.Tcp &&
  (tcpFlags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn &&
  (flags & (SYN_ACK_LEFT | CONNECTED)) === SYN_ACK_LEFT;

const isAdvertisement = ({ transport, icmpType }: Packet): boolean =>
  transport === IpProtocol.Icmpv6 && icmpType === Icmpv6Type.NeighbourAdvertisement;
