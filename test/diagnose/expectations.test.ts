import { describe, expect, it } from 'vitest';
import { expectedVia, parseExpectedVia } from '../../src/diagnose/expectations.ts';

describe('PREFIX=NEXTHOP', () => {
  it.each([
    ['203.0.113.0/24=192.0.2.1', '203.0.113.0/24', '192.0.2.1'],
    ['203.0.113.7/24=192.0.2.1', '203.0.113.0/24', '192.0.2.1'],
    ['203.0.113.7=192.0.2.1', '203.0.113.7/32', '192.0.2.1'],
    ['default=192.0.2.1', '0.0.0.0/0', '192.0.2.1'],
    ['0.0.0.0/0=192.0.2.1', '0.0.0.0/0', '192.0.2.1'],
    ['default=fe80::1', '::/0', 'fe80::1'],
    ['2001:DB8:0:0::/32=2001:db8::0:1', '2001:db8::/32', '2001:db8::1'],
    ['2001:db8::7=fe80::1', '2001:db8::7/128', 'fe80::1'],
    [' 203.0.113.7 = 192.0.2.1 ', '203.0.113.7/32', '192.0.2.1'],
  ])('%s', (text, prefix, nextHop) => {
    expect(parseExpectedVia(text)).toEqual({ prefix, nextHop });
  });

  it.each([
    '',
    '=',
    '192.0.2.1',
    '203.0.113.0/24=',
    '=192.0.2.1',
    '203.0.113.0/24=192.0.2.1=192.0.2.2',
    '203.0.113.0/33=192.0.2.1',
    '203.0.113.0/-1=192.0.2.1',
    '203.0.113.0/24=192.0.2.1/32',
    '203.0.113.0/24=224.0.0.1',
    '2001:db8::/32=192.0.2.1',
    '203.0.113.0/24=fe80::1',
    'gateway=192.0.2.1',
  ])('"%s" is none', (text) => {
    expect(parseExpectedVia(text)).toMatch(/^expected /);
  });

  it('holds for what the longest prefix covers', () => {
    const all = [
      'default=192.0.2.1',
      '203.0.113.0/24=192.0.2.2',
      '203.0.113.0/24=192.0.2.3',
      '203.0.113.7=192.0.2.4',
      'default=fe80::1',
    ].flatMap((text) => {
      const parsed = parseExpectedVia(text);
      return typeof parsed === 'string' ? [] : [parsed];
    });
    const hops = (ip: string): string[] => expectedVia(all, ip).map(({ nextHop }) => nextHop);
    expect(hops('203.0.113.7')).toEqual(['192.0.2.4']);
    expect(hops('203.0.113.8')).toEqual(['192.0.2.2', '192.0.2.3']);
    expect(hops('198.51.100.1')).toEqual(['192.0.2.1']);
    expect(hops('2001:db8::1')).toEqual(['fe80::1']);
    expect(expectedVia([], '198.51.100.1')).toEqual([]);
  });
});
