import type { Host } from '../context/host.ts';
import { prefixCovers } from '../context/prefix.ts';
import { isLoopbackIp } from '../net/ip.ts';
import { type Attempt, applied, forHost, NotMade } from './host-remedy.ts';
import type { Remedy } from './kind.ts';
import { listText } from './text.ts';

/** Of net.ipv4.conf: `all` and the interface's own value together are what counts. */
export type ArpSysctl = 'arp_ignore' | 'arp_announce' | 'arp_filter' | 'rp_filter' | 'proxy_arp';

/**
 * Settings of a host's interfaces: what they are, what to set, and how to take it back.
 * @param links interfaces by name for which it must hold
 * @param wanted what should be effective, at least; exactly where that is 0
 * @param innocent related settings that are not the cause: named with their values, so that nobody turns them in vain
 */
export function sysctlRemedy(
  host: Host,
  links: readonly string[],
  wanted: Partial<Record<ArpSysctl, number>>,
  general: Remedy,
  innocent: readonly ArpSysctl[] = [],
): Remedy {
  return forHost(host, JSON.stringify(['sysctls', links, wanted, innocent]), general, () => make(host, links, wanted, innocent));
}

/** What these settings are now, a sentence for each that was read. */
export const sysctlNow = (host: Host, links: readonly string[], names: readonly ArpSysctl[]): string[] =>
  names.flatMap((name) => {
    const all = host.sysctl(name, 'all');
    const own = links.map((link) => host.sysctl(name, link));
    if (all === undefined || own.some((value) => value === undefined)) return [];
    const each = listText(links.map((link, i) => `${own[i]} at ${link}`));
    return `${name} is ${all} for all, ${each}; together that is ${effectiveText(host, links, name)}.`;
  });

function make(host: Host, links: readonly string[], wanted: Partial<Record<ArpSysctl, number>>, innocent: readonly ArpSysctl[]): Attempt {
  const names = Object.keys(wanted) as ArpSysctl[];
  const now = sysctlNow(host, links, names);
  if (now.length < names.length || links.length === 0) throw new NotMade('these settings were not read');
  const changes = names.flatMap((name) => changesOf(host, links, name, wanted[name] ?? 0));
  if (changes.length === 0) throw new NotMade(`${listText(now.map((sentence) => sentence.replace(/\.$/, '')))} already`);
  const commands = [`sysctl -w ${changes.map(({ key, value }) => `${key}=${value}`).join(' ')}`];
  const after = applied(host, commands);
  for (const name of names)
    for (const link of links)
      if (!isAs(after.effective(name, link), wanted[name] ?? 0))
        throw new NotMade(`${name} at ${link} would still be ${after.effective(name, link)}`);
  const others = innocent
    .filter((name) => links.every((link) => host.effective(name, link) !== undefined))
    .map((name) => `${name} (${effectiveText(host, links, name)})`);
  const silenced = wanted.arp_ignore ? addressesOnNoCard(host, links) : [];
  const settings = listText(names.map((name) => `${name} to ${wanted[name]}`));
  return {
    host: host.name,
    text: `On ${host.name}: set ${settings} for ${listText(links)}${silencedText(silenced)}`,
    now: [...now, ...(others.length === 0 ? [] : [`Not the cause, and to be left as they are: ${listText(others)}.`])],
    commands,
    keep: ['Lines of a file in /etc/sysctl.d/, as 90-arp.conf:', ...changes.map(({ key, value }) => `${key} = ${value}`)],
    undo: [`sysctl -w ${changes.map(({ key, before }) => `${key}=${before}`).join(' ')}`],
    checked: `With this command ${listText(names.map((name) => `${name} is ${effectiveText(after, links, name)}`))} at ${listText(links)}.`,
  };
}

function silencedText(ips: readonly string[]): string {
  if (ips.length === 0) return '';
  return `; ${listText(ips)}, which no card has, ${ips.length === 1 ? 'is' : 'are'} then not answered for by ARP any more`;
}

interface Change {
  key: string;
  before: number;
  value: number;
}

const keyOf = (link: string, name: ArpSysctl): string => `net.ipv4.conf.${link.replaceAll('.', '/')}.${name}`;

const isAs = (value: number | undefined, wanted: number): boolean => value !== undefined && (wanted === 0 ? value === 0 : value >= wanted);

/** To raise a value, `all` is enough; to lower it to 0, `all` and each interface must have it. */
function changesOf(host: Host, links: readonly string[], name: ArpSysctl, wanted: number): Change[] {
  if (links.every((link) => isAs(host.effective(name, link), wanted))) return [];
  const scopes = wanted === 0 ? ['all', ...links] : ['all'];
  return scopes.flatMap((scope) => {
    const before = host.sysctl(name, scope);
    return before === undefined || isAs(before, wanted) ? [] : { key: keyOf(scope, name), before, value: wanted };
  });
}

function effectiveText(host: Host, links: readonly string[], name: ArpSysctl): string {
  const values = links.map((link) => host.effective(name, link));
  return new Set(values).size === 1 ? `${values[0]}` : listText(links.map((link, i) => `${values[i]} at ${link}`));
}

/** Addresses that the host keeps on lo or a dummy although a card's network holds them: with arp_ignore=1 nobody asks for them with success. */
function addressesOnNoCard(host: Host, links: readonly string[]): string[] {
  const networks = links.flatMap((name) => host.link(name)?.addresses ?? []).map(({ ip, prefixLength }) => ({ ip, length: prefixLength }));
  return host.links
    .filter(({ type, kind }) => type === 'loopback' || kind === 'dummy')
    .flatMap(({ addresses }) => addresses.map(({ ip }) => ip))
    .filter((ip) => !isLoopbackIp(ip) && networks.some((network) => prefixCovers(network, ip)));
}
