import type { Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { writeAddress } from './flows.ts';
import { NONE, Table } from './table.ts';

const MOST_DATAGRAMS = 8192;
/** How long a receiver waits for the rest (RFC 1122 section 3.3.2 asks for 60 to 120 s, Linux waits 30). */
const REASSEMBLY_SEC = 30;
/** Both addresses, identification, protocol and path. */
const WORDS = 11;

/** Gives later fragments the ports that only the first one shows. */
export class FragmentTracker {
  private readonly datagrams: Table;

  constructor(clock: Clock) {
    this.datagrams = new Table({ words: WORDS, own: 1, limit: MOST_DATAGRAMS, idleSec: REASSEMBLY_SEC, clock });
  }

  get size(): number {
    return this.datagrams.size;
  }

  get evicted(): number {
    return this.datagrams.evicted;
  }

  /** A packet that is a fragment: remembers the ports of a first one, and sets them (and `joined`) in a later one. */
  observe(packet: Packet): void {
    const { datagrams } = this;
    writeFragmentKey(datagrams.key, packet);
    const id = datagrams.touch();
    if (packet.fragmentOffset === 0) {
      if (packet.transport === 0) return;
      const own = datagrams.ownOf(id === NONE ? datagrams.add() : id);
      datagrams.words[own] = (packet.sourcePort << 16) | packet.destinationPort;
    } else if (id !== NONE) {
      const ports = datagrams.words[datagrams.ownOf(id)] ?? 0;
      packet.sourcePort = ports >>> 16;
      packet.destinationPort = ports & 0xffff;
      packet.joined = true;
    }
  }

  expire(): void {
    this.datagrams.expire();
  }

  finish(): void {
    this.datagrams.clear();
  }
}

/**
 * What all fragments of one datagram share, in eleven words: both addresses, identification, IPv4's protocol (RFC 791 section 3.2; IPv6 does
 * without, RFC 8200 section 4.5), path. The protocol is the one in the header: behind AH the first fragment tells another one.
 */
export function writeFragmentKey(key: Int32Array, packet: Packet): void {
  writeAddress(key, 0, packet, true);
  writeAddress(key, 4, packet, false);
  key[8] = packet.ident;
  key[9] = packet.version === 4 ? packet.view.getUint8(packet.ipAt + 9) : 0;
  key[10] = packet.path;
}
