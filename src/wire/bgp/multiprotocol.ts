import { ipv4Text, ipv6Text } from '../../net/ip.ts';
import { familyName } from './message.ts';
import type { Family } from './open.ts';

/** MP_REACH_NLRI up to its destinations (RFC 4760 section 3): AFI 2, SAFI 1, length of the next hop 1, next hop, reserved 1, destinations. */
export interface Reach extends Family {
  nextHop: string | null;
  linkLocal: string | null;
  /** Where its destinations stand. */
  at: number;
  end: number;
}

/** MP_UNREACH_NLRI (RFC 4760 section 4): AFI 2, SAFI 1, destinations. */
export interface Unreach extends Family {
  at: number;
  end: number;
}

const NEXT_HOP_LENGTH = 3;
const NEXT_HOP = 4;
const REACH_LEAST = 5;
const UNREACH_LEAST = 3;
const RD = 8;

/** MP_REACH_NLRI from `at` to `end`, or what is wrong with it. */
export function readReach(view: DataView, at: number, end: number): Reach | string {
  if (end - at < REACH_LEAST) return `expected ${REACH_LEAST} octets at least, got ${end - at}`;
  const family = { afi: view.getUint16(at), safi: view.getUint8(at + 2) };
  const length = view.getUint8(at + NEXT_HOP_LENGTH);
  const destinations = at + NEXT_HOP + length + 1;
  if (destinations > end) return `expected ${length} octets of next hop, ${Math.max(0, end - at - REACH_LEAST)} are left`;
  const hops = readNextHop(view, at + NEXT_HOP, length);
  return { ...family, nextHop: hops?.nextHop ?? null, linkLocal: hops?.linkLocal ?? null, at: destinations, end };
}

/** MP_UNREACH_NLRI from `at` to `end`, or what is wrong with it. */
export function readUnreach(view: DataView, at: number, end: number): Unreach | string {
  if (end - at < UNREACH_LEAST) return `expected ${UNREACH_LEAST} octets at least, got ${end - at}`;
  return { afi: view.getUint16(at), safi: view.getUint8(at + 2), at: at + UNREACH_LEAST, end };
}

/** What to say of a family whose destinations are read, but whose next hop has no length that one can have. */
export const unreadableNextHop = (family: Family): string => `${familyName(family)}: the next hop has no length that one can have`;

/**
 * The family of a next hop shows by its length (RFC 4760 section 3, RFC 2545 section 3, RFC 4364 section 4.3.2, RFC 4659 section 3.2.1, RFC 8950 section
 * 3): an address, before it the route distinguisher (zero) of VPNs; of IPv6 a second one may follow, the link-local. undefined for other lengths.
 */
function readNextHop(view: DataView, at: number, length: number): { nextHop: string; linkLocal: string | null } | undefined {
  switch (length) {
    case 4:
      return { nextHop: ipv4Text(view.getUint32(at)), linkLocal: null };
    case RD + 4:
      return { nextHop: ipv4Text(view.getUint32(at + RD)), linkLocal: null };
    case 16:
      return { nextHop: ipv6Text(view, at), linkLocal: null };
    case RD + 16:
      return { nextHop: ipv6Text(view, at + RD), linkLocal: null };
    case 32:
      return withLinkLocal(ipv6Text(view, at), ipv6Text(view, at + 16));
    case 2 * (RD + 16):
      return withLinkLocal(ipv6Text(view, at + RD), ipv6Text(view, at + 16 + 2 * RD));
    default:
      return undefined;
  }
}

/** A speaker without a global address leaves the first one empty. */
const withLinkLocal = (nextHop: string, linkLocal: string): { nextHop: string; linkLocal: string } =>
  nextHop === '::' ? { nextHop: linkLocal, linkLocal } : { nextHop, linkLocal };
