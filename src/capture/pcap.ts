import { type CaptureInterface, Frame, type InterfaceRegistry } from '../frame.ts';
import type { Problems } from './problem.ts';
import { type Drops, type FrameReader, mostCaplen } from './reader.ts';
import type { ByteWindow } from './window.ts';

/*
 * Classic pcap (libpcap's savefile format, pcap-savefile(5)):
 *
 *   file header    magic 4 | major 2 | minor 2 | reserved 4 | reserved 4 | snaplen 4 | link type word 4
 *   record header  sec 4 | fraction 4 | caplen 4 | origlen 4      "modified": + ifindex 4 | protocol 2 | packet type 1 | pad 1
 */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MODIFIED_RECORD_HEADER = 24;

interface Variant {
  name: string;
  nanoseconds: boolean;
  recordHeader: number;
  /** Octets between the file header and the first record. */
  extra: number;
}

/** By magic number, as written by a machine of the reader's byte order. */
const VARIANTS = new Map<number, Variant>([
  [0xa1b2c3d4, { name: 'pcap', nanoseconds: false, recordHeader: RECORD_HEADER, extra: 0 }],
  [0xa1b23c4d, { name: 'nanosecond pcap', nanoseconds: true, recordHeader: RECORD_HEADER, extra: 0 }],
  // Alexey Kuznetzov's libpcap patches, once common on Linux.
  [0xa1b2cd34, { name: 'modified pcap', nanoseconds: false, recordHeader: MODIFIED_RECORD_HEADER, extra: 0 }],
  // IXIA's lcap: the file header is followed by the total length of the records.
  [0x1c0001ac, { name: 'IXIA hardware pcap', nanoseconds: true, recordHeader: RECORD_HEADER, extra: 4 }],
  [0x1c0001ab, { name: 'IXIA software pcap', nanoseconds: false, recordHeader: RECORD_HEADER, extra: 4 }],
]);

/** Where the packets were taken; a file does not say it. */
export type PcapPlace = Pick<CaptureInterface, 'id' | 'name'>;
const UNNAMED: PcapPlace = { id: null, name: null };

/** Formats of pcap's family that differ in ways nobody documented. */
const REFUSED = new Map<number, string>([
  [0xa1b234cd, "Ulf Lamping's and Mesquita's variant of pcap"],
  [0xa12b3c4d, 'a Navtel pcap'],
]);

/** What the first four octets say: a variant and its byte order, the name of one that is not read, or undefined. */
export function pcapMagic(view: DataView, at: number): { variant: Variant; littleEndian: boolean } | { refused: string } | undefined {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(at, littleEndian);
    const variant = VARIANTS.get(magic);
    if (variant) return { variant, littleEndian };
    const refused = REFUSED.get(magic);
    if (refused) return { refused };
  }
  return undefined;
}

/** Link type word (pcap-savefile(5)): bit 26 set says that the top four bits are the FCS length in units of 16 bits. */
const FCS_PRESENT = 0x0400_0000;

/** Whether caplen and origlen stand in each other's place: files before version 2.3, and some of 2.3 (libpcap sf-pcap.c). */
type LengthOrder = 'normal' | 'swapped' | 'perhaps-swapped';

/** Headers must follow each other this often before a place in garbage is believed to be a record. */
const RESYNC_CHAIN = 3;
/** How far a record found in garbage may lie from the last sound one in time. */
const RESYNC_SECONDS = 86_400;

export class PcapReader implements FrameReader {
  readonly format = 'pcap';
  readonly frame = new Frame();
  readonly interfaces: CaptureInterface[] = [];
  readonly drops: Drops = { kernel: null, interface: null };
  private readonly window: ByteWindow;
  private readonly problems: Problems;
  private readonly littleEndian: boolean;
  private readonly variant: Variant;
  private readonly recordHeader: number;
  /** Nanoseconds in a unit of the records' times. */
  private readonly unitNsec: number;
  private readonly lengthOrder: LengthOrder;
  /** Lengths stand as they should, as in every capture of this century. */
  private readonly isPlain: boolean;
  private readonly most: number;
  private readonly linktype: number;
  private readonly fractions: number;
  private searching = false;
  private fractionsTold = false;

  /**
   * Reads the file header. The caller has made sure with `pcapMagic` that it is one, and that FILE_HEADER octets are there.
   * @param place what the format does not say, where the capture is live
   */
  constructor(window: ByteWindow, problems: Problems, registry: InterfaceRegistry, input: number, place: PcapPlace = UNNAMED) {
    this.window = window;
    this.problems = problems;
    const { view, start } = window;
    const found = pcapMagic(view, start);
    if (!found || 'refused' in found) throw new Error('PcapReader was given something else than a pcap');
    this.littleEndian = found.littleEndian;
    this.variant = found.variant;
    this.recordHeader = found.variant.recordHeader;
    this.fractions = found.variant.nanoseconds ? 1e9 : 1e6;
    this.unitNsec = found.variant.nanoseconds ? 1 : 1000;
    const major = view.getUint16(start + 4, this.littleEndian);
    const minor = view.getUint16(start + 6, this.littleEndian);
    this.lengthOrder = lengthOrder(major, minor);
    this.isPlain = this.lengthOrder === 'normal';
    if (major !== 2 && major !== DGUX_MAJOR) {
      problems.add('unsupported-version', 4, null, `pcap version ${major}.${minor} is not known; version 2.4 is assumed`);
    }
    const snaplen = view.getUint32(start + 16, this.littleEndian);
    const word = view.getUint32(start + 20, this.littleEndian);
    this.linktype = word & 0xffff;
    this.frame.fcsLength = word & FCS_PRESENT ? (word >>> 28) * 2 : 0;
    this.most = mostCaplen(this.linktype);
    const digits = this.variant.nanoseconds ? 9 : 6;
    const source = { ...place, linktype: this.linktype, snaplen, digits, mac: null, ips: [], prefixLengths: [] };
    this.interfaces.push({ ...source, key: registry.keyOf(this.linktype, place.id, place.name) });
    this.frame.input = input;
    this.frame.linktype = this.linktype;
    this.frame.source = this.interfaces[0] ?? this.frame.source;
    window.start += FILE_HEADER + this.variant.extra;
  }

  static readonly headerLength = FILE_HEADER;

  get keepFrom(): number {
    return this.window.start;
  }

  moved(): void {}

  next(): boolean {
    const { window, frame } = this;
    if (this.searching === true && !this.findRecord()) return false;
    const littleEndian = this.littleEndian === true;
    const isPlain = this.isPlain === true;
    const { view, start } = window;
    const octets = start + this.recordHeader;
    if (octets > window.end) return this.wait(this.recordHeader);
    const caplen = isPlain ? view.getUint32(start + 8, littleEndian) : this.lengthsAt(start)[0];
    if (caplen > this.most) return this.loseLength(caplen);
    const end = octets + caplen;
    if (end > window.end) return this.wait(end - start);
    const origlen = isPlain ? view.getUint32(start + 12, littleEndian) : this.lengthsAt(start)[1];
    const fraction = view.getUint32(start + 4, littleEndian);
    frame.number++;
    frame.sec = view.getUint32(start, littleEndian);
    if (fraction < this.fractions) frame.nsec = fraction * this.unitNsec;
    else this.carry(fraction);
    frame.caplen = caplen;
    frame.origlen = Math.max(origlen, caplen);
    frame.start = octets;
    window.lend(frame);
    if (this.recordHeader === MODIFIED_RECORD_HEADER) this.readModified(start);
    window.start = end;
    return true;
  }

  private readModified(start: number): void {
    const { view } = this.window;
    this.frame.ifindex = view.getUint32(start + 16, this.littleEndian);
    this.frame.packetType = view.getUint8(start + 22);
  }

  /** More octets, or, where there are none, the record that is cut off. */
  private wait(wanted: number): boolean {
    const { window } = this;
    if (window.ended && window.available > 0) {
      const frame = this.frame.number + 1;
      const message = `the file ends inside the record of frame ${frame}: expected ${wanted} octets, got ${window.available}`;
      this.problems.add('truncated', window.offset, frame, message);
      window.start = window.end;
    }
    window.wanted = wanted;
    return false;
  }

  private loseLength(caplen: number): boolean {
    const frame = this.frame.number + 1;
    const { offset } = this.window;
    const message = `a record claims ${caplen} captured octets, at most ${this.most} are possible (frame ${frame}, offset ${offset})`;
    this.problems.add('bad-record', offset, frame, message);
    this.searching = true;
    this.window.start++;
    return this.next();
  }

  /** Goes octet by octet to the next place where sound records follow each other. False: not found in what is there. */
  private findRecord(): boolean {
    const { window } = this;
    while (window.available >= this.variant.recordHeader) {
      const verdict = this.soundChainAt(window.start);
      if (verdict === 'undecided') return false;
      if (verdict === 'sound') {
        this.searching = false;
        return true;
      }
      window.start++;
    }
    window.wanted = this.variant.recordHeader;
    return false;
  }

  private soundChainAt(at: number): 'sound' | 'unsound' | 'undecided' {
    const { window, variant } = this;
    let position = at;
    for (let i = 0; i < RESYNC_CHAIN; i++) {
      // At the end of the input fewer are enough, if they end exactly there.
      if (window.ended && position === window.end && i > 0) return 'sound';
      if (position + variant.recordHeader > window.end)
        return window.ended ? 'unsound' : this.undecided(position + variant.recordHeader - at);
      if (!this.isPlausible(position)) return 'unsound';
      position += variant.recordHeader + this.lengthsAt(position)[0];
    }
    return 'sound';
  }

  private undecided(wanted: number): 'undecided' {
    this.window.wanted = wanted;
    return 'undecided';
  }

  private isPlausible(at: number): boolean {
    const { view } = this.window;
    const sec = view.getUint32(at, this.littleEndian);
    const [caplen, origlen] = this.lengthsAt(at);
    const near = this.frame.number === 0 ? sec > 0 : Math.abs(sec - this.frame.sec) <= RESYNC_SECONDS;
    const fits = caplen > 0 && caplen <= this.most && origlen >= caplen && origlen <= mostCaplen(this.linktype);
    return near && fits && view.getUint32(at + 4, this.littleEndian) < this.fractions;
  }

  /** Captured and original length of the record at `at`, whichever order the file's version has them in. */
  private lengthsAt(at: number): [caplen: number, origlen: number] {
    const { view } = this.window;
    const first = view.getUint32(at + 8, this.littleEndian);
    const second = view.getUint32(at + 12, this.littleEndian);
    const swapped = this.lengthOrder === 'swapped' || (this.lengthOrder === 'perhaps-swapped' && first > second);
    return swapped ? [second, first] : [first, second];
  }

  /** Whole seconds stand where only a fraction of one should: `frame` gets them. */
  private carry(fraction: number): void {
    const { frame } = this;
    frame.sec += Math.floor(fraction / this.fractions);
    frame.nsec = (fraction % this.fractions) * this.unitNsec;
    if (this.fractionsTold) return;
    this.fractionsTold = true;
    const unit = this.variant.nanoseconds ? 'nanoseconds' : 'microseconds';
    const message = `the time of frame ${frame.number} has ${fraction} ${unit} in its second; the whole seconds among them were added`;
    this.problems.add('bad-time', this.window.offset, frame.number, message);
  }
}

/** DG/UX tcpdump wrote version 543.0 and means 2.2 (libpcap sf-pcap.c). */
const DGUX_MAJOR = 543;

function lengthOrder(major: number, minor: number): LengthOrder {
  if (major === DGUX_MAJOR || (major === 2 && minor < 3)) return 'swapped';
  return major === 2 && minor === 3 ? 'perhaps-swapped' : 'normal';
}
