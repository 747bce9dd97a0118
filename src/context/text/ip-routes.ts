import { canonicalIp } from '../../net/ip.ts';
import type { RouteDocument } from '../document.ts';
import { familyOf, type Note, withFamily } from '../part.ts';
import { type Block, Entries, integer, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `ip route`, of iproute2 (ip/iproute.c, print_route) and of BusyBox. */
export const ipRoutes: Parser = {
  name: 'ip route',
  starts: (line, command) => beginsRoute(line) && (!isBare(line) || command?.shows === 'route' || command?.shows === 'route-get'),
  open: (command) => new Routes(command),
};

const TYPES = new Set(['unicast', 'local', 'broadcast', 'multicast', 'anycast', 'blackhole', 'unreachable', 'prohibit', 'throw', 'nat']);
/** Words that a value follows. */
const WITH_VALUE = new Set(
  wordsOf(`from tos dsfield nhid via dev table proto scope src realms realm metric pref expires error users age used ipid iif oif uid mark weight
    ttl-propagate mtu advmss window rtt rttvar rto_min hoplimit initcwnd initrwnd quickack congctl features ssthresh cwnd reordering
    fastopen_no_cookie`),
);
const METRICS = new Set(
  wordsOf('mtu advmss window rtt rttvar rto_min hoplimit initcwnd initrwnd quickack congctl features ssthresh cwnd reordering'),
);
/** Words that stand alone. */
const FLAGS = new Set(
  'onlink linkdown dead pervasive offload offload_failed rt_offload rt_offload_failed rt_trap trap unresolved notify cloned'.split(' '),
);

const isAddress = (word: string): boolean => canonicalIp(word) !== undefined;
const isPrefix = (word: string): boolean => {
  const [address = '', length] = word.split('/');
  return isAddress(address) && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (address.includes(':') ? 128 : 32)));
};
const isDestination = (word: string | undefined): boolean => word !== undefined && (word === 'default' || isPrefix(word));

function beginsRoute(line: string): boolean {
  const words = wordsOf(line);
  const at = TYPES.has(words[0] ?? '') ? 1 : 0;
  if (!isDestination(words[at]) || /^\s{4}/.test(line)) return false;
  const next = words[at + 1];
  if (next === undefined) return true;
  // Neighbours: `lladdr`, or a state at the end.
  if (words.includes('lladdr') || words.includes('proxy') || /^[A-Z_]+$/.test(words.at(-1) ?? '')) return false;
  return WITH_VALUE.has(next) || FLAGS.has(next) || next === 'encap';
}

/** A destination alone: the first line of a route with several next hops, or no route at all. */
const isBare = (line: string): boolean => wordsOf(line).length === 1;

const continues = (line: string, before: string): boolean => {
  const first = wordsOf(line)[0] ?? '';
  return first !== '' && (WITH_VALUE.has(first) || FLAGS.has(first) || WITH_VALUE.has(wordsOf(before).at(-1) ?? '') || first === 'lock');
};

class Routes implements Block {
  private readonly command: Command | undefined;
  private readonly entries = new Entries(beginsRoute, {
    belongs: (line) => /^\s*nexthop\s|^\s+(cache|nh_info)\b/.test(line),
    continues,
  });

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    return this.entries.take(line);
  }

  end(): Said {
    const { family, table, of, shows } = this.command ?? {};
    // What `ip route get` answers is no route.
    if (shows === 'route-get') return { parts: [], misread: [] };
    const misread: string[] = [];
    const list: RouteDocument[] = [];
    let isBusybox = this.command?.isBusybox === true;
    for (const [first = '', ...more] of this.entries.list) {
      if (/\suid \d+/.test(first) || more.some((line) => /^\s+cache\b/.test(line))) continue;
      const route = routeOf(first, more);
      if (!route) {
        misread.push(first);
        continue;
      }
      if (table !== undefined && table !== 'all' && table !== 'main' && route.table === undefined) route.table = table;
      if (
        of !== undefined &&
        this.command?.isFiltered &&
        route.dev === undefined &&
        !route.nexthops &&
        (route.type ?? 'unicast') === 'unicast'
      )
        route.dev = of;
      if (isBare(first) && more.length === 0) isBusybox = true;
      list.push(route);
    }
    const isAll = table === 'all' || (table === undefined && list.some((route) => route.table !== undefined));
    return {
      parts: [
        {
          routes: {
            family: family ?? (isAll ? undefined : onlyFamily(list)),
            table: isAll ? 'all' : (table ?? 'main'),
            by: 'ip',
            list: withFamily(list, family),
          },
          notes: notesOf(this.command, isBusybox, list),
        },
      ],
      misread,
    };
  }
}

/** The family of a listing of one table; IPv4 where nothing says otherwise. */
const onlyFamily = (list: readonly RouteDocument[]): 4 | 6 =>
  list.some((route) => familyOf(route) === 6) && !list.some((route) => familyOf(route) === 4) ? 6 : 4;

function notesOf(command: Command | undefined, isBusybox: boolean, list: readonly RouteDocument[]): Note[] {
  const notes: Note[] = [];
  if (command?.isFiltered) notes.push({ what: 'routes', why: `"${command.text}" shows only some of them` });
  const hidden = list.filter(({ dev, type = 'unicast', nexthops }) => dev === undefined && !nexthops && type === 'unicast').length;
  if (isBusybox && hidden > 0) {
    notes.push({
      what: 'next hops of routes',
      why: `BusyBox does not show several next hops of one route: ${hidden} of the routes ${hidden === 1 ? 'is' : 'are'} without`,
    });
  }
  return notes;
}

/** The route as `ip -j` prints it. */
export function routeOf(first: string, more: readonly string[] = []): RouteDocument | undefined {
  const words = wordsOf(first);
  const type = TYPES.has(words[0] ?? '') ? words.shift() : undefined;
  const dst = words.shift();
  if (!isDestination(dst) || dst === undefined) return undefined;
  const route: Read = { ...(type !== undefined && type !== 'unicast' ? { type } : {}), dst, flags: [] };
  if (!readWords(words, route)) return undefined;
  const hops = more.filter((line) => /^\s*nexthop\s/.test(line));
  if (hops.length > 0) {
    route.nexthops = [];
    for (const line of hops) {
      const hop: Read = { dst, flags: [] };
      if (!readWords(wordsOf(line).slice(1), hop)) return undefined;
      const { gateway, via, dev, flags = [] } = hop;
      route.nexthops.push({
        ...(gateway ? { gateway } : {}),
        ...(via ? { via } : {}),
        ...(dev ? { dev } : {}),
        weight: hop.weight ?? 1,
        flags,
      });
    }
  }
  delete route.weight;
  return route;
}

type Read = RouteDocument & { weight?: number };

/** Puts the words behind a destination into `route`; false where one of them is not known. */
function readWords(words: readonly string[], route: Read): boolean {
  const metrics: Record<string, unknown> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (FLAGS.has(word)) {
      route.flags?.push(word);
      continue;
    }
    if (word === 'encap') {
      while (i + 1 < words.length && !/^(via|dev)$/.test(words[i + 1] ?? '')) i++;
      continue;
    }
    // `[flags]`, `notify` and numbers of `cache` lines say nothing of the way.
    if (!WITH_VALUE.has(word)) return false;
    let value = words[++i];
    if (value === 'lock') value = words[++i];
    if (value === undefined) return false;
    if (METRICS.has(word)) metrics[word] = integer(value) ?? value;
    else if (word === 'via' && (value === 'inet6' || value === 'inet')) route.via = { family: value, host: words[++i] ?? '' };
    else set(route, word, value);
  }
  if (Object.keys(metrics).length > 0) route.metrics = [metrics];
  return true;
}

function set(route: Read, word: string, value: string): void {
  switch (word) {
    case 'via':
      route.gateway = value;
      break;
    case 'dev':
      route.dev = value;
      break;
    case 'table':
      if (value !== 'main') route.table = value;
      break;
    case 'proto':
      route.protocol = value;
      break;
    case 'scope':
      route.scope = value;
      break;
    case 'src':
      route.prefsrc = value;
      break;
    case 'from':
      if (value !== 'all') route.from = value;
      break;
    case 'metric':
      route.metric = integer(value) ?? 0;
      break;
    case 'tos':
    case 'dsfield':
      route.tos = value;
      break;
    case 'pref':
      route.pref = value;
      break;
    case 'nhid':
      route.nhid = integer(value) ?? 0;
      break;
    case 'weight':
      route.weight = integer(value) ?? 1;
      break;
  }
}
