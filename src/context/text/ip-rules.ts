import type { RuleDocument } from '../document.ts';
import type { Family, Note } from '../part.ts';
import { type Block, beginsWith, Entries, integer, type Parser, type Said, wordsOf } from './block.ts';
import type { Command } from './command.ts';

/** `ip rule`, of iproute2 (ip/iprule.c, print_rule) and of BusyBox. */
export const ipRules: Parser = {
  name: 'ip rule',
  starts: (line) => BEGINS.test(line),
  open: (command) => new Rules(command),
};

const BEGINS = /^\s*\d+:\s+(not\s+)?from\s/;
const CONTINUES = beginsWith(
  `to tos dsfield fwmark iif oif uidrange ipproto sport dport tun_id lookup table suppress_\\w+ goto nop blackhole prohibit unreachable proto realms
   \\[\\w+`,
);
const OPEN = /\s(from|to|lookup|fwmark|iif|oif|ipproto|sport|dport|suppress_prefixlength|goto)$/;

class Rules implements Block {
  private readonly command: Command | undefined;
  private readonly entries = new Entries((line) => BEGINS.test(line), {
    continues: (line, before) => CONTINUES.test(line.trim()) || OPEN.test(before),
  });

  constructor(command: Command | undefined) {
    this.command = command;
  }

  take(line: string): boolean {
    return this.entries.take(line);
  }

  end(): Said {
    const misread: string[] = [];
    const list: RuleDocument[] = [];
    let isBusybox = this.command?.isBusybox === true;
    for (const [line = ''] of this.entries.list) {
      // BusyBox knows no goto, nop and actions: it prints the table as `unspec`, or nothing.
      if (/\slookup unspec\b/.test(line)) isBusybox = true;
      const rule = ruleOf(line);
      if (rule) list.push(rule);
      else misread.push(line);
    }
    const notes: Note[] = [];
    if (isBusybox && list.length > 0) {
      // A rule for some packets would stand there as one for all: no rules are better than such.
      if (misread.length > 0 || list.some(isForAll)) {
        return { parts: [{ notes: [{ what: 'rules', why: `${BUSYBOX}, and here that matters: none of them was taken` }] }], misread: [] };
      }
      notes.push({ what: 'rules', why: `${BUSYBOX}: they may say more than is known here` });
    }
    if (this.command?.isFiltered) notes.push({ what: 'rules', why: `"${this.command.text}" shows only some of them` });
    return { parts: [{ rules: { family: this.familyOf(list), list }, notes }], misread };
  }

  /** IPv6 has no table `default`, and IPv4 always has: but people remove it. */
  private familyOf(list: readonly RuleDocument[]): Family | undefined {
    if (this.command?.family !== undefined) return this.command.family;
    if (list.some(({ src, dst }) => src?.includes(':') || dst?.includes(':'))) return 6;
    if (
      this.command?.shows === 'rule' ||
      list.some(({ src, dst, table }) => /^\d+\./.test(src ?? '') || dst !== undefined || table === 'default')
    )
      return 4;
    return undefined;
  }
}

const BUSYBOX = 'BusyBox does not show "not", oif, ipproto, ports, goto and actions of rules';

/** No condition is to be seen, and it is none of those that every Linux has. */
const isForAll = (rule: RuleDocument): boolean =>
  !/^(local|main|default)$/.test(String(rule.table)) &&
  Object.keys(rule).every((name) => /^(priority|src|table)$/.test(name)) &&
  rule.src === 'all';

/** The rule as `ip -j` prints it; undefined where a word of it is not known: a condition that is left out would make another rule of it. */
export function ruleOf(line: string): RuleDocument | undefined {
  const [, priority, rest = ''] = /^\s*(\d+):\s+(.*)$/.exec(line) ?? [];
  if (priority === undefined) return undefined;
  const rule: RuleDocument = { priority: Number(priority) };
  const words = wordsOf(rest);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (readAlone(word, rule)) continue;
    const value = words[++i];
    if (value === undefined || !readValue(word, value, rule)) return undefined;
  }
  return rule;
}

/** Words that stand alone. */
function readAlone(word: string, rule: RuleDocument): boolean {
  if (word === 'not') rule.not = null;
  else if (word === 'nop') rule.nop = null;
  else if (/^(blackhole|prohibit|unreachable)$/.test(word)) rule.action = word;
  // The interface of iif or oif, or the target of goto, is not there (now).
  else if (!/^\[(detached|unresolved)\]$/.test(word)) return false;
  return true;
}

function readValue(word: string, value: string, rule: RuleDocument): boolean {
  switch (word) {
    case 'from':
    case 'to': {
      const [address = '', length] = value.split('/');
      if (word === 'from') Object.assign(rule, { src: address, ...(length === undefined ? {} : { srclen: Number(length) }) });
      else if (value !== 'all') Object.assign(rule, { dst: address, ...(length === undefined ? {} : { dstlen: Number(length) }) });
      return true;
    }
    case 'tos':
    case 'dsfield':
      rule.tos = /^\d+$/.test(value) ? `0x${Number(value).toString(16)}` : value;
      return true;
    case 'fwmark': {
      const [mark = '', mask] = value.split('/');
      Object.assign(rule, { fwmark: mark, ...(mask === undefined ? {} : { fwmask: mask }) });
      return true;
    }
    case 'iif':
    case 'oif':
      rule[word] = value;
      return true;
    case 'lookup':
    case 'table':
      if (value === 'unspec') return false;
      if (value === '[l3mdev-table]') rule.l3mdev = null;
      else rule.table = value;
      return true;
    case 'uidrange':
      return readRange(value, 'uid_start', 'uid_end', undefined, rule);
    case 'ipproto':
      rule.ipproto = value;
      return true;
    case 'sport':
    case 'dport':
      return readRange(value, `${word}_start`, `${word}_end`, word, rule);
    case 'tun_id':
      rule.tun_id = integer(value) ?? value;
      return true;
    case 'suppress_prefixlength':
      return set(rule, 'suppress_prefixlen', integer(value));
    case 'suppress_ifgroup':
      rule.suppress_ifgroup = value;
      return true;
    case 'goto':
      return set(rule, 'goto', integer(value));
    case 'proto':
    case 'realms':
      return true;
    default:
      return false;
  }
}

function readRange(value: string, first: RangeEnd, last: RangeEnd, single: 'sport' | 'dport' | undefined, rule: RuleDocument): boolean {
  const [low, high] = value.split('-').map(integer);
  if (low === undefined) return false;
  if (high === undefined && single) return set(rule, single, low);
  return set(rule, first, low) && set(rule, last, high ?? low);
}

type RangeEnd = 'uid_start' | 'uid_end' | 'sport_start' | 'sport_end' | 'dport_start' | 'dport_end';

function set(rule: RuleDocument, name: RangeEnd | 'sport' | 'dport' | 'suppress_prefixlen' | 'goto', value: number | undefined): boolean {
  if (value === undefined) return false;
  rule[name] = value;
  return true;
}
