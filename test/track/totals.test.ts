import { describe, expect, it } from 'vitest';
import { FlowTable } from '../../src/track/flows.ts';
import { TotalsBook } from '../../src/track/totals.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { noise, octets, udp } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* What clients asked servers, summed up by addresses of both families. */

const none = { clientPorts: 0, requests: 0, repliesRight: 0 };

const packetOf = (from: string, to: string): Packet => decodeWhole(udp({ from, to, payload: octets(noise(4, 1)) }));

/** Flows of so many requests and answers. */
function flowsOf(clock: Packet, exchanges: readonly (readonly [from: string, to: string, requests: number, replies: number])[]): FlowTable {
  const flows = new FlowTable(clock, 0, 64, () => {});
  for (const [from, to, requests, replies] of exchanges) {
    for (let i = 0; i < requests; i++) flows.observe(packetOf(from, to));
    for (let i = 0; i < replies; i++) flows.observe(packetOf(to, from));
  }
  return flows;
}

const byOpener =
  (flows: FlowTable) =>
  (id: number): boolean =>
    flows.openedByLower(id);

describe.each([
  { family: 'IPv4', client: '192.0.2.1', server: '198.51.100.2', other: '198.51.100.3', at: (ip: string, port: number) => `${ip}:${port}` },
  {
    family: 'IPv6',
    client: '2001:db8::1',
    server: '2001:db8::2',
    other: '2001:db8:1::2',
    at: (ip: string, port: number) => `[${ip}]:${port}`,
  },
])('totals of $family', ({ client, server, other, at }) => {
  const clock = packetOf(at(client, 4000), at(server, 53));
  const flows = flowsOf(clock, [
    [at(client, 4000), at(server, 53), 3, 1],
    [at(client, 4001), at(server, 53), 2, 2],
    [at(client, 4001), at(server, 65_535), 1, 0],
    [at(client, 4001), at(other, 53), 1, 1],
  ]);
  const lower = byOpener(flows);
  const { path } = clock;

  it('sum up the ports of a client, by server and port', () => {
    const book = new TotalsBook(clock);
    for (const id of flows.table.ids()) book.add(flows, id, lower(id));
    expect(book.of(client, { ip: server, port: 53 }, path)).toEqual({ clientPorts: 2, requests: 5, repliesRight: 3 });
    expect(book.of(client, { ip: server, port: 65_535 }, path)).toEqual({ clientPorts: 1, requests: 1, repliesRight: 0 });
    expect(book.of(client, { ip: other, port: 53 }, path)).toEqual({ clientPorts: 1, requests: 1, repliesRight: 1 });
    expect([book.of(server, { ip: client, port: 53 }, path), book.of(client, { ip: server, port: 53 }, path + 1)]).toEqual([none, none]);
    book.clear();
    expect(book.of(client, { ip: server, port: 53 }, path)).toEqual(none);
  });

  it('tell who was asked, of what is over and of what goes on', () => {
    const book = new TotalsBook(clock);
    const rest = flowsOf(clock, [[at(client, 4002), at(other, 53), 1, 0]]);
    expect(book.asked([server, other, client], 53, path, rest, byOpener(rest))).toEqual([other]);
    for (const id of flows.table.ids()) book.add(flows, id, lower(id));
    expect(book.asked([client, server, '::ffff:0:0', '0.0.0.1'], 53, path, rest, byOpener(rest))).toEqual([server]);
    expect(book.asked([server, other], 65_535, path, rest, byOpener(rest))).toEqual([server]);
    expect(book.asked([server, other], 54, path, rest, byOpener(rest))).toEqual([]);
  });

  it('count what goes on for the pairs that are asked for', () => {
    const book = new TotalsBook(clock);
    book.countOpen([{ client: { ip: client }, asked: { ip: server, port: 53 }, path }], flows, lower);
    expect(book.of(client, { ip: server, port: 53 }, path)).toEqual({ clientPorts: 2, requests: 5, repliesRight: 3 });
    expect(book.of(client, { ip: other, port: 53 }, path)).toEqual(none);
  });
});
