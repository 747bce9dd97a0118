import { type AnalysisStats, Analyzer } from './analyzer.ts';
import { CaptureInput } from './capture/input.ts';
import type { InputSource } from './capture/source.ts';
import type { Unpackers } from './capture/unpack.ts';
import { Windows } from './capture/windows.ts';
import { Context } from './context/context.ts';
import type { ExpectedVia } from './diagnose/expectations.ts';
import type { Finding } from './diagnose/finding.ts';
import type { Machine } from './diagnose/machines.ts';
import { InterfaceRegistry } from './frame.ts';
import type { ObservedInterface } from './track/interfaces.ts';
import { type RecordKind, type RecordSink, RecordStore } from './track/records.ts';
import type { TrackerOptions } from './track/trackers.ts';

export type { AnalysisStats } from './analyzer.ts';
export type { InputSource } from './capture/source.ts';

export interface Progress {
  packets: number;
  /** Unpacked octets of all inputs. */
  bytes: number;
}

export interface AnalysisOptions extends Partial<TrackerOptions> {
  unpackers?: Unpackers;
  /** By which next hops packets should go (`--expect-via`). */
  expectVia?: readonly ExpectedVia[];
  /** Kinds of records that are kept; the others are counted. None unless said. */
  records?: ReadonlySet<RecordKind>;
  /** Most records of a kind; 100,000 unless said. */
  maxRecords?: number;
  /** Gets the records of these kinds as they are complete; then none is kept, and `maxRecords` does not apply. */
  sink?: RecordSink;
  /** Called after every few megabytes; it may wait, so that the program can do other things. */
  onProgress?: (progress: Progress) => void | Promise<void>;
  /** Ends the analysis early: what was read is judged, and the inputs say `interrupted`. */
  signal?: AbortSignal;
}

/** Everything that came of an analysis; reports are made of it. */
export interface Analysis {
  inputs: readonly CaptureInput[];
  /** In the order of the report, none left out. */
  findings: Finding[];
  stats: AnalysisStats;
  records: RecordStore;
  interfaces: readonly ObservedInterface[];
  /** Which MACs and addresses are one machine, and why; found when it is asked for. */
  machines: () => readonly Machine[];
  /** What hosts said of themselves, and which of them the capture is of. */
  context: Context;
}

export const DEFAULT_MAX_RECORDS = 100_000;

/** Octets between two calls of `onProgress`. */
const PROGRESS_OCTETS = 16 << 20;

/** Reads all inputs as one timeline, follows what happens in it, and judges it. Never throws because of what an input holds. */
export async function analyzeSources(sources: readonly InputSource[], options: AnalysisOptions = {}): Promise<Analysis> {
  const registry = new InterfaceRegistry();
  const windows = new Windows();
  const { unpackers = {}, signal, sink, context = new Context() } = options;
  const inputs = sources.map((source, index) => new CaptureInput({ ...source, index, registry, unpackers, windows }));
  const records = new RecordStore(options.records ?? new Set(), options.maxRecords ?? DEFAULT_MAX_RECORDS, sink);
  const analyzer = new Analyzer(inputs, records, { ...options, context });
  const progress = new ProgressTeller(inputs, options.onProgress);
  for (const input of inputs) if (!input.begins) await input.open();
  let ahead: Promise<void> | undefined;
  for (;;) {
    analyzer.read();
    const draining = sink?.drain?.();
    if (draining) await draining;
    const { starving } = analyzer.merged;
    if (!starving) break;
    if (signal?.aborted) {
      for (const input of inputs) input.interrupt();
      break;
    }
    const filling = starving.fill();
    if (filling) await filling;
    // While a file is read, the next one is made ready.
    if (starving.begins) ahead = analyzer.merged.upcoming?.open();
    await progress.tell();
  }
  await ahead;
  for (const input of inputs) await input.close();
  const findings = analyzer.conclude();
  const machines = (): readonly Machine[] => analyzer.machines();
  return { inputs, findings, stats: analyzer.stats, records, interfaces: analyzer.interfaces.distinct, machines, context };
}

class ProgressTeller {
  private readonly inputs: readonly CaptureInput[];
  private readonly onProgress: AnalysisOptions['onProgress'];
  private told = 0;

  constructor(inputs: readonly CaptureInput[], onProgress: AnalysisOptions['onProgress']) {
    this.inputs = inputs;
    this.onProgress = onProgress;
  }

  async tell(): Promise<void> {
    if (!this.onProgress) return;
    const bytes = this.inputs.reduce((sum, input) => sum + input.bytes, 0);
    if (bytes - this.told < PROGRESS_OCTETS) return;
    this.told = bytes;
    await this.onProgress({ packets: this.inputs.reduce((sum, input) => sum + input.packets, 0), bytes });
  }
}
