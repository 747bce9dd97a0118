import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ipv4Text } from '../src/net/ip.ts';
import { macText } from '../src/net/mac.ts';
import { timeText } from '../src/net/time.ts';
import { IpProtocol, type Packet } from '../src/wire/packet.ts';
import { indexText, receiverIndex, senderIndex, WireguardType, wireguardType } from '../src/wire/wireguard.ts';
import { bundledCaptures, readOctets, root } from './tools/captures.ts';
import { eachPacket } from './tools/walk.ts';

/*
 * tshark's view of the bundled captures against ours, packet by packet. tshark comes with the test set-up (`npm test` as root on Debian); without it
 * these tests are skipped, and say so.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const where = describe.skipIf(!hasTshark);

const FIELDS = [
  'frame.number',
  'frame.time_epoch',
  'frame.len',
  'frame.cap_len',
  'eth.src',
  'eth.dst',
  'vlan.id',
  'sll.ifindex',
  'sll.pkttype',
  'arp.opcode',
  'arp.src.hw_mac',
  'arp.src.proto_ipv4',
  'arp.dst.proto_ipv4',
  'ip.src',
  'ip.dst',
  'ip.ttl',
  'ip.id',
  'ipv6.src',
  'ipv6.dst',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'tcp.srcport',
  'tcp.dstport',
  'icmp.type',
  'icmp.code',
  'icmpv6.type',
  'dns.id',
  'wg.type',
  'wg.sender',
  'wg.receiver',
] as const;

type Row = Record<(typeof FIELDS)[number], string>;

/** All occurrences of each field in each frame, the outermost layer's first, joined by commas. */
function tshark(path: string): Row[] {
  // Packet by packet: what is put together of fragments belongs to none of them.
  const pieces = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE'];
  const format = ['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', ...FIELDS.flatMap((field) => ['-e', field])];
  const args = ['-r', path, '-n', ...pieces, ...format];
  const lines = execFileSync('tshark', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 28,
  }).split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(FIELDS.map((field, i) => [field, cells[i] ?? ''])) as Row;
    });
}

const describeFrame = (packet: Packet, time: string): Partial<Row> => ({
  'frame.number': String(packet.frame),
  'frame.time_epoch': time,
  'frame.len': String(packet.origlen),
  'frame.cap_len': String(packet.caplen),
  ...(packet.ifindex >= 0 ? { 'sll.ifindex': String(packet.ifindex) } : {}),
  ...(packet.packetType >= 0 ? { 'sll.pkttype': String(packet.packetType) } : {}),
});

/** What we say of a layer of a frame, in tshark's words; only fields that it has. */
function describePacket(packet: Packet): Partial<Row> {
  const row: Partial<Row> = {};
  if (packet.ethernetAt >= 0) {
    row['eth.src'] = macText(packet.sourceMac);
    row['eth.dst'] = macText(packet.destinationMac);
  }
  if (packet.vlanCount > 0) row['vlan.id'] = String(packet.vlans[0]);
  if (packet.hasArp) {
    row['arp.opcode'] = String(packet.arp.oper);
    row['arp.src.hw_mac'] = macText(packet.arp.sha);
    row['arp.src.proto_ipv4'] = ipv4Text(packet.arp.spa);
    row['arp.dst.proto_ipv4'] = ipv4Text(packet.arp.tpa);
  }
  if (packet.version === 4) {
    row['ip.src'] = packet.sourceIp;
    row['ip.dst'] = packet.destinationIp;
    row['ip.ttl'] = String(packet.ttl);
    row['ip.id'] = `0x${packet.ident.toString(16).padStart(4, '0')}`;
  } else if (packet.version === 6) {
    row['ipv6.src'] = packet.sourceIp;
    row['ipv6.dst'] = packet.destinationIp;
  }
  return Object.assign(row, transportOf(packet));
}

function transportOf(packet: Packet): Partial<Row> {
  switch (packet.transport) {
    case IpProtocol.Udp:
      return {
        'udp.srcport': String(packet.sourcePort),
        'udp.dstport': String(packet.destinationPort),
        ...(packet.isFragment ? {} : { 'udp.length': String(packet.payloadLength + 8) }),
        ...payloadOf(packet),
      };
    case IpProtocol.Tcp:
      return { 'tcp.srcport': String(packet.sourcePort), 'tcp.dstport': String(packet.destinationPort) };
    case IpProtocol.Icmp:
      return { 'icmp.type': String(packet.icmpType), 'icmp.code': String(packet.icmpCode) };
    case IpProtocol.Icmpv6:
      return { 'icmpv6.type': String(packet.icmpType) };
    default:
      return {};
  }
}

function payloadOf(packet: Packet): Partial<Row> {
  if (packet.sourcePort === 53 || packet.destinationPort === 53)
    return { 'dns.id': `0x${packet.view.getUint16(packet.payloadAt).toString(16).padStart(4, '0')}` };
  const type = wireguardType(packet);
  if (type === 0) return {};
  const row: Partial<Row> = { 'wg.type': String(type) };
  if (type === WireguardType.Initiation || type === WireguardType.Response) row['wg.sender'] = indexText(senderIndex(packet));
  if (type !== WireguardType.Initiation) row['wg.receiver'] = indexText(receiverIndex(packet, type));
  return row;
}

where('the bundled captures, packet by packet as tshark sees them (skipped where tshark is missing)', () => {
  const captures = bundledCaptures();

  it('are there', () => expect(captures.length).toBeGreaterThan(0));

  it.each(captures)('%s', async (path) => {
    const rows = tshark(path);
    const seen = new Map<number, Partial<Row>>();
    /** The snaplen cut them within a header: tshark tells the fields before the cut. */
    const cut = new Set<number>();
    let ethernetAt = -1;
    const octets = readOctets(`${root}/${path}`);
    await eachPacket(octets, (packet, frame) => {
      const outer = seen.get(packet.frame);
      if (packet.stop === 'truncated') cut.add(packet.frame);
      // A packet of IP in a tunnel has the link layer of the frame.
      const hasSameLink = outer !== undefined && packet.ethernetAt === ethernetAt;
      ethernetAt = packet.ethernetAt;
      if (outer) {
        for (const [field, value] of Object.entries(describePacket(packet)) as [keyof Row, string][]) {
          if (hasSameLink && (field.startsWith('eth.') || field === 'vlan.id')) continue;
          outer[field] = outer[field] === undefined ? value : `${outer[field]},${value}`;
        }
        return;
      }
      const epoch = frame.timed ? `${frame.sec}.${String(frame.nsec).padStart(9, '0')}` : '';
      seen.set(packet.frame, { ...describeFrame(packet, epoch), ...describePacket(packet) });
      expect(frame.timed ? timeText({ sec: frame.sec, nsec: frame.nsec, digits: 9 }) : '').not.toBeNull();
    });
    expect(seen.size).toBe(rows.length);
    for (const row of rows) {
      const ours = seen.get(Number(row['frame.number'])) ?? {};
      // An ICMP error quotes a packet, which tshark dissects too: after everything else.
      const quotes = 'icmp.type' in ours || 'icmpv6.type' in ours;
      const asFarAs = (value: string, mine: string): string =>
        quotes ? value.split(',').slice(0, mine.split(',').length).join(',') : value;
      const theirs = Object.fromEntries(Object.entries(ours).map(([field, value]) => [field, asFarAs(row[field as keyof Row], value)]));
      expect(ours, `frame ${row['frame.number']}`).toEqual(theirs);
      // And nothing that tshark sees is missing from ours.
      for (const field of ['arp.opcode', 'ip.src', 'ipv6.src', 'udp.srcport', 'tcp.srcport', 'wg.type', 'vlan.id'] as const) {
        const isQuoted = /^(udp|tcp)\./.test(field) && (quotes || cut.has(Number(row['frame.number'])));
        if (row[field] !== '' && !(field in ours) && !isQuoted)
          expect.fail(`frame ${row['frame.number']}: tshark has ${field} ${row[field]}`);
      }
    }
  });
});
