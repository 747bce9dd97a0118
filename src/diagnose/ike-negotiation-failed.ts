import { endpointText } from '../net/ip.ts';
import { Evidence } from '../track/evidence.ts';
import type { IkeSession } from '../track/ipsec/exchange.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import { exchangeText, IkeAttempts, type IkeFailure, type IkeFailureCause, ikeFailureCauses, isClosing, natOf } from './ike-attempts.ts';
import { type IkeStory, ikeStory } from './ike-story.ts';
import { type Confidence, type Draft, type FindingKind, lessSure } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { type WrongSources, wrongSourceKey } from './openvpn-handshake-stalled.ts';
import { count, list, number, object, oneOf, text, textOrNull, truth } from './schemas.ts';
import { countText, FrameText, frameText, listText } from './text.ts';

export interface IkeFailedDetails {
  /** The error that was said in clear: `NO_PROPOSAL_CHOSEN`. */
  notify: string | null;
  cause: IkeFailureCause;
  version: number;
  /** Where it ended: `IKE_SA_INIT`, `main mode, message 5`. */
  exchange: string;
  /** Requests that were not answered, or refusals. */
  attempts: number;
  spanSeconds: number;
  natDetected: 'initiator' | 'responder' | 'both' | 'none' | null;
  /** The port that the requests went to. */
  port: number;
  /** What the initiator offered. */
  offered: string[];
  /** Octets of the largest request, as an IP packet before it is cut, and how many IP fragments of such were seen. */
  largestRequest: number;
  ipFragments: number;
  answeredFrom: { ip: string; port: number }[];
  /** What an ICMP error says. */
  reason: string | null;
  recovered: boolean;
}

export const ikeNegotiationFailed: FindingKind<IkeFailedDetails> = {
  kind: 'ike-negotiation-failed',
  brief: 'two IPsec gateways do not get their association up',
  severity: 'warning',
  endsByAbsence: true,
  subject: ['initiator', 'responder'],
  details: object({
    notify: textOrNull,
    cause: oneOf(...ikeFailureCauses),
    version: count,
    exchange: text,
    attempts: count,
    spanSeconds: number,
    natDetected: oneOf('initiator', 'responder', 'both', 'none', null),
    port: count,
    offered: list(text),
    largestRequest: count,
    ipFragments: count,
    answeredFrom: list(object({ ip: text, port: count })),
    reason: textOrNull,
    recovered: truth,
  }),
  means:
    'A gateway begins IKE, the negotiation before IPsec, and it does not come to its end: there is no tunnel. The first exchange (IKE_SA_INIT, main mode) can be read, the rest is encrypted: ' +
    'how far it got, what was refused in clear, how large the packets are and on which port they go is what a capture can tell.',
  provenBy: [
    'NO_PROPOSAL_CHOSEN, or another error in clear: the peer says it itself.',
    'Three requests or more that nobody answers, or that are answered here and yet asked again, and that did not go on elsewhere; or an ICMP error that quotes one.',
    'INVALID_KE_PAYLOAD twice in a row: each retry is refused too.',
    'An answer to IKE_AUTH that has no room for an identity and its proof, and nothing after it: a refusal.',
    'Version 1: main mode stops at message 5, the first one that is encrypted with the secret of both.',
  ],
  seenFrom: [
    'Either gateway, or between: all exchanges and their order are visible, contents only up to IKE_AUTH or message 5.',
    'At the initiator silence is silence. Where the packets end, a second capture at the responder tells.',
  ],
  looksLike: [
    'A cookie challenge, or one INVALID_KE_PAYLOAD: the second request is answered.',
    'Dead peer detection and rekeying: these belong to an association that is there.',
    'A capture of one direction: the initiator goes on, so it was answered.',
    'A scan: one address tries many, or many addresses try one gateway briefly and never come back.',
    'EAP: while the user types, the latest answer is a small one.',
    'NAT on the way: the same packet before and after it, port 500 and then 4500.',
  ],
  remedies: [
    { text: 'strongSwan: what both sides log while it is tried', commands: ['swanctl --log'] },
    { text: 'libreswan: the same', commands: ['ipsec whack --status', 'journalctl -fu ipsec'] },
  ],
  references: [
    'RFC 7296 sections 1.2, 2.1, 2.6, 2.21 and 2.23',
    'RFC 2409 section 5',
    'RFC 3948 (UDP encapsulation), RFC 7383 (fragmentation of IKE)',
    'strongSwan: retransmission, charon.retransmit_tries',
  ],
};

/** Requests that count: fewer without an answer are a lost packet, or a slow start. */
const MANY_REQUESTS = 3;
const SOME_REQUESTS = 2;
/** What recovers within this was a restart. */
const OUTAGE_SEC = 10;
/** What was asked this late may be answered after the end. */
const END_SEC = 2;
/** Who tries that many that are silent, or refuse, scans. */
const MANY_PEERS = 16;
/** Where so many addresses try one gateway briefly and never come back, that is a scan. */
const MANY_PROBES = 4;
const IKE_PORTS: ReadonlySet<number> = new Set([500, 4500]);

/** How often it must have been tried, until it says something. */
const LEAST: Record<IkeFailureCause, number> = {
  'no-proposal': 1,
  rejected: 1,
  'wrong-group': SOME_REQUESTS,
  'auth-refused': 1,
  'wrong-source': MANY_REQUESTS,
  unreachable: SOME_REQUESTS,
  'fragments-lost': MANY_REQUESTS,
  'port-4500-blocked': MANY_REQUESTS,
  'answers-lost': MANY_REQUESTS,
  'wrong-key': 1,
  'auth-unanswered': MANY_REQUESTS,
  restarted: SOME_REQUESTS,
  'no-answer': MANY_REQUESTS,
};

/** What rests on something that did not come. */
const BY_ABSENCE: ReadonlySet<IkeFailureCause> = new Set([
  'fragments-lost',
  'port-4500-blocked',
  'answers-lost',
  'auth-unanswered',
  'no-answer',
]);

/** What one address tried with another one, for one cause. */
export interface IkeFailures {
  cause: IkeFailureCause;
  failures: readonly IkeFailure[];
  attempts: number;
  recovered: Stamp | null;
  /** It tried briefly, and was never heard of again. */
  isProbe: boolean;
}

export interface IkeFinding {
  draft: Draft<IkeFailedDetails>;
  /** The finding that explains it. */
  explainedBy: string | undefined;
}

/** Negotiations that came to nothing, one for each initiator and responder. */
export function* failedNegotiations(knowledge: Knowledge, wrongSources: WrongSources): Generator<IkeFinding> {
  const attempts = new IkeAttempts(knowledge);
  const found = [...attempts.pairs].flatMap((sessions) => failuresOf(sessions, attempts) ?? []);
  const silent = silentPeers(found);
  const probes = probersOf(attempts);
  const scanned = new Set<string>();
  for (const each of found) {
    const [first] = each.failures;
    if (!first || isScan(first.session, each, silent)) continue;
    const probers = each.isProbe ? (probes.get(askedKey(first.session)) ?? []) : [];
    const isScanned = probers.length >= MANY_PROBES;
    // Of a scan that is refused the first one is told; one that gets nothing does no harm.
    if (isScanned && (each.cause === 'no-answer' || scanned.has(askedKey(first.session)))) continue;
    if (isScanned) scanned.add(askedKey(first.session));
    const { initiator, responder, path } = first.session;
    const wrong = wrongSources.get(wrongSourceKey(initiator, responder, path));
    const draft = judge(each, ikeStory(each, wrong?.remedies), knowledge, isScanned ? probers : []);
    if (draft) yield { draft, explainedBy: each.cause === 'wrong-source' ? wrong?.handle : undefined };
  }
}

/** What failed since the two were last in contact; or, where nothing did, what had failed before they were. */
function failuresOf(sessions: readonly IkeSession[], attempts: IkeAttempts): IkeFailures | undefined {
  const [any] = sessions;
  if (!any) return undefined;
  const ups = [...sessions, ...attempts.reverseOf(any)].filter((session) => attempts.isUp(session)).map(({ first }) => first);
  ups.sort(compareStamps);
  const lastUp = ups.at(-1);
  const failed = sessions.flatMap((session) => attempts.failureOf(session) ?? []);
  const now = leading(failed.filter(({ session }) => !lastUp || session.first.at > lastUp.at));
  if (now) return { ...now, recovered: null, isProbe: attempts.isProbe(sessions) };
  const [firstFailure] = failed;
  const recovered = firstFailure && ups.find(({ at }) => at >= firstFailure.session.first.at);
  if (!recovered) return undefined;
  const before = leading(failed.filter(({ session }) => session.first.at < recovered.at));
  return before && { ...before, recovered, isProbe: false };
}

/** Of several causes the one that says most. */
function leading(failed: readonly IkeFailure[]): Pick<IkeFailures, 'cause' | 'failures' | 'attempts'> | undefined {
  for (const cause of ikeFailureCauses) {
    const failures = failed.filter((each) => each.cause === cause);
    const attempts = failures.reduce((sum, each) => sum + each.attempts, 0);
    const isSaid = failures.some(({ notify, session }) => notify !== null || session.informationals.length > 0);
    const least = cause === 'wrong-key' && !isSaid ? MANY_REQUESTS : LEAST[cause];
    if (failures.length > 0 && attempts >= least) return { cause, failures, attempts };
  }
  return undefined;
}

/** Who tried a responder briefly, and was never heard of again. */
function probersOf(attempts: IkeAttempts): Map<string, string[]> {
  const probers = new Map<string, string[]>();
  for (const sessions of attempts.pairs) {
    const [first] = sessions;
    if (!first || !attempts.isProbe(sessions)) continue;
    const known = probers.get(askedKey(first));
    if (known) known.push(first.initiator.ip);
    else probers.set(askedKey(first), [first.initiator.ip]);
  }
  return probers;
}

const askedKey = ({ responder, path }: IkeSession): string => `${responder.ip}|${path}`;

/** How many peers gave an address nothing. */
function silentPeers(found: readonly IkeFailures[]): Map<string, number> {
  const peers = new Map<string, number>();
  for (const { failures } of found) {
    const ip = failures[0]?.session.initiator.ip;
    if (ip !== undefined) peers.set(ip, (peers.get(ip) ?? 0) + 1);
  }
  return peers;
}

const isScan = ({ initiator }: IkeSession, { recovered }: IkeFailures, silent: ReadonlyMap<string, number>): boolean =>
  recovered === null && (silent.get(initiator.ip) ?? 0) >= MANY_PEERS;

/** @param probers addresses that scan the responder, this one among them */
function judge(found: IkeFailures, story: IkeStory, knowledge: Knowledge, probers: readonly string[]): Draft<IkeFailedDetails> | undefined {
  const { cause, failures, attempts, recovered } = found;
  const [first] = failures;
  const last = failures.at(-1);
  if (!first || !last) return undefined;
  const { session } = first;
  const from = session.first;
  const to = lastOf(last);
  const span = Math.max(0, to.at - from.at);
  if (recovered && (attempts < LEAST[cause] || (BY_ABSENCE.has(cause) && span < OUTAGE_SEC))) return undefined;
  const confidence = confidenceOf(found, to, knowledge);
  const exchange = last.exchange;
  const refusal = failures.find((each) => each.session.refusal)?.session.refusal ?? null;
  const largest = Math.max(0, ...failures.map((each) => each.exchange?.largestPacket ?? 0));
  const isLone = attempts === 1 && !IKE_PORTS.has(session.initiator.port);
  return {
    subject: { initiator: session.initiator, responder: session.responder },
    path: session.path,
    severity: recovered || isLone || probers.length > 0 ? 'notice' : 'warning',
    confidence,
    title: `${story.title(sureness(confidence))}${recovered ? `, until ${frameText(recovered)}` : ''}`,
    details: {
      notify: last.notify?.name ?? null,
      cause,
      version: session.version,
      exchange: exchange ? exchangeText(exchange) : '',
      attempts,
      spanSeconds: Math.round(span * 1e6) / 1e6,
      natDetected: natOf(last.session),
      port: exchange?.ports.destination ?? session.responder.port,
      offered: first.session.offered,
      largestRequest: largest,
      ipFragments: failures.reduce((sum, each) => sum + (each.exchange?.ipFragments ?? 0), 0),
      answeredFrom: uniqueEndpoints(failures),
      reason: refusal?.reason ?? null,
      recovered: recovered !== null,
    },
    count: attempts,
    evidence: evidenceOf(failures, recovered),
    because: [
      ...story.because,
      ...(recovered ? [`${FrameText(recovered)}: later the two get on, and their association comes up.`] : []),
      ...(probers.length > 0 ? [scanText(session, probers)] : []),
      ...(isLone && probers.length === 0
        ? [`It was tried once, from port ${session.initiator.port}: a scan of the Internet looks the same.`]
        : []),
    ],
    ruledOut: story.ruledOut,
    remedies: [
      ...(recovered ? [] : probers.length > 0 ? [scanRemedy(session)] : story.remedies),
      ...(confidence === 'certain' ? [] : [nextCapture(found)]),
    ],
  };
}

/** Who else asked. */
function scanText({ initiator, responder }: IkeSession, probers: readonly string[]): string {
  const others = probers.filter((ip) => ip !== initiator.ip);
  return `${countText(others.length, 'other address', 'other addresses')} ${others.length === 1 ? 'asks' : 'ask'} ${responder.ip} as briefly and never again (${listText(others)}): scans of the Internet look so.`;
}

const scanRemedy = ({ responder }: IkeSession): { text: string; commands: string[] } => ({
  text: `At ${responder.ip}: compare these addresses with its connections. Where none of them is a peer, there is nothing to mend`,
  commands: ['swanctl --list-conns', 'ipsec whack --status'],
});

function confidenceOf({ cause, failures, attempts }: IkeFailures, last: Stamp, { drops, end }: Knowledge): Confidence {
  if (cause === 'no-proposal' || cause === 'rejected') return 'certain';
  if (cause === 'unreachable') return failures.some(({ session }) => session.refusal?.isPort) ? 'certain' : 'likely';
  // What came after the answer is encrypted: it may have been another reason than a refusal.
  if (cause === 'restarted') return 'possible';
  if (cause === 'auth-refused' && failures.every(({ eap }) => eap === 'silent')) return 'possible';
  // The answer to the last one may have arrived: who is let in says no more.
  const isLastOpen = failures.every(({ exchange }) => exchange?.response && isClosing(exchange));
  if (cause === 'answers-lost' && attempts === LEAST[cause] && isLastOpen) return 'possible';
  if (!BY_ABSENCE.has(cause)) return 'likely';
  // Whoever answered before is alive, and near: that the first request has had its time is enough.
  const asked = cause === 'no-answer' ? last : (failures[0]?.exchange?.requests[0] ?? last);
  const isEarly = attempts === LEAST[cause] && end - asked.at < END_SEC;
  return drops || isEarly ? lessSure('likely') : 'likely';
}

const sureness = (confidence: Confidence): string =>
  confidence === 'certain' ? '' : confidence === 'likely' ? 'very probably ' : 'possibly ';

/** The latest frame that shows the failure. */
function lastOf({ session, exchange, notify }: IkeFailure): Stamp {
  const stamps = [session.first, exchange?.requests.at(-1), exchange?.response, notify?.stamp].filter(
    (each) => each !== undefined && each !== null,
  );
  return stamps.reduce((a, b) => (compareStamps(a, b) >= 0 ? a : b));
}

function uniqueEndpoints(failures: readonly IkeFailure[]): { ip: string; port: number }[] {
  const all = failures.flatMap(({ session }) => session.answeredFrom.map(({ from }) => from));
  return [...new Map(all.map((from) => [endpointText(from), { ip: from.ip, port: from.port }])).values()];
}

/** What was answered, from where it should be: the peer lives. */
const answersOf = ({ exchanges, answeredFrom }: IkeSession): Stamp[] =>
  answeredFrom.length > 0 ? [] : exchanges.flatMap(({ response }) => response ?? []);

function evidenceOf(failures: readonly IkeFailure[], recovered: Stamp | null): Evidence {
  const evidence = new Evidence();
  for (const { session, exchange, notify } of failures) {
    for (const stamp of exchange?.requests ?? []) evidence.add('request', stamp);
    for (const answer of answersOf(session)) if (answer.frame !== notify?.stamp.frame) evidence.add('answer', answer);
    for (const { stamp } of session.informationals) if (stamp.frame !== notify?.stamp.frame) evidence.add('informational', stamp);
    for (const { from, first } of session.answeredFrom) evidence.add('wrong-answer', first, `from ${endpointText(from)}`);
    if (notify) evidence.add('notify', notify.stamp, notify.name);
    if (session.refusal) evidence.add('icmp-error', session.refusal.stamp, session.refusal.reason);
  }
  if (recovered) evidence.add('established', recovered);
  return evidence;
}

const nextCapture = ({ failures, attempts }: IkeFailures): { text: string; commands: string[] } => {
  const responder = failures[0]?.session.responder.ip ?? 'the responder';
  return {
    text: `To be sure (${countText(attempts, 'attempt')} seen here): capture at ${responder} at the same time, IP fragments too, and let both daemons say more (strongSwan: ike = 2 in a filelog section of strongswan.conf)`,
    commands: [`tcpdump -i any -y LINUX_SLL2 -w ike.pcap 'udp port 500 or udp port 4500 or (ip[6:2] & 0x1fff != 0)'`, 'swanctl --log'],
  };
};
