import { describe, expect, it } from 'vitest';
import { OwnContext } from '../../src/cli/live/own-context.ts';
import type { HostDocument } from '../../src/context/document.ts';
import { hostOf } from '../../src/context/model.ts';
import { until } from '../tools/netns.ts';

/* What `fluxcap live` knows of its own machine, while that changes. */

const machine = (hostname: string, address: string): HostDocument => ({
  hostname,
  kernel: null,
  time: null,
  addresses: [
    {
      ifindex: 2,
      ifname: 'eth0',
      address: '02:00:00:00:00:0a',
      addr_info: [{ family: 'inet', local: address, prefixlen: 24, scope: 'global' }],
    },
  ],
});

describe('the context of a live run', () => {
  it('is what this machine says, and what files say of others', async () => {
    const own = await OwnContext.open({
      collect: async () => machine('gateway', '192.0.2.1'),
      others: [hostOf(machine('peer', '198.51.100.1')), hostOf(machine('gateway', '203.0.113.1'))],
    });
    own.close();
    expect(own.context.hosts.map(({ name }) => name)).toEqual(['gateway', 'peer']);
    expect(own.context.observer?.name).toBe('gateway');
    expect(own.context.ownerOfAddress('192.0.2.1')?.link.name).toBe('eth0');
    expect(own.context.ownerOfAddress('203.0.113.1')).toBe(undefined);
  });

  it('follows the machine, outlives a moment in which nothing can be read, and ends with the run', async () => {
    const answers = [async () => machine('gateway', '192.0.2.1'), () => Promise.reject(new Error('no time'))];
    let asked = 0;
    const own = await OwnContext.open({
      collect: () =>
        (answers[asked++] ?? (async () => ({ ...machine('gateway', '192.0.2.2'), time: `2026-01-01T00:00:${10 + (asked % 50)}Z` })))(),
      others: [],
      refreshMs: 1,
      now: () => asked,
    });
    expect(own.context.ownerOfAddress('192.0.2.1')?.host.name).toBe('gateway');
    await until('the new address', () => own.context.ownerOfAddress('192.0.2.2') !== undefined);
    expect(own.context.ownerOfAddress('192.0.2.1')).toBe(undefined);
    expect(own.context.observer?.name).toBe('gateway');
    // What says the same again is no news.
    const { version } = own.context;
    const before = asked;
    await until('further answers', () => asked > before + 3);
    expect(own.context.version).toBe(version);
    // Asked at the end, it is of now.
    const { readAt } = own.context;
    await own.again();
    expect(own.context.readAt).toBeGreaterThan(readAt);
    own.close();
    const at = asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked).toBeLessThanOrEqual(at + 1);
  });

  it('is what was asked last, though an older question is answered later', async () => {
    const answers: ((document: HostDocument) => void)[] = [];
    let second = 0;
    const opening = OwnContext.open({
      collect: () => new Promise((resolve) => answers.push(resolve)),
      others: [],
      refreshMs: 1,
      now: () => ++second,
    });
    answers[0]?.(machine('gateway', '192.0.2.1'));
    const own = await opening;
    await until('the timer asks', () => answers.length === 2);
    const last = own.again();
    answers[2]?.(machine('gateway', '192.0.2.3'));
    await last;
    expect(own.context.readAt).toBe(3);
    answers[1]?.(machine('gateway', '192.0.2.2'));
    await new Promise((resolve) => setImmediate(resolve));
    own.close();
    expect(own.context.ownerOfAddress('192.0.2.3')).toBeDefined();
    expect(own.context.readAt).toBe(3);
  });

  it('is not asked of this machine where another one captures', async () => {
    const own = await OwnContext.open({ collect: undefined, others: [hostOf(machine('gateway', '192.0.2.1'))] });
    expect(own.context.hosts).toHaveLength(1);
    expect(own.context.given).toBe(undefined);
  });
});
