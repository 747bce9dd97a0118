import { describe, expect, it } from 'vitest';
import { applyCommands } from '../../src/context/apply.ts';
import type { Host } from '../../src/context/host.ts';
import { lookUp, type RouteQuery } from '../../src/context/lookup.ts';
import { type Uplinked, uplinkRemedy } from '../../src/diagnose/host-uplink.ts';
import type { Remedy } from '../../src/diagnose/kind.ts';
import { hostOfWords, type Told } from '../tools/hosts.ts';

const GENERAL: Remedy = { text: 'Choose the uplink by port (GATEWAY)', commands: ['ip route replace default via GATEWAY'] };

/** Two uplinks and a LAN; the default route goes by the first uplink, each uplink has a table of its own. */
const TWO: Told = {
  addresses: ['wan1 198.51.100.2/28', 'wan2 198.51.100.18/28', 'lan 10.0.0.1/24'],
  routes: [
    'default via 198.51.100.1 dev wan1',
    'default via 198.51.100.1 dev wan1 src 198.51.100.2 table 101',
    'default via 198.51.100.17 dev wan2 src 198.51.100.18 table 102',
  ],
  rules: ['32764: from 198.51.100.18 lookup 102', '32765: from 198.51.100.2 lookup 101'],
};
const WAN2: Uplinked = { address: '198.51.100.18', to: '203.0.113.10', by: { protocol: 17, port: 53 } };

/** What the host does after the commands. */
function leaves(host: Host, { commands }: Remedy, query: RouteQuery): string {
  const { nextHops, sources, outcome } = lookUp(applyCommands(host, commands), query);
  return [outcome, ...nextHops.map(({ device, gateway }, i) => `${device} ${gateway} ${sources[i]}`)].join(', ');
}

const made = (told: Told, traffic: Uplinked = WAN2, hosts: readonly Host[] = []): { host: Host; remedy: Remedy } => {
  const host = hostOfWords(told);
  return { host, remedy: uplinkRemedy(host, traffic, GENERAL, hosts) };
};

describe('a remedy by uplink', () => {
  it('takes the table that the uplink has already, and adds only what is missing', () => {
    const { host, remedy } = made(TWO);
    expect(remedy).toEqual({
      host: 'server',
      text: 'On server: send by wan2, with the source 198.51.100.18, what leaves from UDP port 53 and has no source yet',
      now: [
        'What leaves from UDP port 53 and has no source yet goes to 203.0.113.10 by wan1 via 198.51.100.1 with the source 198.51.100.2 (rule 32766, table main).',
        'Table 102 has `default via 198.51.100.17 dev wan2 src 198.51.100.18` already.',
      ],
      commands: [
        'ip rule add from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup main suppress_prefixlength 0 priority 99',
        'ip rule add from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup 102 priority 100',
      ],
      undo: [
        'ip rule del from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup 102 priority 100',
        'ip rule del from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup main suppress_prefixlength 0 priority 99',
      ],
      keep: ['after a reboot', 'post-up', 'NetworkManager'].map((part) => expect.stringContaining(part)),
      checked:
        'With these commands what leaves from UDP port 53 and has no source yet goes to 203.0.113.10 by wan2 via 198.51.100.17 with the source 198.51.100.18 (rule 100, table 102); 198.51.100.0/28, 198.51.100.16/28 and 10.0.0.0/24 are reached as before.',
    });
    const port = { protocol: 17, sourcePort: 53 };
    expect(leaves(host, remedy, { destination: '203.0.113.10', ...port })).toBe('unicast, wan2 198.51.100.17 198.51.100.18');
    // The LAN, what has a source, another port, another protocol.
    expect(leaves(host, remedy, { destination: '10.0.0.9', ...port })).toBe('unicast, lan null 10.0.0.1');
    expect(leaves(host, remedy, { destination: '203.0.113.10', source: '198.51.100.2', ...port })).toBe(
      'unicast, wan1 198.51.100.1 198.51.100.2',
    );
    expect(leaves(host, remedy, { destination: '203.0.113.10', protocol: 17, sourcePort: 54 })).toBe(
      'unicast, wan1 198.51.100.1 198.51.100.2',
    );
    expect(leaves(host, remedy, { destination: '203.0.113.10', protocol: 6, sourcePort: 53 })).toBe(
      'unicast, wan1 198.51.100.1 198.51.100.2',
    );
  });

  it('makes a table where there is none, with the gateway that a way of the default route names', () => {
    const { host, remedy } = made({
      ...TWO,
      rules: [],
      routes: [
        'default nexthop via 198.51.100.1 dev wan1 nexthop via 198.51.100.17 dev wan2',
        '192.0.2.0/24 via 10.0.0.2 dev lan table 102',
      ],
    });
    // Table 102, where others route already, is left alone.
    expect(remedy.commands).toEqual([
      'ip route replace default via 198.51.100.17 dev wan2 src 198.51.100.18 table 103',
      'ip rule add from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup main suppress_prefixlength 0 priority 99',
      'ip rule add from 0.0.0.0/32 ipproto udp sport 53 iif lo lookup 103 priority 100',
    ]);
    expect(remedy.undo?.at(-1)).toBe('ip route del default via 198.51.100.17 dev wan2 src 198.51.100.18 table 103');
    expect(leaves(host, remedy, { destination: '203.0.113.10', protocol: 17, sourcePort: 53 })).toBe(
      'unicast, wan2 198.51.100.17 198.51.100.18',
    );
  });

  it('gives each uplink a table of its own, and beside tables with names one with a number that names do not have', () => {
    const routes = ['default nexthop via 198.51.100.1 dev wan1 nexthop via 198.51.100.17 dev wan2'];
    const of = (address: string, told: Told): string | undefined =>
      made(told, { ...WAN2, address })
        .remedy.commands[0]?.split(' ')
        .at(-1);
    const plain = { ...TWO, rules: [], routes };
    expect([of('198.51.100.2', plain), of('198.51.100.18', plain)]).toEqual(['101', '102']);
    expect(of('198.51.100.18', { ...plain, routes: [...routes, '192.0.2.0/24 via 10.0.0.2 dev lan table vpn'] })).toBe('10002');
  });

  it('does not take a table that gives another address of the card as source', () => {
    const { remedy } = made({
      ...TWO,
      addresses: ['wan1 198.51.100.2/28', 'wan2 198.51.100.20/28', 'wan2 198.51.100.18/28'],
      routes: ['default via 198.51.100.1 dev wan1', 'default via 198.51.100.17 dev wan2 table 102'],
    });
    expect(remedy.commands[0]).toBe('ip route replace default via 198.51.100.17 dev wan2 src 198.51.100.18 table 104');
  });

  it.each([
    { name: 'nothing', told: {}, gateway: undefined },
    {
      name: 'a router of the context in that network',
      told: {},
      hosts: [hostOfWords({ name: 'inet', addresses: ['up2 198.51.100.17/28', 'client 203.0.113.1/24'], sysctls: FORWARDING() })],
      gateway: '198.51.100.17',
      why: 'inet, which forwards, has 198.51.100.17 there.',
    },
    {
      name: 'a host of the context that does not forward',
      told: {},
      hosts: [hostOfWords({ name: 'printer', addresses: ['eth0 198.51.100.17/28', 'client 203.0.113.1/24'] })],
      gateway: undefined,
    },
    {
      name: 'the only neighbour',
      told: { neighbours: [{ dst: '198.51.100.17', dev: 'wan2', lladdr: '02:00:00:00:01:02', state: ['STALE'] }] },
      gateway: '198.51.100.17',
      why: 'the only neighbour that it has there',
    },
    {
      name: 'one of two neighbours',
      told: {
        neighbours: [
          { dst: '198.51.100.17', dev: 'wan2', lladdr: '02:00:00:00:01:02', state: ['STALE'] },
          { dst: '198.51.100.19', dev: 'wan2', lladdr: '02:00:00:00:01:03', state: ['STALE'] },
        ],
      },
      gateway: undefined,
    },
    {
      name: 'who asks',
      told: {},
      told2: { ip: '198.51.100.17', why: 'It is the asker.' },
      gateway: '198.51.100.17',
      why: 'It is the asker.',
    },
  ])('where no route names the gateway, $name does', ({ told, hosts, gateway, why, told2 }) => {
    const { remedy } = made(
      { ...TWO, rules: [], routes: ['default via 198.51.100.1 dev wan1'], more: told },
      told2 ? { ...WAN2, gateway: told2 } : WAN2,
      hosts,
    );
    if (gateway === undefined) {
      expect(remedy).toEqual({
        ...GENERAL,
        text: `${GENERAL.text}. The context of server gives no commands for it: no route of it names the gateway of wan2 (GATEWAY)`,
      });
    } else {
      expect(remedy.commands[0]).toBe(`ip route replace default via ${gateway} dev wan2 src 198.51.100.18 table 102`);
      expect(remedy.now?.join(' ')).toContain(why);
    }
  });

  it('goes out by a line without a gateway', () => {
    const { remedy } = made({
      ...TWO,
      addresses: ['wan1 198.51.100.2/28', 'ppp0 198.51.100.18/32'],
      rules: [],
      routes: ['default via 198.51.100.1 dev wan1', 'default dev ppp0 metric 10'],
    });
    expect(remedy.commands[0]).toBe('ip route replace default dev ppp0 src 198.51.100.18 table 102');
  });

  it.each([
    {
      name: 'a route that is nearer than the default',
      told: { routes: [...(TWO.routes ?? []), '203.0.113.0/24 via 198.51.100.1 dev wan1'] },
      reason: /203\.0\.113\.0\/24 via 198\.51\.100\.1 dev wan1.* is nearer/,
    },
    { name: 'a kernel that is too old', told: { kernel: '3.10.0-1160.el7.x86_64' }, reason: /3\.10\.0.* knows no rules by port/ },
    { name: 'an address of lo', told: { addresses: ['wan1 198.51.100.2/28', 'lo 198.51.100.18/32'] }, reason: /no interface of it but lo/ },
    {
      name: 'no room before the rules',
      told: { rules: ['1: from 198.51.100.18 lookup 102', '2: from all lookup main'] },
      reason: /GATEWAY/,
    },
    { name: 'rules that were not read', told: { more: { rules: [] } }, reason: /its rules were not read/ },
    { name: 'routes that were not read', told: { more: { routes: undefined } as never }, reason: /its routes were not read/ },
    {
      name: 'what is so already',
      told: { routes: ['default via 198.51.100.17 dev wan2'], rules: [] },
      reason: /already leaves by wan2 with 198\.51\.100\.18/,
    },
  ])('gives no commands for $name, and says why', ({ told, reason }) => {
    const { remedy } = made({ ...TWO, ...told });
    expect(remedy.host).toBe(undefined);
    expect(remedy.commands).toEqual(GENERAL.commands);
    expect(remedy.text).toMatch(reason);
  });

  it('leaves rules that come first where they are, and goes behind them if it must', () => {
    // What goes to a VPN does so by a rule of its own.
    const { host, remedy } = made({
      ...TWO,
      routes: [...(TWO.routes ?? []), 'default via 10.0.0.2 dev lan table 200'],
      rules: [...(TWO.rules ?? []), '1000: from all to 10.9.0.0/16 lookup 200'],
    });
    expect(remedy.commands.every((command) => Number(command.split(' ').at(-1)) > 1000)).toBe(true);
    expect(leaves(host, remedy, { destination: '10.9.1.1', protocol: 17, sourcePort: 53 })).toBe('unicast, lan 10.0.0.2 10.0.0.1');
    expect(leaves(host, remedy, { destination: '203.0.113.10', protocol: 17, sourcePort: 53 })).toBe(
      'unicast, wan2 198.51.100.17 198.51.100.18',
    );
  });

  it('adds rules by source where rp_filter is strict and would drop what comes in', () => {
    const strict = { 'net.ipv4.conf.all.rp_filter': '1', 'net.ipv4.conf.wan2.rp_filter': '0' };
    const { host, remedy } = made({ ...TWO, rules: [], sysctls: strict });
    expect(remedy.commands.slice(-2)).toEqual([
      'ip rule add from 198.51.100.18 lookup main suppress_prefixlength 0 priority 101',
      'ip rule add from 198.51.100.18 lookup 102 priority 102',
    ]);
    expect(remedy.text).toContain('rp_filter is 1');
    expect(remedy.now?.at(-1)).toBe('rp_filter is 1 for all, 0 at wan2; together that is 1.');
    expect(leaves(host, remedy, { destination: '203.0.113.10', source: '198.51.100.18' })).toBe(
      'unicast, wan2 198.51.100.17 198.51.100.18',
    );
    // With rules by source, as before, it is accepted.
    expect(made({ ...TWO, sysctls: strict }).remedy.commands).toHaveLength(2);
  });

  it('lets answers of connections leave by their own uplink, and the LAN where it is', () => {
    const { host, remedy } = made({ ...TWO, rules: [] }, { ...WAN2, by: 'source' });
    expect(remedy.commands).toEqual([
      'ip rule add from 198.51.100.18 lookup main suppress_prefixlength 0 priority 99',
      'ip rule add from 198.51.100.18 lookup 102 priority 100',
    ]);
    expect(leaves(host, remedy, { destination: '203.0.113.10', source: '198.51.100.18' })).toBe(
      'unicast, wan2 198.51.100.17 198.51.100.18',
    );
    expect(leaves(host, remedy, { destination: '10.0.0.9', source: '198.51.100.18' })).toBe('unicast, lan null 198.51.100.18');
  });

  it('chooses by a mark that nothing else uses, or by the one that WireGuard has', () => {
    const wireguard = [{ interface: 'wg0', publicKey: 'A=', listenPort: 51820, fwmark: 'off', peers: [] }];
    const by = { wireguard: 'wg0' };
    const rules = [...(TWO.rules ?? []), '50: from all fwmark 0x51 lookup 101'];
    const { host, remedy } = made({ ...TWO, rules, more: { wireguard } }, { ...WAN2, by });
    expect(remedy.commands[0]).toBe('wg set wg0 fwmark 0x52');
    expect(remedy.undo?.at(-1)).toBe('wg set wg0 fwmark off');
    expect(leaves(host, remedy, { destination: '203.0.113.10', protocol: 17, mark: 0x52 })).toBe(
      'unicast, wan2 198.51.100.17 198.51.100.18',
    );
    const marked = made({ ...TWO, more: { wireguard: wireguard.map((each) => ({ ...each, fwmark: '0xca6c' })) } }, { ...WAN2, by }).remedy;
    expect(marked.commands[0]).toContain('fwmark 0xca6c lookup main');
    expect(made(TWO, { ...WAN2, by }).remedy.text).toContain('it has no WireGuard interface wg0');
  });

  it('keeps the way of other addresses in IPv6, where no rule can ask for what has no source', () => {
    const { host, remedy } = made(
      {
        addresses: ['wan1 2001:db8:1::2/64', 'wan2 2001:db8:2::2/64'],
        routes: [
          'default via 2001:db8:1::1 dev wan1',
          'default via 2001:db8:1::1 dev wan1 src 2001:db8:1::2 table 101',
          'default via 2001:db8:2::1 dev wan2 src 2001:db8:2::2 table 102',
        ],
        rules6: ['32764: from 2001:db8:2::2 lookup 102', '32765: from 2001:db8:1::2 lookup 101'],
      },
      { address: '2001:db8:2::2', to: '2001:db8:9::9', by: { protocol: 17, port: 53 } },
    );
    expect(remedy.commands).toEqual([
      'ip -6 rule add from 2001:db8:1::2 lookup 101 priority 99',
      'ip -6 rule add ipproto udp sport 53 iif lo lookup main suppress_prefixlength 0 priority 100',
      'ip -6 rule add ipproto udp sport 53 iif lo lookup 102 priority 101',
    ]);
    const port = { destination: '2001:db8:9::9', protocol: 17, sourcePort: 53 };
    expect(leaves(host, remedy, port)).toBe('unicast, wan2 2001:db8:2::1 2001:db8:2::2');
    expect(leaves(host, remedy, { ...port, source: '2001:db8:1::2' })).toBe('unicast, wan1 2001:db8:1::1 2001:db8:1::2');
  });

  it('gives no commands where what has another address would be sent though it may not', () => {
    const told: Told = {
      addresses: ['wan1 2001:db8:1::2/64', 'wan2 2001:db8:2::2/64'],
      routes: ['default via 2001:db8:1::1 dev wan1', 'default via 2001:db8:2::1 dev wan2 src 2001:db8:2::2 table 102'],
    };
    const traffic: Uplinked = { address: '2001:db8:2::2', to: '2001:db8:9::9', by: { protocol: 17, port: 53 } };
    expect(made(told, traffic).remedy.host).toBe('server');
    const rules6 = [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32765, src: '2001:db8:1::2', action: 'prohibit' },
      { priority: 32766, src: 'all', table: 'main' },
    ];
    expect(made({ ...told, more: { rules6 } }, traffic).remedy.text).toContain('another uplink would change its way');
  });

  it('is made of a full routing table as of a small one', () => {
    const many = Array.from({ length: 5000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24 via 198.51.100.1 dev wan1`);
    const small = made(TWO).remedy;
    const { checked, ...full } = made({ ...TWO, routes: [...(TWO.routes ?? []), ...many] }).remedy;
    expect({ ...full, checked: '' }).toEqual({ ...small, checked: '' });
    expect(checked).toContain('(rule 100, table 102)');
    // The last of all routes is the nearest one.
    const nearer = made({ ...TWO, routes: [...(TWO.routes ?? []), ...many, '203.0.113.0/24 via 198.51.100.1 dev wan1'] }).remedy;
    expect(nearer.text).toContain('is nearer to 203.0.113.10 than a default route');
  });

  it('is made once for each state of a host', () => {
    const host = hostOfWords(TWO);
    expect(uplinkRemedy(host, WAN2, GENERAL)).toBe(uplinkRemedy(host, { ...WAN2 }, GENERAL));
    expect(uplinkRemedy(hostOfWords({ ...TWO, rules: [] }), WAN2, GENERAL)).not.toBe(uplinkRemedy(host, WAN2, GENERAL));
  });
});

function FORWARDING(): Record<string, string> {
  return {
    'net.ipv4.ip_forward': '1',
    'net.ipv4.conf.all.forwarding': '1',
    'net.ipv4.conf.up2.forwarding': '1',
    'net.ipv4.conf.client.forwarding': '1',
  };
}
