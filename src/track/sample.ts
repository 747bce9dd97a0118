import type { Packet } from '../wire/packet.ts';

/** The first octets of a payload, kept in words of a table: enough to see whether an answer repeats its request. */
export const SAMPLE_WORDS = 4;

/** An echo repeats at least this many octets; this many, if they are not at its beginning: a few may be anywhere by chance. */
const FEWEST_ECHOED = 4;
const FEWEST_FOUND = 8;

/** How many octets of the packet's payload a sample of it holds. */
export const sampleLength = ({ payloadCaptured }: Packet): number => Math.min(4 * SAMPLE_WORDS, payloadCaptured);

/** Writes the sample into `words` from `at`, filled with zeros. */
export function keepSample(words: Int32Array, at: number, packet: Packet): void {
  const length = sampleLength(packet);
  for (let i = 0; i < SAMPLE_WORDS; i++) words[at + i] = wordOf(packet, i, length);
}

/** Whether the packet's payload holds all `length` octets of the sample. Zeros prove nothing. */
export function holdsSample({ view, payloadAt, payloadCaptured }: Packet, words: Int32Array, at: number, length: number): boolean {
  const isEmpty = words.subarray(at, at + SAMPLE_WORDS).every((word) => word === 0);
  if (isEmpty || length < FEWEST_ECHOED) return false;
  const isOctet = (start: number, i: number): boolean =>
    view.getUint8(payloadAt + start + i) === (((words[at + (i >> 2)] ?? 0) >>> (24 - 8 * (i & 3))) & 0xff);
  const lastStart = Math.min(length < FEWEST_FOUND ? 0 : payloadCaptured, payloadCaptured - length);
  for (let start = 0; start <= lastStart; start++) {
    let i = 0;
    while (i < length && isOctet(start, i)) i++;
    if (i === length) return true;
  }
  return false;
}

function wordOf({ view, payloadAt }: Packet, i: number, length: number): number {
  if (4 * i + 4 <= length) return view.getInt32(payloadAt + 4 * i);
  let word = 0;
  for (let at = 4 * i; at < length; at++) word |= view.getUint8(payloadAt + at) << (24 - 8 * (at & 3));
  return word;
}
