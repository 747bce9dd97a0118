import { Direction } from '../frame.ts';
import type { Mac } from '../net/mac.ts';
import { IcmpType, Icmpv6Type, type QuotedPacket } from '../wire/icmp.ts';
import { IPV6_SOURCE, IpProtocol, type Packet } from '../wire/packet.ts';
import { BoundedMap } from './bounded-map.ts';
import { Evidence } from './evidence.ts';
import { overwriteStamp, readStamp, STAMP_WORDS, type Stamp, type StampStore, stampedAt, stampOf, writeStamp } from './stamp.ts';

/** Packets in one direction on one link between the same two machines. */
export interface Lane {
  /** Sender and receiver of the frames; -1 where the capture does not show them. */
  from: Mac;
  to: Mac;
  /** `Direction`, where the capture says it. */
  direction: number;
  /** Different packets that went round here. */
  packets: number;
}

export interface Sighting {
  stamp: Stamp;
  ttl: number;
}

/** Packets for one destination that pass the place of capture again and again, with less TTL each time. */
export interface Loop {
  destination: string;
  path: number;
  interfaceId: number;
  /** How much TTL is gone each time round; 0 where it differs. */
  step: number;
  /**
   * Different packets that went round, and the most often that one of them was seen in one direction, of the times that it had little TTL
   * left.
   */
  packets: number;
  passes: number;
  /** Sources of the first packets. */
  sources: string[];
  /**
   * The first packet that went round, each time it passed in one direction (in both, where they do not show), from the first time that it
   * had little TTL left.
   */
  example: readonly Sighting[];
  /** Where they pass, by direction and MACs. */
  lanes: ReadonlyMap<number, Lane>;
  /** Who gave up on such a packet in the end, and how often: addresses of routers that sent "time exceeded" for it. */
  droppedBy: ReadonlyMap<string, number>;
  first: Stamp;
  last: Stamp;
  /** `pass`: sightings of packets that went round, the earliest ones and `last`; `time-exceeded`: what came of them. */
  evidence: Evidence;
}

interface GrowingLoop extends Loop {
  serial: number;
  example: Sighting[];
  /** Slot of the example, by print and lane. */
  examplePrint: number;
  exampleLane: number;
  /** How many sightings and errors were told to `evidence`. */
  sightings: number;
  errors: number;
  lanes: Map<number, Lane>;
  droppedBy: Map<string, number>;
}

/**
 * One packet seen so often in one direction, with TTL falling by the same two or more each time, goes round: a router that is seen on
 * two cards takes one from the TTL once, and a router with one card sends it back with other MACs.
 */
const PASSES = 3;
/**
 * Where neither MACs nor directions are seen (raw IP), there and back look alike: one is gone from the TTL with each sighting. Packets that are led
 * through several machines on purpose, each of them on the same link, are seen fewer times than this.
 */
const BLIND_SIGHTINGS = 7;
/** Once round takes less, even where packets queue up or go by satellite. What comes later is another packet that looks the same. */
const ROUND_SEC = 2;
/** A packet that went round is dropped and reported sooner than this. */
const REPORT_SEC = 10;
const MOST_LOOPS = 1024;
const MOST_LANES = 8;
const MOST_SOURCES = 16;
const MOST_ROUTERS = 16;
const MOST_SIGHTINGS = 32;
/** Sightings beyond these are counted, and the last one is kept. */
const MOST_TOLD = 64;

const SLOTS = 2048;
/*
 * A slot holds one packet in one lane: print 1 | lane 1 | TTL 1 | fall of it 1 | sightings 1 | serial of the loop, or 0 1 | pad 2 |
 * stamp of the first sighting 8 | of the latest one 8
 */
const PRINT = 0;
const LANE = 1;
const TTL = 2;
const FALL = 3;
const SIGHTINGS = 4;
const LOOP = 5;
const FIRST = 8;
const LATEST = FIRST + STAMP_WORDS;
const SLOT_WORDS = LATEST + STAMP_WORDS;

/** Packets that went round, for errors that quote them: print of what is quoted 1 | serial of the loop 1. */
const DROPS = 1024;

/**
 * Octets behind the IP header that tell packets apart: each error quotes the first eight, ports and checksum or sequence; the others are
 * compared as far as they were captured.
 */
const QUOTED = 8;
const SAMPLE = 24;
const FLOW_LABEL = 0xfffff;

/**
 * Watches packets with little TTL left for copies of themselves: a packet in a loop gets there in the end. A small table in which newer packets
 * overwrite older ones: exact as long as a thousand others with so little TTL lie between two rounds.
 */
export class LoopTracker {
  private readonly found = new BoundedMap<string, GrowingLoop>(MOST_LOOPS, ({ serial }) => this.bySerial.delete(serial));
  private readonly bySerial = new Map<number, GrowingLoop>();
  private serial = 0;
  private readonly words = new Int32Array(SLOTS * SLOT_WORDS);
  private readonly stamps: StampStore = { words: this.words, doubles: new Float64Array(this.words.buffer) };
  private readonly drops = new Int32Array(DROPS * 2);
  private readonly droppable = new Float64Array(DROPS);

  get size(): number {
    return this.found.size;
  }

  get evicted(): number {
    return this.found.evicted;
  }

  /** Packets went round: errors about them are of interest. */
  get isActive(): boolean {
    return this.found.size > 0;
  }

  get list(): readonly Loop[] {
    return [...this.found.values()];
  }

  /** An IP packet with at most MOST_PROBE_TTL. */
  observe(packet: Packet): void {
    const { view, ttl } = packet;
    const start = behindHeader(packet);
    const end = Math.min(packet.capturedEnd, packet.end);
    if (start + QUOTED > end) return;
    const quoted = quotedPrint(packet, start);
    let print = mix(quoted, packet.end - start);
    const sampled = Math.min(end, start + SAMPLE);
    for (let at = start + QUOTED; at + 4 <= sampled; at += 4) print = mix(print, view.getInt32(at));
    const lane = laneOf(packet);
    const { words } = this;
    const slot = (mix(print, lane) & (SLOTS - 1)) * SLOT_WORDS;
    if (words[slot + PRINT] !== print || words[slot + LANE] !== lane || words[slot + SIGHTINGS] === 0) {
      this.begin(slot, print, lane, packet);
      return;
    }
    const fall = (words[slot + TTL] ?? 0) - ttl;
    // A mirror, or a bridge and its port.
    if (fall === 0) return;
    const age = packet.at - stampedAt(this.stamps, slot + LATEST);
    if (fall < 0 || age > ROUND_SEC || age < -ROUND_SEC) {
      this.begin(slot, print, lane, packet);
      return;
    }
    this.again(slot, fall, quoted, packet);
  }

  /** An ICMP error: "time exceeded" is how a packet ends that goes round. Called while `isActive`. */
  observeError(quote: QuotedPacket, packet: Packet): void {
    const isV6 = packet.transport === IpProtocol.Icmpv6;
    if (packet.icmpType !== (isV6 ? Icmpv6Type.TimeExceeded : IcmpType.TimeExceeded) || packet.icmpCode !== 0) return;
    const start = behindHeader(quote);
    if (start + QUOTED > quote.end) return;
    const print = quotedPrint(quote, start);
    const slot = print & (DROPS - 1);
    if (this.drops[slot * 2] !== print || packet.at - (this.droppable[slot] ?? 0) > REPORT_SEC) return;
    const loop = this.bySerial.get(this.drops[slot * 2 + 1] ?? 0);
    if (!loop) return;
    const router = packet.sourceIp;
    const { droppedBy, evidence } = loop;
    if (droppedBy.size >= MOST_ROUTERS && !droppedBy.has(router)) return;
    droppedBy.set(router, (droppedBy.get(router) ?? 0) + 1);
    if (loop.errors++ < MOST_TOLD) evidence.add('time-exceeded', stampOf(packet), `from ${router}`);
    else evidence.total++;
  }

  reset(): void {
    this.words.fill(0);
    this.drops.fill(0);
    this.found.clear();
    this.bySerial.clear();
  }

  private begin(slot: number, print: number, lane: number, packet: Packet): void {
    const { words } = this;
    words[slot + PRINT] = print;
    words[slot + LANE] = lane;
    words[slot + TTL] = packet.ttl;
    words[slot + FALL] = 0;
    words[slot + SIGHTINGS] = 1;
    words[slot + LOOP] = 0;
    writeStamp(this.stamps, slot + LATEST, packet);
  }

  /** The packet of this slot, with less TTL than before. */
  private again(slot: number, fall: number, quoted: number, packet: Packet): void {
    const { words } = this;
    const before = words[slot + FALL] ?? 0;
    const loop = this.bySerial.get(words[slot + LOOP] ?? 0);
    words[slot + TTL] = packet.ttl;
    words[slot + FALL] = fall;
    // Another fall: perhaps a probe that looks like those before. The row begins with the sighting before this one.
    if (!loop && before !== 0 && before !== fall) words[slot + SIGHTINGS] = 1;
    const sightings = (words[slot + SIGHTINGS] ?? 0) + 1;
    if (sightings === 2) words.copyWithin(slot + FIRST, slot + LATEST, slot + LATEST + STAMP_WORDS);
    words[slot + SIGHTINGS] = sightings;
    if (loop) this.pass(loop, slot, before, packet);
    else if (sightings === sightingsNeeded(fall, packet)) this.prove(slot, quoted, packet);
    writeStamp(this.stamps, slot + LATEST, packet);
  }

  /** It went round often enough. */
  private prove(slot: number, quoted: number, packet: Packet): void {
    const { words } = this;
    const first = readStamp(this.stamps, slot + FIRST);
    const loop = this.take(packet, first);
    words[slot + LOOP] = loop.serial;
    const drop = quoted & (DROPS - 1);
    this.drops[drop * 2] = quoted;
    this.drops[drop * 2 + 1] = loop.serial;
    this.droppable[drop] = packet.at;
    const fall = words[slot + FALL] ?? 0;
    const step = stepOf(fall);
    const latest = readStamp(this.stamps, slot + LATEST);
    if (loop.packets === 0) {
      loop.step = step;
      loop.examplePrint = words[slot + PRINT] ?? 0;
      loop.exampleLane = words[slot + LANE] ?? 0;
      loop.example.push({ stamp: first, ttl: packet.ttl + fall * ((words[slot + SIGHTINGS] ?? 0) - 1) });
      loop.example.push({ stamp: latest, ttl: packet.ttl + fall });
    } else if (loop.step !== step) loop.step = 0;
    const { sources } = loop;
    const source = packet.sourceIp;
    if (sources.length < MOST_SOURCES && !sources.includes(source)) sources.push(source);
    this.count(loop, words[slot + LANE] ?? 0, packet);
    this.tell(loop, first);
    this.tell(loop, latest);
    this.pass(loop, slot, fall, packet);
  }

  private take(packet: Packet, first: Stamp): GrowingLoop {
    const destination = packet.destinationIp;
    const { path, interfaceId } = packet;
    return this.found.take(`${destination}|${path}|${interfaceId}`, () => {
      const loop: GrowingLoop = {
        serial: ++this.serial,
        destination,
        path,
        interfaceId,
        step: 0,
        packets: 0,
        passes: 0,
        sources: [],
        example: [],
        examplePrint: 0,
        exampleLane: 0,
        sightings: 0,
        errors: 0,
        lanes: new Map(),
        droppedBy: new Map(),
        first,
        last: stampOf(packet),
        evidence: new Evidence(),
      };
      this.bySerial.set(loop.serial, loop);
      return loop;
    });
  }

  /** Each packet passes in all lanes: what is counted is the lane that saw the most. */
  private count(loop: GrowingLoop, id: number, packet: Packet): void {
    const { lanes } = loop;
    let lane = lanes.get(id);
    if (!lane) {
      lane = { from: packet.sourceMac, to: packet.destinationMac, direction: packet.direction, packets: 0 };
      if (lanes.size < MOST_LANES) lanes.set(id, lane);
    }
    lane.packets++;
    if (lane.packets > loop.packets) loop.packets = lane.packets;
  }

  /** @param before how much of the TTL was gone between the two sightings before */
  private pass(loop: GrowingLoop, slot: number, before: number, packet: Packet): void {
    const { words } = this;
    const fall = words[slot + FALL] ?? 0;
    // Twice as much, or half: one sighting in between was missed.
    if (fall !== before && fall % before !== 0 && before % fall !== 0) loop.step = 0;
    const sightings = words[slot + SIGHTINGS] ?? 0;
    const passes = fall === 1 ? (sightings + 1) >> 1 : sightings;
    if (passes > loop.passes) loop.passes = passes;
    overwriteStamp(loop.last, packet);
    const { example } = loop;
    const isExample = words[slot + PRINT] === loop.examplePrint && words[slot + LANE] === loop.exampleLane;
    if (isExample && example.length < MOST_SIGHTINGS) example.push({ stamp: stampOf(packet), ttl: packet.ttl });
    // No stamp is made of what is only counted.
    if (loop.sightings < MOST_TOLD) this.tell(loop, stampOf(packet));
    else loop.evidence.total++;
  }

  private tell(loop: GrowingLoop, stamp: Stamp): void {
    if (loop.sightings++ < MOST_TOLD) loop.evidence.add('pass', stamp);
    else loop.evidence.total++;
  }
}

/** There and back look alike: each of them takes one. */
const stepOf = (fall: number): number => (fall === 1 ? 2 : fall);

const sightingsNeeded = (fall: number, packet: Packet): number =>
  fall >= 2 ? PASSES : isBlind(packet) ? BLIND_SIGHTINGS : Number.MAX_SAFE_INTEGER;

/** Nothing tells which way the packet goes. */
function isBlind({ direction, ethernetAt, senderMacAt, view }: Packet): boolean {
  if (direction !== Direction.Unknown || senderMacAt >= 0) return false;
  // Both MACs are one: on `lo`, or made up by who wrote the file.
  return (
    ethernetAt < 0 ||
    (view.getInt32(ethernetAt) === view.getInt32(ethernetAt + 6) && view.getInt16(ethernetAt + 4) === view.getInt16(ethernetAt + 10))
  );
}

/** A number by which packets between the same two machines, in the same direction, on the same link and in the same tunnels are known. */
function laneOf({ view, ethernetAt, senderMacAt, direction, interfaceId, path, tunnelId, vlanCount, vlans }: Packet): number {
  let lane = mix(mix(interfaceId * 4 + direction, path), tunnelId);
  if (ethernetAt >= 0) lane = mix(mix(mix(lane, view.getInt32(ethernetAt)), view.getInt32(ethernetAt + 4)), view.getInt32(ethernetAt + 8));
  else if (senderMacAt >= 0) lane = mix(mix(lane, view.getInt32(senderMacAt)), view.getInt16(senderMacAt + 4));
  for (let i = 0; i < vlanCount; i++) lane = mix(lane, vlans[i] ?? 0);
  return lane;
}

/** Where the IP header ends; extension headers of IPv6 count as what is behind it. */
const behindHeader = ({ version, view, ipAt }: Packet | QuotedPacket): number =>
  version === 4 ? ipAt + (view.getUint8(ipAt) & 15) * 4 : ipAt + IPV6_HEADER;

/** What no hop changes, as far as an error quotes it. */
function quotedPrint({ version, view, ipAt, src4, dst4 }: Packet | QuotedPacket, start: number): number {
  // A checksum falls by what a sequence number rises: each word is mixed in by itself.
  let print = mix(mix(version, view.getInt32(start)), view.getInt32(start + 4));
  if (version === 4) {
    // Identification, fragment; protocol: of this word TTL and checksum change.
    print = mix(mix(print, view.getInt32(ipAt + 4)), view.getUint8(ipAt + 9));
    return mix(mix(print, src4), dst4);
  }
  print = mix(mix(print, view.getInt32(ipAt) & FLOW_LABEL), view.getUint8(ipAt + 6));
  for (let at = ipAt + IPV6_SOURCE; at < ipAt + IPV6_HEADER; at += 4) print = mix(print, view.getInt32(at));
  return print;
}

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};

const IPV6_HEADER = 40;
