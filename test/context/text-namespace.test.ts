import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/context/assemble.ts';
import type { HostDocument } from '../../src/context/document.ts';
import { hostOf } from '../../src/context/model.ts';
import { readOutputs } from '../../src/context/text/outputs.ts';
import { hindranceForNamespaces, Namespace, until } from '../tools/netns.ts';
import { Dice, type Family, ipv4, ipv6, randomNetwork } from '../tools/random-routing.ts';

/* What `ip` prints for people says the same as what it prints as JSON: on networks like those of the labs, and on random ones. */

const why = hindranceForNamespaces(['ip', 'busybox']);
const SEED = 20_251_121;
const NETWORKS = 10;

const COMMANDS = ['-d link', 'address', 'route show table all', '-4 rule', '-6 rule', 'neigh'];

/** The host as several texts make it. */
const ofText = (text: string): HostDocument => {
  const { parts, unread } = readOutputs(text, 'outputs.txt');
  return assemble(parts, unread);
};

/** What the namespace says, in the words of one option: a file with all commands and their outputs. */
const outputs = (namespace: Namespace, option = '', commands = COMMANDS): string =>
  `${commands.map((command) => `root@gw:~# ip ${option}${command}\n${namespace.ip(...`${option}${command}`.split(' '))}\n`).join('')}root@gw:~#\n`;

/** What differs between texts and JSON: seconds that have passed, names that nobody looks at, and what texts leave out. */
function comparable(host: HostDocument): unknown {
  const { links, routes, rules, neighbours } = hostOf(host);
  const ofRules = [...(host.rules ?? []), ...(host.rules6 ?? [])].map((rule) =>
    Object.keys(rule)
      .filter((key) => !/^(protocol|unresolved|[io]if_detached)$/.test(key))
      .sort(),
  );
  return {
    links,
    routes: routes?.map((route) => ({ ...route, text: route.text })),
    rules: rules?.map((rule) => ({ ...rule, text: rule.text })),
    neighbours,
    ofRules,
    kinds: host.links?.map(({ ifname, linkinfo, link, master }) => [ifname, linkinfo?.info_kind, linkinfo?.info_slave_kind, link, master]),
    flags: host.routes?.map(({ dst, flags, metrics, protocol, nhid }) => [dst, flags, metrics, protocol, nhid]),
  };
}

describe.skipIf(why !== undefined)(`ip as text and as JSON${why === undefined ? '' : ` (${why})`}`, () => {
  it('says the same of links, addresses, routes, rules and neighbours of all kinds', async () => {
    const namespace = new Namespace();
    try {
      build(namespace);
      await settled(namespace);
      const json = ofText(outputs(namespace, '-j '));
      const text = ofText(outputs(namespace));
      expect(text.unread).toBe(undefined);
      expect(json.unread).toBe(undefined);
      expect(text.links?.length).toBe(10);
      expect(comparable(text)).toEqual(comparable(json));
      expect(comparable(ofText(outputs(namespace, '-j -p ')))).toEqual(comparable(json));
      // With `-d` protocols that are otherwise left out are named.
      const plain = (host: HostDocument) => ({ ...host, routes: host.routes?.map(({ protocol: _, ...route }) => route) ?? [] });
      for (const option of ['-d ', '-j -d '])
        expect(comparable(plain(ofText(outputs(namespace, option))))).toEqual(comparable(plain(json)));
      // A line each: links without their kind, addresses by another command.
      const single = ofText(outputs(namespace, '-o '));
      expect(comparable(single)).toEqual(comparable(json));
      // Short: MACs, states and addresses.
      const brief = ofText(outputs(namespace, '-br ', ['link', 'address']) + outputs(namespace, '', COMMANDS.slice(2)));
      expect(brief.unread).toBe(undefined);
      for (const { ifname, addr_info } of json.addresses ?? []) {
        const same = brief.addresses?.find((each) => each.ifname === ifname);
        expect(same?.addr_info.map(({ local, address, prefixlen }) => [local, address, prefixlen])).toEqual(
          addr_info.map(({ local, address, prefixlen }) => [local, address, prefixlen]),
        );
      }
      expect(comparable({ ...brief, links: [], addresses: [] })).toEqual(comparable({ ...json, links: [], addresses: [] }));
    } finally {
      namespace.delete();
    }
  });

  it.each([ipv4, ipv6])(`says the same of ${NETWORKS / 2} random networks (seed ${SEED}, IPv$number)`, async (family) => {
    const dice = new Dice(SEED + family.number);
    for (let i = 0; i < NETWORKS / 2; i++) {
      const namespace = new Namespace();
      try {
        buildRandom(namespace, dice, family);
        await settled(namespace);
        const json = ofText(outputs(namespace, '-j '));
        expect(json.rules?.length ?? 0).toBeGreaterThan(2);
        const text = ofText(outputs(namespace));
        expect(text.unread).toEqual(json.unread);
        expect(comparable(text), `network ${i}`).toEqual(comparable(json));
        busyboxAgrees(namespace, json);
      } finally {
        namespace.delete();
      }
    }
  });
});

/** BusyBox leaves out much; what it shows of a route must be so. */
function busyboxAgrees(namespace: Namespace, json: HostDocument): void {
  const commands = ['addr', 'route list table all', 'neigh'];
  const text = commands.map((command) => `# busybox ip ${command}\n${namespace.run('busybox', 'ip', ...command.split(' '))}`).join('');
  const host = ofText(text);
  expect(host.unread?.filter(({ what }) => what === 'outputs.txt') ?? []).toEqual([]);
  const plain = ({ type, dst, dev, table, prefsrc, metric, nexthops, via, from, gateway }: NonNullable<HostDocument['routes']>[number]) =>
    JSON.stringify([type, dst, from, table, prefsrc, metric, nexthops ? undefined : dev, via || nexthops ? undefined : gateway]);
  expect(host.routes?.map(plain).sort()).toEqual(json.routes?.map(plain).sort());
  // Far ends of IPv6 are not shown.
  const ips = ({ addresses }: HostDocument) =>
    addresses?.map(({ ifname, addr_info }) => [
      ifname,
      addr_info.map(({ local, prefixlen, address, family }) => [local, prefixlen, family === 'inet' ? address : undefined]),
    ]);
  expect(ips(host)).toEqual(ips(json));
}

/** Interfaces get their carriers, and addresses of their own, a moment later. */
async function settled(namespace: Namespace): Promise<void> {
  let before = '';
  let same = 0;
  // The kernel looks at carriers once a second; under load later.
  await until('nothing changes any more', async () => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = namespace.ip('address') + namespace.ip('route', 'show', 'table', 'all') + namespace.ip('neigh');
    same = now.replaceAll(/\d+sec/g, '') === before ? same + 1 : 0;
    before = now.replaceAll(/\d+sec/g, '');
    return same >= 6;
  });
}

/** One of everything. */
function build(namespace: Namespace): void {
  // Addresses are there at once.
  namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.router_solicitations=0');
  const ip = (line: string): string => namespace.ip(...line.split(' '));
  for (const line of [
    'link add v0 type veth peer name v1',
    'link add v0.10 type veth peer name v9@x',
    'link add br0 type bridge',
    'link set v1 master br0',
    'link add mv0 link v0 type macvlan mode bridge',
    'tuntap add tun0 mode tun',
    'link add down0 type veth peer name far0',
  ])
    ip(line);
  for (const name of ['v0', 'v1', 'v0.10', 'v9@x', 'br0', 'mv0', 'tun0', 'down0']) ip(`link set ${name} up`);
  for (const line of [
    'address add 192.0.2.1/24 dev v0 brd +',
    'address add 192.0.2.2/24 dev v0 label v0:1',
    'address add 10.2.2.1/24 dev v0 scope link',
    'address add 198.51.100.1 peer 198.51.100.2/32 dev tun0',
    'address add 2001:db8::1/64 dev v0 nodad',
    'address add 2001:db8::5/64 dev v0 valid_lft 6000 preferred_lft 0 nodad',
    'address add 10.1.1.1/24 dev v0.10 valid_lft 10000 preferred_lft 5000 noprefixroute',
    'route add default via 192.0.2.254',
    'route add default via 192.0.2.253 metric 200 src 192.0.2.2',
    'route add 10.0.0.0/8 nexthop via 192.0.2.254 weight 2 nexthop via 10.99.99.9 dev v0.10 onlink nexthop dev tun0',
    'route add blackhole 10.5.0.0/16',
    'route add unreachable 10.6.0.0/16 metric 50',
    'route add prohibit 10.7.0.0/16 table 100',
    'route add throw 10.8.0.0/16 table 100',
    'route add 10.9.0.0/16 via inet6 fe80::1 dev v0',
    'route add 10.10.0.0/16 via 192.0.2.254 tos 0x10 mtu 1400 advmss 1360 proto static',
    'route add 10.11.0.0/16 dev v0 scope link table 100 src 192.0.2.1',
    'route add local 10.12.0.0/16 dev lo',
    'nexthop add id 5 via 192.0.2.254 dev v0',
    'route add 10.13.0.0/16 nhid 5',
    '-6 route add default via fe80::1 dev v0',
    '-6 route add default dev tun0 metric 2048 table 100',
    '-6 route add 2001:db8:1::/48 nexthop via fe80::2 dev v0 nexthop via fe80::3 dev v0.10',
    '-6 route add unreachable 2001:db8:2::/48',
    '-6 route add 2001:db8:3::/48 from 2001:db8::/64 via fe80::9 dev v0',
    'rule add from 192.0.2.1 lookup 100 prio 100',
    'rule add not from 192.0.2.0/24 to 10.0.0.0/8 lookup 100 prio 101',
    'rule add iif v0 oif tun0 lookup 100 prio 102',
    'rule add iif nonexist lookup 100 prio 103',
    'rule add fwmark 0x1/0xff lookup 100 prio 104',
    'rule add ipproto udp sport 1000-2000 dport 53 lookup 100 prio 106',
    'rule add ipproto 47 lookup main suppress_prefixlength 0 prio 107',
    'rule add prio 108 from all goto 200',
    'rule add prio 109 from all goto 999',
    'rule add prio 200 from 192.0.2.4 nop',
    'rule add prio 201 from 192.0.2.5 blackhole',
    'rule add prio 202 from 192.0.2.5 prohibit',
    'rule add prio 203 from 192.0.2.5 unreachable',
    'rule add prio 204 tos 0x10 lookup 100',
    'rule add prio 205 uidrange 1000-2000 lookup 100',
    'rule add prio 208 tun_id 7 lookup 100',
    'rule add prio 209 suppress_ifgroup default lookup main',
    'rule add prio 210 lookup 100 protocol static',
    '-6 rule add prio 100 from 2001:db8::/32 lookup 100',
    'neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev v0 nud permanent',
    'neigh add 192.0.2.79 dev v0 lladdr 02:00:00:00:00:79 nud stale',
    'neigh add 2001:db8::99 dev v0 lladdr 02:00:00:00:00:99 router nud permanent',
  ])
    ip(line);
}

function buildRandom(namespace: Namespace, dice: Dice, family: Family): void {
  namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.router_solicitations=0');
  for (const name of ['e0', 'e1', 'e2', 'e3', 'd0']) {
    namespace.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `far-${name}`);
    namespace.ip('link', 'set', name, 'up');
    if (name !== 'd0') namespace.ip('link', 'set', `far-${name}`, 'up');
  }
  namespace.ip('tuntap', 'add', 't0', 'mode', 'tun');
  namespace.ip('link', 'set', 't0', 'up');
  // What the kernel refuses is not there.
  const lines = randomNetwork(dice, family, true).lines.map((line) => `-${family.number} ${line}`);
  namespace.run(
    'sh',
    '-c',
    'printf "%s\\n" "$@" | sed "s/^-[46] //" | ip "-$0" -force -batch - >/dev/null 2>&1 || true',
    String(family.number),
    ...lines,
  );
}
