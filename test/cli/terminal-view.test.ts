import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Terminal, TerminalView } from '../../src/cli/live/view.ts';

/** A terminal of which the lines can be read: what was written above its rows is its scrollback. It knows what redrawing takes, and throws at anything else. */
class Screen extends EventEmitter implements Terminal {
  readonly isTTY = true;
  columns: number;
  rows: number;
  writableNeedDrain = false;
  writes = 0;
  cursorHidden = false;
  private readonly lines: string[] = [''];
  private row = 0;
  private column = 0;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.writes++;
    for (const [token] of text.matchAll(TOKEN)) this.take(token);
    return true;
  }

  /** Everything, scrollback included, without empty lines at the end. */
  get text(): string {
    return this.lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  get cursor(): { row: number; column: number } {
    return { row: this.row, column: this.column };
  }

  private take(token: string): void {
    const [, number = '', command] = CONTROL.exec(token) ?? [];
    if (command === undefined) {
      if (token === '\n') {
        this.row++;
        this.column = 0;
        if (this.lines.length <= this.row) this.lines.push('');
      } else {
        const line = this.lines[this.row] ?? '';
        this.lines[this.row] = line.slice(0, this.column).padEnd(this.column) + token + line.slice(this.column + token.length);
        this.column += token.length;
      }
      return;
    }
    const top = Math.max(0, this.lines.length - this.rows);
    switch (command) {
      case 'A':
        this.row = Math.max(top, this.row - Number(number || 1));
        break;
      case 'B':
        this.row = Math.min(this.lines.length - 1, this.row + Number(number || 1));
        break;
      case 'G':
        this.column = 0;
        break;
      case 'K':
        this.lines[this.row] = number === '2' ? '' : (this.lines[this.row] ?? '').slice(0, this.column);
        break;
      case 'h':
      case 'l':
        if (number === '?25') this.cursorHidden = command === 'l';
        else if (number !== '?2026') throw new Error(`unknown mode ${number}`);
        break;
      default:
        throw new Error(`unknown sequence ${JSON.stringify(token)}`);
    }
  }
}

const ESC = '\u001b';
const CONTROL = new RegExp(`^${ESC}\\[([?\\d]*)([A-Za-z])$`);
const TOKEN = new RegExp(`${ESC}\\[[?\\d]*[A-Za-z]|\\n|[^${ESC}\\n]+`, 'g');

describe('a view on a terminal', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const opened = async (screen: Screen, text: string[]): Promise<TerminalView> => TerminalView.open(screen, () => text.join('\n'));

  it('is redrawn in place, below what was there, and leaves nothing behind', async () => {
    const screen = new Screen(40, 10);
    screen.write('$ fluxcap live any\n');
    const text = ['any', '1 packet', 'hint'];
    const view = await opened(screen, text);
    expect(screen.text).toBe('$ fluxcap live any\nany\n1 packet\nhint');
    expect(screen.cursorHidden).toBe(false);
    text[1] = '1,000 packets';
    text.splice(2, 0, 'a finding');
    vi.advanceTimersByTime(250);
    expect(screen.text).toBe('$ fluxcap live any\nany\n1,000 packets\na finding\nhint');
    text.splice(1, 2);
    vi.advanceTimersByTime(250);
    expect(screen.text).toBe('$ fluxcap live any\nany\nhint');
    view.close();
    expect(screen.text).toBe('$ fluxcap live any');
    expect(screen.cursor).toEqual({ row: 1, column: 0 });
  });

  it('is drawn four times a second at most, and only where something changed', async () => {
    const screen = new Screen(40, 10);
    const text = ['0'];
    let asked = 0;
    const view = await TerminalView.open(screen, () => {
      asked++;
      return text.join('');
    });
    vi.advanceTimersByTime(1000);
    expect({ asked, writes: screen.writes }).toEqual({ asked: 5, writes: 1 });
    text[0] = '1';
    vi.advanceTimersByTime(1000);
    expect({ asked, writes: screen.writes }).toEqual({ asked: 9, writes: 2 });
    view.close();
    vi.advanceTimersByTime(1000);
    expect(asked).toBe(9);
  });

  it('follows the size of the terminal at once', async () => {
    const screen = new Screen(40, 10);
    const sizes: object[] = [];
    const view = await TerminalView.open(screen, (size) => {
      sizes.push(size);
      return `${size.width} by ${size.height}`;
    });
    screen.columns = 120;
    screen.rows = 50;
    screen.emit('resize');
    expect(sizes).toEqual([
      { width: 40, height: 10 },
      { width: 120, height: 50 },
    ]);
    expect(screen.text).toBe('120 by 50');
    view.close();
    screen.emit('resize');
    expect(sizes).toHaveLength(2);
    expect(screen.listenerCount('resize')).toBe(0);
  });

  it('takes a usual size where the terminal does not say', async () => {
    const screen = new Screen(0, 0);
    let size = {};
    const view = await TerminalView.open(screen, (given) => {
      size = given;
      return '';
    });
    expect(size).toEqual({ width: 80, height: 24 });
    view.close();
  });

  it('lets lines through that stay above it', async () => {
    const screen = new Screen(40, 5);
    const view = await opened(screen, ['the view', 'hint']);
    view.print('evidence written');
    view.print('two\nlines\n');
    for (let i = 1; i <= 6; i++) view.print(`line ${i}`);
    expect(screen.text.split('\n')).toEqual([
      'evidence written',
      'two',
      'lines',
      ...[1, 2, 3, 4, 5, 6].map((i) => `line ${i}`),
      'the view',
      'hint',
    ]);
    view.close();
    expect(screen.text.endsWith('line 6')).toBe(true);
  });

  it('waits where the terminal is slow, and may be closed twice', async () => {
    const screen = new Screen(40, 5);
    const text = ['a'];
    const view = await opened(screen, text);
    screen.writableNeedDrain = true;
    text[0] = 'b';
    vi.advanceTimersByTime(1000);
    expect(screen.text).toBe('a');
    screen.writableNeedDrain = false;
    vi.advanceTimersByTime(250);
    expect(screen.text).toBe('b');
    view.close();
    const { writes } = screen;
    view.close();
    view.print('too late');
    expect(screen.writes).toBe(writes);
  });
});
