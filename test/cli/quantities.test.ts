import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { parseCount, parseDuration, parseRing, parseSnaplen, sizeOf } from '../../src/cli/quantities.ts';

const refusal = (parse: () => number): string => {
  try {
    return `read as ${parse()}`;
  } catch (error) {
    return error instanceof UsageError ? error.message : `not a UsageError: ${error}`;
  }
};

describe('durations', () => {
  it.each([
    ['90s', 90],
    ['10m', 600],
    ['1h30m', 5400],
    ['2d', 172_800],
    ['1d2h3m4s', 93_784],
    ['3600', 3600],
    ['90m', 5400],
    ['0h1s', 1],
  ])('%s is %d seconds', (given, seconds) => expect(parseDuration('--duration', given)).toBe(seconds));

  it.each([
    '',
    '0',
    '0s',
    '-5',
    '-5s',
    '1.5h',
    '1h30',
    '30m1h',
    '1h1h',
    '10 m',
    ' 10m',
    '10M',
    '1e3',
    '0x10',
    'm',
    'forever',
    '9'.repeat(30),
    '90ms',
  ])('%j is refused, with what would do', (given) => {
    expect(refusal(() => parseDuration('--duration', given))).toBe(
      `--duration: expected a time such as 90s, 10m, 1h30m or 2d, or a number of seconds, got "${given}"`,
    );
  });

  it('are read as they are written, whatever the parts', () => {
    const part = fc.nat({ max: 10_000 });
    fc.assert(
      fc.property(part, part, part, part, (d, h, m, s) => {
        fc.pre(d + h + m + s > 0);
        const seconds = ((d * 24 + h) * 60 + m) * 60 + s;
        expect(parseDuration('--duration', `${d}d${h}h${m}m${s}s`)).toBe(seconds);
        expect(parseDuration('--duration', String(seconds))).toBe(seconds);
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['67108864', 67_108_864],
    ['64M', 67_108_864],
    ['64m', 67_108_864],
    ['64MiB', 67_108_864],
    ['64mib', 67_108_864],
    ['64MB', 64_000_000],
    ['2GiB', 2 ** 31],
    ['512KiB', 524_288],
    ['512kB', 512_000],
    ['1T', 2 ** 40],
    ['0', 0],
  ])('%s is %d octets', (given, octets) => expect(sizeOf(given)).toBe(octets));

  it.each(['', 'MiB', '64 MiB', '64Mi', '64Mbit', '-1', '1.5G', '64B', '0x40', 'much'])('%j is none', (given) => {
    expect(sizeOf(given)).toBeNaN();
  });

  it.each([
    ['0', 0],
    ['1MiB', 2 ** 20],
    ['64MiB', 2 ** 26],
    ['4GiB', 2 ** 32],
  ])('a ring may be of %s', (given, octets) => expect(parseRing(given)).toBe(octets));

  it.each(['1', '1MB', '5GiB', '-1', 'all', ''])('a ring cannot be of %j', (given) => {
    expect(refusal(() => parseRing(given))).toBe(
      `--ring: expected a size from 1MiB to 4GiB, such as 64MiB, or 0 to keep no packets, got "${given}"`,
    );
  });
});

describe('counts and lengths', () => {
  it('are whole numbers in their bounds; a snaplen of 0 means whole packets, as with tcpdump', () => {
    expect([parseCount('1'), parseCount('1000000')]).toEqual([1, 1_000_000]);
    expect([parseSnaplen('64'), parseSnaplen('256'), parseSnaplen('262144'), parseSnaplen('0')]).toEqual([64, 256, 262_144, 262_144]);
  });

  it.each(['', '0', '-1', '1.5', '1e6', 'ten', '9'.repeat(20)])('a count cannot be %j', (given) => {
    expect(refusal(() => parseCount(given))).toBe(`--count: expected a whole number from 1 up, got "${given}"`);
  });

  it.each(['', '63', '262145', '-1', '96.5', 'all'])('a snaplen cannot be %j', (given) => {
    expect(refusal(() => parseSnaplen(given))).toBe(
      `--snaplen: expected a number of octets from 64 to 262144, or 0 for whole packets, got "${given}"`,
    );
  });
});
