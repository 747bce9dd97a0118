import type { Misdelivery } from '../track/deliveries.ts';
import type { Claim } from '../track/neighbourhood.ts';
import { judgeMoved } from './arp-address-moved.ts';
import type { Knowledge } from './knowledge.ts';

/** How long neighbours may go on sending to where an address was (Linux: `base_reachable_time` 30 s, at most half as long again; other systems up to some minutes). */
const NEIGHBOUR_CACHE_SEC = 120;

/**
 * Frames that arrive at another interface of their host than the one that has their address, by address; those with the most packets where they arrive at several.
 * What lies on the way of a failover is none. Cheap: for other diagnoses to ask.
 */
export function misdelivered(knowledge: Knowledge): ReadonlyMap<string, Misdelivery> {
  const { context, deliveries } = knowledge;
  const found = new Map<string, Misdelivery>();
  if (!deliveries.isActive) return found;
  for (const each of deliveries.misdeliveries) {
    // Interfaces are known by their numbers at the observed host alone.
    if (each.isAtHost && each.host !== context.observer) continue;
    if (followsMove(each, knowledge)) continue;
    // Neighbours use the address as their gateway where they got the wrong answer.
    const isAnswered = (claimOf(each, knowledge)?.answers ?? 0) > 0;
    if (!isAnswered && isByGatewayAlone(each)) continue;
    const misdelivery = isAnswered ? each : { ...each, asGateway: undefined };
    const known = found.get(each.ip);
    if (!known || packetsOf(misdelivery) > packetsOf(known)) found.set(each.ip, misdelivery);
  }
  return found;
}

/** Nothing for the address itself was seen: that it is the next hop of what was, follows from ARP. */
export const isByGatewayAlone = ({ packets }: Pick<Misdelivery, 'packets'>): boolean => packets === 0;

/** Those for the address, or else those that use it as their gateway. */
export const packetsOf = ({ packets, asGateway }: Misdelivery): number => (packets > 0 ? packets : (asGateway?.packets ?? 0));

/** The ARP answers for the address with the MAC of the wrong interface. */
export function claimOf({ ip, actual }: Pick<Misdelivery, 'ip' | 'actual'>, { neighbourhood }: Knowledge): Claim | undefined {
  for (const address of neighbourhood.list) {
    const claim = address.ip === ip ? address.claims.get(actual.mac) : undefined;
    if (claim && claim.answers > 0) return claim;
  }
  return undefined;
}

/** Whether the interface that has the address is down: then the other one keeps it in reach. */
export const isExpectedDown = ({ expected }: Pick<Misdelivery, 'expected'>): boolean => !expected.isUp || !expected.hasCarrier;

/** The address went from one MAC to another shortly before: neighbours have not learned it yet. */
function followsMove({ ip, last }: Misdelivery, knowledge: Knowledge): boolean {
  return knowledge.neighbourhood.list.some((address) => {
    if (address.ip !== ip || !judgeMoved(address, knowledge)) return false;
    const moved = address.runs.at(-1)?.first;
    return moved !== undefined && last.at - moved.at <= NEIGHBOUR_CACHE_SEC;
  });
}
