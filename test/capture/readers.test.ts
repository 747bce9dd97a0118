import { describe, expect, it } from 'vitest';
import { concatenated } from '../../src/capture/octets.ts';
import { type PcapFormat, writePcap } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { Direction } from '../../src/frame.ts';
import { hexOctets } from '../tools/octets.ts';
import { eachFrame, openOctets } from '../tools/walk.ts';

interface Read {
  number: number;
  time: string;
  caplen: number;
  origlen: number;
  linktype: number;
  interface: string | null;
  direction: number;
  octets: number[];
}

async function read(octets: Uint8Array, pieceLength?: number) {
  const input = await openOctets(octets, pieceLength);
  const frames: Read[] = [];
  await eachFrame(input, (frame) => {
    frames.push({
      number: frame.number,
      time: frame.timed ? `${frame.sec}.${String(frame.nsec).padStart(9, '0')}` : 'none',
      caplen: frame.caplen,
      origlen: frame.origlen,
      linktype: frame.linktype,
      interface: frame.source.name,
      direction: frame.direction,
      octets: [...frame.bytes.subarray(frame.start, frame.start + frame.caplen)],
    });
  });
  return { input, frames, problems: input.problems.list.map(({ kind, offset, frame }) => ({ kind, offset, frame })) };
}

const PACKETS = [
  { sec: 1_700_000_000, nsec: 123_456_000, octets: Uint8Array.of(1, 2, 3) },
  { sec: 1_700_000_001, nsec: 999_999_000, octets: Uint8Array.of(4, 5, 6, 7), origlen: 60 },
] as const;

describe('classic pcap', () => {
  const formats: (PcapFormat & { name: string })[] = [
    { name: 'microseconds, little-endian', linktype: 1 },
    { name: 'microseconds, big-endian', linktype: 1, littleEndian: false },
    { name: 'nanoseconds, little-endian', linktype: 1, nanoseconds: true },
    { name: 'nanoseconds, big-endian', linktype: 1, nanoseconds: true, littleEndian: false },
  ];
  it.each(formats)('$name', async (format) => {
    const { frames, problems, input } = await read(writePcap(format, PACKETS));
    expect(problems).toEqual([]);
    expect(input.format).toBe('pcap');
    expect(frames).toMatchObject([
      { number: 1, time: '1700000000.123456000', caplen: 3, origlen: 3, octets: [1, 2, 3] },
      { number: 2, time: '1700000001.999999000', caplen: 4, origlen: 60, octets: [4, 5, 6, 7] },
    ]);
  });

  it('keeps nanoseconds exactly', async () => {
    const octets = writePcap({ linktype: 1, nanoseconds: true }, [{ sec: 4_294_967_295, nsec: 999_999_999, octets: Uint8Array.of(0) }]);
    expect((await read(octets)).frames[0]?.time).toBe('4294967295.999999999');
  });

  it('strips the frame check sequence that the link type word announces', async () => {
    const octets = writePcap({ linktype: 1 }, PACKETS);
    // FCS present, length 2 x 16 bits.
    new DataView(octets.buffer).setUint32(20, 0x2400_0001, true);
    const input = await openOctets(octets);
    const lengths: number[] = [];
    await eachFrame(input, ({ fcsLength }) => lengths.push(fcsLength));
    expect(lengths).toEqual([4, 4]);
    expect(input.interfaces[0]?.linktype).toBe(1);
  });

  it('reads the modified variant with its interface and packet type', async () => {
    const header = hexOctets('34cdb2a1 0200 0400 00000000 00000000 ffff0000 01000000');
    const record = hexOctets('01000000 02000000 02000000 3c000000  07000000 0800 04 00  aabb');
    const input = await openOctets(joined(header, record));
    const seen: number[][] = [];
    await eachFrame(input, ({ ifindex, packetType, caplen, origlen }) => seen.push([ifindex, packetType, caplen, origlen]));
    expect(seen).toEqual([[7, 4, 2, 60]]);
  });

  it.each([
    { version: '2.2', minor: 2, caplen: 60, origlen: 2, name: 'always before 2.3' },
    { version: '2.3', minor: 3, caplen: 60, origlen: 2, name: 'in 2.3 where it cannot be otherwise' },
    { version: '2.3', minor: 3, caplen: 2, origlen: 60, name: 'in 2.3 as it should be' },
  ])('swaps the lengths $name', async ({ minor, caplen, origlen }) => {
    const octets = writePcap({ linktype: 1 }, [{ sec: 1, nsec: 0, octets: Uint8Array.of(9, 9) }]);
    const view = new DataView(octets.buffer);
    view.setUint16(6, minor, true);
    view.setUint32(32, caplen, true);
    view.setUint32(36, origlen, true);
    expect((await read(octets)).frames).toMatchObject([{ caplen: 2, origlen: 60, octets: [9, 9] }]);
  });

  it('carries a fraction of more than a second over, and says so', async () => {
    const octets = writePcap({ linktype: 1 }, [{ sec: 10, nsec: 0, octets: Uint8Array.of(1) }]);
    new DataView(octets.buffer).setUint32(28, 2_500_000, true);
    const { frames, problems } = await read(octets);
    expect(frames[0]?.time).toBe('12.500000000');
    expect(problems).toEqual([{ kind: 'bad-time', offset: 24, frame: 1 }]);
  });

  it('reads IXIA captures, whose header is longer', async () => {
    const header = hexOctets('ac01001c 0200 0400 00000000 00000000 ffff0000 01000000  12000000');
    const record = hexOctets('01000000 05000000 02000000 02000000  aabb');
    expect((await read(joined(header, record))).frames).toMatchObject([{ time: '1.000000005', octets: [0xaa, 0xbb] }]);
  });

  it.each(['cd34b2a1', '4d3c2ba1', 'a1b234cd', 'a12b3c4d'])('refuses the undocumented variant %s by name', async (magic) => {
    const { input } = await read(joined(hexOctets(`${magic} 0002 0004 00000000 00000000 0000ffff 00000001`), new Uint8Array(4)));
    expect(input.format).toBeNull();
    expect(input.problems.list).toMatchObject([{ kind: 'unsupported-version', lost: true }]);
  });
});

describe('damage in classic pcap', () => {
  const whole = writePcap(
    { linktype: 1, snaplen: 128 },
    Array.from({ length: 8 }, (_, i) => ({ sec: 1_700_000_000 + i, nsec: 0, octets: new Uint8Array(40).fill(i + 1) })),
  );
  const recordAt = (i: number): number => 24 + i * 56;

  it('tells where a cut file ends, and gives what was before', async () => {
    const { frames, problems } = await read(whole.subarray(0, recordAt(5) + 30));
    expect(frames.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    expect(problems).toEqual([{ kind: 'truncated', offset: recordAt(5), frame: 6 }]);
  });

  it('goes on behind a record of impossible length', async () => {
    const damaged = whole.slice();
    new DataView(damaged.buffer).setUint32(recordAt(2) + 8, 0x7fff_ffff, true);
    const { frames, problems } = await read(damaged);
    expect(frames.map(({ octets }) => octets[0])).toEqual([1, 2, 4, 5, 6, 7, 8]);
    expect(problems).toEqual([{ kind: 'bad-record', offset: recordAt(2), frame: 3 }]);
  });

  it('goes on behind garbage between records', async () => {
    const garbage = new Uint8Array(100).fill(0xff);
    const damaged = joined(whole.subarray(0, recordAt(3)), garbage, whole.subarray(recordAt(3)));
    const { frames, problems } = await read(damaged);
    expect(frames.map(({ octets }) => octets[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(problems).toEqual([{ kind: 'bad-record', offset: recordAt(3), frame: 4 }]);
  });

  it('lists a hundred places and counts the others', async () => {
    const parts: Uint8Array[] = [whole.subarray(0, 24)];
    for (let i = 0; i < 150; i++) parts.push(whole.subarray(recordAt(0), recordAt(4)), new Uint8Array(32).fill(0xee));
    const { input } = await read(joined(...parts));
    const { list } = input.problems;
    expect(list.length).toBe(101);
    expect(list.at(-1)?.message).toMatch(/more problems/);
  });
});

describe('pcapng', () => {
  it('reads sections of both byte orders, several link types and clocks', async () => {
    const little = new PcapngWriter(true)
      .section()
      .interface({ linktype: 1, name: 'ethA', resolution: 6 })
      .packet({ interface: 0, sec: 1_700_000_000, nsec: 123_456_789, octets: Uint8Array.of(1), flags: 1 }).bytes;
    const big = new PcapngWriter(false)
      .section()
      .interface({ linktype: 101, name: 'tun0', resolution: 9 })
      .packet({ interface: 0, sec: 1_700_000_001, nsec: 123_456_789, octets: Uint8Array.of(2), flags: 2 }).bytes;
    const { frames, problems } = await read(joined(little, big));
    expect(problems).toEqual([]);
    expect(frames).toMatchObject([
      { number: 1, time: '1700000000.123456000', linktype: 1, interface: 'ethA', direction: Direction.In },
      { number: 2, time: '1700000001.123456789', linktype: 101, interface: 'tun0', direction: Direction.Out },
    ]);
  });

  it.each([
    { resolution: 0, nsec: 0 },
    { resolution: 3, nsec: 123_000_000 },
    { resolution: 7, nsec: 123_456_700 },
    { resolution: 9, nsec: 123_456_789 },
    { resolution: 10, nsec: 123_456_789 },
    { resolution: 0x80 | 10, nsec: 123_046_875 },
    { resolution: 0x80 | 32, nsec: 123_456_788 },
  ])('tells time in units of resolution $resolution exactly', async ({ resolution, nsec }) => {
    const bytes = new PcapngWriter()
      .section()
      .interface({ linktype: 1, resolution })
      .packet({ interface: 0, sec: 1_700_000_000, nsec: 123_456_789, octets: Uint8Array.of(1) }).bytes;
    expect((await read(bytes)).frames[0]?.time).toBe(`1700000000.${String(nsec).padStart(9, '0')}`);
  });

  it('adds the offset of the interface', async () => {
    const offset = new Uint8Array(8);
    new DataView(offset.buffer).setBigInt64(0, -3600n, true);
    const bytes = new PcapngWriter()
      .section()
      .interface({ linktype: 1, options: [{ code: 14, value: offset }] })
      .packet({ interface: 0, sec: 1_700_003_600, nsec: 5, octets: Uint8Array.of(1) }).bytes;
    expect((await read(bytes)).frames[0]?.time).toBe('1700000000.000000005');
  });

  it('takes addresses, drops and losses from options and statistics', async () => {
    const statistics = new DataView(new ArrayBuffer(12));
    const drops = (count: bigint): Uint8Array => {
      const value = new Uint8Array(8);
      new DataView(value.buffer).setBigUint64(0, count, true);
      return value;
    };
    const bytes = new PcapngWriter()
      .section()
      .interface({
        linktype: 1,
        options: [
          { code: 4, value: Uint8Array.of(192, 0, 2, 1, 255, 255, 255, 0) },
          { code: 6, value: Uint8Array.of(2, 0, 0, 0, 0, 10) },
        ],
      })
      .block(5, statistics, [
        { code: 5, value: drops(7n) },
        { code: 7, value: drops(3n) },
      ])
      .block(5, statistics, [
        { code: 5, value: drops(9n) },
        { code: 7, value: drops(4n) },
      ]).bytes;
    const { input } = await read(bytes);
    expect(input.drops).toEqual({ interface: 9, kernel: 4 });
    expect(input.interfaces[0]).toMatchObject({ ips: ['192.0.2.1'], mac: 0x0200_0000_000a });
  });

  it('numbers custom and journal blocks as Wireshark does, and passes over secrets and unknown blocks', async () => {
    const body = new DataView(new ArrayBuffer(8));
    const bytes = new PcapngWriter()
      .section()
      .interface({ linktype: 1 })
      .packet({ interface: 0, sec: 1, nsec: 0, octets: Uint8Array.of(1) })
      .block(0x0bad, body)
      .block(9, body)
      .block(0x4000_0bad, body)
      .block(10, body)
      .block(4, body)
      .block(0x8000_0001, body)
      .packet({ interface: 0, sec: 2, nsec: 0, octets: Uint8Array.of(2) }).bytes;
    const { frames, problems } = await read(bytes);
    expect(problems).toEqual([]);
    expect(frames.map(({ number, linktype }) => [number, linktype])).toEqual([
      [1, 1],
      [2, -1],
      [3, -1],
      [4, -1],
      [5, 1],
    ]);
  });

  it('reads simple and obsolete packet blocks', async () => {
    const simple = new DataView(new ArrayBuffer(4));
    simple.setUint32(0, 100, true);
    const old = new DataView(new ArrayBuffer(20));
    old.setUint16(2, 5, true);
    old.setUint32(8, 1_500_000, true);
    old.setUint32(12, 2, true);
    old.setUint32(16, 60, true);
    const bytes = new PcapngWriter()
      .section()
      .interface({ linktype: 1, snaplen: 3, resolution: 6 })
      .block(3, simple, [], Uint8Array.of(1, 2, 3))
      .block(2, old, [], Uint8Array.of(4, 5)).bytes;
    const { frames, input } = await read(bytes);
    expect(frames).toMatchObject([
      { number: 1, time: 'none', caplen: 3, origlen: 100, octets: [1, 2, 3] },
      { number: 2, time: '1.500000000', caplen: 2, origlen: 60, octets: [4, 5] },
    ]);
    expect(input.drops.kernel).toBe(5);
  });

  it('puts the frames of several interfaces into the order of their times, each interface keeping its own order', async () => {
    const writer = new PcapngWriter().section().interface({ linktype: 1, name: 'a' }).interface({ linktype: 1, name: 'b' });
    for (const [id, nsec] of [
      [0, 100],
      [0, 300],
      [0, 250],
      [1, 200],
      [1, 400],
    ] as const)
      writer.packet({ interface: id, sec: 5, nsec, octets: Uint8Array.of(id) });
    const { frames } = await read(writer.bytes);
    expect(frames.map(({ number, time }) => [number, Number(time.slice(2))])).toEqual([
      [1, 100],
      [4, 200],
      [2, 300],
      [3, 250],
      [5, 400],
    ]);
  });

  it('goes on behind a damaged block, and names packets of interfaces that were never described', async () => {
    const good = new PcapngWriter().section().interface({ linktype: 1 });
    for (let i = 0; i < 4; i++) good.packet({ interface: i === 2 ? 7 : 0, sec: i, nsec: 0, octets: Uint8Array.of(i, i, i, i) });
    const damaged = good.bytes.slice();
    const blocks = offsetsOf(damaged);
    // The first packet's length points nowhere.
    new DataView(damaged.buffer).setUint32((blocks[2] ?? 0) + 4, 0x00ff_ff00, true);
    const { frames, problems } = await read(damaged);
    expect(frames.map(({ number, linktype, octets }) => [number, linktype, octets[0]])).toEqual([
      [1, 1, 1],
      [2, -1, 2],
      [3, 1, 3],
    ]);
    expect(problems).toEqual([
      { kind: 'bad-record', offset: blocks[2], frame: 1 },
      { kind: 'bad-record', offset: blocks[5], frame: 2 },
    ]);
  });

  it('tells a section of an unknown version once, in whatever pieces it comes', async () => {
    const octets = new PcapngWriter()
      .section('x'.repeat(3000))
      .interface({ linktype: 1 })
      .packet({ interface: 0, ...PACKETS[0] }).bytes;
    octets[12] = 2;
    for (const pieceLength of [undefined, 512, 64, 1]) {
      const { problems } = await read(octets, pieceLength);
      expect(problems).toEqual([{ kind: 'unsupported-version', offset: 0, frame: 1 }]);
    }
  });

  it('holds frames back in bounded memory, whatever lies between them', async () => {
    const writer = new PcapngWriter().section().interface({ linktype: 1, name: 'a' }).interface({ linktype: 1, name: 'b' });
    writer.packet({ interface: 0, ...PACKETS[0] });
    for (let i = 0; i < 600; i++) writer.block(4, new DataView(new ArrayBuffer(60_000)));
    writer.packet({ interface: 1, ...PACKETS[1] });
    const input = await openOctets(writer.bytes, 1 << 20);
    let most = 0;
    const numbers: number[] = [];
    while (!input.done) {
      while (input.next()) numbers.push(input.frame.number);
      if (!input.done) await input.fill();
      most = Math.max(most, input.frame.bytes.length);
    }
    expect(numbers).toEqual([1, 2]);
    expect(most).toBeLessThanOrEqual(16 << 20);
  });

  it('lets no name steer a terminal', async () => {
    const octets = new PcapngWriter()
      .section()
      .interface({ linktype: 1, name: 'e\u001b[31mth\u0007\u009b0' })
      .packet({ interface: 0, ...PACKETS[0] }).bytes;
    expect((await read(octets)).frames.map((frame) => frame.interface)).toEqual(['e\ufffd[31mth\ufffd\ufffd0']);
  });

  it('tells an option of impossible length and ignores it', async () => {
    const bytes = new PcapngWriter()
      .section()
      .interface({ linktype: 1, name: 'eth0' })
      .packet({ interface: 0, sec: 1, nsec: 0, octets: Uint8Array.of(1), comment: 'x' })
      .bytes.slice();
    const at = (offsetsOf(bytes)[2] ?? 0) + 8 + 20 + 4;
    new DataView(bytes.buffer).setUint16(at + 2, 4000, true);
    const { frames, problems } = await read(bytes);
    expect(frames.length).toBe(1);
    expect(problems.map(({ kind }) => kind)).toEqual(['bad-option']);
  });
});

function offsetsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) offsets.push(at);
  return offsets;
}

const joined = (...parts: Uint8Array[]): Uint8Array => concatenated(parts);
