import type { StuckSegment, TcpConnection, TcpDirection, TcpSighting } from '../track/tcp/connection.ts';
import { pathNames } from '../wire/encapsulation.ts';
import { FIXED_SPACE, fittingTable } from './fitting-table.ts';
import { endpointOf, type JsonRecord } from './records.ts';
import { bytesText } from './units.ts';

/** A record of `show tcp`. Counts of each direction are those of the place that saw most of it: a packet sighted at several is one. */
export function tcpRecord({ a, b, path, sightings, end, first, last }: TcpConnection): JsonRecord {
  const most = sightings.reduce<TcpSighting | undefined>((x, y) => (x && packetsOf(x) >= packetsOf(y) ? x : y), undefined);
  const [fromA, fromB] = [mostOf(sightings.map((each) => each.fromA)), mostOf(sightings.map((each) => each.fromB))];
  const sum = (count: (direction: TcpDirection) => number): number => (fromA ? count(fromA) : 0) + (fromB ? count(fromB) : 0);
  return {
    input: first.input,
    encapsulation: pathNames(path),
    a,
    b,
    mss: [mssOf(most, sightings, (sighting) => sighting.mssOfA), mssOf(most, sightings, (sighting) => sighting.mssOfB)],
    packets: sum(({ packets }) => packets),
    bytes: sum(({ bytes }) => bytes),
    retransmissions: sum(({ retransmissions }) => retransmissions),
    stuck: stuckRecord(sightings),
    largest: [largestOf(fromA), largestOf(fromB)],
    end,
    firstFrame: first.frame,
    lastFrame: last.frame,
  };
}

/** Where most of a direction was seen: both may go different ways, or have different ids of one tunnel. */
const mostOf = (directions: readonly TcpDirection[]): TcpDirection | undefined =>
  directions.reduce<TcpDirection | undefined>((x, y) => (x && x.packets >= y.packets ? x : y), undefined);

const packetsOf = ({ fromA, fromB }: TcpSighting): number => fromA.packets + fromB.packets;

/** As it was where most was seen; a router may have changed it on the way. */
const mssOf = (
  most: TcpSighting | undefined,
  sightings: readonly TcpSighting[],
  of: (sighting: TcpSighting) => number | null,
): number | null => (most && of(most)) ?? sightings.map(of).find((mss) => mss !== null) ?? null;

const largestOf = (direction: TcpDirection | undefined): { sent: number; acked: number } => ({
  sent: direction?.largestSent ?? 0,
  acked: direction?.largestAcked ?? 0,
});

/** The segment that got stuck, where it was seen first; what was never acknowledged goes before what was. */
function stuckRecord(sightings: readonly TcpSighting[]): JsonRecord | null {
  const found = sightings.flatMap(({ fromA, fromB }) => [
    ...(fromA.stuck ? [{ from: 'a', stuck: fromA.stuck }] : []),
    ...(fromB.stuck ? [{ from: 'b', stuck: fromB.stuck }] : []),
  ]);
  const worst = found.find(({ stuck }) => stuck.acked === null) ?? found[0];
  return worst ? { from: worst.from, ...recordOfStuck(worst.stuck) } : null;
}

const recordOfStuck = ({ size, retransmissionCount, first, acked }: StuckSegment): JsonRecord => ({
  size,
  retransmissions: retransmissionCount,
  frame: first.frame,
  acked: acked && { frame: acked.stamp.frame, size: acked.size },
});

const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

/** `17–44`; of later inputs with their number before it. */
const framesOf = ({ firstFrame, lastFrame, input }: JsonRecord): string =>
  `${input === 0 ? '' : `${text(input)}:`}${text(firstFrame)}–${text(lastFrame)}`;

/** Two values, of `a` and of `b`. */
function pair(values: unknown): string {
  const [a, b] = (values as unknown[]).map((value) => (value === null ? '?' : text(value)));
  return a === '?' && b === '?' ? '' : `${a}${FIXED_SPACE}/${FIXED_SPACE}${b}`;
}

/** `1500 / 52`: the largest packets that were sent; behind them, where it is less, what was acknowledged. */
function sizes(largest: unknown): string {
  const words = (largest as { sent: number; acked: number }[]).map(({ sent, acked }) =>
    sent === 0 ? '–' : acked === sent ? String(sent) : `${sent}${FIXED_SPACE}(${acked}${FIXED_SPACE}acked)`,
  );
  return words.every((word) => word === '–') ? '' : words.join(`${FIXED_SPACE}/ `);
}

/** `1500 octets from a, sent 5 times more from frame 25 on`. */
function stuckText(stuck: unknown): string {
  if (stuck === null) return '';
  const { from, size, retransmissions, frame, acked } = stuck as {
    from: string;
    size: number;
    retransmissions: number;
    frame: number;
    acked: { frame: number; size: number } | null;
  };
  const got = acked ? `, acknowledged in frame ${acked.frame}${acked.size === size ? '' : ` as ${acked.size} octets`}` : '';
  return `${size} octets of ${from} from frame ${frame} on, ${retransmissions} times again${got}`;
}

const COLUMNS: { head: string; cell: (record: JsonRecord) => string }[] = [
  { head: 'frames', cell: framesOf },
  { head: 'a', cell: ({ a }) => endpointOf(a) },
  { head: 'b', cell: ({ b }) => endpointOf(b) },
  { head: 'MSS', cell: ({ mss }) => pair(mss) },
  { head: 'packets', cell: ({ packets }) => text(packets) },
  { head: 'octets', cell: ({ bytes }) => bytesText(Number(bytes)).replace(' ', FIXED_SPACE) },
  { head: 'largest', cell: ({ largest }) => sizes(largest) },
  { head: 'sent again', cell: ({ retransmissions }) => (retransmissions === 0 ? '' : text(retransmissions)) },
  { head: 'stuck', cell: ({ stuck }) => stuckText(stuck) },
  { head: 'end', cell: ({ end }) => text(end) },
  { head: 'in', cell: ({ encapsulation }) => (encapsulation as string[]).join(' ') },
];

/** The connections as a table, of at most `width` columns where that can be. */
export function tcpText(records: readonly JsonRecord[], width: number): string {
  const columns = COLUMNS.map(({ head, cell }) => ({ head, cells: records.map(cell) }));
  return fittingTable(
    columns.filter(({ cells }) => cells.some((cell) => cell !== '')),
    width,
  );
}
