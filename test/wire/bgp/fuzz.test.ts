import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIpv4, parseIpv6 } from '../../../src/net/ip.ts';
import { BGP_HEADER, BgpType, findMessage, readHeader } from '../../../src/wire/bgp/message.ts';
import { readNotification } from '../../../src/wire/bgp/notification.ts';
import { readOpen, type UpdateCoding } from '../../../src/wire/bgp/open.ts';
import { readRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts';
import { readUpdate } from '../../../src/wire/bgp/update.ts';
import { be16, bgpMessage, bgpNotification, bgpOpen, bgpUpdate, replaced } from '../../craft/index.ts';
import { bgpUpdateFields } from '../../tools/bgp-updates.ts';

/** The message alone in its window: whatever is read beyond its end throws. */
function read(message: Uint8Array, coding: UpdateCoding): unknown {
  const view = new DataView(message.slice().buffer);
  const header = readHeader(view, 0, message.length);
  if (typeof header === 'string' || header.length > message.length) return header;
  const { type, length } = header;
  if (type === BgpType.Open) return readOpen(view, 0, length);
  if (type === BgpType.Update) return readUpdate(view, 0, length, coding);
  if (type === BgpType.Notification) return readNotification(view, 0, length);
  if (type === BgpType.RouteRefresh) return readRouteRefresh(view, 0);
  return header;
}

const coding: fc.Arbitrary<UpdateCoding> = fc.record({
  as4: fc.constantFrom(true, false, null),
  addPath: fc.constantFrom(null, [], [{ afi: 1, safi: 1 }], [{ afi: 2, safi: 1 }]),
});

const octet = fc.nat(255);

describe('whatever the octets', () => {
  it('random bodies end in an answer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.uint8Array({ maxLength: 200 }), coding, (type, body, how) => {
        read(bgpMessage(type, body), how);
      }),
      { numRuns: 2000 },
    );
  });

  it('random path attributes end in an answer, and say whether their routes count', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(octet, fc.oneof(fc.nat(35), octet), fc.uint8Array({ maxLength: 40 })), { maxLength: 6 }),
        coding,
        (attributes, how) => {
          const all = attributes.flatMap(([flags, type, value]) => [flags & 0xef, type, value.length, ...value]);
          const result = read(bgpMessage(2, be16(0), be16(all.length), all, [24, 192, 0, 2]), how) as ReturnType<typeof readUpdate>;
          if (result.malformed === null) expect(result.announced.at(-1)?.prefix).toBeDefined();
          else expect(result.announced).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('every octet of a message may be another', () => {
    const messages = [
      bgpUpdate({
        withdrawn: ['10.0.0.0/8'],
        announced: ['192.0.2.0/24', '198.51.100.0/25'],
        asPath: [1, { type: 'set', as: [2, 3] }],
        nextHop: '192.0.2.1',
        med: 1,
        aggregator: { as: 7, ip: '10.0.0.1' },
        communities: ['1:2'],
        clusterList: ['10.0.0.1'],
        reach: { family: '2/1', nextHop: '2001:db8::1', linkLocal: 'fe80::1', announced: ['2001:db8::/32'] },
        unreach: { family: '1/128', withdrawn: [{ prefix: '10.0.0.0/8', label: 1, rd: '1:1' }] },
        as4Path: [1],
      }),
      bgpOpen({
        as: 70_000,
        id: '192.0.2.1',
        capabilities: { families: ['1/1'], as4: 70_000, addPath: [{ family: '1/1', mode: 3 }], hostname: 'a' },
      }),
      bgpOpen({ as: 70_000, id: '192.0.2.1', isExtended: true }),
      bgpNotification(6, 9, [6, 2, 3, 0x61, 0x62, 0x63]),
    ];
    for (const message of messages)
      for (let at = BGP_HEADER; at < message.length; at++)
        for (const value of [0, 1, 0x7f, 0x80, 0xff, (message[at] ?? 0) + 1])
          for (const how of [
            { as4: null, addPath: null },
            { as4: true, addPath: [] },
            { as4: false, addPath: [{ afi: 1, safi: 1 }] },
          ])
            read(replaced(message, at, [value & 255]), how);
  });

  it('a message that is cut is not read', () => {
    const message = bgpUpdate({ announced: ['192.0.2.0/24'], nextHop: '192.0.2.1' });
    const view = new DataView(message.buffer);
    for (let cut = BGP_HEADER; cut < message.length; cut++) expect(readHeader(view, 0, cut)).toEqual({ type: 2, length: message.length });
  });

  it('looking for a message ends within them', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0xff), octet), { maxLength: 120 }), (all) => {
        const view = new DataView(Uint8Array.from(all).buffer);
        const at = findMessage(view, 0, all.length);
        expect(at).toBeGreaterThanOrEqual(0);
        expect(at).toBeLessThanOrEqual(all.length);
        if (at < all.length) expect(readHeader(view, at, all.length - at)).not.toBe('bad');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what was built is read', () => {
  it('with all that was said', () => {
    fc.assert(
      fc.property(bgpUpdateFields, fc.boolean(), (fields, as4) => {
        const result = read(bgpUpdate({ ...fields, as4 }), { as4, addPath: [] }) as ReturnType<typeof readUpdate>;
        expect(result.malformed).toBeNull();
        expect(result.discarded).toEqual([]);
        expect(result.isAssumed).toBe(false);
        expect(result.withdrawn.map(({ prefix }) => prefix)).toEqual(fields.withdrawn ?? []);
        expect(result.announced.filter(({ afi }) => afi === 1).map(({ prefix, nextHop }) => [prefix, nextHop])).toEqual(
          (fields.announced ?? []).map((prefix) => [prefix, fields.nextHop]),
        );
        const known = (each: number): number => (as4 || each <= 0xffff ? each : 23_456);
        const { attributes } = result;
        expect(attributes.asPath?.flatMap((segment) => segment.as)).toEqual((fields.asPath ?? []).map(known));
        expect(attributes.med).toBe(fields.med ?? null);
        expect(attributes.localPref).toBe(fields.localPref ?? null);
        expect(attributes.atomicAggregate).toBe(fields.atomicAggregate ?? false);
        expect(attributes.aggregator).toEqual(fields.aggregator ? { ...fields.aggregator, as: known(fields.aggregator.as) } : null);
        expect(attributes.originatorId).toBe(fields.originatorId ?? null);
        expect(attributes.clusterList).toEqual(fields.clusterList ?? []);
        expect(attributes.largeCommunities).toEqual(fields.largeCommunities ?? []);
      }),
      { numRuns: 500 },
    );
  });

  it('also when nobody said how', () => {
    fc.assert(
      fc.property(bgpUpdateFields, fc.boolean(), (fields, as4) => {
        // Only what a router would send: the default route once, and a path from which its coding shows.
        fc.pre(
          (fields.announced ?? []).filter((prefix) => prefix.endsWith('/0')).length <= 1 &&
            (fields.withdrawn ?? []).filter((prefix) => prefix.endsWith('/0')).length <= 1,
        );
        const result = read(bgpUpdate({ ...fields, as4 }), { as4: null, addPath: null }) as ReturnType<typeof readUpdate>;
        expect(result.malformed).toBeNull();
        expect(result.isAssumed).toBe(true);
        expect(result.announced.filter(({ afi }) => afi === 1).map(({ prefix }) => prefix)).toEqual(fields.announced ?? []);
        for (const { prefix } of result.announced) {
          const [ip = ''] = prefix.split('/');
          expect(parseIpv4(ip) ?? parseIpv6(ip)).toBeDefined();
        }
      }),
      { numRuns: 500 },
    );
  });
});
