import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** What running a command once took. */
export interface Measured {
  wallSeconds: number;
  /** User and system time of the command and what it started; null without GNU time. */
  cpuSeconds: number | null;
  /** Greatest resident set of one process of the command; null without GNU time. */
  peakMegabytes: number | null;
  /** Null where it ended well, else why it did not. */
  failure: string | null;
  /** Only where it was asked for. */
  output: string;
}

/** GNU time asks the kernel (wait4) about any command, and is small itself, so nothing of this process is counted in. */
const GNU_TIME = ['/usr/bin/time', '/opt/homebrew/bin/gtime', '/usr/local/bin/gtime'].find(isGnuTime);

export const hasMemoryFigures = GNU_TIME !== undefined;

const MOST_OUTPUT = 64 << 20;

/** Runs commands and waits for them; this process does nothing meanwhile. */
export class Stopwatch {
  private readonly figures: string;

  /** @param folder for what GNU time writes */
  constructor(folder: string) {
    this.figures = join(folder, 'figures');
  }

  run(command: readonly string[], withOutput = false): Measured {
    const [program = '', ...args] = GNU_TIME ? [GNU_TIME, '-q', '-o', this.figures, '-f', '%U %S %M', ...command] : command;
    const started = performance.now();
    const { status, stdout, stderr, error, signal } = spawnSync(program, args, {
      stdio: ['ignore', withOutput ? 'pipe' : 'ignore', withOutput ? 'pipe' : 'ignore'],
      maxBuffer: MOST_OUTPUT,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const wallSeconds = (performance.now() - started) / 1000;
    const failure = error?.message ?? (status === 0 ? null : (lastLine(stderr) ?? `ended with ${signal ?? status}`));
    return { wallSeconds, ...this.read(), failure, output: withOutput ? stdout.toString() : '' };
  }

  private read(): Pick<Measured, 'cpuSeconds' | 'peakMegabytes'> {
    if (!GNU_TIME) return { cpuSeconds: null, peakMegabytes: null };
    const [user = 0, system = 0, kibibytes = 0] = readFileSync(this.figures, 'utf8').trim().split(' ').map(Number);
    return { cpuSeconds: user + system, peakMegabytes: (kibibytes * 1024) / 1e6 };
  }
}

function isGnuTime(path: string): boolean {
  return existsSync(path) && /GNU/.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '');
}

const lastLine = (text: Buffer | null): string | undefined => text?.toString().trim().split('\n').at(-1) || undefined;
