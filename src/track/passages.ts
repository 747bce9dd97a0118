import { ICMP_BODY } from '../wire/icmp.ts';
import { IPV6_DESTINATION, IPV6_SOURCE, IpProtocol, type Packet } from '../wire/packet.ts';

/** A router hands a packet on within this time, also where its uplink is full. */
const PASSAGE_SEC = 1;
const SLOTS = 4096;
const MASK = SLOTS - 1;
/** Octets of the payload that are compared. */
const SAMPLE = 16;
/** No flow has this number. */
const NOTHING = 0;

/* A slot; the time is a double. */
const PRINT = 0;
const FLOW = 1;
const SOURCE = 2;
const DESTINATION = 3;
const SEEN = 4;
const WORDS = 8;

/**
 * Tells packets that come in and leave again with other addresses or ports: a NAT's. What a hop and a NAT change of a packet (TTL, checksums, addresses, ports)
 * is not compared; its identification and the beginning of its payload are, of TCP the sequence numbers too. A small table in which newer packets overwrite
 * older ones.
 */
export class Passages {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;

  constructor() {
    const memory = new ArrayBuffer(SLOTS * WORDS * 4);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
  }

  /** The packet came in; it belongs to the caller's flow with this number. */
  enter(packet: Packet, flow: number): void {
    const { words } = this;
    const print = printOf(packet);
    const at = slotOf(print);
    words[at + PRINT] = print;
    words[at + FLOW] = flow;
    words[at + SOURCE] = addressNumber(packet, true);
    words[at + DESTINATION] = addressNumber(packet, false);
    this.doubles[(at + SEEN) >> 1] = packet.at;
  }

  /** The packet leaves: the flow in which it came in, if that was another one than `flow`; else 0. */
  leave(packet: Packet, flow: number): number {
    const { words } = this;
    const print = printOf(packet);
    const at = slotOf(print);
    const entered = words[at + FLOW] ?? NOTHING;
    if (words[at + PRINT] !== print || entered === flow) return NOTHING;
    const age = packet.at - (this.doubles[(at + SEEN) >> 1] ?? 0);
    if (age < 0 || age > PASSAGE_SEC) return NOTHING;
    // Without an identification of its own (IPv6, and much of what must not be fragmented) two packets may look alike: then one address must be the same.
    const isAlike =
      isNumbered(packet) || words[at + SOURCE] === addressNumber(packet, true) || words[at + DESTINATION] === addressNumber(packet, false);
    return isAlike ? entered : NOTHING;
  }

  reset(): void {
    this.words.fill(NOTHING);
  }
}

const slotOf = (print: number): number => ((print ^ (print >>> 16)) & MASK) * WORDS;

const isNumbered = ({ version, ident, transport }: Packet): boolean => transport === IpProtocol.Tcp || (version === 4 && ident !== 0);

/** An address in one word: of IPv6 mixed from all four. */
export function addressNumber(packet: Packet, source: boolean): number {
  if (packet.version === 4) return source ? packet.src4 : packet.dst4;
  const { view } = packet;
  const at = packet.ipAt + (source ? IPV6_SOURCE : IPV6_DESTINATION);
  return mix(mix(mix(view.getInt32(at), view.getInt32(at + 4)), view.getInt32(at + 8)), view.getInt32(at + 12));
}

/** A number that sightings of one packet share, before and after routing and NAT. */
export function printOf(packet: Packet): number {
  const { view, transport, transportAt } = packet;
  let print = mix(mix(packet.ident, packet.protocol), packet.payloadLength);
  if (transport === IpProtocol.Tcp) print = mix(mix(print, view.getInt32(transportAt + 4)), view.getInt32(transportAt + 8));
  // The identifier of an echo is a NAT's to change, its type and sequence number are not.
  else if (isEcho(packet)) print = mix(mix(print, packet.icmpType), view.getUint16(transportAt + ICMP_BODY - 2));
  const end = packet.payloadAt + Math.min(packet.payloadCaptured, SAMPLE);
  for (let at = packet.payloadAt; at + 4 <= end; at += 4) print = mix(print, view.getInt32(at));
  return print;
}

const isEcho = ({ transport, transportAt, capturedEnd }: Packet): boolean =>
  (transport === IpProtocol.Icmp || transport === IpProtocol.Icmpv6) && transportAt + ICMP_BODY <= capturedEnd;

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
