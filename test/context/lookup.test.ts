import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/context/host.ts';
import { lookUp, type RouteQuery } from '../../src/context/lookup.ts';
import { hostOf } from '../../src/context/model.ts';
import { reversePath } from '../../src/context/reverse-path.ts';
import { address, twoUplinks } from './small-hosts.ts';

const UDP = 17;
const FAR = '8.8.8.8';

/** `via 198.51.100.1 dev wan1 src 198.51.100.2`, for each way; or the outcome. */
function way(host: Host, query: RouteQuery): string {
  const { outcome, nextHops, sources, refused } = lookUp(host, query);
  if (nextHops.length === 0) return refused ?? outcome;
  const ways = nextHops.map(({ gateway, device }, i) => `${gateway === null ? '' : `via ${gateway} `}dev ${device} src ${sources[i]}`);
  return `${outcome === 'unicast' ? '' : `${outcome} `}${ways.join(' or ')}`;
}

const byWan1 = { dst: 'default', gateway: '198.51.100.1', dev: 'wan1' };
const byWan2 = { dst: 'default', gateway: '203.0.113.1', dev: 'wan2' };
const bothDefaults = [byWan1, { ...byWan2, table: '102' }];

describe('what the host sends', () => {
  it.each<{ name: string; host: Host; query: RouteQuery; expected: string }>([
    {
      name: 'the nearest network',
      host: twoUplinks({ routes: [byWan1] }),
      query: { destination: '203.0.113.9' },
      expected: 'dev wan2 src 203.0.113.2',
    },
    {
      name: 'the default route',
      host: twoUplinks({ routes: [byWan1] }),
      query: { destination: FAR },
      expected: 'via 198.51.100.1 dev wan1 src 198.51.100.2',
    },
    { name: 'an own address', host: twoUplinks(), query: { destination: '192.0.2.1' }, expected: 'local dev lo src 192.0.2.1' },
    { name: 'no route', host: twoUplinks(), query: { destination: FAR }, expected: 'no-route' },
    {
      name: 'a rule by source, for a socket that is bound',
      host: twoUplinks({ rules: [{ priority: 100, src: '203.0.113.2', table: '102' }], routes: bothDefaults }),
      query: { destination: FAR, source: '203.0.113.2' },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a rule by source, for a socket that is not: it has no source yet',
      host: twoUplinks({ rules: [{ priority: 100, src: '203.0.113.2', table: '102' }], routes: bothDefaults }),
      query: { destination: FAR },
      expected: 'via 198.51.100.1 dev wan1 src 198.51.100.2',
    },
    {
      name: 'a rule by a prefix that holds 0.0.0.0, for a socket that is not bound',
      host: twoUplinks({ rules: [{ priority: 100, src: '0.0.0.0', srclen: 1, table: '102' }], routes: bothDefaults }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a rule by port',
      host: twoUplinks({
        rules: [{ priority: 100, src: 'all', iif: 'lo', ipproto: 'udp', sport: 51_820, table: '102' }],
        routes: bothDefaults,
      }),
      query: { destination: FAR, protocol: UDP, sourcePort: 51_820 },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a rule by mark, with a mask',
      host: twoUplinks({ rules: [{ priority: 100, src: 'all', fwmark: '0x51', fwmask: '0xff', table: '102' }], routes: bothDefaults }),
      query: { destination: FAR, mark: 0x351 },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a rule that is inverted',
      host: twoUplinks({ rules: [{ priority: 100, not: null, src: 'all', fwmark: '0x51', table: '102' }], routes: bothDefaults }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a default route that a rule suppresses',
      host: twoUplinks({
        rules: [
          { priority: 99, src: 'all', table: 'main', suppress_prefixlen: 0 },
          { priority: 100, src: 'all', table: '102' },
        ],
        routes: bothDefaults,
      }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a nearer route that it does not suppress',
      host: twoUplinks({
        rules: [
          { priority: 99, src: 'all', table: 'main', suppress_prefixlen: 0 },
          { priority: 100, src: 'all', table: '102' },
        ],
        routes: bothDefaults,
      }),
      query: { destination: '192.0.2.9' },
      expected: 'dev lan src 192.0.2.1',
    },
    {
      name: 'goto',
      host: twoUplinks({
        rules: [
          { priority: 100, src: 'all', goto: 200 },
          { priority: 150, src: 'all', action: 'blackhole' },
          { priority: 200, src: 'all', table: '102' },
        ],
        routes: bothDefaults,
      }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a table that gives up: throw',
      host: twoUplinks({
        rules: [{ priority: 100, src: 'all', table: '102' }],
        routes: [...bothDefaults, { type: 'throw', dst: '8.0.0.0/8', table: '102' }],
      }),
      query: { destination: FAR },
      expected: 'via 198.51.100.1 dev wan1 src 198.51.100.2',
    },
    {
      name: 'the lower metric',
      host: twoUplinks({
        routes: [
          { ...byWan1, metric: 200 },
          { ...byWan2, metric: 100 },
        ],
      }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'the lower metric, but for a socket that is bound to the other interface',
      host: twoUplinks({
        routes: [
          { ...byWan1, metric: 200 },
          { ...byWan2, metric: 100 },
        ],
      }),
      query: { destination: FAR, out: 'wan1' },
      expected: 'via 198.51.100.1 dev wan1 src 198.51.100.2',
    },
    {
      name: 'a route without a usable way: the next metric',
      host: twoUplinks({
        routes: [
          { ...byWan1, flags: ['dead', 'linkdown'] },
          { ...byWan2, metric: 100 },
        ],
      }),
      query: { destination: FAR },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'a src hint',
      host: twoUplinks({ routes: [{ ...byWan1, prefsrc: '192.0.2.1' }] }),
      query: { destination: FAR },
      expected: 'via 198.51.100.1 dev wan1 src 192.0.2.1',
    },
    {
      name: 'several ways',
      host: twoUplinks({ routes: [{ dst: 'default', nexthops: [byWan1, byWan2] }] }),
      query: { destination: FAR },
      expected: 'via 198.51.100.1 dev wan1 src 198.51.100.2 or via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'several ways, on Linux 6.16 and newer, for a source that one of them has',
      host: twoUplinks({ routes: [{ dst: 'default', nexthops: [byWan1, byWan2] }] }),
      query: { destination: FAR, source: '203.0.113.2' },
      expected: 'via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'several ways, on older ones: all of them',
      host: twoUplinks({ routes: [{ dst: 'default', nexthops: [byWan1, byWan2] }], more: { kernel: '6.1.0-37-amd64' } }),
      query: { destination: FAR, source: '203.0.113.2' },
      expected: 'via 198.51.100.1 dev wan1 src 203.0.113.2 or via 203.0.113.1 dev wan2 src 203.0.113.2',
    },
    {
      name: 'an address of another host',
      host: twoUplinks({ routes: [byWan1] }),
      query: { destination: FAR, source: '192.0.2.77' },
      expected: 'source-not-local',
    },
    {
      name: 'what no route names, by an interface',
      host: twoUplinks(),
      query: { destination: FAR, out: 'wan2' },
      expected: 'dev wan2 src 203.0.113.2',
    },
    {
      name: 'all of a link',
      host: twoUplinks(),
      query: { destination: '255.255.255.255', out: 'lan' },
      expected: 'broadcast dev lan src 192.0.2.1',
    },
    {
      name: 'a rule that forbids',
      host: twoUplinks({ rules: [{ priority: 100, src: 'all', ipproto: 'udp', action: 'prohibit' }], routes: [byWan1] }),
      query: { destination: FAR, protocol: UDP },
      expected: 'prohibit',
    },
  ])('$name', ({ host, query, expected }) => expect(way(host, query)).toBe(expected));

  it('names the rule and the route that decided', () => {
    const host = twoUplinks({ rules: [{ priority: 100, src: '203.0.113.2', table: '102' }], routes: bothDefaults });
    const { rule, route, assumed } = lookUp(host, { destination: FAR, source: '203.0.113.2' });
    expect([rule?.text, route?.text, route?.table, assumed]).toEqual([
      '100: from 203.0.113.2 lookup 102',
      'default via 203.0.113.1 dev wan2',
      102,
      [],
    ]);
  });
});

describe('what comes in', () => {
  const forwarding = { sysctls: { 'net.ipv4.conf.lan.forwarding': '1', 'net.ipv4.conf.wan1.forwarding': '0' } };
  const host = twoUplinks({ rules: [{ priority: 100, src: 'all', iif: 'lan', table: '102' }], routes: bothDefaults, more: forwarding });

  it('is forwarded by the rule of its interface', () => {
    expect(way(host, { destination: FAR, source: '192.0.2.9', in: 'lan' })).toBe('via 203.0.113.1 dev wan2 src null');
  });

  it('is not forwarded where the interface does not', () => {
    expect(lookUp(host, { destination: '192.0.2.9', source: FAR, in: 'wan1' })).toMatchObject({
      outcome: 'no-route',
      refused: 'not-forwarding',
    });
  });

  it('is for the host itself', () => {
    expect(lookUp(host, { destination: '203.0.113.2', source: FAR, in: 'wan1' }).outcome).toBe('local');
  });

  it('is dropped by a strict rp_filter where the answer would leave elsewhere', () => {
    const packet = { destination: '203.0.113.2', source: FAR, in: 'wan2' };
    const filtered = (value: string): Host =>
      twoUplinks({
        routes: [byWan1],
        more: {
          sysctls: {
            'net.ipv4.conf.all.rp_filter': '0',
            'net.ipv4.conf.wan2.rp_filter': value,
            'net.ipv4.conf.all.accept_local': '0',
            'net.ipv4.conf.wan2.accept_local': '0',
          },
        },
      });
    expect(reversePath(filtered('1'), packet)).toMatchObject({ verdict: 'filtered', rpFilter: 1, devices: ['wan1'] });
    expect(reversePath(filtered('2'), packet).verdict).toBe('accepted');
    expect(reversePath(filtered('0'), packet).verdict).toBe('accepted');
    expect(reversePath(filtered('1'), { ...packet, in: 'wan1' })).toMatchObject({ verdict: 'accepted', rpFilter: undefined });
    expect(reversePath(twoUplinks({ routes: [byWan1] }), packet).verdict).toBe('unknown');
    expect(reversePath(filtered('0'), { ...packet, source: '192.0.2.1' }).verdict).toBe('martian');
  });
});

describe('what rests on something that was not read', () => {
  const whole = twoUplinks({ routes: [byWan1] }).document;
  const { rules: _, ...withoutRules } = whole;
  const { routes: __, ...withoutRoutes } = whole;
  const onlyMain = { ...whole, routes: (whole.routes ?? []).filter(({ table }) => table === undefined) };

  it('no rules: those of a fresh kernel, and the decision says so', () => {
    expect(lookUp(hostOf(withoutRules), { destination: FAR })).toMatchObject({ outcome: 'unicast', assumed: ['rules'] });
  });

  it('`ip route` without its table local: it is made of the addresses', () => {
    expect(lookUp(hostOf(onlyMain), { destination: '192.0.2.5' })).toMatchObject({ outcome: 'local', assumed: ['local-routes'] });
    expect(lookUp(hostOf(onlyMain), { destination: '192.0.2.255' })).toMatchObject({ outcome: 'broadcast', sources: ['192.0.2.1'] });
  });

  it('`ip route` and `ip rule` alone: nobody knows whose a source is, nor which interfaces there are', () => {
    const { links: _links, addresses: _addresses, ...pasted } = onlyMain;
    const host = hostOf(pasted);
    expect(way(host, { destination: FAR, source: '192.0.2.1' })).toBe('via 198.51.100.1 dev wan1 src 192.0.2.1');
    expect(way(host, { destination: FAR, out: 'wan1' })).toBe('via 198.51.100.1 dev wan1 src null');
    expect(way(host, { destination: FAR, source: '192.0.2.9', in: 'lan' })).toBe('via 198.51.100.1 dev wan1 src null');
    expect(lookUp(host, { destination: FAR }).sources).toEqual([null]);
  });

  it('a rule into a table that was not read', () => {
    const rules = [{ priority: 100, src: 'all', table: '102' }, ...(whole.rules ?? [])];
    expect(lookUp(hostOf({ ...onlyMain, rules }), { destination: FAR }).assumed).toContain('tables');
    expect(lookUp(hostOf({ ...whole, rules }), { destination: FAR }).assumed).toEqual([]);
  });

  it('no routes at all', () => {
    expect(lookUp(hostOf(withoutRoutes), { destination: FAR }).outcome).toBe('unknown');
    expect(lookUp(hostOf(withoutRoutes), { destination: '192.0.2.1' }).outcome).toBe('local');
    expect(lookUp(hostOf(whole), { destination: '2001:db8::1' }).outcome).toBe('unknown');
  });
});

describe('IPv6', () => {
  const document = twoUplinks().document;
  const host = hostOf({
    ...document,
    addresses: [
      { ifindex: 2, ifname: 'wan1', addr_info: [address('2001:db8:1::2/64'), address('fe80::2/64', { scope: 'link' })] },
      { ifindex: 3, ifname: 'wan2', addr_info: [address('2001:db8:2::2/64'), address('2001:db8:2::9/64', { deprecated: true })] },
      { ifindex: 4, ifname: 'lan', addr_info: [address('fd00::1/64')] },
    ],
    routes: [
      { dst: '2001:db8:2::/64', dev: 'wan2', metric: 256, pref: 'medium' },
      { dst: 'default', from: '2001:db8:2::/64', gateway: 'fe80::1', dev: 'wan2', metric: 1024, pref: 'medium' },
      { dst: 'fd00::/8', dev: 'lan', metric: 256, pref: 'medium' },
    ],
    rules6: [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32_766, src: 'all', table: 'main' },
    ],
  });

  it('a route for some sources only', () => {
    expect(way(host, { destination: '2a00::1', source: '2001:db8:2::2' })).toBe('via fe80::1 dev wan2 src 2001:db8:2::2');
    expect(way(host, { destination: '2a00::1', source: '2001:db8:1::2' })).toBe('no-route');
  });

  it('asks again with a source where there is no way without one', () => {
    expect(way(host, { destination: '2001:db8:2:1::1' })).toBe('via fe80::1 dev wan2 src 2001:db8:2::2');
    expect(way(host, { destination: '2001:db8:2:1::1', isFirstOnly: true })).toBe('no-route');
  });

  it('takes a source of the kind of the destination', () => {
    expect(way(host, { destination: 'fd99::1' })).toBe('dev lan src fd00::1');
    expect(way(host, { destination: '2001:db8:2::77' })).toBe('dev wan2 src 2001:db8:2::2');
  });
});
