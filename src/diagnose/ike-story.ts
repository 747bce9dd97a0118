import { endpointText } from '../net/ip.ts';
import type { IkeMessageExchange, IkeSession } from '../track/ipsec/exchange.ts';
import { ikeGroupKeyword, ikeGroupName } from '../wire/ike/names.ts';
import { askedText, exchangeText, type IkeFailure, isHeard, natOf } from './ike-attempts.ts';
import type { IkeFailures } from './ike-negotiation-failed.ts';
import { proposalSettings } from './ike-settings.ts';
import type { Remedy } from './kind.ts';
import { countText, FrameText, frameText, listText } from './text.ts';

/** How a failed negotiation is told. */
export interface IkeStory {
  /** @param sure `very probably `, or nothing */
  title: (sure: string) => string;
  because: string[];
  ruledOut: string[];
  remedies: Remedy[];
}

/** @param ofWrongSource remedies of the finding about answers from elsewhere, where there is one */
export function ikeStory(found: IkeFailures, ofWrongSource: readonly Remedy[] = []): IkeStory {
  const first = found.failures[0];
  const last = found.failures.at(-1);
  if (!first || !last) throw new Error('a story of nothing');
  const stage: Stage = { ...found, first, last, session: last.session, a: last.session.initiator.ip, b: last.session.responder.ip };
  const story = TELL[found.cause](stage, ofWrongSource);
  return { ...story, because: [...begun(stage), ...story.because, ...natSentence(stage.session)] };
}

interface Stage extends IkeFailures {
  first: IkeFailure;
  last: IkeFailure;
  session: IkeSession;
  /** Addresses of initiator and responder. */
  a: string;
  b: string;
}

type Teller = (stage: Stage, ofWrongSource: readonly Remedy[]) => IkeStory;

/** What is asked, and how often. */
function begun({ failures, attempts, first, cause }: Stage): string[] {
  const { exchange, session } = first;
  if (!exchange || exchange.requests.length === 0) return [];
  const [request] = exchange.requests;
  const last = failures.at(-1)?.exchange?.requests.at(-1);
  const isRepeated = attempts > 1 && last && request && last.frame !== request.frame;
  const series = failures.length > 1 ? `, in ${countText(failures.length, 'series', 'series')}` : '';
  const gaps = gapsText(exchange);
  return [
    ...(request
      ? [
          `${FrameText(request)}: ${endpointText({ ip: session.initiator.ip, port: exchange.ports.source })} asks ${askedText(session, exchange)}, ${exchangeText(exchange)}${isRepeated ? `; ${frameText(last)} is its ${cause === 'no-answer' ? 'last' : 'latest'} try${series}` : ''}.`,
        ]
      : []),
    ...(gaps ? [gaps] : []),
  ];
}

/** strongSwan waits 4 s, then 1.8 times longer each time; libreswan 0.5 s, then twice as long. */
function gapsText({ requests, requestCount }: IkeMessageExchange): string | undefined {
  if (requestCount < 3 || requestCount > requests.length || requests.some(({ timed }) => !timed)) return undefined;
  const gaps = requests.slice(1).map(({ at }, i) => at - (requests[i]?.at ?? at));
  const text = gaps.map((gap) => (gap < 10 ? String(Math.round(gap * 10) / 10) : String(Math.round(gap)))).join(', ');
  const [one = 0, two = 0] = gaps;
  const who = isNear(one, 4) && isNear(two, 7.2) ? ', as strongSwan does' : isNear(one, 0.5) && isNear(two, 1) ? ', as libreswan does' : '';
  return `It is repeated after ${text} s${who}.`;
}

const isNear = (value: number, wanted: number): boolean => Math.abs(value - wanted) < wanted / 10;

function natSentence(session: IkeSession): string[] {
  const nat = natOf(session);
  if (nat === null) return [];
  if (nat === 'none') return ['The hashes of NAT detection fit the addresses seen here: there is no NAT between the two and this place.'];
  const who = nat === 'both' ? 'both ends' : nat === 'initiator' ? session.initiator.ip : session.responder.ip;
  return [
    `A hash of NAT detection does not fit the address seen here: ${who} ${nat === 'both' ? 'are' : 'is'} behind NAT, or set to pretend it (forced encapsulation).`,
  ];
}

const TELL: Record<IkeFailures['cause'], Teller> = {
  'no-proposal': ({ a, b, last, attempts, session }) => ({
    title: () =>
      `${b} takes none of the proposals of ${a}: ${last.notify?.name ?? 'NO_PROPOSAL_CHOSEN'}${attempts > 1 ? ` (${countText(attempts, 'time')})` : ''}`,
    because: [
      ...(last.notify ? [`${FrameText(last.notify.stamp)}: ${b} answers ${last.notify.name}.`] : []),
      ...(session.offered.length > 0
        ? [
            `Offered were ${listText(session.offered)}: none of that is what ${b} is set to, or it has no connection at all for ${a} and this address of its own.`,
          ]
        : [`What ${a} offered is not in the capture.`]),
    ],
    ruledOut: ['A lost packet, a firewall, a wrong secret: the peer says no to what was offered, in clear.'],
    remedies: proposalRemedies(session, a, b),
  }),

  rejected: ({ a, b, last, session }) => ({
    title: () => `${b} rejects IKE from ${a}: ${last.notify?.name ?? 'an error'}`,
    because: last.notify ? [`${FrameText(last.notify.stamp)}: ${b} answers ${last.notify.name}, in clear.`] : [],
    ruledOut: ['A lost packet or a firewall: the peer answers.'],
    remedies: [
      {
        text: `At ${b}: what its log says of it; do both speak the same version of IKE (here ${session.version}), and is there a connection for ${a}`,
        commands: ['swanctl --list-conns', 'swanctl --log', 'ipsec whack --status'],
      },
    ],
  }),

  'wrong-group': ({ a, b, failures, attempts, last }) => {
    const asked = [...new Set(failures.flatMap(({ notify }) => (notify?.value == null ? [] : [notify.value])))];
    const sent = [...new Set(failures.flatMap(({ exchange }) => (exchange?.group == null ? [] : [exchange.group])))];
    return {
      title: (sure) => `${a} and ${b} ${sure}do not get to one key exchange group: INVALID_KE_PAYLOAD ${countText(attempts, 'time')}`,
      because: [
        ...(last.notify ? [`${FrameText(last.notify.stamp)}: ${b} answers INVALID_KE_PAYLOAD again.`] : []),
        `${b} asks for ${listText(asked.map(ikeGroupName)) || 'another group'}; ${a} sends ${listText(sent.map(ikeGroupName)) || 'another one'}.`,
      ],
      ruledOut: ['One INVALID_KE_PAYLOAD, as is usual: the retry is refused too.'],
      remedies: [
        {
          text: `Put the group that ${b} asks for first in the proposals of ${a} (swanctl.conf: proposals; libreswan: ike)`,
          commands: asked.flatMap((group) => {
            const word = ikeGroupKeyword(group);
            return word === undefined ? [] : [`proposals = aes256-sha256-${word}`, `ike=aes256-sha2_256-dh${group}`];
          }),
        },
      ],
    };
  },

  'auth-refused': ({ a, b, last, attempts, session }) => ({
    title: (sure) => `${b} ${sure}refuses who ${a} says it is, or its secret${attempts > 1 ? ` (${countText(attempts, 'time')})` : ''}`,
    because: [
      ...(last.exchange?.response
        ? [
            `${FrameText(last.exchange.response)}: ${b} answers IKE_AUTH. What it says is encrypted, and leaves room for ${last.exchange.responseRoom ?? 0} octets ` +
              `(${session.chosen ?? 'the cipher'}): too few for an identity and its proof, enough for a notify such as AUTHENTICATION_FAILED.`,
          ]
        : []),
      last.eap === null
        ? 'Nothing follows in this association.'
        : last.eap === 'begun-anew'
          ? `EAP was going on, and ${a} begins anew instead of going on with it.`
          : 'EAP was going on, and nothing follows, longer than a user types: the password was refused, or the user gave up.',
    ],
    ruledOut: [
      'A blocked port or lost fragments: IKE_AUTH arrives and is answered.',
      'Proposals: these were agreed on in IKE_SA_INIT.',
      ...(last.eap === null ? ['EAP: it would go on with more of IKE_AUTH.'] : []),
    ],
    remedies: identityRemedies(session, a, b),
  }),

  restarted: ({ a, b, attempts, session, last }) => ({
    title: (sure) =>
      `${a} begins IKE with ${b} anew each time it was authenticated (${countText(attempts, 'time')}): ${sure}an identity, a secret or the networks do not fit`,
    because: [
      ...(last.exchange?.response
        ? [`${FrameText(last.exchange.response)}: ${b} answers IKE_AUTH, and at once ${a} begins anew with IKE_SA_INIT.`]
        : []),
      'What was said is encrypted: this is consistent with an identity, secret or certificate that one of the two refuses, or with networks that do not fit (TS_UNACCEPTABLE). To decide, read the logs of both.',
    ],
    ruledOut: ['A blocked port: IKE_AUTH is answered.'],
    remedies: identityRemedies(session, a, b),
  }),

  'wrong-source': ({ a, b, session, last, attempts }, ofWrongSource) => ({
    title: (sure) => {
      const tries = countText(attempts, 'request');
      const from = session.answeredFrom.map((each) => each.from);
      return isOtherPort(session)
        ? `${a} ${sure}does not get the answers to its IKE, which come from port ${listText(from.map(({ port }) => String(port)))} of ${b} and not from ${last.exchange?.ports.destination ?? session.responder.port} (${tries})`
        : `${a} ${sure}does not take the answers to its IKE, which come from ${listText(from.map(({ ip }) => ip))} and not from ${b} (${tries})`;
    },
    because: [
      ...session.answeredFrom.map(
        ({ from, first }) =>
          `${FrameText(first)} answers with the same SPI, from ${endpointText(from)}; ${last.exchange ? askedText(session, last.exchange) : b} was asked, and is asked again after that.`,
      ),
      ...(isOtherPort(session)
        ? [
            `A NAT before ${b} gives its answers another port. Firewalls and NAT devices before ${a} let them pass only from the port that was asked.`,
          ]
        : []),
    ],
    ruledOut: [
      'A dead peer: it answers.',
      `NAT seen on both of its sides: no request went to that ${isOtherPort(session) ? 'port' : 'address'}.`,
    ],
    remedies: [
      ...(isOtherPort(session) ? portRemedies(a, b) : []),
      {
        text: `strongSwan at ${b}: the address that is asked must be the one of the connection; and the daemon may listen on some interfaces alone (strongswan.conf: charon.interfaces_use)`,
        commands: [`local_addrs = ${b}`, 'swanctl --load-all'],
      },
      ...ofWrongSource,
    ],
  }),

  unreachable: ({ a, b, session, failures, attempts }) => {
    const refusal = failures.find((each) => each.session.refusal)?.session.refusal;
    const by = refusal?.from ?? b;
    return {
      title: (sure) =>
        refusal?.isPort
          ? `Nothing listens for IKE at ${endpointText({ ip: b, port: refusal.port })}, ${sure}says ${by} to ${a} (ICMP port unreachable)`
          : `IKE from ${a} ${sure}does not get to ${b}: ${by} says ${refusal?.reason ?? 'unreachable'}`,
      because: [
        ...(refusal
          ? [
              `${FrameText(refusal.stamp)}: ${by} answers by ICMP "${refusal.reason}", quoting such a request${refusal.count > 1 ? `; ${countText(refusal.count, 'such error')} in all` : ''}.`,
            ]
          : []),
        `None of ${countText(attempts, 'request')} is answered.`,
      ],
      ruledOut: [
        'A silent firewall: it would say nothing.',
        `A wrong secret or proposal: ${session.version === 1 ? 'the daemon' : 'charon or pluto'} never sees the request.`,
      ],
      remedies: refusal?.isPort
        ? [
            {
              text: `At ${b}: does the IKE daemon run, and listen on this address; or does a firewall reject for it`,
              commands: ["ss -lunp 'sport = :500 or sport = :4500'", 'systemctl status strongswan ipsec', 'nft list ruleset'],
            },
          ]
        : [{ text: `Find the way to ${b} from ${by}: route, next hop, firewall`, commands: [`ip route get ${b}`, 'nft list ruleset'] }],
    };
  },

  'fragments-lost': ({ a, b, last, attempts }) => {
    const { exchange } = last;
    const isCutOff = exchange?.lastFragments === 0;
    const isDroppedHere = exchange?.seenOut === true && exchange.restIn && !exchange.restOut;
    return {
      title: (sure) =>
        `The ${exchange ? exchangeText(exchange) : 'request'} of ${a} is cut into IP fragments, which ${sure}do not get to ${b} (${countText(attempts, 'request')}, ${exchange?.largestPacket ?? 0} octets)`,
      because: [
        `The request is a packet of ${exchange?.largestPacket ?? 0} octets, in IP fragments (${countText(exchange?.ipFragments ?? 0, 'fragment')} seen), not in fragments of IKE (RFC 7383).`,
        isCutOff
          ? 'Only its first fragments are seen here, never the last ones: they are lost before this place.'
          : isDroppedHere
            ? 'Its first fragments leave the capturing host again, the later ones, which came in too, do not: this host itself drops them.'
            : `All of it leaves this place, and no answer comes; IKE_SA_INIT, which is small, was answered. Firewalls and NAT devices often drop IP fragments.`,
      ],
      ruledOut: [`A dead peer: ${b} answers what is small.`, 'A wrong secret: that is answered, and would be small.'],
      remedies: [
        ...FRAGMENT_REMEDIES,
        {
          text: isDroppedHere ? 'At the capturing host: let IP fragments pass' : 'Let firewalls between pass IP fragments',
          commands: ['nft list ruleset'],
        },
      ],
    };
  },

  'port-4500-blocked': ({ a, b, last, attempts, session }) => {
    const passed = session.exchanges.find(({ seenIn, seenOut }) => seenIn && seenOut);
    const isDroppedHere = passed !== undefined && last.exchange?.seenIn === true && !last.exchange.seenOut;
    return {
      title: (sure) =>
        `UDP port 4500 is ${sure}blocked between ${a} and ${b}: ${last.exchange ? exchangeText(last.exchange) : 'IKE'} is sent ${countText(attempts, 'time')} and not answered`,
      because: [
        `${session.version === 1 ? 'Main mode began' : 'IKE_SA_INIT was answered'} on port 500; then the two go over to port 4500, and nothing comes back from there: neither IKE nor ESP in UDP.`,
        ...(isDroppedHere
          ? ['What came in on port 500 left the capturing host again; what comes in for port 4500 does not: this host itself drops it.']
          : []),
      ],
      ruledOut: [
        `A dead peer: ${b} answers on port 500.`,
        ...(last.exchange && last.exchange.ipFragments === 0
          ? [`Lost fragments: the request is ${last.exchange.largestPacket} octets, in one piece.`]
          : []),
        'A wrong secret or identity: that is answered.',
      ],
      remedies: [
        {
          text: isDroppedHere
            ? 'At the capturing host: let UDP port 4500 pass, both ways'
            : `Let UDP port 4500 pass, both ways, at each firewall and NAT between ${a} and ${b}`,
          commands: ['nft list ruleset', 'nft add rule inet filter forward udp dport { 500, 4500 } accept'],
        },
        {
          text: `At ${b}: does it arrive, and does the daemon listen on it`,
          commands: ["tcpdump -ni any 'udp port 4500'", "ss -lunp 'sport = :4500'"],
        },
      ],
    };
  },

  'answers-lost': ({ a, b, last, attempts }) => ({
    title: (sure) =>
      `${b} answers the IKE of ${a}, and ${sure}the answers do not get there${whole(last)}: ${last.exchange ? exchangeText(last.exchange) : 'the request'} is repeated ${countText(Math.max(0, attempts - 1), 'time')}`,
    because: [
      ...(last.exchange?.response ? [`${FrameText(last.exchange.response)}: ${b} answers.`] : []),
      ...piecesOfAnswer(last),
      ...(isCutBefore(last)
        ? [
            `${a} sends the same again, ${countText(Math.max(0, attempts - 1), 'time')}: it cannot put an answer together of which a part is missing.`,
          ]
        : [
            `After that ${a} sends the same again, ${countText(last.exchange?.repeatsAfterAnswer ?? 0, 'time')}: the answer is lost behind this place, or a firewall of ${a} drops it.`,
          ]),
    ],
    ruledOut: [`A dead peer: ${b} answers.`],
    remedies: [
      ...((last.exchange?.answerPieces.ipFragments ?? 0) > 0 ? FRAGMENT_REMEDIES : []),
      {
        text: `At ${a}: do the answers arrive, and does a firewall drop them`,
        commands: ["tcpdump -ni any 'udp port 500 or udp port 4500'", 'nft list ruleset'],
      },
      { text: `Between: does the way back from ${b} lead to ${a}`, commands: [`ip route get ${a}`] },
    ],
  }),

  'wrong-key': ({ a, b, last, attempts, session, first }) => ({
    title: (sure) => `The secrets (or certificates) of ${a} and ${b} ${sure}differ: ${last.notify?.name ?? lastWord(last, attempts)}`,
    because: [
      ...(last.notify ? [`${FrameText(last.notify.stamp)}: ${last.notify.fromInitiator ? a : b} says ${last.notify.name}.`] : []),
      ...protest(first, a, b),
      'Proposals and key exchange are done; the first message that is encrypted with the secret of both is where it ends. With another secret the peer cannot read it, and drops it.',
    ],
    ruledOut: ['Proposals: one was chosen.', 'A dead peer or a firewall: the messages before it were answered.'],
    remedies: identityRemedies(session, a, b),
  }),

  'auth-unanswered': ({ a, b, last, attempts, session }) => ({
    title: (sure) =>
      `${b} ${sure}does not get the ${last.exchange ? exchangeText(last.exchange) : 'second request'} of ${a}${isHeard(session) ? '' : ', or is off'} (${countText(attempts, 'request')} without an answer)`,
    because: [
      isHeard(session)
        ? `What came before was answered. This request is ${requestText(last)}, and no answer comes.`
        : `Nothing of ${b} is seen in this capture. The request is ${requestText(last)}: ${b} is off by now, or that port is blocked on the way.`,
      ...(isHeard(session) && last.exchange?.ports.destination === NAT_T_PORT && !session.hearsNatT
        ? [`Nothing of ${b} comes from port ${NAT_T_PORT}: packets of this size are lost, or the port is blocked on the way.`]
        : []),
    ],
    ruledOut: session.version === 2 ? ['A wrong secret or identity: that is answered.'] : [],
    remedies: [
      {
        text: `At ${b}: does it arrive. If it does, its log says what happens to it; if not, something between drops packets of this size or port`,
        commands: [
          "tcpdump -ni any 'udp port 500 or udp port 4500'",
          'swanctl --log',
          `ping -M do -s ${Math.max(0, (last.exchange?.largestPacket ?? 28) - 28)} ${b}`,
        ],
      },
    ],
  }),

  'no-answer': ({ a, b, last, attempts }) => {
    const isHere = last.exchange?.seenIn === true && !last.exchange.seenOut;
    return {
      title: (sure) => `${b} ${sure}does not answer the IKE of ${a} (${countText(attempts, 'request')})`,
      because: [
        `Neither an answer nor an ICMP error comes back: ${b} is off, its daemon does not run behind a firewall that drops, or UDP port ${last.exchange?.ports.destination ?? 500} is blocked on the way.`,
        ...(isHere ? ['The requests come into the capturing host and do not leave it again: it is the responder, or drops them.'] : []),
      ],
      ruledOut: [
        'A wrong proposal, secret or identity: that is answered.',
        'A capture of one direction: after an answer the initiator would go on to the next exchange.',
      ],
      remedies: [
        {
          text: `At ${b}: do the requests arrive, does the daemon run, and does it have a connection for ${a}`,
          commands: [
            "tcpdump -ni any 'udp port 500 or udp port 4500'",
            "ss -lunp 'sport = :500'",
            'swanctl --list-conns',
            'ipsec whack --status',
          ],
        },
        {
          text: 'At each firewall between: let UDP ports 500 and 4500 pass, and IP protocol 50 where there is no NAT',
          commands: ['nft list ruleset'],
        },
      ],
    };
  },
};

/** In aggressive mode the initiator is the first one to check a hash; in main mode it is the first one to send one. */
const lastWord = ({ exchange }: IkeFailure, attempts: number): string =>
  exchange?.step === 1
    ? `the answer of aggressive mode comes ${countText(attempts, 'time')}, and is not taken`
    : `${exchange ? exchangeText(exchange) : 'message 5'} is sent ${countText(attempts, 'time')} and not answered`;

const NAT_T_PORT = 4500;

/** So that nothing has to pass in IP fragments. */
const FRAGMENT_REMEDIES: readonly Remedy[] = [
  {
    text: 'Let IKE cut its messages itself, at both ends (RFC 7383). strongSwan: in the connection of swanctl.conf, then reload; libreswan: in the conn',
    commands: ['fragmentation = yes', 'swanctl --load-all', 'fragmentation=yes'],
  },
  {
    text: 'Smaller pieces, where the path is narrow (strongswan.conf: charon.fragment_size); smaller certificates (ECDSA, no chain) or a secret instead of them make it small too',
    commands: ['fragment_size = 1200'],
  },
];

/** The right address answers, from a port that was not asked. */
const isOtherPort = ({ answeredFrom, responder }: IkeSession): boolean => answeredFrom.every(({ from }) => from.ip === responder.ip);

const portRemedies = (a: string, b: string): Remedy[] => [
  {
    text: `At the NAT or load balancer before ${b}: answers must leave with the port that was asked. Do its rules turn both ways (DNAT, not SNAT to another port), and does connection tracking know the request`,
    commands: [`conntrack -L -p udp | grep ${a}`, 'nft list ruleset | grep -E "dnat|snat|masquerade"'],
  },
];

/** IP fragments, or fragments of IKE, of the answer were lost before they came by here. */
const isCutBefore = (failure: IkeFailure): boolean => missingPieces(failure).length > 0 || isFirstAlone(failure);

/** The first IP fragments of answers are seen, the last ones never. */
const isFirstAlone = ({ exchange }: IkeFailure): boolean =>
  exchange !== null && exchange.answerPieces.ipFragments > 0 && exchange.answerPieces.lastFragments === 0;

/** Of fragments of IKE; beyond those that are counted nothing is known. */
function missingPieces({ exchange }: IkeFailure): number[] {
  const { ikeFragments = 0, seen = 0 } = exchange?.answerPieces ?? {};
  if (ikeFragments > 31) return [];
  return Array.from({ length: ikeFragments }, (_, i) => i + 1).filter((number) => (seen & (1 << (number - 1))) === 0);
}

const whole = (failure: IkeFailure): string => (isCutBefore(failure) ? ' as a whole' : '');

/** How large the answer is, in how many pieces it comes, and which of them are missing. */
function piecesOfAnswer(failure: IkeFailure): string[] {
  const { exchange } = failure;
  if (!exchange) return [];
  const { largestPacket, ipFragments, ikeFragments } = exchange.answerPieces;
  const missing = missingPieces(failure);
  if (ikeFragments > 1) {
    const said = `The answer comes in ${countText(ikeFragments, 'fragment')} of IKE`;
    return [
      missing.length > 0
        ? `${said}, of which number ${listText(missing.map(String))} ${missing.length === 1 ? 'is' : 'are'} never seen here.`
        : `${said}.`,
    ];
  }
  if (ipFragments === 0) return [];
  const said = `The answer is a packet of ${largestPacket} octets, in IP fragments, not in fragments of IKE (RFC 7383)`;
  if (isFirstAlone(failure)) return [`${said}. Only first fragments are seen here, never the last ones: they are lost before this place.`];
  return [`${said}. Firewalls and NAT devices often drop IP fragments.`];
}

/** Its size and port, and in how many fragments of IKE it comes. */
function requestText({ exchange }: IkeFailure): string {
  if (!exchange) return 'larger';
  const { largestPacket, ports, ikeFragments } = exchange;
  const pieces = ikeFragments > 0 ? `, in ${countText(ikeFragments, 'fragment')} of IKE` : '';
  return `a packet of ${largestPacket} octets to port ${ports.destination}${pieces}`;
}

/** An INFORMATIONAL that is encrypted, where the next message should be. */
function protest({ session, exchange }: IkeFailure, a: string, b: string): string[] {
  const informational = session.informationals.find(({ isEncrypted }) => isEncrypted);
  if (!informational || !exchange) return [];
  const { fromInitiator, stamp } = informational;
  return [
    `${FrameText(stamp)}: ${fromInitiator ? a : b} answers with INFORMATIONAL, encrypted, and not with the next message: an error that is said.`,
  ];
}

function proposalRemedies({ offered }: IkeSession, a: string, b: string): Remedy[] {
  const said = offered.map(proposalSettings).find((each) => each !== undefined);
  return [
    {
      text: `At ${b}: take what ${a} offers. strongSwan: in the connection of swanctl.conf, then reload; libreswan: in the conn`,
      commands: said
        ? [`proposals = ${said.strongswan}`, 'swanctl --load-all', `ike=${said.libreswan}`]
        : ['swanctl --list-conns', 'ipsec whack --status'],
    },
    {
      text: `Or offer at ${a} what ${b} is set to; the log of ${b} names both sides ("received proposals", "configured proposals")`,
      commands: ['swanctl --list-conns', 'swanctl --log'],
    },
  ];
}

function identityRemedies(session: IkeSession, a: string, b: string): Remedy[] {
  const nat = natOf(session);
  const isNat = nat !== null && nat !== 'none';
  return [
    {
      text: `Compare what the two logs say: ${b} names the identity that it looked for, and why it refused`,
      commands: ['swanctl --log', 'journalctl -u ipsec'],
    },
    {
      text: `The same secret at ${a} and ${b}, for both identities. strongSwan: secrets of swanctl.conf; libreswan: ipsec.secrets`,
      commands: ['swanctl --load-creds', 'ipsec whack --rereadsecrets'],
    },
    {
      text: isNat
        ? 'Behind NAT an end has another address than the other side sees, and identities are addresses where nothing else is said: give both a name. strongSwan: local.id and remote.id; libreswan: leftid and rightid'
        : 'The identities must be those that the other side expects. strongSwan: local.id and remote.id; libreswan: leftid and rightid',
      commands: ['local { id = gw-a.example }', 'remote { id = gw-b.example }', 'leftid=@gw-a.example', 'rightid=@gw-b.example'],
    },
  ];
}
