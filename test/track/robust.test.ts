import { describe, expect, it } from 'vitest';
import { Analyzer } from '../../src/analyzer.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { analyzeSources, MemorySource } from '../../src/core.ts';
import { Frame, InterfaceRegistry, UNKNOWN_INTERFACE } from '../../src/frame.ts';
import { RecordStore } from '../../src/track/records.ts';
import { RelayWatch } from '../../src/track/relay.ts';
import { Table } from '../../src/track/table.ts';
import { decode } from '../../src/wire/decode.ts';
import { Packet } from '../../src/wire/packet.ts';
import {
  arpReply,
  arpRequest,
  BROADCAST,
  dnsQuery,
  dnsResponse,
  echoReply,
  echoRequest,
  ethernet,
  initiation,
  ip,
  octets,
  publicKey,
  udp,
} from '../craft/index.ts';

const mac = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
const OWNER = { mac: mac(1), ip: '192.0.2.1' };
const ASKER = { mac: mac(9), ip: '192.0.2.9' };

const analyze = (packets: { sec: number; octets: Uint8Array }[], pieceLength?: number) =>
  analyzeSources(
    [
      {
        path: 'x',
        open: () =>
          new MemorySource(
            writePcap(
              { linktype: 1 },
              packets.map((each) => ({ nsec: 0, ...each })),
            ),
            pieceLength,
          ),
      },
    ],
    { records: new Set(['arp', 'udp']) },
  );

describe('packets that end early', () => {
  it('are no trouble to who is watched for passing packets on', () => {
    // Four octets of ICMP, the last ones that there are.
    const short = ethernet(
      { source: mac(9), destination: mac(66) },
      ip({ from: ASKER.ip, to: OWNER.ip, protocol: 1, payload: octets(8, 0, 0, 0) }),
    ).slice();
    const frame = new Frame();
    frame.bytes = short;
    frame.view = new DataView(short.buffer);
    frame.caplen = short.length;
    frame.origlen = short.length;
    frame.linktype = 1;
    const packet = new Packet(UNKNOWN_INTERFACE);
    expect(decode(packet, frame)).toBe(true);
    const relay = new RelayWatch();
    relay.watch(packet.destinationMac);
    expect(() => relay.observe(packet)).not.toThrow();
  });
});

describe('a step back in time', () => {
  it('begins everything anew, also what was seen at the same moment before', async () => {
    const request = ethernet({ source: ASKER.mac, destination: BROADCAST }, arpRequest(ASKER, OWNER.ip));
    const reply = ethernet({ source: OWNER.mac, destination: ASKER.mac }, arpReply(OWNER, ASKER));
    const { records } = await analyze([2000, 2000, 1000, 1000].map((sec, i) => ({ sec, octets: i % 2 === 0 ? request : reply })));
    expect(records.kept.arp.map(({ requests, replies }) => [requests, replies.length])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});

describe('answers from everywhere', () => {
  const sender = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  const SENDERS = 10_000;

  it('to one ping are kept as a few', async () => {
    const ping = ethernet({ source: mac(1), destination: mac(2) }, echoRequest({ from: ASKER.ip, to: '198.51.100.7', id: 1, seq: 1 }));
    const replies = Array.from({ length: SENDERS }, (_, n) =>
      ethernet({ source: mac(2), destination: mac(1) }, echoReply({ from: sender(n), to: ASKER.ip, id: 1, seq: 1 })),
    );
    const { findings } = await analyze([ping, ...replies].map((each) => ({ sec: 1000, octets: each })));
    expect(findings.map(({ count }) => count)).toEqual([SENDERS]);
    const [{ answeredFrom } = { answeredFrom: [] }] = findings.map(({ details }) => details as { answeredFrom: unknown[] });
    expect(answeredFrom).toHaveLength(64);
  });

  it('to one query leave with what is forgotten', async () => {
    const query = udp({ from: `${ASKER.ip}:40000`, to: '198.51.100.7:53', payload: dnsQuery({ id: 1 }) });
    const answers = Array.from({ length: SENDERS }, (_, n) =>
      udp({ from: `${sender(n)}:53`, to: `${ASKER.ip}:40000`, payload: dnsResponse({ id: 1 }) }),
    );
    const packets = [query, ...answers].map((each) => ({ sec: 1000, octets: ethernet({ source: mac(1), destination: mac(2) }, each) }));
    const { records, stats } = await analyze(packets);
    expect(Math.max(...records.kept.udp.map(({ wrong }) => wrong.length))).toBe(8192);
    expect(stats.stateEvicted).toBeGreaterThanOrEqual(SENDERS - 8192);
  });
});

describe('hashes of tables', () => {
  it('cannot be made equal by flipping bits, whatever the seed', () => {
    const table = new Table({ words: 11, limit: 16, idleSec: 1, clock: { at: 1 } }) as unknown as { key: Int32Array; hash(): number };
    const hashes = new Set<number>();
    for (let choice = 0; choice < 1024; choice++) {
      for (let i = 0; i < 11; i++) table.key[i] = i + 1;
      for (let i = 0; i < 10; i++) {
        if (((choice >> i) & 1) === 0) continue;
        table.key[i] = (table.key[i] ?? 0) ^ 0x8000_0000;
        table.key[i + 1] = (table.key[i + 1] ?? 0) ^ 0x8001_0000;
      }
      hashes.add(table.hash());
    }
    expect(hashes.size).toBeGreaterThan(1000);
  });
});

describe('what strangers can send', () => {
  it('fills no table beyond its limits: WireGuard initiations, each from another address, that nobody answers', async () => {
    const packets = Array.from({ length: 40_000 }, (_, i) => {
      const from = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      const payload = initiation({ sender: i + 1, recipient: publicKey(1) });
      return {
        sec: 1_700_000_000 + Math.floor(i / 1000),
        nsec: 0,
        octets: ethernet({ source: mac(9), destination: mac(1) }, udp({ from: `${from}:51820`, to: '192.0.2.1:51820', payload })),
      };
    });
    const input = new CaptureInput({
      path: 'x',
      index: 0,
      open: () => new MemorySource(writePcap({ linktype: 1 }, packets)),
      registry: new InterfaceRegistry(),
    });
    const analyzer = new Analyzer([input], new RecordStore(new Set(), 0), {});
    await input.open();
    while (!input.done) if (analyzer.read() === 0) await input.fill();
    expect(analyzer.trackers.size.wireguard).toBeGreaterThan(1000);
    expect(analyzer.trackers.size.wireguard).toBeLessThan(40_000);
  });
});
