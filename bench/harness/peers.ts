import { join } from 'node:path';
import process from 'node:process';
import type { Capture, Compression } from './captures.ts';
import { compile, isInstalled, versionOfPackage } from './installed.ts';

/** A program that reads captures, or a way to run one. */
export interface Peer {
  name: string;
  /** Only on the first packets of a capture: it takes too much time or memory for all. */
  onSlice?: boolean;
  /** Takes so long that it runs on `mixed` alone, unless it is asked for everywhere. */
  isSlow?: boolean;
  /** What runs it on a capture; a text says why it cannot; null where it has no place among the others. */
  command: (capture: Capture) => readonly string[] | string | null;
  /** How many packets it says it has read; undefined where it says nothing. */
  counted?: (output: string) => number | undefined;
  /** What is remarkable in what it printed. */
  remark?: (output: string) => string | undefined;
}

export const peerNames = [
  'fluxcap',
  'tcpdump',
  'capinfos',
  'libpcap',
  'unpackers',
  'arpwatch',
  'softflowd',
  'argus',
  'pcap-parser',
  'cap',
  'tshark',
] as const;
export type PeerName = (typeof peerNames)[number];

/** Rows that targets are about. */
export const FLUXCAP = 'fluxcap analyze --json';
export const REFERENCE = 'tcpdump -w /dev/null';
export const CAPINFOS = 'capinfos -c';
export const SOFTFLOWD = 'softflowd -r';
export const ARGUS = 'argus -r';
export const TSHARK = 'tshark -q -z conv,udp';
export const UNPACKING: Record<Compression, string> = { gz: 'gzip -dc', zst: 'zstd -dc' };
/** What fluxcap unpacks with. */
export const LIBRARY = 'unpacking library alone';

const NOT_INSTALLED = 'not installed';

/** @param bench the folder of the benchmark; @param temporary where programs are compiled to, and leave what they must write */
export function peersOf(names: readonly PeerName[], bench: string, temporary: string): Peer[] {
  const script = (name: string): string => join(bench, 'peers', name);
  const makers: Record<PeerName, () => Peer[]> = {
    fluxcap: () => [fluxcap(join(bench, '..'))],
    tcpdump: () => [tcpdump()],
    capinfos: () => [capinfos()],
    libpcap: () => libpcap(script('libpcap.c'), join(temporary, 'libpcap')),
    unpackers: () => unpackers(script('unpack.js')),
    arpwatch: () => [arpwatch(join(temporary, 'arp.dat'))],
    softflowd: () => [softflowd(temporary)],
    argus: () => [argus()],
    'pcap-parser': () => [pcapParser(script('pcap-parser.js'))],
    cap: () => [capDecoders(script('cap-decoders.js'))],
    tshark: () => [tshark()],
  };
  return peerNames.filter((name) => names.includes(name)).flatMap((name) => makers[name]());
}

interface Printed {
  inputs: { packets: number }[];
  summary: Record<string, number>;
}

/** The command line of fluxcap. */
export const fluxcapCommand = (project: string, ...args: readonly string[]): string[] => [
  process.execPath,
  join(project, 'bin', 'fluxcap.js'),
  ...args,
];

function fluxcap(project: string): Peer {
  return {
    name: FLUXCAP,
    command: ({ path }) => fluxcapCommand(project, 'analyze', '--json', path),
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
    command: ({ path, compression }) => {
      if (!isInstalled('tcpdump')) return NOT_INSTALLED;
      if (compression === null) return ['tcpdump', '-r', path, '-w', '/dev/null'];
      return ['sh', '-c', `${UNPACKING[compression]} "$1" | tcpdump -r - -w /dev/null`, 'sh', path];
    },
  };
}

function capinfos(): Peer {
  return {
    name: CAPINFOS,
    command: ({ path }) => (isInstalled('capinfos') ? ['capinfos', '-c', '-M', path] : NOT_INSTALLED),
    counted: (output) => numberIn(output, /Number of packets:\s*(\d+)/),
  };
}

/** A loop in C, with and without a table of flows. */
function libpcap(source: string, program: string): Peer[] {
  const problem = compile(source, program);
  const peer = (name: string, options: readonly string[]): Peer => ({
    name,
    command: ({ path, compression }) => (compression === null ? (problem ?? [program, ...options, path]) : null),
    counted: (output) => numberIn(output, /^(\d+) packets/),
  });
  return [peer('libpcap in C', []), peer('libpcap in C, flow table', ['--flows'])];
}

/** What unpacking alone takes: by the usual program, and by what fluxcap unpacks with. */
function unpackers(script: string): Peer[] {
  const program = (compression: Compression): Peer => {
    const name = UNPACKING[compression];
    return {
      name,
      command: (capture) => {
        if (capture.compression !== compression) return null;
        if (!isInstalled(name.split(' ')[0] ?? '')) return NOT_INSTALLED;
        // The check before the rounds keeps what a command prints: a gigabyte is too much for it.
        return ['sh', '-c', `exec ${name} "$1" > /dev/null`, 'sh', capture.path];
      },
    };
  };
  const library: Peer = {
    name: LIBRARY,
    command: ({ path, compression }) => (compression === null ? null : [process.execPath, script, path]),
  };
  return [program('gz'), program('zst'), library];
}

/** ARP only. It asks DNS for every station that is new, so it gets a network of its own, in which nobody answers. */
function arpwatch(data: string): Peer {
  const unshare = process.getuid?.() === 0 ? ['unshare', '-n'] : ['unshare', '-rn'];
  // It wants the file to be there, and to know no station when it begins.
  const script = ': > "$1" && exec arpwatch -Q -N -f "$1" -r "$2"';
  return {
    name: 'arpwatch -r',
    isSlow: true,
    command: ({ path, format, compression }) => {
      if (!isInstalled('arpwatch') || !isInstalled('unshare')) return NOT_INSTALLED;
      if (compression !== null || format !== 'pcap') return null;
      return [...unshare, 'sh', '-c', script, 'sh', data, path];
    },
  };
}

/** Flows go to a port of this machine where nobody listens. */
function softflowd(temporary: string): Peer {
  const options = ['-d', '-6', '-v', '9', '-m', '1000000', '-c', 'none', '-p', join(temporary, 'softflowd.pid'), '-n', '127.0.0.1:9'];
  return {
    name: SOFTFLOWD,
    isSlow: true,
    command: ({ path, compression }) =>
      compression !== null ? null : isInstalled('softflowd') ? ['softflowd', ...options, '-r', path] : NOT_INSTALLED,
  };
}

/** Its wall time comes in steps of a second: what counts is its CPU time. */
function argus(): Peer {
  return {
    name: ARGUS,
    isSlow: true,
    command: ({ path, compression }) =>
      compression !== null ? null : isInstalled('argus') ? ['argus', '-r', path, '-w', '/dev/null'] : NOT_INSTALLED,
  };
}

function pcapParser(script: string): Peer {
  return {
    name: 'pcap-parser (npm)',
    isSlow: true,
    command: ({ path, format, compression }) => {
      if (compression !== null) return null;
      return format === 'pcap' ? [process.execPath, '--no-deprecation', script, path] : 'reads classic pcap only';
    },
    counted: (output) => numberIn(output, /^(\d+) packets/),
  };
}

/** The package is optional: it wants to be compiled. */
function capDecoders(script: string): Peer {
  return {
    name: 'decoders of cap (npm)',
    isSlow: true,
    command: ({ path, isEthernet, format, compression }) => {
      if (compression !== null || format !== 'pcap' || !isEthernet) return null;
      return versionOfPackage('cap') === undefined ? NOT_INSTALLED : [process.execPath, script, path];
    },
    counted: (output) => numberIn(output, /^(\d+) packets/),
  };
}

function tshark(): Peer {
  return {
    name: TSHARK,
    onSlice: true,
    isSlow: true,
    command: ({ path }) => (isInstalled('tshark') ? ['tshark', '-n', '-q', '-z', 'conv,udp', '-r', path] : NOT_INSTALLED),
  };
}

function numberIn(output: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(output) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
