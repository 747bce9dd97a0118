import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPTURING, Cable } from './cable.ts';
import { Disturbance } from './processes.ts';
import { type Probe, Sender } from './sender.ts';
import { inTemporaryFolder } from './temporary.ts';

export interface LatencyOptions {
  project: string;
  backends: readonly string[];
  /** Packets a second beside the probes. */
  backgrounds: readonly number[];
  kinds: readonly ('udp' | 'arp')[];
  /** Findings of a case, and how many a second on average. */
  probes: number;
  perSecond: number;
}

/** Times of one case in milliseconds, from the last frame of an incident going out to the line of its finding arriving at a reader. */
export interface LatencyCase {
  backend: string;
  background: number;
  kind: 'udp' | 'arp';
  probes: number;
  /** Incidents whose finding was told. */
  told: number;
  p50: number;
  p90: number;
  p99: number;
  most: number;
  /** Processor seconds that others had meanwhile. */
  disturbedSeconds: number;
}

/** What is told late is told by then. */
const LATEST_MS = 6000;
const PATIENCE_MS = 20_000;

/** When the line of a finding arrived, in milliseconds since 1970, by the address that it is about. */
type Told = Map<string, number>;

export async function measureLatency(options: LatencyOptions, tell: (text: string) => void): Promise<LatencyCase[]> {
  return inTemporaryFolder(async (temporary) => {
    const sender = Sender.compile(join(temporary, 'send'));
    const cases: LatencyCase[] = [];
    for (const background of options.backgrounds) {
      for (const kind of options.kinds) {
        for (const backend of options.backends) {
          const measured = await measure(backend, background, kind, sender, options);
          cases.push(measured);
          tell(`${backend}, ${background} packets/s, ${kind}: ${JSON.stringify(measured)}`);
        }
      }
    }
    return cases;
  });
}

async function measure(
  backend: string,
  background: number,
  kind: 'udp' | 'arp',
  sender: Sender,
  { project, probes, perSecond }: LatencyOptions,
): Promise<LatencyCase> {
  const disturbance = new Disturbance();
  const cable = new Cable();
  try {
    const command = [process.execPath, join(project, 'bin', 'fluxcap.js'), 'live', CAPTURING, '--backend', backend, '--format', 'ndjson'];
    const child = cable.spawn('capturing', command);
    const told: Told = new Map();
    listen(child, told);
    await begun(child);
    const seconds = (probes / perSecond) * 2 + LATEST_MS / 1000;
    const noise = background > 0 ? sender.start(cable, { packets: background * seconds, rate: background }) : undefined;
    noise?.sent.catch(() => {});
    await sleep(1000);
    const sent = await sender.probe(cable, kind, probes, perSecond);
    await sleep(LATEST_MS);
    noise?.child.kill();
    const closed = once(child, 'close');
    child.kill('SIGINT');
    await closed;
    return { backend, background, kind, ...distribution(sent, told), disturbedSeconds: disturbance.seconds };
  } finally {
    cable.remove();
  }
}

/** A line of NDJSON, as far as it is looked at here. */
interface Line {
  type: string;
  subject: { client?: { ip: string }; ip?: string };
}

function listen(child: ChildProcess, told: Told): void {
  if (!child.stdout) return;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const arrived = performance.timeOrigin + performance.now();
    const { type, subject } = JSON.parse(line) as Line;
    if (type === 'finding') told.set(subject.client?.ip ?? subject.ip ?? '', arrived);
  });
}

/** Waits until it says that it listens. */
async function begun(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  for (const end = Date.now() + PATIENCE_MS; !said.includes('listening on'); await sleep(20))
    if (Date.now() > end || child.exitCode !== null) throw new Error(`fluxcap does not capture: ${said}`);
}

function distribution(probes: readonly Probe[], told: Told): Omit<LatencyCase, 'backend' | 'background' | 'kind' | 'disturbedSeconds'> {
  const latencies = probes
    .flatMap(({ address, at }) => {
      const arrived = told.get(address);
      return arrived === undefined ? [] : arrived - at;
    })
    .sort((a, b) => a - b);
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return {
    probes: probes.length,
    told: latencies.length,
    p50: rounded(quantile(latencies, 0.5)),
    p90: rounded(quantile(latencies, 0.9)),
    p99: rounded(quantile(latencies, 0.99)),
    most: rounded(quantile(latencies, 1)),
  };
}

/** The least value that so many of all do not exceed. */
function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
