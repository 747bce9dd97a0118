import { ipWords } from '../net/ip.ts';
import type { Assumption, Host, Route, Rule } from './host.ts';
import { TABLE_LOCAL, TABLE_MAIN } from './names.ts';
import { type Family, maskedWords, type Words } from './prefix.ts';
import { localRoutes } from './routes.ts';
import { areDefaultRules, defaultRules } from './rules.ts';

/** A rule with its prefixes in words. */
export interface ReadyRule {
  rule: Rule;
  from: Words | null;
  to: Words | null;
}

/**
 * Routes of one table, found by the destination: all that cover it, the longest prefix first, those of one prefix in the order in which the
 * kernel tries them. It is made ready when it is asked first: most tables of a host never are.
 */
export class RouteTable {
  /** In the order in which the kernel lists them. */
  readonly routes: readonly Route[];
  private readonly family: Family;
  private readonly byLength = new Map<number, Map<string | number, Route[]>>();
  private lengths: number[] | undefined;

  constructor(family: Family, routes: readonly Route[]) {
    this.family = family;
    this.routes = routes;
  }

  *covering(destination: Words): Generator<readonly Route[]> {
    this.lengths ??= this.order();
    for (const length of this.lengths) {
      const same = this.byLength.get(length)?.get(this.keyOf(destination, length));
      if (same !== undefined) yield same;
    }
  }

  private order(): number[] {
    for (const route of this.routes) {
      const { ip, length } = route.prefix;
      const ofLength = this.byLength.get(length) ?? new Map<string | number, Route[]>();
      this.byLength.set(length, ofLength);
      const key = this.keyOf(ipWords(ip), length);
      const same = ofLength.get(key);
      if (same === undefined) ofLength.set(key, [route]);
      else same.push(route);
    }
    for (const ofLength of this.byLength.values()) for (const same of ofLength.values()) if (same.length > 1) same.sort(inOrder);
    return [...this.byLength.keys()].sort((a, b) => b - a);
  }

  private keyOf(words: Words, length: number): string | number {
    const [a, b, c, d] = maskedWords(words, this.family, length);
    return this.family === 4 ? d : `${a},${b},${c},${d}`;
  }
}

/**
 * net/ipv4/fib_trie.c `fib_find_alias`: tables of one trie, the greater number first, then the greater TOS, then the smaller metric;
 * net/ipv6/ip6_fib.c: by metric.
 */
const inOrder = (a: Route, b: Route): number => b.table - a.table || (a.family === 4 ? b.tos - a.tos : 0) || a.metric - b.metric;

/** Rules and tables of one family of a host, made ready for look-ups. */
export interface Tables {
  rules: readonly ReadyRule[];
  /** No rule was ever added, as far as the rules tell: local and main of IPv4 are one trie then, and rules are not gone through. */
  isPlain: boolean;
  /** Tables by number; without those that have no route. */
  tables: ReadonlyMap<number, RouteTable>;
  /** Of IPv4: local and main as one. */
  localAndMain: RouteTable;
  /** Routes of this family were read; without them only what is local is known. */
  isKnown: boolean;
  assumed: readonly Assumption[];
  /** Tables that were not read are not empty, but unknown. */
  areAllTablesRead: boolean;
}

const ready = new WeakMap<Host, Partial<Record<Family, Tables>>>();

/** Hosts that were made of others by a change. */
const origins = new WeakMap<Host, Host>();

/** Says that most of a host's routes are those of another: tables that did not change are taken over. */
export function derive(host: Host, from: Host): void {
  origins.set(host, from);
}

/** Made at the first look-up of a host, and kept as long as the host is. */
export function tablesOf(host: Host, family: Family): Tables {
  const both = ready.get(host) ?? {};
  ready.set(host, both);
  const tables = both[family] ?? makeTables(host, family);
  both[family] = tables;
  return tables;
}

function makeTables(host: Host, family: Family): Tables {
  const read = host.routes?.filter((route) => route.family === family);
  const { document } = host;
  const rulesWereRead = (family === 4 ? document.rules : document.rules6) !== undefined;
  const isLocalRead = (document.routes ?? []).some(
    ({ table, dst }) => (table === 'local' || table === TABLE_LOCAL) && dst.includes(':') === (family === 6),
  );
  const byTable = new Map<number, Route[]>();
  for (const route of read ?? localRoutes(document.addresses ?? [], family)) {
    const list = byTable.get(route.table);
    if (list === undefined) byTable.set(route.table, [route]);
    else list.push(route);
  }
  const origin = origins.get(host);
  const known = origin && ready.get(origin)?.[family];
  const rules = rulesWereRead ? (host.rules ?? []).filter((rule) => rule.family === family) : defaultRules(family);
  const both = [...(byTable.get(TABLE_LOCAL) ?? []), ...(byTable.get(TABLE_MAIN) ?? [])];
  return {
    rules: rules.map((rule) => ({ rule, from: rule.from && ipWords(rule.from.ip), to: rule.to && ipWords(rule.to.ip) })),
    isPlain: areDefaultRules(rules, family),
    tables: new Map([...byTable].map(([table, list]) => [table, tableOf(family, list, known?.tables.get(table))])),
    localAndMain: tableOf(family, both, known?.localAndMain),
    isKnown: read !== undefined && (family === 4 || rulesWereRead || read.some(({ table }) => table !== TABLE_LOCAL)),
    assumed: [...(isLocalRead ? [] : (['local-routes'] as const)), ...(rulesWereRead ? [] : (['rules'] as const))],
    areAllTablesRead: isLocalRead,
  };
}

/** The table as it was, where it has the same routes. */
function tableOf(family: Family, routes: readonly Route[], before: RouteTable | undefined): RouteTable {
  const isSame = before?.routes.length === routes.length && before.routes.every((route, i) => route === routes[i]);
  return isSame ? before : new RouteTable(family, routes);
}
