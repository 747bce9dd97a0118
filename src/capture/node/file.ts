import { closeSync, createReadStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { ByteSource } from '../source.ts';
import { StreamSource } from './stream.ts';

const STDIN = 0;
/** Pipes give what they have; a large buffer costs nothing and saves calls. */
const STREAM_CHUNK = 1 << 20;

/** Opens a file, a named pipe, or, as `-`, standard input. Throws with a sentence that a person understands, also where it is a directory (`findCaptures`). */
export function openPath(path: string): ByteSource {
  const fd = path === '-' ? STDIN : openFile(path);
  const stat = fstatSync(fd);
  if (stat.isDirectory()) {
    closeSync(fd);
    throw new Error('it is a directory, and no captures are in it');
  }
  if (stat.isFile()) return new FileSource(fd, path === '-' ? undefined : path);
  if (path === '-') return new StreamSource(process.stdin);
  return new StreamSource(createReadStream(path, { fd, highWaterMark: STREAM_CHUNK }));
}

const REASONS = new Map([
  ['ENOENT', 'no such file'],
  ['EACCES', 'permission denied'],
  ['ENOTDIR', 'a part of the path is no directory'],
  ['EMFILE', 'too many open files'],
]);

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new Error(REASONS.get(code) ?? message);
  }
}

/** A regular file: read without a round trip through the event loop, which is the fastest way there is (docs/performance.md). */
export class FileSource implements ByteSource {
  readonly fd: number;
  /** Undefined where it is not known under which name, or not at its beginning, the file was opened. */
  readonly path: string | undefined;

  constructor(fd: number, path?: string) {
    this.fd = fd;
    this.path = path;
  }

  read(into: Uint8Array, from: number, to: number): number {
    return readSync(this.fd, into, from, to - from, null);
  }

  close(): void {
    if (this.fd !== STDIN) closeSync(this.fd);
  }
}

/** The size of a regular file in octets, or null: for progress. */
export function sizeOf(path: string): number | null {
  try {
    // Not opened: a pipe's writer would see it closed again.
    const stat = path === '-' ? fstatSync(STDIN) : statSync(path);
    return stat.isFile() ? stat.size : null;
  } catch {
    return null;
  }
}
