import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATH } from '../../scripts/programs.js';
import { CAPTURING, type Cable } from './cable.ts';
import { childrenOf, cpuSecondsOf, residentOf } from './processes.ts';

/** A program that captures. */
export interface Captor {
  name: string;
  /** What starts it. */
  command: readonly string[];
  /** What it says when it captures. */
  listens: RegExp;
  /** Packets that it got, and those that it says were dropped; from what it printed. */
  count: (out: string, err: string) => Counted;
  /** Where the count of its helper is found. */
  helper?: Helper;
}

export interface Counted {
  seen: number;
  /** Null where it does not say. */
  dropped: number | null;
}

/** What one run of a captor gave. */
export interface Captured extends Counted {
  /** As its helper said itself; null where it has none, or that says nothing. */
  droppedByHelper: number | null;
  /** Processor time while packets came, of the program and of its helper. */
  cpuSeconds: number;
  helperCpuSeconds: number;
  /** Most memory of the program, in octets. */
  peakOctets: number;
}

export const programs = ['tcpdump', 'dumpcap', 'fluxcap-tcpdump', 'fluxcap-dumpcap', 'fluxcap-libpcap', 'fluxcap-cap'] as const;
export type ProgramName = (typeof programs)[number];

export interface CaptorOptions {
  /** The folder of the project. */
  project: string;
  /** For wrappers and logs. */
  temporary: string;
  interface?: string;
  snaplen?: number;
}

/** How a program captures. */
export function captorOf(name: ProgramName, { project, temporary, interface: where = CAPTURING, snaplen }: CaptorOptions): Captor {
  const length = snaplen === undefined ? [] : ['-s', String(snaplen)];
  if (name === 'tcpdump') {
    const command = ['tcpdump', '-n', '-i', where, ...length, '-B', '32768', '-w', '/dev/null'];
    return { name: 'tcpdump -w /dev/null', command, listens: /listening on/, count: (_out, err) => countOfTcpdump(err) };
  }
  if (name === 'dumpcap') {
    // It wants a file that it can go back in; in memory, where there is such a place.
    const file = join(existsSync('/dev/shm') ? '/dev/shm' : temporary, `fluxcap-bench-${process.pid}.pcapng`);
    const command = ['dumpcap', '-q', '-n', '-i', where, ...length, '-B', '32', '-b', 'filesize:65536', '-b', 'files:2', '-w', file];
    return { name: 'dumpcap -w (memory)', command, listens: /File: /, count: (_out, err) => countOfDumpcap(err) };
  }
  const backend = name.slice('fluxcap-'.length);
  const more = snaplen === undefined ? [] : ['--snaplen', String(snaplen)];
  const fluxcap = [process.execPath, join(project, 'bin', 'fluxcap.js'), 'live', where, '--backend', backend, '--json', ...more];
  const helper = backend === 'tcpdump' || backend === 'dumpcap' ? helperOf(backend, temporary) : undefined;
  return { name: `fluxcap, ${backend}`, command: fluxcap, listens: /listening on/, count: countOfFluxcap, ...(helper ? { helper } : {}) };
}

/** Its own words, copied on their way. */
export interface Helper {
  /** The folder of a program of the same name that starts it. */
  path: string;
  log: string;
  count: (err: string) => Counted;
}

export function helperOf(name: 'tcpdump' | 'dumpcap', temporary: string): Helper {
  const log = join(temporary, `${name}.log`);
  const wrapper = join(temporary, name);
  const real = spawnSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8', env: { ...process.env, PATH } }).stdout.trim();
  writeFileSync(wrapper, `#!/bin/bash\nexec '${real}' "$@" 2> >(exec tee '${log}' >&2)\n`);
  chmodSync(wrapper, 0o755);
  return { path: temporary, log, count: name === 'tcpdump' ? countOfTcpdump : countOfDumpcap };
}

function countOfTcpdump(err: string): Counted {
  const dropped = last(err, /(\d+) packets? dropped by kernel/g);
  return { seen: last(err, /(\d+) packets? captured/g) ?? Number.NaN, dropped };
}

function countOfDumpcap(err: string): Counted {
  const [, seen, dropped] = [...err.matchAll(/^Packets received\/dropped on interface .*: (\d+)\/(\d+) /gm)].at(-1) ?? [];
  return { seen: Number(seen), dropped: dropped === undefined ? null : Number(dropped) };
}

function countOfFluxcap(out: string): Counted {
  const [input] = (JSON.parse(out) as { inputs: { packets: number; drops: { kernel: number | null; interface: number | null } }[] }).inputs;
  if (!input) throw new Error('no input');
  return { seen: input.packets, dropped: input.drops.kernel };
}

const last = (text: string, pattern: RegExp): number | null => {
  const found = [...text.matchAll(pattern)].at(-1)?.[1];
  return found === undefined ? null : Number(found);
};

/** A captor that runs. */
export class Capture {
  private readonly captor: Captor;
  readonly child: ChildProcess;
  private out = '';
  private err = '';
  private begun = { own: 0, helper: 0 };

  private constructor(captor: Captor, cable: Cable) {
    this.captor = captor;
    const { helper, command } = captor;
    if (helper) writeFileSync(helper.log, '');
    this.child = cable.spawn('capturing', command, helper ? { PATH: `${helper.path}:${PATH}` } : {});
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  /** Comes back when it captures. */
  static async start(captor: Captor, cable: Cable): Promise<Capture> {
    const capture = new Capture(captor, cable);
    for (let waited = 0; !captor.listens.test(capture.err); waited += PAUSE_MS) {
      if (capture.child.exitCode !== null || waited > PATIENCE_MS) throw new Error(`${captor.name} does not capture: ${capture.err}`);
      await sleep(PAUSE_MS);
    }
    // What happens only once at the start is over.
    await sleep(SETTLING_MS);
    capture.begun = capture.cpu();
    return capture;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Ends it after all that was sent had its time. */
  async end(): Promise<Captured> {
    // tcpdump gets a block that is not full after a second.
    await sleep(BLOCK_MS);
    const { own, helper } = this.cpu();
    const peakOctets = residentOf(this.pid).peak;
    const closed = once(this.child, 'close');
    this.child.kill('SIGINT');
    await closed;
    const { captor } = this;
    const droppedByHelper = captor.helper?.count(readFileSync(captor.helper.log, 'utf8')).dropped ?? null;
    const cpu = { cpuSeconds: own - this.begun.own, helperCpuSeconds: helper - this.begun.helper };
    return { ...captor.count(this.out, this.err), droppedByHelper, ...cpu, peakOctets };
  }

  private cpu(): { own: number; helper: number } {
    const helper = childrenOf(this.pid).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
    return { own: cpuSecondsOf(this.pid), helper };
  }
}

const PAUSE_MS = 20;
const PATIENCE_MS = 20_000;
const SETTLING_MS = 500;
const BLOCK_MS = 1500;
