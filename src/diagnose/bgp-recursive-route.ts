import { lookUp } from '../context/lookup.ts';
import { familyOf } from '../context/prefix.ts';
import { commonPrefixLength } from '../net/ip.ts';
import type { BgpRoute } from '../track/bgp/route.ts';
import type { BgpConnection, BgpSession } from '../track/bgp/session.ts';
import { Evidence } from '../track/evidence.ts';
import type { Stamp } from '../track/stamp.ts';
import type { NestedTunnel } from '../track/tunnel-ends.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { type Reset, resetsOf } from './bgp-resets.ts';
import { frrCommand, speakerOf } from './bgp-sessions.ts';
import type { Confidence, Draft, FindingKind, Remedy } from './kind.ts';
import type { Knowledge } from './knowledge.ts';
import { count, object, text, truth } from './schemas.ts';
import { countText, FrameText, frameText, hedge } from './text.ts';

export interface RecursiveRouteDetails {
  session: { a: string; b: string };
  /** Who announced it, and who was told. */
  from: string;
  to: string;
  /** The address on which the session rests, and that the prefix holds: the far end of its tunnel, or the neighbour itself. */
  address: string;
  /** Whether that is the far end of a tunnel. */
  isTunnelEnd: boolean;
  /** How often the session was lost soon after the prefix came. */
  resets: number;
  /** Packets of the tunnel inside of the same tunnel. */
  nested: number;
}

export const bgpRecursiveRoute: FindingKind<RecursiveRouteDetails> = {
  kind: 'bgp-recursive-route',
  brief: 'BGP brings a route for the very address on which its session rests',
  severity: 'error',
  subject: ['prefix'],
  details: object({
    session: object({ a: text, b: text }),
    from: text,
    to: text,
    address: text,
    isTunnelEnd: truth,
    resets: count,
    nested: count,
  }),
  means:
    'A router is told, through a tunnel, a prefix that holds the far end of that tunnel. It then sends what carries the tunnel into the tunnel: nothing arrives any more, the hold timer ends ' +
    'the session, the route goes, the tunnel works again, the session comes up, and all begins anew.',
  provenBy: [
    'An UPDATE through the session announces a prefix with the far end of the tunnel that carries the session (or with the neighbour itself, where it is on no network of the receiver); no longer prefix is told.',
    'After it nothing gets through: the session is lost by its hold timer, time and again; or packets of the tunnel are seen inside of the same tunnel.',
  ],
  seenFrom: [
    "Where the tunnel's own packets are seen: the card that carries it, or all interfaces. On the tunnel device alone its ends are not seen, until its packets come by there.",
    'IPsec, WireGuard and OpenVPN hide the session: then the routes in --context and the flapping session on the tunnel device are what is left.',
  ],
  looksLike: [
    'The same prefix, and a nearer route to the far end (connected, or static): what the receiver sends goes on getting through. An outage later on has another cause.',
    'The network of the tunnel itself is announced: the connected route is preferred.',
    'A session that is lost for another reason.',
  ],
  remedies: [
    {
      text: 'At the router whose session fails: a route to the far end of the tunnel of its own (FAR-END, GATEWAY: of its uplink), longer than what BGP brings',
      commands: ['ip route add FAR-END/32 via GATEWAY'],
    },
    {
      text: 'Or do not take, or do not announce, the network of the far end (UNDERLAY) through the tunnel',
      commands: [
        "vtysh -c 'configure terminal' -c 'ip prefix-list TUNNEL seq 5 deny UNDERLAY' -c 'ip prefix-list TUNNEL seq 10 permit 0.0.0.0/0 le 32'",
        "vtysh -c 'configure terminal' -c 'router bgp AS' -c 'address-family ipv4 unicast' -c 'neighbor PEER prefix-list TUNNEL in'",
      ],
    },
    { text: 'BIRD, in the import filter of this protocol: a line', commands: ['if net = UNDERLAY then reject;'] },
  ],
  references: [
    'RFC 4271 section 9.1.2.1',
    'Linux net/ipv4/ip_tunnel_core.c: "Dead loop on virtual device"',
    'Cisco: recursive routing, %TUN-5-RECURDOWN',
  ],
};

/** One network, as far as addresses tell. */
const NETWORK_BITS = { 4: 24, 6: 64 } as const;
const USUAL_HOLD_SEC = 180;
/** Until then a route that was told is in use. */
const INSTALLED_SEC = 5;

interface Case {
  session: BgpSession;
  route: BgpRoute;
  address: string;
  tunnel: { a: string; b: string; path: number } | undefined;
  /** Losses of the session soon after the route came. */
  losses: { route: BgpRoute; reset: Reset }[];
  nested: NestedTunnel | undefined;
  confidence: Confidence;
}

export function* recursiveRoutes(knowledge: Knowledge): Generator<Draft<RecursiveRouteDetails>> {
  for (const session of knowledge.bgp.sessions) {
    const found = [...casesOf(session, knowledge)];
    // The longest prefix is the one that wins.
    for (const address of new Set(found.map((each) => each.address))) {
      const [first] = found.filter((each) => each.address === address).sort((a, b) => lengthOf(b.route) - lengthOf(a.route));
      if (first) yield draftOf(first);
    }
  }
}

const lengthOf = ({ prefix }: BgpRoute): number => Number(prefix.split('/')[1] ?? 0);

function* casesOf(session: BgpSession, knowledge: Knowledge): Generator<Case> {
  const { a, b } = session;
  const tunnels = knowledge.tunnelEnds.aroundBgp(a.ip, b.ip);
  for (const [from, to, side] of [
    [a.ip, b.ip, 'a'],
    [b.ip, a.ip, 'b'],
  ] as const) {
    for (const tunnel of tunnels) yield* casesFor(session, from, to, tunnel[side], tunnel, knowledge);
    // A neighbour on a network of its own is reached by that.
    const isFar = familyOf(from) !== familyOf(to) || commonPrefixLength(from, to) < NETWORK_BITS[familyOf(from)];
    if (isFar) yield* casesFor(session, from, to, from, undefined, knowledge);
  }
}

function* casesFor(
  session: BgpSession,
  from: string,
  to: string,
  address: string,
  tunnel: Case['tunnel'],
  knowledge: Knowledge,
): Generator<Case> {
  const { bgp, tunnelEnds } = knowledge;
  const covering = bgp.coveredBefore(to, address);
  const fromPeer = covering.filter((route) => route.from === from && route.session === session);
  const longest = Math.max(...fromPeer.map(lengthOf));
  // Another one told a nearer way, which holds.
  if (fromPeer.length === 0 || covering.some((route) => route.from !== from && route.ended === null && lengthOf(route) > longest)) return;
  const nearest = fromPeer.filter((route) => lengthOf(route) === longest);
  if (isNearer(to, address, longest, knowledge)) return;
  const resets = resetsOf(session);
  const losses = nearest.flatMap((route) => {
    const reset = lossAfter(route, session, resets);
    return reset ? { route, reset } : [];
  });
  const nested = tunnel && tunnelEnds.nested(tunnel.a, tunnel.b);
  const route = losses[0]?.route ?? nearest[0];
  if (!route) return;
  const confidence = confidenceOf(session, nearest, losses.length, nested, tunnel !== undefined, knowledge);
  if (confidence) yield { session, route, address, tunnel, losses, nested, confidence };
}

const holdOf = ({ holdTime }: BgpSession): number => holdTime || USUAL_HOLD_SEC;

/** The session was lost, and what was lost stopped coming soon after the route came. */
function lossAfter(route: BgpRoute, session: BgpSession, resets: readonly Reset[]): Reset | undefined {
  const { announced } = route;
  const reset = resets.find(({ connection, stamp }) => announced.at >= connection.first.at && announced.at <= stamp.at);
  if (!reset) return undefined;
  const { cause, silent, stuck, stamp } = reset;
  if (cause !== 'link-outage' && cause !== 'hold-timer' && cause !== 'one-way-loss' && cause !== 'restart') return undefined;
  // The way to the receiver, which the route has nothing to do with.
  if (cause === 'one-way-loss' && stuck?.speaker.ip === route.from) return undefined;
  if (isHarmless(route, reset.connection, session)) return undefined;
  const began = Math.min(silent?.since.at ?? stamp.at, stuck?.data.first.at ?? stamp.at);
  return began - announced.at <= holdOf(session) ? reset : undefined;
}

/** The latest that the receiver sent and the announcer acknowledged, before the end of the connection: once the route is gone, the tunnel works again. */
function lastThrough({ to }: BgpRoute, connection: BgpConnection, session: BgpSession): Stamp | undefined {
  const heard = speakerOf(connection, to)?.heardLast;
  if (!heard || (connection.end && connection.end.stamp.at - heard.at < holdOf(session) / 3)) return undefined;
  return heard;
}

/** What the receiver sends gets through all the same, while it has the route. */
function isHarmless(route: BgpRoute, connection: BgpConnection, session: BgpSession): boolean {
  const through = lastThrough(route, connection, session);
  return through !== undefined && through.at - route.announced.at > INSTALLED_SEC;
}

/** The connection that brought the route. */
const broughtBy = ({ announced }: BgpRoute, { connections }: BgpSession): BgpConnection | undefined =>
  connections.findLast(({ first, established }) => established !== null && first.at <= announced.at);

function confidenceOf(
  session: BgpSession,
  routes: readonly BgpRoute[],
  losses: number,
  nested: NestedTunnel | undefined,
  isTunnel: boolean,
  { end }: Knowledge,
): Confidence | undefined {
  const outlives = routes.some((route) => {
    const connection = broughtBy(route, session);
    if (connection && isHarmless(route, connection, session)) return true;
    return route.ended === null && lastHeard(session, end) - route.announced.at > 1.5 * holdOf(session);
  });
  if (outlives && losses < 2) return undefined;
  if (nested && routes.some(({ announced }) => nested.last.at >= announced.at)) return 'likely';
  if (losses > 1) return 'likely';
  if (losses === 1 || (isTunnel && !outlives && routes.some(({ ended }) => ended === null))) return 'possible';
  return undefined;
}

/** Until when both sides were heard. */
const lastHeard = ({ a, b }: BgpSession, end: number): number => Math.min(a.lastMessage?.at ?? end, b.lastMessage?.at ?? end);

/** The receiver says that it has a nearer way to the address than the prefix, or that its route for it is none of BGP. */
function isNearer(to: string, address: string, length: number, { context }: Knowledge): boolean {
  const hosts = context.hosts.filter((host) => host.routes !== undefined && host.linksWith(to).length > 0);
  const [host] = hosts;
  if (!host || hosts.length > 1) return false;
  const { outcome, route } = lookUp(host, { destination: address });
  return (
    outcome === 'unicast' &&
    route !== undefined &&
    (route.prefix.length > length || (route.prefix.length === length && route.protocol === 'kernel'))
  );
}

function draftOf({ session, route, address, tunnel, losses, nested, confidence }: Case): Draft<RecursiveRouteDetails> {
  const { from, to, prefix } = route;
  const evidence = new Evidence();
  evidence.add('update', route.announced, prefix);
  for (const { route: each, reset } of losses) {
    evidence.add('update', each.announced, prefix);
    if (reset.silent) evidence.add('last-message', reset.silent.since, `of ${reset.silent.speaker.ip}`);
    evidence.add('lost', reset.stamp);
  }
  if (nested) {
    evidence.add('nested', nested.first);
    evidence.add('nested', nested.last);
  }
  const what = tunnel ? `the far end of the tunnel that carries its session with ${from}` : `its neighbour ${from} itself`;
  const names = tunnel ? pathNames(tunnel.path).at(-1) : undefined;
  return {
    subject: { prefix },
    path: session.path,
    confidence,
    title: `${prefix}, which ${to} learns from ${from}, ${hedge(confidence)}takes away its way to ${tunnel ? `${address}, the far end of their tunnel` : `${from} itself`}`,
    details: {
      session: { a: session.a.ip, b: session.b.ip },
      from,
      to,
      address,
      isTunnelEnd: tunnel !== undefined,
      resets: losses.length,
      nested: nested?.count ?? 0,
    },
    count: Math.max(1, losses.length),
    evidence,
    because: [
      ...(tunnel
        ? [`The session of ${session.a.ip} and ${session.b.ip} runs in a tunnel (${names ?? 'IP'}) between ${tunnel.a} and ${tunnel.b}.`]
        : []),
      `${FrameText(route.announced)}: ${from} announces ${prefix} through this session, and that prefix holds ${address}, ${what}.`,
      ...(nested
        ? [
            `From ${frameText(nested.first)} on packets of the tunnel from ${nested.source} to ${nested.destination} are inside of the same tunnel (${countText(nested.count, 'packet')}): it is sent into itself.`,
          ]
        : []),
      ...losses.slice(0, 3).map(({ route: each, reset }) => {
        const through = lastThrough(each, reset.connection, session);
        const last = through ? `${frameText(through)} is the last to acknowledge anything of ${to}, ` : '';
        return `${FrameText(each.announced)} announces it, ${last}and ${frameText(reset.stamp)} ends the session.`;
      }),
      ...(losses.length === 0 && !nested
        ? ['The capture ends before it could tell: a nearer route to that address would make it harmless.']
        : []),
      `A route of BGP has a distance of 20 (eBGP) or 200 (iBGP); a default route, or a shorter prefix, loses against it in any case.`,
    ],
    ruledOut: [
      ...(losses.length > 0 || nested ? [`A nearer route to that address: what ${to} sends would go on getting through.`] : []),
      tunnel
        ? 'The network inside the tunnel: the address is that of its outside.'
        : 'A neighbour on a network of the receiver: the two addresses are in none together.',
    ],
    remedies: remediesOf(session, route, address, tunnel !== undefined, confidence),
  };
}

function remediesOf(
  session: BgpSession,
  { from, to, prefix }: BgpRoute,
  address: string,
  isTunnel: boolean,
  confidence: Confidence,
): Remedy[] {
  const asOf = (ip: string): number | null => (session.a.ip === ip ? session.a.as : session.b.as);
  const family = familyOf(address);
  const list6 = family === 6 ? 'ipv6' : 'ip';
  return [
    {
      text: `At ${to}: a route of its own to ${address}, by the gateway that leads there without ${isTunnel ? 'the tunnel' : 'BGP'}`,
      commands: [`ip ${family === 6 ? '-6 ' : ''}route add ${address}/${family === 6 ? 128 : 32} via GATEWAY`],
    },
    {
      text: `Or at ${to}: do not take the prefix from ${from}`,
      commands: [
        `vtysh -c 'configure terminal' -c '${list6} prefix-list UNDERLAY seq 5 deny ${prefix}' -c '${list6} prefix-list UNDERLAY seq 10 permit ${family === 6 ? '::/0 le 128' : '0.0.0.0/0 le 32'}'`,
        frrCommand(asOf(to), `address-family ipv${family} unicast`, `neighbor ${from} prefix-list UNDERLAY in`),
      ],
    },
    {
      text: `Or at ${from}: do not announce it through the tunnel`,
      commands: [frrCommand(asOf(from), `address-family ipv${family} unicast`, `no network ${prefix}`)],
    },
    { text: 'BIRD, in the import filter of this protocol: a line', commands: [`if net = ${prefix} then reject;`] },
    ...(confidence === 'possible'
      ? [
          {
            text: `To be sure, look at the route of ${to} while it happens`,
            commands: [`ip route get ${address}`, 'fluxcap context > context.json'],
          },
        ]
      : []),
  ];
}
