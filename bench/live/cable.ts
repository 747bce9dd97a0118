import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import process from 'node:process';
import { PATH } from '../../scripts/programs.js';

/** The interface of the sender, and the one where is captured. */
export const SENDING = 'v0';
export const CAPTURING = 'v1';

let cables = 0;

/**
 * Two network namespaces with a cable between them: what is sent at the one end arrives at the other, and nothing else does (no IPv6, no addresses). `remove`
 * ends what runs there.
 */
export class Cable {
  private readonly sending: string;
  private readonly capturing: string;
  private readonly children = new Set<ChildProcess>();
  private readonly atExit = (): void => this.remove();

  constructor() {
    const name = `fxbench${process.pid}-${cables++}`;
    this.sending = `${name}a`;
    this.capturing = `${name}b`;
    process.on('exit', this.atExit);
    for (const each of [this.sending, this.capturing]) {
      must('ip', ['netns', 'add', each]);
      for (const scope of ['all', 'default']) must('ip', ['netns', 'exec', each, 'sysctl', '-qw', `net.ipv6.conf.${scope}.disable_ipv6=1`]);
      must('ip', ['-n', each, 'link', 'set', 'lo', 'up']);
    }
    must('ip', ['-n', this.sending, 'link', 'add', SENDING, 'type', 'veth', 'peer', 'name', CAPTURING, 'netns', this.capturing]);
    must('ip', ['-n', this.sending, 'link', 'set', SENDING, 'up']);
    must('ip', ['-n', this.capturing, 'link', 'set', CAPTURING, 'up']);
  }

  /** Packets that arrived since the cable was made, as the kernel counts them. */
  get arrived(): number {
    const [link] = JSON.parse(must('ip', ['-n', this.capturing, '-s', '-j', 'link', 'show', CAPTURING]));
    return link.stats64.rx.packets;
  }

  /** Starts a program where is sent, or where is captured. `ip` becomes the program: its id is that of the child. */
  spawn(end: 'sending' | 'capturing', command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this[end], ...command], {
      env: { ...process.env, PATH, NODE_OPTIONS: '', LC_ALL: 'C', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.add(child);
    child.on('close', () => this.children.delete(child));
    return child;
  }

  remove(): void {
    process.off('exit', this.atExit);
    for (const child of this.children) child.kill('SIGKILL');
    for (const each of [this.sending, this.capturing]) spawnSync('ip', ['netns', 'delete', each], { env: { ...process.env, PATH } });
  }
}

function must(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, PATH } });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr || error?.message}`);
  return stdout;
}
