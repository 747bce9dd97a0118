import type { Instant } from '../net/time.ts';

/** An input as far as it was read. */
export interface CaptureFile {
  readonly path: string;
  /** Times of its first frame and of the latest one that was read; null where there is none. */
  readonly first: Instant | null;
  readonly last: Instant | null;
  /** All its frames were given. */
  readonly done: boolean;
}

/** A file of a ring may begin by so much before the end of the one before it: a card has several queues, which are read by turns. */
const SEAM_SEC = 0.02;

/** A file that began shortly before another one ended, as far as is known. */
interface Seam {
  file: number;
  before: number;
}

/**
 * Which inputs are files of one capture. What is written to one file after the other goes on where the file before ended. So inputs that last at the same time are
 * different captures: as a rule of two hosts, whose interfaces have nothing in common but their numbers.
 */
export class CaptureFiles {
  private readonly inputs: readonly CaptureFile[];
  private readonly joined: (capture: number, absorbed: number) => void;
  /** By input: the first input of its capture. Undefined where nothing of it was seen. */
  private readonly captures: (number | undefined)[] = [];
  private seams: Seam[] = [];

  /**
   * @param inputs in the order in which the user gives them
   * @param joined a file turns out to continue a capture, though it had been taken for another one
   */
  constructor(inputs: readonly CaptureFile[], joined: (capture: number, absorbed: number) => void) {
    this.inputs = inputs;
    this.joined = joined;
  }

  /** The capture of an input, by the input that begins it. @param at time of the frame for which it is asked, in seconds since 1970 */
  of(input: number, at: number): number {
    if (this.inputs.length < 2) return 0;
    if (this.seams.length > 0) this.close(at);
    const known = this.captures[input];
    if (known !== undefined) return known;
    const capture = this.continued(input) ?? input;
    this.captures[input] = capture;
    return capture;
  }

  private continued(input: number): number | undefined {
    const begun = this.inputs.flatMap((_, other) => (this.captures[other] === undefined ? [] : [other]));
    const going = begun.filter((other) => !this.inputs[other]?.done);
    const isGoing = new Set(going.map((other) => this.captures[other]));
    const over = begun.filter((other) => !isGoing.has(this.captures[other]));
    if (over.length === 0) this.seams.push(...going.map((before) => ({ file: input, before })));
    // Rings of two hosts may change files at the same time: names tell them apart, or the order in which they are given.
    const name = this.nameOf(input);
    const named = over.filter((other) => this.nameOf(other) === name);
    const [nearest] = (named.length > 0 ? named : over).sort((a, b) => distance(a, input) - distance(b, input));
    return nearest === undefined ? undefined : this.captures[nearest];
  }

  private close(at: number): void {
    this.seams = this.seams.filter(({ file, before }) => {
      const begins = secondsOf(this.inputs[file]?.first);
      const other = this.inputs[before];
      if (!other?.done) return at <= begins + SEAM_SEC;
      if (secondsOf(other.last) <= begins + SEAM_SEC) this.join(this.captures[before] ?? before, file);
      return false;
    });
  }

  private join(capture: number, absorbed: number): void {
    if (this.captures[absorbed] !== absorbed) return;
    this.captures[absorbed] = capture;
    this.joined(capture, absorbed);
  }

  /** The file's name without its numbers and times. */
  private nameOf(input: number): string | undefined {
    return this.inputs[input]?.path.replace(/\d+/g, '');
  }
}

const secondsOf = (instant: Instant | null | undefined): number => (instant ? instant.sec + instant.nsec / 1e9 : 0);

/** Far more than there are files. */
const BEHIND = 1e9;

/** Those that were given before it come first. */
const distance = (other: number, input: number): number => (other < input ? input - other : BEHIND + other);
