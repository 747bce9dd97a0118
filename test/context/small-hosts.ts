import type { AddressesDocument, HostDocument, LinkDocument, RouteDocument, RuleDocument } from '../../src/context/document.ts';
import type { Host } from '../../src/context/host.ts';
import { hostOf } from '../../src/context/model.ts';

const UP = ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'];

/** `address('192.0.2.1/24')`, as `ip -j address` shows it. */
export function address(text: string, more: Partial<AddressesDocument['addr_info'][number]> = {}): AddressesDocument['addr_info'][number] {
  const [local = '', length = ''] = text.split('/');
  return { family: local.includes(':') ? 'inet6' : 'inet', local, prefixlen: Number(length), scope: 'global', ...more };
}

/** An interface's entries in both lists. */
function interfaceOf(ifname: string, ifindex: number, addr_info: AddressesDocument['addr_info']): [LinkDocument, AddressesDocument] {
  const isLoopback = ifname === 'lo';
  const link: LinkDocument = {
    ifindex,
    ifname,
    flags: isLoopback ? ['LOOPBACK', 'UP', 'LOWER_UP'] : UP,
    mtu: isLoopback ? 65_536 : 1500,
    link_type: isLoopback ? 'loopback' : 'ether',
    address: isLoopback ? '00:00:00:00:00:00' : `02:00:00:00:00:0${ifindex}`,
  };
  return [link, { ifindex, ifname, flags: link.flags ?? [], addr_info }];
}

const LOOPBACK = [address('127.0.0.1/8', { scope: 'host' })];

export const defaultRules: RuleDocument[] = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32_766, src: 'all', table: 'main' },
  { priority: 32_767, src: 'all', table: 'default' },
];

/** Routes that come with an address. */
const connected = (dev: string, local: string, network: string): RouteDocument[] => [
  { type: 'local', dst: local, dev, table: 'local', protocol: 'kernel', scope: 'host', prefsrc: local, flags: [] },
  { dst: network, dev, protocol: 'kernel', scope: 'link', prefsrc: local, flags: [] },
];

/** What differs from case to case. */
export interface Small {
  rules?: RuleDocument[];
  routes?: RouteDocument[];
  more?: Partial<HostDocument>;
}

/** A gateway with two uplinks, wan1 (198.51.100.2/24) and wan2 (203.0.113.2/24), and a LAN (192.0.2.1/24). */
export function twoUplinks({ rules = [], routes = [], more = {} }: Small = {}): Host {
  const interfaces = [
    interfaceOf('lo', 1, LOOPBACK),
    interfaceOf('wan1', 2, [address('198.51.100.2/24')]),
    interfaceOf('wan2', 3, [address('203.0.113.2/24')]),
    interfaceOf('lan', 4, [address('192.0.2.1/24'), address('192.0.2.5/24', { secondary: true })]),
  ];
  return hostOf({
    hostname: 'gateway',
    kernel: '6.18.0',
    time: null,
    links: interfaces.map(([link]) => link),
    addresses: interfaces.map(([, addresses]) => addresses),
    routes: [
      { type: 'local', dst: '127.0.0.0/8', dev: 'lo', table: 'local', protocol: 'kernel', scope: 'host', prefsrc: '127.0.0.1' },
      ...connected('wan1', '198.51.100.2', '198.51.100.0/24'),
      ...connected('wan2', '203.0.113.2', '203.0.113.0/24'),
      ...connected('lan', '192.0.2.1', '192.0.2.0/24'),
      ...routes,
    ],
    rules: [...defaultRules.slice(0, 1), ...rules, ...defaultRules.slice(1)],
    ...more,
  });
}
