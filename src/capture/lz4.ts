import { concatenated } from './octets.ts';

/*
 * LZ4 frames (github.com/lz4/lz4, doc/lz4_Frame_format.md and lz4_Block_format.md), decoded as a stream. Written here because no maintained npm
 * package does it: lz4-napi wants the whole frame in memory, lz4 and lz4js have not been kept for years.
 *
 *   magic 4 | flags 1 | block descriptor 1 | [content size 8] | [dictionary id 4] | header checksum 1
 *   blocks: length 4 (highest bit: stored as it is; 0: end) | data | [block checksum 4]
 *   [content checksum 4]
 */
const MAGIC = 0x184d_2204;
/** Skippable frames: magic 0x184d2a50 to 0x184d2a5f, length 4, data. */
const SKIPPABLE = 0x184d_2a50;
const HISTORY = 65_536;
/** A length grows by 255 with each octet. */
const MOST_EXPANSION = 255;
const STORED = 0x8000_0000;
/** Up to so many octets, a loop copies faster than a call. */
const SHORT = 48;
const Flag = { Dictionary: 1, ContentChecksum: 4, ContentSize: 8, BlockChecksum: 16 } as const;

type Step = 'magic' | 'header' | 'block' | 'trailer';

/** Fed with pieces of any size; gives each block's octets to `put`. `push` throws where the input is no sound LZ4. */
export class Lz4Decoder {
  private readonly put: (octets: Uint8Array) => void;
  private pending: Uint8Array = new Uint8Array(0);
  /** Pieces behind `pending` that are not enough for the next step yet, which wants so many octets. */
  private waiting: Uint8Array[] = [];
  private waitingLength = 0;
  private wanted = 0;
  private step: Step = 'magic';
  private flags = 0;
  private mostBlock = 0;
  /** What was unpacked last, up to `end`: blocks may point back into it. */
  private unpacked: Uint8Array = new Uint8Array(0);
  private end = 0;
  private checksum = new Xxh32();
  private skipping = 0;

  constructor(put: (octets: Uint8Array) => void) {
    this.put = put;
  }

  push(piece: Uint8Array, last: boolean): void {
    this.waiting.push(piece);
    this.waitingLength += piece.length;
    if (this.pending.length + this.waitingLength < this.wanted && !last) return;
    this.pending = concatenated([this.pending, ...this.waiting]);
    this.waiting = [];
    this.waitingLength = 0;
    this.wanted = 0;
    while (this.advance()) {
      // Each step takes its octets from `pending`.
    }
    if (last && (this.step !== 'magic' || this.pending.length > 0 || this.skipping > 0)) throw new Error('the LZ4 data ends too early');
  }

  private advance(): boolean {
    if (this.skipping > 0) {
      const length = Math.min(this.skipping, this.pending.length);
      this.skipping -= length;
      this.pending = this.pending.subarray(length);
      return length > 0;
    }
    switch (this.step) {
      case 'magic':
        return this.magic();
      case 'header':
        return this.header();
      case 'block':
        return this.block();
      default:
        return this.trailer();
    }
  }

  private magic(): boolean {
    if (this.pending.length < 4) return false;
    const magic = uint32(this.pending, 0);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE) {
      if (this.pending.length < 8) return false;
      this.skipping = uint32(this.pending, 4);
      this.take(8);
      return true;
    }
    if (magic !== MAGIC) throw new Error(`expected an LZ4 frame, got 0x${magic.toString(16)}`);
    this.take(4);
    this.step = 'header';
    return true;
  }

  private header(): boolean {
    const [flags, descriptor] = this.pending;
    if (flags === undefined || descriptor === undefined) return false;
    const length = 3 + (flags & Flag.ContentSize ? 8 : 0) + (flags & Flag.Dictionary ? 4 : 0);
    if (this.pending.length < length) return false;
    if (flags >>> 6 !== 1) throw new Error(`unknown version ${flags >>> 6} of the LZ4 frame format`);
    if (flags & Flag.Dictionary) throw new Error('the LZ4 frame needs a dictionary');
    const header = this.pending.subarray(0, length - 1);
    if (((new Xxh32().update(header).digest() >>> 8) & 255) !== this.pending[length - 1])
      throw new Error('the LZ4 header checksum is wrong');
    this.flags = flags;
    this.mostBlock = 2 ** (8 + 2 * ((descriptor >>> 4) & 7));
    this.end = 0;
    this.checksum = new Xxh32();
    this.take(length);
    this.step = 'block';
    return true;
  }

  private block(): boolean {
    if (this.pending.length < 4) return false;
    const word = uint32(this.pending, 0);
    if (word === 0) {
      this.take(4);
      this.step = 'trailer';
      return true;
    }
    const length = word % STORED;
    if (length > this.mostBlock) throw new Error(`an LZ4 block claims ${length} octets, at most ${this.mostBlock} are possible`);
    const checksumLength = this.flags & Flag.BlockChecksum ? 4 : 0;
    this.wanted = 4 + length + checksumLength;
    if (this.pending.length < this.wanted) return false;
    const data = this.pending.subarray(4, 4 + length);
    if (checksumLength > 0 && new Xxh32().update(data).digest() !== uint32(this.pending, 4 + length))
      throw new Error('an LZ4 block checksum is wrong');
    const octets = word >= STORED ? this.stored(data) : this.unpack(data);
    this.take(4 + length + checksumLength);
    this.checksum.update(octets);
    this.put(octets);
    return true;
  }

  private trailer(): boolean {
    if (this.flags & Flag.ContentChecksum) {
      if (this.pending.length < 4) return false;
      if (uint32(this.pending, 0) !== this.checksum.digest()) throw new Error('the LZ4 content checksum is wrong');
      this.take(4);
    }
    this.step = 'magic';
    return true;
  }

  /** Makes room behind what was unpacked; matches may still point back into the last HISTORY octets of it. */
  private makeRoom(length: number): void {
    if (this.end + length <= this.unpacked.length) return;
    if (this.unpacked.length < HISTORY + this.mostBlock) {
      const before = this.unpacked;
      this.unpacked = new Uint8Array(HISTORY + this.mostBlock);
      this.unpacked.set(before.subarray(0, this.end));
      if (this.end + length <= this.unpacked.length) return;
    }
    this.unpacked.copyWithin(0, this.end - Math.min(this.end, HISTORY), this.end);
    this.end = Math.min(this.end, HISTORY);
  }

  private stored(data: Uint8Array): Uint8Array {
    this.makeRoom(data.length);
    this.unpacked.set(data, this.end);
    this.end += data.length;
    return data.slice();
  }

  /** One block: sequences of a token, literals, and a match that points back at most 64 KiB. */
  private unpack(data: Uint8Array): Uint8Array {
    const most = Math.min(this.mostBlock, data.length * MOST_EXPANSION);
    this.makeRoom(most);
    const out = this.unpacked;
    const before = this.end;
    const limit = before + most;
    let to = before;
    let at = 0;
    const length = (nibble: number): number => {
      let total = nibble;
      for (let more = nibble === 15 ? 255 : 0; more === 255; ) {
        const octet = data[at++];
        if (octet === undefined) throw new Error('an LZ4 block ends inside a length');
        more = octet;
        total += more;
      }
      return total;
    };
    while (at < data.length) {
      const token = data[at++] ?? 0;
      const literals = length(token >>> 4);
      if (at + literals > data.length || to + literals > limit) throw new Error('an LZ4 block has more literals than octets');
      if (literals > SHORT) out.set(data.subarray(at, at + literals), to);
      else for (let i = 0; i < literals; i++) out[to + i] = data[at + i] ?? 0;
      at += literals;
      to += literals;
      if (at === data.length) break;
      if (at + 2 > data.length) throw new Error('an LZ4 block ends inside an offset');
      const offset = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8);
      at += 2;
      const match = length(token & 15) + 4;
      if (offset === 0 || offset > to || to + match > limit) throw new Error('an LZ4 match points outside of its window');
      if (match > SHORT && offset >= match) out.copyWithin(to, to - offset, to - offset + match);
      else for (let i = 0; i < match; i++) out[to + i] = out[to + i - offset] ?? 0;
      to += match;
    }
    this.end = to;
    return out.slice(before, to);
  }

  private take(length: number): void {
    this.pending = this.pending.subarray(length);
  }
}

const uint32 = (octets: Uint8Array, at: number): number =>
  ((octets[at] ?? 0) | ((octets[at + 1] ?? 0) << 8) | ((octets[at + 2] ?? 0) << 16) | ((octets[at + 3] ?? 0) << 24)) >>> 0;

const PRIME1 = 0x9e3779b1;
const PRIME2 = 0x85ebca77;
const PRIME3 = 0xc2b2ae3d;
const PRIME4 = 0x27d4eb2f;
const PRIME5 = 0x165667b1;
const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** XXH32 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), fed piece by piece. */
class Xxh32 {
  private readonly lanes = [(PRIME1 + PRIME2) | 0, PRIME2 | 0, 0, -PRIME1 | 0];
  private rest: Uint8Array = new Uint8Array(0);
  private total = 0;

  update(octets: Uint8Array): this {
    this.total += octets.length;
    const all = this.rest.length === 0 ? octets : concatenated([this.rest, octets]);
    let at = 0;
    for (; at + 16 <= all.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const mixed = ((this.lanes[lane] ?? 0) + Math.imul(uint32(all, at + lane * 4), PRIME2)) | 0;
        this.lanes[lane] = Math.imul(rotate(mixed, 13), PRIME1);
      }
    }
    this.rest = all.slice(at);
    return this;
  }

  digest(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.lanes;
    let hash = this.total >= 16 ? rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18) : PRIME5;
    hash = (hash + this.total) | 0;
    let at = 0;
    for (; at + 4 <= this.rest.length; at += 4) hash = Math.imul(rotate((hash + Math.imul(uint32(this.rest, at), PRIME3)) | 0, 17), PRIME4);
    for (; at < this.rest.length; at++) hash = Math.imul(rotate((hash + Math.imul(this.rest[at] ?? 0, PRIME5)) | 0, 11), PRIME1);
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
