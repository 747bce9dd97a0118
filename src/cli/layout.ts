import { colourful, plain } from '../report/paint.ts';
import type { Layout } from '../report/table.ts';
import type { Io } from './io.ts';

/** Colour only on a terminal, and not where it is unwanted (https://no-color.org). */
export function layoutOf(io: Io, color: boolean): Layout {
  const isWanted = color && io.outIsTerminal && !io.env.NO_COLOR && io.env.TERM !== 'dumb';
  return { width: io.width, paint: isWanted ? colourful : plain };
}
