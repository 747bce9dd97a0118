import type { Counter, Gauge } from 'prom-client';
import { severities } from '../../diagnose/kind.ts';
import { findingKinds } from '../../diagnose/kinds.ts';
import type { News } from '../../live/news.ts';
import type { RecorderStatus } from '../../live/recorder.ts';
import type { LiveStatus } from '../../live/status.ts';
import { VERSION } from '../../version.ts';

/** Delay of the event loop in seconds; null where nothing was measured yet. */
export interface Lag {
  max: number;
  mean: number;
  p99: number;
}

export interface RegistrySources {
  status: () => LiveStatus;
  recorder?: () => RecorderStatus;
  lag: () => Lag | null;
}

/** A value with its labels. */
interface Sample {
  labels?: Record<string, string>;
  value: number;
}

interface Metric {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  labels: readonly string[];
  samples: (status: LiveStatus, moment: Moment) => readonly Sample[];
}

/** What is asked once for all metrics of an answer. */
interface Moment {
  ring: RecorderStatus | undefined;
  lag: Lag | null;
  memory: NodeJS.MemoryUsage;
  cpuSec: number;
}

const one = (value: number | null | undefined): Sample[] => (value === null || value === undefined ? [] : [{ value }]);

const METRICS: readonly Metric[] = [
  {
    name: 'fluxcap_build_info',
    help: 'Always 1; what runs.',
    type: 'gauge',
    labels: ['version', 'node'],
    samples: () => [{ labels: { version: VERSION, node: process.version }, value: 1 }],
  },
  {
    name: 'fluxcap_packets_total',
    help: 'Packets that were analysed, by interface.',
    type: 'counter',
    labels: ['interface'],
    samples: ({ inputs }) => inputs.map(({ path, packets }) => ({ labels: { interface: path }, value: packets })),
  },
  {
    name: 'fluxcap_bytes_total',
    help: 'Octets that were read, headers of the capture format included, by interface.',
    type: 'counter',
    labels: ['interface'],
    samples: ({ inputs }) => inputs.map(({ path, bytes }) => ({ labels: { interface: path }, value: bytes })),
  },
  {
    name: 'fluxcap_drops_total',
    help: 'Packets that were lost before the analysis, as far as the backend says: by the kernel for want of buffer, by the interface.',
    type: 'counter',
    labels: ['interface', 'by'],
    samples: ({ inputs }) =>
      inputs.flatMap(({ path, drops }) =>
        (['kernel', 'interface'] as const).flatMap((by) => one(drops[by]).map(({ value }) => ({ labels: { interface: path, by }, value }))),
      ),
  },
  {
    name: 'fluxcap_capturing',
    help: 'Whether an interface is still being captured from: 1, or 0 after it or its helper went away.',
    type: 'gauge',
    labels: ['interface', 'backend'],
    samples: ({ inputs }) => inputs.map(({ path, backend, done }) => ({ labels: { interface: path, backend }, value: done ? 0 : 1 })),
  },
  {
    name: 'fluxcap_findings',
    help: 'Findings that are there now: ongoing, or ended and still remembered.',
    type: 'gauge',
    labels: ['kind', 'severity', 'state'],
    samples: findingSamples,
  },
  {
    name: 'fluxcap_state_entries',
    help: 'What the analysis remembers, in entries, by what remembers it.',
    type: 'gauge',
    labels: ['tracker'],
    samples: ({ state }) => Object.entries(state).map(([tracker, value]) => ({ labels: { tracker }, value })),
  },
  {
    name: 'fluxcap_state_evicted_total',
    help: 'Entries that had to make room for others.',
    type: 'counter',
    labels: [],
    samples: ({ stateEvicted }) => one(stateEvicted),
  },
  {
    name: 'fluxcap_capture_time_seconds',
    help: 'Time of the capture, in seconds since 1970; it is not there before the first packet.',
    type: 'gauge',
    labels: [],
    samples: ({ at }) => one(at),
  },
  {
    name: 'fluxcap_uptime_seconds',
    help: 'Since the start of the run.',
    type: 'gauge',
    labels: [],
    samples: ({ elapsedSec }) => one(elapsedSec),
  },
  {
    name: 'fluxcap_ring_capacity_bytes',
    help: 'Memory that the latest packets may use (--ring).',
    type: 'gauge',
    labels: [],
    samples: (_status, { ring }) => one(ring?.capacity),
  },
  {
    name: 'fluxcap_ring_used_bytes',
    help: 'Memory that the latest packets use.',
    type: 'gauge',
    labels: [],
    samples: (_status, { ring }) => one(ring?.used),
  },
  {
    name: 'fluxcap_ring_packets',
    help: 'Packets that are in memory.',
    type: 'gauge',
    labels: [],
    samples: (_status, { ring }) => one(ring?.frames),
  },
  {
    name: 'fluxcap_ring_span_seconds',
    help: 'How far back the packets in memory reach, of the interface that reaches back least.',
    type: 'gauge',
    labels: [],
    samples: (_status, { ring }) => one(ring?.spanSec),
  },
  {
    name: 'fluxcap_event_loop_lag_seconds',
    help: 'How late the event loop came since these metrics were asked for before, whoever asked.',
    type: 'gauge',
    labels: ['stat'],
    samples: (_status, { lag }) => Object.entries(lag ?? {}).map(([stat, value]) => ({ labels: { stat }, value })),
  },
  {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    type: 'gauge',
    labels: [],
    samples: (_status, { memory }) => one(memory.rss),
  },
  {
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of the process; that of helpers is theirs.',
    type: 'counter',
    labels: [],
    samples: (_status, { cpuSec }) => one(cpuSec),
  },
  {
    name: 'nodejs_heap_used_bytes',
    help: 'Heap of JavaScript objects in use.',
    type: 'gauge',
    labels: [],
    samples: (_status, { memory }) => one(memory.heapUsed),
  },
  {
    name: 'nodejs_external_memory_bytes',
    help: 'Memory beside the heap: buffers, the packets in memory among them.',
    type: 'gauge',
    labels: [],
    samples: (_status, { memory }) => one(memory.external),
  },
];

function findingSamples({ findings, ended }: LiveStatus): Sample[] {
  const counts = new Map<string, Sample>();
  for (const { id, kind, severity } of findings) {
    const state = ended.has(id) ? 'ended' : 'ongoing';
    const key = `${kind} ${severity} ${state}`;
    const sample = counts.get(key) ?? { labels: { kind, severity, state }, value: 0 };
    sample.value++;
    counts.set(key, sample);
  }
  return [...counts.values()];
}

/** The metrics of a run, as text on demand. */
export interface RunMetrics {
  contentType: string;
  /** Takes the state as it is now. */
  text: () => Promise<string>;
  /** Counts findings as they are told. */
  told: (news: News) => void;
}

/** Makes the metrics. Loads the client library, which takes a tenth of a second: only those pay who ask for metrics. */
export async function runMetrics(sources: RegistrySources): Promise<RunMetrics> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const metrics = METRICS.map((metric) => {
    const options = { name: metric.name, help: metric.help, labelNames: metric.labels, registers: [registry] };
    return metric.type === 'gauge' ? gaugeOf(new Gauge(options), metric) : counterOf(new Counter(options), metric);
  });
  const total = new Counter({
    name: 'fluxcap_findings_total',
    help: 'Findings that were told as new since the start.',
    labelNames: ['kind', 'severity'],
    registers: [registry],
  });
  // A counter that appears with its first event shows no increase.
  for (const { kind } of findingKinds) for (const severity of severities) total.inc({ kind, severity }, 0);
  return {
    contentType: registry.contentType,
    text: () => {
      const { user, system } = process.cpuUsage();
      const status = sources.status();
      const moment = { ring: sources.recorder?.(), lag: sources.lag(), memory: process.memoryUsage(), cpuSec: (user + system) / 1e6 };
      for (const refresh of metrics) refresh(status, moment);
      return registry.metrics();
    },
    told: ({ kind, finding }) => {
      if (kind === 'new') total.inc({ kind: finding.kind, severity: finding.severity });
    },
  };
}

type Refresh = (status: LiveStatus, moment: Moment) => void;

function gaugeOf(gauge: Gauge, { samples, labels: names }: Metric): Refresh {
  return (status, moment) => {
    // Resetting one without labels would make it 0.
    if (names.length === 0) gauge.remove();
    else gauge.reset();
    for (const { labels, value } of summed(samples(status, moment))) gauge.set(labels, value);
  };
}

/** A counter that follows one of ours. It never falls, whatever a backend says. */
function counterOf(counter: Counter, { samples }: Metric): Refresh {
  const told = new Map<string, number>();
  return (status, moment) => {
    for (const { labels, value } of summed(samples(status, moment))) {
      const key = JSON.stringify(labels);
      const before = told.get(key);
      if (before !== undefined && value <= before) continue;
      counter.inc(labels, value - (before ?? 0));
      told.set(key, value);
    }
  };
}

/** One sample for the same labels: an interface may be captured from twice. */
function summed(samples: readonly Sample[]): Required<Sample>[] {
  const all = new Map<string, Required<Sample>>();
  for (const { labels = {}, value } of samples) {
    const key = JSON.stringify(labels);
    const known = all.get(key);
    if (known) known.value += value;
    else all.set(key, { labels, value });
  }
  return [...all.values()];
}
