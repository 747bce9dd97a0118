import { type ChildProcess, spawn } from 'node:child_process';
import type { LiveRequest } from '../../live.ts';
import { LiveError } from './error.ts';
import type { Helper } from './helper.ts';
import { HelperSource } from './helper-source.ts';
import { complaintError, missingError, notAllowedError, rightsError } from './messages.ts';
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
  const args = [...helper.args({ interface: target.name, snaplen: request.snaplen, sll2 }), ...filter];
  const child = spawnHelper(program.path, args, 'ignore');
  const source = new HelperSource(helper, child, child.stdout, child.stderr, {
    interface: request.interface,
    index: target.index,
    name: helper.backend,
    askDrops: (each) => each.kill(ASK_DROPS),
    end: (each) => each.kill('SIGTERM'),
    isThere: () => target.index === null || hasIndex(target.name, target.index),
  });
  if (await source.begun()) return source;
  const { failure } = await source.ended;
  // The kernel refuses to start a file that has more rights than it could be given.
  const here = { ssh: null, path: program.path, ...user() };
  if (failure?.code === 'EPERM' || failure?.code === 'EACCES') throw rightsError(helper, request.interface, failure.message, here);
  if (failure) throw new LiveError('other', `${helper.backend} could not be started: ${failure.message}`);
  throw complaintError(helper, request, source.said, here);
}

/** A child whose standard output and error are piped. */
type PipedChild = ChildProcess & { stdout: NonNullable<ChildProcess['stdout']>; stderr: NonNullable<ChildProcess['stderr']> };

/** In a process group of its own: Ctrl-C is for us, and it ends when we say so. Its messages must not be translated. */
export function spawnHelper(path: string, args: readonly string[], stdin: 'ignore' | 'pipe'): PipedChild {
  const child = spawn(path, [...args], { stdio: [stdin, 'pipe', 'pipe'], detached: true, env: { ...process.env, LC_ALL: 'C' } });
  return child as PipedChild;
}
