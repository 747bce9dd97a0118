import { type Endpoint, ipWords } from '../net/ip.ts';
import type { Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { type FlowTable, IPV4_MAPPED, writeAddress } from './flows.ts';
import { NONE, Table } from './table.ts';

const MOST_TOTALS = 65_536;
const MOST_OPEN = 16_384;
const MOST_COUNTED = 2 ** 31 - 1;

/*
 * The key: kind of addresses and port of the asked one; path; the client's address, the asked one's, one word each of IPv4 and four of IPv6. One of IPv4 and what is
 * summed up fill a line of the cache; the rest of the others stands apart.
 */
const PORT = 0;
const PATH = 1;
const CLIENT = 2;
const IPV4_WORDS = CLIENT + 2;
const ADDRESS = 4;
const IPV6_WORDS = CLIENT + 2 * ADDRESS;
const PORT_MASK = 0xffff;
const IPV6 = 1 << 16;

const CLIENT_PORTS = 0;
const REQUESTS = 1;
const REPLIES = 2;

/** What all ports of a client asked one server, and how often it was answered by it. */
export interface Totals {
  clientPorts: number;
  requests: number;
  repliesRight: number;
}

/** Sums up conversations by client address, asked server and path. */
export class TotalsBook {
  private readonly over: Table;
  /** Conversations that go on, for some pairs: as of the latest `countOpen`. */
  private readonly open: Table;

  constructor(clock: Clock) {
    const options = { words: IPV6_WORDS, front: IPV4_WORDS, own: 3, idleSec: Number.POSITIVE_INFINITY, clock };
    this.over = new Table({ ...options, limit: MOST_TOTALS });
    this.open = new Table({ ...options, limit: MOST_OPEN });
  }

  /** A conversation is over. */
  add(flows: FlowTable, id: number, clientIsLower: boolean): void {
    if (flows.packetsFrom(id, clientIsLower) === 0) return;
    writeFlow(this.over, flows, id, clientIsLower);
    count(this.over, taken(this.over), flows, id, clientIsLower);
  }

  /** The client gets a right answer that is in another flow than its request. @param words where the asked server's address and port are, from `at` on */
  repliedFromOtherPort(packet: Packet, words: Int32Array, at: number): void {
    const { over } = this;
    writeAddress(pair, 0, packet, false);
    for (let i = 0; i < ADDRESS; i++) pair[ADDRESS + i] = words[at + i] ?? 0;
    writeKey(over, words[at + ADDRESS] ?? 0, packet.path);
    const own = taken(over);
    over.words[own + REPLIES] = (over.words[own + REPLIES] ?? 0) + 1;
  }

  /** Counts the conversations of these pairs that go on: for a judgement before they are over. */
  countOpen(
    pairs: Iterable<{ client: Endpoint; asked: Required<Endpoint>; path: number }>,
    flows: FlowTable,
    clientIsLower: (id: number) => boolean,
  ): void {
    const { open } = this;
    open.clear();
    for (const { client, asked, path } of pairs) {
      writePair(open, client.ip, asked, path);
      if (open.find() === NONE) open.add();
    }
    if (open.size === 0) return;
    for (const id of flows.table.ids()) {
      const byLower = clientIsLower(id);
      if (flows.packetsFrom(id, byLower) === 0) continue;
      writeFlow(open, flows, id, byLower);
      const found = open.find();
      if (found !== NONE) count(open, open.ownOf(found), flows, id, byLower);
    }
  }

  of(client: string, asked: Required<Endpoint>, path: number): Totals {
    const sum = { clientPorts: 0, requests: 0, repliesRight: 0 };
    for (const table of [this.over, this.open]) {
      writePair(table, client, asked, path);
      const id = table.find();
      if (id === NONE) continue;
      const own = table.ownOf(id);
      sum.clientPorts += table.words[own + CLIENT_PORTS] ?? 0;
      sum.requests += table.words[own + REQUESTS] ?? 0;
      sum.repliesRight += table.words[own + REPLIES] ?? 0;
    }
    return sum;
  }

  /** Those of the addresses that somebody asked at this port. Looks at everything: for what is asked seldom. */
  asked(ips: readonly string[], port: number, path: number, flows: FlowTable, clientIsLower: (id: number) => boolean): string[] {
    const wanted = ips.map((ip) => ({ ip, words: ipWords(ip) }));
    const found = new Set<string>();
    const note = (word: (i: number) => number): void => {
      for (const { ip, words } of wanted) if (words.every((value, i) => (value | 0) === word(i))) found.add(ip);
    };
    const { over } = this;
    for (const id of over.ids())
      if (
        (over.keyWord(id, PORT) & PORT_MASK) === port &&
        over.keyWord(id, PATH) === path &&
        (over.words[over.ownOf(id) + REQUESTS] ?? 0) > 0
      )
        note((i) => askedWord(over, id, i));
    for (const id of flows.table.ids()) {
      const byLower = clientIsLower(id);
      if (flows.pathOf(id) === path && flows.portOf(id, !byLower) === port && flows.packetsFrom(id, byLower) > 0)
        note((i) => flows.addressWord(id, !byLower, i));
    }
    return ips.filter((ip) => found.has(ip));
  }

  /** Nothing goes on any more. */
  finish(): void {
    this.open.clear();
  }

  clear(): void {
    this.over.clear();
    this.open.clear();
  }
}

/** Both addresses of the key that is being written, four words each. */
const pair = new Int32Array(2 * ADDRESS);

function writePair(table: Table, client: string, asked: Required<Endpoint>, path: number): void {
  pair.set(ipWords(client), 0);
  pair.set(ipWords(asked.ip), ADDRESS);
  writeKey(table, asked.port, path);
}

function writeFlow(table: Table, flows: FlowTable, id: number, clientIsLower: boolean): void {
  const port = flows.portOf(id, !clientIsLower);
  const path = flows.pathOf(id);
  if (flows.isIpv4(id)) {
    writeIpv4(table, port, path, flows.addressWord(id, clientIsLower, 3), flows.addressWord(id, !clientIsLower, 3));
    return;
  }
  for (let i = 0; i < ADDRESS; i++) {
    pair[i] = flows.addressWord(id, clientIsLower, i);
    pair[ADDRESS + i] = flows.addressWord(id, !clientIsLower, i);
  }
  writeKey(table, port, path);
}

/** The key of the addresses in `pair`. */
function writeKey(table: Table, port: number, path: number): void {
  if (isIpv4(0) && isIpv4(ADDRESS)) {
    writeIpv4(table, port, path, pair[3] ?? 0, pair[ADDRESS + 3] ?? 0);
    return;
  }
  const { key } = table;
  key[PORT] = port | IPV6;
  key[PATH] = path;
  key.set(pair, CLIENT);
  table.keyLength = IPV6_WORDS;
}

function writeIpv4(table: Table, port: number, path: number, client: number, asked: number): void {
  const { key } = table;
  key[PORT] = port;
  key[PATH] = path;
  key[CLIENT] = client;
  key[CLIENT + 1] = asked;
  table.keyLength = IPV4_WORDS;
}

const isIpv4 = (at: number): boolean => pair[at] === 0 && pair[at + 1] === 0 && pair[at + 2] === IPV4_MAPPED;

/** Word `i` of the asked address, of four. */
function askedWord(table: Table, id: number, i: number): number {
  if (table.keyWord(id, PORT) & IPV6) return table.keyWord(id, CLIENT + ADDRESS + i);
  return i === 3 ? table.keyWord(id, CLIENT + 1) : i === 2 ? IPV4_MAPPED : 0;
}

/** Where the words of the key's entry begin, added where there is none. */
function taken(table: Table): number {
  const id = table.touch();
  return table.ownOf(id === NONE ? table.addMissing() : id);
}

function count({ words }: Table, own: number, flows: FlowTable, id: number, clientIsLower: boolean): void {
  words[own + CLIENT_PORTS] = (words[own + CLIENT_PORTS] ?? 0) + 1;
  words[own + REQUESTS] = Math.min((words[own + REQUESTS] ?? 0) + flows.packetsFrom(id, clientIsLower), MOST_COUNTED);
  words[own + REPLIES] = Math.min((words[own + REPLIES] ?? 0) + flows.packetsFrom(id, !clientIsLower), MOST_COUNTED);
}
