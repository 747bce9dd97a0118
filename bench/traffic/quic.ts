import type { Octets } from './octets.ts';

/*
 * QUIC version 1 (RFC 9000 section 17) with connection ids of eight octets; what is encrypted is noise.
 *
 *   Initial: 0xc0 and flags 1 | version 4 | 8 | destination id 8 | 8 | source id 8 | token length 1 | length 2 | the rest
 *   later:   0x40 and flags 1 | destination id 8 | the rest
 */
const LONG = 0xc3;
const SHORT = 0x43;
const VERSION_1 = 1;
const ID = 8;
const LONG_HEADER = 1 + 4 + 2 * (1 + ID) + 1 + 2;
/** A length of two octets begins so (RFC 9000 section 16). */
const TWO_OCTETS = 0x4000;
/** The least that a client pads its first datagram to. */
export const QUIC_INITIAL = 1200;
/** The shortest packet that can be protected. */
export const SHORT_HEADER = 1 + ID + 20;

/** A datagram of QUIC_INITIAL octets. @param destination, source what the ids are made of */
export function quicInitial(out: Octets, destination: number, source: number): void {
  const rest = QUIC_INITIAL - LONG_HEADER;
  out.u8(LONG);
  out.u32(VERSION_1);
  out.u8(ID);
  connectionId(out, destination);
  out.u8(ID);
  connectionId(out, source);
  out.u8(0);
  out.u16(TWO_OCTETS | rest);
  out.payload(rest);
}

export function quicShort(out: Octets, destination: number, length: number): void {
  out.u8(SHORT);
  connectionId(out, destination);
  out.payload(length - 1 - ID);
}

function connectionId(out: Octets, from: number): void {
  out.u32(from);
  out.u32(Math.imul(from, 0x9e3779b1));
}
