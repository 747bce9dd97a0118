import type { BlackHole } from './black-holes.ts';
import type { Findings } from './finding.ts';
import type { Knowledge } from './knowledge.ts';
import { mssNotClamped, unclamped } from './mss-not-clamped.ts';
import type { Paths } from './narrow-tunnel.ts';
import { blackHoles, isSamePackets, pmtuBlackhole } from './pmtu-blackhole.ts';
import { fragmentedTunnels, tunnelFragmentation } from './tunnel-fragmentation.ts';

/**
 * What is too large for the way: black holes, an MSS that does not fit, tunnels in fragments.
 * @param starved findings that BGP sessions were lost because packets did not get through, by both addresses with a blank between, the lower one first
 */
export function diagnoseSizes(knowledge: Knowledge, findings: Findings, starved: ReadonlyMap<string, string>): void {
  const paths: Paths = { knowledge, connections: knowledge.tcp.list, tunnels: knowledge.tunnels.list, known: new Map() };
  diagnoseSegments(paths, findings, starved);
  for (const draft of fragmentedTunnels(knowledge)) findings.report(tunnelFragmentation, draft);
}

function diagnoseSegments(paths: Paths, findings: Findings, starved: ReadonlyMap<string, string>): void {
  const holes = new Map<string, string>();
  const told: { hole: BlackHole; handle: string }[] = [];
  for (const { keys, isBgp, hole: found, draft } of blackHoles(paths)) {
    const hole = findings.report(pmtuBlackhole, draft);
    for (const key of keys) holes.set(key, hole);
    for (const other of told) if (isSamePackets(other.hole, found)) findings.relate(other.handle, hole);
    told.push({ hole: found, handle: hole });
    const { sender, receiver } = draft.details;
    const lost = starved.get(`${sender} ${receiver}`) ?? starved.get(`${receiver} ${sender}`);
    // The session was lost because its large packets do not get through.
    if (lost && isBgp) findings.relate(lost, hole);
  }
  for (const { key, draft } of unclamped(paths, holes)) {
    const handle = findings.report(mssNotClamped, draft);
    const hole = holes.get(key);
    if (hole) findings.relate(hole, handle);
  }
}
