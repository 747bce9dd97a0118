import { describe, expect, it } from 'vitest';
import { TunnelEnds } from '../../src/track/tunnel-ends.ts';
import { Encapsulation, pathInto } from '../../src/wire/encapsulation.ts';
import { Inner } from '../../src/wire/packet.ts';
import {
  espNullTransport,
  ethernet,
  gre,
  greKeepalive,
  gueGre,
  ipInIp,
  type NetworkPacket,
  RawCapture,
  syn,
  vxlan,
} from '../craft/index.ts';
import { eachPacket } from '../tools/walk.ts';

const A = '192.0.2.1';
const B = '198.51.100.1';
const asked = syn('10.0.8.1:40000', '10.0.8.2:179');
const answered = syn('10.0.8.2:40000', '10.0.8.1:179');

/** As the trackers do: layers with something inside, and BGP. */
async function tracked(...packets: NetworkPacket[]): Promise<TunnelEnds> {
  const ends = new TunnelEnds();
  const capture = new RawCapture();
  for (const each of packets) capture.wait(1).send(each);
  await eachPacket(capture.bytes, (packet) => {
    if (packet.inner !== Inner.None) ends.enter(packet);
    if (packet.destinationPort === 179 && packet.depth > 0) ends.observe(packet);
  });
  return ends;
}

describe('the ends of a tunnel that carries BGP', () => {
  it('are told by the side of the lower inner address, whoever sends', async () => {
    const there = await tracked(gre(B, A, asked));
    expect(there.aroundBgp('10.0.8.1', '10.0.8.2')).toMatchObject([{ a: B, b: A, first: { frame: 1 } }]);
    const back = await tracked(gre(A, B, answered), gre(A, B, answered));
    expect(back.aroundBgp('10.0.8.2', '10.0.8.1')).toMatchObject([{ a: B, b: A, first: { frame: 1 }, last: { frame: 2 } }]);
  });

  it('are those of the innermost tunnel', async () => {
    const ends = await tracked(ipInIp('203.0.113.1', '203.0.113.2', gre(A, B, asked)));
    expect(ends.aroundBgp('10.0.8.1', '10.0.8.2')).toMatchObject([{ a: A, b: B }]);
  });

  it('may be of IPv6, or of an Ethernet tunnel', async () => {
    const six = await tracked(gre('2001:db8::1', '2001:db8::2', asked));
    expect(six.aroundBgp('10.0.8.1', '10.0.8.2')).toMatchObject([{ a: '2001:db8::1', b: '2001:db8::2' }]);
    const frame = ethernet({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' }, asked);
    const inVxlan = await tracked(vxlan(A, B, 7, frame));
    expect(inVxlan.aroundBgp('10.0.8.1', '10.0.8.2')).toMatchObject([{ a: A, b: B }]);
  });

  it('are those of the tunnel where ESP is around it, with the same header', async () => {
    const ends = await tracked(espNullTransport(gre(A, B, asked), { spi: 1 }));
    expect(ends.aroundBgp('10.0.8.1', '10.0.8.2')).toMatchObject([{ a: A, b: B, path: pathInto(Encapsulation.Esp, Encapsulation.Gre) }]);
    expect((await tracked(espNullTransport(asked, { spi: 1 }))).aroundBgp('10.0.8.1', '10.0.8.2')).toEqual([]);
  });

  it('are not known without a tunnel', async () => {
    expect((await tracked(asked)).aroundBgp('10.0.8.1', '10.0.8.2')).toEqual([]);
  });
});

describe('a tunnel inside of itself', () => {
  it('is counted by its packets', async () => {
    const ends = await tracked(gre(A, B, gre(A, B, asked)), gre(A, B, gre(A, B, gre(A, B, asked))));
    expect(ends.nested(A, B)).toMatchObject({ source: A, destination: B, count: 3, first: { frame: 1 }, last: { frame: 2 } });
    expect(ends.nested(B, A)?.count).toBe(3);
  });

  it.each([
    { what: 'a tunnel in another one', packet: gre(A, B, gre('203.0.113.1', '203.0.113.2', asked)) },
    { what: 'a tunnel that goes back', packet: gre(A, B, gre(B, A, asked)) },
    { what: 'one tunnel', packet: gre(A, B, asked) },
    { what: 'a tunnel in ESP between the same ends', packet: espNullTransport(gre(A, B, asked), { spi: 1 }) },
    { what: 'a tunnel in GUE', packet: gueGre(A, B, asked) },
    { what: 'a keepalive', packet: greKeepalive(A, B) },
  ])('is not $what', async ({ packet }) => {
    const ends = await tracked(packet, packet);
    expect(ends.nested(A, B)).toBeUndefined();
  });

  it('is forgotten with everything else', async () => {
    const ends = await tracked(gre(A, B, gre(A, B, asked)));
    ends.reset();
    expect([ends.nested(A, B), ends.aroundBgp('10.0.8.1', '10.0.8.2'), ends.size]).toEqual([undefined, [], 0]);
  });
});
