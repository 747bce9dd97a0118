import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrival, StreamBudget, TcpStream } from '../../src/track/tcp-stream.ts';

interface Segment {
  seq: number;
  octets: Uint8Array;
  /** As sent; more than `octets` where the snaplen cut it. */
  length?: number;
}

const LIMITS = { octets: 65_536, segments: 256 };
/** The octets that a stream of this length has, each telling its place. */
const octetsTo = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);

/** A reader that takes everything at once; a gap begins a new piece. */
class Reader {
  readonly budget: StreamBudget;
  readonly stream: TcpStream;
  readonly pieces: number[][] = [[]];

  constructor(limits = LIMITS, most = 1 << 20) {
    this.budget = new StreamBudget(most);
    this.stream = new TcpStream(limits, this.budget);
  }

  add({ seq, octets, length = octets.length }: Segment, now = 0): number {
    // Somewhere in a frame, not at its start.
    const frame = new Uint8Array(octets.length + 3);
    frame.set(octets, 3);
    const arrival = this.stream.add(seq | 0, new DataView(frame.buffer), 3, octets.length, length, now);
    frame.fill(0);
    this.read(now);
    return arrival;
  }

  read(now: number): void {
    const { stream } = this;
    for (;;) {
      const { view, start, available } = stream;
      for (let i = 0; i < available; i++) this.pieces.at(-1)?.push(view.getUint8(start + i));
      stream.take(available);
      if (!stream.skip(now)) return;
      this.pieces.push([]);
    }
  }

  get filled(): number[][] {
    return this.pieces.filter(({ length }) => length > 0);
  }
}

const whole = octetsTo(3000);
const part = (from: number, to: number, first = 1): Segment => ({ seq: first + from, octets: whole.subarray(from, to) });
const expected = (from: number, to: number): number[] => [...whole.subarray(from, to)];

describe('a stream', () => {
  it('gives octets in order, whatever came first', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    expect(reader.add(part(100, 200))).toBe(Arrival.Early);
    expect(reader.add(part(0, 100))).toBe(Arrival.New);
    expect(reader.filled).toEqual([expected(0, 200)]);
    expect(reader.stream.gaps).toBe(0);
  });

  it('tells what was there before', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    expect([part(0, 100), part(0, 100), part(50, 100), part(50, 150), part(20, 20)].map((segment) => reader.add(segment))).toEqual([
      Arrival.New,
      Arrival.Repeated,
      Arrival.Repeated,
      Arrival.New,
      Arrival.Empty,
    ]);
    expect(reader.filled).toEqual([expected(0, 150)]);
  });

  it('keeps what came first where segments differ', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add(part(10, 20));
    reader.add({ seq: 6, octets: new Uint8Array(20).fill(255) });
    reader.add(part(0, 5));
    expect(reader.filled).toEqual([[...expected(0, 5), 255, 255, 255, 255, 255, ...expected(10, 20), 255, 255, 255, 255, 255]]);
  });

  it('begins where a capture begins', () => {
    const reader = new Reader();
    reader.add(part(500, 600));
    reader.add(part(400, 500));
    reader.add(part(600, 700));
    expect(reader.filled).toEqual([expected(500, 700)]);
  });

  it('waits for what is missing, and goes on without it a second after the peer has acknowledged it', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add(part(0, 100), 1);
    reader.add(part(200, 300), 2);
    reader.stream.acknowledge(301, 2);
    reader.read(2.9);
    expect(reader.filled).toEqual([expected(0, 100)]);
    reader.read(3);
    expect(reader.filled).toEqual([expected(0, 100), expected(200, 300)]);
    expect(reader.stream.gaps).toBe(1);
    expect(reader.stream.isWaiting).toBe(false);
  });

  it('notices that the peer has acknowledged what was not seen, even if nothing follows; but a FIN is no octet', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add(part(0, 100), 1);
    reader.stream.acknowledge(102, 1);
    expect(reader.stream.isWaiting).toBe(false);
    reader.stream.acknowledge(151, 2);
    reader.read(2.9);
    expect(reader.stream.gaps).toBe(0);
    reader.read(3);
    expect(reader.stream.gaps).toBe(1);
    reader.add(part(150, 200), 4);
    expect(reader.filled).toEqual([expected(0, 100), expected(150, 200)]);
  });

  it('waits longer for what the peer has not acknowledged: it will be sent again', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add(part(100, 200), 2);
    reader.stream.acknowledge(1, 0);
    reader.read(11.9);
    expect(reader.filled).toEqual([]);
    reader.read(12);
    expect(reader.filled).toEqual([expected(100, 200)]);
  });

  it('goes over what the snaplen cut off at once', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add({ ...part(0, 60), length: 100 });
    reader.add(part(100, 200));
    expect(reader.filled).toEqual([expected(0, 60), expected(100, 200)]);
  });

  it('goes over what the snaplen cut off behind a gap', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add({ ...part(100, 160), length: 100 });
    reader.add(part(200, 300));
    reader.add(part(0, 100));
    expect(reader.filled).toEqual([expected(0, 160), expected(200, 300)]);
    expect(reader.stream.isWaiting).toBe(false);
  });

  it('does not wait for more than there is room for', () => {
    const reader = new Reader({ octets: 500, segments: 100 });
    reader.stream.begin(0);
    for (let at = 100; at < 1000; at += 100) reader.add(part(at, at + 100));
    expect(reader.filled).toEqual([expected(100, 1000)]);
    expect(reader.budget.used).toBe(0);
  });

  it('does not wait while all streams together have no room', () => {
    const reader = new Reader(LIMITS, 250);
    reader.stream.begin(0);
    for (const at of [100, 200, 300]) reader.add(part(at, at + 100));
    expect(reader.filled).toEqual([expected(100, 400)]);
  });

  it('keeps no more than a limit of what nobody takes', () => {
    const budget = new StreamBudget(1 << 20);
    const stream = new TcpStream(LIMITS, budget);
    const view = new DataView(new ArrayBuffer(1400));
    let most = 0;
    for (let i = 0; i < 1000; i++) {
      stream.add((i * 1400) | 0, view, 0, 1400, 1400, 0);
      stream.skip(0);
      most = Math.max(most, stream.available);
    }
    expect(most).toBeLessThanOrEqual(256 * 1024);
    expect(stream.gaps).toBeGreaterThan(3);
  });

  it('lets go everything when it is closed', () => {
    const reader = new Reader();
    reader.stream.begin(0);
    reader.add(part(100, 200));
    reader.stream.close();
    expect(reader.budget.used).toBe(0);
    expect(reader.stream.isWaiting).toBe(false);
  });
});

describe('any stream', () => {
  /** Where it is cut, which pieces come twice or overlap, and in which order: nothing comes more than some places too early. */
  const sent = fc.record({
    first: fc.constantFrom(0, 1, 0x7fff_fff0, 0xffff_ff00, 0xffff_ffff),
    cuts: fc.array(fc.nat(2999), { maxLength: 20 }),
    overlaps: fc.array(fc.record({ from: fc.nat(2999), length: fc.integer({ min: 1, max: 400 }) }), { maxLength: 10 }),
    order: fc.array(fc.nat(6), { minLength: 40, maxLength: 40 }),
  });

  interface Sent {
    first: number;
    cuts: number[];
    overlaps: { from: number; length: number }[];
    order: number[];
  }

  function segmentsOf({ first, cuts, overlaps, order }: Sent): Segment[] {
    const ends = [...new Set([...cuts.filter((cut) => cut > 0), 3000])].sort((a, b) => a - b);
    const pieces = ends.map((end, i) => part(ends[i - 1] ?? 0, end, first + 1));
    for (const { from, length } of overlaps) pieces.push(part(from, Math.min(3000, from + length), first + 1));
    return pieces
      .map((piece, i) => ({ piece, at: i + (order[i] ?? 0) }))
      .sort((a, b) => a.at - b.at)
      .map(({ piece }) => piece);
  }

  it('comes out as it was sent: cut, repeated, overlapping, out of order, over the end of the sequence numbers', () => {
    fc.assert(
      fc.property(sent, (given) => {
        const reader = new Reader();
        reader.stream.begin(given.first | 0);
        for (const segment of segmentsOf(given)) reader.add(segment);
        expect(reader.filled).toEqual([[...whole]]);
        expect(reader.stream.isWaiting).toBe(false);
        expect(reader.budget.used).toBe(0);
      }),
    );
  });

  it('comes out with gaps where segments are lost, and everything else once and in order', () => {
    fc.assert(
      fc.property(sent, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (given, lost) => {
        const reader = new Reader();
        reader.stream.begin(given.first | 0);
        const seen = new Set<number>();
        segmentsOf(given).forEach((segment, i) => {
          if (lost[i]) return;
          reader.add(segment);
          for (let j = 0; j < segment.octets.length; j++) seen.add((segment.seq - given.first - 1 + j) | 0);
        });
        reader.read(Number.POSITIVE_INFINITY);
        const places = [...seen].sort((a, b) => a - b);
        const runs: number[][] = [];
        places.forEach((place, i) => {
          if (i === 0 || places[i - 1] !== place - 1) runs.push([]);
          runs.at(-1)?.push(whole[place] ?? -1);
        });
        expect(reader.filled).toEqual(runs);
        expect(reader.budget.used).toBe(0);
      }),
    );
  });
});
