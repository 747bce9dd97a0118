import type { LiveBackend } from '../capture/live.ts';
import type { Problem } from '../capture/problem.ts';
import type { Drops } from '../capture/reader.ts';
import type { Finding } from '../diagnose/finding.ts';

export interface LiveInputStatus {
  /** The interface's name. */
  path: string;
  backend: LiveBackend;
  packets: number;
  /** Octets read, headers of the capture format included. */
  bytes: number;
  drops: Drops;
  problems: readonly Problem[];
  /** Nothing more comes of it. */
  done: boolean;
}

/** How a live run is doing. */
export interface LiveStatus {
  inputs: readonly LiveInputStatus[];
  packets: number;
  bytes: number;
  /** Since the start, by the machine's clock. */
  elapsedSec: number;
  /** Capture time, in seconds since 1970; null before the first packet. */
  at: number | null;
  /** Entries in the trackers' tables, by tracker. */
  state: Readonly<Record<string, number>>;
  stateEvicted: number;
  /** All findings of the latest judgement, ended ones too, in the order of the report; none is left out. */
  findings: readonly Finding[];
  /** Ids of those that are over. */
  ended: ReadonlySet<string>;
}
