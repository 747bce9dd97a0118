import { canonicalIp, parseIpv4 } from '../../net/ip.ts';
import type { BgpPath, BgpTable } from '../part.ts';
import { type Block, integer, type Parser, type Said, wordsOf } from './block.ts';

/** `show ip bgp`, `show bgp ipv4 unicast` of FRR and Quagga (bgpd/bgp_route.c, route_vty_out): columns under a heading. */
export const bgpTable: Parser = {
  name: 'show ip bgp',
  starts: (line) => VERSION.test(line) || HEADING.test(line),
  open: () => new Table(),
};

const VERSION = /^BGP table version is \d+, local router ID is (\S+?)(?:,|$)/;
const HEADING = /^\s*Network\s+Next ?Hop\s+Metric\s+LocPrf\s+Weight\s+Path/;
const LEGEND = new RegExp(
  `^(${[
    'Status codes|Origin codes|Nexthop codes|RPKI validation codes|Default local pref|Route Distinguisher',
    String.raw`\s+i internal|\s+i - internal|\s+r RIB|\s+S Stale`,
    'Displayed|Total number|No BGP',
  ].join('|')})`,
);
const STATUS = /^[\sVINsdhu*>=iRrSb]{1,6}(?=\s|\d|[0-9a-f]*:|$)/;

interface Columns {
  network: number;
  metric: number;
  locPrf: number;
  weight: number;
  path: number;
}

class Table implements Block {
  private readonly table: BgpTable = { routes: {} };
  private columns: Columns | undefined;
  private network = '';
  /** The status and next hop of a line that goes on in the next one. */
  private open: { status: string; hop: string | undefined } | undefined;
  private readonly misread: string[] = [];

  take(line: string): boolean {
    const version = VERSION.exec(line);
    if (version) {
      if (Object.keys(this.table.routes).length > 0) return false;
      this.table.routerId = version[1] ?? '';
      return true;
    }
    if (HEADING.test(line)) {
      const end = (name: string): number => line.indexOf(name) + name.length;
      this.columns = {
        network: line.indexOf('Network'),
        metric: end('Metric'),
        locPrf: end('LocPrf'),
        weight: end('Weight'),
        path: line.indexOf('Path'),
      };
      return true;
    }
    const as = integer(/local AS (\d+)/.exec(line)?.[1]);
    if (as !== undefined) this.table.localAS = as;
    if (LEGEND.test(line)) return true;
    return this.columns !== undefined && this.takeEntry(line, this.columns);
  }

  private takeEntry(line: string, columns: Columns): boolean {
    const isRest = this.open !== undefined && /^\s{12,}/.test(line);
    const status = isRest ? '' : line.slice(0, columns.network);
    if (!isRest && !STATUS.test(`${status} `)) return false;
    let from = isRest ? 0 : columns.network;
    // A status that is wider than its heading pushes nothing: it is written up to the network.
    const words = [...line.slice(from).matchAll(/\S+/g)].map((match) => ({
      text: match[0],
      start: from + match.index,
      end: from + match.index + match[0].length,
    }));
    const record = this.open ?? { status, hop: undefined };
    const first = words[0];
    if (!isRest && first && isNetwork(first.text) && first.start <= columns.network + 1) {
      this.network = networkOf(words.shift()?.text ?? '');
      from = first.end;
    }
    if (record.hop === undefined && words[0] && canonicalIp(hopOf(words[0].text).ip) !== undefined) record.hop = words.shift()?.text;
    const last = words.at(-1);
    if (record.hop === undefined || !last || !/^[ie?]$/.test(last.text)) {
      // Addresses that are longer than their columns are followed by a new line.
      if (words.length > 0 || this.network === '') return this.unknown(line, isRest);
      this.open = record;
      return true;
    }
    this.open = undefined;
    this.add(record.status, record.hop, words, columns);
    return true;
  }

  private unknown(line: string, isRest: boolean): boolean {
    this.open = undefined;
    if (isRest) this.misread.push(line);
    return isRest;
  }

  private add(status: string, nextHop: string, words: readonly { text: string; start: number; end: number }[], columns: Columns): void {
    const { ip, hostname } = hopOf(nextHop);
    const path: BgpPath = { network: this.network, nexthops: [] };
    if (status.includes('*')) path.valid = true;
    if (status.includes('>')) path.bestpath = true;
    if (status.includes('=')) path.multipath = true;
    path.pathFrom = /[*>=\s]i/.test(status) ? 'internal' : 'external';
    const asPath: string[] = [];
    for (const { text, start, end } of words.slice(0, -1)) {
      if (start >= columns.path) asPath.push(text);
      else if (integer(text) === undefined) continue;
      else if (end <= columns.metric) path.metric = Number(text);
      else if (end <= columns.locPrf) path.locPrf = Number(text);
      else path.weight = Number(text);
    }
    path.path = asPath.join(' ');
    path.origin = ORIGINS[words.at(-1)?.text ?? ''] ?? 'incomplete';
    path.nexthops.push({ ip, ...(hostname ? { hostname } : {}), afi: ip.includes(':') ? 'ipv6' : 'ipv4', used: true });
    const known = Object.hasOwn(this.table.routes, this.network) ? this.table.routes[this.network] : undefined;
    if (known) known.push(path);
    else this.table.routes[this.network] = [path];
  }

  end(): Said {
    return { parts: [{ bgp: this.table }], misread: this.misread };
  }
}

const ORIGINS: Readonly<Record<string, string>> = { i: 'IGP', e: 'EGP', '?': 'incomplete' };

/** `10.2.30.61(aws_jpn1)`, `10.2.30.61@3<`. */
function hopOf(word: string): { ip: string; hostname: string | undefined } {
  const [, ip = '', hostname] = /^([0-9a-f.:]+)(?:\(([^)]*)\))?(?:@\d+)?<?$/i.exec(word) ?? [];
  return { ip, hostname };
}

const isNetwork = (word: string): boolean => canonicalIp(word.split('/')[0] ?? '') !== undefined;

/** Old ones leave the length out where it is that of the address class. */
function networkOf(word: string): string {
  if (word.includes('/')) return word;
  const first = (parseIpv4(word) ?? 0) >>> 24;
  return `${word}/${word === '0.0.0.0' ? 0 : first < 128 ? 8 : first < 192 ? 16 : 24}`;
}

/** `show route all` of BIRD 1 and 2 (nest/rt-table.c, rt_show_rte; proto/bgp/attrs.c): those of BGP. */
export const birdRoutes: Parser = {
  name: 'birdc show route',
  starts: (line) => /^BIRD v?\d[\w.-]* ready\.$/.test(line) || /^Table master\w*:$/.test(line) || birdEntry(line) !== undefined,
  open: () => new Bird(),
};

interface BirdEntry {
  network: string | undefined;
  protocol: string;
  from: string | undefined;
  isBest: boolean;
  as: string | undefined;
  hop: string | undefined;
}

const BIRD_ENTRY = new RegExp(
  [
    String.raw`^(\S+\/\d+)?\s+(?:(unicast|blackhole|unreachable|prohibited)|via (\S+) on \S+|dev \S+)?`,
    String.raw`\s*\[(\S+) [\d:.-]+( from (\S+?))?\]`,
    String.raw`(?: (\*))?(?: [*!-])? \([\d/?]+\)(?: \[(?:AS(\d+))?([ie?])\])?`,
  ].join(''),
);

/** `203.0.113.0/24       unicast [peer1 10:20:30.456 from 192.0.2.1] * (100) [AS64520i]`; BIRD 1 has the next hop before the bracket. */
function birdEntry(line: string): BirdEntry | undefined {
  const match = BIRD_ENTRY.exec(line);
  if (!match) return undefined;
  const [, network, , hop, protocol = '', , from, best, as] = match;
  return { network, protocol, from, isBest: best !== undefined, as, hop };
}

class Bird implements Block {
  private readonly table: BgpTable = { routes: {} };
  private network = '';
  private path: BgpPath | undefined;
  private isBgp = false;

  take(line: string): boolean {
    if (/^(BIRD v?\d|Table |Access restricted)/.test(line)) return true;
    const entry = birdEntry(line);
    if (entry) {
      this.close();
      this.network = entry.network ?? this.network;
      this.isBgp = entry.as !== undefined;
      this.path = { valid: true, network: this.network, protocol: entry.protocol, nexthops: [] };
      if (entry.isBest) this.path.bestpath = true;
      if (entry.from !== undefined) this.path.peerId = entry.from;
      if (entry.hop !== undefined) this.setHop(entry.hop);
      return true;
    }
    if (!this.path) return false;
    if (/^\s+(via|dev) /.test(line)) {
      if (this.path.nexthops.length === 0) this.setHop(/via (\S+)/.exec(line)?.[1]);
      return true;
    }
    const [, name, value = ''] = /^\s+(?:BGP\.)([a-z_]+): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      this.isBgp = true;
      this.attribute(name, value.trim());
      return true;
    }
    return /^\s+(Type|[A-Za-z_]+\.[a-z_0-9]+|Internal route handling|[A-Za-z ]+):?/.test(line);
  }

  private attribute(name: string, value: string): void {
    const { path } = this;
    if (!path) return;
    if (name === 'origin') path.origin = value === 'Incomplete' ? 'incomplete' : value;
    else if (name === 'as_path') path.path = value;
    else if (name === 'med') path.metric = integer(value) ?? 0;
    else if (name === 'local_pref') path.locPrf = integer(value) ?? 100;
    else if (name === 'next_hop') this.setHop(wordsOf(value)[0]);
  }

  private setHop(ip: string | undefined): void {
    if (!this.path || ip === undefined || canonicalIp(ip) === undefined) return;
    this.path.nexthops = [{ ip, afi: ip.includes(':') ? 'ipv6' : 'ipv4', used: true }];
  }

  private close(): void {
    if (!this.path || !this.isBgp) return;
    const { routes } = this.table;
    if (Object.hasOwn(routes, this.network)) routes[this.network]?.push(this.path);
    else routes[this.network] = [this.path];
  }

  end(): Said {
    this.close();
    return { parts: Object.keys(this.table.routes).length > 0 ? [{ bgp: this.table }] : [], misread: [] };
  }
}
