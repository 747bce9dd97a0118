import type { Drops } from '../../reader.ts';

/** Losses since the start. libpcap counts in 32 bits and begins again at 0; these go on. */
export class DropCounts implements Drops {
  kernel: number | null = null;
  interface: number | null = null;

  /** What the backend says now, each modulo 2^32. */
  update(kernel: number, ofInterface: number): void {
    this.kernel = grown(this.kernel, kernel);
    this.interface = grown(this.interface, ofInterface);
  }
}

const grown = (total: number | null, now: number): number => (total === null ? now : total + ((now - total) >>> 0));
