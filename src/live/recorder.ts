import type { ByteSource } from '../capture/source.ts';
import { type CaptureInterface, type Frame, UNKNOWN_INTERFACE } from '../frame.ts';

/** Octets of the index for each frame: three doubles and four words of 32 bits. */
const ENTRY_OCTETS = 40;
/** The index gets this part of the memory: records of 120 octets on average fill both parts at once. */
const INDEX_SHARE = 0.25;
/** Frames leave the reader's window for several interfaces this much out of order at most (capture/reorder.ts). */
const MOST_DISPLACED = 8192;
/** Far more interfaces than any capture describes. */
const MOST_SOURCES = 4096;

/* What an entry says beside numbers: direction 2 bits | octets of frame check sequence 5 | position of its interface in `sources` 25 */
const DIRECTION = 3;
const FCS_SHIFT = 2;
const FCS = 31;
const SOURCE_SHIFT = 7;

/** A frame as it was recorded, with a copy of its octets. */
export interface RecordedFrame {
  number: number;
  sec: number;
  nsec: number;
  octets: Uint8Array;
  origlen: number;
  source: CaptureInterface;
  direction: number;
  fcsLength: number;
}

/** How much of its memory a recorder uses, and how far it reaches back. */
export interface RecorderStatus {
  /** Octets that it may use, and uses. */
  capacity: number;
  used: number;
  frames: number;
  /** From the earliest to the latest frame that is still there, of the input that reaches back least; null where nothing was recorded. */
  spanSec: number | null;
}

/**
 * The latest packets of all inputs in memory of a fixed size, so that what is found now can be written out with what came before it. The octets of an
 * input are copied as they arrive, whole pieces at a time; a frame costs an entry in an index of where it lies. The oldest of both are overwritten.
 * Memory is taken from the system when it is first written to.
 */
export class FlightRecorder {
  private readonly rings: readonly RecordedInput[];

  /** @param octets for everything, shared evenly by the inputs @param inputs how many */
  constructor(octets: number, inputs: number) {
    const share = Math.floor(octets / Math.max(1, inputs));
    this.rings = Array.from({ length: inputs }, () => new RecordedInput(share));
  }

  get inputs(): readonly RecordedInput[] {
    return this.rings;
  }

  /** Appends what was just read of an input: `bytes` from `from` up to `to`. */
  octets(input: number, bytes: Uint8Array, from: number, to: number): void {
    this.rings[input]?.append(bytes, from, to);
  }

  /** Notes a frame whose octets begin `offset` octets into its input (`CaptureInput.frameOffset`). What is no packet is passed over. */
  frame(frame: Frame, offset: number): void {
    this.rings[frame.input]?.note(frame, offset);
  }

  /** A source that hands its octets to the recorder as they are read. */
  recording(input: number, source: ByteSource): ByteSource {
    return new RecordingSource(this, input, source);
  }

  get status(): RecorderStatus {
    let capacity = 0;
    let used = 0;
    let frames = 0;
    let spanSec: number | null = null;
    for (const ring of this.rings) {
      capacity += ring.capacity;
      used += ring.used;
      const { oldest, end } = ring;
      frames += end - oldest;
      if (end > oldest) spanSec = Math.min(spanSec ?? Number.POSITIVE_INFINITY, Math.max(0, ring.atOf(end - 1) - ring.atOf(oldest)));
    }
    return { capacity, used, frames, spanSec };
  }
}

/** One input's part. Its frames have positions that count on from 0; those from `oldest` to before `end` may still be there. */
export class RecordedInput {
  private readonly ring: Uint8Array;
  private readonly entries: number;
  private readonly offsets: Float64Array;
  private readonly numbers: Float64Array;
  private readonly secs: Float64Array;
  private readonly nsecs: Int32Array;
  private readonly caplens: Int32Array;
  private readonly origlens: Uint32Array;
  private readonly metas: Int32Array;
  private readonly sources: CaptureInterface[] = [];
  private lastSource: CaptureInterface | undefined;
  private lastMeta = 0;
  /** Octets appended so far, and where in the ring the next one goes. */
  private total = 0;
  private at = 0;
  /** Frames noted so far, where in the index the next one goes, and where the latest one is. */
  private count = 0;
  private next = 0;
  private latest = 0;
  /** Advanced where somebody looks back. */
  private first = 0;

  constructor(octets: number) {
    this.entries = Math.max(1, Math.floor((octets * INDEX_SHARE) / ENTRY_OCTETS));
    this.ring = new Uint8Array(Math.max(1, octets - this.entries * ENTRY_OCTETS));
    this.offsets = new Float64Array(this.entries);
    this.numbers = new Float64Array(this.entries);
    this.secs = new Float64Array(this.entries);
    this.nsecs = new Int32Array(this.entries);
    this.caplens = new Int32Array(this.entries);
    this.origlens = new Uint32Array(this.entries);
    this.metas = new Int32Array(this.entries);
  }

  get capacity(): number {
    return this.ring.length + this.entries * ENTRY_OCTETS;
  }

  get used(): number {
    return Math.min(this.total, this.ring.length) + Math.min(this.count, this.entries) * ENTRY_OCTETS;
  }

  append(bytes: Uint8Array, from: number, to: number): void {
    const { ring } = this;
    // Of a piece larger than the ring only the end can stay.
    const begin = Math.max(from, to - ring.length);
    this.total += to - from;
    const at = (this.at + begin - from) % ring.length;
    const fits = Math.min(to - begin, ring.length - at);
    ring.set(bytes.subarray(begin, begin + fits), at);
    if (begin + fits < to) ring.set(bytes.subarray(begin + fits, to), 0);
    this.at = (at + to - begin) % ring.length;
  }

  note(frame: Frame, offset: number): void {
    if (frame.linktype < 0) return;
    if (frame.source !== this.lastSource && !this.meet(frame.source)) return;
    const slot = this.next;
    this.offsets[slot] = offset;
    this.numbers[slot] = frame.number;
    // What has no time of its own came after the frame before it.
    this.secs[slot] = frame.timed ? frame.sec : (this.secs[this.latest] ?? 0);
    this.nsecs[slot] = frame.timed ? frame.nsec : (this.nsecs[this.latest] ?? 0);
    this.caplens[slot] = frame.caplen;
    this.origlens[slot] = frame.origlen;
    this.metas[slot] = this.lastMeta | ((frame.fcsLength & FCS) << FCS_SHIFT) | (frame.direction & DIRECTION);
    this.latest = slot;
    this.next = slot + 1 === this.entries ? 0 : slot + 1;
    this.count++;
  }

  /** Position after the latest frame. */
  get end(): number {
    return this.count;
  }

  /** Position of the earliest frame that is still there; `end` where there is none. */
  get oldest(): number {
    this.first = Math.max(this.first, this.count - this.entries);
    while (this.first < this.count && !this.has(this.first)) this.first++;
    return this.first;
  }

  /** Whether the frame at this position is still there as a whole. Frames of several interfaces are not quite in the order of their octets. */
  has(position: number): boolean {
    if (position < 0 || position >= this.count || position < this.count - this.entries) return false;
    const offset = this.offsets[position % this.entries] ?? 0;
    return offset >= this.total - this.ring.length && offset + (this.caplens[position % this.entries] ?? 0) <= this.total;
  }

  /** Whether older frames were overwritten to make room. */
  get isFull(): boolean {
    return this.count > this.entries || this.total > this.ring.length;
  }

  numberOf(position: number): number {
    return this.numbers[position % this.entries] ?? 0;
  }

  secOf(position: number): number {
    return this.secs[position % this.entries] ?? 0;
  }

  nsecOf(position: number): number {
    return this.nsecs[position % this.entries] ?? 0;
  }

  /** Capture time as one double, in seconds since 1970: good for distances, not for printing. */
  atOf(position: number): number {
    return this.secOf(position) + this.nsecOf(position) / 1e9;
  }

  caplenOf(position: number): number {
    return this.caplens[position % this.entries] ?? 0;
  }

  sourceOf(position: number): CaptureInterface {
    return this.sources[(this.metas[position % this.entries] ?? 0) >>> SOURCE_SHIFT] ?? UNKNOWN_INTERFACE;
  }

  directionOf(position: number): number {
    return (this.metas[position % this.entries] ?? 0) & DIRECTION;
  }

  fcsLengthOf(position: number): number {
    return ((this.metas[position % this.entries] ?? 0) >>> FCS_SHIFT) & FCS;
  }

  /** One octet of a frame that is there, from its start; -1 behind its end. */
  octetOf(position: number, offset: number): number {
    if (offset >= this.caplenOf(position)) return -1;
    return this.ring[(this.placeOf(position % this.entries) + offset) % this.ring.length] ?? -1;
  }

  /** Position of the frame with this number; -1 where it is not there (any more). */
  find(number: number): number {
    const { oldest } = this;
    let low = oldest;
    let high = this.count - 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.numberOf(middle) < number) low = middle + 1;
      else high = middle;
    }
    // Numbers rise, but for frames that were put into the order of time.
    for (let distance = 0; distance <= MOST_DISPLACED; distance++) {
      for (const position of [low - distance, low + distance]) {
        if (position >= oldest && this.has(position) && this.numberOf(position) === number) return position;
      }
      if (low - distance < oldest && low + distance >= this.count) break;
    }
    return -1;
  }

  /** The frame at a position that `has`; allocates. */
  read(position: number): RecordedFrame {
    const slot = position % this.entries;
    return {
      number: this.numbers[slot] ?? 0,
      sec: this.secs[slot] ?? 0,
      nsec: this.nsecs[slot] ?? 0,
      octets: this.octetsOf(slot),
      origlen: this.origlens[slot] ?? 0,
      source: this.sourceOf(position),
      direction: this.directionOf(position),
      fcsLength: this.fcsLengthOf(position),
    };
  }

  private octetsOf(slot: number): Uint8Array {
    const { ring } = this;
    const octets = new Uint8Array(this.caplens[slot] ?? 0);
    const at = this.placeOf(slot);
    const fits = Math.min(octets.length, ring.length - at);
    octets.set(ring.subarray(at, at + fits));
    octets.set(ring.subarray(0, octets.length - fits), fits);
    return octets;
  }

  /** Where in the ring a frame begins whose octets are there. */
  private placeOf(slot: number): number {
    const { length } = this.ring;
    const behind = this.total - (this.offsets[slot] ?? 0);
    return (this.at - behind + length) % length;
  }

  /** Takes an interface in. False: there are more than any capture has, and its frames are not recorded. */
  private meet(source: CaptureInterface): boolean {
    let known = this.sources.indexOf(source);
    if (known < 0) {
      if (this.sources.length === MOST_SOURCES) return false;
      known = this.sources.push(source) - 1;
    }
    this.lastSource = source;
    this.lastMeta = known << SOURCE_SHIFT;
    return true;
  }
}

class RecordingSource implements ByteSource {
  private readonly recorder: FlightRecorder;
  private readonly input: number;
  private readonly source: ByteSource;

  constructor(recorder: FlightRecorder, input: number, source: ByteSource) {
    this.recorder = recorder;
    this.input = input;
    this.source = source;
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    const length = this.source.read(into, from, to);
    return typeof length === 'number' ? this.record(into, from, length) : length.then((octets) => this.record(into, from, octets));
  }

  async close(): Promise<void> {
    await this.source.close?.();
  }

  private record(into: Uint8Array, from: number, length: number): number {
    this.recorder.octets(this.input, into, from, from + length);
    return length;
  }
}
