import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { LiveBackend, LiveSource } from '../../live.ts';
import type { ByteSource } from '../../source.ts';
import { DropCounts } from './drop-counts.ts';
import { GONE, type Helper } from './helper.ts';

/** As much of what a helper says is kept; its last words are what matters. */
const MOST_LINES = 40;
const LONGEST_LINE = 2000;
/** A pcap's header has this length, and the first block of a pcapng more. */
const HEADER = 24;
/** For a helper to end when it is told to. Then it is killed. */
const ENDING_MS = 5000;
/** How often it is looked whether the interface is there: a helper notices by itself, but for dumpcap where it was switched off before. */
const LOOK_MS = 2000;

/** tcpdump's words when all is set up. */
const LISTENING = /^tcpdump: listening on /;

/** How a helper is reached. */
export interface Attachment {
  /** As the user wrote it. */
  interface: string;
  index: number | null;
  /** As the helper says it. */
  delaySec: number;
  /** Who ended, as sentences begin: `tcpdump`, `tcpdump on gw`. */
  name: string;
  /** Asks for the counters. */
  askDrops(child: ChildProcess): void;
  /** Tells it to end. */
  end(child: ChildProcess): void;
  /** Whether the interface is still there; without it nobody looks. */
  isThere?(): boolean;
  /** Takes note of a line of standard error; true where it is not the helper's. */
  hears?(line: string): boolean;
}

interface Ending {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** It could not be started at all. */
  failure: NodeJS.ErrnoException | null;
}

/** Children that run: they must not outlive this process, however it ends. */
const running = new Set<ChildProcess>();
let watchesExit = false;

function endWithUs(child: ChildProcess): void {
  running.add(child);
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    for (const each of running) each.kill('SIGKILL');
  });
}

/** The pipe of a helper. It captures once `begun` has resolved with true. */
export class HelperSource implements LiveSource {
  readonly interface: string;
  readonly backend: LiveBackend;
  readonly drops = new DropCounts();
  readonly delaySec: number;
  /** What the helper said, oldest first. */
  readonly said: string[] = [];
  /** Resolves when it has ended and all was heard. */
  readonly ended: Promise<Ending>;
  private readonly allLimits: string[];
  private readonly helper: Helper;
  private readonly child: ChildProcess;
  private readonly attachment: Attachment;
  private readonly octets: ByteSource;
  private header: Uint8Array = new Uint8Array(0);
  private isOver = false;
  private askedToEnd = false;
  private endTold = false;
  private isListening = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly looking: NodeJS.Timeout;
  /** How often in a row the interface was not there. */
  private missed = 0;

  /** @param stdout what the child writes to its standard output */
  constructor(helper: Helper, child: ChildProcess, stdout: ByteSource, stderr: Readable, attachment: Attachment) {
    this.helper = helper;
    this.child = child;
    this.attachment = attachment;
    this.interface = attachment.interface;
    this.backend = helper.backend;
    this.delaySec = attachment.delaySec;
    this.allLimits = [...helper.limits];
    this.octets = stdout;
    this.hear(stderr);
    this.ended = new Promise((resolve) => {
      let failure: NodeJS.ErrnoException | null = null;
      child.on('error', (error) => {
        failure ??= error;
        // Without a process there is no `close`.
        if (child.pid === undefined) this.over(resolve, { status: null, signal: null, failure });
      });
      child.on('close', (status, signal) => this.over(resolve, { status, signal, failure }));
    });
    if (child.pid !== undefined) endWithUs(child);
    this.looking = setInterval(() => this.look(), LOOK_MS).unref();
    // It ends before it has read all that we say to it.
    child.stdin?.on('error', () => {});
  }

  get index(): number | null {
    return this.attachment.index;
  }

  get limits(): readonly string[] {
    return this.allLimits;
  }

  /** Notes another thing that cannot be done here. */
  addLimit(limit: string): void {
    this.allLimits.push(limit);
  }

  /** Waits for the header of its capture. False: it ended before. */
  async begun(): Promise<boolean> {
    const header = new Uint8Array(HEADER);
    let length = 0;
    while (length < HEADER) {
      const got = await this.octets.read(header, length, HEADER);
      if (got === 0) return false;
      length += got;
    }
    this.header = header;
    return true;
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    if (this.header.length > 0) {
      const length = Math.min(this.header.length, to - from);
      into.set(this.header.subarray(0, length), from);
      this.header = this.header.subarray(length);
      return length;
    }
    const length = this.octets.read(into, from, to);
    return typeof length === 'number' ? length : this.wait(length);
  }

  refreshDrops(): void {
    // Before it says that it listens it may not know the signal yet, and be ended by it: its header comes first.
    if (this.helper.tellsDrops && this.isListening && !this.isOver && !this.endTold) this.attachment.askDrops(this.child);
  }

  stop(): void {
    if (this.askedToEnd) return;
    this.askedToEnd = true;
    // Helpers forget what they have not taken from the kernel yet when they are told to end.
    this.timer = setTimeout(() => this.tellEnd(), this.delaySec * 1000);
  }

  async close(): Promise<void> {
    this.askedToEnd = true;
    this.tellEnd();
    await this.octets.close?.();
    this.child.stderr?.resume();
    await this.ended;
  }

  private tellEnd(): void {
    clearTimeout(this.timer);
    if (this.isOver || this.endTold) return;
    this.endTold = true;
    this.attachment.end(this.child);
    this.timer = setTimeout(() => this.child.kill('SIGKILL'), ENDING_MS);
  }

  private over(resolve: (ending: Ending) => void, ending: Ending): void {
    this.isOver = true;
    running.delete(this.child);
    clearTimeout(this.timer);
    clearInterval(this.looking);
    resolve(ending);
  }

  private look(): void {
    this.missed = (this.attachment.isThere?.() ?? true) ? 0 : this.missed + 1;
    // The helper has had its time to notice, and to say so.
    if (this.missed === 2) this.tellEnd();
  }

  private async wait(reading: Promise<number>): Promise<number> {
    const length = await reading;
    if (length > 0) return length;
    const ending = await this.ended;
    if (this.askedToEnd) return 0;
    this.askedToEnd = true;
    throw new Error(this.epitaph(ending));
  }

  /** Why it ended though nobody asked it to. */
  private epitaph({ status, signal }: Ending): string {
    const { name } = this.attachment;
    const words = this.helper.lastWords(this.said);
    if (words !== null && GONE.test(words)) return `the interface is gone (${name}: ${words})`;
    if (this.missed > 1) return 'the interface is gone';
    const how = signal === null ? `status ${status}` : `signal ${signal}`;
    return words === null ? `${name} ended (${how})` : `${name} ended (${how}): ${words}`;
  }

  private hear(stderr: Readable): void {
    let rest = '';
    stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
      for (const line of lines) this.note(line.slice(0, LONGEST_LINE).trimEnd());
    });
    stderr.on('end', () => this.note(rest));
    stderr.on('error', () => {});
  }

  private note(line: string): void {
    if (line === '' || this.attachment.hears?.(line)) return;
    this.helper.readDrops(line, this.drops);
    this.isListening ||= LISTENING.test(line);
    this.said.push(line);
    // Counters that are asked for every second must not push out what matters: the helper's complaints.
    if (this.said.length > MOST_LINES) this.said.splice(MOST_LINES / 2, 1);
  }
}
