import type { Misdelivery } from '../track/deliveries.ts';
import { judgeMoved } from './arp-address-moved.ts';
import type { Knowledge } from './knowledge.ts';

/** How long neighbours may go on sending to where an address was (Linux: `base_reachable_time` 30 s, at most half as long again; other systems up to some minutes). */
const NEIGHBOUR_CACHE_SEC = 120;

/**
 * Frames that arrive at another interface of their host than the one that has their address, by address; the one with the most packets where they arrive at several.
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
    const known = found.get(each.ip);
    if (!known || each.packets > known.packets) found.set(each.ip, each);
  }
  return found;
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
