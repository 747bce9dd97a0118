import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureInput } from '../../src/capture/input.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { Frame, InterfaceRegistry } from '../../src/frame.ts';
import { FlightRecorder, type RecordedInput } from '../../src/live/recorder.ts';
import { record } from './evidence-tools.ts';

const ETHERNET = 1;
const START = 1_800_000_000;

/** Frame `number` of these tests: its length and octets are told by its number. */
const octetsOf = (number: number): Uint8Array => Uint8Array.from({ length: 20 + ((number * 37) % 100) }, (_, i) => (number * 7 + i) & 0xff);

const pcapOf = (count: number): Uint8Array =>
  writePcap(
    { linktype: ETHERNET, nanoseconds: true },
    Array.from({ length: count }, (_, i) => ({
      sec: START + Math.floor(i / 10),
      nsec: (i % 10) * 100_000_001,
      octets: octetsOf(i + 1),
      origlen: 2000,
    })),
  );

/** What is still there of an input, read back. */
function framesOf(ring: RecordedInput | undefined) {
  const frames = [];
  for (let position = ring?.oldest ?? 0; position < (ring?.end ?? 0); position++) if (ring?.has(position)) frames.push(ring.read(position));
  return frames;
}

describe('the flight recorder', () => {
  it('keeps all of what fits: numbers, times, lengths, octets', async () => {
    const recorder = await record([pcapOf(50)]);
    const frames = framesOf(recorder.inputs[0]);
    expect(frames.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(frames[11]).toMatchObject({ number: 12, sec: START + 1, nsec: 100_000_001, origlen: 2000, octets: octetsOf(12), direction: 0 });
    expect(frames[11]?.source).toMatchObject({ linktype: ETHERNET, digits: 9 });
  });

  it('keeps the latest frames, whole, however large it is and however the octets come', async () => {
    const capture = pcapOf(400);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 200, max: 60_000 }), fc.integer({ min: 1, max: 3000 }), async (octets, pieceLength) => {
        const recorder = await record([capture], octets, pieceLength);
        const frames = framesOf(recorder.inputs[0]);
        for (const frame of frames) expect(frame.octets).toEqual(octetsOf(frame.number));
        // One after the other, and the last one is there if a quarter of the memory holds an entry and the rest its record.
        const first = frames[0]?.number ?? 0;
        expect(frames.map(({ number }) => number)).toEqual(frames.map((_, i) => first + i));
        if (octets > 2 * (16 + 120 + pieceLength)) expect(frames.at(-1)?.number).toBe(400);
        const { used, capacity } = recorder.status;
        expect(used).toBeLessThanOrEqual(capacity);
        expect(capacity).toBeLessThanOrEqual(octets);
      }),
      { numRuns: 60 },
    );
  });

  it('finds a frame by its number while it is there', async () => {
    const recorder = await record([pcapOf(1000)], 20_000);
    const ring = recorder.inputs[0];
    const oldest = ring?.numberOf(ring.oldest) ?? 0;
    expect(oldest).toBeGreaterThan(500);
    for (let number = 1; number <= 1001; number++) {
      const position = ring?.find(number) ?? -1;
      expect(position < 0 ? null : ring?.read(position).number).toBe(number >= oldest && number <= 1000 ? number : null);
    }
  });

  it('shares the memory among inputs: a busy one does not push the packets of a quiet one out', async () => {
    const recorder = await record([pcapOf(5), pcapOf(2000)], 40_000);
    expect(framesOf(recorder.inputs[0])).toHaveLength(5);
    expect(recorder.inputs[1]?.isFull).toBe(true);
    expect(recorder.inputs[0]?.isFull).toBe(false);
    expect(recorder.inputs.map(({ capacity }) => capacity)).toEqual([20_000, 20_000]);
  });

  it('follows the interfaces of a pcapng, directions, check sequences, and frames that were put into order', async () => {
    const writer = new PcapngWriter().section().interface({ linktype: ETHERNET, name: 'eth0' }).interface({ linktype: 101, name: 'tun0' });
    writer.packet({ interface: 1, sec: START, nsec: 5, octets: octetsOf(1), flags: 2 });
    writer.packet({ interface: 0, sec: START, nsec: 3, octets: octetsOf(2), flags: 1 | (4 << 5) });
    const frames = framesOf((await record([writer.bytes])).inputs[0]);
    expect(frames.map(({ number, source, direction, fcsLength, octets }) => [number, source.name, direction, fcsLength, octets])).toEqual([
      [2, 'eth0', 1, 4, octetsOf(2)],
      [1, 'tun0', 2, 0, octetsOf(1)],
    ]);
  });

  it('passes over what is no packet, and gives a packet without a time that of the one before', async () => {
    const writer = new PcapngWriter().section().interface({ linktype: ETHERNET, name: 'eth0' });
    writer.packet({ interface: 0, sec: START, nsec: 5, octets: octetsOf(1) });
    // Custom block, then a Simple Packet Block.
    writer.block(0xbad, new DataView(new ArrayBuffer(4)));
    const simple = new DataView(new ArrayBuffer(4));
    simple.setUint32(0, 20, true);
    writer.block(3, simple, [], octetsOf(3).subarray(0, 20));
    const frames = framesOf((await record([writer.bytes])).inputs[0]);
    expect(frames.map(({ number, sec, nsec }) => [number, sec, nsec])).toEqual([
      [1, START, 5],
      [3, START, 5],
    ]);
  });

  it('holds what libpcap cannot: counts beyond 32 bits', () => {
    const recorder = new FlightRecorder(10_000, 1);
    const piece = octetsOf(1);
    const frame = new Frame();
    Object.assign(frame, {
      linktype: ETHERNET,
      number: 2 ** 40,
      caplen: piece.length,
      origlen: 2 ** 31 + 5,
      sec: START,
      nsec: 999_999_999,
    });
    let offset = 0;
    // As after hours: the ring has wrapped many times.
    for (let i = 0; i < 5000; i++) {
      recorder.octets(0, piece, 0, piece.length);
      recorder.frame(frame, offset);
      offset += piece.length;
      frame.number++;
    }
    const ring = recorder.inputs[0];
    const position = ring?.find(frame.number - 1) ?? -1;
    expect(ring?.read(position)).toMatchObject({ number: 2 ** 40 + 4999, origlen: 2 ** 31 + 5, nsec: 999_999_999, octets: piece });
    expect(recorder.status).toMatchObject({ capacity: 10_000, spanSec: 0 });
  });

  it('says what it has', async () => {
    expect(new FlightRecorder(1000, 2).status).toEqual({ capacity: 1000, used: 0, frames: 0, spanSec: null });
    const { frames, spanSec } = (await record([pcapOf(11)])).status;
    expect({ frames, spanSec }).toEqual({ frames: 11, spanSec: 1 });
  });

  it('hands failures and waiting of its source on', async () => {
    const recorder = new FlightRecorder(1000, 1);
    const failing = recorder.recording(0, { read: () => Promise.reject(new Error('gone')) });
    await expect(failing.read(new Uint8Array(10), 0, 10)).rejects.toThrow('gone');
    let isClosed = false;
    const waiting = recorder.recording(0, {
      read: async (into) => into.fill(7, 2, 5) && 3,
      close: () => {
        isClosed = true;
      },
    });
    expect(await waiting.read(new Uint8Array(10), 2, 10)).toBe(3);
    expect(recorder.status.used).toBe(3);
    await waiting.close?.();
    expect(isClosed).toBe(true);
  });

  it('does not change what is read', async () => {
    const capture = pcapOf(30);
    const recorder = new FlightRecorder(500, 1);
    const open = () => recorder.recording(0, new MemorySource(capture, 100));
    const input = new CaptureInput({ path: '-', index: 0, open, registry: new InterfaceRegistry() });
    await input.open();
    const seen: Uint8Array[] = [];
    while (!input.done) {
      while (input.next()) seen.push(input.frame.bytes.slice(input.frame.start, input.frame.start + input.frame.caplen));
      if (!input.done) await input.fill();
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => octetsOf(i + 1)));
  });
});
