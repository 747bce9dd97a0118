import { arpAddressMoved } from './arp-address-moved.ts';
import { arpDuplicateAddress } from './arp-duplicate-address.ts';
import { arpFlux } from './arp-flux.ts';
import { arpForeignSource } from './arp-foreign-source.ts';
import { arpMultiMacAnswer } from './arp-multi-mac-answer.ts';
import { arpSenderMismatch } from './arp-sender-mismatch.ts';
import { arpSpoofSuspect } from './arp-spoof-suspect.ts';
import { arpUnanswered } from './arp-unanswered.ts';
import { bgpNextHopUnreachable } from './bgp-next-hop-unreachable.ts';
import { bgpRecursiveRoute } from './bgp-recursive-route.ts';
import { bgpSessionNotEstablished } from './bgp-session-not-established.ts';
import { bgpSessionReset } from './bgp-session-reset.ts';
import { gatewayMismatch } from './gateway-mismatch.ts';
import { icmpReplyWrongSource } from './icmp-reply-wrong-source.ts';
import { ikeNegotiationFailed } from './ike-negotiation-failed.ts';
import { interfaceAsymmetry } from './interface-asymmetry.ts';
import { ipsecOneWay } from './ipsec-one-way.ts';
import type { FindingKind } from './kind.ts';
import { mssNotClamped } from './mss-not-clamped.ts';
import { ndpDuplicateAddress, ndpMultiMacAnswer } from './ndp-answers.ts';
import { nextHopIgnored } from './next-hop-ignored.ts';
import { openvpnHandshakeStalled } from './openvpn-handshake-stalled.ts';
import { pmtuBlackhole } from './pmtu-blackhole.ts';
import { routeFlap } from './route-flap.ts';
import { routingLoop } from './routing-loop.ts';
import { tunnelFragmentation } from './tunnel-fragmentation.ts';
import { udpReplyWrongSource } from './udp-reply-wrong-source.ts';
import { vipAnsweredByRealserver } from './vip-answered-by-realserver.ts';
import { vrrpSplitBrain } from './vrrp-split-brain.ts';
import { wireguardEndpointDrift } from './wireguard-endpoint-drift.ts';
import { wireguardEndpointFlap, wireguardSharedKey } from './wireguard-endpoint-flap.ts';
import { wireguardHandshakeUnanswered } from './wireguard-handshake-unanswered.ts';
import { wireguardReplyWrongSource } from './wireguard-reply-wrong-source.ts';
import { wireguardNatRebind, wireguardRoaming } from './wireguard-roaming.ts';
import { wrongInterfaceDelivery } from './wrong-interface-delivery.ts';

/** Every kind of finding there is, in the order in which `explain` tells them. */
export const findingKinds: readonly Omit<FindingKind, 'of'>[] = [
  arpFlux,
  arpDuplicateAddress,
  arpMultiMacAnswer,
  arpAddressMoved,
  arpForeignSource,
  vipAnsweredByRealserver,
  arpSpoofSuspect,
  vrrpSplitBrain,
  arpUnanswered,
  arpSenderMismatch,
  ndpMultiMacAnswer,
  ndpDuplicateAddress,
  wrongInterfaceDelivery,
  interfaceAsymmetry,
  gatewayMismatch,
  nextHopIgnored,
  routeFlap,
  routingLoop,
  udpReplyWrongSource,
  icmpReplyWrongSource,
  wireguardEndpointDrift,
  wireguardReplyWrongSource,
  wireguardRoaming,
  wireguardNatRebind,
  wireguardSharedKey,
  wireguardEndpointFlap,
  wireguardHandshakeUnanswered,
  openvpnHandshakeStalled,
  ikeNegotiationFailed,
  ipsecOneWay,
  bgpSessionNotEstablished,
  bgpSessionReset,
  bgpNextHopUnreachable,
  bgpRecursiveRoute,
  pmtuBlackhole,
  mssNotClamped,
  tunnelFragmentation,
];

const byName: ReadonlyMap<string, Omit<FindingKind, 'of'>> = new Map(findingKinds.map((each) => [each.kind, each]));

/** Whether the kind says that the capture cannot tell yet. */
export const isPreliminary = (kind: string): boolean => byName.get(kind)?.isPreliminary === true;

/** Whether the kind says that something is missing. */
export const endsByAbsence = (kind: string): boolean => byName.get(kind)?.endsByAbsence === true;
