import { ipv4Text } from '../../net/ip.ts';
import { macText } from '../../net/mac.ts';
import { Encapsulation, encapsulationName, MOST_LAYERS, pathNames } from '../../wire/encapsulation.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { addressText, isFromLower, writeAddress } from '../flows.ts';
import type { AssociationTracker, SecurityAssociation } from '../ipsec/associations.ts';
import { readStamp, rewriteStamp, STAMP_WORDS, writeStamp } from '../stamp.ts';
import { NONE, Table } from '../table.ts';
import { isSameEnd, orderEnds } from './end-key.ts';
import { bitOf, holdNames, holdOf } from './holds.ts';
import { associationTunnel, encryptedMtu, PATH_MTU } from './inner-mtu.ts';
import type { OuterFragments } from './outer-fragments.ts';
import { isPassedOn, sightingOf } from './sightings.ts';
import { datagramLength, linkEnd, wireLength } from './sizes.ts';
import { type Tunnel, type TunnelEnd, type TunnelName, type TunnelProtocol, tunnelProtocols } from './tunnel.ts';
import { type Before, UnclaimedFlows } from './unclaimed-flows.ts';

export interface TunnelEvents {
  /** The capture is over, or the tunnel was idle for long. */
  tunnel(make: () => Tunnel): void;
}

const MOST_TUNNELS = 8192;
/** A tunnel is one as long as it lives: only who was silent for a day leaves. */
const DAY_SEC = 86_400;

/** Key: lower end 4 | upper end 4 | ports, the lower end's first | id | path | protocol, whether there is an id, whether the ends are MACs, whether the id is a call's. */
const WORDS = 12;
const PORTS = 8;
const ID = 9;
const PATH = 10;
const KIND = 11;
const HAS_ID = 0x100;
const IS_LINK = 0x200;
const IS_CALL = 0x400;
const PROTOCOL = 0xff;

// A tunnel's own words.
const FLAGS = 0;
const HOLDS = 1;
const MAX_OUTER = 2;
const MAX_INNER = 3;
const OVERHEAD = 4;
const OUTSIDE = 5;
const SERIAL = 6;
/** Fragments other than first ones, and their octets. */
const LATER = 7;
const LATER_BYTES = 8;
/** The tunnel around the first packet, as `around` gives it. */
const INSIDE = 10;
const MAX_FRAGMENT = 11;
const FIRST = 12;
const LAST = FIRST + STAMP_WORDS;
const FIRST_FRAGMENT = LAST + STAMP_WORDS;
const LAST_FRAGMENT = FIRST_FRAGMENT + STAMP_WORDS;
/** Of each direction, that of the lower end first, counts by place of capture: place, packets, first fragments, octets 2. */
const PLACES = LAST_FRAGMENT + STAMP_WORDS;
const PLACE_WORDS = 6;
const PLACE_BYTES = 4;
/** A packet that passes through the capturing host is sighted at two cards, at a bridge and on its way to it at more. */
const MOST_PLACES = 3;
const SIDE = MOST_PLACES * PLACE_WORDS;
/** Of the time before the flow was known to be a tunnel: octets 2, packets of the lower end and of the upper one. */
const BEFORE = PLACES + 2 * SIDE;
/** Where packets of the lower and of the upper end were seen (`sightingOf`); what lengths of OpenVPN's packets leave modulo 16, a bit each. */
const SIGHTED = BEFORE + 4;
const RESIDUES = SIGHTED + 2;
const OWN = SIGHTED + 4;

// FLAGS.
const LOWER_FIRST = 1;
const OFFLOADED = 2;
const VERSION_6 = 4;
const VERSION_4 = 8;
const OVER_TCP = 16;
const STATIC_KEY = 32;

const SERIALS = 4096;
/** Flows of which it is remembered which tunnel they are, a power of two. */
const KNOWN_FLOWS = 256;
/** What `entered` says of a layer of IPsec: the associations have it. */
const ASSOCIATION = -2;

/** Protocols by port alone are tunnels only if both ends speak, or one for a while. */
const FEWEST_OF_PORTS = 4;

/** The inventory of tunnels: what runs inside what, between whom, and how large. */
export class TunnelTracker {
  private readonly table: Table;
  private readonly events: TunnelEvents;
  private readonly associations: AssociationTracker;
  private readonly fragments: OuterFragments;
  private readonly unclaimed = new UnclaimedFlows();
  /** Tunnels that are known by their flow: number of the flow, id of the tunnel, which may be another's by now. The latest flow has the place. */
  private readonly known = new Int32Array(2 * KNOWN_FLOWS).fill(NONE);
  /** Of the present frame, by depth: the tunnel that was entered there, where its outer header begins, and what the packet is long. */
  private readonly entered = new Int32Array(MOST_LAYERS + 1).fill(NONE);
  private readonly begins = new Int32Array(MOST_LAYERS + 1);
  private readonly ends = new Int32Array(MOST_LAYERS + 1);
  /** Where the inner packet begins, and where the header of IPsec does. */
  private readonly inners = new Int32Array(MOST_LAYERS + 1);
  private readonly headers = new Int32Array(MOST_LAYERS + 1);
  /** ESP is around this layer: something stands behind what is inside, too. */
  private isSealed = false;
  private serial = 0;
  private version = 0;
  private listedVersion = -1;
  private listedAssociations: readonly SecurityAssociation[] | undefined;
  private listed: readonly Tunnel[] = [];

  /** @param fragments shared with the associations */
  constructor(clock: Clock, events: TunnelEvents, associations: AssociationTracker, fragments: OuterFragments) {
    this.events = events;
    this.associations = associations;
    this.fragments = fragments;
    const leave = (id: number): void => {
      this.version++;
      if (this.counts(id)) this.events.tunnel(() => this.make(id));
    };
    this.table = new Table({ words: WORDS, own: OWN, limit: MOST_TUNNELS, idleSec: DAY_SEC, clock, leave });
  }

  get size(): number {
    return this.table.size + this.fragments.size + this.unclaimed.size;
  }

  get evicted(): number {
    return this.table.evicted + this.fragments.evicted + this.unclaimed.evicted;
  }

  /** All that are known, associations of IPsec too, one a direction; in the order of their first packets, as far as the capture has one interface. */
  get list(): readonly Tunnel[] {
    const associations = this.associations.list;
    if (this.listedVersion !== this.version || this.listedAssociations !== associations) {
      this.listedVersion = this.version;
      this.listedAssociations = associations;
      const own = this.table
        .ids()
        .filter((id) => this.counts(id))
        .map((id) => this.make(id));
      this.listed = [...associations.map((each) => associationTunnel(each, this.named(each.inside))), ...own].sort(
        (a, b) => a.first.at - b.first.at || a.depth - b.depth,
      );
    }
    return this.listed;
  }

  /** Every layer of a frame, outermost first, before `observe`: one in a tunnel tells what the tunnel holds. */
  observeLayer(packet: Packet): void {
    const { depth } = packet;
    this.entered[depth] = NONE;
    if (packet.version !== 0) this.begins[depth] = packet.ipAt;
    if (depth === 0) this.isSealed = false;
    else this.observeInner(packet, this.entered[depth - 1] ?? NONE);
  }

  /** A layer with another one inside (`packet.inner`). */
  observe(packet: Packet): void {
    const { depth, innerEncapsulation: encapsulation } = packet;
    const isLink = packet.version === 0 || encapsulation === Encapsulation.Pppoe;
    if (isLink) {
      const at = linkEnd(packet);
      this.begins[depth] = at >= 0 ? at : packet.innerAt;
    }
    this.ends[depth] = packet.end;
    this.inners[depth] = packet.innerAt;
    if (encapsulation === Encapsulation.Esp || encapsulation === Encapsulation.NatT || encapsulation === Encapsulation.Ah) {
      this.entered[depth] = ASSOCIATION;
      this.isSealed = true;
      this.headers[depth] = packet.transport === IpProtocol.Udp ? packet.transportAt : packet.espAt >= 0 ? packet.espAt : packet.ahAt;
      return;
    }
    const protocol = protocolOf(encapsulation);
    if (protocol < 0 || packet.isKeepalive) return;
    const { key } = this.table;
    const lower = isLink ? this.writeLink(packet) : this.writeEnds(packet);
    key[PORTS] = 0;
    key[ID] = packet.innerHasId ? packet.innerTunnelId | 0 : 0;
    key[KIND] = protocol | (packet.innerHasId ? HAS_ID : 0) | (packet.innerIsCall ? IS_CALL : 0) | (isLink ? IS_LINK : 0);
    const length = isLink ? packet.end - (this.begins[depth] ?? 0) : wireLength(packet);
    this.entered[depth] = this.count(packet, lower, length);
  }

  /** A packet of a flow that may turn out to be a tunnel. @param flow a number of its own: then `observeFlow` has it too */
  observeUnclaimed(packet: Packet, flow: number): void {
    this.unclaimed.note(packet, flow, isFromLower(packet, packet.sourcePort, packet.destinationPort));
    // When it is a tunnel after all, this counts.
    this.known[2 * (flow & (KNOWN_FLOWS - 1))] = NONE;
  }

  /** It is something else. */
  forgetUnclaimed(flow: number): void {
    this.unclaimed.take(flow);
  }

  /**
   * A packet of a tunnel that is known by its flow, and whose inside is encrypted: WireGuard, OpenVPN, tinc, IKE.
   * @param flow where it may have had packets before that was known
   * @param hasStaticKey OpenVPN's `--secret`
   */
  observeFlow(packet: Packet, protocol: TunnelProtocol, flow: number = NONE, hasStaticKey = false): void {
    const { known } = this;
    const lower = this.writeFlow(packet, protocol);
    const at = 2 * (flow & (KNOWN_FLOWS - 1));
    const isKnown = flow !== NONE && known[at] === flow;
    const id = this.count(packet, lower, wireLength(packet), isKnown ? (known[at + 1] ?? NONE) : NONE);
    if (flow !== NONE) {
      if (!isKnown) this.beginFlow(id, flow);
      known[at] = flow;
      known[at + 1] = id;
    }
    if (protocol === 'openvpn') this.noteOpenVpn(id, packet, hasStaticKey);
    if (packet.depth > 0) this.hold(this.entered[packet.depth - 1] ?? NONE, bitOf(protocol));
  }

  private beginFlow(id: number, flow: number): void {
    const before = this.unclaimed.take(flow);
    if (before) this.countBefore(id, before);
  }

  /** A packet of such a tunnel that was observed at another interface before: it passes through the capturing host. */
  passedOn(packet: Packet, protocol: TunnelProtocol): void {
    const { table } = this;
    const lower = this.writeFlow(packet, protocol);
    table.key[PATH] = packet.path;
    const id = table.find();
    if (id !== NONE) this.sight(id, packet, lower);
  }

  /** A fragment of an outer packet other than the first. */
  observeFragment(packet: Packet): void {
    const owner = this.fragments.follow(packet);
    if (owner === NONE) return;
    const place = owner >> 1;
    if (owner & 1) {
      this.associations.observeFragment(place, packet);
      return;
    }
    const { table } = this;
    const own = table.ownOf(place & (table.limit - 1));
    const { words, doubles } = table;
    if (words[own + SERIAL] !== ((place / table.limit) | 0)) return;
    this.version++;
    words[own + LATER] = (words[own + LATER] ?? 0) + 1;
    doubles[(own + LATER_BYTES) >> 1] = (doubles[(own + LATER_BYTES) >> 1] ?? 0) + wireLength(packet);
    writeStamp(table, own + LAST, packet);
    writeStamp(table, own + LAST_FRAGMENT, packet);
    const whole = datagramLength(packet);
    if (!packet.moreFragments && whole > (words[own + MAX_OUTER] ?? 0)) words[own + MAX_OUTER] = whole;
  }

  /** Octets from the outermost header of the frame to the IP header of this layer. */
  outsideOf({ depth, ipAt }: Packet): number {
    return depth === 0 ? 0 : Math.max(0, ipAt - (this.begins[0] ?? 0));
  }

  /** The tunnel around a layer of the present frame, as a number that `named` knows: 0 for none, negative for IPsec. */
  around(depth: number): number {
    const outer = depth > 0 ? (this.entered[depth - 1] ?? NONE) : NONE;
    if (outer === ASSOCIATION) return -this.associations.latest;
    return outer === NONE ? 0 : this.placeOf(outer) + 1;
  }

  /** The tunnel of such a number; null where there is none, or it is not known any more. */
  named(place: number): TunnelName | null {
    if (place < 0) return this.associations.named(-place);
    if (place === 0) return null;
    const { table } = this;
    const id = (place - 1) & (table.limit - 1);
    if (this.placeOf(id) !== place - 1) return null;
    const { protocol, a, b, id: key, isCall } = this.make(id);
    return { protocol, a, b, id: key, isCall };
  }

  expire(): void {
    this.table.expire();
    this.fragments.expire();
  }

  /** What is known stays known until `reset`. */
  finish(): void {
    for (const tunnel of this.list) this.events.tunnel(() => tunnel);
  }

  reset(): void {
    for (const id of this.table.ids()) this.table.remove(id);
    this.fragments.reset();
    this.unclaimed.clear();
    this.entered.fill(NONE);
    this.known.fill(NONE);
    this.version++;
  }

  private observeInner(packet: Packet, outer: number): void {
    if (outer === NONE) return;
    const before = packet.depth - 1;
    const length = packet.version === 0 || packet.isFragment ? 0 : this.lengthInside(packet);
    // Behind what ESP holds stand padding and the check value.
    const overhead = length === 0 ? 0 : this.isSealed ? (this.ends[0] ?? 0) - (this.begins[0] ?? 0) - length : this.frontOf(packet);
    if (outer === ASSOCIATION) {
      this.associations.observeInner(packet, length, overhead);
      return;
    }
    this.hold(outer, holdOf(packet));
    // In the payload of the outer packet there is no packet of its own.
    if (length === 0 || this.isUpper(packet, before)) return;
    const { words } = this.table;
    const own = this.table.ownOf(outer);
    if (length > (words[own + MAX_INNER] ?? 0)) words[own + MAX_INNER] = length;
    if (overhead > (words[own + OVERHEAD] ?? 0)) words[own + OVERHEAD] = overhead;
  }

  /** Serial and id as one number: an id alone may be another tunnel's by now. */
  private placeOf(id: number): number {
    const { table } = this;
    return (table.words[table.ownOf(id) + SERIAL] ?? 0) * table.limit + id;
  }

  private frontOf({ ipAt }: Packet): number {
    return ipAt - (this.begins[0] ?? 0);
  }

  /** The IP header stands in front of the tunnel's own. */
  private isUpper({ ipAt }: Packet, before: number): boolean {
    return ipAt === this.begins[before];
  }

  /** Octets of the packet inside; in transport mode those that it had before it was protected. */
  private lengthInside(packet: Packet): number {
    const before = packet.depth - 1;
    if (!this.isUpper(packet, before)) return wireLength(packet);
    const end = this.ends[before] ?? 0;
    const added = (this.inners[before] ?? 0) - (this.headers[before] ?? 0) + end - packet.end;
    return end - packet.ipAt - added;
  }

  private hold(id: number, bit: number): void {
    if (id < 0) return;
    const { words } = this.table;
    const at = this.table.ownOf(id) + HOLDS;
    words[at] = (words[at] ?? 0) | bit;
  }

  /** Counts a packet of the tunnel whose key stands in the table. Gives its id. @param hint what it probably is */
  private count(packet: Packet, lower: boolean, length: number, hint = NONE): number {
    const { table } = this;
    table.key[PATH] = packet.path;
    this.version++;
    let id = table.touchAt(hint);
    const isNew = id === NONE;
    if (isNew) id = table.add();
    const { words, doubles } = table;
    const own = table.ownOf(id);
    if (isNew) {
      this.serial = (this.serial + 1) % SERIALS;
      words[own + SERIAL] = this.serial;
      words[own + FLAGS] = (lower ? LOWER_FIRST : 0) | (packet.version === 6 ? VERSION_6 : packet.version === 4 ? VERSION_4 : 0);
      words[own + OUTSIDE] = this.outsideOf(packet);
      words[own + INSIDE] = this.around(packet.depth);
      writeStamp(table, own + FIRST, packet);
    }
    writeStamp(table, own + LAST, packet);
    this.sight(id, packet, lower);
    const at = placeAt(words, own + PLACES + (lower ? 0 : SIDE), ((packet.interfaceId << 2) | packet.direction) + 1);
    if (at < 0) return id;
    words[at + 1] = (words[at + 1] ?? 0) + 1;
    doubles[(at + PLACE_BYTES) >> 1] = (doubles[(at + PLACE_BYTES) >> 1] ?? 0) + length;
    if (packet.moreFragments) {
      words[at + 2] = (words[at + 2] ?? 0) + 1;
      if (words[own + MAX_FRAGMENT] === 0) writeStamp(table, own + FIRST_FRAGMENT, packet);
      if (length > (words[own + MAX_FRAGMENT] ?? 0)) words[own + MAX_FRAGMENT] = length;
      writeStamp(table, own + LAST_FRAGMENT, packet);
      this.fragments.begin(packet, this.placeOf(id) * 2);
    } else if (length > PATH_MTU && packet.version !== 0) words[own + FLAGS] = (words[own + FLAGS] ?? 0) | OFFLOADED;
    if (length > (words[own + MAX_OUTER] ?? 0)) words[own + MAX_OUTER] = length;
    return id;
  }

  private noteOpenVpn(id: number, { transport, payloadLength }: Packet, hasStaticKey: boolean): void {
    const { words } = this.table;
    const own = this.table.ownOf(id);
    words[own + FLAGS] = (words[own + FLAGS] ?? 0) | (transport === IpProtocol.Tcp ? OVER_TCP : 0) | (hasStaticKey ? STATIC_KEY : 0);
    words[own + RESIDUES] = (words[own + RESIDUES] ?? 0) | (1 << (payloadLength & 15));
  }

  private countBefore(id: number, { first, firstFromLower, fromLower, fromUpper, bytes, largest }: Before): void {
    const { table } = this;
    const { words, doubles } = table;
    const own = table.ownOf(id);
    const isFirst = readStamp(table, own + FIRST).at >= first.at;
    if (isFirst) {
      rewriteStamp(table, own + FIRST, first);
      words[own + FLAGS] = ((words[own + FLAGS] ?? 0) & ~LOWER_FIRST) | (firstFromLower ? LOWER_FIRST : 0);
    }
    doubles[(own + BEFORE) >> 1] = (doubles[(own + BEFORE) >> 1] ?? 0) + bytes;
    words[own + BEFORE + 2] = (words[own + BEFORE + 2] ?? 0) + fromLower;
    words[own + BEFORE + 3] = (words[own + BEFORE + 3] ?? 0) + fromUpper;
    if (largest > (words[own + MAX_OUTER] ?? 0)) words[own + MAX_OUTER] = largest;
  }

  private sight(id: number, packet: Packet, lower: boolean): void {
    const { words } = this.table;
    const at = this.table.ownOf(id) + SIGHTED + (lower ? 0 : 1);
    words[at] = (words[at] ?? 0) | sightingOf(packet);
  }

  /** Writes the key of a tunnel that is known by its flow, but for the path; whether the source is the lower end. */
  private writeFlow(packet: Packet, protocol: TunnelProtocol): boolean {
    const { key } = this.table;
    const lower = this.writeEnds(packet);
    // IKE moves from port 500 to 4500.
    if (protocol === 'ike') key[PORTS] = 0;
    else key[PORTS] = lower ? (packet.sourcePort << 16) | packet.destinationPort : (packet.destinationPort << 16) | packet.sourcePort;
    key[ID] = 0;
    key[KIND] = NUMBERS.get(protocol) ?? 0;
    return lower;
  }

  /** Writes both addresses in their order; whether the source is the lower end. */
  private writeEnds(packet: Packet): boolean {
    const { key } = this.table;
    const lower = isFromLower(packet, packet.sourcePort, packet.destinationPort);
    writeAddress(key, lower ? 0 : 4, packet, true);
    writeAddress(key, lower ? 4 : 0, packet, false);
    return lower;
  }

  /** The same with the MACs of the link, as far as the capture has them. */
  private writeLink({ ethernetAt, senderMacAt, view }: Packet): boolean {
    const { key } = this.table;
    key.fill(0, 0, 8);
    const source = ethernetAt >= 0 ? ethernetAt + 6 : senderMacAt;
    if (source >= 0) {
      key[2] = view.getUint16(source);
      key[3] = view.getInt32(source + 2);
    }
    if (ethernetAt >= 0) {
      key[6] = view.getUint16(ethernetAt);
      key[7] = view.getInt32(ethernetAt + 2);
    }
    return orderEnds(key) || isSameEnd(key);
  }

  /** What is known by its port alone might be something else. */
  private counts(id: number): boolean {
    if (tunnelProtocols[this.table.keyWord(id, KIND) & PROTOCOL] !== 'tinc') return true;
    const { words } = this.table;
    const own = this.table.ownOf(id);
    const [lower, upper] = [best(words, own + PLACES), best(words, own + PLACES + SIDE)].map((at) => words[at + 1] ?? 0);
    return Math.min(lower ?? 0, upper ?? 0) > 0 || Math.max(lower ?? 0, upper ?? 0) >= FEWEST_OF_PORTS;
  }

  private make(id: number): Tunnel {
    const { table } = this;
    const { words, doubles } = table;
    const own = table.ownOf(id);
    const word = (i: number): number => words[own + i] ?? 0;
    const kind = table.keyWord(id, KIND);
    const protocol = tunnelProtocols[kind & PROTOCOL] ?? 'gre';
    const path = table.keyWord(id, PATH);
    const flags = word(FLAGS);
    const sides = [best(words, own + PLACES), best(words, own + PLACES + SIDE)];
    const ends = [this.endOf(id, kind, 0), this.endOf(id, kind, 1)];
    const before = [word(BEFORE + 2), word(BEFORE + 3)];
    if (!(flags & LOWER_FIRST)) {
      sides.reverse();
      ends.reverse();
      before.reverse();
    }
    const [fromA = 0, fromB = 0] = sides.map((at, i) => (words[at + 1] ?? 0) + (before[i] ?? 0));
    const firstFragments = sides.reduce((sum, at) => sum + (words[at + 2] ?? 0), 0);
    const octets = sides.reduce((sum, at) => sum + (doubles[(at + PLACE_BYTES) >> 1] ?? 0), 0);
    const [a = NOBODY, b = NOBODY] = ends;
    const over = flags & VERSION_4 ? 4 : flags & VERSION_6 ? 6 : null;
    const overhead = word(OVERHEAD);
    const encrypted = encryptedMtu(protocol, over, word(OUTSIDE), {
      isOverTcp: (flags & OVER_TCP) !== 0,
      staticKey: flags & STATIC_KEY ? word(RESIDUES) : 0,
    });
    return {
      protocol,
      a,
      b,
      id: kind & HAS_ID ? table.keyWord(id, ID) >>> 0 : null,
      isCall: (kind & IS_CALL) !== 0,
      pair: null,
      path,
      depth: pathNames(path).length,
      inside: this.named(word(INSIDE)),
      packets: fromA + fromB,
      bytes: octets + (doubles[(own + LATER_BYTES) >> 1] ?? 0) + (doubles[(own + BEFORE) >> 1] ?? 0),
      packetsFromA: fromA,
      packetsFromB: fromB,
      maxOuter: word(MAX_OUTER),
      maxInner: word(MAX_INNER) || null,
      innerMtu: overhead > 0 ? PATH_MTU - overhead : encrypted.mtu,
      assumed: overhead > 0 ? null : encrypted.assumed,
      fragments: firstFragments + word(LATER),
      fragmented: firstFragments,
      maxFragment: word(MAX_FRAGMENT),
      firstFragment: word(MAX_FRAGMENT) > 0 ? readStamp(table, own + FIRST_FRAGMENT) : null,
      lastFragment: word(MAX_FRAGMENT) > 0 ? readStamp(table, own + LAST_FRAGMENT) : null,
      isOffloaded: (flags & OFFLOADED) !== 0,
      sighted: word(SIGHTED) | word(SIGHTED + 1),
      isPassedOn: isPassedOn(word(SIGHTED)) || isPassedOn(word(SIGHTED + 1)),
      isOverTcp: (flags & OVER_TCP) !== 0,
      over,
      overheadOutside: word(OUTSIDE),
      holds: holdNames(word(HOLDS)),
      first: readStamp(table, own + FIRST),
      last: readStamp(table, own + LAST),
    };
  }

  private endOf(id: number, kind: number, which: 0 | 1): TunnelEnd {
    const { table } = this;
    const at = which * 4;
    for (let i = 0; i < 4; i++) ADDRESS[i] = table.keyWord(id, at + i);
    if (kind & IS_LINK) return { ip: macText((ADDRESS[2] ?? 0) * 2 ** 32 + ((ADDRESS[3] ?? 0) >>> 0)), port: null };
    const ports = table.keyWord(id, PORTS);
    return { ip: addressText(ADDRESS, 0), port: ports === 0 ? null : which === 0 ? ports >>> 16 : ports & 0xffff };
  }
}

const ADDRESS = new Int32Array(4);
const NOBODY: TunnelEnd = { ip: ipv4Text(0), port: null };

/** Where the counts of a place stand, begun where there are none; -1: there is no room. */
function placeAt(words: Int32Array, from: number, place: number): number {
  for (let at = from; at < from + SIDE; at += PLACE_WORDS) {
    if (words[at] === place) return at;
    if (words[at] !== 0) continue;
    words[at] = place;
    return at;
  }
  return -1;
}

/** The place with most packets. */
function best(words: Int32Array, from: number): number {
  let most = from;
  for (let at = from; at < from + SIDE; at += PLACE_WORDS) if ((words[at + 1] ?? 0) > (words[most + 1] ?? 0)) most = at;
  return most;
}

/** Looked up for every packet: faster than the place in the list. */
const NUMBERS: ReadonlyMap<TunnelProtocol, number> = new Map(tunnelProtocols.map((protocol, i) => [protocol, i]));

const PROTOCOLS = Int32Array.from({ length: 256 }, (_, encapsulation) =>
  tunnelProtocols.indexOf(encapsulationName(encapsulation) as TunnelProtocol),
);

const protocolOf = (encapsulation: number): number => PROTOCOLS[encapsulation & 0xff] ?? -1;
