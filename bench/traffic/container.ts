import type { Octets } from './octets.ts';
import type { Net } from './site.ts';

/** When the captures begin: 2026-11-21, midnight UTC. */
export const BEGIN_SEC = 1_795_219_200;
const SNAPLEN = 262_144;

/** What frames are put into. `begin` and `end` enclose each; `elapsed` are nanoseconds since BEGIN_SEC. */
export interface Container {
  fileHeader(): void;
  begin(net: Net): void;
  end(elapsed: number, fromHost: boolean): void;
  fileEnd(elapsed: number): void;
}

/** Classic pcap, microseconds, little-endian. */
export class PcapContainer implements Container {
  private readonly out: Octets;
  private readonly linktype: number;
  private start = 0;

  constructor(out: Octets, linktype: number) {
    this.out = out;
    this.linktype = linktype;
  }

  fileHeader(): void {
    const { out } = this;
    for (const word of [0xa1b2c3d4, 0x0004_0002, 0, 0, SNAPLEN, this.linktype]) out.u32le(word);
  }

  begin(): void {
    this.start = this.out.at;
    this.out.at += 16;
  }

  end(elapsed: number): void {
    const { view, at } = this.out;
    const seconds = Math.floor(elapsed / 1e9);
    const length = at - this.start - 16;
    view.setUint32(this.start, BEGIN_SEC + seconds, true);
    view.setUint32(this.start + 4, Math.floor((elapsed - seconds * 1e9) / 1000), true);
    view.setUint32(this.start + 8, length, true);
    view.setUint32(this.start + 12, length, true);
  }

  fileEnd(): void {}
}

/** An interface of a pcapng capture. */
export interface NgInterface {
  name: string;
  linktype: number;
  nanoseconds: boolean;
  /** Which options its packets have. */
  options: 'none' | 'flags' | 'flags-and-id';
}

const Block = { Section: 0x0a0d0d0a, Interface: 1, Statistics: 5, EnhancedPacket: 6 } as const;
const BEGIN_NS = BigInt(BEGIN_SEC) * 1_000_000_000n;
const BEGIN_NS_HIGH = Number(BEGIN_NS >> 32n);
const BEGIN_NS_LOW = Number(BEGIN_NS & 0xffff_ffffn);
/** One packet in so many has a comment. */
const COMMENT_EVERY = 1009;
const COMMENT = 'seen twice before';

/** pcapng (IETF draft-ietf-opsawg-pcapng), one section, little-endian. */
export class PcapngContainer implements Container {
  private readonly out: Octets;
  private readonly interfaces: readonly NgInterface[];
  private readonly received: number[];
  private start = 0;
  private id = 0;
  private packets = 0;

  constructor(out: Octets, interfaces: readonly NgInterface[]) {
    this.out = out;
    this.interfaces = interfaces;
    this.received = interfaces.map(() => 0);
  }

  fileHeader(): void {
    const { out } = this;
    const section = this.beginBlock(Block.Section);
    for (const word of [0x1a2b3c4d, 1, -1, -1]) out.u32le(word);
    this.textOption(4, 'fluxcap bench');
    this.endBlock(section, true);
    for (const described of this.interfaces) this.describe(described);
  }

  begin(net: Net): void {
    const { out } = this;
    this.id = net.interface;
    this.start = out.at;
    out.at += 28;
  }

  end(elapsed: number, fromHost: boolean): void {
    const { out, start, id } = this;
    const { view } = out;
    const { options = 'none', nanoseconds = false } = this.interfaces[id] ?? {};
    const length = out.at - start - 28;
    view.setUint32(start, Block.EnhancedPacket, true);
    view.setUint32(start + 8, id, true);
    this.time(start + 12, elapsed, nanoseconds);
    view.setUint32(start + 20, length, true);
    view.setUint32(start + 24, length, true);
    out.zeros(-length & 3);
    this.received[id] = (this.received[id] ?? 0) + 1;
    const hasComment = ++this.packets % COMMENT_EVERY === 0;
    if (hasComment) this.textOption(1, COMMENT);
    if (options !== 'none') this.wordOption(2, fromHost ? 1 : 2);
    if (options === 'flags-and-id') this.idOption();
    this.endBlock(start, hasComment || options !== 'none');
  }

  /** The statistics of each interface: nothing was dropped. */
  fileEnd(elapsed: number): void {
    const { out } = this;
    for (const [id, { nanoseconds }] of this.interfaces.entries()) {
      const start = this.beginBlock(Block.Statistics);
      out.u32le(id);
      this.time(out.at, elapsed, nanoseconds);
      out.at += 8;
      this.countOption(4, this.received[id] ?? 0);
      this.countOption(5, 0);
      this.endBlock(start, true);
    }
  }

  private describe({ name, linktype, nanoseconds }: NgInterface): void {
    const { out } = this;
    const start = this.beginBlock(Block.Interface);
    out.u32le(linktype);
    out.u32le(SNAPLEN);
    this.textOption(2, name);
    if (nanoseconds) {
      out.u32le(0x0001_0009);
      out.u32le(9);
    }
    this.endBlock(start, true);
  }

  private beginBlock(type: number): number {
    const start = this.out.at;
    this.out.u32le(type);
    this.out.at += 4;
    return start;
  }

  private endBlock(start: number, hasOptions: boolean): void {
    const { out } = this;
    if (hasOptions) out.u32le(0);
    const length = out.at + 4 - start;
    out.view.setUint32(start + 4, length, true);
    out.u32le(length);
  }

  private time(at: number, elapsed: number, nanoseconds: boolean): void {
    const { view } = this.out;
    const count = nanoseconds ? BEGIN_NS_LOW + elapsed : BEGIN_SEC * 1e6 + Math.floor(elapsed / 1000);
    const high = Math.floor(count / 2 ** 32);
    view.setUint32(at, nanoseconds ? BEGIN_NS_HIGH + high : high, true);
    view.setUint32(at + 4, count - high * 2 ** 32, true);
  }

  private textOption(code: number, text: string): void {
    const { out } = this;
    out.u32le((text.length << 16) | code);
    out.text(text);
    out.zeros(-text.length & 3);
  }

  private wordOption(code: number, value: number): void {
    this.out.u32le((4 << 16) | code);
    this.out.u32le(value);
  }

  private countOption(code: number, value: number): void {
    this.out.u32le((8 << 16) | code);
    this.out.u32le(value);
    this.out.u32le(0);
  }

  /** epb_packetid. */
  private idOption(): void {
    this.countOption(5, this.packets);
  }
}
