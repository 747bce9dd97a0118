import type { logUpdateStderr } from 'log-update';
import { Exit, type Io } from './io.ts';

const USUAL_WIDTH = 100;
const WIDEST = 160;

/** The streams of the process. A closed pipe (`| head`) ends the program quietly. */
export function nodeIo(): Io {
  const { stdout, stderr } = process;
  const output = new Output(stdout);
  // Nobody is left who could be told.
  stderr.on('error', () => {});
  return {
    out: (text) => output.write(text),
    whenGone: (call) => {
      output.gone = call;
    },
    hurry: (seconds) => output.hurry(seconds),
    err: (text) => {
      stderr.write(text);
    },
    width: Math.min(stdout.columns ?? USUAL_WIDTH, WIDEST),
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    env: process.env,
    ...(stdout.isTTY ? { terminal: stdout } : {}),
    ...(stderr.isTTY ? { status: statusLine() } : {}),
  };
}

/** Who reads is gone: a closed pipe, or a closed terminal. */
const GONE = new Set(['EPIPE', 'EIO']);

/** Standard output, whose reader may be slow, or go away. */
class Output {
  /** Called when nobody reads any more: the program ends, unless somebody has to clean up first. */
  gone: () => void = () => process.exit(Exit.Done);
  private readonly stdout: NodeJS.WriteStream;
  private isGone = false;
  private readonly waiting = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;

  constructor(stdout: NodeJS.WriteStream) {
    this.stdout = stdout;
    stdout.on('drain', () => this.release());
    stdout.on('error', (error: NodeJS.ErrnoException) => this.failed(error));
  }

  /** Waits where the reader is slow. */
  async write(text: string): Promise<void> {
    if (this.isGone || this.stdout.write(text)) return;
    await new Promise<void>((resolve) => {
      this.waiting.add(resolve);
    });
  }

  /** From now on the reader is waited for no longer than this. */
  hurry(seconds: number): void {
    this.timer ??= setTimeout(() => {
      if (this.waiting.size > 0) this.leave();
    }, seconds * 1000);
    this.timer.unref();
  }

  private failed({ code, message }: NodeJS.ErrnoException): void {
    if (!GONE.has(code ?? '')) {
      process.stderr.write(`fluxcap: standard output: ${message}\n`);
      process.exit(Exit.Unread);
    }
    this.leave();
    this.gone();
  }

  private leave(): void {
    this.isGone = true;
    this.release();
  }

  private release(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** Redraws a line. What it takes is loaded at the first one, which is not drawn: most runs are over before there is any, and loading takes as long as they. */
function statusLine(): (line: string | undefined) => void {
  let update: typeof logUpdateStderr | undefined;
  let isLoading = false;
  return (line) => {
    if (update) {
      if (line === undefined) update.clear();
      else update(line);
    } else if (line !== undefined && !isLoading) {
      isLoading = true;
      void import('log-update').then(({ logUpdateStderr }) => {
        update = logUpdateStderr;
      });
    }
  };
}
