import type { Endpoint } from '../net/ip.ts';
import type { Evidence } from '../track/evidence.ts';

export const severities = ['error', 'warning', 'notice', 'info'] as const;
/** How bad it is: traffic is lost or delivered wrongly; works, but is fragile or detoured; explains what was seen. */
export type Severity = (typeof severities)[number];

export const confidences = ['certain', 'likely', 'possible'] as const;
/** How sure it is: the packets leave no other reading; one unlikely one remains; the pattern fits, the deciding packets are missing. */
export type Confidence = (typeof confidences)[number];

export interface Remedy {
  text: string;
  /** Of a shell, one a line; or lines of a configuration, as the text says. */
  commands: string[];
  /** The host of the context for which the commands were made, with its own names, addresses and tables. What follows is there only with it. */
  host?: string;
  /** What is set there now, a sentence each. */
  now?: string[];
  /** How to keep it: lines to read. */
  keep?: string[];
  /** Commands that take it back. */
  undo?: string[];
  /** What the model of the host gives with the commands applied, in a sentence. */
  checked?: string;
}

/** What a finding is about: by these values two findings of a kind are told apart. The order is that of the id. */
export type Subject = Record<string, string | number | Endpoint | Record<string, string | number | Endpoint>>;

/** A JSON Schema, as far as this project uses it. */
export interface Schema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: readonly (string | number | boolean | null)[];
  pattern?: string;
  minimum?: number;
  additionalProperties?: boolean | Schema;
  $ref?: string;
  oneOf?: Schema[];
}

/** A kind of finding as data: what `explain`, the report and the JSON Schema say of it stands here and nowhere else. */
export interface FindingKind<D = unknown> {
  kind: string;
  /** In a few words, as a list has it. */
  brief: string;
  /** The usual one; the diagnosis may choose another. */
  severity: Severity;
  /** It says that the capture cannot tell yet which of other kinds it is: what follows often does. */
  isPreliminary?: true;
  /** It says that something is missing: where it is not found any more, that has come, and it is over. */
  endsByAbsence?: true;
  /** Names of the subject's values, in the order of the id. */
  subject: readonly string[];
  /** JSON Schema of `details`. */
  details: Schema;
  /** What it means to the person whose network it is. */
  means: string;
  provenBy: string[];
  /** From which vantage points it shows, and which are blind. */
  seenFrom: string[];
  /** Harmless things that look alike, and what tells them apart. */
  looksLike: string[];
  remedies: Remedy[];
  references: string[];
  /** Never called: it ties the kind to the type of its details. */
  readonly of?: (details: D) => void;
}

/** A finding as a diagnosis makes it. */
export interface Draft<D> {
  subject: Subject;
  /** What tells findings with the same subject apart: a segment. */
  segment?: number;
  /** Path of the tunnels around it, as `Packet.path`. */
  path: number;
  severity?: Severity;
  confidence: Confidence;
  title: string;
  details: D;
  /** How often it happened. */
  count: number;
  evidence: Evidence;
  /** A sentence a step: first what the frames show, then what follows from it. */
  because: string[];
  ruledOut: string[];
  /** Instead of the kind's own. */
  remedies?: Remedy[];
  /** Ids of findings of the same story are filled in by whoever knows both. */
  related?: string[];
}

export const isAtLeast = <T>(scale: readonly T[], value: T, least: T): boolean => scale.indexOf(value) <= scale.indexOf(least);

/** One level down: for what rests on absence where the capture has holes. */
export const lessSure = (confidence: Confidence): Confidence => (confidence === 'certain' ? 'likely' : 'possible');
