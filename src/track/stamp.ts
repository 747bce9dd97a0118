import type { Instant } from '../net/time.ts';
import type { Packet } from '../wire/packet.ts';
import type { Table } from './table.ts';

/** Which frame, and when: all that is kept of a packet once it has passed. */
export interface Stamp extends Instant {
  input: number;
  frame: number;
  /** Seconds as one double, for timers. */
  at: number;
  /** False where the frame has no time of its own; then `at` is that of the frame before. */
  timed: boolean;
}

/** Allocates: for records, not for every packet. */
export const stampOf = ({ input, frame, sec, nsec, at, timed, source }: Packet): Stamp => ({
  input,
  frame,
  sec,
  nsec,
  digits: source.digits,
  at,
  timed,
});

/** Makes it the packet's, without allocating. */
export function overwriteStamp(stamp: Stamp, { input, frame, sec, nsec, at, timed, source }: Packet): void {
  stamp.input = input;
  stamp.frame = frame;
  stamp.sec = sec;
  stamp.nsec = nsec;
  stamp.digits = source.digits;
  stamp.at = at;
  stamp.timed = timed;
}

/** Orders by time, then by input and frame. */
export const compareStamps = (a: Stamp, b: Stamp): number => a.sec - b.sec || a.nsec - b.nsec || a.input - b.input || a.frame - b.frame;

export const isSameFrame = (a: Stamp, b: Stamp): boolean => a.input === b.input && a.frame === b.frame;

/*
 * A stamp in the own words of a table's entry: frame 2 | sec 2 | at 2 | nsec 1 | input and flags 1. It begins at an even word.
 */
export const STAMP_WORDS = 8;
const TIMED = 2;
const FINE = 1;

/** The words of a table, or of something like it. */
export type StampStore = Pick<Table, 'words' | 'doubles'>;

/** Writes the packet's stamp at word `at`. */
export function writeStamp({ words, doubles }: StampStore, at: number, packet: Packet): void {
  const double = at >> 1;
  doubles[double] = packet.frame;
  doubles[double + 1] = packet.sec;
  doubles[double + 2] = packet.at;
  words[at + 6] = packet.nsec;
  words[at + 7] = (packet.input << 2) | (packet.timed ? TIMED : 0) | (packet.source.digits === 9 ? FINE : 0);
}

/** Writes a stamp that was kept of a packet before. */
export function rewriteStamp(
  { words, doubles }: StampStore,
  at: number,
  { frame, sec, nsec, digits, at: seconds, input, timed }: Stamp,
): void {
  const double = at >> 1;
  doubles[double] = frame;
  doubles[double + 1] = sec;
  doubles[double + 2] = seconds;
  words[at + 6] = nsec;
  words[at + 7] = (input << 2) | (timed ? TIMED : 0) | (digits === 9 ? FINE : 0);
}

/** The stamp's `at`, without making one. */
export const stampedAt = ({ doubles }: StampStore, at: number): number => doubles[(at >> 1) + 2] ?? 0;

/** Allocates. */
export function readStamp({ words, doubles }: StampStore, at: number): Stamp {
  const double = at >> 1;
  const packed = words[at + 7] ?? 0;
  return {
    input: packed >> 2,
    frame: doubles[double] ?? 0,
    sec: doubles[double + 1] ?? 0,
    nsec: words[at + 6] ?? 0,
    digits: packed & FINE ? 9 : 6,
    at: doubles[double + 2] ?? 0,
    timed: (packed & TIMED) !== 0,
  };
}

/*
 * A brief stamp, for what comes with every packet: frame 1 | nsec 1 | frame's upper bits 12, input 18 and flags 2. The `at` stands elsewhere, and with it the
 * seconds.
 */
export const BRIEF_WORDS = 3;
const INPUT_BITS = 18;
const INPUT_MASK = (1 << INPUT_BITS) - 1;

/** Writes what the packet's brief stamp has besides `at`. */
export function writeBrief(words: Int32Array, at: number, packet: Packet): void {
  const { frame, input } = packet;
  words[at] = frame;
  words[at + 1] = packet.nsec;
  const upper = frame < 2 ** 32 ? 0 : frame / 2 ** 32;
  words[at + 2] =
    (upper << (INPUT_BITS + 2)) | ((input & INPUT_MASK) << 2) | (packet.timed ? TIMED : 0) | (packet.source.digits === 9 ? FINE : 0);
}

/** Allocates. */
export function readBrief(words: Int32Array, at: number, seconds: number): Stamp {
  const packed = words[at + 2] ?? 0;
  const nsec = words[at + 1] ?? 0;
  return {
    input: (packed >> 2) & INPUT_MASK,
    frame: (packed >>> (INPUT_BITS + 2)) * 2 ** 32 + ((words[at] ?? 0) >>> 0),
    sec: Math.round(seconds - nsec / 1e9),
    nsec,
    digits: packed & FINE ? 9 : 6,
    at: seconds,
    timed: (packed & TIMED) !== 0,
  };
}
