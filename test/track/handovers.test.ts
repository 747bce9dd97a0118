import { describe, expect, it } from 'vitest';
import { type AnalysisOptions, analyzeSources, type JsonRecord, MemorySource, recordsOf } from '../../src/core.ts';
import { gatewaysNote, gatewaysText } from '../../src/report/gateways.ts';
import {
  AnyCapture,
  type Capture,
  echoReply,
  echoRequest,
  multicastMac,
  neighborAdvertisement,
  neighborSolicitation,
  octets,
  RawCapture,
  solicitedNode,
  udp,
} from '../craft/index.ts';
import { card, Lan, mac } from '../scenarios/stage.ts';

/* To whom packets for beyond the link are handed: `show gateways`. */

const HOST = card(0x10, '192.0.2.10');
const GATEWAY = card(0x01, '192.0.2.1');
const NEIGHBOUR = card(0x20, '192.0.2.20');
const FAR = '198.51.100.7';
const FARTHER = '198.51.100.8';

async function show(capture: Capture, options: AnalysisOptions = {}): Promise<JsonRecord[]> {
  const read = (records: AnalysisOptions['records']) =>
    analyzeSources([{ path: 'capture', open: () => new MemorySource(capture.bytes) }], { ...options, ...(records ? { records } : {}) });
  const wanted = await read(new Set(['gateways'] as const));
  const records = recordsOf(wanted.records, 'gateways');
  expect(wanted.records.counts.gateways).toBe(records.length);
  // What is not wanted is counted all the same.
  expect((await read(undefined)).records.counts.gateways).toBe(records.length);
  return records;
}

const brief = (records: readonly JsonRecord[]): string[] =>
  records.map(({ destination, mac: of, ip, packets }) => `${destination} ${of} ${ip} ${packets}`);

const packet = (from: string, to: string, ttl = 64) => udp({ from: `${from}:4000`, to: `${to}:5000`, payload: octets(1, 2, 3, 4), ttl });

function send(capture: Lan, by: { mac: string }, to: string, count = 1, ttl = 64): void {
  for (let i = 0; i < count; i++) capture.wait(0.1).unicast(packet(HOST.ip, to, ttl), HOST.mac, by.mac);
}

describe('on Ethernet', () => {
  it('has the gateway by its MAC, and by ARP', async () => {
    const capture = new Lan();
    capture.resolve(HOST, GATEWAY);
    send(capture, GATEWAY, FAR, 3);
    const [record, ...others] = await show(capture);
    expect(others).toEqual([]);
    expect(record).toEqual({
      input: 0,
      encapsulation: [],
      destination: FAR,
      mac: GATEWAY.mac,
      ip: GATEWAY.ip,
      interface: null,
      packets: 3,
      bytes: 3 * 32,
      firstFrame: 3,
    });
  });

  it('has no neighbours: they answer for themselves, or ask, or their packets have passed no router', async () => {
    const capture = new Lan();
    capture.resolve(HOST, GATEWAY);
    capture.resolve(HOST, NEIGHBOUR);
    send(capture, NEIGHBOUR, NEIGHBOUR.ip, 2);
    capture.wait(1).unicast(packet(NEIGHBOUR.ip, HOST.ip), NEIGHBOUR.mac, HOST.mac);
    // A second address of the neighbour, and one of the gateway.
    for (const [owner, ip] of [
      [NEIGHBOUR, '192.0.2.21'],
      [GATEWAY, '192.0.2.2'],
    ] as const) {
      send(capture, owner, ip);
      capture.wait(0.1).unicast(packet(ip, HOST.ip), owner.mac, HOST.mac);
      send(capture, owner, ip);
    }
    expect(await show(capture)).toEqual([]);
  });

  it('knows a gateway without ARP by several destinations behind it', async () => {
    const one = new Lan();
    send(one, GATEWAY, FAR, 4);
    expect(await show(one)).toEqual([]);
    const two = new Lan();
    send(two, GATEWAY, FAR, 4);
    two.wait(0.1).unicast(packet(FAR, HOST.ip, 52), GATEWAY.mac, HOST.mac);
    send(two, GATEWAY, FARTHER);
    expect(brief(await show(two))).toEqual([`${FAR} ${GATEWAY.mac} null 4`, `${FARTHER} ${GATEWAY.mac} null 1`]);
  });

  it('tells destinations apart that go to several gateways', async () => {
    const capture = new Lan();
    const second = card(0x02, '192.0.2.2');
    for (const gateway of [GATEWAY, second]) capture.wait(0.1).resolve(HOST, gateway);
    send(capture, GATEWAY, FAR, 2);
    send(capture, second, FAR, 5);
    expect(brief(await show(capture))).toEqual([`${FAR} ${GATEWAY.mac} ${GATEWAY.ip} 2`, `${FAR} ${second.mac} ${second.ip} 5`]);
  });

  it('has the address that the gateway had at that time', async () => {
    const capture = new Lan();
    capture.resolve(HOST, GATEWAY);
    send(capture, GATEWAY, FAR);
    capture.wait(300).resolve(HOST, { mac: GATEWAY.mac, ip: '192.0.2.254' });
    send(capture, GATEWAY, FARTHER);
    expect(brief(await show(capture))).toEqual([`${FAR} ${GATEWAY.mac} 192.0.2.1 1`, `${FARTHER} ${GATEWAY.mac} 192.0.2.254 1`]);
  });

  it('has IPv6 gateways by their link-local addresses', async () => {
    const capture = new Lan();
    for (const target of ['2001:db8:1::1', 'fe80::1']) {
      const asked = neighborSolicitation({ from: 'fe80::10', target, sourceMac: HOST.mac });
      capture.wait(0.1).unicast(asked, HOST.mac, multicastMac(solicitedNode(target)) ?? '');
      const answer = neighborAdvertisement({ from: target, to: 'fe80::10', target, targetMac: GATEWAY.mac, router: true });
      capture.wait(0.001).unicast(answer, GATEWAY.mac, HOST.mac);
    }
    const far = udp({ from: '[2001:db8:1::10]:4000', to: '[2001:db8:2::7]:5000', payload: octets(1) });
    for (let i = 0; i < 2; i++) capture.wait(1).unicast(far, HOST.mac, GATEWAY.mac);
    expect(brief(await show(capture))).toEqual([`2001:db8:2::7 ${GATEWAY.mac} fe80::1 2`]);
  });

  it('has nothing of groups, broadcasts and link-local addresses', async () => {
    const capture = new Lan();
    capture.resolve(HOST, GATEWAY);
    for (const to of ['224.0.0.251', '255.255.255.255', '192.0.2.255']) capture.broadcast(packet(HOST.ip, to), HOST.mac);
    send(capture, GATEWAY, '169.254.7.7', 2);
    expect(await show(capture)).toEqual([]);
  });

  it('begins a new record after ten minutes of silence', async () => {
    const capture = new Lan();
    capture.resolve(HOST, GATEWAY);
    send(capture, GATEWAY, FAR, 2);
    for (let i = 0; i < 30; i++) {
      capture.wait(60);
      send(capture, GATEWAY, FARTHER);
    }
    send(capture, GATEWAY, FAR, 3);
    expect(brief(await show(capture))).toEqual([
      `${FAR} ${GATEWAY.mac} ${GATEWAY.ip} 2`,
      `${FARTHER} ${GATEWAY.mac} ${GATEWAY.ip} 30`,
      `${FAR} ${GATEWAY.mac} ${GATEWAY.ip} 3`,
    ]);
  });
});

describe('without link-layer addresses', () => {
  const own = '10.0.0.1';
  const talk = (capture: RawCapture): void => {
    for (const to of [FAR, FARTHER]) {
      capture.wait(0.1).send(echoRequest({ from: own, to, id: 1, seq: 1 }));
      capture.wait(0.1).send(echoReply({ from: to, to: own, id: 1, seq: 1, ttl: 60 }));
    }
  };

  it('there is no gateway, and the text says why that matters', async () => {
    const capture = new RawCapture();
    talk(capture);
    const records = await show(capture);
    expect(brief(records)).toEqual([`${FAR} null null 1`, `${FARTHER} null null 1`]);
    const text = gatewaysText(records, 100).replace(/\s+/g, ' ');
    expect(text).toContain('none');
    expect(text).toContain('a gateway has no meaning on it');
  });

  it('the directions of a cooked capture tell what is sent', async () => {
    const capture = new AnyCapture();
    capture.outgoing(packet(own, FAR), 3);
    capture.wait(1).incoming(packet(FAR, own), 3);
    // A router passes it on: no address is in all packets.
    capture.wait(1).outgoing(packet('10.9.9.9', FAR), 3);
    expect((await show(capture)).map((record) => [record.destination, record.interface, record.packets])).toEqual([
      [FAR, { index: 3, name: null }, 2],
    ]);
  });

  it('cooked captures of Ethernet do not show it, and the text says so', async () => {
    const capture = new AnyCapture();
    for (let i = 0; i < 3; i++) capture.wait(1).outgoing(packet(HOST.ip, FAR), 2, mac(0x10));
    expect(await show(capture)).toEqual([]);
    const { interfaces } = await analyzeSources([{ path: 'capture', open: () => new MemorySource(capture.bytes) }], {});
    expect(gatewaysNote(interfaces, 100)).toContain('cooked captures');
    expect(gatewaysNote([], 100)).toBe('');
  });
});
