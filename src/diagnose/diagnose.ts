import { type Endpoint, endpointText } from '../net/ip.ts';
import type { Address } from '../track/neighbourhood.ts';
import type { Move } from '../track/wireguard/peers.ts';
import { judgeDefence, judgeProbes } from './arp-address-conflict.ts';
import { arpAddressMoved, judgeMoved } from './arp-address-moved.ts';
import { isLateProxy, type MultiAnswer, multiAnswers } from './arp-answers.ts';
import { arpDuplicateAddress, judgeDuplicate, judgeForeignClaim } from './arp-duplicate-address.ts';
import { arpFlux, judgeFlux } from './arp-flux.ts';
import { arpForeignSource, judgeForeignSource } from './arp-foreign-source.ts';
import { judgeHalfSeen } from './arp-half-seen.ts';
import { arpMultiMacAnswer, judgeMultiMac } from './arp-multi-mac-answer.ts';
import { arpSenderMismatch, judgeMismatch, standIns } from './arp-sender-mismatch.ts';
import { arpSpoofSuspect, judgeSpoof } from './arp-spoof-suspect.ts';
import { answeredNetworks, arpUnanswered, judgeUnanswered } from './arp-unanswered.ts';
import { diagnoseBgp } from './bgp.ts';
import type { Findings } from './finding.ts';
import { diagnoseGateways } from './gateway-mismatch.ts';
import { icmpReplyWrongSource, judgeWrongEcho } from './icmp-reply-wrong-source.ts';
import { diagnoseIpsec } from './ipsec.ts';
import type { Knowledge } from './knowledge.ts';
import { judgeNdpDuplicate, judgeNdpMultiMac, ndpDuplicateAddress, ndpMultiMacAnswer } from './ndp-answers.ts';
import { diagnoseNextHops } from './next-hop-ignored.ts';
import { areOneBond } from './one-machine.ts';
import { diagnoseOpenVpn } from './openvpn.ts';
import type { WrongSourceTold } from './openvpn-course.ts';
import { type WrongSources, wrongSourceKey } from './openvpn-handshake-stalled.ts';
import { diagnoseFlaps } from './route-flap.ts';
import { diagnoseLoops } from './routing-loop.ts';
import { diagnoseSizes } from './sizes.ts';
import { udpReplyWrongSource, wrongReplies } from './udp-reply-wrong-source.ts';
import { judgeLoneRealserver, judgeRealserver, vipAnsweredByRealserver } from './vip-answered-by-realserver.ts';
import { judgeSplitBrain, vrrpSplitBrain } from './vrrp-split-brain.ts';
import { type Delivered, diagnoseWays } from './ways.ts';
import { judgeDrift, wireguardEndpointDrift } from './wireguard-endpoint-drift.ts';
import { judgeFlap, judgeSharedKey, wireguardEndpointFlap, wireguardSharedKey } from './wireguard-endpoint-flap.ts';
import { judgeUnansweredHandshake, wireguardHandshakeUnanswered } from './wireguard-handshake-unanswered.ts';
import { type MoveGroup, mostWithin, sortMoves } from './wireguard-moves.ts';
import { judgeWrongResponder, wireguardReplyWrongSource } from './wireguard-reply-wrong-source.ts';
import { judgeRebind, judgeRoaming, wireguardNatRebind, wireguardRoaming } from './wireguard-roaming.ts';

/** Looks at what the trackers know, after their `finish`, and reports what is wrong. */
export function diagnose(knowledge: Knowledge, findings: Findings): void {
  const deliveries = diagnoseWays(knowledge, findings);
  diagnoseNeighbours(knowledge, findings, deliveries);
  diagnoseGateways(knowledge, findings);
  diagnoseNextHops(knowledge, findings);
  diagnoseFlaps(knowledge, findings, diagnoseLoops(knowledge, findings));
  const wrongSources = diagnoseReplies(knowledge, findings);
  diagnoseWireguard(knowledge, findings);
  const starved = diagnoseBgp(knowledge, findings);
  diagnoseOpenVpn(knowledge, findings, wrongSources);
  diagnoseIpsec(knowledge, findings, wrongSources);
  diagnoseSizes(knowledge, findings, starved);
}

/** @param deliveries findings that frames for an address arrive wrongly: by whose answer they do is one story with them */
function diagnoseNeighbours(knowledge: Knowledge, findings: Findings, deliveries: ReadonlyMap<string, Delivered>): void {
  const explain = (ip: string, handle: string): void => {
    const delivery = deliveries.get(ip)?.handle;
    if (delivery) findings.relate(delivery, handle);
  };
  const split = new Set<string>();
  for (const router of knowledge.redundancy.routers.values()) {
    const draft = judgeSplitBrain(router);
    if (!draft) continue;
    split.add(`${router.protocol}/${router.id}`);
    findings.report(vrrpSplitBrain, draft);
  }
  const byMacs = new Map<string, string>();
  for (const multi of multiAnswers(knowledge, 'arp')) {
    // Two masters answer for their group's address: that is told above.
    if (multi.group && split.has(`${multi.group.protocol}/${multi.group.id}`)) continue;
    const handle = reportAnswers(multi, findings, deliveries.get(multi.address.ip)?.isProven === true);
    if (handle === undefined) continue;
    explain(multi.address.ip, handle);
    // The same MACs answer for other addresses too: one story.
    const key = `${multi.address.segment} ${multi.claims
      .map(({ mac }) => mac)
      .sort((a, b) => a - b)
      .join()}`;
    findings.relate(byMacs.get(key) ?? handle, handle);
    if (!byMacs.has(key)) byMacs.set(key, handle);
  }
  for (const multi of multiAnswers(knowledge, 'ndp')) {
    const draft = judgeNdpMultiMac(multi);
    if (draft) findings.report(ndpMultiMacAnswer, draft);
  }
  for (const conflict of knowledge.ndp.conflicts.values()) findings.report(ndpDuplicateAddress, judgeNdpDuplicate(conflict));
  const contested = new Set<Address>();
  const networks = answeredNetworks(knowledge.neighbourhood.list);
  for (const address of knowledge.neighbourhood.list) {
    const spoofs = [...judgeSpoof(address, knowledge)];
    const handles = spoofs.map((draft) => findings.report(arpSpoofSuspect, draft));
    for (const handle of handles.slice(1)) findings.relate(handles[0] ?? handle, handle);
    const foreign = judgeForeignClaim(address, knowledge);
    if (foreign) findings.report(arpDuplicateAddress, foreign);
    const defence = foreign ? undefined : judgeDefence(address, knowledge);
    if (defence) findings.report(arpDuplicateAddress, defence);
    // Who is pulled away, or shared, did not move.
    const moved = spoofs.length > 0 || foreign || defence ? undefined : judgeMoved(address, knowledge);
    if (foreign || defence) contested.add(address);
    if (moved) findings.report(arpAddressMoved, moved);
    for (const draft of judgeHalfSeen(address, knowledge, deliveries.get(address.ip)?.isProven === true))
      explain(address.ip, findings.report(arpFlux, draft));
    for (const draft of judgeLoneRealserver(address, knowledge)) findings.report(vipAnsweredByRealserver, draft);
    for (const draft of judgeForeignSource(address, knowledge)) explain(address.ip, findings.report(arpForeignSource, draft));
    const unanswered = judgeUnanswered(address, networks, knowledge);
    if (unanswered) findings.report(arpUnanswered, unanswered);
  }
  for (const probed of knowledge.arp.probes.list) {
    const address = knowledge.neighbourhood.addressOf(probed.segment, 'arp', probed.ip);
    const conflict = address && contested.has(address) ? undefined : judgeProbes(probed, knowledge);
    if (conflict) findings.report(arpDuplicateAddress, conflict);
  }
  const behind = standIns(knowledge.mismatches.found.values());
  for (const mismatch of knowledge.mismatches.found.values())
    findings.report(arpSenderMismatch, judgeMismatch(mismatch, behind, knowledge));
}

/** Exactly one kind says why several MACs answer. */
function reportAnswers(multi: MultiAnswer, findings: Findings, isDelivered: boolean): string | undefined {
  const isSeenAtHost = multi.doubles.atHost ?? multi.doubles.ownAndForeign;
  if (!isSeenAtHost && isLateProxy(multi)) return undefined;
  if (multi.relation?.isOne && areOneBond(multi.relation)) return undefined;
  const flux = judgeFlux(multi, isDelivered);
  if (flux) return findings.report(arpFlux, flux);
  const realserver = judgeRealserver(multi);
  if (realserver) return findings.report(vipAnsweredByRealserver, realserver);
  const duplicate = multi.proxy ? undefined : judgeDuplicate(multi);
  if (duplicate) return findings.report(arpDuplicateAddress, duplicate);
  return findings.report(arpMultiMacAnswer, judgeMultiMac(multi));
}

/** Gives the findings about wrong sources: what stands still because of them is one story with them. */
function diagnoseReplies(knowledge: Knowledge, findings: Findings): WrongSources {
  const wrongSources = new Map<string, WrongSourceTold>();
  for (const draft of wrongReplies(knowledge)) {
    const { subject, path, confidence, details, remedies = [] } = draft;
    const handle = findings.report(udpReplyWrongSource, draft);
    wrongSources.set(wrongSourceKey(subject.client as Endpoint, subject.asked as Endpoint, path), {
      handle,
      confidence,
      answeredFrom: details.answeredFrom,
      remedies,
    });
  }
  for (const wrong of knowledge.icmp.wrong.values()) findings.report(icmpReplyWrongSource, judgeWrongEcho(wrong, knowledge));
  return wrongSources;
}

function diagnoseWireguard(knowledge: Knowledge, findings: Findings): void {
  const { wireguard } = knowledge;
  const { drifts, roamings, rebinds, flaps } = sortMoves(knowledge);
  const drifted = new Map<string, string>();
  for (const group of drifts) {
    const handle = findings.report(wireguardEndpointDrift, judgeDrift(group, knowledge.context));
    drifted.set(endpointText(group.observer), handle);
    drifted.set(endpointText(group.from), handle);
    drifted.set(endpointText(group.to), handle);
  }
  for (const group of roamings) findings.report(wireguardRoaming, judgeRoaming(group));
  const ofPeer = new Map<string, Move[]>();
  const who = ({ peer, observer }: MoveGroup): string => `${peer}|${endpointText(observer)}`;
  for (const group of rebinds) ofPeer.set(who(group), [...(ofPeer.get(who(group)) ?? []), ...group.moves]);
  for (const moves of ofPeer.values()) moves.sort((a, b) => a.stamp.at - b.stamp.at);
  for (const group of rebinds) findings.report(wireguardNatRebind, judgeRebind(group, mostWithin(ofPeer.get(who(group)) ?? [])));
  for (const flap of flaps) findings.report(wireguardEndpointFlap, judgeFlap(flap, knowledge));
  for (const alternation of wireguard.alternations.list) {
    const draft = judgeSharedKey(alternation);
    if (draft) findings.report(wireguardSharedKey, draft);
  }
  for (const wrong of wireguard.wrongResponders.values()) {
    const draft = judgeWrongResponder(wrong, knowledge.context);
    if (!draft) continue;
    const handle = findings.report(wireguardReplyWrongSource, draft);
    // Where the sessions that began so go on from there, it has drifted.
    const drift = wrong.responses.some(({ move }) => move !== undefined) ? drifted.get(endpointText(wrong.initiator)) : undefined;
    if (drift) findings.relate(drift, handle);
  }
  for (const unanswered of wireguard.unanswered.list) {
    const handle = findings.report(wireguardHandshakeUnanswered, judgeUnansweredHandshake(unanswered, knowledge));
    // An outage and the drift that came of it are one story.
    const drift = drifted.get(endpointText(unanswered.initiator)) ?? drifted.get(endpointText(unanswered.responder));
    if (drift) findings.relate(drift, handle);
  }
}
