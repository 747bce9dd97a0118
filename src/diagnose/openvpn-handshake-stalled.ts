import { type Endpoint, endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import { type OpenVpnMode, type OpenVpnState, openVpnModes, openVpnStates } from '../track/openvpn/session.ts';
import type { Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { courseOf, type StallCause, stallCauses, type WrongSourceTold } from './openvpn-course.ts';
import { stalledRemedies } from './openvpn-remedies.ts';
import { type StalledRun, stalledRuns } from './openvpn-runs.ts';
import { because, ruledOut, titleOf } from './openvpn-story.ts';
import { count, list, number, numberOrNull, object, oneOf, text, textOrNull } from './schemas.ts';

export interface StalledHandshakeDetails {
  /** The furthest that any of the attempts got. */
  state: OpenVpnState;
  retransmissions: number;
  cause: StallCause;
  /** Who refused, and in which words; null unless the cause is `rejected`. */
  reason: string | null;
  attempts: number;
  spanSeconds: number;
  mode: OpenVpnMode;
  transport: 'udp' | 'tcp';
  /** Who answered instead of the asked server. */
  answeredFrom: { ip: string; port: number; packets: number }[];
  /** Octets of UDP payload of the largest control packet that was repeated; null where none was. */
  stuckOctets: number | null;
}

const port = { type: 'integer', minimum: 0 } as const;

export const openvpnHandshakeStalled: FindingKind<StalledHandshakeDetails> = {
  kind: 'openvpn-handshake-stalled',
  brief: 'an OpenVPN client begins again and again and does not get in',
  severity: 'error',
  endsByAbsence: true,
  subject: ['client', 'server'],
  details: object({
    state: {
      ...oneOf(...openVpnStates),
      description:
        'S0: the client’s reset was sent. S1: the server answered it. S2: the client acknowledged that. S3: TLS went both ways. S4: TLS is done',
    },
    retransmissions: count,
    cause: oneOf(...stallCauses),
    reason: textOrNull,
    attempts: count,
    spanSeconds: number,
    mode: oneOf(...openVpnModes),
    transport: oneOf('udp', 'tcp'),
    answeredFrom: list(object({ ip: text, port, packets: count })),
    stuckOctets: { ...numberOrNull, description: 'UDP payload of the largest control packet that was sent again and again' },
  }),
  means:
    'An OpenVPN client begins a handshake that does not come to its end. It sends its first packet again after about 2, 6, 14 and 30 seconds, gives up after 60 (“TLS key negotiation ' +
    'failed to occur within 60 seconds”, “TLS handshake failed”), and begins anew with another session id. What the log calls a TLS error is mostly none: the answers come from another ' +
    'address, nobody answers, somebody refuses, or large packets do not get through. How far it got tells which.',
  provenBy: [
    'Four first packets of one client or more, or ten seconds of them, and no session that comes of it.',
    'Or packets of the handshake that are repeated and never acknowledged, or three attempts that are given up one after the other.',
  ],
  seenFrom: [
    'The client: what comes back, if anything does.',
    'The server with `-i any`: whether the packets arrive, and whether and from where it answers.',
    'Between them: the same, as far as both directions pass there.',
  ],
  looksLike: [
    'A handshake that needed one or two repeats, or a server that was restarted: it comes to its end.',
    'A client with a list of servers that goes on to the next one at once.',
    'A capture of one direction: the client goes on although no answer is seen.',
    'Scanners: a first packet that is not repeated.',
    'What comes after it, if it recovered: notice.',
  ],
  remedies: [
    { text: 'Does the server run, and listen at this port', commands: ['ss -ulpn sport = :PORT'] },
    {
      text: 'Does it see the packets, and what does it say of them: “packet HMAC authentication failed” and “tls-crypt unwrap error” are another key, or another direction',
      commands: ['journalctl -u "openvpn*" --since -10min'],
    },
    {
      text: 'Answers from another address than the asked one: see udp-reply-wrong-source',
      commands: ['multihome'],
    },
  ],
  references: [
    'OpenVPN reliable.c: the timeout doubles from tls-timeout',
    'openvpn(8): hand-window, tls-timeout, multihome, tls-auth, tls-crypt',
  ],
};

/** Findings about wrong sources by client and asked endpoint. */
export type WrongSources = ReadonlyMap<string, WrongSourceTold>;

/** Key of `WrongSources`: whatever its port, a client is one. */
export const wrongSourceKey = ({ ip }: Endpoint, asked: Endpoint, path: number): string => `${ip}|${endpointText(asked)}|${path}`;

export interface StalledFinding {
  draft: Draft<StalledHandshakeDetails>;
  /** The finding that explains it. */
  explainedBy: string | undefined;
}

/** Handshakes that did not come to their end, one for each client address and server. */
export function* stalledHandshakes(knowledge: Knowledge, wrongSources: WrongSources): Generator<StalledFinding> {
  for (const run of stalledRuns(knowledge.openvpn.list, knowledge.end)) {
    const wrong = [...run.attempts.slice(0, 1), ...run.translated]
      .map(({ client, server, path }) => wrongSources.get(wrongSourceKey(client, server, path)))
      .find((each) => each !== undefined);
    const draft = judge(run, wrong, knowledge);
    if (draft) yield { draft, explainedBy: draft.details.cause === 'reply-wrong-source' ? wrong?.handle : undefined };
  }
}

function judge(run: StalledRun, wrong: WrongSourceTold | undefined, knowledge: Knowledge): Draft<StalledHandshakeDetails> | undefined {
  const course = courseOf(run, wrong, knowledge.drops);
  const { state, cause, confidence, reason, stuckOctets, mode } = course;
  const { client, server, path, attempts, recovered } = run;
  if (attempts.length === 0) return undefined;
  const hasRecovered = recovered !== undefined && cause !== 'reply-wrong-source';
  const repeats = attempts.reduce((sum, { controlRepeats }) => sum + controlRepeats.fromClient + controlRepeats.fromServer, 0);
  const resets = attempts.reduce((sum, { resetCount }) => sum + resetCount, 0);
  return {
    subject: { client: { ip: client.ip, port: attempts[0]?.client.port ?? client.port }, server },
    path,
    severity: hasRecovered ? 'notice' : 'error',
    confidence,
    title: titleOf(course, hasRecovered, wrong),
    details: {
      state,
      retransmissions: resets - attempts.length + repeats,
      cause,
      reason,
      attempts: attempts.length,
      spanSeconds: Math.round(run.spanSeconds * 1e6) / 1e6,
      mode,
      transport: run.transport,
      answeredFrom: cause === 'reply-wrong-source' ? (wrong?.answeredFrom ?? []) : [],
      stuckOctets: stuckOctets === 0 ? null : stuckOctets,
    },
    count: attempts.length,
    evidence: evidenceOf(run, cause),
    because: because(course, hasRecovered, wrong),
    ruledOut: ruledOut(course),
    remedies: hasRecovered && run.recoveredAt === undefined ? [AFTER_OUTAGE] : stalledRemedies(course, wrong?.remedies ?? []),
  };
}

const AFTER_OUTAGE: Remedy = {
  text: 'It works again. What was down at that time, the server, a firewall, the way to it, is in their logs',
  commands: [],
};

/** Of each attempt what shows how it went. */
function evidenceOf({ attempts, translated, recovered }: StalledRun, cause: StallCause): Evidence {
  const evidence = new Evidence();
  for (const { answeredFrom } of cause === 'reply-wrong-source' ? [...attempts, ...translated] : [])
    for (const { first } of answeredFrom) evidence.add('wrong-answer', first);
  for (const attempt of attempts) {
    for (const stamp of attempt.resets) evidence.add('reset', stamp);
    for (const stamp of attempt.serverResets) evidence.add('server-reset', stamp);
    for (const stamp of attempt.stuck.stamps) evidence.add('sent-again', stamp);
    if (cause === 'rejected' && attempt.refusal) evidence.add('refusal', attempt.refusal.stamp);
    if (cause === 'rejected' && attempt.alert) evidence.add('alert', attempt.alert.stamp);
  }
  if (recovered) evidence.add('recovered', recovered);
  return evidence;
}
