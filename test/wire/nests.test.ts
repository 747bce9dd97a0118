import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { MOST_LAYERS, pathNames } from '../../src/wire/encapsulation.ts';
import { Linktype } from '../../src/wire/linktype.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { be16, ipInIp, type NetworkPacket, octets } from '../craft/index.ts';
import { frameOf, type Layer, layersIn } from './layers.ts';
import { type Expected, INNERMOST, LAYERS, type LayerKind, nestOf, wire } from './nests.ts';

/** Reads of a whole frame, whatever is crafted: a few for each header, and bounded lists of each. */
const MOST_READS = 1200;

/** A view of the octets that counts what is read of it. */
function countingView(octets: Uint8Array): { view: DataView; reads: () => number } {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  let reads = 0;
  for (const name of ['getUint8', 'getUint16', 'getUint32', 'getInt32'] as const) {
    const read = view[name].bind(view);
    view[name] = (at: number) => {
      reads++;
      return read(at);
    };
  }
  return { view, reads: () => reads };
}

interface Decoded {
  packet: Packet;
  outer: Packet['stop'];
  layers: Layer[];
}

function decoded(frame: Uint8Array, lengths: { caplen?: number; origlen?: number } = {}, linktype: number = Linktype.Ethernet): Decoded {
  const packet = new Packet(UNKNOWN_INTERFACE);
  decode(packet, frameOf(frame, linktype, lengths));
  const outer = packet.stop;
  return { packet, outer, layers: layersIn(packet) };
}

/** Layers and reads that a crafted frame costs. */
function costOf(frame: Uint8Array, linktype: number = Linktype.Ethernet): { layers: number; reads: number } {
  const packet = new Packet(UNKNOWN_INTERFACE);
  const of = frameOf(frame, linktype);
  const { view, reads } = countingView(frame);
  of.view = view;
  let layers = 0;
  decode(packet, of);
  while (decodeInner(packet)) layers++;
  expect(pathNames(packet.path).length).toBe(packet.depth);
  expect(packet.depth).toBeLessThanOrEqual(MOST_LAYERS);
  return { layers, reads: reads() };
}

const kinds = Object.keys(LAYERS) as LayerKind[];
const RARE = new Set(['ah', 'l2tp', 'l2tpv3', 'fou', 'gue']);

/** As many of the layers as a path can say: eight, of which a rare one takes two. */
function sayable(expected: readonly Expected[]): Expected[] {
  let room = MOST_LAYERS;
  const end = expected.findIndex(([name]) => {
    room -= RARE.has(name) ? 2 : 1;
    return room < 0;
  });
  return expected.slice(0, end < 0 ? undefined : end);
}

describe('nests of tunnels', () => {
  it('are given back exactly, whatever runs inside what', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 4 }), fc.constantFrom(4, 6), (order, family) => {
        const { frame, expected } = nestOf(order, family);
        const { layers } = decoded(frame);
        const wanted = sayable(expected);
        expect(layers.map(({ path, id }) => [path.at(-1), id])).toEqual(wanted);
        expect(layers.at(-1)?.path ?? []).toEqual(wanted.map(([name]) => name));
        if (expected.length > 0 && wanted.length === expected.length) expect(layers.at(-1)).toMatchObject({ ...INNERMOST, stop: 'none' });
      }),
      { numRuns: 600 },
    );
  });

  it('end where the capture does: never thrown, truncated or malformed as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 3 }), (order) => {
        const { frame, expected } = nestOf(order, 4);
        for (let caplen = 0; caplen < frame.length; caplen++) {
          const part = frame.slice(0, caplen);
          const cut = decoded(part, { caplen, origlen: frame.length });
          expect(['none', 'truncated'], `cut at ${caplen}`).toContain(cut.packet.stop);
          expect(cut.layers.map(({ path }) => path.at(-1))).toEqual(expected.slice(0, cut.layers.length).map(([name]) => name));
          const short = decoded(part);
          expect(['none', 'malformed'], `sent up to ${caplen}`).toContain(short.packet.stop);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('deeper than eight end there', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { minLength: 12, maxLength: 20 }), (order) => {
        const { frame, expected } = nestOf(order, 4);
        const { layers } = decoded(frame);
        expect(layers.map(({ path, id }) => [path.at(-1), id])).toEqual(sayable(expected));
        expect(layers.length).toBeGreaterThanOrEqual(4);
      }),
      { numRuns: 40 },
    );
  });

  it('damaged anywhere do no harm', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 6 }), changes, (order, places) => {
        const { frame } = nestOf(order, 4);
        for (const [at, octet] of places) frame[at % frame.length] = octet;
        expect(costOf(frame).layers).toBeLessThanOrEqual(MOST_LAYERS);
      }),
      { numRuns: 1500 },
    );
  });
});

describe('crafted frames of 64 kB end in few steps', () => {
  const LONGEST = 65_000;
  const repeated = (unit: readonly number[], head: readonly number[] = []): Uint8Array =>
    octets(head, Array.from({ length: Math.floor((LONGEST - head.length) / unit.length) }, () => unit).flat());
  const ethernetOf = (type: number, content: Uint8Array): Uint8Array => wire({ etherType: type, octets: content });
  /** An IPv4 header that says it is as long as can be. */
  const ipv4 = (protocol: number): number[] => [0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
  const ipv6 = (next: number): number[] => [0x60, 0, 0, 0, 0xff, 0xff, next, 64, ...Array.from({ length: 32 }, () => 1)];
  const udpTo = (port: number): number[] => [0xd4, 0x31, ...be16(port), 0xff, 0xff, 0, 0];

  it.each([
    { name: 'GRE in GRE', frame: ethernetOf(0x0800, repeated([...ipv4(47), 0, 0, 8, 0])) },
    { name: 'IP in IP', frame: ethernetOf(0x0800, repeated(ipv4(4))) },
    { name: 'IPv6 in IPv6', frame: ethernetOf(0x86dd, repeated(ipv6(41))) },
    { name: 'MPLS labels', frame: ethernetOf(0x8847, repeated([0, 1, 0, 64])) },
    {
      name: 'MPLS in MPLS',
      frame: ethernetOf(0x8847, repeated([0, 1, 1, 64, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x88, 0x47])),
    },
    { name: 'VLAN tags', frame: octets([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2], repeated([0x81, 0, 0, 1])) },
    { name: 'VN tags', frame: octets([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2], repeated([0x89, 0x26, 0, 0, 0, 0])) },
    { name: 'MAC in MAC', frame: repeated([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x88, 0xe7, 0, 0, 0, 1]) },
    { name: 'extension headers', frame: ethernetOf(0x86dd, repeated([60, 0, 0, 0, 0, 0, 0, 0], ipv6(60))) },
    { name: 'AH behind AH', frame: ethernetOf(0x86dd, repeated([51, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], ipv6(51))) },
    {
      name: 'extension headers of GTP',
      frame: ethernetOf(0x0800, repeated([1, 0, 0, 5], [...ipv4(17), ...udpTo(2152), 0x34, 255, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 5])),
    },
    {
      name: 'extension headers of GTP of length 0',
      frame: ethernetOf(0x0800, repeated([0, 0, 0, 0], [...ipv4(17), ...udpTo(2152), 0x34, 255, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 5])),
    },
    { name: 'routes of GRE', frame: ethernetOf(0x0800, repeated([8, 0, 0, 0], [...ipv4(47), 0x40, 0, 8, 0, 0, 0, 0, 0])) },
    {
      name: 'the longest offset of L2TP',
      frame: ethernetOf(0x0800, repeated([2], [...ipv4(17), ...udpTo(1701), 2, 2, 0, 1, 0, 1, 0xff, 0xff])),
    },
    { name: 'ESP in ESP', frame: ethernetOf(0x0800, repeated([0, 0, 0, 50], ipv4(50))) },
    { name: 'NAT-T of zeros', frame: ethernetOf(0x0800, repeated([0, 0, 0, 4], [...ipv4(17), ...udpTo(4500), 0, 0, 0, 9])) },
    { name: 'GUE with the longest options', frame: ethernetOf(0x0800, repeated([0x1f, 47, 0, 0], [...ipv4(17), ...udpTo(6080)])) },
    { name: 'L2TPv3 of Ethernet headers', frame: ethernetOf(0x0800, repeated([8, 0, 0x45, 0], [...ipv4(115), 0, 0, 0, 1])) },
    { name: 'PPPoE in PPPoE', frame: ethernetOf(0x8864, repeated([0x11, 0, 0, 1, 0xff, 0xff, 2, 0x81])) },
    {
      name: 'ERSPAN in ERSPAN',
      frame: ethernetOf(0x0800, repeated([...ipv4(47), 0, 0, 0x88, 0xbe, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0])),
    },
    {
      name: 'VXLAN in VXLAN',
      frame: ethernetOf(0x0800, repeated([...ipv4(17), ...udpTo(4789), 8, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0])),
    },
    { name: 'GUE in GUE', frame: ethernetOf(0x0800, repeated([...ipv4(17), ...udpTo(6080)])) },
  ])('$name', ({ frame }) => {
    const { layers, reads } = costOf(frame);
    expect(layers).toBeLessThanOrEqual(MOST_LAYERS);
    expect(reads).toBeLessThan(MOST_READS);
  });

  it('but for ESP that looks unencrypted: its checksum is asked for once a layer', () => {
    const length = 65_535 - 20;
    const payload = new Uint8Array(length & ~3).fill(0);
    payload.set([0, 0, 0, 9, 0, 0, 0, 1]);
    // A trailer for each ICV, and TCP's header length.
    for (const icv of [0, 8, 12, 16, 24, 32]) payload.set([0, IpProtocol.Tcp], payload.length - icv - 2);
    payload[20] = 0x50;
    payload[28] = 0x50;
    const head = octets(0x45, 0, be16(20 + payload.length), 0, 0, 0, 0, 64, 50, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2);
    expect(costOf(octets(head, payload), Linktype.Raw).reads).toBeLessThan(8 * 33_000);
  });

  it('and what points at itself does not go round', () => {
    let packet: NetworkPacket = { etherType: 0x0800, octets: octets(ipv4(4)) };
    for (let i = 0; i < 20; i++) packet = ipInIp('192.0.2.1', '192.0.2.2', packet);
    expect(costOf(wire(packet)).layers).toBe(MOST_LAYERS);
  });
});
