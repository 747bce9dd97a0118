import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LiveBackend, LiveRequest } from '../../src/capture/live.ts';
import type { Drops } from '../../src/capture/reader.ts';
import { type LiveHost, type Namespace, until } from './netns.ts';
import { eachFrame, openOctets } from './walk.ts';

/** What a `LiveHost` answers of a source. */
export interface Status {
  backend: LiveBackend;
  index: number | null;
  delaySec: number;
  limits: string[];
  drops: Drops;
  length: number;
  ended: { error: string | null } | null;
}

/** What it answers where a source cannot be opened. */
export interface Refusal {
  fault: string;
  exit: number;
  message: string;
}

/** The machine that nobody is: packets to it go out by `v0`. */
export const NOBODY = '192.0.2.9';

/** Two interfaces that are one cable, for packets of any length. What is sent to `NOBODY` leaves `v0` and comes in by `v1`. */
export function addCable(namespace: Namespace): void {
  namespace.ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  namespace.ip('address', 'add', '192.0.2.1/24', 'dev', 'v0');
  for (const each of ['v0', 'v1']) namespace.ip('link', 'set', each, 'mtu', '65535');
  raise(namespace);
}

/** Switches the cable on (again). */
export function raise(namespace: Namespace): void {
  for (const each of ['v0', 'v1']) namespace.ip('link', 'set', each, 'up');
  namespace.ip('neighbour', 'replace', NOBODY, 'lladdr', '02:00:00:00:00:09', 'dev', 'v0');
}

let count = 0;

/** A source that a host has opened. */
export class LiveRun {
  readonly path: string;
  readonly opened: Status;
  private readonly host: LiveHost;

  private constructor(host: LiveHost, path: string, opened: Status) {
    this.host = host;
    this.path = path;
    this.opened = opened;
  }

  /** Opens one, all UDP packets of `send` unless told otherwise. Throws where it is refused. */
  static async open(host: LiveHost, request: Partial<LiveRequest>): Promise<LiveRun> {
    const { path, answer } = await ask(host, request);
    if ('message' in answer) throw new Error(answer.message);
    return new LiveRun(host, path, answer);
  }

  tell(what: 'read' | 'hold' | 'stop' | 'close' | 'refresh' | 'status'): Promise<Status> {
    return this.host.tell<Status>({ do: what, of: this.path });
  }

  /** Waits for the end; gives the last status. */
  async end(): Promise<Status> {
    await until(`the end of ${this.path}`, async () => (await this.tell('status')).ended !== null);
    return this.tell('close');
  }

  /** Waits until this many packets came. */
  async has(packets: number): Promise<void> {
    await until(`${packets} packets in ${this.path}`, async () => (await framesOf(this.path)).frames.length >= packets);
  }
}

async function ask(host: LiveHost, request: Partial<LiveRequest>): Promise<{ path: string; answer: Status | Refusal }> {
  const path = `${host.namespace.folder}/${count++}`;
  const whole = { interface: 'v0', backend: 'auto', filter: 'udp port 5000', snaplen: 256, ssh: null, ...request } as const;
  return { path, answer: await host.tell<Status | Refusal>({ do: 'open', request: whole, into: path }) };
}

/** Why a source cannot be opened. Throws where it can. */
export async function refusalOf(host: LiveHost, request: Partial<LiveRequest>): Promise<Refusal> {
  const { path, answer } = await ask(host, request);
  if ('message' in answer) return answer;
  await host.tell({ do: 'close', of: path });
  throw new Error(`${answer.backend} captures, though it should not be able to`);
}

export interface LiveFrame {
  linktype: number;
  /** In nanoseconds. */
  time: bigint;
  octets: string;
  /** What `send` sent, if that was words with a # before. */
  text: string;
}

/** Reads a capture with our own reader, as far as it has come. */
export async function framesOf(path: string): Promise<{ frames: LiveFrame[]; problems: string[] }> {
  const input = await openOctets(readFileSync(path));
  const frames: LiveFrame[] = [];
  await eachFrame(input, ({ bytes, start, caplen, linktype, sec, nsec }) => {
    const octets = Buffer.from(bytes.slice(start, start + caplen));
    frames.push({
      linktype,
      time: BigInt(sec) * 1_000_000_000n + BigInt(nsec),
      octets: octets.toString('hex'),
      text: /#[a-z]+$/.exec(octets.toString('latin1'))?.[0] ?? '',
    });
  });
  return { frames, problems: input.problems.list.map(({ message }) => message) };
}

const require = createRequire(import.meta.url);

/** The backends that this machine could have, each with why it has not. */
export const backends = (['tcpdump', 'dumpcap', 'libpcap', 'cap'] as const).map((backend) => ({
  backend,
  lacking:
    backend === 'cap' && !loads('cap')
      ? 'the package cap is not there'
      : backend === 'libpcap' && !loads('koffi')
        ? 'koffi is not there'
        : undefined,
}));

function loads(name: string): boolean {
  try {
    require(name);
    return true;
  } catch {
    return false;
  }
}
