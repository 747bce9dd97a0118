import type { Analysis, AnalysisStats } from '../analysis.ts';
import type { CaptureInput } from '../capture/input.ts';
import type { Problem } from '../capture/problem.ts';
import type { Drops } from '../capture/reader.ts';
import type { Finding } from '../diagnose/finding.ts';
import { type Confidence, confidences, isAtLeast, type Severity, severities } from '../diagnose/kind.ts';
import { type Instant, timeText } from '../net/time.ts';
import { type RecordKind, recordKinds } from '../track/records.ts';
import { SCHEMA_VERSION, VERSION } from '../version.ts';
import { linktypeName } from '../wire/linktype.ts';
import { type JsonRecord, recordsOf } from './records.ts';

/** Which findings are shown: the least severe, the least sure. */
export interface Shown {
  severity: Severity;
  minConfidence: Confidence;
}

export const DEFAULT_SHOWN: Shown = { severity: 'notice', minConfidence: 'likely' };

export interface JsonInput {
  path: string;
  format: 'pcap' | 'pcapng' | null;
  compression: 'gzip' | 'zstd' | 'lz4' | null;
  linktypes: string[];
  packets: number;
  bytes: number;
  first: string | null;
  last: string | null;
  interfaces: { id: number; name: string | null; linktype: string; snaplen: number }[];
  drops: Drops;
  problems: Problem[];
}

/** The JSON document of `analyze`: a stable contract, described by the schema that ships with the package. */
export interface AnalysisDocument {
  fluxcap: string;
  schema: number;
  inputs: JsonInput[];
  findings: Finding[];
  summary: Record<Severity, number> & { hidden: number };
  stats: Omit<AnalysisStats, 'stateEvicted'> & { records: Record<string, number>; recordsOmitted: number; stateEvicted: number };
  records?: Record<string, JsonRecord[]>;
}

/** @param withRecords puts the records that were kept into the document */
export function analysisDocument(analysis: Analysis, shown: Shown = DEFAULT_SHOWN, withRecords = false): AnalysisDocument {
  const findings = analysis.findings.filter((finding) => isShown(finding, shown));
  const { decoded, undecoded, malformed, truncatedPackets, stateEvicted } = analysis.stats;
  const summary = Object.fromEntries(
    severities.map((severity) => [severity, findings.filter((each) => each.severity === severity).length]),
  );
  return {
    fluxcap: VERSION,
    schema: SCHEMA_VERSION,
    inputs: analysis.inputs.map(inputOf),
    findings,
    summary: { ...(summary as Record<Severity, number>), hidden: analysis.findings.length - findings.length },
    stats: {
      decoded,
      undecoded,
      malformed,
      truncatedPackets,
      records: Object.fromEntries(recordKinds.map((kind) => [kind, analysis.records.counts[kind]])),
      recordsOmitted: analysis.records.omitted,
      stateEvicted,
    },
    ...(withRecords
      ? { records: Object.fromEntries(recordKinds.map((kind: RecordKind) => [kind, recordsOf(analysis.records, kind)])) }
      : {}),
  };
}

export const isShown = ({ severity, confidence }: Finding, shown: Shown): boolean =>
  isAtLeast(severities, severity, shown.severity) && isAtLeast(confidences, confidence, shown.minConfidence);

/** What is known of an input by now. */
export function inputOf(input: CaptureInput): JsonInput {
  const { path, format, compression, packets, bytes, first, last, interfaces, drops, problems } = input;
  return {
    path,
    format,
    compression,
    linktypes: [...new Set(interfaces.map(({ linktype }) => linktypeName(linktype)))],
    packets,
    bytes,
    first: textOf(first),
    last: textOf(last),
    interfaces: interfaces.map(({ id, name, linktype, snaplen }) => ({ id: id ?? 0, name, linktype: linktypeName(linktype), snaplen })),
    drops,
    problems: problems.list,
  };
}

const textOf = (instant: Instant | null): string | null => instant && timeText(instant);
