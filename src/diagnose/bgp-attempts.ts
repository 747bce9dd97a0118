import type { BgpConnection } from '../track/bgp/session.ts';
import { BgpError, isCollisionNotice, wasUp } from './bgp-sessions.ts';

/** What becomes of one attempt to get a BGP session up. */

export type NotEstablishedCause = 'ttl-expired' | 'refused' | 'unanswered' | 'open-rejected';

/** An OPEN that is not answered for longer is not on its way (Linux and FRR answer within milliseconds; OpenSent lasts four minutes). */
const OPEN_SEC = 20;
/** No path is longer: what is sent with more, and expires, was in a loop. Routers send with 1, or with as many hops as are configured. */
const MOST_HOPS = 32;

/**
 * Why a connection did not become a session; undefined where it did, or where that is open.
 * @param end of the capture, in seconds
 */
export function causeOf(connection: BgpConnection, end: number): NotEstablishedCause | undefined {
  const { isCollision, notification, ttlExceeded, refusal, isAccepted, opens, syns, client, server, speakers } = connection;
  const [own, peer] = speakers;
  if (wasUp(connection) || isCollision || isCollisionNotice(notification)) return undefined;
  if (notification) {
    if (notification.code !== BgpError.HoldTimer || opens.size === 2) return 'open-rejected';
    // Who had sent its KEEPALIVE had got the OPEN.
    return speakers.some(({ ip, keepalives }) => ip === notification.from && keepalives > 0) ? undefined : 'unanswered';
  }
  if (ttlExceeded) return endsEarly(connection) ? 'ttl-expired' : undefined;
  if (refusal) return 'refused';
  // What it sends besides SYNs answers a SYN/ACK that the capture does not have.
  if (!isAccepted) return syns > 0 && own.segments === syns ? 'unanswered' : undefined;
  if (isHalfOpen(connection)) return 'unanswered';
  if (!connection.synFirst || peer.segments === 0 || opens.has(server.ip)) return undefined;
  // Accepted, and closed again by who accepted it, without an OPEN: it does not know who asks. A scan closes itself.
  const closed = connection.end;
  if (closed && closed.cause !== 'superseded' && closed.by === server.ip) return 'refused';
  const open = opens.get(client.ip);
  return open && own.keepalives === 0 && (closed?.stamp.at ?? end) - open.stamp.at > OPEN_SEC ? 'unanswered' : undefined;
}

/** What expired was an attempt to connect, with a TTL that a router chose; data of a session that is up, or a TTL of 64 or 255, is in a loop. */
function endsEarly({ ttlExceeded, synFirst, synTtl, server, opens }: BgpConnection): boolean {
  if (!ttlExceeded) return false;
  if (ttlExceeded.isSyn) return synTtl === null || synTtl <= MOST_HOPS;
  return synFirst !== null && ttlExceeded.sender === server.ip && opens.size === 0;
}

/** SYN and SYN/ACK again, and never the ACK. One SYN alone may be of a scan, or of a flood. */
export const isHalfOpen = ({ isAccepted, opens, syns, speakers: [own] }: BgpConnection): boolean =>
  isAccepted && opens.size === 0 && syns > 1 && own.segments === syns;

/** The connection is there, and the OPEN is not answered. */
export const isSilent = (connection: BgpConnection): boolean => connection.isAccepted && !isHalfOpen(connection);

/** SYNs of a traceroute have other TTLs each time, and where these are not seen, other routers answer. */
export function isTraced(failures: readonly BgpConnection[]): boolean {
  const seen = failures.filter(({ synTtl }) => synTtl !== null);
  const told = seen.length > 0 ? seen : failures;
  const signs = told.map(({ client, synTtl, ttlExceeded }) => `${client.ip} ${synTtl ?? ttlExceeded?.from}`);
  return new Set(signs).size > new Set(told.map(({ client }) => client.ip)).size;
}
