import type { Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { IPV4_MAPPED, writeAddress } from './flows.ts';
import { NONE, Table } from './table.ts';

const MOST_CLIENTS = 65_536;
/** Requests to more servers than this from one port: a peer among peers. */
export const MOST_ASKED = 4;

/** The key: port, and whether the address is of IPv6; path; the address, one word of IPv4, four of IPv6. */
const IPV4_WORDS = 3;
const IPV6_WORDS = 6;
const IPV6 = 1 << 16;
const ADDRESS = 2;

/*
 * An entry's own words: how many flows it had 1 | the first FEW of the latest: id plus one and serial each. With the table's they fill one line of the cache. What most
 * clients do not have stands apart: the others.
 */
const COUNT = 0;
const LISTED = 1;
const FLOW_WORDS = 2;
const FEW = 2;
const CLIENT_WORDS = LISTED + FEW * FLOW_WORDS;
const REST_WORDS = (MOST_ASKED - FEW) * FLOW_WORDS;

/** The latest flows that each client began, MOST_ASKED of them: what it may be answered for. A client is an address with a port. */
export class AskedFlows {
  private readonly table: Table;
  /** By id of the client. There is no memory for them before the first one. */
  private rest = new Int32Array(0);

  constructor(clock: Clock, idleSec: number) {
    this.table = new Table({ words: IPV6_WORDS, front: IPV4_WORDS, own: CLIENT_WORDS, limit: MOST_CLIENTS, idleSec, clock });
  }

  get size(): number {
    return this.table.size;
  }

  /** The packet's sender began a flow. */
  note(packet: Packet, flow: number, serial: number): void {
    const { table } = this;
    this.writeKey(packet, true);
    let id = table.touch();
    if (id === NONE) id = table.addMissing();
    const own = table.ownOf(id);
    const count = table.words[own + COUNT] ?? 0;
    table.words[own + COUNT] = count + 1;
    const i = count % MOST_ASKED;
    if (i >= FEW && this.rest.length === 0) this.rest = new Int32Array(table.limit * REST_WORDS);
    const words = i < FEW ? table.words : this.rest;
    const at = this.wordsOf(id, i);
    words[at] = flow + 1;
    words[at + 1] = serial;
  }

  /** The client that the packet goes to, or NONE. */
  findReceiver(packet: Packet): number {
    this.writeKey(packet, false);
    return this.table.find();
  }

  /** How many flows a client began. */
  countOf(client: number): number {
    return this.table.words[this.table.ownOf(client) + COUNT] ?? 0;
  }

  /** The id of one of its flows, `i` below MOST_ASKED and below their count; another flow may have it by now. */
  flowOf(client: number, i: number): number {
    return ((i < FEW ? this.table.words : this.rest)[this.wordsOf(client, i)] ?? 0) - 1;
  }

  serialOf(client: number, i: number): number {
    return (i < FEW ? this.table.words : this.rest)[this.wordsOf(client, i) + 1] ?? 0;
  }

  expire(): void {
    this.table.expire();
  }

  clear(): void {
    this.table.clear();
  }

  private wordsOf(client: number, i: number): number {
    return i < FEW ? this.table.ownOf(client) + LISTED + i * FLOW_WORDS : client * REST_WORDS + (i - FEW) * FLOW_WORDS;
  }

  private writeKey(packet: Packet, isSource: boolean): void {
    const { table } = this;
    const { key } = table;
    const isIpv4 = writeClient(key, ADDRESS, packet, isSource);
    key[0] = (isSource ? packet.sourcePort : packet.destinationPort) | (isIpv4 ? 0 : IPV6);
    key[1] = packet.path;
    table.keyLength = isIpv4 ? IPV4_WORDS : IPV6_WORDS;
  }
}

/** Writes the address of the packet's source or destination into a key: one word of IPv4, four of IPv6. Whether it is of IPv4, which it is also where it came in IPv6. */
export function writeClient(key: Int32Array, at: number, packet: Packet, isSource: boolean): boolean {
  if (packet.version === 4) {
    key[at] = isSource ? packet.src4 : packet.dst4;
    return true;
  }
  writeAddress(key, at, packet, isSource);
  if (key[at] !== 0 || key[at + 1] !== 0 || key[at + 2] !== IPV4_MAPPED) return false;
  key[at] = key[at + 3] ?? 0;
  return true;
}
