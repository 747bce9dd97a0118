import type { TcpConnection } from '../track/tcp/connection.ts';
import { type BlackHole, directionOf, endOfStuck, isUnheard, smallStuck } from './black-holes.ts';
import type { Paths } from './narrow-tunnel.ts';
import { frameText } from './text.ts';

/*
 * What other connections of the same two hosts say about a black hole: large packets that pass, and small ones that do not, speak against it.
 */

/** What passed so long before still speaks of the same path. */
const RECENT_SEC = 60;

/** Connections by the way of one of their directions. */
export type Ways = ReadonlyMap<string, readonly TcpConnection[]>;

const wayKey = ({ path, a, b }: TcpConnection, ofA: boolean): string => (ofA ? `${path} ${a.ip} ${b.ip}` : `${path} ${b.ip} ${a.ip}`);

/** All connections between hosts that have a black hole between them: those with trouble, and those that are well. */
export function waysOf(holes: readonly BlackHole[], { knowledge, connections }: Paths): Ways {
  const ways = new Map<string, TcpConnection[]>();
  if (holes.length === 0) return ways;
  const well = knowledge.tcp.between(new Set(holes.map(({ connection: { a, b } }) => `${a.ip} ${b.ip}`)));
  for (const { connection, ofA } of holes) ways.set(wayKey(connection, ofA), []);
  for (const connection of [...connections, ...well]) {
    for (const ofA of [true, false]) ways.get(wayKey(connection, ofA))?.push(connection);
  }
  return ways;
}

/** The hole with what speaks against it; undefined where packets of that size get through at the same time: it is not the path. */
export function weighed(hole: BlackHole, ways: Ways): BlackHole | undefined {
  const { connection, ofA, size, proof } = hole;
  const from = proof.kind === 'repeated' ? proof.stuck.first.at : proof.gap.stamp.at;
  const to = proof.kind === 'repeated' ? endOfStuck(proof.stuck) : connection.last.at;
  let doubt: string | undefined;
  for (const other of ways.get(wayKey(connection, ofA)) ?? []) {
    const isOfA = other.a.ip === (ofA ? connection.a.ip : connection.b.ip);
    const isAtThatTime = other.first.at <= to && other.last.at >= from;
    const passed = Math.max(...other.sightings.map((each) => directionOf(each, isOfA).largestAcked));
    if (passed >= size && other.last.at >= connection.first.at - RECENT_SEC && other.first.at <= to) {
      // When its large packets passed is not known; one that is much older may have carried them long before.
      if (isAtThatTime && other.first.at >= connection.first.at - RECENT_SEC) return undefined;
      doubt ??= `Packets of ${passed} octets passed the same way in another connection (${frameText(other.first)} to ${frameText(other.last)}): the path may have changed since, or it is not the size.`;
    }
    const small = smallStuck(other, isOfA, hole);
    if (small)
      doubt ??= `In another connection, a packet of ${small.size} octets is sent again and again at the same time (from ${frameText(small.first)} on): small ones get lost as well. An outage of this direction looks like that.`;
    if (isAtThatTime && isUnheard(other, !isOfA))
      doubt ??= `In another connection (from ${frameText(other.first)} on), the receiver repeats what was acknowledged here: small packets get lost as well. An outage of this direction looks like that.`;
  }
  return doubt === undefined || hole.confidence === 'certain' ? hole : { ...hole, confidence: 'possible', doubt: hole.doubt ?? doubt };
}
