import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/** RADIUS (RFC 2865 section 3): code 1, identifier 1, length 2, authenticator 16. */
const HEADER = 20;
/** Access-Request, Accounting-Request, Status-Server, Disconnect-Request, CoA-Request. */
const REQUESTS = new Set([1, 4, 12, 40, 43]);
/** Their answers. */
const ANSWERS = new Map([
  [2, 1],
  [3, 1],
  [11, 1],
  [5, 4],
  [41, 40],
  [42, 40],
  [44, 43],
  [45, 43],
]);
const ACCESS_REQUEST = 1;
const STATUS_SERVER = 12;

/** Request and answer share the identifier. A Status-Server is answered like what the port serves (RFC 5997). */
export function readRadius(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  if (packet.payloadCaptured < HEADER || view.getUint16(at + 2) < HEADER) return;
  const code = view.getUint8(at);
  const identifier = view.getUint8(at + 1);
  const asked = ANSWERS.get(code);
  if (asked !== undefined) transaction.answer(identifier, familyOf(asked), 0);
  else if (REQUESTS.has(code)) transaction.ask(identifier, familyOf(code), 0);
}

/** Authentication and accounting are told apart by the port, so their codes need not be: a status request is of either. */
const familyOf = (code: number): number => (code === STATUS_SERVER || code === 4 ? ACCESS_REQUEST : code);
