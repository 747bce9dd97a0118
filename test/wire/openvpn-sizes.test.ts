import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OpenVpnShape, outerSize } from '../../src/track/tunnels/mtu.ts';
import { readOctets, root } from '../tools/captures.ts';

/*
 * What fluxcap takes the sizes of OpenVPN's packets for, held against the real OpenVPN (captures/openvpn-modes): control packets by mode, and data by cipher. The
 * captures are read here by hand, so that nothing of the product stands between the octets and the numbers.
 */

const Opcode = { Ack: 5, ClientReset: 7, ServerReset: 8, DataV2: 9, ClientResetV3: 10 } as const;
const TCP = 6;
const UDP = 17;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;

interface Sighted {
  /** The server's port; the client's are higher. */
  port: number;
  toServer: boolean;
  /** Octets of the IP packet. */
  ip: number;
  /** Octets behind UDP or TCP. */
  payload: number;
  firstOctet: number;
}

/** The packets of a classic pcap file of Ethernet, by their length fields. */
function packetsOf(file: string): Sighted[] {
  const octets = readOctets(join(root, 'captures', 'openvpn-modes', file));
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const packets: Sighted[] = [];
  for (let at = FILE_HEADER; at < view.byteLength; at += RECORD_HEADER + view.getUint32(at + 8, true)) {
    const network = at + RECORD_HEADER + ETHERNET;
    const isIpv6 = view.getUint8(network) >> 4 === 6;
    const header = isIpv6 ? 40 : 20;
    const ip = isIpv6 ? 40 + view.getUint16(network + 4) : view.getUint16(network + 2);
    const transport = network + header;
    const protocol = view.getUint8(network + (isIpv6 ? 6 : 9));
    if (protocol !== TCP && protocol !== UDP) continue;
    const [from, to] = [view.getUint16(transport), view.getUint16(transport + 2)];
    const length = protocol === UDP ? 8 : (view.getUint8(transport + 12) >> 4) * 4;
    const payload = ip - header - length;
    const firstOctet = payload > 0 ? view.getUint8(transport + length) : 0;
    packets.push({ port: Math.min(from, to), toServer: to < from, ip, payload, firstOctet });
  }
  return packets;
}

const udp = packetsOf('udp.pcap');
const ofPort = (port: number, opcode: number): Sighted[] => udp.filter((each) => each.port === port && each.firstOctet >> 3 === opcode);

describe('control packets', () => {
  it.each([
    { mode: 'plain', port: 1194, client: 14, server: 26, ack: 22 },
    { mode: 'tls-auth with MD5', port: 1195, client: 38, server: 50, ack: 46 },
    { mode: 'tls-auth with SHA1', port: 1196, client: 42, server: 54, ack: 50 },
    { mode: 'tls-auth with SHA224', port: 1197, client: 50, server: 62, ack: 58 },
    { mode: 'tls-auth with SHA256', port: 1198, client: 54, server: 66, ack: 62 },
    { mode: 'tls-auth with SHA384', port: 1199, client: 70, server: 82, ack: 78 },
    { mode: 'tls-auth with SHA512', port: 1200, client: 86, server: 98, ack: 94 },
    { mode: 'tls-crypt', port: 1201, client: 54, server: 66, ack: 62 },
    { mode: 'plain by IPv6', port: 1206, client: 14, server: 26, ack: 22 },
  ])('$mode', ({ port, client, server, ack }) => {
    expect(ofPort(port, Opcode.ClientReset).map(({ payload }) => payload)).toEqual([client]);
    expect(ofPort(port, Opcode.ServerReset).map(({ payload }) => payload)).toEqual([server]);
    const acks = ofPort(port, Opcode.Ack).map(({ payload }) => payload);
    expect(acks.length).toBeGreaterThan(0);
    // OpenVPN 2.6 acknowledges again what it acknowledged lately: four octets each.
    expect(acks.filter((length) => length < ack || (length - ack) % 4 !== 0 || length > ack + 28)).toEqual([]);
  });

  it.each([
    { mode: 'tls-crypt-v2', port: 1202 },
    { mode: 'tls-crypt-v2 with cookies', port: 1203 },
  ])('$mode: the client sends its wrapped key, and the server says what it can negotiate early', ({ port }) => {
    const [reset] = ofPort(port, Opcode.ClientResetV3);
    expect(reset?.payload).toBeGreaterThanOrEqual(344);
    expect(ofPort(port, Opcode.ServerReset).map(({ payload }) => payload)).toEqual([66 + 6]);
  });
});

describe('data packets', () => {
  /** Sizes of the IP packets with an echo and with its reply inside, of which the capture has nothing but these and smaller ones. */
  const largest = (packets: readonly Sighted[]): number[] => {
    const most = Math.max(...packets.map(({ ip }) => ip));
    return packets.filter(({ ip }) => ip === most).map(({ ip }) => ip);
  };
  const ECHO = 20 + 8 + 1000;
  const GCM: OpenVpnShape = { protocol: 'openvpn', over: 4, cipher: 'AES-256-GCM' };

  it.each<{ port: number; shape: OpenVpnShape }>([
    ...[1194, 1195, 1196, 1197, 1198, 1199, 1200, 1201, 1202, 1203].map((port) => ({ port, shape: GCM })),
    { port: 1204, shape: { ...GCM, cipher: 'AES-256-CBC', digest: 'SHA256' } },
    { port: 1205, shape: { ...GCM, cipher: 'CHACHA20-POLY1305' } },
    { port: 1206, shape: { ...GCM, over: 6 } },
  ])('port $port: $shape.cipher', ({ port, shape }) => {
    // Two echoes, two replies.
    expect(largest(ofPort(port, Opcode.DataV2))).toEqual(Array(4).fill(outerSize(ECHO, shape)));
  });

  it('by TCP', () => {
    const wanted = outerSize(ECHO, { ...GCM, transport: 'tcp' });
    for (const port of [1207, 1208]) {
      // A length of two octets goes before.
      const sizes = packetsOf('tcp.pcap').filter((each) => each.port === port && each.firstOctet === (wanted - 54) >> 8);
      expect(sizes.filter(({ ip }) => ip === wanted).length, String(port)).toBe(4);
    }
  });

  it('with a static key', () => {
    const shape: OpenVpnShape = { protocol: 'openvpn', over: 4, data: 'static-key', cipher: 'AES-256-CBC', digest: 'SHA256' };
    const echoes = largest(packetsOf('static-key.pcap'));
    expect(echoes.length).toBeGreaterThanOrEqual(60);
    expect(new Set(echoes)).toEqual(new Set([outerSize(20 + 8 + 56, shape)]));
  });
});
