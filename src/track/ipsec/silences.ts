import type { Packet } from '../../wire/packet.ts';
import type { Clock } from '../clock.ts';
import { addressText, writeAddress } from '../flows.ts';
import { readStamp, STAMP_WORDS, type Stamp, stampedAt, writeStamp } from '../stamp.ts';
import { NONE, Table } from '../table.ts';
import { orderEnds } from '../tunnels/end-key.ts';

/** So many packets of ESP in a row one way, and for so long, are a silence of the other way. */
export const SILENT_PACKETS = 20;
export const SILENT_SEC = 10;
const MOST_PAIRS = 4096;
const DAY_SEC = 86_400;

/** Key: both addresses, the lower first | path. */
const WORDS = 9;
const PATH = 8;

/*
 * A pair's own words, for each direction (from the lower address first): packets in all 1 | packets of the present run 1 | its SPI 1 | of them such
 * as need an answer 1 | of them readable 1 | sequence number of the latest packet 1 | SPI of the latest packet 1 | whom those ask that need an
 * answer 1 | present run: first 8, last 8 | the longest silence that followed: packets 1, SPI 1, needing 1, readable 1, missed 1, before 1,
 * whom it asked 1, 1, first 8, last 8, ended by 8
 */
const TOTAL = 0;
const RUN = 1;
const RUN_SPI = 2;
const RUN_NEEDING = 3;
const RUN_READABLE = 4;
const LATEST_SEQUENCE = 5;
const LATEST_SPI = 6;
/** Nobody 0, one host as an odd number, or `SEVERAL`. */
const RUN_ASKED = 7;
const RUN_FIRST = 8;
const RUN_LAST = RUN_FIRST + STAMP_WORDS;
const BEST = RUN_LAST + STAMP_WORDS;
const BEST_MISSED = 4;
const BEST_BEFORE = 5;
const BEST_ASKED = 6;
const BEST_FIRST = BEST + 8;
const BEST_LAST = BEST_FIRST + STAMP_WORDS;
const BEST_END = BEST_LAST + STAMP_WORDS;
const SIDE = BEST_END + STAMP_WORDS;

const SEVERAL = 2;

/** ESP or AH went one way for long, and nothing came back at this place. */
export interface Silence {
  /** Who sent, and who was not heard. */
  source: string;
  destination: string;
  path: number;
  /** SPI of the latest packet of the run. */
  spi: number;
  packets: number;
  /** Of them those whose inside could be read, and those that need an answer (TCP, echo requests). */
  readable: number;
  needing: number;
  /** Those that need an answer go to more than one host inside. */
  asksSeveral: boolean;
  first: Stamp;
  last: Stamp;
  /** Packets from the silent end before the run. */
  before: number;
  /** With which packet it was heard again; null where it was not. */
  recovered: Stamp | null;
  /** Packets that the silent end sent meanwhile and that did not come by here, by its sequence numbers. */
  missed: number;
}

/** Finds two hosts of which one is not heard any more, however often their keys change. */
export class SilenceTracker {
  private readonly pairs: Table;

  constructor(clock: Clock) {
    this.pairs = new Table({ words: WORDS, own: 2 * SIDE, limit: MOST_PAIRS, idleSec: DAY_SEC, clock });
  }

  get size(): number {
    return this.pairs.size;
  }

  get evicted(): number {
    return this.pairs.evicted;
  }

  /** A packet of ESP or AH that was not sighted before. Gives the words of its run, for `observeInner`. */
  observe(packet: Packet, spi: number, sequence: number): number {
    const { pairs } = this;
    const { key } = pairs;
    writeAddress(key, 0, packet, true);
    writeAddress(key, 4, packet, false);
    const fromLower = orderEnds(key);
    key[PATH] = packet.path;
    let id = pairs.touch();
    if (id === NONE) id = pairs.add();
    const { words } = pairs;
    const at = pairs.ownOf(id) + (fromLower ? 0 : SIDE);
    const other = pairs.ownOf(id) + (fromLower ? SIDE : 0);
    if ((words[other + RUN] ?? 0) > 0) this.endRun(other, at, packet, spi, sequence);
    const run = words[at + RUN] ?? 0;
    if (run === 0) {
      writeStamp(pairs, at + RUN_FIRST, packet);
      words[at + RUN_NEEDING] = 0;
      words[at + RUN_READABLE] = 0;
      words[at + RUN_ASKED] = 0;
    }
    words[at + TOTAL] = (words[at + TOTAL] ?? 0) + 1;
    words[at + RUN] = run + 1;
    words[at + RUN_SPI] = spi;
    words[at + LATEST_SEQUENCE] = sequence;
    words[at + LATEST_SPI] = spi;
    writeStamp(pairs, at + RUN_LAST, packet);
    return at;
  }

  /** The packet that was observed last could be read. @param at as `observe` gave it @param packet what is inside */
  observeInner(at: number, needsAnswer: boolean, packet: Packet): void {
    const { words } = this.pairs;
    words[at + RUN_READABLE] = (words[at + RUN_READABLE] ?? 0) + 1;
    if (!needsAnswer) return;
    words[at + RUN_NEEDING] = (words[at + RUN_NEEDING] ?? 0) + 1;
    const known = words[at + RUN_ASKED] ?? 0;
    if (known === SEVERAL) return;
    const asked = destinationHash(packet);
    words[at + RUN_ASKED] = known === 0 || known === asked ? asked : SEVERAL;
  }

  /** The longest silence of each direction, those that go on included. Allocates. */
  get list(): Silence[] {
    const { pairs } = this;
    const found: Silence[] = [];
    for (const id of pairs.ids()) {
      const own = pairs.ownOf(id);
      for (const [at, other, fromLower] of [
        [own, own + SIDE, true],
        [own + SIDE, own, false],
      ] as const) {
        const silence = this.silenceAt(id, at, other, fromLower);
        if (silence) found.push(silence);
      }
    }
    return found;
  }

  /** Whether the address was heard by ESP from anywhere else than `except` to `destination` between two times; from where. */
  heardFromElsewhere(destination: string, except: string, from: number, to: number): { source: string; first: Stamp } | undefined {
    const { pairs } = this;
    for (const id of pairs.ids()) {
      const own = pairs.ownOf(id);
      for (const [at, other, fromLower] of [
        [own, own + SIDE, true],
        [own + SIDE, own, false],
      ] as const) {
        const { source, destination: heard } = this.ends(id, fromLower);
        if (heard !== destination || source === except || (pairs.words[at + RUN] ?? 0) === 0 || (pairs.words[other + TOTAL] ?? 0) > 0)
          continue;
        const first = stampedAt(pairs, at + RUN_FIRST);
        if (first <= to && stampedAt(pairs, at + RUN_LAST) >= from) return { source, first: readStamp(pairs, at + RUN_FIRST) };
      }
    }
    return undefined;
  }

  expire(): void {
    this.pairs.expire();
  }

  reset(): void {
    this.pairs.clear();
  }

  /** The other end is heard: what its silence was is kept, if it was the longest. */
  private endRun(at: number, answering: number, packet: Packet, spi: number, sequence: number): void {
    const { pairs } = this;
    const { words } = pairs;
    const packets = words[at + RUN] ?? 0;
    if (packets >= SILENT_PACKETS && packets > (words[at + BEST] ?? 0) && this.lasts(at)) {
      words[at + BEST] = packets;
      words[at + BEST + 1] = words[at + RUN_SPI] ?? 0;
      words[at + BEST + 2] = words[at + RUN_NEEDING] ?? 0;
      words[at + BEST + 3] = words[at + RUN_READABLE] ?? 0;
      words[at + BEST + BEST_ASKED] = words[at + RUN_ASKED] ?? 0;
      // Under a new SPI it counts from 1.
      const isSame = (words[answering + TOTAL] ?? 0) > 0 && words[answering + LATEST_SPI] === spi;
      const missed = isSame ? sequence - (words[answering + LATEST_SEQUENCE] ?? 0) - 1 : 0;
      words[at + BEST + BEST_MISSED] = Math.max(0, missed) | 0;
      words[at + BEST + BEST_BEFORE] = words[answering + TOTAL] ?? 0;
      for (let i = 0; i < 2 * STAMP_WORDS; i++) words[at + BEST_FIRST + i] = words[at + RUN_FIRST + i] ?? 0;
      writeStamp(pairs, at + BEST_END, packet);
    }
    words[at + RUN] = 0;
  }

  private lasts(at: number): boolean {
    return stampedAt(this.pairs, at + RUN_LAST) - stampedAt(this.pairs, at + RUN_FIRST) >= SILENT_SEC;
  }

  private silenceAt(id: number, at: number, other: number, fromLower: boolean): Silence | undefined {
    const { pairs } = this;
    const { words } = pairs;
    const { source, destination } = this.ends(id, fromLower);
    const ends = { source, destination, path: pairs.keyWord(id, PATH) };
    const run = words[at + RUN] ?? 0;
    const best = words[at + BEST] ?? 0;
    if (run >= SILENT_PACKETS && this.lasts(at)) {
      return {
        ...ends,
        spi: (words[at + RUN_SPI] ?? 0) >>> 0,
        packets: run,
        readable: words[at + RUN_READABLE] ?? 0,
        needing: words[at + RUN_NEEDING] ?? 0,
        asksSeveral: words[at + RUN_ASKED] === SEVERAL,
        first: readStamp(pairs, at + RUN_FIRST),
        last: readStamp(pairs, at + RUN_LAST),
        before: words[other + TOTAL] ?? 0,
        recovered: null,
        missed: 0,
      };
    }
    if (best === 0) return undefined;
    return {
      ...ends,
      spi: (words[at + BEST + 1] ?? 0) >>> 0,
      packets: best,
      needing: words[at + BEST + 2] ?? 0,
      readable: words[at + BEST + 3] ?? 0,
      asksSeveral: words[at + BEST + BEST_ASKED] === SEVERAL,
      first: readStamp(pairs, at + BEST_FIRST),
      last: readStamp(pairs, at + BEST_LAST),
      before: words[at + BEST + BEST_BEFORE] ?? 0,
      recovered: readStamp(pairs, at + BEST_END),
      missed: words[at + BEST + BEST_MISSED] ?? 0,
    };
  }

  private ends(id: number, fromLower: boolean): { source: string; destination: string } {
    const { pairs } = this;
    for (let i = 0; i < PATH; i++) ADDRESSES[i] = pairs.keyWord(id, i);
    const lower = addressText(ADDRESSES, 0);
    const upper = addressText(ADDRESSES, 4);
    return fromLower ? { source: lower, destination: upper } : { source: upper, destination: lower };
  }
}

/** Odd, so that it is neither nobody nor `SEVERAL`. */
function destinationHash(packet: Packet): number {
  writeAddress(ADDRESSES, 0, packet, false);
  let hash = 0;
  for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ (ADDRESSES[i] ?? 0), 0x01000193);
  return hash | 1;
}

const ADDRESSES = new Int32Array(8);
