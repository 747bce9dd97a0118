import type { Comparison } from './compare.ts';
import { CAPINFOS, FLUXCAP, REFERENCE } from './peers.ts';
import type { Result } from './report.ts';
import { spreadText } from './statistics.ts';
import type { Judged } from './targets.ts';

const CAPTURES_HEAD = [
  'capture',
  'packets',
  'wall',
  'packets/s',
  'MB/s',
  'x `tcpdump -w /dev/null`',
  'x `capinfos -c`',
  'CPU',
  'peak memory',
];
const TARGETS_HEAD = ['capture', 'target', 'is to be', 'measured', ''];

/** The tables of README.md: fluxcap alone by capture, its peers on `mixed`, the start, and the targets. */
export function markdown(result: Result): string {
  const { comparisons, start, targets } = result;
  const mixed = comparisons.filter(({ capture }) => capture.startsWith('mixed') && !capture.includes('.pcap'));
  const parts = [
    drawn(CAPTURES_HEAD, comparisons.flatMap(captureRow)),
    ...mixed.map(peerTable),
    ...(start.length > 0
      ? [
          drawn(
            ['start', 'ms to the first output'],
            start.map((row) => [code(row.name), figure(row.milliseconds.median)]),
          ),
        ]
      : []),
    drawn(TARGETS_HEAD, targets.map(targetRow)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function captureRow({ capture, packets, rows }: Comparison): string[][] {
  const own = rows.find(({ name }) => name === FLUXCAP);
  if (!own || capture.includes(',')) return [];
  const beside = (peer: string): string => spreadText(rows.find(({ name }) => name === peer)?.fluxcapByIt);
  const { wallSeconds, packetsPerSecond, megabytesPerSecond, cpuSeconds, peakMegabytes } = own;
  return [
    [
      code(capture),
      packets.toLocaleString('en'),
      `${figure(wallSeconds)} s`,
      `${figure(packetsPerSecond && packetsPerSecond / 1e6)} M`,
      figure(megabytesPerSecond),
      beside(REFERENCE),
      beside(CAPINFOS),
      `${figure(cpuSeconds)} s`,
      `${peakMegabytes?.toFixed(0) ?? '-'} MB`,
    ],
  ];
}

/** What others take, as multiples of the reference. */
function peerTable({ capture, rows }: Comparison): string {
  const body = rows.map(({ name, wallSeconds, byTcpdump, cpuSeconds, peakMegabytes, note }) => [
    code(name),
    note ?? `${figure(wallSeconds)} s`,
    spreadText(byTcpdump),
    `${figure(cpuSeconds)} s`,
    `${peakMegabytes?.toFixed(0) ?? '-'} MB`,
  ]);
  return drawn([capture, 'wall', 'x `tcpdump -w /dev/null`', 'CPU', 'peak memory'], body);
}

const targetRow = ({ capture, what, most, least, measured, reached }: Judged): string[] => [
  code(capture),
  what,
  most === null ? `at least ${least}` : `at most ${most}`,
  spreadText(measured),
  reached ? 'reached' : 'missed',
];

const drawn = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const code = (text: string): string => `\`${text}\``;

function figure(value: number | null | undefined): string {
  if (typeof value !== 'number') return '-';
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
