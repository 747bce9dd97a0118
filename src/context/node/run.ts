import { spawn } from 'node:child_process';
import { quoted } from '../redact.ts';

/** What a program printed, or why it is not known. */
export type Ran = { stdout: string; stderr: string; status: number; failure?: undefined } | Failed;

export interface Failed {
  failure: 'missing' | 'failed';
  /** In words for a person: `ip did not answer within 3 s`. */
  why: string;
}

export interface Limits {
  timeoutMs: number;
  /** Of standard output, in octets. */
  most: number;
  /** Where programs are looked for; undefined: where the shell would, and where those of administrators lie. */
  path?: string | undefined;
}

/** A full table of the Internet's routes is larger, but then it is not only routes by which a gateway goes wrong. */
export const LIMITS: Limits = { timeoutMs: 3000, most: 64 * 2 ** 20 };

/** Programs of administrators lie where the PATH of others may not lead. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];
const usualPath = (): string => [process.env.PATH, ...SBIN].filter(Boolean).join(':');
const MOST_OF_ERRORS = 65_536;

/** Runs a program, without a shell, until it ends or exceeds a limit. Never throws. */
export function run(program: string, args: readonly string[], { timeoutMs, most, path = usualPath() }: Limits = LIMITS): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, PATH: path, LC_ALL: 'C', LANGUAGE: '', PAGER: 'cat', VTYSH_PAGER: 'cat', IP_PAGER: 'cat', COLUMNS: '500' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pieces: Buffer[] = [];
    let size = 0;
    let stderr = '';
    const end = (ran: Ran): void => {
      clearTimeout(timer);
      resolve(ran);
      // What it started may hold the pipes.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const stop = (why: string): void => {
      child.kill('SIGKILL');
      end({ failure: 'failed', why });
    };
    const timer = setTimeout(() => stop(`${program} did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > most) stop(`${program} prints more than ${Math.round(most / 2 ** 20)} MiB`);
      else pieces.push(piece);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MOST_OF_ERRORS) stderr += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') end({ failure: 'missing', why: `${program} is not installed` });
      else
        end({
          failure: 'failed',
          why: error.code === 'EACCES' ? `no right to run ${program}` : `${program} cannot be run: ${error.code ?? 'unknown reason'}`,
        });
    });
    child.on('close', (status, signal) => {
      if (status === null) end({ failure: 'failed', why: `${program} was ended by ${signal}` });
      else end({ stdout: Buffer.concat(pieces).toString('utf8'), stderr, status });
    });
  });
}

/** What a program that failed said, in one line. Whatever it repeats, keys are not among it. */
export function complaint(program: string, { stdout, stderr, status }: { stdout: string; stderr: string; status: number }): string {
  const line = `${stderr}\n${stdout}`.split('\n').find((each) => each.trim() !== '');
  if (/not permitted|permission denied|must be root|EPERM|EACCES/i.test(line ?? ''))
    return `no rights: run as root (${program} said ${quoted(line ?? '')})`;
  return line === undefined ? `${program} ended with status ${status}` : `${program} said ${quoted(line)}`;
}
