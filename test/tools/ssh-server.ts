import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATH } from '../../scripts/programs.js';
import { type Namespace, until } from './netns.ts';

/**
 * A real sshd in a namespace, on 127.0.0.1, for the user of the test. What it needs of the system (a user of its own, a folder, an account that is not
 * locked) it finds in its own mount namespace only.
 */
export class SshServer {
  /** The host of which `ssh` knows everything; `stranger` is the same without its key, `locked` one that lets nobody in. */
  static readonly HOST = 'gw';
  /** A folder for PATH, with an `ssh` that reads the configuration of the test. */
  readonly path: string;
  private readonly folder: string;
  private readonly namespace: Namespace;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
    this.folder = join(namespace.folder, 'ssh');
    this.path = join(this.folder, 'bin');
    mkdirSync(this.path, { recursive: true });
    for (const key of ['host', 'user', 'other']) namespace.run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', this.at(key));
    this.configureServer();
    this.configureClient();
  }

  /** Starts it, in the namespace; all of it ends with the namespace. */
  async start(): Promise<void> {
    const sshd = this.namespace.run('sh', '-c', 'command -v sshd').trim();
    const mounts = ['passwd', 'shadow'].map((file) => `mount --bind ${this.at(file)} /etc/${file}`);
    const script = [...mounts, 'mount -t tmpfs tmpfs /run', 'mkdir /run/sshd', `exec ${sshd} -D -e -f ${this.at('sshd_config')}`].join(
      ' && ',
    );
    const server = this.namespace.spawn('sh', ['-c', script]);
    let said = '';
    server.stderr?.on('data', (text) => {
      said += text;
    });
    await until('sshd listens', () => {
      if (server.exitCode !== null) throw new Error(`sshd: ${said}`);
      return said.includes('Server listening');
    });
  }

  /** The environment of a process that shall find this `ssh`. */
  get env(): Record<string, string> {
    return { PATH: `${this.path}:${PATH}` };
  }

  private at(name: string): string {
    return join(this.folder, name);
  }

  private configureServer(): void {
    const config = [
      'ListenAddress 127.0.0.1:2222',
      `HostKey ${this.at('host')}`,
      `AuthorizedKeysFile ${this.at('user.pub')}`,
      'PermitRootLogin yes',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication yes',
      'PidFile none',
    ];
    writeFileSync(this.at('sshd_config'), `${config.join('\n')}\n`);
    const users = readFileSync('/etc/passwd', 'utf8').replace(/^sshd:.*\n/m, '');
    writeFileSync(this.at('passwd'), `${users}sshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n`);
    writeFileSync(this.at('shadow'), 'root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n');
  }

  private configureClient(): void {
    const host = (name: string, key: string, known: string): string[] => [
      `Host ${name}`,
      '  HostName 127.0.0.1',
      '  Port 2222',
      '  User root',
      `  IdentityFile ${this.at(key)}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${this.at(known)}`,
      // What a user may have there, and what must not get in the way.
      '  RemoteCommand tmux attach',
      '  RequestTTY yes',
      '  LocalForward 2223 127.0.0.1:22',
    ];
    const hosts = [host(SshServer.HOST, 'user', 'known'), host('locked', 'other', 'known'), host('stranger', 'user', 'unknown')];
    const config = [...hosts.flat(), 'Host *', '  GlobalKnownHostsFile none', '  IdentityAgent none'];
    writeFileSync(this.at('config'), `${config.join('\n')}\n`);
    writeFileSync(this.at('known'), `[127.0.0.1]:2222 ${readFileSync(this.at('host.pub'), 'utf8')}`);
    writeFileSync(join(this.path, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${this.at('config')} "$@"\n`);
    chmodSync(join(this.path, 'ssh'), 0o755);
  }
}
