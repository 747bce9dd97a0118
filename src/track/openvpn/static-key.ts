import { OPENVPN_PORT } from '../../wire/openvpn-packet.ts';
import type { Packet } from '../../wire/packet.ts';
import { isTincPort } from '../../wire/tinc.ts';
import { overwriteStamp, type Stamp, stampOf } from '../stamp.ts';

/*
 * OpenVPN with a static key (`--secret`): no opcode, no session; HMAC h | IV 16 | AES-CBC, so lengths are all h mod 16, and every octet of the first h is as
 * random as the next. What else looks random has a header that does not, or lengths of its own.
 */

/** Packets that are looked at before it is said. */
const ENOUGH = 50;
/** Of so many random octets at least so many are different: 45 on the average, fewer than 36 never in a million. */
const LEAST_DIFFERENT = 36;
/** What is constant there is told sooner. */
const SOME = 16;
const LEAST_OF_SOME = 10;
/** HMACs of 16, 32, 48 and 64 octets; of 28. */
const isRemainder = (remainder: number): boolean => remainder === 0 || remainder === 12;
/** Of SHA1, 20 octets; tinc (AES-CBC and four octets of a digest) has such lengths too, so that the port must be OpenVPN's. */
const SHA1_REMAINDER = 4;
/** HMAC 16 at least, IV 16, one ping of 16 with its packet id in two blocks. */
const SHORTEST = 16 + 16 + 32;
/** Octets that are counted: of the HMAC, and of the IV of any but the longest ones. */
const PLACES = [0, 1, 4, 8, 15, 17, 30];
/** A bit for each value of an octet. */
const VALUE_WORDS = 256 / 32;
const CBC_BLOCK = 16;
/** Each direction has at least so many of them. */
const LEAST_EACH_WAY = 4;

/** What the first packets of a flow of unknown protocol have in common. */
export class StaticKeyCandidate {
  /** Packets from the lower and from the upper end, octets of both. */
  fromLower = 0;
  fromUpper = 0;
  bytes = 0;
  readonly first: Stamp;
  firstFromLower: boolean;
  private remainder = -1;
  /** Of each of PLACES, which values were there, and how many. */
  private readonly values = new Int32Array(PLACES.length * VALUE_WORDS);
  private readonly different = new Uint8Array(PLACES.length);
  private length = -1;
  private hasOtherLengths = false;
  /** Smallest packet of each end: the pings. */
  private smallestLower = Number.POSITIVE_INFINITY;
  private smallestUpper = Number.POSITIVE_INFINITY;

  constructor(packet: Packet, fromLower: boolean) {
    this.first = stampOf(packet);
    this.firstFromLower = fromLower;
  }

  /** From now on it is what another flow has. */
  begin(packet: Packet, fromLower: boolean): void {
    overwriteStamp(this.first, packet);
    this.firstFromLower = fromLower;
    this.fromLower = 0;
    this.fromUpper = 0;
    this.bytes = 0;
    this.remainder = -1;
    this.values.fill(0);
    this.different.fill(0);
    this.length = -1;
    this.hasOtherLengths = false;
    this.smallestLower = Number.POSITIVE_INFINITY;
    this.smallestUpper = Number.POSITIVE_INFINITY;
  }

  /** Whether a flow may begin so. */
  static mayBe(packet: Packet): boolean {
    const { payloadLength, payloadCaptured, sourcePort, destinationPort } = packet;
    if (payloadLength < SHORTEST || payloadCaptured < SHORTEST / 2) return false;
    // Where tinc is set to longer digests, nothing else tells the two apart.
    if (isTincPort(packet)) return false;
    const remainder = payloadLength % CBC_BLOCK;
    if (remainder === SHA1_REMAINDER) return sourcePort === OPENVPN_PORT || destinationPort === OPENVPN_PORT;
    return isRemainder(remainder);
  }

  /** One more packet: `true` it is one, `false` it is none, undefined where that is not known yet. */
  add(packet: Packet, fromLower: boolean): boolean | undefined {
    if (!StaticKeyCandidate.mayBe(packet)) return false;
    const { payloadLength: length } = packet;
    const remainder = length % CBC_BLOCK;
    if (this.remainder >= 0 && remainder !== this.remainder) return false;
    this.remainder = remainder;
    if (fromLower) {
      this.fromLower++;
      this.smallestLower = Math.min(this.smallestLower, length);
    } else {
      this.fromUpper++;
      this.smallestUpper = Math.min(this.smallestUpper, length);
    }
    this.bytes += length;
    if (this.length >= 0 && this.length !== length) this.hasOtherLengths = true;
    this.length = length;
    this.note(packet);
    const packets = this.fromLower + this.fromUpper;
    if (packets < ENOUGH) return packets === SOME && !this.areDifferent(LEAST_OF_SOME) ? false : undefined;
    return (
      this.hasOtherLengths &&
      this.fromLower >= LEAST_EACH_WAY &&
      this.fromUpper >= LEAST_EACH_WAY &&
      this.smallestLower === this.smallestUpper &&
      this.areDifferent(LEAST_DIFFERENT)
    );
  }

  private note({ view, payloadAt }: Packet): void {
    const { values, different } = this;
    for (let i = 0; i < PLACES.length; i++) {
      const octet = view.getUint8(payloadAt + (PLACES[i] ?? 0));
      const at = i * VALUE_WORDS + (octet >> 5);
      const bit = 1 << (octet & 31);
      const known = values[at] ?? 0;
      if (known & bit) continue;
      values[at] = known | bit;
      different[i] = (different[i] ?? 0) + 1;
    }
  }

  private areDifferent(least: number): boolean {
    return this.different.every((count) => count >= least);
  }
}
