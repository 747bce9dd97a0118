import type { Packet } from './packet.ts';
import { HASH_STARTS, type Transaction } from './transaction.ts';

/** DNS (RFC 1035 section 4.1.1): id 2, flags 2, four counts 2 each; then the questions: name, type 2, class 2. */
const HEADER = 12;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const COMPRESSED = 0xc0;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;

/** A query and its response share id and question; case in names may differ (draft-vixie-dnsext-dns0x20). */
export function readDns(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  const end = at + packet.payloadCaptured;
  if (at + HEADER > end || view.getUint16(at + 4) !== 1) return;
  const flags = view.getUint16(at + 2);
  const question = hashQuestion(view, at + HEADER, end);
  if (question === 0) return;
  const id = view.getUint16(at) | ((flags & OPCODE) << 16);
  if (flags & RESPONSE) transaction.answer(id, question, 0);
  else transaction.ask(id, question, 0);
}

/** 0 where the question is not all there. */
function hashQuestion(view: DataView, at: number, end: number): number {
  let hash: number = HASH_STARTS[0];
  let label = at;
  for (;;) {
    if (label >= end) return 0;
    const length = view.getUint8(label);
    if (length >= COMPRESSED || label + 1 + length + 4 > end) return 0;
    for (let i = label; i <= label + length; i++) {
      const octet = view.getUint8(i);
      const isUpper = i > label && octet >= UPPER_A && octet <= UPPER_Z;
      hash = Math.imul(hash ^ (isUpper ? octet | 0x20 : octet), 0x01000193);
    }
    label += 1 + length;
    if (length === 0) return Math.imul(hash ^ view.getInt32(label), 0x01000193) | 1;
  }
}
