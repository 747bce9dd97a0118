import type { recordLine } from '../report/ndjson.ts';
import type { RecordKind, RecordKinds, RecordSink } from '../track/records.ts';
import type { Io } from './io.ts';

/** A write for each record would cost more than the record. */
const WRITE_CHARACTERS = 1 << 16;

/** Prints records as they are complete, a line each, and waits where the reader is slow. */
export class RecordLines implements RecordSink {
  private readonly io: Pick<Io, 'out'>;
  private readonly lineOf: typeof recordLine;
  private text = '';

  /** @param ndjson the module that makes lines, which is loaded only where they are wanted */
  constructor(io: Pick<Io, 'out'>, ndjson: { recordLine: typeof recordLine }) {
    this.io = io;
    this.lineOf = ndjson.recordLine;
  }

  take<K extends RecordKind>(kind: K, record: RecordKinds[K]): void {
    this.text += this.lineOf(kind, record);
  }

  drain(): void | Promise<void> {
    if (this.text.length >= WRITE_CHARACTERS) return this.flush();
  }

  /** Prints what is left; also for whoever does not want to wait for more. */
  async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    if (text !== '') await this.io.out(text);
  }
}
