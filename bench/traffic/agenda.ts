/** Writes one frame, and puts on the agenda what follows it. */
export type Action = (a: number, b: number, c: number, d: number, e: number) => void;

const SLOTS = 1024;
const MASK = SLOTS - 1;
const FIELDS = 5;

/** What is to be written some frames from now: answers, and the rest of what was begun. Its time is counted in frames. */
export class Agenda {
  private readonly actions: (Action | undefined)[] = new Array(SLOTS).fill(undefined);
  private readonly fields = new Float64Array(SLOTS * FIELDS);
  private now = 0;

  /** At the first free place from `frames` on, at least 1. */
  put(frames: number, action: Action, a = 0, b = 0, c = 0, d = 0, e = 0): void {
    let slot = (this.now + frames) & MASK;
    while (this.actions[slot]) {
      slot = (slot + 1) & MASK;
      if (slot === (this.now & MASK)) throw new Error('the agenda is full');
    }
    this.actions[slot] = action;
    const { fields } = this;
    const at = slot * FIELDS;
    fields[at] = a;
    fields[at + 1] = b;
    fields[at + 2] = c;
    fields[at + 3] = d;
    fields[at + 4] = e;
  }

  /** Goes on by one frame, and does what is due; false where that is nothing. */
  step(): boolean {
    const slot = ++this.now & MASK;
    const action = this.actions[slot];
    if (!action) return false;
    this.actions[slot] = undefined;
    const { fields } = this;
    const at = slot * FIELDS;
    action(fields[at] ?? 0, fields[at + 1] ?? 0, fields[at + 2] ?? 0, fields[at + 3] ?? 0, fields[at + 4] ?? 0);
    return true;
  }
}
