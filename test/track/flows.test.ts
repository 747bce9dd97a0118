import { describe, expect, it } from 'vitest';
import { FLOW_STATE, FlowTable, OPENED_BY_LOWER } from '../../src/track/flows.ts';
import { UdpTracker } from '../../src/track/udp.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { octets, udp } from '../craft/index.ts';
import { decodeWhole } from '../wire/layers.ts';

/* Flows of UDP, whichever end speaks. */

const [LOWER, UPPER] = ['192.0.2.1:4000', '198.51.100.2:53'];
const [LOWER6, UPPER6] = ['[2001:db8::1]:4000', '[2001:db8::2]:53'];
const sent = (from: string, to: string): Packet => decodeWhole(udp({ from, to, payload: octets(1, 2, 3) }));
const newTable = (): FlowTable => new FlowTable(sent(LOWER, UPPER), 2, 16, () => {});

describe('a flow', () => {
  it.each([
    { version: 4, ends: [LOWER, UPPER] as const },
    { version: 6, ends: [LOWER6, UPPER6] as const },
  ])('of IPv$version has both ends, and knows who opened it', ({ ends: [lower, upper] }) => {
    for (const [opener, other] of [
      [lower, upper],
      [upper, lower],
    ] as const) {
      const flows = newTable();
      const id = flows.observe(sent(opener, other));
      const isLower = flows.fromLower;
      expect([flows.isNew, flows.openedByLower(id)]).toEqual([true, isLower]);
      expect(flows.observe(sent(other, opener))).toBe(id);
      expect([flows.isNew, flows.fromLower]).toEqual([false, !isLower]);
      flows.observe(sent(other, opener));
      flows.discount(id, flows.fromLower);
      flows.observe(sent(opener, other));
      expect([flows.packetsFrom(id, isLower), flows.packetsFrom(id, !isLower)]).toEqual([2, 1]);
    }
  });

  it('leaves all but the lowest bit of its state to whoever follows it', () => {
    const flows = newTable();
    const id = flows.observe(sent(LOWER, UPPER));
    const opened = flows.openedByLower(id);
    const { words } = flows.table;
    const at = flows.wordsOf(id) + FLOW_STATE;
    expect((words[at] ?? 0) & ~OPENED_BY_LOWER).toBe(0);
    words[at] = (words[at] ?? 0) | ~OPENED_BY_LOWER;
    flows.observe(sent(UPPER, LOWER));
    expect([flows.openedByLower(id), (words[at] ?? 0) | OPENED_BY_LOWER]).toEqual([opened, -1]);
  });

  it('takes two lines of cache', () => {
    const packet = sent(LOWER, UPPER);
    const nothing = (): void => {};
    const tracker = new UdpTracker(packet, {
      conversation: nothing,
      wireguard: nothing,
      wireguardPassedOn: nothing,
      isWireguard: () => false,
      openvpn: nothing,
      openvpnPassedOn: nothing,
      claimOpenVpn: () => 0,
    });
    tracker.observe(packet, false);
    const flows: unknown = Reflect.get(tracker, 'flows');
    if (!(flows instanceof FlowTable)) throw new Error('a tracker without flows');
    const { table } = flows;
    table.key[2] = 1;
    const second = table.add();
    expect(table.ownOf(second) - table.ownOf(second - 1)).toBe(32);
  });
});
