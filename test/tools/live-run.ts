import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Finding } from '../../src/diagnose/finding.ts';
import type { AnalysisDocument } from '../../src/report/json.ts';
import { root } from './captures.ts';
import { hindranceForNamespaces, Namespace, until } from './netns.ts';

/** The program as its users start it. */
export const FLUXCAP = join(root, 'bin', 'fluxcap.js');
const TRAFFIC = join(root, 'test', 'tools', 'live-traffic.js');

/** Why `fluxcap live` cannot be tested here; undefined where it can. */
export const hindranceForLive = (programs: readonly string[]): string | undefined =>
  existsSync(join(root, 'dist', 'cli', 'main.js')) ? hindranceForNamespaces(programs) : 'needs dist: npm run build';

/** A port of the server, and the source of its answers: not the asked address, that address, and one on the other cable. */
export const WRONG = 5300;
export const RIGHT = 5301;
export const OTHER_WAY = 5302;
/** What a question and its answer are on the wire. */
export const PACKETS_EACH = 2;
export const ASKED = '192.0.2.2';
export const ANSWERED_FROM = '192.0.2.3';
const OTHER_SOURCE = '198.51.100.2';
/** The finding that questions to `WRONG` make. */
export const WRONG_ID = `udp-reply-wrong-source:192.0.2.1|${ASKED}:${WRONG}`;

const CLIENT_MAC = '0a';
const SERVER_MAC = '0b';
const macOf = (name: string, last: string): string => `02:00:00:00:0${name.slice(1)}:${last}`;
const neighbour = (ip: string, name: string, last: string): string[] => [
  'neighbour',
  'replace',
  ip,
  'lladdr',
  macOf(name, last),
  'dev',
  name,
  'nud',
  'permanent',
];

/**
 * A client and a server at two cables, `v0` and `v1` on either side. All neighbours are known, and nothing is sent but what is asked for: packets can be counted.
 *
 *    client                     server
 *    v0 192.0.2.1    ────────   v0 192.0.2.2, .3
 *    v1 198.51.100.1 ────────   v1 198.51.100.2
 */
export class Lab {
  readonly client = new Namespace();
  readonly server = new Namespace();
  private asking: ChildProcess | undefined;
  private readonly waiting: (() => void)[] = [];

  static async begin(): Promise<Lab> {
    const lab = new Lab();
    try {
      lab.build();
      await lab.startTraffic();
    } catch (error) {
      lab.delete();
      throw error;
    }
    return lab;
  }

  private build(): void {
    for (const each of [this.client, this.server]) withoutIPv6(each);
    this.cable('v0', ['192.0.2.1'], [ASKED, ANSWERED_FROM]);
    this.cable('v1', ['198.51.100.1'], [OTHER_SOURCE]);
    this.server.ip('rule', 'add', 'from', OTHER_SOURCE, 'lookup', '100');
    this.server.ip('route', 'add', '192.0.2.0/24', 'via', '198.51.100.1', 'dev', 'v1', 'table', '100');
  }

  private cable(name: string, client: readonly string[], server: readonly string[]): void {
    this.client.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', this.server.name);
    for (const [own, addresses, last] of [[this.client, client, CLIENT_MAC] as const, [this.server, server, SERVER_MAC] as const]) {
      own.ip('link', 'set', name, 'address', macOf(name, last), 'up');
      for (const each of addresses) own.ip('address', 'add', `${each}/24`, 'dev', name);
    }
    for (const each of client) this.server.ip(...neighbour(each, name, CLIENT_MAC));
    for (const each of server) this.client.ip(...neighbour(each, name, SERVER_MAC));
  }

  /** The client knows its neighbours at `v0`; it forgets them when that is switched off. */
  meet(): void {
    for (const each of [ASKED, ANSWERED_FROM]) this.client.ip(...neighbour(each, 'v0', SERVER_MAC));
  }

  private async startTraffic(): Promise<void> {
    const services = [ASKED, WRONG, ANSWERED_FROM, ASKED, RIGHT, ASKED, ASKED, OTHER_WAY, OTHER_SOURCE].map(String);
    const serving = this.server.spawn(process.execPath, [TRAFFIC, 'serve', ...services]);
    let said = '';
    serving.stdout?.on('data', (text) => {
      said += text;
    });
    this.asking = this.client.spawn(process.execPath, [TRAFFIC, 'ask']);
    if (this.asking.stdout) createInterface({ input: this.asking.stdout }).on('line', () => this.waiting.shift()?.());
    await until('the server serves', () => said.includes('serving'));
  }

  /** The client asks the server so often; comes back when all answers have come. */
  ask(port: number, times: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.asking?.stdin?.write(`${ASKED} ${port} ${times}\n`);
    });
  }

  /** Starts `fluxcap live` at the client. */
  live(...args: string[]): Watch {
    return new Watch(this.client, [process.execPath, FLUXCAP, 'live', ...args]);
  }

  /** Writes a file that is deleted with the lab; gives its path. */
  save(name: string, text: string): string {
    const path = join(this.client.folder, name);
    writeFileSync(path, text);
    return path;
  }

  delete(): void {
    this.client.delete();
    this.server.delete();
  }
}

/** A test in a lab of its own: such tests run side by side. */
export const inLab = (test: (lab: Lab) => Promise<void>) => async (): Promise<void> => {
  const lab = await Lab.begin();
  try {
    await test(lab);
  } finally {
    lab.delete();
  }
};

/** Where a kernel has IPv6, it tells of its addresses unasked. */
export function withoutIPv6(namespace: Namespace): void {
  namespace.run('sh', '-c', 'for each in /proc/sys/net/ipv6/conf/*/disable_ipv6; do if [ -e "$each" ]; then echo 1 >"$each"; fi; done');
}

export interface Ending {
  status: number | null;
  signal: NodeJS.Signals | null;
}

/** A command that runs in a namespace, and what it says. */
export class Watch {
  out = '';
  err = '';
  readonly child: ChildProcess;
  private readonly namespace: Namespace;
  private ending: Ending | undefined;

  constructor(namespace: Namespace, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [program = '', ...args] = command;
    this.namespace = namespace;
    this.child = namespace.spawn(program, args, env);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.child.on('close', (status, signal) => {
      this.ending = { status, signal };
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('it could not be started');
    return this.child.pid;
  }

  get isOver(): boolean {
    return this.ending !== undefined;
  }

  /** Waits until it captures. */
  async listens(): Promise<this> {
    await this.errs(/listening on/);
    return this;
  }

  /** Waits until standard output has this. */
  prints(pattern: RegExp): Promise<void> {
    return this.shows(pattern, () => this.out);
  }

  /** Waits until standard error has this. */
  errs(pattern: RegExp): Promise<void> {
    return this.shows(pattern, () => this.err);
  }

  /** Waits for the end. */
  async end(): Promise<Ending> {
    await until('the end', () => this.isOver).catch((error: Error) => {
      throw new Error(`${error.message}${this.said()}`);
    });
    return this.ending ?? { status: null, signal: null };
  }

  /** Sends a signal to the process, and waits for the end. */
  endBy(signal: NodeJS.Signals): Promise<Ending> {
    process.kill(this.pid, signal);
    return this.end();
  }

  /** Ids of the helpers that it started: none of them may be left when it has ended. */
  helpers(): number[] {
    return this.namespace.pids().filter((pid) => parentOf(pid) === this.pid && exeOf(pid) !== realpathSync(process.execPath));
  }

  private async shows(pattern: RegExp, text: () => string): Promise<void> {
    await until(String(pattern), () => {
      if (pattern.test(text())) return true;
      if (this.isOver) throw new Error(`it ended without ${pattern}${this.said()}`);
      return false;
    }).catch((error: Error) => {
      throw new Error(`${error.message}${this.said()}`);
    });
  }

  private said(): string {
    return `\n--- standard output\n${this.out}\n--- standard error\n${this.err}`;
  }
}

/** Whether a process is there. */
export const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(statusOf(pid));

const parentOf = (pid: number): number => Number(/^PPid:\s*(\d+)/m.exec(statusOf(pid))?.[1]);

/** Memory of a process that is not shared, in MiB. */
export const mebibytesOf = (pid: number): number => Number(/^RssAnon:\s*(\d+)/m.exec(statusOf(pid))?.[1]) / 1024;

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** The program that a process runs; '' where it has ended. */
export function exeOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

const schemaOf = (name: string) =>
  new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(join(root, 'dist', `${name}.schema.json`), 'utf8')));

/** The one document of `--json`, as the schema that ships says it. Throws where it is not. */
export function documentOf(text: string): AnalysisDocument {
  const document: AnalysisDocument = JSON.parse(text);
  const isDocument = schemaOf('analysis');
  if (!isDocument(document)) throw new Error(`not as the schema says: ${JSON.stringify(isDocument.errors, undefined, 2)}`);
  return document;
}

/** A line of `--format ndjson`. */
export type Line = Record<string, unknown> & { type: string };

/** All lines, as the schema that ships says them. Throws where one is not. */
export function linesOf(text: string): Line[] {
  if (!text.endsWith('\n')) throw new Error(`the last line has no end: ${text.slice(-200)}`);
  const isLine = schemaOf('ndjson');
  return text
    .slice(0, -1)
    .split('\n')
    .map((each) => {
      const line: Line = JSON.parse(each);
      if (!isLine(line))
        throw new Error(`${each.slice(0, 300)}\n${JSON.stringify(isLine.errors?.filter(({ keyword }) => keyword !== 'oneOf'))}`);
      return line;
    });
}

/** What `fluxcap analyze` finds in a file. */
export function findingsIn(path: string): Finding[] {
  const options = ['--json', '--severity', 'info', '--min-confidence', 'possible'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [FLUXCAP, 'analyze', path, ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
  return documentOf(stdout).findings;
}

/** A tcpdump that captures beside into a file. */
export async function beside(namespace: Namespace, interfaceName: string, path: string): Promise<Watch> {
  const sll2 = interfaceName === 'any' ? ['-y', 'LINUX_SLL2'] : [];
  const tcpdump = new Watch(namespace, ['tcpdump', '-i', interfaceName, ...sll2, '-U', '--immediate-mode', '-Z', 'root', '-w', path]);
  return tcpdump.listens();
}
