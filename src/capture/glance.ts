import { InterfaceRegistry } from '../frame.ts';
import { CaptureInput } from './input.ts';
import type { Begin, InputSource } from './source.ts';
import type { Unpackers } from './unpack.ts';
import { Windows } from './windows.ts';

/** Octets that are read of a capture to see when it begins; more where its first frame lies behind them. */
const OCTETS = 1 << 14;

export interface Glance {
  /** Its octets are a capture's, or cannot be read at all: what is no capture is of no interest to a directory. */
  isCapture: boolean;
  /** Time of the first frame; undefined where there is none, or it has no time. */
  begins: Begin | undefined;
}

/** Looks at the beginnings of inputs and closes them again. They must be such that can be opened twice. */
export class Glances {
  private readonly unpackers: Unpackers;
  private readonly windows = new Windows(OCTETS);

  constructor(unpackers: Unpackers) {
    this.unpackers = unpackers;
  }

  async at({ path, open }: InputSource): Promise<Glance> {
    const { unpackers, windows } = this;
    const input = new CaptureInput({ path, index: 0, open, registry: new InterfaceRegistry(), unpackers, windows });
    await input.open();
    let hasFrame = input.next();
    while (!hasFrame && !input.done) {
      await input.fill();
      hasFrame = input.next();
    }
    const { sec, nsec, timed } = input.frame;
    const isCapture =
      input.format !== null || input.problems.list.some(({ kind }) => kind === 'unreadable' || kind === 'unsupported-version');
    await input.close();
    return { isCapture, begins: hasFrame && timed ? { sec, nsec } : undefined };
  }
}
