import { expect, it } from 'vitest';
import { grouped } from '../../src/report/units.ts';

it.each([0, 1, 999, 1000, 12_345, 123_456, 1_234_567, 999_999.5, Number.MAX_SAFE_INTEGER])('%d is grouped as in English', (count) => {
  expect(grouped(count)).toBe(Math.round(count).toLocaleString('en'));
});
