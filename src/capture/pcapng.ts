import { type CaptureInterface, Frame, type InterfaceRegistry, UNKNOWN_INTERFACE } from '../frame.ts';
import { ipv4Text, ipv6Text } from '../net/ip.ts';
import { readMac } from '../net/mac.ts';
import type { Problems } from './problem.ts';
import { type Drops, type FrameReader, mostCaplen } from './reader.ts';
import { type Place, ReorderWindow } from './reorder.ts';
import { TimestampClock } from './timestamp.ts';
import type { ByteWindow } from './window.ts';

/*
 * pcapng (IETF draft-ietf-opsawg-pcapng): blocks of
 *
 *   type 4 | total length 4 | body, padded to 4 | total length 4          options: code 2 | length 2 | value, padded to 4
 *
 * in the byte order that the section header's magic gives, section by section.
 */
export const Block = {
  SectionHeader: 0x0a0d0d0a,
  InterfaceDescription: 1,
  Packet: 2,
  SimplePacket: 3,
  NameResolution: 4,
  InterfaceStatistics: 5,
  EnhancedPacket: 6,
  SystemdJournal: 9,
  DecryptionSecrets: 10,
  Custom: 0x0000_0bad,
  CustomNotCopied: 0x4000_0bad,
} as const;
/** Names of this module's own: V8 takes them for constants, and looks up what is exported each time (docs/performance.md). */
const { SectionHeader, EnhancedPacket, InterfaceDescription, InterfaceStatistics, SimplePacket, Packet: OldPacket } = Block;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Block type and both lengths. */
const FRAMING = 12;
const OPTION_HEADER = 4;

/** Of the Section Header Block: magic 4, version 2 + 2, section length 8. */
const SECTION_HEADER_BODY = 16;
/** Bodies up to where options or packet octets begin. */
const ENHANCED_PACKET_BODY = 20;
const OLD_PACKET_BODY = 20;
const SIMPLE_PACKET_BODY = 4;
const STATISTICS_BODY = 12;
const INTERFACE_BODY = 8;

/** Packets and descriptions are read whole; larger blocks of these types are damage. Others are passed over, however long. */
const MOST_DESCRIPTION = 1 << 20;
const MOST_OPTIONS = 1 << 20;
/** A block found in garbage must be followed by another one, or by the end of the input. */
const MOST_RESYNC_BLOCK = 1 << 20;

const Option = { End: 0, Flags: 2, DropCount: 4 } as const;
const InterfaceOption = { Name: 2, Ipv4: 4, Ipv6: 5, Mac: 6, TimeResolution: 9, FcsLength: 13, TimeOffset: 14 } as const;
const StatisticsOption = { InterfaceDrops: 5, SystemDrops: 7 } as const;
const MICROSECONDS = 6;

interface SectionInterface {
  capture: CaptureInterface;
  clock: TimestampClock;
  fcsLength: number;
  /** The latest time of its frames: what orders them (`ReorderWindow`). */
  latestSec: number;
  latestNsec: number;
  /** Interface and system drops: as its statistics say last, and as its packets say. */
  interfaceDrops: number | null;
  systemDrops: number | null;
  packetDrops: number | null;
}

export class PcapngReader implements FrameReader {
  readonly format = 'pcapng';
  readonly frame = new Frame();
  readonly interfaces: CaptureInterface[] = [];
  private readonly window: ByteWindow;
  private readonly problems: Problems;
  private readonly registry: InterfaceRegistry;
  private readonly reorder = new ReorderWindow();
  /** Of all sections: their drops are summed up. */
  private readonly described: SectionInterface[] = [];
  /** Of the section being read. */
  private section: SectionInterface[] = [];
  private littleEndian = true;
  private sectionIsReadable = false;
  private sections = 0;
  /** Frames scanned so far; `frame.number` is of the one given last. */
  private scanned = 0;
  /** Octets still to come of a block that is passed over. */
  private skipping = 0;
  /** Set by `block` where the block is not yet there as a whole. */
  private waiting = false;
  private searching = false;
  private badOptionTold = false;
  /** The longest packet block that is believed. */
  private mostPacket = mostCaplen(-1) + MOST_OPTIONS;
  /** Place in the order of the frame scanned last: what has no time goes behind it. A real step back begins a new epoch. */
  private readonly place: Place = { epoch: 0, sec: 0, nsec: 0 };

  constructor(window: ByteWindow, problems: Problems, registry: InterfaceRegistry, input: number) {
    this.window = window;
    this.problems = problems;
    this.registry = registry;
    this.frame.input = input;
  }

  get keepFrom(): number {
    return Math.min(this.window.start, this.reorder.firstOffset - this.window.base);
  }

  moved(): void {}

  get drops(): Drops {
    const sum = (of: (each: SectionInterface) => number | null): number | null =>
      this.described.reduce<number | null>((total, each) => (of(each) === null ? total : (total ?? 0) + (of(each) ?? 0)), null);
    return { kernel: sum((each) => each.systemDrops ?? each.packetDrops), interface: sum((each) => each.interfaceDrops) };
  }

  next(): boolean {
    const { reorder, window } = this;
    for (;;) {
      if (reorder.length > 0 && reorder.release(this.frame, window) === true) return true;
      if (this.skipping > 0 && !this.skip()) return this.finished();
      if (this.searching === true && !this.findBlock()) return this.finished();
      if (!window.has(FRAMING)) return this.finished();
      const type = this.blockType();
      // The frames of a section leave before the next one begins.
      if (type === SectionHeader && reorder.length > 0) reorder.flush();
      else if (this.block(type) === true) return true;
      else if (this.waiting === true) return this.finished();
    }
  }

  private blockType(): number {
    return this.window.view.getUint32(this.window.start, this.littleEndian === true);
  }

  /** No more can be scanned for now. At the end of the input what is held leaves, and what is left over is told. */
  private finished(): boolean {
    const { window } = this;
    if (!window.ended) return false;
    if (window.available > 0 || this.skipping > 0) {
      const frame = this.scanned + 1;
      if (!this.searching) {
        const offset = window.offset;
        this.problems.add('truncated', offset, frame, `the file ends inside a block at offset ${offset}, before frame ${frame}`);
      }
      this.skipping = 0;
      window.start = window.end;
    }
    this.reorder.flush();
    return this.reorder.release(this.frame, window);
  }

  /**
   * Reads the block at the window's start; nothing of it counts before it is there as a whole. True: `frame` is filled. False: go on, or, if `waiting`,
   * more octets are wanted.
   */
  private block(type: number): boolean {
    const { window } = this;
    const { view, start } = window;
    this.waiting = false;
    if (type === SectionHeader) {
      if (!this.byteOrder()) return false;
    } else if (this.sections === 0) {
      return this.lose(`expected a section header block, got block type 0x${type.toString(16)}`);
    }
    const littleEndian = this.littleEndian === true;
    const length = view.getUint32(start + 4, littleEndian);
    if (length < FRAMING || length % 4 !== 0) return this.lose(`a block claims a length of ${length} octets`);
    const most = isPacket(type) ? this.mostPacket : MOST_DESCRIPTION;
    if (length > most) return this.passOver(type, length, most);
    if (!window.has(length)) {
      this.waiting = true;
      return false;
    }
    const trailing = view.getUint32(start + length - 4, littleEndian);
    if (trailing !== length) return this.lose(`a block of ${length} octets ends with a length of ${trailing}`);
    if (type === SectionHeader) {
      if (length < FRAMING + SECTION_HEADER_BODY) return this.lose(`a section header block claims ${length} octets`);
      this.beginSection();
    }
    window.start += length;
    return this.body(type, start + 8, start + length - 4);
  }

  /** Of what is too long nothing is needed, or it is damage: it is never held as a whole. */
  private passOver(type: number, length: number, most: number): boolean {
    if (isPacket(type) || isDescription(type))
      return this.lose(`a block of type ${type} claims ${length} octets, at most ${most} are possible`);
    this.skipping = length;
    return this.numberBlock(type);
  }

  /** Drops what is there of a block that is passed over. False: more of it is to come. */
  private skip(): boolean {
    const length = Math.min(this.skipping, this.window.available);
    this.window.start += length;
    this.skipping -= length;
    return this.skipping === 0;
  }

  private body(type: number, at: number, end: number): boolean {
    if (type === EnhancedPacket) return this.sectionIsReadable === true && this.enhancedPacket(at, end);
    switch (type) {
      case InterfaceDescription:
        if (this.sectionIsReadable) this.interfaceDescription(at, end);
        return false;
      case InterfaceStatistics:
        if (this.sectionIsReadable) this.interfaceStatistics(at, end);
        return false;
      case SimplePacket:
        return this.sectionIsReadable && this.simplePacket(at, end);
      case OldPacket:
        return this.sectionIsReadable && this.oldPacket(at, end);
      default:
        return this.numberBlock(type);
    }
  }

  /** Wireshark counts custom and journal blocks as frames: later frames must keep the numbers that its users see. */
  private numberBlock(type: number): boolean {
    if (type !== Block.Custom && type !== Block.CustomNotCopied && type !== Block.SystemdJournal) return false;
    const { frame } = this;
    this.blank();
    frame.start = this.window.start;
    return this.give(undefined);
  }

  /** `frame` as a packet of which nothing is known. */
  private blank(): void {
    const { frame } = this;
    this.window.lend(frame);
    frame.number = ++this.scanned;
    frame.caplen = 0;
    frame.origlen = 0;
    frame.timed = false;
    frame.direction = 0;
    frame.fcsLength = 0;
    frame.linktype = -1;
    frame.source = UNKNOWN_INTERFACE;
  }

  /** The byte order of a section, by its header's magic: the block's length is written in it. */
  private byteOrder(): boolean {
    const { view, start } = this.window;
    const magic = view.getUint32(start + 8, true);
    const swapped = view.getUint32(start + 8, false);
    if (magic !== BYTE_ORDER_MAGIC && swapped !== BYTE_ORDER_MAGIC) {
      return this.lose(`a section header has the byte-order magic 0x${magic.toString(16)}`);
    }
    this.littleEndian = magic === BYTE_ORDER_MAGIC;
    return true;
  }

  private beginSection(): void {
    const { window } = this;
    const { view, start } = window;
    this.section = [];
    this.sections++;
    const major = view.getUint16(start + 12, this.littleEndian);
    const minor = view.getUint16(start + 14, this.littleEndian);
    // A higher minor version reads like 1.0 (the draft's rule); 1.2 was written by mistake and means 1.0.
    this.sectionIsReadable = major === 1;
    if (!this.sectionIsReadable) {
      const message = `section ${this.sections} is of pcapng version ${major}.${minor}; it is passed over`;
      this.problems.add('unsupported-version', window.offset, this.scanned + 1, message);
    }
  }

  private interfaceDescription(at: number, end: number): void {
    const { view } = this.window;
    if (end - at < INTERFACE_BODY) {
      this.tellBadRecord('an interface description is too short');
      return;
    }
    const linktype = view.getUint16(at, this.littleEndian);
    const snaplen = view.getUint32(at + 4, this.littleEndian);
    let name: string | null = null;
    let mac: number | null = null;
    let resolution = MICROSECONDS;
    let offsetSeconds = 0;
    let fcsLength = 0;
    const ips: string[] = [];
    const prefixLengths: number[] = [];
    this.options(at + INTERFACE_BODY, end, (code, value, length) => {
      if (code === InterfaceOption.Name) name = this.text(value, length);
      else if (code === InterfaceOption.Mac && length >= 6) mac = readMac(view, value);
      else if (code === InterfaceOption.Ipv4 && length >= 8) {
        ips.push(ipv4Text(view.getUint32(value)));
        prefixLengths.push(Math.clz32(~view.getUint32(value + 4)));
      } else if (code === InterfaceOption.Ipv6 && length >= 17) {
        ips.push(ipv6Text(view, value));
        prefixLengths.push(view.getUint8(value + 16));
      } else if (code === InterfaceOption.TimeResolution && length >= 1) resolution = view.getUint8(value);
      // In bits by the draft, in octets as some write it.
      else if (code === InterfaceOption.FcsLength && length >= 1)
        fcsLength = view.getUint8(value) >= 16 ? view.getUint8(value) / 8 : view.getUint8(value);
      else if (code === InterfaceOption.TimeOffset && length >= 8) offsetSeconds = Number(view.getBigInt64(value, this.littleEndian));
    });
    const id = this.section.length;
    const clock = new TimestampClock(resolution, offsetSeconds);
    const key = this.registry.keyOf(linktype, id, name);
    const capture = { key, id, name, linktype, snaplen, digits: clock.digits, mac, ips, prefixLengths };
    const described = {
      capture,
      clock,
      fcsLength,
      latestSec: Number.NEGATIVE_INFINITY,
      latestNsec: 0,
      interfaceDrops: null,
      systemDrops: null,
      packetDrops: null,
    };
    this.mostPacket = Math.max(this.mostPacket, mostCaplen(linktype) + MOST_OPTIONS);
    this.section.push(described);
    this.described.push(described);
    this.interfaces.push(capture);
  }

  /** The counters of a statistics block run from the start of the capture: the latest block counts. */
  private interfaceStatistics(at: number, end: number): void {
    const { view } = this.window;
    if (end - at < STATISTICS_BODY) return;
    const described = this.section[view.getUint32(at, this.littleEndian)];
    if (!described) return;
    this.options(at + STATISTICS_BODY, end, (code, value, length) => {
      if (length < 8) return;
      const count = Number(view.getBigUint64(value, this.littleEndian));
      if (code === StatisticsOption.InterfaceDrops) described.interfaceDrops = count;
      else if (code === StatisticsOption.SystemDrops) described.systemDrops = count;
    });
  }

  private enhancedPacket(at: number, end: number): boolean {
    const { frame, window } = this;
    const { view } = window;
    const littleEndian = this.littleEndian === true;
    if (end - at < ENHANCED_PACKET_BODY) return this.tellBadRecord('an enhanced packet block is too short');
    const caplen = view.getUint32(at + 12, littleEndian);
    if (caplen > end - at - ENHANCED_PACKET_BODY) return this.tellBadRecord(`a packet claims ${caplen} octets, more than its block holds`);
    const described = this.packetOf(view.getUint32(at, littleEndian));
    frame.caplen = caplen;
    frame.origlen = Math.max(view.getUint32(at + 16, littleEndian), caplen);
    frame.start = at + ENHANCED_PACKET_BODY;
    if (described !== undefined) this.time(described, at + 4);
    const options = frame.start + ((caplen + 3) & ~3);
    if (options + OPTION_HEADER <= end) this.packetOptions(options, end, described);
    return this.give(described);
  }

  private oldPacket(at: number, end: number): boolean {
    const { frame, window, littleEndian } = this;
    const { view } = window;
    if (end - at < OLD_PACKET_BODY) return this.tellBadRecord('a packet block is too short');
    const caplen = view.getUint32(at + 12, littleEndian);
    if (caplen > end - at - OLD_PACKET_BODY) return this.tellBadRecord(`a packet claims ${caplen} octets, more than its block holds`);
    const described = this.packetOf(view.getUint16(at, littleEndian));
    const drops = view.getUint16(at + 2, littleEndian);
    if (described && drops !== 0xffff) described.packetDrops = (described.packetDrops ?? 0) + drops;
    frame.caplen = caplen;
    frame.origlen = Math.max(view.getUint32(at + 16, littleEndian), caplen);
    frame.start = at + OLD_PACKET_BODY;
    if (described) this.time(described, at + 4);
    const options = frame.start + ((caplen + 3) & ~3);
    if (options + OPTION_HEADER <= end) this.packetOptions(options, end, described);
    return this.give(described);
  }

  /** It has no time and belongs to the first interface; its captured length is what that interface's snaplen leaves. */
  private simplePacket(at: number, end: number): boolean {
    const { frame, window, littleEndian } = this;
    if (end - at < SIMPLE_PACKET_BODY) return this.tellBadRecord('a simple packet block is too short');
    const described = this.packetOf(0);
    const snaplen = described?.capture.snaplen ?? 0;
    const origlen = window.view.getUint32(at, littleEndian);
    frame.caplen = Math.min(origlen, snaplen === 0 ? origlen : snaplen, end - at - SIMPLE_PACKET_BODY);
    frame.origlen = origlen;
    frame.start = at + SIMPLE_PACKET_BODY;
    return this.give(described);
  }

  /** Begins a packet of the interface with this id; one that was never described leaves its packets numbered and unread. */
  private packetOf(id: number): SectionInterface | undefined {
    const { frame, window } = this;
    const described = this.section[id];
    if (described === undefined) {
      this.blank();
      this.problems.add('bad-record', window.offset, frame.number, `frame ${frame.number} is of interface ${id}, which is not described`);
      return undefined;
    }
    const { capture } = described;
    window.lend(frame);
    frame.number = ++this.scanned;
    frame.timed = false;
    frame.direction = 0;
    frame.fcsLength = described.fcsLength;
    frame.linktype = capture.linktype;
    frame.source = capture;
    return described;
  }

  private time({ clock }: SectionInterface, at: number): void {
    const { frame } = this;
    clock.read(this.window.view, at, this.littleEndian === true);
    frame.sec = clock.sec;
    frame.nsec = clock.nsec;
    frame.timed = true;
  }

  private packetOptions(at: number, end: number, described: SectionInterface | undefined): void {
    const { frame } = this;
    const { view } = this.window;
    const littleEndian = this.littleEndian === true;
    let option = at;
    while (option + OPTION_HEADER <= end) {
      const code = view.getUint16(option, littleEndian);
      const length = view.getUint16(option + 2, littleEndian);
      if (code === Option.End) return;
      if (option + OPTION_HEADER + length > end) {
        this.tellBadOption(code, length);
        return;
      }
      if (code === Option.Flags && length === 4) {
        const flags = view.getUint32(option + OPTION_HEADER, littleEndian);
        frame.direction = flags & 3;
        const fcsLength = (flags >>> 5) & 15;
        if (fcsLength > 0) frame.fcsLength = fcsLength;
      } else if (code === Option.DropCount && length === 8 && described) {
        const drops = view.getUint32(option + OPTION_HEADER + (littleEndian ? 0 : 4), littleEndian);
        described.packetDrops = (described.packetDrops ?? 0) + drops;
      }
      option += OPTION_HEADER + ((length + 3) & ~3);
    }
  }

  /** Hands the scanned frame on: at once, or, where a section has several interfaces, in the order of times. */
  private give(described: SectionInterface | undefined): boolean {
    const { frame, place } = this;
    if (this.section.length < 2) return true;
    if (described !== undefined && frame.timed === true) {
      if (described.latestSec - frame.sec > 1) this.beginEpoch();
      if (frame.sec > described.latestSec || (frame.sec === described.latestSec && frame.nsec > described.latestNsec)) {
        described.latestSec = frame.sec;
        described.latestNsec = frame.nsec;
      }
      place.sec = described.latestSec;
      place.nsec = described.latestNsec;
    }
    this.reorder.hold(frame, this.window, place);
    return false;
  }

  /** A real step back is no matter of batches: it stays where it is in the file, and the order starts anew behind it. */
  private beginEpoch(): void {
    for (const each of this.section) each.latestSec = Number.NEGATIVE_INFINITY;
    this.place.epoch++;
  }

  private options(at: number, end: number, each: (code: number, value: number, length: number) => void): void {
    const { view } = this.window;
    let option = at;
    while (option + OPTION_HEADER <= end) {
      const code = view.getUint16(option, this.littleEndian);
      const length = view.getUint16(option + 2, this.littleEndian);
      if (code === Option.End) return;
      if (option + OPTION_HEADER + length > end) {
        this.tellBadOption(code, length);
        return;
      }
      each(code, option + OPTION_HEADER, length);
      option += OPTION_HEADER + ((length + 3) & ~3);
    }
  }

  private text(at: number, length: number): string {
    const text = new TextDecoder().decode(this.window.bytes.subarray(at, at + length)).replace(/\0+$/, '');
    // Names go to terminals: no file may steer them.
    return text.replace(CONTROLS, '\ufffd');
  }

  private tellBadOption(code: number, length: number): void {
    if (this.badOptionTold) return;
    this.badOptionTold = true;
    const message = `option ${code} claims ${length} octets, more than its block holds; it and those behind it are ignored`;
    this.problems.add('bad-option', this.window.offset, this.scanned + 1, message);
  }

  private tellBadRecord(what: string): false {
    const frame = this.scanned + 1;
    this.problems.add(
      'bad-record',
      this.window.offset,
      frame,
      `${what} (before frame ${frame}, the block ends at offset ${this.window.offset})`,
    );
    return false;
  }

  /** The block at the window's start is damaged: go on at the next place that looks like one. */
  private lose(what: string): boolean {
    const frame = this.scanned + 1;
    this.problems.add('bad-record', this.window.offset, frame, `${what} (before frame ${frame}, offset ${this.window.offset})`);
    this.searching = true;
    this.window.start++;
    return false;
  }

  private findBlock(): boolean {
    const { window } = this;
    while (window.available >= FRAMING) {
      const verdict = this.isSoundBlockAt(window.start);
      if (verdict === 'undecided') return false;
      if (verdict === 'sound') {
        this.searching = false;
        return true;
      }
      window.start++;
    }
    window.wanted = FRAMING;
    return false;
  }

  private isSoundBlockAt(at: number): 'sound' | 'unsound' | 'undecided' {
    const { view, end } = this.window;
    const littleEndian = this.byteOrderAt(at);
    if (littleEndian === undefined) return 'unsound';
    const length = view.getUint32(at + 4, littleEndian);
    if (length < FRAMING || length % 4 !== 0 || length > MOST_RESYNC_BLOCK) return 'unsound';
    if (at + length > end) {
      if (this.window.ended) return 'unsound';
      this.window.wanted = length;
      return 'undecided';
    }
    return view.getUint32(at + length - 4, littleEndian) === length ? 'sound' : 'unsound';
  }

  /** The byte order in which a known block type stands at `at`, or undefined where none does. */
  private byteOrderAt(at: number): boolean | undefined {
    const { view, end } = this.window;
    const type = view.getUint32(at, this.littleEndian);
    if (type === Block.SectionHeader) {
      if (at + FRAMING > end) return undefined;
      if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true;
      return view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC ? false : undefined;
    }
    const known =
      (type >= Block.InterfaceDescription && type <= Block.DecryptionSecrets) || type === Block.Custom || type === Block.CustomNotCopied;
    return known && this.sections > 0 ? this.littleEndian : undefined;
  }
}

/** C0 and C1 control characters, and DEL. */
const CONTROLS = /\p{Cc}/gu;

const isPacket = (type: number): boolean => type === EnhancedPacket || type === OldPacket || type === SimplePacket;

/** Blocks without which later ones cannot be read. */
const isDescription = (type: number): boolean =>
  type === Block.SectionHeader || type === Block.InterfaceDescription || type === Block.InterfaceStatistics;
