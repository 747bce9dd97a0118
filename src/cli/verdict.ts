import type { Analysis } from '../analysis.ts';
import { type Confidence, confidences, isAtLeast, type Severity, severities } from '../diagnose/kind.ts';
import { Exit, worstExit } from './io.ts';

/** What decides between 0 and 1. */
export interface Bar {
  failOn?: Severity | undefined;
  minConfidence: Confidence;
}

/** The exit status of an analysis: 3 where an input could not be read as a whole, 1 where `--fail-on` was met, else 0. */
export const exitOf = ({ inputs, findings }: Pick<Analysis, 'inputs' | 'findings'>, bar: Bar): number =>
  worstExit(
    inputs.some(({ problems }) => problems.anyLost) ? Exit.Unread : Exit.Done,
    findings.some((finding) => isMet(finding, bar)) ? Exit.Met : Exit.Done,
  );

/** Whatever `--severity` hides counts here; `--min-confidence` says what is believed at all. */
const isMet = ({ severity, confidence }: Analysis['findings'][number], { failOn, minConfidence }: Bar): boolean =>
  failOn !== undefined && isAtLeast(severities, severity, failOn) && isAtLeast(confidences, confidence, minConfidence);
