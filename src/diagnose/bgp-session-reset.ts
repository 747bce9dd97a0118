import type { BgpSession } from '../track/bgp/session.ts';
import { Evidence } from '../track/evidence.ts';
import { holdTimeOf, mostOpens, type Reset, type ResetCause, resetCauses, resetsOf } from './bgp-resets.ts';
import {
  frrCommand,
  type NotificationDetails,
  notificationDetails,
  notificationSchema,
  notificationText,
  operatorText,
  otherEnd,
  pairText,
  sessionSubject,
  spanSeconds,
} from './bgp-sessions.ts';
import { type Confidence, type Draft, type FindingKind, lessSure, type Remedy, type Severity, severities } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, number, numberOrNull, object, oneOf, truth } from './schemas.ts';
import { FrameText, frameText } from './text.ts';

export interface SessionResetDetails {
  notification: NotificationDetails | null;
  cause: ResetCause;
  resets: number;
  /** Seconds, as agreed on; null where the OPENs are not seen. */
  holdTime: number | null;
  /** OPENs of one speaker within ten minutes, at most. */
  opens: number;
  /** Octets of TCP payload that did not get through; null where nothing is seen to be stuck. */
  stuckSize: number | null;
  spanSeconds: number;
  /** The session was up again at the end. */
  recovered: boolean;
}

export const bgpSessionReset: FindingKind<SessionResetDetails> = {
  kind: 'bgp-session-reset',
  brief: 'a BGP session that was up was lost',
  severity: 'warning',
  subject: ['session'],
  details: object({
    notification: notificationSchema,
    cause: oneOf(...resetCauses),
    resets: count,
    holdTime: numberOrNull,
    opens: count,
    stuckSize: numberOrNull,
    spanSeconds: number,
    recovered: truth,
  }),
  means:
    'A BGP session that was up ended. All routes that came by it are gone until it is up again and has told them once more, and traffic goes elsewhere or nowhere. Where the hold timer ran ' +
    'out, packets did not get through: all of them (an outage), those of one direction, or only large ones (MTU). Where an operator did it, it is a notice.',
  provenBy: [
    'NOTIFICATION: its code and subcode say why (4: hold timer; 6: Cease, with what the operator wrote).',
    'No NOTIFICATION, but one side said nothing for as long as the hold time, and then the connection ended.',
    'Three OPENs of one router within ten minutes: it goes up and down.',
    'Which octets were sent again and again, and what still came the other way meanwhile, tells an outage from a narrow link.',
  ],
  seenFrom: [
    'Either router, or the link between; inside a tunnel too.',
    'That a large UPDATE is sent again is seen at its sender; at the receiver it is missing, and what comes after it is there.',
  ],
  looksLike: [
    'The end of the capture: nothing was lost.',
    'One direction leaves the capture (it goes another way from then on): what is not seen any more is still acknowledged.',
    'Two connections at the same time: one is given up (Cease: connection collision resolution).',
    'An operator shuts down or resets a neighbour (notice), or a router restarts once (nothing, if it comes back).',
    'Graceful restart (RFC 4724): the routes are kept meanwhile (info).',
  ],
  remedies: [
    {
      text: 'FRR: why it was last reset, and how often',
      commands: ["vtysh -c 'show bgp neighbors PEER'", "vtysh -c 'show bgp summary failed'"],
    },
    { text: 'BIRD: the same', commands: ['birdc show protocols all NAME'] },
  ],
  references: [
    'RFC 4271 sections 4.5, 6.5 and 6.7',
    'RFC 4486, RFC 9003 (Cease, shutdown communication)',
    'RFC 4724, RFC 8538 (graceful restart)',
    'RFC 2923 (TCP problems with path MTU discovery)',
  ],
};

const FLAP_OPENS = 3;
/** A session that is not tried again for this long stays away. */
const GONE_SEC = 60;

const isHold = ({ cause }: Reset): boolean =>
  cause === 'mtu-suspect' || cause === 'link-outage' || cause === 'one-way-loss' || cause === 'hold-timer';

export function judgeReset(session: BgpSession, { drops, end }: Knowledge): Draft<SessionResetDetails> | undefined {
  const resets = resetsOf(session);
  const flap = mostOpens(session);
  const isFlapping = flap.stamps.length >= FLAP_OPENS && session.established > 1;
  const last = resets.at(-1);
  if (!last) return undefined;
  const again = session.connections.findLast((each) => each.established !== null && each.end === null)?.established;
  const recovered = again != null;
  const worst = worstOf(resets, (reset) => weightOf(reset, isFlapping, recovered, end - last.stamp.at));
  if (!worst) return undefined;
  const { told, weight } = worst;
  const holdTime = holdTimeOf(session, told.connection);
  const total = Math.max(resets.length, session.resets);
  return {
    subject: sessionSubject(session),
    path: session.path,
    severity: weight.severity,
    confidence: drops && told.notification === null ? lessSure(weight.confidence) : weight.confidence,
    title: titleOf(session, told, total, holdTime),
    details: {
      notification: notificationDetails(told.notification),
      cause: told.cause,
      resets: total,
      holdTime,
      opens: flap.stamps.length,
      stuckSize: told.stuck?.data.size ?? null,
      spanSeconds: spanSeconds(resets.map(({ stamp }) => stamp)),
      recovered,
    },
    count: total,
    evidence: evidenceOf(session, resets),
    because: [
      ...because(told, holdTime, resets),
      ...others(resets, told),
      ...(isFlapping ? [`${flap.from} sends ${flap.stamps.length} OPENs within ten minutes: the session goes up and down.`] : []),
      again ? `${FrameText(again)}: the session is up again.` : 'Up to the end of the capture it is not up again.',
    ],
    ruledOut: ruledOut(told),
    remedies: [...remediesOf(session, told), ...bgpSessionReset.remedies.map((remedy) => named(remedy, told))],
  };
}

interface Weight {
  severity: Severity;
  confidence: Confidence;
}

/** The most severe; of those the one that says most, in the order of the causes. */
function worstOf(resets: readonly Reset[], weightOf: (reset: Reset) => Weight | undefined): { told: Reset; weight: Weight } | undefined {
  const rank = (told: Reset, { severity }: Weight): number =>
    severities.indexOf(severity) * resetCauses.length + resetCauses.indexOf(told.cause);
  let worst: { told: Reset; weight: Weight } | undefined;
  for (const told of resets) {
    const weight = weightOf(told);
    if (weight && (!worst || rank(told, weight) < rank(worst.told, worst.weight))) worst = { told, weight };
  }
  return worst;
}

/** What one reset is worth: an operator's is a notice, a router's that restarts once and comes back nothing. */
function weightOf({ cause }: Reset, isFlapping: boolean, recovered: boolean, goneSec: number): Weight | undefined {
  if (cause === 'administrative') return { severity: 'notice', confidence: 'likely' };
  if (cause !== 'closed' && cause !== 'restart' && cause !== 'graceful-restart') return { severity: 'warning', confidence: 'likely' };
  if (isFlapping) return { severity: 'warning', confidence: 'likely' };
  if (cause === 'graceful-restart') return { severity: 'info', confidence: 'likely' };
  if (recovered) return undefined;
  return { severity: 'warning', confidence: goneSec >= GONE_SEC ? 'likely' : 'possible' };
}

const WORDS: Readonly<Record<ResetCause, string>> = {
  'mtu-suspect': 'hold timer; large packets very probably do not get through (MTU)',
  'link-outage': 'hold timer; nothing got through for a while',
  'one-way-loss': 'hold timer; what one side sends does not get through',
  'hold-timer': 'hold timer',
  'max-prefix': 'too many prefixes',
  'message-error': 'an error in a message',
  rejected: 'rejected',
  'out-of-resources': 'out of resources',
  'bfd-down': 'BFD says that the other side is gone',
  restart: 'one side began anew',
  closed: 'closed without a NOTIFICATION',
  'graceful-restart': 'graceful restart',
  administrative: 'by an operator',
};

function titleOf(session: BgpSession, { cause, notification }: Reset, total: number, holdTime: number | null): string {
  const times = total === 1 ? '' : ` ${total} times`;
  const isOwnWords =
    notification !== null && cause !== 'mtu-suspect' && cause !== 'link-outage' && cause !== 'one-way-loss' && cause !== 'hold-timer';
  const hold =
    holdTime && WORDS[cause].startsWith('hold timer') ? WORDS[cause].replace('hold timer', `hold timer of ${holdTime} s`) : WORDS[cause];
  const words = isOwnWords ? `${notificationText(notification)}${operatorText(notification)}` : hold;
  return `BGP between ${pairText(session)} was lost${times}: ${words}`;
}

function because(told: Reset, holdTime: number | null, resets: readonly Reset[]): string[] {
  const { notification, silent, stuck, cause, connection, stamp, by } = told;
  const hold = holdTime === null ? 'the hold time' : `the hold time of ${holdTime} s`;
  const established = connection.established;
  return [
    ...(established ? [`${FrameText(established)}: the session is up.`] : []),
    ...(stuck
      ? [
          `From ${frameText(stuck.data.first)} to ${frameText(stuck.data.last)} ${stuck.speaker.ip} sends the same octets ${stuck.data.times} times, ${stuck.data.size} at once, and nothing acknowledges them.`,
        ]
      : []),
    ...meaning(told, resets),
    ...(silent && !notification
      ? [`${FrameText(silent.since)} is the last message of ${silent.speaker.ip}: ${silent.seconds} s of silence, ${hold} is over.`]
      : []),
    notification
      ? `${FrameText(notification.stamp)}: ${notification.from} ends the session with a NOTIFICATION: ${notificationText(notification)}${notification.message ? `, and says "${notification.message}"` : ''}.`
      : cause === 'restart' || by === null
        ? `${FrameText(stamp)}: a new connection takes the place of the old one, whose end is not seen.`
        : `${FrameText(stamp)}: ${by} closes the connection, without a NOTIFICATION.`,
  ];
}

/** What follows from what got through meanwhile. */
function meaning({ cause, stuck, connection }: Reset, resets: readonly Reset[]): string[] {
  const sender = stuck?.speaker.ip;
  const peer = sender === undefined ? '' : otherEnd(connection, sender);
  switch (cause) {
    case 'mtu-suspect': {
      const again = resets.filter((reset) => reset.cause === 'mtu-suspect').length;
      return [
        stuck
          ? `Meanwhile what ${peer} sends still comes, and small packets got through before: it is the large ones that do not. KEEPALIVEs behind them wait too, for TCP keeps the order.`
          : 'Later octets of the same connection came, those before them never did: it is the large packets that do not get through.',
        ...(again > 1 ? [`That happens ${again} times, each time with the first full table.`] : []),
      ];
    }
    case 'link-outage':
      return [`Meanwhile nothing comes from ${peer} either: the link or the tunnel between them is down, or carries nothing.`];
    case 'one-way-loss':
      return [`Meanwhile what ${peer} sends still comes: the way to ${peer} loses even small packets, the way back does not.`];
    default:
      return [];
  }
}

/** The other resets, in few words. */
function others(resets: readonly Reset[], told: Reset): string[] {
  return resets
    .filter((reset) => reset !== told && reset.cause !== told.cause)
    .slice(0, 4)
    .map(
      ({ stamp, cause, notification }) =>
        `${FrameText(stamp)}: lost for another reason: ${notification && !isHoldCause(cause) ? notificationText(notification) + (notification.message ? `, "${notification.message}"` : '') : WORDS[cause]}.`,
    );
}

/** Packets did not get through: the hold timer ran out. */
export const isHoldCause = (cause: ResetCause): boolean => WORDS[cause].startsWith('hold timer');

function ruledOut(told: Reset): string[] {
  return [
    'Connection collision: the connection that ended was the one that was up.',
    'The end of the capture: the end of the connection is in it.',
    ...(isHold(told) ? ['An operator: no Cease was sent.'] : []),
    ...(told.cause === 'mtu-suspect' && told.stuck ? ['An outage: the other direction works all the time.'] : []),
  ];
}

function evidenceOf(session: BgpSession, resets: readonly Reset[]): Evidence {
  const evidence = new Evidence();
  for (const { connection, notification, stamp, silent, stuck } of resets) {
    if (connection.established) evidence.add('established', connection.established);
    if (stuck) {
      evidence.add('stuck', stuck.data.first, `${stuck.data.size} octets of ${stuck.speaker.ip}`);
      evidence.add('stuck', stuck.data.last, `${stuck.data.size} octets of ${stuck.speaker.ip}`);
    }
    if (silent) evidence.add('last-message', silent.since, `of ${silent.speaker.ip}`);
    if (notification) evidence.add('notification', notification.stamp, notificationText(notification));
    else evidence.add('closed', stamp);
  }
  for (const { opens, isCollision } of session.connections) {
    if (isCollision) continue;
    for (const [from, { stamp }] of opens) evidence.add('open', stamp, `of ${from}`);
  }
  return evidence;
}

function named({ text: words, commands }: Remedy, { connection }: Reset): Remedy {
  return { text: words, commands: commands.map((command) => command.replace('PEER', connection.server.ip)) };
}

function remediesOf(session: BgpSession, { cause, notification, stuck, connection }: Reset): Remedy[] {
  const by = notification?.from ?? connection.client.ip;
  const other = otherEnd(connection, by);
  const asOf = (ip: string): number | null => (session.a.ip === ip ? session.a.as : session.b.as);
  const sender = stuck?.speaker.ip ?? connection.client.ip;
  const peer = otherEnd(connection, sender);
  switch (cause) {
    case 'mtu-suspect':
      return [
        {
          text: `At ${sender}: what is the largest packet that gets through to ${peer}`,
          commands: [`tracepath -n ${peer}`, `ping -M do -s 1472 ${peer}`],
        },
        {
          text: 'Give the tunnel or the link the MTU that the path carries, let the ICMP errors through (type 3 code 4), or clamp the MSS of the session',
          commands: [
            'nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu',
            frrCommand(asOf(sender), `neighbor ${peer} tcp-mss 1200`),
          ],
        },
      ];
    case 'link-outage':
    case 'one-way-loss':
    case 'hold-timer':
      return [
        { text: 'Look at what lies between them at that time: the link, the tunnel, its daemon', commands: [`ping ${peer}`, 'ip -s link'] },
        {
          text: 'Where outages are to be noticed sooner than by the hold timer: BFD',
          commands: [frrCommand(asOf(sender), `neighbor ${peer} bfd`)],
        },
      ];
    case 'max-prefix':
      return [
        {
          text: `At ${by}: does ${other} announce what it should; if so, a higher limit, and clear the session`,
          commands: [
            frrCommand(asOf(by), 'address-family ipv4 unicast', `neighbor ${other} maximum-prefix NUMBER`),
            `vtysh -c 'clear bgp ${other}'`,
          ],
        },
      ];
    case 'message-error':
      return [
        {
          text: 'One of the two sends what the other cannot read: compare their versions, and keep this capture for their makers',
          commands: ["vtysh -c 'show version'", 'birdc show status'],
        },
      ];
    case 'administrative':
      return [
        {
          text: `If nobody meant it: at ${by}, is ${other} shut down`,
          commands: ["vtysh -c 'show running-config bgpd'", frrCommand(asOf(by), `no neighbor ${other} shutdown`)],
        },
      ];
    default:
      return [{ text: 'Is a BGP daemon restarted, or does it crash', commands: ['journalctl -u frr -u bird --since -1h'] }];
  }
}
