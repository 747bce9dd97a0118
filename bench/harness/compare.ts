import type { Capture } from './captures.ts';
import type { Measured, Stopwatch } from './measure.ts';
import { FLUXCAP, type Peer, REFERENCE } from './peers.ts';
import { median, type Spread, spreadOf } from './statistics.ts';

/** What one program took for one capture: medians of all rounds, and of ratios where half of them are, too. */
export interface Row {
  name: string;
  wallSeconds: number | null;
  packetsPerSecond: number | null;
  /** Of the unpacked capture. */
  megabytesPerSecond: number | null;
  /** Its wall time by that of `tcpdump -w /dev/null`, round by round. */
  byTcpdump: Spread | null;
  /** The wall time of fluxcap by its, round by round. */
  fluxcapByIt: Spread | null;
  /** The same of CPU time. */
  fluxcapCpuByIt: Spread | null;
  cpuSeconds: number | null;
  peakMegabytes: number | null;
  /** Why there is no figure, or what is wrong with it. */
  note: string | null;
  rounds: number[];
}

/** Several programs on one capture, one after the other, round by round. */
export interface Comparison {
  capture: string;
  packets: number;
  megabytes: number;
  fileMegabytes: number;
  rows: Row[];
}

/** What runs a command and says what it took. */
export type Runner = Pick<Stopwatch, 'run'>;

interface Contestant {
  peer: Peer;
  command: readonly string[];
  note: string | null;
  runs: Measured[];
}

/** Runs all peers in turn: once to warm up and to see whether they read the capture, then `rounds` times. */
export function compare(
  capture: Capture,
  peers: readonly Peer[],
  rounds: number,
  stopwatch: Runner,
  tell: (text: string) => void,
): Comparison {
  const contestants = peers.flatMap((peer) => warmUp(capture, peer, stopwatch, tell) ?? []);
  for (let round = 1; round <= rounds; round++) {
    tell(`${capture.name}: round ${round} of ${rounds}`);
    for (const { command, runs } of contestants) if (command.length > 0) runs.push(stopwatch.run(command));
  }
  return {
    capture: capture.name,
    packets: capture.packets,
    megabytes: capture.octets / 1e6,
    fileMegabytes: capture.fileOctets / 1e6,
    rows: contestants.map((each) => rowOf(each, contestants, capture)),
  };
}

function warmUp(capture: Capture, peer: Peer, stopwatch: Runner, tell: (text: string) => void): Contestant | undefined {
  const command = peer.command(capture);
  if (command === null) return undefined;
  if (typeof command === 'string') return { peer, command: [], note: command, runs: [] };
  tell(`${capture.name}: ${peer.name}`);
  const { failure, output } = stopwatch.run(command, true);
  // No path of this machine gets into the result.
  if (failure !== null) return { peer, command: [], note: `refuses: ${failure.replaceAll(capture.path, 'FILE')}`, runs: [] };
  const counted = peer.counted?.(output) ?? capture.packets;
  const note = counted === capture.packets ? peer.remark?.(output) : `counts ${counted} packets`;
  return { peer, command, note: note ?? null, runs: [] };
}

function rowOf(of: Contestant, all: readonly Contestant[], { packets, octets }: Capture): Row {
  const { peer, note, runs } = of;
  const wallSeconds = median(runs.map((run) => run.wallSeconds));
  return {
    name: peer.name,
    wallSeconds,
    packetsPerSecond: wallSeconds && packets / wallSeconds,
    megabytesPerSecond: wallSeconds && octets / 1e6 / wallSeconds,
    byTcpdump: ratio(of, named(all, REFERENCE), wallOf),
    fluxcapByIt: ratio(named(all, FLUXCAP), of, wallOf),
    fluxcapCpuByIt: ratio(named(all, FLUXCAP), of, cpuOf),
    cpuSeconds: median(runs.map((run) => run.cpuSeconds)),
    peakMegabytes: median(runs.map((run) => run.peakMegabytes)),
    note,
    rounds: runs.map((run) => run.wallSeconds),
  };
}

const named = (all: readonly Contestant[], name: string): Contestant | undefined => all.find(({ peer }) => peer.name === name);

const wallOf = ({ wallSeconds }: Measured): number => wallSeconds;
const cpuOf = ({ cpuSeconds }: Measured): number | null => cpuSeconds;

/** Of figures of the same round: what slows the machine down slows both. */
export function ratio(
  a: { runs: readonly Measured[] } | undefined,
  b: { runs: readonly Measured[] } | undefined,
  figure: (run: Measured) => number | null,
): Spread | null {
  if (!a || !b) return null;
  return spreadOf(
    a.runs.flatMap((run, round) => {
      const other = b.runs[round];
      if (!other) return [];
      const above = figure(run);
      const below = figure(other);
      return above === null || !below ? null : above / below;
    }),
  );
}
