import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/context/assemble.ts';
import type { HostDocument } from '../../src/context/document.ts';
import type { BgpTable } from '../../src/context/part.ts';
import { commandOf, commandOfFile } from '../../src/context/text/command.ts';
import { neighbourOf } from '../../src/context/text/ip-neighbours.ts';
import { routeOf } from '../../src/context/text/ip-routes.ts';
import { ruleOf } from '../../src/context/text/ip-rules.ts';
import { readOutputs } from '../../src/context/text/outputs.ts';
import { wireguardKeys } from '../tools/wireguard-keys.ts';

/* Pasted and saved outputs, as text. The same against `ip -j` in a namespace: text-namespace.test.ts. */

const saved = (name: string): string => readFileSync(join(import.meta.dirname, 'saved', name), 'utf8');

/** The host of which these texts are, by name of the file. */
function hostOf(files: Record<string, string>): HostDocument {
  const outputs = Object.entries(files).map(([name, text]) => readOutputs(text, name));
  const prompt = outputs.find(({ hostname }) => hostname !== undefined)?.hostname;
  return assemble(
    [...(prompt === undefined ? [] : [{ hostname: prompt }]), ...outputs.flatMap(({ parts }) => parts)],
    outputs.flatMap(({ unread }) => unread),
  );
}
const read = (text: string, name = 'ticket.txt'): HostDocument => hostOf({ [name]: text });

describe('ip route', () => {
  it.each([
    ['default via 192.0.2.1 dev eth0', { dst: 'default', gateway: '192.0.2.1', dev: 'eth0' }],
    ['default dev tun0 scope link ', { dst: 'default', dev: 'tun0', scope: 'link' }],
    ['unicast default via 192.0.2.1 dev eth0 table 7', { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', table: '7' }],
    ['10.0.0.0/8 via 192.0.2.1 dev eth0 table main', { dst: '10.0.0.0/8', gateway: '192.0.2.1', dev: 'eth0' }],
    [
      '192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2 metric 100 linkdown',
      { dst: '192.0.2.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: '192.0.2.2', metric: 100, flags: ['linkdown'] },
    ],
    ['blackhole 10.5.0.0/16', { type: 'blackhole', dst: '10.5.0.0/16' }],
    ['unreachable default metric 4278198272', { type: 'unreachable', dst: 'default', metric: 4_278_198_272 }],
    ['prohibit 10.7.0.0/16 table 100', { type: 'prohibit', dst: '10.7.0.0/16', table: '100' }],
    ['throw 10.8.0.0/16 table vpn', { type: 'throw', dst: '10.8.0.0/16', table: 'vpn' }],
    ['10.9.0.0/16 via inet6 fe80::1 dev v0', { dst: '10.9.0.0/16', via: { family: 'inet6', host: 'fe80::1' }, dev: 'v0' }],
    [
      '10.10.0.0/16 tos 0x10 via 192.0.2.1 dev v0 proto static mtu lock 1400 advmss 1360',
      { dst: '10.10.0.0/16', tos: '0x10', gateway: '192.0.2.1', dev: 'v0', protocol: 'static', metrics: [{ mtu: 1400, advmss: 1360 }] },
    ],
    [
      '10.13.0.0/16 nhid 5 via 192.0.2.1 dev v0 onlink',
      { dst: '10.13.0.0/16', nhid: 5, gateway: '192.0.2.1', dev: 'v0', flags: ['onlink'] },
    ],
    ['10.14.0.0/16  encap mpls  100 via 192.0.2.1 dev v0', { dst: '10.14.0.0/16', gateway: '192.0.2.1', dev: 'v0' }],
    [
      '198.51.100.2 dev tun0 proto kernel scope link src 198.51.100.1 dead linkdown',
      { dst: '198.51.100.2', dev: 'tun0', protocol: 'kernel', scope: 'link', prefsrc: '198.51.100.1', flags: ['dead', 'linkdown'] },
    ],
    [
      'local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1',
      { type: 'local', dst: '127.0.0.1', dev: 'lo', table: 'local', protocol: 'kernel', scope: 'host', prefsrc: '127.0.0.1' },
    ],
    [
      '2001:db8::/64 from 2001:db8:1::/64 via fe80::9 dev v0 metric 1024 expires 86sec pref medium',
      { dst: '2001:db8::/64', from: '2001:db8:1::/64', gateway: 'fe80::9', dev: 'v0', metric: 1024, pref: 'medium' },
    ],
    [
      'unreachable default dev lo table unspec proto kernel metric 4294967295 error -101',
      { type: 'unreachable', dst: 'default', dev: 'lo', table: 'unspec', protocol: 'kernel', metric: 4_294_967_295 },
    ],
  ])('%s', (line, route) => {
    expect(routeOf(line)).toEqual({ flags: [], ...route });
    expect(read(`$ ip route\n${line}`).routes).toEqual([{ flags: [], ...route }]);
  });

  it('with several next hops, however its line is broken', () => {
    const hops = [
      { gateway: '192.0.2.1', dev: 'wan1', weight: 1, flags: [] },
      { gateway: '192.0.2.9', dev: 'wan2', weight: 3, flags: ['onlink', 'linkdown'] },
      { dev: 'tun0', weight: 1, flags: [] },
    ];
    const more = [
      'nexthop via 192.0.2.1 dev wan1 weight 1',
      'nexthop via 192.0.2.9 dev wan2 weight 3 onlink linkdown',
      'nexthop dev tun0 weight 1',
    ];
    const expected = [{ dst: 'default', flags: [], protocol: 'static', metric: 5, nexthops: hops }];
    for (const glue of ['\n\t', '\n        ', '\n'])
      expect(read(`ip r\ndefault proto static metric 5${glue}${more.join(glue)}\n`).routes).toEqual(expected);
    // ip -o.
    expect(read(`ip -o r\ndefault proto static metric 5 \\\t${more.join(' \\\t')}\n`).routes).toEqual(expected);
  });

  it('of one table is of the table that the command or the name of the file says', () => {
    const line = 'default via 192.0.2.1 dev wan1';
    const route = { dst: 'default', flags: [], gateway: '192.0.2.1', dev: 'wan1' };
    for (const name of ['ip_route_show_table_101', 'ip-route-show-table-101.txt', '3_ip_r_l_t_101.log'])
      expect(read(line, name).routes).toEqual([{ ...route, table: '101' }]);
    for (const heading of [
      '# ip route show table 101',
      'root@gw:/etc# ip r l t 101',
      '===== ip route list table 101 =====',
      'ip ro ls table 101',
    ])
      expect(read(`${heading}\n${line}`).routes).toEqual([{ ...route, table: '101' }]);
    expect(read(`$ ip route show table main\n${line}\n$ ip route show table vpn\n${line}`).routes).toEqual([
      route,
      { ...route, table: 'vpn' },
    ]);
  });

  it('of IPv6 says so where the route itself does not', () => {
    expect(read('$ ip -6 route\ndefault dev tun0 metric 1024').routes).toEqual([
      { family: 'inet6', dst: 'default', flags: [], dev: 'tun0', metric: 1024 },
    ]);
    expect(read('$ ip route\ndefault dev tun0').routes).toEqual([{ dst: 'default', flags: [], dev: 'tun0' }]);
  });

  it('get answers a question, and is no route', () => {
    const route = { dst: 'default', flags: [], gateway: '192.0.2.1', dev: 'wan1' };
    for (const answer of [
      '8.8.8.8 via 192.0.2.1 dev wan1 src 192.0.2.2 uid 0 \n    cache \n',
      '8.8.8.8 via 192.0.2.1 dev wan1 src 192.0.2.2\n    cache mtu 1400\n',
    ])
      expect(read(`default via 192.0.2.1 dev wan1\n$ ip route get 8.8.8.8\n${answer}`).routes).toEqual([route]);
    expect(read('default via 192.0.2.1 dev wan1\n8.8.8.8 via 192.0.2.1 dev wan1 src 192.0.2.2 uid 0 \n    cache \n').routes).toEqual([
      route,
    ]);
  });

  it('get answers a question in JSON, too', () => {
    const answer = '[{"dst":"8.8.8.8","gateway":"192.0.2.1","dev":"wan1","prefsrc":"192.0.2.2","flags":[],"uid":0,"cache":[]}]';
    expect(read(`$ ip -j route get 8.8.8.8\n${answer}\n$ ip rule\n0:\tfrom all lookup local\n`).routes).toBe(undefined);
  });

  it('given twice counts once: all tables before one, ip before route, the later before the earlier, which is said', () => {
    const first = 'default via 192.0.2.1 dev wan1';
    const second = 'default via 192.0.2.9 dev wan1';
    const host = read(`$ ip route\n${first}\n$ ip route\n${second}`);
    expect(host.routes?.map(({ gateway }) => gateway)).toEqual(['192.0.2.9']);
    expect(host.unread).toEqual([
      { what: 'IPv4 routes of table main', why: 'given more than once, with different content: the last one counts' },
    ]);
    expect(read(`$ ip route show table all\n${first}\n${second} table 9\n$ ip route\n${first}`)).toMatchObject({
      routes: [{ gateway: '192.0.2.1' }, { table: '9' }],
    });
    const both = read(
      `$ ip route\n${first}\n$ route -n\nDestination Gateway Genmask Flags Metric Ref Use Iface\n0.0.0.0 192.0.2.5 0.0.0.0 UG 0 0 0 wan1\n`,
    );
    expect(both.routes?.map(({ gateway }) => gateway)).toEqual(['192.0.2.1']);
    expect(both.unread).toBe(undefined);
  });

  it('goes on behind a line that nobody knows', () => {
    const host = read(
      '$ ip route show table all\ndefault via 192.0.2.1 dev wan1\n[  12.3] wan1: link is up\n10.0.0.0/8 via 192.0.2.1 dev wan1 table 7',
    );
    expect(host.routes?.map(({ dst }) => dst)).toEqual(['default', '10.0.0.0/8']);
    expect(host.unread).toHaveLength(1);
  });

  it('shown in part is taken, and that is said', () => {
    const host = read('$ ip route show dev wan1\ndefault via 192.0.2.1 \n192.0.2.0/24 proto kernel scope link src 192.0.2.2');
    expect(host.routes?.map(({ dev }) => dev)).toEqual(['wan1', 'wan1']);
    expect(host.unread).toEqual([{ what: 'routes', why: '"ip route show dev wan1" shows only some of them' }]);
    expect(read('$ ip route | grep default\ndefault via 192.0.2.1 dev wan1').unread).toEqual([
      { what: 'routes', why: '"ip route" shows only some of them' },
    ]);
    expect(read('$ ip route | column -t\ndefault  via  192.0.2.1  dev  wan1').unread).toBe(undefined);
  });
});

describe('ip rule', () => {
  it.each([
    ['0:	from all lookup local', { priority: 0, src: 'all', table: 'local' }],
    [
      '101:	not from 192.0.2.0/24 to 10.0.0.0/8 lookup 100',
      { priority: 101, not: null, src: '192.0.2.0', srclen: 24, dst: '10.0.0.0', dstlen: 8, table: '100' },
    ],
    ['102:	from all iif v0 oif tun0 lookup vpn ', { priority: 102, src: 'all', iif: 'v0', oif: 'tun0', table: 'vpn' }],
    ['103:	from all iif v9 [detached] lookup 100', { priority: 103, src: 'all', iif: 'v9', table: '100' }],
    ['104:	from all fwmark 0x1/0xff lookup 100', { priority: 104, src: 'all', fwmark: '0x1', fwmask: '0xff', table: '100' }],
    [
      '106:	from all ipproto udp sport 1000-2000 dport 53 lookup 100',
      { priority: 106, src: 'all', ipproto: 'udp', sport_start: 1000, sport_end: 2000, dport: 53, table: '100' },
    ],
    ['107:	from all lookup main suppress_prefixlength 0', { priority: 107, src: 'all', table: 'main', suppress_prefixlen: 0 }],
    ['108:	from all goto 200', { priority: 108, src: 'all', goto: 200 }],
    ['109:	from all goto 999 [unresolved]', { priority: 109, src: 'all', goto: 999 }],
    ['200:	from 192.0.2.4 nop', { priority: 200, src: '192.0.2.4', nop: null }],
    ['201:	from 192.0.2.5 blackhole', { priority: 201, src: '192.0.2.5', action: 'blackhole' }],
    ['202:	from 192.0.2.5 prohibit', { priority: 202, src: '192.0.2.5', action: 'prohibit' }],
    ['203:	from 192.0.2.5 unreachable', { priority: 203, src: '192.0.2.5', action: 'unreachable' }],
    ['204:	from all tos 0x10 lookup 100', { priority: 204, src: 'all', tos: '0x10', table: '100' }],
    ['205:	from all uidrange 1000-2000 lookup 100', { priority: 205, src: 'all', uid_start: 1000, uid_end: 2000, table: '100' }],
    ['206:	from all lookup [l3mdev-table]', { priority: 206, src: 'all', l3mdev: null }],
    ['208:	from all tun_id 7 lookup 100', { priority: 208, src: 'all', tun_id: 7, table: '100' }],
    ['209:	from all lookup main suppress_ifgroup default', { priority: 209, src: 'all', table: 'main', suppress_ifgroup: 'default' }],
    ['210:	from all lookup 100 proto static', { priority: 210, src: 'all', table: '100' }],
    ['100:	from 2001:db8::/32 lookup 100', { priority: 100, src: '2001:db8::', srclen: 32, table: '100' }],
  ])('%s', (line, rule) => expect(ruleOf(line)).toEqual(rule));

  const standard = '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n';

  it('with a word that is not known is not taken for another rule', () => {
    const host = read(`$ ip rule\n${standard}90:\tfrom all dscp 10 lookup 7\n`);
    expect(host.rules).toHaveLength(3);
    expect(host.unread).toEqual([{ what: 'ticket.txt', why: '1 line was not understood, "90: from all dscp 10 lookup 7"' }]);
  });

  it('is of IPv6 where the command, an address or the second list without a word says so', () => {
    const six = '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n';
    expect(read(`$ ip -6 rule\n${six}`)).toMatchObject({ rules6: [{}, {}] });
    expect(read(`0:\tfrom all lookup local\n100:\tfrom 2001:db8::1 lookup 7\n32766:\tfrom all lookup main\n`)).toMatchObject({
      rules6: [{}, {}, {}],
    });
    expect(hostOf({ 'a.txt': standard, 'b.txt': six })).toMatchObject({ rules: [{}, {}, {}], rules6: [{}, {}] });
    expect(read(`$ ip rule\n${six}`)).toMatchObject({ rules: [{}, {}] });
  });

  it('without those that every Linux has is completed, and that is said', () => {
    const host = read('$ ip rule | grep 101\n100:\tfrom 192.0.2.1 lookup 101\n');
    expect(host.rules).toEqual([
      { priority: 0, src: 'all', table: 'local' },
      { priority: 100, src: '192.0.2.1', table: '101' },
      { priority: 32_766, src: 'all', table: 'main' },
      { priority: 32_767, src: 'all', table: 'default' },
    ]);
    expect(host.unread).toEqual([
      { what: 'rules', why: '"ip rule" shows only some of them' },
      { what: 'IPv4 rules', why: 'the standard ones are not all among them: they are assumed to be there' },
    ]);
  });

  it('of BusyBox is not taken where it may hide conditions', () => {
    const host = read(saved('busybox.txt'));
    expect(host.rules).toBe(undefined);
    expect(host.unread).toContainEqual({
      what: 'rules',
      why: 'BusyBox does not show "not", oif, ipproto, ports, goto and actions of rules, and here that matters: none of them was taken',
    });
    const harmless = read(`# busybox ip rule\n${standard}100:\tfrom 192.0.2.1 lookup 101 \n`);
    expect(harmless.rules).toHaveLength(4);
    expect(harmless.unread).toHaveLength(1);
  });
});

describe('ip neighbour', () => {
  it.each([
    [
      '192.0.2.1 dev v0 lladdr 02:00:00:00:00:01 REACHABLE',
      { dst: '192.0.2.1', dev: 'v0', lladdr: '02:00:00:00:00:01', state: ['REACHABLE'] },
    ],
    ['192.0.2.1 dev v0  FAILED', { dst: '192.0.2.1', dev: 'v0', state: ['FAILED'] }],
    [
      'fe80::1 dev v0 lladdr 02:00:00:00:00:01 router STALE',
      { dst: 'fe80::1', dev: 'v0', lladdr: '02:00:00:00:00:01', router: null, state: ['STALE'] },
    ],
    [
      '192.0.2.1 dev v0 lladdr 02:00:00:00:00:01 ref 1 used 0/0/0 probes 4 extern_learn REACHABLE',
      { dst: '192.0.2.1', dev: 'v0', lladdr: '02:00:00:00:00:01', state: ['REACHABLE'] },
    ],
    ['192.0.2.1 dev v0 proxy', { dst: '192.0.2.1', dev: 'v0', proxy: null }],
  ])('%s', (line, neighbour) => {
    expect(neighbourOf(line)).toEqual(neighbour);
    expect(read(line).neighbours).toEqual([neighbour]);
  });

  it('of one interface has that of the command', () => {
    expect(read('# ip neigh show dev eth0\n192.0.2.1 lladdr 02:00:00:00:00:01 REACHABLE').neighbours).toEqual([
      { dst: '192.0.2.1', lladdr: '02:00:00:00:00:01', dev: 'eth0', state: ['REACHABLE'] },
    ]);
  });
});

describe('interfaces', () => {
  it('of a name with @ and of one below are told apart by who is there', () => {
    const line = (index: number, name: string): string =>
      `${index}: ${name}: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default\n    link/ether 02:00:00:00:00:0${index} brd ff:ff:ff:ff:ff:ff\n`;
    const { links } = read([line(1, 'a'), line(2, 'a.10@a'), line(3, 'b@if7'), line(4, 'c@NONE'), line(5, 'x@y')].join(''));
    expect(links?.map(({ ifname, link }) => [ifname, link])).toEqual([
      ['a', undefined],
      ['a.10', 'a'],
      ['b', undefined],
      ['c', null],
      ['x', undefined],
    ]);
  });

  it.each(['net-tools.txt', 'net-tools-busybox.txt'])('of ifconfig, with routes and neighbours of their time (%s)', (name) => {
    const host = read(saved(name));
    expect(host.links?.map(({ ifname }) => ifname).sort()).toEqual(['br0', 'lo', 'mv0', 'tun0', 'v0', 'v0.10', 'v1', 'v9']);
    expect(host.links?.find(({ ifname }) => ifname === 'tun0')).toMatchObject({
      link_type: 'none',
      flags: ['UP', 'POINTOPOINT', 'NOARP', 'MULTICAST'],
      mtu: 1500,
    });
    const v0 = host.addresses?.find(({ ifname }) => ifname === 'v0');
    expect(v0).toMatchObject({
      link_type: 'ether',
      address: expect.stringMatching(/^([0-9a-f]{2}:){5}/),
      flags: ['UP', 'BROADCAST', 'LOWER_UP', 'MULTICAST'],
    });
    expect(v0?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)).toEqual(
      expect.arrayContaining(['192.0.2.1/24', '192.0.2.2/24', '2001:db8::1/64', expect.stringMatching(/^fe80::.*\/64$/)]),
    );
    expect(host.addresses?.find(({ ifname }) => ifname === 'tun0')?.addr_info).toEqual([
      { family: 'inet', local: '198.51.100.1', address: '198.51.100.2', prefixlen: 32, scope: 'global', label: 'tun0' },
    ]);
    expect(host.routes).toContainEqual({ dst: 'default', flags: [], dev: 'v0', gateway: '192.0.2.254' });
    expect(host.routes).toContainEqual({ dst: '192.0.2.0/24', flags: [], dev: 'v0', scope: 'link' });
    expect(host.routes).toContainEqual({ dst: '198.51.100.2', flags: [], dev: 'tun0', scope: 'link' });
    expect(host.routes).toContainEqual(expect.objectContaining({ dst: '10.6.0.0/16', type: 'unreachable' }));
    expect(host.neighbours).toContainEqual({ dst: '192.0.2.77', dev: 'v0', lladdr: '02:00:00:00:00:77', state: ['PERMANENT'] });
    expect(host.neighbours).toContainEqual({ dst: '192.0.2.66', dev: 'v0', state: ['INCOMPLETE'] });
    expect(host.unread?.[0]?.why).toBe(
      'route and netstat show the main table only, and neither source addresses nor further next hops of a route',
    );
  });

  it('of ip -br address', () => {
    const host = read(
      'lo UNKNOWN 127.0.0.1/8 ::1/128\neth0@if3 UP 192.0.2.1/24 metric 100 fe80::1/64\ntun0 DOWN 198.51.100.1 peer 198.51.100.2/32\n',
    );
    expect(host.addresses).toMatchObject([
      {
        ifname: 'lo',
        addr_info: [
          { local: '127.0.0.1', prefixlen: 8, scope: 'host' },
          { local: '::1', scope: 'host' },
        ],
      },
      {
        ifname: 'eth0',
        operstate: 'UP',
        flags: ['UP', 'LOWER_UP'],
        addr_info: [{ local: '192.0.2.1' }, { family: 'inet6', local: 'fe80::1', scope: 'link' }],
      },
      { ifname: 'tun0', addr_info: [{ local: '198.51.100.1', address: '198.51.100.2', prefixlen: 32 }] },
    ]);
  });
});

describe('routing daemons', () => {
  it.each(['ipv4', 'ipv6'])('show bgp of FRR is the same as text and as JSON (%s)', (family) => {
    const text = read(saved(`frr-${family}.txt`)).bgp as BgpTable;
    const json = read(saved(`frr-${family}.json`)).bgp as BgpTable;
    expect(text).toMatchObject({ routerId: json.routerId, localAS: json.localAS });
    const known = Object.entries(json.routes).map(([network, paths]) => [
      network,
      paths.map(({ valid, bestpath, pathFrom, metric, locPrf, weight, path, origin, nexthops }) => ({
        network,
        valid,
        bestpath,
        pathFrom,
        metric,
        locPrf,
        weight,
        path,
        origin,
        // Of two next hops of IPv6, the text shows that which is used.
        nexthops: nexthops.filter(({ used }) => used).map(({ ip, afi, used }) => ({ ip, afi, used })),
      })),
    ]);
    expect(text.routes).toEqual(Object.fromEntries(known));
  });

  it('show ip bgp with names, as old versions print it, and with wide columns', () => {
    const { bgp } = read(`
BGP table version is 2, local router ID is 10.2.30.41
Status codes: s suppressed, d damped, h history, * valid, > best, = multipath,
              i internal, r RIB-failure, S Stale, R Removed
Origin codes: i - IGP, e - EGP, ? - incomplete

   Network          Next Hop            Metric LocPrf Weight Path
*  203.0.113.0/24   10.2.30.61(aws_jpn1)
                                           520             0 64520 64530 i
*>                  10.2.30.71(gcp)        510             0 64520 ?
*=i10.0.0.0         10.2.30.61               0    100      0 e
*> 198.51.100.128/25
                    10.2.30.99                        32768 i

Displayed  3 routes and 4 total paths
`);
    expect(bgp).toMatchObject({
      routerId: '10.2.30.41',
      routes: {
        '203.0.113.0/24': [
          {
            valid: true,
            metric: 520,
            weight: 0,
            path: '64520 64530',
            origin: 'IGP',
            nexthops: [{ ip: '10.2.30.61', hostname: 'aws_jpn1' }],
          },
          {
            valid: true,
            bestpath: true,
            metric: 510,
            path: '64520',
            origin: 'incomplete',
            nexthops: [{ ip: '10.2.30.71', hostname: 'gcp' }],
          },
        ],
        '10.0.0.0/8': [{ multipath: true, pathFrom: 'internal', metric: 0, locPrf: 100, path: '', origin: 'EGP' }],
        '198.51.100.128/25': [{ bestpath: true, weight: 32_768, path: '', nexthops: [{ ip: '10.2.30.99' }] }],
      },
    });
  });

  it('show route all of BIRD has its BGP routes in the same form', () => {
    const { bgp } = read(saved('birdc-show-route-all.txt'));
    const { routes } = bgp as BgpTable;
    expect(Object.keys(routes).sort()).toEqual(['0.0.0.0/0', '10.2.30.0/24', '100.64.0.0/10', '198.51.100.0/24', '203.0.113.0/24']);
    expect(routes['10.2.30.0/24']).toEqual([
      {
        valid: true,
        bestpath: true,
        network: '10.2.30.0/24',
        protocol: 'gwp',
        path: '64512',
        origin: 'IGP',
        metric: 0,
        locPrf: 100,
        nexthops: [{ ip: '10.2.32.41', afi: 'ipv4', used: true }],
      },
    ]);
    const old = read(
      'BIRD 1.6.8 ready.\n203.0.113.0/24     via 192.0.2.1 on eth0 [peer1 2025-11-21 from 192.0.2.9] * (100) [AS64520i]\n\tType: BGP unicast univ\n\tBGP.as_path: 64520\n                   via 192.0.2.5 on eth0 [peer2 10:20:30] (100) [AS64521?]\n',
    );
    expect((old.bgp as BgpTable).routes['203.0.113.0/24']).toMatchObject([
      { bestpath: true, peerId: '192.0.2.9', path: '64520', nexthops: [{ ip: '192.0.2.1' }] },
      { protocol: 'peer2', nexthops: [{ ip: '192.0.2.5' }] },
    ]);
  });

  it('tinc dump subnets, of tinc 1.1 and of the log of 1.0', () => {
    const log = 'Nov 21 10:00:00 home tinc.vpn[77]: ';
    const lines = ['10.2.30.41/32 owner home', '0.0.0.0/0#5 owner gcp_hkc1', '2:0:0:0:0:a owner tyo'];
    const subnets = [
      { subnet: '10.2.30.41/32', weight: 10, owner: 'home' },
      { subnet: '0.0.0.0/0', weight: 5, owner: 'gcp_hkc1' },
      { subnet: '02:00:00:00:00:0a', weight: 10, owner: 'tyo' },
    ];
    expect(read(`# tinc -n vpn dump subnets\n${lines.join('\n')}`).tinc).toEqual([{ interface: 'vpn', name: null, mode: null, subnets }]);
    const logged = [`${log}Subnet list:`, ...lines.map((line) => `${log} ${line}`), `${log}End of subnet list.`].join('\n');
    expect(read(logged).tinc).toEqual([{ interface: null, name: null, mode: null, subnets }]);
  });
});

describe('sysctls', () => {
  it('are read from all that prints them, those that matter', () => {
    const host = read(`$ sysctl -a
kernel.hostname = gw
kernel.osrelease = 6.1.0-18-amd64
net.ipv4.conf.all.arp_ignore = 1
net.ipv4.conf.eth0/10.arp_filter = 1
net.ipv4.tcp_congestion_control = cubic
sysctl: permission denied on key 'net.ipv6.conf.all.stable_secret'
vm.swappiness = 60
$ grep . /proc/sys/net/ipv4/conf/*/arp_announce
/proc/sys/net/ipv4/conf/all/arp_announce:2
/proc/sys/net/ipv4/conf/eth0.10/arp_announce:0
$ cat /proc/sys/net/ipv4/ip_forward
1
# sysctl -n net.ipv4.conf.eth0.rp_filter
2
# sysctl net.ipv4.conf.lo.rp_filter
net.ipv4.conf.lo.rp_filter=0
net/ipv4/conf/eth0.10/rp_filter = 1
`);
    expect(host).toEqual({
      hostname: 'gw',
      kernel: '6.1.0-18-amd64',
      time: null,
      sysctls: {
        'net.ipv4.conf.all.arp_announce': '2',
        'net.ipv4.conf.all.arp_ignore': '1',
        'net.ipv4.conf.eth0.rp_filter': '2',
        'net.ipv4.conf.eth0/10.arp_announce': '0',
        'net.ipv4.conf.eth0/10.arp_filter': '1',
        'net.ipv4.conf.eth0/10.rp_filter': '1',
        'net.ipv4.conf.lo.rp_filter': '0',
        'net.ipv4.ip_forward': '1',
      },
    });
  });
});

describe('firewalls', () => {
  it('nft is kept, as text or JSON, without comments', () => {
    const { nftables } = read(saved('nft-list-ruleset.txt'));
    expect(nftables).toMatchObject({
      text: expect.arrayContaining(['\t\tiifname "eth0" udp dport 53 meta mark set 0x00000035', '\t\telements = { 192.0.2.1, 192.0.2.2 }']),
    });
    const json = read(saved('nft-list-ruleset.json')).nftables;
    expect(JSON.stringify(json)).toContain('"mangle":{"key":{"meta":{"key":"mark"}},"value":53}');
    for (const text of [JSON.stringify(nftables), JSON.stringify(json)]) expect(text).not.toMatch(/secret|key=abc/);
  });

  it('long sets of nft are shortened', () => {
    const elements = Array.from({ length: 3000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const text = `table ip f {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { ${elements.join(',\n\t\t\t     ')} }\n\t}\n\tchain c {\n\t\tmeta mark set 1\n\t}\n}\n`;
    const { nftables, unread } = read(text);
    expect((nftables as { text: string[] }).text.length).toBeLessThan(300);
    expect((nftables as { text: string[] }).text.slice(-4)).toEqual(['\tchain c {', '\t\tmeta mark set 1', '\t}', '}']);
    expect(unread).toBe(undefined);
  });

  it('iptables is kept as lines, without comments and the texts that it looks for', () => {
    const { iptables } = read(saved('iptables-save.txt'));
    expect(iptables).toContain('-A PREROUTING -i eth0 -p udp -m udp --dport 53 -j MARK --set-xmark 0x35/0xffffffff');
    expect(iptables).toContain('-A INPUT -m string --string … --algo bm -j ACCEPT');
    expect(iptables?.filter((line) => line === 'COMMIT')).toHaveLength(3);
    expect(iptables?.join('\n')).not.toMatch(/psk|single|swordfish/);
  });
});

describe('WireGuard', () => {
  const [own, ofPeer, ownPrivate, preshared] = wireguardKeys();
  const peer = {
    publicKey: ofPeer,
    endpoint: '203.0.113.10:12345',
    allowedIps: '10.9.0.2/32,10.77.0.0/16',
    latestHandshake: 1_763_712_840,
    persistentKeepalive: '25',
  };
  const device = { interface: 'wg0', publicKey: own, listenPort: 51_820, fwmark: '0xca6c', peers: [peer] };
  const dump = `wg0\t${ownPrivate}\t${own}\t51820\t0xca6c\nwg0\t${ofPeer}\t${preshared}\t203.0.113.10:12345\t10.9.0.2/32,10.77.0.0/16\t1763712840\t436\t348\t25\n`;
  const shown = (privateKey: string, presharedKey: string): string => `interface: wg0
  public key: ${own}
  private key: ${privateKey}
  listening port: 51820
  fwmark: 0xca6c

peer: ${ofPeer}
  preshared key: ${presharedKey}
  endpoint: 203.0.113.10:12345
  allowed ips: 10.9.0.2/32, 10.77.0.0/16
  latest handshake: 1 minute, 30 seconds ago
  transfer: 436 B received, 348 B sent
  persistent keepalive: every 25 seconds
`;

  it('is the same from the dump of all, of one interface, and with spaces for tabs', () => {
    expect(read(dump).wireguard).toEqual([device]);
    expect(read(`# wg show wg0 dump\n${dump.replaceAll('wg0\t', '')}`).wireguard).toEqual([device]);
    expect(read(`# wg show all dump\n${dump.replaceAll('\t', '   ')}`).wireguard).toEqual([device]);
  });

  it('is nearly the same from wg show; when the latest handshake was is known with the time', () => {
    expect(read(`$ date -u\nFri Nov 21 08:15:30 UTC 2025\n$ wg\n${shown('(hidden)', '(hidden)')}`).wireguard).toEqual([
      { ...device, peers: [{ ...peer, latestHandshake: 1_763_712_840 }] },
    ]);
    expect(read(shown('(hidden)', '(hidden)')).wireguard).toEqual([{ ...device, peers: [{ ...peer, latestHandshake: null }] }]);
    expect(read(shown('(hidden)', '(hidden)').replace(/ {2}latest.*\n/, '')).wireguard).toEqual([
      { ...device, peers: [{ ...peer, latestHandshake: 0 }] },
    ]);
    expect(read(`${dump}$ wg\n${shown('(hidden)', '(hidden)')}`).wireguard).toEqual([device]);
  });

  it('never gives away keys, however the output is cut, torn or garbled', () => {
    const config = `[Interface]\nListenPort = 51820\nPrivateKey = ${ownPrivate}\n\n[Peer]\nPublicKey = ${ofPeer}\nPresharedKey = ${preshared}\nAllowedIPs = 10.9.0.2/32\n`;
    const texts = [
      dump,
      dump.replaceAll('wg0\t', ''),
      dump.replaceAll('\t', ' '),
      shown(ownPrivate, preshared),
      config,
      config.replaceAll(' = ', '='),
    ];
    const secrets = [ownPrivate, preshared];
    for (const text of texts) {
      for (let cut = 0; cut <= text.length; cut += text === dump ? 1 : 4) {
        for (const piece of [text.slice(cut), text.slice(0, cut), `${text.slice(0, cut)}\n${text.slice(cut)}`]) {
          for (const header of ['', '# wg show all dump\n', '$ wg showconf wg0\n']) {
            const said = JSON.stringify(read(header + piece));
            // 16 characters in a row of a key would be too many, too.
            for (const key of secrets)
              for (let at = 0; at + 16 <= 44; at += 4) expect(said.includes(key.slice(at, at + 16)), piece).toBe(false);
          }
        }
      }
    }
  });
});

describe('commands', () => {
  it.each([
    ['root@gw:~# ip -6 route show table all', { shows: 'route', family: 6, table: 'all', hostname: 'gw' }],
    ['[root@gw-1 ~]# ip a', { shows: 'address', hostname: 'gw-1' }],
    ['gw# show ip bgp', { shows: 'bgp', hostname: 'gw' }],
    ['bird> show route all', { shows: 'bird' }],
    ['$ sudo ip netns exec vpn ip ru', { shows: 'rule' }],
    ['+ /sbin/ip -o addr show dev eth0', { shows: 'address', of: 'eth0', isFiltered: true }],
    ['=== ip route list table 7 ===', { shows: 'route', table: '7', isFiltered: false }],
    ['### ip neigh ###', { shows: 'neighbour' }],
    ["vtysh -c 'show bgp ipv4 unicast json'", { shows: 'bgp' }],
    ['$ ssh -p 22 root@gw ip -4 rule', { shows: 'rule', family: 4 }],
    ['$ ip -n vpn -j route', { shows: 'route', table: undefined }],
    ['# wg show wg0 dump', { shows: 'wireguard-dump', of: 'wg0' }],
    ['cat /etc/wireguard/wg0.conf', { shows: 'secret' }],
    ['$ ip route get 192.0.2.1', { shows: 'route-get' }],
    ['# ip route add default via 192.0.2.1', { shows: 'other' }],
  ])('%s', (line, command) => expect(commandOf(line)).toMatchObject(command));

  it.each([
    'default via 192.0.2.1 dev eth0',
    'v1@v0 UP 02:00:00:00:00:01 <BROADCAST>',
    '# Generated by iptables-save',
    '32766:	from all lookup main',
    'ip address is 192.0.2.1',
    'The route -n output is missing.',
  ])('is none: %s', (line) => expect(commandOf(line)).toBe(undefined));

  it.each([
    ['ip_-6_route_show_table_all', { shows: 'route', family: 6, table: 'all' }],
    ['ip-6-route.txt', { shows: 'route', family: 6 }],
    ['ip_-d_address', { shows: 'address' }],
    ['02-ip-rule.txt', { shows: 'rule' }],
    ['wg_show_all_dump', { shows: 'wireguard-dump' }],
    ['hostname', { shows: 'hostname' }],
    ['sysctl_-a', { shows: 'sysctl' }],
  ])('in the name of a file: %s', (name, command) => expect(commandOfFile(name)).toMatchObject(command));
});

describe('a ticket', () => {
  const text = saved('ticket.txt');

  it('is read with all that mail programs did to it', () => {
    const host = read(text);
    expect(host).toMatchObject({ hostname: 'gw-tokyo', kernel: '6.1.0-18-amd64', time: '2025-11-21T08:15:30.000Z' });
    expect(host.links?.map(({ ifname, operstate }) => `${ifname} ${operstate}`)).toEqual([
      'lo UNKNOWN',
      'wan1 UP',
      'wan2 DOWN',
      'wan1.20 UP',
    ]);
    expect(host.addresses?.[1]?.addr_info).toMatchObject([
      { local: '198.51.100.2', prefixlen: 28, dynamic: true, noprefixroute: true, label: 'wan1', valid_life_time: 3021 },
    ]);
    expect(host.routes?.map(({ dst, table, metric }) => [dst, table, metric])).toEqual([
      ['default', undefined, undefined],
      ['192.168.20.0/24', undefined, undefined],
      ['198.51.100.0/28', undefined, 100],
      ['198.51.100.16/28', undefined, undefined],
      ['default', '102', undefined],
    ]);
    expect(host.rules?.[2]).toEqual({ priority: 32_765, not: null, src: 'all', fwmark: '0xca6c', fwmask: '0xffff', table: '51820' });
    expect(host.neighbours).toHaveLength(2);
    expect(host.wireguard?.[0]?.peers[0]?.latestHandshake).toBe(1_763_712_840);
    expect(host.unread).toEqual([{ what: 'ticket.txt', why: '4 lines were not understood, the first one line 1: "Hi,"' }]);
  });

  const plain = text.replace(/^>[ ]?/gm, '');
  it.each([
    { name: 'quoted twice', change: (lines: string) => lines.replace(/^/gm, '> > ') },
    { name: 'with the line ends of Windows', change: (lines: string) => lines.replaceAll('\n', '\r\n') },
    {
      name: 'in colours',
      change: (lines: string) =>
        lines
          .replace(/\b(\d+\.\d+\.\d+\.\d+)/g, '\u001b[35m$1\u001b[0m')
          .replace(/^(root@\S+)/gm, '\u001b]0;x\u0007\u001b[01;32m$1\u001b[00m'),
    },
    { name: 'indented as a whole', change: (lines: string) => lines.replace(/^/gm, '    ') },
    { name: 'with spaces at the ends of lines', change: (lines: string) => lines.replaceAll('\n', '   \n') },
    { name: 'with spaces that do not break', change: (lines: string) => lines.replaceAll('  ', '\u00a0\u00a0') },
    { name: 'with a mark at its beginning', change: (lines: string) => `\uFEFF${lines}` },
    { name: 'between fences', change: (lines: string) => `\`\`\`console\n${lines}\n\`\`\`` },
    { name: 'with tabs as spaces', change: (lines: string) => lines.replaceAll('\t', '        ') },
  ])('says the same $name', ({ change }) => {
    const { unread: _, ...expected } = read(plain);
    const { unread: ofChanged, ...host } = read(change(plain));
    expect(host).toEqual(expected);
    expect(ofChanged).toHaveLength(1);
  });

  it('of which nothing is known is named, with its first line, without secrets', () => {
    expect(read('something\nelse', 'notes.txt').unread).toEqual([
      { what: 'notes.txt', why: 'not known what this is; it begins with "something"' },
    ]);
    expect(read('the password is: hunter2', 'notes.txt').unread).toEqual([
      { what: 'notes.txt', why: 'not known what this is; it begins with "the password …"' },
    ]);
    expect(read('{"a": 1}', 'a.json').unread).toEqual([{ what: 'a.json', why: 'not known what this is; it begins with "{"a": 1}"' }]);
    expect(read('{"schema": 1, "hosts": []}', 'context.json').unread).toEqual([
      { what: 'context.json', why: 'is a context already: hand it over by --context' },
    ]);
  });
});
