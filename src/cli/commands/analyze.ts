import type { Argv, CommandModule } from 'yargs';
import type { Analysis } from '../../analysis.ts';
import { type Confidence, confidences, isAtLeast, type Severity, severities } from '../../diagnose/kind.ts';
import type { AnalysisDocument } from '../../report/json.ts';
import type { Usage } from '../arguments.ts';
import { Exit, type Io, UsageError, worstExit } from '../io.ts';
import { layoutOf } from '../layout.ts';
import * as options from '../options.ts';
import { type ReadOptions, readCaptures, tellProblems } from '../read.ts';

interface AnalyzeOptions extends ReadOptions {
  json?: boolean | undefined;
  format: 'table' | 'json';
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
    format: options.format,
    records: options.records,
    'max-records': options.maxRecords,
    'min-confidence': options.minConfidence,
    severity: options.severity,
    'fail-on': options.failOn,
    local: options.local,
    'wg-peer': options.wgPeer,
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
    const asJson = given.json ?? given.format === 'json';
    if (given.records && !asJson)
      throw new UsageError('--records needs --json (or --format json); `fluxcap show` prints records for people');
    const { recordKinds } = await import('../../track/records.ts');
    const { analysisDocument, jsonText } = await import('../../report/json.ts');
    const analysis = await readCaptures(io, given, given.records && asJson ? new Set(recordKinds) : new Set());
    const shown = { severity: given.severity, minConfidence: given.minConfidence };
    const document = analysisDocument(analysis, shown, given.records);
    if (asJson) {
      await io.out(jsonText(document));
    } else {
      const { analysisReport } = await import('../../report/table.ts');
      await io.out(analysisReport(document, await layoutOf(io, given.color)));
    }
    tellProblems(io, analysis);
    done(worstExit(isUnread(document) ? Exit.Unread : Exit.Done, isMet(analysis, given) ? Exit.Met : Exit.Done));
  },
});

const isUnread = ({ inputs }: AnalysisDocument): boolean => inputs.some(({ problems }) => problems.some(({ lost }) => lost));

/** Whatever `--severity` hides counts here; `--min-confidence` says what is believed at all. */
const isMet = ({ findings }: Analysis, { failOn, minConfidence }: AnalyzeOptions): boolean =>
  failOn !== undefined &&
  findings.some((each) => isAtLeast(severities, each.severity, failOn) && isAtLeast(confidences, each.confidence, minConfidence));
