import type { CaptureInput } from './capture/input.ts';
import { MergedInputs } from './capture/merge.ts';
import { Context } from './context/context.ts';
import { diagnose } from './diagnose/diagnose.ts';
import type { ExpectedVia } from './diagnose/expectations.ts';
import { type Finding, Findings } from './diagnose/finding.ts';
import type { Knowledge } from './diagnose/knowledge.ts';
import { type Machine, machinesOf, mergeMachines } from './diagnose/machines.ts';
import { UNKNOWN_INTERFACE } from './frame.ts';
import { durationText } from './net/time.ts';
import { CaptureClock } from './track/clock.ts';
import { InterfaceTracker } from './track/interfaces.ts';
import type { RecordStore } from './track/records.ts';
import { type TrackerOptions, Trackers } from './track/trackers.ts';
import { decode, decodeInner } from './wire/decode.ts';
import { linktypeName } from './wire/linktype.ts';
import { Packet } from './wire/packet.ts';

export interface AnalyzerOptions extends Partial<TrackerOptions> {
  /** Names of LINUX_SLL2's ifindexes, on the machine that captures. */
  interfaceName?: (index: number) => string | null;
  /** By which next hops packets should go, as the user says it. */
  expectVia?: readonly ExpectedVia[];
  /** Keeps frames for later: called for each, before it is decoded. */
  keep?: (input: CaptureInput) => void;
}

export interface AnalysisStats {
  /** Frames whose link type is decoded, and those whose is not; together all. */
  decoded: number;
  undecoded: number;
  malformed: number;
  /** Frames of which the snaplen cut something off. */
  truncatedPackets: number;
  stateEvicted: number;
}

/** Steps back up to this are what several queues and clocks of a host make; a larger one begins a new capture. */
const STEP_BACK_SEC = 1;
/**
 * So many frames are decoded, and what is known of their flows fetched, before the first of them is followed: who asks for much memory at once waits for it
 * hardly longer than for a single line of cache. More of them would push each other out of the nearest cache.
 */
const BATCH = 16;
/** Losses make what rests on absence less sure for this long. Those of a file are known when all of it was read: they count for the whole. */
const DROPS_SEC = 600;
/** The years that RFC 3339 can write. */
const EARLIEST_SEC = -62_167_219_200;
const LATEST_SEC = 253_402_300_799;

/**
 * The chain from frames to findings, driven by whoever reads the inputs: a run over files (`analyzeSources`), or one that goes on (`live/`). It never waits
 * and reads no clock.
 */
export class Analyzer {
  readonly merged: MergedInputs;
  readonly interfaces: InterfaceTracker;
  readonly trackers: Trackers;
  readonly stats: AnalysisStats = { decoded: 0, undecoded: 0, malformed: 0, truncatedPackets: 0, stateEvicted: 0 };
  private readonly inputs: readonly CaptureInput[];
  /** What hosts say of themselves. */
  readonly context: Context;
  private readonly clock = new CaptureClock();
  /** Decoded frames that were not followed yet, so many of them as `decodeBatch` said. */
  private readonly batch = Array.from({ length: BATCH }, () => new Packet(UNKNOWN_INTERFACE));
  /** The frame that was decoded last: its time is that of those which have none. */
  private decoded: Packet;
  /** What timelines gave that are over. */
  private readonly findings = new Findings();
  private machinesBefore: readonly Machine[] = [];
  private readonly local: readonly string[];
  private readonly expectVia: readonly ExpectedVia[];
  private readonly keep: ((input: CaptureInput) => void) | undefined;
  /** The latest time of this timeline. */
  private latest = Number.NEGATIVE_INFINITY;
  /** The same of all frames that were decoded, and the one of them with which a new timeline begins. */
  private newest = Number.NEGATIVE_INFINITY;
  private stepsBack: Packet | undefined;
  /** No more frames are in memory, or what comes next is not known yet. */
  private isWaiting = false;
  private readonly unsupported = new Set<string>();
  private readonly badTimes = new Set<number>();
  private isConcluded = false;
  /** Losses that were told so far, and the latest time at which they were. */
  private dropped = 0;
  private droppedAt = Number.NEGATIVE_INFINITY;

  constructor(inputs: readonly CaptureInput[], records: RecordStore, options: AnalyzerOptions) {
    const { local = [], wireguardPeers = [], context = new Context(), interfaceName, keep, expectVia = [] } = options;
    this.inputs = inputs;
    this.decoded = this.batch[0] ?? new Packet(UNKNOWN_INTERFACE);
    this.merged = new MergedInputs(inputs);
    this.keep = keep;
    this.context = context;
    this.local = local;
    this.expectVia = expectVia;
    this.interfaces = new InterfaceTracker((index) => interfaceName?.(index) ?? context.observer?.link(index)?.name ?? null, inputs);
    this.trackers = new Trackers(
      this.clock,
      this.interfaces,
      records,
      { local, wireguardPeers, context },
      expectVia.map(({ prefix }) => prefix),
    );
  }

  /** Time of the latest frame, in seconds since 1970; -Infinity before the first one. */
  get at(): number {
    return this.latest;
  }

  /** Follows every frame that is in memory, at most `most`: the loop that each packet goes through. Gives how many it were. */
  read(most = Number.POSITIVE_INFINITY): number {
    const { batch } = this;
    let read = 0;
    this.isWaiting = false;
    for (let isMore = true; isMore; ) {
      const before = this.stats.undecoded;
      const decoded = this.decodeBatch(Math.min(BATCH, most - read));
      this.trackers.lookAhead(batch, decoded);
      for (let i = 0; i < decoded; i++) {
        const packet = batch[i];
        if (packet !== undefined) this.follow(packet);
      }
      read += decoded + this.stats.undecoded - before;
      isMore = !this.isWaiting && read < most;
    }
    return read;
  }

  /** Nothing was seen up to this time (seconds since 1970): what waits for silence need not wait for the next frame. */
  advance(at: number): void {
    if (!(at > this.clock.at) || this.latest === Number.NEGATIVE_INFINITY) return;
    this.clock.at = at;
    this.decoded.at = at;
    this.trackers.pass(at);
  }

  /** What is wrong by now, in the order of the report; nothing that is open is closed for it. After `conclude` it is what that gave. */
  judgeSoFar(): Finding[] {
    const findings = this.findings.copy();
    if (!this.isConcluded) this.trackers.asIfOver(() => this.judge(findings));
    this.stats.stateEvicted = this.trackers.evicted + findings.evicted;
    return findings.list;
  }

  /** All frames were given: what is open is closed and judged. */
  conclude(): Finding[] {
    this.isConcluded = true;
    this.trackers.finish();
    this.judge(this.findings);
    const { list } = this.findings;
    this.stats.stateEvicted = this.trackers.evicted + this.findings.evicted;
    return list;
  }

  /** Which MACs and addresses are one machine, and why, as far as is known by now. */
  machines(): readonly Machine[] {
    const { local } = this;
    return mergeMachines(this.machinesBefore, machinesOf({ knowledge: this.knowledge(false), interfaces: this.interfaces.list, local }));
  }

  /**
   * Decodes the outermost packets of the next frames, at most `most` frames, into `batch`; their octets stay where they are until an input is filled. A frame with which a new
   * timeline begins is the last one: what came before it is judged by what was read by then.
   * @returns how many packets there are: frames of link types that are not decoded give none
   */
  private decodeBatch(most: number): number {
    const { batch, merged, stats } = this;
    let count = 0;
    for (let i = 0; i < most && this.stepsBack === undefined; i++) {
      const input = merged.next();
      const packet = batch[count];
      if (input === undefined || packet === undefined) {
        this.isWaiting = true;
        break;
      }
      const { frame } = input;
      this.keep?.(input);
      if (frame.caplen < frame.origlen) stats.truncatedPackets++;
      if (frame.timed !== true) packet.takeTime(this.decoded);
      this.decoded = packet;
      if (decode(packet, frame) !== true) {
        stats.undecoded++;
        this.tellUnsupported(input);
        continue;
      }
      stats.decoded++;
      if (packet.timed === true) this.checkTime(packet, input);
      count++;
    }
    return count;
  }

  private follow(packet: Packet): void {
    const { stats, trackers } = this;
    this.clock.at = packet.at;
    if (packet === this.stepsBack) this.restart(packet);
    else if (packet.timed === true && packet.at > this.latest) this.latest = packet.at;
    trackers.observeFrame(packet);
    trackers.observe(packet);
    while (decodeInner(packet) === true) trackers.observe(packet);
    if (packet.isFragment || packet.isInFragment === true) trackers.observeWhole(packet);
    if (packet.stop === 'malformed') stats.malformed++;
  }

  /** Problems are told in the order of the frames, whatever lies between decoding and following them. */
  private checkTime(packet: Packet, input: CaptureInput): void {
    if (packet.at < this.newest - STEP_BACK_SEC) {
      const back = durationText(this.newest - packet.at);
      const message = `time steps back by ${back} at frame ${packet.frame}; what comes before it and what follows are judged apart`;
      input.problems.add('time-went-back', null, packet.frame, message);
      this.stepsBack = packet;
      this.newest = packet.at;
    } else if (packet.at > this.newest) this.newest = packet.at;
    if ((packet.sec < EARLIEST_SEC || packet.sec > LATEST_SEC) && !this.badTimes.has(input.index)) {
      this.badTimes.add(input.index);
      input.problems.add('bad-time', null, packet.frame, `the time of frame ${packet.frame} is in no year from 0 to 9999`);
    }
  }

  /** The clock stepped back: what came before is a capture of its own. */
  private restart(packet: Packet): void {
    this.stepsBack = undefined;
    this.trackers.finish();
    this.judge(this.findings);
    this.machinesBefore = this.machines();
    this.trackers.restart();
    this.latest = packet.at;
  }

  private judge(findings: Findings): void {
    const { context } = this;
    context.recognise(this.interfaces.indexed);
    this.interfaces.nameAgain();
    this.trackers.learn();
    const dropped = this.inputs.reduce((sum, { drops }) => sum + (drops.kernel ?? 0) + (drops.interface ?? 0), 0);
    if (dropped > this.dropped) this.droppedAt = this.latest;
    this.dropped = dropped;
    // In a run of weeks some packet is lost some day: that says nothing of today.
    const drops = this.latest - this.droppedAt <= DROPS_SEC;
    diagnose(this.knowledge(drops), findings);
  }

  /** @param drops the capture says that it lost packets */
  private knowledge(drops: boolean): Knowledge {
    const { context, expectVia, latest: end } = this;
    return { ...this.trackers, context, expectVia, drops, end };
  }

  private tellUnsupported(input: CaptureInput): void {
    const { frame } = input;
    if (frame.linktype < 0) return;
    const key = `${input.index}/${frame.source.key}`;
    if (this.unsupported.has(key)) return;
    this.unsupported.add(key);
    const where =
      frame.source.id === null ? '' : ` of interface ${frame.source.id}${frame.source.name === null ? '' : ` (${frame.source.name})`}`;
    const message = `link type ${linktypeName(frame.linktype)}${where} is not decoded; its packets are counted only, from frame ${frame.number} on`;
    input.problems.add('unsupported-linktype', input.frameOffset, frame.number, message);
  }
}
