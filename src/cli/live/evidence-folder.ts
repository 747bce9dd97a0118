import { type FileHandle, link, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../diagnose/finding.ts';
import { DEFAULT_EVIDENCE_OCTETS, type EvidenceCapture, type EvidenceOptions, evidenceCapture, evidenceLeft } from '../../live/evidence.ts';
import type { News } from '../../live/news.ts';
import type { FlightRecorder } from '../../live/recorder.ts';
import { type Instant, timeText } from '../../net/time.ts';
import { UsageError } from '../io.ts';

/** A file that was written. */
export interface WrittenEvidence extends Omit<EvidenceCapture, 'bytes'> {
  path: string;
  finding: Finding;
  octets: number;
}

export interface EvidenceFolderOptions extends Omit<EvidenceOptions, 'mostOctets'> {
  directory: string;
  recorder: FlightRecorder;
  /** Limits on what lies in the folder: the oldest files make room. 100 files and 256 MiB unless said. */
  mostFiles?: number;
  mostOctets?: number;
  /** Octets of one file; 4 MiB unless said. */
  mostFileOctets?: number;
  /** Seconds of capture time that are waited for what comes after a finding; 5 unless said. */
  waitSec?: number;
  wrote: (file: WrittenEvidence) => void;
  /** A sentence for people why a finding got no file; once for each reason, and again only where a file was written in between. */
  failed: (message: string) => void;
}

export const DEFAULT_MOST_FILES = 100;
export const DEFAULT_MOST_OCTETS = 256 << 20;
const WAIT_SEC = 5;
/** Evidence that would be overwritten sooner than this is written at once. It is looked at about once a second. */
const LEAST_LEFT_SEC = 3;
/** Ended findings whose return is noticed. */
const MOST_ENDED = 10_000;

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

/** What `nameOf` makes: only such files are counted and removed. */
const OURS = /^\d{8}T\d{6}\.\d{6,9}Z-[a-z][a-z0-9-]*(-[A-Za-z0-9][A-Za-z0-9.-]*)?\.pcapng$/;
const UNFINISHED = /^\.fluxcap-evidence-\d+-\d+\.tmp$/;
/** Left by a process that was killed. */
const ABANDONED_MS = 600_000;
/** The file system allows 255 octets for a name. */
const MOST_SUBJECT = 120;
const MOST_SAME_NAMES = 1000;

interface Waiting {
  finding: Finding;
  /** Capture time from which it is written. */
  due: number;
}

interface KnownFile {
  name: string;
  octets: number;
}

/**
 * Writes a capture for each new finding into a folder: some seconds of capture time after it was found, so that the file shows how it went on, or
 * sooner where its packets would be overwritten. A finding that had ended and comes back is written again. Files are complete when they appear under
 * their names, and the oldest make room for new ones; files that others put there are left alone.
 */
export class EvidenceFolder {
  private readonly options: EvidenceFolderOptions;
  private readonly mostFiles: number;
  private readonly mostOctets: number;
  private readonly mostFileOctets: number;
  private readonly waiting = new Map<string, Waiting>();
  private readonly ended = new Set<string>();
  /** In the order of their names, which is that of time. */
  private files: KnownFile[] = [];
  /** Reasons that were told since the last file. */
  private readonly failing = new Set<string>();
  private temporary = 0;
  /** The writing that goes on; one file at a time. */
  private writing: Promise<void> = Promise.resolve();
  private isWriting = false;

  private constructor(options: EvidenceFolderOptions) {
    this.options = options;
    this.mostFiles = options.mostFiles ?? DEFAULT_MOST_FILES;
    this.mostOctets = options.mostOctets ?? DEFAULT_MOST_OCTETS;
    this.mostFileOctets = Math.min(options.mostFileOctets ?? DEFAULT_EVIDENCE_OCTETS, this.mostOctets);
  }

  /** Makes the folder where it is not there and counts what is in it. Rejects with a `UsageError` where it cannot be used. */
  static async open(options: EvidenceFolderOptions): Promise<EvidenceFolder> {
    const folder = new EvidenceFolder(options);
    try {
      await folder.prepare();
    } catch (error) {
      throw new UsageError(`--evidence-dir: "${options.directory}" cannot be used: ${reason(error)}`);
    }
    return folder;
  }

  /** Takes news in. Nothing is written before `tick` or `end`. */
  told({ kind, finding, at }: News): void {
    const { id } = finding;
    const waiting = this.waiting.get(id);
    if (kind === 'ended') this.noteEnded(id);
    if (kind === 'withdrawn') this.waiting.delete(id);
    else if (waiting) waiting.finding = finding;
    else if (kind === 'new' || (kind === 'update' && this.ended.has(id))) this.wait(finding, at);
    if (kind !== 'ended') this.ended.delete(id);
  }

  /** @param at capture time, in seconds since 1970: what is due is written, while the caller goes on */
  tick(at: number): void {
    const { recorder } = this.options;
    if (this.isWriting) return;
    const due = [...this.waiting.values()].filter((each) => at >= each.due || evidenceLeft(recorder, each.finding) < LEAST_LEFT_SEC);
    if (due.length > 0) void this.write(due);
  }

  /** Writes what still waits. Afterwards nothing is open. */
  async end(): Promise<void> {
    await this.writing;
    await this.write([...this.waiting.values()]);
  }

  private noteEnded(id: string): void {
    if (this.ended.size >= MOST_ENDED) for (const oldest of this.ended) if (this.ended.delete(oldest)) break;
    this.ended.add(id);
  }

  private wait(finding: Finding, at: number): void {
    // More would only push one another out of the folder.
    if (this.waiting.size >= this.mostFiles)
      this.fail('crowd', `more than ${this.mostFiles} findings at once: ${finding.id} gets no evidence file`);
    else this.waiting.set(finding.id, { finding, due: at + (this.options.waitSec ?? WAIT_SEC) });
  }

  private write(due: readonly Waiting[]): Promise<void> {
    this.isWriting = true;
    this.writing = this.writeAll(due).finally(() => {
      this.isWriting = false;
    });
    return this.writing;
  }

  private async writeAll(due: readonly Waiting[]): Promise<void> {
    for (const { finding } of due) {
      // It may have been withdrawn, or told anew, while another one was written.
      const current = this.waiting.get(finding.id);
      if (!current) continue;
      this.waiting.delete(finding.id);
      await this.writeOne(current.finding);
    }
  }

  private async writeOne(finding: Finding): Promise<void> {
    const { recorder, directory, wrote } = this.options;
    try {
      const capture = evidenceCapture(recorder, finding, { ...this.options, mostOctets: this.mostFileOctets });
      if (!capture) {
        this.fail('memory', `no packet of ${finding.id} is in memory any more, so it gets no evidence file: a larger --ring keeps more`);
        return;
      }
      const { bytes, ...about } = capture;
      await this.makeRoom(bytes.length);
      const name = await this.save(bytes, finding, capture.first);
      this.files.push({ name, octets: bytes.length });
      this.files.sort(byName);
      this.failing.clear();
      wrote({ ...about, path: join(directory, name), finding, octets: bytes.length });
    } catch (error) {
      const why = reason(error);
      this.fail(why, `evidence of ${finding.id} could not be written to "${directory}": ${why}`);
    }
  }

  private fail(why: string, message: string): void {
    if (this.failing.has(why)) return;
    this.failing.add(why);
    this.options.failed(message);
  }

  private async prepare(): Promise<void> {
    const { directory } = this.options;
    await mkdir(directory, { recursive: true, mode: FOLDER_MODE });
    await this.tryWriting();
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      if (OURS.test(entry.name)) this.files.push({ name: entry.name, octets: (await lstat(join(directory, entry.name))).size });
      else if (UNFINISHED.test(entry.name)) await this.removeAbandoned(join(directory, entry.name));
    }
    this.files.sort(byName);
  }

  private async tryWriting(): Promise<void> {
    const path = this.temporaryPath();
    await (await open(path, 'wx', FILE_MODE)).close();
    await unlink(path);
  }

  private async removeAbandoned(path: string): Promise<void> {
    const { mtimeMs } = await lstat(path);
    if (Date.now() - mtimeMs > ABANDONED_MS) await unlink(path);
  }

  /** Removes the oldest files until one more fits. */
  private async makeRoom(octets: number): Promise<void> {
    if (octets > this.mostOctets) throw new Error(`its frames need ${octets} octets, ${this.mostOctets} are allowed for the folder`);
    let total = this.files.reduce((sum, file) => sum + file.octets, octets);
    while (this.files.length > 0 && (this.files.length >= this.mostFiles || total > this.mostOctets)) {
      const [oldest] = this.files;
      if (!oldest) return;
      await removed(join(this.options.directory, oldest.name));
      this.files.shift();
      total -= oldest.octets;
    }
  }

  /** Writes a file beside its place and moves it there when it is whole and on the disk. Gives its name. */
  private async save(bytes: Uint8Array, finding: Finding, first: Instant): Promise<string> {
    const path = this.temporaryPath();
    try {
      const file = await open(path, 'wx', FILE_MODE);
      await filled(file, bytes);
      return await this.settle(path, nameOf(finding, first));
    } catch (error) {
      // What removing it would say is no news.
      await removed(path).catch(() => {});
      throw error;
    }
  }

  /** Gives a file its name, or that with a number where another has it. */
  private async settle(path: string, name: string): Promise<string> {
    for (let number = 1; number <= MOST_SAME_NAMES; number++) {
      const numbered = `${name}${number === 1 ? '' : `-${number}`}.pcapng`;
      if (await moved(path, join(this.options.directory, numbered))) return numbered;
    }
    throw new Error(`${MOST_SAME_NAMES} files are called ${name}`);
  }

  private temporaryPath(): string {
    return join(this.options.directory, `.fluxcap-evidence-${process.pid}-${this.temporary++}.tmp`);
  }
}

const byName = (a: KnownFile, b: KnownFile): number => (a.name < b.name ? -1 : 1);

/** Time of the first evidence, kind, subject: `20260309T032046.175642Z-arp-flux-192.0.2.1`. Only letters, digits, dots and dashes. */
function nameOf({ id, kind }: Finding, first: Instant): string {
  const time = (timeText(first) ?? UNKNOWN_TIME).replace(/[-:]/g, '');
  const subject = id
    .slice(kind.length)
    .replace(/[^A-Za-z0-9.]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, MOST_SUBJECT)
    .replace(/[-.]+$/, '');
  return [time, kind, ...(subject === '' ? [] : [subject])].join('-');
}

/** For times that have no text. */
const UNKNOWN_TIME = '0000-01-01T00:00:00.000000Z';

async function filled(file: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Moves a file to a name that is free. False: it is taken. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
    return movedWithoutLink(from, to);
  }
  await unlink(from);
  return true;
}

/** What file systems without hard links answer. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function movedWithoutLink(from: string, to: string): Promise<boolean> {
  const isFree = await lstat(to).then(
    () => false,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
  if (isFree) await rename(from, to);
  return isFree;
}

/** Removes a file, or finds it gone. */
async function removed(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  ENOENT: 'the folder is gone',
  ENOTDIR: 'it is no folder',
  EEXIST: 'it is no folder',
};

const reason = (error: unknown): string => REASONS[codeOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
