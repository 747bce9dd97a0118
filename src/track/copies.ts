import { IPV6_DESTINATION, IpProtocol, type Packet } from '../wire/packet.ts';

/** Two sightings of one packet are closer than this: on a bridge and its port, before and after routing or NAT, on a mirror. */
export const COPY_SEC = 0.005;
const SLOT_BITS = 12;
/* A slot, in 32-bit words: fingerprint 1 | unused 1 | time 2. A line of cache holds four. */
const SLOT_WORDS = 4;
const PRINT = 0;
/** A double. */
const SEEN = 1;
/** Octets of the payload that are compared: counters and identifiers of all protocols that matter stand in them. */
const SAMPLE = 16;
/** Of ICMP: errors differ in what they quote behind the IP header, which takes up to 40 octets; nothing else may tell them apart, not even their checksums. */
const ICMP_SAMPLE = 56;

/**
 * Tells packets that were sighted before: the same IP packet but for what a hop changes (TTL, checksums, MACs, tags). A small table in which
 * newer packets overwrite older ones: exact as long as a few thousand packets lie between the sightings.
 */
export class CopyDetector {
  private readonly words = new Int32Array(SLOT_WORDS << SLOT_BITS);
  private readonly doubles = new Float64Array(this.words.buffer);

  constructor() {
    this.reset();
  }

  /** Whether the packet, of UDP or ICMP with its first eight octets, was sighted just now. The first sighting is remembered. */
  isCopy(packet: Packet): boolean {
    const { words, doubles } = this;
    const print = fingerprint(packet);
    const at = (print >>> (32 - SLOT_BITS)) * SLOT_WORDS;
    const seen = (at >> 1) + SEEN;
    if (words[at + PRINT] === print) {
      const age = packet.at - (doubles[seen] ?? 0);
      if (age >= 0 && age < COPY_SEC) return true;
    }
    words[at + PRINT] = print;
    doubles[seen] = packet.at;
    return false;
  }

  /** The capture's time starts anew. */
  reset(): void {
    this.doubles.fill(Number.NEGATIVE_INFINITY);
  }
}

/**
 * A number that copies of one packet share, whatever a hop changes of it. Each word has a factor of its own and none waits for the one before, since every packet of UDP
 * pays for this.
 */
export function fingerprint(packet: Packet): number {
  const { view, transport, transportAt, payloadAt, ipAt } = packet;
  let print = (Math.imul(packet.ident, 0x9e3779b1) + Math.imul(packet.payloadLength, 0x85ebca77)) | 0;
  // The ports; of ICMP type, code and checksum, and what tells echoes apart.
  print = (print + term(view.getInt32(transportAt), 0xc2b2ae3d)) | 0;
  if (transport !== IpProtocol.Udp) print = (print + term(view.getInt32(transportAt + 4), 0x27d4eb2f)) | 0;
  if (packet.version === 4) {
    print = (print + term(packet.src4, 0x165667b1) + term(packet.dst4, 0xd3a2646d)) | 0;
  } else {
    for (let i = 8; i < IPV6_DESTINATION + 16; i += 4) print = next(print, view.getInt32(ipAt + i));
  }
  const captured = packet.payloadCaptured;
  const isIcmp = transport === IpProtocol.Icmp || transport === IpProtocol.Icmpv6;
  if (captured >= SAMPLE && !isIcmp) {
    const first = term(view.getInt32(payloadAt), 0xfd7046c5) + term(view.getInt32(payloadAt + 4), 0xb55a4f09);
    const second = term(view.getInt32(payloadAt + 8), 0x7feb352d) + term(view.getInt32(payloadAt + 12), 0x846ca68b);
    return (print + first + second) | 0;
  }
  const end = payloadAt + Math.min(captured, isIcmp ? ICMP_SAMPLE : SAMPLE);
  for (let at = payloadAt; at + 4 <= end; at += 4) print = next(print, view.getInt32(at));
  return print;
}

/** The lower bits of a product do not depend on upper bits of the word: those are brought down first. */
const term = (word: number, factor: number): number => Math.imul(word ^ (word >>> 16), factor);

const next = (print: number, word: number): number => term((Math.imul(print, 0x5bd1e995) + word) | 0, 0x9e3779b1);
