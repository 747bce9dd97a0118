import { wireText } from './message.ts';
import type { Family } from './open.ts';

export interface AddPath extends Family {
  /** RFC 7911 section 4: 1 receives, 2 sends, 3 both. */
  mode: number;
}

/** Capabilities (RFC 5492), as far as they matter here; all others by code. */
export interface Capabilities {
  /** RFC 4760; empty where the speaker has IPv4 unicast alone and says nothing. */
  families: Family[];
  /** RFC 6793: its AS in four octets; null where it speaks two. */
  as4: number | null;
  addPath: AddPath[];
  /** RFC 8950: families, and the next hop's. */
  extendedNextHop: (Family & { nextHopAfi: number })[];
  routeRefresh: boolean;
  /** RFC 7313: it says where the answer to a route refresh begins and ends. */
  enhancedRouteRefresh: boolean;
  /** RFC 8654. */
  extendedMessage: boolean;
  /** RFC 4724: seconds; null without. */
  gracefulRestart: number | null;
  /** RFC 9234: what it is to its peer; null where it does not say. */
  role: string | null;
  /** draft-walton-bgp-hostname-capability. */
  hostname: string | null;
  /** All codes, in their order. */
  codes: number[];
}

/** Capability codes (IANA). */
const Code = {
  Multiprotocol: 1,
  RouteRefresh: 2,
  ExtendedNextHop: 5,
  ExtendedMessage: 6,
  Role: 9,
  GracefulRestart: 64,
  As4: 65,
  AddPath: 69,
  EnhancedRouteRefresh: 70,
  Fqdn: 73,
  /** Route refresh as Cisco had it before RFC 2918. */
  CiscoRouteRefresh: 128,
} as const;

/** RFC 9234 section 4.1, by value. */
const ROLES = ['provider', 'route server', 'route server client', 'customer', 'peer'];

export const noCapabilities = (): Capabilities => ({
  families: [],
  as4: null,
  addPath: [],
  extendedNextHop: [],
  routeRefresh: false,
  enhancedRouteRefresh: false,
  extendedMessage: false,
  gracefulRestart: null,
  role: null,
  hostname: null,
  codes: [],
});

/** Reads the capabilities of one optional parameter, from `at` to `end`; what was wrong with them, or null. */
export function readCapabilities(view: DataView, at: number, end: number, into: Capabilities): string | null {
  let next = at;
  while (next < end) {
    if (next + 2 > end) return 'a capability is cut off';
    const code = view.getUint8(next);
    const length = view.getUint8(next + 1);
    next += 2;
    if (next + length > end) return `capability ${code}: expected ${length} octets, ${end - next} are left`;
    into.codes.push(code);
    // One that is not as long as it must be is one that the peer does not know (RFC 5492 section 4 leaves it at that).
    readCapability(view, code, next, length, into);
    next += length;
  }
  return null;
}

function readCapability(view: DataView, code: number, at: number, length: number, into: Capabilities): void {
  switch (code) {
    case Code.Multiprotocol:
      if (length === 4) into.families.push({ afi: view.getUint16(at), safi: view.getUint8(at + 3) });
      return;
    case Code.RouteRefresh:
    case Code.CiscoRouteRefresh:
      into.routeRefresh = true;
      return;
    case Code.EnhancedRouteRefresh:
      into.enhancedRouteRefresh = true;
      return;
    case Code.ExtendedMessage:
      into.extendedMessage = true;
      return;
    case Code.ExtendedNextHop:
      for (let each = at; each + 6 <= at + length; each += 6)
        into.extendedNextHop.push({ afi: view.getUint16(each), safi: view.getUint16(each + 2), nextHopAfi: view.getUint16(each + 4) });
      return;
    case Code.AddPath:
      for (let each = at; each + 4 <= at + length; each += 4)
        into.addPath.push({ afi: view.getUint16(each), safi: view.getUint8(each + 2), mode: view.getUint8(each + 3) });
      return;
    case Code.As4:
      if (length === 4) into.as4 = view.getUint32(at);
      return;
    case Code.Role:
      if (length === 1) into.role = ROLES[view.getUint8(at)] ?? String(view.getUint8(at));
      return;
    case Code.GracefulRestart:
      // Four bits of flags, twelve of seconds.
      if (length >= 2) into.gracefulRestart = view.getUint16(at) & 0xfff;
      return;
    case Code.Fqdn:
      into.hostname = hostname(view, at, length);
      return;
  }
}

/** Length and octets of the host's name, length and octets of its domain. */
function hostname(view: DataView, at: number, length: number): string | null {
  const names: string[] = [];
  let next = at;
  while (names.length < 2 && next < at + length) {
    const octets = view.getUint8(next);
    if (next + 1 + octets > at + length) break;
    if (octets > 0) names.push(wireText(view, next + 1, octets));
    next += 1 + octets;
  }
  return names.length === 0 ? null : names.join('.');
}
