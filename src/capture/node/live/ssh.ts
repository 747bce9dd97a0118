import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LiveRequest } from '../../live.ts';
import { StreamSource } from '../stream.ts';
import { LiveError } from './error.ts';
import type { Helper } from './helper.ts';
import { HelperSource } from './helper-source.ts';
import { spawnHelper } from './local.ts';
import { complaintError, missingError, type Place } from './messages.ts';
import { unknownInterface } from './targets.ts';

/**
 * What stands over the user's configuration: nothing waits for an answer that nobody sees, a dead connection is noticed within a minute, and what is
 * configured for a shell (a command, a terminal, forwarded ports) does not get in the way.
 */
const OPTIONS = [
  'BatchMode=yes',
  'ConnectTimeout=15',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=3',
  'ClearAllForwardings=yes',
  'RemoteCommand=none',
].flatMap((option) => ['-o', option]);

const args = (host: string, command: string): string[] => [...OPTIONS, '-T', '--', host, command];

/** Throws a `LiveError` where `host` cannot be one: ssh takes a word that begins with a dash for an option. */
export function checkHost(host: string): void {
  if (host === '' || host.startsWith('-'))
    throw new LiveError('request', `--ssh: expected a host as ssh takes it (user@host), got "${host}"`);
}

/** As one word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** The user's shell there may be any; the script is for sh. */
const inShell = (script: readonly string[]): string => `exec sh -c ${quoted(script.join('\n'))}`;

/** Lines of the script on standard error that are for us. */
const FACTS = /^fluxcap-host uid=(\d*) user=(\S*) index=(\d*) path=(.*)$/;
const INTERFACES = /^fluxcap-interfaces (.*)$/;

/** What ssh itself ends with, if it is not the command's own status. */
const SSH_FAILED = 255;

const SEARCH = ['LC_ALL=C; export LC_ALL', 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH'];

/**
 * Runs the helper, without the packets of its own connection, for each of them would make the next. A line on standard input asks for the counters;
 * the end of standard input ends it: also when the connection breaks, while it has nothing to write.
 */
function script(helper: Helper, request: LiveRequest, sll2: boolean): string[] {
  const { interface: name, filter } = request;
  const command = [helper.backend, ...helper.args({ ...request, sll2 })].map(quoted).join(' ');
  return [
    ...SEARCH,
    `i=${quoted(name)}; f=${quoted(filter)}`,
    `h=$(command -v ${helper.backend})`,
    'echo "fluxcap-host uid=$(id -u) user=$(id -un) index=$(cat "/sys/class/net/$i/ifindex" 2>/dev/null) path=$h" >&2',
    'if [ -d /sys/class/net ] && [ "$i" != any ] && [ ! -e "/sys/class/net/$i" ]; then',
    'echo "fluxcap-interfaces" $(ls /sys/class/net) >&2; exit 1; fi',
    'if [ -z "$h" ]; then exit 1; fi',
    'set -- $SSH_CONNECTION',
    'if [ $# -eq 4 ]; then own="not (tcp port $2 and tcp port $4)"; if [ -n "$f" ]; then f="$own and ($f)"; else f=$own; fi; fi',
    'if [ "$(uname)" = Linux ]; then ask=USR1; else ask=INFO; fi',
    'exec 3<&0',
    `if [ -n "$f" ]; then ${command} ${helper.filterMark} "$f" </dev/null 3<&- & else ${command} </dev/null 3<&- & fi`,
    'p=$!',
    '{ while read -r line; do kill -s $ask $p; done; kill -s TERM $p; } <&3 >/dev/null 2>&1 &',
    'w=$!',
    'exec 3<&-',
    'wait $p; s=$?',
    'kill $w 2>/dev/null',
    'exit $s',
  ];
}

/** What the script says of the machine. */
class Remote {
  place: Place;
  index: number | null = null;
  /** Names, where the interface is none of them. */
  interfaces: string[] | null = null;
  /** Whether the script ran at all. */
  isReached = false;

  constructor(host: string) {
    this.place = { ssh: host, path: '', name: '', isRoot: false };
  }

  hears(line: string): boolean {
    const [isFacts, uid = '', name = '', index = '', path = ''] = FACTS.exec(line) ?? [];
    if (isFacts !== undefined) {
      this.isReached = true;
      this.place = { ssh: this.place.ssh, path, name, isRoot: uid === '0' };
      this.index = index === '' ? null : Number(index);
      return true;
    }
    const names = INTERFACES.exec(line)?.[1];
    if (names !== undefined) this.interfaces = names.split(' ');
    return names !== undefined;
  }
}

/** Starts a helper on another machine. Throws a `LiveError` where it does not capture. */
export async function openRemote(helper: Helper, host: string, request: LiveRequest, sll2: boolean): Promise<HelperSource> {
  checkHost(host);
  const child = spawnHelper('ssh', args(host, inShell(script(helper, request, sll2))), 'pipe');
  const remote = new Remote(host);
  const source = new HelperSource(helper, child, new StreamSource(child.stdout), child.stderr, {
    interface: request.interface,
    get index() {
      return remote.index;
    },
    delaySec: helper.delaySec(request),
    name: `${helper.backend} on ${host}`,
    askDrops: (each) => each.stdin?.write('\n'),
    end: (each) => each.stdin?.end(),
    hears: (line) => remote.hears(line),
  });
  if (await source.begun()) return source;
  const { failure, status } = await source.ended;
  if (failure?.code === 'ENOENT') throw new LiveError('ssh', 'ssh is not installed: sudo apt install openssh-client');
  if (failure) throw new LiveError('ssh', `ssh could not be started: ${failure.message}`);
  if (!remote.isReached) throw sshError(host, source.said, status);
  if (remote.interfaces) throw unknownInterface(request.interface, remote.interfaces, host);
  if (remote.place.path === '') throw missingError(helper, host);
  throw complaintError(helper, request, source.said, remote.place);
}

/** Why ssh did not get there, and what to do: it asks nothing. */
function sshError(host: string, said: readonly string[], status: number | null): LiveError {
  const words = said.at(-1) ?? `it ended with status ${status}`;
  const all = said.join('\n');
  if (/Host key verification failed/.test(all)) {
    return new LiveError('ssh', `ssh ${host}: the host's key is not known or has changed; log in once by hand: ssh ${host}`);
  }
  if (/Permission denied/.test(all)) {
    return new LiveError(
      'ssh',
      `ssh ${host}: ${words}; fluxcap asks for no password: ssh-copy-id ${host}, or ssh-add for a key with a passphrase`,
    );
  }
  return new LiveError('ssh', `ssh ${host}: ${words}`);
}

/** Runs a script of sh on another machine; gives its standard output. Throws where it fails. */
export async function runRemote(host: string, lines: readonly string[]): Promise<string> {
  checkHost(host);
  try {
    const { stdout } = await promisify(execFile)('ssh', args(host, inShell([...SEARCH, ...lines])), {
      timeout: 30_000,
      maxBuffer: 4 << 20,
    });
    return stdout;
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string };
    const said = stderr.split('\n').filter((line) => line !== '');
    throw Number(code) === SSH_FAILED ? sshError(host, said, SSH_FAILED) : new LiveError('ssh', `ssh ${host}: ${said.at(-1) ?? code}`);
  }
}
