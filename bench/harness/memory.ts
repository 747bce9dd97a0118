import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Capture } from './captures.ts';
import { fluxcapCommand } from './peers.ts';

/** The resident memory of fluxcap while it reads a capture. */
export interface MemoryRun {
  capture: string;
  packets: number;
  megabytes: number;
  wallSeconds: number;
  peakMegabytes: number;
  /** In the course of the run. */
  samples: MemorySample[];
}

export interface MemorySample {
  seconds: number;
  residentMegabytes: number;
}

const EVERY_MS = 20;
/** As many as a graph needs, however long the run was. */
const MOST_SAMPLES = 500;

/** Runs `fluxcap analyze --json` and looks at it from outside, in /proc: Linux only. */
export async function watchMemory(project: string, capture: Capture): Promise<MemoryRun> {
  if (process.platform !== 'linux') throw new Error('--memory reads /proc, which only Linux has');
  const [program = '', ...args] = fluxcapCommand(project, 'analyze', '--json', capture.path);
  const started = performance.now();
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, NODE_OPTIONS: '' } });
  const samples: MemorySample[] = [];
  let peak = 0;
  const timer = setInterval(() => {
    const now = statusOf(child.pid ?? 0);
    if (!now) return;
    samples.push({ seconds: (performance.now() - started) / 1000, residentMegabytes: now.resident });
    peak = Math.max(peak, now.peak);
  }, EVERY_MS);
  const [status] = (await once(child, 'close')) as [number | null];
  clearInterval(timer);
  if (status !== 0) throw new Error(`fluxcap ended with ${status}`);
  return {
    capture: capture.name,
    packets: capture.packets,
    megabytes: capture.octets / 1e6,
    wallSeconds: (performance.now() - started) / 1000,
    peakMegabytes: peak,
    samples: thinned(samples),
  };
}

/** The sample that is nearest to this part of the run, 0 to 1. */
export function residentAt({ samples }: MemoryRun, part: number): number | null {
  return samples[Math.round((samples.length - 1) * part)]?.residentMegabytes ?? null;
}

function thinned(samples: readonly MemorySample[]): MemorySample[] {
  const step = Math.ceil(samples.length / MOST_SAMPLES);
  return samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
}

/** In megabytes; undefined where the process is gone. */
function statusOf(pid: number): { resident: number; peak: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const megabytes = (name: string): number | undefined => {
      const [, kibibytes] = new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status) ?? [];
      return kibibytes === undefined ? undefined : (Number(kibibytes) * 1024) / 1e6;
    };
    const resident = megabytes('VmRSS');
    return resident === undefined ? undefined : { resident, peak: megabytes('VmHWM') ?? resident };
  } catch {
    return undefined;
  }
}
