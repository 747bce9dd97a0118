import type { Packet } from './packet.ts';
import { HASH_STARTS, hashOctets, type Transaction } from './transaction.ts';

/** QUIC long header (RFC 9000 section 17.2): form and type 1, version 4, length 1, destination id, length 1, source id. */
const LONG = 0x80;
const FIXED = 0x40;
const MOST_ID = 20;
const VERSION_1 = 1;
const VERSION_2 = 0x6b3343cf;
const DRAFT = 0xff0000;

export function isQuicLong({ view, payloadAt, payloadCaptured }: Packet): boolean {
  if (payloadCaptured < 7 || (view.getUint8(payloadAt) & (LONG | FIXED)) !== (LONG | FIXED)) return false;
  const version = view.getUint32(payloadAt + 1);
  return version === VERSION_1 || version === VERSION_2 || version >>> 8 === DRAFT;
}

/** Each side names the connection by an id of its own; the other one sends to it. A client without one (length 0) cannot be followed. */
export function readQuic(packet: Packet, transaction: Transaction): void {
  if (!isQuicLong(packet)) return;
  const { view, payloadAt } = packet;
  const end = payloadAt + packet.payloadCaptured;
  const destination = payloadAt + 6;
  const destinationLength = view.getUint8(payloadAt + 5);
  const source = destination + destinationLength + 1;
  if (destinationLength > MOST_ID || source > end) return;
  const sourceLength = view.getUint8(source - 1);
  if (sourceLength > MOST_ID || source + sourceLength > end) return;
  if (sourceLength > 0) {
    transaction.ask(
      hashOctets(view, source, sourceLength, HASH_STARTS[0]),
      hashOctets(view, source, sourceLength, HASH_STARTS[1]),
      sourceLength,
    );
  }
  if (destinationLength > 0) {
    const hash0 = hashOctets(view, destination, destinationLength, HASH_STARTS[0]);
    transaction.answer(hash0, hashOctets(view, destination, destinationLength, HASH_STARTS[1]), destinationLength);
  }
}
