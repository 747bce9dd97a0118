import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATH } from '../../scripts/programs.js';
import { CAPTURING, Cable } from './cable.ts';
import { type Helper, helperOf } from './captors.ts';
import { childrenOf, cpuSecondsOf, Disturbance, residentOf } from './processes.ts';
import { Sender, type Sent } from './sender.ts';
import { inTemporaryFolder } from './temporary.ts';

export interface SoakOptions {
  project: string;
  backend: 'tcpdump' | 'libpcap';
  /** How long fluxcap runs; packets come until a few seconds before its end. */
  seconds: number;
  /** Packets, new conversations and incidents a second. */
  rate: number;
  newFlowsPerSecond: number;
  incidentsPerSecond: number;
  /** fluxcap is halted for a while, so that the kernel has to drop: when, and how long, in seconds; null: never. */
  halt: { after: number; seconds: number } | null;
  /** Of all that is started; 0: as this process. */
  niceness: number;
  /** Options of Node.js for fluxcap. */
  nodeOptions: readonly string[];
}

/** What is seen every second. */
export interface SoakSample {
  seconds: number;
  resident: number;
  helperResident: number;
  /** What the metrics say; null where they could not be had. */
  metrics: Record<string, number | null> | null;
}

/** What was told of one finding. */
export interface ToldFinding {
  id: string;
  /** Lines that tell it as new, as an update, as over. */
  news: number;
  updates: number;
  ended: number;
  count: number;
}

export interface SoakResult extends Sent {
  arrived: number;
  packets: number;
  dropped: number | null;
  droppedByHelper: number | null;
  decoded: number;
  stateEvicted: number;
  status: number | null;
  /** From the line that it listens to its end. */
  ranSeconds: number;
  cpuSeconds: number;
  helperCpuSeconds: number;
  samples: SoakSample[];
  findings: ToldFinding[];
  evidenceFiles: string[];
  said: string;
  disturbedSeconds: number;
}

/** Packets stop this long before the end, in seconds: what is on its way arrives, and the sender may be late. */
const QUIET_AT_END = 6;
const PATIENCE_MS = 20_000;
const METRICS_PORT = 9400;
const SCRAPER = fileURLToPath(new URL('scrape.js', import.meta.url));

const METRICS = [
  'fluxcap_packets_total',
  'fluxcap_drops_total',
  'fluxcap_uptime_seconds',
  'fluxcap_capture_time_seconds',
  'fluxcap_state_entries',
  'fluxcap_state_evicted_total',
  'fluxcap_findings',
  'fluxcap_ring_span_seconds',
  'fluxcap_event_loop_lag_seconds{stat="max"}',
  'process_resident_memory_bytes',
  'nodejs_heap_used_bytes',
  'nodejs_external_memory_bytes',
] as const;

/** A line of scrape.js. */
interface Scraped {
  values: Record<string, number | null>;
}

/** Runs fluxcap under load and watches it from outside. */
export async function soak(options: SoakOptions, tell: (text: string) => void = () => {}): Promise<SoakResult> {
  return inTemporaryFolder(async (temporary) => {
    const disturbance = new Disturbance();
    const cable = new Cable();
    try {
      const { rate, newFlowsPerSecond, incidentsPerSecond, halt } = options;
      const sender = Sender.compile(join(temporary, 'send'));
      const run = await Watched.start(options, cable, temporary);
      const mostSeconds = options.seconds - QUIET_AT_END;
      const traffic = { packets: rate * mostSeconds, rate, newFlowsPerSecond, incidentsPerSecond, mostSeconds };
      const sending = sender.start(cable, traffic, niceOf(options));
      if (halt) void run.haltFor(halt);
      await run.watch(tell);
      const sent = await sending.sent;
      return { ...sent, arrived: cable.arrived, ...run.result(), disturbedSeconds: disturbance.seconds };
    } finally {
      cable.remove();
    }
  });
}

const niceOf = ({ niceness }: SoakOptions): string[] => ['nice', '-n', String(niceness)];

/** fluxcap with evidence and metrics, as it is seen from outside. */
class Watched {
  private readonly options: SoakOptions;
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private readonly helper: Helper | undefined;
  private readonly evidence: string;
  private readonly lines: Line[] = [];
  private readonly samples: SoakSample[] = [];
  private said = '';
  private begun = 0;
  private ranSeconds = Number.NaN;
  private scraped: Scraped['values'] | null = null;
  private cpuSeconds = 0;
  private helperCpuSeconds = 0;

  /** Comes back when it captures. */
  static async start(options: SoakOptions, cable: Cable, temporary: string): Promise<Watched> {
    const run = new Watched(options, cable, temporary);
    for (const end = Date.now() + PATIENCE_MS; !run.said.includes('listening on'); await sleep(20))
      if (Date.now() > end || run.child.exitCode !== null) throw new Error(`fluxcap does not capture: ${run.said}`);
    run.begun = performance.now();
    void run.closed.then(() => {
      run.ranSeconds = run.elapsed / 1000;
    });
    run.scrape(cable);
    return run;
  }

  private constructor(options: SoakOptions, cable: Cable, temporary: string) {
    const { project, backend, seconds, nodeOptions } = options;
    this.options = options;
    this.evidence = join(temporary, 'evidence');
    this.helper = backend === 'tcpdump' ? helperOf(backend, temporary) : undefined;
    if (this.helper) writeFileSync(this.helper.log, '');
    const fluxcap = [process.execPath, ...nodeOptions, join(project, 'bin', 'fluxcap.js')];
    const args = [
      'live',
      CAPTURING,
      '--backend',
      backend,
      '--format',
      'ndjson',
      '--duration',
      `${seconds}s`,
      '--evidence-dir',
      this.evidence,
      '--metrics',
      String(METRICS_PORT),
    ];
    const env = this.helper ? { PATH: `${this.helper.path}:${PATH}` } : {};
    this.child = cable.spawn('capturing', [...niceOf(options), ...fluxcap, ...args], env);
    this.closed = once(this.child, 'close');
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    if (this.child.stdout) createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
  }

  /** Samples every second until it ends. It gets twice its time, then it is killed. */
  async watch(tell: (text: string) => void): Promise<void> {
    const { seconds } = this.options;
    // By this process's clock: a sample that comes late makes no other late.
    for (let second = 1; this.child.exitCode === null && second < 2 * seconds; second++) {
      if (this.sample()) tell(progressOf(this.samples));
      await Promise.race([this.closed, sleep(second * 1000 - this.elapsed)]);
    }
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    await this.closed;
  }

  /** Stops the process, and lets it go on later: packets come all the time. */
  async haltFor({ after, seconds }: { after: number; seconds: number }): Promise<void> {
    await sleep(after * 1000);
    this.child.kill('SIGSTOP');
    await sleep(seconds * 1000);
    this.child.kill('SIGCONT');
  }

  /** After `watch`. */
  result(): Omit<SoakResult, keyof Sent | 'arrived' | 'disturbedSeconds'> {
    const { samples, said, ranSeconds, cpuSeconds, helperCpuSeconds, lines, helper } = this;
    return {
      ...totalsOf(lines),
      droppedByHelper: helper?.count(readFileSync(helper.log, 'utf8')).dropped ?? null,
      status: this.child.exitCode,
      ranSeconds,
      cpuSeconds,
      helperCpuSeconds,
      samples,
      findings: findingsOf(lines),
      evidenceFiles: readdirSync(this.evidence),
      said,
    };
  }

  private get elapsed(): number {
    return performance.now() - this.begun;
  }

  private scrape(cable: Cable): void {
    const url = `http://127.0.0.1:${METRICS_PORT}/metrics`;
    const scraper = cable.spawn('capturing', [...niceOf(this.options), process.execPath, SCRAPER, url, ...METRICS]);
    if (scraper.stdout) {
      createInterface({ input: scraper.stdout }).on('line', (line) => {
        this.scraped = (JSON.parse(line) as Scraped).values;
      });
    }
    void this.closed.then(() => scraper.kill());
  }

  private sample(): boolean {
    const pid = this.child.pid ?? 0;
    const resident = residentOf(pid).now;
    if (resident === 0) return false;
    const [helper = 0] = childrenOf(pid);
    this.samples.push({ seconds: this.elapsed / 1000, resident, helperResident: residentOf(helper).now, metrics: this.scraped });
    this.scraped = null;
    this.cpuSeconds = Math.max(this.cpuSeconds, cpuSecondsOf(pid));
    this.helperCpuSeconds = Math.max(this.helperCpuSeconds, cpuSecondsOf(helper));
    return true;
  }
}

/** A line of NDJSON, as far as it is looked at here. */
interface Line {
  type: string;
  id?: string;
  count?: number;
  ended?: boolean;
  packets?: number;
  drops?: { kernel: number | null };
  stats?: { decoded: number; stateEvicted: number };
}

function totalsOf(lines: readonly Line[]): Pick<SoakResult, 'packets' | 'dropped' | 'decoded' | 'stateEvicted'> {
  const input = lines.findLast(({ type }) => type === 'input');
  const summary = lines.findLast(({ type }) => type === 'summary');
  return {
    packets: input?.packets ?? Number.NaN,
    dropped: input?.drops?.kernel ?? null,
    decoded: summary?.stats?.decoded ?? Number.NaN,
    stateEvicted: summary?.stats?.stateEvicted ?? Number.NaN,
  };
}

function findingsOf(lines: readonly Line[]): ToldFinding[] {
  const found = new Map<string, ToldFinding>();
  for (const { type, id, count = 0, ended } of lines) {
    if (id === undefined) continue;
    const each = found.get(id) ?? { id, news: 0, updates: 0, ended: 0, count };
    if (type === 'finding') each.news++;
    else if (ended) each.ended++;
    else each.updates++;
    each.count = count;
    found.set(id, each);
  }
  return [...found.values()];
}

function progressOf(samples: readonly SoakSample[]): string {
  const { seconds, resident, metrics } = samples.at(-1) ?? { seconds: 0, resident: 0, metrics: null };
  return `${seconds.toFixed(0)} s: ${(resident / 1e6).toFixed(1)} MB; ${JSON.stringify(metrics)}`;
}
