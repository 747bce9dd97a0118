import { describe, expect, it } from 'vitest';
import { analyzeSources, MemorySource, recordsOf } from '../../src/core.ts';
import { tcpText } from '../../src/report/tcp.ts';
import { RawCapture, rst, syn } from '../craft/index.ts';
import { readOctets } from '../tools/captures.ts';

/* `show tcp`. */

async function show(bytes: Uint8Array) {
  const { records } = await analyzeSources([{ path: 'capture', open: () => new MemorySource(bytes) }], {
    records: new Set(['tcp'] as const),
  });
  return recordsOf(records, 'tcp');
}

describe('a record of a connection', () => {
  it('has its ends, MSS, counts, and what got stuck', async () => {
    const [, upload] = await show(readOctets('captures/pmtu-blackhole/client.pcap'));
    const { retransmissions, stuck } = upload as { retransmissions: number; stuck: { retransmissions: number } };
    expect(stuck.retransmissions).toBe(retransmissions);
    expect(upload).toEqual({
      input: 0,
      encapsulation: [],
      a: { ip: '10.1.0.20', port: 40_001 },
      b: { ip: '10.2.0.20', port: 9000 },
      mss: [1460, 1460],
      packets: expect.any(Number),
      bytes: expect.any(Number),
      retransmissions: expect.any(Number),
      stuck: { from: 'a', size: 1500, retransmissions: expect.any(Number), frame: expect.any(Number), acked: null },
      largest: [
        { sent: 1500, acked: 1004 },
        { sent: 0, acked: 0 },
      ],
      end: null,
      firstFrame: expect.any(Number),
      lastFrame: expect.any(Number),
    });
  });

  it('counts a packet once that passes several places', async () => {
    const records = await show(readOctets('captures/pmtu-discovery/office.pcap'));
    const atServer = await show(readOctets('captures/pmtu-discovery/server.pcap'));
    const brief = ({ a, packets, retransmissions, end }: (typeof records)[number]) => ({ a, packets, retransmissions, end });
    expect(records.map(brief)).toEqual(atServer.map(brief));
  });

  it('is there for a refused connection, too', async () => {
    const capture = new RawCapture();
    capture.send(syn('192.0.2.1:40000', '192.0.2.2:80'));
    capture.wait(0.001).send(rst('192.0.2.2:80', '192.0.2.1:40000'));
    expect(await show(capture.bytes)).toMatchObject([{ mss: [1460, null], packets: 2, bytes: 0, stuck: null, end: 'rst' }]);
  });
});

describe('the table', () => {
  it('says what got stuck, and how far sizes came', async () => {
    const text = tcpText(await show(readOctets('captures/pmtu-blackhole/client.pcap')), 240);
    expect(text).toMatch(/1500 octets of a from frame \d+ on, \d+ times again/);
    expect(text).toContain('1500 (1004 acked) / –');
    expect(text).toContain('1460 / 1460');
  });

  it('leaves out what no connection has', async () => {
    const text = tcpText(await show(readOctets('captures/bgp-mtu/right.pcap')), 240);
    expect(text).not.toContain('stuck');
    expect(text).not.toContain('sent again');
  });
});
