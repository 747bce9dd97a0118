import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { analysisSchema } from '../../src/report/schema.ts';
import { tunnelRecord, tunnelsText } from '../../src/report/tunnels.ts';
import { echoRequest, esp, espNullTransport, gre, initiation, ipv4Fragments, octets, response, syn, vxlan } from '../craft/index.ts';
import { A, B, datagram, framed, inner, tunnelsOf, Wire } from '../track/tunneling.ts';

/* `show tunnels`: the text, and the JSON records. */

const WIDE = 200;
const textOf = async (wire: Wire, width = WIDE): Promise<string> => tunnelsText((await tunnelsOf(wire)).map(tunnelRecord), width);

/** GRE with a key in ESP, and VXLAN in that. */
const nest = (): Wire => {
  const wire = new Wire();
  for (let i = 1; i <= 3; i++) {
    const bgp = gre(A, B, syn('10.0.0.1:40000', '10.0.0.2:179', i), { key: 42 });
    const overlay = gre(A, B, vxlan('10.0.0.1', '10.0.0.2', 5, framed(inner(100, i))), { key: 42 });
    wire.pass(
      espNullTransport(bgp, { spi: 0xc1a00001, sequence: 2 * i - 1 }),
      espNullTransport(overlay, { spi: 0xc1a00001, sequence: 2 * i }),
    );
  }
  const echo = gre(B, A, echoRequest({ from: '10.0.0.2', to: '10.0.0.1', id: 1, seq: 1 }), { key: 42 });
  return wire.pass(espNullTransport(echo, { spi: 0xc1b00001 }));
};

describe('show tunnels', () => {
  it('draws what runs inside what', async () => {
    expect(await textOf(nest())).toBe(
      [
        'esp 192.0.2.1 <-> 198.51.100.2, SPI 0xc1a00001 and back 0xc1b00001, frames 1-7',
        '    7 packets (6 ->, 1 <-), 1 kB',
        '    largest 204 octets, inside 178; inner MTU 1472, MSS 1432 (IPv6 1412)',
        '    holds gre',
        '    gre 192.0.2.1 <-> 198.51.100.2, key 0x0000002a, frames 1-7',
        '        7 packets (6 ->, 1 <-), 1 kB',
        '        largest 204 octets, inside 150; inner MTU 1444, MSS 1404 (IPv6 1384)',
        '        holds vxlan, bgp, icmp',
        '        gre in esp: an IP packet of at most 1444 octets fits over a path of 1500; the largest seen has 150.',
        '        vxlan 10.0.0.1 <-> 10.0.0.2, VNI 5, frames 2-6',
        '            3 packets (3 ->, 0 <-), 450 B',
        '            largest 150 octets, inside 100; inner MTU 1396, MSS 1356 (IPv6 1336)',
        '            vxlan in gre in esp: an IP packet of at most 1396 octets fits over a path of 1500; the largest seen has 100.',
        '',
      ].join('\n'),
    );
  });

  it('says what is too large, and what was cut', async () => {
    const wire = new Wire();
    for (let i = 1; i <= 3; i++) {
      const payload = octets(0, 0, 8, 0, inner(1500, i).octets);
      wire.pass(...ipv4Fragments({ from: A, to: B, protocol: 47, payload, ident: i, df: false }, 1480));
    }
    expect(await textOf(wire)).toBe(
      [
        'gre 192.0.2.1 <-> 198.51.100.2, frames 1-6',
        '    3 packets (3 ->, 0 <-), 4.6 kB',
        '    largest 1524 octets, inside 1500; inner MTU 1476, MSS 1436 (IPv6 1416); 3 packets in 6 fragments',
        '    gre: an IP packet of at most 1476 octets fits over a path of 1500; the largest seen has 1500.',
        '    Outer packets of up to 1524 octets were cut into fragments: what is inside is too large for the path.',
        '',
      ].join('\n'),
    );
  });

  it('says that large packets in one piece are no MTU', async () => {
    const text = await textOf(new Wire().pass(gre(A, B, inner(9000))));
    expect(text).toContain('Packets of up to 9024 octets in one piece: a card puts them together or cuts them later (offload)');
    expect(text).not.toContain('too large');
  });

  it('shows one direction of IPsec as one', async () => {
    expect(await textOf(new Wire().pass(esp(A, B, { spi: 7 }, 96)))).toBe(
      ['esp 192.0.2.1 -> 198.51.100.2, SPI 0x00000007, frame 1', '    1 packet, 124 B', '    largest 124 octets', ''].join('\n'),
    );
  });

  it('fits into narrow windows', async () => {
    const lines = (await textOf(nest(), 60)).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(62);
  });

  it('gives records as the schema says', async () => {
    const wire = nest().pass(
      datagram(`${A}:51820`, `${B}:51820`, initiation({ sender: 1 })),
      datagram(`${B}:51820`, `${A}:51820`, response({ sender: 2, receiver: 1 })),
    );
    const records = (await tunnelsOf(wire)).map(tunnelRecord);
    expect(records.map(({ protocol, id, pair }) => [protocol, id, pair])).toEqual([
      ['esp', '0xc1a00001', '0xc1b00001'],
      ['gre', '0x0000002a', null],
      ['vxlan', 5, null],
      ['esp', '0xc1b00001', '0xc1a00001'],
      ['wireguard', null, null],
    ]);
    expect(records[2]).toMatchObject({
      encapsulation: ['esp', 'gre'],
      depth: 2,
      inside: { protocol: 'gre', a: { ip: A, port: null }, b: { ip: B, port: null }, id: '0x0000002a' },
    });
    const schema = analysisSchema() as { $defs: Record<string, object> };
    const validate = new Ajv2020({ allErrors: true, strict: false }).compile({
      type: 'array',
      items: { $ref: '#/$defs/record-tunnels' },
      $defs: schema.$defs,
    });
    if (!validate(records)) expect.fail(JSON.stringify(validate.errors));
  });
});
