import type { WrittenPacket } from './pcap-writer.ts';
import { Block, BYTE_ORDER_MAGIC } from './pcapng.ts';

/** An option of a block: its code and the octets of its value. */
export interface WrittenOption {
  code: number;
  value: Uint8Array;
}

export interface WrittenInterface {
  linktype: number;
  snaplen?: number;
  /** if_tsresol: power of ten, or of two with the highest bit set; 9 (nanoseconds) unless said. */
  resolution?: number;
  name?: string;
  options?: readonly WrittenOption[];
}

export interface WrittenNgPacket extends WrittenPacket {
  interface: number;
  /** epb_flags, as a whole. */
  flags?: number;
  comment?: string;
}

const END_OF_OPTIONS = 0;
const COMMENT = 1;
const PACKET_FLAGS = 2;
const INTERFACE_NAME = 2;
const TIME_RESOLUTION = 9;
const USER_APPLICATION = 4;
const NANOSECONDS = 9;
const POWER_OF_TWO = 0x80;
/** The length of an option is a word of 16 bits. */
const MOST_OPTION = 0xffff;
const INITIAL_CAPACITY = 4096;

/** Writes pcapng (IETF draft-ietf-opsawg-pcapng) block by block; `bytes` is what was written so far. */
export class PcapngWriter {
  private readonly littleEndian: boolean;
  private interfaces: WrittenInterface[] = [];
  private buffer = new Uint8Array(INITIAL_CAPACITY);
  private view = new DataView(this.buffer.buffer);
  private end = 0;

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
  }

  /** A copy. */
  get bytes(): Uint8Array {
    return this.buffer.slice(0, this.end);
  }

  /** Octets written so far. */
  get length(): number {
    return this.end;
  }

  /** Begins a section; its interfaces are numbered from 0 again. */
  section(userApplication?: string, comment?: string): this {
    this.interfaces = [];
    const body = new DataView(new ArrayBuffer(16));
    body.setUint32(0, BYTE_ORDER_MAGIC, this.littleEndian);
    body.setUint16(4, 1, this.littleEndian);
    body.setBigInt64(8, -1n, this.littleEndian);
    return this.block(Block.SectionHeader, body, [
      ...(comment === undefined ? [] : [textOption(COMMENT, comment)]),
      ...(userApplication === undefined ? [] : [textOption(USER_APPLICATION, userApplication)]),
    ]);
  }

  interface(described: WrittenInterface): this {
    const { linktype, snaplen = 0, resolution = NANOSECONDS, name, options = [] } = described;
    const body = new DataView(new ArrayBuffer(8));
    body.setUint16(0, linktype, this.littleEndian);
    body.setUint32(4, snaplen, this.littleEndian);
    this.interfaces.push(described);
    return this.block(Block.InterfaceDescription, body, [
      ...(name === undefined ? [] : [textOption(INTERFACE_NAME, name)]),
      { code: TIME_RESOLUTION, value: Uint8Array.of(resolution) },
      ...options,
    ]);
  }

  /** An Enhanced Packet Block. The time is counted in the units of its interface; what is finer is cut off. */
  packet({ interface: id, sec, nsec, octets, origlen = octets.length, flags, comment }: WrittenNgPacket): this {
    const units = unitsOf(this.interfaces[id]?.resolution ?? NANOSECONDS);
    const time = BigInt(sec) * units + (BigInt(nsec) * units) / 1_000_000_000n;
    const body = new DataView(new ArrayBuffer(20));
    body.setUint32(0, id, this.littleEndian);
    body.setUint32(4, Number(time >> 32n), this.littleEndian);
    body.setUint32(8, Number(time & 0xffff_ffffn), this.littleEndian);
    body.setUint32(12, octets.length, this.littleEndian);
    body.setUint32(16, origlen, this.littleEndian);
    const options = comment === undefined ? [] : [textOption(COMMENT, comment)];
    if (flags !== undefined) options.push({ code: PACKET_FLAGS, value: this.word(flags) });
    return this.block(Block.EnhancedPacket, body, options, octets);
  }

  /** Any block, from its body, packet octets and options. */
  block(type: number, body: DataView, options: readonly WrittenOption[] = [], octets: Uint8Array = NOTHING): this {
    const optionsLength = options.length === 0 ? 0 : options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4);
    const length = 12 + body.byteLength + padded(octets.length) + optionsLength;
    this.makeRoom(length);
    const { buffer, view, littleEndian, end } = this;
    view.setUint32(end, type, littleEndian);
    view.setUint32(end + 4, length, littleEndian);
    buffer.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), end + 8);
    buffer.set(octets, end + 8 + body.byteLength);
    let at = end + 8 + body.byteLength + padded(octets.length);
    for (const { code, value } of options) at = this.option(at, code, value);
    if (options.length > 0) at = this.option(at, END_OF_OPTIONS, NOTHING);
    view.setUint32(at, length, littleEndian);
    this.end += length;
    return this;
  }

  private option(at: number, code: number, value: Uint8Array): number {
    this.view.setUint16(at, code, this.littleEndian);
    this.view.setUint16(at + 2, value.length, this.littleEndian);
    this.buffer.set(value, at + 4);
    return at + 4 + padded(value.length);
  }

  /** What is behind `end` is zero: padding is not written. */
  private makeRoom(length: number): void {
    if (this.end + length <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.end + length));
    larger.set(this.buffer.subarray(0, this.end));
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }

  private word(value: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, this.littleEndian);
    return new Uint8Array(view.buffer);
  }
}

const NOTHING = new Uint8Array(0);
const padded = (length: number): number => (length + 3) & ~3;
const unitsOf = (resolution: number): bigint => (resolution & POWER_OF_TWO ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution));

/** Longer text is cut after a whole character. */
function textOption(code: number, text: string): WrittenOption {
  const value = new Uint8Array(Math.min(text.length * 3, MOST_OPTION));
  return { code, value: value.subarray(0, new TextEncoder().encodeInto(text, value).written) };
}
