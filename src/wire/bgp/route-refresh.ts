import type { Family } from './open.ts';

/** ROUTE-REFRESH (RFC 2918 section 3, RFC 7313 section 3.2). */
export interface RouteRefresh extends Family {
  /** A request, or where the answer to one begins and ends; others (outbound route filters) by number. */
  subtype: 'request' | 'begin' | 'end' | number;
}

const AFI = 19;
const SUBTYPE = 21;
const SAFI = 22;
const SUBTYPES = ['request', 'begin', 'end'] as const;

/** The ROUTE-REFRESH whose message begins at `at`: `readHeader` found it, so that its 23 octets are there. */
export function readRouteRefresh(view: DataView, at: number): RouteRefresh {
  const subtype = view.getUint8(at + SUBTYPE);
  return { afi: view.getUint16(at + AFI), safi: view.getUint8(at + SAFI), subtype: SUBTYPES[subtype] ?? subtype };
}
