/** Capture time as the trackers see it: the packet that is being observed is one. */
export interface Clock {
  /** Seconds, never read from the machine's clock. */
  readonly at: number;
}

/** The clock of an analysis: it goes on with each packet that is observed. */
export class CaptureClock implements Clock {
  at = 0;
}
