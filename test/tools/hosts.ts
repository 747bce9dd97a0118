import type { HostDocument, RouteDocument, RuleDocument } from '../../src/context/document.ts';
import type { Host } from '../../src/context/host.ts';
import { hostOf } from '../../src/context/model.ts';

/** What a host of a test says of itself, in short. */
export interface Told {
  name?: string;
  kernel?: string;
  /** `['wan1 198.51.100.2/28', …]`, with the cards in the order of their indexes from 2 on; lo is there anyway. */
  addresses: readonly string[];
  /** As commands have them: `default via 198.51.100.1 dev wan1 table 101`; what is on a link need not be told. */
  routes?: readonly string[];
  /** `32765: from 198.51.100.2 lookup 101`; the kernel's own are there anyway. */
  rules?: readonly string[];
  rules6?: readonly string[];
  sysctls?: Record<string, string>;
  more?: Partial<HostDocument>;
}

/** A host made of few words. */
export function hostOfWords({
  name = 'server',
  kernel = '6.18.44',
  addresses,
  routes = [],
  rules = [],
  rules6 = [],
  sysctls = {},
  more = {},
}: Told): Host {
  const told = ['lo 127.0.0.1/8', ...addresses].map((each) => {
    const [ifname = '', address = ''] = each.split(' ');
    const [local = '', length] = address.split('/');
    return { ifname, local, prefixlen: Number(length), family: local.includes(':') ? 'inet6' : 'inet' };
  });
  const names = [...new Set(told.map(({ ifname }) => ifname))];
  const links = names.map((ifname, i) => ({
    ifindex: i + 1,
    ifname,
    flags: ['UP', 'LOWER_UP'],
    operstate: 'UP',
    link_type: ifname === 'lo' ? 'loopback' : 'ether',
    address: `02:00:00:00:00:0${i + 1}`,
  }));
  return hostOf({
    hostname: name,
    kernel,
    time: '2026-01-01T00:00:00Z',
    links,
    addresses: names.map((ifname, i) => ({
      ifindex: i + 1,
      ifname,
      addr_info: told
        .filter((each) => each.ifname === ifname)
        .map(({ local, prefixlen, family }) => ({ family, local, prefixlen, scope: 'global' })),
    })),
    routes: [...told.filter(({ ifname }) => ifname !== 'lo').map(connected), ...routes.map(routeOf)],
    rules: [...OWN, ...rules.map(ruleOf)],
    rules6: [...OWN6, ...rules6.map(ruleOf)],
    sysctls,
    ...more,
  });
}

const OWN: RuleDocument[] = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32766, src: 'all', table: 'main' },
  { priority: 32767, src: 'all', table: 'default' },
];
const OWN6 = OWN.slice(0, 2);

function connected({ ifname, local, prefixlen }: { ifname: string; local: string; prefixlen: number }): RouteDocument {
  return {
    dst: `${local}/${prefixlen}`,
    dev: ifname,
    protocol: 'kernel',
    scope: 'link',
    ...(local.includes(':') ? {} : { prefsrc: local }),
  };
}

/** `DESTINATION [via G] [dev D] [src S] [table T] [metric N]`, and `nexthop via G dev D` again and again. */
function routeOf(text: string): RouteDocument {
  const [head = '', ...hops] = text.split(' nexthop ');
  const [dst = '', ...words] = head.split(' ');
  const named = pairsOf(words);
  const nexthops = hops.map((hop) => ({ ...hopOf(pairsOf(hop.split(' '))), weight: 1 }));
  return {
    dst,
    ...hopOf(named),
    ...(named.src === undefined ? {} : { prefsrc: named.src }),
    ...(named.table === undefined ? {} : { table: named.table }),
    ...(named.metric === undefined ? {} : { metric: Number(named.metric) }),
    ...(nexthops.length === 0 ? {} : { nexthops }),
  };
}

const hopOf = ({ via, dev }: Record<string, string>): { gateway?: string; dev?: string } => ({
  ...(via === undefined ? {} : { gateway: via }),
  ...(dev === undefined ? {} : { dev }),
});

function ruleOf(text: string): RuleDocument {
  const [priority, ...words] = text.split(' ');
  const { from = 'all', to, lookup, fwmark, iif } = pairsOf(words);
  const [src = '', srclen] = from.split('/');
  const [dst, dstlen] = to?.split('/') ?? [];
  return {
    priority: Number.parseInt(priority ?? '', 10),
    src,
    ...(srclen === undefined ? {} : { srclen: Number(srclen) }),
    ...(dst === undefined ? {} : { dst }),
    ...(dstlen === undefined ? {} : { dstlen: Number(dstlen) }),
    ...(lookup === undefined ? {} : { table: lookup }),
    ...(fwmark === undefined ? {} : { fwmark }),
    ...(iif === undefined ? {} : { iif }),
  };
}

const pairsOf = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? '']] : [])));
