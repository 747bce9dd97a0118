import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/*
 * DHCP (RFC 2131 section 2): op 1 | htype 1 | hlen 1 | hops 1 | xid 4 | secs 2 | flags 2 | ciaddr 4 | yiaddr 4 | siaddr 4 | giaddr 4 | chaddr 16 |
 * sname 64 | file 128 | cookie 4 | options: code 1, length 1, value
 */
const XID = 4;
const GIADDR = 24;
const COOKIE_AT = 236;
const COOKIE = 0x63825363;
const REQUEST = 1;
const REPLY = 2;
const SERVER_ID = 54;
const PAD = 0;
const END = 255;
const SERVER_PORT = 67;

/**
 * Only a server that names itself by one address and sends from another counts: discovery goes to all, relays answer for others, and another server
 * than the one asked may answer.
 */
export function readDhcp(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  const end = at + packet.payloadCaptured;
  if (at + COOKIE_AT + 4 > end || packet.version !== 4 || view.getUint32(at + COOKIE_AT) !== COOKIE) return;
  const op = view.getUint8(at);
  const isRelayed = view.getUint32(at + GIADDR) !== 0;
  if (isRelayed) return;
  if (op === REQUEST && packet.destinationPort === SERVER_PORT) transaction.ask(view.getInt32(at + XID), packet.dst4, 0);
  else if (op === REPLY) {
    const server = serverId(view, at + COOKIE_AT + 4, end);
    if (server !== undefined) transaction.answer(view.getInt32(at + XID), server, 0);
  }
}

function serverId(view: DataView, start: number, end: number): number | undefined {
  let at = start;
  while (at + 2 <= end && view.getUint8(at) !== END) {
    if (view.getUint8(at) === PAD) {
      at++;
      continue;
    }
    const length = view.getUint8(at + 1);
    if (view.getUint8(at) === SERVER_ID && length === 4 && at + 6 <= end) return view.getInt32(at + 2);
    at += 2 + length;
  }
  return undefined;
}
