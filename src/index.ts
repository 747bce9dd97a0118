/**
 * fluxcap as a library: the chain of the command line, from captures to findings.
 *
 * ```ts
 * import { analyze } from 'fluxcap';
 * const { findings } = await analyze('gateway.pcapng');
 * ```
 */
import { type AnalysisOptions, analyzeSources } from './analysis.ts';
import { findCaptures } from './capture/node/sources.ts';
import { nodeUnpackers } from './capture/node/unpackers.ts';
import { type AnalysisDocument, analysisDocument, DEFAULT_SHOWN, type Shown } from './report/json.ts';

import { recordKinds } from './track/records.ts';

export * from './core.ts';

export interface AnalyzeOptions extends Omit<AnalysisOptions, 'unpackers' | 'records' | 'sink'>, Partial<Shown> {
  /** Put the records into the document too. */
  records?: boolean;
}

/**
 * Analyses one or more capture files (or directories of them, or `-`, standard input), several of them as one timeline, and gives the document that
 * `fluxcap analyze --json` prints. What cannot be read is told in its `inputs[].problems`; nothing is thrown because of what a file holds.
 */
export async function analyze(paths: string | readonly string[], options: AnalyzeOptions = {}): Promise<AnalysisDocument> {
  const { records = false, severity, minConfidence, ...rest } = options;
  const { sources } = await findCaptures([paths].flat());
  const analysis = await analyzeSources(sources, {
    unpackers: nodeUnpackers(),
    ...(records ? { records: new Set(recordKinds) } : {}),
    onProgress: () => new Promise<void>((resolve) => setImmediate(resolve)),
    ...rest,
  });
  const shown = { severity: severity ?? DEFAULT_SHOWN.severity, minConfidence: minConfidence ?? DEFAULT_SHOWN.minConfidence };
  return analysisDocument(analysis, shown, records);
}
