import { concatenated } from './octets.ts';
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

/** Writes pcapng (IETF draft-ietf-opsawg-pcapng) block by block; `bytes` is what was written so far. */
export class PcapngWriter {
  private readonly blocks: Uint8Array[] = [];
  private readonly littleEndian: boolean;
  private interfaces: WrittenInterface[] = [];

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
  }

  get bytes(): Uint8Array {
    return concatenated(this.blocks);
  }

  /** Begins a section; its interfaces are numbered from 0 again. */
  section(userApplication?: string): this {
    this.interfaces = [];
    const body = new DataView(new ArrayBuffer(16));
    body.setUint32(0, BYTE_ORDER_MAGIC, this.littleEndian);
    body.setUint16(4, 1, this.littleEndian);
    body.setBigInt64(8, -1n, this.littleEndian);
    return this.block(Block.SectionHeader, body, userApplication === undefined ? [] : [textOption(USER_APPLICATION, userApplication)]);
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
  block(type: number, body: DataView, options: readonly WrittenOption[] = [], octets: Uint8Array = new Uint8Array(0)): this {
    const optionsLength = options.length === 0 ? 0 : options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4);
    const length = 12 + body.byteLength + padded(octets.length) + optionsLength;
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, this.littleEndian);
    view.setUint32(4, length, this.littleEndian);
    bytes.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), 8);
    bytes.set(octets, 8 + body.byteLength);
    let at = 8 + body.byteLength + padded(octets.length);
    for (const { code, value } of options.length === 0 ? [] : [...options, { code: END_OF_OPTIONS, value: new Uint8Array(0) }]) {
      view.setUint16(at, code, this.littleEndian);
      view.setUint16(at + 2, value.length, this.littleEndian);
      bytes.set(value, at + 4);
      at += 4 + padded(value.length);
    }
    view.setUint32(length - 4, length, this.littleEndian);
    this.blocks.push(bytes);
    return this;
  }

  private word(value: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, this.littleEndian);
    return new Uint8Array(view.buffer);
  }
}

const padded = (length: number): number => (length + 3) & ~3;
const unitsOf = (resolution: number): bigint => (resolution & POWER_OF_TWO ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution));
const textOption = (code: number, text: string): WrittenOption => ({ code, value: new TextEncoder().encode(text) });
