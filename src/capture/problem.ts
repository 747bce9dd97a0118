/** What can be wrong with an input. The kinds of `LOST` mean that something could not be read: the exit status is 3. */
const LOST = [
  'unreadable',
  'not-a-capture',
  'truncated',
  'bad-record',
  'unsupported-linktype',
  'unsupported-version',
  'unsupported-compression',
  'bad-compression',
  'interrupted',
] as const;
const KEPT = ['time-went-back', 'bad-time', 'bad-option', 'backend-limit'] as const;

export type ProblemKind = (typeof LOST)[number] | (typeof KEPT)[number];
export const problemKinds: readonly ProblemKind[] = [...LOST, ...KEPT];

/** One place where an input could not be read as it should. */
export interface Problem {
  kind: ProblemKind;
  /** Whether packets were lost to the analysis. */
  lost: boolean;
  /** Octets from the start of the unpacked input; null where no place can be named. */
  offset: number | null;
  /** The number of the frame that is there or would have been next; null where none can be named. */
  frame: number | null;
  message: string;
}

/** More places than this are counted, not listed: a file of garbage must not fill the report. */
const MOST_PLACES = 100;

const NONE = -1;

/** The problems of one input, in the order they were met. */
export class Problems {
  private readonly listed: Problem[] = [];
  private unlisted = 0;
  private unlistedLost = false;

  add(kind: ProblemKind, offset: number | null, frame: number | null, message: string): void {
    const lost = (LOST as readonly string[]).includes(kind);
    const isFull = this.listed.length >= MOST_PLACES;
    // What was lost is not hidden by what was not.
    const harmless = isFull && lost ? this.listed.findLastIndex((each) => !each.lost) : NONE;
    if (harmless !== NONE) this.listed.splice(harmless, 1);
    if (isFull) this.unlisted++;
    if (!isFull || harmless !== NONE) this.listed.push({ kind, lost, offset, frame, message });
    else this.unlistedLost ||= lost;
  }

  /** Those that are listed, each the same object every time. */
  get places(): readonly Problem[] {
    return this.listed;
  }

  get list(): Problem[] {
    if (this.unlisted === 0) return [...this.listed];
    const kind = this.unlistedLost ? 'bad-record' : 'bad-option';
    const message = `${this.unlisted} more problems of this input are not listed`;
    return [...this.listed, { kind, lost: this.unlistedLost, offset: null, frame: null, message }];
  }

  get anyLost(): boolean {
    return this.unlistedLost || this.listed.some(({ lost }) => lost);
  }
}
