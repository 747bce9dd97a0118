import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReorderWindow } from '../../src/capture/reorder.ts';
import { ByteWindow } from '../../src/capture/window.ts';
import { Frame, UNKNOWN_INTERFACE } from '../../src/frame.ts';

interface Held {
  number: number;
  offset: number;
  epoch: number;
  sec: number;
  nsec: number;
}

const isLater = (a: Held, b: Held): boolean =>
  a.epoch - b.epoch > 0 || (a.epoch === b.epoch && (a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec)));

/** The same window as one list, without any of the shortcuts: what it gives is what is right. */
class SimpleWindow {
  readonly held: Held[] = [];
  flushing = false;

  hold(one: Held): void {
    const at = this.held.findIndex((each) => isLater(each, one));
    this.held.splice(at < 0 ? this.held.length : at, 0, one);
  }

  release(scanned: number): number | undefined {
    const [earliest] = this.held;
    const newest = this.held.at(-1);
    if (!earliest || !newest) {
      this.flushing = false;
      return undefined;
    }
    const first = Math.min(...this.held.map(({ offset }) => offset));
    const seconds = newest.sec - earliest.sec;
    const isDue =
      this.held.length >= 4096 ||
      scanned - first >= 4 << 20 ||
      newest.epoch !== earliest.epoch ||
      seconds > 1 ||
      (seconds === 1 && newest.nsec > earliest.nsec);
    if (!this.flushing && !isDue) return undefined;
    return this.held.shift()?.number;
  }
}

class Both {
  private readonly window = new ByteWindow(16);
  private readonly reorder = new ReorderWindow();
  private readonly simple = new SimpleWindow();
  private readonly frame = new Frame();
  private number: number;
  readonly given: number[] = [];
  readonly secs: number[] = [];
  readonly expected: number[] = [];

  constructor(before = 0) {
    this.number = before;
  }

  /** As the reader does: what may leave leaves first; `skipped` octets are passed over before the frame. */
  frameOf({ epoch, sec, nsec, skipped }: { epoch: number; sec: number; nsec: number; skipped: number }): void {
    this.drain();
    this.window.base += skipped;
    this.drain();
    const { frame } = this;
    Object.assign(frame, { number: ++this.number, sec, nsec, timed: true, caplen: 1, origlen: 2 ** 32 - 1, linktype: 1, start: 0 });
    frame.source = { ...UNKNOWN_INTERFACE, linktype: 1 };
    this.reorder.hold(frame, this.window, { epoch, sec, nsec });
    this.simple.hold({ number: this.number, offset: this.window.base, epoch, sec, nsec });
    this.window.base += 64;
  }

  flush(): void {
    this.reorder.flush();
    this.simple.flushing = this.simple.held.length > 0;
    this.drain();
  }

  drain(): void {
    for (;;) {
      const expected = this.simple.release(this.window.base);
      const isGiven = this.reorder.release(this.frame, this.window);
      if (isGiven) {
        this.given.push(this.frame.number);
        this.secs.push(this.frame.sec);
      }
      if (expected !== undefined) this.expected.push(expected);
      expect(isGiven).toBe(expected !== undefined);
      if (!isGiven) return;
      expect(this.frame.origlen).toBe(2 ** 32 - 1);
    }
  }
}

const step = fc.record({
  epoch: fc.nat(2),
  sec: fc.nat(3),
  nsec: fc.constantFrom(0, 1, 500_000_000, 999_999_999),
  skipped: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constantFrom(1 << 20, 3 << 20, 5 << 20)),
  flushes: fc.integer({ min: 0, max: 19 }).map((of20) => of20 === 0),
});

describe('ReorderWindow', () => {
  it('gives what a plain list gives, in the same order and at the same time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(0, 2 ** 31 - 20, 2 ** 32 - 20), (steps, before) => {
        const both = new Both(before);
        for (const each of steps) {
          both.frameOf(each);
          if (each.flushes) both.flush();
        }
        both.flush();
        expect(both.given).toEqual(both.expected);
        expect(both.given).toHaveLength(steps.length);
      }),
    );
  });

  it('holds as many frames as it has room for, whatever their order', () => {
    const both = new Both();
    for (let i = 0; i < 5000; i++) both.frameOf({ epoch: 0, sec: 7, nsec: (i * 7919) % 1000, skipped: 0 });
    both.flush();
    expect(both.given).toEqual(both.expected);
    expect(new Set(both.given).size).toBe(5000);
  });

  it.each([2 ** 31, 2 ** 40, -5])('keeps times that are no small integers: %d s', (sec) => {
    const both = new Both();
    for (const each of [0, 2, 4]) both.frameOf({ epoch: 0, sec: sec + each, nsec: 0, skipped: 0 });
    both.flush();
    expect(both.secs).toEqual([sec, sec + 2, sec + 4]);
  });
});
