import { attributeName } from './attributes.ts';
import { BGP_HEADER, familyName, wireText } from './message.ts';

/** NOTIFICATION (RFC 4271 section 4.5). */
export interface BgpNotificationMessage {
  code: number;
  subcode: number;
  /** In the RFC's words: `Cease: administrative reset`. */
  text: string;
  /** What the operator wrote (RFC 9003); null without. What a terminal would obey is replaced by U+FFFD. */
  message: string | null;
  /** What its data say beyond that: `limit of 100 prefixes of IPv4 unicast`; null where nothing is known. */
  detail: string | null;
  /** What a hard reset (RFC 8538) is for; null for all others. */
  hardReset: { code: number; subcode: number } | null;
}

export const NotificationCode = { Header: 1, Open: 2, Update: 3, HoldTimer: 4, StateMachine: 5, Cease: 6, RouteRefresh: 7 } as const;
export const CeaseSubcode = {
  MaxPrefixes: 1,
  Shutdown: 2,
  Deconfigured: 3,
  Reset: 4,
  Rejected: 5,
  OtherChange: 6,
  Collision: 7,
  Resources: 8,
  HardReset: 9,
  BfdDown: 10,
} as const;

const DATA = BGP_HEADER + 2;
/** Subcodes of UPDATE message errors that come with the attribute, and the one that comes with its type. */
const ATTRIBUTE_ERRORS = [2, 4, 5, 6, 8, 9];
const MISSING_ATTRIBUTE = 3;

/** Codes and, by their numbers, subcodes (IANA bgp-parameters; the RFCs' own words, in lower case). */
const CODES: readonly { text: string; subcodes: readonly (string | undefined)[] }[] = [
  { text: 'Reserved', subcodes: [] },
  { text: 'Message header error', subcodes: [undefined, 'connection not synchronized', 'bad message length', 'bad message type'] },
  {
    text: 'OPEN message error',
    subcodes: [
      undefined,
      'unsupported version number',
      'bad peer AS',
      'bad BGP identifier',
      'unsupported optional parameter',
      'authentication failure',
      'unacceptable hold time',
      'unsupported capability',
      undefined,
      undefined,
      undefined,
      'role mismatch',
    ],
  },
  {
    text: 'UPDATE message error',
    subcodes: [
      undefined,
      'malformed attribute list',
      'unrecognized well-known attribute',
      'missing well-known attribute',
      'attribute flags error',
      'attribute length error',
      'invalid ORIGIN attribute',
      'AS routing loop',
      'invalid NEXT_HOP attribute',
      'optional attribute error',
      'invalid network field',
      'malformed AS_PATH',
    ],
  },
  { text: 'Hold timer expired', subcodes: [] },
  {
    text: 'Finite state machine error',
    subcodes: [
      undefined,
      'unexpected message in OpenSent state',
      'unexpected message in OpenConfirm state',
      'unexpected message in Established state',
    ],
  },
  {
    text: 'Cease',
    subcodes: [
      undefined,
      'maximum number of prefixes reached',
      'administrative shutdown',
      'peer deconfigured',
      'administrative reset',
      'connection rejected',
      'other configuration change',
      'connection collision resolution',
      'out of resources',
      'hard reset',
      'BFD down',
    ],
  },
  { text: 'ROUTE-REFRESH message error', subcodes: [undefined, 'invalid message length'] },
  { text: 'Send hold timer expired', subcodes: [] },
];

/** A code and subcode in words; numbers where they have none. Subcode 0 says nothing more. */
export function notificationText(code: number, subcode: number): string {
  const known = CODES[code];
  if (!known) return `code ${code}, subcode ${subcode}`;
  return subcode === 0 ? known.text : `${known.text}: ${known.subcodes[subcode] ?? `subcode ${subcode}`}`;
}

/** The NOTIFICATION whose message begins at `at`: `readHeader` found it, and all its `length` octets are there. */
export function readNotification(view: DataView, at: number, length: number): BgpNotificationMessage {
  const code = view.getUint8(at + BGP_HEADER);
  const subcode = view.getUint8(at + BGP_HEADER + 1);
  return contents(view, code, subcode, at + DATA, at + length);
}

/** @param isWrapped it is what a hard reset carries */
function contents(view: DataView, code: number, subcode: number, at: number, end: number, isWrapped = false): BgpNotificationMessage {
  const text = notificationText(code, subcode);
  const isCease = code === NotificationCode.Cease;
  // A hard reset carries the NOTIFICATION that it stands for (RFC 8538 section 3.1); one in another is none.
  if (isCease && subcode === CeaseSubcode.HardReset && !isWrapped && at + 2 <= end) {
    const inner = contents(view, view.getUint8(at), view.getUint8(at + 1), at + 2, end, true);
    const { message, detail } = inner;
    const reason = inner.code === NotificationCode.Cease ? inner.text.replace(/^Cease: /, '') : inner.text;
    return { code, subcode, text: `${text} (${reason})`, message, detail, hardReset: { code: inner.code, subcode: inner.subcode } };
  }
  const isSpoken = isCease && (subcode === CeaseSubcode.Shutdown || subcode === CeaseSubcode.Reset);
  return {
    code,
    subcode,
    text,
    message: isSpoken ? communication(view, at, end) : null,
    detail: detailOf(view, code, subcode, at, end),
    hardReset: null,
  };
}

/** One octet of length, then UTF-8 (RFC 9003 section 2). */
function communication(view: DataView, at: number, end: number): string | null {
  if (at >= end) return null;
  const length = Math.min(view.getUint8(at), end - at - 1);
  return length === 0 ? null : wireText(view, at + 1, length);
}

function detailOf(view: DataView, code: number, subcode: number, at: number, end: number): string | null {
  const length = end - at;
  if (code === NotificationCode.Header && subcode === 2 && length === 2) return `length ${view.getUint16(at)}`;
  if (code === NotificationCode.Header && subcode === 3 && length === 1) return `type ${view.getUint8(at)}`;
  if (code === NotificationCode.Open && subcode === 1 && length === 2) return `it speaks version ${view.getUint16(at)}`;
  // Not in the RFC: what routers of several makers send here is the AS that they did not expect.
  if (code === NotificationCode.Open && subcode === 2 && length === 2) return `AS ${view.getUint16(at)}`;
  if (code === NotificationCode.Open && subcode === 2 && length === 4) return `AS ${view.getUint32(at)}`;
  if (code === NotificationCode.Open && subcode === 7 && length >= 2) return `capability ${view.getUint8(at)}`;
  // The attribute as it came: flags, type, length, value (RFC 4271 section 6.3).
  if (code === NotificationCode.Update && length >= 3 && ATTRIBUTE_ERRORS.includes(subcode)) return attributeName(view.getUint8(at + 1));
  if (code === NotificationCode.Update && subcode === MISSING_ATTRIBUTE && length === 1) return attributeName(view.getUint8(at));
  // RFC 4486 section 4.
  if (code === NotificationCode.Cease && subcode === CeaseSubcode.MaxPrefixes && length >= 7) {
    const family = familyName({ afi: view.getUint16(at), safi: view.getUint8(at + 2) });
    return `limit of ${view.getUint32(at + 3)} prefixes of ${family}`;
  }
  return null;
}
