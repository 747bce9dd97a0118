import type { Family } from './open.ts';

/** Message types (RFC 4271 section 4.1, RFC 2918). */
export const BgpType = { Open: 1, Update: 2, Notification: 3, Keepalive: 4, RouteRefresh: 5 } as const;

/** Marker 16, length 2, type 1. */
export const BGP_HEADER = 19;
/** RFC 4271 section 4.1; with RFC 8654 the second. */
export const MOST_BGP_LENGTH = 4096;
export const MOST_EXTENDED_LENGTH = 65_535;

const MARKER = 16;
const TYPE = 18;
/** Shortest message of each type, by type (RFC 4271 sections 4.2 to 4.5 and 6.1, RFC 2918 section 3). */
const LEAST = [0, 29, 23, 21, BGP_HEADER, 23];

/** A message's header. */
export interface BgpHeader {
  /** One of `BgpType`. */
  type: number;
  /** Octets of the whole message, the header's too. */
  length: number;
}

/**
 * The header at `at`, of whose message `available` octets are there: `more` where it is not whole yet but well so far, `bad` where none begins here.
 * The type is known and the length is one that it can have. The rest of the message may not be there yet.
 */
export function readHeader(view: DataView, at: number, available: number, mostLength = MOST_EXTENDED_LENGTH): BgpHeader | 'more' | 'bad' {
  for (let i = 0; i < MARKER && i < available; i++) if (view.getUint8(at + i) !== 0xff) return 'bad';
  if (available < BGP_HEADER) return 'more';
  const length = view.getUint16(at + MARKER);
  const type = view.getUint8(at + TYPE);
  const least = type === 0 ? undefined : LEAST[type];
  if (least === undefined || length < least || length > mostLength) return 'bad';
  // A KEEPALIVE is its header.
  return type === BgpType.Keepalive && length !== BGP_HEADER ? 'bad' : { type, length };
}

/**
 * Where in the `available` octets at `at` a message begins, or might begin with octets that are not there yet, as an offset into `view`: what stands
 * before it belongs to none. `at + available` where nothing of one is there.
 */
export function findMessage(view: DataView, at: number, available: number): number {
  const end = at + available;
  let run = 0;
  for (let i = at; i < end; i++) {
    if (view.getUint8(i) === 0xff) {
      run++;
      continue;
    }
    // The last 16 of a longer run of ones are the marker: no length begins with 0xff in a message that is not almost 64 KiB long.
    if (run >= MARKER && begins(view, i - MARKER, end)) return i - MARKER;
    run = 0;
  }
  return end - Math.min(run, MARKER);
}

/** Whether a header stands there and, where its message is whole, another one behind it. */
function begins(view: DataView, at: number, end: number): boolean {
  const header = readHeader(view, at, end - at);
  if (header === 'bad' || header === 'more') return header === 'more';
  const next = at + header.length;
  return next >= end || readHeader(view, next, end - next) !== 'bad';
}

const AFI_NAMES = new Map([
  [1, 'IPv4'],
  [2, 'IPv6'],
  [25, 'L2VPN'],
  [16_388, 'BGP-LS'],
]);
const SAFI_NAMES = new Map([
  [1, 'unicast'],
  [2, 'multicast'],
  [4, 'labelled unicast'],
  [5, 'multicast VPN'],
  [65, 'VPLS'],
  [70, 'EVPN'],
  [71, 'link state'],
  [73, 'SR policy'],
  [128, 'VPN'],
  [129, 'multicast VPN'],
  [132, 'route target constraint'],
  [133, 'flow specification'],
  [134, 'VPN flow specification'],
]);

/** `IPv4 unicast`, in IANA's words; what has no name here by its numbers: `AFI 3 SAFI 9`. */
export function familyName({ afi, safi }: Family): string {
  const names = [AFI_NAMES.get(afi), SAFI_NAMES.get(safi)];
  return names.includes(undefined) ? `AFI ${afi} SAFI ${safi}` : names.join(' ');
}

/** What may move a terminal's cursor, end a line or turn the direction of writing: a peer wrote the text, and a person reads it. */
const HARMFUL = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The UTF-8 text of the octets; what is none, and what would not stand in a line of text, as U+FFFD. */
export const wireText = (view: DataView, at: number, length: number): string =>
  new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, length)).replace(HARMFUL, '\ufffd');
