import type { Context } from '../context/context.ts';
import { type Endpoint, endpointText } from '../net/ip.ts';
import { timeText } from '../net/time.ts';
import type { Move } from '../track/wireguard/peers.ts';
import type { TimelineEvent } from '../track/wireguard/timeline.ts';
import { UNANSWERED_ATTEMPTS } from '../track/wireguard/unanswered.ts';
import { chosenSource } from './chosen-source.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import { list, numberOrNull, object, oneOf, text, textOrNull, truth } from './schemas.ts';
import { durationText, frameText, hedge } from './text.ts';
import { uplinkMark, uplinkRule } from './uplink-rule.ts';
import { byMark, byPort, pointBack, sentTo, tunnelHost } from './wireguard-hosts.ts';
import { identitySentence, type MoveGroup, moveAdvice, moveSentence, rolesSentence } from './wireguard-moves.ts';

export interface DriftDetails {
  trigger: 'initiation' | 'response' | 'data';
  gapSeconds: number | null;
  peer: string | null;
  followed: boolean;
  timeline: { time: string | null; frame: number; event: string }[];
  handshakeMsBefore: number | null;
  handshakeMsAfter: number | null;
}

export const wireguardEndpointDrift: FindingKind<DriftDetails> = {
  kind: 'wireguard-endpoint-drift',
  brief: 'the contacted peer goes over to another address of its own',
  severity: 'error',
  subject: ['observer', 'from', 'to'],
  details: object({
    trigger: oneOf('initiation', 'response', 'data'),
    gapSeconds: numberOrNull,
    peer: textOrNull,
    followed: truth,
    timeline: list(object({ time: textOrNull, frame: { type: 'integer' }, event: text })),
    handshakeMsBefore: numberOrNull,
    handshakeMsAfter: numberOrNull,
  }),
  means:
    'A WireGuard peer that is contacted at one address began to send from another one of its own, usually after an outage: when handshakes are retried, the kernel forgets the source ' +
    'that it used and takes what the routing table gives, on a host with two uplinks the default one. The other side follows whoever authenticates, so the tunnel stays on the wrong ' +
    'uplink. It does not heal by itself: both ends have fresh state of the new path.',
  provenBy: [
    'The contacted side, whose address the first initiation went to, initiates, responds or sends data from another address.',
    'Data that goes on with the session’s index and counters, or mac1 with a known key, prove that it is the same peer; otherwise the old address must fall silent.',
  ],
  seenFrom: [
    'The observer’s side, or a router between: the whole course.',
    'The drifting host with `-i any`: also initiations that nobody answers yet.',
    'Inside the tunnel: nothing of it.',
  ],
  looksLike: [
    'A client that roams: the initiating side moves (wireguard-roaming).',
    'A NAT that binds another port (wireguard-nat-rebind).',
    'Another peer on the second address: the first one goes on sending.',
    'A response from another address than the asked one (wireguard-reply-wrong-source).',
  ],
  remedies: [
    {
      text: 'On the drifting host: WireGuard has no option to bind an address, so let the routing choose it by port, before any other rule (PORT: its listen port; ADDRESS, GATEWAY, IFACE: of the right uplink; 101: a free table). `ip rule from ADDRESS` is not enough: there is no source yet when it is looked up',
      commands: uplinkRule('PORT', 'ADDRESS'),
    },
    {
      text: 'Or by mark (WG: the WireGuard interface; not where wg-quick routes everything into the tunnel, which needs its own mark). Where rp_filter is 1 (strict) on that uplink, set it to 2: what comes in has no mark',
      commands: uplinkMark('ADDRESS'),
    },
    {
      text: 'At the observer, at once: point the peer back (WG, KEY; it lasts until a packet authenticates from elsewhere)',
      commands: ['wg set WG peer KEY endpoint ADDRESS:PORT'],
    },
    { text: 'PersistentKeepalive=25 on the side behind NAT makes outages shorter, so that the other side retries less', commands: [] },
  ],
  references: ['WireGuard white paper section 5.4', 'Linux drivers/net/wireguard: receive.c, socket.c, timers.c'],
};

export function judgeDrift(group: MoveGroup, context: Context): Draft<DriftDetails> {
  const { moves, observer, from, to, path, peer, confidence, evidence } = group;
  const [move] = moves;
  const { followed } = move;
  const who = peer ? `WireGuard peer ${peer}` : 'The WireGuard peer';
  const timeline = moves.flatMap((each) => each.timeline.events).slice(0, MOST_TIMELINE);
  return {
    subject: { observer, from, to },
    path,
    severity: followed ? 'error' : 'warning',
    confidence,
    title: `${who} at ${endpointText(from)} ${hedge(confidence)}went over to ${endpointText(to)}${followed ? `, and ${endpointText(observer)} follows it` : ''}`,
    details: {
      trigger: move.trigger,
      gapSeconds: move.gapSeconds === null ? null : Math.round(move.gapSeconds * 1e6) / 1e6,
      peer,
      followed: followed !== undefined,
      timeline: timeline.map((event) => ({
        time: event.stamp.timed ? timeText(event.stamp) : null,
        frame: event.stamp.frame,
        event: eventText(event),
      })),
      handshakeMsBefore: milliseconds(move.handshakeUsBefore),
      handshakeMsAfter: milliseconds(move.handshakeUsAfter),
    },
    count: moves.length,
    evidence,
    because: [
      `${endpointText(from)} is the side that was contacted: the first initiation of this pair went there.`,
      ...rolesSentence(move),
      ...triesDuring(move).before,
      moveSentence(move),
      ...(move.trigger === 'initiation'
        ? ['Until then the other side had initiated; now the contacted side does, as after an outage.']
        : []),
      ...triesDuring(move).after,
      identitySentence(move),
      ...(move.own ? ['It leaves the capturing host itself: this is the host that drifts.'] : []),
      ...chosenSentences(group, context),
      followed
        ? `${frameText(followed).replace(/^f/, 'F')}: ${endpointText(observer)} sends to the new address from then on. It stays there, for both ends have fresh state.`
        : `${endpointText(observer)} has not sent to the new address within the capture.`,
      ...rttSentence(move.handshakeUsBefore, move.handshakeUsAfter),
    ],
    ruledOut: [
      move.pair.rolesAssumed
        ? 'Roaming of a client: very probably not, for the side that moved is the one that was called.'
        : 'Roaming of a client: the side that moved is the contacted one.',
      'A new binding of a NAT: the address changed, not the port alone.',
      confidence === 'certain'
        ? 'Another peer on that address: it is proven to be the same one.'
        : 'Another peer on that address: the old one sends nothing more.',
    ],
    remedies: [...remedies(from, to, observer, context), ...(confidence === 'certain' ? [] : [moveAdvice(move)])],
  };
}

/** With the context of the drifting host: where its routing sends what has no source yet. */
function chosenSentences({ from, to, observer }: MoveGroup, context: Context): string[] {
  const found = tunnelHost(context, from);
  if (!found) return [];
  const mark = Number(found.tunnel?.fwmark) || 0;
  const query = {
    destination: sentTo(context, found, observer),
    protocol: 17,
    sourcePort: found.port,
    destinationPort: observer.port,
    mark,
  };
  return chosenSource(context, from.ip, [to.ip], query)?.sentences ?? [];
}

const MOST_TIMELINE = 64;

const eventText = ({ event, times, last }: TimelineEvent): string =>
  times === 1 ? event : `${event}, ${times} times until ${frameText(last)}`;

/** Rows of retries before the move and after it: the outage, as it shows. */
function triesDuring({ timeline, stamp: moved, to }: Move): { before: string[]; after: string[] } {
  const rows = timeline.events.filter(({ kind, times }) => kind === 'initiation' && times >= UNANSWERED_ATTEMPTS);
  const sentence = ({ stamp, event, times, last }: TimelineEvent): string =>
    event.startsWith(`${endpointText(to)} `)
      ? `It initiates ${times} times more, until ${frameText(last)}${durationText(moved, last)}: an outage.`
      : `${event} ${times} times, ${frameText(stamp)} to ${frameText(last)}${durationText(stamp, last)}: an outage.`;
  const isBefore = ({ stamp }: TimelineEvent): boolean => stamp.at < moved.at;
  return { before: rows.filter(isBefore).map(sentence), after: rows.filter((row) => !isBefore(row)).map(sentence) };
}

const milliseconds = (microseconds: number | null): number | null => (microseconds === null ? null : Math.round(microseconds) / 1e3);

function rttSentence(before: number | null, after: number | null): string[] {
  return before === null || after === null
    ? []
    : [`A handshake took ${Math.round(before) / 1e3} ms before and ${Math.round(after) / 1e3} ms after.`];
}

function remedies(from: Required<Endpoint>, to: Required<Endpoint>, observer: Required<Endpoint>, context: Context): Remedy[] {
  const [general, marked, atObserver, keepalive] = wireguardEndpointDrift.remedies;
  const found = tunnelHost(context, from);
  const peer = sentTo(context, found, observer);
  const filled: (Remedy | undefined)[] = [
    general && byPort(found, from.ip, peer, { text: general.text, commands: uplinkRule(from.port, from.ip) }, context.hosts),
    marked && byMark(found, from.ip, peer, { text: marked.text, commands: uplinkMark(from.ip) }, context.hosts),
    atObserver &&
      pointBack(context, found?.tunnel?.publicKey, from, {
        text: `${atObserver.text.replace('At the observer', `At ${observer.ip}`)}`,
        commands: [`wg set WG peer KEY endpoint ${endpointText(from)}`],
      }),
    {
      text: `Do not translate ${to.ip} back to ${from.ip} by SNAT: the packets still take the wrong uplink, and providers drop foreign sources`,
      commands: [],
    },
    keepalive,
  ];
  return filled.filter((each) => each !== undefined);
}
