import type { Packet } from './packet.ts';

export const TINC_PORT = 655;

/** Request ID (0), name, version: what both ends of a meta connection send first (tinc src/protocol_auth.c, `send_id`). */
const ID = 0x3020;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const DOT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;
const SEVEN = 0x37;
/** Longer names than tinc has file names for. */
const LONGEST_NAME = 64;
const UNDERSCORE = 0x5f;

/** Whether either end has the port of tinc, UDP or TCP. Data in UDP is encrypted, and has nothing else to be known by. */
export const isTincPort = ({ sourcePort, destinationPort }: Packet): boolean => sourcePort === TINC_PORT || destinationPort === TINC_PORT;

/** Whether the payload, of TCP, begins with the first line of tinc's meta protocol: `0 NAME 17` (1.0) or `0 NAME 17.n` (1.1). */
export function isTincMeta({ view, payloadAt, payloadCaptured }: Packet): boolean {
  const end = payloadAt + payloadCaptured;
  // A name of one letter is the shortest line.
  if (payloadCaptured < 7 || view.getUint16(payloadAt) !== ID) return false;
  let at = payloadAt + 2;
  const nameEnd = Math.min(end, at + LONGEST_NAME);
  while (at < nameEnd && isOfName(view.getUint8(at))) at++;
  if (at === payloadAt + 2 || at + 4 > end || view.getUint8(at) !== SPACE) return false;
  if (view.getUint8(at + 1) !== ONE || view.getUint8(at + 2) !== SEVEN) return false;
  at += 3;
  if (view.getUint8(at) !== DOT) return view.getUint8(at) === NEWLINE;
  at++;
  const minorAt = at;
  while (at < end && isDigit(view.getUint8(at))) at++;
  return at > minorAt && at < end && view.getUint8(at) === NEWLINE;
}

const isDigit = (octet: number): boolean => octet >= ZERO && octet < ZERO + 10;

/** Letters, digits and the underscore (tinc src/utils.c, `check_id`). */
function isOfName(octet: number): boolean {
  const lower = octet | 0x20;
  return isDigit(octet) || octet === UNDERSCORE || (lower >= 0x61 && lower <= 0x7a);
}
