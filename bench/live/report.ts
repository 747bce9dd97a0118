import { release } from 'node:os';
import { thisMachine } from '../harness/machine.ts';
import type { LatencyCase } from './latency.ts';
import type { LossRow } from './loss.ts';
import { trendOf } from './memory.ts';
import type { SoakResult } from './soak.ts';

/** Where and when, as far as it explains the figures. */
export function circumstances(version: string): string {
  const { cpu, cores, memoryGigabytes, node, versions } = thisMachine();
  const date = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);
  return `${date}: fluxcap ${version}, Node.js ${node}, tcpdump ${versions.tcpdump}, libpcap ${versions.libpcap}, Linux ${release()}, ${cores} cores (${cpu}), ${memoryGigabytes} GB`;
}

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const thousands = (rate: number): string => (rate === 0 ? 'flood' : `${rate / 1000}k`);
const percent = (part: number): string => (part === 0 ? '0' : part < 0.00005 ? '< 0.01 %' : `${(part * 100).toFixed(2)} %`);

/** A row for each program, a column for each rate: what was lost, then what it cost. */
export function lossTables(rows: readonly LossRow[]): string {
  const rates = [...new Set(rows.map(({ rate }) => rate))];
  const names = [...new Set(rows.map(({ program }) => program))];
  const table = (title: string, cell: (row: LossRow) => string): string =>
    markdown(
      [title, ...rates.map(thousands)],
      names.map((name) => [
        name,
        ...rates.map((rate) => {
          const row = rows.find((each) => each.program === name && each.rate === rate);
          return row ? cell(row) : '';
        }),
      ]),
    );
  const sentences = rows
    .filter(({ isCounted }) => isCounted === false)
    .map(({ program, rate }) => `${program}, ${thousands(rate)}: what is missing is not what was counted.`);
  return [
    table('lost, median (most)', ({ lost, mostLost, sent }) =>
      mostLost === 0 ? '0' : `${percent(lost / sent)} (${percent(mostLost / sent)})`,
    ),
    table('thousands of packets a second that were sent', ({ reached }) => (reached / 1000).toFixed(0)),
    table('processor seconds, + helper', ({ cpuSeconds, helperCpuSeconds }) =>
      helperCpuSeconds > 0 ? `${cpuSeconds.toFixed(2)} + ${helperCpuSeconds.toFixed(2)}` : cpuSeconds.toFixed(2),
    ),
    table('most memory, MB', ({ peakMegabytes }) => peakMegabytes.toFixed(0)),
    sentences.length > 0
      ? sentences.join('\n')
      : 'Wherever a program counts its drops, they are in every round exactly what was sent and not seen; helpers said the same themselves.',
  ].join('\n\n');
}

export function latencyTable(cases: readonly LatencyCase[]): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(2);
  return markdown(
    ['backend, finding', 'other packets/s', 'told', 'p50 s', 'p90 s', 'p99 s', 'most s'],
    cases.map(({ backend, background, kind, probes, told, p50, p90, p99, most }) => [
      `${backend}, ${kind === 'udp' ? 'udp-reply-wrong-source' : 'arp-flux'}`,
      thousands(background).replace('flood', '0'),
      `${told} of ${probes}`,
      ...[p50, p90, p99, most].map(seconds),
    ]),
  );
}

/** After this part of a run memory is expected to be flat. */
const WARM_UP = 1 / 3;
const STEPS = 12;

export function soakTables(result: SoakResult): string {
  const { samples, sent, seconds, arrived, packets, dropped, droppedByHelper, findings, evidenceFiles, ranSeconds, stateEvicted } = result;
  const last = samples.at(-1)?.seconds ?? 0;
  const trend = trendOf(samples, last * WARM_UP);
  const lag = samples.flatMap(({ metrics }) => metrics?.['fluxcap_event_loop_lag_seconds{stat="max"}'] ?? []);
  const chosen = samples.filter((_, i) => i % Math.max(1, Math.floor(samples.length / STEPS)) === 0 || i === samples.length - 1);
  return [
    markdown(
      ['s', 'RSS, MB', 'heap, MB', 'outside of it, MB', 'helper, MB', 'packets', 'drops', 'entries', 'evicted'],
      chosen.map(({ seconds: at, resident, helperResident, metrics }) => [
        at.toFixed(0),
        (resident / 1e6).toFixed(1),
        ...['nodejs_heap_used_bytes', 'nodejs_external_memory_bytes'].map((name) => inMillions(metrics?.[name])),
        (helperResident / 1e6).toFixed(1),
        ...['fluxcap_packets_total', 'fluxcap_drops_total', 'fluxcap_state_entries', 'fluxcap_state_evicted_total'].map((name) =>
          String(metrics?.[name] ?? '-'),
        ),
      ]),
    ),
    [
      `Sent ${sent} packets in ${seconds} s (${Math.round(sent / seconds)}/s), arrived ${arrived}, analysed ${packets}, dropped ${dropped} (helper: ${droppedByHelper ?? '-'}), unaccounted ${arrived - packets - (dropped ?? 0)}.`,
      `Ran ${ranSeconds.toFixed(2)} s from its first line to its end. Evicted ${stateEvicted}. Processor seconds ${result.cpuSeconds.toFixed(1)}, helper ${result.helperCpuSeconds.toFixed(1)}; others had ${result.disturbedSeconds.toFixed(1)}.`,
      `RSS after a third of it: from ${(trend.least / 1e6).toFixed(1)} to ${(trend.most / 1e6).toFixed(1)} MB, slope ${(trend.slope / 1e3).toFixed(2)} kB/s, which is ${((trend.slope * seconds) / sent).toFixed(3)} octets a packet.`,
      `Longest event-loop lag ${Math.max(...lag).toFixed(3)} s; median of each second's longest ${(lag.sort((a, b) => a - b)[lag.length >> 1] ?? 0).toFixed(3)} s.`,
      `${findings.length} findings, each told as new ${[...new Set(findings.map(({ news }) => news))].join(' or ')} time, ${Math.min(...findings.map(({ updates }) => updates))} to ${Math.max(...findings.map(({ updates }) => updates))} updates; ${evidenceFiles.length} evidence files.`,
    ].join('\n'),
  ].join('\n\n');
}

const inMillions = (value: number | null | undefined): string => (value === null || value === undefined ? '-' : (value / 1e6).toFixed(1));
