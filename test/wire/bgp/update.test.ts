import { describe, expect, it } from 'vitest';
import { asPathLength, asPathText, mergedPath } from '../../../src/wire/bgp/as-path.ts';
import type { UpdateCoding } from '../../../src/wire/bgp/open.ts';
import { type AsSegment, readUpdate } from '../../../src/wire/bgp/update.ts';
import {
  type BgpPrefix,
  type BgpUpdateFields,
  be16,
  be32,
  bgpAttribute,
  bgpEndOfRib,
  bgpMessage,
  bgpUpdate,
  ipOctets,
  octets,
} from '../../craft/index.ts';

const AGREED: UpdateCoding = { as4: true, addPath: [] };
const UNKNOWN: UpdateCoding = { as4: null, addPath: null };
const readOctets = (message: Uint8Array, coding = AGREED) =>
  readUpdate(new DataView(message.buffer, message.byteOffset, message.length), 0, message.length, coding);
const read = (fields: BgpUpdateFields, coding = AGREED) => readOctets(bgpUpdate(fields), coding);
const plain = { afi: 1, safi: 1, pathId: null, rd: null };
const ROUTE = { announced: ['192.0.2.0/24'], nextHop: '198.51.100.1' };
const sequence = (...as: number[]): AsSegment => ({ type: 'sequence', as });

describe('UPDATE', () => {
  it('announces destinations with all that is said of them', () => {
    const update = read({
      announced: ['192.0.2.0/24', '0.0.0.0/0', '10.128.0.0/9', '203.0.113.7/32'],
      origin: 'incomplete',
      asPath: [64_513, 4_200_000_000, { type: 'set', as: [1, 2] }],
      nextHop: '198.51.100.1',
      med: 510,
      localPref: 4_000_000_000,
      atomicAggregate: true,
      aggregator: { as: 64_513, ip: '10.0.0.1' },
      communities: ['64512:100', '65535:65281', '65535:666'],
      extendedCommunities: ['0002fc0000000064', '0103c00002010007', '0202fa56ea000001', '4004fc0000000064'],
      largeCommunities: ['4200000000:1:2'],
      originatorId: '10.255.0.3',
      clusterList: ['10.255.0.2', '10.255.0.9'],
    });
    expect(update.announced).toEqual(
      ['192.0.2.0/24', '0.0.0.0/0', '10.128.0.0/9', '203.0.113.7/32'].map((prefix) => ({ ...plain, prefix, nextHop: '198.51.100.1' })),
    );
    expect(update.attributes).toEqual({
      origin: 'incomplete',
      asPath: [sequence(64_513, 4_200_000_000), { type: 'set', as: [1, 2] }],
      nextHop: '198.51.100.1',
      linkLocalNextHop: null,
      med: 510,
      localPref: 4_000_000_000,
      atomicAggregate: true,
      aggregator: { as: 64_513, ip: '10.0.0.1' },
      communities: ['64512:100', 'no-export', 'blackhole'],
      extendedCommunities: ['rt:64512:100', 'soo:192.0.2.1:7', 'rt:4200000000:1', '0x4004fc0000000064'],
      largeCommunities: ['4200000000:1:2'],
      originatorId: '10.255.0.3',
      clusterList: ['10.255.0.2', '10.255.0.9'],
      others: [],
    });
    expect(update).toMatchObject({ withdrawn: [], endOfRib: null, unread: [], malformed: null, discarded: [], isAssumed: false });
  });

  it('withdraws destinations, without any attribute', () => {
    const update = read({ withdrawn: ['192.0.2.0/24', '10.0.0.0/8'] });
    expect(update.withdrawn).toEqual(['192.0.2.0/24', '10.0.0.0/8'].map((prefix) => ({ ...plain, prefix })));
    expect(update).toMatchObject({ announced: [], endOfRib: null, malformed: null });
  });

  it('leaves bits behind a prefix out', () => {
    const whole = bgpUpdate({ withdrawn: ['10.255.255.255/9'] });
    expect(readOctets(whole).withdrawn).toMatchObject([{ prefix: '10.128.0.0/9' }]);
    const reach = bgpUpdate({ unreach: { family: '2/1', withdrawn: ['2001:db8:ffff::/33'] } });
    expect(readOctets(reach).withdrawn).toMatchObject([{ prefix: '2001:db8:8000::/33' }]);
  });

  it.each([
    { family: '1/1', octets: bgpEndOfRib() },
    { family: '2/1', octets: bgpEndOfRib('2/1') },
    { family: '25/70', octets: bgpEndOfRib('25/70') },
  ])('is the End-of-RIB of $family', ({ family, octets }) => {
    const [afi, safi] = family.split('/').map(Number);
    expect(readOctets(octets)).toMatchObject({ endOfRib: { afi, safi }, withdrawn: [], unread: [], malformed: null, isAssumed: false });
  });

  it('is no End-of-RIB when something is withdrawn, or another attribute is there', () => {
    expect(read({ unreach: { family: '2/1', withdrawn: ['2001:db8::/32'] } }).endOfRib).toBeNull();
    expect(read({ unreach: { family: '2/1', withdrawn: [] }, withdrawn: ['10.0.0.0/8'] }).endOfRib).toBeNull();
    expect(read({ unreach: { family: '2/1', withdrawn: [] }, med: 1 }).endOfRib).toBeNull();
  });

  it('may be 65,535 octets long (RFC 8654)', () => {
    const announced = Array.from({ length: 16_000 }, (_, i): BgpPrefix => `10.${i >> 8}.${i & 255}.0/24`);
    const update = read({ announced, nextHop: '192.0.2.1' });
    expect(update.announced).toHaveLength(16_000);
    expect(update.announced.at(-1)?.prefix).toBe('10.62.127.0/24');
  });
});

describe('families', () => {
  it.each([
    { name: 'IPv6', family: '2/1', prefix: '2001:db8::/32', hops: { nextHop: '2001:db8::1' }, linkLocal: null },
    {
      name: 'IPv6 with both next hops',
      family: '2/1',
      prefix: '2001:db8:1::/48',
      hops: { nextHop: '2001:db8::1', linkLocal: 'fe80::1' },
      linkLocal: 'fe80::1',
    },
    { name: 'IPv6 default', family: '2/1', prefix: '::/0', hops: { nextHop: '2001:db8::1' }, linkLocal: null },
    {
      name: 'IPv4 by IPv6 (RFC 8950)',
      family: '1/1',
      prefix: '192.0.2.0/24',
      hops: { nextHop: '2001:db8::1', linkLocal: 'fe80::1' },
      linkLocal: 'fe80::1',
    },
    { name: 'IPv4 in MP_REACH_NLRI', family: '1/1', prefix: '192.0.2.0/24', hops: { nextHop: '198.51.100.1' }, linkLocal: null },
    { name: 'IPv4 multicast', family: '1/2', prefix: '192.0.2.0/24', hops: { nextHop: '198.51.100.1' }, linkLocal: null },
  ])('$name', ({ family, prefix, hops, linkLocal }) => {
    const [afi, safi] = family.split('/').map(Number);
    const update = read({ reach: { family, ...hops, announced: [prefix] } });
    expect(update.announced).toEqual([{ afi, safi, prefix, pathId: null, rd: null, nextHop: hops.nextHop }]);
    expect(update.attributes).toMatchObject({ nextHop: null, linkLocalNextHop: linkLocal });
    expect(update.malformed).toBeNull();
    expect(read({ unreach: { family, withdrawn: [prefix] } }).withdrawn).toEqual([{ afi, safi, prefix, pathId: null, rd: null }]);
  });

  it('a next hop without global address is its link-local one', () => {
    const update = read({ reach: { family: '2/1', nextHop: '::', linkLocal: 'fe80::1', announced: ['2001:db8::/32'] } });
    expect(update.announced).toMatchObject([{ nextHop: 'fe80::1' }]);
  });

  it.each([
    { name: 'labelled IPv4', family: '1/4', announced: { prefix: '192.0.2.0/24', label: 16 }, nextHop: '198.51.100.1', rd: null },
    {
      name: 'labelled IPv6 (6PE)',
      family: '2/4',
      announced: { prefix: '2001:db8::/32', label: 17 },
      nextHop: '::ffff:198.51.100.1',
      rd: null,
    },
    {
      name: 'VPN of an AS',
      family: '1/128',
      announced: { prefix: '10.0.0.0/8', label: 18, rd: '64512:7' },
      nextHop: '198.51.100.1',
      rd: '64512:7',
    },
    {
      name: 'VPN of an address',
      family: '1/128',
      announced: { prefix: '10.0.0.0/8', label: 18, rd: '192.0.2.1:7' },
      nextHop: '198.51.100.1',
      rd: '192.0.2.1:7',
    },
    {
      name: 'VPN of an AS of four octets',
      family: '2/128',
      announced: { prefix: '2001:db8::/32', label: 18, rd: '4200000000:7' },
      nextHop: '2001:db8::1',
      rd: '4200000000:7',
    },
  ])('$name', ({ family, announced, nextHop, rd }) => {
    const [afi, safi] = family.split('/').map(Number);
    const update = read({ reach: { family, nextHop, announced: [announced, announced] } });
    expect(update.malformed).toBeNull();
    expect(update.announced).toEqual([1, 2].map(() => ({ afi, safi, prefix: announced.prefix, pathId: null, rd, nextHop })));
  });

  it('several labels are one stack; a withdrawal may say that it has none', () => {
    // Label 16 without, label 17 with the bit of the bottom.
    const stack = octets(24 + 24 + 24, 0x00, 0x01, 0x00, 0x00, 0x01, 0x11, 192, 0, 2);
    const reach = bgpAttribute(0x80, 14, be16(1), 4, 4, [198, 51, 100, 1], 0, stack);
    expect(read({ origin: 'igp', asPath: [], raw: [reach] }).announced).toMatchObject([{ prefix: '192.0.2.0/24' }]);
    const none = bgpAttribute(0x80, 15, be16(1), 4, 24 + 24, 0x80, 0, 0, 192, 0, 2);
    expect(read({ raw: [none] }).withdrawn).toMatchObject([{ prefix: '192.0.2.0/24' }]);
  });

  it('others are named, and what else stands in the UPDATE is read', () => {
    const evpn = bgpAttribute(0x80, 14, be16(25), 70, 4, [198, 51, 100, 1], 0, [3, 2, 0, 0]);
    const flow = bgpAttribute(0x80, 15, be16(1), 133, [3, 1, 8, 10]);
    const update = read({ ...ROUTE, raw: [evpn, flow] });
    expect(update.unread).toEqual([
      { afi: 1, safi: 133 },
      { afi: 25, safi: 70 },
    ]);
    expect(update.announced).toMatchObject([{ prefix: '192.0.2.0/24' }]);
    expect(update.malformed).toBeNull();
  });
});

describe('ADD-PATH', () => {
  const coding: UpdateCoding = { as4: true, addPath: [{ afi: 1, safi: 1 }] };

  it('is read in the families that agreed on it', () => {
    const update = read(
      {
        withdrawn: [{ prefix: '10.0.0.0/8', pathId: 7 }],
        announced: [
          { prefix: '192.0.2.0/24', pathId: 1 },
          { prefix: '192.0.2.0/24', pathId: 4_294_967_295 },
        ],
        nextHop: '198.51.100.1',
        reach: { family: '2/1', nextHop: '2001:db8::1', announced: ['2001:db8::/32'] },
      },
      coding,
    );
    expect(update.withdrawn).toMatchObject([{ prefix: '10.0.0.0/8', pathId: 7 }]);
    expect(update.announced.map(({ prefix, pathId }) => [prefix, pathId])).toEqual([
      ['2001:db8::/32', null],
      ['192.0.2.0/24', 1],
      ['192.0.2.0/24', 4_294_967_295],
    ]);
  });

  it('of a VPN stands before labels and route distinguisher (as FRR sends it; tshark does not read it)', () => {
    const [first, second] = ['00000000 70 0012c1 0000fc00000000c8 0ac800', '00000000 70 0012d1 0001c000020100c9 0ac900'].map((text) =>
      Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    );
    const reach = bgpAttribute(0x80, 14, be16(1), 128, 12, be32(0), be32(0), [192, 0, 2, 1], 0, first ?? [], second ?? []);
    const update = read({ origin: 'igp', asPath: [], raw: [reach] }, { as4: true, addPath: [{ afi: 1, safi: 128 }] });
    expect(update.malformed).toBeNull();
    expect(update.announced).toEqual([
      { afi: 1, safi: 128, prefix: '10.200.0.0/24', pathId: 0, rd: '64512:200', nextHop: '192.0.2.1' },
      { afi: 1, safi: 128, prefix: '10.201.0.0/24', pathId: 0, rd: '192.0.2.1:201', nextHop: '192.0.2.1' },
    ]);
  });

  it.each([
    { name: 'with', prefixes: [{ prefix: '192.0.2.0/24', pathId: 1 }], pathId: 1 },
    { name: 'with, greater identifiers', prefixes: [{ prefix: '192.0.2.0/24', pathId: 70_000 }], pathId: 70_000 },
    {
      name: 'with, the default route',
      prefixes: [
        { prefix: '0.0.0.0/0', pathId: 1 },
        { prefix: '0.0.0.0/0', pathId: 2 },
      ],
      pathId: 1,
    },
    { name: 'without', prefixes: ['192.0.2.0/24', '10.0.0.0/8'], pathId: null },
    { name: 'without, the default route first', prefixes: ['0.0.0.0/0', '10.0.0.0/8'], pathId: null },
  ])('shows by the octets where no OPEN is seen: $name', ({ prefixes, pathId }) => {
    const update = read({ announced: prefixes, nextHop: '198.51.100.1' }, UNKNOWN);
    const first = prefixes[0];
    expect(update.announced[0]).toMatchObject({ prefix: typeof first === 'string' ? first : first?.prefix, pathId });
    expect(update.announced).toHaveLength(prefixes.length);
    expect(update.isAssumed).toBe(true);
  });
});

describe('AS numbers', () => {
  const LONG = [64_513, 64_514, 64_515];

  it.each([
    { name: 'four octets', as4: true },
    { name: 'two octets', as4: false },
  ])('show their length where no OPEN is seen: $name', ({ as4 }) => {
    const update = read({ ...ROUTE, asPath: LONG, aggregator: { as: 64_513, ip: '10.0.0.1' }, as4 }, UNKNOWN);
    expect(update.attributes.asPath).toEqual([sequence(...LONG)]);
    expect(update.attributes.aggregator).toEqual({ as: 64_513, ip: '10.0.0.1' });
    expect(update).toMatchObject({ isAssumed: true, malformed: null });
  });

  it('are not guessed where nothing is there to guess', () => {
    expect(read({ withdrawn: ['10.0.0.0/8'] }, { as4: null, addPath: [] }).isAssumed).toBe(false);
    expect(read({ ...ROUTE, asPath: [] }, { as4: null, addPath: [] }).isAssumed).toBe(false);
    expect(read({ ...ROUTE, asPath: [1] }, { as4: null, addPath: [] }).isAssumed).toBe(true);
  });

  it('of two octets have the rest in AS4_PATH and AS4_AGGREGATOR', () => {
    const fields: BgpUpdateFields = {
      ...ROUTE,
      as4: false,
      asPath: [200, 4_200_000_000, 4_200_000_001],
      aggregator: { as: 4_200_000_001, ip: '10.0.0.1' },
      as4Path: [4_200_000_000, 4_200_000_001],
      as4Aggregator: { as: 4_200_000_001, ip: '10.0.0.1' },
    };
    for (const coding of [{ as4: false, addPath: [] }, UNKNOWN]) {
      const { attributes, discarded } = read(fields, coding);
      expect(attributes.asPath).toEqual([sequence(200, 4_200_000_000, 4_200_000_001)]);
      expect(attributes.aggregator).toEqual({ as: 4_200_000_001, ip: '10.0.0.1' });
      expect(discarded).toEqual([]);
    }
  });

  it('of four octets are not to be had from AS4_PATH', () => {
    expect(read({ ...ROUTE, asPath: [200, 300], as4Path: [1, 2] }).attributes.asPath).toEqual([sequence(200, 300)]);
  });

  it('are not merged where a speaker of two octets made an aggregate of it (RFC 6793 section 4.2.3)', () => {
    const { attributes } = read(
      {
        ...ROUTE,
        as4: false,
        asPath: [200, 23_456],
        aggregator: { as: 200, ip: '10.0.0.1' },
        as4Path: [4_200_000_000],
        as4Aggregator: { as: 4_200_000_000, ip: '10.0.0.2' },
      },
      { as4: false, addPath: [] },
    );
    expect(attributes.asPath).toEqual([sequence(200, 23_456)]);
    expect(attributes.aggregator).toEqual({ as: 200, ip: '10.0.0.1' });
  });

  it('are merged where the one who made the aggregate needs two octets alone', () => {
    const { attributes } = read(
      { ...ROUTE, as4: false, asPath: [200, 4_200_000_000], aggregator: { as: 200, ip: '10.0.0.1' }, as4Path: [200, 4_200_000_000] },
      { as4: false, addPath: [] },
    );
    expect(attributes).toMatchObject({ asPath: [sequence(200, 4_200_000_000)], aggregator: { as: 200, ip: '10.0.0.1' } });
  });

  const set = (...as: number[]): AsSegment => ({ type: 'set', as });
  const confed = (...as: number[]): AsSegment => ({ type: 'confed-sequence', as });
  it.each([
    { name: 'longer AS4_PATH', path: [sequence(1)], as4: [sequence(2, 3)], merged: [sequence(1)] },
    { name: 'same length', path: [sequence(1, 23_456)], as4: [sequence(1, 70_000)], merged: [sequence(1, 70_000)] },
    {
      name: 'a set counts as one',
      path: [sequence(1, 2), set(3, 4)],
      as4: [set(70_000, 70_001)],
      merged: [sequence(1, 2), set(70_000, 70_001)],
    },
    { name: 'a set before it', path: [set(1, 2), sequence(23_456)], as4: [sequence(70_000)], merged: [set(1, 2), sequence(70_000)] },
    {
      name: 'confederation before it',
      path: [confed(9), sequence(1, 23_456)],
      as4: [sequence(70_000)],
      merged: [confed(9), sequence(1, 70_000)],
    },
    {
      name: 'confederation before all of it',
      path: [confed(9), sequence(23_456)],
      as4: [sequence(70_000)],
      merged: [confed(9), sequence(70_000)],
    },
    { name: 'confederation in it', path: [sequence(23_456)], as4: [confed(9), sequence(70_000)], merged: [sequence(70_000)] },
    { name: 'nothing in it', path: [sequence(1)], as4: [], merged: [sequence(1)] },
  ])('merge: $name', ({ path, as4, merged }) => expect(mergedPath(path, as4)).toEqual(merged));

  it('are counted and written as routers do', () => {
    const path: AsSegment[] = [confed(65_001, 65_002), sequence(1, 2), set(3, 4), { type: 'confed-set', as: [65_003] }];
    expect(asPathLength(path)).toBe(3);
    expect(asPathText(path)).toBe('(65001 65002) 1 2 {3,4} [65003]');
    expect(asPathText([])).toBe('');
  });
});

describe('an attribute that is wrong', () => {
  const with_ = (...raw: Uint8Array[]): Uint8Array => bgpUpdate({ ...ROUTE, withdrawn: ['10.0.0.0/8'], raw });
  const WITHDRAWN = ['10.0.0.0/8', '192.0.2.0/24'];

  it.each([
    { name: 'MED', octets: with_(bgpAttribute(0x80, 4, 1, 2)), malformed: 'MULTI_EXIT_DISC: expected 4 octets, got 2' },
    { name: 'LOCAL_PREF', octets: with_(bgpAttribute(0x40, 5)), malformed: 'LOCAL_PREF: expected 4 octets, got 0' },
    { name: 'ORIGINATOR_ID', octets: with_(bgpAttribute(0x80, 9, 1)), malformed: 'ORIGINATOR_ID: expected 4 octets, got 1' },
    { name: 'CLUSTER_LIST', octets: with_(bgpAttribute(0x80, 10)), malformed: 'CLUSTER_LIST: expected 4 octets or a multiple, got 0' },
    {
      name: 'COMMUNITIES',
      octets: with_(bgpAttribute(0xc0, 8, 1, 2, 3)),
      malformed: 'COMMUNITIES: expected 4 octets or a multiple, got 3',
    },
    { name: 'LARGE_COMMUNITY', octets: with_(bgpAttribute(0xc0, 32, be32(1), be32(2))), malformed: /LARGE_COMMUNITY: expected 12/ },
    { name: 'EXTENDED COMMUNITIES', octets: with_(bgpAttribute(0xc0, 16, be32(1))), malformed: /EXTENDED COMMUNITIES: expected 8/ },
    {
      name: 'flags',
      octets: with_(bgpAttribute(0x40, 4, be32(1))),
      malformed: /MULTI_EXIT_DISC: expected optional and non-transitive, got well-known and transitive/,
    },
    { name: 'well-known, but not known', octets: with_(bgpAttribute(0x40, 99, 1)), malformed: /attribute 99 calls itself well-known/ },
    {
      name: 'MP_REACH_NLRI too short',
      octets: with_(bgpAttribute(0x80, 14, 0, 1)),
      malformed: /MP_REACH_NLRI: expected 5 octets at least, got 2/,
    },
    {
      name: 'MP_REACH_NLRI without its next hop',
      octets: with_(bgpAttribute(0x80, 14, be16(2), 1, 16, be16(1))),
      malformed: /expected 16 octets of next hop, 1 are left/,
    },
    {
      name: 'next hop of no length',
      octets: with_(bgpAttribute(0x80, 14, be16(2), 1, 5, [1, 2, 3, 4, 5], 0)),
      malformed: /IPv6 unicast: the next hop has no length/,
    },
    {
      name: 'MP_UNREACH_NLRI twice',
      octets: with_(bgpAttribute(0x80, 15, be16(2), 1), bgpAttribute(0x80, 15, be16(2), 1)),
      malformed: /MP_UNREACH_NLRI is there twice/,
    },
    { name: 'cut off', octets: with_(octets(0x80, 4)), malformed: /a path attribute is cut off/ },
    { name: 'too long', octets: with_(octets(0x80, 4, 4, 1)), malformed: 'MULTI_EXIT_DISC: expected 4 octets, 1 are left' },
    {
      name: 'ORIGIN that is none',
      octets: bgpUpdate({ withdrawn: ['10.0.0.0/8'], ...ROUTE, asPath: [], raw: [bgpAttribute(0x40, 5, 0, 0, 0)] }),
      malformed: /LOCAL_PREF/,
    },
  ])('has its routes count as withdrawn (RFC 7606): $name', ({ octets, malformed }) => {
    const update = readOctets(octets);
    expect(update.malformed).toMatch(malformed);
    expect(update.announced).toEqual([]);
    expect(update.withdrawn.map(({ prefix }) => prefix)).toEqual(WITHDRAWN);
    expect(update.withdrawn[1]).toEqual({ ...plain, prefix: '192.0.2.0/24' });
  });

  it.each([
    { name: 'ORIGIN', without: [bgpAttribute(0x40, 2), bgpAttribute(0x40, 3, be32(1))], malformed: 'ORIGIN is missing' },
    { name: 'AS_PATH', without: [bgpAttribute(0x40, 1, 0), bgpAttribute(0x40, 3, be32(1))], malformed: 'AS_PATH is missing' },
    { name: 'NEXT_HOP', without: [bgpAttribute(0x40, 1, 0), bgpAttribute(0x40, 2)], malformed: 'NEXT_HOP is missing' },
    {
      name: 'a value of ORIGIN',
      without: [bgpAttribute(0x40, 1, 3), bgpAttribute(0x40, 2), bgpAttribute(0x40, 3, be32(1))],
      malformed: 'ORIGIN: there is no origin 3',
    },
    {
      name: 'a segment without AS',
      without: [bgpAttribute(0x40, 1, 0), bgpAttribute(0x40, 2, 2, 0), bgpAttribute(0x40, 3, be32(1))],
      malformed: 'AS_PATH: its segments do not fill it',
    },
    {
      name: 'a segment of type 5',
      without: [bgpAttribute(0x40, 1, 0), bgpAttribute(0x40, 2, 5, 1, be32(1))],
      malformed: 'AS_PATH: its segments do not fill it',
    },
  ])('or missing: $name', ({ without, malformed }) => {
    const attributes = octets(...without);
    const update = readOctets(bgpMessage(2, be16(0), be16(attributes.length), attributes, [24, 192, 0, 2]));
    expect(update).toMatchObject({ malformed, announced: [], withdrawn: [{ prefix: '192.0.2.0/24' }] });
  });

  it.each([
    { name: 'ATOMIC_AGGREGATE', raw: bgpAttribute(0x40, 6, 1), discarded: 'ATOMIC_AGGREGATE: expected 0 octets, got 1' },
    { name: 'AGGREGATOR', raw: bgpAttribute(0xc0, 7, be16(1), be32(2)), discarded: 'AGGREGATOR: expected 8 octets, got 6' },
    { name: 'AS4_PATH', raw: bgpAttribute(0xc0, 17, 2, 2, be32(1)), discarded: 'AS4_PATH: its segments do not fill it' },
    { name: 'AS4_AGGREGATOR', raw: bgpAttribute(0xc0, 18, 1), discarded: 'AS4_AGGREGATOR: expected 8 octets, got 1' },
    {
      name: 'one that is there twice',
      raw: octets(bgpAttribute(0x80, 4, be32(7)), bgpAttribute(0x80, 4, be32(8))),
      discarded: 'MULTI_EXIT_DISC is there twice',
    },
  ])('is left out alone where the RFCs say so: $name', ({ raw, discarded }) => {
    const update = readOctets(with_(raw));
    expect(update).toMatchObject({ malformed: null, announced: [{ prefix: '192.0.2.0/24' }], discarded: [discarded] });
    expect(update.attributes).toMatchObject({ atomicAggregate: false, aggregator: null });
  });

  it('the first counts of two', () => {
    expect(readOctets(with_(bgpAttribute(0x80, 4, be32(7)), bgpAttribute(0x80, 4, be32(8)))).attributes.med).toBe(7);
  });

  it('that nobody knows is named by its number', () => {
    expect(readOctets(with_(bgpAttribute(0xc0, 26, [1, 0, 3]), bgpAttribute(0xe0, 200))).attributes.others).toEqual([26, 200]);
  });
});

describe('lengths and prefixes that are wrong', () => {
  it.each([
    { name: 'withdrawn routes too long', body: [be16(9), be16(0)], malformed: /withdrawn routes: expected 9 octets, 0 are left/ },
    { name: 'path attributes too long', body: [be16(0), be16(9), [1]], malformed: /path attributes: expected 9 octets, 1 are left/ },
    {
      name: 'prefix of 33 bits',
      body: [be16(6), [33, 1, 2, 3, 4, 5], be16(0)],
      malformed: /IPv4 unicast: a prefix has 33 bits, 32 are possible/,
    },
    { name: 'prefix cut off', body: [be16(2), [24, 1], be16(0)], malformed: /IPv4 unicast: expected 3 octets of a prefix, 1 are left/ },
  ])('$name', ({ body, malformed }) => expect(readOctets(bgpMessage(2, ...body)).malformed).toMatch(malformed));

  it('a label without room', () => {
    const reach = bgpAttribute(0x80, 15, be16(1), 4, 16, 1, 2);
    expect(read({ raw: [reach] }).malformed).toMatch(/IPv4 labelled unicast: a prefix of 16 bits has no room for its label/);
  });

  it('flags that are wrong hide no destination', () => {
    const reach = bgpAttribute(0xc0, 14, be16(2), 1, 16, ipOctets('2001:db8::1'), 0, [32, 0x20, 0x01, 0x0d, 0xb8]);
    const unreach = bgpAttribute(0xc0, 15, be16(2), 1, [16, 0x20, 0x02]);
    const update = read({ origin: 'igp', asPath: [], raw: [reach, unreach] });
    expect(update).toMatchObject({
      announced: [],
      malformed: expect.stringMatching(/^MP_REACH_NLRI: expected optional and non-transitive/),
    });
    expect(update.withdrawn.map(({ prefix }) => prefix)).toEqual(['2002::/16', '2001:db8::/32']);
  });

  it('what stands before them still counts', () => {
    const update = readOctets(bgpMessage(2, be16(6), [8, 10, 24, 1, 2, 3], be16(0), [40, 1]));
    expect(update.withdrawn.map(({ prefix }) => prefix)).toEqual(['10.0.0.0/8', '1.2.3.0/24']);
  });
});
