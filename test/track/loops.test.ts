import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomialUpTo } from '../../src/diagnose/route-flap.ts';
import { cycleOf } from '../../src/diagnose/routing-loop.ts';
import { LoopTracker } from '../../src/track/loops.ts';
import type { Hop } from '../../src/track/traceroute/traceroute.ts';
import { isIcmpError, QuotedPacket } from '../../src/wire/icmp.ts';
import { EthernetCapture, echoRequest, type NetworkPacket, octets, RawCapture, timeExceeded, udp } from '../craft/index.ts';
import { eachPacket } from '../tools/walk.ts';

const SOURCE = '192.0.2.10';
const NOWHERE = '203.0.113.9';
const mac = (n: number): string => `02:00:00:00:00:0${n}`;
const THERE = { source: mac(1), destination: mac(2) };
const BACK = { source: mac(2), destination: mac(1) };

/** The tracker after a capture: packets with a TTL of 32 at most, and errors about them, as it is used. */
async function tracked(capture: { bytes: Uint8Array }, tracker = new LoopTracker()): Promise<LoopTracker> {
  const quote = new QuotedPacket();
  await eachPacket(capture.bytes, (packet) => {
    if (packet.version === 0) return;
    if (packet.ttl <= 32) tracker.observe(packet);
    if (packet.transport === 1 && isIcmpError(packet) && quote.place(packet) && tracker.isActive) tracker.observeError(quote, packet);
  });
  return tracker;
}

const ping = (seq: number, ttl: number, to = NOWHERE): NetworkPacket => echoRequest({ from: SOURCE, to, id: 7, seq, ttl, ident: seq });

/** The packet with each TTL, there and back. */
function goRound(capture: EthernetCapture, packet: (ttl: number) => NetworkPacket, from = 32): void {
  for (let ttl = from; ttl > 0; ttl--) capture.wait(0.001).send(packet(ttl), ttl % 2 === 0 ? THERE : BACK);
}

describe('what goes round', () => {
  it('is counted by packets and by how often they pass', async () => {
    const capture = new EthernetCapture();
    for (let seq = 1; seq <= 5; seq++) goRound(capture, (ttl) => ping(seq, ttl));
    const [loop, ...others] = (await tracked(capture)).list;
    expect(others).toEqual([]);
    expect(loop).toMatchObject({ destination: NOWHERE, packets: 5, passes: 16, step: 2, sources: [SOURCE] });
    expect([...(loop?.lanes.values() ?? [])].map(({ packets }) => packets)).toEqual([5, 5]);
    expect(loop?.example.map(({ stamp, ttl }) => [stamp.frame, ttl]).slice(0, 3)).toEqual([
      [1, 32],
      [3, 30],
      [5, 28],
    ]);
    expect(loop?.first.frame).toBe(1);
    expect(loop?.last.frame).toBe(160);
  });

  it('is known after the third time, not before', async () => {
    const capture = (times: number): EthernetCapture => {
      const each = new EthernetCapture();
      for (let i = 0; i < times; i++) each.wait(0.001).send(ping(1, 20 - 2 * i), THERE);
      return each;
    };
    expect((await tracked(capture(2))).list).toEqual([]);
    expect((await tracked(capture(3))).list).toMatchObject([{ packets: 1, passes: 3 }]);
  });

  it('is known after the seventh time where there and back look alike', async () => {
    const capture = (times: number): RawCapture => {
      const each = new RawCapture();
      for (let i = 0; i < times; i++) each.wait(0.001).send(ping(1, 20 - i));
      return each;
    };
    expect((await tracked(capture(6))).list).toEqual([]);
    expect((await tracked(capture(7))).list).toMatchObject([{ packets: 1, passes: 4, step: 2 }]);
  });

  it('begins anew where TTL falls by another number', async () => {
    const capture = new EthernetCapture();
    for (const ttl of [30, 27, 25]) capture.wait(0.001).send(ping(1, ttl), THERE);
    expect((await tracked(capture)).list).toEqual([]);
    capture.wait(0.001).send(ping(1, 23), THERE);
    expect((await tracked(capture)).list).toMatchObject([{ step: 2, passes: 3, first: { frame: 2 } }]);
  });

  it('has no step where packets go round in circles of different size', async () => {
    const capture = new EthernetCapture();
    for (const ttl of [30, 28, 26, 24]) capture.wait(0.001).send(ping(1, ttl), THERE);
    for (const ttl of [30, 27, 24, 21]) capture.wait(0.001).send(ping(2, ttl), THERE);
    expect((await tracked(capture)).list).toMatchObject([{ step: 0, packets: 2 }]);
  });

  it('is told from packets that differ in a sequence number and its checksum', async () => {
    const capture = new EthernetCapture();
    for (let seq = 1; seq < 2000; seq++)
      capture.wait(0.0005).send(echoRequest({ from: '2001:db8::1', to: '2001:db8::2', id: 7, seq, ttl: 30 - (seq % 15) * 2 }), THERE);
    expect((await tracked(capture)).list).toEqual([]);
  });

  it('is told from fragments of one datagram', async () => {
    const capture = new EthernetCapture();
    const datagram = (n: number, ttl: number): NetworkPacket =>
      udp({ from: `${SOURCE}:1`, to: `${NOWHERE}:2`, payload: octets(n, ...Array(40).fill(0)), ident: 5, ttl });
    for (let n = 0; n < 20; n++) capture.wait(0.001).send(datagram(n, 32 - n), THERE);
    expect((await tracked(capture)).list).toEqual([]);
  });
});

describe('errors about what goes round', () => {
  it('name the router that dropped it, others not', async () => {
    const capture = new EthernetCapture();
    const error = (from: string, quoted: NetworkPacket): number => capture.send(timeExceeded({ from, to: SOURCE, quoted }), BACK);
    // On the way to the loop.
    const early = ping(1, 1);
    capture.send(early, THERE);
    error('198.51.100.9', early);
    goRound(capture, (ttl) => ping(2, ttl));
    error('198.51.100.1', ping(2, 1));
    capture.wait(60);
    error('198.51.100.2', ping(2, 1));
    const [loop] = (await tracked(capture)).list;
    expect([...(loop?.droppedBy ?? [])]).toEqual([['198.51.100.1', 1]]);
  });
});

describe('what is remembered', () => {
  it('stays bounded, and what leaves is counted', async () => {
    const capture = new EthernetCapture();
    for (let i = 0; i < 1100; i++) {
      const to = `10.0.${i >> 8}.${i & 255}`;
      for (const ttl of [20, 18, 16]) capture.wait(0.0001).send(ping(i, ttl, to), THERE);
    }
    const tracker = await tracked(capture);
    expect([tracker.size, tracker.evicted]).toEqual([1024, 76]);
    tracker.reset();
    expect([tracker.size, tracker.isActive]).toEqual([0, false]);
  });

  it('is a few frames of a storm, and all of them are counted', async () => {
    const capture = new EthernetCapture();
    for (let seq = 0; seq < 500; seq++) goRound(capture, (ttl) => ping(seq, ttl), 20);
    const [loop] = (await tracked(capture)).list;
    expect(loop).toMatchObject({ packets: 500, passes: 10, last: { frame: 10_000 } });
    expect(loop?.evidence.total).toBe(10_000);
    expect(loop?.evidence.frames.length).toBeLessThanOrEqual(16);
    expect(loop?.example.length).toBe(10);
  });

  it('is nothing of before a restart', async () => {
    const capture = new EthernetCapture();
    for (const ttl of [20, 18]) capture.wait(0.001).send(ping(1, ttl), THERE);
    const tracker = await tracked(capture);
    tracker.reset();
    const more = new EthernetCapture();
    more.wait(0.003).send(ping(1, 16), THERE);
    expect((await tracked(more, tracker)).list).toEqual([]);
  });

  it('is no trouble with packets that end anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.uint8Array({ maxLength: 60 }), async (caplen, noise) => {
        const capture = new RawCapture();
        for (let ttl = 20; ttl > 0; ttl--) capture.wait(0.001).add(ping(1, ttl).octets, { caplen });
        capture.add(noise.length === 0 ? new Uint8Array(1) : noise);
        const { list } = await tracked(capture);
        // Header and eight octets: less tells nothing.
        expect(list.length).toBe(caplen >= 28 ? 1 : 0);
      }),
      { numRuns: 50 },
    );
  });
});

const stamp = { input: 0, frame: 1, sec: 0, nsec: 0, digits: 6 as const, at: 0, timed: true };
/** @param sent probes a hop */
const traceOf = (text: string, sent = 1): { hops: Hop[]; reached: boolean } => ({
  reached: false,
  hops: [...text].map((name, i) => ({
    ttl: i + 1,
    sent,
    lost: name === '-' ? sent : 0,
    isEcmp: false,
    addresses:
      name === '-'
        ? []
        : [{ ip: name, replies: 1, rttMs: null, replyTtl: 60, mpls: [], refusal: null, refused: 0, firstProbe: stamp, firstReply: stamp }],
  })),
});

describe('the circle in a traceroute', () => {
  it.each([
    { hops: 'xABAB', loop: 'AB' },
    { hops: 'xyABABABABAB', loop: 'AB' },
    { hops: 'ABABABAB', loop: 'AB' },
    { hops: 'xABCABCABCA', loop: 'ABC' },
    { hops: 'xAB-BABA-A-AB', loop: 'AB' },
    { hops: 'xA-A-A-A', loop: undefined },
    { hops: 'xABABABAB------', loop: 'AB' },
    { hops: 'xABAB------', loop: undefined },
    { hops: 'xABA', loop: undefined },
    { hops: 'xABABC', loop: undefined },
    { hops: 'xABCABC', loop: undefined },
    { hops: 'xABBBBBB', loop: undefined },
    { hops: 'xABCDEFG', loop: undefined },
    { hops: 'x-A-B-C-', loop: undefined },
    { hops: '-------', loop: undefined },
    { hops: '', loop: undefined },
  ])('$hops', ({ hops, loop }) => expect(cycleOf(traceOf(hops))?.loop.join('')).toBe(loop));

  it('has one address alone where silence is sure: each hop was asked more than once', () => {
    expect(cycleOf(traceOf('xA-A-A-A', 2))?.loop).toEqual(['A']);
    expect(cycleOf(traceOf('xA--A--A--A', 3))?.loop).toEqual(['A']);
  });

  it('is none where the destination answers', () => expect(cycleOf({ ...traceOf('xABABABAB'), reached: true })).toBe(undefined));
});

describe('the chance of so few changes', () => {
  it.each([
    { most: 0, trials: 10, p: 0.5, chance: 0.5 ** 10 },
    { most: 3, trials: 19, p: 0.5, chance: 1160 / 2 ** 19 },
    { most: 5, trials: 5, p: 0.5, chance: 1 },
    { most: 3, trials: 10, p: 0, chance: 1 },
    { most: 3, trials: 10, p: 1, chance: 0 },
  ])('at most $most of $trials at $p', ({ most, trials, p, chance }) => expect(binomialUpTo(most, trials, p)).toBeCloseTo(chance, 12));

  it('is a number in the longest row, too', () => {
    expect(binomialUpTo(3000, 1_000_000, 0.5)).toBe(0);
    expect(binomialUpTo(499_999, 1_000_000, 0.5)).toBeCloseTo(0.5, 2);
  });
});
