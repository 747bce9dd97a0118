import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Analysis, analyzeSources, MemorySource } from '../../src/core.ts';
import { Frame, UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { flowNumber } from '../../src/track/host-flows.ts';
import { KnownFlows } from '../../src/track/known-flows.ts';
import { decode } from '../../src/wire/decode.ts';
import { Packet } from '../../src/wire/packet.ts';
import { echoReply, echoRequest, type NetworkPacket, octets, syn, synAck, udp } from '../craft/index.ts';
import { LinuxHost, mac } from '../scenarios/stage.ts';

const LOCAL = '203.0.113.2';
const PEER = '192.0.2.10';

const analyze = (capture: LinuxHost): Promise<Analysis> =>
  analyzeSources([{ path: 'capture', open: () => new MemorySource(capture.bytes) }]);

/** A datagram that comes in by one interface, and its answer by another, on ports of their own. */
function exchange(capture: LinuxHost, entered: number, out: number, { peer = PEER, port = 40_000, bothPorts = 9 } = {}): void {
  const payload = octets(1, 2, 3, 4);
  capture.incoming(udp({ from: `${peer}:${port}`, to: `${LOCAL}:${bothPorts}`, payload, ttl: 57 }), entered, mac(0xb1));
  capture.wait(0.0001);
  capture.outgoing(udp({ from: `${LOCAL}:${bothPorts}`, to: `${peer}:${port}`, payload }), out, mac(0xa));
  capture.wait(0.001);
}

describe('asymmetric flows', () => {
  it('are bounded, and what is pushed out is counted', { timeout: 60_000 }, async () => {
    const capture = new LinuxHost();
    // More flows at once than are kept, and more pairs of addresses.
    for (let i = 0; i < 9000; i++) exchange(capture, 3, 2, { peer: `192.0.${i >> 8}.${i & 255}`, port: 20_000 + i });
    const { findings, stats } = await analyze(capture);
    expect(findings).toHaveLength(16);
    expect(findings[0]?.because.at(-1)).toBe(`${4096 - 16} more peers of ${LOCAL} go the same two ways, and are not listed.`);
    expect(stats.stateEvicted).toBe(9000 - 8192 + 9000 - 4096);
  });

  it('of two captures that were glued together are one finding', async () => {
    const capture = new LinuxHost();
    exchange(capture, 3, 2);
    exchange(capture, 3, 2);
    capture.startAgain(1_600_000_000);
    exchange(capture, 3, 2);
    const { findings } = await analyze(capture);
    expect(findings.map(({ id, count }) => [id, count])).toEqual([[`interface-asymmetry:${LOCAL}|${PEER}`, 3]]);
  });

  it('were straight for a while: what goes on for minutes is looked at again', async () => {
    const capture = new LinuxHost();
    exchange(capture, 2, 2);
    for (let i = 0; i < 100; i++) {
      capture.wait(10);
      exchange(capture, 3, 2);
    }
    const { findings } = await analyze(capture);
    expect(findings.map(({ id }) => id)).toEqual([`interface-asymmetry:${LOCAL}|${PEER}`]);
    expect(findings[0]?.count).toBeGreaterThan(60);
    expect(findings[0]?.count).toBeLessThan(100);
  });

  it('are not made of a question of long ago and one the other way round', async () => {
    const capture = new LinuxHost();
    const payload = octets(1, 2, 3, 4);
    capture.incoming(udp({ from: `${PEER}:500`, to: `${LOCAL}:500`, payload, ttl: 57 }), 3, mac(0xb1));
    capture.wait(4000);
    capture.outgoing(udp({ from: `${LOCAL}:500`, to: `${PEER}:500`, payload }), 2, mac(0xa));
    capture.wait(0.1);
    expect((await analyze(capture)).findings).toEqual([]);
  });
});

describe('flows of which one thing is known', () => {
  it('are forgotten within five minutes, all of them', () => {
    const flows = new KnownFlows(1024);
    const numbers = Array.from({ length: 1024 }, (_, i) => i + 1);
    flows.pass(1000);
    for (const number of numbers) flows.add(number);
    flows.pass(1001);
    const left = numbers.filter((number) => flows.has(number)).length;
    expect(left).toBeGreaterThan(1000);
    for (let second = 1002; second <= 1300; second++) flows.pass(second);
    expect(numbers.filter((number) => flows.has(number))).toEqual([]);
  });

  it('are forgotten after a silence, and after a step back', () => {
    const flows = new KnownFlows(1024);
    flows.pass(-5);
    flows.add(7);
    flows.pass(100_000);
    expect(flows.has(7)).toBe(false);
    flows.add(7);
    flows.pass(3);
    expect(flows.has(7)).toBe(true);
    flows.clear();
    flows.pass(3);
    expect(flows.has(7)).toBe(false);
  });

  it('keep two that share a place', () => {
    const flows = new KnownFlows(1024);
    flows.add(5);
    flows.add(5 + 1024);
    expect([flows.has(5), flows.has(5 + 1024), flows.has(5 + 2048)]).toEqual([true, true, false]);
    flows.add(5 + 2048);
    expect([flows.has(5), flows.has(5 + 1024), flows.has(5 + 2048)]).toEqual([false, true, true]);
  });
});

describe('the number of a flow', () => {
  const numberOf = ({ octets: whole }: NetworkPacket): number => {
    const frame = new Frame();
    frame.bytes = whole;
    frame.view = new DataView(whole.buffer, whole.byteOffset, whole.length);
    frame.caplen = whole.length;
    frame.origlen = whole.length;
    // LINKTYPE_RAW.
    frame.linktype = 101;
    const packet = new Packet(UNKNOWN_INTERFACE);
    decode(packet, frame);
    return flowNumber(packet);
  };
  const address = fc.oneof(
    fc.ipV4().filter((ip) => ip !== '0.0.0.0'),
    fc.constantFrom('2001:db8::1', '2001:db8:0:1::1', '2001:db8::1:1'),
  );
  const port = fc.integer({ min: 1, max: 65_535 });
  const at = (ip: string, number: number): string => (ip.includes(':') ? `[${ip}]:${number}` : `${ip}:${number}`);

  it('is the same in both directions, and another one where the ports are changed over', () => {
    fc.assert(
      fc.property(address, address, port, port, (a, b, p, q) => {
        fc.pre(a.includes(':') === b.includes(':') && a !== b && p !== q);
        const number = numberOf(syn(at(a, p), at(b, q)));
        expect(numberOf(synAck(at(b, q), at(a, p)))).toBe(number);
        expect(number).not.toBe(0);
        expect(numberOf(syn(at(a, q), at(b, p)))).not.toBe(number);
        expect(numberOf(udp({ from: at(a, p), to: at(b, q), payload: octets(1) }))).not.toBe(number);
      }),
      // Once they were the same.
      { examples: [['2001:db8::1:1', '2001:db8::1', 22_560, 65_528]] },
    );
  });

  it('is one for a ping and its answer, by the identifier', () => {
    const ping = { from: PEER, to: LOCAL, seq: 1 };
    const answer = { from: LOCAL, to: PEER, seq: 9 };
    expect(numberOf(echoReply({ ...answer, id: 7 }))).toBe(numberOf(echoRequest({ ...ping, id: 7 })));
    expect(numberOf(echoReply({ ...answer, id: 8 }))).not.toBe(numberOf(echoRequest({ ...ping, id: 7 })));
  });
});
