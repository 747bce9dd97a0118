import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import type { Capture, Compression } from './captures.ts';

/** A program that reads captures, or a way to run one. */
export interface Peer {
  name: string;
  /** Only on the first packets of a capture: it takes too much time or memory for all. */
  onSlice: boolean;
  /** What runs it on a capture; a text says why it cannot. */
  command: (capture: Capture) => readonly string[] | string;
  /** How many packets it says it has read; undefined where it says nothing. */
  counted?: (output: string) => number | undefined;
  /** What is remarkable in what it printed. */
  remark?: (output: string) => string | undefined;
}

export const peerNames = ['fluxcap', 'tcpdump', 'capinfos', 'libpcap', 'pcap-parser', 'tshark'] as const;
export type PeerName = (typeof peerNames)[number];

export const FLUXCAP = 'fluxcap analyze --json';
export const REFERENCE = 'tcpdump -w /dev/null';

const UNPACKERS: Record<Compression, string> = { gz: 'gzip -dc', zst: 'zstd -dc' };
const PLAIN_ONLY = 'reads no compressed captures';

/** @param bench the folder of the benchmark; @param temporary where programs are compiled to */
export function peersOf(names: readonly PeerName[], bench: string, temporary: string): Peer[] {
  const makers: Record<PeerName, () => Peer[]> = {
    fluxcap: () => [fluxcap(join(bench, '..'))],
    tcpdump: () => [tcpdump()],
    capinfos: () => [capinfos()],
    libpcap: () => libpcap(join(bench, 'peers', 'libpcap.c'), join(temporary, 'libpcap')),
    'pcap-parser': () => [pcapParser(join(bench, 'peers', 'pcap-parser.js'))],
    tshark: () => [tshark()],
  };
  return peerNames.filter((name) => names.includes(name)).flatMap((name) => makers[name]());
}

interface Printed {
  inputs: { packets: number }[];
  summary: Record<string, number>;
}

function fluxcap(project: string): Peer {
  return {
    name: FLUXCAP,
    onSlice: false,
    command: ({ path }) => [process.execPath, join(project, 'bin', 'fluxcap.js'), 'analyze', '--json', path],
    counted: (output) => (JSON.parse(output) as Printed).inputs[0]?.packets,
    remark: (output) => {
      const found = Object.values((JSON.parse(output) as Printed).summary).reduce((sum, each) => sum + each, 0);
      return found === 0 ? undefined : `reports ${found} findings where nothing is wrong`;
    },
  };
}

function tcpdump(): Peer {
  return {
    name: REFERENCE,
    onSlice: false,
    command: ({ path, compression }) => {
      if (!isInstalled('tcpdump')) return 'not installed';
      if (compression === null) return ['tcpdump', '-r', path, '-w', '/dev/null'];
      return ['sh', '-c', `${UNPACKERS[compression]} "$1" | tcpdump -r - -w /dev/null`, 'sh', path];
    },
  };
}

function capinfos(): Peer {
  return {
    name: 'capinfos -c',
    onSlice: false,
    command: ({ path }) => (isInstalled('capinfos') ? ['capinfos', '-c', '-M', path] : 'not installed'),
    counted: (output) => numberIn(output, /Number of packets:\s*(\d+)/),
  };
}

/** A loop in C, with and without a table of flows. */
function libpcap(source: string, program: string): Peer[] {
  const problem = compile(source, program);
  const peer = (name: string, options: readonly string[]): Peer => ({
    name,
    onSlice: false,
    command: ({ path, compression }) => problem ?? (compression === null ? [program, ...options, path] : PLAIN_ONLY),
    counted: (output) => numberIn(output, /^(\d+) packets/),
  });
  return [peer('libpcap in C', []), peer('libpcap in C, flow table', ['--flows'])];
}

function pcapParser(script: string): Peer {
  return {
    name: 'pcap-parser (npm)',
    onSlice: false,
    command: ({ path, format, compression }) => {
      if (compression !== null) return PLAIN_ONLY;
      return format === 'pcap' ? [process.execPath, '--no-deprecation', script, path] : 'reads classic pcap only';
    },
    counted: (output) => numberIn(output, /^(\d+) packets/),
  };
}

function tshark(): Peer {
  return {
    name: 'tshark -q -z conv,udp',
    onSlice: true,
    command: ({ path }) => (isInstalled('tshark') ? ['tshark', '-n', '-q', '-z', 'conv,udp', '-r', path] : 'not installed'),
  };
}

/** Undefined where it went well, else what is missing. */
function compile(source: string, program: string): string | undefined {
  if (!isInstalled('cc')) return 'needs a C compiler (cc)';
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, source, '-lpcap'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return /pcap\.h|-lpcap|library/.test(stderr) ? 'needs libpcap and its headers (libpcap-dev)' : 'does not compile here';
}

const known = new Map<string, boolean>();

function isInstalled(program: string): boolean {
  const before = known.get(program);
  if (before !== undefined) return before;
  const found = spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
  known.set(program, found);
  return found;
}

function numberIn(output: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(output) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
