import { compareStamps, isSameFrame, type Stamp } from './stamp.ts';

/** A frame that shows something, in the part it plays. */
export interface EvidenceFrame {
  stamp: Stamp;
  role: string;
  note?: string;
}

/** No finding shows more frames than this. */
export const MOST_EVIDENCE = 16;

interface Role {
  first: EvidenceFrame[];
  last: EvidenceFrame;
}

/**
 * The frames that prove a finding, in bounded memory: of each role the first ones and the last; all are counted. The roles are few and fixed by
 * whoever collects.
 */
export class Evidence {
  /** How many frames were added. */
  total = 0;
  private readonly roles = new Map<string, Role>();

  add(role: string, stamp: Stamp, note?: string): void {
    const frame: EvidenceFrame = note === undefined ? { stamp, role } : { stamp, role, note };
    const known = this.roles.get(role);
    if (known && (isSameFrame(known.last.stamp, stamp) || known.first.some((each) => isSameFrame(each.stamp, stamp)))) return;
    this.total++;
    if (!known) {
      this.roles.set(role, { first: [frame], last: frame });
      return;
    }
    if (known.first.length < MOST_EVIDENCE) known.first.push(frame);
    known.last = frame;
  }

  /** The frames of another collection too. */
  addAll(other: Evidence): void {
    const before = this.total;
    for (const { first, last } of other.roles.values()) {
      for (const { role, stamp, note } of [...first, last]) this.add(role, stamp, note);
    }
    this.total = before + other.total;
  }

  has(role: string): boolean {
    return this.roles.has(role);
  }

  firstOf(role: string): Stamp | undefined {
    return this.roles.get(role)?.first[0]?.stamp;
  }

  lastOf(role: string): Stamp | undefined {
    return this.roles.get(role)?.last.stamp;
  }

  /** At most MOST_EVIDENCE frames in the order of time: the first and the last of each role, then the earliest of the rest. */
  get frames(): EvidenceFrame[] {
    const kept = new Set<EvidenceFrame>();
    const roles = [...this.roles.values()];
    for (const { first } of roles) if (first[0]) kept.add(first[0]);
    for (const { last } of roles) kept.add(last);
    const rest = roles.flatMap(({ first }) => first.slice(1)).sort((a, b) => compareStamps(a.stamp, b.stamp));
    for (const frame of rest) if (kept.size < MOST_EVIDENCE) kept.add(frame);
    return [...kept].sort((a, b) => compareStamps(a.stamp, b.stamp)).slice(0, MOST_EVIDENCE);
  }

  get first(): Stamp | undefined {
    return this.extreme((a, b) => compareStamps(a, b) < 0);
  }

  get last(): Stamp | undefined {
    return this.extreme((a, b) => compareStamps(a, b) > 0);
  }

  private extreme(isBetter: (a: Stamp, b: Stamp) => boolean): Stamp | undefined {
    let best: Stamp | undefined;
    for (const { first, last } of this.roles.values()) {
      for (const { stamp } of [...first, last]) if (!best || isBetter(stamp, best)) best = stamp;
    }
    return best;
  }
}
