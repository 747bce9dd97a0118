import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteSource } from '../../source.ts';

/** What a pipe of Linux holds, unless it is asked to hold more (pipe(7)). */
const CAPACITY = 1 << 16;

/**
 * A pipe of the kernel's for a child's standard output. What Node.js gives a child is a pair of sockets: where a helper writes each packet by itself, they take
 * four times as much of the kernel's time at both ends as a pipe does (docs/live-performance.md). It is read into one buffer, and no further while that was
 * not taken: nothing is allocated for a read, and what does not fit waits in the kernel.
 */
export class Pipe implements ByteSource {
  /** For the child; to be closed here when the child has it. */
  private writing: number | undefined;
  private readonly socket: Socket;
  private readonly buffer = new Uint8Array(CAPACITY);
  /** What was read and not taken yet. */
  private at = 0;
  private end = 0;
  private isOver = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  /** Null where the system has none that could be made without more programs: then sockets must do. */
  static make(): Pipe | null {
    // Elsewhere nobody has tried how they behave.
    if (process.platform !== 'linux') return null;
    let folder: string | undefined;
    try {
      folder = mkdtempSync(join(tmpdir(), 'fluxcap-'));
      // A name under which AppArmor lets tcpdump write (/etc/apparmor.d/usr.bin.tcpdump).
      const path = join(folder, 'helper.pcap');
      if (spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' }).status !== 0) return null;
      // Neither waits for the other in this order.
      const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      return new Pipe(reading, openSync(path, constants.O_WRONLY));
    } catch {
      return null;
    } finally {
      // Both ends are open: it needs no name any more.
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }

  private constructor(reading: number, writing: number) {
    this.writing = writing;
    const callback = (length: number): boolean => {
      this.at = 0;
      this.end = length;
      this.wake?.();
      return false;
    };
    const onread = { buffer: this.buffer, callback };
    const options: SocketConstructorOpts & ConnectOpts = { fd: reading, readable: true, writable: false, onread };
    this.socket = new Socket(options);
    const finish = (error?: Error): void => {
      this.failure ??= error;
      this.isOver = true;
      this.wake?.();
    };
    this.socket.on('end', () => finish());
    this.socket.on('close', () => finish());
    this.socket.on('error', finish);
  }

  /** Gives the end to write to to whoever starts the child; afterwards it is the child's alone, and what is read ends when that ends. */
  handOver<T>(start: (writing: number) => T): T {
    const { writing } = this;
    if (writing === undefined) throw new Error('a pipe has one writer');
    this.writing = undefined;
    try {
      return start(writing);
    } finally {
      closeSync(writing);
    }
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    return this.at < this.end ? this.take(into, from, to) : this.wait(into, from, to);
  }

  close(): void {
    if (this.writing !== undefined) closeSync(this.writing);
    this.writing = undefined;
    this.socket.destroy();
  }

  private async wait(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.at === this.end && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.at < this.end) return this.take(into, from, to);
    if (this.failure) throw this.failure;
    return 0;
  }

  private take(into: Uint8Array, from: number, to: number): number {
    const length = Math.min(to - from, this.end - this.at);
    into.set(this.buffer.subarray(this.at, this.at + length), from);
    this.at += length;
    // The buffer is free again.
    if (this.at === this.end) this.socket.resume();
    return length;
  }
}
