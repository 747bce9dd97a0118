import type { Argv, CommandModule } from 'yargs';
import type { Confidence, Severity } from '../../diagnose/kind.ts';
import type { Usage } from '../arguments.ts';
import { type Io, UsageError } from '../io.ts';
import { layoutOf } from '../layout.ts';
import * as options from '../options.ts';
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

/** What the command line of `analyze` may have. */
export const analyzeUsage: Usage = {
  options: {
    json: options.json,
    format: options.reportFormat,
    records: options.records,
    'max-records': options.maxRecords,
    'min-confidence': options.minConfidence,
    severity: options.severity,
    'fail-on': options.failOn,
    local: options.local,
    'wg-peer': options.wgPeer,
    'expect-via': options.expectVia,
    context: options.context,
    color: options.color,
    quiet: options.quiet,
    progress: options.progress,
  },
  refusal: (words) => (words.length > 0 ? undefined : options.NO_CAPTURE),
};

/** Reads captures and prints what is wrong in them. `done` gets the exit status. */
export const analyze = (io: Io, done: (exit: number) => void): CommandModule<object, AnalyzeOptions> => ({
  command: ['analyze <captures..>', '$0 <captures..>'],
  describe: 'Read captures (- is standard input), print what is wrong and why',
  builder: (yargs) =>
    yargs
      .positional('captures', { type: 'string', array: true, demandOption: true, describe: 'Capture files: pcap, pcapng; gzip, zstd, lz4' })
      .options(analyzeUsage.options) as unknown as Argv<AnalyzeOptions>,
  handler: async (given) => {
    const format = given.json ? 'json' : given.format;
    if (given.records && format === 'table')
      throw new UsageError('--records needs --json or --format ndjson; `fluxcap show` prints records for people');
    const { recordKinds } = await import('../../track/records.ts');
    const { analysisDocument } = await import('../../report/json.ts');
    const lines = format === 'ndjson' ? new RecordLines(io, await import('../../report/ndjson.ts')) : undefined;
    const analysis = await readCaptures(io, given, given.records ? new Set(recordKinds) : new Set(), lines);
    const shown = { severity: given.severity, minConfidence: given.minConfidence };
    const document = analysisDocument(analysis, shown, given.records && format === 'json');
    switch (format) {
      case 'json': {
        const { jsonText } = await import('../../report/json.ts');
        await io.out(jsonText(document));
        break;
      }
      case 'ndjson': {
        const { documentLines } = await import('../../report/ndjson.ts');
        await lines?.flush();
        for (const line of documentLines(document)) await io.out(line);
        break;
      }
      case 'table': {
        const { analysisReport } = await import('../../report/table.ts');
        await io.out(analysisReport(document, await layoutOf(io, given.color)));
        break;
      }
    }
    tellProblems(io, analysis);
    done(exitOf(analysis, given));
  },
});
