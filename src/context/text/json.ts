import type { AddressesDocument, LinkDocument, NeighbourDocument, RouteDocument, RuleDocument } from '../document.ts';
import { wellFormed } from '../entries.ts';
import { type BgpTable, type Note, type Part, type RoutesPart, type RulesPart, withFamily } from '../part.ts';
import type { Command } from './command.ts';
import { plainRuleset } from './firewall.ts';
import { scopeOf } from './ip-links.ts';

/**
 * What a JSON output says, recognised by its keys; undefined for JSON of something else. Types are not looked at here: `assemble` leaves out what is
 * otherwise than it should be.
 */
export function partOfJson(value: unknown, command: Command | undefined): Part | undefined {
  const notes: Note[] = command?.isFiltered ? [{ what: `${command.shows}s`, why: `"${command.text}" shows only some of them` }] : [];
  if (!Array.isArray(value)) return objectPart(value);
  // Old versions print {} for what an option left out.
  const list = value.filter(
    (each): each is Record<string, unknown> => each !== null && typeof each === 'object' && Object.keys(each).length > 0,
  );
  const first = list[0];
  if (!first) return value.length === 0 || command ? emptyPart(command) : undefined;
  const has = (name: string): boolean => list.some((each) => Object.hasOwn(each, name));
  if (has('addr_info')) {
    const { addresses = [] } = linksPart(list);
    return { addresses: wellFormed('addresses', addresses, notes), notes };
  }
  if (has('ifname')) return { links: wellFormed('links', list as unknown as LinkDocument[], notes), notes };
  if (has('priority')) return { rules: rulesPart(wellFormed('rules', list as unknown as RuleDocument[], notes), command), notes };
  if (has('dst') && (has('lladdr') || has('proxy') || list.some(({ state }) => Array.isArray(state)))) {
    return { neighbours: wellFormed('neighbours', list as unknown as NeighbourDocument[], notes), notes };
  }
  // What `ip route get` answers is no route.
  if (has('dst') && (has('uid') || has('cache'))) return {};
  return has('dst') ? { routes: routesPart(wellFormed('routes', list as unknown as RouteDocument[], notes), command), notes } : undefined;
}

function rulesPart(list: RuleDocument[], command: Command | undefined): RulesPart {
  const isV6 = command?.family === 6 || list.some(({ src, dst }) => src?.includes(':') || dst?.includes(':'));
  const isV4 = command?.shows === 'rule' || list.some(({ src = '', table }) => /^\d+\./.test(src) || table === 'default');
  return { family: isV6 ? 6 : isV4 ? 4 : undefined, list };
}

function routesPart(given: RoutesPart['list'], command: Command | undefined): RoutesPart {
  const { table, family } = command ?? {};
  const own = table === 'all' ? undefined : table;
  const list = given.map(({ type, table: shown, ...route }) => {
    // `-d` names what is otherwise left out.
    const of = shown ?? own;
    return {
      ...(type !== undefined && type !== 'unicast' ? { type } : {}),
      ...route,
      ...(of === undefined || of === 'main' ? {} : { table: of }),
    };
  });
  const isAll = table === 'all' || (table === undefined && list.some((route) => route.table !== undefined));
  const only = family ?? (isAll ? undefined : list.some((route) => route.pref !== undefined || route.dst.includes(':')) ? 6 : 4);
  return { family: only, table: isAll ? 'all' : (table ?? 'main'), by: 'ip', list: withFamily(list, family) };
}

/** `ip -j address`; `-br` leaves families and scopes out, `-o` puts the interface into each address. */
function linksPart(list: readonly Record<string, unknown>[]): Part {
  const addresses = new Map<string, AddressesDocument>();
  for (const each of list) {
    const infos = (Array.isArray(each.addr_info) ? each.addr_info : []) as (AddressesDocument['addr_info'][number] & {
      index?: number;
      dev?: string;
    })[];
    const { index, dev } = infos[0] ?? {};
    const found = { ...(index === undefined ? {} : { ifindex: index }), ifname: dev, ...each } as unknown as AddressesDocument;
    const completed = infos
      .filter((info) => info !== null && typeof info === 'object' && typeof info.local === 'string')
      .map(({ index: _index, dev: _dev, ...info }) => ({
        ...info,
        family: info.family ?? (info.local.includes(':') ? 'inet6' : 'inet'),
        scope: info.scope ?? scopeOf(info.local),
      }));
    const known = addresses.get(found.ifname);
    if (known) known.addr_info.push(...completed);
    else addresses.set(found.ifname, { ...found, addr_info: completed });
  }
  return { addresses: [...addresses.values()] };
}

/** `[]`: nothing there, which is worth knowing where the command says of what. */
function emptyPart(command: Command | undefined): Part | undefined {
  if (command?.isFiltered) return {};
  if (command?.shows === 'neighbour') return { neighbours: [] };
  if (command?.shows === 'route') return { routes: routesPart([], command) };
  return command?.shows === 'rule' ? { rules: { family: command.family ?? 4, list: [] } } : undefined;
}

function objectPart(value: unknown): Part | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (Object.hasOwn(value, 'nftables')) return { nftables: plainRuleset(value) };
  const table = bgpOf(value);
  return table && { bgp: table };
}

/** FRR puts a table into another object where it was asked for several (`show bgp vrf all json`, `show bgp json`). */
export function bgpOf(value: object): BgpTable | undefined {
  const isTable = (each: unknown): each is BgpTable => {
    if (each === null || typeof each !== 'object' || !Object.hasOwn(each, 'routes')) return false;
    const { routes } = each as BgpTable;
    return (
      routes !== null &&
      typeof routes === 'object' &&
      !Array.isArray(routes) &&
      (Object.hasOwn(each, 'routerId') || Object.hasOwn(each, 'vrfName'))
    );
  };
  if (isTable(value)) return value;
  for (const name of ['ipv4Unicast', 'default']) {
    const inner = (value as Record<string, unknown>)[name];
    const found = inner !== null && typeof inner === 'object' ? bgpOf(inner) : undefined;
    if (found) return found;
  }
  return undefined;
}
