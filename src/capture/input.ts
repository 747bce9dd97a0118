import { Frame, type InterfaceRegistry } from '../frame.ts';
import type { Instant } from '../net/time.ts';
import { PcapReader, pcapMagic } from './pcap.ts';
import { Block, PcapngReader } from './pcapng.ts';
import { Problems } from './problem.ts';
import type { Drops, FrameReader } from './reader.ts';
import { type Compression, RECOGNISED_OCTETS, recognise } from './recognise.ts';
import { type Begin, BegunSource, type ByteSource } from './source.ts';
import { portableUnpackers, type Unpackers } from './unpack.ts';
import { ByteWindow } from './window.ts';
import { Windows } from './windows.ts';

export interface InputOptions {
  /** What the input is called in the output: its path, or `-`. */
  path: string;
  /** Position in the run, from 0. */
  index: number;
  /** Throws, or rejects, where the input cannot be opened. */
  open: () => ByteSource | Promise<ByteSource>;
  registry: InterfaceRegistry;
  unpackers?: Unpackers;
  live?: LiveInput;
  /** Time of the first frame, where it is known before the input is opened. */
  begins?: Begin;
  /** Where its memory comes from; new memory unless said. */
  windows?: Windows;
}

type CaptureHeader = Pick<FrameReader, 'format' | 'interfaces' | 'drops'>;

/** What is known of an input that is captured while it is read. */
export interface LiveInput {
  /** Stands for what classic pcap does not say. The id is the ifindex; null where the capture is of all interfaces. */
  interface: { id: number | null; name: string };
  drops: () => Drops;
}

/**
 * One input of a run: recognises and unpacks it, walks its frames, and keeps what the report says about it. Nothing here throws because of what the
 * input holds: it is told in `problems`.
 */
export class CaptureInput {
  readonly path: string;
  readonly index: number;
  readonly problems = new Problems();
  compression: Compression | null = null;
  packets = 0;
  /** Of the first frame in the file that has a time: not the least one. Null where none has one. */
  first: Instant | null = null;
  /** Refilled by `next`. */
  frame = new Frame();
  /** All frames were given. */
  done = false;
  private readonly options: InputOptions;
  private readonly windows: Windows;
  /** Empty before `open` and after `close`: of many inputs few are open at a time. */
  private window = new ByteWindow(0);
  private source: ByteSource | undefined;
  private reader: FrameReader | undefined;
  /** What the reader says of the capture; it stays when the reader goes. */
  private header: CaptureHeader | undefined;
  private opening: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  /** The header was read. */
  private isOpen = false;
  private hasFailed = false;
  private lastNumber = 0;
  private lastSec = 0;
  private lastNsec = 0;
  private firstNumber = 0;
  private lastTimedNumber = 0;
  private lastDigits = 6;

  constructor(options: InputOptions) {
    this.options = options;
    this.windows = options.windows ?? new Windows();
    this.path = options.path;
    this.index = options.index;
  }

  /** Time of the first frame, where it was known before the input is opened. */
  get begins(): Begin | undefined {
    return this.options.begins;
  }

  get format(): FrameReader['format'] | null {
    return this.header?.format ?? null;
  }

  get interfaces(): FrameReader['interfaces'] {
    return this.header?.interfaces ?? [];
  }

  /** Time of the last frame in the file that has one. */
  get last(): Instant | null {
    return this.lastTimedNumber > 0 ? { sec: this.lastSec, nsec: this.lastNsec, digits: this.lastDigits } : null;
  }

  get drops(): Drops {
    return this.options.live?.drops() ?? this.header?.drops ?? { kernel: null, interface: null };
  }

  /** Unpacked octets read so far. */
  get bytes(): number {
    return this.window.base + this.window.end;
  }

  /** Where the octets of `frame` begin in the unpacked input. */
  get frameOffset(): number {
    return this.window.base + this.frame.start;
  }

  /** Opens the input and reads its header. Afterwards `next` may be called, or the input is `done` with a problem that says why. Once is enough. */
  open(): Promise<void> {
    this.opening ??= this.openOnce();
    return this.opening;
  }

  /**
   * Goes to the next frame; false where `fill` must be called first, or all frames were given (`done`).
   * The frame lies in this input's window until the next call.
   */
  next(): boolean {
    const { reader } = this;
    if (reader === undefined || this.done === true) return false;
    if (reader.next() !== true) {
      if (this.window.ended) this.end();
      return false;
    }
    this.packets++;
    const { frame } = reader;
    // The numbers follow the file, also where several interfaces are put into the order of their times.
    const { number } = frame;
    if (number > this.lastNumber) this.lastNumber = number;
    if (frame.timed !== true) return true;
    if (this.first === null || number < this.firstNumber) {
      this.firstNumber = number;
      this.first = { sec: frame.sec, nsec: frame.nsec, digits: frame.source.digits };
    }
    if (number > this.lastTimedNumber) {
      this.lastTimedNumber = number;
      this.lastSec = frame.sec;
      this.lastNsec = frame.nsec;
      this.lastDigits = frame.source.digits;
    }
    return true;
  }

  /** Reads more octets, or opens the input; answers with a promise only where it has to wait. */
  fill(): void | Promise<void> {
    return this.isOpen ? this.refill() : this.open();
  }

  private refill(): void | Promise<void> {
    const { window, source } = this;
    if (!source || window.ended) return;
    const keepFrom = this.reader?.keepFrom ?? window.start;
    window.makeRoom(keepFrom);
    let length: number | Promise<number>;
    try {
      length = source.read(window.bytes, window.end, window.bytes.length);
    } catch (error) {
      return this.failed(error);
    }
    if (typeof length === 'number') return this.filled(length);
    return length.then(
      (octets) => this.filled(octets),
      (error: unknown) => this.failed(error),
    );
  }

  /** Ends the input here: what was read is analysed, the rest is said to be missing. */
  interrupt(): void {
    if (this.done) return;
    this.problems.add('interrupted', this.window.offset, this.lastNumber + 1, `interrupted after frame ${this.lastNumber}`);
    this.done = true;
  }

  /** Gives back what the input holds; what it says of itself stays. */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async openOnce(): Promise<void> {
    try {
      this.source = await this.options.open();
    } catch (error) {
      this.problems.add('unreadable', null, null, messageOf(error));
      this.done = true;
      return;
    }
    this.window = this.windows.take();
    await this.begin();
    this.isOpen = true;
    if (this.done) await this.close();
  }

  /** All frames were given. A live input's source is closed by who runs it: it may have more to say. */
  private end(): void {
    this.done = true;
    if (!this.options.live) void this.close();
  }

  private async closeOnce(): Promise<void> {
    const { source, bytes, header, window } = this;
    this.source = undefined;
    this.reader = undefined;
    if (header) this.header = { format: header.format, interfaces: header.interfaces, drops: header.drops };
    this.frame = new Frame();
    this.window = new ByteWindow(0);
    this.window.base = bytes;
    this.window.ended = true;
    if (this.isOpen) this.windows.giveBack(window);
    try {
      await source?.close?.();
    } catch {
      // All its octets were read, or its failure was told.
    }
  }

  private async begin(): Promise<void> {
    const { window } = this;
    while (window.available < RECOGNISED_OCTETS && !window.ended && !isCaptureHeader(window)) await this.refill();
    // What was there before a failure may be a capture all the same.
    if (this.hasFailed && window.available === 0) {
      this.done = true;
      return;
    }
    const found = recognise(window.bytes.subarray(window.start, Math.min(window.end, RECOGNISED_OCTETS)), window.ended);
    switch (found.is) {
      case 'compressed':
        return this.unpack(found.compression);
      case 'pcap':
        this.reader = new PcapReader(window, this.problems, this.options.registry, this.index, this.options.live?.interface);
        break;
      case 'pcapng':
        this.reader = new PcapngReader(window, this.problems, this.options.registry, this.index);
        break;
      default:
        if (!this.hasFailed) this.problems.add(found.is, 0, null, found.message);
        this.done = true;
        return;
    }
    this.frame = this.reader.frame;
    this.header = this.reader;
  }

  private async unpack(compression: Compression): Promise<void> {
    if (this.compression !== null) {
      this.problems.add(
        'unsupported-compression',
        0,
        null,
        `compressed twice, with ${this.compression} and ${compression}; unpack it once first`,
      );
      this.done = true;
      return;
    }
    const unpackers: Unpackers = { ...portableUnpackers, ...this.options.unpackers };
    const unpacker = unpackers[compression];
    if (!unpacker || !this.source) {
      this.problems.add('unsupported-compression', 0, null, `compressed with ${compression}, which cannot be unpacked here`);
      this.done = true;
      return;
    }
    this.compression = compression;
    const { window } = this;
    this.source = await unpacker(new BegunSource(window.bytes.slice(window.start, window.end), this.source));
    window.start = 0;
    window.end = 0;
    window.ended = false;
    await this.begin();
  }

  private filled(octets: number): void {
    if (octets === 0) this.window.ended = true;
    else this.window.end += octets;
  }

  private failed(error: unknown): void {
    const kind = this.compression === null ? 'unreadable' : 'bad-compression';
    const at = this.options.live
      ? `, after frame ${this.lastNumber}`
      : ` (after ${this.bytes} ${this.compression === null ? '' : 'unpacked '}octets)`;
    this.problems.add(kind, this.bytes, this.lastNumber + 1, `${messageOf(error)}${at}`);
    this.window.ended = true;
    this.hasFailed = true;
  }
}

/** Whether what is there is a capture for certain: a live one must not wait for packets to be recognised. */
function isCaptureHeader({ view, start, available }: ByteWindow): boolean {
  if (available < PcapReader.headerLength) return false;
  const magic = pcapMagic(view, start);
  return view.getUint32(start) === Block.SectionHeader || (magic !== undefined && !('refused' in magic));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
