import { bgpNextHopUnreachable, unreachableNextHops } from './bgp-next-hop-unreachable.ts';
import { bgpRecursiveRoute, recursiveRoutes } from './bgp-recursive-route.ts';
import { bgpSessionNotEstablished, judgeNotEstablished } from './bgp-session-not-established.ts';
import { bgpSessionReset, isHoldCause, judgeReset } from './bgp-session-reset.ts';
import { partiesOf } from './bgp-sessions.ts';
import type { Findings } from './finding.ts';
import type { Knowledge } from './knowledge.ts';

/**
 * The questions about BGP: does the session come up, does it stay up, and can its routes be used? Gives the findings (handles) of sessions that were lost because packets
 * did not get through, by both addresses with a blank between, the lower one first.
 */
export function diagnoseBgp(knowledge: Knowledge, findings: Findings): ReadonlyMap<string, string> {
  const parties = partiesOf(knowledge.bgp.sessions);
  const resets = new Map<string, string>();
  const starved = new Map<string, string>();
  for (const session of knowledge.bgp.sessions) {
    const reset = judgeReset(session, knowledge);
    const lost = reset && findings.report(bgpSessionReset, reset);
    if (lost) resets.set(keyOf(session.a.ip, session.b.ip), lost);
    if (lost && isHoldCause(reset.details.cause)) starved.set(keyOf(session.a.ip, session.b.ip), lost);
    const draft = judgeNotEstablished(session, knowledge, parties);
    const failed = draft && findings.report(bgpSessionNotEstablished, draft);
    // It was lost, and does not come up again: one story.
    if (lost && failed) findings.relate(lost, failed);
  }
  for (const draft of unreachableNextHops(knowledge, parties)) findings.report(bgpNextHopUnreachable, draft);
  for (const draft of recursiveRoutes(knowledge)) {
    const handle = findings.report(bgpRecursiveRoute, draft);
    const { a, b } = draft.details.session;
    const lost = resets.get(keyOf(a, b));
    if (lost) findings.relate(lost, handle);
  }
  return starved;
}

const keyOf = (a: string, b: string): string => `${a} ${b}`;
