import { Direction } from '../frame.ts';
import { endpointText } from '../net/ip.ts';
import { UNANSWERED_ATTEMPTS, type UnansweredHandshakes } from '../track/wireguard/unanswered.ts';
import { type Draft, type FindingKind, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, number, object, textOrNull } from './schemas.ts';
import { countText, durationText, FrameText, frameText } from './text.ts';

export interface UnansweredHandshakeDetails {
  attempts: number;
  spanSeconds: number;
  reason: string | null;
  peer: string | null;
}

export const wireguardHandshakeUnanswered: FindingKind<UnansweredHandshakeDetails> = {
  kind: 'wireguard-handshake-unanswered',
  brief: 'a peer begins handshakes and hears nothing',
  severity: 'warning',
  subject: ['initiator', 'responder'],
  details: object({ attempts: count, spanSeconds: number, reason: textOrNull, peer: textOrNull }),
  means:
    'A WireGuard peer begins handshakes, every five seconds, and hears nothing. The other side is down or filtered, listens elsewhere, or does not know the key: WireGuard never says no, ' +
    'a wrong key looks like a dead host. After 90 seconds the kernel gives up until there is data to send.',
  provenBy: ['At least three initiations in a row without a response or a cookie.'],
  seenFrom: [
    'The initiator: that nothing comes back.',
    'The responder: that initiations arrive and nothing leaves (key, peer or clock), or that responses leave and are lost behind it.',
  ],
  looksLike: ['An outage that ended: the pair is answered later (notice).', 'A capture of one direction.'],
  remedies: [
    {
      text: 'On the responder: do initiations arrive, and does it know the peer',
      commands: ['tcpdump -ni any udp port PORT', 'wg show'],
    },
    {
      text: 'If they arrive and nothing leaves: compare the public keys on both sides; a clock that went back makes new handshakes look old',
      commands: ['wg show all public-key', 'wg show all peers', 'wg show all latest-handshakes'],
    },
  ],
  references: ['WireGuard white paper section 6.4', 'Linux drivers/net/wireguard/messages.h: REKEY_TIMEOUT, REKEY_ATTEMPT_TIME'],
};

/** What was asked this late may be answered after the end. */
const END_SEC = 2;

export function judgeUnansweredHandshake(found: UnansweredHandshakes, { drops, end }: Knowledge): Draft<UnansweredHandshakeDetails> {
  const { initiator, responder, path, attempts, rows, reason, recovered, peer, evidence, direction, isPassedOn } = found;
  const first = evidence.firstOf('initiation');
  const last = evidence.lastOf('initiation');
  const isEnough = attempts > UNANSWERED_ATTEMPTS || !last || end - last.at >= END_SEC;
  const confidence = drops || !isEnough ? lessSure('likely') : 'likely';
  const error = evidence.firstOf('icmp-error');
  return {
    subject: { initiator, responder },
    path,
    severity: recovered ? 'notice' : 'warning',
    confidence,
    title: `${initiator.ip} initiates WireGuard to ${endpointText(responder)} ${countText(attempts, 'time')} without an answer${reason ? ` (${reason})` : recovered ? ', then it recovers' : ''}`,
    details: { attempts, spanSeconds: Math.round(found.spanSeconds * 1e6) / 1e6, reason, peer },
    count: attempts,
    evidence,
    because: [
      rows > 1
        ? `${countText(attempts, 'initiation')} in ${rows} rows${first && last ? ` between ${frameText(first)} and ${frameText(last)}` : ''}, and neither a response nor a cookie follows any of them.`
        : `${countText(attempts, 'initiation')}${first && last ? `, ${frameText(first)} to ${frameText(last)}${durationText(first, last)},` : ''} and neither a response nor a cookie follows.`,
      ...(reason && error ? [`${FrameText(error)} says why: ${reason}.`] : []),
      ...(direction === Direction.In && !isPassedOn
        ? [
            'They arrive at the capturing host, and no response leaves it: wrong key, unknown peer, or a clock older than the last handshake.',
          ]
        : []),
      ...(recovered ? [`${FrameText(recovered)}: the two are in contact again. It was an outage, or it was down.`] : []),
    ],
    ruledOut: ['Retries of one slow handshake: none of the attempts is answered.', 'A peer under load: it would answer with a cookie.'],
    remedies: recovered ? [AFTER_OUTAGE] : remedies(found),
  };
}

const AFTER_OUTAGE: Remedy = {
  text: 'It works again. What was down at that time, an uplink, a router, the peer, is in their logs; see also whether the tunnel came back on the same path (wireguard-endpoint-drift)',
  commands: [],
};

const remedies = ({ responder, direction, isPassedOn }: UnansweredHandshakes): Remedy[] => [
  ...wireguardHandshakeUnanswered.remedies.map(({ text, commands }) => ({
    text,
    commands: commands.map((command) => command.replace('PORT', String(responder.port))),
  })),
  ...(direction === Direction.In && !isPassedOn
    ? []
    : [
        {
          text: 'To see where they are lost, capture on the responder',
          commands: [`tcpdump -i any -y LINUX_SLL2 -w responder.pcap 'udp port ${responder.port}'`],
        },
      ]),
];
