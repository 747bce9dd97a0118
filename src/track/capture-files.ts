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
  /** Inputs of which something was seen, and those of them that may go on, in the order of the inputs. */
  private readonly begun: number[] = [];
  private going: number[] = [];
  private readonly names: string[] = [];
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
    this.begun.push(input);
    this.going.push(input);
    this.going.sort((a, b) => a - b);
    return capture;
  }

  private continued(input: number): number | undefined {
    const { inputs, captures } = this;
    this.going = this.going.filter((other) => !inputs[other]?.done);
    const isGoing = new Set(this.going.map((other) => captures[other]));
    // Rings of two hosts may change files at the same time: names tell them apart, or the order in which they are given.
    const name = this.nameOf(input);
    let nearest: number | undefined;
    let isNamed = false;
    for (const other of this.begun) {
      if (isGoing.has(captures[other])) continue;
      const hasName = this.nameOf(other) === name;
      const isNearer = nearest === undefined || distance(other, input) < distance(nearest, input);
      if (hasName === isNamed ? isNearer : hasName) nearest = other;
      isNamed ||= hasName;
    }
    if (nearest === undefined) this.seams.push(...this.going.map((before) => ({ file: input, before })));
    return nearest === undefined ? undefined : captures[nearest];
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
  private nameOf(input: number): string {
    let name = this.names[input];
    if (name === undefined) {
      name = this.inputs[input]?.path.replace(/\d+/g, '') ?? '';
      this.names[input] = name;
    }
    return name;
  }
}

const secondsOf = (instant: Instant | null | undefined): number => (instant ? instant.sec + instant.nsec / 1e9 : 0);

/** Far more than there are files. */
const BEHIND = 1e9;

/** Those that were given before it come first. */
const distance = (other: number, input: number): number => (other < input ? input - other : BEHIND + other);
