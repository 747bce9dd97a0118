import type { ContextDocument, HostDocument, NeighbourDocument, RouteDocument, RuleDocument } from '../../src/context/document.ts';

/* What hosts say of themselves (`--context`), from as few fields as a scenario needs. */

export interface CardFields {
  name: string;
  ifindex: number;
  mac?: string;
  /** `192.0.2.1/24`. */
  addresses?: readonly string[];
  /** `veth` unless said; `lo` is a loopback. */
  kind?: string;
  /** Bridge, bond or VRF that it belongs to, and the interface below it. */
  master?: string;
  parent?: string;
  isDown?: boolean;
  mtu?: number;
}

export interface HostFields {
  name?: string;
  cards: readonly CardFields[];
  /** Connected networks are added; undefined: of each card its networks alone. */
  routes?: readonly RouteDocument[];
  rules?: readonly RuleDocument[];
  /** Short names: of all interfaces. */
  sysctls?: Readonly<Record<string, number>>;
  neighbours?: readonly NeighbourDocument[];
  /** When it was read; the beginning of the capture unless said. */
  time?: string;
  tinc?: HostDocument['tinc'];
  wireguard?: HostDocument['wireguard'];
  bgp?: unknown;
  iptables?: readonly string[];
  nftables?: unknown;
}

const LOOPBACK: CardFields = { name: 'lo', ifindex: 1, addresses: ['127.0.0.1/8'] };
const MAIN: RuleDocument[] = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32_766, src: 'all', table: 'main' },
  { priority: 32_767, src: 'all', table: 'default' },
];

/** A document of these hosts; the first one is where the capture was taken, unless `isElsewhere`. */
export const contextOf = (hosts: readonly HostFields[], { isElsewhere = false } = {}): ContextDocument => ({
  schema: 1,
  hosts: hosts.map((host, i) => hostDocument(host, i === 0 && !isElsewhere)),
});

function hostDocument(fields: HostFields, isObserver: boolean): HostDocument {
  const { name = 'gateway', routes = [], rules = [], sysctls = {}, iptables, nftables, tinc, wireguard, bgp } = fields;
  const cards = [LOOPBACK, ...fields.cards];
  const inOrder = [...MAIN, ...rules].sort((a, b) => a.priority - b.priority);
  return {
    hostname: name,
    kernel: '6.1.0',
    time: fields.time ?? '2024-01-15T08:00:00.000000Z',
    captures: isObserver ? ['capture'] : [],
    links: cards.map(({ name: ifname, ifindex, mac, kind = 'veth', master, parent, mtu, isDown = false }) => ({
      ifindex,
      ifname,
      flags: isDown ? ['BROADCAST', 'MULTICAST'] : ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      operstate: isDown ? 'DOWN' : 'UP',
      link_type: ifname === 'lo' ? 'loopback' : mac ? 'ether' : 'none',
      ...(mac ? { address: mac } : {}),
      ...(master ? { master } : {}),
      ...(parent ? { link: parent } : {}),
      ...(mtu === undefined ? {} : { mtu }),
      ...(ifname === 'lo' ? {} : { linkinfo: { info_kind: kind } }),
    })),
    addresses: cards.map(({ name: ifname, ifindex, addresses = [] }) => ({
      ifname,
      ifindex,
      addr_info: addresses.map((text) => {
        const [local = '', length = '32'] = text.split('/');
        return { family: local.includes(':') ? 'inet6' : 'inet', local, prefixlen: Number(length), scope: 'global' };
      }),
    })),
    routes: [...cards.flatMap(connectedRoutes), ...routes],
    rules: inOrder,
    rules6: MAIN,
    neighbours: [...(fields.neighbours ?? [])],
    sysctls: Object.fromEntries(
      ['all', ...cards.map((card) => card.name)].flatMap((scope) =>
        ['arp_ignore', 'arp_announce', 'arp_filter', 'rp_filter', 'proxy_arp', 'src_valid_mark', 'forwarding', 'accept_local'].map(
          (each) => [`net.ipv4.conf.${scope}.${each}`, String(sysctls[each] ?? 0)],
        ),
      ),
    ),
    ...(tinc ? { tinc } : {}),
    ...(wireguard ? { wireguard } : {}),
    ...(bgp === undefined ? {} : { bgp }),
    ...(iptables ? { iptables: [...iptables] } : {}),
    ...(nftables ? { nftables } : {}),
  };
}

/** What the kernel makes of an address: the local one, and its network. */
function connectedRoutes({ name: dev, addresses = [], isDown = false }: CardFields): RouteDocument[] {
  return addresses.flatMap((text) => {
    const [local = '', length = '32'] = text.split('/');
    const own: RouteDocument = { type: 'local', dst: local, dev, table: 'local', protocol: 'kernel', scope: 'host', prefsrc: local };
    if (dev === 'lo' || isDown || length === '32' || length === '128') return [own];
    return [own, { dst: networkOf(local, Number(length)), dev, protocol: 'kernel', scope: 'link', prefsrc: local }];
  });
}

/** Of IPv4 in whole octets, of IPv6 the first four groups. */
function networkOf(ip: string, length: number): string {
  if (ip.includes(':')) return `${ip.split('::')[0]}::/${length}`;
  const octets = ip.split('.').map(Number);
  const bits = octets.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff);
  return `${bits.join('.')}/${length}`;
}
