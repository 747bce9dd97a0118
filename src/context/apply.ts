import { applyRoute } from './apply-route.ts';
import { applyRule } from './apply-rule.ts';
import type { HostDocument } from './document.ts';
import type { Host } from './host.ts';
import { hostOf } from './model.ts';
import type { Family } from './prefix.ts';
import { derive } from './tables.ts';
import { Words } from './words.ts';

/** A command that is not understood, or that the host would refuse. The message holds its text. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(command: string, why: string) {
    super(`${command}: ${why}`);
  }
}

/**
 * The host as it is after commands as remedies print them: `ip rule add|del`, `ip route add|append|prepend|replace|del` (with `-4`, `-6`),
 * `sysctl -w`, `wg set … fwmark` and `… endpoint`. `ip neigh` and `arping` change nothing of what is modelled. The host given stays as it is.
 * @throws {CommandError} for what it does not understand, and what iproute2 or the kernel would refuse: a rule or route that is there already,
 * a gateway that is not reached
 */
export function applyCommands(host: Host, commands: readonly string[]): Host {
  let changed = host;
  for (const command of commands) changed = applyCommand(changed, command);
  return changed;
}

function applyCommand(host: Host, command: string): Host {
  const words = new Words(command);
  const refuse = (why: string): never => {
    throw new CommandError(command, why);
  };
  try {
    const document = changeOf(host, words);
    if (!words.isEmpty) refuse(`${words.next()} is not understood`);
    if (document === host.document) return host;
    const changed = hostOf(document);
    derive(changed, host);
    return changed;
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    return refuse(error.message);
  }
}

function changeOf(host: Host, words: Words): HostDocument {
  const program = words.next();
  if (program === 'sysctl') return setSysctls(host.document, words);
  if (program === 'wg') return setWireguard(host.document, words);
  if (program === 'arping') return words.skipAll(host.document);
  if (program !== 'ip') throw new Error('it is not understood');
  let family: Family | undefined;
  if (words.peek?.startsWith('-')) family = familyOption(words.next());
  const object = words.next();
  if (object === 'neigh' || object === 'neighbour') return words.skipAll(host.document);
  if (object === 'rule') return applyRule(host, words, family);
  if (object === 'route') return applyRoute(host, words, family);
  throw new Error(`ip ${object} is not understood`);
}

function familyOption(option: string): Family {
  if (option === '-4' || option === '-6') return option === '-4' ? 4 : 6;
  throw new Error(`${option} is not understood`);
}

/** `sysctl -w KEY=VALUE …`. Forwarding of all interfaces is that of each (Documentation/networking/ip-sysctl.rst). */
function setSysctls(document: HostDocument, words: Words): HostDocument {
  if (words.next() !== '-w') throw new Error('-w is missing');
  const sysctls = { ...document.sysctls };
  do {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(words.next()) ?? [];
    if (name === '') throw new Error('it is not understood');
    const key = dotted(name);
    sysctls[key] = value;
    const family = key === 'net.ipv4.ip_forward' ? 'ipv4' : /^net\.(ipv[46])\.conf\.all\.forwarding$/.exec(key)?.[1];
    if (family === undefined) continue;
    if (family === 'ipv4') sysctls['net.ipv4.ip_forward'] = value;
    for (const each of Object.keys(sysctls))
      if (each.startsWith(`net.${family}.conf.`) && each.endsWith('.forwarding')) sysctls[each] = value;
    for (const { ifname } of document.links ?? []) sysctls[`net.${family}.conf.${ifname.replaceAll('.', '/')}.forwarding`] = value;
  } while (!words.isEmpty);
  return { ...document, sysctls };
}

/** The first separator decides: `net/ipv4/conf/eth0.5/arp_ignore` is `net.ipv4.conf.eth0/5.arp_ignore` (sysctl(8)). */
const dotted = (name: string): string =>
  /^[^.]*\//.test(name) ? name.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/') : name;

function setWireguard(document: HostDocument, words: Words): HostDocument {
  if (words.next() !== 'set') throw new Error('it is not understood');
  const name = words.next();
  const tunnel = document.wireguard?.find((each) => each.interface === name);
  if (!tunnel) throw new Error(`there is no WireGuard interface ${name}`);
  const changed = { ...tunnel };
  const what = words.next();
  if (what === 'fwmark') {
    const mark = words.next();
    changed.fwmark = mark === 'off' || Number(mark) === 0 ? 'off' : `0x${words.number(mark).toString(16)}`;
  } else if (what === 'peer') {
    const key = words.next();
    if (words.next() !== 'endpoint') throw new Error('it is not understood');
    const endpoint = words.next();
    if (!changed.peers.some(({ publicKey }) => publicKey === key)) throw new Error(`${name} has no peer ${key}`);
    changed.peers = changed.peers.map((peer) => (peer.publicKey === key ? { ...peer, endpoint } : peer));
  } else throw new Error('it is not understood');
  return { ...document, wireguard: (document.wireguard ?? []).map((each) => (each === tunnel ? changed : each)) };
}
