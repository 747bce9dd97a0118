import { Lz4Decoder } from './lz4.ts';
import type { Compression } from './recognise.ts';
import type { ByteSource } from './source.ts';

/** Makes the octets of a compressed source those that were packed into it. Reading throws where the packed octets are damaged. */
export type Unpacker = (packed: ByteSource) => ByteSource | Promise<ByteSource>;

/** A runtime may bring better ones (Node.js its own zlib), and has to bring gzip. */
export type Unpackers = Partial<Record<Compression, Unpacker>>;

/** A decoder that is fed piece by piece and gives what it has unpacked to `put`. */
interface PushDecoder {
  push(piece: Uint8Array, last: boolean): void;
}

/** Small, so that what comes before damaged octets is delivered. */
const PIECE = 16_384;

/** Adapts a push decoder to a source that is pulled. */
class PushSource implements ByteSource {
  private readonly packed: ByteSource;
  private readonly decoder: PushDecoder;
  private readonly piece = new Uint8Array(PIECE);
  private readonly queue: Uint8Array[] = [];
  private at = 0;
  private ended = false;
  private failure: unknown;

  constructor(packed: ByteSource, decoder: (put: (octets: Uint8Array) => void) => PushDecoder) {
    this.packed = packed;
    this.decoder = decoder((octets) => {
      if (octets.length > 0) this.queue.push(octets);
    });
  }

  async read(into: Uint8Array, from: number, to: number): Promise<number> {
    while (this.queue.length === 0 && !this.ended) {
      const length = await this.packed.read(this.piece, 0, PIECE);
      this.ended = length === 0;
      try {
        this.decoder.push(this.piece.slice(0, length), this.ended);
      } catch (error) {
        // What was unpacked before it is given first.
        this.failure = error;
        this.ended = true;
      }
    }
    const octets = this.queue[0];
    if (!octets) {
      if (this.failure) throw this.failure;
      return 0;
    }
    const length = Math.min(to - from, octets.length - this.at);
    into.set(octets.subarray(this.at, this.at + length), from);
    this.at += length;
    if (this.at === octets.length) {
      this.queue.shift();
      this.at = 0;
    }
    return length;
  }

  async close(): Promise<void> {
    await this.packed.close?.();
  }
}

/** Unpackers that need nothing of the runtime. */
export const portableUnpackers: Record<'zstd' | 'lz4', Unpacker> = {
  // Loaded where it is needed: most captures are not packed.
  zstd: async (packed) => {
    const { Decompress } = await import('fzstd');
    return new PushSource(packed, (put) => new Decompress((octets) => put(octets.slice())));
  },
  lz4: (packed) => new PushSource(packed, (put) => new Lz4Decoder(put)),
};
