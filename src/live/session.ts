import type { Analysis } from '../analysis.ts';
import { Analyzer } from '../analyzer.ts';
import { CaptureInput } from '../capture/input.ts';
import type { LiveSource } from '../capture/live.ts';
import { Context } from '../context/context.ts';
import type { ExpectedVia } from '../diagnose/expectations.ts';
import type { Finding } from '../diagnose/finding.ts';
import { InterfaceRegistry } from '../frame.ts';
import type { RecordStore } from '../track/records.ts';
import type { TrackerOptions } from '../track/trackers.ts';
import { CaptureClock } from './capture-clock.ts';
import type { News } from './news.ts';
import { NewsDesk } from './news-desk.ts';
import type { FlightRecorder } from './recorder.ts';
import type { LiveStatus } from './status.ts';

/** The machine's time, as far as a session needs it; tests hand in their own. */
export interface Pulse {
  /** Seconds from any beginning; never set. */
  now(): number;
  /** Calls back regularly; gives a function that ends it. */
  every(seconds: number, call: () => void): () => void;
  /** Lets the program do other things. */
  breathe(): Promise<void>;
}

export interface SessionOptions extends Partial<TrackerOptions> {
  pulse: Pulse;
  /** By which next hops packets should go, as the user says it. */
  expectVia?: readonly ExpectedVia[];
  records: RecordStore;
  /** Findings that the user wants to see. */
  isShown: (finding: Finding) => boolean;
  interfaceName?: (index: number) => string | null;
  recorder?: FlightRecorder;
  /** Called after each stretch of reading: whoever takes records may wait until they have gone on their way. */
  drain?: () => void | Promise<void>;
  /** Ends by itself after so many seconds, or packets. */
  durationSec?: number;
  mostPackets?: number;
  /** Called when the run is to end, whoever wants it. */
  onStop?: () => void;
  /** Called when everything was read, before it is judged for the last time. */
  beforeEnd?: () => Promise<void>;
  /** Called with what is new, after the judgement that showed it. Waits where whoever listens is slow. */
  onNews: (news: readonly News[]) => void | Promise<void>;
  /** Called a few times a second. */
  onStatus?: (status: LiveStatus) => void;
}

/** Frames between two looks at the clock: about a millisecond of work. */
const BATCH = 2000;
/** Work at a stretch before other things have their turn: signals, timers, the helper's messages. */
const STRETCH_SEC = 0.02;
const TICK_SEC = 0.1;
const STATUS_SEC = 0.25;
const DROPS_SEC = 2;
/** Judgements come no sooner than this, and take no more of the time than one in so many parts. */
const JUDGE_SEC = 0.2;
/** Where no frame came: time alone may show something. */
const JUDGE_QUIET_SEC = 1;
const JUDGE_SHARE = 20;
const LONGEST_PAUSE_SEC = 30;
/** What a packet may take through pipes and a busy machine, beside what its backend keeps it for. */
const ON_ITS_WAY_SEC = 0.4;
/** Packets of one interface wait for those of the others for this long, beside what the backends keep them for: longer, and the kernel would run out of room. */
const IN_TURN_SEC = 0.1;
/** The machine gives this process no time for longer than this only where something is amiss (SIGSTOP, suspend, a long judgement). */
const STALL_SEC = 0.3;
/** A frame that was just read and is older than this says nothing of the time. */
const LATE_SEC = 2;
/** After it was asked to stop, a backend delivers what it has within this. */
const LAST_OCTETS_SEC = 3;
/** Where more was captured than could be read by then, it is read on for this long. */
const BACKLOG_SEC = 10;

/**
 * A run over interfaces while things happen: reads what its sources give, follows it as an analysis of files does, judges what is known by now every few tenths
 * of a second, and tells the news. The packets of a busy moment wait in the kernel, which counts what it drops; nothing here grows with what comes.
 */
export class LiveSession {
  private readonly sources: readonly LiveSource[];
  private readonly inputs: readonly CaptureInput[];
  private readonly analyzer: Analyzer;
  private readonly context: Context;
  private readonly options: SessionOptions;
  private readonly desk: NewsDesk;
  private readonly clock = new CaptureClock();
  private readonly filling: boolean[];
  private findings: readonly Finding[] = [];
  private startedAt = 0;
  private judgedAt = Number.NEGATIVE_INFINITY;
  private judgePauseSec = JUDGE_SEC;
  private statusAt = Number.NEGATIVE_INFINITY;
  private dropsAt = Number.NEGATIVE_INFINITY;
  /** When it was looked last whether nothing had come, and when a pause was noticed that was none of the link's. */
  private quietAt = Number.NEGATIVE_INFINITY;
  private stalledAt = Number.NEGATIVE_INFINITY;
  /** Capture time up to which nothing else will come. */
  private quietUntil = Number.NEGATIVE_INFINITY;
  /** Time of the latest frame. */
  private frameAt = Number.NEGATIVE_INFINITY;
  private packets = 0;
  /** Octets that were there before the first packet. */
  private headerBytes = 0;
  private hasNewFrames = false;
  private stopAt: number | undefined;
  private isWoken = false;
  private wakeUp: (() => void) | undefined;

  constructor(sources: readonly LiveSource[], options: SessionOptions) {
    const { local = [], wireguardPeers = [], expectVia = [], context = new Context(), interfaceName, recorder } = options;
    this.context = context;
    this.sources = sources;
    this.options = options;
    this.desk = new NewsDesk(options.isShown);
    const registry = new InterfaceRegistry();
    this.inputs = sources.map((source, index) => inputOf(source, index, registry, recorder));
    this.filling = sources.map(() => false);
    this.analyzer = new Analyzer(this.inputs, options.records, {
      local,
      wireguardPeers,
      expectVia,
      context,
      ...(interfaceName ? { interfaceName } : {}),
      ...(recorder ? { keep: (input) => recorder.frame(input.frame, input.frameOffset) } : {}),
    });
  }

  /** What is captured, with what it is read as. */
  get captures(): { source: LiveSource; input: CaptureInput }[] {
    return this.sources.flatMap((source, i) => {
      const input = this.inputs[i];
      return input ? { source, input } : [];
    });
  }

  /** Reads the headers of what the sources give, so that it is known what is captured. */
  async open(): Promise<void> {
    this.startedAt = this.options.pulse.now();
    this.dropsAt = this.startedAt;
    await Promise.all(this.inputs.map((input) => input.open()));
    this.headerBytes = this.inputs.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [i, { limits }] of this.sources.entries())
      for (const limit of limits) this.inputs[i]?.problems.add('backend-limit', null, null, limit);
  }

  /**
   * After `open`: runs until `stop`, until the duration or the packets are over, or until every source has ended. Gives what an analysis of files gives.
   */
  async run(): Promise<Analysis> {
    const { pulse } = this.options;
    const stopTicking = pulse.every(TICK_SEC, () => this.wake());
    try {
      while (await this.step());
      for (const input of this.inputs) await input.close();
    } finally {
      stopTicking();
    }
    await this.options.beforeEnd?.();
    this.findings = this.analyzer.conclude();
    await this.tell(this.desk.take(this.findings, this.time(), true));
    this.options.onStatus?.(this.status());
    return this.analysis();
  }

  /** Ends the run: what was captured until now is still read, judged and told. */
  stop(): void {
    if (this.stopAt !== undefined) return;
    this.stopAt = this.options.pulse.now();
    for (const source of this.sources) source.stop();
    this.options.onStop?.();
    this.wake();
  }

  /** Whether a finding, by its id, was told as news: what may yet prove to be none was not. */
  isTold(id: string): boolean {
    return this.desk.isTold(id);
  }

  /** What an analysis of all packets so far gives, while the run goes on. */
  soFar(): Analysis {
    this.findings = this.analyzer.judgeSoFar();
    return this.analysis();
  }

  status(): LiveStatus {
    const { trackers, stats, at } = this.analyzer;
    return {
      inputs: this.inputs.map((input, i) => ({
        path: input.path,
        backend: this.sources[i]?.backend ?? 'tcpdump',
        packets: input.packets,
        bytes: input.bytes,
        drops: input.drops,
        problems: input.problems.places,
        done: input.done,
      })),
      packets: this.packets,
      bytes: this.inputs.reduce((sum, { bytes }) => sum + bytes, -this.headerBytes),
      elapsedSec: this.options.pulse.now() - this.startedAt,
      at: at === Number.NEGATIVE_INFINITY ? null : this.time(),
      state: trackers.size,
      stateEvicted: stats.stateEvicted,
      findings: this.findings,
      ended: this.desk.ended,
    };
  }

  /** One round: reads for a while, then waits for more. False: nothing comes any more. */
  private async step(): Promise<boolean> {
    const { pulse } = this.options;
    const begun = pulse.now();
    let isBehind = this.read();
    if (!isBehind && begun - this.quietAt >= TICK_SEC) {
      // Timers may come before what has arrived: whoever waits for octets is asked once more, so that silence is what it seems to be.
      await pulse.breathe();
      isBehind = this.read();
      if (!isBehind) this.passQuietly(begun);
    }
    await this.options.drain?.();
    const now = pulse.now();
    this.endInTime(now);
    await this.judge(now);
    this.tellStatus(now);
    if (this.isOver(now, isBehind)) return false;
    if (isBehind) await pulse.breathe();
    else await this.sleep();
    return true;
  }

  /** Follows frames for a stretch. True: there is more to do at once. */
  private read(): boolean {
    const { pulse, mostPackets = Number.POSITIVE_INFINITY } = this.options;
    const until = pulse.now() + STRETCH_SEC;
    let isMore = true;
    while (isMore && this.packets < mostPackets) {
      const read = this.analyzer.read(Math.min(BATCH, mostPackets - this.packets));
      this.packets += read;
      this.hasNewFrames ||= read > 0;
      const now = pulse.now();
      if (read > 0) this.keepTime(now);
      isMore = read === BATCH || this.fill();
      if (isMore && now >= until) return true;
    }
    return false;
  }

  private keepTime(now: number): void {
    const { at, merged } = this.analyzer;
    // The capturing machine's clock was set back, or packets waited for long: what was known of it may be too late.
    if (at < this.frameAt || at < this.clock.at(now) - LATE_SEC) {
      this.clock.reset();
      merged.quietUntil = Number.NEGATIVE_INFINITY;
      this.quietUntil = Number.NEGATIVE_INFINITY;
    }
    this.frameAt = at;
    this.clock.saw(at, now);
  }

  /** Lets every input that has nothing more get octets. True: some are there at once. */
  private fill(): boolean {
    let isFilled = false;
    for (const [i, input] of this.inputs.entries()) {
      if (this.filling[i] || !this.analyzer.merged.isStarving(i)) continue;
      const filling = input.fill();
      if (!filling) {
        isFilled = true;
        continue;
      }
      this.filling[i] = true;
      void filling.then(() => {
        this.filling[i] = false;
        this.wake();
      });
    }
    return isFilled;
  }

  /** Everything was read that is there: what comes is later than this. */
  private passQuietly(now: number): void {
    const stalled = now - this.quietAt > STALL_SEC;
    this.quietAt = now;
    // This process did not run for a while, and perhaps the helper neither: what waits in the kernel is older than it seems.
    if (stalled) this.stalledAt = now;
    if (now - this.stalledAt < STALL_SEC + ON_ITS_WAY_SEC) return;
    // An interface that is quiet from the start must not hold up the others.
    this.clock.saw(this.analyzer.merged.newestWaiting, now);
    const until = this.clock.at(now) - Math.max(...this.sources.map((source) => source.delaySec));
    if (!Number.isFinite(until)) return;
    this.analyzer.merged.quietUntil = until - IN_TURN_SEC;
    this.quietUntil = until - ON_ITS_WAY_SEC;
    this.analyzer.advance(this.quietUntil);
  }

  private endInTime(now: number): void {
    const { durationSec = Number.POSITIVE_INFINITY, mostPackets = Number.POSITIVE_INFINITY } = this.options;
    if (now - this.startedAt >= durationSec || this.packets >= mostPackets) this.stop();
  }

  private isOver(now: number, isBehind: boolean): boolean {
    const { mostPackets = Number.POSITIVE_INFINITY } = this.options;
    if (this.packets >= mostPackets || this.inputs.every(({ done }) => done)) return true;
    if (this.stopAt === undefined) return false;
    if (!isBehind) return now - this.stopAt >= LAST_OCTETS_SEC;
    if (now - this.stopAt < BACKLOG_SEC) return false;
    // What still waits is not analysed, and nobody counted it.
    for (const input of this.inputs) input.interrupt();
    return true;
  }

  private async judge(now: number): Promise<void> {
    const isCalm = !this.hasNewFrames && !this.desk.isWaiting;
    const pauseSec = isCalm ? Math.max(this.judgePauseSec, JUDGE_QUIET_SEC) : this.judgePauseSec;
    if (now - this.judgedAt < pauseSec) return;
    this.judgedAt = now;
    const { pulse } = this.options;
    this.findings = this.analyzer.judgeSoFar();
    const took = pulse.now() - now;
    this.judgePauseSec = Math.min(Math.max(JUDGE_SEC, JUDGE_SHARE * took), LONGEST_PAUSE_SEC);
    this.hasNewFrames = false;
    await this.tell(this.desk.take(this.findings, this.time()));
  }

  private async tell(news: readonly News[]): Promise<void> {
    if (news.length > 0) await this.options.onNews(news);
  }

  private tellStatus(now: number): void {
    if (now - this.dropsAt >= DROPS_SEC && this.stopAt === undefined) {
      this.dropsAt = now;
      for (const source of this.sources) source.refreshDrops();
    }
    if (now - this.statusAt < STATUS_SEC) return;
    this.statusAt = now;
    this.options.onStatus?.(this.status());
  }

  /** Capture time now: of the latest frame, or later where nothing came. */
  private time(): number {
    const { at } = this.analyzer;
    return Math.max(at, this.quietUntil);
  }

  private analysis(): Analysis {
    const { analyzer, context, inputs, findings } = this;
    return {
      inputs,
      findings: [...findings],
      stats: analyzer.stats,
      records: this.options.records,
      interfaces: analyzer.interfaces.distinct,
      machines: () => analyzer.machines(),
      context,
    };
  }

  private wake(): void {
    this.isWoken = true;
    this.wakeUp?.();
  }

  private async sleep(): Promise<void> {
    if (!this.isWoken) {
      await new Promise<void>((resolve) => {
        this.wakeUp = resolve;
      });
    }
    this.wakeUp = undefined;
    this.isWoken = false;
  }
}

function inputOf(source: LiveSource, index: number, registry: InterfaceRegistry, recorder: FlightRecorder | undefined): CaptureInput {
  return new CaptureInput({
    path: source.interface,
    index,
    open: () => recorder?.recording(index, source) ?? source,
    registry,
    live: {
      interface: { id: source.index, name: source.interface },
      drops: () => source.drops,
    },
  });
}
