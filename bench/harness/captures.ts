import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Amount, type Kind, kinds, writeCapture } from '../generate.ts';

export const compressions = ['gz', 'zst'] as const;
export type Compression = (typeof compressions)[number];

/** What can be asked for: the kinds of captures, and `mixed` compressed. */
export const captureNames = [...kinds, ...compressions.map((compression) => `mixed.pcap.${compression}` as const)] as const;
export type CaptureName = (typeof captureNames)[number];

export interface Capture {
  name: string;
  path: string;
  format: 'pcap' | 'pcapng';
  compression: Compression | null;
  /** All frames are Ethernet's. */
  isEthernet: boolean;
  packets: number;
  /** Unpacked. */
  octets: number;
  fileOctets: number;
}

const PACKERS: Record<Compression, readonly string[]> = { gz: ['gzip', '-6', '-k', '-f'], zst: ['zstd', '-3', '-q', '-f'] };

/** The captures of a run, as files in a folder that git does not see. */
export class Captures {
  private readonly folder: string;
  private readonly seed: number;
  private readonly made: string[] = [];

  constructor(folder: string, seed: number) {
    this.folder = folder;
    this.seed = seed;
    mkdirSync(folder, { recursive: true });
  }

  /** Throws where the packer is not installed. */
  make(name: CaptureName, amount: Amount): Capture {
    const kind = kindOf(name);
    const capture = this.write(kind, kind, amount);
    const compression = compressions.find((each) => name.endsWith(`.${each}`)) ?? null;
    const path = compression === null ? capture.path : this.pack(capture.path, compression);
    return { ...capture, name, path, compression, fileOctets: statSync(path).size };
  }

  /** The first packets of what `make` gives for the same name. */
  slice(name: CaptureName, packets: number): Capture {
    const kind = kindOf(name);
    return { ...this.write(kind, `${kind}-slice`, { packets }), name: sliceName(kind) };
  }

  /** A capture of its own name, beside those of `make`. */
  write(kind: Kind, name: string, amount: Amount): Capture {
    const format = kind === 'ng' ? 'pcapng' : 'pcap';
    const path = join(this.folder, `${name}.${format}`);
    this.made.push(path);
    const { packets, octets } = writeCapture(path, kind, amount, this.seed);
    const isEthernet = kind !== 'ng' && kind !== 'sll2' && kind !== 'raw';
    return { name, path, format, compression: null, isEthernet, packets, octets, fileOctets: octets };
  }

  remove(): void {
    for (const path of this.made.splice(0)) rmSync(path, { force: true });
  }

  private pack(path: string, compression: Compression): string {
    const [program = '', ...args] = PACKERS[compression];
    const { status } = spawnSync(program, [...args, path], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error(`${program} is needed to make a capture compressed with it`);
    const packed = `${path}.${compression}`;
    this.made.push(packed);
    return packed;
  }
}

/** The program that compresses it; undefined where nothing does. */
export function packerOf(name: CaptureName): string | undefined {
  const compression = compressions.find((each) => name.endsWith(`.${each}`));
  return compression && PACKERS[compression][0];
}

export const sliceName = (kind: Kind): string => `${kind}, first packets`;

const kindOf = (name: CaptureName): Kind => kinds.find((kind) => kind === name) ?? 'mixed';
