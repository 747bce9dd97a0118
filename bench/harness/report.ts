import Table from 'cli-table3';
import type { Comparison, Row } from './compare.ts';
import type { Machine } from './machine.ts';
import { hasMemoryFigures } from './measure.ts';

/** Everything that a run found out; `--json` prints it. */
export interface Result {
  date: string;
  fluxcap: string;
  machine: Machine;
  seed: number;
  rounds: number;
  comparisons: Comparison[];
}

const HEAD = ['', 'wall s', 'Mpackets/s', 'MB/s', 'x tcpdump -w', 'fluxcap / it', 'CPU s', 'peak MB', 'note'];
const LONGEST_NOTE = 44;

/** The tables, one for each capture, and how to read them. */
export function tables({ fluxcap, machine, rounds, comparisons }: Result): string {
  const { cpu, cores, memoryGigabytes, system, node, versions } = machine;
  const parts = [
    `fluxcap ${fluxcap}, Node.js ${node}, ${cores} cores (${cpu}), ${memoryGigabytes} GB, ${system}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    ...comparisons.map(table),
    [
      `Medians of ${rounds} rounds after one warm-up, all commands in turn, page cache warm. Ratios are medians of the ratios of each round.`,
      'Only ratios within one table mean something: the machine may be shared. What each peer does and does not do: bench/README.md.',
      ...(hasMemoryFigures ? [] : ['CPU and memory need GNU time (Debian: apt-get install time).']),
    ].join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

function table({ capture, packets, megabytes, fileMegabytes, rows }: Comparison): string {
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
    fixed(byTcpdump, 2),
    fixed(fluxcapByIt, 2),
    fixed(cpuSeconds, 2),
    fixed(peakMegabytes, 0),
    note ?? '',
  ];
}

const fixed = (value: number | null, digits: number): string => (value === null ? '-' : value.toFixed(digits));
