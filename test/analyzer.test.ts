import { describe, expect, it } from 'vitest';
import { Analyzer } from '../src/analyzer.ts';
import { CaptureInput } from '../src/capture/input.ts';
import { writePcap } from '../src/capture/pcap-writer.ts';
import { MemorySource } from '../src/capture/source.ts';
import { InterfaceRegistry } from '../src/frame.ts';
import { RecordStore } from '../src/track/records.ts';
import { arpRequest, BROADCAST, ethernet } from './craft/index.ts';

/** Reserved for private use: nobody decodes it. */
const LINKTYPE_USER0 = 147;
const LINKTYPE_ETHERNET = 1;
const FRAMES = 40;

async function analyzerOf(linktype: number): Promise<Analyzer> {
  const asker = { mac: '02:00:00:00:00:01', ip: '192.0.2.1' };
  const octets = ethernet({ source: asker.mac, destination: BROADCAST }, arpRequest(asker, '192.0.2.2'));
  const frames = Array.from({ length: FRAMES }, (_, i) => ({ sec: 1_763_800_000 + i, nsec: 0, octets }));
  const open = (): MemorySource => new MemorySource(writePcap({ linktype }, frames));
  const input = new CaptureInput({ path: 'capture', index: 0, open, registry: new InterfaceRegistry() });
  await input.open();
  await input.fill();
  return new Analyzer([input], new RecordStore(new Set(), 0), {});
}

describe('reading a few frames', () => {
  it.each([
    { what: 'that are decoded', linktype: LINKTYPE_ETHERNET, kind: 'decoded' as const },
    { what: 'that are not', linktype: LINKTYPE_USER0, kind: 'undecoded' as const },
  ])('goes through so many and no more, $what', async ({ linktype, kind }) => {
    const analyzer = await analyzerOf(linktype);
    expect([analyzer.read(1), analyzer.read(5), analyzer.read(16), analyzer.stats[kind]]).toEqual([1, 5, 16, 22]);
    expect([analyzer.read(17), analyzer.read(), analyzer.read(), analyzer.stats[kind]]).toEqual([17, 1, 0, FRAMES]);
  });
});
