import { IpProtocol, type Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { addressText, isSameAddress, writeAddress } from '../flows.ts';
import { STAMP_WORDS, type StampStore, writeStamp } from '../stamp.ts';
import { NONE, Table } from '../table.ts';
import { protocolName, type RunEnds } from './run.ts';

const MOST_GROUPS = 4096;
/** Longer than that no tool pauses; what comes later is another run. */
const IDLE_SEC = 60;
/** So many packets of one TTL alone: a host that is far away, or begins with a small TTL. */
const DULL = 32;
/** A loop ends packets of all hosts at TTLs near the largest that is looked at: no probe begins there. */
const HIGHEST_BEGIN = 28;
/** Without an error that tells more, a traceroute begins at TTL 1, or 2 where its first hop is not asked. */
const USUAL_BEGIN = 2;
/** As many steps are one up or none, or back to the begin. */
const RISING = 0.75;
/** traceroute counts the port up with each probe: 30 hops, at most ten probes each. */
const MOST_COUNTED_PORTS = 512;
/** Ports that tools count up begin above these (mtr at 33000, traceroute at 33434); one of a service stays as it is (`traceroute -U`). */
const SERVICE_PORTS = 1024;
/** Nobody who goes on pauses for so long at the first hop, and for so many times the longest pause before. */
const PAUSE_MS = 10_000;
const PAUSES = 4;
const BGP_PORT = 179;

/*
 * A group: key source 4 | destination 4 | version, protocol, and echo id or port 1 | path 1; own words: see below, then the stamp of its first
 * packet.
 */
const KIND = 8;
const PATH = 9;
const KEY_WORDS = 10;

const TTLS = 0;
const COPIES = 1;
const PACKETS = 2;
const LAST_TTL = 3;
const RISES = 4;
const ENDED = 5;
const SERIAL = 6;
const STATE = 7;
const LATEST = 8;
const INTERFACE = 9;
const FIRST_PORT = 10;
const LAST_PORT = 11;
const LONGEST_PAUSE = 12;
const LAST_AT = 14;
const STAMP = 16;
const OWN_WORDS = STAMP + STAMP_WORDS;

const DULL_STATE = 1;
const DECIDED = 2;
const LAYER_3 = 4;
const HAS_LATEST = 8;
const BGP = 16;

/**
 * Packets of little TTL, by source, destination, protocol, path of tunnels, and id (echoes) or destination port (TCP, services on UDP): whether
 * they are probes of one traceroute shows in their TTLs. Nothing is allocated for them.
 */
export class ProbeGroups {
  /** Groups of several TTLs that were pushed out. */
  evicted = 0;
  private readonly table: Table;
  private readonly clock: Clock;
  private readonly leave: (group: number) => void;
  /** What leaves now was pushed out, if it was not idle: it is not the end, where all leave. */
  private isGoingOn = true;
  private serial = 0;

  /** @param leave a group is over: nothing came for a while, it was pushed out, or all are cleared */
  constructor(clock: Clock, leave: (group: number) => void) {
    this.clock = clock;
    this.leave = leave;
    this.table = new Table({
      words: KEY_WORDS,
      own: OWN_WORDS,
      limit: MOST_GROUPS,
      idleSec: IDLE_SEC,
      clock,
      leave: (group) => this.left(group),
    });
  }

  get size(): number {
    return this.table.size;
  }

  get stamps(): StampStore {
    return this.table;
  }

  /** Whether the packet belongs to a group that never changes its TTL. */
  isDull(packet: Packet): boolean {
    this.writeKey(packet);
    const group = this.table.touch();
    if (group === NONE) return false;
    const own = this.table.ownOf(group);
    const { words } = this.table;
    if (((words[own + STATE] ?? 0) & DULL_STATE) === 0) return false;
    if (((words[own + TTLS] ?? 0) | (words[own + COPIES] ?? 0)) & bitOf(packet.ttl)) return true;
    // Something new: what was known says nothing of it.
    this.leave(group);
    this.restart(group);
    return false;
  }

  /** Another sighting of a packet of the group. */
  sighted(packet: Packet): void {
    this.writeKey(packet);
    const group = this.table.find();
    if (group === NONE) return;
    const at = this.table.ownOf(group) + COPIES;
    this.table.words[at] = (this.table.words[at] ?? 0) | bitOf(packet.ttl);
  }

  /** The group of the packet, a new one where there is none. */
  take(packet: Packet): number {
    this.writeKey(packet);
    const known = this.table.touch();
    if (known !== NONE) return known;
    const group = this.table.add();
    this.begin(group);
    return group;
  }

  sent(group: number, packet: Packet, number: number): void {
    const { words } = this.table;
    const own = this.table.ownOf(group);
    const { ttl } = packet;
    const ttls = words[own + TTLS] ?? 0;
    const packets = words[own + PACKETS] ?? 0;
    if (packets === 0) {
      writeStamp(this.table, own + STAMP, packet);
      words[own + INTERFACE] = packet.interfaceId;
      words[own + FIRST_PORT] = packet.destinationPort;
      if (isLayer3(packet)) words[own + STATE] = (words[own + STATE] ?? 0) | LAYER_3;
      if (packet.transport === IpProtocol.Tcp && packet.destinationPort === BGP_PORT) words[own + STATE] = (words[own + STATE] ?? 0) | BGP;
    } else {
      const step = ttl - (words[own + LAST_TTL] ?? 0);
      const isBegin = bitOf(ttl) === (ttls & -ttls);
      if (step === 0 || step === 1 || isBegin) words[own + RISES] = (words[own + RISES] ?? 0) + 1;
      words[own + LONGEST_PAUSE] = Math.max(words[own + LONGEST_PAUSE] ?? 0, this.pauseBefore(own));
    }
    this.table.doubles[(own + LAST_AT) >> 1] = packet.at;
    words[own + LAST_TTL] = ttl;
    words[own + LAST_PORT] = packet.destinationPort;
    words[own + LATEST] = number;
    words[own + TTLS] = ttls | bitOf(ttl);
    if (packets < 2 ** 30) words[own + PACKETS] = packets + 1;
    let state = (words[own + STATE] ?? 0) | HAS_LATEST;
    if (packets + 1 >= DULL && countBits(words[own + TTLS] ?? 0) === 1) state |= DULL_STATE;
    words[own + STATE] = state;
  }

  /**
   * Whether a packet shows that the program was started anew: it is back at the first hop after a long pause, or with the port with which
   * traceroute, which counts ports up, begins each time.
   */
  startsAgain(group: number, { transport, ttl, destinationPort }: Packet): boolean {
    const { words } = this.table;
    const own = this.table.ownOf(group);
    const ttls = words[own + TTLS] ?? 0;
    if (bitOf(ttl) !== (ttls & -ttls)) return false;
    const pause = this.pauseBefore(own);
    if (pause > PAUSE_MS && pause > PAUSES * (words[own + LONGEST_PAUSE] ?? 0)) return true;
    if (transport !== IpProtocol.Udp || words[own + FIRST_PORT] !== destinationPort) return false;
    const counted = (words[own + LAST_PORT] ?? 0) - destinationPort;
    return counted > 1 && counted < MOST_COUNTED_PORTS;
  }

  /** A packet of the group ended on the way, after so many hops. */
  ended(group: number, ttl: number): void {
    const own = this.table.ownOf(group);
    const { words } = this.table;
    words[own + ENDED] = (words[own + ENDED] ?? 0) | bitOf(ttl);
  }

  /** The highest TTL with which a packet of the group ended on its way; 0 where none did. */
  farthest(group: number, serial: number): number {
    return this.isCurrent(group, serial) ? 32 - Math.clz32(this.table.words[this.table.ownOf(group) + ENDED] ?? 0) : 0;
  }

  /**
   * TTLs that rise from small ones; where errors tell of their ends, two are enough. Not a host that is far away over paths of different lengths,
   * and not what is caught in a loop, where each packet is first seen with the highest TTL that is looked at.
   */
  isTraceroute(group: number): boolean {
    const { words } = this.table;
    const own = this.table.ownOf(group);
    const ttls = words[own + TTLS] ?? 0;
    const ended = words[own + ENDED] ?? 0;
    const distinct = countBits(ttls);
    if (distinct < 2) return false;
    const lowest = 31 - Math.clz32(ttls & -ttls) + 1;
    const isRising = (words[own + RISES] ?? 0) >= RISING * ((words[own + PACKETS] ?? 0) - 1);
    // The TTL of ping stays as it is.
    if (distinct >= (this.isEcho(group) ? 2 : 3) && lowest <= USUAL_BEGIN && isRising) return true;
    // Two sessions of BGP that differ in `ttl` are none.
    const least = ((words[own + STATE] ?? 0) & BGP) !== 0 ? 3 : 2;
    return distinct >= least && ended !== 0 && lowest <= HIGHEST_BEGIN && (isRising || countBits(ended) > 1);
  }

  decided(group: number): void {
    const at = this.table.ownOf(group) + STATE;
    this.table.words[at] = (this.table.words[at] ?? 0) | DECIDED;
  }

  isDecided(group: number): boolean {
    return (this.stateOf(group) & DECIDED) !== 0;
  }

  /** Number of the group's latest probe; NONE before the first one. */
  latestOf(group: number): number {
    return this.stateOf(group) & HAS_LATEST ? (this.table.words[this.table.ownOf(group) + LATEST] ?? 0) : NONE;
  }

  serialOf(group: number): number {
    return this.table.words[this.table.ownOf(group) + SERIAL] ?? 0;
  }

  isCurrent(group: number, serial: number): boolean {
    return this.serialOf(group) === serial;
  }

  firstStampAt(group: number): number {
    return this.table.ownOf(group) + STAMP;
  }

  isEcho(group: number): boolean {
    const protocol = this.protocolOf(group);
    return protocol === IpProtocol.Icmp || protocol === IpProtocol.Icmpv6;
  }

  /** Whether the group's packets come from where this packet goes. */
  isSource(group: number, serial: number, packet: Packet): boolean {
    return this.isCurrent(group, serial) && this.isAddress(group, 0, packet, false);
  }

  /** Whether they go where this packet goes. */
  isDestination(group: number, serial: number, packet: Packet): boolean {
    return this.isCurrent(group, serial) && this.isAddress(group, 4, packet, false);
  }

  /** Whether they go where this packet comes from. */
  isDestinationSource(group: number, packet: Packet): boolean {
    return this.isAddress(group, 4, packet, true);
  }

  /** Allocates. */
  endsOf(group: number): RunEnds {
    const { table } = this;
    const text = (from: number): string => {
      for (let i = 0; i < 4; i++) scratch[i] = table.keyWord(group, from + i);
      return addressText(scratch, 0);
    };
    return {
      source: text(0),
      destination: text(4),
      protocol: protocolName(this.protocolOf(group)),
      path: table.keyWord(group, PATH),
      interfaceId: table.words[table.ownOf(group) + INTERFACE] ?? 0,
      isLayer3: (this.stateOf(group) & LAYER_3) !== 0,
    };
  }

  /** The group is as if nothing had been seen of it. */
  restart(group: number): void {
    const { words } = this.table;
    const own = this.table.ownOf(group);
    words.fill(0, own, own + OWN_WORDS);
    this.begin(group);
  }

  expire(): void {
    this.table.expire();
  }

  clear(): void {
    this.isGoingOn = false;
    this.table.clear();
    this.isGoingOn = true;
  }

  private left(group: number): void {
    if (this.isGoingOn && this.clock.at - this.table.seenAt(group) <= IDLE_SEC && this.countTtls(group) > 1) this.evicted++;
    this.leave(group);
    // Probes that name it belong to nobody now.
    this.table.words[this.table.ownOf(group) + SERIAL] = 0;
  }

  private begin(group: number): void {
    this.serial = (this.serial + 1) | 0;
    this.table.words[this.table.ownOf(group) + SERIAL] = this.serial;
  }

  /** Milliseconds since the group's packet before. */
  private pauseBefore(own: number): number {
    return Math.round((this.clock.at - (this.table.doubles[(own + LAST_AT) >> 1] ?? 0)) * 1e3) | 0;
  }

  private stateOf(group: number): number {
    return this.table.words[this.table.ownOf(group) + STATE] ?? 0;
  }

  private countTtls(group: number): number {
    return countBits(this.table.words[this.table.ownOf(group) + TTLS] ?? 0);
  }

  private protocolOf(group: number): number {
    return this.table.keyWord(group, KIND) & 255;
  }

  private isAddress(group: number, from: number, packet: Packet, source: boolean): boolean {
    for (let i = 0; i < 4; i++) scratch[i] = this.table.keyWord(group, from + i);
    return isSameAddress(scratch, 0, packet, source);
  }

  private writeKey(packet: Packet): void {
    const { key } = this.table;
    const { transport } = packet;
    writeAddress(key, 0, packet, true);
    writeAddress(key, 4, packet, false);
    key[KIND] = transport | (packet.version << 8) | (kindOf(packet) << 16);
    key[PATH] = packet.path;
  }
}

/** What stays the same in all probes of a run, beside the addresses. */
function kindOf({ transport, destinationPort, view, transportAt }: Packet): number {
  if (transport === IpProtocol.Tcp) return destinationPort;
  if (transport === IpProtocol.Udp) return destinationPort < SERVICE_PORTS ? destinationPort : 0;
  return view.getUint16(transportAt + 4);
}

const scratch = new Int32Array(4);

/** TTLs from 1 to 32 as a set. */
const bitOf = (ttl: number): number => 1 << (ttl - 1);

function countBits(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The link layer of the packet itself, not that of the tunnel around it, has no addresses. */
function isLayer3({ depth, ethernetAt, senderMacAt, vlanCount, ipAt }: Packet): boolean {
  if (depth === 0) return ethernetAt < 0 && senderMacAt < 0;
  return ethernetAt < 0 || ethernetAt + 14 + 4 * vlanCount !== ipAt;
}
