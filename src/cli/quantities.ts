import { UsageError } from './io.ts';

const SECONDS = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
const DURATION = /^(?:(?<d>\d+)d)?(?:(?<h>\d+)h)?(?:(?<m>\d+)m)?(?:(?<s>\d+)s)?$/;
/** A thousand years. Timers of JavaScript hold no more than 24 days at a time: whoever waits for this long has to wait in steps. */
const LONGEST_SEC = 365_250 * SECONDS.d;

/** `90s`, `10m`, `1h30m`, `2d`, or a number of seconds: more than nothing, in seconds. Throws a `UsageError` that names the option. */
export function parseDuration(option: string, given: string): number {
  const groups = given === '' ? undefined : DURATION.exec(given)?.groups;
  const seconds = isDigits(given)
    ? Number(given)
    : Object.entries(SECONDS).reduce((sum, [unit, each]) => sum + Number(groups?.[unit] ?? 0) * each, 0);
  if (seconds > 0 && seconds <= LONGEST_SEC) return seconds;
  throw new UsageError(`${option}: expected a time such as 90s, 10m, 1h30m or 2d, or a number of seconds, got "${given}"`);
}

const SIZE = /^(?<number>\d+)(?:(?<unit>[kmgt])(?<kind>i?b)?)?$/i;
const POWERS = { k: 1, m: 2, g: 3, t: 4 } as const;

/** Octets: `64MiB` and `64M` are 64 · 2^20, `64MB` is 64 · 10^6, `67108864` is itself. NaN where it is none of these. */
export function sizeOf(given: string): number {
  const { number, unit, kind } = SIZE.exec(given)?.groups ?? {};
  if (number === undefined) return Number.NaN;
  if (unit === undefined) return Number(number);
  const base = kind?.toLowerCase() === 'b' ? 1000 : 1024;
  return Number(number) * base ** POWERS[unit.toLowerCase() as keyof typeof POWERS];
}

const LEAST_RING = 1 << 20;
const MOST_RING = 4 * 2 ** 30;

/** `--ring`: memory for the latest packets, in octets; 0 where none are to be kept. */
export function parseRing(given: string): number {
  const octets = sizeOf(given);
  if (octets === 0 || (octets >= LEAST_RING && octets <= MOST_RING)) return octets;
  throw new UsageError(`--ring: expected a size from 1MiB to 4GiB, such as 64MiB, or 0 to keep no packets, got "${given}"`);
}

/** `--count`: packets, from 1 up. */
export function parseCount(given: string): number {
  const count = isDigits(given) ? Number(given) : Number.NaN;
  if (count >= 1 && Number.isSafeInteger(count)) return count;
  throw new UsageError(`--count: expected a whole number from 1 up, got "${given}"`);
}

/** The headers of any packet that is decoded, with nothing behind them. */
const LEAST_SNAPLEN = 64;
/** As in libpcap and Wireshark (MAXIMUM_SNAPLEN): whole packets. */
const MOST_SNAPLEN = 262_144;

/** `--snaplen`: octets of each packet; 0 asks for whole packets, as with tcpdump. */
export function parseSnaplen(given: string): number {
  const octets = isDigits(given) ? Number(given) : Number.NaN;
  if (octets === 0) return MOST_SNAPLEN;
  if (octets >= LEAST_SNAPLEN && octets <= MOST_SNAPLEN) return octets;
  throw new UsageError(
    `--snaplen: expected a number of octets from ${LEAST_SNAPLEN} to ${MOST_SNAPLEN}, or 0 for whole packets, got "${given}"`,
  );
}

const isDigits = (text: string): boolean => /^\d+$/.test(text);
