import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePcap } from '../../src/capture/pcap-writer.ts';
import { parseLocal, parsePeers } from '../../src/cli/values.ts';
import { evidenceCapture, evidenceLeft } from '../../src/live/evidence.ts';
import { scenarios } from '../scenarios/index.ts';
import { bundledCaptures, readOctets, root } from '../tools/captures.ts';
import { analyzeOctets, findingOf, record } from './evidence-tools.ts';

const ETHERNET = 1;
const SLL2 = 276;
const START = 1_800_000_000;
const NAMES: Record<number, string> = { 2: 'ethB', 3: 'ethA' };
const names = { nameOf: (index: number): string | null => NAMES[index] ?? null };

/** One packet each `step` seconds; the number of each is in its first octets. */
const pcapOf = (count: number, step = 1, length = 60, linktype = ETHERNET): Uint8Array =>
  writePcap(
    { linktype, nanoseconds: true },
    Array.from({ length: count }, (_, i) => ({
      sec: START + Math.floor(i * step),
      nsec: Math.round(((i * step) % 1) * 1e9),
      octets: Uint8Array.from({ length }, (_octet, at) => (at < 4 ? ((i + 1) >>> (24 - 8 * at)) & 0xff : 0)),
    })),
  );

interface Written {
  /** Numbers they had in the capture. */
  numbers: number[];
  seconds: number[];
}

/** What our own reader sees in a file. */
async function readBack(bytes: Uint8Array): Promise<Written> {
  const ring = (await record([bytes])).inputs[0];
  const frames = Array.from({ length: ring?.end ?? 0 }, (_, position) => ring?.read(position)).flatMap((frame) => frame ?? []);
  return {
    numbers: frames.map(({ octets }) => new DataView(octets.buffer).getUint32(0)),
    seconds: frames.map(({ sec, nsec }) => sec - START + nsec / 1e9),
  };
}

const request = (frame: number, input = 0) => ({ input, frame, role: 'request' });

describe('evidence of a finding', () => {
  it('begins ten seconds before its first frame and goes on to the end', async () => {
    const recorder = await record([pcapOf(100)]);
    const capture = evidenceCapture(recorder, findingOf([request(50), request(60)]));
    expect(capture).toMatchObject({ packets: 61, leftOut: 0, shown: 2, missing: 0, first: { sec: START + 49, nsec: 0 } });
    expect((await readBack(capture?.bytes ?? new Uint8Array())).numbers).toEqual(Array.from({ length: 61 }, (_, i) => 40 + i));
  });

  it('goes back to the handshake of a WireGuard session', async () => {
    const recorder = await record([pcapOf(400)]);
    expect(evidenceCapture(recorder, findingOf([request(400)], { kind: 'wireguard-endpoint-drift' }))?.packets).toBe(191);
  });

  it('keeps to its limit, exactly: what is nearest to the evidence is kept', async () => {
    const recorder = await record([pcapOf(3000, 0.01, 100)]);
    const finding = findingOf([request(1000), request(2000)]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1500, max: 400_000 }), async (mostOctets) => {
        const { bytes, packets, leftOut } = evidenceCapture(recorder, finding, { mostOctets }) ?? expect.fail('nothing written');
        expect(bytes.length).toBeLessThanOrEqual(mostOctets);
        expect(packets + leftOut).toBe(3000);
        // Nothing is wasted: another packet, and the lines that say how many there are, are all that could be missing.
        if (leftOut > 0) expect(mostOctets - bytes.length).toBeLessThan(132 + 512);
        const { numbers } = await readBack(bytes);
        const far = (number: number): number => Math.min(Math.abs(number - 1000), Math.abs(number - 2000));
        const farthest = Math.max(...numbers.map(far));
        const inside = Array.from({ length: 3000 }, (_, i) => i + 1).filter((number) => far(number) < farthest);
        expect(numbers).toEqual(expect.arrayContaining(inside));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      }),
      { numRuns: 25 },
    );
  });

  it('has its evidence frames also where they alone are too large', async () => {
    const recorder = await record([pcapOf(100, 1, 2000)]);
    const { bytes } =
      evidenceCapture(recorder, findingOf([request(10), request(90)]), { mostOctets: 1000 }) ?? expect.fail('nothing written');
    expect((await readBack(bytes)).numbers).toEqual([10, 90]);
  });

  it('says what is gone, and is nothing where all is gone', async () => {
    const recorder = await record([pcapOf(5000)], 100_000);
    expect(evidenceCapture(recorder, findingOf([request(1), request(2), request(4990)]))).toMatchObject({ shown: 1, missing: 2 });
    expect(evidenceCapture(recorder, findingOf([request(1), request(2)]))).toBeNull();
    expect(evidenceCapture(recorder, findingOf([request(6000), request(1, 7)]))).toBeNull();
  });

  it('merges inputs by time', async () => {
    const recorder = await record([pcapOf(20, 1), pcapOf(40, 0.5)]);
    const { bytes, packets } = evidenceCapture(recorder, findingOf([request(20), request(1, 1)])) ?? expect.fail('nothing written');
    const { seconds } = await readBack(bytes);
    expect(packets).toBe(60);
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  });

  it('survives a clock that steps back', async () => {
    const packets = [100, 101, 102, 3, 4, 5].map((sec) => ({ sec: START + sec, nsec: 0, octets: new Uint8Array(60) }));
    const recorder = await record([writePcap({ linktype: ETHERNET }, packets)]);
    expect(evidenceCapture(recorder, findingOf([request(2), request(5)]))?.packets).toBe(6);
  });

  it('knows how long its frames will stay', async () => {
    const roomy = await record([pcapOf(100)]);
    expect(evidenceLeft(roomy, findingOf([request(1)]))).toBe(Number.POSITIVE_INFINITY);
    const full = await record([pcapOf(5000)], 100_000);
    const oldest = full.inputs[0]?.numberOf(full.inputs[0].oldest) ?? 0;
    expect(evidenceLeft(full, findingOf([request(4990), request(oldest + 7)]))).toBe(7);
    expect(evidenceLeft(full, findingOf([request(1), request(4990)]))).toBe(4990 - oldest);
  });

  it('names the cards of LINUX_SLL2, and no card that it does not know', async () => {
    const octets = readOctets(join(root, 'captures/arp-flux/gateway.pcap'));
    const recorder = await record([octets]);
    const finding = findingOf([request(1), request(3)]);
    const named = evidenceCapture(recorder, finding, { inputs: ['any'], names })?.bytes ?? new Uint8Array();
    const { interfaces, inputs } = await analyzeOctets([named]);
    expect(inputs[0]?.interfaces.map(({ name, linktype }) => [name, linktype]).sort()).toEqual([
      ['ethA', SLL2],
      ['ethB', SLL2],
    ]);
    expect(interfaces.map(({ name }) => name?.index).sort()).toEqual([2, 3]);
    const nameless = evidenceCapture(recorder, finding, { inputs: ['any'] })?.bytes ?? new Uint8Array();
    expect((await analyzeOctets([nameless])).inputs[0]?.interfaces.map(({ name }) => name)).toEqual([null, null]);
    // Names survive when evidence is taken of evidence.
    const again = evidenceCapture(await record([named]), finding)?.bytes ?? new Uint8Array();
    expect((await analyzeOctets([again])).inputs[0]?.interfaces.map(({ name }) => name).sort()).toEqual(['ethA', 'ethB']);
  });

  it('gives other interfaces the name of the input', async () => {
    const bytes = evidenceCapture(await record([pcapOf(3)]), findingOf([request(1)]), { inputs: ['eth0'] })?.bytes ?? new Uint8Array();
    const [only] = (await analyzeOctets([bytes])).inputs[0]?.interfaces ?? [];
    expect(only).toMatchObject({ name: 'eth0', linktype: ETHERNET, digits: 9, snaplen: 262_144 });
  });
});

const captures = bundledCaptures();

/** The same is found in what is written of it. */
describe('what is found in a capture is found in its evidence', () => {
  it.each(captures)('%s', async (path) => {
    const octets = readOctets(join(root, path));
    const { findings } = await analyzeOctets([octets]);
    const recorder = await record([octets]);
    for (const finding of findings) {
      const capture = evidenceCapture(recorder, finding, { names }) ?? expect.fail(`${finding.id}: nothing written`);
      expect(capture.missing).toBe(0);
      const again = await analyzeOctets([capture.bytes]);
      expect(again.inputs[0]?.problems.list).toEqual([]);
      const told = again.findings.find(({ id }) => id === finding.id);
      expect({ id: told?.id, severity: told?.severity, confidence: told?.confidence, roles: rolesOf(told) }).toEqual({
        id: finding.id,
        severity: finding.severity,
        confidence: finding.confidence,
        roles: rolesOf(finding),
      });
    }
  });

  /** Where what decides lies farther back than ten seconds. */
  const WITHOUT_CONTEXT = [
    // That answers to this asker are heard at all was seen before.
    'the third request is among the last packets: arp-unanswered:192.0.2.99 not found',
    // What makes it doubtful was seen before.
    'dns, two resolvers, and one question that the capture may have missed: udp-reply-wrong-source:192.0.2.10|198.51.100.7:53 error certain',
  ];

  it('holds for all scenarios but those whose context is older', async () => {
    const otherwise: string[] = [];
    for (const { name, capture, options } of scenarios) {
      const given = { local: parseLocal(options?.local), wireguardPeers: parsePeers(options?.wgPeers) };
      const octets = capture();
      const recorder = await record([octets]);
      // All of it is evidence then.
      if ((recorder.status.spanSec ?? 0) <= 10) continue;
      for (const finding of (await analyzeOctets([octets], given)).findings) {
        const { bytes, packets } = evidenceCapture(recorder, finding) ?? expect.fail(`${finding.id}: nothing written`);
        // All of the capture, as the bundled captures show it above: what is left out is of interest here.
        if (packets === recorder.inputs[0]?.end) continue;
        const told = (await analyzeOctets([bytes], given)).findings.find(({ id }) => id === finding.id);
        if (told?.severity === finding.severity && told.confidence === finding.confidence) continue;
        otherwise.push(`${name}: ${finding.id} ${told ? `${told.severity} ${told.confidence}` : 'not found'}`);
      }
    }
    expect(otherwise.sort()).toEqual([...WITHOUT_CONTEXT].sort());
  });

  it.each([
    { path: 'captures/arp-flux/gateway.pcap', id: 'arp-flux:192.0.2.1' },
    { path: 'captures/openvpn-wrong-source/client.pcap', id: /^udp-reply-wrong-source:/ },
    { path: 'captures/wireguard-drift/l1.pcap', id: /^wireguard-endpoint-drift:/ },
  ])('$path has what those tests look for', async ({ path, id }) => {
    const ids = (await analyzeOctets([readOctets(join(root, path))])).findings.map((finding) => finding.id);
    expect(ids).toEqual(expect.arrayContaining([expect.stringMatching(id)]));
  });
});

const rolesOf = (finding: { evidence: { role: string }[] } | undefined): string[] => [
  ...new Set(finding?.evidence.map(({ role }) => role).sort()),
];

const missing = ['tshark', 'capinfos'].filter((program) => spawnSync(program, ['--version']).status !== 0);

describe.skipIf(missing.length > 0)(`Wireshark${missing.length > 0 ? ` (${missing.join(', ')} missing)` : ''} and evidence`, () => {
  let folder = '';
  const said = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], cwd: folder });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fluxcap-evidence-'));
    const octets = readOctets(join(root, 'captures/arp-flux/gateway.pcap'));
    const [flux] = (await analyzeOctets([octets])).findings;
    const finding = flux ?? expect.fail('no finding');
    const title = `${'ä'.repeat(40_000)} is far too long`;
    const note = 'erste Antwort, 41 µs';
    writeFileSync(
      join(folder, 'evidence.pcapng'),
      evidenceCapture(await record([octets]), finding, { inputs: ['any'], names })?.bytes ?? '',
    );
    const odd = findingOf([{ input: 0, frame: 2, role: 'answer', note }, request(2), request(3)], { title });
    writeFileSync(join(folder, 'odd.pcapng'), evidenceCapture(await record([octets]), odd, { inputs: ['any'], names })?.bytes ?? '');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('sees the cards, the directions and the comments', () => {
    const fields = ['frame.interface_name', 'sll.ifindex', 'frame.packet_flags_direction', 'sll.pkttype', 'frame.comment'];
    const rows = said('tshark', '-r', 'evidence.pcapng', '-T', 'fields', ...fields.flatMap((field) => ['-e', field]))
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(rows).toHaveLength(228);
    for (const [name, ifindex = '', direction, type] of rows) {
      expect(name).toBe(NAMES[Number(ifindex)]);
      expect(Number(direction)).toBe(type === '4' ? 2 : 1);
    }
    const comments = rows.map(([, , , , comment]) => comment).filter((comment) => comment !== undefined && comment !== '');
    expect(comments).toHaveLength(16);
    expect(comments[0]).toBe('request of arp-flux:192.0.2.1; captured as frame 1 of any');
    expect(comments[1]).toBe('first-answer of arp-flux:192.0.2.1; captured as frame 2 of any');
  });

  it('reads the file without complaint', () => {
    const text = said('capinfos', 'evidence.pcapng');
    expect(text).toMatch(/Capture application: fluxcap \d+\.\d+\.\d+/);
    expect(text).toMatch(/Capture comment: +192\.0\.2\.1 is answered by 2 MACs of one host/);
    expect(text).toMatch(/Number of packets: +228/);
    expect(text).toMatch(/Name = ethA/);
    expect(said('tshark', '-r', 'evidence.pcapng', '-Y', '_ws.malformed')).toBe('');
  });

  it('copes with two comments on a frame, letters beyond ASCII, and a title that is too long for a comment', () => {
    const comments = said('tshark', '-r', 'odd.pcapng', '-T', 'fields', '-e', 'frame.comment', '-Y', 'frame.comment');
    expect(comments).toContain('answer (erste Antwort, 41 µs) of arp-flux:192.0.2.1; captured as frame 2 of any');
    expect(comments).toContain('request of arp-flux:192.0.2.1; captured as frame 2 of any');
    expect(said('capinfos', '-c', 'odd.pcapng')).toMatch(/Number of packets: +228/);
  });
});
