import type { RouteQuery } from '../../src/context/lookup.ts';

/** Numbers that a seed determines (mulberry32). */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 ≤ n < 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const value = list[this.below(list.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  /** `text` with this probability, else nothing. */
  maybe(probability: number, text: () => string): string {
    return this.chance(probability) ? ` ${text()}` : '';
  }
}

export const CABLES = ['e0', 'e1', 'e2', 'e3'] as const;
/** `d0`: a cable of which the other end is down; `t0`: a tun device that no program has. Both have no carrier. */
export const DEVICES = [...CABLES, 'd0', 't0'] as const;
export const TABLES = ['main', '100', '101', '102', '103', '110'] as const;
const MARKS = [0, 1, 2, 0x51, 0x100, 0x1ff] as const;
const PORTS = [53, 500, 1194, 51820, 5000] as const;

/** Small pools, so that things meet. */
export interface Family {
  number: 4 | 6;
  /** Networks of interfaces and routes. */
  network(i: number): string;
  prefixes: readonly string[];
  lengths: readonly number[];
  special: readonly string[];
  loopback: string;
}

export const ipv4: Family = {
  number: 4,
  network: (i) => `10.0.${i}.`,
  prefixes: [
    'default',
    '0.0.0.0/1',
    '10.0.0.0/8',
    '10.0.0.0/16',
    '10.0.1.0/24',
    '10.0.2.0/24',
    '10.0.2.0/25',
    '10.0.3.64/26',
    '10.0.9.0/24',
    '10.0.1.7/32',
    '10.0.9.9/32',
    '192.0.2.0/24',
    '192.0.2.77/32',
    '198.51.100.0/30',
    '128.0.0.0/2',
  ],
  lengths: [24, 24, 24, 16, 25, 30, 31, 32],
  special: ['127.0.0.1', '127.5.5.5', '255.255.255.255', '224.0.0.5', '239.1.1.1', '0.0.0.0', '8.8.8.8', '203.0.113.5', '192.0.2.77'],
  loopback: '10.255.0.1/32',
};

export const ipv6: Family = {
  number: 6,
  network: (i) => `2001:db8:${i}::`,
  prefixes: [
    'default',
    '2000::/3',
    '2001:db8::/32',
    '2001:db8:1::/64',
    '2001:db8:2::/64',
    '2001:db8:2::/112',
    '2001:db8:9::/48',
    '2001:db8:1::7/128',
    '2001:db8:9::9/128',
    'fd00:1::/64',
    'fd00:1::77/128',
    '2001:db8:3::/62',
  ],
  lengths: [64, 64, 64, 48, 112, 126, 128],
  special: ['::1', 'ff02::5', 'ff0e::5', '2a00::1', 'fd00:1::77', 'fe80::99', '2002:1::1', '2001:0:1::1', 'fd00:9::1'],
  loopback: '2001:db8:ff::1/128',
};

/** Lines of `ip -batch`, and what queries may ask for. */
export interface RandomNetwork {
  lines: string[];
  sysctls: string[];
  addresses: string[];
}

/**
 * A set of addresses, routes and rules. `hasRules` false: the rules that a kernel starts with. Lines that the kernel refuses (a gateway that
 * is not reached, a route that is there) are part of it. `hasLocal`: local routes that somebody made.
 */
export function randomNetwork(dice: Dice, family: Family, hasRules: boolean, hasLocal = true): RandomNetwork {
  const lines: string[] = [];
  const addresses: string[] = [];
  for (const device of DEVICES) lines.push(...randomAddresses(dice, family, device, addresses));
  if (dice.chance(0.3)) {
    lines.push(`address add ${family.loopback} dev lo`);
    addresses.push(family.loopback.split('/')[0] ?? '');
  }
  if (dice.chance(0.4)) lines.push(...nextHopObjects(dice, family));
  for (let n = 4 + dice.below(22); n > 0; n--) lines.push(randomRoute(dice, family, addresses, hasLocal));
  if (dice.chance(0.6)) lines.push(`route add default ${hopWords(dice, family)} metric 2000`);
  if (dice.chance(0.4)) lines.push(`route add default metric 1500 ${manyHops(dice, family)}`);
  for (let n = dice.below(4); n > 0; n--) {
    const neighbour = family.number === 6 && dice.chance(0.4) ? `fe80::${1 + dice.below(9)}` : randomAddress(dice, family);
    lines.push(`neighbour add ${neighbour} dev ${dice.pick(CABLES)} nud ${dice.pick(['failed', 'failed', 'incomplete'])}`);
  }
  if (hasRules) for (let n = 1 + dice.below(9); n > 0; n--) lines.push(randomRule(dice, family, addresses));
  if (hasRules && dice.chance(0.08)) lines.push(`rule del pref ${dice.pick([0, 32_766])}`);
  if (hasRules && dice.chance(0.05)) lines.push(`rule add pref ${dice.pick([1, 40_000])} lookup local`);
  return { lines, sysctls: randomSysctls(dice, family), addresses };
}

/** An address of one of the pool's networks; its last part is small. */
const randomAddress = (dice: Dice, family: Family): string => `${family.network(1 + dice.below(5))}${1 + dice.below(12)}`;

function randomAddresses(dice: Dice, family: Family, device: string, addresses: string[]): string[] {
  const lines: string[] = [];
  for (let n = device === 't0' ? 1 : dice.below(4); n > 0; n--) {
    const ip = randomAddress(dice, family);
    addresses.push(ip);
    const isPeer = device === 't0' || dice.chance(0.1);
    const what = isPeer ? `${ip} peer ${randomAddress(dice, family)}` : `${ip}/${dice.pick(family.lengths)}`;
    const scope = family.number === 4 ? dice.maybe(0.12, () => `scope ${dice.pick(['link', 'host'])}`) : '';
    const prefix = dice.maybe(0.08, () => 'noprefixroute');
    const more = family.number === 6 ? ` nodad${dice.maybe(0.1, () => 'preferred_lft 0')}` : '';
    lines.push(`address add ${what} dev ${device}${scope}${more}${prefix}`);
  }
  return lines;
}

/** Objects 1 to 4 are ways, 5 is a black hole, 10 and 11 are groups. */
function nextHopObjects(dice: Dice, family: Family): string[] {
  const ways = [1, 2, 3, 4].map((id) => `nexthop add id ${id} ${hopWords(dice, family)}`);
  return [...ways, 'nexthop add id 5 blackhole', 'nexthop add id 10 group 1,2/2,3', 'nexthop add id 11 group 3/4,1'];
}

const REJECTING = ['blackhole', 'unreachable', 'prohibit', 'throw'] as const;

export function randomRoute(dice: Dice, family: Family, addresses: readonly string[], hasLocal = true): string {
  const prefix = dice.pick(family.prefixes);
  const table = dice.pick(TABLES);
  const command = dice.pick(['add', 'add', 'append', 'prepend']);
  const tos = family.number === 4 ? dice.maybe(0.1, () => `tos ${dice.pick(['0x10', '0x08', '0x04'])}`) : '';
  const metric = dice.maybe(0.35, () => `metric ${dice.pick([1, 5, 10, 100])}`);
  const from = family.number === 6 ? dice.maybe(0.15, () => `from ${dice.pick(family.prefixes.slice(1))}`) : '';
  const end = `${from}${tos}${metric} table ${table}`;
  if (dice.chance(0.15)) return `route ${command} ${dice.pick(REJECTING)} ${prefix}${end}`;
  if (hasLocal && dice.chance(0.04)) return `route ${command} local ${prefix} dev ${dice.pick(['lo', 'e0'])}${end}`;
  if (dice.chance(0.1)) return `route ${command} ${prefix} nhid ${dice.pick([1, 2, 3, 4, 5, 10, 11])}${end}`;
  const source = dice.maybe(0.25, () => `src ${addresses.length > 0 ? dice.pick(addresses) : randomAddress(dice, family)}`);
  // IPv6 joins equal routes that are appended to one of several ways, each with its own source; the list shows that of the first only.
  const isAlone = family.number === 6 && source !== '';
  const rest = isAlone ? `${source}${from} metric 77 table ${table}` : `${source}${end}`;
  const verb = isAlone ? 'add' : command;
  if (dice.chance(0.3)) return `route ${verb} ${prefix}${rest} ${manyHops(dice, family)}`;
  const scope = family.number === 4 ? dice.maybe(0.06, () => `scope ${dice.pick(['link', 'host', 'site'])}`) : '';
  return `route ${verb} ${prefix} ${hopWords(dice, family)}${scope}${rest}`;
}

function hopWords(dice: Dice, family: Family): string {
  return dice.chance(0.2) ? `dev ${dice.pick(DEVICES)}` : gatewayWords(dice, family, 0.7);
}

/** A way of several; IPv6 wants a gateway in each. */
const hopOfSeveral = (dice: Dice, family: Family): string =>
  family.number === 4 && dice.chance(0.2) ? `dev ${dice.pick(DEVICES)}` : gatewayWords(dice, family, 0.95);

function gatewayWords(dice: Dice, family: Family, onLink: number): string {
  const device = dice.pick(DEVICES);
  if (family.number === 4 && dice.chance(0.06)) return `via inet6 fe80::${1 + dice.below(9)} dev ${device}`;
  if (family.number === 6 && dice.chance(0.5)) return `via fe80::${1 + dice.below(9)} dev ${device}`;
  return `via ${randomAddress(dice, family)} dev ${device}${dice.maybe(onLink, () => 'onlink')}`;
}

/** Several ways, of which each is taken by some flows. */
const manyHops = (dice: Dice, family: Family): string =>
  Array.from({ length: 2 + dice.below(2) }, () => `nexthop ${hopOfSeveral(dice, family)} weight ${1 + dice.below(4)}`).join(' ');

export function randomRule(dice: Dice, family: Family, addresses: readonly string[]): string {
  const anyAddress = (): string => (addresses.length > 0 && dice.chance(0.6) ? dice.pick(addresses) : randomAddress(dice, family));
  const prefix = (): string => (dice.chance(0.5) ? anyAddress() : dice.pick(family.prefixes.filter((each) => each !== 'default')));
  const words = [
    dice.maybe(0.12, () => 'not'),
    dice.maybe(0.45, () => `from ${prefix()}`),
    dice.maybe(0.25, () => `to ${prefix()}`),
    dice.maybe(0.15, () => `iif ${dice.pick([...DEVICES, 'lo', 'lo', 'none9'])}`),
    dice.maybe(0.1, () => `oif ${dice.pick(DEVICES)}`),
    dice.maybe(0.25, () => `fwmark ${dice.pick(MARKS)}${dice.chance(0.4) ? `/${dice.pick(['0xff', '0x1', '0x100', '0x0'])}` : ''}`),
    dice.maybe(0.25, () => `ipproto ${dice.pick(['tcp', 'udp', 'icmp', family.number === 6 ? 'ipv6-icmp' : '47'])}`),
    dice.maybe(0.15, () => `sport ${range(dice)}`),
    dice.maybe(0.15, () => `dport ${range(dice)}`),
    dice.maybe(0.06, () => `tos ${dice.pick(['0x10', '0x08'])}`),
    dice.maybe(0.06, () => `uidrange ${dice.pick(['0-0', '1000-2000', '5-5'])}`),
  ].join('');
  const priority = dice.chance(0.15)
    ? 32_767 + dice.below(3)
    : dice.pick([5, 10, 50, 99, 100, 101, 200, 1000, 5000, 32_000]) + dice.below(3);
  const action = randomAction(dice, priority);
  return `rule add pref ${priority}${words === '' ? ' from all' : words} ${action}`;
}

function randomAction(dice: Dice, priority: number): string {
  if (dice.chance(0.08)) return dice.pick(['blackhole', 'unreachable', 'prohibit']);
  if (dice.chance(0.1)) return `goto ${priority + dice.pick([1, 2, 50, 95, 100])}`;
  if (dice.chance(0.04)) return 'nop';
  const suppress = dice.maybe(0.25, () => `suppress_prefixlength ${dice.pick([0, 0, 8, 16, 24])}`);
  const group = dice.maybe(0.08, () => `suppress_ifgroup ${dice.pick([0, 7])}`);
  return `lookup ${dice.pick(TABLES)}${suppress}${group}`;
}

const range = (dice: Dice): string => {
  const port = dice.pick(PORTS);
  return dice.chance(0.4) ? `${port}-${port + dice.below(2000)}` : String(port);
};

function randomSysctls(dice: Dice, { number }: Family): string[] {
  const settings: string[] = [];
  const family = `ipv${number}`;
  for (const device of DEVICES) {
    settings.push(`net.${family}.conf.${device}.forwarding=${dice.chance(0.9) ? 1 : 0}`);
    settings.push(`net.${family}.conf.${device}.ignore_routes_with_linkdown=${dice.chance(0.3) ? 1 : 0}`);
    if (number === 6) continue;
    settings.push(`net.ipv4.conf.${device}.rp_filter=${dice.chance(0.7) ? 0 : dice.pick([1, 2])}`);
    settings.push(`net.ipv4.conf.${device}.src_valid_mark=${dice.chance(0.3) ? 1 : 0}`);
    settings.push(`net.ipv4.conf.${device}.accept_local=${dice.chance(0.2) ? 1 : 0}`);
    settings.push(`net.ipv4.conf.${device}.route_localnet=${dice.chance(0.1) ? 1 : 0}`);
    settings.push(`net.ipv4.conf.${device}.send_redirects=${dice.chance(0.3) ? 1 : 0}`);
  }
  if (number === 4)
    settings.push(
      `net.ipv4.conf.all.rp_filter=${dice.chance(0.85) ? 0 : dice.pick([1, 2])}`,
      `net.ipv4.fib_multipath_hash_policy=1`,
      `net.ipv4.fib_multipath_use_neigh=${dice.chance(0.3) ? 1 : 0}`,
    );
  else settings.push(`net.ipv6.conf.all.forwarding=${dice.chance(0.7) ? 1 : 0}`, 'net.ipv6.fib_multipath_hash_policy=1');
  return settings;
}

/** What to ask: destinations and sources of the pools, and all selectors of the rules. */
export function randomQuery(dice: Dice, family: Family, addresses: readonly string[]): RouteQuery {
  const near = (): string => (dice.chance(0.15) && addresses.length > 0 ? dice.pick(addresses) : randomAddress(dice, family));
  const last = family.number === 4 ? dice.pick(['255', '3', '127', '9', '77']) : dice.pick(['9', '77', 'ffff', '3', '']);
  const somewhere = (): string =>
    dice.chance(0.5) ? near() : dice.chance(0.4) ? dice.pick(family.special) : `${family.network(dice.below(10))}${last}`;
  const query: RouteQuery = { destination: somewhere() };
  const own = (): string | undefined => (addresses.length > 0 ? dice.pick(addresses) : undefined);
  if (dice.chance(0.35)) {
    query.in = dice.pick(DEVICES);
    query.source = dice.chance(0.1) ? (own() ?? near()) : somewhere();
  } else {
    if (dice.chance(0.5)) query.source = dice.chance(0.95) ? (own() ?? near()) : somewhere();
    if (dice.chance(0.2)) query.out = dice.pick(DEVICES);
    if (dice.chance(0.1)) query.uid = dice.pick([0, 5, 1500]);
  }
  if (dice.chance(0.4)) query.mark = dice.pick(MARKS);
  if (dice.chance(0.15)) query.tos = dice.pick([0x10, 0x08, 0x04, 0x28, 0xb8]);
  if (dice.chance(0.5)) {
    query.protocol = dice.pick([6, 17, 17, family.number === 4 ? 1 : 58]);
    if (query.protocol === 6 || query.protocol === 17) {
      if (dice.chance(0.7)) query.sourcePort = dice.pick(PORTS) + (dice.chance(0.2) ? 7 : 0);
      if (dice.chance(0.7)) query.destinationPort = dice.pick(PORTS) + (dice.chance(0.2) ? 7 : 0);
    }
  }
  return query;
}
