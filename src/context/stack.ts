import { isLinkLocalIp } from '../net/ip.ts';
import type { Host, Link, Prefix } from './host.ts';
import { familyOf, prefixCovers } from './prefix.ts';

/** As deep as names go in a stack of interfaces; forged ones end here too. */
const DEEPEST = 8;

/**
 * Whether two interfaces lie on one another, so that a packet passes both: a bridge or bond and its ports, a VLAN or macvlan and the card below. Ports of one bridge
 * or bond too: by which of them a packet comes is the switch's choice. Two VLANs on one card do not.
 */
export function areStacked(host: Host, a: Link, b: Link): boolean {
  if (a === b) return true;
  const [underA, underB] = [withWhatItLiesOn(host, a), withWhatItLiesOn(host, b)];
  if (underA.has(b.name) || underB.has(a.name)) return true;
  return [...underA].some((name) => underB.has(name) && JOINING.has(host.link(name)?.kind ?? ''));
}

/** Kinds of masters whose members are one way for packets. A VRF's are not. */
const JOINING = new Set(['bridge', 'bond', 'team', 'openvswitch', 'batadv', 'hsr']);

/** The interface, its parents and masters, and theirs, by name. */
function withWhatItLiesOn(host: Host, link: Link): Set<string> {
  const names = new Set<string>();
  const add = (each: Link | undefined, depth: number): void => {
    if (!each || names.has(each.name) || depth > DEEPEST) return;
    names.add(each.name);
    if (each.parent !== null) add(host.link(each.parent), depth + 1);
    if (each.master !== null) add(host.link(each.master), depth + 1);
  };
  add(link, 0);
  return names;
}

/** The networks of an interface, of the family of `ip`: those of its addresses, or, of a port without any, of its bridge or bond. Link-local ones are left out. */
export function networksOf(host: Host, link: Link, ip: string): Prefix[] {
  const family = familyOf(ip);
  for (let each: Link | undefined = link, depth = 0; each && depth < DEEPEST; depth++) {
    const own = each.addresses.filter((address) => familyOf(address.ip) === family && !isLinkLocalIp(address.ip));
    if (own.length > 0) return own.map((address) => ({ ip: address.ip, length: address.prefixLength }));
    each = each.master === null ? undefined : host.link(each.master);
  }
  return [];
}

/** Whether `ip` lies in a network of the interface. */
export const isInNetworkOf = (host: Host, link: Link, ip: string): boolean =>
  networksOf(host, link, ip).some((prefix) => prefixCovers(prefix, ip));
