import { describe, expect, it } from 'vitest';
import { codingOf, negotiatedHoldTime, readOpen } from '../../../src/wire/bgp/open.ts';
import { type BgpOpenFields, bgpMessage, bgpOpen, octets, replaced } from '../../craft/index.ts';

const read = (message: Uint8Array) => readOpen(new DataView(message.buffer, message.byteOffset, message.length), 0, message.length);
const open = (fields: Partial<BgpOpenFields> = {}) => read(bgpOpen({ as: 64_512, id: '192.0.2.1', ...fields }));

describe('OPEN', () => {
  it('of a speaker without capabilities', () => {
    const { capabilities, ...rest } = open({ capabilities: null, holdTime: 90 });
    expect(rest).toEqual({ version: 4, as: 64_512, holdTime: 90, id: '192.0.2.1', malformed: null });
    expect(capabilities).toMatchObject({ families: [], as4: null, addPath: [], codes: [] });
  });

  const all = {
    families: ['1/1', '2/1', '1/128'],
    as4: 4_200_000_000,
    addPath: [{ family: '1/1', mode: 3 }],
    extendedNextHop: [{ family: '1/1', nextHopAfi: 2 }],
    routeRefresh: true,
    enhancedRouteRefresh: true,
    extendedMessage: true,
    role: 3,
    gracefulRestart: 120,
    hostname: 'edge-1',
    others: [[200, 1, 7]],
  };

  it.each([
    { name: 'one parameter for all', layout: {} },
    { name: 'one parameter each', layout: { isSplit: true } },
    { name: 'extended lengths (RFC 9072)', layout: { isExtended: true } },
    { name: 'extended lengths, one each', layout: { isExtended: true, isSplit: true } },
  ])('says what the speaker can: $name', ({ layout }) => {
    const { as, capabilities, malformed } = open({ as: 4_200_000_000, capabilities: all, ...layout });
    expect(malformed).toBeNull();
    expect(as).toBe(4_200_000_000);
    expect(capabilities).toEqual({
      families: [
        { afi: 1, safi: 1 },
        { afi: 2, safi: 1 },
        { afi: 1, safi: 128 },
      ],
      as4: 4_200_000_000,
      addPath: [{ afi: 1, safi: 1, mode: 3 }],
      extendedNextHop: [{ afi: 1, safi: 1, nextHopAfi: 2 }],
      routeRefresh: true,
      enhancedRouteRefresh: true,
      extendedMessage: true,
      gracefulRestart: 120,
      role: 'customer',
      hostname: 'edge-1',
      codes: [1, 1, 1, 2, 5, 6, 9, 64, 65, 69, 70, 73, 200],
    });
  });

  it('says it twice: the first octets of an AS of four are AS_TRANS', () => {
    const message = bgpOpen({ as: 4_200_000_000, id: '192.0.2.1' });
    expect(new DataView(message.buffer).getUint16(20)).toBe(23_456);
    expect(read(message).as).toBe(4_200_000_000);
  });

  it('makes a host name harmless', () => {
    expect(open({ capabilities: { hostname: 'a\u001b[2Jb\n' } }).capabilities.hostname).toBe('a\ufffd[2Jb\ufffd');
  });

  const body = octets(4, 0xfc, 0, 0, 180, 192, 0, 2, 1);
  it.each([
    {
      name: 'length too small',
      rest: [4, 2, 2, 2, 0, 2, 2, 70, 0],
      malformed: /their length says 4 octets, the message's length leaves 8/,
      codes: [2],
    },
    {
      name: 'length too great',
      rest: [20, 2, 2, 2, 0],
      malformed: /their length says 20 octets, the message's length leaves 4/,
      codes: [2],
    },
    { name: 'parameter too long', rest: [4, 2, 9, 2, 0], malformed: /parameter 2: expected 9 octets, 2 are left/ },
    { name: 'parameter cut off', rest: [1, 2], malformed: /parameter is cut off/ },
    { name: 'capability too long', rest: [4, 2, 2, 65, 4], malformed: /capability 65: expected 4 octets, 0 are left/ },
    { name: 'capability cut off', rest: [3, 2, 1, 65], malformed: /capability is cut off/ },
  ])('is read as far as it goes: $name', ({ rest, malformed, codes = [] }) => {
    expect(read(bgpMessage(1, body, rest))).toMatchObject({
      capabilities: { codes },
      as: 64_512,
      id: '192.0.2.1',
      malformed: expect.stringMatching(malformed),
    });
  });

  it('of another version', () => {
    expect(read(replaced(bgpOpen({ as: 1, id: '192.0.2.1' }), 19, [3])).version).toBe(3);
  });
});

describe('what two OPENs agree on', () => {
  const can = (capabilities: BgpOpenFields['capabilities'], holdTime = 180) => open({ holdTime, capabilities: capabilities ?? null });
  const path = (mode: number, ...families: string[]) => can({ as4: 1, addPath: families.map((family) => ({ family, mode })) });

  it('AS numbers of four octets where both speak them', () => {
    expect(codingOf(can({ as4: 1 }), can({ as4: 2 })).as4).toBe(true);
    expect(codingOf(can({ as4: 1 }), can(null)).as4).toBe(false);
    expect(codingOf(can(null), undefined).as4).toBe(false);
    expect(codingOf(undefined, can(null)).as4).toBe(false);
    expect(codingOf(can({ as4: 1 }), undefined).as4).toBeNull();
    expect(codingOf(undefined, undefined)).toEqual({ as4: null, addPath: null });
  });

  it('path identifiers in the direction in which one sends and the other receives them', () => {
    expect(codingOf(path(2, '1/1', '2/1'), path(1, '1/1')).addPath).toEqual([{ afi: 1, safi: 1 }]);
    expect(codingOf(path(1, '1/1'), path(2, '1/1')).addPath).toEqual([]);
    expect(codingOf(path(3, '1/1'), path(3, '1/1')).addPath).toEqual([{ afi: 1, safi: 1 }]);
    expect(codingOf(path(2, '1/1'), path(2, '1/1')).addPath).toEqual([]);
    expect(codingOf(path(2, '1/1'), undefined).addPath).toBeNull();
    expect(codingOf(path(1, '1/1'), undefined).addPath).toEqual([]);
    expect(codingOf(undefined, path(2, '1/1')).addPath).toEqual([]);
  });

  it('the lower hold time', () => {
    expect(negotiatedHoldTime(can(null, 180), can(null, 9))).toBe(9);
    expect(negotiatedHoldTime(can(null, 0), can(null, 9))).toBe(0);
  });
});
