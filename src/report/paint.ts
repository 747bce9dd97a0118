import type { Severity } from '../diagnose/kind.ts';

/** Writes text in colour, or, without colour, leaves it alone. */
export interface Painter {
  severity(severity: Severity, text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const ESCAPE = '\u001b[';
const wrap = (code: number, text: string): string => `${ESCAPE}${code}m${text}${ESCAPE}0m`;
/** Red, yellow, cyan, blue. */
const SEVERITY_CODES: Record<Severity, number> = { error: 31, warning: 33, notice: 36, info: 34 };

export const colourful: Painter = {
  severity: (severity, text) => wrap(SEVERITY_CODES[severity], text),
  strong: (text) => wrap(1, text),
  faint: (text) => wrap(2, text),
};

export const plain: Painter = { severity: (_severity, text) => text, strong: (text) => text, faint: (text) => text };
