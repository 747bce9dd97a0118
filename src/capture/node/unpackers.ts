import { Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { ByteSource } from '../source.ts';
import type { Unpackers } from '../unpack.ts';
import { StreamSource } from './stream.ts';

/** Large enough that the hand-over costs little (docs/performance.md). */
const UNPACKED_CHUNK = 1 << 20;
const SMALLEST_PIECE = 64;
const LARGEST_PIECE = 1 << 18;

/**
 * zlib delivers what a piece of input unpacks to only once the whole piece is done: octets before damaged ones are lost with their piece. So the
 * pieces begin small and grow with what was read.
 */
async function* pieces(packed: ByteSource): AsyncGenerator<Uint8Array> {
  for (let total = 0, length = 1; length > 0; total += length) {
    const piece = new Uint8Array(Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, total >> 4)));
    length = await packed.read(piece, 0, piece.length);
    if (length > 0) yield piece.subarray(0, length);
  }
}

/** What a stream unpacks, with the packed source behind it: both end together. */
class UnpackedSource implements ByteSource {
  private readonly packed: ByteSource;
  private readonly unpacked: StreamSource;

  constructor(packed: ByteSource, unpacked: StreamSource) {
    this.packed = packed;
    this.unpacked = unpacked;
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    return this.unpacked.read(into, from, to);
  }

  async close(): Promise<void> {
    this.unpacked.close();
    await this.packed.close?.();
  }
}

function through(packed: ByteSource, unpacker: Transform): ByteSource {
  const source = Readable.from(pieces(packed));
  source.on('error', (error) => unpacker.destroy(error));
  return new UnpackedSource(packed, new StreamSource(source.pipe(unpacker)));
}

type CreateZstdDecompress = (options: { chunkSize: number }) => Transform;

/** Node's own unpackers, with zstd from 22.15 on; before that the portable one is used. */
export function nodeUnpackers(): Unpackers {
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress?: CreateZstdDecompress };
  return {
    gzip: (packed) => through(packed, zlib.createGunzip({ chunkSize: UNPACKED_CHUNK })),
    ...(createZstdDecompress ? { zstd: (packed: ByteSource) => through(packed, createZstdDecompress({ chunkSize: UNPACKED_CHUNK })) } : {}),
  };
}
