import type { ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { BegunSource, type ByteSource } from '../source.ts';
import { portableUnpackers } from '../unpack.ts';
import { FileSource, openPath } from './file.ts';
import { StreamSource } from './stream.ts';

/** Less is unpacked before a program has started. */
const LEAST_OCTETS = 1 << 20;
/** A block has no more. Of one that is cut off the program may give the beginning, which nobody else does. */
const BLOCK_OCTETS = 128 << 10;
/** Captures that overlap are unpacked at the same time. */
const MOST_CHILDREN = 4;

/**
 * The machine's own zstd, where it is installed: it unpacks five times as fast as JavaScript does, and in a process of its own. What it refuses the decoder
 * of our own reads from the beginning, so that damage is told alike on all machines.
 */
export class ZstdProgram {
  private readonly command: string;
  private readonly leastOctets: number;
  private running = 0;
  private isMissing = false;

  constructor(command = 'zstd', leastOctets = LEAST_OCTETS) {
    this.command = command;
    this.leastOctets = leastOctets;
  }

  /** The unpacked octets; undefined where it cannot be asked, or is not worth it. */
  unpack(packed: ByteSource): ByteSource | undefined {
    if (!(packed instanceof BegunSource && packed.rest instanceof FileSource)) return undefined;
    const { fd, path } = packed.rest;
    if (path === undefined || this.isMissing || this.running >= MOST_CHILDREN || fstatSync(fd).size < this.leastOctets) return undefined;
    this.running++;
    return new ProgramSource(this.start(path), packed, path);
  }

  private async start(path: string): Promise<RunningProgram> {
    // Loaded where it is needed: most runs have no use for it.
    const { spawn } = await import('node:child_process');
    const child = spawn(this.command, ['-dcq', '--', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const exit = new Promise<number | null>((resolve) => {
      child.on('error', () => {
        this.isMissing = true;
        resolve(null);
      });
      child.on('exit', resolve);
    });
    void exit.then(() => this.running--);
    return { child, exit, unpacked: new StreamSource(child.stdout, BLOCK_OCTETS) };
  }
}

interface RunningProgram {
  child: ChildProcess;
  /** Its status, null where it did not end by itself. */
  exit: Promise<number | null>;
  unpacked: StreamSource;
}

class ProgramSource implements ByteSource {
  private readonly starting: Promise<RunningProgram>;
  private readonly packed: ByteSource;
  private readonly path: string;
  private unpacked: StreamSource | undefined;
  /** Octets that the program gave. */
  private given = 0;
  /** What unpacks in its place. */
  private own: ByteSource | undefined;

  constructor(starting: Promise<RunningProgram>, packed: ByteSource, path: string) {
    this.starting = starting;
    this.packed = packed;
    this.path = path;
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    if (this.own) return this.own.read(into, from, to);
    const length = this.unpacked?.read(into, from, to);
    if (typeof length !== 'number') return this.wait(length, into, from, to);
    this.given += length;
    return length;
  }

  async close(): Promise<void> {
    const { child, unpacked } = await this.starting;
    child.kill();
    unpacked.close();
    await this.own?.close?.();
    await this.packed.close?.();
  }

  private async wait(coming: Promise<number> | undefined, into: Uint8Array, from: number, to: number): Promise<number> {
    const { unpacked, exit } = await this.starting;
    this.unpacked = unpacked;
    const length = await octetsOf(coming ?? unpacked.read(into, from, to));
    this.given += length;
    if (length > 0) return length;
    if ((await exit) === 0) {
      unpacked.release();
      const rest = await unpacked.read(into, from, to);
      this.given += rest;
      return rest;
    }
    return this.startOver(into, from, to);
  }

  /** The decoder of our own takes the program's place: what was given already is passed over. */
  private async startOver(into: Uint8Array, from: number, to: number): Promise<number> {
    const own = await portableUnpackers.zstd(openPath(this.path));
    this.own = own;
    for (let left = this.given; left > 0; ) {
      const passed = await own.read(into, from, Math.min(to, from + left));
      if (passed === 0) return 0;
      left -= passed;
    }
    return own.read(into, from, to);
  }
}

/** A pipe that breaks ends; the program's status says why. */
async function octetsOf(coming: number | Promise<number>): Promise<number> {
  try {
    return await coming;
  } catch {
    return 0;
  }
}
