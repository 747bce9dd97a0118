import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../harness/statistics.ts';
import { Cable } from './cable.ts';
import { Capture, type Captured, captorOf, type ProgramName } from './captors.ts';
import { Disturbance, load } from './processes.ts';
import { Sender, type Sent, type Sizes } from './sender.ts';
import { inTemporaryFolder } from './temporary.ts';

export interface LossOptions {
  project: string;
  programs: readonly ProgramName[];
  /** Packets a second; 0: as fast as it goes. */
  rates: readonly number[];
  sizes: Sizes;
  seconds: number;
  rounds: number;
  interface?: string;
  snaplen?: number;
  flows?: number;
}

/** One program at one rate, once. */
export interface Cell extends Sent, Captured {
  program: string;
  rate: number;
  round: number;
  /** That came to the capturing end of the cable. */
  arrived: number;
  /** Processor seconds that others had meanwhile. */
  disturbedSeconds: number;
  load: number;
}

/** Medians of all rounds. */
export interface LossRow {
  program: string;
  rate: number;
  reached: number;
  sent: number;
  lost: number;
  mostLost: number;
  /** Whether, in all rounds, what is missing is what the program says was dropped (and its helper says the same); null where it does not say. */
  isCounted: boolean | null;
  cpuSeconds: number;
  helperCpuSeconds: number;
  peakMegabytes: number;
}

/** As many packets as a flood sends: what the sender can do in the time, more or less. */
const FLOOD_RATE = 600_000;
/** A cell is measured again where others had more than this part of a processor, and then the least disturbed one counts. */
const MOST_DISTURBED = 0.25;
const ATTEMPTS = 3;

/** Measures all programs in turn at each rate, round by round. */
export async function measureLoss(options: LossOptions, tell: (text: string) => void): Promise<Cell[]> {
  return inTemporaryFolder(async (temporary) => {
    const sender = Sender.compile(join(temporary, 'send'));
    const cells: Cell[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      for (const rate of options.rates) {
        for (const program of options.programs) {
          const cell = await leastDisturbed(() => measure(program, rate, round, sender, temporary, options), options.seconds);
          cells.push(cell);
          tell(lineOf(cell));
        }
      }
    }
    return cells;
  });
}

function lineOf({ round, program, rate, sent, seconds, seen, dropped, cpuSeconds, helperCpuSeconds, disturbedSeconds }: Cell): string {
  const cpu = `CPU ${cpuSeconds.toFixed(2)} + ${helperCpuSeconds.toFixed(2)} s, others ${disturbedSeconds.toFixed(1)} s`;
  return `round ${round}, ${program}, ${rate || 'flood'}: sent ${sent} in ${seconds} s, seen ${seen}, dropped ${dropped ?? '?'}, ${cpu}`;
}

async function leastDisturbed(measured: () => Promise<Cell>, seconds: number): Promise<Cell> {
  let best = await measured();
  for (let attempt = 1; attempt < ATTEMPTS && best.disturbedSeconds > MOST_DISTURBED * seconds; attempt++) {
    await sleep(2000);
    const again = await measured();
    if (again.disturbedSeconds < best.disturbedSeconds) best = again;
  }
  return best;
}

async function measure(
  program: ProgramName,
  rate: number,
  round: number,
  sender: Sender,
  temporary: string,
  { project, seconds, sizes, interface: where, snaplen, flows }: LossOptions,
): Promise<Cell> {
  const disturbance = new Disturbance();
  const before = load();
  const cable = new Cable();
  try {
    const captor = captorOf(program, {
      project,
      temporary,
      ...(where === undefined ? {} : { interface: where }),
      ...(snaplen === undefined ? {} : { snaplen }),
    });
    const capture = await Capture.start(captor, cable);
    const packets = (rate || FLOOD_RATE) * seconds;
    const sent = await sender.start(cable, { packets, rate, sizes, ...(flows === undefined ? {} : { flows }) }).sent;
    const captured = await capture.end();
    return {
      program: captor.name,
      rate,
      round,
      ...sent,
      arrived: cable.arrived,
      ...captured,
      disturbedSeconds: disturbance.seconds,
      load: before,
    };
  } finally {
    cable.remove();
  }
}

/** One row for each program and rate, in the order of the cells. */
export function lossRows(cells: readonly Cell[]): LossRow[] {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.program}/${cell.rate}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const of = (value: (cell: Cell) => number): number => median(group.map(value)) ?? Number.NaN;
    const lost = group.map(({ sent, seen }) => sent - seen);
    return {
      program: first.program,
      rate: first.rate,
      reached: of(({ sent, seconds }) => sent / seconds),
      sent: of(({ sent }) => sent),
      lost: median(lost) ?? Number.NaN,
      mostLost: Math.max(...lost),
      isCounted: first.dropped === null ? null : group.every(isCounted),
      cpuSeconds: of(({ cpuSeconds }) => cpuSeconds),
      helperCpuSeconds: of(({ helperCpuSeconds }) => helperCpuSeconds),
      peakMegabytes: of(({ peakOctets }) => peakOctets / 1e6),
    };
  });
}

const isCounted = ({ arrived, seen, dropped, droppedByHelper }: Cell): boolean =>
  arrived - seen === dropped && (droppedByHelper === null || droppedByHelper === dropped);
