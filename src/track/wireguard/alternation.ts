import { endpointText } from '../../net/ip.ts';
import { BoundedMap } from '../bounded-map.ts';
import { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';
import type { FullEndpoint } from './peers.ts';

const MOST_SUBJECTS = 4096;
const MOST_ENDPOINTS = 16;
/** Sessions are renewed after 120 s: a device that completes handshakes faster than this is losing them. */
const SOON_SEC = 60;

/** Switches further apart belong to different stories: a capture may go on for weeks. */
const TOGETHER_SEC = 3600;
/** So many have told their story. */
const SETTLED = 3;

const isSettled = ({ switches, returns }: Alternation): boolean => switches >= SETTLED && returns > 0;

/** Endpoints that complete handshakes with one observer in turns, each much sooner than its session would need new keys. */
export interface Alternation {
  observer: FullEndpoint;
  path: number;
  /** The initiators' name where mac1 showed that they have one key; null: they only share a port. */
  peer: string | null;
  /** When each completed its latest handshake. */
  endpoints: Map<string, { endpoint: FullEndpoint; latest: Stamp }>;
  /** How often a handshake followed one of another endpoint within SOON_SEC. */
  switches: number;
  /** Of these, how often it went back to an endpoint that had completed one before: without it, somebody moved on. */
  returns: number;
  /** Time of the latest switch. */
  switchedAt: number;
  lastEndpoint: string;
  evidence: Evidence;
}

/** Watches for two devices that were given one key: each handshake of one ends the session of the other. */
export class AlternationBook {
  private readonly subjects = new BoundedMap<string, Alternation>(MOST_SUBJECTS);

  get list(): Alternation[] {
    return [...this.subjects.values()];
  }

  /** A handshake was answered. */
  completed(initiator: FullEndpoint, observer: FullEndpoint, path: number, peer: string | null, stamp: Stamp): void {
    const identity = peer ?? `port ${initiator.port}`;
    const subject = this.subjects.take(`${endpointText(observer)}|${identity}|${path}`, () => ({
      observer,
      path,
      peer,
      endpoints: new Map(),
      switches: 0,
      returns: 0,
      switchedAt: stamp.at,
      lastEndpoint: '',
      evidence: new Evidence(),
    }));
    const text = endpointText(initiator);
    const before = subject.endpoints.get(text);
    const other = subject.endpoints.get(subject.lastEndpoint);
    if (other && subject.lastEndpoint !== text && stamp.at - other.latest.at < SOON_SEC) {
      // Of long ago: clients that moved on, not two that take turns.
      if (stamp.at - subject.switchedAt > TOGETHER_SEC && !isSettled(subject)) {
        subject.switches = 0;
        subject.returns = 0;
        subject.evidence = new Evidence();
      }
      subject.switchedAt = stamp.at;
      subject.switches++;
      if (before && stamp.at - before.latest.at < SOON_SEC) subject.returns++;
      subject.evidence.add('handshake', other.latest, `by ${subject.lastEndpoint}`);
      subject.evidence.add('handshake', stamp, `by ${text}`);
    }
    if (before || subject.endpoints.size < MOST_ENDPOINTS) subject.endpoints.set(text, { endpoint: initiator, latest: stamp });
    subject.lastEndpoint = text;
  }
}
