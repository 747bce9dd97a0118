import type { Packet } from './packet.ts';

/*
 * RTP (RFC 3550 section 5.1):
 *
 *   version, padding, extension, CSRC count 1 | marker and payload type 1 | sequence 2 | timestamp 4 | SSRC 4 | CSRCs 4n | media
 *
 * RTCP (section 6) begins alike, with packet types that are no payload types: sender report 200 to application 204 and feedback up to 207.
 */
const HEADER = 12;
const RTCP_HEADER = 8;
const LAST_STATIC_TYPE = 34;
const FIRST_DYNAMIC_TYPE = 96;
const FIRST_RTCP = 200;
const LAST_RTCP = 207;

/** Whether the payload has the form of media or its reports. Either end sends on its own; through relays media come from somewhere else. */
export function isRtp({ view, payloadAt: at, payloadLength, payloadCaptured }: Packet): boolean {
  if (payloadCaptured < RTCP_HEADER) return false;
  const first = view.getUint8(at);
  if (first >> 6 !== 2) return false;
  const second = view.getUint8(at + 1);
  if (second >= FIRST_RTCP && second <= LAST_RTCP) return 4 * (view.getUint16(at + 2) + 1) <= payloadLength;
  const type = second & 0x7f;
  const header = HEADER + 4 * (first & 0x0f);
  return payloadLength > header && (type <= LAST_STATIC_TYPE || type >= FIRST_DYNAMIC_TYPE);
}
