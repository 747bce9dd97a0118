/** What a scenario is: a capture made of named fields, and everything that must be said of it. */
import type { ContextDocument } from '../../src/context/document.ts';

/** Stands for any text that is there, where only its presence is expected. */
export const anyText: unique symbol = Symbol('any text');

export interface ExpectedFinding {
  kind: string;
  id: string;
  severity?: string;
  confidence?: string;
  count?: number;
  /** A subset of the details: objects may have more fields; lists have exactly these elements, in any order. */
  details?: Record<string, unknown>;
  /** All of these must be among the evidence. */
  evidenceFrames?: number[];
  /** All of these ids must be named. */
  related?: string[];
  /** Values of `encapsulation`. */
  encapsulation?: string[];
}

export type Role = 'incident' | 'twin';

export interface Scenario {
  name: string;
  /** The kind that it triggers, or whose harmless twin it is. */
  kind: string;
  role: Role;
  /** The rule that it tests. */
  why: string;
  capture: () => Uint8Array;
  options?: ScenarioOptions;
  /** Everything that must be reported with `--severity info --min-confidence possible`, and nothing else. */
  expect: ExpectedFinding[];
  /** What may be reported besides, because nothing says whether it has to; where it is, these fields must match. */
  open?: ExpectedFinding[];
}

export interface ScenarioOptions {
  local?: string[];
  /** `NAME=BASE64`. */
  wgPeers?: string[];
  /** `PREFIX=NEXTHOP`. */
  expectVia?: string[];
  /** What hosts say of themselves; the capture is called `capture`. */
  context?: ContextDocument;
}

/** What the function that makes a scenario gives. */
export interface Play {
  capture: { readonly bytes: Uint8Array };
  expect?: ExpectedFinding[];
  open?: ExpectedFinding[];
  options?: ScenarioOptions;
}

export const incident = (kind: string, name: string, why: string, play: () => Play): Scenario =>
  scenario('incident', kind, name, why, play);
export const twin = (kind: string, name: string, why: string, play: () => Play): Scenario => scenario('twin', kind, name, why, play);

/** @param subject the values of the subject, as the id has them */
export const finding = (kind: string, subject: string, rest: Omit<ExpectedFinding, 'kind' | 'id'> = {}): ExpectedFinding => ({
  kind,
  id: `${kind}:${subject}`,
  ...rest,
});

function scenario(role: Role, kind: string, name: string, why: string, play: () => Play): Scenario {
  const { capture, expect = [], open, options } = play();
  return { name, kind, role, why, capture: () => capture.bytes, expect, ...(open ? { open } : {}), ...(options ? { options } : {}) };
}
