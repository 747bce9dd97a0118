import { Context } from '../../context/context.ts';
import type { HostDocument } from '../../context/document.ts';
import type { Host } from '../../context/host.ts';
import { hostOf } from '../../context/model.ts';

/** Routes, addresses and neighbours change while a run goes on: they are read again this often. */
const REFRESH_MS = 10_000;

/** What changes without anything having changed: when it was asked, the age of leases, the state of neighbours that stay where they are. */
const PASSING = new Set(['time', 'valid_life_time', 'preferred_life_time', 'expires', 'state', 'latestHandshake']);

export interface OwnContextOptions {
  /** What this machine says of itself now, the first time all of it, then what changes; undefined: it is not asked. */
  collect: ((options: { isBrief: boolean }) => Promise<HostDocument>) | undefined;
  /** What files say of other machines. */
  others: readonly Host[];
  refreshMs?: number;
  /** The time, in seconds since 1970. */
  now?: () => number;
}

/** The context of a live run: this machine, asked again and again, and other hosts, of which files tell. */
export class OwnContext {
  readonly context: Context;
  private readonly options: OwnContextOptions;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private latest: string | undefined;
  /** What it said; of what it was not asked again, the first answer. */
  private all: HostDocument | undefined;
  private isClosed = false;
  /** How often it was asked, and which of these questions was the last to be answered. */
  private questions = 0;
  private answered = 0;

  /** Comes back when this machine has answered for the first time. */
  static async open(options: OwnContextOptions): Promise<OwnContext> {
    const opened = new OwnContext(options);
    await opened.refresh();
    return opened;
  }

  private constructor(options: OwnContextOptions) {
    this.options = options;
    this.context = new Context(options.others, { isOwn: options.collect !== undefined });
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** Asks now: what was captured until now is judged by what holds now. What cannot be read is as it was. */
  async again(): Promise<void> {
    clearTimeout(this.timer);
    await this.refresh().catch(() => undefined);
  }

  private async refresh(): Promise<void> {
    const { collect, others, refreshMs = REFRESH_MS, now = () => Date.now() / 1000 } = this.options;
    if (!collect) return;
    const at = now();
    const question = ++this.questions;
    try {
      const document = await collect({ isBrief: this.all !== undefined });
      // Asked before what was answered already, it is no news.
      if (this.isClosed || question < this.answered) return;
      this.answered = question;
      this.replace(document, others);
      this.context.readAt = at;
    } finally {
      if (!this.isClosed) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => void this.refresh().catch(() => undefined), refreshMs);
        this.timer.unref();
      }
    }
  }

  private replace(document: HostDocument, others: readonly Host[]): void {
    this.all = { ...this.all, ...document };
    const said = JSON.stringify(this.all, (key, value) => (PASSING.has(key) ? undefined : value));
    if (said === this.latest) return;
    this.latest = said;
    const own = hostOf(this.all);
    this.context.replace([own, ...others.filter(({ name }) => name !== own.name)]);
  }
}
