import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Capture } from './captures.ts';
import { Sources } from './sources.ts';

/** As V8 writes it (`--cpu-prof`): a tree of calls, and for each sample the call that ran, with the microseconds since the sample before. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Self time in milliseconds of a part of the program. */
export interface SelfTime {
  name: string;
  milliseconds: number;
  /** Of the whole, 0 to 1. */
  share: number;
}

/** Where the time goes, each list from most to least. */
export interface Profile {
  capture: string;
  packets: number;
  milliseconds: number;
  folders: SelfTime[];
  files: SelfTime[];
  functions: SelfTime[];
}

const INTERVAL_US = 500;

/** Runs `fluxcap analyze --json` under V8's profiler. @param folder an empty one, for what that writes */
export function profileOf(project: string, capture: Capture, folder: string): Profile {
  const options = ['--cpu-prof', '--cpu-prof-interval', String(INTERVAL_US), '--cpu-prof-dir', folder];
  const args = [...options, join(project, 'bin', 'fluxcap.js'), 'analyze', '--json', capture.path];
  const { status } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) throw new Error(`fluxcap ended with ${status}`);
  const profiles = readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile);
  return { capture: capture.name, packets: capture.packets, ...summarise(profiles, new Sources(project)) };
}

/** Of several profiles, as a program with workers leaves them, the sum. */
export function summarise(
  profiles: readonly CpuProfile[],
  sources: Pick<Sources, 'at'>,
): Pick<Profile, 'milliseconds' | 'folders' | 'files' | 'functions'> {
  const byFolder = new Map<string, number>();
  const byFile = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let total = 0;
  for (const { nodes, samples, timeDeltas } of profiles) {
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    for (const [i, id] of samples.entries()) {
      const frame = frames.get(id);
      const microseconds = timeDeltas[i] ?? 0;
      if (!frame || frame.functionName === '(idle)') continue;
      const file = fileOf(frame, sources);
      add(byFile, file, microseconds);
      add(byFolder, folderOf(file), microseconds);
      add(byFunction, functionOf(frame, file), microseconds);
      total += microseconds;
    }
  }
  return {
    milliseconds: total / 1000,
    folders: sorted(byFolder, total),
    files: sorted(byFile, total),
    functions: sorted(byFunction, total),
  };
}

type CallFrame = CpuProfile['nodes'][number]['callFrame'];

/** The source of what was compiled. */
function fileOf({ url, functionName, lineNumber, columnNumber }: CallFrame, sources: Pick<Sources, 'at'>): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8';
  if (url.startsWith('node:')) return 'Node.js';
  const [, name] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (name !== undefined) return `node_modules/${name}`;
  return sources.at(url, lineNumber, columnNumber) ?? url;
}

/** Two levels of src: `src/track/udp.ts` and `src/track/bgp/rib.ts` are of `src/track`. */
function folderOf(file: string): string {
  if (!file.startsWith('src/')) return file;
  const [, folder, below] = file.split('/');
  return below === undefined ? 'src' : `src/${folder}`;
}

function functionOf({ functionName, lineNumber }: CallFrame, file: string): string {
  if (functionName.startsWith('(') && functionName === file) return functionName;
  // V8 counts lines of the compiled file from 0.
  return `${functionName || `(line ${lineNumber + 1} compiled)`}  ${file}`;
}

function add(sums: Map<string, number>, name: string, microseconds: number): void {
  sums.set(name, (sums.get(name) ?? 0) + microseconds);
}

const sorted = (sums: ReadonlyMap<string, number>, total: number): SelfTime[] =>
  [...sums]
    .map(([name, microseconds]) => ({ name, milliseconds: microseconds / 1000, share: microseconds / total }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
