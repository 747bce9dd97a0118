/** What several runs gave: the middle one, and between what half of them are (quartiles). */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Null where there is nothing, or something is not known. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0 || sorted.length < values.length) return null;
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

export const median = (values: readonly (number | null)[]): number | null => spreadOf(values)?.median ?? null;

/** `1.23 (1.20-1.31)`; the median alone where there is nothing else. Three digits: no machine repeats more. */
export function spreadText(value: Spread | null | undefined): string {
  if (!value) return '-';
  const { median, low, high } = value;
  const digits = median < 10 ? 2 : median < 100 ? 1 : 0;
  const range = low === high ? '' : ` (${low.toFixed(digits)}-${high.toFixed(digits)})`;
  return `${median.toFixed(digits)}${range}`;
}

/** Between two values it goes straight from one to the other. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const lower = sorted[Math.floor(place)] ?? Number.NaN;
  const upper = sorted[Math.ceil(place)] ?? Number.NaN;
  return lower + (upper - lower) * (place - Math.floor(place));
}
