import type { Progress } from '../analysis.ts';
import { bytesText, grouped, rateText } from '../report/units.ts';
import type { Io } from './io.ts';

const FIRST_AFTER_MS = 1000;
const EVERY_MS = 250;
/** Where lines cannot be redrawn they come this rarely. */
const EVERY_LINE_MS = 5000;

/** `performance` would have to be loaded for it, in each run. */
const nowMs = (): number => process.uptime() * 1000;

/** A status line for what takes long: what was read, of how much, and how fast. It reads the clock, which no diagnosis does. */
export function progressLine(
  io: Io,
  mode: 'auto' | 'always' | 'never',
  totalBytes: number | null,
): { tell: (progress: Progress) => void; end: () => void } {
  const shown = mode === 'always' || (mode === 'auto' && io.errIsTerminal);
  const started = nowMs();
  let last = started + (mode === 'always' ? 0 : FIRST_AFTER_MS) - EVERY_MS;
  return {
    tell: ({ packets, bytes }) => {
      const now = nowMs();
      if (!shown || now - last < (io.status ? EVERY_MS : EVERY_LINE_MS)) return;
      last = now;
      const seconds = (now - started) / 1000;
      const of = totalBytes === null ? '' : ` of ${bytesText(totalBytes)}, ${Math.min(100, Math.floor((bytes / totalBytes) * 100))} %`;
      const line = `${bytesText(bytes)}${of}; ${grouped(packets)} packets; ${rateText(bytes, packets, seconds)}`;
      if (io.status) io.status(line);
      else io.err(`${line}\n`);
    },
    end: () => io.status?.(undefined),
  };
}
