/**
 * Where octets come from: a file, a pipe, an unpacker, a live helper, a browser's Blob. The layers above know nothing else of it.
 * `read` puts the next octets into `into` from `from` on, at most up to `to`, and gives their number; 0 means that there are no more.
 * It answers with a promise only where it has to wait. It throws where reading fails.
 */
export interface ByteSource {
  read(into: Uint8Array, from: number, to: number): number | Promise<number>;
  /** Called once when no more is read, also after a failure. */
  close?(): void | Promise<void>;
}

/** Octets that are in memory already, handed out in pieces of `pieceLength` (tests cut them small). */
export class MemorySource implements ByteSource {
  private at = 0;
  private readonly octets: Uint8Array;
  private readonly pieceLength: number;

  constructor(octets: Uint8Array, pieceLength = octets.length) {
    this.octets = octets;
    this.pieceLength = Math.max(1, pieceLength);
  }

  read(into: Uint8Array, from: number, to: number): number {
    const length = Math.min(this.pieceLength, to - from, this.octets.length - this.at);
    into.set(this.octets.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }
}

/** Chunks as an async iterable gives them: a stream of Node's, a browser's `file.stream()`. */
export class ChunkSource implements ByteSource {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    return this.at < this.chunk.length ? this.copy(into, from, to) : this.wait(into, from, to);
  }

  async close(): Promise<void> {
    await this.chunks.return?.();
  }

  private async wait(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.at >= this.chunk.length) {
      const { value, done } = await this.chunks.next();
      if (done) return 0;
      this.chunk = value;
      this.at = 0;
    }
    return this.copy(into, from, to);
  }

  private copy(into: Uint8Array, from: number, to: number): number {
    const length = Math.min(to - from, this.chunk.length - this.at);
    into.set(this.chunk.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }
}

/** A source whose first octets were read already. */
export class BegunSource implements ByteSource {
  readonly begun: Uint8Array;
  readonly rest: ByteSource;
  private at = 0;

  constructor(begun: Uint8Array, rest: ByteSource) {
    this.begun = begun;
    this.rest = rest;
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    if (this.at === this.begun.length) return this.rest.read(into, from, to);
    const length = Math.min(to - from, this.begun.length - this.at);
    into.set(this.begun.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }

  async close(): Promise<void> {
    await this.rest.close?.();
  }
}

/** When a capture begins: whole seconds since 1970 and nanoseconds within them. */
export interface Begin {
  sec: number;
  nsec: number;
}

/** An input by its name in the output and a way to open it. */
export interface InputSource {
  path: string;
  open: () => ByteSource | Promise<ByteSource>;
  /** Time of the first frame, where it is known: among several inputs, this one is then opened when its time comes. */
  begins?: Begin;
}
