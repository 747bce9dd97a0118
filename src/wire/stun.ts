import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/** STUN (RFC 8489 section 5): type 2, length 2, magic cookie 4, transaction id 12, attributes. */
const HEADER = 20;
const MAGIC_COOKIE = 0x2112a442;
/** Class bits of the type: request 0x000, indication 0x010, success 0x100, error 0x110. */
const CLASS = 0x0110;
const REQUEST = 0;
const INDICATION = 0x0010;
const Attribute = {
  ChangeRequest: 0x0003,
  ResponseAddress: 0x0002,
  Priority: 0x0024,
  IceControlled: 0x8029,
  IceControlling: 0x802a,
} as const;

export function isStun({ view, payloadAt, payloadCaptured, payloadLength }: Packet): boolean {
  if (payloadCaptured < HEADER || view.getUint16(payloadAt) >= 0x4000) return false;
  const length = view.getUint16(payloadAt + 2);
  return view.getUint32(payloadAt + 4) === MAGIC_COOKIE && length % 4 === 0 && length + HEADER <= payloadLength;
}

/** Request and response share the transaction id. Who asks for an answer from elsewhere, or probes paths (ICE, RFC 8445), gets one from there. */
export function readStun(packet: Packet, transaction: Transaction): void {
  if (!isStun(packet)) return;
  const { view, payloadAt: at } = packet;
  const kind = view.getUint16(at) & CLASS;
  if (kind === INDICATION) return;
  const id0 = view.getInt32(at + 8);
  const id1 = view.getInt32(at + 12);
  const id2 = view.getInt32(at + 16);
  if (kind === REQUEST) {
    transaction.ask(id0, id1, id2);
    transaction.fromAnywhere = hasFreeAnswer(view, at + HEADER, at + packet.payloadCaptured);
  } else {
    transaction.answer(id0, id1, id2);
  }
}

function hasFreeAnswer(view: DataView, start: number, end: number): boolean {
  let at = start;
  while (at + 4 <= end) {
    const type = view.getUint16(at);
    if (type === Attribute.Priority || type === Attribute.IceControlled || type === Attribute.IceControlling) return true;
    if (type === Attribute.ChangeRequest || type === Attribute.ResponseAddress) return true;
    at += 4 + ((view.getUint16(at + 2) + 3) & ~3);
  }
  return false;
}
