import { CaptureInput } from './capture/input.ts';
import { MergedInputs } from './capture/merge.ts';
import type { ByteSource } from './capture/source.ts';
import type { Unpackers } from './capture/unpack.ts';
import { diagnose } from './diagnose/diagnose.ts';
import { type Finding, Findings } from './diagnose/finding.ts';
import { InterfaceRegistry, UNKNOWN_INTERFACE } from './frame.ts';
import { durationText } from './net/time.ts';
import { InterfaceTracker, type ObservedInterface } from './track/interfaces.ts';
import { type RecordKind, RecordStore } from './track/records.ts';
import { type TrackerOptions, Trackers } from './track/trackers.ts';
import { decode, decodeInner } from './wire/decode.ts';
import { linktypeName } from './wire/linktype.ts';
import { Packet } from './wire/packet.ts';

/** An input by its name in the output and a way to open it. */
export interface InputSource {
  path: string;
  open: () => ByteSource | Promise<ByteSource>;
}

export interface Progress {
  packets: number;
  /** Unpacked octets of all inputs. */
  bytes: number;
}

export interface AnalysisOptions extends Partial<TrackerOptions> {
  unpackers?: Unpackers;
  /** Kinds of records that are kept; the others are counted. None unless said. */
  records?: ReadonlySet<RecordKind>;
  /** Most records of a kind; 100,000 unless said. */
  maxRecords?: number;
  /** Called after every few megabytes; it may wait, so that the program can do other things. */
  onProgress?: (progress: Progress) => void | Promise<void>;
  /** Ends the analysis early: what was read is judged, and the inputs say `interrupted`. */
  signal?: AbortSignal;
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

/** Everything that came of an analysis; reports are made of it. */
export interface Analysis {
  inputs: readonly CaptureInput[];
  /** In the order of the report, none left out. */
  findings: Finding[];
  stats: AnalysisStats;
  records: RecordStore;
  interfaces: readonly ObservedInterface[];
}

export const DEFAULT_MAX_RECORDS = 100_000;

/** Octets between two calls of `onProgress`. */
const PROGRESS_OCTETS = 16 << 20;
/** Steps back up to this are what several queues and clocks of a host make; a larger one begins a new capture. */
const STEP_BACK_SEC = 1;
/** The years that RFC 3339 can write. */
const EARLIEST_SEC = -62_167_219_200;
const LATEST_SEC = 253_402_300_799;

/** Reads all inputs as one timeline, follows what happens in it, and judges it. Never throws because of what an input holds. */
export async function analyzeSources(sources: readonly InputSource[], options: AnalysisOptions = {}): Promise<Analysis> {
  const run = new Run(sources, options);
  return run.analyze();
}

class Run {
  private readonly packet = new Packet(UNKNOWN_INTERFACE);
  private readonly interfaces = new InterfaceTracker();
  private readonly records: RecordStore;
  private readonly trackers: Trackers;
  private readonly findings = new Findings();
  private readonly inputs: readonly CaptureInput[];
  private readonly merged: MergedInputs;
  private readonly options: AnalysisOptions;
  private readonly stats: AnalysisStats = { decoded: 0, undecoded: 0, malformed: 0, truncatedPackets: 0, stateEvicted: 0 };
  /** The latest time of this timeline. */
  private latest = Number.NEGATIVE_INFINITY;
  private readonly unsupported = new Set<string>();
  private readonly badTimes = new Set<number>();
  private reported = 0;

  constructor(sources: readonly InputSource[], options: AnalysisOptions) {
    this.options = options;
    const registry = new InterfaceRegistry();
    const { unpackers = {}, local = [], wireguardPeers = [] } = options;
    this.inputs = sources.map(({ path, open }, index) => new CaptureInput({ path, index, open, registry, unpackers }));
    this.merged = new MergedInputs(this.inputs);
    this.records = new RecordStore(options.records ?? new Set(), options.maxRecords ?? DEFAULT_MAX_RECORDS);
    this.trackers = new Trackers(this.packet, this.interfaces, this.records, { local, wireguardPeers });
  }

  async analyze(): Promise<Analysis> {
    for (const input of this.inputs) await input.open();
    for (;;) {
      this.readAvailable();
      const starving = this.merged.starving;
      if (!starving) break;
      if (this.options.signal?.aborted) {
        for (const input of this.inputs) input.interrupt();
        break;
      }
      const filling = starving.fill();
      if (filling) await filling;
      await this.tellProgress();
    }
    for (const input of this.inputs) await input.close();
    this.judge();
    const findings = this.findings.list;
    this.stats.stateEvicted = this.trackers.evicted + this.findings.evicted;
    return {
      inputs: this.inputs,
      findings,
      stats: this.stats,
      records: this.records,
      interfaces: this.interfaces.list,
    };
  }

  /** Every frame that is in memory: the loop that each packet goes through. */
  private readAvailable(): void {
    for (let input = this.merged.next(); input; input = this.merged.next()) this.follow(input);
  }

  private follow(input: CaptureInput): void {
    const { packet, stats, trackers } = this;
    const { frame } = input;
    if (frame.caplen < frame.origlen) stats.truncatedPackets++;
    if (!decode(packet, frame)) {
      stats.undecoded++;
      this.tellUnsupported(input);
      return;
    }
    stats.decoded++;
    if (packet.timed) this.keepTime(input);
    trackers.observeFrame(packet);
    trackers.observe(packet);
    while (decodeInner(packet)) trackers.observe(packet);
    if (packet.stop === 'malformed') stats.malformed++;
  }

  private keepTime(input: CaptureInput): void {
    const { packet } = this;
    if (packet.at < this.latest - STEP_BACK_SEC) this.restart(input);
    else if (packet.at > this.latest) this.latest = packet.at;
    if ((packet.sec < EARLIEST_SEC || packet.sec > LATEST_SEC) && !this.badTimes.has(input.index)) {
      this.badTimes.add(input.index);
      input.problems.add('bad-time', null, packet.frame, `the time of frame ${packet.frame} is in no year from 0 to 9999`);
    }
  }

  /** The clock stepped back: what came before is a capture of its own. */
  private restart(input: CaptureInput): void {
    const { packet } = this;
    const back = durationText(this.latest - packet.at);
    const message = `time steps back by ${back} at frame ${packet.frame}; what comes before it and what follows are judged apart`;
    input.problems.add('time-went-back', null, packet.frame, message);
    this.judge();
    this.trackers.restart();
    this.latest = packet.at;
  }

  private judge(): void {
    const { trackers } = this;
    trackers.finish();
    const drops = this.inputs.some((input) => (input.drops.kernel ?? 0) + (input.drops.interface ?? 0) > 0);
    const { arp, ndp, icmp, kinship, mismatches, neighbourhood, ownMacs, redundancy, relay, udp, wireguard } = trackers;
    diagnose(
      { arp, ndp, icmp, kinship, mismatches, neighbourhood, ownMacs, redundancy, relay, udp, wireguard, drops, end: this.latest },
      this.findings,
    );
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

  private async tellProgress(): Promise<void> {
    const bytes = this.inputs.reduce((sum, input) => sum + input.bytes, 0);
    if (bytes - this.reported < PROGRESS_OCTETS) return;
    this.reported = bytes;
    const packets = this.inputs.reduce((sum, input) => sum + input.packets, 0);
    await this.options.onProgress?.({ packets, bytes });
  }
}
