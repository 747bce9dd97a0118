import type { Analysis } from '../../analysis.ts';
import type { News } from '../../live/news.ts';
import type { LiveSession } from '../../live/session.ts';
import { newsLine } from '../../report/live-lines.ts';
import { liveView } from '../../report/live-view.ts';
import { RateMeter } from '../../report/rates.ts';
import type { Io } from '../io.ts';
import { layoutOf } from '../layout.ts';
import { reportOf, type Teller, type TellerOptions } from './tellers.ts';
import { type Terminal, TerminalView } from './view.ts';

/** A view that is redrawn in place on the terminal; what is said meanwhile stands above it, and the report in its place at the end. */
export class ViewTeller implements Teller {
  private readonly io: Io;
  private readonly terminal: Terminal;
  private readonly options: TellerOptions;
  private view: TerminalView | undefined;

  constructor(io: Io, terminal: Terminal, options: TellerOptions) {
    this.io = io;
    this.terminal = terminal;
    this.options = options;
  }

  async begin(session: LiveSession): Promise<void> {
    const { paint } = layoutOf(this.io, this.options.color);
    const meter = new RateMeter();
    const { shown } = this.options;
    this.view = await TerminalView.open(this.terminal, (size) => {
      const status = session.status();
      return liveView(status, meter.observe(status), { ...size, paint, shown, isTold: (id) => session.isTold(id) });
    });
  }

  /** The view shows what is there; what is not there any more is said. */
  async news(news: readonly News[]): Promise<void> {
    for (const each of news) if (each.kind === 'withdrawn') this.view?.print(newsLine(each));
  }

  say(text: string): void {
    // Standard error may go elsewhere than to the terminal that is drawn on.
    if (this.view && this.io.errIsTerminal) this.view.print(text);
    else this.io.err(text);
  }

  async summary(analysis: Analysis, isLast: boolean): Promise<void> {
    const report = await reportOf(analysis, this.io, this.options);
    if (!isLast) {
      this.view?.print(`\n${report}\n`);
      return;
    }
    this.close();
    await this.io.out(`\n${report}`);
  }

  /** Takes the view away. */
  close(): void {
    this.view?.close();
    this.view = undefined;
  }
}
