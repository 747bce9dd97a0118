import { compareIps } from '../../net/ip.ts';
import { codingOf, negotiatedHoldTime } from '../../wire/bgp/open.ts';
import { Evidence } from '../evidence.ts';
import type { Stamp } from '../stamp.ts';
import type { Connection } from './connection.ts';
import { Feed } from './feed.ts';
import type { Rib } from './rib.ts';
import type { BgpConnection, BgpSession, EndCause, SpeakerState } from './session.ts';

/** Connections of a session that are kept: the first, and the latest. */
const MOST_CONNECTIONS = 64;
/** Of two connections of a collision the second may be up so long after the end of the first. */
const COLLISION_SEC = 2;
/** Most lanes of a session that are remembered: labels of an overlay may change again and again. */
const MOST_LANES = 64;
const CEASE = 6;
const COLLISION_RESOLUTION = 7;

/** Two addresses between which BGP is spoken: their connections, and what each side tells the other. */
export class Neighbours {
  readonly session: BgpSession;
  /** What each side tells; made when they have come to that. */
  private readonly told = new Map<SpeakerState, Feed>();
  /** The connection that is established. */
  active: Connection | null = null;
  /** Connections that were accepted and are not over. */
  readonly open = new Set<Connection>();
  /** Connections that segments are looked up for. */
  readonly followed = new Set<Connection>();
  /** Where its segments were sighted. */
  private readonly lanes = new Set<number>();
  private readonly interfaces = new Set<number>();

  constructor(client: string, server: string, path: number, interfaceId: number, scope: string, first: Stamp) {
    const [a, b] = compareIps(client, server) <= 0 ? [client, server] : [server, client];
    this.session = {
      a: newSpeaker(a),
      b: newSpeaker(b),
      path,
      interfaceId,
      scope,
      connections: [],
      connectionsSeen: 0,
      attempts: 0,
      syns: 0,
      opensSeen: 0,
      holdTime: null,
      isPartial: false,
      ttl: null,
      established: 0,
      resets: 0,
      lastEstablished: null,
      evidence: new Evidence(),
      first,
      last: first,
    };
  }

  sighted(lane: number, interfaceId: number): void {
    this.interfaces.add(interfaceId);
    if (this.lanes.has(lane)) return;
    const [oldest] = this.lanes;
    if (this.lanes.size >= MOST_LANES && oldest !== undefined) this.lanes.delete(oldest);
    this.lanes.add(lane);
  }

  isIn(lane: number): boolean {
    return this.lanes.has(lane);
  }

  /** A new connection there is one of this session; but while one is up elsewhere, another interface has another session. */
  mayHave(lane: number, interfaceId: number): boolean {
    return this.lanes.has(lane) && (this.active === null || this.interfaces.has(interfaceId));
  }

  get feeds(): Iterable<Feed> {
    return this.told.values();
  }

  /** What a side of the session tells the other. */
  feedOf(speaker: SpeakerState): Feed {
    const { a, b } = this.session;
    let feed = this.told.get(speaker);
    if (!feed) {
      feed = new Feed(this.session, speaker, speaker === a ? b : a);
      this.told.set(speaker, feed);
    }
    return feed;
  }

  add(connection: Connection): void {
    const { connections } = this.session;
    this.session.connectionsSeen++;
    connections.push(connection.facts);
    if (connections.length > MOST_CONNECTIONS) connections.splice(1, 1);
  }

  /** The TCP handshake is over. */
  accept(connection: Connection): void {
    connection.facts.isAccepted = true;
    this.open.add(connection);
    const [oldest] = this.open;
    if (this.open.size > MOST_CONNECTIONS && oldest) this.open.delete(oldest);
  }

  /** By both OPENs, where both are seen. */
  negotiate({ facts, fromClient, fromServer }: Connection): void {
    const [client, server] = [facts.opens.get(fromClient.facts.ip), facts.opens.get(fromServer.facts.ip)];
    fromClient.coding = codingOf(client, server);
    fromServer.coding = codingOf(server, client);
    if (client && server) this.session.holdTime = negotiatedHoldTime(client, server);
  }

  /** The connection is established: the session has it. */
  establish(connection: Connection, rib: Rib, stamp: Stamp): void {
    const { facts } = connection;
    const { session } = this;
    if (this.active) this.end(this.active, 'superseded', connection.fromClient.facts.ip, rib, stamp);
    this.active = connection;
    facts.established = stamp;
    connection.enter('established', stamp);
    session.established++;
    session.lastEstablished = stamp;
    session.evidence.add('established', stamp);
    for (const other of session.connections) if (isLoser(other, facts, stamp)) other.isCollision = true;
    const opens = [...facts.opens.values()];
    const isFromStart = opens.length === 2;
    if (!isFromStart) session.isPartial = true;
    const families = isFromStart ? commonFamilies(opens.map(({ capabilities }) => capabilities.families)) : null;
    for (const speaker of [session.a, session.b]) {
      const feed = this.feedOf(speaker);
      rib.endAll(feed, stamp);
      rib.add(feed);
      feed.begin(isFromStart, families);
    }
  }

  /** The connection is over, and with it, if it is the one that was established, all that was told in it. */
  end(connection: Connection, cause: EndCause, by: string, rib: Rib, stamp: Stamp): void {
    const { facts } = connection;
    if (facts.end) {
      // What came out of order: the reason is told before the end.
      if (cause === 'notification' && facts.end.cause !== 'notification') facts.end = { ...facts.end, cause, by };
      return;
    }
    facts.end = { cause, by, stamp };
    connection.enter('idle', stamp);
    this.open.delete(connection);
    facts.isCollision ||= this.isCollision(connection);
    if (!facts.established) return;
    if (!facts.isCollision) {
      this.session.resets++;
      this.session.evidence.add('reset', stamp);
    }
    if (this.active !== connection) return;
    this.active = null;
    for (const feed of this.feeds) {
      rib.endAll(feed, stamp);
      feed.isUp = false;
    }
  }

  /** Two had been begun, and this is the one that is given up. */
  private isCollision({ facts }: Connection): boolean {
    const { notification } = facts;
    if (notification?.code === CEASE && notification.subcode === COLLISION_RESOLUTION) return true;
    if (facts.established || !facts.isAccepted || (notification && notification.code !== CEASE)) return false;
    return this.open.size > 0;
  }
}

const newSpeaker = (ip: string): SpeakerState => ({
  ip,
  id: null,
  as: null,
  keepalives: 0,
  updates: 0,
  retransmissions: 0,
  lastMessage: null,
  lastSegment: null,
  stuck: null,
});

/** A connection that had begun as well, and gave way to the one that is established now. */
const isLoser = (other: BgpConnection, winner: BgpConnection, { at }: Stamp): boolean =>
  other !== winner && other.isAccepted && !other.established && (other.end === null || at - other.end.stamp.at <= COLLISION_SEC);

/** What both speak; who names no family speaks IPv4 unicast (RFC 4760 section 8). */
function commonFamilies(sides: readonly (readonly { afi: number; safi: number }[])[]): { afi: number; safi: number }[] {
  const [a = [], b = []] = sides.map((families) => (families.length > 0 ? families : [{ afi: 1, safi: 1 }]));
  return a.filter(({ afi, safi }) => b.some((each) => each.afi === afi && each.safi === safi));
}
