import { type Endpoint, endpointText } from '../net/ip.ts';
import type { OpenVpnSession } from '../track/openvpn/session.ts';
import type { Stamp } from '../track/stamp.ts';
import { isFatal } from './openvpn-course.ts';

/*
 * Which attempts of a client belong together, and whether they are enough to say that it does not get in.
 */

/** Attempts of one client address at one server that came to nothing, one after the other. */
export interface StalledRun {
  /** Of the first attempt. */
  client: Required<Endpoint>;
  server: Required<Endpoint>;
  transport: 'udp' | 'tcp';
  path: number;
  /** In the order of time; at least one. */
  attempts: OpenVpnSession[];
  /** The same attempts as they are seen on the other side of a NAT. */
  translated: OpenVpnSession[];
  /** From the first packet of the first attempt to the last one of the last. */
  spanSeconds: number;
  /** The first packet of the server's, or of the session, when one of the same client came to life after them. */
  recovered: Stamp | undefined;
  /** Where, if not at the same server by the same transport: `tcp 192.0.2.1:443`. */
  recoveredAt: string | undefined;
  /** A session of another attempt from the same address that works meanwhile: behind a NAT there are several clients. */
  others: Stamp | undefined;
}

/** A first packet and three repeats, or less in so many seconds, come to nothing for a reason. */
const ENOUGH_RESETS = 4;
const ENOUGH_SEC = 10;
/** A packet of the handshake that is sent again so often, over so long, while nothing new is said, is not heard: 2, 4 and 8 s apart. */
const ENOUGH_REPEATS = 3;
const ENOUGH_STUCK_SEC = 8;
/** A handshake that began so shortly before the end may still succeed. */
const YOUNG_SEC = 15;
/** OpenVPN's longest pause between attempts (`--connect-retry 1 300`); a client that comes after more has been told to. */
const MOST_PAUSE_SEC = 330;
/** Attempts that are given up at once are a habit from the third on. */
const ENOUGH_GIVEN_UP = 3;

/**
 * The runs of attempts that came to nothing.
 * @param end capture time of the last packet, in seconds
 */
export function* stalledRuns(sessions: readonly OpenVpnSession[], end: number): Generator<StalledRun> {
  if (sessions.length === 0) return;
  const groups = new Map<string, OpenVpnSession[]>();
  const successes = new Map<string, OpenVpnSession[]>();
  const translated: OpenVpnSession[] = [];
  for (const session of sessions) {
    if (hasSucceeded(session)) add(successes, session.client.ip, session);
    if (session.sameAs !== null) translated.push(session);
    // Seen a second time on the other side of a NAT: told by its first sighting.
    if (session.sameAs !== null || session.resetCount === 0) continue;
    add(groups, `${session.client.ip}|${endpointText(session.server)}|${session.path}|${session.transport}`, session);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => a.first.at - b.first.at);
    const [first] = group;
    if (!first) continue;
    const run = worstRun(group, successes.get(first.client.ip) ?? [], end);
    if (!run) continue;
    run.translated = translated.filter(({ sameAs }) => sameAs !== null && run.attempts.includes(sameAs));
    yield run;
  }
}

function add(map: Map<string, OpenVpnSession[]>, key: string, session: OpenVpnSession): void {
  const known = map.get(key);
  if (known) known.push(session);
  else map.set(key, [session]);
}

/** Data goes, or has gone on the other side of a NAT. Where data is not seen, TLS that is done is not enough: who is not let in begins anew. */
const hasSucceeded = ({ dataFromClient, dataFromServer, furthest, mode }: OpenVpnSession): boolean =>
  mode !== 'static-key' && (dataFromClient > 0 || dataFromServer > 0 || furthest === 'S5');

/** The worst run of a group that is enough: one after which nothing came to life, else the longest. */
function worstRun(group: readonly OpenVpnSession[], successes: readonly OpenVpnSession[], end: number): StalledRun | undefined {
  const runs: OpenVpnSession[][] = [];
  let open: OpenVpnSession[] = [];
  let last: OpenVpnSession | undefined;
  for (const session of group) {
    const isFailed = !hasSucceeded(session) && !isOneWay(session);
    const gap = last ? beganAt(session) - last.last.at : 0;
    if (open.length > 0 && (gap > MOST_PAUSE_SEC || wentElsewhere(open, session, successes))) {
      runs.push(open);
      open = [];
    }
    if (isFailed) open.push(session);
    else if (isSlow(session)) runs.push([session]);
    last = session;
  }
  if (open.length > 0) runs.push(open);
  let worst: StalledRun | undefined;
  for (const attempts of runs) {
    const run = isEnough(attempts, end) ? madeOf(attempts, successes) : undefined;
    if (run && (worst === undefined || weight(run) >= weight(worst))) worst = run;
  }
  return worst;
}

const weight = ({ attempts, recovered }: StalledRun): number => attempts.length + (recovered ? 0 : 1e6);

const beganAt = ({ resets, first }: OpenVpnSession): number => (resets[0] ?? first).at;

/** The client goes on although no answer is seen: the capture shows one direction. */
const isOneWay = ({ state, serverResetCount, serverSession, answeredFrom }: OpenVpnSession): boolean =>
  state >= 'S2' && serverResetCount === 0 && serverSession === null && answeredFrom.length === 0;

/** It was answered late, but then it came in. */
const isSlow = ({ resets, resetCount }: OpenVpnSession): boolean => resetCount >= ENOUGH_RESETS && spanOf(resets) >= ENOUGH_SEC;

const spanOf = (stamps: readonly Stamp[]): number => (stamps.at(-1)?.at ?? 0) - (stamps[0]?.at ?? 0);

/** Before this attempt a session of the client came to life, here or at another server: what was before is another story. */
function wentElsewhere(open: readonly OpenVpnSession[], next: OpenVpnSession, successes: readonly OpenVpnSession[]): boolean {
  const since = open.at(-1)?.last.at ?? 0;
  return successes.some(
    (session) => session !== next && session.hasBeginning && beganAt(session) > since && beganAt(session) < beganAt(next),
  );
}

function isEnough(attempts: readonly OpenVpnSession[], end: number): boolean {
  const [first] = attempts;
  if (!first || end - beganAt(first) < YOUNG_SEC) return false;
  // It came in at last.
  if (hasSucceeded(first)) return isSlow(first);
  if (attempts.some(({ alert }) => alert !== null && isFatal(alert))) return true;
  if (isUnheard(attempts.filter(({ furthest }) => furthest < 'S2'))) return true;
  if (attempts.some(({ stuck }) => stuck.stamps.length >= ENOUGH_REPEATS && spanOf(stuck.stamps) >= ENOUGH_STUCK_SEC)) return true;
  return attempts.filter(({ state }) => state >= 'S2').length >= ENOUGH_GIVEN_UP;
}

/** Attempts that did not get beyond the first packets. */
function isUnheard(attempts: readonly OpenVpnSession[]): boolean {
  const [first] = attempts;
  const last = attempts.at(-1);
  if (!first || !last) return false;
  const resets = attempts.reduce((sum, { resetCount }) => sum + resetCount, 0);
  // By TCP nothing is repeated but the attempts.
  const isRepeated = attempts.some(({ resetCount }) => resetCount > 1) || (first.transport === 'tcp' && attempts.length >= ENOUGH_RESETS);
  return isRepeated && (resets >= ENOUGH_RESETS || (last.resets.at(-1)?.at ?? 0) - beganAt(first) >= ENOUGH_SEC);
}

const placeOf = ({ transport, server }: OpenVpnSession): string => `${transport} ${endpointText(server)}`;

function madeOf(attempts: OpenVpnSession[], successes: readonly OpenVpnSession[]): StalledRun | undefined {
  const [first] = attempts;
  const last = attempts.at(-1);
  if (!first || !last) return undefined;
  const latest = last.resets.at(-1)?.at ?? last.first.at;
  const after = successes.find((session) => session === last || (session.hasBeginning && beganAt(session) > latest));
  const meanwhile = successes.find(
    (session) =>
      endpointText(session.server) === endpointText(first.server) && session.first.at <= latest && session.last.at >= beganAt(first),
  );
  return {
    client: first.client,
    server: first.server,
    transport: first.transport,
    path: first.path,
    attempts,
    translated: [],
    spanSeconds: Math.max(0, last.last.at - beganAt(first)),
    recovered: after && (after.serverResets[0] ?? after.first),
    recoveredAt: after && placeOf(after) !== placeOf(first) ? placeOf(after) : undefined,
    others: meanwhile && meanwhile !== last ? meanwhile.first : undefined,
  };
}
