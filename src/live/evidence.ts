import type { InterfaceNames } from '../capture/live.ts';
import { PcapngWriter, type WrittenInterface } from '../capture/pcapng-writer.ts';
import type { Finding } from '../diagnose/finding.ts';
import { type CaptureInterface, Direction } from '../frame.ts';
import { compareInstants, type Instant } from '../net/time.ts';
import { VERSION } from '../version.ts';
import { Linktype } from '../wire/linktype.ts';
import { PacketType } from '../wire/packet.ts';
import { chooseFrames } from './evidence-choice.ts';
import type { FlightRecorder, RecordedInput } from './recorder.ts';

export interface EvidenceOptions {
  /** What the inputs are called, where their interfaces have no names of their own: `eth0`. */
  inputs?: readonly string[];
  /** Of the machine that captures, for LINUX_SLL2. */
  names?: InterfaceNames | null;
  /** Octets of the file, 4 MiB unless said. Evidence frames are written also where they need more. */
  mostOctets?: number;
  /** Seconds of capture time before the first evidence frame; 10 unless said, 190 for what is found of WireGuard. */
  beforeSec?: number;
}

/** A pcapng of what a finding rests on. */
export interface EvidenceCapture {
  bytes: Uint8Array;
  packets: number;
  /** Packets of the same time for which there was no room. */
  leftOut: number;
  /** Evidence frames in it, and those that the recorder did not have any more. */
  shown: number;
  missing: number;
  /** Time of the first evidence frame in it. */
  first: Instant;
}

export const DEFAULT_EVIDENCE_OCTETS = 4 << 20;
const BEFORE_SEC = 10;
/** Whose session it is says its handshake, and a session lives 180 s at most (WireGuard white paper, section 6.1: REJECT_AFTER_TIME). */
const BEFORE_WIREGUARD_SEC = 190;

/* Octets of a packet's block around what was captured; flags and a comment as options. An interface's block with all its options but the name. */
const PACKET_BLOCK = 32;
const FLAGS_OPTION = 8;
const OPTION_HEADER = 4;
const END_OF_OPTIONS = 4;
const INTERFACE_BLOCK = 40;

const FCS_SHIFT = 5;
const MOST_FCS = 15;

/** What libpcap calls all interfaces at once. */
const ALL = 'any';

/**
 * Writes what a recorder still has of a finding and of the time around it: its evidence frames, each with a comment that says what it shows, and the
 * packets from some seconds before the first of them until now, the nearest ones where not all have room. Null where none of the evidence frames is
 * there any more.
 */
export function evidenceCapture(recorder: FlightRecorder, finding: Finding, options: EvidenceOptions = {}): EvidenceCapture | null {
  const { mostOctets = DEFAULT_EVIDENCE_OCTETS, beforeSec = beforeSecOf(finding) } = options;
  const comments = commentsOf(recorder, finding, options.inputs ?? []);
  const first = firstOf(recorder, comments);
  if (!first) return null;
  const places = new Set(finding.evidence.map(({ input, frame }) => `${input}/${frame}`)).size;
  const shown = comments.reduce((sum, each) => sum + each.size, 0);
  const about = aboutFinding(finding);
  const interfaces = new Interfaces(options);
  const chosen = chooseFrames(
    recorder,
    comments.map((each) => new Set(each.keys())),
    {
      beforeSec,
      octets: mostOctets - octetsOf(about) - SECTION_OCTETS,
      costOf: (input, position) => {
        const ring = recorder.inputs[input];
        return ring ? packetOctets(ring, position, comments[input]?.get(position)) + interfaces.cost(input, ring, position) : 0;
      },
    },
  );
  const { inputs, positions, leftOut } = chosen;
  const counts = { packets: positions.length, leftOut, shown, missing: places - shown };
  const writer = new PcapngWriter().section(`fluxcap ${VERSION}`, [...about, ...aboutFile(counts)].join('\n'));
  for (const described of interfaces.list) writer.interface(described);
  for (let i = 0; i < positions.length; i++) {
    const input = inputs[i] ?? 0;
    const ring = recorder.inputs[input];
    if (ring)
      writePacket(
        writer,
        ring,
        positions[i] ?? 0,
        interfaces.idOf(input, ring, positions[i] ?? 0),
        comments[input]?.get(positions[i] ?? 0),
      );
  }
  return { bytes: writer.bytes, ...counts, first };
}

/**
 * How long all evidence of a finding that is there now will be there, if packets come as fast as they did before: seconds of capture time. Infinity
 * where the recorder is not full yet, or where nothing is there.
 */
export function evidenceLeft(recorder: FlightRecorder, finding: Finding): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { input, frame } of finding.evidence) {
    const ring = recorder.inputs[input];
    if (!ring?.isFull) continue;
    const position = ring.find(frame);
    if (position >= 0) least = Math.min(least, ring.atOf(position) - ring.atOf(ring.oldest));
  }
  return least;
}

/** For each input: the comments of evidence frames that are there, by position. */
function commentsOf(recorder: FlightRecorder, { id, evidence }: Finding, names: readonly string[]): Map<number, string>[] {
  const comments = recorder.inputs.map(() => new Map<number, string>());
  for (const { input, frame, role, note } of evidence) {
    const position = recorder.inputs[input]?.find(frame) ?? -1;
    const known = comments[input];
    if (position < 0 || !known) continue;
    const name = names[input];
    const what = `${role}${note === undefined ? '' : ` (${note})`} of ${id}; captured as frame ${frame}${name === undefined ? '' : ` of ${name}`}`;
    const before = known.get(position);
    known.set(position, before === undefined ? what : `${before}\n${what}`);
  }
  return comments;
}

function firstOf(recorder: FlightRecorder, comments: readonly Map<number, string>[]): Instant | undefined {
  const instants = recorder.inputs.flatMap((ring, input) =>
    [...(comments[input]?.keys() ?? [])].map((position) => ({
      sec: ring.secOf(position),
      nsec: ring.nsecOf(position),
      digits: ring.sourceOf(position).digits,
    })),
  );
  return instants.sort(compareInstants)[0];
}

const beforeSecOf = ({ kind }: Finding): number => (kind.startsWith('wireguard-') ? BEFORE_WIREGUARD_SEC : BEFORE_SEC);

function aboutFinding({ id, title, severity, confidence, first, last, count }: Finding): string[] {
  const times = first === null ? '' : first === last ? `, ${first}` : `, ${first} to ${last}`;
  return [title, `${id}: ${severity}, ${confidence}; ${count === 1 ? 'once' : `${count} times`}${times}`];
}

function aboutFile({ packets, leftOut, shown, missing }: Omit<EvidenceCapture, 'bytes' | 'first'>): string[] {
  const rest = leftOut === 0 ? '' : `; ${leftOut} more of that time, farther from the evidence, are left out`;
  const gone = missing === 0 ? '' : `; ${missing} more had left the memory before the file was written`;
  return [`${packets} packets${rest}. Comments mark ${shown} evidence ${shown === 1 ? 'frame' : 'frames'}${gone}.`];
}

/** The section's block without the finding's lines: at most, whatever the counts are. */
const SECTION_OCTETS = 512;

const octetsOf = (lines: readonly string[]): number => new TextEncoder().encode(lines.join('\n')).length;
const padded = (length: number): number => (length + 3) & ~3;

/** Octets of a packet's block. */
function packetOctets(ring: RecordedInput, position: number, comment: string | undefined): number {
  const text = comment === undefined ? 0 : OPTION_HEADER + padded(octetsOf([comment]));
  const options = text + (flagsOf(ring, position) === 0 ? 0 : FLAGS_OPTION);
  return PACKET_BLOCK + padded(ring.caplenOf(position)) + options + (options === 0 ? 0 : END_OF_OPTIONS);
}

function writePacket(writer: PcapngWriter, ring: RecordedInput, position: number, id: number, comment: string | undefined): void {
  const { sec, nsec, octets, origlen } = ring.read(position);
  const flags = flagsOf(ring, position);
  writer.packet({
    interface: id,
    sec,
    nsec,
    octets,
    origlen,
    ...(flags === 0 ? {} : { flags }),
    ...(comment === undefined ? {} : { comment }),
  });
}

/** epb_flags: the direction, where need be by the packet type in the header of a cooked capture (its last octet), and the frame check sequence. */
function flagsOf(ring: RecordedInput, position: number): number {
  const { linktype } = ring.sourceOf(position);
  const isCooked = linktype === Linktype.LinuxSll || linktype === Linktype.LinuxSll2;
  const packetType = isCooked ? ring.octetOf(position, linktype === Linktype.LinuxSll2 ? 10 : 1) : -1;
  const cooked = packetType === PacketType.Outgoing ? Direction.Out : packetType < 0 ? Direction.Unknown : Direction.In;
  return (ring.directionOf(position) || cooked) | (Math.min(ring.fcsLengthOf(position), MOST_FCS) << FCS_SHIFT);
}

/**
 * The interfaces of a file. A LINUX_SLL2 capture has one for each card it saw, by the card's name, so that readers show the card; other captures have
 * those of their source.
 */
class Interfaces {
  readonly list: WrittenInterface[] = [];
  private readonly ids = new Map<string, number>();
  private readonly options: EvidenceOptions;
  /** Of the frame that was looked up last. */
  private lastInput = -1;
  private lastSource: CaptureInterface | undefined;
  private lastIndex = -1;
  private lastId = 0;

  constructor(options: EvidenceOptions) {
    this.options = options;
  }

  /** Octets that the frame's interface adds to the file: none where it is described already. */
  cost(input: number, ring: RecordedInput, position: number): number {
    const before = this.list.length;
    const described = this.list[this.idOf(input, ring, position)];
    return this.list.length === before ? 0 : INTERFACE_BLOCK + padded(octetsOf([described?.name ?? '']));
  }

  idOf(input: number, ring: RecordedInput, position: number): number {
    const source = ring.sourceOf(position);
    const ifindex = source.linktype === Linktype.LinuxSll2 ? cardOf(ring, position) : -1;
    if (input === this.lastInput && source === this.lastSource && ifindex === this.lastIndex) return this.lastId;
    const key = JSON.stringify([input, source.id, source.name, source.linktype, source.snaplen, source.digits, ifindex]);
    const id = this.ids.get(key) ?? this.describe(key, input, source, ifindex);
    this.lastInput = input;
    this.lastSource = source;
    this.lastIndex = ifindex;
    this.lastId = id;
    return id;
  }

  private describe(key: string, input: number, source: CaptureInterface, ifindex: number): number {
    const { linktype, snaplen, digits } = source;
    const name = ifindex < 0 ? (source.name ?? this.options.inputs?.[input] ?? null) : this.nameOfCard(source, ifindex);
    const id = this.list.push({ linktype, snaplen, resolution: digits, ...(name === null ? {} : { name }) }) - 1;
    this.ids.set(key, id);
    return id;
  }

  /** `any` is the name of no card: better none. */
  private nameOfCard({ name }: CaptureInterface, ifindex: number): string | null {
    return name !== null && name !== ALL ? name : (this.options.names?.nameOf(ifindex) ?? null);
  }
}

/** The ifindex in a LINUX_SLL2 header; -1 where it was cut off. */
function cardOf(ring: RecordedInput, position: number): number {
  if (ring.caplenOf(position) < 8) return -1;
  let index = 0;
  for (let offset = 4; offset < 8; offset++) index = (index << 8) | ring.octetOf(position, offset);
  return index;
}
