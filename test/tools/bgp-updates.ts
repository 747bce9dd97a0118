import fc from 'fast-check';
import type { AsSegment } from '../../src/wire/bgp/update.ts';
import type { BgpUpdateFields } from '../craft/index.ts';

/* UPDATEs as routers might send them, for properties and comparisons. */

const octet = fc.nat(255);
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
/** Public ones of two octets and of four, and private ones (RFC 6996). */
const as = fc.oneof(
  fc.integer({ min: 1, max: 64_495 }),
  fc.integer({ min: 131_072, max: 402_332 }),
  fc.integer({ min: 64_512, max: 65_534 }),
  fc.integer({ min: 4_200_000_000, max: 4_294_967_294 }),
);

const ip4 = fc.tuple(octet, octet, octet, octet).map((all) => all.join('.'));
/** Without bits behind the prefix. */
const prefix4 = fc.tuple(octet, octet, octet, octet, fc.integer({ min: 0, max: 32 })).map(([a, b, c, d, bits]) => {
  const address = bits === 0 ? 0 : (((a << 24) | (b << 16) | (c << 8) | d) & (-1 << (32 - bits))) >>> 0;
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
});
/** Of full groups. */
const prefix6 = fc
  .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: 7 })
  .map((groups) => `${groups.map((group) => group.toString(16)).join(':')}::/${16 * groups.length}`);

const some = <T>(of: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T[]> => fc.array(of, { minLength: 1, maxLength });
const largeCommunity = fc.tuple(uint32, uint32, uint32).map((all) => all.join(':'));

/** IPv4 unicast with the attributes that most routes have, and IPv6. */
export const bgpUpdateFields = fc.record(
  {
    withdrawn: fc.array(prefix4, { maxLength: 5 }),
    announced: some(prefix4, 5),
    origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
    asPath: fc.array(as, { maxLength: 8 }),
    nextHop: ip4,
    med: uint32,
    localPref: uint32,
    atomicAggregate: fc.boolean(),
    aggregator: fc.record({ as, ip: ip4 }),
    originatorId: ip4,
    clusterList: some(ip4),
    largeCommunities: some(largeCommunity),
    reach: fc.record({ family: fc.constant('2/1'), nextHop: fc.constant('2001:db8::1'), announced: some(prefix6) }),
  },
  { requiredKeys: ['announced', 'nextHop'] },
);

const segment: fc.Arbitrary<AsSegment> = fc.record({
  type: fc.constantFrom('set' as const, 'sequence' as const, 'confed-sequence' as const, 'confed-set' as const),
  as: some(as),
});
/** Types whose subtypes 2 and 3 are route target and site of origin, and others. */
const extendedCommunity = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 0x40, 0x80), fc.constantFrom(2, 3, 4), fc.uint8Array({ minLength: 6, maxLength: 6 }))
  .map(([type, subtype, value]) => [type, subtype, ...value].map((each) => each.toString(16).padStart(2, '0')).join(''));
const rd = fc.oneof(
  fc.tuple(uint16, uint32).map((all) => all.join(':')),
  fc.tuple(ip4, uint16).map((all) => all.join(':')),
);
const label = fc.integer({ min: 16, max: 0xf_ffff });
const reach = fc.oneof(
  fc.record({ family: fc.constant('2/1'), nextHop: fc.constant('2001:db8::1'), announced: some(prefix6) }),
  fc.record({
    family: fc.constant('2/1'),
    nextHop: fc.constant('2001:db8::1'),
    linkLocal: fc.constant('fe80::1'),
    announced: some(prefix6),
  }),
  fc.record({ family: fc.constant('1/4'), nextHop: ip4, announced: some(fc.record({ prefix: prefix4, label })) }),
  fc.record({ family: fc.constant('1/128'), nextHop: ip4, announced: some(fc.record({ prefix: prefix4, label, rd })) }),
  fc.record({
    family: fc.constant('2/128'),
    nextHop: fc.constant('2001:db8::1'),
    announced: some(fc.record({ prefix: prefix6, label, rd })),
  }),
);

/** With everything else: sets and confederations, all communities, labels and VPNs. */
export const richBgpUpdateFields: fc.Arbitrary<BgpUpdateFields> = fc
  .tuple(
    bgpUpdateFields,
    fc.record(
      {
        asPath: fc.array(fc.oneof(as, segment), { maxLength: 6 }),
        communities: some(
          fc.oneof(
            fc.tuple(uint16, uint16).map((all) => all.join(':')),
            fc.constantFrom('65535:65281', '65535:666', '65535:0'),
          ),
        ),
        extendedCommunities: some(extendedCommunity),
        reach,
        unreach: fc.oneof(
          fc.record({ family: fc.constant('2/1'), withdrawn: some(prefix6) }),
          fc.record({ family: fc.constant('1/128'), withdrawn: some(fc.record({ prefix: prefix4, label, rd })) }),
        ),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([plain, more]) => ({ ...plain, ...more }));
