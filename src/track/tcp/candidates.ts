/*
 * Segments on their way that are larger than all that was acknowledged before, the first and the largest one, in four words: sequence number behind the last
 * octet 1 | octets of payload, and in the lower half octets of the packet; 0: none 1 | the same of the other one.
 */
export const CANDIDATE_WORDS = 4;
const LENGTH_SHIFT = 16;
const SIZE_MASK = 0xffff;

/** A segment of `length` octets, in a packet of `size`, is sent. Whether it is awaited: else there is one already that tells more. */
export function awaitAck(words: Int32Array, first: number, seq: number, size: number, length: number): boolean {
  const known = (words[first + 1] ?? 0) & SIZE_MASK;
  const second = first + 2;
  if (known !== 0 && (size <= known || size <= ((words[second + 1] ?? 0) & SIZE_MASK))) return false;
  const at = known === 0 ? first : second;
  words[at] = (seq + length) | 0;
  words[at + 1] = (length << LENGTH_SHIFT) | size;
  return true;
}

/** None is awaited: what the words hold is void. They are only written: who has to wait for them would wait for memory. */
export function forgetCandidates(words: Int32Array, first: number): void {
  words[first + 1] = 0;
  words[first + 3] = 0;
}

/** Octets are sent again in smaller packets: if they are acknowledged, it was not the larger one that arrived. */
export function lowerCandidates(words: Int32Array, first: number, seq: number, end: number, size: number): void {
  for (let at = first; at < first + CANDIDATE_WORDS; at += 2) {
    const known = words[at + 1] ?? 0;
    if (known === 0 || size >= (known & SIZE_MASK)) continue;
    const behind = words[at] ?? 0;
    const start = (behind - (known >>> LENGTH_SHIFT)) | 0;
    if (((behind - seq) | 0) > 0 && ((end - start) | 0) > 0) words[at + 1] = 0;
  }
}

/** What is before `ack` arrived, and is not awaited any more: octets of the largest packet among it, 0 if it is none. */
export function arrived(words: Int32Array, first: number, ack: number): number {
  let largest = 0;
  for (let at = first; at < first + CANDIDATE_WORDS; at += 2) {
    const known = words[at + 1] ?? 0;
    if (known === 0 || ((ack - (words[at] ?? 0)) | 0) < 0) continue;
    largest = Math.max(largest, known & SIZE_MASK);
    words[at + 1] = 0;
  }
  return largest;
}

export const isAnyAwaited = (words: Int32Array, first: number): boolean => words[first + 1] !== 0 || words[first + 3] !== 0;
