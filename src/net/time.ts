/** A moment as a capture's clock tells it; `digits` of its fraction are meant: 6, or 9 where the clock is finer than a microsecond. */
export interface Instant {
  sec: number;
  /** 0 to 999,999,999. */
  nsec: number;
  digits: number;
}

/** RFC 3339 in UTC, or null where the moment has no such text (before the year 0 or after 9999). */
export function timeText({ sec, nsec, digits }: Instant): string | null {
  const date = new Date(sec * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) return null;
  const fraction = String(nsec).padStart(9, '0').slice(0, digits);
  return `${date.toISOString().slice(0, 19)}.${fraction}Z`;
}

/** A moment in seconds since 1970, as one double, with the 6 digits that a double has of it today; null as above. */
export function secondsText(at: number): string | null {
  const micros = Math.round(at * 1e6);
  const sec = Math.floor(micros / 1e6);
  return Number.isFinite(sec) ? timeText({ sec, nsec: (micros - sec * 1e6) * 1000, digits: 6 }) : null;
}

/** What `timeText` wrote, in seconds since 1970, exact to the millisecond. */
export const secondsOf = (text: string): number => Date.parse(`${text.slice(0, 23)}Z`) / 1000;

/** `41 µs`, `3.2 ms`, `17 s`, `12 min`: a duration for a sentence. */
export function durationText(seconds: number): string {
  const magnitude = Math.abs(seconds);
  if (magnitude < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (magnitude < 1) return `${trimmed(seconds * 1e3)} ms`;
  if (magnitude < 120) return `${trimmed(seconds)} s`;
  if (magnitude < 7200) return `${trimmed(seconds / 60)} min`;
  return `${trimmed(seconds / 3600)} h`;
}

const trimmed = (value: number): string => (Math.abs(value) < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value)));

/** Orders moments exactly. */
export const compareInstants = (a: Instant, b: Instant): number => a.sec - b.sec || a.nsec - b.nsec;

/** Seconds from `a` to `b`, exact to the nanosecond for moments that are not years apart. */
export const secondsBetween = (a: Instant, b: Instant): number => b.sec - a.sec + (b.nsec - a.nsec) / 1e9;
