import { describe, expect, it } from 'vitest';
import type { BestPath } from '../../src/track/bgp/route.ts';
import type { BgpSession } from '../../src/track/bgp/session.ts';
import { RecordStore } from '../../src/track/records.ts';

/* Which records are kept where there are more than `--max-records`. Their contents play no part. */

const best = { best: {} as BestPath };
const session = { session: {} as BgpSession };
const isNoSession = (record: object): boolean => !('session' in record);

describe('records of which there are too many', () => {
  it('leave out the later ones', () => {
    const store = new RecordStore(new Set(['bgp']), 2);
    for (let i = 0; i < 3; i++) store.add('bgp', () => best);
    expect(store.kept.bgp).toEqual([best, best]);
    expect([store.counts.bgp, store.omitted]).toEqual([3, 1]);
  });

  it('make room for the few without which the others say little', () => {
    const store = new RecordStore(new Set(['bgp']), 2);
    for (let i = 0; i < 2; i++) store.add('bgp', () => best);
    for (let i = 0; i < 3; i++) store.addFirst('bgp', () => session, isNoSession);
    expect(store.kept.bgp).toEqual([session, session]);
    expect([store.counts.bgp, store.omitted]).toEqual([5, 3]);
  });

  it('are counted where nobody wants them', () => {
    const store = new RecordStore(new Set(), 0);
    store.addFirst('bgp', () => session, isNoSession);
    expect([store.counts.bgp, store.kept.bgp.length]).toEqual([1, 0]);
  });

  it('are handed on all the same', () => {
    const taken: unknown[] = [];
    const store = new RecordStore(new Set(['bgp']), 1, { take: (_kind, record) => taken.push(record) });
    store.add('bgp', () => best);
    store.addFirst('bgp', () => session, isNoSession);
    expect(taken).toEqual([best, session]);
  });
});
