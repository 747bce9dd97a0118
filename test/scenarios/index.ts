/** All scenarios. */
import { scenarios as arpAddressMoved } from './arp-address-moved.ts';
import { scenarios as arpContext } from './arp-context.ts';
import { scenarios as arpDuplicateAddress } from './arp-duplicate-address.ts';
import { scenarios as arpFlux } from './arp-flux.ts';
import { scenarios as arpForeignSource } from './arp-foreign-source.ts';
import { scenarios as arpMultiMacAnswer } from './arp-multi-mac-answer.ts';
import { scenarios as arpSenderMismatch } from './arp-sender-mismatch.ts';
import { scenarios as arpSpoofSuspect } from './arp-spoof-suspect.ts';
import { scenarios as arpUnanswered } from './arp-unanswered.ts';
import { scenarios as bgpNextHopUnreachable } from './bgp-next-hop-unreachable.ts';
import { scenarios as bgpRecursiveRoute } from './bgp-recursive-route.ts';
import { scenarios as bgpSessionNotEstablished } from './bgp-session-not-established.ts';
import { scenarios as bgpSessionReset } from './bgp-session-reset.ts';
import { scenarios as gatewayMismatch } from './gateway-mismatch.ts';
import { scenarios as icmpReplyWrongSource } from './icmp-reply-wrong-source.ts';
import { scenarios as ikeAnswersLost } from './ike-answers-lost.ts';
import { scenarios as ikeNegotiationFailed } from './ike-negotiation-failed.ts';
import { scenarios as ikePassersBy } from './ike-passers-by.ts';
import { scenarios as interfaceAsymmetry } from './interface-asymmetry.ts';
import { scenarios as ipsecOneWay } from './ipsec-one-way.ts';
import { scenarios as mssNotClamped } from './mss-not-clamped.ts';
import { scenarios as ndp } from './ndp.ts';
import { scenarios as nextHopIgnored } from './next-hop-ignored.ts';
import { scenarios as openvpnHandshakeStalled } from './openvpn-handshake-stalled.ts';
import { scenarios as pmtuBlackhole } from './pmtu-blackhole.ts';
import { scenarios as pmtuBlackholeDoubt } from './pmtu-blackhole-doubt.ts';
import { scenarios as pmtuBlackholeTwoWays } from './pmtu-blackhole-two-ways.ts';
import { scenarios as routeFlap } from './route-flap.ts';
import { scenarios as routingLoop } from './routing-loop.ts';
import type { Scenario } from './scenario.ts';
import { scenarios as tunnelFragmentation } from './tunnel-fragmentation.ts';
import { scenarios as udpContext } from './udp-context.ts';
import { scenarios as udpLegal } from './udp-legal.ts';
import { scenarios as udpPorts } from './udp-ports.ts';
import { scenarios as udpQuiet } from './udp-quiet.ts';
import { scenarios as udpTransactions } from './udp-transactions.ts';
import { scenarios as vipAnsweredByRealserver } from './vip-answered-by-realserver.ts';
import { scenarios as vrrpSplitBrain } from './vrrp-split-brain.ts';
import { scenarios as wireguardEndpointDrift } from './wireguard-endpoint-drift.ts';
import { scenarios as wireguardHandshakeUnanswered } from './wireguard-handshake-unanswered.ts';
import { scenarios as wireguardReplyWrongSource } from './wireguard-reply-wrong-source.ts';
import { scenarios as wireguardRoaming } from './wireguard-roaming.ts';
import { scenarios as wireguardSharedKey } from './wireguard-shared-key.ts';
import { scenarios as wrongInterfaceDelivery } from './wrong-interface-delivery.ts';

export const scenarios: readonly Scenario[] = [
  ...arpFlux,
  ...arpDuplicateAddress,
  ...arpMultiMacAnswer,
  ...arpAddressMoved,
  ...arpForeignSource,
  ...vipAnsweredByRealserver,
  ...arpSpoofSuspect,
  ...vrrpSplitBrain,
  ...arpContext,
  ...arpUnanswered,
  ...arpSenderMismatch,
  ...ndp,
  ...wrongInterfaceDelivery,
  ...interfaceAsymmetry,
  ...gatewayMismatch,
  ...nextHopIgnored,
  ...routeFlap,
  ...routingLoop,
  ...udpTransactions,
  ...udpPorts,
  ...udpContext,
  ...udpLegal,
  ...udpQuiet,
  ...icmpReplyWrongSource,
  ...wireguardEndpointDrift,
  ...wireguardHandshakeUnanswered,
  ...wireguardReplyWrongSource,
  ...wireguardRoaming,
  ...wireguardSharedKey,
  ...openvpnHandshakeStalled,
  ...bgpSessionNotEstablished,
  ...bgpSessionReset,
  ...bgpNextHopUnreachable,
  ...bgpRecursiveRoute,
  ...ikeNegotiationFailed,
  ...ikeAnswersLost,
  ...ikePassersBy,
  ...ipsecOneWay,
  ...tunnelFragmentation,
  ...pmtuBlackhole,
  ...pmtuBlackholeDoubt,
  ...pmtuBlackholeTwoWays,
  ...mssNotClamped,
];
