import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Direction } from '../../src/frame.ts';
import {
  type EspIntegrity,
  type EspShape,
  espCiphers,
  espIntegrities,
  innerMtu,
  mtuOfMss,
  nestedInnerMtu,
  nestedOuterSize,
  type OpenVpnShape,
  openVpnCiphers,
  openVpnDigests,
  outerSize,
  overheadText,
  type TunnelShape,
  tcpMss,
  tunnelMtuAdvice,
} from '../../src/track/tunnels/mtu.ts';
import { IpProtocol, type Packet } from '../../src/wire/packet.ts';
import { readOctets, root } from '../tools/captures.ts';
import { eachPacket } from '../tools/walk.ts';

const ESP: Omit<EspShape, 'cipher'> = { protocol: 'esp', over: 4, mode: 'tunnel' };
const OPENVPN: Omit<OpenVpnShape, 'cipher'> = { protocol: 'openvpn', over: 4 };
const CBC: TunnelShape = { ...ESP, cipher: 'aes', integrity: 'sha256' };
const GCM: TunnelShape = { ...ESP, cipher: 'aesgcm16' };

describe('what fits over a path of 1500 octets', () => {
  it.each<{ shape: TunnelShape; v4: number; v6?: number }>([
    { shape: { protocol: 'ipip', over: 4 }, v4: 1480, v6: 1460 },
    { shape: { protocol: 'sit', over: 4 }, v4: 1480 },
    { shape: { protocol: '4in6', over: 6, encapLimit: true }, v4: 1480, v6: 1452 },
    { shape: { protocol: '6in6', over: 6 }, v4: 1480, v6: 1460 },
    { shape: { protocol: 'gre', over: 4 }, v4: 1476, v6: 1456 },
    { shape: { protocol: 'gre', over: 4, key: true }, v4: 1472, v6: 1452 },
    { shape: { protocol: 'gre', over: 4, key: true, sequence: true }, v4: 1468, v6: 1448 },
    { shape: { protocol: 'gre', over: 4, key: true, sequence: true, checksum: true }, v4: 1464, v6: 1444 },
    { shape: { protocol: 'gre', over: 6, encapLimit: true }, v4: 1476, v6: 1448 },
    { shape: { protocol: 'gre', over: 4, ethernet: true }, v4: 1462, v6: 1442 },
    { shape: { protocol: 'erspan', over: 4, type: 1 }, v4: 1462 },
    { shape: { protocol: 'erspan', over: 4, type: 2 }, v4: 1450 },
    { shape: { protocol: 'erspan', over: 4, type: 3 }, v4: 1446 },
    { shape: { protocol: 'wireguard', over: 4 }, v4: 1440, v6: 1420 },
    { shape: { protocol: 'wireguard', over: 4, deviceMtu: 1420 }, v4: 1420, v6: 1420 },
    // The device is too large for the path, so full packets are padded to 16: 1440 and 1408.
    { shape: { protocol: 'wireguard', over: 4, deviceMtu: 1500 }, v4: 1440, v6: 1408 },
    { shape: { protocol: 'vxlan', over: 4 }, v4: 1450, v6: 1430 },
    { shape: { protocol: 'vxlan', over: 4, vlans: 1 }, v4: 1446, v6: 1426 },
    { shape: { protocol: 'geneve', over: 4 }, v4: 1450, v6: 1430 },
    { shape: { protocol: 'geneve', over: 4, options: 8 }, v4: 1442, v6: 1422 },
    { shape: { protocol: 'geneve', over: 4, ethernet: false }, v4: 1464, v6: 1444 },
    { shape: { ...OPENVPN, cipher: 'AES-256-GCM' }, v4: 1448, v6: 1428 },
    { shape: { ...OPENVPN, cipher: 'CHACHA20-POLY1305', data: 'v1' }, v4: 1451, v6: 1431 },
    { shape: { ...OPENVPN, cipher: 'AES-256-GCM', transport: 'tcp' }, v4: 1422, v6: 1402 },
    { shape: { ...OPENVPN, cipher: 'AES-256-GCM', compression: 1 }, v4: 1447, v6: 1427 },
    { shape: { ...OPENVPN, cipher: 'AES-256-CBC', digest: 'SHA1' }, v4: 1419, v6: 1403 },
    { shape: { ...OPENVPN, cipher: 'AES-256-CBC', digest: 'SHA256' }, v4: 1403, v6: 1387 },
    { shape: { ...OPENVPN, cipher: 'AES-256-CBC', digest: 'SHA256', data: 'static-key' }, v4: 1415, v6: 1383 },
    { shape: { ...OPENVPN, cipher: 'AES-256-GCM', ethernet: true }, v4: 1434, v6: 1414 },
    { shape: CBC, v4: 1438, v6: 1406 },
    { shape: { ...CBC, natT: true }, v4: 1422, v6: 1406 },
    { shape: GCM, v4: 1446, v6: 1426 },
    { shape: { ...GCM, natT: true }, v4: 1438, v6: 1418 },
    { shape: { ...ESP, cipher: 'chacha20poly1305' }, v4: 1446, v6: 1426 },
    { shape: { ...ESP, cipher: '3des', integrity: 'sha1' }, v4: 1446, v6: 1430 },
    { shape: { ...ESP, cipher: 'null', integrity: 'sha1' }, v4: 1458, v6: 1438 },
    { shape: { ...GCM, mode: 'transport' }, v4: 1466, v6: 1466 },
    { shape: { protocol: 'ah', over: 4, mode: 'tunnel', integrity: 'sha1' }, v4: 1456, v6: 1436 },
    { shape: { protocol: 'ah', over: 4, mode: 'tunnel', integrity: 'sha256' }, v4: 1452, v6: 1428 },
    { shape: { protocol: 'l2tp', over: 4 }, v4: 1462, v6: 1442 },
    { shape: { protocol: 'l2tp', over: 4, lengthField: true, sequence: true }, v4: 1456, v6: 1436 },
    { shape: { protocol: 'l2tpv3', over: 4, udp: true }, v4: 1446, v6: 1426 },
    { shape: { protocol: 'l2tpv3', over: 4, cookie: 8, sublayer: false }, v4: 1454, v6: 1434 },
    { shape: { protocol: 'gtp-u', over: 4 }, v4: 1464, v6: 1444 },
    { shape: { protocol: 'gtp-u', over: 4, extensions: 4 }, v4: 1456, v6: 1436 },
    { shape: { protocol: 'fou', over: 4 }, v4: 1472, v6: 1452 },
    { shape: { protocol: 'gue', over: 4 }, v4: 1468, v6: 1448 },
    { shape: { protocol: 'teredo', over: 4 }, v4: 1472 },
    { shape: { protocol: 'pppoe' }, v4: 1492 },
    { shape: { protocol: 'mpls', labels: 2 }, v4: 1492 },
  ])('$shape: $v4, $v6', ({ shape, v4, v6 }) => {
    const over = (version: 4 | 6): TunnelShape => ('over' in shape ? { ...shape, over: version } : shape);
    expect(innerMtu(over(4), 1500)).toBe(v4);
    if (v6 !== undefined) expect(innerMtu(over(6), 1500)).toBe(v6);
  });

  it.each<{ name: string; shapes: TunnelShape[]; mtu: number }>([
    {
      name: 'GRE in ESP transport, CBC',
      shapes: [
        { ...CBC, mode: 'transport' },
        { protocol: 'gre', over: 4 },
      ],
      mtu: 1434,
    },
    {
      name: 'the same with NAT-T',
      shapes: [
        { ...CBC, mode: 'transport', natT: true },
        { protocol: 'gre', over: 4 },
      ],
      mtu: 1418,
    },
    {
      name: 'GRE in ESP transport, GCM',
      shapes: [
        { ...GCM, mode: 'transport' },
        { protocol: 'gre', over: 4 },
      ],
      mtu: 1442,
    },
    {
      name: 'the same with NAT-T',
      shapes: [
        { ...GCM, mode: 'transport', natT: true },
        { protocol: 'gre', over: 4 },
      ],
      mtu: 1434,
    },
    {
      name: 'GRE with key in ESP tunnel with NAT-T',
      shapes: [
        { ...GCM, natT: true },
        { protocol: 'gre', over: 4, key: true },
      ],
      mtu: 1410,
    },
    { name: 'WireGuard over PPPoE', shapes: [{ protocol: 'pppoe' }, { protocol: 'wireguard', over: 6, deviceMtu: 1412 }], mtu: 1412 },
    {
      name: 'VXLAN in WireGuard',
      shapes: [
        { protocol: 'wireguard', over: 4, deviceMtu: 1440 },
        { protocol: 'vxlan', over: 4 },
      ],
      mtu: 1390,
    },
    { name: 'nothing', shapes: [], mtu: 1500 },
  ])('$name', ({ shapes, mtu }) => {
    expect(nestedInnerMtu(shapes, 1500)).toBe(mtu);
    expect(nestedOuterSize(mtu, shapes)).toBeLessThanOrEqual(1500);
    expect(nestedOuterSize(mtu + 1, shapes)).toBeGreaterThan(1500);
  });

  it('is 0 where nothing does', () => {
    expect(innerMtu(CBC, 40)).toBe(0);
    expect(tunnelMtuAdvice([CBC], 40)).toEqual({ mtu: 0, mss4: 0, mss6: null, overhead: 40 });
  });
});

const over = fc.constantFrom<4 | 6>(4, 6);
const keysOf = <K extends string>(table: Record<K, unknown>): K[] => Object.keys(table) as K[];
const shapes: fc.Arbitrary<TunnelShape> = fc.oneof(
  fc.record({
    protocol: fc.constant('esp' as const),
    over,
    mode: fc.constantFrom('tunnel' as const, 'transport' as const),
    cipher: fc.constantFrom(...keysOf(espCiphers)),
    integrity: fc.constantFrom(...keysOf(espIntegrities)),
    natT: fc.boolean(),
  }),
  fc.record({
    protocol: fc.constant('openvpn' as const),
    over,
    transport: fc.constantFrom('udp' as const, 'tcp' as const),
    data: fc.constantFrom('v1' as const, 'v2' as const, 'static-key' as const),
    cipher: fc.constantFrom(...keysOf(openVpnCiphers)),
    digest: fc.constantFrom(...keysOf(openVpnDigests)),
    ethernet: fc.boolean(),
  }),
  fc.record({ protocol: fc.constant('wireguard' as const), over, deviceMtu: fc.integer({ min: 1280, max: 9000 }) }),
  fc.record({ protocol: fc.constant('gre' as const), over, key: fc.boolean(), checksum: fc.boolean(), ethernet: fc.boolean() }),
);

it('the largest packet that fits fits, and one octet more does not', () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 600, max: 9000 }), (shape, path) => {
      const mtu = innerMtu(shape, path);
      expect(outerSize(mtu, shape)).toBeLessThanOrEqual(path);
      // Of WireGuard the device lets no more in.
      const isLimited = shape.protocol === 'wireguard' && mtu === shape.deviceMtu;
      if (!isLimited) expect(outerSize(mtu + 1, shape)).toBeGreaterThan(path);
    }),
  );
});

describe('WireGuard pads', () => {
  it.each([
    { inner: 100, deviceMtu: 1420, outer: 60 + 112 },
    { inner: 1419, deviceMtu: 1420, outer: 60 + 1420 },
    { inner: 1420, deviceMtu: 1420, outer: 1480 },
    { inner: 1420, deviceMtu: undefined, outer: 60 + 1424 },
  ])('$inner octets, a device of $deviceMtu', ({ inner, deviceMtu, outer }) => {
    expect(outerSize(inner, { protocol: 'wireguard', over: 4, ...(deviceMtu ? { deviceMtu } : {}) })).toBe(outer);
  });
});

describe('in words', () => {
  it('names the parts', () => {
    expect(overheadText({ protocol: 'wireguard', over: 4 })).toBe('20 (IPv4) + 8 (UDP) + 32 (WireGuard) = 60');
    expect(overheadText({ ...GCM, natT: true })).toBe('20 (IPv4) + 8 (UDP) + 16 (ESP) + 2 (ESP trailer) + 16 (ICV) = 62');
    expect(overheadText({ protocol: 'pppoe' })).toBe('8 (PPPoE)');
  });

  it('says what to set', () => {
    expect(tunnelMtuAdvice([{ protocol: 'wireguard', over: 6 }], 1492)).toEqual({ mtu: 1412, mss4: 1372, mss6: 1352, overhead: 80 });
    expect(tunnelMtuAdvice([{ protocol: 'gre', over: 4 }], 1280)).toEqual({ mtu: 1256, mss4: 1216, mss6: null, overhead: 24 });
    expect([tcpMss(1500, 4), tcpMss(1500, 6), mtuOfMss(1460, 4), mtuOfMss(1440, 6)]).toEqual([1460, 1440, 1500, 1500]);
  });
});

/** Sizes of IP packets inside and outside, in the order of each direction. */
async function sizesIn(
  capture: string,
  isInner: (packet: Packet) => boolean,
  isOuter: (packet: Packet) => boolean,
): Promise<[number, number][]> {
  const inner = { [Direction.In]: [] as number[], [Direction.Out]: [] as number[] };
  const outer = { [Direction.In]: [] as number[], [Direction.Out]: [] as number[] };
  await eachPacket(readOctets(join(root, 'captures', capture)), (packet) => {
    if (packet.depth > 0 || packet.version !== 4 || (packet.direction !== Direction.In && packet.direction !== Direction.Out)) return;
    const size = packet.view.getUint16(packet.ipAt + 2);
    if (isInner(packet)) inner[packet.direction].push(size);
    if (isOuter(packet)) outer[packet.direction].push(size);
  });
  return [Direction.In, Direction.Out].flatMap((direction) => {
    // At the end of a capture a packet may have been seen on one side alone.
    expect(Math.abs(inner[direction].length - outer[direction].length)).toBeLessThanOrEqual(1);
    const both = Math.min(inner[direction].length, outer[direction].length);
    return inner[direction].slice(0, both).map((size, i): [number, number] => [size, outer[direction][i] ?? 0]);
  });
}

describe('what real tunnels made of packets', () => {
  it('strongSwan: ESP tunnel, AES-GCM-16, NAT-T', async () => {
    const IPSEC = 4;
    const WAN = 2;
    const sizes = await sizesIn(
      'ipsec-nat-t/responder.pcap',
      ({ ifindex }) => ifindex === IPSEC,
      ({ ifindex, espAt }) => ifindex === WAN && espAt >= 0,
    );
    expect(sizes.length).toBeGreaterThan(30);
    expect(Math.max(...sizes.map(([inner]) => inner))).toBe(1400);
    for (const [inner, outer] of sizes) expect([inner, outerSize(inner, { ...GCM, natT: true })]).toEqual([inner, outer]);
  });

  // Measured as in captures/ipsec-nat-t, with `esp_proposals = aes256-sha256` and `aes256-sha512` (strongSwan 5.9.8).
  it.each<{ integrity: EspIntegrity; sizes: [number, number][] }>([
    {
      integrity: 'sha256',
      sizes: [
        [52, 132],
        [60, 132],
        [84, 164],
        [356, 436],
        [1008, 1092],
        [1400, 1476],
      ],
    },
    {
      integrity: 'sha512',
      sizes: [
        [52, 148],
        [60, 148],
        [84, 180],
        [356, 452],
        [1008, 1108],
        [1400, 1492],
      ],
    },
  ])('strongSwan: ESP tunnel, AES-CBC, $integrity, NAT-T', ({ integrity, sizes }) => {
    for (const [inner, outer] of sizes)
      expect([inner, outerSize(inner, { ...ESP, cipher: 'aes', integrity, natT: true })]).toEqual([inner, outer]);
  });

  it('OpenVPN: static key, AES-256-CBC, SHA256', async () => {
    const TUNNEL = 5;
    const WAN = 2;
    const PORT = 1194;
    /** OpenVPN's own messages: its ping, 16 octets, and the options that both ends compare. */
    const PING = 108;
    const OPTIONS = 252;
    const sizes = await sizesIn(
      'site-to-site/rr.pcap',
      ({ ifindex }) => ifindex === TUNNEL,
      ({ ifindex, transport, destinationPort, view, ipAt }) =>
        ifindex === WAN && transport === IpProtocol.Udp && destinationPort === PORT && ![PING, OPTIONS].includes(view.getUint16(ipAt + 2)),
    );
    expect(sizes.length).toBeGreaterThan(30);
    const shape: TunnelShape = { ...OPENVPN, cipher: 'AES-256-CBC', digest: 'SHA256', data: 'static-key' };
    for (const [inner, outer] of sizes) expect([inner, outerSize(inner, shape)]).toEqual([inner, outer]);
    expect(outerSize(16, shape)).toBe(PING);
  });
});
