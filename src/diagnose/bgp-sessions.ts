import type { BgpConnection, BgpNotification, BgpSession, SpeakerOfConnection } from '../track/bgp/session.ts';
import type { Stamp } from '../track/stamp.ts';
import type { Schema, Subject } from './kind.ts';
import { count, object, text, textOrNull } from './schemas.ts';

/** What the kinds about BGP have in common. */

/** A NOTIFICATION as details have it. */
export interface NotificationDetails {
  code: number;
  subcode: number;
  /** In the RFC's words, with what its data says. */
  text: string;
  from: string;
  /** What the operator wrote (RFC 9003); null without. */
  message: string | null;
}

export const notificationSchema: Schema = {
  ...object({ code: count, subcode: count, text, from: text, message: textOrNull }),
  type: ['object', 'null'],
  description: 'NOTIFICATION that ended it, with what the operator wrote; null where there was none',
};

export const notificationDetails = (notification: BgpNotification | null): NotificationDetails | null =>
  notification && {
    code: notification.code,
    subcode: notification.subcode,
    text: notificationText(notification),
    from: notification.from,
    message: notification.message,
  };

/** `OPEN message error: bad peer AS (bad peer AS 64514)`. */
export const notificationText = ({ text: words, detail }: BgpNotification): string => (detail ? `${words} (${detail})` : words);

/** Code and subcode of why it ended: a hard reset wraps another NOTIFICATION. */
export const reasonOf = (notification: BgpNotification): { code: number; subcode: number } => notification.hardReset ?? notification;

/** In the order of the table of subjects: the lower address first. */
export const sessionSubject = ({ a, b }: BgpSession): Subject => ({ session: { a: a.ip, b: b.ip } });

/** `192.0.2.1 (AS 64512)`; the address alone where its OPEN was not seen. */
export const speakerText = (ip: string, as: number | null): string => (as === null ? ip : `${ip} (AS ${as})`);

/** `192.0.2.1 (AS 64512) and 192.0.2.2 (AS 64513)`. */
export const pairText = ({ a, b }: BgpSession): string => `${speakerText(a.ip, a.as)} and ${speakerText(b.ip, b.as)}`;

/** The other end of a connection. */
export const otherEnd = ({ client, server }: BgpConnection, ip: string): string => (client.ip === ip ? server.ip : client.ip);

export const speakerOf = ({ speakers }: BgpConnection, ip: string): SpeakerOfConnection | undefined =>
  speakers.find((each) => each.ip === ip);

/** Commands at a router that runs FRR: below `router bgp`, each a line; `AS` where it is not known. */
export const frrCommand = (as: number | null, ...lines: string[]): string =>
  `vtysh -c 'configure terminal' -c 'router bgp ${as ?? 'AS'}' ${lines.map((line) => `-c '${line}'`).join(' ')}`;

/** A NOTIFICATION of a connection that was given up for another one: normal. */
export const isCollisionNotice = (notification: BgpNotification | null): boolean =>
  notification !== null && notification.code === BgpError.Cease && notification.subcode === 7;

/** It was up; what is older than the capture, and ends with a NOTIFICATION that is not about an OPEN, is taken to have been. */
export const wasUp = ({ established, notification, synFirst, opens }: BgpConnection): boolean =>
  established !== null || (notification !== null && notification.code !== BgpError.Open && synFirst === null && opens.size === 0);

/** Error codes (RFC 4271 section 4.5, RFC 7313). */
export const BgpError = { Header: 1, Open: 2, Update: 3, HoldTimer: 4, StateMachine: 5, Cease: 6, RouteRefresh: 7 } as const;

/** What a speaker does in all of its sessions. */
export interface Party {
  sessions: number;
  /** OPENs of both sides in these sessions. */
  opens: number;
  /** The capture has segments of it, and segments to it. */
  isSeen: boolean;
  isToldSomething: boolean;
}

/** All speakers by their addresses, for questions that are about more than one session. */
export function partiesOf(sessions: readonly BgpSession[]): ReadonlyMap<string, Party> {
  const parties = new Map<string, Party>();
  for (const { a, b, opensSeen } of sessions) {
    for (const [own, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const party = parties.get(own.ip) ?? { sessions: 0, opens: 0, isSeen: false, isToldSomething: false };
      party.sessions++;
      party.opens += opensSeen;
      party.isSeen ||= own.lastSegment !== null;
      party.isToldSomething ||= peer.lastSegment !== null;
      parties.set(own.ip, party);
    }
  }
  return parties;
}

const MOST_TITLE = 60;

/** ` "line is being repaired"`; long ones are cut. */
export const operatorText = ({ message }: BgpNotification): string =>
  message === null ? '' : ` "${message.length > MOST_TITLE ? `${message.slice(0, MOST_TITLE)}…` : message}"`;

/** From the earliest to the latest of these, in seconds, to a tenth. */
export function spanSeconds(stamps: readonly Stamp[]): number {
  const at = stamps.map((stamp) => stamp.at);
  return at.length === 0 ? 0 : Math.round((Math.max(...at) - Math.min(...at)) * 10) / 10;
}
