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
  private waiting = 0;
  private at = 0;
  private ended = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(stream: Readable) {
    this.stream = stream;
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
    return this.chunks.length > 0 ? this.copy(into, from, to) : this.wait(into, from, to);
  }

  close(): void {
    this.stream.destroy();
  }

  private async wait(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.chunks.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.chunks.length > 0) return this.copy(into, from, to);
    if (this.failure) throw this.failure;
    return 0;
  }

  private copy(into: Uint8Array, from: number, to: number): number {
    const [chunk] = this.chunks;
    if (!chunk) return 0;
    const length = Math.min(to - from, chunk.length - this.at);
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
