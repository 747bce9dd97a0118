import { canonicalIp } from '../../net/ip.ts';
import type { NeighbourDocument, RouteDocument } from '../document.ts';
import { type Family, withFamily } from '../part.ts';
import { type Block, integer, type Parser, type Said, wordsOf } from './block.ts';
import { lengthOfMask } from './ifconfig.ts';

/** `route -n`, `netstat -rn`: the main table. */
export const netToolsRoutes: Parser = {
  name: 'route -n',
  starts: (line) => HEADER.test(line) || TITLE.test(line) || columnsOf(line) !== undefined,
  open: (command) => new Table(command?.family === 6 ? 6 : undefined),
};

const TITLE = /^Kernel (IPv6|IP) routing table/;
const HEADER = /^Destination\s+(Gateway\s+Genmask\s+Flags|Next Hop\s+Flags?)\b/;

class Table implements Block {
  private family: Family | undefined;
  private hasMetric = true;
  private readonly lines: string[] = [];

  constructor(family: Family | undefined) {
    this.family = family;
  }

  take(line: string): boolean {
    const title = TITLE.exec(line);
    if (title) {
      // Two tables in one output: the next one begins a block of its own.
      if (this.lines.length > 0) return false;
      this.family = title[1] === 'IPv6' ? 6 : 4;
      return true;
    }
    if (HEADER.test(line)) {
      if (this.lines.length > 0) return false;
      this.hasMetric = /\bMet(ric)?\b/.test(line);
      if (/Next Hop/.test(line)) this.family = 6;
      return true;
    }
    if (!columnsOf(line)) return false;
    this.lines.push(line);
    return true;
  }

  end(): Said {
    const list: RouteDocument[] = [];
    const misread: string[] = [];
    for (const line of this.lines) {
      const columns = columnsOf(line);
      if (columns?.family === 6) {
        const route = ipv6Route(columns.words);
        if (route) list.push(route);
      } else {
        const route = columns && ipv4Route(columns.words, this.hasMetric);
        if (route) list.push(route);
        else misread.push(line);
      }
    }
    const family = this.family ?? 4;
    return {
      parts: list.length === 0 ? [] : [{ routes: { family, table: 'main', by: 'net-tools', list: withFamily(list, family) } }],
      misread,
    };
  }
}

function columnsOf(line: string): { family: Family; words: string[] } | undefined {
  const words = wordsOf(line);
  if (words.length === 8 && /^[!A-Z]+$/i.test(words[3] ?? '') && lengthOfMask(words[2] ?? '') !== undefined) return { family: 4, words };
  const [destination = ''] = words;
  return words.length === 7 && /^[0-9a-f:.]+\/\d+$/i.test(destination) && destination.includes(':') && /^[!A-Za-z]+$/.test(words[2] ?? '')
    ? { family: 6, words }
    : undefined;
}

function ipv4Route(words: readonly string[], hasMetric: boolean): RouteDocument | undefined {
  const [destination = '', gateway = '', mask = '', flags = '', metric, , , device = ''] = words;
  const length = lengthOfMask(mask);
  const address = destination === 'default' ? '0.0.0.0' : canonicalIp(destination);
  if (length === undefined || address === undefined) return undefined;
  const dst = length === 0 ? 'default' : length === 32 ? address : `${address}/${length}`;
  const route: RouteDocument = { dst, flags: [] };
  if (flags.includes('!')) route.type = 'unreachable';
  // Of a blackhole it shows as little.
  else if (device === '*' || device === '-') route.type = 'blackhole';
  else route.dev = device;
  if (flags.includes('G') && gateway !== '0.0.0.0' && canonicalIp(gateway) !== undefined) route.gateway = gateway;
  else if (route.type === undefined) route.scope = 'link';
  const value = hasMetric ? integer(metric) : undefined;
  if (value !== undefined && value > 0) route.metric = value;
  return route;
}

/** The kernel shows all tables there; what is local or multicast, or refuses, is left out. */
function ipv6Route(words: readonly string[]): RouteDocument | undefined {
  const [dst = '', gateway = '', flags = '', metric, , , device = ''] = words;
  if (/[!n]/.test(flags) || /^ff/i.test(dst)) return undefined;
  return {
    dst: dst === '::/0' ? 'default' : dst.replace(/\/128$/, ''),
    ...(flags.includes('G') ? { gateway } : {}),
    dev: device,
    metric: integer(metric) ?? 1024,
    flags: [],
  };
}

/** `arp -an`, `arp -n`, /proc/net/arp, and what BusyBox makes of them. */
export const arpTable: Parser = {
  name: 'arp -an',
  starts: (line) => ARP_HEADER.test(line) || arpEntry(line) !== undefined,
  open: () => new ArpTable(),
};

const ARP_HEADER = /^(Address\s+HWtype\s+HWaddress|IP address\s+HW type)/;

class ArpTable implements Block {
  private readonly neighbours: NeighbourDocument[] = [];

  take(line: string): boolean {
    if (ARP_HEADER.test(line) || /^Entries: \d+/.test(line)) return true;
    const entry = arpEntry(line);
    if (entry) this.neighbours.push(entry);
    return entry !== undefined;
  }

  end(): Said {
    return { parts: [{ neighbours: this.neighbours }], misread: [] };
  }
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

function arpEntry(line: string): NeighbourDocument | undefined {
  const words = wordsOf(line);
  const [, inBrackets] = /^\S+ \(([0-9a-f.:]+)\) at /i.exec(line) ?? [];
  if (inBrackets !== undefined) {
    const dev = words[words.indexOf('on') + 1];
    if (dev === undefined || !words.includes('on') || canonicalIp(inBrackets) === undefined) return undefined;
    return neighbour(inBrackets, dev, words[3] ?? '', words.includes('PERM'), /\bPU[BP]\b/.test(line));
  }
  const [address = ''] = words;
  if (canonicalIp(address) === undefined) return undefined;
  const proc = /^0x[0-9a-f]+$/.test(words[1] ?? '') && words.length === 6;
  if (proc)
    return neighbour(
      address,
      words[5] ?? '',
      words[3] === '00:00:00:00:00:00' ? '' : (words[3] ?? ''),
      Number(words[2]) === 6,
      (Number(words[2]) & 8) !== 0,
    );
  if (words[1] === '(incomplete)' && words.length === 3) return neighbour(address, words[2] ?? '', '', false, false);
  if (words.length !== 5 || !/^(ether|\*|loop|infiniband)$/.test(words[1] ?? '')) return undefined;
  return neighbour(address, words[4] ?? '', words[2] ?? '', words[3]?.includes('M') === true, words[3]?.includes('P') === true);
}

/** Only whether a MAC is known is shown: such a neighbour may be reachable, or was. */
function neighbour(dst: string, dev: string, mac: string, isPermanent: boolean, isProxy: boolean): NeighbourDocument {
  if (isProxy) return { dst, dev, proxy: null };
  return MAC.test(mac)
    ? { dst, dev, lladdr: mac.toLowerCase(), state: [isPermanent ? 'PERMANENT' : 'STALE'] }
    : { dst, dev, state: ['INCOMPLETE'] };
}
