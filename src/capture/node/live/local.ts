import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { LiveRequest } from '../../live.ts';
import type { ByteSource } from '../../source.ts';
import { StreamSource } from '../stream.ts';
import { LiveError } from './error.ts';
import type { Helper } from './helper.ts';
import { HelperSource } from './helper-source.ts';
import { complaintError, missingError, notAllowedError, rightsError } from './messages.ts';
import { Pipe } from './pipe.ts';
import { findProgram, user } from './programs.ts';
import { hasIndex, type Target } from './targets.ts';

/** On Linux SIGUSR1; where there is SIGINFO, tcpdump takes that (and dies of the other). */
const ASK_DROPS = process.platform === 'linux' ? 'SIGUSR1' : 'SIGINFO';

/** Starts a helper on this machine. Throws a `LiveError` where it does not capture. */
export async function openLocal(helper: Helper, request: LiveRequest, target: Target, sll2: boolean): Promise<HelperSource> {
  const program = findProgram(helper.backend);
  if (!program) throw missingError(helper, null);
  if (!program.isAllowed) throw notAllowedError(program.path);
  const filter = request.filter === '' ? [] : [helper.filterMark, request.filter];
  const args = [...helper.args({ ...request, interface: target.name, sll2 }), ...filter];
  const start = (pipe: Pipe | null): HelperSource => {
    const { child, octets } = pipe ? intoPipe(pipe, program.path, args) : intoSockets(program.path, args);
    return new HelperSource(helper, child, octets, child.stderr, {
      interface: request.interface,
      index: target.index,
      delaySec: helper.delaySec(request),
      name: helper.backend,
      askDrops: (each) => each.kill(ASK_DROPS),
      end: (each) => each.kill('SIGTERM'),
      isThere: () => target.index === null || hasIndex(target.name, target.index),
    });
  };
  const pipe = Pipe.make();
  let source = start(pipe);
  if (await source.begun()) return source;
  if (pipe) {
    // A helper that is confined may have lost a pipe that its profile does not know, and go on; sockets are let through.
    await source.close();
    source = start(null);
    if (await source.begun()) return source;
  }
  const { failure } = await source.ended;
  // The kernel refuses to start a file that has more rights than it could be given.
  const here = { ssh: null, path: program.path, ...user() };
  if (failure?.code === 'EPERM' || failure?.code === 'EACCES') throw rightsError(helper, request.interface, failure.message, here);
  if (failure) throw new LiveError('other', `${helper.backend} could not be started: ${failure.message}`);
  throw complaintError(helper, request, source.said, here);
}

/** A child whose standard error is piped. */
type HeardChild = ChildProcess & { stderr: NonNullable<ChildProcess['stderr']> };
/** And its standard output too. */
type PipedChild = HeardChild & { stdout: NonNullable<ChildProcess['stdout']> };

function intoPipe(pipe: Pipe, path: string, args: readonly string[]): { child: HeardChild; octets: ByteSource } {
  const child = pipe.handOver((writing) => spawnWith(path, args, ['ignore', writing, 'pipe']));
  return { child: child as HeardChild, octets: pipe };
}

function intoSockets(path: string, args: readonly string[]): { child: HeardChild; octets: ByteSource } {
  const child = spawnHelper(path, args, 'ignore');
  return { child, octets: new StreamSource(child.stdout) };
}

export const spawnHelper = (path: string, args: readonly string[], stdin: 'ignore' | 'pipe'): PipedChild =>
  spawnWith(path, args, [stdin, 'pipe', 'pipe']) as PipedChild;

/** In a process group of its own: Ctrl-C is for us, and it ends when we say so. Its messages must not be translated. */
const spawnWith = (path: string, args: readonly string[], stdio: StdioOptions): ChildProcess =>
  spawn(path, [...args], { stdio, detached: true, env: { ...process.env, LC_ALL: 'C' } });
