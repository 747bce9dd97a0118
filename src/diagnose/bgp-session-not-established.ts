import type { BgpConnection, BgpNotification, BgpSession } from '../track/bgp/session.ts';
import { Evidence } from '../track/evidence.ts';
import type { Stamp } from '../track/stamp.ts';
import { CeaseSubcode } from '../wire/bgp/notification.ts';
import { causeOf, isHalfOpen, isSilent, isTraced, type NotEstablishedCause } from './bgp-attempts.ts';
import {
  BgpError,
  frrCommand,
  type NotificationDetails,
  notificationDetails,
  notificationSchema,
  notificationText,
  otherEnd,
  type Party,
  reasonOf,
  sessionSubject,
  spanSeconds,
  speakerOf,
  speakerText,
  wasUp,
} from './bgp-sessions.ts';
import { type Confidence, type Draft, type FindingKind, lessSure, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, number, numberOrNull, object, oneOf, textOrNull, truth } from './schemas.ts';
import { countText, FrameText, frameText } from './text.ts';

export interface NotEstablishedDetails {
  cause: NotEstablishedCause;
  /** SYNs; of `open-rejected` connections in which an OPEN was rejected. */
  attempts: number;
  spanSeconds: number;
  /** Who is in the way, or says no: the router whose ICMP error it is, who refuses, who rejects; null where nobody speaks. */
  by: string | null;
  /** TTL of the SYNs at the place of capture; null where it is not known. */
  ttl: number | null;
  /** AS numbers, by the OPENs. */
  asA: number | null;
  asB: number | null;
  notification: NotificationDetails | null;
  /** It came up later. */
  recovered: boolean;
}

const CAUSES: readonly NotEstablishedCause[] = ['open-rejected', 'ttl-expired', 'refused', 'unanswered'];

export const bgpSessionNotEstablished: FindingKind<NotEstablishedDetails> = {
  kind: 'bgp-session-not-established',
  brief: 'two routers do not get their BGP session up',
  severity: 'warning',
  endsByAbsence: true,
  subject: ['session'],
  details: object({
    cause: oneOf('ttl-expired', 'refused', 'unanswered', 'open-rejected'),
    attempts: count,
    spanSeconds: number,
    by: textOrNull,
    ttl: numberOrNull,
    asA: numberOrNull,
    asB: numberOrNull,
    notification: notificationSchema,
    recovered: truth,
  }),
  means:
    'A router tries again and again to connect to its BGP neighbour, and the session does not come up: no routes are exchanged. A router between them may drop the packets for their TTL ' +
    '(eBGP sends with a TTL of 1), the neighbour may refuse the connection or not answer at all, or one of them does not like the OPEN of the other.',
  provenBy: [
    'TTL: ICMP "time exceeded" quotes the SYN to port 179, again and again for the same low TTL.',
    'Refused: RST or ICMP "unreachable" answers the SYN; or the connection is closed before an OPEN came.',
    'OPEN rejected: a NOTIFICATION before the session is up; its code and subcode say why.',
    'Unanswered: three SYNs or more, and no answer, where answers to this router would be seen.',
    'Half open: SYN and SYN/ACK again and again, and never the ACK. Or the connection is there, and nothing answers the OPEN.',
  ],
  seenFrom: [
    'Either router, or on the link between: SYN, OPEN and NOTIFICATION are not encrypted, not with TCP MD5 either.',
    'TTL: every place that the ICMP errors pass. At the neighbour nothing arrives.',
    'A capture of one direction proves nothing about answers.',
  ],
  looksLike: [
    'The neighbour is just being restarted: the session comes up later (notice, or nothing).',
    'Both connect at the same time: one of the two connections is given up (Cease: connection collision resolution).',
    'A traceroute with SYNs to port 179: its TTLs rise, and it is over within a second or answered by several routers.',
    'A routing loop: the SYNs are sent with a TTL of 64 or 255, or data of a session that is up expires.',
    'A scan of port 179: each neighbour once or twice, not again and again as a router tries.',
    'A capture of one direction: who connects acknowledges and goes on, so it was answered.',
  ],
  remedies: [
    {
      text: 'FRR: what the router itself says of the neighbour, and why it was last reset',
      commands: ["vtysh -c 'show bgp neighbors PEER'"],
    },
    { text: 'BIRD: the same', commands: ['birdc show protocols all NAME'] },
  ],
  references: [
    'RFC 4271 sections 6.2, 6.8 and 8.2',
    'RFC 5082 (GTSM: TTL security)',
    'RFC 4486 (subcodes of Cease)',
    'RFC 2385 (TCP MD5: what does not fit is dropped in silence)',
    'FRR: bgp, neighbor PEER ebgp-multihop',
    'tinc.conf(5): DecrementTTL',
  ],
};

/** Retries that count: fewer SYNs without an answer are a slow start. */
const MANY_SYNS = 3;
/** What recovers within this was a restart. */
const RESTART_SEC = 10;
/** What was asked this late may be answered after the end. */
const END_SEC = 1;
/** Who asks that many routers that never say OPEN scans, however often; fewer, where it does not go on as a router does. */
const MANY_PEERS = 16;
const SOME_PEERS = 3;
/** Three SYNs of one connection take that long (RFC 6298: after 1 s and 2 s); routers wait longer between their connections. */
const RETRIES_SEC = 3;
/** SYNs that follow each other faster are no retries: probes. */
const RETRY_SEC = 1;
interface Failure {
  cause: NotEstablishedCause;
  connection: BgpConnection;
}

/** @param parties what the two do in other sessions too */
export function judgeNotEstablished(
  session: BgpSession,
  knowledge: Knowledge,
  parties: ReadonlyMap<string, Party>,
): Draft<NotEstablishedDetails> | undefined {
  const { connections } = session;
  const lastUp = connections.findLastIndex(wasUp);
  const up = connections[lastUp];
  const failuresOf = (list: readonly BgpConnection[]): Failure[] =>
    list.flatMap((connection) => {
      const cause = causeOf(connection, knowledge.end);
      return cause === undefined ? [] : { cause, connection };
    });
  // While a session is up, what else is tried beside it does not matter.
  const current = up && (!up.end || isShutDown(up)) ? [] : failuresOf(connections.slice(lastUp + 1));
  const now = leading(current, session);
  const draft = now && judged(session, now, null, knowledge, parties);
  if (draft) return draft;
  const firstUp = connections.find(({ established }) => established !== null);
  if (!firstUp?.established) return undefined;
  const before = leading(failuresOf(connections.slice(0, connections.indexOf(firstUp))), session);
  return before && judged(session, before, firstUp.established, knowledge, parties);
}

/** An operator ended it: that what is tried since is refused, or not answered, is meant so (`bgp-session-reset` tells it). */
function isShutDown({ notification }: BgpConnection): boolean {
  if (!notification) return false;
  const { code, subcode } = reasonOf(notification);
  return code === BgpError.Cease && (subcode === CeaseSubcode.Shutdown || subcode === CeaseSubcode.Deconfigured);
}

/** Of several causes the one that says most. */
function leading(failures: readonly Failure[], session: BgpSession): { cause: NotEstablishedCause; failures: BgpConnection[] } | undefined {
  const cause = CAUSES.find((each) => failures.some((failure) => failure.cause === each));
  if (cause === undefined) return undefined;
  const those = failures.filter((failure) => failure.cause === cause).map(({ connection }) => connection);
  if (cause === 'ttl-expired' && session.opensSeen === 0 && isTraced(those)) return undefined;
  return { cause, failures: those };
}

function judged(
  session: BgpSession,
  { cause, failures }: { cause: NotEstablishedCause; failures: BgpConnection[] },
  recovered: Stamp | null,
  knowledge: Knowledge,
  parties: ReadonlyMap<string, Party>,
): Draft<NotEstablishedDetails> | undefined {
  const [first] = failures;
  const last = failures.at(-1);
  if (!first || !last) return undefined;
  const attempts = attemptsOf(session, cause, failures);
  const span = spanSeconds([first.first, last.synLast ?? last.last]);
  const confidence = confidenceOf(session, cause, failures, attempts, span, knowledge, parties);
  if (confidence === undefined) return undefined;
  // A router that is restarted refuses for a while, or says nothing.
  if (recovered && (cause === 'refused' || cause === 'unanswered' ? attempts < MANY_SYNS || span < RESTART_SEC : attempts < 2))
    return undefined;
  const asker = first.client.ip;
  const story = storyOf(cause, failures, asker, session);
  const evidence = evidenceOf(failures);
  if (recovered) evidence.add('established', recovered);
  const until = recovered ? `, until ${frameText(recovered)}` : '';
  const sure = confidence === 'certain' ? '' : confidence === 'likely' ? 'very probably ' : 'possibly ';
  return {
    subject: sessionSubject(session),
    path: session.path,
    severity: recovered ? 'notice' : 'warning',
    confidence,
    title: `${story.title(sure)} (${attemptsText(cause, attempts)})${until}`,
    details: {
      cause,
      attempts,
      spanSeconds: span,
      by: story.by,
      ttl: first.synTtl,
      asA: session.a.as,
      asB: session.b.as,
      notification: notificationDetails(story.notification),
      recovered: recovered !== null,
    },
    count: attempts,
    evidence,
    because: [
      ...story.because,
      ...(recovered
        ? [`${FrameText(recovered)}: the session is up after all.`]
        : ['Up to the end of the capture the session does not come up.']),
    ],
    ruledOut: [...story.ruledOut, 'Collision of two connections (RFC 4271 section 6.8): there is no other one that is up.'],
    remedies: [
      ...story.remedies,
      ...bgpSessionNotEstablished.remedies.map(named(story.peer)),
      ...(confidence === 'certain' ? [] : [NEXT_CAPTURE]),
    ],
  };
}

const attemptsText = (cause: NotEstablishedCause, attempts: number): string =>
  cause === 'open-rejected' ? countText(attempts, 'time', 'times') : countText(attempts, 'SYN');

const named =
  (peer: string) =>
  ({ text: words, commands }: Remedy): Remedy => ({ text: words, commands: commands.map((command) => command.replace('PEER', peer)) });

const NEXT_CAPTURE: Remedy = {
  text: 'To be sure, capture at both routers at once, with the ICMP errors: does the SYN arrive, and who answers it',
  commands: ["tcpdump -ni any -s 0 -w bgp.pcap 'tcp port 179 or icmp or icmp6'"],
};

/** Of sessions that never came up all are known, also where the oldest connections are not kept. */
function attemptsOf(session: BgpSession, cause: NotEstablishedCause, failures: readonly BgpConnection[]): number {
  if (cause === 'open-rejected') return failures.length;
  const seen = failures.reduce((sum, { syns, ttlExceeded }) => sum + Math.max(1, syns, ttlExceeded?.count ?? 0), 0);
  const isAll = session.connectionsSeen > session.connections.length && failures.length === session.connections.length;
  return isAll ? Math.max(seen, session.syns) : seen;
}

function confidenceOf(
  session: BgpSession,
  cause: NotEstablishedCause,
  failures: readonly BgpConnection[],
  attempts: number,
  span: number,
  knowledge: Knowledge,
  parties: ReadonlyMap<string, Party>,
): Confidence | undefined {
  const [first] = failures;
  if (!first) return undefined;
  if (cause === 'open-rejected') return 'likely';
  const isRetried = attempts >= MANY_SYNS && span >= RETRIES_SEC;
  if (isScan(first.client.ip, isRetried, parties)) return undefined;
  if (cause === 'ttl-expired') {
    if (attempts === 1) return 'possible';
    if (span < RETRY_SEC) return undefined;
    return isRetried && failures.some(({ ttlExceeded, synTtl }) => ttlExceeded?.isSyn && synTtl !== null) ? 'certain' : 'likely';
  }
  if (cause === 'refused') return isRetried ? 'likely' : 'possible';
  const last = failures.at(-1)?.synLast;
  if (attempts < MANY_SYNS && !failures.some(isSilent)) return undefined;
  const isSeen = failures.some(({ isAccepted }) => isAccepted) || wouldBeSeen(session, first.client.ip, knowledge, parties);
  const isLate = last != null && knowledge.end - last.at < END_SEC && attempts === MANY_SYNS;
  const confidence = isSeen ? 'likely' : 'possible';
  return isLate || knowledge.drops ? lessSure(confidence) : confidence;
}

/** Many routers asked, none of which ever spoke BGP. */
function isScan(asker: string, isRetried: boolean, parties: ReadonlyMap<string, Party>): boolean {
  const party = parties.get(asker);
  return party !== undefined && party.sessions >= (isRetried ? MANY_PEERS : SOME_PEERS) && party.opens === 0;
}

/** Whether what the peer answers would pass the place of capture: something of it does, or of others to the asker. */
function wouldBeSeen(session: BgpSession, asker: string, { neighbourhood }: Knowledge, parties: ReadonlyMap<string, Party>): boolean {
  const peer = session.a.ip === asker ? session.b.ip : session.a.ip;
  if (parties.get(peer)?.isSeen || parties.get(asker)?.isToldSomething) return true;
  return neighbourhood.list.some(({ ip, claims }) => ip === peer && [...claims.values()].some(({ answers }) => answers > 0));
}

function evidenceOf(failures: readonly BgpConnection[]): Evidence {
  const evidence = new Evidence();
  for (const { synFirst, synLast, ttlExceeded, refusal, opens, notification, end } of failures) {
    if (synFirst) evidence.add('syn', synFirst);
    if (synLast) evidence.add('syn', synLast);
    if (ttlExceeded) {
      evidence.add('time-exceeded', ttlExceeded.stamp);
      evidence.add('time-exceeded', ttlExceeded.last);
    }
    if (refusal) evidence.add('refusal', refusal.stamp);
    for (const [from, { stamp, as }] of opens) evidence.add('open', stamp, `AS ${as} of ${from}`);
    if (notification) evidence.add('notification', notification.stamp);
    else if (end && end.cause !== 'superseded') evidence.add('closed', end.stamp, `by ${end.by}`);
  }
  return evidence;
}

interface Story {
  title: (sure: string) => string;
  by: string | null;
  peer: string;
  notification: BgpNotification | null;
  because: string[];
  ruledOut: string[];
  remedies: Remedy[];
}

function storyOf(cause: NotEstablishedCause, failures: readonly BgpConnection[], asker: string, session: BgpSession): Story {
  const [first] = failures;
  const peer = first ? otherEnd(first, asker) : '';
  const common = { peer, notification: null, by: null };
  const asOf = (ip: string): number | null => (session.a.ip === ip ? session.a.as : session.b.as);
  switch (cause) {
    case 'ttl-expired':
      return { ...common, ...expired(failures, asker, peer, asOf) };
    case 'refused':
      return { ...common, ...refused(failures, asker, peer, session.connections.some(wasUp)) };
    case 'open-rejected':
      return { ...common, ...rejected(failures, session) };
    default:
      return { ...common, ...unanswered(failures, asker, peer) };
  }
}

type Part = Omit<Story, 'peer' | 'notification'> & Partial<Pick<Story, 'peer' | 'notification'>>;

function expired(failures: readonly BgpConnection[], asker: string, peer: string, asOf: (ip: string) => number | null): Part {
  const found = failures.find(({ ttlExceeded }) => ttlExceeded);
  const error = found?.ttlExceeded;
  const ttl = found?.synTtl ?? null;
  const by = error?.from ?? '';
  const sender = error?.sender ?? asker;
  const receiver = sender === asker ? peer : asker;
  return {
    by,
    title: (sure) => `BGP between ${asker} and ${peer} does not come up: the TTL of ${sender}'s packets ${sure}ends at ${by}`,
    because: [
      ...(found?.synFirst
        ? [
            `${FrameText(found.synFirst)}: ${asker} asks ${peer} for a connection to port 179${ttl === null ? '' : `, with a TTL of ${ttl} here`}.`,
          ]
        : []),
      ...(error ? [`${FrameText(error.stamp)}: ${by} answers that the packet's time is over (ICMP time exceeded), and quotes it.`] : []),
      `An eBGP session is taken to be on one link: routers send its packets with a TTL of 1. ${by} is a hop between the two, or a tunnel that counts as one.`,
    ],
    ruledOut: [
      ...(ttl === null
        ? ['Traceroute: one router alone answers. With what TTL the SYNs are sent is not seen: a routing loop would look the same.']
        : ['Traceroute: the TTL does not rise from SYN to SYN.']),
      ...(ttl !== null && error?.isSyn ? [`A routing loop: it uses up a TTL of 64 or more; the SYN has ${ttl} here.`] : []),
      `A dead neighbour or a firewall: the packets end before they get to ${receiver}.`,
    ],
    remedies: [
      {
        text: `Allow more hops, at both routers: 2 where ${receiver} is right behind ${by}, one more for each router after it`,
        commands: [
          frrCommand(asOf(asker), `neighbor ${peer} ebgp-multihop 2`),
          frrCommand(asOf(peer), `neighbor ${asker} ebgp-multihop 2`),
        ],
      },
      {
        text: 'Or, safer, with a TTL of 255 that the other side checks (RFC 5082), at both routers',
        commands: [
          frrCommand(asOf(asker), `neighbor ${peer} ttl-security hops 2`),
          frrCommand(asOf(peer), `neighbor ${asker} ttl-security hops 2`),
        ],
      },
      { text: 'BIRD, in the protocol of this neighbour: a line, then reload', commands: ['multihop 2;', 'birdc configure'] },
      {
        text: 'Where a tunnel between them eats the TTL: let it not count as a hop. In the tinc.conf of each node: a line',
        commands: ['DecrementTTL = no'],
      },
    ],
  };
}

/** @param isKnown they had a session before: the neighbour knows who asks */
function refused(failures: readonly BgpConnection[], asker: string, peer: string, isKnown: boolean): Part {
  const found = failures.find(({ refusal }) => refusal) ?? failures[0];
  const refusal = found?.refusal;
  const by = refusal?.from ?? found?.end?.by ?? peer;
  const asked = found?.synFirst ? [`${FrameText(found.synFirst)}: ${asker} asks ${peer} for a connection to port 179.`] : [];
  if (!refusal)
    return {
      by,
      title: (sure) =>
        `${peer} ${sure}${isKnown ? `wants no BGP with ${asker} any more` : `does not know ${asker} as a BGP neighbour`}: it accepts the connection and closes it`,
      because: [
        ...asked,
        ...(found?.end ? [`${FrameText(found.end.stamp)}: ${by} closes it before it said OPEN.`] : []),
        'A router does so with who is not among its neighbours, or is shut down there.',
      ],
      ruledOut: ['Nothing listens there: the connection is accepted.'],
      remedies: [
        {
          text: `At ${peer}: is ${asker} a neighbour, and not shut down`,
          commands: ["vtysh -c 'show bgp summary'", `vtysh -c 'show bgp neighbors ${asker}'`],
        },
      ],
    };
  const isReset = refusal.kind === 'rst';
  return {
    by,
    title: (sure) =>
      `${by === peer ? peer : `${by}, for ${peer},`} ${sure}refuses BGP from ${asker}, by ${isReset ? 'RST' : `ICMP ${refusal.text}`}`,
    because: [
      ...asked,
      `${FrameText(refusal.stamp)}: ${by} answers ${isReset ? 'with RST: nothing listens there' : `with ICMP: ${refusal.text}`}.`,
      isReset
        ? 'No BGP runs at this address of the neighbour, it listens on another one alone, or a firewall rejects for it.'
        : 'A firewall or a router on the way says so.',
    ],
    ruledOut: ['A wrong TCP MD5 password: that is silence, not a refusal.', 'A scan: it is tried again and again.'],
    remedies: [
      { text: `At ${peer}: does BGP listen on this address`, commands: ["ss -ltnp 'sport = :179'", 'systemctl status frr bird'] },
      { text: `At ${peer}: does a firewall reject it`, commands: ['nft list ruleset', 'iptables -S'] },
    ],
  };
}

function rejected(failures: readonly BgpConnection[], session: BgpSession): Part {
  const found = failures.find(({ notification }) => notification);
  const notification = found?.notification ?? null;
  const by = notification?.from ?? '';
  const other = found ? otherEnd(found, by) : '';
  const opens = [...(found?.opens ?? [])];
  const asOf = (ip: string): number | null => (session.a.ip === ip ? session.a.as : session.b.as);
  const words = notification ? notificationText(notification) : '';
  const isAs = notification?.code === BgpError.Open && notification.subcode === 2;
  return {
    by,
    peer: other,
    notification,
    title: () => `${by} rejects the BGP session with ${speakerText(other, asOf(other))}: ${words}`,
    because: [
      ...opens.map(
        ([from, { stamp, as, id, holdTime }]) =>
          `${FrameText(stamp)}: OPEN of ${from}: AS ${as}, identifier ${id}, hold time ${holdTime} s.`,
      ),
      ...(notification
        ? [
            `${FrameText(notification.stamp)}: ${by} ends it with a NOTIFICATION: ${words}${notification.message ? `, and says "${notification.message}"` : ''}.`,
          ]
        : []),
      ...(isAs ? [`${by} was told that ${other} has another AS than ${asOf(other) ?? 'the one in its OPEN'}.`] : []),
    ],
    ruledOut: ['A firewall, or nothing that listens: both sides speak BGP.'],
    remedies: rejectionRemedies(notification, by, other, asOf),
  };
}

/** By subcode (RFC 4271 section 6.2, RFC 5492, RFC 9234, RFC 4486). */
function rejectionRemedies(notification: BgpNotification | null, by: string, other: string, asOf: (ip: string) => number | null): Remedy[] {
  const { code = 0, subcode = 0 } = notification ?? {};
  if (code === BgpError.Cease)
    return [
      {
        text: `At ${by}: is ${other} shut down, or not configured`,
        commands: [frrCommand(asOf(by), `no neighbor ${other} shutdown`), `vtysh -c 'show bgp neighbors ${other}'`],
      },
    ];
  if (code !== BgpError.Open) return [];
  if (subcode === 2)
    return [
      {
        text: `At ${by}: name the AS that ${other} has`,
        commands: [frrCommand(asOf(by), `neighbor ${other} remote-as ${asOf(other) ?? 'AS'}`)],
      },
      { text: `BIRD, at ${by}, in the protocol of this neighbour: a line`, commands: [`neighbor ${other} as ${asOf(other) ?? 'AS'};`] },
      { text: `Or give ${other} the AS that ${by} expects of it`, commands: [] },
    ];
  if (subcode === 3)
    return [
      { text: 'Both have the same BGP identifier: give each router its own', commands: [frrCommand(asOf(other), 'bgp router-id ID')] },
    ];
  if (subcode === 6)
    return [
      {
        text: `${by} does not take this hold time: a longer one at ${other}`,
        commands: [frrCommand(asOf(other), `neighbor ${by} timers 60 180`)],
      },
    ];
  if (subcode === 7)
    return [
      {
        text: `${by} does not have a capability that ${other} asks for: leave it out there`,
        commands: [frrCommand(asOf(other), `neighbor ${by} dont-capability-negotiate`)],
      },
    ];
  return [];
}

function unanswered(failures: readonly BgpConnection[], asker: string, peer: string): Part {
  const [first] = failures;
  const last = failures.at(-1);
  const silent = failures.find(isSilent);
  const halfOpen = silent ? undefined : failures.find(isHalfOpen);
  const asked = [
    ...(first?.synFirst ? [`${FrameText(first.synFirst)}: ${asker} asks ${peer} for a connection to port 179.`] : []),
    ...(last?.synLast && last !== first ? [`${FrameText(last.synLast)}: it still does.`] : []),
  ];
  if (silent) return { by: null, ...silence(silent, asked) };
  return {
    by: null,
    title: (sure) =>
      halfOpen
        ? `${asker} ${sure}does not get the SYN/ACKs of ${peer}, or drops them: no BGP connection`
        : `${peer} ${sure}does not answer the BGP connections of ${asker}`,
    because: [
      ...asked,
      halfOpen
        ? `${peer} answers with SYN/ACK each time, and ${asker} never acknowledges it: it gets lost on the way back, or a firewall, TTL security (GTSM, RFC 5082) or TCP MD5 of ${asker} drops it in silence.`
        : 'Neither SYN/ACK nor RST nor an ICMP error comes back: the neighbour is off, a firewall drops the SYN, or the two do not agree about TTL security (GTSM, RFC 5082: what has too low a TTL is dropped in silence), TCP MD5 or TCP-AO (so is what is signed wrongly, or not at all).',
    ],
    ruledOut: halfOpen
      ? [`Nothing listens at ${peer}, or it does not get the SYN: it answers.`, 'A scan or a flood of SYNs: the same SYN is sent again.']
      : ['Nothing listens at the neighbour: that would be an RST.'],
    remedies: [
      {
        text: halfOpen
          ? `At ${asker}: do the SYN/ACKs arrive, with which TTL, and is something said of MD5`
          : `At ${peer}: do the SYNs arrive, with which TTL, and is something said of MD5`,
        commands: [
          `tcpdump -vni any 'tcp port 179 and host ${halfOpen ? peer : asker}'`,
          'nstat -az TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure TcpExtTCPMinTTLDrop',
        ],
      },
      { text: 'The same password at both, or none', commands: [frrCommand(null, `neighbor ${peer} password PASSWORD`)] },
      {
        text: 'TTL security at both, with as many hops as there are, or at none',
        commands: [frrCommand(null, `neighbor ${peer} ttl-security hops 1`), frrCommand(null, `no neighbor ${peer} ttl-security hops 1`)],
      },
      { text: `At ${halfOpen ? asker : peer}: does a firewall drop it`, commands: ['nft list ruleset', 'iptables -S'] },
    ],
  };
}

/** The handshake is over, and no OPEN comes back. */
function silence(connection: BgpConnection, asked: string[]): Omit<Part, 'by'> {
  const { opens, end, client } = connection;
  const [[asker, open] = [client.ip]] = opens;
  const peer = otherEnd(connection, asker);
  const isAcknowledged = speakerOf(connection, asker)?.acknowledged === true;
  return {
    title: (sure) => `${peer} ${sure}does not answer the BGP OPEN of ${asker}`,
    because: [
      ...asked,
      ...(open ? [`${FrameText(open.stamp)}: OPEN of ${asker}.`] : []),
      ...(end && end.by === asker ? [`${FrameText(end.stamp)}: ${asker} gives up.`] : []),
      isAcknowledged
        ? 'The connection is accepted, by the kernel, and nothing answers the OPEN: the BGP daemon hangs.'
        : 'The connection is accepted, and the OPEN is not even acknowledged: after the handshake a firewall on the way, or at the neighbour, drops what comes.',
    ],
    ruledOut: [
      `Nothing listens at ${connection.server.ip}: the connection is accepted.`,
      'A scan: it says OPEN, and waits for the answer.',
    ],
    remedies: isAcknowledged
      ? [{ text: `At ${peer}: does the BGP daemon still do anything`, commands: ["ss -tnp 'sport = :179'", 'systemctl status frr bird'] }]
      : [
          { text: `At ${peer}: does the OPEN arrive`, commands: [`tcpdump -ni any 'tcp port 179 and host ${asker}'`] },
          { text: 'At each router and firewall between: what is dropped', commands: ['nft list ruleset', 'iptables -S'] },
        ],
  };
}
