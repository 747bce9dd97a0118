import { describe, expect, it } from 'vitest';
import { Analyzer } from '../../src/analyzer.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { MemorySource } from '../../src/capture/source.ts';
import { Context } from '../../src/context/context.ts';
import { hostOf } from '../../src/context/model.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { RecordStore } from '../../src/track/records.ts';
import { bgpUpdate, type NetworkPacket, octets, udp } from '../craft/index.ts';
import { contextOf } from '../scenarios/host-document.ts';
import { card, Lan } from '../scenarios/stage.ts';
import { BgpConversation } from '../tools/bgp.ts';

/* Where frames go, in a run that goes on: what the host says of its routes lags behind, and changes. */

const HOST = card(0x10, '192.0.2.10');
const ONE = card(0x01, '192.0.2.1');
const TWO = card(0x02, '192.0.2.2');
const WITNESS = card(0x20, '192.0.2.20');
const FAR = '198.51.100.7';

/** @param lifetime of its address, in seconds: another one each time it is asked */
const hostBy = (gateway: string, lifetime = 3600) =>
  contextOf([
    {
      name: 'host',
      cards: [{ name: 'eth0', ifindex: 2, mac: HOST.mac, addresses: [`${HOST.ip}/24`] }],
      routes: [{ dst: 'default', gateway, dev: 'eth0' }],
    },
  ]).hosts.map((document) =>
    hostOf({
      ...document,
      addresses:
        document.addresses?.map((each) => ({
          ...each,
          addr_info: each.addr_info.map((info) => ({ ...info, valid_life_time: lifetime })),
        })) ?? [],
    }),
  );

function send(capture: Lan, by: { mac: string }, seconds: number, to = FAR): void {
  for (let i = 0; i < seconds; i++) {
    capture.unicast(udp({ from: `${HOST.ip}:40000`, to: `${to}:5000`, payload: octets(1) }), HOST.mac, by.mac);
    capture.wait(1);
  }
}

function both(): Lan {
  const capture = new Lan();
  for (const gateway of [ONE, TWO]) capture.wait(0.1).resolve(WITNESS, gateway);
  return capture;
}

/** An established session, which the first one opened. */
function bgpBetween(capture: Lan, client: typeof HOST, server: typeof HOST): BgpConversation {
  const isFromClient = (packet: NetworkPacket): boolean => packet.octets[15] === Number(client.ip.split('.')[3]);
  const path = {
    wait: (seconds: number) => capture.wait(seconds),
    send: (packet: NetworkPacket) =>
      isFromClient(packet) ? capture.unicast(packet, client.mac, server.mac) : capture.unicast(packet, server.mac, client.mac),
  };
  return new BgpConversation(path, { ip: client.ip, as: 64_512, id: client.ip }, { ip: server.ip, as: 64_520, id: server.ip }).establish();
}

async function open(capture: Lan, context: Context): Promise<Analyzer> {
  const source = () => new MemorySource(capture.bytes);
  const input = new CaptureInput({ path: 'capture', index: 0, open: source, registry: new InterfaceRegistry() });
  await input.open();
  await input.fill();
  return new Analyzer([input], new RecordStore(new Set(), 0), { context });
}

const told = (analyzer: Analyzer): string[] => analyzer.judgeSoFar().map(({ id }) => id);

describe('the own machine, that is asked every half minute', () => {
  it('is not accused before it was asked again', async () => {
    const capture = both();
    send(capture, TWO, 90);
    const analyzer = await open(capture, new Context(hostBy(ONE.ip), { isOwn: true }));
    analyzer.read(4 + 55);
    expect(told(analyzer)).toEqual([]);
    analyzer.read();
    expect(told(analyzer)).toEqual([`gateway-mismatch:${FAR}`]);
  });

  it('is judged by its new routes for what it sends from then on', async () => {
    const capture = both();
    send(capture, TWO, 80);
    const context = new Context(hostBy(ONE.ip), { isOwn: true });
    const analyzer = await open(capture, context);
    analyzer.read(4 + 40);
    context.replace(hostBy(TWO.ip));
    analyzer.read();
    expect(told(analyzer)).toEqual([]);
    expect(analyzer.conclude()).toEqual([]);
  });

  it('what is the same in other words changes nothing', async () => {
    const capture = both();
    send(capture, TWO, 80);
    const context = new Context(hostBy(ONE.ip), { isOwn: true });
    const analyzer = await open(capture, context);
    analyzer.read(4 + 40);
    context.replace(hostBy(ONE.ip, 3560));
    analyzer.read();
    expect(told(analyzer)).toEqual([`gateway-mismatch:${FAR}`]);
  });
});

describe('memory', () => {
  it('is bounded, what is pushed out is counted, and nothing is kept without routes', async () => {
    const capture = both();
    for (let i = 0; i < 17_000; i++) {
      const to = `198.${51 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
      capture.unicast(udp({ from: `${HOST.ip}:40000`, to: `${to}:5000`, payload: octets(1) }), HOST.mac, ONE.mac);
      capture.wait(0.001);
    }
    const analyzer = await open(capture, new Context(hostBy(ONE.ip)));
    analyzer.read();
    expect(analyzer.trackers.size.gateways).toBe(16_384);
    expect(analyzer.trackers.gateways.evicted).toBe(17_000 - 16_384);
    const without = await open(capture, new Context());
    without.read();
    expect(without.trackers.size.gateways).toBe(0);
  });

  it('is not taken for what no route of BGP told of', async () => {
    const capture = new Lan();
    const session = bgpBetween(capture, HOST, ONE);
    send(capture, ONE, 5);
    send(capture, ONE, 5, '203.0.113.9');
    session.say('server', bgpUpdate({ announced: ['198.51.100.0/24'], nextHop: ONE.ip, asPath: [64_520], as4: true }));
    send(capture, ONE, 5);
    send(capture, ONE, 5, '203.0.113.9');
    const analyzer = await open(capture, new Context());
    analyzer.read();
    expect(analyzer.trackers.size.gateways).toBe(1);
  });
});
