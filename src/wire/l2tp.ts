import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/** L2TPv2 control message (RFC 2661 section 3.1): flags and version 2, length 2, tunnel id 2, session id 2, Ns 2, Nr 2, AVPs. */
const HEADER = 12;
const CONTROL = 0xc800;
const FLAGS = 0xcb0f;
const VERSION_2 = 2;
/** AVP (section 4.1): flags and length 2, vendor 2, type 2, value. */
const AVP_HEADER = 6;
const AVP_LENGTH = 0x03ff;
const MESSAGE_TYPE = 0;
const ASSIGNED_TUNNEL = 9;
const SCCRQ = 1;
const SCCRP = 2;

/** Who opens a tunnel names its end of it; the first answer is sent to that name. Its port may be new, its address not (section 8.1). */
export function readL2tp(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  const end = at + packet.payloadCaptured;
  if (at + HEADER + AVP_HEADER + 2 > end || (view.getUint16(at) & FLAGS) !== (CONTROL | VERSION_2)) return;
  if (view.getUint16(at + HEADER + 4) !== MESSAGE_TYPE) return;
  const message = view.getUint16(at + HEADER + AVP_HEADER);
  if (message === SCCRP) {
    transaction.answer(view.getUint16(at + 4), 0, 0);
  } else if (message === SCCRQ) {
    const tunnel = assignedTunnel(view, at + HEADER, end);
    if (tunnel !== undefined) transaction.ask(tunnel, 0, 0);
  }
}

function assignedTunnel(view: DataView, start: number, end: number): number | undefined {
  let at = start;
  while (at + AVP_HEADER <= end) {
    const length = view.getUint16(at) & AVP_LENGTH;
    if (length < AVP_HEADER || at + length > end) return undefined;
    if (view.getUint16(at + 2) === 0 && view.getUint16(at + 4) === ASSIGNED_TUNNEL && length === AVP_HEADER + 2)
      return view.getUint16(at + AVP_HEADER);
    at += length;
  }
  return undefined;
}
