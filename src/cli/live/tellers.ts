import type { Analysis } from '../../analysis.ts';
import type { News } from '../../live/news.ts';
import type { LiveSession } from '../../live/session.ts';
import type { LiveStatus } from '../../live/status.ts';
import { analysisDocument, inputOf, type Shown } from '../../report/json.ts';
import { jsonText } from '../../report/json-text.ts';
import { newsLine } from '../../report/live-lines.ts';
import type { Io } from '../io.ts';
import { layoutOf } from '../layout.ts';
import { RecordLines } from '../record-lines.ts';

/** How a live run is told, in one of the formats. */
export interface Teller {
  /** Gets records as they are complete, if it wants them. */
  readonly records?: RecordLines;
  /** Called once, before the first packet is read. */
  begin(session: LiveSession): void | Promise<void>;
  news(news: readonly News[]): Promise<void>;
  status?(status: LiveStatus): void;
  /** Warnings and problems: a line with its end, for standard error. */
  say(text: string): void;
  /** What was found by now, in full: in between, or at the end. */
  summary(analysis: Analysis, isLast: boolean): Promise<void>;
}

export interface TellerOptions {
  shown: Shown;
  color: boolean;
  /** Put the records into the JSON. */
  records: boolean;
}

/** What prints text, and redraws nothing. */
class PlainTeller {
  protected readonly io: Io;
  protected readonly options: TellerOptions;

  constructor(io: Io, options: TellerOptions) {
    this.io = io;
    this.options = options;
  }

  begin(): void {}

  say(text: string): void {
    this.io.err(text);
  }
}

/** One JSON document at the end, and wherever it is asked for. */
export class DocumentTeller extends PlainTeller implements Teller {
  async news(): Promise<void> {}

  async summary(analysis: Analysis): Promise<void> {
    await this.io.out(jsonText(analysisDocument(analysis, this.options.shown, this.options.records)));
  }
}

/** An object a line, as things happen. */
export class ObjectTeller implements Teller {
  readonly records: RecordLines;
  private readonly io: Io;
  private readonly options: TellerOptions;
  private readonly ndjson: typeof import('../../report/ndjson.ts');
  private session: LiveSession | undefined;

  constructor(io: Io, options: TellerOptions, ndjson: typeof import('../../report/ndjson.ts')) {
    this.io = io;
    this.options = options;
    this.ndjson = ndjson;
    this.records = new RecordLines(io, ndjson);
  }

  async begin(session: LiveSession): Promise<void> {
    this.session = session;
    await this.inputs();
  }

  async news(news: readonly News[]): Promise<void> {
    // What a finding rests on comes before it.
    await this.records.flush();
    await this.io.out(news.map((each) => this.ndjson.newsObjectLine(each)).join(''));
  }

  say(text: string): void {
    this.io.err(text);
  }

  async summary(analysis: Analysis): Promise<void> {
    await this.records.flush();
    await this.inputs();
    await this.io.out(this.ndjson.summaryLine(analysisDocument(analysis, this.options.shown)));
  }

  private async inputs(): Promise<void> {
    for (const [i, { input, source }] of (this.session?.captures ?? []).entries())
      await this.io.out(this.ndjson.inputLine(inputOf(input), i, source.backend));
  }
}

/** A line for each finding and each update of it, the report at the end. */
export class LineTeller extends PlainTeller implements Teller {
  async news(news: readonly News[]): Promise<void> {
    await this.io.out(`${news.map(newsLine).join('\n')}\n`);
  }

  async summary(analysis: Analysis, isLast: boolean): Promise<void> {
    await this.io.out(`\n${await reportOf(analysis, this.io, this.options)}${isLast ? '' : '\n'}`);
  }
}

export async function reportOf(analysis: Analysis, io: Io, { shown, color }: TellerOptions): Promise<string> {
  const { analysisReport } = await import('../../report/table.ts');
  return analysisReport(analysisDocument(analysis, shown), layoutOf(io, color));
}
