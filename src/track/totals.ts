import { type Endpoint, ipWords } from '../net/ip.ts';
import type { Packet } from '../wire/packet.ts';
import type { Clock } from './clock.ts';
import { type FlowTable, writeAddress } from './flows.ts';
import { NONE, Table } from './table.ts';

const MOST_TOTALS = 65_536;
const MOST_OPEN = 16_384;
const MOST_COUNTED = 2 ** 31 - 1;

// Words of a key: both addresses, four words each; the port of the asked one; the path.
const ASKED = 4;
const PORT = 8;
const PATH = 9;
const KEY_WORDS = 10;
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
    const options = { words: KEY_WORDS, own: 3, idleSec: Number.POSITIVE_INFINITY, clock };
    this.over = new Table({ ...options, limit: MOST_TOTALS });
    this.open = new Table({ ...options, limit: MOST_OPEN });
  }

  /** A conversation is over. */
  add(flows: FlowTable, id: number, clientIsLower: boolean): void {
    if (flows.packetsFrom(id, clientIsLower) === 0) return;
    writeFlow(this.over.key, flows, id, clientIsLower);
    count(this.over, taken(this.over), flows, id, clientIsLower);
  }

  /** The client gets a right answer that is in another flow than its request. @param words where the asked server's address and port are, from `at` on */
  repliedFromOtherPort(packet: Packet, words: Int32Array, at: number): void {
    const { over } = this;
    writeAddress(over.key, 0, packet, false);
    for (let i = ASKED; i <= PORT; i++) over.key[i] = words[at + i - ASKED] ?? 0;
    over.key[PATH] = packet.path;
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
      writePair(open.key, client.ip, asked, path);
      if (open.find() === NONE) open.add();
    }
    if (open.size === 0) return;
    for (const id of flows.table.ids()) {
      const byLower = clientIsLower(id);
      if (flows.packetsFrom(id, byLower) === 0) continue;
      writeFlow(open.key, flows, id, byLower);
      const found = open.find();
      if (found !== NONE) count(open, open.ownOf(found), flows, id, byLower);
    }
  }

  of(client: string, asked: Required<Endpoint>, path: number): Totals {
    const sum = { clientPorts: 0, requests: 0, repliesRight: 0 };
    for (const table of [this.over, this.open]) {
      writePair(table.key, client, asked, path);
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
      if (over.keyWord(id, PORT) === port && over.keyWord(id, PATH) === path && (over.words[over.ownOf(id) + REQUESTS] ?? 0) > 0)
        note((i) => over.keyWord(id, ASKED + i));
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

function writePair(key: Int32Array, client: string, asked: Required<Endpoint>, path: number): void {
  key.set(ipWords(client), 0);
  key.set(ipWords(asked.ip), ASKED);
  key[PORT] = asked.port;
  key[PATH] = path;
}

function writeFlow(key: Int32Array, flows: FlowTable, id: number, clientIsLower: boolean): void {
  for (let i = 0; i < 4; i++) {
    key[i] = flows.addressWord(id, clientIsLower, i);
    key[ASKED + i] = flows.addressWord(id, !clientIsLower, i);
  }
  key[PORT] = flows.portOf(id, !clientIsLower);
  key[PATH] = flows.pathOf(id);
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
