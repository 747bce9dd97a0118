import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/** NTP (RFC 5905 section 7.3): leap, version, mode 1, … origin timestamp at 24, receive at 32, transmit at 40; eight octets each. */
const LENGTH = 48;
const ORIGIN = 24;
const TRANSMIT = 40;
const CLIENT = 3;
const SERVER = 4;

/** The server's origin timestamp is the client's transmit timestamp. Symmetric and broadcast modes are no question and answer. */
export function readNtp(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  if (packet.payloadCaptured < LENGTH) return;
  const mode = view.getUint8(at) & 7;
  if (mode !== CLIENT && mode !== SERVER) return;
  const stamp = at + (mode === CLIENT ? TRANSMIT : ORIGIN);
  const high = view.getInt32(stamp);
  const low = view.getInt32(stamp + 4);
  if (high === 0 && low === 0) return;
  if (mode === CLIENT) transaction.ask(high, low, 0);
  else transaction.answer(high, low, 0);
}
