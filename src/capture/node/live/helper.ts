import type { LiveBackend } from '../../live.ts';
import type { DropCounts } from './drop-counts.ts';
import type { FaultKind } from './error.ts';

/** What a helper is to capture. */
export interface HelperRequest {
  /** The name that the kernel knows. */
  interface: string;
  snaplen: number;
  /** Packets should come soon, at some cost. */
  isPrompt?: boolean | undefined;
  /** LINUX_SLL2 for `any`; else the first version, which does not name the interface. */
  sll2: boolean;
}

/** What a helper said when it ended before it captured. */
export interface Complaint {
  fault: FaultKind;
  /** In the helper's words. */
  text: string;
}

/** A program that captures and writes to its standard output: how it is called, and what it says. */
export interface Helper {
  readonly backend: LiveBackend;
  /** What `apt install` takes. */
  readonly debianPackage: string;
  /** A packet waits for at most about this long inside of it, in seconds. */
  delaySec(request: Pick<HelperRequest, 'isPrompt' | 'snaplen'>): number;
  readonly limits: readonly string[];
  /** Whether it says its counters when it is asked by a signal. */
  readonly tellsDrops: boolean;
  /** Its arguments, but for the filter. */
  args(request: HelperRequest): string[];
  /** Stands before the filter, so that a filter is never taken for an option. */
  readonly filterMark: '--' | '-f';
  /** Takes the counters out of a line of its standard error. */
  readDrops(line: string, drops: DropCounts): void;
  /** Why it ended before it captured. `filter`: whether it was given one. */
  complaint(said: readonly string[], filter: boolean): Complaint;
  /** Its last words about why it ended while it captured; null where it said nothing. */
  lastWords(said: readonly string[]): string | null;
}

/** The ring between the kernel and the helper, in MiB: at 400,000 packets a second it holds what comes while this process is busy for 50 ms. */
export const RING_MIB = 32;

/** What libpcap says of devices; helpers pass it on. */
const DEVICE_COMPLAINTS: readonly [RegExp, FaultKind][] = [
  [/No such device exists|There is no device named|No such device\b/, 'interface'],
  [/is not up|Network is down/, 'down'],
  [/permission to (perform|capture)|Operation not permitted|Permission denied/i, 'rights'],
];

/** Which complaint about a device a text of libpcap is; null where it is none. */
export const deviceFault = (text: string): FaultKind | null => DEVICE_COMPLAINTS.find(([pattern]) => pattern.test(text))?.[1] ?? null;

/** libpcap says this of an interface that was deleted. */
export const GONE = /interface disappeared|no longer attached/;
