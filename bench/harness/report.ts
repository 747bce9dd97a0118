import Table from 'cli-table3';
import type { Comparison, Row } from './compare.ts';
import type { Machine } from './machine.ts';
import { hasMemoryFigures } from './measure.ts';
import { type MemoryRun, residentAt } from './memory.ts';
import type { Profile, SelfTime } from './profile.ts';
import type { StartRow } from './start.ts';
import { spreadText } from './statistics.ts';
import { type Judged, MOST_PEAK_MEGABYTES } from './targets.ts';

/** Everything that a run found out; `--json` prints it. */
export interface Result extends Measurement {
  rounds: number;
  comparisons: Comparison[];
  start: StartRow[];
  targets: Judged[];
}

/** What each kind of run says of itself. */
export interface Measurement {
  date: string;
  fluxcap: string;
  machine: Machine;
  seed: number;
}

const HEAD = ['', 'wall s', 'Mpackets/s', 'MB/s', 'x tcpdump -w', 'fluxcap / it', 'CPU s', 'peak MB', 'note'];
const LONGEST_NOTE = 44;
/** Parts of a run at which the memory is told. */
const PARTS: readonly number[] = [0.1, 0.25, 0.5, 0.75, 0.9, 1];
const MOST_FILES = 20;
const MOST_FUNCTIONS = 40;

/** The tables, one for each capture, what was to be reached, and how to read them. */
export function tables(result: Result): string {
  const { rounds, comparisons, start, targets } = result;
  const parts = [
    ...heading(result),
    ...comparisons.map(comparisonTable),
    ...(start.length > 0 ? [startTable(start)] : []),
    ...(targets.length > 0 ? [targetTable(targets)] : []),
    [
      `Medians of ${rounds} rounds after one warm-up, all commands in turn, page cache warm. Ratios are medians of the ratios of each round;`,
      'half of the rounds are between the two figures in brackets.',
      'Only ratios within one table mean something: the machine may be shared. What each peer does and does not do: bench/README.md.',
      ...(hasMemoryFigures ? [] : ['CPU and memory need GNU time (Debian: apt-get install time).']),
    ].join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Resident memory in the course of each run. */
export function memoryTables(measurement: Measurement, runs: readonly MemoryRun[]): string {
  const drawn = plainTable(['', 'packets', 'MB', 'wall s', ...PARTS.map((part) => `at ${part * 100} %`), 'peak']);
  for (const run of runs) {
    const at = PARTS.map((part) => fixed(residentAt(run, part), 0));
    const { capture, packets, megabytes, wallSeconds, peakMegabytes } = run;
    drawn.push([capture, packets.toLocaleString('en'), fixed(megabytes, 0), fixed(wallSeconds, 2), ...at, fixed(peakMegabytes, 0)]);
  }
  const reached = runs.every(({ peakMegabytes }) => peakMegabytes <= MOST_PEAK_MEGABYTES);
  const target = `At most ${MOST_PEAK_MEGABYTES} MB: ${reached ? 'reached' : 'missed'}.`;
  const text = `Resident memory of fluxcap analyze --json in MB, in the course of the run\n${drawn.toString()}`;
  return `${[...heading(measurement), text, target].join('\n\n')}\n`;
}

/** Where the time goes: folders, files, functions. */
export function profileTables(measurement: Measurement, profiles: readonly Profile[]): string {
  return `${[...heading(measurement), ...profiles.map(profileText)].join('\n\n')}\n`;
}

function profileText({ capture, packets, milliseconds, folders, files, functions }: Profile): string {
  const list = (title: string, times: readonly SelfTime[], most: number): string =>
    [title, ...times.slice(0, most).map(({ name, milliseconds: own, share }) => timeLine(name, own, share, packets))].join('\n');
  return [
    `${capture}: ${packets.toLocaleString('en')} packets, ${fixed(milliseconds, 0)} ms under the profiler, which slows it down; self time in ms, in %, in ns a packet`,
    list('By folder', folders, folders.length),
    list('By file', files, MOST_FILES),
    list('By function', functions, MOST_FUNCTIONS),
  ].join('\n\n');
}

function timeLine(name: string, milliseconds: number, share: number, packets: number): string {
  const figures = [
    fixed(milliseconds, 0).padStart(8),
    fixed(share * 100, 1).padStart(6),
    fixed((milliseconds * 1e6) / packets, 0).padStart(6),
  ];
  return `${figures.join('')}  ${name}`;
}

function heading({ fluxcap, machine }: Measurement): string[] {
  const { cpu, cores, memoryGigabytes, system, node, versions } = machine;
  return [
    `fluxcap ${fluxcap}, Node.js ${node}, ${cores} cores (${cpu}), ${memoryGigabytes} GB, ${system}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ];
}

function comparisonTable({ capture, packets, megabytes, fileMegabytes, rows }: Comparison): string {
  const drawn = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
    colWidths: [null, null, null, null, null, null, null, null, rows.some(({ note }) => note !== null) ? LONGEST_NOTE : null],
    wordWrap: true,
  });
  for (const row of rows) drawn.push(cells(row));
  const packed = Math.round(fileMegabytes) === Math.round(megabytes) ? '' : `, ${fixed(fileMegabytes, 0)} MB packed`;
  return `${capture}: ${packets.toLocaleString('en')} packets, ${fixed(megabytes, 0)} MB${packed}\n${drawn.toString()}`;
}

function cells({
  name,
  wallSeconds,
  packetsPerSecond,
  megabytesPerSecond,
  byTcpdump,
  fluxcapByIt,
  cpuSeconds,
  peakMegabytes,
  note,
}: Row): string[] {
  return [
    name,
    fixed(wallSeconds, 3),
    fixed(packetsPerSecond && packetsPerSecond / 1e6, 2),
    fixed(megabytesPerSecond, 0),
    spreadText(byTcpdump),
    spreadText(fluxcapByIt),
    fixed(cpuSeconds, 2),
    fixed(peakMegabytes, 0),
    note ?? '',
  ];
}

function startTable(rows: readonly StartRow[]): string {
  const drawn = plainTable(['', 'ms to the first output']);
  for (const { name, milliseconds } of rows) drawn.push([name, spreadText(milliseconds)]);
  return `start: a capture of ${TINY_PACKETS} packets, medians of ${rows[0]?.runs ?? 0} starts\n${drawn.toString()}`;
}

/** Packets of the capture on which the start is measured. */
export const TINY_PACKETS = 20;

function targetTable(targets: readonly Judged[]): string {
  const drawn = plainTable(['capture', 'target', 'is to be', 'measured', '']);
  for (const { capture, what, most, least, measured, reached } of targets) {
    const bound = most === null ? `>= ${least}` : `<= ${most}`;
    drawn.push([capture, what, bound, spreadText(measured), reached ? 'reached' : 'missed']);
  }
  return `Targets\n${drawn.toString()}`;
}

const plainTable = (head: string[]): Table.Table =>
  new Table({ head, style: { head: [], border: [] }, colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')) });

const fixed = (value: number | null, digits: number): string => (value === null ? '-' : value.toFixed(digits));
