import { describe, expect, it } from 'vitest';
import { AskedFlows, MOST_ASKED } from '../../src/track/asked-flows.ts';
import { NONE } from '../../src/track/table.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { noise, octets, udp } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* Which flows a client began. */

const packetOf = (from: string, to: string): Packet => decodeWhole(udp({ from, to, payload: octets(noise(4, 1)) }));

const listOf = (flows: AskedFlows, client: number): number[][] =>
  Array.from({ length: Math.min(flows.countOf(client), MOST_ASKED) }, (_, i) => [flows.flowOf(client, i), flows.serialOf(client, i)]);

describe.each([
  { family: 'IPv4', client: '192.0.2.1:4000', neighbour: '192.0.2.1:4001', server: '198.51.100.2:53' },
  { family: 'IPv6', client: '[2001:db8::1]:4000', neighbour: '[2001:db8::1:1]:4000', server: '[2001:db8::2]:53' },
])('flows of a client by $family', ({ client, neighbour, server }) => {
  const question = packetOf(client, server);
  const answer = packetOf(server, client);

  it('are the latest four', () => {
    const flows = new AskedFlows(question, 20);
    expect(flows.findReceiver(answer)).toBe(NONE);
    for (let i = 0; i < MOST_ASKED + 1; i++) {
      flows.note(question, 10 + i, 100 + i);
      flows.note(packetOf(neighbour, server), 20 + i, 200 + i);
      expect(flows.countOf(flows.findReceiver(answer))).toBe(i + 1);
    }
    const latest = [14, 11, 12, 13].map((flow) => [flow, flow + 90]);
    expect(listOf(flows, flows.findReceiver(answer))).toEqual(latest);
    expect([flows.size, flows.findReceiver(question)]).toEqual([2, NONE]);
  });

  it('are none any more where it was silent for long, nor those of who had its place', () => {
    const flows = new AskedFlows(question, 20);
    for (let i = 0; i < MOST_ASKED; i++) flows.note(question, i, i);
    question.at += 21;
    expect(flows.findReceiver(answer)).toBe(NONE);
    flows.note(packetOf(neighbour, server), 7, 8);
    expect(listOf(flows, flows.findReceiver(packetOf(server, neighbour)))).toEqual([[7, 8]]);
  });
});

it('an address of IPv4 in IPv6 is that address', () => {
  const question = packetOf('192.0.2.1:4000', '198.51.100.2:53');
  const flows = new AskedFlows(question, 20);
  flows.note(question, 1, 2);
  expect(listOf(flows, flows.findReceiver(packetOf('[2001:db8::2]:53', '[::ffff:192.0.2.1]:4000')))).toEqual([[1, 2]]);
});
