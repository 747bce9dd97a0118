import { type CaptureName, captureNames, sliceName } from './captures.ts';
import type { Comparison, Row } from './compare.ts';
import { ARGUS, CAPINFOS, FLUXCAP, LIBRARY, REFERENCE, SOFTFLOWD, TSHARK, UNPACKING } from './peers.ts';
import type { StartRow } from './start.ts';
import type { Spread } from './statistics.ts';

/** What fluxcap is meant to reach, and what it reached. */
export interface Judged {
  capture: string;
  what: string;
  /** What the median may be at most, or has to be at least. */
  most: number | null;
  least: number | null;
  measured: Spread;
  reached: boolean;
}

/** Of the wall times, unless it says otherwise. */
interface Goal {
  capture: string;
  peer: string;
  most?: number;
  /** The peer takes so many times as long. */
  least?: number;
  ofCpu?: boolean;
}

const name = (capture: CaptureName): string => capture;

const GOALS: readonly Goal[] = [
  { capture: name('mixed'), peer: REFERENCE, most: 1 },
  { capture: name('small'), peer: REFERENCE, most: 1.2 },
  { capture: name('big'), peer: REFERENCE, most: 0.5 },
  { capture: name('sll2'), peer: REFERENCE, most: 1 },
  { capture: name('raw'), peer: REFERENCE, most: 1 },
  { capture: name('scan'), peer: REFERENCE, most: 3 },
  // tcpdump refuses a file with several link types.
  { capture: name('ng'), peer: CAPINFOS, most: 0.5 },
  { capture: name('mixed'), peer: SOFTFLOWD, most: 1 },
  { capture: name('mixed'), peer: ARGUS, most: 1, ofCpu: true },
  { capture: sliceName('mixed'), peer: TSHARK, least: 60 },
  { capture: name('mixed.pcap.gz'), peer: UNPACKING.gz, most: 1.15 },
  { capture: name('mixed.pcap.gz'), peer: LIBRARY, most: 1.15 },
  { capture: name('mixed.pcap.zst'), peer: UNPACKING.zst, most: 1.15 },
  { capture: name('mixed.pcap.zst'), peer: LIBRARY, most: 1.15 },
];

export const MOST_PEAK_MEGABYTES = 120;
const MOST_START_MILLISECONDS = 150;

/** What cannot be judged, for something was not measured, is left out. */
export function judge(comparisons: readonly Comparison[], start: readonly StartRow[]): Judged[] {
  return [
    ...GOALS.flatMap((goal) => judgeGoal(goal, comparisons) ?? []),
    ...comparisons.flatMap((comparison) => judgeMemory(comparison) ?? []),
    ...start.slice(0, 1).map(({ milliseconds }) => ({
      capture: 'start',
      what: `${FLUXCAP}: ms to the first output`,
      ...judgeMost(milliseconds, MOST_START_MILLISECONDS),
    })),
  ];
}

function judgeGoal({ capture, peer, most, least, ofCpu = false }: Goal, comparisons: readonly Comparison[]): Judged | undefined {
  const row = rowOf(comparisons, capture, peer);
  const spread = ofCpu ? row?.fluxcapCpuByIt : row?.fluxcapByIt;
  if (!spread) return undefined;
  if (least !== undefined) return { capture, what: `${peer} / fluxcap`, ...judgeLeast(inverse(spread), least) };
  return { capture, what: `fluxcap / ${peer}${ofCpu ? ', CPU' : ''}`, ...judgeMost(spread, most ?? 1) };
}

/** On whole captures. */
function judgeMemory({ capture, rows }: Comparison): Judged | undefined {
  if (!captureNames.some((known) => known === capture)) return undefined;
  const peak = rows.find((row) => row.name === FLUXCAP)?.peakMegabytes ?? null;
  if (peak === null) return undefined;
  return { capture, what: 'peak memory in MB', ...judgeMost({ median: peak, low: peak, high: peak }, MOST_PEAK_MEGABYTES) };
}

const judgeMost = (measured: Spread, most: number): Pick<Judged, 'most' | 'least' | 'measured' | 'reached'> => ({
  most,
  least: null,
  measured,
  reached: measured.median <= most,
});

const judgeLeast = (measured: Spread, least: number): Pick<Judged, 'most' | 'least' | 'measured' | 'reached'> => ({
  most: null,
  least,
  measured,
  reached: measured.median >= least,
});

const inverse = ({ median, low, high }: Spread): Spread => ({ median: 1 / median, low: 1 / high, high: 1 / low });

const rowOf = (comparisons: readonly Comparison[], capture: string, peer: string): Row | undefined =>
  comparisons.find((each) => each.capture === capture)?.rows.find((row) => row.name === peer);
