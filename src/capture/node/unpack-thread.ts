import { type MessagePort, workerData } from 'node:worker_threads';
import { BegunSource, type ByteSource } from '../source.ts';
import { portableUnpackers } from '../unpack.ts';
import { FileSource } from './file.ts';
import type { UnpackAnswer, UnpackJob, UnpackOrder } from './unpack-threads.ts';

/*
 * The program of a thread that unpacks files for the one that analyses (`UnpackThreads`). It runs ahead by as many buffers as there are. The octets and the
 * mistakes are those that the same unpackers give in the thread that asks.
 */

/** Large enough that the hand-over costs little. */
const BUFFER_OCTETS = 1 << 20;
const MOST_BUFFERS = 4;

const port = workerData as MessagePort;
const free: ArrayBuffer[] = Array.from({ length: MOST_BUFFERS }, () => new ArrayBuffer(BUFFER_OCTETS));
let isStopped = false;
let wake: (() => void) | undefined;

port.on('message', (order: UnpackOrder) => {
  if ('job' in order) {
    isStopped = false;
    void unpack(order.job);
  } else if ('buffer' in order) {
    free.push(order.buffer);
  } else {
    isStopped = true;
  }
  wake?.();
});

async function unpack({ compression, fd, begun }: UnpackJob): Promise<void> {
  const source = await portableUnpackers[compression](new BegunSource(begun, new BorrowedFile(fd)));
  let failure: string | undefined;
  try {
    while (!isStopped && (await unpackBuffer(source)));
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  await source.close?.();
  answer(failure === undefined ? { end: true } : { end: true, failure });
}

/** Fills a buffer and hands it on, also where it ends in the middle. False: there is no more. */
async function unpackBuffer(source: ByteSource): Promise<boolean> {
  const buffer = await nextFree();
  if (!buffer) return false;
  const octets = new Uint8Array(buffer);
  let length = 0;
  try {
    while (length < octets.length) {
      const more = await source.read(octets, length, octets.length);
      if (more === 0) return false;
      length += more;
    }
    return true;
  } finally {
    if (length > 0) answer({ buffer, length });
    else free.push(buffer);
  }
}

/** Undefined: the reader wants no more. */
async function nextFree(): Promise<ArrayBuffer | undefined> {
  while (!isStopped) {
    const buffer = free.pop();
    if (buffer) return buffer;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return undefined;
}

function answer(message: UnpackAnswer): void {
  port.postMessage(message, 'buffer' in message ? [message.buffer] : []);
}

/** A file that whoever opened it closes. */
class BorrowedFile extends FileSource {
  override close(): void {}
}
