import { Direction } from '../../frame.ts';
import { endpointText } from '../../net/ip.ts';
import { secondsBetween } from '../../net/time.ts';
import type { QuotedPacket } from '../../wire/icmp.ts';
import type { Packet } from '../../wire/packet.ts';
import { counterLow, receiverIndex, senderIndex, transportLength, WireguardType, wireguardType } from '../../wire/wireguard.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type Stamp, stampOf } from '../stamp.ts';
import { AlternationBook } from './alternation.ts';
import type { CookieReply, Handshake, WrongResponder } from './handshake.ts';
import type { PeerKeys } from './keys.ts';
import { askedSide, type FullEndpoint, isAt, isSame, type Move, otherSide, type Pair, PeerBook, type Side } from './peers.ts';
import { countData, countVisit, isRepeated, type Lane, laneOf, receiverOf, type Session, senderOf, visit } from './sessions.ts';
import { UnansweredBook } from './unanswered.ts';

// Timers of Linux drivers/net/wireguard/messages.h.
/** REKEY_TIMEOUT is 5 s with up to a third of a second of jitter: initiations further apart are no retries of one handshake. */
const RETRY_SEC = 12;
/** REKEY_ATTEMPT_TIME: an answer to an older initiation is not accepted. */
const HANDSHAKE_SEC = 90;
/** REJECT_AFTER_TIME is 180 s; the keys are wiped after three times as long. */
const SESSION_SEC = 540;
const SWEEP_SEC = 60;
/** One packet before and after NAT. */
const COPY_SEC = 0.02;
/** Packets of several queues may be seen in another order than they came, by less than this. */
const DISORDER_SEC = 0.002;
/** A round trip, and more: what is sent to an endpoint this long after its owner left it was on its way. */
const LATE_SEC = 1;
const MOST_SESSIONS = 8192;
const MOST_HANDSHAKES = 8192;
const MOST_INITIATIONS = 32;
const MOST_WRONG = 4096;
const MOST_WRONG_RESPONSES = 64;
const MOST_CANDIDATES = 4096;
/** Transport packets of one flow without a handshake in view that make it WireGuard: same index, counters that go on. */
const CANDIDATE_PACKETS = 4;
/** A session whose first packet in view has a counter below this has just begun: a few may be lost or cut. */
const FIRST_COUNTERS = 8;

/** Packets that may be transport data: kept until there are enough of them to be sure. */
interface Candidate {
  flow: number;
  counter: number;
  frame: number;
  /** Of the packets so far, as `transportLength` gives it. */
  lengths: number[];
}

export interface WireguardEvents {
  handshake(make: () => Handshake): void;
  session(make: () => Session): void;
  cookie(make: () => CookieReply): void;
}

/** Follows WireGuard by indices, not by addresses: that is what survives a change of address. */
export class WireguardTracker {
  readonly peers = new PeerBook((move, own) => this.rehome(move, own));
  readonly unanswered = new UnansweredBook();
  readonly alternations = new AlternationBook();
  readonly wrongResponders = new BoundedMap<string, WrongResponder>(MOST_WRONG);
  /** Handshakes by the sender index of each of their initiations, and the latest of each pair of endpoints. */
  private readonly byInitiation = new BoundedMap<number, Handshake>(MOST_HANDSHAKES);
  private readonly latest: BoundedMap<string, Handshake>;
  private readonly sessions: BoundedMap<number, Session>;
  private readonly lanes = new Map<number, Lane>();
  /** The latest session whose handshake is not in view and whose responder has not sent yet, by its responder. */
  private readonly halves = new Map<Side, Session>();
  private readonly candidates = new BoundedMap<number, Candidate>(MOST_CANDIDATES);
  private sessionNumber = 0;
  /** Of the packet being observed. */
  private managed = false;
  private readonly keys: PeerKeys;
  private readonly events: WireguardEvents;
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(keys: PeerKeys, events: WireguardEvents) {
    this.keys = keys;
    this.events = events;
    this.latest = new BoundedMap(MOST_HANDSHAKES, (handshake) => events.handshake(() => handshake));
    this.sessions = new BoundedMap(MOST_SESSIONS, (session) => this.leave(session));
  }

  get size(): number {
    return this.latest.size + this.byInitiation.size + this.sessions.size + this.candidates.size + this.unanswered.size + this.peers.size;
  }

  get evicted(): number {
    return this.latest.evicted + this.sessions.evicted + this.unanswered.evicted + this.peers.evicted;
  }

  /** Whether a transport packet on a flow of unknown protocol belongs to a session, or to what must be one whose handshake is not in view. */
  claims(packet: Packet, flow: number): boolean {
    if (wireguardType(packet) !== WireguardType.Transport) return false;
    const index = receiverIndex(packet, WireguardType.Transport);
    if (this.lanes.has(index)) return true;
    const counter = counterLow(packet);
    const known = this.candidates.get(index);
    if (known && known.flow === flow && counter > known.counter) {
      if (known.lengths.length + 1 >= CANDIDATE_PACKETS) return true;
      known.counter = counter;
      known.lengths.push(transportLength(packet));
    } else {
      this.candidates.set(index, { flow, counter, frame: packet.frame, lengths: [transportLength(packet)] });
    }
    return false;
  }

  /** A packet on a WireGuard flow; `flow` is the flow's serial, `managed` says that other software chooses the path. */
  observe(packet: Packet, flow: number, managed: boolean): void {
    this.managed = managed;
    switch (wireguardType(packet)) {
      case WireguardType.Transport:
        this.transport(packet, flow);
        break;
      case WireguardType.Initiation:
        this.initiation(packet);
        break;
      case WireguardType.Response:
        this.response(packet);
        break;
      case WireguardType.CookieReply:
        this.cookie(packet);
        break;
      default:
    }
  }

  /** A packet that came in leaves again: this host only passes it on. */
  passedOn(packet: Packet): void {
    if (wireguardType(packet) !== WireguardType.Initiation) return;
    const handshake = this.byInitiation.get(senderIndex(packet));
    if (handshake) this.unanswered.passedOn(handshake.initiator, handshake.responder, packet.path);
  }

  /** An ICMP error quotes a packet of WireGuard's form: it says why there is no answer. */
  undeliverable(quote: QuotedPacket, reason: string, packet: Packet): void {
    if (quote.sourcePort < 0 || !this.unanswered.isCalledAt(quote.destinationPort)) return;
    const initiator = { ip: quote.sourceIp, port: quote.sourcePort };
    const responder = { ip: quote.destinationIp, port: quote.destinationPort };
    this.unanswered.explain(initiator, responder, packet.path, reason, stampOf(packet));
  }

  /** Sessions that cannot be used any more leave. */
  expire(now: number): void {
    if (now - this.sweptAt < SWEEP_SEC) return;
    this.sweptAt = now;
    for (const key of [...this.sessions.keys()]) {
      const session = this.sessions.get(key);
      if (!session || now - session.lastAt <= SESSION_SEC) continue;
      this.sessions.delete(key);
      this.leave(session);
    }
  }

  finish(): void {
    for (const handshake of this.latest.values()) this.events.handshake(() => handshake);
    this.latest.clear();
    this.byInitiation.clear();
    for (const session of this.sessions.values()) this.leave(session);
    this.sessions.clear();
    this.lanes.clear();
    this.halves.clear();
    this.candidates.clear();
    this.unanswered.finish();
    this.sweptAt = Number.NEGATIVE_INFINITY;
  }

  // Handshakes.

  private initiation(packet: Packet): void {
    const index = senderIndex(packet);
    const stamp = stampOf(packet);
    const initiator = sourceOf(packet);
    const responder = destinationOf(packet);
    const { path } = packet;
    const before = this.byInitiation.get(index);
    if (before && Math.abs(stamp.at - before.latest.at) < COPY_SEC) {
      this.learnAliases(before, initiator, responder);
      if (packet.direction === Direction.Out) this.passedOn(packet);
      return;
    }
    const pair = this.pairOf(initiator, responder, stamp, packet);
    this.peers.assignRoles(pair, initiator, stamp);
    pair.managed ||= this.managed;
    const recipient = this.keys.recipientOf(packet, WireguardType.Initiation);
    const responderSide = askedSide(pair, initiator, responder);
    responderSide.name = recipient ?? responderSide.name;
    const handshake = this.series(initiator, responder, path, stamp);
    handshake.senderIndex = index;
    handshake.latest = stamp;
    handshake.peer = recipient ?? handshake.peer;
    // The first ones, and the latest.
    handshake.initiations[Math.min(handshake.initiations.length, MOST_INITIATIONS - 1)] = stamp;
    this.byInitiation.set(index, handshake);
    this.peers.note(pair, stamp, 'initiation', `${endpointText(initiator)} initiates to ${endpointText(responder)}`);
    this.peers.sent(pair, initiator, responder, 'initiation', stamp);
    this.unanswered.attempt(pair, initiator, responder, packet.direction, recipient, stamp);
  }

  /** The handshake that the initiation belongs to: retries make a row. */
  private series(initiator: FullEndpoint, responder: FullEndpoint, path: number, stamp: Stamp): Handshake {
    const key = `${endpointText(initiator)}|${endpointText(responder)}|${path}`;
    const known = this.latest.get(key);
    if (known && !known.response && stamp.at - known.latest.at <= RETRY_SEC) return known;
    if (known) this.events.handshake(() => known);
    const handshake: Handshake = {
      initiator,
      responder,
      path,
      senderIndex: 0,
      receiverIndex: null,
      initiations: [],
      latest: stamp,
      response: null,
      responseFrom: null,
      latencyUs: null,
      peer: null,
    };
    this.latest.set(key, handshake);
    return handshake;
  }

  /** The pair that an initiation belongs to; one side may have moved. */
  private pairOf(initiator: FullEndpoint, responder: FullEndpoint, stamp: Stamp, packet: Packet): Pair {
    const own = packet.direction === Direction.Out;
    const known = this.peers.find(initiator, responder, packet.path);
    if (known) {
      const last = known.moves.at(-1);
      // Back from where it had gone, if it is sure that it is one peer.
      if (last && last.identity !== 'continuity' && isSame(initiator, last.from) && isSame(responder, last.observer)) {
        const side = isSame(known.contacted.endpoint, last.to) ? known.contacted : known.initiating;
        if (isSame(side.endpoint, last.to)) this.peers.move(known, side, initiator, 'initiation', last.identity, stamp, own);
      }
      return known;
    }
    const moved = this.peers.candidate(initiator, responder, packet.path, (pair) => this.unanswered.isCalledInVain(pair));
    if (!moved) return this.peers.begin(initiator, responder, packet.path, true);
    this.peers.move(moved.pair, moved.side, initiator, 'initiation', 'continuity', stamp, own);
    return moved.pair;
  }

  /** The same initiation on both legs of a NAT shows what its ends are called there. */
  private learnAliases(handshake: Handshake, initiator: FullEndpoint, responder: FullEndpoint): void {
    const pair = this.peers.find(handshake.initiator, handshake.responder, handshake.path);
    if (!pair) return;
    const responderSide = askedSide(pair, handshake.initiator, handshake.responder);
    this.peers.addAlias(pair, responderSide, responder);
    this.peers.addAlias(pair, otherSide(pair, responderSide), initiator);
  }

  private response(packet: Packet): void {
    const handshake = this.byInitiation.get(receiverIndex(packet, WireguardType.Response));
    const stamp = stampOf(packet);
    const from = sourceOf(packet);
    const to = destinationOf(packet);
    const known = handshake && this.peers.find(handshake.initiator, handshake.responder, handshake.path);
    if (!handshake || !known || stamp.at - handshake.latest.at > HANDSHAKE_SEC) {
      this.orphanResponse(packet, from, to, stamp);
      return;
    }
    if (handshake.response) {
      if (Math.abs(stamp.at - handshake.response.at) < COPY_SEC) this.sightedAgain(known, handshake, from);
      return;
    }
    handshake.response = stamp;
    handshake.responseFrom = from;
    handshake.receiverIndex = senderIndex(packet);
    handshake.latencyUs = Math.max(0, Math.round(secondsBetween(handshake.latest, stamp) * 1e9) / 1e3);
    const pair = this.recogniseInitiator(packet, known, handshake);
    const responder = askedSide(pair, handshake.initiator, handshake.responder);
    const initiator = otherSide(pair, responder);
    if (!isSame(from, handshake.responder) && !responder.aliases.some((alias) => isSame(alias, from)))
      this.fromElsewhere(pair, responder, handshake, packet, from, stamp);
    this.peers.note(pair, stamp, 'response', `${endpointText(from)} responds to ${endpointText(handshake.initiator)}`);
    this.peers.sent(pair, from, handshake.initiator, 'response', stamp);
    responder.established = true;
    this.peers.answered(pair, handshake.latencyUs);
    this.unanswered.heard(pair, undefined, stamp, handshake.initiator);
    this.alternations.completed(handshake.initiator, handshake.responder, packet.path, initiator.name, stamp);
    this.begin(pair, initiator, responder, handshake.senderIndex, senderIndex(packet), packet);
  }

  /**
   * mac1 of a response names the initiator: it may prove that who moved is who was there before, or that it is someone else, or find who was elsewhere
   * before. Gives the pair that the handshake belongs to now.
   */
  private recogniseInitiator(packet: Packet, pair: Pair, handshake: Handshake): Pair {
    const name = this.keys.recipientOf(packet, WireguardType.Response);
    const { initiator: endpoint, responder: observer, path } = handshake;
    const initiator = otherSide(pair, askedSide(pair, endpoint, observer));
    const isAnother =
      initiator.name !== null && initiator.name !== name && this.keys.excludes(initiator.name, packet, WireguardType.Response);
    const move = pair.moves.at(-1);
    const isMover = move !== undefined && isSame(move.to, initiator.endpoint) && !move.withdrawn;
    if (isMover && isAnother) {
      this.peers.separate(move);
      const own = this.peers.find(endpoint, observer, path) ?? pair;
      otherSide(own, askedSide(own, endpoint, observer)).name = name;
      return own;
    }
    if (name === null) return pair;
    if (isMover) {
      if (initiator.name === name) move.identity = 'key';
      move.peer = name;
    }
    const isNew = !initiator.established && initiator.name === null;
    initiator.name = name;
    const before = isNew ? this.peers.named(name, observer, pair) : undefined;
    if (!before) return pair;
    this.peers.move(before.pair, before.side, endpoint, 'initiation', 'key', handshake.latest, packet.direction === Direction.In);
    return before.pair;
  }

  /** The response comes from another address than the one that was asked. */
  private fromElsewhere(pair: Pair, side: Side, handshake: Handshake, packet: Packet, from: FullEndpoint, stamp: Stamp): void {
    const { initiator, responder: asked, path, peer } = handshake;
    const own = packet.direction === Direction.Out;
    let move: Move | undefined;
    if (side.hasData && isSame(side.endpoint, asked)) {
      move = this.peers.move(pair, side, from, 'response', 'index', stamp, own);
      move.evidence.add('initiation', handshake.latest);
    } else {
      side.endpoint = from;
      this.peers.enter(pair, from, initiator);
    }
    // Another port of the same address is not this fault.
    if (from.ip === asked.ip) return;
    const wrong = this.wrongResponders.take(wrongKey(handshake), () => ({
      initiator,
      asked,
      path,
      peer,
      responses: [],
      omitted: 0,
    }));
    if (wrong.responses.length >= MOST_WRONG_RESPONSES) {
      wrong.omitted++;
      return;
    }
    const index = receiverIndex(packet, WireguardType.Response);
    wrong.responses.push({ from, receiverIndex: index, initiation: handshake.latest, response: stamp, atServer: own, move });
  }

  /** The response again: on another interface, or before and after NAT. If it comes from the asked endpoint now, it was answered by that one. */
  private sightedAgain(pair: Pair, handshake: Handshake, from: FullEndpoint): void {
    const { responder: asked, response, responseFrom } = handshake;
    const side = askedSide(pair, handshake.initiator, asked);
    this.peers.addAlias(pair, side, from);
    const wrong = isSame(from, asked) ? this.wrongResponders.get(wrongKey(handshake)) : undefined;
    const sighted = wrong?.responses.find((each) => each.response === response);
    if (!wrong || !sighted) return;
    wrong.responses = wrong.responses.filter((each) => each !== sighted);
    if (wrong.responses.length === 0) this.wrongResponders.delete(wrongKey(handshake));
    side.endpoint = asked;
    if (responseFrom) this.peers.addAlias(pair, side, responseFrom);
    if (sighted.move) this.peers.withdraw(sighted.move);
  }

  /** A response whose initiation is not in view. */
  private orphanResponse(packet: Packet, from: FullEndpoint, to: FullEndpoint, stamp: Stamp): void {
    const initiatorIndex = receiverIndex(packet, WireguardType.Response);
    if (this.lanes.has(initiatorIndex)) return;
    const pair = this.peers.find(from, to, packet.path) ?? this.peers.begin(to, from, packet.path, true);
    this.peers.assignRoles(pair, to, stamp);
    // It may come from somewhere else than the initiation went to.
    const responder = otherSide(pair, isAt(pair.initiating, to) ? pair.initiating : pair.contacted);
    this.peers.sent(pair, from, to, 'response', stamp);
    this.begin(pair, otherSide(pair, responder), responder, initiatorIndex, senderIndex(packet), packet);
  }

  private cookie(packet: Packet): void {
    const stamp = stampOf(packet);
    const from = sourceOf(packet);
    const index = receiverIndex(packet, WireguardType.CookieReply);
    const reply = { from, to: destinationOf(packet), receiverIndex: index, path: packet.path, stamp };
    this.events.cookie(() => reply);
    const handshake = this.byInitiation.get(index);
    const pair = handshake && this.peers.find(handshake.initiator, handshake.responder, handshake.path);
    if (!pair) return;
    // Under load, but there: the attempts so far did not go unheard.
    this.peers.note(pair, stamp, 'cookie', `${endpointText(from)} answers with a cookie: it is under load`);
    this.unanswered.heard(pair, undefined, stamp, handshake.initiator);
  }

  // Sessions.

  private begin(
    pair: Pair,
    initiator: Side,
    responder: Side,
    initiatorIndex: number | null,
    responderIndex: number | null,
    packet: Packet,
  ): Session {
    const session: Session = {
      pair,
      path: packet.path,
      input: packet.input,
      initiatorIndex,
      responderIndex,
      handshakeSeen: initiatorIndex !== null,
      initiator,
      responder,
      initiatorEndpoints: [],
      responderEndpoints: [],
      keepalives: 0,
      dataPackets: 0,
      dataBytes: 0,
      firstFrame: packet.frame,
      lastAt: packet.at,
    };
    this.sessions.set(this.sessionNumber++, session);
    // With indices, the packet is the response.
    if (initiatorIndex !== null) this.lane(initiatorIndex, session, true, sourceOf(packet));
    if (responderIndex !== null) this.lane(responderIndex, session, false, destinationOf(packet));
    return session;
  }

  /** @param begunAt where the lane's sender is */
  private lane(index: number, session: Session, toInitiator: boolean, begunAt: FullEndpoint): Lane {
    const next = this.lanes.get(index);
    const lane: Lane = { session, toInitiator, begunAt, flow: -1, otherLeg: -1, visited: undefined, counter: -1, seen: 0, next };
    this.lanes.set(index, lane);
    return lane;
  }

  private transport(packet: Packet, flow: number): void {
    let lane = this.lanes.get(receiverIndex(packet, WireguardType.Transport));
    if (lane?.next && lane.flow !== flow) lane = laneOf(lane, sourceOf(packet), destinationOf(packet));
    lane ??= this.unseenHandshake(packet);
    const counter = counterLow(packet);
    const ahead = counter - lane.counter;
    if (isRepeated(lane, counter)) {
      this.repeated(lane, packet, flow);
      return;
    }
    const { session } = lane;
    session.lastAt = packet.at;
    // No write for what is so already: the pair is in another line of cache.
    if (this.managed) session.pair.managed = true;
    countData(session, transportLength(packet));
    if (lane.flow === flow) this.stay(lane, packet);
    else this.arrive(lane, packet, flow, ahead);
    if (this.unanswered.isWaiting(session.pair)) this.unanswered.heard(session.pair, senderOf(lane), stampOf(packet));
  }

  /** The endpoint is where it was: only the numbers go on. */
  private stay(lane: Lane, packet: Packet): void {
    countVisit(lane, packet);
    const side = senderOf(lane);
    if (lane.session.pair.open) this.reconsider(lane.session.pair.open, side, lane, packet);
    const { lastSent } = side;
    if (!lastSent || !side.lastSentIsOwn) {
      side.lastSent = stampOf(packet);
      side.lastSentIsOwn = true;
      return;
    }
    lastSent.input = packet.input;
    lastSent.frame = packet.frame;
    lastSent.sec = packet.sec;
    lastSent.nsec = packet.nsec;
    lastSent.at = packet.at;
  }

  /** A packet on a flow that began before the move: the old endpoint may go on sending, or the observer may already send to the new one. */
  private reconsider({ pair, side: mover, followed }: Move, sender: Side, { visited }: Lane, packet: Packet): void {
    const isDecisive = sender === mover ? visited !== undefined && !isAt(mover, visited) : followed === undefined;
    if (isDecisive) this.peers.sent(pair, sourceOf(packet), destinationOf(packet), 'data', stampOf(packet));
  }

  /**
   * The first packet of a flow on this lane: the sender may have moved, or reaches the receiver elsewhere.
   * @param ahead of the highest counter so far
   */
  private arrive(lane: Lane, packet: Packet, flow: number, ahead: number): void {
    const isNewest = ahead > 0;
    const { pair } = lane.session;
    const from = sourceOf(packet);
    const stamp = stampOf(packet);
    const side = senderOf(lane);
    // What was overtaken on the way says nothing of where the sender is now.
    if (!isAt(side, from) && isNewest) {
      const last = pair.moves.at(-1);
      const isBack = last !== undefined && isSame(last.from, from) && last.identity === 'continuity';
      // The session that began at the new endpoint goes on at the old one: they are one peer.
      const isProof = isBack && !isSame(lane.visited ?? lane.begunAt, from);
      if (isProof) last.identity = 'index';
      if (ahead === 1 && wasCalled(side, from, stamp)) {
        // The other side spoke to it there first, and nothing from there was missed: that one was pointed elsewhere, nobody drifted.
        side.endpoint = from;
        this.peers.enter(pair, from, otherSide(pair, side).endpoint);
      } else if (!isBack || isProof) {
        this.peers.move(pair, side, from, 'data', 'index', stamp, packet.direction === Direction.Out);
      }
      // Else a session that has been here all along: that of another peer, or on its way still. `sent` tells them apart.
    } else if (lane.visited && isNewest) {
      this.peers.goesOn(pair, side, lane.visited, stamp);
    }
    if (isNewest) lane.flow = flow;
    visit(lane, from, packet);
    const to = destinationOf(packet);
    const receiver = receiverOf(lane);
    if (isNewest) noteCalled(pair, receiver, to, stamp);
    this.peers.sent(pair, from, to, 'data', stamp);
  }

  /** The same packet again on another flow: the other leg of a NAT. */
  private repeated(lane: Lane, packet: Packet, flow: number): void {
    if (flow === lane.flow || flow === lane.otherLeg) return;
    lane.otherLeg = flow;
    this.peers.addAlias(lane.session.pair, senderOf(lane), sourceOf(packet));
    this.peers.addAlias(lane.session.pair, receiverOf(lane), destinationOf(packet));
  }

  /** Data of a session that began before the capture. Who initiated it is not known: whoever sends first is taken for it. */
  private unseenHandshake(packet: Packet): Lane {
    const from = sourceOf(packet);
    const to = destinationOf(packet);
    const index = receiverIndex(packet, WireguardType.Transport);
    const pair = this.peers.find(from, to, packet.path) ?? this.peers.begin(from, to, packet.path, false);
    const sender = isAt(pair.initiating, from) ? pair.initiating : pair.contacted;
    const waiting = this.halves.get(sender);
    const half = waiting?.pair === pair && waiting.responder === sender && waiting.initiatorIndex === null ? waiting : undefined;
    const session = half ?? this.begin(pair, sender, otherSide(pair, sender), null, null, packet);
    if (half) {
      half.initiatorIndex = index;
      this.halves.delete(sender);
    } else {
      session.responderIndex = index;
      this.halves.set(session.responder, session);
    }
    const lane = this.lane(index, session, half !== undefined, from);
    // A new session: the latest initiation was answered, where this capture does not look.
    if (counterLow(packet) < FIRST_COUNTERS) this.unanswered.heard(pair, undefined, stampOf(packet), from);
    this.countCandidate(lane, index, from, packet);
    return lane;
  }

  /** What was held back until it was sure to be WireGuard counts now. */
  private countCandidate(lane: Lane, index: number, from: FullEndpoint, packet: Packet): void {
    const candidate = this.candidates.get(index);
    if (!candidate) return;
    this.candidates.delete(index);
    for (const length of candidate.lengths) countData(lane.session, length);
    visit(lane, from, packet, candidate.lengths.length);
    if (lane.visited) lane.visited.firstFrame = candidate.frame;
    lane.session.firstFrame = Math.min(lane.session.firstFrame, candidate.frame);
  }

  /** Sessions that ran with the second peer since the supposed move are its own. */
  private rehome({ pair, side, to, stamp }: Move, own: Pair): void {
    for (const session of this.sessions.values()) {
      if (session.pair !== pair) continue;
      const isInitiator = session.initiator === side;
      const visited = isInitiator ? session.initiatorEndpoints : session.responderEndpoints;
      if (!visited.some((each) => isSame(each, to)) && session.firstFrame < stamp.frame) continue;
      session.pair = own;
      session.initiator = isInitiator ? own.initiating : own.contacted;
      session.responder = isInitiator ? own.contacted : own.initiating;
    }
  }

  private leave(session: Session): void {
    this.events.session(() => session);
    if (this.halves.get(session.responder) === session) this.halves.delete(session.responder);
    for (const index of [session.initiatorIndex, session.responderIndex]) {
      if (index === null) continue;
      const first = this.lanes.get(index);
      if (first?.session !== session) {
        for (let lane = first; lane; lane = lane.next) if (lane.next?.session === session) lane.next = lane.next.next;
      } else if (first.next) this.lanes.set(index, first.next);
      else this.lanes.delete(index);
    }
  }
}

/** The receiver is sent data where it is not; if it was there a moment ago, the sender only follows it late. */
function noteCalled({ moves }: Pair, receiver: Side, to: FullEndpoint, stamp: Stamp): void {
  if (isAt(receiver, to)) receiver.calledAt = undefined;
  else if (receiver.calledAt && isSame(receiver.calledAt.endpoint, to)) return;
  else if (moves.some((move) => isFreshMove(move, to, stamp))) receiver.calledAt = undefined;
  else receiver.calledAt = { endpoint: to, at: stamp.at };
}

const isFreshMove = ({ trigger, from, to, stamp }: Move, at: FullEndpoint, now: Stamp): boolean =>
  trigger === 'data' && now.at - stamp.at <= LATE_SEC && (isSame(from, at) || isSame(to, at));

const wasCalled = ({ calledAt }: Side, at: FullEndpoint, stamp: Stamp): boolean =>
  calledAt !== undefined && isSame(calledAt.endpoint, at) && stamp.at - calledAt.at > DISORDER_SEC;

const wrongKey = ({ initiator, responder, path }: Handshake): string => `${initiator.ip}|${endpointText(responder)}|${path}`;
const sourceOf = (packet: Packet): FullEndpoint => ({ ip: packet.sourceIp, port: packet.sourcePort });
const destinationOf = (packet: Packet): FullEndpoint => ({ ip: packet.destinationIp, port: packet.destinationPort });
