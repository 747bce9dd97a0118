import type { Packet } from '../../wire/packet.ts';
import { type FullEndpoint, isAt, isSame, type Pair, type Side } from './peers.ts';

/** Endpoints that one side of a session was seen at; more are counted with the last one. */
const MOST_ENDPOINTS = 32;
/** Counters behind the highest one that are remembered, as many as a word has bits. */
const REPLAY_BITS = 32;

/** Where a side of a session was, and when. */
export interface SessionEndpoint extends FullEndpoint {
  firstFrame: number;
  lastFrame: number;
  packets: number;
}

/** What one receiver index says: packets to the side that chose it. */
export interface Lane {
  session: Session;
  toInitiator: boolean;
  /** Where its sender was when the session began. */
  begunAt: FullEndpoint;
  /** Serial of the flow of its latest packet: while it is the same, nobody moved. */
  flow: number;
  /** Serial of the flow on which its packets are sighted a second time, beyond a NAT. */
  otherLeg: number;
  /** Where its sender is. */
  visited: SessionEndpoint | undefined;
  /** Highest counter, and which of the REPLAY_BITS below it were seen. */
  counter: number;
  seen: number;
  /** The lane of another session that happens to have the same index. */
  next: Lane | undefined;
}

/** A session: data in both directions under one pair of indices. */
export interface Session {
  pair: Pair;
  path: number;
  input: number;
  /** Null where the handshake was not seen and the index is not known. */
  initiatorIndex: number | null;
  responderIndex: number | null;
  /** Whether the handshake was seen; else the sender of the first packet is taken for the initiator. */
  handshakeSeen: boolean;
  /** Which sides of the pair are initiator and responder of this session. */
  initiator: Side;
  responder: Side;
  initiatorEndpoints: SessionEndpoint[];
  responderEndpoints: SessionEndpoint[];
  keepalives: number;
  dataPackets: number;
  /** Octets inside the tunnel, padding included. */
  dataBytes: number;
  firstFrame: number;
  lastAt: number;
}

export const senderOf = ({ session, toInitiator }: Lane): Side => (toInitiator ? session.responder : session.initiator);
export const receiverOf = ({ session, toInitiator }: Lane): Side => (toInitiator ? session.initiator : session.responder);

/** Among lanes that share an index, the one whose session knows an end of the packet. */
export function laneOf(first: Lane, from: FullEndpoint, to: FullEndpoint): Lane {
  for (let lane: Lane | undefined = first; lane; lane = lane.next) {
    if (isAt(senderOf(lane), from) && isAt(receiverOf(lane), to)) return lane;
  }
  for (let lane: Lane | undefined = first; lane; lane = lane.next) {
    if (isAt(senderOf(lane), from) || isAt(receiverOf(lane), to)) return lane;
  }
  return first;
}

/** Whether the counter was seen on the lane before: the same packet, sighted before and after NAT or mirrored. Remembers it. */
export function isRepeated(lane: Lane, counter: number): boolean {
  const ahead = counter - lane.counter;
  if (ahead > 0) {
    lane.seen = ahead >= REPLAY_BITS ? 1 : (lane.seen << ahead) | 1;
    lane.counter = counter;
    return false;
  }
  if (-ahead >= REPLAY_BITS) return false;
  const bit = 1 << -ahead;
  if (lane.seen & bit) return true;
  lane.seen |= bit;
  return false;
}

/** A packet of the session, of which `length` octets are inside the tunnel; none: a keepalive. */
export function countData(session: Session, length: number): void {
  if (length === 0) session.keepalives++;
  else session.dataPackets++;
  session.dataBytes += length;
}

/** The lane's sender is at `endpoint` from this packet on, which counts for `packets`. */
export function visit(lane: Lane, endpoint: FullEndpoint, packet: Packet, packets = 1): void {
  const endpoints = lane.toInitiator ? lane.session.responderEndpoints : lane.session.initiatorEndpoints;
  let visited = endpoints.find((each) => isSame(each, endpoint));
  if (!visited && endpoints.length < MOST_ENDPOINTS) {
    visited = { ip: endpoint.ip, port: endpoint.port, firstFrame: packet.frame, lastFrame: packet.frame, packets: 0 };
    endpoints.push(visited);
  }
  lane.visited = visited ?? endpoints.at(-1);
  countVisit(lane, packet, packets);
}

/** One more packet from where the lane's sender is. */
export function countVisit({ visited }: Lane, packet: Packet, packets = 1): void {
  if (!visited) return;
  visited.packets += packets;
  visited.lastFrame = packet.frame;
}
