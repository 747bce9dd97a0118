/** A terminal's screen with its scrollback, as far as redrawing a text in place takes it: cursor up, down and to a column, erasing; colours are left out. */
export class Screen {
  private lines = [''];
  private row = 0;
  private column = 0;

  /** What a terminal of `rows` rows shows, and what has scrolled away, after `text` was written to it. */
  static after(text: string, rows: number): string {
    const screen = new Screen();
    for (const [token] of text.matchAll(TOKEN)) screen.take(token, rows);
    return screen.lines.map((line) => line.trimEnd()).join('\n');
  }

  private take(token: string, rows: number): void {
    const [control, number = '', command] = CONTROL.exec(token) ?? [];
    const line = this.lines[this.row] ?? '';
    if (token === '\n') {
      this.row++;
      if (this.lines.length <= this.row) this.lines.push('');
    } else if (token === '\r' || command === 'G') {
      this.column = 0;
    } else if (command === 'A') {
      this.row = Math.max(0, this.lines.length - rows, this.row - Number(number || 1));
    } else if (command === 'B') {
      this.row = Math.min(this.lines.length - 1, this.row + Number(number || 1));
    } else if (command === 'J') {
      this.lines.length = this.row + 1;
      this.lines[this.row] = line.slice(0, this.column);
    } else if (command === 'K') {
      this.lines[this.row] = number === '2' ? '' : line.slice(0, this.column);
    } else if (control === undefined) {
      if (token.startsWith(ESC)) throw new Error(`unknown sequence ${JSON.stringify(token)}`);
      this.lines[this.row] = line.slice(0, this.column).padEnd(this.column) + token + line.slice(this.column + token.length);
      this.column += token.length;
    } else if (!'hlm'.includes(command ?? '')) {
      throw new Error(`unknown sequence ${JSON.stringify(token)}`);
    }
  }
}

const ESC = '\u001b';
const CONTROL = new RegExp(`^${ESC}\\[([?\\d;]*)([A-Za-z])$`);
const TOKEN = new RegExp(`${ESC}\\[[?\\d;]*[A-Za-z]|${ESC}.|[\\r\\n]|[^${ESC}\\r\\n]+`, 'g');
