import { isSameFrame, type Stamp } from '../stamp.ts';

const MOST_EVENTS = 48;

export type TimelineKind = 'silence' | 'initiation' | 'response' | 'cookie' | 'move' | 'followed';

/** What happened, once or several times in a row. */
export interface TimelineEvent {
  stamp: Stamp;
  kind: TimelineKind;
  event: string;
  times: number;
  /** Of the latest time. */
  last: Stamp;
}

/** What happened in the order of time: repetitions make one event; of very many, the first ones and the latest are kept. */
export class Timeline {
  readonly events: TimelineEvent[] = [];

  add(stamp: Stamp, kind: TimelineKind, event: string): void {
    const { events } = this;
    const latest = events.at(-1);
    if (latest && isSameFrame(latest.last, stamp)) return;
    const known = latest?.event === event ? latest : this.earlierTry(event);
    if (known) {
      known.times++;
      known.last = stamp;
      return;
    }
    this.push({ stamp, kind, event, times: 1, last: stamp });
  }

  /** The events of another timeline that go on after a time, in seconds. */
  addSince(other: Timeline, at: number): void {
    for (const event of other.events) if (event.last.at > at) this.push({ ...event });
  }

  /** Two sides that try at the same time take turns. */
  private earlierTry(event: string): TimelineEvent | undefined {
    const [earlier, latest] = this.events.slice(-2);
    return latest?.kind === 'initiation' && earlier?.kind === 'initiation' && earlier.event === event ? earlier : undefined;
  }

  private push(event: TimelineEvent): void {
    if (this.events.length >= MOST_EVENTS) this.events.splice(MOST_EVENTS / 2, 1);
    this.events.push(event);
  }
}
