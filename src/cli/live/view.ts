import type { createLogUpdate } from 'log-update';

/** What the view needs of a terminal: `process.stdout` is one. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** More was written than went out: who draws now would only add to it. */
  readonly writableNeedDrain?: boolean | undefined;
  write(text: string): boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface TerminalSize {
  width: number;
  height: number;
}

/** Calmer than this is not quick, quicker is not calm. */
const EVERY_MS = 250;
/** Where a terminal does not say (VT100). */
const USUAL_SIZE: TerminalSize = { width: 80, height: 24 };

/**
 * Redraws a text in place, below what the terminal shows already: every quarter of a second, and when the size changes. It draws what changed in one write and
 * keeps to the terminal's scrollback. The cursor stays visible below the text, so nothing has to be mended however the program ends. Where a terminal becomes
 * narrower and folds its lines anew, what stood there before stays above.
 */
export class TerminalView {
  private readonly terminal: Terminal;
  private readonly text: (size: TerminalSize) => string;
  private readonly update: ReturnType<typeof createLogUpdate>;
  private readonly timer: NodeJS.Timeout;
  private closed = false;
  private lines = 0;

  /** Shows the view. What it takes is loaded here: most runs need none of it. */
  static async open(terminal: Terminal, text: (size: TerminalSize) => string): Promise<TerminalView> {
    const { createLogUpdate } = await import('log-update');
    // Only these members of the stream are used.
    const update = createLogUpdate(terminal as unknown as NodeJS.WritableStream, { showCursor: true });
    return new TerminalView(terminal, text, update);
  }

  private constructor(terminal: Terminal, text: (size: TerminalSize) => string, update: ReturnType<typeof createLogUpdate>) {
    this.terminal = terminal;
    this.text = text;
    this.update = update;
    terminal.on('resize', this.draw);
    this.timer = setInterval(this.draw, EVERY_MS);
    this.timer.unref();
    this.draw();
  }

  /** Writes lines that stay, above the view. */
  print(text: string): void {
    if (this.closed) return;
    this.update.clear();
    this.terminal.write(text.endsWith('\n') ? text : `${text}\n`);
    this.draw();
  }

  /** Takes the view away: the cursor stands where it began. May be called twice. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.terminal.off('resize', this.draw);
    this.update.clear();
  }

  private readonly draw = (): void => {
    const { columns, rows, writableNeedDrain } = this.terminal;
    if (this.closed || writableNeedDrain) return;
    const text = this.text({ width: columns || USUAL_SIZE.width, height: rows || USUAL_SIZE.height });
    // log-update 7 patches what changed, and loses lines below it where their number changes too: then it must begin anew.
    const lines = text.split('\n').length;
    if (lines !== this.lines) this.update.clear();
    this.lines = lines;
    this.update(text);
  };
}
