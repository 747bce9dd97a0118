import { timeText } from '../net/time.ts';
import type { BestPath, BgpRoute } from '../track/bgp/route.ts';
import type { BgpConnection, BgpSession } from '../track/bgp/session.ts';
import type { BgpRecord } from '../track/records.ts';
import { compareStamps, type Stamp } from '../track/stamp.ts';
import { asPathText } from '../wire/bgp/as-path.ts';
import { familyName } from '../wire/bgp/message.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { FIXED_SPACE, fittingTable } from './fitting-table.ts';
import type { JsonRecord } from './records.ts';
import { wrapText } from './wrap.ts';

/** Where a record of `show bgp` stands among the others. */
export function bgpPlace(record: BgpRecord): Stamp {
  if ('session' in record) return record.session.first;
  return 'route' in record ? record.route.announced : record.best.since;
}

/** A record of `show bgp`. */
export function bgpRecord(record: BgpRecord): JsonRecord {
  if ('session' in record) return sessionRecord(record.session);
  return 'route' in record ? routeRecord(record.route) : bestRecord(record.best);
}

const sessionRecord = ({
  a,
  b,
  path,
  holdTime,
  connections,
  isPartial,
  first,
  last,
  attempts,
  established,
  resets,
}: BgpSession): JsonRecord => ({
  type: 'session',
  input: first.input,
  encapsulation: pathNames(path),
  a: a.ip,
  b: b.ip,
  asA: a.as,
  asB: b.as,
  idA: a.id,
  idB: b.id,
  holdTime,
  state: latestState(connections),
  states: connections
    .flatMap(({ states }) => states)
    .sort((x, y) => compareStamps(x.stamp, y.stamp))
    .map(({ state, stamp }) => ({ state, frame: stamp.frame, time: stamp.timed ? timeText(stamp) : null })),
  established,
  resets,
  attempts,
  notifications: connections.flatMap(notificationsOf),
  refusal: refusalOf(connections.findLast(({ refusal }) => refusal !== null)),
  ttlExceeded: exceededOf(connections.findLast(({ ttlExceeded }) => ttlExceeded !== null)),
  updates: [a.updates, b.updates],
  retransmissions: [a.retransmissions, b.retransmissions],
  partial: isPartial,
  firstFrame: first.frame,
  lastFrame: last.frame,
});

/** That of the connection that is up, whatever became of others beside it; else of the latest one. */
function latestState(connections: readonly BgpConnection[]): JsonRecord | null {
  const isUp = ({ end, states }: BgpConnection): boolean => end === null && states.some(({ state }) => state === 'established');
  const state = (connections.findLast(isUp) ?? connections.at(-1))?.states.at(-1);
  return state ? { state: state.state, frame: state.stamp.frame } : null;
}

function notificationsOf({ notification }: BgpConnection): JsonRecord[] {
  if (!notification) return [];
  const { from, code, subcode, text, message, stamp } = notification;
  return [{ from, code, subcode, text, message, frame: stamp.frame }];
}

/** The latest one. */
function refusalOf(connection: BgpConnection | undefined): JsonRecord | null {
  if (!connection?.refusal) return null;
  const { from, kind, text, stamp } = connection.refusal;
  return { from, kind, text, frame: stamp.frame };
}

/** The latest one. */
function exceededOf(connection: BgpConnection | undefined): JsonRecord | null {
  if (!connection?.ttlExceeded) return null;
  const { from, sender, last } = connection.ttlExceeded;
  return { from, sender, frame: last.frame };
}

const routeRecord = (route: BgpRoute): JsonRecord => {
  const { from, to, prefix, path, nextHop, attributes, announced, ended, afi, safi, rd, pathId, ignored, isAssumed } = route;
  return {
    type: 'route',
    input: announced.input,
    encapsulation: pathNames(path),
    from,
    to,
    family: familyName({ afi, safi }),
    prefix,
    rd,
    pathId,
    nextHop,
    asPath: attributes.asPath?.flatMap(({ as }) => as) ?? [],
    asPathText: asPathText(attributes.asPath ?? []),
    origin: attributes.origin,
    med: attributes.med,
    localPref: attributes.localPref,
    communities: attributes.communities,
    extendedCommunities: attributes.extendedCommunities,
    largeCommunities: attributes.largeCommunities,
    atomicAggregate: attributes.atomicAggregate,
    aggregator: attributes.aggregator,
    originatorId: attributes.originatorId,
    clusterList: attributes.clusterList,
    ignored,
    assumed: isAssumed,
    frame: announced.frame,
    ended: ended?.how ?? null,
    endedFrame: ended?.stamp.frame ?? null,
    withdrawnFrame: ended?.how === 'withdrawn' ? ended.stamp.frame : null,
  };
};

const bestRecord = ({ router, prefix, path, route, candidates, decidingStep, isComplete, since, until }: BestPath): JsonRecord => ({
  type: 'best',
  input: since.input,
  encapsulation: pathNames(path),
  router: [...router],
  family: familyName(route),
  prefix,
  rd: route.rd,
  from: route.from,
  nextHop: route.nextHop,
  decidingStep,
  candidates: candidates.map(({ from, nextHop, pathId }) => ({ from, nextHop, pathId })),
  complete: isComplete,
  frame: since.frame,
  untilFrame: until?.frame ?? null,
});

/** As much of the records as is printed. */
interface Shown {
  input: number;
  encapsulation: string[];
}

interface ShownSession extends Shown {
  a: string;
  b: string;
  asA: number | null;
  asB: number | null;
  holdTime: number | null;
  state: { state: string; frame: number } | null;
  established: number;
  resets: number;
  attempts: number;
  notifications: { from: string; text: string; message: string | null; frame: number }[];
  refusal: { from: string; kind: string; text: string; frame: number } | null;
  ttlExceeded: { from: string; sender: string; frame: number } | null;
  partial: boolean;
}

interface ShownRoute extends Shown {
  from: string;
  to: string;
  family: string;
  prefix: string;
  rd: string | null;
  pathId: number | null;
  nextHop: string | null;
  asPathText: string;
  origin: string | null;
  med: number | null;
  localPref: number | null;
  communities: string[];
  extendedCommunities: string[];
  largeCommunities: string[];
  originatorId: string | null;
  clusterList: string[];
  ignored: string | null;
  assumed: boolean;
  frame: number;
  ended: string | null;
  endedFrame: number | null;
}

interface ShownBest extends Shown {
  router: string[];
  prefix: string;
  rd: string | null;
  from: string;
  nextHop: string | null;
  decidingStep: string | null;
  candidates: { from: string; nextHop: string | null }[];
  complete: boolean;
  frame: number;
  untilFrame: number | null;
}

interface Column<T> {
  head: string;
  cell: (record: T) => string;
}

const SESSIONS: readonly Column<ShownSession>[] = [
  { head: 'between', cell: ({ a, asA }) => speakerText(a, asA) },
  { head: 'and', cell: ({ b, asB }) => speakerText(b, asB) },
  { head: 'in', cell: ({ encapsulation }) => encapsulation.join(' ') },
  { head: 'hold', cell: ({ holdTime }) => (holdTime === null ? '' : `${holdTime}${FIXED_SPACE}s`) },
  { head: 'state', cell: stateText },
  { head: 'told', cell: toldText },
  { head: 'seen', cell: ({ partial }) => (partial ? 'partial' : '') },
];

const ROUTES: readonly Column<ShownRoute>[] = [
  { head: 'frame', cell: frameText },
  { head: `from${FIXED_SPACE}→ to`, cell: ({ from, to }) => `${from}${FIXED_SPACE}→ ${to}` },
  { head: 'in', cell: ({ encapsulation }) => encapsulation.join(' ') },
  { head: 'family', cell: ({ family }) => (family === 'IPv4 unicast' || family === 'IPv6 unicast' ? '' : family) },
  { head: 'prefix', cell: prefixText },
  { head: 'path id', cell: ({ pathId }) => numberText(pathId) },
  { head: 'next hop', cell: ({ nextHop }) => nextHop ?? '' },
  { head: 'AS path', cell: ({ asPathText: text }) => text },
  { head: 'origin', cell: ({ origin }) => (origin === 'igp' ? '' : (origin ?? 'none')) },
  { head: 'MED', cell: ({ med }) => numberText(med) },
  { head: 'pref', cell: ({ localPref }) => numberText(localPref) },
  { head: 'communities', cell: communitiesText },
  { head: 'reflected', cell: reflectedText },
  { head: 'over', cell: endText },
  { head: 'note', cell: ({ ignored, assumed }) => [IGNORED.get(ignored ?? '') ?? '', assumed ? 'assumed' : ''].filter(Boolean).join(', ') },
];

const BESTS: readonly Column<ShownBest>[] = [
  { head: 'frame', cell: frameText },
  { head: 'router', cell: ({ router }) => router.join(' ') },
  { head: 'in', cell: ({ encapsulation }) => encapsulation.join(' ') },
  { head: 'prefix', cell: prefixText },
  { head: 'from', cell: ({ from }) => from },
  { head: 'next hop', cell: ({ nextHop }) => nextHop ?? '' },
  { head: 'because of', cell: ({ decidingStep }) => STEPS.get(decidingStep ?? '') ?? 'not decided' },
  { head: 'instead of', cell: rivalsText },
  { head: 'until', cell: ({ untilFrame }) => (untilFrame === null ? '' : `frame${FIXED_SPACE}${untilFrame}`) },
  { head: 'seen', cell: ({ complete }) => (complete ? '' : 'in part') },
];

const STEPS = new Map([
  ['only-path', 'the only one'],
  ['local-pref', 'local preference'],
  ['as-path', 'AS path'],
  ['origin', 'origin'],
  ['med', 'MED'],
  ['ebgp', 'external'],
  ['confederation', 'external in the confederation'],
  ['oldest', 'older'],
  ['router-id', 'router id'],
  ['cluster-list', 'cluster list'],
  ['neighbour-address', 'neighbour address'],
]);

const IGNORED = new Map([
  ['own-as', 'ignored: own AS'],
  ['own-originator-id', 'ignored: own originator id'],
  ['own-cluster-id', 'ignored: own cluster id'],
  ['own-next-hop', 'ignored: own next hop'],
]);

const PARTIAL =
  'partial: the session began before the capture, or octets of it are missing: there may be more routes than those that are shown. ' +
  '`vtysh -c "clear bgp * soft in"` while capturing has the peers send all of them again.';
const ASSUMED = 'assumed: without the OPENs the octets of AS numbers, and path ids, are a guess that fits.';
const IN_PART =
  'in part: the router may have been told more, as not all of its sessions are seen from OPEN to End-of-RIB. ' +
  'No choice shows what packets do not: weight, policy, metrics to the next hop, the routes of the router itself.';

/** The records as tables: sessions, routes, what is chosen. */
export function bgpText(records: readonly JsonRecord[], width: number): string {
  const ofType = <T>(type: string): T[] => records.filter((record) => record.type === type) as unknown as T[];
  const sessions = ofType<ShownSession>('session');
  const routes = ofType<ShownRoute>('route');
  const bests = ofType<ShownBest>('best');
  const parts = [
    part('Sessions', SESSIONS, sessions, width, sessions.some(({ partial }) => partial) ? [PARTIAL] : []),
    part('Routes', ROUTES, routes, width, routes.some(({ assumed }) => assumed) ? [ASSUMED] : []),
    part('Chosen paths', BESTS, bests, width, bests.some(({ complete }) => !complete) ? [IN_PART] : []),
  ];
  return parts.filter((text) => text !== '').join('\n');
}

function part<T>(title: string, columns: readonly Column<T>[], records: readonly T[], width: number, notes: readonly string[]): string {
  if (records.length === 0) return '';
  const filled = columns
    .map(({ head, cell }) => ({ head, cells: records.map(cell) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  return `${title}\n${fittingTable(filled, width)}${notes.map((note) => `${wrapText(note, width, '', '')}\n`).join('')}`;
}

const speakerText = (ip: string, as: number | null): string => (as === null ? ip : `${ip} (AS${FIXED_SPACE}${as})`);

const numberText = (value: number | null): string => (value === null ? '' : String(value));

function frameText({ input, frame }: { input: number; frame: number }): string {
  return input === 0 ? String(frame) : `${input}:${frame}`;
}

function prefixText({ prefix, rd }: { prefix: string; rd: string | null }): string {
  return rd === null ? prefix : `${prefix} rd${FIXED_SPACE}${rd}`;
}

function communitiesText({ communities, extendedCommunities, largeCommunities }: ShownRoute): string {
  return [...communities, ...extendedCommunities, ...largeCommunities].join(' ');
}

/** Who brought it into the AS, and the clusters that it came through since. */
function reflectedText({ originatorId, clusterList }: ShownRoute): string {
  const clusters = clusterList.map((cluster) => `by${FIXED_SPACE}${cluster}`);
  return [...(originatorId === null ? [] : [`of${FIXED_SPACE}${originatorId}`]), ...clusters].join(' ');
}

/** What the session came to: `established in frame 18`, `idle in frame 90, 2 resets`. */
function stateText({ state, resets, established, attempts }: ShownSession): string {
  const latest = state ? `${state.state.replace('-', FIXED_SPACE)} ${inFrame(state.frame)}` : 'not seen';
  const tried = established === 0 && attempts > 1 ? `, ${attempts}${FIXED_SPACE}attempts` : '';
  const times = established > 1 ? `, established ${established}${FIXED_SPACE}times` : '';
  return `${latest}${tried}${times}${resets > 0 ? `, ${resets}${FIXED_SPACE}reset${resets === 1 ? '' : 's'}` : ''}`;
}

/** NOTIFICATIONs, and what came instead of an answer; what was told in the same words is told once. */
function toldText({ notifications, refusal, ttlExceeded }: ShownSession): string {
  const frames = new Map<string, number[]>();
  for (const { from, text, message, frame } of notifications) {
    const words = `${text}${message === null ? '' : ` ("${message}")`} from ${from}`;
    frames.set(words, [...(frames.get(words) ?? []), frame]);
  }
  const lines = [...frames].map(
    ([words, at]) => `${words}${at.length > 1 ? `, ${at.length}${FIXED_SPACE}times, last` : ''} ${inFrame(at.at(-1))}`,
  );
  if (refusal) lines.push(`refused: ${refusal.kind === 'rst' ? 'RST' : refusal.text} from ${refusal.from} ${inFrame(refusal.frame)}`);
  if (ttlExceeded) lines.push(`time exceeded: from ${ttlExceeded.from} to ${ttlExceeded.sender} ${inFrame(ttlExceeded.frame)}`);
  return lines.join('\n');
}

const inFrame = (frame: number | null | undefined): string => `in${FIXED_SPACE}frame${FIXED_SPACE}${frame}`;

function endText({ ended, endedFrame }: ShownRoute): string {
  if (ended === null) return '';
  const how = ended === 'session' ? 'session ended' : ended;
  return `${how} ${inFrame(endedFrame)}`;
}

/** The next hops of the others, each once. */
function rivalsText({ candidates, from, nextHop }: ShownBest): string {
  const others = candidates.filter((each) => each.from !== from || each.nextHop !== nextHop);
  return [...new Set(others.map((each) => each.nextHop ?? each.from))].join(' ');
}
