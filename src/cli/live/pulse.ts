import type { Pulse } from '../../live/session.ts';

/** Time by the process's own clock. */
export const nodePulse: Pulse = {
  now: () => performance.now() / 1000,
  every: (seconds, call) => {
    const timer = setInterval(call, seconds * 1000);
    return () => clearInterval(timer);
  },
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
};
