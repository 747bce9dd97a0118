import type { Readable } from 'node:stream';
import type { ByteSource } from '../source.ts';

/** More than this waiting to be read, and the stream has to pause. */
const MOST_WAITING = 4 << 20;

/**
 * A stream of Node's as a source. Not its async iterator: that forgets the chunks that wait when the stream fails, and what was there before damage
 * must be read.
 */
export class StreamSource implements ByteSource {
  private readonly stream: Readable;
  private readonly chunks: Uint8Array[] = [];
  /** Octets of `chunks`. */
  private waiting = 0;
  private held: number;
  private at = 0;
  private ended = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  /** @param held so many octets at the end are not given before `release` */
  constructor(stream: Readable, held = 0) {
    this.stream = stream;
    this.held = held;
    stream.on('data', (chunk: Uint8Array) => {
      this.chunks.push(chunk);
      this.waiting += chunk.length;
      if (this.waiting > MOST_WAITING) stream.pause();
      this.wake?.();
    });
    const finish = (error?: Error): void => {
      this.failure ??= error;
      this.ended = true;
      this.wake?.();
    };
    stream.on('end', () => finish());
    stream.on('close', () => finish());
    stream.on('error', finish);
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    return this.ready > 0 ? this.copy(into, from, to) : this.wait(into, from, to);
  }

  /** What was held back may be given. */
  release(): void {
    this.held = 0;
  }

  close(): void {
    this.stream.destroy();
  }

  /** Octets that may be given. */
  private get ready(): number {
    return this.waiting - this.at - this.held;
  }

  private async wait(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.ready <= 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.ready > 0) return this.copy(into, from, to);
    if (this.failure) throw this.failure;
    return 0;
  }

  private copy(into: Uint8Array, from: number, to: number): number {
    const [chunk] = this.chunks;
    if (!chunk) return 0;
    const length = Math.min(to - from, chunk.length - this.at, this.ready);
    into.set(chunk.subarray(this.at, this.at + length), from);
    this.at += length;
    if (this.at === chunk.length) {
      this.chunks.shift();
      this.at = 0;
      this.waiting -= chunk.length;
      if (this.waiting <= MOST_WAITING && this.stream.isPaused()) this.stream.resume();
    }
    return length;
  }
}
