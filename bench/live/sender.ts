import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Cable, SENDING } from './cable.ts';

const SOURCE = fileURLToPath(new URL('send.c', import.meta.url));

/** Lengths of frames: the Internet's mixture (60, 590, 1514 octets, 7 to 4 to 1), all 60, or all 1514. */
export const sizes = ['imix', 'small', 'full'] as const;
export type Sizes = (typeof sizes)[number];

export interface Traffic {
  packets: number;
  /** A second; 0: as fast as it goes. */
  rate: number;
  sizes?: Sizes;
  flows?: number;
  newFlowsPerSecond?: number;
  incidentsPerSecond?: number;
  /** It ends after this time, also where it was too slow for all packets. */
  mostSeconds?: number;
}

/** What was really sent. */
export interface Sent {
  sent: number;
  octets: number;
  incidents: number;
  seconds: number;
}

/** An incident of its own: the address that its finding is about, and when its last frame went out, in milliseconds since 1970. */
export interface Probe {
  address: string;
  at: number;
}

/** Sends frames into a cable (send.c). */
export class Sender {
  private readonly program: string;

  private constructor(program: string) {
    this.program = program;
  }

  /** Compiles it to `program`. Throws where there is no C compiler. */
  static compile(program: string): Sender {
    const { status, stderr, error } = spawnSync('cc', ['-O2', '-o', program, SOURCE], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the sender cannot be compiled: ${stderr || error?.message}`);
    return new Sender(program);
  }

  /** Starts sending; `sent` resolves when it is over. */
  start(cable: Cable, traffic: Traffic, wrapper: readonly string[] = []): { child: ChildProcess; sent: Promise<Sent> } {
    const { packets, rate, sizes: lengths = 'imix', flows = 1000, newFlowsPerSecond = 100, incidentsPerSecond = 0 } = traffic;
    const args: (string | number)[] = [
      '-n',
      packets,
      '-r',
      rate,
      '-s',
      lengths,
      '-f',
      flows,
      '-t',
      newFlowsPerSecond,
      '-w',
      incidentsPerSecond,
    ];
    if (traffic.mostSeconds !== undefined) args.push('-d', traffic.mostSeconds);
    const child = cable.spawn('sending', [...wrapper, this.program, '-i', SENDING, ...args.map(String)]);
    return { child, sent: outputOf(child).then((text) => JSON.parse(text) as Sent) };
  }

  /** Sends so many probes, at random distances, at this rate on average. */
  async probe(cable: Cable, kind: 'udp' | 'arp', count: number, rate: number): Promise<Probe[]> {
    const child = cable.spawn('sending', [this.program, '-i', SENDING, '-p', kind, '-n', String(count), '-r', String(rate)]);
    const lines = (await outputOf(child)).trim().split('\n');
    return lines.map((line) => {
      const [address = '', nanoseconds = ''] = line.split(' ');
      return { address, at: Number(nanoseconds) / 1e6 };
    });
  }
}

/** What a program prints until it ends. Rejects where it fails. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (status !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${signal ?? status}: ${err}`);
  return out;
}
