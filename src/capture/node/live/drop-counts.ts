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

function grown(total: number | null, now: number): number {
  if (total === null) return now;
  const more = (now - total) >>> 0;
  // An interface's counters fall where it is made anew: that is no loss of billions.
  return more < MOST_GROWN ? total + more : total;
}

const MOST_GROWN = 2 ** 31;
