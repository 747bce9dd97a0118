import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { extensionsAt, type MplsLabel, mplsLabels } from '../../src/wire/icmp-extensions.ts';
import { IpProtocol, Packet } from '../../src/wire/packet.ts';
import {
  echoRequest,
  type LabelFields,
  mplsTimeExceeded,
  type NetworkPacket,
  octets,
  portUnreachable,
  RawCapture,
  timeExceeded,
  udp,
  zeros,
} from '../craft/index.ts';
import { eachPacket } from '../tools/walk.ts';

const FROM = '198.51.100.1';
const TO = '192.0.2.10';
const QUOTED = udp({ from: `${TO}:40000`, to: '203.0.113.9:33434', payload: octets(zeros(32)), ttl: 1 });
const FROM6 = '2001:db8:a::1';
const TO6 = '2001:db8::10';
const QUOTED6 = echoRequest({ from: TO6, to: '2001:db8:9::9', id: 7, seq: 1, ttl: 1 });
const ONE: LabelFields[] = [{ label: 24_001, trafficClass: 3, ttl: 1 }];
const STACK: LabelFields[] = [...ONE, { label: 0xfffff, trafficClass: 7, ttl: 255 }, { label: 0, ttl: 0 }];

const whole = (labels: readonly LabelFields[]): MplsLabel[] => labels.map((each) => ({ trafficClass: 0, ttl: 1, ...each }));

async function labelsIn(packet: NetworkPacket, caplen = packet.octets.length): Promise<readonly MplsLabel[]> {
  const capture = new RawCapture();
  capture.add(packet.octets, { caplen });
  let labels: readonly MplsLabel[] = [];
  await eachPacket(capture.bytes, (each) => {
    if (each.transport === IpProtocol.Icmp || each.transport === IpProtocol.Icmpv6) labels = mplsLabels(each);
  });
  return labels;
}

const errors = [
  { name: 'ICMP', addresses: { from: FROM, to: TO, quoted: QUOTED } },
  { name: 'ICMPv6', addresses: { from: FROM6, to: TO6, quoted: QUOTED6 } },
].flatMap(({ name, addresses }) =>
  [false, true].flatMap((legacy) =>
    [ONE, STACK].map((labels) => ({
      name: `${name}, ${labels.length} labels, ${legacy ? 'from before RFC 4884' : 'with the length of the quote'}`,
      packet: mplsTimeExceeded({ ...addresses, labels, legacy }),
      legacy,
      labels,
    })),
  ),
);

describe('MPLS labels in ICMP errors', () => {
  it.each(errors)('$name: are read', async ({ packet, labels }) => {
    expect(await labelsIn(packet)).toEqual(whole(labels));
  });

  it.each(errors)('$name: cut anywhere, only whole labels are read', async ({ packet, labels, legacy }) => {
    for (let caplen = 1; caplen < packet.octets.length; caplen++) {
      const missing = Math.ceil((packet.octets.length - caplen) / 4);
      const expected = legacy || labels.length - missing < 0 ? [] : whole(labels).slice(0, labels.length - missing);
      expect(await labelsIn(packet, caplen)).toEqual(expected);
    }
  });

  it('are none where there are no extensions, or the checksum is wrong', async () => {
    const quoted = udp({ from: `${TO}:40000`, to: '203.0.113.9:33434', payload: octets(Array.from({ length: 200 }, () => 0x20)) });
    expect(await labelsIn(timeExceeded({ from: FROM, to: TO, quoted: QUOTED }))).toEqual([]);
    expect(await labelsIn(portUnreachable({ from: FROM, to: TO, quoted }))).toEqual([]);
    expect(
      await labelsIn(echoRequest({ from: FROM, to: TO, id: 1, seq: 1, payload: octets(Array.from({ length: 200 }, () => 0x20)) })),
    ).toEqual([]);
    for (const legacy of [false, true]) {
      const { etherType, octets: whole } = mplsTimeExceeded({ from: FROM, to: TO, quoted: QUOTED, labels: STACK, legacy });
      const wrong = whole.slice();
      const last = wrong.length - 1;
      wrong[last] = (wrong[last] ?? 0) ^ 1;
      expect(await labelsIn({ etherType, octets: wrong })).toEqual([]);
    }
  });

  it('are never read beyond the packet, whatever its octets are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 260 }),
        fc.constantFrom(IpProtocol.Icmp, IpProtocol.Icmpv6),
        fc.nat(300),
        fc.nat(300),
        fc.constantFrom(1, 3, 11, 12),
        (message, transport, end, capturedEnd, type) => {
          const packet = new Packet(UNKNOWN_INTERFACE);
          packet.view = new DataView(message.slice().buffer);
          packet.transport = transport;
          packet.icmpType = type;
          packet.transportAt = 0;
          packet.payloadAt = 8;
          packet.end = end;
          packet.capturedEnd = Math.min(capturedEnd, end, message.length);
          if (packet.capturedEnd < 4) return;
          for (const { label, trafficClass, ttl } of mplsLabels(packet)) {
            expect(label).toBeLessThan(2 ** 20);
            expect(trafficClass).toBeLessThan(8);
            expect(ttl).toBeLessThan(256);
          }
          expect(extensionsAt(packet)).toBeLessThan(packet.capturedEnd);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

describe('tshark', () => {
  it.skipIf(!hasTshark)(`reads the same${hasTshark ? '' : ' (tshark is not here)'}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'fluxcap-mpls-'));
    try {
      const capture = new RawCapture();
      // It looks for extensions without a length only where it is told to.
      const read = errors.filter(({ legacy }) => !legacy);
      for (const { packet } of read) capture.send(packet);
      writeFileSync(join(folder, 'mpls.pcap'), capture.bytes);
      const fields = ['icmp.mpls.label', 'icmp.mpls.exp', 'icmp.mpls.ttl', 'icmp.ext.checksum.status'];
      const args = [
        '-r',
        join(folder, 'mpls.pcap'),
        '-n',
        '-T',
        'fields',
        '-E',
        'separator=/t',
        ...fields.flatMap((field) => ['-e', field]),
      ];
      const said = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const rows = said
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t').map((cell) => cell.split(',').map(Number)));
      expect(rows).toEqual(
        read.map(({ labels }) => [
          whole(labels).map(({ label }) => label),
          whole(labels).map(({ trafficClass }) => trafficClass),
          whole(labels).map(({ ttl }) => ttl),
          [1],
        ]),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
