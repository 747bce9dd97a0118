import type { SoakSample } from './soak.ts';

/** How memory went after a warm-up. */
export interface Trend {
  /** Octets a second: the median of the slopes between all pairs of samples (Theil and Sen), which single samples do not move. */
  slope: number;
  least: number;
  most: number;
}

/** Of the samples from `from` seconds on. */
export function trendOf(samples: readonly SoakSample[], from: number): Trend {
  const late = samples.filter(({ seconds }) => seconds >= from);
  const slopes = late
    .flatMap((a, i) => late.slice(i + 1).map((b) => (b.resident - a.resident) / (b.seconds - a.seconds)))
    .sort((a, b) => a - b);
  const residents = late.map(({ resident }) => resident);
  return { slope: slopes[slopes.length >> 1] ?? Number.NaN, least: Math.min(...residents), most: Math.max(...residents) };
}
