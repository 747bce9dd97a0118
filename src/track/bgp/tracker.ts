import { compareIps, type Endpoint } from '../../net/ip.ts';
import { BgpType } from '../../wire/bgp/message.ts';
import { readNotification } from '../../wire/bgp/notification.ts';
import { type BgpOpen, readOpen } from '../../wire/bgp/open.ts';
import { readRouteRefresh } from '../../wire/bgp/route-refresh.ts';
import { readUpdate } from '../../wire/bgp/update.ts';
import { IcmpType, Icmpv6Type, type QuotedPacket } from '../../wire/icmp.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import type { Clock } from '../clock.ts';
import { CopyDetector } from '../copies.ts';
import { writeAddress } from '../flows.ts';
import { compareStamps, type Stamp, stampOf } from '../stamp.ts';
import { NONE, Table } from '../table.ts';
import { StreamBudget } from '../tcp-stream.ts';
import { Connection } from './connection.ts';
import { isLinkLocal, laneOf } from './lane.ts';
import { NeighbourTable } from './neighbour-table.ts';
import type { Neighbours } from './neighbours.ts';
import { MOST_ROUTES, Rib } from './rib.ts';
import type { BestPath, BgpRoute, ToldNextHop } from './route.ts';
import type { BgpSession } from './session.ts';
import type { Way } from './way.ts';

/** TCP port of BGP. */
export const BGP_PORT = 179;

const MOST_CONNECTIONS = 4096;
/** Client and server in four words each, the client's port. */
const KEY_WORDS = 9;
/** Most connections with the same addresses and ports: each in lanes of its own. */
const MOST_ALIKE = 64;
/** No connection waits longer for a sign of life: the longest hold time is 18 hours. */
const IDLE_SEC = 86_400;
/** Octets that wait behind gaps, in all connections together. */
const MOST_WAITING = 16 * 1024 * 1024;
/** A segment that was sighted in other lanes as well has sequence numbers close to those that are known. */
const SAME_STREAM = 1024 * 1024;
const SYN_ACK = TcpFlag.Syn | TcpFlag.Ack;
const FRAGMENTATION_NEEDED = 4;

export interface BgpEvents {
  session(make: () => BgpSession): void;
  /** A prefix of unicast that a router was told of for the first time, as far as is known. */
  told(prefix: string): void;
  route(make: () => BgpRoute): void;
  best(make: () => BestPath): void;
}

/** What of a segment, or of one that is quoted, tells its connection. */
interface Addressed {
  packet: Packet | QuotedPacket;
  lane: number;
  isFromClient: boolean;
  isSyn: boolean;
  /** Sequence number and acknowledgment, if they are there. */
  seq: number | null;
  ack: number | null;
}

/**
 * Follows BGP sessions: who says what to whom, and what each router would choose by it.
 * One session may be sighted several times in a capture: inside and outside of a tunnel, on several interfaces. Segments that fit the sequence numbers of a connection
 * between the same addresses and ports belong to it wherever they are seen, and octets count once. The session is where the fewest tunnels are around it: there its
 * speakers send and receive.
 */
export class BgpTracker {
  private readonly table: Table;
  /** By id in the table: those with the same addresses and ports. */
  private readonly connections: (Connection[] | undefined)[] = [];
  private readonly neighbours: NeighbourTable;
  private readonly waiting = new Set<Connection>();
  private readonly copies = new CopyDetector();
  private readonly budget = new StreamBudget(MOST_WAITING);
  private readonly rib: Rib;
  private readonly events: BgpEvents;
  private readonly clock: Clock;

  /** @param mostRoutes that hold at one time */
  constructor(clock: Clock, events: BgpEvents, mostRoutes = MOST_ROUTES) {
    this.clock = clock;
    this.events = events;
    this.rib = new Rib(events, mostRoutes);
    this.table = new Table({
      words: KEY_WORDS,
      limit: MOST_CONNECTIONS,
      idleSec: IDLE_SEC,
      clock,
      leave: (id) => this.leave(id),
    });
    this.neighbours = new NeighbourTable((neighbours) => this.forget(neighbours));
  }

  /** Sessions and routes that hold. */
  get size(): number {
    return this.neighbours.size + this.rib.size;
  }

  get evicted(): number {
    return this.table.evicted + this.neighbours.evicted + this.rib.evicted;
  }

  /** By first packet. */
  get sessions(): readonly BgpSession[] {
    const sessions: BgpSession[] = [];
    for (const { session } of this.neighbours.values()) if (session.connections.length > 0) sessions.push(session);
    return sessions.sort((a, b) => compareStamps(a.first, b.first));
  }

  /** All routes that are known, the latest of those that ended too, by first announcement. Makes a list: for records and tests. */
  get routes(): readonly BgpRoute[] {
    return this.rib.routes;
  }

  /** What routers choose by now. Makes objects: for records and tests. */
  get bests(): readonly BestPath[] {
    return [...this.rib.bests()];
  }

  /** Routes that hold, as the router with this address was told them. */
  routesTo(router: string): readonly BgpRoute[] {
    return this.rib.routesTo(router);
  }

  /**
   * What the router with this address would choose for the destination; undefined where it was told nothing of it.
   * @param at seconds: by what it had been told then, `until` a change of its choice; without: by now
   */
  bestFor(router: string, destination: string, at?: number): BestPath | undefined {
    return this.rib.bestFor(router, destination, at);
  }

  /** All addresses of the router with this one: they have its BGP Identifier and AS in OPENs. */
  routerOf(ip: string): readonly string[] {
    return this.rib.knownRouter(ip)?.addresses ?? [ip];
  }

  /** Unicast routes that hold, that the router was told and does not ignore, and whose prefix has the address in it; the longest first. */
  covering(router: string, ip: string): readonly BgpRoute[] {
    return this.rib.covering(router, ip);
  }

  /** Unicast routes that hold, that the router itself announced to anybody, and whose prefix has the address in it; the longest first. */
  announcedCovering(router: string, ip: string): readonly BgpRoute[] {
    return this.rib.announcedCovering(router, ip);
  }

  /** As `covering`, then the latest of those that were lost with their session. */
  coveredBefore(router: string, ip: string): readonly BgpRoute[] {
    return this.rib.coveredBefore(router, ip);
  }

  /** Next hops of unicast routes that hold and are not ignored, by receiver, speaker and next hop. */
  nextHops(): Iterable<ToldNextHop> {
    return this.rib.nextHops();
  }

  /** A TCP segment of port 179. */
  observe(packet: Packet): void {
    const { view, transportAt, tcpFlags } = packet;
    const isFromClient = isClients(packet);
    const seq = view.getInt32(transportAt + 4);
    const connection = this.connectionOf(packet, isFromClient, seq);
    if (!connection) return;
    if (this.waiting.has(connection)) this.wait(connection);
    // Of a segment that came in fragments the first one was counted.
    const isCopy = packet.isReassembled || this.copies.isCopy(packet);
    const way = connection.way(isFromClient);
    const back = connection.way(!isFromClient);
    this.place(connection, packet, isFromClient, isCopy);
    if (tcpFlags & TcpFlag.Syn) {
      way.stream.begin(seq);
      if (!isCopy) this.handshake(connection, packet);
    }
    if (tcpFlags & TcpFlag.Ack && !(tcpFlags & TcpFlag.Rst) && !packet.isReassembled)
      back.acknowledge(view.getInt32(transportAt + 8), packet);
    way.add(packet, isCopy);
    if (packet.payloadLength > 0 && !(tcpFlags & TcpFlag.Syn) && !connection.facts.isAccepted) connection.neighbours.accept(connection);
    this.read(connection, way, packet.at);
    if (tcpFlags & TcpFlag.Rst) this.reject(connection, packet, isFromClient, isCopy);
    else if (tcpFlags & TcpFlag.Fin) this.end(connection, way, 'fin', stampOf(packet));
  }

  /** An ICMP error about a TCP segment of port 179. */
  observeError(quote: QuotedPacket, reason: string, packet: Packet): void {
    const { transport, icmpType, icmpCode } = packet;
    const isV6 = transport === IpProtocol.Icmpv6;
    const isExceeded = icmpType === (isV6 ? Icmpv6Type.TimeExceeded : IcmpType.TimeExceeded) && icmpCode === 0;
    const isUnreachable =
      icmpType === (isV6 ? Icmpv6Type.Unreachable : IcmpType.Unreachable) && (isV6 || icmpCode !== FRAGMENTATION_NEEDED);
    if (!isExceeded && !isUnreachable) return;
    const isFromClient = isClients(quote);
    const { transportAt, end, view } = quote;
    const seq = transportAt + 8 <= end ? view.getInt32(transportAt + 4) : null;
    const flags = transportAt + 14 <= end ? view.getUint8(transportAt + 13) : null;
    const lane = laneOf(packet, isLinkLocal(quote));
    const connection =
      this.quoted({ packet: quote, lane, isFromClient, isSyn: false, seq, ack: null }) ?? this.add(quote, isFromClient, packet, lane);
    const { facts } = connection;
    this.show(connection);
    const stamp = stampOf(packet);
    const from = packet.sourceIp;
    facts.last = stamp;
    connection.neighbours.session.last = stamp;
    if (isExceeded) {
      const isSyn = flags === null ? !facts.isAccepted : (flags & SYN_ACK) === TcpFlag.Syn;
      const known = facts.ttlExceeded;
      const sender = quote.sourceIp;
      if (known) facts.ttlExceeded = { ...known, last: stamp, count: known.count + 1 };
      else facts.ttlExceeded = { from, stamp, last: stamp, count: 1, sender, isSyn };
    } else if (!facts.isAccepted) {
      facts.refusal = { kind: 'icmp', text: reason, from, stamp: facts.refusal?.stamp ?? stamp, count: (facts.refusal?.count ?? 0) + 1 };
    }
  }

  expire(): void {
    this.table.expire();
    for (const connection of this.waiting) this.wait(connection);
  }

  finish(): void {
    for (const connection of this.waiting) for (const way of connection.ways) this.read(connection, way, Number.POSITIVE_INFINITY);
    for (const session of this.sessions) this.events.session(() => session);
    this.rib.finish();
  }

  reset(): void {
    this.table.clear();
    this.connections.length = 0;
    this.neighbours.clear();
    this.waiting.clear();
    this.copies.reset();
    this.rib.clear();
  }

  /** What waited for octets long enough goes on without them; also before each segment, so that it does not matter how often time is looked at. */
  private wait(connection: Connection): void {
    for (const way of connection.ways) this.read(connection, way, this.clock.at);
  }

  /** The connection of a segment; undefined where it says too little to begin one. */
  private connectionOf(packet: Packet, isFromClient: boolean, seq: number): Connection | undefined {
    const { tcpFlags, payloadLength, view, transportAt, interfaceId } = packet;
    const lane = laneOf(packet, isLinkLocal(packet));
    const isSyn = (tcpFlags & TcpFlag.Syn) !== 0;
    const ack = tcpFlags & TcpFlag.Ack ? view.getInt32(transportAt + 8) : null;
    const connection = this.find({ packet, lane, isFromClient, isSyn, seq, ack });
    if (!connection && !isSyn && payloadLength === 0) return undefined;
    if (!connection) return this.add(packet, isFromClient, packet, lane);
    connection.neighbours.sighted(lane, interfaceId);
    return connection;
  }

  /** A connection that is known, also by sightings in other lanes. */
  private find(addressed: Addressed): Connection | undefined {
    const { lane, isFromClient, isSyn, seq } = addressed;
    const alike = this.alike(addressed);
    const here = alike.find(({ lanes }) => lanes.has(lane));
    if (here && !(isSyn && isAnother(here, isFromClient, seq ?? 0))) return here;
    const elsewhere = alike.find((each) => each !== here && isOf(each, addressed));
    if (!elsewhere) return undefined;
    here?.lanes.delete(lane);
    elsewhere.lanes.add(lane);
    return elsewhere;
  }

  /** The connection that an error is about: it may come by another way. */
  private quoted(addressed: Addressed): Connection | undefined {
    const alike = this.alike(addressed);
    return (
      alike.find(({ lanes }) => lanes.has(addressed.lane)) ??
      alike.find((each) => isOf(each, addressed)) ??
      (addressed.seq === null && alike.length === 1 ? alike[0] : undefined)
    );
  }

  private alike({ packet, isFromClient }: Addressed): readonly Connection[] {
    this.writeKey(packet, isFromClient);
    const id = this.table.touch();
    return (id === NONE ? undefined : this.connections[id]) ?? [];
  }

  private writeKey(packet: Packet | QuotedPacket, isFromClient: boolean): void {
    const { key } = this.table;
    writeAddress(key, 0, packet, isFromClient);
    writeAddress(key, 4, packet, !isFromClient);
    key[8] = isFromClient ? packet.sourcePort : packet.destinationPort;
  }

  /** @param at the packet that shows it: itself, or the ICMP error that quotes it */
  private add(packet: Packet | QuotedPacket, isFromClient: boolean, at: Packet, lane: number): Connection {
    const source: Endpoint = { ip: packet.sourceIp, port: packet.sourcePort };
    const destination: Endpoint = { ip: packet.destinationIp, port: packet.destinationPort };
    const [client, server] = isFromClient ? [source, destination] : [destination, source];
    const neighbours = this.neighbours.take({
      client: client.ip,
      server: server.ip,
      lane,
      at,
      isSighted: packet === at,
      isOnLink: isLinkLocal(packet),
    });
    this.writeKey(packet, isFromClient);
    const known = this.table.find();
    const id = known === NONE ? this.table.add() : known;
    const connection = new Connection(id, neighbours, client, server, stampOf(at), this.budget);
    connection.lanes.add(lane);
    neighbours.followed.add(connection);
    const alike = known === NONE ? [] : (this.connections[id] ?? []);
    this.connections[id] = alike;
    for (const each of [...alike]) if (each.lanes.delete(lane) && each.lanes.size === 0) this.drop(each);
    const [oldest] = alike;
    if (oldest && alike.length >= MOST_ALIKE) this.drop(oldest);
    alike.push(connection);
    return connection;
  }

  /** Where the session is seen, and when. */
  private place(connection: Connection, packet: Packet, isFromClient: boolean, isCopy: boolean): void {
    const { neighbours, facts } = connection;
    const { session } = neighbours;
    if (pathLength(packet.path) < pathLength(session.path)) {
      session.path = packet.path;
      session.interfaceId = packet.interfaceId;
    }
    if (isCopy) return;
    facts.last = stampOf(packet);
    session.last = facts.last;
    if (isFromClient && packet.path === session.path) session.ttl = facts.synTtl ?? packet.ttl;
  }

  private handshake(connection: Connection, packet: Packet): void {
    const { facts, neighbours } = connection;
    const { session } = neighbours;
    const stamp = stampOf(packet);
    this.show(connection);
    if (packet.tcpFlags & TcpFlag.Ack) {
      if (!facts.isAccepted) neighbours.accept(connection);
      return;
    }
    if (facts.syns++ === 0) {
      facts.synFirst = stamp;
      facts.synTtl = packet.ttl;
      session.ttl = packet.ttl;
      session.attempts++;
      session.evidence.add('syn', stamp);
    }
    facts.synLast = stamp;
    session.syns++;
    connection.enter('connect', stamp);
  }

  /** It is BGP: from now on it counts as a connection of the session. */
  private show(connection: Connection): void {
    if (connection.isBgp) return;
    connection.isBgp = true;
    connection.neighbours.add(connection);
  }

  /** Messages that are whole by now. */
  private read(connection: Connection, way: Way, now: number): void {
    do way.read((type, view, at, length) => this.message(connection, way, type, view, at, length));
    while (this.skip(way, now));
    if (way.facts.isPartial && connection.isBgp) connection.neighbours.session.isPartial = true;
    if (connection.isWaiting) this.waiting.add(connection);
    else this.waiting.delete(connection);
  }

  private skip(way: Way, now: number): boolean {
    if (!way.stream.skip(now)) return false;
    way.lose();
    return true;
  }

  private message(connection: Connection, way: Way, type: number, view: DataView, at: number, length: number): void {
    const { facts, neighbours } = connection;
    const { latest: stamp } = way;
    // Who has a message has had octets.
    if (stamp === null) return;
    this.show(connection);
    way.facts.lastMessage = stamp;
    way.total.lastMessage = stamp;
    if (way.facts.isPartial) neighbours.session.isPartial = true;
    if (type !== BgpType.Keepalive) way.hasSubstance(length);
    switch (type) {
      case BgpType.Open:
        this.open(connection, way, readOpen(view, at, length), stamp);
        break;
      case BgpType.Keepalive:
        way.facts.keepalives++;
        way.total.keepalives++;
        this.establish(connection, way, stamp);
        break;
      case BgpType.Update:
        this.establish(connection, way, stamp);
        this.update(connection, way, view, at, length, stamp);
        break;
      case BgpType.Notification: {
        const notification = readNotification(view, at, length);
        facts.notification ??= { from: way.facts.ip, ...notification, stamp };
        neighbours.session.evidence.add('notification', stamp);
        this.end(connection, way, 'notification', stamp);
        break;
      }
      case BgpType.RouteRefresh:
        this.refresh(connection, way, view, at, length, stamp);
    }
  }

  private open(connection: Connection, way: Way, open: BgpOpen, stamp: Stamp): void {
    const { facts, neighbours } = connection;
    const { ip } = way.facts;
    const { scope } = neighbours.session;
    const peer = ip === facts.client.ip ? facts.server.ip : facts.client.ip;
    way.hasOpen = true;
    way.total.id = open.id;
    way.total.as = open.as;
    facts.opens.set(ip, { ...open, stamp });
    neighbours.session.opensSeen++;
    neighbours.session.evidence.add('open', stamp);
    neighbours.negotiate(connection);
    this.rib.identify(`${ip}${scope}`, open.id, open.as, `${peer}${scope}`);
    if (!facts.established) connection.enter(facts.opens.size === 2 ? 'open-confirm' : 'open-sent', stamp);
  }

  /**
   * KEEPALIVEs both ways after the OPENs, or an UPDATE, which is sent in Established alone (RFC 4271 section 8.2.2). Where a side is not seen, or the beginning, what
   * goes on after it shows the same.
   */
  private establish(connection: Connection, way: Way, stamp: Stamp): void {
    const { facts, neighbours, ways } = connection;
    if (facts.established || facts.end) return;
    const isUpdate = ways.some(({ facts: { updates } }) => updates > 0);
    const areConfirmed = ways.every(({ facts: { keepalives } }) => keepalives > 0);
    const goesOn = !way.hasOpen || way.facts.keepalives > 1;
    if (isUpdate || areConfirmed || goesOn) neighbours.establish(connection, this.rib, stamp);
  }

  private update(connection: Connection, way: Way, view: DataView, at: number, length: number, stamp: Stamp): void {
    const { facts, neighbours } = connection;
    way.facts.updates++;
    way.total.updates++;
    way.facts.updateOctets += length;
    if (!facts.established && !facts.end) neighbours.establish(connection, this.rib, stamp);
    const update = readUpdate(view, at, length, way.coding ?? { as4: null, addPath: null });
    if (update.malformed !== null) way.facts.malformed++;
    if (neighbours.active !== connection) return;
    const feed = neighbours.feedOf(way.total);
    if (way.facts.isPartial) feed.isFromStart = false;
    for (const nlri of update.withdrawn) this.rib.withdraw(feed, nlri, stamp);
    if (update.announced.length > 0) {
      const attributes = this.rib.share(update.attributes);
      const [cluster] = attributes.clusterList;
      if (cluster !== undefined) this.rib.reflects(`${way.facts.ip}${neighbours.session.scope}`, cluster);
      for (const announcement of update.announced) this.rib.announce(feed, announcement, attributes, update.isAssumed, stamp);
    }
    if (update.endOfRib) feed.endOfRib(update.endOfRib.afi, update.endOfRib.safi);
  }

  private refresh(connection: Connection, way: Way, view: DataView, at: number, length: number, stamp: Stamp): void {
    if (connection.neighbours.active !== connection || length < 23) return;
    const { afi, safi, subtype } = readRouteRefresh(view, at);
    const feed = connection.neighbours.feedOf(way.total);
    if (subtype === 'begin') feed.beginRefresh(afi, safi);
    else if (subtype === 'end') this.rib.sweep(feed, feed.endRefresh(afi, safi), stamp);
  }

  /** RST: to a SYN it is a refusal, else an end; but not where its sequence number fits nowhere: the peer does not heed it (RFC 5961 section 3.2). */
  private reject(connection: Connection, packet: Packet, isFromClient: boolean, isCopy: boolean): void {
    const { facts } = connection;
    const way = connection.way(isFromClient);
    if (way.stream.isKnown && !isNear(way, packet.view.getInt32(packet.transportAt + 4))) return;
    const stamp = stampOf(packet);
    const from = way.facts.ip;
    if (facts.isAccepted || isFromClient) this.end(connection, way, 'rst', stamp);
    else if (!isCopy || !facts.refusal)
      facts.refusal = { kind: 'rst', text: 'reset', from, stamp: facts.refusal?.stamp ?? stamp, count: (facts.refusal?.count ?? 0) + 1 };
  }

  private end(connection: Connection, way: Way, cause: 'notification' | 'rst' | 'fin', stamp: Stamp): void {
    connection.neighbours.end(connection, cause, way.facts.ip, this.rib, stamp);
  }

  private leave(id: number): void {
    for (const connection of [...(this.connections[id] ?? [])]) this.drop(connection);
    this.connections[id] = undefined;
  }

  /** Segments are not looked up for the connection any more. */
  private drop(connection: Connection): void {
    const alike = this.connections[connection.id];
    alike?.splice(alike.indexOf(connection), 1);
    connection.neighbours.followed.delete(connection);
    this.waiting.delete(connection);
    connection.close();
  }

  private forget(neighbours: Neighbours): void {
    for (const connection of [...neighbours.followed]) {
      this.drop(connection);
      if (this.connections[connection.id]?.length === 0) this.table.remove(connection.id);
    }
    for (const feed of neighbours.feeds) this.rib.remove(feed);
    if (neighbours.session.connections.length > 0) this.events.session(() => neighbours.session);
  }
}

/** Whether the sender is the one who connected: it sends to the port. With the port on both sides it is the lower address. */
function isClients(packet: Packet | QuotedPacket): boolean {
  if (packet.sourcePort !== BGP_PORT) return true;
  return packet.destinationPort === BGP_PORT && compareIps(packet.sourceIp, packet.destinationIp) < 0;
}

/** A SYN that is not the known connection's. */
function isAnother({ fromClient, fromServer, facts }: Connection, isFromClient: boolean, seq: number): boolean {
  const { stream } = isFromClient ? fromClient : fromServer;
  if (facts.end) return !stream.isBegunBy(seq);
  return stream.isKnown && !stream.isBegunBy(seq);
}

/** Whether the segment is one of the connection, by its sequence numbers. */
function isOf(connection: Connection, { isFromClient, isSyn, seq, ack }: Addressed): boolean {
  if (isSyn && isAnother(connection, isFromClient, seq ?? 0)) return false;
  const way = connection.way(isFromClient);
  return way.stream.isKnown ? isNear(way, seq) : isNear(connection.way(!isFromClient), ack);
}

/** Whether a sequence number is one that this direction may have by now. */
function isNear({ stream }: Way, seq: number | null): boolean {
  return seq !== null && stream.isKnown && Math.abs(stream.distance(seq)) < SAME_STREAM;
}

/** How many tunnels are around it: a digit each. */
const pathLength = (path: number): number => (path === 0 ? 0 : 8 - Math.floor(Math.clz32(path) / 4));
