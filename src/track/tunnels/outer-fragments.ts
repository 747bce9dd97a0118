import type { Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { COPY_SEC } from '../copies.ts';
import { writeAddress } from '../flows.ts';
import { NONE, Table } from '../table.ts';

const MOST_DATAGRAMS = 8192;
const REASSEMBLY_SEC = 30;
/** Both addresses, identification, protocol and path. */
const WORDS = 11;
const OWNER = 0;
const OFFSET = 1;
const AT = 2;
const OWN = 4;

/** Remembers to which tunnel the first fragment of an outer packet belonged, for the others show neither ports nor ids. */
export class OuterFragments {
  private readonly datagrams: Table;

  constructor(clock: Clock) {
    this.datagrams = new Table({ words: WORDS, own: OWN, limit: MOST_DATAGRAMS, idleSec: REASSEMBLY_SEC, clock });
  }

  get size(): number {
    return this.datagrams.size;
  }

  get evicted(): number {
    return this.datagrams.evicted;
  }

  /** A first fragment. @param owner any number from 0 on */
  begin(packet: Packet, owner: number): void {
    const { datagrams } = this;
    this.write(packet);
    let id = datagrams.touch();
    if (id === NONE) id = datagrams.add();
    const own = datagrams.ownOf(id);
    const { words, doubles } = datagrams;
    // Not a copy, but the same identification once more.
    if (packet.at - (doubles[(own + AT) >> 1] ?? 0) >= COPY_SEC) words[own + OFFSET] = 0;
    doubles[(own + AT) >> 1] = packet.at;
    words[own + OWNER] = owner;
  }

  /** The owner of a later fragment; NONE where it is not known, or the fragment is a copy. */
  follow(packet: Packet): number {
    const { datagrams } = this;
    this.write(packet);
    const id = datagrams.find();
    if (id === NONE) return NONE;
    const { words } = datagrams;
    const own = datagrams.ownOf(id);
    if (packet.fragmentOffset <= (words[own + OFFSET] ?? 0)) return NONE;
    words[own + OFFSET] = packet.fragmentOffset;
    return words[own + OWNER] ?? NONE;
  }

  expire(): void {
    this.datagrams.expire();
  }

  reset(): void {
    this.datagrams.clear();
  }

  private write(packet: Packet): void {
    const { key } = this.datagrams;
    writeAddress(key, 0, packet, true);
    writeAddress(key, 4, packet, false);
    key[8] = packet.ident;
    key[9] = packet.protocol;
    key[10] = packet.path;
  }
}
