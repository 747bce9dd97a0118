import type { Confidence, Severity } from '../../diagnose/kind.ts';
import { analysisDocument } from '../../report/json.ts';
import { jsonText } from '../../report/json-text.ts';
import { recordKinds } from '../../track/records.ts';
import { type Io, UsageError } from '../io.ts';
import { layoutOf } from '../layout.ts';
import { type ReadOptions, readCaptures, tellProblems } from '../read.ts';
import { RecordLines } from '../record-lines.ts';
import { exitOf } from '../verdict.ts';

interface AnalyzeOptions extends ReadOptions {
  json?: boolean | undefined;
  format: 'table' | 'json' | 'ndjson';
  records: boolean;
  minConfidence: Confidence;
  severity: Severity;
  failOn?: Severity | undefined;
  color: boolean;
}

/** Reads captures and prints what is wrong in them. */
export async function analyze(io: Io, given: AnalyzeOptions): Promise<number> {
  const format = given.json ? 'json' : given.format;
  if (given.records && format === 'table')
    throw new UsageError('--records needs --json or --format ndjson; `fluxcap show` prints records for people');
  const ndjson = format === 'ndjson' ? await import('../../report/ndjson.ts') : undefined;
  const lines = ndjson && new RecordLines(io, ndjson);
  const analysis = await readCaptures(io, given, given.records ? new Set(recordKinds) : new Set(), lines);
  const shown = { severity: given.severity, minConfidence: given.minConfidence };
  const document = analysisDocument(analysis, shown, given.records && format === 'json');
  if (ndjson) {
    await lines?.flush();
    for (const line of ndjson.documentLines(document)) await io.out(line);
  } else if (format === 'json') {
    await io.out(jsonText(document));
  } else {
    const { analysisReport } = await import('../../report/table.ts');
    await io.out(analysisReport(document, layoutOf(io, given.color)));
  }
  tellProblems(io, analysis);
  return exitOf(analysis, given);
}
