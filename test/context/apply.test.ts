import { describe, expect, it } from 'vitest';
import { applyCommands } from '../../src/context/apply.ts';
import type { Host } from '../../src/context/host.ts';
import { lookUp } from '../../src/context/lookup.ts';
import { twoUplinks } from './small-hosts.ts';

const FAR = '8.8.8.8';
const host = twoUplinks({
  routes: [{ dst: 'default', gateway: '198.51.100.1', dev: 'wan1' }],
  more: {
    sysctls: {
      'net.ipv4.ip_forward': '0',
      'net.ipv4.conf.all.arp_ignore': '0',
      'net.ipv4.conf.lan.arp_ignore': '0',
      'net.ipv4.conf.lan.forwarding': '0',
    },
    wireguard: [
      {
        interface: 'wg0',
        publicKey: 'own',
        listenPort: 51_820,
        fwmark: 'off',
        peers: [{ publicKey: 'peer', endpoint: null, allowedIps: '10.0.0.0/8', latestHandshake: 0, persistentKeepalive: 'off' }],
      },
    ],
  },
});

const device = (changed: Host, query: Parameters<typeof lookUp>[1]): string | null | undefined =>
  lookUp(changed, query).nextHops[0]?.device;

it('sends by the other uplink what leaves from a port, and what has a nearer route as before', () => {
  const changed = applyCommands(host, [
    'ip route add default via 203.0.113.1 dev wan2 src 203.0.113.2 table 101',
    'ip rule add ipproto udp sport 1194 iif lo lookup main suppress_prefixlength 0 priority 99',
    'ip rule add ipproto udp sport 1194 iif lo lookup 101 priority 100',
  ]);
  const answer = { destination: FAR, protocol: 17, sourcePort: 1194 };
  expect(lookUp(changed, answer)).toMatchObject({ sources: ['203.0.113.2'], nextHops: [{ gateway: '203.0.113.1', device: 'wan2' }] });
  expect(device(changed, { ...answer, destination: '192.0.2.9' })).toBe('lan');
  expect(device(changed, { ...answer, sourcePort: 1195 })).toBe('wan1');
  // What it was made of stays.
  expect(device(host, answer)).toBe('wan1');
});

it('undoes what was done', () => {
  const done = applyCommands(host, ['ip rule add from 203.0.113.2 lookup 101', 'ip route replace blackhole 10.0.0.0/8']);
  const undone = applyCommands(done, ['ip rule del from 203.0.113.2 lookup 101', 'ip route del blackhole 10.0.0.0/8']);
  const texts = ({ rules, routes }: Host): string[] => [...(rules ?? []), ...(routes ?? [])].map(({ text }) => text);
  expect(texts(done)).not.toEqual(texts(host));
  expect(texts(undone)).toEqual(texts(host));
});

it('sets sysctls, of all interfaces where the kernel does', () => {
  const changed = applyCommands(host, [
    'sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2',
    'sysctl -w net.ipv4.ip_forward=1',
  ]);
  expect(changed.effective('arp_ignore', 'lan')).toBe(1);
  expect(changed.sysctl('arp_announce', 'all')).toBe(2);
  expect(changed.effective('forwarding', 'lan')).toBe(1);
  expect(applyCommands(host, ['sysctl -w net/ipv4/conf/eth0.5/arp_ignore=2']).sysctl('arp_ignore', 'eth0.5')).toBe(2);
});

it('sets the mark and the endpoint of WireGuard', () => {
  const [tunnel] = applyCommands(host, ['wg set wg0 fwmark 81', 'wg set wg0 peer peer endpoint 192.0.2.9:51820']).wireguard;
  expect(tunnel).toMatchObject({ fwmark: '0x51', peers: [{ endpoint: '192.0.2.9:51820' }] });
});

it('passes over what changes nothing of the model', () => {
  expect(applyCommands(host, ['ip neigh flush dev lan', 'arping -A -I lan -c 3 192.0.2.1', 'ip route flush cache'])).toBe(host);
});

describe('refuses, with the command', () => {
  it.each([
    ['reboot', 'it is not understood'],
    ['ip address add 192.0.2.7/24 dev lan', 'ip address is not understood'],
    ['ip rule add from 192.0.2.1 lookup 101 quickly', 'quickly is not understood'],
    ['ip rule add from 192.0.2.1/40', '192.0.2.1/40 is no IPv4 prefix'],
    ['ip rule add from 192.0.2.1 lookup', 'something is missing at its end'],
    ['ip rule add pref 32766 lookup main', 'there is such a rule already: 32766: from all lookup main'],
    ['ip rule del from 192.0.2.1', 'there is no such rule'],
    ['ip rule add pref 100 goto 50', 'goto leads to later rules only'],
    ['ip route add default via 198.51.100.1', 'there is such a route already: default via 198.51.100.1 dev wan1'],
    ['ip route add default via 192.0.9.1 dev wan2 table 101', 'the gateway 192.0.9.1 is not on a network of wan2'],
    ['ip route add default via 203.0.113.1 dev wan1 table 101', 'the gateway 203.0.113.1 is not on a network of wan1'],
    ['ip route add default via 203.0.113.1 src 192.0.2.9 table 101', '192.0.2.9 is no address of this host'],
    ['ip route add default dev wan9 table 101', 'there is no interface wan9'],
    ['ip route add 10.0.0.1/8 dev lan', '10.0.0.1/8 has bits behind its length'],
    ['ip route del 10.0.0.0/8', 'there is no such route'],
    ['ip route show', 'ip route show is not understood'],
    ['ip -o rule add from 192.0.2.1', '-o is not understood'],
    ['sysctl net.ipv4.ip_forward=1', '-w is missing'],
    ['sysctl -w net.ipv4.ip_forward', 'it is not understood'],
    ['wg set wg9 fwmark 1', 'there is no WireGuard interface wg9'],
  ])('%s', (command, why) => {
    expect(() => applyCommands(host, [command])).toThrow(`${command}: ${why}`);
  });
});

it('finds the interface of a gateway, and takes one that is on the link because it is said to be', () => {
  const changed = applyCommands(host, [
    'ip route add default via 203.0.113.1 table 101',
    'ip route add default via 192.0.9.1 dev wan2 onlink table 102',
  ]);
  const texts = changed.routes?.filter(({ table }) => table === 101 || table === 102).map(({ text }) => text);
  expect(texts).toEqual(['default via 203.0.113.1 dev wan2', 'default via 192.0.9.1 dev wan2 onlink']);
});
