import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/** TFTP (RFC 1350, RFC 2347): opcode 2; then file name and mode, or block number 2. */
const Opcode = { Read: 1, Write: 2, Data: 3, Ack: 4, Error: 5, OptionAck: 6 } as const;
export const TFTP_PORT = 69;
const SHORTEST_REQUEST = 6;

/**
 * The server answers from a new port (RFC 1350 section 4), from the address that was asked. The transfer is named by the client's port alone.
 */
export function readTftp(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  if (packet.payloadCaptured < 4) return;
  const opcode = view.getUint16(at);
  if (packet.destinationPort === TFTP_PORT) {
    if ((opcode === Opcode.Read || opcode === Opcode.Write) && packet.payloadLength >= SHORTEST_REQUEST) transaction.ask(0, 0, 0);
  } else if (isFirstAnswer(opcode, view.getUint16(at + 2))) {
    transaction.answer(0, 0, 0);
    transaction.weak = true;
  }
}

/** Data block 1, acknowledgment 0, an error or an option acknowledgment: what a server can say first. */
const isFirstAnswer = (opcode: number, block: number): boolean =>
  (opcode === Opcode.Data && block === 1) ||
  (opcode === Opcode.Ack && block === 0) ||
  opcode === Opcode.Error ||
  opcode === Opcode.OptionAck;
