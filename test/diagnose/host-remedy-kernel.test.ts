import { afterEach, describe, expect, it } from 'vitest';
import type { HostDocument } from '../../src/context/document.ts';
import type { Host } from '../../src/context/host.ts';
import { hostOf } from '../../src/context/model.ts';
import { cardsRemedy } from '../../src/diagnose/host-cards.ts';
import { sysctlRemedy } from '../../src/diagnose/host-sysctls.ts';
import { uplinkRemedy } from '../../src/diagnose/host-uplink.ts';
import type { Remedy } from '../../src/diagnose/kind.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';

/*
 * What remedies say, done to the kernel: the commands run as they are printed, the kernel then does what was said, and the commands that undo it
 * leave everything as it was.
 */
const why = hindranceForNamespaces(['sysctl', 'bash', '/etc/protocols']);

const GENERAL: Remedy = { text: 'general', commands: [] };
const CONF = '^net\\.ipv4\\.conf\\..*\\.(arp_ignore|arp_announce|arp_filter|rp_filter|proxy_arp)$';

/** What the namespace says of itself, as a context has it. */
function told(namespace: Namespace): HostDocument {
  const read = (...args: string[]): never => JSON.parse(namespace.ip('-j', ...args) || '[]') as never;
  const lines = namespace.run('sysctl', '-a', '-r', CONF).trim().split('\n');
  return {
    hostname: 'server',
    kernel: null,
    time: null,
    links: read('-d', 'link'),
    addresses: read('address'),
    routes: [...(read('route', 'show', 'table', 'all') as []), ...(read('-6', 'route', 'show', 'table', 'all') as [])],
    rules: read('rule'),
    rules6: read('-6', 'rule'),
    sysctls: Object.fromEntries(lines.map((line) => line.split(' = '))) as Record<string, string>,
  };
}

const state = (namespace: Namespace): unknown => {
  const { rules, rules6, routes, sysctls } = told(namespace);
  return { rules, rules6, routes, sysctls };
};

/** `wan1 198.51.100.1 198.51.100.2`: device, gateway and source. */
function routeGet(namespace: Namespace, text: string): string {
  const family = text.includes(':') ? ['-6'] : [];
  const [{ dev, gateway, prefsrc }] = JSON.parse(namespace.ip(...family, '-j', 'route', 'get', ...text.split(' '))) as [
    Record<string, string>,
  ];
  return [dev, gateway, prefsrc].filter((each) => each !== undefined).join(' ');
}

interface Case {
  name: string;
  /** Words of `ip`, each a line. */
  setup: string[];
  sysctls?: string[];
  make: (host: Host) => Remedy;
  /** By what is asked of `ip route get`. */
  before: Record<string, string>;
  after: Record<string, string>;
}

const CARDS = ['wan1 198.51.100.2/28', 'wan2 198.51.100.18/28', 'lan 10.0.0.1/24'];
const TABLES = [
  'route add default via 198.51.100.1 dev wan1',
  'route add default via 198.51.100.1 dev wan1 src 198.51.100.2 table 101',
  'route add default via 198.51.100.17 dev wan2 src 198.51.100.18 table 102',
  'rule add from 198.51.100.2 lookup 101',
  'rule add from 198.51.100.18 lookup 102',
];
const dns = (host: Host): Remedy =>
  uplinkRemedy(host, { address: '198.51.100.18', to: '203.0.113.10', by: { protocol: 17, port: 53 } }, GENERAL);
const UNBOUND = '203.0.113.10 ipproto udp sport 53';
const BY_FIRST = {
  '203.0.113.10': 'wan1 198.51.100.1 198.51.100.2',
  '203.0.113.10 ipproto udp sport 54': 'wan1 198.51.100.1 198.51.100.2',
};

const cases: Case[] = [
  {
    name: 'a table that is there',
    setup: TABLES,
    make: dns,
    before: { ...BY_FIRST, [UNBOUND]: 'wan1 198.51.100.1 198.51.100.2' },
    after: {
      ...BY_FIRST,
      [UNBOUND]: 'wan2 198.51.100.17 198.51.100.18',
      '10.0.0.9 ipproto udp sport 53': 'lan 10.0.0.1',
      '203.0.113.10 from 198.51.100.2 ipproto udp sport 53': 'wan1 198.51.100.1',
    },
  },
  {
    name: 'a table of its own, of a way of the default route',
    setup: ['route add default nexthop via 198.51.100.1 dev wan1 weight 255 nexthop via 198.51.100.17 dev wan2'],
    make: dns,
    before: {},
    after: { [UNBOUND]: 'wan2 198.51.100.17 198.51.100.18', '10.0.0.9 ipproto udp sport 53': 'lan 10.0.0.1' },
  },
  {
    name: 'strict reverse path filtering',
    setup: TABLES.slice(0, 3),
    sysctls: ['net.ipv4.conf.all.rp_filter=1'],
    make: dns,
    before: { [UNBOUND]: 'wan1 198.51.100.1 198.51.100.2' },
    after: { [UNBOUND]: 'wan2 198.51.100.17 198.51.100.18', '203.0.113.10 from 198.51.100.18': 'wan2 198.51.100.17' },
  },
  {
    name: 'what has a source',
    setup: TABLES.slice(0, 3),
    make: (host) => uplinkRemedy(host, { address: '198.51.100.18', to: '203.0.113.10', by: 'source' }, GENERAL),
    before: { '203.0.113.10 from 198.51.100.18': 'wan1 198.51.100.1' },
    after: { ...BY_FIRST, '203.0.113.10 from 198.51.100.18': 'wan2 198.51.100.17', '10.0.0.9 from 198.51.100.18': 'lan' },
  },
  {
    name: 'IPv6',
    setup: [
      'address add 2001:db8:1::2/64 dev wan1 nodad',
      'address add 2001:db8:2::2/64 dev wan2 nodad',
      '-6 route add default via 2001:db8:1::1 dev wan1',
      '-6 route add default via 2001:db8:1::1 dev wan1 src 2001:db8:1::2 table 101',
      '-6 route add default via 2001:db8:2::1 dev wan2 src 2001:db8:2::2 table 102',
      '-6 rule add from 2001:db8:1::2 lookup 101',
      '-6 rule add from 2001:db8:2::2 lookup 102',
    ],
    make: (host) => uplinkRemedy(host, { address: '2001:db8:2::2', to: '2001:db8:9::9', by: { protocol: 17, port: 53 } }, GENERAL),
    before: { '2001:db8:9::9 ipproto udp sport 53': 'wan1 2001:db8:1::1 2001:db8:1::2' },
    after: {
      '2001:db8:9::9 ipproto udp sport 53': 'wan2 2001:db8:2::1 2001:db8:2::2',
      '2001:db8:9::9 ipproto udp sport 54': 'wan1 2001:db8:1::1 2001:db8:1::2',
      '2001:db8:9::9 from 2001:db8:1::2 ipproto udp sport 53': 'wan1 2001:db8:1::1 2001:db8:1::2',
    },
  },
  {
    name: 'cards in one network',
    setup: ['address add 10.0.0.2/24 dev wan2', 'route add default via 10.0.0.254 dev lan'],
    make: (host) => cardsRemedy(host, ['10.0.0.1', '10.0.0.2'], GENERAL),
    before: { '10.0.0.9 from 10.0.0.2': 'lan', '203.0.113.10 from 10.0.0.2': 'lan 10.0.0.254' },
    after: {
      '10.0.0.9 from 10.0.0.1': 'lan',
      '10.0.0.9 from 10.0.0.2': 'wan2',
      '203.0.113.10 from 10.0.0.2': 'wan2 10.0.0.254',
      '203.0.113.10 from 10.0.0.1': 'lan 10.0.0.254',
      '198.51.100.9 from 10.0.0.2': 'wan1',
      '10.0.0.9': 'lan 10.0.0.1',
    },
  },
  {
    name: 'sysctls',
    setup: [],
    sysctls: ['net.ipv4.conf.wan1.arp_ignore=2', 'net.ipv4.conf.all.proxy_arp=1'],
    make: (host) => sysctlRemedy(host, ['wan1', 'wan2'], { arp_ignore: 1, arp_announce: 2, proxy_arp: 0 }, GENERAL),
    before: {},
    after: {},
  },
];

/** Answers on all addresses; and asks the second uplink, and says who answers. */
const SERVER = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(m, from.port, from.address)); s.bind(53, () => console.log('ready'));`;
const CLIENT = `const s = require('dgram').createSocket('udp4'); const end = (who) => { console.log(who); s.close(); };
  const timer = setTimeout(end, 1000, 'nobody'); s.on('message', (m, from) => { clearTimeout(timer); end(from.address); });
  s.bind(0, '203.0.113.10', () => s.send('question', 53, '198.51.100.18'));`;

describe.skipIf(why !== undefined)(`remedies done to the kernel${why === undefined ? '' : ` (${why})`}`, () => {
  const namespaces: Namespace[] = [];
  afterEach(() => {
    for (const each of namespaces.splice(0)) each.delete();
  });

  async function networkOf({ setup, sysctls = [] }: Case): Promise<Namespace> {
    const host = new Namespace();
    const far = new Namespace();
    namespaces.push(host, far);
    for (const scope of ['all', 'default'])
      for (const name of ['rp_filter', 'arp_ignore', 'arp_announce', 'arp_filter', 'proxy_arp'])
        host.run('sysctl', '-qw', `net.ipv4.conf.${scope}.${name}=0`);
    for (const [i, card] of CARDS.entries()) {
      const [name = '', address = ''] = card.split(' ');
      host.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `far${i}`, 'netns', far.name);
      // Link-local addresses would come a while later, and routes with them.
      far.ip('link', 'set', `far${i}`, 'addrgenmode', 'none');
      host.ip('link', 'set', name, 'addrgenmode', 'none');
      far.ip('link', 'set', `far${i}`, 'up');
      host.ip('link', 'set', name, 'up');
      host.ip('address', 'add', address, 'dev', name);
    }
    for (const line of setup) host.ip(...line.split(' '));
    for (const setting of sysctls) host.run('sysctl', '-qw', setting);
    const isUp = ({ ifname, operstate }: { ifname: string; operstate: string }): boolean => ifname === 'lo' || operstate === 'UP';
    await until('all cards are up', () => (JSON.parse(host.ip('-j', 'link')) as { ifname: string; operstate: string }[]).every(isUp));
    return host;
  }

  it.each(cases)('$name: the kernel does as it says, and back', async (each) => {
    const namespace = await networkOf(each);
    const asked = (expected: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.keys(expected).map((query) => [query, routeGet(namespace, query)]));
    expect(asked(each.before)).toEqual(each.before);
    const original = state(namespace);
    const remedy = each.make(hostOf(told(namespace)));
    expect(remedy.host, remedy.text).toBe('server');
    namespace.run('bash', '-euc', remedy.commands.join('\n'));
    expect(state(namespace)).not.toEqual(original);
    expect(asked(each.after)).toEqual(each.after);
    // Asked again, the host needs nothing more.
    expect(each.make(hostOf(told(namespace)))).toMatchObject({ commands: [], text: expect.stringContaining('already') });
    namespace.run('bash', '-euc', remedy.undo?.join('\n') ?? '');
    expect(state(namespace)).toEqual(original);
  });

  it.each([{ filter: 0 }, { filter: 1 }])(
    'an unbound server answers from the asked address then, with rp_filter=$filter',
    async ({ filter }) => {
      const sysctls = [`net.ipv4.conf.all.rp_filter=${filter}`];
      const namespace = await networkOf({ ...(cases[0] ?? expect.fail()), setup: TABLES.slice(0, 3), sysctls });
      const far = namespaces[1] ?? expect.fail();
      // The Internet, at the other end of both uplinks.
      far.ip('address', 'add', '198.51.100.1/28', 'dev', 'far0');
      far.ip('address', 'add', '198.51.100.17/28', 'dev', 'far1');
      far.ip('address', 'add', '203.0.113.10/32', 'dev', 'lo');
      for (const scope of ['all', 'far0', 'far1']) far.run('sysctl', '-qw', `net.ipv4.conf.${scope}.rp_filter=0`);
      const server = namespace.spawn(process.execPath, ['-e', SERVER]);
      await new Promise((resolve) => server.stdout?.once('data', resolve));
      const ask = (): string => far.run(process.execPath, '-e', CLIENT).trim();
      expect(ask()).toBe(filter === 0 ? '198.51.100.2' : 'nobody');
      const remedy = dns(hostOf(told(namespace)));
      namespace.run('bash', '-euc', remedy.commands.join('\n'));
      expect(ask()).toBe('198.51.100.18');
    },
  );
});
