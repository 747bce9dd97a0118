import type { RuleDocument } from './document.ts';
import type { Prefix, Rule } from './host.ts';
import { protocolNumber, protocolText, tableNumber, tosNumber, tosText } from './names.ts';
import { type Family, network, parsePrefix, prefixText } from './prefix.ts';

/** Priority, `from all`, and the table: what a kernel starts with (net/ipv4/fib_rules.c `fib_default_rules_init`, net/ipv6/fib6_rules.c). */
export const defaultRules = (family: Family): Rule[] =>
  [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 32_766, src: 'all', table: 'main' },
    { priority: 32_767, src: 'all', table: 'default' },
  ]
    .filter(({ table }) => family === 4 || table !== 'default')
    .map((document) => ruleOf(document, family));

/** Whether these are the rules that a kernel starts with: it takes short cuts then. */
export function areDefaultRules(rules: readonly Rule[], family: Family): boolean {
  const texts = defaultRules(family).map(({ text }) => text);
  return rules.length === texts.length && rules.every(({ text }, i) => text === texts[i]);
}

export function ruleOf(document: RuleDocument, family: Family): Rule {
  const { action, target } = actionOf(document);
  const from = selector(document.src, document.srclen, family);
  const to = selector(document.dst, document.dstlen, family);
  const mark = markOf(document);
  const protocol = document.ipproto === undefined ? null : protocolNumber(document.ipproto);
  const rule: Rule = {
    family,
    priority: document.priority,
    isInverted: document.not !== undefined,
    from: from ?? null,
    to: to ?? null,
    tos: document.tos === undefined ? 0 : tosNumber(document.tos),
    mark: mark ?? null,
    in: document.iif ?? null,
    out: document.oif ?? null,
    isL3mdev: document.l3mdev !== undefined,
    uids: range(document.uid_start, document.uid_end, undefined),
    protocol: protocol ?? null,
    sourcePorts: range(document.sport_start, document.sport_end, document.sport),
    destinationPorts: range(document.dport_start, document.dport_end, document.dport),
    action,
    table: action === 'table' && document.table !== undefined ? tableNumber(document.table) : 0,
    target,
    suppressPrefixLength: document.suppress_prefixlen ?? null,
    suppressGroup: document.suppress_ifgroup === undefined ? null : String(document.suppress_ifgroup),
    tunnelId: document.tun_id === undefined ? null : String(document.tun_id),
    isUnclear: [from, to, mark, protocol].includes(undefined),
    text: '',
  };
  rule.text = ruleText(rule, document);
  return rule;
}

/** Null: everything; undefined: it is not understood. */
function selector(text: string | undefined, length: number | undefined, family: Family): Prefix | null | undefined {
  if (text === undefined || text === 'all' || text === 'any' || text === 'default') return null;
  const prefix = parsePrefix(length === undefined ? text : `${text}/${length}`, family);
  return prefix && network(prefix);
}

function markOf({ fwmark, fwmask }: RuleDocument): Rule['mark'] | undefined {
  if (fwmark === undefined && fwmask === undefined) return null;
  const [value = '0', mask] = (fwmark ?? '0').split('/');
  const numbers = { value: Number(value), mask: Number(fwmask ?? mask ?? 0xffff_ffff) };
  if (Number.isNaN(numbers.value) || Number.isNaN(numbers.mask)) return undefined;
  return { value: numbers.value >>> 0, mask: numbers.mask >>> 0 };
}

function range(first: number | undefined, last: number | undefined, only: number | undefined): { first: number; last: number } | null {
  if (only !== undefined) return { first: only, last: only };
  return first === undefined ? null : { first, last: last ?? first };
}

function actionOf(document: RuleDocument): { action: Rule['action']; target: number } {
  const named = document.action ?? '';
  if (document.goto !== undefined || named === 'goto') return { action: 'goto', target: Number(document.goto ?? -1) };
  if ('nop' in document || named === 'nop') return { action: 'nop', target: 0 };
  if (named === 'blackhole' || named === 'unreachable' || named === 'prohibit') return { action: named, target: 0 };
  return { action: 'table', target: 0 };
}

/** As `ip rule` prints it (iproute2 ip/iprule.c `print_rule`). */
function ruleText(rule: Rule, document: RuleDocument): string {
  const words = [`${rule.priority}:`];
  if (rule.isInverted) words.push('not');
  words.push('from', rule.from ? selectorText(rule.from) : 'all');
  if (rule.to) words.push('to', selectorText(rule.to));
  if (rule.tos !== 0) words.push('tos', tosText(rule.tos));
  if (rule.mark && (rule.mark.value !== 0 || rule.mark.mask !== 0))
    words.push('fwmark', hex(rule.mark.value) + (rule.mark.mask === 0xffff_ffff ? '' : `/${hex(rule.mark.mask)}`));
  if (rule.in !== null) words.push('iif', rule.in);
  if (rule.out !== null) words.push('oif', rule.out);
  if (rule.isL3mdev) words.push('lookup', '[l3mdev-table]');
  if (rule.uids) words.push('uidrange', `${rule.uids.first}-${rule.uids.last}`);
  if (document.ipproto !== undefined) words.push('ipproto', protocolText(document.ipproto));
  if (rule.sourcePorts) words.push('sport', rangeText(rule.sourcePorts));
  if (rule.destinationPorts) words.push('dport', rangeText(rule.destinationPorts));
  if (rule.tunnelId !== null) words.push('tun_id', rule.tunnelId);
  if (rule.action === 'goto') words.push('goto', String(rule.target));
  else if (rule.action !== 'table') words.push(rule.action);
  else if (!rule.isL3mdev) words.push('lookup', String(document.table ?? 'unspec'));
  if (rule.suppressPrefixLength !== null) words.push('suppress_prefixlength', String(rule.suppressPrefixLength));
  if (rule.suppressGroup !== null) words.push('suppress_ifgroup', groupText(rule.suppressGroup));
  return words.join(' ');
}

/** Group 0 has a name everywhere. */
const groupText = (group: string): string => (group === '0' ? 'default' : group);

const hex = (value: number): string => `0x${value.toString(16)}`;
const rangeText = ({ first, last }: { first: number; last: number }): string => (first === last ? String(first) : `${first}-${last}`);
/** A rule from everything of a family is `0.0.0.0/0` there, not `default`. */
const selectorText = (prefix: Prefix): string => (prefix.length === 0 ? `${prefix.ip}/0` : prefixText(prefix));
