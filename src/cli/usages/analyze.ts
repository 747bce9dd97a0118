import type { Usage } from '../arguments.ts';
import * as options from '../options.ts';

/** What the command line of `analyze` may have. */
export const analyzeUsage: Usage = {
  synopsis: ['analyze <captures..>', '$0 <captures..>'],
  describe: 'Read captures (- is standard input), print what is wrong and why',
  positionals: {
    captures: {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Capture files or directories of them: pcap, pcapng; gzip, zstd, lz4',
    },
  },
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
