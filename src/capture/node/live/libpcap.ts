import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LiveRequest, LiveSource } from '../../live.ts';
import { DropCounts } from './drop-counts.ts';
import { LiveError } from './error.ts';
import { deviceFault, GONE, RING_MIB } from './helper.ts';
import {
  BPF_PROGRAM_SIZE,
  DLT_LINUX_SLL2,
  type LibPcap,
  loadLibPcap,
  NETMASK_UNKNOWN,
  PCAP_ERRBUF_SIZE,
  PCAP_STAT_SIZE,
  PcapStatus,
  type Pointer,
  type PollHandle,
  PRECISION_NANO,
} from './libpcap-library.ts';
import { downError, filterError } from './messages.ts';
import { gainsNoRights } from './programs.ts';
import { ANY, type Target } from './targets.ts';

/** The kernel hands over a block that is not full after this long. */
const TIMEOUT_MS = 10;
/** Records of one batch; the loop of events has a turn after each. */
const BATCH = 1 << 20;
const RECORD_HEADER = 16;
/** The C library's own buffer before our memory. */
const FILE_BUFFER = 1 << 16;
const IO_FULLY_BUFFERED = 0;
const SEEK_SET = 0;
/** How often libpcap looks whether the interface is there, when nothing comes; and while its descriptor has an error, which waiting would find at once. */
const LOOK_MS = 1000;
const LOOK_AGAIN_MS = 200;
/** After `stop`: the kernel's timer for a block that is not full may be late on a busy machine. */
const LAST_LOOK_MS = 100;

/**
 * libpcap in this process. It writes ordinary pcap records into memory of ours, a batch at a time (`pcap_dispatch` with its own `pcap_dump`, on a
 * file that is that memory): no JavaScript runs for a packet.
 */
export async function openLibPcap(request: LiveRequest, target: Target): Promise<LibPcapSource> {
  const pcap = await loadLibPcap();
  const error = new Uint8Array(PCAP_ERRBUF_SIZE);
  const handle = pcap.pcap_create(target.name, error);
  if (handle === null) throw new LiveError('other', `libpcap cannot capture on ${request.interface}: ${textOf(error)}`);
  try {
    const limits = prepare(pcap, handle, request, target);
    return new LibPcapSource(pcap, handle, request, target.index, limits);
  } catch (failure) {
    pcap.pcap_close(handle);
    throw failure;
  }
}

/** Makes the handle capture. Gives what it cannot do. */
function prepare(pcap: LibPcap, handle: Pointer, { interface: name, filter, snaplen }: LiveRequest, target: Target): string[] {
  const limits: string[] = [];
  pcap.pcap_set_snaplen(handle, snaplen);
  pcap.pcap_set_promisc(handle, 1);
  pcap.pcap_set_timeout(handle, TIMEOUT_MS);
  pcap.pcap_set_buffer_size(handle, RING_MIB << 20);
  if (pcap.pcap_set_tstamp_precision(handle, PRECISION_NANO) !== 0) limits.push('this libpcap gives times in microseconds only');
  const status = pcap.pcap_activate(handle);
  if (status < 0) throw activationError(status, pcap.pcap_geterr(handle) || pcap.pcap_statustostr(status), name);
  if (target.name === ANY && pcap.pcap_set_datalink(handle, DLT_LINUX_SLL2) !== 0) limits.push(OLD_COOKED);
  if (filter !== '') setFilter(pcap, handle, filter);
  const error = new Uint8Array(PCAP_ERRBUF_SIZE);
  if (pcap.pcap_setnonblock(handle, 1, error) !== 0) throw new LiveError('other', `libpcap cannot capture on ${name}: ${textOf(error)}`);
  return limits;
}

/** For a libpcap before 1.10. */
export const OLD_COOKED =
  'this libpcap is older than 1.10 and does not know LINUX_SLL2: packets of any do not say through which interface they came';

function setFilter(pcap: LibPcap, handle: Pointer, filter: string): void {
  const program = new Uint8Array(BPF_PROGRAM_SIZE);
  if (pcap.pcap_compile(handle, program, filter, 1, NETMASK_UNKNOWN) !== 0) throw filterError(filter, pcap.pcap_geterr(handle));
  const status = pcap.pcap_setfilter(handle, program);
  pcap.pcap_freecode(program);
  if (status !== 0) throw filterError(filter, pcap.pcap_geterr(handle));
}

function activationError(status: number, words: string, name: string): LiveError {
  if (status === PcapStatus.NoSuchDevice) return new LiveError('interface', `${name}: no such interface (libpcap: ${words})`);
  if (status === PcapStatus.InterfaceNotUp) return downError(name, null);
  const isRefused = status === PcapStatus.PermissionDenied || status === PcapStatus.PromiscPermissionDenied;
  if (isRefused || deviceFault(words) === 'rights') {
    const mending = gainsNoRights()
      ? 'this process can gain no rights (NoNewPrivileges): it has to be started with the capability CAP_NET_RAW'
      : `run fluxcap as root, or use tcpdump (sudo setcap cap_net_raw=eip ${process.execPath} gives the right to every script that node runs)`;
    return new LiveError('rights', `libpcap may not capture on ${name} (${words}): ${mending}`);
  }
  return new LiveError('other', `libpcap cannot capture on ${name}: ${words}`);
}

const textOf = (text: Uint8Array): string => Buffer.from(text.subarray(0, text.indexOf(0))).toString();

/** The records that libpcap writes. */
export class LibPcapSource implements LiveSource {
  readonly interface: string;
  readonly backend = 'libpcap';
  readonly index: number | null;
  readonly delaySec = (2 * TIMEOUT_MS) / 1000;
  readonly limits: readonly string[];
  readonly drops = new DropCounts();
  private readonly pcap: LibPcap;
  private readonly handle: Pointer;
  /** libpcap writes here; `at` to `end` is not read yet. */
  private readonly memory: Buffer;
  private readonly file: Pointer;
  private readonly dumper: Pointer;
  /** Packets in a batch: more might not fit. */
  private readonly most: number;
  private at = 0;
  private end: number;
  private readonly pollHandle: PollHandle;
  private hasPollError = false;
  private wake: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** Octets that are still read after `stop`: what the ring can hold; null before. */
  private toDrain: number | null = null;
  /** Whether what the kernel has not handed over at `stop` was waited for. */
  private hasWaited = false;

  constructor(pcap: LibPcap, handle: Pointer, request: LiveRequest, index: number | null, limits: readonly string[]) {
    this.pcap = pcap;
    this.handle = handle;
    this.interface = request.interface;
    this.index = index;
    this.limits = limits;
    const longest = request.snaplen + RECORD_HEADER;
    this.memory = Buffer.alloc(BATCH + longest);
    this.most = Math.max(1, Math.floor(BATCH / longest));
    const file = pcap.fmemopen(this.memory, this.memory.length, 'w');
    if (file === null) throw new LiveError('other', 'libpcap cannot be given memory to write to: use --backend tcpdump');
    pcap.setvbuf(file, null, IO_FULLY_BUFFERED, FILE_BUFFER);
    const dumper = pcap.pcap_dump_fopen(handle, file);
    if (dumper === null) {
      pcap.fclose(file);
      throw new LiveError('other', `libpcap cannot capture on ${request.interface}: ${pcap.pcap_geterr(handle)}`);
    }
    this.file = file;
    this.dumper = dumper;
    // The file's header.
    this.end = this.written();
    this.pollHandle = pcap.poll(pcap.pcap_get_selectable_fd(handle), () => {});
    this.pollHandle.stop();
    this.refreshDrops();
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    return this.at < this.end ? this.copy(into, from, to) : this.more(into, from, to);
  }

  refreshDrops(): void {
    if (this.isClosed) return;
    const stat = Buffer.alloc(PCAP_STAT_SIZE);
    if (this.pcap.pcap_stats(this.handle, stat) !== 0) return;
    const counts = new Uint32Array(stat.buffer, stat.byteOffset, 3);
    this.drops.update(counts[1] ?? 0, counts[2] ?? 0);
  }

  stop(): void {
    if (this.toDrain !== null) return;
    this.toDrain = RING_MIB << 20;
    this.wake?.();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.wake?.();
    this.pollHandle.close();
    // A read that waits comes back to nothing; libpcap's memory is not in use then.
    this.pcap.pcap_dump_close(this.dumper);
    this.pcap.pcap_close(this.handle);
  }

  private copy(into: Uint8Array, from: number, to: number): number {
    const length = Math.min(to - from, this.end - this.at);
    into.set(this.memory.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }

  /** Waits for the next batch. Signals and timers have their turn also where there always is one. */
  private async more(into: Uint8Array, from: number, to: number): Promise<number> {
    for (;;) {
      await nextTurn();
      if (this.isClosed || (this.toDrain !== null && this.toDrain <= 0)) return this.finish();
      const packets = this.pcap.pcap_dispatch(this.handle, this.most, this.pcap.pcapDump, this.dumper);
      if (packets < 0) throw this.failure();
      if (packets > 0) {
        this.at = 0;
        this.end = this.written();
        if (this.toDrain !== null) this.toDrain -= this.end;
        return this.copy(into, from, to);
      }
      if (this.hasWaited) return this.finish();
      this.hasWaited = this.toDrain !== null;
      await (this.hasWaited ? new Promise((resolve) => setTimeout(resolve, LAST_LOOK_MS)) : this.readable());
    }
  }

  private finish(): number {
    this.refreshDrops();
    return 0;
  }

  private failure(): Error {
    const words = this.pcap.pcap_geterr(this.handle);
    this.toDrain = 0;
    return new Error(GONE.test(words) ? `the interface is gone (libpcap: ${words})` : `libpcap ended on ${this.interface}: ${words}`);
  }

  /** Octets that libpcap wrote since it was asked last; it will write from the start again. */
  private written(): number {
    this.pcap.fflush(this.file);
    const length = this.pcap.ftell(this.file);
    this.pcap.fseek(this.file, 0, SEEK_SET);
    return length;
  }

  /** Resolves when there is something to read, or something happened. */
  private readable(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.wake = undefined;
        clearTimeout(this.timer);
        if (!this.isClosed) this.pollHandle.stop();
        resolve();
      };
      this.wake = done;
      this.timer = setTimeout(done, this.hasPollError ? LOOK_AGAIN_MS : LOOK_MS);
      if (!this.hasPollError) {
        this.pollHandle.start({ readable: true }, (status) => {
          this.hasPollError = status !== 0;
          done();
        });
      }
      this.hasPollError = false;
    });
  }
}
