import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Analyzer } from '../../src/analyzer.ts';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { ipv4Text, ipv6Text } from '../../src/net/ip.ts';
import { FragmentTracker } from '../../src/track/fragments.ts';
import { Reassembler, type ReassemblyLimits } from '../../src/track/reassembly.ts';
import { RecordStore } from '../../src/track/records.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { Packet } from '../../src/wire/packet.ts';
import {
  be16,
  be32,
  bgpEndOfRib,
  bgpUpdate,
  espNull,
  gre,
  type IpFields,
  ip,
  ipv4Fragments,
  ipv6Fragments,
  type NetworkPacket,
  natTNull,
  octets,
  Protocols,
  RawCapture,
  replaced,
  udp,
} from '../craft/index.ts';
import { BgpConversation, type Speaker } from '../tools/bgp.ts';
import { publicCaptures, readOctets } from '../tools/captures.ts';
import { eachFrame, openOctets } from '../tools/walk.ts';

/** A datagram as the reassembler gives it: octets behind its headers, and the layers in it. */
interface Whole {
  frame: number;
  payload: Uint8Array;
  transport: number;
  isFragment: boolean;
  shown: number;
  layers: number;
}

interface Outcome {
  wholes: Whole[];
  reassembler: Reassembler;
  /** The most memory that was in use, and the most datagrams. */
  octets: number;
  size: number;
}

interface Options {
  limits?: ReassemblyLimits;
  wants?: (packet: Packet) => boolean;
  pieceLength?: number;
}

const everything = (): boolean => true;

/** What becomes of the fragments in a capture. */
async function reassembleCapture(capture: Uint8Array, { limits, wants, pieceLength }: Options = {}): Promise<Outcome> {
  const packet = new Packet(UNKNOWN_INTERFACE);
  const fragments = new FragmentTracker(packet);
  const reassembler = new Reassembler(packet, limits, wants);
  const outcome: Outcome = { wholes: [], reassembler, octets: 0, size: 0 };
  const observe = (): void => {
    if (!packet.isFragment) return;
    fragments.observe(packet);
    reassembler.observe(packet);
    outcome.octets = Math.max(outcome.octets, reassembler.octets);
    outcome.size = Math.max(outcome.size, reassembler.size);
  };
  await eachFrame(await openOctets(capture, pieceLength), (frame) => {
    if (!decode(packet, frame)) return;
    fragments.expire();
    reassembler.expire();
    do observe();
    while (decodeInner(packet));
    for (let shown = reassembler.next(packet); shown >= 0; shown = reassembler.next(packet)) {
      const { view, ipAt, version, end, transport, isFragment } = packet;
      const at = version === 4 ? ipAt + 20 : ipAt + 48;
      const payload = new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
      const whole: Whole = { frame: packet.frame, payload, transport, isFragment, shown, layers: 0 };
      outcome.wholes.push(whole);
      do {
        whole.layers++;
        observe();
      } while (decodeInner(packet));
    }
  });
  return outcome;
}

function captureOf(packets: readonly NetworkPacket[]): Uint8Array {
  const capture = new RawCapture();
  for (const each of packets) capture.wait(0.001).send(each);
  return capture.bytes;
}

const reassemble = (packets: readonly NetworkPacket[], options?: Options): Promise<Outcome> =>
  reassembleCapture(captureOf(packets), options);

const noise = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8) * 7) & 255);
const V4 = { from: '192.0.2.1', to: '198.51.100.2' };
const V6 = { from: '2001:db8::1', to: '2001:db8::2' };
const datagram = (length: number, more: Partial<IpFields> = {}): IpFields => ({
  ...V4,
  protocol: Protocols.Ipip,
  payload: octets(ip({ from: '10.0.0.1', to: '10.0.0.2', protocol: 99, payload: noise(length - 20) }).octets),
  ident: 7,
  df: false,
  ...more,
});

/** One fragment of IPv4 with any offset and length. */
const piece = (whole: IpFields, at: number, length: number, isLast: boolean): NetworkPacket => {
  const payload = whole.payload.subarray(at, at + length);
  const [first] = ipv4Fragments({ ...whole, payload: octets(payload, isLast ? [] : [0, 0, 0, 0, 0, 0, 0, 0]) }, payload.length || 8);
  if (!first) throw new Error('no fragment');
  const header = first.octets.slice();
  const view = new DataView(header.buffer);
  view.setUint16(2, 20 + payload.length);
  view.setUint16(6, (isLast ? 0 : 0x2000) | (at / 8));
  return { etherType: first.etherType, octets: octets(header.subarray(0, 20), payload) };
};

const text = (payload: Uint8Array | undefined): string => Buffer.from(payload ?? []).toString('hex');

describe('fragments become a datagram', () => {
  const cuts = fc.record({
    length: fc.integer({ min: 60, max: 3000 }),
    size: fc.integer({ min: 1, max: 80 }).map((units) => units * 8),
    order: fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 }),
    isV6: fc.boolean(),
    pieceLength: fc.integer({ min: 1, max: 5000 }),
  });

  it('in any order, with any of them sent again, cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, async ({ length, size, order, isV6, pieceLength }) => {
        const whole = datagram(length, isV6 ? V6 : {});
        const pieces = isV6 ? ipv6Fragments(whole, size) : ipv4Fragments(whole, size);
        if (pieces.length < 2) return;
        // Random ones first, then all that are not among them: the last new one completes.
        const picked = order.map((each) => each % pieces.length);
        const sent = [...picked, ...pieces.keys()];
        const firstTimes = sent.map((each, i) => sent.indexOf(each) === i);
        const completes = firstTimes.lastIndexOf(true);
        const { wholes } = await reassemble(
          sent.slice(0, completes + 1).flatMap((each) => pieces[each] ?? []),
          { pieceLength },
        );
        expect(wholes.map(({ frame }) => frame)).toEqual([completes + 1]);
        expect(text(wholes[0]?.payload)).toBe(text(whole.payload));
        expect(wholes[0]).toMatchObject({ isFragment: false, layers: 2 });
      }),
      { numRuns: 60 },
    );
  });

  it("never with an octet that is not the sender's: overlaps, and what contradicts, give the datagram up", async () => {
    const anyPiece = fc.record({ unit: fc.nat(30), units: fc.integer({ min: 1, max: 12 }), isLast: fc.boolean(), seed: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(anyPiece, { minLength: 1, maxLength: 20 }), async (list) => {
        const originals = [0, 1, 2, 3].map((seed) => datagram(400, { payload: noise(400, seed), protocol: Protocols.Gre }));
        const packets = list.flatMap(({ unit, units, isLast, seed }) => {
          const whole = originals[seed];
          return whole ? [piece(whole, unit * 8, units * 8, isLast)] : [];
        });
        const { wholes } = await reassemble(packets, { wants: everything });
        // Whatever became whole is made of octets that were sent for its place, without contradiction up to there.
        for (const { payload, frame } of wholes) {
          const used = list.slice(0, frame);
          for (let at = 0; at < payload.length; at += 8) {
            const there = used.filter(({ unit, units }) => unit * 8 <= at && at < (unit + units) * 8);
            const octet = payload[at];
            expect(there.some(({ seed }) => originals[seed]?.payload[at] === octet)).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('that is decoded as one packet: layers that the first fragment did not show', async () => {
    const inner = udp({ from: '10.0.0.1:5000', to: '10.0.0.2:5000', payload: noise(1400) });
    const outer = gre('192.0.2.1', '198.51.100.2', inner, { key: 42 });
    const fields: IpFields = { ...V4, protocol: Protocols.Gre, payload: outer.octets.subarray(20), ident: 9 };
    const usual = await reassemble(ipv4Fragments(fields, 800));
    expect(usual.wholes).toMatchObject([{ frame: 2, shown: 1, layers: 2 }]);
    // Of the GRE header alone.
    const tiny = await reassemble(ipv4Fragments(fields, 8));
    expect(tiny.wholes).toMatchObject([{ shown: 1, layers: 2 }]);
    // The first fragment comes last.
    const turned = await reassemble(ipv4Fragments(fields, 800).reverse());
    expect(turned.wholes).toMatchObject([{ frame: 2, shown: 1, layers: 2 }]);
  });

  it('of fragments inside of a datagram that came in fragments', async () => {
    const inner = datagram(2000, { ident: 3 });
    const outside = ipv4Fragments(inner, 1400).flatMap(({ octets: each }, i) =>
      ipv4Fragments({ from: '203.0.113.1', to: '203.0.113.2', protocol: Protocols.Ipip, payload: each, ident: 20 + i }, 800),
    );
    const { wholes } = await reassemble(outside);
    expect(wholes.map(({ frame, payload }) => [frame, payload.length])).toEqual(
      [
        [2, 1420],
        [3, 2000],
      ].map(([frame, length]) => [frame, length]),
    );
    expect(text(wholes.at(-1)?.payload)).toBe(text(inner.payload));
  });
});

describe('what is not put together', () => {
  const whole = datagram(64);
  const first = piece(whole, 0, 32, false);
  const last = piece(whole, 32, 32, true);
  const other = { ...whole, payload: noise(64, 5) };

  it.each<{ name: string; packets: NetworkPacket[]; givenUp?: number }>([
    { name: 'teardrop: the second one lies inside of the first', packets: [first, piece(other, 8, 8, true), last] },
    { name: 'an overlap of other octets', packets: [first, piece(other, 24, 40, true), last] },
    { name: 'an overlap of the same octets, from elsewhere on', packets: [first, piece(whole, 24, 40, true), last] },
    { name: 'the same place with other octets', packets: [first, piece({ ...other }, 0, 32, false), last] },
    { name: 'ping of death: it ends behind 65,535', packets: [first, piece({ ...whole, payload: noise(65_600) }, 65_528, 64, true), last] },
    { name: 'a length that is no multiple of eight, with more to come', packets: [piece(whole, 0, 31, false), last, first] },
    { name: 'nothing in a fragment', packets: [first, piece(whole, 32, 0, false), last] },
    { name: 'two ends', packets: [last, piece(whole, 32, 24, true), first] },
    { name: 'an end before what came', packets: [piece(whole, 32, 32, false), piece(whole, 8, 16, true)] },
    { name: 'more behind the end', packets: [last, piece({ ...whole, payload: noise(200) }, 64, 32, false), first] },
  ])('$name', async ({ packets }) => {
    const { wholes, reassembler } = await reassemble(packets, { wants: everything });
    expect(wholes).toEqual([]);
    expect(reassembler.givenUp).toBe(1);
  });

  it('cut by the snaplen', async () => {
    const capture = new RawCapture();
    capture.add(first.octets, { caplen: 48 });
    capture.send(last);
    const { wholes, reassembler } = await reassembleCapture(capture.bytes);
    expect(wholes).toEqual([]);
    expect(reassembler.givenUp).toBe(1);
  });

  it('what came later than 30 s', async () => {
    const capture = new RawCapture();
    capture.send(first);
    capture.wait(31).send(last);
    expect((await reassembleCapture(capture.bytes)).wholes).toEqual([]);
    const twin = new RawCapture();
    twin.send(first);
    twin.wait(29).send(last);
    expect((await reassembleCapture(twin.bytes)).wholes).toHaveLength(1);
  });

  it('what nobody wants the whole of, whichever fragment comes first', async () => {
    const video = udp({ from: '192.0.2.1:5004', to: '198.51.100.2:5004', payload: noise(3000), ident: 5 });
    const pieces = ipv4Fragments({ ...V4, protocol: Protocols.Udp, payload: video.octets.subarray(20), ident: 5 }, 1480);
    for (const sent of [pieces, [...pieces].reverse()]) {
      const { wholes, reassembler } = await reassemble(sent);
      expect(wholes).toEqual([]);
      expect(reassembler.size).toBe(0);
    }
  });
});

describe('memory', () => {
  /** The same fragment with many identifications. */
  const flood = (count: number, { etherType, octets: fragment }: NetworkPacket): NetworkPacket[] =>
    Array.from({ length: count }, (_, ident) => ({ etherType, octets: replaced(fragment, 4, be16(ident)) }));

  it('has an end under a flood of first fragments', async () => {
    const { octets: used, size, reassembler } = await reassemble(flood(2000, piece(datagram(1408), 0, 1400, false)));
    expect(size).toBe(64);
    expect(used).toBeLessThanOrEqual(64 * 4096);
    expect(reassembler.evicted).toBe(2000 - 64);
  });

  it('is shared: large ones push out the oldest', async () => {
    const { octets: used, reassembler } = await reassemble(flood(40, piece(datagram(65_400), 65_320, 80, true)));
    expect(used).toBeLessThanOrEqual(1024 * 1024);
    expect(reassembler.evicted).toBeGreaterThan(20);
    expect(reassembler.size).toBe(40 - reassembler.evicted);
  });

  it('is given back', async () => {
    const whole = datagram(20_000);
    const { reassembler } = await reassemble([...Array(30).keys()].flatMap((ident) => ipv4Fragments({ ...whole, ident }, 1480)));
    expect(reassembler).toMatchObject({ reassembled: 30, size: 0, octets: 0, evicted: 0 });
  });
});

const A: Speaker = { ip: '10.0.0.1', as: 64_512, id: '10.0.0.1', holdTime: 9 };
const B: Speaker = { ip: '10.0.0.2', as: 64_513, id: '10.0.0.2', holdTime: 180 };

type Around = (from: string, to: string, packet: NetworkPacket) => NetworkPacket;

const tunnels: Record<string, Around> = {
  GRE: (from, to, packet) => gre(from, to, packet),
  'GRE over IPv6': (from, to, packet) => gre(`2001:db8::${from.split('.')[3]}`, `2001:db8::${to.split('.')[3]}`, packet),
  'ESP without encryption': (from, to, packet) => espNull(from, to, { spi: 77 }, packet),
  'ESP without encryption, in UDP': (from, to, packet) => natTNull(`${from}:4500`, `${to}:4500`, { spi: 77 }, packet),
};

/** BGP in a tunnel whose packets of more than `mtu` octets come in fragments. */
function bgpIn(around: Around, mtu: number, turn = false): Uint8Array {
  const capture = new RawCapture();
  let ident = 1;
  const taker = {
    wait: (seconds: number) => capture.wait(seconds),
    send: (packet: NetworkPacket) => {
      const isFromA = packet.octets[15] === 1;
      const outer = isFromA ? around('192.0.2.1', '198.51.100.2', packet) : around('198.51.100.2', '192.0.2.1', packet);
      if (outer.octets.length <= mtu) return capture.send(outer);
      const pieces = fragmentsOf(outer, ident++);
      for (const each of turn ? pieces.reverse() : pieces) capture.send(each);
      return capture;
    },
  };
  const announced = Array.from({ length: 200 }, (_, i) => `10.${i}.0.0/16`);
  const conversation = new BgpConversation(taker, A, B).establish();
  conversation.say('server', bgpUpdate({ announced, nextHop: B.ip, asPath: [B.as] }), bgpEndOfRib());
  conversation.say('server', bgpUpdate({ announced: ['203.0.113.0/24'], nextHop: B.ip, asPath: [B.as] }));
  return capture.bytes;
}

const PIECE = 400;

function fragmentsOf({ octets: packet }: NetworkPacket, ident: number): NetworkPacket[] {
  const view = new DataView(packet.buffer, packet.byteOffset);
  if (view.getUint8(0) >> 4 === 6) {
    const [from, to] = [ipv6Text(view, 8), ipv6Text(view, 24)];
    return ipv6Fragments({ from, to, protocol: view.getUint8(6), payload: packet.subarray(40), ident }, PIECE);
  }
  const [from, to] = [ipv4Text(view.getInt32(12)), ipv4Text(view.getInt32(16))];
  return ipv4Fragments({ from, to, protocol: view.getUint8(9), payload: packet.subarray(20), ident }, PIECE);
}

/** The analyzer at the end of a capture. */
async function analyzed(
  capture: Uint8Array,
  { pieceLength, records = new RecordStore(new Set(), 0) }: { pieceLength?: number; records?: RecordStore } = {},
): Promise<Analyzer> {
  const input = await openOctets(capture, pieceLength);
  const analyzer = new Analyzer([input], records, {});
  for (;;) {
    analyzer.read();
    const { starving } = analyzer.merged;
    if (!starving) break;
    await starving.fill();
  }
  analyzer.conclude();
  return analyzer;
}

/** What `show bgp` has of a capture, without the numbers of frames. */
async function shownBgp(capture: Uint8Array, pieceLength?: number): Promise<unknown[]> {
  const records = new RecordStore(new Set(['bgp']), 10_000);
  await analyzed(capture, { records, ...(pieceLength ? { pieceLength } : {}) });
  const plain = JSON.stringify(records.kept.bgp, (key, value) => (key === 'frame' ? undefined : value instanceof Map ? [...value] : value));
  return JSON.parse(plain);
}

describe.each(Object.entries(tunnels))('BGP in %s, in fragments', (_name, around) => {
  it('is what it is without them', async () => {
    const usual = await shownBgp(bgpIn(around, 9000));
    expect(usual.filter((record) => 'route' in Object(record))).toHaveLength(201);
    expect(await shownBgp(bgpIn(around, 420))).toEqual(usual);
  });

  it('also where they come in another order, and in any pieces', async () => {
    const usual = await shownBgp(bgpIn(around, 420, true));
    expect(usual.filter((record) => 'route' in Object(record))).toHaveLength(201);
    for (const pieceLength of [1, 7, 4095]) expect(await shownBgp(bgpIn(around, 420, true), pieceLength)).toEqual(usual);
  });
});

describe('whatever is in fragments', () => {
  const protocols = [4, 6, 17, 41, 47, 50, 51, 60, 115, 137];
  const ports = [179, 500, 4500, 4789, 5555, 6080, 1701, 2152];
  const inside = fc.record({
    protocol: fc.constantFrom(...protocols),
    port: fc.constantFrom(...ports),
    tunnel: fc.constantFrom(...Object.values(tunnels)),
    isNoise: fc.boolean(),
    length: fc.integer({ min: 1, max: 900 }),
    seed: fc.nat(255),
    size: fc.integer({ min: 1, max: 60 }).map((units) => units * 8),
    isV6: fc.boolean(),
    isInGre: fc.boolean(),
    isTurned: fc.boolean(),
  });

  it('is analysed without an exception', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(inside, { minLength: 1, maxLength: 8 }), async (list) => {
        const packets = list.flatMap(({ protocol, port, tunnel, isNoise, length, seed, size, isV6, isInGre, isTurned }, ident) => {
          const datagrams = [V4.from, V4.to].map((from) =>
            udp({ from: `${from}:${port}`, to: `10.0.0.9:${port}`, payload: noise(length, seed) }),
          );
          const nest = datagrams.map((each) => tunnel('10.0.0.1', '10.0.0.2', each).octets)[0] ?? noise(length, seed);
          const payload = isNoise ? octets(be16(port), be16(port), noise(length, seed)) : nest;
          const fields: IpFields = { ...(isV6 ? V6 : V4), protocol, payload, ident };
          const pieces = isV6 ? ipv6Fragments(fields, size) : ipv4Fragments(fields, size);
          const sent = isTurned ? pieces.reverse() : pieces;
          return isInGre ? sent.map((each) => gre('203.0.113.1', '203.0.113.2', each)) : sent;
        });
        await analyzed(captureOf(packets));
      }),
      { numRuns: 60 },
    );
  });
});

describe('IKE in fragments', () => {
  const VENDOR = 43;
  const NOTIFY = 41;
  const FRAGMENTATION_SUPPORTED = 16_430;
  /** IKE_SA_INIT with a long payload, and a notify behind it. */
  const message = octets(
    ...[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, VENDOR, 0x20, 34, 0x08],
    be32(0),
    be32(28 + 2004 + 8),
    [NOTIFY, 0],
    be16(2004),
    noise(2000),
    [0, 0],
    be16(8),
    [0, 0],
    be16(FRAGMENTATION_SUPPORTED),
  );
  const whole = udp({ from: '192.0.2.1:500', to: '198.51.100.2:500', payload: message });

  it('is one request, and is read to its end', async () => {
    const { trackers: once } = await analyzed(captureOf([whole]));
    const pieces = ipv4Fragments({ ...V4, protocol: Protocols.Udp, payload: whole.octets.subarray(20), ident: 5 }, 1480);
    const { trackers } = await analyzed(captureOf(pieces));
    const [session] = trackers.ike.list;
    expect(session?.exchanges).toMatchObject([{ requestCount: 1 }]);
    expect(session?.packets).toBe(1);
    expect(session?.notifies.map(({ type }) => type)).toEqual([FRAGMENTATION_SUPPORTED]);
    expect(once.ike.list[0]?.notifies.map(({ type }) => type)).toEqual([FRAGMENTATION_SUPPORTED]);
  });
});

const PUBLIC = join(publicCaptures, 'mtu-frag');
/** Frames in which tshark completes datagrams (`ip.reassembled.length`), and the octets behind their headers. */
const TSHARK: Record<string, [frame: number, octets: number][]> = {
  'dns_fragmented.pcap': [
    [3, 1710],
    [6, 1509],
    [9, 1498],
    [12, 1498],
    [17, 1710],
    [39, 1738],
    [42, 1738],
  ],
  'frag-ppp-ip-tcp-syn.pcap': [[3, 24]],
  'frag-ppp-ipv6-tcp.pcap': [[3, 1020]],
  'gtp_ext_header.pcap': [[2, 1524]],
  'ipsec_client.pcap': [
    [5, 3480],
    [8, 3480],
    [11, 3480],
  ],
  'ipv6_opt_fragments.pcap': [[4, 5387]],
  'socks5-http-302-frag.pcap': [
    [7, 41],
    [9, 30],
    [27, 415],
    [67, 950],
  ],
  'udp-ip-fragmented.pcap': [[2, 1977]],
};

describe.skipIf(!existsSync(PUBLIC))('public captures', () => {
  it.each(Object.keys(TSHARK))('%s: what tshark puts together', async (name) => {
    const { wholes } = await reassembleCapture(readOctets(join(PUBLIC, name)), { wants: everything });
    expect(wholes.map(({ frame, payload }) => [frame, payload.length])).toEqual(TSHARK[name]);
  });
});
