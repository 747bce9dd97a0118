import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { InterfaceTracker } from '../../src/track/interfaces.ts';
import type { TcpConnection, TcpDirection } from '../../src/track/tcp/connection.ts';
import { TcpTracker } from '../../src/track/tcp/tracker.ts';
import { isIcmpError, QuotedPacket } from '../../src/wire/icmp.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { gre, RawCapture, TcpFlags, tcp } from '../craft/index.ts';
import { readOctets, root } from '../tools/captures.ts';
import { eachPacket } from '../tools/walk.ts';

/* What TCP connections tell of sizes: what was sent, what arrived, what was sent again. */

/** The connections of a capture: those that are listed, and the records of all. */
async function follow(bytes: Uint8Array): Promise<{ list: readonly TcpConnection[]; going: number; all: TcpConnection[] }> {
  const clock = new Packet(UNKNOWN_INTERFACE);
  const all: TcpConnection[] = [];
  const tracker = new TcpTracker(clock, { connection: (make) => all.push(make()) });
  const quote = new QuotedPacket();
  const interfaces = new InterfaceTracker();
  await eachPacket(bytes, (packet) => {
    clock.at = packet.at;
    if (packet.depth === 0) interfaces.observe(packet);
    if (packet.transport === IpProtocol.Tcp) tracker.observe(packet);
    const isIcmp = packet.transport === IpProtocol.Icmp || packet.transport === IpProtocol.Icmpv6;
    if (isIcmp && isIcmpError(packet) && quote.place(packet) && quote.protocol === IpProtocol.Tcp) tracker.observeError(quote, packet);
  });
  const before = JSON.stringify(tracker.list);
  // Looking changes nothing.
  expect(JSON.stringify(tracker.list)).toBe(before);
  const going = tracker.list.length;
  tracker.finish();
  return { list: tracker.list, going, all };
}

const lab = async (name: string): Promise<readonly TcpConnection[]> => (await follow(readOctets(`captures/${name}.pcap`))).list;

const portsOf = (connections: readonly TcpConnection[], port: number): TcpConnection | undefined =>
  connections.find(({ a, b }) => a.port === port || b.port === port);

/** Its segment was sent again, ever later, and all that was sent again is this segment. */
function expectRepeated({ stuck, retransmissions }: TcpDirection): void {
  expect(stuck).not.toBeNull();
  if (!stuck) return;
  expect(stuck.retransmissionCount).toBeGreaterThanOrEqual(3);
  expect(stuck.retransmissionCount).toBe(retransmissions);
  const frames = [stuck.first, ...stuck.retransmissions].map(({ frame }) => frame);
  expect(new Set(frames).size).toBe(frames.length);
  expect(frames).toEqual([...frames].sort((x, y) => x - y));
}

const A = '192.0.2.1:40000';
const B = '198.51.100.1:80';
const DATA = TcpFlags.Ack | TcpFlags.Psh;

/** A connection as it is captured at one place, octets counted from 0 on each side. */
class Talk {
  readonly capture = new RawCapture();
  private readonly base: number;
  private ident = 1;

  /** @param base initial sequence number of both */
  constructor(base = 1000, mss: number | undefined = 1460) {
    this.base = base;
    const mssOption = mss === undefined ? {} : { mss };
    this.put({ from: A, to: B, flags: TcpFlags.Syn, seq: base, ...mssOption });
    this.put({ from: B, to: A, flags: TcpFlags.Syn | TcpFlags.Ack, seq: base, ack: (base + 1) >>> 0, ...mssOption });
    this.ack(0);
  }

  /** `a` sends `length` octets from `offset` on. */
  send(offset: number, length: number, more: { ident?: number; df?: boolean } = {}): this {
    return this.put({
      from: A,
      to: B,
      flags: DATA,
      seq: this.seq(offset),
      ack: this.seq(0),
      payload: new Uint8Array(length),
      df: true,
      ...more,
    });
  }

  /** `b` acknowledges `offset` octets. */
  ack(offset: number): this {
    return this.put({ from: B, to: A, flags: TcpFlags.Ack, seq: this.seq(0), ack: this.seq(offset) });
  }

  wait(seconds: number): this {
    this.capture.wait(seconds);
    return this;
  }

  get ident0(): number {
    return this.ident - 1;
  }

  async fromA(): Promise<TcpDirection> {
    const { all } = await follow(this.capture.bytes);
    expect(all).toHaveLength(1);
    const [connection] = all;
    expect(connection?.sightings).toHaveLength(1);
    return (connection as TcpConnection).sightings[0]?.fromA as TcpDirection;
  }

  private seq(offset: number): number {
    return (this.base + 1 + offset) >>> 0;
  }

  private put(fields: Parameters<typeof tcp>[0]): this {
    this.capture.wait(0.001).send(tcp({ ident: this.ident++ & 0xffff || this.ident++, ...fields }));
    return this;
  }
}

describe('in the labs', () => {
  it('has the segment that got stuck, on the side of its sender, frame by frame', async () => {
    const upload = portsOf(await lab('pmtu-blackhole/client'), 9000);
    const { fromA } = upload?.sightings[0] ?? expect.fail();
    expectRepeated(fromA);
    expect(fromA.stuck).toMatchObject({ size: 1500, length: 1448, dontFragment: true, acked: null, zeroWindow: false });
    expect(fromA.stuck?.lifeSigns).toBeGreaterThan(0);
    // The segment behind the gap, which a SACK tells of.
    expect(fromA).toMatchObject({ largestSent: 1500, largestAcked: 1004 });
    const download = portsOf(await lab('pmtu-blackhole/server'), 8080);
    const { fromB } = download?.sightings[0] ?? expect.fail();
    expectRepeated(fromB);
    expect(fromB).toMatchObject({ largestSent: 1500, largestAcked: 241 });
  });

  it('has the gap, on the side of the receiver', async () => {
    const download = portsOf(await lab('pmtu-blackhole/client'), 8080);
    const { gap } = download?.sightings[0]?.fromB ?? expect.fail();
    expect(gap && gap.end - gap.start).toBe(11 * 1448);
    const upload = portsOf(await lab('pmtu-blackhole/server'), 9000);
    const missing = upload?.sightings[0]?.fromA.gap;
    expect(missing && missing.end - missing.start).toBe(5 * 1448);
  });

  it('tells the places of a gateway apart: what comes in and does not leave', async () => {
    const download = portsOf(await lab('pmtu-blackhole/office'), 8080);
    const seen = download?.sightings.map(({ isLayer3, fromB }) => ({ isLayer3, sent: fromB.largestSent, again: fromB.retransmissions }));
    expect(seen).toContainEqual({ isLayer3: true, sent: 241, again: 0 });
    expect(seen).toContainEqual({ isLayer3: false, sent: 1500, again: expect.any(Number) });
    expect(download?.tooBig.map(({ mtu, quotedSize, fits, ofA }) => ({ mtu, quotedSize, fits, ofA }))).toContainEqual({
      mtu: 1420,
      quotedSize: 1500,
      fits: true,
      ofA: false,
    });
  });

  it('has nothing stuck, and no gap, where the sender is told', async () => {
    for (const where of ['client', 'server', 'branch', 'office']) {
      const found = await lab(`pmtu-discovery/${where}`);
      expect(
        found.flatMap(({ sightings }) => sightings.flatMap(({ fromA, fromB }) => [fromA.stuck ?? fromA.gap, fromB.stuck ?? fromB.gap])),
      ).not.toContainEqual(expect.anything());
    }
    const server = portsOf(await lab('pmtu-discovery/server'), 8080);
    expect(server?.sightings[0]?.fromB).toMatchObject({ largestSent: 1500, largestAcked: 1420, stuck: null });
    expect(server?.tooBig.length).toBeGreaterThan(4);
  });

  it('has the first table of a BGP session each time', async () => {
    const sessions = await lab('bgp-mtu/left');
    expect(sessions.length).toBeGreaterThan(1);
    for (const { sightings } of sessions) {
      expectRepeated(sightings[0]?.fromA ?? expect.fail());
      expect(sightings[0]?.fromA.stuck).toMatchObject({ size: 1500, acked: null });
    }
  });
});

describe('what was sent again', () => {
  it('is what has another identification, and was sent three times more without progress', async () => {
    const talk = new Talk().send(0, 100).ack(100).send(100, 1448);
    for (const seconds of [0.3, 0.6, 1.2]) talk.wait(seconds).send(100, 1448).ack(100);
    const { stuck, largestAcked, retransmissions } = await talk.fromA();
    expect({ largestAcked, retransmissions }).toEqual({ largestAcked: 140, retransmissions: 3 });
    expect(stuck).toMatchObject({ size: 1488, retransmissionCount: 3, lifeSigns: 3, acked: null });
  });

  it('is forgotten once it is acknowledged, if it was not stuck', async () => {
    const talk = new Talk().send(0, 1448).wait(0.3).send(0, 1448).ack(1448);
    expect(await talk.fromA()).toMatchObject({ retransmissions: 1, stuck: null, largestAcked: 1488 });
  });

  it('says at what size it got through in the end, and that the larger one did not', async () => {
    const talk = new Talk().send(0, 1448);
    for (const seconds of [0.3, 0.6, 1.2]) talk.wait(seconds).send(0, 1448);
    talk.wait(2.4).send(0, 1024).ack(1024);
    const { stuck, largestSent, largestAcked } = await talk.fromA();
    expect(stuck).toMatchObject({ size: 1488, acked: { size: 1064 } });
    expect({ largestSent, largestAcked }).toEqual({ largestSent: 1488, largestAcked: 1064 });
  });

  it.each([
    { name: 'a copy of the frame', again: (talk: Talk) => talk.send(1000, 500, { ident: talk.ident0 }) },
    {
      name: 'a segment that was overtaken',
      again: (talk: Talk) => talk.send(1500, 500, { ident: talk.ident0 + 1 }).send(0, 500, { ident: talk.ident0 - 1 }),
    },
    { name: 'a keepalive', again: (talk: Talk) => talk.ack(1500).wait(2).send(1499, 1) },
  ])('is not $name', async ({ again }) => {
    const talk = new Talk().send(0, 1000).send(1000, 500);
    again(talk);
    expect((await talk.fromA()).retransmissions).toBe(0);
  });

  it('is counted by the place: other interfaces, tunnels and directions are no repetition', async () => {
    for (const name of ['site-to-site/rr', 'asymmetric-routing/core', 'bgp-ttl-expired-repaired/transit', 'ipsec-ikev2/gateway-a']) {
      const { all } = await follow(readOctets(`captures/${name}.pcap`));
      expect(all.length, name).toBeGreaterThan(0);
      const again = all.flatMap(({ sightings }) => sightings.map(({ fromA, fromB }) => fromA.retransmissions + fromB.retransmissions));
      expect(
        again.filter((count) => count > 0),
        name,
      ).toEqual([]);
    }
  });
});

describe('sizes', () => {
  it('are those on the wire, wherever the sequence numbers begin and however a card joins segments', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
        async (base, joined) => {
          const talk = new Talk(base, 1460);
          let offset = 0;
          for (const segments of joined) {
            talk.send(offset, segments * 1460);
            offset += segments * 1460;
          }
          talk.ack(offset);
          expect(await talk.fromA()).toMatchObject({
            largestSent: 1500,
            largestAcked: 1500,
            retransmissions: 0,
            bytes: offset,
            isOffloaded: joined.some((segments) => segments > 1),
            stuck: null,
            gap: null,
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('of the largest one that was acknowledged never exceed what was', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 1460 }), { minLength: 2, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(11), async (sent, acked) => {
        const talk = new Talk();
        const ends: number[] = [];
        for (const length of sent) {
          talk.send(ends.at(-1) ?? 0, length);
          ends.push((ends.at(-1) ?? 0) + length);
        }
        const count = acked % sent.length;
        if (count > 0) talk.ack(ends[count - 1] ?? 0);
        const { largestAcked } = await talk.fromA();
        const truth = Math.max(0, ...sent.slice(0, count).map((length) => length + 40));
        expect(largestAcked).toBeLessThanOrEqual(truth);
        // With all of them acknowledged it is exact.
        expect((await talk.ack(ends.at(-1) ?? 0).fromA()).largestAcked).toBe(Math.max(...sent) + 40);
      }),
      { numRuns: 60 },
    );
  });

  it('of what follows when all was acknowledged are told apart again', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 1460 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(lengths, { minLength: 2, maxLength: 4 }), fc.nat(3), async (rounds, left) => {
        const talk = new Talk();
        let offset = 0;
        let largest = 0;
        for (const [round, sent] of rounds.entries()) {
          const starts = sent.map((_, i) => offset + sent.slice(0, i).reduce((sum, length) => sum + length, 0));
          for (const [i, length] of sent.entries()) talk.send(starts[i] ?? 0, length);
          const isLast = round === rounds.length - 1;
          const arrived = isLast ? sent.slice(0, left % sent.length) : sent;
          offset = (starts[arrived.length - 1] ?? offset) + (arrived.at(-1) ?? 0);
          if (arrived.length > 0) talk.ack(offset);
          if (!isLast) largest = Math.max(largest, ...sent.map((length) => length + 40));
          else if (arrived.length === 1) largest = Math.max(largest, (arrived[0] ?? 0) + 40);
          if (!isLast || arrived.length <= 1) expect((await talk.fromA()).largestAcked).toBe(largest);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of octets behind a SYN that came after them are not acknowledged with it', async () => {
    const capture = new RawCapture();
    capture.send(tcp({ from: B, to: A, flags: DATA, seq: 1000, ack: 1, payload: new Uint8Array(500), df: true }));
    capture.wait(0.001).send(tcp({ from: B, to: A, flags: TcpFlags.Syn | TcpFlags.Ack, seq: 500, ack: 1 }));
    capture.wait(0.001).send(tcp({ from: A, to: B, flags: TcpFlags.Ack, seq: 1, ack: 600 }));
    const before = (await follow(capture.bytes)).all;
    expect(before[0]?.sightings[0]?.fromB).toMatchObject({ largestSent: 540, largestAcked: 0 });
    capture.wait(0.001).send(tcp({ from: A, to: B, flags: TcpFlags.Ack, seq: 1, ack: 1500 }));
    const { all } = await follow(capture.bytes);
    expect(all[0]?.sightings[0]?.fromB).toMatchObject({ largestAcked: 540 });
  });

  it('are taken for those of Ethernet where the capture begins in the middle', async () => {
    const capture = new RawCapture();
    capture.send(tcp({ from: A, to: B, flags: DATA, seq: 5000, ack: 1, payload: new Uint8Array(14_600), ident: 7, df: true }));
    capture.wait(0.01).send(tcp({ from: B, to: A, flags: TcpFlags.Ack, seq: 1, ack: 19_600, ident: 8 }));
    const { all } = await follow(capture.bytes);
    expect(all[0]).toMatchObject({ hasSyn: false, a: { port: 40_000 } });
    expect(all[0]?.sightings[0]?.fromA).toMatchObject({ largestSent: 1500, largestAcked: 1500, isOffloaded: true });
  });
});

describe('connections', () => {
  it('begin anew with another SYN between the same ports', async () => {
    const capture = new RawCapture();
    for (const seq of [1000, 900_000]) {
      for (let i = 0; i < 2; i++) capture.wait(1).send(tcp({ from: A, to: B, flags: TcpFlags.Syn, seq, mss: 1460, ident: i + 1 }));
      capture.wait(0.1).send(tcp({ from: B, to: A, flags: TcpFlags.Rst | TcpFlags.Ack, ack: seq + 1 }));
    }
    const { all, list } = await follow(capture.bytes);
    expect(all.map(({ end, hasSyn, sightings }) => ({ end, hasSyn, packets: sightings[0]?.fromA.packets }))).toEqual([
      { end: 'rst', hasSyn: true, packets: 2 },
      { end: 'rst', hasSyn: true, packets: 2 },
    ]);
    expect(list).toEqual([]);
  });

  it('have the octets of a SYN and of an RST', async () => {
    const capture = new RawCapture();
    capture.send(tcp({ from: A, to: B, flags: TcpFlags.Syn, seq: 1, mss: 1460, payload: new Uint8Array(5) }));
    capture.wait(0.1).send(tcp({ from: B, to: A, flags: TcpFlags.Rst | TcpFlags.Ack, ack: 7, payload: new Uint8Array(3) }));
    const { all } = await follow(capture.bytes);
    expect(all.map(({ sightings }) => sightings.map(({ fromA, fromB }) => [fromA.bytes, fromB.bytes]))).toEqual([[[5, 3]]]);
  });

  it('are seen at few places each, whatever a sender makes up', async () => {
    const capture = new RawCapture();
    for (let key = 1; key <= 100; key++) {
      const inner = tcp({ from: A, to: B, flags: DATA, seq: 1, payload: new Uint8Array(9) });
      capture.wait(0.001).send(gre('192.0.2.9', '198.51.100.9', inner, { key }));
    }
    const { all } = await follow(capture.bytes);
    expect(all.map(({ sightings }) => sightings.length)).toEqual([32]);
  });

  it('in which a segment stuck are all told at the end; who comes when there is no room is refused', async () => {
    const capture = new RawCapture();
    const talks = 4200;
    for (let again = 0; again < 5; again++) {
      for (let i = 0; i < talks; i++) {
        const from = `10.0.${i >> 8}.${i & 255}:40000`;
        capture.wait(0.0001).send(tcp({ from, to: B, flags: DATA, seq: 1, ack: 1, ident: again + 1, payload: new Uint8Array(9) }));
      }
    }
    const { list, going } = await follow(capture.bytes);
    expect(going).toBe(4096);
    expect(list).toHaveLength(4096);
  });

  it('of a scan stay few in memory', async () => {
    const clock = new Packet(UNKNOWN_INTERFACE);
    let over = 0;
    const tracker = new TcpTracker(clock, { connection: () => over++ });
    const capture = new RawCapture();
    capture.send(tcp({ from: A, to: B, flags: TcpFlags.Syn, seq: 1, mss: 1460 }));
    await eachPacket(capture.bytes, (packet) => {
      for (let i = 0; i < 200_000; i++) {
        packet.src4 = i;
        clock.at = packet.at + i / 1e5;
        tracker.observe(packet);
      }
    });
    expect(tracker.size).toBeLessThanOrEqual(65_536);
    expect(over).toBe(200_000 - 65_536);
    expect(tracker.list).toEqual([]);
  });
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

describe.skipIf(!hasTshark)('next to tshark (skipped where there is none)', () => {
  const NAMES = [
    'pmtu-blackhole/client',
    'pmtu-blackhole/server',
    'bgp-mtu/left',
    'bgp-mtu/right',
    'pmtu-discovery/client',
    'bgp-hold-timer/left',
  ];
  const theirs = new Map<string, { again: number; mss: string[] }>();

  beforeAll(() => {
    const fields = ['tcp.analysis.retransmission', 'tcp.analysis.out_of_order', 'tcp.options.mss_val', 'tcp.len'];
    for (const name of NAMES) {
      const args = ['-r', `captures/${name}.pcap`, '-n', '-Y', 'tcp', '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
      const rows = execFileSync('tshark', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        .split('\n')
        .map((line) => line.split('\t'));
      // What fills a gap within milliseconds tshark calls out of order; here the identification says that it was sent later.
      const again = rows.filter(([repeated, early, , length]) => (repeated || early) && Number(length) > 0).length;
      theirs.set(name, { again, mss: rows.flatMap(([, , mss]) => mss || []).sort() });
    }
  });

  it.each(NAMES)('counts the same segments as sent again, and has the same MSS: %s', async (name) => {
    const { all } = await follow(readOctets(`captures/${name}.pcap`));
    const again = all.flatMap(({ sightings }) => sightings.map(({ fromA, fromB }) => fromA.retransmissions + fromB.retransmissions));
    expect(again.reduce((sum, count) => sum + count, 0)).toBe(theirs.get(name)?.again);
    const mss = all.flatMap(({ sightings }) => sightings.flatMap(({ mssOfA, mssOfB }) => [mssOfA, mssOfB]));
    const known = mss.flatMap((each) => (each === null ? [] : [String(each)]));
    expect(new Set(known)).toEqual(new Set(theirs.get(name)?.mss));
  });
});
