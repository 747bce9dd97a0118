import { decodeReassembled } from '../wire/decode.ts';
import { IKE_PORT, NAT_T_PORT } from '../wire/ike.ts';
import { Inner, IpProtocol, MOST_VLANS, type Packet } from '../wire/packet.ts';
import { BGP_PORT } from './bgp/tracker.ts';
import type { Clock } from './clock.ts';
import { writeFragmentKey } from './fragments.ts';
import { NONE, Table } from './table.ts';

/** The longest IP datagram (RFC 791 section 3.1; RFC 8200 section 4.5, without jumbograms). */
const MOST_OCTETS = 65_535;
/** How long the rest is waited for, from the first fragment that came on (Linux `IP_FRAG_TIME`, RFC 8200: 60 s). */
const REASSEMBLY_SEC = 30;
/** Fragments begin at multiples of this. */
const UNIT = 8;
const UNITS_A_WORD = 32;
/** Room for the headers in front: those of IPv4 have at most 60 octets, those of IPv6 are given up beyond this. */
const HEADERS = 256;
const FIRST_ROOM = 4096;
const IPV6_HEADER = 40;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_HEADER = 8;
const KEY_WORDS = 12;

export interface ReassemblyLimits {
  /** Datagrams at one time. */
  datagrams: number;
  /** Octets of memory for all of them together. */
  octets: number;
}

const LIMITS: ReassemblyLimits = { datagrams: 64, octets: 1024 * 1024 };
const NO_OCTETS = new Uint8Array(0);
const NO_VIEW = new DataView(NO_OCTETS.buffer);

/** One datagram of which fragments were seen. */
class Datagram {
  octets = NO_OCTETS;
  view = NO_VIEW;
  /** A bit for each unit that is there. */
  readonly units = new Uint32Array(Math.ceil((MOST_OCTETS + 1) / UNIT / UNITS_A_WORD));
  /** Octets behind the headers, as the last fragment says it; -1 before that came. */
  total = -1;
  received = 0;
  /** End of the fragment that ends last. */
  furthest = 0;
  /** Octets of the headers that the first fragment repeats; 0 before that came. */
  headers = 0;
  /** How deep the first fragment could be decoded. */
  shown = 0;
  /** It is not to be put together: what comes of it is ignored. */
  isGivenUp = false;

  begin(): void {
    this.units.fill(0);
    this.total = -1;
    this.received = 0;
    this.furthest = 0;
    this.headers = 0;
    this.shown = 0;
    this.isGivenUp = false;
  }

  get isWhole(): boolean {
    return this.headers > 0 && this.received === this.total;
  }

  /** Lets go of memory that the next one hardly needs. */
  release(): void {
    if (this.octets.length > FIRST_ROOM) this.hold(NO_OCTETS);
  }

  /** Goes on in other memory. */
  hold(octets: Uint8Array<ArrayBuffer>): void {
    octets.set(this.octets.subarray(0, Math.min(octets.length, this.octets.length)));
    this.octets = octets;
    this.view = new DataView(octets.buffer);
  }

  /** How many of the units from `from` to before `to` are there. */
  unitsOf(from: number, to: number): number {
    let count = 0;
    for (let unit = from; unit < to; unit++) if ((this.units[unit >>> 5] ?? 0) & (1 << (unit & 31))) count++;
    return count;
  }

  mark(from: number, to: number): void {
    for (let unit = from; unit < to; unit++) this.units[unit >>> 5] = (this.units[unit >>> 5] ?? 0) | (1 << (unit & 31));
  }
}

/**
 * Puts IP datagrams together whose whole is wanted: packets of tunnels that can be looked into, BGP, IKE. What else is in fragments is not
 * kept, for its headers say enough.
 *
 * No octet is guessed: a datagram whose fragments overlap, or contradict each other, or were cut by the snaplen, is given up (RFC 5722, and
 * the same for IPv4); a fragment that came before, with the same octets, is ignored. Each interface counts for itself, for `any` shows the
 * same fragments several times.
 */
export class Reassembler {
  /** Datagrams that became whole, and those that were given up: for tests. */
  reassembled = 0;
  givenUp = 0;
  private readonly table: Table;
  /** By id in the table. */
  private readonly datagrams: (Datagram | undefined)[] = [];
  private readonly most: number;
  private readonly wants: (packet: Packet) => boolean;
  private used = 0;
  private evictedForRoom = 0;
  /** The latest frame showed the first fragment of this one. */
  private first: Datagram | undefined;
  private readonly whole = new WholeDatagram();

  /** @param wants whether the whole is wanted of what this is the first fragment of */
  constructor(clock: Clock, { datagrams, octets }: ReassemblyLimits = LIMITS, wants: (packet: Packet) => boolean = isWanted) {
    this.most = octets;
    this.wants = wants;
    this.table = new Table({ words: KEY_WORDS, limit: datagrams, idleSec: REASSEMBLY_SEC, clock, leave: (id) => this.leave(id) });
  }

  /** Datagrams that wait for the rest. */
  get size(): number {
    return this.table.size;
  }

  get evicted(): number {
    return this.table.evicted + this.evictedForRoom;
  }

  /** Octets of memory in use. */
  get octets(): number {
    return this.used;
  }

  /** A layer that is a fragment, after `FragmentTracker.observe`. */
  observe(packet: Packet): void {
    // What a fragment holds of a fragment is not all of it: that comes when the outer one is whole.
    if (packet.isInFragment) return;
    const { table } = this;
    writeFragmentKey(table.key, packet);
    table.key[KEY_WORDS - 1] = packet.interfaceId;
    let id = table.find();
    const isFirst = packet.fragmentOffset === 0;
    if (isFirst && !this.wants(packet)) {
      if (id !== NONE) this.remove(id);
      return;
    }
    if (id === NONE) {
      // The first one was seen, and is not wanted; or it came with a protocol that never is.
      if (packet.joined || !mayBeWanted(packet)) return;
      id = table.add();
      const fresh = this.datagrams[id] ?? new Datagram();
      this.datagrams[id] = fresh;
      fresh.begin();
      this.used += fresh.octets.length;
    }
    const datagram = this.datagrams[id];
    if (!datagram || datagram.isGivenUp) return;
    if (isFirst) this.first = datagram;
    if (!this.add(id, datagram, packet)) {
      datagram.isGivenUp = true;
      this.givenUp++;
      this.used -= datagram.octets.length;
      datagram.hold(NO_OCTETS);
    } else if (datagram.isWhole) {
      this.whole.take(datagram, packet);
      this.reassembled++;
      this.remove(id);
    }
  }

  /**
   * After all layers of a frame that was a fragment, or had one inside: goes to the datagram that is whole now, decoded as one packet with
   * the time and the number of this frame. `packet.view` is then memory of the reassembler's, until the next call.
   * @returns how many layers of it the first fragment showed already (`Packet.depth` of the last one); -1 where nothing is whole
   */
  next(packet: Packet): number {
    const { first, whole } = this;
    this.first = undefined;
    // The datagram may be whole by its first fragment, which came last.
    if (first) first.shown = packet.depth;
    const { datagram } = whole;
    if (!datagram) return NONE;
    whole.restore(packet);
    return datagram.shown;
  }

  expire(): void {
    this.table.expire();
  }

  /** Forgets what waits. */
  reset(): void {
    for (const id of this.table.ids()) this.remove(id);
    this.first = undefined;
    this.whole.datagram = undefined;
  }

  private remove(id: number): void {
    this.table.remove(id);
    this.leave(id);
  }

  private leave(id: number): void {
    const datagram = this.datagrams[id];
    if (!datagram) return;
    this.used -= datagram.octets.length;
    // What is whole by now keeps its memory until it was looked at.
    if (datagram === this.whole.datagram) this.datagrams[id] = undefined;
    else datagram.release();
  }

  /** @returns false: it contradicts what is known, or is not all there */
  private add(id: number, datagram: Datagram, packet: Packet): boolean {
    const { view, ipAt, fragmentOffset: offset, moreFragments, capturedEnd } = packet;
    const dataAt = dataOf(packet);
    const dataEnd = endOf(packet);
    const length = dataEnd - dataAt;
    const end = offset + length;
    if (dataAt < 0 || length <= 0 || dataEnd > capturedEnd || dataAt - ipAt > HEADERS) return false;
    if (dataAt - ipAt + end > MOST_OCTETS || (moreFragments && length % UNIT !== 0)) return false;
    const from = offset / UNIT;
    const to = Math.ceil(end / UNIT);
    const there = datagram.unitsOf(from, to);
    if (there > 0) return there === to - from && moreFragments === (end !== datagram.total) && isSame(datagram, packet, dataAt, length);
    if (moreFragments ? datagram.total >= 0 && end >= datagram.total : datagram.total >= 0 || datagram.furthest > end) return false;
    this.makeRoom(id, datagram, HEADERS + end);
    datagram.octets.set(new Uint8Array(view.buffer, view.byteOffset + dataAt, length), HEADERS + offset);
    datagram.mark(from, to);
    datagram.received += length;
    datagram.furthest = Math.max(datagram.furthest, end);
    if (!moreFragments) datagram.total = end;
    if (offset === 0) {
      datagram.headers = dataAt - ipAt;
      datagram.octets.set(new Uint8Array(view.buffer, view.byteOffset + ipAt, datagram.headers), HEADERS - datagram.headers);
    }
    return true;
  }

  /** Memory for so many octets; others leave for it, the oldest first. */
  private makeRoom(id: number, datagram: Datagram, octets: number): void {
    const { octets: before } = datagram;
    if (octets <= before.length) return;
    let room = Math.max(FIRST_ROOM, before.length);
    while (room < octets) room *= 2;
    room = Math.min(room, HEADERS + MOST_OCTETS);
    if (this.used + room - before.length > this.most) {
      for (const other of this.table.ids()) {
        if (other === id || (this.datagrams[other]?.octets.length ?? 0) === 0) continue;
        this.remove(other);
        this.evictedForRoom++;
        if (this.used + room - before.length <= this.most) break;
      }
    }
    this.used += room - before.length;
    datagram.hold(new Uint8Array(room));
  }
}

/** A datagram that is whole, and where its fragments were: what `Packet` says of them is restored for it. */
class WholeDatagram {
  datagram: Datagram | undefined;
  private version = 4;
  private depth = 0;
  private path = 0;
  private tunnelId = 0;
  private vlanCount = 0;
  private readonly vlans = new Int32Array(MOST_VLANS);

  take(datagram: Datagram, { version, depth, path, tunnelId, vlanCount, vlans }: Packet): void {
    this.datagram = datagram;
    this.version = version;
    this.depth = depth;
    this.path = path;
    this.tunnelId = tunnelId;
    this.vlanCount = vlanCount;
    for (let i = 0; i < vlanCount; i++) this.vlans[i] = vlans[i] ?? 0;
  }

  /** Makes one packet of it. IPv4's checksum is left as it was; of IPv6 an atomic fragment remains (RFC 6946). */
  restore(packet: Packet): void {
    const { datagram } = this;
    if (!datagram) return;
    this.datagram = undefined;
    const { view, headers, total } = datagram;
    const start = HEADERS - headers;
    if (this.version === 4) {
      view.setUint16(start + 2, headers + total);
      view.setUint16(start + 6, view.getUint16(start + 6) & DONT_FRAGMENT);
    } else {
      view.setUint16(start + 4, headers - IPV6_HEADER + total);
      view.setUint16(HEADERS - FRAGMENT_HEADER + 2, 0);
    }
    packet.depth = this.depth;
    packet.path = this.path;
    packet.tunnelId = this.tunnelId;
    packet.vlanCount = this.vlanCount;
    for (let i = 0; i < this.vlanCount; i++) packet.vlans[i] = this.vlans[i] ?? 0;
    decodeReassembled(packet, view, start, HEADERS + total);
  }
}

/** Whether somebody wants the whole of what this is the first fragment of. One so short that its ports are not in it may be anything. */
function isWanted(packet: Packet): boolean {
  if (packet.inner !== Inner.None || packet.espAt >= 0) return true;
  const { transport, sourcePort, destinationPort } = packet;
  if (transport === IpProtocol.Tcp) return sourcePort === BGP_PORT || destinationPort === BGP_PORT;
  if (transport === IpProtocol.Udp) return isIke(sourcePort) || isIke(destinationPort);
  return transport === 0 && mayBeWanted(packet);
}

const isIke = (port: number): boolean => port === IKE_PORT || port === NAT_T_PORT;

/** Protocols that hold what is wanted, as far as a later fragment tells. */
function mayBeWanted({ protocol }: Packet): boolean {
  switch (protocol) {
    case IpProtocol.Ipv4:
    case IpProtocol.Tcp:
    case IpProtocol.Udp:
    case IpProtocol.Ipv6:
    case IpProtocol.Gre:
    case IpProtocol.Esp:
    case IpProtocol.Ah:
    case IpProtocol.L2tpv3:
    case IpProtocol.MplsInIp:
    case IpProtocol.DestinationOptions:
      return true;
    default:
      return false;
  }
}

/** The octets of a fragment that came before are the same. */
function isSame({ view: known }: Datagram, { view, fragmentOffset }: Packet, dataAt: number, length: number): boolean {
  const at = HEADERS + fragmentOffset;
  for (let i = 0; i < length; i++) if (known.getUint8(at + i) !== view.getUint8(dataAt + i)) return false;
  return true;
}

/** Where the octets of a fragment begin, behind the headers that each fragment repeats; -1 where it cannot be told. */
function dataOf({ version, view, ipAt, capturedEnd, fragmentOffset }: Packet): number {
  if (version === 4) return ipAt + (view.getUint8(ipAt) & 15) * 4;
  let next = view.getUint8(ipAt + 6);
  let at = ipAt + IPV6_HEADER;
  while (next !== IpProtocol.Fragment) {
    if (at + 2 > capturedEnd || at - ipAt > HEADERS) return -1;
    const length = view.getUint8(at + 1);
    at += next === IpProtocol.Ah ? (length + 2) * 4 : (length + 1) * 8;
    next = view.getUint8(at);
  }
  return at + FRAGMENT_HEADER <= capturedEnd && (view.getUint16(at + 2) & 0xfff8) === fragmentOffset ? at + FRAGMENT_HEADER : -1;
}

/** Behind the last octet of a fragment, as its header says it. */
const endOf = ({ version, view, ipAt }: Packet): number =>
  ipAt + (version === 4 ? view.getUint16(ipAt + 2) : IPV6_HEADER + view.getUint16(ipAt + 4));
