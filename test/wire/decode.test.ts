import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frame, UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { decode, decodeInner } from '../../src/wire/decode.ts';
import { MOST_LAYERS, pathNames } from '../../src/wire/encapsulation.ts';
import { QuotedPacket } from '../../src/wire/icmp.ts';
import { isDecodedLinktype, Linktype, linktypeName } from '../../src/wire/linktype.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import { Transaction } from '../../src/wire/transaction.ts';
import { recogniseUdp, UdpProtocol, udpProtocolInfo } from '../../src/wire/udp-protocol.ts';
import { wireguardType } from '../../src/wire/wireguard.ts';
import { hexOctets } from '../tools/octets.ts';

function frameOf(octets: Uint8Array, linktype: number, { origlen = octets.length, caplen = octets.length, before = 0 } = {}): Frame {
  const frame = new Frame();
  // Somewhere in a larger buffer, as frames lie in a window.
  const bytes = new Uint8Array(before + octets.length + 8).fill(0xee);
  bytes.set(octets, before);
  frame.bytes = bytes;
  frame.view = new DataView(bytes.buffer);
  frame.start = before;
  frame.caplen = caplen;
  frame.origlen = origlen;
  frame.linktype = linktype;
  frame.number = 1;
  return frame;
}

function decoded(octets: Uint8Array, linktype: number = Linktype.Ethernet, lengths: { origlen?: number; caplen?: number } = {}): Packet {
  const packet = new Packet(UNKNOWN_INTERFACE);
  decode(packet, frameOf(octets, linktype, { before: 5, ...lengths }));
  return packet;
}

const ETHERNET = '020000000001 020000000002';
const IPV4_UDP = '45 00 0024 1234 4000 40 11 0000 c0000201 c0000202  1111 0035 0010 0000  0102030405060708';
const ARP = '0001 0800 06 04 0001  02000000000a c0000201  000000000000 c0000202';

describe('link layers', () => {
  it('follow backbones to the customer, but no crafted nest of them', () => {
    const backbone = `${ETHERNET} 88e7 00000001 `;
    const octets = (backbones: number) => hexOctets(`${backbone.repeat(backbones)} ${ETHERNET} 0800 ${IPV4_UDP}`);
    expect(decoded(octets(3))).toMatchObject({ ethernetAt: 5 + 3 * 18, protocol: 17, stop: 'none' });
    expect(decoded(octets(4))).toMatchObject({ protocol: -1, stop: 'malformed', stopLayer: 'ethernet', stopOffset: 4 * 18 });
    expect(decoded(octets(2), 1, { caplen: 2 * 18 + 13 })).toMatchObject({ stop: 'truncated', stopLayer: 'ethernet', stopOffset: 2 * 18 });
  });

  it.each([
    { name: 'Ethernet', linktype: 1, octets: `${ETHERNET} 0800 ${IPV4_UDP}`, vlans: [] },
    { name: 'Ethernet, VLAN', linktype: 1, octets: `${ETHERNET} 8100 a00a 0800 ${IPV4_UDP}`, vlans: [10] },
    { name: 'Ethernet, QinQ', linktype: 1, octets: `${ETHERNET} 88a8 0064 8100 000a 0800 ${IPV4_UDP}`, vlans: [100, 10] },
    { name: 'Ethernet, six tags', linktype: 1, octets: `${ETHERNET} ${'8100 0001 '.repeat(6)} 0800 ${IPV4_UDP}`, vlans: [1, 1, 1, 1] },
    { name: 'LLC and SNAP', linktype: 1, octets: `${ETHERNET} 002c aaaa03 000000 0800 ${IPV4_UDP}`, vlans: [] },
    { name: 'RAW', linktype: 101, octets: IPV4_UDP, vlans: [] },
    { name: 'RAW of a BSD', linktype: 12, octets: IPV4_UDP, vlans: [] },
    { name: 'IPv4 only', linktype: 228, octets: IPV4_UDP, vlans: [] },
    { name: 'NULL, little-endian', linktype: 0, octets: `02000000 ${IPV4_UDP}`, vlans: [] },
    { name: 'NULL, big-endian', linktype: 0, octets: `00000002 ${IPV4_UDP}`, vlans: [] },
    { name: 'LOOP', linktype: 108, octets: `00000002 ${IPV4_UDP}`, vlans: [] },
    { name: 'LINUX_SLL', linktype: 113, octets: `0004 0001 0006 020000000002 0000 0800 ${IPV4_UDP}`, vlans: [] },
    { name: 'LINUX_SLL2', linktype: 276, octets: `0800 0000 00000007 0001 04 06 020000000002 0000 ${IPV4_UDP}`, vlans: [] },
    { name: 'PPP with HDLC framing', linktype: 9, octets: `ff03 0021 ${IPV4_UDP}`, vlans: [] },
    { name: 'PPP, compressed protocol', linktype: 9, octets: `21 ${IPV4_UDP}`, vlans: [] },
    { name: 'Cisco HDLC', linktype: 104, octets: `0f00 0800 ${IPV4_UDP}`, vlans: [] },
    { name: 'MAC-in-MAC', linktype: 1, octets: `${ETHERNET} 88e7 00000001 ${ETHERNET} 0800 ${IPV4_UDP}`, vlans: [] },
  ])('$name', ({ linktype, octets, vlans }) => {
    const packet = decoded(hexOctets(octets), linktype);
    expect(packet).toMatchObject({
      version: 4,
      transport: IpProtocol.Udp,
      sourcePort: 0x1111,
      destinationPort: 53,
      payloadLength: 8,
      stop: 'none',
    });
    expect([packet.sourceIp, packet.destinationIp]).toEqual(['192.0.2.1', '192.0.2.2']);
    expect([...packet.vlans.subarray(0, packet.vlanCount)]).toEqual(vlans);
  });

  it('ends in a stack of tags that no network has', () => {
    const tags = (count: number): Packet => decoded(hexOctets(`${ETHERNET} ${'8100 0001 '.repeat(count)} 0800 ${IPV4_UDP}`));
    expect(tags(31)).toMatchObject({ stop: 'none', version: 4, vlanCount: 4 });
    expect(tags(33)).toMatchObject({ stop: 'malformed', stopLayer: 'vlan', version: 0 });
  });

  it('takes interface, direction and sender from LINUX_SLL2', () => {
    const packet = decoded(hexOctets(`0800 0000 00000007 0001 04 06 020000000002 0000 ${IPV4_UDP}`), Linktype.LinuxSll2);
    expect(packet).toMatchObject({ ifindex: 7, packetType: 4, direction: 2, sourceMac: 0x0200_0000_0002, destinationMac: -1 });
  });

  it('names link types as tcpdump does', () => {
    expect([1, 101, 276, 311].map(linktypeName)).toEqual(['ETHERNET', 'RAW', 'LINUX_SLL2', '#311']);
    expect([1, 12, 14, 101, 228, 229, 0, 108, 113, 276, 9, 50, 51, 104].every(isDecodedLinktype)).toBe(true);
    expect([127, 129, 147].some(isDecodedLinktype)).toBe(false);
  });
});

describe('where decoding ends', () => {
  const request = hexOctets(`${ETHERNET} 0806 ${ARP}`);
  it.each([
    { name: 'whole', caplen: 42, origlen: 42, stop: 'none', hasArp: true },
    { name: 'cut by the snaplen', caplen: 30, origlen: 42, stop: 'truncated', hasArp: false },
    { name: 'sent too short', caplen: 30, origlen: 30, stop: 'malformed', hasArp: false },
  ])('ARP request, $name', ({ caplen, origlen, stop, hasArp }) => {
    expect(decoded(request, 1, { caplen, origlen })).toMatchObject({ stop, hasArp });
  });

  it('reads the fields of ARP', () => {
    const { arp } = decoded(request);
    expect({ oper: arp.oper, sha: arp.sha, spa: arp.spa >>> 0, tha: arp.tha, tpa: arp.tpa >>> 0 }).toEqual({
      oper: 1,
      sha: 0x0200_0000_000a,
      spa: 0xc0000201,
      tha: 0,
      tpa: 0xc0000202,
    });
  });

  it('ignores Ethernet padding behind the IP packet', () => {
    expect(decoded(hexOctets(`${ETHERNET} 0800 ${IPV4_UDP} ${'00'.repeat(20)}`)).payloadLength).toBe(8);
  });

  it('takes what there is where segmentation offload left the length 0', () => {
    const octets = hexOctets(`${ETHERNET} 0800 ${IPV4_UDP}`);
    octets.set([0, 0], 16);
    octets.set([0, 0], 14 + 20 + 4);
    expect(decoded(octets)).toMatchObject({ stop: 'none', payloadLength: 8 });
  });
});

describe('IPv6', () => {
  const header = (next: string, length: string) =>
    `60000000 ${length} ${next} 40 20010db8000000000000000000000001 20010db8000000000000000000000002`;
  it('goes through extension headers to the upper layer', () => {
    const octets = hexOctets(`${header('00', '0020')} 3c00 000000000000  1100 000000000000 1111 0035 0010 0000 0102030405060708`);
    expect(decoded(octets, Linktype.Raw)).toMatchObject({
      version: 6,
      protocol: 17,
      transport: 17,
      destinationPort: 53,
      sourceIp: '2001:db8::1',
      destinationIp: '2001:db8::2',
    });
  });

  it('knows fragments', () => {
    const first = decoded(hexOctets(`${header('2c', '0018')} 1100 0001 00000007  1111 0035 0100 0000 0102030405060708`), Linktype.Raw);
    expect(first).toMatchObject({ moreFragments: true, fragmentOffset: 0, ident: 7, transport: 17, isFragment: true });
    const later = decoded(hexOctets(`${header('2c', '0010')} 1100 0011 00000007  0102030405060708`), Linktype.Raw);
    expect(later).toMatchObject({ moreFragments: true, fragmentOffset: 16, transport: 0 });
  });

  it('ends in a chain of headers that never ends', () => {
    expect(decoded(hexOctets(`${header('3c', '0100')} ${'3c00000000000000'.repeat(32)}`), Linktype.Raw)).toMatchObject({
      stop: 'malformed',
      stopLayer: 'ipv6-extension',
    });
  });
});

describe('tunnels', () => {
  const ip = (protocol: string, payload: string): string => {
    const length = (20 + payload.replace(/\s/g, '').length / 2).toString(16).padStart(4, '0');
    return `45 00 ${length} 0000 0000 40 ${protocol} 0000 c0000201 c0000202 ${payload}`;
  };

  it('is decoded by the same code at each depth', () => {
    const packet = decoded(hexOctets(ip('2f', `2000 0800 00000005 ${ip('04', IPV4_UDP)}`)), Linktype.Raw);
    const layers = [{ path: pathNames(packet.path), protocol: packet.protocol }];
    while (decodeInner(packet)) layers.push({ path: pathNames(packet.path), protocol: packet.protocol });
    expect(layers).toEqual([
      { path: [], protocol: 47 },
      { path: ['gre'], protocol: 4 },
      { path: ['gre', 'ipip'], protocol: 17 },
    ]);
    expect(packet).toMatchObject({ depth: 2, destinationPort: 53, payloadLength: 8 });
  });

  it('ends in a nest that is deeper than any network builds', () => {
    let nest = IPV4_UDP;
    for (let i = 0; i < 40; i++) nest = ip('04', nest);
    const packet = decoded(hexOctets(nest), Linktype.Raw);
    let depth = 0;
    while (decodeInner(packet)) depth++;
    expect(depth).toBe(MOST_LAYERS);
    expect(pathNames(packet.path)).toEqual(Array.from({ length: MOST_LAYERS }, () => 'ipip'));
  });
});

describe('no octets can do harm', () => {
  const quote = new QuotedPacket();
  const transaction = new Transaction();

  /** Everything that looks into a packet. */
  function lookInto(packet: Packet): void {
    do {
      if (packet.version > 0) expect([packet.sourceIp, packet.destinationIp].every((ip) => ip.length > 0)).toBe(true);
      if (packet.transport === IpProtocol.Icmp || packet.transport === IpProtocol.Icmpv6) quote.place(packet);
      if (packet.transport !== IpProtocol.Udp) continue;
      recogniseUdp(packet);
      wireguardType(packet);
      for (const protocol of Object.values(UdpProtocol)) {
        transaction.clear();
        udpProtocolInfo(protocol).read?.(packet, transaction);
      }
    } while (decodeInner(packet));
  }

  const linktype = fc.constantFrom(...Object.values(Linktype));

  it('random ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), linktype, fc.nat(50), (octets, type, more) => {
        lookInto(decoded(octets, type, { origlen: octets.length + more }));
      }),
      { numRuns: 3000 },
    );
  });

  it('damaged packets of every kind, cut anywhere', () => {
    const seeds = [
      `${ETHERNET} 0800 ${IPV4_UDP}`,
      `${ETHERNET} 0806 ${ARP}`,
      `${ETHERNET} 0800 45 00 0054 0000 0000 40 2f 0000 c0000201 c0000202 b000 6558 00000000 00000001 00000002 ${ETHERNET} 0800 ${IPV4_UDP}`,
      `${ETHERNET} 0800 45 00 0060 0000 0000 40 11 0000 c0000201 c0000202 1111 12b5 004c 0000 0800000000000500 ${ETHERNET} 0800 ${IPV4_UDP}`,
      `${ETHERNET} 0800 45 00 0060 0000 0000 40 01 0000 c0000201 c0000202 0303 0000 00000000 ${IPV4_UDP}`,
      `${ETHERNET} 86dd 60000000 0020 3a ff fe800000000000000000000000000001 ff0200000000000000000001ff000002 8700 0000 00000000 fe800000000000000000000000000002 0101 020000000001`,
      `${ETHERNET} 8864 1100 0001 0026 0021 ${IPV4_UDP}`,
      `${ETHERNET} 8847 00001140 ${IPV4_UDP}`,
    ].map(hexOctets);
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...seeds), changes, fc.nat(200), (seed, places, cut) => {
        const octets = seed.slice();
        for (const [at, octet] of places) octets[at % octets.length] = octet;
        const caplen = Math.min(cut, octets.length);
        lookInto(decoded(octets.subarray(0, caplen), 1, { caplen, origlen: octets.length }));
        lookInto(decoded(octets.subarray(0, caplen), 1));
      }),
      { numRuns: 5000 },
    );
  });

  it('an ARP packet cut anywhere is truncated, never malformed', () => {
    const whole = hexOctets(`${ETHERNET} 0806 ${ARP}`);
    for (let caplen = 0; caplen < whole.length; caplen++) {
      expect(decoded(whole.subarray(0, caplen), 1, { caplen, origlen: whole.length }).stop).toBe('truncated');
    }
  });
});
