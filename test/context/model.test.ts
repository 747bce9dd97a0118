import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContextDocument, HostDocument, RouteDocument, RuleDocument } from '../../src/context/document.ts';
import { lookUp } from '../../src/context/lookup.ts';
import { hostOf } from '../../src/context/model.ts';
import { parseMac } from '../../src/net/mac.ts';
import { root } from '../tools/captures.ts';
import { address, twoUplinks } from './small-hosts.ts';

const bare = (more: Partial<HostDocument>): HostDocument => ({ hostname: null, kernel: null, time: null, ...more });
const routeOf = (document: RouteDocument) => hostOf(bare({ routes: [document] })).routes?.[0];
const ruleOf = (document: RuleDocument, family: 'rules' | 'rules6' = 'rules') => hostOf(bare({ [family]: [document] })).rules?.[0];

describe('routes', () => {
  it.each<[string, RouteDocument, object]>([
    [
      'a default route',
      { dst: 'default', gateway: '192.0.2.1', dev: 'eth0' },
      { family: 4, prefix: { ip: '0.0.0.0', length: 0 }, table: 254, metric: 0 },
    ],
    ['an address alone', { dst: '192.0.2.9', dev: 'eth0', scope: 'link' }, { prefix: { ip: '192.0.2.9', length: 32 }, scope: 'link' }],
    ['a shortened prefix', { dst: '10/8', dev: 'eth0' }, { prefix: { ip: '10.0.0.0', length: 8 } }],
    ['the default route of IPv6, told by its gateway', { dst: 'default', gateway: 'fe80::1', dev: 'eth0' }, { family: 6, metric: 1024 }],
    ['… by its preference', { dst: 'default', dev: 'tun0', pref: 'medium', metric: 512 }, { family: 6, metric: 512 }],
    ['… by its second way', { dst: 'default', nexthops: [{ dev: 'tun0' }, { gateway: '2001:db8::1', dev: 'eth0' }] }, { family: 6 }],
    [
      'a gateway of the other family',
      { dst: 'default', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth0' },
      { family: 4, nextHops: [{ gateway: 'fe80::1' }] },
    ],
    ['a table by its name', { dst: '10.0.0.0/8', dev: 'eth0', table: 'local' }, { table: 255 }],
    ['a type without ways', { type: 'blackhole', dst: '2001:db8::/32', dev: 'lo', metric: 1024 }, { type: 'blackhole', nextHops: [] }],
    ['a TOS', { dst: '10.0.0.0/8', dev: 'eth0', tos: '0x10' }, { tos: 16 }],
    ['a TOS by its name', { dst: '10.0.0.0/8', dev: 'eth0', tos: 'throughput' }, { tos: 8 }],
    [
      'flags of a way',
      { dst: '10.0.0.0/8', gateway: '192.0.2.1', dev: 'eth0', flags: ['dead', 'onlink', 'linkdown'] },
      { nextHops: [{ isDead: true, isLinkDown: true, isOnLink: true }] },
    ],
  ])('%s', (_, document, expected) => expect(routeOf(document)).toMatchObject(expected));

  it('are printed as ip prints them', () => {
    const several = {
      dst: 'default',
      metric: 5,
      nexthops: [
        { gateway: '192.0.2.1', dev: 'a', weight: 3 },
        { dev: 'b', flags: ['linkdown'] },
      ],
    };
    expect(routeOf(several)?.text).toBe('default metric 5 nexthop via 192.0.2.1 dev a weight 3 nexthop dev b weight 1 linkdown');
    const local: RouteDocument = {
      type: 'local',
      dst: '192.0.2.1',
      dev: 'a',
      table: 'local',
      protocol: 'kernel',
      scope: 'host',
      prefsrc: '192.0.2.1',
    };
    expect(routeOf(local)?.text).toBe('local 192.0.2.1 dev a proto kernel scope host src 192.0.2.1');
  });

  it('that say nothing are left out', () => {
    const routes = [{ dst: 'somewhere' }, { dst: '10.0.0.0/40' }, { type: 'strange', dst: '10.0.0.0/8' }, { dst: '10.0.0.0/8', dev: 'a' }];
    expect(hostOf(bare({ routes })).routes).toHaveLength(1);
  });
});

describe('rules', () => {
  it.each<[string, RuleDocument, object, string]>([
    [
      'an address',
      { priority: 5, src: '192.0.2.1', table: '101' },
      { from: { ip: '192.0.2.1', length: 32 }, table: 101 },
      '5: from 192.0.2.1 lookup 101',
    ],
    [
      'a prefix',
      { priority: 5, src: 'all', dst: '192.0.2.0', dstlen: 24, table: 'main' },
      { from: null, to: { ip: '192.0.2.0', length: 24 } },
      '5: from all to 192.0.2.0/24 lookup main',
    ],
    [
      'a mark',
      { priority: 5, src: 'all', fwmark: '0x51', table: '1' },
      { mark: { value: 0x51, mask: 0xffff_ffff } },
      '5: from all fwmark 0x51 lookup 1',
    ],
    [
      'a mark with a mask',
      { priority: 5, src: 'all', fwmark: '0x1', fwmask: '0xff', table: '1' },
      { mark: { value: 1, mask: 0xff } },
      '5: from all fwmark 0x1/0xff lookup 1',
    ],
    [
      'a mark with a mask in one word',
      { priority: 5, src: 'all', fwmark: '0x1/0xff', table: '1' },
      { mark: { value: 1, mask: 0xff } },
      '5: from all fwmark 0x1/0xff lookup 1',
    ],
    ['a protocol by number', { priority: 5, src: 'all', ipproto: 17, table: '1' }, { protocol: 17 }, '5: from all ipproto udp lookup 1'],
    [
      'ports',
      { priority: 5, src: 'all', ipproto: 'tcp', sport_start: 1, sport_end: 9, dport: 53, table: '1' },
      { sourcePorts: { first: 1, last: 9 }, destinationPorts: { first: 53, last: 53 } },
      '5: from all ipproto tcp sport 1-9 dport 53 lookup 1',
    ],
    ['goto', { priority: 5, src: 'all', goto: 32_000 }, { action: 'goto', target: 32_000 }, '5: from all goto 32000'],
    ['nop', { priority: 5, src: 'all', nop: null }, { action: 'nop' }, '5: from all nop'],
    [
      'an action',
      { priority: 5, src: 'all', iif: 'eth9', action: 'unreachable' },
      { action: 'unreachable', in: 'eth9' },
      '5: from all iif eth9 unreachable',
    ],
    ['l3mdev', { priority: 5, src: 'all', l3mdev: null }, { isL3mdev: true }, '5: from all lookup [l3mdev-table]'],
    [
      'not',
      { priority: 5, not: null, src: 'all', table: 'main', suppress_prefixlen: 0 },
      { isInverted: true, suppressPrefixLength: 0 },
      '5: not from all lookup main suppress_prefixlength 0',
    ],
  ])('%s', (_, document, expected, text) => {
    expect(ruleOf(document)).toMatchObject(expected);
    expect(ruleOf(document)?.text).toBe(text);
  });

  it('stand in the order of their priority', () => {
    const rules = [7, 3, 5].map((priority) => ({ priority, src: 'all', table: 'main' }));
    expect(hostOf(bare({ rules })).rules?.map(({ priority }) => priority)).toEqual([3, 5, 7]);
  });
});

describe('tables', () => {
  it('have numbers; a name that only the host knows has one of its own', () => {
    const host = hostOf(bare({ routes: [{ dst: '10.0.0.0/8', dev: 'a', table: 'uplink2' }] }));
    expect([host.table('main'), host.table('254'), host.table(101)]).toEqual([254, 254, 101]);
    expect(host.table('uplink2')).toBeGreaterThanOrEqual(2 ** 32);
    expect(host.table('uplink2')).toBe(hostOf(bare({})).table('uplink2'));
    expect([host.tableName(host.table('uplink2')), host.tableName(254), host.tableName(101)]).toEqual(['uplink2', 'main', '101']);
  });

  it('are found by rules that name them', () => {
    const host = twoUplinks({
      rules: [{ priority: 100, src: 'all', table: 'uplink2' }],
      routes: [{ dst: 'default', gateway: '203.0.113.1', dev: 'wan2', table: 'uplink2' }],
    });
    expect(lookUp(host, { destination: '8.8.8.8' }).nextHops[0]?.device).toBe('wan2');
  });
});

describe('interfaces', () => {
  const vlan = {
    ifindex: 9,
    ifname: 'lan.5',
    link: 'lan',
    flags: ['UP', 'LOWER_UP'],
    address: '02:00:00:00:00:04',
    linkinfo: { info_kind: 'vlan' },
  };
  const host = twoUplinks({ more: { links: [...(twoUplinks().document.links ?? []), vlan] } });

  it('have the addresses of the other list', () => {
    expect(host.link('lan')?.addresses.map(({ ip, isSecondary }) => [ip, isSecondary])).toEqual([
      ['192.0.2.1', false],
      ['192.0.2.5', true],
    ]);
    expect(host.linksWith('192.0.2.5').map(({ name }) => name)).toEqual(['lan']);
    expect(host.linksWith('192.0.2.9')).toEqual([]);
  });

  it('of one MAC: the one that others are made of', () => {
    expect(host.linkOfMac(parseMac('02:00:00:00:00:04') ?? 0)?.name).toBe('lan');
    expect(host.linkOfMac(-1)).toBeUndefined();
  });

  it('of addresses alone count, too, in whichever entries they come', () => {
    const addresses = [
      { ifname: 'eth0', flags: ['UP'], addr_info: [address('192.0.2.1/24')] },
      { ifname: 'eth0', flags: ['UP'], addr_info: [address('192.0.2.1/24'), address('2001:db8::1/64')] },
    ];
    const [link] = hostOf(bare({ addresses })).links;
    expect(link).toMatchObject({ name: 'eth0', index: -1, isUp: true, addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }] });
  });
});

/** include/linux/inetdevice.h. */
describe('sysctls of all interfaces and of one', () => {
  const host = hostOf(
    bare({
      sysctls: Object.fromEntries(
        ['arp_ignore', 'rp_filter', 'arp_filter', 'forwarding', 'accept_local'].flatMap((name) => [
          [`net.ipv4.conf.all.${name}`, '1'],
          [`net.ipv4.conf.eth0.${name}`, '0'],
          [`net.ipv4.conf.eth0/5.${name}`, '2'],
        ]),
      ),
    }),
  );

  it.each([
    ['the greater', 'arp_ignore', 'eth0', 1],
    ['the greater', 'rp_filter', 'eth0.5', 2],
    ['either', 'arp_filter', 'eth0', 1],
    ['either, though one was not read', 'arp_filter', 'eth9', 1],
    ['its own', 'forwarding', 'eth0', 0],
    ['unknown', 'arp_ignore', 'eth9', undefined],
    ['unknown', 'proxy_arp', 'eth0', undefined],
  ] as const)('%s: %s of %s', (_, name, link, value) => expect(host.effective(name, link)).toBe(value));
});

describe('the hosts of the labs', () => {
  const labs = readdirSync(join(root, 'captures'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const documents = labs.flatMap(({ name }) => {
    const path = join(root, 'captures', name, 'context.json');
    try {
      return [{ name, document: JSON.parse(readFileSync(path, 'utf8')) as ContextDocument }];
    } catch {
      return [];
    }
  });

  it.each(documents)('$name', ({ document }) => {
    for (const each of document.hosts) {
      const host = hostOf(each);
      expect(host.routes?.length).toBe(each.routes?.length);
      expect(host.rules?.length).toBe((each.rules?.length ?? 0) + (each.rules6?.length ?? 0));
      for (const { addresses } of host.links)
        for (const { ip } of addresses) expect(lookUp(host, { destination: ip })).toMatchObject({ outcome: 'local', assumed: [] });
    }
  });
});

it('nothing in a document makes it throw', () => {
  const odd = { ifname: 'x', addr_info: [address('nonsense/24'), address('192.0.2.1/24', { address: 'nonsense' })] };
  const host = hostOf(
    bare({
      links: [{ ifname: 'x', address: 'zz' }],
      addresses: [odd],
      routes: [{ dst: 'default', gateway: 'nonsense', dev: 'y' }],
      rules: [{ priority: 1, src: 'nonsense', fwmark: 'z', ipproto: 'nonsense', table: 'z' }],
      neighbours: [{ dst: 'nonsense', dev: 'x' }],
    }),
  );
  // What is not understood matches nothing, and the decision says so.
  expect(lookUp(host, { destination: '192.0.2.9' })).toMatchObject({ outcome: 'no-route', assumed: ['local-routes', 'unclear-rule'] });
  expect(host.neighbours).toEqual([]);
});
