import type { Endpoint } from '../../net/ip.ts';
import { PORT_UNREACHABLE, PORT_UNREACHABLE_V6, type QuotedPacket } from '../../wire/icmp.ts';
import { isClientResetOpcode, isServerResetOpcode, OPENVPN_PORT, OpenVpnOpcode, OpenVpnPacketView } from '../../wire/openvpn-packet.ts';
import { IpProtocol, type Packet } from '../../wire/packet.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { FlowTable } from '../flows.ts';
import { compareStamps, stampOf } from '../stamp.ts';
import { NONE } from '../table.ts';
import { Attempt, SessionFamily, sessionText } from './attempt.ts';
import { Claim, ClaimBook, secOf } from './claims.ts';
import type { OpenVpnSession } from './session.ts';
import { OpenVpnStreams } from './streams.ts';

const MOST_FLOWS = 8192;
const MOST_TCP_FLOWS = 4096;
/** Attempts and sessions that are kept for the diagnoses. */
const MOST_ATTEMPTS = 4096;
/** Room that is made at once. */
const MANY = 256;
const MOST_NAMES = 4096;
/** A connection that is refused by TCP so often, for so long, is no scan. */
const LEAST_REFUSED = 3;
const LEAST_REFUSED_SEC = 2;
/** `--hand-window` is 60 s, then the client begins anew: what is no session twice as long after its last packet will not be one. */
const HANDSHAKE_SEC = 120;
const SWEEP_SEC = 5;
/** Under tls-crypt a server's reset from elsewhere comes this soon after the client's. */
const HIDDEN_SEC = 2;
/** A session that moved goes on with its packet ids. */
const MOST_STEP = 65_536;
/** Ports below are those of services. */
const LOWEST_CLIENT_PORT = 1024;

export interface OpenVpnEvents {
  /** A session is over, or idle for long. */
  session(make: () => OpenVpnSession): void;
}

/** A pair of endpoints on which OpenVPN speaks: whose packets they are by now. */
class Lane {
  attempt: Attempt | undefined;
  clientIsLower = true;
  /** The attempt went to another address; who speaks here was not asked. */
  isWrong = false;
  isStatic = false;
}

/** Follows OpenVPN: attempts, handshakes, sessions, by UDP and TCP. */
export class OpenVpnTracker {
  private readonly udpFlows: FlowTable;
  private readonly tcpFlows: FlowTable;
  /** By id in the tables of flows. */
  private readonly udpLanes: (Lane | undefined)[] = [];
  private readonly tcpLanes: (Lane | undefined)[] = [];
  private readonly streams: OpenVpnStreams;
  private readonly claims = new ClaimBook();
  private readonly message = new OpenVpnPacketView();
  /** What was confirmed, by first packet. */
  private attempts: Attempt[] = [];
  /** Attempts that wait for the end of their handshake. */
  private readonly handshakes = new Set<Attempt>();
  /** By the client's session id. */
  private readonly families = new BoundedMap<string, SessionFamily>(MOST_NAMES);
  /** The latest attempt of a client's endpoint, where its session id is encrypted in answers. */
  private readonly byClient = new BoundedMap<string, Attempt>(MOST_NAMES);
  /** By the server's endpoint and the peer id of its client. */
  private readonly byPeer = new BoundedMap<string, Attempt>(MOST_NAMES);
  /** TCP connections that nobody accepts, by the client's address and the server. */
  private readonly refusedByTcp = new BoundedMap<string, Attempt>(MOST_NAMES);
  /** The latest attempt by TCP of a client's address at a server. */
  private readonly begunByTcp = new BoundedMap<string, Attempt>(MOST_NAMES);
  private evictedAttempts = 0;
  /** Of the packet by UDP observed last: a second one named its session. */
  isConfirmed = false;
  private sweepsAt = Number.NEGATIVE_INFINITY;
  private readonly clock: Clock;
  private readonly events: OpenVpnEvents;

  constructor(clock: Clock, events: OpenVpnEvents) {
    this.clock = clock;
    this.events = events;
    this.udpFlows = new FlowTable(clock, 0, MOST_FLOWS, (id) => this.leave(this.udpLanes, id));
    this.tcpFlows = new FlowTable(clock, 0, MOST_TCP_FLOWS, (id) => {
      this.streams.leave(id);
      this.leave(this.tcpLanes, id);
    });
    this.streams = new OpenVpnStreams(this.message);
  }

  get size(): number {
    const { udpFlows, tcpFlows, attempts, families, byClient, byPeer, claims } = this;
    return udpFlows.table.size + tcpFlows.table.size + attempts.length + families.size + byClient.size + byPeer.size + claims.size;
  }

  get evicted(): number {
    const { udpFlows, tcpFlows, families, byClient, byPeer, refusedByTcp, begunByTcp, claims } = this;
    const maps = [families, byClient, byPeer, refusedByTcp, begunByTcp, claims];
    return maps.reduce((sum, { evicted }) => sum + evicted, udpFlows.table.evicted + tcpFlows.table.evicted + this.evictedAttempts);
  }

  /** Attempts and sessions that were seen, in the order of their first packets. */
  get list(): readonly OpenVpnSession[] {
    return this.attempts;
  }

  /** A packet on a UDP flow of unknown protocol: `Claim`. Where it is OpenVPN's, `observe` comes next. `flow` is the flow's serial. */
  claim(packet: Packet, flow: number, fromLower: boolean): number {
    const claim = this.isMoved(packet) ? Claim.Yes : this.claims.claim(packet, flow, fromLower);
    if (claim === Claim.Static) this.beginStatic(packet, flow, fromLower);
    return claim;
  }

  /** A packet of a UDP flow that is OpenVPN's, or was claimed for a static key; whether it is one of OpenVPN. */
  observe(packet: Packet, hasStaticKey = false): boolean {
    const { udpFlows, message } = this;
    const id = udpFlows.observe(packet);
    if (udpFlows.isNew) this.udpLanes[id] = new Lane();
    const lane = this.udpLanes[id];
    if (!lane) return false;
    if (lane.isStatic) {
      lane.attempt?.staticData(packet, lane.clientIsLower === udpFlows.fromLower);
      this.isConfirmed = true;
      return true;
    }
    // Of a static key that was pushed out nothing can be read.
    if (hasStaticKey || !message.place(packet.view, packet.payloadAt, packet.payloadCaptured, packet.payloadLength)) return false;
    const isOurs = this.take(lane, packet, udpFlows.fromLower, 'udp');
    this.claims.takeClaimed();
    this.isConfirmed = lane.attempt?.isConfirmed ?? false;
    return isOurs;
  }

  /** A packet that was sighted before leaves the capturing host. */
  passedOn(packet: Packet): void {
    if (!this.message.place(packet.view, packet.payloadAt, packet.payloadCaptured, packet.payloadLength) || this.message.isData) return;
    const id = this.udpFlows.find(packet, packet.path);
    if (id !== NONE) this.udpLanes[id]?.attempt?.passedOn();
  }

  /** Whether a TCP segment has to be seen by `observeTcp`. */
  concerns(packet: Packet): boolean {
    return this.streams.concerns(packet);
  }

  /** A segment on a TCP connection that may be OpenVPN's; whether it has packets of OpenVPN. */
  observeTcp(packet: Packet): boolean {
    const { tcpFlows, streams } = this;
    const id = tcpFlows.observe(packet);
    if (tcpFlows.isNew) {
      this.tcpLanes[id] = new Lane();
      streams.begin(id);
    }
    const lane = this.tcpLanes[id];
    if (!lane) return false;
    const { fromLower } = tcpFlows;
    if (streams.isNewConnection(id, packet)) {
      this.close(lane.attempt);
      lane.attempt = undefined;
      streams.begin(id);
    }
    streams.add(id, packet, fromLower);
    let isOurs = false;
    while (streams.next(id, fromLower, packet.at)) isOurs = this.take(lane, packet, fromLower, 'tcp') || isOurs;
    if (streams.isRefused(id, packet, fromLower)) this.refused(id, packet);
    if (streams.isOver(id, packet)) {
      this.close(lane.attempt);
      lane.attempt = undefined;
    }
    return isOurs || (lane.attempt !== undefined && packet.payloadLength > 0);
  }

  /** An ICMP error that says that the quoted packet did not arrive. */
  undeliverable(quote: QuotedPacket, reason: string, packet: Packet): void {
    if (quote.sourcePort < 0 || (quote.protocol !== IpProtocol.Udp && quote.protocol !== IpProtocol.Tcp)) return;
    const isUdp = quote.protocol === IpProtocol.Udp;
    const flows = isUdp ? this.udpFlows : this.tcpFlows;
    if (flows.table.size === 0) return;
    const id = flows.findQuoted(quote, packet.path);
    if (id === NONE) return;
    const lane = (isUdp ? this.udpLanes : this.tcpLanes)[id];
    if (!lane?.attempt || lane.isWrong || lane.clientIsLower !== flows.fromLower) return;
    lane.attempt.refuse(packet.sourceIp, reason, isPortUnreachable(packet), packet);
  }

  expire(): void {
    this.udpFlows.table.expire();
    this.tcpFlows.table.expire();
    const { at } = this.clock;
    if (at < this.sweepsAt) return;
    this.sweepsAt = at + SWEEP_SEC;
    for (const attempt of this.handshakes) {
      if (attempt.isOver || attempt.state >= 'S4') this.handshakes.delete(attempt);
      else if (at - attempt.last.at > HANDSHAKE_SEC) this.close(attempt);
    }
  }

  finish(): void {
    this.udpFlows.table.clear();
    this.tcpFlows.table.clear();
    for (const attempt of this.attempts) this.close(attempt);
    this.handshakes.clear();
    this.claims.clear();
    for (const attempt of this.refusedByTcp.values()) this.close(attempt);
  }

  reset(): void {
    this.attempts = [];
    this.families.clear();
    this.byClient.clear();
    this.byPeer.clear();
    this.refusedByTcp.clear();
    this.begunByTcp.clear();
    this.streams.reset();
    this.sweepsAt = Number.NEGATIVE_INFINITY;
  }

  /** The packet in `message`; whether it is one of OpenVPN. */
  private take(lane: Lane, packet: Packet, fromLower: boolean, transport: 'udp' | 'tcp'): boolean {
    const { message } = this;
    const { attempt } = lane;
    // The same at whatever moments `expire` was called.
    if (attempt && packet.at - attempt.last.at > HANDSHAKE_SEC && attempt.state < 'S4') this.close(attempt);
    if (attempt?.isOver) {
      lane.attempt = undefined;
      lane.isWrong = false;
    }
    if (isClientResetOpcode(message.opcode)) return this.clientReset(lane, packet, fromLower, transport);
    if (isServerResetOpcode(message.opcode)) return this.serverReset(lane, packet, fromLower, transport);
    return message.isData ? this.data(lane, packet, fromLower, transport) : this.control(lane, packet, fromLower, transport);
  }

  private clientReset(lane: Lane, packet: Packet, fromLower: boolean, transport: 'udp' | 'tcp'): boolean {
    const { message } = this;
    if (!message.guess(secOf(packet))) return false;
    const { attempt: known } = lane;
    if (known && !lane.isWrong && lane.clientIsLower === fromLower && known.isClients(message.session0, message.session1)) {
      known.clientReset(message, packet);
      if (transport === 'udp') this.confirm(known);
      return true;
    }
    const attempt = this.begin(lane, packet, fromLower, transport);
    attempt.clientReset(message, packet);
    this.join(attempt, sessionText(message.session0, message.session1));
    if (attempt.isHidden()) this.byClient.set(clientKey(attempt.client, attempt.path), attempt);
    if (transport === 'tcp') this.beganByTcp(attempt);
    return true;
  }

  /** By TCP nothing is repeated: a server that wants another key closes the connection. The next connection that begins alike is the second packet. */
  private beganByTcp(attempt: Attempt): void {
    const { client, server, path } = attempt;
    const key = `${client.ip}|${server.ip}|${server.port}|${path}`;
    const before = this.begunByTcp.get(key);
    this.begunByTcp.set(key, attempt);
    if (!before) return;
    this.confirm(before);
    this.confirm(attempt);
  }

  private serverReset(lane: Lane, packet: Packet, fromLower: boolean, transport: 'udp' | 'tcp'): boolean {
    const { message } = this;
    const { attempt: known } = lane;
    if (known && lane.clientIsLower !== fromLower && known.read(message, packet)) {
      if (lane.isWrong) {
        known.answered(sourceOf(packet), message.hasRemote, packet);
        return true;
      }
      if (!message.hasRemote || known.isClients(message.remote0, message.remote1)) {
        known.serverReset(message, packet);
        this.confirm(known);
        return true;
      }
    }
    if (!message.guess(secOf(packet))) return false;
    const asked = this.askedElsewhere(packet);
    if (asked) {
      this.close(known);
      lane.attempt = asked;
      lane.isWrong = true;
      lane.clientIsLower = !fromLower;
      asked.answered(sourceOf(packet), message.hasRemote, packet);
      this.confirm(asked);
      return true;
    }
    const attempt = this.begin(lane, packet, !fromLower, transport);
    attempt.serverReset(message, packet);
    const named = attempt.clientSession;
    if (named !== null && this.families.has(named)) this.confirm(attempt);
    if (named !== null) this.join(attempt, named);
    return true;
  }

  /** The attempt of the client that this server's reset answers, which went to another address. */
  private askedElsewhere(packet: Packet): Attempt | undefined {
    const { message } = this;
    const client = destinationOf(packet);
    if (message.hasRemote) {
      const family = this.families.get(sessionText(message.remote0, message.remote1));
      return family?.members.find((each) => !each.isOver && each.path === packet.path && isAt(each.client, client));
    }
    const latest = this.byClient.get(clientKey(client, packet.path));
    if (!latest || latest.isOver || latest.server.port !== packet.sourcePort) return undefined;
    const asked = latest.resets.at(-1);
    return asked && packet.at - asked.at <= HIDDEN_SEC && packet.at >= asked.at ? latest : undefined;
  }

  private control(lane: Lane, packet: Packet, fromLower: boolean, transport: 'udp' | 'tcp'): boolean {
    const { message } = this;
    const { attempt: known } = lane;
    const fromClient = lane.clientIsLower === fromLower;
    if (known && !lane.isStatic && known.read(message, packet)) {
      if (lane.isWrong && !fromClient) {
        known.answered(sourceOf(packet), message.hasRemote, packet);
        return true;
      }
      const isSame = fromClient
        ? known.isClients(message.session0, message.session1)
        : !message.hasRemote || known.isClients(message.remote0, message.remote1);
      if (!lane.isWrong && isSame) {
        known.control(message, packet, fromClient);
        this.confirm(known);
        return true;
      }
    }
    if (!message.guess(secOf(packet))) return false;
    const moved = this.movedBySession(packet);
    if (moved) {
      this.float(moved, lane, packet, fromLower);
      moved.control(message, packet, true);
      return true;
    }
    const clientIsSource = this.families.has(sessionText(message.session0, message.session1)) || isClientSource(packet);
    const attempt = this.begin(lane, packet, clientIsSource === fromLower, transport);
    attempt.read(message, packet);
    attempt.control(message, packet, clientIsSource);
    if (attempt.clientSession !== null) this.join(attempt, attempt.clientSession);
    this.confirm(attempt);
    return true;
  }

  private data(lane: Lane, packet: Packet, fromLower: boolean, transport: 'udp' | 'tcp'): boolean {
    const { message } = this;
    let { attempt } = lane;
    const isOfClient = lane.clientIsLower === fromLower;
    if (!attempt || lane.isWrong) {
      if (lane.isWrong && !isOfClient) return true;
      const moved = transport === 'udp' ? this.movedByPeer(packet) : undefined;
      if (moved) this.float(moved, lane, packet, fromLower);
      const before = this.claims.takeClaimed();
      attempt = moved ?? this.begin(lane, packet, isClientSource(packet) === fromLower, transport, before?.first);
      if (before && !moved) attempt.countBefore(before, lane.clientIsLower, message, lane.clientIsLower === fromLower);
      this.confirm(attempt);
    }
    const fromClient = lane.clientIsLower === fromLower;
    const isFirst = fromClient && message.opcode === OpenVpnOpcode.DataV2 && attempt.peerId !== message.peerId;
    attempt.data(message, packet, fromClient);
    if (!attempt.isConfirmed) this.confirm(attempt);
    if (isFirst) this.byPeer.set(peerKey(attempt.server, message.peerId), attempt);
    return true;
  }

  /** Whether a packet on a flow of unknown protocol belongs to a session whose client has another address now. */
  private isMoved(packet: Packet): boolean {
    const { message } = this;
    if (!message.place(packet.view, packet.payloadAt, packet.payloadCaptured, packet.payloadLength)) return false;
    if (message.isData) return this.movedByPeer(packet) !== undefined;
    return this.families.size > 0 && this.movedBySession(packet) !== undefined;
  }

  private movedByPeer(packet: Packet): Attempt | undefined {
    const { message } = this;
    if (this.byPeer.size === 0 || message.opcode !== OpenVpnOpcode.DataV2) return undefined;
    const attempt = this.byPeer.get(peerKey(destinationOf(packet), message.peerId));
    if (!attempt || attempt.isOver || attempt.path !== packet.path) return undefined;
    const step = (message.dataId - attempt.dataId) | 0;
    return step > 0 && step <= MOST_STEP ? attempt : undefined;
  }

  private movedBySession(packet: Packet): Attempt | undefined {
    const { message } = this;
    const family = this.families.get(sessionText(message.session0, message.session1));
    if (!family) return undefined;
    const server = destinationOf(packet);
    return family.members.find((each) => !each.isOver && each.state >= 'S4' && each.path === packet.path && isAt(each.server, server));
  }

  private float(attempt: Attempt, lane: Lane, packet: Packet, fromLower: boolean): void {
    if (attempt.home) attempt.home.attempt = undefined;
    if (lane.attempt !== attempt) this.close(lane.attempt);
    lane.attempt = attempt;
    attempt.home = lane;
    lane.isWrong = false;
    lane.clientIsLower = fromLower;
    attempt.float(sourceOf(packet), packet);
  }

  private beginStatic(packet: Packet, flow: number, fromLower: boolean): void {
    const { udpFlows } = this;
    const candidate = this.claims.takeStatic(flow);
    if (!candidate) return;
    const id = udpFlows.observe(packet);
    const lane = new Lane();
    this.udpLanes[id] = lane;
    const isClient = isClientSource(packet) === fromLower;
    // Both ends of equal rank: who speaks first is called the client.
    const clientIsLower = packet.sourcePort === packet.destinationPort ? candidate.firstFromLower : isClient;
    const attempt = this.begin(lane, packet, clientIsLower, 'udp', candidate.first);
    lane.isStatic = true;
    attempt.mode = 'static-key';
    attempt.countStatic(candidate, clientIsLower);
    this.confirm(attempt);
  }

  /** A SYN was answered by RST: nobody listens. That it is OpenVPN's is said by the port alone, and by the client that tries again. */
  private refused(id: number, packet: Packet): void {
    const client = destinationOf(packet);
    const server = sourceOf(packet);
    const key = `${client.ip}|${server.ip}|${server.port}|${packet.path}`;
    const asked = this.streams.askedAt(id);
    if (!asked) return;
    const known = this.refusedByTcp.get(key);
    const attempt = known && !known.isOver ? known : new Attempt(client, server, 'tcp', packet, asked);
    if (attempt !== known) {
      this.refusedByTcp.set(key, attempt);
      this.handshakes.add(attempt);
    }
    attempt.attempted(asked);
    attempt.refuse(server.ip, 'connection refused', true, packet);
    if (attempt.resetCount >= LEAST_REFUSED && packet.at - attempt.first.at >= LEAST_REFUSED_SEC) this.confirm(attempt);
  }

  /** A new attempt on these ends; what was there is over. */
  private begin(lane: Lane, packet: Packet, clientIsLower: boolean, transport: 'udp' | 'tcp', first = stampOf(packet)): Attempt {
    if (!lane.isWrong) this.close(lane.attempt);
    const flows = transport === 'udp' ? this.udpFlows : this.tcpFlows;
    const { observedId } = flows;
    const attempt = new Attempt(flows.endOf(observedId, clientIsLower), flows.endOf(observedId, !clientIsLower), transport, packet, first);
    lane.attempt = attempt;
    attempt.home = lane;
    lane.clientIsLower = clientIsLower;
    lane.isWrong = false;
    this.handshakes.add(attempt);
    return attempt;
  }

  private join(attempt: Attempt, session: string): void {
    const family = this.families.take(session, () => new SessionFamily());
    attempt.family = family;
    family.add(attempt);
  }

  /** A second packet named the session. */
  private confirm(attempt: Attempt): void {
    if (attempt.isConfirmed) return;
    attempt.isConfirmed = true;
    const { attempts } = this;
    let at = attempts.length;
    for (let before = attempts[at - 1]; before && compareStamps(before.first, attempt.first) > 0; before = attempts[at - 1]) at--;
    attempts.splice(at, 0, attempt);
    // What is over has been told only if it was known to be OpenVPN's.
    if (attempt.isOver) this.events.session(() => attempt);
    if (attempts.length > MOST_ATTEMPTS + MANY) this.makeRoom();
  }

  /** The oldest ones that are over go first. */
  private makeRoom(): void {
    let surplus = MANY;
    const kept = this.attempts.filter(({ isOver }) => !isOver || --surplus < 0);
    for (const attempt of kept.splice(0, Math.max(0, kept.length - MOST_ATTEMPTS))) this.close(attempt);
    this.evictedAttempts += this.attempts.length - kept.length;
    this.attempts = kept;
  }

  private close(attempt: Attempt | undefined): void {
    if (!attempt || attempt.isOver) return;
    attempt.isOver = true;
    this.handshakes.delete(attempt);
    if (attempt.isConfirmed) this.events.session(() => attempt);
  }

  private leave(lanes: (Lane | undefined)[], id: number): void {
    const lane = lanes[id];
    lanes[id] = undefined;
    if (lane && !lane.isWrong) this.close(lane.attempt);
  }
}

const sourceOf = (packet: Packet): Required<Endpoint> => ({ ip: packet.sourceIp, port: packet.sourcePort });
const destinationOf = (packet: Packet): Required<Endpoint> => ({ ip: packet.destinationIp, port: packet.destinationPort });
const isAt = (a: Required<Endpoint>, b: Required<Endpoint>): boolean => a.ip === b.ip && a.port === b.port;
const clientKey = ({ ip, port }: Required<Endpoint>, path: number): string => `${ip}|${port}|${path}`;
const peerKey = ({ ip, port }: Required<Endpoint>, peerId: number): string => `${ip}|${port}|${peerId}`;

const isPortUnreachable = ({ transport, icmpType, icmpCode }: Packet): boolean =>
  transport === IpProtocol.Icmpv6 ? icmpType === 1 && icmpCode === PORT_UNREACHABLE_V6 : icmpType === 3 && icmpCode === PORT_UNREACHABLE;

/** Who is the client where no reset was seen: not who has OpenVPN's port, or another service's; else who speaks first. */
function isClientSource({ sourcePort, destinationPort }: Packet): boolean {
  if ((sourcePort === OPENVPN_PORT) !== (destinationPort === OPENVPN_PORT)) return destinationPort === OPENVPN_PORT;
  if (sourcePort < LOWEST_CLIENT_PORT !== destinationPort < LOWEST_CLIENT_PORT) return destinationPort < LOWEST_CLIENT_PORT;
  return true;
}
