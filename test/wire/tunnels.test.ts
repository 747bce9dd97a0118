import { describe, expect, it } from 'vitest';
import { Inner, IpProtocol } from '../../src/wire/packet.ts';
import { isTincMeta, isTincPort } from '../../src/wire/tinc.ts';
import { recogniseUdp, UdpProtocol } from '../../src/wire/udp-protocol.ts';
import {
  ah,
  ahTunnel,
  arpRequest,
  ascii,
  be32,
  erspan,
  esp,
  espNull,
  espNullTransport,
  ethernet,
  fou,
  fouGre,
  geneve,
  gre,
  greInUdp,
  greKeepalive,
  greKeepaliveAnswer,
  gtpU,
  gue,
  gueDirect,
  gueGre,
  ip,
  ipInIp,
  ipv4Fragments,
  l2tp,
  l2tpv3,
  l2tpv3InUdp,
  mpls,
  mplsInIp,
  mplsInUdp,
  type NetworkPacket,
  natT,
  natTNull,
  noise,
  octets,
  pptp,
  replaced,
  syn,
  TcpFlags,
  tcp,
  teredo,
  udp,
  vxlan,
  vxlanGpe,
} from '../craft/index.ts';
import { decodeWhole, layersOf, reusedDecoder } from './layers.ts';

const [A, B] = ['198.51.100.1', '198.51.100.2'];
const [A6, B6] = ['2001:db8::1', '2001:db8::2'];
const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const INSIDE = udp({ from: '192.0.2.1:1000', to: '192.0.2.2:2000', payload: octets(noise(11, 7)) });
const INSIDE6 = udp({ from: '[2001:db8:1::1]:1000', to: '[2001:db8:1::2]:2000', payload: octets(noise(12, 7)) });
const FRAME = ethernet(MACS, INSIDE);

describe.each([
  { family: 'IPv4', a: A, b: B },
  { family: 'IPv6', a: A6, b: B6 },
])('tunnels over $family', ({ a, b }) => {
  const isV4 = a === A;
  const cases: { name: string; packet: NetworkPacket; layers: [string, number | null][] }[] = [
    { name: 'GRE', packet: gre(a, b, INSIDE), layers: [['gre', null]] },
    { name: 'GRE around IPv6', packet: gre(a, b, INSIDE6), layers: [['gre', null]] },
    { name: 'GRE with a key of 0', packet: gre(a, b, INSIDE, { key: 0 }), layers: [['gre', 0]] },
    {
      name: 'GRE with checksum, key and sequence number',
      packet: gre(a, b, INSIDE, { checksum: true, key: 0xfedc_ba98, sequence: 9 }),
      layers: [['gre', 0xfedc_ba98]],
    },
    { name: 'GRE with source routing', packet: gre(a, b, INSIDE, { key: 5, routing: 8 }), layers: [['gre', 5]] },
    { name: 'GRE around Ethernet', packet: gre(a, b, FRAME, { key: 7 }), layers: [['gre', 7]] },
    { name: 'PPTP', packet: pptp(a, b, 42, INSIDE), layers: [['gre', 42]] },
    { name: 'ERSPAN I', packet: erspan(a, b, 1, 0, FRAME), layers: [['erspan', null]] },
    { name: 'ERSPAN II', packet: erspan(a, b, 2, 11, FRAME), layers: [['erspan', 11]] },
    { name: 'ERSPAN III', packet: erspan(a, b, 3, 12, FRAME), layers: [['erspan', 12]] },
    { name: 'ERSPAN III with a subheader', packet: erspan(a, b, 3, 13, FRAME, true), layers: [['erspan', 13]] },
    { name: 'IPv4 in IP', packet: ipInIp(a, b, INSIDE), layers: [[isV4 ? 'ipip' : '4in6', null]] },
    { name: 'IPv6 in IP', packet: ipInIp(a, b, INSIDE6), layers: [[isV4 ? 'sit' : '6in6', null]] },
    { name: 'VXLAN', packet: vxlan(a, b, 0xabcdef, FRAME), layers: [['vxlan', 0xabcdef]] },
    { name: 'VXLAN on its old port', packet: vxlan(a, b, 0, FRAME, 8472), layers: [['vxlan', 0]] },
    { name: 'VXLAN-GPE around a frame', packet: vxlanGpe(a, b, 3, FRAME), layers: [['vxlan', 3]] },
    { name: 'VXLAN-GPE around IP', packet: vxlanGpe(a, b, 3, INSIDE6), layers: [['vxlan', 3]] },
    { name: 'GENEVE', packet: geneve(a, b, 77, FRAME), layers: [['geneve', 77]] },
    { name: 'GENEVE around IP, with options', packet: geneve(a, b, 78, INSIDE, 9), layers: [['geneve', 78]] },
    { name: 'GTP-U', packet: gtpU(a, b, 0xffff_fff0, INSIDE), layers: [['gtp-u', 0xffff_fff0]] },
    { name: 'GTP-U with extension headers', packet: gtpU(a, b, 1, INSIDE6, 3), layers: [['gtp-u', 1]] },
    { name: 'MPLS in IP', packet: mplsInIp(a, b, mpls([20], INSIDE)), layers: [['mpls', 20]] },
    { name: 'MPLS in UDP', packet: mplsInUdp(a, b, mpls([20, 21, 22], INSIDE)), layers: [['mpls', 22]] },
    { name: 'Ethernet in MPLS in UDP', packet: mplsInUdp(a, b, mpls([20, 21], FRAME)), layers: [['mpls', 21]] },
    { name: 'GRE in UDP', packet: greInUdp(a, b, INSIDE, { key: 1 }), layers: [['gre', 1]] },
    { name: 'FOU', packet: fou(a, b, INSIDE), layers: [['fou', null]] },
    { name: 'FOU around IPv6', packet: fou(a, b, INSIDE6), layers: [['fou', null]] },
    {
      name: 'FOU around GRE',
      packet: fouGre(a, b, INSIDE, { key: 8 }),
      layers: [
        ['fou', null],
        ['gre', 8],
      ],
    },
    {
      name: 'FOU around GRE around Ethernet',
      packet: fouGre(a, b, FRAME),
      layers: [
        ['fou', null],
        ['gre', null],
      ],
    },
    { name: 'GUE', packet: gue(a, b, INSIDE), layers: [['gue', null]] },
    { name: 'GUE with options', packet: gue(a, b, INSIDE6, 2), layers: [['gue', null]] },
    { name: 'GUE without a header', packet: gueDirect(a, b, INSIDE), layers: [['gue', null]] },
    {
      name: 'GUE around GRE',
      packet: gueGre(a, b, INSIDE, { key: 9 }),
      layers: [
        ['gue', null],
        ['gre', 9],
      ],
    },
    { name: 'L2TP', packet: l2tp(a, b, { tunnel: 1, session: 2 }, INSIDE), layers: [['l2tp', 0x0001_0002]] },
    {
      name: 'L2TP with everything',
      packet: l2tp(a, b, { tunnel: 0xfffe, session: 2, length: true, sequence: true, offset: 6 }, INSIDE6),
      layers: [['l2tp', 0xfffe_0002]],
    },
    ...[0, 4, 8, 12].map((before): (typeof cases)[number] => ({
      name: `L2TPv3, ${before} octets of cookie and sublayer`,
      packet: l2tpv3(a, b, 0x8000_0001, FRAME, before),
      layers: [['l2tpv3', 0x8000_0001]],
    })),
    { name: 'L2TPv3 around IP', packet: l2tpv3(a, b, 6, INSIDE, 0), layers: [['l2tpv3', 6]] },
    { name: 'L2TPv3 in UDP', packet: l2tpv3InUdp(a, b, 6, FRAME, 8), layers: [['l2tpv3', 6]] },
    { name: 'AH in tunnel mode', packet: ahTunnel(a, b, 0x9000_0001, INSIDE6), layers: [['ah', 0x9000_0001]] },
    ...[0, 8, 12, 16, 24, 32].map((icv): (typeof cases)[number] => ({
      name: `ESP without encryption, an ICV of ${icv} octets`,
      packet: espNull(a, b, { spi: 0xf000_0001, icv }, INSIDE),
      layers: [['esp', 0xf000_0001]],
    })),
    { name: 'ESP without encryption around IPv6', packet: espNull(a, b, { spi: 3 }, INSIDE6), layers: [['esp', 3]] },
    { name: 'ESP with AES-GMAC', packet: espNull(a, b, { spi: 3, iv: 8 }, INSIDE6), layers: [['esp', 3]] },
    {
      name: 'NAT-T without encryption',
      packet: natTNull(isV4 ? `${a}:4500` : `[${a}]:4500`, isV4 ? `${b}:41234` : `[${b}]:41234`, { spi: 5 }, INSIDE),
      layers: [['nat-t', 5]],
    },
    {
      name: 'GRE in ESP',
      packet: espNullTransport(gre(a, b, INSIDE, { key: 4 }), { spi: 9 }),
      layers: [
        ['esp', 9],
        ['gre', 4],
      ],
    },
    { name: 'Teredo', packet: teredo(a, b, INSIDE6), layers: [['teredo', null]] },
    { name: 'Teredo behind an origin indication', packet: teredo(a, b, INSIDE6, true), layers: [['teredo', null]] },
  ];

  it.each(cases)('$name', ({ packet, layers }) => {
    const seen = layersOf(packet);
    expect(seen.map(({ path, id }) => [path.at(-1), id])).toEqual(layers);
    expect(seen.at(-1)).toMatchObject({ transport: IpProtocol.Udp, sourcePort: 1000, destinationPort: 2000, stop: 'none' });
    expect([INSIDE.octets.length, INSIDE6.octets.length]).toContain(seen.at(-1)?.ipLength);
  });
});

describe('GRE', () => {
  it('knows keepalives and what comes back of them', () => {
    for (const [a, b] of [
      [A, B],
      [A6, B6],
    ] as const) {
      expect(decodeWhole(greKeepalive(a, b))).toMatchObject({ isKeepalive: true, inner: Inner.Ip });
      expect(layersOf(greKeepalive(a, b)).at(-1)).toMatchObject({ isKeepalive: true, inner: Inner.None });
      expect(decodeWhole(greKeepaliveAnswer(b, a))).toMatchObject({ isKeepalive: true, inner: Inner.None });
    }
    expect(decodeWhole(gre(A, B, gre(A, B, INSIDE)))).toMatchObject({ isKeepalive: false });
    expect(decodeWhole(gre(A, B, gre(B, A, INSIDE)))).toMatchObject({ isKeepalive: false });
    for (const [a, b] of [
      [A, B],
      [B, '192.0.2.9'],
      ['192.0.2.9', A],
    ] as const)
      expect(decodeWhole(gre(A, B, greKeepaliveAnswer(a, b)))).toMatchObject({ isKeepalive: false, inner: Inner.Ip });
  });

  it('ends in a list of routes that never ends', () => {
    const entries = Array.from({ length: 300 }, () => [8, 0, 0, 0]).flat();
    const packet = ip({ from: A, to: B, protocol: 47, payload: octets(0x40, 0, 8, 0, 0, 0, 0, 0, entries) });
    expect(decodeWhole(packet)).toMatchObject({ stop: 'malformed', stopLayer: 'gre-routing', inner: Inner.None });
  });
});

describe('MPLS', () => {
  it.each(['02:00:00:00:00:01', '00:16:3e:00:00:01', '44:00:00:00:00:01', '60:00:00:00:00:01'])(
    'around a frame to %s, with a control word and without',
    (mac) => {
      const frame = ethernet({ source: MACS.source, destination: mac }, INSIDE);
      const bare = { etherType: 0x8847, octets: octets(be32(18 * 4096 + 0x100 + 64), frame) };
      for (const packet of [mpls([18], frame), bare])
        expect(layersOf(mplsInUdp(A, B, packet))).toMatchObject([{ path: ['mpls'], id: 18, destinationPort: 2000, stop: 'none' }]);
    },
  );
});

describe('AH', () => {
  it('is one more header in transport mode', () => {
    for (const inside of [INSIDE, INSIDE6]) {
      const packet = decodeWhole(ah(inside, 0x1234_5678));
      expect(packet).toMatchObject({ transport: IpProtocol.Udp, destinationPort: 2000, inner: Inner.None });
      expect(packet.view.getUint32(packet.ahAt + 4)).toBe(0x1234_5678);
    }
  });

  it('is malformed where it says to be shorter than its fields', () => {
    const { octets: packet, etherType } = ah(INSIDE, 1);
    expect(decodeWhole({ etherType, octets: replaced(packet, 21, [0]) })).toMatchObject({
      stop: 'malformed',
      stopLayer: 'ah',
      transport: 0,
    });
  });

  it('is shown where it is a tunnel, too', () => {
    const packet = decodeWhole(ahTunnel(A, B, 1, INSIDE));
    expect(packet.view.getUint32(packet.ahAt + 4)).toBe(1);
  });
});

describe('ESP', () => {
  it('is not what a service answers to a client that has port 4500', () => {
    const payload = octets(noise(60, 2));
    expect(decodeWhole(udp({ from: `${A}:53`, to: `${B}:4500`, payload })).espAt).toBe(-1);
    expect(decodeWhole(udp({ from: `${A}:4500`, to: `${B}:1024`, payload })).espAt).toBe(28);
  });

  const wide = { spi: 0x1000_0001, sequence: 5 };

  it('is shown where it is encrypted, and not entered', () => {
    const plain = decodeWhole(esp(A, B, wide, 88));
    expect(plain).toMatchObject({ inner: Inner.None, payloadLength: 96, stop: 'none' });
    expect([plain.view.getUint32(plain.espAt), plain.view.getUint32(plain.espAt + 4)]).toEqual([wide.spi, 5]);
    const inUdp = decodeWhole(natT(`${A}:41234`, `${B}:4500`, wide, 88));
    expect(inUdp).toMatchObject({ inner: Inner.None, transport: IpProtocol.Udp });
    expect([inUdp.view.getUint32(inUdp.espAt), inUdp.espAt]).toEqual([wide.spi, inUdp.payloadAt]);
  });

  it('is not what IKE, a keepalive or WireGuard send on its port', () => {
    for (const payload of [
      octets(be32(0), noise(40, 1)),
      octets(0xff),
      octets(4, 0, 0, 0, noise(4, 1), 1, 0, 0, 0, 0, 0, 0, 0, noise(32, 1)),
    ])
      expect(decodeWhole(udp({ from: `${A}:4500`, to: `${B}:4500`, payload })).espAt).toBe(-1);
  });

  it('shows what it holds in transport mode, under the header it has', () => {
    const segment = tcp({ from: `${A}:1000`, to: `${B}:179`, flags: TcpFlags.Ack, payload: octets(noise(19, 3)) });
    const [layer] = layersOf(espNullTransport(segment, { spi: 1, icv: 12 }));
    expect(layer).toMatchObject({ path: ['esp'], id: 1, transport: IpProtocol.Tcp, source: A, destination: B, payloadLength: 19 });
    const segment6 = syn(`[${A6}]:1000`, `[${B6}]:179`);
    expect(layersOf(espNullTransport(segment6, { spi: 1 }))).toMatchObject([{ path: ['esp'], transport: IpProtocol.Tcp, source: A6 }]);
  });

  it('is left alone where one octet of the proof is wrong', () => {
    const segment = espNullTransport(tcp({ from: `${A}:1000`, to: `${B}:179`, flags: TcpFlags.Ack, payload: octets(noise(19, 3)) }), {
      spi: 1,
    });
    for (const at of [20 + 8 + 5, 20 + 8 + 20 + 3, segment.octets.length - 17, segment.octets.length - 18, segment.octets.length - 19]) {
      const wrong = replaced(segment.octets, at, [(segment.octets[at] ?? 0) ^ 0x40]);
      expect(layersOf({ ...segment, octets: wrong }), String(at)).toEqual([]);
    }
  });

  it('is entered where the snaplen cut the trailer, if an IPv4 header proves it', () => {
    const whole = espNull(A, B, wide, udp({ from: '192.0.2.1:1', to: '192.0.2.2:2', payload: octets(noise(400, 1)) }));
    expect(layersOf(whole, { caplen: 96 })).toMatchObject([{ path: ['esp'], destinationPort: 2, payloadLength: 400 }]);
    expect(layersOf(espNull(A, B, wide, INSIDE6), { caplen: 90 })).toEqual([]);
    const more = espNull(A, B, wide, { ...INSIDE, octets: octets(INSIDE.octets, noise(400, 2)) });
    expect(layersOf(more, { caplen: 96 })).toEqual([]);
    expect(layersOf(whole, { caplen: 40 })).toEqual([]);
  });

  it('is not looked into in a fragment, whose trailer comes later', () => {
    const [first] = ipv4Fragments({ from: A, to: B, protocol: 50, payload: espNull(A, B, wide, INSIDE).octets.slice(20) }, 48);
    expect(first && decodeWhole(first)).toMatchObject({ inner: Inner.None, espAt: 20, isFragment: true });
    const { octets: whole, etherType } = espNull(A, B, wide, INSIDE);
    expect(decodeWhole({ etherType, octets: replaced(whole, 6, [0x20]) })).toMatchObject({
      inner: Inner.None,
      espAt: 20,
      isFragment: true,
    });
  });

  it('is not seen in a million encrypted packets', () => expect(enteredOfAMillion(() => {})).toBe(0));

  it('would be seen in about one in 2^16, if next header and pad length were always plausible', () => {
    const trailer = 20 + 8 + LENGTH - 16 - 2;
    const entered = enteredOfAMillion((packet) => packet.set([0, IpProtocol.Tcp], trailer));
    expect(entered).toBeGreaterThan(2);
    expect(entered).toBeLessThan(50);
  });
});

const LENGTH = 120;

/** How many of a million packets of ESP, with other octets in each, are taken for unencrypted. */
function enteredOfAMillion(change: (packet: Uint8Array) => void): number {
  const { octets: packet } = esp(A, B, { spi: 1 }, LENGTH);
  const view = new DataView(packet.buffer);
  const innerOf = reusedDecoder();
  let state = 1;
  let entered = 0;
  for (let i = 0; i < 1_000_000; i++) {
    // xorshift (Marsaglia 2003).
    for (let at = packet.length - LENGTH; at < packet.length; at += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      view.setInt32(at, state);
    }
    change(packet);
    if (innerOf(packet) !== Inner.None) entered++;
  }
  return entered;
}

describe('what is not proven is not entered', () => {
  it.each([
    { name: 'noise on the port of FOU', packet: udp({ from: `${A}:1`, to: `${B}:5555`, payload: octets(0x45, noise(50, 4)) }) },
    {
      name: 'an IP packet and more behind it on the port of FOU',
      packet: udp({ from: `${A}:1`, to: `${B}:5555`, payload: octets(INSIDE.octets, 0) }),
    },
    { name: 'FOU with a wrong checksum', packet: fou(A, B, { ...INSIDE, octets: replaced(INSIDE.octets, 8, [63]) }) },
    { name: 'control of GUE', packet: udp({ from: `${A}:1`, to: `${B}:6080`, payload: octets(0x20, 4, 0, 0, INSIDE.octets) }) },
    { name: 'control of L2TPv3', packet: l2tpv3(A, B, 0, FRAME) },
    { name: 'an encrypted L2TPv3', packet: l2tpv3(A, B, 5, octets(noise(80, 3))) },
    {
      name: 'L2TP with flags that it has not',
      packet: udp({ from: `${A}:1701`, to: `${B}:1701`, payload: octets(0x10, 2, 0, 1, 0, 1, 0xff, 3, 0, 0x21, INSIDE.octets) }),
    },
  ])('$name', ({ packet }) => expect(layersOf(packet)).toEqual([]));

  it('finds ARP in L2TPv3', () => {
    const frame = ethernet(MACS, arpRequest({ mac: MACS.source, ip: '192.0.2.1' }, '192.0.2.2'));
    expect(layersOf(l2tpv3(A, B, 5, frame)).length).toBe(1);
  });
});

describe('UDP that holds a packet', () => {
  it('is a tunnel and no conversation', () => {
    expect(recogniseUdp(decodeWhole(fou(A, B, INSIDE)))).toBe(UdpProtocol.Tunnel);
    expect(recogniseUdp(decodeWhole(vxlanGpe(A, B, 1, FRAME)))).toBe(UdpProtocol.Tunnel);
  });
});

describe('tinc', () => {
  const meta = (text: string) =>
    decodeWhole(tcp({ from: `${A}:40000`, to: `${B}:655`, flags: TcpFlags.Ack, payload: octets(ascii(text)) }));

  it.each(['0 alpha 17\n', '0 b_2 17.7\n', '0 a 17.12\n1 94 64 0 0 ABCDEF\n'])('knows %j', (text) => {
    expect(isTincMeta(meta(text))).toBe(true);
    expect(isTincPort(meta(text))).toBe(true);
  });

  it.each(['0 alpha 16\n', '0  17\n', '0 al-pha 17\n', '0 alpha 17.\n', '0 alpha 17', '1 alpha 17\n', '', `0 ${'a'.repeat(80)} 17\n`])(
    'not %j',
    (text) => {
      expect(isTincMeta(meta(text))).toBe(false);
    },
  );
});
