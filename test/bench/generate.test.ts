import { describe, expect, it } from 'vitest';
import { GeneratedSource, generate, type Kind, kinds } from '../../bench/generate.ts';
import { analyzeSources } from '../../src/analysis.ts';
import { type AnalysisDocument, analysisDocument, DEFAULT_SHOWN } from '../../src/report/json.ts';
import { recordKinds } from '../../src/track/records.ts';

async function analysed(kind: Kind, packets: number): Promise<AnalysisDocument & { records: Records }> {
  const source = { path: kind, open: () => new GeneratedSource(kind, packets) };
  const analysis = await analyzeSources([source], { records: new Set(recordKinds) });
  return analysisDocument(analysis, DEFAULT_SHOWN, true) as AnalysisDocument & { records: Records };
}

/** As far as it is looked at here. */
interface Records extends Record<string, readonly Record<string, unknown>[]> {}

const PACKETS = 40_000;

describe('generated captures', () => {
  it.each(kinds)('%s: whole packets, and nothing is wrong in them', { timeout: 60_000 }, async (kind) => {
    const { inputs, findings, stats } = await analysed(kind, PACKETS);
    expect(inputs[0]).toMatchObject({ packets: PACKETS, problems: [] });
    expect(findings.map(({ id }) => id)).toEqual([]);
    expect(stats).toMatchObject({ decoded: PACKETS, undecoded: 0, malformed: 0, truncatedPackets: 0 });
  });

  it.each(kinds)('%s: the same from the same seed, and only from it', (kind) => {
    const octets = Buffer.from(generate(kind, 300, 5));
    expect(octets.equals(generate(kind, 300, 5))).toBe(true);
    expect(octets.equals(generate(kind, 300, 6))).toBe(false);
  });

  it('mixed: has every kind of record, and whole conversations whose answers come soon', { timeout: 60_000 }, async () => {
    const { records } = await analysed('mixed', 4 * PACKETS);
    for (const kind of recordKinds) expect(records[kind]?.length, kind).toBeGreaterThan(0);
    const values = (kind: string, name: string): Set<unknown> => new Set(records[kind]?.map((record) => record[name]));
    const asked = ['dns', 'ntp', 'snmp', 'radius', 'stun', 'quic', 'ike', 'openvpn', 'wireguard'];
    expect(values('udp', 'protocol')).toEqual(new Set([null, ...asked]));
    expect(values('openvpn', 'transport')).toEqual(new Set(['udp', 'tcp']));
    expect(values('tunnels', 'protocol')).toEqual(new Set(['vxlan', 'gre', 'ike', 'esp', 'nat-t', 'openvpn', 'wireguard']));
    expect(values('arp', 'protocol')).toEqual(new Set(['arp', 'ndp']));
    const sessions = records.bgp?.filter(({ type }) => type === 'session') ?? [];
    expect(sessions).toHaveLength(8);
    for (const session of sessions) expect(session).toMatchObject({ established: 1, resets: 0, state: { state: 'established' } });
    const hops = (records.traceroutes ?? []).flatMap((run) => run.hops as { addresses: { rttMs: { max: number } }[] }[]);
    const times = hops.flatMap(({ addresses }) => addresses.map(({ rttMs }) => rttMs.max));
    expect(times.length).toBeGreaterThan(20);
    expect(Math.max(...times)).toBeLessThan(20);
  });

  it('nested: tunnels of all carriers, two to four deep, in both versions of IP', { timeout: 60_000 }, async () => {
    const { records } = await analysed('nested', PACKETS);
    const tunnels = records.tunnels as unknown as { encapsulation: string[]; protocol: string; a: { ip: string }; holds: string[] }[];
    const carriers = ['gre', 'vxlan', 'geneve', 'gtp-u', 'ipip', 'sit', '4in6', '6in6', 'mpls'];
    expect(new Set(tunnels.map(({ protocol }) => protocol))).toEqual(new Set(carriers));
    expect(new Set(tunnels.map(({ a }) => (a.ip.includes(':') ? 6 : 4)))).toEqual(new Set([4, 6]));
    // What holds TCP is the innermost one.
    const innermost = tunnels.filter(({ holds }) => holds.includes('tcp'));
    expect(new Set(innermost.map(({ encapsulation }) => encapsulation.length + 1))).toEqual(new Set([2, 3, 4]));
  });

  it('scan: a million flows, then the same again', { timeout: 60_000 }, () => {
    const generated = generate('scan', 1_000_001);
    const octets = Buffer.from(generated.buffer, generated.byteOffset, generated.length);
    const flowOf = (packet: number): string => {
      const ip = 24 + packet * (16 + 60) + 16 + 14;
      return octets.toString('latin1', ip + 9, ip + 10) + octets.toString('latin1', ip + 12, ip + 24);
    };
    const flows = new Set<string>();
    for (let packet = 0; packet < 1_000_000; packet++) flows.add(flowOf(packet));
    expect(flows.size).toBe(1_000_000);
    expect(flowOf(1_000_000)).toBe(flowOf(0));
  });
});
