import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalIp,
  commonPrefixLength,
  compareIps,
  endpointText,
  ipv4Text,
  ipv6GroupsText,
  isLinkLocalIp,
  isMulticastIp,
  isPublicIp,
  parseIpv4,
  parseIpv6,
} from '../../src/net/ip.ts';

describe('IPv4', () => {
  it.each([
    [0, '0.0.0.0'],
    [0xc0000201, '192.0.2.1'],
    [0xffffffff, '255.255.255.255'],
    [-1, '255.255.255.255'],
  ])('%d is %s', (address, text) => expect(ipv4Text(address)).toBe(text));

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), (address) => {
        expect(parseIpv4(ipv4Text(address))).toBe(address);
      }),
    );
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.a', ' 1.2.3.4'])('refuses %j', (text) =>
    expect(parseIpv4(text)).toBeUndefined(),
  );
});

describe('IPv6 (RFC 5952)', () => {
  it.each([
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['2001:DB8::A', '2001:db8::a'],
  ])('%s is %s', (given, text) => expect(canonicalIp(given)).toBe(text));

  it('agrees with Node.js on all addresses', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = ipv6GroupsText(groups);
        expect(isIPv6(text)).toBe(true);
        expect(parseIpv6(text)).toEqual(groups);
        // An embedded dotted quad is written for mapped addresses alone (RFC 5952 section 5); Node does so for compatible ones too.
        const node = new SocketAddress({ family: 'ipv6', address: groups.map((group) => group.toString(16)).join(':') }).address;
        if (!/\./.test(node)) expect(text).toBe(node);
      }),
    );
  });

  it.each([':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', 'g::', '1:2:3:4:5:6:7::8', '::1.2.3', '12345::'])(
    'refuses %j',
    (text) => {
      expect(parseIpv6(text) !== undefined).toBe(isIPv6(text));
    },
  );

  it('refuses what is no address', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(canonicalIp(text) !== undefined).toBe(isIPv4(text) || (isIPv6(text) && !text.includes('%')));
      }),
    );
  });
});

it.each([
  ['192.0.2.1', '192.0.2.129', 24],
  ['192.0.2.1', '192.0.2.1', 32],
  ['10.0.0.1', '192.0.2.1', 0],
  ['2001:db8::1', '2001:db8:0:1::1', 63],
  ['192.0.2.1', '2001:db8::1', 0],
])('%s and %s share %d bits', (a, b, bits) => expect(commonPrefixLength(a, b)).toBe(bits));

it('orders addresses by family and value', () => {
  expect(['2001:db8::2', '10.0.0.2', '9.0.0.1', '10.0.0.10', '2001:db8::1'].sort(compareIps)).toEqual([
    '9.0.0.1',
    '10.0.0.2',
    '10.0.0.10',
    '2001:db8::1',
    '2001:db8::2',
  ]);
});

it('writes endpoints as URLs do', () => {
  expect(endpointText({ ip: '192.0.2.1', port: 53 })).toBe('192.0.2.1:53');
  expect(endpointText({ ip: '2001:db8::1', port: 53 })).toBe('[2001:db8::1]:53');
  expect(endpointText({ ip: '2001:db8::1' })).toBe('2001:db8::1');
});

it('knows the ranges that matter', () => {
  expect(['224.0.0.1', '239.255.255.255', 'ff02::1'].every(isMulticastIp)).toBe(true);
  expect(['223.255.255.255', '240.0.0.1', 'fe80::1', 'ff::1'].some(isMulticastIp)).toBe(false);
  expect(['169.254.1.1', 'fe80::1', 'febf::1'].every(isLinkLocalIp)).toBe(true);
  expect(['8.8.8.8', '2001:4860::1', '172.32.0.1'].every(isPublicIp)).toBe(true);
  expect(['10.1.1.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '127.0.0.1', 'fd00::1', 'fe80::1'].some(isPublicIp)).toBe(false);
});
