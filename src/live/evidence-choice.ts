import type { FlightRecorder, RecordedInput } from './recorder.ts';

/** The frames that go into a file, in the order of their times: the input of each and its position there. */
export interface ChosenFrames {
  inputs: Int32Array;
  positions: Float64Array;
  /** Frames of the same time that found no room. */
  leftOut: number;
}

export interface ChoiceLimits {
  /** Seconds before the first marked frame. */
  beforeSec: number;
  /** Octets for all. Marked frames are chosen also where they need more. */
  octets: number;
  /** Octets that a frame takes in the file. Asked once for each frame that is chosen, and for the first that finds no room. */
  costOf: (input: number, position: number) => number;
}

/** What may be chosen, in the order of time. */
interface Candidates {
  inputs: Int32Array;
  positions: Float64Array;
  /** Capture time, never less than that of an earlier frame of the input. */
  at: Float64Array;
  /** Indices of the marked ones. */
  marked: number[];
}

/**
 * Chooses from what a recorder still holds: the marked frames (positions for each input), and around them what happened from some seconds before the
 * first of them until now. Where that is more than there is room for, those are chosen that are nearest to a marked frame in time.
 */
export function chooseFrames(recorder: FlightRecorder, marks: readonly ReadonlySet<number>[], limits: ChoiceLimits): ChosenFrames {
  const candidates = candidatesOf(recorder, marks, limits.beforeSec);
  const isChosen = chooseNearest(candidates, limits);
  const count = isChosen.reduce((sum, each) => sum + each, 0);
  const chosen = { inputs: new Int32Array(count), positions: new Float64Array(count), leftOut: isChosen.length - count };
  let to = 0;
  for (let i = 0; i < isChosen.length; i++) {
    if (!isChosen[i]) continue;
    chosen.inputs[to] = candidates.inputs[i] ?? 0;
    chosen.positions[to++] = candidates.positions[i] ?? 0;
  }
  return chosen;
}

/** Where an input's frames of the time in question begin; walked while inputs are merged. */
interface Cursor {
  input: number;
  ring: RecordedInput;
  position: number;
  end: number;
  marks: ReadonlySet<number>;
  sec: number;
  nsec: number;
}

function candidatesOf(recorder: FlightRecorder, marks: readonly ReadonlySet<number>[], beforeSec: number): Candidates {
  const times = recorder.inputs.flatMap((ring, input) => [...(marks[input] ?? [])].map((position) => ring.atOf(position)));
  const start = Math.min(...times) - beforeSec;
  const cursors = recorder.inputs.map((ring, input) => cursorOf(ring, input, marks[input] ?? new Set(), start));
  const most = cursors.reduce((sum, { position, end }) => sum + end - position, 0);
  const all = { inputs: new Int32Array(most), positions: new Float64Array(most), at: new Float64Array(most), marked: [] as number[] };
  let count = 0;
  for (let next = earliest(cursors); next; next = earliest(cursors)) {
    const { input, position } = next;
    if (next.ring.has(position)) {
      if (next.marks.has(position)) all.marked.push(count);
      all.inputs[count] = input;
      all.positions[count] = position;
      all.at[count++] = next.sec + next.nsec / 1e9;
    }
    advance(next);
  }
  return {
    inputs: all.inputs.subarray(0, count),
    positions: all.positions.subarray(0, count),
    at: all.at.subarray(0, count),
    marked: all.marked,
  };
}

/** Goes back from the first marked frame, or from the latest of all, to the first one of the time from `start` on. */
function cursorOf(ring: RecordedInput, input: number, marks: ReadonlySet<number>, start: number): Cursor {
  const { oldest, end } = ring;
  let position = Math.min(end, ...marks);
  while (position > oldest && ring.atOf(position - 1) >= start) position--;
  const cursor = { input, ring, position, end, marks, sec: Number.NEGATIVE_INFINITY, nsec: 0 };
  place(cursor);
  return cursor;
}

function advance(cursor: Cursor): void {
  cursor.position++;
  place(cursor);
}

/** Within an input its own order stands: a frame that steps back counts as being as late as the latest one before it. */
function place(cursor: Cursor): void {
  if (cursor.position >= cursor.end) return;
  const sec = cursor.ring.secOf(cursor.position);
  const nsec = cursor.ring.nsecOf(cursor.position);
  if (sec < cursor.sec || (sec === cursor.sec && nsec < cursor.nsec)) return;
  cursor.sec = sec;
  cursor.nsec = nsec;
}

function earliest(cursors: readonly Cursor[]): Cursor | undefined {
  let best: Cursor | undefined;
  for (const cursor of cursors) {
    if (cursor.position >= cursor.end) continue;
    if (!best || cursor.sec < best.sec || (cursor.sec === best.sec && cursor.nsec < best.nsec)) best = cursor;
  }
  return best;
}

/** From a marked frame outwards, in one direction. */
interface Spread {
  from: number;
  index: number;
  step: number;
}

function chooseNearest({ inputs, positions, at, marked }: Candidates, { octets, costOf }: ChoiceLimits): Uint8Array {
  const isChosen = new Uint8Array(positions.length);
  const cost = (index: number): number => costOf(inputs[index] ?? 0, positions[index] ?? 0);
  let room = octets;
  for (const index of marked) {
    isChosen[index] = 1;
    room -= cost(index);
  }
  let spreads: Spread[] = marked.flatMap((from) => [
    { from, index: from - 1, step: -1 },
    { from, index: from + 1, step: 1 },
  ]);
  const distance = ({ from, index }: Spread): number => Math.abs((at[index] ?? 0) - (at[from] ?? 0));
  // A spread ends at the edge, or where it meets what another one has chosen.
  const goesOn = ({ index }: Spread): boolean => index >= 0 && index < isChosen.length && !isChosen[index];
  while (room > 0) {
    if (!spreads.every(goesOn)) spreads = spreads.filter(goesOn);
    let nearest: Spread | undefined;
    for (const spread of spreads) if (!nearest || distance(spread) < distance(nearest)) nearest = spread;
    if (!nearest) break;
    room -= cost(nearest.index);
    if (room < 0) break;
    isChosen[nearest.index] = 1;
    nearest.index += nearest.step;
  }
  return isChosen;
}
