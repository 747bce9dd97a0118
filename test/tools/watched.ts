import { readFileSync } from 'node:fs';
import type { Finding } from '../../src/diagnose/finding.ts';

/** A line of `fluxcap live --format ndjson` that tells of a finding. */
type NewsLine = Finding & { type: string; ended?: true; withdrawn?: true };

/** What two tellings of one finding must agree in: kind, subject, severity, confidence, and the parts that frames play in its evidence. */
export const essence = ({ kind, subject, severity, confidence, encapsulation, evidence }: Finding): string =>
  [
    kind,
    JSON.stringify(subject),
    severity,
    confidence,
    ...(encapsulation.length > 0 ? [`in ${encapsulation.join('/')}`] : []),
    [...new Set(evidence.map(({ role }) => role))].sort().join(' '),
  ].join(' ');

/** The findings that lines of NDJSON tell, as of the last one, by id. */
export function findingsOfLines(path: string): Map<string, Finding> {
  const findings = new Map<string, Finding>();
  const lines = readFileSync(path, 'utf8').split('\n');
  // The last piece is no line yet.
  for (const line of lines.slice(0, -1)) {
    const told: NewsLine = JSON.parse(line);
    if (told.type !== 'finding' && told.type !== 'finding-update') continue;
    if (told.withdrawn) findings.delete(told.id);
    else findings.set(told.id, told);
  }
  return findings;
}
