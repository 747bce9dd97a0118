import { ByteWindow } from './window.ts';

/** As many are open at a time where files follow each other: one is read, the next one waits. */
const MOST_SPARE = 2;

/** The windows of a run's inputs: those of inputs that are over serve the next ones. New memory for each would cost more than reading a small file does. */
export class Windows {
  private readonly capacity: number | undefined;
  private readonly spare: ByteWindow[] = [];
  /** Octets of a window that did not have to grow. */
  private usual = 0;

  /** @param capacity octets of a window; the usual number unless said */
  constructor(capacity?: number) {
    this.capacity = capacity;
  }

  take(): ByteWindow {
    const window = this.spare.pop() ?? new ByteWindow(this.capacity);
    this.usual = window.bytes.length;
    return window;
  }

  /** Whoever gives a window back does not look at it again. One that had to grow is not kept. */
  giveBack(window: ByteWindow): void {
    if (this.spare.length === MOST_SPARE || window.bytes.length !== this.usual) return;
    window.start = 0;
    window.end = 0;
    window.base = 0;
    window.ended = false;
    window.wanted = 1;
    this.spare.push(window);
  }
}
