import { describe, expect, it } from 'vitest';
import { IgpWatch, mayBeIgp } from '../../src/track/igp.ts';
import { EthernetCapture, ip, type NetworkPacket, octets, udp } from '../craft/index.ts';
import { eachPacket } from '../tools/walk.ts';

const SOURCE = '02:00:00:00:00:01';
const HELLO = octets(Array.from({ length: 44 }, () => 0));

async function seen(capture: { bytes: Uint8Array }): Promise<Record<string, number>> {
  const watch = new IgpWatch();
  await eachPacket(capture.bytes, (packet) => {
    if (mayBeIgp(packet)) watch.observe(packet);
  });
  return Object.fromEntries([...watch.seen].map(([name, { frame }]) => [name, frame]));
}

const sent = (packet: NetworkPacket, destination = '01:00:5e:00:00:05'): EthernetCapture => {
  const capture = new EthernetCapture();
  for (let i = 0; i < 2; i++) capture.wait(1).send(packet, { source: SOURCE, destination });
  return capture;
};

/** IEEE 802.3 with LLC: destination, source, length, DSAP, SSAP, control, and what follows. */
const llc = (destination: readonly number[]): EthernetCapture => {
  const capture = new EthernetCapture();
  capture.add(octets(destination, [2, 0, 0, 0, 0, 1], [0, 30], [0xfe, 0xfe, 3], [0x83], HELLO));
  return capture;
};

describe('routing protocols that a capture shows', () => {
  it.each([
    { name: 'OSPF', packet: ip({ from: '192.0.2.1', to: '224.0.0.5', protocol: 89, payload: HELLO }) },
    { name: 'OSPF', packet: ip({ from: 'fe80::1', to: 'ff02::5', protocol: 89, payload: HELLO }) },
    { name: 'EIGRP', packet: ip({ from: '192.0.2.1', to: '224.0.0.10', protocol: 88, payload: HELLO }) },
    { name: 'RIP', packet: udp({ from: `192.0.2.1:520`, to: `224.0.0.9:520`, payload: HELLO }) },
    { name: 'RIPng', packet: udp({ from: '[fe80::1]:521', to: '[ff02::9]:521', payload: HELLO }) },
    { name: 'Babel', packet: udp({ from: '[fe80::1]:6696', to: '[ff02::1:6]:6696', payload: HELLO }) },
  ])('$name, by its first frame', async ({ name, packet }) => {
    expect(await seen(sent(packet))).toEqual({ [name]: 1 });
  });

  it.each([
    { group: 'all routers of level 1', destination: [1, 0x80, 0xc2, 0, 0, 0x14], found: { 'IS-IS': 1 } },
    { group: 'all routers of level 2', destination: [1, 0x80, 0xc2, 0, 0, 0x15], found: { 'IS-IS': 1 } },
    { group: 'spanning tree', destination: [1, 0x80, 0xc2, 0, 0, 0], found: {} },
  ])('802.3 to $group', async ({ destination, found }) => {
    expect(await seen(llc(destination))).toEqual(found);
  });

  it.each([
    { name: 'VRRP', packet: ip({ from: '192.0.2.1', to: '224.0.0.18', protocol: 112, payload: HELLO }) },
    { name: 'an answer from port 520', packet: udp({ from: '192.0.2.1:520', to: '192.0.2.2:40000', payload: HELLO }) },
  ])('not: $name', async ({ packet }) => {
    expect(await seen(sent(packet))).toEqual({});
  });
});
