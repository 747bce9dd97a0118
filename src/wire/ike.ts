import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/*
 * IKE (RFC 7296 section 3.1; version 1: RFC 2408): initiator's SPI 8 | responder's SPI 8 | next payload 1 | version 1 | exchange 1 | flags 1 |
 * message id 4 | length 4. On port 4500 four zero octets come first (RFC 3948 section 2.2).
 */
const HEADER = 28;
const NON_ESP_MARKER = 4;
export const IKE_PORT = 500;
export const NAT_T_PORT = 4500;
const VERSION_1 = 0x10;
const VERSION_2 = 0x20;
const RESPONSE = 0x20;

/** Where the IKE header begins; -1 where the payload is none (ESP in UDP, a keepalive). */
export function ikeAt({ view, payloadAt, payloadCaptured, sourcePort, destinationPort }: Packet): number {
  const marked = sourcePort === NAT_T_PORT || destinationPort === NAT_T_PORT;
  const offset = marked ? NON_ESP_MARKER : 0;
  if (payloadCaptured < offset + HEADER || (marked && view.getUint32(payloadAt) !== 0)) return -1;
  const at = payloadAt + offset;
  const version = view.getUint8(at + 17);
  const isIke = version === VERSION_1 || version === VERSION_2;
  return isIke && (view.getInt32(at) !== 0 || view.getInt32(at + 4) !== 0) ? at : -1;
}

/** A response shares SPI and message id with its request. Version 1 has no flag for it: its first message is the one without a responder's SPI. */
export function readIke(packet: Packet, transaction: Transaction): void {
  const at = ikeAt(packet);
  if (at < 0) return;
  const { view } = packet;
  const spi0 = view.getInt32(at);
  const spi1 = view.getInt32(at + 4);
  const message = view.getInt32(at + 20);
  if (view.getUint8(at + 17) === VERSION_1) {
    const isFirst = view.getInt32(at + 8) === 0 && view.getInt32(at + 12) === 0;
    if (isFirst) transaction.ask(spi0, spi1, message);
    else if (message === 0) transaction.answer(spi0, spi1, message);
    return;
  }
  if (view.getUint8(at + 19) & RESPONSE) transaction.answer(spi0, spi1, message);
  else transaction.ask(spi0, spi1, message);
}
