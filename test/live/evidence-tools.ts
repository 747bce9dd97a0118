import { type Analysis, type AnalysisOptions, analyzeSources } from '../../src/analysis.ts';
import { CaptureInput } from '../../src/capture/input.ts';
import { MemorySource } from '../../src/capture/source.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import { InterfaceRegistry } from '../../src/frame.ts';
import { FlightRecorder } from '../../src/live/recorder.ts';

/** Plays captures through a recorder, one input after the other, as a live run would. */
export async function record(captures: readonly Uint8Array[], octets = 8 << 20, pieceLength = 5000): Promise<FlightRecorder> {
  const recorder = new FlightRecorder(octets, captures.length);
  const registry = new InterfaceRegistry();
  for (const [index, capture] of captures.entries()) {
    const open = () => recorder.recording(index, new MemorySource(capture, pieceLength));
    const input = new CaptureInput({ path: `${index}`, index, open, registry });
    await input.open();
    while (!input.done) {
      while (input.next()) recorder.frame(input.frame, input.frameOffset);
      if (!input.done) await input.fill();
    }
  }
  return recorder;
}

export const analyzeOctets = (captures: readonly Uint8Array[], options: AnalysisOptions = {}): Promise<Analysis> =>
  analyzeSources(
    captures.map((octets, i) => ({ path: String(i), open: () => new MemorySource(octets) })),
    options,
  );

/** A finding as a diagnosis could make it. */
export function findingOf(evidence: Finding['evidence'], more: Partial<Finding> = {}): Finding {
  return {
    id: 'arp-flux:192.0.2.1',
    kind: 'arp-flux',
    severity: 'warning',
    confidence: 'certain',
    title: '192.0.2.1 is answered by 2 MACs',
    subject: { ip: '192.0.2.1' },
    details: {},
    encapsulation: [],
    related: [],
    first: '2026-03-09T03:20:46.000000Z',
    last: '2026-03-09T03:20:47.000000Z',
    count: 1,
    evidenceTotal: evidence.length,
    evidence,
    because: [],
    ruledOut: [],
    remedies: [],
    references: [],
    ...more,
  };
}
