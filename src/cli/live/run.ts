import type { InterfaceNames, LiveRequest, LiveSource } from '../../capture/live.ts';
import { LiveError } from '../../capture/node/live/error.ts';
import { interfaceNames } from '../../capture/node/live/names.ts';
import { openLive } from '../../capture/node/live/open.ts';
import type { Problem } from '../../capture/problem.ts';
import type { ExpectedVia } from '../../diagnose/expectations.ts';
import type { Severity } from '../../diagnose/kind.ts';
import type { News } from '../../live/news.ts';
import { FlightRecorder } from '../../live/recorder.ts';
import { LiveSession } from '../../live/session.ts';
import type { LiveStatus } from '../../live/status.ts';
import { harmless } from '../../report/harmless.ts';
import { isShown, type Shown } from '../../report/json.ts';
import { dropsOf } from '../../report/live-lines.ts';
import { RecordStore, recordKinds } from '../../track/records.ts';
import type { TrackerOptions } from '../../track/trackers.ts';
import { hostsOf } from '../context-files.ts';
import type { Io } from '../io.ts';
import { exitOf } from '../verdict.ts';
import { EvidenceFolder } from './evidence-folder.ts';
import type { MetricsAddress, MetricsServer } from './metrics.ts';
import { OwnContext } from './own-context.ts';
import { nodePulse } from './pulse.ts';
import { Signals } from './signals.ts';
import { DocumentTeller, LineTeller, ObjectTeller, type Teller } from './tellers.ts';
import { ViewTeller } from './view-teller.ts';

/** What a live run is asked to do. */
export interface LiveRunOptions extends Pick<TrackerOptions, 'local' | 'wireguardPeers'> {
  expectVia: readonly ExpectedVia[];
  /** Files of `--context`, and whether this machine is asked too. */
  contexts: readonly string[];
  ownContext: boolean;
  interfaces: readonly string[];
  request: Omit<LiveRequest, 'interface'>;
  format: 'table' | 'json' | 'ndjson';
  records: boolean;
  maxRecords: number;
  shown: Shown;
  failOn: Severity | undefined;
  color: boolean;
  quiet: boolean;
  durationSec: number | undefined;
  mostPackets: number | undefined;
  /** Octets of memory for the latest packets. */
  ring: number;
  evidenceDir: string | undefined;
  metrics: MetricsAddress | undefined;
}

/** Captures, analyses and tells until it is over; gives the exit status. */
export async function runLive(io: Io, options: LiveRunOptions): Promise<number> {
  const signals = new Signals();
  try {
    return await openAndRun(io, options, signals);
  } finally {
    signals.close();
  }
}

async function openAndRun(io: Io, options: LiveRunOptions, signals: Signals): Promise<number> {
  const others = await hostsOf(options.contexts);
  const { collectContext } = await import('../../context/node/collect.ts');
  // Side by side with the opening of the interfaces: both take a moment.
  const asking = OwnContext.open({ collect: options.ownContext ? collectContext : undefined, others });
  const names = interfaceNames(options.request.ssh);
  let sources: LiveSource[];
  try {
    // First: a connection for the names would be captured later.
    await names.refresh().catch(refuseWithoutHost);
    sources = await openAll(options);
  } catch (error) {
    (await asking).close();
    if (!(error instanceof LiveError)) throw error;
    io.err(`fluxcap: ${harmless(error.message)}\n`);
    return error.exit;
  }
  const own = await asking;
  const teller = await tellerOf(io, options);
  try {
    const run = await LiveRun.prepare(io, options, sources, { names, own }, teller);
    return await run.run(signals);
  } finally {
    own.close();
    if (teller instanceof ViewTeller) teller.close();
    for (const source of sources) await source.close?.();
  }
}

/** Where names cannot be read the numbers of interfaces must do; without a connection there is nothing to capture. */
function refuseWithoutHost(error: unknown): void {
  if (error instanceof LiveError && error.fault === 'ssh') throw error;
}

/** All interfaces at once; where one cannot be opened, none is. */
async function openAll({ interfaces, request }: LiveRunOptions): Promise<LiveSource[]> {
  const opened = await Promise.allSettled(
    interfaces.map((name) => openLive({ ...request, interface: name, isPrompt: interfaces.length > 1 })),
  );
  const sources = opened.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const refused = opened.find((each) => each.status === 'rejected');
  if (!refused) return sources;
  for (const source of sources) await source.close?.();
  throw refused.reason;
}

async function tellerOf(io: Io, { format, shown, color, records }: LiveRunOptions): Promise<Teller> {
  const told = { shown, color, records };
  if (format === 'json') return new DocumentTeller(io, told);
  if (format === 'ndjson') return new ObjectTeller(io, told, await import('../../report/ndjson.ts'));
  const isDumb = io.env.TERM === 'dumb';
  return io.terminal && !isDumb ? new ViewTeller(io, io.terminal, told) : new LineTeller(io, told);
}

/** Who reads the result is waited for no longer than this when the run is to end. */
const PATIENCE_SEC = 3;
/** Losses are told no more often than this. */
const DROPS_PAUSE_SEC = 30;

/** What is known of the machine that captures. */
interface HostKnowledge {
  names: InterfaceNames;
  own: OwnContext;
}

/** What one run consists of, and who gets what of it. */
class LiveRun {
  private readonly io: Io;
  private readonly options: LiveRunOptions;
  private readonly teller: Teller;
  private readonly session: LiveSession;
  private readonly sources: readonly LiveSource[];
  private evidence: EvidenceFolder | undefined;
  private metrics: MetricsServer | undefined;
  /** Problems that were told already, and losses of each input. */
  private readonly told = new WeakSet<Problem>();
  private readonly toldDrops: number[] = [];
  private dropsToldAt = Number.NEGATIVE_INFINITY;
  /** The report in between that is being printed. */
  private reporting: Promise<void> | undefined;

  static async prepare(
    io: Io,
    options: LiveRunOptions,
    sources: readonly LiveSource[],
    host: HostKnowledge,
    teller: Teller,
  ): Promise<LiveRun> {
    const recorder = options.evidenceDir !== undefined && options.ring > 0 ? new FlightRecorder(options.ring, sources.length) : undefined;
    const run = new LiveRun(io, options, sources, teller, host, recorder);
    if (recorder && options.evidenceDir !== undefined) {
      run.evidence = await EvidenceFolder.open({
        directory: options.evidenceDir,
        recorder,
        names: host.names,
        inputs: sources.map((source) => source.interface),
        wrote: ({ path }) => run.say(`wrote ${path}`),
        failed: (message) => run.say(message),
      });
    }
    if (options.metrics !== undefined) {
      const { MetricsServer } = await import('./metrics.ts');
      run.metrics = await MetricsServer.start(options.metrics, {
        status: () => run.statusAsTold(),
        ...(recorder ? { recorder: () => recorder.status } : {}),
      });
    }
    return run;
  }

  private constructor(
    io: Io,
    options: LiveRunOptions,
    sources: readonly LiveSource[],
    teller: Teller,
    { names, own }: HostKnowledge,
    recorder: FlightRecorder | undefined,
  ) {
    const { local, wireguardPeers, expectVia, shown, durationSec, mostPackets, records, maxRecords } = options;
    this.io = io;
    this.options = options;
    this.sources = sources;
    this.teller = teller;
    this.session = new LiveSession(sources, {
      pulse: nodePulse,
      local,
      wireguardPeers,
      expectVia,
      context: own.context,
      beforeEnd: () => own.again(),
      records: new RecordStore(new Set(records ? recordKinds : []), maxRecords, teller.records),
      isShown: (finding) => isShown(finding, shown),
      interfaceName: (index) => names.nameOf(index),
      ...(recorder ? { recorder } : {}),
      ...(durationSec === undefined ? {} : { durationSec }),
      ...(mostPackets === undefined ? {} : { mostPackets }),
      drain: () => teller.records?.drain(),
      onStop: () => io.hurry?.(PATIENCE_SEC),
      onNews: (news) => this.tell(news),
      onStatus: (status) => this.follow(status),
    });
  }

  async run(signals: Signals): Promise<number> {
    const { session, teller, options } = this;
    try {
      await session.open();
      signals.handlers = { end: () => session.stop(), report: () => this.report() };
      // The terminal was closed, or `head` has enough: evidence is still to be written, and helpers are to end.
      this.io.whenGone?.(() => session.stop());
      if (!options.quiet) this.say(this.beginning());
      await teller.begin(session);
      const analysis = await session.run();
      await this.reporting;
      await this.evidence?.end();
      await teller.summary(analysis, true);
      this.tellDrops(session.status());
      return exitOf(analysis, { failOn: options.failOn, minConfidence: options.shown.minConfidence });
    } finally {
      await this.metrics?.close();
    }
  }

  /** `listening on any with tcpdump, 2048 octets of each packet; Ctrl-C ends with the summary`. */
  private beginning(): string {
    const { request } = this.options;
    const where = request.ssh === null ? '' : ` of ${request.ssh}`;
    const what = this.sources.map((source) => `${source.interface}${where} with ${source.backend}`).join(', ');
    const filter = request.filter === '' ? '' : `, filter "${request.filter}"`;
    const metrics = this.metrics ? `; metrics at ${this.metrics.url}` : '';
    return `listening on ${what}, up to ${request.snaplen} octets of each packet${filter}${metrics}; Ctrl-C ends with the summary`;
  }

  /** What was told: what is hidden, or may yet prove to be none, raises no alarm elsewhere either. */
  private statusAsTold(): LiveStatus {
    const status = this.session.status();
    return { ...status, findings: status.findings.filter(({ id }) => this.session.isTold(id)) };
  }

  private async tell(news: readonly News[]): Promise<void> {
    for (const each of news) {
      this.evidence?.told(each);
      this.metrics?.told(each);
    }
    await this.teller.news(news);
  }

  private follow(status: LiveStatus): void {
    if (status.at !== null) this.evidence?.tick(status.at);
    for (const { path, problems } of status.inputs) {
      for (const problem of problems) {
        if (this.told.has(problem)) continue;
        this.told.add(problem);
        const { kind, message, lost } = problem;
        this.say(`${path}: ${lost ? '' : 'note: '}${message} [${kind}]`);
      }
    }
    if (status.elapsedSec - this.dropsToldAt >= DROPS_PAUSE_SEC) this.tellDrops(status);
    this.teller.status?.(status);
  }

  /** One at a time: who asks more often than the reader reads gets no more for it. */
  private report(): void {
    this.reporting ??= this.teller.summary(this.session.soFar(), false).finally(() => {
      this.reporting = undefined;
    });
  }

  /** Losses since they were told last. */
  private tellDrops({ inputs, elapsedSec }: LiveStatus): void {
    for (const [i, { path, drops }] of inputs.entries()) {
      const lost = dropsOf([{ drops }]) ?? 0;
      if (lost <= (this.toldDrops[i] ?? 0)) continue;
      this.toldDrops[i] = lost;
      this.dropsToldAt = elapsedSec;
      this.say(`${path}: ${lost} packets were dropped so far before they could be read: what rests on absence is less sure`);
    }
  }

  /** Helpers, remote machines and interfaces choose their words; a terminal must not take them for commands. */
  private say(text: string): void {
    this.teller.say(`fluxcap: ${harmless(text)}\n`);
  }
}
