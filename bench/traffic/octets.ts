import { Random } from './random.ts';

/** Handed out when this much is there; a multiple of what the file system likes. */
const FULL = 4 << 20;
/** The longest thing that is written at once. */
const MOST_AT_ONCE = 1 << 17;
/** Payloads are pieces of this: long enough that packers find few of them again. */
const FILLING = 4 << 20;
const LONGEST_PAYLOAD = 1 << 16;
const WORDS = 'the packet that was sent to the other side came back by another way and nobody had asked for it there '.split(' ');

/** A large buffer that is written from front to back. Numbers stand in network order. */
export class Octets {
  readonly bytes = Buffer.allocUnsafeSlow(FULL + MOST_AT_ONCE);
  readonly view = new DataView(this.bytes.buffer);
  /** Where the next octet is written. */
  at = 0;
  private readonly filling: Buffer;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(~seed);
    this.filling = fillingOf(this.random);
  }

  get isFull(): boolean {
    return this.at >= FULL;
  }

  u8(value: number): void {
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value);
    this.at += 2;
  }

  u32(value: number): void {
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  /** As pcap and WireGuard write it. */
  u32le(value: number): void {
    this.view.setInt32(this.at, value, true);
    this.at += 4;
  }

  zeros(length: number): void {
    this.bytes.fill(0, this.at, this.at + length);
    this.at += length;
  }

  text(text: string): void {
    this.at += this.bytes.write(text, this.at, 'latin1');
  }

  /** Octets without meaning: one half noise, as of what is encrypted, the other half words. */
  payload(length: number): void {
    if (length <= 0) return;
    const from = this.random.below(FILLING - LONGEST_PAYLOAD);
    this.filling.copy(this.bytes, this.at, from, from + length);
    this.at += length;
  }

  /** The Internet checksum (RFC 1071) of the octets from `from` on, continued from `sum`. */
  checksum(from: number, sum = 0): number {
    const { view, at } = this;
    let total = sum;
    let next = from;
    for (; next + 1 < at; next += 2) total += view.getUint16(next);
    if (next < at) total += view.getUint8(next) << 8;
    while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
    return ~total & 0xffff;
  }
}

/** Stretches of noise and of words in turn. */
function fillingOf(random: Random): Buffer {
  const filling = Buffer.allocUnsafeSlow(FILLING);
  for (let at = 0; at < FILLING; ) {
    const end = Math.min(FILLING, at + 2048 + random.below(4096));
    if (random.chance(0.5)) for (; at < end; at++) filling[at] = random.word();
    else while (at < end) at += filling.write(`${WORDS[random.below(WORDS.length)]} `, at, 'latin1') || 1;
  }
  return filling;
}
