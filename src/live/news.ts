import type { Finding } from '../diagnose/finding.ts';

/**
 * What is to be told of a finding while it happens: it is there, it changed, ten minutes of capture time went by without it, or what was seen since shows
 * that it was none (a supposed wrong source turns out to be a peer of its own).
 */
export type NewsKind = 'new' | 'update' | 'ended' | 'withdrawn';

export interface News {
  kind: NewsKind;
  finding: Finding;
  /** Capture time of the judgement, in seconds since 1970. */
  at: number;
  /** The finding as it was told before; undefined where it was not. */
  before: Finding | undefined;
  /** Of what is withdrawn: ids of findings that tell the same now, surer or otherwise. */
  instead: readonly string[];
}
