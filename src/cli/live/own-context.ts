import { Context } from '../../context/context.ts';
import type { HostDocument } from '../../context/document.ts';
import type { Host } from '../../context/host.ts';
import { hostOf } from '../../context/model.ts';

/** Routes, addresses and neighbours change while a run goes on: they are read again this often. */
const REFRESH_MS = 30_000;

export interface OwnContextOptions {
  /** What this machine says of itself now; undefined: it is not asked. */
  collect: (() => Promise<HostDocument>) | undefined;
  /** What files say of other machines. */
  others: readonly Host[];
  refreshMs?: number;
}

/** The context of a live run: this machine, asked again and again, and other hosts, of which files tell. */
export class OwnContext {
  readonly context: Context;
  private readonly options: OwnContextOptions;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private latest: string | undefined;
  private isClosed = false;

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

  /** What cannot be read now is as it was. */
  private async refresh(): Promise<void> {
    const { collect, others, refreshMs = REFRESH_MS } = this.options;
    if (!collect) return;
    try {
      const document = await collect();
      if (!this.isClosed) this.replace(document, others);
    } finally {
      if (!this.isClosed) {
        this.timer = setTimeout(() => void this.refresh().catch(() => undefined), refreshMs);
        this.timer.unref();
      }
    }
  }

  private replace(document: HostDocument, others: readonly Host[]): void {
    const said = JSON.stringify({ ...document, time: null });
    if (said === this.latest) return;
    this.latest = said;
    const own = hostOf(document);
    this.context.replace([own, ...others.filter(({ name }) => name !== own.name)]);
  }
}
