import type { Host } from '../context/host.ts';
import { lookUp, type RouteDecision } from '../context/lookup.ts';
import { familyOf } from '../context/prefix.ts';
import { commonPrefixLength, isLinkLocalIp } from '../net/ip.ts';
import type { Mac } from '../net/mac.ts';
import type { BgpRoute, ToldNextHop } from '../track/bgp/route.ts';
import type { BgpSession } from '../track/bgp/session.ts';
import { Evidence } from '../track/evidence.ts';
import { frrCommand, type Party } from './bgp-sessions.ts';
import { type Confidence, confidences, type Draft, type FindingKind, type Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, list, object, text, truth } from './schemas.ts';
import { FrameText, frameText, hedge, listText } from './text.ts';

export interface NextHopUnreachableDetails {
  /** Who told it, and who was told. */
  from: string;
  to: string;
  /** At most 16. */
  prefixes: string[];
  /** How many routes have this next hop now. */
  routes: number;
  /** All that were told. */
  receivers: string[];
  /** The receiver's routes say so. */
  byContext: boolean;
}

export const bgpNextHopUnreachable: FindingKind<NextHopUnreachableDetails> = {
  kind: 'bgp-next-hop-unreachable',
  brief: 'a router is told a next hop to which it has no way',
  severity: 'warning',
  subject: ['nextHop'],
  details: object({ from: text, to: text, prefixes: list(text), routes: count, receivers: list(text), byContext: truth }),
  means:
    'A router gets routes by iBGP whose next hop it cannot reach: the routes are there, and are not used. iBGP leaves the next hop as it is, and so does a route reflector: it is the address of ' +
    'somebody on a link that the receiver does not know.',
  provenBy: [
    'An iBGP UPDATE with a next hop that lies outside of the network of the session, and outside of every prefix that the receiver announces or gets by another next hop.',
    'The session is seen from its OPEN, its addresses are in one network, and no other routing protocol (OSPF, IS-IS, EIGRP, RIP, Babel) is seen in a capture that is not of BGP alone: then the receiver has, very probably, no other way.',
    "With the receiver's routes (--context) it is certain.",
  ],
  seenFrom: [
    'The router that is told. What the clients of a route reflector know besides is not seen at the reflector.',
    'The network of the session is guessed: addresses that agree in 24 bits (IPv6: 64) are taken to be in one.',
  ],
  looksLike: [
    'A next hop on the network of the session: it has a neighbour there (third party next hop).',
    'A reflected route whose next hop is covered by an aggregate or a link network that is told too.',
    'An IGP, or static routes, know the way; sessions between loopbacks have an IGP below them.',
    'A receiver that asks for the next hop by ARP or neighbour discovery, and gets an answer: it has it on its link. Or it pings or connects to it, and is answered.',
    'IPv6 routes in a session of IPv4, or the other way round: which networks of the other family the receiver has is not seen.',
    'A receiver that passes the route on: so it uses it.',
    'A route that the receiver itself announced, and ignores when it comes back.',
  ],
  remedies: [
    {
      text: 'At the router that brings the route into the AS (PEER: whom it tells): name itself as next hop. At a route reflector: next-hop-self force',
      commands: ["vtysh -c 'configure terminal' -c 'router bgp AS' -c 'address-family ipv4 unicast' -c 'neighbor PEER next-hop-self'"],
    },
    { text: 'BIRD, in the channel of the protocol of this neighbour: a line', commands: ['next hop self;'] },
    {
      text: 'Or announce the network of the next hop as well, or let next hops be resolved by the default route',
      commands: ["vtysh -c 'configure terminal' -c 'ip nht resolve-via-default'"],
    },
  ],
  references: [
    'RFC 4271 sections 5.1.3 and 9.1.2.1',
    'RFC 4456 section 10 (a reflector leaves NEXT_HOP as it is)',
    'FRR: bgp, next-hop-self; zebra, ip nht resolve-via-default',
  ],
};

/** One network, as far as addresses tell. */
const NETWORK_BITS = { 4: 24, 6: 64 } as const;
/** What explains the next hop may come in the next UPDATE. */
const SETTLED_SEC = 2;
const MOST_PREFIXES = 16;

interface Verdict {
  told: ToldNextHop;
  routes: BgpRoute[];
  confidence: Confidence;
  /** By the routes of the receiver. */
  decision: RouteDecision | undefined;
  host: Host | undefined;
  doubts: string[];
}

/** One draft a next hop, told as the surest of those who got it. */
export function* unreachableNextHops(
  knowledge: Knowledge,
  parties: ReadonlyMap<string, Party>,
): Generator<Draft<NextHopUnreachableDetails>> {
  const byNextHop = new Map<string, Verdict[]>();
  for (const told of knowledge.bgp.nextHops()) {
    const verdict = verdictOn(told, knowledge, parties);
    if (!verdict) continue;
    const key = `${told.nextHop} ${told.path}`;
    byNextHop.set(key, [...(byNextHop.get(key) ?? []), verdict]);
  }
  for (const verdicts of byNextHop.values()) {
    verdicts.sort((a, b) => confidences.indexOf(a.confidence) - confidences.indexOf(b.confidence));
    const [first] = verdicts;
    if (first) yield draftOf(first, verdicts, knowledge);
  }
}

function verdictOn(told: ToldNextHop, knowledge: Knowledge, parties: ReadonlyMap<string, Party>): Verdict | undefined {
  const { bgp } = knowledge;
  const { from, to, session } = told;
  const nextHop = plain(told.nextHop);
  const routes = told.sample.filter(
    ({ peering, ignored, attributes }) => peering === 'internal' && ignored === null && !attributes.linkLocalNextHop,
  );
  if (routes.length === 0 || nextHop === from || isLinkLocalIp(nextHop)) return undefined;
  const own = [to, ...bgp.routerOf(to)];
  if (own.includes(nextHop) || own.some((ip) => isOneNetwork(ip, nextHop))) return undefined;
  // A route cannot be the way to its own next hop.
  if (bgp.covering(to, nextHop).some((route) => route.nextHop !== nextHop) || bgp.announcedCovering(to, nextHop).length > 0)
    return undefined;
  // A router passes on what it uses: the next hop of that it can reach.
  if (routes.some(({ prefix }) => bgp.announcedCovering(to, addressOf(prefix)).some((route) => route.prefix === prefix))) return undefined;
  const host = hostOf(to, knowledge);
  const decision = host && decided(host, nextHop, routes);
  if (decision === 'reachable') return undefined;
  // What the receiver has of the other family, its session does not tell.
  if (!decision && (familyOf(nextHop) !== familyOf(to) || reaches(to, nextHop, knowledge))) return undefined;
  const doubts = doubtsOf(told, session, routes, knowledge, parties);
  const confidence = decision ? 'certain' : doubts.length === 0 ? 'likely' : 'possible';
  return { told, routes, confidence, decision, host, doubts };
}

/** An IPv4 address that stands for itself among IPv6 routes (RFC 4291 section 2.5.5.2) without what maps it. */
const plain = (ip: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/.test(ip) ? ip.slice('::ffff:'.length) : ip);

/** The receiver asked for it on a link, or sent it something, and was answered. */
function reaches(to: string, nextHop: string, { answers, neighbourhood }: Knowledge): boolean {
  if (answers.isAnswered(to, nextHop)) return true;
  const { list } = neighbourhood;
  const own = list.filter(({ ip }) => ip === to);
  return list.some(
    ({ ip, segment, path, runs }) =>
      ip === nextHop &&
      own.some((at) => {
        const isOwn = (mac: Mac): boolean => at.claims.has(mac) || (at.askedWith?.has(mac) ?? false);
        return at.segment === segment && at.path === path && runs.some(({ askers }) => askers.some(isOwn));
      }),
  );
}

const isOneNetwork = (a: string, b: string): boolean =>
  familyOf(a) === familyOf(b) && commonPrefixLength(a, b) >= NETWORK_BITS[familyOf(a)];

const addressOf = (prefix: string): string => prefix.split('/')[0] ?? prefix;

/** The one host of the context that has the address, on a loopback interface too. */
function hostOf(ip: string, { context }: Knowledge): Host | undefined {
  const having = context.hosts.filter((host) => host.routes !== undefined && host.linksWith(ip).length > 0);
  return having.length === 1 ? having[0] : undefined;
}

const BGP_PROTOCOLS = new Set(['bgp', 'bird', '186', '12']);

/** What the routes of the receiver say of the next hop; `reachable` also where they have one of the routes; undefined where they do not tell. */
function decided(host: Host, nextHop: string, routes: readonly BgpRoute[]): RouteDecision | 'reachable' | undefined {
  const prefixes = new Set(routes.map(({ prefix }) => prefix));
  const isUsed = host.routes?.some(
    ({ protocol, prefix }) => protocol !== null && BGP_PROTOCOLS.has(protocol) && prefixes.has(`${prefix.ip}/${prefix.length}`),
  );
  if (isUsed) return 'reachable';
  const decision = lookUp(host, { destination: nextHop });
  switch (decision.outcome) {
    case 'unicast':
      // A default route does not count (`ip nht resolve-via-default`), and BGP does not use the routes.
      return decision.route?.prefix.length === 0 ? decision : 'reachable';
    case 'no-route':
    case 'unreachable':
    case 'blackhole':
    case 'prohibit':
      return decision;
    case 'unknown':
      return undefined;
    default:
      return 'reachable';
  }
}

/** Why the receiver may have another way after all. */
function doubtsOf(
  { from, to }: ToldNextHop,
  session: BgpSession,
  routes: readonly BgpRoute[],
  { igp, end }: Knowledge,
  parties: ReadonlyMap<string, Party>,
): string[] {
  const sessionsOf = (ip: string): number => parties.get(ip)?.sessions ?? 0;
  const isFromStart = session.connections.some(
    ({ established, opens, synFirst }) => established !== null && synFirst !== null && opens.size > 0,
  );
  const [first] = routes;
  return [
    ...(isFromStart && !session.isPartial
      ? []
      : ['the session began before the capture, or parts of it are missing: more routes may have been told before']),
    ...(isOneNetwork(from, to) ? [] : [`${from} and ${to} are not in one network: something else than BGP knows the way between them`]),
    ...(igp.hasOthers ? [] : ['the capture has nothing but BGP: another routing protocol would not be in it']),
    ...[...igp.seen].map(([name, stamp]) => `${name} is seen (${frameText(stamp)}), and may know the way`),
    ...(sessionsOf(from) > sessionsOf(to) ? [`the capture is rather of ${from}: what ${to} knows from others is not in it`] : []),
    ...(first && end - first.announced.at < SETTLED_SEC ? ['the capture ends right after it: the way may be told in the next UPDATE'] : []),
  ];
}

function draftOf(verdict: Verdict, verdicts: readonly Verdict[], knowledge: Knowledge): Draft<NextHopUnreachableDetails> {
  const { told, routes, confidence, decision, host, doubts } = verdict;
  const { from, to, nextHop } = told;
  const prefixes = [...new Set(routes.map(({ prefix }) => prefix))].sort().slice(0, MOST_PREFIXES);
  const evidence = new Evidence();
  for (const each of verdicts) for (const { announced, prefix } of each.routes) evidence.add('update', announced, prefix);
  const [first] = routes;
  const opens = told.session.connections.findLast(({ established }) => established !== null)?.opens ?? new Map();
  const identifiers = [...opens.values()];
  for (const { stamp } of identifiers) evidence.add('open', stamp);
  const others = told.count > prefixes.length ? ` and ${told.count - prefixes.length} more` : '';
  return {
    subject: { nextHop },
    path: told.path,
    confidence,
    title: `${to} ${hedge(confidence)}has no way to ${nextHop}, the next hop of ${listText(prefixes)}${others} from ${from}`,
    details: {
      from,
      to,
      prefixes,
      routes: told.count,
      receivers: [...new Set(verdicts.map((each) => each.told.to))].sort(),
      byContext: decision !== undefined,
    },
    count: 1,
    evidence,
    because: [
      ...(first ? [`${FrameText(first.announced)}: ${from} tells ${to} that ${first.prefix} is to be reached by ${nextHop} (iBGP).`] : []),
      `No prefix that ${to} announces, or is told with another next hop, holds ${nextHop}; nor is it in the network of the session${familyOf(to) === familyOf(nextHop) ? ` (taken to be ${networkText(to)})` : ''}.`,
      ...(decision && host ? [byContext(decision, host, nextHop)] : []),
      ...doubts.map((doubt) => `${decision ? 'In the packets alone it would be less sure' : 'It is only possible'}: ${doubt}.`),
      'iBGP leaves the next hop as the border router got it, and a route reflector does too (RFC 4456 section 10).',
    ],
    ruledOut: [
      ...(familyOf(to) === familyOf(nextHop) ? [`A next hop of the own network: ${nextHop} is not in that of ${to}.`] : []),
      ...(knowledge.igp.seen.size === 0 && knowledge.igp.hasOthers ? ['An IGP: none is seen in this capture.'] : []),
      'A reflected route of the receiver itself.',
    ],
    remedies: remediesOf(verdict),
  };
}

const networkText = (ip: string): string => `${ip}/${NETWORK_BITS[familyOf(ip)]}`;

function byContext({ outcome, route }: RouteDecision, { name }: Host, nextHop: string): string {
  if (outcome === 'unicast')
    return `${name} has nothing but its default route for ${nextHop}, which BGP does not take for a way to a next hop, and none of these routes is in its table (context).`;
  return route ? `${name} has "${route.text}" for ${nextHop} (context).` : `${name} has no route to ${nextHop} (context).`;
}

function remediesOf({ told, routes, confidence }: Verdict): Remedy[] {
  const { from, to, session, nextHop } = told;
  const as = session.a.ip === from ? session.a.as : session.b.as;
  const originator = routes.find(({ attributes }) => attributes.originatorId !== null)?.attributes.originatorId;
  const border = originator == null ? from : `the router with the identifier ${originator}`;
  return [
    {
      text: `At ${border}, which has the link to ${nextHop}: name itself as next hop`,
      commands: [frrCommand(as, 'address-family ipv4 unicast', `neighbor ${originator == null ? to : from} next-hop-self`)],
    },
    ...(originator == null
      ? []
      : [
          {
            text: `Or at the route reflector ${from}, which then is on the way of all that traffic`,
            commands: [frrCommand(as, 'address-family ipv4 unicast', `neighbor ${to} next-hop-self force`)],
          },
        ]),
    { text: `BIRD, at ${border}, in the protocol of this neighbour, in its channel: a line`, commands: ['next hop self;'] },
    {
      text: `Or announce the network of ${nextHop} too; a point-to-point tunnel gives but a /32: announce that, or an aggregate`,
      commands: [frrCommand(as, 'address-family ipv4 unicast', 'network LINK-NETWORK')],
    },
    {
      text: `Or, where the default route of ${to} does lead there, let next hops be resolved by it`,
      commands: ["vtysh -c 'configure terminal' -c 'ip nht resolve-via-default'"],
    },
    {
      text: `What ${to} itself says of it`,
      commands: [`vtysh -c 'show bgp nexthop'`, `vtysh -c 'show ip nht'`, `ip route get ${nextHop}`],
    },
    ...(confidence === 'certain'
      ? []
      : [
          {
            text: `To be sure, collect the routes at ${to}, and give them with --context; capture there, from before the session begins`,
            commands: ['fluxcap context > context.json', "vtysh -c 'clear bgp * soft in'"],
          },
        ]),
  ];
}
