import { Readable, type Transform } from 'node:stream';
import type { ByteSource } from '../source.ts';
import { portableUnpackers, type Unpacker, type Unpackers } from '../unpack.ts';
import { StreamSource } from './stream.ts';
import type { ThreadCompression, UnpackThreads } from './unpack-threads.ts';
import { ZstdProgram } from './zstd-program.ts';

const SMALLEST_PIECE = 64;
const LARGEST_PIECE = 1 << 18;

/** How zlib is to work. */
interface Room {
  /** Octets of memory into which it unpacks; what does not fit any more comes as a piece of its own. */
  chunkSize: number;
  /** Octets of input that may wait for their turn. */
  writableHighWaterMark: number;
}

/**
 * While one piece is analysed the next one is unpacked, and then the thread that analyses must be asked for another: after one that came out small, for want of
 * room, it would wait. So there is room for many pieces, and some wait already (docs/performance.md).
 */
const AMPLE: Room = { chunkSize: 1 << 22, writableHighWaterMark: 1 << 20 };
/** For who wants no more than the first frames of a file. */
const SCARCE: Room = { chunkSize: 1 << 16, writableHighWaterMark: 1 << 14 };

/** The end of the input comes in small pieces again, its checksum alone: where that is wrong, or garbage follows, everything before is delivered. */
const TAIL = 1024;
const CHECKSUM = 8;

/**
 * zlib delivers what a piece of input unpacks to only once the whole piece is done: octets before damaged ones are lost with their piece. So the
 * pieces begin small and grow with what was read.
 */
async function* pieces(packed: ByteSource): AsyncGenerator<Uint8Array> {
  let held = 0;
  let piece = new Uint8Array(TAIL + SMALLEST_PIECE);
  for (let total = 0, length = 1; length > 0; total += length) {
    length = await packed.read(piece, held, piece.length);
    const end = held + length;
    const ready = length === 0 ? 0 : Math.max(0, end - TAIL);
    if (ready > 0) yield piece.subarray(0, ready);
    // The stream may still need the piece before.
    const next = new Uint8Array(TAIL + Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, total >> 4)));
    next.set(piece.subarray(ready, end));
    held = end - ready;
    piece = next;
  }
  const checksumAt = Math.max(0, held - CHECKSUM);
  for (let at = 0; at < checksumAt; at += SMALLEST_PIECE) yield piece.subarray(at, Math.min(at + SMALLEST_PIECE, checksumAt));
  if (held > 0) yield piece.subarray(checksumAt, held);
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

/** Node's own unpacker, whose work is done in a thread of its own. zlib is loaded for what is packed only. */
const gzip =
  (room: Room): Unpacker =>
  async (packed) =>
    through(packed, (await import('node:zlib')).createGunzip(room));

/** Those that begin to unpack at once, for who reads little. */
export const promptUnpackers: Unpackers = { ...portableUnpackers, gzip: gzip(SCARCE) };

/**
 * What Node does not unpack itself a program does, or threads do, so that large files are unpacked while their packets are analysed. Node's own zstd (22.15 and
 * newer) gives the first frame of a file only and says nothing of the others, and that of 22 nothing of a file that is cut off.
 */
export function nodeUnpackers(given?: UnpackThreads, program = new ZstdProgram()): Unpackers {
  let threads = given;
  const unpackInThread = async (packed: ByteSource, compression: ThreadCompression): Promise<ByteSource> => {
    // Loaded for what is packed only, as zlib is.
    const { UnpackThreads } = await import('./unpack-threads.ts');
    threads ??= new UnpackThreads();
    return threads.unpack(packed, compression) ?? portableUnpackers[compression](packed);
  };
  return {
    zstd: (packed) => program.unpack(packed) ?? unpackInThread(packed, 'zstd'),
    lz4: (packed) => unpackInThread(packed, 'lz4'),
    gzip: gzip(AMPLE),
  };
}
