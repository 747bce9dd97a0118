import { ipWords } from '../net/ip.ts';
import type { Host, Route } from './host.ts';
import type { RouteDecision, RouteQuery } from './lookup.ts';
import { lookUpTables4 } from './lookup4.ts';
import { TABLE_LOCAL } from './names.ts';
import { familyOf } from './prefix.ts';
import { tablesOf } from './tables.ts';
import { flowOf, type Verdict } from './walk.ts';

/** A packet that came in. */
export interface ArrivingPacket extends RouteQuery {
  source: string;
  in: string;
}

/** What the kernel thinks of the source of an arriving packet. */
export interface ReversePath {
  /**
   * `martian`: its source is an address of the host itself, or of no host. `filtered`: by rp_filter. `unknown`: the host did not say what
   * decides it. A packet that is not accepted is dropped without a word.
   */
  verdict: 'accepted' | 'martian' | 'filtered' | 'unknown';
  /** The mode that applies: 0 off, 1 strict, 2 loose; undefined where it was not read. */
  rpFilter: number | undefined;
  /** The way back to the source, as this check looks it up; strict wants it to lead by the interface it came in by. */
  route: Route | undefined;
  rule: RouteDecision['rule'];
  outcome: RouteDecision['outcome'];
  /** Interfaces of the ways back, live or not. */
  devices: readonly string[];
  assumed: RouteDecision['assumed'];
}

/**
 * net/ipv4/fib_frontend.c `fib_validate_source`: the tables are asked for the source, with source and destination changed over, for a packet
 * that the host itself sends (`iif lo`), or, where it is forwarded, one that comes in by the interface at which it would leave. The mark
 * counts only with `src_valid_mark`. IPv6 has no such check.
 * @param leavingBy the interface that it is forwarded to; undefined: it is for the host itself
 */
export function reversePath(host: Host, packet: ArrivingPacket, leavingBy?: string): ReversePath {
  const { source, destination } = packet;
  if (familyOf(source) === 6) return { ...NOTHING, verdict: 'accepted', rpFilter: 0 };
  const found = lookUpTables4(host, {
    ...flowOf(4, { ...packet, destination: source, source: destination }),
    in: leavingBy ?? 'lo',
    out: null,
    mark: host.effective('src_valid_mark', packet.in) === 1 ? (packet.mark ?? 0) : 0,
    protocol: packet.protocol ?? 0,
    sourcePort: packet.destinationPort ?? 0,
    destinationPort: packet.sourcePort ?? 0,
    source: ipWords(destination),
  });
  const rpFilter = host.effective('rp_filter', packet.in);
  return { ...backOf(host, found), rpFilter, verdict: verdictOf(host, packet, found, rpFilter, leavingBy) };
}

const NOTHING: Omit<ReversePath, 'verdict' | 'rpFilter'> = {
  outcome: 'unknown',
  route: undefined,
  rule: undefined,
  devices: [],
  assumed: [],
};

function backOf(host: Host, { found, rule, rejectedBy, assumed }: Verdict): Omit<ReversePath, 'verdict' | 'rpFilter'> {
  if (found.kind === 'missed') {
    const outcome = rejectedBy ?? (tablesOf(host, 4).isKnown ? 'no-route' : 'unknown');
    return { outcome, route: undefined, rule, devices: [], assumed };
  }
  const { route } = found;
  const type = route.type;
  const outcome =
    found.kind === 'rejected'
      ? found.outcome
      : type === 'local' || type === 'broadcast' || type === 'multicast' || type === 'anycast'
        ? type
        : 'unicast';
  return { outcome, route, rule, devices: route.nextHops.flatMap(({ device }) => device ?? []), assumed };
}

function verdictOf(
  host: Host,
  packet: ArrivingPacket,
  verdict: Verdict,
  rpFilter: number | undefined,
  leavingBy: string | undefined,
): ReversePath['verdict'] {
  const { found } = verdict;
  // Who has no address yet may send to all (RFC 1122 section 3.2.1.3); what else it sends is refused by the look-up itself.
  if (packet.source === '0.0.0.0') return 'accepted';
  if (rpFilter === 0 && !mayRedirect(host, packet.in, leavingBy)) {
    if (host.effective('accept_local', packet.in) === 1) return 'accepted';
    if (isCheckedByAddress(host)) return host.linksWith(packet.source).length > 0 ? 'martian' : 'accepted';
  }
  const link = host.link(packet.in);
  const hasAddress = link === undefined || link.addresses.some(({ ip }) => familyOf(ip) === 4);
  // Without a way back nothing but the mode decides.
  const lastResort = (): ReversePath['verdict'] => (rpFilter === undefined ? 'unknown' : rpFilter > 0 ? 'filtered' : 'accepted');
  if (found.kind !== 'found') return verdict.rejectedBy === undefined && !tablesOf(host, 4).isKnown ? 'unknown' : lastResort();
  const { route } = found;
  if (route.type !== 'unicast' && (route.type !== 'local' || host.effective('accept_local', packet.in) !== 1)) return 'martian';
  if (route.nextHops.some(({ device }) => device === packet.in) || (route.type === 'local' && packet.in === 'lo')) return 'accepted';
  if (!hasAddress) return lastResort();
  if (rpFilter === undefined) return 'unknown';
  return rpFilter === 1 ? 'filtered' : 'accepted';
}

/** Where a packet leaves as it came, the sender may have to be told of a better way. */
const mayRedirect = (host: Host, cameBy: string, leavingBy: string | undefined): boolean =>
  leavingBy === cameBy && (host.sysctl('send_redirects', 'all') ?? 1) + (host.sysctl('send_redirects', cameBy) ?? 1) > 0;

/**
 * Without rp_filter the kernel asks the tables only where there are rules or local routes that somebody made; else it looks whether the source
 * is its own.
 */
function isCheckedByAddress(host: Host): boolean {
  const hasOwnLocalRoutes = host.routes?.some(
    ({ table, type, protocol, family }) => family === 4 && type === 'local' && (table !== TABLE_LOCAL || protocol !== 'kernel'),
  );
  return tablesOf(host, 4).isPlain && hasOwnLocalRoutes !== true;
}
