import { fstatSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { BegunSource, type ByteSource } from '../source.ts';
import type { portableUnpackers } from '../unpack.ts';
import { FileSource } from './file.ts';

/** Less is unpacked before a thread has started. */
const LEAST_OCTETS = 4 << 20;
/** More threads than this would wait for the one that analyses. */
const MOST_THREADS = 4;

/** What threads unpack: what Node does not unpack in a thread of its own. */
export type ThreadCompression = keyof typeof portableUnpackers;

/** What the thread gets: a file that is open, and what was read of it already. */
export interface UnpackJob {
  compression: ThreadCompression;
  fd: number;
  begun: Uint8Array;
}

/** To the thread. A buffer comes back when it was read. */
export type UnpackOrder = { job: UnpackJob } | { buffer: ArrayBuffer } | { stop: true };

/** From the thread: octets in their order, then how it ended. Behind an end nothing comes before the next job. */
export type UnpackAnswer = { buffer: ArrayBuffer; length: number } | { end: true; failure?: string };

const PROGRAM = new URL('./unpack-thread.js', import.meta.url);

/** How many threads a run may have, from how many packed octets on, and what they run. Tests choose. */
export interface ThreadLimits {
  most: number;
  leastOctets: number;
  /** Tests run it from its source. */
  program: URL;
}

/** One unpacks what is analysed and one what comes next, also on two cores: that one stops when it is a few buffers ahead. With one core none is of use. */
const usualLimits = (): ThreadLimits => ({
  most: Math.min(MOST_THREADS, 2 * (availableParallelism() - 1)),
  leastOctets: LEAST_OCTETS,
  program: PROGRAM,
});

/** Threads that unpack files, each one file at a time, and wait for the next one when it is over: to start one takes as long as unpacking some megabytes. */
export class UnpackThreads {
  private readonly limits: ThreadLimits;
  private readonly idle: UnpackThread[] = [];
  private started = 0;
  /** Packed octets of the files so far. */
  private octets = 0;

  constructor(limits: Partial<ThreadLimits> = {}) {
    this.limits = { ...usualLimits(), ...limits };
  }

  /** The unpacked octets; undefined where it is better done, or can only be done, by the thread that asks. */
  unpack(packed: ByteSource, compression: ThreadCompression): ByteSource | undefined {
    if (!(packed instanceof BegunSource && packed.rest instanceof FileSource)) return undefined;
    const { begun, rest } = packed;
    this.octets += fstatSync(rest.fd).size;
    if (this.octets < this.limits.leastOctets) return undefined;
    const thread = this.take();
    if (!thread) return undefined;
    return new ThreadSource(thread, { compression, fd: rest.fd, begun }, async () => {
      await packed.close();
      if (thread.failure === undefined) this.idle.push(thread);
      else this.started--;
    });
  }

  private take(): UnpackThread | undefined {
    const thread = this.idle.pop();
    if (thread || this.started >= this.limits.most) return thread;
    this.started++;
    return new UnpackThread(this.limits.program);
  }
}

/** A thread and the answers that came of it. */
class UnpackThread {
  /** Why it is of no use any more. */
  failure: string | undefined;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly answers: UnpackAnswer[] = [];
  private wake: (() => void) | undefined;

  constructor(program: URL) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.worker = new Worker(program, { workerData: port2, transferList: [port2] });
    port1.on('message', (answer: UnpackAnswer) => {
      this.answers.push(answer);
      this.wake?.();
    });
    const fail = (error: unknown): void => {
      this.failure ??= error instanceof Error ? error.message : 'the thread that unpacks has ended';
      this.wake?.();
    };
    this.worker.on('error', fail);
    this.worker.on('exit', fail);
    this.rest();
  }

  order(order: UnpackOrder): void {
    const transferred = 'buffer' in order ? [order.buffer] : [];
    this.port.postMessage(order, transferred);
  }

  /** The next answer, if it is there already: looked for without a turn of the event loop. */
  poll(): UnpackAnswer | undefined {
    return this.answers.shift() ?? (receiveMessageOnPort(this.port)?.message as UnpackAnswer | undefined);
  }

  /** Waits until there is something to poll, or the thread has failed. */
  async wait(): Promise<void> {
    if (this.answers.length > 0 || this.failure !== undefined) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
  }

  /** While it works the process stays alive for it. */
  work(): void {
    this.worker.ref();
    this.port.ref();
  }

  rest(): void {
    this.worker.unref();
    this.port.unref();
  }
}

/** What a thread unpacks of one file. */
class ThreadSource implements ByteSource {
  private readonly thread: UnpackThread;
  private readonly closed: () => Promise<void>;
  private buffer: ArrayBuffer | undefined;
  private octets = new Uint8Array(0);
  private at = 0;
  private ended = false;
  private failure: string | undefined;

  constructor(thread: UnpackThread, job: UnpackJob, closed: () => Promise<void>) {
    this.thread = thread;
    this.closed = closed;
    thread.work();
    thread.order({ job });
  }

  read(into: Uint8Array, from: number, to: number): number | Promise<number> {
    if (this.at === this.octets.length && !this.ended) {
      const answer = this.thread.poll();
      if (!answer) return this.wait(into, from, to);
      this.take(answer);
    }
    return this.copy(into, from, to);
  }

  async close(): Promise<void> {
    const { thread } = this;
    if (!this.ended) {
      thread.order({ stop: true });
      // What it has on the way is of no interest, but the file is its own until it has stopped.
      while (!this.ended) await this.takeNext();
    }
    thread.rest();
    await this.closed();
  }

  private async wait(into: Uint8Array, from: number, to: number): Promise<number> {
    await this.takeNext();
    return this.copy(into, from, to);
  }

  private async takeNext(): Promise<void> {
    const { thread } = this;
    for (;;) {
      const answer = thread.poll();
      if (answer) return this.take(answer);
      if (thread.failure !== undefined) return this.take({ end: true, failure: thread.failure });
      await thread.wait();
    }
  }

  private take(answer: UnpackAnswer): void {
    if (this.buffer) this.thread.order({ buffer: this.buffer });
    this.buffer = undefined;
    this.at = 0;
    if ('end' in answer) {
      this.octets = new Uint8Array(0);
      this.ended = true;
      this.failure = answer.failure;
    } else {
      this.buffer = answer.buffer;
      this.octets = new Uint8Array(answer.buffer, 0, answer.length);
    }
  }

  private copy(into: Uint8Array, from: number, to: number): number {
    if (this.ended) {
      if (this.failure !== undefined) throw new Error(this.failure);
      return 0;
    }
    const length = Math.min(to - from, this.octets.length - this.at);
    into.set(this.octets.subarray(this.at, this.at + length), from);
    this.at += length;
    return length;
  }
}
