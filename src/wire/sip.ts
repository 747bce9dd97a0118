import type { Packet } from './packet.ts';
import { HASH_STARTS, hashOctets, type Transaction } from './transaction.ts';

/** SIP (RFC 3261): a request line ends with `SIP/2.0`, a response begins with it; the branch of the topmost Via names the transaction. */
const MOST_SEARCHED = 1400;
const VERSION = 'SIP/2.0';
const BRANCH = 'branch=';

export function readSip(packet: Packet, transaction: Transaction): void {
  const { view, payloadAt: at } = packet;
  const end = at + Math.min(packet.payloadCaptured, MOST_SEARCHED);
  const isResponse = startsWith(view, at, end, VERSION);
  if (!isResponse && !requestLineEnds(view, at, end)) return;
  const branch = find(view, at, end, BRANCH);
  if (branch < 0) return;
  let length = 0;
  while (branch + length < end && isToken(view.getUint8(branch + length))) length++;
  const id0 = hashOctets(view, branch, length, HASH_STARTS[0]);
  const id1 = hashOctets(view, branch, length, HASH_STARTS[1]);
  if (isResponse) transaction.answer(id0, id1, length);
  else transaction.ask(id0, id1, length);
}

/** Characters of a token (RFC 3261 section 25.1), enough of them to end before `;`, `,`, quotes and line ends. */
const isToken = (octet: number): boolean => octet > 0x20 && octet < 0x7f && octet !== 0x3b && octet !== 0x2c && octet !== 0x22;

const LINE_END = 0x0d;

function requestLineEnds(view: DataView, at: number, end: number): boolean {
  const first = at < end ? view.getUint8(at) : 0;
  if (first < 0x41 || first > 0x5a) return false;
  for (let i = at; i < end; i++) if (view.getUint8(i) === LINE_END) return startsWith(view, i - VERSION.length, end, VERSION);
  return false;
}

function startsWith(view: DataView, at: number, end: number, text: string): boolean {
  if (at < 0 || at + text.length > end) return false;
  for (let i = 0; i < text.length; i++) if (view.getUint8(at + i) !== text.charCodeAt(i)) return false;
  return true;
}

/** After the first `text`, or -1. */
function find(view: DataView, at: number, end: number, text: string): number {
  for (let i = at; i + text.length <= end; i++) if (startsWith(view, i, end, text)) return i + text.length;
  return -1;
}
