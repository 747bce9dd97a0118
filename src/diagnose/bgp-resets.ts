import type { BgpConnection, BgpNotification, BgpSession, SpeakerOfConnection, StuckData } from '../track/bgp/session.ts';
import type { Stamp } from '../track/stamp.ts';
import { BgpError, isCollisionNotice, reasonOf, wasUp } from './bgp-sessions.ts';

/** Why a session was lost, as the packets tell it. */
export const resetCauses = [
  'mtu-suspect',
  'link-outage',
  'one-way-loss',
  'hold-timer',
  'max-prefix',
  'message-error',
  'rejected',
  'out-of-resources',
  'bfd-down',
  'restart',
  'closed',
  'graceful-restart',
  'administrative',
] as const;
export type ResetCause = (typeof resetCauses)[number];

/** A session that was up and ended. */
export interface Reset {
  cause: ResetCause;
  connection: BgpConnection;
  stamp: Stamp;
  notification: BgpNotification | null;
  /** Who ended it; null where that is not seen. */
  by: string | null;
  /** Whose data got stuck. */
  stuck: { speaker: SpeakerOfConnection; data: StuckData } | null;
  /** Who said nothing any more, since when, for how many seconds. */
  silent: { speaker: SpeakerOfConnection; since: Stamp; seconds: number } | null;
}

/** Segments of this size and more are what a narrow link drops, where KEEPALIVEs (19 octets) pass. */
const LARGE = 500;
/** Acknowledgements come at once, or a fifth of a second later; a segment that is acknowledged later than this is another one, which the capture does not show. */
const ACK_SEC = 1;
/** Silence is measured between packets; the timers tick in seconds. */
const TICK_SEC = 0.5;

/** All resets of a session that the packets show, in their order; connections that were given up for others are none. */
export function resetsOf(session: BgpSession): Reset[] {
  return session.connections.flatMap((connection, i) => {
    const { end, isCollision, notification } = connection;
    if (!wasUp(connection) || !end || isCollision || isCollisionNotice(notification)) return [];
    return resetOf(session, connection, end, session.connections[i + 1]);
  });
}

function resetOf(
  session: BgpSession,
  connection: BgpConnection,
  end: NonNullable<BgpConnection['end']>,
  next: BgpConnection | undefined,
): Reset {
  const { notification } = connection;
  const silent = silenceOf(session, connection, end.stamp);
  const reset: Reset = {
    cause: 'closed',
    connection,
    stamp: notification?.stamp ?? end.stamp,
    notification,
    by: notification?.from ?? (end.cause === 'superseded' ? null : end.by),
    stuck: null,
    silent,
  };
  if (notification && reasonOf(notification).code !== BgpError.HoldTimer) return { ...reset, cause: noticed(notification) };
  if (notification || silent || isStarved(session, connection, end.stamp)) return { ...reset, ...starvation(connection) };
  if (isGraceful(connection, next)) return { ...reset, cause: 'graceful-restart' };
  return { ...reset, cause: end.cause === 'superseded' ? 'restart' : 'closed' };
}

/** Subcodes of Cease: RFC 4486, RFC 8538, RFC 9384. */
function noticed(notification: BgpNotification): ResetCause {
  const { code, subcode } = reasonOf(notification);
  if (code !== BgpError.Cease) return 'message-error';
  switch (subcode) {
    case 1:
      return 'max-prefix';
    case 5:
      return 'rejected';
    case 8:
      return 'out-of-resources';
    case 10:
      return 'bfd-down';
    default:
      return 'administrative';
  }
}

/** Somebody said nothing for as long as the hold time, up to the end. */
function silenceOf(session: BgpSession, connection: BgpConnection, end: Stamp): Reset['silent'] {
  const hold = holdTimeOf(session, connection);
  if (!hold) return null;
  for (const speaker of connection.speakers) {
    const since = speaker.lastMessage;
    // Who is not seen at all, or from some time on, is not silent: the capture has one direction.
    if (!since || speaker.segments === 0 || isHidden(speaker)) continue;
    const seconds = Math.round((end.at - since.at) * 10) / 10;
    if (end.at - since.at >= hold - TICK_SEC) return { speaker, since, seconds };
  }
  return null;
}

/** Seconds, the lower of both OPENs; null where they are not seen. */
export function holdTimeOf(session: BgpSession, { opens }: BgpConnection): number | null {
  const times = [...opens.values()].map(({ holdTime }) => holdTime);
  return times.length === 2 ? Math.min(...times) : session.holdTime;
}

/** What the capture does not show of it is acknowledged: it went on speaking. */
const isHidden = ({ heardLast, lastSegment }: SpeakerOfConnection): boolean =>
  heardLast !== null && (lastSegment === null || heardLast.at - lastSegment.at > ACK_SEC);

/** Data that did not get through, as far as the capture would show its acknowledgement; with RTO backed off, new octets follow an acknowledgement only. */
function stuckOf(speaker: SpeakerOfConnection, { speakers, notification }: BgpConnection): StuckData | null {
  const { stuck, lastMessage, ip } = speaker;
  const peer = speakers.find((each) => each !== speaker);
  if (!stuck || (peer && isHidden(peer))) return null;
  const goesOn = lastMessage !== null && lastMessage.at > stuck.last.at && notification?.from !== ip;
  return goesOn ? null : stuck;
}

/** KEEPALIVEs go out three times in a hold time (RFC 4271 section 4.4): what is stuck for two thirds of it, to the end, is two of them at least. */
function isStarved(session: BgpSession, connection: BgpConnection, end: Stamp): boolean {
  const hold = holdTimeOf(session, connection);
  if (!hold) return false;
  return connection.speakers.some((speaker) => {
    const stuck = stuckOf(speaker, connection);
    return stuck !== null && end.at - stuck.first.at >= (hold * 2) / 3;
  });
}

/** Why the hold timer ran out: what one side sent did not get through, or neither side's did. */
function starvation(connection: BgpConnection): Pick<Reset, 'cause' | 'stuck'> {
  const { speakers, synFirst, notification } = connection;
  for (const speaker of speakers) {
    const data = stuckOf(speaker, connection);
    if (!data) continue;
    const stuck = { speaker, data };
    // What the peer sends still comes: the way back works. One segment may have been on its way.
    const isHeard = data.heard > 1;
    if (!isHeard) return { cause: 'link-outage', stuck };
    return { cause: data.size >= LARGE && data.isKeepaliveOnly !== true ? 'mtu-suspect' : 'one-way-loss', stuck };
  }
  // Seen from the receiver, whose hold timer ran out: later octets came, those before them never did.
  const holed = speakers.some(
    (speaker) => speaker.isPartial && !isHidden(speaker) && synFirst !== null && notification !== null && notification.from !== speaker.ip,
  );
  return { cause: holed ? 'mtu-suspect' : 'hold-timer', stuck: null };
}

/** RFC 4724: both agreed on it, the connection ended without a word, and the router was back in time. */
function isGraceful({ opens, end }: BgpConnection, next: BgpConnection | undefined): boolean {
  const times = [...opens.values()].map(({ capabilities }) => capabilities.gracefulRestart);
  if (!end || !next || times.length !== 2 || times.some((each) => each === null)) return false;
  return next.first.at - end.stamp.at <= Math.max(...times.map((each) => each ?? 0));
}

const FLAP_SEC = 600;

/** The most OPENs of one speaker within ten minutes with which a session came up: what is refused since an operator ended it is no flapping. */
export function mostOpens({ connections, a, b }: BgpSession): { from: string; stamps: Stamp[] } {
  let most: { from: string; stamps: Stamp[] } = { from: a.ip, stamps: [] };
  for (const from of [a.ip, b.ip]) {
    const stamps = connections.flatMap((each) => (each.isCollision || !wasUp(each) ? [] : (each.opens.get(from)?.stamp ?? [])));
    for (let i = 0, last = 0; i < stamps.length; i++) {
      while (last < stamps.length && (stamps[last]?.at ?? 0) <= (stamps[i]?.at ?? 0) + FLAP_SEC) last++;
      if (last - i > most.stamps.length) most = { from, stamps: stamps.slice(i, last) };
    }
  }
  return most;
}
