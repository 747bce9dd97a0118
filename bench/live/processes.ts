import { readFileSync } from 'node:fs';
import process, { cpuUsage } from 'node:process';

/** Of the kernel, for user programs (getconf CLK_TCK). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far, in seconds; 0 where it has ended. */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Resident set of a process, now and at most, in octets; 0 where it has ended. */
export function residentOf(pid: number): { now: number; peak: number } {
  const status = textOf(`/proc/${pid}/status`);
  const octets = (name: string): number => Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { now: octets('VmRSS'), peak: octets('VmHWM') };
}

/** Ids of the children of a process. */
export const childrenOf = (pid: number): number[] =>
  textOf(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

/** How many processes are waiting for a processor, on average of the last minute. */
export const load = (): number => Number(textOf('/proc/loadavg').split(' ')[0]);

/** What the processors did so far for user programs, and what the host took away from this virtual machine; in seconds of all of them. */
function usage(): { user: number; stolen: number } {
  const [, user = 0, nice = 0, , , , , , stolen = 0] = (textOf('/proc/stat').split('\n')[0] ?? '').split(/\s+/).map(Number);
  return { user: (user + nice) / TICKS_PER_SECOND, stolen: stolen / TICKS_PER_SECOND };
}

/** User time of this process and of all it started that has ended. */
function ownUserSeconds(): number {
  const { user } = cpuUsage();
  const fields = statOf(process.pid);
  return user / 1e6 + Number(fields[13] ?? 0) / TICKS_PER_SECOND;
}

/** Measures what others do to the machine meanwhile: to be made before anything is started, and asked when all of that has ended. */
export class Disturbance {
  private readonly begun = usage();
  private readonly own = ownUserSeconds();

  /** Processor seconds that others had, or the host took. */
  get seconds(): number {
    const { user, stolen } = usage();
    return Math.max(0, user - this.begun.user - (ownUserSeconds() - this.own)) + (stolen - this.begun.stolen);
  }
}

/** What stands behind the name in /proc/PID/stat, from the state on. The name is in parentheses and may hold anything. */
const statOf = (pid: number): string[] => textOf(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
