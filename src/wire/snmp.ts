import type { Packet } from './packet.ts';
import type { Transaction } from './transaction.ts';

/*
 * SNMP in BER (RFC 3416, RFC 3412): SEQUENCE { version, community, PDU { request-id, … } }, or for version 3
 * SEQUENCE { version, SEQUENCE { msgID, … }, … }.
 */
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const RESPONSE = 0xa2;
/** Get, GetNext, Set, GetBulk. */
const REQUESTS = new Set([0xa0, 0xa1, 0xa3, 0xa5]);
const VERSION_3 = 3;
const AGENT_PORT = 161;

/** Request and response share the request-id; version 3 shows only its message id, and the port tells who asks. */
export function readSnmp(packet: Packet, transaction: Transaction): void {
  const ber = new BerCursor(packet.view, packet.payloadAt, packet.payloadAt + packet.payloadCaptured);
  if (!ber.enter(SEQUENCE)) return;
  const version = ber.integer();
  if (version === undefined) return;
  if (version === VERSION_3) {
    const id = ber.enter(SEQUENCE) ? ber.integer() : undefined;
    if (id === undefined) return;
    if (packet.destinationPort === AGENT_PORT) transaction.ask(id, VERSION_3, 0);
    else if (packet.sourcePort === AGENT_PORT) transaction.answer(id, VERSION_3, 0);
    return;
  }
  if (!ber.skip(OCTET_STRING)) return;
  const type = ber.peek();
  if (type !== RESPONSE && !REQUESTS.has(type)) return;
  const id = ber.enter(type) ? ber.integer() : undefined;
  if (id === undefined) return;
  if (type === RESPONSE) transaction.answer(id, 0, 0);
  else transaction.ask(id, 0, 0);
}

/** Walks tag, length, value (X.690) without leaving the captured octets. */
class BerCursor {
  private readonly view: DataView;
  private readonly end: number;
  private at: number;
  private length = 0;

  constructor(view: DataView, at: number, end: number) {
    this.view = view;
    this.at = at;
    this.end = end;
  }

  peek(): number {
    return this.at < this.end ? this.view.getUint8(this.at) : -1;
  }

  /** Goes to the value of an element with this tag. */
  enter(tag: number): boolean {
    if (this.at + 2 > this.end || this.view.getUint8(this.at) !== tag) return false;
    let length = this.view.getUint8(this.at + 1);
    this.at += 2;
    if (length >= 0x80) {
      let octets = length & 0x7f;
      if (octets === 0 || octets > 4 || this.at + octets > this.end) return false;
      for (length = 0; octets > 0; octets--) length = length * 256 + this.view.getUint8(this.at++);
    }
    this.length = length;
    return true;
  }

  skip(tag: number): boolean {
    if (!this.enter(tag)) return false;
    this.at += this.length;
    return this.at <= this.end;
  }

  /** As a signed 32-bit integer; longer ones are none that SNMP knows. */
  integer(): number | undefined {
    if (!this.enter(INTEGER) || this.length === 0 || this.length > 5 || this.at + this.length > this.end) return undefined;
    let value = this.view.getInt8(this.at++);
    for (let i = 1; i < this.length; i++) value = (value * 256 + this.view.getUint8(this.at++)) | 0;
    return value;
  }
}
