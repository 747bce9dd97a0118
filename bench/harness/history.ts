import { appendFileSync } from 'node:fs';
import type { Result } from './report.ts';

/** What one program took, in a line of the history. */
interface Kept {
  wallSeconds: number | null;
  cpuSeconds: number | null;
  peakMegabytes: number | null;
  /** Medians. */
  byTcpdump: number | null;
  fluxcapByIt: number | null;
}

/** A line of history.jsonl: what is worth keeping of a run, to compare releases by their ratios. */
export function historyLine({ date, fluxcap, machine, seed, rounds, comparisons, start, targets }: Result): string {
  const captures = comparisons.map(({ capture, packets, megabytes, rows }) => [
    capture,
    {
      packets,
      megabytes: rounded(megabytes),
      rows: Object.fromEntries(
        rows
          .filter(({ wallSeconds }) => wallSeconds !== null)
          .map(({ name, wallSeconds, cpuSeconds, peakMegabytes, byTcpdump, fluxcapByIt }): [string, Kept] => [
            name,
            {
              wallSeconds: rounded(wallSeconds),
              cpuSeconds: rounded(cpuSeconds),
              peakMegabytes: rounded(peakMegabytes),
              byTcpdump: rounded(byTcpdump?.median),
              fluxcapByIt: rounded(fluxcapByIt?.median),
            },
          ]),
      ),
    },
  ]);
  const starts = start.map(({ name, milliseconds }) => [name, rounded(milliseconds.median)]);
  const kept = {
    date,
    fluxcap,
    machine,
    seed,
    rounds,
    captures: Object.fromEntries(captures),
    startMilliseconds: Object.fromEntries(starts),
  };
  const missed = targets.filter(({ reached }) => !reached).map(({ capture, what }) => `${capture}: ${what}`);
  return `${JSON.stringify({ ...kept, missed })}\n`;
}

export function record(path: string, result: Result): void {
  appendFileSync(path, historyLine(result));
}

/** Four digits tell more than any machine repeats. */
const rounded = (value: number | null | undefined): number | null => (typeof value === 'number' ? Number(value.toPrecision(4)) : null);
