import type { Drops } from './reader.ts';
import type { ByteSource } from './source.ts';

/** What can capture, best first. `cap` only where the user asks for it: it has no kernel times, no LINUX_SLL2 and counts no drops. */
export const liveBackends = ['tcpdump', 'dumpcap', 'libpcap', 'cap'] as const;
export type LiveBackend = (typeof liveBackends)[number];

/** What is wanted of one interface. */
export interface LiveRequest {
  /** As the user wrote it: `eth0`, `any`. */
  interface: string;
  backend: LiveBackend | 'auto';
  /** A BPF filter in the language of pcap-filter(7); empty: everything. */
  filter: string;
  snaplen: number;
  /** Packets of several interfaces wait for each other: they should come soon, at some cost. */
  isPrompt?: boolean | undefined;
  /** The machine that captures, as ssh(1) names it; null: this one. */
  ssh: string | null;
}

/**
 * Packets of one interface while they happen: octets of a pcap or pcapng that goes on until `stop`, or until the interface or the helper goes away.
 * Then `read` gives 0; where it was not asked to end, `read` rejects first with a sentence that says what happened.
 */
export interface LiveSource extends ByteSource {
  readonly interface: string;
  readonly backend: LiveBackend;
  /** ifindex of the interface on the machine that captures; null for `any`, or where it is not known. */
  readonly index: number | null;
  /** Losses as counted so far; null where the backend does not say. */
  readonly drops: Drops;
  /** A packet waits for at most about this long, in seconds, before `read` gives it. */
  readonly delaySec: number;
  /** What this backend cannot do, a sentence each: they become problems of the kind `backend-limit`. */
  readonly limits: readonly string[];
  /** Brings `drops` up to date where the helper has to be asked; the answer may come later. */
  refreshDrops(): void;
  /** Ends capturing. What was captured before is still read. */
  stop(): void;
}

/** Names of the interfaces of the machine that captures, for LINUX_SLL2, which has none. */
export interface InterfaceNames {
  /** Null where no interface has the index now or had it before. */
  nameOf(index: number): string | null;
}
