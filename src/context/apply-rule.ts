import type { HostDocument, RuleDocument } from './document.ts';
import type { Host, Rule } from './host.ts';
import { protocolNumber, tableNumber, tosNumber, tosText } from './names.ts';
import { type Family, network, parsePrefix, prefixText } from './prefix.ts';
import { defaultRules, ruleOf } from './rules.ts';
import type { Words } from './words.ts';

/** `ip rule add …`, `ip rule del …` (iproute2 ip/iprule.c; net/core/fib_rules.c). */
export function applyRule(host: Host, words: Words, option: Family | undefined): HostDocument {
  const verb = words.next();
  if (!['add', 'a', 'del', 'delete', 'd'].includes(verb)) throw new Error(`ip rule ${verb} is not understood`);
  const family = option ?? 4;
  const wanted = readRule(words, family);
  const key = family === 4 ? 'rules' : 'rules6';
  const rules = host.document[key] ?? defaultDocuments(family);
  return { ...host.document, [key]: verb.startsWith('a') ? added(rules, wanted, family) : removed(rules, wanted, family) };
}

const defaultDocuments = (family: Family): RuleDocument[] =>
  defaultRules(family).map(({ priority, table }) => ({
    priority,
    src: 'all',
    table: table === 255 ? 'local' : table === 254 ? 'main' : 'default',
  }));

/** What was given of a rule; the rest is absent. */
type Wanted = Partial<RuleDocument> & { nop?: null };

function readRule(words: Words, family: Family): Wanted {
  const rule: Wanted = {};
  while (!words.isEmpty) readSelector(words.next(), words, family, rule);
  return rule;
}

function readSelector(name: string, words: Words, family: Family, rule: Wanted): void {
  switch (name) {
    case 'not':
      rule.not = null;
      return;
    case 'from':
      Object.assign(rule, prefixFields(words.next(), family, 'src'));
      return;
    case 'to':
      Object.assign(rule, prefixFields(words.next(), family, 'dst'));
      return;
    case 'iif':
    case 'dev':
      rule.iif = words.next();
      return;
    case 'oif':
      rule.oif = words.next();
      return;
    case 'tos':
    case 'dsfield':
      rule.tos = tosText(tosNumber(words.next()));
      return;
    case 'fwmark': {
      const [value = '', mask] = words.next().split('/');
      rule.fwmark = hex(words.number(value));
      // A mark of 0 without a mask looks at no bit.
      if (mask !== undefined || words.number(value) === 0) rule.fwmask = hex(words.number(mask ?? '0'));
      return;
    }
    case 'ipproto': {
      const protocol = words.next();
      if (protocolNumber(protocol) === undefined) throw new Error(`${protocol} is no protocol`);
      rule.ipproto = protocol;
      return;
    }
    case 'sport':
    case 'dport':
      Object.assign(rule, portFields(words, name));
      return;
    case 'uidrange': {
      const [first = '', last = ''] = words.next().split('-');
      rule.uid_start = words.number(first);
      rule.uid_end = words.number(last);
      return;
    }
    case 'pref':
    case 'preference':
    case 'priority':
    case 'prio':
    case 'order':
      rule.priority = words.number();
      return;
    default:
      readAction(name, words, rule);
  }
}

function readAction(name: string, words: Words, rule: Wanted): void {
  switch (name) {
    case 'lookup':
    case 'table':
      rule.table = words.next();
      return;
    case 'suppress_prefixlength':
    case 'sup_pl':
      rule.suppress_prefixlen = words.number();
      return;
    case 'suppress_ifgroup':
      rule.suppress_ifgroup = words.next();
      return;
    case 'goto':
      rule.goto = words.number();
      return;
    case 'nop':
      rule.nop = null;
      return;
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
      rule.action = name;
      return;
    default:
      throw new Error(`${name} is not understood`);
  }
}

const hex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`);

function prefixFields(text: string, family: Family, field: 'src' | 'dst'): Wanted {
  if (text === 'all' || text === 'any' || text === 'default') return field === 'src' ? { src: 'all' } : {};
  const prefix = parsePrefix(text, family);
  if (!prefix) throw new Error(`${text} is no IPv${family} prefix`);
  const { ip, length } = network(prefix);
  if (prefixText({ ip, length }) === ip) return { [field]: ip };
  return { [field]: ip, [`${field}len`]: length };
}

function portFields(words: Words, name: 'sport' | 'dport'): Wanted {
  const [first = '', last] = words.next().split('-');
  if (last === undefined || last === first) return { [name]: words.number(first) };
  return { [`${name}_start`]: words.number(first), [`${name}_end`]: words.number(last) };
}

/** A rule goes behind those of its priority; without one it goes before all but the first (`fib_default_rule_pref`). */
function added(rules: readonly RuleDocument[], wanted: Wanted, family: Family): RuleDocument[] {
  const hasAction = wanted.action !== undefined || wanted.goto !== undefined || 'nop' in wanted;
  const completed: Wanted = hasAction ? wanted : { ...wanted, table: wanted.table ?? 'main' };
  const rule: RuleDocument = {
    ...completed,
    priority: wanted.priority ?? Math.max(0, (rules[1]?.priority ?? 0) - 1),
    src: wanted.src ?? 'all',
  };
  const like = ruleOf(rule, family);
  const same = rules.map((each) => ruleOf(each, family)).find((each) => isInTheWay(each, like));
  if (same) throw new Error(`there is such a rule already: ${same.text}`);
  if (wanted.goto !== undefined && Number(wanted.goto) <= rule.priority) throw new Error('goto leads to later rules only');
  const at = rules.findIndex(({ priority }) => priority > rule.priority);
  const before = at < 0 ? rules : rules.slice(0, at);
  return [...before, rule, ...rules.slice(before.length)];
}

/** The first rule that has all that was given goes. */
function removed(rules: readonly RuleDocument[], wanted: Wanted, family: Family): RuleDocument[] {
  const at = findRule(rules, wanted, family);
  if (at < 0) throw new Error('there is no such rule');
  return rules.filter((_, i) => i !== at);
}

/** What the kernel compares, as far as it was given: all but `not` and the target of goto. */
const COMPARED: readonly (keyof Rule)[] = [
  'priority',
  'from',
  'to',
  'tos',
  'in',
  'out',
  'isL3mdev',
  'uids',
  'protocol',
  'sourcePorts',
  'destinationPorts',
  'action',
  'table',
  'suppressPrefixLength',
  'suppressGroup',
  'tunnelId',
];

/** Whether a rule is the same as a new one, or differs only in a source, destination or TOS that the new one does not name (`rule_exists`). */
const isInTheWay = (rule: Rule, added: Rule): boolean =>
  isEqual(rule.mark ?? NO_MARK, added.mark ?? NO_MARK) &&
  COMPARED.every((field) => {
    const isOfPacket = field === 'from' || field === 'to' || field === 'tos';
    return (isOfPacket && (added[field] === null || added[field] === 0)) || isEqual(rule[field], added[field]);
  });

const NO_MARK = { value: 0, mask: 0 };

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Where the first rule stands that has all that was given (net/core/fib_rules.c `rule_find`); -1 where there is none. */
function findRule(rules: readonly RuleDocument[], wanted: Wanted, family: Family): number {
  const like = ruleOf({ priority: 0, ...wanted }, family);
  const fields = COMPARED.filter((field) => isGiven(field, wanted, like));
  return rules.findIndex((each) => {
    const rule = ruleOf(each, family);
    return isSameMark(like, rule) && fields.every((field) => isEqual(rule[field], like[field]));
  });
}

/** Mark and mask count for themselves, unless they are 0. */
function isSameMark({ mark: given }: Rule, { mark }: Rule): boolean {
  if (given === null) return true;
  const { value, mask } = mark ?? NO_MARK;
  return (given.value === 0 || given.value === value) && (given.mask === 0 || given.mask === mask);
}

function isGiven(field: keyof Rule, wanted: Wanted, like: Rule): boolean {
  switch (field) {
    case 'priority':
      return wanted.priority !== undefined;
    case 'action':
      return wanted.action !== undefined || wanted.goto !== undefined || 'nop' in wanted;
    case 'table':
      return wanted.table !== undefined && tableNumber(wanted.table) > 0;
    case 'suppressPrefixLength':
      return wanted.suppress_prefixlen !== undefined;
    case 'from':
      return wanted.src !== undefined && wanted.src !== 'all';
    default:
      // Of the others the rule itself tells.
      return like[field] !== null && like[field] !== 0 && like[field] !== false;
  }
}
