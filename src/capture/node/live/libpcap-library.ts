import { LiveError } from './error.ts';

/** An address in this process; koffi gives them as integers. */
export type Pointer = bigint;

/** Statuses of `pcap_activate`, pcap/pcap.h. */
export const PcapStatus = { NoSuchDevice: -5, PermissionDenied: -8, InterfaceNotUp: -9, PromiscPermissionDenied: -11 } as const;
/** `pcap_set_tstamp_precision`. */
export const PRECISION_NANO = 1;
/** LINUX_SLL2 as libpcap counts link types for devices: the same number as in files. */
export const DLT_LINUX_SLL2 = 276;
/** For `pcap_compile`, where the network's mask is not known. */
export const NETMASK_UNKNOWN = 0xffff_ffff;
export const PCAP_ERRBUF_SIZE = 256;
/** struct bpf_program: a number and, aligned, a pointer. */
export const BPF_PROGRAM_SIZE = 16;
/** struct pcap_stat: received, dropped, dropped by the interface. */
export const PCAP_STAT_SIZE = 12;

/** What is used of libpcap (pcap(3PCAP)) and of the C library, by their own names. */
export interface LibPcap {
  pcap_create(device: string, error: Uint8Array): Pointer | null;
  pcap_set_snaplen(handle: Pointer, snaplen: number): number;
  pcap_set_promisc(handle: Pointer, on: number): number;
  /** In milliseconds: after it the kernel hands over a block that is not full. */
  pcap_set_timeout(handle: Pointer, ms: number): number;
  pcap_set_buffer_size(handle: Pointer, octets: number): number;
  pcap_set_tstamp_precision(handle: Pointer, precision: number): number;
  pcap_activate(handle: Pointer): number;
  pcap_set_datalink(handle: Pointer, dlt: number): number;
  pcap_compile(handle: Pointer, program: Uint8Array, filter: string, optimize: number, netmask: number): number;
  pcap_setfilter(handle: Pointer, program: Uint8Array): number;
  pcap_freecode(program: Uint8Array): void;
  pcap_setnonblock(handle: Pointer, on: number, error: Uint8Array): number;
  pcap_get_selectable_fd(handle: Pointer): number;
  pcap_dispatch(handle: Pointer, most: number, callback: Pointer, context: Pointer): number;
  pcap_stats(handle: Pointer, stat: Uint8Array): number;
  pcap_geterr(handle: Pointer): string;
  pcap_statustostr(status: number): string;
  pcap_close(handle: Pointer): void;
  pcap_dump_fopen(handle: Pointer, file: Pointer): Pointer | null;
  pcap_dump_close(dumper: Pointer): void;
  pcap_lib_version(): string;
  /** The address of `pcap_dump`: libpcap itself calls it for each packet. */
  readonly pcapDump: Pointer;
  fmemopen(memory: Uint8Array, size: number, mode: string): Pointer | null;
  setvbuf(file: Pointer, buffer: null, mode: number, size: number): number;
  fflush(file: Pointer): number;
  fseek(file: Pointer, offset: number, whence: number): number;
  ftell(file: Pointer): number;
  fclose(file: Pointer): number;
  /** Calls back when the descriptor can be read, or, with a status that is not 0, once when it has an error. */
  poll(fd: number, callback: (status: number) => void): PollHandle;
}

export interface PollHandle {
  start(options: { readable: boolean }, callback: (status: number) => void): void;
  stop(): void;
  close(): void;
}

/** On Debian, elsewhere, and with the development package; macOS. */
const NAMES = ['libpcap.so.0.8', 'libpcap.so.1', 'libpcap.so', 'libpcap.A.dylib'];

const PCAP_FUNCTIONS = [
  'void *pcap_create(str, void *)',
  'int pcap_set_snaplen(void *, int)',
  'int pcap_set_promisc(void *, int)',
  'int pcap_set_timeout(void *, int)',
  'int pcap_set_buffer_size(void *, int)',
  'int pcap_set_tstamp_precision(void *, int)',
  'int pcap_activate(void *)',
  'int pcap_set_datalink(void *, int)',
  'int pcap_compile(void *, void *, str, int, uint32)',
  'int pcap_setfilter(void *, void *)',
  'void pcap_freecode(void *)',
  'int pcap_setnonblock(void *, int, void *)',
  'int pcap_get_selectable_fd(void *)',
  'int pcap_dispatch(void *, int, void *, void *)',
  'int pcap_stats(void *, void *)',
  'str pcap_geterr(void *)',
  'str pcap_statustostr(int)',
  'void pcap_close(void *)',
  'void *pcap_dump_fopen(void *, void *)',
  'void pcap_dump_close(void *)',
  'str pcap_lib_version()',
];

const C_FUNCTIONS = [
  'void *fmemopen(void *, size_t, str)',
  'int setvbuf(void *, void *, int, size_t)',
  'int fflush(void *)',
  'int fseek(void *, long, int)',
  'long ftell(void *)',
  'int fclose(void *)',
];

const NAME = /(\w+)\(/;

let loaded: Promise<LibPcap> | undefined;

/** Loads libpcap through koffi, once. Throws a `LiveError` where one of them is missing. */
export function loadLibPcap(): Promise<LibPcap> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<LibPcap> {
  let koffi: typeof import('koffi');
  try {
    koffi = await import('koffi');
  } catch {
    throw new LiveError('missing', 'libpcap needs the package koffi, which is not installed: npm install koffi');
  }
  const library = NAMES.flatMap((name) => tried(() => koffi.load(name)))[0];
  if (!library) throw new LiveError('missing', 'libpcap is not installed: sudo apt install libpcap0.8');
  const [c] = tried(() => koffi.load(null));
  const bound = [...tried(() => functions(library, PCAP_FUNCTIONS)), ...(c ? tried(() => functions(c, C_FUNCTIONS)) : [])];
  if (bound.length < 2) throw new LiveError('missing', 'this libpcap is too old, or the C library lacks fmemopen: use --backend tcpdump');
  const poll = (fd: number, callback: (status: number) => void): PollHandle =>
    koffi.node.poll(fd, { readable: true }, callback as unknown as (events: unknown) => void) as unknown as PollHandle;
  return Object.assign({ poll, pcapDump: library.symbol('pcap_dump') }, ...bound) as LibPcap;
}

function functions(library: { func(definition: string): unknown }, definitions: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(definitions.map((definition) => [NAME.exec(definition)?.[1] ?? '', library.func(definition)]));
}

/** What `work` gives, or nothing where it throws. */
function tried<T>(work: () => T): T[] {
  try {
    return [work()];
  } catch {
    return [];
  }
}
