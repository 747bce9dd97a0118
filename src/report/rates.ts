import type { LiveStatus } from '../live/status.ts';

/** A second's worth. `bytes` are octets captured: what the snaplen cut off is not among them. */
export interface Rates {
  packets: number;
  bytes: number;
}

/** Changes are taken over with this time constant: steady enough to be read, quick enough to be believed. */
const SMOOTHING_SEC = 1.5;

/** Rates out of totals, smoothed. Knows no clock: the time is that of the statuses. */
export class RateMeter {
  private last: Pick<LiveStatus, 'packets' | 'bytes' | 'elapsedSec'> = { packets: 0, bytes: 0, elapsedSec: 0 };
  private rates: Rates | undefined;

  /** The rates by now; zero before any time has passed. */
  observe({ packets, bytes, elapsedSec }: Pick<LiveStatus, 'packets' | 'bytes' | 'elapsedSec'>): Rates {
    const { last } = this;
    const seconds = elapsedSec - last.elapsedSec;
    if (seconds <= 0) return this.rates ?? { packets: 0, bytes: 0 };
    const now = { packets: (packets - last.packets) / seconds, bytes: (bytes - last.bytes) / seconds };
    const weight = this.rates ? 1 - Math.exp(-seconds / SMOOTHING_SEC) : 1;
    const before = this.rates ?? now;
    this.rates = {
      packets: before.packets + weight * (now.packets - before.packets),
      bytes: before.bytes + weight * (now.bytes - before.bytes),
    };
    this.last = { packets, bytes, elapsedSec };
    return this.rates;
  }
}
