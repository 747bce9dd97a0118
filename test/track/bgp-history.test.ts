import { describe, expect, it } from 'vitest';
import { bgpEndOfRib, bgpUpdate, RawCapture } from '../craft/index.ts';
import { BgpConversation, followBgp } from '../tools/bgp.ts';

const A = { ip: '192.0.2.1', as: 64_512, id: '192.0.2.1' };
const B = { ip: '192.0.2.2', as: 64_520, id: '192.0.2.2' };
const C = { ip: '192.0.2.3', as: 64_520, id: '192.0.2.3' };
/** When the capture's clock begins, in seconds. */
const START = Date.UTC(2024, 0, 15, 8) / 1000;
const FAR = '203.0.113.7';

const route = (by: string, med: number, prefix = '203.0.113.0/24') =>
  bgpUpdate({ announced: [prefix], nextHop: by, asPath: [64_520], med, as4: true });

/** What happens, and when it is over by the clock of the capture. */
function play(...steps: ((b: BgpConversation, c: BgpConversation, capture: RawCapture) => unknown)[]): {
  bytes: Uint8Array;
  times: number[];
} {
  const capture = new RawCapture();
  const b = new BgpConversation(capture, A, B, { port: 40_001 }).establish();
  const c = new BgpConversation(capture, A, C, { port: 40_002 }).establish();
  const times = steps.map((step) => {
    step(b, c, capture);
    capture.wait(1);
    return START + capture.now;
  });
  return { bytes: capture.bytes, times };
}

const begin = (b: BgpConversation, c: BgpConversation): unknown => {
  b.say('server', route(B.ip, 20), bgpEndOfRib());
  return c.say('server', route(C.ip, 10), bgpEndOfRib());
};

async function chosen(...steps: Parameters<typeof play>) {
  const { bytes, times } = play(...steps);
  const { tracker } = await followBgp(bytes);
  return [...times, undefined].map((at) => tracker.bestFor(A.ip, FAR, at));
}

describe('what a router had chosen at a time', () => {
  it('is told of each time, with its end', async () => {
    const [before, first, second, third, now] = await chosen(
      () => undefined,
      begin,
      (b) => b.say('server', route(B.ip, 5)),
      (b) => b.say('server', bgpUpdate({ withdrawn: ['203.0.113.0/24'], as4: true })),
    );
    expect(before).toBe(undefined);
    expect(first).toMatchObject({ route: { from: C.ip }, decidingStep: 'med', isComplete: true, until: { frame: 23 } });
    expect(first?.candidates).toHaveLength(2);
    expect(second).toMatchObject({ route: { from: B.ip, attributes: { med: 5 } }, decidingStep: 'med', since: { frame: 23 } });
    expect(third).toMatchObject({ route: { from: C.ip }, decidingStep: 'only-path' });
    expect(now).toMatchObject({ route: { from: C.ip }, until: null });
  });

  it('goes on while nothing changes but attributes that do not decide', async () => {
    const [first] = await chosen(
      begin,
      (b) => b.say('server', route(B.ip, 21)),
      (_b, c) => c.say('server', route(C.ip, 9)),
    );
    expect(first).toMatchObject({ route: { from: C.ip, attributes: { med: 10 } }, decidingStep: 'med', until: null });
  });

  it('ends where another step decides', async () => {
    const [first] = await chosen(begin, (b) => b.say('server', bgpUpdate({ withdrawn: ['203.0.113.0/24'], as4: true })));
    expect(first).toMatchObject({ route: { from: C.ip }, decidingStep: 'med', until: { frame: 23 } });
  });

  it('is by the longest prefix of that time', async () => {
    const [first, second] = await chosen(begin, (b) => b.say('server', route(B.ip, 5, '203.0.113.0/25')));
    expect(first).toMatchObject({ prefix: '203.0.113.0/24', route: { from: C.ip } });
    expect(second).toMatchObject({ prefix: '203.0.113.0/25', route: { from: B.ip } });
  });

  it('outlives the session', async () => {
    const [first, second] = await chosen(begin, (_b, c) => c.end('server', 0x01));
    expect(first).toMatchObject({ route: { from: C.ip }, isComplete: true });
    expect(second).toMatchObject({ route: { from: B.ip }, decidingStep: 'only-path' });
  });

  it('is not complete where too much has ended since', async () => {
    const [first] = await chosen(begin, (b) => {
      for (let i = 0; i < 8200; i++) b.say('server', route(B.ip, i, '198.51.100.0/24'));
    });
    expect(first).toMatchObject({ route: { from: C.ip }, isComplete: false });
  });
});
