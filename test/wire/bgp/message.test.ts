import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BgpType, familyName, findMessage, MOST_BGP_LENGTH, readHeader } from '../../../src/wire/bgp/message.ts';
import { readRouteRefresh } from '../../../src/wire/bgp/route-refresh.ts';
import {
  be16,
  bgpEndOfRib,
  bgpKeepalive,
  bgpMessage,
  bgpOpen,
  bgpRouteRefresh,
  bgpUpdate,
  noise,
  octets,
  zeros,
} from '../../craft/index.ts';

const view = (of: Uint8Array): DataView => new DataView(of.buffer, of.byteOffset, of.length);
const ones = (count: number): number[] => Array.from({ length: count }, () => 0xff);
const header = (of: Uint8Array, most?: number) => readHeader(view(of), 0, of.length, most);

describe('the header', () => {
  it.each([
    { name: 'KEEPALIVE', octets: bgpKeepalive(), type: BgpType.Keepalive, length: 19 },
    { name: 'OPEN', octets: bgpOpen({ as: 1, id: '192.0.2.1', capabilities: null }), type: BgpType.Open, length: 29 },
    { name: 'empty UPDATE', octets: bgpEndOfRib(), type: BgpType.Update, length: 23 },
    { name: 'ROUTE-REFRESH', octets: bgpRouteRefresh(), type: BgpType.RouteRefresh, length: 23 },
  ])('$name', ({ octets, type, length }) => expect(header(octets)).toEqual({ type, length }));

  it.each([
    { name: 'another marker', octets: octets(ones(15), 0xfe, be16(19), 4) },
    { name: 'type 0', octets: octets(ones(16), be16(19), 0) },
    { name: 'type 6', octets: octets(ones(16), be16(19), 6) },
    { name: 'shorter than a header', octets: octets(ones(16), be16(18), 4) },
    { name: 'KEEPALIVE with something in it', octets: octets(ones(16), be16(20), 4) },
    { name: 'OPEN without room for itself', octets: octets(ones(16), be16(28), 1) },
    { name: 'NOTIFICATION without its code', octets: octets(ones(16), be16(20), 3) },
  ])('is none: $name', ({ octets }) => expect(header(octets)).toBe('bad'));

  it('may be longer than 4096 octets unless the caller knows better (RFC 8654)', () => {
    const long = octets(ones(16), be16(5000), 2);
    expect(header(long)).toEqual({ type: 2, length: 5000 });
    expect(header(long, MOST_BGP_LENGTH)).toBe('bad');
  });

  it('waits for what is not there yet, and only as long as it may be one', () => {
    const whole = bgpKeepalive();
    for (let cut = 0; cut < 19; cut++) expect(readHeader(view(whole), 0, cut)).toBe('more');
    expect(readHeader(view(octets(ones(5), 1)), 0, 6)).toBe('bad');
  });
});

describe('the next message behind octets that belong to none', () => {
  const update = bgpUpdate({ announced: ['192.0.2.0/24'], nextHop: '192.0.2.1' });

  it('is found wherever it stands, also behind ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(20), fc.nat(40), (before, count, behind) => {
        // A lost part never ends in something that is a header by itself.
        fc.pre(!before.includes(0xff));
        const all = octets(
          before,
          ones(count),
          update,
          bgpKeepalive(),
          noise(behind, 1).map((octet) => octet & 0x7f),
        );
        const start = before.length + count;
        expect(findMessage(view(all.subarray(0, start + update.length + 19)), 0, start + update.length + 19)).toBe(start);
      }),
    );
  });

  it('is none where the message would be followed by something else', () => {
    const wrong = octets(ones(16), be16(30), 2, zeros(30), bgpKeepalive());
    expect(findMessage(view(wrong), 0, wrong.length)).toBe(49);
  });

  it('may begin at the end: everything before it can go', () => {
    for (let cut = 0; cut < 19; cut++) {
      const all = octets(zeros(7), update.subarray(0, cut));
      expect(findMessage(view(all), 0, all.length), `${cut} octets of it`).toBe(7);
    }
  });
});

describe('ROUTE-REFRESH', () => {
  it.each([
    { octets: bgpRouteRefresh('1/1'), expected: { afi: 1, safi: 1, subtype: 'request' } },
    { octets: bgpRouteRefresh('2/1', 1), expected: { afi: 2, safi: 1, subtype: 'begin' } },
    { octets: bgpRouteRefresh('2/128', 2), expected: { afi: 2, safi: 128, subtype: 'end' } },
    { octets: bgpMessage(5, be16(1), 7, 1, 0, 0), expected: { afi: 1, safi: 1, subtype: 7 } },
  ])('$expected', ({ octets, expected }) => expect(readRouteRefresh(view(octets), 0)).toEqual(expected));
});

it('families have names, or their numbers', () => {
  expect(familyName({ afi: 1, safi: 1 })).toBe('IPv4 unicast');
  expect(familyName({ afi: 2, safi: 128 })).toBe('IPv6 VPN');
  expect(familyName({ afi: 3, safi: 1 })).toBe('AFI 3 SAFI 1');
});
