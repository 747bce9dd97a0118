import { endpointText } from '../net/ip.ts';
import type { Draft, FindingKind } from './kind.ts';
import { numberOrNull, object, oneOf, textOrNull, truth } from './schemas.ts';
import { countText, hedge } from './text.ts';
import { identitySentence, type MoveGroup, moveAdvice, moveSentence, rolesSentence } from './wireguard-moves.ts';

export interface RoamingDetails {
  trigger: 'initiation' | 'response' | 'data';
  gapSeconds: number | null;
  peer: string | null;
  followed: boolean;
}

const details = object({ trigger: oneOf('initiation', 'response', 'data'), gapSeconds: numberOrNull, peer: textOrNull, followed: truth });

export const wireguardRoaming: FindingKind<RoamingDetails> = {
  kind: 'wireguard-roaming',
  brief: 'a client moved to another network, as it may',
  severity: 'info',
  subject: ['peer', 'from', 'to'],
  details,
  means:
    'A WireGuard client moved to another network, as from Wi-Fi to mobile data. That is what the protocol is made for: the other side follows.',
  provenBy: ['The side that sent the first initiation sends from another address.'],
  seenFrom: ['Either side, or between.'],
  looksLike: [
    'Drift of the contacted side (wireguard-endpoint-drift), which is a fault.',
    'Two devices with one key (wireguard-shared-key): both go on sending.',
  ],
  remedies: [],
  references: ['WireGuard white paper section 2.1'],
};

export const wireguardNatRebind: FindingKind<RoamingDetails> = {
  kind: 'wireguard-nat-rebind',
  brief: 'a NAT gave a client another port',
  severity: 'info',
  subject: ['peer', 'from', 'to'],
  details,
  means:
    'The port of a WireGuard client changed and its address did not: a NAT in between forgot the old binding, usually after a silence, and made a new one. The other side cannot ' +
    'reach the client from the moment the binding is gone until the client sends again.',
  provenBy: ['The side that sent the first initiation sends from another port of the same address.'],
  seenFrom: ['Between the NAT and the other side, or there.'],
  looksLike: ['A restarted client that chose a new port.'],
  remedies: [
    {
      text: 'Keep the binding alive: on the client, in the [Peer] section, PersistentKeepalive = 25',
      commands: ['wg set WG peer KEY persistent-keepalive 25'],
    },
  ],
  references: ['WireGuard white paper section 6.5', 'RFC 4787 section 4.3'],
};

/** Rebinding this often interrupts. */
const FREQUENT = 3;

export const judgeRoaming = (group: MoveGroup): Draft<RoamingDetails> => judge(group, 'roamed');

export function judgeRebind(group: MoveGroup, rebindsOfPeer: number): Draft<RoamingDetails> {
  const frequent = rebindsOfPeer >= FREQUENT;
  const draft = judge(group, 'got another port from its NAT:');
  return {
    ...draft,
    severity: frequent ? 'notice' : 'info',
    because: frequent
      ? [...draft.because, `It happened ${rebindsOfPeer} times: the client sends too rarely to keep its binding.`]
      : draft.because,
  };
}

function judge({ moves, observer, from, to, path, peer, confidence, evidence }: MoveGroup, verb: string): Draft<RoamingDetails> {
  const [move] = moves;
  const who = peer ?? `The client of ${endpointText(observer)}`;
  return {
    subject: peer === null ? { observer, from, to } : { peer, from, to },
    path,
    confidence,
    title: `${who} ${hedge(confidence)}${verb} from ${endpointText(from)} to ${endpointText(to)}`,
    details: {
      trigger: move.trigger,
      gapSeconds: move.gapSeconds === null ? null : Math.round(move.gapSeconds * 1e6) / 1e6,
      peer,
      followed: move.followed !== undefined,
    },
    count: moves.length,
    evidence,
    because: [
      `${endpointText(from)} is the side that initiated first: the client.`,
      ...rolesSentence(move),
      moveSentence(move),
      identitySentence(move),
      ...(moves.length > 1 ? [`It happened ${countText(moves.length, 'time')}.`] : []),
    ],
    ruledOut: ['Drift: the contacted side did not move.'],
    remedies: confidence === 'certain' ? [] : [moveAdvice(move)],
  };
}
