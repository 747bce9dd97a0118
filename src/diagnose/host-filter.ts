import type { Host } from '../context/host.ts';

/** Rules of a packet filter that look at the interface by which a packet comes in. */
export interface FilterRules {
  /** Each as it can be found: `-A PREROUTING -i ethB …`, or the chain of nftables. */
  rules: string[];
  /** Whether nftables or iptables were read at all. */
  isRead: boolean;
}

/** Those that name the interface, in what the context has of nftables (`nft -j list ruleset`) and iptables (`iptables-save`). */
export function filterRulesAt({ document }: Host, link: string): FilterRules {
  const { iptables, nftables } = document;
  const lines = (iptables ?? []).filter((line) => isForInterface(line, link)).map((line) => `\`${line.trim()}\``);
  return { rules: [...lines, ...chainsOf(nftables, link)], isRead: iptables !== undefined || nftables !== undefined };
}

/** `-i ethB`, `-i eth+`; not `! -i ethB`, which is for all others. */
function isForInterface(line: string, link: string): boolean {
  const match = /(?:^|\s)(!\s+)?(?:-i|--in-interface)\s+(\S+)/.exec(line);
  if (!match || match[1] !== undefined) return false;
  const name = match[2] ?? '';
  return name.endsWith('+') ? link.startsWith(name.slice(0, -1)) : name === link;
}

/** The chains with a rule that compares `iifname` or `iif` with the interface, once each. */
function chainsOf(ruleset: unknown, link: string): string[] {
  const chains = new Set<string>();
  for (const entry of listOf(fieldOf(ruleset, 'nftables'))) {
    const rule = fieldOf(entry, 'rule');
    const isFor = listOf(fieldOf(rule, 'expr')).some((expression) => isMatchFor(fieldOf(expression, 'match'), link));
    if (isFor) chains.add(`nftables, chain ${fieldOf(rule, 'family')} ${fieldOf(rule, 'table')} ${fieldOf(rule, 'chain')}`);
  }
  return [...chains];
}

function isMatchFor(match: unknown, link: string): boolean {
  const key = fieldOf(fieldOf(fieldOf(match, 'left'), 'meta'), 'key');
  if ((key !== 'iifname' && key !== 'iif') || fieldOf(match, 'op') === '!=') return false;
  const right = fieldOf(match, 'right');
  const names = typeof right === 'string' ? [right] : listOf(fieldOf(right, 'set'));
  return names.some((name) => name === link || (typeof name === 'string' && name.endsWith('*') && link.startsWith(name.slice(0, -1))));
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
