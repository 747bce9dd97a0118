import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { isInstalled } from './installed.ts';
import { FLUXCAP, fluxcapCommand } from './peers.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** What passes between the start of a command and the first octet that it prints. */
export interface StartRow {
  name: string;
  milliseconds: Spread;
  runs: number;
}

interface Starter {
  name: string;
  command: readonly string[];
  times: number[];
}

/**
 * Starts each command so many times, in turn, after one start to warm up.
 * @param path a capture of a few packets
 */
export async function measureStart(project: string, path: string, runs: number): Promise<StartRow[]> {
  const starters: Starter[] = [
    { name: FLUXCAP, command: fluxcapCommand(project, 'analyze', '--json', path), times: [] },
    { name: 'fluxcap analyze', command: fluxcapCommand(project, 'analyze', path), times: [] },
    { name: 'fluxcap --version', command: fluxcapCommand(project, '--version'), times: [] },
    { name: 'Node.js, which prints a line', command: [process.execPath, '-e', 'console.log(1)'], times: [] },
    { name: 'tcpdump -n', command: ['tcpdump', '-n', '-r', path], times: [] },
    { name: 'tshark -n', command: ['tshark', '-n', '-r', path], times: [] },
  ].filter(({ command: [program = ''] }) => isInstalled(program));
  for (const { command } of starters) await firstOutput(command);
  for (let run = 0; run < runs; run++) for (const { command, times } of starters) times.push(await firstOutput(command));
  return starters.flatMap(({ name, times }) => {
    const milliseconds = spreadOf(times);
    return milliseconds ? [{ name, milliseconds, runs }] : [];
  });
}

/** In milliseconds; throws where nothing is printed. */
async function firstOutput([program = '', ...args]: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, NODE_OPTIONS: '' } });
  let first: number | undefined;
  child.stdout.on('data', () => {
    first ??= performance.now() - started;
  });
  await once(child, 'close');
  if (first === undefined) throw new Error(`${program} ${args.join(' ')}: printed nothing`);
  return first;
}
