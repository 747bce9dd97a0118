/** The words of a command line, one after another. Quotes and what else only a shell understands are not taken apart. */
export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(text: string) {
    this.words = text.trim().split(/\s+/);
  }

  get isEmpty(): boolean {
    return this.at >= this.words.length;
  }

  /** The next word, which stays; undefined at the end. */
  get peek(): string | undefined {
    return this.words[this.at];
  }

  next(): string {
    const word = this.words[this.at++];
    if (word === undefined) throw new Error('something is missing at its end');
    return word;
  }

  /** The next word if it is one of these. */
  takes(...words: readonly string[]): string | undefined {
    const word = this.peek;
    if (word === undefined || !words.includes(word)) return undefined;
    this.at++;
    return word;
  }

  /** A number, in tens or with 0x: the next word, or the one given. */
  number(word = this.next()): number {
    if (!/^(\d+|0x[0-9a-f]+)$/i.test(word)) throw new Error(`${word} is no number`);
    return Number(word);
  }

  /** Nothing of the rest matters; `same` is given back. */
  skipAll<T>(same: T): T {
    this.at = this.words.length;
    return same;
  }
}
