import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingPrograms, PATH } from '../../scripts/programs.js';
import { root } from './captures.ts';
import type { Command } from './live-child.ts';

/** Why namespaces cannot be made here; undefined where they can. */
export function hindranceForNamespaces(programs: readonly string[] = []): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = missingPrograms(['ip', ...programs]);
  return missing.length > 0 ? `missing: ${missing.join(', ')}` : undefined;
}

/** Programs get a path in which daemons are too, and messages that are not translated. */
const env = { ...process.env, PATH, LC_ALL: 'C' };

function must(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr || error?.message}`);
  return stdout;
}

/** Those that run in a namespace, which is known to the end of this process. */
const made = new Set<Namespace>();
process.on('exit', () => {
  for (const each of made) each.delete();
});
/** Signals end this process as they would, but not before the namespaces are gone. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const each of made) each.delete();
    process.kill(process.pid, signal);
  });
}

let count = 0;

/** A network namespace, and all that runs in it. `delete` ends both. */
export class Namespace {
  readonly name: string;
  /** For files; deleted with it. */
  readonly folder: string;
  private readonly children: ChildProcess[] = [];
  /** Runs the rest of its arguments in it. */
  private within: readonly string[];

  constructor() {
    this.name = `fxlive${process.pid}-${count++}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
    must('ip', ['netns', 'add', this.name]);
    made.add(this);
    this.within = ['netns', 'exec', this.name];
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Runs `ip` in it. */
  ip(...args: string[]): string {
    return must('ip', ['-n', this.name, ...args]);
  }

  /** Programs that start from now on have an empty folder of this namespace alone at `path`. */
  ownFolder(path: string): void {
    const own = join(this.folder, 'own', path);
    for (const folder of [own, path]) mkdirSync(folder, { recursive: true });
    // `ip netns exec` has made a mount namespace by then. -n: mount would note it in /run/mount.
    this.within = [...this.within, 'sh', '-c', 'mount -n --bind "$1" "$2" && shift 2 && exec "$@"', 'sh', own, path];
  }

  /** Runs a program in it to its end. Throws where that fails. */
  run(program: string, ...args: string[]): string {
    return must('ip', [...this.within, program, ...args]);
  }

  /** Starts a program in it, with standard input and output piped. `ip` becomes the program: its id is that of the child. */
  spawn(program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('ip', [...this.within, program, ...args], { env: { ...env, ...more }, cwd: root });
    this.children.push(child);
    return child;
  }

  /** Ids of the processes in it. */
  pids(): number[] {
    return must('ip', ['netns', 'pids', this.name]).split('\n').filter(Boolean).map(Number);
  }

  /** Ids of the processes in it that run this program. */
  pidsOf(program: string): number[] {
    return this.pids().filter((pid) => textOf(`/proc/${pid}/comm`).trim() === program);
  }

  /** Ids of the processes in it that have this in their command line. */
  childrenOf(text: string): number[] {
    return this.pids().filter((pid) => textOf(`/proc/${pid}/cmdline`).includes(text));
  }

  delete(): void {
    if (!made.delete(this)) return;
    for (const pid of this.pids()) kill(pid);
    for (const child of this.children) child.kill('SIGKILL');
    spawnSync('ip', ['netns', 'delete', this.name], { env });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What no test may leave behind. */
export const namespacesLeft = (): string[] => readdirSync('/run/netns').filter((name) => name.startsWith(`fxlive${process.pid}-`));

/** Waits until `is` holds; throws with `what` after a generous time. */
export async function until(what: string, is: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await is()) return;
  throw new Error(`it did not happen in ${ms} ms: ${what}`);
}

const CHILD = join(root, 'test', 'tools', 'live-child.ts');

/** Opens live sources inside of a namespace. */
export class LiveHost {
  readonly namespace: Namespace;
  /** What it said on standard error. */
  said = '';
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  private count = 0;

  /** @param wrapper a command that runs the rest of its arguments: `setpriv` with its options. */
  constructor(namespace: Namespace, wrapper: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
    this.namespace = namespace;
    const [program = process.execPath, ...args] = [...wrapper, process.execPath, '--import', 'tsx', CHILD];
    this.child = namespace.spawn(program, args, more);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    if (this.child.stdout) {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        const { id, answer, failure } = JSON.parse(line) as { id: number; answer: unknown; failure?: string };
        const asked = this.waiting.get(id);
        this.waiting.delete(id);
        if (failure === undefined) asked?.resolve(answer);
        else asked?.reject(new Error(failure));
      });
    }
    this.child.on('close', (status, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the host ended (${status ?? signal}): ${this.said}`));
      this.waiting.clear();
    });
  }

  /** Gives what the child answers; the caller knows its form. */
  tell<T>(command: Command): Promise<T> {
    const id = this.count++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.child.stdin?.write(`${JSON.stringify({ id, command })}\n`);
    });
  }

  /** Ends it as a process that was not asked to clean up. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
