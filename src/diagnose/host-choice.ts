import type { Host, NextHop, Rule } from '../context/host.ts';
import { lookUp, type RouteDecision, type RouteQuery } from '../context/lookup.ts';
import { familyOf, prefixCovers } from '../context/prefix.ts';
import { listText } from './text.ts';

/** Which way and source a host's routing gives, and why. */
export interface Choice {
  decision: RouteDecision;
  /** The sources that the kernel gives a socket without one; several of a multipath route. Empty where it sends nothing. */
  sources: readonly string[];
  /** What decided, a sentence each. */
  sentences: string[];
}

/**
 * Why the kernel takes this way and this source, as the host's rules and routes say.
 * @param wanted the source that would have been right: rules for it are named, for they do not match while there is no source (ip-rule(8))
 */
export function explainChoice(host: Host, query: RouteQuery, wanted?: string): Choice {
  const decision = lookUp(host, query);
  const sources = [...new Set(decision.sources.flatMap((source) => source ?? []))];
  return { decision, sources, sentences: sentences(host, query, decision, wanted) };
}

function sentences(host: Host, query: RouteQuery, decision: RouteDecision, wanted: string | undefined): string[] {
  const { rule, route, nextHops, outcome } = decision;
  const family = familyOf(query.destination);
  const unmatched =
    wanted === undefined || query.source !== undefined
      ? []
      : (host.rules ?? []).filter((each) => each.family === family && isFor(each, wanted) && each !== rule && comesBefore(each, rule));
  const why = unmatched.length === 0 ? [] : [unmatchedText(unmatched)];
  if (!rule || !route) return [`On ${host.name} no rule and no route leads to ${query.destination}.`, ...why];
  const decides = `On ${host.name} the rule \`${rule.text}\` decides what goes to ${query.destination}, by the route \`${route.text}\``;
  const [only] = nextHops;
  if (outcome !== 'unicast' || !only) return [`${decides}: it is ${outcome}.`, ...why];
  const ways = nextHops.map((hop, i) => wayText(hop, query.source ?? decision.sources[i] ?? null));
  if (ways.length === 1) return [`${decides}: out ${ways[0]}.`, ...why];
  return [`${decides}. It has ${ways.length} ways: ${listText(ways)}. ${hashText(host, family)}`, ...why];
}

function unmatchedText(rules: readonly Rule[]): string {
  const names = listText(rules.map(({ text }) => `\`${text}\``));
  const comes = rules.length === 1 ? `The rule ${names} comes before it and does` : `The rules ${names} come before it and do`;
  return `${comes} not match: the source is not chosen yet when the rules are looked up.`;
}

const isFor = ({ from, isInverted }: Rule, source: string): boolean =>
  from !== null && from.length > 0 && !isInverted && prefixCovers(from, source);

const comesBefore = (a: Rule, b: Rule | undefined): boolean => b === undefined || a.priority <= b.priority;

/** `by wan2 via 198.51.100.17 with the source 198.51.100.18`. */
export function wayText({ device, gateway }: Pick<NextHop, 'device' | 'gateway'>, source: string | null): string {
  const by = device === null ? '' : `by ${device}`;
  return [by, gateway === null ? '' : `via ${gateway}`, source === null ? '' : `with the source ${source}`]
    .filter((part) => part !== '')
    .join(' ');
}

/** Linux ip-sysctl: fib_multipath_hash_policy. */
const HASHED = [
  'the addresses',
  'addresses and ports',
  'the addresses (inside of a tunnel: of those there)',
  'the fields that fib_multipath_hash_fields names',
];

function hashText({ document }: Host, family: 4 | 6): string {
  const name = `net.ipv${family}.fib_multipath_hash_policy`;
  const value = document.sysctls?.[name];
  const hashed = value === undefined ? undefined : HASHED[Number(value)];
  return hashed === undefined ? 'A hash chooses among them.' : `A hash of ${hashed} chooses among them (${name} is ${value}).`;
}
