/**
 * What a datagram says of the transaction that it belongs to. There is one instance, refilled by the protocol's reader: what it asks for is found
 * again by `ask…`, what it answers by `answer…`. Three words hold any identifier; longer ones are hashed to 64 bits.
 */
export class Transaction {
  asks = false;
  ask0 = 0;
  ask1 = 0;
  ask2 = 0;
  answers = false;
  answer0 = 0;
  answer1 = 0;
  answer2 = 0;
  /** The identifier leaves doubt: the match is likely, not certain. */
  weak = false;
  /** An answer may come from anywhere: the asker said so, or the protocol is made that way. */
  fromAnywhere = false;
  /** How long after the request an answer still belongs to it. */
  withinSec = USUAL_SEC;

  clear(): void {
    this.asks = false;
    this.answers = false;
    this.weak = false;
    this.fromAnywhere = false;
    this.withinSec = USUAL_SEC;
  }

  ask(id0: number, id1: number, id2: number): void {
    this.asks = true;
    this.ask0 = id0;
    this.ask1 = id1;
    this.ask2 = id2;
  }

  answer(id0: number, id1: number, id2: number): void {
    this.answers = true;
    this.answer0 = id0;
    this.answer1 = id1;
    this.answer2 = id2;
  }
}

const USUAL_SEC = 10;

/** FNV-1a over octets, continued from `hash`: for identifiers that are longer than three words. */
export function hashOctets(view: DataView, at: number, length: number, hash: number): number {
  let result = hash;
  for (let i = at; i < at + length; i++) result = Math.imul(result ^ view.getUint8(i), 0x01000193);
  return result;
}

/** Two different starts make 64 bits of two hashes. */
export const HASH_STARTS = [0x811c9dc5 | 0, 0x5bd1e995] as const;
